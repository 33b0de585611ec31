/*
 * Short objects.  Each is hashed as it comes and waits, whole, for others to
 * be looked up together.  Only what is not there is cut: of files that are
 * stored already nothing but the id is ever computed.
 */
#include <stdlib.h>
#include <string.h>

#include "writer-private.h"

/* --- chunks of those that are not there --- */

/* Look up and store the chunks in l->cut. */
static enum blk_status
run_cut(struct lane *l, struct fault *why)
{
	struct slice view = {
		.data = l->pending->data, .chunk = l->cut, .chunks = l->cuts
	};

	l->cuts = 0;
	return lane_run(l, &view, false, why);
}

static enum blk_status
add_cut(struct lane *l, const struct chunk *c, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (l->cut == NULL)
		l->cut = calloc(l->w->slice_chunks, sizeof(*l->cut));
	if (l->cut == NULL)
		return fault_nomem(why);
	if (l->cuts == l->w->slice_chunks)
		st = run_cut(l, why);
	if (st == BLK_OK)
		l->cut[l->cuts++] = *c;
	return st;
}

/* The n chunks, whose lengths are in l->length, of an object, and its list. */
static enum blk_status
add_chunks(struct lane *l, const struct chunk *object, size_t n,
    struct cutter *list, struct fault *why)
{
	struct chunk c = { .offset = object->offset };
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		c.len = l->length[i];
		st = hasher_of(
		    l->hash, l->pending->data + c.offset, c.len, &c.id, why);
		if (st == BLK_OK)
			st = lane_add_line(list, &c, why);
		if (st == BLK_OK)
			st = add_cut(l, &c, why);
		c.offset += c.len;
	}
	return st;
}

/* The list, unless it is there: one of other cuts, whose chunks may be gone,
 * would make what is stored now of no use. */
static enum blk_status
end_list(struct lane *l, const struct chunk *object, struct cutter *list,
    struct fault *why)
{
	const void *head;
	size_t len;
	enum blk_status st = cutter_end(list, &head, &len, why);

	if (st != BLK_OK)
		return st;
	if (object->listed && object->list == digest_xxh64(head, len)) {
		atomic_fetch_add(&l->w->objects, 1);
		return BLK_OK;
	}
	return lane_new_structure(l, &object->id, KIND_LIST, head, len, why);
}

/* An object that is not there; unless it came twice. */
static enum blk_status
cut(struct lane *l, const struct chunk *object, struct fault *why)
{
	struct writer *w = l->w;
	struct cutter *list = NULL;
	bool twice = false;
	size_t used,
	    n = lane_cut(
	        l, l->pending->data + object->offset, object->len, true, &used);
	enum blk_status st;

	if (n <= 1)
		return add_cut(l, object, why);
	if (!w->no_dedup) {
		pthread_mutex_lock(&w->lock);
		twice = writer_owns(w, &object->id, CLASS_CONTENT, NULL, NULL);
		pthread_mutex_unlock(&w->lock);
	}
	if (twice) {
		atomic_fetch_add(&w->objects, 1);
		return BLK_OK;
	}
	st = cutter_new(l->hash, lane_add_piece, l, &list, why);
	if (st == BLK_OK) {
		cutter_is_list(list);
		st = add_chunks(l, object, n, list, why);
	}
	if (st == BLK_OK)
		st = end_list(l, object, list, why);
	cutter_free(list);
	return st;
}

/* --- whole ones --- */

/* Find what is there, unless all shall be written anew. */
static enum blk_status
find(struct lane *l, struct chunk *object, size_t n, struct fault *why)
{
	if (l->w->no_dedup || l->w->new_lists)
		return BLK_OK;
	return writer_look_up_whole(l, object, n, why);
}

static enum blk_status
flush(struct lane *l, struct slice *s, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t n;

	for (size_t i = 0; st == BLK_OK && i < s->chunks; i += n) {
		n = s->chunks - i;
		if (n > WRITER_BATCH)
			n = WRITER_BATCH;
		st = find(l, s->chunk + i, n, why);
		for (size_t j = i; st == BLK_OK && j < i + n; j++) {
			const struct chunk *o = &s->chunk[j];

			if (o->found)
				atomic_fetch_add(&l->w->objects, 1);
			else
				st = cut(l, o, why);
		}
	}
	return st == BLK_OK && l->cuts > 0 ? run_cut(l, why) : st;
}

enum blk_status
lane_flush(struct lane *l, struct fault *why)
{
	struct slice *s = l->pending;
	enum blk_status st = BLK_OK;

	if (s != NULL && s->chunks > 0) {
		st = flush(l, s, why);
		s->len = s->chunks = l->cuts = 0;
	}
	return st;
}

enum blk_status
writer_flush(struct writer *w, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (unsigned i = 0; st == BLK_OK && i < w->lanes; i++)
		st = lane_flush(&w->lane[i], why);
	if (st != BLK_OK)
		writer_fail(w, st, why);
	return st;
}

/* A slice for objects to wait in, with room for one more of len bytes. */
static enum blk_status
make_room(struct lane *l, size_t len, struct fault *why)
{
	const struct writer *w = l->w;
	const struct slice *s = l->pending;

	if (s == NULL)
		return slice_new(w, &l->pending, why);
	if (s->len + len > w->slice_room || s->chunks == w->slice_chunks)
		return lane_flush(l, why);
	return BLK_OK;
}

enum blk_status
lane_room(struct lane *l, size_t len, void **room, struct fault *why)
{
	enum blk_status st = lane_enter(l, why);

	*room = NULL;
	if (st != BLK_OK)
		return st;
	if (len > WRITER_ROOM)
		st = fault(why, BLK_INVALID, "no room for %zu bytes", len);
	if (st == BLK_OK)
		st = make_room(l, len, why);
	if (st == BLK_OK)
		*room = l->pending->data + l->pending->len;
	return lane_leave(l, st, why);
}

enum blk_status
lane_put_short(struct lane *l, const uint8_t *data, size_t len,
    struct digest *id, struct fault *why)
{
	enum blk_status st = make_room(l, len, why);
	struct slice *s = l->pending;

	if (st == BLK_OK)
		st = hasher_of(l->hash, data, len, id, why);
	if (st != BLK_OK)
		return st;
	if (len > 0 && data != s->data + s->len)
		memmove(s->data + s->len, data, len);
	s->chunk[s->chunks++] = (struct chunk){
		.id = *id, .offset = (uint32_t)s->len, .len = (uint32_t)len
	};
	s->len += len;
	return BLK_OK;
}

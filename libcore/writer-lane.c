/*
 * A lane: its chunks, lists and structures.
 */
#include <stdlib.h>
#include <string.h>

#include "writer-private.h"

#define LIST_LINE 128 /* more than "d ID LENGTH\n" can take */

/* --- entering and leaving --- */

enum blk_status
lane_ready(struct lane *l, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (l->ready)
		return BLK_OK;
	if (l->length == NULL)
		l->length = calloc(l->w->slice_chunks, sizeof(*l->length));
	if (l->lookup == NULL)
		l->lookup = calloc(1, sizeof(*l->lookup));
	if (l->length == NULL || l->lookup == NULL)
		return fault_nomem(why);
	if (l->hash == NULL)
		st = hasher_new(&l->hash, why);
	if (st == BLK_OK && l->codecs == NULL)
		st = codec_state_new(&l->codecs, why);
	l->ready = st == BLK_OK;
	return st;
}

void
lane_release(struct lane *l)
{
	segment_builder_free(l->data.builder);
	segment_builder_free(l->structure.builder);
	slice_free(l->pending);
	free(l->cut);
	slice_free(l->stream.spare);
	hasher_free(l->stream.hash);
	cutter_free(l->text);
	codec_state_free(l->codecs);
	hasher_free(l->hash);
	free(l->length);
	free(l->lookup);
	pthread_mutex_destroy(&l->lock);
}

enum blk_status
lane_enter(struct lane *l, struct fault *why)
{
	enum blk_status st = writer_sound(l->w, why);

	if (st != BLK_OK)
		return st;
	pthread_mutex_lock(&l->lock);
	st = lane_ready(l, why);
	if (st != BLK_OK)
		pthread_mutex_unlock(&l->lock);
	return st;
}

enum blk_status
lane_leave(struct lane *l, enum blk_status st, const struct fault *why)
{
	pthread_mutex_unlock(&l->lock);
	if (st != BLK_OK)
		writer_fail(l->w, st, why);
	return st;
}

/* --- chunks --- */

size_t
lane_cut(
    struct lane *l, const uint8_t *data, size_t len, bool final, size_t *used)
{
	const struct writer *w = l->w;
	size_t n = 0, fixed = w->slice_room - WRITER_SLICE;

	if (!w->no_dedup)
		return chunker_run(&w->chunker, data, len, final, l->length,
		    w->slice_chunks, used);
	for (*used = 0; *used < len; *used += l->length[n++]) {
		if (len - *used < fixed && !final)
			break;
		l->length[n] =
		    (uint32_t)(len - *used < fixed ? len - *used : fixed);
	}
	return n;
}

/* Is a chunk the same as the one before?  Long runs of zeros are, and cost a
 * comparison then. */
static bool
repeats(const struct slice *s, size_t i)
{
	const struct chunk *c = &s->chunk[i];

	return i > 0 && c->len == c[-1].len &&
	    memcmp(s->data + c->offset, s->data + c[-1].offset, c->len) == 0;
}

static enum blk_status
hash_chunks(
    struct lane *l, struct slice *s, size_t first, size_t n, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = first; st == BLK_OK && i < first + n; i++) {
		struct chunk *c = &s->chunk[i];

		if (repeats(s, i))
			c->id = c[-1].id;
		else
			st = hasher_of(
			    l->hash, s->data + c->offset, c->len, &c->id, why);
	}
	return st;
}

/* Store what was not found. */
static enum blk_status
store_chunks(
    struct lane *l, struct slice *s, size_t first, size_t n, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = first; st == BLK_OK && i < first + n; i++) {
		const struct chunk *c = &s->chunk[i];

		if (!c->found)
			st = writer_fill_add(&l->data, &c->id, KIND_DATA,
			    s->data + c->offset, c->len, why);
	}
	atomic_fetch_add(&l->w->objects, n);
	return st;
}

enum blk_status
lane_run(struct lane *l, struct slice *s, bool hash, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t n;

	for (size_t i = 0; st == BLK_OK && i < s->chunks; i += n) {
		n = s->chunks - i;
		if (n > WRITER_BATCH)
			n = WRITER_BATCH;
		if (hash)
			st = hash_chunks(l, s, i, n, why);
		if (st == BLK_OK)
			st = writer_look_up(l, s->chunk + i, n, why);
		if (st == BLK_OK)
			st = store_chunks(l, s, i, n, why);
	}
	return st;
}

/* --- lists --- */

enum blk_status
lane_add_line(struct cutter *list, const struct chunk *c, struct fault *why)
{
	struct buf line = BUF_INIT(LIST_LINE);
	enum blk_status st;

	st = structure_add_data(&line, &c->id, c->len, why);
	if (st == BLK_OK)
		st = cutter_line(list, line.data, line.len, c->len, why);
	buf_release(&line);
	return st;
}

enum blk_status
lane_end_list(struct lane *l, struct cutter *list, const struct digest *id,
    struct fault *why)
{
	const void *head;
	enum blk_status st;
	size_t len;

	st = cutter_end(list, &head, &len, why);
	if (st == BLK_OK)
		st = lane_add_structure(l, id, KIND_LIST, head, len, why);
	return st;
}

/* --- objects that are there whole --- */

enum blk_status
lane_put(struct lane *l, const void *data, size_t len, struct digest *id,
    struct fault *why)
{
	uint64_t size;
	enum blk_status st;

	if (len > l->w->slice_room) {
		st = lane_begin(l, why);
		if (st == BLK_OK)
			st = lane_add(l, data, len, why);
		return st == BLK_OK ? lane_end(l, id, &size, why) : st;
	}
	st = lane_enter(l, why);
	if (st != BLK_OK)
		return st;
	atomic_fetch_add(&l->w->bytes, len);
	st = lane_put_short(l, len > 0 ? data : (const void *)"", len, id, why);
	return lane_leave(l, st, why);
}

/* --- structures --- */

static enum class class_for(enum kind kind) {
	switch (kind){
		case KIND_PIECE : return CLASS_PIECE;
		case KIND_TREE : return CLASS_TREE;
		case KIND_SNAPSHOT : return CLASS_SNAPSHOT;
		default : return CLASS_CONTENT;
	}
}

enum blk_status
lane_new_structure(struct lane *l, const struct digest *id, enum kind kind,
    const void *text, size_t len, struct fault *why)
{
	struct writer *w = l->w;
	enum blk_status st = BLK_OK;
	bool mine = true;

	atomic_fetch_add(&w->objects, 1);
	if (!w->no_dedup) {
		pthread_mutex_lock(&w->lock);
		st = writer_promise(w, id, kind, &mine, why);
		pthread_mutex_unlock(&w->lock);
	}
	if (st != BLK_OK || !mine)
		return st;
	return writer_fill_add(&l->structure, id, kind, text, len, why);
}

enum blk_status
lane_add_structure(struct lane *l, const struct digest *id, enum kind kind,
    const void *text, size_t len, struct fault *why)
{
	struct writer *w = l->w;
	enum class class = class_for(kind);
	enum blk_status st = BLK_OK;
	bool there = false;

	if (!w->no_dedup) {
		pthread_mutex_lock(&w->lock);
		there = writer_owns(w, id, class, NULL, NULL);
		pthread_mutex_unlock(&w->lock);
		if (!there && !(w->new_lists && kind == KIND_LIST))
			st = writer_reuse(w, id, class, &there, why);
	}
	if (st == BLK_OK && !there)
		return lane_new_structure(l, id, kind, text, len, why);
	atomic_fetch_add(&w->objects, there);
	return st;
}

enum blk_status
lane_add_piece(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	return lane_add_structure(arg, id, KIND_PIECE, text, len, why);
}

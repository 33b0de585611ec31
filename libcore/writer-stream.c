/*
 * Streams.  The thread that brings the bytes cuts them; the slices, and the
 * hash of the whole, go to whichever thread is free, or are worked on right
 * here.
 * Where a cut lies depends on the bytes only, so all that comes of it but the
 * frames' composition is the same whoever does the work.
 */
#include <stdlib.h>
#include <string.h>

#include "writer-private.h"

#define HELP_AFTER 4 /* slices: a short stream is one segment */

/* --- slices --- */

enum blk_status
slice_new(const struct writer *w, struct slice **out, struct fault *why)
{
	struct slice *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return fault_nomem(why);
	s->data = malloc(w->slice_room);
	s->chunk = calloc(w->slice_chunks, sizeof(*s->chunk));
	if (s->data == NULL || s->chunk == NULL) {
		slice_free(s);
		return fault_nomem(why);
	}
	*out = s;
	return BLK_OK;
}

void
slice_free(struct slice *s)
{
	struct slice *next;

	for (; s != NULL; s = next) {
		next = s->next;
		free(s->data);
		free(s->chunk);
		free(s);
	}
}

static void
spare(struct stream *t, struct slice *s)
{
	s->len = s->chunks = 0;
	s->next = t->spare;
	t->spare = s;
}

/* --- in order --- */

/* List the chunks of the slices in front that are done. */
static enum blk_status
drain(struct lane *l, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && t->first != NULL &&
	    work_is_done(&l->w->work, t->first)) {
		struct slice *s = t->first;

		for (size_t i = 0; st == BLK_OK && i < s->chunks; i++)
			st = lane_add_line(t->list, &s->chunk[i], why);
		t->first = s->next;
		if (t->first == NULL)
			t->last = &t->first;
		spare(t, s);
	}
	return st;
}

/* Bring the first slice to its end: by work on any that nobody has begun, or
 * by hashing on. */
static enum blk_status
push_on(struct lane *l, struct fault *why)
{
	struct work *k = &l->w->work;
	struct slice *s = work_take_back(k, l->stream.first);
	enum blk_status st = BLK_OK;
	bool did;

	if (s == NULL) {
		st = work_hash(k, &l->stream, &did, why);
		if (st == BLK_OK && !did)
			work_wait(k, l->stream.first);
		return st;
	}
	st = lane_run(l, s, true, why);
	work_mark(k, s, SLICE_DONE);
	return st;
}

/* An empty slice, waiting for one when there are enough of them. */
static enum blk_status
slice_take(struct lane *l, struct slice **out, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st = drain(l, why);

	while (st == BLK_OK && t->spare == NULL && t->first != NULL &&
	    t->slices >= l->w->slices_max) {
		st = push_on(l, why);
		if (st == BLK_OK)
			st = drain(l, why);
	}
	*out = t->spare;
	if (st != BLK_OK)
		return st;
	if (t->spare == NULL) {
		st = slice_new(l->w, out, why);
		t->slices += st == BLK_OK;
		return st;
	}
	t->spare = t->spare->next;
	(*out)->next = NULL;
	return BLK_OK;
}

/* --- handing on --- */

/* The lengths in l->length, as chunks of s. */
static void
note_chunks(struct lane *l, struct slice *s, size_t n)
{
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++) {
		s->chunk[i] =
		    (struct chunk){ .offset = at, .len = l->length[i] };
		at += l->length[i];
	}
	s->chunks = n;
}

/* Work on a slice, or have it worked on; what is worked on here is hashed
 * here, too, while it is in the caches. */
static enum blk_status
hand_on(struct lane *l, struct slice *s, struct fault *why)
{
	struct stream *t = &l->stream;
	struct work *k = &l->w->work;
	enum blk_status st = BLK_OK;
	bool did = true;

	work_append(k, t, s);
	if (t->handed++ >= HELP_AFTER && work_offer(l->w, s))
		return BLK_OK;
	while (st == BLK_OK && did)
		st = work_hash(k, t, &did, why);
	if (st == BLK_OK)
		st = lane_run(l, s, true, why);
	work_mark(k, s, SLICE_DONE);
	return st;
}

/* Cut what was collected; what lies behind the last cut begins the next. */
static enum blk_status
cut(struct lane *l, bool final, struct fault *why)
{
	struct slice *s = l->stream.filling, *next = NULL;
	enum blk_status st;
	size_t used;

	note_chunks(l, s, lane_cut(l, s->data, s->len, final, &used));
	st = slice_take(l, &next, why);
	if (st != BLK_OK)
		return st;
	if (s->len > used)
		memcpy(next->data, s->data + used, s->len - used);
	next->len = s->len - used;
	s->len = used;
	l->stream.filling = next;
	return hand_on(l, s, why);
}

/* From here on the stream is more than one slice. */
static enum blk_status
become_long(struct lane *l, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st;

	if (t->is_long)
		return BLK_OK;
	st = lane_flush(l, why); /* what came before lies before */
	if (st == BLK_OK && t->hash == NULL)
		st = hasher_new(&t->hash, why);
	if (st == BLK_OK)
		st = hasher_begin(t->hash, why);
	if (st == BLK_OK)
		st = cutter_new(l->hash, lane_add_piece, l, &t->list, why);
	if (st == BLK_OK)
		cutter_is_list(t->list);
	t->is_long = st == BLK_OK;
	return st;
}

/* Room behind what was collected, at least a byte. */
static enum blk_status
room_behind(struct lane *l, uint8_t **room, size_t *len, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct slice *s = l->stream.filling;

	while (st == BLK_OK && s->len == l->w->slice_room) {
		st = become_long(l, why);
		if (st == BLK_OK)
			st = cut(l, false, why);
		s = l->stream.filling;
	}
	*room = s->data + s->len;
	*len = l->w->slice_room - s->len;
	return st;
}

static enum blk_status
add(struct lane *l, const uint8_t *data, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && len > 0) {
		uint8_t *room;
		size_t n;

		st = room_behind(l, &room, &n, why);
		if (st != BLK_OK)
			break;
		if (n > len)
			n = len;
		if (data != room) /* else it was read to there */
			memcpy(room, data, n);
		l->stream.filling->len += n;
		data += n;
		len -= n;
	}
	return st;
}

/* --- the calls --- */

void
lane_forget_stream(struct lane *l)
{
	struct stream *t = &l->stream;
	struct work *k = &l->w->work;
	struct slice *left;

	while ((left = work_take_back(k, t->first)) != NULL)
		work_mark(k, left, SLICE_DONE);
	work_unhash(k, t);
	for (struct slice *s = t->first; s != NULL; s = s->next)
		work_wait(k, s);
	slice_free(t->first);
	slice_free(t->filling);
	slice_free(t->spare);
	t->first = t->filling = t->spare = NULL;
	t->last = &t->first;
	t->slices = 0;
	cutter_free(t->list);
	t->list = NULL;
	t->is_open = t->is_long = false;
}

enum blk_status
lane_begin(struct lane *l, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st = lane_enter(l, why);

	if (st != BLK_OK)
		return st;
	if (t->is_open)
		lane_forget_stream(l);
	if (t->filling == NULL)
		st = slice_take(l, &t->filling, why);
	t->is_open = st == BLK_OK;
	t->size = t->handed = 0;
	return lane_leave(l, st, why);
}

enum blk_status
lane_add(struct lane *l, const void *data, size_t len, struct fault *why)
{
	enum blk_status st = lane_enter(l, why);

	if (st != BLK_OK)
		return st;
	if (l->stream.is_open)
		st = add(l, data, len, why);
	else
		st = fault(why, BLK_INVALID, "no stream was begun");
	l->stream.size += len;
	atomic_fetch_add(&l->w->bytes, len);
	return lane_leave(l, st, why);
}

enum blk_status
lane_add_room(struct lane *l, void **room, size_t *len, struct fault *why)
{
	enum blk_status st = lane_enter(l, why);
	uint8_t *at = NULL;

	*room = NULL;
	*len = 0;
	if (st != BLK_OK)
		return st;
	if (l->stream.is_open)
		st = room_behind(l, &at, len, why);
	else
		st = fault(why, BLK_INVALID, "no stream was begun");
	*room = at;
	return lane_leave(l, st, why);
}

/* The last cuts; then all slices in order. */
static enum blk_status
end_long(struct lane *l, struct digest *id, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st = cut(l, true, why);

	while (st == BLK_OK && t->first != NULL) {
		if (!work_is_done(&l->w->work, t->first))
			st = push_on(l, why);
		if (st == BLK_OK)
			st = drain(l, why);
	}
	if (st == BLK_OK)
		st = writer_sound(l->w, why); /* the helpers' part */
	if (st == BLK_OK)
		st = hasher_end(t->hash, id, why);
	if (st == BLK_OK)
		st = lane_end_list(l, t->list, id, why);
	return st;
}

/* Keep one slice for the next stream. */
static void
close_stream(struct stream *t)
{
	cutter_free(t->list);
	t->list = NULL;
	slice_free(t->spare);
	t->spare = NULL;
	t->slices = 1;
	t->filling->len = t->filling->chunks = 0;
	t->is_open = t->is_long = false;
}

enum blk_status
lane_end(struct lane *l, struct digest *id, uint64_t *size, struct fault *why)
{
	struct stream *t = &l->stream;
	enum blk_status st = lane_enter(l, why);

	if (st != BLK_OK)
		return st;
	*size = t->size;
	if (!t->is_open)
		st = fault(why, BLK_INVALID, "no stream was begun");
	else if (t->is_long)
		st = end_long(l, id, why);
	else
		st = lane_put_short(
		    l, t->filling->data, t->filling->len, id, why);
	if (st == BLK_OK)
		close_stream(t);
	return lane_leave(l, st, why);
}

#include "reader.h"

#include <stdlib.h>

#include "reader-private.h"

/* An object of class content, found: its bytes, or the text of its list. */
struct object {
	struct reading r;
	struct reading_from from;
	struct buf bytes;
	uint64_t size;
};

static void
object_release(struct object *o)
{
	buf_release(&o->bytes);
	reading_release(&o->r);
}

/*
 * Look the object up; copy is the one that answers, kind 0: none.  ABSENT when
 * it is not counted.  To be released in any case.
 */
static enum blk_status
object_find(struct object *o, struct store *s, const struct digest *id,
    struct catalog_copy *copy, struct fault *why)
{
	const struct catalog_copy *winner;
	struct catalog_facts f;
	enum blk_status st;

	*o = (struct object){ .bytes = BUF_INIT(SEGMENT_FRAME_MAX) };
	*copy = (struct catalog_copy){ .kind = 0 };
	st = reading_init(&o->r, s, id, CLASS_CONTENT, why);
	if (st == BLK_OK)
		st = reading_root(&o->r, &f, why);
	winner = st == BLK_OK ? catalog_winner(&f, o->r.class) : NULL;
	if (winner != NULL)
		*copy = *winner;
	return st;
}

static enum blk_status
object_read(struct object *o, struct fault *why)
{
	enum blk_status st;

	st = reading_object(&o->r, &o->r.root, o->r.class, SEGMENT_FRAME_MAX,
	    &o->bytes, &o->from, why);
	if (st != BLK_OK)
		return st;
	o->size = o->bytes.len;
	if (o->from.copy.kind != KIND_LIST)
		return BLK_OK;
	st = list_size(span_of(o->bytes.data, o->bytes.len), &o->size, why);
	if (st == BLK_CORRUPT)
		reading_note(&o->r, &o->from.segment, o->from.copy.ordinal);
	return st;
}

static enum blk_status
in_object(const struct digest *id, enum blk_status st, struct fault *why)
{
	char hex[DIGEST_HEX];

	if (st != BLK_CORRUPT)
		return st;
	digest_hex(id, hex);
	return fault_in(why, st, "%s", hex);
}

enum blk_status
reader_size(
    struct store *s, const struct digest *id, uint64_t *size, struct fault *why)
{
	struct catalog_copy copy;
	struct object o;
	enum blk_status st;

	st = object_find(&o, s, id, &copy, why);
	if (st == BLK_OK && copy.kind == KIND_DATA)
		o.size = copy.length;
	else if (st == BLK_OK)
		st = object_read(&o, why);
	*size = st == BLK_OK ? o.size : 0;
	object_release(&o);
	return in_object(id, st, why);
}

/* --- content --- */

struct flow {
	struct object o;
	struct ring *ring;
	uint64_t from, to;    /* of the object, wanted */
	uint64_t at;          /* behind the chunk that was handed on last */
	struct hasher *whole; /* NULL: only a part is wanted */
	struct buf again;     /* a chunk that had to be read again */
	reader_sink *sink;
	void *arg;
};

/* Hand on what is wanted of bytes that begin at f->at. */
static enum blk_status
hand_on(struct flow *f, const uint8_t *data, size_t len, struct fault *why)
{
	uint64_t begin = f->at, end = f->at + len;
	enum blk_status st = BLK_OK;

	f->at = end;
	if (f->whole != NULL)
		st = hasher_add(f->whole, data, len, why);
	if (st != BLK_OK)
		return st;
	if (end > f->to)
		end = f->to;
	if (begin < f->from) {
		data += f->from - begin;
		begin = f->from;
	}
	return begin < end ? f->sink(f->arg, data, (size_t)(end - begin), why)
	                   : BLK_OK;
}

/* The careful way: any copy, and the reason if there is none. */
static enum blk_status
hand_on_again(struct flow *f, const struct task_chunk *c, struct fault *why)
{
	struct reading_from from;
	char hex[DIGEST_HEX];
	enum blk_status st;

	f->again.len = 0;
	st = reading_object(&f->o.r, &c->id, CLASS_DATA, SEGMENT_FRAME_MAX,
	    &f->again, &from, why);
	if (st != BLK_OK)
		return st;
	if (f->again.len == c->length)
		return hand_on(f, f->again.data, f->again.len, why);
	digest_hex(&c->id, hex);
	return fault(why, BLK_CORRUPT, "chunk %s has %zu bytes, not %u", hex,
	    f->again.len, (unsigned)c->length);
}

/* Runs of sound chunks lie together in out and are handed on together. */
static enum blk_status
deliver(void *arg, const struct task *t, struct fault *why)
{
	struct flow *f = arg;
	enum blk_status st = BLK_OK;
	size_t i = 0, run;

	while (st == BLK_OK && i < t->chunks) {
		if (!t->chunk[i].sound) {
			st = hand_on_again(f, &t->chunk[i++], why);
			continue;
		}
		run = t->chunk[i].at;
		while (i < t->chunks && t->chunk[i].sound)
			i++;
		st = hand_on(f, t->out.data + run,
		    t->chunk[i - 1].at + t->chunk[i - 1].length - run, why);
	}
	return st;
}

static enum blk_status
add_chunk(void *arg, const struct list_chunk *c, struct fault *why)
{
	struct flow *f = arg;

	if (f->at == UINT64_MAX)
		f->at = c->offset; /* the first */
	return ring_add(f->ring, c, why);
}

/* All was handed on: was it the object?  If not, its list is damaged. */
static enum blk_status
check_whole(struct flow *f, struct fault *why)
{
	struct digest found;
	enum blk_status st;

	if (f->whole == NULL)
		return BLK_OK;
	st = hasher_end(f->whole, &found, why);
	if (st != BLK_OK || digest_equal(&found, &f->o.r.root))
		return st;
	reading_note(&f->o.r, &f->o.from.segment, f->o.from.copy.ordinal);
	return fault(why, BLK_CORRUPT,
	    "the chunks are sound, but joined they do not match the id");
}

static enum blk_status
run_list(struct flow *f, unsigned jobs, struct fault *why)
{
	const struct list_walk w = { .from = f->from,
		.to = f->to,
		.size = f->o.size,
		.give = add_chunk,
		.arg = f };
	struct store *s = f->o.r.store;
	enum blk_status st = BLK_OK;

	f->at = UINT64_MAX;
	if (f->from == 0 && f->to == f->o.size) {
		st = hasher_new(&f->whole, why);
		if (st == BLK_OK)
			st = hasher_begin(f->whole, why);
	}
	if (st == BLK_OK)
		st = ring_new(store_frames(s), jobs, store_max_memory(s) / 4,
		    deliver, f, &f->ring, why);
	if (st == BLK_OK)
		st = list_walk(
		    &f->o.r, &w, span_of(f->o.bytes.data, f->o.bytes.len), why);
	if (st == BLK_OK)
		st = ring_end(f->ring, why);
	if (st == BLK_OK)
		st = check_whole(f, why);
	ring_free(f->ring);
	hasher_free(f->whole);
	return st;
}

static enum blk_status
set_range(struct flow *f, uint64_t offset, uint64_t len, struct fault *why)
{
	uint64_t size = f->o.size;

	if (offset > size || (len != READER_ALL && len > size - offset))
		return fault(why, BLK_INVALID, "the object has only %ju bytes",
		    (uintmax_t)size);
	f->from = offset;
	f->to = len == READER_ALL ? size : offset + len;
	return BLK_OK;
}

enum blk_status
reader_content(struct store *s, const struct digest *id, uint64_t offset,
    uint64_t len, unsigned jobs, reader_sink *sink, void *arg,
    struct fault *why)
{
	struct flow f = {
		.again = BUF_INIT(SEGMENT_FRAME_MAX), .sink = sink, .arg = arg
	};
	struct catalog_copy copy;
	enum blk_status st;

	st = object_find(&f.o, s, id, &copy, why);
	if (st == BLK_OK)
		st = object_read(&f.o, why);
	if (st == BLK_OK)
		st = set_range(&f, offset, len, why);
	if (st == BLK_OK)
		st = f.o.from.copy.kind == KIND_LIST
		    ? run_list(&f, jobs, why)
		    : hand_on(&f, f.o.bytes.data, f.o.bytes.len, why);
	buf_release(&f.again);
	object_release(&f.o);
	return in_object(id, st, why);
}

static enum blk_status
add_bytes(void *arg, const void *data, size_t len, struct fault *why)
{
	return buf_add(arg, data, len, why);
}

enum blk_status
reader_slurp(
    struct store *s, const struct digest *id, struct buf *b, struct fault *why)
{
	size_t before = b->len;
	enum blk_status st;
	uint64_t size;

	st = reader_size(s, id, &size, why);
	if (st == BLK_OK && (before > b->max || size > b->max - before))
		st = fault(why, BLK_INVALID,
		    "%ju bytes are more than can be taken here",
		    (uintmax_t)size);
	if (st == BLK_OK)
		st = reader_content(s, id, 0, READER_ALL, 1, add_bytes, b, why);
	if (st != BLK_OK)
		b->len = before;
	return st;
}

/* --- chunks --- */

struct tour {
	enum blk_status (*visit)(
	    void *arg, const struct reader_chunk *c, struct fault *why);
	void *arg;
};

static enum blk_status
visit_chunk(void *arg, const struct list_chunk *c, struct fault *why)
{
	const struct reader_chunk out = { c->offset, c->length, c->id,
		c->copy };
	struct tour *t = arg;

	return t->visit(t->arg, &out, why);
}

enum blk_status
reader_chunks(struct store *s, const struct digest *id,
    enum blk_status (*visit)(
        void *arg, const struct reader_chunk *c, struct fault *why),
    void *arg, struct fault *why)
{
	struct tour t = { visit, arg };
	struct list_walk w = { .exact = true, .give = visit_chunk, .arg = &t };
	struct list_chunk one = { .id = *id };
	struct object o;
	enum blk_status st;

	st = object_find(&o, s, id, &one.copy, why);
	if (st == BLK_OK && one.copy.kind != KIND_DATA)
		st = object_read(&o, why);
	if (st == BLK_OK && one.copy.kind != KIND_DATA &&
	    o.from.copy.kind == KIND_LIST) {
		w.to = w.size = o.size;
		st = list_walk(
		    &o.r, &w, span_of(o.bytes.data, o.bytes.len), why);
	} else if (st == BLK_OK) {
		if (one.copy.kind != KIND_DATA) /* its list is damaged */
			one.copy = o.from.copy;
		one.length = one.copy.length;
		st = visit_chunk(&t, &one, why);
	}
	object_release(&o);
	return in_object(id, st, why);
}

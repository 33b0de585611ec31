/*
 * Reading back what is not committed yet: for who lists names and contents
 * and is to see its own writes.
 */
#include "writer-private.h"

/* The bytes of an object at a place in own. */
static enum blk_status
read_own(struct writer *w, int64_t where, const struct digest *id,
    enum kind kind, struct buf *b, struct fault *why)
{
	const struct filled *f = &w->filled[where / WRITER_OBJECTS];
	uint32_t ordinal = (uint32_t)(where % WRITER_OBJECTS);
	const struct frames_place p = { .id = f->id, .bytes = f->bytes };
	const void *data;
	enum blk_status st;
	size_t len;

	if (f->open == NULL)
		return frames_read(
		    store_frames(w->s), &p, ordinal, id, kind, b, why);
	st = segment_peek(f->open->builder, ordinal, &data, &len, why);
	return st == BLK_OK ? buf_add(b, data, len, why) : st;
}

/* The bytes of what an own object refers to: own, or of the store. */
static enum blk_status
read_any(struct writer *w, const struct digest *id, enum class class,
    struct buf *b, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct frames_place p;
	struct catalog_facts f;
	enum blk_status st;
	enum kind kind;
	int64_t where;

	if (writer_owns(w, id, class, &kind, &where))
		return read_own(w, where, id, kind, b, why);
	st = c->type->facts(c, id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, class);
	st = copy == NULL ? BLK_ABSENT
	                  : c->type->segment_get(c, copy->seq, &seg, why);
	if (st == BLK_OK) {
		p = store_place(&seg);
		st = frames_read(store_frames(w->s), &p, copy->ordinal, id,
		    (enum kind)copy->kind, b, why);
	}
	if (st == BLK_ABSENT)
		st = fault(why, BLK_FAILED,
		    "a %s that was found is gone: it was collected meanwhile",
		    class_name(class));
	return st;
}

struct joined {
	struct writer *w;
	struct buf *b;
};

static enum blk_status
fetch(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	const struct joined *j = arg;

	return read_any(j->w, id, CLASS_PIECE, b, why);
}

static enum blk_status
join(void *arg, struct span line, struct fault *why)
{
	const struct joined *j = arg;
	struct reference r;

	if (!structure_line(line, &r) || r.class != CLASS_DATA)
		return fault(why, BLK_CORRUPT, "not a line of a list");
	return read_any(j->w, &r.id, CLASS_DATA, j->b, why);
}

/* The content that a list stands for. */
static enum blk_status
read_list(struct writer *w, int64_t where, const struct digest *id,
    struct buf *b, struct fault *why)
{
	struct joined j = { w, b };
	const struct structure_reader r = {
		.fetch = fetch, .line = join, .arg = &j
	};
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	enum blk_status st;

	st = read_own(w, where, id, KIND_LIST, &text, why);
	if (st == BLK_OK)
		st = structure_read(
		    &r, span_of((const char *)text.data, text.len), why);
	buf_release(&text);
	return st;
}

/* Data that was there, and is not stored again, though nothing counts it. */
static enum blk_status
read_found(struct writer *w, const struct digest *id, enum class class,
    struct buf *b, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	const struct catalog_copy *copy;
	struct catalog_facts f;
	enum blk_status st = c->type->facts(c, id, &f, why);

	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, class);
	if (copy == NULL || copy->kind != KIND_DATA)
		return BLK_ABSENT;
	return read_any(w, id, CLASS_DATA, b, why);
}

enum blk_status
writer_peek(struct writer *w, const struct digest *id, enum class class,
    struct buf *b, struct fault *why)
{
	enum blk_status st = writer_sound(w, why);
	enum kind kind;
	int64_t where;

	if (st == BLK_OK)
		st = writer_flush(w, why);
	if (st != BLK_OK)
		return st;
	if (!writer_owns(w, id, class, &kind, &where))
		return read_found(w, id, class, b, why);
	if (kind == KIND_LIST)
		return read_list(w, where, id, b, why);
	return read_own(w, where, id, kind, b, why);
}

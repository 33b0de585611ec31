/*
 * The lines of structures.
 */
#include "reader-private.h"

struct text {
	struct reading r;
	enum blk_status (*line)(void *arg, struct span line, struct fault *why);
	void *arg;
};

static enum blk_status
fetch(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	struct text *t = arg;

	return reading_piece(&t->r, id, b, why);
}

static enum blk_status
pass_on(void *arg, struct span line, struct fault *why)
{
	struct text *t = arg;

	return t->line(t->arg, line, why);
}

static enum blk_status
read_all(struct text *t, struct fault *why)
{
	const struct structure_reader lines = {
		.fetch = fetch, .line = pass_on, .arg = t
	};
	size_t max =
	    t->r.class == CLASS_PIECE ? STRUCTURE_PIECE_MAX : STRUCTURE_MAX;
	struct buf top = BUF_INIT(SEGMENT_FRAME_MAX);
	struct reading_from from;
	struct catalog_facts f;
	enum blk_status st;

	st = reading_root(&t->r, &f, why);
	if (st == BLK_OK)
		st = reading_object(&t->r, &t->r.root, t->r.class,
		    t->r.class == CLASS_CONTENT ? SEGMENT_FRAME_MAX : max, &top,
		    &from, why);
	if (st == BLK_OK && from.copy.kind == KIND_DATA)
		st = fault(why, BLK_INVALID, "is data, not a structure");
	if (st == BLK_OK)
		st = structure_read(&lines, span_of(top.data, top.len), why);
	buf_release(&top);
	return st;
}

enum blk_status
reader_lines(struct store *s, const struct digest *id, enum class class,
    enum blk_status (*line)(void *arg, struct span line, struct fault *why),
    void *arg, struct fault *why)
{
	struct text t = { .line = line, .arg = arg };
	char hex[DIGEST_HEX];
	enum blk_status st;

	if (class == CLASS_DATA)
		return fault(why, BLK_INVALID, "data has no lines");
	st = reading_init(&t.r, s, id, class, why);
	if (st == BLK_OK)
		st = read_all(&t, why);
	reading_release(&t.r);
	if (st != BLK_CORRUPT)
		return st;
	digest_hex(id, hex);
	return fault_in(why, st, "%s %s", class_name(class), hex);
}

static enum blk_status
add_line(void *arg, struct span line, struct fault *why)
{
	struct buf *b = arg;
	enum blk_status st = buf_reserve(b, line.len + 1, why);

	if (st == BLK_OK)
		st = buf_add(b, line.p, line.len, why);
	return st == BLK_OK ? buf_add_u8(b, '\n', why) : st;
}

enum blk_status
reader_text(struct store *s, const struct digest *id, enum class class,
    struct buf *b, struct fault *why)
{
	size_t before = b->len;
	enum blk_status st;

	st = reader_lines(s, id, class, add_line, b, why);
	if (st != BLK_OK)
		b->len = before;
	return st;
}

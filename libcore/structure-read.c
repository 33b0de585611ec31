#include "structure.h"

#include <inttypes.h>

struct sums {
	uint64_t lines, bytes;
};

struct reading {
	const struct structure_reader *r;
	struct buf piece[STRUCTURE_DEPTH]; /* the one read at each level */
	enum { ANY, LIST, OTHER } leaves;  /* all of one sort */
};

static enum blk_status read_text(struct reading *s, unsigned depth,
    struct span text, struct sums *sums, struct fault *why);

static enum blk_status
not_a_line(struct fault *why)
{
	return fault(why, BLK_CORRUPT, "not a line of this text");
}

static bool
add_sums(struct sums *sums, uint64_t lines, uint64_t bytes)
{
	return !__builtin_add_overflow(sums->lines, lines, &sums->lines) &&
	    !__builtin_add_overflow(sums->bytes, bytes, &sums->bytes);
}

/* Fetch the piece that a 'p' line refers to, at this level, and read it. */
static enum blk_status
read_piece(struct reading *s, unsigned depth, const struct reference *r,
    struct fault *why)
{
	struct sums found = { 0, 0 };
	char hex[DIGEST_HEX];
	enum blk_status st;
	struct buf *b;

	if (depth >= STRUCTURE_DEPTH)
		return fault(
		    why, BLK_CORRUPT, "heads of heads, %u deep", depth);
	b = &s->piece[depth];
	b->len = 0;
	st = s->r->fetch(s->r->arg, &r->id, b, why);
	if (st != BLK_OK)
		return st;
	st = read_text(s, depth + 1, span_of(b->data, b->len), &found, why);
	if (st != BLK_OK)
		return st;
	if (found.lines == r->lines && found.bytes == r->size)
		return BLK_OK;
	digest_hex(&r->id, hex);
	return fault(why, BLK_CORRUPT,
	    "piece %s has %" PRIu64 " lines, %" PRIu64 " bytes, not %" PRIu64
	    ", %" PRIu64,
	    hex, found.lines, found.bytes, r->lines, r->size);
}

static enum blk_status
read_head_line(struct reading *s, unsigned depth, struct span line,
    struct sums *sums, struct fault *why)
{
	struct reference r;

	if (!structure_line(line, &r) || r.class != CLASS_PIECE ||
	    !add_sums(sums, r.lines, r.size))
		return not_a_line(why);
	if (s->r->skip != NULL && s->r->skip(s->r->arg, &r))
		return BLK_OK;
	return read_piece(s, depth, &r, why);
}

static enum blk_status
read_leaf_line(
    struct reading *s, struct span line, struct sums *sums, struct fault *why)
{
	bool list = span_starts(line, "d ");
	uint64_t bytes = line.len + 1;
	struct reference r;

	if (s->leaves == ANY)
		s->leaves = list ? LIST : OTHER;
	if (list != (s->leaves == LIST) || span_starts(line, "p "))
		return not_a_line(why);
	if (list) {
		if (!structure_line(line, &r))
			return not_a_line(why);
		bytes = r.size;
	}
	if (!add_sums(sums, 1, bytes))
		return not_a_line(why);
	return s->r->line(s->r->arg, line, why);
}

static enum blk_status
read_text(struct reading *s, unsigned depth, struct span text,
    struct sums *sums, struct fault *why)
{
	bool head = span_starts(text, "p "), bad = false;
	enum blk_status st = BLK_OK;
	struct span line;

	while (st == BLK_OK && text_line(&text, &line, &bad)) {
		if (line.len >= STRUCTURE_LINE_MAX)
			st = not_a_line(why);
		else if (head)
			st = read_head_line(s, depth, line, sums, why);
		else
			st = read_leaf_line(s, line, sums, why);
	}
	if (st == BLK_OK && bad)
		st = fault(why, BLK_CORRUPT, "the last line is cut off");
	return st;
}

enum blk_status
structure_read(
    const struct structure_reader *r, struct span text, struct fault *why)
{
	struct reading s = { .r = r, .leaves = ANY };
	struct sums sums = { 0, 0 };
	enum blk_status st;

	for (unsigned i = 0; i < STRUCTURE_DEPTH; i++)
		s.piece[i].max = STRUCTURE_PIECE_MAX;
	st = read_text(&s, 0, text, &sums, why);
	for (unsigned i = 0; i < STRUCTURE_DEPTH; i++)
		buf_release(&s.piece[i]);
	return st;
}

#include "structure.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_LINE 128 /* more than "p ID LINES BYTES\n" can take */

/* What a piece stands for. */
struct piece {
	uint64_t lines, bytes;
	size_t rows; /* lines of its own text */
	size_t len;  /* bytes of its own text */
};

/*
 * One text: that of the caller, or the head of the level before.  While it
 * may turn out to be short enough to stay whole, all of it is in text and
 * the pieces in front are noted in full[]; from then on only the piece that
 * is being filled is there.
 */
struct level {
	struct buf text;
	struct piece *full;
	size_t fulls, cap;
	struct piece open; /* the last open.len bytes of text */
	bool cutting;      /* the text is too long to stay whole */
};

struct cutter {
	struct hasher *hash;
	structure_emit *emit;
	void *arg;
	size_t whole;  /* a longer text is cut */
	unsigned bits; /* that end a piece */
	/* The last can only be what fits: a reader goes no deeper. */
	struct level level[STRUCTURE_DEPTH + 1];
};

static enum blk_status add(struct cutter *c, unsigned depth, const void *line,
    size_t len, uint64_t lines, uint64_t bytes, struct fault *why);

enum blk_status
cutter_new(struct hasher *hash, structure_emit *emit, void *arg,
    struct cutter **out, struct fault *why)
{
	struct cutter *c = calloc(1, sizeof(*c));

	*out = c;
	if (c == NULL)
		return fault_nomem(why);
	c->hash = hash;
	c->emit = emit;
	c->arg = arg;
	c->whole = STRUCTURE_MAX;
	c->bits = STRUCTURE_CUT_BITS;
	for (unsigned i = 0; i <= STRUCTURE_DEPTH; i++)
		c->level[i].text.max = STRUCTURE_PIECE_MAX;
	return BLK_OK;
}

void
cutter_is_list(struct cutter *c)
{
	c->whole = STRUCTURE_LIST_MAX;
	c->bits = STRUCTURE_LIST_CUT_BITS;
}

void
cutter_free(struct cutter *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i <= STRUCTURE_DEPTH; i++) {
		buf_release(&c->level[i].text);
		free(c->level[i].full);
	}
	free(c);
}

/* Give a piece away, and add its line to the head. */
static enum blk_status
give(struct cutter *c, unsigned depth, const uint8_t *text,
    const struct piece *p, struct fault *why)
{
	struct buf line = BUF_INIT(PIECE_LINE);
	struct digest id;
	enum blk_status st;

	st = hasher_of(c->hash, text, p->len, &id, why);
	if (st == BLK_OK)
		st = c->emit(c->arg, &id, text, p->len, why);
	if (st == BLK_OK)
		st = structure_add_piece(&line, &id, p->lines, p->bytes, why);
	if (st == BLK_OK)
		st = add(
		    c, depth + 1, line.data, line.len, p->lines, p->bytes, why);
	buf_release(&line);
	return st;
}

/* The text is too long to stay whole: give away what was noted. */
static enum blk_status
begin_cutting(struct cutter *c, unsigned depth, struct fault *why)
{
	struct level *l = &c->level[depth];
	enum blk_status st = BLK_OK;
	size_t at = 0;

	if (depth == STRUCTURE_DEPTH)
		return fault(why, BLK_INVALID, "text is too long");
	l->cutting = true;
	for (size_t i = 0; i < l->fulls && st == BLK_OK; i++) {
		st = give(c, depth, l->text.data + at, &l->full[i], why);
		at += l->full[i].len;
	}
	if (at > 0)
		memmove(l->text.data, l->text.data + at, l->open.len);
	l->text.len = l->open.len;
	free(l->full);
	l->full = NULL;
	l->fulls = 0;
	return st;
}

/* The open piece is full. */
static enum blk_status
end_piece(struct cutter *c, unsigned depth, struct fault *why)
{
	struct level *l = &c->level[depth];
	void *items = l->full;
	enum blk_status st;

	if (l->cutting) {
		st = give(c, depth, l->text.data, &l->open, why);
		l->text.len = 0;
	} else {
		st = array_grow(
		    &items, l->fulls, &l->cap, sizeof(*l->full), why);
		l->full = items;
		if (st == BLK_OK)
			l->full[l->fulls++] = l->open;
	}
	l->open = (struct piece){ 0 };
	return st;
}

/* Does the open piece end behind this line? */
static enum blk_status
ends_behind(struct cutter *c, const struct piece *open, const void *line,
    size_t len, bool *end, struct fault *why)
{
	struct digest id;
	enum blk_status st;

	*end = open->rows >= STRUCTURE_LINES_MAX;
	if (*end || open->rows < STRUCTURE_LINES_MIN)
		return BLK_OK;
	st = hasher_of(c->hash, line, len, &id, why);
	_Static_assert(STRUCTURE_LIST_CUT_BITS >= 8 && STRUCTURE_CUT_BITS <= 16,
	    "a byte and some bits of the next");
	*end = st == BLK_OK && id.byte[0] == 0 &&
	    id.byte[1] >> (16 - c->bits) == 0;
	return st;
}

static enum blk_status
add(struct cutter *c, unsigned depth, const void *line, size_t len,
    uint64_t lines, uint64_t bytes, struct fault *why)
{
	struct level *l = &c->level[depth];
	enum blk_status st = BLK_OK;
	bool end;

	if (l->open.len + len > STRUCTURE_PIECE_MAX)
		st = end_piece(c, depth, why);
	if (st == BLK_OK && bytes > UINT64_MAX - l->open.bytes)
		st = fault(why, BLK_INVALID, "text is too long");
	if (st == BLK_OK)
		st = buf_add(&l->text, line, len, why);
	if (st != BLK_OK)
		return st;
	l->open.rows++;
	l->open.len += len;
	l->open.lines += lines;
	l->open.bytes += bytes;
	if (!l->cutting && l->text.len > c->whole) {
		st = begin_cutting(c, depth, why);
		if (st != BLK_OK)
			return st;
	}
	st = ends_behind(c, &l->open, line, len, &end, why);
	if (st == BLK_OK && end)
		st = end_piece(c, depth, why);
	return st;
}

enum blk_status
cutter_line(struct cutter *c, const void *line, size_t len, uint64_t covers,
    struct fault *why)
{
	const char *p = line;

	if (len == 0 || len > STRUCTURE_LINE_MAX ||
	    memchr(p, '\n', len) != p + len - 1)
		return fault(why, BLK_INVALID, "not a line");
	if (span_starts(span_of(p, len), "p "))
		return fault(why, BLK_INVALID, "a line of a head");
	return add(c, 0, line, len, 1, covers, why);
}

enum blk_status
cutter_end(struct cutter *c, const void **head, size_t *len, struct fault *why)
{
	struct level *l = c->level;
	enum blk_status st;

	for (unsigned i = 0; l->cutting; i++, l++) {
		st = l->open.len > 0 ? end_piece(c, i, why) : BLK_OK;
		if (st != BLK_OK)
			return st;
	}
	*head = l->text.len > 0 ? (const void *)l->text.data : "";
	*len = l->text.len;
	return BLK_OK;
}

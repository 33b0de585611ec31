/*
 * Structures, whole or line by line.  A cutter holds at most STRUCTURE_MAX
 * bytes of a text and the pieces that are not complete: of a directory of
 * a million entries not all lines are held at once.
 */
#include "writer-private.h"

static enum blk_status
check_kind(enum kind kind, struct fault *why)
{
	if (kind == KIND_TREE || kind == KIND_SNAPSHOT)
		return BLK_OK;
	return fault(
	    why, BLK_INVALID, "a %s is not stored so", kind_name(kind));
}

static enum blk_status
store_head(struct lane *l, enum kind kind, const void *head, size_t len,
    struct digest *id, struct fault *why)
{
	enum blk_status st = hasher_of(l->hash, head, len, id, why);

	return st == BLK_OK ? lane_add_structure(l, id, kind, head, len, why)
	                    : st;
}

static enum blk_status
begin(struct lane *l, struct fault *why)
{
	cutter_free(l->text);
	l->text = NULL;
	return cutter_new(l->hash, lane_add_piece, l, &l->text, why);
}

static enum blk_status
end(struct lane *l, enum kind kind, struct digest *id, struct fault *why)
{
	const void *head = NULL;
	size_t len = 0;
	enum blk_status st = cutter_end(l->text, &head, &len, why);

	if (st == BLK_OK)
		st = store_head(l, kind, head, len, id, why);
	cutter_free(l->text);
	l->text = NULL;
	return st;
}

/* A text of more than STRUCTURE_MAX bytes: cut, line by line. */
static enum blk_status
add_long(struct lane *l, enum kind kind, const char *text, size_t len,
    struct digest *id, struct fault *why)
{
	const char *stop = text + len;
	enum blk_status st = begin(l, why);

	while (st == BLK_OK && text < stop) {
		const char *lf = memchr(text, '\n', (size_t)(stop - text));
		size_t n = (size_t)((lf != NULL ? lf + 1 : stop) - text);

		st = cutter_line(l->text, text, n, n, why);
		text += n;
	}
	return st == BLK_OK ? end(l, kind, id, why) : st;
}

enum blk_status
lane_structure(struct lane *l, enum kind kind, const void *text, size_t len,
    struct digest *id, struct fault *why)
{
	enum blk_status st = check_kind(kind, why);

	if (st == BLK_OK)
		st = lane_enter(l, why);
	if (st != BLK_OK)
		return st;
	st = len > STRUCTURE_MAX
	    ? add_long(l, kind, text, len, id, why)
	    : store_head(l, kind, len > 0 ? text : "", len, id, why);
	return lane_leave(l, st, why);
}

enum blk_status
lane_text_begin(struct lane *l, struct fault *why)
{
	enum blk_status st = lane_enter(l, why);

	return st == BLK_OK ? lane_leave(l, begin(l, why), why) : st;
}

enum blk_status
lane_text_line(struct lane *l, struct span line, struct fault *why)
{
	enum blk_status st = lane_enter(l, why);

	if (st != BLK_OK)
		return st;
	st = l->text != NULL
	    ? cutter_line(l->text, line.p, line.len, line.len, why)
	    : fault(why, BLK_INVALID, "no text was begun");
	return lane_leave(l, st, why);
}

enum blk_status
lane_text_end(
    struct lane *l, enum kind kind, struct digest *id, struct fault *why)
{
	enum blk_status st = check_kind(kind, why);

	if (st == BLK_OK)
		st = lane_enter(l, why);
	if (st != BLK_OK)
		return st;
	st = l->text != NULL ? end(l, kind, id, why)
	                     : fault(why, BLK_INVALID, "no text was begun");
	return lane_leave(l, st, why);
}

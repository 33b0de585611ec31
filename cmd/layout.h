/*
 * layout.h - rows of text, after a template or as an aligned table.
 *
 * The text half of output.h; commands do not use it themselves.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "output.h"

/* The value of a field; text NULL: none, which shows as empty. */
struct layout_cell {
	char *text;
	size_t len;
};

struct layout; /* opaque */

/*
 * Parse o->format, or o->columns where that is NULL.
 *
 * Returns:   BLK_OK, BLK_INVALID, BLK_FAILED.
 * Ownership: *out is the caller's, to layout_free; NULL on failure.  o is
 *            borrowed until then.
 */
MUST_USE enum blk_status layout_new(
    const struct output_options *o, struct layout **out, struct fault *why);
void layout_free(struct layout *l);

/* The place of a field in o->field and so in a row, or -1. */
int layout_field(const struct output_options *o, const char *name, size_t len);

/* Are sizes and times for people?  True for a table. */
bool layout_is_table(const struct layout *l);

/*
 * Write a row, cell[i] being the value of o->field[i]; a table copies what it
 * holds back until it knows how wide its columns are.  Write errors are left
 * to ferror(o->file).
 *
 * Returns: BLK_OK, or BLK_FAILED when memory ran out.
 */
MUST_USE enum blk_status layout_row(
    struct layout *l, const struct layout_cell *cell, struct fault *why);

/* Write what is held back. */
void layout_flush(struct layout *l);

#endif

/*
 * Structure that refers to what it should: is it also in the one spelling
 * that its kind has?
 *
 * Whoever wrote it otherwise, the medium did not; readers refuse it, and a
 * repair has nothing to put in its place.  Commits, checkpoints and versions
 * are read in full wherever they are read.
 */
#include <string.h>

#include "check-private.h"
#include "snapshot.h"
#include "tree.h"

/* The lines of a tree, or of a piece of one. */
static enum blk_status
read_tree(struct span rest, struct fault *why)
{
	struct tree_scratch scratch = TREE_SCRATCH_INIT;
	struct tree_order order = { .len = 0 };
	enum blk_status st = BLK_OK;
	struct tree_entry e;
	struct span line;
	bool bad = false;

	while (st == BLK_OK && text_line(&rest, &line, &bad)) {
		st = tree_parse(line, &scratch, &e, why);
		if (st == BLK_OK)
			st = tree_order_next(&order, e.name, why);
	}
	tree_scratch_release(&scratch);
	return st;
}

static enum blk_status
read_snapshot(struct span text, struct fault *why)
{
	struct snapshot snapshot;
	enum blk_status st = snapshot_parse(text, &snapshot, why);

	snapshot_release(&snapshot);
	return st;
}

enum blk_status
check_spelling(struct check *c, const struct digest *id, enum kind kind,
    struct span text, struct fault *why)
{
	enum blk_status st = BLK_OK;

	/* A head's lines were looked at in full. */
	if (text.len == 0 || span_starts(text, "p "))
		return BLK_OK;
	if (kind == KIND_SNAPSHOT)
		st = read_snapshot(text, why);
	else if (kind == KIND_TREE ||
	    (kind == KIND_PIECE && memchr("FDLPCB", text.p[0], 6) != NULL))
		st = read_tree(text, why);
	if (st != BLK_CORRUPT)
		return st;
	check_say(c, CHECK_OBJECT, kind_name(kind), id, why->text);
	return BLK_OK;
}

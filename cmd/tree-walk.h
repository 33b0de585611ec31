/*
 * tree-walk.h - a way through a tree and all below it, entry by entry, in the
 * order of tree_compare_paths; who walks decides what to go into.
 *
 *	st = tree_walk_open(&w, s, &tree, why);
 *	while (st == BLK_OK && (st = tree_walk_next(&w, why)) == BLK_OK)
 *		if (w.e.type == TREE_DIR && ...)
 *			st = tree_walk_enter(&w, why);
 *	st is BLK_ABSENT at the end
 *	tree_walk_release(&w);
 *
 * Memory: the texts of the directories that the walk is in.
 */
#ifndef TREE_WALK_H
#define TREE_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "digest.h"
#include "fault.h"
#include "store.h"
#include "text.h"
#include "tree.h"

struct tree_walk_dir {
	struct digest id;
	struct buf text;
	size_t at;       /* of the next line in text */
	size_t path_len; /* with the '/' at the end; 0 of the root */
	struct tree_order order;
};

struct tree_walk {
	struct store *s;
	struct tree_walk_dir *dir; /* from the root to where it is */
	size_t depth, cap;
	struct tree_entry e; /* borrowed until the next call */
	struct buf path;     /* of e: "a/b"; a NUL behind it */
	struct tree_scratch scratch;
};

/*
 * Begin at a tree.  The walk is the caller's to release, whatever this
 * returns: as tree_walk_enter.
 */
MUST_USE enum blk_status tree_walk_open(struct tree_walk *w, struct store *s,
    const struct digest *tree, struct fault *why);
void tree_walk_release(struct tree_walk *w);

/*
 * On to the next entry, in w->e and w->path.
 *
 * Returns: BLK_OK; BLK_ABSENT: that was all; BLK_CORRUPT: the rest of a
 *          directory cannot be understood, w->path names it; the next call
 *          goes on behind it; BLK_FAILED.
 */
MUST_USE enum blk_status tree_walk_next(struct tree_walk *w, struct fault *why);

/*
 * Go into w->e, a directory.
 *
 * Returns: BLK_OK; BLK_CORRUPT: it is damaged or not there, and the next call
 *          of tree_walk_next goes on behind it; BLK_FAILED.
 */
MUST_USE enum blk_status tree_walk_enter(
    struct tree_walk *w, struct fault *why);

#endif

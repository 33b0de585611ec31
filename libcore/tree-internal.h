/*
 * tree-internal.h - what formatting and parsing a line have in common.
 */
#ifndef TREE_INTERNAL_H
#define TREE_INTERNAL_H

#include <stdbool.h>

#include "tree.h"

static inline bool
tree_has_id(enum tree_type t)
{
	return t == TREE_FILE || t == TREE_DIR;
}

static inline bool
tree_is_device(enum tree_type t)
{
	return t == TREE_CHAR || t == TREE_BLOCK;
}

/* What no line may say about e, NULL when nothing is wrong; root: it stands
 * in no tree and has no name. */
const char *tree_fault_of(const struct tree_entry *e, bool root);

#endif

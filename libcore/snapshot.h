/*
 * snapshot.h - the record of a backup: what was taken, when, and how it went.
 *
 * A snapshot is text (blk-store(5)): the tree, what the root directory itself
 * is like (it stands in no tree), what was asked for, counts, the names of
 * owners, what could not be read and what moved meanwhile.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "text.h"
#include "tree.h"

#define SNAPSHOT_STRING_MAX 65536 /* bytes of any string of a snapshot */

/* Any number of strings from malloc, for snapshot_list_add. */
struct snapshot_list {
	char **item;
	size_t count, cap;
};

struct snapshot_owner {
	uint32_t number;
	char *name;
};

struct snapshot_owners { /* sorted by number, numbers unique */
	struct snapshot_owner *item;
	size_t count, cap;
};

struct snapshot_error {
	char *path, *reason;
};

struct snapshot_errors {
	struct snapshot_error *item;
	size_t count, cap;
};

/*
 * Strings are owned, from malloc, and hold no NUL.  All zero is an empty one.
 * root: what the "root" line says, "MODE UID GID MTIME [KEY=VALUE ...]", as
 * tree_format_root made it and tree_parse_root takes it.
 */
struct snapshot {
	struct digest tree;
	char *root;
	char *name, *host;
	struct snapshot_list path; /* at least one, in the order given */
	int64_t start, end;        /* ns since 1970 */
	struct snapshot_list tag;  /* sorted, unique */
	uint64_t files, dirs, others;
	uint64_t bytes; /* of the files */
	struct snapshot_owners user, group;
	struct snapshot_errors error; /* could not be read */
	struct snapshot_list changed; /* still moved when read again */
	struct snapshot_list extra;   /* whole lines that begin with "x-" */
};

void snapshot_release(struct snapshot *s); /* empty again */

/*
 * Add copies.  Owners and tags are put in their place; a tag or owner that
 * is there already is left as it is.  BLK_OK, BLK_INVALID (a NUL, too long),
 * or BLK_FAILED.
 */
MUST_USE enum blk_status snapshot_list_add(
    struct snapshot_list *l, struct span text, struct fault *why);
MUST_USE enum blk_status snapshot_add_tag(
    struct snapshot *s, struct span tag, struct fault *why);
MUST_USE enum blk_status snapshot_add_owner(struct snapshot_owners *o,
    uint32_t number, struct span name, struct fault *why);
/* Paths of any length: what is too long is said in part. */
MUST_USE enum blk_status snapshot_add_error(struct snapshot *s,
    struct span path, struct span reason, struct fault *why);
MUST_USE enum blk_status snapshot_add_changed(
    struct snapshot *s, struct span path, struct fault *why);

/*
 * Append the text, unknown lines last.  BLK_INVALID when a part is missing
 * or cannot be said; b is as before unless BLK_OK.
 */
MUST_USE enum blk_status snapshot_format(
    const struct snapshot *s, struct buf *b, struct fault *why);

/*
 * Read a text.
 *
 * Returns:   BLK_OK; BLK_CORRUPT for a text that snapshot_format would not
 *            have written (but for unknown lines, which may stand anywhere
 *            below the first); BLK_FAILED, also for a version above 1
 *            ("needs a newer blk").
 * Ownership: *s is the caller's to release; empty on failure.
 */
MUST_USE enum blk_status snapshot_parse(
    struct span text, struct snapshot *s, struct fault *why);

#endif

/*
 * restore.h - trees back to a file system, exactly.
 *
 * The tree is walked by one thread, which makes directories (0700 until all
 * that lies in them is there), looks at what stands in the target already,
 * and collects files in windows: so many bytes that all of them fit into
 * memory.  The chunks of a window are sorted by segment and frame; workers
 * take a frame each, decode it once, and put together, verify and write the
 * files whose last chunk it held.  Long files go through the reader instead,
 * one at a time, and so does what is damaged, missing or not found.
 *
 * A file has no name until it is whole (O_TMPFILE; a temporary name where the
 * file system has none), so that a restore that is killed leaves no part of a
 * file behind.  Nothing is synced: a restore can be repeated, and then writes
 * only what is not there yet.
 *
 * Nothing outside the target is touched, whatever the tree says and whoever
 * else writes into the target: all goes by descriptors of directories and
 * single names, links are never followed, what a descriptor is is asked of
 * the descriptor, and an inode that has other names is never changed in
 * place.
 *
 * Memory: about half of max_memory, besides what the store's caches take; of
 * a tree, only the directories on the way to where the walk is are held.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "filter.h"
#include "store.h"
#include "text.h"
#include "tree.h"

enum restore_overwrite {
	RESTORE_IF_CHANGED, /* a file of equal size and time is left alone */
	RESTORE_ALWAYS,
	RESTORE_IF_NEWER, /* only where the tree's is newer */
	RESTORE_NEVER,    /* what is there stays as it is */
};

enum restore_action {
	RESTORE_MADE,
	RESTORE_REPLACED, /* something else stood there */
	RESTORE_UPDATED,  /* its owner, mode, time or attributes */
	RESTORE_KEPT,     /* was as it should be, or was not to be touched */
	RESTORE_DELETED,
};

struct restore_totals { /* atomic: a progress thread may read them */
	uint64_t files, dirs, others, links; /* as they should be */
	uint64_t kept;                       /* of these, not touched */
	uint64_t deleted;
	uint64_t bytes;   /* of the files */
	uint64_t written; /* of these, written */
	uint64_t problems;
};

struct restore_options {
	const char *target; /* made, 0700, if it does not exist */
	const struct filter *include, *exclude; /* or NULL */
	/* The directory that the snapshot is of, "srv/data", for filters. */
	struct span above;
	enum restore_overwrite overwrite;
	bool delete_others; /* what is in the target but not in the tree; what
	                     * the filters leave out stays */
	/*
	 * Set owners, by number, and what only counts with them: setuid and
	 * setgid bits, attributes other than "user.".  Without it these bits
	 * stay only where the owner is right anyway.
	 */
	bool same_owner;
	bool devices; /* make devices; else they are a problem */
	bool verify;  /* look at the bytes of what is left alone, and read
	               * back what was written */
	bool sparse;  /* leave holes where 32 KiB or more are zero */
	bool dry_run; /* change nothing; item says what would be done */
	unsigned jobs;
	uint64_t max_memory;

	/*
	 * All of these are called in the thread of restore_tree, and may be
	 * NULL.  Paths are inside the snapshot.
	 *
	 * problem: an item could not be restored, or not in full.
	 * stop:    asked now and then: true ends the run with BLK_BUSY.
	 */
	void (*problem)(void *arg, struct span path, const char *reason);
	void (*item)(void *arg, enum restore_action what, struct span path);
	bool (*stop)(void *arg);
	void *arg;
	struct restore_totals *totals; /* or NULL */
};

/* What to restore. */
struct restore_source {
	/*
	 * A directory: its content goes into the target, which gets its
	 * owner, mode, time and attributes, unless bare.  Anything else
	 * becomes TARGET/NAME.
	 */
	const struct tree_entry *entry;
	bool bare;
	struct span path; /* where it is inside the snapshot; "": the root */
};

/*
 * Restore, calling problem for each item that cannot be: totals->problems
 * tells whether the restore is complete.
 *
 * Returns: BLK_OK; BLK_BUSY: stopped; BLK_CORRUPT: something is damaged or
 *          missing in the store, all else was restored; BLK_ABSENT: the tree
 *          is not there, or no longer; BLK_INVALID: an option, or the target
 *          is no directory; BLK_FAILED: the store failed, or the target is
 *          full, read-only or cannot be made.
 */
MUST_USE enum blk_status restore_tree(struct store *s,
    const struct restore_source *source, const struct restore_options *o,
    struct fault *why);

#endif

/*
 * backup.h - takes a snapshot: a walk, its files and trees into a store, and
 * a version of a name that names them.
 *
 * The walker hands directories, in path order, to workers that run to
 * completion: each reads, cuts, hashes, looks up and compresses into segments
 * of its own.  Unchanged files cost the walk one look.  The scan cache of the
 * last run is used only while the tree that it describes is referenced (R5).
 */
#ifndef BACKUP_H
#define BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "filter.h"
#include "scan.h"
#include "store.h"
#include "writer.h"

/* Of what is in the tree, as far as directories are complete; what was left
 * out counts as a problem only.  Atomic: a progress thread may read them. */
struct backup_totals {
	/* new, changed, known (if need be only after it was read): as
	 * compared with the scan cache */
	uint64_t files_new, files_changed, files_known, files_read;
	uint64_t dirs_new, dirs_changed, dirs_known;
	uint64_t others; /* links, fifos, devices */
	uint64_t bytes;  /* of all files */
	uint64_t bytes_read;
	uint64_t problems; /* that make the backup incomplete */
};

struct backup_options {
	const char *name;        /* of the version */
	const char *host;        /* NULL: this one */
	const char *const *path; /* as given */
	size_t paths;
	const char *const *tag;
	size_t tags;
	const struct filter *filter; /* or NULL */
	bool one_file_system;
	bool privileged_xattrs;
	bool force; /* read everything again */
	bool skip_if_unchanged;
	bool dry_run;  /* walk, count what would be read; store nothing */
	unsigned jobs; /* workers, 1.. */
	uint64_t max_memory;
	const char *cache_dir; /* of blk; NULL: no scan cache */

	/* Called for what was left out or still changing, by one thread at
	 * a time. */
	void (*problem)(void *arg, enum scan_problem what, struct span path,
	    const char *reason);
	/* Asked now and then: true ends the run with BLK_BUSY. */
	bool (*stop)(void *arg);
	void *arg;
	struct backup_totals *totals; /* or NULL: own ones */
};

struct backup_result {
	struct digest snapshot, tree, vid;
	uint64_t number; /* of the version; 0: none was made */
	bool unchanged;  /* the tree is that of the version before */
	struct backup_totals totals;
	struct writer_totals written;
	int64_t start, end; /* ns */
};

/*
 * Returns: BLK_OK: the snapshot is durable; totals.problems tells whether it
 *          is complete.  BLK_ABSENT: the only path does not exist or may
 *          not be opened, and nothing else was tried; BLK_INVALID;
 *          BLK_BUSY; BLK_CORRUPT; BLK_FAILED: nothing was named, what was
 *          committed early is found again by the next run.
 */
MUST_USE enum blk_status backup_create(struct store *s,
    const struct backup_options *o, struct backup_result *r, struct fault *why);

#endif

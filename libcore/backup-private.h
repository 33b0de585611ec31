/*
 * backup-private.h - what the files of the backup room share.
 */
#ifndef BACKUP_PRIVATE_H
#define BACKUP_PRIVATE_H

#include "backup.h"

#include <pthread.h>

#include "scan-cache.h"
#include "snapshot.h"

#define READ_SIZE (WRITER_ROOM - 1) /* files up to this are read at once */
#define READ_SOME ((size_t)4 << 10) /* of one that may not know its size */
#define QUEUE 64 /* directories that wait; each holds a descriptor */

struct backup;

struct worker {
	struct backup *b;
	struct lane *lane;
	pthread_t thread;
	bool started;
};

struct owner_set { /* numbers seen, to be named at the end */
	uint32_t *number;
	size_t count, cap;
};

struct backup {
	struct store *s;
	const struct backup_options *o;
	struct backup_totals *t;
	struct writer *w;
	struct scan *scan;
	struct snapshot snap;
	struct owner_set users, groups;
	struct worker *worker; /* worker[0] is the walker itself */
	unsigned workers;
	pthread_key_t self; /* the worker that a thread is */
	bool keyed;

	pthread_mutex_t lock; /* what stands below, snap, owners */
	pthread_cond_t more, room;
	struct scan_dir *queue[QUEUE];
	size_t head, count;
	bool done;          /* the walk is over */
	enum blk_status st; /* of the first worker that failed */
	struct fault why;

	int cache_fd;
	struct scan_cache *cache;
	struct scan_cache_writer *next_cache;
};

static inline void
backup_count(uint64_t *total, uint64_t n)
{
	__atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

static inline bool
backup_stopped(struct backup *b)
{
	return b->o->stop != NULL && b->o->stop(b->o->arg);
}

/* --- backup-read.c --- */

/* Read the files of d that are not known.  Returns as lane_put; BLK_BUSY. */
MUST_USE enum blk_status backup_read_dir(
    struct worker *w, struct scan_dir *d, struct fault *why);

/* --- backup-snapshot.c --- */

/* The scan cache, and one to be: that neither can be had only costs time. */
void backup_open_cache(struct backup *b);
void backup_save_cache(struct backup *b, const struct scan_entry *root);

/* What is known of the snapshot before the walk. */
MUST_USE enum blk_status backup_begin_snapshot(
    struct backup *b, struct fault *why);
/* All else, and the commit that names it; unless nothing shall be made. */
MUST_USE enum blk_status backup_name_it(
    struct backup *b, struct backup_result *r, struct fault *why);

#endif

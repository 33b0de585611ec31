/*
 * index.h - the catalog in SQLite: a view of log and segments, kept between
 * processes.
 *
 * The file index-1.db (the number is its schema's) may be thrown away when no
 * command runs; it is then made again.  Users may query it with
 * "sqlite3 -readonly"; blk-store(5) documents the schema.  Every row carries
 * a 32-bit check over its columns: a row that does not match it is
 * BLK_CORRUPT, never an answer.
 *
 * Locks (flock) stand beside the index: "index" is held shared by every user
 * and exclusively by who replaces the file ("turn" is held on the way to
 * either, so that who waits to replace it gets there); "apply" is held for each
 * write transaction and each WAL checkpoint, and is never passed by.  (SQLite
 * 3.7.0 to 3.51.2 can lose commits when one process checkpoints while
 * another commits.)  Read transactions take neither and stay short.
 *
 * The types of SQLite stay in this room.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "fault.h"

#define INDEX_FILE "index-1.db"
#define INDEX_PENDING ((size_t)3 << 16)

struct index_options {
	const char *dir;      /* directory of the index and its locks; made */
	uint8_t store[16];    /* an index of another store is thrown away */
	int lock_wait_ms;     /* for both locks; negative: for ever */
	uint64_t cache_bytes; /* SQLite's page cache, at most */
	size_t pending_ids;   /* so many ids' facts are written together; 0:
	                       * INDEX_PENDING */
	bool group;           /* files 0660 instead of 0600 */
	bool read_only;       /* open an existing one without writing to it */
	bool in_memory;       /* :memory:, no files, no locks */
};

/*
 * Open or make the index in o->dir.
 *
 * *fresh: it was made empty, also because what stood there could not be used
 * (another store's, damaged); *reason then says why, or is NULL where none
 * stood, and "" where all that is to be said is that another version of blk,
 * whose tables are others, made it.  reason is a constant text.
 *
 * catalog->begin takes "apply" and BEGIN IMMEDIATE; commit checkpoints the
 * WAL when it has passed 1 MiB, and releases it.
 * Returns: BLK_OK; BLK_BUSY when a lock is held beyond lock_wait_ms;
 *          BLK_ABSENT with read_only when there is none; BLK_FAILED.
 */
MUST_USE enum blk_status index_open(const struct index_options *o,
    struct catalog **out, bool *fresh, const char **reason, struct fault *why);

/*
 * Replace the file of an index that turned out unsound by an empty one:
 * releases the shared lock, takes it exclusively, looks again (another
 * process may have done it: *fresh is false then), and comes back shared.
 * Damage notes are carried over where they can be read.  Not between begin
 * and commit.
 */
MUST_USE enum blk_status index_replace(
    struct catalog *c, bool *fresh, struct fault *why);

/*
 * Release and retake the shared lock, so that who waits to replace the file
 * gets a turn; *replaced tells that another file stands there now (it was
 * reopened: all that was read before is void).  Where none stands there that
 * can be used, as when who replaced it did not live to the end, an empty one is
 * made: *fresh, and *reason as index_open says it.  For long sessions, at each
 * sync.
 */
MUST_USE enum blk_status index_yield(struct catalog *c, bool *replaced,
    bool *fresh, const char **reason, struct fault *why);

/* Sweep what dropped segments left, when there is much of it, and give free
 * pages back when a quarter of the file is free. */
MUST_USE enum blk_status index_vacuum(struct catalog *c, struct fault *why);

/* Bytes of the file and its WAL. */
uint64_t index_bytes(struct catalog *c);

#endif

/*
 * store.h - a backend and a catalog, kept in step; commits; sessions.
 *
 * The protocol of blk-store(5) lives here: how a process finds the head of
 * the log (R3), how a commit is judged, published and found to count (R2,
 * R4), and what a session that published segments must give up when it did
 * not see every commit since.  Writing order - segments, then the commit,
 * then the index - is decided in store-commit.c and nowhere else.
 *
 * A struct store is used by one thread at a time, but for store_backend and
 * store_frames, whose rooms allow several.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "catalog.h"
#include "codec.h"
#include "digest.h"
#include "fault.h"
#include "frames.h"
#include "log.h"
#include "segment.h"
#include "state.h"
#include "structure.h"

struct store;

struct store_options {
	const char *url;
	const char *index_dir; /* BLK_INDEX; NULL: beside the store, or under
	                        * cache_dir where that cannot be */
	const char *cache_dir; /* of blk, as "~/.cache/blk"; NULL: none */
	const char *host, *program; /* for records; borrowed */
	int lock_wait_ms;           /* negative: for ever */
	uint64_t max_memory;        /* bytes; caches take a share of it */
	bool read_only;             /* no commit will be made */
	bool create; /* make the store if it is absent, with made_as */
	const struct store_config *made_as; /* sizes, mode; the rest drawn */

	/* Told what a user should know: that the index was rebuilt ... */
	void (*warn)(void *arg, const char *text);
	void *arg;

	/* For tests: another clock, an open backend and catalog (taken
	 * over). NULL: the real ones. */
	int64_t (*now)(void *arg); /* ns since 1970 */
	struct backend *backend;
	struct catalog *catalog;
};

/*
 * Open a store and bring its catalog to the head of the log.
 *
 * Returns: BLK_OK; BLK_ABSENT when there is none (the fault names it);
 *          BLK_INVALID: bad URL; BLK_CORRUPT; BLK_BUSY; BLK_FAILED, also
 *          where it needs a newer blk.
 */
MUST_USE enum blk_status store_open(
    const struct store_options *o, struct store **out, struct fault *why);

/* Ends the session.  NULL: does nothing. */
void store_close(struct store *s);

/*
 * Publish commit 0 of a new store, if there is none, and write config from
 * the commit 0 that stands there (design 4).  store_open does it with
 * create; blk-init calls it by way of that.
 */

struct backend *store_backend(struct store *s);
struct catalog *store_catalog(struct store *s);
struct frames *store_frames(struct store *s);
const struct store_config *store_config(const struct store *s);
const struct state_source *store_source(struct store *s);
const uint8_t *store_session_id(const struct store *s); /* 16 bytes */
struct segment_origin store_origin(const struct store *s);
int64_t store_now(const struct store *s);
const char *store_url(const struct store *s);
const char *store_host(const struct store *s);
bool store_is_read_only(const struct store *s);
uint64_t store_max_memory(const struct store *s); /* as it was opened with */
/* Give memory back that is only kept: something needs much of it soon. */
void store_slim(struct store *s);
void store_warn(struct store *s, const char *fmt, ...) PRINTF(2, 3);

/* Bring the catalog to the head of the log. */
MUST_USE enum blk_status store_sync(struct store *s, struct fault *why);

/* Throw the catalog away and make it again from log and segments. */
MUST_USE enum blk_status store_rebuild(struct store *s, struct fault *why);

/*
 * When a catalog operation said BLK_CORRUPT: replace the index once and
 * rebuild it, and say so.  BLK_OK: try again.  A second time in one process
 * it returns BLK_CORRUPT.
 */
MUST_USE enum blk_status store_heal_index(struct store *s, struct fault *why);

/* Where a segment of the catalog is. */
struct frames_place store_place(const struct catalog_segment *seg);

/*
 * A setting of the log, or its default; value from malloc, the caller's.
 * BLK_INVALID for a key that is no setting and not "user.*".
 */
MUST_USE enum blk_status store_setting(
    struct store *s, const char *key, char **value, struct fault *why);
/* How what is written is packed: the setting "compression". */
MUST_USE enum blk_status store_compression(
    struct store *s, const struct codec **codec, int *level, struct fault *why);
/* As numbers: sizes, percentages, seconds. */
MUST_USE enum blk_status store_setting_number(
    struct store *s, const char *key, uint64_t *value, struct fault *why);
/* Is value one that key may have?  BLK_INVALID if not, with the reason, which
 * does not name the key. */
MUST_USE enum blk_status store_check_setting(
    const char *key, const char *value, struct fault *why);
/* The i-th key and its default; false behind the last. */
bool store_setting_at(size_t i, const char **key, const char **value);

/* --- published, not yet committed segments --- */

/*
 * Publish a sealed segment and remember it as this session's own, until a
 * commit adds it or it has to be given up.
 *
 * table: taken over on BLK_OK.
 * May be called by several threads at once (it locks).
 */
MUST_USE enum blk_status store_publish(struct store *s, const struct digest *id,
    const void *file, size_t len, struct segment_table *table,
    struct fault *why);

/* Forget a segment that was published and will not be committed. */
void store_forget(struct store *s, const struct digest *id);

/* --- commits --- */

/* An object that lies in the commit file itself. */
struct store_object {
	struct digest id;
	enum kind kind;
	const void *data;
	size_t len;
};

struct store_draft {
	/* Segments published by store_publish that this commit adds; each
	 * has to be pending still. */
	const struct digest *segment;
	size_t segments;
	const struct store_object *object; /* for the commit file itself */
	size_t objects;

	/*
	 * Decide names, on the head that is published on: called for each
	 * attempt, with a commit that holds nothing but its segment lines,
	 * while the catalog is held, which decide does not end.
	 * It calls store_add_version and store_add_drop, or commit_add for
	 * other verbs.  NULL: nothing to decide.  A status other than
	 * BLK_OK ends the commit (BLK_BUSY for --if-head).
	 */
	enum blk_status (*decide)(
	    void *arg, struct store *s, struct commit *k, struct fault *why);
	void *arg;

	/* See struct state_proposal. */
	bool traced;
	const struct digest *lean;
	size_t leans;
	const struct state_ref *rely;
	size_t relies;
	bool collector;
	/*
	 * Asked when a collector's proposal is found wanting (arg as above):
	 * give up victims, add objects.  NULL: what is missing is rescued
	 * from condemned segments, or the commit fails.
	 */
	bool empty_too;  /* publish even when there is nothing to say */
	bool compressed; /* pack objects with the store's codec */
};

/* What a commit came to. */
struct store_outcome {
	uint64_t number; /* 0: nothing was to be said, none was made */
	struct digest hash;
};

/*
 * Publish a commit: sync, decide, judge, publish, until it is won; then find
 * whether it counts (R3), and apply it.
 *
 * Returns:    BLK_OK: it counts and is durable.  BLK_FAILED: it does not, or
 *             "outcome unknown", which the fault says.  BLK_BUSY,
 *             BLK_INVALID, BLK_ABSENT: what decide returned.
 * Durability: as said; nothing that was published is ever removed here.
 */
MUST_USE enum blk_status store_commit(struct store *s,
    const struct store_draft *d, struct store_outcome *out, struct fault *why);

/*
 * For decide: make v (name, class, id, size, type, expires, attributes and
 * links filled) the next version of its name: number, previous and time are
 * set here, and its record goes into the commit file.  For a 64-hex name
 * design 5 holds: equal attributes and a live, unexpired version: nothing is
 * done; otherwise it takes its place, keeping the later expiry and the links.
 *
 * *vid: the version's id (also when nothing was done).
 */
MUST_USE enum blk_status store_add_version(struct store *s, struct commit *k,
    struct version *v, struct digest *vid, struct fault *why);

/* For decide: drop a version (of the catalog, or made by this commit). */
MUST_USE enum blk_status store_add_drop(struct store *s, struct commit *k,
    const struct digest *vid, struct fault *why);

/* --- checkpoints (used by the collect room) --- */

/*
 * Publish a checkpoint of the catalog's head, verified by loading it into a
 * scratch catalog and comparing.  *number: what it is of.
 */
MUST_USE enum blk_status store_checkpoint(
    struct store *s, uint64_t *number, struct fault *why);

/*
 * The numbers of the newest and the second newest checkpoint (0: none), made
 * durable: only then may anything be removed because of them.
 */
MUST_USE enum blk_status store_checkpoints(
    struct store *s, uint64_t *newest, uint64_t *second, struct fault *why);

/* Make head and predecessor durable (R3, N10); cheap when known to be. */
MUST_USE enum blk_status store_settle(struct store *s, struct fault *why);
/* Commits up to this number are known to be durable.  The catalog may be
 * ahead: others bring it on. */
uint64_t store_durable(const struct store *s);

/* Give space back that the index and the engine hold and do not need. */
MUST_USE enum blk_status store_tidy(struct store *s, struct fault *why);
/* Bytes of the index; 0 where it lies in memory. */
uint64_t store_index_bytes(struct store *s);

/* --- the reserve: 8 MiB that only those may spend who free space --- */

/* Is it there?  Also true where there can be none. */
bool store_reserve_stands(struct store *s);
/* Make it if it is not there.  BLK_ABSENT: there is no room for it now. */
MUST_USE enum blk_status store_reserve_make(struct store *s, struct fault *why);
/* After a fault that says that the medium is full: give the reserve back to
 * it.  True: it was there, and trying again makes sense. */
bool store_reserve_spend(struct store *s, const struct fault *why);

/* --- sessions (politeness: no safety rests on them) --- */

/* Register this process, so that collectors leave alone what it published
 * and, for readers, what it may still read.  Done by store_publish. */
MUST_USE enum blk_status store_session(struct store *s, struct fault *why);
/*
 * For who reads for long what may be dropped meanwhile: register, sync, and
 * stay at this base until the store is closed.  Collectors then leave alone
 * what is condemned from here on, and the reader room reads what is no longer
 * counted, as long as it is there.
 */
MUST_USE enum blk_status store_hold(struct store *s, struct fault *why);
bool store_holds(const struct store *s);
/* The lowest base of live sessions but our own; UINT64_MAX: none. */
MUST_USE enum blk_status store_sessions(
    struct store *s, uint64_t *lowest, struct fault *why);
/* Is the session with this uuid alive?  Without kernel locks: unknown, so
 * true while its beat is young. */
MUST_USE enum blk_status store_session_lives(
    struct store *s, const uint8_t uuid[16], bool *lives, struct fault *why);

/*
 * locks/collect: collectors, folds, repairs exclude each other (BLK_BUSY
 * after the lock wait).  *fd is -1 where there are no kernel locks.
 */
MUST_USE enum blk_status store_collect_lock(
    struct store *s, int *fd, struct fault *why);

#endif

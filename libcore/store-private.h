/*
 * store-private.h - what the files of the store room share.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <pthread.h>

#include "idmap.h"
#include "store.h"

/* A segment that this session published and that no commit added yet. */
struct pending {
	struct digest id;
	uint64_t bytes;
	struct segment_table table;
};

/* A version record made for the commit that is being attempted. */
struct made {
	struct version v;
	struct digest vid;
	struct buf text;
};

struct store {
	struct store_options o;
	struct backend *backend;
	struct catalog *catalog;
	bool own_index; /* catalog is an index, to be healed and yielded */
	bool healed;    /* once a process */
	struct frames *frames;
	struct store_config config;
	struct state_source source;
	uint8_t session[16];
	char session_hex[33];
	uint64_t transaction;
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *builder; /* empty; NULL: none was given back */

	uint64_t base;    /* every record up to here was seen */
	bool crossed;     /* some were not: pending segments are given up */
	uint64_t durable; /* commits up to here are known to be durable */
	bool broken;      /* the log does not go on soundly: no commits */
	struct fault broken_why;

	pthread_mutex_t lock; /* pending, session file */
	struct pending *pending;
	size_t pendings, pendings_cap;
	int session_fd; /* -1: not registered */
	bool holds;     /* the session's base stays (store_hold) */
	uint64_t session_base;

	struct made *made;
	size_t mades, mades_cap;
	struct idmap made_at; /* a name: its last in made, plus 1 */
};

/* Remove condemned segments from pending, and all after a crossing. */
MUST_USE enum blk_status store_review_pending(
    struct store *s, struct fault *why);
void store_pending_drop(struct store *s, const struct digest *id);
const struct pending *store_pending(
    const struct store *s, const struct digest *id);

/* Move the session file to the base that the session has now. */
MUST_USE enum blk_status store_session_move(struct store *s, struct fault *why);
void store_session_end(struct store *s);

/*
 * Apply a commit of this session's own, published behind the catalog's head
 * and confirmed, from what is in memory: k as log_seal left it, and the
 * objects that its file carries, in their order there.
 *
 * Returns: BLK_OK, *applied telling whether it was: not where the catalog is
 *          elsewhere by now, or the record is in pieces.  Then, and after any
 *          failure, store_sync has to do it.
 */
MUST_USE enum blk_status store_apply_own(struct store *s,
    const struct commit *k, const struct store_object *carried, bool *applied,
    struct fault *why);

/* As state_apply, in a transaction, where k follows on the catalog's head;
 * where it does not, *applied is false. */
MUST_USE enum blk_status store_apply(struct store *s, const struct commit *k,
    const struct state_source *src, bool *applied, struct fault *why);

/* --- store.c --- */

/* Say that the index was made empty, and why; of one that was sound there is
 * nothing to say. */
void store_say_fresh(struct store *s, const char *reason);

/* --- store-log.c --- */

struct run { /* of commits */
	struct commit *commit;
	size_t count, cap;
	size_t bytes;
};

void store_run_release(struct run *r);
/*
 * Read the next commit behind the run (or behind hash at number), which must
 * name it.  ABSENT at the end of the log; CORRUPT when it does not follow.
 */
MUST_USE enum blk_status store_run_next(struct store *s, struct run *r,
    uint64_t number, const struct digest *before, struct fault *why);
/*
 * Read commits from behind h up to and with last; UINT64_MAX: as many as
 * there are, bounded.  A commit that is bad ends the run; it is CORRUPT (in
 * *why) only when it is the first.
 */
MUST_USE enum blk_status store_run_read(struct store *s,
    const struct catalog_head *h, uint64_t last, bool bounded, struct run *r,
    struct fault *why);

/*
 * Follow the log by hashes from the catalog's head, or from hash at number
 * first - 1, up to and with last, whose file must hash to want (unless
 * NULL).  *found: it does.
 */
MUST_USE enum blk_status store_follow(struct store *s, uint64_t first,
    const struct digest *before, uint64_t last, const struct digest *want,
    bool *found, struct fault *why);

void store_made_release(struct store *s);

/* The head of a record on h (NULL: commit 0), without verbs. */
MUST_USE enum blk_status store_begin_record(struct store *s,
    const struct catalog_head *h, struct commit *k, struct fault *why);

/* A builder for commit files and checkpoints: raw, or with the store's codec.
 * To be freed, or, once the store's config stands, given back for the next. */
MUST_USE enum blk_status store_builder(struct store *s, bool compressed,
    struct segment_builder **b, struct fault *why);
void store_builder_done(struct store *s, struct segment_builder *b);

/* Make the store: commit 0, then config from what stands at commit 0. */
MUST_USE enum blk_status store_make(struct store *s, struct fault *why);

#endif

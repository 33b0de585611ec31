/*
 * backend.h - where blobs live.
 *
 * A backend holds immutable byte strings (blobs) under keys and knows nothing
 * of what they mean.  A key is 1 to 200 bytes of [a-z0-9._/-], without empty,
 * "." or ".." components; the caller sees to it that no key is the directory
 * of another ("a" beside "a/b").  To add an engine: a file backend-NAME.c with
 * one const struct backend_type, one line in the table in backend.c, one line
 * in tests/unit/backend.c (the conformance suite).
 *
 * A struct backend may be used by several threads at once.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fault.h"

#define BACKEND_KEY_MAX 200
#define BACKEND_BLOB_MAX ((uint64_t)256 << 20)

struct backend; /* every engine's struct begins with a struct backend */

/* How an engine differs from others; never test for its type. */
struct backend_caps {
	bool kernel_locks;    /* lock_dir works: flock, sessions as files */
	bool single_process;  /* only one process may have it open */
	bool local;           /* on this machine's own disks */
	bool read_only;       /* put and remove fail */
	bool shared_group;    /* 2770/0440 */
	uint64_t blob_target; /* preferred segment size, bytes */
};

struct backend_stat {
	uint64_t bytes;
	int64_t mtime; /* ns since 1970; 0 where the engine does not know */
};

struct backend_stats {
	uint64_t blobs, bytes; /* all blobs, as the engine stores them */
	uint64_t free_bytes;   /* left on the medium; UINT64_MAX: unknown */
};

enum backend_flags {
	BACKEND_EXCLUSIVE = 1 << 0, /* put: only if the key is absent */
	BACKEND_UNSYNCED = 1 << 1,  /* put: need not be durable (config hints,
	                             * sessions); may be ignored */
};

/* What a put came to: set with BLK_OK; with BLK_FAILED it is
 * BACKEND_UNSURE, and the fault says so where something may be visible. */
enum backend_outcome {
	BACKEND_MADE,   /* it is ours */
	BACKEND_EXISTS, /* somebody was first; nothing was changed */
	BACKEND_UNSURE, /* the answer was lost: read the key back */
};

struct backend_open_options {
	bool create; /* make it; an existing one is opened all the same */
	bool read_only;
	bool shared_group;   /* with create */
	const char *session; /* 32 hex digits: prefix of temporary names */
};

struct backend_type {
	const char *scheme;  /* "file": file:PATH, or a PATH without scheme */
	const char *summary; /* one line for blk-init --help */

	/*
	 * rest: the URL behind "scheme:".  Options of a query ("?k=v&...")
	 * that the engine does not know are BLK_INVALID.
	 * (*out)->caps is set here, type by backend_open, the rest is zero.
	 * Returns: BLK_OK; BLK_ABSENT when there is none (and !o->create),
	 *          with a fault where something else stands in its place;
	 *          BLK_INVALID; BLK_BUSY (single_process); BLK_FAILED.
	 */
	enum blk_status (*open)(const char *rest,
	    const struct backend_open_options *o, struct backend **out,
	    struct fault *why);

	/*
	 * Store n parts, joined, under key.
	 * Durability: after BLK_OK (and BACKEND_MADE) it survives a power
	 *   cut, with the key.  After BLK_FAILED it may be there or not, but
	 *   never in part; it is never removed again once it was visible.
	 * A failed sync is never retried and poisons the handle: all later
	 *   puts fail.
	 * outcome: BACKEND_MADE without EXCLUSIVE (an equal key may be
	 *   overwritten with bytes that the caller knows to be equal).
	 */
	enum blk_status (*put)(struct backend *b, const char *key,
	    const struct iovec *part, size_t n, unsigned flags,
	    enum backend_outcome *outcome, struct fault *why);

	/*
	 * Up to len bytes from offset; fewer only at the end of the blob.
	 * BLK_ABSENT when there is no such key.
	 */
	enum blk_status (*get)(struct backend *b, const char *key,
	    uint64_t offset, void *buf, size_t len, size_t *got,
	    struct fault *why);

	enum blk_status (*stat)(struct backend *b, const char *key,
	    struct backend_stat *st, struct fault *why);

	/*
	 * Visit the keys that begin with prefix (whole components: "log/",
	 * "segments/"; "" is all), in any order.  Sees every put that
	 * returned before the call, in any process; *complete is false where
	 * the engine cannot promise that.  Keys put or removed meanwhile may
	 * appear or not.  visit may use the backend; a status of it other
	 * than BLK_OK ends the list and is its answer.
	 */
	enum blk_status (*list)(struct backend *b, const char *prefix,
	    enum blk_status (*visit)(void *arg, const char *key,
	        const struct backend_stat *st, struct fault *why),
	    void *arg, bool *complete, struct fault *why);

	/* Removing what is absent succeeds.  Durable at the latest with the
	 * next put that returns. */
	enum blk_status (*remove)(
	    struct backend *b, const char *key, struct fault *why);

	/*
	 * Make durable what stands at key, whoever put it (design R3, N10):
	 * its directory and those above.  NULL where visible is durable.
	 */
	enum blk_status (*settle)(
	    struct backend *b, const char *key, struct fault *why);

	enum blk_status (*stats)(
	    struct backend *b, struct backend_stats *s, struct fault *why);

	/* Give free space back to the medium.  NULL: nothing to do. */
	enum blk_status (*compact)(struct backend *b, struct fault *why);

	/* A borrowed directory descriptor for lock and session files, the
	 * root of the store; only where caps.kernel_locks. */
	int (*lock_dir)(struct backend *b);

	void (*close)(struct backend *b); /* frees b; NULL is not passed */
};

enum backend_op {
	BACKEND_OP_PUT,
	BACKEND_OP_GET,
	BACKEND_OP_STAT,
	BACKEND_OP_LIST,
	BACKEND_OP_REMOVE,
	BACKEND_OP_SETTLE,
	BACKEND_OPS,
};

/*
 * Called around every operation; before: may return a status to make the
 * operation fail in its place.  Afterwards, when the operation succeeded, a
 * status takes the place of its answer (done, but the answer was lost).  For
 * tests (faults, schedules).
 */
struct backend_probe {
	enum blk_status (*call)(void *arg, enum backend_op op, const char *key,
	    bool before, struct fault *why);
	void *arg;
};

struct backend {
	const struct backend_type *type;
	struct backend_caps caps;
	struct backend_probe probe;       /* call is NULL: none */
	uint64_t operations[BACKEND_OPS]; /* counted atomically */
};

/*
 * Open by URL: PATH, file:PATH, mem:NAME (one process; stores of the same
 * NAME are the same until the last is closed) ...  BLK_INVALID for an
 * unknown scheme, naming those there are.
 */
MUST_USE enum blk_status backend_open(const char *url,
    const struct backend_open_options *o, struct backend **out,
    struct fault *why);
void backend_close(struct backend *b); /* NULL: does nothing */

/* Does it begin as "file:PATH" does?  Anything else is a path. */
bool backend_has_scheme(const char *url);

/* The i-th engine, NULL behind the last. */
const struct backend_type *backend_at(size_t i);

/* The operations, counted and probed; contracts as above. */
MUST_USE enum blk_status backend_put(struct backend *b, const char *key,
    const void *data, size_t len, struct fault *why);
MUST_USE enum blk_status backend_put_exclusive(struct backend *b,
    const char *key, const struct iovec *part, size_t n,
    enum backend_outcome *outcome, struct fault *why);
MUST_USE enum blk_status backend_get(struct backend *b, const char *key,
    uint64_t offset, void *buf, size_t len, size_t *got, struct fault *why);
/* The whole blob from malloc, the caller's; BLK_INVALID above max. */
MUST_USE enum blk_status backend_get_all(struct backend *b, const char *key,
    size_t max, void **data, size_t *len, struct fault *why);
MUST_USE enum blk_status backend_stat(struct backend *b, const char *key,
    struct backend_stat *st, struct fault *why);
MUST_USE enum blk_status backend_list(struct backend *b, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, bool *complete, struct fault *why);
MUST_USE enum blk_status backend_remove(
    struct backend *b, const char *key, struct fault *why);
MUST_USE enum blk_status backend_settle(
    struct backend *b, const char *key, struct fault *why);
MUST_USE enum blk_status backend_stats(
    struct backend *b, struct backend_stats *s, struct fault *why);
MUST_USE enum blk_status backend_compact(struct backend *b, struct fault *why);
int backend_lock_dir(struct backend *b); /* -1 where there is none */

/* Is key one that a backend takes? */
bool backend_key_is_valid(const char *key);

#endif

/*
 * check.h - proves that what was acknowledged is there.
 *
 * Structure is checked always: the chain of commits, checkpoints, the tables
 * of all live segments, and a full trace of references against the counts.
 * Data is read on request, in shares: every chunk is decoded and hashed, and
 * what was read when is remembered in the log, per segment, so that a nightly
 * share reaches every byte in time.  A damaged byte is read twice before it
 * is judged; an I/O error is a failure, not damage.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "store.h"

enum check_what {
	CHECK_CONFIG, /* config and commit 0 disagree, or are damaged */
	CHECK_COMMIT, /* a commit file: damaged, missing, not in the chain */
	CHECK_CHECKPOINT,
	CHECK_SEGMENT,   /* missing, of another length, table damaged */
	CHECK_OBJECT,    /* an object does not match its id, or is malformed */
	CHECK_REFERENCE, /* something refers to what is not there */
	CHECK_COUNT,     /* the index counts otherwise than the trace; or says
	                  * otherwise what lives in a segment */
	CHECK_VERSION,   /* a version record does not say what the index says */
	CHECK_INDEX,     /* a row does not match its check */
	CHECK_LOST,      /* said lost by a repair, and still referred to */
};

const char *check_what_name(enum check_what w);

struct check_finding {
	enum check_what what;
	char where[100]; /* key of a blob, or a name */
	bool has_id;
	struct digest id;    /* object concerned */
	const char *message; /* borrowed during the call */
	/* Versions (and paths in them) that suffer: called once for each
	 * as CHECK_REFERENCE, with where and id of what is damaged.  NULL:
	 * none. */
	const char *version; /* "etc@3" */
	const char *path;    /* inside it */
};

enum check_share {
	CHECK_NONE,
	CHECK_ALL,
	CHECK_PERCENT,
	CHECK_BYTES,
	CHECK_PART
};

struct check_options {
	enum check_share share; /* of the data */
	uint64_t amount;        /* percent, bytes, or part N (1..) */
	uint64_t parts;         /* of T */
	int64_t max_age;     /* s; only segments not read for so long; 0: all */
	int64_t max_time_ms; /* 0: no bound */
	unsigned jobs;
	uint64_t max_memory;
	bool remember; /* say in the log what was read */

	/* By one thread at a time. */
	void (*finding)(void *arg, const struct check_finding *f);
	bool (*progress)(void *arg, uint64_t done, uint64_t all); /* bytes */
	void *arg;
};

struct check_report {
	uint64_t commits, checkpoints, segments, objects, versions;
	uint64_t references;                /* followed by the trace */
	uint64_t read_segments, read_bytes; /* of data, as stored */
	uint64_t read_objects, read_plain;
	uint64_t findings;
	uint64_t of_index; /* of these: a rebuild puts them right */
	uint64_t by_index; /* of these: only as true as the index is sound */
	bool unfinished;   /* a bound was reached before all was read */
};

/*
 * Returns: BLK_OK, also with findings (r->findings > 0 is exit 4); BLK_BUSY
 *          when progress asked to stop; BLK_FAILED.
 */
MUST_USE enum blk_status check_run(struct store *s,
    const struct check_options *o, struct check_report *r, struct fault *why);

/* --- repair --- */

struct repair_options {
	/* Stores that may hold what is missing here; borrowed. */
	struct store *const *from;
	size_t froms;
	/* Directories whose files may be what is missing.  What is not for us
	 * to read there is told by note; some by path, the rest by number. */
	const char *const *dir;
	size_t dirs;
	bool drop_damaged; /* remove damaged files for good */
	bool accept_loss;  /* step over bad commits by a checkpoint */
	bool dry_run;
	void (*note)(void *arg, const char *text);
	void *arg;
};

struct repair_report {
	uint64_t segments; /* condemned as damaged */
	uint64_t saved;    /* objects copied out of them */
	uint64_t fetched;  /* objects brought from elsewhere */
	uint64_t lost;     /* said lost */
	uint64_t commits;  /* put back */
	uint64_t dropped;  /* damaged files removed */
};

/*
 * Repair what can be repaired; on a healthy store nothing is written.  One
 * commit adds what was saved or fetched, says what is lost, and condemns the
 * damaged segments.
 */
MUST_USE enum blk_status check_repair(struct store *s,
    const struct repair_options *o, struct repair_report *r, struct fault *why);

#endif

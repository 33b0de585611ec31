/*
 * collect.h - reclaims space: expire, repack, condemn, fold, remove.
 *
 * Nothing waits for a collector and nothing is harmed by one: it condemns
 * segments by a commit that is judged like any other (R4), and removes only
 * what a durable commit condemned (R2).  Log files go when they lie below
 * the second newest checkpoint.  blk-store(5) has the protocol.
 *
 * A collection is cut into rounds, each with a commit of its own, so that
 * one that is killed has lost at most a round.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "store.h"

enum collect_phase {
	COLLECT_LIST,
	COLLECT_EXPIRE,
	COLLECT_REPACK,
	COLLECT_FOLD,
	COLLECT_REMOVE,
};

const char *collect_phase_name(enum collect_phase p);
/* What is counted in it, one of them: "segment". */
const char *collect_phase_unit(enum collect_phase p);

struct collect_options {
	int max_unused;             /* percent; -1: the store's setting */
	uint64_t max_repack;        /* plain bytes copied; 0: no bound */
	int64_t max_time_ms;        /* 0: no bound */
	unsigned jobs;              /* threads that copy; 0: one */
	uint64_t keep_unreferenced; /* s; UINT64_MAX: the store's setting */
	bool force_clock;           /* expire although the clock looks wrong */
	bool dry_run;               /* say what would be done, change nothing */
	bool fold; /* also where little would be gained by it */

	/* Told how far a phase is; true ends the collection after the
	 * current round. */
	bool (*progress)(
	    void *arg, enum collect_phase p, uint64_t done, uint64_t all);
	void *arg;
};

struct collect_report {
	uint64_t expired;       /* versions */
	uint64_t expired_bytes; /* dry run: what is stored for them alone */
	bool expired_known;     /* that is known; not where memory is short */
	uint64_t condemned, condemned_bytes; /* segments */
	uint64_t orphans; /* of these, never added by a commit */
	uint64_t copied_objects, copied_bytes; /* plain */
	uint64_t read_bytes, written_bytes;    /* of segments */
	uint64_t removed, removed_bytes;       /* files */
	uint64_t folded; /* number of the newest checkpoint made; 0: none */
	uint64_t log_removed; /* commit files */
	bool clock_refused;   /* nothing was expired: the clock looks wrong */
	bool unfinished; /* a bound was reached, or files are still in use */
};

/*
 * Collect.
 *
 * Returns: BLK_OK; BLK_BUSY when another collector is at work; BLK_CORRUPT
 *          when the index does not match its sums or damage stands in the
 *          way; BLK_FAILED.
 */
MUST_USE enum blk_status collect_run(struct store *s,
    const struct collect_options *o, struct collect_report *r,
    struct fault *why);

/* --- what the log remembers --- */

/* What came into the store on a day, by commits that are no collector's. */
struct collect_day {
	int64_t day;    /* since 1970, UTC */
	uint64_t bytes; /* of segments, as stored */
	uint64_t versions;
};

#define COLLECT_DAY_TEXT 16
/* "2026-11-21" */
void collect_day_text(int64_t day, char text[static COLLECT_DAY_TEXT]);

/* All days with growth, ascending; from malloc, the caller's. */
MUST_USE enum blk_status collect_growth(
    struct store *s, struct collect_day **day, size_t *days, struct fault *why);

#define COLLECT_PAST 8 /* so many collections are told */

struct collect_once {
	uint64_t commit;
	int64_t time;
	uint64_t ms; /* that it took */
	struct collect_report report;
};

struct collect_past {
	struct collect_once item[COLLECT_PAST]; /* the last one first */
	size_t count;
};

MUST_USE enum blk_status collect_history(
    struct store *s, struct collect_past *p, struct fault *why);

/* The parts, for tests of the protocol; the lock is not taken. */
MUST_USE enum blk_status collect_expire(struct store *s,
    const struct collect_options *o, struct collect_report *r,
    struct fault *why);
MUST_USE enum blk_status collect_repack(struct store *s,
    const struct collect_options *o, struct collect_report *r,
    struct fault *why);
MUST_USE enum blk_status collect_fold(struct store *s,
    const struct collect_options *o, struct collect_report *r,
    struct fault *why);
MUST_USE enum blk_status collect_remove(struct store *s,
    const struct collect_options *o, struct collect_report *r,
    struct fault *why);

#endif

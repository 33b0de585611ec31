/*
 * cases.h - schedules told step by step, each named after what it shows.
 *
 * A case works on a world of its own.  When it returns, power fails if it
 * said so, the audit follows, and nothing may be lost.
 */
#ifndef CASES_H
#define CASES_H

#include "author.h"
#include "collect.h"
#include "world.h"

/* Hosts of a case; the last, fresh one takes no part. */
enum { HOST_A, HOST_B, HOST_C, HOST_FRESH, CASE_HOSTS };

struct test_case {
	const char *name;
	void (*run)(struct world *w);
	unsigned rule; /* without it, the case is lost; 0: with any */
};

/* Ends with an entry without a name. */
extern const struct test_case cases_first[], cases_second[], cases_found[];

/* Run all, or those whose name begins so ("P3"). */
void cases_run(const struct world *store, const char *one, bool trace);

/* For each case that says so: is something lost without its rule? */
void cases_mutations(const struct world *store);

/* A line of TAP, and the last one; returns an exit status. */
void tap(bool fine, const char *name, const char *reason);
int tap_end(void);

/* What must be so at this place of a case. */
void expect(struct world *w, bool so, const char *what);

/* --- what processes of cases do --- */

/* A put: words, each as a content; the first gets the name.  Stops at
 * "stored", where all is stored and nothing sealed, and at "ready", before the
 * commit, when asked for. */
struct put {
	const char *name; /* NULL: unnamed */
	const char *word[4];
	unsigned cuts;
	bool in_commit, structure_too, no_dedup, always_list;
	bool stop_stored, stop_ready;
	bool early; /* data is committed before structure */
	bool twice; /* on failure, once more */
	int64_t expires;
	bool only_if;
	uint64_t expected;

	enum blk_status st;
	struct fault why;
	struct digest vid;
	struct store_outcome outcome;
};

void put_main(struct proc *p);

/* A drop of one version, or of what a decision picks. */
struct drop {
	struct digest vid;
	enum blk_status st;
};

void drop_main(struct proc *p);

/* A tree of files; known: as by a scan cache, without a look at its files. */
struct grow {
	const char *name;
	const char *word[3];
	const char *beside; /* a content; the name means that */
	unsigned cuts;
	bool known, in_commit, structure_too;
	bool stop_ready;
	enum blk_status st;
	struct fault why;
	bool reused;
	struct digest id, vid;
};

void grow_main(struct proc *p);

/* Parts of a collection. */
struct gather {
	bool expire, repack, fold, remove;
	int unused;
	enum blk_status st;
	struct fault why;
	struct collect_report report;
};

void gather_main(struct proc *p);

/* Open a store, stop at "open", sync (or make the catalog again). */
struct look {
	enum blk_status st;
	struct fault why;
	struct catalog_head head;
	bool broken;
	bool rebuild; /* make the catalog again */
};

void look_main(struct proc *p);

struct proc *begin(
    struct world *w, int host, void (*main)(struct proc *p), void *arg);
/* Begin, and run to the end. */
void whole(struct world *w, int host, void (*main)(struct proc *p), void *arg);
/* Run to a stop; it must come. */
void until(struct proc *p, const char *stop);
/* Run to a point of an operation; it must come. */
void until_op(
    struct proc *p, enum point at, enum backend_op op, const char *prefix);
void stop_at(struct proc *p, const char *stop);

/* Shorthands, each in a process of its own. */
void do_put(struct world *w, int host, struct put *put);
void do_drop(struct world *w, int host, const struct digest *vid);
void do_collect(struct world *w, int host); /* repack and remove */
void do_condemn(struct world *w, int host); /* repack only */
void do_fold(struct world *w, int host);
/* Fold, with commits between: what stood in the log before may go. */
void do_fold_away(struct world *w, int host);
/* A commit of no matter, which carries nothing. */
void filler(struct world *w, int host);

/* Power fails: no put stays that was not made durable, and each removal. */
void cut(struct world *w);

/* Data of a word, committed early by a run that was killed. */
void do_stock(struct world *w, int host, const char *letters);
/* The key of a segment that holds the data of a word, and its id. */
const char *segment_with(
    struct world *w, const struct digest *id, struct digest *segment);

unsigned count_keys(struct world *w, const char *prefix);
uint64_t head_of(struct world *w);

#endif

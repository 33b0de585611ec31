/*
 * world.h - one schedule of the model: blobs, hosts, processes.
 *
 * A world is a function of its seed.  Processes are fibers that run blk's own
 * code over an engine kept here; each call of the engine stops at points where
 * another may go on, where a process may die, and where power may fail.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "catalog.h"
#include "digest.h"
#include "store.h"

struct world;

#define WORLD_PROCS 16
#define WORLD_HOSTS 4
#define WORLD_LATE 32
#define WORLD_PAST 16

/* --- chance --- */

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
unsigned rng_below(struct rng *r, unsigned n); /* n > 0 */
bool rng_chance(struct rng *r, unsigned one_in);

/* What getrandom gives from now on; NULL: the kernel's. */
void world_random(struct rng *r);

/* --- blobs --- */

struct blob { /* counted; never changed */
	uint8_t *bytes;
	size_t len;
	unsigned uses;
};

struct blob *blob_new(const struct iovec *part, size_t n);
struct blob *blob_use(struct blob *b);
void blob_put_back(struct blob *b); /* NULL: does nothing */
void blob_set(struct blob **at, struct blob *b);
bool blob_equal(const struct blob *a, const struct blob *b);

struct slot { /* a key */
	char key[BACKEND_KEY_MAX + 1];
	uint32_t hash;
	struct blob *seen;    /* what processes see */
	struct blob *durable; /* what a power cut leaves */
	const void *remover;  /* who removed it, and has not put since */
};

/* Something under way whose process is dead, or was told nothing. */
struct late {
	char key[BACKEND_KEY_MAX + 1];
	struct blob *blob; /* NULL: a removal */
	bool exclusive;
	uint64_t due; /* step */
};

/* b: NULL for a removal. */
void late_add(struct world *w, const char *key, struct blob *b, bool exclusive);

/* --- processes --- */

enum point {
	POINT_BEFORE, /* a call: nothing was done */
	POINT_SEEN,   /* put: visible, not durable; list: half done */
	POINT_AFTER,  /* done, not answered */
	POINT_WAIT,   /* for another process of the host */
};

enum order {
	ORDER_GO,
	ORDER_FAIL, /* the call fails, nothing was done */
	ORDER_KILL,
	ORDER_KILL_LATE,  /* what it was about to do happens later */
	ORDER_LOSE,       /* done, but the answer is lost */
	ORDER_LOSE_LATE,  /* not done yet, the answer is lost */
	ORDER_LOSE_NEVER, /* never done, the answer is lost */
};

struct spot {
	enum point point;
	enum backend_op op;
	const char *key;
};

struct fiber;

struct proc {
	struct world *w;
	char name[24];
	struct host *host;
	void (*main)(struct proc *p);
	void *arg;
	struct fiber *fiber;
	bool done, dead;
	struct spot at;   /* where it stands */
	enum order order; /* what it meets there */
	uint64_t sleep;   /* step until which it stands still */
};

/* A machine with an index; processes on it share that. */
struct host {
	struct world *w;
	struct catalog *catalog;
	struct proc *owner; /* of the open transaction */
	unsigned readers;   /* that see one state of the catalog */
	int64_t skew;       /* of its clock, ns */
	/* For tests of R6: alter what is told of an id. */
	void (*rot)(const struct host *h, const struct digest *id,
	    struct catalog_facts *f);
	struct digest rotten;
	/* The row of this segment or version is not found; the sum of all
	 * tells so. */
	struct digest missing;
	bool misses;
};

struct claims;

struct world {
	uint64_t seed;
	struct rng rng;
	bool trace;
	uint64_t step, limit; /* power fails at limit */
	unsigned calm;        /* one fault in so many points; 0: none */

	struct slot *slot;
	size_t slots, slots_cap;
	struct late late[WORLD_LATE];
	size_t lates;

	struct proc proc[WORLD_PROCS];
	size_t procs, spawned;
	struct host host[WORLD_HOSTS];
	size_t hosts;

	struct past { /* structures that were made, for --ref */
		struct digest id;
		int class;
	} past[WORLD_PAST];
	size_t pasts;

	struct claims *claims; /* what was acknowledged (claims.h) */
	void *scratch;         /* of the actors; freed with the world */
	bool broken;           /* an invariant does not hold */
	bool quiet;            /* losing is what the run is about */
	bool merciless;        /* no chance: a cut takes all that it may */
	char reason[600];      /* the first */
};

/* --- a world's life --- */

enum catalog_sort { CATALOG_MEMORY, CATALOG_SQLITE };

/* Failures of the model itself (no memory) end the program. */
void world_init(
    struct world *w, uint64_t seed, size_t hosts, enum catalog_sort sort);
/* The same with the blobs of another, which stands still. */
void world_init_from(struct world *w, const struct world *from, uint64_t seed,
    size_t hosts, enum catalog_sort sort);
void world_release(struct world *w);

/* Power fails: every process dies, what is not durable may go. */
void world_cut(struct world *w);
/* What is still under way happens, or part of it never does. */
void world_settle(struct world *w);
/* Let late things happen that are due. */
void world_advance(struct world *w);
struct slot *world_slot(struct world *w, const char *key);
bool world_has(struct world *w, const char *key);
bool world_has_durable(struct world *w, const char *key);

/* An invariant does not hold. */
void world_broken(struct world *w, const char *fmt, ...) PRINTF(2, 3);
void world_trace(struct world *w, const char *fmt, ...) PRINTF(2, 3);
void world_die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

/* --- processes --- */

struct proc *proc_spawn(struct world *w, const char *name, struct host *host,
    void (*main)(struct proc *p), void *arg);
/* Run it until it stands at its next point, or is done. */
void proc_step(struct proc *p);
/* Stop at a point; what happens there is p->order.  A dead one never stops. */
enum order proc_stop(
    struct proc *p, enum point at, enum backend_op op, const char *key);
/* Run all, as chance has it, until they are done or power fails. */
void world_run(struct world *w);

/* For fixed cases: run it to a point of an operation on a key that begins with
 * prefix (true), or to its end (false). */
bool proc_run_to(
    struct proc *p, enum point at, enum backend_op op, const char *prefix);
/* ... and with an order for that point. */
void proc_order(struct proc *p, enum order o);
void proc_run(struct proc *p); /* to its end */
void proc_kill(struct proc *p);

/* The engine and the catalog as process p sees them; store_open takes both. */
struct backend *engine_open(struct proc *p);
struct catalog *host_lend(struct proc *p);
enum blk_status host_new(
    struct host *h, enum catalog_sort sort, struct fault *why);

/* store_open for p, with the clock of the world. */
enum blk_status world_open(
    struct proc *p, bool create, struct store **s, struct fault *why);

#endif

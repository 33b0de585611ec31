/*
 * dedup.h - what deduplication saves: chunks of files, estimates without a
 * store, a report of a store, and chunking afterwards.
 */
#ifndef DEDUP_H
#define DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunker.h"
#include "digest.h"
#include "fault.h"
#include "filter.h"
#include "store.h"

/* --- chunks of a file --- */

typedef enum blk_status dedup_chunk(void *arg, uint64_t offset, uint32_t length,
    const struct digest *id, struct fault *why);

/*
 * Cut all that fd gives as a store with these sizes would.  name: for
 * messages.
 */
MUST_USE enum blk_status dedup_chunks(int fd, const char *name,
    const struct chunker_sizes *sizes, dedup_chunk *visit, void *arg,
    struct fault *why);

/* --- what storing paths would take --- */

struct dedup_estimate {
	struct chunker_sizes sizes; /* asked for */
	uint64_t files, dirs;
	uint64_t bytes; /* of the files */
	uint64_t chunks, unique_chunks;
	uint64_t unique_bytes; /* plain */
	uint64_t stored_bytes; /* segments, with tables and structure */
	uint64_t index_bytes;
	uint64_t segments; /* about: it depends on which thread takes what */
	bool sampled; /* ids were too many for memory: figures are scaled up
	               * from a sample */
};

struct dedup_options {
	const char *const *path;
	size_t paths;
	const struct filter *filter; /* or NULL */
	const char *compression;     /* as store settings; NULL: the default */
	unsigned jobs;               /* threads that a backup would have */
	uint64_t max_memory;
	bool (*stop)(void *arg, uint64_t bytes); /* asked now and then */
	/* What could not be read. */
	void (*problem)(void *arg, struct span path, const char *reason);
	void *arg;
};

/* Fill e[n], each for its own sizes, in one walk. */
MUST_USE enum blk_status dedup_estimate(const struct dedup_options *o,
    struct dedup_estimate *e, size_t n, struct fault *why);

/* --- what a store holds --- */

/* A version that is the content, or holds it at a path. */
struct dedup_place {
	char *name;
	uint64_t number;
	char *path; /* NULL: the version itself */
};

struct dedup_duplicate { /* content that is referred to more than once */
	struct digest id;
	uint64_t size, count;
	struct dedup_place *place; /* owned; filled in by dedup_places */
	size_t places;
};

struct dedup_report {
	uint64_t logical; /* bytes of all references to content */
	uint64_t whole;   /* of these, each content once */
	uint64_t chunked; /* live bytes of chunks: what is left after cutting */
	uint64_t structure; /* live bytes of lists, trees, records */
	uint64_t stored;    /* bytes of live segments */
	uint64_t uncut;     /* bytes of content stored in fixed pieces */
	struct dedup_duplicate *top; /* owned; largest savings first */
	size_t tops;
};

void dedup_report_release(struct dedup_report *r);

/* top: how many duplicates to list. */
MUST_USE enum blk_status dedup_look(
    struct store *s, size_t top, struct dedup_report *r, struct fault *why);

/*
 * Find up to most places of each of r->top: all, where it is referred to no
 * more often than that.  Those in the newest versions come first, each tree is
 * looked at once, and expired versions are left out.  Reads structure, until
 * there are enough; what cannot be read is passed over.
 */
MUST_USE enum blk_status dedup_places(
    struct store *s, size_t most, struct dedup_report *r, struct fault *why);

enum dedup_by { DEDUP_NAME, DEDUP_TYPE };

struct dedup_group {
	char *label; /* the name, or the type: "" where there is none */
	uint64_t versions;
	uint64_t size;   /* of all versions */
	bool known;      /* what follows; not where memory does not suffice */
	uint64_t data;   /* of that, each chunk once */
	uint64_t stored; /* what it takes, with structure; see usage.h */
};

struct dedup_groups {
	struct dedup_group *group; /* owned; the largest sizes first */
	size_t groups;
};

void dedup_groups_release(struct dedup_groups *g);

/* What is saved by name (without the 64-hex ones), or by type; the top
 * largest, without what has expired.  Walks the structure of these. */
MUST_USE enum blk_status dedup_group(struct store *s, enum dedup_by by,
    size_t top, struct dedup_groups *g, struct fault *why);

/* --- chunking afterwards --- */

struct dedup_applied {
	uint64_t objects, bytes;      /* cut anew */
	uint64_t before, after;       /* live bytes of the store */
	uint64_t stored, stored_then; /* before, and after: of segments */
	bool unfinished; /* max_time was reached, or files are in use */
};

/* How far it is; totals of 0 are not known. */
struct dedup_step {
	const char *phase; /* "look", "cut", then those of a collection */
	const char *unit;  /* what is counted, one of them */
	uint64_t done, all;
	uint64_t bytes, all_bytes; /* of what is cut */
};

struct dedup_apply_options {
	int64_t max_time_ms; /* 0: no bound */
	uint64_t max_memory;
	bool dry_run;
	/* Told now and then; true ends it behind the object at hand.  NULL:
	 * nobody is told. */
	bool (*step)(void *arg, const struct dedup_step *step);
	void *arg;
};

/*
 * Cut anew, by the store's sizes, what was stored in fixed 64 KiB pieces, an
 * object a time, committing now and then: resumable, beside normal use.  Ids
 * do not change.  The pieces are garbage then, as is what was stored twice
 * while lookups failed: a collection follows, as blk-gc makes it, unless
 * another is at work.
 */
MUST_USE enum blk_status dedup_apply(struct store *s,
    const struct dedup_apply_options *o, struct dedup_applied *a,
    struct fault *why);

#endif

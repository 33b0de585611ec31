/*
 * rm.h - which versions are to be dropped, decided on the head that the commit
 * is published on, and what becomes free by that.
 */
#ifndef RM_H
#define RM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "idmap.h"
#include "retention.h"
#include "store.h"
#include "usage.h"
#include "when.h"

enum rm_how {
	RM_ONE, /* the one version that a REF means */
	RM_ALL,
	RM_KEEP_LAST,
	RM_KEEP_WITHIN,
	RM_OLDER_THAN,
};

struct rm_request {
	enum rm_how how;
	uint64_t keep;         /* RM_KEEP_LAST */
	struct when_span span; /* RM_KEEP_WITHIN, RM_OLDER_THAN */
	bool force;            /* what is absent is no error */
	bool usage;            /* work out what becomes free */
	char **ref;
	size_t refs;
};

struct rm_drop {
	struct digest vid, id;
	char *name; /* owned */
	uint64_t number, size;
};

/* All zero but for r is empty. */
struct rm {
	const struct rm_request *r;
	struct rm_drop *drop;
	size_t drops, cap;
	struct idmap seen; /* their vids */
	bool usage_known;
	struct usage usage;
	struct fault unknown; /* why it is not */
	uint64_t commit;      /* number of the commit; 0: none was needed */
};

void rm_release(struct rm *rm);

/*
 * Find what is to be dropped, and what becomes free, without a commit.
 *
 * Returns: BLK_OK; BLK_ABSENT: one of the REFs is not there; BLK_INVALID:
 *          malformed or ambiguous, or a name with several versions and no
 *          word on which; BLK_CORRUPT; BLK_FAILED.
 */
MUST_USE enum blk_status rm_select(
    struct rm *rm, struct store *s, struct fault *why);

/* The same, and drop them in one commit.  Returns as store_commit too. */
MUST_USE enum blk_status rm_commit(
    struct rm *rm, struct store *s, struct fault *why);

#endif

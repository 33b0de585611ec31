/*
 * state-apply.h - a run of commits on its way into a catalog.  Private to the
 * state room.
 */
#ifndef STATE_APPLY_H
#define STATE_APPLY_H

#include <string.h>

#include "idmap.h"
#include "state-count.h"
#include "state.h"

struct change { /* a segment that the run adds or condemns */
	struct digest id;
	uint64_t bytes, commit;
	int64_t time;
	bool in_log, added, condemned;
	enum condemned_reason reason;
	uint64_t condemned_by;
	struct catalog_segment row; /* once it has one */
};

/*
 * A counted id some of whose copies come or go, as it was before: there are as
 * many as objects in the segments of a commit, so no more is kept than tells
 * which copies answered.
 */
struct dirty {
	struct digest id;
	uint8_t counted; /* a bit for each class */
	uint8_t copies;
	size_t first; /* of these in apply.was: the latest of each kind */
};

struct apply {
	struct catalog *c;
	const struct state_source *src;
	struct change *change;
	size_t changes, changes_cap;
	struct idmap known; /* segment id -> index into change */
	struct dirty *dirty;
	size_t dirties, dirties_cap;
	struct catalog_copy *was;
	size_t wases, was_cap;
	struct counter counter;
	bool was_partial; /* before the run: not all there is was counted */
};

/* What was known of it, as far as it tells which copies answered. */
static inline struct catalog_facts
apply_before(const struct apply *a, const struct dirty *d)
{
	struct catalog_facts f = { .copies = d->copies };

	for (int c = 0; c < CLASSES; c++)
		f.count[c] = d->counted >> c & 1;
	if (d->copies > 0)
		memcpy(f.copy, a->was + d->first, d->copies * sizeof(*f.copy));
	return f;
}

/*
 * Make the versions root[] and those of the run current, drop what it drops,
 * and apply all other verbs; the counts that this moves are left to
 * a->counter.
 */
MUST_USE enum blk_status apply_verbs(struct apply *a, const struct digest *root,
    size_t roots, const struct commit *run, size_t n, struct fault *why);

#endif

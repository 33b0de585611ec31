/*
 * state-apply.h - a run of commits on its way into a catalog.  Private to the
 * state room.
 */
#ifndef STATE_APPLY_H
#define STATE_APPLY_H

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

struct dirty { /* a counted id some of whose copies come or go */
	struct digest id;
	struct catalog_facts before;
};

struct apply {
	struct catalog *c;
	const struct state_source *src;
	struct change *change;
	size_t changes, changes_cap;
	struct idmap known; /* segment id -> index into change */
	struct dirty *dirty;
	size_t dirties, dirties_cap;
	struct counter counter;
	bool was_partial; /* before the run: not all there is was counted */
};

/*
 * Make the versions root[] and those of the run current, drop what it drops,
 * and apply all other verbs; the counts that this moves are left to
 * a->counter.
 */
MUST_USE enum blk_status apply_verbs(struct apply *a, const struct digest *root,
    size_t roots, const struct commit *run, size_t n, struct fault *why);

#endif

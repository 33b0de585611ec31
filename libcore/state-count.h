/*
 * state-count.h - keeps reference counts as references come and go.
 *
 * Changes are collected, written to the catalog in sorted runs, and followed
 * into the texts of structures whose count leaves or reaches zero, until
 * nothing changes any more.  What others refer to waits until those are
 * through: most ids are then written once, and so many of them side by side
 * that the catalog reads them as it stands.  Private to the state room.
 */
#ifndef STATE_COUNT_H
#define STATE_COUNT_H

#include "catalog.h"
#include "state.h"

struct counter_job { /* a structure whose children are to be counted */
	struct digest id;
	struct catalog_copy copy;
	int sign; /* +1 it is counted now, -1 no longer */
};

struct counter_change {
	struct digest id;
	int64_t by;
};

struct counter_class { /* changes of a class: as they came */
	struct counter_change *change;
	size_t changes, cap;
};

struct counter {
	struct catalog *catalog;
	const struct state_source *source;
	struct counter_class waiting[CLASSES];
	struct counter_job *job;
	size_t jobs, cap;
	struct buf text;
	bool retrace; /* what is needed is gone: counts must be made afresh */
	bool tracing; /* from scratch */
	bool partial; /* something below what is counted could not be read */
};

void counter_init(
    struct counter *ct, struct catalog *c, const struct state_source *src);
void counter_release(struct counter *ct);

MUST_USE enum blk_status counter_add(struct counter *ct,
    const struct digest *id, enum class class, int change, struct fault *why);

/* Count (or uncount) the children of one copy of a structure, whatever its
 * own count: its winner has changed. */
MUST_USE enum blk_status counter_children(struct counter *ct,
    const struct digest *id, const struct catalog_copy *copy, int sign,
    struct fault *why);

/*
 * Work until nothing changes.  With ct->retrace set on return the counts are
 * unfinished and state_recount must follow.
 */
MUST_USE enum blk_status counter_run(struct counter *ct, struct fault *why);

/*
 * Make the version vid current: its text is read from its winning copy, and
 * says what the commit said (NULL: nothing).  Where it cannot be read, and the
 * source is tolerant, that is noted (STATE_VERSION).
 */
MUST_USE enum blk_status state_adopt(struct catalog *c,
    const struct digest *vid, const struct commit_verb *said,
    const struct state_source *src, struct fault *why);

/* Remember whether versions and counts are all that there are. */
MUST_USE enum blk_status state_note_partial(
    struct catalog *c, bool partial, struct fault *why);

/* Move live bytes from the copies that were live to those that are. */
MUST_USE enum blk_status counter_live(struct counter *ct,
    const struct digest *id, const struct catalog_facts *before,
    const struct catalog_facts *after, struct fault *why);

#endif

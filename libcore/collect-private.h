/*
 * collect-private.h - what the files of the collect room share.
 */
#ifndef COLLECT_PRIVATE_H
#define COLLECT_PRIVATE_H

#include "collect.h"

/* What was added by day (UTC), by commits that no `stat grown` line of the log
 * covers yet.  All zero but for to is none. */
struct growth {
	struct collect_day *day; /* ascending */
	size_t days, cap;
	uint64_t to; /* the last commit that was looked at */
};

/* Begin behind the last commit that the lines cover; with past, the days that
 * they tell are in it. */
MUST_USE enum blk_status growth_begin(
    struct store *s, bool past, struct growth *g, struct fault *why);
/* Look at the commits behind g->to, as far as there are records of them. */
MUST_USE enum blk_status growth_extend(
    struct store *s, struct growth *g, struct fault *why);
void growth_release(struct growth *g);

/* For store_draft.decide: say what a collection did, and the growth. */
struct collect_word {
	const struct collect_report *report;
	struct growth *growth;
	int64_t began_ms;
};

MUST_USE enum blk_status collect_say(
    void *word, struct store *s, struct commit *k, struct fault *why);

/* BLK_CORRUPT where what is garbage is not known. */
MUST_USE enum blk_status collect_allowed(struct store *s, struct fault *why);

/* What becomes of an object of a victim. */
enum collect_fate {
	FATE_GOES = 0,
	FATE_MAY_STAY, /* nothing refers to it; it is as good as any chunk */
	FATE_LIVES,    /* it has to be copied */
};

/*
 * What becomes of the objects of a live segment, with this table, when it is
 * condemned: fate[t->objects].  All go where it is condemned by now.
 *
 * What another copy answers for goes: copied, it would answer instead of a
 * copy that may have been put to heal it.  So does all that nothing refers to
 * while damage is noted: a note does not come along, and damage would be found
 * and used again.
 *
 * Returns: BLK_OK; BLK_CORRUPT where the index contradicts itself (R6).
 */
MUST_USE enum blk_status collect_alive(struct store *s,
    const struct digest *segment, const struct segment_table *t,
    enum collect_fate *fate, struct fault *why);

struct collect_victim {
	struct catalog_segment seg; /* of an orphan: id and bytes only */
	bool orphan;
};

struct collect_victims {
	struct store *s;
	const struct collect_options *o;
	struct collect_report *r;
	uint64_t segment_size;
	/* Dead bytes that may come along with what lives in the victims: what
	 * may be unused is not more then.  Set by collect_choose. */
	uint64_t spare;
	struct collect_victim *victim; /* owned */
	size_t victims, cap;
};

/* Bring the store to its head and choose, least alive first, orphans last. */
MUST_USE enum blk_status collect_choose(
    struct collect_victims *p, struct fault *why);

#endif

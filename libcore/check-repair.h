/*
 * check-repair.h - a repair on its way.  Private to the check room.
 */
#ifndef CHECK_REPAIR_H
#define CHECK_REPAIR_H

#include "check-private.h"

struct need { /* an object whose winning copy lies in a victim, or nowhere */
	struct digest id;
	enum class class;
	struct catalog_copy copy;
	bool found;
	bool lost; /* as was said before */
};

struct repair {
	struct store *s;
	const struct repair_options *o;
	struct repair_report *r;
	struct catalog_segment *victim;
	size_t victims, victims_cap;
	struct need *need;
	size_t needs, needs_cap;
	struct idmap by_id; /* (id, class) -> index into need, plus one */
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *data, *structure;
	struct digest *added;
	size_t addeds, addeds_cap;
	struct buf bytes;
	bool unread;         /* somewhere could not be looked, */
	struct fault unsaid; /* ... first for this reason */
};

/* An object was found: write it.  n->found is set; what it refers to and is
 * not there is needed, too, so that p->need may have moved. */
MUST_USE enum blk_status repair_keep(struct repair *p, struct need *n,
    enum kind kind, const void *data, size_t len, struct fault *why);

/*
 * What a look somewhere ended with.  A place that cannot be read now may hold
 * what is needed: the others are asked, but nothing is said lost then.
 */
void repair_looked(
    struct repair *p, enum blk_status st, const struct fault *reason);

/* Look for an object among the copies that a store holds (the damaged one
 * included, and condemned segments); in the other stores by its id. */
MUST_USE enum blk_status repair_from_copies(struct repair *p,
    struct store *from, struct need *n, bool *done, struct fault *why);
/* A version's record, from the row that the index has of it. */
MUST_USE enum blk_status repair_from_row(
    struct repair *p, struct need *n, bool *done, struct fault *why);
MUST_USE enum blk_status repair_from_stores(
    struct repair *p, struct need *n, struct fault *why);
/* Cut the files of the directories, and keep what is needed. */
MUST_USE enum blk_status repair_from_dirs(struct repair *p, struct fault *why);

#endif

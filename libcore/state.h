/*
 * state.h - what commits mean: apply them to a catalog, and judge one before
 * it is published.
 *
 * The state at a commit is a function of the live segments in their order of
 * adding, the live versions and what is said lost:
 *   - the winner of (id, class) is the latest added live copy of a kind that
 *     the class takes, but bytes (data) before any list of them;
 *   - a version counts one for its own id; a counted structure counts one
 *     for each of its lines, once, as its winner spells them;
 *   - what has a count is live.
 * state_apply keeps all this incrementally; state_recount makes it afresh by
 * a trace.  Both give the same (tests/unit/state.c).
 *
 * Rules R1 to R6 are in blk-store(5).  This room decides R1, R4 and R5.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "catalog.h"
#include "digest.h"
#include "fault.h"
#include "log.h"
#include "segment.h"

#define STATE_REDIRECT CATALOG_REDIRECT

/* Why nothing is condemned in a catalog that is not whole. */
#define STATE_UNKNOWN                                                          \
	"what structure that is missing or damaged refers to is not known: "   \
	"run blk-check --repair"

/* Where the bytes of segments come from. */
struct state_source {
	/*
	 * The table of a segment, borrowed until release.  ABSENT when the
	 * file is gone.
	 */
	enum blk_status (*table)(void *arg, const struct catalog_segment *s,
	    const struct segment_table **t, struct fault *why);
	void (*release)(void *arg, const struct segment_table *t);
	/*
	 * The text of a structure in it, appended to b, checked against id
	 * where the kind allows it.  ABSENT when the file is gone.
	 */
	enum blk_status (*text)(void *arg, const struct catalog_segment *s,
	    const struct catalog_copy *copy, const struct digest *id,
	    struct buf *b, struct fault *why);
	void *arg;
	/*
	 * Take a segment whose table cannot be read for an empty one, and
	 * note it as damaged (ordinal STATE_TABLE): for a store that has
	 * lost a segment, once newer commits and checkpoints were looked
	 * for.
	 */
	bool tolerant;
};

#define STATE_TABLE UINT32_MAX

/* Noted, where source.tolerant, of a version id in place of a segment's: the
 * version exists, but its record cannot be read. */
#define STATE_VERSION (UINT32_MAX - 1)

/*
 * Apply a run of commits, ascending and without a gap from the catalog's
 * head (which may be unknown: then from 0), by its net effect.  Between
 * begin and commit of the catalog.
 *
 * Returns: BLK_OK; BLK_ABSENT when a segment that the run leaves live cannot
 *          be read (look for newer commits or a checkpoint first);
 *          BLK_CORRUPT when a counted object is left without a copy and is
 *          not said lost, or a text is damaged; BLK_FAILED, also where it
 *          needs a newer blk.  After any but BLK_OK: roll back.
 */
MUST_USE enum blk_status state_apply(struct catalog *c,
    const struct commit *run, size_t n, const struct state_source *src,
    struct fault *why);

/*
 * Complete a catalog that holds only what a checkpoint says (checkpoint_load)
 * and apply the commits behind it, in one: segments that these condemn may be
 * gone.  Plain lengths and copies come from the tables of live segments, the
 * versions are root[] and what the run makes of them, and all counts come
 * from a trace.
 *
 * Returns: as state_apply.
 */
MUST_USE enum blk_status state_load(struct catalog *c,
    const struct digest *root, size_t roots, const struct commit *run, size_t n,
    const struct state_source *src, struct fault *why);

/* Throw all counts away and make them again by a trace from the versions. */
MUST_USE enum blk_status state_recount(
    struct catalog *c, const struct state_source *src, struct fault *why);

/*
 * Is all below (id, class) there, down to chunks in live segments, nothing
 * lost?  *whole says so; *missing, unless NULL, is the first id that is not.
 * Walks; nothing below a counted structure is looked at, unless something
 * is noted lost or damaged in the store.
 */
MUST_USE enum blk_status state_whole(struct catalog *c, const struct digest *id,
    enum class class, const struct state_source *src, bool *whole,
    struct digest *missing, struct fault *why);

/* As src->table, obeying src->tolerant: *t is NULL for what is unreadable,
 * which is then noted as damaged. */
MUST_USE enum blk_status state_table(struct catalog *c,
    const struct catalog_segment *s, const struct state_source *src,
    const struct segment_table **t, struct fault *why);

/* R5: may this be referred to without storing it again? */
MUST_USE enum blk_status state_reusable(struct catalog *c,
    const struct digest *id, enum class class, bool *reusable,
    struct fault *why);

/*
 * A commit that is about to be published, as the judge sees it: its verbs,
 * and the tables of the segments that it adds, in the order of adding, the
 * objects of its own file last.
 */
struct state_added {
	struct digest id; /* unused for the commit's own file */
	const struct segment_table *table;
};

struct state_ref {
	struct digest id;
	enum class class;
};

struct state_proposal {
	const struct commit *commit;
	const struct state_added *added;
	size_t addeds;
	/* The text of a structure among them: which table, which object. */
	enum blk_status (*text)(void *arg, size_t table, uint32_t ordinal,
	    struct buf *b, struct fault *why);
	void *arg;

	/*
	 * What the author knows of the structures that it made: every one of
	 * them refers only to objects among added, to chunks found in the
	 * segments leans[], and to structures relies[].  With traced set
	 * these are checked instead of all the texts.
	 */
	bool traced;
	const struct digest *lean; /* ids of segments */
	size_t leans;
	const struct state_ref *rely;
	size_t relies;
	bool collector; /* judged by (b) but for what is, or is said, lost */
};

/* What the judge found wanting: to be added to the commit, or given up. */
struct state_verdict {
	struct state_ref *missing; /* owned; empty: it may be published */
	size_t missings, cap;
};

void state_verdict_release(struct state_verdict *v);

/*
 * Judge a proposal by the state that it would leave on the catalog's head
 * (R4 a, b and c; R1).  What depends on names (d) is its author's to decide
 * again.  Where the catalog is not whole, what is counted is not known, and
 * only damaged segments are condemned.
 *
 * Returns: BLK_OK, and the verdict; BLK_INVALID when it breaks R1 (adds what
 *          was added before) or condemns or drops what is not there;
 *          BLK_CORRUPT.
 */
MUST_USE enum blk_status state_judge(struct catalog *c,
    const struct state_proposal *p, const struct state_source *src,
    struct state_verdict *v, struct fault *why);

#endif

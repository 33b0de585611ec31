/*
 * catalog.h - the rows that say what is in a store.
 *
 * A catalog holds the outcome of the log up to its head: segments in the
 * order in which they were added, copies of objects, reference counts,
 * versions, names, what is lost, settings and statistics.  It knows nothing
 * of what they mean: the state room applies commits to it and judges them.
 * It lies in memory (catalog-memory.c: the model, the memory engine) or in
 * SQLite (index.c).  Both behave alike; tests/unit/catalog.c runs the same
 * random calls on both.
 *
 * A catalog is used by one thread at a time.  Changes are made between begin
 * and commit; what is read in between sees them.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "segment.h"
#include "structure.h"

enum condemned_reason {
	REASON_NONE = 0, /* live */
	REASON_COLLECTED,
	REASON_ORPHAN, /* no commit ever added it */
	REASON_DAMAGED,
};

const char *reason_name(enum condemned_reason r);

struct catalog_segment {
	uint64_t seq;     /* order of adding, from 1; local to this catalog */
	struct digest id; /* SHA-256 of the file */
	uint64_t bytes;   /* of the file */
	uint64_t plain;   /* of its objects but records, decoded */
	uint64_t live;    /* of those, in copies that answer a reference */
	uint64_t marks;   /* of these copies, added up: see catalog_mark */
	uint64_t commit;  /* that added it; 0 for an orphan */
	int64_t time;     /* of that commit, ns */
	bool in_log;      /* the file is log/<commit> */
	uint32_t objects;
	enum condemned_reason reason;
	uint64_t condemned; /* commit that condemned it; 0: live */
};

/* Where a copy of an object lies: object[ordinal] of a segment's table. */
struct catalog_copy {
	uint64_t seq;
	uint32_t ordinal;
	uint32_t length;
	uint8_t kind;
};

/* The setting under which a catalog keeps a redirect; no user can set it. */
#define CATALOG_REDIRECT "redirect"

#define CATALOG_COPIES 16 /* more copies of one id than these are not told */

/*
 * All that is known of an id.  Copies in condemned segments are left out;
 * the rest stand latest added first, and within a segment only the first of
 * a kind.
 */
struct catalog_facts {
	uint64_t count[CLASSES];
	bool lost[CLASSES];
	struct catalog_copy copy[CATALOG_COPIES];
	size_t copies;
};

struct catalog_head {
	bool known; /* false: empty catalog, nothing was applied */
	uint64_t number;
	struct digest hash;            /* SHA-256 of the commit file */
	uint8_t tail[SEGMENT_TRAILER]; /* its last bytes */
	uint64_t bytes;                /* its length; 0: not known */
	uint64_t checkpoint; /* newest that was loaded or obeyed; 0: none */
	uint64_t durable;    /* commits up to here are known to be durable */
	bool partial; /* versions and counts that structure which could not be
	               * read would have are left out */
};

struct catalog_totals {
	uint64_t segments, live_bytes, plain_bytes, stored_bytes;
	uint64_t condemned, condemned_bytes;
	uint64_t objects;          /* copies in live segments */
	uint64_t counted;          /* ids with a count, by any class */
	uint64_t contents, chunks; /* ids with a count as content, as data */
	uint64_t versions, names;
	uint64_t lost, damaged;
};

/* A row of a listing of versions. */
struct catalog_version {
	struct digest vid;
	struct version v; /* borrowed during the visit */
};

/* What to list; all zero: everything, by name and number. */
struct catalog_query {
	const char *name;             /* exactly this one */
	const char *prefix;           /* names that begin so */
	const char *type;             /* NULL: any */
	const struct digest *content; /* versions of this content */
	const struct digest *link;    /* versions with a link to this id */
	int64_t since, until;         /* ns, since <= time < until; 0: open */
	/* Only what stands behind this name and number in the list, so that
	 * a long one can be read in several calls.  NULL: from the first. */
	const char *after;
	uint64_t after_number;
	bool newest;  /* of each name only the newest */
	bool unnamed; /* 64-hex names too */
	bool named;   /* not 64-hex names */
};

/* Which rows to look at: those before it, too. */
enum catalog_rows {
	CATALOG_SEGMENTS,
	CATALOG_NAMES, /* all that a checkpoint is made of */
	CATALOG_IDS,   /* all */
};

struct catalog;

/*
 * The operations.  All return BLK_OK, BLK_FAILED, or BLK_CORRUPT when the
 * catalog itself is unsound (a row's check does not match, SQLite says
 * corrupt): then it must be rebuilt; ABSENT where said.
 */
struct catalog_type {
	void (*close)(struct catalog *c);

	/* Nested calls are not allowed.  rollback undoes all since begin (in
	 * memory: it may leave an empty catalog, head unknown). */
	enum blk_status (*begin)(struct catalog *c, struct fault *why);
	enum blk_status (*commit)(struct catalog *c, struct fault *why);
	void (*rollback)(struct catalog *c);
	/*
	 * Until release, or begin, all reads see one state of the catalog and
	 * cost less.  For a short run of reads.  Not BLK_OK: nothing is held.
	 * keep: facts that are read are kept, in bounded memory, for the
	 * transaction that comes next, unless others change the catalog.
	 * NULL: nobody else changes the catalog.  Called by catalog_hold,
	 * catalog_keep, catalog_release.
	 */
	enum blk_status (*hold)(
	    struct catalog *c, bool keep, struct fault *why);
	void (*release)(struct catalog *c);
	/* Remove every row: what follows is a rebuild. Damage notes stay. */
	enum blk_status (*clear)(struct catalog *c, struct fault *why);

	enum blk_status (*head_get)(
	    struct catalog *c, struct catalog_head *h, struct fault *why);
	enum blk_status (*head_set)(
	    struct catalog *c, const struct catalog_head *h, struct fault *why);

	/*
	 * Add a row; s->seq must be above all there are (see segment_last).
	 * ids are unique, condemned ones included.
	 */
	enum blk_status (*segment_add)(struct catalog *c,
	    const struct catalog_segment *s, struct fault *why);
	/* Replace live, marks, plain, objects, reason and condemned of row
	 * s->seq. */
	enum blk_status (*segment_update)(struct catalog *c,
	    const struct catalog_segment *s, struct fault *why);
	/* A copy of id begins, or ceases, to answer a reference: add it to
	 * live and marks of its segment's row, or take it out. */
	enum blk_status (*segment_live)(struct catalog *c,
	    const struct digest *id, const struct catalog_copy *copy, bool live,
	    struct fault *why);
	enum blk_status (*segment_drop)(struct catalog *c, uint64_t seq,
	    struct fault *why); /* with its copies; absent: BLK_OK */
	enum blk_status (*segment_get)(struct catalog *c, uint64_t seq,
	    struct catalog_segment *s, struct fault *why); /* ABSENT */
	enum blk_status (*segment_find)(struct catalog *c,
	    const struct digest *id, struct catalog_segment *s,
	    struct fault *why); /* ABSENT */
	/* The row with the least seq above after: ABSENT at the end. */
	enum blk_status (*segment_next)(struct catalog *c, uint64_t after,
	    struct catalog_segment *s, struct fault *why);
	enum blk_status (*segment_last)(
	    struct catalog *c, uint64_t *seq, struct fault *why); /* 0: none */

	/* Rows for all objects of a table, as copies in segment seq; of
	 * equal (id, kind) the first counts.  Records are left out. */
	enum blk_status (*copies_add)(struct catalog *c, uint64_t seq,
	    const struct segment_table *t, struct fault *why);
	enum blk_status (*facts)(struct catalog *c, const struct digest *id,
	    struct catalog_facts *f, struct fault *why);
	/* As facts, but only the copies, and those in condemned segments
	 * too: for rescuing what a session leaned on. */
	enum blk_status (*copies_all)(struct catalog *c,
	    const struct digest *id, struct catalog_facts *f,
	    struct fault *why);
	/* All copies that lie in live segments, in any order, until visit
	 * returns other than BLK_OK. */
	enum blk_status (*copies_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, const struct digest *id,
	        const struct catalog_copy *copy, struct fault *why),
	    void *arg, struct fault *why);
	/* The counted ids (of any class) that begin with the first bits bits
	 * of prefix, ascending, until visit returns other than BLK_OK. */
	enum blk_status (*ids_each)(struct catalog *c,
	    const struct digest *prefix, unsigned bits,
	    enum blk_status (*visit)(void *arg, const struct digest *id,
	        const struct catalog_facts *f, struct fault *why),
	    void *arg, struct fault *why);
	/* n facts at once; ids sorted ascending makes it fast. */
	enum blk_status (*facts_many)(struct catalog *c,
	    const struct digest *id, size_t n, struct catalog_facts *f,
	    struct fault *why);
	enum blk_status (*count_set)(struct catalog *c, const struct digest *id,
	    enum class class, uint64_t count,
	    struct fault *why); /* 0 removes the row */
	enum blk_status (*counts_clear)(struct catalog *c,
	    struct fault *why); /* all counts and all segments' live */
	/* True: surely no count, and nothing lost. */
	bool (*counts_empty)(struct catalog *c);
	enum blk_status (*lost_set)(struct catalog *c, const struct digest *id,
	    enum class class, bool lost, struct fault *why);
	enum blk_status (*lost_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, const struct digest *id,
	        enum class class, struct fault *why),
	    void *arg, struct fault *why); /* by id, class */

	/* Make v current under vid; the row replaces an equal vid. */
	enum blk_status (*version_put)(struct catalog *c,
	    const struct digest *vid, const struct version *v,
	    struct fault *why);
	enum blk_status (*version_drop)(struct catalog *c,
	    const struct digest *vid, struct fault *why); /* or ABSENT */
	enum blk_status (*version_get)(struct catalog *c,
	    const struct digest *vid, struct catalog_version *v,
	    struct fault *why); /* ABSENT; v->v is the caller's */
	/* By name bytes, then number; q->newest per name the greatest. */
	enum blk_status (*version_each)(struct catalog *c,
	    const struct catalog_query *q,
	    enum blk_status (*visit)(
	        void *arg, const struct catalog_version *v, struct fault *why),
	    void *arg, struct fault *why);
	/* The last number and version id that a name ever had: kept when
	 * all versions are dropped, but for 64-hex names. */
	enum blk_status (*name_set)(struct catalog *c, const char *name,
	    uint64_t number, const struct digest *vid, struct fault *why);
	enum blk_status (*name_get)(struct catalog *c, const char *name,
	    uint64_t *number, struct digest *vid, struct fault *why);
	enum blk_status (*name_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, const char *name,
	        uint64_t number, const struct digest *vid, struct fault *why),
	    void *arg, struct fault *why); /* by name bytes */

	/* value NULL removes.  get: ABSENT, else from malloc. */
	enum blk_status (*setting_set)(struct catalog *c, const char *key,
	    const char *value, struct fault *why);
	enum blk_status (*setting_get)(struct catalog *c, const char *key,
	    char **value, struct fault *why);
	enum blk_status (*setting_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, const char *key,
	        const char *value, struct fault *why),
	    void *arg, struct fault *why); /* by key bytes */

	/* `stat` lines of the log, verbatim behind the word, in order.
	 * commit: the number of the commit that said it. */
	enum blk_status (*stat_add)(struct catalog *c, uint64_t commit,
	    const char *line, struct fault *why);
	enum blk_status (*stat_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, uint64_t commit,
	        const char *line, struct fault *why),
	    void *arg, struct fault *why);

	/* Commit records verbatim, until drop_below removes those under
	 * number.  each: ascending, from number on. */
	enum blk_status (*record_add)(struct catalog *c, uint64_t number,
	    const struct digest *hash, const void *text, size_t len,
	    struct fault *why);
	enum blk_status (*record_each)(struct catalog *c, uint64_t from,
	    enum blk_status (*visit)(void *arg, uint64_t number,
	        const struct digest *hash, struct span text, struct fault *why),
	    void *arg, struct fault *why);
	enum blk_status (*records_drop)(
	    struct catalog *c, uint64_t below, struct fault *why);

	/* Damage seen by readers: no function of the log, in no listing,
	 * kept over a rebuild.  ids are of (segment id, ordinal). */
	enum blk_status (*damage_note)(struct catalog *c,
	    const struct digest *segment, uint32_t ordinal, bool damaged,
	    struct fault *why);
	enum blk_status (*damage_has)(struct catalog *c,
	    const struct digest *segment, uint32_t ordinal, bool *damaged,
	    struct fault *why);

	enum blk_status (*damage_each)(struct catalog *c,
	    enum blk_status (*visit)(void *arg, const struct digest *segment,
	        uint32_t ordinal, struct fault *why),
	    void *arg, struct fault *why); /* in any order */

	/* Is anything noted lost or damaged?  Cheap: asked for each reuse of
	 * a structure. */
	enum blk_status (*anything_wrong)(
	    struct catalog *c, bool *wrong, struct fault *why);

	/* Exact, from the rows. */
	enum blk_status (*totals)(
	    struct catalog *c, struct catalog_totals *t, struct fault *why);

	/* Look at every row of these: do the checks match, and do they sum
	 * up to what was kept while rows came and went (R6)?  BLK_CORRUPT if
	 * not. */
	enum blk_status (*verify)(
	    struct catalog *c, enum catalog_rows which, struct fault *why);
};

struct catalog {
	const struct catalog_type *type;
	bool cut; /* for its user: the log goes on where it cannot be read */
};

/* Is what the catalog does not hold surely not in the store?  Not where it
 * is cut, or partial. */
MUST_USE enum blk_status catalog_is_whole(
    struct catalog *c, bool *whole, struct fault *why);

/* A new, empty catalog in memory. */
MUST_USE enum blk_status catalog_memory_new(
    struct catalog **out, struct fault *why);

void catalog_close(struct catalog *c); /* NULL: does nothing */

/* type->hold and type->release, where there are any.  Not between begin and
 * commit.  release does nothing where nothing is held. */
MUST_USE enum blk_status catalog_hold(struct catalog *c, struct fault *why);
MUST_USE enum blk_status catalog_keep(struct catalog *c, struct fault *why);
void catalog_release(struct catalog *c);

/*
 * Visit n items of size bytes, each of which begins with its id, with the facts
 * of that: read some at a time, so visit may change what is said of its own id
 * and of none that follow.  In order of ids (ids.h) they are found fastest.
 * Ends when visit fails.
 */
MUST_USE enum blk_status catalog_facts_each(struct catalog *c,
    const void *items, size_t n, size_t size,
    enum blk_status (*visit)(void *arg, const void *item,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why);

/* For catalogs: add a copy of id to what is live in its segment's row, or take
 * it out. */
void catalog_segment_count(struct catalog_segment *row, const struct digest *id,
    const struct catalog_copy *copy, bool live);

/* For catalogs: put a copy into its place in f, latest added first, and
 * within a segment by ordinal.  Of more than there is room for, the latest of
 * each kind is among those that stay. */
void catalog_facts_add(
    struct catalog_facts *f, const struct catalog_copy *copy);

/*
 * Which copy answers a reference of a class: the latest added one of a kind
 * that the class takes, but bytes before any list of them; NULL when there is
 * none.
 */
const struct catalog_copy *catalog_winner(
    const struct catalog_facts *f, enum class class);

/*
 * The mark of a copy: marks of different sets of copies have different sums,
 * but by an accident that needs not be feared.
 */
uint64_t catalog_mark(const struct digest *id, uint8_t kind);

/*
 * The copies that are live: those that answer a class with a count.  Fills
 * up to two pointers into f; returns how many.
 */
size_t catalog_live(
    const struct catalog_facts *f, const struct catalog_copy *live[static 2]);

#endif

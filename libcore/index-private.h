/*
 * index-private.h - what the files of the index room share.
 *
 *   index.c           open, replace, yield; the table of operations
 *   index-file.c      the connection, and making an empty file
 *   index-transaction.c  begin, commit, rollback, clear
 *   index-schema.c    the schema, and every statement
 *   index-sql.c       prepare, bind, step; the check of each row; faults
 *   index-meta.c      the row of the head and totals; sums of all checks
 *   index-segments.c  rows of segments, and the cache of them
 *   index-facts.c     copies, counts, what is lost
 *   index-row.c       all that is known of an id, as one row
 *   index-pending.c   these rows within a transaction, kept in memory
 *   index-flush.c     and written at its end
 *   index-versions.c  versions, attributes, links, names
 *   index-notes.c     settings, statistics, records, damage
 *   index-verify.c    looks at every row; sweeps and gives pages back
 */
#ifndef INDEX_PRIVATE_H
#define INDEX_PRIVATE_H

#include <sqlite3.h>
#include <stdarg.h>
#include <sys/types.h>

#include "idmap.h"
#include "index.h"

#define INDEX_SCHEMA 1
#define INDEX_COLUMNS 32 /* no row has more */

/* Tables whose rows are summed; the numbers go into checks: never reused. */
enum index_table {
	TABLE_META = 0,
	TABLE_SUMS = 1,
	TABLE_SEGMENTS = 2,
	TABLE_FACTS = 3,
	TABLE_VERSIONS = 4,
	TABLE_ATTRS = 5,
	TABLE_LINKS = 6,
	TABLE_NAMES = 7,
	TABLE_SETTINGS = 8,
	TABLE_STATS = 9,
	TABLE_RECORDS = 10,
	TABLE_DAMAGE = 11,
	TABLES = 12,
};

const char *index_table_name(enum index_table t);
int index_table_columns(enum index_table t); /* without chk */

enum index_statement {
	SQL_BEGIN,
	SQL_BEGIN_WRITE,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_META,
	SQL_META_SET,
	SQL_SUMS,
	SQL_SUM_SET,
	SQL_SEGMENT,
	SQL_SEGMENT_BY_ID,
	SQL_SEGMENT_NEXT,
	SQL_SEGMENT_LAST,
	SQL_SEGMENT_ADD,
	SQL_SEGMENT_SET,
	SQL_SEGMENT_DROP,
	SQL_FACTS,
	SQL_ALL_FACTS,
	SQL_FACT_ADD,
	SQL_FACTS_ADD, /* INDEX_LOT rows */
	SQL_FACT_SET,
	SQL_FACTS_SET, /* INDEX_LOT rows */
	SQL_FACT_DROP,
	SQL_LOST,
	SQL_COPIES,
	SQL_IDS,
	SQL_IDS_SOME,
	SQL_VERSION,
	SQL_VERSIONS_OF,
	SQL_NEWEST_OF,
	SQL_VERSION_ADD,
	SQL_VERSION_DROP,
	SQL_NAME_IN_USE,
	SQL_ATTRS,
	SQL_ATTR_ADD,
	SQL_ATTRS_DROP,
	SQL_LINKS,
	SQL_LINK_ADD,
	SQL_LINKS_DROP,
	SQL_NAME,
	SQL_NAME_ADD,
	SQL_NAME_DROP,
	SQL_NAMES,
	SQL_SETTING,
	SQL_SETTING_ADD,
	SQL_SETTING_DROP,
	SQL_SETTINGS,
	SQL_STAT_ADD,
	SQL_STATS,
	SQL_RECORD_ADD,
	SQL_RECORDS,
	SQL_RECORDS_DROP,
	SQL_DAMAGE,
	SQL_DAMAGE_ADD,
	SQL_DAMAGE_DROP,
	STATEMENTS,
};

extern const char *const index_sql[STATEMENTS];
extern const char index_tables[], index_views[];

#define INDEX_LOT 16     /* rows of facts in one statement */
#define INDEX_SLICES 256 /* of ids, by their first byte */

/* what of a fact: the kind of a copy (1..7), or */
#define FACT_COUNT 16 /* + class: a count */
#define FACT_LOST 32  /* + class: said lost */

/* The row of meta, but for what never changes. */
struct index_meta {
	struct catalog_head head;
	struct catalog_totals totals;
	uint64_t stale;     /* copies left behind by dropped segments */
	uint64_t stale_max; /* the highest seq of these */
	uint64_t slice; /* the next that a sweep looks at; 0: none goes on */
};

struct index_sum {
	uint64_t rows, sum;
	bool changed;
};

/* A row of segments, as it stands or is to be written. */
struct index_segment {
	struct catalog_segment s;
	uint64_t copies; /* that lie in it */
	uint32_t chk;    /* of the row in the table */
	bool used, absent, changed;
};

struct index_segments { /* open addressing, by seq */
	struct index_segment *slot;
	size_t slots, used;
};

/* Something that is known of an id. */
struct index_fact {
	uint64_t segment, amount;
	uint32_t place;
	uint32_t next; /* of the same id */
	uint8_t what;
	bool gone; /* it is so no longer */
};

/* A row of facts, as it was read. */
struct index_row {
	struct digest id;
	struct index_fact *fact; /* owned */
	size_t facts, cap;
	uint32_t chk;
};

/* The same in the columns of the table, but for id and chk. */
struct index_columns {
	uint64_t kind, segment, place, length; /* kind 0: no copy */
	uint64_t class, count;                 /* class 0: no count */
	struct buf rest; /* further facts, as a text with a NUL; or empty */
};

#define INDEX_NO_FACT UINT32_MAX
#define INDEX_REST_MAX ((size_t)1 << 24) /* bytes of rest: 300000 copies */

struct index_pended {
	uint32_t first; /* fact, or INDEX_NO_FACT */
	uint32_t chk;   /* of the row that stands in the table */
	bool known;     /* what the table says is among the facts */
	bool stored;    /* a row stands in the table */
	bool changed;   /* it is to be written */
};

struct index_pending {
	struct idmap at; /* from an id to its place in id[] */
	struct index_pended *id;
	size_t ids, ids_cap;
	struct index_fact *fact;
	size_t facts, facts_cap;
	uint64_t flushes; /* how often all was written */
	bool fresh;       /* the table was empty: what is not here is nowhere */
};

struct index {
	struct catalog base;
	struct index_options o; /* dir is owned */
	char *path;
	mode_t file_mode;
	int dir_fd, lock_fd, apply_fd;
	dev_t dev; /* of the file that is open */
	ino_t ino;
	uint8_t generation[16];

	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS];
	bool writing; /* between begin and commit */
	bool held;    /* between hold and release */
	bool keep;    /* while held: what is read is kept in pending */
	int wal_pages;
	bool shrunk; /* the file shall give room back: a checkpoint is due */

	struct index_meta meta; /* while writing */
	struct index_sum sum[TABLES];
	uint32_t version; /* of the data that the cache below is of */
	struct index_segments segments;
	struct index_pending pending; /* while writing, or of version */
	struct index_row row;         /* the one that was looked up */
	struct index_memo { /* facts of the id that was looked at last */
		bool known; /* while held */
		struct digest id;
		struct catalog_facts f;
	} memo;
};

static inline struct index *
index_of(struct catalog *c)
{
	return (struct index *)c;
}

/* --- index-sql.c --- */

/* What SQLite said, as a status and a text that begins with "index". */
enum blk_status index_fault(struct index *x, int rc, struct fault *why);
/* A row that is not what was written. */
enum blk_status index_unsound(
    struct index *x, enum index_table t, struct fault *why);

/* A statement ready to be bound.  It is kept; no visitor is called while it
 * runs.  One made by index_prepare_text is the caller's to finalize. */
MUST_USE enum blk_status index_prepare(struct index *x,
    enum index_statement which, sqlite3_stmt **out, struct fault *why);
MUST_USE enum blk_status index_prepare_text(
    struct index *x, const char *sql, sqlite3_stmt **out, struct fault *why);

/*
 * Values are given by a format: 'i' int64_t, 'u' uint64_t, 't' const char *,
 * 'n' the same, the empty text as NULL,
 * 'd' const struct digest *, 'b' const void * and size_t.
 */
MUST_USE enum blk_status index_bind(struct index *x, sqlite3_stmt *s,
    struct fault *why, const char *format, ...);
/* Run a statement that gives no rows. */
MUST_USE enum blk_status index_run(struct index *x, enum index_statement which,
    struct fault *why, const char *format, ...);
/* Step to a row of t, all its columns and chk: BLK_OK when it is there and
 * sound; BLK_ABSENT at the end. */
MUST_USE enum blk_status index_step(
    struct index *x, sqlite3_stmt *s, enum index_table t, struct fault *why);
/* The same for facts. */
MUST_USE enum blk_status index_step_row(
    struct index *x, sqlite3_stmt *s, struct index_row *r, struct fault *why);
/* The row of facts that s stands on; BLK_CORRUPT: not what was written. */
MUST_USE enum blk_status index_row_read(
    struct index *x, sqlite3_stmt *s, struct index_row *r, struct fault *why);
/* Is the row that s stands on what was written? */
bool index_row_sound(sqlite3_stmt *s, enum index_table t);
uint32_t index_row_check(sqlite3_stmt *s, enum index_table t);
/* End the use of a statement that is kept, with or without its end. */
void index_done(sqlite3_stmt *s);

/* Of a row that was written: did it come to be, and its check. */
struct index_made {
	bool made;
	uint32_t chk;
};

/*
 * Write a row of t: the format holds all its columns in their order; the
 * check is bound behind them, and added to the sum when a row came to be.
 * *made, unless NULL, is filled.
 */
MUST_USE enum blk_status index_put(struct index *x, enum index_statement which,
    enum index_table t, struct index_made *made, struct fault *why,
    const char *format, ...);
/* Bind the values of one of several rows, and its check, behind parameter
 * *at, which moves. */
MUST_USE enum blk_status index_bind_row(struct index *x, sqlite3_stmt *s,
    enum index_table t, int *at, uint32_t *chk, struct fault *why,
    const char *format, ...);
/* Run a statement that was bound; rows that it writes are not summed. */
MUST_USE enum blk_status index_write(
    struct index *x, sqlite3_stmt *s, struct fault *why);
/* Run a DELETE ... RETURNING chk. */
MUST_USE enum blk_status index_take(struct index *x, enum index_statement which,
    enum index_table t, struct fault *why, const char *format, ...);
/* A row with this check was written. */
void index_note(struct index *x, enum index_table t, uint32_t chk);
/* A row with this check was written over, or dropped. */
void index_forget(struct index *x, enum index_table t, uint32_t chk);

static inline uint64_t
column_u64(sqlite3_stmt *s, int i)
{
	return (uint64_t)sqlite3_column_int64(s, i);
}

/* A bound for numbers, which SQLite takes as signed. */
static inline int64_t
index_bound(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

void column_digest(sqlite3_stmt *s, int i, struct digest *id);
/* Text as it stands in the row; never NULL. */
const char *column_text(sqlite3_stmt *s, int i);

/* Run statements that have no parameters. */
MUST_USE enum blk_status index_execute(
    struct index *x, const char *sql, struct fault *why);

/* --- index-file.c --- */

extern const char index_other_store[];  /* a reason */
extern const char index_other_schema[]; /* likewise: sound, but not as ours */
/* Is what is attached, whatever its schema, of our store? */
bool index_is_of_store(struct index *x);

/*
 * Open the file that stands there.  BLK_ABSENT: there is none; BLK_CORRUPT
 * and *reason: it is of no use.  Detached unless BLK_OK or BLK_CORRUPT.
 */
MUST_USE enum blk_status index_attach(
    struct index *x, const char **reason, struct fault *why);
void index_detach(struct index *x);
/* An empty one in place of what stands there, with its damage notes where it
 * is attached; "index" is held exclusively.  Leaves nothing attached. */
MUST_USE enum blk_status index_make(struct index *x, struct fault *why);
MUST_USE enum blk_status index_open_memory(struct index *x, struct fault *why);
int index_busy_ms(const struct index *x);
/* Bytes of a file beside the index; 0 when there is none. */
uint64_t index_size_of(const struct index *x, const char *name);

/* --- index-transaction.c --- */

MUST_USE enum blk_status index_hold(
    struct catalog *c, bool keep, struct fault *why);
void index_release(struct catalog *c);
/* A transaction of its own for what is read, unless one is open: locks are
 * taken once, and all is of one state. */
MUST_USE enum blk_status index_read_begin(
    struct index *x, bool *own, struct fault *why);
/* End it where it is own.  Returns st, or what went wrong at the end. */
MUST_USE enum blk_status index_read_end(
    struct index *x, bool own, enum blk_status st, struct fault *why);
enum blk_status index_begin(struct catalog *c, struct fault *why);
enum blk_status index_commit(struct catalog *c, struct fault *why);
void index_rollback(struct catalog *c);
enum blk_status index_clear(struct catalog *c, struct fault *why);

/* --- index-meta.c --- */

MUST_USE enum blk_status index_meta_read(struct index *x, struct index_meta *m,
    uint8_t store[static 16], uint8_t generation[static 16], uint64_t *schema,
    struct fault *why);
MUST_USE enum blk_status index_meta_write(struct index *x, struct fault *why);
MUST_USE enum blk_status index_sums_read(struct index *x, struct fault *why);
/* Those that changed. */
MUST_USE enum blk_status index_sums_write(struct index *x, struct fault *why);
/* The totals and the rest as they are now. */
MUST_USE enum blk_status index_meta_now(
    struct index *x, struct index_meta *m, struct fault *why);

enum blk_status index_head_get(
    struct catalog *c, struct catalog_head *h, struct fault *why);
enum blk_status index_head_set(
    struct catalog *c, const struct catalog_head *h, struct fault *why);
bool index_counts_empty(struct catalog *c);
enum blk_status index_anything_wrong(
    struct catalog *c, bool *wrong, struct fault *why);
enum blk_status index_totals(
    struct catalog *c, struct catalog_totals *t, struct fault *why);

/* --- index-segments.c --- */

/* Forget the cache when another process has written since; call it while a
 * statement stands on a row, or within a transaction. */
void index_refresh(struct index *x);
void index_segments_clear(struct index *x);
/* The row of a segment; row->absent when there is none.  Valid until the
 * next call. */
MUST_USE enum blk_status index_segment_row(struct index *x, uint64_t seq,
    struct index_segment **row, struct fault *why);
/* Write the rows that were changed. */
MUST_USE enum blk_status index_segments_flush(
    struct index *x, struct fault *why);
/* Set live of all rows to 0. */
MUST_USE enum blk_status index_segments_unlive(
    struct index *x, struct fault *why);
void index_segment_count(
    struct index *x, const struct index_segment *row, int sign);

enum blk_status index_segment_add(
    struct catalog *c, const struct catalog_segment *s, struct fault *why);
enum blk_status index_segment_update(
    struct catalog *c, const struct catalog_segment *s, struct fault *why);
enum blk_status index_segment_live(struct catalog *c, const struct digest *id,
    const struct catalog_copy *copy, bool live, struct fault *why);
enum blk_status index_segment_drop(
    struct catalog *c, uint64_t seq, struct fault *why);
enum blk_status index_segment_get(struct catalog *c, uint64_t seq,
    struct catalog_segment *s, struct fault *why);
enum blk_status index_segment_find(struct catalog *c, const struct digest *id,
    struct catalog_segment *s, struct fault *why);
enum blk_status index_segment_next(struct catalog *c, uint64_t after,
    struct catalog_segment *s, struct fault *why);
enum blk_status index_segment_last(
    struct catalog *c, uint64_t *seq, struct fault *why);

/* --- index-facts.c --- */

enum blk_status index_copies_add(struct catalog *c, uint64_t seq,
    const struct segment_table *t, struct fault *why);
enum blk_status index_facts(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why);
enum blk_status index_copies_all(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why);
enum blk_status index_facts_many(struct catalog *c, const struct digest *id,
    size_t n, struct catalog_facts *f, struct fault *why);
enum blk_status index_copies_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_copy *copy, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_ids_each(struct catalog *c, const struct digest *prefix,
    unsigned bits,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_count_set(struct catalog *c, const struct digest *id,
    enum class class, uint64_t count, struct fault *why);
enum blk_status index_counts_clear(struct catalog *c, struct fault *why);
enum blk_status index_lost_set(struct catalog *c, const struct digest *id,
    enum class class, bool lost, struct fault *why);
enum blk_status index_lost_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        enum class class, struct fault *why),
    void *arg, struct fault *why);

/* --- index-row.c --- */

/* The columns of n facts, which are put in another order.  c->rest is the
 * caller's to release. */
MUST_USE enum blk_status index_row_pack(struct index_columns *c,
    struct index_fact *fact, size_t n, struct fault *why);
/* The facts of these columns, but for c->rest; rest: NULL or a text.  *sound:
 * they are what index_row_pack made. */
MUST_USE enum blk_status index_row_unpack(struct index_row *r,
    const struct index_columns *c, const char *rest, bool *sound,
    struct fault *why);
void index_row_release(struct index_row *r);

/* --- index-pending.c --- */

/* The place of an id, with its row of the table read if that shall be known.
 * Valid until the next call.  Who changes the facts says so in it. */
MUST_USE enum blk_status index_pending_id(struct index *x,
    const struct digest *id, bool known, struct index_pended **out,
    struct fault *why);
/* The same with nothing read. */
MUST_USE enum blk_status index_pending_place(struct index *x,
    const struct digest *id, struct index_pended **out, struct fault *why);
/* Read the row of the table there, which may be missing. */
MUST_USE enum blk_status index_pending_read(struct index *x,
    const struct digest *id, struct index_pended *of, struct fault *why);
/* Keep all that a row says there, or nothing of it. */
MUST_USE enum blk_status index_pending_take(struct index *x,
    struct index_pended *of, const struct index_row *r, struct fault *why);
/* Is it there, or is there room for it without writing? */
bool index_pending_takes(const struct index *x, const struct digest *id);
/* Make n ids known, if they ascend and one way through the table costs less
 * than a look for each. */
MUST_USE enum blk_status index_pending_load(
    struct index *x, const struct digest *id, size_t n, struct fault *why);
/* The facts of an id, from *at = its first on; NULL: no more. */
struct index_fact *index_pending_next(const struct index *x, uint32_t *at);
/* The one of a key, which may be gone: there is never more than one. */
struct index_fact *index_pending_find(const struct index *x,
    const struct index_pended *of, uint8_t what, uint64_t segment);
MUST_USE enum blk_status index_pending_add(struct index *x,
    struct index_pended *of, const struct index_fact *fact, struct fault *why);
void index_pending_clear(struct index *x);
void index_pending_release(struct index *x);

/* --- index-flush.c --- */

/*
 * Show the place of each id of the slices from..to - 1, its row read, and
 * write what was changed: some at a time, so that memory is bounded.  What was
 * pending is written first.  A row that is not what was written is BLK_CORRUPT,
 * or passed over where lenient.
 */
MUST_USE enum blk_status index_pending_each(struct index *x, uint64_t from,
    uint64_t to, bool lenient,
    enum blk_status (*change)(
        struct index *x, struct index_pended *of, void *arg, struct fault *why),
    void *arg, struct fault *why);
/* Write what was changed; then nothing is pending.  Before a statement that
 * reads or changes facts, and when a transaction ends. */
MUST_USE enum blk_status index_pending_flush(
    struct index *x, struct fault *why);

/* --- index-versions.c --- */

enum blk_status index_version_put(struct catalog *c, const struct digest *vid,
    const struct version *v, struct fault *why);
enum blk_status index_version_drop(
    struct catalog *c, const struct digest *vid, struct fault *why);
enum blk_status index_version_get(struct catalog *c, const struct digest *vid,
    struct catalog_version *v, struct fault *why);
enum blk_status index_version_each(struct catalog *c,
    const struct catalog_query *q,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why);

/* --- index-notes.c --- */

enum blk_status index_name_set(struct catalog *c, const char *name,
    uint64_t number, const struct digest *vid, struct fault *why);
enum blk_status index_name_get(struct catalog *c, const char *name,
    uint64_t *number, struct digest *vid, struct fault *why);
enum blk_status index_name_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const char *name, uint64_t number,
        const struct digest *vid, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_setting_set(
    struct catalog *c, const char *key, const char *value, struct fault *why);
enum blk_status index_setting_get(
    struct catalog *c, const char *key, char **value, struct fault *why);
enum blk_status index_setting_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, const char *key, const char *value, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_stat_add(
    struct catalog *c, uint64_t commit, const char *line, struct fault *why);
enum blk_status index_stat_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, uint64_t commit, const char *line, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_record_add(struct catalog *c, uint64_t number,
    const struct digest *hash, const void *text, size_t len, struct fault *why);
enum blk_status index_record_each(struct catalog *c, uint64_t from,
    enum blk_status (*visit)(void *arg, uint64_t number,
        const struct digest *hash, struct span text, struct fault *why),
    void *arg, struct fault *why);
enum blk_status index_records_drop(
    struct catalog *c, uint64_t below, struct fault *why);
enum blk_status index_damage_note(struct catalog *c,
    const struct digest *segment, uint32_t ordinal, bool damaged,
    struct fault *why);
enum blk_status index_damage_has(struct catalog *c,
    const struct digest *segment, uint32_t ordinal, bool *damaged,
    struct fault *why);

/* Damage notes that outlive the file that they stand in. */
enum blk_status index_damage_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *segment,
        uint32_t ordinal, struct fault *why),
    void *arg, struct fault *why);

struct index_damage {
	struct {
		struct digest segment;
		uint32_t ordinal;
	} * note;
	size_t notes, cap;
};

/* Read what can be read. */
MUST_USE enum blk_status index_damage_save(
    struct index *x, struct index_damage *d, struct fault *why);
MUST_USE enum blk_status index_damage_restore(
    struct index *x, const struct index_damage *d, struct fault *why);

/* --- index-verify.c --- */

/* Of all pages; 0 when it cannot be told. */
uint64_t index_pages_bytes(struct index *x);
enum blk_status index_verify(
    struct catalog *c, enum catalog_rows which, struct fault *why);
/* Remove copies that dropped segments left behind: some slices of the ids
 * when there is reason to, or all of them. */
MUST_USE enum blk_status index_sweep(
    struct index *x, bool all, struct fault *why);
#endif

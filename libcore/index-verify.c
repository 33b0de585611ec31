#include "index-private.h"

#include <string.h>

/* --- verifying --- */

struct found { /* what the rows come to */
	struct index_sum sum[TABLES];
	struct catalog_totals totals;
	uint64_t stale;
};

static enum blk_status
count_copy(
    struct index *x, uint64_t segment, struct found *f, struct fault *why)
{
	struct index_segment *seg;
	enum blk_status st = index_segment_row(x, segment, &seg, why);

	if (st != BLK_OK)
		return st;
	f->stale += seg->absent;
	f->totals.objects += !seg->absent && seg->s.condemned == 0;
	return BLK_OK;
}

static enum blk_status
count_row(struct index *x, const struct index_row *r, struct found *f,
    struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool counted = false;

	for (size_t i = 0; st == BLK_OK && i < r->facts; i++) {
		const unsigned what = r->fact[i].what;

		if (what < FACT_COUNT) {
			st = count_copy(x, r->fact[i].segment, f, why);
			continue;
		}
		counted = counted || what < FACT_LOST;
		f->totals.lost += what >= FACT_LOST;
		f->totals.contents += what == FACT_COUNT + CLASS_CONTENT;
		f->totals.chunks += what == FACT_COUNT + CLASS_DATA;
	}
	f->totals.counted += counted;
	return st;
}

static enum blk_status
count_facts(struct index *x, struct found *f, struct fault *why)
{
	struct index_sum *sum = &f->sum[TABLE_FACTS];
	struct index_row r = { .facts = 0 };
	sqlite3_stmt *s = NULL;
	enum blk_status st;

	st = index_prepare_text(x, index_sql[SQL_ALL_FACTS], &s, why);
	while (st == BLK_OK && (st = index_step_row(x, s, &r, why)) == BLK_OK) {
		sum->rows++;
		sum->sum += r.chk;
		st = count_row(x, &r, f, why);
	}
	sqlite3_finalize(s);
	index_row_release(&r);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
count_table(
    struct index *x, enum index_table t, struct found *f, struct fault *why)
{
	int at = index_table_columns(t);
	sqlite3_stmt *s = NULL;
	enum blk_status st;
	char sql[64];

	if (t == TABLE_FACTS)
		return count_facts(x, f, why);
	sqlite3_snprintf(
	    sizeof(sql), sql, "SELECT * FROM %s", index_table_name(t));
	st = index_prepare_text(x, sql, &s, why);
	while (st == BLK_OK && (st = index_step(x, s, t, why)) == BLK_OK) {
		f->sum[t].rows++;
		f->sum[t].sum += (uint32_t)sqlite3_column_int(s, at);
	}
	sqlite3_finalize(s);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
count_segments(struct index *x, struct catalog_totals *t, struct fault *why)
{
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;

	while ((st = index_segment_next(&x->base, s.seq, &s, why)) == BLK_OK) {
		if (s.condemned != 0) {
			t->condemned++;
			t->condemned_bytes += s.bytes;
			continue;
		}
		t->segments++;
		t->stored_bytes += s.bytes;
		t->plain_bytes += s.plain;
		t->live_bytes += s.live;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
number(struct index *x, const char *sql, uint64_t *v, struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st = index_prepare_text(x, sql, &s, why);
	int rc;

	*v = 0;
	if (st != BLK_OK)
		return st;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*v = column_u64(s, 0);
	else
		st = index_fault(x, rc, why);
	sqlite3_finalize(s);
	return st;
}

static bool
is_asked(enum index_table t, enum catalog_rows which)
{
	if (t == TABLE_SEGMENTS)
		return true;
	return which == CATALOG_IDS ||
	    (which == CATALOG_NAMES && t != TABLE_FACTS);
}

static enum blk_status
count_all(struct index *x, enum catalog_rows which, struct found *f,
    struct fault *why)
{
	enum blk_status st = count_segments(x, &f->totals, why);

	for (int i = TABLE_SEGMENTS; st == BLK_OK && i < TABLES; i++)
		if (is_asked((enum index_table)i, which))
			st = count_table(x, (enum index_table)i, f, why);
	f->totals.versions = f->sum[TABLE_VERSIONS].rows;
	f->totals.damaged = f->sum[TABLE_DAMAGE].rows;
	if (st == BLK_OK && is_asked(TABLE_VERSIONS, which))
		st = number(x,
		    "SELECT count(*) FROM (SELECT 1 FROM versions INDEXED BY"
		    " versions_named WHERE unnamed = 0 GROUP BY name)",
		    &f->totals.names, why);
	return st;
}

/* What only rows tell that are not asked. */
static void
believe(const struct index_meta *m, enum catalog_rows which, struct found *f)
{
	if (!is_asked(TABLE_FACTS, which)) {
		f->stale = m->stale;
		f->totals.objects = m->totals.objects;
		f->totals.counted = m->totals.counted;
		f->totals.contents = m->totals.contents;
		f->totals.chunks = m->totals.chunks;
		f->totals.lost = m->totals.lost;
	}
	if (!is_asked(TABLE_VERSIONS, which)) {
		f->totals.versions = m->totals.versions;
		f->totals.names = m->totals.names;
		f->totals.damaged = m->totals.damaged;
	}
}

static enum blk_status
compare(struct index *x, enum catalog_rows which, struct fault *why)
{
	struct found f = { .stale = 0 };
	struct index_meta m;
	enum blk_status st;

	st = index_meta_now(x, &m, why);
	if (st == BLK_OK && !x->writing) {
		index_refresh(x);
		st = index_sums_read(x, why);
	}
	if (st == BLK_OK)
		st = count_all(x, which, &f, why);
	for (int i = TABLE_SEGMENTS; st == BLK_OK && i < TABLES; i++)
		if (is_asked((enum index_table)i, which) &&
		    (x->sum[i].rows != f.sum[i].rows ||
		        x->sum[i].sum != f.sum[i].sum))
			st = index_unsound(x, (enum index_table)i, why);
	if (st == BLK_OK)
		believe(&m, which, &f);
	/* Both are all 64-bit numbers: no padding. */
	if (st == BLK_OK &&
	    (m.stale != f.stale ||
	        memcmp(&m.totals, &f.totals, sizeof(m.totals)) != 0))
		st = index_unsound(x, TABLE_META, why);
	return st;
}

/* SQLite's own look at the tables that are listed by way of others. */
static enum blk_status
integrity(struct index *x, const char *sql, struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st;
	int rc;

	st = index_prepare_text(x, sql, &s, why);
	if (st != BLK_OK)
		return st;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW)
		st = index_fault(x, rc, why);
	else if (strcmp(column_text(s, 0), "ok") != 0)
		st = fault(why, BLK_CORRUPT, "index %s is damaged (%.200s)",
		    x->path != NULL ? x->path : "in memory", column_text(s, 0));
	sqlite3_finalize(s);
	return st;
}

enum blk_status
index_verify(struct catalog *c, enum catalog_rows which, struct fault *why)
{
	struct index *x = index_of(c);
	bool own;
	enum blk_status st = index_read_begin(x, &own, why);

	if (x->writing && st == BLK_OK)
		st = index_pending_flush(x, why);
	if (x->writing && st == BLK_OK)
		st = index_segments_flush(x, why);
	if (st == BLK_OK)
		st = compare(x, which, why);
	if (st == BLK_OK && is_asked(TABLE_VERSIONS, which))
		st = integrity(x, "PRAGMA integrity_check(versions)", why);
	if (st == BLK_OK && is_asked(TABLE_LINKS, which))
		st = integrity(x, "PRAGMA integrity_check(links)", why);
	if (st == BLK_OK)
		st = integrity(x, "PRAGMA integrity_check(segments)", why);
	return index_read_end(x, own, st, why);
}

/* --- sweeping --- */

#define SWEEP_ROWS 65536u /* looked at with a commit */
#define SWEEP_LEAST 4096u /* stale ones that make it worth while */
/* A stale copy is a row, where nothing else is known of the id, or a few
 * bytes of one: half a row, as it were. */
#define STALE_ROWS 0.5

/* Copies in segments that have no row are gone. */
static enum blk_status
sweep_id(struct index *x, struct index_pended *of, void *arg, struct fault *why)
{
	enum blk_status st = BLK_OK;
	uint64_t *gone = arg;
	struct index_fact *f;
	uint32_t at = of->first;

	while (st == BLK_OK && (f = index_pending_next(x, &at)) != NULL) {
		struct index_segment *seg;

		if (f->what >= FACT_COUNT)
			continue;
		st = index_segment_row(x, f->segment, &seg, why);
		if (st != BLK_OK || !seg->absent)
			continue;
		f->gone = of->changed = true;
		++*gone;
	}
	return st;
}

enum blk_status
index_sweep(struct index *x, bool all, struct fault *why)
{
	struct index_meta *m = &x->meta;
	uint64_t rows = x->sum[TABLE_FACTS].rows, from = m->slice, gone = 0;
	uint64_t slices;
	enum blk_status st;

	if (m->stale == 0 ||
	    (!all && from == 0 &&
	        (m->stale < SWEEP_LEAST ||
	            (double)m->stale * STALE_ROWS < (double)rows / 4)))
		return BLK_OK;
	slices = SWEEP_ROWS * INDEX_SLICES / (rows + 1) + 1;
	if (all)
		from = 0;
	if (all || slices > INDEX_SLICES - from)
		slices = INDEX_SLICES - from;
	/* A row that is not sound answers nothing, and holds up nothing. */
	st = index_pending_each(
	    x, from, from + slices, true, sweep_id, &gone, why);
	if (st != BLK_OK)
		return st;
	m->stale -= gone < m->stale ? gone : m->stale;
	m->slice = (from + slices) % INDEX_SLICES;
	if (m->slice == 0 && from == 0)
		m->stale = 0; /* every row was looked at */
	if (m->stale == 0) {
		m->slice = 0;
		m->stale_max = 0;
	}
	return BLK_OK;
}

/* --- giving pages back --- */

#define VACUUM_SHARE 4 /* given back when a quarter is unused */

uint64_t
index_pages_bytes(struct index *x)
{
	struct fault ignored = FAULT_NONE;
	uint64_t pages, size;

	if (number(x, "PRAGMA page_count", &pages, &ignored) != BLK_OK ||
	    number(x, "PRAGMA page_size", &size, &ignored) != BLK_OK)
		return 0;
	return pages * size;
}

static enum blk_status
free_pages(
    struct index *x, uint64_t *unused, uint64_t *pages, struct fault *why)
{
	enum blk_status st;

	st = number(x, "PRAGMA freelist_count", unused, why);
	if (st == BLK_OK)
		st = number(x, "PRAGMA page_count", pages, why);
	return st;
}

/* Give some pages back, in a transaction of its own, so that the log of
 * what is written stays short. */
static enum blk_status
vacuum_some(struct index *x, struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st;
	int rc;

	st = x->base.type->begin(&x->base, why);
	if (st != BLK_OK)
		return st;
	st = index_prepare_text(x, "PRAGMA incremental_vacuum(2048)", &s, why);
	if (st == BLK_OK) {
		while ((rc = sqlite3_step(s)) == SQLITE_ROW)
			;
		if (rc != SQLITE_DONE)
			st = index_fault(x, rc, why);
	}
	sqlite3_finalize(s);
	x->shrunk = true;
	if (st == BLK_OK)
		return x->base.type->commit(&x->base, why);
	x->base.type->rollback(&x->base);
	return st;
}

/* A sweep looks at every row: not for fewer than free, with the pages that
 * are unused, a share worth giving back, so that a collection costs what it
 * collects. */
static enum blk_status
sweep_many(struct index *x, uint64_t unused, uint64_t pages, struct fault *why)
{
	enum blk_status st = x->base.type->begin(&x->base, why);
	double rows;

	if (st != BLK_OK)
		return st;
	rows = (double)x->sum[TABLE_FACTS].rows;
	if ((double)x->meta.stale * STALE_ROWS * (double)pages +
	        (double)unused * rows >=
	    rows * (double)pages / VACUUM_SHARE)
		st = index_sweep(x, true, why);
	if (st == BLK_OK)
		return x->base.type->commit(&x->base, why);
	x->base.type->rollback(&x->base);
	return st;
}

enum blk_status
index_vacuum(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	uint64_t unused = 0, pages = 0, before = UINT64_MAX;
	struct index_meta m;
	enum blk_status st = index_meta_now(x, &m, why);

	if (st == BLK_OK)
		st = free_pages(x, &unused, &pages, why);
	if (st == BLK_OK && m.stale > 0)
		st = sweep_many(x, unused, pages, why);
	if (st == BLK_OK)
		st = free_pages(x, &unused, &pages, why);
	if (st != BLK_OK || unused < pages / VACUUM_SHARE)
		return st;
	while (st == BLK_OK && unused > 0 && unused < before) {
		before = unused;
		st = vacuum_some(x, why);
		if (st == BLK_OK)
			st = free_pages(x, &unused, &pages, why);
	}
	return st;
}

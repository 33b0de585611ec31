#include "index-private.h"

#include <string.h>

/* Where the columns of a row of meta begin: as in the schema. */
enum meta_column {
	META_SCHEMA = 1,
	META_STORE = 2,
	META_GENERATION = 3,
	META_HEAD = 4,
	META_TOTALS = 12,
	META_STALE = 26,
};

static void
copy_bytes(sqlite3_stmt *s, int i, uint8_t *to, size_t len)
{
	const void *p = sqlite3_column_blob(s, i);

	memset(to, 0, len);
	if (p != NULL && (size_t)sqlite3_column_bytes(s, i) == len)
		memcpy(to, p, len);
}

static void
read_head(sqlite3_stmt *s, int i, struct catalog_head *h)
{
	h->known = column_u64(s, i) != 0;
	h->number = column_u64(s, i + 1);
	column_digest(s, i + 2, &h->hash);
	copy_bytes(s, i + 3, h->tail, sizeof(h->tail));
	h->bytes = column_u64(s, i + 4);
	h->checkpoint = column_u64(s, i + 5);
	h->durable = column_u64(s, i + 6);
	h->partial = column_u64(s, i + 7) != 0;
}

static void
read_totals(sqlite3_stmt *s, int i, struct catalog_totals *t)
{
	t->segments = column_u64(s, i);
	t->live_bytes = column_u64(s, i + 1);
	t->plain_bytes = column_u64(s, i + 2);
	t->stored_bytes = column_u64(s, i + 3);
	t->condemned = column_u64(s, i + 4);
	t->condemned_bytes = column_u64(s, i + 5);
	t->objects = column_u64(s, i + 6);
	t->counted = column_u64(s, i + 7);
	t->contents = column_u64(s, i + 8);
	t->chunks = column_u64(s, i + 9);
	t->versions = column_u64(s, i + 10);
	t->names = column_u64(s, i + 11);
	t->lost = column_u64(s, i + 12);
	t->damaged = column_u64(s, i + 13);
}

enum blk_status
index_meta_read(struct index *x, struct index_meta *m, uint8_t store[static 16],
    uint8_t generation[static 16], uint64_t *schema, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;

	st = index_prepare(x, SQL_META, &s, why);
	if (st != BLK_OK)
		return st;
	st = index_step(x, s, TABLE_META, why);
	if (st == BLK_ABSENT)
		st = index_unsound(x, TABLE_META, why);
	if (st == BLK_OK) {
		*schema = column_u64(s, META_SCHEMA);
		copy_bytes(s, META_STORE, store, 16);
		copy_bytes(s, META_GENERATION, generation, 16);
		read_head(s, META_HEAD, &m->head);
		read_totals(s, META_TOTALS, &m->totals);
		m->stale = column_u64(s, META_STALE);
		m->stale_max = column_u64(s, META_STALE + 1);
		m->slice = column_u64(s, META_STALE + 2);
	}
	index_done(s);
	return st;
}

enum blk_status
index_meta_write(struct index *x, struct fault *why)
{
	const struct index_meta *m = &x->meta;
	const struct catalog_head *h = &m->head;
	const struct catalog_totals *t = &m->totals;

	return index_put(x, SQL_META_SET, TABLE_META, NULL, why,
	    "iibb"
	    "iudbuuui"
	    "uuuuuuuuuuuuuu"
	    "uuu",
	    (int64_t)1, (int64_t)INDEX_SCHEMA, x->o.store, sizeof(x->o.store),
	    x->generation, sizeof(x->generation), (int64_t)h->known, h->number,
	    &h->hash, h->tail, sizeof(h->tail), h->bytes, h->checkpoint,
	    h->durable, (int64_t)h->partial, t->segments, t->live_bytes,
	    t->plain_bytes, t->stored_bytes, t->condemned, t->condemned_bytes,
	    t->objects, t->counted, t->contents, t->chunks, t->versions,
	    t->names, t->lost, t->damaged, m->stale, m->stale_max, m->slice);
}

/* More are none: a count that went below zero, or was never one. */
#define ROWS_MAX ((uint64_t)INT64_MAX)

static bool
table_named(const char *name, enum index_table *t)
{
	for (int i = TABLE_SEGMENTS; i < TABLES; i++)
		if (strcmp(index_table_name((enum index_table)i), name) == 0) {
			*t = (enum index_table)i;
			return true;
		}
	return false;
}

enum blk_status
index_sums_read(struct index *x, struct fault *why)
{
	enum blk_status st;
	enum index_table t;
	sqlite3_stmt *s;

	memset(x->sum, 0, sizeof(x->sum));
	st = index_prepare(x, SQL_SUMS, &s, why);
	while (st == BLK_OK) {
		st = index_step(x, s, TABLE_SUMS, why);
		if (st != BLK_OK || !table_named(column_text(s, 0), &t))
			continue;
		x->sum[t] = (struct index_sum){ column_u64(s, 1),
			column_u64(s, 2), false };
		if (x->sum[t].rows > ROWS_MAX)
			st = index_unsound(x, TABLE_SUMS, why);
	}
	index_done(s);
	return st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
index_sums_write(struct index *x, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (int i = TABLE_SEGMENTS; st == BLK_OK && i < TABLES; i++) {
		struct index_sum *sum = &x->sum[i];

		if (sum->rows > ROWS_MAX) /* fewer than none were taken out */
			st = index_unsound(x, TABLE_SUMS, why);
		if (st == BLK_OK && sum->changed)
			st = index_put(x, SQL_SUM_SET, TABLE_SUMS, NULL, why,
			    "tuu", index_table_name((enum index_table)i),
			    sum->rows, sum->sum);
		sum->changed = sum->changed && st != BLK_OK;
	}
	return st;
}

enum blk_status
index_meta_now(struct index *x, struct index_meta *m, struct fault *why)
{
	uint8_t store[16], generation[16];
	uint64_t schema;

	if (x->writing) {
		*m = x->meta;
		return BLK_OK;
	}
	return index_meta_read(x, m, store, generation, &schema, why);
}

/* --- operations --- */

enum blk_status
index_head_get(struct catalog *c, struct catalog_head *h, struct fault *why)
{
	struct index_meta m;
	enum blk_status st = index_meta_now(index_of(c), &m, why);

	if (st == BLK_OK)
		*h = m.head;
	return st;
}

enum blk_status
index_head_set(
    struct catalog *c, const struct catalog_head *h, struct fault *why)
{
	(void)why;
	index_of(c)->meta.head = *h;
	return BLK_OK;
}

bool
index_counts_empty(struct catalog *c)
{
	struct fault ignored = FAULT_NONE;
	struct index_meta m;

	return index_meta_now(index_of(c), &m, &ignored) == BLK_OK &&
	    m.totals.counted == 0 && m.totals.lost == 0;
}

enum blk_status
index_anything_wrong(struct catalog *c, bool *wrong, struct fault *why)
{
	struct index_meta m;
	enum blk_status st = index_meta_now(index_of(c), &m, why);

	*wrong = st == BLK_OK && (m.totals.lost > 0 || m.totals.damaged > 0);
	return st;
}

enum blk_status
index_totals(struct catalog *c, struct catalog_totals *t, struct fault *why)
{
	struct index_meta m;
	enum blk_status st = index_meta_now(index_of(c), &m, why);

	if (st == BLK_OK)
		*t = m.totals;
	return st;
}

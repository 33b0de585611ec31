/*
 * Facts that a transaction has changed, written in order of ids, many with a
 * statement; all of them shown, and written, some at a time.
 */
#include "index-private.h"

#include <stdlib.h>
#include <string.h>

#define SOME ((size_t)1 << 13) /* ids that are changed at a time */
#define AHEAD 8                /* ids: see fetch_ahead */

struct row {
	const struct digest *id;
	struct index_pended *of;
	struct index_columns c;
};

/* Rows to be written with one statement, or each with its own. */
struct lot {
	enum index_statement all, one;
	struct row row[INDEX_LOT];
	size_t rows;
};

static enum blk_status
write_rows(struct index *x, enum index_statement which, const struct row *row,
    size_t n, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;
	int at = 0;

	st = index_prepare(x, which, &s, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		const struct index_columns *c = &row[i].c;
		struct index_pended *of = row[i].of;

		if (of->stored)
			index_forget(x, TABLE_FACTS, of->chk);
		st = index_bind_row(x, s, TABLE_FACTS, &at, &of->chk, why,
		    "duuuuuun", row[i].id, c->kind, c->segment, c->place,
		    c->length, c->class, c->count,
		    c->rest.len > 0 ? (const char *)c->rest.data : "");
	}
	if (st == BLK_OK)
		st = index_write(x, s, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		index_note(x, TABLE_FACTS, row[i].of->chk);
	return st;
}

static enum blk_status
write_lot(struct index *x, struct lot *l, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (l->rows == INDEX_LOT)
		st = write_rows(x, l->all, l->row, l->rows, why);
	for (size_t i = 0; st == BLK_OK && l->rows < INDEX_LOT && i < l->rows;
	     i++)
		st = write_rows(x, l->one, &l->row[i], 1, why);
	l->rows = 0;
	return st;
}

static enum blk_status
drop_row(
    struct index *x, const struct digest *id, uint32_t chk, struct fault *why)
{
	enum blk_status st = index_run(x, SQL_FACT_DROP, why, "d", id);

	if (st == BLK_OK && sqlite3_changes(x->db) != 1)
		st = index_unsound(x, TABLE_FACTS, why);
	if (st == BLK_OK)
		index_forget(x, TABLE_FACTS, chk);
	return st;
}

struct flush {
	struct lot added, set;
	struct index_fact *fact; /* of an id */
	size_t facts, cap;
};

/* The facts of an id that are so, in a row of their own. */
static enum blk_status
gather(struct index *x, struct flush *f, const struct index_pended *of,
    struct fault *why)
{
	enum blk_status st = BLK_OK;
	const struct index_fact *fact;
	uint32_t at = of->first;

	f->facts = 0;
	while (st == BLK_OK && (fact = index_pending_next(x, &at)) != NULL) {
		st = array_grow(
		    (void **)&f->fact, f->facts, &f->cap, sizeof(*fact), why);
		if (st == BLK_OK)
			f->fact[f->facts++] = *fact;
	}
	return st;
}

static enum blk_status
flush_id(struct index *x, struct flush *f, const struct idmap_entry *e,
    struct fault *why)
{
	struct index_pended *of = &x->pending.id[e->value];
	struct lot *l;
	enum blk_status st = BLK_OK;

	if (!of->changed)
		return BLK_OK;
	if (!of->known)
		st = index_pending_read(x, &e->id, of, why);
	if (st == BLK_OK)
		st = gather(x, f, of, why);
	if (st != BLK_OK)
		return st;
	if (f->facts == 0)
		return of->stored ? drop_row(x, &e->id, of->chk, why) : BLK_OK;
	l = of->stored ? &f->set : &f->added;
	l->row[l->rows].id = &e->id;
	l->row[l->rows].of = of;
	st = index_row_pack(&l->row[l->rows++].c, f->fact, f->facts, why);
	return st == BLK_OK && l->rows == INDEX_LOT ? write_lot(x, l, why) : st;
}

static void
flush_release(struct flush *f)
{
	for (int i = 0; i < INDEX_LOT; i++) {
		buf_release(&f->added.row[i].c.rest);
		buf_release(&f->set.row[i].c.rest);
	}
	free(f->fact);
}

/* What flush_id will want of the ids behind e: they stand in memory as they
 * came, not in this order. */
static void
fetch_ahead(const struct index *x, const struct idmap_entry *e, size_t left)
{
	const struct index_pended *id = x->pending.id;

	if (left > 2 * AHEAD)
		__builtin_prefetch(&id[e[2 * AHEAD].value]);
	if (left > AHEAD && id[e[AHEAD].value].first != INDEX_NO_FACT)
		__builtin_prefetch(&x->pending.fact[id[e[AHEAD].value].first]);
}

enum blk_status
index_pending_flush(struct index *x, struct fault *why)
{
	struct flush f = { .added = { .all = SQL_FACTS_ADD,
		               .one = SQL_FACT_ADD },
		.set = { .all = SQL_FACTS_SET, .one = SQL_FACT_SET } };
	size_t n = x->pending.ids;
	struct idmap_entry *e = NULL;
	enum blk_status st;

	if (n == 0 || !x->writing) /* what is kept is not changed */
		return BLK_OK;
	for (int i = 0; i < INDEX_LOT; i++)
		f.added.row[i].c.rest.max = f.set.row[i].c.rest.max =
		    INDEX_REST_MAX;
	st = idmap_sorted(&x->pending.at, &e, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		fetch_ahead(x, &e[i], n - i);
		st = flush_id(x, &f, &e[i], why);
	}
	if (st == BLK_OK)
		st = write_lot(x, &f.added, why);
	if (st == BLK_OK)
		st = write_lot(x, &f.set, why);
	flush_release(&f);
	free(e);
	x->pending.flushes++;
	index_pending_clear(x);
	return st;
}

/* --- all of them --- */

struct some { /* ids above low and below high */
	uint8_t low[DIGEST_LEN], high[DIGEST_LEN + 1];
	size_t low_len, high_len;
	bool lenient;
};

static enum blk_status
keep_row(struct index *x, const struct index_row *r, struct fault *why)
{
	struct index_pended *of;
	enum blk_status st = index_pending_place(x, &r->id, &of, why);

	return st == BLK_OK ? index_pending_take(x, of, r, why) : st;
}

/* Is it above all that were shown?  In a tree that is out of order an id may
 * come again and again. */
static bool
is_above(const struct some *some, const struct digest *last, bool any,
    const struct digest *id)
{
	return any ? digest_compare(id, last) > 0
	           : some->low_len != DIGEST_LEN ||
	        memcmp(id->byte, some->low, DIGEST_LEN) > 0;
}

/* Keep the rows of the first ids, and go on behind them: *more may follow.
 * Where not one of them is sound there is no way on. */
static enum blk_status
load_some(struct index *x, struct some *some, bool *more, struct fault *why)
{
	const size_t most = x->o.pending_ids < SOME ? x->o.pending_ids : SOME;
	size_t rows = 0, kept = 0;
	struct digest last = { 0 };
	enum blk_status st;
	sqlite3_stmt *s;
	int rc = SQLITE_DONE;

	st = index_prepare(x, SQL_IDS_SOME, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "bbu", some->low, some->low_len,
		    some->high, some->high_len, (uint64_t)most);
	while (st == BLK_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		rows++;
		st = index_row_read(x, s, &x->row, why);
		if (st == BLK_CORRUPT && some->lenient) {
			st = BLK_OK;
			continue;
		}
		if (st == BLK_OK &&
		    !is_above(some, &last, kept > 0, &x->row.id))
			st = index_unsound(x, TABLE_FACTS, why);
		if (st == BLK_OK)
			st = keep_row(x, &x->row, why);
		last = x->row.id;
		kept++;
	}
	index_done(s);
	if (kept > 0) {
		memcpy(some->low, last.byte, DIGEST_LEN);
		some->low_len = DIGEST_LEN;
	}
	*more = rows == most;
	if (st == BLK_OK && rc != SQLITE_DONE)
		st = index_fault(x, rc, why);
	return st == BLK_OK && *more && kept == 0
	    ? index_unsound(x, TABLE_FACTS, why)
	    : st;
}

enum blk_status
index_pending_each(struct index *x, uint64_t from, uint64_t to, bool lenient,
    enum blk_status (*change)(
        struct index *x, struct index_pended *of, void *arg, struct fault *why),
    void *arg, struct fault *why)
{
	struct some some = { .low = { (uint8_t)from },
		.high = { (uint8_t)to },
		.low_len = 1,
		.high_len = 1,
		.lenient = lenient };
	enum blk_status st = index_pending_flush(x, why);
	bool more = true;

	if (to == INDEX_SLICES) { /* above every id */
		memset(some.high, 0xff, sizeof(some.high));
		some.high_len = sizeof(some.high);
	}
	while (st == BLK_OK && more) {
		st = load_some(x, &some, &more, why);
		for (size_t i = 0; st == BLK_OK && i < x->pending.ids; i++)
			st = change(x, &x->pending.id[i], arg, why);
		if (st == BLK_OK)
			st = index_pending_flush(x, why);
	}
	return st;
}

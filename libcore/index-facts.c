#include "index-private.h"

#include <stdlib.h>
#include <string.h>

/* --- copies --- */

/*
 * Objects as copies in segment seq.  again: they may stand there already; so
 * may those of a table that holds an object twice, when some were written.
 */
static enum blk_status
add_copies(struct index *x, uint64_t seq, const struct segment_table *t,
    bool again, uint64_t *added, struct fault *why)
{
	uint64_t flushes = x->pending.flushes;
	enum blk_status st = BLK_OK;
	struct index_pended *of;

	*added = 0;
	for (uint32_t i = 0; st == BLK_OK && i < t->objects; i++) {
		const struct segment_object *o = &t->object[i];
		const struct index_fact row = { .what = o->kind,
			.segment = seq,
			.place = i,
			.amount = o->length,
			.changed = true };

		if (o->kind == KIND_RECORD)
			continue;
		st = index_pending_id(x, &o->id, again, &of, why);
		if (st == BLK_OK && !again && x->pending.flushes != flushes) {
			again = true;
			st = index_pending_id(x, &o->id, again, &of, why);
		}
		if (st != BLK_OK ||
		    index_pending_find(x, of, o->kind, seq) != NULL)
			continue;
		st = index_pending_add(x, of, &row, why);
		*added += st == BLK_OK;
	}
	return st;
}

enum blk_status
index_copies_add(struct catalog *c, uint64_t seq, const struct segment_table *t,
    struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	enum blk_status st;
	uint64_t added;

	st = index_segment_row(x, seq, &row, why);
	if (st == BLK_OK && row->absent)
		st = fault(why, BLK_FAILED, "no segment row");
	if (st == BLK_OK)
		st = add_copies(x, seq, t, row->copies > 0, &added, why);
	if (st == BLK_OK) {
		index_segment_count(x, row, -1);
		row->copies += added;
		row->changed = true;
		index_segment_count(x, row, 1);
	}
	return st;
}

/* --- looking up --- */

/* Say in f what a row of facts says. */
static enum blk_status
take_fact(struct index *x, const struct index_fact *row, bool all,
    struct catalog_facts *f, struct fault *why)
{
	struct index_segment *seg;
	enum blk_status st;

	if (row->what >= FACT_LOST) {
		if (row->what < FACT_LOST + CLASSES)
			f->lost[row->what - FACT_LOST] = true;
		return BLK_OK;
	}
	if (row->what >= FACT_COUNT) {
		if (row->what < FACT_COUNT + CLASSES)
			f->count[row->what - FACT_COUNT] = row->amount;
		return BLK_OK;
	}
	st = index_segment_row(x, row->segment, &seg, why);
	if (st != BLK_OK || seg->absent || (!all && seg->s.condemned != 0))
		return st;
	catalog_facts_add(f,
	    &(struct catalog_copy){
	        seg->s.seq, row->place, (uint32_t)row->amount, row->what });
	return BLK_OK;
}

/* Within a transaction, or what is to be kept for one. */
static enum blk_status
read_pending(struct index *x, const struct digest *id, bool all,
    struct catalog_facts *f, struct fault *why)
{
	const struct index_fact *row;
	struct index_pended *of;
	enum blk_status st;
	uint32_t at;

	memset(f, 0, sizeof(*f));
	st = index_pending_id(x, id, true, &of, why);
	if (st != BLK_OK)
		return st;
	at = of->first;
	while (st == BLK_OK && (row = index_pending_next(x, &at)) != NULL)
		st = take_fact(x, row, all, f, why);
	return st;
}

static enum blk_status
read_facts(struct index *x, const struct digest *id, bool all,
    struct catalog_facts *f, struct fault *why)
{
	bool refreshed = false;
	struct index_fact row;
	struct digest same;
	enum blk_status st;
	sqlite3_stmt *s;

	if (x->writing || (x->keep && index_pending_takes(x, id)))
		return read_pending(x, id, all, f, why);
	if (x->memo.known && !all && digest_equal(&x->memo.id, id)) {
		*f = x->memo.f;
		return BLK_OK;
	}
	memset(f, 0, sizeof(*f));
	st = index_prepare(x, SQL_FACTS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", id);
	while (st == BLK_OK) {
		st = index_step_fact(x, s, &same, &row, why);
		if (st == BLK_OK && !refreshed)
			index_refresh(x);
		refreshed = true;
		if (st == BLK_OK)
			st = take_fact(x, &row, all, f, why);
	}
	index_done(s);
	if (st != BLK_ABSENT)
		return st;
	if (x->held && !all) {
		x->memo.known = true;
		x->memo.id = *id;
		x->memo.f = *f;
	}
	return BLK_OK;
}

enum blk_status
index_facts(struct catalog *c, const struct digest *id, struct catalog_facts *f,
    struct fault *why)
{
	return read_facts(index_of(c), id, false, f, why);
}

enum blk_status
index_copies_all(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why)
{
	return read_facts(index_of(c), id, true, f, why);
}

enum blk_status
index_facts_many(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	struct index *x = index_of(c);
	struct fault ignored = FAULT_NONE;
	bool own =
	    !x->writing && x->db != NULL && sqlite3_get_autocommit(x->db) != 0;
	enum blk_status st = BLK_OK, end;

	/* One read transaction for all: locks are taken once. */
	if (own)
		st = index_run(x, SQL_BEGIN, why, "");
	else if (x->writing && n > 0)
		st = index_pending_load(x, id, n, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = read_facts(x, &id[i], false, &f[i], why);
	if (own) {
		end = index_run(x, SQL_COMMIT, &ignored, "");
		if (end != BLK_OK && sqlite3_get_autocommit(x->db) == 0)
			end = index_run(x, SQL_ROLLBACK, &ignored, "");
		if (st == BLK_OK && end != BLK_OK) {
			*why = ignored;
			st = end;
		}
	}
	return st;
}

enum blk_status
index_copies_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_copy *copy, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	bool refreshed = x->writing;
	sqlite3_stmt *s = NULL;
	struct index_fact row;
	enum blk_status st;
	struct digest id;

	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, index_sql[SQL_COPIES], &s, why);
	while (st == BLK_OK &&
	    (st = index_step_fact(x, s, &id, &row, why)) == BLK_OK) {
		const struct catalog_copy copy = { row.segment, row.place,
			(uint32_t)row.amount, row.what };
		struct index_segment *seg;

		if (!refreshed)
			index_refresh(x);
		refreshed = true;
		st = index_segment_row(x, copy.seq, &seg, why);
		if (st != BLK_OK || seg->absent || seg->s.condemned != 0)
			continue;
		st = visit(arg, &id, &copy, why);
	}
	sqlite3_finalize(s);
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* The last id that begins with the first bits bits of prefix. */
static struct digest
last_of(const struct digest *prefix, unsigned bits, struct digest *first)
{
	struct digest last = *prefix;

	*first = *prefix;
	for (unsigned i = bits; i < 8 * DIGEST_LEN; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		first->byte[i / 8] &= (uint8_t)~bit;
		last.byte[i / 8] |= bit;
	}
	return last;
}

static bool
is_counted(const struct catalog_facts *f)
{
	for (int c = 0; c < CLASSES; c++)
		if (f->count[c] > 0)
			return true;
	return false;
}

/* Rows come in order: those of one id make its facts. */
static enum blk_status
group_rows(struct index *x, sqlite3_stmt *s,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why)
{
	struct digest id = { .byte = { 0 } }, next;
	struct catalog_facts f = { .copies = 0 };
	enum blk_status st, said = BLK_OK;
	struct index_fact row;

	while (said == BLK_OK &&
	    (st = index_step_fact(x, s, &next, &row, why)) == BLK_OK) {
		if (!x->writing)
			index_refresh(x);
		if (!digest_equal(&next, &id)) {
			if (is_counted(&f))
				said = visit(arg, &id, &f, why);
			id = next;
			memset(&f, 0, sizeof(f));
		}
		if (said == BLK_OK)
			said = take_fact(x, &row, false, &f, why);
	}
	if (said != BLK_OK || st != BLK_ABSENT)
		return said != BLK_OK ? said : st;
	return is_counted(&f) ? visit(arg, &id, &f, why) : BLK_OK;
}

enum blk_status
index_ids_each(struct catalog *c, const struct digest *prefix, unsigned bits,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	struct digest first, last = last_of(prefix, bits, &first);
	sqlite3_stmt *s = NULL;
	enum blk_status st;

	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, index_sql[SQL_IDS], &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "dd", &first, &last);
	if (st == BLK_OK)
		st = group_rows(x, s, visit, arg, why);
	sqlite3_finalize(s);
	return st;
}

/* --- counts --- */

static bool
any_count(const struct index *x, const struct index_pended *of)
{
	const struct index_fact *row;
	uint32_t at = of->first;

	while ((row = index_pending_next(x, &at)) != NULL)
		if (row->what >= FACT_COUNT && row->what < FACT_LOST)
			return true;
	return false;
}

/* The row of a number, which is changed, made, or dropped; *was: whether it
 * was there. */
static enum blk_status
set_number(struct index *x, struct index_pended *of, uint8_t what,
    uint64_t amount, bool there, bool *was, struct fault *why)
{
	struct index_fact *row = index_pending_find(x, of, what, 0);
	const struct index_fact made = {
		.what = what, .amount = amount, .changed = true
	};

	*was = row != NULL && !row->gone;
	if (row == NULL)
		return there ? index_pending_add(x, of, &made, why) : BLK_OK;
	row->changed = row->changed || row->amount != amount;
	row->gone = !there;
	if (there)
		row->amount = amount;
	return BLK_OK;
}

enum blk_status
index_count_set(struct catalog *c, const struct digest *id, enum class class,
    uint64_t count, struct fault *why)
{
	struct index *x = index_of(c);
	struct catalog_totals *t = &x->meta.totals;
	struct index_pended *of;
	enum blk_status st;
	uint64_t moved;
	bool any, was;

	st = index_pending_id(x, id, true, &of, why);
	if (st != BLK_OK)
		return st;
	any = any_count(x, of);
	st = set_number(
	    x, of, (uint8_t)(FACT_COUNT + class), count, count > 0, &was, why);
	if (st != BLK_OK)
		return st;
	moved = (uint64_t)(count > 0) - (uint64_t)was;
	if (class == CLASS_CONTENT)
		t->contents += moved;
	if (class == CLASS_DATA)
		t->chunks += moved;
	t->counted += (uint64_t)any_count(x, of) - (uint64_t)any;
	return BLK_OK;
}

enum blk_status
index_counts_clear(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st = BLK_OK;

	if (x->meta.totals.counted > 0)
		st = index_slices(
		    x, SQL_COUNTS_CLEAR, 0, INDEX_SLICES, NULL, why);
	x->meta.totals.counted = 0;
	x->meta.totals.contents = 0;
	x->meta.totals.chunks = 0;
	return st == BLK_OK ? index_segments_unlive(x, why) : st;
}

/* --- lost --- */

enum blk_status
index_lost_set(struct catalog *c, const struct digest *id, enum class class,
    bool lost, struct fault *why)
{
	struct index *x = index_of(c);
	struct index_pended *of;
	enum blk_status st;
	bool was;

	st = index_pending_id(x, id, true, &of, why);
	if (st == BLK_OK)
		st = set_number(
		    x, of, (uint8_t)(FACT_LOST + class), 0, lost, &was, why);
	if (st == BLK_OK)
		x->meta.totals.lost += (uint64_t)lost - (uint64_t)was;
	return st;
}

enum blk_status
index_lost_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        enum class class, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st, end = BLK_OK;
	struct index_meta m;
	sqlite3_stmt *s = NULL;
	struct index_fact row;
	struct digest id;

	/* It takes a look at all facts; an index of them would cost every
	 * store what hardly one ever needs. */
	st = index_meta_now(x, &m, why);
	if (st != BLK_OK || m.totals.lost == 0)
		return st;
	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, index_sql[SQL_LOST], &s, why);
	if (st != BLK_OK)
		return st;
	while (end == BLK_OK &&
	    (st = index_step_fact(x, s, &id, &row, why)) == BLK_OK)
		if (row.what < FACT_LOST + CLASSES)
			end = visit(
			    arg, &id, (enum class)(row.what - FACT_LOST), why);
	sqlite3_finalize(s);
	return st == BLK_ABSENT || end != BLK_OK ? end : st;
}

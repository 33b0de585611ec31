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
		const struct index_fact copy = { .what = o->kind,
			.segment = seq,
			.place = i,
			.amount = o->length };

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
		of->changed = true;
		st = index_pending_add(x, of, &copy, why);
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

/* Say in f what a row says. */
static enum blk_status
take_row(struct index *x, const struct index_row *r, bool all,
    struct catalog_facts *f, struct fault *why)
{
	enum blk_status st = BLK_OK;

	memset(f, 0, sizeof(*f));
	for (size_t i = 0; st == BLK_OK && i < r->facts; i++)
		st = take_fact(x, &r->fact[i], all, f, why);
	return st;
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
	if (st == BLK_OK)
		st = index_step_row(x, s, &x->row, why);
	if (st == BLK_OK) {
		index_refresh(x);
		st = take_row(x, &x->row, all, f, why);
	}
	index_done(s);
	if (st != BLK_OK && st != BLK_ABSENT)
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
	bool own;
	enum blk_status st = index_read_begin(x, &own, why);

	if (st == BLK_OK && (x->writing || x->keep) && n > 0)
		st = index_pending_load(x, id, n, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = read_facts(x, &id[i], false, &f[i], why);
	return index_read_end(x, own, st, why);
}

/* Show what is a copy, and is not on its way out. */
static enum blk_status
show_copy(struct index *x, const struct digest *id, const struct index_fact *f,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_copy *copy, struct fault *why),
    void *arg, struct fault *why)
{
	const struct catalog_copy copy = { f->segment, f->place,
		(uint32_t)f->amount, f->what };
	struct index_segment *seg;
	enum blk_status st;

	if (f->what >= FACT_COUNT)
		return BLK_OK;
	st = index_segment_row(x, f->segment, &seg, why);
	if (st != BLK_OK || seg->absent || seg->s.condemned != 0)
		return st;
	return visit(arg, id, &copy, why);
}

enum blk_status
index_copies_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_copy *copy, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	bool refreshed = x->writing;
	struct index_row r = { .facts = 0 };
	sqlite3_stmt *s = NULL;
	enum blk_status st;

	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, index_sql[SQL_COPIES], &s, why);
	while (st == BLK_OK && (st = index_step_row(x, s, &r, why)) == BLK_OK) {
		if (!refreshed)
			index_refresh(x);
		refreshed = true;
		for (size_t i = 0; st == BLK_OK && i < r.facts; i++)
			st = show_copy(x, &r.id, &r.fact[i], visit, arg, why);
	}
	sqlite3_finalize(s);
	index_row_release(&r);
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

enum blk_status
index_ids_each(struct catalog *c, const struct digest *prefix, unsigned bits,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	struct digest first, last = last_of(prefix, bits, &first);
	enum blk_status st, said = BLK_OK;
	struct index_row r = { .facts = 0 };
	sqlite3_stmt *s = NULL;
	struct catalog_facts f;

	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, index_sql[SQL_IDS], &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "dd", &first, &last);
	while (st == BLK_OK && said == BLK_OK &&
	    (st = index_step_row(x, s, &r, why)) == BLK_OK) {
		if (!x->writing)
			index_refresh(x);
		said = take_row(x, &r, false, &f, why);
		if (said == BLK_OK && is_counted(&f))
			said = visit(arg, &r.id, &f, why);
	}
	sqlite3_finalize(s);
	index_row_release(&r);
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
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

/* A number, which is changed, made, or dropped; *was: whether it was there. */
static enum blk_status
set_number(struct index *x, struct index_pended *of, uint8_t what,
    uint64_t amount, bool there, bool *was, struct fault *why)
{
	struct index_fact *row = index_pending_find(x, of, what, 0);
	const struct index_fact made = { .what = what, .amount = amount };

	*was = row != NULL && !row->gone;
	if (*was != there || (there && row->amount != amount))
		of->changed = true;
	if (row == NULL)
		return there ? index_pending_add(x, of, &made, why) : BLK_OK;
	row->gone = !there;
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

static enum blk_status
clear_counts(
    struct index *x, struct index_pended *of, void *arg, struct fault *why)
{
	uint32_t at = of->first;
	struct index_fact *f;

	(void)arg;
	(void)why;
	while ((f = index_pending_next(x, &at)) != NULL)
		if (f->what >= FACT_COUNT && f->what < FACT_LOST)
			f->gone = of->changed = true;
	return BLK_OK;
}

enum blk_status
index_counts_clear(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st = BLK_OK;

	if (x->meta.totals.counted > 0)
		st = index_pending_each(
		    x, 0, INDEX_SLICES, false, clear_counts, NULL, why);
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

/* Show the classes that a row says are lost: the text has them in order. */
static enum blk_status
show_lost(const struct index_row *r,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        enum class class, struct fault *why),
    void *arg, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < r->facts; i++) {
		const unsigned what = r->fact[i].what;

		if (what >= FACT_LOST && what < FACT_LOST + CLASSES)
			st = visit(
			    arg, &r->id, (enum class)(what - FACT_LOST), why);
	}
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
	struct index_row r = { .facts = 0 };
	sqlite3_stmt *s = NULL;

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
	while (end == BLK_OK && (st = index_step_row(x, s, &r, why)) == BLK_OK)
		end = show_lost(&r, visit, arg, why);
	sqlite3_finalize(s);
	index_row_release(&r);
	return st == BLK_ABSENT || end != BLK_OK ? end : st;
}

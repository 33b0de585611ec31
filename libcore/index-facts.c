#include "index-private.h"

#include <stdlib.h>
#include <string.h>

/* --- copies --- */

struct order {         /* an object of a table, to be sorted by id */
	uint64_t head; /* first bytes of the id, so that few compare it all */
	uint32_t ordinal;
};

static int
order_of(const void *a, const void *b, void *arg)
{
	const struct order *x = a, *y = b;
	const struct segment_object *object = arg;
	int by;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	by = digest_compare(&object[x->ordinal].id, &object[y->ordinal].id);
	if (by != 0)
		return by;
	if (object[x->ordinal].kind != object[y->ordinal].kind)
		return (int)object[x->ordinal].kind -
		    (int)object[y->ordinal].kind;
	return x->ordinal < y->ordinal ? -1 : 1;
}

static uint64_t
head_of(const struct digest *id)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | id->byte[i];
	return v;
}

/* In order of the key neighbouring rows go into the same page. */
static enum blk_status
sort_objects(const struct segment_table *t, struct order **out, size_t *n,
    struct fault *why)
{
	struct order *list = malloc(((size_t)t->objects + 1) * sizeof(*list));

	*out = list;
	*n = 0;
	if (list == NULL)
		return fault_nomem(why);
	for (uint32_t i = 0; i < t->objects; i++)
		if (t->object[i].kind != KIND_RECORD)
			list[(*n)++] =
			    (struct order){ head_of(&t->object[i].id), i };
	qsort_r(list, *n, sizeof(*list), order_of, t->object);
	return BLK_OK;
}

static enum blk_status
add_copies(struct index *x, uint64_t seq, const struct segment_table *t,
    const struct order *list, size_t n, uint64_t *added, struct fault *why)
{
	const struct segment_object *last = NULL;
	enum blk_status st = BLK_OK;
	struct index_made made;

	*added = 0;
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		const struct segment_object *o = &t->object[list[i].ordinal];

		if (last != NULL && last->kind == o->kind &&
		    digest_equal(&last->id, &o->id))
			continue;
		st = index_put(x, SQL_FACT_ADD, TABLE_FACTS, &made, why,
		    "duuuu", &o->id, (uint64_t)o->kind, seq,
		    (uint64_t)list[i].ordinal, (uint64_t)o->length);
		*added += made.made;
		last = o;
	}
	return st;
}

enum blk_status
index_copies_add(struct catalog *c, uint64_t seq, const struct segment_table *t,
    struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	struct order *list = NULL;
	enum blk_status st;
	uint64_t added;
	size_t n;

	st = index_segment_row(x, seq, &row, why);
	if (st == BLK_OK && row->absent)
		st = fault(why, BLK_FAILED, "no segment row");
	if (st == BLK_OK)
		st = sort_objects(t, &list, &n, why);
	if (st == BLK_OK)
		st = add_copies(x, seq, t, list, n, &added, why);
	if (st == BLK_OK) {
		index_segment_count(x, row, -1);
		row->copies += added;
		row->changed = true;
		index_segment_count(x, row, 1);
	}
	free(list);
	return st;
}

/* --- looking up --- */

/* A row of facts into f; last, unless NULL, gets counts and their checks. */
static enum blk_status
take_row(struct index *x, sqlite3_stmt *s, bool all, struct catalog_facts *f,
    struct index_counts *last, struct fault *why)
{
	uint64_t what = column_u64(s, 1);
	struct index_segment *seg;
	enum blk_status st;

	if (what >= FACT_LOST && what < FACT_LOST + CLASSES) {
		f->lost[what - FACT_LOST] = true;
		return BLK_OK;
	}
	if (what >= FACT_COUNT && what < FACT_COUNT + CLASSES) {
		f->count[what - FACT_COUNT] = column_u64(s, 4);
		if (last != NULL)
			last->chk[what - FACT_COUNT] =
			    (uint32_t)sqlite3_column_int(s, 5);
		return BLK_OK;
	}
	st = index_segment_row(x, column_u64(s, 2), &seg, why);
	if (st != BLK_OK || seg->absent || (!all && seg->s.condemned != 0))
		return st;
	catalog_facts_add(f,
	    &(struct catalog_copy){ seg->s.seq, (uint32_t)column_u64(s, 3),
	        (uint32_t)column_u64(s, 4), (uint8_t)what });
	return BLK_OK;
}

static enum blk_status
read_facts(struct index *x, const struct digest *id, bool all,
    struct catalog_facts *f, struct fault *why)
{
	struct index_counts *last = x->writing ? &x->last : NULL;
	bool refreshed = x->writing;
	enum blk_status st;
	sqlite3_stmt *s;

	if (x->memo.known && !all && digest_equal(&x->memo.id, id)) {
		*f = x->memo.f;
		return BLK_OK;
	}
	memset(f, 0, sizeof(*f));
	x->last.known = false;
	st = index_prepare(x, SQL_FACTS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", id);
	while (st == BLK_OK) {
		st = index_step(x, s, TABLE_FACTS, why);
		if (st == BLK_OK && !refreshed)
			index_refresh(x);
		refreshed = true;
		if (st == BLK_OK)
			st = take_row(x, s, all, f, last, why);
	}
	index_done(s);
	if (st != BLK_ABSENT)
		return st;
	if (x->held && !all) {
		x->memo.known = true;
		x->memo.id = *id;
		x->memo.f = *f;
	}
	if (last != NULL) {
		last->known = true;
		last->id = *id;
		memcpy(last->count, f->count, sizeof(last->count));
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
	enum blk_status st;

	st = index_prepare_text(x, index_sql[SQL_COPIES], &s, why);
	while (st == BLK_OK &&
	    (st = index_step(x, s, TABLE_FACTS, why)) == BLK_OK) {
		struct catalog_copy copy = { column_u64(s, 2),
			(uint32_t)column_u64(s, 3), (uint32_t)column_u64(s, 4),
			(uint8_t)column_u64(s, 1) };
		struct index_segment *seg;
		struct digest id;

		if (!refreshed)
			index_refresh(x);
		refreshed = true;
		st = index_segment_row(x, copy.seq, &seg, why);
		if (st != BLK_OK || seg->absent || seg->s.condemned != 0)
			continue;
		column_digest(s, 0, &id);
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

	while (said == BLK_OK &&
	    (st = index_step(x, s, TABLE_FACTS, why)) == BLK_OK) {
		if (!x->writing)
			index_refresh(x);
		column_digest(s, 0, &next);
		if (!digest_equal(&next, &id)) {
			if (is_counted(&f))
				said = visit(arg, &id, &f, why);
			id = next;
			memset(&f, 0, sizeof(f));
		}
		if (said == BLK_OK)
			said = take_row(x, s, false, &f, NULL, why);
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
any_count(const struct index_counts *k)
{
	for (int c = 0; c < CLASSES; c++)
		if (k->count[c] > 0)
			return true;
	return false;
}

/* Counts are written right after they were read: x->last knows them. */
static enum blk_status
know_counts(struct index *x, const struct digest *id, struct fault *why)
{
	struct catalog_facts f;

	if (x->last.known && digest_equal(&x->last.id, id))
		return BLK_OK;
	return read_facts(x, id, true, &f, why);
}

static enum blk_status
write_count(struct index *x, const struct digest *id, enum class class,
    uint64_t count, struct fault *why)
{
	uint64_t what = FACT_COUNT + (uint64_t) class;
	bool had = x->last.count[class] > 0;
	struct index_made made = { false, 0 };
	enum blk_status st;

	if (count == 0)
		return index_take(
		    x, SQL_FACT_DROP, TABLE_FACTS, NULL, why, "du", id, what);
	if (had)
		index_forget(x, TABLE_FACTS, x->last.chk[class]);
	st = index_put(x, had ? SQL_FACT_SET : SQL_FACT_ADD, TABLE_FACTS, &made,
	    why, "duuuu", id, what, (uint64_t)0, (uint64_t)0, count);
	if (st == BLK_OK && !made.made)
		st = index_unsound(x, TABLE_FACTS, why);
	x->last.chk[class] = made.chk;
	return st;
}

enum blk_status
index_count_set(struct catalog *c, const struct digest *id, enum class class,
    uint64_t count, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st = know_counts(x, id, why);
	bool had;

	if (st != BLK_OK || x->last.count[class] == count)
		return st;
	had = any_count(&x->last);
	st = write_count(x, id, class, count, why);
	if (st != BLK_OK) {
		x->last.known = false;
		return st;
	}
	if (class == CLASS_CONTENT)
		x->meta.totals.contents += (uint64_t)(count > 0) -
		    (uint64_t)(x->last.count[class] > 0);
	if (class == CLASS_DATA)
		x->meta.totals.chunks += (uint64_t)(count > 0) -
		    (uint64_t)(x->last.count[class] > 0);
	x->last.count[class] = count;
	x->meta.totals.counted += (uint64_t)any_count(&x->last) - (uint64_t)had;
	return BLK_OK;
}

enum blk_status
index_counts_clear(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st = BLK_OK;

	x->last.known = false;
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
	uint64_t what = FACT_LOST + (uint64_t) class, gone = 0;
	struct index *x = index_of(c);
	struct index_made made;
	enum blk_status st;

	if (!lost) {
		st = index_take(
		    x, SQL_FACT_DROP, TABLE_FACTS, &gone, why, "du", id, what);
		x->meta.totals.lost -= gone;
		return st;
	}
	st = index_put(x, SQL_FACT_ADD, TABLE_FACTS, &made, why, "duuuu", id,
	    what, (uint64_t)0, (uint64_t)0, (uint64_t)0);
	if (st == BLK_OK)
		x->meta.totals.lost += made.made;
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
	struct digest id;

	/* It takes a look at all facts; an index of them would cost every
	 * store what hardly one ever needs. */
	st = index_meta_now(x, &m, why);
	if (st != BLK_OK || m.totals.lost == 0)
		return st;
	st = index_prepare_text(x, index_sql[SQL_LOST], &s, why);
	if (st != BLK_OK)
		return st;
	while (end == BLK_OK &&
	    (st = index_step(x, s, TABLE_FACTS, why)) == BLK_OK) {
		uint64_t what = column_u64(s, 1);

		column_digest(s, 0, &id);
		if (what < FACT_LOST + CLASSES)
			end = visit(
			    arg, &id, (enum class)(what - FACT_LOST), why);
	}
	sqlite3_finalize(s);
	return st == BLK_ABSENT || end != BLK_OK ? end : st;
}

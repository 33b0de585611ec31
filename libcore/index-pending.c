/*
 * Facts that a transaction has read or changed, kept in memory until its end
 * and then written in order of ids, many with a statement.  Those read shortly
 * before, to judge what the transaction will apply, are kept as well.
 *
 * Applying a commit adds a copy of each of its objects, segment by segment,
 * and then counts each of them: in SQLite each such step is a way down the
 * tree to a page that is no longer in the processor's cache.  Side by side
 * and in order the same rows take a sixth of the time (2 x 157000 of them:
 * 1.22 s and 0.20 s), and they leave the pages fuller.
 */
#include "index-private.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define IDS_KEPT ((size_t)1 << 12) /* room for more is given back */

/* Rows that a scan passes over cost less than a look for each id, up to so
 * many of them for each id that is asked for. */
#define SCAN_ROWS 4

#define EXPECT_MIN 64 /* ids that tell how many will follow */

void
index_pending_release(struct index *x)
{
	idmap_release(&x->pending.at);
	free(x->pending.id);
	free(x->pending.fact);
	x->pending = (struct index_pending){ .flushes = x->pending.flushes,
		.at = { .ordered = true } };
}

void
index_pending_clear(struct index *x)
{
	struct index_pending *p = &x->pending;

	if (p->ids_cap > IDS_KEPT) {
		index_pending_release(x);
		return;
	}
	idmap_clear(&p->at);
	p->ids = p->facts = 0;
}

struct index_fact *
index_pending_next(const struct index *x, uint32_t *at)
{
	struct index_fact *f;

	do {
		if (*at == INDEX_NO_FACT)
			return NULL;
		f = &x->pending.fact[*at];
		*at = f->next;
	} while (f->gone);
	return f;
}

struct index_fact *
index_pending_find(const struct index *x, const struct index_pended *of,
    uint8_t what, uint64_t segment)
{
	for (uint32_t at = of->first; at != INDEX_NO_FACT;) {
		struct index_fact *f = &x->pending.fact[at];

		if (f->what == what && f->segment == segment)
			return f;
		at = f->next;
	}
	return NULL;
}

enum blk_status
index_pending_add(struct index *x, struct index_pended *of,
    const struct index_fact *fact, struct fault *why)
{
	struct index_pending *p = &x->pending;
	enum blk_status st = array_grow(
	    (void **)&p->fact, p->facts, &p->facts_cap, sizeof(*p->fact), why);

	if (st != BLK_OK)
		return st;
	p->fact[p->facts] = *fact;
	p->fact[p->facts].next = of->first;
	of->first = (uint32_t)p->facts++;
	return BLK_OK;
}

/* --- reading --- */

bool
index_pending_takes(const struct index *x, const struct digest *id)
{
	const struct index_pending *p = &x->pending;

	return p->ids < x->o.pending_ids || idmap_get(&p->at, id, 0) != NULL;
}

enum blk_status
index_pending_place(struct index *x, const struct digest *id,
    struct index_pended **out, struct fault *why)
{
	struct index_pending *p = &x->pending;
	enum blk_status st = BLK_OK;
	int64_t *at;
	bool made;

	if (!index_pending_takes(x, id))
		st = index_pending_flush(x, why);
	if (p->ids == 0)
		p->fresh = x->writing && x->sum[TABLE_FACTS].rows == 0;
	if (st == BLK_OK)
		st = array_grow(
		    (void **)&p->id, p->ids, &p->ids_cap, sizeof(*p->id), why);
	if (st == BLK_OK)
		st = idmap_put(&p->at, id, 0, &at, &made, why);
	if (st != BLK_OK)
		return st;
	if (made) {
		*at = (int64_t)p->ids;
		p->id[p->ids++] = (struct index_pended){ .first = INDEX_NO_FACT,
			.known = p->fresh };
	}
	*out = &p->id[*at];
	return BLK_OK;
}

enum blk_status
index_pending_take(struct index *x, struct index_pended *of,
    const struct index_row *r, struct fault *why)
{
	const size_t facts = x->pending.facts;
	const uint32_t first = of->first;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < r->facts; i++)
		st = index_pending_add(x, of, &r->fact[i], why);
	if (st != BLK_OK) {
		of->first = first;
		x->pending.facts = facts;
		return st;
	}
	of->known = of->stored = true;
	of->chk = r->chk;
	return BLK_OK;
}

enum blk_status
index_pending_read(struct index *x, const struct digest *id,
    struct index_pended *of, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;

	st = index_prepare(x, SQL_FACTS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", id);
	if (st == BLK_OK)
		st = index_step_row(x, s, &x->row, why);
	if (st == BLK_OK)
		st = index_pending_take(x, of, &x->row, why);
	index_done(s);
	if (st != BLK_ABSENT)
		return st;
	of->known = true;
	return BLK_OK;
}

enum blk_status
index_pending_id(struct index *x, const struct digest *id, bool known,
    struct index_pended **out, struct fault *why)
{
	enum blk_status st = index_pending_place(x, id, out, why);

	return st == BLK_OK && known && !(*out)->known
	    ? index_pending_read(x, id, *out, why)
	    : st;
}

static bool
is_in_order(const struct digest *id, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (digest_compare(&id[i - 1], &id[i]) > 0)
			return false;
	return true;
}

/* Of all ids, which are evenly spread over 2^64 heads, the share from the
 * first to the last of these, which are in order. */
static double
share_of(const struct digest *id, size_t n)
{
	return (double)(digest_head(&id[n - 1]) - digest_head(&id[0])) /
	    18446744073709551616.0;
}

/* Room at once for those that are likely to follow, and for two facts of
 * each: n > 0 in order are the first, or more, of as many for each share.  A
 * wish: what is not had now is asked for when it is needed. */
static void
expect(struct index *x, const struct digest *id, size_t n)
{
	struct index_pending *p = &x->pending;
	double all = (double)n / (share_of(id, n) + 1e-9);
	size_t more, most = x->o.pending_ids;
	struct fault unsaid;
	enum blk_status st;

	if (n >= EXPECT_MIN && all < (double)most)
		most = (size_t)all;
	if (n < EXPECT_MIN || most <= p->ids)
		return;
	more = most - p->ids;
	st = idmap_reserve(&p->at, more, &unsaid);
	if (st == BLK_OK)
		st = array_reserve((void **)&p->id, p->ids, &p->ids_cap, more,
		    sizeof(*p->id), &unsaid);
	if (st == BLK_OK)
		st = array_reserve((void **)&p->fact, p->facts, &p->facts_cap,
		    2 * more, sizeof(*p->fact), &unsaid);
	(void)st;
}

/* Take the rows of those ids that are not known among the rows from the first
 * to the last of them. */
static enum blk_status
scan(struct index *x, sqlite3_stmt *s, const struct digest *id, size_t n,
    struct fault *why)
{
	struct index_row r = { .facts = 0 };
	enum blk_status st = BLK_OK;
	size_t i = 0;
	int rc;

	while (st == BLK_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct index_pended *of;
		struct digest at;

		column_digest(s, 0, &at);
		while (i < n && digest_compare(&id[i], &at) < 0)
			i++;
		if (i == n || !digest_equal(&id[i], &at))
			continue;
		st = index_pending_place(x, &at, &of, why);
		if (st == BLK_OK && !of->known)
			st = index_row_read(x, s, &r, why);
		if (st == BLK_OK && !of->known)
			st = index_pending_take(x, of, &r, why);
	}
	index_row_release(&r);
	return st == BLK_OK && rc != SQLITE_DONE ? index_fault(x, rc, why) : st;
}

enum blk_status
index_pending_load(
    struct index *x, const struct digest *id, size_t n, struct fault *why)
{
	struct index_pended *of;
	enum blk_status st = BLK_OK;
	sqlite3_stmt *s;
	size_t asked = 0;
	bool in_order = n > 0 && is_in_order(id, n);

	if (n > x->o.pending_ids ||
	    (!x->writing && x->pending.ids + n > x->o.pending_ids))
		return BLK_OK;
	/* There is room for all: none is written, and forgotten, meanwhile. */
	if (x->pending.ids + n > x->o.pending_ids)
		st = index_pending_flush(x, why);
	if (st == BLK_OK && in_order)
		expect(x, id, n);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		st = index_pending_place(x, &id[i], &of, why);
		asked += st == BLK_OK && !of->known;
	}
	if (st != BLK_OK || asked == 0 || !in_order ||
	    share_of(id, n) * (double)x->sum[TABLE_FACTS].rows >=
	        (double)(SCAN_ROWS * asked))
		return st; /* each will be read when it is wanted */
	st = index_prepare(x, SQL_IDS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "dd", &id[0], &id[n - 1]);
	if (st == BLK_OK)
		st = scan(x, s, id, n, why);
	index_done(s);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		st = index_pending_place(x, &id[i], &of, why);
		if (st == BLK_OK)
			of->known = true;
	}
	return st;
}

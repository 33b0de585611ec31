/*
 * Rows of segments.  Within a transaction they are changed in a cache and
 * written at its end: counting moves live bytes once for each id.  The cache
 * also tells which copies lie in live segments; it is dropped when another
 * connection has written.
 */
#include "index-private.h"

#include <stdlib.h>
#include <string.h>

#define CACHED_MAX                                                             \
	((size_t)1 << 16) /* rows; then they are written and forgotten */

/* --- the cache --- */

void
index_segments_clear(struct index *x)
{
	free(x->segments.slot);
	x->segments = (struct index_segments){ .slot = NULL };
}

void
index_refresh(struct index *x)
{
	unsigned version = 0;

	/* While a transaction is open this tells whether the database has
	 * been changed, by anybody, since it was last asked. */
	if (sqlite3_file_control(x->db, "main", SQLITE_FCNTL_DATA_VERSION,
	        &version) == SQLITE_OK &&
	    version == x->version)
		return;
	x->version = version;
	index_segments_clear(x);
	index_pending_clear(x);
}

static size_t
slot_of(const struct index_segments *g, uint64_t seq)
{
	size_t mask = g->slots - 1;
	size_t i = (size_t)(seq * 0x9e3779b97f4a7c15u >> 32) & mask;

	while (g->slot[i].used && g->slot[i].s.seq != seq)
		i = (i + 1) & mask;
	return i;
}

static enum blk_status
slots_grow(struct index_segments *g, struct fault *why)
{
	struct index_segments to = { .slots =
		                         g->slots == 0 ? 64 : 2 * g->slots };

	to.slot = calloc(to.slots, sizeof(*to.slot));
	if (to.slot == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < g->slots; i++)
		if (g->slot[i].used) {
			to.slot[slot_of(&to, g->slot[i].s.seq)] = g->slot[i];
			to.used++;
		}
	free(g->slot);
	*g = to;
	return BLK_OK;
}

static enum condemned_reason
reason_of(const char *name)
{
	enum condemned_reason r = REASON_DAMAGED;

	while (r > REASON_NONE && strcmp(reason_name(r), name) != 0)
		r = (enum condemned_reason)(r - 1);
	return r;
}

static void
read_row(sqlite3_stmt *q, struct index_segment *row)
{
	struct catalog_segment *s = &row->s;

	s->seq = column_u64(q, 0);
	column_digest(q, 1, &s->id);
	s->in_log = strcmp(column_text(q, 2), "log") == 0;
	s->bytes = column_u64(q, 3);
	s->plain = column_u64(q, 4);
	s->live = column_u64(q, 5);
	s->marks = column_u64(q, 6);
	s->commit = column_u64(q, 7);
	s->time = sqlite3_column_int64(q, 8);
	s->objects = (uint32_t)column_u64(q, 9);
	row->copies = column_u64(q, 10);
	s->reason = reason_of(column_text(q, 11));
	s->condemned = column_u64(q, 12);
	row->chk = (uint32_t)sqlite3_column_int(q, 13);
}

/* The row of seq as the table has it; absent where it has none. */
static enum blk_status
load(
    struct index *x, uint64_t seq, struct index_segment *row, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *q;

	*row = (struct index_segment){ .s = { .seq = seq }, .used = true };
	st = index_prepare(x, SQL_SEGMENT, &q, why);
	if (st == BLK_OK)
		st = index_bind(x, q, why, "u", seq);
	if (st == BLK_OK)
		st = index_step(x, q, TABLE_SEGMENTS, why);
	if (st == BLK_OK)
		read_row(q, row);
	index_done(q);
	row->absent = st == BLK_ABSENT;
	return st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
index_segment_row(struct index *x, uint64_t seq, struct index_segment **out,
    struct fault *why)
{
	struct index_segments *g = &x->segments;
	struct index_segment *row;
	enum blk_status st;

	if (g->used >= CACHED_MAX) {
		st = x->writing ? index_segments_flush(x, why) : BLK_OK;
		if (st != BLK_OK)
			return st;
		index_segments_clear(x);
	}
	if (g->used >= g->slots / 2) {
		st = slots_grow(g, why);
		if (st != BLK_OK)
			return st;
	}
	row = &g->slot[slot_of(g, seq)];
	if (!row->used) {
		struct index_segment fresh;

		st = load(x, seq, &fresh, why);
		if (st != BLK_OK)
			return st;
		*row = fresh;
		g->used++;
	}
	*out = row;
	return BLK_OK;
}

/* Add what a row stands for to the totals, or take it out. */
void
index_segment_count(struct index *x, const struct index_segment *row, int sign)
{
	struct catalog_totals *t = &x->meta.totals;
	uint64_t by = sign < 0 ? UINT64_MAX : 1;

	if (row->absent)
		return;
	if (row->s.condemned != 0) {
		t->condemned += by;
		t->condemned_bytes += by * row->s.bytes;
		return;
	}
	t->segments += by;
	t->stored_bytes += by * row->s.bytes;
	t->plain_bytes += by * row->s.plain;
	t->live_bytes += by * row->s.live;
	t->objects += by * row->copies;
}

#define ROW_FORMAT "udtuuuuuiuutu"
#define ROW_VALUES(s, copies)                                                  \
	(s)->seq, &(s)->id, (s)->in_log ? "log" : "segments", (s)->bytes,      \
	    (s)->plain, (s)->live, (s)->marks, (s)->commit, (s)->time,         \
	    (uint64_t)(s)->objects, (copies), reason_name((s)->reason),        \
	    (s)->condemned

enum blk_status
index_segments_flush(struct index *x, struct fault *why)
{
	struct index_segments *g = &x->segments;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < g->slots; i++) {
		struct index_segment *row = &g->slot[i];
		const struct catalog_segment *s = &row->s;
		struct index_made made;

		if (!row->used || !row->changed)
			continue;
		index_forget(x, TABLE_SEGMENTS, row->chk);
		st = index_put(x, SQL_SEGMENT_SET, TABLE_SEGMENTS, &made, why,
		    ROW_FORMAT, ROW_VALUES(s, row->copies));
		if (st == BLK_OK && !made.made)
			st = index_unsound(x, TABLE_SEGMENTS, why);
		row->chk = made.chk;
		row->changed = false;
	}
	return st;
}

/* --- operations --- */

enum blk_status
index_segment_add(
    struct catalog *c, const struct catalog_segment *s, struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	struct index_made made;
	enum blk_status st = BLK_OK;

	/* What a dropped segment left behind must not come to life. */
	if (x->meta.stale > 0 && s->seq <= x->meta.stale_max)
		st = index_sweep(x, true, why);
	if (st == BLK_OK)
		st = index_segment_row(x, s->seq, &row, why);
	if (st == BLK_OK)
		st = index_put(x, SQL_SEGMENT_ADD, TABLE_SEGMENTS, &made, why,
		    ROW_FORMAT, ROW_VALUES(s, (uint64_t)0));
	if (st != BLK_OK)
		return st;
	*row = (struct index_segment){ .s = *s, .chk = made.chk, .used = true };
	index_segment_count(x, row, 1);
	return BLK_OK;
}

enum blk_status
index_segment_update(
    struct catalog *c, const struct catalog_segment *s, struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	enum blk_status st = index_segment_row(x, s->seq, &row, why);

	if (st != BLK_OK)
		return st;
	if (row->absent)
		return fault(why, BLK_FAILED, "no segment row");
	index_segment_count(x, row, -1);
	row->s.live = s->live;
	row->s.marks = s->marks;
	row->s.plain = s->plain;
	row->s.objects = s->objects;
	row->s.reason = s->reason;
	row->s.condemned = s->condemned;
	row->changed = true;
	index_segment_count(x, row, 1);
	return BLK_OK;
}

enum blk_status
index_segment_live(struct catalog *c, const struct digest *id,
    const struct catalog_copy *copy, bool live, struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	enum blk_status st = index_segment_row(x, copy->seq, &row, why);

	if (st != BLK_OK || row->absent)
		return st;
	index_segment_count(x, row, -1);
	catalog_segment_count(&row->s, id, copy, live);
	row->changed = true;
	index_segment_count(x, row, 1);
	return BLK_OK;
}

enum blk_status
index_segment_drop(struct catalog *c, uint64_t seq, struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment *row;
	enum blk_status st = index_segment_row(x, seq, &row, why);

	if (st != BLK_OK || row->absent)
		return st;
	st = index_take(x, SQL_SEGMENT_DROP, TABLE_SEGMENTS, why, "u", seq);
	if (st != BLK_OK)
		return st;
	index_segment_count(x, row, -1);
	/* To find its copies takes a look at every row of facts: they are
	 * left behind, and swept when there are many of them. */
	x->meta.stale += row->copies;
	if (row->copies > 0 && x->meta.stale_max < seq)
		x->meta.stale_max = seq;
	*row = (struct index_segment){
		.s = { .seq = seq }, .used = true, .absent = true
	};
	return BLK_OK;
}

/* Run a query for one row; what was changed of it stands in the cache. */
static enum blk_status
query(struct index *x, sqlite3_stmt *q, struct catalog_segment *s,
    struct fault *why)
{
	struct index_segment row, *cached = &row;
	enum blk_status st = index_step(x, q, TABLE_SEGMENTS, why);

	if (st == BLK_OK)
		read_row(q, &row);
	index_done(q);
	if (st == BLK_OK && x->writing)
		st = index_segment_row(x, row.s.seq, &cached, why);
	if (st == BLK_OK)
		*s = cached->s;
	return st;
}

enum blk_status
index_segment_get(struct catalog *c, uint64_t seq, struct catalog_segment *s,
    struct fault *why)
{
	struct index *x = index_of(c);
	struct index_segment fresh, *row = &fresh;
	enum blk_status st = x->writing || x->held
	    ? index_segment_row(x, seq, &row, why)
	    : load(x, seq, row, why);

	if (st != BLK_OK)
		return st;
	if (row->absent)
		return BLK_ABSENT;
	*s = row->s;
	return BLK_OK;
}

enum blk_status
index_segment_find(struct catalog *c, const struct digest *id,
    struct catalog_segment *s, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	sqlite3_stmt *q;

	st = index_prepare(x, SQL_SEGMENT_BY_ID, &q, why);
	if (st == BLK_OK)
		st = index_bind(x, q, why, "d", id);
	return st == BLK_OK ? query(x, q, s, why) : st;
}

enum blk_status
index_segment_next(struct catalog *c, uint64_t after, struct catalog_segment *s,
    struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	sqlite3_stmt *q;

	st = index_prepare(x, SQL_SEGMENT_NEXT, &q, why);
	if (st == BLK_OK)
		st = index_bind(x, q, why, "i", index_bound(after));
	return st == BLK_OK ? query(x, q, s, why) : st;
}

enum blk_status
index_segment_last(struct catalog *c, uint64_t *seq, struct fault *why)
{
	struct index *x = index_of(c);
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;
	sqlite3_stmt *q;

	*seq = 0;
	st = index_prepare(x, SQL_SEGMENT_LAST, &q, why);
	if (st == BLK_OK)
		st = query(x, q, &s, why);
	*seq = s.seq;
	return st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
index_segments_unlive(struct index *x, struct fault *why)
{
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;

	while ((st = index_segment_next(&x->base, s.seq, &s, why)) == BLK_OK) {
		if (s.live == 0 && s.marks == 0)
			continue;
		s.live = s.marks = 0;
		st = index_segment_update(&x->base, &s, why);
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

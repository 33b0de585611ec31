/*
 * The chunks of a list, looked up ahead.
 *
 * Chunks were written in the order of their lists, so the one behind the last
 * in the same segment is tried first, against the segment's own table; only
 * where that fails the catalog is asked, for many chunks at once and the more
 * the more often it is needed.
 */
#include <stdlib.h>

#include "reader-private.h"

#define WINDOW 256   /* chunks looked at together */
#define AHEAD_MIN 16 /* asked for at once, after a run in one segment */
#define SEGMENTS 64  /* rows remembered */

struct walk {
	struct reading *r;
	const struct list_walk *w;
	uint64_t at; /* in the object, of the next line */
	bool done;   /* all of [from, to) was seen */

	struct list_chunk chunk[WINDOW];
	size_t chunks;
	struct catalog_facts facts[WINDOW]; /* as asked, sorted by id */
	size_t slot[WINDOW]; /* of chunk[i], i < known, in facts */
	size_t known;
	size_t asked, used; /* facts of the last time, and of use */
	uint64_t syncs;     /* those that facts and segment[] know of */
	struct catalog_segment segment[SEGMENTS]; /* by seq; seq 0: none */

	const struct segment_table *table; /* of the last copy */
	struct frames_place place;
	uint64_t seq;
	uint32_t ordinal;
};

/* --- where a chunk lies --- */

static void
leave_segment(struct walk *k)
{
	frames_release(store_frames(k->r->store), k->table);
	k->table = NULL;
}

static enum blk_status
segment_row(struct walk *k, uint64_t seq, const struct catalog_segment **out,
    struct fault *why)
{
	struct catalog_segment *row = &k->segment[seq % SEGMENTS];
	enum blk_status st;

	*out = row;
	if (row->seq == seq)
		return BLK_OK;
	st = reading_segment(k->r, seq, row, why);
	if (st != BLK_OK)
		row->seq = 0;
	return st;
}

/* Make copy's segment the one at hand; ABSENT or worse: it cannot be. */
static enum blk_status
enter_segment(struct walk *k, uint64_t seq, struct fault *why)
{
	const struct catalog_segment *row;
	enum blk_status st;

	if (k->table != NULL && k->seq == seq)
		return BLK_OK;
	leave_segment(k);
	st = segment_row(k, seq, &row, why);
	if (st != BLK_OK)
		return st;
	k->seq = seq;
	k->place = store_place(row);
	return frames_table(
	    store_frames(k->r->store), &k->place, &k->table, why);
}

/* Does the table at hand hold the chunk there?  Then take it. */
static bool
take_at(struct walk *k, uint32_t ordinal, struct list_chunk *c)
{
	const struct segment_object *o;

	if (k->table == NULL || ordinal >= k->table->objects)
		return false;
	o = &k->table->object[ordinal];
	if (o->kind != KIND_DATA || o->length != c->length ||
	    !digest_equal(&o->id, &c->id))
		return false;
	k->ordinal = ordinal;
	c->found = true;
	c->copy = (struct catalog_copy){ k->seq, ordinal, o->length, o->kind };
	c->place = k->place;
	c->frame = o->frame;
	return true;
}

static int
by_id(const void *a, const void *b)
{
	const struct list_chunk *const *x = a, *const *y = b;

	return digest_compare(&(*x)->id, &(*y)->id);
}

/* What was looked up before a sync is void. */
static void
forget_old(struct walk *k)
{
	if (k->syncs == k->r->syncs)
		return;
	k->syncs = k->r->syncs;
	k->known = 0;
	leave_segment(k);
	for (size_t i = 0; i < SEGMENTS; i++)
		k->segment[i].seq = 0;
}

/* Ask the catalog about the chunks from i on, sorted by id. */
static enum blk_status
ask(struct walk *k, size_t i, struct fault *why)
{
	const struct list_chunk *order[WINDOW];
	size_t n = 2 * k->used > k->asked ? 2 * k->asked : AHEAD_MIN;
	struct digest id[WINDOW];
	enum blk_status st;

	if (k->w->exact || n > k->chunks - i)
		n = k->chunks - i;
	for (size_t j = 0; j < n; j++)
		order[j] = &k->chunk[i + j];
	/* cppcheck-suppress uninitvar */
	qsort(order, n, sizeof(order[0]), by_id);
	for (size_t j = 0; j < n; j++) {
		id[j] = order[j]->id;
		k->slot[order[j] - k->chunk] = j;
	}
	st = reading_facts(k->r, id, n, k->facts, why);
	forget_old(k); /* an index that was made again */
	k->known = i + n;
	k->asked = n;
	k->used = 0;
	return st;
}

static enum blk_status
no_copy(const struct list_chunk *c, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(&c->id, hex);
	return fault(why, BLK_CORRUPT, "chunk %s is lost", hex);
}

/*
 * Find chunk[i].  Where the answers do not fit together it is left not found:
 * reading_object then says what is wrong.
 */
static enum blk_status
find(struct walk *k, size_t i, struct fault *why)
{
	struct list_chunk *c = &k->chunk[i];
	struct fault unsaid = FAULT_NONE;
	const struct catalog_copy *copy;
	enum blk_status st = BLK_OK;

	forget_old(k);
	if (!k->w->exact && take_at(k, k->ordinal + 1, c))
		return BLK_OK;
	if (i >= k->known)
		st = ask(k, i, why);
	if (st != BLK_OK)
		return st;
	k->used++;
	copy = catalog_winner(&k->facts[k->slot[i]], CLASS_DATA);
	if (k->w->exact) {
		if (copy == NULL)
			return no_copy(c, why);
		c->copy = *copy;
		c->found = true;
	} else if (copy != NULL &&
	    enter_segment(k, copy->seq, &unsaid) == BLK_OK) {
		(void)take_at(k, copy->ordinal, c);
	}
	return BLK_OK;
}

static enum blk_status
flush(struct walk *k, struct fault *why)
{
	enum blk_status st = BLK_OK;

	k->known = 0;
	for (size_t i = 0; st == BLK_OK && i < k->chunks; i++) {
		st = find(k, i, why);
		if (st == BLK_OK)
			st = k->w->give(k->w->arg, &k->chunk[i], why);
	}
	k->chunks = 0;
	return st;
}

/* --- the lines --- */

static enum blk_status
wrong_sum(struct fault *why)
{
	return fault(why, BLK_CORRUPT, "a list of wrong sums");
}

static bool
skip_piece(void *arg, const struct reference *piece)
{
	struct walk *k = arg;
	uint64_t end;

	if (k->at >= k->w->to) {
		k->done = true;
		return true;
	}
	if (__builtin_add_overflow(k->at, piece->size, &end) ||
	    end > k->w->from)
		return false;
	k->at = end;
	return true;
}

static enum blk_status
fetch_piece(
    void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	struct walk *k = arg;

	return reading_piece(k->r, id, b, why);
}

static enum blk_status
take_line(void *arg, struct span line, struct fault *why)
{
	struct walk *k = arg;
	struct reference r;
	uint64_t end;

	if (!structure_line(line, &r) || r.class != CLASS_DATA)
		return fault(why, BLK_CORRUPT, "not a line of a list");
	if (__builtin_add_overflow(k->at, r.size, &end) || end > k->w->size)
		return wrong_sum(why);
	if (k->at >= k->w->to) {
		k->done = true;
		return BLK_ABSENT; /* ends the walk */
	}
	if (end > k->w->from)
		k->chunk[k->chunks++] = (struct list_chunk){
			.id = r.id, .offset = k->at, .length = (uint32_t)r.size
		};
	k->at = end;
	return k->chunks == WINDOW ? flush(k, why) : BLK_OK;
}

static enum blk_status
add_line(void *arg, const struct reference *r, struct fault *why)
{
	uint64_t *size = arg;

	return __builtin_add_overflow(*size, r->size, size) ? wrong_sum(why)
	                                                    : BLK_OK;
}

enum blk_status
list_size(struct span text, uint64_t *size, struct fault *why)
{
	*size = 0;
	return structure_walk(KIND_LIST, text, add_line, size, why);
}

enum blk_status
list_walk(struct reading *r, const struct list_walk *w, struct span text,
    struct fault *why)
{
	struct walk *k = calloc(1, sizeof(*k));
	struct structure_reader lines = { .fetch = fetch_piece,
		.skip = skip_piece,
		.line = take_line,
		.arg = k };
	enum blk_status st;

	if (k == NULL)
		return fault_nomem(why);
	k->r = r;
	k->w = w;
	k->syncs = r->syncs;
	st = structure_read(&lines, text, why);
	if (k->done)
		st = BLK_OK;
	if (st == BLK_OK)
		st = flush(k, why);
	if (st == BLK_OK && !k->done && k->at != w->size)
		st = wrong_sum(why);
	leave_segment(k);
	free(k);
	return st;
}

/*
 * What lives in a segment: asked of the index, and compared with what the
 * segment's row adds up (R6).  A count that went missing would be garbage
 * otherwise; that of every id need not be looked at for it.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-private.h"
#include "ids.h"
#include "rules.h"

struct place { /* of an object in its segment */
	struct digest id;
	uint32_t ordinal;
};

struct alive {
	struct catalog *c;
	const struct segment_table *t;
	struct place *place; /* by id */
	uint32_t count;
	enum collect_fate *fate;
	bool wrong; /* something is noted lost or damaged */
	struct catalog_segment row;
	struct catalog_segment sum;     /* live and marks, as found */
	struct catalog_segment missing; /* of objects that have no row */
};

static int
place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int by = digest_compare(&x->id, &y->id);

	return by != 0 ? by
	               : (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* Objects by id: neighbours lie in one page of the index. */
static enum blk_status
sort_objects(struct alive *a, struct fault *why)
{
	const struct segment_table *t = a->t;

	a->place = malloc((t->objects + 1u) * sizeof(*a->place));
	if (a->place == NULL)
		return fault_nomem(why);
	for (uint32_t i = 0; i < t->objects; i++)
		if (t->object[i].kind != KIND_RECORD)
			a->place[a->count++] =
			    (struct place){ t->object[i].id, i };
	ids_sort(a->place, a->count, sizeof(*a->place), place_order);
	return BLK_OK;
}

/* A row that is missing means that the object is live (R6). */
static enum blk_status
judge_object(void *arg, const void *item, const struct catalog_facts *f,
    struct fault *why)
{
	struct alive *a = arg;
	const uint32_t ordinal = ((const struct place *)item)->ordinal;
	const struct segment_object *o = &a->t->object[ordinal];
	const struct catalog_copy self = { .seq = a->row.seq,
		.ordinal = ordinal,
		.length = o->length,
		.kind = o->kind };
	const struct catalog_copy *copy[2];
	size_t n = catalog_live(f, copy);
	enum collect_fate *fate = &a->fate[ordinal];
	bool row = false;

	*fate = n == 0 && !a->wrong ? FATE_MAY_STAY : FATE_GOES;
	for (size_t i = 0; i < n; i++)
		if (copy[i]->seq == self.seq && copy[i]->ordinal == ordinal)
			*fate = FATE_LIVES;
	if (*fate == FATE_LIVES)
		catalog_segment_count(&a->sum, &o->id, &self, true);
	for (size_t i = 0; i < f->copies; i++)
		row = row ||
		    (f->copy[i].seq == self.seq && f->copy[i].kind == o->kind);
	(void)why;
	if (row || !RULE(R6))
		return BLK_OK;
	*fate = FATE_LIVES;
	catalog_segment_count(&a->missing, &o->id, &self, true);
	return BLK_OK;
}

static enum blk_status
judge_objects(struct alive *a, struct fault *why)
{
	a->sum = a->missing = (struct catalog_segment){ .seq = 0 };
	return catalog_facts_each(
	    a->c, a->place, a->count, sizeof(*a->place), judge_object, a, why);
}

/* All that the row adds up was found, or is taken for live. */
static bool
agrees(const struct alive *a)
{
	const struct catalog_segment *row = &a->row, *sum = &a->sum;

	if (row->live == sum->live && row->marks == sum->marks)
		return true;
	return row->live == sum->live + a->missing.live &&
	    row->marks == sum->marks + a->missing.marks;
}

/* Look at one state of the catalog; *same: it was one. */
static enum blk_status
look(struct alive *a, const struct digest *segment, bool *same,
    struct fault *why)
{
	struct catalog_head before, after = { .number = 0 };
	enum blk_status st = a->c->type->head_get(a->c, &before, why);

	if (st == BLK_OK)
		st = a->c->type->segment_find(a->c, segment, &a->row, why);
	if (st == BLK_OK)
		st = a->c->type->anything_wrong(a->c, &a->wrong, why);
	if (st == BLK_OK)
		st = judge_objects(a, why);
	if (st == BLK_OK)
		st = a->c->type->head_get(a->c, &after, why);
	*same = st == BLK_OK && before.number == after.number;
	return st;
}

enum blk_status
collect_alive(struct store *s, const struct digest *segment,
    const struct segment_table *t, enum collect_fate *fate, struct fault *why)
{
	struct alive a = { .c = store_catalog(s), .t = t, .fate = fate };
	enum blk_status st = sort_objects(&a, why);
	bool same = false;

	while (st == BLK_OK && !same) {
		st = catalog_keep(a.c, why);
		if (st == BLK_OK)
			st = look(&a, segment, &same, why);
		catalog_release(a.c);
	}
	/* Somebody else has condemned it, and copied what lives. */
	if (st == BLK_ABSENT || (st == BLK_OK && a.row.condemned != 0)) {
		memset(fate, 0, t->objects * sizeof(*fate));
		st = BLK_OK;
	} else if (st == BLK_OK && !agrees(&a) && RULE(R6))
		st = fault(why, BLK_CORRUPT,
		    "the index does not say of every object whether it is "
		    "referred to: run blk-check --rebuild-index");
	free(a.place);
	return st;
}

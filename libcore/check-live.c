/*
 * What the row of each segment says that lives in it, against the facts: a
 * collector compares the two before it condemns, and stops where they differ.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "check-private.h"

struct check_live {
	struct both {
		struct catalog_segment row, found; /* live, marks */
	} * segment;                               /* by seq */
	size_t segments, cap;
};

enum blk_status
check_live_new(struct check *c, struct check_live **out, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_segment row = { .seq = 0 };
	struct check_live *x = calloc(1, sizeof(*x));
	enum blk_status st = BLK_OK;

	*out = x;
	if (x == NULL)
		return fault_nomem(why);
	while (
	    (st = cat->type->segment_next(cat, row.seq, &row, why)) == BLK_OK) {
		if (row.condemned != 0)
			continue;
		st = array_grow((void **)&x->segment, x->segments, &x->cap,
		    sizeof(*x->segment), why);
		if (st != BLK_OK)
			return st;
		x->segment[x->segments++] = (struct both){ .row = row };
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

void
check_live_free(struct check_live *x)
{
	if (x != NULL)
		free(x->segment);
	free(x);
}

static int
seq_order(const void *key, const void *item)
{
	uint64_t seq = *(const uint64_t *)key;
	const struct both *b = item;

	return (seq > b->row.seq) - (seq < b->row.seq);
}

void
check_live_add(struct check_live *x, const struct digest *id,
    const struct catalog_facts *f)
{
	const struct catalog_copy *copy[2];
	size_t n = catalog_live(f, copy);

	for (size_t i = 0; i < n; i++) {
		struct both *b = bsearch(&copy[i]->seq, x->segment, x->segments,
		    sizeof(*x->segment), seq_order);

		if (b != NULL)
			catalog_segment_count(&b->found, id, copy[i], true);
	}
}

void
check_live_compare(struct check *c, const struct check_live *x)
{
	for (size_t i = 0; i < x->segments; i++) {
		const struct catalog_segment *row = &x->segment[i].row,
		                             *found = &x->segment[i].found;
		struct fault text = FAULT_NONE;
		char where[SEGMENT_KEY_MAX];

		if (row->live == found->live && row->marks == found->marks)
			continue;
		if (row->live != found->live)
			(void)fault(&text, BLK_CORRUPT,
			    "its row in the index has %" PRIu64
			    " live bytes, the objects have %" PRIu64,
			    row->live, found->live);
		else
			(void)fault(&text, BLK_CORRUPT,
			    "its row in the index is of other live objects");
		check_key(row, where);
		check_say(c, CHECK_COUNT, where, &row->id, text.text);
	}
}

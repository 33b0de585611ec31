/*
 * A commit of this session's own goes into the catalog from what is in
 * memory: what was formatted, packed and hashed a moment ago is not read back.
 */
#include "store-private.h"

struct own {
	struct store *s;
	const struct commit *commit;
	const struct store_object *carried;
};

static bool
is_own(const struct own *o, const struct digest *segment)
{
	return digest_equal(segment, &o->commit->hash);
}

static enum blk_status
own_table(void *arg, const struct catalog_segment *seg,
    const struct segment_table **t, struct fault *why)
{
	const struct own *o = arg;
	const struct state_source *src = &o->s->source;

	if (!is_own(o, &seg->id))
		return src->table(src->arg, seg, t, why);
	*t = &o->commit->table;
	return BLK_OK;
}

static void
own_release(void *arg, const struct segment_table *t)
{
	const struct own *o = arg;
	const struct state_source *src = &o->s->source;

	if (t != &o->commit->table)
		src->release(src->arg, t);
}

/* Of what the commit carries, if the row is right (R6). */
static enum blk_status
own_text(void *arg, const struct catalog_segment *seg,
    const struct catalog_copy *copy, const struct digest *id, struct buf *b,
    struct fault *why)
{
	const struct own *o = arg;
	const struct state_source *src = &o->s->source;
	const struct segment_table *t = &o->commit->table;
	const struct store_object *is;

	if (!is_own(o, &seg->id) || copy->ordinal < o->commit->own ||
	    copy->ordinal >= t->objects ||
	    !digest_equal(&t->object[copy->ordinal].id, id))
		return src->text(src->arg, seg, copy, id, b, why);
	is = &o->carried[copy->ordinal - o->commit->own];
	return buf_add(b, is->data, is->len, why);
}

enum blk_status
store_apply_own(struct store *s, const struct commit *k,
    const struct store_object *carried, bool *applied, struct fault *why)
{
	struct own o = { s, k, carried };
	const struct state_source src = { .table = own_table,
		.release = own_release,
		.text = own_text,
		.arg = &o };
	enum blk_status st = BLK_OK;

	/* Which pieces of a record it does not carry, only reading tells. */
	*applied = false;
	if (k->own == 1)
		st = store_apply(s, k, &src, applied, why);
	return st == BLK_OK && *applied ? store_review_pending(s, why) : st;
}

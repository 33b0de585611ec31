#include "state-count.h"

#include <stdlib.h>

/* Changes held in memory before they are written to the catalog. */
#define DELTAS_MAX ((size_t)1 << 17)

/* Each class before those that its texts refer to; pieces are of any. */
static const enum class downwards[CLASSES] = { CLASS_VERSION, CLASS_SNAPSHOT,
	CLASS_TREE, CLASS_PIECE, CLASS_CONTENT, CLASS_DATA };

void
counter_init(
    struct counter *ct, struct catalog *c, const struct state_source *src)
{
	*ct = (struct counter){
		.catalog = c,
		.source = src,
		.text = BUF_INIT(SEGMENT_FRAME_MAX),
	};
	for (int k = 0; k < CLASSES; k++)
		ct->delta[k].ordered = true;
}

void
counter_release(struct counter *ct)
{
	for (int k = 0; k < CLASSES; k++)
		idmap_release(&ct->delta[k]);
	free(ct->job);
	buf_release(&ct->text);
}

enum blk_status
counter_add(struct counter *ct, const struct digest *id, enum class class,
    int change, struct fault *why)
{
	enum blk_status st;
	int64_t *value;

	st = idmap_put(&ct->delta[class], id, 0, &value, NULL, why);
	if (st == BLK_OK)
		*value += change;
	return st;
}

enum blk_status
counter_children(struct counter *ct, const struct digest *id,
    const struct catalog_copy *copy, int sign, struct fault *why)
{
	enum blk_status st;

	if (copy->kind == KIND_DATA)
		return BLK_OK;
	st = array_grow(
	    (void **)&ct->job, ct->jobs, &ct->cap, sizeof(*ct->job), why);
	if (st == BLK_OK)
		ct->job[ct->jobs++] = (struct counter_job){ *id, *copy, sign };
	return st;
}

static bool
is_among(const struct catalog_copy *copy,
    const struct catalog_copy *const list[static 2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i]->seq == copy->seq &&
		    list[i]->ordinal == copy->ordinal)
			return true;
	return false;
}

enum blk_status
counter_live(struct counter *ct, const struct digest *id,
    const struct catalog_facts *before, const struct catalog_facts *after,
    struct fault *why)
{
	const struct catalog_copy *was[2], *is[2];
	size_t n = catalog_live(before, was), m = catalog_live(after, is);
	const struct catalog_type *t = ct->catalog->type;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < n; i++)
		if (!is_among(was[i], is, m))
			st = t->segment_live(
			    ct->catalog, id, was[i], false, why);
	for (size_t i = 0; st == BLK_OK && i < m; i++)
		if (!is_among(is[i], was, n))
			st = t->segment_live(ct->catalog, id, is[i], true, why);
	return st;
}

struct settling { /* of changes of a class, in order of their ids */
	struct counter *ct;
	enum class class;
	const struct idmap_entry *e;
};

static const struct digest *
settled_id(const void *arg, size_t i)
{
	return &((const struct settling *)arg)->e[i].id;
}

/* Write the change of an id: what is said of it changes nothing that is known
 * of another. */
static enum blk_status
settle_id(
    void *arg, size_t i, const struct catalog_facts *before, struct fault *why)
{
	const struct settling *s = arg;
	const struct idmap_entry *e = &s->e[i];
	struct counter *ct = s->ct;
	struct catalog_facts after = *before;
	uint64_t *count = &after.count[s->class];
	const struct catalog_copy *winner = catalog_winner(before, s->class);
	bool had = *count > 0;
	enum blk_status st;

	if (ct->retrace)
		return BLK_OK;
	if (e->value < 0 && *count < (uint64_t)-e->value) {
		ct->retrace = true; /* the rows were wrong */
		return BLK_OK;
	}
	*count += (uint64_t)e->value;
	st = ct->catalog->type->count_set(
	    ct->catalog, &e->id, s->class, *count, why);
	if (st == BLK_OK && had != (*count > 0) && winner != NULL)
		st = counter_children(ct, &e->id, winner, had ? -1 : 1, why);
	/* It has children that nobody counts, unless it is bytes. */
	if (!had && winner == NULL && s->class != CLASS_DATA &&
	    !after.lost[s->class])
		ct->partial = true;
	return st == BLK_OK ? counter_live(ct, &e->id, before, &after, why)
	                    : st;
}

/* What was counted as often as it was discounted, as the chunks of a list that
 * a collector moves, is not even looked up. */
static size_t
without_zeros(struct idmap_entry *e, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (e[i].value != 0)
			e[kept++] = e[i];
	return kept;
}

/* Write the collected changes of a class to the catalog. */
static enum blk_status
settle(struct counter *ct, enum class class, struct fault *why)
{
	struct idmap_entry *e = NULL;
	size_t n = ct->delta[class].used;
	enum blk_status st;

	if (n == 0)
		return BLK_OK;
	st = idmap_sorted(&ct->delta[class], &e, why);
	idmap_clear(&ct->delta[class]);
	if (st == BLK_OK)
		st = catalog_facts_each(ct->catalog, without_zeros(e, n),
		    settled_id, settle_id, &(struct settling){ ct, class, e },
		    why);
	free(e);
	return st;
}

/* Of the classes that wait, the first. */
static enum blk_status
settle_first(struct counter *ct, struct fault *why)
{
	int k = 0;

	while (k < CLASSES - 1 && ct->delta[downwards[k]].used == 0)
		k++;
	return settle(ct, downwards[k], why);
}

/* The classes that have become too many to be held. */
static enum blk_status
settle_many(struct counter *ct, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t held = 0;

	for (int k = 0; k < CLASSES; k++)
		held += ct->delta[k].used;
	for (int k = 0; st == BLK_OK && held > DELTAS_MAX && k < CLASSES; k++)
		st = settle(ct, downwards[k], why);
	return st;
}

static bool
is_settled(const struct counter *ct)
{
	size_t held = ct->jobs;

	for (int k = 0; k < CLASSES; k++)
		held += ct->delta[k].used;
	return held == 0;
}

struct walk {
	struct counter *ct;
	int sign;
};

static enum blk_status
count_reference(void *arg, const struct reference *r, struct fault *why)
{
	struct walk *w = arg;

	return counter_add(w->ct, &r->id, r->class, w->sign, why);
}

/*
 * A text that cannot be read: a reason to trace, or to note.  Else fatal: it
 * may be gone, or its key used anew, because of newer commits.
 */
static enum blk_status
text_failed(struct counter *ct, const struct counter_job *job,
    const struct catalog_segment *s, enum blk_status st, struct fault *why)
{
	if (st != BLK_CORRUPT && st != BLK_ABSENT)
		return st;
	if (job->sign < 0 && !ct->tracing) {
		ct->retrace = true;
		return BLK_OK;
	}
	if (!ct->source->tolerant)
		return st;
	ct->partial = true;
	return ct->catalog->type->damage_note(
	    ct->catalog, &s->id, job->copy.ordinal, true, why);
}

static enum blk_status
do_job(struct counter *ct, const struct counter_job *job, struct fault *why)
{
	struct walk w = { ct, job->sign };
	struct catalog_segment s;
	enum blk_status st;

	st =
	    ct->catalog->type->segment_get(ct->catalog, job->copy.seq, &s, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "a copy without a segment");
	if (st != BLK_OK)
		return st;
	ct->text.len = 0;
	st = ct->source->text(
	    ct->source->arg, &s, &job->copy, &job->id, &ct->text, why);
	if (st != BLK_OK)
		return text_failed(ct, job, &s, st, why);
	st = structure_walk((enum kind)job->copy.kind,
	    span_of(ct->text.data, ct->text.len), count_reference, &w, why);
	return st == BLK_OK ? st : text_failed(ct, job, &s, st, why);
}

static int
job_order(const void *a, const void *b)
{
	const struct catalog_copy *x = &((const struct counter_job *)a)->copy;
	const struct catalog_copy *y = &((const struct counter_job *)b)->copy;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

enum blk_status
counter_run(struct counter *ct, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && !ct->retrace && !is_settled(ct)) {
		struct counter_job *job;
		size_t n;

		st = settle_first(ct, why);
		job = ct->job;
		n = ct->jobs;
		ct->job = NULL;
		ct->jobs = ct->cap = 0;
		if (n > 1)
			qsort(job, n, sizeof(*job), job_order);
		for (size_t i = 0; st == BLK_OK && !ct->retrace && i < n; i++) {
			st = do_job(ct, &job[i], why);
			if (st == BLK_OK && !ct->retrace)
				st = settle_many(ct, why);
		}
		free(job);
	}
	return st;
}

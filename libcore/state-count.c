#include "state-count.h"

#include <stdlib.h>

#include "ids.h"

/* Changes held in memory before they are written to the catalog. */
#define CHANGES_MAX ((size_t)1 << 17)

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
}

void
counter_release(struct counter *ct)
{
	for (int k = 0; k < CLASSES; k++)
		free(ct->waiting[k].change);
	free(ct->job);
	buf_release(&ct->text);
}

enum blk_status
counter_add(struct counter *ct, const struct digest *id, enum class class,
    int change, struct fault *why)
{
	struct counter_class *w = &ct->waiting[class];
	enum blk_status st = array_grow(
	    (void **)&w->change, w->changes, &w->cap, sizeof(*w->change), why);

	if (st == BLK_OK)
		w->change[w->changes++] =
		    (struct counter_change){ *id, change };
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

struct settling {
	struct counter *ct;
	enum class class;
};

/* Write the change of an id: what is said of it changes nothing that is known
 * of another. */
static enum blk_status
settle_id(void *arg, const void *item, const struct catalog_facts *before,
    struct fault *why)
{
	const struct settling *s = arg;
	const struct counter_change *e = item;
	struct counter *ct = s->ct;
	struct catalog_facts after = *before;
	uint64_t *count = &after.count[s->class];
	const struct catalog_copy *winner = catalog_winner(before, s->class);
	bool had = *count > 0;
	enum blk_status st;

	if (e->by < 0 && *count < (uint64_t)-e->by) {
		ct->retrace = true;
		return fault(why, BLK_CORRUPT, "counts were wrong");
	}
	*count += (uint64_t)e->by;
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

/*
 * One change for each id, in order of ids.  What was counted as often as it
 * was discounted, as the chunks of a list that a collector moves, is not even
 * looked up.
 */
static void
add_up(struct counter_class *w)
{
	struct counter_change *c = w->change;
	size_t kept = 0;

	if (w->changes > 1)
		ids_sort(c, w->changes, sizeof(*c), digest_order);
	for (size_t i = 0, next; i < w->changes; i = next) {
		int64_t by = 0;

		for (next = i;
		     next < w->changes && digest_equal(&c[next].id, &c[i].id);
		     next++)
			by += c[next].by;
		if (by != 0)
			c[kept++] = (struct counter_change){ c[i].id, by };
	}
	w->changes = kept;
}

/* Write the collected changes of a class to the catalog. */
static enum blk_status
settle(struct counter *ct, enum class class, struct fault *why)
{
	struct counter_class w = ct->waiting[class];
	enum blk_status st;

	ct->waiting[class] = (struct counter_class){ .change = NULL };
	add_up(&w);
	st = catalog_facts_each(ct->catalog, w.change, w.changes,
	    sizeof(*w.change), settle_id, &(struct settling){ ct, class }, why);
	free(w.change);
	return ct->retrace ? BLK_OK : st; /* whatever it was */
}

static size_t
waiting(const struct counter *ct)
{
	size_t n = 0;

	for (int k = 0; k < CLASSES; k++)
		n += ct->waiting[k].changes;
	return n;
}

/* Of the classes that wait, the first. */
static enum blk_status
settle_first(struct counter *ct, struct fault *why)
{
	int k = 0;

	while (k < CLASSES - 1 && ct->waiting[downwards[k]].changes == 0)
		k++;
	return settle(ct, downwards[k], why);
}

/* When there are too many to be held: added up, many may be few. */
static enum blk_status
settle_many(struct counter *ct, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (waiting(ct) <= CHANGES_MAX)
		return BLK_OK;
	for (int k = 0; k < CLASSES; k++)
		add_up(&ct->waiting[k]);
	if (waiting(ct) <= CHANGES_MAX / 2)
		return BLK_OK;
	for (int k = 0; st == BLK_OK && !ct->retrace && k < CLASSES; k++)
		st = settle(ct, downwards[k], why);
	return st;
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

	while (
	    st == BLK_OK && !ct->retrace && (ct->jobs > 0 || waiting(ct) > 0)) {
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

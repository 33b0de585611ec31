#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "idmap.h"
#include "state.h"

#define BATCH 1024 /* ids looked up at once */
/* References that wait before they are looked up, which a text may pass. */
#define PENDING_MAX ((size_t)1 << 17)
#define PLACES 64 /* segments kept at hand: ids come in no order of places */
#define SHARE_BITS 10 /* stored bytes are summed in 1/1024 of one */

/* How far an (id, class) was followed. */
enum followed {
	UNSEEN = 0,
	MET = 1,  /* it is below a root */
	DEAD = 2, /* it would come to zero */
};

struct job { /* a structure whose lines are to be followed */
	struct digest id;
	struct catalog_copy copy;
	bool dead;
};

struct place {        /* a segment that was asked for */
	uint64_t seq; /* 0: none */
	struct catalog_segment seg;
	const struct segment_table *table; /* NULL: cannot be read */
};

struct usage_walk {
	struct store *store;
	const struct usage_options *o;
	struct usage *u;
	uint64_t stored, freed_stored; /* in shares */

	struct idmap pending; /* met since; value: references that go away */
	struct idmap taken;   /* all that went away */
	struct idmap state;   /* (id, class) -> enum followed */
	struct idmap copies;  /* copies met: (id, kind) */
	struct job *job;
	size_t jobs, cap;

	struct place place[PLACES]; /* by seq, modulo */

	struct buf text;
	bool dead; /* what the text that is walked belongs to */
};

/* --- where bytes lie --- */

static void
place_release(struct usage_walk *w, struct place *p)
{
	const struct state_source *src = store_source(w->store);

	if (p->table != NULL)
		src->release(src->arg, p->table);
	*p = (struct place){ .seq = 0 };
}

static enum blk_status
use_segment(struct usage_walk *w, uint64_t seq, const struct place **out,
    struct fault *why)
{
	const struct state_source *src = store_source(w->store);
	struct catalog *c = store_catalog(w->store);
	struct place *p = &w->place[seq % PLACES];
	enum blk_status st;

	*out = p;
	if (p->seq == seq)
		return BLK_OK;
	place_release(w, p);
	st = c->type->segment_get(c, seq, &p->seg, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "index: a copy without segment");
	if (st == BLK_OK)
		st = src->table(src->arg, &p->seg, &p->table, why);
	/* Without its table the segment as a whole has to do. */
	if (st == BLK_ABSENT || st == BLK_CORRUPT) {
		p->table = NULL;
		st = BLK_OK;
	}
	if (st == BLK_OK)
		p->seq = seq;
	return st;
}

/* n * part / whole in shares.  An object has up to 2^24 bytes and a segment up
 * to 2^28, so the product fits. */
static uint64_t
share(uint64_t n, uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (n * part << SHARE_BITS) / whole;
}

static enum blk_status
stored_share(struct usage_walk *w, const struct catalog_copy *copy,
    uint64_t *shares, struct fault *why)
{
	const struct segment_table *t;
	const struct segment_frame *f;
	const struct place *p;
	enum blk_status st = use_segment(w, copy->seq, &p, why);

	if (st != BLK_OK)
		return st;
	t = p->table;
	if (t == NULL || copy->ordinal >= t->objects) {
		*shares = share(copy->length, p->seg.bytes, p->seg.plain);
		return BLK_OK;
	}
	f = &t->frame[t->object[copy->ordinal].frame];
	*shares = share(copy->length, f->stored, f->plain);
	return BLK_OK;
}

/* --- settling what was met --- */

static enum blk_status
follow(struct usage_walk *w, const struct digest *id,
    const struct catalog_copy *copy, bool dead, struct fault *why)
{
	enum blk_status st;

	if (copy == NULL || copy->kind == KIND_DATA)
		return BLK_OK;
	st = array_grow(
	    (void **)&w->job, w->jobs, &w->cap, sizeof(*w->job), why);
	if (st == BLK_OK)
		w->job[w->jobs++] = (struct job){ *id, *copy, dead };
	return st;
}

/* A copy that answers something below a root: told once. */
static enum blk_status
meet_copy(struct usage_walk *w, const struct digest *id,
    const struct catalog_copy *copy, struct fault *why)
{
	enum blk_status st;
	uint64_t shares;
	int64_t *value;
	bool made;

	st = idmap_put(&w->copies, id, copy->kind, &value, &made, why);
	if (st != BLK_OK || !made)
		return st;
	if (copy->kind == KIND_DATA)
		w->u->data += copy->length;
	else
		w->u->structure += copy->length;
	st = stored_share(w, copy, &shares, why);
	if (st == BLK_OK)
		w->stored += shares;
	return st;
}

static enum blk_status
free_copy(struct usage_walk *w, const struct digest *id,
    const struct catalog_copy *copy, struct fault *why)
{
	enum blk_status st = meet_copy(w, id, copy, why);
	uint64_t shares;

	if (st == BLK_OK)
		st = stored_share(w, copy, &shares, why);
	if (st != BLK_OK)
		return st;
	w->u->freed += copy->length;
	w->u->freed_objects++;
	w->freed_stored += shares;
	if (copy->kind == KIND_DATA)
		w->u->unique += copy->length;
	return BLK_OK;
}

/* What answered before and does not answer after is freed. */
static enum blk_status
free_copies(struct usage_walk *w, const struct digest *id,
    const struct catalog_facts *before, const struct catalog_facts *after,
    struct fault *why)
{
	const struct catalog_copy *was[2], *is[2];
	size_t n = catalog_live(before, was), m = catalog_live(after, is);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		bool stays = false;

		for (size_t k = 0; k < m; k++)
			stays = stays ||
			    (is[k]->seq == was[i]->seq &&
			        is[k]->ordinal == was[i]->ordinal);
		if (!stays)
			st = free_copy(w, id, was[i], why);
	}
	return st;
}

/* Counts of f less what goes away already. */
static void
take_down(const struct usage_walk *w, const struct digest *id,
    struct catalog_facts *f)
{
	for (unsigned c = 0; c < CLASSES; c++) {
		const int64_t *gone;
		uint64_t n;

		if (f->count[c] == 0)
			continue;
		gone = idmap_get(&w->taken, id, (uint8_t)c);
		n = gone == NULL ? 0 : (uint64_t)*gone;
		f->count[c] = f->count[c] > n ? f->count[c] - n : 0;
	}
}

/* One more (id, class): e->value references to it go away. */
static enum blk_status
settle_class(struct usage_walk *w, const struct idmap_entry *e,
    struct catalog_facts *f, struct fault *why)
{
	const enum class class = (enum class)e->tag;
	const struct catalog_copy *winner = catalog_winner(f, class);
	bool had = f->count[class] > 0, dies;
	int64_t *gone, *state;
	enum blk_status st;

	if ((uint64_t)e->value > f->count[class])
		return fault(why, BLK_CORRUPT, "index: counts below zero");
	st = idmap_put(&w->state, &e->id, e->tag, &state, NULL, why);
	if (st == BLK_OK && e->value > 0) {
		st = idmap_put(&w->taken, &e->id, e->tag, &gone, NULL, why);
		if (st == BLK_OK)
			*gone += e->value;
	}
	if (st != BLK_OK)
		return st;
	f->count[class] -= (uint64_t)e->value;
	dies = had && f->count[class] == 0;
	if (*state == UNSEEN && winner != NULL && !w->o->only_freed)
		st = meet_copy(w, &e->id, winner, why);
	if (st == BLK_OK && (dies || (*state == UNSEEN && !w->o->only_freed)))
		st = follow(w, &e->id, winner, dies, why);
	*state = dies ? DEAD : *state == UNSEEN ? MET : *state;
	return st;
}

/* The entries e[n], all of one id. */
static enum blk_status
settle_id(struct usage_walk *w, const struct idmap_entry *e, size_t n,
    const struct catalog_facts *facts, struct fault *why)
{
	struct catalog_facts before = *facts, after;
	enum blk_status st = BLK_OK;

	take_down(w, &e->id, &before);
	after = before;
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = settle_class(w, &e[i], &after, why);
	if (st == BLK_OK)
		st = free_copies(w, &e->id, &before, &after, why);
	return st;
}

static enum blk_status
settle_batch(struct usage_walk *w, const struct idmap_entry *e, size_t n,
    struct digest *id, struct catalog_facts *f, struct fault *why)
{
	struct catalog *c = store_catalog(w->store);
	enum blk_status st;
	size_t ids = 0, next;

	for (size_t i = 0; i < n; i++)
		if (i == 0 || !digest_equal(&e[i].id, &e[i - 1].id))
			id[ids++] = e[i].id;
	st = c->type->facts_many(c, id, ids, f, why);
	ids = 0;
	for (size_t i = 0; st == BLK_OK && i < n; i = next) {
		for (next = i + 1;
		     next < n && digest_equal(&e[next].id, &e[i].id); next++)
			;
		st = settle_id(w, e + i, next - i, &f[ids++], why);
	}
	return st;
}

/* How many of e[n] to take next: at most BATCH, and no id in two parts. */
static size_t
batch_end(const struct idmap_entry *e, size_t n)
{
	size_t end = n < BATCH ? n : BATCH;

	while (end < n && digest_equal(&e[end].id, &e[end - 1].id))
		end++;
	return end;
}

static enum blk_status
check_memory(const struct usage_walk *w, struct fault *why)
{
	const struct idmap *map[] = { &w->pending, &w->taken, &w->state,
		&w->copies };
	uint64_t bytes = w->cap * sizeof(*w->job);

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		bytes += map[i]->slots * sizeof(*map[i]->slot);
	if (w->o->max_memory == 0 || bytes <= w->o->max_memory)
		return BLK_OK;
	return fault(why, BLK_FAILED,
	    "what this refers to does not fit into --max-memory");
}

/* Look up all that is pending. */
static enum blk_status
settle(struct usage_walk *w, struct fault *why)
{
	struct idmap_entry *e = NULL;
	size_t n = w->pending.used, len;
	struct catalog_facts *f = calloc(BATCH + CLASSES, sizeof(*f));
	struct digest *id = calloc(BATCH + CLASSES, sizeof(*id));
	enum blk_status st = check_memory(w, why);

	if (st == BLK_OK && (f == NULL || id == NULL))
		st = fault_nomem(why);
	if (st == BLK_OK)
		st = idmap_sorted(&w->pending, &e, why);
	idmap_clear(&w->pending);
	for (size_t i = 0; st == BLK_OK && i < n; i += len) {
		len = batch_end(e + i, n - i);
		st = settle_batch(w, e + i, len, id, f, why);
	}
	free(e);
	free(f);
	free(id);
	return st;
}

/* --- texts --- */

static enum blk_status
meet_reference(void *arg, const struct reference *r, struct fault *why)
{
	struct usage_walk *w = arg;
	enum blk_status st;
	int64_t *value;

	st = idmap_put(
	    &w->pending, &r->id, (uint8_t)r->class, &value, NULL, why);
	if (st == BLK_OK)
		*value += w->dead;
	return st;
}

static enum blk_status
do_job(struct usage_walk *w, const struct job *job, struct fault *why)
{
	const struct state_source *src = store_source(w->store);
	struct catalog *c = store_catalog(w->store);
	struct catalog_segment seg;
	enum blk_status st;

	st = c->type->segment_get(c, job->copy.seq, &seg, why);
	w->text.len = 0;
	if (st == BLK_OK)
		st = src->text(
		    src->arg, &seg, &job->copy, &job->id, &w->text, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "the segment of a %s is missing",
		    kind_name((enum kind)job->copy.kind));
	w->dead = job->dead;
	if (st == BLK_OK)
		st = structure_walk((enum kind)job->copy.kind,
		    span_of(w->text.data, w->text.len), meet_reference, w, why);
	return st;
}

/* As the texts lie on the medium, each frame is decoded once. */
static int
job_order(const void *a, const void *b)
{
	const struct catalog_copy *x = &((const struct job *)a)->copy;
	const struct catalog_copy *y = &((const struct job *)b)->copy;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static enum blk_status
walk(struct usage_walk *w, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && (w->pending.used > 0 || w->jobs > 0)) {
		struct job *job;
		size_t n;

		st = settle(w, why);
		job = w->job;
		n = w->jobs;
		w->job = NULL;
		w->jobs = w->cap = 0;
		if (n > 1)
			qsort(job, n, sizeof(*job), job_order);
		for (size_t i = 0; st == BLK_OK && i < n; i++) {
			st = do_job(w, &job[i], why);
			if (st == BLK_OK && w->pending.used > PENDING_MAX)
				st = settle(w, why);
		}
		free(job);
	}
	return st;
}

static void
walk_release(struct usage_walk *w)
{
	for (size_t i = 0; i < PLACES; i++)
		place_release(w, &w->place[i]);
	idmap_release(&w->pending);
	idmap_release(&w->taken);
	idmap_release(&w->state);
	idmap_release(&w->copies);
	free(w->job);
	buf_release(&w->text);
}

enum blk_status
usage_of(struct store *s, const struct usage_root *root, size_t roots,
    const struct usage_options *o, struct usage *u, struct fault *why)
{
	struct usage_walk w = { .store = s,
		.o = o,
		.u = u,
		.text = BUF_INIT(SEGMENT_FRAME_MAX),
		.dead = true };
	enum blk_status st = BLK_OK;

	*u = (struct usage){ .data = 0 };
	for (size_t i = 0; st == BLK_OK && i < roots; i++) {
		const struct reference r = { .id = root[i].id,
			.class = root[i].class };

		st = meet_reference(&w, &r, why);
	}
	if (st == BLK_OK)
		st = walk(&w, why);
	u->stored = (w.stored + (1 << SHARE_BITS) - 1) >> SHARE_BITS;
	u->freed_stored =
	    (w.freed_stored + (1 << SHARE_BITS) - 1) >> SHARE_BITS;
	walk_release(&w);
	return st;
}

/*
 * Judging a commit by the state that it would leave (R4).
 */
#include "state.h"

#include <stdlib.h>

#include "idmap.h"
#include "ids.h"
#include "rules.h"

/* References that are gathered, and judged at once. */
#define REFS_MAX ((size_t)1 << 17)

struct judge {
	struct catalog *c;
	const struct state_proposal *p;
	const struct state_source *src;
	struct state_verdict *v;
	struct idmap added; /* (id, kind) */
	struct idmap gone;  /* segments that the proposal condemns, by id */
	struct idmap asked; /* (id, class) already reported missing */
	struct idmap lost;  /* (id, class) that the proposal says lost */
	struct catalog_segment *victim;
	size_t victims, victims_cap;
	struct state_ref *ref; /* of texts: to be judged */
	size_t refs, refs_cap;
};

void
state_verdict_release(struct state_verdict *v)
{
	free(v->missing);
	*v = (struct state_verdict){ .missing = NULL };
}

static enum blk_status
report(struct judge *j, const struct digest *id, enum class class,
    struct fault *why)
{
	struct state_verdict *v = j->v;
	enum blk_status st;
	int64_t *value;
	bool made;

	st = idmap_put(&j->asked, id, (uint8_t) class, &value, &made, why);
	if (st != BLK_OK || !made)
		return st;
	st = array_grow((void **)&v->missing, v->missings, &v->cap,
	    sizeof(*v->missing), why);
	if (st == BLK_OK)
		v->missing[v->missings++] = (struct state_ref){ *id, class };
	return st;
}

/* Learn what is added; R1: nothing that was ever added before. */
static enum blk_status
learn_added(struct judge *j, struct fault *why)
{
	enum blk_status st;
	size_t objects = 0;

	for (size_t i = 0; i < j->p->addeds; i++)
		objects += j->p->added[i].table->objects;
	st = idmap_reserve(&j->added, objects, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = 0; i < j->p->addeds; i++) {
		const struct state_added *a = &j->p->added[i];
		bool own_file = i + 1 == j->p->addeds;
		struct catalog_segment s;
		int64_t *value;

		st = BLK_ABSENT;
		if (!own_file && RULE(R1))
			st = j->c->type->segment_find(j->c, &a->id, &s, why);
		if (st == BLK_OK)
			return fault(
			    why, BLK_INVALID, "a segment would be added twice");
		if (st != BLK_ABSENT)
			return st;
		for (uint32_t k = 0; k < a->table->objects; k++) {
			const struct segment_object *o = &a->table->object[k];

			st = idmap_put(
			    &j->added, &o->id, o->kind, &value, NULL, why);
			if (st != BLK_OK)
				return st;
		}
	}
	return BLK_OK;
}

static enum blk_status
learn_victims(struct judge *j, struct fault *why)
{
	const struct commit *k = j->p->commit;

	for (size_t i = 0; i < k->verbs; i++) {
		struct catalog_segment s;
		enum blk_status st;
		int64_t *value;

		if (k->verb[i].verb != VERB_CONDEMN)
			continue;
		st = j->c->type->segment_find(j->c, &k->verb[i].id, &s, why);
		if (st == BLK_ABSENT && k->verb[i].reason == REASON_ORPHAN)
			continue;
		if (st == BLK_ABSENT || (st == BLK_OK && s.condemned != 0) ||
		    (st == BLK_OK && k->verb[i].reason == REASON_ORPHAN))
			return fault(why, BLK_INVALID,
			    "a segment to condemn is not as it was");
		if (st == BLK_OK)
			st = idmap_put(&j->gone, &s.id, 0, &value, NULL, why);
		if (st == BLK_OK)
			st = array_grow((void **)&j->victim, j->victims,
			    &j->victims_cap, sizeof(*j->victim), why);
		if (st != BLK_OK)
			return st;
		j->victim[j->victims++] = s;
	}
	return BLK_OK;
}

static bool
is_victim(const struct judge *j, uint64_t seq)
{
	for (size_t i = 0; i < j->victims; i++)
		if (j->victim[i].seq == seq)
			return true;
	return false;
}

static bool
is_added(const struct judge *j, const struct digest *id, enum class class)
{
	for (int k = KIND_DATA; k <= KIND_VERSION; k++)
		if (class_takes(class, (enum kind)k) &&
		    idmap_get(&j->added, id, (uint8_t)k) != NULL)
			return true;
	return false;
}

/* Take the copies that the proposal condemns out of f. */
static void
without_victims(const struct judge *j, struct catalog_facts *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->copies; i++)
		if (!is_victim(j, f->copy[i].seq))
			f->copy[kept++] = f->copy[i];
	f->copies = kept;
}

/* What is said lost; a version that is dropped is needed as little. */
static enum blk_status
learn_lost(struct judge *j, struct fault *why)
{
	const struct commit *k = j->p->commit;
	enum blk_status st = BLK_OK;
	int64_t *value;

	for (size_t i = 0; st == BLK_OK && i < k->verbs; i++) {
		const struct commit_verb *v = &k->verb[i];

		if (v->verb == VERB_LOST || v->verb == VERB_DROP)
			st = idmap_put(&j->lost, &v->id,
			    (uint8_t)(v->verb == VERB_LOST ? v->class
			                                   : CLASS_VERSION),
			    &value, NULL, why);
	}
	return st;
}

static bool
is_said_lost(const struct judge *j, const struct digest *id, enum class class)
{
	return idmap_get(&j->lost, id, (uint8_t) class) != NULL;
}

/* R4 (a) for one reference of something that is added. */
static enum blk_status
judge_reference(void *arg, const void *item, const struct catalog_facts *now,
    struct fault *why)
{
	struct judge *j = arg;
	const struct state_ref *r = item;
	const struct catalog_copy *copy;
	struct catalog_facts f = *now;
	enum blk_status st = BLK_OK;
	bool fine = false;

	if (j->p->collector &&
	    (f.lost[r->class] || is_said_lost(j, &r->id, r->class)))
		return BLK_OK;
	without_victims(j, &f);
	copy = catalog_winner(&f, r->class);
	if (copy != NULL && copy->kind == KIND_DATA)
		fine = true;
	else if (copy != NULL)
		st = state_whole(
		    j->c, &r->id, r->class, j->src, &fine, NULL, why);
	if (st == BLK_OK && !fine)
		st = report(j, &r->id, r->class, why);
	return st;
}

static int
reference_order(const void *a, const void *b)
{
	const struct state_ref *x = a, *y = b;
	int order = digest_compare(&x->id, &y->id);

	return order != 0 ? order : (int)x->class - (int)y->class;
}

/* The references that were gathered, in order of their ids, each once; what is
 * added needs no look. */
static enum blk_status
judge_gathered(struct judge *j, struct fault *why)
{
	enum blk_status st;
	size_t kept = 0;

	if (j->refs > 1)
		ids_sort(j->ref, j->refs, sizeof(*j->ref), reference_order);
	for (size_t i = 0; i < j->refs; i++)
		if ((kept == 0 ||
		        reference_order(&j->ref[kept - 1], &j->ref[i]) != 0) &&
		    !is_added(j, &j->ref[i].id, j->ref[i].class))
			j->ref[kept++] = j->ref[i];
	st = catalog_facts_each(
	    j->c, j->ref, kept, sizeof(*j->ref), judge_reference, j, why);
	j->refs = 0;
	return st;
}

static enum blk_status
gather(struct judge *j, const struct digest *id, enum class class,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (j->refs == REFS_MAX)
		st = judge_gathered(j, why);
	if (st == BLK_OK)
		st = array_grow((void **)&j->ref, j->refs, &j->refs_cap,
		    sizeof(*j->ref), why);
	if (st == BLK_OK)
		j->ref[j->refs++] = (struct state_ref){ *id, class };
	return st;
}

static enum blk_status
gather_visit(void *arg, const struct reference *r, struct fault *why)
{
	return gather(arg, &r->id, r->class, why);
}

/*
 * The references of R4 (a) and (b), of the texts that are added: all of them,
 * or only version records, which are made when names are decided and no author
 * traces.
 */
static enum blk_status
gather_texts(struct judge *j, bool only_versions, struct fault *why)
{
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	enum blk_status st = BLK_OK;

	for (size_t i = only_versions ? j->p->addeds - 1 : 0;
	     st == BLK_OK && i < j->p->addeds; i++) {
		const struct segment_table *t = j->p->added[i].table;

		for (uint32_t k = 0; st == BLK_OK && k < t->objects; k++) {
			uint8_t kind = t->object[k].kind;

			if (kind == KIND_DATA || kind == KIND_RECORD ||
			    (only_versions && kind != KIND_VERSION))
				continue;
			text.len = 0;
			st = j->p->text(j->p->arg, i, k, &text, why);
			if (st == BLK_OK)
				st = structure_walk((enum kind)kind,
				    span_of(text.data, text.len), gather_visit,
				    j, why);
		}
	}
	buf_release(&text);
	return st;
}

/* Are the segments leaned on still live, and stay so? */
static enum blk_status
leans_hold(struct judge *j, bool *hold, struct fault *why)
{
	*hold = true;
	for (size_t i = 0; *hold && i < j->p->leans; i++) {
		struct catalog_segment s;
		enum blk_status st;

		st = j->c->type->segment_find(j->c, &j->p->lean[i], &s, why);
		if (st != BLK_OK && st != BLK_ABSENT)
			return st;
		*hold =
		    st == BLK_OK && s.condemned == 0 && !is_victim(j, s.seq);
	}
	return BLK_OK;
}

static enum blk_status
judge_references(struct judge *j, struct fault *why)
{
	bool hold = false;
	enum blk_status st = BLK_OK;

	if (j->p->traced)
		st = leans_hold(j, &hold, why);
	if (st != BLK_OK)
		return st;
	st = gather_texts(j, hold, why);
	for (size_t i = 0; st == BLK_OK && hold && i < j->p->relies; i++)
		st = gather(j, &j->p->rely[i].id, j->p->rely[i].class, why);
	return st == BLK_OK ? judge_gathered(j, why) : st;
}

/* R4 (c) for one counted class of an object in a victim. */
static enum blk_status
judge_class(struct judge *j, const struct digest *id, enum class class,
    const struct catalog_facts *f, struct fault *why)
{
	const struct catalog_copy *was = catalog_winner(f, class), *is;
	struct catalog_facts left = *f;
	enum blk_status st = BLK_OK;
	bool fine;

	if (f->count[class] == 0 || was == NULL || !is_victim(j, was->seq) ||
	    is_added(j, id, class) || is_said_lost(j, id, class))
		return BLK_OK;
	without_victims(j, &left);
	is = catalog_winner(&left, class);
	fine = is != NULL && (is->kind != KIND_LIST);
	/* Another list than the one that was counted may have lost chunks:
	 * a collector copies the winner. */
	if (!fine)
		st = report(j, id, class, why);
	return st;
}

/* Does the proposal condemn it as damaged? */
static bool
is_damaged_victim(const struct judge *j, const struct digest *id)
{
	const struct commit *k = j->p->commit;

	for (size_t i = 0; i < k->verbs; i++)
		if (k->verb[i].verb == VERB_CONDEMN &&
		    k->verb[i].reason == REASON_DAMAGED &&
		    digest_equal(&k->verb[i].id, id))
			return true;
	return false;
}

static enum blk_status
judge_object(struct judge *j, const struct digest *id,
    const struct catalog_facts *f, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (int c = 0; st == BLK_OK && c < CLASSES; c++)
		st = judge_class(j, id, (enum class)c, f, why);
	return st;
}

static enum blk_status
judge_row(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	return judge_object(arg, id, f, why);
}

/* What a damaged victim held, whose table cannot be read, the rows say. */
static enum blk_status
judge_rows(struct judge *j, struct fault *why)
{
	const struct digest none = { { 0 } };

	return j->c->type->ids_each(j->c, &none, 0, judge_row, j, why);
}

static enum blk_status
judge_tabled(void *arg, const void *item, const struct catalog_facts *f,
    struct fault *why)
{
	return judge_object(arg, item, f, why);
}

static enum blk_status
judge_table(struct judge *j, const struct segment_table *t, struct fault *why)
{
	struct digest *id = malloc((t->objects + 1) * sizeof(*id));
	enum blk_status st;

	if (id == NULL)
		return fault_nomem(why);
	for (uint32_t k = 0; k < t->objects; k++)
		id[k] = t->object[k].id;
	ids_sort(id, t->objects, sizeof(*id), digest_order);
	st = catalog_facts_each(
	    j->c, id, t->objects, sizeof(*id), judge_tabled, j, why);
	free(id);
	return st;
}

/* R4 (c) for what the proposal condemns. */
static enum blk_status
judge_victims(struct judge *j, struct fault *why)
{
	bool rows = false, whole;
	enum blk_status st = catalog_is_whole(j->c, &whole, why);

	if (st != BLK_OK)
		return st;
	for (size_t i = 0; i < j->victims; i++) {
		bool damaged = is_damaged_victim(j, &j->victim[i].id);
		const struct segment_table *t;

		if (!whole && !damaged)
			return fault(why, BLK_CORRUPT, STATE_UNKNOWN);
		st = j->src->table(j->src->arg, &j->victim[i], &t, why);
		if ((st == BLK_ABSENT || st == BLK_CORRUPT) && damaged) {
			rows = true;
			continue;
		}
		if (st == BLK_ABSENT)
			return fault(
			    why, BLK_CORRUPT, "a segment to condemn is gone");
		if (st == BLK_OK)
			st = judge_table(j, t, why);
		j->src->release(j->src->arg, t);
		if (st != BLK_OK)
			return st;
	}
	return rows ? judge_rows(j, why) : BLK_OK;
}

enum blk_status
state_judge(struct catalog *c, const struct state_proposal *p,
    const struct state_source *src, struct state_verdict *v, struct fault *why)
{
	struct judge j = {
		.c = c, .p = p, .src = src, .v = v, .added.ordered = true
	};
	enum blk_status st;

	*v = (struct state_verdict){ .missing = NULL };
	st = learn_added(&j, why);
	if (st == BLK_OK)
		st = learn_victims(&j, why);
	if (st == BLK_OK)
		st = learn_lost(&j, why);
	if (st == BLK_OK && RULE(R4))
		st = judge_references(&j, why);
	if (st == BLK_OK && RULE(R4))
		st = judge_victims(&j, why);
	if (st != BLK_OK)
		state_verdict_release(v);
	idmap_release(&j.added);
	idmap_release(&j.gone);
	idmap_release(&j.asked);
	idmap_release(&j.lost);
	free(j.victim);
	free(j.ref);
	return st;
}

/*
 * A full trace of references, from the versions down, against the counts of
 * the index.
 *
 * The trace holds a count for each id that it meets.  Where that would pass
 * the bound on memory it is made in passes, each for the ids that begin with
 * certain bits; the structures are walked anew in each.
 */
#include <stdlib.h>
#include <string.h>

#include "check-private.h"

#define ENTRY_BYTES 128 /* of an idmap, half full */

struct trace {
	struct check *c;
	struct idmap counts; /* (id, class), of ids of this pass */
	struct idmap
	    walked; /* structures met, in several passes: (id, class) */
	struct state_ref *todo;
	size_t todos, cap;
	unsigned bits; /* ids of this pass begin with these bits of part */
	uint8_t part;
	bool first;              /* pass: problems are said once */
	bool broken;             /* not all could be walked */
	struct check_live *live; /* where one pass is all; else NULL */
	struct buf text;
};

static bool
in_pass(const struct trace *t, const struct digest *id)
{
	return t->bits == 0 || id->byte[0] >> (8 - t->bits) == t->part;
}

static bool is_structure(enum class class)
{
	return class != CLASS_DATA;
}

/* Count a reference; a structure met for the first time is to be walked. */
static enum blk_status
follow(struct trace *t, const struct digest *id, enum class class,
    struct fault *why)
{
	enum blk_status st = BLK_OK;
	int64_t *value;
	bool made = false;

	if (in_pass(t, id)) {
		st = idmap_put(
		    &t->counts, id, (uint8_t) class, &value, &made, why);
		if (st == BLK_OK)
			++*value;
	}
	if (st == BLK_OK && is_structure(class) && t->bits > 0)
		st = idmap_put(
		    &t->walked, id, (uint8_t) class, &value, &made, why);
	if (st != BLK_OK || !made || !is_structure(class))
		return st;
	st = array_grow(
	    (void **)&t->todo, t->todos, &t->cap, sizeof(*t->todo), why);
	if (st == BLK_OK)
		t->todo[t->todos++] = (struct state_ref){ *id, class };
	return st;
}

static enum blk_status
visit(void *arg, const struct reference *r, struct fault *why)
{
	struct trace *t = arg;

	if (t->first)
		t->c->r->references++;
	return follow(t, &r->id, r->class, why);
}

static enum blk_status
say_missing(
    struct trace *t, const struct state_ref *ref, bool lost, struct fault *why)
{
	t->broken = true;
	if (!t->first)
		return BLK_OK;
	check_say(t->c, lost ? CHECK_LOST : CHECK_REFERENCE,
	    class_name(ref->class), &ref->id,
	    lost ? "it is lost, and still referred to"
	         : "it is referred to, but not there");
	return check_mark(t->c, &ref->id, (uint8_t)ref->class, why);
}

/* A byte that is damaged is read twice before it is judged. */
static enum blk_status
read_text(struct trace *t, const struct state_ref *ref,
    const struct catalog_segment *seg, const struct catalog_copy *copy,
    struct fault *why)
{
	const struct state_source *src = store_source(t->c->s);
	enum blk_status st;

	t->text.len = 0;
	st = src->text(src->arg, seg, copy, &ref->id, &t->text, why);
	if (st != BLK_CORRUPT)
		return st;
	frames_forget(store_frames(t->c->s), &seg->id);
	t->text.len = 0;
	return src->text(src->arg, seg, copy, &ref->id, &t->text, why);
}

static enum blk_status
walk_one(struct trace *t, const struct state_ref *ref, struct fault *why)
{
	struct catalog *cat = store_catalog(t->c->s);
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct catalog_facts f;
	enum blk_status st;

	st = cat->type->facts(cat, &ref->id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, ref->class);
	if (copy == NULL)
		return say_missing(t, ref, f.lost[ref->class], why);
	if (copy->kind == KIND_DATA)
		return BLK_OK;
	st = cat->type->segment_get(cat, copy->seq, &seg, why);
	if (st == BLK_OK)
		st = read_text(t, ref, &seg, copy, why);
	if (st == BLK_OK)
		st = structure_walk((enum kind)copy->kind,
		    span_of(t->text.data, t->text.len), visit, t, why);
	if (st == BLK_OK && t->first)
		st = check_spelling(t->c, &ref->id, (enum kind)copy->kind,
		    span_of(t->text.data, t->text.len), why);
	if (st != BLK_CORRUPT && st != BLK_ABSENT)
		return st;
	t->broken = true;
	if (!t->first)
		return BLK_OK;
	check_say(t->c, CHECK_OBJECT, kind_name((enum kind)copy->kind),
	    &ref->id, st == BLK_ABSENT ? "its segment is missing" : why->text);
	if (st == BLK_CORRUPT)
		st = check_note(t->c, &seg.id, copy->ordinal, why);
	else
		st = BLK_OK; /* the segment is noted */
	return st == BLK_OK
	    ? check_mark(t->c, &ref->id, (uint8_t)ref->class, why)
	    : st;
}

static enum blk_status
root(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct trace *t = arg;

	if (t->first)
		t->c->r->versions++;
	return follow(t, &v->vid, CLASS_VERSION, why);
}

/* A version whose record could not be read when the index was made. */
static enum blk_status
unread_root(
    void *arg, const struct digest *vid, uint32_t ordinal, struct fault *why)
{
	return ordinal == STATE_VERSION ? follow(arg, vid, CLASS_VERSION, why)
	                                : BLK_OK;
}

/* --- against the index --- */

/* It is referred to as data: is there a copy that answers? */
static enum blk_status
check_answer(struct trace *t, const struct digest *id,
    const struct catalog_facts *f, struct fault *why)
{
	const struct state_ref ref = { *id, CLASS_DATA };
	const bool first = t->first;
	enum blk_status st;

	if (catalog_winner(f, CLASS_DATA) != NULL)
		return BLK_OK;
	t->first = true; /* each id is met in one pass only */
	st = say_missing(t, &ref, f->lost[CLASS_DATA], why);
	t->first = first;
	return st;
}

/* What was compared is left in the trace with a count of 0. */
static enum blk_status
compare_row(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct trace *t = arg;
	enum blk_status st = BLK_OK;

	if (t->live != NULL)
		check_live_add(t->live, id, f);
	for (int c = 0; st == BLK_OK && c < CLASSES; c++) {
		int64_t *traced = idmap_get(&t->counts, id, (uint8_t)c);
		uint64_t is = traced == NULL ? 0 : (uint64_t)*traced;
		struct fault text = FAULT_NONE;

		if (traced != NULL && f->count[c] > 0) {
			*traced = 0;
			if (c == CLASS_DATA)
				st = check_answer(t, id, f, why);
		}
		/* What is below a damaged structure was not traced. */
		if (is == f->count[c] || (is < f->count[c] && t->broken))
			continue;
		(void)fault(&text, BLK_CORRUPT,
		    "the index counts %ju references as %s, the trace %ju",
		    (uintmax_t)f->count[c], class_name((enum class)c),
		    (uintmax_t)is);
		check_say(t->c, CHECK_COUNT, "index", id, text.text);
	}
	return st;
}

/* Traced ids that the index has no count for. */
static enum blk_status
compare_traced(struct trace *t, struct fault *why)
{
	struct catalog *cat = store_catalog(t->c->s);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < t->counts.slots; i++) {
		const struct idmap_entry *e = &t->counts.slot[i];
		struct catalog_facts f;

		if (!e->used || e->value == 0)
			continue;
		st = cat->type->facts(cat, &e->id, &f, why);
		if (st != BLK_OK)
			return st;
		check_say(t->c, CHECK_COUNT, "index", &e->id,
		    "it is referred to, but the index does not count it");
		if (e->tag == CLASS_DATA)
			st = check_answer(t, &e->id, &f, why);
	}
	return st;
}

static enum blk_status
one_pass(struct trace *t, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct catalog *cat = store_catalog(t->c->s);
	struct digest prefix = { { 0 } };
	enum blk_status st;

	/* Trace and counts are of one state, whatever others commit. */
	st = catalog_hold(cat, why);
	if (st == BLK_OK && t->bits == 0)
		st = check_live_new(t->c, &t->live, why);
	if (st == BLK_OK)
		st = cat->type->version_each(cat, &all, root, t, why);
	if (st == BLK_OK)
		st = cat->type->damage_each(cat, unread_root, t, why);
	while (st == BLK_OK && t->todos > 0) {
		struct state_ref ref = t->todo[--t->todos];

		st = walk_one(t, &ref, why);
	}
	if (t->bits > 0)
		prefix.byte[0] = (uint8_t)(t->part << (8 - t->bits));
	if (st == BLK_OK)
		st = cat->type->ids_each(
		    cat, &prefix, t->bits, compare_row, t, why);
	if (st == BLK_OK)
		st = compare_traced(t, why);
	if (st == BLK_OK && t->live != NULL)
		check_live_compare(t->c, t->live);
	catalog_release(cat);
	return st;
}

static enum blk_status
live_row(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	(void)why;
	check_live_add(arg, id, f);
	return BLK_OK;
}

/* The passes are of several states: what lives is looked at in one. */
static enum blk_status
compare_live(struct check *c, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	const struct digest none = { { 0 } };
	struct check_live *live = NULL;
	enum blk_status st = catalog_hold(cat, why);

	if (st == BLK_OK)
		st = check_live_new(c, &live, why);
	if (st == BLK_OK)
		st = cat->type->ids_each(cat, &none, 0, live_row, live, why);
	if (st == BLK_OK)
		check_live_compare(c, live);
	catalog_release(cat);
	check_live_free(live);
	return check_judge(c, st, CHECK_INDEX, "index", why);
}

enum blk_status
check_trace(struct check *c, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_totals totals;
	enum blk_status st;
	unsigned bits = 0;

	st = cat->type->totals(cat, &totals, why);
	while (st == BLK_OK && bits < 8 &&
	    (totals.counted >> bits) * ENTRY_BYTES > c->o->max_memory / 2)
		bits++;
	for (unsigned part = 0; st == BLK_OK && part < 1u << bits; part++) {
		struct trace t = { .c = c,
			.bits = bits,
			.part = (uint8_t)part,
			.first = part == 0,
			.text = BUF_INIT(SEGMENT_FRAME_MAX) };

		st = one_pass(&t, why);
		if (st == BLK_CORRUPT)
			st = check_judge(c, st, CHECK_INDEX, "index", why);
		idmap_release(&t.counts);
		idmap_release(&t.walked);
		check_live_free(t.live);
		free(t.todo);
		buf_release(&t.text);
	}
	return st == BLK_OK && bits > 0 ? compare_live(c, why) : st;
}

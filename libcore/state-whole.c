/*
 * What is below a reference: is it all there (R4), and may it be reused (R5)?
 */
#include "state.h"

#include <stdlib.h>

#include "idmap.h"
#include "rules.h"

struct whole { /* a walk down from one reference */
	struct catalog *c;
	const struct state_source *src;
	struct state_ref *todo;
	size_t todos, cap;
	struct idmap seen;
	bool look_everywhere; /* below counted structures, too */
	bool found_hole;
	struct digest hole;
};

static enum blk_status
whole_push(struct whole *w, const struct digest *id, enum class class,
    struct fault *why)
{
	enum blk_status st;
	int64_t *value;
	bool made;

	st = idmap_put(&w->seen, id, (uint8_t) class, &value, &made, why);
	if (st != BLK_OK || !made)
		return st;
	st = array_grow(
	    (void **)&w->todo, w->todos, &w->cap, sizeof(*w->todo), why);
	if (st == BLK_OK)
		w->todo[w->todos++] = (struct state_ref){ *id, class };
	return st;
}

static enum blk_status
whole_visit(void *arg, const struct reference *r, struct fault *why)
{
	return whole_push(arg, &r->id, r->class, why);
}

static enum blk_status
whole_step(struct whole *w, const struct state_ref *ref, struct fault *why)
{
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	const struct catalog_copy *copy;
	struct catalog_segment s;
	struct catalog_facts f;
	enum blk_status st;
	bool damaged = false;

	st = w->c->type->facts(w->c, &ref->id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, ref->class);
	if (copy != NULL) {
		st = w->c->type->segment_get(w->c, copy->seq, &s, why);
		if (st == BLK_OK)
			st = w->c->type->damage_has(
			    w->c, &s.id, copy->ordinal, &damaged, why);
		if (st != BLK_OK)
			return st;
	}
	if (copy == NULL || damaged || f.lost[ref->class]) {
		w->found_hole = true;
		w->hole = ref->id;
		return BLK_OK;
	}
	if (copy->kind == KIND_DATA ||
	    ((f.count[ref->class] > 0 || !RULE(R5)) && !w->look_everywhere))
		return BLK_OK;
	st = w->src->text(w->src->arg, &s, copy, &ref->id, &text, why);
	if (st == BLK_OK)
		st = structure_walk((enum kind)copy->kind,
		    span_of(text.data, text.len), whole_visit, w, why);
	buf_release(&text);
	if (st == BLK_ABSENT || st == BLK_CORRUPT) {
		w->found_hole = true;
		w->hole = ref->id;
		return BLK_OK;
	}
	return st;
}

enum blk_status
state_whole(struct catalog *c, const struct digest *id, enum class class,
    const struct state_source *src, bool *whole, struct digest *missing,
    struct fault *why)
{
	struct whole w = { .c = c, .src = src };
	enum blk_status st;

	*whole = false;
	st = c->type->anything_wrong(c, &w.look_everywhere, why);
	if (st == BLK_OK)
		st = whole_push(&w, id, class, why);
	while (st == BLK_OK && w.todos > 0 && !w.found_hole) {
		struct state_ref ref = w.todo[--w.todos];

		st = whole_step(&w, &ref, why);
	}
	if (st == BLK_OK)
		*whole = !w.found_hole;
	if (w.found_hole && missing != NULL)
		*missing = w.hole;
	free(w.todo);
	idmap_release(&w.seen);
	return st;
}

enum blk_status
state_reusable(struct catalog *c, const struct digest *id, enum class class,
    bool *reusable, struct fault *why)
{
	const struct catalog_copy *copy;
	struct catalog_segment s;
	struct catalog_facts f;
	enum blk_status st;
	bool wrong = false;

	*reusable = false;
	st = c->type->facts(c, id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, class);
	if (copy == NULL || f.lost[class])
		return BLK_OK;
	if (copy->kind == KIND_DATA) {
		st = c->type->segment_get(c, copy->seq, &s, why);
		if (st == BLK_OK)
			st = c->type->damage_has(
			    c, &s.id, copy->ordinal, &wrong, why);
	} else {
		wrong = f.count[class] == 0 && RULE(R5);
		if (!wrong)
			st = c->type->anything_wrong(c, &wrong, why);
	}
	*reusable = st == BLK_OK && !wrong;
	return st;
}

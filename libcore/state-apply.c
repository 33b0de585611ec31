/*
 * Applying a run of commits by its net effect: first the rows of segments
 * and copies, then winners that changed, then versions, and last the counts
 * that all this moves.
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "idmap.h"
#include "ids.h"
#include "rules.h"
#include "state-apply.h"

static enum blk_status
change_of(struct apply *a, const struct digest *id, struct change **out,
    struct fault *why)
{
	enum blk_status st;
	int64_t *at;
	bool made;

	st = idmap_put(&a->known, id, 0, &at, &made, why);
	if (st == BLK_OK && made) {
		*at = (int64_t)a->changes;
		st = array_grow((void **)&a->change, a->changes,
		    &a->changes_cap, sizeof(*a->change), why);
		if (st == BLK_OK)
			a->change[a->changes++] = (struct change){ .id = *id };
	}
	if (st == BLK_OK)
		*out = &a->change[*at];
	return st;
}

static enum blk_status
again(const struct digest *id, uint64_t commit, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	return fault(why, BLK_CORRUPT, "commit %ju adds segment %s again",
	    (uintmax_t)commit, hex);
}

static enum blk_status
note_added(struct apply *a, const struct digest *id, uint64_t bytes,
    const struct commit *k, bool in_log, struct fault *why)
{
	enum blk_status st;
	struct change *ch;

	st = change_of(a, id, &ch, why);
	if (st != BLK_OK)
		return st;
	if ((ch->added || ch->condemned) && RULE(R1))
		return again(id, k->number, why);
	ch->added = true;
	ch->bytes = bytes;
	ch->commit = k->number;
	ch->time = k->time;
	ch->in_log = in_log;
	return BLK_OK;
}

/* What commit k adds and condemns: its segment lines, then its own file. */
static enum blk_status
note_changes(struct apply *a, const struct commit *k, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct change *ch;

	for (size_t i = 0; st == BLK_OK && i < k->verbs; i++) {
		const struct commit_verb *v = &k->verb[i];

		if (v->verb == VERB_SEGMENT)
			st = note_added(a, &v->id, v->number, k, false, why);
		if (v->verb != VERB_CONDEMN)
			continue;
		st = change_of(a, &v->id, &ch, why);
		if (st != BLK_OK)
			return st;
		ch->condemned = true;
		ch->condemned_by = k->number;
		ch->reason = v->reason;
	}
	if (st == BLK_OK && k->carries)
		st = note_added(a, &k->hash, k->bytes, k, true, why);
	return st;
}

static enum blk_status
note_dirty(struct apply *a, const struct digest *id,
    const struct catalog_facts *f, struct fault *why)
{
	struct dirty d = { .id = *id, .first = a->wases };
	enum blk_status st;
	unsigned kinds = 0;

	for (int c = 0; c < CLASSES; c++)
		if (f->count[c] > 0)
			d.counted |= (uint8_t)(1u << c);
	st = array_grow((void **)&a->dirty, a->dirties, &a->dirties_cap,
	    sizeof(*a->dirty), why);
	for (size_t i = 0; st == BLK_OK && i < f->copies; i++) {
		if ((kinds >> f->copy[i].kind & 1) != 0)
			continue;
		kinds |= 1u << f->copy[i].kind;
		st = array_grow((void **)&a->was, a->wases, &a->was_cap,
		    sizeof(*a->was), why);
		if (st != BLK_OK)
			return st;
		a->was[a->wases++] = f->copy[i];
		d.copies++;
	}
	if (st == BLK_OK)
		a->dirty[a->dirties++] = d;
	return st;
}

static bool
facts_matter(const struct catalog_facts *f)
{
	for (int c = 0; c < CLASSES; c++)
		if (f->count[c] > 0 || f->lost[c])
			return true;
	return false;
}

static enum blk_status
note_counted(void *arg, const void *item, const struct catalog_facts *f,
    struct fault *why)
{
	return facts_matter(f) ? note_dirty(arg, item, f, why) : BLK_OK;
}

/* Note the objects of a table that are counted before the run. */
static enum blk_status
note_table(struct apply *a, const struct segment_table *t, struct fault *why)
{
	struct digest *id = malloc((t->objects + 1) * sizeof(*id));
	enum blk_status st;
	size_t n = 0;

	if (id == NULL)
		return fault_nomem(why);
	for (uint32_t i = 0; i < t->objects; i++)
		if (t->object[i].kind != KIND_RECORD)
			id[n++] = t->object[i].id;
	ids_sort(id, n, sizeof(*id), digest_order);
	st = catalog_facts_each(a->c, id, n, sizeof(*id), note_counted, a, why);
	free(id);
	return st;
}

/* The row of what is condemned and has one (orphans have none); R1: what is
 * added has none. */
static enum blk_status
find_row(struct apply *a, struct change *ch, struct catalog_segment *row,
    struct fault *why)
{
	struct catalog_segment found;
	enum blk_status st = BLK_ABSENT;

	if (!ch->added || RULE(R1))
		st = a->c->type->segment_find(a->c, &ch->id, &found, why);
	if (st == BLK_OK && ch->added)
		return again(&ch->id, ch->commit, why);
	if (st == BLK_OK)
		ch->row = *row = found;
	return st == BLK_ABSENT ? BLK_OK : st;
}

/*
 * Find the rows of what is condemned, and note what is counted in segments
 * that come or go, while the catalog is still as before.
 */
static enum blk_status
look_before(struct apply *a, struct fault *why)
{
	bool empty = a->c->type->counts_empty(a->c);
	const struct segment_table *t;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < a->changes; i++) {
		struct change *ch = &a->change[i];
		struct catalog_segment place = { .id = ch->id,
			.bytes = ch->bytes,
			.commit = ch->commit,
			.in_log = ch->in_log };

		st = find_row(a, ch, &place, why);
		if (st != BLK_OK || empty || (ch->added && ch->condemned) ||
		    (!ch->added && ch->row.seq == 0))
			continue;
		st = ch->added ? state_table(a->c, &place, a->src, &t, why)
		               : a->src->table(a->src->arg, &place, &t, why);
		if ((st == BLK_ABSENT || st == BLK_CORRUPT) && !ch->added) {
			a->counter.retrace = true;
			st = BLK_OK;
			continue;
		}
		if (st != BLK_OK)
			return st;
		if (t == NULL)
			continue;
		st = note_table(a, t, why);
		a->src->release(a->src->arg, t);
	}
	return st;
}

/* Records are no garbage while they stand in the log, and need no copy. */
static uint64_t
plain_of(const struct segment_table *t)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < t->objects; i++)
		if (t->object[i].kind != KIND_RECORD)
			sum += t->object[i].length;
	return sum;
}

static enum blk_status
add_segment(struct apply *a, struct change *ch, uint64_t seq, struct fault *why)
{
	const struct segment_table *t = NULL;
	enum blk_status st = BLK_OK;
	bool live = ch->added && !ch->condemned;

	ch->row = (struct catalog_segment){ .seq = seq,
		.id = ch->id,
		.bytes = ch->bytes,
		.commit = ch->commit,
		.time = ch->time,
		.in_log = ch->in_log,
		.reason = ch->condemned ? ch->reason : REASON_NONE,
		.condemned = ch->condemned ? ch->condemned_by : 0 };
	if (live) {
		st = state_table(a->c, &ch->row, a->src, &t, why);
		if (st != BLK_OK)
			return st;
	}
	if (t != NULL) {
		ch->row.plain = plain_of(t);
		ch->row.objects = t->objects;
	}
	st = a->c->type->segment_add(a->c, &ch->row, why);
	if (st == BLK_OK && t != NULL)
		st = a->c->type->copies_add(a->c, seq, t, why);
	if (t != NULL)
		a->src->release(a->src->arg, t);
	return st;
}

/* Bring the rows of segments and copies to the state after the run. */
static enum blk_status
move_segments(struct apply *a, struct fault *why)
{
	enum blk_status st;
	uint64_t seq;

	st = a->c->type->segment_last(a->c, &seq, why);
	for (size_t i = 0; st == BLK_OK && i < a->changes; i++) {
		struct change *ch = &a->change[i];

		if (ch->row.seq == 0) {
			st = add_segment(a, ch, ++seq, why);
			continue;
		}
		ch->row.condemned = ch->condemned_by;
		ch->row.reason = ch->reason;
		st = a->c->type->segment_update(a->c, &ch->row, why);
	}
	return st;
}

static bool
same_copy(const struct catalog_copy *a, const struct catalog_copy *b)
{
	return a->seq == b->seq && a->ordinal == b->ordinal;
}

/* A counted id whose winner may be another now: recount its children. */
static enum blk_status
settle_winner(struct apply *a, const struct digest *id, enum class class,
    const struct catalog_facts *before, const struct catalog_facts *after,
    struct fault *why)
{
	const struct catalog_copy *was = catalog_winner(before, class);
	const struct catalog_copy *is = catalog_winner(after, class);
	enum blk_status st = BLK_OK;

	/* Were the children of the one that was counted? */
	if (a->was_partial && class != CLASS_DATA &&
	    (was == NULL || is == NULL || !same_copy(was, is))) {
		a->counter.retrace = true;
		return BLK_OK;
	}
	if (was != NULL && is != NULL &&
	    (same_copy(was, is) || (class != CLASS_CONTENT)))
		return BLK_OK; /* texts but of lists are equal by their id */
	if (was != NULL)
		st = counter_children(&a->counter, id, was, -1, why);
	if (st == BLK_OK && is != NULL)
		st = counter_children(&a->counter, id, is, 1, why);
	return st;
}

static enum blk_status
settle_dirty(struct apply *a, const struct dirty *d, struct fault *why)
{
	struct catalog_facts before = apply_before(a, d), after;
	enum blk_status st;

	st = a->c->type->facts(a->c, &d->id, &after, why);
	if (st != BLK_OK)
		return st;
	for (int c = 0; st == BLK_OK && c < CLASSES; c++) {
		enum class class = (enum class)c;

		if (after.lost[c] && catalog_winner(&after, class) != NULL)
			st = a->c->type->lost_set(
			    a->c, &d->id, class, false, why);
		if (st == BLK_OK && after.count[c] > 0)
			st = settle_winner(
			    a, &d->id, class, &before, &after, why);
	}
	/* It may be a version that could not be read before. */
	if (st == BLK_OK && a->was_partial && after.count[CLASS_VERSION] > 0 &&
	    catalog_winner(&after, CLASS_VERSION) != NULL)
		st = state_adopt(a->c, &d->id, NULL, a->src, why);
	if (st != BLK_OK)
		return st;
	return counter_live(&a->counter, &d->id, &before, &after, why);
}

/* Winners that the moves have changed. */
static enum blk_status
settle_dirties(struct apply *a, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (a->dirties > 1)
		ids_sort(a->dirty, a->dirties, sizeof(*a->dirty), digest_order);
	for (size_t i = 0; st == BLK_OK && i < a->dirties; i++)
		if (i == 0 ||
		    !digest_equal(&a->dirty[i].id, &a->dirty[i - 1].id))
			st = settle_dirty(a, &a->dirty[i], why);
	return st;
}

/*
 * The tripwire of R4 (c): what is counted and lay in a segment that the run
 * condemned must have a copy elsewhere, or be said lost.
 */
static enum blk_status
check_copies(struct apply *a, struct fault *why)
{
	for (size_t i = 0; i < a->dirties; i++) {
		struct catalog_facts before = apply_before(a, &a->dirty[i]), f;
		char hex[DIGEST_HEX];
		enum blk_status st;

		st = a->c->type->facts(a->c, &a->dirty[i].id, &f, why);
		if (st != BLK_OK)
			return st;
		for (int c = 0; c < CLASSES; c++) {
			if (f.count[c] == 0 || f.lost[c] ||
			    catalog_winner(&f, (enum class)c) != NULL ||
			    catalog_winner(&before, (enum class)c) == NULL)
				continue;
			digest_hex(&a->dirty[i].id, hex);
			return fault(why, BLK_CORRUPT,
			    "a condemned segment held the last copy of %s %s",
			    class_name((enum class)c), hex);
		}
	}
	return BLK_OK;
}

/* Counts follow the changes, or are made afresh. */
static enum blk_status
settle_counts(struct apply *a, struct fault *why)
{
	enum blk_status st = counter_run(&a->counter, why);

	if (st == BLK_OK && a->counter.retrace)
		return state_recount(a->c, a->src, why);
	return st == BLK_OK && a->counter.partial
	    ? state_note_partial(a->c, true, why)
	    : st;
}

struct unread {
	struct digest *vid;
	size_t count, cap;
};

static enum blk_status
see_unread(
    void *arg, const struct digest *vid, uint32_t ordinal, struct fault *why)
{
	struct unread *u = arg;
	enum blk_status st;

	if (ordinal != STATE_VERSION)
		return BLK_OK;
	st = array_grow(
	    (void **)&u->vid, u->count, &u->cap, sizeof(*u->vid), why);
	if (st == BLK_OK)
		u->vid[u->count++] = *vid;
	return st;
}

/* Notes outlive a catalog; which versions cannot be read is seen again. */
static enum blk_status
forget_unread(struct catalog *c, struct fault *why)
{
	struct unread u = { .vid = NULL };
	enum blk_status st = c->type->damage_each(c, see_unread, &u, why);

	for (size_t i = 0; st == BLK_OK && i < u.count; i++)
		st = c->type->damage_note(
		    c, &u.vid[i], STATE_VERSION, false, why);
	free(u.vid);
	return st;
}

/*
 * What a repair says, or adds, may be what a partial catalog falls short of:
 * only counting afresh tells.
 */
static enum blk_status
look_at_head(
    struct apply *a, const struct commit *run, size_t n, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st = a->c->type->head_get(a->c, &h, why);

	if (st == BLK_OK && !h.known)
		st = forget_unread(a->c, why);
	a->was_partial = st == BLK_OK && h.partial;
	for (size_t i = 0; a->was_partial && i < n; i++)
		for (size_t k = 0; k < run[i].verbs; k++)
			if (run[i].verb[k].verb == VERB_CONDEMN ||
			    run[i].verb[k].verb == VERB_LOST ||
			    run[i].verb[k].verb == VERB_DROP)
				a->counter.retrace = true;
	return st;
}

static enum blk_status
move_head(struct catalog *c, const struct commit *last, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st != BLK_OK)
		return st;
	h.known = true;
	h.number = last->number;
	h.hash = last->hash;
	h.bytes = last->bytes;
	memcpy(h.tail, last->tail, sizeof(h.tail));
	return c->type->head_set(c, &h, why);
}

static void
apply_release(struct apply *a)
{
	free(a->change);
	free(a->dirty);
	free(a->was);
	idmap_release(&a->known);
	counter_release(&a->counter);
}

enum blk_status
state_apply(struct catalog *c, const struct commit *run, size_t n,
    const struct state_source *src, struct fault *why)
{
	struct apply a = { .c = c, .src = src };
	enum blk_status st = BLK_OK;

	if (n == 0)
		return BLK_OK;
	counter_init(&a.counter, c, src);
	st = look_at_head(&a, run, n, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = note_changes(&a, &run[i], why);
	if (st == BLK_OK)
		st = look_before(&a, why);
	if (st == BLK_OK)
		st = move_segments(&a, why);
	if (st == BLK_OK)
		st = settle_dirties(&a, why);
	if (st == BLK_OK)
		st = apply_verbs(&a, NULL, 0, run, n, why);
	if (st == BLK_OK)
		st = settle_counts(&a, why);
	if (st == BLK_OK)
		st = check_copies(&a, why);
	if (st == BLK_OK)
		st = move_head(c, &run[n - 1], why);
	apply_release(&a);
	return st;
}

/* --- loading a checkpoint, and what stands behind it --- */

/* Copies of the segments that the checkpoint named and that are still live. */
static enum blk_status
load_copies(
    struct catalog *c, const struct state_source *src, struct fault *why)
{
	struct catalog_segment s = { .seq = 0 };
	const struct segment_table *t;
	enum blk_status st;

	while ((st = c->type->segment_next(c, s.seq, &s, why)) == BLK_OK) {
		if (s.condemned != 0 || s.objects > 0)
			continue; /* gone, or added by the run */
		st = state_table(c, &s, src, &t, why);
		if (st != BLK_OK)
			return st;
		if (t == NULL)
			continue;
		s.plain = plain_of(t);
		s.objects = t->objects;
		st = c->type->segment_update(c, &s, why);
		if (st == BLK_OK)
			st = c->type->copies_add(c, s.seq, t, why);
		src->release(src->arg, t);
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
state_load(struct catalog *c, const struct digest *root, size_t roots,
    const struct commit *run, size_t n, const struct state_source *src,
    struct fault *why)
{
	struct apply a = { .c = c, .src = src };
	enum blk_status st = BLK_OK;

	counter_init(&a.counter, c, src);
	st = forget_unread(c, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = note_changes(&a, &run[i], why);
	if (st == BLK_OK)
		st = look_before(&a, why);
	if (st == BLK_OK)
		st = move_segments(&a, why);
	if (st == BLK_OK)
		st = load_copies(c, src, why);
	if (st == BLK_OK)
		st = apply_verbs(&a, root, roots, run, n, why);
	a.counter.retrace = true;
	if (st == BLK_OK)
		st = settle_counts(&a, why);
	if (st == BLK_OK && n > 0)
		st = move_head(c, &run[n - 1], why);
	apply_release(&a);
	return st;
}

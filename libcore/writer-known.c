/*
 * What need not be stored: chunks of this writer's own, of tables already
 * read, of the catalog (R6); structures that may be reused (R5).
 */
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "writer-private.h"

/* --- tables that were read; w->lock held --- */

void
writer_known_clear(struct known *k)
{
	idmap_clear(&k->map);
	k->segments = 0;
}

/* Is the chunk in a table that was read?  Its segment is leaned on then. */
static enum blk_status
known_has(
    struct writer *w, const struct digest *id, bool *has, struct fault *why)
{
	const int64_t *value = idmap_get(&w->known.map, id, 0);
	struct known_segment *s;

	*has = value != NULL;
	if (value == NULL)
		return BLK_OK;
	s = &w->known.segment[*value];
	if (s->leaned)
		return BLK_OK;
	s->leaned = true;
	return writer_lean(w, &s->id, why);
}

static enum blk_status
known_add(struct known *k, const struct digest *segment,
    const struct segment_table *t, struct fault *why)
{
	void *items;
	enum blk_status st;
	int64_t *value;

	if (k->map.used + t->objects > k->max)
		writer_known_clear(k);
	items = k->segment;
	st = array_grow(&items, k->segments, &k->cap, sizeof(*k->segment), why);
	k->segment = items;
	if (st != BLK_OK)
		return st;
	k->segment[k->segments] =
	    (struct known_segment){ .id = *segment, .leaned = true };
	for (uint32_t i = 0; i < t->objects && k->map.used < k->max; i++) {
		if (t->object[i].kind != KIND_DATA)
			continue;
		st = idmap_put(&k->map, &t->object[i].id, 0, &value, NULL, why);
		if (st != BLK_OK)
			return st;
		*value = (int64_t)k->segments;
	}
	k->segments++;
	return BLK_OK;
}

/* --- asking the catalog; catalog_lock held --- */

/* The row of a segment, asked for once a batch.  ABSENT also when it is
 * condemned. */
static enum blk_status
segment_row(struct writer *w, struct lookup *u, uint64_t seq, size_t *index,
    struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	enum blk_status st;
	size_t i;

	for (i = u->segments; i > 0 && u->segment[i - 1].seq != seq; i--)
		;
	*index = i > 0 ? i - 1 : u->segments;
	if (i == 0) {
		st = c->type->segment_get(c, seq, &u->segment[*index], why);
		if (st != BLK_OK)
			return st;
		u->segments++;
	}
	return u->segment[*index].condemned != 0 ? BLK_ABSENT : BLK_OK;
}

/* Is there a copy of the i-th chunk that may be reused? */
static enum blk_status
judge_data(struct writer *w, struct lookup *u, size_t i,
    const struct catalog_copy *copy, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	const struct catalog_facts *f = &u->facts[i];
	bool damaged = false;
	enum blk_status st;
	size_t index;

	if (f->lost[CLASS_DATA] || f->lost[CLASS_CONTENT])
		return BLK_OK;
	st = segment_row(w, u, copy->seq, &index, why);
	if (st == BLK_OK && u->wrong)
		st = c->type->damage_has(
		    c, &u->segment[index].id, copy->ordinal, &damaged, why);
	if (st == BLK_ABSENT || (st == BLK_OK && damaged && RULE(R5)))
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	u->hit[u->hits++] = (struct lookup_hit){
		.chunk = u->chunk[i], .ordinal = copy->ordinal, .segment = index
	};
	return BLK_OK;
}

/* R5, as state_reusable: is there a list that may be? */
static enum blk_status
judge_list(struct writer *w, struct lookup *u, size_t i,
    const struct catalog_copy *copy, struct fault *why)
{
	const struct catalog_facts *f = &u->facts[i];
	enum blk_status st;
	size_t index;

	if (u->wrong || f->lost[CLASS_CONTENT] ||
	    (f->count[CLASS_CONTENT] == 0 && RULE(R5)))
		return BLK_OK;
	st = segment_row(w, u, copy->seq, &index, why);
	if (st == BLK_OK)
		u->list[u->lists++] = (struct lookup_list){
			.chunk = u->chunk[i], .copy = *copy, .segment = index
		};
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
judge_facts(struct writer *w, struct lookup *u, size_t i, struct fault *why)
{
	enum class class = u->whole ? CLASS_CONTENT : CLASS_DATA;
	const struct catalog_copy *copy = catalog_winner(&u->facts[i], class);

	if (copy == NULL)
		return BLK_OK;
	return copy->kind == KIND_LIST ? judge_list(w, u, i, copy, why)
	                               : judge_data(w, u, i, copy, why);
}

static int
by_id(const void *a, const void *b)
{
	const struct chunk *const *x = a, *const *y = b;

	return digest_compare(&(*x)->id, &(*y)->id);
}

static void
ask(struct writer *w, struct lookup *u)
{
	struct catalog *c = store_catalog(w->s);
	struct fault why = FAULT_NONE;
	enum blk_status st;

	u->hits = u->lists = u->segments = 0;
	qsort(u->chunk, u->asked, sizeof(u->chunk[0]), by_id);
	for (size_t i = 0; i < u->asked; i++) {
		u->id[i] = u->chunk[i]->id;
		u->chunk[i]->asked = true;
	}
	pthread_mutex_lock(&w->catalog_lock);
	st = c->type->facts_many(c, u->id, u->asked, u->facts, &why);
	if (st == BLK_OK)
		st = c->type->anything_wrong(c, &u->wrong, &why);
	for (size_t i = 0; st == BLK_OK && i < u->asked; i++)
		st = judge_facts(w, u, i, &why);
	pthread_mutex_unlock(&w->catalog_lock);
	if (st != BLK_OK) {
		u->hits = u->lists = 0;
		writer_missed(w, u->asked, &why);
	}
}

/* --- R6: the segment's own table has the last word --- */

static bool
holds(const struct segment_table *t, const struct lookup_hit *h)
{
	const struct segment_object *o =
	    h->ordinal < t->objects ? &t->object[h->ordinal] : NULL;

	return !RULE(R6) ||
	    (o != NULL && o->kind == KIND_DATA && o->length == h->chunk->len &&
	        digest_equal(&o->id, &h->chunk->id));
}

/* Take the hits in a segment whose table is t. */
static enum blk_status
take_hits(struct writer *w, struct lookup *u, size_t segment,
    const struct segment_table *t, size_t *unsound, struct fault *why)
{
	const struct digest *id = &u->segment[segment].id;
	bool any = false;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; i < u->hits; i++) {
		const struct lookup_hit *h = &u->hit[i];

		if (h->segment != segment)
			continue;
		h->chunk->found = holds(t, h);
		any |= h->chunk->found;
		*unsound += !h->chunk->found;
	}
	if (!any)
		return BLK_OK;
	pthread_mutex_lock(&w->lock);
	st = writer_lean(w, id, why);
	/* Neighbours have not been asked for damage. */
	if (st == BLK_OK && !u->wrong)
		st = known_add(&w->known, id, t, why);
	pthread_mutex_unlock(&w->lock);
	return st;
}

static enum blk_status
look_at_tables(struct writer *w, struct lookup *u, struct fault *why)
{
	struct frames *f = store_frames(w->s);

	for (size_t i = 0; i < u->segments; i++) {
		const struct frames_place p = store_place(&u->segment[i]);
		const struct segment_table *t;
		struct fault missed = FAULT_NONE;
		size_t unsound = 0;
		enum blk_status st;

		if (u->segment[i].condemned != 0)
			continue;
		st = frames_table(f, &p, &t, &missed);
		if (st == BLK_ABSENT) /* collected meanwhile */
			continue;
		if (st != BLK_OK) {
			writer_missed(w, 1, &missed);
			continue;
		}
		st = take_hits(w, u, i, t, &unsound, why);
		frames_release(f, t);
		if (st != BLK_OK)
			return st;
		if (unsound > 0) {
			fault(&missed, BLK_CORRUPT,
			    "the index names objects "
			    "that a segment does not hold");
			writer_missed(w, unsound, &missed);
		}
	}
	return BLK_OK;
}

/* --- lists: what they refer to is not looked up, but must be known --- */

/* ABSENT for a chunk that this writer does not know, and for a piece. */
static enum blk_status
know_chunk(void *arg, const struct reference *r, struct fault *why)
{
	struct writer *w = arg;
	enum blk_status st = BLK_OK;
	bool known;

	if (r->class != CLASS_DATA)
		return BLK_ABSENT;
	known = writer_owns(w, &r->id, CLASS_DATA, NULL, NULL);
	if (!known)
		st = known_has(w, &r->id, &known, why);
	return st == BLK_OK && !known ? BLK_ABSENT : st;
}

/* A list that cannot be read is not relied on: a miss. */
static enum blk_status
look_at_list(struct writer *w, struct lookup *u, const struct lookup_list *h,
    struct buf *text, struct fault *why)
{
	const struct frames_place p = store_place(&u->segment[h->segment]);
	const struct digest *id = &h->chunk->id;
	struct fault missed = FAULT_NONE;
	enum blk_status st;
	int64_t *value;

	text->len = 0;
	st = frames_read(store_frames(w->s), &p, h->copy.ordinal, id, KIND_LIST,
	    text, &missed);
	if (st != BLK_OK && st != BLK_ABSENT)
		writer_missed(w, 1, &missed);
	if (st != BLK_OK)
		return BLK_OK;
	pthread_mutex_lock(&w->lock);
	st = idmap_put(&w->relies, id, CLASS_CONTENT, &value, NULL, why);
	if (st == BLK_OK)
		st = structure_walk(KIND_LIST, span_of(text->data, text->len),
		    know_chunk, w, why);
	pthread_mutex_unlock(&w->lock);
	h->chunk->found = st == BLK_OK;
	h->chunk->listed = st == BLK_OK || st == BLK_ABSENT;
	h->chunk->list = digest_xxh64(text->data, text->len);
	return st == BLK_ABSENT || st == BLK_CORRUPT ? BLK_OK : st;
}

static enum blk_status
look_at_lists(struct writer *w, struct lookup *u, struct fault *why)
{
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < u->lists; i++)
		st = look_at_list(w, u, &u->list[i], &text, why);
	buf_release(&text);
	return st;
}

/* --- a batch --- */

/* What this writer itself knows; what the store must be asked for is left in
 * u->chunk. */
static enum blk_status
look_here(struct writer *w, struct lookup *u, struct chunk *chunk, size_t n,
    struct fault *why)
{
	enum class class = u->whole ? CLASS_CONTENT : CLASS_DATA;
	enum blk_status st = BLK_OK;

	u->asked = 0;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		struct chunk *c = &chunk[i];

		c->found = writer_owns(w, &c->id, class, NULL, NULL);
		if (!c->found)
			st = known_has(w, &c->id, &c->found, why);
		if (!c->found && !c->asked)
			u->chunk[u->asked++] = c;
	}
	pthread_mutex_unlock(&w->lock);
	return st;
}

static enum blk_status
look(struct lane *l, struct chunk *chunk, size_t n, bool whole,
    struct fault *why)
{
	struct writer *w = l->w;
	struct lookup *u = l->lookup;
	enum blk_status st;

	u->whole = whole;
	st = look_here(w, u, chunk, n, why);
	if (st != BLK_OK || u->asked == 0 || atomic_load(&w->blank))
		return st;
	ask(w, u);
	st = look_at_tables(w, u, why);
	return st == BLK_OK ? look_at_lists(w, u, why) : st;
}

/* Promise to store what was not found; others may have been faster. */
static enum blk_status
promise(struct writer *w, struct chunk *chunk, size_t n, struct fault *why)
{
	enum blk_status st = BLK_OK;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		bool mine = false;

		if (chunk[i].found)
			continue;
		st = writer_promise(w, &chunk[i].id, KIND_DATA, &mine, why);
		chunk[i].found = !mine;
	}
	pthread_mutex_unlock(&w->lock);
	return st;
}

enum blk_status
writer_look_up(struct lane *l, struct chunk *chunk, size_t n, struct fault *why)
{
	enum blk_status st;

	for (size_t i = 0; l->w->no_dedup && i < n; i++)
		chunk[i].found = false;
	if (l->w->no_dedup)
		return BLK_OK;
	st = look(l, chunk, n, false, why);
	return st == BLK_OK ? promise(l->w, chunk, n, why) : st;
}

enum blk_status
writer_look_up_whole(
    struct lane *l, struct chunk *object, size_t n, struct fault *why)
{
	return look(l, object, n, true, why);
}

/* --- structures --- */

enum blk_status
writer_reuse(struct writer *w, const struct digest *id, enum class class,
    bool *reused, struct fault *why)
{
	struct fault missed = FAULT_NONE;
	enum blk_status st;
	int64_t *value;

	*reused = false;
	if (atomic_load(&w->blank))
		return BLK_OK;
	pthread_mutex_lock(&w->catalog_lock);
	st = state_reusable(store_catalog(w->s), id, class, reused, &missed);
	pthread_mutex_unlock(&w->catalog_lock);
	if (st != BLK_OK) {
		*reused = false;
		writer_missed(w, 1, &missed);
	}
	if (!*reused)
		return BLK_OK;
	pthread_mutex_lock(&w->lock);
	st = idmap_put(&w->relies, id, (uint8_t) class, &value, NULL, why);
	pthread_mutex_unlock(&w->lock);
	return st;
}

enum blk_status
writer_rely(struct writer *w, const struct digest *id, enum class class,
    bool *reusable, struct fault *why)
{
	enum blk_status st = writer_sound(w, why);

	*reusable = false;
	if (st != BLK_OK)
		return st;
	pthread_mutex_lock(&w->lock);
	*reusable = writer_owns(w, id, class, NULL, NULL);
	pthread_mutex_unlock(&w->lock);
	return *reusable ? BLK_OK : writer_reuse(w, id, class, reusable, why);
}

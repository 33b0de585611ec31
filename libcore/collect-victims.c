/*
 * Which segments a collection condemns: those in which little or nothing
 * lives, small ones when there are many, and those that no commit names.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-private.h"
#include "idmap.h"
#include "log.h"

#define SMALL_MIN 16 /* so many small segments are worth packing */

static enum blk_status
add_victim(struct collect_victims *p, const struct catalog_segment *seg,
    bool orphan, struct fault *why)
{
	enum blk_status st;

	st = array_grow(
	    (void **)&p->victim, p->victims, &p->cap, sizeof(*p->victim), why);
	if (st == BLK_OK)
		p->victim[p->victims++] =
		    (struct collect_victim){ *seg, orphan };
	return st;
}

static uint64_t
dead_bytes(const struct catalog_segment *s)
{
	return s->plain > s->live ? s->plain - s->live : 0;
}

/* Least alive first. */
static int
share_order(const void *a, const void *b)
{
	const struct catalog_segment *x =
	    &((const struct collect_victim *)a)->seg;
	const struct catalog_segment *y =
	    &((const struct collect_victim *)b)->seg;
	double p = x->plain == 0 ? 0 : (double)x->live / (double)x->plain;
	double q = y->plain == 0 ? 0 : (double)y->live / (double)y->plain;

	if (p != q)
		return p < q ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

struct shares {
	uint64_t keep, lowest; /* see is_spared */
	uint64_t *bare;        /* commits that added segments, and no more */
	size_t bares, cap;
	uint64_t dead, plain; /* of all live segments */
	size_t small;
	struct idmap noted; /* segments of which something is noted damaged */
};

/* Which commits added segments for others to refer to later? */
static enum blk_status
see_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	struct shares *sh = arg;
	enum blk_status st = commit_parse(text, &k, why);
	bool adds = false, refers = false;

	(void)hash;
	for (size_t i = 0; st == BLK_OK && i < k.verbs; i++) {
		adds = adds || k.verb[i].verb == VERB_SEGMENT;
		refers = refers || k.verb[i].verb == VERB_VERSION ||
		    k.verb[i].verb == VERB_CONDEMN;
	}
	commit_release(&k);
	if (st != BLK_OK || !adds || refers)
		return st;
	st = array_grow(
	    (void **)&sh->bare, sh->bares, &sh->cap, sizeof(*sh->bare), why);
	if (st == BLK_OK)
		sh->bare[sh->bares++] = number;
	return st;
}

static int
number_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Added without references, and young: a running backup's work.  What was
 * referred to and is no longer is not spared. */
static bool
is_spared(const struct collect_victims *p, const struct catalog_segment *s,
    const struct shares *sh)
{
	if (s->live > 0 || s->in_log || sh->bares == 0 ||
	    bsearch(&s->commit, sh->bare, sh->bares, sizeof(*sh->bare),
	        number_order) == NULL)
		return false;
	return sh->lowest <= s->commit ||
	    store_now(p->s) - s->time < (int64_t)sh->keep * 1000000000;
}

static enum blk_status
see_note(void *arg, const struct digest *segment, uint32_t ordinal,
    struct fault *why)
{
	struct shares *sh = arg;
	int64_t *value;

	(void)ordinal;
	return idmap_put(&sh->noted, segment, 0, &value, NULL, why);
}

/* Something may live in it that is damaged: copied it would look sound, and
 * the next put of its content would not heal it. */
static bool
is_noted(const struct shares *sh, const struct catalog_segment *s)
{
	return s->live > 0 && idmap_get(&sh->noted, &s->id, 0) != NULL;
}

static enum blk_status
survey(struct collect_victims *p, struct shares *sh, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;

	st = c->type->damage_each(c, see_note, sh, why);
	if (st == BLK_OK)
		st = c->type->record_each(c, 0, see_record, sh, why);
	while (st == BLK_OK &&
	    (st = c->type->segment_next(c, s.seq, &s, why)) == BLK_OK) {
		if (s.condemned != 0)
			continue;
		sh->plain += s.plain;
		sh->dead += dead_bytes(&s);
		sh->small += s.bytes < p->segment_size / 4;
		if (!is_spared(p, &s, sh) && !is_noted(sh, &s))
			st = add_victim(p, &s, false, why);
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

/*
 * Of all segments keep, as victims: those in which nothing lives; the least
 * alive ones until at most max_unused percent of all bytes is dead; and the
 * small ones, when there are many.
 */
static void
choose(struct collect_victims *p, const struct shares *sh, unsigned max_unused)
{
	uint64_t dead = sh->dead, budget = p->o->max_repack;
	uint64_t most = sh->plain / 100 * max_unused;
	bool pack = sh->small >= SMALL_MIN;
	size_t kept = 0;

	if (p->victims > 1)
		qsort(p->victim, p->victims, sizeof(*p->victim), share_order);
	for (size_t i = 0; i < p->victims; i++) {
		const struct catalog_segment *s = &p->victim[i].seg;
		bool small = s->bytes < p->segment_size / 4;
		bool wasteful = dead_bytes(s) > 0 && dead > most;

		if (s->live > 0 && !wasteful && !(small && pack))
			continue;
		if (budget > 0 && s->live > budget && s->live > 0) {
			p->r->unfinished = true;
			continue;
		}
		if (budget > 0)
			budget = budget > s->live ? budget - s->live : 1;
		dead -= dead_bytes(s) < dead ? dead_bytes(s) : dead;
		p->victim[kept++] = p->victim[i];
	}
	p->victims = kept;
	/* Where it was said how much may be copied, that is what lives.  Else
	 * a third of what may be dead is left for frames that are packed
	 * worse than those of a new store would be. */
	most -= most / 3;
	p->spare = p->o->max_repack == 0 && dead < most ? most - dead : 0;
}

/* --- orphans: segments that no commit names --- */

struct listed {
	struct digest id;
	uint64_t bytes;
};

struct listing {
	struct listed *item;
	size_t count, cap;
};

static enum blk_status
see_segment(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct listing *l = arg;
	struct listed item = { .bytes = bs->bytes };
	enum blk_status st;

	if (!segment_key_id(key, &item.id))
		return BLK_OK;
	st = array_grow(
	    (void **)&l->item, l->count, &l->cap, sizeof(*l->item), why);
	if (st == BLK_OK)
		l->item[l->count++] = item;
	return st;
}

/* Is the session that wrote this segment alive? */
static enum blk_status
writer_lives(
    struct store *s, const struct listed *item, bool *lives, struct fault *why)
{
	uint8_t header[SEGMENT_HEADER];
	char key[SEGMENT_KEY_MAX];
	struct segment_origin origin;
	struct fault ignored = FAULT_NONE;
	enum blk_status st;
	size_t got;

	*lives = false;
	segment_key(&item->id, key);
	st = backend_get(
	    store_backend(s), key, 0, header, sizeof(header), &got, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	if (got < sizeof(header) ||
	    segment_header(header, sizeof(header), NULL, &origin, &ignored) !=
	        BLK_OK)
		return BLK_OK; /* rubbish is nobody's */
	return store_session_lives(s, origin.session, lives, why);
}

static enum blk_status
find_orphans(
    struct collect_victims *p, const struct listing *l, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < l->count; i++) {
		struct catalog_segment seg;
		bool lives;

		st = c->type->segment_find(c, &l->item[i].id, &seg, why);
		if (st != BLK_ABSENT)
			continue;
		st = writer_lives(p->s, &l->item[i], &lives, why);
		if (st != BLK_OK || lives)
			continue;
		seg = (struct catalog_segment){ .id = l->item[i].id,
			.bytes = l->item[i].bytes };
		st = add_victim(p, &seg, true, why);
	}
	return st;
}

/* --- all of them --- */

enum blk_status
collect_allowed(struct store *s, struct fault *why)
{
	bool whole;
	enum blk_status st = catalog_is_whole(store_catalog(s), &whole, why);

	return st == BLK_OK && !whole ? fault(why, BLK_CORRUPT, STATE_UNKNOWN)
	                              : st;
}

enum blk_status
collect_choose(struct collect_victims *p, struct fault *why)
{
	struct listing l = { .item = NULL };
	struct shares sh = { .keep = p->o->keep_unreferenced };
	uint64_t unused = (uint64_t)p->o->max_unused;
	enum blk_status st;
	bool complete;

	/* Segments first, sessions next, the head last: what a live session
	 * publishes later is not on the list. */
	st = backend_list(
	    store_backend(p->s), "segments/", see_segment, &l, &complete, why);
	if (st == BLK_OK)
		st = store_sessions(p->s, &sh.lowest, why);
	if (st == BLK_OK)
		st = store_sync(p->s, why);
	if (st == BLK_OK && p->o->max_unused < 0)
		st = store_setting_number(p->s, "gc.max-unused", &unused, why);
	if (st == BLK_OK && sh.keep == UINT64_MAX)
		st = store_setting_number(
		    p->s, "gc.keep-unreferenced", &sh.keep, why);
	if (st == BLK_OK)
		st = survey(p, &sh, why);
	if (st == BLK_OK) {
		choose(p, &sh, (unsigned)unused);
		st = find_orphans(p, &l, why);
	}
	free(l.item);
	free(sh.bare);
	idmap_release(&sh.noted);
	return st;
}

/*
 * The verbs of a run of commits that do not concern segments: versions,
 * settings, what is lost.
 */
#include "state-apply.h"

/* Where a verb stands in a run. */
static int64_t
place_of(size_t commit, size_t verb)
{
	return (int64_t)commit << 32 | (int64_t)verb;
}

/* Is vid dropped by a verb of the run behind this place? */
static bool
dropped_later(
    const struct idmap *drops, const struct digest *vid, int64_t place)
{
	const int64_t *last = idmap_get(drops, vid, 0);

	return last != NULL && *last > place;
}

/* Numbers are never used twice. */
static enum blk_status
name_next(struct catalog *c, const struct commit_verb *v, struct fault *why)
{
	struct digest vid;
	enum blk_status st;
	uint64_t last;

	if (version_name_is_id(span_str(v->name)))
		return BLK_OK;
	st = c->type->name_get(c, v->name, &last, &vid, why);
	if (st == BLK_OK && v->number <= last)
		return fault(why, BLK_CORRUPT,
		    "a commit makes version %ju of %s behind version %ju",
		    (uintmax_t)v->number, v->name, (uintmax_t)last);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	return c->type->name_set(c, v->name, v->number, &v->id, why);
}

static enum blk_status
version_add(struct apply *a, const struct commit_verb *v,
    const struct idmap *drops, int64_t place, struct fault *why)
{
	enum blk_status st = name_next(a->c, v, why);

	if (st != BLK_OK || dropped_later(drops, &v->id, place))
		return st;
	st = state_adopt(a->c, &v->id, v, a->src, why);
	if (st == BLK_OK)
		st = counter_add(&a->counter, &v->id, CLASS_VERSION, 1, why);
	return st;
}

/* One that is not current, or one whose record could not be read? */
static enum blk_status
drop_unread(struct apply *a, const struct digest *vid, struct fault *why)
{
	enum blk_status st;
	bool noted;

	st = a->c->type->damage_has(a->c, vid, STATE_VERSION, &noted, why);
	if (st == BLK_OK && noted)
		st = a->c->type->damage_note(
		    a->c, vid, STATE_VERSION, false, why);
	if (st == BLK_OK && noted)
		st = counter_add(&a->counter, vid, CLASS_VERSION, -1, why);
	return st;
}

static enum blk_status
version_drop(struct apply *a, const struct digest *vid, struct fault *why)
{
	enum blk_status st;

	st = a->c->type->version_drop(a->c, vid, why);
	if (st == BLK_ABSENT)
		return drop_unread(a, vid, why);
	if (st == BLK_OK)
		st = counter_add(&a->counter, vid, CLASS_VERSION, -1, why);
	return st;
}

/* Said lost, unless the run itself brings a copy back. */
static enum blk_status
object_lost(struct apply *a, const struct commit_verb *v, struct fault *why)
{
	struct catalog_facts f;
	enum blk_status st;

	st = a->c->type->facts(a->c, &v->id, &f, why);
	if (st != BLK_OK || catalog_winner(&f, v->class) != NULL)
		return st;
	return a->c->type->lost_set(a->c, &v->id, v->class, true, why);
}

static enum blk_status
apply_verb(struct apply *a, const struct commit *k, const struct commit_verb *v,
    const struct idmap *drops, int64_t place, struct fault *why)
{
	const struct catalog_type *t = a->c->type;

	switch (v->verb) {
	case VERB_VERSION:
		return version_add(a, v, drops, place, why);
	case VERB_DROP:
		return version_drop(a, &v->id, why);
	case VERB_LOST:
		return object_lost(a, v, why);
	case VERB_SET:
		return t->setting_set(
		    a->c, v->name, v->value[0] == '\0' ? NULL : v->value, why);
	case VERB_REDIRECT:
		return t->setting_set(a->c, STATE_REDIRECT,
		    v->value[0] == '\0' ? NULL : v->value, why);
	case VERB_STAT:
		return t->stat_add(a->c, k->number, v->value, why);
	case VERB_SEGMENT:
	case VERB_CONDEMN:
	case VERB_CONFIG:
	case VERB_KEPT:
		break;
	}
	return BLK_OK;
}

/*
 * A version that the run itself drops again is passed over: its text may be
 * gone.  Each goes with the place where it is dropped last.
 */
static enum blk_status
collect_drops(
    const struct commit *run, size_t n, struct idmap *drops, struct fault *why)
{
	enum blk_status st = BLK_OK;
	int64_t *value;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; st == BLK_OK && k < run[i].verbs; k++) {
			if (run[i].verb[k].verb != VERB_DROP)
				continue;
			st = idmap_put(
			    drops, &run[i].verb[k].id, 0, &value, NULL, why);
			if (st == BLK_OK)
				*value = place_of(i, k);
		}
	return st;
}

enum blk_status
apply_verbs(struct apply *a, const struct digest *root, size_t roots,
    const struct commit *run, size_t n, struct fault *why)
{
	struct idmap drops = { .slot = NULL };
	enum blk_status st;

	st = collect_drops(run, n, &drops, why);
	for (size_t i = 0; st == BLK_OK && i < roots; i++)
		if (!dropped_later(&drops, &root[i], -1))
			st = state_adopt(a->c, &root[i], NULL, a->src, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		for (size_t k = 0; st == BLK_OK && k < run[i].verbs; k++)
			st = apply_verb(a, &run[i], &run[i].verb[k], &drops,
			    place_of(i, k), why);
		if (st == BLK_OK)
			st = a->c->type->record_add(a->c, run[i].number,
			    &run[i].hash, run[i].text.data, run[i].text.len,
			    why);
	}
	idmap_release(&drops);
	return st;
}

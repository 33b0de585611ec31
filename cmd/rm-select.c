/*
 * Which versions are to be dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "refs.h"
#include "rm.h"

static void
clear(struct rm *rm)
{
	for (size_t i = 0; i < rm->drops; i++)
		free(rm->drop[i].name);
	rm->drops = 0;
	idmap_clear(&rm->seen);
	rm->usage_known = false;
	rm->unknown = (struct fault)FAULT_NONE;
}

void
rm_release(struct rm *rm)
{
	clear(rm);
	free(rm->drop);
	idmap_release(&rm->seen);
}

static enum blk_status
add(struct rm *rm, const struct digest *vid, const struct version *v,
    struct fault *why)
{
	struct rm_drop *d;
	enum blk_status st;
	int64_t *value;
	bool made;

	st = idmap_put(&rm->seen, vid, CLASS_VERSION, &value, &made, why);
	if (st != BLK_OK || !made)
		return st;
	st = array_grow(
	    (void **)&rm->drop, rm->drops, &rm->cap, sizeof(*d), why);
	if (st != BLK_OK)
		return st;
	d = &rm->drop[rm->drops];
	*d = (struct rm_drop){ *vid, v->id, strdup(v->name), v->number,
		v->size };
	if (d->name == NULL)
		return fault_nomem(why);
	rm->drops++;
	return BLK_OK;
}

/* --- the versions of a name --- */

struct old {
	struct digest vid;
	uint64_t number, size;
	struct digest id;
	int64_t time;
};

struct olds {
	struct old *item;
	size_t count, cap;
	int64_t newest; /* time of the newest in which there is one */
};

static enum blk_status
add_old(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct olds *o = arg;
	enum blk_status st;

	st = array_grow(
	    (void **)&o->item, o->count, &o->cap, sizeof(*o->item), why);
	if (st != BLK_OK)
		return st;
	if (o->count == 0 || v->v.time > o->newest)
		o->newest = v->v.time;
	o->item[o->count++] =
	    (struct old){ v->vid, v->v.number, v->v.size, v->v.id, v->v.time };
	return BLK_OK;
}

static enum blk_status
list_olds(struct store *s, const char *name, struct olds *o, struct fault *why)
{
	const struct catalog_query q = { .name = name };
	struct catalog *c = store_catalog(s);

	return c->type->version_each(c, &q, add_old, o, why);
}

static enum blk_status
add_one(struct rm *rm, const char *name, const struct old *o, struct fault *why)
{
	struct version v = {
		.id = o->id, .number = o->number, .size = o->size
	};
	enum blk_status st;

	v.name = strdup(name);
	if (v.name == NULL)
		return fault_nomem(why);
	st = add(rm, &o->vid, &v, why);
	free(v.name);
	return st;
}

/* Versions made before *bound go. */
static enum blk_status
bound_of(const struct rm_request *r, const struct olds *o, int64_t now,
    int64_t *bound, struct fault *why)
{
	int64_t from = r->how == RM_KEEP_WITHIN ? o->newest : now;

	if (r->how == RM_ALL) {
		*bound = INT64_MAX;
		return BLK_OK;
	}
	if (!when_subtract(from, r->span, bound))
		return fault(why, BLK_INVALID,
		    "a duration of that length "
		    "leads out of the calendar");
	return BLK_OK;
}

static enum blk_status
select_olds(struct rm *rm, const char *name, const struct olds *o, int64_t now,
    struct fault *why)
{
	const struct rm_request *r = rm->r;
	enum blk_status st = BLK_OK;
	int64_t bound = INT64_MIN;
	size_t first = o->count;

	if (r->how == RM_KEEP_LAST)
		first = o->count > r->keep ? o->count - (size_t)r->keep : 0;
	else
		st = bound_of(r, o, now, &bound, why);
	for (size_t i = 0; st == BLK_OK && i < o->count; i++)
		if (r->how == RM_KEEP_LAST
		        ? i < first
		        : r->how == RM_ALL || o->item[i].time < bound)
			st = add_one(rm, name, &o->item[i], why);
	return st;
}

static enum blk_status
select_of_name(
    struct rm *rm, struct store *s, const struct ref *ref, struct fault *why)
{
	struct olds o = { .item = NULL };
	enum blk_status st;

	if (ref->which != REF_NEWEST || version_name_is_id(span_str(ref->base)))
		return fault(why, BLK_INVALID,
		    "%s: only a NAME has versions to choose from", ref->base);
	st = list_olds(s, ref->base, &o, why);
	if (st == BLK_OK && o.count == 0)
		st = ref_absent(
		    store_catalog(s), ref->base, ": no such name", why);
	if (st == BLK_OK)
		st = select_olds(rm, ref->base, &o, store_now(s), why);
	free(o.item);
	return st;
}

/* --- the version that a REF means --- */

static enum blk_status
found_other(void *arg, const struct catalog_version *v, struct fault *why)
{
	(void)v;
	(void)why;
	*(bool *)arg = true;
	return BLK_ABSENT; /* ends the visit */
}

/* What is there has no version of its own: who holds it? */
static enum blk_status
no_version(struct store *s, const struct ref_target *t, const char *text,
    struct fault *why)
{
	const struct catalog_query q = { .content = &t->id };
	struct catalog *c = store_catalog(s);
	enum blk_status st;
	bool named = false;

	st = c->type->version_each(c, &q, found_other, &named, why);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	return fault(why, BLK_ABSENT,
	    named ? "%s: only names hold it ('blk-ls ID' lists them)"
	          : "%s: is a part of something else ('blk-ls --refs ID' "
	            "says of what)",
	    text);
}

static enum blk_status
select_target(struct rm *rm, struct store *s, const struct ref_target *t,
    const char *text, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_version v;
	enum blk_status st;

	if (t->is_version)
		return add(rm, &t->version.vid, &t->version.v, why);
	if (t->class != CLASS_VERSION)
		return no_version(s, t, text, why);
	st = c->type->version_get(c, &t->id, &v, why);
	if (st == BLK_ABSENT)
		return no_version(s, t, text, why);
	if (st != BLK_OK)
		return st;
	st = add(rm, &v.vid, &v.v, why);
	version_release(&v.v);
	return st;
}

/* A name stands for its one version; with more it says too little. */
static enum blk_status
check_single(struct store *s, const struct ref *ref, struct fault *why)
{
	struct olds o = { .item = NULL };
	enum blk_status st;
	size_t n;

	if (ref->which != REF_NEWEST)
		return BLK_OK;
	st = list_olds(s, ref->base, &o, why);
	n = o.count;
	free(o.item);
	if (st != BLK_OK || n < 2)
		return st;
	return fault(why, BLK_INVALID,
	    "%s has %zu versions: name one (%s@N), or give --all-versions, "
	    "--keep-last, --keep-within or --older-than",
	    ref->base, n, ref->base);
}

static enum blk_status
select_one(struct rm *rm, struct store *s, const struct ref *ref,
    const char *text, struct fault *why)
{
	struct ref_target t;
	enum blk_status st = check_single(s, ref, why);

	if (st == BLK_OK)
		st = ref_resolve(
		    store_catalog(s), ref, store_now(s), &t, NULL, why);
	if (st != BLK_OK)
		return st;
	st = select_target(rm, s, &t, text, why);
	ref_target_release(&t);
	return st;
}

static enum blk_status
select_ref(struct rm *rm, struct store *s, const char *text, struct fault *why)
{
	struct ref ref;
	enum blk_status st = ref_parse(text, store_now(s), &ref, why);

	if (st != BLK_OK)
		return st;
	if (ref.has_path)
		st = fault(why, BLK_INVALID,
		    "%s: what lies inside of a version cannot be dropped",
		    text);
	else if (rm->r->how != RM_ONE)
		st = select_of_name(rm, s, &ref, why);
	else
		st = select_one(rm, s, &ref, text, why);
	ref_release(&ref);
	return st;
}

/* --- all of them --- */

static enum blk_status
work_out_usage(struct rm *rm, struct store *s, struct fault *why)
{
	const struct usage_options o = { .only_freed = true,
		.max_memory = store_max_memory(s) / 2 };
	struct usage_root *root = calloc(rm->drops + 1, sizeof(*root));
	enum blk_status st;

	if (root == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < rm->drops; i++)
		root[i] = (struct usage_root){ rm->drop[i].vid, CLASS_VERSION };
	/* Dropping does not hang on it: what cannot be read cannot be told. */
	st = usage_of(s, root, rm->drops, &o, &rm->usage, &rm->unknown);
	rm->usage_known = st == BLK_OK;
	free(root);
	return BLK_OK;
}

enum blk_status
rm_select(struct rm *rm, struct store *s, struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	enum blk_status st = BLK_OK;

	clear(rm);
	for (size_t i = 0; st == BLK_OK && i < rm->r->refs; i++) {
		st = select_ref(
		    rm, s, rm->r->ref[i], rm->r->force ? &ignored : why);
		if (st == BLK_ABSENT && rm->r->force)
			st = BLK_OK;
		else if (st != BLK_OK && rm->r->force)
			*why = ignored;
	}
	return st == BLK_OK && rm->r->usage ? work_out_usage(rm, s, why) : st;
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct rm *rm = arg;
	enum blk_status st = rm_select(rm, s, why);

	for (size_t i = 0; st == BLK_OK && i < rm->drops; i++)
		st = store_add_drop(s, k, &rm->drop[i].vid, why);
	return st;
}

enum blk_status
rm_commit(struct rm *rm, struct store *s, struct fault *why)
{
	const struct store_draft d = { .decide = decide, .arg = rm };
	struct store_outcome out;
	enum blk_status st = store_commit(s, &d, &out, why);

	if (st == BLK_OK)
		rm->commit = out.number;
	return st;
}

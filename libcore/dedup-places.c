/*
 * Where the largest duplicates lie.
 */
#include <stdlib.h>
#include <string.h>

#include "dedup.h"
#include "holders.h"
#include "idmap.h"

struct placing {
	struct dedup_report *r;
	struct idmap top; /* id -> index into r->top */
	size_t most;
	size_t missing; /* of r->top, that want more places */
};

/* How many places there are to be found. */
static size_t
wanted_places(const struct placing *x, const struct dedup_duplicate *d)
{
	return d->count < x->most ? (size_t)d->count : x->most;
}

static bool
is_known(const struct dedup_duplicate *d, const struct holders_place *p)
{
	const struct version *v = &p->version->v;

	for (size_t i = 0; i < d->places; i++) {
		const struct dedup_place *at = &d->place[i];

		if (at->number == v->number && strcmp(at->name, v->name) == 0 &&
		    strcmp(at->path == NULL ? "" : at->path,
		        p->path == NULL ? "" : p->path) == 0)
			return true;
	}
	return false;
}

static enum blk_status
add_place(struct placing *x, struct dedup_duplicate *d,
    const struct holders_place *p, struct fault *why)
{
	struct dedup_place at = { .number = p->version->v.number };

	if (d->place == NULL)
		d->place = calloc(x->most, sizeof(*d->place));
	at.name = strdup(p->version->v.name);
	if (p->path != NULL)
		at.path = strdup(p->path);
	if (d->place == NULL || at.name == NULL ||
	    (p->path != NULL && at.path == NULL)) {
		free(at.name);
		free(at.path);
		return fault_nomem(why);
	}
	d->place[d->places++] = at;
	if (d->places == wanted_places(x, d))
		x->missing--;
	return BLK_OK;
}

static bool
is_top(void *arg, const struct digest *id, enum class class)
{
	const struct placing *x = arg;

	return class == CLASS_CONTENT && idmap_get(&x->top, id, 0) != NULL;
}

static enum blk_status
found(void *arg, const struct holders_place *p, struct fault *why)
{
	struct placing *x = arg;
	struct dedup_duplicate *d;

	if (p->unreadable)
		return BLK_OK;
	d = &x->r->top[*idmap_get(&x->top, &p->id, 0)];
	if (d->places == wanted_places(x, d) || is_known(d, p))
		return BLK_OK;
	return add_place(x, d, p, why);
}

static bool
enough(void *arg)
{
	const struct placing *x = arg;

	return x->missing == 0;
}

enum blk_status
dedup_places(
    struct store *s, size_t most, struct dedup_report *r, struct fault *why)
{
	struct placing x = { .r = r, .most = most, .missing = r->tops };
	const struct holders_options o = { .once = true,
		.now = store_now(s),
		.max_memory = store_max_memory(s) / 4,
		.wanted = is_top,
		.found = found,
		.enough = enough,
		.arg = &x };
	enum blk_status st = BLK_OK;
	int64_t *at;

	for (size_t i = 0; st == BLK_OK && i < r->tops; i++) {
		st = idmap_put(&x.top, &r->top[i].id, 0, &at, NULL, why);
		if (st == BLK_OK)
			*at = (int64_t)i;
	}
	if (st == BLK_OK && most > 0)
		st = holders_each(s, &o, why);
	idmap_release(&x.top);
	return st;
}

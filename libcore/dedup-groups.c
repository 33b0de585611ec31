/*
 * What the versions of a name, or of a type, refer to, and what is left of it.
 */
#include <stdlib.h>
#include <string.h>

#include "dedup.h"
#include "usage.h"

void
dedup_groups_release(struct dedup_groups *g)
{
	for (size_t i = 0; i < g->groups; i++)
		free(g->group[i].label);
	free(g->group);
	*g = (struct dedup_groups){ .group = NULL };
}

struct grouping {
	struct store *s;
	enum dedup_by by;
	int64_t now; /* what expired by then is hidden */
	struct dedup_groups *g;
	size_t cap;
	/* Versions of the group at hand. */
	const char *label;
	struct usage_root *root;
	size_t roots, roots_cap;
};

static const char *
label_of(const struct grouping *x, const struct catalog_version *v)
{
	return x->by == DEDUP_NAME ? v->v.name : v->v.type;
}

static bool
is_hidden(const struct grouping *x, const struct catalog_version *v)
{
	return v->v.expires != 0 && v->v.expires <= x->now;
}

/* Where the group of a label stands, or is to stand. */
static size_t
place_of(const struct dedup_groups *g, const char *label)
{
	size_t lo = 0, hi = g->groups;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(g->group[mid].label, label) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static enum blk_status
add_group(struct grouping *x, size_t at, const char *label, struct fault *why)
{
	struct dedup_groups *g = x->g;
	enum blk_status st = array_grow(
	    (void **)&g->group, g->groups, &x->cap, sizeof(*g->group), why);
	char *copy = st == BLK_OK ? strdup(label) : NULL;

	if (copy == NULL)
		return st == BLK_OK ? fault_nomem(why) : st;
	memmove(&g->group[at + 1], &g->group[at],
	    (g->groups - at) * sizeof(*g->group));
	g->group[at] = (struct dedup_group){ .label = copy };
	g->groups++;
	return BLK_OK;
}

static enum blk_status
see_size(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct grouping *x = arg;
	const char *label = label_of(x, v);
	size_t at = place_of(x->g, label);
	enum blk_status st = BLK_OK;

	if (is_hidden(x, v))
		return BLK_OK;
	if (at == x->g->groups || strcmp(x->g->group[at].label, label) != 0)
		st = add_group(x, at, label, why);
	if (st == BLK_OK) {
		x->g->group[at].versions++;
		x->g->group[at].size += v->v.size;
	}
	return st;
}

static enum blk_status
see_root(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct grouping *x = arg;
	enum blk_status st;

	if (is_hidden(x, v) || strcmp(label_of(x, v), x->label) != 0)
		return BLK_OK;
	st = array_grow(
	    (void **)&x->root, x->roots, &x->roots_cap, sizeof(*x->root), why);
	if (st == BLK_OK)
		x->root[x->roots++] =
		    (struct usage_root){ v->vid, CLASS_VERSION };
	return st;
}

static enum blk_status
work_out(struct grouping *x, struct dedup_group *group, struct fault *why)
{
	/* What has no type is found only among all. */
	const struct catalog_query q = { .named = x->by == DEDUP_NAME,
		.name = x->by == DEDUP_NAME ? group->label : NULL,
		.type = x->by == DEDUP_TYPE && group->label[0] != '\0'
		    ? group->label
		    : NULL };
	const struct usage_options o = { .max_memory =
		                             store_max_memory(x->s) / 2 };
	struct catalog *c = store_catalog(x->s);
	struct usage u;
	enum blk_status st;

	x->label = group->label;
	x->roots = 0;
	st = c->type->version_each(c, &q, see_root, x, why);
	if (st != BLK_OK)
		return st;
	st = usage_of(x->s, x->root, x->roots, &o, &u, why);
	group->known = st == BLK_OK;
	if (st == BLK_FAILED) /* there is not enough memory for it */
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	group->data = u.data;
	group->stored = u.stored;
	return BLK_OK;
}

static int
size_order(const void *a, const void *b)
{
	const struct dedup_group *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->label, y->label);
}

static void
keep(struct dedup_groups *g, size_t top)
{
	if (g->groups > 1)
		qsort(g->group, g->groups, sizeof(*g->group), size_order);
	while (g->groups > top)
		free(g->group[--g->groups].label);
}

enum blk_status
dedup_group(struct store *s, enum dedup_by by, size_t top,
    struct dedup_groups *g, struct fault *why)
{
	const struct catalog_query q = { .named = by == DEDUP_NAME };
	struct grouping x = { .s = s, .by = by, .now = store_now(s), .g = g };
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	*g = (struct dedup_groups){ .group = NULL };
	st = c->type->version_each(c, &q, see_size, &x, why);
	if (st == BLK_OK)
		keep(g, top);
	for (size_t i = 0; st == BLK_OK && i < g->groups; i++)
		st = work_out(&x, &g->group[i], why);
	free(x.root);
	return st;
}

/*
 * Which versions, and which paths in them, suffer from damage.
 */
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "holders.h"

#define PATHS_MAX 1000 /* lines said about one check */

struct sufferers {
	struct check *c;
	size_t said;
};

static bool
is_damaged(void *arg, const struct digest *id, enum class class)
{
	const struct sufferers *u = arg;
	const struct idmap *damaged = &u->c->damaged;

	for (int k = KIND_DATA; k <= KIND_VERSION; k++)
		if (class_takes(class, (enum kind)k) &&
		    idmap_get(damaged, id, (uint8_t)k) != NULL)
			return true;
	return idmap_get(damaged, id, (uint8_t) class) != NULL;
}

/* Where the object lies that is damaged; "" where that is not known. */
static void
place_of(struct check *c, const struct digest *id, enum class class,
    char where[SEGMENT_KEY_MAX])
{
	struct catalog *cat = store_catalog(c->s);
	const struct catalog_copy *copy = NULL;
	struct fault ignored = FAULT_NONE;
	struct catalog_segment seg;
	struct catalog_facts f;

	where[0] = '\0';
	if (cat->type->facts(cat, id, &f, &ignored) == BLK_OK)
		copy = catalog_winner(&f, class);
	if (copy != NULL &&
	    cat->type->segment_get(cat, copy->seq, &seg, &ignored) == BLK_OK)
		check_key(&seg, where);
}

static enum blk_status
say_path(void *arg, const struct holders_place *p, struct fault *why)
{
	struct sufferers *u = arg;
	struct check_finding f = { .what = CHECK_REFERENCE,
		.message = "it needs what is damaged",
		.has_id = true,
		.id = p->id,
		.path = p->path };
	const struct version *v = &p->version->v;
	char where[SEGMENT_KEY_MAX], version[320];

	(void)why;
	if (u->said++ >= PATHS_MAX || u->c->o->finding == NULL)
		return BLK_OK;
	if (version_name_is_id(span_str(v->name)))
		snprintf(version, sizeof(version), "%s", v->name);
	else
		snprintf(version, sizeof(version), "%s@%ju", v->name,
		    (uintmax_t)v->number);
	f.version = version;
	place_of(u->c, &p->id, p->class, where);
	snprintf(f.where, sizeof(f.where), "%s", where);
	u->c->o->finding(u->c->o->arg, &f);
	return BLK_OK;
}

enum blk_status
check_sufferers(struct check *c, struct fault *why)
{
	struct sufferers u = { .c = c };
	const struct holders_options o = { .contents = true,
		.wanted = is_damaged,
		.found = say_path,
		.arg = &u };

	return holders_each(c->s, &o, why);
}

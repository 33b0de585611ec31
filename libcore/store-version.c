/*
 * Deciding names inside a commit: numbers, predecessors, and the rule for
 * objects that are put without a name.
 */
#include <stdlib.h>
#include <string.h>

#include "store-private.h"

void
store_made_release(struct store *s)
{
	for (size_t i = 0; i < s->mades; i++) {
		version_release(&s->made[i].v);
		buf_release(&s->made[i].text);
	}
	s->mades = 0;
	idmap_clear(&s->made_at);
}

/* An id stands for itself, other names are hashed. */
static enum blk_status
made_key(struct store *s, const char *name, struct digest *key, uint8_t *tag,
    struct fault *why)
{
	size_t len = strlen(name);

	*tag = digest_parse(name, len, key);
	return *tag != 0 ? BLK_OK : hasher_of(s->hash, name, len, key, why);
}

/* The last version of a name that this very commit makes; NULL: none. */
static enum blk_status
made_last(
    struct store *s, const char *name, const struct made **m, struct fault *why)
{
	const int64_t *at;
	struct digest key;
	enum blk_status st;
	uint8_t tag;

	*m = NULL;
	if (s->mades == 0)
		return BLK_OK;
	st = made_key(s, name, &key, &tag, why);
	at = st == BLK_OK ? idmap_get(&s->made_at, &key, tag) : NULL;
	if (at != NULL)
		*m = &s->made[*at - 1];
	return st;
}

static enum blk_status
made_note(struct store *s, const char *name, struct fault *why)
{
	struct digest key;
	int64_t *at;
	enum blk_status st;
	uint8_t tag;

	st = made_key(s, name, &key, &tag, why);
	if (st == BLK_OK)
		st = idmap_put(&s->made_at, &key, tag, &at, NULL, why);
	if (st == BLK_OK)
		*at = (int64_t)s->mades;
	return st;
}

static enum blk_status
number_version(struct store *s, struct version *v, struct fault *why)
{
	const struct made *m;
	enum blk_status st = made_last(s, v->name, &m, why);

	v->number = 0;
	if (st != BLK_OK)
		return st;
	if (m != NULL) {
		v->number = m->v.number;
		v->previous = m->vid;
	} else {
		st = s->catalog->type->name_get(
		    s->catalog, v->name, &v->number, &v->previous, why);
	}
	v->has_previous = st == BLK_OK && v->number > 0;
	v->number = v->has_previous ? v->number + 1 : 1;
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* --- unnamed objects --- */

struct found {
	bool any;
	struct digest vid;
	struct version v; /* owned */
};

static enum blk_status
take_found(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct found *f = arg;

	f->any = true;
	f->vid = v->vid;
	version_release(&f->v);
	return version_copy(&v->v, &f->v, why);
}

static enum blk_status
find_unnamed(
    struct store *s, const char *name, struct found *f, struct fault *why)
{
	const struct catalog_query q = { .name = name };
	const struct made *m;
	enum blk_status st = made_last(s, name, &m, why);

	if (st != BLK_OK)
		return st;
	if (m != NULL) {
		f->any = true;
		f->vid = m->vid;
		return version_copy(&m->v, &f->v, why);
	}
	return s->catalog->type->version_each(
	    s->catalog, &q, take_found, f, why);
}

static int
link_order(const void *a, const void *b)
{
	const struct version_link *x = a, *y = b;
	int order = strcmp(x->rel, y->rel);

	if (order == 0)
		order = strcmp(class_name(x->class), class_name(y->class));
	return order != 0 ? order : digest_compare(&x->id, &y->id);
}

static bool
has_link(const struct version *v, const struct version_link *l)
{
	for (size_t i = 0; i < v->links; i++)
		if (link_order(&v->link[i], l) == 0)
			return true;
	return false;
}

static enum blk_status
inherit_links(const struct version *from, struct version *v, struct fault *why)
{
	for (size_t i = 0; i < from->links; i++) {
		size_t cap = v->links;
		enum blk_status st;
		char *rel;

		if (has_link(v, &from->link[i]))
			continue;
		st = array_grow(
		    (void **)&v->link, v->links, &cap, sizeof(*v->link), why);
		if (st != BLK_OK)
			return st;
		rel = strdup(from->link[i].rel);
		if (rel == NULL)
			return fault_nomem(why);
		v->link[v->links] = from->link[i];
		v->link[v->links++].rel = rel;
	}
	if (v->links > 1)
		qsort(v->link, v->links, sizeof(*v->link), link_order);
	return BLK_OK;
}

static bool
same_but_for_time(const struct version *a, const struct version *b)
{
	if (a->class != b->class || !digest_equal(&a->id, &b->id) ||
	    a->expires != b->expires || strcmp(a->type, b->type) != 0 ||
	    a->attrs != b->attrs || a->links != b->links)
		return false;
	for (size_t i = 0; i < a->attrs; i++)
		if (strcmp(a->attr[i].key, b->attr[i].key) != 0 ||
		    strcmp(a->attr[i].value, b->attr[i].value) != 0)
			return false;
	for (size_t i = 0; i < a->links; i++)
		if (link_order(&a->link[i], &b->link[i]) != 0)
			return false;
	return true;
}

/*
 * A 64-hex name has one version.  Equal attributes write nothing; otherwise
 * the new one takes its place, with the later expiry and all the links.
 * *done: nothing is to be written.
 */
static enum blk_status
replace_unnamed(struct store *s, struct commit *k, struct version *v,
    struct digest *vid, bool *done, struct fault *why)
{
	struct found f = { .any = false };
	enum blk_status st;
	bool live;

	*done = false;
	st = find_unnamed(s, v->name, &f, why);
	live = f.any && (f.v.expires == 0 || f.v.expires > store_now(s));
	if (st == BLK_OK && live) {
		if (f.v.expires == 0 || v->expires == 0)
			v->expires = 0;
		else if (f.v.expires > v->expires)
			v->expires = f.v.expires;
		st = inherit_links(&f.v, v, why);
		*done = st == BLK_OK && same_but_for_time(&f.v, v);
	}
	if (st == BLK_OK && *done)
		*vid = f.vid;
	else if (st == BLK_OK && f.any)
		st = store_add_drop(s, k, &f.vid, why);
	version_release(&f.v);
	return st;
}

/* --- adding --- */

static enum blk_status
keep_made(struct store *s, const struct version *v, struct digest *vid,
    struct fault *why)
{
	struct made *m;
	enum blk_status st;

	st = array_grow(
	    (void **)&s->made, s->mades, &s->mades_cap, sizeof(*s->made), why);
	if (st != BLK_OK)
		return st;
	m = &s->made[s->mades++];
	*m = (struct made){ .text = BUF_INIT(STRUCTURE_MAX) };
	st = version_copy(v, &m->v, why);
	if (st == BLK_OK)
		st = version_format(v, &m->text, why);
	if (st == BLK_OK)
		st =
		    hasher_of(s->hash, m->text.data, m->text.len, &m->vid, why);
	if (st == BLK_OK)
		st = made_note(s, v->name, why);
	*vid = m->vid;
	return st;
}

enum blk_status
store_add_version(struct store *s, struct commit *k, struct version *v,
    struct digest *vid, struct fault *why)
{
	struct commit_verb verb = { .verb = VERB_VERSION };
	enum blk_status st = BLK_OK;
	bool done = false;

	v->time = k->time;
	if (version_name_is_id(span_str(v->name))) {
		v->number = 1;
		v->has_previous = false;
		st = replace_unnamed(s, k, v, vid, &done, why);
	} else {
		st = number_version(s, v, why);
	}
	if (st != BLK_OK || done)
		return st;
	st = keep_made(s, v, vid, why);
	verb.name = v->name;
	verb.number = v->number;
	verb.id = *vid;
	return st == BLK_OK ? commit_add(k, &verb, why) : st;
}

enum blk_status
store_add_drop(struct store *s, struct commit *k, const struct digest *vid,
    struct fault *why)
{
	(void)s;
	return commit_add_id(k, VERB_DROP, vid, 0, why);
}

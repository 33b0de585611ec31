#include "versions.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "refs.h"

/* --- options --- */

static void
add_word(const struct cli *c, struct words *w, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (array_grow((void **)&w->word, w->count, &w->cap, sizeof(*w->word),
	        &why) != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	w->word[w->count++] = arg;
}

/* How long the key of KEY=VALUE is; 0 where there is none. */
static size_t
key_of(const char *arg)
{
	const char *equals = strchr(arg, '=');

	return equals == NULL ? 0 : (size_t)(equals - arg);
}

void
version_wish_attr(const struct cli *c, struct version_wish *w, const char *arg)
{
	size_t len = key_of(arg);

	if (len == 0)
		cli_usage(c, "--attr: '%s' is not KEY=VALUE", arg);
	for (size_t i = 0; i < w->attr.count; i++)
		if (strncmp(w->attr.word[i], arg, len + 1) == 0)
			cli_usage(
			    c, "--attr: '%.*s' comes twice", (int)len, arg);
	add_word(c, &w->attr, arg);
}

void
version_wish_link(const struct cli *c, struct version_wish *w, const char *arg)
{
	struct fault why = FAULT_NONE;
	size_t len = key_of(arg);
	struct ref r;

	if (len == 0)
		cli_usage(c, "--link: '%s' is not RELATION=REF", arg);
	if (ref_parse(arg + len + 1, 0, &r, &why) != BLK_OK)
		cli_usage(c, "--link: %s", why.text);
	ref_release(&r);
	add_word(c, &w->link, arg);
}

void
version_wish_expires(
    const struct cli *c, struct version_wish *w, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (when_duration(arg, &w->lifetime, &why) != BLK_OK)
		cli_usage(c, "--expires: %s", why.text);
	if (when_span_is_zero(w->lifetime))
		cli_usage(c, "--expires: '%s' is no time at all", arg);
	w->expires = true;
}

void
version_wish_release(struct version_wish *w)
{
	free(w->attr.word);
	free(w->link.word);
	w->attr = w->link = (struct words){ NULL, 0, 0 };
}

/* --- a version as wished, but for what it is of --- */

static enum blk_status
add_attrs(const struct words *w, struct version *v, struct fault *why)
{
	v->attr = calloc(w->count + 1, sizeof(*v->attr));
	if (v->attr == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < w->count; i++) {
		struct version_attr *a = &v->attr[v->attrs++];
		size_t len = key_of(w->word[i]);

		a->key = strndup(w->word[i], len);
		a->value = strdup(w->word[i] + len + 1);
		if (a->key == NULL || a->value == NULL)
			return fault_nomem(why);
	}
	return BLK_OK;
}

static bool
has_link(const struct version *v, const struct version_link *l)
{
	for (size_t i = 0; i < v->links; i++)
		if (strcmp(v->link[i].rel, l->rel) == 0 &&
		    v->link[i].class == l->class &&
		    digest_equal(&v->link[i].id, &l->id))
			return true;
	return false;
}

static enum blk_status
add_links(const struct words *w, struct store *s, struct version *v,
    struct fault *why)
{
	v->link = calloc(w->count + 1, sizeof(*v->link));
	if (v->link == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < w->count; i++) {
		size_t len = key_of(w->word[i]);
		struct version_link l;
		struct lookup to;
		enum blk_status st;

		st = lookup_ref(s, w->word[i] + len + 1, &to, why);
		if (st != BLK_OK)
			return st;
		l = (struct version_link){ strndup(w->word[i], len), to.class,
			to.id };
		if (l.rel == NULL)
			return fault_nomem(why);
		if (has_link(v, &l))
			free(l.rel);
		else
			v->link[v->links++] = l;
	}
	return BLK_OK;
}

/* *v: without name, id, class and size; to be released in any case. */
static enum blk_status
make_model(const struct version_wish *w, struct store *s, int64_t now,
    struct version *v, struct fault *why)
{
	enum blk_status st;

	*v = (struct version){ .name = strdup(""),
		.type = strdup(w->type != NULL ? w->type : "") };
	if (v->name == NULL || v->type == NULL)
		return fault_nomem(why);
	if (w->expires && !when_add(now, w->lifetime, &v->expires))
		return fault(why, BLK_INVALID, "--expires: too far away");
	st = add_attrs(&w->attr, v, why);
	if (st == BLK_OK)
		st = add_links(&w->link, s, v, why);
	if (st == BLK_OK)
		version_sort(v);
	return st;
}

/* --- deciding --- */

static enum blk_status
settle_ref(struct naming *n, struct store *s, struct fault *why)
{
	struct lookup l;
	enum blk_status st;

	if (n->ref == NULL)
		return BLK_OK;
	st = lookup_ref(s, n->ref, &l, why);
	if (st != BLK_OK)
		return st;
	n->class = l.class;
	n->id = l.id;
	n->size = l.size;
	return BLK_OK;
}

static enum blk_status
add_version(struct store *s, struct commit *k, const struct version *model,
    struct naming *n, struct fault *why)
{
	char hex[DIGEST_HEX];
	struct version v;
	struct digest vid;
	enum blk_status st = settle_ref(n, s, why);

	if (st == BLK_OK)
		st = version_copy(model, &v, why);
	if (st != BLK_OK)
		return st;
	digest_hex(&n->id, hex);
	free(v.name);
	v.name = strdup(n->name != NULL ? n->name : hex);
	v.class = n->class;
	v.id = n->id;
	v.size = n->size;
	st = v.name == NULL ? fault_nomem(why)
	                    : store_add_version(s, k, &v, &vid, why);
	n->number = v.number;
	version_release(&v);
	return st;
}

/* Is the newest version the one that a REF means? */
static enum blk_status
is_head(struct store *s, const char *text, const struct catalog_version *head,
    bool *is, struct fault *why)
{
	struct ref_target t;
	struct ref r;
	enum blk_status st;

	*is = false;
	st = ref_find(store_catalog(s), text, store_now(s), &r, &t, why);
	if (st == BLK_ABSENT)
		return BLK_OK; /* what is not there is no head */
	if (st != BLK_OK)
		return st;
	if (t.class == CLASS_VERSION)
		*is = digest_equal(&t.id, &head->vid);
	else if (t.is_version && strcmp(t.version.v.name, head->v.name) == 0)
		*is = digest_equal(&t.version.vid, &head->vid);
	else
		*is = t.class == head->v.class &&
		    digest_equal(&t.id, &head->v.id);
	ref_target_release(&t);
	ref_release(&r);
	return BLK_OK;
}

static enum blk_status
check_head(const struct versions_plan *p, struct store *s, struct fault *why)
{
	bool is, none = p->if_head != NULL && strcmp(p->if_head, "none") == 0;
	struct catalog_version head;
	enum blk_status st;

	if (p->if_head == NULL)
		return BLK_OK;
	st = ref_newest(
	    store_catalog(s), p->add[0].name, store_now(s), &head, why);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	is = none;
	if (st == BLK_OK) {
		is = false;
		st = none ? BLK_OK : is_head(s, p->if_head, &head, &is, why);
		version_release(&head.v);
	} else {
		st = BLK_OK;
	}
	if (st != BLK_OK || is)
		return st;
	return fault(why, BLK_BUSY, "%s: its newest version is not %s",
	    p->add[0].name, none ? "none: there is one" : p->if_head);
}

/* Drop what is still current; others may have been first. */
static enum blk_status
drop_current(struct store *s, struct commit *k, const struct digest *vid,
    struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_version v;
	enum blk_status st = c->type->version_get(c, vid, &v, why);

	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	version_release(&v.v);
	return store_add_drop(s, k, vid, why);
}

struct old {
	struct digest *vid;
	size_t count, cap;
};

static enum blk_status
take_old(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct old *o = arg;
	enum blk_status st;

	st = array_grow(
	    (void **)&o->vid, o->count, &o->cap, sizeof(*o->vid), why);
	if (st == BLK_OK)
		o->vid[o->count++] = v->vid;
	return st;
}

/* The version just made is the first of those that stay. */
static enum blk_status
drop_old(const struct versions_plan *p, struct store *s, struct commit *k,
    struct fault *why)
{
	const struct catalog_query q = { .name = p->add[0].name };
	struct catalog *c = store_catalog(s);
	struct old old = { .vid = NULL };
	enum blk_status st;

	st = c->type->version_each(c, &q, take_old, &old, why);
	for (size_t i = 0; st == BLK_OK && i + p->keep_last - 1 < old.count;
	     i++)
		st = store_add_drop(s, k, &old.vid[i], why);
	free(old.vid);
	return st;
}

enum blk_status
versions_decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct versions_plan *p = arg;
	struct version model;
	enum blk_status st;

	st = make_model(p->wish, s, k->time, &model, why);
	if (st == BLK_OK)
		st = check_head(p, s, why);
	for (size_t i = 0; st == BLK_OK && i < p->drops; i++)
		st = drop_current(s, k, &p->drop[i], why);
	for (size_t i = 0; st == BLK_OK && i < p->adds; i++)
		if (!p->add[i].cancelled)
			st = add_version(s, k, &model, &p->add[i], why);
	if (st == BLK_OK && p->keep_last > 0)
		st = drop_old(p, s, k, why);
	version_release(&model);
	return st;
}

enum blk_status
versions_check(struct versions_plan *p, struct store *s, struct fault *why)
{
	struct version model;
	enum blk_status st = make_model(p->wish, s, store_now(s), &model, why);

	if (st == BLK_OK)
		st = check_head(p, s, why);
	for (size_t i = 0; st == BLK_OK && i < p->adds; i++)
		st = settle_ref(&p->add[i], s, why);
	version_release(&model);
	return st;
}

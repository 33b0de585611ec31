#include "put-pending.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX_MIN 8 /* digits; as in refs.h */

/* The map: from what (key) to what (value). */
enum {
	LAST_OF_NAME,    /* SHA-256 of a name: its last add plus 1 */
	LAST_UNNAMED,    /* id: the last add of it without a name, plus 1 */
	LAST_OF_CONTENT, /* id: the last add of it plus 1 */
	DROPPED,         /* id of a version that is in drop */
	RELEASED,        /* id: how many versions of it are in drop */
};

enum blk_status
pending_init(struct pending *p, struct store *s, struct fault *why)
{
	*p = (struct pending){ .s = s };
	return hasher_new(&p->hash, why);
}

void
pending_clear(struct pending *p)
{
	for (size_t i = 0; i < p->adds; i++)
		free(p->add[i].name);
	p->adds = p->drops = 0;
	p->bytes = 0;
	idmap_clear(&p->map);
}

void
pending_release(struct pending *p)
{
	pending_clear(p);
	hasher_free(p->hash);
	idmap_release(&p->map);
	free(p->add);
	free(p->link);
	free(p->drop);
}

/* --- chains --- */

/* An id stands for itself, other names are hashed. */
static enum blk_status
name_key(struct pending *p, const char *name, struct digest *key, uint8_t *tag,
    struct fault *why)
{
	size_t len = strlen(name);

	*tag = digest_parse(name, len, key) ? LAST_UNNAMED : LAST_OF_NAME;
	return *tag == LAST_UNNAMED ? BLK_OK
	                            : hasher_of(p->hash, name, len, key, why);
}

/* The last add of a chain that is not cancelled; 0: none, else plus 1. */
static size_t
last_of(const struct pending *p, const struct digest *key, uint8_t tag)
{
	const int64_t *end = idmap_get(&p->map, key, tag);
	size_t i = end != NULL ? (size_t)*end : 0;

	while (i > 0 && p->add[i - 1].cancelled)
		i = tag == LAST_OF_CONTENT ? p->link[i - 1].content
		                           : p->link[i - 1].name;
	return i;
}

static enum blk_status
chain(struct pending *p, const struct digest *key, uint8_t tag, size_t *before,
    struct fault *why)
{
	int64_t *end;
	enum blk_status st = idmap_put(&p->map, key, tag, &end, NULL, why);

	if (st != BLK_OK)
		return st;
	*before = (size_t)*end;
	*end = (int64_t)p->adds + 1;
	return BLK_OK;
}

static enum blk_status
count(struct pending *p, const struct digest *key, uint8_t tag, int64_t by,
    struct fault *why)
{
	int64_t *n;
	enum blk_status st = idmap_put(&p->map, key, tag, &n, NULL, why);

	if (st == BLK_OK)
		*n += by;
	return st;
}

static bool
is_dropped(const struct pending *p, const struct digest *vid)
{
	const int64_t *n = idmap_get(&p->map, vid, DROPPED);

	return n != NULL && *n > 0;
}

/* --- changes --- */

/*
 * An unnamed object that is put again after its version was dropped: the
 * version stays, or what is made now takes its place.
 */
static enum blk_status
undrop(struct pending *p, const char *hex, const struct digest *id,
    struct fault *why)
{
	struct catalog_version v;
	enum blk_status st;

	if (p->drops == 0)
		return BLK_OK;
	st = ref_newest(store_catalog(p->s), hex, 0, &v, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	version_release(&v.v);
	for (size_t i = 0; is_dropped(p, &v.vid) && i < p->drops; i++) {
		if (!digest_equal(&p->drop[i], &v.vid))
			continue;
		p->drop[i] = p->drop[--p->drops];
		st = count(p, &v.vid, DROPPED, -1, why);
		if (st == BLK_OK)
			st = count(p, id, RELEASED, -1, why);
		break;
	}
	return st;
}

enum blk_status
pending_add(struct pending *p, const char *name, const struct lookup *l,
    struct fault *why)
{
	struct pending_link link;
	char hex[DIGEST_HEX];
	struct digest key;
	enum blk_status st;
	char *copy = NULL;
	uint8_t tag;

	digest_hex(&l->id, hex);
	st = name == NULL ? undrop(p, hex, &l->id, why) : BLK_OK;
	if (st == BLK_OK)
		st = name_key(p, name != NULL ? name : hex, &key, &tag, why);
	if (st == BLK_OK)
		st = array_grow((void **)&p->add, p->adds, &p->adds_cap,
		    sizeof(*p->add), why);
	if (st == BLK_OK)
		st = array_grow((void **)&p->link, p->adds, &p->links_cap,
		    sizeof(*p->link), why);
	if (st == BLK_OK)
		st = chain(p, &key, tag, &link.name, why);
	if (st == BLK_OK)
		st = chain(p, &l->id, LAST_OF_CONTENT, &link.content, why);
	if (st != BLK_OK)
		return st;
	if (name != NULL && (copy = strdup(name)) == NULL)
		return fault_nomem(why);
	p->link[p->adds] = link;
	p->add[p->adds++] = (struct naming){
		.name = copy, .class = l->class, .id = l->id, .size = l->size
	};
	p->bytes += l->size;
	return BLK_OK;
}

static enum blk_status
drop_committed(struct pending *p, const struct digest *vid,
    const struct digest *id, struct fault *why)
{
	enum blk_status st;

	if (is_dropped(p, vid))
		return BLK_OK;
	st = array_grow(
	    (void **)&p->drop, p->drops, &p->drops_cap, sizeof(*p->drop), why);
	if (st == BLK_OK)
		st = count(p, vid, DROPPED, 1, why);
	if (st == BLK_OK)
		st = count(p, id, RELEASED, 1, why);
	if (st == BLK_OK)
		p->drop[p->drops++] = *vid;
	return st;
}

enum blk_status
pending_drop(
    struct pending *p, const struct pending_target *t, struct fault *why)
{
	struct catalog_version v;
	char hex[DIGEST_HEX];
	enum blk_status st;
	size_t i;

	if (!t->fresh)
		return t->has_version
		    ? drop_committed(p, &t->vid, &t->l.id, why)
		    : BLK_ABSENT;
	p->add[t->add].cancelled = true;
	if (p->add[t->add].name != NULL)
		return BLK_OK;
	/* puts of the same object, and the version that it had before, are
	 * one with it */
	for (i = p->link[t->add].name; i > 0; i = p->link[i - 1].name)
		p->add[i - 1].cancelled = true;
	digest_hex(&t->l.id, hex);
	st = ref_newest(store_catalog(p->s), hex, 0, &v, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	version_release(&v.v);
	return drop_committed(p, &v.vid, &t->l.id, why);
}

/* --- finding --- */

static void
take_fresh(struct pending *p, size_t add, struct pending_target *t)
{
	const struct naming *n = &p->add[add];

	*t = (struct pending_target){
		.l = { n->class, n->id, n->size }, .fresh = true, .add = add
	};
}

struct committed { /* versions of a name that stay */
	const struct pending *p;
	int64_t now;
	struct version_mark {
		struct digest vid;
		uint64_t number;
		int64_t time;
	} * mark;
	size_t count, cap;
};

static enum blk_status
take_committed(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct committed *c = arg;
	enum blk_status st;

	if (is_dropped(c->p, &v->vid) || version_has_expired(&v->v, c->now))
		return BLK_OK;
	st = array_grow(
	    (void **)&c->mark, c->count, &c->cap, sizeof(*c->mark), why);
	if (st == BLK_OK)
		c->mark[c->count++] =
		    (struct version_mark){ v->vid, v->v.number, v->v.time };
	return st;
}

/* The adds of a name that stay, as many as fit; returns how many. */
static size_t
list_adds(const struct pending *p, size_t last, size_t *add, size_t room)
{
	size_t n = 0;

	for (size_t i = last; i > 0; i = p->link[i - 1].name)
		if (!p->add[i - 1].cancelled && n < room)
			add[n++] = i - 1;
	for (size_t i = 0; i < n / 2; i++) {
		size_t swap = add[i];

		add[i] = add[n - 1 - i];
		add[n - 1 - i] = swap;
	}
	return n;
}

/* Which of the committed ones, then the adds, r means; false: none. */
static bool
choose(const struct ref *r, const struct committed *c, size_t adds,
    uint64_t last_number, size_t *which)
{
	size_t all = c->count + adds;

	switch (r->which) {
	case REF_NEWEST:
		*which = all - 1;
		return all > 0;
	case REF_BACK:
		*which = all - 1 - (size_t)r->number;
		return r->number < all;
	case REF_NUMBER:
		for (*which = 0; *which < c->count; ++*which)
			if (c->mark[*which].number == r->number)
				return true;
		*which = c->count + (size_t)(r->number - last_number - 1);
		return r->number > last_number &&
		    r->number - last_number <= adds;
	case REF_TIME:
		break;
	}
	/* what is made now is made after all that was */
	*which = r->time >= c->now ? all : c->count;
	while (*which > 0 && *which <= c->count &&
	    c->mark[*which - 1].time > r->time)
		--*which;
	return (*which)-- > 0;
}

static enum blk_status
take_chosen(struct pending *p, const struct committed *c, const size_t *add,
    size_t which, struct pending_target *t, struct fault *why)
{
	struct catalog *cat = store_catalog(p->s);
	struct catalog_version v;
	enum blk_status st;

	if (which >= c->count) {
		take_fresh(p, add[which - c->count], t);
		return BLK_OK;
	}
	st = cat->type->version_get(cat, &c->mark[which].vid, &v, why);
	if (st != BLK_OK)
		return st;
	*t = (struct pending_target){ .l = { v.v.class, v.v.id, v.v.size },
		.has_version = true,
		.vid = v.vid };
	version_release(&v.v);
	return BLK_OK;
}

/* All versions of a name, those to come with them. */
static enum blk_status
find_among(struct pending *p, const struct ref *r, size_t last,
    struct pending_target *t, struct fault *why)
{
	const struct catalog_query q = { .name = r->base };
	struct catalog *cat = store_catalog(p->s);
	struct committed c = { .p = p, .now = store_now(p->s) };
	size_t *add = calloc(p->adds + 1, sizeof(*add)), adds, which;
	uint64_t number = 0;
	struct digest vid;
	enum blk_status st;

	if (add == NULL)
		return fault_nomem(why);
	st = cat->type->version_each(cat, &q, take_committed, &c, why);
	if (st == BLK_OK)
		st = cat->type->name_get(cat, r->base, &number, &vid, why);
	if (st == BLK_ABSENT)
		st = BLK_OK;
	adds = list_adds(p, last, add, p->adds);
	if (st == BLK_OK)
		st = choose(r, &c, adds, number, &which)
		    ? take_chosen(p, &c, add, which, t, why)
		    : BLK_ABSENT;
	free(c.mark);
	free(add);
	return st;
}

/* Was it found by its name, the last version of which is dropped? */
static bool
is_gone_name(const struct pending *p, const struct ref *r,
    const struct ref_target *found)
{
	return found->is_version && is_dropped(p, &found->version.vid) &&
	    strcmp(found->version.v.name, r->base) == 0 &&
	    !version_name_is_id(span_str(r->base));
}

/* In the catalog, as if nothing were pending. */
static enum blk_status
find_committed(struct pending *p, const struct ref *r, const char *text,
    struct pending_target *t, struct fault *why)
{
	struct ref_target found;
	enum blk_status st;

	st = ref_resolve(
	    store_catalog(p->s), r, store_now(p->s), &found, NULL, why);
	if (st != BLK_OK)
		return st;
	if (is_gone_name(p, r, &found)) {
		ref_target_release(&found);
		return fault(
		    why, BLK_ABSENT, "%s: no such name or object", r->base);
	}
	*t = (struct pending_target){ .has_version = found.is_version,
		.vid = found.version.vid };
	if (found.class == CLASS_VERSION) {
		t->has_version = true;
		t->vid = found.id;
	}
	st = lookup_target(p->s, text, &found, &t->l, why);
	ref_target_release(&found);
	if (st == BLK_OK && t->has_version && is_dropped(p, &t->vid))
		t->has_version = false;
	return st;
}

/* Once the dropped versions are gone, does anything still count it? */
static enum blk_status
is_held(struct pending *p, const struct pending_target *t, bool *held,
    struct fault *why)
{
	const int64_t *n = idmap_get(&p->map, &t->l.id, RELEASED);
	struct catalog *c = store_catalog(p->s);
	struct catalog_facts f;
	enum blk_status st;

	*held = true;
	if (n == NULL || *n <= 0)
		return BLK_OK;
	st = c->type->facts(c, &t->l.id, &f, why);
	*held = st == BLK_OK && f.count[t->l.class] > (uint64_t)*n;
	return st;
}

/* The version that id has without a name, to come or committed. */
static enum blk_status
find_unnamed(struct pending *p, const char *hex, struct pending_target *t,
    struct fault *why)
{
	struct catalog_version v;
	struct digest key;
	enum blk_status st;
	uint8_t tag;
	size_t last;

	st = name_key(p, hex, &key, &tag, why);
	if (st != BLK_OK)
		return st;
	last = last_of(p, &key, tag);
	t->fresh = last > 0;
	t->add = last > 0 ? last - 1 : 0;
	st = ref_newest(store_catalog(p->s), hex, store_now(p->s), &v, why);
	if (st == BLK_OK) {
		t->has_version = !is_dropped(p, &v.vid);
		t->vid = v.vid;
		version_release(&v.v);
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
find_id(struct pending *p, const struct ref *r, const struct digest *id,
    const char *text, struct pending_target *t, struct fault *why)
{
	size_t last = last_of(p, id, LAST_OF_CONTENT);
	enum blk_status st;
	bool held = false;

	if (last > 0) {
		take_fresh(p, last - 1, t);
		return find_unnamed(p, r->base, t, why);
	}
	st = find_committed(p, r, text, t, why);
	if (st == BLK_OK)
		st = is_held(p, t, &held, why);
	return st == BLK_OK && !held
	    ? fault(why, BLK_ABSENT, "%s: no such object", text)
	    : st;
}

static enum blk_status
find_prefix(struct pending *p, const struct ref *r, const char *text,
    struct pending_target *t, struct fault *why)
{
	enum blk_status st = find_committed(p, r, text, t, why);
	size_t len = strlen(r->base);
	char hex[DIGEST_HEX];
	bool held = true;

	if (st == BLK_OK)
		st = is_held(p, t, &held, why);
	if (st == BLK_OK && !held)
		st = fault(why, BLK_ABSENT, "%s: no such object", text);
	if (st != BLK_ABSENT || len < PREFIX_MIN || r->which != REF_NEWEST)
		return st;
	for (size_t i = 0; i < p->adds; i++) {
		digest_hex(&p->add[i].id, hex);
		if (p->add[i].cancelled || strncasecmp(hex, r->base, len) != 0)
			continue;
		if (st == BLK_OK && !digest_equal(&t->l.id, &p->add[i].id))
			return fault(
			    why, BLK_INVALID, "%s begins several ids", r->base);
		take_fresh(p, i, t);
		t->fresh = p->add[i].name == NULL;
		st = BLK_OK;
	}
	return st;
}

static enum blk_status
find(struct pending *p, const struct ref *r, const char *text,
    struct pending_target *t, struct fault *why)
{
	struct digest id, key;
	enum blk_status st;
	uint8_t tag;
	size_t last;

	if (p->adds == 0 && p->drops == 0)
		return find_committed(p, r, text, t, why);
	if (r->which == REF_NEWEST &&
	    digest_parse(r->base, strlen(r->base), &id))
		return find_id(p, r, &id, text, t, why);
	st = name_key(p, r->base, &key, &tag, why);
	if (st != BLK_OK)
		return st;
	last = last_of(p, &key, tag);
	if (last > 0 && r->which == REF_NEWEST) {
		take_fresh(p, last - 1, t);
		return BLK_OK;
	}
	st = find_among(p, r, last, t, why);
	return st == BLK_ABSENT ? find_prefix(p, r, text, t, why) : st;
}

enum blk_status
pending_find(struct pending *p, const char *text, struct pending_target *t,
    struct fault *why)
{
	enum blk_status st;
	struct ref r;

	*t = (struct pending_target){ .fresh = false };
	st = ref_parse(text, store_now(p->s), &r, why);
	if (st != BLK_OK)
		return st;
	st = find(p, &r, text, t, why);
	if (st == BLK_OK && r.has_path) {
		t->fresh = t->has_version = false;
		st = lookup_path(p->s, r.path, text, &t->l, why);
	}
	ref_release(&r);
	return st;
}

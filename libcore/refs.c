#include "refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "when.h"

#define PREFIX_MIN 8 /* digits */
#define HEX (2 * DIGEST_LEN)

void
ref_release(struct ref *r)
{
	free(r->base);
	free(r->path);
	r->base = r->path = NULL;
}

void
ref_target_release(struct ref_target *t)
{
	version_release(&t->version.v);
	t->is_version = false;
}

bool
version_has_expired(const struct version *v, int64_t now)
{
	return v->expires != 0 && v->expires <= now;
}

/* --- parsing --- */

static bool
is_hex(const char *s, size_t len)
{
	return strspn(s, "0123456789abcdefABCDEF") >= len;
}

static bool
is_id(const char *base)
{
	return strlen(base) == HEX && is_hex(base, HEX);
}

/* "N" or "-N" at spec, len bytes long. */
static enum blk_status
parse_number(const char *spec, size_t len, struct ref *r, struct fault *why)
{
	bool back = len > 0 && spec[0] == '-';

	r->which = back ? REF_BACK : REF_NUMBER;
	if (!text_u64(span_of(spec + back, len - back), &r->number) ||
	    r->number == 0)
		return fault(why, BLK_INVALID,
		    "'@%.*s' is none of @N, @-N, @{TIME}",
		    len > 100 ? 100 : (int)len, spec);
	return BLK_OK;
}

/* "{TIME}" at spec; *end is behind it. */
static enum blk_status
parse_time(const char *spec, int64_t now, struct ref *r, const char **end,
    struct fault *why)
{
	const char *close = strchr(spec, '}');
	enum blk_status st;
	char *text;

	if (close == NULL)
		return fault(why, BLK_INVALID, "'@{' without '}'");
	text = strndup(spec + 1, (size_t)(close - spec) - 1);
	if (text == NULL)
		return fault_nomem(why);
	r->which = REF_TIME;
	*end = close + 1;
	st = when_time(text, now, &r->time, why);
	free(text);
	return st;
}

/* Copy path without leading, trailing and doubled '/', and "." parts. */
static enum blk_status
parse_path(const char *path, struct ref *r, struct fault *why)
{
	size_t out = 0, len;

	r->has_path = true;
	r->path = malloc(strlen(path) + 1);
	if (r->path == NULL)
		return fault_nomem(why);
	for (; *path != '\0'; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.'))
			continue;
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return fault(
			    why, BLK_INVALID, "no '..' in a path of a tree");
		if (out > 0)
			r->path[out++] = '/';
		memcpy(r->path + out, path, len);
		out += len;
	}
	r->path[out] = '\0';
	return BLK_OK;
}

static enum blk_status
parse(const char *text, int64_t now, struct ref *r, struct fault *why)
{
	size_t len = strcspn(text, "@:");
	const char *at = text + len;
	enum blk_status st;

	r->base = strndup(text, len);
	if (r->base == NULL)
		return fault_nomem(why);
	if (!is_id(r->base)) {
		st = version_check_name(span_of(text, len), why);
		if (st != BLK_OK)
			return st;
	}
	if (*at == '@') {
		const char *end;

		at++;
		end = at + strcspn(at, ":");
		st = *at == '{' ? parse_time(at, now, r, &end, why)
		                : parse_number(at, (size_t)(end - at), r, why);
		if (st != BLK_OK)
			return st;
		at = end;
	}
	if (*at == ':')
		return parse_path(at + 1, r, why);
	return *at == '\0' ? BLK_OK
	                   : fault(why, BLK_INVALID, "'%.100s' behind '}'", at);
}

enum blk_status
ref_parse(const char *text, int64_t now, struct ref *r, struct fault *why)
{
	enum blk_status st;

	*r = (struct ref){ .which = REF_NEWEST };
	st = parse(text, now, r, why);
	if (st == BLK_OK)
		return st;
	ref_release(r);
	return st == BLK_INVALID ? fault_in(why, st, "'%.150s'", text) : st;
}

/* --- versions of a name --- */

struct pick {
	const struct ref *r;
	int64_t now;
	bool found;
	struct digest vid;
	bool alone; /* one row at most: it is taken as it is */
	struct version taken;
	struct digest *seen; /* with REF_BACK: all, in the order of numbers */
	size_t count, cap;
};

static bool
pick_takes(const struct pick *p, const struct version *v)
{
	if (version_has_expired(v, p->now))
		return false;
	if (p->r->which == REF_NUMBER)
		return v->number == p->r->number;
	return p->r->which != REF_TIME || v->time <= p->r->time;
}

/* Called by ascending number: the last one taken stays. */
static enum blk_status
pick_visit(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct pick *p = arg;
	enum blk_status st;

	if (!pick_takes(p, &v->v))
		return BLK_OK;
	if (p->r->which == REF_BACK) {
		st = array_grow((void **)&p->seen, p->count, &p->cap,
		    sizeof(*p->seen), why);
		if (st != BLK_OK)
			return st;
		p->seen[p->count++] = v->vid;
		return BLK_OK;
	}
	p->found = true;
	p->vid = v->vid;
	if (p->alone)
		return version_copy(&v->v, &p->taken, why);
	/* ABSENT only ends the visit. */
	return p->r->which == REF_NUMBER ? BLK_ABSENT : BLK_OK;
}

static enum blk_status
pick_run(struct catalog *c, const char *name, bool newest, struct pick *p,
    struct fault *why)
{
	const struct catalog_query q = { .name = name, .newest = newest };
	enum blk_status st;

	p->alone = newest;
	st = c->type->version_each(c, &q, pick_visit, p, why);
	if (p->r->which == REF_BACK && p->r->number < p->count) {
		p->found = true;
		p->vid = p->seen[p->count - 1 - p->r->number];
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* The version of a name that r->which means; ABSENT. */
static enum blk_status
find_version(struct catalog *c, const char *name, const struct ref *r,
    int64_t now, struct catalog_version *v, struct fault *why)
{
	struct pick p = { .r = r, .now = now };
	enum blk_status st = BLK_OK;

	memset(v, 0, sizeof(*v));
	/* Mostly the newest has not expired: then no other is looked at. */
	if (r->which == REF_NEWEST)
		st = pick_run(c, name, true, &p, why);
	if (st == BLK_OK && p.found) {
		v->vid = p.vid;
		v->v = p.taken;
		return BLK_OK;
	}
	if (st == BLK_OK && !p.found)
		st = pick_run(c, name, false, &p, why);
	free(p.seen);
	version_release(&p.taken);
	if (st != BLK_OK)
		return st;
	return p.found ? c->type->version_get(c, &p.vid, v, why) : BLK_ABSENT;
}

enum blk_status
ref_newest(struct catalog *c, const char *name, int64_t now,
    struct catalog_version *v, struct fault *why)
{
	const struct ref r = { .which = REF_NEWEST };

	return find_version(c, name, &r, now, v, why);
}

static enum blk_status
take_version(struct catalog *c, const char *name, const struct ref *r,
    int64_t now, struct ref_target *t, struct fault *why)
{
	enum blk_status st = find_version(c, name, r, now, &t->version, why);

	if (st != BLK_OK)
		return st;
	t->is_version = true;
	t->id = t->version.v.id;
	t->class = t->version.v.class;
	return BLK_OK;
}

/* --- ids --- */

/* Of several classes of an id, which one is meant. */
static const enum class order[] = { CLASS_CONTENT, CLASS_SNAPSHOT, CLASS_TREE,
	CLASS_VERSION, CLASS_DATA, CLASS_PIECE };

static bool
class_meant(const struct catalog_facts *f, enum class *class)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (f->count[order[i]] == 0)
			continue;
		*class = order[i];
		return true;
	}
	return false;
}

struct tally {
	const struct ref_target *t;
	int64_t now;
	uint64_t expired;
};

static enum blk_status
tally_visit(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct tally *y = arg;

	(void)why;
	y->expired += v->v.class == y->t->class &&
	    digest_equal(&v->v.id, &y->t->id) &&
	    version_has_expired(&v->v, y->now);
	return BLK_OK;
}

static enum blk_status
name_exists(void *arg, const struct catalog_version *v, struct fault *why)
{
	(void)v;
	(void)why;
	*(bool *)arg = true;
	return BLK_OK;
}

/*
 * Who was put without a name, and for a time, is hidden when that is over,
 * though it is counted until a collector comes by: unless something else than
 * expired versions counts it.
 */
static enum blk_status
check_unnamed(struct catalog *c, const char *hex, uint64_t count, int64_t now,
    const struct ref_target *t, struct fault *why)
{
	const struct catalog_query name = { .name = hex },
	                           content = { .content = &t->id };
	struct tally y = { .t = t, .now = now };
	bool exists = false;
	enum blk_status st;

	st = c->type->version_each(c, &name, name_exists, &exists, why);
	if (st != BLK_OK || !exists)
		return st;
	st = c->type->version_each(c, &content, tally_visit, &y, why);
	return st == BLK_OK && y.expired >= count ? BLK_ABSENT : st;
}

static enum blk_status
resolve_id(struct catalog *c, const struct digest *id, int64_t now,
    struct ref_target *t, struct fault *why)
{
	struct catalog_facts f;
	char hex[DIGEST_HEX];
	enum blk_status st = c->type->facts(c, id, &f, why);

	if (st != BLK_OK)
		return st;
	if (!class_meant(&f, &t->class))
		return BLK_ABSENT;
	t->id = *id;
	digest_hex(id, hex);
	st = ref_newest(c, hex, now, &t->version, why);
	t->is_version = st == BLK_OK;
	return st == BLK_ABSENT
	    ? check_unnamed(c, hex, f.count[t->class], now, t, why)
	    : st;
}

/* The first digits of an id in lower case; the rest is zero. */
static bool
fold(const char *base, char hex[static DIGEST_HEX], struct digest *id)
{
	size_t len = strlen(base);

	if (len > HEX || !is_hex(base, len))
		return false;
	memset(hex, '0', HEX);
	hex[HEX] = '\0';
	for (size_t i = 0; i < len; i++)
		hex[i] = base[i] >= 'A' && base[i] <= 'F'
		    ? (char)(base[i] - 'A' + 'a')
		    : base[i];
	return digest_parse(hex, HEX, id);
}

struct search {
	struct ref_candidates own; /* objects */
	size_t count;
	struct digest part; /* the first that is only a chunk or a piece */
	size_t parts;
};

static enum blk_status
search_visit(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct search *s = arg;
	enum class class;

	(void)why;
	if (!class_meant(f, &class))
		return BLK_OK;
	if (class == CLASS_DATA || class == CLASS_PIECE) {
		if (s->parts++ == 0)
			s->part = *id;
		return BLK_OK;
	}
	if (s->own.count < sizeof(s->own.id) / sizeof(s->own.id[0]))
		s->own.id[s->own.count++] = *id;
	s->count++;
	/* ABSENT only ends the visit: one more than can be told. */
	return s->count > s->own.count ? BLK_ABSENT : BLK_OK;
}

static enum blk_status
ambiguous(const char *base, const struct search *s, struct fault *why)
{
	char list[4 * (DIGEST_HEX + 1) + 8], hex[DIGEST_HEX];
	size_t len = 0, i;

	if (s->count == 0)
		return fault(why, BLK_INVALID,
		    "%s begins the ids of %zu chunks", base, s->parts);
	for (i = 0; i < s->own.count && i < 4; i++) {
		digest_hex(&s->own.id[i], hex);
		len += (size_t)snprintf(
		    list + len, sizeof(list) - len, " %s", hex);
	}
	return fault(why, BLK_INVALID, "%s begins several ids:%s%s", base, list,
	    s->count > i ? " ..." : "");
}

static enum blk_status
resolve_prefix(struct catalog *c, const char *base, int64_t now,
    struct ref_target *t, struct ref_candidates *candidates, struct fault *why)
{
	struct search s = { .count = 0 };
	char hex[DIGEST_HEX];
	struct digest prefix;
	enum blk_status st;

	if (strlen(base) < PREFIX_MIN || !fold(base, hex, &prefix))
		return BLK_ABSENT;
	st = c->type->ids_each(
	    c, &prefix, (unsigned)(4 * strlen(base)), search_visit, &s, why);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	if (candidates != NULL)
		*candidates = s.own;
	if (s.count == 1)
		return resolve_id(c, &s.own.id[0], now, t, why);
	if (s.count == 0 && s.parts == 1)
		return resolve_id(c, &s.part, now, t, why);
	return s.count == 0 && s.parts == 0 ? BLK_ABSENT
	                                    : ambiguous(base, &s, why);
}

enum blk_status
ref_absent(
    struct catalog *c, const char *name, const char *what, struct fault *why)
{
	bool whole;
	enum blk_status st = catalog_is_whole(c, &whole, why);

	if (st != BLK_OK)
		return st;
	return whole ? fault(why, BLK_ABSENT, "%s%s", name, what)
	             : fault(why, BLK_CORRUPT,
	                   "%s%s in what can be read of the store", name, what);
}

static enum blk_status
absent(struct catalog *c, const struct ref *r, struct fault *why)
{
	char when[WHEN_TEXT], what[WHEN_TEXT + 64];

	switch (r->which) {
	case REF_NUMBER:
		snprintf(what, sizeof(what), " has no version %ju",
		    (uintmax_t)r->number);
		break;
	case REF_BACK:
		snprintf(what, sizeof(what),
		    " has no version %ju before its newest",
		    (uintmax_t)r->number);
		break;
	case REF_TIME:
		when_format_local(r->time, when);
		snprintf(what, sizeof(what), " has no version as of %s", when);
		break;
	case REF_NEWEST:
		snprintf(what, sizeof(what), ": no such name or object");
		break;
	}
	return ref_absent(c, r->base, what, why);
}

enum blk_status
ref_resolve(struct catalog *c, const struct ref *r, int64_t now,
    struct ref_target *t, struct ref_candidates *candidates, struct fault *why)
{
	bool is_an_id = is_id(r->base);
	char hex[DIGEST_HEX];
	enum blk_status st;
	struct digest id;

	memset(t, 0, sizeof(*t));
	if (candidates != NULL)
		candidates->count = 0;
	if (is_an_id && !fold(r->base, hex, &id))
		return fault(why, BLK_INVALID, "%s: not an id", r->base);
	if (is_an_id && r->which == REF_NEWEST)
		st = resolve_id(c, &id, now, t, why);
	else
		st = take_version(c, is_an_id ? hex : r->base, r, now, t, why);
	if (st == BLK_ABSENT && !is_an_id && r->which == REF_NEWEST)
		st = resolve_prefix(c, r->base, now, t, candidates, why);
	return st == BLK_ABSENT ? absent(c, r, why) : st;
}

enum blk_status
ref_find(struct catalog *c, const char *text, int64_t now, struct ref *r,
    struct ref_target *t, struct fault *why)
{
	enum blk_status st = ref_parse(text, now, r, why);

	memset(t, 0, sizeof(*t));
	if (st != BLK_OK)
		return st;
	st = ref_resolve(c, r, now, t, NULL, why);
	if (st != BLK_OK)
		ref_release(r);
	return st;
}

#include "structure.h"

#include <stdlib.h>
#include <string.h>

#include "structure-version.h"

struct lines {
	struct span rest, line;
	bool more, bad;
};

/* To the next line that is not x-. */
static void
next_line(struct lines *l)
{
	do {
		l->more = text_line(&l->rest, &l->line, &l->bad);
		if (l->more && l->line.len >= STRUCTURE_LINE_MAX)
			l->bad = true;
	} while (
	    l->more && span_starts(l->line, "x-") && text_is_fields(l->line));
}

/* If this line begins with the word, take what stands behind it, and go to
 * the next. */
static bool
take(struct lines *l, const char *word, struct span *value)
{
	size_t len = strlen(word);

	if (!l->more || !span_starts(l->line, word))
		return false;
	*value = span_of(l->line.p + len, l->line.len - len);
	next_line(l);
	return true;
}

static enum blk_status
bad_line(const char *what, struct fault *why)
{
	return fault(why, BLK_CORRUPT, "version: %s", what);
}

/* A string of our own. */
static enum blk_status
own(struct span escaped, bool key, char **out, struct fault *why)
{
	struct buf b = BUF_INIT(STRUCTURE_LINE_MAX);
	enum blk_status st = text_unescape(&b, escaped, key, why);

	if (st == BLK_OK && b.len > 0 && memchr(b.data, '\0', b.len) != NULL)
		st = bad_line("NUL in a string", why);
	if (st == BLK_OK) {
		*out = strdup((const char *)b.data);
		st = *out != NULL ? BLK_OK : fault_nomem(why);
	}
	buf_release(&b);
	return st;
}

static bool
parse_content(struct span s, struct version *v)
{
	struct span class, id;

	return text_field(&s, &class) && text_field(&s, &id) &&
	    class_of(class, &v->class) && digest_parse(id.p, id.len, &v->id) &&
	    text_u64(s, &v->size);
}

/* The lines up to time. */
static enum blk_status
parse_head(struct lines *l, struct version *v, struct fault *why)
{
	enum blk_status st;
	struct span s;

	next_line(l);
	if (!take(l, "name ", &s))
		return bad_line("no name", why);
	st = own(s, false, &v->name, why);
	if (st != BLK_OK)
		return st;
	if (!take(l, "number ", &s) || !text_u64(s, &v->number))
		return bad_line("no number", why);
	v->has_previous = take(l, "previous ", &s);
	if (v->has_previous && !digest_parse(s.p, s.len, &v->previous))
		return bad_line("previous is no id", why);
	if (!take(l, "content ", &s) || !parse_content(s, v))
		return bad_line("no content", why);
	if (!take(l, "time ", &s) || !text_i64(s, &v->time))
		return bad_line("no time", why);
	return BLK_OK;
}

static enum blk_status
parse_options(struct lines *l, struct version *v, struct fault *why)
{
	bool typed;
	enum blk_status st;
	struct span s;

	typed = take(l, "type ", &s);
	st = own(typed ? s : span_str("%"), false, &v->type, why);
	if (st != BLK_OK)
		return st;
	if (typed && v->type[0] == '\0')
		return bad_line("empty type", why);
	if (take(l, "expires ", &s) &&
	    (!text_i64(s, &v->expires) || v->expires == 0))
		return bad_line("expires at no time", why);
	return BLK_OK;
}

/* KEY=VALUE; false without '='. */
static bool
split(struct span s, struct span *key, struct span *value)
{
	const char *equal = memchr(s.p, '=', s.len);

	if (equal == NULL)
		return false;
	*key = span_of(s.p, (size_t)(equal - s.p));
	*value = span_of(equal + 1, s.len - key->len - 1);
	return true;
}

static enum blk_status
parse_attr(struct span s, struct version *v, size_t *cap, struct fault *why)
{
	void *items = v->attr;
	struct version_attr *a;
	struct span key, value;
	enum blk_status st;

	if (!split(s, &key, &value))
		return bad_line("attribute without '='", why);
	st = array_grow(&items, v->attrs, cap, sizeof(*a), why);
	v->attr = items;
	if (st != BLK_OK)
		return st;
	a = &v->attr[v->attrs++];
	*a = (struct version_attr){ .key = NULL };
	st = own(key, true, &a->key, why);
	return st == BLK_OK ? own(value, false, &a->value, why) : st;
}

/* CLASS:ID */
static bool
parse_target(struct span s, struct version_link *l)
{
	const char *colon = memchr(s.p, ':', s.len);
	size_t len;

	if (colon == NULL)
		return false;
	len = (size_t)(colon - s.p);
	return class_of(span_of(s.p, len), &l->class) &&
	    digest_parse(colon + 1, s.len - len - 1, &l->id);
}

static enum blk_status
parse_link(struct span s, struct version *v, size_t *cap, struct fault *why)
{
	void *items = v->link;
	struct version_link *l;
	struct span rel, target;
	enum blk_status st;

	st = array_grow(&items, v->links, cap, sizeof(*l), why);
	v->link = items;
	if (st != BLK_OK)
		return st;
	l = &v->link[v->links++];
	*l = (struct version_link){ .rel = NULL };
	if (!split(s, &rel, &target) || !parse_target(target, l))
		return bad_line("not a link", why);
	return own(rel, true, &l->rel, why);
}

static enum blk_status
parse_items(struct lines *l, struct version *v, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t attr_cap = 0, link_cap = 0;
	struct span s;

	while (st == BLK_OK && take(l, "attr:", &s))
		st = parse_attr(s, v, &attr_cap, why);
	while (st == BLK_OK && take(l, "link:", &s))
		st = parse_link(s, v, &link_cap, why);
	if (st == BLK_OK && (l->more || l->bad))
		st = bad_line("not a line of it, or not in its place", why);
	return st;
}

enum blk_status
version_parse(struct span text, struct version *v, struct fault *why)
{
	struct lines l = { .rest = text };
	enum blk_status st;

	*v = (struct version){ 0 };
	if (!text_line(&l.rest, &l.line, &l.bad))
		return bad_line("does not begin as one", why);
	if (text_is_newer(l.line, "version"))
		return fault_newer(why,
		    "%.*s of a version record needs a newer blk",
		    (int)(l.line.len < 40 ? l.line.len : 40), l.line.p);
	if (!span_is(l.line, "version 1"))
		return bad_line("does not begin as one", why);
	st = parse_head(&l, v, why);
	if (st == BLK_OK)
		st = parse_options(&l, v, why);
	if (st == BLK_OK)
		st = parse_items(&l, v, why);
	if (st == BLK_OK && version_check(v, why) != BLK_OK)
		st = BLK_CORRUPT;
	if (st != BLK_OK)
		version_release(v);
	return st;
}

#include <stdlib.h>
#include <string.h>

#include "tree-internal.h"

/* The keys, in the order in which a line has them. */
enum key {
	KEY_NONE,
	KEY_ACL,
	KEY_ACL_DEFAULT,
	KEY_DEVICE,
	KEY_LINK,
	KEY_TARGET,
	KEY_XATTR,
};

/* A line on its way into an entry. */
struct parser {
	struct span rest;
	struct tree_scratch *scratch;
	struct tree_entry *e;
	enum key last; /* seen */
	bool device;   /* seen */
};

void
tree_scratch_release(struct tree_scratch *s)
{
	buf_release(&s->text);
	free(s->xattr);
	s->xattr = NULL;
	s->xattr_cap = 0;
}

static enum blk_status
bad(struct fault *why, const char *what)
{
	return fault(why, BLK_CORRUPT, "a line of a tree: %s", what);
}

/*
 * --- the numbers ---
 */

static bool
take_u32(struct span *rest, uint32_t *v)
{
	struct span f;
	uint64_t n = 0;

	if (!text_field(rest, &f) || !text_u64(f, &n) || n > UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool
take_numbers(struct parser *p)
{
	struct tree_entry *e = p->e;
	struct span f;

	return text_field(&p->rest, &f) && text_octal(f, &e->mode) &&
	    take_u32(&p->rest, &e->uid) && take_u32(&p->rest, &e->gid) &&
	    text_field(&p->rest, &f) && text_i64(f, &e->mtime);
}

static bool
take_type(struct parser *p)
{
	struct span f;

	if (!text_field(&p->rest, &f) || f.len != 1 ||
	    memchr("FDLPCB", f.p[0], 6) == NULL)
		return false;
	p->e->type = (enum tree_type)f.p[0];
	return true;
}

static bool
take_content(struct parser *p)
{
	struct tree_entry *e = p->e;
	struct span f;

	if (e->type == TREE_FILE &&
	    (!text_field(&p->rest, &f) || !text_u64(f, &e->size)))
		return false;
	if (!tree_has_id(e->type))
		return true;
	return text_field(&p->rest, &f) && digest_parse(f.p, f.len, &e->id);
}

/*
 * --- strings ---
 */

/*
 * The bytes that f stands for: f itself where nothing is escaped.  The
 * scratch has room for the whole line already, so it does not move.
 */
static enum blk_status
unescape(struct parser *p, struct span f, bool key, struct span *s,
    struct fault *why)
{
	struct buf *text = &p->scratch->text;
	size_t before = text->len;
	enum blk_status st = BLK_OK;

	if (f.len == 0)
		return bad(why, "an empty field");
	st = text_unescape(text, f, key, why);
	if (st == BLK_OK)
		*s = span_of(text->data + before, text->len - before);
	return st;
}

/* Only bytes that stand for themselves?  Then there is nothing to copy. */
static bool
is_plain(struct span f, bool key)
{
	for (size_t i = 0; i < f.len; i++) {
		uint8_t c = (uint8_t)f.p[i];

		if (c <= ' ' || c == 0x7f || c == '%' || (key && c == '='))
			return false;
	}
	return f.len > 0;
}

static enum blk_status
take_string(struct parser *p, struct span f, bool key, struct span *s,
    struct fault *why)
{
	if (!is_plain(f, key))
		return unescape(p, f, key, s, why);
	*s = f;
	return BLK_OK;
}

/*
 * --- keys ---
 */

/* f begins with prefix: *value is what follows. */
static bool
strip(struct span f, const char *prefix, struct span *value)
{
	size_t len = strlen(prefix);

	if (!span_starts(f, prefix))
		return false;
	*value = span_of(f.p + len, f.len - len);
	return true;
}

static enum blk_status
take_xattr(struct parser *p, struct span f, struct fault *why)
{
	struct tree_scratch *s = p->scratch;
	const char *equals = memchr(f.p, '=', f.len);
	struct tree_xattr x = { { NULL, 0 }, { NULL, 0 } };
	void *items = s->xattr;
	enum blk_status st = BLK_OK;
	size_t len = 0;

	if (equals == NULL)
		return bad(why, "an attribute without a value");
	len = (size_t)(equals - f.p);
	st = take_string(p, span_of(f.p, len), true, &x.name, why);
	if (st == BLK_OK)
		st = take_string(p, span_of(equals + 1, f.len - len - 1), false,
		    &x.value, why);
	if (st == BLK_OK)
		st = array_grow(
		    &items, p->e->xattrs, &s->xattr_cap, sizeof(x), why);
	if (st != BLK_OK)
		return st;
	s->xattr = items;
	s->xattr[p->e->xattrs++] = x;
	return BLK_OK;
}

static enum blk_status
take_device(struct parser *p, struct span f, struct fault *why)
{
	struct tree_entry *e = p->e;
	const char *colon = memchr(f.p, ':', f.len);
	size_t len = colon != NULL ? (size_t)(colon - f.p) : 0;
	uint64_t major = 0, minor = 0;

	if (colon == NULL || !text_u64(span_of(f.p, len), &major) ||
	    !text_u64(span_of(colon + 1, f.len - len - 1), &minor) ||
	    major > UINT32_MAX || minor > UINT32_MAX ||
	    !tree_is_device(e->type))
		return bad(why, "a bad device");
	p->device = true;
	e->major = (uint32_t)major;
	e->minor = (uint32_t)minor;
	return BLK_OK;
}

static enum key
key_of(struct span f, struct span *value)
{
	static const struct {
		const char *prefix;
		enum key key;
	} known[] = {
		{ "xattr:", KEY_XATTR },
		{ "target=", KEY_TARGET },
		{ "link=", KEY_LINK },
		{ "device=", KEY_DEVICE },
		{ "acl=", KEY_ACL },
		{ "acl-default=", KEY_ACL_DEFAULT },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strip(f, known[i].prefix, value))
			return known[i].key;
	return KEY_NONE;
}

static enum blk_status
take_key(struct parser *p, struct span f, struct fault *why)
{
	struct tree_entry *e = p->e;
	struct span value = { NULL, 0 };
	enum key k = key_of(f, &value);

	if (k == KEY_NONE)
		return bad(why, "an unknown key");
	if (k < p->last || (k == p->last && k != KEY_XATTR))
		return bad(why, "keys that are not in order");
	p->last = k;
	switch (k) {
	case KEY_ACL:
		return take_string(p, value, false, &e->acl, why);
	case KEY_ACL_DEFAULT:
		return take_string(p, value, false, &e->acl_default, why);
	case KEY_DEVICE:
		return take_device(p, value, why);
	case KEY_LINK:
		return take_string(p, value, false, &e->link, why);
	case KEY_TARGET:
		return take_string(p, value, false, &e->target, why);
	default:
		return take_xattr(p, value, why);
	}
}

/* The keys, and the name at the end unless it is the root. */
static enum blk_status
take_rest(struct parser *p, bool root, struct fault *why)
{
	struct tree_entry *e = p->e;
	enum blk_status st = BLK_OK;
	const char *wrong = NULL;
	struct span f = { NULL, 0 };

	while (st == BLK_OK && text_field(&p->rest, &f)) {
		if (!root && p->rest.len == 0)
			st = take_string(p, f, false, &e->name, why);
		else
			st = take_key(p, f, why);
	}
	if (st != BLK_OK)
		return fault_in(why, st, "a line of a tree");
	if (p->rest.len > 0)
		return bad(why, "an empty field");
	if (tree_is_device(e->type) && !p->device)
		return bad(why, "a device without its number");
	e->xattr = e->xattrs > 0 ? p->scratch->xattr : NULL;
	wrong = tree_fault_of(e, root);
	return wrong == NULL ? BLK_OK : bad(why, wrong);
}

static enum blk_status
begin(struct parser *p, struct span line, struct fault *why)
{
	struct buf *text = &p->scratch->text;

	*p->e = (struct tree_entry){ .type = TREE_DIR };
	p->rest = line;
	if (line.len >= TREE_LINE_MAX)
		return bad(why, "it is too long");
	text->len = 0;
	if (line.len == 0 || memchr(line.p, '%', line.len) == NULL)
		return BLK_OK;
	return buf_reserve(text, line.len, why);
}

enum blk_status
tree_parse(struct span line, struct tree_scratch *s, struct tree_entry *e,
    struct fault *why)
{
	struct parser p = { .scratch = s, .e = e };
	enum blk_status st = begin(&p, line, why);

	if (st != BLK_OK)
		return st;
	if (!take_type(&p) || !take_numbers(&p) || !take_content(&p))
		return bad(why, "a bad field");
	return take_rest(&p, false, why);
}

enum blk_status
tree_parse_root(struct span line, struct tree_scratch *s, struct tree_entry *e,
    struct fault *why)
{
	struct parser p = { .scratch = s, .e = e };
	enum blk_status st = begin(&p, line, why);

	if (st != BLK_OK)
		return st;
	if (!take_numbers(&p))
		return bad(why, "a bad field");
	return take_rest(&p, true, why);
}

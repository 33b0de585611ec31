#include "tree.h"

#include <string.h>

#include "tree-internal.h"

#define FIXED_MAX 192 /* type, numbers and id, with their spaces */
#define MODE_MAX 07777

int
tree_compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len == 0 ? 0 : memcmp(a.p, b.p, len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

int
tree_compare_paths(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	size_t i = 0;

	while (i < len && a.p[i] == b.p[i])
		i++;
	if (i == len)
		return (a.len > b.len) - (a.len < b.len);
	/* The end of a name comes before every byte that a name may hold. */
	if (a.p[i] == '/')
		return -1;
	if (b.p[i] == '/')
		return 1;
	return (uint8_t)a.p[i] < (uint8_t)b.p[i] ? -1 : 1;
}

bool
tree_name_is_valid(struct span name)
{
	return name.len >= 1 && name.len <= TREE_NAME_MAX &&
	    !span_is(name, ".") && !span_is(name, "..") &&
	    memchr(name.p, '/', name.len) == NULL &&
	    memchr(name.p, '\0', name.len) == NULL;
}

bool
tree_path_is_valid(struct span path)
{
	const char *slash = NULL;

	while (
	    path.len > 0 && (slash = memchr(path.p, '/', path.len)) != NULL) {
		size_t len = (size_t)(slash - path.p);

		if (!tree_name_is_valid(span_of(path.p, len)))
			return false;
		path = span_of(slash + 1, path.len - len - 1);
	}
	return tree_name_is_valid(path);
}

enum blk_status
tree_order_next(struct tree_order *o, struct span name, struct fault *why)
{
	if (name.len > sizeof(o->name))
		return fault(why, BLK_CORRUPT, "a name is too long");
	if (o->len > 0 && tree_compare(span_of(o->name, o->len), name) >= 0)
		return fault(why, BLK_CORRUPT, "names are not in order");
	memcpy(o->name, name.p, name.len);
	o->len = name.len;
	return BLK_OK;
}

/*
 * --- what an entry may say ---
 */

/* What is wrong with the attributes of e, NULL when nothing is. */
static const char *
bad_xattrs(const struct tree_entry *e)
{
	for (size_t i = 0; i < e->xattrs; i++) {
		const struct tree_xattr *x = &e->xattr[i];

		if (x->name.len == 0 || x->name.len > TREE_NAME_MAX ||
		    memchr(x->name.p, '\0', x->name.len) != NULL)
			return "a bad name of an attribute";
		if (x->value.len > TREE_VALUE_MAX)
			return "an attribute is too long";
		if (i > 0 && tree_compare(x[-1].name, x->name) >= 0)
			return "attributes are not in order";
	}
	return NULL;
}

static const char *
bad_keys(const struct tree_entry *e)
{
	if (e->acl.p != NULL &&
	    (e->type == TREE_SYMLINK || !tree_acl_check(e->acl, false)))
		return "a bad acl";
	if (e->acl_default.p != NULL &&
	    (e->type != TREE_DIR || !tree_acl_check(e->acl_default, true)))
		return "a bad default acl";
	if (e->link.p != NULL &&
	    (e->type == TREE_DIR || !tree_path_is_valid(e->link)))
		return "a bad link";
	if ((e->target.p != NULL) != (e->type == TREE_SYMLINK))
		return "a target is for symbolic links";
	if (e->target.p != NULL &&
	    (e->target.len == 0 ||
	        memchr(e->target.p, '\0', e->target.len) != NULL))
		return "a bad target";
	return bad_xattrs(e);
}

const char *
tree_fault_of(const struct tree_entry *e, bool root)
{
	if (e->mode > MODE_MAX)
		return "a bad mode";
	if (e->uid == TREE_NO_OWNER || e->gid == TREE_NO_OWNER)
		return "a bad owner";
	if (e->type == TREE_FILE && e->size > INT64_MAX)
		return "a bad size";
	if (!root && !tree_name_is_valid(e->name))
		return "a bad name";
	return bad_keys(e);
}

/*
 * --- formatting ---
 */

static char *
put_u64(char *p, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static char *
put_i64(char *p, int64_t v)
{
	if (v >= 0)
		return put_u64(p, (uint64_t)v);
	*p++ = '-';
	return put_u64(p, -(uint64_t)v);
}

static char *
put_octal(char *p, uint32_t v)
{
	int shift = 9;

	while (shift > 0 && v >> shift == 0)
		shift -= 3;
	for (; shift >= 0; shift -= 3)
		*p++ = (char)('0' + (v >> shift & 7));
	return p;
}

/* " mode uid gid mtime", without the first space. */
static char *
put_numbers(char *p, const struct tree_entry *e)
{
	p = put_octal(p, e->mode);
	*p++ = ' ';
	p = put_u64(p, e->uid);
	*p++ = ' ';
	p = put_u64(p, e->gid);
	*p++ = ' ';
	return put_i64(p, e->mtime);
}

static enum blk_status
add_key(struct buf *b, const char *key, struct span value, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (value.p == NULL)
		return BLK_OK;
	st = buf_add(b, key, strlen(key), why);
	return st != BLK_OK ? st : text_escape(b, value, false, why);
}

static enum blk_status
add_device(struct buf *b, const struct tree_entry *e, struct fault *why)
{
	char text[40], *p = text;

	if (!tree_is_device(e->type))
		return BLK_OK;
	p = mempcpy(p, " device=", 8);
	p = put_u64(p, e->major);
	*p++ = ':';
	p = put_u64(p, e->minor);
	return buf_add(b, text, (size_t)(p - text), why);
}

static enum blk_status
add_xattr(struct buf *b, const struct tree_xattr *x, struct fault *why)
{
	/* An empty span still has to be said: only absent ones are left out. */
	struct span value =
	    span_of(x->value.p != NULL ? x->value.p : "", x->value.len);
	enum blk_status st = buf_add(b, " xattr:", 7, why);

	if (st == BLK_OK)
		st = text_escape(b, x->name, true, why);
	return st != BLK_OK ? st : add_key(b, "=", value, why);
}

/* " key=value" for each key. */
static enum blk_status
add_keys(struct buf *b, const struct tree_entry *e, struct fault *why)
{
	enum blk_status st = add_key(b, " acl=", e->acl, why);

	if (st == BLK_OK)
		st = add_key(b, " acl-default=", e->acl_default, why);
	if (st == BLK_OK)
		st = add_device(b, e, why);
	if (st == BLK_OK)
		st = add_key(b, " link=", e->link, why);
	if (st == BLK_OK)
		st = add_key(b, " target=", e->target, why);
	for (size_t i = 0; st == BLK_OK && i < e->xattrs; i++)
		st = add_xattr(b, &e->xattr[i], why);
	return st;
}

static enum blk_status
add_fixed(struct buf *b, const struct tree_entry *e, struct fault *why)
{
	char text[FIXED_MAX], *p = text;

	*p++ = (char)e->type;
	*p++ = ' ';
	p = put_numbers(p, e);
	if (e->type == TREE_FILE) {
		*p++ = ' ';
		p = put_u64(p, e->size);
	}
	if (tree_has_id(e->type)) {
		*p++ = ' ';
		digest_hex(&e->id, p);
		p += DIGEST_HEX - 1;
	}
	return buf_add(b, text, (size_t)(p - text), why);
}

enum blk_status
tree_format(const struct tree_entry *e, struct buf *b, struct fault *why)
{
	size_t before = b->len;
	const char *bad = tree_fault_of(e, false);
	enum blk_status st = BLK_OK;

	if (bad != NULL)
		return fault(why, BLK_INVALID, "%s", bad);
	st = add_fixed(b, e, why);
	if (st == BLK_OK)
		st = add_keys(b, e, why);
	if (st == BLK_OK)
		st = add_key(b, " ", e->name, why);
	if (st == BLK_OK)
		st = buf_add(b, "\n", 1, why);
	if (st == BLK_OK && b->len - before > TREE_LINE_MAX)
		st = fault(why, BLK_INVALID, "too many attributes");
	if (st != BLK_OK)
		b->len = before;
	return st;
}

enum blk_status
tree_format_root(const struct tree_entry *e, struct buf *b, struct fault *why)
{
	size_t before = b->len;
	const char *bad =
	    e->type == TREE_DIR ? tree_fault_of(e, true) : "not a directory";
	char text[FIXED_MAX];
	enum blk_status st = BLK_OK;

	if (bad != NULL)
		return fault(why, BLK_INVALID, "%s", bad);
	st = buf_add(b, text, (size_t)(put_numbers(text, e) - text), why);
	if (st == BLK_OK)
		st = add_keys(b, e, why);
	if (st == BLK_OK && b->len - before > TREE_LINE_MAX - 6)
		st = fault(why, BLK_INVALID, "too many attributes");
	if (st != BLK_OK)
		b->len = before;
	return st;
}

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scan-internal.h"

#define META_MAX ((size_t)64 << 20) /* bytes of all attributes of a file */
#define NAMES_FIRST 1024 /* bytes of names that most files have at most */
#define ATTRIBUTES_MAX 65536

/* Attributes on their way: offsets into text, for text may move. */
struct part {
	size_t at, len;
	bool is;
};

struct attribute {
	struct part name, value;
};

struct collection {
	const struct scan *scan;
	int fd; /* -1: by path */
	const char *path;
	struct buf text;
	struct part acl, acl_default, target;
	struct attribute *attribute;
	size_t attributes, cap;
	bool missed; /* something could not be read: why says what */
};

static bool
is_wanted(const struct scan *s, const char *name)
{
	if (strncmp(name, "user.", 5) == 0 ||
	    strcmp(name, "security.capability") == 0)
		return true;
	return s->options.privileged_xattrs &&
	    (strncmp(name, "security.", 9) == 0 ||
	        strncmp(name, "trusted.", 8) == 0);
}

static ssize_t
list_names(const struct collection *c, char *list, size_t size)
{
	return c->fd >= 0 ? flistxattr(c->fd, list, size)
	                  : llistxattr(c->path, list, size);
}

static ssize_t
get_value(
    const struct collection *c, const char *name, void *value, size_t size)
{
	return c->fd >= 0 ? fgetxattr(c->fd, name, value, size)
	                  : lgetxattr(c->path, name, value, size);
}

static enum blk_status
add_text(struct collection *c, const void *data, size_t len, struct part *p,
    struct fault *why)
{
	*p = (struct part){ c->text.len, len, true };
	return buf_add(&c->text, data, len, why);
}

static enum blk_status
add_acl(struct collection *c, const void *value, size_t len, bool is_default,
    struct fault *why)
{
	struct part *p = is_default ? &c->acl_default : &c->acl;
	size_t at = c->text.len;
	enum blk_status st =
	    tree_acl_of_xattr(value, len, is_default, &c->text, why);

	if (st == BLK_INVALID) {
		c->missed = true;
		return BLK_OK;
	}
	*p = (struct part){ at, c->text.len - at, c->text.len > at };
	return st;
}

static enum blk_status
add_xattr(struct collection *c, const char *name, const void *value, size_t len,
    struct fault *why)
{
	struct attribute a;
	void *items = c->attribute;
	enum blk_status st = BLK_OK;

	if (c->attributes >= ATTRIBUTES_MAX)
		return fault(why, BLK_INVALID, "too many attributes");
	st = array_grow(&items, c->attributes, &c->cap, sizeof(a), why);
	if (st != BLK_OK)
		return st;
	c->attribute = items;
	st = add_text(c, name, strlen(name), &a.name, why);
	if (st == BLK_OK)
		st = add_text(c, value, len, &a.value, why);
	if (st == BLK_OK)
		c->attribute[c->attributes++] = a;
	return st;
}

/* One attribute; value has room for TREE_VALUE_MAX. */
static enum blk_status
take(struct collection *c, const char *name, void *value, struct fault *why)
{
	bool acl = strcmp(name, "system.posix_acl_access") == 0;
	bool acl_default = strcmp(name, "system.posix_acl_default") == 0;
	ssize_t len = 0;

	if (!acl && !acl_default && !is_wanted(c->scan, name))
		return BLK_OK;
	len = get_value(c, name, value, TREE_VALUE_MAX);
	if (len < 0) {
		if (errno == ENODATA) /* removed meanwhile */
			return BLK_OK;
		fault_sys(why, "attribute %s", name);
		c->missed = true;
		return BLK_OK;
	}
	if (acl || acl_default)
		return add_acl(c, value, (size_t)len, acl_default, why);
	return add_xattr(c, name, value, (size_t)len, why);
}

static enum blk_status
take_all(struct collection *c, const char *list, size_t len, struct fault *why)
{
	char *value = malloc(TREE_VALUE_MAX);
	enum blk_status st = value != NULL ? BLK_OK : fault_nomem(why);

	for (size_t at = 0; st == BLK_OK && at < len;
	     at += strlen(list + at) + 1)
		st = take(c, list + at, value, why);
	free(value);
	return st;
}

/* Nearly all files have no attributes: that costs one call. */
static enum blk_status
collect(struct collection *c, struct fault *why)
{
	char first[NAMES_FIRST];
	char *list = first;
	ssize_t len = list_names(c, first, sizeof(first));
	enum blk_status st = BLK_OK;

	if (len < 0 && errno == ERANGE) {
		list = malloc(XATTR_LIST_MAX);
		if (list == NULL)
			return fault_nomem(why);
		len = list_names(c, list, XATTR_LIST_MAX);
	}
	if (len > 0) {
		st = take_all(c, list, (size_t)len, why);
	} else if (len < 0 && errno != EOPNOTSUPP && errno != ENODATA) {
		fault_sys(why, "attributes");
		c->missed = true;
	}
	if (list != first)
		free(list);
	return st;
}

static struct span
span_in(char *text, struct part p)
{
	return p.is ? span_of(text + p.at, p.len) : span_of(NULL, 0);
}

static int
by_name(const void *a, const void *b)
{
	const struct tree_xattr *x = a, *y = b;

	return tree_compare(x->name, y->name);
}

/* Put all that was collected into one block. */
static enum blk_status
pack(struct collection *c, struct scan_meta **out, struct fault *why)
{
	size_t head = sizeof(struct scan_meta) +
	    c->attributes * sizeof(struct tree_xattr);
	struct scan_meta *m = NULL;
	char *text = NULL;

	if (c->text.len == 0)
		return BLK_OK;
	m = malloc(head + c->text.len);
	if (m == NULL)
		return fault_nomem(why);
	text = (char *)m + head;
	memcpy(text, c->text.data, c->text.len);
	m->acl = span_in(text, c->acl);
	m->acl_default = span_in(text, c->acl_default);
	m->target = span_in(text, c->target);
	m->xattrs = c->attributes;
	for (size_t i = 0; i < c->attributes; i++) {
		m->xattr[i].name = span_in(text, c->attribute[i].name);
		m->xattr[i].value = span_in(text, c->attribute[i].value);
	}
	qsort(m->xattr, m->xattrs, sizeof(m->xattr[0]), by_name);
	*out = m;
	return BLK_OK;
}

static enum blk_status
end(struct collection *c, enum blk_status st, struct scan_meta **out,
    struct fault *why)
{
	if (st == BLK_INVALID) { /* more than can be said */
		c->missed = true;
		st = BLK_OK;
	}
	if (st == BLK_OK)
		st = pack(c, out, why);
	buf_release(&c->text);
	free(c->attribute);
	return st == BLK_OK && c->missed ? BLK_ABSENT : st;
}

enum blk_status
scan_meta_of_fd(
    const struct scan *s, int fd, struct scan_meta **out, struct fault *why)
{
	struct collection c = { .scan = s, .fd = fd, .text.max = META_MAX };

	*out = NULL;
	return end(&c, collect(&c, why), out, why);
}

static enum blk_status
read_target(struct collection *c, int dir, const char *name, struct fault *why)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	if (len < 0 || (size_t)len == sizeof(target))
		return fault_sys(why, "read the link");
	return add_text(c, target, (size_t)len, &c->target, why);
}

/*
 * Of what cannot be opened (links) or must not be (fifos, devices), the
 * attributes are read by a path that leads through the open directory.
 */
enum blk_status
scan_meta_of_name(const struct scan *s, int dir, const struct scan_entry *e,
    struct scan_meta **out, struct fault *why)
{
	char path[64 + TREE_NAME_MAX];
	struct collection c = {
		.scan = s, .fd = -1, .path = path, .text.max = META_MAX
	};
	enum blk_status st = BLK_OK;

	*out = NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, e->name);
	if (e->type == TREE_SYMLINK) {
		st = read_target(&c, dir, e->name, why);
		if (st != BLK_OK) {
			buf_release(&c.text);
			return st;
		}
	}
	/* Links have no attributes but for those that are asked for. */
	if (e->type != TREE_SYMLINK || s->options.privileged_xattrs)
		st = collect(&c, why);
	return end(&c, st, out, why);
}

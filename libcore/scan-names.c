#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "scan-internal.h"

#define HEADER_MAX 4096 /* bytes that a tag's header has at most */

/* Does the filter leave out what has this name in the current directory? */
bool
scan_is_excluded(struct scan *s, const char *name, bool is_dir,
    struct fault *why, enum blk_status *st)
{
	const struct filter *f = s->options.filter;
	size_t len = s->path.len;
	size_t below = s->base.len > 0 ? s->base.len + 1 : 0;
	enum filter_verdict v = FILTER_NONE;

	if (f == NULL || !filter_has_patterns(f))
		return false;
	if (len > 0)
		*st = buf_add(&s->path, "/", 1, why);
	if (*st == BLK_OK)
		*st = buf_add(&s->path, name, strlen(name), why);
	if (*st == BLK_OK)
		v = filter_check(
		    f, span_of(s->path.data, s->path.len), below, is_dir);
	s->path.len = len;
	return v == FILTER_MATCH;
}

static uint64_t
prefix_of(const char *name, size_t len)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < 8; i++)
		prefix = prefix << 8 | (i < len ? (uint8_t)name[i] : 0);
	return prefix;
}

static enum blk_status
add_item(struct scan *s, const char *name, uint64_t ino, uint8_t kind,
    struct fault *why)
{
	size_t len = strlen(name);
	void *items = s->item;
	enum blk_status st = BLK_OK;

	if (!tree_name_is_valid(span_of(name, len)))
		return BLK_OK; /* ".", ".." */
	if (kind != DT_UNKNOWN &&
	    scan_is_excluded(s, name, kind == DT_DIR, why, &st))
		return st;
	if (st == BLK_OK)
		st = array_grow(
		    &items, s->items, &s->item_cap, sizeof(*s->item), why);
	if (st != BLK_OK)
		return st;
	s->item = items;
	s->item[s->items++] = (struct scan_item){
		.prefix = prefix_of(name, len),
		.ino = ino,
		.name = s->names.len,
		.len = (uint16_t)len,
		.kind = kind,
	};
	return buf_add(&s->names, name, len + 1, why);
}

/* What a virtual directory holds; its names are not for the filter. */
static enum blk_status
names_of_seed(struct scan *s, const struct scan_seed *seed, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < seed->children; i++) {
		const char *name = seed->child[i].name;
		size_t len = strlen(name);
		void *items = s->item;

		st = array_grow(
		    &items, s->items, &s->item_cap, sizeof(*s->item), why);
		if (st != BLK_OK)
			return st;
		s->item = items;
		s->item[s->items++] = (struct scan_item){
			.prefix = prefix_of(name, len),
			.name = s->names.len,
			.len = (uint16_t)len,
			.kind = DT_REG, /* known: not to be filtered */
		};
		st = buf_add(&s->names, name, len + 1, why);
	}
	return st;
}

static enum blk_status
take_dirents(struct scan *s, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t at = 0;

	while (st == BLK_OK && at < len) {
		const struct dirent64 *d =
		    (const void *)(s->dirents + at); /* as the kernel aligns */

		st = add_item(s, d->d_name, d->d_ino, d->d_type, why);
		at += d->d_reclen;
	}
	return st;
}

/* BLK_ABSENT when nothing could be read; some: reported. */
static enum blk_status
names_of_dir(struct scan *s, struct scan_dir *d, struct fault *why)
{
	bool any = false;

	for (;;) {
		ssize_t len = getdents64(d->fd, s->dirents, SCAN_DIRENTS);
		enum blk_status st = BLK_OK;

		if (len == 0)
			return BLK_OK;
		if (len < 0) {
			struct fault reason = FAULT_NONE;

			fault_sys(&reason, "read the directory");
			*why = reason;
			if (!any)
				return BLK_ABSENT;
			return scan_report(
			    d, NULL, SCAN_UNREADABLE, &reason, why);
		}
		any = true;
		st = take_dirents(s, (size_t)len, why);
		if (st != BLK_OK)
			return st;
	}
}

static int
by_name(const void *a, const void *b, void *names)
{
	const struct scan_item *x = a, *y = b;
	const char *text = names;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return tree_compare(
	    span_of(text + x->name, x->len), span_of(text + y->name, y->len));
}

/*
 * --- tags ---
 */

static bool
begins_with(int dir, const struct filter_tag *t)
{
	char head[HEADER_MAX];
	struct fault ignored = FAULT_NONE;
	struct scan_stat stat;
	uint8_t type = 0;
	size_t got = 0;
	bool same = false;
	int fd = -1;

	if (t->header_len > sizeof(head) ||
	    !scan_stat_at(dir, t->name, AT_SYMLINK_NOFOLLOW, &stat, &type) ||
	    type != TREE_FILE)
		return false;
	fd = openat(dir, t->name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	same = file_read(fd, head, t->header_len, &got, t->name, &ignored) ==
	        BLK_OK &&
	    got == t->header_len && memcmp(head, t->header, got) == 0;
	close(fd);
	return same;
}

/* The item of this name, or NULL. */
static const struct scan_item *
find_item(const struct scan *s, const char *name)
{
	struct span wanted = span_str(name);
	const char *names = (const char *)s->names.data;
	size_t low = 0, high = s->items;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct scan_item *i = &s->item[mid];
		int c = tree_compare(span_of(names + i->name, i->len), wanted);

		if (c == 0)
			return i;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A directory with a tag keeps nothing but the tag. */
static void
apply_tags(struct scan *s, struct scan_dir *d)
{
	const struct filter_tag *t = NULL;

	if (s->options.filter == NULL)
		return;
	for (size_t i = 0; (t = filter_tag_at(s->options.filter, i)) != NULL;
	     i++) {
		const struct scan_item *item = find_item(s, t->name);

		if (item == NULL ||
		    (t->header_len > 0 &&
		        (item->kind == DT_FIFO || !begins_with(d->fd, t))))
			continue;
		s->item[0] = *item;
		s->items = 1;
		return;
	}
}

enum blk_status
scan_names(struct scan *s, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK;

	s->items = 0;
	s->names.len = 0;
	if (d->seed != NULL)
		return names_of_seed(s, d->seed, why); /* in order */
	st = names_of_dir(s, d, why);
	if (st != BLK_OK || s->items == 0)
		return st;
	qsort_r(s->item, s->items, sizeof(*s->item), by_name, s->names.data);
	apply_tags(s, d);
	return BLK_OK;
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scan-internal.h"

#define KEEP_ITEMS 65536 /* memory for more is given back */

/* Room for the entries, with their names behind them. */
static enum blk_status
allocate(struct scan *s, struct scan_dir *d, struct fault *why)
{
	size_t bytes = 0;
	char *names = NULL;

	if (s->items == 0)
		return BLK_OK;
	if (!size_mul(s->items, sizeof(*d->entry), &bytes) ||
	    !size_add(bytes, s->names.len, &bytes))
		return fault_nomem(why);
	d->entry = malloc(bytes);
	if (d->entry == NULL)
		return fault_nomem(why);
	names = (char *)(d->entry + s->items);
	memcpy(names, s->names.data, s->names.len);
	for (size_t i = 0; i < s->items; i++) {
		struct scan_entry *e = &d->entry[i];

		memset(e, 0, sizeof(*e));
		e->name = names + s->item[i].name;
		e->name_len = s->item[i].len;
	}
	d->entries = s->items;
	return BLK_OK;
}

static int
by_inode(const void *a, const void *b, void *items)
{
	const struct scan_item *item = items;
	uint64_t x = item[*(const uint32_t *)a].ino;
	uint64_t y = item[*(const uint32_t *)b].ino;

	return (x > y) - (x < y);
}

/* Where inodes lie together on the disk, they are looked at together. */
static enum blk_status
order_by_inode(struct scan *s, struct fault *why)
{
	void *order = s->order;
	size_t bytes = 0;

	if (s->items > UINT32_MAX)
		return fault(why, BLK_FAILED, "too many entries");
	if (s->items > s->order_cap) {
		if (!size_mul(s->item_cap, sizeof(*s->order), &bytes))
			return fault_nomem(why);
		order = realloc(s->order, bytes);
		if (order == NULL)
			return fault_nomem(why);
		s->order = order;
		s->order_cap = s->item_cap;
	}
	for (size_t i = 0; i < s->items; i++)
		s->order[i] = (uint32_t)i;
	if (s->items > 0)
		qsort_r(
		    s->order, s->items, sizeof(*s->order), by_inode, s->item);
	return BLK_OK;
}

/*
 * A name on the way to what was asked for: a directory, perhaps behind a
 * link, with the newest time of that.
 */
static bool
stat_seed(struct scan_dir *d, struct scan_entry *e)
{
	const struct scan_seed *seed =
	    scan_seed_child(d->seed, span_of(e->name, e->name_len));
	bool follow = !seed->whole || seed->follow;

	if (!scan_stat_at(d->fd, e->name, follow ? 0 : AT_SYMLINK_NOFOLLOW,
	        &e->stat, &e->type))
		return false;
	if (seed->whole)
		return true;
	if (e->type != TREE_DIR) {
		errno = ENOTDIR;
		return false;
	}
	e->stat.mtime = seed->newest;
	return true;
}

/* A name that cannot be looked at: gone, unless it was asked for. */
static enum blk_status
stat_failed(struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	bool gone = errno == ENOENT && d->seed == NULL;
	struct fault reason = FAULT_NONE;

	fault_sys(&reason, "look at it");
	e->state = SCAN_FAILED;
	return scan_report(
	    d, e, gone ? SCAN_VANISHED : SCAN_UNREADABLE, &reason, why);
}

static enum blk_status
drop_socket(struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	struct fault reason = FAULT_NONE;

	fault(&reason, BLK_INVALID, "%s",
	    e->type == 'S' ? "a socket" : "an unknown kind of file");
	e->state = SCAN_FAILED;
	return scan_report(
	    d, e, e->type == 'S' ? SCAN_SOCKET : SCAN_UNREADABLE, &reason, why);
}

/* Its time is none that can be held: the nearest is, see scan-stat.c. */
static enum blk_status
say_time(struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	struct fault reason = FAULT_NONE;

	fault(&reason, BLK_INVALID, "its time is %s can be held; taken as that",
	    e->stat.mtime < 0 ? "before 1677, the first that"
	                      : "after 2262, the last that");
	return scan_report(d, e, SCAN_METADATA, &reason, why);
}

/* Look at one entry; it is in SCAN_FAILED when it is to be left out. */
static enum blk_status
look(struct scan *s, struct scan_dir *d, struct scan_entry *e, uint8_t kind,
    struct fault *why)
{
	const struct filter *f = s->options.filter;
	enum blk_status st = BLK_OK;
	bool seen = d->seed != NULL
	    ? stat_seed(d, e)
	    : scan_stat_at(
	          d->fd, e->name, AT_SYMLINK_NOFOLLOW, &e->stat, &e->type);

	if (!seen)
		return stat_failed(d, e, why);
	if (kind == DT_UNKNOWN &&
	    scan_is_excluded(s, e->name, e->type == TREE_DIR, why, &st))
		e->state = SCAN_FAILED;
	else if (e->type == TREE_FILE && f != NULL && d->seed == NULL &&
	    e->stat.size > filter_limit(f))
		e->state = SCAN_FAILED;
	else if (e->type == 'S' || e->type == '?')
		st = drop_socket(d, e, why);
	else if (d->seed == NULL &&
	    (e->stat.mtime == INT64_MIN || e->stat.mtime == INT64_MAX))
		st = say_time(d, e, why);
	return st;
}

/* Look at all, then leave out those that failed. */
static enum blk_status
look_at_all(struct scan *s, struct scan_dir *d, struct fault *why)
{
	int64_t now = scan_now();
	enum blk_status st = order_by_inode(s, why);
	size_t kept = 0;

	for (size_t i = 0; st == BLK_OK && i < s->items; i++) {
		size_t at = s->order[i];

		st = look(s, d, &d->entry[at], s->item[at].kind, why);
	}
	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		struct scan_entry *e = &d->entry[i];

		if (e->state == SCAN_FAILED)
			continue;
		e->trusted = scan_is_trusted(&e->stat, now);
		if (kept < i)
			d->entry[kept] = *e;
		kept++;
	}
	d->entries = st == BLK_OK ? kept : 0;
	return st;
}

/*
 * --- the cache ---
 */

static bool
is_same(const struct scan_entry *e, const struct scan_cache_entry *c)
{
	const struct scan_stat *s = &e->stat;

	return c->trusted && c->dev == s->dev && c->ino == s->ino &&
	    c->size == s->size && c->mtime == s->mtime &&
	    c->ctime == s->ctime && c->mode == s->mode && c->uid == s->uid &&
	    c->gid == s->gid && (uint8_t)c->line.p[0] == e->type;
}

/* Both are in order: one pass over both. */
static void
compare_with_cache(struct scan_dir *d)
{
	struct scan_cache_entry c;
	size_t i = 0;

	if (d->cached == NULL) {
		d->changed = true;
		return;
	}
	while (scan_cache_dir_next(d->cached, &c)) {
		int order = 1;

		while (i < d->entries) {
			order = tree_compare(
			    span_of(d->entry[i].name, d->entry[i].name_len),
			    c.name);
			if (order >= 0)
				break;
			d->changed = true;
			i++;
		}
		if (i == d->entries || order != 0) {
			d->changed = true;
			continue;
		}
		d->entry[i].existed = (uint8_t)c.line.p[0] == d->entry[i].type;
		if (d->entry[i].type == TREE_DIR)
			d->entry[i].child = c.child;
		if (is_same(&d->entry[i], &c)) {
			d->entry[i].state = SCAN_KNOWN;
			d->entry[i].trusted = true;
		} else {
			d->changed = true;
		}
		i++;
	}
	if (i < d->entries)
		d->changed = true;
}

/*
 * --- what is new ---
 */

static enum blk_status
read_meta(
    struct scan *s, struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st = scan_meta_of_name(s, d->fd, e, &e->meta, &reason);

	if (st == BLK_OK)
		return st;
	e->trusted = false;
	if (st == BLK_ABSENT)
		return scan_report(d, e, SCAN_METADATA, &reason, why);
	if (e->type == TREE_SYMLINK && reason.sys != ENOMEM) {
		e->state = SCAN_FAILED;
		return scan_report(d, e, SCAN_UNREADABLE, &reason, why);
	}
	*why = reason;
	return st;
}

static enum blk_status
prepare(struct scan *s, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		struct scan_entry *e = &d->entry[i];

		if (e->type == TREE_DIR)
			continue;
		if (e->type != TREE_FILE && e->state == SCAN_NEW)
			st = read_meta(s, d, e, why);
		if (st == BLK_OK && e->stat.nlink > 1 &&
		    e->state != SCAN_FAILED)
			st = scan_links_add(d, e, why);
		if (e->type == TREE_FILE && e->state == SCAN_NEW) {
			d->todo++;
			d->todo_bytes += e->stat.size;
		}
	}
	return st;
}

static void
give_back(struct scan *s)
{
	if (s->items <= KEEP_ITEMS)
		return;
	free(s->item);
	free(s->order);
	s->item = NULL;
	s->order = NULL;
	s->item_cap = 0;
	s->order_cap = 0;
	buf_release(&s->names);
}

enum blk_status
scan_list(struct scan *s, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = scan_names(s, d, why);

	if (st == BLK_OK)
		st = allocate(s, d, why);
	if (st == BLK_OK)
		st = look_at_all(s, d, why);
	give_back(s);
	if (st != BLK_OK)
		return st;
	compare_with_cache(d);
	return prepare(s, d, why);
}

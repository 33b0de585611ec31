#include <stdlib.h>
#include <string.h>

#include "scan-internal.h"

#define FIRST_SLOTS 64

static struct scan_inode **
slot_of(const struct scan_links *l, uint64_t dev, uint64_t ino)
{
	uint64_t hash = (ino ^ dev << 32 ^ dev >> 32) * 0x9e3779b97f4a7c15u;

	return &l->slot[(hash >> 20) & (l->slots - 1)];
}

static enum blk_status
grow(struct scan_links *l, struct fault *why)
{
	struct scan_links more = {
		.slots = l->slots > 0 ? 2 * l->slots : FIRST_SLOTS,
		.used = l->used,
	};

	if (l->used < l->slots)
		return BLK_OK;
	more.slot = calloc(more.slots, sizeof(struct scan_inode *));
	if (more.slot == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < l->slots; i++) {
		struct scan_inode *n = l->slot[i], *next = NULL;

		for (; n != NULL; n = next) {
			struct scan_inode **to = slot_of(&more, n->dev, n->ino);

			next = n->chain;
			n->chain = *to;
			*to = n;
		}
	}
	free(l->slot);
	*l = more;
	return BLK_OK;
}

static void
inode_free(struct scan_inode *n)
{
	free(n->first);
	free(n->meta);
	free(n->waiter);
	free(n);
}

void
scan_links_release(struct scan_links *l)
{
	for (size_t i = 0; i < l->slots; i++) {
		struct scan_inode *n = l->slot[i], *next = NULL;

		for (; n != NULL; n = next) {
			next = n->chain;
			inode_free(n);
		}
	}
	free(l->slot);
	*l = (struct scan_links){ .slot = NULL };
}

/* What is known of the inode of st, made if absent. */
static enum blk_status
find(struct scan_links *l, const struct scan_stat *st, struct scan_inode **out,
    struct fault *why)
{
	enum blk_status status = grow(l, why);
	struct scan_inode **at = NULL, *n = NULL;

	if (status != BLK_OK)
		return status;
	at = slot_of(l, st->dev, st->ino);
	for (n = *at; n != NULL; n = n->chain)
		if (n->dev == st->dev && n->ino == st->ino)
			break;
	if (n == NULL) {
		n = calloc(1, sizeof(*n));
		if (n == NULL)
			return fault_nomem(why);
		n->dev = st->dev;
		n->ino = st->ino;
		n->nlink = st->nlink;
		n->chain = *at;
		*at = n;
		l->used++;
	}
	*out = n;
	return BLK_OK;
}

/* The first path in tree order; the walk meets others before it, since it
 * looks at all of a directory before it goes into those in it. */
static enum blk_status
note_path(struct scan_inode *n, struct span path, struct fault *why)
{
	char *own = NULL;

	if (n->first != NULL &&
	    tree_compare_paths(span_str(n->first), path) <= 0)
		return BLK_OK;
	own = strndup(path.p, path.len);
	if (own == NULL)
		return fault_nomem(why);
	free(n->first);
	n->first = own;
	return BLK_OK;
}

/* Give e what was read by another link. */
static void
copy_result(const struct scan_inode *n, struct scan_entry *e)
{
	e->state = n->failed ? SCAN_FAILED : SCAN_DONE;
	e->stat = n->stat;
	e->trusted = n->trusted;
	e->id = n->id;
}

/* With the lock: one link is read, the others wait for it. */
static enum blk_status
share(struct scan_dir *d, struct scan_entry *e, struct scan_inode *n,
    struct fault *why)
{
	void *items = n->waiter;
	enum blk_status st = BLK_OK;

	if (n->settled) {
		copy_result(n, e);
		return BLK_OK;
	}
	if (!n->reading) {
		n->reading = true;
		return BLK_OK;
	}
	st = array_grow(
	    &items, n->waiters, &n->waiter_cap, sizeof(*n->waiter), why);
	if (st != BLK_OK)
		return st;
	n->waiter = items;
	n->waiter[n->waiters++] = (struct scan_waiter){ d, e };
	d->refs++;
	e->state = SCAN_LINKED;
	return BLK_OK;
}

static enum blk_status
add(struct scan_dir *d, struct scan_entry *e, struct span path,
    struct fault *why)
{
	struct scan_inode *n = NULL;
	enum blk_status st = find(&d->scan->links, &e->stat, &n, why);

	if (st == BLK_OK)
		st = note_path(n, path, why);
	if (st != BLK_OK)
		return st;
	e->inode = n;
	n->refs++;
	d->has_links = true;
	if (e->type == TREE_FILE && e->state == SCAN_NEW)
		st = share(d, e, n, why);
	return st;
}

static enum blk_status
report_failed(struct scan_dir *d, const struct scan_entry *e,
    const struct fault *reason, struct fault *why)
{
	return scan_report(d, e, SCAN_UNREADABLE, reason, why);
}

enum blk_status
scan_links_add(struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = scan_path(d, e, &path, why);

	if (st == BLK_OK) {
		pthread_mutex_lock(&d->scan->lock);
		st = add(d, e, span_of(path.data, path.len), why);
		pthread_mutex_unlock(&d->scan->lock);
	}
	buf_release(&path);
	if (st != BLK_OK || e->state != SCAN_FAILED)
		return st;
	fault(&reason, BLK_FAILED, "another link of it could not be read");
	return report_failed(d, e, &reason, why);
}

/*
 * e was read (reason: NULL) or could not be: so are those that wait.  Their
 * entries are left alone, for the walk and workers look at them meanwhile:
 * each is told when its directory, which waits for this, is finished.
 */
enum blk_status
scan_links_settle(struct scan_dir *d, struct scan_entry *e,
    const struct fault *reason, struct fault *why)
{
	struct scan_inode *n = e->inode;
	struct scan_waiter *waiter = NULL;
	enum blk_status st = BLK_OK;
	size_t waiters = 0;

	pthread_mutex_lock(&d->scan->lock);
	n->settled = true;
	n->failed = reason != NULL;
	n->trusted = e->trusted;
	n->id = e->id;
	n->stat = e->stat;
	free(n->meta);
	n->meta = e->meta; /* lives as long as any of the links */
	e->meta = NULL;
	waiter = n->waiter;
	waiters = n->waiters;
	n->waiter = NULL;
	n->waiters = 0;
	pthread_mutex_unlock(&d->scan->lock);
	for (size_t i = 0; i < waiters; i++) {
		if (st == BLK_OK && reason != NULL)
			st = report_failed(
			    waiter[i].dir, waiter[i].entry, reason, why);
		if (st == BLK_OK)
			st = scan_dir_unref(waiter[i].dir, why);
	}
	free(waiter);
	return st;
}

/* Those that wait in a slot for some inode are let go, of the first that has
 * any. */
static bool
take_waiters(struct scan *s, size_t slot, struct scan_waiter **out, size_t *n)
{
	struct scan_inode *i;

	*n = 0;
	pthread_mutex_lock(&s->lock);
	for (i = s->links.slot[slot]; i != NULL && *n == 0; i = i->chain) {
		*out = i->waiter;
		*n = i->waiters;
		i->waiter = NULL;
		i->waiters = i->waiter_cap = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return *n > 0;
}

void
scan_links_abandon(struct scan *s)
{
	struct fault ignored = FAULT_NONE;
	struct scan_waiter *waiter;
	size_t n;

	for (size_t slot = 0; slot < s->links.slots; slot++)
		while (take_waiters(s, slot, &waiter, &n)) {
			/* With failed set it completes nothing. */
			for (size_t i = 0; i < n; i++)
				if (scan_dir_unref(waiter[i].dir, &ignored) !=
				    BLK_OK)
					break;
			free(waiter);
		}
}

void
scan_links_tell(struct scan_dir *d)
{
	for (size_t i = 0; d->has_links && i < d->entries; i++)
		if (d->entry[i].state == SCAN_LINKED)
			copy_result(d->entry[i].inode, &d->entry[i]);
}

enum blk_status
scan_links_first(struct scan_dir *d, const struct scan_entry *e, struct buf *b,
    struct fault *why)
{
	struct buf own = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = scan_path(d, e, &own, why);

	b->len = 0;
	if (st == BLK_OK) {
		pthread_mutex_lock(&d->scan->lock);
		if (!span_is(span_of(own.data, own.len), e->inode->first))
			st = buf_add(
			    b, e->inode->first, strlen(e->inode->first), why);
		pthread_mutex_unlock(&d->scan->lock);
	}
	buf_release(&own);
	return st;
}

static void
unlink_inode(struct scan_links *l, struct scan_inode *n)
{
	struct scan_inode **at = slot_of(l, n->dev, n->ino);

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	l->used--;
	inode_free(n);
}

/* An inode all of whose links are written is not needed any more. */
void
scan_links_leave(struct scan *s, struct scan_entry *e, bool complete)
{
	struct scan_inode *n = e->type != TREE_DIR ? e->inode : NULL;

	if (n == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	n->refs--;
	n->complete += complete;
	if (n->refs == 0 && n->complete >= n->nlink)
		unlink_inode(&s->links, n);
	pthread_mutex_unlock(&s->lock);
}

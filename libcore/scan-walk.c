#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "scan-internal.h"

/*
 * --- directories ---
 */

static void
mark_changed(struct scan_dir *d)
{
	pthread_mutex_lock(&d->scan->lock);
	d->changed = true;
	pthread_mutex_unlock(&d->scan->lock);
}

/* A directory that is left out, with all that lies in it. */
static enum blk_status
leave_out(struct scan_dir *d, struct scan_entry *e, const struct fault *reason,
    struct fault *why)
{
	e->state = SCAN_FAILED;
	mark_changed(d);
	return scan_report(d, e,
	    reason->sys == ENOENT ? SCAN_VANISHED : SCAN_UNREADABLE, reason,
	    why);
}

/* It cannot be found again: nor can those in it that were to come. */
static enum blk_status
give_up(struct scan_dir *d, int error, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st = BLK_OK;

	errno = error;
	fault_sys(&reason, "find the directory above again");
	reason.sys = EIO; /* lost, not gone */
	for (; st == BLK_OK && d->next < d->entries; d->next++)
		if (d->entry[d->next].type == TREE_DIR)
			st = leave_out(d, &d->entry[d->next], &reason, why);
	return st;
}

static bool
is_loop(const struct scan_dir *d)
{
	const struct scan_dir *p = d->parent;

	/* Those on the way to what was asked for may be behind links. */
	for (; p != NULL && p->seed == NULL; p = p->parent)
		if (p->self->stat.ino == d->self->stat.ino &&
		    p->self->stat.dev == d->self->stat.dev)
			return true;
	return false;
}

/* Is d to be taken as an empty directory? */
static enum blk_status
is_empty(struct scan *s, struct scan_dir *d, bool *empty, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	bool loop = false;

	*empty = false;
	if (d->parent == NULL || d->seed != NULL)
		return BLK_OK;
	if (s->options.one_file_system && d->self->stat.dev != d->limit_dev)
		*empty = true;
	else if (is_loop(d))
		loop = *empty = true;
	if (*empty) {
		/* What it is like is not looked at: that may hang. */
		d->self->state = SCAN_NEW;
		d->self->trusted = false;
	}
	if (!loop)
		return BLK_OK;
	fault(&reason, BLK_FAILED, "a directory inside itself");
	return scan_report(d, NULL, SCAN_LOOP, &reason, why);
}

/* What d itself is like, now that it is open. */
static enum blk_status
look_again(struct scan *s, struct scan_dir *d, struct fault *why)
{
	struct scan_entry *e = d->self;
	struct fault reason = FAULT_NONE;
	struct scan_stat stat;
	uint8_t type = 0;
	enum blk_status st = BLK_OK;

	if (!scan_stat_at(d->fd, "", AT_EMPTY_PATH, &stat, &type)) {
		fault_sys(why, "look at it");
		return BLK_ABSENT;
	}
	if (d->seed != NULL)
		stat.mtime = d->seed->newest;
	if (e->state == SCAN_KNOWN && !scan_stat_equal(&stat, &e->stat)) {
		e->state = SCAN_NEW;
		mark_changed(d->parent);
	}
	e->stat = stat;
	if (e->state == SCAN_KNOWN)
		return BLK_OK;
	e->trusted = scan_is_trusted(&stat, scan_now());
	st = scan_meta_of_fd(s, d->fd, &e->meta, &reason);
	if (st == BLK_ABSENT) {
		e->trusted = false;
		return scan_report(d, NULL, SCAN_METADATA, &reason, why);
	}
	if (st != BLK_OK)
		*why = reason;
	return st;
}

/* Open d; BLK_ABSENT, why filled, when it cannot be. */
static enum blk_status
open_dir(struct scan *s, struct scan_dir *d, bool follow, struct fault *why)
{
	d->fd = scan_open_at(s, d->parent->fd, d->self->name, &d->self->stat,
	    O_DIRECTORY | (follow ? 0 : O_NOFOLLOW));
	if (d->fd < 0) {
		bool shortage =
		    errno == EMFILE || errno == ENFILE || errno == ENOMEM;

		fault_sys(why, "open the directory");
		return shortage ? BLK_FAILED : BLK_ABSENT;
	}
	d->walked = true;
	return BLK_OK;
}

static enum blk_status
open_cached(struct scan *s, struct scan_dir *d, struct fault *why)
{
	struct scan_cache_ref ref = d->self->child;
	enum blk_status st = BLK_OK;

	d->self->child = (struct scan_cache_ref){ 0, 0 };
	if (s->options.cache == NULL || ref.offset == 0)
		return BLK_OK;
	st = scan_cache_dir_open(s->options.cache, ref, &d->cached, why);
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* Fill d, which is open; BLK_ABSENT as open_dir. */
static enum blk_status
fill(struct scan *s, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = look_again(s, d, why);
	bool empty = false;

	if (st == BLK_OK)
		st = is_empty(s, d, &empty, why);
	if (st != BLK_OK || empty)
		return st;
	st = open_cached(s, d, why);
	return st != BLK_OK ? st : scan_list(s, d, why);
}

static enum blk_status
push_path(struct scan *s, const struct scan_entry *e, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (s->path.len > 0)
		st = buf_add(&s->path, "/", 1, why);
	return st != BLK_OK ? st : buf_add(&s->path, e->name, e->name_len, why);
}

static void
pop_path(struct scan *s, const struct scan_entry *e)
{
	s->path.len -= e->name_len;
	if (s->path.len > 0)
		s->path.len--;
}

static struct scan_dir *
new_dir(struct scan *s, struct scan_dir *parent, struct scan_entry *e)
{
	struct scan_dir *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->scan = s;
	d->parent = parent;
	d->self = e;
	d->fd = -1;
	d->refs = 1;
	if (parent != NULL)
		scan_dir_ref(parent);
	return d;
}

/* Open, unless it is on another file system and not even to be touched. */
static enum blk_status
open_and_fill(
    struct scan *s, struct scan_dir *d, bool follow, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool empty = false;

	st = is_empty(s, d, &empty, why);
	if (st != BLK_OK || empty)
		return st;
	st = open_dir(s, d, follow, why);
	if (st != BLK_OK)
		return st;
	scan_push_open(s, d);
	return fill(s, d, why);
}

/* Go into the directory e of d; *into is NULL when it is left out. */
static enum blk_status
descend(struct scan *s, struct scan_dir *d, struct scan_entry *e,
    struct scan_dir **into, struct fault *why)
{
	struct scan_dir *child = new_dir(s, d, e);
	enum blk_status st = BLK_OK;
	bool follow = false;

	*into = NULL;
	if (child == NULL)
		return fault_nomem(why);
	child->limit_dev = d->limit_dev;
	if (d->seed != NULL) {
		const struct scan_seed *seed =
		    scan_seed_child(d->seed, span_of(e->name, e->name_len));

		follow = !seed->whole || seed->follow;
		child->seed = seed->whole ? NULL : seed;
		child->limit_dev = e->stat.dev;
	}
	*into = child;
	st = push_path(s, e, why);
	if (st != BLK_OK)
		return st;
	st = open_and_fill(s, child, follow, why);
	return st != BLK_OK ? st
	                    : s->visitor->enter(s->visitor->arg, child, why);
}

/*
 * --- the walk ---
 */

/* Done with d, and back to the one above it. */
static enum blk_status
leave(struct scan *s, struct scan_dir *d, bool left_out,
    struct scan_dir **above, struct fault *why)
{
	struct scan_dir *parent = d->parent;
	enum blk_status st = BLK_OK;
	bool back = parent == NULL || parent->walked, found = back;
	int error = 0;

	*above = parent;
	if (!back)
		found = scan_reopen(s, parent, d);
	error = errno;
	scan_pop_open(s, d);
	if (!back && found)
		scan_push_open(s, parent);
	if (parent != NULL)
		pop_path(s, d->self);
	d->left_out = left_out;
	st = scan_dir_unref(d, why);
	return st != BLK_OK || found ? st : give_up(parent, error, why);
}

static enum blk_status
open_root(struct scan *s, struct scan_dir **out, struct fault *why)
{
	struct scan_dir *d = new_dir(s, NULL, &s->root);
	enum blk_status st = BLK_OK;

	*out = d;
	if (d == NULL)
		return fault_nomem(why);
	d->fd = s->root_fd;
	d->walked = true;
	d->seed = s->seeds;
	if (s->options.cache != NULL) {
		s->root.child = scan_cache_root(s->options.cache);
		s->root.existed = true;
	}
	st = fill(s, d, why);
	if (st == BLK_ABSENT)
		return fault_in(why, BLK_FAILED, "the root");
	d->limit_dev = s->root.stat.dev;
	return st != BLK_OK ? st : s->visitor->enter(s->visitor->arg, d, why);
}

static struct scan_entry *
next_dir(struct scan_dir *d)
{
	while (d->next < d->entries) {
		struct scan_entry *e = &d->entry[d->next++];

		if (e->type == TREE_DIR && e->state != SCAN_FAILED)
			return e;
	}
	return NULL;
}

/* One step: into the next directory, or out of this one. */
static enum blk_status
step(struct scan *s, struct scan_dir **at, struct fault *why)
{
	struct scan_dir *d = *at, *child = NULL;
	struct scan_entry *e = next_dir(d);
	enum blk_status st = BLK_OK;
	struct fault reason;

	if (e == NULL)
		return leave(s, d, false, at, why);
	st = descend(s, d, e, &child, why);
	if (child != NULL)
		*at = child;
	if (st != BLK_ABSENT)
		return st;
	reason = *why;
	st = leave_out(d, e, &reason, why);
	return st != BLK_OK ? st : leave(s, child, true, at, why);
}

/* Nobody completes anything from now on: what is left is only freed. */
static void
abandon(struct scan *s, struct scan_dir *at)
{
	struct fault ignored = FAULT_NONE;

	pthread_mutex_lock(&s->lock);
	s->failed = true;
	pthread_mutex_unlock(&s->lock);
	scan_links_abandon(s);
	while (at != NULL) {
		struct scan_dir *parent = at->parent;

		scan_pop_open(s, at);
		if (scan_dir_unref(at, &ignored) != BLK_OK)
			break; /* not with failed set */
		at = parent;
	}
}

enum blk_status
scan_run(struct scan *s, struct fault *why)
{
	struct scan_dir *at = NULL;
	enum blk_status st = open_root(s, &at, why);

	while (st == BLK_OK && at != NULL)
		st = step(s, &at, why);
	if (st != BLK_OK)
		abandon(s, at);
	return st;
}

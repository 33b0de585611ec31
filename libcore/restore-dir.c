/*
 * Directories: made when first needed, opened again when too many are open,
 * and given their metadata when the last thing in them is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- opening --- */

static void
unlink_age(struct restore *r, struct restore_dir *d)
{
	*(d->newer != NULL ? &d->newer->older : &r->newest) = d->older;
	*(d->older != NULL ? &d->older->newer : &r->oldest) = d->newer;
	d->newer = d->older = NULL;
}

static void
link_newest(struct restore *r, struct restore_dir *d)
{
	d->older = r->newest;
	d->newer = NULL;
	*(r->newest != NULL ? &r->newest->newer : &r->oldest) = d;
	r->newest = d;
}

static void
dir_shut(struct restore *r, struct restore_dir *d)
{
	if (d->fd == -1)
		return;
	if (d != r->root) {
		unlink_age(r, d);
		r->open--;
	}
	close(d->fd);
	d->fd = -1;
}

/* d is open with fd: one more; close the one not used for longest. */
static void
dir_opened(struct restore *r, struct restore_dir *d, int fd)
{
	d->fd = fd;
	if (d == r->root)
		return;
	link_newest(r, d);
	r->open++;
	for (struct restore_dir *o = r->oldest, *next;
	     o != NULL && r->open > r->open_max; o = next) {
		next = o->newer;
		if (o->pins == 0 && o != d)
			dir_shut(r, o);
	}
}

/* Is fd the directory that d was when it was made? */
static bool
is_same(const struct restore_dir *d, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == d->dev &&
	    st.st_ino == d->ino;
}

static bool
open_again(struct restore *r, struct restore_dir *d, int fd, struct mishap *m)
{
	if (fd == -1)
		return mishap(m, errno, "open the directory again");
	if (!is_same(d, fd)) {
		close(fd);
		return mishap(m, 0, "the directory was replaced meanwhile");
	}
	dir_opened(r, d, fd);
	return true;
}

bool
dir_open(struct restore *r, struct restore_dir *d, struct mishap *m)
{
	if (d->fd >= 0 && d != r->root) {
		unlink_age(r, d);
		link_newest(r, d);
	}
	while (d->fd == -1) {
		struct restore_dir *at = d;

		while (at->parent->fd == -1)
			at = at->parent;
		if (!open_again(
		        r, at, openat(at->parent->fd, at->name, OPEN_DIR), m))
			return false;
	}
	return true;
}

/* --- making --- */

/* A directory that its owner may not read: by way of what cannot be
 * replaced. */
static int
open_forbidden(int parent, const char *name)
{
	int fd, held = openat(parent, name, O_PATH | OPEN_DIR);
	struct object x;
	struct stat st;

	if (held == -1)
		return -1;
	x = object_held(held);
	fd = fstat(held, &st) == 0 &&
	        chmod(x.proc, (st.st_mode & 07777) | 0700) == 0
	    ? open(x.proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	    : -1;
	close(held);
	return fd;
}

static bool
adopt(struct restore *r, struct restore_dir *d, int fd, struct mishap *m)
{
	struct stat st;

	if (fd == -1)
		return mishap(m, errno, "open the directory");
	if (fstat(fd, &st) == -1) {
		mishap(m, errno, "look at the directory");
		close(fd);
		return false;
	}
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	d->made = true;
	/* Whoever put another in its place may have put things into it. */
	if (st.st_uid != geteuid())
		d->fresh = false;
	d->inherits = meta_inherits(fd);
	if ((st.st_mode & 0700) != 0700 && !r->o->dry_run)
		(void)!fchmod(fd, (st.st_mode & 07777) | 0700);
	dir_opened(r, d, fd);
	return true;
}

/* Look at what is there; *make says whether a directory is to be made. */
static bool
look(struct restore *r, struct restore_dir *d, int parent, bool *make,
    struct mishap *m)
{
	struct stat st;

	if (fstatat(parent, d->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT || mishap(m, errno, "look at it");
	if (S_ISDIR(st.st_mode)) {
		d->stood = true;
		d->mode = st.st_mode & 07777;
		*make = false;
		return true;
	}
	if (!*make)
		return true; /* not there, to those who only look */
	if (r->o->overwrite == RESTORE_NEVER)
		return mishap(m, 0, "something else stands in its place");
	return r->o->dry_run || old_make_way(r, parent, d->name, &st, true, m);
}

static bool
make_below(
    struct restore *r, struct restore_dir *d, bool make, struct mishap *m)
{
	bool absent = make;
	int fd;

	if (!dir_open(r, d->parent, m))
		return false;
	if (!d->parent->fresh && !look(r, d, d->parent->fd, &absent, m))
		return false;
	if (!make && !d->stood)
		return true; /* not there */
	if (make && absent) {
		if (r->o->dry_run)
			return true;
		if (mkdirat(d->parent->fd, d->name, 0700) == -1)
			return mishap(m, errno, "make the directory");
		d->fresh = true;
	}
	fd = openat(d->parent->fd, d->name, OPEN_DIR);
	if (fd == -1 && errno == EACCES && !r->o->dry_run)
		fd = open_forbidden(d->parent->fd, d->name);
	return adopt(r, d, fd, m);
}

static enum blk_status
enter_one(
    struct restore *r, struct restore_dir *d, bool make, struct fault *why)
{
	struct mishap m = { .what = NULL };
	enum blk_status st = BLK_OK;

	if (!d->parent->made) { /* dry_run, or nobody made it */
		if (make && r->o->dry_run)
			d->fresh = true;
	} else if (!make_below(r, d, make, &m)) {
		d->failed = true;
		st = restore_problem(r, d->parent, span_str(d->name), &m, why);
	}
	if (make && !d->failed && !d->told && (!d->made || d->fresh)) {
		restore_item(r, d->parent, span_str(d->name), RESTORE_MADE);
		d->told = true;
	}
	return st;
}

/* Neither there nor told that it would be; a target is told by nobody. */
static bool
is_missing(const struct restore_dir *d)
{
	return d->parent != NULL && !d->made && !d->failed && !d->told;
}

enum blk_status
dir_enter(struct restore *r, struct restore_dir *d, bool make, bool *there,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && !d->made && !d->failed && d->parent != NULL) {
		struct restore_dir *at = d;

		while (make && is_missing(at->parent))
			at = at->parent; /* from the top one that is */
		if (at->parent->failed)
			at->failed = true;
		else
			st = enter_one(r, at, make, why);
		if (at == d)
			break;
	}
	*there = d->made && !d->failed;
	return st;
}

enum blk_status
dir_new(struct restore *r, struct restore_dir *parent, struct span name,
    struct span line, struct restore_dir **out, struct fault *why)
{
	struct restore_dir *d = calloc(1, sizeof(*d));
	enum blk_status st = BLK_OK;

	(void)r;
	*out = NULL;
	if (d == NULL)
		return fault_nomem(why);
	*d = (struct restore_dir){ .parent = parent,
		.line = BUF_INIT(TREE_LINE_MAX),
		.refs = 1,
		.fd = -1 };
	d->name = strndup(name.p, name.len);
	if (d->name == NULL)
		st = fault_nomem(why);
	if (st == BLK_OK)
		st = buf_add(&d->line, line.p, line.len, why);
	if (st != BLK_OK) {
		free(d->name);
		free(d);
		return st;
	}
	if (parent != NULL)
		dir_hold(parent);
	*out = d;
	return BLK_OK;
}

void
dir_hold(struct restore_dir *d)
{
	d->refs++;
}

/* --- the end of one --- */

static void
give_metadata(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, struct mishap *m)
{
	struct object x = { .fd = d->fd, .fresh = d->fresh };
	struct stat st;

	x.inherits = d->parent != NULL && d->parent->inherits;
	if (fstat(d->fd, &st) == -1) {
		mishap(m, errno, "look at it");
		return;
	}
	if (d->fresh || !meta_is_same(&r->hand, &x, e, &st))
		meta_apply(&r->hand, &x, e, &st, m);
}

/* Is it there in the end, or would it be? */
static bool
is_counted(const struct restore *r, const struct restore_dir *d)
{
	return d->made ||
	    (r->o->dry_run && (d->told || (d->parent == NULL && d->fresh)));
}

static enum blk_status
finish(struct restore *r, struct restore_dir *d, struct fault *why)
{
	struct mishap m = { .what = NULL };
	struct tree_scratch scratch = TREE_SCRATCH_INIT;
	struct tree_entry e = { .type = TREE_DIR };
	enum blk_status st = BLK_OK;

	if (is_counted(r, d))
		restore_count(&r->t->dirs, 1);
	if (!d->made || r->o->dry_run)
		return BLK_OK;
	if (d->line.len > 0 && !d->failed) {
		struct span line = span_of(d->line.data, d->line.len);

		st = d->parent != NULL
		    ? tree_parse(line, &scratch, &e, why)
		    : tree_parse_root(line, &scratch, &e, why);
	}
	if (st == BLK_OK && dir_open(r, d, &m)) {
		bool keep = d->line.len == 0 ||
		    (!d->fresh && r->o->overwrite == RESTORE_NEVER);

		if (!keep)
			give_metadata(r, d, &e, &m);
		else if (d->stood && (d->mode & 0700) != 0700)
			(void)!fchmod(d->fd, d->mode);
	}
	tree_scratch_release(&scratch);
	if (st == BLK_OK && m.what != NULL)
		st = restore_problem(r, d, span_of("", 0), &m, why);
	return st;
}

/* The parent of one that is still open: one step, however deep it lies. */
static void
reopen_parent(struct restore *r, struct restore_dir *d)
{
	struct mishap m = { .what = NULL };

	if (d->fd >= 0 && d->parent->made && d->parent->fd == -1)
		(void)open_again(
		    r, d->parent, openat(d->fd, "..", OPEN_DIR), &m);
}

enum blk_status
dir_drop(struct restore *r, struct restore_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK, finished;

	while (d != NULL && --d->refs == 0) {
		struct restore_dir *parent = d->parent;
		struct fault unsaid = FAULT_NONE;

		finished = finish(r, d, st == BLK_OK ? why : &unsaid);
		if (st == BLK_OK)
			st = finished;
		if (parent != NULL)
			reopen_parent(r, d);
		dir_shut(r, d);
		if (d == r->root)
			r->root = NULL;
		buf_release(&d->line);
		free(d->name);
		free(d);
		d = parent;
	}
	return st;
}

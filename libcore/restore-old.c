/*
 * What stands in the target already: what becomes of it, and how it goes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

#define LEVELS_OPEN 16 /* directories of a removal that stay open */

/* --- names in a directory --- */

void
old_names_release(struct old_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
	*n = (struct old_names){ .name = NULL };
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
add_name(struct old_names *n, const char *name, struct mishap *m)
{
	struct fault why = FAULT_NONE;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (array_grow((void **)&n->name, n->count, &n->cap, sizeof(*n->name),
	        &why) != BLK_OK ||
	    (n->name[n->count] = strdup(name)) == NULL)
		return mishap(m, ENOMEM, "list the directory");
	n->count++;
	return true;
}

bool
old_names_read(int dir, struct old_names *n, struct mishap *m)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool done = d != NULL;

	if (!done) {
		mishap(m, errno, "list the directory");
		file_close(fd);
		return false;
	}
	while (done && (errno = 0, e = readdir(d)) != NULL)
		done = add_name(n, e->d_name, m);
	if (done && errno != 0)
		done = mishap(m, errno, "list the directory");
	closedir(d);
	if (n->count > 0)
		qsort(n->name, n->count, sizeof(*n->name), by_name);
	return done;
}

/* --- removal --- */

/*
 * Directories on the way down.  Those far above are closed, and opened again
 * as ".." of the one below, if that is still the one that it was.
 */
struct removal_level {
	int fd;
	dev_t dev;
	ino_t ino;
	char *name; /* in the level above */
	struct old_names names;
};

struct removal {
	struct removal_level *level;
	size_t levels, cap;
	dev_t dev; /* of the target's directory: others are left alone */
	uint64_t count;
};

static bool
go_down(struct removal *rm, int dir, const char *name, struct mishap *m)
{
	struct removal_level *l;
	struct fault why = FAULT_NONE;
	struct stat st;
	bool done;

	if (array_grow((void **)&rm->level, rm->levels, &rm->cap,
	        sizeof(*rm->level), &why) != BLK_OK)
		return mishap(m, ENOMEM, "remove it");
	l = &rm->level[rm->levels];
	*l = (struct removal_level){ .fd = dir_open_beneath(
		                         dir, name, O_RDONLY, true) };
	if (l->fd == -1)
		return errno == EXDEV
		    ? mishap(m, 0, "something is mounted there")
		    : mishap(m, errno, "remove what is in it");
	l->name = strdup(name);
	rm->levels++;
	done = (l->name != NULL && fstat(l->fd, &st) == 0) ||
	    mishap(m, errno, "remove it");
	if (done && st.st_dev != rm->dev)
		done = mishap(m, 0, "something is mounted there");
	if (done) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
		done = old_names_read(l->fd, &l->names, m);
	}
	if (rm->levels > LEVELS_OPEN) {
		l = &rm->level[rm->levels - 1 - LEVELS_OPEN];
		file_close(l->fd);
		l->fd = -1;
	}
	return done;
}

static bool
open_above(struct removal *rm, const struct removal_level *l, struct mishap *m)
{
	struct removal_level *up = &rm->level[rm->levels - 2];
	struct stat st;

	if (up->fd != -1)
		return true;
	up->fd = openat(
	    l->fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (up->fd == -1 || fstat(up->fd, &st) == -1)
		return mishap(m, errno, "remove it");
	return (st.st_dev == up->dev && st.st_ino == up->ino) ||
	    mishap(m, 0, "it is moved about while it is removed");
}

static void
leave_level(struct removal *rm)
{
	struct removal_level *l = &rm->level[--rm->levels];

	file_close(l->fd);
	free(l->name);
	old_names_release(&l->names);
}

/* The top level is empty: remove it from the one above. */
static bool
go_up(struct removal *rm, int dir, struct mishap *m)
{
	struct removal_level *l = &rm->level[rm->levels - 1];
	bool done = true;

	if (rm->levels > 1) {
		done = open_above(rm, l, m);
		dir = rm->level[rm->levels - 2].fd;
	}
	if (done && unlinkat(dir, l->name, AT_REMOVEDIR) == -1)
		done = mishap(m, errno, "remove the directory");
	rm->count += done;
	leave_level(rm);
	return done;
}

/* One name: gone, or a level deeper. */
static bool
remove_name(struct removal *rm, int dir, const char *name, struct mishap *m)
{
	if (unlinkat(dir, name, 0) == 0) {
		rm->count++;
		return true;
	}
	if (errno == EISDIR || errno == EPERM)
		return go_down(rm, dir, name, m);
	return errno == ENOENT || mishap(m, errno, "remove it");
}

bool
old_remove(int dir, const char *name, uint64_t *count, struct mishap *m)
{
	struct removal rm = { .level = NULL };
	struct stat st;
	bool done;

	done = fstat(dir, &st) == 0 || mishap(m, errno, "remove it");
	rm.dev = st.st_dev;
	if (done)
		done = remove_name(&rm, dir, name, m);
	while (done && rm.levels > 0) {
		struct removal_level *l = &rm.level[rm.levels - 1];

		done = l->names.next < l->names.count
		    ? remove_name(&rm, l->fd, l->names.name[l->names.next++], m)
		    : go_up(&rm, dir, m);
	}
	while (rm.levels > 0)
		leave_level(&rm);
	free(rm.level);
	*count += rm.count;
	return done;
}

bool
old_make_way(struct restore *r, int dir, const char *name,
    const struct stat *st, bool for_dir, struct mishap *m)
{
	uint64_t gone = 0;

	if (!S_ISDIR(st->st_mode)) {
		if (!for_dir)
			return true;
		return unlinkat(dir, name, 0) == 0 ||
		    mishap(m, errno, "remove what stands in its place");
	}
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return true;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return mishap(m, errno, "remove what stands in its place");
	if (!r->o->delete_others)
		return mishap(m, 0, "a directory stands in its place");
	return old_remove(dir, name, &gone, m);
}

/* --- verdicts --- */

void
restore_name(const struct tree_entry *e, char name[static 256])
{
	memcpy(name, e->name.p, e->name.len);
	name[e->name.len] = '\0';
}

static mode_t
type_bits(enum tree_type t)
{
	switch (t) {
	case TREE_FILE:
		return S_IFREG;
	case TREE_DIR:
		return S_IFDIR;
	case TREE_SYMLINK:
		return S_IFLNK;
	case TREE_FIFO:
		return S_IFIFO;
	case TREE_CHAR:
		return S_IFCHR;
	case TREE_BLOCK:
		return S_IFBLK;
	}
	return 0;
}

/* Something of the type stands there and is to be written if it differs. */
static enum verdict
same_type(struct restore *r, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, const struct stat *st,
    struct mishap *m)
{
	enum outcome out;

	if (r->o->overwrite == RESTORE_ALWAYS)
		return VERDICT_REPLACE;
	if (e->type != TREE_FILE)
		return VERDICT_UPDATE;
	if ((uint64_t)st->st_size != e->size)
		return VERDICT_REPLACE;
	/* A time of its own is no proof that the bytes differ, too. */
	if (r->o->verify || !meta_same_time(st, e->mtime))
		return VERDICT_COMPARE;
	if (!old_file_update(&r->hand, d->fd, e, name, &out, m))
		return VERDICT_REPLACE;
	return out == OUTCOME_KEPT ? VERDICT_KEEP : VERDICT_UPDATE;
}

enum verdict
restore_verdict(struct restore *r, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, struct stat *st,
    struct mishap *m)
{
	if (!d->made || d->fresh)
		return VERDICT_NEW;
	if (fstatat(d->fd, name, st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return VERDICT_NEW;
		mishap(m, errno, "look at it");
		return VERDICT_FAILED;
	}
	if (r->o->overwrite == RESTORE_NEVER ||
	    (r->o->overwrite == RESTORE_IF_NEWER && !meta_is_newer(e, st)))
		return VERDICT_KEEP;
	if ((st->st_mode & S_IFMT) == type_bits(e->type))
		return same_type(r, d, e, name, st, m);
	if (!r->o->dry_run && !old_make_way(r, d->fd, name, st, false, m))
		return VERDICT_FAILED;
	return VERDICT_REPLACE;
}

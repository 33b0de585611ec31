#include "backend-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* Descriptors kept.  Opening one again costs far less than the sync that it
 * is opened for, and others in the process want some, too. */
#define KEEP 64

/* The list only grows until dirs_release, so a struct dir * stays good. */
struct dir {
	struct dir *next;
	pthread_mutex_t sync; /* one at a time: an error is told once a
	                       * descriptor, and has to poison before a
	                       * neighbour's sync can say all is well */
	int fd;               /* -1: not kept */
	size_t
	    made; /* by us: the part of path that is this long and those below;
	             0: none.  Not every file system keeps sticky bits. */
	bool settled; /* its name and those above are durable */
	bool dirty;   /* holds a removal that is not yet durable */
	char path[];  /* "" for the root */
};

enum blk_status
dirs_init(struct dirs *d, int root, mode_t mode, struct fault *why)
{
	*d = (struct dirs){ .root = root, .mode = mode };
	if (pthread_mutex_init(&d->lock, NULL) != 0 ||
	    pthread_mutex_init(&d->flush, NULL) != 0) {
		file_close(root);
		return fault_nomem(why);
	}
	return BLK_OK;
}

void
dirs_release(struct dirs *d)
{
	struct dir *next;

	for (struct dir *p = d->list; p != NULL; p = next) {
		next = p->next;
		if (p->fd != d->root)
			file_close(p->fd);
		pthread_mutex_destroy(&p->sync);
		free(p);
	}
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->flush);
	file_close(d->root);
}

enum blk_status
dirs_sound(const struct dirs *d, struct fault *why)
{
	if (__atomic_load_n(&d->poisoned, __ATOMIC_ACQUIRE))
		return fault(why, BLK_FAILED,
		    "an earlier sync of this store failed: nothing more is "
		    "stored before it is opened again");
	return BLK_OK;
}

void
dirs_poison(struct dirs *d)
{
	__atomic_store_n(&d->poisoned, true, __ATOMIC_RELEASE);
}

static const char *
name_of(const char *path)
{
	return *path == '\0' ? "the store's directory" : path;
}

static enum blk_status
sync_fd(struct dirs *d, int fd, const char *path, struct fault *why)
{
	enum blk_status st = dirs_sound(d, why);

	if (st != BLK_OK)
		return st;
	st = file_sync(fd, name_of(path), why);
	if (st != BLK_OK) {
		/* Not a full medium, whatever it said: making room and doing
		 * it again would be the sync that is never retried. */
		why->sys = EIO;
		dirs_poison(d);
	}
	return st;
}

static enum blk_status
sync_dir(struct dirs *d, struct dir *dir, int fd, struct fault *why)
{
	enum blk_status st;

	pthread_mutex_lock(&dir->sync);
	st = sync_fd(d, fd, dir->path, why);
	pthread_mutex_unlock(&dir->sync);
	return st;
}

/* Make what is missing of path, each with the sticky bit.  *made is the
 * length of the first part that was, 0 if none. */
static enum blk_status
make(const struct dirs *d, const char *path, size_t *made, struct fault *why)
{
	char part[BACKEND_KEY_MAX + 1];
	const char *end = path;

	*made = 0;
	do {
		end += strcspn(end, "/");
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		if (mkdirat(d->root, part, (d->mode & 0777) | S_ISVTX) == 0) {
			if (*made == 0)
				*made = (size_t)(end - path);
			if (fchmodat(d->root, part, d->mode | S_ISVTX, 0) == -1)
				return fault_sys(why, "chmod %s", part);
		} else if (errno != EEXIST) {
			return fault_sys(why, "make directory %s", part);
		}
	} while (*end++ != '\0');
	return BLK_OK;
}

/* Open the directory above part and sync it. */
static enum blk_status
sync_above(struct dirs *d, const char *part, struct fault *why)
{
	char above[BACKEND_KEY_MAX + 1] = ".";
	const char *slash = strrchr(part, '/');
	enum blk_status st;
	int fd;

	if (slash != NULL) {
		memcpy(above, part, (size_t)(slash - part));
		above[slash - part] = '\0';
	}
	st = file_open_dir(d->root, above, &fd, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_FAILED, "%s vanished", above);
	if (st == BLK_OK)
		st = sync_fd(d, fd, above, why);
	file_close(fd);
	return st;
}

/* See that the names on the way to dir are durable; the sticky bits tell. */
static enum blk_status
confirm(struct dirs *d, struct dir *dir, struct fault *why)
{
	char part[BACKEND_KEY_MAX + 1];
	const char *end = dir->path;

	do {
		enum blk_status st;
		struct stat sb;

		end += strcspn(end, "/");
		memcpy(part, dir->path, (size_t)(end - dir->path));
		part[end - dir->path] = '\0';
		if (fstatat(d->root, part, &sb, 0) == -1)
			return fault_sys(why, "stat %s", part);
		if ((sb.st_mode & S_ISVTX) == 0 &&
		    (dir->made == 0 || (size_t)(end - dir->path) < dir->made))
			continue;
		st = sync_above(d, part, why);
		if (st != BLK_OK)
			return st;
		/* Another user's cannot be changed: then the next handle
		 * syncs once more, that is all. */
		(void)!fchmodat(d->root, part, d->mode, 0);
	} while (*end++ != '\0');
	dir->settled = true;
	return BLK_OK;
}

static struct dir *
find(const struct dirs *d, const char *path, size_t len)
{
	struct dir *p = d->list;

	while (p != NULL &&
	    (strncmp(p->path, path, len) != 0 || p->path[len] != '\0'))
		p = p->next;
	return p;
}

static enum blk_status
find_or_add(struct dirs *d, const char *path, size_t len, struct dir **out,
    struct fault *why)
{
	struct dir *p = find(d, path, len);

	*out = p;
	if (p != NULL)
		return BLK_OK;
	p = calloc(1, sizeof(*p) + len + 1);
	if (p == NULL || pthread_mutex_init(&p->sync, NULL) != 0) {
		free(p);
		return fault_nomem(why);
	}
	memcpy(p->path, path, len);
	p->fd = len == 0 ? d->root : -1;
	p->settled = len == 0; /* dirs_create saw to it */
	p->next = d->list;
	d->list = p;
	*out = p;
	return BLK_OK;
}

static enum blk_status
open_dir(
    struct dirs *d, struct dir *dir, bool make_it, int *fd, struct fault *why)
{
	enum blk_status st;

	*fd = dir->fd;
	if (*fd != -1)
		return BLK_OK;
	st = file_open_dir(d->root, dir->path, fd, why);
	if (st == BLK_ABSENT && make_it) {
		st = make(d, dir->path, &dir->made, why);
		if (st == BLK_OK)
			st = file_open_dir(d->root, dir->path, fd, why);
		if (st == BLK_ABSENT)
			st = fault(why, BLK_FAILED, "%s vanished", dir->path);
	}
	if (st == BLK_OK && d->open < KEEP) {
		dir->fd = *fd;
		d->open++;
	}
	return st;
}

enum blk_status
dirs_use(struct dirs *d, const char *path, size_t len, bool make_it,
    bool durable, struct dirs_use *use, struct fault *why)
{
	enum blk_status st;

	*use = (struct dirs_use)DIRS_USE_NONE;
	pthread_mutex_lock(&d->lock);
	st = find_or_add(d, path, len, &use->dir, why);
	if (st == BLK_OK)
		st = open_dir(d, use->dir, make_it, &use->fd, why);
	if (st == BLK_OK && durable && !use->dir->settled)
		st = confirm(d, use->dir, why);
	if (st != BLK_OK)
		dirs_done(use);
	pthread_mutex_unlock(&d->lock);
	return st;
}

void
dirs_done(struct dirs_use *use)
{
	if (use->dir != NULL && use->fd != use->dir->fd)
		file_close(use->fd);
	*use = (struct dirs_use)DIRS_USE_NONE;
}

enum blk_status
dirs_note_removal(
    struct dirs *d, const char *path, size_t len, struct fault *why)
{
	enum blk_status st;
	struct dir *dir;

	pthread_mutex_lock(&d->lock);
	st = find_or_add(d, path, len, &dir, why);
	if (st == BLK_OK && !dir->dirty) {
		dir->dirty = true;
		__atomic_fetch_add(&d->dirty, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&d->lock);
	return st;
}

/* Take one dirty directory; NULL when there is none left. */
static struct dir *
take_dirty(struct dirs *d)
{
	struct dir *p;

	pthread_mutex_lock(&d->lock);
	for (p = d->list; p != NULL && !p->dirty;)
		p = p->next;
	if (p != NULL) {
		p->dirty = false;
		__atomic_fetch_sub(&d->dirty, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&d->lock);
	return p;
}

/* The dirty ones, and with them the one in use. */
static enum blk_status
flush(struct dirs *d, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct dir *dir;

	while (st == BLK_OK && (dir = take_dirty(d)) != NULL) {
		struct dirs_use use;

		st = dirs_use(
		    d, dir->path, strlen(dir->path), false, false, &use, why);
		if (st == BLK_ABSENT) {
			st = BLK_OK; /* and all in it is gone */
			continue;
		}
		if (st == BLK_OK)
			st = sync_dir(d, dir, use.fd, why);
		else
			dirs_poison(d); /* dirty, and nobody knows any more */
		dirs_done(&use);
	}
	return st;
}

enum blk_status
dirs_sync(struct dirs *d, const struct dirs_use *use, struct fault *why)
{
	enum blk_status st = BLK_OK;

	/* The lock also when nothing is dirty: another thread may have taken
	 * the last and still be at its sync. */
	pthread_mutex_lock(&d->flush);
	if (__atomic_load_n(&d->dirty, __ATOMIC_ACQUIRE) > 0)
		st = flush(d, why);
	pthread_mutex_unlock(&d->flush);
	if (st == BLK_OK)
		st = sync_dir(d, use->dir, use->fd, why);
	return st;
}

enum blk_status
dirs_settle(struct dirs *d, const char *path, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (;;) {
		struct dirs_use use;

		st = dirs_use(d, path, len, false, false, &use, why);
		if (st == BLK_OK)
			st = sync_dir(d, use.dir, use.fd, why);
		dirs_done(&use);
		if ((st != BLK_OK && st != BLK_ABSENT) || len == 0)
			break;
		while (len > 0 && path[--len] != '/')
			;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

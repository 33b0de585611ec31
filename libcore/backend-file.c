/*
 * backend-file.c - blobs as files below a directory; a key is a path.
 *
 *     ROOT/{segments/00..ff,log,checkpoint,sessions,locks,tmp}
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend-file.h"
#include "file.h"

#define ZFS_MAGIC 0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e

/* File systems of this machine's own: flock works, list is complete. */
static bool
is_local(unsigned long magic)
{
	static const unsigned long local[] = {
		EXT4_SUPER_MAGIC,
		XFS_SUPER_MAGIC,
		BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC,
		F2FS_SUPER_MAGIC,
		ZFS_MAGIC,
		OVERLAYFS_SUPER_MAGIC,
		BCACHEFS_MAGIC,
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		if ((magic & 0xffffffff) == local[i])
			return true;
	return false;
}

static enum blk_status
find_caps(
    int root, bool read_only, struct backend_caps *caps, struct fault *why)
{
	struct statvfs vfs;
	struct statfs fs;
	struct stat sb;

	if (fstatfs(root, &fs) == -1 || fstatvfs(root, &vfs) == -1 ||
	    fstat(root, &sb) == -1)
		return fault_sys(why, "look at the store's directory");
	caps->local = is_local((unsigned long)fs.f_type);
	caps->kernel_locks = caps->local;
	caps->shared_group = (sb.st_mode & 02070) == 02070;
	caps->read_only = read_only || (vfs.f_flag & ST_RDONLY) != 0 ||
	    faccessat(root, ".", W_OK, AT_EACCESS) == -1;
	caps->blob_target = (uint64_t)16 << 20;
	return BLK_OK;
}

static enum blk_status
name_session(struct file_store *s, const char *session, struct fault *why)
{
	uint64_t salt[2];

	if (session != NULL) {
		memcpy(s->session, session, sizeof(s->session));
		return BLK_OK;
	}
	if (getentropy(salt, sizeof(salt)) == -1)
		return fault_sys(why, "random name");
	snprintf(s->session, sizeof(s->session), "%016jx%016jx",
	    (uintmax_t)salt[0], (uintmax_t)salt[1]);
	return BLK_OK;
}

/* Open the root; BLK_ABSENT where no store stands. */
static enum blk_status
open_root(const char *path, int *root, struct fault *why)
{
	enum blk_status st = file_open_dir(AT_FDCWD, path, root, why);
	struct stat sb;

	if (st == BLK_INVALID)
		return fault(why, BLK_ABSENT,
		    "%s is no blk store: not a directory", path);
	if (st != BLK_OK)
		return st;
	if (fstatat(*root, "log", &sb, 0) == 0 && S_ISDIR(sb.st_mode))
		return BLK_OK;
	if (errno == ENOENT || errno == ENOTDIR)
		st = fault(why, BLK_ABSENT, "%s holds no blk store", path);
	else
		st = fault_sys(why, "stat %s/log", path);
	file_close(*root);
	*root = -1;
	return st;
}

static enum blk_status
open_or_create(const char *path, const struct backend_open_options *o,
    int *root, struct fault *why)
{
	enum blk_status st = open_root(path, root, why);

	if (st != BLK_ABSENT || !o->create || o->read_only)
		return st;
	st = dirs_create(path, o->shared_group ? 02770 : 0700, why);
	return st != BLK_OK ? st : open_root(path, root, why);
}

static enum blk_status
store_open(const char *path, const struct backend_open_options *o,
    struct backend **out, struct fault *why)
{
	const char *query = strchr(path, '?');
	enum blk_status st;
	struct file_store *s;
	int root;

	if (*path == '\0')
		return fault(why, BLK_INVALID, "the path of a store is empty");
	if (query != NULL)
		return fault(why, BLK_INVALID, "%s: there is no option %s",
		    path, query + 1);
	st = open_or_create(path, o, &root, why);
	if (st != BLK_OK)
		return st;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		file_close(root);
		return fault_nomem(why);
	}
	st = find_caps(root, o->read_only, &s->base.caps, why);
	if (st == BLK_OK)
		st = name_session(s, o->session, why);
	if (st != BLK_OK) {
		file_close(root);
	} else {
		st = dirs_init(&s->dirs, root,
		    s->base.caps.shared_group ? 02770 : 0700, why);
	}
	if (st != BLK_OK) {
		free(s);
		return st;
	}
	*out = &s->base;
	return BLK_OK;
}

static void
store_close(struct backend *b)
{
	dirs_release(&file_store_of(b)->dirs);
	free(b);
}

/* Is this errno an answer: no such blob? */
static bool
is_absence(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == EISDIR;
}

static enum blk_status
store_get(struct backend *b, const char *key, uint64_t offset, void *buf,
    size_t len, size_t *got, struct fault *why)
{
	struct fault unread = FAULT_NONE;
	enum blk_status st;
	int fd;

	/* Nothing but a file is a blob: neither follow nor wait. */
	fd = openat(file_store_of(b)->dirs.root, key,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 && is_absence(errno))
		return BLK_ABSENT;
	if (fd == -1)
		return fault_sys(why, "open %s", key);
	st = file_pread(fd, buf, len, offset, got, key, &unread);
	close(fd);
	if (st == BLK_FAILED && unread.sys == EISDIR)
		return BLK_ABSENT;
	if (st != BLK_OK)
		*why = unread;
	return st;
}

static enum blk_status
store_stat(struct backend *b, const char *key, struct backend_stat *st,
    struct fault *why)
{
	struct stat sb;

	if (fstatat(file_store_of(b)->dirs.root, key, &sb,
	        AT_SYMLINK_NOFOLLOW) == -1)
		return is_absence(errno) ? BLK_ABSENT
		                         : fault_sys(why, "stat %s", key);
	if (!S_ISREG(sb.st_mode))
		return BLK_ABSENT;
	dirs_stat(st, &sb);
	return BLK_OK;
}

static enum blk_status
store_remove(struct backend *b, const char *key, struct fault *why)
{
	struct dirs *d = &file_store_of(b)->dirs;

	if (unlinkat(d->root, key, 0) == 0)
		return dirs_note_removal(d, key, dirs_path_len(key), why);
	return is_absence(errno) ? BLK_OK : fault_sys(why, "remove %s", key);
}

static enum blk_status
store_settle(struct backend *b, const char *key, struct fault *why)
{
	return dirs_settle(
	    &file_store_of(b)->dirs, key, dirs_path_len(key), why);
}

static enum blk_status
store_list(struct backend *b, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, bool *complete, struct fault *why)
{
	enum blk_status st =
	    dirs_list(file_store_of(b)->dirs.root, prefix, visit, arg, why);

	*complete = st == BLK_OK && b->caps.local;
	return st;
}

static enum blk_status
count(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	struct backend_stats *s = arg;

	(void)key;
	(void)why;
	s->blobs++;
	s->bytes += st->bytes;
	return BLK_OK;
}

static enum blk_status
store_stats(struct backend *b, struct backend_stats *s, struct fault *why)
{
	int root = file_store_of(b)->dirs.root;
	struct statvfs vfs;

	*s = (struct backend_stats){ 0 };
	if (fstatvfs(root, &vfs) == -1)
		return fault_sys(why, "look at the store's file system");
	s->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return dirs_list(root, "", count, s, why);
}

static int
store_lock_dir(struct backend *b)
{
	return file_store_of(b)->dirs.root;
}

const struct backend_type backend_file = {
	.scheme = "file",
	.summary = "PATH or file:PATH, a directory",
	.open = store_open,
	.put = file_store_put,
	.get = store_get,
	.stat = store_stat,
	.list = store_list,
	.remove = store_remove,
	.settle = store_settle,
	.stats = store_stats,
	.lock_dir = store_lock_dir,
	.close = store_close,
};

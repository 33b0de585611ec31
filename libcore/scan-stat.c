#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "scan-internal.h"

#define SECOND INT64_C(1000000000)

/* Times beyond the years 1677 and 2262 become the first and the last. */
static int64_t
time_of(const struct statx_timestamp *t)
{
	int64_t ns = 0;

	if (__builtin_mul_overflow(t->tv_sec, SECOND, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static uint8_t
type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TREE_FILE;
	case S_IFDIR:
		return TREE_DIR;
	case S_IFLNK:
		return TREE_SYMLINK;
	case S_IFIFO:
		return TREE_FIFO;
	case S_IFCHR:
		return TREE_CHAR;
	case S_IFBLK:
		return TREE_BLOCK;
	case S_IFSOCK:
		return 'S';
	default:
		return '?';
	}
}

bool
scan_stat_at(
    int fd, const char *name, int flags, struct scan_stat *st, uint8_t *type)
{
	struct statx x;

	if (statx(fd, name, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
	        STATX_BASIC_STATS & ~(unsigned)(STATX_ATIME | STATX_BLOCKS),
	        &x) != 0)
		return false;
	*type = type_of(x.stx_mode);
	*st = (struct scan_stat){
		.dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.ino = x.stx_ino,
		.size = *type == TREE_FILE ? x.stx_size : 0,
		.mtime = time_of(&x.stx_mtime),
		.ctime = time_of(&x.stx_ctime),
		.mode = x.stx_mode & 07777,
		.uid = x.stx_uid,
		.gid = x.stx_gid,
		.nlink = x.stx_nlink,
	};
	if (*type == TREE_CHAR || *type == TREE_BLOCK) {
		st->major = x.stx_rdev_major;
		st->minor = x.stx_rdev_minor;
	}
	return true;
}

bool
scan_stat_equal(const struct scan_stat *a, const struct scan_stat *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime == b->mtime && a->ctime == b->ctime &&
	    a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

int64_t
scan_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/*
 * The clock of a file system ticks coarsely: a change just behind the read
 * may get the time of one just before it.
 */
bool
scan_is_trusted(const struct scan_stat *st, int64_t now)
{
	return st->ctime <= now - SCAN_TRUST_NS &&
	    st->mtime <= now - SCAN_TRUST_NS;
}

int
scan_open_at(const struct scan *s, int dir, const char *name,
    const struct scan_stat *st, int flags)
{
	int fd = -1;

	flags |= O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	/* Only the owner may leave the access time alone. */
	if (s->euid == 0 || s->euid == st->uid) {
		fd = openat(dir, name, flags | O_NOATIME);
		if (fd >= 0 || errno != EPERM)
			return fd;
	}
	return openat(dir, name, flags);
}

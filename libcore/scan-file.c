#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "scan-internal.h"

/*
 * Somebody holds a lease: open(2) must wait for him, which it may only do on
 * what is surely a file.
 */
static int
open_leased(const struct scan_dir *d, const struct scan_entry *e)
{
	int place = openat(d->fd, e->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct scan_stat stat;
	char path[64];
	uint8_t type = 0;
	int fd = -1;

	if (place < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	if (scan_stat_at(place, "", AT_EMPTY_PATH, &stat, &type) &&
	    type == TREE_FILE)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	close(place);
	return fd;
}

/* The caller's problem is only ours when the system as a whole is short. */
static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* Look at the open file: it may be another than the walk saw. */
static enum blk_status
look_again(struct scan_dir *d, struct scan_entry *e, int fd,
    struct fault *reason, struct fault *why)
{
	int64_t now = scan_now();
	struct scan_stat stat;
	uint8_t type = 0;
	enum blk_status st = BLK_OK;

	if (!scan_stat_at(fd, "", AT_EMPTY_PATH, &stat, &type)) {
		fault_sys(reason, "look at it");
		return BLK_ABSENT;
	}
	if (type != TREE_FILE ||
	    (e->inode != NULL &&
	        (stat.dev != e->stat.dev || stat.ino != e->stat.ino))) {
		fault(reason, BLK_FAILED, "it was replaced meanwhile");
		return BLK_ABSENT;
	}
	e->stat = stat;
	e->trusted = scan_is_trusted(&stat, now);
	free(e->meta);
	st = scan_meta_of_fd(d->scan, fd, &e->meta, reason);
	if (st == BLK_ABSENT) {
		e->trusted = false;
		return scan_report(d, e, SCAN_METADATA, reason, why);
	}
	if (st != BLK_OK)
		*why = *reason;
	return st;
}

/* BLK_ABSENT, reported as what. */
static enum blk_status
give_up(struct scan_dir *d, struct scan_entry *e, enum scan_problem what,
    const struct fault *reason, struct fault *why)
{
	enum blk_status st = scan_report(d, e, what, reason, why);

	e->state = SCAN_FAILED;
	if (st == BLK_OK && e->inode != NULL)
		st = scan_links_settle(d, e, reason, why);
	return st;
}

enum blk_status
scan_file_open(
    struct scan_dir *d, struct scan_entry *e, int *fd, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum scan_problem what = SCAN_UNREADABLE;
	enum blk_status st = BLK_OK;

	*fd = scan_open_at(d->scan, d->fd, e->name, &e->stat, O_NOFOLLOW);
	if (*fd < 0 && errno == EWOULDBLOCK)
		*fd = open_leased(d, e);
	if (*fd < 0) {
		if (is_shortage(errno))
			return fault_sys(why, "open %s", e->name);
		if (errno == ENOENT)
			what = SCAN_VANISHED;
		fault_sys(&reason, "open it");
		st = BLK_ABSENT;
	} else {
		st = look_again(d, e, *fd, &reason, why);
	}
	if (st == BLK_OK)
		return BLK_OK;
	file_close(*fd);
	*fd = -1;
	if (st != BLK_ABSENT)
		return st;
	st = give_up(d, e, what, &reason, why);
	return st == BLK_OK ? BLK_ABSENT : st;
}

enum blk_status
scan_file_open_known(
    struct scan_dir *d, struct scan_entry *e, int *fd, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st = BLK_ABSENT;
	int64_t now = scan_now();

	*fd = scan_open_at(d->scan, d->fd, e->name, &e->stat, O_NOFOLLOW);
	if (*fd >= 0) {
		e->trusted = scan_is_trusted(&e->stat, now);
		free(e->meta);
		st = scan_meta_of_fd(d->scan, *fd, &e->meta, &reason);
	}
	if (st == BLK_OK)
		return BLK_OK;
	file_close(*fd);
	*fd = -1;
	if (st != BLK_ABSENT)
		*why = reason;
	return st;
}

bool
scan_file_changed(const struct scan_entry *e, int fd)
{
	struct scan_stat stat;
	uint8_t type = 0;

	return !scan_stat_at(fd, "", AT_EMPTY_PATH, &stat, &type) ||
	    type != TREE_FILE || !scan_stat_equal(&e->stat, &stat);
}

uint64_t
scan_file_size(int fd)
{
	struct scan_stat stat;
	uint8_t type = 0;

	return scan_stat_at(fd, "", AT_EMPTY_PATH, &stat, &type) ? stat.size
	                                                         : 0;
}

enum blk_status
scan_file_extent(
    int fd, uint64_t offset, uint64_t *start, uint64_t *end, struct fault *why)
{
	off_t at = -1;

	if (offset > INT64_MAX)
		return BLK_ABSENT;
	at = lseek(fd, (off_t)offset, SEEK_DATA);
	if (at < 0 && errno == ENXIO)
		return BLK_ABSENT;
	if (at < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
		*start = offset;
		*end = UINT64_MAX;
		return BLK_OK;
	}
	if (at < 0)
		return fault_sys(why, "find the data");
	*start = (uint64_t)at;
	at = lseek(fd, at, SEEK_HOLE);
	/* It may have been cut short just now. */
	*end = at < 0 ? UINT64_MAX : (uint64_t)at;
	return BLK_OK;
}

enum blk_status
scan_file_done(struct scan_dir *d, struct scan_entry *e, uint64_t size,
    bool stable, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st = BLK_OK;

	if (!stable || size != e->stat.size)
		e->trusted = false;
	e->stat.size = size;
	e->state = SCAN_DONE;
	if (!stable) {
		fault(&reason, BLK_FAILED, "it was changing while it was read");
		st = scan_report(d, e, SCAN_CHANGED, &reason, why);
	}
	if (st == BLK_OK && e->inode != NULL)
		st = scan_links_settle(d, e, NULL, why);
	return st;
}

enum blk_status
scan_file_fail(struct scan_dir *d, struct scan_entry *e,
    const struct fault *reason, struct fault *why)
{
	return give_up(d, e, SCAN_UNREADABLE, reason, why);
}

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum blk_status
file_write(
    int fd, const void *data, size_t len, const char *name, struct fault *why)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* else this would never end */
		if (n <= 0)
			return fault_sys(why, "write %s", name);
		p += n;
		len -= (size_t)n;
	}
	return BLK_OK;
}

enum blk_status
file_writev(int fd, const struct iovec *part, size_t n, const char *name,
    struct fault *why)
{
	while (n > 0) {
		ssize_t done = writev(fd, part, (int)n);
		size_t left;

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return fault_sys(why, "write %s", name);
		left = (size_t)done;
		while (n > 0 && left >= part->iov_len) {
			left -= part->iov_len;
			part++;
			n--;
		}
		/* A part that was cut is ended alone: no copy of the vector. */
		if (n > 0) {
			enum blk_status st =
			    file_write(fd, (const char *)part->iov_base + left,
			        part->iov_len - left, name, why);

			if (st != BLK_OK)
				return st;
			part++;
			n--;
		}
	}
	return BLK_OK;
}

enum blk_status
file_read(int fd, void *buf, size_t len, size_t *got, const char *name,
    struct fault *why)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, (char *)buf + *got, len - *got);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fault_sys(why, "read %s", name);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return BLK_OK;
}

enum blk_status
file_pread(int fd, void *buf, size_t len, uint64_t offset, size_t *got,
    const char *name, struct fault *why)
{
	return file_pread_least(fd, buf, len, len, offset, got, name, why);
}

enum blk_status
file_pread_least(int fd, void *buf, size_t len, size_t least, uint64_t offset,
    size_t *got, const char *name, struct fault *why)
{
	*got = 0;
	/* No file reaches that far, and the system refuses to look. */
	if (offset > INT64_MAX)
		len = 0;
	else if (len > (uint64_t)INT64_MAX - offset)
		len = (size_t)((uint64_t)INT64_MAX - offset);
	while (*got < len && *got < least) {
		ssize_t n = pread(
		    fd, (char *)buf + *got, len - *got, (off_t)(offset + *got));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fault_sys(why, "read %s", name);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return BLK_OK;
}

/* As file_slurp, from an open file. */
static enum blk_status
slurp(int fd, const char *path, size_t max, void **data, size_t *len,
    struct fault *why)
{
	enum blk_status st;
	struct stat sb;
	char *buf;
	size_t size;

	if (fstat(fd, &sb) == -1)
		return fault_sys(why, "stat %s", path);
	if (sb.st_size < 0 || (uintmax_t)sb.st_size > max ||
	    (uintmax_t)sb.st_size >= SIZE_MAX)
		return fault(
		    why, BLK_INVALID, "%s is longer than %zu bytes", path, max);
	size = (size_t)sb.st_size;
	buf = malloc(size + 1);
	if (buf == NULL)
		return fault_nomem(why);
	st = file_read(fd, buf, size, len, path, why);
	if (st != BLK_OK) {
		free(buf);
		return st;
	}
	buf[*len] = '\0';
	*data = buf;
	return BLK_OK;
}

enum blk_status
file_slurp(int dir, const char *path, size_t max, void **data, size_t *len,
    struct fault *why)
{
	enum blk_status st;
	int fd;

	*data = NULL;
	*len = 0;
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return BLK_ABSENT;
	if (fd == -1)
		return fault_sys(why, "open %s", path);
	st = slurp(fd, path, max, data, len, why);
	close(fd);
	return st;
}

/* Write, give the mode whatever the umask, and make durable. */
static enum blk_status
fill(int fd, const char *path, mode_t mode, const void *data, size_t len,
    struct fault *why)
{
	enum blk_status st = file_write(fd, data, len, path, why);

	if (st != BLK_OK)
		return st;
	if (fchmod(fd, mode) == -1)
		return fault_sys(why, "chmod %s", path);
	if (fdatasync(fd) == -1)
		return fault_sys(why, "sync %s", path);
	return BLK_OK;
}

/* file_replace in the open directory dir; path is for messages. */
static enum blk_status
replace(int dir, const char *leaf, const char *path, mode_t mode,
    const void *data, size_t len, struct fault *why)
{
	enum blk_status st;
	char tmp[32];
	uint64_t salt;
	int fd;

	if (getentropy(&salt, sizeof(salt)) == -1)
		return fault_sys(why, "random name");
	snprintf(tmp, sizeof(tmp), ".tmp-%016jx", (uintmax_t)salt);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return fault_sys(why, "create %s beside %s", tmp, path);
	st = fill(fd, path, mode, data, len, why);
	close(fd); /* synced already: there is nothing left to fail */
	if (st == BLK_OK && renameat(dir, tmp, dir, leaf) == -1)
		st = fault_sys(why, "rename to %s", path);
	if (st != BLK_OK) {
		unlinkat(dir, tmp, 0);
		return st;
	}
	st = file_sync(dir, path, why);
	if (st != BLK_OK)
		return fault_in(
		    why, st, "%s was replaced, outcome unknown", path);
	return BLK_OK;
}

enum blk_status
file_replace(int dir, const char *path, mode_t mode, const void *data,
    size_t len, struct fault *why)
{
	const char *slash = strrchr(path, '/');
	const char *leaf = slash == NULL ? path : slash + 1;
	enum blk_status st;
	char *parent = NULL;
	int fd = -1;

	/* Opened anew: dir may be AT_FDCWD, which cannot be synced. */
	if (slash == NULL)
		parent = strdup(".");
	else
		parent = strndup(path, (size_t)(slash - path) + 1);
	if (parent == NULL)
		return fault_nomem(why);
	st = file_open_dir(dir, parent, &fd, why);
	if (st == BLK_ABSENT) {
		errno = ENOENT;
		st = fault_sys(why, "open %s", parent);
	}
	if (st == BLK_OK)
		st = replace(fd, leaf, path, mode, data, len, why);
	file_close(fd);
	free(parent);
	return st;
}

/* EINTR, too, is a failure here: a sync is not asked for twice. */
enum blk_status
file_sync(int fd, const char *name, struct fault *why)
{
	if (fsync(fd) == -1)
		return fault_sys(why, "sync %s", name);
	return BLK_OK;
}

/* One directory, of exactly this mode if it is made. */
static enum blk_status
make_dir(int dir, const char *path, mode_t mode, struct fault *why)
{
	struct stat sb;

	if (mkdirat(dir, path, mode) == 0) {
		/* The umask took bits away, and mkdir knows no set-gid. */
		if (fchmodat(dir, path, mode, 0) == -1)
			return fault_sys(why, "chmod %s", path);
		return BLK_OK;
	}
	if (errno != EEXIST)
		return fault_sys(why, "make directory %s", path);
	if (fstatat(dir, path, &sb, 0) == -1)
		return fault_sys(why, "stat %s", path);
	if (!S_ISDIR(sb.st_mode)) {
		errno = ENOTDIR;
		return fault_sys(why, "make directory %s", path);
	}
	return BLK_OK;
}

enum blk_status
file_mkdirs(int dir, const char *path, mode_t mode, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char *copy = strdup(path);

	if (copy == NULL)
		return fault_nomem(why);
	for (char *p = copy + 1; *copy != '\0' && *p != '\0'; p++) {
		if (*p != '/' || p[-1] == '/' || p[1] == '\0')
			continue;
		*p = '\0';
		st = make_dir(dir, copy, mode, why);
		*p = '/';
		if (st != BLK_OK)
			break;
	}
	if (st == BLK_OK)
		st = make_dir(dir, copy, mode, why);
	free(copy);
	return st;
}

enum blk_status
file_open_dir(int dir, const char *path, int *fd, struct fault *why)
{
	*fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd != -1)
		return BLK_OK;
	if (errno == ENOENT)
		return BLK_ABSENT;
	if (errno == ENOTDIR)
		return fault(why, BLK_INVALID, "%s is not a directory", path);
	return fault_sys(why, "open %s", path);
}

void
file_close(int fd)
{
	if (fd != -1)
		close(fd);
}

int64_t
file_clock_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
file_clock_ms(void)
{
	return file_clock_ns() / 1000000;
}

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Open the file of a lock, or make it with exactly this mode. */
static int
open_lock(int dir, const char *path, mode_t mode)
{
	int fd = openat(dir, path, O_RDWR | O_CLOEXEC);

	/* flock needs no right to write: a reader of others' stores locks
	 * too. */
	if (fd == -1 && (errno == EACCES || errno == EROFS))
		return openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 || errno != ENOENT)
		return fd;
	fd = openat(dir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd == -1 && errno == EEXIST) /* somebody made it meanwhile */
		return openat(dir, path, O_RDWR | O_CLOEXEC);
	if (fd != -1 && fchmod(fd, mode) == -1) {
		int sys = errno;

		close(fd);
		fd = -1;
		errno = sys;
	}
	return fd;
}

/* flock within wait_ms.  There is no flock with a limit: ask again, ever
 * less often. */
static enum blk_status
lock_within(int fd, int operation, int wait_ms)
{
	int64_t end = file_clock_ms() + wait_ms;
	long pause = 1;

	for (;;) {
		int64_t left = end - file_clock_ms();
		struct timespec t;

		if (flock(fd, wait_ms < 0 ? operation : operation | LOCK_NB) ==
		    0)
			return BLK_OK;
		if (errno != EINTR && errno != EWOULDBLOCK)
			return BLK_FAILED;
		if (wait_ms < 0)
			continue;
		if (left <= 0)
			return BLK_BUSY;
		if (pause > left)
			pause = (long)left;
		t.tv_sec = 0;
		t.tv_nsec = pause * 1000000;
		nanosleep(&t, NULL);
		pause = pause < 32 ? pause * 2 : 50;
	}
}

enum blk_status
file_lock(int dir, const char *path, mode_t mode, bool exclusive, int wait_ms,
    int *fd, struct fault *why)
{
	enum blk_status st;

	*fd = open_lock(dir, path, mode);
	if (*fd == -1)
		return fault_sys(why, "open lock %s", path);
	st = lock_within(*fd, exclusive ? LOCK_EX : LOCK_SH, wait_ms);
	if (st == BLK_OK)
		return BLK_OK;
	if (st == BLK_FAILED)
		fault_sys(why, "lock %s", path);
	else
		fault(why, st, "%s is locked by another process", path);
	file_close(*fd);
	*fd = -1;
	return st;
}

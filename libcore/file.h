/*
 * file.h - descriptors, whole files, directories and locks.
 *
 * Every descriptor made here is close-on-exec.  Paths are relative to a
 * directory descriptor.  EINTR and short transfers are dealt with here and
 * nowhere else.
 */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "fault.h"

/* Write all of data at the descriptor's position.  name is for messages. */
MUST_USE enum blk_status file_write(
    int fd, const void *data, size_t len, const char *name, struct fault *why);

/* As file_write for n parts, which are left as they were; n <= 1024. */
MUST_USE enum blk_status file_writev(int fd, const struct iovec *part, size_t n,
    const char *name, struct fault *why);

/* Read up to len bytes, fewer only at the end; *got says how many. */
MUST_USE enum blk_status file_read(int fd, void *buf, size_t len, size_t *got,
    const char *name, struct fault *why);

/* As file_read, from offset, leaving the position alone. */
MUST_USE enum blk_status file_pread(int fd, void *buf, size_t len,
    uint64_t offset, size_t *got, const char *name, struct fault *why);

/* As file_pread, content with as few as least bytes: no call looks for the end
 * of a file whose size is known. */
MUST_USE enum blk_status file_pread_least(int fd, void *buf, size_t len,
    size_t least, uint64_t offset, size_t *got, const char *name,
    struct fault *why);

/*
 * Read dir/path whole.
 *
 * Returns:   BLK_OK, BLK_ABSENT, BLK_INVALID if longer than max, BLK_FAILED.
 * Ownership: *data comes from malloc, has a NUL behind its *len bytes, and is
 *            the caller's; NULL unless BLK_OK.
 */
MUST_USE enum blk_status file_slurp(int dir, const char *path, size_t max,
    void **data, size_t *len, struct fault *why);

/*
 * Make dir/path whole or not at all: temporary beside it, write, fdatasync,
 * rename over what may stand there, fsync of the directory.
 *
 * Durability: after BLK_OK the file survives a power cut.  After BLK_FAILED
 *             the old or the new one stands there, never a part, and no
 *             temporary is left.  A failed sync is not retried.
 */
MUST_USE enum blk_status file_replace(int dir, const char *path, mode_t mode,
    const void *data, size_t len, struct fault *why);

/* fsync the open directory (or file) fd. */
MUST_USE enum blk_status file_sync(int fd, const char *name, struct fault *why);

/* Make path and what is missing above it, as mkdir -p does, with this very
 * mode whatever the umask; existing directories are left as they are. */
MUST_USE enum blk_status file_mkdirs(
    int dir, const char *path, mode_t mode, struct fault *why);

/*
 * Open a directory.  BLK_ABSENT when it does not exist; BLK_INVALID when it
 * is none.
 */
MUST_USE enum blk_status file_open_dir(
    int dir, const char *path, int *fd, struct fault *why);

/*
 * Take a lock (flock(2)) on dir/path, which is made (mode) if absent and
 * never removed.  The lock ends with close(*fd), or with the process.
 *
 * wait_ms: how long to try; 0: once; negative: for ever.
 * Returns: BLK_OK; BLK_BUSY when somebody still holds it; BLK_FAILED.
 */
MUST_USE enum blk_status file_lock(int dir, const char *path, mode_t mode,
    bool exclusive, int wait_ms, int *fd, struct fault *why);

/* close(fd) unless it is -1; a NULL-safe release for descriptors. */
void file_close(int fd);

/* Milliseconds and nanoseconds of the monotonic clock, for waits and rates. */
int64_t file_clock_ms(void);
int64_t file_clock_ns(void);

#endif

/*
 * The reserve: space on the medium that only those may spend who make more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "file.h"
#include "store-private.h"

#define RESERVE "reserve"
#define RESERVE_TMP "tmp/reserve"
#define RESERVE_BYTES ((off_t)8 << 20)
#define PART ((size_t)64 << 10)

static int
reserve_dir(struct store *s)
{
	return store_is_read_only(s) ? -1 : backend_lock_dir(s->backend);
}

/*
 * Blocks beyond the end of an empty file: they are set aside, and what sums up
 * lengths of files (du -b, a copy to elsewhere) does not count them.  Where
 * that cannot be had: random bytes, as zeroes take no space where the file
 * system compresses.
 */
static enum blk_status
fill(int fd, struct fault *why)
{
	uint8_t *part = NULL;
	enum blk_status st = BLK_OK;

	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RESERVE_BYTES) == 0)
		return BLK_OK;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return fault_sys(why, RESERVE_TMP);
	part = malloc(PART);
	if (part == NULL)
		return fault_nomem(why);

	for (off_t at = 0; st == BLK_OK && at < RESERVE_BYTES;
	     at += (off_t)PART) {
		st = digest_random(part, PART, why);
		if (st == BLK_OK)
			st = file_write(fd, part, PART, RESERVE, why);
	}
	free(part);
	return st;
}

static enum blk_status
make(struct store *s, int dir, struct fault *why)
{
	mode_t mode = s->config.group ? 0660 : 0600;
	enum blk_status st = BLK_OK;
	int fd;

	unlinkat(dir, RESERVE_TMP, 0); /* of one who was killed here */
	fd = openat(
	    dir, RESERVE_TMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd == -1)
		return errno == EEXIST ? BLK_OK : fault_sys(why, RESERVE_TMP);
	if (fchmod(fd, mode) != 0)
		st = fault_sys(why, RESERVE_TMP);
	if (st == BLK_OK)
		st = fill(fd, why);
	if (close(fd) != 0 && st == BLK_OK)
		st = fault_sys(why, RESERVE_TMP);
	if (st == BLK_OK && renameat(dir, RESERVE_TMP, dir, RESERVE) != 0)
		st = fault_sys(why, RESERVE);
	if (st != BLK_OK)
		unlinkat(dir, RESERVE_TMP, 0);
	return st;
}

bool
store_reserve_stands(struct store *s)
{
	int dir = reserve_dir(s);
	struct stat sb;

	return dir == -1 ||
	    (fstatat(dir, RESERVE, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	        S_ISREG(sb.st_mode) &&
	        (sb.st_size >= RESERVE_BYTES ||
	            sb.st_blocks * 512 >= RESERVE_BYTES));
}

enum blk_status
store_reserve_make(struct store *s, struct fault *why)
{
	int dir = reserve_dir(s);
	enum blk_status st;
	struct statvfs vfs;

	if (store_reserve_stands(s))
		return BLK_OK;
	/* Not the last that there is: others want to write as well. */
	if (fstatvfs(dir, &vfs) == 0 &&
	    (uint64_t)vfs.f_bavail * vfs.f_frsize < 2 * (uint64_t)RESERVE_BYTES)
		return BLK_ABSENT;
	st = make(s, dir, why);
	return st == BLK_FAILED && (why->sys == ENOSPC || why->sys == EDQUOT)
	    ? BLK_ABSENT
	    : st;
}

bool
store_reserve_spend(struct store *s, const struct fault *why)
{
	int dir = reserve_dir(s);

	if (why->sys != ENOSPC && why->sys != EDQUOT)
		return false;
	return dir != -1 && unlinkat(dir, RESERVE, 0) == 0;
}

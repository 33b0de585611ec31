/*
 * outfile.h - a file that appears whole or not at all, written as it comes.
 *
 * The bytes go to a temporary beside it, which takes its name once it is
 * complete and synced.  What is no regular file (a device, a pipe) is
 * written to as it is.
 */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <stddef.h>

#include "fault.h"

/* All zero but fd == -1 is none. */
struct outfile {
	int fd;
	char *path;      /* symbolic links resolved */
	char *temporary; /* NULL: written to as it is */
};

#define OUTFILE_NONE                                                           \
	{                                                                      \
		.fd = -1                                                       \
	}

/*
 * An existing file keeps its mode.  BLK_OK or BLK_FAILED; *o is the caller's
 * to outfile_release.
 */
MUST_USE enum blk_status outfile_open(
    const char *path, struct outfile *o, struct fault *why);

MUST_USE enum blk_status outfile_write(
    struct outfile *o, const void *data, size_t len, struct fault *why);

/* Let it appear, durably.  After BLK_FAILED what stood there before stands
 * there still. */
MUST_USE enum blk_status outfile_commit(struct outfile *o, struct fault *why);

/* Free, and remove what was not committed. */
void outfile_release(struct outfile *o);

#endif

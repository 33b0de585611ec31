/*
 * header - makes the check of a segment's header right again.
 *
 *	header FILE...
 *
 * So that a file says what a later version would have written there.
 */
#include <err.h>
#include <fcntl.h>
#include <unistd.h>

#include "digest.h"
#include "segment.h"

int
main(int argc, char *argv[])
{
	uint8_t h[SEGMENT_HEADER];

	(void)argc;
	for (char **path = argv + 1; *path != NULL; path++) {
		int fd = open(*path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || pread(fd, h, sizeof(h), 0) != sizeof(h))
			err(1, "%s", *path);
		put_le64(h + SEGMENT_CHECKED, digest_xxh64(h, SEGMENT_CHECKED));
		if (pwrite(fd, h, sizeof(h), 0) != sizeof(h) || close(fd) != 0)
			err(1, "%s", *path);
	}
	return 0;
}

/*
 * powercut.c - stop a file system dead, as a power cut would: what was not
 * yet on the medium, its journal included, is gone.
 *
 *     powercut MOUNTPOINT
 *
 * ext4 and xfs know the same call.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_FLUSH 2

int
main(int argc, char *argv[])
{
	uint32_t how = WITHOUT_FLUSH;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (fd == -1 || ioctl(fd, SHUTDOWN, &how) == -1) {
		perror("powercut");
		return 1;
	}
	return 0;
}

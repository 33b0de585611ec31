/*
 * Directories below a directory, and no way out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "restore-private.h"

/* Where there is no openat2 (Linux before 5.6, some sandboxes). */
static int
walk_beneath(int dir, const char *path, int flags)
{
	int at = dir, next = -1;
	char name[256];

	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		if (len == 0 || len > 255) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(name, path, len);
			name[len] = '\0';
			path += len + (path[len] == '/');
			next = strcmp(name, "..") == 0
			    ? (errno = EXDEV, -1)
			    : openat(at, name,
			          O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC |
			              (*path == '\0' ? flags : O_PATH));
		}
		if (at != dir)
			close(at);
		if (next == -1)
			return -1;
		at = next;
	}
	return at == dir ? openat(dir, ".", flags | O_DIRECTORY | O_CLOEXEC)
	                 : at;
}

int
dir_open_beneath(int dir, const char *path, int flags, bool one_mount)
{
	struct open_how how = {
		.flags =
		    (unsigned)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	if (one_mount)
		how.resolve |= RESOLVE_NO_XDEV;
	for (int i = 0; fd == -1 && i < 16; i++) {
		fd = syscall(SYS_openat2, dir, *path != '\0' ? path : ".", &how,
		    sizeof(how));
		if (fd == -1 && errno != EAGAIN) /* somebody renames */
			break;
	}
	if (fd == -1 &&
	    (errno == ENOSYS || errno == EPERM || errno == ENAMETOOLONG ||
	        errno == EAGAIN))
		return walk_beneath(dir, path, flags);
	return (int)fd;
}

#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* The mode that open(2) would give a new file. */
static mode_t
usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

static enum blk_status
open_temporary(struct outfile *o, mode_t mode, struct fault *why)
{
	if (asprintf(&o->temporary, "%s.XXXXXX", o->path) < 0) {
		o->temporary = NULL;
		return fault_nomem(why);
	}
	o->fd = mkostemp(o->temporary, O_CLOEXEC);
	if (o->fd == -1) {
		free(o->temporary);
		o->temporary = NULL;
		return fault_sys(why, "%s", o->path);
	}
	return fchmod(o->fd, mode) != 0 ? fault_sys(why, "%s", o->temporary)
	                                : BLK_OK;
}

enum blk_status
outfile_open(const char *path, struct outfile *o, struct fault *why)
{
	struct stat at;
	bool exists = stat(path, &at) == 0;

	bool regular = exists && S_ISREG(at.st_mode);

	*o = (struct outfile)OUTFILE_NONE;
	o->path = regular ? realpath(path, NULL) : strdup(path);
	if (o->path == NULL)
		return fault_sys(why, "%s", path);
	if (!exists || regular)
		return open_temporary(
		    o, regular ? at.st_mode & 07777 : usual_mode(), why);
	o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return o->fd == -1 ? fault_sys(why, "%s", path) : BLK_OK;
}

enum blk_status
outfile_write(
    struct outfile *o, const void *data, size_t len, struct fault *why)
{
	return file_write(o->fd, data, len, o->path, why);
}

/* The directory of path, which is cut short for a moment. */
static enum blk_status
sync_parent(char *path, struct fault *why)
{
	char *slash = strrchr(path, '/');
	enum blk_status st;
	int fd = -1;

	if (slash == NULL)
		st = file_open_dir(AT_FDCWD, ".", &fd, why);
	else if (slash == path)
		st = file_open_dir(AT_FDCWD, "/", &fd, why);
	else {
		*slash = '\0';
		st = file_open_dir(AT_FDCWD, path, &fd, why);
		*slash = '/';
	}
	if (st == BLK_OK)
		st = file_sync(fd, path, why);
	file_close(fd);
	return st;
}

enum blk_status
outfile_commit(struct outfile *o, struct fault *why)
{
	if (o->temporary == NULL)
		return BLK_OK;
	if (fdatasync(o->fd) != 0 || rename(o->temporary, o->path) != 0)
		return fault_sys(why, "%s", o->path);
	free(o->temporary);
	o->temporary = NULL;
	return sync_parent(o->path, why);
}

void
outfile_release(struct outfile *o)
{
	if (o->temporary != NULL)
		unlink(o->temporary);
	file_close(o->fd);
	free(o->temporary);
	free(o->path);
	*o = (struct outfile)OUTFILE_NONE;
}

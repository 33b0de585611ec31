#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "scan-internal.h"

/*
 * Of the directories above the current one, the SCAN_OPEN_DIRS nearest are
 * open, and the root.  Who is farther is closed, unless somebody holds it,
 * and opened again as the ".." of the one below, which must be the same
 * directory still; else by its names, from the root.
 */

static void
close_unless_held(struct scan_dir *d)
{
	int fd = -1;

	pthread_mutex_lock(&d->scan->lock);
	d->walked = false;
	if (d->pins == 0) {
		fd = d->fd;
		d->fd = -1;
	}
	pthread_mutex_unlock(&d->scan->lock);
	file_close(fd);
}

/* The root is not in the ring: it stays open. */
void
scan_push_open(struct scan *s, struct scan_dir *d)
{
	if (d->parent == NULL)
		return;
	if (s->open_count == SCAN_OPEN_DIRS) {
		close_unless_held(s->open[s->open_first]);
		s->open_first = (s->open_first + 1) % SCAN_OPEN_DIRS;
		s->open_count--;
	}
	s->open[(s->open_first + s->open_count++) % SCAN_OPEN_DIRS] = d;
}

void
scan_pop_open(struct scan *s, struct scan_dir *d)
{
	if (d->parent == NULL || !d->walked)
		return;
	s->open_count--;
	close_unless_held(d);
}

/* Is fd the directory that the walk saw as d? */
static bool
is_dir(int fd, const struct scan_dir *d)
{
	struct scan_stat stat;
	uint8_t type = 0;

	return scan_stat_at(fd, "", AT_EMPTY_PATH, &stat, &type) &&
	    stat.dev == d->self->stat.dev && stat.ino == d->self->stat.ino;
}

/* Open d by its names, from the root on; -1 with errno. */
static int
open_by_names(struct scan *s, const struct scan_dir *d)
{
	struct fault ignored = FAULT_NONE;
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	char *name = NULL, *rest = NULL;
	int at = fcntl(s->root_fd, F_DUPFD_CLOEXEC, 0);

	errno = ENOMEM;
	if (scan_path(d, NULL, &path, &ignored) != BLK_OK ||
	    buf_add_u8(&path, '\0', &ignored) != BLK_OK) {
		file_close(at);
		at = -1;
	}
	name = at >= 0 ? strtok_r((char *)path.data, "/", &rest) : NULL;
	for (; name != NULL && at >= 0; name = strtok_r(NULL, "/", &rest)) {
		int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(at);
		at = fd;
	}
	buf_release(&path);
	return at;
}

/* Take fd, when it is d, or what holders of d have open. */
static bool
adopt(struct scan_dir *d, int fd)
{
	if (fd >= 0 && !is_dir(fd, d)) {
		file_close(fd);
		errno = ENOENT;
		return false;
	}
	pthread_mutex_lock(&d->scan->lock);
	if (d->fd < 0) {
		d->fd = fd;
		fd = -1;
	}
	d->walked = d->fd >= 0;
	pthread_mutex_unlock(&d->scan->lock);
	file_close(fd);
	return d->walked;
}

bool
scan_reopen(struct scan *s, struct scan_dir *d, const struct scan_dir *below)
{
	if (adopt(d, -1))
		return true;
	if (below->fd >= 0 &&
	    adopt(
	        d, openat(below->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
		return true;
	return adopt(d, open_by_names(s, d));
}

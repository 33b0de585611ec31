/*
 * Symbolic links, fifos, devices: things without content.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

static bool
make(const struct hand *h, int dir, const struct tree_entry *e,
    const char *name, struct mishap *m)
{
	mode_t mode = meta_first_mode(h, e);
	dev_t dev = makedev(e->major, e->minor);
	char target[PATH_MAX];
	int err = 0;

	switch (e->type) {
	case TREE_SYMLINK:
		if (e->target.len >= sizeof(target) ||
		    memchr(e->target.p, '\0', e->target.len) != NULL)
			return mishap(m, ENAMETOOLONG, "make the link");
		memcpy(target, e->target.p, e->target.len);
		target[e->target.len] = '\0';
		err = symlinkat(target, dir, name);
		break;
	case TREE_FIFO:
		err = mkfifoat(dir, name, mode);
		break;
	case TREE_CHAR:
		err = mknodat(dir, name, S_IFCHR | mode, dev);
		break;
	case TREE_BLOCK:
		err = mknodat(dir, name, S_IFBLK | mode, dev);
		break;
	case TREE_FILE:
	case TREE_DIR:
		break;
	}
	return err == 0 || mishap(m, errno, "make it");
}

static bool
is_alike(int fd, const struct tree_entry *e, const struct stat *st)
{
	char target[PATH_MAX + 1];
	ssize_t len;

	switch (e->type) {
	case TREE_SYMLINK:
		if (!S_ISLNK(st->st_mode))
			return false;
		len = readlinkat(fd, "", target, sizeof(target));
		return len >= 0 && (size_t)len == e->target.len &&
		    memcmp(target, e->target.p, (size_t)len) == 0;
	case TREE_FIFO:
		return S_ISFIFO(st->st_mode);
	case TREE_CHAR:
		return S_ISCHR(st->st_mode) &&
		    st->st_rdev == makedev(e->major, e->minor);
	case TREE_BLOCK:
		return S_ISBLK(st->st_mode) &&
		    st->st_rdev == makedev(e->major, e->minor);
	case TREE_FILE:
	case TREE_DIR:
		break;
	}
	return false;
}

/*
 * Give what was just made its metadata.  Somebody may have put something else
 * in its place: then it is not ours, or has another name.
 */
static bool
dress(const struct hand *h, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, struct mishap *m)
{
	int fd = openat(d->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct object x = object_held(fd);
	struct stat st;
	bool done;

	if (fd == -1 || fstat(fd, &st) == -1)
		done = mishap(m, errno, "look at it");
	else if (!is_alike(fd, e, &st) || st.st_nlink != 1 ||
	    st.st_uid != geteuid())
		done = mishap(m, 0, "it was replaced meanwhile");
	else
		done = true;
	if (done) {
		x.fresh = true;
		x.inherits = d->inherits;
		meta_apply(h, &x, e, &st, m);
	}
	file_close(fd);
	return done;
}

static enum outcome
put(struct hand *h, const struct restore_dir *d, const struct tree_entry *e,
    const char *name, bool replace, struct mishap *m)
{
	char temp[64];

	if (!replace)
		return make(h, d->fd, e, name, m) && dress(h, d, e, name, m)
		    ? OUTCOME_MADE
		    : OUTCOME_FAILED;
	hand_temp_name(h, temp);
	if (!make(h, d->fd, e, temp, m))
		return OUTCOME_FAILED;
	if (dress(h, d, e, temp, m)) {
		if (renameat(d->fd, temp, d->fd, name) == 0)
			return OUTCOME_REPLACED;
		mishap(m, errno, "rename it into place");
	}
	unlinkat(d->fd, temp, 0);
	return OUTCOME_FAILED;
}

/* One of the same type is there: OUTCOME_NONE if it has to be replaced. */
static enum outcome
update(const struct hand *h, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, struct mishap *m)
{
	int fd = openat(d->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct object x = object_held(fd);
	enum outcome out = OUTCOME_NONE;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 || !is_alike(fd, e, &st)) {
		file_close(fd);
		return out;
	}
	if (meta_is_same(h, &x, e, &st)) {
		out = OUTCOME_KEPT;
	} else if (st.st_nlink == 1) {
		if (!h->o->dry_run)
			meta_apply(h, &x, e, &st, m);
		out = OUTCOME_UPDATED;
	}
	close(fd);
	return out;
}

bool
node_is_unasked(const struct restore *r, const struct tree_entry *e)
{
	return (e->type == TREE_CHAR || e->type == TREE_BLOCK) &&
	    !r->o->devices;
}

enum blk_status
node_restore(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, uint64_t *total, struct fault *why)
{
	struct mishap m = { .what = NULL };
	enum outcome out = OUTCOME_NONE;
	enum verdict v;
	char name[256];
	struct stat st;

	restore_name(e, name);
	if (node_is_unasked(r, e)) {
		mishap(&m, 0, "a device, which was not asked for");
		return restore_problem(r, d, e->name, &m, why);
	}
	v = restore_verdict(r, d, e, name, &st, &m);
	if (v == VERDICT_UPDATE)
		out = update(&r->hand, d, e, name, &m);
	if (v == VERDICT_KEEP)
		out = OUTCOME_KEPT;
	if (v == VERDICT_FAILED)
		out = OUTCOME_FAILED;
	if (out == OUTCOME_NONE && r->o->dry_run)
		out = v == VERDICT_NEW ? OUTCOME_MADE : OUTCOME_REPLACED;
	if (out == OUTCOME_NONE)
		out = put(&r->hand, d, e, name, v != VERDICT_NEW, &m);
	if (out != OUTCOME_FAILED)
		restore_count(total, 1);
	restore_outcome(r, d, e->name, out);
	return restore_problem(r, d, e->name, &m, why);
}

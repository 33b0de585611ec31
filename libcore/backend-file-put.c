/*
 * A blob is written to tmp/SESSION.N, synced, and then renamed or linked to
 * its key, so that under a key stands all of it or nothing.
 */
#include "backend-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define TMP_TRIES 1000 /* names that another handle of the session may hold */

size_t
dirs_path_len(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash == NULL ? 0 : (size_t)(slash - key);
}

static const char *
leaf_of(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash == NULL ? key : slash + 1;
}

/* One put on its way. */
struct putting {
	struct file_store *s;
	const char *key;
	bool sync;
	struct dirs_use tmp, home; /* where it is written, where it belongs */
	char name[64];             /* of the temporary, "" when there is none */
};

static enum blk_status
create_tmp(struct putting *p, int *fd, struct fault *why)
{
	for (int i = 0; i < TMP_TRIES; i++) {
		snprintf(p->name, sizeof(p->name), "%s.%ju", p->s->session,
		    (uintmax_t)__atomic_fetch_add(
		        &p->s->next, 1, __ATOMIC_RELAXED));
		*fd = openat(p->tmp.fd, p->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (*fd != -1)
			return BLK_OK;
		if (errno != EEXIST)
			break;
	}
	fault_sys(why, "create tmp/%s for %s", p->name, p->key);
	p->name[0] = '\0';
	return BLK_FAILED;
}

static enum blk_status
fill_tmp(struct putting *p, int fd, const struct iovec *part, size_t n,
    struct fault *why)
{
	mode_t mode = p->s->base.caps.shared_group ? 0440 : 0400;

	while (n > 0) {
		size_t some = n < 1024 ? n : 1024; /* as much as writev takes */
		enum blk_status st = file_writev(fd, part, some, p->key, why);

		if (st != BLK_OK)
			return st;
		part += some;
		n -= some;
	}
	if (fchmod(fd, mode) == -1)
		return fault_sys(why, "chmod %s", p->key);
	if (p->sync && fdatasync(fd) == -1) {
		fault_sys(why, "sync %s", p->key);
		dirs_poison(&p->s->dirs);
		return BLK_FAILED;
	}
	return BLK_OK;
}

static enum blk_status
write_tmp(
    struct putting *p, const struct iovec *part, size_t n, struct fault *why)
{
	enum blk_status st;
	int fd;

	st = create_tmp(p, &fd, why);
	if (st != BLK_OK)
		return st;
	st = fill_tmp(p, fd, part, n, why);
	/* Where nothing was synced, close is the last to tell of an error. */
	if (close(fd) == -1 && errno != EINTR && st == BLK_OK)
		st = fault_sys(why, "close %s", p->key);
	return st;
}

static void
drop_tmp(struct putting *p)
{
	if (p->name[0] != '\0')
		unlinkat(p->tmp.fd, p->name, 0);
	p->name[0] = '\0';
}

/* Give the temporary its key if that is free; -1 and EEXIST if it is not. */
static int
publish_new(struct putting *p)
{
	const char *leaf = leaf_of(p->key);
	bool *link_only = &p->s->link_only;

	if (!__atomic_load_n(link_only, __ATOMIC_RELAXED)) {
		if (renameat2(p->tmp.fd, p->name, p->home.fd, leaf,
		        RENAME_NOREPLACE) == 0) {
			p->name[0] = '\0';
			return 0;
		}
		if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return -1;
		__atomic_store_n(link_only, true, __ATOMIC_RELAXED);
	}
	return linkat(p->tmp.fd, p->name, p->home.fd, leaf, 0);
}

static enum blk_status
publish(struct putting *p, bool exclusive, enum backend_outcome *outcome,
    struct fault *why)
{
	const char *leaf = leaf_of(p->key);

	*outcome = BACKEND_MADE;
	if (!exclusive) {
		if (renameat(p->tmp.fd, p->name, p->home.fd, leaf) == -1)
			return fault_sys(why, "rename to %s", p->key);
		p->name[0] = '\0';
		return BLK_OK;
	}
	if (publish_new(p) == 0)
		return BLK_OK;
	if (errno != EEXIST)
		return fault_sys(why, "publish %s", p->key);
	/* A server asked twice, because its first answer was lost, finds our
	 * own file in the way. */
	*outcome = p->s->base.caps.local ? BACKEND_EXISTS : BACKEND_UNSURE;
	return BLK_OK;
}

/* From here on something may be visible, and nothing is removed any more. */
static enum blk_status
make_durable(struct putting *p, struct fault *why)
{
	enum blk_status st;

	if (!p->sync)
		return BLK_OK;
	st = dirs_sync(&p->s->dirs, &p->home, why);
	if (st != BLK_OK)
		return fault_in(why, st, "%s: outcome unknown", p->key);
	return BLK_OK;
}

enum blk_status
file_store_put(struct backend *b, const char *key, const struct iovec *part,
    size_t n, unsigned flags, enum backend_outcome *outcome, struct fault *why)
{
	struct putting p = {
		.s = file_store_of(b),
		.key = key,
		.sync = (flags & BACKEND_UNSYNCED) == 0,
		.tmp = DIRS_USE_NONE,
		.home = DIRS_USE_NONE,
	};
	struct dirs *d = &p.s->dirs;
	enum blk_status st = dirs_sound(d, why);

	if (st == BLK_OK)
		st = dirs_use(d, "tmp", 3, true, false, &p.tmp, why);
	if (st == BLK_OK)
		st = dirs_use(
		    d, key, dirs_path_len(key), true, p.sync, &p.home, why);
	if (st == BLK_OK)
		st = write_tmp(&p, part, n, why);
	if (st == BLK_OK)
		st =
		    publish(&p, (flags & BACKEND_EXCLUSIVE) != 0, outcome, why);
	drop_tmp(&p);
	if (st == BLK_OK && *outcome != BACKEND_EXISTS)
		st = make_durable(&p, why);
	dirs_done(&p.home);
	dirs_done(&p.tmp);
	return st;
}

#include "backend-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

struct listing {
	enum blk_status (*visit)(void *arg, const char *key,
	    const struct backend_stat *st, struct fault *why);
	void *arg;
	char key[BACKEND_KEY_MAX + 1]; /* grows and shrinks on the way */
	size_t len;
};

static enum blk_status list_dir(struct listing *l, int fd, struct fault *why);

/* What lies in tmp and locks are no blobs; who wants them names them. */
static bool
is_hidden(const struct listing *l)
{
	return strcmp(l->key, "tmp") == 0 || strcmp(l->key, "locks") == 0;
}

static enum blk_status
enter(struct listing *l, int above, const char *name, struct fault *why)
{
	enum blk_status st;
	int fd;

	if (is_hidden(l) || l->len + 1 >= sizeof(l->key))
		return BLK_OK; /* no key could name what lies in there */
	st = file_open_dir(above, name, &fd, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st != BLK_OK)
		return fault_in(why, st, "list %s", l->key);
	l->key[l->len++] = '/';
	return list_dir(l, fd, why);
}

/* l->key is what stands as name in the directory fd. */
static enum blk_status
meet(struct listing *l, int fd, const struct dirent *e, struct fault *why)
{
	struct backend_stat st;
	struct stat sb;

	if (e->d_type == DT_DIR)
		return enter(l, fd, e->d_name, why);
	if (fstatat(fd, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? BLK_OK
		                       : fault_sys(why, "stat %s", l->key);
	if (S_ISDIR(sb.st_mode))
		return enter(l, fd, e->d_name, why);
	if (!S_ISREG(sb.st_mode))
		return BLK_OK;
	dirs_stat(&st, &sb);
	return l->visit(l->arg, l->key, &st, why);
}

/* All entries of fd, which is closed, below the first len bytes of key. */
static enum blk_status
list_dir(struct listing *l, int fd, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t len = l->len;
	struct dirent *e;
	DIR *dir = fdopendir(fd);

	if (dir == NULL) {
		st = fault_sys(why, "list %.*s", (int)len, l->key);
		file_close(fd);
		return st;
	}
	while (st == BLK_OK) {
		size_t n;

		errno = 0;
		e = readdir(dir);
		if (e == NULL && errno != 0)
			st = fault_sys(why, "list %.*s", (int)len, l->key);
		if (e == NULL)
			break;
		n = strlen(e->d_name);
		if (len + n > BACKEND_KEY_MAX)
			continue;
		memcpy(l->key + len, e->d_name, n + 1);
		l->len = len + n;
		if (backend_key_is_valid(l->key))
			st = meet(l, fd, e, why);
	}
	closedir(dir);
	return st;
}

enum blk_status
dirs_list(int root, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, struct fault *why)
{
	struct listing l = { .visit = visit, .arg = arg };
	enum blk_status st;
	int fd;

	l.len = strlen(prefix);
	memcpy(l.key, prefix, l.len + 1);
	st = file_open_dir(root, l.len == 0 ? "." : prefix, &fd, why);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		return BLK_OK; /* there is nothing of that name, or a blob */
	return st != BLK_OK ? st : list_dir(&l, fd, why);
}

void
dirs_stat(struct backend_stat *st, const struct stat *sb)
{
	st->bytes = (uint64_t)sb->st_size;
	st->mtime =
	    (int64_t)sb->st_mtim.tv_sec * 1000000000 + sb->st_mtim.tv_nsec;
}

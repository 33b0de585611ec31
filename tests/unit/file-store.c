#include "file-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The functions below stand before those of libc in this program. */
struct sys sys;

static bool
due(unsigned *n)
{
	return *n > 0 && --*n == 0;
}

int
fdatasync(int fd)
{
	__atomic_fetch_add(&sys.fdatasyncs, 1, __ATOMIC_RELAXED);
	if (due(&sys.fail_fdatasync)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	unsigned n = __atomic_fetch_add(&sys.fsyncs, 1, __ATOMIC_RELAXED);
	struct stat sb;

	if (n < COUNT(sys.synced) && fstat(fd, &sb) == 0)
		sys.synced[n] = sb.st_ino;
	if (due(&sys.fail_fsync)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
renameat2(
    int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (sys.fail_renameat2 != 0) {
		errno = sys.fail_renameat2;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (sys.fail_linkat != 0) {
		errno = sys.fail_linkat;
		return -1;
	}
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

ssize_t
writev(int fd, const struct iovec *part, int n)
{
	if (sys.fail_write != 0) {
		errno = sys.fail_write;
		return -1;
	}
	return syscall(SYS_writev, fd, part, n);
}

int
fstatfs(int fd, struct statfs *fs)
{
	int st = (int)syscall(SYS_fstatfs, fd, fs);

	if (sys.nfs)
		fs->f_type = NFS_SUPER_MAGIC;
	return st;
}

char root[TMPDIR_MAX];
char path[TMPDIR_MAX + 16];
struct backend *b;

const struct backend_open_options make = { .create = true, .session = SESSION };
const struct backend_open_options plain = { .create = false };

struct backend *
open_store(const struct backend_open_options *o)
{
	struct fault why = FAULT_NONE;
	struct backend *out;

	assert_int_equal(backend_open(path, o, &out, &why), BLK_OK);
	return out;
}

int
empty(void **state)
{
	(void)state;
	memset(&sys, 0, sizeof(sys));
	b = NULL;
	if (tmpdir_make(root) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/store", root);
	return 0;
}

int
fresh(void **state)
{
	if (empty(state) != 0)
		return -1;
	b = open_store(&make);
	memset(&sys, 0, sizeof(sys));
	return 0;
}

int
gone(void **state)
{
	(void)state;
	backend_close(b);
	return tmpdir_remove(root);
}

const char *
at(const char *name)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	return full;
}

struct stat
stat_of(const char *name)
{
	struct stat sb = { 0 };

	assert_int_equal(lstat(at(name), &sb), 0);
	return sb;
}

bool
exists(const char *name)
{
	return access(at(name), F_OK) == 0;
}

size_t
found(const char *where, const char *words)
{
	char command[300];
	size_t n = 0;
	FILE *p;

	snprintf(command, sizeof(command), "find %s %s", at(where), words);
	p = popen(command, "r");
	assert_non_null(p);
	for (int c; (c = fgetc(p)) != EOF;)
		n += c == '\n';
	assert_int_equal(pclose(p), 0);
	return n;
}

enum blk_status
put_flags(struct backend *s, const char *key, unsigned flags,
    enum backend_outcome *outcome, struct fault *why)
{
	char data[] = "data";
	const struct iovec part = { data, 4 };

	return s->type->put(s, key, &part, 1, flags, outcome, why);
}

void
assert_put_costs(const char *key, unsigned fdatasyncs, unsigned fsyncs)
{
	struct fault why = FAULT_NONE;

	sys.fdatasyncs = sys.fsyncs = 0;
	assert_int_equal(backend_put(b, key, "data", 4, &why), BLK_OK);
	assert_int_equal(sys.fdatasyncs, fdatasyncs);
	assert_int_equal(sys.fsyncs, fsyncs);
}

bool
synced(const char *name)
{
	ino_t want = stat_of(name).st_ino;

	for (size_t i = 0; i < sys.fsyncs && i < COUNT(sys.synced); i++)
		if (sys.synced[i] == want)
			return true;
	return false;
}

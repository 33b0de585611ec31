/*
 * inject.c - make system calls of a program fail, count them, log them, or
 * end the program before one of them.
 *
 *     LD_PRELOAD=inject.so INJECT='RULE;RULE...' command...
 *
 * CALL:N[:WHAT[:PART]]  what the N-th CALL does ("*": every one), of those
 *     whose path, or the path of whose descriptor, has PART in it.  CALL is
 *     open read pread write writev pwrite fsync fdatasync ftruncate close
 *     rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat
 *     fstatfs malloc.  open is openat, too; malloc is calloc and realloc, too,
 *     and takes no PART.  WHAT is the errno that it fails with, undone: EIO
 *     (if none is given) ENOSPC EDQUOT EINTR EMFILE EACCES EPERM EROFS ENOENT
 *     EEXIST EINVAL ENOMEM ESTALE ETIMEDOUT; or "short": it moves half of the
 *     bytes; "kill": SIGKILL before it; "nfs": fstatfs says that this is NFS;
 *     "grow": before it the file gets a byte more, a plus sign.
 * nosync  fsync and fdatasync do nothing and say that all is well.
 * kill:N  SIGKILL before the N-th call, counted over all but malloc.
 *
 * INJECT_LOG=FILE    a line a call goes there: its name, a space, its path
 * INJECT_COUNT=FILE  the number of calls goes there when the program exits
 *
 * A rule that is not understood ends the program with status 125.  Calls that
 * libc makes of its own (stdio) do not pass here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RULES 16
#define PARTS 1024 /* of a vector */

enum what { NOTHING, FAIL, SHORT, KILL, NFS, GROW };

struct rule {
	char call[16];
	unsigned long n; /* 0: every one */
	enum what what;
	int sys;
	char part[128];     /* "" matches all */
	unsigned long seen; /* atomic */
};

static struct rule rules[RULES];
static size_t rule_count;
static bool nosync;
static unsigned long kill_at, calls; /* calls is atomic */
static char log_path[PATH_MAX], count_path[PATH_MAX];
static bool ready;

/* --- plain system calls, which do not come back here --- */

static void
raw_write(const char *path, int flags, const char *text, size_t len)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);

	if (fd == -1)
		return;
	(void)!syscall(SYS_write, (int)fd, text, len);
	syscall(SYS_close, (int)fd);
}

static void
die(const char *rule)
{
	static const char text[] = "inject: not a rule: ";

	(void)!syscall(SYS_write, 2, text, sizeof(text) - 1);
	(void)!syscall(SYS_write, 2, rule, strlen(rule));
	(void)!syscall(SYS_write, 2, "\n", 1);
	syscall(SYS_exit_group, 125);
}

static void
kill_self(void)
{
	syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
}

/* --- rules --- */

static const struct {
	const char *name;
	int sys;
} errors[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
	{ "EINTR", EINTR }, { "EMFILE", EMFILE }, { "EACCES", EACCES },
	{ "EPERM", EPERM }, { "EROFS", EROFS }, { "ENOENT", ENOENT },
	{ "EEXIST", EEXIST }, { "EINVAL", EINVAL }, { "ENOMEM", ENOMEM },
	{ "ESTALE", ESTALE }, { "ETIMEDOUT", ETIMEDOUT } };

static const char known[] = " open read pread write writev pwrite fsync "
                            "fdatasync ftruncate close rename renameat "
                            "renameat2 link linkat unlink unlinkat mkdir "
                            "mkdirat fstatfs malloc ";

/* Cut the next field off *rest; false at the end. */
static bool
field(char **rest, char *out, size_t size)
{
	size_t n;

	if (*rest == NULL)
		return false;
	n = strcspn(*rest, ":");
	if (n >= size)
		return false;
	memcpy(out, *rest, n);
	out[n] = '\0';
	*rest = (*rest)[n] == ':' ? *rest + n + 1 : NULL;
	return true;
}

static bool
number(const char *text, unsigned long *n)
{
	char *end;

	*n = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *n > 0;
}

static bool
set_what(struct rule *r, const char *text)
{
	r->what = FAIL;
	r->sys = strcmp(r->call, "malloc") == 0 ? ENOMEM : EIO;
	if (*text == '\0')
		return true;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(text, errors[i].name) == 0) {
			r->sys = errors[i].sys;
			return true;
		}
	if (strcmp(text, "short") == 0)
		r->what = SHORT;
	else if (strcmp(text, "kill") == 0)
		r->what = KILL;
	else if (strcmp(text, "nfs") == 0)
		r->what = NFS;
	else if (strcmp(text, "grow") == 0)
		r->what = GROW;
	return r->what != FAIL;
}

static bool
parse_rule(char *text)
{
	struct rule *r = &rules[rule_count];
	char n[24], what[16] = "", padded[20];
	char *rest = text;

	if (strcmp(text, "nosync") == 0) {
		nosync = true;
		return true;
	}
	if (!field(&rest, r->call, sizeof(r->call)) ||
	    !field(&rest, n, sizeof(n)))
		return false;
	if (strcmp(r->call, "kill") == 0)
		return rest == NULL && number(n, &kill_at);
	if (strcmp(r->call, "openat") == 0)
		strcpy(r->call, "open");
	snprintf(padded, sizeof(padded), " %s ", r->call);
	if (rule_count == RULES - 1 || strstr(known, padded) == NULL)
		return false;
	if (strcmp(n, "*") != 0 && !number(n, &r->n))
		return false;
	if (rest != NULL && !field(&rest, what, sizeof(what)))
		return false;
	if (rest != NULL && strlen(rest) >= sizeof(r->part))
		return false;
	strcpy(r->part, rest == NULL ? "" : rest);
	rule_count++;
	return set_what(r, what);
}

__attribute__((constructor)) static void
start(void)
{
	static char copy[4096];
	const char *text = getenv("INJECT"), *path;
	char *rest, *rule;

	path = getenv("INJECT_LOG");
	if (path != NULL && strlen(path) < sizeof(log_path))
		strcpy(log_path, path);
	path = getenv("INJECT_COUNT");
	if (path != NULL && strlen(path) < sizeof(count_path))
		strcpy(count_path, path);
	if (text != NULL && strlen(text) >= sizeof(copy))
		die(text);
	strcpy(copy, text == NULL ? "" : text);
	for (rule = strtok_r(copy, ";", &rest); rule != NULL;
	     rule = strtok_r(NULL, ";", &rest))
		if (!parse_rule(rule))
			die(rule);
	ready = true;
}

__attribute__((destructor)) static void
end(void)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%lu\n",
	    __atomic_load_n(&calls, __ATOMIC_RELAXED));

	if (count_path[0] != '\0')
		raw_write(count_path, O_TRUNC, text, (size_t)len);
}

/* --- what is to happen --- */

/* Which files a call is about; a descriptor alone has path NULL. */
struct about {
	int fd;
	const char *path;
};

/* Its full path, as far as it is known; "" for nothing. */
static void
name_of(struct about a, char out[PATH_MAX])
{
	char link[40];
	size_t len = 0;
	long n = 0;

	if (a.fd >= 0 && (a.path == NULL || a.path[0] != '/')) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", a.fd);
		n = syscall(
		    SYS_readlinkat, AT_FDCWD, link, out, (size_t)PATH_MAX - 1);
	}
	if (n > 0)
		len = (size_t)n;
	if (len > 0 && len < PATH_MAX - 1 && a.path != NULL)
		out[len++] = '/';
	for (const char *p = a.path; p != NULL && *p != '\0'; p++)
		if (len < PATH_MAX - 1)
			out[len++] = *p;
	out[len] = '\0';
}

static void
log_call(const char *call, const char *from, const char *to)
{
	char line[2 * PATH_MAX + 32];
	int len;

	len = snprintf(line, sizeof(line), "%s %s%s%s\n", call, from,
	    *to == '\0' ? "" : " ", to);
	raw_write(log_path, O_APPEND, line, (size_t)len);
}

static const struct rule *
match(const char *call, const char *from, const char *to)
{
	const struct rule *due = NULL;

	for (size_t i = 0; i < rule_count; i++) {
		struct rule *r = &rules[i];
		unsigned long n;

		if (strcmp(r->call, call) != 0 ||
		    (strstr(from, r->part) == NULL &&
		        strstr(to, r->part) == NULL))
			continue;
		n = __atomic_add_fetch(&r->seen, 1, __ATOMIC_RELAXED);
		if (due == NULL && (r->n == 0 || r->n == n))
			due = r;
	}
	return due;
}

/*
 * Note a call and find the rule that is due.  A failure sets errno and is
 * FAIL; otherwise errno is as before.
 */
static enum what
happen(const char *call, struct about from, struct about to)
{
	char first[PATH_MAX], second[PATH_MAX];
	const struct rule *r;
	int old = errno;

	if (!ready)
		return NOTHING;
	if (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == kill_at)
		kill_self();
	if (log_path[0] == '\0' && rule_count == 0)
		return NOTHING;
	name_of(from, first);
	name_of(to, second);
	if (log_path[0] != '\0')
		log_call(call, first, second);
	r = match(call, first, second);
	errno = old;
	if (r == NULL)
		return NOTHING;
	if (r->what == KILL)
		kill_self();
	if (r->what == FAIL)
		errno = r->sys;
	if (r->what == GROW) {
		raw_write(first, O_APPEND, "+", 1);
		errno = old;
		return NOTHING;
	}
	return r->what;
}

static enum what
happen_fd(const char *call, int fd)
{
	return happen(
	    call, (struct about){ fd, NULL }, (struct about){ -1, NULL });
}

static enum what
happen_at(const char *call, int dir, const char *path)
{
	return happen(
	    call, (struct about){ dir, path }, (struct about){ -1, NULL });
}

/* Half of len, but something: a call that moves nothing says "end". */
static size_t
shorter(size_t len, enum what what)
{
	return what == SHORT && len > 1 ? len / 2 : len;
}

/* --- the calls --- */

/* The function of the next library, found once. */
#define REAL(call)                                                             \
	static __typeof__(call) *real;                                         \
	if (real == NULL)                                                      \
	*(void **)&real = find(#call)

static void *
find(const char *call)
{
	void *p = dlsym(RTLD_NEXT, call);

	if (p == NULL)
		die(call);
	return p;
}

int
fsync(int fd)
{
	REAL(fsync);
	if (happen_fd("fsync", fd) == FAIL)
		return -1;
	return nosync ? 0 : real(fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);
	if (happen_fd("fdatasync", fd) == FAIL)
		return -1;
	return nosync ? 0 : real(fd);
}

int
close(int fd)
{
	REAL(close);
	if (happen_fd("close", fd) == FAIL) {
		int sys = errno;

		real(fd); /* as Linux does it: failed, and closed */
		errno = sys;
		return -1;
	}
	return real(fd);
}

#define READ(call, buffer)                                                     \
	ssize_t call(int fd, buffer buf, size_t len)                           \
	{                                                                      \
		enum what what;                                                \
		REAL(call);                                                    \
		what = happen_fd(#call, fd);                                   \
		return what == FAIL ? -1 : real(fd, buf, shorter(len, what));  \
	}

#define PREAD(call, name, buffer, offset_t)                                    \
	ssize_t call(int fd, buffer buf, size_t len, offset_t offset)          \
	{                                                                      \
		enum what what;                                                \
		REAL(call);                                                    \
		what = happen_fd(name, fd);                                    \
		return what == FAIL                                            \
		    ? -1                                                       \
		    : real(fd, buf, shorter(len, what), offset);               \
	}

READ(read, void *)
READ(write, const void *)
PREAD(pread, "pread", void *, off_t)
PREAD(pread64, "pread", void *, off64_t)
PREAD(pwrite, "pwrite", const void *, off_t)
PREAD(pwrite64, "pwrite", const void *, off64_t)

/* What a program calls when it was built with -D_FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t size);
ssize_t __pread64_chk(
    int fd, void *buf, size_t len, off64_t offset, size_t size);

ssize_t
__read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		abort();
	return read(fd, buf, len);
}

ssize_t
__pread_chk(int fd, void *buf, size_t len, off_t offset, size_t size)
{
	if (len > size)
		abort();
	return pread(fd, buf, len, offset);
}

ssize_t
__pread64_chk(int fd, void *buf, size_t len, off64_t offset, size_t size)
{
	if (len > size)
		abort();
	return pread64(fd, buf, len, offset);
}

ssize_t
writev(int fd, const struct iovec *part, int n)
{
	struct iovec some[PARTS];
	enum what what;
	size_t left = 0;
	int used = 0;

	REAL(writev);
	what = happen_fd("writev", fd);
	if (what == FAIL)
		return -1;
	if (what != SHORT || n > PARTS)
		return real(fd, part, n);
	for (int i = 0; i < n; i++)
		left += part[i].iov_len;
	left = shorter(left, what);
	for (; used < n && left > 0; used++) {
		some[used] = part[used];
		if (some[used].iov_len > left)
			some[used].iov_len = left;
		left -= some[used].iov_len;
	}
	return real(fd, some, used);
}

#define TRUNCATE(call, offset_t)                                               \
	int call(int fd, offset_t len)                                         \
	{                                                                      \
		REAL(call);                                                    \
		return happen_fd("ftruncate", fd) == FAIL ? -1                 \
		                                          : real(fd, len);     \
	}

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define FSTATFS(call, type)                                                    \
	int call(int fd, struct type *fs)                                      \
	{                                                                      \
		enum what what;                                                \
		int result;                                                    \
		REAL(call);                                                    \
		what = happen_fd("fstatfs", fd);                               \
		if (what == FAIL)                                              \
			return -1;                                             \
		result = real(fd, fs);                                         \
		if (what == NFS)                                               \
			fs->f_type = NFS_SUPER_MAGIC;                          \
		return result;                                                 \
	}

FSTATFS(fstatfs, statfs)
FSTATFS(fstatfs64, statfs64)

/* open has a mode only where it may make a file. */
#define MODE_OF(flags, mode)                                                   \
	do {                                                                   \
		va_list ap;                                                    \
		va_start(ap, flags);                                           \
		if (((flags) & (O_CREAT | __O_TMPFILE)) != 0)                  \
			mode = va_arg(ap, mode_t);                             \
		va_end(ap);                                                    \
	} while (0)

#define OPEN(call)                                                             \
	int call(const char *path, int flags, ...)                             \
	{                                                                      \
		mode_t mode = 0;                                               \
		REAL(call);                                                    \
		MODE_OF(flags, mode);                                          \
		if (happen_at("open", -1, path) == FAIL)                       \
			return -1;                                             \
		return real(path, flags, mode);                                \
	}

#define OPENAT(call)                                                           \
	int call(int dir, const char *path, int flags, ...)                    \
	{                                                                      \
		mode_t mode = 0;                                               \
		REAL(call);                                                    \
		MODE_OF(flags, mode);                                          \
		if (happen_at("open", dir, path) == FAIL)                      \
			return -1;                                             \
		return real(dir, path, flags, mode);                           \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

int
__open_2(const char *path, int flags)
{
	return open(path, flags);
}

int
__open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

int
__openat_2(int dir, const char *path, int flags)
{
	return openat(dir, path, flags);
}

int
__openat64_2(int dir, const char *path, int flags)
{
	return openat64(dir, path, flags);
}

int
unlink(const char *path)
{
	REAL(unlink);
	return happen_at("unlink", -1, path) == FAIL ? -1 : real(path);
}

int
unlinkat(int dir, const char *path, int flags)
{
	REAL(unlinkat);
	return happen_at("unlinkat", dir, path) == FAIL
	    ? -1
	    : real(dir, path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	return happen_at("mkdir", -1, path) == FAIL ? -1 : real(path, mode);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	REAL(mkdirat);
	return happen_at("mkdirat", dir, path) == FAIL ? -1
	                                               : real(dir, path, mode);
}

static bool
two_fail(const char *call, int a, const char *from, int c, const char *to)
{
	return happen(call, (struct about){ a, from },
	           (struct about){ c, to }) == FAIL;
}

int
rename(const char *from, const char *to)
{
	REAL(rename);
	return two_fail("rename", -1, from, -1, to) ? -1 : real(from, to);
}

int
link(const char *from, const char *to)
{
	REAL(link);
	return two_fail("link", -1, from, -1, to) ? -1 : real(from, to);
}

int
renameat(int a, const char *from, int c, const char *to)
{
	REAL(renameat);
	return two_fail("renameat", a, from, c, to) ? -1 : real(a, from, c, to);
}

int
renameat2(int a, const char *from, int c, const char *to, unsigned flags)
{
	REAL(renameat2);
	return two_fail("renameat2", a, from, c, to)
	    ? -1
	    : real(a, from, c, to, flags);
}

int
linkat(int a, const char *from, int c, const char *to, int flags)
{
	REAL(linkat);
	return two_fail("linkat", a, from, c, to) ? -1
	                                          : real(a, from, c, to, flags);
}

/* --- memory: libc's own entry points, for dlsym itself allocates --- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static bool
memory_fails(void)
{
	const struct rule *r = ready ? match("malloc", "", "") : NULL;

	if (r == NULL)
		return false;
	if (r->what == KILL)
		kill_self();
	errno = r->sys;
	return true;
}

void *
malloc(size_t size)
{
	return memory_fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return memory_fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return memory_fails() ? NULL : __libc_realloc(p, size);
}

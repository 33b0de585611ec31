#include "failing-calls.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <zlib.h>
#include <zstd.h>

#define SITES 16384 /* a power of two, many more than there are */
#define DEPTH 7     /* functions on the way that make a site */

static atomic_bool armed, every_time;
static atomic_uint failed;
static _Atomic uint64_t failing;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct failing_site site[SITES]; /* in order of appearance */
static uint32_t slot[SITES * 2];        /* by key: 1 + its place in site */
static size_t sites;
static void *where[DEPTH + 1]; /* the first failure */
extern const char __executable_start[];

static void
note(uint64_t key, const char *call)
{
	size_t at = key % (SITES * 2);

	pthread_mutex_lock(&lock);
	while (slot[at] != 0 && site[slot[at] - 1].key != key)
		at = (at + 1) % (SITES * 2);
	if (slot[at] == 0 && sites < SITES) {
		site[sites] = (struct failing_site){ key, call };
		slot[at] = (uint32_t)++sites;
	}
	pthread_mutex_unlock(&lock);
}

/* What is called, and from where; never 0. */
static uint64_t
key_of(const char *call, void *const *frame, int n)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (const char *p = call; *p != '\0'; p++)
		key = (key ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	/* Relative to something of this program: it is loaded anywhere. */
	for (int i = 1; i < n; i++) {
		uint64_t at = (uint64_t)(uintptr_t)frame[i] -
		    (uint64_t)(uintptr_t)&failing_begin;

		key = (key ^ at) * UINT64_C(0x100000001b3);
		key ^= key >> 29;
	}
	return key | 1;
}

/* Does this call fail? */
static bool __attribute__((noinline)) fails(const char *call)
{
	uint64_t key, wanted = atomic_load(&failing);
	void *frame[DEPTH + 1];
	bool yes;
	int n;

	if (!atomic_load(&armed))
		return false;
	n = backtrace(frame, DEPTH + 1);
	key = key_of(call, frame, n);
	note(key, call);
	yes = key == wanted;
	if (yes && !atomic_load(&every_time))
		yes = atomic_compare_exchange_strong(&failing, &wanted, 0);
	if (yes && atomic_fetch_add(&failed, 1) == 0)
		memcpy(where, frame, sizeof(where));
	return yes;
}

void
failing_begin(uint64_t fail, bool each_time)
{
	void *frame[2];

	(void)backtrace(frame, 2); /* it loads a library the first time */
	atomic_store(&failing, fail);
	atomic_store(&every_time, each_time);
	atomic_store(&failed, 0);
	atomic_store(&armed, true);
}

unsigned
failing_end(void)
{
	atomic_store(&armed, false);
	return atomic_load(&failed);
}

void
failing_where(char *text, size_t size)
{
	size_t len = 0;

	for (int i = 1; i <= DEPTH && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, " %#tx",
		    (const char *)where[i] - __executable_start - 1);
}

bool
failing_site_at(size_t i, struct failing_site *out)
{
	bool there;

	pthread_mutex_lock(&lock);
	there = i < sites;
	if (there)
		*out = site[i];
	pthread_mutex_unlock(&lock);
	return there;
}

void
failing_forget(void)
{
	memset(slot, 0, sizeof(slot));
	sites = 0;
}

/* --- the wrappers --- */

/* A function TYPE NAME(PARAMETERS), which on failure sets errno to ERROR and
 * returns BAD. */
#define WRAP(type, name, parameters, arguments, error, bad)                    \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters                                          \
	{                                                                      \
		if (fails(#name)) {                                            \
			errno = (error);                                       \
			return bad;                                            \
		}                                                              \
		return __real_##name arguments;                                \
	}

WRAP(void *, malloc, (size_t n), (n), ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), ENOMEM, NULL)
WRAP(char *, strdup, (const char *s), (s), ENOMEM, NULL)
WRAP(char *, strndup, (const char *s, size_t n), (s, n), ENOMEM, NULL)

WRAP(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), EIO, -1)
WRAP(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), EIO,
    -1)
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), ENOSPC, -1)
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at),
    (fd, p, n, at), ENOSPC, -1)
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n),
    ENOSPC, -1)
WRAP(int, fsync, (int fd), (fd), EIO, -1)
WRAP(int, fdatasync, (int fd), (fd), EIO, -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), EIO, -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n),
    ENOSPC, -1)
WRAP(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), EIO, -1)
WRAP(int, fstat, (int fd, struct stat *sb), (fd, sb), EIO, -1)
WRAP(int, fstatat, (int dir, const char *name, struct stat *sb, int flags),
    (dir, name, sb, flags), EIO, -1)
WRAP(int, statx,
    (int dir, const char *name, int flags, unsigned mask, struct statx *sb),
    (dir, name, flags, mask, sb), EIO, -1)
WRAP(int, fstatfs, (int fd, struct statfs *sb), (fd, sb), EIO, -1)
WRAP(int, fstatvfs, (int fd, struct statvfs *sb), (fd, sb), EIO, -1)
WRAP(int, flock, (int fd, int how), (fd, how), ENOLCK, -1)
WRAP(int, linkat, (int from, const char *a, int to, const char *b, int flags),
    (from, a, to, b, flags), EIO, -1)
WRAP(int, renameat, (int from, const char *a, int to, const char *b),
    (from, a, to, b), EIO, -1)
WRAP(int, renameat2,
    (int from, const char *a, int to, const char *b, unsigned flags),
    (from, a, to, b, flags), EIO, -1)
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags),
    EIO, -1)
WRAP(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode),
    ENOSPC, -1)
WRAP(int, symlinkat, (const char *to, int dir, const char *name),
    (to, dir, name), ENOSPC, -1)
WRAP(int, mkfifoat, (int dir, const char *name, mode_t mode), (dir, name, mode),
    ENOSPC, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), EIO, -1)
WRAP(int, fchmodat, (int dir, const char *name, mode_t mode, int flags),
    (dir, name, mode, flags), EIO, -1)
WRAP(int, fchownat,
    (int dir, const char *name, uid_t uid, gid_t gid, int flags),
    (dir, name, uid, gid, flags), EIO, -1)
WRAP(int, futimens, (int fd, const struct timespec t[2]), (fd, t), EIO, -1)
WRAP(int, utimensat,
    (int dir, const char *name, const struct timespec t[2], int flags),
    (dir, name, t, flags), EIO, -1)
WRAP(ssize_t, readlinkat, (int dir, const char *name, char *to, size_t n),
    (dir, name, to, n), EIO, -1)
WRAP(DIR *, fdopendir, (int fd), (fd), ENOMEM, NULL)
WRAP(struct dirent *, readdir, (DIR * d), (d), EIO, NULL)
WRAP(ssize_t, getdents64, (int fd, void *p, size_t n), (fd, p, n), EIO, -1)
WRAP(ssize_t, flistxattr, (int fd, char *p, size_t n), (fd, p, n), EIO, -1)
WRAP(ssize_t, fgetxattr, (int fd, const char *name, void *p, size_t n),
    (fd, name, p, n), EIO, -1)
WRAP(int, fsetxattr,
    (int fd, const char *name, const void *p, size_t n, int flags),
    (fd, name, p, n, flags), ENOSPC, -1)
WRAP(char *, realpath, (const char *path, char *to), (path, to), EIO, NULL)
WRAP(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags),
    EIO, -1)
WRAP(int, getentropy, (void *p, size_t n), (p, n), EIO, -1)
WRAP(int, pthread_create,
    (pthread_t * t, const pthread_attr_t *a, void *(*run)(void *), void *arg),
    (t, a, run, arg), 0, EAGAIN)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);

/* Then there is a mode. */
static bool
makes(int flags)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = makes(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (fails("open")) {
		errno = EMFILE;
		return -1;
	}
	return __real_open(path, flags, mode);
}

int
__wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = makes(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (fails("openat")) {
		errno = EMFILE;
		return -1;
	}
	return __real_openat(dir, path, flags, mode);
}

/* --- libraries --- */

WRAP(int, SHA256_Init, (SHA256_CTX * x), (x), 0, 0)
WRAP(int, SHA256_Update, (SHA256_CTX * x, const void *p, size_t n), (x, p, n),
    0, 0)
WRAP(int, SHA256_Final, (unsigned char *to, SHA256_CTX *x), (to, x), 0, 0)

WRAP(int, sqlite3_prepare_v2,
    (sqlite3 * db, const char *sql, int n, sqlite3_stmt **out,
        const char **tail),
    (db, sql, n, out, tail), 0, SQLITE_NOMEM)
WRAP(int, sqlite3_prepare_v3,
    (sqlite3 * db, const char *sql, int n, unsigned flags, sqlite3_stmt **out,
        const char **tail),
    (db, sql, n, flags, out, tail), 0, SQLITE_NOMEM)
WRAP(int, sqlite3_step, (sqlite3_stmt * q), (q), 0, SQLITE_IOERR)
WRAP(int, sqlite3_exec,
    (sqlite3 * db, const char *sql, int (*row)(void *, int, char **, char **),
        void *arg, char **message),
    (db, sql, row, arg, message), 0, SQLITE_IOERR)
WRAP(int, sqlite3_bind_int64, (sqlite3_stmt * q, int i, sqlite3_int64 v),
    (q, i, v), 0, SQLITE_NOMEM)
WRAP(int, sqlite3_bind_blob,
    (sqlite3_stmt * q, int i, const void *p, int n, void (*end)(void *)),
    (q, i, p, n, end), 0, SQLITE_NOMEM)
WRAP(int, sqlite3_bind_text,
    (sqlite3_stmt * q, int i, const char *p, int n, void (*end)(void *)),
    (q, i, p, n, end), 0, SQLITE_NOMEM)
WRAP(int, sqlite3_wal_checkpoint_v2,
    (sqlite3 * db, const char *name, int mode, int *log, int *done),
    (db, name, mode, log, done), 0, SQLITE_IOERR)

WRAP(ZSTD_CCtx *, ZSTD_createCCtx, (void), (), 0, NULL)
WRAP(ZSTD_DCtx *, ZSTD_createDCtx, (void), (), 0, NULL)
WRAP(size_t, ZSTD_compress2,
    (ZSTD_CCtx * x, void *to, size_t cap, const void *p, size_t n),
    (x, to, cap, p, n), 0, (size_t)-64)
WRAP(int, deflateInit2_,
    (z_streamp z, int level, int method, int bits, int memory, int strategy,
        const char *version, int size),
    (z, level, method, bits, memory, strategy, version, size), 0, Z_MEM_ERROR)
WRAP(int, inflateInit2_, (z_streamp z, int bits, const char *version, int size),
    (z, bits, version, size), 0, Z_MEM_ERROR)

WRAP(struct archive *, archive_write_new, (void), (), ENOMEM, NULL)
WRAP(struct archive *, archive_read_new, (void), (), ENOMEM, NULL)
WRAP(struct archive_entry *, archive_entry_new, (void), (), ENOMEM, NULL)

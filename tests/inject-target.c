/*
 * inject-target CALL... - make each call once, on files of the working
 * directory, and print what it gave; for the test of inject.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

static char text[] = "0123456789";

static struct {
	int dir, fd; /* the working directory, and the file "file" in it */
} with;

static long
do_writev(void)
{
	const struct iovec part[] = { { text, 3 }, { text, 0 }, { text, 7 } };

	return writev(with.fd, part, 3);
}

static long
do_malloc(void)
{
	/* Volatile, or compilers see that nobody wants it. */
	void *volatile p = malloc(100);
	long ok = p == NULL ? -1 : 0;

	free(p);
	return ok;
}

static long
do_realloc(void)
{
	void *volatile p = realloc(NULL, 100);
	long ok = p == NULL ? -1 : 0;

	free(p);
	return ok;
}

static long
do_calloc(void)
{
	void *volatile p = calloc(10, 10);
	long ok = p == NULL ? -1 : 0;

	free(p);
	return ok;
}

static long
do_open(int fd)
{
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static long
call(const char *name)
{
	char buf[10];
	struct statfs fs;

#define IS(word) if (strcmp(name, word) == 0)
	IS("open") return do_open(open("file", O_RDONLY | O_CLOEXEC));
	IS("openat")
	return do_open(openat(with.dir, "file", O_RDONLY | O_CLOEXEC));
	IS("read") return read(with.fd, buf, 10);
	IS("pread") return pread(with.fd, buf, 10, 0);
	IS("write") return write(with.fd, text, 10);
	IS("writev") return do_writev();
	IS("pwrite") return pwrite(with.fd, text, 10, 0);
	IS("fsync") return fsync(with.fd);
	IS("fdatasync") return fdatasync(with.fd);
	IS("ftruncate") return ftruncate(with.fd, 10);
	IS("close") return close(dup(with.fd));
	IS("link") return link("file", "linked");
	IS("linkat") return linkat(with.dir, "file", with.dir, "linkedat", 0);
	IS("rename") return rename("linked", "renamed");
	IS("renameat") return renameat(with.dir, "linkedat", with.dir, "x");
	IS("renameat2") return renameat2(with.dir, "x", with.dir, "y", 0);
	IS("unlink") return unlink("renamed");
	IS("unlinkat") return unlinkat(with.dir, "y", 0);
	IS("mkdir") return mkdir("made", 0700);
	IS("mkdirat") return mkdirat(with.dir, "madeat", 0700);
	IS("fstatfs")
	return fstatfs(with.fd, &fs) == -1 ? -1 : (long)fs.f_type;
	IS("malloc") return do_malloc();
	IS("calloc") return do_calloc();
	IS("realloc") return do_realloc();
	exit(2);
}

int
main(int argc, char *argv[])
{
	static char out[4096];

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	with.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	with.fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 1; i < argc; i++) {
		long result = call(argv[i]);

		printf("%s %ld %s\n", argv[i], result,
		    result == -1 ? strerrorname_np(errno) : "");
	}
	return 0;
}

/* glibc's checked read and pread are inline functions; ours replace them. */
#undef _FORTIFY_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tmpdir.h"

/*
 * These stand before those of libc in this program.  stutter: every second
 * call is interrupted, the others move at most that many bytes.
 */
static struct {
	size_t stutter;
	unsigned calls;
	bool fail_fdatasync, fail_fsync, fail_write, write_nothing;
	unsigned fsyncs, fdatasyncs;
} sys;

static bool
interrupted(size_t *len)
{
	if (sys.stutter == 0)
		return false;
	if (*len > sys.stutter)
		*len = sys.stutter;
	errno = EINTR;
	return sys.calls++ % 2 == 0;
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	if (sys.write_nothing)
		return 0;
	if (sys.fail_write) {
		errno = ENOSPC;
		return -1;
	}
	if (interrupted(&len))
		return -1;
	return syscall(SYS_write, fd, buf, len);
}

ssize_t
writev(int fd, const struct iovec *part, int n)
{
	size_t len = SIZE_MAX;

	if (interrupted(&len))
		return -1;
	if (sys.stutter == 0)
		return syscall(SYS_writev, fd, part, n);
	while (n > 1 && part->iov_len == 0) {
		part++;
		n--;
	}
	if (len > part->iov_len)
		len = part->iov_len;
	return syscall(SYS_write, fd, part->iov_base, len);
}

ssize_t
read(int fd, void *buf, size_t len)
{
	if (interrupted(&len))
		return -1;
	return syscall(SYS_read, fd, buf, len);
}

ssize_t
pread(int fd, void *buf, size_t len, off_t offset)
{
	if (interrupted(&len))
		return -1;
	return syscall(SYS_pread64, fd, buf, len, offset);
}

int
fsync(int fd)
{
	sys.fsyncs++;
	if (sys.fail_fsync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	sys.fdatasyncs++;
	if (sys.fail_fdatasync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static char root[TMPDIR_MAX];
static int dir = -1;

/* An empty directory for each test, and no faults. */
static int
fresh(void **state)
{
	(void)state;
	memset(&sys, 0, sizeof(sys));
	if (tmpdir_make(root) != 0)
		return -1;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir == -1 ? -1 : 0;
}

static int
gone(void **state)
{
	(void)state;
	close(dir);
	return tmpdir_remove(root);
}

static int
create(const char *path)
{
	int fd = openat(dir, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	return fd;
}

static void
assert_contains(const char *path, const void *want, size_t len)
{
	struct fault why = FAULT_NONE;
	void *data;
	size_t got;

	assert_int_equal(
	    file_slurp(dir, path, 1 << 24, &data, &got, &why), BLK_OK);
	assert_int_equal(got, len);
	assert_memory_equal(data, want, len);
	assert_int_equal(((char *)data)[len], '\0');
	free(data);
}

static mode_t
mode_of(const char *path)
{
	struct stat sb;

	assert_int_equal(fstatat(dir, path, &sb, 0), 0);
	return sb.st_mode & 07777;
}

static size_t
entries(void)
{
	char command[128];
	size_t n = 0;
	FILE *p;

	snprintf(command, sizeof(command), "find %s -mindepth 1", root);
	p = popen(command, "r");
	assert_non_null(p);
	for (int c; (c = fgetc(p)) != EOF;)
		n += c == '\n';
	pclose(p);
	return n;
}

static void
write_goes_on_after_short_writes_and_interrupts(void **state)
{
	struct fault why = FAULT_NONE;
	char data[1000];
	int fd = create("f");

	(void)state;
	memset(data, 'x', sizeof(data));
	data[999] = 'y';
	sys.stutter = 7;
	assert_int_equal(file_write(fd, data, 1000, "f", &why), BLK_OK);
	sys.stutter = 0;
	assert_contains("f", data, 1000);
	assert_int_equal(file_write(fd, data, 0, "f", &why), BLK_OK);
	close(fd);
}

static void
write_that_moves_nothing_is_a_failure_and_no_endless_loop(void **state)
{
	struct fault why = FAULT_NONE;
	int fd = create("f");

	(void)state;
	sys.write_nothing = true;
	assert_int_equal(file_write(fd, "x", 1, "f", &why), BLK_FAILED);
	assert_int_equal(why.sys, EIO);
	close(fd);
}

static void
write_names_the_file_when_it_fails(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_write = true;
	assert_int_equal(file_write(1, "x", 1, "the/name", &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOSPC);
	assert_string_equal(
	    why.text, "write the/name: No space left on device");
}

static void
writev_joins_the_parts_and_leaves_them_as_they_were(void **state)
{
	char a[] = "one", b[] = "", c[] = "two and a half", d[] = "";
	struct iovec part[] = { { b, 0 }, { a, 3 }, { b, 0 }, { c, 14 },
		{ d, 0 } };
	struct iovec before[5];
	struct fault why = FAULT_NONE;

	(void)state;
	memcpy(before, part, sizeof(part));
	for (size_t stutter = 0; stutter < 20; stutter++) {
		int fd = create("f");

		sys.stutter = stutter;
		assert_int_equal(file_writev(fd, part, 5, "f", &why), BLK_OK);
		sys.stutter = 0;
		assert_memory_equal(before, part, sizeof(part));
		assert_contains("f", "onetwo and a half", 17);
		close(fd);
		unlinkat(dir, "f", 0);
	}
}

static void
writev_takes_1024_parts_and_none(void **state)
{
	static struct iovec part[1024];
	static char byte[1024];
	struct fault why = FAULT_NONE;
	int fd = create("f");

	(void)state;
	for (size_t i = 0; i < 1024; i++) {
		byte[i] = (char)i;
		part[i] = (struct iovec){ &byte[i], 1 };
	}
	assert_int_equal(file_writev(fd, part, 1024, "f", &why), BLK_OK);
	assert_int_equal(file_writev(fd, part, 0, "f", &why), BLK_OK);
	assert_contains("f", byte, 1024);
	close(fd);
}

static void
writev_reports_what_write_reports(void **state)
{
	char x[] = "x";
	const struct iovec part = { x, 1 };
	struct fault why = FAULT_NONE;
	int fd = create("f"), ro;

	(void)state;
	ro = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_writev(ro, &part, 1, "f", &why), BLK_FAILED);
	assert_int_equal(why.sys, EBADF);
	close(ro);
	close(fd);
}

static void
read_and_pread_give_less_only_at_the_end(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len, got;
	} rows[] = { { 0, 0, 0 }, { 0, 1, 1 }, { 0, 100, 100 }, { 0, 101, 100 },
		{ 99, 10, 1 }, { 100, 10, 0 }, { 101, 10, 0 },
		{ INT64_MAX, 10, 0 }, { UINT64_MAX, 10, 0 } };
	struct fault why = FAULT_NONE;
	char in[100], out[101];
	int fd = create("f");
	size_t got;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		in[i] = (char)i;
	assert_int_equal(file_write(fd, in, 100, "f", &why), BLK_OK);
	for (size_t stutter = 0; stutter < 3; stutter++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			sys.stutter = stutter;
			assert_int_equal(file_pread(fd, out, rows[i].len,
			                     rows[i].offset, &got, "f", &why),
			    BLK_OK);
			assert_int_equal(got, rows[i].got);
			if (got > 0)
				assert_memory_equal(
				    out, in + rows[i].offset, got);
		}
	sys.stutter = 3;
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(file_read(fd, out, 40, &got, "f", &why), BLK_OK);
	assert_int_equal(got, 40);
	assert_int_equal(file_read(fd, out + 40, 61, &got, "f", &why), BLK_OK);
	assert_int_equal(got, 60);
	assert_memory_equal(in, out, 100);
	assert_int_equal(file_read(fd, out, 10, &got, "f", &why), BLK_OK);
	assert_int_equal(got, 0);
	close(fd);
}

static void
read_and_pread_say_what_the_system_says(void **state)
{
	struct fault why = FAULT_NONE;
	char out[1];
	size_t got;

	(void)state;
	assert_int_equal(file_read(dir, out, 1, &got, "dir", &why), BLK_FAILED);
	assert_int_equal(why.sys, EISDIR);
	assert_int_equal(
	    file_pread(dir, out, 1, 0, &got, "dir", &why), BLK_FAILED);
	assert_int_equal(why.sys, EISDIR);
}

static void
slurp_reads_whole_files_up_to_its_limit(void **state)
{
	struct fault why = FAULT_NONE;
	void *data = &why;
	size_t len = 9;
	int fd;

	(void)state;
	assert_int_equal(
	    file_slurp(dir, "none", 10, &data, &len, &why), BLK_ABSENT);
	assert_null(data);
	assert_string_equal(why.text, "");
	fd = create("f");
	assert_contains("f", "", 0);
	assert_int_equal(file_write(fd, "0123456789", 10, "f", &why), BLK_OK);
	close(fd);
	assert_contains("f", "0123456789", 10);
	assert_int_equal(
	    file_slurp(dir, "f", 9, &data, &len, &why), BLK_INVALID);
	assert_null(data);
	assert_int_equal(file_slurp(dir, "f", 10, &data, &len, &why), BLK_OK);
	free(data);
	assert_int_equal(
	    file_slurp(dir, ".", 1 << 20, &data, &len, &why), BLK_FAILED);
	assert_null(data);
}

static void
replace_gives_the_exact_mode_and_leaves_no_temporary(void **state)
{
	struct fault why = FAULT_NONE;
	mode_t old = umask(0777);

	(void)state;
	assert_int_equal(file_replace(dir, "f", 0640, "old", 3, &why), BLK_OK);
	assert_int_equal(mode_of("f"), 0640);
	assert_int_equal(
	    file_replace(dir, "f", 0444, "newer", 5, &why), BLK_OK);
	umask(old);
	assert_int_equal(mode_of("f"), 0444);
	assert_contains("f", "newer", 5);
	assert_int_equal(entries(), 1);
	assert_int_equal(sys.fdatasyncs, 2);
	assert_int_equal(sys.fsyncs, 2);
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(file_replace(dir, "sub/f", 0600, "", 0, &why), BLK_OK);
	assert_contains("sub/f", "", 0);
	assert_int_equal(entries(), 3);
}

static void
replace_works_from_the_working_directory(void **state)
{
	struct fault why = FAULT_NONE;
	char old[4096];

	(void)state;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(fchdir(dir), 0);
	assert_int_equal(
	    file_replace(AT_FDCWD, "f", 0600, "x", 1, &why), BLK_OK);
	assert_int_equal(chdir(old), 0);
	assert_contains("f", "x", 1);
}

static void
replace_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	bool *const faults[] = { &sys.fail_write, &sys.fail_fdatasync };
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(file_replace(dir, "f", 0600, "old", 3, &why), BLK_OK);
	for (size_t i = 0; i < 2; i++) {
		memset(&sys, 0, sizeof(sys));
		*faults[i] = true;
		assert_int_equal(
		    file_replace(dir, "f", 0600, "new", 3, &why), BLK_FAILED);
		assert_true(sys.fdatasyncs <= 1);
		*faults[i] = false;
		assert_contains("f", "old", 3);
		assert_int_equal(entries(), 1);
	}
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(
	    file_replace(dir, "d", 0600, "new", 3, &why), BLK_FAILED);
	assert_int_equal(why.sys, EISDIR);
	assert_int_equal(entries(), 2);
	assert_int_equal(
	    file_replace(dir, "none/f", 0600, "new", 3, &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOENT);
}

static void
replace_says_that_the_outcome_is_unknown_when_the_last_sync_fails(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_fsync = true;
	assert_int_equal(
	    file_replace(dir, "f", 0600, "new", 3, &why), BLK_FAILED);
	assert_int_equal(sys.fsyncs, 1);
	assert_non_null(strstr(why.text, "outcome unknown"));
	assert_contains("f", "new", 3);
	assert_int_equal(entries(), 1);
}

static void
sync_is_asked_once(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(file_sync(dir, "dir", &why), BLK_OK);
	sys.fail_fsync = true;
	assert_int_equal(file_sync(dir, "dir", &why), BLK_FAILED);
	assert_int_equal(sys.fsyncs, 2);
	assert_string_equal(why.text, "sync dir: Input/output error");
}

static void
mkdirs_makes_what_is_missing_with_the_mode_asked_for(void **state)
{
	static const char *const paths[] = { "a", "a/b", "b/c/d", "e//f/",
		"./g/../h", "a/b" };
	struct fault why = FAULT_NONE;
	mode_t old = umask(0777);

	(void)state;
	assert_int_equal(mkdirat(dir, "a", 0), 0);
	assert_int_equal(fchmodat(dir, "a", 0711, 0), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		assert_int_equal(
		    file_mkdirs(dir, paths[i], 02750, &why), BLK_OK);
		if (i > 0)
			assert_int_equal(mode_of(paths[i]), 02750);
	}
	umask(old);
	assert_int_equal(mode_of("a"), 0711);
	assert_int_equal(mode_of("b"), 02750);
}

static void
mkdirs_refuses_what_is_no_directory(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	close(create("f"));
	assert_int_equal(file_mkdirs(dir, "f", 0700, &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOTDIR);
	assert_int_equal(file_mkdirs(dir, "f/x", 0700, &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOTDIR);
	assert_int_equal(file_mkdirs(dir, "", 0700, &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOENT);
}

static void
open_dir_tells_absent_from_wrong(void **state)
{
	struct fault why = FAULT_NONE;
	int fd;

	(void)state;
	assert_int_equal(file_open_dir(dir, ".", &fd, &why), BLK_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	file_close(fd);
	assert_int_equal(file_open_dir(dir, "none", &fd, &why), BLK_ABSENT);
	assert_int_equal(fd, -1);
	assert_string_equal(why.text, "");
	close(create("f"));
	assert_int_equal(file_open_dir(dir, "f", &fd, &why), BLK_INVALID);
	assert_int_equal(fd, -1);
	assert_int_equal(symlinkat("l", dir, "l"), 0);
	assert_int_equal(file_open_dir(dir, "l", &fd, &why), BLK_FAILED);
	assert_int_equal(why.sys, ELOOP);
}

static void
close_of_nothing_does_nothing_and_clocks_go_forward(void **state)
{
	int64_t ns = file_clock_ns(), ms = file_clock_ms();

	(void)state;
	file_close(-1);
	assert_true(file_clock_ns() >= ns && ns > 0);
	assert_true(ms >= ns / 1000000 && ms <= file_clock_ns() / 1000000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(write_goes_on_after_short_writes_and_interrupts),
		T(write_that_moves_nothing_is_a_failure_and_no_endless_loop),
		T(write_names_the_file_when_it_fails),
		T(writev_joins_the_parts_and_leaves_them_as_they_were),
		T(writev_takes_1024_parts_and_none),
		T(writev_reports_what_write_reports),
		T(read_and_pread_give_less_only_at_the_end),
		T(read_and_pread_say_what_the_system_says),
		T(slurp_reads_whole_files_up_to_its_limit),
		T(replace_gives_the_exact_mode_and_leaves_no_temporary),
		T(replace_works_from_the_working_directory),
		T(replace_that_fails_leaves_the_old_file_and_nothing_else),
		T(replace_says_that_the_outcome_is_unknown_when_the_last_sync_fails),
		T(sync_is_asked_once),
		T(mkdirs_makes_what_is_missing_with_the_mode_asked_for),
		T(mkdirs_refuses_what_is_no_directory),
		T(open_dir_tells_absent_from_wrong),
		T(close_of_nothing_does_nothing_and_clocks_go_forward),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"
#include "tmpdir.h"

static char root[TMPDIR_MAX];
static int dir = -1;

static int
fresh(void **state)
{
	(void)state;
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

static mode_t
mode_of(const char *path)
{
	struct stat sb;

	assert_int_equal(fstatat(dir, path, &sb, 0), 0);
	return sb.st_mode & 07777;
}

static void
lock_is_made_with_its_mode_and_stays(void **state)
{
	struct fault why = FAULT_NONE;
	mode_t old = umask(0777);
	int fd;

	(void)state;
	assert_int_equal(file_lock(dir, "l", 0660, true, 0, &fd, &why), BLK_OK);
	umask(old);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	file_close(fd);
	assert_int_equal(mode_of("l"), 0660);
	assert_int_equal(
	    file_lock(dir, "no/l", 0660, true, 0, &fd, &why), BLK_FAILED);
	assert_int_equal(why.sys, ENOENT);
	assert_int_equal(fd, -1);
}

static void
lock_is_exclusive_or_shared_and_ends_with_close(void **state)
{
	static const struct {
		bool first, second;
		enum blk_status st;
	} rows[] = { { true, true, BLK_BUSY }, { true, false, BLK_BUSY },
		{ false, true, BLK_BUSY }, { false, false, BLK_OK } };
	struct fault why = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int a, b;

		assert_int_equal(
		    file_lock(dir, "l", 0600, rows[i].first, 0, &a, &why),
		    BLK_OK);
		assert_int_equal(
		    file_lock(dir, "l", 0600, rows[i].second, 0, &b, &why),
		    rows[i].st);
		if (rows[i].st == BLK_OK)
			file_close(b);
		else
			assert_int_equal(b, -1);
		file_close(a);
	}
}

static void
lock_gives_up_when_its_time_is_over_and_not_before(void **state)
{
	struct fault why = FAULT_NONE;
	int64_t began;
	int a, b;

	(void)state;
	assert_int_equal(file_lock(dir, "l", 0600, true, 0, &a, &why), BLK_OK);
	began = file_clock_ms();
	assert_int_equal(
	    file_lock(dir, "l", 0600, true, 60, &b, &why), BLK_BUSY);
	assert_in_range(file_clock_ms() - began, 59, 5000);
	assert_non_null(strstr(why.text, "locked"));
	file_close(a);
}

/* A child takes the lock, says so, and holds it until it is killed. */
static pid_t
hold_in_child(void)
{
	struct fault why = FAULT_NONE;
	int fd, ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (file_lock(dir, "l", 0600, true, 0, &fd, &why) == BLK_OK)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void
lock_ends_with_the_process_that_held_it(void **state)
{
	struct fault why = FAULT_NONE;
	pid_t pid = hold_in_child();
	int fd;

	(void)state;
	assert_int_equal(
	    file_lock(dir, "l", 0600, true, 0, &fd, &why), BLK_BUSY);
	kill(pid, SIGKILL);
	assert_int_equal(
	    file_lock(dir, "l", 0600, true, -1, &fd, &why), BLK_OK);
	file_close(fd);
	waitpid(pid, NULL, 0);
	pid = hold_in_child();
	kill(pid, SIGKILL);
	assert_int_equal(
	    file_lock(dir, "l", 0600, false, 5000, &fd, &why), BLK_OK);
	file_close(fd);
	waitpid(pid, NULL, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(lock_is_made_with_its_mode_and_stays),
		T(lock_is_exclusive_or_shared_and_ends_with_close),
		T(lock_gives_up_when_its_time_is_over_and_not_before),
		T(lock_ends_with_the_process_that_held_it),
	};

	return cmocka_run_group_tests_name("file-lock", tests, NULL, NULL);
}

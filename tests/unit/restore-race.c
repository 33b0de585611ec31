/*
 * Restores while somebody else moves things about, or that are killed; and
 * the ways around what a file system or kernel does not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"
#include "restore-shop.h"

#define OK(call) assert_int_equal(call, BLK_OK)

/* --- a directory that turns into a link to outside, and back --- */

struct swapper {
	struct scene *s;
	const char *name; /* below target */
	bool stop;        /* atomic */
};

static void *
swap(void *arg)
{
	struct swapper *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED))
		(void)renameat2(
		    w->s->target, w->name, w->s->fd, "decoy", RENAME_EXCHANGE);
	return NULL;
}

static struct digest
tree_of_many(struct scene *s, size_t n)
{
	struct tree_entry *e = calloc(n + 2, sizeof(*e));
	char(*name)[32] = calloc(n, sizeof(*name)), text[48];
	struct digest id;

	assert_non_null(e);
	assert_non_null(name);
	for (size_t i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "file%zu", i);
		snprintf(text, sizeof(text), "the text of %zu", i);
		e[i] = scene_file(s, name[i], text);
	}
	e[n] = scene_file(s, "secret", "overwritten");
	e[n + 1] = scene_symlink("symlink", "file0");
	id = scene_tree(s, e, n + 2);
	free(e);
	free(name);
	return id;
}

static void
race(const char *name, bool delete)
{
	struct swapper w = { .name = name };
	int64_t end = file_clock_ms() + 1500;
	struct tree_entry e, in;
	struct digest tree, sub;
	struct scene s;
	pthread_t thread;

	scene_open(&s);
	w.s = &s;
	sub = tree_of_many(&s, 50);
	in = scene_dir("below", &sub);
	sub = scene_tree(&s, &in, 1);
	e = scene_dir("d", &sub);
	tree = scene_tree(&s, &e, 1);
	scene_restored(&s, &tree);
	assert_int_equal(symlinkat("../outside", s.fd, "decoy"), 0);
	if (strcmp(name, "d") != 0) { /* from d its way is longer */
		assert_int_equal(unlinkat(s.fd, "decoy", 0), 0);
		assert_int_equal(symlinkat("../../outside", s.fd, "decoy"), 0);
	}
	s.o.overwrite = RESTORE_ALWAYS;
	s.o.delete_others = delete;
	s.o.item = NULL;
	assert_int_equal(pthread_create(&thread, NULL, swap, &w), 0);
	while (file_clock_ms() < end) {
		enum blk_status st = scene_restore(&s, &tree);

		if (st != BLK_OK)
			fail_msg("%d %s", (int)st, s.why.text);
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	scene_unharmed(&s);
	scene_close(&s);
}

static void
stays_inside_while_a_directory_becomes_a_link(void **state)
{
	(void)state;
	race("d", false);
	race("d/below", false);
}

static void
removes_nothing_outside_either(void **state)
{
	(void)state;
	race("d", true);
	race("d/below", true);
}

/* --- kill -9 --- */

static void
wait_ns(int64_t ns)
{
	const struct timespec t = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&t, NULL);
}

/* Until file i is in the target, or pid has ended. */
static void
wait_for_file(struct scene *s, size_t i, pid_t pid)
{
	siginfo_t ended = { .si_pid = 0 };
	char name[32];

	snprintf(name, sizeof(name), "file%zu", i);
	while (faccessat(s->target, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
		assert_int_equal(waitid(P_PID, (id_t)pid, &ended,
		                     WEXITED | WNOHANG | WNOWAIT),
		    0);
		if (ended.si_pid != 0)
			return;
		wait_ns(50000);
	}
}

static void
leaves_no_part_of_a_file_when_it_is_killed(void **state)
{
	const size_t n = 2000;
	unsigned whole = 0, killed = 0;

	(void)state;
	/* where all goes on at another time, it ends before it is killed */
	for (size_t part = 0; killed < 10 && part < 100; part++) {
		struct digest tree;
		struct scene s;
		int status;
		pid_t pid;

		scene_open(&s);
		tree = tree_of_many(&s, n);
		scene_commit(&s, &tree);
		s.o.item = NULL;
		pid = fork();
		if (pid == 0)
			_exit(scene_restore(&s, &tree) != BLK_OK);
		wait_for_file(&s, part * 137 % n, pid);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		for (size_t i = 0; i < n; i++) {
			char name[32], text[48];
			const char *got;

			snprintf(name, sizeof(name), "file%zu", i);
			snprintf(text, sizeof(text), "the text of %zu", i);
			got = scene_read(&s, name);
			if (got == NULL)
				continue;
			assert_string_equal(got, text);
			whole++;
		}
		scene_restored(&s, &tree); /* the next run completes it */
		assert_int_equal(scene_count(&s, "."), n + 2);
		scene_close(&s);
	}
	print_message("killed %u, whole files %u\n", killed, whole);
	assert_true(killed > 0 && whole > 0);
}

/* --- ways around --- */

static void
make_and_replace(struct hand *h)
{
	struct mishap m = { .what = NULL };
	struct tree_entry e;
	struct scene s;

	scene_open(&s);
	h->o = &s.o;
	snprintf(h->prefix, sizeof(h->prefix), ".blk-test");
	e = scene_file(&s, "f", "text");
	assert_int_equal(new_file_make(h, s.target, false, &e, "f", HOW_NEW,
	                     (const uint8_t *)"text", &m),
	    OUTCOME_MADE);
	assert_string_equal(scene_read(&s, "f"), "text");
	assert_int_equal(new_file_make(h, s.target, false, &e, "f", HOW_REPLACE,
	                     (const uint8_t *)"TEXT", &m),
	    OUTCOME_REPLACED);
	assert_null(m.what);
	assert_string_equal(scene_read(&s, "f"), "TEXT");
	assert_int_equal(scene_count(&s, "."), 1);
	scene_close(&s);
}

static void
writes_files_also_without_unnamed_ones_or_privileges(void **state)
{
	struct hand named = { .no_tmpfile = true };
	struct hand proc = { .through_proc = true };
	struct hand plain = { .serial = 0 };

	(void)state;
	make_and_replace(&named);
	make_and_replace(&proc);
	make_and_replace(&plain);
}

/* A path that openat2 does not take, for it is too long. */
static void
opens_long_paths_name_by_name_and_no_link(void **state)
{
	struct mishap m = { .what = NULL };
	char path[6000] = "";
	uint64_t gone = 0;
	struct scene s;
	int at, fd;

	(void)state;
	scene_open(&s);
	at = dup(s.target);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mkdirat(at, "name", 0700), 0);
		fd = openat(at, "name", O_RDONLY | O_DIRECTORY);
		close(at);
		at = fd;
		strcat(path, i == 0 ? "name" : "/name");
	}
	close(at);
	assert_true(strlen(path) > 4096);
	fd = dir_open_beneath(s.target, path, O_RDONLY, false);
	assert_true(fd >= 0);
	assert_int_equal(symlinkat("name", fd, "link"), 0);
	close(fd);
	strcat(path, "/link");
	assert_int_equal(dir_open_beneath(s.target, path, O_RDONLY, false), -1);
	strcpy(strrchr(path, '/'), "/..");
	assert_int_equal(dir_open_beneath(s.target, path, O_RDONLY, false), -1);

	assert_int_equal(symlinkat("name", s.target, "link"), 0);
	assert_int_equal(
	    dir_open_beneath(s.target, "link", O_RDONLY, false), -1);
	assert_int_equal(
	    dir_open_beneath(s.target, "link/name", O_RDONLY, false), -1);
	assert_int_equal(
	    dir_open_beneath(s.target, "../outside", O_RDONLY, false), -1);
	fd = dir_open_beneath(s.target, "name/name", O_RDONLY, false);
	assert_true(fd >= 0);
	close(fd);
	/* So can it be removed, which few tools can. */
	assert_true(old_remove(s.target, "name", &gone, &m));
	assert_int_equal(gone, 1001);
	scene_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_inside_while_a_directory_becomes_a_link),
		cmocka_unit_test(removes_nothing_outside_either),
		cmocka_unit_test(leaves_no_part_of_a_file_when_it_is_killed),
		cmocka_unit_test(
		    writes_files_also_without_unnamed_ones_or_privileges),
		cmocka_unit_test(opens_long_paths_name_by_name_and_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

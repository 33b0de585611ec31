/*
 * backend-file.c - what only the directory engine promises: what lies where,
 * with which mode, and what there is to be read.
 */
#include "file-store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define E(f) cmocka_unit_test_setup_teardown(f, empty, gone)

/* --- what lies where --- */

static void
create_makes_the_layout_with_its_modes(void **state)
{
	static const struct {
		bool shared;
		mode_t umask;
		const char *dirs, *files;
	} rows[] = { { false, 0, "-perm 0700", "-perm 0400" },
		{ false, 0777, "-perm 0700", "-perm 0400" },
		{ true, 0, "-perm 2770", "-perm 0440" },
		{ true, 0777, "-perm 2770", "-perm 0440" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct backend_open_options o = { .create = true,
			.shared_group = rows[i].shared };
		mode_t old = umask(rows[i].umask);
		struct fault why = FAULT_NONE;
		char words[64];

		b = open_store(&o);
		assert_int_equal(b->caps.shared_group, rows[i].shared);
		backend_close(b);
		b = open_store(&plain);
		assert_int_equal(b->caps.shared_group, rows[i].shared);
		assert_int_equal(backend_put(b, SHARD, "x", 1, &why), BLK_OK);
		assert_int_equal(
		    backend_put(b, "config", "x", 1, &why), BLK_OK);
		umask(old);
		snprintf(words, sizeof(words), "-type d %s", rows[i].dirs);
		assert_int_equal(found("", words), 1 + 6 + 256 + 1);
		assert_int_equal(found("", "-type d"), 1 + 6 + 256 + 1);
		snprintf(words, sizeof(words), "-type f %s", rows[i].files);
		assert_int_equal(found("", words), 3);
		assert_true(exists("segments/00") && exists("segments/ff"));
		assert_true(exists("checkpoint") && exists("sessions"));
		assert_true(exists("locks") && exists("tmp"));
		backend_close(b);
		b = NULL;
		assert_int_equal(tmpdir_remove(path), 0);
	}
}

static void
create_makes_durable_all_that_it_made(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/a/b//c/", root);
	b = open_store(&make);
	assert_true(synced("segments"));
	assert_true(synced(""));
	assert_true(synced(".."));
	assert_true(synced("../.."));
	assert_true(synced("../../.."));
	assert_false(synced("../../../.."));
	assert_int_equal(stat_of("log").st_mode & 07777, 0700);
}

static void
create_works_below_the_working_directory(void **state)
{
	char old[4096];

	(void)state;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(root), 0);
	strcpy(path, "relative");
	b = open_store(&make);
	assert_true(synced(".."));
	assert_true(exists("log"));
	assert_int_equal(chdir(old), 0);
}

static void
a_failing_sync_ends_create_and_no_store_is_seen(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		struct fault why = FAULT_NONE;

		sys.fail_fsync = n;
		assert_int_equal(
		    backend_open(path, &make, &b, &why), BLK_FAILED);
		assert_int_equal(why.sys, EIO);
		assert_null(b);
		assert_int_equal(
		    backend_open(path, &plain, &b, &why), BLK_ABSENT);
	}
	b = open_store(&make);
}

static void
a_log_whose_name_may_be_lost_is_settled_by_the_first_put(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_fsync = 5; /* that of the root, behind mkdir log */
	assert_int_equal(backend_open(path, &make, &b, &why), BLK_FAILED);
	assert_true((stat_of("log").st_mode & S_ISVTX) != 0);
	b = open_store(&plain);
	assert_put_costs("log/x", 1, 2);
	assert_true(synced(""));
	assert_int_equal(stat_of("log").st_mode & 07777, 0700);
	assert_put_costs("log/y", 1, 1);
}

static void
create_goes_on_where_a_killed_process_stopped(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mkdir(at("segments"), 0700), 0);
	assert_int_equal(mkdir(at("segments/00"), 0700), 0);
	assert_int_equal(mkdir(at("lost+found"), 0700), 0);
	b = open_store(&make);
	assert_true(exists("segments/ff"));
	assert_int_equal(stat_of("").st_mode & 07777, 0700);
	assert_true(synced(".."));
}

static void
create_refuses_a_directory_of_other_things(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mkdir(at("photos"), 0755), 0);
	assert_int_equal(backend_open(path, &make, &b, &why), BLK_INVALID);
	assert_null(b);
	assert_non_null(strstr(why.text, "photos"));
	assert_int_equal(found("", "-mindepth 1"), 1);
	assert_int_equal(stat_of("").st_mode & 07777, 0755);
}

static void
what_is_no_store_is_absent_and_the_fault_says_what_it_is(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(backend_open(path, &plain, &b, &why), BLK_ABSENT);
	assert_string_equal(why.text, "");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(backend_open(path, &plain, &b, &why), BLK_ABSENT);
	assert_non_null(strstr(why.text, "holds no blk store"));
	assert_int_equal(rmdir(path), 0);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(backend_open(path, &plain, &b, &why), BLK_ABSENT);
	assert_non_null(strstr(why.text, "not a directory"));
	assert_int_equal(backend_open(path, &make, &b, &why), BLK_INVALID);
	assert_int_equal(backend_open("", &make, &b, &why), BLK_INVALID);
	assert_int_equal(backend_open("file:", &make, &b, &why), BLK_INVALID);
}

static void
directories_that_a_copy_left_out_are_made_again(void **state)
{
	(void)state;
	assert_int_equal(rmdir(at("tmp")), 0);
	assert_int_equal(rmdir(at("segments/ab")), 0);
	assert_put_costs("segments/ab/x", 1, 2);
	assert_true(synced("segments") && synced("segments/ab"));
	assert_int_equal(stat_of("tmp").st_mode & 0777, 0700);
	assert_int_equal(stat_of("segments/ab").st_mode & 07777, 0700);
}

static void
temporaries_are_named_after_the_session_and_never_reused(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "tmp/%s.%d", SESSION, i);
		close(open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	assert_put_costs("config", 1, 1);
	assert_int_equal(found("tmp", "-type f -empty"), 3);
	/* One that cannot be published would have been the next. */
	sys.fail_linkat = sys.fail_renameat2 = EDQUOT;
	assert_int_equal(mkdir(at("tmp/" SESSION ".4"), 0700), 0);
	assert_int_equal(backend_put(b, "x", "x", 1, &why), BLK_OK);
	assert_true(exists("tmp/" SESSION ".4"));
}

/* --- what is listed and read --- */

struct names {
	char text[500];
};

static enum blk_status
join(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	struct names *n = arg;

	(void)st;
	(void)why;
	strcat(n->text, key);
	strcat(n->text, " ");
	return BLK_OK;
}

static void
only_regular_files_under_good_names_are_blobs(void **state)
{
	static const char *const others[] = { "link", "pipe", "segments/ab" };
	struct fault why = FAULT_NONE;
	struct names n = { "" };
	bool complete;
	char buf[4];
	size_t got;

	(void)state;
	assert_int_equal(backend_put(b, "blob", "data", 4, &why), BLK_OK);
	close(open(at("README"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(at("locks/write"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(at("tmp/left"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(symlink("blob", at("link")), 0);
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	assert_int_equal(
	    backend_list(b, "", join, &n, &complete, &why), BLK_OK);
	assert_string_equal(n.text, "blob ");
	assert_int_equal(
	    backend_list(b, "tmp/", join, &n, &complete, &why), BLK_OK);
	assert_string_equal(n.text, "blob tmp/left ");
	for (size_t i = 0; i < COUNT(others); i++) {
		struct backend_stat st;

		assert_int_not_equal(
		    backend_get(b, others[i], 0, buf, 4, &got, &why), BLK_OK);
		assert_int_equal(
		    backend_stat(b, others[i], &st, &why), BLK_ABSENT);
	}
}

static void
names_too_long_for_a_key_are_passed_over(void **state)
{
	struct fault why = FAULT_NONE;
	struct names n = { "" };
	char name[202], deep[256];
	bool complete;

	(void)state;
	memset(name, 'n', 201);
	name[201] = '\0';
	close(open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	memset(name, 'd', 199);
	name[199] = '\0';
	assert_int_equal(mkdir(at(name), 0700), 0);
	snprintf(deep, sizeof(deep), "%s/f", name);
	close(open(at(deep), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(
	    backend_list(b, "", join, &n, &complete, &why), BLK_OK);
	assert_string_equal(n.text, "");
}

/* --- other file systems, other users --- */

static void
without_renameat2_a_link_does_it(void **state)
{
	static const int says[] = { EINVAL, ENOSYS, EOPNOTSUPP };

	(void)state;
	for (size_t i = 0; i < COUNT(says); i++) {
		enum backend_outcome outcome = BACKEND_UNSURE;
		struct fault why = FAULT_NONE;

		backend_close(b);
		b = open_store(&plain);
		sys.fail_renameat2 = says[i];
		assert_int_equal(
		    backend_put_exclusive(b, SHARD, NULL, 0, &outcome, &why),
		    BLK_OK);
		assert_int_equal(outcome, BACKEND_MADE);
		sys.fail_renameat2 = EIO; /* must not be asked again */
		assert_int_equal(
		    backend_put_exclusive(b, SHARD, NULL, 0, &outcome, &why),
		    BLK_OK);
		assert_int_equal(outcome, BACKEND_EXISTS);
		assert_int_equal(found("tmp", "-type f"), 0);
		assert_int_equal(stat_of(SHARD).st_nlink, 1);
		sys.fail_linkat = EPERM;
		assert_int_equal(
		    backend_put_exclusive(b, "other", NULL, 0, &outcome, &why),
		    BLK_FAILED);
		assert_int_equal(why.sys, EPERM);
		assert_false(exists("other"));
		sys.fail_linkat = 0;
		assert_int_equal(backend_remove(b, SHARD, &why), BLK_OK);
	}
}

static void
on_a_network_file_system_less_is_promised(void **state)
{
	enum backend_outcome outcome;
	struct fault why = FAULT_NONE;
	struct names n = { "" };
	bool complete = true;

	(void)state;
	assert_true(b->caps.local && b->caps.kernel_locks);
	backend_close(b);
	sys.nfs = true;
	b = open_store(&plain);
	assert_false(b->caps.local);
	assert_false(b->caps.kernel_locks);
	assert_int_equal(backend_lock_dir(b), -1);
	assert_int_equal(
	    backend_list(b, "", join, &n, &complete, &why), BLK_OK);
	assert_false(complete);
	sys.fail_renameat2 = EINVAL;
	assert_int_equal(
	    backend_put_exclusive(b, "x", NULL, 0, &outcome, &why), BLK_OK);
	assert_int_equal(outcome, BACKEND_MADE);
	/* An answer may have been lost, and this be the second question. */
	sys.fsyncs = 0;
	assert_int_equal(
	    backend_put_exclusive(b, "x", NULL, 0, &outcome, &why), BLK_OK);
	assert_int_equal(outcome, BACKEND_UNSURE);
	assert_true(synced(""));
	assert_int_equal(found("tmp", "-type f"), 0);
}

static void
a_store_that_may_not_be_written_is_read_only(void **state)
{
	bool privileged = geteuid() == 0;
	struct fault why = FAULT_NONE;
	void *data;
	size_t len;

	(void)state;
	assert_put_costs("config", 1, 1);
	backend_close(b);
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(chmod(path, 0555), 0);
	assert_int_equal(chmod(at("config"), 0444), 0);
	if (privileged)
		assert_int_equal(seteuid(65534), 0);
	b = open_store(&plain);
	assert_true(b->caps.read_only);
	assert_int_equal(
	    backend_get_all(b, "config", 10, &data, &len, &why), BLK_OK);
	assert_int_equal(len, 4);
	free(data);
	assert_int_equal(backend_put(b, "x", "x", 1, &why), BLK_FAILED);
	if (privileged)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

/* --- many directories, many threads --- */

static void
a_handle_keeps_some_directories_open_and_not_all(void **state)
{
	char key[32];
	int fd;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 256; i++) {
			snprintf(
			    key, sizeof(key), "segments/%02x/%d", i, round);
			assert_put_costs(key, 1, 1);
		}
	fd = dup(0);
	assert_in_range(fd, 0, 100);
	close(fd);
}

static void *
churn(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	struct fault why = FAULT_NONE;

	for (unsigned i = 0; i < 120; i++) {
		char key[40], old[40];

		snprintf(
		    key, sizeof(key), "segments/%02x/%u-%u", i % 97, seed, i);
		snprintf(old, sizeof(old), "segments/%02x/%u-%u", i / 2 % 97,
		    seed, i / 2);
		if (backend_put(b, key, key, strlen(key), &why) != BLK_OK ||
		    backend_remove(b, old, &why) != BLK_OK)
			return NULL;
	}
	return arg;
}

static void
threads_put_and_remove_side_by_side(void **state)
{
	unsigned seed[4] = { 0, 1, 2, 3 };
	pthread_t thread[4];

	(void)state;
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, churn, &seed[i]), 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		void *ok;

		pthread_join(thread[i], &ok);
		assert_non_null(ok);
	}
	assert_int_equal(found("segments", "-type f"), 4 * 60);
	assert_int_equal(found("tmp", "-type f"), 0);
}

int
main(void)
{
	static struct CMUnitTest tests[64];
	const struct CMUnitTest here[] = {
		E(create_makes_the_layout_with_its_modes),
		E(create_makes_durable_all_that_it_made),
		E(create_works_below_the_working_directory),
		E(a_failing_sync_ends_create_and_no_store_is_seen),
		E(a_log_whose_name_may_be_lost_is_settled_by_the_first_put),
		E(create_goes_on_where_a_killed_process_stopped),
		E(create_refuses_a_directory_of_other_things),
		E(what_is_no_store_is_absent_and_the_fault_says_what_it_is),
		T(directories_that_a_copy_left_out_are_made_again),
		T(temporaries_are_named_after_the_session_and_never_reused),
		T(only_regular_files_under_good_names_are_blobs),
		T(names_too_long_for_a_key_are_passed_over),
		T(without_renameat2_a_link_does_it),
		T(on_a_network_file_system_less_is_promised),
		T(a_store_that_may_not_be_written_is_read_only),
		T(a_handle_keeps_some_directories_open_and_not_all),
		T(threads_put_and_remove_side_by_side),
	};

	size_t n = COUNT(here);

	memcpy(tests, here, sizeof(here));
	for (const struct CMUnitTest *t = sync_tests; t->name != NULL; t++) {
		assert_true(n < COUNT(tests));
		tests[n++] = *t;
	}
	return _cmocka_run_group_tests("backend-file", tests, n, NULL, NULL);
}

/*
 * backend-file-sync.c - what the directory engine syncs and when, and what a
 * failure leaves.
 */
#include "file-store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- what is synced --- */

static void
a_put_costs_one_sync_of_the_file_and_one_of_the_directory(void **state)
{
	(void)state;
	assert_put_costs("segments/ab/x", 1, 1);
	assert_true(synced("segments/ab"));
	assert_put_costs("segments/ab/y", 1, 1);
	assert_put_costs("config", 1, 1);
	assert_true(synced(""));
	/* The first in a new directory settles the name of that, too. */
	assert_put_costs(SHARD, 1, 2);
	assert_true(synced("log") && synced("log/000000001"));
	assert_put_costs(SHARD "-again", 1, 1);
	backend_close(b);
	b = open_store(&plain);
	assert_put_costs(SHARD "-later", 1, 1);
}

static void
an_unsynced_put_syncs_nothing_and_the_next_makes_up_for_it(void **state)
{
	enum backend_outcome outcome;
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(
	    put_flags(b, "sessions/a/1", BACKEND_UNSYNCED, &outcome, &why),
	    BLK_OK);
	assert_int_equal(sys.fsyncs + sys.fdatasyncs, 0);
	assert_put_costs("sessions/a/2", 1, 2);
	assert_true(synced("sessions") && synced("sessions/a"));
}

static void
a_directory_left_by_a_killed_process_is_settled_by_who_finds_it(void **state)
{
	(void)state;
	assert_int_equal(mkdir(at("log/000000001"), 0700), 0);
	assert_int_equal(chmod(at("log/000000001"), 01700), 0);
	assert_put_costs(SHARD, 1, 2);
	assert_true(synced("log"));
	assert_int_equal(stat_of("log/000000001").st_mode & 07777, 0700);
}

static void
a_removal_is_durable_with_the_next_put(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_put_costs("segments/01/x", 1, 1);
	assert_put_costs("segments/01/y", 1, 1);
	assert_put_costs("segments/02/x", 1, 1);
	assert_int_equal(backend_remove(b, "segments/01/x", &why), BLK_OK);
	assert_int_equal(backend_remove(b, "segments/01/y", &why), BLK_OK);
	assert_int_equal(backend_remove(b, "segments/02/x", &why), BLK_OK);
	assert_int_equal(backend_remove(b, "segments/03/none", &why), BLK_OK);
	assert_put_costs("segments/04/x", 1, 3);
	assert_true(synced("segments/01") && synced("segments/02"));
	assert_put_costs("segments/04/y", 1, 1);
}

static void
a_removal_in_a_directory_that_is_gone_needs_no_sync(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_put_costs(SHARD, 1, 2);
	backend_close(b);
	b = open_store(&plain);
	assert_int_equal(backend_remove(b, SHARD, &why), BLK_OK);
	assert_int_equal(rmdir(at("log/000000001")), 0);
	assert_put_costs("config", 1, 1);
}

static void
settle_syncs_the_directory_and_all_above(void **state)
{
	struct fault why = FAULT_NONE;
	struct backend *other;

	(void)state;
	assert_put_costs(SHARD, 1, 2);
	other = open_store(&plain);
	sys.fsyncs = 0;
	assert_int_equal(backend_settle(other, SHARD, &why), BLK_OK);
	assert_int_equal(sys.fsyncs, 3);
	assert_true(synced("log/000000001") && synced("log") && synced(""));
	sys.fail_fsync = 2;
	assert_int_equal(backend_settle(other, SHARD, &why), BLK_FAILED);
	assert_int_equal(backend_settle(other, SHARD, &why), BLK_FAILED);
	assert_int_equal(sys.fsyncs, 5); /* and not once more */
	assert_int_equal(backend_put(other, "x", "x", 1, &why), BLK_FAILED);
	backend_close(other);
}

/* --- what a failure leaves --- */

static void
assert_poisoned(void)
{
	unsigned syncs = sys.fsyncs + sys.fdatasyncs;
	enum backend_outcome outcome;
	struct fault why = FAULT_NONE;
	struct backend *other;

	assert_int_equal(backend_put(b, "later", "x", 1, &why), BLK_FAILED);
	assert_non_null(strstr(why.text, "an earlier sync"));
	assert_int_equal(
	    put_flags(b, "later", BACKEND_UNSYNCED, &outcome, &why),
	    BLK_FAILED);
	assert_int_equal(backend_settle(b, "later", &why), BLK_FAILED);
	assert_int_equal(sys.fsyncs + sys.fdatasyncs, syncs);
	assert_false(exists("later"));
	other = open_store(&plain);
	assert_int_equal(backend_put(other, "later", "x", 1, &why), BLK_OK);
	backend_close(other);
}

static void
a_failed_sync_of_the_file_leaves_nothing_and_poisons(void **state)
{
	enum backend_outcome outcome = BACKEND_MADE;
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_fdatasync = 1;
	assert_int_equal(
	    backend_put_exclusive(b, "segments/ab/x", NULL, 0, &outcome, &why),
	    BLK_FAILED);
	assert_int_equal(outcome, BACKEND_UNSURE);
	assert_string_equal(why.text, "sync segments/ab/x: Input/output error");
	assert_int_equal(found("", "-type f ! -name README"), 0);
	assert_int_equal(sys.fdatasyncs, 1);
	assert_poisoned();
}

static void
a_failed_sync_of_the_directory_removes_nothing_and_poisons(void **state)
{
	enum backend_outcome outcome = BACKEND_MADE;
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_fsync = 1;
	assert_int_equal(
	    backend_put_exclusive(b, "segments/ab/x", NULL, 0, &outcome, &why),
	    BLK_FAILED);
	assert_int_equal(outcome, BACKEND_UNSURE);
	assert_string_equal(why.text,
	    "segments/ab/x: outcome unknown: sync segments/ab: "
	    "Input/output error");
	assert_true(exists("segments/ab/x"));
	assert_int_equal(sys.fsyncs, 1);
	assert_poisoned();
}

static void
a_failed_sync_above_a_new_directory_comes_before_anything_is_visible(
    void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	sys.fail_fsync = 1;
	assert_int_equal(backend_put(b, SHARD, "x", 1, &why), BLK_FAILED);
	assert_int_equal(found("", "-type f ! -name README"), 0);
	assert_true((stat_of("log/000000001").st_mode & S_ISVTX) != 0);
	assert_poisoned();
	backend_close(b);
	b = open_store(&plain);
	assert_put_costs(SHARD, 1, 2);
}

static void
a_failed_sync_of_a_removal_fails_the_put(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_put_costs("segments/01/x", 1, 1);
	assert_int_equal(backend_remove(b, "segments/01/x", &why), BLK_OK);
	sys.fail_fsync = 1;
	assert_int_equal(
	    backend_put(b, "segments/02/x", "x", 1, &why), BLK_FAILED);
	assert_non_null(strstr(why.text, "outcome unknown"));
	assert_true(exists("segments/02/x"));
	assert_poisoned();
}

static void
a_failure_before_publication_leaves_nothing_and_does_not_poison(void **state)
{
	int *const faults[] = { &sys.fail_write, &sys.fail_renameat2 };

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		enum backend_outcome outcome = BACKEND_MADE;
		struct fault why = FAULT_NONE;
		char data[] = "x";
		const struct iovec part = { data, 1 };

		*faults[i] = ENOSPC;
		assert_int_equal(
		    backend_put_exclusive(b, SHARD, &part, 1, &outcome, &why),
		    BLK_FAILED);
		assert_int_equal(why.sys, ENOSPC);
		assert_int_equal(outcome, BACKEND_UNSURE);
		assert_int_equal(found("", "-type f ! -name README"), 0);
		*faults[i] = 0;
	}
	assert_put_costs(SHARD, 1, 1);
}

static void
too_few_descriptors_is_a_failure_like_others(void **state)
{
	struct rlimit old, none;
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(backend_put(b, SHARD, "x", 1, &why), BLK_FAILED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(why.sys, EMFILE);
	assert_put_costs(SHARD, 1, 2);
	assert_int_equal(found("tmp", "-type f"), 0);
}

const struct CMUnitTest sync_tests[] = {
	T(a_put_costs_one_sync_of_the_file_and_one_of_the_directory),
	T(an_unsynced_put_syncs_nothing_and_the_next_makes_up_for_it),
	T(a_directory_left_by_a_killed_process_is_settled_by_who_finds_it),
	T(a_removal_is_durable_with_the_next_put),
	T(a_removal_in_a_directory_that_is_gone_needs_no_sync),
	T(settle_syncs_the_directory_and_all_above),
	T(a_failed_sync_of_the_file_leaves_nothing_and_poisons),
	T(a_failed_sync_of_the_directory_removes_nothing_and_poisons),
	T(a_failed_sync_above_a_new_directory_comes_before_anything_is_visible),
	T(a_failed_sync_of_a_removal_fails_the_put),
	T(a_failure_before_publication_leaves_nothing_and_does_not_poison),
	T(too_few_descriptors_is_a_failure_like_others),
	{ NULL, NULL, NULL, NULL, NULL },
};

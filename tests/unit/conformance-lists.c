#include "conformance.h"
#include "engines.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- list --- */

enum blk_status
see(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	struct seen *s = arg;

	assert_true(s->n < COUNT(s->keys));
	assert_true(backend_key_is_valid(key));
	strcpy(s->keys[s->n++], key);
	s->bytes += st->bytes;
	if (s->meddle) {
		assert_int_equal(backend_put(b, "late/x", "x", 1, why), BLK_OK);
		assert_int_equal(backend_remove(b, key, why), BLK_OK);
	}
	if (s->n == s->stop_after)
		return fault(why, BLK_BUSY, "enough");
	return BLK_OK;
}

bool
has_seen(const struct seen *s, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strcmp(s->keys[i], key) == 0;
	assert_true(n <= 1); /* never twice */
	return n == 1;
}

static const char *const some_keys[] = { "config", "log/000000000/1",
	"log/000000000/2", "log/000000001/1000", "logs/1", "checkpoint/1.1",
	"segments/ab/abc", "segments/cd/cde", "a/b/c/d/e/f/g/h" };

static void
put_some_keys(void)
{
	for (size_t i = 0; i < COUNT(some_keys); i++)
		put(some_keys[i], "0123456789", i);
}

static void
list_visits_what_begins_with_the_prefix_by_whole_components(void **state)
{
	static const char *const prefixes[] = { "", "log/", "log/000000000/",
		"segments/", "segments/ab/", "segments/00/", "checkpoint/",
		"none/", "config/", "a/", "a/b/c/d/e/f/g/", "lo/" };

	(void)state;
	put_some_keys();
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		struct fault why = FAULT_NONE;
		struct seen s = { 0 };
		uint64_t bytes = 0;
		bool complete = false;
		size_t n = 0;

		assert_int_equal(
		    backend_list(b, prefixes[i], see, &s, &complete, &why),
		    BLK_OK);
		assert_true(complete || !b->caps.local);
		for (size_t k = 0; k < COUNT(some_keys); k++) {
			bool hit = strncmp(some_keys[k], prefixes[i],
			               strlen(prefixes[i])) == 0;

			assert_int_equal(has_seen(&s, some_keys[k]), hit);
			n += hit;
			bytes += hit ? k : 0;
		}
		assert_int_equal(s.n, n);
		assert_int_equal(s.bytes, bytes);
	}
}

static void
list_refuses_a_prefix_that_is_no_directory_of_keys(void **state)
{
	static const char *const prefixes[] = { "log", "/", "log//", "../",
		"log/../", "Log/", " " };

	(void)state;
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		struct fault why = FAULT_NONE;
		struct seen s = { 0 };
		bool complete = true;

		assert_int_equal(
		    backend_list(b, prefixes[i], see, &s, &complete, &why),
		    BLK_INVALID);
		assert_false(complete);
	}
}

static void
list_ends_with_the_status_of_its_visitor(void **state)
{
	struct seen s = { .stop_after = 3 };
	struct fault why = FAULT_NONE;
	bool complete = true;

	(void)state;
	put_some_keys();
	assert_int_equal(
	    backend_list(b, "", see, &s, &complete, &why), BLK_BUSY);
	assert_int_equal(s.n, 3);
	assert_false(complete);
	assert_string_equal(why.text, "enough");
}

static void
a_visitor_may_put_and_remove(void **state)
{
	struct fault why = FAULT_NONE;
	struct seen s = { .meddle = true };
	bool complete;

	(void)state;
	put_some_keys();
	assert_int_equal(backend_list(b, "", see, &s, &complete, &why), BLK_OK);
	for (size_t k = 0; k < COUNT(some_keys); k++)
		assert_true(has_seen(&s, some_keys[k]));
}

static void
list_sees_every_put_that_returned_before(void **state)
{
	struct backend *other = second(&plain);

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct fault why = FAULT_NONE;
		struct seen s = { 0 };
		bool complete;
		char key[40];

		snprintf(key, sizeof(key), "log/%09u/%u", i / 7, i);
		put(key, "x", 1);
		assert_int_equal(
		    backend_list(other, "log/", see, &s, &complete, &why),
		    BLK_OK);
		assert_int_equal(s.n, i + 1);
		assert_true(has_seen(&s, key));
	}
	backend_close(other);
}

static void
stats_count_blobs_and_bytes(void **state)
{
	struct fault why = FAULT_NONE;
	struct backend_stats s;

	(void)state;
	assert_int_equal(backend_stats(b, &s, &why), BLK_OK);
	assert_int_equal(s.blobs, 0);
	put_some_keys();
	put("config", "0123456789", 10);
	assert_int_equal(backend_stats(b, &s, &why), BLK_OK);
	assert_int_equal(s.blobs, COUNT(some_keys));
	assert_true(s.bytes >= 10 + 36);
	assert_true(s.free_bytes > 0);
	assert_int_equal(backend_remove(b, "config", &why), BLK_OK);
	assert_int_equal(backend_stats(b, &s, &why), BLK_OK);
	assert_int_equal(s.blobs, COUNT(some_keys) - 1);
}

/* --- settle, compact, locks, capabilities --- */

static void
settling_works_whoever_put_it_and_where_nothing_stands(void **state)
{
	struct backend *other = second(&plain);
	struct fault why = FAULT_NONE;

	(void)state;
	put("log/000000001/1000", "x", 1);
	assert_int_equal(
	    backend_settle(other, "log/000000001/1000", &why), BLK_OK);
	assert_int_equal(
	    backend_settle(other, "log/000000007/7000", &why), BLK_OK);
	assert_int_equal(backend_settle(other, "config", &why), BLK_OK);
	assert_int_equal(backend_compact(other, &why), BLK_OK);
	assert_holds(b, "log/000000001/1000", "x", 1);
	backend_close(other);
}

static void
the_lock_directory_is_there_where_locks_work(void **state)
{
	struct stat sb;
	int fd = backend_lock_dir(b);

	(void)state;
	if (!b->caps.kernel_locks) {
		assert_int_equal(fd, -1);
		return;
	}
	assert_int_equal(fstat(fd, &sb), 0);
	assert_true(S_ISDIR(sb.st_mode));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void
capabilities_make_sense(void **state)
{
	const struct engine *e = *state;

	assert_true(b->caps.blob_target >= 1 << 16);
	assert_true(b->caps.blob_target <= BACKEND_BLOB_MAX);
	assert_false(b->caps.read_only);
	assert_false(b->caps.kernel_locks && b->caps.single_process);
	assert_string_equal(b->type->scheme, e->scheme);
	assert_true(strlen(b->type->summary) > 0);
}

const struct promise promise_of_lists[] = {
	PROMISE(list_visits_what_begins_with_the_prefix_by_whole_components),
	PROMISE(list_refuses_a_prefix_that_is_no_directory_of_keys),
	PROMISE(list_ends_with_the_status_of_its_visitor),
	PROMISE(a_visitor_may_put_and_remove),
	PROMISE(list_sees_every_put_that_returned_before),
	PROMISE(stats_count_blobs_and_bytes),
	PROMISE(settling_works_whoever_put_it_and_where_nothing_stands),
	PROMISE(the_lock_directory_is_there_where_locks_work),
	PROMISE(capabilities_make_sense),
	{ NULL, NULL },
};

#include "conformance.h"

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

/* --- put, get, stat --- */

static void
what_was_put_is_there_at_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 7, 4095, 4096, 65535, 65536,
		65537, 1 << 20, 32 << 20 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct fault why = FAULT_NONE;
		uint8_t *data = malloc(sizes[i] + 1);
		struct backend_stat st;

		assert_non_null(data);
		fill(data, sizes[i], (unsigned)i);
		put("segments/ab/blob", data, sizes[i]);
		assert_holds(b, "segments/ab/blob", data, sizes[i]);
		assert_int_equal(
		    backend_stat(b, "segments/ab/blob", &st, &why), BLK_OK);
		assert_int_equal(st.bytes, sizes[i]);
		free(data);
	}
}

static void
an_absent_key_is_an_answer_and_no_fault(void **state)
{
	static const char *const keys[] = { "none", "segments/ab/none",
		"log/000000009/000000009999", "segments/ab", "segments",
		"blob/below" };
	struct fault why = FAULT_NONE;

	(void)state;
	put("blob", "x", 1);
	put("segments/ab/x", "x", 1);
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct backend_stat st;
		void *data = &why;
		size_t got = 1;
		char buf[1];

		assert_int_equal(
		    backend_get(b, keys[i], 0, buf, 1, &got, &why), BLK_ABSENT);
		assert_int_equal(got, 0);
		assert_int_equal(
		    backend_get_all(b, keys[i], 9, &data, &got, &why),
		    BLK_ABSENT);
		assert_null(data);
		assert_int_equal(
		    backend_stat(b, keys[i], &st, &why), BLK_ABSENT);
	}
	assert_string_equal(why.text, "");
}

static void
parts_are_joined(void **state)
{
	static struct iovec part[3000];
	static uint8_t data[3000 * 3];
	enum backend_outcome outcome;
	struct fault why = FAULT_NONE;
	size_t len = 0;

	(void)state;
	fill(data, sizeof(data), 1);
	for (size_t i = 0; i < COUNT(part); i++) {
		part[i] = (struct iovec){ data + len, i % 4 };
		len += i % 4;
	}
	assert_int_equal(backend_put_exclusive(
	                     b, "parts", part, COUNT(part), &outcome, &why),
	    BLK_OK);
	assert_int_equal(outcome, BACKEND_MADE);
	assert_holds(b, "parts", data, len);
	assert_int_equal(
	    backend_put_exclusive(b, "none", NULL, 0, &outcome, &why), BLK_OK);
	assert_holds(b, "none", "", 0);
}

static void
a_range_is_shorter_only_at_the_end_of_the_blob(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len, got;
	} rows[] = {
		{ 0, 100000, 100000 },
		{ 0, 0, 0 },
		{ 0, 1, 1 },
		{ 99999, 1, 1 },
		{ 99999, 2, 1 },
		{ 50000, 100000, 50000 },
		{ 100000, 10, 0 },
		{ 100001, 10, 0 },
		{ (uint64_t)1 << 40, 10, 0 },
		{ INT64_MAX, 10, 0 },
		{ UINT64_MAX, 10, 0 },
	};
	static uint8_t data[100000], buf[100000];

	(void)state;
	fill(data, sizeof(data), 3);
	put("r", data, sizeof(data));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fault why = FAULT_NONE;
		size_t got = 77;

		assert_int_equal(backend_get(b, "r", rows[i].offset, buf,
		                     rows[i].len, &got, &why),
		    BLK_OK);
		assert_int_equal(got, rows[i].got);
		if (got > 0)
			assert_memory_equal(buf, data + rows[i].offset, got);
	}
}

static void
get_all_refuses_what_is_longer_than_its_limit(void **state)
{
	static const size_t sizes[] = { 1, 100, 65535, 65536, 65537, 200000 };
	static uint8_t data[200000];

	(void)state;
	fill(data, sizeof(data), 5);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct fault why = FAULT_NONE;
		void *p = &why;
		size_t len = 1;

		put("l", data, sizes[i]);
		assert_int_equal(
		    backend_get_all(b, "l", sizes[i] - 1, &p, &len, &why),
		    BLK_INVALID);
		assert_null(p);
		assert_int_equal(len, 0);
		assert_holds(b, "l", data, sizes[i]);
		assert_int_equal(
		    backend_get_all(b, "l", SIZE_MAX, &p, &len, &why), BLK_OK);
		assert_int_equal(len, sizes[i]);
		free(p);
	}
}

static void
a_blob_above_the_limit_is_refused_before_anything_is_done(void **state)
{
	static char byte[1 << 20];
	enum backend_outcome outcome = BACKEND_MADE;
	struct fault why = FAULT_NONE;
	struct iovec part[257];
	struct backend_stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(part); i++)
		part[i] = (struct iovec){ byte, i < 256 ? sizeof(byte) : 1 };
	assert_int_equal(
	    backend_put_exclusive(b, "big", part, 257, &outcome, &why),
	    BLK_INVALID);
	assert_int_equal(outcome, BACKEND_UNSURE);
	assert_non_null(strstr(why.text, "268435456"));
	part[1].iov_len = SIZE_MAX;
	assert_int_equal(
	    backend_put_exclusive(b, "big", part, 2, &outcome, &why),
	    BLK_INVALID);
	assert_int_equal(backend_stat(b, "big", &st, &why), BLK_ABSENT);
}

static void
stat_knows_a_plausible_time_or_none(void **state)
{
	struct fault why = FAULT_NONE;
	struct backend_stat st;
	int64_t now = (int64_t)time(NULL) * 1000000000;

	(void)state;
	put("t", "x", 1);
	assert_int_equal(backend_stat(b, "t", &st, &why), BLK_OK);
	if (st.mtime != 0)
		assert_true(st.mtime > now - 5 * (int64_t)1000000000 &&
		    st.mtime < now + 60 * (int64_t)1000000000);
}

static void
an_equal_blob_may_be_put_again(void **state)
{
	(void)state;
	put("again", "same", 4);
	put("again", "same", 4);
	assert_holds(b, "again", "same", 4);
}

static void
an_unsynced_put_is_visible(void **state)
{
	enum backend_outcome outcome = BACKEND_UNSURE;
	struct fault why = FAULT_NONE;
	char data[] = "hint";
	const struct iovec part = { data, 4 };

	(void)state;
	assert_int_equal(b->type->put(b, "sessions/a/1", &part, 1,
	                     BACKEND_UNSYNCED, &outcome, &why),
	    BLK_OK);
	assert_int_equal(outcome, BACKEND_MADE);
	assert_holds(b, "sessions/a/1", "hint", 4);
}

/* --- exclusive --- */

static void
an_exclusive_put_takes_a_free_key_only(void **state)
{
	static const char *const keys[] = { "log/000000000/000000000042",
		"segments/ab/x", "config" };

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		enum backend_outcome outcome = BACKEND_UNSURE;
		struct fault why = FAULT_NONE;

		assert_int_equal(
		    put_new(b, keys[i], "first", 5, &outcome), BLK_OK);
		assert_int_equal(outcome, BACKEND_MADE);
		assert_int_equal(
		    put_new(b, keys[i], "second", 6, &outcome), BLK_OK);
		assert_int_equal(outcome, BACKEND_EXISTS);
		assert_holds(b, keys[i], "first", 5);
		assert_int_equal(backend_remove(b, keys[i], &why), BLK_OK);
		assert_int_equal(
		    put_new(b, keys[i], "third", 5, &outcome), BLK_OK);
		assert_int_equal(outcome, BACKEND_MADE);
		assert_holds(b, keys[i], "third", 5);
	}
}

#define RACERS 6
#define ROUNDS 40

/* The racer'th of RACERS tries for every key; 1 a key that it won. */
struct racer {
	struct backend *b;
	pthread_barrier_t *start;
	unsigned racer;
	bool failed;
	uint8_t won[ROUNDS];
};

static void
race_key(char key[40], unsigned round)
{
	snprintf(key, 40, "log/%09u/%012u", round / 10, round);
}

static void *
race(void *arg)
{
	struct racer *r = arg;
	uint8_t data[1000];

	fill(data, sizeof(data), r->racer);
	if (r->start != NULL)
		pthread_barrier_wait(r->start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum backend_outcome outcome;
		char key[40];

		race_key(key, i);
		if (put_new(r->b, key, data, sizeof(data), &outcome) != BLK_OK)
			r->failed = true;
		else
			r->won[i] = outcome == BACKEND_MADE;
	}
	return NULL;
}

static void
assert_one_won_each(const struct racer racer[RACERS])
{
	uint8_t data[1000];

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned winners = 0;
		char key[40];

		race_key(key, i);
		for (unsigned r = 0; r < RACERS; r++) {
			assert_false(racer[r].failed);
			if (!racer[r].won[i])
				continue;
			winners++;
			fill(data, sizeof(data), r);
			assert_holds(b, key, data, sizeof(data));
		}
		assert_int_equal(winners, 1);
	}
}

static void
of_racing_threads_one_wins(void **state)
{
	struct racer racer[RACERS] = { 0 };
	pthread_t thread[RACERS];
	pthread_barrier_t start;
	struct backend *other = b->caps.single_process ? NULL : second(&plain);

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		racer[i].b = other != NULL && i % 2 == 0 ? other : b;
		racer[i].racer = i;
		racer[i].start = &start;
		assert_int_equal(
		    pthread_create(&thread[i], NULL, race, &racer[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	backend_close(other);
	assert_one_won_each(racer);
}

/* In a child: open, say so, wait for the start, race, tell. */
static void
race_in_child(unsigned i, int ready, int start, int result)
{
	struct fault why = FAULT_NONE;
	struct racer r = { .racer = i };
	char byte;

	if (backend_open(url, &plain, &r.b, &why) != BLK_OK ||
	    write(ready, "x", 1) != 1 || read(start, &byte, 1) != 0)
		_exit(1);
	race(&r);
	backend_close(r.b);
	r.b = NULL;
	_exit(write(result, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 1);
}

static void
of_racing_processes_one_wins(void **state)
{
	struct racer racer[RACERS] = { 0 };
	int ready[2], start[2], result[2];
	pid_t pid[RACERS];
	char byte;

	(void)state;
	if (b->caps.single_process)
		return;
	assert_int_equal(pipe(ready) | pipe(start) | pipe(result), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		pid[i] = fork();
		assert_int_not_equal(pid[i], -1);
		if (pid[i] == 0) {
			close(start[1]);
			race_in_child(i, ready[1], start[0], result[1]);
		}
	}
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	close(start[1]);
	for (unsigned i = 0; i < RACERS; i++) {
		struct racer r;

		assert_int_equal(read(result[0], &r, sizeof(r)), sizeof(r));
		racer[r.racer] = r;
	}
	for (unsigned i = 0; i < RACERS; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	close(ready[0]);
	close(ready[1]);
	close(start[0]);
	close(result[0]);
	close(result[1]);
	assert_one_won_each(racer);
}

#define WHOLE ((size_t)200000)

static void *
put_whole_ones(void *arg)
{
	uint8_t *data = malloc(WHOLE);
	bool ok = data != NULL;

	(void)arg;
	for (unsigned i = 0; ok && i < 30; i++) {
		struct fault why = FAULT_NONE;
		char key[32];

		snprintf(key, sizeof(key), "segments/ab/%u", i);
		fill(data, WHOLE, i);
		ok = backend_put(b, key, data, WHOLE, &why) == BLK_OK;
	}
	free(data);
	return ok ? &url : NULL;
}

static void
a_reader_sees_all_of_a_blob_or_nothing(void **state)
{
	uint8_t *want = malloc(WHOLE);
	pthread_t thread;
	void *ok;

	(void)state;
	assert_non_null(want);
	assert_int_equal(
	    pthread_create(&thread, NULL, put_whole_ones, NULL), 0);
	for (unsigned i = 0; i < 30;) {
		struct fault why = FAULT_NONE;
		enum blk_status st;
		char key[32];
		void *data;
		size_t len;

		snprintf(key, sizeof(key), "segments/ab/%u", i);
		st = backend_get_all(b, key, WHOLE, &data, &len, &why);
		if (st == BLK_ABSENT)
			continue;
		assert_int_equal(st, BLK_OK);
		assert_int_equal(len, WHOLE);
		fill(want, WHOLE, i);
		assert_memory_equal(data, want, WHOLE);
		free(data);
		i++;
	}
	pthread_join(thread, &ok);
	assert_non_null(ok);
	free(want);
}

/* --- remove --- */

static void
removing_what_is_absent_succeeds(void **state)
{
	static const char *const keys[] = { "none", "segments/ab/none",
		"log/000000009/1", "new/dir/none", "blob/below" };
	struct fault why = FAULT_NONE;

	(void)state;
	put("blob", "x", 1);
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_int_equal(backend_remove(b, keys[i], &why), BLK_OK);
	assert_holds(b, "blob", "x", 1);
}

static void
what_was_removed_is_absent_for_every_handle(void **state)
{
	struct backend *other = second(&plain);
	struct fault why = FAULT_NONE;
	struct backend_stat st;

	(void)state;
	put("segments/ab/x", "x", 1);
	put("segments/ab/y", "y", 1);
	assert_holds(other, "segments/ab/x", "x", 1);
	assert_int_equal(backend_remove(b, "segments/ab/x", &why), BLK_OK);
	assert_int_equal(backend_remove(b, "segments/ab/x", &why), BLK_OK);
	assert_int_equal(
	    backend_stat(other, "segments/ab/x", &st, &why), BLK_ABSENT);
	assert_int_equal(
	    backend_stat(b, "segments/ab/x", &st, &why), BLK_ABSENT);
	assert_holds(other, "segments/ab/y", "y", 1);
	backend_close(other);
}

const struct promise promise_of_blobs[] = {
	PROMISE(what_was_put_is_there_at_every_size),
	PROMISE(an_absent_key_is_an_answer_and_no_fault),
	PROMISE(parts_are_joined),
	PROMISE(a_range_is_shorter_only_at_the_end_of_the_blob),
	PROMISE(get_all_refuses_what_is_longer_than_its_limit),
	PROMISE(a_blob_above_the_limit_is_refused_before_anything_is_done),
	PROMISE(stat_knows_a_plausible_time_or_none),
	PROMISE(an_equal_blob_may_be_put_again),
	PROMISE(an_unsynced_put_is_visible),
	PROMISE(an_exclusive_put_takes_a_free_key_only),
	PROMISE(of_racing_threads_one_wins),
	PROMISE(of_racing_processes_one_wins),
	PROMISE(a_reader_sees_all_of_a_blob_or_nothing),
	PROMISE(removing_what_is_absent_succeeds),
	PROMISE(what_was_removed_is_absent_for_every_handle),
	{ NULL, NULL },
};

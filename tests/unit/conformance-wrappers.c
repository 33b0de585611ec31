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

/* --- the wrappers --- */

#define KEY_50 "01234567890123456789012345678901234567890123456789"
#define KEY_200 KEY_50 KEY_50 KEY_50 KEY_50

static void
every_operation_refuses_a_bad_key(void **state)
{
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".",
		"..", "a/../b", "a/.", "./a", "A", "a b", "a\n", "a\\b",
		"\xc3\xa4", "a:b", "a%", KEY_200 "x" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		enum backend_outcome outcome = BACKEND_MADE;
		struct fault why = FAULT_NONE;
		struct backend_stat st;
		void *data;
		size_t got;
		char buf[1];

		assert_false(backend_key_is_valid(bad[i]));
		assert_int_equal(
		    backend_put(b, bad[i], "", 0, &why), BLK_INVALID);
		assert_int_equal(
		    put_new(b, bad[i], "", 0, &outcome), BLK_INVALID);
		assert_int_equal(outcome, BACKEND_UNSURE);
		assert_int_equal(
		    backend_get(b, bad[i], 0, buf, 1, &got, &why), BLK_INVALID);
		assert_int_equal(
		    backend_get_all(b, bad[i], 1, &data, &got, &why),
		    BLK_INVALID);
		assert_int_equal(
		    backend_stat(b, bad[i], &st, &why), BLK_INVALID);
		assert_int_equal(backend_remove(b, bad[i], &why), BLK_INVALID);
		assert_int_equal(backend_settle(b, bad[i], &why), BLK_INVALID);
	}
	for (int op = 0; op < BACKEND_OPS; op++)
		assert_int_equal(b->operations[op], 0);
}

static void
every_good_key_can_be_put(void **state)
{
	static const char *const good[] = { "0", "a.b", "...", "..a", "a..",
		"-", "_", ".hidden/x", "sessions/" SESSION ".42", KEY_200 };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(backend_key_is_valid(good[i]));
		put(good[i], good[i], strlen(good[i]));
	}
	for (size_t i = 0; i < COUNT(good); i++)
		assert_holds(b, good[i], good[i], strlen(good[i]));
}

static void
operations_are_counted(void **state)
{
	static const uint64_t want[BACKEND_OPS] = { 2, 3, 1, 1, 1, 1 };
	enum backend_outcome outcome;
	struct fault why = FAULT_NONE;
	struct seen s = { 0 };
	struct backend_stat st;
	bool complete;
	size_t got;
	char buf[1];

	(void)state;
	put("x", "x", 1);
	assert_int_equal(put_new(b, "x", "x", 1, &outcome), BLK_OK);
	assert_holds(b, "x", "x", 1);
	assert_int_equal(backend_get(b, "x", 0, buf, 1, &got, &why), BLK_OK);
	assert_int_equal(
	    backend_get(b, "none", 0, buf, 1, &got, &why), BLK_ABSENT);
	assert_int_equal(backend_stat(b, "x", &st, &why), BLK_OK);
	assert_int_equal(backend_list(b, "", see, &s, &complete, &why), BLK_OK);
	assert_int_equal(backend_settle(b, "x", &why), BLK_OK);
	assert_int_equal(backend_remove(b, "x", &why), BLK_OK);
	assert_memory_equal(b->operations, want, sizeof(want));
}

struct probe {
	bool before; /* fail before, or else after */
	enum blk_status st;
	unsigned calls[BACKEND_OPS][2];
	char key[BACKEND_KEY_MAX + 1];
};

static enum blk_status
probe(void *arg, enum backend_op op, const char *key, bool before,
    struct fault *why)
{
	struct probe *p = arg;

	p->calls[op][before]++;
	strcpy(p->key, key);
	if (p->before != before || p->st == BLK_OK)
		return BLK_OK;
	return fault(why, p->st, "probed");
}

/* Every operation once, on key; each must come to st. */
static void
assert_all_come_to(enum blk_status want, const char *key)
{
	enum backend_outcome outcome = BACKEND_MADE;
	struct fault why = FAULT_NONE;
	struct seen s = { 0 };
	struct backend_stat st;
	bool complete = true;
	void *data;
	size_t got;
	char buf[1];

	assert_int_equal(put_new(b, key, "y", 1, &outcome), want);
	assert_int_equal(outcome, BACKEND_UNSURE);
	assert_int_equal(backend_get(b, key, 0, buf, 1, &got, &why), want);
	assert_int_equal(backend_get_all(b, key, 9, &data, &got, &why), want);
	assert_null(data);
	assert_int_equal(backend_stat(b, key, &st, &why), want);
	assert_int_equal(
	    backend_list(b, "log/", see, &s, &complete, &why), want);
	assert_false(complete);
	assert_int_equal(backend_settle(b, key, &why), want);
	assert_int_equal(backend_remove(b, key, &why), want);
	assert_string_equal(why.text, "probed");
}

static void
a_probe_can_fail_an_operation_in_its_place(void **state)
{
	struct probe p = { .before = true, .st = BLK_FAILED };
	struct fault why = FAULT_NONE;
	struct backend_stat st;

	(void)state;
	put("kept", "x", 1);
	b->probe = (struct backend_probe){ probe, &p };
	assert_all_come_to(BLK_FAILED, "kept");
	assert_all_come_to(BLK_FAILED, "new");
	for (int op = 0; op < BACKEND_OPS; op++) {
		assert_true(p.calls[op][true] > 0);
		assert_int_equal(p.calls[op][false], 0);
	}
	b->probe.call = NULL;
	assert_holds(b, "kept", "x", 1);
	assert_int_equal(backend_stat(b, "new", &st, &why), BLK_ABSENT);
}

static void
a_probe_can_lose_the_answer_of_what_was_done(void **state)
{
	struct probe p = { .before = false, .st = BLK_FAILED };
	struct fault why = FAULT_NONE;
	struct backend_stat st;

	(void)state;
	b->probe = (struct backend_probe){ probe, &p };
	assert_all_come_to(BLK_FAILED, "log/1");
	assert_string_equal(p.key, "log/1");
	b->probe.call = NULL;
	assert_int_equal(backend_stat(b, "log/1", &st, &why), BLK_ABSENT);
	b->probe.call = probe;
	assert_int_equal(backend_put(b, "log/2", "x", 1, &why), BLK_FAILED);
	b->probe.call = NULL;
	assert_holds(b, "log/2", "x", 1);
}

static void
a_probe_does_not_hide_what_the_engine_says(void **state)
{
	struct probe p = { .before = false, .st = BLK_FAILED };
	struct fault why = FAULT_NONE;
	struct backend_stat st;

	(void)state;
	b->probe = (struct backend_probe){ probe, &p };
	assert_int_equal(backend_stat(b, "none", &st, &why), BLK_ABSENT);
	assert_int_equal(p.calls[BACKEND_OP_STAT][false], 1);
	p.st = BLK_OK;
	assert_int_equal(backend_put(b, "x", "x", 1, &why), BLK_OK);
	b->probe.call = NULL;
}

/* --- all of it, against the simplest thing that could hold blobs --- */

#define KEYS 12

static void
a_long_random_run_agrees_with_an_array(void **state)
{
	static const char *const keys[KEYS] = { "a", "b", "c/1", "c/2", "c/d/1",
		"log/000000000/1", "log/000000001/1", "segments/00/x",
		"segments/ff/x", "segments/ff/y", "e.1", "e-1" };
	int held[KEYS]; /* the seed of the contents, -1: absent */
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid(), x = seed;
	uint8_t data[600];

	(void)state;
	print_message("seed %u\n", seed);
	for (size_t i = 0; i < KEYS; i++)
		held[i] = -1;
	for (int step = 0; step < 600; step++) {
		struct fault why = FAULT_NONE;
		enum backend_outcome outcome;
		struct seen s = { 0 };
		size_t k, len, n = 0;
		bool complete;

		x = x * 1664525 + 1013904223;
		k = (x >> 16) % KEYS;
		len = (size_t)(step % 600);
		fill(data, len, (unsigned)step);
		switch ((x >> 8) % 3) {
		case 0:
			assert_int_equal(
			    put_new(b, keys[k], data, len, &outcome), BLK_OK);
			assert_int_equal(outcome,
			    held[k] == -1 ? BACKEND_MADE : BACKEND_EXISTS);
			if (held[k] == -1)
				held[k] = step;
			break;
		case 1:
			put(keys[k], data, len);
			held[k] = step;
			break;
		default:
			assert_int_equal(
			    backend_remove(b, keys[k], &why), BLK_OK);
			held[k] = -1;
		}
		k = (x >> 24) % KEYS;
		if (held[k] != -1) {
			fill(data, (size_t)held[k] % 600, (unsigned)held[k]);
			assert_holds(b, keys[k], data, (size_t)held[k] % 600);
		}
		assert_int_equal(
		    backend_list(b, "", see, &s, &complete, &why), BLK_OK);
		for (size_t i = 0; i < KEYS; i++)
			n += held[i] != -1;
		assert_int_equal(s.n, n);
		assert_int_equal(has_seen(&s, keys[k]), held[k] != -1);
	}
}

const struct promise promise_of_wrappers[] = {
	PROMISE(every_operation_refuses_a_bad_key),
	PROMISE(every_good_key_can_be_put),
	PROMISE(operations_are_counted),
	PROMISE(a_probe_can_fail_an_operation_in_its_place),
	PROMISE(a_probe_can_lose_the_answer_of_what_was_done),
	PROMISE(a_probe_does_not_hide_what_the_engine_says),
	PROMISE(a_long_random_run_agrees_with_an_array),
	{ NULL, NULL },
};

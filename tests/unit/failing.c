/*
 * Every call that can fail, fails, on every way that leads to it: the answer
 * is a status that is documented, with a message, and nothing that was
 * promised is lost.
 *
 * BLK_SEED chooses which; BLK_SOAK=1 takes all of them, once and each time.
 * FAILING=NAME takes one work only.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing-bench.h"
#include "failing-calls.h"
#include "file.h"

#define SHARE 3 /* attempts of each work, but with BLK_SOAK */

/* In builds with a leak sanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static struct bench bench;
static uint64_t random_state;
static bool soak;

static uint64_t
draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Descriptors that are open. */
static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += lseek(fd, 0, SEEK_CUR) != -1 || errno != EBADF;
	return n;
}

/* Said of the first attempt only: what has leaked is found ever after. */
static bool
leaks(void)
{
	static bool leaked;

	if (leaked || __lsan_do_recoverable_leak_check == NULL)
		return false;
	leaked = __lsan_do_recoverable_leak_check() != 0;
	return leaked;
}

/* Run it; what is wrong with how it ended, or NULL. */
static const char *
attempt(const struct work *w, const struct failing_site *f, bool each_time)
{
	static char text[900];
	struct fault why = FAULT_NONE;
	int before = descriptors();
	const char *wrong;
	enum blk_status st;
	unsigned failed;

	bench_reset(&bench, w);
	failing_begin(f != NULL ? f->key : 0, each_time);
	st = w->run(&bench, &why);
	failed = failing_end();
	if (st != BLK_FAILED && st != BLK_OK && st != w->status)
		snprintf(text, sizeof(text), "status %d: %s", st, why.text);
	else if (failed == 0 && st != w->status)
		snprintf(text, sizeof(text),
		    "status %d though nothing failed: %s", st, why.text);
	else if (st == BLK_FAILED && why.text[0] == '\0')
		snprintf(text, sizeof(text), "no message");
	else if (descriptors() != before)
		snprintf(text, sizeof(text), "%d descriptors stay open (%s)",
		    descriptors() - before, why.text);
	else if (leaks())
		snprintf(text, sizeof(text), "memory leaks (%s)", why.text);
	else if ((wrong = bench_wrong(&bench, w)) != NULL)
		snprintf(text, sizeof(text), "%s (%s)", wrong, why.text);
	else
		return NULL;
	return text;
}

static unsigned
try_site(const struct work *w, const struct failing_site *f, bool each_time)
{
	const char *wrong = attempt(w, f, each_time);
	char where[200];

	if (wrong == NULL)
		return 0;
	failing_where(where, sizeof(where));
	print_message("# %s: %s fails %s: %s\n#   %s\n", w->name, f->call,
	    each_time ? "each time" : "once", wrong, where);
	return 1;
}

/* All sites, also those that only failures lead to. */
static unsigned
try_all(const struct work *w, size_t *tried)
{
	struct failing_site f;
	unsigned bad = 0;

	for (size_t i = 0; failing_site_at(i, &f); i++) {
		bad += try_site(w, &f, false);
		bad += try_site(w, &f, true);
		*tried += 2;
	}
	return bad;
}

static unsigned
try_some(const struct work *w, size_t *tried)
{
	struct failing_site f;
	unsigned bad = 0;
	size_t n = 0;

	while (failing_site_at(n, &f))
		n++;
	for (; *tried < SHARE; ++*tried)
		if (failing_site_at(draw() % n, &f))
			bad += try_site(w, &f, draw() % 2 == 0);
	return bad;
}

static void
whatever_fails_nothing_promised_is_lost(void **state)
{
	const char *only = getenv("FAILING");
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < bench_work_count; i++) {
		const struct work *w = &bench_works[i];
		const char *wrong;
		size_t tried = 0, sites = 0;
		struct failing_site f;

		if (only != NULL && strcmp(only, w->name) != 0)
			continue;
		failing_forget();
		wrong = attempt(w, NULL, false);
		if (wrong != NULL)
			fail_msg("%s: %s", w->name, wrong);
		bad += soak ? try_all(w, &tried) : try_some(w, &tried);
		while (failing_site_at(sites, &f))
			sites++;
		print_message(
		    "# %s: %zu of %zu sites\n", w->name, tried, sites);
	}
	assert_int_equal(bad, 0);
}

static int
set_up(void **state)
{
	const char *seed = getenv("BLK_SEED");
	struct fault why = FAULT_NONE;

	(void)state;
	soak = getenv("BLK_SOAK") != NULL;
	random_state =
	    seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)file_clock_ms();
	random_state = random_state * 2 + 1;
	print_message("# BLK_SEED=%ju\n", (uintmax_t)random_state / 2);
	if (bench_open(&bench, &why))
		return 0;
	print_message("# %s\n", why.text);
	return -1;
}

static int
tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_fails_nothing_promised_is_lost),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

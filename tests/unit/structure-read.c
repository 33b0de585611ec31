/*
 * Texts with heads: read, or refused when the heads are not true.
 */
#include "structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* One piece, answered to any question. */
struct answer {
	const char *text;
	unsigned fetched, lines;
	bool skip;
};

static enum blk_status
answer(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	struct answer *a = arg;

	(void)id;
	a->fetched++;
	return buf_add(b, a->text, strlen(a->text), why);
}

static enum blk_status
count(void *arg, struct span line, struct fault *why)
{
	struct answer *a = arg;

	if (span_is(line, "stop"))
		return fault(why, BLK_BUSY, "stopped");
	a->lines++;
	return BLK_OK;
}

static bool
pass_over(void *arg, const struct reference *piece)
{
	const struct answer *a = arg;

	assert_int_equal(piece->class, CLASS_PIECE);
	return a->skip;
}

static void
heads_must_be_true(void **state)
{
	static const struct {
		const char *text, *piece;
		enum blk_status st;
		unsigned lines;
	} cases[] = {
		{ "", "", BLK_OK, 0 },
		{ "a\nb\n", "", BLK_OK, 2 },
		{ "p " A " 2 4\n", "a\nb\n", BLK_OK, 2 },
		{ "p " A " 2 4\np " A " 2 4\n", "a\nb\n", BLK_OK, 4 },
		{ "p " A " 2 30\n", "d " A " 10\nd " B " 20\n", BLK_OK, 2 },
		/* sums */
		{ "p " A " 2 5\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "p " A " 1 4\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "p " A " 2 140\n", "d " A " 10\nd " B " 20\n", BLK_CORRUPT,
		    0 },
		{ "p " A " 1 1\n", "", BLK_CORRUPT, 0 },
		/* sums that wrap */
		{ "p " A " 1 18446744073709551615\n"
		  "p " A " 1 18446744073709551615\n",
		    "a\n", BLK_CORRUPT, 0 },
		/* lines out of place */
		{ "p " A " 2 4\na\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "a\np " A " 2 4\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "p " A " 2 4\nd " A " 4\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "p " A " 02 4\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "p " A "a 2 4\n", "a\nb\n", BLK_CORRUPT, 0 },
		{ "a\nd " A " 10\n", "", BLK_CORRUPT, 0 },
		{ "d " A " 10\na\n", "", BLK_CORRUPT, 0 },
		{ "d " A " 010\n", "", BLK_CORRUPT, 0 },
		/* cut off */
		{ "a\nb", "", BLK_CORRUPT, 0 },
		{ "p " A " 2 4\n", "a\nbc", BLK_CORRUPT, 0 },
		{ "a\nstop\n", "", BLK_BUSY, 0 },
	};
	struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = { .text = cases[i].piece };
		struct structure_reader r = { .fetch = answer,
			.line = count,
			.skip = pass_over,
			.arg = &a };
		enum blk_status st =
		    structure_read(&r, span_str(cases[i].text), &why);

		if (st != cases[i].st)
			fail_msg("case %zu: %d", i, (int)st);
		if (st == BLK_OK)
			assert_int_equal(a.lines, cases[i].lines);
	}
}

static void
what_is_skipped_is_not_fetched(void **state)
{
	struct answer a = { .text = "", .skip = true };
	struct structure_reader r = {
		.fetch = answer, .line = count, .skip = pass_over, .arg = &a
	};
	struct fault why;

	(void)state;
	assert_int_equal(
	    structure_read(&r, span_str("p " A " 2 5\np " B " 9 9\n"), &why),
	    BLK_OK);
	assert_int_equal(a.fetched, 0);
	assert_int_equal(a.lines, 0);
}

static void
heads_nest_so_deep_and_no_deeper(void **state)
{
	struct answer a = { .text = "p " A " 2 4\n" };
	struct structure_reader r = {
		.fetch = answer, .line = count, .arg = &a
	};
	struct fault why;

	(void)state;
	assert_int_equal(
	    structure_read(&r, span_str(a.text), &why), BLK_CORRUPT);
	assert_int_equal(a.fetched, STRUCTURE_DEPTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_must_be_true),
		cmocka_unit_test(what_is_skipped_is_not_fetched),
		cmocka_unit_test(heads_nest_so_deep_and_no_deeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fault.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_fresh_fault_says_nothing(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(why.sys, 0);
	assert_string_equal(why.text, "");
}

static void
a_fault_keeps_its_message_and_gives_back_the_status(void **state)
{
	static const enum blk_status all[] = { BLK_ABSENT, BLK_INVALID,
		BLK_CORRUPT, BLK_BUSY, BLK_FAILED };
	struct fault why = { .sys = EIO, .text = "old" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		why.sys = EIO;
		assert_int_equal(
		    fault(&why, all[i], "%s %d", "object", 7), all[i]);
		assert_string_equal(why.text, "object 7");
		assert_int_equal(why.sys, 0);
	}
}

static void
a_system_fault_adds_errno_and_its_message(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(fault_sys(&why, "write %s", "tmp/1"), BLK_FAILED);
	assert_int_equal(why.sys, ENOSPC);
	assert_string_equal(why.text, "write tmp/1: No space left on device");
}

static void
a_system_fault_with_an_unknown_errno_still_has_a_message(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	errno = INT_MAX;
	assert_int_equal(fault_sys(&why, "odd"), BLK_FAILED);
	assert_int_equal(why.sys, INT_MAX);
	assert_string_equal(why.text, "odd: unknown error");
}

static void
out_of_memory_is_a_failure_with_enomem(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(fault_nomem(&why), BLK_FAILED);
	assert_int_equal(why.sys, ENOMEM);
	assert_string_equal(why.text, "out of memory");
}

static void
context_stands_in_front_outermost_first(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	errno = EIO;
	fault_sys(&why, "read");
	assert_int_equal(fault_in(&why, BLK_FAILED, "frame %d", 3), BLK_FAILED);
	assert_int_equal(
	    fault_in(&why, BLK_CORRUPT, "segment %s", "ab"), BLK_CORRUPT);
	assert_string_equal(
	    why.text, "segment ab: frame 3: read: Input/output error");
	assert_int_equal(why.sys, EIO);
}

static void
what_needs_a_newer_blk_is_told_from_other_failures(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(fault_newer(&why, "codec %d", 9), BLK_FAILED);
	assert_true(fault_is_newer(BLK_FAILED, &why));
	fault_in(&why, BLK_FAILED, "segment ab");
	assert_string_equal(why.text, "segment ab: codec 9");
	assert_true(fault_is_newer(BLK_FAILED, &why));
	assert_false(fault_is_newer(BLK_CORRUPT, &why));
	fault(&why, BLK_FAILED, "outcome unknown");
	assert_false(fault_is_newer(BLK_FAILED, &why));
	errno = EIO;
	fault_sys(&why, "read");
	assert_false(fault_is_newer(BLK_FAILED, &why));
}

static void
a_message_is_one_line_whatever_a_name_holds(void **state)
{
	struct fault why = FAULT_NONE;

	(void)state;
	fault(&why, BLK_INVALID, "bad name '%s'", "a\nb\n");
	assert_string_equal(why.text, "bad name 'a b '");
	fault_in(&why, BLK_INVALID, "line\n1");
	assert_string_equal(why.text, "line 1: bad name 'a b '");
}

/* The largest message, and everything put in front of or behind it. */
static void
what_is_too_long_is_cut_and_stays_a_string(void **state)
{
	struct fault why = FAULT_NONE;
	char much[2 * sizeof(why.text)];
	size_t max = sizeof(why.text) - 1;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	for (size_t len = max - 40; len <= max + 1; len++) {
		const char *tail = much + sizeof(much) - 1 - len;
		size_t kept = len < max ? len : max;

		fault(&why, BLK_INVALID, "%s", tail);
		assert_int_equal(strlen(why.text), kept);
		fault_in(&why, BLK_INVALID, "ctx");
		assert_memory_equal(why.text, "ctx: xxx", 8);
		assert_int_equal(
		    strlen(why.text), kept + 5 < max ? kept + 5 : max);
		errno = EIO;
		fault_sys(&why, "%s", tail);
		assert_int_equal(
		    strlen(why.text), len + 20 < max ? len + 20 : max);
		assert_int_equal(why.sys, EIO);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_fault_says_nothing),
		cmocka_unit_test(
		    a_fault_keeps_its_message_and_gives_back_the_status),
		cmocka_unit_test(a_system_fault_adds_errno_and_its_message),
		cmocka_unit_test(
		    a_system_fault_with_an_unknown_errno_still_has_a_message),
		cmocka_unit_test(out_of_memory_is_a_failure_with_enomem),
		cmocka_unit_test(context_stands_in_front_outermost_first),
		cmocka_unit_test(
		    what_needs_a_newer_blk_is_told_from_other_failures),
		cmocka_unit_test(a_message_is_one_line_whatever_a_name_holds),
		cmocka_unit_test(what_is_too_long_is_cut_and_stays_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

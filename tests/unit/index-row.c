/*
 * A row of facts: what is packed comes out again, and what was not packed is
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index-private.h"

static uint32_t seed = 20261130;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static int
by_key(const void *a, const void *b)
{
	const struct index_fact *x = a, *y = b;

	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return (x->segment > y->segment) - (x->segment < y->segment);
}

/* Some facts, each key once, in order of the keys. */
static size_t
some_facts(struct index_fact *fact)
{
	size_t n = 0;

	for (uint8_t what = 1; what < FACT_LOST + 6; what++) {
		struct index_fact f = { .what = what };

		if (any(4) != 0)
			continue;
		if (what < FACT_COUNT) {
			f.segment = any(1000);
			f.place = any(2) ? UINT32_MAX : any(1000);
		}
		if (what < FACT_LOST)
			f.amount = any(2) ? INT64_MAX : any(1000);
		fact[n++] = f;
		if (what < FACT_COUNT && any(2)) {
			f.segment += 1 + any(5);
			fact[n++] = f;
		}
	}
	return n;
}

static void
what_is_packed_comes_out_again(void **state)
{
	struct index_columns c = { .rest = BUF_INIT(1 << 16) };
	struct index_row r = { .facts = 0 };
	struct fault why = FAULT_NONE;

	(void)state;
	print_message("seed %u\n", seed);
	for (int round = 0; round < 5000; round++) {
		struct index_fact fact[128], packed[128];
		size_t n = some_facts(fact);
		bool sound;

		memcpy(packed, fact, sizeof(fact));
		assert_int_equal(index_row_pack(&c, packed, n, &why), BLK_OK);
		assert_int_equal(
		    index_row_unpack(&r, &c,
		        c.rest.len > 0 ? (const char *)c.rest.data : NULL,
		        &sound, &why),
		    BLK_OK);
		assert_true(sound);
		assert_int_equal(r.facts, n);
		if (n > 1)
			qsort(r.fact, n, sizeof(*r.fact), by_key);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(r.fact[i].what, fact[i].what);
			assert_int_equal(r.fact[i].segment, fact[i].segment);
			assert_int_equal(r.fact[i].place, fact[i].place);
			assert_int_equal(r.fact[i].amount, fact[i].amount);
		}
	}
	index_row_release(&r);
	buf_release(&c.rest);
}

static void
the_newest_copy_and_the_first_count_have_columns(void **state)
{
	struct index_fact fact[] = { { .what = 1, .segment = 3 },
		{ .what = 1, .segment = 9, .place = 4, .amount = 5 },
		{ .what = 17, .amount = 7 }, { .what = 16, .amount = 8 },
		{ .what = 33 } };
	struct index_columns c = { .rest = BUF_INIT(1 << 16) };
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(index_row_pack(&c, fact, 5, &why), BLK_OK);
	assert_int_equal(c.segment, 9);
	assert_int_equal(c.place, 4);
	assert_int_equal(c.length, 5);
	assert_int_equal(c.class, 16);
	assert_int_equal(c.count, 8);
	assert_string_equal(c.rest.data, "[[1,3,0,0],[17,0,0,7],[33,0,0,0]]");
	buf_release(&c.rest);
}

static void
what_was_not_packed_is_refused(void **state)
{
	static const char *const rest[] = { "", "[", "[[", "[[1,2,3,4]",
		"[[1,2,3,4]]]", "[[1,2,3]]", "[[1,2,3,4,5]]", "[[256,2,3,4]]",
		"[[1,2,4294967296,4]]", "[[1,2,3,18446744073709551616]]",
		"[[1,2,3,-4]]", "[[01,2,3,4]]", "[[1,2,3,4],]", "[,[1,2,3,4]]",
		"[[1,2,3,4] ]", "{}", "[1,2,3,4]", "[[,2,3,4]]" };
	static const struct index_columns wrong[] = { { .kind = FACT_COUNT },
		{ .class = FACT_LOST }, { .place = UINT64_C(1) << 32 } };
	const struct index_columns none = { .kind = 0 };
	struct index_row r = { .facts = 0 };
	struct fault why = FAULT_NONE;
	bool sound;

	(void)state;
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		assert_int_equal(
		    index_row_unpack(&r, &none, rest[i], &sound, &why), BLK_OK);
		if (sound)
			fail_msg("%s was taken", rest[i]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
		    index_row_unpack(&r, &wrong[i], NULL, &sound, &why),
		    BLK_OK);
		assert_false(sound);
	}
	index_row_release(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_out_again),
		cmocka_unit_test(
		    the_newest_copy_and_the_first_count_have_columns),
		cmocka_unit_test(what_was_not_packed_is_refused),
	};

	return cmocka_run_group_tests_name("index-row", tests, NULL, NULL);
}

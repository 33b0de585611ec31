/*
 * Whatever ids are sorted, and however they lie among all there are, they come
 * out in order, and all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "digest.h"
#include "ids.h"

struct item {
	struct digest id;
	uint32_t number;
};

static uint64_t
next(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	return (*seed ^ *seed >> 31) * 0xbf58476d1ce4e5b9u;
}

/* How the ids of a test lie among all there are. */
enum spread { EVENLY, EQUAL_HEADS, FEW_IDS, UPWARDS, DOWNWARDS, SPREADS };

static struct item
item_of(uint64_t *seed, enum spread spread, uint32_t i)
{
	struct item m = { .number = i };
	uint64_t a = next(seed), b = next(seed);

	memcpy(m.id.byte, &a, sizeof(a));
	memcpy(m.id.byte + 24, &b, sizeof(b));
	if (spread == EQUAL_HEADS)
		memset(m.id.byte, 0x5a, 8);
	if (spread == FEW_IDS)
		memset(m.id.byte + 1, (int)(a % 3), DIGEST_LEN - 1);
	if (spread >= UPWARDS)
		for (int k = 0; k < 4; k++)
			m.id.byte[k] = (uint8_t)((spread == UPWARDS ? i : ~i) >>
			    (24 - 8 * k));
	return m;
}

static int
by_id_and_number(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = digest_compare(&x->id, &y->id);

	return order != 0 ? order
	                  : (x->number > y->number) - (x->number < y->number);
}

static void
assert_as_qsort(struct item *m, size_t n,
    void (*sort)(void *, size_t, size_t, int (*)(const void *, const void *)))
{
	struct item *expected = malloc((n + 1) * sizeof(*m));

	assert_non_null(expected);
	memcpy(expected, m, n * sizeof(*m));
	qsort(expected, n, sizeof(*m), by_id_and_number);
	sort(m, n, sizeof(*m), by_id_and_number);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(by_id_and_number(&m[i], &expected[i]), 0);
	free(expected);
}

static void
ids_come_into_the_order_that_qsort_gives_them(void **state)
{
	static const size_t counts[] = { 0, 1, 2, 31, 32, 33, 1000, 70000 };

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		for (int spread = 0; spread < SPREADS; spread++)
			for (size_t k = 0; k < 8; k++) {
				size_t n = counts[k];
				struct item *m = malloc((n + 1) * sizeof(*m));
				uint64_t s = seed;

				printf("seed %d spread %d n %zu\n", (int)seed,
				    spread, n);
				assert_non_null(m);
				for (size_t i = 0; i < n; i++)
					m[i] = item_of(&s, (enum spread)spread,
					    (uint32_t)i);
				assert_as_qsort(m, n, ids_sort);
				assert_as_qsort(m, n, ids_settle);
				free(m);
			}
}

static void
what_is_far_from_its_place_settles_too(void **state)
{
	struct item m[1000];
	uint64_t seed = 5;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		m[i] = item_of(&seed, DOWNWARDS, i);
	assert_as_qsort(m, 1000, ids_settle);
}

static void
ids_alone_are_sorted(void **state)
{
	struct digest id[500];
	uint64_t seed = 9;

	(void)state;
	for (int i = 0; i < 500; i++)
		id[i] = item_of(&seed, EVENLY, 0).id;
	ids_sort(id, 500, sizeof(*id), digest_order);
	for (int i = 1; i < 500; i++)
		assert_true(digest_compare(&id[i - 1], &id[i]) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_come_into_the_order_that_qsort_gives_them),
		cmocka_unit_test(what_is_far_from_its_place_settles_too),
		cmocka_unit_test(ids_alone_are_sorted),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}

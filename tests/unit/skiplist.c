/*
 * skiplist.c - an ordered set does what an array of flags does, whatever is
 * put and taken, with ranks that tell much or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "skiplist.h"

#define ITEMS 3000
#define ROUNDS 40
#define STEPS 6000

static int value[ITEMS]; /* value[i] == i */
static bool there[ITEMS];
static int items;     /* of these, in this round */
static int each_rank; /* so many have one rank */
static uint64_t state;
static struct fault why;

static int
draw(int below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int)(state % (uint64_t)below);
}

static int
order(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static uint64_t
rank(const void *item)
{
	return (uint64_t)(*(const int *)item / each_rank);
}

/* The first that is there from i on, or NULL. */
static int *
first_from(int i)
{
	while (i < items && !there[i])
		i++;
	return i < items ? &value[i] : NULL;
}

static void
looks_alike(const struct skiplist *s)
{
	int key = draw(items);

	assert_ptr_equal(skiplist_first(s), first_from(0));
	assert_ptr_equal(skiplist_from(s, &key), first_from(key));
	assert_ptr_equal(skiplist_after(s, &key), first_from(key + 1));
	assert_ptr_equal(
	    skiplist_get(s, &key), there[key] ? &value[key] : NULL);
}

/* Put, with this percentage, or take. */
static void
step(struct skiplist *s, int puts)
{
	int key = draw(items);

	if (draw(100) >= puts) {
		assert_ptr_equal(
		    skiplist_take(s, &key), there[key] ? &value[key] : NULL);
		there[key] = false;
	} else if (!there[key]) {
		assert_int_equal(skiplist_put(s, &value[key], &why), BLK_OK);
		there[key] = true;
	}
}

static void
it_holds_what_was_put_and_not_taken(void **ignored)
{
	struct skiplist *s;
	int puts = 0;

	(void)ignored;
	for (int round = 0; round < ROUNDS; round++) {
		items = 1 + draw(ITEMS);
		each_rank = 1 + draw(200);
		memset(there, 0, sizeof(there));
		assert_int_equal(
		    skiplist_new(order, draw(3) > 0 ? rank : NULL, &s, &why),
		    BLK_OK);
		for (int i = 0; i < STEPS; i++) {
			if (i % 1000 == 0)
				puts = draw(101);
			step(s, puts);
			looks_alike(s);
		}
		skiplist_free(s, NULL);
	}
}

static unsigned released;

static void
count_release(void *item)
{
	(void)item;
	released++;
}

static void
what_is_left_is_released(void **ignored)
{
	struct skiplist *s;

	(void)ignored;
	each_rank = 10;
	assert_int_equal(skiplist_new(order, rank, &s, &why), BLK_OK);
	for (int i = ITEMS; i-- > 0;)
		assert_int_equal(skiplist_put(s, &value[i], &why), BLK_OK);
	for (int i = 0; i < ITEMS / 2; i++)
		assert_ptr_equal(skiplist_take(s, &i), &value[i]);
	skiplist_free(s, count_release);
	assert_int_equal(released, ITEMS - ITEMS / 2);
	skiplist_free(NULL, count_release);
}

static void
no_list_is_an_empty_one(void **ignored)
{
	int key = 1;

	(void)ignored;
	assert_null(skiplist_first(NULL));
	assert_null(skiplist_from(NULL, &key));
	assert_null(skiplist_after(NULL, &key));
	assert_null(skiplist_get(NULL, &key));
	assert_null(skiplist_take(NULL, &key));
	assert_int_equal(skiplist_put(NULL, &key, &why), BLK_FAILED);
}

int
main(void)
{
	const char *seed = getenv("BLK_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_was_put_and_not_taken),
		cmocka_unit_test(what_is_left_is_released),
		cmocka_unit_test(no_list_is_an_empty_one),
	};

	state = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	printf("# BLK_SEED=%llu\n", (unsigned long long)state);
	state = state * 0x9e3779b97f4a7c15u + 1;
	for (int i = 0; i < ITEMS; i++)
		value[i] = i;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

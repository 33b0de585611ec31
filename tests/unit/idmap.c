/*
 * A map of ids, ordered or not, holds what a list of all calls holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "idmap.h"

#define IDS 1000
#define TAGS 3

static struct fault why;

static uint64_t
next(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	return (*seed ^ *seed >> 31) * 0xbf58476d1ce4e5b9u;
}

/* How the ids of a test lie among all there are. */
enum spread { EVENLY, IN_A_CORNER, AT_THE_END, CROWDED };

static struct digest
id_of(uint64_t *seed, enum spread spread)
{
	struct digest id = { .byte = { 0 } };
	uint64_t a = next(seed), b = next(seed);

	memcpy(id.byte, &a, sizeof(a));
	memcpy(id.byte + 24, &b, sizeof(b));
	if (spread == IN_A_CORNER)
		id.byte[0] = 0x5a;
	if (spread == AT_THE_END) /* they come to lie at the front, too */
		memset(id.byte, 0xff, 2);
	if (spread == CROWDED)
		memset(id.byte, 0x5a, 8);
	return id;
}

static void
assert_sorted(const struct idmap *m, const struct digest *id, size_t ids)
{
	struct idmap_entry *e;

	assert_int_equal(m->used, ids * TAGS);
	assert_int_equal(idmap_sorted(m, &e, &why), BLK_OK);
	for (size_t i = 1; i < m->used; i++) {
		int order = digest_compare(&e[i - 1].id, &e[i].id);

		assert_true(
		    order < 0 || (order == 0 && e[i - 1].tag < e[i].tag));
	}
	free(e);
	for (size_t i = 0; i < ids; i++)
		for (uint8_t tag = 0; tag < TAGS; tag++) {
			int64_t *value = idmap_get(m, &id[i], tag);

			assert_non_null(value);
			assert_int_equal(*value, (int64_t)i * TAGS + tag);
		}
}

static void
holds_what_was_put(bool ordered, enum spread spread, uint64_t seed)
{
	struct idmap m = { .ordered = ordered };
	static struct digest id[IDS];
	struct digest absent;
	int64_t *value;
	bool made;

	print_message("seed %ju\n", (uintmax_t)seed);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < IDS; i++) {
			id[i] = id_of(&seed, spread);
			for (uint8_t tag = 0; tag < TAGS; tag++) {
				assert_int_equal(idmap_put(&m, &id[i], tag,
				                     &value, &made, &why),
				    BLK_OK);
				assert_true(made);
				assert_int_equal(*value, 0);
				*value = (int64_t)i * TAGS + tag;
			}
		}
		assert_int_equal(
		    idmap_put(&m, &id[0], 1, &value, &made, &why), BLK_OK);
		assert_false(made);
		absent = id_of(&seed, spread);
		assert_null(idmap_get(&m, &absent, 0));
		assert_sorted(&m, id, IDS);
		idmap_clear(&m);
		assert_null(idmap_get(&m, &id[0], 1));
	}
	idmap_release(&m);
	assert_int_equal(m.ordered, ordered);
}

static void
a_map_holds_what_was_put(void **state)
{
	(void)state;
	holds_what_was_put(false, EVENLY, 1);
	holds_what_was_put(false, CROWDED, 2);
}

static void
so_does_an_ordered_one(void **state)
{
	(void)state;
	holds_what_was_put(true, EVENLY, 3);
}

static void
an_ordered_map_of_ids_that_crowd_is_never_wrong(void **state)
{
	(void)state;
	holds_what_was_put(true, IN_A_CORNER, 6);
	holds_what_was_put(true, AT_THE_END, 4);
	holds_what_was_put(true, CROWDED, 5);
}

static void
an_empty_map_is_sorted(void **state)
{
	struct idmap m = { .ordered = true };
	struct idmap_entry *e;

	(void)state;
	assert_int_equal(idmap_sorted(&m, &e, &why), BLK_OK);
	free(e);
}

static void
what_was_reserved_is_put_where_it_stays(void **state)
{
	static const size_t rooms[] = { 1, 12, 13, IDS, 100 * IDS };
	uint64_t seed = 7;

	(void)state;
	for (size_t k = 0; k < 2 * sizeof(rooms) / sizeof(*rooms); k++) {
		struct idmap m = { .ordered = k % 2 == 0 };
		const struct idmap_entry *slot;
		int64_t *value;

		assert_int_equal(idmap_reserve(&m, 0, &why), BLK_OK);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(
			    idmap_reserve(&m, rooms[k / 2], &why), BLK_OK);
			slot = m.slot;
			for (size_t i = 0; i < rooms[k / 2]; i++) {
				struct digest id = id_of(&seed, EVENLY);

				assert_int_equal(
				    idmap_put(&m, &id, 0, &value, NULL, &why),
				    BLK_OK);
			}
			assert_ptr_equal(m.slot, slot);
		}
		assert_int_equal(m.used, 2 * rooms[k / 2]);
		idmap_release(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_holds_what_was_put),
		cmocka_unit_test(so_does_an_ordered_one),
		cmocka_unit_test(
		    an_ordered_map_of_ids_that_crowd_is_never_wrong),
		cmocka_unit_test(an_empty_map_is_sorted),
		cmocka_unit_test(what_was_reserved_is_put_where_it_stays),
	};

	return cmocka_run_group_tests_name("idmap", tests, NULL, NULL);
}

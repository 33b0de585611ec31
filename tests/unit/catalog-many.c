/*
 * Catalogs: more ids than the index keeps in memory before it writes them.
 */
#include "catalog-pair.h"

#include <stdlib.h>

#define MANY 20000u
#define AT_ONCE 500

static struct digest many_id[MANY];

/* One segment that holds them all, in no order. */
static void
add_many(struct pair *p)
{
	struct segment_object *object = calloc(MANY, sizeof(*object));
	struct segment_table t = { .object = object, .objects = MANY };
	struct catalog_segment s = { .seq = 1, .id = *id_of(1) };
	enum blk_status st;

	assert_non_null(object);
	for (uint32_t i = 0; i < MANY; i++) {
		uint64_t head = i * 0x9e3779b97f4a7c15u;

		memcpy(many_id[i].byte, &head, sizeof(head));
		object[i].id = many_id[i];
		object[i].kind = KIND_DATA;
		object[i].length = i;
	}
	both(p, &st, segment_add, &s);
	both(p, &st, copies_add, 1, &t);
	qsort(many_id, MANY, sizeof(many_id[0]), digest_order);
	free(object);
}

static void
assert_same_facts(struct pair *p, const struct digest *id, size_t n)
{
	static struct catalog_facts a[AT_ONCE], b[AT_ONCE];
	struct fault why = FAULT_NONE;

	ok(p->a->type->facts_many(p->a, id, n, a, &why));
	ok(p->b->type->facts_many(p->b, id, n, b, &why));
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(a[i].count, b[i].count, sizeof(a->count));
		assert_int_equal(a[i].copies, 1);
		assert_int_equal(b[i].copies, 1);
		assert_int_equal(a[i].copy[0].ordinal, b[i].copy[0].ordinal);
	}
}

/* Counts of each step-th id: look at them in order, and set them. */
static void
count_many(struct pair *p, uint32_t step, uint64_t count)
{
	static struct digest id[AT_ONCE];
	enum blk_status st;
	size_t n = 0;

	for (uint32_t i = 0; i < MANY; i += step) {
		id[n++] = many_id[i];
		if (n < AT_ONCE && i + step < MANY)
			continue;
		assert_same_facts(p, id, n);
		for (size_t k = 0; k < n; k++)
			both(p, &st, count_set, &id[k], CLASS_DATA, count);
		n = 0;
	}
}

static void
many_ids_are_known_and_counted_in_order(void **state)
{
	static const struct {
		uint32_t step;
		uint64_t count;
	} round[] = { { 3, 1 }, { 1, 2 }, { 2, 0 }, { 1000, 7 } };
	struct pair p = { .seed = 1, .pending_ids = MANY / 3 };
	struct fault why = FAULT_NONE;
	struct catalog_totals a, b;

	(void)state;
	pair_open(&p, true);
	for (size_t i = 0; i < sizeof(round) / sizeof(round[0]); i++) {
		ok(p.a->type->begin(p.a, &why));
		ok(p.b->type->begin(p.b, &why));
		if (i == 0)
			add_many(&p);
		count_many(&p, round[i].step, round[i].count);
		ok(p.a->type->commit(p.a, &why));
		ok(p.b->type->commit(p.b, &why));
		ok(p.a->type->totals(p.a, &a, &why));
		ok(p.b->type->totals(p.b, &b, &why));
		assert_memory_equal(&a, &b, sizeof(a));
		ok(p.b->type->verify(p.b, CATALOG_IDS, &why));
	}
	assert_int_equal(b.objects, MANY);
	assert_int_equal(b.chunks, MANY / 2 + MANY / 1000);
	pair_close(&p);
}

static void
a_count_that_goes_and_comes_back_is_one_row(void **state)
{
	struct pair p = { .seed = 1 };
	struct fault why = FAULT_NONE;
	enum blk_status st;

	(void)state;
	pair_open(&p, true);
	for (uint64_t count = 1; count <= 2; count++) {
		ok(p.a->type->begin(p.a, &why));
		ok(p.b->type->begin(p.b, &why));
		if (count == 1)
			add_many(&p);
		for (uint32_t i = 0; i < MANY; i += 7) {
			both(&p, &st, count_set, &many_id[i], CLASS_DATA, 0);
			both(
			    &p, &st, count_set, &many_id[i], CLASS_DATA, count);
		}
		ok(p.a->type->commit(p.a, &why));
		ok(p.b->type->commit(p.b, &why));
		ok(p.b->type->verify(p.b, CATALOG_IDS, &why));
	}
	assert_same_facts(&p, many_id, AT_ONCE);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_ids_are_known_and_counted_in_order),
		cmocka_unit_test(a_count_that_goes_and_comes_back_is_one_row),
	};

	return cmocka_run_group_tests_name("catalog-many", tests, NULL, NULL);
}

/*
 * catalog-pair.h - a catalog in memory and an index, for calls on both.
 */
#ifndef CATALOG_PAIR_H
#define CATALOG_PAIR_H

#include "catalog-say.h"
#include "index.h"
#include "tmpdir.h"

struct pair {
	struct catalog *a, *b; /* in memory; the index */
	char dir[TMPDIR_MAX];
	uint64_t seed;
	uint64_t commits;
	size_t pending_ids; /* see struct index_options */
};

/* Call an operation on both, with the same drawn values: the same status. */
#define both(p, status, op, ...)                                               \
	do {                                                                   \
		struct fault why_a = FAULT_NONE, why_b = FAULT_NONE;           \
		enum blk_status st_a, st_b;                                    \
		uint64_t drawn = (p)->seed;                                    \
                                                                               \
		st_a = (p)->a->type->op((p)->a, __VA_ARGS__, &why_a);          \
		(p)->seed = drawn;                                             \
		st_b = (p)->b->type->op((p)->b, __VA_ARGS__, &why_b);          \
		if (st_a != st_b)                                              \
			print_error(                                           \
			    "%s: %s | %s\n", #op, why_a.text, why_b.text);     \
		assert_int_equal(st_a, st_b);                                  \
		*(status) = st_a;                                              \
	} while (0)

static inline void
pair_open(struct pair *p, bool in_memory)
{
	struct fault why = FAULT_NONE;
	struct index_options o = { .dir = p->dir,
		.cache_bytes = 1 << 20,
		.in_memory = in_memory,
		.pending_ids = p->pending_ids };
	const char *reason;
	bool fresh;

	assert_int_equal(tmpdir_make(p->dir), 0);
	ok(catalog_memory_new(&p->a, &why));
	ok(index_open(&o, &p->b, &fresh, &reason, &why));
	assert_true(fresh);
	assert_null(reason);
	p->commits = 0;
}

static inline void
pair_close(struct pair *p)
{
	catalog_close(p->a);
	catalog_close(p->b);
	assert_int_equal(tmpdir_remove(p->dir), 0);
}

#endif

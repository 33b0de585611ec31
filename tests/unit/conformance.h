/*
 * conformance.h - what the parts of the conformance suite share (backend.c).
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define SESSION "0123456789abcdef0123456789abcdef"

/* One sentence of the contract; a table of them ends with NULL. */
struct promise {
	const char *name;
	CMUnitTestFunction keep;
};

#define PROMISE(f)                                                             \
	{                                                                      \
#f, f                                                          \
	}

extern const struct promise promise_of_blobs[], promise_of_lists[],
    promise_of_wrappers[];

/* What a test works with: an empty store. */
extern struct backend *b;
extern char url[128];
extern const struct backend_open_options make, plain;

/* A second handle of it. */
struct backend *second(const struct backend_open_options *o);

/* Bytes that differ with the place and the seed. */
void fill(void *buf, size_t len, unsigned seed);

void put(const char *key, const void *data, size_t len);
enum blk_status put_new(struct backend *where, const char *key,
    const void *data, size_t len, enum backend_outcome *outcome);
void assert_holds(
    struct backend *where, const char *key, const void *want, size_t len);

/* A visitor of backend_list, and what it saw. */
struct seen {
	char keys[64][BACKEND_KEY_MAX + 1];
	uint64_t bytes;
	size_t n;
	size_t stop_after; /* 0: never */
	bool meddle;       /* put and remove on the way */
};

enum blk_status see(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why);
bool has_seen(const struct seen *s, const char *key); /* and never twice */

#endif

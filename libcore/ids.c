#include "ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

#define BITS_MAX 20 /* of ids, which say where they belong */
#define FEW 32      /* items that need no help to be sorted */

/* Move each item back to its place; false, with some of it done, if that takes
 * too many moves. */
static bool
move_back(char *items, size_t n, size_t size,
    int (*order)(const void *a, const void *b))
{
	_Alignas(max_align_t) char moved[IDS_ITEM_MAX];
	size_t moves = 8 * n;

	for (size_t i = 1; i < n; i++) {
		char *at = items + i * size;

		if (order(at - size, at) <= 0)
			continue;
		memcpy(moved, at, size);
		do {
			memcpy(at, at - size, size);
			at -= size;
		} while (
		    --moves > 0 && at > items && order(at - size, moved) > 0);
		memcpy(at, moved, size);
		if (moves == 0)
			return false;
	}
	return true;
}

/* Bring all into the order of their first bits. */
static void
spread(char *items, size_t n, size_t size)
{
	unsigned bits = 1;
	size_t *end = NULL;
	char *to = NULL;

	while (bits < BITS_MAX && (size_t)1 << bits < n)
		bits++;
	end = calloc((size_t)1 << bits, sizeof(*end));
	to = malloc(n * size);
	if (end == NULL || to == NULL)
		goto out; /* what follows takes them as they are */
#define PLACE(p) (digest_head((const struct digest *)(p)) >> (64 - bits))
	for (size_t i = 0; i < n; i++)
		end[PLACE(items + i * size)]++;
	for (size_t k = 1; k < (size_t)1 << bits; k++)
		end[k] += end[k - 1];
	for (size_t i = n; i-- > 0;) {
		const char *item = items + i * size;

		memcpy(to + --end[PLACE(item)] * size, item, size);
	}
#undef PLACE
	memcpy(items, to, n * size);
out:
	free(end);
	free(to);
}

void
ids_settle(void *items, size_t n, size_t size,
    int (*order)(const void *a, const void *b))
{
	if (!move_back(items, n, size, order))
		qsort(items, n, size, order);
}

void
ids_sort(void *items, size_t n, size_t size,
    int (*order)(const void *a, const void *b))
{
	if (n > FEW)
		spread(items, n, size);
	ids_settle(items, n, size, order);
}

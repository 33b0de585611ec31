/*
 * skiplist.h - an ordered set of items in memory (Pugh, Skip Lists, CACM
 * 33(6), 1990), some dozens of them in a node.
 *
 * Items are the caller's pointers; order compares two items as qsort does.
 * rank, unless NULL, is a number that never falls from an item to a greater
 * one: where ranks differ, order is not asked and the items are not touched.
 * NULL in place of a list is an empty one that takes nothing.
 */
#ifndef SKIPLIST_H
#define SKIPLIST_H

#include <stdint.h>

#include "fault.h"

struct skiplist;

MUST_USE enum blk_status skiplist_new(
    int (*order)(const void *a, const void *b),
    uint64_t (*rank)(const void *item), struct skiplist **out,
    struct fault *why);
/* release: called for each item, or NULL. */
void skiplist_free(struct skiplist *s, void (*release)(void *item));

/* Add an item that has no equal in the list. */
MUST_USE enum blk_status skiplist_put(
    struct skiplist *s, void *item, struct fault *why);
/* The item equal to key, or NULL. */
void *skiplist_get(const struct skiplist *s, const void *key);
/* The same, taken out of the list. */
void *skiplist_take(struct skiplist *s, const void *key);

/* In order: the first; the first not below key; the one behind an item. */
void *skiplist_first(const struct skiplist *s);
void *skiplist_from(const struct skiplist *s, const void *key);
void *skiplist_after(const struct skiplist *s, const void *key);

#endif

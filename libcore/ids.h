/*
 * ids.h - sorts what has an id.
 *
 * Ids are SHA-256, so their first bits say where among the others they belong:
 * a pass that counts and one that moves bring each near its place, and few
 * moves do the rest (Knuth, The Art of Computer Programming 3, 5.2.5, with an
 * insertion sort at the end).  An adversary who picks ids can make it as slow
 * as qsort, never wrong.
 */
#ifndef IDS_H
#define IDS_H

#include <stddef.h>

#define IDS_ITEM_MAX 128 /* bytes of an item */

/*
 * Sort n items of size bytes <= IDS_ITEM_MAX, each of which begins with a
 * struct digest, by order: by their ids, and those of one id as it likes.
 * Without memory it is slower.
 */
void ids_sort(void *items, size_t n, size_t size,
    int (*order)(const void *a, const void *b));

/* As ids_sort, for items that are nearly in order. */
void ids_settle(void *items, size_t n, size_t size,
    int (*order)(const void *a, const void *b));

#endif

/*
 * idmap.h - a hash table from (id, tag) to a number.
 *
 * Ids are SHA-256, so their own bits are the hash.  An adversary who picks
 * ids can make lookups slow, never wrong.  All zero but for nothing is an
 * empty map.
 *
 * A map that is ordered keeps ids about where they stand among all there are:
 * for maps that are large, and gone through in order of ids, that is kinder to
 * the processor's caches, and sorting is nearly done.  It is meant for ids
 * that are spread over all that there are; where they crowd it gives up its
 * order.
 */
#ifndef IDMAP_H
#define IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"

struct idmap_entry {
	struct digest id;
	int64_t value;
	uint8_t tag;
	bool used;
};

struct idmap {
	struct idmap_entry *slot;
	size_t slots, used;
	bool ordered;   /* set while it is empty */
	bool scattered; /* it gave up its order, until it is cleared */
};

void idmap_release(struct idmap *m);
void idmap_clear(struct idmap *m); /* empty; memory in use is kept */

/* Room for n more: putting them will move nothing, unless an ordered map is
 * crowded. */
MUST_USE enum blk_status idmap_reserve(
    struct idmap *m, size_t n, struct fault *why);

/* The value, to be changed in place until the next put; NULL: absent. */
int64_t *idmap_get(const struct idmap *m, const struct digest *id, uint8_t tag);

/* As idmap_get, with the entry made (value 0) when it is absent; *made,
 * unless NULL, says so. */
MUST_USE enum blk_status idmap_put(struct idmap *m, const struct digest *id,
    uint8_t tag, int64_t **value, bool *made, struct fault *why);

/* The entries, by id and tag, in an array of m->used: the caller's. */
MUST_USE enum blk_status idmap_sorted(
    const struct idmap *m, struct idmap_entry **out, struct fault *why);

#endif

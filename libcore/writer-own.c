/*
 * What this writer wrote and did not commit yet, by id; and what it leans on.
 */
#include <stdlib.h>

#include "writer-private.h"

bool
writer_owns(const struct writer *w, const struct digest *id, enum class class,
    enum kind *kind, int64_t *where)
{
	for (int k = KIND_DATA; k <= KIND_VERSION; k++) {
		const int64_t *value;

		if (!class_takes(class, (enum kind)k))
			continue;
		value = idmap_get(&w->own, id, (uint8_t)k);
		if (value == NULL)
			continue;
		if (kind != NULL)
			*kind = (enum kind)k;
		if (where != NULL)
			*where = *value;
		return true;
	}
	return false;
}

enum blk_status
writer_promise(struct writer *w, const struct digest *id, enum kind kind,
    bool *mine, struct fault *why)
{
	int64_t *value;
	enum blk_status st;

	st = idmap_put(&w->own, id, (uint8_t)kind, &value, mine, why);
	if (st == BLK_OK && *mine)
		*value = WRITER_PROMISED;
	return st;
}

enum blk_status
writer_lean(struct writer *w, const struct digest *segment, struct fault *why)
{
	int64_t *value;

	return idmap_put(&w->leans, segment, 0, &value, NULL, why);
}

enum blk_status
writer_own_sweep(struct writer *w, struct fault *why)
{
	struct idmap left = { .slot = NULL };
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < w->own.slots; i++) {
		const struct idmap_entry *e = &w->own.slot[i];
		int64_t *value;

		if (!e->used ||
		    (e->value >= 0 &&
		        w->filled[e->value / WRITER_OBJECTS].committed))
			continue;
		st = idmap_put(&left, &e->id, e->tag, &value, NULL, why);
		if (st == BLK_OK)
			*value = e->value;
	}
	if (st != BLK_OK) {
		idmap_release(&left);
		return st;
	}
	idmap_release(&w->own);
	w->own = left;
	return BLK_OK;
}

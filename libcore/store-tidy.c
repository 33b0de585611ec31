/*
 * Space that is held beside what the store stores.
 */
#include "index.h"
#include "store-private.h"

enum blk_status
store_tidy(struct store *s, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (s->own_index)
		st = index_vacuum(s->catalog, why);
	return st == BLK_OK ? backend_compact(s->backend, why) : st;
}

uint64_t
store_index_bytes(struct store *s)
{
	return s->own_index ? index_bytes(s->catalog) : 0;
}

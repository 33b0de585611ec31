/*
 * Reading the log: runs of commits, each naming the one before.
 */
#include <stdlib.h>

#include "store-private.h"

/* Commits applied in one transaction; few, so that the model has several. */
#ifdef BLK_TEST_HOOKS
#define RUN_MAX 3
#else
#define RUN_MAX 512
#endif
#define RUN_BYTES ((size_t)64 << 20)

void
store_run_release(struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		commit_release(&r->commit[i]);
	free(r->commit);
	*r = (struct run){ .commit = NULL };
}

enum blk_status
store_run_next(struct store *s, struct run *r, uint64_t number,
    const struct digest *before, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	st = log_read(s->backend, number, s->config.store, &k, why);
	if (st == BLK_OK && number > 0 && !digest_equal(&k.previous, before)) {
		log_key(number, key);
		st = fault(why, BLK_CORRUPT,
		    "%s does not follow on the one "
		    "before",
		    key);
	}
	if (st == BLK_OK)
		st = array_grow((void **)&r->commit, r->count, &r->cap,
		    sizeof(*r->commit), why);
	if (st != BLK_OK) {
		commit_release(&k);
		return st;
	}
	r->commit[r->count++] = k;
	r->bytes += k.bytes;
	return BLK_OK;
}

enum blk_status
store_run_read(struct store *s, const struct catalog_head *h, uint64_t last,
    bool bounded, struct run *r, struct fault *why)
{
	const struct digest none = { { 0 } };
	uint64_t n = h->known ? h->number + 1 : 0;
	const struct digest *before = h->known ? &h->hash : &none;
	enum blk_status st = BLK_OK;

	while (n <= last) {
		st = store_run_next(s, r, n++, before, why);
		if (st != BLK_OK)
			break;
		before = &r->commit[r->count - 1].hash;
		if (bounded && (r->count >= RUN_MAX || r->bytes >= RUN_BYTES))
			break;
	}
	return r->count > 0 && (st == BLK_ABSENT || st == BLK_CORRUPT) ? BLK_OK
	                                                               : st;
}

enum blk_status
store_follow(struct store *s, uint64_t first, const struct digest *before,
    uint64_t last, const struct digest *want, bool *found, struct fault *why)
{
	struct digest at = *before;
	enum blk_status st = BLK_OK;

	*found = false;
	for (uint64_t n = first; n <= last; n++) {
		struct run r = { .commit = NULL };

		st = store_run_next(s, &r, n, &at, why);
		if (st == BLK_OK)
			at = r.commit[0].hash;
		store_run_release(&r);
		if (st == BLK_ABSENT || st == BLK_CORRUPT)
			return BLK_OK;
		if (st != BLK_OK)
			return st;
	}
	*found = want == NULL || digest_equal(&at, want);
	return BLK_OK;
}

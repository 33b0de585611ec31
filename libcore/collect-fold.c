/*
 * Folding the log: a checkpoint, then without the commit files and the older
 * checkpoints that nobody needs any longer.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-private.h"
#include "log.h"
#include "rules.h"

struct log_files {
	struct catalog *catalog;
	uint64_t below;   /* numbers under this may go */
	uint64_t durable; /* commits up to here are */
	uint64_t *number;
	size_t count, cap;
};

/* Does a commit file hold objects that are not condemned? */
static enum blk_status
see_log_key(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct log_files *f = arg;
	enum blk_status st;
	uint64_t number;

	(void)bs;
	if (!log_key_number(key, &number) || number >= f->below)
		return BLK_OK;
	st = array_grow(
	    (void **)&f->number, f->count, &f->cap, sizeof(*f->number), why);
	if (st == BLK_OK)
		f->number[f->count++] = number;
	return st;
}

#define KEPT ((uint64_t)1 << 63) /* beside a number: its file stays */

static int
number_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a & ~KEPT;
	uint64_t y = *(const uint64_t *)b & ~KEPT;

	return (x > y) - (x < y);
}

/*
 * The commit files below f->below that are live segments stay, those that a
 * commit condemned which may go itself, and those that the catalog has not
 * seen.
 */
static enum blk_status
keep_live(struct log_files *f, struct fault *why)
{
	struct catalog_segment seg = { .seq = 0 };
	struct catalog *c = f->catalog;
	struct catalog_head h;
	size_t kept = 0;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st != BLK_OK)
		return st;
	if (f->count > 1)
		qsort(f->number, f->count, sizeof(*f->number), number_order);
	while ((st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		uint64_t *at;

		if (!seg.in_log ||
		    (seg.condemned != 0 && seg.reason != REASON_DAMAGED &&
		        (seg.condemned <= f->durable || !RULE(R2))))
			continue;
		at = f->count == 0 ? NULL
		                   : bsearch(&seg.commit, f->number, f->count,
		                         sizeof(*f->number), number_order);
		if (at != NULL)
			*at |= KEPT;
	}
	if (st != BLK_ABSENT)
		return st;
	for (size_t i = 0; i < f->count; i++)
		if ((f->number[i] & KEPT) == 0 && h.known &&
		    f->number[i] <= h.number)
			f->number[kept++] = f->number[i];
	f->count = kept;
	return BLK_OK;
}

/* In one transaction: the catalog may be made again meanwhile. */
static enum blk_status
choose_log(struct log_files *f, struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	struct catalog *c = f->catalog;
	enum blk_status st;

	st = c->type->begin(c, why);
	if (st != BLK_OK)
		return st;
	st = keep_live(f, why);
	if (c->type->commit(c, st == BLK_OK ? why : &ignored) != BLK_OK) {
		c->type->rollback(c);
		st = st == BLK_OK ? BLK_FAILED : st;
	}
	return st;
}

static enum blk_status
remove_log(struct store *s, uint64_t below, struct collect_report *r,
    struct fault *why)
{
	struct log_files f = { .catalog = store_catalog(s),
		.below = below,
		.durable = store_durable(s) };
	enum blk_status st;
	bool complete;

	st = backend_list(
	    store_backend(s), "log/", see_log_key, &f, &complete, why);
	if (st == BLK_OK)
		st = choose_log(&f, why);
	for (size_t i = 0; st == BLK_OK && i < f.count; i++) {
		char key[LOG_KEY_MAX];

		log_key(f.number[i], key);
		st = backend_remove(store_backend(s), key, why);
		r->log_removed += st == BLK_OK;
	}
	free(f.number);
	return st;
}

struct old_checkpoints {
	uint64_t below;
	char (*key)[LOG_KEY_MAX];
	size_t count, cap;
};

static enum blk_status
see_checkpoint(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct old_checkpoints *old = arg;
	enum blk_status st;
	uint64_t number;

	(void)bs;
	if ((!checkpoint_key_number(key, &number) &&
	        !checkpoint_part_number(key, &number)) ||
	    number >= old->below)
		return BLK_OK;
	st = array_grow(
	    (void **)&old->key, old->count, &old->cap, sizeof(*old->key), why);
	if (st == BLK_OK)
		memcpy(old->key[old->count++], key, strlen(key) + 1);
	return st;
}

static enum blk_status
remove_checkpoints(struct store *s, uint64_t below, struct fault *why)
{
	struct old_checkpoints old = { .below = below };
	enum blk_status st;
	bool complete;

	st = backend_list(store_backend(s), "checkpoint/", see_checkpoint, &old,
	    &complete, why);
	for (size_t i = 0; st == BLK_OK && i < old.count; i++)
		st = backend_remove(store_backend(s), old.key[i], why);
	free(old.key);
	return st;
}

/* The index remembers the checkpoint and drops the records below it. */
static enum blk_status
note_fold(struct store *s, uint64_t newest, uint64_t second, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_head h;
	enum blk_status st;

	st = c->type->begin(c, why);
	if (st != BLK_OK)
		return st;
	st = c->type->head_get(c, &h, why);
	if (st == BLK_OK) {
		h.checkpoint = newest;
		st = c->type->head_set(c, &h, why);
	}
	if (st == BLK_OK)
		st = c->type->records_drop(c, second, why);
	if (st == BLK_OK)
		st = c->type->commit(c, why);
	if (st != BLK_OK)
		c->type->rollback(c);
	return st;
}

/* R6: what a checkpoint would leave out is lost when the log behind it goes. */
static enum blk_status
verify_names(struct store *s, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_totals t;
	enum blk_status st;

	if (!RULE(R6))
		return BLK_OK;
	st = c->type->totals(c, &t, why);
	/* What is lost stands among the ids. */
	return st != BLK_OK
	    ? st
	    : c->type->verify(c, t.lost > 0 ? CATALOG_IDS : CATALOG_NAMES, why);
}

enum blk_status
collect_fold(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	uint64_t newest, second, lowest, made, bound;
	struct catalog_head h;
	enum blk_status st;

	if (o->dry_run)
		return BLK_OK;
	st = collect_allowed(s, why);
	if (st == BLK_OK)
		st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = checkpoint_newest(store_backend(s), &newest, &second, why);
	if (st == BLK_OK && h.number > newest) {
		st = verify_names(s, why);
		if (st == BLK_OK)
			st = store_checkpoint(s, &made, why);
		if (st == BLK_OK)
			r->folded = made;
	}
	if (st == BLK_OK)
		st = store_checkpoints(s, &newest, &second, why);
	if (st == BLK_OK)
		st = store_sessions(s, &lowest, why);
	if (st != BLK_OK || second == 0)
		return st;
	bound = lowest < second ? lowest : second;
	st = remove_log(s, bound, r, why);
	if (st == BLK_OK)
		st = remove_checkpoints(s, second, why);
	if (st == BLK_OK)
		st = note_fold(s, newest, bound, why);
	return st;
}

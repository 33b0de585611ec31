/*
 * Works of upkeep, while calls fail: collecting, cutting anew, making the
 * index again, checking and repairing.
 */
#include "failing-bench.h"

#include "check.h"
#include "collect.h"
#include "dedup.h"
#include "refs.h"

static enum blk_status
drop_all(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_version v;
	enum blk_status st;

	(void)arg;
	st = ref_newest(c, "tree", store_now(s), &v, why);
	if (st != BLK_OK)
		return st;
	st = store_add_drop(s, k, &v.vid, why);
	version_release(&v.v);
	return st;
}

/* Drop a version, collect, twice: so that the log is folded. */
static enum blk_status
collect_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct collect_options o = { .fold = true };
	const struct store_draft draft = { .decide = drop_all, .arg = b };
	struct collect_report r;
	enum blk_status st = BLK_OK;

	for (int i = 0; st == BLK_OK && i < 2; i++) {
		struct store_outcome out;

		st = store_commit(s, &draft, &out, why);
		if (st == BLK_OK)
			st = collect_run(s, &o, &r, why);
	}
	return st == BLK_OK ? store_tidy(s, why) : st;
}

enum blk_status
upkeep_collect(struct bench *b, struct fault *why)
{
	return bench_with_store(b, collect_use, why);
}

static enum blk_status
recut_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct dedup_apply_options o = { .max_memory = 8 << 20 };
	struct dedup_applied a;
	enum blk_status st = work_put_plain(b, s, why);

	return st == BLK_OK ? dedup_apply(s, &o, &a, why) : st;
}

enum blk_status
upkeep_recut(struct bench *b, struct fault *why)
{
	return bench_with_store(b, recut_use, why);
}

static enum blk_status
rebuild_use(struct bench *b, struct store *s, struct fault *why)
{
	(void)b;
	return store_rebuild(s, why);
}

enum blk_status
upkeep_rebuild(struct bench *b, struct fault *why)
{
	return bench_with_store(b, rebuild_use, why);
}

/* Opening a store without an index makes one. */
enum blk_status
upkeep_open_only(struct bench *b, struct fault *why)
{
	return bench_with_store(b, work_get, why);
}

static enum blk_status
check_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct check_options o = { .share = CHECK_ALL,
		.jobs = 2,
		.remember = true,
		.max_memory = 8 << 20 };
	struct check_report r;
	enum blk_status st;

	(void)b;
	st = check_run(s, &o, &r, why);
	if (st == BLK_OK && r.findings > 0)
		return fault(
		    why, BLK_CORRUPT, "%ju findings", (uintmax_t)r.findings);
	return st;
}

enum blk_status
upkeep_check(struct bench *b, struct fault *why)
{
	return bench_with_store(b, check_use, why);
}

static enum blk_status
mend(struct bench *b, struct store *s, struct repair_options *o,
    struct fault *why)
{
	struct repair_report r;
	enum blk_status st;

	(void)b;
	o->drop_damaged = true;
	st = check_use(b, s, why);
	if (st == BLK_CORRUPT)
		st = check_repair(s, o, &r, why);
	if (st == BLK_OK && r.lost > 0)
		return fault(why, BLK_CORRUPT, "%ju lost", (uintmax_t)r.lost);
	return st;
}

static enum blk_status
repair_use(struct bench *b, struct store *s, struct fault *why)
{
	struct store *other = NULL;
	struct store *const *from = &other;
	struct repair_options o = { .from = from, .froms = 1 };
	enum blk_status st = bench_store(b, b->other, false, &other, why);

	if (st == BLK_OK)
		st = mend(b, s, &o, why);
	store_close(other);
	return st;
}

enum blk_status
upkeep_repair(struct bench *b, struct fault *why)
{
	return bench_with_store(b, repair_use, why);
}

static enum blk_status
repair_dir_use(struct bench *b, struct store *s, struct fault *why)
{
	const char *dir = b->source;
	struct repair_options o = { .dir = &dir, .dirs = 1 };

	return mend(b, s, &o, why);
}

enum blk_status
upkeep_repair_dir(struct bench *b, struct fault *why)
{
	return bench_with_store(b, repair_dir_use, why);
}

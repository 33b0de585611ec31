/*
 * What there is to know of a store.
 */
#include <stdlib.h>
#include <string.h>

#include "idmap.h"
#include "log.h"
#include "stat.h"

void
stat_release(struct stat_facts *f)
{
	free(f->day);
	f->day = NULL;
}

double
stat_ratio(uint64_t a, uint64_t b)
{
	return b == 0 ? 1 : (double)a / (double)b;
}

static void
see_time(struct stat_facts *f, int64_t time)
{
	if (time > f->latest)
		f->latest = time;
}

static enum blk_status
see_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct stat_facts *f = arg;

	(void)why;
	f->logical += v->v.size;
	if (v->v.time < f->oldest)
		f->oldest = v->v.time;
	if (v->v.time > f->newest)
		f->newest = v->v.time;
	see_time(f, v->v.time);
	return BLK_OK;
}

/* --- segments --- */

/* "verified ID TIME", as blk-check leaves it: into an idmap. */
static enum blk_status
see_verified(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct span rest = span_str(line), word, id;
	struct digest digest;
	int64_t *value;

	(void)commit;
	if (!text_field(&rest, &word) || !span_is(word, "verified") ||
	    !text_field(&rest, &id) || !digest_parse(id.p, id.len, &digest))
		return BLK_OK;
	return idmap_put(arg, &digest, 0, &value, NULL, why);
}

/* Does the file of a condemned segment stand there still? */
static enum blk_status
see_condemned(struct store *s, const struct catalog_segment *seg,
    struct stat_facts *f, struct fault *why)
{
	char key[SEGMENT_KEY_MAX];
	struct backend_stat bs;
	enum blk_status st;

	if (seg->in_log)
		log_key(seg->commit, key);
	else
		segment_key(&seg->id, key);
	st = backend_stat(store_backend(s), key, &bs, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	f->waiting += st == BLK_OK;
	f->waiting_bytes += st == BLK_OK ? bs.bytes : 0;
	return st;
}

static enum blk_status
see_segments(struct store *s, struct stat_facts *f, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_segment seg = { .seq = 0 };
	struct idmap verified = { .slot = NULL };
	enum blk_status st;

	st = c->type->stat_each(c, see_verified, &verified, why);
	while (st == BLK_OK &&
	    (st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		see_time(f, seg.time);
		if (seg.condemned != 0) {
			st = see_condemned(s, &seg, f, why);
			continue;
		}
		if (idmap_get(&verified, &seg.id, 0) != NULL)
			continue;
		if (!f->unverified || seg.time < f->oldest_unverified)
			f->oldest_unverified = seg.time;
		f->unverified = true;
	}
	idmap_release(&verified);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
see_head(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	enum blk_status st = commit_parse(text, &k, why);

	(void)number;
	(void)hash;
	if (st == BLK_OK)
		see_time(arg, k.time);
	commit_release(&k);
	return st;
}

/* The blobs of the store: not its index, nor what belongs to sessions. */
static enum blk_status
see_blob(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct stat_facts *f = arg;

	(void)key;
	(void)why;
	f->files++;
	f->bytes += bs->bytes;
	return BLK_OK;
}

/* --- all of it --- */

static enum blk_status
gather(struct store *s, struct stat_facts *f, struct fault *why)
{
	static const char *const prefix[] = { "segments/", "log/",
		"checkpoint/", NULL };
	const struct catalog_query all = { .name = NULL };
	struct catalog *c = store_catalog(s);
	enum blk_status st;
	bool complete;

	*f = (struct stat_facts){ .oldest = INT64_MAX,
		.newest = INT64_MIN,
		.latest = INT64_MIN,
		.index_bytes = store_index_bytes(s),
		.reserve = store_reserve_stands(s) };
	st = c->type->totals(c, &f->t, why);
	if (st == BLK_OK)
		st = c->type->head_get(c, &f->head, why);
	if (st == BLK_OK)
		st = c->type->version_each(c, &all, see_version, f, why);
	if (st == BLK_OK)
		st = c->type->record_each(c, f->head.number, see_head, f, why);
	if (st == BLK_OK)
		st = see_segments(s, f, why);
	if (st == BLK_OK)
		st = collect_growth(s, &f->day, &f->days, why);
	if (st == BLK_OK)
		st = collect_history(s, &f->past, why);
	for (size_t i = 0; st == BLK_OK && prefix[i] != NULL; i++)
		st = backend_list(
		    store_backend(s), prefix[i], see_blob, f, &complete, why);
	return st;
}

enum blk_status
stat_gather(struct store *s, struct stat_facts *f, struct fault *why)
{
	enum blk_status st = gather(s, f, why);

	if (st != BLK_CORRUPT || strncmp(why->text, "index", 5) != 0)
		return st;
	stat_release(f);
	st = store_heal_index(s, why);
	if (st == BLK_OK)
		st = store_sync(s, why);
	return st == BLK_OK ? gather(s, f, why) : st;
}

/*
 * What is attempted while calls fail: each opens the store, as a command does.
 */
#include "failing-bench.h"

#include <stdio.h>
#include <unistd.h>

#include "archives.h"
#include "backup.h"
#include "dedup.h"
#include "reader.h"
#include "refs.h"
#include "restore.h"
#include "usage.h"
#include "writer.h"

enum blk_status
bench_with_store(struct bench *b, bench_use *use, struct fault *why)
{
	struct store *s = NULL;
	enum blk_status st = bench_store(b, b->store, false, &s, why);

	if (st == BLK_OK)
		st = use(b, s, why);
	store_close(s);
	return st;
}

/* --- in --- */

struct naming {
	struct digest id;
	uint64_t size;
};

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct naming *n = arg;
	char name[] = "new", type[] = "text", key[] = "k", value[] = "v";
	struct version v = { .name = name,
		.class = CLASS_CONTENT,
		.id = n->id,
		.size = n->size,
		.type = type };
	struct version_attr attr = { .key = key, .value = value };
	struct digest vid;
	enum blk_status st;

	v.attr = &attr;
	v.attrs = 1;
	st = store_add_version(s, k, &v, &vid, why);
	if (st == BLK_OK)
		st = commit_add_text(k, VERB_SET, "user.x", "y", why);
	return st;
}

static enum blk_status
stream(struct lane *l, const uint8_t *p, size_t len, struct naming *n,
    struct fault *why)
{
	enum blk_status st = lane_begin(l, why);

	for (size_t at = 0; st == BLK_OK && at < len; at += 30000)
		st = lane_add(
		    l, p + at, len - at < 30000 ? len - at : 30000, why);
	return st == BLK_OK ? lane_end(l, &n->id, &n->size, why) : st;
}

static enum blk_status
put_into(struct bench *b, struct store *s, const struct writer_options *o,
    struct fault *why)
{
	static const char small[] = "something new\n";
	struct buf peeked = BUF_INIT(1 << 20);
	struct writer *w = NULL;
	struct store_outcome out;
	struct naming n;
	struct digest id;
	enum blk_status st = writer_open(s, o, &w, why);

	if (st == BLK_OK)
		st = lane_put(
		    writer_lane(w, 0), small, sizeof(small) - 1, &id, why);
	if (st == BLK_OK)
		st =
		    stream(writer_lane(w, 0), b->bytes + 1000, 580000, &n, why);
	if (st == BLK_OK)
		st = writer_peek(w, &id, CLASS_CONTENT, &peeked, why);
	if (st == BLK_OK)
		st = writer_commit(w, decide, &n, &out, why);
	if (st == BLK_OK)
		bench_promise(b, &n.id, b->bytes + 1000, 580000);
	writer_close(w);
	buf_release(&peeked);
	return st;
}

static enum blk_status
put_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct writer_options o = { .lanes = 2, .max_memory = 8 << 20 };

	return put_into(b, s, &o, why);
}

static enum blk_status
put(struct bench *b, struct fault *why)
{
	return bench_with_store(b, put_use, why);
}

enum blk_status
work_put_plain(struct bench *b, struct store *s, struct fault *why)
{
	const struct writer_options o = { .lanes = 1,
		.no_dedup = true,
		.compression = "gzip:6",
		.max_memory = 8 << 20 };

	return put_into(b, s, &o, why);
}

static enum blk_status
put_plain(struct bench *b, struct fault *why)
{
	return bench_with_store(b, work_put_plain, why);
}

static enum blk_status
make(struct bench *b, struct fault *why)
{
	const struct writer_options o = { .lanes = 1, .max_memory = 8 << 20 };
	struct store *s = NULL;
	enum blk_status st = bench_store(b, b->fresh, true, &s, why);

	if (st == BLK_OK) {
		st = put_into(b, s, &o, why);
		b->promises = 3; /* those of the other store */
	}
	store_close(s);
	return st;
}

static enum blk_status
aborted_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct writer_options o = { .lanes = 1, .max_memory = 8 << 20 };
	struct writer *w = NULL;
	struct naming n;
	enum blk_status st = writer_open(s, &o, &w, why);

	if (st == BLK_OK)
		st = stream(writer_lane(w, 0), b->bytes + 900, 550000, &n, why);
	if (st == BLK_OK)
		st = writer_abort(w, why);
	if (st == BLK_OK)
		st = stream(writer_lane(w, 0), b->bytes + 1, 4000, &n, why);
	writer_close(w);
	return st;
}

static enum blk_status
aborted(struct bench *b, struct fault *why)
{
	return bench_with_store(b, aborted_use, why);
}

/* --- backups --- */

static void
on_scan_problem(
    void *arg, enum scan_problem what, struct span path, const char *reason)
{
	struct bench *b = arg;

	(void)what;
	(void)path;
	(void)reason;
	b->problems++;
}

static void
on_problem(void *arg, struct span path, const char *reason)
{
	struct bench *b = arg;

	(void)path;
	(void)reason;
	b->problems++;
}

static enum blk_status
backup_with(struct bench *b, struct store *s, bool force, struct fault *why)
{
	const char *path[] = { b->source, b->target };
	const char *tag = "tag";
	const struct backup_options o = { .name = force ? "both" : "tree",
		.path = path,
		.paths = force ? 2 : 1,
		.tag = &tag,
		.tags = 1,
		.jobs = 2,
		.force = force,
		.cache_dir = b->cache,
		.max_memory = 8 << 20,
		.problem = on_scan_problem,
		.arg = b };
	struct backup_result r;
	enum blk_status st = backup_create(s, &o, &r, why);

	if (st == BLK_OK && r.totals.problems != b->problems)
		return fault(why, BLK_INVALID, "a problem was not told");
	return st;
}

static enum blk_status
backup_use(struct bench *b, struct store *s, struct fault *why)
{
	return backup_with(b, s, false, why);
}

static enum blk_status
backup(struct bench *b, struct fault *why)
{
	return bench_with_store(b, backup_use, why);
}

static enum blk_status
backup_all_use(struct bench *b, struct store *s, struct fault *why)
{
	return backup_with(b, s, true, why);
}

static enum blk_status
backup_all(struct bench *b, struct fault *why)
{
	return bench_with_store(b, backup_all_use, why);
}

static struct tree_entry
root_of(const struct bench *b)
{
	return (struct tree_entry){ .type = TREE_DIR,
		.mode = 0700,
		.uid = geteuid(),
		.gid = getegid(),
		.id = b->tree,
		.name = span_of("", 0) };
}

static enum blk_status
restore_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct tree_entry root = root_of(b);
	const struct restore_source source = { .entry = &root,
		.path = span_of("", 0) };
	struct restore_totals t = { .files = 0 };
	struct restore_options o = { .target = b->target,
		.jobs = 2,
		.max_memory = 8 << 20,
		.sparse = true,
		.verify = true,
		.problem = on_problem,
		.arg = b,
		.totals = &t };
	enum blk_status st = restore_tree(s, &source, &o, why);

	if (st == BLK_OK) {
		o.overwrite = RESTORE_ALWAYS;
		o.delete_others = true;
		st = restore_tree(s, &source, &o, why);
	}
	if (st == BLK_OK && t.problems != b->problems)
		return fault(why, BLK_INVALID, "a problem was not told");
	return st;
}

static enum blk_status
restore(struct bench *b, struct fault *why)
{
	return bench_with_store(b, restore_use, why);
}

enum blk_status
bench_export(struct bench *b, struct store *s, int fd,
    enum archives_format format, struct fault *why)
{
	const struct tree_entry root = root_of(b);
	const struct archives_export_options o = { .format = format,
		.fd = fd,
		.path = span_of("", 0),
		.sparse = true,
		.jobs = 1,
		.problem = on_problem,
		.arg = b };

	if (lseek(fd, 0, SEEK_SET) != 0 || ftruncate(fd, 0) != 0)
		return fault_sys(why, "archive");
	return archives_export(s, &root, false, &o, why);
}

static enum blk_status
export_use(struct bench *b, struct store *s, struct fault *why)
{
	enum blk_status st = bench_export(b, s, b->written, ARCHIVES_ZIP, why);

	if (st == BLK_OK)
		st = bench_export(b, s, b->written, ARCHIVES_CPIO, why);
	if (st == BLK_OK)
		st = bench_export(b, s, b->written, ARCHIVES_TAR, why);
	return st;
}

static enum blk_status
export_all(struct bench *b, struct fault *why)
{
	return bench_with_store(b, export_use, why);
}

static enum blk_status
import_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct archives_import_options o = { .name = "imported",
		.path = "-",
		.max_memory = 8 << 20,
		.problem = on_problem,
		.arg = b };
	struct archives_result r;

	if (lseek(b->archive, 0, SEEK_SET) != 0)
		return fault_sys(why, "archive");
	return archives_import(s, b->archive, &o, &r, why);
}

static enum blk_status
import_one(struct bench *b, struct fault *why)
{
	return bench_with_store(b, import_use, why);
}

/* --- out --- */

static enum blk_status
swallow(void *arg, const void *data, size_t len, struct fault *why)
{
	(void)data;
	(void)why;
	*(uint64_t *)arg += len;
	return BLK_OK;
}

enum blk_status
work_get(struct bench *b, struct store *s, struct fault *why)
{
	enum blk_status st = BLK_OK;
	uint64_t size, got = 0;

	for (size_t i = 0; st == BLK_OK && i < b->promises; i++) {
		const struct promise *p = &b->promise[i];

		st = reader_size(s, &p->id, &size, why);
		if (st == BLK_OK)
			st = reader_content(
			    s, &p->id, 0, READER_ALL, 2, swallow, &got, why);
		if (st == BLK_OK && p->len > 1000)
			st = reader_content(
			    s, &p->id, 5, p->len / 2, 1, swallow, &got, why);
	}
	return st;
}

static enum blk_status
get(struct bench *b, struct fault *why)
{
	return bench_with_store(b, work_get, why);
}

static enum blk_status
on_line(void *arg, struct span line, struct fault *why)
{
	return swallow(arg, line.p, line.len, why);
}

static enum blk_status
on_chunk(void *arg, const struct reader_chunk *c, struct fault *why)
{
	return swallow(arg, c, c->length, why);
}

static enum blk_status
look_up(struct store *s, const char *text, struct fault *why)
{
	struct ref_target t;
	struct ref r;
	enum blk_status st =
	    ref_find(store_catalog(s), text, store_now(s), &r, &t, why);

	if (st == BLK_OK) {
		ref_target_release(&t);
		ref_release(&r);
	}
	return st;
}

static enum blk_status
look_use(struct bench *b, struct store *s, struct fault *why)
{
	const struct usage_root root = { b->promise[2].id, CLASS_CONTENT };
	const struct usage_options o = { .max_memory = 8 << 20 };
	struct dedup_report d = { .logical = 0 };
	struct usage u;
	uint64_t got = 0;
	char hex[DIGEST_HEX];
	enum blk_status st;

	digest_hex(&b->promise[2].id, hex);
	hex[20] = '\0';
	st = look_up(s, hex, why);
	if (st == BLK_OK)
		st = look_up(s, "small@-1", why);
	if (st == BLK_OK)
		st = reader_lines(s, &b->tree, CLASS_TREE, on_line, &got, why);
	if (st == BLK_OK)
		st = reader_chunks(s, &b->promise[2].id, on_chunk, &got, why);
	if (st == BLK_OK)
		st = usage_of(s, &root, 1, &o, &u, why);
	if (st == BLK_OK)
		st = dedup_look(s, 3, &d, why);
	if (st == BLK_OK)
		st = dedup_places(s, 3, &d, why);
	dedup_report_release(&d);
	return st;
}

static enum blk_status
look(struct bench *b, struct fault *why)
{
	return bench_with_store(b, look_use, why);
}

static enum blk_status
estimate(struct bench *b, struct fault *why)
{
	const char *path = b->source;
	const struct dedup_options o = { .path = &path,
		.paths = 1,
		.jobs = 2,
		.max_memory = 8 << 20,
		.problem = on_problem,
		.arg = b };
	struct dedup_estimate e = {
		.sizes = { .min = 4096, .target = 12288, .max = 65536 }
	};

	return dedup_estimate(&o, &e, 1, why);
}

const struct work bench_works[] = {
	{ .name = "put", .run = put },
	{ .name = "put without dedup", .run = put_plain },
	{ .name = "make a store", .run = make },
	{ .name = "give up", .run = aborted },
	{ .name = "get", .run = get },
	{ .name = "look", .run = look },
	{ .name = "back up", .run = backup },
	{ .name = "back up all", .run = backup_all },
	{ .name = "restore", .run = restore },
	{ .name = "export", .run = export_all },
	{ .name = "import", .run = import_one },
	{ .name = "estimate", .run = estimate },
	{ .name = "collect", .run = upkeep_collect },
	{ .name = "cut anew", .run = upkeep_recut },
	{ .name = "rebuild", .run = upkeep_rebuild },
	{ .name = "open without index",
	    .run = upkeep_open_only,
	    .no_index = true },
	{ .name = "check", .run = upkeep_check },
	{ .name = "get from a damaged store",
	    .run = get,
	    .status = BLK_CORRUPT,
	    .damaged = true },
	{ .name = "check a damaged store",
	    .run = upkeep_check,
	    .status = BLK_CORRUPT,
	    .damaged = true },
	{ .name = "repair from a store",
	    .run = upkeep_repair,
	    .damaged = true,
	    .repairs = true },
	{ .name = "repair from a directory",
	    .run = upkeep_repair_dir,
	    .status = BLK_CORRUPT,
	    .damaged = true },
};

const size_t bench_work_count = sizeof(bench_works) / sizeof(bench_works[0]);

/*
 * index-bench.h - an index of its own for each test, and ways to spoil it.
 */
#ifndef INDEX_BENCH_H
#define INDEX_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "index.h"
#include "tmpdir.h"

#define ROWS 400
#define ok(e) assert_int_equal((e), BLK_OK)

struct bench {
	char dir[TMPDIR_MAX], path[TMPDIR_MAX + 16];
	struct index_options o;
	struct catalog *c;
	bool fresh;
	const char *reason;
	struct fault why;
};

static inline struct digest
id_of(uint32_t i)
{
	struct digest id;

	/* Spread, so that they fall into all slices. */
	for (unsigned k = 0; k < DIGEST_LEN; k++)
		id.byte[k] = (uint8_t)((i * 2654435761u) >> (k % 4 * 8));
	return id;
}

static inline enum blk_status
reopen(struct bench *n)
{
	catalog_close(n->c);
	n->c = NULL;
	return index_open(&n->o, &n->c, &n->fresh, &n->reason, &n->why);
}

static inline void
fill(struct bench *n, uint64_t seq, uint32_t rows)
{
	struct segment_object *o = calloc(rows, sizeof(*o));
	struct segment_table t = { .object = o, .objects = rows };
	struct catalog_segment s = { .seq = seq,
		.id = id_of((uint32_t)seq + 1000000),
		.bytes = 1000,
		.objects = rows };
	const struct catalog_type *type = n->c->type;

	assert_non_null(o);
	for (uint32_t i = 0; i < rows; i++) {
		o[i].id = id_of(i);
		o[i].kind = KIND_DATA;
		o[i].length = i;
	}
	ok(type->begin(n->c, &n->why));
	ok(type->segment_add(n->c, &s, &n->why));
	ok(type->copies_add(n->c, seq, &t, &n->why));
	for (uint32_t i = 0; i < rows; i++)
		ok(type->count_set(n->c, &o[i].id, CLASS_DATA, i + 1, &n->why));
	ok(type->commit(n->c, &n->why));
	free(o);
}

static inline struct version
sample(char *name)
{
	static char none[] = "", rel[] = "sbom";
	static struct version_attr attr[] = { { none, none } };
	static struct version_link link[] = { { .rel = rel } };

	attr[0].key = rel;
	return (struct version){ .name = name,
		.number = 1,
		.id = id_of(5),
		.size = 9,
		.time = 1700000000000000000,
		.type = rel,
		.attr = attr,
		.attrs = 1,
		.link = link,
		.links = 1 };
}

/* One row of everything. */
static inline void
fill_all(struct bench *n)
{
	const struct catalog_type *t = n->c->type;
	const struct digest id = id_of(1);
	char name[] = "name";
	const struct version v = sample(name);
	const struct catalog_head h = { .known = true, .number = 7 };

	fill(n, 1, ROWS);
	ok(t->begin(n->c, &n->why));
	ok(t->version_put(n->c, &id, &v, &n->why));
	ok(t->name_set(n->c, name, 1, &id, &n->why));
	ok(t->setting_set(n->c, "level", "3", &n->why));
	ok(t->stat_add(n->c, 1, "puts=1", &n->why));
	ok(t->record_add(n->c, 1, &id, "commit 1\n", 9, &n->why));
	ok(t->damage_note(n->c, &id, 3, true, &n->why));
	ok(t->lost_set(n->c, &id, CLASS_TREE, true, &n->why));
	ok(t->head_set(n->c, &h, &n->why));
	ok(t->commit(n->c, &n->why));
}

static inline int
setup(void **state)
{
	struct bench *n = calloc(1, sizeof(*n));

	if (n == NULL || tmpdir_make(n->dir) != 0)
		return -1;
	snprintf(n->path, sizeof(n->path), "%s/%s", n->dir, INDEX_FILE);
	n->o = (struct index_options){
		.dir = n->dir, .store = { 1, 2, 3 }, .cache_bytes = 1 << 20
	};
	*state = n;
	return reopen(n) == BLK_OK ? 0 : -1;
}

static inline int
teardown(void **state)
{
	struct bench *n = *state;
	int failed;

	catalog_close(n->c);
	failed = tmpdir_remove(n->dir);
	free(n);
	return failed;
}

/* Run SQL on the file behind the index's back. */
static inline void
meddle(struct bench *n, const char *sql)
{
	char *said = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(n->path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK)
		fail_msg("%s: %s", sql, said);
	sqlite3_close(db);
}

static inline int64_t
ask(struct bench *n, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t answer = -1;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(n->path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		answer = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return answer;
}

/* Everything into the file, nothing in its log. */
static inline void
settle(struct bench *n)
{
	catalog_close(n->c);
	n->c = NULL;
	meddle(n, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static inline off_t
size_of(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 ? sb.st_size : -1;
}

static inline void
overwrite(struct bench *n, off_t at, const void *bytes, size_t len)
{
	int fd = open(n->path, O_WRONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static inline enum blk_status
ignore_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	(void)arg;
	(void)v;
	(void)why;
	return BLK_OK;
}

static inline enum blk_status
ignore_name(void *arg, const char *name, uint64_t number,
    const struct digest *vid, struct fault *why)
{
	(void)arg;
	(void)name;
	(void)number;
	(void)vid;
	(void)why;
	return BLK_OK;
}

static inline enum blk_status
ignore_line(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	(void)arg;
	(void)commit;
	(void)line;
	(void)why;
	return BLK_OK;
}

static inline enum blk_status
ignore_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	(void)arg;
	(void)number;
	(void)hash;
	(void)text;
	(void)why;
	return BLK_OK;
}

/* Ask each table; the first status that is not BLK_OK. */
static inline enum blk_status
ask_all(struct bench *n)
{
	const struct catalog_query all = { .name = NULL };
	const struct catalog_type *t = n->c->type;
	const struct digest id = id_of(1);
	struct catalog_segment s;
	struct catalog_facts f;
	struct catalog_totals sum;
	enum blk_status st;
	char *value = NULL;
	bool damaged;

	st = t->facts(n->c, &id, &f, &n->why);
	if (st == BLK_OK)
		st = t->segment_get(n->c, 1, &s, &n->why);
	if (st == BLK_OK)
		st = t->version_each(n->c, &all, ignore_version, NULL, &n->why);
	if (st == BLK_OK)
		st = t->name_each(n->c, ignore_name, NULL, &n->why);
	if (st == BLK_OK)
		st = t->setting_get(n->c, "level", &value, &n->why);
	if (st == BLK_OK)
		st = t->stat_each(n->c, ignore_line, NULL, &n->why);
	if (st == BLK_OK)
		st = t->record_each(n->c, 0, ignore_record, NULL, &n->why);
	if (st == BLK_OK)
		st = t->damage_has(n->c, &id, 3, &damaged, &n->why);
	if (st == BLK_OK)
		st = t->totals(n->c, &sum, &n->why);
	free(value);
	return st;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif

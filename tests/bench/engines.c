/*
 * engines.c - what a put, a get, a batch and a list cost, for each engine.
 *
 * Every engine that backend_at knows and that makes a store at SCHEME:PATH is
 * measured, or only the one that BENCH_ENGINE names.  Cells are medians of
 * single operations on a store that holds BENCH_OBJECTS random objects of 1
 * KiB, committed before; a put is measured until its commit is durable.  The
 * open session - put and read back, not yet committed - has a row of its own.
 *
 * Beside them stand the numbers of the reference design, which does not sync.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "bench.h"
#include "heap.h"
#include "reader.h"
#include "store.h"
#include "writer.h"

#define OBJECT 1024
#define BATCH 100
#define LOAD 5000   /* objects a commit, while the store is filled */
#define RUNS 2000   /* of one operation, at most */
#define SECONDS 1.0 /* for one operation, at most */

struct engine {
	const char *scheme;
	struct store *s;
	struct writer *w;
	struct lane *lane;
	struct digest *id; /* that are there */
	size_t ids, loaded;
	size_t from; /* id[from .. ids) are to be committed */
	size_t read; /* bytes, or rows */
	uint64_t state;
	struct fault why;
};

/* --- a version of each object, as blk-put makes it --- */

static enum blk_status
name_all(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct engine *e = arg;
	enum blk_status st = BLK_OK;
	char none[] = "";

	for (size_t i = e->from; st == BLK_OK && i < e->ids; i++) {
		char hex[DIGEST_HEX];
		struct version v = { .name = hex,
			.class = CLASS_CONTENT,
			.id = e->id[i],
			.size = OBJECT,
			.type = none };
		struct digest vid;

		digest_hex(&e->id[i], hex);
		st = store_add_version(s, k, &v, &vid, why);
	}
	return st;
}

static void
put(struct engine *e)
{
	uint8_t data[OBJECT];

	bench_noise(data, sizeof(data), e->ids + 1);
	bench_ok(lane_put(e->lane, data, sizeof(data), &e->id[e->ids], &e->why),
	    &e->why);
	e->ids++;
}

static void
commit(struct engine *e)
{
	struct store_outcome out;

	bench_ok(writer_commit(e->w, name_all, e, &out, &e->why), &e->why);
	e->from = e->ids;
}

/* --- operations --- */

static void
put_one(struct engine *e)
{
	put(e);
	commit(e);
}

static void
put_batch(struct engine *e)
{
	for (int i = 0; i < BATCH; i++)
		put(e);
	commit(e);
}

static enum blk_status
count_bytes(void *arg, const void *data, size_t len, struct fault *why)
{
	struct engine *e = arg;

	(void)data;
	(void)why;
	e->read += len;
	return BLK_OK;
}

static const struct digest *
any(struct engine *e)
{
	return &e->id[bench_draw(&e->state) % e->loaded];
}

static void
get_one(struct engine *e)
{
	e->read = 0;
	bench_ok(reader_content(
	             e->s, any(e), 0, READER_ALL, 1, count_bytes, e, &e->why),
	    &e->why);
	if (e->read != OBJECT)
		bench_die("a get of another length");
}

static enum blk_status
count_row(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct engine *e = arg;

	(void)v;
	(void)why;
	return ++e->read == BATCH ? BLK_ABSENT : BLK_OK;
}

/* From a place in the first half on, so that there are that many. */
static void
list_batch(struct engine *e)
{
	struct catalog *c = store_catalog(e->s);
	struct digest near = *any(e);
	char after[DIGEST_HEX];
	const struct catalog_query q = { .after = after };
	enum blk_status st;

	near.byte[0] &= 0x7f;
	digest_hex(&near, after);
	e->read = 0;
	st = c->type->version_each(c, &q, count_row, e, &e->why);
	bench_ok(st == BLK_ABSENT ? BLK_OK : st, &e->why);
}

static void
put_open(struct engine *e)
{
	put(e);
}

static void
get_open(struct engine *e)
{
	size_t among = e->ids - e->from;
	struct buf b = BUF_INIT(OBJECT);

	bench_ok(
	    writer_peek(e->w, &e->id[e->from + bench_draw(&e->state) % among],
	        CLASS_CONTENT, &b, &e->why),
	    &e->why);
	buf_release(&b);
}

/* --- a table --- */

static const struct operation {
	const char *name;
	void (*run)(struct engine *e);
	double file, memory; /* the reference design, us; 0: says nothing */
	size_t makes;        /* objects */
} operation[] = {
	{ "put 1 KiB, committed", put_one, 1000, 10, 1 },
	{ "get 1 KiB", get_one, 500, 5, 0 },
	{ "batch of 100, committed", put_batch, 100000, 1000, BATCH },
	{ "list of 100", list_batch, 10000, 100, 0 },
	{ "put 1 KiB, open session", put_open, 0, 0, 1 },
	{ "get 1 KiB, open session", get_open, 0, 0, 0 },
};

static const char *const column[] = { "median_us", "p90_us", "cpu_us",
	"per_second", "reference_us", "times_faster", NULL };
static const struct table table = { "engines", "operation", column };

static void
measure(struct engine *e, const struct operation *o, size_t runs)
{
	double *us = bench_alloc(runs * sizeof(*us));
	double began = bench_now(), before_cpu = bench_cpu();
	double reference, median, p90, cpu;
	char name[80];
	size_t n = 0;

	while (n < runs && (n < 3 || bench_now() - began < SECONDS)) {
		double before = bench_now();

		o->run(e);
		us[n++] = (bench_now() - before) * 1e6;
	}
	cpu = (bench_cpu() - before_cpu) / (double)n * 1e6;
	median = bench_median(us, n);
	p90 = us[n * 9 / 10];
	reference =
	    store_backend(e->s)->caps.kernel_locks ? o->file : o->memory;
	if (reference == 0)
		reference = NAN;
	snprintf(name, sizeof(name), "%s: %s", e->scheme, o->name);
	table_row(&table, name,
	    (double[]){ median, p90, cpu, 1e6 / median, reference,
	        reference / median });
	free(us);
}

static void
load(struct engine *e, size_t objects)
{
	double began = bench_now(), before = bench_cpu(), took, cpu;
	char name[80];

	while (e->ids < objects) {
		put(e);
		if (e->ids % LOAD == 0 || e->ids == objects)
			commit(e);
	}
	e->loaded = objects;
	took = (bench_now() - began) / (double)objects * 1e6;
	cpu = (bench_cpu() - before) / (double)objects * 1e6;
	snprintf(name, sizeof(name), "%s: put, %d a commit", e->scheme, LOAD);
	table_row(
	    &table, name, (double[]){ took, NAN, cpu, 1e6 / took, NAN, NAN });
}

/* An engine that wants more than a path is passed over. */
static bool
open_engine(struct engine *e)
{
	struct store_options o = { .host = "bench",
		.program = "bench",
		.lock_wait_ms = 10000,
		.max_memory = (uint64_t)256 << 20,
		.create = true };
	const struct writer_options w = { .lanes = 1,
		.max_memory = (uint64_t)128 << 20 };
	char *url;
	enum blk_status st;

	if (asprintf(&url, "%s:%s/%s", e->scheme, bench_dir(), e->scheme) < 0)
		bench_die("out of memory");
	o.url = url;
	st = store_open(&o, &e->s, &e->why);
	if (st != BLK_OK)
		printf("%s: not measured: %s\n", e->scheme, e->why.text);
	free(url);
	if (st != BLK_OK)
		return false;
	bench_ok(writer_open(e->s, &w, &e->w, &e->why), &e->why);
	e->lane = writer_lane(e->w, 0);
	return true;
}

int
main(void)
{
	size_t objects = bench_setting("BENCH_OBJECTS", 100000);
	size_t runs = bench_setting("BENCH_RUNS", RUNS);
	const char *only = getenv("BENCH_ENGINE");
	char title[120];

	heap_settle();
	snprintf(title, sizeof(title),
	    "Engines: one operation, over %zu objects of %d bytes", objects,
	    OBJECT);
	table_begin(&table, title);
	for (size_t i = 0; backend_at(i) != NULL; i++) {
		struct engine e = { .scheme = backend_at(i)->scheme,
			.state = 88172645463325252u };
		const size_t n = sizeof(operation) / sizeof(operation[0]);

		if (only != NULL && strcmp(only, e.scheme) != 0)
			continue;
		if (!open_engine(&e))
			continue;
		e.id = bench_alloc(
		    (objects + (BATCH + 3) * (runs + 3)) * sizeof(*e.id));
		load(&e, objects);
		for (size_t k = 0; k < n; k++)
			measure(&e, &operation[k], runs);
		writer_close(e.w);
		store_close(e.s);
		free(e.id);
	}
	return 0;
}

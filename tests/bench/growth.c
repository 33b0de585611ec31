/*
 * growth.c - the same work on indexes of more and more chunks.
 *
 * Tables of segments that do not exist go straight into an index, 4096 chunks
 * a segment and 16 segments a commit, counted as a list of chunks would count
 * them.  Then chunks are looked up: at random among those that are there, at
 * random among those that are not, and sorted in runs of 1000.  Sizes are
 * powers of ten up to BENCH_CHUNKS (default 10^6, with BENCH_LARGE 10^7).
 * last: the last commit of all; peak: most memory, of the commits; lookup: of
 * the lookups.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "heap.h"
#include "index.h"

#define SEGMENT 4096
#define COMMIT 16     /* segments */
#define LOOKUPS 50000 /* of each sort, at most */
#define SECONDS 2.0   /* for each sort, at most */
#define RUN 1000      /* lookups at once */
#define MISSING ((uint64_t)1 << 40)
#define CACHE ((uint64_t)32 << 20) /* what a command with 256 MiB takes */

struct took {
	double wall, cpu; /* microseconds for one */
};

struct growth {
	struct index_options o;
	struct catalog *c;
	uint64_t chunks, segments;
	uint64_t state;
	struct fault why;
};

/* The i-th chunk there is. */
static struct digest
id_of(uint64_t i)
{
	struct digest id;

	bench_noise(id.byte, sizeof(id.byte), i + 1);
	return id;
}

static void
open_index(struct growth *g)
{
	const char *reason;
	bool fresh;

	bench_ok(index_open(&g->o, &g->c, &fresh, &reason, &g->why), &g->why);
}

/* --- insert --- */

static void
add_segment(struct growth *g, struct digest *ids, size_t n)
{
	struct segment_object *object = bench_alloc(n * sizeof(*object));
	const struct segment_table t = { .object = object,
		.objects = (uint32_t)n };
	const struct catalog_segment s = { .seq = ++g->segments,
		.id = id_of(2 * MISSING + g->segments),
		.bytes = n * 8192,
		.plain = n * 16384,
		.commit = 1,
		.objects = (uint32_t)n };

	for (size_t i = 0; i < n; i++) {
		ids[i] = id_of(g->chunks++);
		object[i] = (struct segment_object){
			.id = ids[i], .kind = KIND_DATA, .length = 16384
		};
	}
	bench_ok(g->c->type->segment_add(g->c, &s, &g->why), &g->why);
	bench_ok(g->c->type->copies_add(g->c, s.seq, &t, &g->why), &g->why);
	free(object);
}

static struct took
since(double began, double before, double n)
{
	return (struct took){ (bench_now() - began) / n * 1e6,
		(bench_cpu() - before) / n * 1e6 };
}

/* As one commit does it. */
static struct took
add_commit(struct growth *g, uint64_t limit)
{
	const struct catalog_type *t = g->c->type;
	struct digest *ids = bench_alloc(COMMIT * SEGMENT * sizeof(*ids));
	double began = bench_now(), before = bench_cpu();
	size_t n = 0;

	bench_ok(t->begin(g->c, &g->why), &g->why);
	for (int k = 0; k < COMMIT && g->chunks < limit; k++) {
		uint64_t left = limit - g->chunks;
		size_t some = left < SEGMENT ? (size_t)left : SEGMENT;

		add_segment(g, ids + n, some);
		n += some;
	}
	qsort(ids, n, sizeof(*ids), digest_order);
	for (size_t i = 0; i < n; i++)
		bench_ok(t->count_set(g->c, &ids[i], CLASS_DATA, 1, &g->why),
		    &g->why);
	bench_ok(t->commit(g->c, &g->why), &g->why);
	free(ids);
	return since(began, before, (double)n);
}

/* --- lookups --- */

static struct took
look_up(struct growth *g, uint64_t base)
{
	double began = bench_now(), before = bench_cpu();
	size_t n = 0;

	bench_ok(catalog_hold(g->c, &g->why), &g->why);
	while (n < LOOKUPS && (n % 256 != 0 || bench_now() - began < SECONDS)) {
		struct digest id =
		    id_of(base + bench_draw(&g->state) % g->chunks);
		struct catalog_facts f;

		bench_ok(g->c->type->facts(g->c, &id, &f, &g->why), &g->why);
		if ((f.copies == 1) != (base == 0))
			bench_die("a lookup of another answer");
		n++;
	}
	catalog_release(g->c);
	return since(began, before, (double)n);
}

static double
look_up_sorted(struct growth *g)
{
	struct digest *ids = bench_alloc(RUN * sizeof(*ids));
	struct catalog_facts *f = bench_alloc(RUN * sizeof(*f));
	double took = 0;
	size_t n = 0;

	for (; n < LOOKUPS && took < SECONDS; n += RUN) {
		double began;

		for (size_t i = 0; i < RUN; i++)
			ids[i] = id_of(bench_draw(&g->state) % g->chunks);
		began = bench_now();
		qsort(ids, RUN, sizeof(*ids), digest_order);
		bench_ok(g->c->type->facts_many(g->c, ids, RUN, f, &g->why),
		    &g->why);
		took += bench_now() - began;
	}
	free(ids);
	free(f);
	return took / (double)n * 1e6;
}

/* --- a table --- */

static const char *const column[] = { "insert_us", "last_us", "last_cpu_us",
	"hit_us", "hit_cpu_us", "miss_us", "sorted_us", "index_bytes",
	"lookup_MiB", "peak_MiB", NULL };
static const struct table table = { "growth", "chunks", column };

static struct took
insert_all(struct growth *g, uint64_t chunks, double *all)
{
	struct took last = { 0, 0 };

	*all = 0;
	while (g->chunks < chunks) {
		uint64_t before = g->chunks;

		last = add_commit(g, chunks);
		*all += last.wall * (double)(g->chunks - before);
	}
	*all /= (double)chunks;
	return last;
}

static void
measure(uint64_t chunks)
{
	struct growth g = { .o = { .store = { 1 },
		                .lock_wait_ms = 10000,
		                .cache_bytes = CACHE },
		.state = 88172645463325252u };
	struct took last, hit, miss;
	double all, sorted, peak;
	char *dir, name[32];

	if (asprintf(&dir, "%s/%ju", bench_dir(), (uintmax_t)chunks) < 0)
		bench_die("out of memory");
	g.o.dir = dir;
	bench_memory_reset();
	open_index(&g);
	last = insert_all(&g, chunks, &all);
	catalog_close(g.c);
	peak = bench_memory() / (1 << 20);
	malloc_trim(0);
	bench_memory_reset();
	open_index(&g);
	hit = look_up(&g, 0);
	miss = look_up(&g, MISSING);
	sorted = look_up_sorted(&g);
	snprintf(name, sizeof(name), "%ju", (uintmax_t)chunks);
	table_row(&table, name,
	    (double[]){ all, last.wall, last.cpu, hit.wall, hit.cpu, miss.wall,
	        sorted, (double)index_bytes(g.c) / (double)chunks,
	        bench_memory() / (1 << 20), peak });
	catalog_close(g.c);
	free(dir);
}

int
main(void)
{
	uint64_t most = bench_setting(
	    "BENCH_CHUNKS", getenv("BENCH_LARGE") != NULL ? 10000000 : 1000000);

	heap_settle();
	table_begin(&table, "Growth: a chunk in and out of the index");
	if (most < 10000)
		measure(most);
	for (uint64_t n = 10000; n <= most; n *= 10)
		measure(n);
	return 0;
}

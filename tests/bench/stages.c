/*
 * stages.c - how fast each stage is by itself, and what that allows.
 *
 * Up to BENCH_BYTES of the files below BENCH_DATA are read into memory; every
 * stage then works on these, as the writer and the reader do: chunks as they
 * come out of the chunker, frames of 1 MiB; in one thread, and then beside
 * other processes that do the same on the other cores.  A stage is repeated for
 * BENCH_LEAST milliseconds (300).  Rates are those of a processor's time.
 *
 * The limits are sums of the processor time of stages, all cores at work,
 * spread over these without loss: what no pipeline built of these parts can
 * pass.  Waiting for a disk is not in them.  BENCH_LIMITS names a file to which
 * they are written for the steps of peers.sh, "step seconds"; that of "touched"
 * has nothing new in it.
 */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "chunker.h"
#include "codec.h"
#include "digest.h"
#include "heap.h"
#include "index.h"

#define FRAME ((size_t)1 << 20)
#define FILES_MAX 200000
#define SOME 8 /* frames, of a codec that is not the default */

struct file {
	char *path;
	size_t at, len; /* in data */
};

struct stages {
	struct file *file;
	size_t files;
	uint8_t *data;
	size_t len, room;
	size_t there;  /* bytes of all files, also of those not taken */
	uint32_t *cut; /* lengths of chunks */
	struct digest *id;
	size_t chunks;
	uint8_t *packed;
	size_t *stored; /* length of each packed frame */
	size_t frames, bound;
	const struct codec *codec;
	struct chunker chunker;
	struct hasher *hash;
	struct codec_state *codecs;
	struct catalog *catalog;
	uint64_t sink; /* so that nothing is optimised away */
	struct fault why;
};

static struct stages stages; /* nftw hands on no argument */

/* --- stages: each goes over all the data once --- */

static void
stat_files(struct stages *s)
{
	for (size_t i = 0; i < s->files; i++) {
		struct statx x;

		if (statx(AT_FDCWD, s->file[i].path,
		        AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
		        STATX_BASIC_STATS, &x) != 0)
			bench_die(s->file[i].path);
		s->sink += x.stx_size;
	}
}

static void
read_files(struct stages *s)
{
	for (size_t i = 0; i < s->files; i++) {
		struct file *f = &s->file[i];
		int fd = open(f->path, O_RDONLY | O_CLOEXEC);
		ssize_t got;

		if (fd < 0)
			bench_die(f->path);
		got = read(fd, s->data + f->at, f->len);
		if (got < 0 || (size_t)got != f->len)
			bench_die(f->path);
		close(fd);
	}
}

static void
cut(struct stages *s)
{
	s->chunks = 0;
	for (size_t i = 0; i < s->files; i++) {
		size_t used;

		s->chunks += chunker_run(&s->chunker, s->data + s->file[i].at,
		    s->file[i].len, true, s->cut + s->chunks,
		    s->file[i].len / s->chunker.sizes.min + 1, &used);
	}
}

static void
hash_chunks(struct stages *s)
{
	size_t at = 0;

	for (size_t i = 0; i < s->chunks; at += s->cut[i++])
		bench_ok(hasher_of(s->hash, s->data + at, s->cut[i], &s->id[i],
		             &s->why),
		    &s->why);
}

/* Only files of several chunks have an id that is not their chunk's. */
static void
hash_files(struct stages *s)
{
	for (size_t i = 0; i < s->files; i++) {
		struct digest id;

		if (s->file[i].len > s->chunker.sizes.max)
			bench_ok(hasher_of(s->hash, s->data + s->file[i].at,
			             s->file[i].len, &id, &s->why),
			    &s->why);
	}
}

static size_t
frame_len(const struct stages *s, size_t i)
{
	size_t left = s->len - i * FRAME;

	return left < FRAME ? left : FRAME;
}

static void
check_frames(struct stages *s)
{
	for (size_t i = 0; i < s->frames; i++)
		s->sink += digest_xxh64(s->data + i * FRAME, frame_len(s, i));
}

static void
pack(struct stages *s)
{
	for (size_t i = 0; i < s->frames; i++) {
		s->stored[i] = s->bound;
		bench_ok(s->codec->pack(s->codecs, s->codec->level_default,
		             s->data + i * FRAME, frame_len(s, i),
		             s->packed + i * s->bound, &s->stored[i], &s->why),
		    &s->why);
	}
}

static void
unpack(struct stages *s)
{
	uint8_t *out = bench_alloc(FRAME);

	for (size_t i = 0; i < s->frames; i++)
		bench_ok(s->codec->unpack(s->codecs, s->packed + i * s->bound,
		             s->stored[i], out, frame_len(s, i), &s->why),
		    &s->why);
	free(out);
}

static void
write_files(struct stages *s)
{
	char path[4200];

	for (size_t i = 0; i < s->files; i++) {
		const struct file *f = &s->file[i];
		ssize_t put;
		int fd;

		snprintf(path, sizeof(path), "%s/file-%zu", bench_dir(), i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			bench_die(path);
		put = write(fd, s->data + f->at, f->len);
		if (put < 0 || (size_t)put != f->len || close(fd) != 0)
			bench_die(path);
	}
}

static void
look_up(struct stages *s, uint8_t change)
{
	bench_ok(catalog_hold(s->catalog, &s->why), &s->why);
	for (size_t i = 0; i < s->chunks; i++) {
		struct digest id = s->id[i];
		struct catalog_facts f;

		id.byte[31] ^= change;
		bench_ok(s->catalog->type->facts(s->catalog, &id, &f, &s->why),
		    &s->why);
		s->sink += f.copies;
	}
	catalog_release(s->catalog);
}

static void
look_up_hit(struct stages *s)
{
	look_up(s, 0);
}

static void
look_up_miss(struct stages *s)
{
	look_up(s, 1);
}

/* As a commit does it: copies, then counts in order. */
static void
insert(struct stages *s)
{
	const struct catalog_type *t = s->catalog->type;
	struct segment_object *o = bench_alloc(s->chunks * sizeof(*o));
	struct digest *sorted = bench_alloc(s->chunks * sizeof(*sorted));
	const struct segment_table table = { .object = o,
		.objects = (uint32_t)s->chunks };
	const struct catalog_segment row = { .seq = 1,
		.id = { { 1 } },
		.bytes = s->len,
		.plain = s->len,
		.objects = (uint32_t)s->chunks };

	for (size_t i = 0; i < s->chunks; i++)
		o[i] = (struct segment_object){
			.id = s->id[i], .kind = KIND_DATA, .length = s->cut[i]
		};
	memcpy(sorted, s->id, s->chunks * sizeof(*sorted));
	qsort(sorted, s->chunks, sizeof(*sorted), digest_order);
	bench_ok(t->begin(s->catalog, &s->why), &s->why);
	bench_ok(t->segment_add(s->catalog, &row, &s->why), &s->why);
	bench_ok(t->copies_add(s->catalog, 1, &table, &s->why), &s->why);
	for (size_t i = 0; i < s->chunks; i++)
		bench_ok(t->count_set(
		             s->catalog, &sorted[i], CLASS_DATA, 1, &s->why),
		    &s->why);
	bench_ok(t->commit(s->catalog, &s->why), &s->why);
	free(o);
	free(sorted);
}

/* --- the data --- */

static int
take_file(const char *path, const struct stat *sb, int type, struct FTW *f)
{
	struct stages *s = &stages;

	(void)f;
	if (type != FTW_F || !S_ISREG(sb->st_mode) || sb->st_size == 0 ||
	    access(path, R_OK) != 0)
		return 0;
	s->there += (size_t)sb->st_size;
	if ((size_t)sb->st_size > s->room - s->len || s->files == FILES_MAX)
		return 0;
	s->file[s->files++] =
	    (struct file){ strdup(path), s->len, (size_t)sb->st_size };
	s->len += (size_t)sb->st_size;
	return 0;
}

static void
take_data(struct stages *s)
{
	const char *text = getenv("BENCH_DATA");
	char *list = strdup(text != NULL ? text : "/usr/include"), *save;

	s->room = bench_setting("BENCH_BYTES", (uint64_t)64 << 20);
	s->file = bench_alloc(FILES_MAX * sizeof(*s->file));
	if (list == NULL)
		bench_die("out of memory");
	for (char *p = strtok_r(list, " \t\n", &save); p != NULL;
	     p = strtok_r(NULL, " \t\n", &save))
		nftw(p, take_file, 64, FTW_PHYS);
	free(list);
	if (s->len == 0)
		bench_die("no data: set BENCH_DATA to directories of files");
	s->data = bench_alloc(s->len);
	s->cut = bench_alloc(
	    (s->len / s->chunker.sizes.min + s->files + 1) * sizeof(*s->cut));
	s->frames = (s->len + FRAME - 1) / FRAME;
	s->stored = bench_alloc(s->frames * sizeof(*s->stored));
}

static void
open_index(struct stages *s)
{
	const struct index_options o = { .dir = bench_dir(),
		.store = { 1 },
		.cache_bytes = (uint64_t)32 << 20 };
	const char *reason;
	bool fresh;

	bench_ok(
	    index_open(&o, &s->catalog, &fresh, &reason, &s->why), &s->why);
}

/* --- all cores at once --- */

#define CORES_MAX 64

/* Processes that do the same over and over, on the other cores. */
static size_t
start_others(struct stages *s, void (*run)(struct stages *s), pid_t *pid)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = 0;

	fflush(stdout);
	for (long i = 1; i < cores && n < CORES_MAX; i++) {
		pid[n] = fork();
		if (pid[n] < 0)
			bench_die("fork");
		if (pid[n] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				run(s);
		}
		n++;
	}
	return n;
}

static void
stop_others(const pid_t *pid, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (size_t i = 0; i < n; i++)
		waitpid(pid[i], NULL, 0);
}

/* --- tables --- */

static const char *const column[] = { "MB_per_s", "all_MB_per_s", "us_each",
	"items", "core_s_a_GB", NULL };
static const struct table table = { "stages", "stage", column };

struct took {
	double wall, cpu; /* seconds, for all the data once */
};

static struct took
go_over(struct stages *s, void (*run)(struct stages *s), bool once)
{
	double least = (double)bench_setting("BENCH_LEAST", 300) * 1e-3;
	double began = bench_now(), before = bench_cpu();
	int rounds = 0;

	do {
		run(s);
		rounds++;
	} while (!once && bench_now() - began < least);
	return (struct took){ (bench_now() - began) / rounds,
		(bench_cpu() - before) / rounds };
}

enum how {
	ALL,   /* also with all cores at it */
	ALONE, /* what may not be shared with another process */
	ONCE,  /* what cannot be done again */
};

/*
 * Seconds of a processor for all the data: with the other cores at the same
 * work, as they are in a run of the whole, where that can be had.
 */
static double
measure(struct stages *s, const char *name, void (*run)(struct stages *s),
    size_t items, enum how how)
{
	struct took alone = go_over(s, run, how == ONCE), all = alone;
	double mb = (double)s->len / 1e6;
	pid_t other[CORES_MAX];

	if (how == ALL) {
		size_t n = start_others(s, run, other);

		run(s); /* pages that were copied for the others */
		all = go_over(s, run, false);
		stop_others(other, n);
	}
	/* what cuts is what counts the chunks */
	if (items == 0)
		items = s->chunks;
	table_row(&table, name,
	    (double[]){ mb / alone.cpu, how == ALL ? mb / all.cpu : NAN,
	        alone.wall / (double)items * 1e6, (double)items,
	        all.cpu * 1e3 / mb });
	return all.cpu;
}

/* A line in BENCH_LIMITS: what all the files below BENCH_DATA would take. */
static void
note_limit(const struct stages *s, const char *step, double seconds)
{
	const char *path = getenv("BENCH_LIMITS");
	FILE *f;

	if (path == NULL || step == NULL)
		return;
	f = fopen(path, "ae");
	if (f == NULL ||
	    fprintf(f, "%s %.6f\n", step,
	        seconds * (double)s->there / (double)s->len) < 0 ||
	    fclose(f) != 0)
		bench_die(path);
}

/* What takes that many seconds of a processor, spread over all cores. */
static void
limit(const struct stages *s, const char *name, const char *step, double took)
{
	double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);

	table_row(&table, name,
	    (double[]){ (double)s->len / took / 1e6 * cores, NAN,
	        took / cores / (double)s->files * 1e6, (double)s->files,
	        took * 1e9 / (double)s->len });
	note_limit(s, step, took / cores);
}

static void
measure_codec(struct stages *s, enum how how, double *packs, double *unpacks)
{
	char name[64];

	s->bound = s->codec->bound(FRAME);
	s->packed = bench_alloc(s->frames * s->bound);
	snprintf(name, sizeof(name), "compress %s", s->codec->name);
	*packs = measure(s, name, pack, s->frames, how);
	snprintf(name, sizeof(name), "decode %s", s->codec->name);
	*unpacks = measure(s, name, unpack, s->frames, how);
	free(s->packed);
}

/* *packs, *unpacks: the default one's.  Of the others, some of the data has to
 * do. */
static void
measure_codecs(struct stages *s, double *packs, double *unpacks)
{
	size_t len = s->len, frames = s->frames;
	double to, from;

	for (size_t i = 0; (s->codec = codec_at(i)) != NULL; i++) {
		if (s->codec->tag == CODEC_ZSTD) {
			measure_codec(s, ALL, packs, unpacks);
			continue;
		}
		if (frames > SOME) {
			s->frames = SOME;
			s->len = SOME * FRAME;
		}
		measure_codec(s, ALONE, &to, &from);
		s->len = len;
		s->frames = frames;
	}
}

static void
measure_all(struct stages *s)
{
	double walk, in, cuts, ids, whole, sums, adds, hit, miss, out;
	double to = 0, from = 0;

	walk = measure(s, "statx", stat_files, s->files, ALL);
	in = measure(s, "open, read, close", read_files, s->files, ALL);
	cuts = measure(s, "cut", cut, 0, ALL);
	s->id = bench_alloc(s->chunks * sizeof(*s->id));
	ids = measure(s, "hash chunks", hash_chunks, s->chunks, ALL);
	whole =
	    measure(s, "hash files of many chunks", hash_files, s->files, ALL);
	sums = measure(s, "xxh64 of frames", check_frames, s->frames, ALL);
	measure_codecs(s, &to, &from);
	adds = measure(s, "index: insert", insert, s->chunks, ONCE);
	hit = measure(s, "index: look up, hit", look_up_hit, s->chunks, ALONE);
	miss =
	    measure(s, "index: look up, miss", look_up_miss, s->chunks, ALONE);
	out = measure(s, "create, write, close", write_files, s->files, ONCE);
	limit(s, "limit: first backup", "first",
	    walk + in + cuts + ids + whole + miss + to + sums + from + adds);
	limit(s, "limit: all unchanged", "same", walk);
	limit(s, "limit: all read, all there", "touched",
	    walk + in + cuts + ids + whole + hit);
	limit(s, "limit: restore", "restore",
	    sums + from + ids + whole + hit + out);
	limit(s, "limit: verify", "verify", sums + from + ids + whole);
}

int
main(void)
{
	struct stages *s = &stages;
	char title[160];

	heap_settle();
	bench_ok(chunker_init(&s->chunker, &chunker_default, &s->why), &s->why);
	bench_ok(hasher_new(&s->hash, &s->why), &s->why);
	bench_ok(codec_state_new(&s->codecs, &s->why), &s->why);
	take_data(s);
	open_index(s);
	snprintf(title, sizeof(title),
	    "Stages: %zu files, %.1f MB, one thread (limits: %ld cores)",
	    s->files, (double)s->len / 1e6, sysconf(_SC_NPROCESSORS_ONLN));
	table_begin(&table, title);
	measure_all(s);
	catalog_close(s->catalog);
	codec_state_free(s->codecs);
	hasher_free(s->hash);
	for (size_t i = 0; i < s->files; i++)
		free(s->file[i].path);
	free(s->file);
	free(s->data);
	free(s->cut);
	free(s->id);
	free(s->stored);
	return 0;
}

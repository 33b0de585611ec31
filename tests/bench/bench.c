#include "bench.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static char *directory;

void
bench_die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void
bench_ok(enum blk_status st, const struct fault *why)
{
	if (st == BLK_OK)
		return;
	bench_die(st == BLK_ABSENT ? "not there" : why->text);
}

void *
bench_alloc(size_t len)
{
	void *p = calloc(1, len > 0 ? len : 1);

	if (p == NULL)
		bench_die("out of memory");
	return p;
}

/* --- tables --- */

/* Three digits that count, as a person would write them. */
static void
spell(double v, char *text, size_t len)
{
	if (isnan(v))
		snprintf(text, len, "-");
	else if (fabs(v) >= 100 || v == floor(v))
		snprintf(text, len, "%.0f", v);
	else if (fabs(v) >= 10)
		snprintf(text, len, "%.1f", v);
	else if (fabs(v) >= 1)
		snprintf(text, len, "%.2f", v);
	else
		snprintf(text, len, "%.3g", v);
}

void
table_begin(const struct table *t, const char *title)
{
	printf("\n%s\n%-28s", title, t->first);
	for (size_t i = 0; t->column[i] != NULL; i++)
		printf("  %12s", t->column[i]);
	printf("\n");
}

/* Names of rows and columns hold nothing that JSON would have escaped. */
static void
write_json(const struct table *t, const char *name, const double *value)
{
	const char *path = getenv("BENCH_JSON");
	FILE *f = path == NULL ? NULL : fopen(path, "ae");

	if (path == NULL)
		return;
	if (f == NULL)
		bench_die(path);
	fprintf(f, "{\"bench\":\"%s\",\"%s\":\"%s\"", t->bench, t->first, name);
	for (size_t i = 0; t->column[i] != NULL; i++)
		if (isfinite(value[i]))
			fprintf(f, ",\"%s\":%.9g", t->column[i], value[i]);
		else
			fprintf(f, ",\"%s\":null", t->column[i]);
	fprintf(f, "}\n");
	if (fclose(f) != 0)
		bench_die(path);
}

void
table_row(const struct table *t, const char *name, const double *value)
{
	char text[40];

	printf("%-28s", name);
	for (size_t i = 0; t->column[i] != NULL; i++) {
		spell(value[i], text, sizeof(text));
		printf("  %12s", text);
	}
	printf("\n");
	fflush(stdout);
	write_json(t, name, value);
}

/* --- clocks and memory --- */

double
bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double
bench_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void
bench_memory_reset(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");

	if (f == NULL)
		return;
	fputs("5", f);
	fclose(f);
}

/* VmHWM obeys the reset; what getrusage says does not. */
double
bench_memory(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	struct rusage u = { .ru_maxrss = 0 };
	char line[200];
	double kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtod(line + 6, NULL);
	if (f != NULL)
		fclose(f);
	if (kib == 0 && getrusage(RUSAGE_SELF, &u) == 0)
		kib = (double)u.ru_maxrss;
	return kib * 1024;
}

/* --- numbers --- */

uint64_t
bench_setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t v = otherwise;
	char *end;

	if (text != NULL && *text != '\0') {
		v = strtoull(text, &end, 10);
		if (*end != '\0')
			bench_die(name);
	}
	return v == 0 ? 1 : v;
}

uint64_t
bench_draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1du;
}

void
bench_noise(void *p, size_t len, uint64_t seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
	uint8_t *to = p;

	while (len > 0) {
		uint64_t v = bench_draw(&state);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(to, &v, n);
		to += n;
		len -= n;
	}
}

static int
order_of(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

double
bench_median(double *value, size_t n)
{
	if (n == 0)
		return NAN;
	qsort(value, n, sizeof(*value), order_of);
	return value[n / 2];
}

/* --- a directory --- */

static int
unlink_one(const char *entry, const struct stat *sb, int type, struct FTW *f)
{
	(void)sb;
	(void)type;
	(void)f;
	return remove(entry);
}

static void
remove_directory(void)
{
	nftw(directory, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
	free(directory);
}

const char *
bench_dir(void)
{
	const char *base = getenv("BENCH_DIR");

	if (directory != NULL)
		return directory;
	if (base == NULL)
		base = getenv("TMPDIR");
	if (asprintf(&directory, "%s/blk-bench-XXXXXX",
	        base != NULL ? base : "/tmp") < 0)
		bench_die("out of memory");
	if (mkdtemp(directory) == NULL)
		bench_die(directory);
	atexit(remove_directory);
	return directory;
}

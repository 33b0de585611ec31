/*
 * bench.h - what the programs of tests/bench share: clocks, tables on standard
 * output, the same as JSON Lines, a directory to work in.
 *
 * BENCH_JSON names a file to which every row is appended as one object;
 * BENCH_DIR the directory in which work directories are made (else TMPDIR,
 * else /tmp).  Any failure ends the program with exit 1.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define BENCH_COLUMNS 12

struct table {
	const char *bench;         /* "stages", ... */
	const char *first;         /* what the names of the rows are */
	const char *const *column; /* ended by NULL */
};

/* Print the title and the head of the table. */
void table_begin(const struct table *t, const char *title);
/* A row with a value for each column; NAN prints as "-". */
void table_row(const struct table *t, const char *name, const double *value);

/* End the program unless st is BLK_OK. */
void bench_ok(enum blk_status st, const struct fault *why);
void bench_die(const char *what);
void *bench_alloc(size_t len);

double bench_now(void);    /* seconds, monotonic */
double bench_cpu(void);    /* seconds of processors, of this process */
double bench_memory(void); /* most bytes resident so far */
/* Start bench_memory afresh, where the system can. */
void bench_memory_reset(void);

/* A number of the environment, or what it is without one; at least 1. */
uint64_t bench_setting(const char *name, uint64_t otherwise);

/* Numbers that are the same in each run; *state is any number but 0. */
uint64_t bench_draw(uint64_t *state);
void bench_noise(void *p, size_t len, uint64_t seed);

/* Sorts n values; the one in the middle.  NAN when there are none. */
double bench_median(double *value, size_t n);

/* A new directory, from malloc; removed with all in it when the program
 * ends. */
const char *bench_dir(void);

#endif

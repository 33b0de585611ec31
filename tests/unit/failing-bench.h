/*
 * failing-bench.h - small stores that are put back as they were after each
 * attempt, what was promised of them, and the works that are attempted.
 */
#ifndef FAILING_BENCH_H
#define FAILING_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archives.h"
#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "store.h"

#define BENCH_PROMISES 16
#define BENCH_PATH 128
#define BENCH_LONG ((size_t)700000) /* bytes of the long object */

struct promise {
	struct digest id;
	const void *data; /* static, or of the bench */
	size_t len;
};

struct bench {
	char dir[64];
	char store[BENCH_PATH];  /* the one that is worked on */
	char other[BENCH_PATH];  /* a good copy of it */
	char source[BENCH_PATH]; /* files that are backed up */
	char target[BENCH_PATH], cache[BENCH_PATH], fresh[BENCH_PATH];
	uint8_t *bytes; /* BENCH_LONG of them */
	struct digest tree, first_tree;
	int archive; /* for import to read */
	int written; /* by export */
	struct promise promise[BENCH_PROMISES];
	size_t promises;
	unsigned problems; /* told by what was attempted */
};

struct work {
	const char *name;
	enum blk_status (*run)(struct bench *b, struct fault *why);
	/* BLK_CORRUPT: the store is damaged, and says so. */
	enum blk_status status; /* where nothing fails */
	bool damaged;           /* begins with a damaged store */
	bool repairs;           /* and ends with a whole one */
	bool no_index;          /* begins without an index */
};

extern const struct work bench_works[];
extern const size_t bench_work_count;

/* With all that the works begin with.  False: it could not be made. */
bool bench_open(struct bench *b, struct fault *why);
void bench_close(struct bench *b);

/* As it was, for the next attempt. */
void bench_reset(struct bench *b, const struct work *w);

/* Open the store at path as commands do. */
enum blk_status bench_store(struct bench *b, const char *path, bool create,
    struct store **out, struct fault *why);

/* Open the store that is worked on, use it, close it. */
typedef enum blk_status bench_use(
    struct bench *b, struct store *s, struct fault *why);
enum blk_status bench_with_store(
    struct bench *b, bench_use *use, struct fault *why);

/* Works, or parts of them. */
bench_use work_put_plain, work_get;
enum blk_status upkeep_collect(struct bench *b, struct fault *why);
enum blk_status upkeep_recut(struct bench *b, struct fault *why);
enum blk_status upkeep_rebuild(struct bench *b, struct fault *why);
enum blk_status upkeep_open_only(struct bench *b, struct fault *why);
enum blk_status upkeep_check(struct bench *b, struct fault *why);
enum blk_status upkeep_repair(struct bench *b, struct fault *why);
enum blk_status upkeep_repair_dir(struct bench *b, struct fault *why);

/* Write the backup to fd, as an archive. */
enum blk_status bench_export(struct bench *b, struct store *s, int fd,
    enum archives_format format, struct fault *why);

/* From here on this must be there. */
void bench_promise(
    struct bench *b, const struct digest *id, const void *data, size_t len);

/* Is all there that was promised, and the store whole?  NULL, or what is
 * wrong (static). */
const char *bench_wrong(struct bench *b, const struct work *w);

#endif

/*
 * put.h - what the files of blk-put share.
 */
#ifndef PUT_H
#define PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "digest.h"
#include "fault.h"
#include "input.h"
#include "open.h"
#include "output.h"
#include "versions.h"
#include "writer.h"

#define PUT_BLOCK INPUT_TAKE_MAX /* bytes that are read at once */
#define PUT_COMMIT_MAX 32768     /* versions that one commit makes */

/* When to commit on the way: 0 is never. */
struct put_every {
	uint64_t objects, bytes;
	int64_t ms;
};

/* What the command line asks for; borrowed from it. */
struct put_request {
	const char *name;  /* NULL: unnamed */
	const char *files; /* -T; NULL: none */
	const char *ref;   /* --ref; NULL: store something */
	const char *if_head, *id_file;
	uint64_t keep_last, min_size;
	bool exec, tee, batch, atomic, no_dedup, expects;
	struct digest expected;
	struct version_wish wish;
	struct put_every every;
	char **operand;
	int operands;
};

/* One input that is stored. */
struct put_item {
	char *path; /* owned; NULL: of a command, or of --ref */
	uint64_t size;
};

/* A run. */
struct put {
	struct cli *c;
	const struct put_request *r;
	struct opened opened; /* no store in a dry run without one */
	bool unmade;          /* nor before the first input */
	struct writer *w;     /* NULL: nothing is stored */
	struct lane *lane;    /* of w */
	struct hasher *hash;  /* for dry runs */
	struct progress *progress;
	char *block; /* PUT_BLOCK bytes */

	/* what the next commit will make: item[i] is named by add[i] */
	struct put_item *item;
	struct naming *add;
	size_t items, items_cap, adds_cap;
	uint64_t pending_bytes;
	int64_t committed_ms; /* when the last commit was, or the start */

	/* results */
	struct output *out;
	FILE *results; /* stdout; or memory, which becomes --id-file */
	char *text;    /* of results, if memory */
	size_t text_len;
	uint64_t objects, bytes, commits; /* acknowledged */
	int code; /* of inputs that could not be read; EXIT_DONE */
};

/* --- put-parse.c --- */

extern const struct cli_command put_command;
/* Leaves with EXIT_USAGE unless all is in order.  r.wish is the caller's. */
struct put_request put_parse(struct cli *c);

/* --- blk-put.c --- */

/* Before something is stored: make the default store, if that is not done. */
MUST_USE enum blk_status put_make_store(struct put *p, struct fault *why);

/* --- put-source.c --- */

/*
 * Store what fd gives (to its end), or only hash it in a dry run.
 *
 * *readable: false when it is the source that failed; the fault says how, and
 * BLK_FAILED is returned.
 */
MUST_USE enum blk_status put_source(struct put *p, int fd, const char *name,
    struct digest *id, uint64_t *size, bool *readable, struct fault *why);

/* --- put-exec.c --- */

/*
 * Run argv, store its standard output; *code is EXIT_CANNOT_RUN or
 * EXIT_NOT_FOUND when that is why it failed, else 0.
 */
MUST_USE enum blk_status put_exec(struct put *p, char **argv, struct digest *id,
    uint64_t *size, int *code, struct fault *why);

/* --- put-files.c --- */

/* Files, standard input, --exec, --ref: returns the exit code. */
int put_files(struct put *p);

/* --- put-print.c --- */

MUST_USE enum blk_status put_print_begin(struct put *p, struct fault *why);
MUST_USE enum blk_status put_print_item(struct put *p,
    const struct put_item *item, const struct naming *n, uint64_t commit,
    struct fault *why);
/* The summary, and --id-file. */
MUST_USE enum blk_status put_print_end(struct put *p, struct fault *why);
void put_print_release(struct put *p);

/* --- put-batch.c --- */

/* --batch: returns the exit code. */
int put_batch(struct put *p);

#endif

/*
 * get.h - what the files of blk-get share.
 */
#ifndef GET_H
#define GET_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "lookup.h"
#include "open.h"
#include "outfile.h"
#include "reader.h"

/* What the command line asks for; borrowed from it. */
struct get_request {
	char **ref;         /* NULL-terminated */
	const char *output; /* -o; NULL: standard output */
	bool force, ranged, exists, batch, check;
	uint64_t offset, len; /* READER_ALL: to the end */
};

/* A run. */
struct get {
	struct cli *c;
	const struct get_request *r;
	struct opened opened;
	struct progress *progress;
	bool cautious; /* stdout is a terminal, and nobody insisted */
	bool to_file;  /* into file, not stdout */
	struct outfile file;
	struct output *out; /* items, with --json; or NULL */
	uint64_t objects, bytes;
	int code; /* of all REFs so far; -1 */
};

/* Find the content that a REF means; a tree or snapshot is BLK_INVALID. */
MUST_USE enum blk_status get_find(
    struct get *g, const char *ref, struct lookup *l, struct fault *why);

/* Each returns the exit code. */
int get_contents(struct get *g); /* blk-get REF... */
int get_exists(struct get *g);   /* -e */
int get_batch(struct get *g);    /* --batch, --batch-check; get-batch.c */

#endif

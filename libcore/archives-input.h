/*
 * archives-input.h - an archive that is read, by libarchive.
 */
#ifndef ARCHIVES_INPUT_H
#define ARCHIVES_INPUT_H

#include "archives-private.h"

struct archives_input {
	int fd;
	const struct archives_import_options *o;
	struct archive *a;
	struct archives_locale locale;
	uint8_t *block;
	bool begun;  /* the first block was read */
	int unread;  /* errno: a block could not be read; 0: all well */
	off_t base;  /* where in the file the archive begins; -1: a pipe */
	uint64_t at; /* where the next block begins */
	bool sought; /* libarchive went elsewhere since that was last false */

	bool any;      /* a member was read */
	bool blind;    /* zip: types and modes of the members are not known */
	uint64_t used; /* before one: the bytes behind this are zero */
};

/* Has the run been asked to stop? */
bool archives_stopped(const struct archives_import_options *o);

/* fd and o are set, the rest is zero; close also what could not be opened. */
MUST_USE enum blk_status archives_input_open(
    struct archives_input *in, struct fault *why);
void archives_input_close(struct archives_input *in);

/* The next member; *n is NULL at the end. */
MUST_USE enum blk_status archives_input_next(
    struct archives_input *in, struct archive_entry **n, struct fault *why);

/* What is wrong, after libarchive said that something is. */
enum blk_status archives_input_fault(
    const struct archives_input *in, struct fault *why);

#endif

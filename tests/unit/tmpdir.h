/*
 * tmpdir.h - a directory of its own for a test, and its end.
 */
#ifndef TMPDIR_H
#define TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TMPDIR_MAX 64

static inline int
tmpdir_unlink(const char *entry, const struct stat *sb, int type, struct FTW *f)
{
	(void)sb;
	(void)type;
	(void)f;
	return remove(entry);
}

/* Make one and put its path in where; 0, or -1.  In $TMPDIR, if that leaves
 * room for what tests put behind it. */
static inline int
tmpdir_make(char where[static TMPDIR_MAX])
{
	const char *in = getenv("TMPDIR");

	if (in == NULL || in[0] != '/' || strlen(in) > 40)
		in = "/tmp";
	snprintf(where, TMPDIR_MAX, "%s/blk-unit-XXXXXX", in);
	return mkdtemp(where) == NULL ? -1 : 0;
}

/* Remove it with all that it holds; 0, or -1. */
static inline int
tmpdir_remove(const char *where)
{
	return nftw(where, tmpdir_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

#endif

/*
 * filter.h - which files of a tree are meant, by patterns.
 *
 * Patterns are written as for restic and .gitignore.  (Here + stands for the
 * star, which a comment in C cannot show beside a slash.)
 *
 *	+.o		each file or directory with such a name, anywhere
 *	cache		each one of exactly this name, anywhere
 *	src/tmp		each tmp in a src, anywhere (as restic; .gitignore
 *			would look at the top only: write /src/tmp there)
 *	/var/cache	this one only: the absolute path, or the path inside
 *			the snapshot (of /srv, both /srv/tmp and /tmp mean
 *			/srv/tmp)
 *	tmp/		only directories
 *	foo/++		all that lies in a foo, but not foo itself
 *	a/++/b		a/b, a/x/b, a/x/y/b
 *	++/b		the same as b
 *	?  [a-z]  [!a-z]	one character; one of these; none of these
 *	\+		a star; so are \? \[ \\ \! and \#
 *	!keep.o		not this one after all
 *
 * Star, "?" and "[...]" never match a '/'.  A name that begins with a dot is a
 * name like others.  The last pattern that matches decides.  A directory that
 * is left out takes all that lies in it along: as in .gitignore, a "!" for
 * something below it comes too late; write "foo/++" and "!foo/keep".
 *
 * In a file of patterns there is one a line; empty lines and lines that begin
 * with '#' mean nothing, spaces around a pattern are cut off ("\ " keeps
 * one).  Variables are not expanded.
 *
 * A filter that is not being changed may be used by several threads.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "fault.h"
#include "text.h"

#define FILTER_PATTERN_MAX 65536 /* bytes of a pattern */

struct filter;

enum filter_flags {
	FILTER_NOCASE = 1 << 0, /* A-Z are a-z; other letters as they are */
};

enum filter_verdict {
	FILTER_NONE, /* no pattern matches */
	FILTER_MATCH,
	FILTER_NEGATED, /* the last that matches begins with '!' */
};

/* A file that marks its directory as one to be left out. */
struct filter_tag {
	char *name;   /* of the file */
	char *header; /* how it must begin; empty: anyhow */
	size_t header_len;
};

MUST_USE enum blk_status filter_new(struct filter **out, struct fault *why);
void filter_free(struct filter *f); /* NULL: does nothing */

/*
 * Add a pattern, behind those that are there.
 *
 * Returns: BLK_OK; BLK_INVALID, with the reason, for one that can match
 *          nothing or is broken ("", "/", "a/../b", "[a", "a\").
 */
MUST_USE enum blk_status filter_add(
    struct filter *f, struct span pattern, unsigned flags, struct fault *why);

/* Add the patterns of a file; the reason of BLK_INVALID names the line. */
MUST_USE enum blk_status filter_add_lines(
    struct filter *f, struct span text, unsigned flags, struct fault *why);

/*
 * What do the patterns say about path?
 *
 * path:  from the root of the file system, without the first slash.
 * below: where in it the path inside the snapshot begins ("srv/a", 4 for a
 *        snapshot of /srv).
 * Directories above are not looked at: the caller comes from there.
 */
enum filter_verdict filter_check(
    const struct filter *f, struct span path, size_t below, bool is_dir);

/*
 * May a pattern match something below the directory path?  For those who only
 * want what matches, and would not look where nothing can.
 */
bool filter_reaches(const struct filter *f, struct span path, size_t below);

/*
 * Directories that hold a file NAME, or, given "NAME:HEADER", one that begins
 * with HEADER, are to be left out, but for themselves and that file.
 * BLK_INVALID when NAME is empty or no name.
 */
MUST_USE enum blk_status filter_add_tag(
    struct filter *f, struct span tag, struct fault *why);
/* CACHEDIR.TAG, with its signature (bford.info/cachedir). */
MUST_USE enum blk_status filter_add_caches(struct filter *f, struct fault *why);
/* The i-th of these, NULL behind the last. */
const struct filter_tag *filter_tag_at(const struct filter *f, size_t i);

/* Files of more bytes are left out; UINT64_MAX, as at first: none. */
void filter_set_limit(struct filter *f, uint64_t bytes);
uint64_t filter_limit(const struct filter *f);

/* Are there patterns?  Else filter_check is FILTER_NONE for all. */
bool filter_has_patterns(const struct filter *f);

#endif

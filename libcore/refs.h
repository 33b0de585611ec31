/*
 * refs.h - what a REF on a command line means.
 *
 *   64 hex digits             an id
 *   NAME                      its newest version that has not expired
 *   8 hex digits or more      the beginning of an id, if no name is that
 *   NAME@N  NAME@-1           version N; the one before the newest
 *   NAME@{TIME}               the newest as of then
 *   REF:PATH  REF:            inside a tree or snapshot; its root
 *
 * Names come before prefixes.  An id that is in several classes means its
 * content, then a snapshot, tree, version, chunk (class data), piece.  A
 * prefix means an object, if it begins the id of one, before any chunk or
 * piece.  Digits of ids and prefixes may be upper-case.  Versions whose expiry
 * has passed, and what is not counted, are absent; so is what nothing but
 * expired versions counts, of which one is unnamed.
 *
 * @-1 counts the versions that there are, not numbers.  A TIME ends at '}' and
 * may hold ':'.  64 hex digits take @N, @-N and @{TIME} too: they mean the
 * version that an object put without a name has.
 */
#ifndef REFS_H
#define REFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "digest.h"
#include "fault.h"
#include "structure.h"

/* A REF, taken apart without a store; all from malloc. */
struct ref {
	char *base; /* name, id or prefix */
	enum { REF_NEWEST, REF_NUMBER, REF_BACK, REF_TIME } which;
	uint64_t number; /* N, or how many back */
	int64_t time;    /* ns */
	bool has_path;
	char *path; /* behind ':', without leading, trailing and doubled '/'
	             * and without "."; a ".." is refused */
};

void ref_release(struct ref *r);

/* now: for relative times.  BLK_INVALID with the reason; *r is empty then. */
MUST_USE enum blk_status ref_parse(
    const char *text, int64_t now, struct ref *r, struct fault *why);

/* What it means in a catalog (the path is not followed here). */
struct ref_target {
	struct digest id;
	enum class class;
	bool is_version; /* of a name (or of an unnamed object) */
	struct catalog_version version; /* then: owned */
};

void ref_target_release(struct ref_target *t);

/*
 * Returns: BLK_OK; BLK_ABSENT (the fault says what) or, where that is not
 *          sure, BLK_CORRUPT (see ref_absent); BLK_INVALID: an ambiguous
 *          prefix, candidates in the fault's text and, with
 *          candidates not NULL, up to 16 of them there.
 *          After any but BLK_OK nothing is to be released.
 */
struct ref_candidates {
	struct digest id[16];
	size_t count;
};

MUST_USE enum blk_status ref_resolve(struct catalog *c, const struct ref *r,
    int64_t now, struct ref_target *t, struct ref_candidates *candidates,
    struct fault *why);

/* Parse and resolve; after any but BLK_OK r and t are empty. */
MUST_USE enum blk_status ref_find(struct catalog *c, const char *text,
    int64_t now, struct ref *r, struct ref_target *t, struct fault *why);

/*
 * Nothing was found: BLK_ABSENT, saying "NAME WHAT"; but BLK_CORRUPT where the
 * catalog is not whole, so that what it does not hold may be in the store.
 */
enum blk_status ref_absent(
    struct catalog *c, const char *name, const char *what, struct fault *why);

/* Has v expired at now? */
bool version_has_expired(const struct version *v, int64_t now);

/*
 * The newest unexpired version of a name.  BLK_ABSENT; *v is the caller's to
 * release.
 */
MUST_USE enum blk_status ref_newest(struct catalog *c, const char *name,
    int64_t now, struct catalog_version *v, struct fault *why);

/*
 * Does a glob match a name?  For PATTERN: * ? [a-z] [!a-z] [^a-z], each of
 * which takes '/' too, by characters of UTF-8; a backslash makes the next
 * one ordinary, and a '[' without ']' is.
 */
bool ref_glob(const char *pattern, const char *name);

#endif

/*
 * put-pending.h - what a batch has done and not committed: versions to make
 * and to drop, and what REFs mean with these in mind.
 */
#ifndef PUT_PENDING_H
#define PUT_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "idmap.h"
#include "lookup.h"
#include "refs.h"
#include "store.h"
#include "versions.h"

/* Where an add stands in the chains of its name and of its content: the
 * number of the one before plus 1, or 0. */
struct pending_link {
	size_t name, content;
};

struct pending {
	struct store *s; /* borrowed */
	struct hasher *hash;
	struct naming *add;
	struct pending_link *link; /* as many */
	size_t adds, adds_cap, links_cap;
	struct digest *drop; /* ids of versions */
	size_t drops, drops_cap;
	uint64_t bytes;
	struct idmap map; /* ends of chains, and more; see put-pending.c */
};

/* What a REF means. */
struct pending_target {
	struct lookup l;
	bool fresh; /* its version is add[add] */
	size_t add;
	bool has_version; /* its version is vid, which is committed */
	struct digest vid;
};

MUST_USE enum blk_status pending_init(
    struct pending *p, struct store *s, struct fault *why);
void pending_release(struct pending *p);
/* It was committed, or aborted. */
void pending_clear(struct pending *p);

/* Make a version of name (NULL: unnamed), which is copied. */
MUST_USE enum blk_status pending_add(struct pending *p, const char *name,
    const struct lookup *l, struct fault *why);

/*
 * Find what text means once all this is committed; its path is followed.
 *
 * Returns: as lookup_ref.
 */
MUST_USE enum blk_status pending_find(struct pending *p, const char *text,
    struct pending_target *t, struct fault *why);

/* Drop the version of a target.  BLK_ABSENT when it has none. */
MUST_USE enum blk_status pending_drop(
    struct pending *p, const struct pending_target *t, struct fault *why);

#endif

/*
 * lookup.h - what a REF means to a command: the content, tree or snapshot
 * behind it, inside of trees too.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "refs.h"
#include "store.h"
#include "structure.h"

struct lookup {
	enum class class; /* content, tree or snapshot */
	struct digest id;
	uint64_t size; /* bytes of content; of a snapshot: of its files */
};

/*
 * Find what text means.  The id of a version stands for what the version is
 * of.
 *
 * Returns: BLK_OK; BLK_ABSENT (the fault says what); BLK_INVALID: malformed,
 *          ambiguous, a path into what has no inside, or a piece; BLK_CORRUPT;
 * BLK_FAILED.
 */
MUST_USE enum blk_status lookup_ref(
    struct store *s, const char *text, struct lookup *l, struct fault *why);

/* The same for a REF that was resolved already; its path is not followed. */
MUST_USE enum blk_status lookup_target(struct store *s, const char *text,
    const struct ref_target *t, struct lookup *l, struct fault *why);

/*
 * Go down to path, names joined by '/', from the tree or snapshot that *l is;
 * "": its root.  text is for messages.  Returns as lookup_ref.
 */
MUST_USE enum blk_status lookup_path(struct store *s, const char *path,
    const char *text, struct lookup *l, struct fault *why);

/* Fill l->size; ABSENT when the content is not there. */
MUST_USE enum blk_status lookup_size(
    struct store *s, struct lookup *l, struct fault *why);

#endif

/*
 * usage.h - what versions and objects cost, and what dropping them would
 * free, worked out from the reference counts: no data is read.
 *
 * What is asked about is walked through its structure.  Beside it runs what
 * dropping it would do: counts are taken down in memory as a commit would take
 * them down in the catalog, and what comes to zero is followed further.
 *
 * Plain bytes are exact.  Stored bytes are shares: an object of n of the N
 * plain bytes of a frame takes n/N of what the frame takes in its segment; the
 * segment's header and table are nobody's.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "store.h"
#include "structure.h"

/*
 * What it is about, together: one reference of each, as a version is one to
 * itself.  (id, CLASS_VERSION) is what dropping that version takes away.
 */
struct usage_root {
	struct digest id;
	enum class class;
};

/* Each chunk, and each structure, counts once, however often it is met. */
struct usage {
	uint64_t data;         /* plain bytes of chunks below the roots */
	uint64_t unique;       /* of these, bytes that would be freed */
	uint64_t structure;    /* bytes of lists, trees, versions ... */
	uint64_t stored;       /* what data and structure take */
	uint64_t freed;        /* plain bytes that would be freed, of both */
	uint64_t freed_stored; /* what those take */
	uint64_t freed_objects;
};

struct usage_options {
	/* Follow only what would be freed: data, structure and stored then
	 * cover no more than that. */
	bool only_freed;
	uint64_t max_memory; /* of the maps; 0: no bound */
};

/*
 * Returns: BLK_OK; BLK_FAILED, also when max_memory is not enough, which the
 *          fault says; BLK_CORRUPT when a structure cannot be read, or the
 *          counts of the index are unsound.
 */
MUST_USE enum blk_status usage_of(struct store *s,
    const struct usage_root *root, size_t roots, const struct usage_options *o,
    struct usage *u, struct fault *why);

#endif

/*
 * holders.h - which versions, and which paths in them, refer to objects that
 * are asked for: a walk down from the versions.  Structure is read, no data.
 */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "catalog.h"
#include "digest.h"
#include "fault.h"
#include "store.h"
#include "structure.h"

struct holders_place {
	const struct catalog_version *version;
	const char *path; /* in its tree; NULL: the version itself */
	struct digest id; /* what is referred to there */
	enum class class;
	bool unreadable; /* it is structure that cannot be read; nobody knows
	                  * what is below it */
};

struct holders_options {
	bool contents; /* look at the chunks of contents, too */
	/*
	 * Look at each structure once, by whatever way comes first, the newest
	 * versions before all others: then each line that counts a reference
	 * is one place.  Otherwise what is wanted is told for all the ways to
	 * it.
	 */
	bool once;
	int64_t now; /* leave out what expired by then; 0: nothing */
	/*
	 * For remembering what need not be looked at again; 0: no bound.  When
	 * that is reached, some is looked at, and told, again.
	 */
	uint64_t max_memory;

	/* Nothing is looked for below what is wanted. */
	bool (*wanted)(void *arg, const struct digest *id, enum class class);
	enum blk_status (*found)(
	    void *arg, const struct holders_place *p, struct fault *why);
	bool (*enough)(void *arg); /* true ends the walk; or NULL */
	void *arg;
};

/*
 * Tell what refers to objects that are wanted.
 *
 * Returns: BLK_OK; BLK_FAILED; what found returned.
 */
MUST_USE enum blk_status holders_each(
    struct store *s, const struct holders_options *o, struct fault *why);

#endif

/*
 * claims.h - what processes were told, and whether it is true in the end.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "world.h"

/* A commit was acknowledged: exit 0. */
void claim_commit(struct world *w, const struct store_outcome *out);
/* ... and with it a version. */
void claim_version(
    struct world *w, const struct digest *vid, const struct version *v);
void claim_drop(struct world *w, const struct digest *vid);
/* Somebody tried to drop a version, acknowledged or not. */
void claim_tried(struct world *w, const struct digest *vid);
/* Users dropped an unnamed object, or tried. */
void claim_removed(struct world *w, const char *name);
void claims_free(struct world *w);

/*
 * Is all of it true?  Asks a fresh store with a fresh catalog, and all hosts;
 * what is not becomes world_broken.  Every process must be done.  Returns a
 * check over the dump of the fresh catalog.
 */
uint64_t audit(struct world *w);

/* Is all below a version there, and right?  *what names what is not. */
bool audit_version(struct store *s, const struct digest *vid, char what[200]);

/* Everything that a catalog says and that is a function of the log. */
enum blk_status dump_catalog(struct store *s, struct buf *b, struct fault *why);

#endif

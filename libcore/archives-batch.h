/*
 * archives-batch.h - small files of an archive, stored by several threads.
 *
 * One thread reads an archive.  It puts the bytes of small files, one behind
 * the other, into batches, each of which one worker then stores whole, in a
 * lane of its own: what lies together in the archive lies together in the
 * store, and the ids come back later.
 */
#ifndef ARCHIVES_BATCH_H
#define ARCHIVES_BATCH_H

#include "archives-names.h"
#include "writer.h"

#define BATCH_FILE ((size_t)512 << 10) /* files up to this are small */

struct batches;

/*
 * Workers use the lanes of w from 1 to jobs; the reader has lane 0.  The ids
 * go into the files of n, which only the reader touches.
 *
 * Ownership: *out is the caller's, to batches_free before w is closed.
 */
MUST_USE enum blk_status batches_new(struct writer *w, unsigned jobs,
    struct names *n, struct batches **out, struct fault *why);
void batches_free(struct batches *b); /* gives up what is not stored yet */

/* Room for need <= BATCH_FILE bytes, borrowed until the next call. */
MUST_USE enum blk_status batches_room(
    struct batches *b, size_t need, uint8_t **room, struct fault *why);
/* What was written to the room, len bytes, is the content of n->file[file].
 * Without this call the room is given away again. */
MUST_USE enum blk_status batches_add(
    struct batches *b, size_t len, uint32_t file, struct fault *why);
/* Wait until all is stored, and every id known: w may be committed then.
 * NULL: there is nothing. */
MUST_USE enum blk_status batches_finish(struct batches *b, struct fault *why);

#endif

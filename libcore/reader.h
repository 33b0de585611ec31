/*
 * reader.h - content out of a store, verified as it leaves.
 *
 * Every chunk is hashed before its bytes are handed on, and a whole object
 * once more against its own id.  A copy that is damaged when read a second
 * time is noted in the catalog, and another copy is tried.  A segment that is
 * missing is looked for again after a sync: who is no longer referenced is
 * absent.  An index that is unsound is made again, once.
 *
 * An object of class content is found too when it is only counted as data: a
 * chunk of a list is an object as any other.
 *
 * Memory: a quarter of the store's max_memory for what is decoded ahead,
 * a frame and a piece a level above it; besides what the store's caches take.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "store.h"
#include "structure.h"

#define READER_ALL UINT64_MAX

typedef enum blk_status reader_sink(
    void *arg, const void *data, size_t len, struct fault *why);

/*
 * The size of a counted object of class content, as the catalog or its list
 * says: nothing is verified.  BLK_ABSENT when it is not counted.
 */
MUST_USE enum blk_status reader_size(struct store *s, const struct digest *id,
    uint64_t *size, struct fault *why);

/*
 * Hand the bytes [offset, offset + len) of an object to sink, in order and in
 * the calling thread; len READER_ALL: to its end.  jobs: threads that decode
 * ahead (1: none).
 *
 * A part is checked chunk by chunk; that the chunks are those of the object,
 * only the hash of the whole can prove.
 *
 * Returns: BLK_OK; BLK_ABSENT: not counted; BLK_INVALID: offset or a given
 *          offset + len beyond its end; BLK_CORRUPT: nothing wrong was handed
 *          on, or (found at the very end of a whole object) all of it was;
 *          BLK_FAILED; what sink returned.
 */
MUST_USE enum blk_status reader_content(struct store *s,
    const struct digest *id, uint64_t offset, uint64_t len, unsigned jobs,
    reader_sink *sink, void *arg, struct fault *why);

/* The bytes of a small object, appended to b: BLK_INVALID above b->max.  b is
 * as before on any return but BLK_OK. */
MUST_USE enum blk_status reader_slurp(
    struct store *s, const struct digest *id, struct buf *b, struct fault *why);

/*
 * The lines of a structure (tree, snapshot, version, piece; class content: a
 * list), pieces followed; each without its LF.  Own hashes are checked before
 * a line is handed on; a list has none.
 *
 * Returns: as reader_content; BLK_INVALID: it is data.
 */
MUST_USE enum blk_status reader_lines(struct store *s, const struct digest *id,
    enum class class,
    enum blk_status (*line)(void *arg, struct span line, struct fault *why),
    void *arg, struct fault *why);

/* The same joined, with the LFs, appended to b; which is as before on any
 * return but BLK_OK. */
MUST_USE enum blk_status reader_text(struct store *s, const struct digest *id,
    enum class class, struct buf *b, struct fault *why);

/*
 * One chunk of a content walk: where it lies in the object and which copy
 * answers.  For blk-ls --chunks, restore plans and checks.  An object that is
 * data is one chunk, also the empty one.  Nothing but lists is read.
 * BLK_CORRUPT for a chunk without a copy.  visit must not sync the store.
 */
struct reader_chunk {
	uint64_t offset;
	uint32_t length;
	struct digest id;
	struct catalog_copy copy;
};

MUST_USE enum blk_status reader_chunks(struct store *s, const struct digest *id,
    enum blk_status (*visit)(
        void *arg, const struct reader_chunk *c, struct fault *why),
    void *arg, struct fault *why);

#endif

/*
 * writer.h - content into a store: cut, hash, look up, frame, compress,
 * compare, publish.
 *
 * A writer has lanes, one for each worker thread; a lane is used by one
 * thread at a time and fills its own segments, so that nothing waits on the
 * way but the lookups.  What all lanes wrote is committed at once.
 *
 * Objects up to the chunker's minimum, and those that come out as one chunk,
 * are data; longer ones a list of chunks.  Those of up to about a MiB wait in
 * their lane, hashed, to be looked up together: what is there is never cut.
 *
 * Full data segments are published as they fill, and committed early, without
 * references, every GiB or minute (design 8, Put).  Structure waits for the
 * commit that refers to it: small amounts of it, and of data, lie in the
 * commit file itself.
 *
 * A long stream is worked on by as many threads as there are lanes.  What
 * fails in one lane fails in all from then on: only writer_abort and
 * writer_close help.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "segment.h"
#include "store.h"
#include "text.h"

#define WRITER_INLINE ((size_t)256 << 10)   /* plain bytes a commit carries */
#define WRITER_ROOM (((size_t)1 << 20) + 1) /* bytes that lane_room has */

struct writer;
struct lane;

struct writer_options {
	unsigned lanes; /* 1.. */
	bool no_dedup;  /* fixed 64 KiB pieces, nothing is looked up */
	bool new_lists; /* lists are written anew where the object is there,
	                 * too: to cut it by the store's sizes */
	uint64_t max_memory;     /* bytes, for all lanes */
	size_t frame_size;       /* plain bytes; 0: the store's setting */
	const char *compression; /* "zstd:9"; NULL: the store's setting */
};

struct writer_totals {      /* atomic: may be read by a progress thread */
	uint64_t bytes;     /* taken in */
	uint64_t objects;   /* chunks and structures, stored or found; of an
	                     * object that was found whole, one */
	uint64_t new_bytes; /* plain, that were not there */
	uint64_t new_objects;
	uint64_t new_data, new_trees; /* of these: chunks; trees, whole */
	uint64_t stored_bytes;        /* of segments and commits, written */
	uint64_t failed_lookups;      /* taken for misses; said once */
};

MUST_USE enum blk_status writer_open(struct store *s,
    const struct writer_options *o, struct writer **out, struct fault *why);
/* What is not committed is given up.  NULL: does nothing. */
void writer_close(struct writer *w);

/* Borrowed; i < lanes. */
struct lane *writer_lane(struct writer *w, unsigned i);
void writer_totals(const struct writer *w, struct writer_totals *t);

/* --- objects, by a lane --- */

/* Store len bytes as one object of class content. */
MUST_USE enum blk_status lane_put(struct lane *l, const void *data, size_t len,
    struct digest *id, struct fault *why);

/*
 * Room in the lane for len <= WRITER_ROOM bytes: what is read to there, and
 * put from there by the next call of this lane, is not copied.  Borrowed
 * until that call.  BLK_INVALID for more, which fails the writer as any call.
 */
MUST_USE enum blk_status lane_room(
    struct lane *l, size_t len, void **room, struct fault *why);

/*
 * Store a stream: begin, add any number of times, end.  One at a time in a
 * lane; the next begin forgets one that was not ended.
 *
 * lane_end: the id and size of all that was added.
 */
MUST_USE enum blk_status lane_begin(struct lane *l, struct fault *why);
MUST_USE enum blk_status lane_add(
    struct lane *l, const void *data, size_t len, struct fault *why);
/*
 * Room for the next bytes of the stream, at least one: what is read to there,
 * and added from there by the next call of this lane, is not copied.  Borrowed
 * until that call.
 */
MUST_USE enum blk_status lane_add_room(
    struct lane *l, void **room, size_t *len, struct fault *why);
MUST_USE enum blk_status lane_end(
    struct lane *l, struct digest *id, uint64_t *size, struct fault *why);

/*
 * Store a structure (tree, snapshot), cut into pieces if it is long.  What
 * it refers to must have been stored or found by this writer, or named to
 * writer_rely.  Reused when it is there and counted (R5).
 */
MUST_USE enum blk_status lane_structure(struct lane *l, enum kind kind,
    const void *text, size_t len, struct digest *id, struct fault *why);

/*
 * The same, of lines with their LF, as they come: begin, add any number, end.
 * One at a time in a lane, beside its stream; the next begin, or
 * lane_structure, forgets one that was not ended.
 */
MUST_USE enum blk_status lane_text_begin(struct lane *l, struct fault *why);
MUST_USE enum blk_status lane_text_line(
    struct lane *l, struct span line, struct fault *why);
MUST_USE enum blk_status lane_text_end(
    struct lane *l, enum kind kind, struct digest *id, struct fault *why);

/*
 * Say that what is written refers to a structure (or object) that was there
 * before: it is checked (R5) now and again at the commit.
 *
 * *reusable is false when it must be stored again.  May be called by several
 * threads at once.
 */
MUST_USE enum blk_status writer_rely(struct writer *w, const struct digest *id,
    enum class class, bool *reusable, struct fault *why);

/*
 * Read back an object of this writer that is not committed yet, appended to
 * b.  BLK_ABSENT when it is not this writer's, nor data that it may have found
 * in the store.  Data of the store is not verified.  No lane may be busy.
 */
MUST_USE enum blk_status writer_peek(struct writer *w, const struct digest *id,
    enum class class, struct buf *b, struct fault *why);

/* --- the end --- */

/*
 * Commit all that the lanes wrote, with the names that decide decides (see
 * struct store_draft).  No lane may be busy.  The writer is empty again and
 * may go on.  out->number is 0 when there was nothing to say.
 */
MUST_USE enum blk_status writer_commit(struct writer *w,
    enum blk_status (*decide)(
        void *arg, struct store *s, struct commit *k, struct fault *why),
    void *arg, struct store_outcome *out, struct fault *why);

/* Forget all that was written since the last commit. */
MUST_USE enum blk_status writer_abort(struct writer *w, struct fault *why);

#endif

/*
 * frames.h - tables and objects out of published segments, cached.
 *
 * Segments never change, so what was read once may be kept: parsed tables and
 * decoded frames, least recently used ones leaving first when a bound is
 * passed.  May be used by several threads at once.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "segment.h"

struct frames;

/* Where a segment is. */
struct frames_place {
	struct digest id; /* SHA-256 of the file */
	uint64_t bytes;   /* of the file */
	uint64_t commit;  /* with in_log: the file is log/<commit> */
	bool in_log;
};

/* max: bytes of memory for what is not in use at the moment. */
MUST_USE enum blk_status frames_new(
    struct backend *b, size_t max, struct frames **out, struct fault *why);
void frames_free(struct frames *f); /* NULL: does nothing */

/* Another bound from now on: for who reads everything once, and needs the
 * memory elsewhere. */
void frames_limit(struct frames *f, size_t max);

/*
 * The table of a segment.
 *
 * Returns:   BLK_OK; BLK_ABSENT when the file is gone; BLK_CORRUPT;
 *            BLK_FAILED, also for a newer format.
 * Ownership: borrowed until frames_release.
 */
MUST_USE enum blk_status frames_table(struct frames *f,
    const struct frames_place *p, const struct segment_table **t,
    struct fault *why);
void frames_release(struct frames *f, const struct segment_table *t);

/*
 * Append the bytes of object[ordinal] to b.  Its id and kind in the
 * segment's own table must be as given (R6), else BLK_CORRUPT; the bytes
 * are not hashed, nor, where a small part of a raw frame is read, checked.
 * Returns as frames_table.
 */
MUST_USE enum blk_status frames_read(struct frames *f,
    const struct frames_place *p, uint32_t ordinal, const struct digest *id,
    enum kind kind, struct buf *b, struct fault *why);

/*
 * As frames_read, for the first object that is wanted of a segment, which may
 * be the only one: of a frame no more is decoded than must be, nor kept, and of
 * a long table no more read than a glance (segment_glance).  For who hashes
 * what comes: nothing else says that these are its bytes.  False, with b as
 * before: that is for frames_read, which can say why.
 */
MUST_USE bool frames_glance(struct frames *f, const struct frames_place *p,
    uint32_t ordinal, const struct digest *id, enum kind kind, struct buf *b);

/*
 * Read a frame's stored bytes, unchecked, into buf (fr->stored bytes long).
 * Not cached: for collectors and restores that read each frame once.
 */
MUST_USE enum blk_status frames_stored(struct frames *f,
    const struct frames_place *p, const struct segment_frame *fr, void *buf,
    struct fault *why);

/* Forget what is cached of a segment (it was condemned, or is damaged). */
void frames_forget(struct frames *f, const struct digest *segment);

#endif

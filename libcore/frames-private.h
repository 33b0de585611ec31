/*
 * frames-private.h - what the files of the room frames share.
 */
#ifndef FRAMES_PRIVATE_H
#define FRAMES_PRIVATE_H

#include "frames.h"

/* Read exactly len bytes of a segment file.  Returns as frames_table. */
MUST_USE enum blk_status frames_range(struct frames *f,
    const struct frames_place *p, uint64_t offset, void *buf, size_t len,
    struct fault *why);

/* Check and decode a frame into out, which has room for fr->plain bytes; or,
 * unless o is NULL, this object of it, into o->length bytes.  stored: its
 * bytes; NULL: they are read.  Returns as frames_table. */
MUST_USE enum blk_status frames_decode(struct frames *f,
    const struct frames_place *p, const struct segment_frame *fr,
    const struct segment_object *o, const uint8_t *stored, void *out,
    struct fault *why);

/* Is nothing cached of the segment's table, and was this not asked before, or
 * long ago? */
bool frames_glance_first(struct frames *f, const struct digest *segment);

#endif

/*
 * segment-build.h - what a builder holds, for segment-build.c, which collects
 * frames, and segment-seal.c, which ends the file.
 */
#ifndef SEGMENT_BUILD_H
#define SEGMENT_BUILD_H

#include "segment.h"

/*
 * The most bytes that the count of frames, a frame and an object can take in
 * a table: every length and every count is below 2^28, a varint of 4 bytes.
 */
#define SEGMENT_COUNT_MAX 4
#define SEGMENT_FRAME_ENTRY (4 + 4 + 1 + 4 + 8)
#define SEGMENT_OBJECT_ENTRY (DIGEST_LEN + 1 + 4)

#define SEGMENT_NONE UINT32_MAX

struct segment_builder {
	struct segment_origin origin;
	struct segment_options opt;
	struct codec_state *codecs;
	struct hasher *hash;

	struct buf file;    /* header and ended frames; sealed: all of it */
	struct buf open;    /* plain bytes of the open frame */
	struct buf scratch; /* plain bytes of frame number decoded */
	uint32_t decoded;   /* SEGMENT_NONE: of none */

	struct segment_frame *frame;   /* ended ones */
	struct segment_object *object; /* those of the open frame last */
	size_t frame_cap, object_cap;
	uint32_t frames, objects;
	uint32_t ended; /* object[ended..] are in the open frame */

	unsigned raw_run; /* data frames tried in vain since one packed well */
	unsigned passed;  /* data frames not tried since the last that was */
	bool sealed;
};

#endif

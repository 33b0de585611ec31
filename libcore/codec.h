/*
 * codec.h - ways to hold a frame's bytes on disk.
 *
 * To add one: a tag below, a new file codec-NAME.c with one const struct
 * codec, one line in the table in codec.c, one row in tests/unit/codec.c.
 * Nothing else in the tree names a codec.  A tag, once used, is never given
 * another meaning.
 */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum codec_tag {
	CODEC_RAW = 0,
	CODEC_ZSTD = 1, /* one Zstandard frame, RFC 8878 */
	CODEC_LZ4 = 2,  /* one LZ4 frame, LZ4 frame format 1.6 */
	CODEC_GZIP = 3, /* one gzip member, RFC 1952 */
};

/* The most plain bytes that any codec packs at once, or unpacks. */
#define CODEC_PLAIN_MAX ((size_t)1 << 30)

/*
 * The contexts that codecs keep between calls: one for each worker, used by
 * one thread at a time.  Made empty; a codec makes its own part when it is
 * first used.
 */
struct codec_state;
MUST_USE enum blk_status codec_state_new(
    struct codec_state **out, struct fault *why);
void codec_state_free(struct codec_state *s); /* NULL: does nothing */

struct codec {
	const char *name; /* as in --compression NAME[:LEVEL] */
	uint8_t tag;
	int level_min, level_max, level_default; /* all 0: takes none */

	/* The most pack can need for len bytes; 0 above CODEC_PLAIN_MAX. */
	size_t (*bound)(size_t len);

	/*
	 * Write in[len] to out, which has room for *outlen bytes; set
	 * *outlen.  level lies within the codec's range.  BLK_INVALID when it
	 * does not fit, or len is too much; BLK_FAILED for want of memory.
	 * out holds anything then.
	 */
	enum blk_status (*pack)(struct codec_state *s, int level,
	    const void *in, size_t len, void *out, size_t *outlen,
	    struct fault *why);

	/*
	 * The reverse, into exactly outlen bytes.  in is not trusted: any
	 * disagreement, also bytes left over, is BLK_CORRUPT, and nothing
	 * past out[outlen] is written; BLK_FAILED for want of memory.
	 */
	enum blk_status (*unpack)(struct codec_state *s, const void *in,
	    size_t len, void *out, size_t outlen, struct fault *why);

	/*
	 * Optional; NULL where unpack has to do.  As unpack, but only the n
	 * plain bytes from from on, n > 0, which lie within outlen, into
	 * exactly n bytes.  What lies behind them is not decoded, so that
	 * damage to it may pass.
	 */
	enum blk_status (*unpack_part)(struct codec_state *s, const void *in,
	    size_t len, size_t outlen, size_t from, void *out, size_t n,
	    struct fault *why);
};

/* NULL when there is no such codec. */
const struct codec *codec_by_name(const char *name);
const struct codec *codec_by_tag(uint8_t tag);
/* The i-th codec, NULL behind the last: for help texts and tests. */
const struct codec *codec_at(size_t i);

/*
 * Parse "zstd", "zstd:9", "none" ... ("none" is raw).  BLK_INVALID names
 * what is wrong; a level outside the codec's range too.
 */
MUST_USE enum blk_status codec_parse(const char *text,
    const struct codec **codec, int *level, struct fault *why);

#endif

/*
 * One LZ4 frame with its content size and no checksum: the segment's table
 * has one.
 */

#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>

#include "bytes.h"
#include "codec-internal.h"

#define LZ4_MAGIC 0x184d2204u

struct part {
	LZ4F_cctx *pack; /* NULL until used, as is the next */
	LZ4F_dctx *unpack;
	uint8_t *scratch; /* for output that may not fit */
	size_t scratch_len;
};

void
codec_lz4_free(void *part)
{
	struct part *p = part;

	if (p == NULL)
		return;
	LZ4F_freeCompressionContext(p->pack);
	LZ4F_freeDecompressionContext(p->unpack);
	free(p->scratch);
	free(p);
}

/* The smallest blocks that hold len bytes in one: what a reader allocates. */
static LZ4F_blockSizeID_t
block_size(size_t len)
{
	if (len <= 64 * 1024)
		return LZ4F_max64KB;
	if (len <= 256 * 1024)
		return LZ4F_max256KB;
	return len <= 1024 * 1024 ? LZ4F_max1MB : LZ4F_max4MB;
}

static LZ4F_preferences_t
preferences(size_t len, int level)
{
	LZ4F_preferences_t prefs = LZ4F_INIT_PREFERENCES;

	prefs.frameInfo.blockSizeID = block_size(len);
	prefs.frameInfo.contentSize = len;
	prefs.compressionLevel = level;
	prefs.autoFlush = 1;
	return prefs;
}

static size_t
lz4_bound(size_t len)
{
	LZ4F_preferences_t prefs = preferences(len, 0);

	return len <= CODEC_PLAIN_MAX ? LZ4F_compressFrameBound(len, &prefs)
	                              : 0;
}

/* The three calls of a frame, into room that is enough; *outlen is set. */
static enum blk_status
frame(struct part *p, const LZ4F_preferences_t *prefs, const void *in,
    size_t len, uint8_t *out, size_t room, size_t *outlen, struct fault *why)
{
	size_t used = 0, n = LZ4F_compressBegin(p->pack, out, room, prefs);

	if (!LZ4F_isError(n) && len > 0) {
		used += n;
		n = LZ4F_compressUpdate(
		    p->pack, out + used, room - used, in, len, NULL);
	}
	if (!LZ4F_isError(n)) {
		used += n;
		n = LZ4F_compressEnd(p->pack, out + used, room - used, NULL);
	}
	if (LZ4F_isError(n))
		return fault(why, BLK_FAILED, "lz4: %s", LZ4F_getErrorName(n));
	*outlen = used + n;
	return BLK_OK;
}

static enum blk_status
scratch_reserve(struct part *p, size_t len, struct fault *why)
{
	if (len <= p->scratch_len)
		return BLK_OK;
	free(p->scratch);
	p->scratch_len = 0;
	p->scratch = malloc(len);
	if (p->scratch == NULL)
		return fault_nomem(why);
	p->scratch_len = len;
	return BLK_OK;
}

/* NULL when memory runs out. */
static struct part *
part_for_pack(struct codec_state *s)
{
	struct part *p = codec_part(s, CODEC_LZ4, sizeof(*p));

	if (p != NULL && p->pack == NULL &&
	    LZ4F_isError(LZ4F_createCompressionContext(&p->pack, LZ4F_VERSION)))
		return NULL;
	return p;
}

/* liblz4 wants room for the worst case: with less, go through scratch. */
static enum blk_status
lz4_pack(struct codec_state *s, int level, const void *in, size_t len,
    void *out, size_t *outlen, struct fault *why)
{
	size_t bound = lz4_bound(len), used = 0;
	LZ4F_preferences_t prefs = preferences(len, level);
	struct part *p = part_for_pack(s);
	enum blk_status st;

	if (p == NULL)
		return fault_nomem(why);
	if (bound == 0)
		return codec_no_room(why);
	if (*outlen >= bound)
		return frame(p, &prefs, in, len, out, *outlen, outlen, why);
	st = scratch_reserve(p, bound, why);
	if (st == BLK_OK)
		st = frame(p, &prefs, in, len, p->scratch, bound, &used, why);
	if (st != BLK_OK)
		return st;
	if (used > *outlen)
		return codec_no_room(why);
	memcpy(out, p->scratch, used);
	*outlen = used;
	return BLK_OK;
}

/* Ready for a new frame; NULL when memory runs out. */
static struct part *
part_for_unpack(struct codec_state *s)
{
	struct part *p = codec_part(s, CODEC_LZ4, sizeof(*p));

	if (p != NULL && p->unpack != NULL)
		LZ4F_resetDecompressionContext(p->unpack);
	else if (p != NULL &&
	    LZ4F_isError(
	        LZ4F_createDecompressionContext(&p->unpack, LZ4F_VERSION)))
		return NULL;
	return p;
}

/* The public header has names for liblz4's errors, but no numbers. */
static enum blk_status
refused(size_t error, struct fault *why)
{
	const char *name = LZ4F_getErrorName(error);

	if (strcmp(name, "ERROR_allocation_failed") == 0)
		return fault_nomem(why);
	return codec_damaged(why, &codec_lz4, name);
}

static enum blk_status
lz4_unpack(struct codec_state *s, const void *in, size_t len, void *out,
    size_t outlen, struct fault *why)
{
	const LZ4F_decompressOptions_t options = { .stableDst = 1 };
	struct cursor c = cursor_of(in, len);
	size_t rest = 1, produced = 0, written, read;
	struct part *p = part_for_unpack(s);

	if (p == NULL)
		return fault_nomem(why);
	/* Also excludes the frames that decoders skip. */
	if (cursor_le32(&c) != LZ4_MAGIC || outlen > CODEC_PLAIN_MAX)
		return codec_damaged(why, &codec_lz4, "no such frame");
	c = cursor_of(in, len);
	do {
		written = outlen - produced;
		read = cursor_left(&c);
		rest = LZ4F_decompress(p->unpack,
		    out != NULL ? (uint8_t *)out + produced : NULL, &written,
		    c.p, &read, &options);
		if (LZ4F_isError(rest))
			return refused(rest, why);
		produced += written;
		cursor_take(&c, read);
	} while (rest != 0 && (written > 0 || read > 0));
	if (rest != 0 || cursor_left(&c) > 0 || produced != outlen)
		return codec_damaged(why, &codec_lz4,
		    "cut short, another length, or bytes behind its end");
	return BLK_OK;
}

const struct codec codec_lz4 = {
	.name = "lz4",
	.tag = CODEC_LZ4,
	.level_min = 0,
	.level_max = 12,
	.level_default = 1,
	.bound = lz4_bound,
	.pack = lz4_pack,
	.unpack = lz4_unpack,
};

/*
 * One Zstandard frame with its content size and no checksum: the segment's
 * table has one.
 */

#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "bytes.h"
#include "codec-internal.h"

struct part {
	ZSTD_CCtx *pack; /* NULL until used, as is the next */
	ZSTD_DCtx *unpack;
	int level; /* that pack is set to; 0: none yet */
};

void
codec_zstd_free(void *part)
{
	struct part *p = part;

	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->pack);
	ZSTD_freeDCtx(p->unpack);
	free(p);
}

static size_t
zstd_bound(size_t len)
{
	return len <= CODEC_PLAIN_MAX ? ZSTD_compressBound(len) : 0;
}

/* Setting a level again makes zstd work its parameters out again. */
static enum blk_status
set_level(struct part *p, int level, struct fault *why)
{
	size_t rc;

	if (p->pack == NULL)
		p->pack = ZSTD_createCCtx();
	if (p->pack == NULL)
		return fault_nomem(why);
	if (p->level == level)
		return BLK_OK;
	rc = ZSTD_CCtx_setParameter(p->pack, ZSTD_c_compressionLevel, level);
	if (ZSTD_isError(rc))
		return fault(why, BLK_FAILED, "zstd level %d: %s", level,
		    ZSTD_getErrorName(rc));
	p->level = level;
	return BLK_OK;
}

static enum blk_status
zstd_pack(struct codec_state *s, int level, const void *in, size_t len,
    void *out, size_t *outlen, struct fault *why)
{
	struct part *p = codec_part(s, CODEC_ZSTD, sizeof(*p));
	enum blk_status st;
	size_t rc;

	if (p == NULL)
		return fault_nomem(why);
	if (len > CODEC_PLAIN_MAX)
		return codec_no_room(why);
	st = set_level(p, level, why);
	if (st != BLK_OK)
		return st;
	rc = ZSTD_compress2(p->pack, out, *outlen, in, len);
	if (ZSTD_getErrorCode(rc) == ZSTD_error_dstSize_tooSmall)
		return codec_no_room(why);
	if (ZSTD_isError(rc))
		return fault(
		    why, BLK_FAILED, "zstd: %s", ZSTD_getErrorName(rc));
	*outlen = rc;
	return BLK_OK;
}

/*
 * What ZSTD_decompressDCtx would let pass: frames of other kinds (skippable,
 * legacy), several frames, and any size below the room given.
 */
static const char *
misfit(const void *in, size_t len, size_t outlen)
{
	struct cursor c = cursor_of(in, len);

	if (cursor_le32(&c) != ZSTD_MAGICNUMBER)
		return "no such frame";
	if (ZSTD_getFrameContentSize(in, len) != outlen)
		return "another length";
	if (ZSTD_findFrameCompressedSize(in, len) != len)
		return "cut short, or bytes behind its end";
	return NULL;
}

static enum blk_status
broken(size_t rc, struct fault *why)
{
	if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
		return fault_nomem(why);
	return codec_damaged(why, &codec_zstd, ZSTD_getErrorName(rc));
}

/* Check what can be seen from outside, and have a context ready. */
static enum blk_status
unpack_begin(struct codec_state *s, const void *in, size_t len, size_t outlen,
    ZSTD_DCtx **out, struct fault *why)
{
	const char *wrong = misfit(in, len, outlen);
	struct part *p = codec_part(s, CODEC_ZSTD, sizeof(*p));

	if (wrong != NULL || outlen > CODEC_PLAIN_MAX)
		return codec_damaged(
		    why, &codec_zstd, wrong != NULL ? wrong : "too long");
	if (p != NULL && p->unpack == NULL)
		p->unpack = ZSTD_createDCtx();
	if (p == NULL || p->unpack == NULL)
		return fault_nomem(why);
	*out = p->unpack;
	return BLK_OK;
}

static enum blk_status
zstd_unpack(struct codec_state *s, const void *in, size_t len, void *out,
    size_t outlen, struct fault *why)
{
	ZSTD_DCtx *d = NULL;
	enum blk_status st = unpack_begin(s, in, len, outlen, &d, why);
	size_t rc;

	if (st != BLK_OK)
		return st;
	rc = ZSTD_decompressDCtx(d, out, outlen, in, len);
	if (ZSTD_isError(rc))
		return broken(rc, why);
	if (rc != outlen)
		return codec_damaged(why, &codec_zstd, "another length");
	return BLK_OK;
}

/* The next n bytes. */
static enum blk_status
stream(ZSTD_DCtx *d, ZSTD_inBuffer *in, void *out, size_t n, struct fault *why)
{
	ZSTD_outBuffer o = { out, n, 0 };
	size_t rc = 1;

	while (o.pos < n) {
		size_t before = o.pos + in->pos;

		rc = ZSTD_decompressStream(d, &o, in);
		if (ZSTD_isError(rc))
			return broken(rc, why);
		if (o.pos < n && (rc == 0 || o.pos + in->pos == before))
			return codec_damaged(
			    why, &codec_zstd, "another length");
	}
	return BLK_OK;
}

/* libzstd decodes block by block, 128 KiB at most, and hands out from there. */
static enum blk_status
zstd_unpack_part(struct codec_state *s, const void *in, size_t len,
    size_t outlen, size_t from, void *out, size_t n, struct fault *why)
{
	ZSTD_inBuffer i = { in, len, 0 };
	ZSTD_DCtx *d = NULL;
	enum blk_status st = unpack_begin(s, in, len, outlen, &d, why);
	uint8_t skipped[8192];

	if (st == BLK_OK)
		ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
	for (size_t left = from, take; st == BLK_OK && left > 0; left -= take) {
		take = left < sizeof(skipped) ? left : sizeof(skipped);
		st = stream(d, &i, skipped, take, why);
	}
	return st == BLK_OK ? stream(d, &i, out, n, why) : st;
}

const struct codec codec_zstd = {
	.name = "zstd",
	.tag = CODEC_ZSTD,
	.level_min = 1,
	.level_max = 19,
	.level_default = 3,
	.bound = zstd_bound,
	.pack = zstd_pack,
	.unpack = zstd_unpack,
	.unpack_part = zstd_unpack_part,
};

/* One gzip member without name or time: the same bytes give the same member. */

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "codec-internal.h"

#define GZIP_WINDOW (15 + 16) /* 32 KiB, and the format gzip */
#define GZIP_OVER_ZLIB 12     /* header and trailer, less those of zlib */
#define GZIP_MEMORY 8         /* zlib's default */

struct part {
	z_stream pack, unpack;
	int level;    /* that pack is made for; 0: it is not made */
	bool unpacks; /* unpack is made */
};

void
codec_gzip_free(void *part)
{
	struct part *p = part;

	if (p == NULL)
		return;
	if (p->level != 0)
		deflateEnd(&p->pack);
	if (p->unpacks)
		inflateEnd(&p->unpack);
	free(p);
}

static size_t
gzip_bound(size_t len)
{
	return len <= CODEC_PLAIN_MAX ? deflateBound(NULL, len) + GZIP_OVER_ZLIB
	                              : 0;
}

static enum blk_status
broken(struct fault *why, const z_stream *z, int rc)
{
	if (rc == Z_MEM_ERROR)
		return fault_nomem(why);
	return fault(
	    why, BLK_FAILED, "zlib: %s", z->msg != NULL ? z->msg : zError(rc));
}

/* Ready for a new member at this level. */
static enum blk_status
pack_begin(struct part *p, int level, struct fault *why)
{
	int rc;

	if (p->level == level) {
		rc = deflateReset(&p->pack);
		return rc == Z_OK ? BLK_OK : broken(why, &p->pack, rc);
	}
	if (p->level != 0)
		deflateEnd(&p->pack);
	p->level = 0;
	rc = deflateInit2(&p->pack, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
	    Z_DEFAULT_STRATEGY);
	if (rc != Z_OK)
		return broken(why, &p->pack, rc);
	p->level = level;
	return BLK_OK;
}

static uInt
clamp(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static enum blk_status
gzip_pack(struct codec_state *s, int level, const void *in, size_t len,
    void *out, size_t *outlen, struct fault *why)
{
	struct part *p = codec_part(s, CODEC_GZIP, sizeof(*p));
	enum blk_status st;
	int rc;

	if (p == NULL)
		return fault_nomem(why);
	if (len > CODEC_PLAIN_MAX || *outlen == 0)
		return codec_no_room(why);
	st = pack_begin(p, level, why);
	if (st != BLK_OK)
		return st;
	p->pack.next_in = in;
	p->pack.avail_in = (uInt)len;
	p->pack.next_out = out;
	p->pack.avail_out = clamp(*outlen);
	rc = deflate(&p->pack, Z_FINISH);
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return codec_no_room(why);
	if (rc != Z_STREAM_END)
		return broken(why, &p->pack, rc);
	*outlen = p->pack.total_out;
	return BLK_OK;
}

static enum blk_status
unpack_begin(struct part *p, struct fault *why)
{
	int rc = p->unpacks ? inflateReset(&p->unpack)
	                    : inflateInit2(&p->unpack, GZIP_WINDOW);

	if (rc != Z_OK)
		return broken(why, &p->unpack, rc);
	p->unpacks = true;
	return BLK_OK;
}

static enum blk_status
gzip_unpack(struct codec_state *s, const void *in, size_t len, void *out,
    size_t outlen, struct fault *why)
{
	struct part *p = codec_part(s, CODEC_GZIP, sizeof(*p));
	uint8_t nothing; /* zlib refuses NULL even for no bytes */
	enum blk_status st;
	int rc;

	if (outlen > CODEC_PLAIN_MAX || len > UINT_MAX || len == 0)
		return codec_damaged(why, &codec_gzip, "no such frame");
	if (p == NULL)
		return fault_nomem(why);
	st = unpack_begin(p, why);
	if (st != BLK_OK)
		return st;
	p->unpack.next_in = in;
	p->unpack.avail_in = (uInt)len;
	p->unpack.next_out = outlen > 0 ? out : &nothing;
	p->unpack.avail_out = (uInt)outlen;
	rc = inflate(&p->unpack, Z_FINISH);
	if (rc == Z_MEM_ERROR)
		return fault_nomem(why);
	if (rc == Z_DATA_ERROR && p->unpack.msg != NULL)
		return codec_damaged(why, &codec_gzip, p->unpack.msg);
	if (rc != Z_STREAM_END || p->unpack.avail_in > 0 ||
	    p->unpack.avail_out > 0)
		return codec_damaged(why, &codec_gzip,
		    "cut short, another length, or bytes behind its end");
	return BLK_OK;
}

const struct codec codec_gzip = {
	.name = "gzip",
	.tag = CODEC_GZIP,
	.level_min = 1,
	.level_max = 9,
	.level_default = 6,
	.bound = gzip_bound,
	.pack = gzip_pack,
	.unpack = gzip_unpack,
};

/* Bytes as they are. */

#include <string.h>

#include "codec-internal.h"

static size_t
raw_bound(size_t len)
{
	return len <= CODEC_PLAIN_MAX ? len : 0;
}

static enum blk_status
raw_pack(struct codec_state *s, int level, const void *in, size_t len,
    void *out, size_t *outlen, struct fault *why)
{
	(void)s;
	(void)level;
	if (len > *outlen || len > CODEC_PLAIN_MAX)
		return codec_no_room(why);
	if (len > 0)
		memcpy(out, in, len);
	*outlen = len;
	return BLK_OK;
}

static enum blk_status
raw_unpack(struct codec_state *s, const void *in, size_t len, void *out,
    size_t outlen, struct fault *why)
{
	(void)s;
	if (len != outlen || len > CODEC_PLAIN_MAX)
		return codec_damaged(why, &codec_raw, "another length");
	if (len > 0)
		memcpy(out, in, len);
	return BLK_OK;
}

const struct codec codec_raw = {
	.name = "raw",
	.tag = CODEC_RAW,
	.level_min = 0,
	.level_max = 0,
	.level_default = 0,
	.bound = raw_bound,
	.pack = raw_pack,
	.unpack = raw_unpack,
};

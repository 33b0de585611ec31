/*
 * Three bytes choose codec and length, the rest is a frame that may hold
 * anything: unpacking writes within its buffer or says that it is damaged, and
 * what was unpacked can be packed and unpacked again.  A part of it is the same
 * as of the whole.
 */
#include "codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_MAX ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
round_trip(const struct codec *c, struct codec_state *s, const uint8_t *plain,
    size_t len)
{
	size_t packed_len = c->bound(len);
	uint8_t *packed = malloc(packed_len + 1), *back = malloc(len + 1);
	struct fault why = FAULT_NONE;

	must(packed != NULL && back != NULL);
	must(c->pack(s, c->level_default, plain, len, packed, &packed_len,
	         &why) == BLK_OK);
	must(c->unpack(s, packed, packed_len, back, len, &why) == BLK_OK);
	must(memcmp(plain, back, len) == 0);
	free(packed);
	free(back);
}

/* The last third; plain: what unpack made of it, or NULL. */
static void
unpack_part(const struct codec *c, struct codec_state *s, const uint8_t *in,
    size_t len, const uint8_t *plain, size_t plain_len)
{
	size_t from = plain_len - plain_len / 3 - 1, n = plain_len - from;
	struct fault why = FAULT_NONE;
	enum blk_status st;
	uint8_t *part;

	if (c->unpack_part == NULL)
		return;
	part = malloc(n);
	must(part != NULL);
	st = c->unpack_part(s, in, len, plain_len, from, part, n, &why);
	must(st == BLK_OK || st == BLK_CORRUPT);
	must(st == BLK_OK || why.text[0] != '\0');
	if (st == BLK_OK && plain != NULL)
		must(memcmp(part, plain + from, n) == 0);
	free(part);
}

static void
unpack(const struct codec *c, struct codec_state *s, const uint8_t *in,
    size_t len, size_t plain_len)
{
	uint8_t *plain = malloc(plain_len > 0 ? plain_len : 1);
	struct fault why = FAULT_NONE;
	enum blk_status st;

	must(plain != NULL);
	memset(plain, 0, plain_len);
	st = c->unpack(s, in, len, plain, plain_len, &why);
	must(st == BLK_OK || st == BLK_CORRUPT);
	must(st == BLK_OK || why.text[0] != '\0');
	if (plain_len > 0)
		unpack_part(
		    c, s, in, len, st == BLK_OK ? plain : NULL, plain_len);
	if (st == BLK_OK)
		round_trip(c, s, plain, plain_len);
	free(plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_state *s = NULL;
	struct fault why = FAULT_NONE;
	const struct codec *c;
	size_t plain_len;

	if (size < 3)
		return 0;
	c = codec_by_tag(data[0] & 3);
	must(c != NULL);
	plain_len = ((size_t)data[1] | (size_t)data[2] << 8) % PLAIN_MAX;
	must(codec_state_new(&s, &why) == BLK_OK);
	unpack(c, s, data + 3, size - 3, plain_len);
	round_trip(c, s, data + 3, size - 3);
	codec_state_free(s);
	return 0;
}

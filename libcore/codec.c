#include "codec.h"

#include <stdlib.h>
#include <string.h>

#include "codec-internal.h"
#include "text.h"

static const struct {
	const struct codec *codec;
	void (*part_free)(void *part); /* NULL: it keeps nothing */
} table[] = {
	{ &codec_raw, NULL },
	{ &codec_zstd, codec_zstd_free },
	{ &codec_lz4, codec_lz4_free },
	{ &codec_gzip, codec_gzip_free },
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

enum blk_status
codec_state_new(struct codec_state **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? BLK_OK : fault_nomem(why);
}

void
codec_state_free(struct codec_state *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (table[i].part_free != NULL)
			table[i].part_free(s->part[table[i].codec->tag]);
	free(s);
}

void *
codec_part(struct codec_state *s, enum codec_tag tag, size_t size)
{
	if (s->part[tag] == NULL)
		s->part[tag] = calloc(1, size);
	return s->part[tag];
}

enum blk_status
codec_no_room(struct fault *why)
{
	return fault(why, BLK_INVALID, "the packed bytes do not fit");
}

enum blk_status
codec_damaged(struct fault *why, const struct codec *c, const char *what)
{
	return fault(why, BLK_CORRUPT, "%s frame: %s", c->name, what);
}

static const struct codec *
by_name(struct span name)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (span_is(name, table[i].codec->name))
			return table[i].codec;
	return NULL;
}

const struct codec *
codec_by_name(const char *name)
{
	return by_name(span_str(name));
}

const struct codec *
codec_by_tag(uint8_t tag)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (table[i].codec->tag == tag)
			return table[i].codec;
	return NULL;
}

const struct codec *
codec_at(size_t i)
{
	return i < TABLE_LEN ? table[i].codec : NULL;
}

enum blk_status
codec_parse(
    const char *text, const struct codec **codec, int *level, struct fault *why)
{
	const char *colon = strchrnul(text, ':');
	struct span name = span_of(text, (size_t)(colon - text));
	const struct codec *c =
	    span_is(name, "none") ? &codec_raw : by_name(name);
	int64_t n = 0;

	if (c == NULL)
		return fault(
		    why, BLK_INVALID, "'%s': there is no such method", text);
	if (*colon == '\0') {
		*codec = c;
		*level = c->level_default;
		return BLK_OK;
	}
	if (c->level_max == 0)
		return fault(why, BLK_INVALID, "'%s': %.*s takes no level",
		    text, (int)name.len, name.p);
	if (!text_i64(span_str(colon + 1), &n) || n < c->level_min ||
	    n > c->level_max)
		return fault(why, BLK_INVALID,
		    "'%s': levels of %s are %d to %d", text, c->name,
		    c->level_min, c->level_max);
	*codec = c;
	*level = (int)n;
	return BLK_OK;
}

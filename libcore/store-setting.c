/*
 * Settings: what may change in the life of a store, kept in the log.
 */
#include <stdlib.h>
#include <string.h>

#include "store.h"
#include "when.h"

enum setting_kind { A_COMPRESSION, A_SIZE, A_PERCENTAGE, A_DURATION };

static const struct setting {
	const char *key, *value;
	enum setting_kind kind;
	uint64_t min, max;        /* of sizes, */
	const char *least, *most; /* as people write them */
} settings[] = {
	{ "compression", "zstd:3", A_COMPRESSION, 0, 0, NULL, NULL },
	{ "frame-size", "1M", A_SIZE, 4096, SEGMENT_FRAME_MAX, "4K", "16M" },
	{ "gc.keep-unreferenced", "24h", A_DURATION, 0, 0, NULL, NULL },
	{ "gc.max-unused", "4", A_PERCENTAGE, 0, 0, NULL, NULL },
	{ "segment-size", "16M", A_SIZE, 65536, SEGMENT_MAX / 2, "64K",
	    "128M" },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const struct setting *
setting_of(const char *key)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

bool
store_setting_at(size_t i, const char **key, const char **value)
{
	if (i >= SETTINGS)
		return false;
	*key = settings[i].key;
	*value = settings[i].value;
	return true;
}

/* A duration as seconds, a month being 30 days: settings are no calendar. */
static enum blk_status
seconds_of(const char *text, uint64_t *seconds, struct fault *why)
{
	struct when_span span;
	enum blk_status st = when_duration(text, &span, why);

	if (st == BLK_OK)
		*seconds = (uint64_t)span.seconds +
		    ((uint64_t)span.days + 30 * (uint64_t)span.months) * 86400;
	return st;
}

static enum blk_status
percentage_of(const char *value, uint64_t *n, struct fault *why)
{
	struct fault unsaid = FAULT_NONE;

	if (when_size(value, n, &unsaid) == BLK_OK && *n <= 100)
		return BLK_OK;
	return fault(
	    why, BLK_INVALID, "'%s' is not a percentage from 0 to 100", value);
}

static enum blk_status
size_of(
    const struct setting *s, const char *value, uint64_t *n, struct fault *why)
{
	enum blk_status st = when_size(value, n, why);

	if (st == BLK_OK && (*n < s->min || *n > s->max))
		st = fault(why, BLK_INVALID, "%s is not between %s and %s",
		    value, s->least, s->most);
	return st;
}

static enum blk_status
number_of(
    const struct setting *s, const char *value, uint64_t *n, struct fault *why)
{
	if (s->kind == A_DURATION)
		return seconds_of(value, n, why);
	return s->kind == A_PERCENTAGE ? percentage_of(value, n, why)
	                               : size_of(s, value, n, why);
}

enum blk_status
store_check_setting(const char *key, const char *value, struct fault *why)
{
	const struct setting *s = setting_of(key);
	const struct codec *codec;
	uint64_t n;
	int level;

	if (s == NULL && strncmp(key, "user.", 5) == 0 && key[5] != '\0')
		return version_check_name(span_str(key), why);
	if (s == NULL)
		return fault(why, BLK_INVALID, "no such setting");
	if (value[0] == '\0')
		return BLK_OK; /* back to the default */
	if (s->kind == A_COMPRESSION)
		return codec_parse(value, &codec, &level, why);
	return number_of(s, value, &n, why);
}

enum blk_status
store_setting(struct store *s, const char *key, char **value, struct fault *why)
{
	const struct setting *known = setting_of(key);
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	*value = NULL;
	if (known == NULL && strncmp(key, "user.", 5) != 0)
		return fault(why, BLK_INVALID, "%s: no such setting", key);
	st = c->type->setting_get(c, key, value, why);
	if (st != BLK_ABSENT)
		return st;
	if (known == NULL)
		return fault(why, BLK_ABSENT, "%s: not set", key);
	*value = strdup(known->value);
	return *value == NULL ? fault_nomem(why) : BLK_OK;
}

enum blk_status
store_compression(
    struct store *s, const struct codec **codec, int *level, struct fault *why)
{
	char *text = NULL;
	enum blk_status st = store_setting(s, "compression", &text, why);

	if (st == BLK_OK)
		st = codec_parse(text, codec, level, why);
	free(text);
	return st == BLK_INVALID ? fault_in(why, st, "compression") : st;
}

enum blk_status
store_setting_number(
    struct store *s, const char *key, uint64_t *value, struct fault *why)
{
	const struct setting *known = setting_of(key);
	enum blk_status st;
	char *text;

	if (known == NULL || known->kind == A_COMPRESSION)
		return fault(why, BLK_INVALID, "%s: no such number", key);
	st = store_setting(s, key, &text, why);
	if (st == BLK_OK)
		st = number_of(known, text, value, why);
	free(text);
	return st == BLK_INVALID ? fault_in(why, st, "%s", key) : st;
}

/*
 * What is fixed when a store is made: STORE/config, and the same lines in
 * commit 0.
 */
#include "log.h"

#include <string.h>

enum blk_status
config_format(const struct store_config *c, struct buf *b, struct fault *why)
{
	char hex[2 * sizeof(c->store) + 1];

	digest_hex_of(c->store, sizeof(c->store), hex);
	return buf_printf(b, why,
	    "blk config 1\nformat %u\nincompat %u\ncompat %u\nstore %s\n"
	    "chunker %u %u %u %u\nmode %s\nwriters %s\n",
	    c->format, c->incompat, c->compat, hex, c->chunker, c->min,
	    c->target, c->max, c->group ? "group" : "private",
	    c->single_writer ? "single" : "many");
}

/* "word value..." -> the value, when the line begins with word. */
static bool
value_of(struct span *text, const char *word, struct span *value)
{
	struct span field;
	bool bad = false;

	return text_line(text, value, &bad) && !bad &&
	    text_field(value, &field) && span_is(field, word);
}

static bool
number_of(struct span s, uint32_t *v)
{
	uint64_t n;

	if (!text_u64(s, &n) || n > UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool
chunker_of(struct span s, struct store_config *c)
{
	uint32_t *const into[] = { &c->chunker, &c->min, &c->target, &c->max };

	for (size_t i = 0; i < 4; i++) {
		struct span field;

		if (!text_field(&s, &field) || !number_of(field, into[i]))
			return false;
	}
	return s.len == 0;
}

/* As blk-store(5) has it, "CHUNKS". */
static bool
are_sizes(const struct store_config *c)
{
	return c->min >= 64 && c->target >= 64 && c->min < c->max &&
	    (uint64_t)c->min + c->target <= c->max &&
	    c->max <= SEGMENT_FRAME_MAX;
}

static bool
choice_of(struct span s, const char *no, const char *yes, bool *v)
{
	*v = span_is(s, yes);
	return *v || span_is(s, no);
}

enum blk_status
config_parse(struct span text, struct store_config *c, struct fault *why)
{
	struct span v, all = text;

	*c = (struct store_config){ .format = 0 };
	if (!value_of(&text, "blk", &v))
		return fault(why, BLK_CORRUPT, "not a blk config");
	if (text_is_newer(v, "config"))
		return fault_newer(why, "blk %.*s needs a newer blk",
		    (int)(v.len < 40 ? v.len : 40), v.p);
	if (!span_is(v, "config 1"))
		return fault(why, BLK_CORRUPT, "not a blk config");
	if (!value_of(&text, "format", &v) || !number_of(v, &c->format) ||
	    c->format == 0)
		return fault(why, BLK_CORRUPT, "config: malformed format");
	if (c->format != 1)
		return fault_newer(
		    why, "store format %u needs a newer blk", c->format);
	if (!value_of(&text, "incompat", &v) || !number_of(v, &c->incompat))
		return fault(why, BLK_CORRUPT, "config: malformed incompat");
	if (c->incompat != 0)
		return fault_newer(
		    why, "store features %#x need a newer blk", c->incompat);
	if (!value_of(&text, "compat", &v) || !number_of(v, &c->compat) ||
	    !value_of(&text, "store", &v) ||
	    !digest_parse_hex(v.p, v.len, c->store, sizeof(c->store)) ||
	    !value_of(&text, "chunker", &v) || !chunker_of(v, c) ||
	    !value_of(&text, "mode", &v) ||
	    !choice_of(v, "private", "group", &c->group) ||
	    !value_of(&text, "writers", &v) ||
	    !choice_of(v, "many", "single", &c->single_writer) || text.len > 0)
		return fault(why, BLK_CORRUPT, "config: malformed behind %.20s",
		    all.len >= 20 ? all.p : "its start");
	if (c->chunker != 1)
		return fault_newer(
		    why, "chunking method %u needs a newer blk", c->chunker);
	if (!are_sizes(c))
		return fault(why, BLK_CORRUPT, "impossible sizes of chunks");
	return BLK_OK;
}

bool
config_equal(const struct store_config *a, const struct store_config *b)
{
	return a->format == b->format && a->incompat == b->incompat &&
	    a->compat == b->compat &&
	    memcmp(a->store, b->store, sizeof(a->store)) == 0 &&
	    a->chunker == b->chunker && a->min == b->min &&
	    a->target == b->target && a->max == b->max &&
	    a->group == b->group && a->single_writer == b->single_writer;
}

enum blk_status
config_to_commit(
    const struct store_config *s, struct commit *c, struct fault *why)
{
	struct buf b = BUF_INIT(4096);
	struct span text, line;
	enum blk_status st;
	bool bad = false;

	st = config_format(s, &b, why);
	text = span_of(b.data, b.len);
	text_line(&text, &line, &bad); /* the first says only what it is */
	while (st == BLK_OK && text_line(&text, &line, &bad)) {
		char word[128];

		memcpy(word, line.p, line.len);
		word[line.len] = '\0';
		st = commit_add_text(c, VERB_CONFIG, NULL, word, why);
	}
	buf_release(&b);
	return st;
}

enum blk_status
config_of_commit(
    const struct commit *c, struct store_config *s, struct fault *why)
{
	struct buf b = BUF_INIT(65536);
	enum blk_status st;

	st = buf_printf(&b, why, "blk config 1\n");
	for (size_t i = 0; st == BLK_OK && i < c->verbs; i++)
		if (c->verb[i].verb == VERB_CONFIG)
			st = buf_printf(&b, why, "%s\n", c->verb[i].value);
	if (st == BLK_OK)
		st = config_parse(span_of(b.data, b.len), s, why);
	buf_release(&b);
	return st;
}

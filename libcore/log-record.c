/*
 * The record of a commit, as text.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

void
commit_release(struct commit *c)
{
	for (size_t i = 0; i < c->verbs; i++) {
		free(c->verb[i].name);
		free(c->verb[i].value);
	}
	free(c->verb);
	free(c->host);
	free(c->program);
	segment_table_release(&c->table);
	buf_release(&c->text);
	*c = (struct commit)COMMIT_NONE;
}

static enum blk_status
copy_text(const char *s, char **out, struct fault *why)
{
	*out = NULL;
	if (s == NULL)
		return BLK_OK;
	*out = strdup(s);
	return *out == NULL ? fault_nomem(why) : BLK_OK;
}

enum blk_status
commit_add(struct commit *c, const struct commit_verb *v, struct fault *why)
{
	struct commit_verb copy = *v;
	enum blk_status st;

	copy.name = copy.value = NULL;
	st = array_grow(
	    (void **)&c->verb, c->verbs, &c->cap, sizeof(*c->verb), why);
	if (st == BLK_OK)
		st = copy_text(v->name, &copy.name, why);
	if (st == BLK_OK)
		st = copy_text(v->value, &copy.value, why);
	if (st != BLK_OK) {
		free(copy.name);
		return st;
	}
	c->verb[c->verbs++] = copy;
	return BLK_OK;
}

enum blk_status
commit_add_id(struct commit *c, enum verb verb, const struct digest *id,
    uint64_t number, struct fault *why)
{
	const struct commit_verb v = {
		.verb = verb, .id = *id, .number = number
	};

	return commit_add(c, &v, why);
}

enum blk_status
commit_add_text(struct commit *c, enum verb verb, const char *name,
    const char *value, struct fault *why)
{
	union {
		const char *in;
		char *out;
	} n = { name }, t = { value };
	const struct commit_verb v = {
		.verb = verb, .name = n.out, .value = t.out
	};

	return commit_add(c, &v, why);
}

/* --- writing --- */

/* WORD and an escaped text. */
static void
say_text(struct text_out *o, const char *word, const char *text)
{
	text_say(o, word);
	text_say_escaped(o, text);
}

/* WORD and an id. */
static void
say_id(struct text_out *o, const char *word, const struct digest *id)
{
	text_say(o, word);
	text_say_id(o, id);
}

static void
say_verb(struct text_out *o, const struct commit_verb *v)
{
	switch (v->verb) {
	case VERB_SEGMENT:
		say_id(o, "segment ", &v->id);
		text_say(o, " ");
		text_say_u64(o, v->number);
		break;
	case VERB_VERSION:
		say_text(o, "version ", v->name);
		text_say(o, " ");
		text_say_u64(o, v->number);
		say_id(o, " ", &v->id);
		break;
	case VERB_DROP:
		say_id(o, "drop ", &v->id);
		break;
	case VERB_CONDEMN:
		say_id(o, "condemn ", &v->id);
		if (v->reason != REASON_COLLECTED) {
			text_say(o, " ");
			text_say(o, reason_name(v->reason));
		}
		break;
	case VERB_LOST:
		say_id(o, "lost ", &v->id);
		text_say(o, " ");
		text_say(o, class_name(v->class));
		break;
	case VERB_SET:
		say_text(o, "set ", v->name);
		say_text(o, " ", v->value);
		break;
	case VERB_REDIRECT:
		if (v->value[0] == '\0')
			text_say(o, "redirect none");
		else
			say_text(o, "redirect ", v->value);
		break;
	case VERB_STAT:
		text_say(o, "stat ");
		text_say(o, v->value);
		break;
	case VERB_CONFIG:
		text_say(o, "config ");
		text_say(o, v->value);
		break;
	case VERB_KEPT:
		text_say(o, v->value);
		break;
	}
	text_say(o, "\n");
}

enum blk_status
commit_format(const struct commit *c, struct buf *b, struct fault *why)
{
	struct text_out o = text_out(b, why);
	char hex[DIGEST_HEX];

	text_say(&o, "commit 1\nnumber ");
	text_say_u64(&o, c->number);
	if (c->number > 0)
		say_id(&o, "\nprevious ", &c->previous);
	text_say(&o, "\ntime ");
	text_say_i64(&o, c->time);
	say_text(&o, "\nhost ", c->host);
	say_text(&o, "\nprogram ", c->program);
	digest_hex_of(c->session, sizeof(c->session), hex);
	text_say(&o, "\nsession ");
	text_say(&o, hex);
	text_say(&o, " ");
	text_say_u64(&o, c->transaction);
	text_say(&o, "\n");
	for (size_t i = 0; o.st == BLK_OK && i < c->verbs; i++)
		say_verb(&o, &c->verb[i]);
	return o.st;
}

/* --- reading --- */

static enum blk_status
bad_line(struct span line, struct fault *why)
{
	return fault(why, BLK_CORRUPT, "malformed line: %.*s",
	    (int)(line.len < 80 ? line.len : 80), line.p);
}

/* The next line, which must begin with word; the rest of it in *rest. */
static bool
expect(struct span *text, const char *word, struct span *rest)
{
	struct span line, field;
	bool bad = false;

	if (!text_line(text, &line, &bad) || bad)
		return false;
	*rest = line;
	return text_field(rest, &field) && span_is(field, word);
}

/*
 * Text from malloc; NULL, which makes a line bad, but for *no_memory.  Below,
 * too: what could not be held is no fault of the record.
 */
static char *
copy_of(struct span text, bool *no_memory)
{
	char *copy = strndup(text.p, text.len);

	*no_memory = *no_memory || copy == NULL;
	return copy;
}

/* One last field, unescaped into malloc'd text without NUL bytes. */
static bool
take_text(struct span *line, bool last, char **out, bool *no_memory)
{
	struct buf b = BUF_INIT(STRUCTURE_LINE_MAX);
	struct fault ignored = FAULT_NONE;
	enum blk_status st;
	struct span field;

	if (!text_field(line, &field) || (last && line->len > 0))
		return false;
	st = text_unescape(&b, field, false, &ignored);
	*no_memory = *no_memory || st == BLK_FAILED;
	if (st != BLK_OK || (b.len > 0 && memchr(b.data, 0, b.len) != NULL)) {
		buf_release(&b);
		return false;
	}
	*out = (char *)b.data; /* there is a NUL behind its contents */
	return true;
}

static bool
take_id(struct span *line, struct digest *id)
{
	struct span field;

	return text_field(line, &field) && digest_parse(field.p, field.len, id);
}

static bool
take_number(struct span *line, uint64_t *n)
{
	struct span field;

	return text_field(line, &field) && text_u64(field, n);
}

static bool
take_reason(struct span *line, enum condemned_reason *reason)
{
	struct span field;

	*reason = REASON_COLLECTED;
	if (line->len == 0)
		return true;
	if (!text_field(line, &field))
		return false;
	if (span_is(field, "orphan"))
		*reason = REASON_ORPHAN;
	else if (span_is(field, "damaged"))
		*reason = REASON_DAMAGED;
	return *reason != REASON_COLLECTED;
}

/* What stands behind the verb, in *v; false when it is malformed. */
static bool
parse_verb(struct span *rest, struct commit_verb *v, bool *no_memory)
{
	struct span field;

	switch (v->verb) {
	case VERB_SEGMENT:
		return take_id(rest, &v->id) && take_number(rest, &v->number);
	case VERB_VERSION:
		return take_text(rest, false, &v->name, no_memory) &&
		    version_is_name(span_str(v->name)) &&
		    take_number(rest, &v->number) && v->number > 0 &&
		    take_id(rest, &v->id);
	case VERB_DROP:
		return take_id(rest, &v->id);
	case VERB_CONDEMN:
		return take_id(rest, &v->id) && take_reason(rest, &v->reason);
	case VERB_LOST:
		return take_id(rest, &v->id) && text_field(rest, &field) &&
		    class_of(field, &v->class);
	case VERB_SET:
		return take_text(rest, false, &v->name, no_memory) &&
		    v->name[0] != '\0' &&
		    strcmp(v->name, CATALOG_REDIRECT) != 0 &&
		    take_text(rest, true, &v->value, no_memory);
	case VERB_REDIRECT:
		if (!span_is(*rest, "none"))
			return take_text(rest, true, &v->value, no_memory) &&
			    v->value[0] != '\0';
		v->value = copy_of(span_of("", 0), no_memory);
		*rest = span_of("", 0);
		return v->value != NULL;
	case VERB_STAT:
	case VERB_CONFIG:
	case VERB_KEPT:
		if (!text_is_fields(*rest))
			return false;
		v->value = copy_of(*rest, no_memory);
		*rest = span_of("", 0);
		return v->value != NULL;
	}
	return false;
}

static bool
verb_of(struct span word, enum verb *verb)
{
	static const struct {
		const char *word;
		enum verb verb;
	} table[] = {
		{ "segment", VERB_SEGMENT },
		{ "version", VERB_VERSION },
		{ "drop", VERB_DROP },
		{ "condemn", VERB_CONDEMN },
		{ "lost", VERB_LOST },
		{ "set", VERB_SET },
		{ "redirect", VERB_REDIRECT },
		{ "stat", VERB_STAT },
		{ "config", VERB_CONFIG },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (span_is(word, table[i].word)) {
			*verb = table[i].verb;
			return true;
		}
	return false;
}

static enum blk_status
parse_line(struct commit *c, struct span line, struct fault *why)
{
	struct commit_verb v = { .name = NULL };
	struct span rest = line, word;
	bool no_memory = false;
	enum blk_status st;

	if (!text_field(&rest, &word))
		return bad_line(line, why);
	if (span_starts(word, "x-")) {
		v.verb = VERB_KEPT;
		rest = line;
	} else if (!verb_of(word, &v.verb)) {
		return fault_newer(why,
		    "unknown verb %.*s: a newer blk wrote this",
		    (int)(word.len < 40 ? word.len : 40), word.p);
	}
	if (!parse_verb(&rest, &v, &no_memory) || rest.len > 0 ||
	    (v.verb == VERB_CONFIG && c->number > 0))
		st = no_memory ? fault_nomem(why) : bad_line(line, why);
	else
		st = array_grow((void **)&c->verb, c->verbs, &c->cap,
		    sizeof(*c->verb), why);
	if (st != BLK_OK) {
		free(v.name);
		free(v.value);
		return st;
	}
	c->verb[c->verbs++] = v;
	return BLK_OK;
}

static bool
parse_head(struct span *text, struct commit *c, bool *no_memory)
{
	struct span rest, field;

	if (!expect(text, "commit", &rest) || !span_is(rest, "1") ||
	    !expect(text, "number", &rest) || !text_u64(rest, &c->number))
		return false;
	if (c->number > 0 &&
	    (!expect(text, "previous", &rest) ||
	        !digest_parse(rest.p, rest.len, &c->previous)))
		return false;
	if (!expect(text, "time", &rest) || !text_i64(rest, &c->time) ||
	    !expect(text, "host", &rest) ||
	    !take_text(&rest, true, &c->host, no_memory))
		return false;
	if (!expect(text, "program", &rest) ||
	    !take_text(&rest, true, &c->program, no_memory))
		return false;
	return expect(text, "session", &rest) && text_field(&rest, &field) &&
	    digest_parse_hex(
	        field.p, field.len, c->session, sizeof(c->session)) &&
	    text_u64(rest, &c->transaction);
}

enum blk_status
commit_parse(struct span text, struct commit *c, struct fault *why)
{
	struct span line, first = text;
	enum blk_status st = BLK_OK;
	bool bad = false, no_memory = false;

	if (text_line(&first, &line, &bad) && text_is_newer(line, "commit"))
		return fault_newer(why, "%.*s needs a newer blk",
		    (int)(line.len < 40 ? line.len : 40), line.p);
	if (!parse_head(&text, c, &no_memory))
		return no_memory
		    ? fault_nomem(why)
		    : fault(why, BLK_CORRUPT, "malformed commit record");
	while (st == BLK_OK && text_line(&text, &line, &bad))
		st = parse_line(c, line, why);
	if (st == BLK_OK && bad)
		st = fault(why, BLK_CORRUPT, "commit record ends in a line");
	return st;
}

#include "structure.h"

#include <inttypes.h>
#include <string.h>

static const char *const names[CLASSES] = {
	[CLASS_CONTENT] = "content",
	[CLASS_DATA] = "data",
	[CLASS_PIECE] = "piece",
	[CLASS_TREE] = "tree",
	[CLASS_SNAPSHOT] = "snapshot",
	[CLASS_VERSION] = "version",
};

const char *class_name(enum class c)
{
	return c < CLASSES ? names[c] : "?";
}

bool
class_of(struct span name, enum class *c)
{
	for (enum class i = 0; i < CLASSES; i++) {
		if (!span_is(name, names[i]))
			continue;
		*c = i;
		return true;
	}
	return false;
}

bool
class_takes(enum class c, enum kind k)
{
	switch (c) {
	case CLASS_CONTENT:
		return k == KIND_DATA || k == KIND_LIST;
	case CLASS_DATA:
		return k == KIND_DATA;
	case CLASS_PIECE:
		return k == KIND_PIECE;
	case CLASS_TREE:
		return k == KIND_TREE;
	case CLASS_SNAPSHOT:
		return k == KIND_SNAPSHOT;
	case CLASS_VERSION:
		return k == KIND_VERSION;
	case CLASSES:
		break;
	}
	return false;
}

enum blk_status
structure_add_data(
    struct buf *b, const struct digest *id, uint64_t length, struct fault *why)
{
	struct text_out o = text_out(b, why);

	text_say(&o, "d ");
	text_say_id(&o, id);
	text_say(&o, " ");
	text_say_u64(&o, length);
	text_say(&o, "\n");
	return o.st;
}

enum blk_status
structure_add_piece(struct buf *b, const struct digest *id, uint64_t lines,
    uint64_t bytes, struct fault *why)
{
	struct text_out o = text_out(b, why);

	text_say(&o, "p ");
	text_say_id(&o, id);
	text_say(&o, " ");
	text_say_u64(&o, lines);
	text_say(&o, " ");
	text_say_u64(&o, bytes);
	text_say(&o, "\n");
	return o.st;
}

bool
structure_line(struct span line, struct reference *r)
{
	enum { ID = 2, BEHIND = ID + 2 * DIGEST_LEN + 1 };
	struct reference got = { .lines = 0 };
	struct span rest, field;

	if (line.len <= BEHIND || line.p[1] != ' ' ||
	    line.p[BEHIND - 1] != ' ' ||
	    !digest_parse(line.p + ID, 2 * DIGEST_LEN, &got.id))
		return false;
	rest = span_of(line.p + BEHIND, line.len - BEHIND);
	if (line.p[0] == 'd') {
		got.class = CLASS_DATA;
		if (!text_u64(rest, &got.size) || got.size == 0 ||
		    got.size > SEGMENT_FRAME_MAX)
			return false;
	} else if (line.p[0] == 'p') {
		got.class = CLASS_PIECE;
		if (!text_field(&rest, &field) ||
		    !text_u64(field, &got.lines) || got.lines == 0 ||
		    !text_u64(rest, &got.size) || got.size < got.lines)
			return false;
	} else {
		return false;
	}
	*r = got;
	return true;
}

/* --- the walk --- */

/* The grammars: a set of those that a text may still turn out to be of.  (The
 * build defines VERSION.) */
enum {
	OF_HEAD = 1,
	OF_LIST = 2,
	OF_TREE = 4,
	OF_SNAPSHOT = 8,
	OF_VERSION = 16,
	OF_RECORD = 32,
};

#define NO_CLASS CLASSES /* of a line that refers to nothing */

static bool
take_id(struct span field, enum class class, struct reference *r)
{
	r->class = class;
	return digest_parse(field.p, field.len, &r->id);
}

/* F mode uid gid mtime size ID ... name, D mode uid gid mtime ID ... name;
 * fields begins behind the letter. */
static bool
tree_line(struct span fields, bool file, struct reference *r)
{
	struct span field;

	for (unsigned i = 0; i < 4; i++)
		if (!text_field(&fields, &field))
			return false;
	if (file &&
	    (!text_field(&fields, &field) || !text_u64(field, &r->size)))
		return false;
	return text_field(&fields, &field) && fields.len > 0 &&
	    take_id(field, file ? CLASS_CONTENT : CLASS_TREE, r);
}

static bool
content_line(struct span rest, struct reference *r)
{
	struct span class, id;
	uint64_t size;

	if (!text_field(&rest, &class) || !text_field(&rest, &id) ||
	    !text_u64(rest, &size) || !class_of(class, &r->class) ||
	    !take_id(id, r->class, r))
		return false;
	if (r->class == CLASS_CONTENT)
		r->size = size;
	return r->class == CLASS_CONTENT || r->class == CLASS_TREE ||
	    r->class == CLASS_SNAPSHOT;
}

/* REL=CLASS:ID */
static bool
link_line(struct span rest, struct reference *r)
{
	const char *equal = memchr(rest.p, '=', rest.len);
	const char *end = rest.p + rest.len, *colon;
	enum class class;

	if (equal == NULL || equal == rest.p)
		return false;
	equal++;
	colon = memchr(equal, ':', (size_t)(end - equal));
	if (colon == NULL ||
	    !class_of(span_of(equal, (size_t)(colon - equal)), &class))
		return false;
	colon++;
	return class != CLASS_DATA && class != CLASS_PIECE &&
	    take_id(span_of(colon, (size_t)(end - colon)), class, r);
}

/* Which grammars a word may begin a line of. */
static unsigned
word_of(struct span word)
{
	static const struct {
		const char *word;
		unsigned grammars;
	} words[] = {
		{ "error", OF_SNAPSHOT },
		{ "changed", OF_SNAPSHOT },
		{ "user", OF_SNAPSHOT },
		{ "group", OF_SNAPSHOT },
		{ "segment", OF_RECORD },
		{ "condemned", OF_RECORD },
		{ "version", OF_VERSION | OF_RECORD },
		{ "name", OF_SNAPSHOT | OF_VERSION | OF_RECORD },
		{ "number", OF_VERSION | OF_RECORD },
		{ "previous", OF_VERSION | OF_RECORD },
		{ "time", OF_VERSION | OF_RECORD },
		{ "type", OF_VERSION },
		{ "expires", OF_VERSION },
		{ "snapshot", OF_SNAPSHOT },
		{ "root", OF_SNAPSHOT },
		{ "host", OF_SNAPSHOT | OF_RECORD },
		{ "path", OF_SNAPSHOT },
		{ "start", OF_SNAPSHOT },
		{ "end", OF_SNAPSHOT },
		{ "tag", OF_SNAPSHOT },
		{ "files", OF_SNAPSHOT },
		{ "dirs", OF_SNAPSHOT },
		{ "others", OF_SNAPSHOT },
		{ "bytes", OF_SNAPSHOT },
		{ "commit", OF_RECORD },
		{ "checkpoint", OF_RECORD },
		{ "head", OF_RECORD },
		{ "program", OF_RECORD },
		{ "session", OF_RECORD },
		{ "config", OF_RECORD },
		{ "drop", OF_RECORD },
		{ "condemn", OF_RECORD },
		{ "lost", OF_RECORD },
		{ "set", OF_RECORD },
		{ "redirect", OF_RECORD },
		{ "stat", OF_RECORD },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_is(word, words[i].word))
			return words[i].grammars;
	return 0;
}

/* The grammars of a line that begins with a word; 0: none. */
static unsigned
word_line(struct span line, struct reference *r)
{
	struct span rest = line, word;

	if (span_starts(line, "x-"))
		return OF_SNAPSHOT | OF_VERSION | OF_RECORD;
	if (span_starts(line, "attr:"))
		return memchr(line.p, '=', line.len) != NULL ? OF_VERSION : 0;
	if (span_starts(line, "link:"))
		return link_line(span_of(line.p + 5, line.len - 5), r)
		    ? OF_VERSION
		    : 0;
	if (!text_field(&rest, &word) || rest.len == 0)
		return 0;
	if (span_is(word, "tree"))
		return take_id(rest, CLASS_TREE, r) ? OF_SNAPSHOT : 0;
	if (span_is(word, "content"))
		return content_line(rest, r) ? OF_VERSION : 0;
	return word_of(word);
}

/* The grammars of a line, 0: none; r->class is NO_CLASS when it refers to
 * nothing. */
static unsigned
any_line(struct span line, struct reference *r)
{
	bool letter = line.len > 2 && line.p[1] == ' ';
	struct span rest;

	*r = (struct reference){ .class = NO_CLASS };
	if (!letter)
		return word_line(line, r);
	rest = span_of(line.p + 2, line.len - 2);
	switch (line.p[0]) {
	case 'd':
		return structure_line(line, r) ? OF_LIST : 0;
	case 'p':
		return structure_line(line, r) ? OF_HEAD : 0;
	case 'F':
	case 'D':
		return tree_line(rest, line.p[0] == 'F', r) ? OF_TREE : 0;
	case 'L':
	case 'P':
	case 'C':
	case 'B':
		return OF_TREE;
	}
	return 0;
}

static unsigned
grammars_of(enum kind kind)
{
	switch (kind) {
	case KIND_LIST:
		return OF_HEAD | OF_LIST;
	case KIND_PIECE:
		return OF_HEAD | OF_LIST | OF_TREE | OF_SNAPSHOT | OF_VERSION |
		    OF_RECORD;
	case KIND_TREE:
		return OF_HEAD | OF_TREE;
	case KIND_SNAPSHOT:
		return OF_HEAD | OF_SNAPSHOT;
	case KIND_VERSION:
		return OF_HEAD | OF_VERSION;
	case KIND_RECORD:
		return OF_HEAD | OF_RECORD;
	case KIND_DATA:
		break;
	}
	return 0;
}

/* May a text of this kind, which is no head, begin with this line? */
static bool
begins(enum kind kind, struct span line)
{
	switch (kind) {
	case KIND_SNAPSHOT:
		return span_is(line, "snapshot 1");
	case KIND_VERSION:
		return span_is(line, "version 1");
	case KIND_RECORD:
		return span_is(line, "commit 1") ||
		    span_is(line, "checkpoint 1");
	case KIND_DATA:
	case KIND_LIST:
	case KIND_PIECE:
	case KIND_TREE:
		break;
	}
	return true;
}

/* May a text of this kind end after so many lines, of the grammars may? */
static bool
ends(enum kind kind, unsigned may, uint64_t lines)
{
	if (kind == KIND_LIST && may == OF_LIST)
		return lines >= 2; /* one alone is data */
	return lines > 0 || kind == KIND_TREE;
}

enum blk_status
structure_walk(enum kind kind, struct span text,
    enum blk_status (*visit)(
        void *arg, const struct reference *r, struct fault *why),
    void *arg, struct fault *why)
{
	unsigned may = grammars_of(kind);
	struct reference r;
	struct span line;
	uint64_t lines = 0;
	bool bad = false;
	enum blk_status st;

	if (may == 0)
		return fault(why, BLK_INVALID, "data has no lines");
	while (text_line(&text, &line, &bad)) {
		lines++;
		may &= any_line(line, &r);
		if (may == 0 || line.len >= STRUCTURE_LINE_MAX ||
		    (lines == 1 && may != OF_HEAD && !begins(kind, line)))
			return fault(why, BLK_CORRUPT,
			    "%s: line %" PRIu64 " is none", kind_name(kind),
			    lines);
		if (r.class == NO_CLASS)
			continue;
		st = visit(arg, &r, why);
		if (st != BLK_OK)
			return st;
	}
	if (bad || !ends(kind, may, lines))
		return fault(why, BLK_CORRUPT, "%s: cut off in line %" PRIu64,
		    kind_name(kind), lines + 1);
	return BLK_OK;
}

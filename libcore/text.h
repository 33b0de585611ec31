/*
 * text.h - the canonical text that blk's structures are written in.
 *
 * A text is lines that end in LF; a line is fields separated by one space.
 * Every value has one spelling (blk-store(5)):
 *   - numbers are decimal without sign (but for times), without leading
 *     zeros; modes are octal without leading zeros;
 *   - in a string the bytes 00-20, 7f and '%' are written %XX in upper-case
 *     hexadecimal, every other byte as it is; the empty string is "%";
 *   - in the key of KEY=VALUE '=' is escaped too;
 *   - ids are 64 lower-case hexadecimal digits.
 * Parsers refuse any other spelling.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"

/* A borrowed run of bytes, not NUL-terminated. */
struct span {
	const char *p;
	size_t len;
};

static inline struct span
span_of(const void *p, size_t len)
{
	return (struct span){ p, len };
}

/* Inline, so that the length of a word that is written out costs nothing. */
static inline struct span
span_str(const char *s) /* without its NUL */
{
	return span_of(s, strlen(s));
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
span_is(struct span s, const char *word) /* the same bytes? */
{
	return span_equal(s, span_str(word));
}

static inline bool
span_starts(struct span s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && (len == 0 || memcmp(s.p, prefix, len) == 0);
}

/*
 * Take the next line, without its LF, from *rest.
 *
 * Returns: true; false at the end, or, with *bad set, when what is left does
 * not end in LF.  *bad is never cleared.
 */
bool text_line(struct span *rest, struct span *line, bool *bad);

/*
 * Take the next field from *line, which then begins behind the one space.
 * False when nothing is left, or when the field is empty (two spaces, or one
 * at the end): then *line is left as it was and is not empty.
 */
bool text_field(struct span *line, struct span *field);

/* One field or more and no NUL: what a line must be whose fields mean nothing
 * to its reader. */
bool text_is_fields(struct span line);

/* Canonical numbers only; false otherwise, the result untouched. */
MUST_USE bool text_u64(struct span s, uint64_t *v);

/* Is this first line "WORD N", with N above the one version that there is?
 * Then a newer blk wrote what follows. */
bool text_is_newer(struct span line, const char *word);
MUST_USE bool text_i64(struct span s, int64_t *v); /* "-0" is refused */
MUST_USE bool text_octal(struct span s, uint32_t *v);

/* Add s to b, escaped; '=' too when key is set. */
MUST_USE enum blk_status text_escape(
    struct buf *b, struct span s, bool key, struct fault *why);

/*
 * What lines are written with: st is the first status that was not BLK_OK,
 * and from then on nothing is added.  (printf is made for people, and takes
 * several times as long.)
 */
struct text_out {
	struct buf *b;
	struct fault *why;
	enum blk_status st;
};

static inline struct text_out
text_out(struct buf *b, struct fault *why)
{
	return (struct text_out){ b, why, BLK_OK };
}

void text_say(struct text_out *o, const char *s);
void text_say_u64(struct text_out *o, uint64_t v);
void text_say_i64(struct text_out *o, int64_t v);
void text_say_id(struct text_out *o, const struct digest *id);
void text_say_escaped(struct text_out *o, const char *s);

/*
 * Undo text_escape into b (appending), which gets a NUL behind its contents.
 * BLK_CORRUPT for any spelling that text_escape would not have written; b is
 * as before then.
 */
MUST_USE enum blk_status text_unescape(
    struct buf *b, struct span s, bool key, struct fault *why);

/* Is s valid UTF-8 (no overlong forms, surrogates, or above U+10FFFF)? */
bool text_is_utf8(struct span s);
/* Has it a control character: U+0000 to U+001F, U+007F to U+009F? */
bool text_has_control(struct span s);

#endif

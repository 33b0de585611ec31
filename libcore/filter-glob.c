#include "filter-glob.h"

#include <string.h>

/* Bytes that are no UTF-8 are characters of their own, above all others. */
#define NOT_UTF8 0x110000u

static uint32_t
fold(uint32_t c, bool nocase)
{
	return nocase && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Take a character from the front of *s, which is not empty. */
static uint32_t
take(struct span *s)
{
	uint8_t first = (uint8_t)s->p[0];
	size_t len = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = first;

	if (len > s->len || !text_is_utf8(span_of(s->p, len))) {
		len = 1;
		c = NOT_UTF8 + first;
	} else if (len > 1) {
		c = first & (0xffu >> (len + 1));
		for (size_t i = 1; i < len; i++)
			c = c << 6 | ((uint8_t)s->p[i] & 0x3f);
	}
	*s = span_of(s->p + len, s->len - len);
	return c;
}

/* As take, for a character of a pattern that a backslash may precede. */
static uint32_t
take_escaped(struct span *s, bool *bad)
{
	if (s->p[0] == '\\') {
		*s = span_of(s->p + 1, s->len - 1);
		if (s->len == 0) {
			*bad = true;
			return 0;
		}
	}
	return take(s);
}

/* Is c in the set "a-z]..." at the front of *glob?  Moves behind it. */
static bool
in_set(struct span *glob, uint32_t c, bool nocase, bool *bad)
{
	bool negated = false, found = false;

	if (glob->len > 0 && (glob->p[0] == '!' || glob->p[0] == '^')) {
		negated = true;
		take(glob);
	}
	for (bool first = true;; first = false) {
		uint32_t low = 0, high = 0;

		if (glob->len == 0) {
			*bad = true;
			return false;
		}
		if (glob->p[0] == ']' && !first) {
			take(glob);
			return found != negated;
		}
		low = high = take_escaped(glob, bad);
		if (glob->len > 1 && glob->p[0] == '-' && glob->p[1] != ']') {
			take(glob);
			high = take_escaped(glob, bad);
		}
		if (c >= low && c <= high)
			found = true;
		if (nocase && c >= 'a' && c <= 'z' && c - 'a' + 'A' >= low &&
		    c - 'a' + 'A' <= high)
			found = true;
		if (nocase && c >= 'A' && c <= 'Z' && c - 'A' + 'a' >= low &&
		    c - 'A' + 'a' <= high)
			found = true;
	}
}

/* Does the one element (no star) at the front of *glob match the character at
 * the front of *name?  Moves both. */
static bool
one(struct span *glob, struct span *name, bool nocase, bool *bad)
{
	uint32_t c = take(name);

	if (glob->p[0] == '?') {
		take(glob);
		return true;
	}
	if (glob->p[0] == '[') {
		take(glob);
		return in_set(glob, c, nocase, bad);
	}
	return fold(take_escaped(glob, bad), nocase) == fold(c, nocase);
}

/*
 * A star takes as little as it can; on a mismatch the last one takes one
 * character more.  Earlier stars never have to be tried again, so the time is
 * at most the product of the lengths.
 */
bool
filter_glob(struct span glob, struct span name, bool nocase, bool *bad)
{
	struct span after = { NULL, 0 }, from = { NULL, 0 };
	bool broken = false;

	if (bad == NULL)
		bad = &broken;
	while (!*bad) {
		struct span g = glob, n = name;

		if (glob.len > 0 && glob.p[0] == '*') {
			after = glob = span_of(glob.p + 1, glob.len - 1);
			from = name;
			continue;
		}
		if (glob.len == 0 && name.len == 0)
			return true;
		if (glob.len > 0 && name.len > 0 && one(&g, &n, nocase, bad)) {
			glob = g;
			name = n;
			continue;
		}
		if (after.p == NULL || from.len == 0)
			return false;
		take(&from);
		name = from;
		glob = after;
	}
	return false;
}

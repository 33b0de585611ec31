/*
 * Globs over names: characters of UTF-8, and '/' is one like any other.
 */
#include "refs.h"

/* The next character; a byte that begins none stands for itself. */
static uint32_t
next(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	unsigned more = s[0] < 0xc2 ? 0
	    : s[0] < 0xe0           ? 1
	    : s[0] < 0xf0           ? 2
	    : s[0] < 0xf5           ? 3
	                            : 0;
	uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);

	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			(*p)++;
			return s[0];
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	*p += more + 1;
	return c;
}

/* A character of a pattern, behind a backslash as it is. */
static uint32_t
literal(const char **p)
{
	if (**p == '\\' && (*p)[1] != '\0')
		(*p)++;
	return next(p);
}

/*
 * Does the set behind '[' at *p hold c?  *p is moved behind its ']'; false
 * with *p at NULL when there is none: then '[' is a character.
 */
static bool
in_set(const char **p, uint32_t c)
{
	const char *s = *p;
	bool negated = *s == '!' || *s == '^', found = false, first = true;

	s += negated;
	for (; *s != ']' || first; first = false) {
		uint32_t low, high;

		if (*s == '\0') {
			*p = NULL;
			return false;
		}
		low = high = literal(&s);
		if (s[0] == '-' && s[1] != ']' && s[1] != '\0') {
			s++;
			high = literal(&s);
		}
		found = found || (low <= c && c <= high);
	}
	*p = s + 1;
	return found != negated;
}

/* Match one character of name; both are moved.  Not at a '*' or an end. */
static bool
match_one(const char **pattern, const char **name)
{
	const char *p = *pattern;
	uint32_t c = next(name);
	bool in;

	if (*p == '?') {
		*pattern = p + 1;
		return true;
	}
	if (*p == '[') {
		p++;
		in = in_set(&p, c);
		if (p != NULL) {
			*pattern = p;
			return in;
		}
		p = *pattern + 1;
		*pattern = p;
		return c == '[';
	}
	return literal(pattern) == c;
}

bool
ref_glob(const char *pattern, const char *name)
{
	/* Where to go on when what follows the last '*' does not match: only
	 * the last one ever has to take more. */
	const char *star = NULL, *from = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*name == '\0') {
			if (*pattern == '\0')
				return true;
			return false;
		} else if (*pattern == '\0' || !match_one(&pattern, &name)) {
			if (star == NULL)
				return false;
			next(&from);
			name = from;
			pattern = star;
		}
	}
}

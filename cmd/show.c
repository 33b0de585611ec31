#include "show.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a lead byte promises: the length, and the range of the next byte. */
static size_t
lead(uint8_t c, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*low = 0xa0;
		if (c == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*low = 0x90;
		if (c == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

size_t
show_utf8(const char *p, size_t len)
{
	const uint8_t *b = (const uint8_t *)p;
	uint8_t low, high;
	size_t n;

	if (len == 0)
		return 0;
	n = lead(b[0], &low, &high);
	if (n == 0 || n > len)
		return 0;
	if (n > 1 && (b[1] < low || b[1] > high))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	return n;
}

/* May the character of n bytes at p reach a terminal as it is? */
static bool
is_plain(const char *p, size_t n)
{
	uint8_t c = (uint8_t)p[0];

	if (n == 1)
		return c >= 0x20 && c != 0x7f;
	/* U+0080 to U+009F: C1, which some terminals obey */
	return !(c == 0xc2 && (uint8_t)p[1] < 0xa0);
}

/* Spell one byte out; returns behind what was written. */
static char *
spell(char *out, uint8_t c)
{
	const char *at = c == '\0' ? NULL : strchr("\nn\tt\rr", c);

	if (at != NULL && c < 0x20) {
		*out++ = '\\';
		*out++ = at[1];
		return out;
	}
	return out + sprintf(out, "\\%03o", (unsigned)c);
}

char *
show_escape(const char *p, size_t len)
{
	char *copy, *out;

	if (len > (SIZE_MAX - 1) / 4)
		return NULL;
	copy = malloc(4 * len + 1);
	if (copy == NULL)
		return NULL;
	out = copy;
	for (size_t i = 0, n; i < len; i += n) {
		n = show_utf8(p + i, len - i);
		if (n > 0 && is_plain(p + i, n)) {
			memcpy(out, p + i, n);
			out += n;
			continue;
		}
		if (n == 0)
			n = 1;
		for (size_t k = 0; k < n; k++)
			out = spell(out, (uint8_t)p[i + k]);
	}
	*out = '\0';
	return copy;
}

size_t
show_width(const char *p, size_t len)
{
	size_t width = 0;

	for (size_t i = 0, n; i < len; i += n, width++) {
		n = show_utf8(p + i, len - i);
		if (n == 0)
			n = 1;
	}
	return width;
}

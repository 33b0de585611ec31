#include "text.h"

#include <string.h>

/* s without its first n bytes. */
static struct span
span_skip(struct span s, size_t n)
{
	return n > 0 ? span_of(s.p + n, s.len - n) : s;
}

bool
text_line(struct span *rest, struct span *line, bool *bad)
{
	const char *lf;

	if (rest->len == 0)
		return false;
	lf = memchr(rest->p, '\n', rest->len);
	if (lf == NULL) {
		*bad = true;
		return false;
	}
	*line = span_of(rest->p, (size_t)(lf - rest->p));
	*rest = span_skip(*rest, line->len + 1);
	return true;
}

bool
text_field(struct span *line, struct span *field)
{
	const char *space;
	size_t len = line->len;

	if (len == 0)
		return false;
	space = memchr(line->p, ' ', line->len);
	if (space == NULL) {
		*field = *line;
		*line = span_skip(*line, len);
		return true;
	}
	len = (size_t)(space - line->p);
	if (len == 0 || len + 1 == line->len)
		return false;
	*field = span_of(line->p, len);
	*line = span_skip(*line, len + 1);
	return true;
}

bool
text_is_fields(struct span line)
{
	struct span field;

	if (line.len == 0 || memchr(line.p, '\0', line.len) != NULL)
		return false;
	while (line.len > 0)
		if (!text_field(&line, &field))
			return false;
	return true;
}

/* Canonical digits of this base (at most 10), up to max. */
static bool
number(struct span s, unsigned base, uint64_t max, uint64_t *v)
{
	uint64_t n = 0;

	if (s.len == 0 || (s.p[0] == '0' && s.len > 1))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit >= base || n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	*v = n;
	return true;
}

bool
text_u64(struct span s, uint64_t *v)
{
	return number(s, 10, UINT64_MAX, v);
}

bool
text_is_newer(struct span line, const char *word)
{
	struct span field;
	uint64_t version = 0;

	return text_field(&line, &field) && span_is(field, word) &&
	    text_u64(line, &version) && version > 1;
}

bool
text_i64(struct span s, int64_t *v)
{
	uint64_t n = 0;

	if (s.len == 0 || s.p[0] != '-') {
		if (!number(s, 10, INT64_MAX, &n))
			return false;
		*v = (int64_t)n;
		return true;
	}
	if (!number(span_skip(s, 1), 10, (uint64_t)INT64_MAX + 1, &n) || n == 0)
		return false;
	*v = -(int64_t)(n - 1) - 1; /* -2^63 has no positive twin */
	return true;
}

bool
text_octal(struct span s, uint32_t *v)
{
	uint64_t n = 0;

	if (!number(s, 8, UINT32_MAX, &n))
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool
is_escaped(unsigned char byte, bool key)
{
	return byte <= 0x20 || byte == 0x7f || byte == '%' ||
	    (key && byte == '=');
}

/* How many bytes at the front are written as they are. */
static size_t
plain_length(struct span s, bool key)
{
	size_t n = 0;

	while (n < s.len && !is_escaped((unsigned char)s.p[n], key))
		n++;
	return n;
}

enum blk_status
text_escape(struct buf *b, struct span s, bool key, struct fault *why)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = s.len;
	enum blk_status st;
	uint8_t *out;

	if (s.len == 0)
		return buf_add_u8(b, '%', why);
	if (plain_length(s, key) == s.len)
		return buf_add(b, s.p, s.len, why);
	for (size_t i = 0; i < s.len; i++)
		if (is_escaped((unsigned char)s.p[i], key) &&
		    !size_add(len, 2, &len))
			return fault_nomem(why);
	st = buf_reserve(b, len, why);
	if (st != BLK_OK)
		return st;
	out = b->data + b->len;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte = (unsigned char)s.p[i];

		if (!is_escaped(byte, key)) {
			*out++ = byte;
			continue;
		}
		*out++ = '%';
		*out++ = (uint8_t)digits[byte >> 4];
		*out++ = (uint8_t)digits[byte & 15];
	}
	b->len += len;
	return BLK_OK;
}

/* The value of an upper-case hexadecimal digit, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Take one byte from the front of *s; false where its spelling is wrong. */
static bool
unescape_byte(struct span *s, bool key, uint8_t *byte)
{
	int high, low;

	*byte = (uint8_t)s->p[0];
	if (!is_escaped(*byte, key)) {
		*s = span_skip(*s, 1);
		return true;
	}
	if (*byte != '%' || s->len < 3)
		return false;
	high = hex_value(s->p[1]);
	low = hex_value(s->p[2]);
	if (high < 0 || low < 0)
		return false;
	*byte = (uint8_t)(high << 4 | low);
	*s = span_skip(*s, 3);
	return is_escaped(*byte, key);
}

enum blk_status
text_unescape(struct buf *b, struct span s, bool key, struct fault *why)
{
	bool empty = span_is(s, "%");
	enum blk_status st;
	size_t len = 0;

	if (s.len == 0)
		return fault(
		    why, BLK_CORRUPT, "an empty string not written %%");
	st = buf_reserve(b, s.len, why);
	if (st != BLK_OK)
		return st;
	len = plain_length(s, key);
	if (len > 0)
		memcpy(b->data + b->len, s.p, len);
	s = span_skip(s, len);
	while (!empty && s.len > 0)
		if (!unescape_byte(&s, key, &b->data[b->len + len++]))
			return fault(why, BLK_CORRUPT,
			    "a string that is not in its one spelling");
	b->len += len;
	b->data[b->len] = '\0';
	return BLK_OK;
}

/* --- lines --- */

void
text_say(struct text_out *o, const char *s)
{
	if (o->st == BLK_OK)
		o->st = buf_add(o->b, s, strlen(s), o->why);
}

void
text_say_u64(struct text_out *o, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	if (o->st == BLK_OK)
		o->st = buf_add(o->b, digits + at, sizeof(digits) - at, o->why);
}

void
text_say_i64(struct text_out *o, int64_t v)
{
	if (v < 0)
		text_say(o, "-");
	text_say_u64(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void
text_say_id(struct text_out *o, const struct digest *id)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	if (o->st == BLK_OK)
		o->st = buf_add(o->b, hex, DIGEST_HEX - 1, o->why);
}

void
text_say_escaped(struct text_out *o, const char *s)
{
	if (o->st == BLK_OK)
		o->st = text_escape(o->b, span_str(s), false, o->why);
}

/* The length of the UTF-8 sequence at the front of s, 0 if it is none. */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	/* What the first byte says: the length, and the range of the second,
	 * which alone excludes overlong forms, surrogates and > U+10FFFF. */
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool
text_is_utf8(struct span s)
{
	while (s.len > 0) {
		size_t len = utf8_length((const unsigned char *)s.p, s.len);

		if (len == 0)
			return false;
		s = span_skip(s, len);
	}
	return true;
}

bool
text_has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte = (unsigned char)s.p[i];

		if (byte < 0x20 || byte == 0x7f)
			return true;
		if (byte == 0xc2 && i + 1 < s.len &&
		    (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

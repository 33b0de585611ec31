/*
 * Text is taken apart without a step outside it, and what a parser accepts is
 * what the other direction writes.
 */
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
numbers_of(struct span s)
{
	struct fault why = FAULT_NONE;
	struct buf b = BUF_INIT(64);
	uint64_t u;
	int64_t i;
	uint32_t o;

	if (text_u64(s, &u)) {
		must(buf_printf(&b, &why, "%" PRIu64, u) == BLK_OK);
		must(span_equal(s, span_of(b.data, b.len)));
	}
	b.len = 0;
	if (text_i64(s, &i)) {
		must(buf_printf(&b, &why, "%" PRId64, i) == BLK_OK);
		must(span_equal(s, span_of(b.data, b.len)));
	}
	b.len = 0;
	if (text_octal(s, &o)) {
		must(buf_printf(&b, &why, "%" PRIo32, o) == BLK_OK);
		must(span_equal(s, span_of(b.data, b.len)));
	}
	buf_release(&b);
}

static void
strings_of(struct span s, bool key)
{
	struct fault why = FAULT_NONE;
	struct buf b = BUF_INIT(3 * s.len + 1), back = BUF_INIT(3 * s.len + 1);

	/* Anything can be written, and is read back the same. */
	must(text_escape(&b, s, key, &why) == BLK_OK);
	must(text_unescape(&back, span_of(b.data, b.len), key, &why) == BLK_OK);
	must(span_equal(s, span_of(back.data, back.len)));
	must(!text_is_utf8(s) || text_is_utf8(span_of(b.data, b.len)));
	/* What is accepted as written is what would be written. */
	b.len = 0;
	back.len = 0;
	if (text_unescape(&b, s, key, &why) == BLK_OK) {
		struct span plain = span_of(b.data, b.len);

		must(text_escape(&back, plain, key, &why) == BLK_OK);
		must(span_equal(s, span_of(back.data, back.len)));
	}
	buf_release(&b);
	buf_release(&back);
}

/* The fields and spaces of a line are all of it. */
static void
line_of(struct span line)
{
	size_t len = line.len, seen = 0;
	struct span field;

	while (text_field(&line, &field)) {
		must(field.len > 0);
		must(memchr(field.p, ' ', field.len) == NULL);
		seen += field.len + (line.len > 0);
		numbers_of(field);
		strings_of(field, false);
		strings_of(field, true);
	}
	must(seen + line.len == len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size), line;
	size_t seen = 0;
	bool bad = false;

	strings_of(rest, false);
	while (text_line(&rest, &line, &bad)) {
		seen += line.len + 1;
		line_of(line);
	}
	must(seen + rest.len == size);
	must(bad == (rest.len > 0));
	return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct fault why;

static void
spans_compare_by_their_bytes(void **state)
{
	struct span s = span_of("version x", 7);

	(void)state;
	assert_true(span_is(s, "version"));
	assert_false(span_is(s, "versio"));
	assert_false(span_is(s, "version "));
	assert_true(span_starts(s, "vers"));
	assert_true(span_starts(s, ""));
	assert_false(span_starts(s, "version "));
	assert_true(span_equal(span_of(NULL, 0), span_str("")));
	assert_true(span_is(span_of(NULL, 0), ""));
	assert_false(span_equal(span_str("a"), span_str("b")));
	assert_true(span_equal(span_of("a\0b", 3), span_of("a\0b", 3)));
}

static void
lines_are_taken_one_by_one(void **state)
{
	struct span rest = span_str("one\n\ntwo words\n"), line;
	bool bad = false;

	(void)state;
	assert_true(text_line(&rest, &line, &bad));
	assert_true(span_is(line, "one"));
	assert_true(text_line(&rest, &line, &bad));
	assert_int_equal(line.len, 0);
	assert_true(text_line(&rest, &line, &bad));
	assert_true(span_is(line, "two words"));
	assert_false(text_line(&rest, &line, &bad));
	assert_false(bad);
	rest = span_of(NULL, 0);
	assert_false(text_line(&rest, &line, &bad));
	assert_false(bad);
}

static void
a_last_line_without_lf_is_bad(void **state)
{
	struct span rest = span_str("one\ntw"), line;
	bool bad = false;

	(void)state;
	assert_true(text_line(&rest, &line, &bad));
	assert_false(text_line(&rest, &line, &bad));
	assert_true(bad);
	rest = span_str("fine\n");
	assert_true(text_line(&rest, &line, &bad));
	assert_true(bad); /* once bad, it stays so */
}

static void
fields_are_taken_one_by_one(void **state)
{
	struct span line = span_str("d 12 last"), field;

	(void)state;
	assert_true(text_field(&line, &field));
	assert_true(span_is(field, "d"));
	assert_true(text_field(&line, &field));
	assert_true(span_is(field, "12"));
	assert_true(span_is(line, "last"));
	assert_true(text_field(&line, &field));
	assert_true(span_is(field, "last"));
	assert_int_equal(line.len, 0);
	assert_false(text_field(&line, &field));
	line = span_of(NULL, 0);
	assert_false(text_field(&line, &field));
}

static void
an_empty_field_stops_the_line_where_it_stands(void **state)
{
	static const struct {
		const char *line, *left;
		int fields;
	} row[] = {
		{ " a", " a", 0 },
		{ " ", " ", 0 },
		{ "a  b", " b", 1 },
		{ "a b ", "b ", 1 },
		{ "a ", "a ", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct span line = span_str(row[i].line), field;
		int n = 0;

		while (text_field(&line, &field))
			n++;
		assert_int_equal(n, row[i].fields);
		assert_true(span_is(line, row[i].left));
	}
}

static void
numbers_have_one_spelling(void **state)
{
	static const struct {
		const char *text;
		bool fits_u64, fits_i64;
		uint64_t v;
	} row[] = {
		{ "0", true, true, 0 },
		{ "7", true, true, 7 },
		{ "10", true, true, 10 },
		{ "9223372036854775807", true, true, INT64_MAX },
		{ "9223372036854775808", true, false, (uint64_t)1 << 63 },
		{ "18446744073709551615", true, false, UINT64_MAX },
		{ "-1", false, true, UINT64_MAX },
		{ "-9223372036854775808", false, true, (uint64_t)1 << 63 },
		{ "-9223372036854775809", false, false, 0 },
		{ "18446744073709551616", false, false, 0 },
		{ "99999999999999999999", false, false, 0 },
		{ "184467440737095516150", false, false, 0 },
		{ "", false, false, 0 },
		{ "-", false, false, 0 },
		{ "-0", false, false, 0 },
		{ "00", false, false, 0 },
		{ "01", false, false, 0 },
		{ "-01", false, false, 0 },
		{ "+1", false, false, 0 },
		{ "--1", false, false, 0 },
		{ " 1", false, false, 0 },
		{ "1 ", false, false, 0 },
		{ "1a", false, false, 0 },
		{ "0x1", false, false, 0 },
		{ ":", false, false, 0 },
		{ "/", false, false, 0 },
		{ "\xb1", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct span s = span_str(row[i].text);
		uint64_t u = 42;
		int64_t n = 42;

		assert_true(text_u64(s, &u) == row[i].fits_u64);
		assert_true(u == (row[i].fits_u64 ? row[i].v : 42));
		assert_true(text_i64(s, &n) == row[i].fits_i64);
		assert_true((uint64_t)n == (row[i].fits_i64 ? row[i].v : 42));
	}
}

static void
modes_are_octal(void **state)
{
	static const char *const bad[] = { "", "00", "0644", "8", "9",
		"40000000000", "777777777777777777777777", "-1", "1 " };
	uint32_t v = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(text_octal(span_str(bad[i]), &v));
	assert_int_equal(v, 42);
	assert_true(text_octal(span_str("0"), &v));
	assert_int_equal(v, 0);
	assert_true(text_octal(span_str("100644"), &v));
	assert_int_equal(v, 0100644);
	assert_true(text_octal(span_str("37777777777"), &v));
	assert_int_equal(v, UINT32_MAX);
}

static const struct {
	const char *plain, *escaped;
	bool key;
} strings[] = {
	{ "", "%", false },
	{ "", "%", true },
	{ "name", "name", false },
	{ "a b", "a%20b", false },
	{ "100%", "100%25", false },
	{ "%", "%25", false },
	{ "k=v", "k=v", false },
	{ "k=v", "k%3Dv", true },
	{ "\n\t\x7f\x1f", "%0A%09%7F%1F", false },
	{ "\xc3\xa4\xff!~", "\xc3\xa4\xff!~", false },
};

static void
strings_are_escaped_and_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strings); i++) {
		struct buf b = BUF_INIT(64), back = BUF_INIT(64);

		assert_int_equal(text_escape(&b, span_str(strings[i].plain),
		                     strings[i].key, &why),
		    BLK_OK);
		assert_true(
		    span_is(span_of(b.data, b.len), strings[i].escaped));
		assert_int_equal(text_unescape(&back, span_of(b.data, b.len),
		                     strings[i].key, &why),
		    BLK_OK);
		assert_int_equal(back.len, strlen(strings[i].plain));
		assert_string_equal((char *)back.data, strings[i].plain);
		buf_release(&b);
		buf_release(&back);
	}
}

static void
every_byte_survives_in_one_spelling(void **state)
{
	struct buf b = BUF_INIT(2000), back = BUF_INIT(2000);
	char all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	assert_int_equal(
	    text_escape(&b, span_of(all, 256), true, &why), BLK_OK);
	assert_int_equal(b.len, 256 + 2 * 36); /* 00-20, 7f, % and = */
	assert_int_equal(
	    text_unescape(&back, span_of(b.data, b.len), true, &why), BLK_OK);
	assert_int_equal(back.len, 256);
	assert_memory_equal(back.data, all, 256);
	buf_release(&b);
	buf_release(&back);
}

static void
other_spellings_are_corrupt_and_add_nothing(void **state)
{
	static const struct {
		const char *text;
		bool key;
	} bad[] = {
		{ "", false },
		{ "a b", false },
		{ "a\n", false },
		{ "\x7f", false },
		{ "a%", false },
		{ "%2", false },
		{ "a%2", false },
		{ "%%", false },
		{ "%41", false }, /* 'A' needs none */
		{ "%3D", false }, /* only in keys */
		{ "k=v", true },
		{ "%0a", false }, /* lower case */
		{ "%G0", false },
		{ "\x01"
		  "20",
		    false }, /* no '%', but two digits */
		{ "%0G", false },
		{ "%FF", false },
		{ "%2525%", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct buf b = BUF_INIT(64);

		assert_int_equal(buf_add(&b, "old", 3, &why), BLK_OK);
		assert_int_equal(
		    text_unescape(&b, span_str(bad[i].text), bad[i].key, &why),
		    BLK_CORRUPT);
		assert_int_equal(b.len, 3);
		assert_memory_equal(b.data, "old", 3);
		buf_release(&b);
	}
}

static void
strings_go_behind_what_is_there(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	assert_int_equal(buf_add(&b, "x=", 2, &why), BLK_OK);
	assert_int_equal(text_escape(&b, span_str("a b"), false, &why), BLK_OK);
	assert_true(span_is(span_of(b.data, b.len), "x=a%20b"));
	/* Five bytes do not fit into the three that are left. */
	assert_int_equal(
	    text_escape(&b, span_str("   "), false, &why), BLK_INVALID);
	assert_int_equal(b.len, 7);
	assert_int_equal(
	    text_unescape(&b, span_str("abcd"), false, &why), BLK_INVALID);
	assert_int_equal(b.len, 7);
	buf_release(&b);
}

static void
utf8_is_told_from_other_bytes(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} row[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc2\x80", true }, /* U+0080 */
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true }, /* U+0800 */
		{ "\xed\x9f\xbf", true }, /* U+D7FF */
		{ "\xee\x80\x80", true }, /* U+E000 */
		{ "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true }, /* U+10000 */
		{ "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */
		{ "a\xe2\x82\xac!", true },
		{ "\x80", false },
		{ "\xbf", false },
		{ "\xc0\x80", false }, /* overlong */
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xed\xa0\x80", false }, /* surrogates */
		{ "\xed\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xc2", false }, /* cut short */
		{ "\xe2\x82", false },
		{ "\xf0\x90\x80", false },
		{ "\xc2\x41", false },
		{ "\xe2\x82\x41", false },
		{ "\xf0\x90\x41\x80", false },
		{ "\xf0\x90\x80\xc0", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		assert_true(text_is_utf8(span_str(row[i].text)) == row[i].good);
	assert_true(text_is_utf8(span_of(NULL, 0)));
	assert_true(text_is_utf8(span_of("a\0b", 3)));
}

static void
control_characters_are_found_wherever_they_stand(void **state)
{
	(void)state;
	assert_true(text_has_control(span_of("a\0", 2)));
	assert_true(text_has_control(span_str("\na")));
	assert_true(text_has_control(span_str("a\x7f")));
	assert_true(text_has_control(span_str("\xc2\x85")));
	assert_false(text_has_control(span_str("\xc2\xa0 ~")));
	assert_false(text_has_control(span_str("a\xc2"))); /* no UTF-8 */
	assert_false(text_has_control(span_of(NULL, 0)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_compare_by_their_bytes),
		cmocka_unit_test(lines_are_taken_one_by_one),
		cmocka_unit_test(a_last_line_without_lf_is_bad),
		cmocka_unit_test(fields_are_taken_one_by_one),
		cmocka_unit_test(an_empty_field_stops_the_line_where_it_stands),
		cmocka_unit_test(numbers_have_one_spelling),
		cmocka_unit_test(modes_are_octal),
		cmocka_unit_test(strings_are_escaped_and_come_back),
		cmocka_unit_test(every_byte_survives_in_one_spelling),
		cmocka_unit_test(other_spellings_are_corrupt_and_add_nothing),
		cmocka_unit_test(strings_go_behind_what_is_there),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(
		    control_characters_are_found_wherever_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

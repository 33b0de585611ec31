#include "output.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "show.h"

static const struct output_field fields[] = {
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "name", .title = "NAME" },
	{ .name = "time" },
	{ .name = "attr" },
	{ .name = NULL },
};

/* What an output wrote. */
struct sink {
	struct output_options o;
	struct output *out;
	char *text;
	size_t len;
};

static void
sink_open(struct sink *s, struct output_options o)
{
	struct fault why = FAULT_NONE;

	s->o = o;
	s->o.file = open_memstream(&s->text, &s->len);
	s->o.type = "item";
	s->o.field = fields;
	assert_non_null(s->o.file);
	assert_int_equal(output_open(&s->o, &s->out, &why), BLK_OK);
}

static void
sink_expect(struct sink *s, const char *text, size_t len)
{
	struct fault why = FAULT_NONE;

	assert_int_equal(output_finish(s->out, &why), BLK_OK);
	output_free(s->out);
	fclose(s->o.file);
	if (s->len != len || memcmp(s->text, text, len) != 0)
		fail_msg("wrote:\n%s\nexpected:\n%s", s->text, text);
	free(s->text);
}

static void
end(struct sink *s)
{
	struct fault why = FAULT_NONE;

	assert_int_equal(output_end(s->out, &why), BLK_OK);
}

static void
item(struct sink *s, const char *id, uint64_t size, const char *name)
{
	output_begin(s->out, "item");
	output_string(s->out, "id", id);
	output_size(s->out, "size", size);
	output_bytes(s->out, "name", name, strlen(name));
	end(s);
}

#define EXPECT(s, text) sink_expect(s, text, sizeof(text) - 1)

static void
templates_print_fields_and_percent_signs(void **state)
{
	static const struct {
		const char *format, *text;
	} cases[] = {
		{ "%(id) %(size) %%", "a 2048 %\n" },
		{ "%%(id)%%", "%(id)%\n" }, { "", "\n" },
		{ "plain", "plain\n" }, { "%(id)%(id)", "aa\n" },
		{ "(%(name))", "(n)\n" },
		{ "<%(time)>", "<>\n" }, /* not set: empty */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sink s;

		sink_open(
		    &s, (struct output_options){ .format = cases[i].format });
		item(&s, "a", 2048, "n");
		sink_expect(&s, cases[i].text, strlen(cases[i].text));
	}
}

static void
templates_that_make_no_sense_are_refused(void **state)
{
	static const char *const formats[] = { "%", "%(id", "%(", "%()",
		"%(nme)", "%(ID)", "%(id )", "100% of %(id)", "%d", "%(id)%" };

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct output_options o = {
			.file = stdout,
			.type = "item",
			.field = fields,
			.format = formats[i],
		};
		struct fault why = FAULT_NONE;
		struct output *out;

		assert_int_equal(output_open(&o, &out, &why), BLK_INVALID);
		assert_null(out);
		assert_true(strlen(why.text) > 0);
		o.json = true; /* is checked all the same */
		assert_int_equal(output_open(&o, &out, &why), BLK_INVALID);
	}
}

static void
a_template_of_too_many_pieces_is_refused(void **state)
{
	char format[8 * 4 * OUTPUT_FIELDS_MAX] = "";
	struct output_options o = { .file = stdout,
		.type = "item",
		.field = fields,
		.format = format };
	struct fault why = FAULT_NONE;
	struct output *out;

	(void)state;
	for (int i = 0; i < 4 * OUTPUT_FIELDS_MAX; i++)
		strcat(format, "%(id)");
	assert_int_equal(output_open(&o, &out, &why), BLK_INVALID);
}

static void
an_unknown_field_lists_those_there_are(void **state)
{
	struct output_options o = { .file = stdout,
		.type = "item",
		.field = fields,
		.columns = "id bogus" };
	struct fault why = FAULT_NONE;
	struct output *out;

	(void)state;
	assert_int_equal(output_open(&o, &out, &why), BLK_INVALID);
	assert_string_equal(why.text,
	    "there is no field 'bogus'; there are: "
	    "id, size, name, time, attr");
}

static void
items_end_in_nul_when_asked(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s,
	    (struct output_options){
	        .format = "%(name)", .null = true, .terminal = true });
	item(&s, "a", 1, "x\ny");
	item(&s, "a", 1, "\033");
	EXPECT(&s, "x\ny\0\033\0");
}

static void
a_table_is_as_wide_as_its_values(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s,
	    (struct output_options){
	        .columns = "id size name", .titles = true });
	item(&s, "1", 0, "x");
	item(&s, "\xc3\xa9\xc3\xa9\xc3\xa9", 1536, "longer");
	EXPECT(&s,
	    "ID      SIZE  NAME\n"
	    "1        0 B  x\n"
	    "\xc3\xa9\xc3\xa9\xc3\xa9  1.5 KiB  longer\n");
}

static void
a_table_without_rows_has_no_titles(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s,
	    (struct output_options){ .columns = "id name", .titles = true });
	EXPECT(&s, "");
}

static void
a_long_table_keeps_every_row_in_order(void **state)
{
	struct sink s;
	char *p, *save = NULL;
	int n = 0;

	(void)state;
	sink_open(&s, (struct output_options){ .columns = "id name" });
	for (int i = 0; i < 1000; i++) {
		char id[16], name[16];

		snprintf(id, sizeof(id), "%d", i);
		snprintf(name, sizeof(name), "n%d", i);
		item(&s, id, 1, name);
	}
	assert_int_equal(
	    output_finish(s.out, &(struct fault)FAULT_NONE), BLK_OK);
	output_free(s.out);
	fclose(s.o.file);
	for (p = strtok_r(s.text, "\n", &save); p != NULL;
	     p = strtok_r(NULL, "\n", &save), n++) {
		char line[40];

		/* the first rows decide the width: three digits */
		snprintf(line, sizeof(line), "%-3d  n%d", n, n);
		assert_string_equal(p, line);
	}
	assert_int_equal(n, 1000);
	free(s.text);
}

static void
colour_does_not_count_as_width(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s,
	    (struct output_options){
	        .columns = "id name", .color = true, .titles = true });
	item(&s, "abc", 1, "x");
	item(&s, "", 1, "y");
	EXPECT(&s,
	    "\033[1mID\033[0m   \033[1mNAME\033[0m\n"
	    "\033[33mabc\033[0m  x\n"
	    "     y\n");
}

static void
items_of_other_types_are_json_only(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s, (struct output_options){ .format = "%(id)" });
	item(&s, "a", 1, "x");
	output_begin(s.out, "summary");
	output_string(s.out, "id", "not this");
	end(&s);
	item(&s, "b", 1, "x");
	EXPECT(&s, "a\nb\n");
}

static void
a_value_does_not_stay_for_the_next_item(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s, (struct output_options){ .format = "[%(name)]" });
	item(&s, "a", 1, "x");
	output_begin(s.out, "item");
	end(&s);
	EXPECT(&s, "[x]\n[]\n");
}

static void
json_has_type_first_and_keys_in_order(void **state)
{
	static const char *const tags[] = { "one", "two" };
	struct sink s;

	(void)state;
	sink_open(&s, (struct output_options){ .json = true, .null = true });
	output_begin(s.out, "item");
	output_string(s.out, "z", "\"\\\n\x01\x7f");
	output_u64(s.out, "a", 0);
	output_u64(s.out, "big", UINT64_MAX);
	output_i64(s.out, "less", INT64_MIN);
	output_real(s.out, "ratio", 0.1);
	output_real(s.out, "nothing", NAN);
	output_bool(s.out, "yes", true);
	output_none(s.out, "none");
	output_time(s.out, "time", 1500000000);
	output_strings(s.out, "tags", tags, 2);
	output_strings(s.out, "no_tags", NULL, 0);
	output_nest(s.out, "attr");
	output_string(s.out, "id", "inner");
	output_nest_end(s.out);
	output_string(s.out, "last", "");
	end(&s);
	output_begin(s.out, "summary");
	end(&s);
	EXPECT(&s,
	    "{\"type\":\"item\",\"z\":\"\\\"\\\\\\n\\u0001\x7f\","
	    "\"a\":0,\"big\":9223372036854775807,"
	    "\"less\":-9223372036854775808,"
	    "\"ratio\":0.1,\"nothing\":null,\"yes\":true,\"none\":null,"
	    "\"time\":\"1970-01-01T00:00:01.500000000Z\","
	    "\"tags\":[\"one\",\"two\"],\"no_tags\":[],"
	    "\"attr\":{\"id\":\"inner\"},\"last\":\"\"}\n"
	    "{\"type\":\"summary\"}\n");
}

static void
json_of_bytes_that_are_not_utf8_has_them_in_base64(void **state)
{
	static const char *const list[] = { "ok", "\xff" };
	struct sink s;

	(void)state;
	sink_open(&s, (struct output_options){ .json = true });
	output_begin(s.out, "item");
	output_bytes(s.out, "path", "a\xffz", 3);
	output_bytes(s.out, "nul", "a\0b", 3);
	output_bytes(s.out, "four", "\xff\xfe\xfd\xfc", 4);
	output_bytes(s.out, "cut", "\xe2\x82", 2);
	output_strings(s.out, "list", list, 2);
	end(&s);
	EXPECT(&s,
	    "{\"type\":\"item\",\"path\":\"a\xef\xbf\xbdz\",\"path_b64\":"
	    "\"Yf96\","
	    "\"nul\":\"a\\u0000b\","
	    "\"four\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"four_b64\":\"//79/A==\","
	    "\"cut\":\"\xef\xbf\xbd\xef\xbf\xbd\",\"cut_b64\":\"4oI=\","
	    "\"list\":[\"ok\",\"\xef\xbf\xbd\"],\"list_b64\":[\"b2s=\",\"/"
	    "w==\"]}\n");
}

static void
text_joins_lists_and_nests(void **state)
{
	static const char *const names[] = { "x", "y" };
	struct sink s;

	(void)state;
	sink_open(
	    &s, (struct output_options){ .format = "%(id)|%(name)|%(attr)" });
	output_begin(s.out, "item");
	output_string(s.out, "id", "outer");
	output_strings(s.out, "name", names, 2);
	output_nest(s.out, "attr");
	output_string(s.out, "id", "inner");
	output_u64(s.out, "n", 7);
	output_nest_end(s.out);
	output_nest(s.out, "no_such_field");
	output_string(s.out, "id", "lost");
	output_nest_end(s.out);
	end(&s);
	EXPECT(&s, "outer|x,y|id=inner,n=7\n");
}

static void
times_are_local_in_tables_and_utc_elsewhere(void **state)
{
	struct sink s;

	(void)state;
	setenv("TZ", "UTC-2", 1);
	tzset();
	sink_open(&s, (struct output_options){ .columns = "time" });
	output_begin(s.out, "item");
	output_time(s.out, "time", 0);
	end(&s);
	EXPECT(&s, "1970-01-01 02:00:00\n");
	sink_open(&s, (struct output_options){ .format = "%(time)" });
	output_begin(s.out, "item");
	output_time(s.out, "time", -1000000000);
	end(&s);
	EXPECT(&s, "1969-12-31T23:59:59Z\n");
}

static void
a_lost_write_is_reported_at_the_latest_by_finish(void **state)
{
	static const struct output_options ways[] = {
		{ .format = "%(id)" },
		{ .columns = "id" },
		{ .json = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct output_options o = ways[i];
		struct fault why = FAULT_NONE;
		struct output *out;

		o.file = fopen("/dev/full", "w");
		o.type = "item";
		o.field = fields;
		assert_non_null(o.file);
		assert_int_equal(output_open(&o, &out, &why), BLK_OK);
		output_begin(out, "item");
		output_string(out, "id", "a");
		assert_int_equal(output_end(out, &why), BLK_OK);
		assert_int_equal(output_finish(out, &why), BLK_FAILED);
		assert_string_equal(
		    why.text, "standard output: No space left on device");
		output_begin(out, "item");
		assert_int_equal(output_end(out, &why), BLK_FAILED);
		output_free(out);
		fclose(o.file);
	}
	output_free(NULL);
}

static void
a_message_is_one_json_line(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	output_message(f, "error", 4, "corrupt", "bad\n\xff");
	output_message(f, "note", -1, NULL, "");
	fclose(f);
	assert_string_equal(text,
	    "{\"type\":\"error\",\"code\":4,\"kind\":\"corrupt\","
	    "\"message\":\"bad\\n\xef\xbf\xbd\",\"message_b64\":\"YmFkCv8=\"}\n"
	    "{\"type\":\"note\",\"message\":\"\"}\n");
	free(text);
}

/* --- show.h, which this room rests on --- */

static void
utf8_characters_are_told_from_other_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t len, expect;
	} cases[] = {
		{ "", 0, 0 },
		{ "\0", 1, 1 },
		{ "\x7f", 1, 1 },
		{ "\x80", 1, 0 },
		{ "\xbf", 1, 0 },
		{ "\xc0\x80", 2, 0 }, /* overlong */
		{ "\xc1\xbf", 2, 0 },
		{ "\xc2\x80", 2, 2 },
		{ "\xc2", 1, 0 },
		{ "\xc2\x41", 2, 0 },
		{ "\xdf\xbf", 2, 2 },
		{ "\xe0\x9f\xbf", 3, 0 }, /* overlong */
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 }, /* surrogate */
		{ "\xef\xbf\xbf", 3, 3 },
		{ "\xef\xbf", 2, 0 },
		{ "\xef\xbf\x41", 3, 0 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, /* overlong */
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "\xff", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (show_utf8(cases[i].text, cases[i].len) != cases[i].expect)
			fail_msg("case %zu", i);
}

static void
what_a_terminal_would_obey_is_spelled_out(void **state)
{
	static const struct {
		const char *text, *expect;
	} cases[] = {
		{ "", "" },
		{ "a\\b \xc3\xa9 \xf0\x9f\x98\x80",
		    "a\\b \xc3\xa9 \xf0\x9f\x98\x80" },
		{ "\n\t\r", "\\n\\t\\r" },
		{ "\x01\x1b[2J\x7f", "\\001\\033[2J\\177" },
		{ "\xc2\x9b"
		  "2J",
		    "\\302\\2332J" }, /* C1 */
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xff\xc3", "\\377\\303" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *safe = show_escape(cases[i].text, strlen(cases[i].text));

		assert_non_null(safe);
		assert_string_equal(safe, cases[i].expect);
		free(safe);
	}
	assert_null(show_escape("", SIZE_MAX));
	assert_int_equal(show_width("a\xc3\xa9\xff\xf0\x9f\x98\x80", 8), 4);
	assert_int_equal(show_width("", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_print_fields_and_percent_signs),
		cmocka_unit_test(templates_that_make_no_sense_are_refused),
		cmocka_unit_test(a_template_of_too_many_pieces_is_refused),
		cmocka_unit_test(an_unknown_field_lists_those_there_are),
		cmocka_unit_test(items_end_in_nul_when_asked),
		cmocka_unit_test(a_table_is_as_wide_as_its_values),
		cmocka_unit_test(a_table_without_rows_has_no_titles),
		cmocka_unit_test(a_long_table_keeps_every_row_in_order),
		cmocka_unit_test(colour_does_not_count_as_width),
		cmocka_unit_test(items_of_other_types_are_json_only),
		cmocka_unit_test(a_value_does_not_stay_for_the_next_item),
		cmocka_unit_test(json_has_type_first_and_keys_in_order),
		cmocka_unit_test(
		    json_of_bytes_that_are_not_utf8_has_them_in_base64),
		cmocka_unit_test(text_joins_lists_and_nests),
		cmocka_unit_test(times_are_local_in_tables_and_utc_elsewhere),
		cmocka_unit_test(
		    a_lost_write_is_reported_at_the_latest_by_finish),
		cmocka_unit_test(a_message_is_one_json_line),
		cmocka_unit_test(utf8_characters_are_told_from_other_bytes),
		cmocka_unit_test(what_a_terminal_would_obey_is_spelled_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

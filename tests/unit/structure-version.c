/*
 * Versions: one text for each, and one version for each text.
 */
#include "structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define HEAD "version 1\nname n\nnumber 1\n"
#define CONTENT "content content " A " 5\ntime 1\n"

static struct digest
id_of(const char *hex)
{
	struct digest id;

	assert_true(digest_parse(hex, 64, &id));
	return id;
}

static void
assert_parses(const char *text, size_t len, bool good)
{
	struct version v;
	struct fault why = FAULT_NONE;
	enum blk_status st = version_parse(span_of(text, len), &v, &why);

	if (st != (good ? BLK_OK : BLK_CORRUPT))
		fail_msg("%s: %d: %s", text, (int)st, why.text);
	if (!good) {
		assert_null(v.name);
		assert_null(v.attr);
	}
	version_release(&v);
}

static void
a_version_is_written_as_the_manual_says(void **state)
{
	struct version_attr attr[] = { { (char *)"z", (char *)"" },
		{ (char *)"a key=%", (char *)"a=b c%" } };
	struct version_link link[] = {
		{ (char *)"r", CLASS_TREE, id_of(A) },
		{ (char *)"r", CLASS_CONTENT, id_of(B) },
		{ (char *)"r", CLASS_CONTENT, id_of(A) },
		{ (char *)"=", CLASS_VERSION, id_of(A) },
	};
	struct version v = {
		.name = (char *)"dir/a name",
		.number = 7,
		.has_previous = true,
		.previous = id_of(B),
		.class = CLASS_SNAPSHOT,
		.id = id_of(A),
		.size = UINT64_MAX,
		.time = INT64_MIN,
		.expires = -1,
		.type = (char *)"text/plain; x",
		.attr = attr,
		.attrs = 2,
		.link = link,
		.links = 4,
	};
	struct buf b = BUF_INIT(10000);
	struct fault why;

	(void)state;
	assert_int_equal(version_format(&v, &b, &why), BLK_INVALID);
	version_sort(&v);
	assert_int_equal(version_format(&v, &b, &why), BLK_OK);
	assert_int_equal(buf_add_u8(&b, 0, &why), BLK_OK);
	assert_string_equal((char *)b.data,
	    "version 1\n"
	    "name dir/a%20name\n"
	    "number 7\n"
	    "previous " B "\n"
	    "content snapshot " A " 18446744073709551615\n"
	    "time -9223372036854775808\n"
	    "type text/plain;%20x\n"
	    "expires -1\n"
	    "attr:a%20key%3D%25=a=b%20c%25\n"
	    "attr:z=%\n"
	    "link:%3D=version:" A "\n"
	    "link:r=content:" A "\n"
	    "link:r=content:" B "\n"
	    "link:r=tree:" A "\n");
	buf_release(&b);
}

/* Two texts that each say all that a version can, and as little. */
static const char *const good[] = {
	HEAD CONTENT,
	"version 1\nname dir/a%20name\nnumber 7\nprevious " B
	"\ncontent snapshot " A " 18446744073709551615\n"
	"time -9223372036854775808\ntype text/plain;%20x\nexpires -1\n"
	"attr:a%20key%3D%25=a=b%20c%25\nattr:z=%\nlink:%3D=version:" A
	"\nlink:r=content:" A "\nlink:r=content:" B "\nlink:r=tree:" A "\n",
	"version 1\nname " A "\nnumber 1\ncontent tree " A " 0\ntime 0\n",
};

static void
what_is_parsed_is_written_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct version v, copy;
		struct buf b = BUF_INIT(10000);
		struct fault why;

		assert_int_equal(
		    version_parse(span_str(good[i]), &v, &why), BLK_OK);
		assert_int_equal(version_copy(&v, &copy, &why), BLK_OK);
		version_release(&v);
		assert_null(v.name);
		assert_int_equal(version_format(&copy, &b, &why), BLK_OK);
		assert_int_equal(b.len, strlen(good[i]));
		assert_memory_equal(b.data, good[i], b.len);
		version_release(&copy);
		buf_release(&b);
	}
}

static void
fields_are_what_the_text_says(void **state)
{
	struct version v;
	struct fault why;
	struct digest a = id_of(A), b = id_of(B);

	(void)state;
	assert_int_equal(version_parse(span_str(good[1]), &v, &why), BLK_OK);
	assert_string_equal(v.name, "dir/a name");
	assert_int_equal(v.number, 7);
	assert_true(v.has_previous && digest_equal(&v.previous, &b));
	assert_int_equal(v.class, CLASS_SNAPSHOT);
	assert_true(digest_equal(&v.id, &a));
	assert_true(v.size == UINT64_MAX && v.time == INT64_MIN);
	assert_int_equal(v.expires, -1);
	assert_string_equal(v.type, "text/plain; x");
	assert_int_equal(v.attrs, 2);
	assert_string_equal(v.attr[0].key, "a key=%");
	assert_string_equal(v.attr[0].value, "a=b c%");
	assert_string_equal(v.attr[1].value, "");
	assert_int_equal(v.links, 4);
	assert_string_equal(v.link[0].rel, "=");
	assert_int_equal(v.link[3].class, CLASS_TREE);
	version_release(&v);

	assert_int_equal(version_parse(span_str(good[0]), &v, &why), BLK_OK);
	assert_string_equal(v.type, "");
	assert_false(v.has_previous);
	assert_int_equal(v.expires, 0);
	version_release(&v);
}

static void
lines_of_the_future_are_passed_over(void **state)
{
	(void)state;
	assert_parses("version 1\nx-a\nname n\nx-b c d\nnumber 1\n" CONTENT
	              "x-\nattr:a=b\nx-c\nattr:b=c\nx-d\n",
	    strlen("version 1\nx-a\nname n\nx-b c d\nnumber 1\n" CONTENT
	           "x-\nattr:a=b\nx-c\nattr:b=c\nx-d\n"),
	    true);
	assert_parses(
	    "x-a\n" HEAD CONTENT, strlen("x-a\n" HEAD CONTENT), false);
}

static void
no_other_text_is_a_version(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"version 1",
		"version 1\n",
		"version 0\nname n\nnumber 1\n" CONTENT,
		"version 2",
		" " HEAD CONTENT,
		HEAD,
		HEAD CONTENT "\n",
		HEAD CONTENT "x",
		HEAD CONTENT "unknown x\n",
		HEAD CONTENT HEAD CONTENT,
		/* order, and twice */
		"version 1\nnumber 1\nname n\n" CONTENT,
		HEAD "time 1\ncontent content " A " 5\n",
		HEAD CONTENT "expires 1\ntype t\n",
		HEAD CONTENT "type t\ntype t\n",
		HEAD CONTENT "link:r=tree:" A "\nattr:k=v\n",
		HEAD CONTENT "attr:b=v\nattr:a=v\n",
		HEAD CONTENT "attr:a=v\nattr:a=w\n",
		HEAD CONTENT "link:r=tree:" A "\nlink:r=tree:" A "\n",
		HEAD CONTENT "link:r=tree:" A "\nlink:r=content:" A "\n",
		HEAD CONTENT "link:r=tree:" B "\nlink:r=tree:" A "\n",
		/* names */
		"version 1\nname \nnumber 1\n" CONTENT,
		"version 1\nname %\nnumber 1\n" CONTENT,
		"version 1\nname a b\nnumber 1\n" CONTENT,
		"version 1\nname a%2\nnumber 1\n" CONTENT,
		"version 1\nname %61\nnumber 1\n" CONTENT,
		"version 1\nname a%00b\nnumber 1\n" CONTENT,
		"version 1\nname a:b\nnumber 1\n" CONTENT,
		"version 1\nname a\xff\nnumber 1\n" CONTENT,
		/* numbers */
		"version 1\nname n\nnumber 0\n" CONTENT,
		"version 1\nname n\nnumber 01\n" CONTENT,
		"version 1\nname n\nnumber 18446744073709551616\n" CONTENT,
		"version 1\nname n\nnumber \n" CONTENT,
		HEAD "content content " A " 05\ntime 1\n",
		HEAD "content content " A " 5\ntime -0\n",
		HEAD "content content " A " 5\ntime 9223372036854775808\n",
		HEAD CONTENT "expires 0\n",
		HEAD CONTENT "type %\n",
		HEAD CONTENT "type \n",
		HEAD CONTENT "expires x\n",
		/* the chain */
		HEAD "previous " B "\n" CONTENT,
		"version 1\nname n\nnumber 2\n" CONTENT,
		"version 1\nname " A "\nnumber 2\n" CONTENT,
		"version 1\nname " A "\nnumber 2\nprevious " B "\n" CONTENT,
		"version 1\nname " A "\nnumber 1\nprevious " B "\n" CONTENT,
		"version 1\nname " B "\nnumber 1\n" CONTENT,
		"version 1\nname x" A "\nnumber 1\nprevious " B "\n" CONTENT,
		/* lines of the future that are no lines */
		HEAD CONTENT "x-a  b\n",
		HEAD CONTENT "x-a b \n",
		/* ids and classes */
		HEAD "content content " A "a 5\ntime 1\n",
		HEAD "content content aa 5\ntime 1\n",
		HEAD "content  " A " 5\ntime 1\n",
		HEAD "previous " A "a\n" CONTENT,
		HEAD "previous aa\n" CONTENT,
		HEAD "content data " A " 5\ntime 1\n",
		HEAD "content version " A " 5\ntime 1\n",
		HEAD "content list " A " 5\ntime 1\n",
		HEAD "content content " A " 5 \ntime 1\n",
		HEAD "content content " A "\ntime 1\n",
		HEAD CONTENT "link:r=data:" A "\n",
		HEAD CONTENT "link:r=piece:" A "\n",
		HEAD CONTENT "link:r=record:" A "\n",
		HEAD CONTENT "link:r=tree:aa\n",
		HEAD CONTENT "link:r=" A "\n",
		HEAD CONTENT "link:r\n",
		HEAD CONTENT "link:=tree:" A "\n",
		HEAD CONTENT "link:%=tree:" A "\n",
		/* attributes */
		HEAD CONTENT "attr:k\n",
		HEAD CONTENT "attr:=v\n",
		HEAD CONTENT "attr:%=v\n",
		HEAD CONTENT "attr:k=\n",
		HEAD CONTENT "attr:k=a b\n",
		HEAD CONTENT "attr:k=%00\n",
		HEAD CONTENT "attr:k=%3D\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_parses(good[i], strlen(good[i]), true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_parses(bad[i], strlen(bad[i]), false);
	/* No text is a version when it is cut off, but at an end of line. */
	for (size_t i = 0; i < strlen(good[1]); i++)
		if (i == 0 || good[1][i - 1] != '\n')
			assert_parses(good[1], i, false);
}

static void
a_version_of_a_newer_format_is_told_from_damage(void **state)
{
	struct fault why = FAULT_NONE;
	struct version v;

	(void)state;
	assert_int_equal(
	    version_parse(span_str("version 2\nnew\n"), &v, &why), BLK_FAILED);
	assert_non_null(strstr(why.text,
	    "version 2 of a version record "
	    "needs a newer blk"));
}

static void
what_breaks_a_rule_is_not_written(void **state)
{
	char *lengthy = malloc(STRUCTURE_LINE_MAX);
	struct version_attr attr = { (char *)"k", (char *)"v" };
	struct version ok = { .name = (char *)"n",
		.number = 1,
		.class = CLASS_CONTENT,
		.type = (char *)"",
		.attr = &attr,
		.attrs = 1 };
	struct buf b = BUF_INIT((size_t)4 << 20);
	struct version v;
	struct fault why;

	(void)state;
	assert_non_null(lengthy);
	assert_int_equal(buf_add(&b, "before", 6, &why), BLK_OK);
	v = ok;
	v.number = 0;
	assert_int_equal(version_format(&v, &b, &why), BLK_INVALID);
	v = ok;
	v.name = (char *)"a@1";
	assert_int_equal(version_format(&v, &b, &why), BLK_INVALID);
	v = ok;
	v.class = CLASS_PIECE;
	assert_int_equal(version_format(&v, &b, &why), BLK_INVALID);
	memset(lengthy, 'a', STRUCTURE_LINE_MAX);
	attr.value = lengthy;
	/* attr:k= and LF take 8 of the line's bytes */
	lengthy[STRUCTURE_LINE_MAX - 7] = '\0';
	assert_int_equal(version_format(&ok, &b, &why), BLK_INVALID);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.data, "before", 6);
	lengthy[STRUCTURE_LINE_MAX - 8] = '\0';
	assert_int_equal(version_format(&ok, &b, &why), BLK_OK);
	assert_parses((char *)b.data + 6, b.len - 6, true);
	buf_release(&b);
	free(lengthy);
}

static void
names_keep_the_rules(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "a", true },
		{ "a b", true },
		{ "a/b/c", true },
		{ "-", true },
		{ "..", true },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true },
		{ "\xc2\xa0", true },
		{ A "a", true },
		{ "gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaa",
		    true }, /* 64, but not all hexadecimal */
		{ "", false },
		{ "a:b", false },
		{ "a@b", false },
		{ "@", false },
		{ "/a", false },
		{ "a/", false },
		{ "/", false },
		{ "a//b", false },
		{ "a\tb", false },
		{ "a\nb", false },
		{ "a\x7f", false },
		{ "a\xc2\x85", false },
		{ "a\xff", false },
		{ "a\xc3", false },
		{ A, false },
		{ "ABCDEFabcdef0123456789ABCDEFabcdef0123456789ABCDEFabcdef0123"
		  "4567",
		    false },
	};
	char name[257];
	struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why.text[0] = '\0';
		if (version_check_name(span_str(cases[i].name), &why) !=
		    (cases[i].good ? BLK_OK : BLK_INVALID))
			fail_msg("%s", cases[i].name);
		assert_true(cases[i].good || why.text[0] != '\0');
	}
	memset(name, 'a', sizeof(name));
	assert_int_equal(version_check_name(span_of(name, 255), &why), BLK_OK);
	assert_int_equal(
	    version_check_name(span_of(name, 256), &why), BLK_INVALID);
	assert_int_equal(
	    version_check_name(span_of("a\0b", 3), &why), BLK_INVALID);
}

static void
an_id_is_the_name_of_what_has_none(void **state)
{
	(void)state;
	assert_true(version_name_is_id(span_str(A)));
	assert_false(version_name_is_id(span_str("A" A)));
	assert_false(version_name_is_id(span_of(A, 63)));
	assert_false(version_name_is_id(span_str("")));
	assert_false(version_name_is_id(
	    span_str("ABCDEFabcdef0123456789ABCDEFabcdef0123456789ABCDEFabcd"
	             "ef01234567")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_is_written_as_the_manual_says),
		cmocka_unit_test(what_is_parsed_is_written_the_same),
		cmocka_unit_test(fields_are_what_the_text_says),
		cmocka_unit_test(lines_of_the_future_are_passed_over),
		cmocka_unit_test(no_other_text_is_a_version),
		cmocka_unit_test(
		    a_version_of_a_newer_format_is_told_from_damage),
		cmocka_unit_test(what_breaks_a_rule_is_not_written),
		cmocka_unit_test(names_keep_the_rules),
		cmocka_unit_test(an_id_is_the_name_of_what_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

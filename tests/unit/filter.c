#include "filter.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "filter-glob.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct filter *
filter_of(const char *patterns, unsigned flags)
{
	struct fault why = FAULT_NONE;
	struct filter *f = NULL;

	assert_int_equal(filter_new(&f, &why), BLK_OK);
	if (filter_add_lines(f, span_str(patterns), flags, &why) != BLK_OK)
		fail_msg("%s", why.text);
	return f;
}

/* A path that ends in a slash is a directory's; a bar stands where the path
 * inside the snapshot begins. */
static enum filter_verdict
verdict(const struct filter *f, const char *spec)
{
	char path[512];
	size_t len = 0, below = 0;
	bool is_dir = false;

	for (const char *p = spec; *p != '\0'; p++) {
		if (*p == '|')
			below = len;
		else
			path[len++] = *p;
	}
	if (path[len - 1] == '/') {
		is_dir = true;
		len--;
	}
	return filter_check(f, span_of(path, len), below, is_dir);
}

static void
patterns_match_as_the_header_says(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} rows[] = {
		{ "*.o", "a.o", true },
		{ "*.o", "x/y/a.o", true },
		{ "*.o", "x.o/", true },
		{ "*.o", "a.oo", false },
		{ "*.o", ".o", true },
		{ "*.o", "x.o/y", false },
		{ "cache", "home/cache", true },
		{ "cache", "home/caches", false },
		{ "cache", "home/Cache", false },
		{ "src/tmp", "src/tmp", true },
		{ "src/tmp", "a/b/src/tmp/", true },
		{ "src/tmp", "src/x/tmp", false },
		{ "src/tmp", "xsrc/tmp", false },
		{ "src/*/tmp", "a/src/x/tmp", true },
		{ "src/*/tmp", "a/src/x/y/tmp", false },
		{ "/var/cache", "var/cache", true },
		{ "/var/cache", "var/cache/x", false },
		{ "/var/cache", "srv/var/cache", false },
		{ "/var/cache", "srv/|var/cache", true },
		{ "/srv/tmp", "srv/|tmp", true },
		{ "/tmp", "srv/|tmp", true },
		{ "/tmp", "srv/|a/tmp", false },
		{ "/srv", "srv/|a", false },
		{ "/srv/*", "srv/|a", true },
		{ "/*", "a", true },
		{ "/*", "a/b", false },
		{ "tmp/", "a/tmp/", true },
		{ "tmp/", "a/tmp", false },
		{ "/tmp//", "tmp/", true },
		{ "foo/**", "foo/", false },
		{ "foo/**", "foo/a", true },
		{ "foo/**", "x/foo/a/b", true },
		{ "/foo/**", "x/foo/a/b", false },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "a/x/y/c", false },
		{ "a/**/b", "ab", false },
		{ "/a/**/b/**/c", "a/b/b/x/c", true },
		{ "/a/**/b/**/c", "a/c/b", false },
		{ "**/b", "b", true },
		{ "**/b", "a/b", true },
		{ "**/**/b", "a/b", true },
		{ "/**/b", "b", true },
		{ "**", "a", true },
		{ "**", "a/b", true },
		{ "a**b", "axxb", true },
		{ "a**b", "a/b", false },
		{ "?", "a", true },
		{ "?", "\xc3\xa4", true },
		{ "??", "\xc3\xa4", false },
		{ "?", "\xff", true },
		{ "a?c", "a/c", false },
		{ "[a-c]x", "bx", true },
		{ "[!a-c]x", "bx", false },
		{ "[!a-c]x", "dx", true },
		{ "[^a-c]x", "dx", true },
		{ "[]]", "]", true },
		{ "[a-]", "-", true },
		{ "[\xc3\xa4-\xc3\xbc]", "\xc3\xb6", true },
		{ "[\xc3\xa4-\xc3\xbc]", "o", false },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "\\!a", "!a", true },
		{ "\\#a", "#a", true },
		{ "a\\ ", "a ", true },
		{ "  a b  ", "a b", true },
		{ "a\r\n", "a", true },
		{ "./a/./b", "x/a/b", true },
		{ "a//b", "a/b", true },
		{ "*", ".hidden", true },
		{ "x\xff", "x\xff", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct filter *f = filter_of(rows[i].pattern, 0);

		if ((verdict(f, rows[i].path) == FILTER_MATCH) != rows[i].match)
			fail_msg("\"%s\", %s", rows[i].pattern, rows[i].path);
		filter_free(f);
	}
}

static void
the_last_match_decides(void **state)
{
	struct filter *f = filter_of("*.o\n!keep.o\n/x/keep.o\n", 0);

	(void)state;
	assert_int_equal(verdict(f, "a.o"), FILTER_MATCH);
	assert_int_equal(verdict(f, "keep.o"), FILTER_NEGATED);
	assert_int_equal(verdict(f, "y/keep.o"), FILTER_NEGATED);
	assert_int_equal(verdict(f, "x/keep.o"), FILTER_MATCH);
	assert_int_equal(verdict(f, "a.c"), FILTER_NONE);
	filter_free(f);
}

static void
case_is_ignored_where_asked(void **state)
{
	struct filter *f =
	    filter_of("*.JPG\nt[a-c]\nT[X-Z]\nname\n", FILTER_NOCASE);

	(void)state;
	assert_int_equal(verdict(f, "a.jpg"), FILTER_MATCH);
	assert_int_equal(verdict(f, "a.Jpg"), FILTER_MATCH);
	assert_int_equal(verdict(f, "TB"), FILTER_MATCH);
	assert_int_equal(verdict(f, "ty"), FILTER_MATCH);
	assert_int_equal(verdict(f, "NAME"), FILTER_MATCH);
	assert_int_equal(verdict(f, "a.jpgs"), FILTER_NONE);
	filter_free(f);
}

static void
files_of_patterns_have_comments_and_empty_lines(void **state)
{
	struct filter *f = filter_of("\xef\xbb\xbf# all\n\n  \t\n  # too\n"
	                             "a\r\n*.b",
	    0);

	(void)state;
	assert_int_equal(verdict(f, "a"), FILTER_MATCH);
	assert_int_equal(verdict(f, "x.b"), FILTER_MATCH);
	assert_int_equal(verdict(f, "# all"), FILTER_NONE);
	assert_true(filter_has_patterns(f));
	filter_free(f);
	f = filter_of("", 0);
	assert_false(filter_has_patterns(f));
	assert_int_equal(verdict(f, "a"), FILTER_NONE);
	filter_free(f);
	filter_free(NULL);
}

static void
broken_patterns_are_refused(void **state)
{
	static const char *const rows[] = { "", "/", "!", "!/", ".", "//",
		"a/../b", "..", "[a", "a[", "[]", "[!]", "[a\\", "a\\", "a/b\\",
		"x/[a-" };
	struct fault why = FAULT_NONE;
	struct filter *f = NULL;

	(void)state;
	assert_int_equal(filter_new(&f, &why), BLK_OK);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (filter_add(f, span_str(rows[i]), 0, &why) != BLK_INVALID)
			fail_msg("not refused: %s", rows[i]);
	assert_int_equal(
	    filter_add(f, span_of("a\0b", 3), 0, &why), BLK_INVALID);
	assert_false(filter_has_patterns(f));
	assert_int_equal(
	    filter_add_lines(f, span_str("a\n\n[\n"), 0, &why), BLK_INVALID);
	assert_non_null(strstr(why.text, "line 3"));
	filter_free(f);
}

static void
a_long_pattern_against_a_long_path_takes_no_time(void **state)
{
	char pattern[4000], path[60000];
	struct filter *f;

	(void)state;
	for (size_t i = 0; i + 5 < sizeof(pattern); i += 5)
		memcpy(pattern + i, "**/a/", 6);
	strcpy(pattern + sizeof(pattern) - 10, "b");
	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, "a/", 3);
	f = filter_of(pattern, 0);
	assert_int_equal(
	    filter_check(f, span_of(path, sizeof(path) - 3), 0, false),
	    FILTER_NONE);
	filter_free(f);
	memset(pattern, '*', sizeof(pattern));
	for (size_t i = 1; i < sizeof(pattern); i += 2)
		pattern[i] = 'a';
	strcpy(pattern + sizeof(pattern) - 10, "b");
	memset(path, 'a', sizeof(path));
	f = filter_of(pattern, 0);
	assert_int_equal(
	    filter_check(f, span_of(path, 255), 0, false), FILTER_NONE);
	filter_free(f);
}

static void
reaching_says_where_a_match_may_lie(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool reaches;
	} rows[] = {
		{ "x", "a", true },
		{ "/a/b/c", "a", true },
		{ "/a/b/c", "a/b", true },
		{ "/a/b/c", "a/b/c", false },
		{ "/a/b/c", "a/x", false },
		{ "/a/b/c", "b", false },
		{ "/a/*/c", "a/x", true },
		{ "/a/**/c", "a/x/y/z", true },
		{ "/a/**/c", "b", false },
		{ "!x", "a", false },
	};
	struct filter *f = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		f = filter_of(rows[i].pattern, 0);
		if (filter_reaches(f, span_str(rows[i].path), 0) !=
		    rows[i].reaches)
			fail_msg("\"%s\", %s", rows[i].pattern, rows[i].path);
		filter_free(f);
	}
	f = filter_of("/a/b", 0);
	assert_true(filter_reaches(f, span_str("srv/a"), 4));
	assert_false(filter_reaches(f, span_str("srv/a"), 0));
	filter_free(f);
}

static void
tags_have_a_name_and_perhaps_a_header(void **state)
{
	struct fault why = FAULT_NONE;
	struct filter *f = NULL;

	(void)state;
	assert_int_equal(filter_new(&f, &why), BLK_OK);
	assert_null(filter_tag_at(f, 0));
	assert_int_equal(filter_add_caches(f, &why), BLK_OK);
	assert_int_equal(
	    filter_add_tag(f, span_str(".nobackup"), &why), BLK_OK);
	assert_int_equal(filter_add_tag(f, span_str("t:a:b"), &why), BLK_OK);
	assert_string_equal(filter_tag_at(f, 0)->name, "CACHEDIR.TAG");
	assert_int_equal(filter_tag_at(f, 0)->header_len, 43);
	assert_string_equal(filter_tag_at(f, 1)->name, ".nobackup");
	assert_int_equal(filter_tag_at(f, 1)->header_len, 0);
	assert_string_equal(filter_tag_at(f, 2)->header, "a:b");
	assert_null(filter_tag_at(f, 3));
	assert_int_equal(filter_add_tag(f, span_str(""), &why), BLK_INVALID);
	assert_int_equal(filter_add_tag(f, span_str(":x"), &why), BLK_INVALID);
	assert_int_equal(filter_add_tag(f, span_str("a/b"), &why), BLK_INVALID);
	assert_true(filter_limit(f) == UINT64_MAX);
	filter_set_limit(f, 7);
	assert_int_equal(filter_limit(f), 7);
	filter_free(f);
}

/* A model: the C library, for one name of ASCII. */
static void
globs_agree_with_the_c_library(void **state)
{
	static const char pieces[][6] = { "*", "?", "a", "b", "-", "[ab]",
		"[!a]", "[a-b]", "\\*", "\\a", "[]a]", "**" };
	unsigned seed = (unsigned)time(NULL);
	int matches = 0;

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 200000; i++) {
		char glob[64] = "", name[16];
		size_t len = (size_t)rand() % 8;
		bool mine;

		for (int n = rand() % 7; n >= 0; n--)
			strcat(glob, pieces[(size_t)rand() % COUNT(pieces)]);
		for (size_t n = 0; n < len; n++)
			name[n] = "ab*]-"[rand() % 5];
		name[len] = '\0';
		mine = filter_glob(
		    span_str(glob), span_of(name, len), false, NULL);
		if (mine != (fnmatch(glob, name, 0) == 0))
			fail_msg("\"%s\" \"%s\"", glob, name);
		matches += mine;
	}
	assert_true(matches > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_the_header_says),
		cmocka_unit_test(the_last_match_decides),
		cmocka_unit_test(case_is_ignored_where_asked),
		cmocka_unit_test(
		    files_of_patterns_have_comments_and_empty_lines),
		cmocka_unit_test(broken_patterns_are_refused),
		cmocka_unit_test(
		    a_long_pattern_against_a_long_path_takes_no_time),
		cmocka_unit_test(reaching_says_where_a_match_may_lie),
		cmocka_unit_test(tags_have_a_name_and_perhaps_a_header),
		cmocka_unit_test(globs_agree_with_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

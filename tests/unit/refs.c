/*
 * REFs: what is taken apart, and what it means in a catalog.
 */
#include "refs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal(call, BLK_OK)
#define SECOND INT64_C(1000000000)
#define NOW (INT64_C(1700000000) * SECOND)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16
#define UPPER64                                                                \
	"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"

static struct fault why;

/* --- parsing --- */

static void
refs_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *base;
		int which;
		uint64_t number;
		int64_t time;
		const char *path;
	} table[] = {
		{ "db", "db", REF_NEWEST, 0, 0, NULL },
		{ "a/b c", "a/b c", REF_NEWEST, 0, 0, NULL },
		{ "db@3", "db", REF_NUMBER, 3, 0, NULL },
		{ "db@18446744073709551615", "db", REF_NUMBER, UINT64_MAX, 0,
		    NULL },
		{ "db@-1", "db", REF_BACK, 1, 0, NULL },
		{ "db@-20", "db", REF_BACK, 20, 0, NULL },
		{ "db@{now}", "db", REF_TIME, 0, NOW, NULL },
		{ "db@{36h}", "db", REF_TIME, 0, NOW - 36 * 3600 * SECOND,
		    NULL },
		{ "db@{2023-11-14T22:13:20Z}", "db", REF_TIME, 0, NOW, NULL },
		{ "db@{2023-11-14T22:13:20Z}:a:b", "db", REF_TIME, 0, NOW,
		    "a:b" },
		{ "db@{@12}", "db", REF_TIME, 0, 12 * SECOND, NULL },
		{ "etc:", "etc", REF_NEWEST, 0, 0, "" },
		{ "etc:/", "etc", REF_NEWEST, 0, 0, "" },
		{ "etc:/ssh/sshd_config", "etc", REF_NEWEST, 0, 0,
		    "ssh/sshd_config" },
		{ "etc@2://ssh//a/./b/", "etc", REF_NUMBER, 2, 0, "ssh/a/b" },
		{ "etc@-1:a@b{c}:d", "etc", REF_BACK, 1, 0, "a@b{c}:d" },
		{ "etc:...", "etc", REF_NEWEST, 0, 0, "..." },
		{ HEX64, HEX64, REF_NEWEST, 0, 0, NULL },
		{ UPPER64 ":x", UPPER64, REF_NEWEST, 0, 0, "x" },
		{ HEX64 "@1", HEX64, REF_NUMBER, 1, 0, NULL },
		{ "01234567", "01234567", REF_NEWEST, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct ref r;

		OK(ref_parse(table[i].text, NOW, &r, &why));
		assert_string_equal(r.base, table[i].base);
		assert_int_equal(r.which, table[i].which);
		assert_int_equal(r.number, table[i].number);
		assert_int_equal(r.time, table[i].time);
		assert_int_equal(r.has_path, table[i].path != NULL);
		if (r.has_path)
			assert_string_equal(r.path, table[i].path);
		ref_release(&r);
	}
}

static void
what_is_no_ref_is_refused(void **state)
{
	static const char *const table[] = { "", "@1", ":", ":a", "db@", "db@x",
		"db@0", "db@-0", "db@-", "db@01", "db@+1", "db@1x",
		"db@18446744073709551616", "db@{", "db@{now", "db@{}",
		"db@{nonsense}", "db@{now}x", "db@{now}@1", "db@1@2", "etc:..",
		"etc:/a/../b", "etc:a/..", "/db", "db/", "a//b", "a\nb",
		"\xff" };

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct ref r;

		why.text[0] = '\0';
		if (ref_parse(table[i], NOW, &r, &why) != BLK_INVALID)
			fail_msg("'%s' was taken", table[i]);
		assert_string_not_equal(why.text, "");
		assert_null(r.base);
		assert_null(r.path);
	}
}

/* --- a catalog of some names --- */

static struct catalog *c;

static struct digest
id_of(uint8_t first, uint8_t last)
{
	struct digest id = { { 0xab, 0xcd, 0xef, 0x01, first } };

	id.byte[DIGEST_LEN - 1] = last;
	return id;
}

static void
count(struct digest id, enum class class, uint64_t n)
{
	OK(c->type->count_set(c, &id, class, n, &why));
}

/* Version n of a name at second n, of content id_of(first, n). */
static void
version(const char *name, uint64_t n, struct digest id, enum class class,
    int64_t expires)
{
	char *copy = strdup(name), *none = strdup("");
	struct version v = { .name = copy,
		.number = n,
		.class = class,
		.id = id,
		.time = (int64_t)n * SECOND,
		.expires = expires,
		.type = none };
	struct digest vid = id;

	vid.byte[0] = (uint8_t)(name[0] + 1);
	vid.byte[9] = (uint8_t)n;
	OK(c->type->version_put(c, &vid, &v, &why));
	version_release(&v);
}

static int
fresh(void **state)
{
	(void)state;
	OK(catalog_memory_new(&c, &why));
	OK(c->type->begin(c, &why));
	return 0;
}

static int
gone(void **state)
{
	(void)state;
	OK(c->type->commit(c, &why));
	catalog_close(c);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

/* Which version of its name a REF means; 0: absent. */
static uint64_t
number_of(const char *text)
{
	struct ref_target t;
	enum blk_status st;
	struct ref r;
	uint64_t n;

	st = ref_find(c, text, NOW, &r, &t, &why);
	if (st == BLK_ABSENT) {
		assert_string_not_equal(why.text, "");
		return 0;
	}
	OK(st);
	assert_true(t.is_version);
	assert_true(digest_equal(&t.id, &t.version.v.id));
	assert_int_equal(t.class, t.version.v.class);
	n = t.version.v.number;
	ref_target_release(&t);
	ref_release(&r);
	return n;
}

/* The status of a REF; if it is OK, what it means. */
static enum blk_status
find(const char *text, struct digest *id, enum class *class, bool *is_version)
{
	struct ref_target t;
	enum blk_status st;
	struct ref r;

	st = ref_find(c, text, NOW, &r, &t, &why);
	if (st != BLK_OK)
		return st;
	*id = t.id;
	*class = t.class;
	*is_version = t.is_version;
	ref_target_release(&t);
	ref_release(&r);
	return BLK_OK;
}

static void
a_name_means_its_newest_version(void **state)
{
	(void)state;
	version("db", 3, id_of(1, 3), CLASS_CONTENT, 0);
	version("db", 7, id_of(1, 7), CLASS_SNAPSHOT, NOW + 1);
	version("db", 9, id_of(1, 9), CLASS_CONTENT, NOW);
	version("dbx", 20, id_of(1, 20), CLASS_CONTENT, 0);
	assert_int_equal(number_of("db"), 7);
	assert_int_equal(number_of("dbx"), 20);
	assert_int_equal(number_of("d"), 0);
	assert_int_equal(number_of("db@3"), 3);
	assert_int_equal(number_of("db@7:path"), 7);
	assert_int_equal(number_of("db@8"), 0);
	assert_non_null(strstr(why.text, "db has no version 8"));
	assert_int_equal(number_of("db@9"), 0); /* expired */
	assert_int_equal(number_of("db@-1"), 3);
	assert_int_equal(number_of("db@-2"), 0);
	assert_int_equal(number_of("db@-18446744073709551615"), 0);
}

static void
a_time_means_the_newest_as_of_then(void **state)
{
	(void)state;
	for (uint64_t n = 10; n <= 50; n += 10)
		version("db", n, id_of(1, (uint8_t)n), CLASS_CONTENT,
		    n == 30 ? NOW - 5 : 0);
	assert_int_equal(number_of("db@{@9}"), 0);
	assert_int_equal(number_of("db@{@10}"), 10);
	assert_int_equal(number_of("db@{@19.999}"), 10);
	assert_int_equal(number_of("db@{@20}"), 20);
	assert_int_equal(number_of("db@{@30}"), 20); /* 30 has expired */
	assert_int_equal(number_of("db@{now}"), 50);
}

static void
ref_newest_passes_over_the_expired(void **state)
{
	struct catalog_version v;

	(void)state;
	version("db", 1, id_of(1, 1), CLASS_CONTENT, 0);
	version("db", 2, id_of(1, 2), CLASS_CONTENT, NOW - 1);
	OK(ref_newest(c, "db", NOW, &v, &why));
	assert_int_equal(v.v.number, 1);
	version_release(&v.v);
	OK(ref_newest(c, "db", NOW - 2, &v, &why));
	assert_int_equal(v.v.number, 2);
	version_release(&v.v);
	assert_int_equal(ref_newest(c, "dc", NOW, &v, &why), BLK_ABSENT);
}

static void
an_id_means_its_classes_in_order(void **state)
{
	static const enum class order[] = { CLASS_PIECE, CLASS_DATA,
		CLASS_VERSION, CLASS_TREE, CLASS_SNAPSHOT, CLASS_CONTENT };
	struct digest id = id_of(2, 0), got;
	char hex[DIGEST_HEX];
	bool is_version;
	enum class class;

	(void)state;
	digest_hex(&id, hex);
	assert_int_equal(find(hex, &got, &class, &is_version), BLK_ABSENT);
	for (size_t i = 0; i < COUNT(order); i++) {
		count(id, order[i], 1);
		OK(find(hex, &got, &class, &is_version));
		assert_true(digest_equal(&got, &id));
		assert_int_equal(class, order[i]);
		assert_false(is_version);
	}
	hex[1] = 'B';
	hex[3] = 'D';
	OK(find(hex, &got, &class, &is_version));
	assert_int_equal(class, CLASS_CONTENT);
}

static void
an_unnamed_object_is_a_version(void **state)
{
	struct digest id = id_of(2, 0), got;
	char hex[DIGEST_HEX + 2];
	bool is_version;
	enum class class;

	(void)state;
	digest_hex(&id, hex);
	count(id, CLASS_CONTENT, 1);
	version(hex, 1, id, CLASS_CONTENT, NOW + 10);
	OK(find(hex, &got, &class, &is_version));
	assert_true(is_version);
	OK(find("abcdef0102", &got, &class, &is_version));
	assert_true(is_version);
	strcat(hex, "@1");
	assert_int_equal(number_of(hex), 1);
	hex[DIGEST_HEX] = '2';
	assert_int_equal(number_of(hex), 0);
}

static void
an_unnamed_object_that_expired_is_absent(void **state)
{
	struct digest id = id_of(2, 0), got;
	char hex[DIGEST_HEX];
	bool is_version;
	enum class class;

	(void)state;
	digest_hex(&id, hex);
	count(id, CLASS_CONTENT, 2);
	version(hex, 1, id, CLASS_CONTENT, NOW);
	version("db", 1, id, CLASS_CONTENT, 0);
	OK(find(hex, &got, &class, &is_version));
	assert_false(is_version);
	version("db", 1, id, CLASS_CONTENT, NOW - 1);
	assert_int_equal(find(hex, &got, &class, &is_version), BLK_ABSENT);
	assert_int_equal(
	    find("abcdef01", &got, &class, &is_version), BLK_ABSENT);
	count(id, CLASS_CONTENT, 3); /* a tree holds it too */
	OK(find(hex, &got, &class, &is_version));
	assert_false(is_version);
}

static void
the_beginning_of_an_id_is_enough(void **state)
{
	struct digest got;
	bool is_version;
	enum class class;

	(void)state;
	count(id_of(0x12, 1), CLASS_CONTENT, 1);
	count(id_of(0x34, 2), CLASS_TREE, 1);
	OK(find("abcdef0112", &got, &class, &is_version));
	assert_int_equal(got.byte[31], 1);
	assert_int_equal(class, CLASS_CONTENT);
	OK(find("aBCdEf013", &got, &class, &is_version));
	assert_int_equal(got.byte[31], 2);
	assert_int_equal(class, CLASS_TREE);
	assert_int_equal(
	    find("abcdef015", &got, &class, &is_version), BLK_ABSENT);
	assert_int_equal(
	    find("abcdef0", &got, &class, &is_version), BLK_ABSENT);
	assert_int_equal(
	    find("abcdef0112@1", &got, &class, &is_version), BLK_ABSENT);
}

static void
a_name_comes_before_a_prefix(void **state)
{
	struct digest got;
	bool is_version;
	enum class class;

	(void)state;
	count(id_of(0x12, 1), CLASS_CONTENT, 1);
	version("abcdef0112", 1, id_of(5, 5), CLASS_TREE, 0);
	OK(find("abcdef0112", &got, &class, &is_version));
	assert_true(is_version);
	assert_int_equal(got.byte[31], 5);
	version("abcdef0112", 1, id_of(5, 5), CLASS_TREE, NOW);
	OK(find("abcdef0112", &got, &class, &is_version));
	assert_false(is_version);
	assert_int_equal(got.byte[31], 1);
}

static void
an_ambiguous_beginning_lists_candidates(void **state)
{
	struct ref_candidates found;
	struct ref_target t;
	char hex[DIGEST_HEX];
	struct ref r;

	(void)state;
	OK(ref_parse("abcdef01", NOW, &r, &why));
	for (uint8_t n = 1; n <= 40; n++) {
		struct digest id = id_of(n, n);

		count(id, n % 2 == 0 ? CLASS_CONTENT : CLASS_VERSION, 1);
		if (n == 1)
			continue;
		assert_int_equal(
		    ref_resolve(c, &r, NOW, &t, &found, &why), BLK_INVALID);
		assert_int_equal(found.count, n < 16 ? n : 16);
		for (size_t i = 0; i < found.count; i++)
			assert_int_equal(found.id[i].byte[31], i + 1);
		digest_hex(&found.id[1], hex);
		assert_non_null(strstr(why.text, hex));
		assert_int_equal(strstr(why.text, "...") != NULL, n > 4);
	}
	assert_int_equal(ref_resolve(c, &r, NOW, &t, NULL, &why), BLK_INVALID);
	ref_release(&r);
}

static void
a_prefix_means_an_object_before_a_chunk(void **state)
{
	struct digest got;
	bool is_version;
	enum class class;

	(void)state;
	count(id_of(1, 1), CLASS_DATA, 1);
	OK(find("abcdef01", &got, &class, &is_version));
	assert_int_equal(class, CLASS_DATA);
	count(id_of(2, 2), CLASS_PIECE, 1);
	assert_int_equal(
	    find("abcdef01", &got, &class, &is_version), BLK_INVALID);
	count(id_of(3, 3), CLASS_SNAPSHOT, 1);
	OK(find("abcdef01", &got, &class, &is_version));
	assert_int_equal(class, CLASS_SNAPSHOT);
}

/* --- globs --- */

static void
globs_match_names(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} table[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "a/b", true },
		{ "a", "a", true },
		{ "a", "A", false },
		{ "a*", "abc", true },
		{ "a*c", "abcbc", true },
		{ "a*c", "abcb", false },
		{ "*b*", "abc", true },
		{ "**b", "aab", true },
		{ "a?c", "a/c", true },
		{ "?", "", false },
		{ "?", "\xc3\xa9", true },
		{ "??", "\xc3\xa9", false },
		{ "?", "\xf0\x9f\x90\xb3", true },
		{ "??", "\xc3x", true }, /* a byte that begins nothing */
		{ "[abc]x", "bx", true },
		{ "[abc]x", "dx", false },
		{ "[a-c]", "b", true },
		{ "[a-c]", "-", false },
		{ "[-a]", "-", true },
		{ "[a-]", "-", true },
		{ "[!a-c]", "b", false },
		{ "[!a-c]", "d", true },
		{ "[^a-c]", "d", true },
		{ "[]a]", "]", true },
		{ "[!]a]", "]", false },
		{ "[!]a]", "b", true },
		{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
		{ "[a\\]b]", "]", true },
		{ "[ab", "[ab", true },
		{ "[ab", "a", false },
		{ "[", "[", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "a\\", "a\\", true },
		{ "*/[0-9]*", "etc/7x", true },
		{ "*/[0-9]*", "etc/x7", false },
		{ "*a*a*a*a*a*a*a*a*b",
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		if (ref_glob(table[i].pattern, table[i].name) != table[i].match)
			fail_msg(
			    "'%s' and '%s'", table[i].pattern, table[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refs_are_taken_apart),
		cmocka_unit_test(what_is_no_ref_is_refused),
		T(a_name_means_its_newest_version),
		T(a_time_means_the_newest_as_of_then),
		T(ref_newest_passes_over_the_expired),
		T(an_id_means_its_classes_in_order),
		T(an_unnamed_object_is_a_version),
		T(an_unnamed_object_that_expired_is_absent),
		T(the_beginning_of_an_id_is_enough),
		T(a_name_comes_before_a_prefix),
		T(an_ambiguous_beginning_lists_candidates),
		T(a_prefix_means_an_object_before_a_chunk),
		cmocka_unit_test(globs_match_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

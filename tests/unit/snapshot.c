#include "snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD                                                                   \
	"snapshot 1\ntree " ID "\nroot 755 0 0 1 xattr:user.a=b\nname etc\n"   \
	"host h\n"
#define COUNTS "files 1\ndirs 2\nothers 3\nbytes 18446744073709551615\n"
#define LEAST HEAD "path /etc\nstart -5\nend 7\n" COUNTS
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char full[] =
    HEAD "path /etc\npath /a%20b\nstart 5\nend 7\n"
         "tag a\ntag b\n" COUNTS "user 0 root\nuser 1000 me\ngroup 0 root\n"
         "error a/b%0A Permission%20denied\n"
         "error c %\nchanged d\nchanged e%25\n"
         "x-later thing\nx-\n";

static void
texts_survive_a_round_trip(void **state)
{
	const char *const texts[] = { LEAST, full };
	struct buf b = BUF_INIT(1 << 20);
	struct fault why = FAULT_NONE;
	struct snapshot s;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (snapshot_parse(span_str(texts[i]), &s, &why) != BLK_OK)
			fail_msg("%s", why.text);
		b.len = 0;
		assert_int_equal(snapshot_format(&s, &b, &why), BLK_OK);
		assert_true(span_is(span_of(b.data, b.len), texts[i]));
		snapshot_release(&s);
	}
	buf_release(&b);
}

static void
a_snapshot_is_read_field_by_field(void **state)
{
	struct fault why = FAULT_NONE;
	struct snapshot s;

	(void)state;
	assert_int_equal(snapshot_parse(span_str(full), &s, &why), BLK_OK);
	assert_string_equal(s.root, "755 0 0 1 xattr:user.a=b");
	assert_string_equal(s.name, "etc");
	assert_string_equal(s.host, "h");
	assert_int_equal(s.path.count, 2);
	assert_string_equal(s.path.item[1], "/a b");
	assert_int_equal(s.start, 5);
	assert_int_equal(s.end, 7);
	assert_int_equal(s.tag.count, 2);
	assert_int_equal(s.others, 3);
	assert_int_equal(s.bytes, UINT64_MAX);
	assert_int_equal(s.user.item[1].number, 1000);
	assert_string_equal(s.user.item[1].name, "me");
	assert_string_equal(s.error.item[0].path, "a/b\n");
	assert_string_equal(s.error.item[0].reason, "Permission denied");
	assert_string_equal(s.error.item[1].reason, "");
	assert_string_equal(s.changed.item[1], "e%");
	assert_string_equal(s.extra.item[0], "x-later thing");
	snapshot_release(&s);
	snapshot_release(&s);
}

static void
every_line_is_needed_in_its_place(void **state)
{
	static const char least[] = LEAST;
	char text[sizeof(full)];
	struct fault why = FAULT_NONE;
	struct snapshot s;
	size_t at = 0;

	(void)state;
	/* The lines of least, each left out, and each given twice. */
	while (least[at] != '\0') {
		size_t len = strcspn(least + at, "\n") + 1;

		snprintf(text, sizeof(text), "%.*s%s", (int)at, least,
		    least + at + len);
		assert_int_equal(
		    snapshot_parse(span_str(text), &s, &why), BLK_CORRUPT);
		snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(at + len),
		    least, (int)len, least + at, least + at + len);
		assert_int_equal(snapshot_parse(span_str(text), &s, &why),
		    strncmp(least + at, "path", 4) == 0 ? BLK_OK : BLK_CORRUPT);
		snapshot_release(&s);
		at += len;
	}
}

static void
other_texts_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"snapshot 1",
		"snapshot 1\n",
		"version 1\n",
		LEAST "bytes",
		LEAST "files 1\n",
		LEAST "colour red\n",
		LEAST "changed a\nerror a b\n",
		LEAST "changed  a\n",
		LEAST "changed \n",
		LEAST "changed\n",
		LEAST "changed a b\n",
		LEAST "error a\n",
		LEAST "error a b c\n",
		LEAST "error a%00 b\n",
		LEAST "user 1 a\nuser 1 a\n",
		LEAST "user 2 a\nuser 1 a\n",
		LEAST "user 4294967295 a\n",
		LEAST "user 01 a\n",
		LEAST "user x a\n",
		LEAST "group 1 a\nuser 1 a\n",
		LEAST "\n",
		HEAD "path /\nstart 1\nend 1\ntag b\ntag a\n" COUNTS,
		HEAD "path /\nstart 1\nend 1\ntag a\ntag a\n" COUNTS,
		HEAD "path /\nstart 01\nend 1\n" COUNTS,
		HEAD "path /\nstart -0\nend 1\n" COUNTS,
		HEAD "start 1\nend 1\n" COUNTS,
		HEAD "path /\nstart 1\nend x\n" COUNTS,
		HEAD "path /\nstart 1\nend 9223372036854775808\n" COUNTS,
		HEAD "path /\nstart 1\nend 1 1\n" COUNTS,
		HEAD "path /\nstart 1\nend 1\nfiles 01\ndirs 2\nothers 3\n"
		     "bytes 4\n",
		HEAD "path /\nstart 1\nend 1\nfiles 1\ndirs -2\nothers 3\n"
		     "bytes 4\n",
		HEAD "path /\nstart 1\nend 1\nfiles 1\ndirs 2\nothers \n"
		     "bytes 4\n",
		HEAD "path /\nstart 1\nend 1\nfiles 1\ndirs 2\nothers 3\n"
		     "bytes 18446744073709551616\n",
		HEAD "path / x\nstart 1\nend 1\n" COUNTS,
		HEAD "path %2f\nstart 1\nend 1\n" COUNTS,
		"snapshot 0\ntree " ID "\nroot 755 0 0 1\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot  1\ntree " ID "\nroot 755 0 0 1\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree 0" ID "\nroot 755 0 0 1\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree " ID " \nroot 755 0 0 1\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree " ID "\nroot 0755 0 0 1\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree " ID "\nroot 755 0 0 1 x\nname e\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree " ID "\nroot 755 0 0 1\nname e f\nhost h\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"snapshot 1\ntree " ID "\nroot 755 0 0 1\nname e\nhost h%00\n"
		"path /\nstart 1\nend 1\n" COUNTS,
		"x-before\n" LEAST,
		LEAST "x-two  spaces\n",
		LEAST "x-one behind \n",
	};
	struct fault why = FAULT_NONE;
	struct snapshot s;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (snapshot_parse(span_str(texts[i]), &s, &why) != BLK_CORRUPT)
			fail_msg("not refused: %s", texts[i]);
	assert_int_equal(
	    snapshot_parse(span_str("snapshot 2\nnew\n"), &s, &why),
	    BLK_FAILED);
	assert_non_null(strstr(why.text, "newer"));
}

/* A line of FRONT, len times 'x', BACK behind the least that there must be. */
static enum blk_status
parse_long(const char *front, size_t len, const char *back)
{
	struct buf b = BUF_INIT(4 << 20);
	struct fault why = FAULT_NONE;
	struct snapshot s;
	enum blk_status st;

	assert_int_equal(buf_printf(&b, &why, "%s%s", LEAST, front), BLK_OK);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf_add(&b, "x", 1, &why), BLK_OK);
	assert_int_equal(buf_printf(&b, &why, "%s\n", back), BLK_OK);
	st = snapshot_parse(span_of(b.data, b.len), &s, &why);
	snapshot_release(&s);
	buf_release(&b);
	return st;
}

static void
what_is_too_long_is_refused(void **state)
{
	static const struct {
		const char *front, *back;
		size_t len;
	} row[] = {
		{ "changed ", "", SNAPSHOT_STRING_MAX },
		{ "user 1 ", "", SNAPSHOT_STRING_MAX },
		{ "error ", " y", SNAPSHOT_STRING_MAX },
		{ "error y ", "", SNAPSHOT_STRING_MAX },
		{ "x-", "", SNAPSHOT_STRING_MAX - 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(
		    parse_long(row[i].front, row[i].len, row[i].back), BLK_OK);
		assert_int_equal(
		    parse_long(row[i].front, row[i].len + 1, row[i].back),
		    BLK_CORRUPT);
	}
	assert_int_equal(
	    parse_long("changed ", TREE_LINE_MAX, ""), BLK_CORRUPT);
}

static void
a_nul_is_refused(void **state)
{
	static const char text[] = LEAST "x-a\0b\n";
	struct fault why = FAULT_NONE;
	struct snapshot s;

	(void)state;
	assert_int_equal(
	    snapshot_parse(span_of(text, sizeof(text) - 1), &s, &why),
	    BLK_CORRUPT);
}

static void
tags_and_owners_are_put_in_their_place(void **state)
{
	struct snapshot s = { .root = NULL };
	struct fault why = FAULT_NONE;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    snapshot_add_tag(&s, span_str("b"), &why), BLK_OK);
		assert_int_equal(
		    snapshot_add_tag(&s, span_str("c"), &why), BLK_OK);
		assert_int_equal(
		    snapshot_add_tag(&s, span_str("a"), &why), BLK_OK);
		assert_int_equal(
		    snapshot_add_owner(&s.user, 7, span_str("x"), &why),
		    BLK_OK);
		assert_int_equal(
		    snapshot_add_owner(&s.user, 0, span_str("y"), &why),
		    BLK_OK);
	}
	assert_int_equal(s.tag.count, 3);
	assert_string_equal(s.tag.item[0], "a");
	assert_string_equal(s.tag.item[2], "c");
	assert_int_equal(s.user.count, 2);
	assert_string_equal(s.user.item[0].name, "y");
	snapshot_release(&s);
}

static void
what_cannot_be_said_is_refused_or_shortened(void **state)
{
	static char path[3 * SNAPSHOT_STRING_MAX];
	struct snapshot s = { .root = NULL };
	struct buf b = BUF_INIT(1 << 20);
	struct fault why = FAULT_NONE;

	(void)state;
	memset(path, 'p', sizeof(path));
	assert_int_equal(
	    snapshot_add_tag(&s, span_of("a\0b", 3), &why), BLK_INVALID);
	assert_int_equal(
	    snapshot_list_add(&s.path, span_of(path, sizeof(path)), &why),
	    BLK_INVALID);
	assert_int_equal(snapshot_add_error(&s, span_of(path, sizeof(path)),
	                     span_str("x"), &why),
	    BLK_OK);
	assert_int_equal(strlen(s.error.item[0].path), SNAPSHOT_STRING_MAX);
	assert_int_equal(
	    snapshot_add_changed(&s, span_of(path, sizeof(path)), &why),
	    BLK_OK);
	assert_int_equal(snapshot_format(&s, &b, &why), BLK_INVALID);
	assert_int_equal(b.len, 0);
	snapshot_release(&s);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_survive_a_round_trip),
		cmocka_unit_test(a_snapshot_is_read_field_by_field),
		cmocka_unit_test(every_line_is_needed_in_its_place),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(tags_and_owners_are_put_in_their_place),
		cmocka_unit_test(what_cannot_be_said_is_refused_or_shortened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

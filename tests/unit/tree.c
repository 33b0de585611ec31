#include "tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ACL "u::rw-,u:1000:r--,g::r--,m::r--,o::---"

static void
check_round_trip(const char *line)
{
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	if (tree_parse(span_str(line), &s, &e, &why) != BLK_OK)
		fail_msg("refused (%s): %s", why.text, line);
	assert_int_equal(tree_format(&e, &b, &why), BLK_OK);
	assert_int_equal(b.len, strlen(line) + 1);
	assert_memory_equal(b.data, line, strlen(line));
	assert_int_equal(b.data[b.len - 1], '\n');
	buf_release(&b);
	tree_scratch_release(&s);
}

static void
lines_of_every_type_survive_a_round_trip(void **state)
{
	static const char *const lines[] = {
		"F 644 0 0 0 0 " ID " a",
		"F 7777 4294967294 4294967294 9223372036854775807 "
		"9223372036854775807 " ID " a=b",
		"F 0 1 2 -9223372036854775808 1 " ID " %20%25%0A",
		"F 644 0 0 -1 1 " ID " acl=" ACL " link=a/b%20c "
		"xattr:user.a=% xattr:user.b%3D=x=y \xff\xfe",
		"D 1777 0 0 1700000000123456789 " ID " d",
		"D 755 0 0 1 " ID " acl-default=u::rwx,g::r-x,o::--- d",
		"L 777 0 0 1 target=../x%20y l",
		"L 777 0 0 1 link=first target=x l",
		"P 600 0 0 1 fifo",
		"P 600 0 0 1 acl=" ACL " link=a fifo",
		"C 660 0 5 1 device=1:3 null",
		"B 660 0 6 1 device=4294967295:0 sda",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		check_round_trip(lines[i]);
}

static void
other_spellings_and_bad_values_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"F",
		"X 644 0 0 0 0 " ID " a",
		"F 0644 0 0 0 0 " ID " a",
		"F 10000 0 0 0 0 " ID " a",
		"F 648 0 0 0 0 " ID " a",
		"F 644 00 0 0 0 " ID " a",
		"F 644 4294967295 0 0 0 " ID " a",
		"F 644 0 4294967296 0 0 " ID " a",
		"F 644 0 0 -0 0 " ID " a",
		"F 644 0 0 +1 0 " ID " a",
		"F 644 0 0 9223372036854775808 0 " ID " a",
		"F 644 0 0 0 9223372036854775808 " ID " a",
		"F 644 0 0 0 -1 " ID " a",
		"F 644 0 0 0 0 " ID,
		"F 644 0 0 0 0 " ID " ",
		"F 644 0 0 0 0 " ID "  a",
		"F  644 0 0 0 0 " ID " a",
		"F 644 0 0 0 0 " ID " a ",
		"F 644 0 0 0 0 0" ID " a",
		"F 644 0 0 0 0 00112233 a",
		"F 644 0 0 0 " ID " a",
		"F 644 0 0 0 0 " ID " .",
		"F 644 0 0 0 0 " ID " ..",
		"F 644 0 0 0 0 " ID " a/b",
		"F 644 0 0 0 0 " ID " %",
		"F 644 0 0 0 0 " ID " %00",
		"F 644 0 0 0 0 " ID " %41",
		"F 644 0 0 0 0 " ID " %0a",
		"F 644 0 0 0 0 " ID " a\tb",
		"F 644 0 0 0 0 " ID " a%2",
		"F 644 0 0 0 0 " ID " color=red a",
		"F 644 0 0 0 0 " ID " target=x a",
		"F 644 0 0 0 0 " ID " device=1:2 a",
		"F 644 0 0 0 0 " ID " acl-default=u::rwx,g::r-x,o::--- a",
		"F 644 0 0 0 0 " ID " link=/a a",
		"F 644 0 0 0 0 " ID " link=a/../b a",
		"F 644 0 0 0 0 " ID " link=a//b a",
		"F 644 0 0 0 0 " ID " link=a/ a",
		"F 644 0 0 0 0 " ID " link=% a",
		"F 644 0 0 0 0 " ID " link= a",
		"F 644 0 0 0 0 " ID " link=a link=a a",
		"F 644 0 0 0 0 " ID " link=a acl=" ACL " a",
		"F 644 0 0 0 0 " ID " acl=u::rw-,g::r--,o::r-- a",
		"F 644 0 0 0 0 " ID " xattr:user.b=1 xattr:user.a=1 a",
		"F 644 0 0 0 0 " ID " xattr:user.a=1 xattr:user.a=1 a",
		"F 644 0 0 0 0 " ID " xattr:user.a a",
		"F 644 0 0 0 0 " ID " xattr:%=1 a",
		"F 644 0 0 0 0 " ID " xattr:user%00=1 a",
		"D 755 0 0 1 " ID " link=a d",
		"D 755 0 0 1 4096 " ID " d",
		"D 755 0 0 1 d",
		"L 777 0 0 1 l",
		"L 777 0 0 1 target=% l",
		"L 777 0 0 1 target=%00 l",
		"L 777 0 0 1 acl=" ACL " target=x l",
		"P 600 0 0 1 device=1:2 p",
		"C 600 0 0 1 c",
		"C 600 0 0 1 link=a c",
		"C 600 0 0 1 device=1 c",
		"C 600 0 0 1 device=1:2:3 c",
		"C 600 0 0 1 device=01:2 c",
		"B 600 0 0 1 device=4294967296:2 b",
		"S 600 0 0 1 s",
		"B 600 0 0 1 device=1:4294967296 b",
		"Q 755 0 0 1 " ID " d",
		"DD 755 0 0 1 " ID " d",
		"F 644 0 4294967295 0 0 " ID " a",
		"D 755 0 0 1 " ID " acl-default=u::rwx d",
		"D 755 0 0 1 " ID " acl=u::rwx,g::rwx,m::rwx d",
		"D 755 0 0 1 " ID " acl-default=u::rwx,g::r-x,o::--- acl=" ACL
		" d",
		"L 777 0 0 1 target=x link=first l",
		"P 600 0 0 1 xattr:user.a=1 link=a p",
		"P 600 0 0 1 link=a device=1:2 p",
		"P 600 0 0 1 xattr:user.a=\x01"
		"20 p",
	};
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (tree_parse(span_str(lines[i]), &s, &e, &why) != BLK_CORRUPT)
			fail_msg("not refused: %s", lines[i]);
	tree_scratch_release(&s);
}

static void
a_line_with_a_nul_is_refused(void **state)
{
	static const char line[] = "P 600 0 0 1 a\0b";
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	(void)state;
	assert_int_equal(
	    tree_parse(span_of(line, sizeof(line) - 1), &s, &e, &why),
	    BLK_CORRUPT);
	tree_scratch_release(&s);
}

/* "P 600 0 0 1 " FRONT, len times 'x', BACK: refused, if it is one too long. */
static void
check_length(const char *front, size_t len, const char *back)
{
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	for (size_t i = 0; i < 2; i++) {
		b.len = 0;
		assert_int_equal(
		    buf_printf(&b, &why, "P 600 0 0 1 %s", front), BLK_OK);
		for (size_t k = 0; k < len + i; k++)
			assert_int_equal(buf_add(&b, "x", 1, &why), BLK_OK);
		assert_int_equal(buf_printf(&b, &why, "%s", back), BLK_OK);
		assert_int_equal(
		    tree_parse(span_of(b.data, b.len), &s, &e, &why),
		    i == 0 ? BLK_OK : BLK_CORRUPT);
	}
	buf_release(&b);
	tree_scratch_release(&s);
}

static void
what_is_too_long_is_refused(void **state)
{
	struct tree_order o = { .len = 0 };
	struct fault why = FAULT_NONE;
	char name[256];

	(void)state;
	check_length("", 255, "");
	check_length("xattr:", 255, "=v p");
	check_length("xattr:user.a=", TREE_VALUE_MAX, " p");
	check_length("link=", 255, "/a p");
	memset(name, 'n', sizeof(name));
	assert_int_equal(
	    tree_order_next(&o, span_of(name, 256), &why), BLK_CORRUPT);
	assert_int_equal(tree_order_next(&o, span_of(name, 255), &why), BLK_OK);
}

static void
a_line_is_a_mebibyte_at_most_with_its_lf(void **state)
{
	static const char front[] = "L 777 0 0 1 target=", back[] = " l";
	const size_t fixed = sizeof(front) + sizeof(back) - 2;
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX), again = b;
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		b.len = again.len = 0;
		assert_int_equal(buf_printf(&b, &why, "%s", front), BLK_OK);
		while (b.len < TREE_LINE_MAX - 1 + i - (sizeof(back) - 1))
			assert_int_equal(buf_add(&b, "x", 1, &why), BLK_OK);
		assert_int_equal(buf_printf(&b, &why, "%s", back), BLK_OK);
		assert_int_equal(
		    tree_parse(span_of(b.data, b.len), &s, &e, &why),
		    i == 0 ? BLK_OK : BLK_CORRUPT);
		if (i == 0)
			assert_int_equal(tree_format(&e, &again, &why), BLK_OK);
		e.target = span_of(
		    b.data + sizeof(front) - 1, TREE_LINE_MAX - fixed - 1 + i);
	}
	assert_int_equal(tree_format(&e, &again, &why), BLK_INVALID);
	buf_release(&b);
	buf_release(&again);
	tree_scratch_release(&s);
}

static void
a_name_may_have_255_bytes_of_any_kind(void **state)
{
	char name[256];
	struct tree_entry e = { .type = TREE_FIFO, .name = { name, 255 } };
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry back;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (char)(i + 1 == '/' ? 'x' : i + 1);
	assert_int_equal(tree_format(&e, &b, &why), BLK_OK);
	assert_int_equal(
	    tree_parse(span_of(b.data, b.len - 1), &s, &back, &why), BLK_OK);
	assert_int_equal(back.name.len, 255);
	assert_memory_equal(back.name.p, name, 255);
	e.name.len = 256;
	name[255] = 'a';
	assert_int_equal(tree_format(&e, &b, &why), BLK_INVALID);
	buf_release(&b);
	tree_scratch_release(&s);
}

static void
an_entry_that_cannot_be_said_leaves_the_buffer_alone(void **state)
{
	static char value[TREE_VALUE_MAX];
	struct tree_xattr x[17];
	char names[17][3];
	struct tree_entry e = {
		.type = TREE_FIFO, .name = { "a", 1 }, .xattr = x, .xattrs = 17
	};
	struct buf b = BUF_INIT(16 * TREE_LINE_MAX);
	struct fault why = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < 17; i++) {
		names[i][0] = 'a';
		names[i][1] = (char)('a' + i);
		x[i] = (struct tree_xattr){ { names[i], 2 },
			{ value, sizeof(value) } };
	}
	assert_int_equal(tree_format(&e, &b, &why), BLK_INVALID);
	assert_int_equal(b.len, 0);
	e.xattrs = 5; /* 5 * 3 * 64 KiB */
	assert_int_equal(tree_format(&e, &b, &why), BLK_OK);
	e.xattrs = 6;
	assert_int_equal(tree_format(&e, &b, &why), BLK_INVALID);
	e.type = TREE_DIR;
	b.len = 1;
	assert_int_equal(tree_format_root(&e, &b, &why), BLK_INVALID);
	assert_int_equal(b.len, 1);
	buf_release(&b);
}

static void
the_root_has_fields_but_no_name(void **state)
{
	static const char *const good[] = {
		"755 0 0 1",
		"755 0 0 1 acl=u::rwx,u:7:r--,g::r--,m::r--,o::--- "
		"acl-default=u::rwx,g::r-x,o::--- xattr:user.a=b",
	};
	static const char *const refused[] = { "", "755 0 0", "755 0 0 1 name",
		"755 0 0 1 link=a", "755 0 0 1 ", "D 755 0 0 1",
		"755 0 0 1 xattr:user.a=b ", "755 0 0 1  xattr:user.a=b",
		"10000 0 0 1", "755 4294967295 0 1", "755 0 0 -0",
		"755 0 0 1 device=1:2", "755 0 0 1 target=x" };
	struct tree_entry odd = { .type = TREE_FILE };
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		b.len = 0;
		assert_int_equal(
		    tree_parse_root(span_str(good[i]), &s, &e, &why), BLK_OK);
		assert_int_equal(tree_format_root(&e, &b, &why), BLK_OK);
		assert_true(span_is(span_of(b.data, b.len), good[i]));
	}
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_int_equal(
		    tree_parse_root(span_str(refused[i]), &s, &e, &why),
		    BLK_CORRUPT);
	b.len = 0;
	assert_int_equal(tree_format_root(&odd, &b, &why), BLK_INVALID);
	odd = (struct tree_entry){ .type = TREE_DIR, .mode = 010000 };
	assert_int_equal(tree_format_root(&odd, &b, &why), BLK_INVALID);
	assert_int_equal(b.len, 0);
	buf_release(&b);
	tree_scratch_release(&s);
}

static void
paths_are_ordered_name_by_name(void **state)
{
	static const char *const sorted[] = { "a", "a/b", "a/b/c", "a/c",
		"a\x01", "a b", "a.b", "aa", "b", "\xff" };

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int c = tree_compare_paths(
			    span_str(sorted[i]), span_str(sorted[j]));

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
	assert_true(tree_compare(span_str("a"), span_str("a.b")) < 0);
	assert_true(tree_compare(span_str("a"), span_str("\xff")) < 0);
	assert_int_equal(tree_compare(span_str(""), span_str("")), 0);
}

static void
names_must_ascend(void **state)
{
	struct tree_order o = { .len = 0 };
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(tree_order_next(&o, span_str("a"), &why), BLK_OK);
	assert_int_equal(tree_order_next(&o, span_str("a b"), &why), BLK_OK);
	assert_int_equal(
	    tree_order_next(&o, span_str("a b"), &why), BLK_CORRUPT);
	assert_int_equal(tree_order_next(&o, span_str("a"), &why), BLK_CORRUPT);
	assert_int_equal(tree_order_next(&o, span_str("\xff"), &why), BLK_OK);
}

static void
acl_texts_have_one_spelling(void **state)
{
	static const char *const good[] = { ACL,
		"u::rwx,u:0:---,u:4294967294:rwx,g::r--,g:5:r--,m::rwx,o::r-x",
		"u::---,g::---,m::---,o::---" };
	static const char *const refused[] = { "", "u::rwx", "u::rwx,g::r--",
		"u::rw-,u:1:r--,g::r--,o::---", /* no mask */
		"u::rw-,u:1:r--,g::r--,m::r--,o::---,",
		",u::rw-,u:1:r--,g::r--,m::r--,o::---",
		"u::rw-,u:01:r--,g::r--,m::r--,o::---",
		"u::rw-,u:4294967295:r--,g::r--,m::r--,o::---",
		"u::rw-,u:2:r--,u:1:r--,g::r--,m::r--,o::---",
		"u::rw-,u:1:r--,u:1:r--,g::r--,m::r--,o::---",
		"u::rw-,g::r--,u:1:r--,m::r--,o::---",
		"u::rw-,u:bob:r--,g::r--,m::r--,o::---",
		"u::rw-,u:1:rr-,g::r--,m::r--,o::---",
		"u::rw-,u::r--,g::r--,m::r--,o::---",
		"u::rw-,g::r--,m:1:r--,o::---", "u::rw-,g::r--,m::r--,x::---",
		"user::rw-,g::r--,m::r--,o::---",
		"x::rwx,u::rw-,u:1:r--,g::r--,m::r--,o::---",
		"u;:rw-,u:1:r--,g::r--,m::r--,o::---",
		"u::rw-,u:1;r--,g::r--,m::r--,o::---",
		"u::rw-,u:1:r--,g::r--,m::r--,o::--",
		"u::rw-,u::r--,u:1:r--,g::r--,m::r--,o::---",
		"u::rw-,u:1:r--,g::r--,m::r--,m::r--,o::---" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(tree_acl_check(span_str(good[i]), false));
	for (size_t i = 0; i < COUNT(refused); i++)
		if (tree_acl_check(span_str(refused[i]), true))
			fail_msg("not refused: %s", refused[i]);
	assert_true(tree_acl_check(span_str("u::rw-,g::r--,o::r--"), true));
	assert_false(tree_acl_check(span_str("u::rw-,g::r--,o::r--"), false));
}

/* setfacl -m u:1000:r on a file of mode 644, as the kernel gives it. */
static const uint8_t acl_blob[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255,
	2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0,
	255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255 };

static void
acls_of_the_kernel_become_text_and_back(void **state)
{
	struct buf text = BUF_INIT(4096), blob = BUF_INIT(4096);
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(
	    tree_acl_of_xattr(acl_blob, sizeof(acl_blob), false, &text, &why),
	    BLK_OK);
	assert_true(span_is(span_of(text.data, text.len), ACL));
	assert_int_equal(tree_acl_to_xattr(span_str(ACL), &blob, &why), BLK_OK);
	assert_int_equal(blob.len, sizeof(acl_blob));
	assert_memory_equal(blob.data, acl_blob, sizeof(acl_blob));
	assert_int_equal(
	    tree_acl_to_xattr(span_str("u::rwx"), &blob, &why), BLK_CORRUPT);
	buf_release(&text);
	buf_release(&blob);
}

static void
an_acl_that_only_says_the_mode_is_not_said(void **state)
{
	static const char minimal[] = "u::rwx,g::r-x,o::---";
	struct buf text = BUF_INIT(4096), blob = BUF_INIT(4096);
	struct fault why = FAULT_NONE;

	(void)state;
	assert_int_equal(
	    tree_acl_to_xattr(span_str(minimal), &blob, &why), BLK_OK);
	assert_int_equal(
	    tree_acl_of_xattr(blob.data, blob.len, false, &text, &why), BLK_OK);
	assert_int_equal(text.len, 0);
	assert_int_equal(
	    tree_acl_of_xattr(blob.data, blob.len, true, &text, &why), BLK_OK);
	assert_true(span_is(span_of(text.data, text.len), minimal));
	buf_release(&text);
	buf_release(&blob);
}

static void
damaged_acls_of_the_kernel_are_refused(void **state)
{
	uint8_t copy[sizeof(acl_blob)];
	struct buf text = BUF_INIT(4096);
	struct fault why = FAULT_NONE;

	(void)state;
	for (size_t len = 0; len < sizeof(acl_blob); len++)
		assert_int_equal(
		    tree_acl_of_xattr(acl_blob, len, false, &text, &why),
		    BLK_INVALID);
	/* Version, tag, permissions, a number that is not one. */
	for (size_t i = 0; i < 4; i++) {
		static const size_t at[] = { 0, 4, 6, 16 };

		memcpy(copy, acl_blob, sizeof(copy));
		memset(copy + at[i], 255, i == 3 ? 4 : 1);
		assert_int_equal(
		    tree_acl_of_xattr(copy, sizeof(copy), false, &text, &why),
		    BLK_INVALID);
	}
	assert_int_equal(text.len, 0);
	buf_release(&text);
}

/* Any bytes up to len of them; at least one, no NUL, no slash. */
static struct span
random_name(char *name, size_t len)
{
	size_t n = 1 + (size_t)rand() % len;

	for (size_t i = 0; i < n; i++) {
		name[i] = (char)(1 + rand() % 255);
		if (name[i] == '/' || (name[i] == '.' && n < 3))
			name[i] = 'x';
	}
	return span_of(name, n);
}

static void
random_entries_survive_a_round_trip(void **state)
{
	static const char types[] = "FDLPCB";
	unsigned seed = (unsigned)time(NULL);
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault why = FAULT_NONE;

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++) {
		char name[255], target[300], key[20], value[50];
		struct tree_xattr x = { random_name(key, sizeof(key)),
			random_name(value, sizeof(value)) };
		struct tree_entry e = {
			.type = (enum tree_type)types[rand() % 6],
			.mode = (uint32_t)rand() & 07777,
			.uid = (uint32_t)rand(),
			.mtime = (int64_t)rand() * rand() - rand(),
			.size = (uint64_t)rand() * (uint64_t)rand(),
			.major = (uint32_t)rand(),
			.name = random_name(name, sizeof(name)),
			.xattr = &x,
			.xattrs = (size_t)rand() % 2,
		};
		struct tree_entry back;

		if (e.type == TREE_SYMLINK)
			e.target = random_name(target, sizeof(target));
		memset(&e.id, rand() & 255, sizeof(e.id));
		b.len = 0;
		assert_int_equal(tree_format(&e, &b, &why), BLK_OK);
		assert_int_equal(
		    tree_parse(span_of(b.data, b.len - 1), &s, &back, &why),
		    BLK_OK);
		assert_true(span_equal(back.name, e.name));
		assert_true(span_equal(back.target, e.target));
		assert_int_equal(back.xattrs, e.xattrs);
		if (e.xattrs > 0)
			assert_true(span_equal(back.xattr[0].value, x.value));
		assert_int_equal(back.mtime, e.mtime);
	}
	buf_release(&b);
	tree_scratch_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_every_type_survive_a_round_trip),
		cmocka_unit_test(other_spellings_and_bad_values_are_refused),
		cmocka_unit_test(a_line_with_a_nul_is_refused),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(a_line_is_a_mebibyte_at_most_with_its_lf),
		cmocka_unit_test(a_name_may_have_255_bytes_of_any_kind),
		cmocka_unit_test(
		    an_entry_that_cannot_be_said_leaves_the_buffer_alone),
		cmocka_unit_test(the_root_has_fields_but_no_name),
		cmocka_unit_test(paths_are_ordered_name_by_name),
		cmocka_unit_test(names_must_ascend),
		cmocka_unit_test(acl_texts_have_one_spelling),
		cmocka_unit_test(acls_of_the_kernel_become_text_and_back),
		cmocka_unit_test(an_acl_that_only_says_the_mode_is_not_said),
		cmocka_unit_test(damaged_acls_of_the_kernel_are_refused),
		cmocka_unit_test(random_entries_survive_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Structure: which lines refer to what.
 */
#include "structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* What a walk saw, as text: "class:first-digit-of-id:size:lines " each. */
static enum blk_status
note(void *arg, const struct reference *r, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(&r->id, hex);
	return buf_printf(arg, why, "%s:%c:%ju:%ju ", class_name(r->class),
	    hex[0], (uintmax_t)r->size, (uintmax_t)r->lines);
}

static void
assert_walk(
    enum kind kind, const char *text, enum blk_status want, const char *seen)
{
	struct buf b = BUF_INIT(65536);
	struct fault why = FAULT_NONE;
	enum blk_status st;

	assert_int_equal(buf_printf(&b, &why, "%s", ""), BLK_OK);
	st = structure_walk(kind, span_str(text), note, &b, &why);
	if (st != want)
		fail_msg("%s: %d instead of %d: %s", text, (int)st, (int)want,
		    why.text);
	if (st == BLK_OK)
		assert_string_equal((char *)b.data, seen);
	buf_release(&b);
}

struct walk_case {
	enum kind kind;
	const char *text, *seen; /* seen NULL: refused */
};

static void
assert_walks(const struct walk_case *c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_walk(c[i].kind, c[i].text,
		    c[i].seen != NULL ? BLK_OK : BLK_CORRUPT, c[i].seen);
}

#define ASSERT_WALKS(c) assert_walks(c, sizeof(c) / sizeof((c)[0]))

static void
lists_refer_to_data_or_pieces(void **state)
{
	static const struct walk_case cases[] = {
		{ KIND_LIST, "d " A " 1\nd " B " 16777216\n",
		    "data:a:1:0 data:b:16777216:0 " },
		{ KIND_LIST, "p " A " 300 4000\n", "piece:a:4000:300 " },
		{ KIND_LIST, "p " A " 1 1\np " B " 2 2\n",
		    "piece:a:1:1 piece:b:2:2 " },
		{ KIND_PIECE, "d " A " 5\n", "data:a:5:0 " },
		/* none, and one alone, which would be data */
		{ KIND_LIST, "", NULL },
		{ KIND_LIST, "d " A " 5\n", NULL },
		{ KIND_PIECE, "", NULL },
		/* both sorts */
		{ KIND_LIST, "d " A " 5\np " B " 2 2\n", NULL },
		{ KIND_LIST, "p " A " 2 2\nd " B " 2\n", NULL },
		/* what is no line of a list */
		{ KIND_LIST, "D 755 0 0 0 " A " x\nD 755 0 0 0 " A " y\n",
		    NULL },
		{ KIND_LIST, "x-foo\nx-bar\n", NULL },
		{ KIND_LIST, "\n\n", NULL },
		{ KIND_LIST, "d\nd\n", NULL },
		/* the last LF */
		{ KIND_LIST, "d " A " 1\nd " B " 2", NULL },
	};

	(void)state;
	ASSERT_WALKS(cases);
}

static void
trees_refer_to_content_and_trees(void **state)
{
	static const struct walk_case cases[] = {
		{ KIND_TREE, "", "" },
		{ KIND_TREE,
		    "L 777 0 0 1 target=x a\n"
		    "D 755 0 0 -1 " A " b\n"
		    "F 644 0 0 1 77 " B " xattr:user.x=y c\n"
		    "P 644 0 0 1 d\n"
		    "C 644 0 0 1 device=1:3 e\n"
		    "B 644 0 0 1 device=8:0 f\n",
		    "tree:a:0:0 content:b:77:0 " },
		{ KIND_TREE, "p " A " 300 4000\n", "piece:a:4000:300 " },
		{ KIND_PIECE, "F 644 0 0 1 0 " B " c\n", "content:b:0:0 " },
		{ KIND_TREE, "D 755 0 0 1 " A "\n", NULL },
		{ KIND_TREE, "D 755 0 0 " A " b\n", NULL },
		{ KIND_TREE, "D 755 0  0 1 " A " b\n", NULL },
		{ KIND_TREE, "F 644 0 0 1 " B " c\n", NULL },
		{ KIND_TREE, "F 644 0 0 1 01 " B " c\n", NULL },
		{ KIND_TREE, "E 644 0 0 1 1 " B " c\n", NULL },
		{ KIND_TREE, "d " A " 5\nd " A " 5\n", NULL },
		{ KIND_TREE, "D 755 0 0 1 " A "a b\n", NULL },
		{ KIND_TREE, "F 644 0 0 1 1 " B "b c\n", NULL },
		{ KIND_TREE, "D 755 0 0 1 " A " b", NULL },
		{ KIND_TREE, "tree " A "\n", NULL },
		{ KIND_PIECE, "F 644 0 0 1 0 " B " c\nd " A " 1\n", NULL },
	};

	(void)state;
	ASSERT_WALKS(cases);
}

static void
snapshots_and_versions_refer_by_words(void **state)
{
	static const struct walk_case cases[] = {
		{ KIND_SNAPSHOT,
		    "snapshot 1\ntree " A "\nroot 755 0 0 1\nname n\nhost h\n"
		    "path /\nstart 1\nend 2\ntag t\nfiles 1\ndirs 1\n"
		    "others 0\nbytes 1\nuser 0 root\ngroup 0 root\n"
		    "error /x no\nchanged /y\nx-new thing\n",
		    "tree:a:0:0 " },
		{ KIND_VERSION,
		    "version 1\nname n\nnumber 2\nprevious " A
		    "\ncontent content " B " 99\ntime 1\ntype t\nexpires 2\n"
		    "attr:k=v\nlink:r=content:" A "\nlink:s=version:" B "\n",
		    "content:b:99:0 content:a:0:0 version:b:0:0 " },
		{ KIND_VERSION, "version 1\ncontent snapshot " B " 99\n",
		    "snapshot:b:0:0 " },
		{ KIND_VERSION, "version 1\ncontent tree " B " 99\n",
		    "tree:b:0:0 " },
		{ KIND_VERSION, "p " A " 300 4000\n", "piece:a:4000:300 " },
		/* pieces of a long one begin anywhere */
		{ KIND_PIECE, "attr:k=v\nlink:r=tree:" A "\n", "tree:a:0:0 " },
		{ KIND_PIECE, "error /x no\nchanged /y\n", "" },
		{ KIND_PIECE, "name x\nattr:k=v\n", "" },
		{ KIND_PIECE, "name x\nattr:k=v\ntree " A "\n", NULL },
		{ KIND_PIECE, "error /x no\nattr:k=v\n", NULL },
		{ KIND_SNAPSHOT, "", NULL },
		{ KIND_SNAPSHOT, "snapshot 2\n", NULL },
		{ KIND_SNAPSHOT, "tree " A "\n", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\ntree " A " \n", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\nattr:k=v\n", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\nunheard of\n", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\np " A " 1 1\n", NULL },
		{ KIND_VERSION, "snapshot 1\n", NULL },
		{ KIND_VERSION, "version 1\ntype\n", NULL },
		{ KIND_VERSION, "version 1\ncontent data " B " 9\n", NULL },
		{ KIND_VERSION, "version 1\ncontent version " B " 9\n", NULL },
		{ KIND_VERSION, "version 1\ncontent content " B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r=data:" B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r=" B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:=tree:" B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r\n", NULL },
		{ KIND_VERSION, "version 1\nattr:k\n", NULL },
		{ KIND_VERSION, "version 1\ncontent tree " B "b 9\n", NULL },
		{ KIND_VERSION, "version 1\ncontent thing " B " 9\n", NULL },
		{ KIND_VERSION, "version 1\ncontent tree " B " 09\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r=piece:" B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r=thing:" B "\n", NULL },
		{ KIND_VERSION, "version 1\nlink:r=tree:" B "b\n", NULL },
		{ KIND_VERSION, "version 1\ntype t", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\ntree " A "a\n", NULL },
		{ KIND_SNAPSHOT, "snapshot 1\nname n", NULL },
	};

	(void)state;
	ASSERT_WALKS(cases);
}

static void
a_line_is_a_mebibyte_at_most(void **state)
{
	struct buf b = BUF_INIT(2 * STRUCTURE_LINE_MAX);
	struct fault why = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		b.len = 0;
		assert_int_equal(buf_printf(&b, &why, "commit 1\nx-"), BLK_OK);
		while (b.len < 9 + STRUCTURE_LINE_MAX - 1 + i)
			assert_int_equal(buf_add(&b, "x", 1, &why), BLK_OK);
		assert_int_equal(buf_add(&b, "\n", 1, &why), BLK_OK);
		assert_int_equal(structure_walk(KIND_RECORD,
		                     span_of(b.data, b.len), NULL, NULL, &why),
		    i == 0 ? BLK_OK : BLK_CORRUPT);
	}
	buf_release(&b);
}

static void
records_refer_to_their_pieces_only(void **state)
{
	static const struct walk_case cases[] = {
		{ KIND_RECORD,
		    "commit 1\nnumber 0\ntime 1\nhost h\nprogram p 1\n"
		    "session 00000000000000000000000000000000 1\n"
		    "config format 1\nsegment " A " 5\nversion n 1 " A "\n"
		    "drop " A "\ncondemn " A "\nlost " A " data\nset k v\n"
		    "redirect none\nstat gc a=b\n",
		    "" },
		{ KIND_RECORD, "checkpoint 1\nhead " A " 00\ncondemned x\n",
		    "" },
		{ KIND_RECORD, "p " A " 300 4000\n", "piece:a:4000:300 " },
		{ KIND_PIECE, "version n 1 " A "\nsegment " B " 7\n", "" },
		{ KIND_RECORD, "", NULL },
		{ KIND_RECORD, "number 1\n", NULL },
		{ KIND_RECORD, "commit 1\ntree " A "\n", NULL },
	};

	(void)state;
	ASSERT_WALKS(cases);
}

static void
data_is_never_walked(void **state)
{
	(void)state;
	assert_walk(KIND_DATA, "d " A " 1\nd " B " 2\n", BLK_INVALID, NULL);
}

static enum blk_status
stop_at_second(void *arg, const struct reference *r, struct fault *why)
{
	int *seen = arg;

	(void)r;
	return ++*seen == 2 ? fault(why, BLK_BUSY, "enough") : BLK_OK;
}

static void
a_visitor_ends_the_walk(void **state)
{
	struct fault why;
	int seen = 0;

	(void)state;
	assert_int_equal(structure_walk(KIND_LIST,
	                     span_str("d " A " 1\nd " A " 2\nd " A " 3\n"),
	                     stop_at_second, &seen, &why),
	    BLK_BUSY);
	assert_int_equal(seen, 2);
	assert_string_equal(why.text, "enough");
}

static void
a_line_has_one_spelling(void **state)
{
	static const struct {
		const char *line;
		bool good;
	} cases[] = {
		{ "d " A " 1", true },
		{ "d " A " 16777216", true },
		{ "p " A " 1 1", true },
		{ "p " A " 18446744073709551615 18446744073709551615", true },
		{ "d " A " 0", false },
		{ "d " A " 16777217", false },
		{ "d " A " 01", false },
		{ "d " A " +1", false },
		{ "d " A " 1 ", false },
		{ "d " A " 1 1", false },
		{ "d " A "  1", false },
		{ "d  " A " 1", false },
		{ "d " A " ", false },
		{ "d " A, false },
		{ "d aa 1", false },
		{ "d A" A " 1", false },
		{ "d Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaa 1",
		    false },
		{ "d " A " 99999999999999999999", false },
		{ "p " A " 0 1", false },
		{ "p " A " 2 1", false },
		{ "p " A " 1", false },
		{ "p " A " 1 1 ", false },
		{ "p " A " 1 01", false },
		{ "p " A " 18446744073709551616 1", false },
		{ "q " A " 1", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reference r = { .lines = 77 };

		if (structure_line(span_str(cases[i].line), &r) !=
		    cases[i].good)
			fail_msg("%s", cases[i].line);
		if (!cases[i].good)
			assert_int_equal(r.lines, 77);
	}
}

static void
lines_are_written_as_they_are_read(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct reference r;
	struct digest id;
	struct fault why;

	(void)state;
	assert_true(digest_parse(A, 64, &id));
	assert_int_equal(structure_add_data(&b, &id, 12, &why), BLK_OK);
	assert_int_equal(
	    structure_add_piece(&b, &id, 3, UINT64_MAX, &why), BLK_OK);
	assert_int_equal(buf_add_u8(&b, 0, &why), BLK_OK);
	assert_string_equal(
	    (char *)b.data, "d " A " 12\np " A " 3 18446744073709551615\n");
	assert_true(structure_line(span_of(b.data, 69), &r));
	assert_int_equal(r.class, CLASS_DATA);
	assert_int_equal(r.size, 12);
	assert_true(digest_equal(&r.id, &id));
	assert_true(structure_line(span_of(b.data + 70, b.len - 72), &r));
	assert_int_equal(r.class, CLASS_PIECE);
	assert_int_equal(r.lines, 3);
	assert_true(r.size == UINT64_MAX);
	buf_release(&b);
}

static void
a_class_takes_its_kinds(void **state)
{
	static const char *const takes[CLASSES] = { /* kinds 1 to 7 */
		"yynnnnn", "ynnnnnn", "nnynnnn", "nnnynnn", "nnnnynn", "nnnnnyn"
	};
	enum class c;

	(void)state;
	for (enum class i = 0; i < CLASSES; i++) {
		assert_true(class_of(span_str(class_name(i)), &c));
		assert_int_equal(c, i);
		for (int k = 1; k <= 7; k++)
			assert_int_equal(class_takes(i, (enum kind)k),
			    takes[i][k - 1] == 'y');
	}
	assert_false(class_of(span_str("list"), &c));
	assert_false(class_of(span_str(""), &c));
	assert_string_equal(class_name(CLASSES), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_refer_to_data_or_pieces),
		cmocka_unit_test(trees_refer_to_content_and_trees),
		cmocka_unit_test(snapshots_and_versions_refer_by_words),
		cmocka_unit_test(a_line_is_a_mebibyte_at_most),
		cmocka_unit_test(records_refer_to_their_pieces_only),
		cmocka_unit_test(data_is_never_walked),
		cmocka_unit_test(a_visitor_ends_the_walk),
		cmocka_unit_test(a_line_has_one_spelling),
		cmocka_unit_test(lines_are_written_as_they_are_read),
		cmocka_unit_test(a_class_takes_its_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

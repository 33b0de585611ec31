#include "restore-shop.h"

#include <fcntl.h>
#include <unistd.h>

#include "file.h"
#include "filter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK(call) assert_int_equal(call, BLK_OK)

static void
brings_back_what_a_tree_says(void **state)
{
	struct tree_xattr attribute = { span_str("user.a"), span_str("value") };
	struct tree_entry e[4], in[1];
	struct digest tree, sub;
	struct scene s;
	struct stat st;
	char to[32];

	(void)state;
	scene_open(&s);
	in[0] = scene_file(&s, "deep \xff\n", "text");
	sub = scene_tree(&s, in, 1);
	e[0] = scene_file(&s, "empty", "");
	e[1] = scene_dir("d", &sub);
	e[2] = scene_symlink("link", "../nowhere");
	e[3] = scene_file(&s, "plain", "bytes");
	e[3].xattr = &attribute;
	e[3].xattrs = 1;
	tree = scene_tree(&s, e, 4);
	scene_restored(&s, &tree);

	assert_string_equal(scene_read(&s, "d/deep \xff\n"), "text");
	assert_string_equal(scene_read(&s, "empty"), "");
	assert_int_equal(readlinkat(s.target, "link", to, sizeof(to)), 10);
	assert_int_equal(fstatat(s.target, "plain", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(fstatat(s.target, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_mtim.tv_sec, 1600000000);
	assert_int_equal(fstat(s.target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(s.t.files, 3);
	assert_int_equal(s.t.dirs, 2);
	assert_int_equal(scene_count(&s, "."), 4);
	scene_close(&s);
}

static void
puts_together_what_lies_in_several_frames(void **state)
{
	static uint8_t part[5][3 << 20];
	struct buf list = BUF_INIT(1 << 20), all = BUF_INIT(64 << 20);
	struct tree_entry e[2];
	struct digest tree, id;
	struct scene s;
	struct stat st;
	void *got;
	size_t len;

	(void)state;
	scene_open(&s);
	for (size_t i = 0; i < 5; i++) { /* 0, and 3, are zeros */
		for (size_t k = 0; i % 3 != 0 && k < sizeof(part[i]); k++)
			part[i][k] = (uint8_t)(k * k >> 8 ^ i);
		if (i < 4) {
			id = shop_add(
			    &s.shop, KIND_DATA, part[i], sizeof(part[i]));
			shop_end_frame(&s.shop);
		} else {
			OK(digest_of(part[3], sizeof(part[3]), &id, &s.why));
			memset(part[4], 0, sizeof(part[4]));
		}
		OK(structure_add_data(&list, &id, sizeof(part[i]), &s.why));
		OK(buf_add(&all, part[i], sizeof(part[i]), &s.why));
	}
	e[0] = scene_file(&s, "long", "x");
	OK(digest_of(all.data, all.len, &e[0].id, &s.why));
	e[0].size = all.len;
	shop_add_as(&s.shop, &e[0].id, KIND_LIST, list.data, list.len);
	e[1] = e[0];
	e[1].name = span_str("same");
	tree = scene_tree(&s, e, 2);
	for (int i = 0; i < 2; i++) { /* by the reader; in a window */
		s.o.max_memory = i == 0 ? 8 << 20 : (uint64_t)2 << 30;
		s.o.overwrite = RESTORE_ALWAYS;
		s.o.verify = true;
		scene_restored(&s, &tree);
		assert_int_equal(fstatat(s.target, "same", &st, 0), 0);
		assert_true(st.st_blocks * 512 < 7 << 20);
		OK(file_slurp(s.target, "same", 64 << 20, &got, &len, &s.why));
		assert_int_equal(len, all.len);
		assert_memory_equal(got, all.data, len);
		free(got);
	}
	buf_release(&list);
	buf_release(&all);
	scene_close(&s);
}

static void
writes_only_what_differs(void **state)
{
	struct tree_entry e[4];
	struct digest tree;
	struct stat before, after;
	struct scene s;

	(void)state;
	scene_open(&s);
	e[0] = scene_file(&s, "a", "one");
	e[1] = scene_file(&s, "b", "two");
	e[2] = scene_file(&s, "c", "three");
	e[3] = scene_symlink("l", "a");
	tree = scene_tree(&s, e, 4);
	scene_restored(&s, &tree);
	assert_int_equal(fstatat(s.target, "a", &before, 0), 0);
	scene_write(s.target, "b", "TWO");
	assert_int_equal(fchmodat(s.target, "c", 0600, 0), 0);
	scene_restored(&s, &tree);
	assert_int_equal(fstatat(s.target, "a", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	assert_string_equal(scene_read(&s, "b"), "two");
	assert_int_equal(fstatat(s.target, "c", &after, 0), 0);
	assert_int_equal(after.st_mode & 07777, 0640);
	assert_int_equal(s.t.kept, 2);
	assert_int_equal(s.t.written, 3);
	assert_non_null(strstr(s.items, "K a\n"));
	assert_non_null(strstr(s.items, "R b\n"));
	assert_non_null(strstr(s.items, "U c\n"));
	assert_non_null(strstr(s.items, "K l\n"));
	scene_close(&s);
}

/* Same length, same time, other bytes. */
static void
trusts_a_time_unless_it_is_to_verify(void **state)
{
	const struct timespec t[2] = { { 0, UTIME_OMIT },
		{ TIME / 1000000000, TIME % 1000000000 } };
	struct tree_entry e;
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "a", "one");
	tree = scene_tree(&s, &e, 1);
	scene_write(s.target, "a", "ONE");
	assert_int_equal(utimensat(s.target, "a", t, 0), 0);
	scene_restored(&s, &tree);
	assert_string_equal(scene_read(&s, "a"), "ONE");
	s.o.verify = true;
	scene_restored(&s, &tree);
	assert_string_equal(scene_read(&s, "a"), "one");
	scene_restored(&s, &tree);
	assert_int_equal(s.t.kept, 1);
	scene_close(&s);
}

static void
overwrites_as_it_is_told(void **state)
{
	static const struct {
		enum restore_overwrite how;
		int64_t mtime; /* of the tree's */
		const char *left;
	} row[] = {
		{ RESTORE_NEVER, TIME, "old" },
		{ RESTORE_IF_NEWER, TIME, "new" },
		{ RESTORE_IF_NEWER, INT64_C(1400000000000000000), "old" },
		{ RESTORE_ALWAYS, INT64_C(1500000000000000000), "new" },
		{ RESTORE_IF_CHANGED, INT64_C(1500000000000000000), "old" },
		{ RESTORE_IF_CHANGED, INT64_C(1400000000000000000), "new" },
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct tree_entry e;
		struct digest tree;

		scene_open(&s);
		e = scene_file(&s, "f", "new");
		e.mtime = row[i].mtime;
		tree = scene_tree(&s, &e, 1);
		scene_write(s.target, "f", "old");
		s.o.overwrite = row[i].how;
		scene_restored(&s, &tree);
		assert_string_equal(scene_read(&s, "f"), row[i].left);
		scene_close(&s);
	}
}

static void
removes_what_the_tree_lacks_but_not_what_filters_leave_out(void **state)
{
	struct filter *exclude = NULL;
	struct tree_entry e[2];
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e[0] = scene_file(&s, "a", "text");
	e[1] = scene_file(&s, "z", "text");
	tree = scene_tree(&s, e, 2);
	for (int i = 0; i < 40; i++) { /* a deep directory */
		char path[200] = "k";

		for (int k = 0; k < i; k++)
			strcat(path, "/d");
		assert_int_equal(mkdirat(s.target, path, 0700), 0);
	}
	scene_write(s.target, "k/file", "surplus");
	scene_write(s.target, "m.keep", "surplus");
	scene_write(s.target, "zz", "surplus");
	assert_int_equal(symlinkat("../outside", s.target, "b"), 0);
	OK(filter_new(&exclude, &s.why));
	OK(filter_add(exclude, span_str("*.keep"), 0, &s.why));
	s.o.exclude = exclude;
	s.o.delete_others = true;
	scene_restored(&s, &tree);
	assert_int_equal(scene_count(&s, "."), 3);
	assert_string_equal(scene_read(&s, "m.keep"), "surplus");
	assert_int_equal(s.t.deleted, 43);
	scene_unharmed(&s);
	filter_free(exclude);
	scene_close(&s);
}

static void
keeps_what_stands_in_the_way_unless_it_may_delete(void **state)
{
	struct tree_entry e;
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "f", "text");
	tree = scene_tree(&s, &e, 1);
	assert_int_equal(mkdirat(s.target, "f", 0700), 0);
	scene_write(s.target, "f/mine", "precious");
	scene_commit(&s, &tree);
	OK(scene_restore(&s, &tree));
	assert_int_equal(s.problems, 1);
	assert_string_equal(scene_read(&s, "f/mine"), "precious");
	s.o.delete_others = true;
	scene_restored(&s, &tree);
	assert_string_equal(scene_read(&s, "f"), "text");
	scene_close(&s);
}

static void
restores_only_what_is_included(void **state)
{
	struct filter *include = NULL;
	struct tree_entry e[3], in[2];
	struct digest tree, sub;
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	in[0] = scene_file(&s, "x.c", "text");
	in[1] = scene_file(&s, "x.o", "text");
	sub = scene_tree(&s, in, 2);
	e[0] = scene_dir("a", &sub);
	e[1] = scene_dir("b", &sub);
	e[2] = scene_file(&s, "c", "text");
	tree = scene_tree(&s, e, 3);
	OK(filter_new(&include, &s.why));
	OK(filter_add(include, span_str("/a/*.c"), 0, &s.why));
	s.o.include = include;
	scene_restored(&s, &tree);
	assert_int_equal(scene_count(&s, "."), 1);
	assert_int_equal(scene_count(&s, "a"), 1);
	assert_string_equal(scene_read(&s, "a/x.c"), "text");
	assert_int_equal(fstatat(s.target, "a", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	filter_free(include);
	scene_close(&s);
}

static void
changes_nothing_in_a_dry_run(void **state)
{
	struct tree_entry e[2], in[1];
	struct digest tree, sub;
	struct scene s;

	(void)state;
	scene_open(&s);
	in[0] = scene_file(&s, "x", "text");
	sub = scene_tree(&s, in, 1);
	e[0] = scene_dir("a", &sub);
	e[1] = scene_file(&s, "f", "text");
	tree = scene_tree(&s, e, 2);
	scene_write(s.target, "f", "old");
	scene_write(s.target, "surplus", "old");
	s.o.dry_run = s.o.delete_others = true;
	scene_restored(&s, &tree);
	assert_string_equal(s.items, "R f\nD surplus\nM a\nM a/x\n");
	assert_int_equal(scene_count(&s, "."), 2);
	assert_string_equal(scene_read(&s, "f"), "old");
	scene_close(&s);
}

static void
links_what_was_linked(void **state)
{
	struct tree_entry e[2], in[1], fifo[2];
	struct digest tree, sub, before;
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	/* a/first is the first in the order of trees, but not of the walk. */
	in[0] = scene_file(&s, "first", "text");
	sub = scene_tree(&s, in, 1);
	e[0] = scene_dir("a", &sub);
	e[1] = scene_file(&s, "second", "text");
	e[1].link = span_str("a/first");
	tree = scene_tree(&s, e, 2);
	scene_restored(&s, &tree);
	assert_int_equal(fstatat(s.target, "a/first", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(s.t.links, 1);
	scene_restored(&s, &tree); /* and are left alone */
	assert_int_equal(s.t.kept, 2);

	fifo[0] = scene_symlink("f", "x");
	fifo[1] = fifo[0];
	fifo[1].name = span_str("g");
	fifo[1].link = span_str("f");
	before = scene_tree(&s, fifo, 2);
	scene_restored(&s, &before);
	assert_int_equal(fstatat(s.target, "g", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_nlink, 2);
	scene_close(&s);
}

static bool
at_once(void *arg)
{
	(void)arg;
	return true;
}

static void
ends_when_it_is_stopped(void **state)
{
	struct tree_entry e;
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "f", "text");
	tree = scene_tree(&s, &e, 1);
	scene_commit(&s, &tree);
	s.o.stop = at_once;
	assert_int_equal(scene_restore(&s, &tree), BLK_BUSY);
	assert_int_equal(scene_count(&s, "."), 0);
	scene_close(&s);
}

static void
restores_a_single_file(void **state)
{
	struct tree_entry e;
	struct restore_source source = { .entry = &e };
	struct digest tree;
	struct scene s;
	char target[TMPDIR_MAX + 16];

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "f", "text");
	tree = scene_tree(&s, &e, 1);
	scene_commit(&s, &tree);
	source.path = span_str("etc/f");
	snprintf(target, sizeof(target), "%s/target/a/b", s.dir);
	s.o.target = target;
	OK(restore_tree(s.shop.s, &source, &s.o, &s.why));
	assert_string_equal(scene_read(&s, "a/b/f"), "text");
	assert_string_equal(s.items, "M etc/f\n");
	scene_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brings_back_what_a_tree_says),
		cmocka_unit_test(puts_together_what_lies_in_several_frames),
		cmocka_unit_test(writes_only_what_differs),
		cmocka_unit_test(trusts_a_time_unless_it_is_to_verify),
		cmocka_unit_test(overwrites_as_it_is_told),
		cmocka_unit_test(
		    removes_what_the_tree_lacks_but_not_what_filters_leave_out),
		cmocka_unit_test(
		    keeps_what_stands_in_the_way_unless_it_may_delete),
		cmocka_unit_test(restores_only_what_is_included),
		cmocka_unit_test(changes_nothing_in_a_dry_run),
		cmocka_unit_test(links_what_was_linked),
		cmocka_unit_test(ends_when_it_is_stopped),
		cmocka_unit_test(restores_a_single_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

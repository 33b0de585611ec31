/*
 * Trees, and targets, that mean harm; and what is damaged.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "restore-shop.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK(call) assert_int_equal(call, BLK_OK)

static void
refuses_names_that_lead_elsewhere(void **state)
{
	static const char *const name[] = { "..", ".", "a/b", "a%2Fb", "%00",
		"../outside/x", "/etc/x", "%" };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(name); i++) {
		struct tree_entry e;
		char text[400], hex[DIGEST_HEX];
		struct digest tree;

		scene_open(&s);
		e = scene_file(&s, "x", "bad");
		digest_hex(&e.id, hex);
		snprintf(
		    text, sizeof(text), "F 644 0 0 0 3 %s %s\n", hex, name[i]);
		tree = scene_text(&s, text);
		scene_commit(&s, &tree);
		assert_int_equal(scene_restore(&s, &tree), BLK_CORRUPT);
		assert_int_equal(scene_count(&s, "."), 0);
		scene_unharmed(&s);
		scene_close(&s);
	}
}

static void
refuses_a_name_that_comes_twice(void **state)
{
	struct tree_entry e;
	char text[800], hex[DIGEST_HEX];
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "x", "bad");
	digest_hex(&e.id, hex);
	snprintf(text, sizeof(text),
	    "L 777 0 0 0 target=../outside a\nF 644 0 0 0 3 %s a\n", hex);
	tree = scene_text(&s, text);
	scene_commit(&s, &tree);
	assert_int_equal(scene_restore(&s, &tree), BLK_CORRUPT);
	scene_unharmed(&s);
	scene_close(&s);
}

static void
does_not_write_through_planted_links(void **state)
{
	struct tree_entry e[2], in[1];
	struct digest tree, sub;
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	in[0] = scene_file(&s, "secret", "overwritten");
	sub = scene_tree(&s, in, 1);
	e[0] = scene_dir("d", &sub);
	e[1] = scene_file(&s, "f", "overwritten");
	tree = scene_tree(&s, e, 2);
	assert_int_equal(symlinkat("../outside", s.target, "d"), 0);
	assert_int_equal(symlinkat("../outside/secret", s.target, "f"), 0);
	scene_restored(&s, &tree);
	scene_unharmed(&s);
	assert_int_equal(fstatat(s.target, "d", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fstatat(s.target, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	scene_close(&s);
}

static void
leaves_planted_links_when_nothing_may_be_replaced(void **state)
{
	struct tree_entry e[2], in[1];
	struct digest tree, sub;
	struct scene s;

	(void)state;
	scene_open(&s);
	in[0] = scene_file(&s, "new", "text");
	sub = scene_tree(&s, in, 1);
	e[0] = scene_dir("d", &sub);
	e[1] = scene_file(&s, "f", "text");
	tree = scene_tree(&s, e, 2);
	assert_int_equal(symlinkat("../outside", s.target, "d"), 0);
	scene_commit(&s, &tree);
	s.o.overwrite = RESTORE_NEVER;
	OK(scene_restore(&s, &tree));
	assert_int_equal(s.problems, 1);
	scene_unharmed(&s);
	assert_string_equal(scene_read(&s, "f"), "text");
	scene_close(&s);
}

static void
does_not_change_an_inode_that_has_other_names(void **state)
{
	struct tree_entry e;
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "f", "hidden");
	e.mtime = INT64_C(1500000000000000000);
	e.mode = 0777;
	tree = scene_tree(&s, &e, 1);
	assert_int_equal(linkat(s.outside, "secret", s.target, "f", 0), 0);
	scene_restored(&s, &tree);
	scene_unharmed(&s);
	assert_string_equal(scene_read(&s, "f"), "hidden");
	scene_close(&s);
}

static void
does_not_link_to_what_lies_outside(void **state)
{
	static const char *const to[] = { "../outside/secret", "/etc/passwd",
		"way/secret", "second", "other" };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(to); i++) {
		struct tree_entry e[3];
		struct digest tree;
		char text[900], hex[DIGEST_HEX];
		struct stat st;

		scene_open(&s);
		e[0] = scene_file(&s, "x", "hidden");
		digest_hex(&e[0].id, hex);
		snprintf(text, sizeof(text),
		    "F 600 0 0 0 6 %s other\n"
		    "F 600 0 0 1500000000000000000 6 %s link=%s second\n"
		    "L 777 0 0 0 target=../outside way\n",
		    hex, hex, to[i]);
		tree = scene_text(&s, text);
		assert_int_equal(symlinkat("../outside", s.target, "way"), 0);
		scene_commit(&s, &tree);
		(void)!scene_restore(&s, &tree);
		scene_unharmed(&s);
		if (fstatat(s.target, "second", &st, 0) == 0)
			assert_int_equal(st.st_nlink, 1);
		assert_int_equal(fstatat(s.outside, "secret", &st, 0), 0);
		assert_int_equal(st.st_nlink, 1);
		scene_close(&s);
	}
}

static void
restores_the_rest_when_something_is_damaged(void **state)
{
	struct tree_entry e[2];
	struct digest tree, segment;
	struct scene s;

	(void)state;
	scene_open(&s);
	e[0] = scene_file(&s, "bad", "this will be spoilt, all of it");
	segment = shop_publish(&s.shop);
	e[1] = scene_file(&s, "good", "text");
	tree = scene_tree(&s, e, 2);
	scene_commit(&s, &tree);
	shop_spoil(&s.shop, &segment, SEGMENT_HEADER + 5);
	assert_int_equal(scene_restore(&s, &tree), BLK_CORRUPT);
	assert_int_equal(s.problems, 1);
	assert_string_equal(scene_read(&s, "good"), "text");
	assert_int_equal(scene_count(&s, "."), 1);
	scene_close(&s);
}

static void
does_not_believe_a_size(void **state)
{
	static const uint64_t said[] = { 0, 3, 5, 1 << 20,
		(UINT64_C(1) << 63) - 1 };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		struct tree_entry e;
		struct digest tree;

		scene_open(&s);
		e = scene_file(&s, "f", "four");
		e.size = said[i];
		tree = scene_tree(&s, &e, 1);
		scene_commit(&s, &tree);
		assert_int_equal(scene_restore(&s, &tree), BLK_CORRUPT);
		assert_int_equal(s.problems, 1);
		assert_int_equal(scene_count(&s, "."), 0);
		scene_close(&s);
	}
}

static void
gives_no_powers_without_the_owner(void **state)
{
	struct tree_entry e[3];
	struct digest tree;
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	e[0] = scene_file(&s, "own", "text");
	e[0].mode = 06755;
	e[1] = scene_file(&s, "theirs", "text");
	e[1].mode = 06755;
	e[1].uid = geteuid() + 1;
	e[2] = scene_file(&s, "device", "");
	e[2].type = TREE_CHAR;
	e[2].major = 1;
	e[2].minor = 3;
	tree = scene_tree(&s, e, 3);
	s.o.same_owner = false;
	scene_commit(&s, &tree);
	OK(scene_restore(&s, &tree));
	assert_int_equal(s.problems, 1); /* the device */
	assert_int_equal(fstatat(s.target, "own", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 06755);
	assert_int_equal(fstatat(s.target, "theirs", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(scene_count(&s, "."), 2);
	scene_close(&s);
}

/* Longer than any path may be, and more levels than descriptors. */
static void
restores_trees_that_are_deeper_than_paths(void **state)
{
	struct rlimit few, was;
	struct tree_entry e;
	struct digest tree;
	struct scene s;
	int at, next;

	(void)state;
	scene_open(&s);
	e = scene_file(&s, "bottom", "text");
	tree = scene_tree(&s, &e, 1);
	for (int i = 0; i < 1500; i++) {
		e = scene_dir("level", &tree);
		tree = scene_tree(&s, &e, 1);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	scene_restored(&s, &tree);
	s.o.overwrite = RESTORE_ALWAYS;
	scene_restored(&s, &tree);
	at = dup(s.target);
	for (int i = 0; i < 1500; i++) {
		struct stat st;

		next = openat(at, "level", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		assert_int_equal(fstat(next, &st), 0);
		assert_int_equal(st.st_mtim.tv_nsec, 123456789);
		close(at);
		at = next;
	}
	assert_int_equal(faccessat(at, "bottom", R_OK, 0), 0);
	close(at);
	/* Removing takes few descriptors too. */
	tree = scene_tree(&s, NULL, 0);
	s.o.delete_others = true;
	scene_restored(&s, &tree);
	assert_int_equal(scene_count(&s, "."), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	scene_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_names_that_lead_elsewhere),
		cmocka_unit_test(refuses_a_name_that_comes_twice),
		cmocka_unit_test(does_not_write_through_planted_links),
		cmocka_unit_test(
		    leaves_planted_links_when_nothing_may_be_replaced),
		cmocka_unit_test(does_not_change_an_inode_that_has_other_names),
		cmocka_unit_test(does_not_link_to_what_lies_outside),
		cmocka_unit_test(restores_the_rest_when_something_is_damaged),
		cmocka_unit_test(does_not_believe_a_size),
		cmocka_unit_test(gives_no_powers_without_the_owner),
		cmocka_unit_test(restores_trees_that_are_deeper_than_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

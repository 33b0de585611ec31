#include "scan.h"

#include <sched.h>
#include <sys/mount.h>

#include "walk.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct filter *
filter_of(const char *patterns)
{
	struct fault why = FAULT_NONE;
	struct filter *f = NULL;

	assert_int_equal(filter_new(&f, &why), BLK_OK);
	assert_int_equal(
	    filter_add_lines(f, span_str(patterns), 0, &why), BLK_OK);
	return f;
}

/* The names of the lines of all directories, as they came. */
static void
expect_names(const struct scan_options *o, const char *names)
{
	char said[512] = "", *line = NULL, *rest = NULL;
	struct walk w;

	walk_init(&w, o->path, o->paths);
	w.options.filter = o->filter;
	w.options.one_file_system = o->one_file_system;
	walk_all(&w);
	line = strtok_r(w.text, "\n", &rest);
	for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		const char *space = strrchr(line, ' ');

		snprintf(said + strlen(said), sizeof(said) - strlen(said),
		    "%s ", space != NULL ? space + 1 : line);
	}
	assert_string_equal(said, names);
	walk_release(&w);
}

static void
what_is_filtered_is_neither_entered_nor_looked_at(void **state)
{
	struct filter *f = filter_of("*.o\n/x\nsub/\n!keep.o\n");
	struct scan_options o = { .path = paths, .paths = 1, .filter = f };

	(void)state;
	fresh();
	make_dir("x");
	make_file("x/y", "");
	make_dir("d");
	make_dir("d/x");
	make_dir("d/sub");
	make_file("d/x/a.o", "");
	make_file("d/x/keep.o", "");
	make_file("d/x/sub", "");
	expect_names(&o, "d/x: keep.o sub d: x : d ");
	filter_free(f);
	f = filter_of("");
	filter_set_limit(f, 3);
	make_file("three", "123");
	make_file("four", "1234");
	o.filter = f;
	expect_names(&o,
	    "d/sub: d/x: a.o keep.o sub d: sub x x: y : d three "
	    "x ");
	filter_free(f);
	back();
}

static void
tagged_directories_keep_the_tag_only(void **state)
{
	static const char signature[] =
	    "Signature: 8a477f597d28d172789f06886806bc55\nmore\n";
	struct fault why = FAULT_NONE;
	struct filter *f = filter_of("");
	struct scan_options o = { .path = paths, .paths = 1, .filter = f };

	(void)state;
	assert_int_equal(filter_add_caches(f, &why), BLK_OK);
	assert_int_equal(filter_add_tag(f, span_str(".no"), &why), BLK_OK);
	fresh();
	make_dir("a");
	make_file("a/CACHEDIR.TAG", signature);
	make_file("a/A", "");
	make_dir("a/sub");
	make_dir("b");
	make_file("b/CACHEDIR.TAG", "Signature: 8a");
	make_file("b/x", "");
	make_dir("c");
	make_file("c/.no", "");
	make_file("c/x", "");
	make_dir("d");
	assert_int_equal(mkfifo("d/CACHEDIR.TAG", 0600), 0);
	expect_names(&o,
	    "a: CACHEDIR.TAG b: CACHEDIR.TAG x c: .no "
	    "d: CACHEDIR.TAG : a b c d ");
	filter_free(f);
	back();
}

static void
several_paths_stand_in_the_root_under_their_own(void **state)
{
	char a[PATH_MAX + 32], b[PATH_MAX + 32], l[PATH_MAX + 32],
	    none[PATH_MAX + 32], problem[PATH_MAX + 64], *d = NULL;
	const char *const several[] = { b, a, l, none, b };
	struct walk w;

	(void)state;
	fresh();
	make_dir("a");
	make_dir("a/below");
	make_dir("x");
	make_file("x/b", "");
	make_file("x/other", "");
	assert_int_equal(symlink("a", "l"), 0);
	set_time("x/b", 77);
	set_time("a", 55);
	snprintf(a, sizeof(a), "%s/a", root);
	snprintf(b, sizeof(b), "%s/x/b", root);
	snprintf(l, sizeof(l), "%s/l", root);
	snprintf(none, sizeof(none), "%s/none", root);
	set_time("l", 9);
	walk_init(&w, several, 5);
	walk_all(&w);
	snprintf(problem, sizeof(problem), "unreadable %s/none\n", root);
	assert_string_equal(w.problems, problem);
	assert_null(strstr(w.text, "other"));
	assert_non_null(strstr(w.text, "below:\n"));
	assert_non_null(strstr(w.text, "target=a l\n"));
	/* Those above have the newest time of what was asked for. */
	d = strstr(w.text, " 77000000005 ");
	assert_non_null(d);
	assert_non_null(strstr(w.root, " 77000000005"));
	walk_release(&w);
	/* With a slash at the end, what the link leads to. */
	strcat(l, "/");
	walk_init(&w, several, 3);
	walk_all(&w);
	assert_non_null(strstr(w.text, "l:\n"));
	assert_null(strstr(w.text, "target=a"));
	walk_release(&w);
	/* One path that is a file, and one that is a link to a directory. */
	walk_init(&w, several, 1);
	walk_all(&w);
	assert_non_null(strstr(w.text, " b\n"));
	walk_release(&w);
	l[strlen(l) - 1] = '\0';
	walk_init(&w, several + 2, 1);
	walk_all(&w);
	assert_true(strncmp(w.text, "below:\n:\n", 9) == 0);
	walk_release(&w);
	back();
}

static void
bad_paths_are_refused(void **state)
{
	static const char *const rows[] = { "a", "", "/a//b", "/a/../b", "/./a",
		"//" };
	static const char *const absent[] = { "/no/such/directory" };
	struct fault why = FAULT_NONE;
	struct walk w;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		walk_init(&w, &rows[i], 1);
		assert_int_equal(walk_run(&w, &why), BLK_INVALID);
		walk_release(&w);
	}
	walk_init(&w, absent, 0);
	assert_int_equal(walk_run(&w, &why), BLK_INVALID);
	w.options.paths = 1;
	assert_int_equal(walk_run(&w, &why), BLK_ABSENT);
	walk_release(&w);
}

static void
paths_are_made_absolute(void **state)
{
	static const char *const rows[][2] = { { "/a/b", "/a/b" }, { "/", "/" },
		{ "//a//./b/.", "/a/b/" }, { "/a/b/", "/a/b/" },
		{ "/a/../b", "/b" }, { "/..", "/" }, { "/a/b/..", "/a" } };
	struct buf b = BUF_INIT(4096);
	struct fault why = FAULT_NONE;
	char want[PATH_MAX + 16];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		b.len = 0;
		assert_int_equal(scan_absolute(rows[i][0], &b, &why), BLK_OK);
		assert_true(span_is(span_of(b.data, b.len), rows[i][1]));
	}
	b.len = 0;
	assert_int_equal(scan_absolute("x/.", &b, &why), BLK_OK);
	snprintf(want, sizeof(want), "%s/x/", here);
	assert_true(span_is(span_of(b.data, b.len), want));
	assert_int_equal(scan_absolute("", &b, &why), BLK_INVALID);
	buf_release(&b);
}

static void
other_mounts_and_loops_are_empty_directories(void **state)
{
	struct scan_options o = { .path = paths, .paths = 1 };
	char problem[PATH_MAX + 64];

	(void)state;
	fresh();
	make_dir("m");
	make_dir("n");
	make_dir("n/loop");
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "m", "tmpfs", 0, NULL) != 0) {
		back();
		skip();
	}
	make_file("m/inner", "");
	expect_names(&o, "m: inner n/loop: n: loop : m n ");
	o.one_file_system = true;
	expect_names(&o, "m: n/loop: n: loop : m n ");
	assert_int_equal(mount("n", "n/loop", NULL, MS_BIND, NULL), 0);
	snprintf(problem, sizeof(problem), "loop %s/n/loop\n", root);
	expect(NULL, problem);
	expect_names(&o, "m: n/loop: n: loop : m n ");
	umount("n/loop");
	umount("m");
	back();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_filtered_is_neither_entered_nor_looked_at),
		cmocka_unit_test(tagged_directories_keep_the_tag_only),
		cmocka_unit_test(
		    several_paths_stand_in_the_root_under_their_own),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(paths_are_made_absolute),
		cmocka_unit_test(other_mounts_and_loops_are_empty_directories),
	};

	return cmocka_run_group_tests(tests, walk_setup, walk_teardown);
}

#include "scan.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#include "walk.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *
id_of(const char *text)
{
	static char hex[8][DIGEST_HEX];
	static size_t next;
	struct fault why = FAULT_NONE;
	struct digest id;

	next = (next + 1) % COUNT(hex);
	assert_int_equal(digest_of(text, strlen(text), &id, &why), BLK_OK);
	digest_hex(&id, hex[next]);
	return hex[next];
}

static void
a_tree_is_said_line_by_line_children_first(void **state)
{
	static const char *const made[] = { "a.b", "b c", "d", "l", "p" };
	char below[512], all[2048];
	uid_t u = getuid();
	gid_t g = getgid();

	(void)state;
	fresh();
	make_dir("d");
	make_file("d/inner", "inner\n");
	make_file("b c", "");
	make_file("a.b", "x");
	assert_int_equal(symlink("no\nwhere", "l"), 0);
	assert_int_equal(mkfifo("p", 0600), 0);
	assert_int_equal(chmod("a.b", 04711), 0);
	set_time("d/inner", -7);
	for (size_t i = 0; i < COUNT(made); i++)
		set_time(made[i], 1000);
	snprintf(below, sizeof(below), "F 644 %u %u -6999999995 6 %s inner\n",
	    u, g, id_of("inner\n"));
	snprintf(all, sizeof(all),
	    "d:\n%s:\n"
	    "F 4711 %u %u 1000000000005 1 %s a.b\n"
	    "F 644 %u %u 1000000000005 0 %s b%%20c\n"
	    "D 755 %u %u 1000000000005 %s d\n"
	    "L 777 %u %u 1000000000005 target=no%%0Awhere l\n"
	    "P 600 %u %u 1000000000005 p\n",
	    below, u, g, id_of("x"), u, g, id_of(""), u, g, id_of(below), u, g,
	    u, g);
	expect(all, "");
	back();
}

static void
names_of_all_bytes_are_taken(void **state)
{
	char longest[256], name[3] = "x";
	struct walk w;

	(void)state;
	fresh();
	for (int c = 1; c < 256; c++) {
		name[1] = (char)c;
		if (c != '/')
			make_file(name, "");
	}
	memset(longest, 'n', 255);
	longest[255] = '\0';
	make_file(longest, "");
	walk_init(&w, paths, 1);
	walk_all(&w);
	assert_int_equal(w.files_new, 255);
	assert_non_null(strstr(w.text, " x%0A\n"));
	assert_non_null(strstr(w.text, " x\xff\n"));
	assert_non_null(strstr(w.text, longest));
	walk_release(&w);
	back();
}

static void
sockets_are_reported_and_left_out(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char problem[PATH_MAX + 64];

	(void)state;
	fresh();
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)(const void *)&a, sizeof(a)), 0);
	snprintf(problem, sizeof(problem), "socket %s/s\n", root);
	expect(":\n", problem);
	close(fd);
	back();
}

static void
devices_keep_their_numbers(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	fresh();
	assert_int_equal(mknod("c", S_IFCHR | 0600, makedev(1, 3)), 0);
	assert_int_equal(mknod("b", S_IFBLK | 0600, makedev(7, 300)), 0);
	set_time("b", 1);
	set_time("c", 1);
	expect(":\nB 600 0 0 1000000005 device=7:300 b\n"
	       "C 600 0 0 1000000005 device=1:3 c\n",
	    "");
	back();
}

/* "b" is met first, but "a/x" comes first in the tree. */
static void
links_name_the_first_in_tree_order_and_are_read_once(void **state)
{
	struct walk w;

	(void)state;
	fresh();
	make_dir("a");
	make_dir("c");
	make_file("b", "content");
	assert_int_equal(link("b", "a/x"), 0);
	assert_int_equal(link("b", "a/y"), 0);
	assert_int_equal(link("b", "c/z"), 0);
	assert_int_equal(mkfifo("p", 0600), 0);
	assert_int_equal(link("p", "q"), 0);
	walk_init(&w, paths, 1);
	walk_all(&w);
	assert_int_equal(w.files_new, 1);
	assert_null(strstr(w.text, "link=a/x x\n"));
	assert_non_null(strstr(w.text, "link=a/x y\n"));
	assert_non_null(strstr(w.text, "link=a/x b\n"));
	assert_non_null(strstr(w.text, "link=a/x z\n"));
	assert_non_null(strstr(w.text, "link=p q\n"));
	assert_null(strstr(w.text, "link=p p\n"));
	assert_string_equal(w.problems, "");
	walk_release(&w);
	back();
}

static void
attributes_and_acls_are_taken(void **state)
{
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255,
		255, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
		16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255,
		255 };
	struct walk w;

	(void)state;
	fresh();
	make_file("f", "");
	make_dir("d");
	if (setxattr("f", "user.z", "1", 1, 0) != 0 ||
	    setxattr("f", "system.posix_acl_access", acl, sizeof(acl), 0) != 0)
		skip();
	assert_int_equal(setxattr("f", "user.a=", " \n", 2, 0), 0);
	assert_int_equal(setxattr("d", "user.e", "", 0, 0), 0);
	assert_int_equal(
	    setxattr("d", "system.posix_acl_default", acl, sizeof(acl), 0), 0);
	assert_int_equal(setxattr(".", "user.root", "r", 1, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(setxattr("f", "trusted.t", "1", 1, 0), 0);
	walk_init(&w, paths, 1);
	walk_all(&w);
	assert_non_null(strstr(w.text,
	    " acl=u::rw-,u:1000:r--,g::r--,m::r--,o::--- "
	    "xattr:user.a%3D=%20%0A xattr:user.z=1 f\n"));
	assert_non_null(strstr(w.text,
	    " acl-default=u::rw-,u:1000:r--,g::r--,m::r--,o::--- "
	    "xattr:user.e=% d\n"));
	assert_non_null(strstr(w.root, " xattr:user.root=r"));
	walk_release(&w);
	walk_init(&w, paths, 1);
	w.options.privileged_xattrs = true;
	walk_all(&w);
	if (geteuid() == 0)
		assert_non_null(strstr(w.text, " xattr:trusted.t=1 "));
	walk_release(&w);
	back();
}

/*
 * --- things that move meanwhile ---
 */

static void
remove_it(struct scan_dir *d, struct scan_entry *e)
{
	assert_int_equal(unlinkat(d->fd, e->name, 0), 0);
}

static void
make_it_a_fifo(struct scan_dir *d, struct scan_entry *e)
{
	remove_it(d, e);
	assert_int_equal(mkfifoat(d->fd, e->name, 0600), 0);
}

static void
make_it_a_link(struct scan_dir *d, struct scan_entry *e)
{
	remove_it(d, e);
	assert_int_equal(symlinkat("/etc/passwd", d->fd, e->name), 0);
}

static void
make_it_another(struct scan_dir *d, struct scan_entry *e)
{
	int fd = openat(d->fd, "other", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "2", 1), 1);
	close(fd);
	assert_int_equal(renameat(d->fd, "other", d->fd, e->name), 0);
}

static void
append_to_it(struct scan_dir *d, struct scan_entry *e)
{
	int fd = openat(d->fd, e->name, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "+", 1), 1);
	close(fd);
}

static void
append_once(struct scan_dir *d, struct scan_entry *e)
{
	if (e->stat.size == 1)
		append_to_it(d, e);
}

static void
what_moves_meanwhile_is_reported_never_waited_for(void **state)
{
	static const struct {
		void (*before)(struct scan_dir *, struct scan_entry *);
		void (*between)(struct scan_dir *, struct scan_entry *);
		const char *problem, *line;
		bool known;
	} rows[] = {
		{ remove_it, NULL, "vanished ", NULL, false },
		{ make_it_a_fifo, NULL, "unreadable ", NULL, false },
		{ make_it_a_link, NULL, "unreadable ", NULL, false },
		{ append_to_it, NULL, NULL, " 2 ", false },
		{ NULL, append_once, NULL, " 2 ", false },
		{ NULL, append_to_it, "changed ", " 2 ", false },
		{ remove_it, NULL, "vanished ", NULL, true },
		{ make_it_a_fifo, NULL, "unreadable ", NULL, true },
		{ make_it_a_link, NULL, "unreadable ", NULL, true },
		{ append_to_it, NULL, NULL, " 2 ", true },
		{ NULL, append_once, NULL, " 2 ", true },
		{ NULL, append_to_it, "changed ", " 3 ", true },
		{ make_it_another, NULL, NULL, " 1 ", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char problem[PATH_MAX + 64] = "";
		struct walk w;

		fresh();
		make_file("f", "1");
		if (rows[i].problem != NULL)
			snprintf(problem, sizeof(problem), "%s%s/f\n",
			    rows[i].problem, root);
		walk_init(&w, paths, 1);
		w.before = rows[i].before;
		w.between = rows[i].between;
		w.known = rows[i].known;
		walk_all(&w);
		assert_string_equal(w.problems, problem);
		if (rows[i].line == NULL)
			assert_string_equal(w.text, ":\n");
		else
			assert_non_null(strstr(w.text, rows[i].line));
		walk_release(&w);
		back();
	}
}

static void
links_to_what_cannot_be_read_are_left_out_with_it(void **state)
{
	char problems[2 * PATH_MAX + 64];
	struct walk w;

	(void)state;
	fresh();
	make_dir("a");
	make_file("b", "1");
	assert_int_equal(link("b", "a/x"), 0);
	walk_init(&w, paths, 1);
	w.before = make_it_a_fifo;
	walk_all(&w);
	snprintf(problems, sizeof(problems),
	    "unreadable %s/b\nunreadable %s/a/x\n", root, root);
	assert_string_equal(w.problems, problems);
	assert_null(strstr(w.text, " x\n"));
	assert_null(strstr(w.text, " b\n"));
	walk_release(&w);
	back();
}

static void
what_may_not_be_read_is_reported(void **state)
{
	char problems[2 * PATH_MAX + 64];
	struct fault why = FAULT_NONE;
	struct walk w;

	(void)state;
	fresh();
	make_dir("d");
	make_dir("e");
	make_file("f", "");
	make_file("g", "");
	assert_int_equal(chmod("d", 0), 0);
	assert_int_equal(chmod("f", 0), 0);
	assert_int_equal(chmod(here, 0755), 0);
	walk_init(&w, paths, 1);
	if (geteuid() == 0 && seteuid(65534) != 0)
		skip();
	assert_int_equal(walk_run(&w, &why), BLK_OK);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	snprintf(problems, sizeof(problems),
	    "unreadable %s/f\nunreadable %s/d\n", root, root);
	assert_string_equal(w.problems, problems);
	assert_null(strstr(w.text, " d\n"));
	assert_non_null(strstr(w.text, " e\n"));
	assert_null(strstr(w.text, " f\n"));
	assert_non_null(strstr(w.text, " g\n"));
	walk_release(&w);
	chmod("d", 0755);
	back();
}

/*
 * --- sizes ---
 */

#define DEPTH 2500 /* of names of 200 bytes */

static void
a_tree_may_be_deeper_than_paths_and_descriptors(void **state)
{
	struct rlimit before, few;
	char name[201];
	struct walk w;
	int at = -1;

	(void)state;
	fresh();
	memset(name, 'd', 200);
	name[200] = '\0';
	at = open(".", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < DEPTH; i++) {
		int next = -1;

		assert_int_equal(mkdirat(at, name, 0755), 0);
		/* Something to come back for, at every level. */
		if (i % 100 == 0)
			assert_int_equal(mkdirat(at, "z", 0755), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(openat(at, "bottom", O_CREAT | O_WRONLY, 0644));
	close(at);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 100;
	setrlimit(RLIMIT_NOFILE, &few);
	walk_init(&w, paths, 1);
	w.brief = true;
	walk_all(&w);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(w.dirs, DEPTH + 1 + DEPTH / 100);
	assert_int_equal(w.files_new, 1);
	assert_string_equal(w.problems, "");
	walk_release(&w);
	back();
}

static void
a_directory_may_have_very_many_entries(void **state)
{
	enum { MANY = 20000 };
	char name[32];
	struct walk w;

	(void)state;
	fresh();
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(symlink("x", name), 0);
	}
	walk_init(&w, paths, 1);
	walk_all(&w);
	assert_string_equal(w.problems, "");
	for (size_t i = 0, lines = 0; i <= w.len; i++) {
		lines += i < w.len && w.text[i] == '\n';
		if (i == w.len)
			assert_int_equal(lines, MANY + 1);
	}
	walk_release(&w);
	back();
}

static void
holes_are_found(void **state)
{
	uint64_t start = 0, end = 0;
	struct fault why = FAULT_NONE;
	int fd = -1;

	(void)state;
	fresh();
	fd = open("sparse", O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_int_equal(
	    scan_file_extent(fd, 0, &start, &end, &why), BLK_ABSENT);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)1 << 30), 1);
	assert_int_equal(scan_file_extent(fd, 0, &start, &end, &why), BLK_OK);
	assert_true(start <= 1 << 30 && start > 0);
	assert_true(end > 1 << 30 && end <= (1 << 30) + (1 << 20));
	assert_int_equal(
	    scan_file_extent(fd, end, &start, &end, &why), BLK_ABSENT);
	assert_int_equal(
	    scan_file_extent(fd, (uint64_t)1 << 40, &start, &end, &why),
	    BLK_ABSENT);
	assert_int_equal(
	    scan_file_extent(fd, UINT64_MAX, &start, &end, &why), BLK_ABSENT);
	close(fd);
	back();
}

/*
 * --- failures ---
 */

static enum blk_status
refuse_third(void *arg, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = walk_enter(arg, d, why);

	return ((struct walk *)arg)->dirs < 3 || st != BLK_OK
	    ? st
	    : fault(why, BLK_BUSY, "enough");
}

static void
a_visitor_that_fails_ends_the_walk(void **state)
{
	struct fault why = FAULT_NONE;
	struct walk w;

	(void)state;
	fresh();
	make_dir("a");
	make_dir("a/b");
	make_dir("a/b/c");
	make_file("f", "");
	assert_int_equal(link("f", "a/g"), 0);
	walk_init(&w, paths, 1);
	w.visitor.enter = refuse_third;
	assert_int_equal(walk_run(&w, &why), BLK_BUSY);
	assert_string_equal(why.text, "enough");
	assert_string_equal(w.text, "");
	walk_release(&w);
	back();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_said_line_by_line_children_first),
		cmocka_unit_test(names_of_all_bytes_are_taken),
		cmocka_unit_test(sockets_are_reported_and_left_out),
		cmocka_unit_test(devices_keep_their_numbers),
		cmocka_unit_test(
		    links_name_the_first_in_tree_order_and_are_read_once),
		cmocka_unit_test(attributes_and_acls_are_taken),
		cmocka_unit_test(
		    what_moves_meanwhile_is_reported_never_waited_for),
		cmocka_unit_test(
		    links_to_what_cannot_be_read_are_left_out_with_it),
		cmocka_unit_test(what_may_not_be_read_is_reported),
		cmocka_unit_test(
		    a_tree_may_be_deeper_than_paths_and_descriptors),
		cmocka_unit_test(a_directory_may_have_very_many_entries),
		cmocka_unit_test(holes_are_found),
		cmocka_unit_test(a_visitor_that_fails_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, walk_setup, walk_teardown);
}

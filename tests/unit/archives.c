#include "archives-made.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archives-names.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK(call) assert_int_equal(call, BLK_OK)

static struct digest
tree_of_everything(struct scene *s)
{
	static char zeros[3 << 20];
	struct tree_xattr attribute[2] = { { span_str("user.a"),
		                               span_of("v\0w", 3) },
		{ span_str("user.b =%\n"), span_str("") } };
	struct tree_entry e[9], in[1];
	struct buf list = BUF_INIT(1 << 20);
	struct digest sub, hole;

	in[0] = scene_file(s, "in \xff\n", "text");
	in[0].mtime = -1;
	sub = scene_tree(s, in, 1);
	e[0] = scene_dir("d", &sub);
	e[0].acl_default = span_str("u::rwx,g::r-x,o::---");
	e[1] = scene_file(s, "a\xcc\x88", "decomposed");
	e[1].mode = 04755;
	e[2] = scene_file(s, "\xc3\xa4", "composed");
	e[3] = scene_symlink("sym", "\xff/..");
	e[4] = scene_file(s, "acl", "text");
	e[4].mode = 0670;
	e[4].acl = span_str("u::rw-,u:7:r--,g::---,g:9:rw-,m::rwx,o::---");
	e[4].xattr = attribute;
	e[4].xattrs = 2;
	e[5] = scene_file(s, "linked", "text");
	e[5].link = span_str("d/in \xff\n");
	e[6] = scene_symlink("device", "x");
	e[6].type = TREE_CHAR;
	e[6].target = span_of(NULL, 0);
	e[6].major = 300;
	e[6].minor = 70000;
	e[6].mode = 0600;
	e[7] = e[6];
	e[7].name = span_str("fifo");
	e[7].type = TREE_FIFO;
	hole = shop_add(&s->shop, KIND_DATA, zeros, sizeof(zeros));
	e[8] = scene_file(s, "sparse", "text");
	OK(structure_add_data(&list, &e[8].id, 4, &s->why));
	OK(structure_add_data(&list, &hole, sizeof(zeros), &s->why));
	memcpy(zeros, "text", 4);
	{
		struct buf all = BUF_INIT(8 << 20);

		OK(buf_add(&all, "text", 4, &s->why));
		memset(zeros, 0, 4);
		OK(buf_add(&all, zeros, sizeof(zeros), &s->why));
		OK(digest_of(all.data, all.len, &e[8].id, &s->why));
		e[8].size = all.len;
		buf_release(&all);
	}
	shop_add_as(&s->shop, &e[8].id, KIND_LIST, list.data, list.len);
	buf_release(&list);
	e[5].mtime = in[0].mtime;
	return scene_tree(s, e, 9);
}

static void
a_tree_that_goes_out_as_tar_comes_back_the_same(void **state)
{
	struct archives_result r;
	struct digest tree;
	struct scene s;
	int fd = made_memory();

	(void)state;
	scene_open(&s);
	tree = tree_of_everything(&s);
	scene_commit(&s, &tree);
	made_export(&s, &tree, ARCHIVES_TAR, fd);
	assert_int_equal(s.problems, 0);
	assert_true(lseek(fd, 0, SEEK_END) < 200000); /* the hole is one */
	if (made_import(&s, fd, &r) != BLK_OK)
		fail_msg("%s", s.why.text);
	assert_int_equal(s.problems, 0);
	assert_true(digest_equal(&r.tree, &tree));
	assert_int_equal(r.number, 1);
	close(fd);
	scene_close(&s);
}

static void
the_same_tree_gives_the_same_bytes(void **state)
{
	static const enum archives_format format[] = { ARCHIVES_TAR,
		ARCHIVES_CPIO, ARCHIVES_ZIP };
	struct digest tree;
	struct scene s;

	(void)state;
	scene_open(&s);
	tree = tree_of_everything(&s);
	scene_commit(&s, &tree);
	for (size_t i = 0; i < COUNT(format); i++) {
		int fd[2] = { made_memory(), made_memory() };
		off_t len[2];
		void *bytes[2];

		for (int k = 0; k < 2; k++) {
			made_export(&s, &tree, format[i], fd[k]);
			len[k] = lseek(fd[k], 0, SEEK_END);
			bytes[k] = mmap(NULL, (size_t)len[k], PROT_READ,
			    MAP_PRIVATE, fd[k], 0);
			assert_true(bytes[k] != MAP_FAILED);
			close(fd[k]);
		}
		assert_true(len[0] > 1000);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(bytes[0], bytes[1], (size_t)len[0]);
		munmap(bytes[0], (size_t)len[0]);
		munmap(bytes[1], (size_t)len[1]);
	}
	scene_close(&s);
}

static void
zip_says_what_it_cannot_hold(void **state)
{
	struct digest tree;
	struct scene s;
	int fd = made_memory();

	(void)state;
	scene_open(&s);
	tree = tree_of_everything(&s);
	scene_commit(&s, &tree);
	made_export(&s, &tree, ARCHIVES_ZIP, fd);
	/* fifo, device, a name; attributes or an ACL of two others */
	assert_int_equal(s.problems, 5);
	close(fd);
	scene_close(&s);
}

static bool
soon(void *arg)
{
	int *calls = arg;

	return ++*calls > 3;
}

static void
an_export_that_fails_ends_at_once(void **state)
{
	struct archives_export_options o = {
		.format = ARCHIVES_TAR, .jobs = 1, .stop = soon
	};
	struct tree_entry e, root;
	struct digest tree;
	struct scene s;
	int calls = 0;

	(void)state;
	scene_open(&s);
	tree = tree_of_everything(&s);
	scene_commit(&s, &tree);
	root = scene_dir("", &tree);
	o.fd = made_memory();
	o.arg = &calls;
	assert_int_equal(
	    archives_export(s.shop.s, &root, false, &o, &s.why), BLK_BUSY);
	close(o.fd);

	e = scene_file(&s, "f", "four");
	e.size = UINT64_C(1) << 62;
	tree = scene_tree(&s, &e, 1);
	scene_commit(&s, &tree);
	root = scene_dir("", &tree);
	o.fd = made_memory();
	o.stop = NULL;
	assert_int_equal(
	    archives_export(s.shop.s, &root, false, &o, &s.why), BLK_CORRUPT);
	close(o.fd);
	o.fd = open("/dev/full", O_WRONLY);
	tree = scene_tree(&s, NULL, 0);
	scene_commit(&s, &tree);
	root = scene_dir("", &tree);
	assert_int_equal(
	    archives_export(s.shop.s, &root, false, &o, &s.why), BLK_FAILED);
	assert_int_equal(s.why.sys, 0);
	assert_non_null(strstr(s.why.text, "No space"));
	close(o.fd);
	scene_close(&s);
}

static void
takes_members_in_any_order_and_the_last_of_a_name(void **state)
{
	static const struct made_member m[] = {
		{ "./b/c/x", AE_IFREG, "first", NULL },
		{ "b", AE_IFDIR, NULL, NULL },
		{ "a", AE_IFREG, "text", NULL },
		{ "/b//c/./x", AE_IFREG, "second", NULL },
		{ "l", AE_IFREG, NULL, "b/c/x" },
		{ "a", AE_IFDIR, NULL, NULL },
		{ "a/y", AE_IFREG, "text", NULL },
	};
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	made_bring(&s, m, COUNT(m));
	assert_int_equal(s.problems, 0);
	assert_string_equal(scene_read(&s, "b/c/x"), "second");
	assert_string_equal(scene_read(&s, "a/y"), "text");
	assert_int_equal(fstatat(s.target, "l", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(scene_count(&s, "."), 3);
	scene_close(&s);
}

/* A tree of many names: the table grows, and finds each again. */
static void
finds_each_of_many_names_again(void **state)
{
	const struct tree_entry file = { .type = TREE_FILE };
	const char *reason = NULL;
	struct fault why = FAULT_NONE;
	struct names n;
	char path[64];
	uint32_t node;

	(void)state;
	OK(names_init(&n, 1 << 30, &why));
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "%d/%d", i % 100, i);
		OK(names_place(&n, path, &file, &node, &reason, &why));
		OK(names_set(&n, node, &file, &reason, &why));
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "./%d//%d", i % 100, i);
		node = names_find(&n, path);
		assert_true(node != UINT32_MAX);
		assert_string_equal(n.node[node].name, strrchr(path, '/') + 1);
	}
	assert_true(names_find(&n, "7/8") == UINT32_MAX);
	assert_int_equal(n.nodes, 1 + 100 + 20000);
	names_release(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_tree_that_goes_out_as_tar_comes_back_the_same),
		cmocka_unit_test(the_same_tree_gives_the_same_bytes),
		cmocka_unit_test(zip_says_what_it_cannot_hold),
		cmocka_unit_test(an_export_that_fails_ends_at_once),
		cmocka_unit_test(
		    takes_members_in_any_order_and_the_last_of_a_name),
		cmocka_unit_test(finds_each_of_many_names_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

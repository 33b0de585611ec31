/*
 * Archives that mean harm, or are damaged.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "archives-made.h"
#include "file.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK(call) assert_int_equal(call, BLK_OK)

static void
takes_nothing_that_leads_elsewhere(void **state)
{
	static const struct made_member m[] = {
		{ "fine", AE_IFREG, "text", NULL },
		{ "../outside/evil", AE_IFREG, "evil", NULL },
		{ "a/../../outside/evil", AE_IFREG, "evil", NULL },
		{ "d", AE_IFLNK, "../outside", NULL },
		{ "d/evil", AE_IFREG, "evil", NULL },
		{ "d/secret", AE_IFREG, NULL, "fine" },
		{ "hard", AE_IFREG, NULL, "../outside/secret" },
		{ "hard", AE_IFREG, NULL, "d/secret" },
		{ "hard", AE_IFREG, NULL, "/etc/passwd" },
		{ "dir/x", AE_IFREG, "text", NULL },
		{ "dir", AE_IFLNK, "../outside", NULL },
		{ "dir/evil", AE_IFREG, "fine after all", NULL },
		{ ".", AE_IFLNK, "../outside", NULL },
	};
	struct scene s;

	(void)state;
	scene_open(&s);
	made_bring(&s, m, COUNT(m));
	scene_unharmed(&s);
	assert_int_equal(s.problems, 9);
	assert_string_equal(scene_read(&s, "fine"), "text");
	assert_string_equal(scene_read(&s, "dir/evil"), "fine after all");
	assert_int_equal(scene_count(&s, "."), 3);
	scene_close(&s);
}

static void
takes_a_symlink_over_a_file_and_a_file_over_a_symlink(void **state)
{
	static const struct made_member m[] = {
		{ "f", AE_IFLNK, "../outside/secret", NULL },
		{ "f", AE_IFREG, "text", NULL },
		{ "g", AE_IFREG, "text", NULL },
		{ "g", AE_IFLNK, "f", NULL },
	};
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s);
	made_bring(&s, m, COUNT(m));
	scene_unharmed(&s);
	assert_int_equal(fstatat(s.target, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(s.target, "g", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	scene_close(&s);
}

static void
refuses_names_that_are_too_long_and_goes_on(void **state)
{
	static char name[300], path[70000];
	struct made_member m[] = {
		{ name, AE_IFREG, "text", NULL },
		{ path, AE_IFREG, "text", NULL },
		{ "fine", AE_IFREG, "text", NULL },
	};
	struct scene s;

	(void)state;
	memset(name, 'n', 256);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 == 0 ? 'p' : '/';
	scene_open(&s);
	made_bring(&s, m, COUNT(m));
	assert_int_equal(s.problems, 2);
	assert_int_equal(scene_count(&s, "."), 1);
	scene_close(&s);
}

static void
tar_block(int fd, const char *name, char type, uint64_t size)
{
	uint8_t h[512] = { 0 };
	unsigned sum = 8 * ' ';

	snprintf((char *)h, 100, "%s", name);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	h[124] = 0x80; /* base 256 */
	for (int i = 0; i < 8; i++)
		h[135 - i] = (uint8_t)(size >> 8 * i);
	memcpy(h + 136, "00000000000", 11);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	assert_int_equal(write(fd, h, sizeof(h)), sizeof(h));
}

static void
tar_text(int fd, const char *text)
{
	char block[512] = "";

	snprintf(block, sizeof(block), "%s", text);
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
}

static int
tar_with_size(uint64_t size)
{
	int fd = made_memory();

	tar_block(fd, "huge", '0', size);
	tar_text(fd, "x");
	return fd;
}

static void
add_record(char *text, const char *key, uint64_t value)
{
	char body[100];
	size_t len, before;

	snprintf(body, sizeof(body), " %s=%ju\n", key, (uintmax_t)value);
	len = strlen(body);
	len += len + 2 > 99 ? 3 : len + 1 > 9 ? 2 : 1;
	before = strlen(text);
	snprintf(text + before, 512 - before, "%zu%s", len, body);
}

/* A file of which all but the first byte is a hole. */
static int
tar_with_hole(uint64_t size)
{
	char text[512] = "";
	int fd = made_memory();

	add_record(text, "GNU.sparse.major", 1);
	add_record(text, "GNU.sparse.minor", 0);
	add_record(text, "GNU.sparse.realsize", size);
	tar_block(fd, "pax", 'x', strlen(text));
	tar_text(fd, text);
	tar_block(fd, "huge", '0', 513);
	tar_text(fd, "1\n0\n1\n");
	tar_text(fd, "x");
	for (int i = 0; i < 2; i++)
		tar_text(fd, "");
	return fd;
}

static void
is_not_overwhelmed_by_sizes_that_are_only_said(void **state)
{
	static const uint64_t size[] = { INT64_MAX, INT64_MAX - 511, UINT64_MAX,
		UINT64_C(1) << 63, UINT64_C(1) << 62, UINT64_C(1) << 40,
		65 << 20 };
	struct archives_result r;
	struct scene s;

	(void)state;
	scene_open(&s);
	for (size_t i = 0; i < 2 * COUNT(size); i++) {
		int fd = i % 2 == 0 ? tar_with_size(size[i / 2])
		                    : tar_with_hole(size[i / 2]);
		int64_t before = file_clock_ms();
		enum blk_status st = made_import(&s, fd, &r);

		assert_true(file_clock_ms() - before < 5000);
		if (st == BLK_OK) /* libarchive took the size for none */
			assert_true(size[i / 2] > INT64_MAX);
		else
			assert_int_equal(st, BLK_INVALID);
		close(fd);
	}
	scene_close(&s);
}

static void
takes_a_file_that_is_almost_all_hole(void **state)
{
	struct archives_result r;
	struct scene s;
	struct stat st;
	int fd = tar_with_hole(20 << 20);

	(void)state;
	scene_open(&s);
	OK(made_import(&s, fd, &r));
	close(fd);
	OK(scene_restore(&s, &r.tree));
	assert_int_equal(fstatat(s.target, "huge", &st, 0), 0);
	assert_int_equal(st.st_size, 20 << 20);
	assert_true(st.st_blocks <= 16);
	assert_string_equal(scene_read(&s, "huge"), "x");
	scene_close(&s);
}

/* Many bytes out of few, by compression. */
static void
stops_at_a_bomb(void **state)
{
	static char zeros[1 << 20];
	struct archives_result r;
	struct archive *a;
	struct archive_entry *e = archive_entry_new();
	struct scene s;
	int fd = made_memory();

	(void)state;
	scene_open(&s);
	a = archive_write_new();
	assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (int i = 0; i < 5; i++) { /* each within the limit of 64 MiB */
		char name[8] = { (char)('a' + i), '\0' };

		archive_entry_clear(e);
		archive_entry_set_pathname(e, name);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_size(e, 15 * sizeof(zeros));
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		for (int k = 0; k < 15; k++)
			assert_int_equal(
			    archive_write_data(a, zeros, sizeof(zeros)),
			    sizeof(zeros));
	}
	archive_entry_free(e);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	assert_true(lseek(fd, 0, SEEK_END) < 1 << 20);
	assert_int_equal(made_import(&s, fd, &r), BLK_INVALID);
	assert_non_null(strstr(s.why.text, "67108864"));
	close(fd);
	scene_close(&s);
}

static void
holds_no_more_names_than_it_may(void **state)
{
	struct archives_result r;
	struct scene s;
	int fd = made_memory();
	struct archive *a = made_tar(fd);

	(void)state;
	for (int i = 0; i < 30000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%d", i);
		made_add(
		    a, &(struct made_member){ name, AE_IFIFO, NULL, NULL });
	}
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	scene_open(&s);
	assert_int_equal(made_import(&s, fd, &r), BLK_INVALID);
	assert_int_equal(r.number, 0);
	close(fd);
	scene_close(&s);
}

static void
names_nothing_when_an_archive_is_damaged(void **state)
{
	static const struct made_member m[] = {
		{ "a", AE_IFREG, "some text that is there", NULL },
		{ "b", AE_IFREG, "more", NULL },
	};
	static const char *const junk[] = { "", "no archive at all\n",
		"Rar!\x1a\x07\x01", "7z\xbc\xaf\x27\x1c", "PK\x03\x04" };
	struct archives_result r;
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s);
	for (size_t i = 0; i < COUNT(junk); i++) {
		fd = made_memory();
		assert_int_equal(
		    write(fd, junk[i], strlen(junk[i])), strlen(junk[i]));
		assert_int_equal(made_import(&s, fd, &r), BLK_INVALID);
		assert_true(s.why.text[0] != '\0');
		close(fd);
	}
	for (off_t len = 100; len < 2500; len += 300) {
		fd = made_tar_of(m, COUNT(m));
		assert_int_equal(ftruncate(fd, len), 0);
		if (made_import(&s, fd, &r) ==
		    BLK_OK) /* ended behind a member */
			assert_int_equal(len % 512, 0);
		else
			assert_int_equal(r.number, 0);
		close(fd);
	}
	scene_close(&s);
}

static void
does_not_export_what_is_out_of_order_or_there_twice(void **state)
{
	static const char *const line[] = { "P 600 0 0 0 b\nP 600 0 0 0 a\n",
		"P 600 0 0 0 a\nP 600 0 0 0 a\n" };
	struct archives_export_options o = { .format = ARCHIVES_TAR,
		.jobs = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(line); i++) {
		struct digest tree;
		struct tree_entry root;
		struct scene s;

		scene_open(&s);
		tree = scene_text(&s, line[i]);
		scene_commit(&s, &tree);
		root = scene_dir("", &tree);
		o.fd = made_memory();
		assert_int_equal(
		    archives_export(s.shop.s, &root, false, &o, &s.why),
		    BLK_CORRUPT);
		assert_non_null(strstr(s.why.text, "not in order"));
		close(o.fd);
		scene_close(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    does_not_export_what_is_out_of_order_or_there_twice),
		cmocka_unit_test(takes_nothing_that_leads_elsewhere),
		cmocka_unit_test(
		    takes_a_symlink_over_a_file_and_a_file_over_a_symlink),
		cmocka_unit_test(refuses_names_that_are_too_long_and_goes_on),
		cmocka_unit_test(
		    is_not_overwhelmed_by_sizes_that_are_only_said),
		cmocka_unit_test(takes_a_file_that_is_almost_all_hole),
		cmocka_unit_test(stops_at_a_bomb),
		cmocka_unit_test(holds_no_more_names_than_it_may),
		cmocka_unit_test(names_nothing_when_an_archive_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "archives-made.h"

#include <sys/mman.h>
#include <unistd.h>

int
made_memory(void)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
on_problem(void *arg, struct span path, const char *reason)
{
	struct scene *s = arg;

	(void)path;
	s->problems++;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

enum blk_status
made_import(struct scene *s, int fd, struct archives_result *r)
{
	const struct archives_import_options o = { .name = "imported",
		.path = "-",
		.max_bytes = 64 << 20,
		.max_names = 4 << 20,
		.max_memory = 8 << 20,
		.problem = on_problem,
		.arg = s };

	s->problems = 0;
	s->why = (struct fault)FAULT_NONE;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return archives_import(s->shop.s, fd, &o, r, &s->why);
}

void
made_export(
    struct scene *s, const struct digest *tree, enum archives_format f, int fd)
{
	const struct archives_export_options o = { .format = f,
		.fd = fd,
		.sparse = true,
		.jobs = 1,
		.problem = on_problem,
		.arg = s };
	struct tree_entry root = scene_dir("", tree);

	s->problems = 0;
	if (archives_export(s->shop.s, &root, false, &o, &s->why) != BLK_OK)
		fail_msg("%s", s->why.text);
}

struct archive *
made_tar(int fd)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	return a;
}

void
made_add(struct archive *a, const struct made_member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t len =
	    m->type == AE_IFREG && m->text != NULL ? strlen(m->text) : 0;

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_filetype(e, m->type);
	archive_entry_set_perm(e, m->type == AE_IFDIR ? 0755 : 0644);
	archive_entry_set_size(e, (int64_t)len);
	archive_entry_set_mtime(e, 1600000000, 5);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->text);
	if (m->hardlink != NULL)
		archive_entry_set_hardlink(e, m->hardlink);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (len > 0)
		assert_int_equal(archive_write_data(a, m->text, len), len);
	archive_entry_free(e);
}

int
made_tar_of(const struct made_member *m, size_t n)
{
	int fd = made_memory();
	struct archive *a = made_tar(fd);

	for (size_t i = 0; i < n; i++)
		made_add(a, &m[i]);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	return fd;
}

/* Import the members and restore what came of them. */
void
made_bring(struct scene *s, const struct made_member *m, size_t n)
{
	struct archives_result r;
	unsigned problems;
	int fd = made_tar_of(m, n);

	if (made_import(s, fd, &r) != BLK_OK)
		fail_msg("%s", s->why.text);
	close(fd);
	problems = s->problems;
	if (scene_restore(s, &r.tree) != BLK_OK)
		fail_msg("%s", s->why.text);
	s->problems = problems;
}

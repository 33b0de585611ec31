#include "restore-shop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bytes.h"

#define OK(call) assert_int_equal(call, BLK_OK)

static void
on_problem(void *arg, struct span path, const char *reason)
{
	struct scene *s = arg;

	(void)path;
	s->problems++;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static void
on_item(void *arg, enum restore_action what, struct span path)
{
	struct scene *s = arg;
	size_t len = strlen(s->items);

	snprintf(s->items + len, sizeof(s->items) - len, "%c %.*s\n",
	    "MRUKD"[what], (int)path.len, path.p);
}

void
scene_open(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	shop_open(&s->shop, "mem:");
	assert_int_equal(tmpdir_make(s->dir), 0);
	s->fd = open(s->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(s->fd, "target", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "outside", 0755), 0);
	s->target = openat(s->fd, "target", O_RDONLY | O_DIRECTORY);
	s->outside = openat(s->fd, "outside", O_RDONLY | O_DIRECTORY);
	assert_true(s->target >= 0 && s->outside >= 0);
	scene_write(s->outside, "secret", "hidden");
	s->o = (struct restore_options){ .jobs = 2,
		.max_memory = 8 << 20,
		.sparse = true,
		.same_owner = geteuid() == 0,
		.problem = on_problem,
		.item = on_item,
		.arg = s,
		.totals = &s->t };
}

void
scene_close(struct scene *s)
{
	close(s->target);
	close(s->outside);
	close(s->fd);
	assert_int_equal(tmpdir_remove(s->dir), 0);
	shop_close(&s->shop);
}

/* --- trees --- */

static struct tree_entry
entry(enum tree_type type, const char *name, uint32_t mode)
{
	return (struct tree_entry){ .type = type,
		.mode = mode,
		.uid = geteuid(),
		.gid = getegid(),
		.mtime = TIME,
		.name = span_str(name) };
}

struct tree_entry
scene_file(struct scene *s, const char *name, const char *text)
{
	struct tree_entry e = entry(TREE_FILE, name, 0640);

	e.size = strlen(text);
	e.id = shop_add(&s->shop, KIND_DATA, text, strlen(text));
	return e;
}

struct tree_entry
scene_dir(const char *name, const struct digest *tree)
{
	struct tree_entry e = entry(TREE_DIR, name, 0750);

	e.id = *tree;
	return e;
}

struct tree_entry
scene_symlink(const char *name, const char *target)
{
	struct tree_entry e = entry(TREE_SYMLINK, name, 0777);

	e.target = span_str(target);
	return e;
}

static int
by_name(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return tree_compare(x->name, y->name);
}

struct digest
scene_tree(struct scene *s, const struct tree_entry *e, size_t n)
{
	struct buf b = BUF_INIT(64 << 20);
	struct tree_entry *sorted = calloc(n + 1, sizeof(*sorted));
	struct digest id;

	assert_non_null(sorted);
	if (n > 0)
		memcpy(sorted, e, n * sizeof(*e));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++)
		OK(tree_format(&sorted[i], &b, &s->why));
	id = shop_add(&s->shop, KIND_TREE,
	    b.data != NULL ? b.data : (const uint8_t *)"", b.len);
	buf_release(&b);
	free(sorted);
	return id;
}

struct digest
scene_text(struct scene *s, const char *text)
{
	return shop_add(&s->shop, KIND_TREE, text, strlen(text));
}

void
scene_commit(struct scene *s, const struct digest *tree)
{
	if (segment_count(s->shop.b) > 0)
		(void)shop_finish(&s->shop, "name", CLASS_TREE, tree);
	memset(&s->t, 0, sizeof(s->t));
	s->problems = 0;
	s->reason[0] = s->items[0] = '\0';
	s->why = (struct fault)FAULT_NONE;
}

enum blk_status
scene_restore(struct scene *s, const struct digest *tree)
{
	struct tree_entry root = scene_dir("", tree);
	const struct restore_source source = { .entry = &root,
		.path = span_of("", 0) };
	char target[TMPDIR_MAX + 8];

	snprintf(target, sizeof(target), "%s/target", s->dir);
	s->o.target = target;
	return restore_tree(s->shop.s, &source, &s->o, &s->why);
}

void
scene_restored(struct scene *s, const struct digest *tree)
{
	scene_commit(s, tree);
	if (scene_restore(s, tree) != BLK_OK)
		fail_msg("%s", s->why.text);
	if (s->problems > 0)
		fail_msg("%s", s->reason);
}

/* --- files --- */

const char *
scene_read(struct scene *s, const char *path)
{
	static char text[4096];
	int fd = openat(s->target, path, O_RDONLY);
	ssize_t n;

	if (fd == -1)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

void
scene_write(int dir, const char *path, const char *text)
{
	const struct timespec t[2] = { { 1500000000, 0 }, { 1500000000, 0 } };
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

int
scene_count(struct scene *s, const char *path)
{
	int fd = openat(s->target, path, O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

void
scene_unharmed(struct scene *s)
{
	char text[8] = "";
	struct stat st;
	int fd = openat(s->outside, "secret", O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_mtim.tv_sec, 1500000000);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_string_equal(text, "hidden");
	close(fd);
	assert_int_equal(scene_count(s, "../outside"), 1);
}

#include "failing-bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "check.h"
#include "reader.h"
#include "tmpdir.h"
#include "writer.h"

/* --- files --- */

static void
path_of(const struct bench *b, const char *name, char out[BENCH_PATH])
{
	snprintf(out, BENCH_PATH, "%s/%s", b->dir, name);
}

static bool
write_file(const char *dir, const char *name, const void *data, size_t len)
{
	char path[2 * BENCH_PATH];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd >= 0 && write(fd, data, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return good;
}

static int
remove_file(const char *path, const struct stat *sb, int type, struct FTW *f)
{
	(void)sb;
	(void)f;
	return type == FTW_F || type == FTW_SL ? unlink(path) : 0;
}

static void
copy_file(int from, int to, const char *name)
{
	char buffer[65536];
	int in = openat(from, name, O_RDONLY | O_CLOEXEC);
	int out = openat(to, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat sb;
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)n) != n)
			abort();
	if (n < 0 || fstat(in, &sb) != 0 || fchmod(out, sb.st_mode) != 0)
		abort();
	close(in);
	close(out);
}

/* What from holds, into to, where directories may be already. */
static void
copy_below(int from, int to)
{
	DIR *d = fdopendir(from);
	struct dirent *e;

	if (d == NULL || to < 0)
		abort();
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (e->d_type == DT_DIR) {
			(void)mkdirat(to, e->d_name, 0700);
			copy_below(openat(from, e->d_name,
			               O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			    openat(to, e->d_name,
			        O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		} else if (e->d_type == DT_REG) {
			copy_file(from, to, e->d_name);
		}
	}
	closedir(d);
	close(to);
}

static void
copy_tree(const char *from, const char *to)
{
	(void)mkdir(to, 0700);
	copy_below(open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void
put_back(struct bench *b, const char *template, const char *path)
{
	char from[BENCH_PATH];

	path_of(b, template, from);
	(void)nftw(path, remove_file, 16, FTW_DEPTH | FTW_PHYS);
	copy_tree(from, path);
}

static void
make_empty(const char *path)
{
	(void)tmpdir_remove(path);
	if (mkdir(path, 0700) != 0)
		abort();
}

void
bench_reset(struct bench *b, const struct work *w)
{
	char index[BENCH_PATH + 16];

	put_back(b, w->damaged ? "t-damaged" : "t-store", b->store);
	if (w->repairs)
		put_back(b, "t-store", b->other);
	if (w->no_index) {
		snprintf(index, sizeof(index), "%s/index-1.db", b->store);
		(void)unlink(index);
	}
	put_back(b, "t-cache", b->cache);
	make_empty(b->target);
	(void)tmpdir_remove(b->fresh);
	b->promises = 3;
	b->problems = 0;
}

/* --- stores --- */

enum blk_status
bench_store(struct bench *b, const char *path, bool create, struct store **out,
    struct fault *why)
{
	static const struct store_config config = { .format = 1,
		.chunker = 1,
		.min = 4096,
		.target = 12288,
		.max = 65536 };
	const struct store_options o = { .url = path,
		.cache_dir = b->cache,
		.host = "host",
		.program = "test",
		.lock_wait_ms = 1000,
		.max_memory = 16 << 20,
		.create = create,
		.made_as = &config };

	return store_open(&o, out, why);
}

void
bench_promise(
    struct bench *b, const struct digest *id, const void *data, size_t len)
{
	if (b->promises == BENCH_PROMISES)
		abort();
	b->promise[b->promises++] = (struct promise){ *id, data, len };
}

struct name {
	const char *name;
	struct digest id;
	uint64_t size;
};

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct name *n = arg;
	struct version v = { .name = strdup(n->name),
		.class = CLASS_CONTENT,
		.id = n->id,
		.size = n->size,
		.type = strdup("") };
	struct digest vid;
	enum blk_status st = BLK_FAILED;

	if (v.name != NULL && v.type != NULL)
		st = store_add_version(s, k, &v, &vid, why);
	version_release(&v);
	return st;
}

static enum blk_status
put_named(struct bench *b, struct store *s, const char *name, const void *data,
    size_t len, struct fault *why)
{
	const struct writer_options o = { .lanes = 1, .max_memory = 8 << 20 };
	struct name n = { .name = name, .size = len };
	struct store_outcome out;
	struct writer *w = NULL;
	enum blk_status st;

	st = writer_open(s, &o, &w, why);
	if (st == BLK_OK)
		st = lane_put(writer_lane(w, 0), data, len, &n.id, why);
	if (st == BLK_OK)
		st = writer_commit(w, decide, &n, &out, why);
	writer_close(w);
	if (st == BLK_OK)
		bench_promise(b, &n.id, data, len);
	return st;
}

static enum blk_status
back_up(
    struct bench *b, struct store *s, struct digest *tree, struct fault *why)
{
	const char *path = b->source;
	const struct backup_options o = { .name = "tree",
		.path = &path,
		.paths = 1,
		.jobs = 1,
		.cache_dir = b->cache,
		.max_memory = 8 << 20 };
	struct backup_result r;
	enum blk_status st = backup_create(s, &o, &r, why);

	*tree = r.tree;
	return st;
}

/* Two snapshots, names with several versions, something to collect. */
static enum blk_status
fill(struct bench *b, struct store *s, struct fault *why)
{
	static const char small[] = "a small object\n",
	                  next[] = "the next one\n";
	enum blk_status st;

	st = put_named(b, s, "small", small, sizeof(small) - 1, why);
	if (st == BLK_OK)
		st = put_named(b, s, "small", next, sizeof(next) - 1, why);
	if (st == BLK_OK)
		st = put_named(b, s, "long", b->bytes, BENCH_LONG, why);
	if (st == BLK_OK)
		st = back_up(b, s, &b->first_tree, why);
	if (st == BLK_OK &&
	    !write_file(b->source, "later", b->bytes + 5000, 300000))
		return fault(why, BLK_FAILED, "no source");
	if (st == BLK_OK)
		st = back_up(b, s, &b->tree, why);
	return st;
}

/* Text, so that it compresses, that repeats nowhere. */
static void
make_bytes(uint8_t *p, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1103515245 + 12345;
		p[i] = (uint8_t)('a' + (x >> 24) % 16);
	}
}

static bool
make_source(struct bench *b)
{
	char path[BENCH_PATH + 16], other[BENCH_PATH + 16];

	snprintf(path, sizeof(path), "%s/sub", b->source);
	if (mkdir(b->source, 0700) != 0 || mkdir(path, 0755) != 0 ||
	    !write_file(b->source, "one", "one\n", 4) ||
	    !write_file(path, "two", b->bytes + 300, 400000))
		return false;
	snprintf(path, sizeof(path), "%s/link", b->source);
	snprintf(other, sizeof(other), "%s/one", b->source);
	if (symlink("sub/two", path) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/hard", b->source);
	if (link(other, path) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/fifo", b->source);
	return mkfifo(path, 0644) == 0;
}

/* One byte in the middle of each segment that is not in the log. */
static int
spoil(const char *path, const struct stat *sb, int type, struct FTW *f)
{
	char byte;
	int fd;

	if (type != FTW_F || strlen(path + f->base) != 64)
		return 0;
	if (chmod(path, 0600) != 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &byte, 1, sb->st_size / 3) != 1)
		return -1;
	byte ^= 0x20;
	if (pwrite(fd, &byte, 1, sb->st_size / 3) != 1)
		return -1;
	close(fd);
	return chmod(path, 0400);
}

static bool
make_templates(struct bench *b)
{
	char path[BENCH_PATH];

	path_of(b, "t-damaged", path);
	copy_tree(b->store, path);
	if (nftw(path, spoil, 16, FTW_PHYS) != 0)
		return false;
	path_of(b, "t-store", path);
	copy_tree(b->store, path);
	path_of(b, "t-cache", path);
	copy_tree(b->cache, path);
	return true;
}

bool
bench_open(struct bench *b, struct fault *why)
{
	struct store *s = NULL;
	enum blk_status st;

	memset(b, 0, sizeof(*b));
	b->archive = b->written = -1;
	b->bytes = malloc(BENCH_LONG);
	if (b->bytes == NULL || tmpdir_make(b->dir) != 0)
		return false;
	make_bytes(b->bytes, BENCH_LONG);
	path_of(b, "store", b->store);
	path_of(b, "other", b->other);
	path_of(b, "source", b->source);
	path_of(b, "target", b->target);
	path_of(b, "cache", b->cache);
	path_of(b, "fresh", b->fresh);
	b->archive = memfd_create("archive", MFD_CLOEXEC);
	b->written = memfd_create("written", MFD_CLOEXEC);
	if (b->archive < 0 || b->written < 0 || !make_source(b))
		return false;
	st = bench_store(b, b->store, true, &s, why);
	if (st == BLK_OK)
		st = fill(b, s, why);
	if (st == BLK_OK)
		st = bench_export(b, s, b->archive, ARCHIVES_TAR, why);
	store_close(s);
	return st == BLK_OK && make_templates(b);
}

void
bench_close(struct bench *b)
{
	if (b->archive >= 0)
		close(b->archive);
	if (b->written >= 0)
		close(b->written);
	(void)tmpdir_remove(b->dir);
	free(b->bytes);
}

/* --- audit --- */

static char wrong[700];

static void
on_finding(void *arg, const struct check_finding *f)
{
	(void)arg;
	snprintf(wrong, sizeof(wrong), "%s: %s: %s", check_what_name(f->what),
	    f->where, f->message);
}

static enum blk_status
promised(struct store *s, const struct promise *p, struct fault *why)
{
	struct buf found = BUF_INIT(1 << 20);
	enum blk_status st = reader_slurp(s, &p->id, &found, why);

	if (st == BLK_OK &&
	    (found.len != p->len || memcmp(found.data, p->data, p->len) != 0))
		st = fault(why, BLK_CORRUPT, "other bytes");
	buf_release(&found);
	return st;
}

const char *
bench_wrong(struct bench *b, const struct work *w)
{
	const struct check_options o = { .share = CHECK_ALL,
		.jobs = 1,
		.max_memory = 16 << 20,
		.finding = on_finding };
	struct check_report r = { .findings = 0 };
	struct fault why = FAULT_NONE;
	struct store *s = NULL;
	enum blk_status st;

	wrong[0] = '\0';
	st = bench_store(b, b->store, false, &s, &why);
	for (size_t i = 0; st == BLK_OK && i < b->promises; i++) {
		st = promised(s, &b->promise[i], &why);
		if (w->damaged && (st == BLK_CORRUPT || st == BLK_ABSENT))
			st = BLK_OK;
		if (st != BLK_OK)
			snprintf(wrong, sizeof(wrong), "promise %zu: %s (%d)",
			    i, why.text, st);
	}
	if (st == BLK_OK && !w->damaged)
		st = check_run(s, &o, &r, &why);
	if (st != BLK_OK && wrong[0] == '\0')
		snprintf(wrong, sizeof(wrong), "afterwards: %s", why.text);
	store_close(s);
	return wrong[0] != '\0' ? wrong : NULL;
}

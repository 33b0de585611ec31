/*
 * rot - turns over every byte of a small store, one at a time, and looks
 * whether that is found and whether wrong bytes are ever given out.
 *
 *	rot STORE ACKED INDEX [EVERY [FROM]]
 *
 * ACKED holds a file for each object that was promised, named by its id.  An
 * index is made in INDEX, which must be empty; each byte is tried with it and
 * without any.  EVERY takes each so-manieth byte only, from FROM on, but of a
 * header one in seven.  Prints what was not as it must be, and how many bytes
 * were tried; exit 1 if any was not.  The store is as before when it ends.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "file.h"
#include "reader.h"

#define FILES 64
#define PROMISES 64
#define PATH 512

struct promise {
	struct digest id;
	void *data;
	size_t len;
};

static const char *store, *index_dir;
static char *file[FILES];
static bool in_config; /* the byte that is turned over */
static size_t files, promises, tried, bad;
static struct promise promise[PROMISES];

/* The index as it was made; the last is removed and not put back. */
static struct {
	const char *name;
	void *bytes;
	size_t len;
} index_part[] = { { .name = "index-1.db" }, { .name = "index-1.db-wal" },
	{ .name = "index-1.db-shm" } };
#define INDEX_PARTS 3

static void
must(bool good, const char *what)
{
	if (!good)
		err(2, "%s", what);
}

/* --- what there is --- */

static void *
slurp(const char *path, size_t *len)
{
	struct fault why = FAULT_NONE;
	void *data;

	if (file_slurp(AT_FDCWD, path, 1 << 20, &data, len, &why) != BLK_OK)
		errx(2, "%s", why.text);
	return data;
}

static void
find_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[PATH];

	must(d != NULL, dir);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type == DT_DIR) {
			find_files(path);
			continue;
		}
		must(files < FILES, "too many files");
		must(chmod(path, 0600) == 0, path);
		file[files++] = strdup(path);
	}
	closedir(d);
}

static void
find_promises(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct promise *p;
	char path[PATH];

	must(d != NULL, dir);
	while ((e = readdir(d)) != NULL) {
		p = &promise[promises];
		must(promises < PROMISES, "too many objects");
		if (!digest_parse(e->d_name, strlen(e->d_name), &p->id))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		p->data = slurp(path, &p->len);
		promises++;
	}
	closedir(d);
}

/* --- one attempt --- */

static enum blk_status
open_store(struct store **s, struct fault *why)
{
	const struct store_options o = { .url = store,
		.index_dir = index_dir,
		.host = "host",
		.program = "rot",
		.lock_wait_ms = 1000,
		.max_memory = 16 << 20 };

	return store_open(&o, s, why);
}

static void
write_whole(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, data, len) == (ssize_t)len, path);
	close(fd);
}

static void
set_index(bool there)
{
	char path[PATH];

	for (size_t i = 0; i < INDEX_PARTS; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", index_dir, index_part[i].name);
		(void)unlink(path);
		if (there && index_part[i].bytes != NULL)
			write_whole(
			    path, index_part[i].bytes, index_part[i].len);
	}
}

static void
say(const char *path, size_t at, bool indexed, const char *what,
    const struct fault *why)
{
	printf("%s at %zu, %s index: %s: %s\n", path, at,
	    indexed ? "with an" : "without", what, why->text);
	bad++;
}

/* What may come of a damaged store: a word about the damage; config has no
 * check, and may seem to be of a format that only a newer blk knows. */
static bool
is_said(enum blk_status st, const struct fault *why)
{
	return why->text[0] != '\0' &&
	    (st == BLK_CORRUPT || (in_config && fault_is_newer(st, why)));
}

/* Without an index the damage may be in all that tells of an object; and what
 * lies behind a commit that cannot be read is not said to be absent. */
static bool
may_miss(struct store *s, bool indexed)
{
	struct fault why = FAULT_NONE;
	bool whole;

	return !indexed ||
	    (catalog_is_whole(store_catalog(s), &whole, &why) == BLK_OK &&
	        !whole);
}

/* NULL, or what is wrong with how a promised object comes out. */
static const char *
read_one(
    struct store *s, const struct promise *p, bool indexed, struct fault *why)
{
	struct buf got = BUF_INIT(1 << 20);
	enum blk_status st = reader_slurp(s, &p->id, &got, why);
	bool same = got.len == p->len &&
	    (p->len == 0 || memcmp(got.data, p->data, p->len) == 0);

	buf_release(&got);
	if (st == BLK_OK)
		return same ? NULL : "wrong bytes";
	if (st == BLK_ABSENT)
		return may_miss(s, indexed) ? NULL : "said to be absent";
	return is_said(st, why) ? NULL : "not said to be damage";
}

/* Is there any damage?  False, with nothing said: none is seen. */
static bool
is_found(struct store *s, struct fault *why)
{
	const struct check_options o = {
		.share = CHECK_ALL, .jobs = 1, .max_memory = 8 << 20
	};
	struct check_report r;
	enum blk_status st = check_run(s, &o, &r, why);

	return st == BLK_OK ? r.findings > 0 : is_said(st, why);
}

static void
look(const char *path, size_t at, bool indexed)
{
	struct fault why = FAULT_NONE;
	struct store *s;
	const char *wrong;
	enum blk_status st;

	set_index(indexed);
	st = open_store(&s, &why);
	if (st != BLK_OK) {
		if (!is_said(st, &why))
			say(path, at, indexed, "cannot be opened", &why);
		return;
	}
	for (size_t i = 0; i < promises; i++) {
		why = (struct fault)FAULT_NONE;
		wrong = read_one(s, &promise[i], indexed, &why);
		if (wrong != NULL)
			say(path, at, indexed, wrong, &why);
	}
	why = (struct fault)FAULT_NONE;
	if (!is_found(s, &why))
		say(path, at, indexed, "not found", &why);
	store_close(s);
}

/* --- all of them --- */

#define STRIDE 7 /* in a header, at most */

static size_t
next(size_t at, size_t every, size_t from)
{
	if (at >= SEGMENT_HEADER || every <= STRIDE)
		return at + every;
	at += STRIDE;
	return at < SEGMENT_HEADER ? at : SEGMENT_HEADER + from % every;
}

static void
turn(const char *path, size_t every, size_t from)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat sb;
	uint8_t byte, other;

	must(fd >= 0 && fstat(fd, &sb) == 0, path);
	in_config = path == file[files - 1];
	for (size_t at = from % (every < STRIDE ? every : STRIDE);
	     at < (size_t)sb.st_size; at = next(at, every, from)) {
		must(pread(fd, &byte, 1, (off_t)at) == 1, path);
		other = byte ^ (uint8_t)(1 << at % 8);
		must(pwrite(fd, &other, 1, (off_t)at) == 1, path);
		look(path, at, true);
		look(path, at, false);
		must(pwrite(fd, &byte, 1, (off_t)at) == 1, path);
		tried++;
	}
	close(fd);
}

/* The store as it is: nothing may be found, or the rest says nothing. */
static void
look_first(void)
{
	struct fault why = FAULT_NONE;
	struct store *s;
	char path[PATH];

	if (open_store(&s, &why) != BLK_OK)
		errx(2, "%s", why.text);
	for (size_t i = 0; i < promises; i++)
		if (read_one(s, &promise[i], true, &why) != NULL)
			errx(2, "not whole: %s", why.text);
	if (is_found(s, &why))
		errx(2, "damaged before it began: %s", why.text);
	store_close(s);
	for (size_t i = 0; i < INDEX_PARTS - 1; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", index_dir, index_part[i].name);
		index_part[i].bytes = slurp(path, &index_part[i].len);
	}
}

int
main(int argc, char *argv[])
{
	static const char *const dirs[] = { "segments", "log", "checkpoint" };
	char path[PATH];
	size_t every = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	size_t from = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;

	if (argc < 4 || every == 0)
		errx(2, "usage: rot STORE ACKED INDEX [EVERY [FROM]]");
	store = argv[1];
	index_dir = argv[3];
	find_promises(argv[2]);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", store, dirs[i]);
		find_files(path);
	}
	snprintf(path, sizeof(path), "%s/config", store);
	must(chmod(path, 0600) == 0, path);
	file[files++] = strdup(path);
	look_first();
	for (size_t i = 0; i < files; i++)
		turn(file[i], every, from);
	printf("%zu bytes of %zu files turned over, %zu objects, %zu bad\n",
	    tried, files, promises, bad);
	return bad > 0 || tried == 0;
}

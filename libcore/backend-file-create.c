#include "backend-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* All but log, which is made when these are durable. */
static const char *const layout[] = {
	"segments",
	"checkpoint",
	"sessions",
	"locks",
	"tmp",
};

/* For who finds a store and has no blk. */
static const char readme[] =
    "This is a store of blk: bytes, kept under the SHA-256 of their content.\n"
    "blk-ls lists it, blk-get gets things out, blk-check says if it is sound.\n"
    "Remove nothing here but the index, index-*.db*: it is made again.\n"
    "\n"
    "Without blk: each file in segments/ is named by its own SHA-256, as\n"
    "sha256sum prints it.  Its last 64 bytes begin with two integers of 8\n"
    "bytes (od -t u8): where its table begins, and how long that is.  The\n"
    "table holds the number of frames; of each frame its length in the file,\n"
    "its length decoded, 1 byte of codec (0 none, 1 zstd, 2 lz4, 3 gzip), the\n"
    "number of its objects, 8 bytes of check; then of each object 32 bytes of\n"
    "id, 1 byte of kind (1 data, 2 a list), its length.  Numbers have 7 bits "
    "a\n"
    "byte, the lowest first, and the top bit where another byte follows.\n"
    "Frames stand one behind the other from byte 96 on (dd), and decoded by\n"
    "zstd -d are their objects, one behind the other.  A list is text, a line\n"
    "\"d ID LENGTH\" for each object that joined are the one wanted.\n"
    "Files in log/ are of the same form; their first object says which names\n"
    "there are, by \"version NAME NUMBER ID\", and that object which content.\n"
    "\n"
    "The script blk-extract.sh does all that with awk and dd; the manual page\n"
    "blk-store(5) describes every byte.\n";

#define LAYOUT (sizeof(layout) / sizeof(*layout))

/* May it stand in a directory that is to become a store?  README is made
 * when all of segments is there; any other is somebody's own. */
static bool
is_ours(int root, const char *name)
{
	for (size_t i = 0; i < LAYOUT; i++)
		if (strcmp(name, layout[i]) == 0)
			return true;
	if (strcmp(name, "README") == 0)
		return faccessat(root, "segments/ff", F_OK, 0) == 0;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strcmp(name, "log") == 0 || strcmp(name, "lost+found") == 0;
}

static enum blk_status
refuse_foreign(int root, const char *path, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct dirent *e = NULL;
	DIR *dir;
	int fd;

	st = file_open_dir(root, ".", &fd, why);
	if (st != BLK_OK)
		return st;
	dir = fdopendir(fd);
	if (dir == NULL) {
		st = fault_sys(why, "read directory %s", path);
		file_close(fd);
		return st;
	}
	errno = 0;
	while (st == BLK_OK && (e = readdir(dir)) != NULL)
		if (!is_ours(root, e->d_name))
			st = fault(why, BLK_INVALID,
			    "%s holds other things (%s) and no blk store", path,
			    e->d_name);
	if (st == BLK_OK && errno != 0)
		st = fault_sys(why, "read directory %s", path);
	closedir(dir);
	return st;
}

/* How many directories at the end of path are missing. */
static enum blk_status
count_missing(const char *path, size_t *missing, struct fault *why)
{
	char *copy = strdup(path);
	enum blk_status st = BLK_ABSENT;

	*missing = 0;
	if (copy == NULL)
		return fault_nomem(why);
	while (st == BLK_ABSENT) {
		char *slash;
		int fd;

		st = file_open_dir(AT_FDCWD, copy, &fd, why);
		file_close(fd);
		if (st != BLK_ABSENT)
			break;
		++*missing;
		slash = copy + strlen(copy) - 1;
		while (slash > copy && *slash == '/')
			*slash-- = '\0';
		slash = strrchr(copy, '/');
		if (slash == NULL)
			break; /* below the working directory */
		slash[slash == copy] = '\0';
	}
	free(copy);
	return st == BLK_ABSENT ? BLK_OK : st;
}

/*
 * Make the root's name durable, and those of the directories above it that
 * were missing.  One level at least: a killed process may have made the root
 * and not come that far.
 */
static enum blk_status
sync_above(int root, size_t missing, const char *path, struct fault *why)
{
	enum blk_status st = BLK_OK;
	int fd = root;

	for (size_t i = 0; st == BLK_OK && i < missing + (missing == 0); i++) {
		int above =
		    openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd != root)
			file_close(fd);
		fd = above;
		if (fd == -1 && errno == EACCES && missing == 0)
			return BLK_OK; /* it was there, and is not ours */
		if (fd == -1)
			return fault_sys(
			    why, "open the directory above %s", path);
		st = file_sync(fd, "the directory above the store", why);
	}
	if (fd != root)
		file_close(fd);
	return st;
}

static enum blk_status
make_segments(int root, mode_t mode, struct fault *why)
{
	enum blk_status st = BLK_OK;
	int fd;

	for (unsigned i = 0; st == BLK_OK && i < 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "segments/%02x", i);
		st = file_mkdirs(root, name, mode, why);
	}
	if (st != BLK_OK)
		return st;
	st = file_open_dir(root, "segments", &fd, why);
	if (st == BLK_OK)
		st = file_sync(fd, "segments", why);
	file_close(fd);
	return st == BLK_ABSENT ? fault(why, BLK_FAILED, "segments vanished")
	                        : st;
}

/* Made in tmp, where what a killed process leaves is in nobody's way. */
static enum blk_status
make_readme(int root, mode_t mode, struct fault *why)
{
	enum blk_status st;

	st = file_replace(
	    root, "tmp/README", mode & 0440, readme, sizeof(readme) - 1, why);
	if (st == BLK_OK &&
	    renameat(root, "tmp/README", root, "README") == -1 &&
	    (errno != ENOENT || faccessat(root, "README", F_OK, 0) == -1))
		st = fault_sys(why, "rename README");
	return st; /* another may have been as far */
}

/* Everything in the root but log, and durable. */
static enum blk_status
make_layout(int root, mode_t mode, const char *path, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (fchmod(root, mode) == -1)
		return fault_sys(why, "chmod %s", path);
	for (size_t i = 0; st == BLK_OK && i < LAYOUT; i++)
		st = file_mkdirs(root, layout[i], mode, why);
	if (st == BLK_OK)
		st = make_segments(root, mode, why);
	if (st == BLK_OK)
		st = make_readme(root, mode, why);
	if (st == BLK_OK)
		st = file_sync(root, path, why);
	return st;
}

/* log, as any directory that is made on demand (backend-file.h). */
static enum blk_status
make_log(int root, mode_t mode, struct fault *why)
{
	struct dirs_use use;
	struct dirs d;
	enum blk_status st = dirs_init(&d, root, mode, why);

	if (st != BLK_OK)
		return st;
	st = dirs_use(&d, "log", 3, true, true, &use, why);
	dirs_done(&use);
	dirs_release(&d);
	return st;
}

enum blk_status
dirs_create(const char *path, mode_t mode, struct fault *why)
{
	enum blk_status st;
	size_t missing;
	int root = -1;

	st = count_missing(path, &missing, why);
	if (st == BLK_OK && missing > 0)
		st = file_mkdirs(AT_FDCWD, path, mode, why);
	if (st == BLK_OK)
		st = file_open_dir(AT_FDCWD, path, &root, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_FAILED, "%s vanished", path);
	if (st == BLK_OK)
		st = refuse_foreign(root, path, why);
	if (st == BLK_OK)
		st = make_layout(root, mode, path, why);
	if (st == BLK_OK)
		st = sync_above(root, missing, path, why);
	if (st == BLK_OK) {
		st = make_log(root, mode, why);
		root = -1; /* handed over */
	}
	file_close(root);
	return st;
}

/*
 * Any bytes for a cache whose checks are right: they are read to the end, twice
 * the same, and every directory can be taken over into a new cache.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "scan-cache-format.h"
#include "../unit/tmpdir.h"
#include "scan-cache.h"

#define DEPTH 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct scan_cache_key key = { .name = { "fuzz", 4 } };

/* Make the check of a directory or block right. */
static bool
mend(uint8_t *file, size_t size, uint64_t offset, uint32_t len)
{
	if (offset < CACHE_HEADER || offset > size || len < CACHE_CHECK ||
	    len > size - offset)
		return false;
	put_le64(file + offset,
	    digest_xxh64(file + offset + CACHE_CHECK, len - CACHE_CHECK));
	return true;
}

/* The directory at offset, its blocks, and the first of those in it. */
static void
mend_dir(uint8_t *file, size_t size, uint64_t offset, uint32_t len, int depth)
{
	const size_t front = CACHE_CHECK + DIGEST_LEN + 4;
	uint8_t *p = NULL;
	uint32_t blocks = 0;

	if (depth == DEPTH || !mend(file, size, offset, len) || len < front)
		return;
	p = file + offset;
	blocks = get_le32(p + front - 4);
	for (uint32_t i = 0; i < blocks && front + 12 * (i + 1) <= len; i++)
		mend(file, size, get_le64(p + front + 12 * i),
		    get_le32(p + front + 12 * i + 8));
	if (blocks == 0 && len >= front + CACHE_ENTRY)
		mend_dir(file, size, get_le64(p + front + 56),
		    get_le32(p + front + 64), depth + 1);
	mend(file, size, offset, len); /* it may overlap with those */
}

static void
mend_file(uint8_t *file, size_t size, const struct digest *name)
{
	memcpy(file, CACHE_MAGIC, 8);
	put_le32(file + 8, CACHE_VERSION);
	put_le32(file + 12, key.flags);
	memcpy(file + 16, key.store, 16);
	memcpy(file + 32, name->byte, DIGEST_LEN);
	put_le32(file + 116, 0);
	mend_dir(file, size, get_le64(file + 104), get_le32(file + 112), 0);
	put_le64(file + 120, digest_xxh64(file, CACHE_HEADER - 8));
}

/* How many entries there are; the strings are all looked at. */
static size_t
read_all(struct scan_cache *c, struct scan_cache_dir *d, int depth)
{
	struct scan_cache_entry e;
	size_t n = 0, sum = 0;

	for (; scan_cache_dir_next(d, &e); n++) {
		struct scan_cache_dir *below = NULL;
		struct fault why = FAULT_NONE;

		if (e.name.len == 0 || e.line.p[e.line.len - 1] != '\n')
			abort();
		for (size_t i = 0; i < e.name.len; i++)
			sum += (uint8_t)e.name.p[i];
		if (n > 0 || depth == DEPTH || e.child.offset == 0 ||
		    scan_cache_dir_open(c, e.child, &below, &why) != BLK_OK)
			continue;
		read_all(c, below, depth + 1);
		scan_cache_dir_close(below);
	}
	return sum == SIZE_MAX ? 0 : n;
}

static void
use(int dir)
{
	static const struct scan_cache_ref none[2];
	struct fault why = FAULT_NONE;
	struct scan_cache *c = NULL;
	struct scan_cache_dir *d = NULL;
	struct scan_cache_writer *w = NULL;
	struct scan_cache_ref ref;
	size_t n = 0;

	if (scan_cache_open(dir, &key, &c, &why) != BLK_OK)
		return;
	if (scan_cache_dir_open(c, scan_cache_root(c), &d, &why) == BLK_OK) {
		n = read_all(c, d, 0);
		scan_cache_dir_rewind(d);
		if (read_all(c, d, 0) != n)
			abort();
		if (scan_cache_create(dir, &key, 0, &w, &why) != BLK_OK)
			abort();
		if (scan_cache_copy(w, d, none, n % 3, &ref, &why) ==
		    BLK_FAILED)
			abort();
	}
	scan_cache_writer_free(w);
	scan_cache_dir_close(d);
	scan_cache_close(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[TMPDIR_MAX], file[CACHE_FILE];
	struct fault why = FAULT_NONE;
	struct digest name;
	uint8_t *copy = NULL;
	int dir = -1, fd = -1;

	if (size < CACHE_HEADER)
		return 0;
	copy = malloc(size);
	if (copy == NULL || tmpdir_make(path) != 0 ||
	    scan_cache_file(&key, file, &name, &why) != BLK_OK)
		abort();
	memcpy(copy, data, size);
	mend_file(copy, size, &name);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	fd = openat(dir, file, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, copy, size) != (ssize_t)size)
		abort();
	close(fd);
	use(dir);
	unlinkat(dir, file, 0);
	close(dir);
	rmdir(path);
	free(copy);
	return 0;
}

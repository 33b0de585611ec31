#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "scan-cache-format.h"
#include "tree.h"

#define TEMPORARY_MAX 96
#define WRITE_SIZE ((size_t)1 << 20)

struct scan_cache_writer {
	int dir, fd;
	struct scan_cache_key key; /* without its name */
	struct digest name;
	int64_t start;
	char file[CACHE_FILE], temporary[TEMPORARY_MAX];
	bool named; /* the temporary file has its name */
	bool committed;
	pthread_mutex_t lock; /* of what follows */
	uint64_t offset;      /* of the end, what waits included */
	struct buf waiting;
	enum blk_status failed; /* the first failure to write, and why */
	struct fault why;
};

struct scan_cache_builder {
	struct scan_cache_writer *writer;
	struct buf entries; /* behind room for what goes in front */
	struct buf refs;    /* of blocks */
	uint32_t blocks;
};

/*
 * --- the file ---
 */

static enum blk_status
make_temporary(struct scan_cache_writer *w, struct fault *why)
{
	uint8_t random[8];
	char hex[2 * sizeof(random) + 1];
	enum blk_status st = digest_random(random, sizeof(random), why);

	if (st != BLK_OK)
		return st;
	digest_hex_of(random, sizeof(random), hex);
	snprintf(w->temporary, sizeof(w->temporary), "%s.%s.tmp", w->file, hex);
	/* A run that is killed leaves nothing behind, where that is known. */
	w->fd = openat(w->dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (w->fd >= 0)
		return BLK_OK;
	w->named = true;
	w->fd = openat(w->dir, w->temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return w->fd >= 0 ? BLK_OK : fault_sys(why, "make a scan cache");
}

enum blk_status
scan_cache_create(int dir, const struct scan_cache_key *key, int64_t start,
    struct scan_cache_writer **out, struct fault *why)
{
	static const uint8_t header[CACHE_HEADER];
	struct scan_cache_writer *w = calloc(1, sizeof(*w));
	enum blk_status st = BLK_OK;

	*out = NULL;
	if (w == NULL)
		return fault_nomem(why);
	pthread_mutex_init(&w->lock, NULL);
	w->dir = -1;
	w->fd = -1;
	w->key = *key;
	w->start = start;
	w->waiting.max = SIZE_MAX / 2;
	w->offset = CACHE_HEADER;
	st = scan_cache_file(key, w->file, &w->name, why);
	if (st == BLK_OK) {
		w->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
		if (w->dir < 0)
			st = fault_sys(why, "make a scan cache");
	}
	if (st == BLK_OK)
		st = make_temporary(w, why);
	if (st == BLK_OK)
		st = buf_add(&w->waiting, header, sizeof(header), why);
	if (st == BLK_OK)
		*out = w;
	else
		scan_cache_writer_free(w);
	return st;
}

void
scan_cache_writer_free(struct scan_cache_writer *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0 && w->named && !w->committed)
		unlinkat(w->dir, w->temporary, 0);
	file_close(w->fd);
	file_close(w->dir);
	buf_release(&w->waiting);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* With the lock.  A failure is kept for the end. */
static void
flush(struct scan_cache_writer *w)
{
	if (w->failed == BLK_OK)
		w->failed = file_write(w->fd, w->waiting.data, w->waiting.len,
		    "scan cache", &w->why);
	w->waiting.len = 0;
}

/* Append data, whose first bytes are room for its check. */
static enum blk_status
append(struct scan_cache_writer *w, uint8_t *data, size_t len,
    struct scan_cache_ref *ref, struct fault *why)
{
	enum blk_status st = BLK_OK;

	*ref = (struct scan_cache_ref){ 0, 0 };
	if (len > CACHE_RECORD_MAX)
		return BLK_OK; /* it will have to be looked at again */
	put_le64(data, digest_xxh64(data + CACHE_CHECK, len - CACHE_CHECK));
	pthread_mutex_lock(&w->lock);
	st = buf_add(&w->waiting, data, len, why);
	if (st == BLK_OK) {
		*ref = (struct scan_cache_ref){ w->offset, (uint32_t)len };
		w->offset += len;
		if (w->waiting.len >= WRITE_SIZE)
			flush(w);
	}
	pthread_mutex_unlock(&w->lock);
	return st;
}

static void
put_header(const struct scan_cache_writer *w, struct scan_cache_ref root,
    const struct digest *tree, uint8_t h[static CACHE_HEADER])
{
	memset(h, 0, CACHE_HEADER);
	memcpy(h, CACHE_MAGIC, 8);
	put_le32(h + 8, CACHE_VERSION);
	put_le32(h + 12, w->key.flags);
	memcpy(h + 16, w->key.store, 16);
	memcpy(h + 32, w->name.byte, DIGEST_LEN);
	memcpy(h + 64, tree->byte, DIGEST_LEN);
	put_le64(h + 96, (uint64_t)w->start);
	put_le64(h + 104, root.offset);
	put_le32(h + 112, root.len);
	put_le64(h + 120, digest_xxh64(h, CACHE_HEADER - 8));
}

static enum blk_status
name_temporary(struct scan_cache_writer *w, struct fault *why)
{
	char path[64];

	if (w->named)
		return BLK_OK;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
	if (linkat(AT_FDCWD, path, w->dir, w->temporary, AT_SYMLINK_FOLLOW) !=
	    0)
		return fault_sys(why, "name the scan cache");
	w->named = true;
	return BLK_OK;
}

/* No sync: what a power cut leaves of it fails its checks. */
enum blk_status
scan_cache_commit(struct scan_cache_writer *w, struct scan_cache_ref root,
    const struct digest *tree, struct fault *why)
{
	uint8_t header[CACHE_HEADER];
	enum blk_status st = BLK_OK;

	pthread_mutex_lock(&w->lock);
	flush(w);
	st = w->failed;
	if (st != BLK_OK)
		*why = w->why;
	pthread_mutex_unlock(&w->lock);
	if (st != BLK_OK)
		return st;
	put_header(w, root, tree, header);
	if (lseek(w->fd, 0, SEEK_SET) != 0)
		return fault_sys(why, "scan cache");
	st = file_write(w->fd, header, sizeof(header), "scan cache", why);
	if (st == BLK_OK)
		st = name_temporary(w, why);
	if (st != BLK_OK)
		return st;
	if (renameat(w->dir, w->temporary, w->dir, w->file) != 0)
		return fault_sys(why, "rename the scan cache");
	w->committed = true;
	return BLK_OK;
}

/*
 * --- a directory ---
 */

enum blk_status
scan_cache_copy(struct scan_cache_writer *w, struct scan_cache_dir *d,
    const struct scan_cache_ref *child, size_t children,
    struct scan_cache_ref *ref, struct fault *why)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (!scan_cache_dir_patch(d, child, children, &data, &len))
		return BLK_ABSENT;
	return append(w, data, len, ref, why);
}

enum blk_status
scan_cache_begin(struct scan_cache_writer *w, struct scan_cache_builder **out,
    struct fault *why)
{
	struct scan_cache_builder *b = calloc(1, sizeof(*b));

	*out = b;
	if (b == NULL)
		return fault_nomem(why);
	b->writer = w;
	b->entries.max = SIZE_MAX / 2;
	b->refs.max = SIZE_MAX / 2;
	return BLK_OK;
}

void
scan_cache_builder_free(struct scan_cache_builder *b)
{
	if (b == NULL)
		return;
	buf_release(&b->entries);
	buf_release(&b->refs);
	free(b);
}

/* Put the entries so far aside, as a block. */
static enum blk_status
put_aside(struct scan_cache_builder *b, struct fault *why)
{
	struct scan_cache_ref ref;
	enum blk_status st =
	    append(b->writer, b->entries.data, b->entries.len, &ref, why);

	b->entries.len = 0;
	b->blocks++;
	if (st == BLK_OK)
		st = buf_add_le64(&b->refs, ref.offset, why);
	return st != BLK_OK ? st : buf_add_le32(&b->refs, ref.len, why);
}

static void
put_entry(uint8_t p[static CACHE_ENTRY], const struct scan_cache_entry *e)
{
	put_le32(p, e->trusted ? CACHE_TRUSTED : 0);
	put_le64(p + 4, e->dev);
	put_le64(p + 12, e->ino);
	put_le64(p + 20, e->size);
	put_le64(p + 28, (uint64_t)e->mtime);
	put_le64(p + 36, (uint64_t)e->ctime);
	put_le32(p + 44, e->mode);
	put_le32(p + 48, e->uid);
	put_le32(p + 52, e->gid);
	put_le64(p + 56, e->child.offset);
	put_le32(p + 64, e->child.len);
	put_le32(p + 68, (uint32_t)e->line.len);
}

enum blk_status
scan_cache_add(struct scan_cache_builder *b, const struct scan_cache_entry *e,
    struct fault *why)
{
	size_t front = b->entries.len == 0 ? CACHE_CHECK : 0;
	enum blk_status st =
	    buf_reserve(&b->entries, front + CACHE_ENTRY + e->line.len, why);
	uint8_t *p = NULL;

	if (st != BLK_OK)
		return st;
	b->entries.len += front;
	p = b->entries.data + b->entries.len;
	put_entry(p, e);
	memcpy(p + CACHE_ENTRY, e->line.p, e->line.len);
	b->entries.len += CACHE_ENTRY + e->line.len;
	return b->entries.len < CACHE_BLOCK ? BLK_OK : put_aside(b, why);
}

/* The entries that are left go behind the head of the directory. */
enum blk_status
scan_cache_end(struct scan_cache_builder *b, const struct digest *tree,
    struct scan_cache_ref *ref, struct fault *why)
{
	size_t front = CACHE_CHECK + DIGEST_LEN + 4 + b->refs.len;
	size_t skip = b->entries.len > 0 ? CACHE_CHECK : 0;
	size_t len = b->entries.len - skip;
	enum blk_status st = buf_reserve(&b->entries, front, why);
	uint8_t *p = b->entries.data;

	if (st != BLK_OK)
		return st;
	memmove(p + front, p + skip, len);
	memcpy(p + CACHE_CHECK, tree->byte, DIGEST_LEN);
	put_le32(p + CACHE_CHECK + DIGEST_LEN, b->blocks);
	if (b->refs.len > 0)
		memcpy(p + CACHE_CHECK + DIGEST_LEN + 4, b->refs.data,
		    b->refs.len);
	return append(b->writer, p, front + len, ref, why);
}

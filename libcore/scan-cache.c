#include "scan-cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "scan-cache-format.h"
#include "tree.h"

struct scan_cache {
	int fd;
	uint64_t size;
	struct digest tree;
	int64_t start;
	struct scan_cache_ref root;
};

struct scan_cache_dir {
	struct scan_cache *cache;
	uint8_t *head, *block; /* the directory; the block that is open */
	struct cursor refs;    /* of all blocks, in the head */
	struct cursor last;    /* the entries in the head */
	struct cursor refs_left, now;
	bool in_last;
	struct digest tree;
	struct buf name;
};

enum blk_status
scan_cache_file(const struct scan_cache_key *key, char file[static CACHE_FILE],
    struct digest *name, struct fault *why)
{
	uint8_t both[16 + DIGEST_LEN];
	struct digest id;
	enum blk_status st = digest_of(key->name.p, key->name.len, name, why);

	if (st != BLK_OK)
		return st;
	memcpy(both, key->store, 16);
	memcpy(both + 16, name->byte, DIGEST_LEN);
	st = digest_of(both, sizeof(both), &id, why);
	if (st != BLK_OK)
		return st;
	memcpy(file, "scan-", 5);
	digest_hex_of(id.byte, 16, file + 5);
	return BLK_OK;
}

/*
 * --- the file ---
 */

/* Is ref a directory or block that lies inside the file? */
static bool
is_inside(const struct scan_cache *c, struct scan_cache_ref ref)
{
	return ref.offset >= CACHE_HEADER && ref.len >= CACHE_CHECK &&
	    ref.len <= CACHE_RECORD_MAX && ref.offset <= c->size &&
	    ref.len <= c->size - ref.offset;
}

static bool
read_header(struct scan_cache *c, const struct scan_cache_key *key,
    const struct digest *name, const uint8_t *header)
{
	struct cursor h = cursor_of(header, CACHE_HEADER);
	const uint8_t *magic = cursor_take(&h, 8);
	uint32_t version = cursor_le32(&h), flags = cursor_le32(&h);
	const uint8_t *store = cursor_take(&h, 16);
	const uint8_t *of = cursor_take(&h, DIGEST_LEN);
	uint32_t zero = 0;

	memcpy(c->tree.byte, cursor_take(&h, DIGEST_LEN), DIGEST_LEN);
	c->start = (int64_t)cursor_le64(&h);
	c->root.offset = cursor_le64(&h);
	c->root.len = cursor_le32(&h);
	zero = cursor_le32(&h);
	return cursor_le64(&h) == digest_xxh64(header, CACHE_HEADER - 8) &&
	    memcmp(magic, CACHE_MAGIC, 8) == 0 && version == CACHE_VERSION &&
	    flags == key->flags && memcmp(store, key->store, 16) == 0 &&
	    memcmp(of, name->byte, DIGEST_LEN) == 0 && zero == 0 &&
	    is_inside(c, c->root);
}

/* True when c can be used. */
static bool
open_file(struct scan_cache *c, int dir, const char *file,
    const struct scan_cache_key *key, const struct digest *name)
{
	uint8_t header[CACHE_HEADER];
	struct fault ignored = FAULT_NONE;
	struct stat stat;
	size_t got = 0;

	c->fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (c->fd < 0 || fstat(c->fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		return false;
	c->size = (uint64_t)stat.st_size;
	if (file_pread(c->fd, header, sizeof(header), 0, &got, file,
	        &ignored) != BLK_OK ||
	    got != sizeof(header))
		return false;
	if (!read_header(c, key, name, header))
		return false;
	/* Directories come in another order than that of the file. */
	posix_fadvise(c->fd, 0, 0, POSIX_FADV_WILLNEED);
	return true;
}

enum blk_status
scan_cache_open(int dir, const struct scan_cache_key *key,
    struct scan_cache **out, struct fault *why)
{
	char file[CACHE_FILE];
	struct digest name;
	enum blk_status st = scan_cache_file(key, file, &name, why);
	struct scan_cache *c = NULL;

	*out = NULL;
	if (st != BLK_OK)
		return st;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return fault_nomem(why);
	if (!open_file(c, dir, file, key, &name)) {
		scan_cache_close(c);
		return BLK_ABSENT;
	}
	*out = c;
	return BLK_OK;
}

void
scan_cache_close(struct scan_cache *c)
{
	if (c == NULL)
		return;
	file_close(c->fd);
	free(c);
}

const struct digest *
scan_cache_tree(const struct scan_cache *c)
{
	return &c->tree;
}

int64_t
scan_cache_start(const struct scan_cache *c)
{
	return c->start;
}

struct scan_cache_ref
scan_cache_root(const struct scan_cache *c)
{
	return c->root;
}

/*
 * --- a directory ---
 */

/* Read what stands at ref, checked, from malloc; *out is NULL when it is
 * damaged. */
static enum blk_status
read_record(struct scan_cache *c, struct scan_cache_ref ref, uint8_t **out,
    struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	uint8_t *data = NULL;
	size_t got = 0;

	*out = NULL;
	if (!is_inside(c, ref))
		return BLK_OK;
	data = malloc(ref.len);
	if (data == NULL)
		return fault_nomem(why);
	if (file_pread(c->fd, data, ref.len, ref.offset, &got, "scan cache",
	        &ignored) == BLK_OK &&
	    got == ref.len &&
	    get_le64(data) ==
	        digest_xxh64(data + CACHE_CHECK, ref.len - CACHE_CHECK)) {
		*out = data;
		data = NULL;
	}
	free(data);
	return BLK_OK;
}

static bool
parse_head(struct scan_cache_dir *d, uint32_t len)
{
	struct cursor c = cursor_of(d->head + CACHE_CHECK, len - CACHE_CHECK);
	const uint8_t *tree = cursor_take(&c, DIGEST_LEN);
	size_t blocks = cursor_le32(&c);
	const uint8_t *refs = cursor_take(&c, 12 * blocks);

	if (c.bad)
		return false;
	memcpy(d->tree.byte, tree, DIGEST_LEN);
	d->refs = cursor_of(refs, 12 * blocks);
	d->last = c;
	scan_cache_dir_rewind(d);
	return true;
}

enum blk_status
scan_cache_dir_open(struct scan_cache *c, struct scan_cache_ref ref,
    struct scan_cache_dir **out, struct fault *why)
{
	struct scan_cache_dir *d = calloc(1, sizeof(*d));
	enum blk_status st = BLK_OK;

	*out = NULL;
	if (d == NULL)
		return fault_nomem(why);
	d->cache = c;
	d->name.max = TREE_LINE_MAX;
	st = read_record(c, ref, &d->head, why);
	if (st == BLK_OK && (d->head == NULL || !parse_head(d, ref.len)))
		st = BLK_ABSENT;
	if (st == BLK_OK)
		*out = d;
	else
		scan_cache_dir_close(d);
	return st;
}

void
scan_cache_dir_close(struct scan_cache_dir *d)
{
	if (d == NULL)
		return;
	free(d->head);
	free(d->block);
	buf_release(&d->name);
	free(d);
}

const struct digest *
scan_cache_dir_tree(const struct scan_cache_dir *d)
{
	return &d->tree;
}

void
scan_cache_dir_rewind(struct scan_cache_dir *d)
{
	d->refs_left = d->refs;
	d->now = cursor_of(d->head, 0);
	d->in_last = false;
}

/* Go on to the next block, or the entries in the head. */
static bool
next_block(struct scan_cache_dir *d)
{
	struct fault ignored = FAULT_NONE;
	struct scan_cache_ref ref;

	if (d->in_last)
		return false;
	free(d->block);
	d->block = NULL;
	if (cursor_left(&d->refs_left) == 0) {
		d->now = d->last;
		d->in_last = true;
		return true;
	}
	ref.offset = cursor_le64(&d->refs_left);
	ref.len = cursor_le32(&d->refs_left);
	if (read_record(d->cache, ref, &d->block, &ignored) != BLK_OK ||
	    d->block == NULL)
		return false;
	d->now = cursor_of(d->block + CACHE_CHECK, ref.len - CACHE_CHECK);
	return true;
}

/* The name at the end of a line, as it is on disk. */
static bool
name_of(struct scan_cache_dir *d, struct span line, struct span *name)
{
	struct fault ignored = FAULT_NONE;
	const char *space = NULL;

	if (line.len < 4 || line.p[1] != ' ' ||
	    memchr(line.p, '\n', line.len) != line.p + line.len - 1)
		return false;
	space = memrchr(line.p, ' ', line.len);
	*name = span_of(space + 1, line.len - (size_t)(space + 1 - line.p) - 1);
	if (memchr(name->p, '%', name->len) == NULL)
		return tree_name_is_valid(*name);
	d->name.len = 0;
	if (text_unescape(&d->name, *name, false, &ignored) != BLK_OK)
		return false;
	*name = span_of(d->name.data, d->name.len);
	return tree_name_is_valid(*name);
}

bool
scan_cache_dir_next(struct scan_cache_dir *d, struct scan_cache_entry *e)
{
	struct cursor *c = &d->now;
	const uint8_t *p = NULL;
	size_t len = 0;

	while (cursor_left(c) == 0)
		if (!next_block(d))
			return false;
	p = cursor_take(c, CACHE_ENTRY);
	if (p == NULL)
		return false;
	e->trusted = (get_le32(p) & CACHE_TRUSTED) != 0;
	e->dev = get_le64(p + 4);
	e->ino = get_le64(p + 12);
	e->size = get_le64(p + 20);
	e->mtime = (int64_t)get_le64(p + 28);
	e->ctime = (int64_t)get_le64(p + 36);
	e->mode = get_le32(p + 44);
	e->uid = get_le32(p + 48);
	e->gid = get_le32(p + 52);
	e->child.offset = get_le64(p + 56);
	e->child.len = get_le32(p + 64);
	len = get_le32(p + 68);
	p = cursor_take(c, len);
	if (p == NULL)
		return false;
	e->line = span_of(p, len);
	if (!name_of(d, e->line, &e->name)) {
		c->bad = true;
		return false;
	}
	return true;
}

bool
scan_cache_dir_patch(struct scan_cache_dir *d,
    const struct scan_cache_ref *child, size_t children, uint8_t **data,
    size_t *len)
{
	struct cursor c = d->last;

	if (cursor_left(&d->refs) > 0)
		return false;
	while (cursor_left(&c) > 0) {
		/* The head is ours to write: the cursor only reads it. */
		uint8_t *p = d->head + (c.p - d->head);
		const uint8_t *line = NULL;

		if (cursor_take(&c, CACHE_ENTRY) == NULL)
			return false;
		line = cursor_take(&c, get_le32(p + 68));
		if (line == NULL || get_le32(p + 68) == 0)
			return false;
		if (*line != TREE_DIR)
			continue;
		if (children == 0)
			return false;
		put_le64(p + 56, child->offset);
		put_le32(p + 64, child->len);
		child++;
		children--;
	}
	*data = d->head;
	*len = (size_t)(d->last.end - d->head);
	return children == 0;
}

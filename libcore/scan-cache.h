/*
 * scan-cache.h - what the last walk found, so that the next reads only what
 * changed.
 *
 * A disposable file: any damage, any other version, a loss only cost time.
 * It names the store, and the tree that it describes: it may be used only
 * while that tree is in the store and referenced, which the caller knows.
 *
 * Format (integers little-endian):
 *
 *	header	128 bytes: magic "BLKSCAN\n", 4 version 1, 4 flags, 16 store
 *		id, 32 SHA-256 of the name, 32 tree id, 8 start of the walk,
 *		8 offset and 4 length of the root's directory, 4 zero, 8
 *		XXH3-64 of what stands before
 *	block	8 XXH3-64 of what follows, then entries
 *	directory	8 XXH3-64 of what follows, 32 tree id, 4 number of
 *		blocks, for each 8 offset and 4 length, then entries
 *	entry	4 flags (1: trusted), 8 device, 8 inode, 8 size, 8 mtime, 8
 *		ctime, 4 mode, 4 uid, 4 gid, of a directory 8 offset and 4
 *		length of it (else zero), 4 length of the line, the line
 *
 * A directory stands behind those in it, in the order in which they were
 * complete, and is read when the walk comes there.  Large ones put their
 * first entries into blocks.
 */
#ifndef SCAN_CACHE_H
#define SCAN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "text.h"

struct scan_cache;         /* read by one thread */
struct scan_cache_dir;     /* a place in a directory of it */
struct scan_cache_writer;  /* used by several threads */
struct scan_cache_builder; /* a directory on its way in, by one thread */

struct scan_cache_key {
	uint8_t store[16];
	struct span name; /* of the backup */
	uint32_t flags;   /* what else makes lines differ */
};

struct scan_cache_ref {
	uint64_t offset; /* 0: none */
	uint32_t len;
};

struct scan_cache_entry {
	bool trusted;
	uint64_t dev, ino, size;
	int64_t mtime, ctime;
	uint32_t mode, uid, gid;
	struct scan_cache_ref child;
	struct span line; /* of a tree, with its LF */
	struct span name; /* from the line; not needed when adding */
};

/*
 * Open the cache of this key in the directory dir.
 *
 * Returns: BLK_OK; BLK_ABSENT when there is none that can be used, whatever
 *          the reason; BLK_FAILED for want of memory.
 */
MUST_USE enum blk_status scan_cache_open(int dir,
    const struct scan_cache_key *key, struct scan_cache **out,
    struct fault *why);
void scan_cache_close(struct scan_cache *c); /* NULL: does nothing */

/* The tree that it describes, and when the walk that wrote it began. */
const struct digest *scan_cache_tree(const struct scan_cache *c);
int64_t scan_cache_start(const struct scan_cache *c);
struct scan_cache_ref scan_cache_root(const struct scan_cache *c);

/* A directory; BLK_ABSENT when it is damaged. */
MUST_USE enum blk_status scan_cache_dir_open(struct scan_cache *c,
    struct scan_cache_ref ref, struct scan_cache_dir **out, struct fault *why);
void scan_cache_dir_close(struct scan_cache_dir *d); /* NULL: nothing */
const struct digest *scan_cache_dir_tree(const struct scan_cache_dir *d);
/* Begin at the first entry again. */
void scan_cache_dir_rewind(struct scan_cache_dir *d);
/*
 * The next entry, whose strings live until the next call.  False at the end,
 * or where it is damaged.
 */
bool scan_cache_dir_next(struct scan_cache_dir *d, struct scan_cache_entry *e);

/*
 * Begin a new cache beside the old, in a temporary file of its own.  start:
 * when the walk began.  Failures to write come to light at the end only:
 * until then all else succeeds and does nothing.
 */
MUST_USE enum blk_status scan_cache_create(int dir,
    const struct scan_cache_key *key, int64_t start,
    struct scan_cache_writer **out, struct fault *why);
/* Put it in the place of the old; the writer is to be freed still. */
MUST_USE enum blk_status scan_cache_commit(struct scan_cache_writer *w,
    struct scan_cache_ref root, const struct digest *tree, struct fault *why);
/* Removes the temporary file unless it was committed.  NULL: nothing. */
void scan_cache_writer_free(struct scan_cache_writer *w);

/*
 * Take a directory of the old cache over as it is, but for where those in it
 * stand now: children, in the order of their names.
 * Returns: BLK_OK; BLK_ABSENT when it has to be added entry by entry, since it
 *          is large, or has another number of directories; BLK_FAILED.
 */
MUST_USE enum blk_status scan_cache_copy(struct scan_cache_writer *w,
    struct scan_cache_dir *d, const struct scan_cache_ref *child,
    size_t children, struct scan_cache_ref *ref, struct fault *why);

/* Entries in order of their names, then end. */
MUST_USE enum blk_status scan_cache_begin(struct scan_cache_writer *w,
    struct scan_cache_builder **out, struct fault *why);
MUST_USE enum blk_status scan_cache_add(struct scan_cache_builder *b,
    const struct scan_cache_entry *e, struct fault *why);
MUST_USE enum blk_status scan_cache_end(struct scan_cache_builder *b,
    const struct digest *tree, struct scan_cache_ref *ref, struct fault *why);
void scan_cache_builder_free(struct scan_cache_builder *b); /* NULL: nothing */

#endif

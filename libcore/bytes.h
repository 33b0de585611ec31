/*
 * bytes.h - integers on disk, sizes in memory, and buffers with a limit.
 *
 * On-disk integers are little-endian and are read and written only through
 * these functions; no struct is ever cast onto a buffer.  A varint is LEB128
 * (seven bits a byte, least significant first), in the shortest spelling
 * only, of at most 64 bits.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define BYTES_VARINT_MAX 10 /* bytes that the longest varint takes */

static inline uint32_t
get_le32(const uint8_t p[static 4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static inline uint64_t
get_le64(const uint8_t p[static 8])
{
	return (uint64_t)get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void
put_le32(uint8_t p[static 4], uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void
put_le64(uint8_t p[static 8], uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

/* *sum = a + b; false, leaving *sum alone, if that does not fit. */
static inline bool
size_add(size_t a, size_t b, size_t *sum)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*sum = r;
	return true;
}

/* *product = a * b; false, leaving *product alone, if that does not fit. */
static inline bool
size_mul(size_t a, size_t b, size_t *product)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*product = r;
	return true;
}

/*
 * A place in untrusted bytes.  Every read moves p; a read that does not fit,
 * or finds a varint that is too long or not the shortest, sets bad, returns
 * 0 (or NULL) and moves nothing.  So does every read after it: one test of bad
 * at the end is enough.
 */
struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct cursor
cursor_of(const void *data, size_t len)
{
	const uint8_t *p = data;

	/* NULL + 0 is not defined in C. */
	return (struct cursor){ p, len > 0 ? p + len : p, false };
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next len bytes, borrowed; NULL when there are not that many. */
const uint8_t *cursor_take(struct cursor *c, size_t len);
uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_le32(struct cursor *c);
uint64_t cursor_le64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);

/*
 * A buffer that grows up to a limit stated when it is made.  Adding returns
 * BLK_OK; BLK_INVALID when the limit is passed; BLK_FAILED when memory runs
 * out; on failure the contents are as before.  What is added must not lie in
 * the buffer itself.
 *
 * Ownership: data is the buffer's until buf_release.  A struct buf that is
 * all zero but for max is an empty buffer.  cap may pass max by the one byte
 * that a NUL behind the contents takes.
 */
struct buf {
	uint8_t *data;
	size_t len, cap, max;
};

#define BUF_INIT(limit)                                                        \
	{                                                                      \
		.data = NULL, .len = 0, .cap = 0, .max = (limit)               \
	}

void buf_release(struct buf *b); /* frees; b is empty again, max stays */
/* Room for len more bytes, and a NUL, at data + len; the caller then adds to
 * len what it wrote. */
MUST_USE enum blk_status buf_reserve(
    struct buf *b, size_t len, struct fault *why);
MUST_USE enum blk_status buf_add(
    struct buf *b, const void *data, size_t len, struct fault *why);
MUST_USE enum blk_status buf_add_u8(
    struct buf *b, uint8_t v, struct fault *why);
MUST_USE enum blk_status buf_add_le32(
    struct buf *b, uint32_t v, struct fault *why);
MUST_USE enum blk_status buf_add_le64(
    struct buf *b, uint64_t v, struct fault *why);
MUST_USE enum blk_status buf_add_varint(
    struct buf *b, uint64_t v, struct fault *why);
/* Text without its NUL; a NUL stands behind the contents afterwards, unseen
 * by len. */
MUST_USE enum blk_status buf_printf(
    struct buf *b, struct fault *why, const char *fmt, ...) PRINTF(3, 4);

#define HUGE_PAGE ((size_t)2 << 20) /* bytes; of x86-64 and of most others */

/*
 * Ask for huge pages for len bytes at p, of malloc or calloc, that will be
 * used all over: what is large and touched at random is found faster, and is
 * had with fewer faults.  Only a wish (madvise(2), MADV_HUGEPAGE), for what is
 * large enough.
 */
void bytes_in_huge_pages(void *p, size_t len);

/*
 * Make room for one more item of an array that grows by doubling: *items
 * holds count items of size bytes and has room for *cap.
 *
 * Returns: BLK_OK, or BLK_FAILED with everything as before.
 */
MUST_USE enum blk_status array_grow(
    void **items, size_t count, size_t *cap, size_t size, struct fault *why);

/* The same for more items at once: where it is known what comes, nothing is
 * moved on the way.  It grows by a half at least, once it has room. */
MUST_USE enum blk_status array_reserve(void **items, size_t count, size_t *cap,
    size_t more, size_t size, struct fault *why);

/* True when len bytes at p are all zero. */
bool bytes_are_zero(const void *p, size_t len);

#endif

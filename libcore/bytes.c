#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE (2 * HUGE_PAGE) /* bytes: has a huge page wherever it begins */
#define ARRAY_FIRST 4 /* items that an array begins with: most stay small */
#define BUF_FIRST 256 /* bytes that a buffer begins with */

const uint8_t *
cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *taken = c->p;

	if (c->bad || cursor_left(c) < len) {
		c->bad = true;
		return NULL;
	}
	if (len > 0)
		c->p += len;
	return taken;
}

uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p != NULL ? *p : 0;
}

uint32_t
cursor_le32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p != NULL ? get_le32(p) : 0;
}

uint64_t
cursor_le64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);

	return p != NULL ? get_le64(p) : 0;
}

uint64_t
cursor_varint(struct cursor *c)
{
	size_t left = c->bad ? 0 : cursor_left(c);
	uint64_t v = 0;

	for (size_t i = 0; i < left && i < BYTES_VARINT_MAX; i++) {
		uint8_t byte = c->p[i];

		/* The tenth byte has room for the 64th bit only. */
		if (i == BYTES_VARINT_MAX - 1 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte >= 0x80)
			continue;
		/* A last byte that says nothing: not the shortest. */
		if (i > 0 && byte == 0)
			break;
		c->p += i + 1;
		return v;
	}
	c->bad = true;
	return 0;
}

void
buf_release(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

/*
 * As realloc, keeping used bytes.  What is large gets huge pages: realloc would
 * have filled others before these could be asked for, and it copies as well,
 * since memory that is part of the one sort and part of the other is not moved
 * in one piece (mremap(2)).
 */
static void *
resize(void *p, size_t used, size_t to)
{
	void *moved;

	if (to < LARGE)
		return realloc(p, to);
	moved = malloc(to);
	if (moved == NULL)
		return NULL;
	bytes_in_huge_pages(moved, to);
	if (used > 0)
		memcpy(moved, p, used);
	free(p);
	return moved;
}

enum blk_status
buf_reserve(struct buf *b, size_t len, struct fault *why)
{
	size_t need, cap = b->cap > 0 ? b->cap : BUF_FIRST;
	uint8_t *data;

	if (!size_add(b->len, len, &need) || need > b->max)
		return fault(why, BLK_INVALID,
		    "more than the %zu bytes that are allowed", b->max);
	if (!size_add(need, 1, &need)) /* a NUL */
		return fault_nomem(why);
	if (need <= b->cap)
		return BLK_OK;
	while (cap < need)
		if (!size_mul(cap, 2, &cap))
			cap = need;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	data = resize(b->data, b->cap > 0 ? b->len + 1 : 0, cap);
	if (data == NULL)
		return fault_nomem(why);
	b->data = data;
	b->cap = cap;
	return BLK_OK;
}

enum blk_status
buf_add(struct buf *b, const void *data, size_t len, struct fault *why)
{
	enum blk_status st = buf_reserve(b, len, why);

	if (st == BLK_OK && len > 0) {
		memcpy(b->data + b->len, data, len);
		b->len += len;
	}
	return st;
}

enum blk_status
buf_add_u8(struct buf *b, uint8_t v, struct fault *why)
{
	return buf_add(b, &v, 1, why);
}

enum blk_status
buf_add_le32(struct buf *b, uint32_t v, struct fault *why)
{
	uint8_t p[4];

	put_le32(p, v);
	return buf_add(b, p, sizeof(p), why);
}

enum blk_status
buf_add_le64(struct buf *b, uint64_t v, struct fault *why)
{
	uint8_t p[8];

	put_le64(p, v);
	return buf_add(b, p, sizeof(p), why);
}

enum blk_status
buf_add_varint(struct buf *b, uint64_t v, struct fault *why)
{
	uint8_t p[BYTES_VARINT_MAX];
	size_t len = 0;

	while (v >= 0x80) {
		p[len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[len++] = (uint8_t)v;
	return buf_add(b, p, len, why);
}

enum blk_status
buf_printf(struct buf *b, struct fault *why, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	enum blk_status st;
	va_list ap;
	int len;

	/* Mostly there is room already, and this is all. */
	va_start(ap, fmt);
	len = vsnprintf(
	    room > 0 ? (char *)b->data + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (len < 0)
		return fault_sys(why, "format text");
	st = buf_reserve(b, (size_t)len, why);
	if (st != BLK_OK)
		return st;
	if ((size_t)len < room) {
		b->len += (size_t)len;
		return BLK_OK;
	}
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return BLK_OK;
}

void
bytes_in_huge_pages(void *p, size_t len)
{
	uintptr_t first = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uintptr_t end = ((uintptr_t)p + len) & ~(HUGE_PAGE - 1);

	if (len >= LARGE && first < end)
		madvise((void *)first, end - first, MADV_HUGEPAGE);
}

static enum blk_status
array_resize(void **items, size_t count, size_t *cap, size_t to, size_t size,
    struct fault *why)
{
	size_t bytes;
	void *grown;

	if (!size_mul(to, size, &bytes))
		return fault_nomem(why);
	grown = resize(*items, count * size, bytes);
	if (grown == NULL)
		return fault_nomem(why);
	*items = grown;
	*cap = to;
	return BLK_OK;
}

enum blk_status
array_grow(
    void **items, size_t count, size_t *cap, size_t size, struct fault *why)
{
	size_t to = ARRAY_FIRST;

	if (count < *cap)
		return BLK_OK;
	if (*cap > 0 && !size_mul(*cap, 2, &to))
		return fault_nomem(why);
	return array_resize(items, count, cap, to, size, why);
}

enum blk_status
array_reserve(void **items, size_t count, size_t *cap, size_t more, size_t size,
    struct fault *why)
{
	size_t to;

	if (!size_add(count, more, &to))
		return fault_nomem(why);
	if (to <= *cap)
		return BLK_OK;
	if (to - *cap < *cap / 2 && !size_add(*cap, *cap / 2, &to))
		return fault_nomem(why);
	return array_resize(items, count, cap, to, size, why);
}

bool
bytes_are_zero(const void *p, size_t len)
{
	const uint8_t *byte = p;

	/* The first is zero, and each equals the one behind it. */
	return len == 0 ||
	    (byte[0] == 0 && memcmp(byte, byte + 1, len - 1) == 0);
}

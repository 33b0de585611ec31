/*
 * digest.h - the name of bytes: their SHA-256 (FIPS 180-4).
 *
 * The types of libcrypto stay in this room.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fault.h"

#define DIGEST_LEN 32
#define DIGEST_HEX (2 * DIGEST_LEN + 1) /* with its NUL */

struct digest {
	uint8_t byte[DIGEST_LEN];
};

/*
 * What a SHA-256 under way needs: made once and used for many digests, one
 * after the other, by one thread at a time.
 */
struct hasher;

/* BLK_OK or BLK_FAILED (no memory); *out is NULL then. */
MUST_USE enum blk_status hasher_new(struct hasher **out, struct fault *why);
void hasher_free(struct hasher *h); /* hasher_free(NULL) does nothing */

/* begin, add any number of times, end: the digest of all that was added. */
MUST_USE enum blk_status hasher_begin(struct hasher *h, struct fault *why);
MUST_USE enum blk_status hasher_add(
    struct hasher *h, const void *data, size_t len, struct fault *why);
MUST_USE enum blk_status hasher_end(
    struct hasher *h, struct digest *id, struct fault *why);

/* begin, add and end in one. */
MUST_USE enum blk_status hasher_of(struct hasher *h, const void *data,
    size_t len, struct digest *id, struct fault *why);

/* As hasher_of without a hasher at hand. */
MUST_USE enum blk_status digest_of(
    const void *data, size_t len, struct digest *id, struct fault *why);

/* Write the NUL-terminated lower-case hexadecimal form of id into hex. */
void digest_hex(const struct digest *id, char hex[static DIGEST_HEX]);

/* Any bytes in lower-case hexadecimal; hex has room for 2 * len + 1. */
void digest_hex_of(const uint8_t *bytes, size_t len, char *hex);

/*
 * Read 64 lower-case hexadecimal digits at text, len bytes long.  False,
 * leaving *id alone, for anything else.
 */
MUST_USE bool digest_parse(const char *text, size_t len, struct digest *id);

/* As digest_parse for any number of bytes: len = 2 * size digits.  After false
 * anything may stand in bytes. */
MUST_USE bool digest_parse_hex(
    const char *text, size_t len, uint8_t *bytes, size_t size);

static inline bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->byte, b->byte, DIGEST_LEN) == 0;
}

static inline int
digest_compare(const struct digest *a, const struct digest *b)
{
	return memcmp(a->byte, b->byte, DIGEST_LEN);
}

/* For qsort(3) of digests. */
static inline int
digest_order(const void *a, const void *b)
{
	return digest_compare(a, b);
}

/* The first 64 bits: where among all ids, which are evenly spread, it lies. */
static inline uint64_t
digest_head(const struct digest *id)
{
	uint64_t head = 0;

	for (int i = 0; i < 8; i++)
		head = head << 8 | id->byte[i];
	return head;
}

/* XXH3-64 and XXH3-128 (little-endian, low half first) of bytes: checks
 * against accidents, not against malice. */
uint64_t digest_xxh64(const void *data, size_t len);
void digest_xxh128(const void *data, size_t len, uint8_t out[static 16]);

/* len random bytes of the kernel's. */
MUST_USE enum blk_status digest_random(
    void *out, size_t len, struct fault *why);

#endif

#include "digest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/*
 * SHA-256 by the functions that libcrypto had before EVP, which 3.0 calls
 * deprecated and keeps.  EVP loads providers in each process before it hashes a
 * byte, and from an archive all of libcrypto comes with it; these need nothing
 * but themselves, 22 KB of code, so that commands are linked with them and
 * start without libcrypto (configure, --with-static-libs).
 */
#define OPENSSL_API_COMPAT 0x10101000L /* theirs are no warnings then */
#include <openssl/sha.h>
/* Not worth a library to load for each start, and a little faster so. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bytes.h"

struct hasher {
	SHA256_CTX ctx;
};

/* These functions have no reason to fail; what they return is heeded anyway. */
static enum blk_status
refused(struct fault *why)
{
	return fault(why, BLK_FAILED, "libcrypto cannot compute SHA-256");
}

enum blk_status
hasher_new(struct hasher **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? BLK_OK : fault_nomem(why);
}

void
hasher_free(struct hasher *h)
{
	free(h);
}

enum blk_status
hasher_begin(struct hasher *h, struct fault *why)
{
	return SHA256_Init(&h->ctx) == 1 ? BLK_OK : refused(why);
}

enum blk_status
hasher_add(struct hasher *h, const void *data, size_t len, struct fault *why)
{
	if (len == 0)
		return BLK_OK;
	return SHA256_Update(&h->ctx, data, len) == 1 ? BLK_OK : refused(why);
}

enum blk_status
hasher_end(struct hasher *h, struct digest *id, struct fault *why)
{
	return SHA256_Final(id->byte, &h->ctx) == 1 ? BLK_OK : refused(why);
}

enum blk_status
hasher_of(struct hasher *h, const void *data, size_t len, struct digest *id,
    struct fault *why)
{
	enum blk_status st = hasher_begin(h, why);

	if (st == BLK_OK)
		st = hasher_add(h, data, len, why);
	if (st == BLK_OK)
		st = hasher_end(h, id, why);
	return st;
}

enum blk_status
digest_of(const void *data, size_t len, struct digest *id, struct fault *why)
{
	struct hasher h;

	return hasher_of(&h, data, len, id, why);
}

void
digest_hex(const struct digest *id, char hex[static DIGEST_HEX])
{
	digest_hex_of(id->byte, DIGEST_LEN, hex);
}

void
digest_hex_of(const uint8_t *bytes, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
	*hex = '\0';
}

bool
digest_parse(const char *text, size_t len, struct digest *id)
{
	struct digest found = { { 0 } };

	if (!digest_parse_hex(text, len, found.byte, DIGEST_LEN))
		return false;
	*id = found;
	return true;
}

/* One more than the value of a lower-case hexadecimal digit; 0: none.  A
 * table, since digits of an id are random: no branch on them is foreseen. */
static const uint8_t hex_plus_one[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
};

bool
digest_parse_hex(const char *text, size_t len, uint8_t *bytes, size_t size)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t digits;
	uint8_t all = 0;

	if (!size_mul(size, 2, &digits) || len != digits)
		return false;
	for (size_t i = 0; i < size; i++) {
		/* Of what is none: 255. */
		uint8_t high = (uint8_t)(hex_plus_one[p[2 * i]] - 1);
		uint8_t low = (uint8_t)(hex_plus_one[p[2 * i + 1]] - 1);

		all |= high | low;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return all < 16;
}

uint64_t
digest_xxh64(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

void
digest_xxh128(const void *data, size_t len, uint8_t out[static 16])
{
	XXH128_hash_t h = XXH3_128bits(data, len);

	put_le64(out, h.low64);
	put_le64(out + 8, h.high64);
}

enum blk_status
digest_random(void *out, size_t len, struct fault *why)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_sys(why, "getrandom");
		p += n;
		len -= (size_t)n;
	}
	return BLK_OK;
}

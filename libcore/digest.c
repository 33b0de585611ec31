#include "digest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include "bytes.h"

struct hasher {
	EVP_MD *md; /* fetched once: a fetch costs as much as 1 KiB */
	EVP_MD_CTX *ctx;
};

static enum blk_status
refused(struct fault *why)
{
	return fault(why, BLK_FAILED, "libcrypto cannot compute SHA-256");
}

/*
 * Left to itself libcrypto reads its configuration, and lists every cipher
 * and every message that it has, before it gives out a digest.  The first
 * call in a process decides; where it fails, the fetch says so.
 */
static void
start_libcrypto(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
	        OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
	        OPENSSL_INIT_NO_ADD_ALL_DIGESTS |
	        OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ATEXIT,
	    NULL);
}

enum blk_status
hasher_new(struct hasher **out, struct fault *why)
{
	struct hasher *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (h == NULL)
		return fault_nomem(why);
	start_libcrypto();
	h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (h->md == NULL || h->ctx == NULL) {
		hasher_free(h);
		return refused(why);
	}
	*out = h;
	return BLK_OK;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
	free(h);
}

enum blk_status
hasher_begin(struct hasher *h, struct fault *why)
{
	return EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 ? BLK_OK
	                                                    : refused(why);
}

enum blk_status
hasher_add(struct hasher *h, const void *data, size_t len, struct fault *why)
{
	if (len == 0)
		return BLK_OK;
	return EVP_DigestUpdate(h->ctx, data, len) == 1 ? BLK_OK : refused(why);
}

enum blk_status
hasher_end(struct hasher *h, struct digest *id, struct fault *why)
{
	return EVP_DigestFinal_ex(h->ctx, id->byte, NULL) == 1 ? BLK_OK
	                                                       : refused(why);
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
	struct hasher *h = NULL;
	enum blk_status st = hasher_new(&h, why);

	if (st == BLK_OK)
		st = hasher_of(h, data, len, id, why);
	hasher_free(h);
	return st;
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

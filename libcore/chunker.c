#include "chunker.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "when.h"

#define MAX_MAX ((uint32_t)16 << 20)
#define TABLE_SEED "blk gear 1 %u"

const struct chunker_sizes chunker_default = { 4096, 12288, 65536 };

enum blk_status
chunker_sizes_check(const struct chunker_sizes *s, struct fault *why)
{
	if (s->min < CHUNKER_WINDOW)
		return fault(why, BLK_INVALID, "the minimum is below %d",
		    CHUNKER_WINDOW);
	if (s->target < 64)
		return fault(why, BLK_INVALID,
		    "the average is not 64 above the minimum");
	if (s->max > MAX_MAX)
		return fault(why, BLK_INVALID, "the maximum is above 16M");
	if ((uint64_t)s->min + s->target > s->max)
		return fault(
		    why, BLK_INVALID, "the maximum is below the average");
	return BLK_OK;
}

enum blk_status
chunker_sizes_parse(
    const char *text, struct chunker_sizes *s, struct fault *why)
{
	uint64_t size[3] = { 0 };
	struct chunker_sizes found;
	const char *p = text;
	enum blk_status st;

	for (int i = 0; i < 3; i++) {
		size_t len = strcspn(p, ":");
		char field[16] = "";

		if (len >= sizeof(field) || (p[len] == ':') != (i < 2))
			return fault(
			    why, BLK_INVALID, "'%s' is not MIN:AVG:MAX", text);
		memcpy(field, p, len);
		if (when_size(field, &size[i], why) != BLK_OK)
			return BLK_INVALID;
		if (size[i] > MAX_MAX)
			return fault(
			    why, BLK_INVALID, "%s is above 16M", field);
		p += len + 1;
	}
	if (size[1] <= size[0])
		return fault(why, BLK_INVALID,
		    "'%s': the average is not above the minimum", text);
	found = (struct chunker_sizes){ (uint32_t)size[0],
		(uint32_t)(size[1] - size[0]), (uint32_t)size[2] };
	st = chunker_sizes_check(&found, why);
	if (st == BLK_OK)
		*s = found;
	return st;
}

/*
 * Word i is the first 8 bytes, little-endian, of the SHA-256 of the ASCII text
 * "blk gear 1 " and i in decimal: "blk gear 1 0" to "blk gear 1 255".  Nobody
 * chose these numbers.
 */
static enum blk_status
fill_table(uint64_t table[static 256], struct fault *why)
{
	struct hasher *h = NULL;
	struct digest d = { 0 };
	enum blk_status st = hasher_new(&h, why);

	for (unsigned i = 0; st == BLK_OK && i < 256; i++) {
		char text[sizeof(TABLE_SEED) + 3];
		int len = snprintf(text, sizeof(text), TABLE_SEED, i);

		st = hasher_of(h, text, (size_t)len, &d, why);
		table[i] = get_le64(d.byte);
	}
	hasher_free(h);
	return st;
}

enum blk_status
chunker_init(
    struct chunker *c, const struct chunker_sizes *s, struct fault *why)
{
	enum blk_status st = chunker_sizes_check(s, why);

	if (st != BLK_OK)
		return st;
	c->sizes = *s;
	/* floor(2^64 / target) without 2^64, which does not fit. */
	c->threshold = (0 - (uint64_t)s->target) / s->target + 1;
	return fill_table(c->table, why);
}

/*
 * Is all of the chunk at data that is ever hashed one byte repeated, up to
 * the maximum?  Disk images are full of it; it costs a comparison.
 */
static bool
is_flat(const struct chunker *c, const uint8_t *data)
{
	const uint8_t *p = data + c->sizes.min - CHUNKER_WINDOW;

	return memcmp(p, p + 1, CHUNKER_WINDOW - 1) == 0 &&
	    memcmp(p, p + 1,
	        c->sizes.max - c->sizes.min + CHUNKER_WINDOW - 1) == 0;
}

/* The one hash that there is then: byte * (1 + 2 + 4 + ... + 2^63). */
static size_t
flat_cut(const struct chunker *c, const uint8_t *data)
{
	uint64_t hash = 0 - c->table[data[c->sizes.min - 1]];

	return hash < c->threshold ? c->sizes.min : c->sizes.max;
}

/*
 * One byte further.  The empty asm keeps the sum in one "lea": clang splits it
 * in two, and each byte waits for the one before.
 */
static inline uint64_t
roll(uint64_t hash, const uint64_t *table, uint8_t byte)
{
	uint64_t word = table[byte];

	__asm__("" : "+r"(word));
	return (hash << 1) + word;
}

/* Take the n-th byte from p; return from first_end when a candidate ends. */
#define ROLL(n)                                                                \
	do {                                                                   \
		hash = roll(hash, table, p[n]);                                \
		if (__builtin_expect(hash < threshold, 0))                     \
			return (size_t)(p + (n) + 1 - data);                   \
	} while (0)

/*
 * The same for the n-th byte and the one behind it.  What the second hash adds
 * to four times the one before both is known before that one is, so two bytes
 * wait for one addition.
 */
#define ROLL2(n)                                                               \
	do {                                                                   \
		uint64_t both = roll(table[p[n]], table, p[(n) + 1]);          \
		uint64_t first = roll(hash, table, p[n]);                      \
                                                                               \
		__asm__("" : "+r"(both));                                      \
		hash = (hash << 2) + both;                                     \
		if (__builtin_expect(first < threshold, 0))                    \
			return (size_t)(p + (n) + 1 - data);                   \
		if (__builtin_expect(hash < threshold, 0))                     \
			return (size_t)(p + (n) + 2 - data);                   \
	} while (0)

/*
 * The first candidate end behind data[from], up to data + to, as its offset
 * from data; 0 when there is none.
 *
 * All of the chunker's time goes here, in four machine operations a byte.
 * Four bytes at once (as in ROLL2) and the loads of eight bytes as one word
 * were measured slower than two; strips hashed side by side (two, four, or
 * eight in AVX2 registers) no faster by the byte, and they cannot skip the
 * minimum.
 */
static size_t
first_end(const struct chunker *c, const uint8_t *data, size_t from, size_t to)
{
	const uint64_t *table = c->table, threshold = c->threshold;
	const uint8_t *p = data + from, *end = data + to;
	uint64_t hash = 0;

	for (const uint8_t *q = p - (CHUNKER_WINDOW - 1); q < p; q++)
		hash = roll(hash, table, *q);
	for (; end - p >= 8; p += 8) {
		ROLL2(0);
		ROLL2(2);
		ROLL2(4);
		ROLL2(6);
	}
	for (; p < end; p++)
		ROLL(0);
	return 0;
}

size_t
chunker_next(
    const struct chunker *c, const uint8_t *data, size_t len, bool final)
{
	size_t min = c->sizes.min, max = c->sizes.max, cut;

	if (len < min || (final && len == min))
		return final ? len : 0;
	if (len >= max && is_flat(c, data))
		return flat_cut(c, data);
	/* Ends from min to max - 1: the byte before each completes its hash. */
	cut = first_end(c, data, min - 1, len < max ? len : max - 1);
	if (cut > 0)
		return cut;
	if (len >= max)
		return max;
	return final ? len : 0;
}

size_t
chunker_run(const struct chunker *c, const uint8_t *data, size_t len,
    bool final, uint32_t *length, size_t room, size_t *used)
{
	size_t count = 0, start = 0;

	while (count < room && start < len) {
		size_t cut = chunker_next(c, data + start, len - start, final);

		if (cut == 0)
			break;
		length[count++] = (uint32_t)cut;
		start += cut;
	}
	*used = start;
	return count;
}

/*
 * chunker.h - cuts bytes where their content says so.
 *
 * Gear hashing (Xia et al., FastCDC, USENIX ATC 2016) with a 64-bit state
 * that shifts left: hash = (hash << 1) + table[byte], so exactly the last 64
 * bytes count.  A cut follows a byte whose hash is below 2^64 / target (the
 * top bits decide; low bits see fewer bytes).  Hashing starts 64 bytes before
 * the minimum: a candidate depends on its last 64 bytes only, not on where
 * the chunk began, so any split of the work gives identical cuts.
 */
#ifndef CHUNKER_H
#define CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define CHUNKER_WINDOW 64

struct chunker_sizes {
	uint32_t min, target, max; /* bytes; see chunker_sizes_check */
};

/* 4096, 12288, 65536: 16 KiB on average. */
extern const struct chunker_sizes chunker_default;

/*
 * BLK_OK, or BLK_INVALID with the reason: 64 <= min < max, 64 <= target,
 * min + target <= max, max <= 16 MiB.
 */
MUST_USE enum blk_status chunker_sizes_check(
    const struct chunker_sizes *s, struct fault *why);

/*
 * "MIN:AVG:MAX", each as a size ("256K"); target is AVG - MIN.  BLK_INVALID
 * with the reason otherwise.
 */
MUST_USE enum blk_status chunker_sizes_parse(
    const char *text, struct chunker_sizes *s, struct fault *why);

/* The 256 words of the gear table; word i is documented in blk-store(5). */
struct chunker {
	struct chunker_sizes sizes;
	uint64_t threshold; /* floor(2^64 / target) */
	uint64_t table[256];
};

MUST_USE enum blk_status chunker_init(
    struct chunker *c, const struct chunker_sizes *s, struct fault *why);

/*
 * The length of the chunk that begins at data, of which len bytes are known.
 *
 * Returns: the length; 0 when the cut may lie beyond len and final is not
 * set (call again with more: never with len >= max).  With final, what is
 * left is the last chunk.  Nothing is remembered between calls.
 */
size_t chunker_next(
    const struct chunker *c, const uint8_t *data, size_t len, bool final);

/*
 * The cuts of a whole run at once, identical to repeated chunker_next.
 *
 * Fills length[] with up to room chunk lengths from the start of data; sets
 * *used to the bytes that they cover.  Stops where chunker_next would
 * return 0.
 * Returns: how many.
 */
size_t chunker_run(const struct chunker *c, const uint8_t *data, size_t len,
    bool final, uint32_t *length, size_t room, size_t *used);

#endif

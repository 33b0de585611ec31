/*
 * dedup-pack.h - objects packed into frames as segments have them, measured
 * and thrown away.
 */
#ifndef DEDUP_PACK_H
#define DEDUP_PACK_H

#include "codec.h"
#include "digest.h"
#include "fault.h"
#include "idmap.h"

/* What packers share: a codec and room for a packed frame. */
struct packing {
	const struct codec *codec;
	int level;
	struct codec_state *codecs;
	uint8_t *out;
	size_t out_cap, plain_cap;
};

/* compression: as in settings; largest: the longest object there may be. */
MUST_USE enum blk_status packing_open(struct packing *p,
    const char *compression, size_t largest, struct fault *why);
void packing_release(struct packing *p);

/*
 * Objects of one sort (data, or structure), each counted once.  The ids that
 * were seen are kept up to a bound; beyond it only those that begin with so
 * many zero bits, and each of them stands for 2^bits.
 */
struct packer {
	struct packing *to;
	struct idmap seen;
	size_t seen_max;
	unsigned bits;
	uint64_t kept, kept_bytes; /* of the ids in seen: number, plain */
	uint8_t *trace;            /* of the others: NULL while bits is 0 */
	size_t traces;             /* bits in it, a power of two */
	uint8_t *plain;            /* of the frame at hand */
	size_t len;
	uint64_t packed, stored, frames; /* plain bytes packed, and into what */
};

MUST_USE enum blk_status packer_open(
    struct packer *p, struct packing *to, size_t seen_max, struct fault *why);
void packer_release(struct packer *p);
MUST_USE enum blk_status packer_add(struct packer *p, const struct digest *id,
    const void *data, size_t len, struct fault *why);

/* Ends in what all of it comes to. */
struct packed {
	uint64_t objects, plain; /* each object once */
	uint64_t bytes;          /* frames and tables */
	uint64_t frames;
};

MUST_USE enum blk_status packer_end(
    struct packer *p, struct packed *sum, struct fault *why);

/* How many segments so much makes, where lanes threads fill one each. */
uint64_t packed_segments(const struct packed *sum, unsigned lanes);

#endif

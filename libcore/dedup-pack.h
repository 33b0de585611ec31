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
struct packer_sample { /* of an id that was new */
	uint64_t head; /* its first bytes */
	uint32_t length;
	uint32_t level;
};

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
	/* How many references lead to what is added next: counts of one level
	 * are written together. */
	uint32_t level;
	/* New ids in order: those that begin with so many zero bits. */
	struct packer_sample *sample;
	size_t samples, samples_max;
	unsigned sample_bits; /* not below bits */
};

/* How many zero bits an id begins with. */
static inline unsigned
packer_zeros(uint64_t head)
{
	return head == 0 ? 64 : (unsigned)__builtin_clzll(head);
}

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

/* What the index of a store takes that holds objects, of which these packers
 * have samples, in so many segments. */
MUST_USE enum blk_status packer_index(const struct packer *data,
    uint64_t data_segments, const struct packer *structure,
    uint64_t structure_segments, uint64_t objects, uint64_t *bytes,
    struct fault *why);

/* How many segments so much makes, where lanes threads fill one each. */
uint64_t packed_segments(const struct packed *sum, unsigned lanes);

#endif

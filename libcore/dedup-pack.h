/*
 * dedup-pack.h - objects packed as a writer packs them, measured and thrown
 * away.
 *
 * The lanes of a writer are played: each fills frames and segments of its own,
 * by the rules of the writer room, and at the end stands the commit.  What
 * depends on nothing else is taken from there: the segment room packs the
 * frames, an index in memory tells how much an index takes.
 */
#ifndef DEDUP_PACK_H
#define DEDUP_PACK_H

#include "codec.h"
#include "digest.h"
#include "fault.h"
#include "idmap.h"
#include "segment.h"

/* What packers share. */
struct packing {
	struct segment_options how;
	struct codec_state *codecs;
	struct hasher *hash;
	unsigned lanes; /* of a writer; the first is the walk's */
};

/* compression: as in settings. */
MUST_USE enum blk_status packing_open(struct packing *p,
    const char *compression, unsigned lanes, struct fault *why);
void packing_release(struct packing *p);

struct packer_object {
	struct digest id;
	const void *data;
	size_t len;
	enum kind kind;
	unsigned lane;
	/* How many references lead to it: counts of one level are written
	 * together.  0: a version, 1: a snapshot. */
	uint32_t level;
};

#define PACKER_SNAPSHOT 280 /* bytes of its text; names differ in length */
#define PACKER_VERSION 156

enum packer_sort { PACKER_DATA, PACKER_STRUCTURE, PACKER_SORTS };

/* What a lane collects of one sort. */
struct packer_fill {
	struct segment_builder *builder; /* holds the open frame; or NULL */
	size_t segment;                  /* of packer.segment[], if filling */
	bool filling;
};

/* A segment, or what a commit carries instead. */
struct packer_segment {
	enum packer_sort sort;
	uint64_t commit, turn; /* its place: by the commit, then in it */
	uint64_t objects, plain, frames, stored;
	uint64_t lengths; /* bytes of a table that lengths of objects take */
	bool sealed;
};

#define PACKER_COMMIT UINT32_MAX

/* Of an id that was new. */
struct packer_sample {
	uint64_t head; /* its first bytes */
	uint32_t length, level;
	uint32_t segment; /* PACKER_COMMIT: the commit's own file */
	uint32_t turn;    /* in which it came */
	uint8_t kind;
};

/*
 * Objects, each counted once.  The ids that were seen are kept up to a bound;
 * beyond it only those that begin with so many zero bits, and each of them
 * stands for 2^bits.  The others leave a trace.
 */
struct packer {
	struct packing *to;
	struct idmap seen; /* (id, kind) */
	size_t seen_max;
	unsigned bits;
	uint8_t *trace;  /* of the others: NULL while bits is 0 */
	size_t traces;   /* bits in it, a power of two */
	uint64_t traced; /* of these, set */

	struct packer_fill *fill; /* a lane's PACKER_SORTS, lane by lane */
	struct packer_segment *segment;
	size_t segments, segments_cap;
	uint64_t commits, turns;
	uint64_t published; /* plain bytes of data, not committed */

	uint64_t objects[PACKER_SORTS], plain[PACKER_SORTS]; /* new ones */
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
MUST_USE enum blk_status packer_add(
    struct packer *p, const struct packer_object *o, struct fault *why);

/* What all of it comes to. */
struct packed {
	uint64_t chunks, chunk_bytes; /* of data, each once */
	uint64_t bytes;               /* of segments and commits */
	uint64_t segments;            /* files of their own */
	uint64_t index_bytes;
};

MUST_USE enum blk_status packer_end(
    struct packer *p, struct packed *sum, struct fault *why);

/* --- dedup-fill.c --- */

MUST_USE enum blk_status packer_fill_open(struct packer *p, struct fault *why);
void packer_fill_release(struct packer *p);
/* *segment: where it went. */
MUST_USE enum blk_status packer_fill_add(struct packer *p,
    const struct packer_object *o, size_t *segment, struct fault *why);
/* Publish what is open, or leave it to the commit, which is made; bytes of all
 * files. */
MUST_USE enum blk_status packer_fill_end(
    struct packer *p, uint64_t *bytes, struct fault *why);

/* --- dedup-index.c --- */

/* What the index of a store takes that holds so many objects, of which the
 * packer has a sample, which is used up. */
MUST_USE enum blk_status packer_index(
    struct packer *p, uint64_t objects, uint64_t *bytes, struct fault *why);

#endif

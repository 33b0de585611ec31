#include "dedup-pack.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define FRAME_SIZE ((size_t)1 << 20)
#define SEGMENT_SIZE ((uint64_t)16 << 20)
#define OBJECT_BYTES 36 /* of a table: id, kind, length */
#define FRAME_BYTES 18  /* of a table, for each frame */
#define TRACE_BITS 256  /* for each id that there is memory for: 32 bytes */
#define SAMPLES_MAX ((size_t)1 << 15)

/* --- packing --- */

enum blk_status
packing_open(struct packing *p, const char *compression, size_t largest,
    struct fault *why)
{
	enum blk_status st;

	*p = (struct packing){ .plain_cap = FRAME_SIZE };
	if (largest > p->plain_cap)
		p->plain_cap = largest;
	st = codec_parse(compression, &p->codec, &p->level, why);
	if (st == BLK_OK)
		st = codec_state_new(&p->codecs, why);
	if (st != BLK_OK)
		return st;
	p->out_cap = p->codec->bound(p->plain_cap);
	p->out = malloc(p->out_cap);
	return p->out == NULL ? fault_nomem(why) : BLK_OK;
}

void
packing_release(struct packing *p)
{
	codec_state_free(p->codecs);
	free(p->out);
}

/* --- one sort of objects --- */

enum blk_status
packer_open(
    struct packer *p, struct packing *to, size_t seen_max, struct fault *why)
{
	*p = (struct packer){ .to = to, .seen_max = seen_max };
	p->plain = malloc(to->plain_cap);
	p->samples_max = seen_max < SAMPLES_MAX ? seen_max + 1 : SAMPLES_MAX;
	p->sample = malloc(p->samples_max * sizeof(*p->sample));
	return p->plain == NULL || p->sample == NULL ? fault_nomem(why)
	                                             : BLK_OK;
}

void
packer_release(struct packer *p)
{
	idmap_release(&p->seen);
	free(p->trace);
	free(p->plain);
	free(p->sample);
}

static enum blk_status
end_frame(struct packer *p, struct fault *why)
{
	struct packing *to = p->to;
	size_t out = to->out_cap;
	enum blk_status st;

	if (p->len == 0)
		return BLK_OK;
	st = to->codec->pack(
	    to->codecs, to->level, p->plain, p->len, to->out, &out, why);
	if (st != BLK_OK)
		return st;
	/* Under 3 % saved: kept raw, as segments do. */
	p->stored += out + p->len / 32 > p->len ? p->len : out;
	p->packed += p->len;
	p->frames++;
	p->len = 0;
	return BLK_OK;
}

static uint64_t
head_of(const struct digest *id)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | id->byte[i];
	return word;
}

static unsigned
leading_zeros(const struct digest *id)
{
	return packer_zeros(head_of(id));
}

/* Leave out of the sample what begins with fewer zero bits. */
static void
thin_sample(struct packer *p, unsigned bits)
{
	size_t kept = 0;

	p->sample_bits = bits;
	for (size_t i = 0; i < p->samples; i++)
		if (packer_zeros(p->sample[i].head) >= bits)
			p->sample[kept++] = p->sample[i];
	p->samples = kept;
}

static void
take_sample(struct packer *p, const struct digest *id, size_t len)
{
	uint64_t head = head_of(id);

	while (p->samples == p->samples_max && p->sample_bits < 63)
		thin_sample(p, p->sample_bits + 1);
	if (packer_zeros(head) >= p->sample_bits && p->samples < p->samples_max)
		p->sample[p->samples++] =
		    (struct packer_sample){ head, (uint32_t)len, p->level };
}

/*
 * Ids that are not kept leave four bits behind.  That one that is new looks
 * like one that was seen is rare, and does no harm: another is packed then.
 */
static bool
leave_trace(struct packer *p, const struct digest *id)
{
	bool seen = true;

	for (int i = 0; i < 4; i++) {
		const uint8_t *b = &id->byte[8 + 4 * i];
		size_t bit = (get_le32(b) & (p->traces - 1));
		uint8_t mask = (uint8_t)(1u << (bit & 7));

		seen = seen && (p->trace[bit >> 3] & mask) != 0;
		p->trace[bit >> 3] |= mask;
	}
	return seen;
}

static enum blk_status
begin_traces(struct packer *p, struct fault *why)
{
	p->traces = 1 << 20; /* bits */
	while (p->traces < p->seen_max * TRACE_BITS && p->traces < UINT32_MAX)
		p->traces *= 2;
	p->trace = calloc(p->traces / 8, 1);
	if (p->trace == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < p->seen.slots; i++)
		if (p->seen.slot[i].used)
			(void)leave_trace(p, &p->seen.slot[i].id);
	return BLK_OK;
}

/* Keep only ids with one zero bit more. */
static enum blk_status
thin_out(struct packer *p, struct fault *why)
{
	struct idmap fewer = { .slot = NULL };
	enum blk_status st = p->bits == 0 ? begin_traces(p, why) : BLK_OK;

	p->bits++;
	if (p->sample_bits < p->bits)
		thin_sample(p, p->bits);
	p->kept = p->kept_bytes = 0;
	for (size_t i = 0; st == BLK_OK && i < p->seen.slots; i++) {
		const struct idmap_entry *e = &p->seen.slot[i];
		int64_t *value;

		if (!e->used || leading_zeros(&e->id) < p->bits)
			continue;
		st = idmap_put(&fewer, &e->id, 0, &value, NULL, why);
		if (st != BLK_OK)
			break;
		*value = e->value;
		p->kept++;
		p->kept_bytes += (uint64_t)e->value;
	}
	idmap_release(&p->seen);
	p->seen = fewer;
	return st;
}

/* Is it new?  An id that is not kept is packed, since a codec makes use of
 * what lies beside it, but not counted. */
static enum blk_status
note(struct packer *p, const struct digest *id, size_t len, bool *is_new,
    struct fault *why)
{
	enum blk_status st;
	int64_t *value;

	*is_new = p->bits == 0 || !leave_trace(p, id);
	if (leading_zeros(id) < p->bits)
		return BLK_OK;
	st = idmap_put(&p->seen, id, 0, &value, is_new, why);
	if (st != BLK_OK || !*is_new)
		return st;
	*value = (int64_t)len;
	p->kept++;
	p->kept_bytes += len;
	take_sample(p, id, len);
	return p->seen.used > p->seen_max ? thin_out(p, why) : BLK_OK;
}

enum blk_status
packer_add(struct packer *p, const struct digest *id, const void *data,
    size_t len, struct fault *why)
{
	enum blk_status st;
	bool is_new;

	if (len > p->to->plain_cap)
		return fault(why, BLK_INVALID, "an object of %zu bytes", len);
	st = note(p, id, len, &is_new, why);
	if (st == BLK_OK && is_new && p->len > 0 && p->len + len > FRAME_SIZE)
		st = end_frame(p, why);
	if (st != BLK_OK || !is_new || len == 0)
		return st;
	memcpy(p->plain + p->len, data, len);
	p->len += len;
	return BLK_OK;
}

enum blk_status
packer_end(struct packer *p, struct packed *sum, struct fault *why)
{
	enum blk_status st = end_frame(p, why);
	double share = 1;

	*sum = (struct packed){ .objects = p->kept << p->bits,
		.plain = p->kept_bytes << p->bits };
	if (p->bits > 0 && p->packed > 0)
		share = (double)sum->plain / (double)p->packed;
	sum->frames = (uint64_t)((double)p->frames * share + 0.5);
	sum->bytes = (uint64_t)((double)p->stored * share) +
	    sum->objects * OBJECT_BYTES + sum->frames * FRAME_BYTES;
	return st;
}

uint64_t
packed_segments(const struct packed *sum, unsigned lanes)
{
	/* A segment ends when the next frame could be too much for it. */
	uint64_t frame = sum->frames > 0 ? sum->bytes / sum->frames : 0;
	uint64_t full = SEGMENT_SIZE - FRAME_SIZE + frame / 2;
	uint64_t share = sum->bytes / lanes + 1;

	if (sum->bytes == 0)
		return 0;
	if (sum->frames <= lanes)
		return sum->frames;
	/* The walk has a lane of its own, which helps with large files. */
	return (share + full - 1) / full * lanes + (sum->bytes > full);
}

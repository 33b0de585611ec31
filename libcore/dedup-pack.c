#include "dedup-pack.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define TRACE_BITS 256 /* for each id that there is memory for: 32 bytes */
#define TRACE_FULL 16  /* one bit of so many: traces are mistaken for others */
#define SAMPLES_MAX ((size_t)1 << 16)

enum blk_status
packing_open(struct packing *p, const char *compression, unsigned lanes,
    struct fault *why)
{
	enum blk_status st;

	*p = (struct packing){ .lanes = lanes };
	st = codec_parse(compression, &p->how.codec, &p->how.level, why);
	if (st == BLK_OK)
		st = codec_state_new(&p->codecs, why);
	return st == BLK_OK ? hasher_new(&p->hash, why) : st;
}

void
packing_release(struct packing *p)
{
	codec_state_free(p->codecs);
	hasher_free(p->hash);
}

/* --- ids that were seen --- */

enum blk_status
packer_open(
    struct packer *p, struct packing *to, size_t seen_max, struct fault *why)
{
	*p = (struct packer){ .to = to, .seen_max = seen_max, .commits = 1 };
	p->samples_max = seen_max < SAMPLES_MAX ? seen_max + 1 : SAMPLES_MAX;
	p->sample = malloc(p->samples_max * sizeof(*p->sample));
	return p->sample == NULL ? fault_nomem(why) : packer_fill_open(p, why);
}

void
packer_release(struct packer *p)
{
	idmap_release(&p->seen);
	free(p->trace);
	free(p->sample);
	packer_fill_release(p);
}

static unsigned
leading_zeros(const struct digest *id)
{
	return packer_zeros(digest_head(id));
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
take_sample(struct packer *p, const struct packer_object *o, size_t segment)
{
	uint64_t head = digest_head(&o->id);

	while (p->samples == p->samples_max && p->sample_bits < 63)
		thin_sample(p, p->sample_bits + 1);
	if (packer_zeros(head) >= p->sample_bits && p->samples < p->samples_max)
		p->sample[p->samples++] = (struct packer_sample){ .head = head,
			.length = (uint32_t)o->len,
			.level = o->level,
			.segment = (uint32_t)segment,
			.kind = (uint8_t)o->kind };
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

		if ((p->trace[bit >> 3] & mask) == 0) {
			seen = false;
			p->traced++;
		}
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
	for (size_t i = 0; st == BLK_OK && i < p->seen.slots; i++) {
		const struct idmap_entry *e = &p->seen.slot[i];
		int64_t *value;

		if (!e->used || leading_zeros(&e->id) < p->bits)
			continue;
		st = idmap_put(&fewer, &e->id, e->tag, &value, NULL, why);
	}
	idmap_release(&p->seen);
	p->seen = fewer;
	return st;
}

/* Is it new?  An id that is not kept is told by its traces. */
static enum blk_status
note(struct packer *p, const struct packer_object *o, bool *is_new,
    struct fault *why)
{
	enum blk_status st;
	int64_t *value;

	*is_new = p->bits == 0 || !leave_trace(p, &o->id);
	if (leading_zeros(&o->id) < p->bits)
		return BLK_OK;
	st = idmap_put(&p->seen, &o->id, (uint8_t)o->kind, &value, is_new, why);
	if (st == BLK_OK && p->seen.used > p->seen_max)
		st = thin_out(p, why);
	return st;
}

enum blk_status
packer_add(struct packer *p, const struct packer_object *o, struct fault *why)
{
	enum packer_sort sort =
	    o->kind == KIND_DATA ? PACKER_DATA : PACKER_STRUCTURE;
	enum blk_status st;
	size_t segment;
	bool is_new;

	st = note(p, o, &is_new, why);
	if (st != BLK_OK || !is_new)
		return st;
	st = packer_fill_add(p, o, &segment, why);
	if (st != BLK_OK)
		return st;
	p->objects[sort]++;
	p->plain[sort] += o->len;
	take_sample(p, o, segment);
	return BLK_OK;
}

/* For each that looked new, so many were: where traces are many, what is new
 * may look like what was seen, and the ids that are kept tell. */
static double
missed(const struct packer *p)
{
	uint64_t all = p->objects[PACKER_DATA] + p->objects[PACKER_STRUCTURE];

	if (p->bits == 0 || p->traced < p->traces / TRACE_FULL)
		return 1;
	return (double)((uint64_t)p->seen.used << p->bits) / (double)all;
}

static uint64_t
times(uint64_t n, double share)
{
	return (uint64_t)((double)n * share + 0.5);
}

/* A snapshot in the lane of the walk, and a version in the commit's file. */
static enum blk_status
add_last(struct packer *p, struct fault *why)
{
	static const uint8_t text[PACKER_SNAPSHOT];
	struct packer_object o = { .data = text,
		.len = sizeof(text),
		.kind = KIND_SNAPSHOT,
		.level = 1 };
	enum blk_status st;

	o.id.byte[0] = 0xff; /* in small samples only */
	st = packer_add(p, &o, why);
	o.id.byte[0] = 0xfe;
	o.len = PACKER_VERSION;
	o.kind = KIND_VERSION;
	o.level = 0;
	take_sample(p, &o, PACKER_COMMIT);
	p->objects[PACKER_STRUCTURE]++;
	return st;
}

enum blk_status
packer_end(struct packer *p, struct packed *sum, struct fault *why)
{
	enum blk_status st = add_last(p, why);
	double share = missed(p);

	*sum = (struct packed){ .chunks = times(p->objects[PACKER_DATA], share),
		.chunk_bytes = times(p->plain[PACKER_DATA], share) };
	if (st == BLK_OK)
		st = packer_fill_end(p, &sum->bytes, why);
	sum->bytes = times(sum->bytes, share);
	for (size_t i = 0; i < p->segments; i++)
		sum->segments += p->segment[i].sealed;
	sum->segments = times(sum->segments, share);
	return st == BLK_OK
	    ? packer_index(p,
	          sum->chunks + times(p->objects[PACKER_STRUCTURE], share),
	          &sum->index_bytes, why)
	    : st;
}

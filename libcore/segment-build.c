#include "segment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "segment-build.h"

#define FILE_FIRST 4096 /* bytes that a small commit's file fits into */
#define LONG_FILE ((size_t)1 << 20) /* grows to what is expected at once */
#define RAW_PERCENT 3               /* packing must save that much */
#define RAW_RUN 2                   /* after so many raw frames in a row ... */
#define RAW_STRIDE 8 /* ... one in so many is tried that look as they did */
#define SAMPLE 4096  /* bytes of a frame that are looked at for that */
#define SAMPLE_RUN 64
#define SAMPLE_LEAST 512     /* of fewer bytes nothing can be told */
#define STRUCTURE_LEAST 1024 /* less text is not worth a codec's set-up */

enum blk_status
segment_builder_new(const struct segment_origin *o,
    const struct segment_options *opt, struct codec_state *codecs,
    struct hasher *hash, struct segment_builder **out, struct fault *why)
{
	struct segment_builder *b = calloc(1, sizeof(*b));
	enum blk_status st;

	*out = NULL;
	if (b == NULL)
		return fault_nomem(why);
	b->origin = *o;
	b->opt = *opt;
	b->codecs = codecs;
	b->hash = hash;
	/* A codec may want room beyond what the packed frame then takes. */
	b->file.max = SEGMENT_MAX + 2 * SEGMENT_FRAME_MAX;
	b->open.max = SEGMENT_FRAME_MAX;
	b->scratch.max = SEGMENT_FRAME_MAX;
	st = buf_reserve(&b->file, FILE_FIRST, why);
	if (st != BLK_OK) {
		segment_builder_free(b);
		return st;
	}
	segment_reset(b);
	*out = b;
	return BLK_OK;
}

void
segment_builder_free(struct segment_builder *b)
{
	if (b == NULL)
		return;
	buf_release(&b->file);
	buf_release(&b->open);
	buf_release(&b->scratch);
	free(b->frame);
	free(b->object);
	free(b);
}

void
segment_reset(struct segment_builder *b)
{
	b->file.len = SEGMENT_HEADER; /* written when it is sealed */
	b->open.len = 0;
	b->decoded = SEGMENT_NONE;
	b->frames = 0;
	b->objects = 0;
	b->ended = 0;
	b->sealed = false;
}

void
segment_pack_by(struct segment_builder *b, const struct segment_options *opt)
{
	b->opt = *opt;
}

size_t
segment_memory(const struct segment_builder *b)
{
	return b->file.cap + b->open.cap + b->scratch.cap +
	    b->frame_cap * sizeof(*b->frame) +
	    b->object_cap * sizeof(*b->object);
}

size_t
segment_plain(const struct segment_builder *b)
{
	return b->open.len;
}

size_t
segment_stored(const struct segment_builder *b)
{
	return b->file.len;
}

uint32_t
segment_count(const struct segment_builder *b)
{
	return b->objects;
}

/*
 * May one more frame, of this many stored bytes and objects, be in the file?
 * What is in the open frame counts as it is, packed it is never longer.
 */
static bool
fits(const struct segment_builder *b, uint64_t stored, uint64_t objects)
{
	uint64_t frames = (uint64_t)b->frames + 1;

	objects += b->objects;
	return frames <= SEGMENT_FRAMES_MAX && objects <= SEGMENT_OBJECTS_MAX &&
	    b->file.len + b->open.len + stored + SEGMENT_COUNT_MAX +
	        frames * SEGMENT_FRAME_ENTRY + objects * SEGMENT_OBJECT_ENTRY +
	        SEGMENT_TRAILER <=
	    SEGMENT_MAX;
}

static enum blk_status
refuse_sealed(const struct segment_builder *b, struct fault *why)
{
	return b->sealed ? fault(why, BLK_INVALID, "segment is sealed")
	                 : BLK_OK;
}

static enum blk_status
room_for_objects(struct segment_builder *b, uint32_t count, struct fault *why)
{
	while (b->object_cap < (size_t)b->objects + count) {
		void *items = b->object;
		enum blk_status st = array_grow(&items, b->object_cap,
		    &b->object_cap, sizeof(*b->object), why);

		b->object = items;
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

/* Can the open frame take an object of this kind? */
static bool
mixes(const struct segment_builder *b, enum kind kind)
{
	return b->ended < b->objects &&
	    (b->object[b->ended].kind == KIND_DATA) != (kind == KIND_DATA);
}

enum blk_status
segment_add(struct segment_builder *b, const struct digest *id, enum kind kind,
    const void *data, size_t len, struct fault *why)
{
	enum blk_status st = refuse_sealed(b, why);

	if (st == BLK_OK && (kind < KIND_DATA || kind > KIND_RECORD))
		st = fault(why, BLK_INVALID, "object of no known kind");
	if (st == BLK_OK && mixes(b, kind))
		st = segment_end_frame(b, why);
	if (st != BLK_OK)
		return st;
	if (len > SEGMENT_FRAME_MAX - b->open.len)
		return fault(why, BLK_INVALID, "frame is full");
	if (!fits(b, len, 1))
		return fault(why, BLK_INVALID, "segment is full");
	st = room_for_objects(b, 1, why);
	if (st == BLK_OK && len > 0)
		st = buf_add(&b->open, data, len, why);
	if (st != BLK_OK)
		return st;
	b->object[b->objects++] = (struct segment_object){
		.id = *id,
		.kind = (uint8_t)kind,
		.frame = b->frames,
		.offset = (uint32_t)(b->open.len - len),
		.length = (uint32_t)len,
	};
	return BLK_OK;
}

/*
 * Are all bytes about as frequent, as in noise and in what is packed already?
 * Told from a sample, or from all of what is shorter, by the number of pairs
 * of equal bytes in it.
 */
static bool
looks_packed(const uint8_t *data, size_t len)
{
	uint16_t often[256] = { 0 }; /* each at most SAMPLE */
	uint32_t pairs = 0, seen = 0;
	size_t stride = len < SAMPLE ? SAMPLE_RUN : len / (SAMPLE / SAMPLE_RUN);

	if (len < SAMPLE_LEAST)
		return false;
	for (size_t at = 0; at + SAMPLE_RUN <= len; at += stride) {
		for (size_t i = 0; i < SAMPLE_RUN; i++)
			often[data[at + i]]++;
		seen += SAMPLE_RUN;
	}
	/* 0 - 1 is not what it seems, but then it is multiplied by 0. */
	for (size_t i = 0; i < 256; i++)
		pairs += (uint32_t)often[i] * ((uint32_t)often[i] - 1);
	return pairs < seen * (seen - 1) / 256 * 4 / 3;
}

/* Is it to be expected that packing saves anything? */
static bool
worth_packing(struct segment_builder *b, bool data)
{
	if (b->open.len == 0 || b->opt.codec->tag == CODEC_RAW)
		return false;
	if (!data)
		return b->open.len >= STRUCTURE_LEAST;
	/* One small frame comes alone; what is lost, should it look like
	 * noise and be none, is less than a page of a disk. */
	if (b->open.len < SAMPLE)
		return !looks_packed(b->open.data, b->open.len);
	if (b->raw_run < RAW_RUN || !looks_packed(b->open.data, b->open.len))
		return true;
	return ++b->passed % RAW_STRIDE == 0;
}

/* Decode what was just packed into the frame f and compare. */
static enum blk_status
verify(
    struct segment_builder *b, const struct segment_frame *f, struct fault *why)
{
	const uint8_t *packed = b->file.data + f->offset;
	enum blk_status st;

	b->decoded = SEGMENT_NONE;
	b->scratch.len = 0;
	st = buf_reserve(&b->scratch, f->plain, why);
	if (st != BLK_OK)
		return st;
	st = b->opt.codec->unpack(
	    b->codecs, packed, f->stored, b->scratch.data, f->plain, why);
	if (st != BLK_OK)
		return fault_in(why, BLK_FAILED, "packed frame is unsound");
	if (memcmp(b->scratch.data, b->open.data, f->plain) != 0)
		return fault(
		    why, BLK_FAILED, "packed frame decodes to other bytes");
	b->decoded = b->frames;
	return BLK_OK;
}

/*
 * Room for len more bytes of the file.  A long one would be moved at each
 * doubling, with a fault for each of its pages; where there is no such room it
 * still grows by what it needs.
 */
static enum blk_status
room_in_file(struct segment_builder *b, size_t len, struct fault *why)
{
	struct buf *file = &b->file;
	size_t whole = b->opt.expected;
	struct fault unsaid;

	if (file->len >= LONG_FILE && whole > file->cap &&
	    len < whole - file->len &&
	    buf_reserve(file, whole - file->len, &unsaid) == BLK_OK)
		return BLK_OK;
	return buf_reserve(file, len, why);
}

/*
 * Put the open frame, packed, behind the file's end.
 *
 * Returns: BLK_OK with f->stored and f->codec set; BLK_INVALID when that
 *          saves too little; BLK_FAILED.
 */
static enum blk_status
pack(struct segment_builder *b, struct segment_frame *f, struct fault *why)
{
	const struct codec *codec = b->opt.codec;
	size_t room = codec->bound(f->plain);
	enum blk_status st;

	if (room == 0)
		return BLK_INVALID;
	st = room_in_file(b, room, why);
	if (st != BLK_OK)
		return st;
	st = codec->pack(b->codecs, b->opt.level, b->open.data, f->plain,
	    b->file.data + b->file.len, &room, why);
	if (st != BLK_OK)
		return st;
	if (room > f->plain - (uint64_t)f->plain * RAW_PERCENT / 100 ||
	    room >= f->plain)
		return BLK_INVALID;
	f->stored = (uint32_t)room;
	f->codec = codec->tag;
	return b->opt.verify ? verify(b, f, why) : BLK_OK;
}

/* Put the open frame behind the file's end as it is. */
static enum blk_status
keep_raw(struct segment_builder *b, struct segment_frame *f, struct fault *why)
{
	enum blk_status st = room_in_file(b, b->open.len, why);

	if (st != BLK_OK)
		return st;
	if (b->open.len > 0)
		memcpy(b->file.data + b->file.len, b->open.data, b->open.len);
	f->stored = f->plain;
	f->codec = CODEC_RAW;
	return BLK_OK;
}

static enum blk_status
pack_or_keep(
    struct segment_builder *b, struct segment_frame *f, struct fault *why)
{
	bool data = b->object[f->first].kind == KIND_DATA;
	bool tried = worth_packing(b, data);
	enum blk_status st = tried ? pack(b, f, why) : BLK_INVALID;

	if (tried && data && st == BLK_OK)
		b->raw_run = 0;
	if (tried && data && st == BLK_INVALID && b->raw_run < RAW_RUN)
		b->raw_run++;
	if (tried && data)
		b->passed = 0;
	return st == BLK_INVALID ? keep_raw(b, f, why) : st;
}

/* Room in frame[] for one more. */
static enum blk_status
room_for_frame(struct segment_builder *b, struct fault *why)
{
	void *items = b->frame;
	enum blk_status st = array_grow(
	    &items, b->frames, &b->frame_cap, sizeof(*b->frame), why);

	b->frame = items;
	return st;
}

enum blk_status
segment_end_frame(struct segment_builder *b, struct fault *why)
{
	struct segment_frame f = {
		.offset = b->file.len,
		.plain = (uint32_t)b->open.len,
		.first = b->ended,
		.count = b->objects - b->ended,
	};
	enum blk_status st = refuse_sealed(b, why);

	if (st != BLK_OK || f.count == 0)
		return st;
	st = room_for_frame(b, why);
	if (st == BLK_OK)
		st = pack_or_keep(b, &f, why);
	if (st != BLK_OK)
		return st;
	f.check = digest_xxh64(b->file.data + f.offset, f.stored);
	b->file.len += f.stored;
	b->frame[b->frames++] = f;
	b->ended = b->objects;
	b->open.len = 0;
	return BLK_OK;
}

/* Could f and its objects stand in a table as they are? */
static bool
is_frame(const struct segment_frame *f, const struct segment_object *object)
{
	uint64_t sum = 0;

	if (f->count == 0 || f->plain > SEGMENT_FRAME_MAX ||
	    codec_by_tag(f->codec) == NULL ||
	    (f->codec == CODEC_RAW ? f->stored != f->plain : f->stored == 0))
		return false;
	for (uint32_t i = 0; i < f->count; i++) {
		enum kind kind = object[i].kind;

		if (kind < KIND_DATA || kind > KIND_RECORD ||
		    (kind == KIND_DATA) != (object[0].kind == KIND_DATA) ||
		    object[i].offset != sum)
			return false;
		sum += object[i].length;
	}
	return sum == f->plain;
}

enum blk_status
segment_add_frame(struct segment_builder *b, const struct segment_frame *f,
    const struct segment_object *object, const void *stored, struct fault *why)
{
	struct segment_frame to = *f;
	enum blk_status st = segment_end_frame(b, why);

	if (st != BLK_OK)
		return st;
	if (!is_frame(f, object))
		return fault(why, BLK_INVALID, "no frame");
	if (!fits(b, f->stored, f->count))
		return fault(why, BLK_INVALID, "segment is full");
	if (digest_xxh64(stored, f->stored) != f->check)
		return fault(why, BLK_CORRUPT,
		    "frame at %" PRIu64 " is damaged", f->offset);
	st = room_for_frame(b, why);
	if (st == BLK_OK)
		st = room_for_objects(b, f->count, why);
	if (st == BLK_OK && f->stored > 0)
		st = buf_add(&b->file, stored, f->stored, why);
	if (st != BLK_OK)
		return st;
	to.offset = b->file.len - f->stored;
	to.first = b->objects;
	for (uint32_t i = 0; i < f->count; i++) {
		b->object[b->objects] = object[i];
		b->object[b->objects++].frame = b->frames;
	}
	b->frame[b->frames++] = to;
	b->ended = b->objects;
	return BLK_OK;
}

/* The plain bytes of an ended frame, in the file itself or in scratch. */
static enum blk_status
decode(struct segment_builder *b, uint32_t frame, const uint8_t **plain,
    struct fault *why)
{
	const struct segment_frame *f = &b->frame[frame];
	const uint8_t *stored = b->file.data + f->offset;
	enum blk_status st;

	*plain = f->codec == CODEC_RAW ? stored : b->scratch.data;
	if (f->codec == CODEC_RAW || b->decoded == frame)
		return BLK_OK;
	b->decoded = SEGMENT_NONE;
	b->scratch.len = 0;
	/* Never NULL, also where a frame is packed and empty. */
	st = buf_reserve(&b->scratch, (size_t)f->plain + (f->plain == 0), why);
	if (st == BLK_OK)
		st = segment_unpack(b->codecs, f, stored, b->scratch.data, why);
	if (st != BLK_OK)
		return st;
	b->decoded = frame;
	*plain = b->scratch.data;
	return BLK_OK;
}

enum blk_status
segment_peek(struct segment_builder *b, uint32_t index, const void **data,
    size_t *len, struct fault *why)
{
	const struct segment_object *o;
	const uint8_t *plain;
	enum blk_status st;

	if (index >= b->objects)
		return BLK_ABSENT;
	o = &b->object[index];
	plain = b->open.data;
	if (index < b->ended) {
		st = decode(b, o->frame, &plain, why);
		if (st != BLK_OK)
			return st;
	}
	*data = o->length == 0 ? (const void *)"" : plain + o->offset;
	*len = o->length;
	return BLK_OK;
}

#include "segment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "segment-build.h"

static uint8_t *
put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* Write the table to p, which has room for the most it can take; return its
 * end. */
static uint8_t *
put_table(const struct segment_builder *b, uint8_t *p)
{
	p = put_varint(p, b->frames);
	for (uint32_t i = 0; i < b->frames; i++) {
		const struct segment_frame *f = &b->frame[i];

		p = put_varint(p, f->stored);
		p = put_varint(p, f->plain);
		*p++ = f->codec;
		p = put_varint(p, f->count);
		put_le64(p, f->check);
		p += 8;
	}
	for (uint32_t i = 0; i < b->objects; i++) {
		const struct segment_object *o = &b->object[i];

		memcpy(p, o->id.byte, DIGEST_LEN);
		p += DIGEST_LEN;
		*p++ = o->kind;
		p = put_varint(p, o->length);
	}
	return p;
}

static void
put_trailer(uint8_t *p, const uint8_t *file, const uint8_t *table)
{
	size_t len = (size_t)(p - table);

	memset(p, 0, SEGMENT_TRAILER);
	put_le64(p, (uint64_t)(table - file));
	put_le64(p + 8, len);
	digest_xxh128(table, len, p + 16);
	memcpy(p + 56, SEGMENT_TAIL, 8);
}

static enum blk_status
put_header(const struct segment_builder *b, uint8_t *p, struct fault *why)
{
	enum blk_status st;

	memset(p, 0, SEGMENT_HEADER);
	memcpy(p, SEGMENT_MAGIC, 8);
	put_le32(p + 8, SEGMENT_VERSION);
	memcpy(p + 24, b->origin.store, 16);
	memcpy(p + 40, b->origin.session, 16);
	st = digest_random(p + 56, 16, why);
	put_le64(p + SEGMENT_CHECKED, digest_xxh64(p, SEGMENT_CHECKED));
	return st;
}

static enum blk_status
copy_table(
    const struct segment_builder *b, struct segment_table *t, struct fault *why)
{
	*t = (struct segment_table){
		.frame = calloc(b->frames, sizeof(*t->frame)),
		.object = calloc(b->objects, sizeof(*t->object)),
		.frames = b->frames,
		.objects = b->objects,
		.bytes = b->file.len,
	};
	if (t->frame == NULL || t->object == NULL) {
		segment_table_release(t);
		return fault_nomem(why);
	}
	memcpy(t->frame, b->frame, b->frames * sizeof(*t->frame));
	memcpy(t->object, b->object, b->objects * sizeof(*t->object));
	for (uint32_t i = 0; i < b->frames; i++)
		t->plain += b->frame[i].plain;
	return BLK_OK;
}

/* Write everything but the frames; the file ends where they do on failure. */
static enum blk_status
finish(struct segment_builder *b, struct digest *id, struct segment_table *t,
    struct fault *why)
{
	size_t at = b->file.len;
	uint8_t *table, *end;
	enum blk_status st;

	st = buf_reserve(&b->file,
	    SEGMENT_COUNT_MAX + SEGMENT_TRAILER +
	        (size_t)b->frames * SEGMENT_FRAME_ENTRY +
	        (size_t)b->objects * SEGMENT_OBJECT_ENTRY,
	    why);
	if (st == BLK_OK)
		st = put_header(b, b->file.data, why);
	if (st != BLK_OK)
		return st;
	table = b->file.data + at;
	end = put_table(b, table);
	put_trailer(end, b->file.data, table);
	b->file.len = (size_t)(end + SEGMENT_TRAILER - b->file.data);
	assert(b->file.len <= SEGMENT_MAX);
	st = hasher_of(b->hash, b->file.data, b->file.len, id, why);
	if (st == BLK_OK && t != NULL)
		st = copy_table(b, t, why);
	if (st != BLK_OK)
		b->file.len = at;
	return st;
}

enum blk_status
segment_seal(struct segment_builder *b, struct digest *id, const void **bytes,
    size_t *len, struct segment_table *table, struct fault *why)
{
	enum blk_status st;

	if (table != NULL)
		*table = (struct segment_table){ 0 };
	st = segment_end_frame(b, why);
	if (st != BLK_OK)
		return st;
	if (b->frames == 0)
		return fault(why, BLK_INVALID, "segment is empty");
	st = finish(b, id, table, why);
	if (st != BLK_OK)
		return st;
	b->sealed = true;
	*bytes = b->file.data;
	*len = b->file.len;
	return BLK_OK;
}

/*
 * The lanes of a writer: frames and segments as they fill, and the commit.
 */
#include <stdlib.h>
#include <string.h>

#include "dedup-pack.h"
#include "structure.h"
#include "writer.h"

#define FRAME_SIZE ((size_t)1 << 20) /* as settings have it, unless set */
#define SEGMENT_SIZE ((uint64_t)16 << 20)
#define EARLY_BYTES ((uint64_t)1 << 30) /* of data: a commit of its own */
#define OBJECT_BYTES 33                 /* of a table: id, kind */
#define FRAME_BYTES 18                  /* of a table, for each frame */
#define TOGETHER 256                    /* chunks that are looked up at once */
#define OBJECT_ROOM 38 /* that a writer thinks an object takes of a table */

/* Of a store of its own and a snapshot in it; names differ in length. */
#define FIRST_COMMIT 500  /* the file of commit 0 */
#define RECORD_BYTES 273  /* of the text of a commit */
#define RECORD_SEGMENT 80 /* of that, for each segment */

static const struct segment_origin packer_origin = { .store = { 0 } };

enum blk_status
packer_fill_open(struct packer *p, struct fault *why)
{
	p->fill = calloc((size_t)p->to->lanes * PACKER_SORTS, sizeof(*p->fill));
	return p->fill == NULL ? fault_nomem(why) : BLK_OK;
}

void
packer_fill_release(struct packer *p)
{
	for (size_t i = 0; p->fill != NULL && i < p->to->lanes * PACKER_SORTS;
	     i++)
		segment_builder_free(p->fill[i].builder);
	free(p->fill);
	free(p->segment);
}

/* --- frames, segments --- */

/* Pack the open frame; only what it comes to is kept. */
static enum blk_status
end_frame(struct packer *p, struct packer_fill *f, struct fault *why)
{
	struct packer_segment *s = &p->segment[f->segment];
	enum blk_status st = segment_end_frame(f->builder, why);

	if (st != BLK_OK)
		return st;
	s->stored += segment_stored(f->builder) - SEGMENT_HEADER;
	s->frames++;
	segment_reset(f->builder);
	return BLK_OK;
}

static uint64_t
file_bytes(const struct packer_segment *s)
{
	return SEGMENT_HEADER + SEGMENT_TRAILER + s->stored +
	    s->objects * OBJECT_BYTES + s->lengths + s->frames * FRAME_BYTES;
}

/* Much data that was published is committed. */
static void
commit_early(struct packer *p)
{
	if (p->published < EARLY_BYTES)
		return;
	for (size_t i = 0; i < p->segments; i++) {
		struct packer_segment *s = &p->segment[i];

		if (s->sealed && s->sort == PACKER_DATA && s->commit == 0)
			s->commit = p->commits;
	}
	p->commits++;
	p->published = 0;
}

static enum blk_status
seal(struct packer *p, struct packer_fill *f, struct fault *why)
{
	struct packer_segment *s = &p->segment[f->segment];
	enum blk_status st = BLK_OK;

	if (!f->filling)
		return BLK_OK;
	if (segment_count(f->builder) > 0)
		st = end_frame(p, f, why);
	s->sealed = true;
	f->filling = false;
	if (s->sort == PACKER_DATA)
		p->published += s->plain;
	return st;
}

static enum blk_status
make_room(
    struct packer *p, struct packer_fill *f, size_t len, struct fault *why)
{
	size_t next = len > FRAME_SIZE ? len : FRAME_SIZE;
	size_t plain = segment_plain(f->builder);
	const struct packer_segment *s = &p->segment[f->segment];
	enum blk_status st;

	if (plain == 0 || plain + len <= FRAME_SIZE)
		return BLK_OK;
	st = end_frame(p, f, why);
	if (st != BLK_OK ||
	    SEGMENT_HEADER + s->stored + s->objects * OBJECT_ROOM + next <=
	        SEGMENT_SIZE)
		return st;
	st = seal(p, f, why);
	commit_early(p);
	return st;
}

static enum blk_status
begin(struct packer *p, struct packer_fill *f, enum packer_sort sort,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (f->builder == NULL)
		st = segment_builder_new(&packer_origin, &p->to->how,
		    p->to->codecs, p->to->hash, &f->builder, why);
	if (st == BLK_OK)
		st = array_grow((void **)&p->segment, p->segments,
		    &p->segments_cap, sizeof(*p->segment), why);
	if (st != BLK_OK)
		return st;
	f->segment = p->segments++;
	p->segment[f->segment] = (struct packer_segment){ .sort = sort };
	f->filling = true;
	return BLK_OK;
}

/* Of a varint. */
static uint64_t
length_bytes(size_t len)
{
	uint64_t n = 1;

	for (; len >= 128; len >>= 7)
		n++;
	return n;
}

enum blk_status
packer_fill_add(struct packer *p, const struct packer_object *o,
    size_t *segment, struct fault *why)
{
	enum packer_sort sort =
	    o->kind == KIND_DATA ? PACKER_DATA : PACKER_STRUCTURE;
	struct packer_fill *f = &p->fill[o->lane * PACKER_SORTS + sort];
	struct packer_segment *s;
	enum blk_status st = BLK_OK;

	if (f->filling)
		st = make_room(p, f, o->len, why);
	if (st == BLK_OK && !f->filling)
		st = begin(p, f, sort, why);
	if (st == BLK_OK)
		st = segment_add(
		    f->builder, &o->id, o->kind, o->data, o->len, why);
	if (st != BLK_OK)
		return st;
	*segment = f->segment;
	s = &p->segment[f->segment];
	s->objects++;
	s->plain += o->len;
	s->lengths += length_bytes(o->len);
	/* Chunks wait for others, to be looked up together, before they are
	 * written: lists and trees may be there first. */
	if (s->turn == 0 &&
	    (sort == PACKER_STRUCTURE || s->objects == TOGETHER ||
	        s->frames > 0 || s->plain > FRAME_SIZE))
		s->turn = ++p->turns;
	return BLK_OK;
}

/* --- the commit --- */

static uint64_t
open_plain(const struct packer *p, enum packer_sort sort)
{
	uint64_t sum = 0;

	for (size_t i = sort; i < p->to->lanes * PACKER_SORTS;
	     i += PACKER_SORTS)
		if (p->fill[i].filling)
			sum += p->segment[p->fill[i].segment].plain;
	return sum;
}

/* Small amounts are left to the commit: see the writer room. */
static enum blk_status
settle(struct packer *p, struct fault *why)
{
	uint64_t data = open_plain(p, PACKER_DATA);
	uint64_t structure = open_plain(p, PACKER_STRUCTURE);
	bool fits[PACKER_SORTS] = {
		[PACKER_DATA] = data + structure <= WRITER_INLINE,
		[PACKER_STRUCTURE] = structure <= WRITER_INLINE,
	};
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < p->to->lanes * PACKER_SORTS; i++)
		if (!fits[i % PACKER_SORTS])
			st = seal(p, &p->fill[i], why);
	return st;
}

/* What is open still, of one sort: it goes into one frame of the commit. */
static enum blk_status
join(struct packer *p, enum packer_sort sort, struct segment_builder *to,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = sort; i < p->to->lanes * PACKER_SORTS;
	     i += PACKER_SORTS) {
		struct packer_fill *f = &p->fill[i];
		uint32_t n = f->filling ? segment_count(f->builder) : 0;
		const struct digest id = { { 0 } };
		const void *data;
		size_t len;

		for (uint32_t k = 0; st == BLK_OK && k < n; k++) {
			st = segment_peek(f->builder, k, &data, &len, why);
			if (st == BLK_OK)
				st = segment_add(to, &id,
				    sort == PACKER_DATA ? KIND_DATA : KIND_TREE,
				    data, len, why);
		}
	}
	return st == BLK_OK ? segment_end_frame(to, why) : st;
}

/* The file of the commit. */
static enum blk_status
commit_bytes(struct packer *p, uint64_t *bytes, struct fault *why)
{
	struct segment_builder *b = NULL;
	uint64_t segments = 0, lengths = 4; /* of record and version, too */
	enum blk_status st = segment_builder_new(
	    &packer_origin, &p->to->how, p->to->codecs, p->to->hash, &b, why);

	for (size_t i = 0; i < p->segments; i++)
		if (p->segment[i].sealed)
			segments++;
		else
			lengths += p->segment[i].lengths;
	if (st == BLK_OK)
		st = join(p, PACKER_STRUCTURE, b, why);
	if (st == BLK_OK)
		st = join(p, PACKER_DATA, b, why);
	if (st == BLK_OK)
		*bytes = segment_stored(b) + SEGMENT_TRAILER + 2 * FRAME_BYTES +
		    (segment_count(b) + 2) * OBJECT_BYTES + lengths +
		    RECORD_BYTES + PACKER_VERSION + segments * RECORD_SEGMENT;
	segment_builder_free(b);
	return st;
}

enum blk_status
packer_fill_end(struct packer *p, uint64_t *bytes, struct fault *why)
{
	enum blk_status st = settle(p, why);

	if (st == BLK_OK)
		st = commit_bytes(p, bytes, why);
	*bytes += FIRST_COMMIT;
	for (size_t i = 0; i < p->segments; i++) {
		struct packer_segment *s = &p->segment[i];

		if (s->commit == 0)
			s->commit = p->commits;
		if (s->sealed)
			*bytes += file_bytes(s);
		if (s->turn == 0)
			s->turn = ++p->turns;
	}
	return st;
}

/*
 * An object out of a segment whose table is not read whole, if it is long, and
 * whose frame is not decoded whole.
 *
 * What is not as it should be is not told: frames_read will meet it, too.
 */
#include <stdlib.h>

#include "codec.h"
#include "frames-private.h"

/* Damage to a header takes nothing away (see frames_table). */
static bool
is_newer(struct frames *f, const struct frames_place *p, struct fault *why)
{
	uint8_t header[SEGMENT_HEADER];

	return frames_range(f, p, 0, header, sizeof(header), why) != BLK_OK ||
	    segment_header(header, sizeof(header), NULL, NULL, why) ==
	    BLK_FAILED;
}

/* A table that is not long is as well read, and kept. */
static bool
find_in_table(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct segment_frame *fr,
    struct segment_object *o, struct fault *why)
{
	const struct segment_table *t;
	bool found = false;

	if (frames_table(f, p, &t, why) != BLK_OK)
		return false;
	if (ordinal < t->objects) {
		*o = t->object[ordinal];
		*fr = t->frame[o->frame];
		found = o->kind == kind && digest_equal(&o->id, id);
	}
	frames_release(f, t);
	return found;
}

/* In the table at offset, length bytes long; part has room for SEGMENT_GLANCE
 * bytes. */
static bool
find_by_glance(struct frames *f, const struct frames_place *p, uint64_t offset,
    uint64_t length, uint32_t ordinal, const struct digest *id, enum kind kind,
    uint8_t *part, struct segment_frame *fr, struct segment_object *o,
    struct fault *why)
{
	struct segment_glance g;

	if (frames_range(f, p, offset, part, SEGMENT_GLANCE, why) != BLK_OK ||
	    !segment_glance(part, SEGMENT_GLANCE, offset, length, ordinal, &g))
		return false;
	*fr = g.frame;
	return frames_range(f, p, offset + g.begin, part,
	           (size_t)(g.end - g.begin), why) == BLK_OK &&
	    segment_glance_object(&g, part, id, kind, o);
}

static bool
find(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct segment_frame *fr,
    struct segment_object *o, struct fault *why)
{
	uint8_t trailer[SEGMENT_TRAILER], *part;
	uint64_t offset, length;
	bool found;

	if (frames_range(f, p, p->bytes - sizeof(trailer), trailer,
	        sizeof(trailer), why) != BLK_OK ||
	    segment_trailer(trailer, p->bytes, &offset, &length, why) != BLK_OK)
		return false;
	if (length < 2 * SEGMENT_GLANCE)
		return find_in_table(f, p, ordinal, id, kind, fr, o, why);
	part = malloc(SEGMENT_GLANCE);
	found = part != NULL && !is_newer(f, p, why) &&
	    find_by_glance(
	        f, p, offset, length, ordinal, id, kind, part, fr, o, why);
	free(part);
	return found;
}

/* Append its bytes. */
static bool
take(struct frames *f, const struct frames_place *p,
    const struct segment_frame *fr, const struct segment_object *o,
    struct buf *b, struct fault *why)
{
	enum blk_status st = buf_reserve(b, o->length, why);

	if (st != BLK_OK)
		return false;
	if (fr->codec == CODEC_RAW)
		st = frames_range(f, p, fr->offset + o->offset,
		    b->data + b->len, o->length, why);
	else
		st = frames_decode(f, p, fr, o, NULL, b->data + b->len, why);
	b->len += st == BLK_OK ? o->length : 0;
	return st == BLK_OK;
}

bool
frames_glance(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct buf *b)
{
	struct fault unsaid = FAULT_NONE;
	struct segment_object o;
	struct segment_frame fr;

	return p->bytes > SEGMENT_GLANCE && p->bytes <= SEGMENT_MAX &&
	    frames_glance_first(f, &p->id) &&
	    find(f, p, ordinal, id, kind, &fr, &o, &unsaid) &&
	    take(f, p, &fr, &o, b, &unsaid);
}

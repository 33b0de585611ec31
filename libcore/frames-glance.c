/*
 * An object out of a segment whose table is not read whole.
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

/* Find the object; part has room for SEGMENT_GLANCE bytes. */
static bool
find(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, uint8_t *part,
    struct segment_glance *g, struct segment_object *o, struct fault *why)
{
	uint8_t trailer[SEGMENT_TRAILER];
	uint64_t offset, length;

	if (frames_range(f, p, p->bytes - sizeof(trailer), trailer,
	        sizeof(trailer), why) != BLK_OK ||
	    segment_trailer(trailer, p->bytes, &offset, &length, why) !=
	        BLK_OK ||
	    length < 2 * SEGMENT_GLANCE)
		return false;
	return frames_range(f, p, offset, part, SEGMENT_GLANCE, why) ==
	    BLK_OK &&
	    segment_glance(part, SEGMENT_GLANCE, offset, length, ordinal, g) &&
	    frames_range(f, p, offset + g->begin, part,
	        (size_t)(g->end - g->begin), why) == BLK_OK &&
	    segment_glance_object(g, part, id, kind, o);
}

static bool
take(struct frames *f, const struct frames_place *p,
    const struct segment_frame *fr, const struct segment_object *o,
    struct buf *b, struct fault *why)
{
	enum blk_status st = buf_reserve(b, o->length, why);
	uint8_t *plain = NULL;

	if (st != BLK_OK)
		return false;
	if (fr->codec == CODEC_RAW) {
		st = frames_range(f, p, fr->offset + o->offset,
		    b->data + b->len, o->length, why);
		b->len += st == BLK_OK ? o->length : 0;
		return st == BLK_OK;
	}
	plain = malloc(fr->plain + 1u);
	st = plain == NULL ? fault_nomem(why)
	                   : frames_decode(f, p, fr, NULL, plain, why);
	if (st == BLK_OK)
		st = buf_add(b, plain + o->offset, o->length, why);
	free(plain);
	return st == BLK_OK;
}

bool
frames_glance(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct buf *b)
{
	struct fault unsaid = FAULT_NONE;
	struct segment_object o;
	struct segment_glance g;
	uint8_t *part;
	bool found;

	if (p->bytes < 4 * SEGMENT_GLANCE || p->bytes > SEGMENT_MAX ||
	    !frames_glance_first(f, &p->id))
		return false;
	part = malloc(SEGMENT_GLANCE);
	found = part != NULL && !is_newer(f, p, &unsaid) &&
	    find(f, p, ordinal, id, kind, part, &g, &o, &unsaid) &&
	    take(f, p, &g.frame, &o, b, &unsaid);
	free(part);
	return found;
}

/*
 * An object out of a segment whose table is not read whole, if it is long, and
 * whose frame is not decoded whole.
 *
 * What is not as it should be is not told: frames_read will meet it, too.
 */
#include <stdlib.h>

#include "codec.h"
#include "frames-private.h"

/* An object, where it should be, and where it is. */
struct wanted {
	struct frames *f;
	const struct frames_place *p;
	uint32_t ordinal;
	const struct digest *id;
	enum kind kind;

	/* Found: */
	struct segment_frame frame;
	struct segment_object object;
	struct fault why; /* unsaid */
};

static bool
range(struct wanted *w, uint64_t offset, void *buf, uint64_t len)
{
	return frames_range(w->f, w->p, offset, buf, (size_t)len, &w->why) ==
	    BLK_OK;
}

/* Damage to a header takes nothing away (see frames_table). */
static bool
is_newer(struct wanted *w)
{
	uint8_t header[SEGMENT_HEADER];

	return !range(w, 0, header, sizeof(header)) ||
	    segment_header(header, sizeof(header), NULL, NULL, &w->why) ==
	    BLK_FAILED;
}

/* A table that is not long is as well read, and kept. */
static bool
find_in_table(struct wanted *w)
{
	const struct segment_table *t;
	bool found = false;

	if (frames_table(w->f, w->p, &t, &w->why) != BLK_OK)
		return false;
	if (w->ordinal < t->objects) {
		w->object = t->object[w->ordinal];
		w->frame = t->frame[w->object.frame];
		found = w->object.kind == w->kind &&
		    digest_equal(&w->object.id, w->id);
	}
	frames_release(w->f, t);
	return found;
}

/* In the table at offset, length bytes long; part has room for SEGMENT_GLANCE
 * bytes. */
static bool
find_by_glance(
    struct wanted *w, uint64_t offset, uint64_t length, uint8_t *part)
{
	struct segment_glance g;

	if (!range(w, offset, part, SEGMENT_GLANCE) ||
	    !segment_glance(
	        part, SEGMENT_GLANCE, offset, length, w->ordinal, &g))
		return false;
	w->frame = g.frame;
	return range(w, offset + g.begin, part, g.end - g.begin) &&
	    segment_glance_object(&g, part, w->id, w->kind, &w->object);
}

static bool
find(struct wanted *w)
{
	uint8_t trailer[SEGMENT_TRAILER], *part;
	uint64_t offset, length, bytes = w->p->bytes;
	bool found;

	if (!range(w, bytes - sizeof(trailer), trailer, sizeof(trailer)) ||
	    segment_trailer(trailer, bytes, &offset, &length, &w->why) !=
	        BLK_OK)
		return false;
	if (length < 2 * SEGMENT_GLANCE)
		return find_in_table(w);
	part = malloc(SEGMENT_GLANCE);
	found = part != NULL && !is_newer(w) &&
	    find_by_glance(w, offset, length, part);
	free(part);
	return found;
}

/* Append its bytes. */
static bool
take(struct wanted *w, struct buf *b)
{
	const struct segment_object *o = &w->object;
	enum blk_status st = buf_reserve(b, o->length, &w->why);

	if (st != BLK_OK)
		return false;
	if (w->frame.codec == CODEC_RAW)
		st = frames_range(w->f, w->p, w->frame.offset + o->offset,
		    b->data + b->len, o->length, &w->why);
	else
		st = frames_decode(
		    w->f, w->p, &w->frame, o, NULL, b->data + b->len, &w->why);
	b->len += st == BLK_OK ? o->length : 0;
	return st == BLK_OK;
}

bool
frames_glance(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct buf *b)
{
	struct wanted w = {
		.f = f, .p = p, .ordinal = ordinal, .id = id, .kind = kind
	};

	return p->bytes > SEGMENT_GLANCE && p->bytes <= SEGMENT_MAX &&
	    frames_glance_first(f, &p->id) && find(&w) && take(&w, b);
}

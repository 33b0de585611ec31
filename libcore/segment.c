#include "segment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The fewest bytes of a table that a frame or an object can take: what
 * bounds the memory that a count in it may ask for. */
#define FRAME_ENTRY_MIN (4 + 8)
#define OBJECT_ENTRY_MIN (DIGEST_LEN + 2)
#define OBJECT_ENTRY_MAX (DIGEST_LEN + 5) /* of SEGMENT_FRAME_MAX bytes */

static const char *const names[] = {
	[KIND_DATA] = "data",
	[KIND_LIST] = "list",
	[KIND_PIECE] = "piece",
	[KIND_TREE] = "tree",
	[KIND_SNAPSHOT] = "snapshot",
	[KIND_VERSION] = "version",
	[KIND_RECORD] = "record",
};

const char *
kind_name(enum kind kind)
{
	if (kind < KIND_DATA || kind > KIND_RECORD)
		return "?";
	return names[kind];
}

bool
kind_of(const char *name, size_t len, enum kind *kind)
{
	for (enum kind k = KIND_DATA; k <= KIND_RECORD; k++) {
		if (strlen(names[k]) != len || memcmp(names[k], name, len) != 0)
			continue;
		*kind = k;
		return true;
	}
	return false;
}

void
segment_table_release(struct segment_table *t)
{
	free(t->frame);
	free(t->object);
	*t = (struct segment_table){ 0 };
}

/* Is it of a version, and with features, that we can read?  Of a header that is
 * as it was written. */
static enum blk_status
check_version(const uint8_t *p, struct fault *why)
{
	uint32_t version = get_le32(p + 8);
	uint32_t incompat = get_le32(p + 12) & ~SEGMENT_INCOMPAT_KNOWN;

	if (version > SEGMENT_VERSION)
		return fault_newer(why,
		    "segment version %" PRIu32 " needs a newer blk", version);
	if (version == 0)
		return fault(why, BLK_CORRUPT, "segment version 0");
	if (incompat != 0)
		return fault_newer(why,
		    "segment features %#" PRIx32 " need a newer blk", incompat);
	return BLK_OK;
}

enum blk_status
segment_header(const void *bytes, size_t len, const uint8_t store[16],
    struct segment_origin *origin, struct fault *why)
{
	const uint8_t *p = bytes;
	enum blk_status st;

	if (len < SEGMENT_HEADER)
		return fault(why, BLK_CORRUPT, "header is cut off");
	if (memcmp(p, SEGMENT_MAGIC, 8) != 0)
		return fault(why, BLK_CORRUPT, "not a segment");
	if (digest_xxh64(p, SEGMENT_CHECKED) != get_le64(p + SEGMENT_CHECKED))
		return fault(why, BLK_CORRUPT, "header is damaged");
	st = check_version(p, why);
	if (st != BLK_OK)
		return st;
	if (!bytes_are_zero(p + 20, 4) ||
	    !bytes_are_zero(p + 72, SEGMENT_CHECKED - 72))
		return fault(why, BLK_CORRUPT, "header: reserved bytes in use");
	if (store != NULL && memcmp(p + 24, store, 16) != 0)
		return fault(why, BLK_CORRUPT, "segment of another store");
	if (origin != NULL) {
		memcpy(origin->store, p + 24, 16);
		memcpy(origin->session, p + 40, 16);
	}
	return BLK_OK;
}

enum blk_status
segment_trailer(const void *trailer, uint64_t size, uint64_t *offset,
    uint64_t *length, struct fault *why)
{
	const uint8_t *p = trailer;
	uint64_t at, len;

	if (size < SEGMENT_HEADER + SEGMENT_TRAILER)
		return fault(why, BLK_CORRUPT, "segment is cut off");
	if (size > SEGMENT_MAX)
		return fault(
		    why, BLK_CORRUPT, "segment of %" PRIu64 " bytes", size);
	if (memcmp(p + 56, SEGMENT_TAIL, 8) != 0)
		return fault(why, BLK_CORRUPT, "segment has no trailer");
	if (!bytes_are_zero(p + 32, 24))
		return fault(
		    why, BLK_CORRUPT, "trailer: reserved bytes in use");
	at = get_le64(p);
	len = get_le64(p + 8);
	if (at < SEGMENT_HEADER || at > size - SEGMENT_TRAILER ||
	    len != size - SEGMENT_TRAILER - at)
		return fault(why, BLK_CORRUPT, "trailer: no table there");
	*offset = at;
	*length = len;
	return BLK_OK;
}

static enum blk_status
bad_frame(struct fault *why, uint32_t i, const char *what)
{
	return fault(why, BLK_CORRUPT, "table: frame %" PRIu32 ": %s", i, what);
}

/* Fill the i-th frame, which begins at f->offset of a file whose frames end
 * at end. */
static enum blk_status
parse_frame(struct cursor *c, uint32_t i, struct segment_table *t, uint64_t end,
    struct fault *why)
{
	struct segment_frame *f = &t->frame[i];
	uint64_t stored = cursor_varint(c), plain = cursor_varint(c);
	uint8_t codec = cursor_u8(c);
	uint64_t count = cursor_varint(c);

	f->check = cursor_le64(c);
	if (c->bad)
		return bad_frame(why, i, "cut off");
	if (stored > end - f->offset)
		return bad_frame(why, i, "reaches into the table");
	if (plain > SEGMENT_FRAME_MAX)
		return bad_frame(why, i, "too long");
	if (codec_by_tag(codec) == NULL)
		return fault_newer(why, "codec %u needs a newer blk", codec);
	if (codec == CODEC_RAW ? stored != plain : stored == 0)
		return bad_frame(why, i, "impossible length");
	if (count == 0 || count > SEGMENT_OBJECTS_MAX - t->objects)
		return bad_frame(why, i, "impossible number of objects");
	f->stored = (uint32_t)stored;
	f->plain = (uint32_t)plain;
	f->codec = codec;
	f->first = t->objects;
	f->count = (uint32_t)count;
	t->objects += f->count;
	t->plain += plain;
	return BLK_OK;
}

static enum blk_status
parse_frames(
    struct cursor *c, struct segment_table *t, uint64_t end, struct fault *why)
{
	uint64_t n = cursor_varint(c), offset = SEGMENT_HEADER;
	enum blk_status st;

	if (c->bad || n == 0 || n > SEGMENT_FRAMES_MAX ||
	    n > cursor_left(c) / FRAME_ENTRY_MIN)
		return fault(
		    why, BLK_CORRUPT, "table: impossible number of frames");
	t->frame = calloc((size_t)n, sizeof(*t->frame));
	if (t->frame == NULL)
		return fault_nomem(why);
	t->frames = (uint32_t)n;
	for (uint32_t i = 0; i < t->frames; i++) {
		t->frame[i].offset = offset;
		st = parse_frame(c, i, t, end, why);
		if (st != BLK_OK)
			return st;
		offset += t->frame[i].stored;
	}
	if (offset != end)
		return fault(why, BLK_CORRUPT, "table: frames end early");
	return BLK_OK;
}

/* As cursor_varint, with a short way to the two bytes that most take: who gets
 * one object reads the table of thousands. */
static inline uint64_t
take_length(struct cursor *c)
{
	const uint8_t *p = c->p;

	if (c->bad || cursor_left(c) < 2 || p[0] < 0x80 || p[1] == 0 ||
	    p[1] >= 0x80)
		return cursor_varint(c);
	c->p += 2;
	return (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
}

/* The objects of the i-th frame. */
static enum blk_status
parse_objects(struct cursor *c, uint32_t i, const struct segment_table *t,
    struct fault *why)
{
	const struct segment_frame *f = &t->frame[i];
	uint32_t offset = 0;

	for (uint32_t k = 0; k < f->count; k++) {
		struct segment_object *o = &t->object[f->first + k];
		const uint8_t *id = cursor_take(c, DIGEST_LEN);
		uint8_t kind = cursor_u8(c);
		uint64_t len = take_length(c);

		if (c->bad)
			return bad_frame(why, i, "objects cut off");
		if (kind < KIND_DATA || kind > KIND_RECORD)
			return bad_frame(why, i, "object of no known kind");
		if ((kind == KIND_DATA) !=
		        (t->object[f->first].kind == KIND_DATA) &&
		    k > 0)
			return bad_frame(why, i, "structure among data");
		if (len > f->plain - offset)
			return bad_frame(why, i, "objects longer than it");
		memcpy(o->id.byte, id, DIGEST_LEN);
		o->kind = kind;
		o->frame = i;
		o->offset = offset;
		o->length = (uint32_t)len;
		offset += o->length;
	}
	if (offset != f->plain)
		return bad_frame(why, i, "objects shorter than it");
	return BLK_OK;
}

static enum blk_status
parse_table(
    struct cursor *c, struct segment_table *t, uint64_t end, struct fault *why)
{
	enum blk_status st = parse_frames(c, t, end, why);

	if (st != BLK_OK)
		return st;
	if (t->objects > cursor_left(c) / OBJECT_ENTRY_MIN)
		return fault(why, BLK_CORRUPT, "table: objects cut off");
	t->object = calloc(t->objects, sizeof(*t->object));
	if (t->object == NULL)
		return fault_nomem(why);
	for (uint32_t i = 0; i < t->frames && st == BLK_OK; i++)
		st = parse_objects(c, i, t, why);
	if (st == BLK_OK && cursor_left(c) != 0)
		st = fault(why, BLK_CORRUPT, "table: bytes behind its end");
	return st;
}

enum blk_status
segment_table_parse(const void *bytes, size_t len, const void *trailer,
    uint64_t size, struct segment_table *t, struct fault *why)
{
	struct cursor c = cursor_of(bytes, len);
	uint64_t offset, length;
	enum blk_status st;
	uint8_t check[16];

	*t = (struct segment_table){ 0 };
	st = segment_trailer(trailer, size, &offset, &length, why);
	if (st != BLK_OK)
		return st;
	if (length != len)
		return fault(why, BLK_CORRUPT, "table: wrong length");
	digest_xxh128(bytes, len, check);
	if (memcmp(check, (const uint8_t *)trailer + 16, 16) != 0)
		return fault(why, BLK_CORRUPT, "table is damaged");
	st = parse_table(&c, t, offset, why);
	if (st != BLK_OK)
		segment_table_release(t);
	else
		t->bytes = size;
	return st;
}

enum blk_status
segment_parse(const void *file, size_t len, const uint8_t store[16],
    struct segment_table *t, struct fault *why)
{
	const uint8_t *p = file;
	uint64_t offset, length;
	enum blk_status st;

	*t = (struct segment_table){ 0 };
	st = segment_header(file, len, store, NULL, why);
	if (st != BLK_OK)
		return st;
	if (len < SEGMENT_HEADER + SEGMENT_TRAILER)
		return fault(why, BLK_CORRUPT, "segment is cut off");
	p += len - SEGMENT_TRAILER;
	st = segment_trailer(p, len, &offset, &length, why);
	if (st != BLK_OK)
		return st;
	return segment_table_parse(p - length, (size_t)length, p, len, t, why);
}

/* Before it is decoded. */
static enum blk_status
check_frame(const struct segment_frame *f, const void *stored,
    const struct codec **codec, struct fault *why)
{
	*codec = codec_by_tag(f->codec);
	if (*codec == NULL)
		return fault(why, BLK_CORRUPT,
		    "frame at %" PRIu64 ": unknown codec %u", f->offset,
		    f->codec);
	if (digest_xxh64(stored, f->stored) != f->check)
		return fault(why, BLK_CORRUPT,
		    "frame at %" PRIu64 " is damaged", f->offset);
	return BLK_OK;
}

static enum blk_status
in_frame(const struct segment_frame *f, enum blk_status st, struct fault *why)
{
	return st == BLK_OK ? st
	                    : fault_in(why, st, "frame at %" PRIu64, f->offset);
}

enum blk_status
segment_unpack(struct codec_state *codecs, const struct segment_frame *f,
    const void *stored, void *out, struct fault *why)
{
	const struct codec *codec;
	enum blk_status st = check_frame(f, stored, &codec, why);

	if (st != BLK_OK)
		return st;
	st = codec->unpack(codecs, stored, f->stored, out, f->plain, why);
	return in_frame(f, st, why);
}

enum blk_status
segment_unpack_object(struct codec_state *codecs, const struct segment_frame *f,
    const struct segment_object *o, const void *stored, void *out,
    struct fault *why)
{
	const struct codec *codec;
	enum blk_status st = check_frame(f, stored, &codec, why);
	uint8_t *plain;

	if (st != BLK_OK)
		return st;
	if (codec->unpack_part != NULL && o->length > 0)
		return in_frame(f,
		    codec->unpack_part(codecs, stored, f->stored, f->plain,
		        o->offset, out, o->length, why),
		    why);
	plain = malloc(f->plain + 1u);
	if (plain == NULL)
		return fault_nomem(why);
	st = codec->unpack(codecs, stored, f->stored, plain, f->plain, why);
	if (st == BLK_OK && o->length > 0)
		memcpy(out, plain + o->offset, o->length);
	free(plain);
	return in_frame(f, st, why);
}

/* --- a glance --- */

/*
 * Entries differ by few bytes, so that one stands about where its number says
 * in a table of length bytes.  Before it there must be room for those of its
 * frame.
 */
static bool
glance_part(struct segment_glance *g, uint64_t entries, uint64_t length,
    uint32_t ordinal, uint32_t objects)
{
	uint64_t about = entries + (length - entries) * ordinal / objects;
	uint64_t room = (uint64_t)g->before * OBJECT_ENTRY_MAX, spare;

	if (room > SEGMENT_GLANCE / 4 * 3)
		return false;
	spare = (SEGMENT_GLANCE - room) / 2;
	g->begin =
	    about - entries > room + spare ? about - room - spare : entries;
	g->end = length - g->begin > SEGMENT_GLANCE ? g->begin + SEGMENT_GLANCE
	                                            : length;
	return true;
}

bool
segment_glance(const void *front, size_t len, uint64_t offset, uint64_t length,
    uint32_t ordinal, struct segment_glance *g)
{
	struct cursor c = cursor_of(front, len);
	struct segment_table t = { .frame = NULL };
	struct fault unsaid = FAULT_NONE;
	bool found = false;
	uint32_t i = 0;

	if (parse_frames(&c, &t, offset, &unsaid) == BLK_OK &&
	    ordinal < t.objects) {
		while (ordinal - t.frame[i].first >= t.frame[i].count)
			i++;
		g->frame = t.frame[i];
		g->before = ordinal - t.frame[i].first;
		found = glance_part(
		    g, len - cursor_left(&c), length, ordinal, t.objects);
	}
	segment_table_release(&t);
	return found;
}

/*
 * The entry that ends at end, and the length it ends with.  Only the last byte
 * of a varint is below 0x80, and so is the kind before it.  NULL: there is none
 * behind begin.
 */
static const uint8_t *
entry_before(const uint8_t *begin, const uint8_t *end, uint64_t *length)
{
	const uint8_t *p = end - 1;

	if (end - begin < OBJECT_ENTRY_MIN || *p >= 0x80)
		return NULL;
	*length = *p;
	while (p - begin > DIGEST_LEN + 1 && p[-1] >= 0x80 &&
	    *length <= SEGMENT_FRAME_MAX)
		*length = *length << 7 | (*--p & 0x7f);
	if (p[-1] < KIND_DATA || p[-1] > KIND_RECORD ||
	    *length > SEGMENT_FRAME_MAX)
		return NULL;
	return p - 1 - DIGEST_LEN;
}

bool
segment_glance_object(const struct segment_glance *g, const void *part,
    const struct digest *id, enum kind kind, struct segment_object *o)
{
	size_t len = (size_t)(g->end - g->begin);
	const uint8_t *begin = part, *at;
	uint64_t length, offset = 0;
	struct cursor c;
	uint8_t found;

	at = memmem(part, len, id->byte, DIGEST_LEN);
	if (at == NULL)
		return false;
	c = cursor_of(at, len - (size_t)(at - begin));
	memcpy(o->id.byte, cursor_take(&c, DIGEST_LEN), DIGEST_LEN);
	found = cursor_u8(&c);
	length = cursor_varint(&c);
	if (c.bad || found != kind || length > g->frame.plain)
		return false;
	o->kind = found;
	o->length = (uint32_t)length;
	for (uint32_t i = 0; i < g->before && offset <= g->frame.plain; i++) {
		at = entry_before(begin, at, &length);
		if (at == NULL)
			return false;
		offset += length;
	}
	o->offset = (uint32_t)offset;
	return offset <= g->frame.plain - o->length;
}

int64_t
segment_find(
    const struct segment_table *t, const struct digest *id, uint8_t kind)
{
	for (uint32_t i = 0; i < t->objects; i++) {
		const struct segment_object *o = &t->object[i];

		if ((kind == 0 || o->kind == kind) && digest_equal(&o->id, id))
			return i;
	}
	return -1;
}

/*
 * Any file is refused, or its table is such that each frame can be looked up,
 * decoded or refused, and moved to another segment.  Checks are put right
 * first, so that what stands behind them is reached.  A glance at any table
 * stays in its bounds.
 */
#include "segment.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAX ((size_t)1 << 20) /* larger ones are not decoded */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct segment_origin origin = { .store = "", .session = "" };

static void
must(bool so)
{
	if (!so)
		abort();
}

/* Let the checks be those of the header and of the table, wherever that is. */
static void
mend(uint8_t *file, size_t size)
{
	uint64_t offset, length;
	struct fault why;
	uint8_t *trailer;

	if (size >= SEGMENT_HEADER)
		put_le64(file + SEGMENT_CHECKED,
		    digest_xxh64(file, SEGMENT_CHECKED));
	if (size < SEGMENT_TRAILER)
		return;
	trailer = file + size - SEGMENT_TRAILER;
	if (segment_trailer(trailer, size, &offset, &length, &why) == BLK_OK)
		digest_xxh128(file + offset, (size_t)length, trailer + 16);
}

static void
try_frames(const uint8_t *file, const struct segment_table *t,
    struct codec_state *codecs, struct segment_builder *b)
{
	uint8_t *plain = malloc(FRAME_MAX);
	uint64_t at = SEGMENT_HEADER;
	struct fault why;

	must(plain != NULL);
	for (uint32_t i = 0; i < t->frames; i++) {
		struct segment_frame f = t->frame[i];

		must(f.offset == at);
		at += f.stored;
		must(f.count > 0 && f.count <= t->objects - f.first);
		f.check = digest_xxh64(file + f.offset, f.stored);
		if (f.plain <= FRAME_MAX)
			(void)!segment_unpack(
			    codecs, &f, file + f.offset, plain, &why);
		must(segment_add_frame(b, &f, &t->object[f.first],
		         file + f.offset, &why) == BLK_OK);
	}
	free(plain);
}

static void
try_table(const uint8_t *file, const struct segment_table *t)
{
	struct segment_options opt = { .codec = codec_by_tag(CODEC_RAW) };
	struct segment_builder *b = NULL;
	struct codec_state *codecs = NULL;
	struct hasher *hash = NULL;
	struct segment_table again;
	struct fault why;
	struct digest id;
	const void *bytes;
	size_t len;

	must(codec_state_new(&codecs, &why) == BLK_OK);
	must(hasher_new(&hash, &why) == BLK_OK);
	must(segment_builder_new(&origin, &opt, codecs, hash, &b, &why) ==
	    BLK_OK);
	try_frames(file, t, codecs, b);
	must(segment_seal(b, &id, &bytes, &len, NULL, &why) == BLK_OK);
	must(len == t->bytes);
	must(segment_parse(bytes, len, origin.store, &again, &why) == BLK_OK);
	must(again.objects == t->objects && again.plain == t->plain);
	for (uint32_t i = 0; i < t->objects; i++)
		must(digest_equal(&t->object[i].id, &again.object[i].id));
	segment_table_release(&again);
	segment_builder_free(b);
	hasher_free(hash);
	codec_state_free(codecs);
}

/* Glance at a table for object[ordinal]; wanted NULL: whatever stands halfway.
 * False: not found. */
static bool
glance(const uint8_t *table, uint64_t offset, uint64_t length, uint32_t ordinal,
    const struct segment_object *wanted, struct segment_object *o)
{
	size_t len = length < SEGMENT_GLANCE ? (size_t)length : SEGMENT_GLANCE;
	struct digest id = { { 0 } };
	struct segment_glance g;
	const uint8_t *part;

	if (!segment_glance(table, len, offset, length, ordinal, &g))
		return false;
	must(g.begin < g.end && g.end <= length);
	must(g.end - g.begin <= SEGMENT_GLANCE && g.before <= ordinal);
	part = table + g.begin;
	if (wanted != NULL)
		id = wanted->id;
	else if (g.end - g.begin >= 2 * DIGEST_LEN)
		memcpy(id.byte, part + (g.end - g.begin) / 2, DIGEST_LEN);
	if (!segment_glance_object(&g, part, &id,
	        wanted != NULL ? (enum kind)wanted->kind : KIND_DATA, o))
		return false;
	must(o->length <= g.frame.plain - o->offset);
	return true;
}

static void
glance_at(const uint8_t *file, size_t size, const struct segment_table *t)
{
	uint64_t offset, length;
	struct segment_object o;
	struct fault why;

	if (size < SEGMENT_TRAILER ||
	    segment_trailer(file + size - SEGMENT_TRAILER, size, &offset,
	        &length, &why) != BLK_OK)
		return;
	for (uint32_t i = 0; i < 64; i++) {
		(void)glance(file + offset, offset, length, i, NULL, &o);
		if (i < t->objects &&
		    glance(file + offset, offset, length, i, &t->object[i], &o))
			must(digest_equal(&o.id, &t->object[i].id));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_table t = { .frame = NULL };
	struct fault why;
	uint8_t *file = malloc(size + 1);

	must(file != NULL);
	memcpy(file, data, size);
	mend(file, size);
	if (segment_parse(file, size, NULL, &t, &why) == BLK_OK)
		try_table(file, &t);
	glance_at(file, size, &t);
	segment_table_release(&t);
	free(file);
	return 0;
}

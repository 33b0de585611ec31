/*
 * segment-bench.h - a builder of segments, and what tests put into it.
 */
#ifndef SEGMENT_BENCH_H
#define SEGMENT_BENCH_H

#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED 20240611u

static const struct segment_origin origin = {
	.store = "store of a test",
	.session = "session, 16 long",
};

/* A builder and what it needs. */
struct bench {
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *b;
	struct fault why;
};

static inline void
start_expecting(
    struct bench *n, const char *codec, bool verify, size_t expected)
{
	struct segment_options opt = { .verify = verify, .expected = expected };

	memset(n, 0, sizeof(*n));
	assert_int_equal(
	    codec_parse(codec, &opt.codec, &opt.level, &n->why), BLK_OK);
	assert_int_equal(codec_state_new(&n->codecs, &n->why), BLK_OK);
	assert_int_equal(hasher_new(&n->hash, &n->why), BLK_OK);
	assert_int_equal(segment_builder_new(
	                     &origin, &opt, n->codecs, n->hash, &n->b, &n->why),
	    BLK_OK);
}

static inline void
start(struct bench *n, const char *codec, bool verify)
{
	start_expecting(n, codec, verify, 0);
}

static inline void
stop(struct bench *n)
{
	segment_builder_free(n->b);
	hasher_free(n->hash);
	codec_state_free(n->codecs);
}

static inline uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static inline void
fill_noise(uint8_t *p, size_t len, uint32_t *state)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)draw(state);
}

static inline void
fill_text(uint8_t *p, size_t len, uint32_t *state)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)("etaoin shrdlu\n"[draw(state) % 14]);
}

/* Add an object under the id of its bytes. */
static inline void
add(struct bench *n, enum kind kind, const void *data, size_t len)
{
	struct digest id;

	assert_int_equal(hasher_of(n->hash, data, len, &id, &n->why), BLK_OK);
	assert_int_equal(
	    segment_add(n->b, &id, kind, data, len, &n->why), BLK_OK);
}

static inline void
end_frame(struct bench *n)
{
	assert_int_equal(segment_end_frame(n->b, &n->why), BLK_OK);
}

/* Seal; a copy of the file, from malloc. */
static inline uint8_t *
seal(struct bench *n, struct digest *id, size_t *len, struct segment_table *t)
{
	const void *bytes;
	uint8_t *copy;

	assert_int_equal(
	    segment_seal(n->b, id, &bytes, len, t, &n->why), BLK_OK);
	copy = malloc(*len);
	assert_non_null(copy);
	memcpy(copy, bytes, *len);
	return copy;
}

/* Every object of the file hashes to its id. */
static inline void
assert_sound(
    struct bench *n, const uint8_t *file, const struct segment_table *t)
{
	uint8_t *plain = malloc(SEGMENT_FRAME_MAX);
	struct digest id;

	assert_non_null(plain);
	for (uint32_t i = 0; i < t->frames; i++) {
		const struct segment_frame *f = &t->frame[i];

		assert_int_equal(segment_unpack(n->codecs, f, file + f->offset,
		                     plain, &n->why),
		    BLK_OK);
		for (uint32_t k = f->first; k < f->first + f->count; k++) {
			const struct segment_object *o = &t->object[k];

			assert_int_equal(o->frame, i);
			assert_int_equal(hasher_of(n->hash, plain + o->offset,
			                     o->length, &id, &n->why),
			    BLK_OK);
			assert_true(digest_equal(&id, &o->id));
		}
	}
	free(plain);
}

#endif

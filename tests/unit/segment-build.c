/*
 * Segments: what is built is what is parsed.
 */
#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment-bench.h"

static void
assert_same_table(const struct segment_table *a, const struct segment_table *b)
{
	assert_int_equal(a->frames, b->frames);
	assert_int_equal(a->objects, b->objects);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->plain, b->plain);
	for (uint32_t i = 0; i < a->frames; i++) {
		const struct segment_frame *f = &a->frame[i];
		const struct segment_frame *g = &b->frame[i];

		assert_int_equal(f->offset, g->offset);
		assert_int_equal(f->stored, g->stored);
		assert_int_equal(f->plain, g->plain);
		assert_int_equal(f->first, g->first);
		assert_int_equal(f->count, g->count);
		assert_int_equal(f->check, g->check);
		assert_int_equal(f->codec, g->codec);
	}
	for (uint32_t i = 0; i < a->objects; i++) {
		const struct segment_object *o = &a->object[i];
		const struct segment_object *p = &b->object[i];

		assert_true(digest_equal(&o->id, &p->id));
		assert_int_equal(o->kind, p->kind);
		assert_int_equal(o->frame, p->frame);
		assert_int_equal(o->offset, p->offset);
		assert_int_equal(o->length, p->length);
	}
}

/* Objects of every length up to some thousand, in frames of about 64 KiB,
 * every fifth frame of structure. */
static void
add_many(struct bench *n, uint32_t seed)
{
	uint8_t *data = malloc(8192);

	assert_non_null(data);
	for (unsigned i = 0; i < 400; i++) {
		bool structure = i / 20 % 5 == 4;
		size_t len = draw(&seed) % 8192;

		if (i % 7 == 0)
			fill_noise(data, len, &seed);
		else
			fill_text(data, len, &seed);
		add(n, structure ? KIND_LIST : KIND_DATA, data, len);
		if (segment_plain(n->b) >= 65536)
			end_frame(n);
	}
	free(data);
}

static void
round_trip(const char *codec)
{
	struct segment_table built, parsed;
	struct digest id, again;
	struct bench n;
	uint8_t *file;
	size_t len;

	start(&n, codec, true);
	for (unsigned round = 0; round < 3; round++) {
		add_many(&n, SEED + round);
		file = seal(&n, &id, &len, &built);
		assert_int_equal(
		    hasher_of(n.hash, file, len, &again, &n.why), BLK_OK);
		assert_true(digest_equal(&id, &again));
		assert_int_equal(
		    segment_parse(file, len, origin.store, &parsed, &n.why),
		    BLK_OK);
		assert_same_table(&built, &parsed);
		assert_int_equal(parsed.objects, 400);
		assert_sound(&n, file, &parsed);
		segment_table_release(&built);
		segment_table_release(&parsed);
		free(file);
		segment_reset(n.b);
	}
	stop(&n);
}

static void
what_is_sealed_is_what_is_parsed(void **state)
{
	(void)state;
	print_message("# seed %u\n", SEED);
	for (size_t i = 0; codec_at(i) != NULL; i++)
		round_trip(codec_at(i)->name);
}

static void
the_bytes_are_those_of_the_manual(void **state)
{
	static const char hello[] = "hello";
	struct segment_table t;
	struct digest id, data;
	struct bench n;
	uint8_t *file, check[16];
	size_t len;

	(void)state;
	start(&n, "none", false);
	assert_int_equal(digest_of(hello, 5, &data, &n.why), BLK_OK);
	add(&n, KIND_DATA, hello, 5);
	file = seal(&n, &id, &len, NULL);

	assert_int_equal(len, 96 + 5 + (1 + 3 + 1 + 8 + 34) + 64);
	assert_memory_equal(file, "\211BLK\r\n\x1a\n\1", 9);
	assert_true(bytes_are_zero(file + 9, 15));
	assert_memory_equal(file + 24, origin.store, 16);
	assert_memory_equal(file + 40, origin.session, 16);
	assert_true(bytes_are_zero(file + 72, 16));
	assert_int_equal(get_le64(file + 88), digest_xxh64(file, 88));
	assert_memory_equal(file + 96, "hello", 5);
	/* frames; stored, plain, codec, objects */
	assert_memory_equal(file + 101, "\1\5\5\0\1", 5);
	assert_int_equal(get_le64(file + 106), digest_xxh64("hello", 5));
	assert_memory_equal(file + 114, data.byte, 32);
	assert_memory_equal(file + 146, "\1\5", 2);
	assert_int_equal(get_le64(file + 148), 101);
	assert_int_equal(get_le64(file + 156), 47);
	digest_xxh128(file + 101, 47, check);
	assert_memory_equal(file + 164, check, 16);
	assert_true(bytes_are_zero(file + 180, 24));
	assert_memory_equal(file + 204, "BLKTAIL\n", 8);

	assert_int_equal(
	    segment_parse(file, len, origin.store, &t, &n.why), BLK_OK);
	segment_table_release(&t);
	free(file);
	stop(&n);
}

static void
no_two_segments_are_equal(void **state)
{
	struct digest first, second;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", false);
	add(&n, KIND_DATA, "same", 4);
	free(seal(&n, &first, &len, NULL));
	segment_reset(n.b);
	add(&n, KIND_DATA, "same", 4);
	free(seal(&n, &second, &len, NULL));
	assert_false(digest_equal(&first, &second));
	stop(&n);
}

static void
an_empty_object_is_an_object(void **state)
{
	struct segment_table t;
	struct bench n;
	struct digest id;
	const void *data;
	uint8_t *file;
	size_t len, peeked;

	(void)state;
	start(&n, "zstd", true);
	add(&n, KIND_DATA, NULL, 0);
	assert_int_equal(segment_peek(n.b, 0, &data, &peeked, &n.why), BLK_OK);
	assert_int_equal(peeked, 0);
	end_frame(&n);
	assert_int_equal(segment_peek(n.b, 0, &data, &peeked, &n.why), BLK_OK);
	assert_int_equal(peeked, 0);
	file = seal(&n, &id, &len, NULL);
	assert_int_equal(segment_parse(file, len, NULL, &t, &n.why), BLK_OK);
	assert_int_equal(t.objects, 1);
	assert_int_equal(t.frame[0].stored, 0);
	assert_sound(&n, file, &t);
	segment_table_release(&t);
	free(file);
	stop(&n);
}

static void
an_empty_segment_is_refused(void **state)
{
	const void *bytes;
	struct digest id;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", false);
	end_frame(&n);
	assert_int_equal(
	    segment_seal(n.b, &id, &bytes, &len, NULL, &n.why), BLK_INVALID);
	assert_int_equal(segment_count(n.b), 0);
	assert_int_equal(segment_stored(n.b), SEGMENT_HEADER);
	stop(&n);
}

static void
a_sealed_builder_takes_nothing_until_reset(void **state)
{
	struct digest id = { { 0 } };
	const void *bytes;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", false);
	add(&n, KIND_DATA, "x", 1);
	free(seal(&n, &id, &len, NULL));
	assert_int_equal(
	    segment_add(n.b, &id, KIND_DATA, "y", 1, &n.why), BLK_INVALID);
	assert_int_equal(
	    segment_seal(n.b, &id, &bytes, &len, NULL, &n.why), BLK_INVALID);
	segment_reset(n.b);
	add(&n, KIND_DATA, "y", 1);
	free(seal(&n, &id, &len, NULL));
	stop(&n);
}

static void
structure_and_data_never_share_a_frame(void **state)
{
	static const uint8_t kinds[] = { KIND_DATA, KIND_DATA, KIND_LIST,
		KIND_TREE, KIND_VERSION, KIND_DATA, KIND_RECORD };
	static const uint32_t frames[] = { 0, 0, 1, 1, 1, 2, 3 };
	struct segment_table t;
	struct digest id;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", true);
	for (size_t i = 0; i < sizeof(kinds); i++)
		add(&n, kinds[i], &kinds[i], 1);
	free(seal(&n, &id, &len, &t));
	assert_int_equal(t.frames, 4);
	for (size_t i = 0; i < sizeof(kinds); i++)
		assert_int_equal(t.object[i].frame, frames[i]);
	segment_table_release(&t);
	stop(&n);
}

/*
 * Frames 0 and 1 are tried in vain, then one of eight: 9, in vain too, and
 * 17, which packs, though 16 would have.  One in vain (18) is not a run.  What
 * does not look like noise (23) is always tried.
 */
static void
a_frame_that_does_not_shrink_is_kept_raw(void **state)
{
	/* noise, the same noise twice, text: raw, packed */
	static const char given[] = "nnnnnnnnnnnnnnnnddntnnnt";
	static const char want[] = "rrrrrrrrrrrrrrrrrprprrrp";
	uint8_t *data = malloc(65536);
	struct segment_table t;
	uint32_t seed = SEED;
	struct digest id;
	struct bench n;
	size_t len;

	(void)state;
	assert_non_null(data);
	start(&n, "zstd", true);
	for (size_t i = 0; want[i] != '\0'; i++) {
		if (given[i] == 't')
			fill_text(data, 65536, &seed);
		else
			fill_noise(data, 65536, &seed);
		if (given[i] == 'd')
			memcpy(data + 32768, data, 32768);
		add(&n, KIND_DATA, data, 65536);
		end_frame(&n);
	}
	/* Structure is tried, whatever became of data. */
	fill_noise(data, 65536, &seed);
	for (unsigned i = 0; i < 3; i++) {
		add(&n, KIND_DATA, data, 65536);
		end_frame(&n);
	}
	fill_text(data, 65536, &seed);
	add(&n, KIND_TREE, data, 65536);
	free(seal(&n, &id, &len, &t));
	for (uint32_t i = 0; want[i] != '\0'; i++)
		assert_int_equal(
		    t.frame[i].codec, want[i] == 'r' ? CODEC_RAW : CODEC_ZSTD);
	assert_int_equal(t.frame[t.frames - 1].codec, CODEC_ZSTD);
	segment_table_release(&t);
	free(data);
	stop(&n);
}

static void
a_small_frame_is_packed_only_where_that_may_pay(void **state)
{
	static const struct {
		enum kind kind;
		char data; /* 'd': noise, and the same once more */
		size_t len;
		uint8_t codec;
	} frame[] = { { KIND_VERSION, 't', 1023, CODEC_RAW },
		{ KIND_VERSION, 't', 1024, CODEC_ZSTD },
		{ KIND_DATA, 't', 400, CODEC_ZSTD },
		{ KIND_DATA, 't', 1024, CODEC_ZSTD },
		{ KIND_DATA, 'n', 1024, CODEC_RAW },
		{ KIND_DATA, 'd', 400, CODEC_ZSTD }, /* too few to tell */
		{ KIND_DATA, 'd', 1024, CODEC_RAW },
		{ KIND_DATA, 'd', 4096, CODEC_ZSTD } };
	const uint32_t frames = sizeof(frame) / sizeof(frame[0]);
	uint8_t data[4096];
	struct segment_table t;
	uint32_t seed = SEED;
	struct digest id;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", true);
	for (uint32_t i = 0; i < frames; i++) {
		if (frame[i].data == 't')
			fill_text(data, frame[i].len, &seed);
		else
			fill_noise(data, frame[i].len, &seed);
		if (frame[i].data == 'd')
			memcpy(data + frame[i].len / 2, data, frame[i].len / 2);
		add(&n, frame[i].kind, data, frame[i].len);
		end_frame(&n);
	}
	free(seal(&n, &id, &len, &t));
	assert_int_equal(t.frames, frames);
	for (uint32_t i = 0; i < frames; i++)
		assert_int_equal(t.frame[i].codec, frame[i].codec);
	segment_table_release(&t);
	stop(&n);
}

static void
saving_two_percent_is_not_worth_it(void **state)
{
	static const struct {
		size_t zeros;
		uint8_t codec;
	} cases[] = { { 2 * 65536 / 100, CODEC_RAW },
		{ 5 * 65536 / 100, CODEC_ZSTD } };
	uint8_t *data = malloc(65536);
	struct segment_table t;
	uint32_t seed = SEED;
	struct digest id;
	struct bench n;
	size_t len;

	(void)state;
	assert_non_null(data);
	start(&n, "zstd", true);
	for (size_t i = 0; i < 2; i++) {
		fill_noise(data, 65536, &seed);
		memset(data, 0, cases[i].zeros);
		add(&n, KIND_DATA, data, 65536);
		end_frame(&n);
	}
	free(seal(&n, &id, &len, &t));
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(t.frame[i].codec, cases[i].codec);
	segment_table_release(&t);
	free(data);
	stop(&n);
}

static void
what_was_added_can_be_looked_at(void **state)
{
	uint8_t *data = malloc(20000);
	uint32_t seed = SEED;
	const void *seen;
	struct bench n;
	size_t len;

	(void)state;
	assert_non_null(data);
	for (unsigned verify = 0; verify < 2; verify++) {
		start(&n, "zstd", verify);
		fill_text(data, 10000, &seed);
		fill_noise(data + 10000, 10000, &seed);
		for (unsigned i = 0; i < 200; i++) {
			add(&n, KIND_DATA, data + i * 100, 100);
			if (i % 30 == 29)
				end_frame(&n);
		}
		assert_int_equal(segment_count(n.b), 200);
		for (uint32_t i = 0; i < 400; i++) {
			uint32_t at = i < 200 ? i : i * 71 % 200;

			assert_int_equal(
			    segment_peek(n.b, at, &seen, &len, &n.why), BLK_OK);
			assert_int_equal(len, 100);
			assert_memory_equal(seen, data + at * 100, 100);
		}
		assert_int_equal(
		    segment_peek(n.b, 200, &seen, &len, &n.why), BLK_ABSENT);
		segment_reset(n.b);
		assert_int_equal(
		    segment_peek(n.b, 0, &seen, &len, &n.why), BLK_ABSENT);
		stop(&n);
	}
	free(data);
}

static void
frames_and_segments_have_limits(void **state)
{
	uint8_t *data = calloc(1, SEGMENT_FRAME_MAX + 1);
	struct digest id = { { 0 } };
	struct segment_table t;
	struct bench n;
	uint8_t *file;
	size_t len, frames = 0;

	(void)state;
	assert_non_null(data);
	start(&n, "none", false);
	assert_int_equal(segment_add(n.b, &id, KIND_DATA, data,
	                     SEGMENT_FRAME_MAX + 1, &n.why),
	    BLK_INVALID);
	assert_int_equal(
	    segment_add(n.b, &id, KIND_DATA, data, SEGMENT_FRAME_MAX, &n.why),
	    BLK_OK);
	assert_int_equal(
	    segment_add(n.b, &id, KIND_DATA, data, 1, &n.why), BLK_INVALID);
	assert_int_equal(segment_count(n.b), 1);
	do {
		end_frame(&n);
		frames++;
	} while (segment_add(n.b, &id, KIND_DATA, data, SEGMENT_FRAME_MAX,
	             &n.why) == BLK_OK);
	assert_int_equal(frames, SEGMENT_MAX / SEGMENT_FRAME_MAX - 1);
	/* The last bytes that fit. */
	len = SEGMENT_FRAME_MAX;
	while (segment_add(n.b, &id, KIND_DATA, data, len, &n.why) != BLK_OK)
		len -= 64;
	assert_true(len > SEGMENT_FRAME_MAX - 4096);
	file = seal(&n, &id, &len, NULL);
	assert_true(len <= SEGMENT_MAX && len > SEGMENT_MAX - 1024);
	assert_int_equal(segment_parse(file, len, NULL, &t, &n.why), BLK_OK);
	assert_int_equal(t.frames, frames + 1);
	segment_table_release(&t);
	free(file);
	free(data);
	stop(&n);
}

static void
objects_of_no_known_kind_are_refused(void **state)
{
	struct digest id = { { 0 } };
	struct bench n;

	(void)state;
	start(&n, "zstd", false);
	assert_int_equal(
	    segment_add(n.b, &id, (enum kind)0, "x", 1, &n.why), BLK_INVALID);
	assert_int_equal(
	    segment_add(n.b, &id, (enum kind)8, "x", 1, &n.why), BLK_INVALID);
	stop(&n);
}

static void
frames_move_between_segments_as_they_stand(void **state)
{
	struct segment_table from, to;
	struct bench n, m;
	struct digest id;
	uint8_t *file, *moved;
	size_t len, moved_len;
	const void *seen;

	(void)state;
	start(&n, "zstd", false);
	start(&m, "lz4", true);
	add_many(&n, SEED);
	file = seal(&n, &id, &len, &from);
	add(&m, KIND_DATA, "in front", 8);
	for (uint32_t i = from.frames; i-- > 0;) {
		const struct segment_frame *f = &from.frame[i];

		assert_int_equal(
		    segment_add_frame(m.b, f, &from.object[f->first],
		        file + f->offset, &m.why),
		    BLK_OK);
	}
	add(&m, KIND_DATA, "behind", 6);
	assert_int_equal(
	    segment_peek(m.b, 1, &seen, &moved_len, &m.why), BLK_OK);
	assert_int_equal(
	    moved_len, from.object[from.frame[from.frames - 1].first].length);
	moved = seal(&m, &id, &moved_len, NULL);
	assert_int_equal(
	    segment_parse(moved, moved_len, origin.store, &to, &m.why), BLK_OK);
	assert_int_equal(to.frames, from.frames + 2);
	assert_int_equal(to.objects, from.objects + 2);
	assert_sound(&m, moved, &to);
	for (uint32_t i = 0; i < from.frames; i++) {
		const struct segment_frame *f = &from.frame[i];
		const struct segment_frame *g = &to.frame[from.frames - i];

		assert_int_equal(f->stored, g->stored);
		assert_memory_equal(
		    file + f->offset, moved + g->offset, f->stored);
	}
	segment_table_release(&from);
	segment_table_release(&to);
	free(file);
	free(moved);
	stop(&n);
	stop(&m);
}

static void
damaged_or_impossible_frames_do_not_move(void **state)
{
	struct segment_object object = { .kind = KIND_DATA, .length = 5 };
	struct segment_frame f = {
		.stored = 5, .plain = 5, .count = 1, .codec = CODEC_RAW
	};
	struct segment_frame g;
	struct bench n;

	(void)state;
	start(&n, "zstd", false);
	f.check = digest_xxh64("hello", 5);
	assert_int_equal(
	    segment_add_frame(n.b, &f, &object, "jello", &n.why), BLK_CORRUPT);
	g = f;
	g.plain = 6;
	assert_int_equal(
	    segment_add_frame(n.b, &g, &object, "hello", &n.why), BLK_INVALID);
	g = f;
	g.codec = 77;
	assert_int_equal(
	    segment_add_frame(n.b, &g, &object, "hello", &n.why), BLK_INVALID);
	g = f;
	g.count = 0;
	assert_int_equal(
	    segment_add_frame(n.b, &g, &object, "hello", &n.why), BLK_INVALID);
	object.length = 4;
	assert_int_equal(
	    segment_add_frame(n.b, &f, &object, "hello", &n.why), BLK_INVALID);
	object.length = 5;
	object.offset = 1;
	assert_int_equal(
	    segment_add_frame(n.b, &f, &object, "hello", &n.why), BLK_INVALID);
	object.offset = 0;
	assert_int_equal(segment_count(n.b), 0);
	assert_int_equal(
	    segment_add_frame(n.b, &f, &object, "hello", &n.why), BLK_OK);
	assert_int_equal(segment_count(n.b), 1);
	stop(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_what_is_parsed),
		cmocka_unit_test(the_bytes_are_those_of_the_manual),
		cmocka_unit_test(no_two_segments_are_equal),
		cmocka_unit_test(an_empty_object_is_an_object),
		cmocka_unit_test(an_empty_segment_is_refused),
		cmocka_unit_test(a_sealed_builder_takes_nothing_until_reset),
		cmocka_unit_test(structure_and_data_never_share_a_frame),
		cmocka_unit_test(a_frame_that_does_not_shrink_is_kept_raw),
		cmocka_unit_test(
		    a_small_frame_is_packed_only_where_that_may_pay),
		cmocka_unit_test(saving_two_percent_is_not_worth_it),
		cmocka_unit_test(what_was_added_can_be_looked_at),
		cmocka_unit_test(frames_and_segments_have_limits),
		cmocka_unit_test(objects_of_no_known_kind_are_refused),
		cmocka_unit_test(frames_move_between_segments_as_they_stand),
		cmocka_unit_test(damaged_or_impossible_frames_do_not_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

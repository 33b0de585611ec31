/*
 * Segments: what is damaged or impossible is refused.
 */
#include "segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment-bench.h"

/* A file with three frames, one raw. */
static uint8_t *
small_file(struct bench *n, size_t *len)
{
	uint8_t data[600];
	uint32_t seed = SEED;
	struct digest id;

	fill_text(data, 400, &seed);
	fill_noise(data + 400, 200, &seed);
	add(n, KIND_DATA, data, 300);
	add(n, KIND_DATA, data + 300, 100);
	end_frame(n);
	add(n, KIND_DATA, data + 400, 200);
	add(n, KIND_LIST, data, 200);
	return seal(n, &id, len, NULL);
}

/* Is the file, as altered, refused: by its header, trailer, table or by a
 * frame? */
static bool
refused(struct bench *n, const uint8_t *file, size_t len)
{
	uint8_t plain[1024];
	struct segment_table t;
	bool bad = false;

	if (segment_parse(file, len, origin.store, &t, &n->why) != BLK_OK)
		return true;
	for (uint32_t i = 0; i < t.frames; i++)
		if (segment_unpack(n->codecs, &t.frame[i],
		        file + t.frame[i].offset, plain, &n->why) != BLK_OK)
			bad = true;
	segment_table_release(&t);
	return bad;
}

static void
every_flipped_bit_and_every_cut_is_noticed(void **state)
{
	struct bench n;
	uint8_t *file;
	size_t len;

	(void)state;
	start(&n, "zstd", false);
	file = small_file(&n, &len);
	assert_false(refused(&n, file, len));
	for (size_t bit = 0; bit < len * 8; bit++) {
		size_t at = bit / 8;

		file[at] ^= (uint8_t)(1u << bit % 8);
		assert_true(refused(&n, file, len));
		file[at] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_true(refused(&n, file, cut));
	free(file);
	stop(&n);
}

/* The header's check, as who wrote these bytes would have made it. */
static void
mend(uint8_t h[SEGMENT_HEADER])
{
	put_le64(h + SEGMENT_CHECKED, digest_xxh64(h, SEGMENT_CHECKED));
}

/* What is said of a header that was written with this byte in it. */
static enum blk_status
written(const uint8_t header[SEGMENT_HEADER], size_t at, uint8_t byte,
    struct fault *why)
{
	uint8_t h[SEGMENT_HEADER];

	memcpy(h, header, sizeof(h));
	h[at] = byte;
	mend(h);
	return segment_header(h, sizeof(h), origin.store, NULL, why);
}

static void
a_newer_format_is_told_from_damage(void **state)
{
	static const uint8_t reserved[] = { 20, 23, 72, 87 };
	struct segment_origin seen;
	uint8_t h[SEGMENT_HEADER] = SEGMENT_MAGIC;
	struct fault why;

	(void)state;
	h[8] = 1;
	memcpy(h + 24, origin.store, 16);
	memcpy(h + 40, origin.session, 16);
	mend(h);
	assert_int_equal(
	    segment_header(h, sizeof(h), origin.store, &seen, &why), BLK_OK);
	assert_memory_equal(seen.session, origin.session, 16);
	assert_int_equal(segment_header(h, 96, NULL, NULL, &why), BLK_OK);
	assert_int_equal(segment_header(h, 95, NULL, NULL, &why), BLK_CORRUPT);
	assert_int_equal(written(h, 16, 0xff, &why), BLK_OK); /* compat */
	assert_int_equal(written(h, 12, 1, &why), BLK_FAILED);
	assert_non_null(strstr(why.text, "newer blk"));
	assert_int_equal(written(h, 8, 2, &why), BLK_FAILED);
	assert_non_null(strstr(why.text, "newer blk"));
	assert_int_equal(written(h, 8, 0, &why), BLK_CORRUPT);
	assert_int_equal(written(h, 24, 0xff, &why), BLK_CORRUPT);
	for (size_t i = 0; i < sizeof(reserved); i++)
		assert_int_equal(written(h, reserved[i], 1, &why), BLK_CORRUPT);
	for (size_t at = 0; at < sizeof(h); at++) {
		h[at] ^= 2;
		assert_int_equal(
		    segment_header(h, 96, NULL, NULL, &why), BLK_CORRUPT);
		h[at] ^= 2;
	}
}

/* Parse a table, with a right check, of a file whose frames take stored
 * bytes. */
static enum blk_status
parse(const void *table, size_t len, uint64_t stored)
{
	uint8_t trailer[SEGMENT_TRAILER] = { 0 };
	struct fault why;
	struct segment_table t;
	enum blk_status st;

	put_le64(trailer, SEGMENT_HEADER + stored);
	put_le64(trailer + 8, len);
	digest_xxh128(table, len, trailer + 16);
	memcpy(trailer + 56, SEGMENT_TAIL, 8);
	st = segment_table_parse(table, len, trailer,
	    SEGMENT_HEADER + stored + len + SEGMENT_TRAILER, &t, &why);
	if (st != BLK_OK) {
		assert_null(t.frame);
		assert_null(t.object);
	}
	segment_table_release(&t);
	return st;
}

#define CHECK "12345678"
#define ID "an id of 32 bytes, any of them. "

static void
impossible_tables_are_refused(void **state)
{
#define CASE(text, stored, st)                                                 \
	{                                                                      \
		text, sizeof(text) - 1, stored, st                             \
	}
	static const struct {
		const char *table;
		size_t len;
		uint64_t stored;
		enum blk_status st;
	} cases[] = {
		CASE("\1\5\5\0\1" CHECK ID "\1\5", 5, BLK_OK),
		CASE("\1\3\5\1\2" CHECK ID "\1\4" ID "\1\1", 3, BLK_OK),
		CASE("\1\0\0\0\1" CHECK ID "\7\0", 0, BLK_OK),
		CASE("", 0, BLK_CORRUPT),
		CASE("\0", 0, BLK_CORRUPT),
		/* more frames than the table, or anything, can hold */
		CASE("\2\5\5\0\1" CHECK ID "\1\5", 5, BLK_CORRUPT),
		CASE("\xff\xff\x3f\5\5\0\1" CHECK ID "\1\5", 5, BLK_CORRUPT),
		CASE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 0, BLK_CORRUPT),
		/* more objects */
		CASE("\1\5\5\0\2" CHECK ID "\1\5", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\0" CHECK, 5, BLK_CORRUPT),
		CASE("\2\5\5\0\1" CHECK "\0\0\0\0" CHECK ID "\1\5", 5,
		    BLK_CORRUPT),
		/* and no frame */
		CASE("\0" ID "\1\5", 0, BLK_CORRUPT),
		CASE("\1\5\5\0\xff\xff\xff\1" CHECK ID "\1\5", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1" CHECK ID
		     "\1\5",
		    5, BLK_CORRUPT),
		/* objects shorter, longer */
		CASE("\1\5\5\0\1" CHECK ID "\1\4", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\1" CHECK ID "\1\6", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\2" CHECK ID "\1\5" ID
		     "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
		    5, BLK_CORRUPT),
		/* frames shorter, longer than their place */
		CASE("\1\5\5\0\1" CHECK ID "\1\5", 6, BLK_CORRUPT),
		CASE("\1\5\5\0\1" CHECK ID "\1\5", 4, BLK_CORRUPT),
		CASE("\1\x85\x80\x80\x80\x10\5\0\1" CHECK ID "\1\5", 5,
		    BLK_CORRUPT),
		/* raw, but of two lengths; stored in nothing */
		CASE("\1\4\5\0\1" CHECK ID "\1\5", 4, BLK_CORRUPT),
		CASE("\1\0\5\1\1" CHECK ID "\1\5", 0, BLK_CORRUPT),
		CASE("\1\0\0\1\1" CHECK ID "\1\0", 0, BLK_CORRUPT),
		/* plain length one too much: 16 MiB + 1 */
		CASE("\1\5\x81\x80\x80\x08\1\1" CHECK ID "\1\x81\x80\x80\x08",
		    5, BLK_CORRUPT),
		CASE("\1\5\x80\x80\x80\x08\1\1" CHECK ID "\1\x80\x80\x80\x08",
		    5, BLK_OK),
		/* codec, kind, mixed */
		CASE("\1\5\5\x63\1" CHECK ID "\1\5", 5, BLK_FAILED),
		CASE("\1\5\5\0\1" CHECK ID "\0\5", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\1" CHECK ID "\x8\5", 5, BLK_CORRUPT),
		CASE("\1\5\5\1\2" CHECK ID "\1\4" ID "\2\1", 5, BLK_CORRUPT),
		CASE("\1\5\5\1\2" CHECK ID "\3\4" ID "\2\1", 5, BLK_OK),
		/* not the shortest varint; bytes behind the end */
		CASE("\1\5\5\0\1" CHECK ID "\1\x85\0", 5, BLK_CORRUPT),
		CASE("\1\5\5\0\1" CHECK ID "\1\5\0", 5, BLK_CORRUPT),
	};
#undef CASE

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum blk_status st =
		    parse(cases[i].table, cases[i].len, cases[i].stored);

		if (st != cases[i].st)
			fail_msg("case %zu: %d", i, (int)st);
	}
}

static void
lengths_that_wrap_are_refused(void **state)
{
	/* 257 times 16 MiB is 16 MiB, modulo 2^32. */
	struct buf b = BUF_INIT(65536);
	struct fault why;

	(void)state;
	assert_int_equal(
	    buf_add(&b, "\1\5\x80\x80\x80\x08\1\x81\2" CHECK, 17, &why),
	    BLK_OK);
	for (unsigned i = 0; i < 257; i++)
		assert_int_equal(
		    buf_add(&b, ID "\1\x80\x80\x80\x08", 37, &why), BLK_OK);
	assert_int_equal(parse(b.data, b.len, 5), BLK_CORRUPT);
	buf_release(&b);
}

static void
a_trailer_points_into_its_file(void **state)
{
	static const struct {
		uint64_t size, offset, length;
		enum blk_status st;
	} cases[] = {
		{ 200, 100, 36, BLK_OK },
		{ 160, 96, 0, BLK_OK },
		{ SEGMENT_MAX, 96, SEGMENT_MAX - 160, BLK_OK },
		{ SEGMENT_MAX + 1, 96, SEGMENT_MAX - 159, BLK_CORRUPT },
		{ 159, 95, 0, BLK_CORRUPT },
		{ 200, 95, 41, BLK_CORRUPT },
		{ 200, 100, 35, BLK_CORRUPT },
		{ 200, 137, UINT64_MAX, BLK_CORRUPT },
		{ 200, UINT64_MAX, 137, BLK_CORRUPT },
		{ 0, 0, 0, BLK_CORRUPT },
	};
	uint64_t offset, length;
	struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t p[SEGMENT_TRAILER] = { 0 };

		put_le64(p, cases[i].offset);
		put_le64(p + 8, cases[i].length);
		memcpy(p + 56, SEGMENT_TAIL, 8);
		assert_int_equal(
		    segment_trailer(p, cases[i].size, &offset, &length, &why),
		    cases[i].st);
		if (cases[i].st != BLK_OK)
			continue;
		assert_int_equal(offset, cases[i].offset);
		assert_int_equal(length, cases[i].length);
	}
}

static void
the_first_copy_of_an_object_is_found(void **state)
{
	struct segment_table t;
	struct digest id, x, y;
	struct bench n;
	size_t len;

	(void)state;
	start(&n, "zstd", false);
	add(&n, KIND_LIST, "x", 1);
	add(&n, KIND_DATA, "y", 1);
	add(&n, KIND_DATA, "x", 1);
	add(&n, KIND_DATA, "y", 1);
	assert_int_equal(digest_of("x", 1, &x, &n.why), BLK_OK);
	assert_int_equal(digest_of("y", 1, &y, &n.why), BLK_OK);
	free(seal(&n, &id, &len, &t));
	assert_int_equal(segment_find(&t, &x, 0), 0);
	assert_int_equal(segment_find(&t, &x, KIND_DATA), 2);
	assert_int_equal(segment_find(&t, &y, KIND_DATA), 1);
	assert_int_equal(segment_find(&t, &y, KIND_LIST), -1);
	assert_int_equal(segment_find(&t, &id, 0), -1);
	segment_table_release(&t);
	stop(&n);
}

/* --- a glance --- */

/* Objects whose entries are short, then long ones, then structure; frames of
 * about 64 KiB.  Sealed. */
static uint8_t *
long_file(struct bench *n, size_t *len, struct segment_table *t)
{
	uint8_t data[4096];
	uint32_t seed = SEED;
	struct digest id;

	for (unsigned i = 0; i < 12000; i++) {
		size_t size = i < 4000 ? draw(&seed) % 120 + 40
		    : i < 8000         ? draw(&seed) % 4000 + 96
		                       : 100 + i % 60;

		fill_text(data, size, &seed);
		add(n, i < 10000 ? KIND_DATA : KIND_TREE, data, size);
		if (segment_plain(n->b) >= 65536)
			end_frame(n);
	}
	return seal(n, &id, len, t);
}

/* What a glance at a file says of object[ordinal], whose id is given. */
static bool
glance(const uint8_t *file, size_t len, uint32_t ordinal,
    const struct segment_object *wanted, struct segment_glance *g,
    struct segment_object *o)
{
	uint8_t *front = malloc(SEGMENT_GLANCE), *part = NULL;
	uint64_t offset, length;
	struct fault why;
	bool found;

	assert_non_null(front);
	assert_int_equal(segment_trailer(file + len - SEGMENT_TRAILER, len,
	                     &offset, &length, &why),
	    BLK_OK);
	assert_true(length >= SEGMENT_GLANCE);
	memcpy(front, file + offset, SEGMENT_GLANCE);
	found =
	    segment_glance(front, SEGMENT_GLANCE, offset, length, ordinal, g);
	free(front);
	if (!found)
		return false;
	assert_true(g->begin < g->end && g->end <= length);
	assert_true(g->end - g->begin <= SEGMENT_GLANCE);
	/* as long as it is, which a sanitizer watches */
	part = malloc((size_t)(g->end - g->begin));
	assert_non_null(part);
	memcpy(part, file + offset + g->begin, (size_t)(g->end - g->begin));
	found = segment_glance_object(
	    g, part, &wanted->id, (enum kind)wanted->kind, o);
	free(part);
	assert_true(!found || o->length <= g->frame.plain - o->offset);
	return found;
}

static void
a_glance_finds_what_the_table_says(void **state)
{
	struct segment_object o, other;
	struct segment_glance g;
	struct segment_table t;
	struct bench n;
	uint8_t *file;
	size_t len;

	(void)state;
	start(&n, "zstd:1", false);
	file = long_file(&n, &len, &t);
	assert_int_equal(t.objects, 12000);
	for (uint32_t i = 0; i < t.objects; i++) {
		const struct segment_object *p = &t.object[i];
		const struct segment_frame *f = &t.frame[p->frame];

		assert_true(glance(file, len, i, p, &g, &o));
		assert_int_equal(g.frame.offset, f->offset);
		assert_int_equal(g.frame.stored, f->stored);
		assert_int_equal(g.frame.plain, f->plain);
		assert_int_equal(g.frame.check, f->check);
		assert_int_equal(g.before, i - f->first);
		assert_int_equal(o.offset, p->offset);
		assert_int_equal(o.length, p->length);
		assert_int_equal(o.kind, p->kind);
	}
	other = t.object[6000];
	assert_false(glance(file, len, 12000, &other, &g, &o));
	other.kind = KIND_TREE;
	assert_false(glance(file, len, 6000, &other, &g, &o));
	other = t.object[6000];
	other.id.byte[0] ^= 1;
	assert_false(glance(file, len, 6000, &other, &g, &o));
	segment_table_release(&t);
	free(file);
	stop(&n);
}

/* Whatever stands in the table, glance stays within it and the frame. */
static void
a_glance_at_a_damaged_table_harms_nobody(void **state)
{
	struct segment_object o;
	struct segment_glance g;
	struct segment_table t;
	uint32_t seed = SEED, found = 0;
	uint64_t table;
	struct bench n;
	uint8_t *sound, *file;
	size_t len;

	(void)state;
	start(&n, "zstd:1", false);
	sound = long_file(&n, &len, &t);
	file = malloc(len);
	assert_non_null(file);
	table = t.frame[t.frames - 1].offset + t.frame[t.frames - 1].stored;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t i = draw(&seed) % t.objects;
		uint32_t far = round % 3 == 0 ? 4000 : 400000;

		memcpy(file, sound, len);
		for (unsigned k = 0; k < 100; k++) {
			size_t at = (size_t)table + draw(&seed) % far;

			if (at < len - SEGMENT_TRAILER)
				file[at] = (uint8_t)draw(&seed);
		}
		found += glance(file, len, i, &t.object[i], &g, &o);
	}
	print_message("# seed %u: %u of 300 found\n", SEED, found);
	assert_in_range(found, 1, 299);
	segment_table_release(&t);
	free(sound);
	free(file);
	stop(&n);
}

/* A frame of thousands of objects: the entries before the one that is looked
 * for would not fit. */
static void
a_glance_gives_up_in_a_frame_of_very_many(void **state)
{
	struct segment_object o;
	struct segment_glance g;
	struct segment_table t;
	uint32_t seed = SEED;
	struct digest id;
	struct bench n;
	uint8_t *file, data[8];
	size_t len;

	(void)state;
	start(&n, "raw", false);
	for (unsigned i = 0; i < 5000; i++) {
		fill_noise(data, sizeof(data), &seed);
		add(&n, KIND_DATA, data, sizeof(data));
	}
	file = seal(&n, &id, &len, &t);
	assert_true(glance(file, len, 0, &t.object[0], &g, &o));
	assert_true(glance(file, len, 800, &t.object[800], &g, &o));
	assert_int_equal(o.offset, 6400);
	assert_false(glance(file, len, 4000, &t.object[4000], &g, &o));
	segment_table_release(&t);
	free(file);
	stop(&n);
}

/* Nothing, less than it comes to, more, and more than can be had. */
static void
a_long_file_is_built_whatever_was_expected(void **state)
{
	static const size_t expected[] = { 0, (size_t)3 << 20, (size_t)9 << 20,
		SIZE_MAX / 2 };
	enum { PIECE = 64 << 10 };
	uint8_t *data = malloc(PIECE);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < 4; i++) {
		struct segment_table t;
		struct digest id;
		uint32_t seed = SEED;
		struct bench n;
		uint8_t *file;
		size_t len;

		start_expecting(&n, "raw", false, expected[i]);
		for (unsigned k = 0; k < 96; k++) {
			fill_noise(data, PIECE, &seed);
			add(&n, KIND_DATA, data, PIECE);
			if (k % 8 == 7)
				end_frame(&n);
		}
		file = seal(&n, &id, &len, &t);
		assert_true(len > (size_t)96 * PIECE);
		assert_int_equal(t.objects, 96);
		assert_sound(&n, file, &t);
		segment_table_release(&t);
		free(file);
		stop(&n);
	}
	free(data);
}

static void
kinds_have_names(void **state)
{
	enum kind kind;

	(void)state;
	for (enum kind k = KIND_DATA; k <= KIND_RECORD; k++) {
		const char *name = kind_name(k);

		assert_true(kind_of(name, strlen(name), &kind));
		assert_int_equal(kind, k);
	}
	assert_string_equal(kind_name(KIND_VERSION), "version");
	assert_string_equal(kind_name((enum kind)0), "?");
	assert_string_equal(kind_name((enum kind)8), "?");
	assert_false(kind_of("dat", 3, &kind));
	assert_false(kind_of("", 0, &kind));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
		cmocka_unit_test(a_newer_format_is_told_from_damage),
		cmocka_unit_test(impossible_tables_are_refused),
		cmocka_unit_test(lengths_that_wrap_are_refused),
		cmocka_unit_test(a_trailer_points_into_its_file),
		cmocka_unit_test(the_first_copy_of_an_object_is_found),
		cmocka_unit_test(a_glance_finds_what_the_table_says),
		cmocka_unit_test(a_glance_at_a_damaged_table_harms_nobody),
		cmocka_unit_test(a_glance_gives_up_in_a_frame_of_very_many),
		cmocka_unit_test(a_long_file_is_built_whatever_was_expected),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

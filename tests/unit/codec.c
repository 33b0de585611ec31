#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIB ((size_t)1 << 20)

static struct fault why;

/* A row a codec.  hello is "hello, hello, hello\n", packed by the tool that
 * the codec is known by, or as its standard says. */
static const struct row {
	const char *name;
	uint8_t tag;
	int level_min, level_max, level_default;
	size_t hello_len;
	const char *hello;
} rows[] = {
	{ "raw", 0, 0, 0, 0, 20, "hello, hello, hello\n" },
	{ "zstd", 1, 1, 19, 3, 23,
	    "\x28\xb5\x2f\xfd\x20\x14\x75\x00\x00\x40\x68\x65"
	    "\x6c\x6c\x6f\x2c\x20\x0a\x01\x00\xe2\x8a\x11" },
	{ "lz4", 2, 0, 12, 1, 39,
	    "\x04\x22\x4d\x18\x68\x40\x14\x00\x00\x00\x00\x00"
	    "\x00\x00\xa3\x10\x00\x00\x00\x74\x68\x65\x6c\x6c"
	    "\x6f\x2c\x20\x07\x00\x50\x65\x6c\x6c\x6f\x0a\x00"
	    "\x00\x00\x00" },
	{ "gzip", 3, 1, 9, 6, 30,
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48"
	    "\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\xb8\x00\xe7\x42"
	    "\x6e\x52\x14\x00\x00\x00" },
};

static const char hello[] = "hello, hello, hello\n";
#define HELLO_LEN (sizeof(hello) - 1)

static struct codec_state *cs;

static int
setup(void **state)
{
	(void)state;
	return codec_state_new(&cs, &why) == BLK_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	codec_state_free(cs);
	codec_state_free(NULL);
	return 0;
}

static void
fill_random(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

/* Half of it compresses. */
static uint8_t *
sample(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	fill_random(p, len, 1);
	for (size_t i = 0; i < len; i++)
		if (i / 1000 % 2 == 0)
			p[i] = (uint8_t)("abcdefgh"[i % 8]);
	return p;
}

/* in, packed into a new buffer of just the right size. */
static uint8_t *
packed(const struct codec *c, int level, const void *in, size_t len,
    size_t *outlen)
{
	size_t bound = c->bound(len);
	uint8_t *out = malloc(bound + 1);

	assert_non_null(out);
	*outlen = bound;
	assert_int_equal(
	    c->pack(cs, level, in, len, out, outlen, &why), BLK_OK);
	assert_true(*outlen <= bound);
	out = realloc(out, *outlen > 0 ? *outlen : 1);
	assert_non_null(out);
	return out;
}

/* Unpack into a buffer of exactly outlen, which a sanitizer watches. */
static enum blk_status
unpack(const struct codec *c, const void *in, size_t len, size_t outlen)
{
	uint8_t *out = malloc(outlen > 0 ? outlen : 1);
	enum blk_status st = c->unpack(cs, in, len, out, outlen, &why);

	free(out);
	return st;
}

static void
assert_unpacks(const struct codec *c, const void *in, size_t len,
    const void *plain, size_t plain_len)
{
	uint8_t *out = malloc(plain_len > 0 ? plain_len : 1);

	assert_non_null(out);
	assert_int_equal(c->unpack(cs, in, len, out, plain_len, &why), BLK_OK);
	assert_memory_equal(out, plain, plain_len);
	free(out);
}

static void
the_table_is_as_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct codec *c = codec_at(i);

		assert_non_null(c);
		assert_string_equal(c->name, rows[i].name);
		assert_int_equal(c->tag, rows[i].tag);
		assert_int_equal(c->level_min, rows[i].level_min);
		assert_int_equal(c->level_max, rows[i].level_max);
		assert_int_equal(c->level_default, rows[i].level_default);
		assert_ptr_equal(codec_by_name(rows[i].name), c);
		assert_ptr_equal(codec_by_tag(rows[i].tag), c);
	}
	assert_null(codec_at(COUNT(rows)));
	assert_null(codec_by_tag(COUNT(rows)));
	assert_null(codec_by_tag(255));
	assert_null(codec_by_name("zst"));
	assert_null(codec_by_name("zstd "));
	assert_null(codec_by_name(""));
}

static void
a_name_and_a_level_are_parsed(void **state)
{
	static const struct {
		const char *text, *name;
		int level;
	} good[] = {
		{ "none", "raw", 0 },
		{ "raw", "raw", 0 },
		{ "zstd", "zstd", 3 },
		{ "zstd:1", "zstd", 1 },
		{ "zstd:19", "zstd", 19 },
		{ "lz4", "lz4", 1 },
		{ "lz4:0", "lz4", 0 },
		{ "lz4:12", "lz4", 12 },
		{ "gzip:9", "gzip", 9 },
	};
	static const char *const bad[] = { "", ":", "zstd:", "zstd:0",
		"zstd:20", "zstd:-1", "zstd:03", "zstd:3x", "zstd: 3",
		"zstd:99999999999999999999", "lz4:13", "lz4:-1", "gzip:0",
		"gzip:10", "none:1", "raw:0", "none:", "ZSTD", "lzma", " zstd",
		"zstd:3:3" };
	const struct codec *c = NULL;
	int level = -7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		why.text[0] = '\0';
		assert_int_equal(
		    codec_parse(bad[i], &c, &level, &why), BLK_INVALID);
		assert_non_null(strstr(why.text, bad[i]));
	}
	assert_null(c);
	assert_int_equal(level, -7);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(
		    codec_parse(good[i].text, &c, &level, &why), BLK_OK);
		assert_string_equal(c->name, good[i].name);
		assert_int_equal(level, good[i].level);
	}
}

static void
what_other_tools_packed_is_unpacked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_unpacks(codec_by_name(rows[i].name), rows[i].hello,
		    rows[i].hello_len, hello, HELLO_LEN);
}

static void
every_length_and_level_comes_back(void **state)
{
	static const size_t lens[] = { 0, 1, 2, 63, 1000, 65536, 65537, 262145,
		MIB, 5 * MIB };
	uint8_t *in = sample(5 * MIB);

	(void)state;
	for (const struct codec *c = codec_at(0); c != NULL;
	     c = codec_at(c->tag + 1u))
		for (int level = c->level_min; level <= c->level_max; level++)
			for (size_t i = 0; i < COUNT(lens); i++) {
				size_t len = 0;
				uint8_t *out;

				if (level > c->level_default &&
				    lens[i] > 262145)
					continue; /* slow, and nothing new */
				out = packed(c, level, in, lens[i], &len);
				assert_unpacks(c, out, len, in, lens[i]);
				free(out);
			}
	free(in);
}

static void
nothing_at_all_may_lie_at_null(void **state)
{
	(void)state;
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t len = 0;
		uint8_t *out = packed(c, c->level_default, NULL, 0, &len);

		assert_int_equal(
		    c->unpack(cs, out, len, NULL, 0, &why), BLK_OK);
		free(out);
	}
}

static void
random_bytes_fit_into_the_bound(void **state)
{
	uint8_t *in = malloc(300000);

	(void)state;
	assert_non_null(in);
	fill_random(in, 300000, 2);
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);

		for (int level = c->level_min; level <= c->level_max; level++)
			for (size_t n = 0; n <= 300000; n = n * 3 + 1) {
				size_t len = 0;

				free(packed(c, level, in, n, &len));
			}
		assert_true(c->bound(CODEC_PLAIN_MAX) >= CODEC_PLAIN_MAX);
		assert_int_equal(c->bound(CODEC_PLAIN_MAX + 1), 0);
		assert_int_equal(c->bound(SIZE_MAX), 0);
	}
	free(in);
}

static void
the_same_bytes_are_packed_alike_whatever_came_before(void **state)
{
	uint8_t *in = sample(200000), *other = malloc(200000);

	(void)state;
	assert_non_null(other);
	fill_random(other, 200000, 3);
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t len = 0, again = 0, between = 0;
		uint8_t *a = packed(c, c->level_default, in, 200000, &len), *b;

		free(packed(c, c->level_max, other, 200000, &between));
		b = packed(c, c->level_default, in, 200000, &again);
		assert_int_equal(len, again);
		assert_memory_equal(a, b, len);
		free(a);
		free(b);
	}
	free(in);
	free(other);
}

static void
what_does_not_fit_is_refused_and_the_next_one_is_fine(void **state)
{
	uint8_t *in = sample(100000), *out = malloc(200000);

	(void)state;
	assert_non_null(out);
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t need = 0, room;

		free(packed(c, c->level_default, in, 100000, &need));
		for (room = 0; room < need; room += room / 2 + 1) {
			size_t len = room;

			assert_int_equal(c->pack(cs, c->level_default, in,
			                     100000, out, &len, &why),
			    BLK_INVALID);
		}
		room = need - 1;
		assert_int_equal(
		    c->pack(cs, c->level_default, in, 100000, out, &room, &why),
		    BLK_INVALID);
		room = c->bound(100000);
		assert_int_equal(
		    c->pack(cs, c->level_default, in, 100000, out, &room, &why),
		    BLK_OK);
		assert_int_equal(room, need);
		assert_unpacks(c, out, room, in, 100000);
	}
	free(in);
	free(out);
}

static void
a_frame_of_another_length_is_corrupt(void **state)
{
	uint8_t *in = sample(70000);

	(void)state;
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t len = 0;
		uint8_t *out = packed(c, c->level_default, in, 70000, &len);

		assert_int_equal(unpack(c, out, len, 69999), BLK_CORRUPT);
		assert_int_equal(unpack(c, out, len, 70001), BLK_CORRUPT);
		assert_int_equal(unpack(c, out, len, 0), BLK_CORRUPT);
		assert_int_equal(
		    c->unpack(cs, out, len, NULL, CODEC_PLAIN_MAX + 1, &why),
		    BLK_CORRUPT);
		assert_unpacks(c, out, len, in, 70000);
		free(out);
	}
	free(in);
}

static void
a_frame_cut_short_anywhere_is_corrupt(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct codec *c = codec_at(i);

		for (size_t len = 0; len < rows[i].hello_len; len++) {
			/* A copy, so that a sanitizer sees its end. */
			uint8_t *part = malloc(len > 0 ? len : 1);

			assert_non_null(part);
			memcpy(part, rows[i].hello, len);
			assert_int_equal(
			    unpack(c, part, len, HELLO_LEN), BLK_CORRUPT);
			free(part);
		}
		assert_int_equal(unpack(c, NULL, 0, HELLO_LEN), BLK_CORRUPT);
	}
}

/* Junk, a zero, a frame that decoders skip, and the frame once more. */
static void
bytes_behind_the_frame_are_corrupt(void **state)
{
	static const char skippable[] = "\x50\x2a\x4d\x18\0\0\0\0";

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct codec *c = codec_at(i);
		size_t len = rows[i].hello_len;
		char both[400];

		memcpy(both, rows[i].hello, len);
		both[len] = '\0';
		assert_int_equal(
		    unpack(c, both, len + 1, HELLO_LEN), BLK_CORRUPT);
		memcpy(both + len, skippable, 8);
		assert_int_equal(
		    unpack(c, both, len + 8, HELLO_LEN), BLK_CORRUPT);
		memcpy(both + len, rows[i].hello, len);
		assert_int_equal(
		    unpack(c, both, 2 * len, HELLO_LEN), BLK_CORRUPT);
		if (c->tag == CODEC_RAW)
			continue; /* two raw frames are one */
		assert_int_equal(
		    unpack(c, both, 2 * len, 2 * HELLO_LEN), BLK_CORRUPT);
		memcpy(both, skippable, 8);
		assert_int_equal(unpack(c, both, 8, 0), BLK_CORRUPT);
		memcpy(both + 8, rows[i].hello, len);
		assert_int_equal(
		    unpack(c, both, len + 8, HELLO_LEN), BLK_CORRUPT);
	}
}

/* --- a part of a frame --- */

static enum blk_status
unpack_part(const struct codec *c, const uint8_t *in, size_t len, size_t outlen,
    size_t from, size_t n, const uint8_t *plain)
{
	uint8_t *out = malloc(n);
	enum blk_status st;

	assert_non_null(out);
	st = c->unpack_part(cs, in, len, outlen, from, out, n, &why);
	if (st == BLK_OK && plain != NULL)
		assert_memory_equal(out, plain + from, n);
	free(out);
	return st;
}

static void
any_part_comes_out_of_a_frame(void **state)
{
	static const struct {
		size_t len, from, n;
	} parts[] = {
		{ 1, 0, 1 },
		{ 1000, 999, 1 },
		{ 65536, 0, 65536 },
		{ MIB, 0, 1024 },
		{ MIB, 131071, 2 },
		{ MIB, 131072, 131072 },
		{ MIB, 500000, 300000 },
		{ MIB, MIB - 1, 1 },
		{ MIB, 0, MIB },
		{ 5 * MIB, 3 * MIB + 7, 70000 },
	};
	uint8_t *in = sample(5 * MIB);

	(void)state;
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);

		for (size_t k = 0; k < COUNT(parts); k++) {
			size_t len = 0;
			uint8_t *out;

			if (c->unpack_part == NULL)
				continue;
			out =
			    packed(c, c->level_default, in, parts[k].len, &len);
			assert_int_equal(unpack_part(c, out, len, parts[k].len,
			                     parts[k].from, parts[k].n, in),
			    BLK_OK);
			/* which leaves nothing behind */
			assert_unpacks(c, out, len, in, parts[k].len);
			free(out);
		}
	}
	assert_non_null(codec_by_name("zstd")->unpack_part);
	free(in);
}

/* Of what the frame says of itself nothing is believed, of a part, too. */
static void
a_part_of_a_damaged_frame_is_corrupt_or_stays_in_bounds(void **state)
{
	const size_t plain = 300000;
	uint8_t *in = sample(plain);

	(void)state;
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t len = 0;
		uint8_t *out;

		if (c->unpack_part == NULL)
			continue;
		out = packed(c, c->level_default, in, plain, &len);
		for (size_t cut = 0; cut < len; cut += len / 50)
			assert_int_equal(
			    unpack_part(c, out, cut, plain, 250000, 100, NULL),
			    BLK_CORRUPT);
		for (size_t wrong = plain - 1; wrong <= plain + 1; wrong += 2)
			assert_int_equal(
			    unpack_part(c, out, len, wrong, 0, 100, NULL),
			    BLK_CORRUPT);
		for (size_t at = 0; at < len; at += at < 40 ? 1 : len / 400) {
			enum blk_status st;

			out[at] ^= 0x5a;
			st = unpack_part(c, out, len, plain, 200000, 99, NULL);
			assert_true(st == BLK_OK || st == BLK_CORRUPT);
			out[at] ^= 0x5a;
		}
		assert_int_equal(
		    unpack_part(c, out, len, plain, 200000, 99, in), BLK_OK);
		free(out);
	}
	free(in);
}

/* No checksum: a bit may turn into other bytes, but never beyond the end. */
static void
turned_bits_do_no_harm(void **state)
{
	uint8_t *in = sample(3000);

	(void)state;
	for (size_t i = 0; codec_at(i) != NULL; i++) {
		const struct codec *c = codec_at(i);
		size_t len = 0, corrupt = 0;
		uint8_t *out = packed(c, c->level_default, in, 3000, &len);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			enum blk_status st;

			out[bit / 8] ^= (uint8_t)(1 << bit % 8);
			st = unpack(c, out, len, 3000);
			out[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(st == BLK_OK || st == BLK_CORRUPT);
			corrupt += st == BLK_CORRUPT;
		}
		assert_true(corrupt > 0 || c->tag == CODEC_RAW);
		/* What was damaged before leaves no trace in the state. */
		assert_unpacks(c, out, len, in, 3000);
		free(out);
	}
	free(in);
}

static void
a_frame_of_another_codec_is_corrupt(void **state)
{
	(void)state;
	for (size_t i = 1; i < COUNT(rows); i++)
		for (size_t j = 0; j < COUNT(rows); j++)
			if (i != j)
				assert_int_equal(
				    unpack(codec_at(i), rows[j].hello,
				        rows[j].hello_len, HELLO_LEN),
				    BLK_CORRUPT);
}

/* A frame of 14 bytes that claims a terabyte must not be believed. */
static void
a_frame_that_claims_too_much_is_corrupt(void **state)
{
	static const char zstd[] = "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\1\0\0\1\0\0";
	const struct codec *c = codec_by_tag(CODEC_ZSTD);

	(void)state;
	assert_int_equal(unpack(c, zstd, 16, 100), BLK_CORRUPT);
	assert_int_equal(
	    c->unpack(cs, zstd, 16, NULL, (size_t)1 << 40, &why), BLK_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_as_documented),
		cmocka_unit_test(a_name_and_a_level_are_parsed),
		cmocka_unit_test(what_other_tools_packed_is_unpacked),
		cmocka_unit_test(every_length_and_level_comes_back),
		cmocka_unit_test(nothing_at_all_may_lie_at_null),
		cmocka_unit_test(random_bytes_fit_into_the_bound),
		cmocka_unit_test(
		    the_same_bytes_are_packed_alike_whatever_came_before),
		cmocka_unit_test(
		    what_does_not_fit_is_refused_and_the_next_one_is_fine),
		cmocka_unit_test(a_frame_of_another_length_is_corrupt),
		cmocka_unit_test(a_frame_cut_short_anywhere_is_corrupt),
		cmocka_unit_test(bytes_behind_the_frame_are_corrupt),
		cmocka_unit_test(any_part_comes_out_of_a_frame),
		cmocka_unit_test(
		    a_part_of_a_damaged_frame_is_corrupt_or_stays_in_bounds),
		cmocka_unit_test(turned_bits_do_no_harm),
		cmocka_unit_test(a_frame_of_another_codec_is_corrupt),
		cmocka_unit_test(a_frame_that_claims_too_much_is_corrupt),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

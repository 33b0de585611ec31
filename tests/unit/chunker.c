/*
 * Sizes, the table, and where single cuts fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "chunker-data.h"
#include "chunker.h"
#include "digest.h"

static struct fault why;

static void
sizes_without_sense_are_refused(void **state)
{
	static const struct chunker_sizes good[] = { { 64, 64, 128 },
		{ 4096, 12288, 65536 }, { 4096, 12288, 16384 },
		{ 256 * 1024, 768 * 1024, 4 << 20 },
		{ 64, (16 << 20) - 64, 16 << 20 } };
	static const struct chunker_sizes bad[] = { { 0, 0, 0 },
		{ 63, 64, 1000 }, { 64, 63, 1000 }, { 64, 0, 1000 },
		{ 64, 64, 127 }, { 64, 64, 64 }, { 64, 64, 0 },
		{ 4096, 12288, (16 << 20) + 1 }, { 4096, 12288, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX, 16 << 20 },
		{ UINT32_MAX, 64, 16 << 20 } };
	struct chunker c;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(chunker_sizes_check(&good[i], &why), BLK_OK);
		assert_int_equal(chunker_init(&c, &good[i], &why), BLK_OK);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		why.text[0] = '\0';
		assert_int_equal(
		    chunker_sizes_check(&bad[i], &why), BLK_INVALID);
		assert_true(why.text[0] != '\0');
		assert_int_equal(chunker_init(&c, &bad[i], &why), BLK_INVALID);
	}
}

static void
sizes_are_read_as_min_avg_max(void **state)
{
	static const char *const bad[] = { "", ":", "::", "4K", "4K:16K",
		"4K:16K:", "4K:16K:64K:", "4K:16K:64K:1M", ":16K:64K",
		"4K::64K", "4K:16K:64X", "-4K:16K:64K", "16K:16K:64K",
		"16K:4K:64K", "4K:64K:16K", "32:16K:64K", "4K:4097:64K",
		"4K:16K:16777217", "4K:16K:4G", "4294971392:16K:64K",
		"4K:16K:18446744073709551616", "4K:16K:00000000000000064K",
		"4K:16K:64K " };
	struct chunker_sizes s = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		why.text[0] = '\0';
		assert_int_equal(
		    chunker_sizes_parse(bad[i], &s, &why), BLK_INVALID);
		assert_true(why.text[0] != '\0');
	}
	assert_true(s.min == 1 && s.target == 2 && s.max == 3);
	assert_int_equal(chunker_sizes_parse("4K:16K:64K", &s, &why), BLK_OK);
	assert_memory_equal(&s, &chunker_default, sizeof(s));
	assert_int_equal(chunker_sizes_parse("256K:1M:4M", &s, &why), BLK_OK);
	assert_true(s.min == 256 * KIB && s.target == 768 * KIB);
	assert_true(s.max == 4 * MIB);
	assert_int_equal(chunker_sizes_parse("64:128:129", &s, &why), BLK_OK);
	assert_true(s.min == 64 && s.target == 64 && s.max == 129);
}

/* Each word: what printf "blk gear 1 $i" | sha256sum begins with, reversed. */
static void
the_table_is_the_documented_one(void **state)
{
	struct digest d;
	struct chunker c;
	uint8_t table[256 * 8];
	char hex[DIGEST_HEX];

	(void)state;
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	assert_true(c.threshold == UINT64_C(0x0005555555555555));
	assert_true(c.table[0] == UINT64_C(0xe88eeadcf7df7243));
	assert_true(c.table[1] == UINT64_C(0x7bf18be27c8e5281));
	assert_true(c.table[255] == UINT64_C(0x36cdb4684f13159d));
	for (size_t i = 0; i < 256; i++)
		put_le64(table + 8 * i, c.table[i]);
	assert_int_equal(digest_of(table, sizeof(table), &d, &why), BLK_OK);
	digest_hex(&d, hex);
	assert_string_equal(hex,
	    "48105d65c753e75d59edc4df5bbe05eb4d7aa7b75381025c024e498a8651a44f");
}

static void
the_threshold_is_exact(void **state)
{
	struct chunker_sizes s = { 64, 64, 128 };
	struct chunker c;

	(void)state;
	assert_int_equal(chunker_init(&c, &s, &why), BLK_OK);
	assert_true(c.threshold == UINT64_C(1) << 58);
	s = (struct chunker_sizes){ 64, 65, 1000 };
	assert_int_equal(chunker_init(&c, &s, &why), BLK_OK);
	assert_true(c.threshold == UINT64_MAX / 65);
}

/* Whoever changes these changes what every store has deduplicated. */
static void
cuts_stay_what_they_were(void **state)
{
	static const uint32_t first[] = { 23658, 11195, 25311, 19388, 9198,
		6469, 36487, 16176, 6056, 4728 };
	struct chunker c;
	uint32_t length[COUNT(first)];
	uint8_t *data = malloc(MIB);
	size_t used = 0;

	(void)state;
	assert_non_null(data);
	fill_random(data, MIB, 1);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	assert_int_equal(
	    chunker_run(&c, data, MIB, true, length, COUNT(length), &used),
	    COUNT(length));
	assert_memory_equal(length, first, sizeof(first));
	free(data);
}

static void
small_objects_are_one_chunk(void **state)
{
	struct chunker c;
	uint8_t data[4097];
	uint32_t length[2];
	size_t used = 7;

	(void)state;
	fill_random(data, sizeof(data), 5);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	assert_int_equal(chunker_next(&c, NULL, 0, true), 0);
	assert_int_equal(chunker_next(&c, NULL, 0, false), 0);
	assert_int_equal(chunker_run(&c, NULL, 0, true, length, 2, &used), 0);
	assert_int_equal(used, 0);
	for (size_t len = 1; len <= 4096; len += 91) {
		assert_int_equal(chunker_next(&c, data, len, true), len);
		assert_int_equal(chunker_next(&c, data, len, false), 0);
		assert_int_equal(
		    chunker_run(&c, data, len, true, length, 2, &used), 1);
		assert_int_equal(length[0], len);
		assert_int_equal(used, len);
	}
	assert_int_equal(chunker_next(&c, data, 4096, true), 4096);
}

/* At min, behind it, and at max - 1: made, since waiting takes too long. */
static void
a_cut_falls_on_either_edge(void **state)
{
	static const size_t ends[] = { 4096, 4097, 65534, 65535 };
	struct chunker c;
	uint8_t *data = calloc(1, 65536 + 64), window[64];
	uint64_t seed = 9;
	size_t i = 0;

	(void)state;
	assert_non_null(data);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	for (uint64_t hash = UINT64_MAX; hash >= c.threshold;) {
		fill_random(window, sizeof(window), next_random(&seed));
		hash = 0;
		for (i = 0; i < sizeof(window); i++)
			hash = 2 * hash + c.table[window[i]];
	}
	for (i = 0; i < COUNT(ends); i++) {
		size_t end = ends[i];

		memset(data, 0, 65536 + 64);
		memcpy(data + end - 64, window, 64);
		assert_int_equal(chunker_next(&c, data, 65536, false), end);
		assert_int_equal(chunker_next(&c, data, end, false), end);
		assert_int_equal(chunker_next(&c, data, end - 1, false), 0);
		assert_int_equal(
		    chunker_next(&c, data, end - 1, true), end - 1);
	}
	/* One byte earlier it is too early, at max it changes nothing. */
	memset(data, 0, 65536 + 64);
	memcpy(data + 4095 - 64, window, 64);
	assert_int_equal(chunker_next(&c, data, 65536, false), 65536);
	memcpy(data + 65536 - 64, window, 64);
	assert_int_equal(chunker_next(&c, data, 65535, false), 0);
	assert_int_equal(chunker_next(&c, data, 65536, false), 65536);
	free(data);
}

/* What lies before the window does not count; what lies in it does
 * (the farthest bytes only through few bits of the hash). */
static void
only_the_last_64_bytes_decide(void **state)
{
	struct chunker c;
	uint8_t *data = malloc(MIB);
	size_t cuts = 0, stayed = 0, at = 0;

	(void)state;
	assert_non_null(data);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	fill_random(data, MIB, 12);
	for (size_t cut, early; at < MIB - c.sizes.max; at += cut) {
		uint8_t *last = data + at;

		cut = chunker_next(&c, data + at, MIB - at, false);
		last += cut - 1;
		if (cut == c.sizes.max)
			continue;
		memset(data + at, 0, cut - CHUNKER_WINDOW);
		early = chunker_next(&c, data + at, cut, false);
		assert_int_not_equal(early, 0);
		if (early < cut)
			continue; /* a candidate across the seam */
		for (size_t back = 0; back < 48; back++) {
			last[-(ptrdiff_t)back] ^= 0x55;
			stayed +=
			    chunker_next(&c, data + at, cut, false) == cut;
			last[-(ptrdiff_t)back] ^= 0x55;
		}
		cuts++;
	}
	assert_true(cuts > 30);
	assert_true(stayed <= 1); /* one in 12288 does by chance */
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_without_sense_are_refused),
		cmocka_unit_test(sizes_are_read_as_min_avg_max),
		cmocka_unit_test(the_table_is_the_documented_one),
		cmocka_unit_test(the_threshold_is_exact),
		cmocka_unit_test(cuts_stay_what_they_were),
		cmocka_unit_test(small_objects_are_one_chunk),
		cmocka_unit_test(a_cut_falls_on_either_edge),
		cmocka_unit_test(only_the_last_64_bytes_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

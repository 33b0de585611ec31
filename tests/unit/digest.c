#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "digest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct fault why;

/* FIPS 180-4 and NIST's examples; the first is the empty message. */
static const struct {
	const char *text, *hex;
} known[] = {
	{ "",
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855" },
	{ "abc",
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
};

static const char million_a[] =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void
known_messages_have_known_digests(void **state)
{
	struct hasher *h = NULL;
	char hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	assert_int_equal(hasher_new(&h, &why), BLK_OK);
	for (size_t i = 0; i < COUNT(known); i++) {
		size_t len = strlen(known[i].text);

		assert_int_equal(
		    hasher_of(h, known[i].text, len, &d, &why), BLK_OK);
		digest_hex(&d, hex);
		assert_string_equal(hex, known[i].hex);
		assert_int_equal(
		    digest_of(known[i].text, len, &d, &why), BLK_OK);
		digest_hex(&d, hex);
		assert_string_equal(hex, known[i].hex);
	}
	assert_int_equal(hasher_of(h, NULL, 0, &d, &why), BLK_OK);
	digest_hex(&d, hex);
	assert_string_equal(hex, known[0].hex);
	hasher_free(h);
	hasher_free(NULL);
}

static void
a_message_in_parts_has_the_digest_of_the_whole(void **state)
{
	struct hasher *h = NULL;
	char part[1000], hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	memset(part, 'a', sizeof(part));
	assert_int_equal(hasher_new(&h, &why), BLK_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(hasher_begin(h, &why), BLK_OK);
		assert_int_equal(hasher_add(h, NULL, 0, &why), BLK_OK);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(
			    hasher_add(h, part, sizeof(part), &why), BLK_OK);
		assert_int_equal(hasher_end(h, &d, &why), BLK_OK);
		digest_hex(&d, hex);
		assert_string_equal(hex, million_a);
	}
	hasher_free(h);
}

static void
beginning_again_forgets_what_was_added(void **state)
{
	struct hasher *h = NULL;
	char hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	assert_int_equal(hasher_new(&h, &why), BLK_OK);
	assert_int_equal(hasher_begin(h, &why), BLK_OK);
	assert_int_equal(hasher_add(h, "junk", 4, &why), BLK_OK);
	assert_int_equal(hasher_begin(h, &why), BLK_OK);
	assert_int_equal(hasher_add(h, "abc", 3, &why), BLK_OK);
	assert_int_equal(hasher_end(h, &d, &why), BLK_OK);
	digest_hex(&d, hex);
	assert_string_equal(hex, known[1].hex);
	hasher_free(h);
}

static void
an_id_is_read_back_from_its_text(void **state)
{
	struct digest d, back;
	char hex[DIGEST_HEX];

	(void)state;
	for (size_t i = 0; i < DIGEST_LEN; i++)
		d.byte[i] = (uint8_t)(i * 37 + 200);
	digest_hex(&d, hex);
	assert_int_equal(strlen(hex), 64);
	assert_true(digest_parse(hex, 64, &back));
	assert_true(digest_equal(&d, &back));
	assert_int_equal(digest_compare(&d, &back), 0);
	back.byte[31]++;
	assert_false(digest_equal(&d, &back));
	assert_true(digest_compare(&d, &back) < 0);
}

static void
text_that_is_no_id_is_refused(void **state)
{
	static const char bad[] = { 'g', 'A', 'F', ' ', '/', ':', '`', '\0',
		'\n', (char)0xe1 };
	struct digest d, before;
	char hex[DIGEST_HEX + 1];

	(void)state;
	memset(&d, 0x5a, sizeof(d));
	before = d;
	memset(hex, 'a', sizeof(hex));
	assert_false(digest_parse(hex, 63, &d));
	assert_false(digest_parse(hex, 65, &d));
	assert_false(digest_parse("", 0, &d));
	for (size_t i = 0; i < COUNT(bad); i++) {
		hex[i == 0 ? 0 : 63] = bad[i];
		assert_false(digest_parse(hex, 64, &d));
		hex[0] = hex[63] = 'a';
	}
	assert_true(digest_equal(&d, &before));
	assert_true(digest_parse(hex, 64, &d));
}

static void
bytes_of_any_length_have_hexadecimal_text(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x9f, 0xa0, 0xff };
	uint8_t back[4] = { 0 };
	char hex[9];

	(void)state;
	digest_hex_of(bytes, 4, hex);
	assert_string_equal(hex, "009fa0ff");
	assert_true(digest_parse_hex(hex, 8, back, 4));
	assert_memory_equal(back, bytes, 4);
	assert_false(digest_parse_hex(hex, 7, back, 4));
	assert_false(digest_parse_hex(hex, 8, back, 3));
	assert_false(digest_parse_hex("009fa0fF", 8, back, 4));
	assert_memory_equal(back, bytes, 4);
	digest_hex_of(bytes, 0, hex);
	assert_string_equal(hex, "");
	assert_true(digest_parse_hex("", 0, back, 0));
}

/* What xxhsum -H3 and -H2 print, the latter with its bytes in reverse. */
static const struct {
	const char *text;
	uint64_t low;
	const char *hex;
} checks[] = {
	{ "", 0x2d06800538d394c2, "7f498d4624c30160d8984701d306aa99" },
	{ "abc", 0x78af5f94892f3950, "50392f89945faf7885613a73b65ab006" },
	{ "The quick brown fox jumps over the lazy dog", 0xce7d19a5418fb365,
	    "51768a3a2ecca124fae7a35c2050d6dd" },
};

static void
checksums_are_those_of_xxh3(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(checks); i++) {
		size_t len = strlen(checks[i].text);
		uint8_t out[16];
		char hex[33];

		assert_true(digest_xxh64(checks[i].text, len) == checks[i].low);
		digest_xxh128(checks[i].text, len, out);
		digest_hex_of(out, 16, hex);
		assert_string_equal(hex, checks[i].hex);
	}
}

static void
random_bytes_differ_each_time(void **state)
{
	uint8_t a[1000], b[1000], zero[1000] = { 0 };

	(void)state;
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	assert_int_equal(digest_random(a, 32, &why), BLK_OK);
	assert_int_equal(digest_random(b, sizeof(b), &why), BLK_OK);
	assert_memory_not_equal(a, b, 32);
	assert_memory_not_equal(a, zero, 32);
	assert_memory_equal(a + 32, zero, sizeof(a) - 32);
	assert_memory_not_equal(b + 968, zero, 32);
	assert_int_equal(digest_random(a, 0, &why), BLK_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_messages_have_known_digests),
		cmocka_unit_test(
		    a_message_in_parts_has_the_digest_of_the_whole),
		cmocka_unit_test(beginning_again_forgets_what_was_added),
		cmocka_unit_test(an_id_is_read_back_from_its_text),
		cmocka_unit_test(text_that_is_no_id_is_refused),
		cmocka_unit_test(bytes_of_any_length_have_hexadecimal_text),
		cmocka_unit_test(checksums_are_those_of_xxh3),
		cmocka_unit_test(random_bytes_differ_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

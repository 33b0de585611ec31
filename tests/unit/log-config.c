/*
 * What is fixed when a store is made, and the names of its files.
 */
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UPPER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define STORE "01010101010101010101010101010101"

/* --- config --- */

/* Each line left out, given twice, and with a field more. */
static void
every_line_of_config_is_needed_in_its_place(void **state)
{
	static const char all[] =
	    "blk config 1\nformat 1\nincompat 0\ncompat 7\nstore " STORE
	    "\nchunker 1 4096 12288 65536\nmode group\nwriters single\n";
	struct store_config c;
	struct fault no;
	char text[2 * sizeof(all)];
	size_t len;

	(void)state;
	assert_int_equal(config_parse(span_str(all), &c, &no), BLK_OK);
	assert_true(c.group && c.single_writer && c.compat == 7);
	for (size_t at = 0; all[at] != '\0'; at += len) {
		len = strcspn(all + at, "\n") + 1;
		snprintf(
		    text, sizeof(text), "%.*s%s", (int)at, all, all + at + len);
		assert_int_equal(
		    config_parse(span_str(text), &c, &no), BLK_CORRUPT);
		snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(at + len), all,
		    (int)len, all + at, all + at + len);
		assert_int_equal(
		    config_parse(span_str(text), &c, &no), BLK_CORRUPT);
		snprintf(text, sizeof(text), "%.*s x\n%s", (int)(at + len - 1),
		    all, all + at + len);
		assert_int_equal(
		    config_parse(span_str(text), &c, &no), BLK_CORRUPT);
	}
	assert_int_equal(
	    config_parse(span_of(all, strlen(all) - 1), &c, &no), BLK_CORRUPT);
}

static void
config_is(const char *sizes, enum blk_status want)
{
	struct store_config c;
	struct fault why = FAULT_NONE;
	char text[512];

	snprintf(text, sizeof(text),
	    "blk config 1\nformat 1\nincompat 0\ncompat 0\n"
	    "store 01010101010101010101010101010101\nchunker %s\n"
	    "mode private\nwriters many\n",
	    sizes);
	if (config_parse(span_str(text), &c, &why) != want)
		fail_msg("chunker %s: %s", sizes, why.text);
}

static void
sizes_that_no_chunker_can_have_are_refused(void **state)
{
	(void)state;
	config_is("1 4096 12288 65536", BLK_OK);
	config_is("1 64 64 128", BLK_OK);
	config_is("1 0 0 0", BLK_CORRUPT);
	config_is("1 4096 0 65536", BLK_CORRUPT);
	config_is("1 4096 63 65536", BLK_CORRUPT);
	config_is("1 63 12288 65536", BLK_CORRUPT);
	config_is("1 65536 64 65536", BLK_CORRUPT);
	config_is("1 4096 65536 65536", BLK_CORRUPT);
	config_is("1 4096 12288 16777217", BLK_CORRUPT);
	config_is("1 4294967295 4294967295 4294967295", BLK_CORRUPT);
	config_is("1 4096 12288 4295032832", BLK_CORRUPT); /* 2^32 + 65536 */
	config_is("1 4096 12288", BLK_CORRUPT);
	config_is("2 4096 12288 65536", BLK_FAILED);
}

/* --- names --- */

static void
keys_of_parts_are_no_keys_of_checkpoints(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(checkpoint_part_number("checkpoint/000000000009.1", &n));
	assert_int_equal(n, 9);
	assert_false(checkpoint_key_number("checkpoint/000000000009.1", &n));
	assert_false(checkpoint_part_number("checkpoint/000000000009", &n));
	assert_false(checkpoint_part_number("checkpoint/000000000009.", &n));
	assert_false(checkpoint_part_number("checkpoint/000000000009.0", &n));
	assert_false(checkpoint_part_number("checkpoint/000000000009.01", &n));
	assert_false(checkpoint_part_number("checkpoint/00000000009.1", &n));
	assert_false(checkpoint_part_number("checkpoint/000000000009_1", &n));
	assert_false(checkpoint_part_number("checkpoint/00000000000x.1", &n));
	assert_false(checkpoint_part_number("segments.../000000000009.1", &n));
}

static void
other_names_are_no_keys(void **state)
{
	struct digest id;
	uint64_t n;

	(void)state;
	assert_true(log_key_number("log/000000001/000000001042", &n));
	assert_int_equal(n, 1042);
	assert_false(log_key_number("log/000000000/000000001042", &n));
	assert_false(log_key_number("log/000000001/00000000104x", &n));
	assert_false(log_key_number("log/000000001/000000001042.", &n));
	assert_false(log_key_number("lag/000000001/000000001042", &n));
	assert_false(checkpoint_key_number("checkpoint/00000000000x", &n));
	assert_false(checkpoint_key_number("checkpaint/000000000009", &n));
	assert_true(segment_key_id("segments/aa/" A, &id));
	assert_false(segment_key_id("segments/ab/" A, &id));
	assert_false(segment_key_id("segments/aa/" A "a", &id));
	assert_false(segment_key_id("segments/AA/" UPPER, &id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_config_is_needed_in_its_place),
		cmocka_unit_test(sizes_that_no_chunker_can_have_are_refused),
		cmocka_unit_test(keys_of_parts_are_no_keys_of_checkpoints),
		cmocka_unit_test(other_names_are_no_keys),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Files of the log: a segment whose first object is the record that its name
 * and its header promise.
 */
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SESSION "02020202020202020202020202020202"
#define COMMIT                                                                 \
	"commit 1\nnumber 7\nprevious " A "\ntime 5\nhost h\nprogram p\n"      \
	"session " SESSION " 3\n"

static const struct segment_origin origin = {
	.store = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	.session = { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 },
};

static struct codec_state *codecs;
static struct hasher *hash;
static struct segment_builder *b;
static struct fault why;

#define OK(call) assert_int_equal(call, BLK_OK)

static int
set_up(void **state)
{
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };

	(void)state;
	return codec_state_new(&codecs, &why) != BLK_OK ||
	    hasher_new(&hash, &why) != BLK_OK ||
	    segment_builder_new(&origin, &o, codecs, hash, &b, &why) != BLK_OK;
}

static int
tear_down(void **state)
{
	(void)state;
	segment_builder_free(b);
	hasher_free(hash);
	codec_state_free(codecs);
	return 0;
}

/* Into the open segment, under the id of other bytes if told to. */
static void
add(enum kind kind, const char *text, const char *id_of)
{
	struct digest id;

	OK(digest_of(id_of, strlen(id_of), &id, &why));
	OK(segment_add(b, &id, kind, text, strlen(text), &why));
}

/* Seal it, and read it as commit 7; *carries then. */
static enum blk_status
read_it(const uint8_t store[16], uint64_t number, bool *carries)
{
	struct commit k = COMMIT_NONE;
	struct digest id;
	enum blk_status st;
	const void *file;
	size_t len;

	why = (struct fault)FAULT_NONE;
	OK(segment_seal(b, &id, &file, &len, NULL, &why));
	st = log_parse(file, len, number, store, &k, &why);
	if (st == BLK_OK) {
		assert_true(digest_equal(&k.hash, &id));
		assert_int_equal(k.bytes, len);
		*carries = k.carries;
	}
	commit_release(&k);
	segment_reset(b);
	return st;
}

static void
refused(enum blk_status st, const char *words)
{
	assert_int_equal(st, BLK_CORRUPT);
	if (strstr(why.text, words) == NULL)
		fail_msg("%s", why.text);
}

static void
a_commit_is_what_its_name_and_header_promise(void **state)
{
	uint8_t other[16] = { 3 };
	bool carries = true;

	(void)state;
	add(KIND_RECORD, COMMIT, COMMIT);
	OK(read_it(origin.store, 7, &carries));
	assert_false(carries);
	add(KIND_RECORD, COMMIT, COMMIT);
	OK(read_it(NULL, 7, &carries));
	add(KIND_RECORD, COMMIT, COMMIT);
	refused(read_it(origin.store, 8, &carries), "says number 7");
	add(KIND_RECORD, COMMIT, COMMIT);
	refused(read_it(other, 7, &carries), "another store");
}

#define OTHER                                                                  \
	"commit 1\nnumber 7\nprevious " A "\ntime 5\nhost h\nprogram p\n"      \
	"session 03030303030303030303030303030303 3\n"

static void
a_record_of_another_session_is_refused(void **state)
{
	bool carries;

	(void)state;
	add(KIND_RECORD, OTHER, OTHER);
	refused(read_it(origin.store, 7, &carries), "another session");
}

static void
the_record_comes_first_and_matches_its_id(void **state)
{
	bool carries = false;

	(void)state;
	add(KIND_DATA, "x", "x");
	add(KIND_RECORD, COMMIT, COMMIT);
	refused(read_it(origin.store, 7, &carries), "no record");
	add(KIND_PIECE, COMMIT, COMMIT);
	refused(read_it(origin.store, 7, &carries), "no record");
	add(KIND_RECORD, COMMIT, "x");
	refused(read_it(origin.store, 7, &carries), "does not match its id");
	add(KIND_RECORD, COMMIT, COMMIT);
	add(KIND_DATA, "x", "x");
	OK(read_it(origin.store, 7, &carries));
	assert_true(carries);
}

static void
a_piece_of_the_record_lies_in_its_file(void **state)
{
	char head[200], hex[DIGEST_HEX];
	struct digest id;
	bool carries = true;

	(void)state;
	OK(digest_of(COMMIT, strlen(COMMIT), &id, &why));
	digest_hex(&id, hex);
	snprintf(head, sizeof(head), "p %s 7 %zu\n", hex, strlen(COMMIT));
	add(KIND_RECORD, head, head);
	add(KIND_PIECE, COMMIT, COMMIT);
	OK(read_it(origin.store, 7, &carries));
	assert_false(carries);
	add(KIND_RECORD, head, head);
	refused(read_it(origin.store, 7, &carries), "missing");
	add(KIND_RECORD, head, head);
	add(KIND_DATA, COMMIT, COMMIT);
	refused(read_it(origin.store, 7, &carries), "missing");
	snprintf(head, sizeof(head), "p %s 8 %zu\n", hex, strlen(COMMIT));
	add(KIND_RECORD, head, head);
	add(KIND_PIECE, COMMIT, COMMIT);
	refused(read_it(origin.store, 7, &carries), "lines");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_is_what_its_name_and_header_promise),
		TEST(a_record_of_another_session_is_refused),
		TEST(the_record_comes_first_and_matches_its_id),
		TEST(a_piece_of_the_record_lies_in_its_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

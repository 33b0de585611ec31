/*
 * Records of commits and checkpoints: each has one spelling, and a long one
 * may lie in several files.
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
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define UPPER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define STORE "01010101010101010101010101010101"

static void
check(enum blk_status st, const struct fault *why)
{
	if (st != BLK_OK)
		fail_msg("%d: %s", (int)st, why->text);
}

/* --- commits --- */

#define COMMIT                                                                 \
	"commit 1\nnumber 7\nprevious " A "\ntime -5\nhost a%20b\n"            \
	"program %\nsession " STORE " 3\n"

static void
commit_is(const char *text, enum blk_status want)
{
	struct commit k = COMMIT_NONE;
	struct buf again = BUF_INIT(65536);
	struct fault why = FAULT_NONE;
	enum blk_status st = commit_parse(span_str(text), &k, &why);

	if (st != want)
		fail_msg("%s: %d, %s", text, (int)st, why.text);
	if (st == BLK_OK) {
		check(commit_format(&k, &again, &why), &why);
		assert_int_equal(again.len, strlen(text));
		assert_memory_equal(again.data, text, again.len);
	}
	buf_release(&again);
	commit_release(&k);
}

static void
a_commit_that_is_read_is_written_the_same(void **state)
{
	(void)state;
	commit_is(COMMIT, BLK_OK);
	commit_is(COMMIT "segment " A " 5\nversion a%20b 2 " B "\ndrop " A "\n"
	                 "condemn " A "\ncondemn " A " orphan\n"
	                 "condemn " A " damaged\nlost " B " tree\n"
	                 "set user.x %25\nset user.y %\n"
	                 "redirect file:/a%20b\nredirect none\n"
	                 "stat gc a=b c\nx-later  what ever\n",
	    BLK_CORRUPT); /* two spaces */
	commit_is(COMMIT "segment " A " 5\nversion a%20b 2 " B "\ndrop " A "\n"
	                 "condemn " A "\ncondemn " A " orphan\n"
	                 "condemn " A " damaged\nlost " B " tree\n"
	                 "set user.x %25\nset user.y %\n"
	                 "redirect file:/a%20b\nredirect none\n"
	                 "stat gc a=b c\nx-later what ever\n",
	    BLK_OK);
}

static void
a_commit_in_another_spelling_is_refused(void **state)
{
	static const char *const bad[] = {
		"segment " A " 05\n",
		"segment " A "  5\n",
		"segment " A " 5 \n",
		"segment " A "\n",
		"drop " A " x\n",
		"drop AAAA\n",
		"condemn " A " collected\n",
		"condemn " A " \n",
		"lost " A " thing\n",
		"lost " A "\n",
		"set user.x\n",
		"set user.x a b\n",
		"set user.x %4a\n",
		"set user.x %61\n",
		"set redirect file:/x\n",
		"redirect %\n",
		"redirect \n",
		"stat \n",
		"stat a  b\n",
		"stat a \n",
		"version % 1 " A "\n",
		"version a:b 1 " A "\n",
		"version /a 1 " A "\n",
		"version a%0A 1 " A "\n",
		"version a\xc2\x85 1 " A "\n",
		"version a\xff 1 " A "\n",
		"version a 0 " A "\n",
		"version " UPPER " 1 " A "\n",
		"config format 1\n", /* behind commit 0 */
		"\n",
		("drop " A), /* cut off */
		"set % x\n",
		"set user.x a%00\n",
		"set user.x%00 a\n",
		"redirect a%00\n",
		"redirect a b\n",
		"version a 1 aa\n",
		"version a x " A "\n",
		"version a 1 " A " x\n",
		"version a 1\n",
		"segment aa 5\n",
		"segment " A " x\n",
		"condemn aa\n",
		"lost aa tree\n",
		"drop\n",
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", COMMIT, bad[i]);
		commit_is(text, BLK_CORRUPT);
	}
	commit_is("commit 1\nnumber 7\ntime 1\n", BLK_CORRUPT);
	commit_is("commit 1\nnumber 0\nprevious " A "\n", BLK_CORRUPT);
}

/* Each line of the head left out, given twice, and with a field more. */
static void
every_line_of_the_head_is_needed_in_its_place(void **state)
{
	static const char *const bad[] = {
		"commit 1\nnumber 07\nprevious " A "\ntime 1\nhost h\n"
		"program p\nsession " STORE " 3\n",
		"commit 1\nnumber 7\nprevious aa\ntime 1\nhost h\n"
		"program p\nsession " STORE " 3\n",
		"commit 1\nnumber 7\nprevious " A "\ntime -0\nhost h\n"
		"program p\nsession " STORE " 3\n",
		"commit 1\nnumber 7\nprevious " A "\ntime 1\nhost h%00\n"
		"program p\nsession " STORE " 3\n",
		"commit 1\nnumber 7\nprevious " A "\ntime 1\nhost h\n"
		"program %70\nsession " STORE " 3\n",
		"commit 1\nnumber 7\nprevious " A "\ntime 1\nhost h\n"
		"program p\nsession 01 3\n",
		"commit 1\nnumber 7\nprevious " A "\ntime 1\nhost h\n"
		"program p\nsession " STORE " 03\n",
	};
	static const char head[] = COMMIT;
	char text[2 * sizeof(head)];
	size_t len;

	(void)state;
	for (size_t at = 0; head[at] != '\0'; at += len) {
		len = strcspn(head + at, "\n") + 1;
		snprintf(text, sizeof(text), "%.*s%s", (int)at, head,
		    head + at + len);
		commit_is(text, BLK_CORRUPT);
		snprintf(text, sizeof(text), "%.*s x\n%s", (int)(at + len - 1),
		    head, head + at + len);
		commit_is(text, BLK_CORRUPT);
		if (head[at + len] == '\0')
			continue; /* said twice it is a line no blk knows */
		snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(at + len),
		    head, (int)len, head + at, head + at + len);
		commit_is(text, BLK_CORRUPT);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		commit_is(bad[i], BLK_CORRUPT);
}

static void
what_a_newer_blk_wrote_is_told_from_damage(void **state)
{
	static const struct {
		const char *text;
		enum blk_status want;
	} row[] = {
		{ "blk config 2\n", BLK_FAILED },
		{ "blk config 18446744073709551615\n", BLK_FAILED },
		{ "blk config 1\nformat 2\n", BLK_FAILED },
		{ "blk config 1\nformat 1\nincompat 4\n", BLK_FAILED },
		{ "blk config 0\n", BLK_CORRUPT },
		{ "blk config 1\nformat 0\n", BLK_CORRUPT },
		{ "blk config 02\n", BLK_CORRUPT },
		{ "blk config two\n", BLK_CORRUPT },
		{ "blk config 2", BLK_CORRUPT },
		{ "bls config 2\n", BLK_CORRUPT },
	};
	struct store_config c;

	(void)state;
	commit_is(COMMIT "rename a b\n", BLK_FAILED);
	commit_is("commit 2\n", BLK_FAILED);
	commit_is("commit 2\nwhat ever\n", BLK_FAILED);
	commit_is("commit 0\nnumber 7\n", BLK_CORRUPT);
	commit_is("commit 2x\nnumber 7\n", BLK_CORRUPT);
	commit_is("commit 2 2\nnumber 7\n", BLK_CORRUPT);
	commit_is("commit 2", BLK_CORRUPT);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fault reason = FAULT_NONE;
		struct span text = span_str(row[i].text);
		bool said;

		if (config_parse(text, &c, &reason) != row[i].want)
			fail_msg("%s: %s", row[i].text, reason.text);
		said = strstr(reason.text, "newer blk") != NULL;
		assert_true(said == (row[i].want == BLK_FAILED));
	}
}

/* --- checkpoints --- */

static struct backend *backend;
static struct codec_state *codecs;
static struct hasher *hash;
static struct segment_builder *builder;
static struct fault why;
static const struct store_config config = { .format = 1,
	.store = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	.chunker = 1,
	.min = 4096,
	.target = 12288,
	.max = 65536 };

static int
set_up(void **state)
{
	const struct backend_open_options make = { .create = true };
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };
	struct segment_origin origin = { .session = { 2 } };
	static int n;
	char url[32];

	(void)state;
	memcpy(origin.store, config.store, 16);
	snprintf(url, sizeof(url), "mem:log%d", n++);
	return backend_open(url, &make, &backend, &why) != BLK_OK ||
	    codec_state_new(&codecs, &why) != BLK_OK ||
	    hasher_new(&hash, &why) != BLK_OK ||
	    segment_builder_new(&origin, &o, codecs, hash, &builder, &why) !=
	    BLK_OK;
}

static int
tear_down(void **state)
{
	(void)state;
	segment_builder_free(builder);
	hasher_free(hash);
	codec_state_free(codecs);
	backend_close(backend);
	return 0;
}

static void
put_sealed(const char *key)
{
	const void *file;
	struct digest id;
	size_t len;

	check(segment_seal(builder, &id, &file, &len, NULL, &why), &why);
	check(backend_put(backend, key, file, len, &why), &why);
	segment_reset(builder);
}

/* Checkpoint 9, of this text. */
static void
put_text(const char *text)
{
	struct log_writer *w;
	char key[LOG_KEY_MAX];

	check(log_writer_new(builder, hash, NULL, NULL, &w, &why), &why);
	check(log_writer_add(w, span_str(text), &why), &why);
	check(log_writer_end(w, &why), &why);
	log_writer_free(w);
	checkpoint_key(9, key);
	put_sealed(key);
}

static enum blk_status
load(struct catalog **c)
{
	struct digest *root = NULL;
	enum blk_status st;
	size_t roots;

	check(catalog_memory_new(c, &why), &why);
	check((*c)->type->begin(*c, &why), &why);
	st = checkpoint_load(
	    backend, 9, config.store, *c, &root, &roots, NULL, &why);
	free(root);
	if (st == BLK_OK)
		check((*c)->type->commit(*c, &why), &why);
	else
		(*c)->type->rollback(*c);
	return st;
}

#define TAIL A A
#define BEGIN                                                                  \
	"checkpoint 1\nnumber 9\nhead " A " " TAIL "\ntime 1\nhost h\n"        \
	"program p\n"
#define CONFIG                                                                 \
	"config format 1\nconfig incompat 0\nconfig compat 0\n"                \
	"config store " STORE "\nconfig chunker 1 4096 12288 65536\n"          \
	"config mode private\nconfig writers many\n"
#define HEAD BEGIN CONFIG

static void
checkpoint_is(const char *text, enum blk_status want)
{
	struct catalog *c;
	enum blk_status st;

	put_text(text);
	st = load(&c);
	if (st != want)
		fail_msg("%s: %d, %s", text, (int)st, why.text);
	catalog_close(c);
}

static void
a_checkpoint_says_what_the_manual_says(void **state)
{
	struct catalog_head h;
	struct catalog_segment s;
	struct catalog *c;
	char *url;

	(void)state;
	checkpoint_is(HEAD, BLK_OK);
	put_text(HEAD "segment " A " 500 1 -3 commit\n"
	              "segment " B " 600 2 4 segment\n"
	              "condemned " A " 7 0 0 segment 5 orphan\n"
	              "condemned " B " 8 2 4 commit 5 damaged\n"
	              "version a 1 " A "\nversion a 2 " B "\nversion b 1 " A
	              "\nversion " A " 1 " B "\n"
	              "x-later what ever\n"
	              "name a 2 " B "\nname b 1 " A "\n"
	              "lost " A " content\nlost " A " tree\nlost " B " data\n"
	              "set user.a x\nset user.b %25\n"
	              "redirect file:/s\n"
	              "stat 3 gc a=b\nstat 3 day c\nstat 4 day d\n");
	/* A name of 64 a's sorts behind "a" and before "b". */
	assert_int_equal(load(&c), BLK_CORRUPT);
	catalog_close(c);
	put_text(HEAD "segment " A " 500 1 -3 commit\n"
	              "condemned " B " 7 0 0 segment 5 orphan\n"
	              "version a 1 " A "\nversion a 2 " B "\nversion " A " 1 " B
	              "\nversion b 1 " A "\n"
	              "name a 2 " B "\nname b 1 " A "\n"
	              "lost " A " content\nlost " A " tree\nlost " B " data\n"
	              "set user.a x\nredirect file:/s\n"
	              "stat 3 gc a=b\nstat 3 day c\nstat 4 day d\n");
	check(load(&c), &why);
	check(c->type->head_get(c, &h, &why), &why);
	assert_int_equal(h.number, 9);
	check(c->type->segment_get(c, 2, &s, &why), &why);
	assert_int_equal(s.condemned, 5);
	assert_int_equal(s.reason, REASON_ORPHAN);
	check(c->type->setting_get(c, CATALOG_REDIRECT, &url, &why), &why);
	assert_string_equal(url, "file:/s");
	free(url);
	catalog_close(c);
}

static void
a_checkpoint_in_another_spelling_or_order_is_refused(void **state)
{
	static const char *const bad[] = {
		BEGIN, /* no config */
		HEAD "segment " A " 500 1 3\n",
		HEAD "segment " A " 500 1 3 log\n",
		HEAD "segment " A " 500 1 3 commit x\n",
		HEAD "condemned " A " 7 - segment 5 orphan\n",
		HEAD "condemned " A " 7 1 1 segment 0 orphan\n",
		HEAD "condemned " A " 7 1 1 segment 5 lost\n",
		HEAD "version a 2 " A "\nversion a 1 " A "\n",
		HEAD "version a 1 " A "\nversion a 1 " A "\n",
		HEAD "version a 0 " A "\n",
		HEAD "version a:b 1 " A "\n",
		HEAD "name b 1 " A "\nname a 1 " A "\n",
		HEAD "name a 1 " A "\nname a 2 " A "\n",
		HEAD "name " A " 1 " A "\n",
		HEAD "name a 1 " A "\nversion a 1 " A "\n",
		HEAD "lost " B " data\nlost " A " data\n",
		HEAD "lost " A " tree\nlost " A " content\n",
		HEAD "set user.b x\nset user.a x\n",
		HEAD "set user.b %\n",
		HEAD "set % x\n",
		HEAD "segment " A " 500 10 3 commit\n",
		HEAD "condemned " A " 7 1 1 segment 10 collected\n",
		HEAD "x-two  spaces\n",
		HEAD "segment " A " 500 1 x commit\n",
		HEAD "segment aa 500 1 3 commit\n",
		HEAD "version a 1 aa\n",
		HEAD "name a 0 " A "\n",
		HEAD "name a:b 1 " A "\n",
		HEAD "lost " A " thing\n",
		HEAD "set user.a a%00\n",
		HEAD "redirect a%00\n",
		"checkpoint 1\nnumber 9\nhead " A " " A
		"\ntime 1\nhost h\nprogram p\n" CONFIG,
		"checkpoint 1\nnumber 9\nhead " A " " TAIL
		"\ntime -0\nhost h\nprogram p\n" CONFIG,
		BEGIN "config format 1\nconfig incompat 0\nconfig compat 0\n"
		      "config store 02020202020202020202020202020202\n"
		      "config chunker 1 4096 12288 65536\n"
		      "config mode private\nconfig writers many\n",
		HEAD "set redirect x\n",
		HEAD "redirect x\nredirect y\n",
		HEAD "redirect %\n",
		HEAD "stat gc\n",
		HEAD "stat 4 gc\nstat 3 gc\n",
		HEAD "stat 4 gc  x\n",
		HEAD "time 1\n",
		HEAD "\n",
		BEGIN "config format 1\n",
		"checkpoint 1\nnumber 9\ntime 1\n",
		"checkpoint 1\nnumber 8\nhead " A " " TAIL
		"\ntime 1\nhost h\nprogram p\n" CONFIG,
		"number 9\n" HEAD,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		checkpoint_is(bad[i], BLK_CORRUPT);
	checkpoint_is(HEAD "future x\n", BLK_FAILED);
	checkpoint_is("checkpoint 2\n", BLK_FAILED);
	checkpoint_is("checkpoint 0\n", BLK_CORRUPT);
	checkpoint_is("checkpoint two\n", BLK_CORRUPT);
}

/* --- parts --- */

static unsigned parts;

static enum blk_status
put_part(void *arg, struct segment_builder *b, struct fault *w)
{
	char key[LOG_KEY_MAX];

	(void)arg;
	(void)b;
	(void)w;
	checkpoint_part_key(9, parts += 2, key); /* numbers are left out */
	put_sealed(key);
	return BLK_OK;
}

#define SETTINGS 300000

/* A catalog of so many settings that its text does not fit into one file. */
static struct catalog *
large(void)
{
	struct catalog_head h = { .known = true, .number = 9 };
	struct catalog *c;
	char key[40], value[80];

	check(catalog_memory_new(&c, &why), &why);
	check(c->type->begin(c, &why), &why);
	check(c->type->head_set(c, &h, &why), &why);
	memset(value, 'v', 70);
	value[70] = '\0';
	for (int i = 0; i < SETTINGS; i++) {
		snprintf(key, sizeof(key), "user.%08d", i);
		check(c->type->setting_set(c, key, value, &why), &why);
	}
	check(c->type->commit(c, &why), &why);
	return c;
}

static void
what_does_not_fit_into_one_file_lies_in_parts(void **state)
{
	const struct checkpoint_maker m = { .config = &config,
		.host = "h",
		.program = "p",
		.spill = put_part };
	struct catalog *c = large(), *again;
	struct digest a, b;
	const void *file;
	size_t len;
	char key[LOG_KEY_MAX];

	(void)state;
	parts = 0;
	check(checkpoint_build(builder, hash, c, &m, &why), &why);
	assert_true(parts >= 2);
	check(segment_seal(builder, &a, &file, &len, NULL, &why), &why);
	check(checkpoint_verify(backend, file, len, c, &config, &why), &why);
	checkpoint_key(9, key);
	check(backend_put(backend, key, file, len, &why), &why);
	check(load(&again), &why);
	check(checkpoint_digest(c, &a, &why), &why);
	check(checkpoint_digest(again, &b, &why), &why);
	assert_true(digest_equal(&a, &b));
	catalog_close(again);

	/* A part of rubbish beside them is passed over; one that is gone is
	 * missed. */
	checkpoint_part_key(9, 1, key);
	check(backend_put(backend, key, "rubbish", 7, &why), &why);
	check(load(&again), &why);
	catalog_close(again);
	checkpoint_part_key(9, 2, key);
	check(backend_remove(backend, key, &why), &why);
	assert_int_equal(load(&again), BLK_CORRUPT);
	catalog_close(again);
	catalog_close(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_that_is_read_is_written_the_same),
		TEST(a_commit_in_another_spelling_is_refused),
		TEST(every_line_of_the_head_is_needed_in_its_place),
		TEST(what_a_newer_blk_wrote_is_told_from_damage),
		TEST(a_checkpoint_says_what_the_manual_says),
		TEST(a_checkpoint_in_another_spelling_or_order_is_refused),
		TEST(what_does_not_fit_into_one_file_lies_in_parts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The lines of structures, and where the chunks of objects lie.
 */
#include "reader-made.h"

#include <stdio.h>

#include "text.h"

/* --- lines --- */

struct lines {
	size_t count, bytes, stop;
};

static enum blk_status
take_text_line(void *arg, struct span line, struct fault *why)
{
	struct lines *l = arg;

	l->count++;
	l->bytes += line.len + 1;
	return l->count == l->stop ? fault(why, BLK_BUSY, "stop") : BLK_OK;
}

static void
the_lines_of_a_long_tree_come_joined(void **state)
{
	struct buf text = BUF_INIT(64 << 20), got = BUF_INIT(64 << 20);
	struct digest empty = shop_add(&p, KIND_DATA, "", 0), tree;
	struct lines l = { .count = 0 };
	char line[200], hex[DIGEST_HEX];
	struct cutter *c;
	const void *head;
	size_t len;

	(void)state;
	digest_hex(&empty, hex);
	OK(cutter_new(p.hash, keep_piece, NULL, &c, &p.why));
	for (int i = 0; i < 15000; i++) {
		int n = snprintf(line, sizeof(line),
		    "F 644 0 0 1700000000000000000 0 %s file%08d\n", hex, i);

		OK(cutter_line(c, line, (size_t)n, (size_t)n, &p.why));
		OK(buf_add(&text, line, (size_t)n, &p.why));
	}
	OK(cutter_end(c, &head, &len, &p.why));
	assert_memory_equal(head, "p ", 2);
	tree = shop_add(&p, KIND_TREE, head, len);
	cutter_free(c);
	shop_finish(&p, "t", CLASS_TREE, &tree);

	OK(reader_text(p.s, &tree, CLASS_TREE, &got, &p.why));
	assert_int_equal(got.len, text.len);
	assert_memory_equal(got.data, text.data, text.len);
	OK(reader_lines(p.s, &tree, CLASS_TREE, take_text_line, &l, &p.why));
	assert_int_equal(l.count, 15000);
	assert_int_equal(l.bytes, text.len);
	l = (struct lines){ .stop = 14000 };
	assert_int_equal(
	    reader_lines(p.s, &tree, CLASS_TREE, take_text_line, &l, &p.why),
	    BLK_BUSY);
	assert_int_equal(l.count, 14000);
	got.max = 1000;
	got.len = 10;
	assert_int_equal(
	    reader_text(p.s, &tree, CLASS_TREE, &got, &p.why), BLK_INVALID);
	assert_int_equal(got.len, 10);
	buf_release(&text);
	buf_release(&got);
}

static void
a_version_and_a_list_have_lines(void **state)
{
	struct buf got = BUF_INIT(1 << 20);
	const struct catalog_query q = { .name = "made" };
	struct lines l = { .count = 0 };
	struct digest vid;
	struct made m;

	(void)state;
	make(&m, 12, 50);
	OK(store_catalog(p.s)->type->version_each(
	    store_catalog(p.s), &q, first_vid, &vid, &p.why));
	OK(reader_text(p.s, &vid, CLASS_VERSION, &got, &p.why));
	assert_memory_equal(got.data, "version 1\nname made\n", 20);
	OK(reader_lines(p.s, &m.id, CLASS_CONTENT, take_text_line, &l, &p.why));
	assert_int_equal(l.count, 12);
	assert_int_equal(reader_lines(p.s, &m.first, CLASS_CONTENT,
	                     take_text_line, &l, &p.why),
	    BLK_INVALID);
	assert_int_equal(
	    reader_lines(p.s, &m.first, CLASS_DATA, take_text_line, &l, &p.why),
	    BLK_INVALID);
	buf_release(&got);
	made_release(&m);
}

static void
a_tree_that_is_damaged_is_named(void **state)
{
	struct digest empty = shop_add(&p, KIND_DATA, "", 0), tree, segment;
	struct buf got = BUF_INIT(1000);
	char text[200], hex[DIGEST_HEX];

	(void)state;
	digest_hex(&empty, hex);
	snprintf(text, sizeof(text), "F 644 0 0 0 0 %s a\n", hex);
	tree = shop_add(&p, KIND_TREE, text, strlen(text));
	segment = shop_finish(&p, "t", CLASS_TREE, &tree);
	OK(reader_text(p.s, &tree, CLASS_TREE, &got, &p.why));
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.data, text, got.len);
	shop_spoil(&p, &segment, SEGMENT_HEADER + 10);
	assert_int_equal(
	    reader_text(p.s, &tree, CLASS_TREE, &got, &p.why), BLK_CORRUPT);
	assert_non_null(strstr(p.why.text, hex_of(&segment)));
	assert_int_equal(got.len, strlen(text));
	assert_int_equal(damaged(), 1);
	buf_release(&got);
}

/* --- chunks --- */

struct tour {
	const struct made *m;
	uint64_t at;
	size_t count;
};

static enum blk_status
see_chunk(void *arg, const struct reader_chunk *c, struct fault *why)
{
	struct catalog *catalog = store_catalog(p.s);
	struct catalog_segment seg;
	struct tour *t = arg;
	struct digest id;

	assert_int_equal(c->offset, t->at);
	OK(digest_of(t->m->bytes.data + c->offset, c->length, &id, why));
	assert_true(digest_equal(&id, &c->id));
	OK(catalog->type->segment_get(catalog, c->copy.seq, &seg, why));
	assert_int_equal(c->copy.kind, KIND_DATA);
	assert_int_equal(c->copy.length, c->length);
	assert_true(digest_equal(&seg.id, &t->m->segment));
	t->at += c->length;
	t->count++;
	return BLK_OK;
}

static void
chunks_are_told_in_order_with_the_copy_that_answers(void **state)
{
	struct made first, m;
	struct tour t = { .m = &m };

	(void)state;
	make_chunks(&first, 700, 20, SEED);
	make_chunks(&m, 700, 20, SEED); /* added later: these win */
	make_list(&m, "m");
	OK(reader_chunks(p.s, &m.id, see_chunk, &t, &p.why));
	assert_int_equal(t.at, m.bytes.len);
	assert_int_equal(t.count, 700);
	made_release(&first);
	made_release(&m);
}

static void
data_is_one_chunk(void **state)
{
	struct made m = { .bytes = BUF_INIT(100) };
	struct tour t = { .m = &m };

	(void)state;
	OK(buf_add(&m.bytes, "abc", 3, &p.why));
	m.id = shop_add(&p, KIND_DATA, "abc", 3);
	m.segment = shop_finish(&p, "m", CLASS_CONTENT, &m.id);
	shop_lose(&p, &m.segment); /* it is not read */
	OK(reader_chunks(p.s, &m.id, see_chunk, &t, &p.why));
	assert_int_equal(t.count, 1);
	assert_int_equal(t.at, 3);
	made_release(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_lines_of_a_long_tree_come_joined),
		T(a_version_and_a_list_have_lines),
		T(a_tree_that_is_damaged_is_named),
		T(chunks_are_told_in_order_with_the_copy_that_answers),
		T(data_is_one_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

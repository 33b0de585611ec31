/*
 * One object of a large segment, of which no more is read than must be.
 */
#include "reader-made.h"

/* The middle of the table, far from the entries of the first and of the last
 * object. */
static size_t
middle_of_table(const struct made *m)
{
	uint8_t *trailer;
	char key[SEGMENT_KEY_MAX];
	uint64_t offset, length;
	void *file = NULL;
	size_t len;

	segment_key(&m->segment, key);
	OK(backend_get_all(
	    store_backend(p.s), key, SEGMENT_MAX, &file, &len, &p.why));
	trailer = (uint8_t *)file + len - SEGMENT_TRAILER;
	OK(segment_trailer(trailer, len, &offset, &length, &p.why));
	free(file);
	assert_true(length > 3 * SEGMENT_GLANCE);
	return (size_t)(offset + length / 2);
}

static uint64_t
gets(void)
{
	return store_backend(p.s)->operations[BACKEND_OP_GET];
}

/* A chunk, by itself: a part of m's bytes. */
static void
assert_gives_chunk(
    const struct made *m, const struct digest *id, bool at_the_end)
{
	const uint8_t *bytes = m->bytes.data;
	struct taker t = TAKER;

	if (reader_content(p.s, id, 0, READER_ALL, 1, take, &t, &p.why) !=
	    BLK_OK)
		fail_msg("%s", p.why.text);
	assert_in_range(t.got.len, 1, m->bytes.len);
	if (at_the_end)
		bytes += m->bytes.len - t.got.len;
	assert_memory_equal(t.got.data, bytes, t.got.len);
	buf_release(&t.got);
}

static void
one_object_needs_no_whole_table(void **state)
{
	struct made m;
	uint64_t before;

	(void)state;
	make(&m, 8000, 100);
	frames_forget(store_frames(p.s), &m.segment);
	assert_gives_chunk(&m, &m.last, true);
	/* whoever wants a second one has the table read, once */
	assert_gives_chunk(&m, &m.first, false);
	before = gets();
	assert_gives_chunk(&m, &m.last, true);
	assert_in_range(gets() - before, 0, 1);
	/* not even a sound one */
	shop_spoil(&p, &m.segment, middle_of_table(&m));
	assert_gives_chunk(&m, &m.last, true);
	assert_gives_chunk(&m, &m.first, false);
	assert_int_equal(damaged(), 0);
	made_release(&m);
}

static void
one_object_that_is_damaged_does_not_come_out(void **state)
{
	struct taker t = TAKER;
	struct made m;

	(void)state;
	make(&m, 8000, 100);
	shop_spoil(&p, &m.segment, SEGMENT_HEADER + 1);
	assert_int_equal(
	    reader_content(p.s, &m.first, 0, READER_ALL, 1, take, &t, &p.why),
	    BLK_CORRUPT);
	if (strstr(p.why.text, "do not match its id") == NULL)
		fail_msg("%s", p.why.text);
	assert_int_equal(t.got.len, 0);
	assert_int_equal(damaged(), 1);
	assert_gives_chunk(&m, &m.last, true);
	buf_release(&t.got);
	made_release(&m);
}

/* A packed frame of many blocks, and a table that is not long. */
static void
one_object_comes_out_of_the_midst_of_a_frame(void **state)
{
	struct made m = { .bytes = BUF_INIT(SIZE_MAX) };
	struct digest id[600];
	struct taker t = TAKER;
	uint32_t seed = SEED;
	uint64_t before;
	char text[2000];

	(void)state;
	OK(cutter_new(p.hash, keep_piece, NULL, &m.cutter, &p.why));
	for (unsigned i = 0; i < 600; i++) {
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = "0123456789abcdef"[(draw(&seed) >> 8) % 16];
		id[i] = shop_add(&p, KIND_DATA, text, sizeof(text));
		OK(buf_add(&m.bytes, text, sizeof(text), &p.why));
		add_chunk_line(&m, &id[i], sizeof(text));
	}
	m.segment = shop_publish(&p);
	make_list(&m, "m");
	for (unsigned i = 0; i < 600; i += i < 8 ? 1 : 37) {
		frames_forget(store_frames(p.s), &m.segment);
		t.got.len = 0;
		OK(reader_content(
		    p.s, &id[i], 0, READER_ALL, 1, take, &t, &p.why));
		assert_int_equal(t.got.len, sizeof(text));
		assert_memory_equal(
		    t.got.data, m.bytes.data + i * sizeof(text), sizeof(text));
	}
	frames_forget(store_frames(p.s), &m.segment);
	/* the first has left no frame behind, the second does */
	for (unsigned i = 0; i < 3; i++) {
		before = gets();
		OK(reader_content(
		    p.s, &id[i], 0, READER_ALL, 1, take, &t, &p.why));
		assert_int_equal(gets() - before, i == 0 ? 4 : i == 1);
	}
	shop_spoil(&p, &m.segment, 300000);
	t.got.len = 0;
	assert_int_equal(
	    reader_content(p.s, &id[0], 0, READER_ALL, 1, take, &t, &p.why),
	    BLK_CORRUPT);
	if (strstr(p.why.text, "frame at 96 is damaged") == NULL)
		fail_msg("%s", p.why.text);
	assert_int_equal(t.got.len, 0);
	assert_int_equal(damaged(), 1);
	made_release(&m);
	buf_release(&t.got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_object_needs_no_whole_table),
		T(one_object_that_is_damaged_does_not_come_out),
		T(one_object_comes_out_of_the_midst_of_a_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

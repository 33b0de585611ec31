/*
 * What is sound comes out as it was put in.
 */
#include "reader-made.h"

#include <stdio.h>

#include "tmpdir.h"
#include "writer.h"

#define CHUNKS 20000 /* enough for a list of several pieces */

/* --- what is sound --- */

static void
an_object_of_one_chunk_comes_out(void **state)
{
	struct buf all = BUF_INIT(100);
	struct digest id;
	uint64_t size;

	(void)state;
	OK(buf_add(&all, "hello, world", 12, &p.why));
	id = shop_add(&p, KIND_DATA, all.data, all.len);
	shop_finish(&p, "a", CLASS_CONTENT, &id);
	OK(reader_size(p.s, &id, &size, &p.why));
	assert_int_equal(size, 12);
	assert_gives(&id, &all, 0, READER_ALL, 1);
	assert_gives(&id, &all, 0, 12, 4);
	assert_gives(&id, &all, 7, 3, 1);
	assert_gives(&id, &all, 7, READER_ALL, 1);
	assert_gives(&id, &all, 12, 0, 1);
	buf_release(&all);
}

static void
the_empty_object_comes_out_as_nothing(void **state)
{
	struct digest id = shop_add(&p, KIND_DATA, "", 0);
	struct buf b = BUF_INIT(0);
	struct taker t = TAKER;
	uint64_t size = 1;

	(void)state;
	shop_finish(&p, "a", CLASS_CONTENT, &id);
	OK(reader_size(p.s, &id, &size, &p.why));
	assert_int_equal(size, 0);
	OK(reader_content(p.s, &id, 0, READER_ALL, 1, take, &t, &p.why));
	assert_int_equal(t.calls, 0);
	OK(reader_slurp(p.s, &id, &b, &p.why));
	assert_int_equal(b.len, 0);
	buf_release(&b);
}

static void
check_ranges(const struct made *m, unsigned jobs, int n)
{
	uint32_t state = SEED + jobs;

	for (int i = 0; i < n; i++) {
		uint64_t offset = draw(&state) % (m->bytes.len + 1);
		uint64_t len = draw(&state) % (m->bytes.len - offset + 1);

		if (i % 3 == 0 && len > 500)
			len = draw(&state) % 500;
		assert_gives(&m->id, &m->bytes, offset, len, jobs);
	}
}

static void
a_list_comes_out_joined(void **state)
{
	struct made m;
	uint64_t size;

	(void)state;
	make(&m, 700, 2000);
	OK(reader_size(p.s, &m.id, &size, &p.why));
	assert_int_equal(size, m.bytes.len);
	for (unsigned jobs = 1; jobs <= 5; jobs++) {
		assert_gives(&m.id, &m.bytes, 0, READER_ALL, jobs);
		check_ranges(&m, jobs, 50);
	}
	made_release(&m);
}

static void
a_list_in_pieces_comes_out_joined(void **state)
{
	struct made m;

	(void)state;
	make(&m, CHUNKS, 12);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 3);
	assert_gives(&m.id, &m.bytes, m.bytes.len, READER_ALL, 3);
	check_ranges(&m, 1, 60);
	check_ranges(&m, 2, 20);
	made_release(&m);
}

static void
a_store_in_a_directory_gives_the_same(void **state)
{
	char dir[TMPDIR_MAX], url[TMPDIR_MAX + 16];
	struct made m;

	(void)state;
	shop_close(&p);
	assert_int_equal(tmpdir_make(dir), 0);
	snprintf(url, sizeof(url), "file:%s/store", dir);
	shop_open(&p, url);
	make(&m, 2000, 9000);
	shop_close(&p);
	shop_open(&p, url);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 4);
	check_ranges(&m, 2, 20);
	made_release(&m);
	assert_int_equal(tmpdir_remove(dir), 0);
}

static enum blk_status
name_made(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct made *m = arg;
	char name[] = "written", type[] = "";
	struct version v = { .name = name,
		.class = CLASS_CONTENT,
		.id = m->id,
		.size = m->bytes.len,
		.type = type };
	struct digest vid;

	return store_add_version(s, k, &v, &vid, why);
}

static void
what_the_writer_wrote_comes_out(void **state)
{
	const struct writer_options o = { .lanes = 1, .max_memory = 64 << 20 };
	struct made m = { .bytes = BUF_INIT(SIZE_MAX) };
	struct store_outcome out;
	struct writer *w;
	uint32_t seed = SEED;
	uint64_t size;

	(void)state;
	OK(buf_reserve(&m.bytes, 20 << 20, &p.why));
	for (m.bytes.len = 0; m.bytes.len < 20 << 20; m.bytes.len++)
		m.bytes.data[m.bytes.len] = (uint8_t)(draw(&seed) >> 14 & 31);
	memcpy(m.bytes.data + (10 << 20), m.bytes.data, 3 << 20);
	OK(writer_open(p.s, &o, &w, &p.why));
	OK(lane_begin(writer_lane(w, 0), &p.why));
	OK(lane_add(writer_lane(w, 0), m.bytes.data, m.bytes.len, &p.why));
	OK(lane_end(writer_lane(w, 0), &m.id, &size, &p.why));
	assert_int_equal(size, m.bytes.len);
	OK(writer_commit(w, name_made, &m, &out, &p.why));
	writer_close(w);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 4);
	check_ranges(&m, 2, 20);
	made_release(&m);
}

static void
chunks_found_anywhere_come_out_in_order(void **state)
{
	struct made a, b, mixed = { .bytes = BUF_INIT(SIZE_MAX) };
	uint32_t seed = SEED;
	uint8_t data[64];

	(void)state;
	make_chunks(&a, 300, 40, 1);
	make_chunks(&b, 300, 40, 2);
	OK(cutter_new(p.hash, keep_piece, NULL, &mixed.cutter, &p.why));
	for (int i = 0; i < 3000; i++) {
		struct digest id;
		uint32_t n = draw(&seed) % 500;

		/* Each segment holds some of 500 chunks, in any order. */
		memset(data, (int)(n % 251), sizeof(data));
		OK(digest_of(data, 8 + n % 50, &id, &p.why));
		shop_add_as(&p, &id, KIND_DATA, data, 8 + n % 50);
		if (i % 500 == 499)
			shop_publish(&p);
		OK(buf_add(&mixed.bytes, data, 8 + n % 50, &p.why));
		add_chunk_line(&mixed, &id, 8 + n % 50);
	}
	make_list(&mixed, "mixed");
	make_list(&a, "a");
	make_list(&b, "b");
	assert_gives(&mixed.id, &mixed.bytes, 0, READER_ALL, 1);
	assert_gives(&mixed.id, &mixed.bytes, 0, READER_ALL, 3);
	assert_gives(&a.id, &a.bytes, 0, READER_ALL, 2);
	assert_gives(&b.id, &b.bytes, 5, READER_ALL, 2);
	made_release(&a);
	made_release(&b);
	made_release(&mixed);
}

/* facts_many of the memory catalog, counted. */
static struct catalog_type counting;
static enum blk_status (*facts_many)(struct catalog *c, const struct digest *id,
    size_t n, struct catalog_facts *f, struct fault *why);
static size_t asked;

static enum blk_status
count_facts(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	asked += n;
	for (size_t i = 1; i < n; i++)
		assert_true(digest_compare(&id[i - 1], &id[i]) <= 0);
	return facts_many(c, id, n, f, why);
}

static enum blk_status
deny_facts(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	(void)c;
	(void)id;
	(void)n;
	(void)f;
	return fault(why, BLK_CORRUPT, "index: a row is damaged");
}

static void use_facts(enum blk_status (*f)(struct catalog *,
    const struct digest *, size_t, struct catalog_facts *, struct fault *))
{
	struct catalog *c = store_catalog(p.s);

	counting = *c->type;
	facts_many = counting.facts_many;
	counting.facts_many = f;
	c->type = &counting;
	asked = 0;
}

static void
chunks_behind_each_other_are_not_looked_up(void **state)
{
	struct made m;

	(void)state;
	make(&m, 5000, 12);
	use_facts(count_facts);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_in_range(asked, 1, 5000 / 97 * 3 * 16);
	made_release(&m);
}

static void
an_unsound_catalog_is_said(void **state)
{
	struct made m;

	(void)state;
	make(&m, 10, 50);
	use_facts(deny_facts);
	assert_fails(BLK_CORRUPT, &m, 1, "a row is damaged");
	made_release(&m);
}

/* Unsound the first time, sound when it was made again. */
static enum blk_status
deny_once(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	if (asked++ == 0)
		return deny_facts(c, id, n, f, why);
	return facts_many(c, id, n, f, why);
}

static void
an_unsound_index_is_made_again(void **state)
{
	char dir[TMPDIR_MAX], url[TMPDIR_MAX + 16];
	struct made m;

	(void)state;
	shop_close(&p);
	assert_int_equal(tmpdir_make(dir), 0);
	snprintf(url, sizeof(url), "file:%s/store", dir);
	shop_open_indexed(&p, url);
	make(&m, 700, 200);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 2);
	use_facts(deny_once);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 2);
	assert_true(asked > 1);
	use_facts(deny_facts);
	assert_fails(BLK_CORRUPT, &m, 1, "a row is damaged");
	made_release(&m);
	assert_int_equal(tmpdir_remove(dir), 0);
}

static void
what_is_not_counted_is_absent(void **state)
{
	struct digest other = { { 1 } };
	struct buf b = BUF_INIT(100);
	struct taker t = TAKER;
	struct made m;
	uint64_t size;

	(void)state;
	make(&m, 10, 50);
	assert_int_equal(reader_size(p.s, &other, &size, &p.why), BLK_ABSENT);
	assert_int_equal(
	    reader_content(p.s, &other, 0, READER_ALL, 1, take, &t, &p.why),
	    BLK_ABSENT);
	assert_int_equal(reader_slurp(p.s, &other, &b, &p.why), BLK_ABSENT);
	assert_int_equal(
	    reader_text(p.s, &m.id, CLASS_TREE, &b, &p.why), BLK_ABSENT);
	assert_int_equal(
	    reader_chunks(p.s, &other, NULL, NULL, &p.why), BLK_ABSENT);
	made_release(&m);
}

static void
a_chunk_is_an_object_too(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct digest id;
	struct made m;

	(void)state;
	make(&m, 10, 50);
	OK(reader_slurp(p.s, &m.first, &b, &p.why));
	OK(digest_of(b.data, b.len, &id, &p.why));
	assert_true(digest_equal(&id, &m.first));
	assert_memory_equal(b.data, m.bytes.data, b.len);
	buf_release(&b);
	made_release(&m);
}

static void
what_lies_beyond_the_end_is_refused(void **state)
{
	struct taker t = TAKER;
	struct made m;

	(void)state;
	make(&m, 10, 50);
	assert_int_equal(reader_content(p.s, &m.id, m.bytes.len + 1, READER_ALL,
	                     1, take, &t, &p.why),
	    BLK_INVALID);
	assert_int_equal(
	    reader_content(p.s, &m.id, 1, m.bytes.len, 1, take, &t, &p.why),
	    BLK_INVALID);
	assert_int_equal(
	    reader_content(p.s, &m.id, 1, READER_ALL - 1, 1, take, &t, &p.why),
	    BLK_INVALID);
	assert_int_equal(t.calls, 0);
	made_release(&m);
}

static void
a_sink_that_stops_is_obeyed(void **state)
{
	struct made m;

	(void)state;
	make(&m, 3000, 3000);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct taker t = TAKER;

		t.stop = BLK_BUSY;
		t.stop_at = m.bytes.len / 2;
		assert_int_equal(reader_content(p.s, &m.id, 0, READER_ALL, jobs,
		                     take, &t, &p.why),
		    BLK_BUSY);
		assert_in_range(t.got.len, 1, m.bytes.len / 2);
		buf_release(&t.got);
	}
	made_release(&m);
}

static void
what_is_too_large_is_not_slurped(void **state)
{
	struct buf b = BUF_INIT(0);
	struct made m;

	(void)state;
	make(&m, 10, 50);
	b.max = m.bytes.len + 2;
	OK(buf_add(&b, "abc", 3, &p.why));
	assert_int_equal(reader_slurp(p.s, &m.id, &b, &p.why), BLK_INVALID);
	assert_int_equal(b.len, 3);
	b.max++;
	OK(reader_slurp(p.s, &m.id, &b, &p.why));
	assert_int_equal(b.len, m.bytes.len + 3);
	assert_memory_equal(b.data + 3, m.bytes.data, m.bytes.len);
	buf_release(&b);
	made_release(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_object_of_one_chunk_comes_out),
		T(the_empty_object_comes_out_as_nothing),
		T(a_list_comes_out_joined),
		T(a_list_in_pieces_comes_out_joined),
		T(a_store_in_a_directory_gives_the_same),
		T(what_the_writer_wrote_comes_out),
		T(chunks_found_anywhere_come_out_in_order),
		T(chunks_behind_each_other_are_not_looked_up),
		T(an_unsound_catalog_is_said),
		T(an_unsound_index_is_made_again),
		T(what_is_not_counted_is_absent),
		T(a_chunk_is_an_object_too),
		T(what_lies_beyond_the_end_is_refused),
		T(a_sink_that_stops_is_obeyed),
		T(what_is_too_large_is_not_slurped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

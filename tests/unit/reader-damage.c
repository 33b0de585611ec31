/*
 * What is damaged, missing or made by an enemy is never taken for sound.
 */
#include "reader-made.h"

#include <stdio.h>

/* --- what is damaged --- */

static void
a_damaged_chunk_is_named_and_noted(void **state)
{
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	shop_spoil(&p, &m.segment, 700000);
	assert_int_equal(damaged(), 0);
	assert_fails(BLK_CORRUPT, &m, 1, hex_of(&m.segment));
	assert_int_equal(damaged(), 1);
	assert_fails(BLK_CORRUPT, &m, 4, "data ");
	made_release(&m);
}

static void
a_part_beside_the_damage_comes_out(void **state)
{
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	shop_spoil(&p, &m.segment, 700000);
	assert_gives(&m.id, &m.bytes, 0, 300000, 2);
	assert_gives(&m.id, &m.bytes, m.bytes.len - 300000, READER_ALL, 2);
	assert_int_equal(damaged(), 0);
	made_release(&m);
}

static void
another_copy_takes_the_place_of_a_damaged_one(void **state)
{
	struct digest list;
	struct made a, b;

	(void)state;
	make_chunks(&a, 700, 2000, SEED);
	make_chunks(&b, 700, 2000, SEED);
	list = make_list(&b, "b");
	shop_spoil(&p, &b.segment, 700000);
	shop_spoil(&p, &b.segment, 100);
	assert_gives(&b.id, &b.bytes, 0, READER_ALL, 1);
	assert_in_range(damaged(), 2, 128);
	assert_gives(&b.id, &b.bytes, 0, READER_ALL, 3);
	shop_spoil(&p, &a.segment, 700000);
	assert_fails(BLK_CORRUPT, &b, 3, hex_of(&b.segment));
	shop_spoil(&p, &list, 110);
	assert_fails(BLK_CORRUPT, &b, 1, hex_of(&list));
	made_release(&a);
	made_release(&b);
}

static enum blk_status
keep_chunk(void *arg, const struct reader_chunk *c, struct fault *why)
{
	(void)why;
	*(struct reader_chunk *)arg = *c;
	return BLK_OK;
}

static void
a_list_that_is_damaged_yields_to_data(void **state)
{
	struct reader_chunk got = { .length = 0 };
	struct digest list;
	struct made m;

	(void)state;
	make_chunks(&m, 10, 100, SEED);
	shop_add(&p, KIND_DATA, m.bytes.data, m.bytes.len);
	shop_publish(&p);
	list = make_list(&m, "m");
	shop_spoil(&p, &list, 100);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_int_equal(damaged(), 1);
	OK(reader_chunks(p.s, &m.id, keep_chunk, &got, &p.why));
	assert_int_equal(got.length, m.bytes.len);
	assert_int_equal(got.copy.kind, KIND_DATA);
	made_release(&m);
}

/* Puts the right bytes back as soon as the wrong ones were read. */
struct flicker {
	const char *key;
	void *file;
	size_t len;
	int reads;
	enum blk_status fail;
};

static enum blk_status
flicker(void *arg, enum backend_op op, const char *key, bool before,
    struct fault *why)
{
	struct flicker *f = arg;

	if (op != BACKEND_OP_GET || strcmp(key, f->key) != 0)
		return BLK_OK;
	if (before && f->fail != BLK_OK)
		return fault(why, f->fail, "%s: Input/output error", key);
	if (!before && f->file != NULL && f->reads++ == 1)
		return backend_put(
		    store_backend(p.s), key, f->file, f->len, why);
	return BLK_OK;
}

static void
a_byte_that_was_wrong_once_is_not_judged(void **state)
{
	struct backend *b = store_backend(p.s);
	char key[SEGMENT_KEY_MAX];
	struct flicker f = { .key = key };
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	segment_key(&m.segment, key);
	OK(backend_get_all(b, key, SEGMENT_MAX, &f.file, &f.len, &p.why));
	shop_spoil(&p, &m.segment, 200);
	b->probe = (struct backend_probe){ flicker, &f };
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	assert_int_equal(damaged(), 0);
	assert_true(f.reads > 1);
	b->probe = (struct backend_probe){ NULL, NULL };
	free(f.file);
	made_release(&m);
}

static void
an_error_of_the_disk_is_no_damage(void **state)
{
	struct backend *b = store_backend(p.s);
	struct flicker f = { .fail = BLK_FAILED };
	char key[SEGMENT_KEY_MAX];
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	segment_key(&m.segment, key);
	f.key = key;
	frames_forget(store_frames(p.s), &m.segment);
	b->probe = (struct backend_probe){ flicker, &f };
	assert_fails(BLK_FAILED, &m, 1, "Input/output error");
	assert_fails(BLK_FAILED, &m, 3, "Input/output error");
	assert_int_equal(damaged(), 0);
	b->probe = (struct backend_probe){ NULL, NULL };
	made_release(&m);
}

static void
a_missing_segment_is_named(void **state)
{
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	shop_lose(&p, &m.segment);
	assert_fails(BLK_CORRUPT, &m, 1, "is missing");
	assert_fails(BLK_CORRUPT, &m, 3, hex_of(&m.segment));
	made_release(&m);
}

static void
the_log_is_read_up_to_a_damaged_commit(void **state)
{
	struct backend *b = store_backend(p.s);
	struct catalog *c = store_catalog(p.s);
	struct catalog_head h, after;
	char key[LOG_KEY_MAX];
	uint64_t gets = 0;
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	OK(c->type->head_get(c, &h, &p.why));
	log_key(h.number + 1, key);
	OK(backend_put(b, key, "rubbish", 7, &p.why));
	gets = b->operations[BACKEND_OP_GET];
	OK(store_sync(p.s, &p.why));
	assert_in_range(b->operations[BACKEND_OP_GET] - gets, 1, 100);
	OK(c->type->head_get(c, &after, &p.why));
	assert_int_equal(after.number, h.number);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 1);
	made_release(&m);
}

/* --- what is moved or dropped by another process meanwhile --- */

/* Another process, and the file of a segment gone as it leaves it. */
static void
others(const struct made *m, bool keep, struct made *moved)
{
	const struct catalog_query q = { .name = "m" };
	struct shop mine = p;
	struct digest vid;

	shop_open(&p, "mem:reader");
	if (keep) {
		make_chunks(moved, 700, 2000, SEED);
	} else {
		OK(store_catalog(p.s)->type->version_each(
		    store_catalog(p.s), &q, first_vid, &vid, &p.why));
		shop_drop(&p, &vid);
		shop_commit(&p);
	}
	shop_condemn(&p, &m->segment);
	shop_commit(&p);
	shop_lose(&p, &m->segment);
	shop_close(&p);
	p = mine;
	frames_forget(store_frames(p.s), &m->segment);
}

static void
what_was_moved_is_found_again(void **state)
{
	struct made m, moved;

	(void)state;
	for (unsigned jobs = 1; jobs < 4; jobs += 2) {
		make_chunks(&m, 700, 2000, SEED);
		make_list(&m, "m");
		others(&m, true, &moved);
		assert_gives(&m.id, &m.bytes, 0, READER_ALL, jobs);
		made_release(&m);
		made_release(&moved);
	}
	assert_int_equal(damaged(), 0);
}

static void
what_was_dropped_is_absent(void **state)
{
	struct made m, moved;

	(void)state;
	for (unsigned jobs = 1; jobs < 4; jobs += 2) {
		make_chunks(&m, 700, 2000, SEED);
		make_list(&m, "m");
		others(&m, false, &moved);
		assert_fails(BLK_ABSENT, &m, jobs, NULL);
		made_release(&m);
	}
}

/* --- what a newer blk made --- */

static void
a_segment_of_a_newer_format_is_refused(void **state)
{
	struct digest id = shop_add(&p, KIND_DATA, "abc", 3), segment;
	const struct store_options o = { .url = "mem:reader" };
	struct segment_table t = { .frame = NULL };
	struct store *old;
	uint8_t *newer;
	const void *file;
	size_t len;

	(void)state;
	OK(segment_seal(p.b, &segment, &file, &len, &t, &p.why));
	newer = malloc(len);
	assert_non_null(newer);
	memcpy(newer, file, len);
	newer[8] = 2;
	put_le64(newer + SEGMENT_CHECKED, digest_xxh64(newer, SEGMENT_CHECKED));
	OK(digest_of(newer, len, &segment, &p.why));
	OK(store_publish(p.s, &segment, newer, len, &t, &p.why));
	p.segment[p.segments++] = segment;
	shop_name(&p, "n", CLASS_CONTENT, &id, 0);
	shop_commit(&p);
	assert_int_equal(store_open(&o, &old, &p.why), BLK_FAILED);
	if (strstr(p.why.text, "segment version 2 needs a newer blk") == NULL)
		fail_msg("%s", p.why.text);
	segment_table_release(&t);
	free(newer);
}

static void
damage_that_looks_like_a_newer_format_hides_nothing(void **state)
{
	struct made m;

	(void)state;
	make(&m, 700, 2000);
	shop_spoil(&p, &m.segment, 8);
	shop_spoil(&p, &m.segment, 14);
	assert_gives(&m.id, &m.bytes, 0, READER_ALL, 2);
	assert_int_equal(damaged(), 0);
	made_release(&m);
}

/* --- what a hostile store may hold --- */

static void
a_list_of_another_object_is_noticed_at_the_end(void **state)
{
	struct taker t = TAKER;
	struct digest other;
	struct made m;

	(void)state;
	make_chunks(&m, 10, 100, SEED);
	OK(digest_of(m.bytes.data, m.bytes.len, &m.id, &p.why));
	other = m.id;
	m.bytes.data[0] ^= 1; /* make_list hashes these */
	make_list(&m, "m");
	assert_false(digest_equal(&m.id, &other));
	assert_int_equal(
	    reader_content(p.s, &m.id, 0, READER_ALL, 1, take, &t, &p.why),
	    BLK_CORRUPT);
	assert_int_equal(t.got.len, m.bytes.len);
	assert_int_equal(damaged(), 1);
	buf_release(&t.got);
	made_release(&m);
}

/* A list with this text, whose chunks and pieces lie in the open segment. */
static struct made
hostile(const char *text)
{
	struct made m = { .bytes = BUF_INIT(1) };

	m.id = (struct digest){ { 9 } };
	shop_add_as(&p, &m.id, KIND_LIST, text, strlen(text));
	shop_finish(&p, "hostile", CLASS_CONTENT, &m.id);
	m.bytes.len = 1; /* so that nothing may come out */
	return m;
}

static void
a_length_that_is_not_the_chunks_is_refused(void **state)
{
	struct digest a = shop_add(&p, KIND_DATA, "abc", 3);
	char text[400], hex[DIGEST_HEX];
	struct made m;

	(void)state;
	digest_hex(&a, hex);
	snprintf(text, sizeof(text), "d %s 4\nd %s 4\n", hex, hex);
	m = hostile(text);
	assert_fails(BLK_CORRUPT, &m, 1, "has 3 bytes, not 4");
	assert_fails(BLK_CORRUPT, &m, 3, "has 3 bytes, not 4");
}

static void
sums_that_do_not_fit_are_refused(void **state)
{
	struct digest a = shop_add(&p, KIND_DATA, "abc", 3), piece;
	char text[400], hex[DIGEST_HEX];
	struct made m;
	uint64_t size;

	(void)state;
	digest_hex(&a, hex);
	snprintf(text, sizeof(text), "d %s 3\nd %s 3\n", hex, hex);
	piece = shop_add(&p, KIND_PIECE, text, strlen(text));
	digest_hex(&piece, hex);
	snprintf(text, sizeof(text), "p %s 2 %ju\np %s 2 6\n", hex,
	    (uintmax_t)UINT64_MAX, hex);
	m = hostile(text);
	assert_fails(BLK_CORRUPT, &m, 1, "wrong sums");
	assert_int_equal(reader_size(p.s, &m.id, &size, &p.why), BLK_CORRUPT);
}

static void
a_piece_that_is_longer_than_its_head_says_is_refused(void **state)
{
	struct digest a = shop_add(&p, KIND_DATA, "abc", 3), piece;
	char text[400], hex[DIGEST_HEX];
	struct taker t = TAKER;
	struct made m;

	(void)state;
	digest_hex(&a, hex);
	snprintf(text, sizeof(text), "d %s 3\nd %s 3\nd %s 3\n", hex, hex, hex);
	piece = shop_add(&p, KIND_PIECE, text, strlen(text));
	digest_hex(&piece, hex);
	snprintf(text, sizeof(text), "p %s 3 6\n", hex);
	m = hostile(text);
	assert_int_equal(
	    reader_content(p.s, &m.id, 0, READER_ALL, 1, take, &t, &p.why),
	    BLK_CORRUPT);
	assert_true(t.got.len <= 6);
	buf_release(&t.got);
	t.got = (struct buf)BUF_INIT(SIZE_MAX);
	snprintf(text, sizeof(text), "p %s 3 12\n", hex);
	m.id.byte[0] = 10;
	shop_add_as(&p, &m.id, KIND_LIST, text, strlen(text));
	shop_finish(&p, "shorter", CLASS_CONTENT, &m.id);
	assert_int_equal(
	    reader_content(p.s, &m.id, 0, READER_ALL, 2, take, &t, &p.why),
	    BLK_CORRUPT);
	buf_release(&t.got);
}

static void
heads_of_heads_without_end_are_refused(void **state)
{
	struct digest a = shop_add(&p, KIND_DATA, "abc", 3);
	char text[400], hex[DIGEST_HEX];
	struct made m;

	(void)state;
	digest_hex(&a, hex);
	snprintf(text, sizeof(text), "d %s 3\nd %s 3\n", hex, hex);
	for (int i = 0; i < STRUCTURE_DEPTH + 1; i++) {
		a = shop_add(&p, KIND_PIECE, text, strlen(text));
		digest_hex(&a, hex);
		snprintf(text, sizeof(text), "p %s 2 6\n", hex);
	}
	m = hostile(text);
	assert_fails(BLK_CORRUPT, &m, 1, "deep");
}

static void
a_piece_that_is_not_its_id_is_refused(void **state)
{
	struct digest a = shop_add(&p, KIND_DATA, "abc", 3);
	struct digest piece = { { 3 } };
	char text[400], hex[DIGEST_HEX];
	struct made m;

	(void)state;
	digest_hex(&a, hex);
	snprintf(text, sizeof(text), "d %s 3\nd %s 3\n", hex, hex);
	shop_add_as(&p, &piece, KIND_PIECE, text, strlen(text));
	digest_hex(&piece, hex);
	snprintf(text, sizeof(text), "p %s 2 6\n", hex);
	m = hostile(text);
	assert_fails(BLK_CORRUPT, &m, 1, "piece 0300");
	assert_fails(BLK_CORRUPT, &m, 1, "do not match its id");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_damaged_chunk_is_named_and_noted),
		T(a_part_beside_the_damage_comes_out),
		T(another_copy_takes_the_place_of_a_damaged_one),
		T(a_list_that_is_damaged_yields_to_data),
		T(a_byte_that_was_wrong_once_is_not_judged),
		T(an_error_of_the_disk_is_no_damage),
		T(a_missing_segment_is_named),
		T(the_log_is_read_up_to_a_damaged_commit),
		T(what_was_moved_is_found_again),
		T(what_was_dropped_is_absent),
		T(a_segment_of_a_newer_format_is_refused),
		T(damage_that_looks_like_a_newer_format_hides_nothing),
		T(a_list_of_another_object_is_noticed_at_the_end),
		T(a_length_that_is_not_the_chunks_is_refused),
		T(sums_that_do_not_fit_are_refused),
		T(a_piece_that_is_longer_than_its_head_says_is_refused),
		T(heads_of_heads_without_end_are_refused),
		T(a_piece_that_is_not_its_id_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What a writer finds and does not store again.
 */
#include "writer.h"

#include "chunker.h"
#include "writer-bench.h"

#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)

static void
what_is_there_is_not_stored_again(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(3 * MI, 1);

	(void)state;
	bench_open(&b, "mem:again", NULL);
	store(&b, "it", data, 3 * MI);
	bench_again(&b, NULL);
	put(&b, data, 3 * MI);
	put_by(b.l, data, 3 * MI, 100000);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 0);
	assert_int_equal(totals(&b).stored_bytes, 0);
	assert_int_equal(totals(&b).bytes, 6 * MI);
	assert_int_equal(b.out.number, 0);
	free(data);
	bench_close(&b);
}

static void
a_writer_finds_what_it_wrote_itself(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(100 * KI, 2);
	struct buf tiny = BUF_INIT(10);
	struct digest id;
	uint64_t once;

	(void)state;
	bench_open(&b, "mem:itself", NULL);
	id = put(&b, data, 100 * KI);
	put(&b, "small", 5);
	put(&b, "small", 5);
	assert_int_equal(
	    writer_peek(b.w, &id, CLASS_CONTENT, &tiny, &b.why), BLK_INVALID);
	once = totals(&b).new_bytes;
	put(&b, data, 100 * KI);
	put_by(b.l, data, 100 * KI, 7777);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	assert_int_equal(totals(&b).new_bytes, once);
	holds_content(&b, &id, data, 100 * KI);
	buf_release(&tiny);
	free(data);
	bench_close(&b);
}

static void
a_small_change_costs_little(void **state)
{
	struct bench b;
	size_t len = 4 * MI;
	uint8_t *data = some_noise(len + 1, 3);
	struct digest id;

	(void)state;
	bench_open(&b, "mem:change", NULL);
	store(&b, "it", data, len);
	bench_again(&b, NULL);
	memmove(data + MI + 1, data + MI, len - MI);
	data[MI] = 'x';
	id = store(&b, "it", data, len + 1);
	holds_content(&b, &id, data, len + 1);
	assert_true(totals(&b).new_bytes < 300 * KI);
	free(data);
	bench_close(&b);
}

/* Where is the chunk (id, data) of the store? */
static struct catalog_segment
segment_of(struct bench *b, const struct digest *id, uint32_t *ordinal)
{
	struct catalog *c = store_catalog(b->s);
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct catalog_facts f;

	OK(b, c->type->facts(c, id, &f, &b->why));
	copy = catalog_winner(&f, CLASS_DATA);
	assert_non_null(copy);
	*ordinal = copy->ordinal;
	OK(b, c->type->segment_get(c, copy->seq, &seg, &b->why));
	return seg;
}

/* The file of the segment that the chunk lies in goes, without a note. */
static void
lose_segment_of(struct bench *b, const struct digest *id)
{
	uint32_t ordinal;
	struct catalog_segment seg = segment_of(b, id, &ordinal);
	char key[SEGMENT_KEY_MAX];

	segment_key(&seg.id, key);
	OK(b, backend_remove(store_backend(b->s), key, &b->why));
	frames_forget(store_frames(b->s), &seg.id);
}

static void
a_chunk_noted_damaged_is_stored_again(void **state)
{
	struct bench b;
	struct catalog *c;
	uint8_t *data = some_noise(40 * KI, 4);
	struct catalog_segment seg;
	uint32_t ordinal;
	struct digest id, other;

	(void)state;
	bench_open(&b, "mem:damaged", NULL);
	id = store(&b, "it", data, 3000);
	other = store(&b, "other", data + 4096, 3000);
	seg = segment_of(&b, &id, &ordinal);
	c = store_catalog(b.s);
	OK(&b, c->type->begin(c, &b.why));
	OK(&b, c->type->damage_note(c, &seg.id, ordinal, true, &b.why));
	OK(&b, c->type->commit(c, &b.why));
	bench_again(&b, NULL);
	put(&b, data, 3000);
	put(&b, data + 4096, 3000);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	holds_content(&b, &id, data, 3000);
	holds_content(&b, &other, data + 4096, 3000);
	/* The new copy answers now, and is sound. */
	bench_again(&b, NULL);
	put(&b, data, 3000);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 0);
	free(data);
	bench_close(&b);
}

/* Its neighbours in the table are known by then. */
static void
damage_is_seen_among_the_neighbours_of_a_hit(void **state)
{
	struct bench b;
	struct catalog *c;
	struct catalog_segment seg;
	struct buf sound = BUF_INIT(10);
	uint32_t ordinal;
	struct digest id, other;

	(void)state;
	bench_open(&b, "mem:neighbour", NULL);
	id = put(&b, "damaged", 7);
	name(&b, "it", CLASS_CONTENT, &id);
	other = store(&b, "other", "sound", 5);
	seg = segment_of(&b, &id, &ordinal);
	c = store_catalog(b.s);
	OK(&b, c->type->begin(c, &b.why));
	OK(&b, c->type->damage_note(c, &seg.id, ordinal, true, &b.why));
	OK(&b, c->type->commit(c, &b.why));
	bench_again(&b, NULL);
	put(&b, "sound", 5);
	/* Looks up what is pending. */
	OK(&b, writer_peek(b.w, &other, CLASS_CONTENT, &sound, &b.why));
	put(&b, "damaged", 7);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	buf_release(&sound);
	bench_close(&b);
}

static void
a_list_is_written_again_when_anything_is_damaged(void **state)
{
	struct bench b;
	struct catalog *c;
	uint8_t *data = some_noise(200 * KI, 5);
	struct digest id, stranger = { { 1 } };

	(void)state;
	bench_open(&b, "mem:wrong", NULL);
	id = store(&b, "it", data, 200 * KI);
	c = store_catalog(b.s);
	OK(&b, c->type->begin(c, &b.why));
	OK(&b, c->type->damage_note(c, &stranger, 0, true, &b.why));
	OK(&b, c->type->commit(c, &b.why));
	bench_again(&b, NULL);
	put(&b, data, 200 * KI);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	assert_true(totals(&b).new_bytes < 4 * KI);
	holds_content(&b, &id, data, 200 * KI);
	free(data);
	bench_close(&b);
}

static void
a_segment_that_cannot_be_read_is_a_miss_and_said_once(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(2 * MI, 6), byte = 0;
	struct catalog_segment seg;
	char key[SEGMENT_KEY_MAX];
	uint32_t ordinal;
	struct digest id;
	size_t len;
	void *file;

	(void)state;
	bench_open(&b, "mem:unreadable", NULL);
	id = put(&b, data, 2000);
	name(&b, "small", CLASS_CONTENT, &id);
	store(&b, "it", data, 900 * KI);
	seg = segment_of(&b, &id, &ordinal);
	segment_key(&seg.id, key);
	OK(&b,
	    backend_get_all(
	        store_backend(b.s), key, 64 * MI, &file, &len, &b.why));
	byte = ((uint8_t *)file)[len - 70];
	((uint8_t *)file)[len - 70] = (uint8_t)(byte ^ 1); /* its table */
	OK(&b, backend_put(store_backend(b.s), key, file, len, &b.why));
	frames_forget(store_frames(b.s), &seg.id);
	bench_again(&b, NULL);
	put(&b, data, 2000);
	commit(&b);
	put(&b, data, 2000);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	assert_int_equal(totals(&b).failed_lookups, 1);
	assert_int_equal(b.warnings, 1);
	assert_non_null(strstr(b.warning, "lookup failed"));
	free(file);
	free(data);
	bench_close(&b);
}

static void
a_segment_that_is_gone_is_a_miss(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(2 * MI, 7);
	struct digest id;

	(void)state;
	bench_open(&b, "mem:gone", NULL);
	id = put(&b, data, 2000);
	name(&b, "small", CLASS_CONTENT, &id);
	store(&b, "it", data, 900 * KI);
	lose_segment_of(&b, &id);
	bench_again(&b, NULL);
	put(&b, data, 2000);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	assert_int_equal(totals(&b).failed_lookups, 0);
	holds_content(&b, &id, data, 2000);
	free(data);
	bench_close(&b);
}

/* How many chunks a writer cuts data into. */
static size_t
chunks_of(struct bench *b, const uint8_t *data, size_t len)
{
	static uint32_t length[1000];
	struct chunker c;
	size_t used;

	OK(b, chunker_init(&c, &chunker_default, &b->why));
	return chunker_run(&c, data, len, true, length, 1000, &used);
}

/* Two objects of the same chunks, but for the first, that fill a slice each:
 * the second makes the first be looked up, and is itself by the commit. */
static void
an_object_is_not_cut_when_its_list_and_chunks_are_known(void **state)
{
	struct bench b;
	size_t len = 900 * KI, first, n;
	uint8_t *data = some_noise(len, 14);
	struct digest id;
	struct chunker c;

	(void)state;
	bench_open(&b, "mem:whole", NULL);
	OK(&b, chunker_init(&c, &chunker_default, &b.why));
	first = chunker_next(&c, data, len, true);
	n = chunks_of(&b, data, len);
	id = put(&b, data, len);
	name(&b, "one", CLASS_CONTENT, &id);
	store(&b, "two", data + first, len - first);
	bench_again(&b, NULL);
	put(&b, data, len);
	put(&b, data + first, len - first);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 0);
	assert_int_equal(totals(&b).objects, n + 1 + 1);
	free(data);
	bench_close(&b);
}

static void
an_object_whose_chunks_are_gone_is_cut_though_its_list_is_there(void **state)
{
	struct bench b;
	size_t len = 900 * KI;
	uint8_t *data = some_noise(len, 15);
	struct digest id, first;
	struct chunker c;

	(void)state;
	bench_open(&b, "mem:hollow", NULL);
	OK(&b, chunker_init(&c, &chunker_default, &b.why));
	first = put(&b, data, chunker_next(&c, data, len, true));
	id = store(&b, "it", data, len);
	lose_segment_of(&b, &first);
	bench_again(&b, NULL);
	put(&b, data, len);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, chunks_of(&b, data, len));
	holds_content(&b, &id, data, len);
	free(data);
	bench_close(&b);
}

/* Its list names the pieces, whose segment is gone without a note. */
static void
an_object_of_other_cuts_that_are_gone_is_stored_whole_again(void **state)
{
	struct writer_options plain = {
		.lanes = 1, .no_dedup = true, .max_memory = (uint64_t)64 << 20
	};
	struct bench b;
	size_t len = 900 * KI;
	uint8_t *data = some_noise(len, 16);
	struct digest id, first;

	(void)state;
	bench_open(&b, "mem:cuts", &plain);
	first = put(&b, data, 64 * KI);
	id = store(&b, "it", data, len);
	lose_segment_of(&b, &first);
	bench_again(&b, NULL);
	put(&b, data, len);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, chunks_of(&b, data, len) + 1);
	holds_content(&b, &id, data, len);
	free(data);
	bench_close(&b);
}

/* R6: rows that lie about a segment do not make a hit. */
static void
what_only_the_index_holds_is_stored(void **state)
{
	struct bench b;
	struct catalog *c;
	uint8_t *data = some_noise(8 * KI, 8);
	struct segment_object lie = { .kind = KIND_DATA, .length = 4000 };
	const struct segment_table t = { .object = &lie, .objects = 1 };
	uint64_t seq;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:lie", NULL);
	store(&b, "other", "other", 5);
	c = store_catalog(b.s);
	OK(&b, digest_of(data, 4000, &lie.id, &b.why));
	OK(&b, c->type->segment_last(c, &seq, &b.why));
	OK(&b, c->type->begin(c, &b.why));
	OK(&b, c->type->copies_add(c, seq, &t, &b.why));
	OK(&b, c->type->commit(c, &b.why));
	bench_again(&b, NULL);
	id = store(&b, "it", data, 4000);
	assert_int_equal(totals(&b).new_objects, 1);
	assert_int_equal(totals(&b).failed_lookups, 1);
	holds_content(&b, &id, data, 4000);
	free(data);
	bench_close(&b);
}

/* --- structures --- */

static void
add_entry(struct bench *b, struct buf *text, const struct digest *id, int i)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	OK(b, buf_printf(text, &b->why, "F 644 0 0 0 5 %s file%09d\n", hex, i));
}

static void
a_tree_is_reused_while_it_is_counted(void **state)
{
	struct bench b;
	struct buf text = BUF_INIT(MI);
	struct digest small, tree, again;
	bool reusable;

	(void)state;
	bench_open(&b, "mem:tree", NULL);
	small = put(&b, "small", 5);
	add_entry(&b, &text, &small, 1);
	OK(&b,
	    lane_structure(b.l, KIND_TREE, text.data, text.len, &tree, &b.why));
	commit(&b);
	assert_false(is_counted(&b, &tree, CLASS_TREE));
	OK(&b, writer_rely(b.w, &tree, CLASS_TREE, &reusable, &b.why));
	assert_false(reusable);
	bench_again(&b, NULL);
	put(&b, "small", 5);
	OK(&b,
	    lane_structure(
	        b.l, KIND_TREE, text.data, text.len, &again, &b.why));
	assert_true(digest_equal(&tree, &again));
	OK(&b, writer_rely(b.w, &tree, CLASS_TREE, &reusable, &b.why));
	assert_true(reusable); /* new, and ours */
	name(&b, "it", CLASS_TREE, &tree);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 1);
	assert_true(is_counted(&b, &tree, CLASS_TREE));
	assert_true(is_counted(&b, &small, CLASS_CONTENT));
	bench_again(&b, NULL);
	OK(&b,
	    lane_structure(
	        b.l, KIND_TREE, text.data, text.len, &again, &b.why));
	OK(&b, writer_rely(b.w, &tree, CLASS_TREE, &reusable, &b.why));
	assert_true(reusable);
	name(&b, "again", CLASS_TREE, &tree);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 0);
	buf_release(&text);
	bench_close(&b);
}

static void
a_long_tree_is_cut_and_a_change_costs_a_piece(void **state)
{
	struct bench b;
	struct buf text = BUF_INIT(64 * MI);
	struct digest small, tree;
	struct buf head;

	(void)state;
	bench_open(&b, "mem:longtree", NULL);
	small = put(&b, "small", 5);
	for (int i = 0; i < 30000; i++)
		add_entry(&b, &text, &small, i);
	OK(&b,
	    lane_structure(b.l, KIND_TREE, text.data, text.len, &tree, &b.why));
	name(&b, "it", CLASS_TREE, &tree);
	commit(&b);
	head = fetched(&b, &tree, CLASS_TREE, NULL);
	assert_memory_equal(head.data, "p ", 2);
	buf_release(&head);
	bench_again(&b, NULL);
	add_entry(&b, &text, &small, 30000);
	OK(&b,
	    lane_structure(b.l, KIND_TREE, text.data, text.len, &tree, &b.why));
	name(&b, "it", CLASS_TREE, &tree);
	commit(&b);
	assert_int_equal(totals(&b).new_objects, 2); /* last piece, head */
	assert_true(is_counted(&b, &tree, CLASS_TREE));
	buf_release(&text);
	bench_close(&b);
}

static struct digest
by_lines(struct bench *b, const struct buf *text)
{
	const char *at = text->len > 0 ? (const char *)text->data : "";
	const char *end = at + text->len;
	struct digest id;

	OK(b, lane_text_begin(b->l, &b->why));
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		assert_non_null(lf);
		OK(b,
		    lane_text_line(
		        b->l, span_of(at, (size_t)(lf + 1 - at)), &b->why));
		at = lf + 1;
	}
	OK(b, lane_text_end(b->l, KIND_TREE, &id, &b->why));
	return id;
}

static void
a_tree_by_lines_is_the_same_as_in_one(void **state)
{
	static const int entries[] = { 0, 1, 100, 9000, 30000 };
	struct bench b;
	struct digest small, tree, id;

	(void)state;
	bench_open(&b, "mem:lines", NULL);
	small = put(&b, "small", 5);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct buf text = BUF_INIT(64 * MI);

		for (int n = 0; n < entries[i]; n++)
			add_entry(&b, &text, &small, n);
		OK(&b, lane_text_begin(b.l, &b.why)); /* one to forget */
		OK(&b, lane_text_line(b.l, span_str("line\n"), &b.why));
		id = by_lines(&b, &text);
		OK(&b,
		    lane_structure(
		        b.l, KIND_TREE, text.data, text.len, &tree, &b.why));
		assert_true(digest_equal(&tree, &id));
		buf_release(&text);
	}
	assert_int_equal(
	    lane_text_end(b.l, KIND_TREE, &id, &b.why), BLK_INVALID);
	bench_close(&b);
}

static void
only_trees_and_snapshots_are_given_as_structures(void **state)
{
	struct bench b;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:others", NULL);
	assert_int_equal(
	    lane_structure(b.l, KIND_LIST, "x\n", 2, &id, &b.why), BLK_INVALID);
	put(&b, "still sound", 11);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_not_stored_again),
		cmocka_unit_test(a_writer_finds_what_it_wrote_itself),
		cmocka_unit_test(a_small_change_costs_little),
		cmocka_unit_test(a_chunk_noted_damaged_is_stored_again),
		cmocka_unit_test(damage_is_seen_among_the_neighbours_of_a_hit),
		cmocka_unit_test(
		    a_list_is_written_again_when_anything_is_damaged),
		cmocka_unit_test(
		    a_segment_that_cannot_be_read_is_a_miss_and_said_once),
		cmocka_unit_test(a_segment_that_is_gone_is_a_miss),
		cmocka_unit_test(
		    an_object_is_not_cut_when_its_list_and_chunks_are_known),
		cmocka_unit_test(
		    an_object_whose_chunks_are_gone_is_cut_though_its_list_is_there),
		cmocka_unit_test(
		    an_object_of_other_cuts_that_are_gone_is_stored_whole_again),
		cmocka_unit_test(what_only_the_index_holds_is_stored),
		cmocka_unit_test(a_tree_is_reused_while_it_is_counted),
		cmocka_unit_test(a_long_tree_is_cut_and_a_change_costs_a_piece),
		cmocka_unit_test(a_tree_by_lines_is_the_same_as_in_one),
		cmocka_unit_test(
		    only_trees_and_snapshots_are_given_as_structures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What a writer stores: cuts, kinds, places; and that it does not depend on
 * how the bytes came.
 */
#include "writer.h"

#include <pthread.h>
#include <sys/stat.h>

#include "chunker.h"
#include "tmpdir.h"
#include "writer-bench.h"

#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)

static void
objects_of_all_sizes_come_back(void **state)
{
	static const size_t size[] = { 0, 1, 4095, 4096, 4097, 65535, 65536,
		65537, 200000, 1 * MI, 1 * MI + 65536, 1 * MI + 65537,
		5 * MI + 3 };
	struct bench b;

	(void)state;
	bench_open(&b, "mem:sizes", NULL);
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		uint8_t *data = some_noise(size[i], (uint32_t)i + 1);
		struct digest id = store(&b, "it", data, size[i]);

		holds_content(&b, &id, data, size[i]);
		free(data);
	}
	bench_close(&b);
}

static void
what_is_one_chunk_is_data_and_what_is_more_a_list(void **state)
{
	struct bench b;
	struct chunker c;
	uint8_t *data = some_noise(200 * KI, 7);
	struct digest id;
	size_t first;

	(void)state;
	bench_open(&b, "mem:kinds", NULL);
	OK(&b, chunker_init(&c, &chunker_default, &b.why));
	first = chunker_next(&c, data, 200 * KI, true);
	id = store(&b, "empty", "", 0);
	assert_int_equal(kind_in_store(&b, &id), KIND_DATA);
	id = store(&b, "small", data, 4096);
	assert_int_equal(kind_in_store(&b, &id), KIND_DATA);
	id = store(&b, "one", data, first);
	assert_int_equal(kind_in_store(&b, &id), KIND_DATA);
	id = store(&b, "two", data, first + 1);
	assert_int_equal(kind_in_store(&b, &id), KIND_LIST);
	id = put_by(b.l, data, first, 1000);
	name(&b, "one again", CLASS_CONTENT, &id);
	commit(&b);
	assert_int_equal(kind_in_store(&b, &id), KIND_DATA);
	free(data);
	bench_close(&b);
}

/* The list of an object, as it stands in the store. */
static struct buf
list_of(const char *url, const struct writer_options *o, const uint8_t *data,
    size_t len, size_t step)
{
	struct bench b;
	struct digest id;
	struct buf text;
	enum kind kind;

	bench_open(&b, url, o);
	id = step == 0 ? put(&b, data, len) : put_by(b.l, data, len, step);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, len);
	text = fetched(&b, &id, CLASS_CONTENT, &kind);
	assert_int_equal(kind, KIND_LIST);
	bench_close(&b);
	return text;
}

static void
the_list_depends_on_the_bytes_only(void **state)
{
	static const struct {
		unsigned lanes;
		size_t step;
	} way[] = { { 1, 1 * MI }, { 1, 333 }, { 2, 0 }, { 2, 65536 },
		{ 4, 1 * MI }, { 3, 9 * MI } };
	size_t len = 20 * MI + 12345;
	uint8_t *data = some_noise(len, 3);
	struct writer_options o = { .lanes = 1 };
	struct buf want = list_of("mem:way", &o, data, len, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		struct buf is;

		o.lanes = way[i].lanes;
		is = list_of("mem:way", &o, data, len, way[i].step);
		assert_int_equal(is.len, want.len);
		assert_memory_equal(is.data, want.data, want.len);
		buf_release(&is);
	}
	buf_release(&want);
	free(data);
}

/* Files of a backup come so: read to where they wait to be looked up. */
static void
what_is_read_into_the_room_of_a_lane_is_stored_from_there(void **state)
{
	enum { FILES = 200 };
	struct bench b;
	struct digest id[FILES];
	uint8_t *data[FILES];
	size_t len[FILES];
	uint32_t seed = 5;
	void *room;

	(void)state;
	bench_open(&b, "mem:room", NULL);
	for (int i = 0; i < FILES; i++) {
		seed = seed * 1664525 + 1013904223;
		len[i] = i == 7 ? WRITER_ROOM : (seed >> 8) % (90 * KI);
		data[i] = some_noise(len[i], seed % 150); /* some come again */
		if (i % 3 == 0) {
			id[i] = put(&b, data[i], len[i]);
		} else {
			/* A file may be shorter than it seemed. */
			OK(&b,
			    lane_room(b.l, i % 2 == 0 ? len[i] : WRITER_ROOM,
			        &room, &b.why));
			memcpy(room, data[i], len[i]);
			OK(&b, lane_put(b.l, room, len[i], &id[i], &b.why));
		}
		name(&b, "file", CLASS_CONTENT, &id[i]);
	}
	commit(&b);
	for (int i = 0; i < FILES; i++) {
		holds_content(&b, &id[i], data[i], len[i]);
		free(data[i]);
	}
	assert_int_equal(
	    lane_room(b.l, WRITER_ROOM + 1, &room, &b.why), BLK_INVALID);
	bench_close(&b);
}

static void
a_long_list_is_cut_into_pieces(void **state)
{
	struct store_config made = { .min = 64, .target = 64, .max = 256 };
	struct store_options so = { .url = "mem:pieces",
		.host = "h",
		.program = "p",
		.create = true,
		.made_as = &made,
		.max_memory = 64 * MI };
	const struct writer_options o = { .lanes = 2 };
	struct bench b = { .s = NULL };
	size_t len = 6 * MI;
	uint8_t *data = some_noise(len, 5);
	struct digest id;
	struct buf head;

	(void)state;
	OK(&b, catalog_memory_new(&so.catalog, &b.why));
	OK(&b, store_open(&so, &b.s, &b.why));
	bench_again(&b, &o);
	id = put_by(b.l, data, len, 100000);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	head = fetched(&b, &id, CLASS_CONTENT, NULL);
	assert_memory_equal(head.data, "p ", 2);
	holds_content(&b, &id, data, len);
	buf_release(&head);
	free(data);
	bench_close(&b);
}

static void
small_puts_lie_in_the_commit_file(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(240 * KI, 11);
	struct digest id;

	(void)state;
	bench_open(&b, "mem:inline", NULL);
	id = store(&b, "it", data, 240 * KI);
	assert_int_equal(blobs(&b, "segments/"), 0);
	assert_int_equal(blobs(&b, "log/"), 2);
	holds_content(&b, &id, data, 240 * KI);
	free(data);
	bench_close(&b);
}

static void
larger_puts_publish_data_and_keep_structure_in_the_commit(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(900 * KI, 12);
	struct catalog *c;
	struct catalog_segment seg;
	uint64_t after = 0;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:outside", NULL);
	id = store(&b, "it", data, 900 * KI);
	assert_int_equal(blobs(&b, "segments/"), 1);
	holds_content(&b, &id, data, 900 * KI);
	c = store_catalog(b.s);
	for (; c->type->segment_next(c, after, &seg, &b.why) == BLK_OK;
	     after = seg.seq)
		if (!seg.in_log)
			assert_int_equal(seg.plain, 900 * KI);
	free(data);
	bench_close(&b);
}

static void
full_segments_are_published_as_they_fill(void **state)
{
	const struct writer_options o = { .lanes = 1 };
	struct bench b;
	uint8_t *data = some_noise(8 * MI, 13);
	struct backend_stats stats;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:full", &o); /* likes segments of 1 MiB */
	id = put(&b, data, 8 * MI);
	assert_true(blobs(&b, "segments/") >= 6);
	assert_int_equal(blobs(&b, "log/"), 1);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, 8 * MI);
	OK(&b, backend_stats(store_backend(b.s), &stats, &b.why));
	/* A frame of 1 MiB, chunks up to 64 KiB, its table. */
	assert_true(stats.bytes / blobs(&b, "segments/") < MI + 128 * KI);
	free(data);
	bench_close(&b);
}

static void
frames_are_as_large_as_asked_for(void **state)
{
	const struct writer_options o = {
		.lanes = 1, .frame_size = 64 * KI, .compression = "lz4"
	};
	struct bench b;
	uint8_t *data = some_text(900 * KI, 14);
	const struct segment_table *t;
	struct catalog *c;
	struct catalog_segment seg;
	struct frames_place p;
	uint64_t after = 0;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:frames", &o);
	id = store(&b, "it", data, 900 * KI);
	holds_content(&b, &id, data, 900 * KI);
	c = store_catalog(b.s);
	for (; c->type->segment_next(c, after, &seg, &b.why) == BLK_OK;
	     after = seg.seq) {
		if (seg.in_log)
			continue;
		p = store_place(&seg);
		OK(&b, frames_table(store_frames(b.s), &p, &t, &b.why));
		for (uint32_t i = 0; i < t->frames; i++) {
			assert_true(t->frame[i].plain <= 64 * KI);
			assert_int_equal(t->frame[i].codec, CODEC_LZ4);
		}
		frames_release(store_frames(b.s), t);
	}
	free(data);
	bench_close(&b);
}

static void
without_dedup_pieces_are_of_64_kib_and_nothing_is_found(void **state)
{
	const struct writer_options o = { .lanes = 1, .no_dedup = true };
	struct bench b;
	uint8_t *data = some_text(3 * MI, 15);
	struct buf list, text = BUF_INIT(MI);
	struct digest id;
	char *line;

	(void)state;
	bench_open(&b, "mem:nodedup", &o);
	id = store(&b, "it", data, 3 * MI);
	holds_content(&b, &id, data, 3 * MI);
	list = fetched(&b, &id, CLASS_CONTENT, NULL);
	OK(&b, buf_add(&text, list.data, list.len, &b.why));
	OK(&b, buf_add_u8(&text, 0, &b.why));
	line = (char *)text.data;
	for (int i = 0; i < 48; i++) {
		char *end = line + strcspn(line, "\n");

		*end = '\0';
		assert_string_equal(strrchr(line, ' '), " 65536");
		line = end + 1;
	}
	store(&b, "it", data, 3 * MI);
	assert_true(totals(&b).new_bytes >= 6 * MI);
	/* An object of one piece is data here, too. */
	id = store(&b, "one", data, 64 * KI);
	assert_int_equal(kind_in_store(&b, &id), KIND_DATA);
	buf_release(&list);
	buf_release(&text);
	free(data);
	bench_close(&b);
}

/* Zeros, and in them what is a repetition, or nearly. */
static void
long_runs_of_the_same_bytes_come_back(void **state)
{
	struct bench b;
	const size_t len = 24 * MI;
	uint8_t *data = calloc(1, len), *noise = some_noise(64 * KI, 17);
	struct digest id;

	(void)state;
	for (size_t at = 3 * MI; at < 6 * MI; at += 64 * KI)
		memcpy(data + at, noise, 64 * KI);
	memset(data + 7 * MI, 0xff, MI + 17);
	for (size_t at = 9 * MI; at < len; at += 3 * 64 * KI)
		data[at] = (uint8_t)(at >> 16);
	for (unsigned lanes = 1; lanes <= 3; lanes += 2) {
		const struct writer_options o = { .lanes = lanes };

		bench_open(&b, "mem:runs", &o);
		id = put_by(b.l, data, len, 100000);
		name(&b, "it", CLASS_CONTENT, &id);
		commit(&b);
		holds_content(&b, &id, data, len);
		bench_close(&b);
	}
	free(noise);
	free(data);
}

/* --- several lanes at once --- */

#define THREADS 3
#define FILES 40

struct hand {
	struct bench *b;
	unsigned which;
	pthread_t thread;
	struct digest id[FILES];
};

static size_t
file_size(unsigned i)
{
	return i == 7 ? 12 * MI : (size_t)i * i * 700;
}

/* Every other file is the same in all hands. */
static uint8_t *
file_data(unsigned which, unsigned i)
{
	return some_noise(file_size(i), i % 2 == 0 ? i : i + 1000 * which);
}

static void *
work(void *arg)
{
	struct hand *h = arg;
	struct lane *l = writer_lane(h->b->w, h->which);

	for (unsigned i = 0; i < FILES; i++) {
		uint8_t *data = file_data(h->which, i);
		struct fault why = FAULT_NONE;

		if (i % 3 == 0)
			h->id[i] = put_by(l, data, file_size(i), 70000);
		else
			assert_int_equal(
			    lane_put(l, data, file_size(i), &h->id[i], &why),
			    BLK_OK);
		free(data);
	}
	return NULL;
}

static void
work_side_by_side(const struct writer_options *o)
{
	struct hand hand[THREADS];
	struct bench b;
	char called[32];

	bench_open(&b, "mem:side", o);
	for (unsigned i = 0; i < THREADS; i++) {
		hand[i] = (struct hand){ .b = &b, .which = i };
		assert_int_equal(
		    pthread_create(&hand[i].thread, NULL, work, &hand[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(hand[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < FILES; k++) {
			snprintf(called, sizeof(called), "%u/%u", i, k);
			name(&b, called, CLASS_CONTENT, &hand[i].id[k]);
		}
	commit(&b);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < FILES; k++) {
			uint8_t *data = file_data(i, k);

			holds_content(&b, &hand[i].id[k], data, file_size(k));
			free(data);
		}
	bench_close(&b);
}

static void
lanes_work_side_by_side(void **state)
{
	(void)state;
	work_side_by_side(&(struct writer_options){ .lanes = THREADS });
}

/* So little memory that there is an early commit every few hundred chunks. */
static void
lanes_go_on_while_another_commits_early(void **state)
{
	(void)state;
	work_side_by_side(
	    &(struct writer_options){ .lanes = THREADS, .max_memory = MI });
}

/* --- on a file system --- */

static void
what_is_committed_is_found_by_the_next_process(void **state)
{
	const struct writer_options o = { .lanes = 2 };
	char dir[TMPDIR_MAX], url[TMPDIR_MAX + 8];
	size_t len = 40 * MI;
	uint8_t *data = some_text(len, 17);
	struct bench b;
	struct digest id;

	(void)state;
	assert_int_equal(tmpdir_make(dir), 0);
	snprintf(url, sizeof(url), "%s/store", dir);
	bench_open(&b, url, &o);
	id = put_by(b.l, data, len, MI);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	bench_close(&b);
	bench_open(&b, url, &o);
	holds_content(&b, &id, data, len);
	assert_int_equal(put_by(b.l, data, len, MI).byte[0], id.byte[0]);
	assert_int_equal(totals(&b).new_objects, 0);
	bench_close(&b);
	assert_int_equal(tmpdir_remove(dir), 0);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_all_sizes_come_back),
		cmocka_unit_test(
		    what_is_one_chunk_is_data_and_what_is_more_a_list),
		cmocka_unit_test(the_list_depends_on_the_bytes_only),
		cmocka_unit_test(
		    what_is_read_into_the_room_of_a_lane_is_stored_from_there),
		cmocka_unit_test(a_long_list_is_cut_into_pieces),
		cmocka_unit_test(small_puts_lie_in_the_commit_file),
		cmocka_unit_test(
		    larger_puts_publish_data_and_keep_structure_in_the_commit),
		cmocka_unit_test(full_segments_are_published_as_they_fill),
		cmocka_unit_test(frames_are_as_large_as_asked_for),
		cmocka_unit_test(
		    without_dedup_pieces_are_of_64_kib_and_nothing_is_found),
		cmocka_unit_test(long_runs_of_the_same_bytes_come_back),
		cmocka_unit_test(lanes_work_side_by_side),
		cmocka_unit_test(lanes_go_on_while_another_commits_early),
		cmocka_unit_test(
		    what_is_committed_is_found_by_the_next_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

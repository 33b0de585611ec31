/*
 * Streams, as they come and when they are given up.
 */
#include "writer.h"

#include "writer-bench.h"

#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)

static void
what_is_read_into_the_room_of_a_stream_is_added_from_there(void **state)
{
	const size_t len = 9 * MI + 77;
	uint8_t *data = some_noise(len, 9);
	struct bench b;
	struct digest id, want;
	uint64_t size;
	uint32_t seed = 3;
	size_t n, room_len;
	void *room;

	(void)state;
	bench_open(&b, "mem:add-room", NULL);
	assert_int_equal(
	    lane_add_room(b.l, &room, &room_len, &b.why), BLK_INVALID);
	bench_close(&b);

	bench_open(&b, "mem:add-room", NULL);
	want = put(&b, data, len);
	OK(&b, lane_begin(b.l, &b.why));
	for (size_t at = 0; at < len; at += n) {
		seed = seed * 1664525 + 1013904223;
		n = len - at;
		OK(&b, lane_add_room(b.l, &room, &room_len, &b.why));
		assert_in_range(room_len, 1, len);
		if (n > room_len)
			n = room_len;
		if (seed % 3 == 0) { /* a short read */
			n = 1 + (seed >> 8) % n;
			memcpy(room, data + at, n);
		} else if (seed % 3 == 1) {
			memcpy(room, data + at, n);
		} else { /* of other memory, more than fits */
			n = len - at;
			if (n > room_len + 5000)
				n = room_len + 5000;
			room = data + at;
		}
		OK(&b, lane_add(b.l, room, n, &b.why));
	}
	OK(&b, lane_end(b.l, &id, &size, &b.why));
	assert_int_equal(size, len);
	assert_true(digest_equal(&id, &want));
	name(&b, "file", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, len);
	free(data);
	bench_close(&b);
}

static void
a_stream_that_was_not_ended_is_forgotten(void **state)
{
	const struct writer_options o = { .lanes = 2 };
	struct bench b;
	uint8_t *data = some_noise(20 * MI, 16);
	struct digest id;

	(void)state;
	bench_open(&b, "mem:unended", &o);
	OK(&b, lane_begin(b.l, &b.why));
	OK(&b, lane_add(b.l, data, 20 * MI, &b.why));
	OK(&b, lane_begin(b.l, &b.why));
	OK(&b, lane_add(b.l, data, 10, &b.why));
	id = put_by(b.l, data + 100, 300 * KI, 4096);
	OK(&b, lane_begin(b.l, &b.why));
	OK(&b, lane_add(b.l, data, 9 * MI, &b.why));
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data + 100, 300 * KI);
	free(data);
	bench_close(&b);
}

/* Helpers are at work for it in lanes that hold what is to be committed. */
static void
a_stream_that_was_not_ended_does_not_disturb_other_lanes(void **state)
{
	struct writer_options o = { .lanes = 4, .max_memory = 256 * MI };
	size_t len = 8 * MI;
	uint8_t *data = some_noise(len, 17);
	struct digest id[3];
	struct bench b;

	(void)state;
	bench_open(&b, "mem:disturbed", &o);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3; i++) {
			OK(&b,
			    lane_put(writer_lane(b.w, i), data + i, 700 * KI,
			        &id[i], &b.why));
			name(&b, "it", CLASS_CONTENT, &id[i]);
		}
		OK(&b, lane_begin(writer_lane(b.w, 3), &b.why));
		OK(&b, lane_add(writer_lane(b.w, 3), data, len, &b.why));
		commit(&b);
		for (unsigned i = 0; i < 3; i++)
			holds_content(&b, &id[i], data + i, 700 * KI);
		bench_again(&b, &o);
		fill_noise(data, len, (uint32_t)round + 18);
	}
	free(data);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_read_into_the_room_of_a_stream_is_added_from_there),
		cmocka_unit_test(a_stream_that_was_not_ended_is_forgotten),
		cmocka_unit_test(
		    a_stream_that_was_not_ended_does_not_disturb_other_lanes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

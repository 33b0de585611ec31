#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"

static struct fault why;

static void
integers_lie_on_disk_low_byte_first(void **state)
{
	static const uint8_t disk[8] = { 1, 2, 3, 4, 5, 6, 7, 0x88 };
	uint8_t back[8];

	(void)state;
	assert_int_equal(get_le32(disk), 0x04030201);
	assert_true(get_le64(disk) == 0x8807060504030201);
	put_le32(back, 0x04030201);
	assert_memory_equal(back, disk, 4);
	put_le64(back, 0x8807060504030201);
	assert_memory_equal(back, disk, 8);
}

static void
sizes_that_do_not_fit_are_noticed(void **state)
{
	size_t r = 7;

	(void)state;
	assert_true(size_add(SIZE_MAX - 1, 1, &r));
	assert_true(r == SIZE_MAX);
	r = 7;
	assert_false(size_add(SIZE_MAX, 1, &r));
	assert_false(size_mul(SIZE_MAX / 2 + 1, 2, &r));
	assert_true(r == 7);
	assert_true(size_mul(SIZE_MAX / 2, 2, &r));
	assert_true(r == SIZE_MAX - 1);
}

static const struct {
	uint64_t v;
	size_t len;
	uint8_t byte[BYTES_VARINT_MAX];
} varints[] = {
	{ 0, 1, { 0 } },
	{ 1, 1, { 1 } },
	{ 127, 1, { 0x7f } },
	{ 128, 2, { 0x80, 1 } },
	{ 300, 2, { 0xac, 2 } },
	{ 16383, 2, { 0xff, 0x7f } },
	{ 16384, 3, { 0x80, 0x80, 1 } },
	{ UINT32_MAX, 5, { 0xff, 0xff, 0xff, 0xff, 0x0f } },
	{ (uint64_t)1 << 63, 10,
	    { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 } },
	{ UINT64_MAX, 10,
	    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 } },
};

static void
varints_have_one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(varints) / sizeof(varints[0]); i++) {
		struct buf b = BUF_INIT(BYTES_VARINT_MAX);
		struct cursor c;

		assert_int_equal(
		    buf_add_varint(&b, varints[i].v, &why), BLK_OK);
		assert_int_equal(b.len, varints[i].len);
		assert_memory_equal(b.data, varints[i].byte, b.len);
		c = cursor_of(b.data, b.len);
		assert_true(cursor_varint(&c) == varints[i].v);
		assert_false(c.bad);
		assert_int_equal(cursor_left(&c), 0);
		/* Cut short anywhere it is none. */
		for (size_t len = 0; len < b.len; len++) {
			c = cursor_of(b.data, len);
			assert_true(cursor_varint(&c) == 0);
			assert_true(c.bad);
			assert_int_equal(cursor_left(&c), len);
		}
		buf_release(&b);
	}
}

static void
varints_spelled_otherwise_are_refused(void **state)
{
	static const struct {
		size_t len;
		uint8_t byte[12];
	} bad[] = {
		{ 2, { 0x80, 0 } }, /* 0, in two bytes */
		{ 3, { 0xff, 0x80, 0 } },
		{ 10, /* 65 bits */
		    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		        2 } },
		{ 10,
		    { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		        0 } },
		{ 11, /* eleven bytes */
		    { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		        0x81, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cursor c = cursor_of(bad[i].byte, bad[i].len);

		assert_true(cursor_varint(&c) == 0);
		assert_true(c.bad);
		assert_ptr_equal(c.p, bad[i].byte);
	}
}

static void
a_cursor_reads_to_the_end_and_not_beyond(void **state)
{
	static const uint8_t data[] = { 9, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
		'x', 'y' };
	struct cursor c = cursor_of(data, sizeof(data));

	(void)state;
	assert_int_equal(cursor_u8(&c), 9);
	assert_int_equal(cursor_le32(&c), 1);
	assert_true(cursor_le64(&c) == 2);
	assert_ptr_equal(cursor_take(&c, 2), data + 13);
	assert_false(c.bad);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.bad);
}

static void
a_cursor_that_went_bad_reads_nothing_more(void **state)
{
	static const uint8_t data[] = { 1, 2, 3 };
	struct cursor c = cursor_of(data, sizeof(data));

	(void)state;
	assert_int_equal(cursor_le32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(cursor_le64(&c) == 0);
	assert_true(cursor_varint(&c) == 0);
	assert_null(cursor_take(&c, 1));
	assert_ptr_equal(c.p, data);
}

static void
a_cursor_over_nothing_is_at_its_end(void **state)
{
	struct cursor c = cursor_of(NULL, 0);

	(void)state;
	assert_int_equal(cursor_left(&c), 0);
	cursor_take(&c, 0);
	assert_false(c.bad);
	assert_null(cursor_take(&c, SIZE_MAX));
	assert_true(c.bad);
}

static void
a_buffer_holds_what_was_added(void **state)
{
	static const uint8_t all[] = { 1, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1,
		'n', '=', '-', '5' };
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_add(&b, NULL, 0, &why), BLK_OK);
	assert_int_equal(buf_add_u8(&b, 1, &why), BLK_OK);
	assert_int_equal(buf_add_le32(&b, 0x01020304, &why), BLK_OK);
	assert_int_equal(buf_add_le64(&b, 0x0102030405060708, &why), BLK_OK);
	assert_int_equal(buf_printf(&b, &why, "n=%d", -5), BLK_OK);
	assert_int_equal(b.len, sizeof(all));
	assert_memory_equal(b.data, all, sizeof(all));
	assert_int_equal(b.data[b.len], 0);
	buf_release(&b);
	assert_null(b.data);
	assert_int_equal(b.len + b.cap, 0);
	assert_int_equal(b.max, 100);
	buf_release(&b);
}

static void
a_buffer_grows_to_its_limit_and_no_further(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(buf_add_u8(&b, (uint8_t)i, &why), BLK_OK);
	assert_true(b.cap <= 1001);
	assert_int_equal(buf_add_u8(&b, 1, &why), BLK_INVALID);
	assert_string_equal(
	    why.text, "more than the 1000 bytes that are allowed");
	assert_int_equal(buf_add(&b, "xy", SIZE_MAX, &why), BLK_INVALID);
	assert_int_equal(buf_printf(&b, &why, "%s", "text"), BLK_INVALID);
	assert_int_equal(b.len, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	buf_release(&b);
}

static void
text_that_just_fits_has_its_nul_behind_it(void **state)
{
	struct buf b = BUF_INIT(64);

	(void)state;
	assert_int_equal(buf_printf(&b, &why, "%064d", 0), BLK_OK);
	assert_int_equal(b.len, 64);
	assert_int_equal(strlen((const char *)b.data), 64);
	buf_release(&b);
}

static void
a_reservation_changes_nothing_but_the_room(void **state)
{
	struct buf b = BUF_INIT(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_add(&b, "abc", 3, &why), BLK_OK);
	assert_int_equal(buf_reserve(&b, 5000, &why), BLK_OK);
	assert_int_equal(b.len, 3);
	assert_true(b.cap >= 5004);
	assert_memory_equal(b.data, "abc", 3);
	memset(b.data + b.len, 'x', 5001);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3, &why), BLK_FAILED);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &why), BLK_INVALID);
	assert_memory_equal(b.data, "abcx", 4);
	buf_release(&b);
}

static void
an_array_doubles_when_it_is_full(void **state)
{
	uint64_t *items = NULL;
	size_t cap = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		void *p = items;

		assert_int_equal(
		    array_grow(&p, i, &cap, sizeof(*items), &why), BLK_OK);
		items = p;
		items[i] = i * i;
		assert_true(cap > i);
	}
	assert_int_equal(cap, 128);
	for (size_t i = 0; i < 100; i++)
		assert_true(items[i] == i * i);
	free(items);
}

static void
an_array_has_the_room_that_was_reserved(void **state)
{
	size_t cap = 0;
	void *p = NULL, *before;

	(void)state;
	assert_int_equal(array_reserve(&p, 0, &cap, 1000, 8, &why), BLK_OK);
	assert_int_equal(cap, 1000);
	memset(p, 7, cap * 8);
	before = p;
	assert_int_equal(array_reserve(&p, 400, &cap, 600, 8, &why), BLK_OK);
	assert_ptr_equal(p, before);
	assert_int_equal(cap, 1000);
	assert_int_equal(array_reserve(&p, 401, &cap, 600, 8, &why), BLK_OK);
	assert_int_equal(cap, 1500);
	for (size_t i = 0; i < 8000; i++)
		assert_int_equal(((const uint8_t *)p)[i], 7);
	assert_int_equal(
	    array_reserve(&p, 1, &cap, SIZE_MAX, 8, &why), BLK_FAILED);
	assert_int_equal(
	    array_reserve(&p, 1, &cap, SIZE_MAX / 4, 8, &why), BLK_FAILED);
	assert_int_equal(/* a size, but not one that malloc has */
	    array_reserve(&p, 1, &cap, SIZE_MAX / 16, 8, &why), BLK_FAILED);
	assert_int_equal(((const uint8_t *)p)[7999], 7);
	assert_int_equal(cap, 1500);
	free(p);
}

/* From 4 MiB on it is moved to other pages. */
static void
what_grows_large_keeps_its_contents(void **state)
{
	enum { MANY = 3 << 20 };
	struct buf b = BUF_INIT(SIZE_MAX);
	uint32_t *items = NULL;
	size_t cap = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		void *p = items;

		assert_int_equal(
		    array_grow(&p, i, &cap, sizeof(*items), &why), BLK_OK);
		items = p;
		items[i] = i;
		assert_int_equal(buf_add_le32(&b, i, &why), BLK_OK);
	}
	assert_int_equal(b.len, (size_t)MANY * 4);
	for (uint32_t i = 0; i < MANY; i++)
		if (items[i] != i || get_le32(b.data + (size_t)i * 4) != i)
			fail_msg("item %u is another", i);
	free(items);
	buf_release(&b);
}

static void
an_array_too_large_for_memory_is_refused(void **state)
{
	size_t cap = SIZE_MAX / 4;
	char one;
	void *p = &one;

	(void)state;
	assert_int_equal(array_grow(&p, cap, &cap, 16, &why), BLK_FAILED);
	assert_ptr_equal(p, &one);
	assert_true(cap == SIZE_MAX / 4);
	cap = SIZE_MAX / 2 + 1;
	assert_int_equal(array_grow(&p, cap, &cap, 1, &why), BLK_FAILED);
	assert_ptr_equal(p, &one);
}

static void
zeros_are_told_from_the_rest(void **state)
{
	uint8_t data[300] = { 0 };

	(void)state;
	assert_true(bytes_are_zero(NULL, 0));
	for (size_t len = 0; len <= sizeof(data); len++)
		assert_true(bytes_are_zero(data, len));
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = 1;
		assert_false(bytes_are_zero(data, sizeof(data)));
		assert_true(bytes_are_zero(data, i));
		data[i] = 0;
	}
	memset(data, 7, sizeof(data));
	assert_false(bytes_are_zero(data, sizeof(data)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_lie_on_disk_low_byte_first),
		cmocka_unit_test(sizes_that_do_not_fit_are_noticed),
		cmocka_unit_test(varints_have_one_spelling),
		cmocka_unit_test(varints_spelled_otherwise_are_refused),
		cmocka_unit_test(a_cursor_reads_to_the_end_and_not_beyond),
		cmocka_unit_test(a_cursor_that_went_bad_reads_nothing_more),
		cmocka_unit_test(a_cursor_over_nothing_is_at_its_end),
		cmocka_unit_test(a_buffer_holds_what_was_added),
		cmocka_unit_test(a_buffer_grows_to_its_limit_and_no_further),
		cmocka_unit_test(text_that_just_fits_has_its_nul_behind_it),
		cmocka_unit_test(a_reservation_changes_nothing_but_the_room),
		cmocka_unit_test(an_array_doubles_when_it_is_full),
		cmocka_unit_test(an_array_has_the_room_that_was_reserved),
		cmocka_unit_test(what_grows_large_keeps_its_contents),
		cmocka_unit_test(an_array_too_large_for_memory_is_refused),
		cmocka_unit_test(zeros_are_told_from_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

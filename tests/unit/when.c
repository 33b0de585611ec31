/*
 * Sizes, durations and times: what is read, what is refused, what is written.
 */
#include "when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "calendar.h"
#include "zones.h"

#define ROUNDS 20000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
assert_refused(enum blk_status st, const struct fault *why, const char *text)
{
	char quoted[128];

	snprintf(quoted, sizeof(quoted), "'%s'", text);
	if (st != BLK_INVALID)
		fail_msg("%s was not refused", quoted);
	assert_non_null(strstr(why->text, quoted));
}

static void
sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "4096", 4096 },
		{ "007", 7 },
		{ "0K", 0 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "10M", 10485760 },
		{ "10m", 10485760 },
		{ "1G", 1073741824 },
		{ "1g", 1073741824 },
		{ "2T", 2199023255552 },
		{ "2t", 2199023255552 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	struct fault why = FAULT_NONE;
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size = 42;
		assert_int_equal(when_size(cases[i].text, &size, &why), BLK_OK);
		assert_int_equal(size, cases[i].size);
	}
}

static void
what_is_no_size_is_refused_by_name(void **state)
{
	static const char *const texts[] = { "", " ", "K", "1 K", " 1", "1 ",
		"-1", "+1", "1.5G", "1KB", "1KiB", "1B", "1P", "1KK", "0x10",
		"1e3", "K1", "18446744073709551616", "16777216T",
		"18014398509481984K", "99999999999999999999999", "ten",
		"1\xc2\xb5" };
	struct fault why = FAULT_NONE;
	uint64_t size = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(
		    when_size(texts[i], &size, &why), &why, texts[i]);
	assert_int_equal(size, 42);
}

static void
durations_are_read_and_written_alike(void **state)
{
	static const struct {
		const char *text;
		struct when_span span;
		const char *again; /* NULL: as text */
	} cases[] = {
		{ "0s", { 0, 0, 0 }, NULL },
		{ "0y", { 0, 0, 0 }, "0s" },
		{ "30s", { 0, 0, 30 }, NULL },
		{ "5m", { 0, 0, 300 }, NULL },
		{ "36h", { 0, 0, 129600 }, NULL },
		{ "7d", { 0, 7, 0 }, NULL },
		{ "2w", { 0, 14, 0 }, "14d" },
		{ "3mo", { 3, 0, 0 }, NULL },
		{ "1y", { 12, 0, 0 }, NULL },
		{ "18mo", { 18, 0, 0 }, "1y6mo" },
		{ "1d12h", { 0, 1, 43200 }, NULL },
		{ "1y5mo7d2h", { 17, 7, 7200 }, NULL },
		{ "1y2mo3w4d5h6m7s", { 14, 25, 18367 }, "1y2mo25d5h6m7s" },
		{ "1y0h5m", { 12, 0, 300 }, NULL },
		{ "1y3s", { 12, 0, 3 }, NULL },
		{ "1y1d5m", { 12, 1, 300 }, NULL },
		{ "1mo5m", { 1, 0, 300 }, NULL },
		{ "90m", { 0, 0, 5400 }, "1h30m" },
		{ "10000y", { 120000, 0, 0 }, NULL },
		{ "3660000d", { 0, 3660000, 0 }, NULL },
		{ "316224000000s", { 0, 0, 316224000000 }, "87840000h" },
	};
	struct fault why = FAULT_NONE;
	struct when_span span;
	char text[WHEN_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    when_duration(cases[i].text, &span, &why), BLK_OK);
		assert_memory_equal(&span, &cases[i].span, sizeof(span));
		when_format_span(span, text);
		assert_string_equal(text,
		    cases[i].again != NULL ? cases[i].again : cases[i].text);
	}
}

static void
what_is_no_duration_is_refused_by_name(void **state)
{
	static const char *const texts[] = { "", "5", "h", "-5d", "5 d", "5d ",
		"5D", "5H", "5M", "1.5h", "1h1d", "1d1d", "1d3mo", "1m1mo",
		"5d3", "5dd", "5min", "1month", "y1", "10001y", "120001mo",
		"3660001d", "522858w", "316224000001s", "87840001h",
		"9223372036854775808s", "18446744073709551616s",
		"1537228672809129302m", "1y5m", "1y5m7d2h" };
	struct fault why = FAULT_NONE;
	struct when_span span = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(
		    when_duration(texts[i], &span, &why), &why, texts[i]);
	assert_int_equal(span.months, 1);
	assert_int_equal(span.days, 2);
	assert_int_equal(span.seconds, 3);
}

static void
any_duration_survives_being_written(void **state)
{
	uint64_t seed = seed_new();
	struct fault why = FAULT_NONE;
	struct when_span span, again;
	char text[WHEN_TEXT];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		span.months = random_between(&seed, 0, 4) *
		    random_between(&seed, 0, 30000);
		span.days = random_between(&seed, 0, 2) *
		    random_between(&seed, 0, 1830000);
		span.seconds = random_between(&seed, 0, 2) *
		    random_between(&seed, 0, i % 2 == 0 ? 9999 : 158112000000);
		when_format_span(span, text);
		assert_int_equal(when_duration(text, &again, &why), BLK_OK);
		assert_memory_equal(&again, &span, sizeof(span));
	}
}

/* 2024-05-06T07:08:09Z, half a second later. */
#define NOW INT64_C(1714979289500000000)

static const struct reading {
	const char *zone, *text, *utc;
} readings[] = {
	{ "UTC", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z" },
	{ "UTC", "2024-05-06t07:08:09z", "2024-05-06T07:08:09Z" },
	{ "Europe/Berlin", "2024-05-06 07:08:09Z", "2024-05-06T07:08:09Z" },
	{ "UTC", "2024-05-06T07:08:09+02:00", "2024-05-06T05:08:09Z" },
	{ "UTC", "2024-05-06 07:08:09-09:30", "2024-05-06T16:38:09Z" },
	{ "UTC", "2024-05-06T07:08:09-00:00", "2024-05-06T07:08:09Z" },
	{ "UTC", "2024-05-06T07:08:09+23:59", "2024-05-05T07:09:09Z" },
	{ "UTC", "2024-05-06T07:08:09.5Z", "2024-05-06T07:08:09.500000000Z" },
	{ "UTC", "2024-05-06T07:08:09.0Z", "2024-05-06T07:08:09Z" },
	{ "UTC", "2024-05-06T07:08:09.1234567899+00:00",
	    "2024-05-06T07:08:09.123456789Z" },
	{ "UTC", "1969-12-31T23:59:59.999999999Z",
	    "1969-12-31T23:59:59.999999999Z" },
	{ "UTC", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" },
	{ "UTC", "2016-12-31T15:59:60.25-08:00",
	    "2017-01-01T00:00:00.250000000Z" },
	{ "UTC", "2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z" },
	{ "UTC", "1677-09-21T00:12:43.145224192Z",
	    "1677-09-21T00:12:43.145224192Z" },
	{ "UTC", "2262-04-11T23:47:16.854775807Z",
	    "2262-04-11T23:47:16.854775807Z" },
	{ "UTC", "2024-05-06", "2024-05-06T00:00:00Z" },
	{ "Europe/Berlin", "2024-05-06", "2024-05-05T22:00:00Z" },
	{ "Europe/Berlin", "2024-05-06 07:08", "2024-05-06T05:08:00Z" },
	{ "Europe/Berlin", "2024-05-06 07:08:09", "2024-05-06T05:08:09Z" },
	{ "Europe/Berlin", "2024-03-31 02:30", "2024-03-31T01:30:00Z" },
	{ "Europe/Berlin", "2024-10-27 02:30", "2024-10-27T00:30:00Z" },
	{ "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z" },
	{ "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z" },
	{ "Asia/Kolkata", "@0", "1970-01-01T00:00:00Z" },
	{ "UTC", "@1714979289", "2024-05-06T07:08:09Z" },
	{ "UTC", "@1714979289.25", "2024-05-06T07:08:09.250000000Z" },
	{ "UTC", "@-1", "1969-12-31T23:59:59Z" },
	{ "UTC", "@-1.5", "1969-12-31T23:59:58.500000000Z" },
	{ "UTC", "@-0.000000001", "1969-12-31T23:59:59.999999999Z" },
	{ "UTC", "@-9223372036.854775808", "1677-09-21T00:12:43.145224192Z" },
	{ "UTC", "@9223372036.854775807", "2262-04-11T23:47:16.854775807Z" },
	{ "Europe/Berlin", "now", "2024-05-06T07:08:09.500000000Z" },
	{ "UTC", "today", "2024-05-06T00:00:00Z" },
	{ "UTC", "yesterday", "2024-05-05T00:00:00Z" },
	{ "Europe/Berlin", "today", "2024-05-05T22:00:00Z" },
	{ "Australia/Lord_Howe", "today", "2024-05-05T13:30:00Z" },
	{ "America/New_York", "yesterday", "2024-05-05T04:00:00Z" },
	/* where it is not yet, or already, that day */
	{ "Pacific/Pago_Pago", "today", "2024-05-05T11:00:00Z" },
	{ "Pacific/Kiritimati", "yesterday", "2024-05-04T10:00:00Z" },
	{ "Europe/Berlin", "36h", "2024-05-04T19:08:09.500000000Z" },
	{ "Europe/Berlin", "7d", "2024-04-29T07:08:09.500000000Z" },
	{ "Europe/Berlin", "2w", "2024-04-22T07:08:09.500000000Z" },
	/* winter time: the same clock is another hour of UTC */
	{ "Europe/Berlin", "3mo", "2024-02-06T08:08:09.500000000Z" },
	{ "Europe/Berlin", "1y", "2023-05-06T07:08:09.500000000Z" },
	{ "UTC", "1y1mo1d1s", "2023-04-05T07:08:08.500000000Z" },
	{ "UTC", "0s", "2024-05-06T07:08:09.500000000Z" },
};

static void
times_are_read(void **state)
{
	struct fault why = FAULT_NONE;
	char text[WHEN_TEXT];
	int64_t time;

	(void)state;
	for (size_t i = 0; i < COUNT(readings); i++) {
		zone_set(readings[i].zone);
		if (when_time(readings[i].text, NOW, &time, &why) != BLK_OK)
			fail_msg("%s", why.text);
		when_format_rfc3339_utc(time, text);
		assert_string_equal(text, readings[i].utc);
	}
}

static void
what_is_no_time_is_refused_by_name(void **state)
{
	static const char *const texts[] = { "", " ", "Now", "tomorrow", "now ",
		" now", "2024", "2024-05", "2024-5-6", "20240506", "2024-13-01",
		"2024-00-01", "2024-01-00", "2024-01-32", "2023-02-29",
		"2100-02-29", "2024-04-31", "+2024-01-01", "12024-01-01",
		"2024-05-06 ", "2024-05-06T", "2024-05-06 07",
		"2024-05-06 07:", "2024-05-06 7:08", "2024-05-06 24:00",
		"2024-05-06 07:60", "2024-05-06 07:08:", "2024-05-06 07:08:61",
		"2024-05-06 07:08:60", "2024-05-06 07:08:09.5",
		"2024-05-06  07:08", "2024-05-06_07:08:09Z", "2024-05-06T07:08",
		"2024-05-06T07:08:09", "2024-05-06T07:08Z",
		"2024-05-06T07:08:09.Z", "2024-05-06T07:08:09,5Z",
		"2024-05-06T07:08:09 Z", "2024-05-06T07:08:09ZZ",
		"2024-05-06T07:08:09+2:00", "2024-05-06T07:08:09+0200",
		"2024-05-06T07:08:09+02", "2024-05-06T07:08:09+24:00",
		"2024-05-06T07:08:09+02:60", "2024-05-06T07:08:09 CET",
		"2024-05-06T07:08:60Z", "2016-12-31T23:59:60+01:00",
		"2024-05-06Z", "@", "@-", "@+1", "@ 1", "@1.", "@.5", "@1 ",
		"@1e9", "@9223372036854775807", "@9223372036854775808",
		"@-9223372036854775808", "@18446744073709551615",
		"@99999999999999999999", "@9223372036.854775808",
		"@-9223372036.854775809", "2262-04-11T23:47:16.854775808Z",
		"1677-09-21T00:12:43.145224191Z", "2500-01-01",
		"9999-12-31 23:59:59", "0000-01-01", "400y", "10000y", "7",
		"-7d", "7d ago", "1y5m", "12:00" };
	struct fault why = FAULT_NONE;
	int64_t time = 42;

	(void)state;
	zone_set("UTC");
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(
		    when_time(texts[i], NOW, &time, &why), &why, texts[i]);
	assert_int_equal(time, 42);
}

static void
a_very_long_text_is_refused_like_a_short_one(void **state)
{
	char text[4096];
	struct fault why = FAULT_NONE;
	struct when_span span;
	uint64_t size;
	int64_t time;

	(void)state;
	memset(text, '1', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(when_size(text, &size, &why), BLK_INVALID);
	assert_int_equal(when_duration(text, &span, &why), BLK_INVALID);
	assert_int_equal(when_time(text, NOW, &time, &why), BLK_INVALID);
	assert_int_equal(strncmp(why.text, "'1111", 5), 0);
}

static void
times_are_written_in_local_and_in_universal_time(void **state)
{
	static const struct {
		const char *zone;
		int64_t time;
		const char *rfc3339, *table;
	} cases[] = {
		{ "UTC", 0, "1970-01-01T00:00:00+00:00",
		    "1970-01-01 00:00:00" },
		{ "Europe/Berlin", NOW, "2024-05-06T09:08:09.500000000+02:00",
		    "2024-05-06 09:08:09" },
		{ "America/New_York", NOW,
		    "2024-05-06T03:08:09.500000000-04:00",
		    "2024-05-06 03:08:09" },
		{ "Asia/Kolkata", 1, "1970-01-01T05:30:00.000000001+05:30",
		    "1970-01-01 05:30:00" },
		{ "Pacific/Marquesas", 0, "1969-12-31T14:30:00-09:30",
		    "1969-12-31 14:30:00" },
		{ "Europe/Berlin", -1, "1970-01-01T00:59:59.999999999+01:00",
		    "1970-01-01 00:59:59" },
		/* an offset that RFC 3339 cannot say */
		{ "Africa/Monrovia", 0, "1970-01-01T00:00:00Z",
		    "1969-12-31 23:15:30" },
		{ "UTC", INT64_MIN, "1677-09-21T00:12:43.145224192+00:00",
		    "1677-09-21 00:12:43" },
		{ "UTC", INT64_MAX, "2262-04-11T23:47:16.854775807+00:00",
		    "2262-04-11 23:47:16" },
	};
	char text[WHEN_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		zone_set(cases[i].zone);
		when_format_rfc3339(cases[i].time, text);
		assert_string_equal(text, cases[i].rfc3339);
		when_format_local(cases[i].time, text);
		assert_string_equal(text, cases[i].table);
	}
}

static void
any_time_survives_being_written(void **state)
{
	uint64_t seed = seed_new();
	struct fault why = FAULT_NONE;
	char text[WHEN_TEXT], again[WHEN_TEXT];
	int64_t time, back;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		zone_set(zones[i % (int)ZONES]);
		time = (int64_t)random_next(&seed);
		when_format_rfc3339(time, text);
		assert_int_equal(when_time(text, NOW, &back, &why), BLK_OK);
		assert_int_equal(back, time);
		when_format_rfc3339_utc(time, text);
		assert_int_equal(when_time(text, NOW, &back, &why), BLK_OK);
		assert_int_equal(back, time);
		/* without offset: the same clock, perhaps of an earlier hour */
		when_format_local(time, text);
		assert_int_equal(when_time(text, NOW, &back, &why), BLK_OK);
		when_format_local(back, again);
		assert_string_equal(text, again);
		assert_true(back <= time);
	}
}

static void
a_duration_is_subtracted_and_added_by_the_calendar(void **state)
{
	static const struct {
		const char *from, *span, *before, *behind;
	} cases[] = {
		{ "2023-03-31 08:00:00", "1mo", "2023-02-28 08:00:00",
		    "2023-04-30 08:00:00" },
		{ "2024-02-29 08:00:00", "1y", "2023-02-28 08:00:00",
		    "2025-02-28 08:00:00" },
		{ "2024-03-31 12:00:00", "1d", "2024-03-30 12:00:00",
		    "2024-04-01 12:00:00" },
		{ "2024-03-31 12:00:00", "24h", "2024-03-30 11:00:00",
		    "2024-04-01 12:00:00" },
		{ "2024-04-01 02:30:00", "1d", "2024-03-31 03:30:00",
		    "2024-04-02 02:30:00" },
	};
	struct fault why = FAULT_NONE;
	struct when_span span;
	int64_t from, time;
	char text[WHEN_TEXT];

	(void)state;
	zone_set("Europe/Berlin");
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    when_time(cases[i].from, NOW, &from, &why), BLK_OK);
		assert_int_equal(
		    when_duration(cases[i].span, &span, &why), BLK_OK);
		assert_true(when_subtract(from, span, &time));
		when_format_local(time, text);
		assert_string_equal(text, cases[i].before);
		assert_true(when_add(from, span, &time));
		when_format_local(time, text);
		assert_string_equal(text, cases[i].behind);
	}
}

static void
a_duration_that_leads_too_far_changes_nothing(void **state)
{
	const struct when_span far = { .months = 120000 };
	const struct when_span second = { .seconds = 1 };
	int64_t time = 42;

	(void)state;
	assert_false(when_subtract(NOW, far, &time));
	assert_false(when_add(NOW, far, &time));
	assert_false(when_subtract(INT64_MIN, second, &time));
	assert_false(when_add(INT64_MAX, second, &time));
	assert_int_equal(time, 42);
	assert_true(when_span_is_zero((struct when_span){ 0 }));
	assert_false(when_span_is_zero(far));
	assert_false(when_span_is_zero(second));
}

static void
sizes_are_written_for_people(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1075, "1.0 KiB" },
		{ 1076, "1.1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 65536, "64.0 KiB" },
		{ 1048524, "1023.9 KiB" },
		{ 1048525, "1.0 MiB" },
		{ 1048576, "1.0 MiB" },
		{ 1610612736, "1.5 GiB" },
		{ UINT64_C(5) << 40, "5.0 TiB" },
		{ UINT64_C(1) << 50, "1.0 PiB" },
		{ (UINT64_C(1) << 60) - 1, "1.0 EiB" },
		{ UINT64_C(1) << 60, "1.0 EiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char text[WHEN_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		when_format_size(cases[i].size, text);
		assert_string_equal(text, cases[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(what_is_no_size_is_refused_by_name),
		cmocka_unit_test(durations_are_read_and_written_alike),
		cmocka_unit_test(what_is_no_duration_is_refused_by_name),
		cmocka_unit_test(any_duration_survives_being_written),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(what_is_no_time_is_refused_by_name),
		cmocka_unit_test(a_very_long_text_is_refused_like_a_short_one),
		cmocka_unit_test(
		    times_are_written_in_local_and_in_universal_time),
		cmocka_unit_test(any_time_survives_being_written),
		cmocka_unit_test(
		    a_duration_is_subtracted_and_added_by_the_calendar),
		cmocka_unit_test(a_duration_that_leads_too_far_changes_nothing),
		cmocka_unit_test(sizes_are_written_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

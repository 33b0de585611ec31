/*
 * The local calendar, where it is regular and where clocks are changed.
 */
#include "calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "zones.h"

#define ROUNDS 20000
#define LAST INT64_C(4291747200) /* 2106-01-01, in seconds */

/* Local, from "2024-05-06 07:08:09". */
static struct tm
tm_of(const char *text)
{
	struct tm tm = { 0 };

	assert_int_equal(
	    sscanf(text, "%d-%d-%d %d:%d:%d", &tm.tm_year, &tm.tm_mon,
	        &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec),
	    6);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return tm;
}

static int64_t
utc(const char *text)
{
	struct tm tm = tm_of(text);

	return (int64_t)timegm(&tm) * CALENDAR_SECOND;
}

static int64_t
local(const char *text)
{
	struct tm tm = tm_of(text);
	int64_t time;

	assert_true(calendar_of_local(&tm, 0, &time));
	return time;
}

static void
seconds_and_nanoseconds_come_together_again(void **state)
{
	static const struct {
		int64_t time, seconds, nanos;
	} cases[] = {
		{ 0, 0, 0 },
		{ 1, 0, 1 },
		{ -1, -1, 999999999 },
		{ 1500000000, 1, 500000000 },
		{ -1500000000, -2, 500000000 },
		{ -1000000000, -1, 0 },
		{ INT64_MAX, 9223372036, 854775807 },
		{ INT64_MIN, -9223372037, 145224192 },
	};
	int64_t nanos, time;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    calendar_split(cases[i].time, &nanos), cases[i].seconds);
		assert_int_equal(nanos, cases[i].nanos);
		assert_true(calendar_join(cases[i].seconds, nanos, &time));
		assert_int_equal(time, cases[i].time);
	}
}

static void
a_time_that_cannot_be_held_is_refused_and_nothing_changes(void **state)
{
	int64_t time = 42;
	struct tm tm = tm_of("2300-01-01 00:00:00");

	(void)state;
	zone_set("UTC");
	assert_false(calendar_join(9223372036, 854775808, &time));
	assert_false(calendar_join(9223372037, 0, &time));
	assert_false(calendar_join(-9223372037, 145224191, &time));
	assert_false(calendar_join(-9223372038, 999999999, &time));
	assert_false(calendar_join(INT64_MAX, 0, &time));
	assert_false(calendar_join(INT64_MIN, 0, &time));
	assert_false(calendar_of_local(&tm, 0, &time));
	assert_false(calendar_move(0, 12 * 400, 0, 0, &time));
	assert_false(calendar_move(0, -12 * 400, 0, 0, &time));
	assert_false(calendar_move(INT64_MAX, 0, 0, 1, &time));
	assert_false(calendar_move(INT64_MIN, 0, 0, -1, &time));
	assert_false(calendar_move(0, INT64_MAX, 0, 0, &time));
	assert_false(calendar_move(0, 0, INT64_MIN, 0, &time));
	assert_false(calendar_move(0, 0, 0, INT64_MAX, &time));
	assert_int_equal(time, 42);
}

static void
months_have_their_days(void **state)
{
	(void)state;
	assert_int_equal(calendar_month_days(2023, 2), 28);
	assert_int_equal(calendar_month_days(2024, 2), 29);
	assert_int_equal(calendar_month_days(2100, 2), 28);
	assert_int_equal(calendar_month_days(2000, 2), 29);
	assert_int_equal(calendar_month_days(2024, 1), 31);
	assert_int_equal(calendar_month_days(2024, 4), 30);
	assert_int_equal(calendar_month_days(2024, 12), 31);
}

/* Local times around changes of the clock, and when they are. */
static const struct {
	const char *zone, *local, *utc;
} walls[] = {
	{ "UTC", "1970-01-01 00:00:00", "1970-01-01 00:00:00" },
	{ "Asia/Kolkata", "2024-05-06 05:30:00", "2024-05-06 00:00:00" },
	{ "Europe/Berlin", "2024-03-31 01:59:59", "2024-03-31 00:59:59" },
	{ "Europe/Berlin", "2024-03-31 02:00:00", "2024-03-31 01:00:00" },
	{ "Europe/Berlin", "2024-03-31 02:30:00", "2024-03-31 01:30:00" },
	{ "Europe/Berlin", "2024-03-31 03:00:00", "2024-03-31 01:00:00" },
	{ "Europe/Berlin", "2024-10-27 01:59:59", "2024-10-26 23:59:59" },
	{ "Europe/Berlin", "2024-10-27 02:30:00", "2024-10-27 00:30:00" },
	{ "Europe/Berlin", "2024-10-27 03:00:00", "2024-10-27 02:00:00" },
	{ "America/New_York", "2024-03-10 02:30:00", "2024-03-10 07:30:00" },
	{ "America/New_York", "2024-11-03 01:30:00", "2024-11-03 05:30:00" },
	{ "Australia/Lord_Howe", "2024-10-06 02:15:00", "2024-10-05 15:45:00" },
	{ "Australia/Lord_Howe", "2024-04-07 01:45:00", "2024-04-06 14:45:00" },
	/* no midnight: the day began at one */
	{ "America/Sao_Paulo", "2018-11-04 00:00:00", "2018-11-04 03:00:00" },
	/* midnight twice: the first counts */
	{ "America/Havana", "2023-11-05 00:00:00", "2023-11-05 04:00:00" },
	/* no such day: the next, from its first moment on */
	{ "Pacific/Apia", "2011-12-29 23:59:59", "2011-12-30 09:59:59" },
	{ "Pacific/Apia", "2011-12-30 00:00:00", "2011-12-30 10:00:00" },
	{ "Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 22:00:00" },
	{ "Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30 10:00:00" },
	/* two hours of summer time, and an offset with seconds */
	{ "Antarctica/Troll", "2024-03-31 02:00:00", "2024-03-31 02:00:00" },
	{ "Africa/Monrovia", "1971-06-01 00:00:00", "1971-06-01 00:44:30" },
};

static void
local_times_are_found_around_changes_of_the_clock(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
		zone_set(walls[i].zone);
		assert_int_equal(local(walls[i].local), utc(walls[i].utc));
	}
}

static void
what_is_out_of_range_is_carried(void **state)
{
	(void)state;
	zone_set("Europe/Berlin");
	assert_int_equal(
	    local("2024-03-00 12:00:00"), local("2024-02-29 12:00:00"));
	assert_int_equal(
	    local("2024-13-01 00:00:00"), local("2025-01-01 00:00:00"));
}

/*
 * The first time at which the clock shows wall, by trying every offset of
 * whole quarters of an hour; false when there is none.
 */
static bool
first_showing(int64_t wall, int64_t *first)
{
	for (int64_t o = 16 * 3600; o >= -16 * 3600; o -= 900) {
		struct tm tm;

		assert_true(calendar_local((wall - o) * CALENDAR_SECOND, &tm));
		if (tm.tm_gmtoff == o) {
			*first = wall - o;
			return true;
		}
	}
	return false;
}

static void
every_local_time_is_the_first_at_which_the_clock_shows_it(void **state)
{
	uint64_t seed = seed_new();
	int64_t nanos, first, time;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t wall = random_between(&seed, 0, LAST / 900) * 900;
		time_t t = (time_t)wall;
		struct tm tm;

		/* around the changes of half the zones more often */
		if (i % 2 == 0)
			wall = t = (time_t)(INT64_C(1711843200) +
			    random_between(&seed, -60, 60) * 900);
		zone_set(zones[i % (int)ZONES]);
		gmtime_r(&t, &tm);
		assert_true(calendar_of_local(&tm, 7, &time));
		if (!first_showing(wall, &first))
			continue; /* left out: in the table above */
		assert_int_equal(calendar_split(time, &nanos), first);
		assert_int_equal(nanos, 7);
	}
}

/* From, by months, days and seconds, to: local times. */
static const struct {
	const char *zone, *from;
	int64_t months, days, seconds;
	const char *to;
} moves[] = {
	{ "UTC", "2023-03-31 08:00:00", -1, 0, 0, "2023-02-28 08:00:00" },
	{ "UTC", "2024-03-31 08:00:00", -1, 0, 0, "2024-02-29 08:00:00" },
	{ "UTC", "2024-02-29 08:00:00", -12, 0, 0, "2023-02-28 08:00:00" },
	{ "UTC", "2024-02-29 08:00:00", -48, 0, 0, "2020-02-29 08:00:00" },
	{ "UTC", "2024-01-31 08:00:00", 1, 0, 0, "2024-02-29 08:00:00" },
	{ "UTC", "2024-05-31 08:00:00", 1, 0, 0, "2024-06-30 08:00:00" },
	{ "UTC", "2024-01-15 08:00:00", -1, 0, 0, "2023-12-15 08:00:00" },
	{ "UTC", "2024-01-15 08:00:00", -13, 0, 0, "2022-12-15 08:00:00" },
	{ "UTC", "2024-12-15 08:00:00", 1, 0, 0, "2025-01-15 08:00:00" },
	/* months first: the 31st becomes the 29th, and then the 28th */
	{ "UTC", "2024-03-31 08:00:00", -1, -1, 0, "2024-02-28 08:00:00" },
	{ "UTC", "2024-03-01 08:00:00", 0, -1, 0, "2024-02-29 08:00:00" },
	{ "UTC", "1970-01-01 00:00:00", -1, -1, -1, "1969-11-29 23:59:59" },
	/* a day is the same clock, 24 hours are 24 hours */
	{ "Europe/Berlin", "2024-03-31 12:00:00", 0, -1, 0,
	    "2024-03-30 12:00:00" },
	{ "Europe/Berlin", "2024-03-31 12:00:00", 0, 0, -86400,
	    "2024-03-30 11:00:00" },
	{ "America/New_York", "2024-11-03 12:00:00", 0, -1, 0,
	    "2024-11-02 12:00:00" },
	{ "America/New_York", "2024-11-03 12:00:00", 0, 0, -86400,
	    "2024-11-02 13:00:00" },
	/* into what the clock left out */
	{ "Europe/Berlin", "2024-04-01 02:30:00", 0, -1, 0,
	    "2024-03-31 03:30:00" },
	{ "Europe/Berlin", "2024-04-30 02:30:00", -1, 1, 0,
	    "2024-03-31 03:30:00" },
	{ "Australia/Lord_Howe", "2024-10-05 02:15:00", 0, 1, 0,
	    "2024-10-06 02:45:00" },
	{ "Pacific/Apia", "2011-12-31 09:00:00", 0, -1, 0,
	    "2011-12-31 09:00:00" },
	{ "Pacific/Apia", "2011-12-31 09:00:00", 0, -2, 0,
	    "2011-12-29 09:00:00" },
};

static void
moving_goes_by_the_calendar_and_then_by_the_second(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		int64_t time;

		zone_set(moves[i].zone);
		assert_true(calendar_move(local(moves[i].from) + 5,
		    moves[i].months, moves[i].days, moves[i].seconds, &time));
		assert_int_equal(time, local(moves[i].to) + 5);
	}
}

static void
moving_by_nothing_stays_even_in_an_hour_that_comes_twice(void **state)
{
	int64_t second = utc("2024-10-27 01:30:00");
	int64_t time;

	(void)state;
	zone_set("Europe/Berlin");
	assert_true(calendar_move(second, 0, 0, 0, &time));
	assert_int_equal(time, second);
	assert_true(calendar_move(INT64_MAX, 0, 0, 0, &time));
	assert_int_equal(time, INT64_MAX);
	assert_true(calendar_move(INT64_MIN, 0, 0, 0, &time));
	assert_int_equal(time, INT64_MIN);
}

static void
moving_by_days_keeps_the_clock_and_counts_the_days(void **state)
{
	uint64_t seed = seed_new();

	(void)state;
	zone_set("Asia/Kolkata"); /* whose clock has stood still since 1945 */
	for (int i = 0; i < ROUNDS; i++) {
		int64_t now = random_between(&seed, 9999 * CALENDAR_DAY, LAST) *
		    CALENDAR_SECOND;
		int64_t days = random_between(&seed, -9999, 9999);
		int64_t time;

		assert_true(calendar_move(now, 0, days, 0, &time));
		assert_int_equal(
		    time, now + days * CALENDAR_DAY * CALENDAR_SECOND);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_and_nanoseconds_come_together_again),
		cmocka_unit_test(
		    a_time_that_cannot_be_held_is_refused_and_nothing_changes),
		cmocka_unit_test(months_have_their_days),
		cmocka_unit_test(
		    local_times_are_found_around_changes_of_the_clock),
		cmocka_unit_test(what_is_out_of_range_is_carried),
		cmocka_unit_test(
		    every_local_time_is_the_first_at_which_the_clock_shows_it),
		cmocka_unit_test(
		    moving_goes_by_the_calendar_and_then_by_the_second),
		cmocka_unit_test(
		    moving_by_nothing_stays_even_in_an_hour_that_comes_twice),
		cmocka_unit_test(
		    moving_by_days_keeps_the_clock_and_counts_the_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Retention: restic's documented examples, and the edges.
 */
#include "retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "zones.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 40 /* the most snapshots in a history */
#define LATER INT64_MAX

static int64_t
at(const char *text)
{
	struct fault why = FAULT_NONE;
	int64_t time;

	if (when_time(text, 0, &time, &why) != BLK_OK)
		fail_msg("%s", why.text);
	return time;
}

static struct when_span
span(const char *text)
{
	struct fault why = FAULT_NONE;
	struct when_span s;

	if (when_duration(text, &s, &why) != BLK_OK)
		fail_msg("%s", why.text);
	return s;
}

static void
apply(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *s, size_t count, uint32_t *reasons)
{
	struct fault why = FAULT_NONE;

	if (retention_apply(policy, now, s, count, reasons, &why) != BLK_OK)
		fail_msg("%s", why.text);
}

/* Apply to snapshots at texts; what stays, newest last, as reasons. */
static void
expect(const struct retention_policy *policy, const char *const *texts,
    size_t count, const char *const *reasons)
{
	struct retention_snapshot s[MANY] = { 0 };
	struct fault why = FAULT_NONE;
	uint32_t got[MANY];

	for (size_t i = 0; i < count; i++)
		s[i].time = at(texts[i]);
	apply(policy, LATER, s, count, got);
	for (size_t i = 0; i < count; i++) {
		struct buf text = BUF_INIT(1000);

		assert_int_equal(buf_printf(&text, &why, "%s", ""), BLK_OK);
		assert_int_equal(
		    retention_explain(policy, &s[i], got[i], &text, &why),
		    BLK_OK);
		if (strcmp((char *)text.data, reasons[i]) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", texts[i],
			    (char *)text.data, reasons[i]);
		buf_release(&text);
	}
}

/* --- known answers --- */

static const char *const sundays[] = { "2019-09-01 11:00", "2019-09-08 11:00",
	"2019-09-15 11:00", "2019-09-22 11:00", "2019-09-29 11:00",
	"2019-10-06 11:00", "2019-10-13 11:00", "2019-10-20 11:00",
	"2019-10-27 11:00", "2019-11-03 11:00", "2019-11-10 11:00",
	"2019-11-17 11:00" };

static void
four_daily_ones_of_twelve_sundays_are_the_last_four(void **state)
{
	const struct retention_policy policy = { .keep[RETENTION_DAY] = 4 };
	static const char *const reasons[] = { "", "", "", "", "", "", "", "",
		"daily snapshot", "daily snapshot", "daily snapshot",
		"daily snapshot" };

	(void)state;
	zone_set("Europe/Berlin");
	expect(&policy, sundays, COUNT(sundays), reasons);
}

static void
a_snapshot_says_every_rule_that_keeps_it(void **state)
{
	const struct retention_policy policy = {
		.keep[RETENTION_LAST] = 1,
		.keep[RETENTION_MONTH] = 2,
		.within[RETENTION_LAST] = { .days = 14 },
		.within[RETENTION_MONTH] = { .months = 2 },
	};
	static const char newest[] = "within 14d, last snapshot, "
	                             "monthly snapshot, monthly within 2mo";
	static const char *const reasons[] = { "", "", "", "",
		"monthly within 2mo", "", "", "",
		"monthly snapshot, monthly within 2mo", "", "within 14d",
		newest };

	(void)state;
	zone_set("UTC");
	expect(&policy, sundays, COUNT(sundays), reasons);
}

static void
the_oldest_stays_while_there_is_room(void **state)
{
	static const char *const times[] = { "2024-01-03", "2024-01-10",
		"2024-01-20", "2024-02-01" };
	const struct retention_policy room = { .keep[RETENTION_MONTH] = 3,
		.keep[RETENTION_LAST] = 1 };
	const struct retention_policy none = { .keep[RETENTION_MONTH] = 2,
		.keep[RETENTION_LAST] = 1 };
	const struct retention_policy within = { .within[RETENTION_MONTH] = {
		                                     .months = 6 } };
	static const char *const with_room[] = { "oldest monthly snapshot", "",
		"monthly snapshot", "last snapshot, monthly snapshot" };
	static const char *const without[] = { "", "", "monthly snapshot",
		"last snapshot, monthly snapshot" };
	static const char *const all_within[] = { "oldest monthly within 6mo",
		"", "monthly within 6mo", "monthly within 6mo" };

	(void)state;
	zone_set("UTC");
	expect(&room, times, COUNT(times), with_room);
	expect(&none, times, COUNT(times), without);
	expect(&within, times, COUNT(times), all_within);
}

static void
unlimited_keeps_one_of_each_period_and_the_oldest(void **state)
{
	static const char *const times[] = { "2020-01-01", "2020-06-01",
		"2021-01-01", "2022-01-01", "2022-12-31" };
	const struct retention_policy policy = { .keep[RETENTION_YEAR] =
		                                     RETENTION_UNLIMITED };
	static const char *const reasons[] = { "oldest yearly snapshot",
		"yearly snapshot", "yearly snapshot", "", "yearly snapshot" };

	(void)state;
	zone_set("UTC");
	expect(&policy, times, COUNT(times), reasons);
}

static void
within_counts_from_the_newest_and_leaves_out_the_boundary(void **state)
{
	static const char *const times[] = { "2023-12-31 23:59:59",
		"2024-01-01 00:00:00", "2024-01-01 00:00:01",
		"2024-01-08 00:00:00" };
	const struct retention_policy policy = { .within[RETENTION_LAST] = {
		                                     .days = 7 } };
	static const char *const reasons[] = { "", "", "within 7d",
		"within 7d" };

	(void)state;
	zone_set("UTC");
	expect(&policy, times, COUNT(times), reasons);
}

static void
within_longer_than_time_itself_keeps_everything(void **state)
{
	static const char *const times[] = { "1970-01-01", "2024-01-01" };
	const struct retention_policy policy = { .within[RETENTION_LAST] = {
		                                     .months = 12000 } };
	static const char *const reasons[] = { "within 1000y", "within 1000y" };

	(void)state;
	zone_set("UTC");
	expect(&policy, times, COUNT(times), reasons);
}

static void
weeks_are_those_of_iso_also_around_new_year(void **state)
{
	/* Monday 2020-12-28 to Sunday 2021-01-03 is one week */
	static const char *const times[] = { "2020-12-27", "2020-12-28",
		"2020-12-31", "2021-01-01", "2021-01-03", "2021-01-04" };
	const struct retention_policy policy = { .keep[RETENTION_WEEK] = 3 };
	static const char *const reasons[] = { "weekly snapshot", "", "", "",
		"weekly snapshot", "weekly snapshot" };

	(void)state;
	zone_set("UTC");
	expect(&policy, times, COUNT(times), reasons);
}

static void
days_begin_at_local_midnight(void **state)
{
	static const char *const times[] = { "2024-05-05T21:59:59Z",
		"2024-05-05T22:00:00Z", "2024-05-06T21:59:59Z" };
	const struct retention_policy policy = { .keep[RETENTION_DAY] = 2 };
	static const char *const berlin[] = { "daily snapshot", "",
		"daily snapshot" };
	static const char *const utc[] = { "", "daily snapshot",
		"daily snapshot" };

	(void)state;
	zone_set("Europe/Berlin");
	expect(&policy, times, COUNT(times), berlin);
	zone_set("UTC");
	expect(&policy, times, COUNT(times), utc);
}

static void
an_hour_that_the_clock_repeats_is_one_hour(void **state)
{
	static const char *const times[] = { "2024-10-26T23:59:00Z",
		"2024-10-27T00:10:00Z", "2024-10-27T01:10:00Z",
		"2024-10-27T02:00:00Z" };
	const struct retention_policy policy = { .keep[RETENTION_HOUR] = 3 };
	static const char *const reasons[] = { "hourly snapshot", "",
		"hourly snapshot", "hourly snapshot" };

	(void)state;
	zone_set("Europe/Berlin");
	expect(&policy, times, COUNT(times), reasons);
}

static void
of_two_at_the_same_time_the_one_behind_is_the_newer(void **state)
{
	static const char *const times[] = { "2024-05-06", "2024-05-06",
		"2024-05-06" };
	const struct retention_policy policy = { .keep[RETENTION_LAST] = 1 };
	static const char *const reasons[] = { "", "", "last snapshot" };

	(void)state;
	zone_set("UTC");
	expect(&policy, times, COUNT(times), reasons);
}

static void
the_future_stays_and_takes_no_place(void **state)
{
	const struct retention_snapshot s[] = { { .time = 400 },
		{ .time = 200 }, { .time = 101 }, { .time = 100 },
		{ .time = 50 } };
	const struct retention_policy policy = {
		.keep[RETENTION_LAST] = 1,
		.within[RETENTION_LAST] = { .seconds = 1 },
	};
	uint32_t reasons[COUNT(s)];

	(void)state;
	zone_set("UTC");
	apply(&policy, 100, s, COUNT(s), reasons);
	assert_int_equal(reasons[0], RETENTION_FUTURE);
	assert_int_equal(reasons[1], RETENTION_FUTURE);
	assert_int_equal(reasons[2], RETENTION_FUTURE);
	assert_int_equal(reasons[3],
	    RETENTION_KEPT(RETENTION_LAST) | RETENTION_WITHIN(RETENTION_LAST));
	assert_int_equal(reasons[4], RETENTION_WITHIN(RETENTION_LAST));
	apply(&policy, 10, s, COUNT(s), reasons);
	for (size_t i = 0; i < COUNT(s); i++)
		assert_int_equal(reasons[i], RETENTION_FUTURE);
}

/* --- tags --- */

static const char *const ab[] = { "a", "b" };
static const char *const abba[] = { "abba" };

static const struct retention_snapshot tagged[] = {
	{ .time = 1 },
	{ .time = 2, .tags = ab, .tag_count = 1 },
	{ .time = 3, .tags = ab, .tag_count = 2 },
	{ .time = 4, .tags = abba, .tag_count = 1 },
};

static void
a_list_of_tags_keeps_what_has_all_of_them(void **state)
{
	static const struct {
		const char *list;
		bool kept[COUNT(tagged)];
	} cases[] = {
		{ "a", { false, true, true, false } },
		{ "b", { false, false, true, false } },
		{ "a,b", { false, false, true, false } },
		{ "b,a", { false, false, true, false } },
		{ "abba", { false, false, false, true } },
		{ "ab", { false, false, false, false } },
		{ "a,c", { false, false, false, false } },
		{ "", { true, false, false, false } },
	};
	uint32_t reasons[COUNT(tagged)];

	(void)state;
	zone_set("UTC");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct retention_policy policy = { .tags = &cases[i].list,
			.tag_count = 1 };

		apply(&policy, LATER, tagged, COUNT(tagged), reasons);
		for (size_t j = 0; j < COUNT(tagged); j++)
			assert_int_equal(reasons[j],
			    cases[i].kept[j] ? RETENTION_TAGGED : 0);
	}
}

static void
the_lists_that_keep_a_snapshot_are_named(void **state)
{
	static const char *const lists[] = { "a,b", "c", "b", "" };
	const struct retention_policy policy = { .tags = lists,
		.tag_count = COUNT(lists) };
	struct buf text = BUF_INIT(100);
	struct fault why = FAULT_NONE;
	uint32_t reasons[COUNT(tagged)];

	(void)state;
	apply(&policy, LATER, tagged, COUNT(tagged), reasons);
	assert_int_equal(buf_printf(&text, &why, "["), BLK_OK);
	assert_int_equal(
	    retention_explain(&policy, &tagged[2], reasons[2], &text, &why),
	    BLK_OK);
	assert_string_equal((char *)text.data, "[tag a,b, tag b");
	text.len = 0;
	assert_int_equal(
	    retention_explain(&policy, &tagged[0], reasons[0], &text, &why),
	    BLK_OK);
	assert_string_equal((char *)text.data, "untagged");
	buf_release(&text);
}

static void
reasons_without_room_leave_the_text_as_it_was(void **state)
{
	const struct retention_policy policy = { .keep = { 1, 1, 1, 1, 1, 1 } };
	struct buf text = BUF_INIT(40);
	struct fault why = FAULT_NONE;
	uint32_t reasons[1];

	(void)state;
	apply(&policy, LATER, tagged, 1, reasons);
	assert_int_equal(buf_printf(&text, &why, "before"), BLK_OK);
	assert_int_equal(
	    retention_explain(&policy, tagged, reasons[0], &text, &why),
	    BLK_INVALID);
	assert_int_equal(text.len, 6);
	assert_memory_equal(text.data, "before", 6);
	buf_release(&text);
}

static void
a_list_with_an_empty_tag_is_refused(void **state)
{
	static const char *const lists[] = { ",", "a,", ",a", "a,,b" };
	struct fault why = FAULT_NONE;
	uint32_t reasons[COUNT(tagged)];

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct retention_policy policy = { .tags = &lists[i],
			.tag_count = 1 };

		assert_int_equal(retention_apply(&policy, LATER, tagged,
		                     COUNT(tagged), reasons, &why),
		    BLK_INVALID);
		assert_non_null(strstr(why.text, lists[i]));
	}
}

/* --- edges --- */

static void
an_empty_policy_keeps_everything_and_is_known(void **state)
{
	const struct retention_policy empty = { 0 };
	const struct retention_policy policies[] = {
		{ .keep[RETENTION_YEAR] = 1 },
		{ .keep[RETENTION_LAST] = RETENTION_UNLIMITED },
		{ .within[RETENTION_LAST] = { .seconds = 1 } },
		{ .within[RETENTION_YEAR] = { .months = 1 } },
		{ .tags = ab, .tag_count = 1 },
	};
	struct buf text = BUF_INIT(100);
	struct fault why = FAULT_NONE;
	uint32_t reasons[COUNT(tagged)];

	(void)state;
	assert_true(retention_is_empty(&empty));
	for (size_t i = 0; i < COUNT(policies); i++)
		assert_false(retention_is_empty(&policies[i]));
	apply(&empty, LATER, tagged, COUNT(tagged), reasons);
	for (size_t i = 0; i < COUNT(tagged); i++)
		assert_int_equal(reasons[i], RETENTION_NO_POLICY);
	assert_int_equal(
	    retention_explain(&empty, tagged, reasons[0], &text, &why), BLK_OK);
	assert_string_equal((char *)text.data, "no policy");
	buf_release(&text);
}

static void
nothing_is_judged_in_an_empty_group(void **state)
{
	const struct retention_policy policy = { .keep[RETENTION_LAST] = 1 };

	(void)state;
	apply(&policy, LATER, NULL, 0, NULL);
	assert_false(retention_would_remove_all(NULL, 0));
}

static void
a_number_below_unlimited_is_refused(void **state)
{
	struct retention_policy policy = { .keep[RETENTION_DAY] = -2 };
	struct fault why = FAULT_NONE;
	uint32_t reasons[COUNT(tagged)];

	(void)state;
	assert_int_equal(retention_apply(&policy, LATER, tagged, COUNT(tagged),
	                     reasons, &why),
	    BLK_INVALID);
	assert_non_null(strstr(why.text, "-2"));
}

static void
removing_all_is_noticed_also_beside_the_future(void **state)
{
	const uint32_t kept = RETENTION_KEPT(RETENTION_LAST);
	const uint32_t future = RETENTION_FUTURE;
	const uint32_t all[] = { 0, 0 }, some[] = { 0, kept };
	const uint32_t none[] = { kept, kept }, bogus[] = { future, 0 };
	const uint32_t futures[] = { future, future };
	const uint32_t mixed[] = { future, 0, kept };

	(void)state;
	assert_true(retention_would_remove_all(all, 2));
	assert_true(retention_would_remove_all(bogus, 2));
	assert_false(retention_would_remove_all(some, 2));
	assert_false(retention_would_remove_all(none, 2));
	assert_false(retention_would_remove_all(futures, 2));
	assert_false(retention_would_remove_all(mixed, 3));
}

static void
numbers_to_keep_are_read_or_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		int64_t keep;
	} good[] = { { "0", 0 }, { "7", 7 }, { "unlimited", -1 },
		{ "9223372036854775807", INT64_MAX } };
	static const char *const bad[] = { "", "-2", "+1", "1 ", " 1", "7d",
		"Unlimited", "unlimited7", "9223372036854775808", "x" };
	struct fault why = FAULT_NONE;
	int64_t keep = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    retention_parse_keep(bad[i], &keep, &why), BLK_INVALID);
		assert_non_null(strstr(why.text, bad[i]));
	}
	assert_int_equal(keep, 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(
		    retention_parse_keep(good[i].text, &keep, &why), BLK_OK);
		assert_int_equal(keep, good[i].keep);
	}
}

static void
minutes_to_keep_are_refused_lest_they_were_meant_as_months(void **state)
{
	static const char *const good[] = { "7d", "3mo", "1y5mo7d2h", "36h",
		"300s", "1mo30s" };
	static const char *const bad[] = { "5m", "1y5m", "1mo5m", "2h5m",
		"1d5m3s", "x", "" };
	struct fault why = FAULT_NONE;
	struct when_span read = { .days = 42 }, want;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    retention_parse_within(bad[i], &read, &why), BLK_INVALID);
		assert_non_null(strstr(why.text, bad[i]));
	}
	assert_int_equal(read.days, 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(
		    retention_parse_within(good[i], &read, &why), BLK_OK);
		want = span(good[i]);
		assert_memory_equal(&read, &want, sizeof(want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    four_daily_ones_of_twelve_sundays_are_the_last_four),
		cmocka_unit_test(a_snapshot_says_every_rule_that_keeps_it),
		cmocka_unit_test(the_oldest_stays_while_there_is_room),
		cmocka_unit_test(
		    unlimited_keeps_one_of_each_period_and_the_oldest),
		cmocka_unit_test(
		    within_counts_from_the_newest_and_leaves_out_the_boundary),
		cmocka_unit_test(
		    within_longer_than_time_itself_keeps_everything),
		cmocka_unit_test(weeks_are_those_of_iso_also_around_new_year),
		cmocka_unit_test(days_begin_at_local_midnight),
		cmocka_unit_test(an_hour_that_the_clock_repeats_is_one_hour),
		cmocka_unit_test(
		    of_two_at_the_same_time_the_one_behind_is_the_newer),
		cmocka_unit_test(the_future_stays_and_takes_no_place),
		cmocka_unit_test(a_list_of_tags_keeps_what_has_all_of_them),
		cmocka_unit_test(the_lists_that_keep_a_snapshot_are_named),
		cmocka_unit_test(reasons_without_room_leave_the_text_as_it_was),
		cmocka_unit_test(a_list_with_an_empty_tag_is_refused),
		cmocka_unit_test(an_empty_policy_keeps_everything_and_is_known),
		cmocka_unit_test(nothing_is_judged_in_an_empty_group),
		cmocka_unit_test(a_number_below_unlimited_is_refused),
		cmocka_unit_test(
		    removing_all_is_noticed_also_beside_the_future),
		cmocka_unit_test(numbers_to_keep_are_read_or_refused_by_name),
		cmocka_unit_test(
		    minutes_to_keep_are_refused_lest_they_were_meant_as_months),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

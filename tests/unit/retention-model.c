/*
 * Random histories in several time zones, judged by retention and by a model
 * that is slow and obvious.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "calendar.h"
#include "retention.h"
#include "zones.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 40    /* the most snapshots in a history */
#define ROUNDS 500 /* histories in each time zone */
#define LATER INT64_MAX

static void
apply(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *s, size_t count, uint32_t *reasons)
{
	struct fault why = FAULT_NONE;

	if (retention_apply(policy, now, s, count, reasons, &why) != BLK_OK)
		fail_msg("%s", why.text);
}

/*
 * Periods by the names that strftime gives them, ranks by counting: nothing
 * in common with the room but the calendar's subtraction.
 */
struct model {
	const struct retention_policy *policy;
	const struct retention_snapshot *s;
	char names[MANY][RETENTION_PERIODS][32];
	size_t count;
	int64_t now;
};

/* What cannot be told apart by name is in one period. */
static void
model_name(
    char name[32], enum retention_period p, const struct tm *tm, size_t index)
{
	switch (p) {
	case RETENTION_HOUR:
		strftime(name, 32, "%Y-%m-%d %H", tm);
		break;
	case RETENTION_DAY:
		strftime(name, 32, "%Y-%m-%d", tm);
		break;
	case RETENTION_WEEK:
		strftime(name, 32, "%G-W%V", tm);
		break;
	case RETENTION_MONTH:
		strftime(name, 32, "%Y-%m", tm);
		break;
	case RETENTION_YEAR:
		strftime(name, 32, "%Y", tm);
		break;
	default:
		snprintf(name, 32, "%zu", index);
	}
}

static void
model_init(struct model *m)
{
	for (size_t i = 0; i < m->count; i++) {
		time_t t = (time_t)(m->s[i].time / CALENDAR_SECOND);

		for (int p = 0; p < RETENTION_PERIODS; p++)
			model_name(m->names[i][p], (enum retention_period)p,
			    localtime(&t), i);
	}
}

static bool
model_newer(const struct model *m, size_t i, size_t than)
{
	if (m->s[i].time > m->now)
		return false;
	if (m->s[i].time == m->s[than].time)
		return i > than;
	return m->s[i].time > m->s[than].time;
}

static bool
model_is_newest_of_period(const struct model *m, size_t i, int p)
{
	for (size_t j = 0; j < m->count; j++)
		if (model_newer(m, j, i) &&
		    strcmp(m->names[j][p], m->names[i][p]) == 0)
			return false;
	return true;
}

static int64_t
model_newer_periods(const struct model *m, size_t i, int p)
{
	int64_t n = 0;

	for (size_t j = 0; j < m->count; j++)
		n += model_newer(m, j, i) && model_is_newest_of_period(m, j, p);
	return n;
}

static bool
model_is_within(const struct model *m, size_t i, struct when_span within)
{
	size_t newest = i;
	int64_t since;

	for (size_t j = 0; j < m->count; j++)
		if (model_newer(m, j, newest))
			newest = j;
	return !when_span_is_zero(within) &&
	    (!when_subtract(m->s[newest].time, within, &since) ||
	        m->s[i].time > since);
}

/* The tags of the histories are single letters. */
static bool
model_is_tagged(const struct model *m, size_t i)
{
	for (size_t l = 0; l < m->policy->tag_count; l++) {
		const char *list = m->policy->tags[l];
		bool all = *list != '\0' || m->s[i].tag_count == 0;

		for (const char *p = list; *p != '\0'; p++) {
			bool has = *p == ',';

			for (size_t t = 0; t < m->s[i].tag_count; t++)
				has = has || *m->s[i].tags[t] == *p;
			all = all && has;
		}
		if (all)
			return true;
	}
	return false;
}

static uint32_t
model_reasons(const struct model *m, size_t i)
{
	uint32_t reasons = 0;
	bool oldest = true;

	if (m->s[i].time > m->now)
		return RETENTION_FUTURE;
	for (size_t j = 0; j < m->count; j++)
		if (j != i && m->s[j].time <= m->now && !model_newer(m, j, i))
			oldest = false;
	if (model_is_tagged(m, i))
		reasons |= RETENTION_TAGGED;
	for (int p = 0; p < RETENTION_PERIODS; p++) {
		int64_t keep = m->policy->keep[p];
		bool newest = model_is_newest_of_period(m, i, p);

		if (!newest && !oldest)
			continue;
		if (keep == -1 || model_newer_periods(m, i, p) < keep)
			reasons |=
			    newest ? RETENTION_KEPT(p) : RETENTION_OLDEST(p);
		if (model_is_within(m, i, m->policy->within[p]))
			reasons |= newest ? RETENTION_WITHIN(p)
			                  : RETENTION_WITHIN_OLDEST(p);
	}
	return reasons;
}

static const char *const letters[] = { "a", "b", "c" };

/* Snapshots some steps apart, some at once, some near changes of the clock. */
static size_t
random_history(uint64_t *seed, struct retention_snapshot s[MANY], int64_t *now)
{
	static const int64_t steps[] = { 600, 1800, 3600, 6 * 3600, 86400,
		5 * 86400, 30 * 86400, 300 * 86400 };
	size_t count = (size_t)random_between(seed, 0, MANY);
	int64_t step = steps[random_between(seed, 0, COUNT(steps) - 1)];
	int64_t last = INT64_C(4291747200) - MANY * step; /* 2106 */
	int64_t t = random_between(seed, 0, last);

	if (random_between(seed, 0, 3) == 0)
		t = INT64_C(1325203200); /* 2011-12-30: no day in Apia */
	else if (random_between(seed, 0, 3) == 0)
		t = INT64_C(1729987200); /* 2024-10-27: Berlin's long day */
	if (t > last)
		t = last;
	for (size_t i = 0; i < count; i++) {
		size_t first = (size_t)random_between(seed, 0, 2);

		t += random_between(seed, 0, step);
		s[i] = (struct retention_snapshot){
			.time = t * CALENDAR_SECOND +
			    random_between(seed, 0, 1) * 500,
			.tags = letters + first,
			.tag_count =
			    (size_t)random_between(seed, 0, 3 - (int64_t)first),
		};
	}
	for (size_t i = 1; i < count; i++) { /* in any order */
		size_t j = (size_t)random_between(seed, 0, (int64_t)i);
		struct retention_snapshot other = s[i];

		s[i] = s[j];
		s[j] = other;
	}
	*now = random_between(seed, 0, 2) == 0 && count > 0
	    ? s[random_between(seed, 0, (int64_t)count - 1)].time
	    : LATER;
	return count;
}

static struct retention_policy
random_policy(uint64_t *seed)
{
	static const char *const lists[] = { "a", "b,c", "", "a,b,c", "z" };
	static const struct when_span spans[] = { { 0, 0, 1 }, { 0, 0, 7200 },
		{ 0, 1, 0 }, { 0, 7, 0 }, { 1, 0, 0 }, { 14, 3, 5 },
		{ 12000, 0, 0 } };
	static const int64_t keeps[] = { 0, 0, 0, 0, 1, 2, 3, 7, 30, -1 };
	struct retention_policy policy = { 0 };

	for (int p = 0; p < RETENTION_PERIODS; p++) {
		policy.keep[p] =
		    keeps[random_between(seed, 0, COUNT(keeps) - 1)];
		if (random_between(seed, 0, 3) == 0)
			policy.within[p] =
			    spans[random_between(seed, 0, COUNT(spans) - 1)];
	}
	if (random_between(seed, 0, 2) == 0) {
		policy.tags = lists + random_between(seed, 0, 2);
		policy.tag_count = (size_t)random_between(seed, 1, 3);
	}
	return policy;
}

static void
compare(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *s, size_t count, const uint32_t *reasons)
{
	struct model m = {
		.policy = policy, .s = s, .count = count, .now = now
	};

	model_init(&m);
	for (size_t i = 0; i < count; i++) {
		uint32_t want = model_reasons(&m, i);

		if (retention_is_empty(policy))
			want = RETENTION_NO_POLICY;
		if (reasons[i] != want)
			fail_msg("%zu of %zu: %08x, the model says %08x", i,
			    count, reasons[i], want);
	}
}

/* What stays stays again: a second run removes nothing. */
static void
repeat(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *s, size_t count, const uint32_t *reasons)
{
	struct retention_snapshot kept[MANY];
	uint32_t again[MANY];
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (reasons[i] != 0)
			kept[n++] = s[i];
	apply(policy, now, kept, n, again);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(again[i], 0);
}

/* One rule more removes nothing more. */
static void
add_a_rule(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *s, size_t count, const uint32_t *reasons,
    uint64_t *seed)
{
	struct retention_policy more = *policy;
	int p = (int)random_between(seed, 0, RETENTION_PERIODS - 1);
	uint32_t now_kept[MANY];

	if (retention_is_empty(policy))
		return; /* which keeps everything */
	if (more.keep[p] >= 0)
		more.keep[p]++;
	apply(&more, now, s, count, now_kept);
	for (size_t i = 0; i < count; i++)
		assert_true(now_kept[i] != 0 || reasons[i] == 0);
}

static void
random_histories_are_judged_as_the_model_judges_them(void **state)
{
	uint64_t seed = seed_new();
	struct retention_snapshot s[MANY];
	uint32_t reasons[MANY];
	size_t kept = 0, all = 0;

	(void)state;
	for (int i = 0; i < ROUNDS * (int)ZONES; i++) {
		struct retention_policy policy = random_policy(&seed);
		int64_t now;
		size_t count = random_history(&seed, s, &now);

		zone_set(zones[i % (int)ZONES]);
		apply(&policy, now, s, count, reasons);
		compare(&policy, now, s, count, reasons);
		repeat(&policy, now, s, count, reasons);
		add_a_rule(&policy, now, s, count, reasons, &seed);
		for (size_t j = 0; j < count; j++, all++)
			kept += reasons[j] != 0;
	}
	/* lest the histories have become too easy */
	assert_in_range(kept, all / 10, all / 10 * 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    random_histories_are_judged_as_the_model_judges_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

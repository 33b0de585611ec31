#include "retention.h"

#include <errno.h>
#include <stdlib.h>

#include "calendar.h"
#include "retention-policy.h"

struct place {
	int64_t time;
	size_t index;
};

/* From the newest to the oldest snapshot that is not from the future. */
struct walk {
	const struct retention_policy *policy;
	int64_t left[RETENTION_PERIODS];   /* to keep; below 0: all */
	bool bounded[RETENTION_PERIODS];   /* "within" has a beginning, */
	int64_t since[RETENTION_PERIODS];  /* and is what lies after it */
	int64_t period[RETENTION_PERIODS]; /* the last one seen, by number */
	bool begun;
};

static int
newest_first(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->time != y->time)
		return x->time > y->time ? -1 : 1;
	return (x->index < y->index) - (x->index > y->index);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The number of each period that the time is in, as local clocks count. */
static bool
periods_of(const struct place *place, int64_t period[RETENTION_PERIODS])
{
	struct tm tm;
	int64_t nanos, seconds, day;

	if (!calendar_local(place->time, &tm))
		return false;
	seconds = calendar_split(place->time, &nanos) + tm.tm_gmtoff;
	day = floor_div(seconds, CALENDAR_DAY);
	period[RETENTION_LAST] = (int64_t)place->index;
	period[RETENTION_HOUR] = floor_div(seconds, 3600);
	period[RETENTION_DAY] = day;
	period[RETENTION_WEEK] = floor_div(day + 3, 7); /* 1970: a Thursday */
	period[RETENTION_MONTH] = (int64_t)tm.tm_year * 12 + tm.tm_mon;
	period[RETENTION_YEAR] = tm.tm_year;
	return true;
}

static void
walk_init(struct walk *w, const struct retention_policy *policy, int64_t newest)
{
	*w = (struct walk){ .policy = policy };
	for (int p = 0; p < RETENTION_PERIODS; p++) {
		w->left[p] = policy->keep[p];
		w->bounded[p] =
		    when_subtract(newest, policy->within[p], &w->since[p]);
	}
}

/* What the two rules for one period say. */
static uint32_t
judge_period(struct walk *w, int p, int64_t time, bool newest, bool oldest)
{
	uint32_t reasons = 0;

	if (!newest && !oldest)
		return 0;
	if (w->left[p] != 0) {
		reasons |= newest ? RETENTION_KEPT(p) : RETENTION_OLDEST(p);
		if (w->left[p] > 0)
			w->left[p]--;
	}
	if (!when_span_is_zero(w->policy->within[p]) &&
	    (!w->bounded[p] || time > w->since[p]))
		reasons |=
		    newest ? RETENTION_WITHIN(p) : RETENTION_WITHIN_OLDEST(p);
	return reasons;
}

static enum blk_status
judge(struct walk *w, const struct place *place, bool oldest, uint32_t *reasons,
    struct fault *why)
{
	int64_t period[RETENTION_PERIODS];

	if (!periods_of(place, period)) {
		errno = EOVERFLOW;
		return fault_sys(why, "local time");
	}
	for (int p = 0; p < RETENTION_PERIODS; p++) {
		bool newest = !w->begun || period[p] != w->period[p];

		*reasons |= judge_period(w, p, place->time, newest, oldest);
		w->period[p] = period[p];
	}
	w->begun = true;
	return BLK_OK;
}

static bool
is_tagged(
    const struct retention_policy *policy, const struct retention_snapshot *s)
{
	for (size_t i = 0; i < policy->tag_count; i++)
		if (retention_policy_tags(policy->tags[i], s))
			return true;
	return false;
}

/* The snapshots that are not from the future, in order; the others stay. */
static size_t
sort(const struct retention_snapshot *snapshots, size_t count, int64_t now,
    struct place *order, uint32_t *reasons)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		reasons[i] = snapshots[i].time > now ? RETENTION_FUTURE : 0;
		if (reasons[i] == 0)
			order[n++] = (struct place){ snapshots[i].time, i };
	}
	qsort(order, n, sizeof(order[0]), newest_first);
	return n;
}

static enum blk_status
apply_rules(const struct retention_policy *policy,
    const struct retention_snapshot *snapshots, const struct place *order,
    size_t n, uint32_t *reasons, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct walk w;

	if (n == 0)
		return BLK_OK;
	walk_init(&w, policy, order[0].time);
	for (size_t i = 0; i < n && st == BLK_OK; i++) {
		size_t at = order[i].index;

		if (is_tagged(policy, &snapshots[at]))
			reasons[at] |= RETENTION_TAGGED;
		st = judge(&w, &order[i], i == n - 1, &reasons[at], why);
	}
	return st;
}

enum blk_status
retention_apply(const struct retention_policy *policy, int64_t now,
    const struct retention_snapshot *snapshots, size_t count, uint32_t *reasons,
    struct fault *why)
{
	enum blk_status st = retention_policy_check(policy, why);
	struct place *order = NULL;

	if (st != BLK_OK || count == 0)
		return st;
	if (retention_is_empty(policy)) {
		for (size_t i = 0; i < count; i++)
			reasons[i] = RETENTION_NO_POLICY;
		return BLK_OK;
	}
	order = calloc(count, sizeof(*order));
	if (order == NULL)
		return fault_nomem(why);
	st = apply_rules(policy, snapshots, order,
	    sort(snapshots, count, now, order, reasons), reasons, why);
	free(order);
	return st;
}

bool
retention_would_remove_all(const uint32_t *reasons, size_t count)
{
	bool removes = false;

	for (size_t i = 0; i < count; i++) {
		if (reasons[i] == 0)
			removes = true;
		else if (reasons[i] != RETENTION_FUTURE)
			return false;
	}
	return removes;
}

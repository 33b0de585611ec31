#include "calendar.h"

int64_t
calendar_split(int64_t time, int64_t *nanos)
{
	int64_t seconds = time / CALENDAR_SECOND;

	*nanos = time % CALENDAR_SECOND;
	if (*nanos < 0) {
		*nanos += CALENDAR_SECOND;
		seconds--;
	}
	return seconds;
}

bool
calendar_join(int64_t seconds, int64_t nanos, int64_t *time)
{
	int64_t t;

	if (seconds < 0) { /* a detour that lets INT64_MIN through */
		seconds++;
		nanos -= CALENDAR_SECOND;
	}
	if (__builtin_mul_overflow(seconds, CALENDAR_SECOND, &t) ||
	    __builtin_add_overflow(t, nanos, &t))
		return false;
	*time = t;
	return true;
}

static bool
local_at(int64_t seconds, struct tm *tm)
{
	time_t t = (time_t)seconds;

	return (int64_t)t == seconds && localtime_r(&t, tm) != NULL;
}

bool
calendar_local(int64_t time, struct tm *tm)
{
	int64_t nanos;

	return local_at(calendar_split(time, &nanos), tm);
}

/* Does the local clock, at these seconds, stand offset before UTC? */
static bool
offset_holds(int64_t seconds, int64_t offset)
{
	struct tm tm;

	return local_at(seconds, &tm) && tm.tm_gmtoff == offset;
}

/*
 * When does the local clock show what a clock in UTC shows at wall?  No
 * offset reaches a day, so a day before and a day behind lie on either side
 * of a change.  (mktime(3) leaves open what it answers around one.)
 */
static bool
seconds_of_wall(int64_t wall, int64_t *seconds)
{
	struct tm before, behind;

	if (!local_at(wall - CALENDAR_DAY, &before) ||
	    !local_at(wall + CALENDAR_DAY, &behind))
		return false;
	*seconds = wall - before.tm_gmtoff;
	if (!offset_holds(*seconds, before.tm_gmtoff) &&
	    offset_holds(wall - behind.tm_gmtoff, behind.tm_gmtoff))
		*seconds = wall - behind.tm_gmtoff;
	return true;
}

/* What a clock in UTC that shows *tm says. */
static int64_t
wall_of(const struct tm *tm)
{
	struct tm copy = *tm;

	return (int64_t)timegm(&copy);
}

bool
calendar_of_local(const struct tm *tm, int64_t nanos, int64_t *time)
{
	int64_t seconds;

	return seconds_of_wall(wall_of(tm), &seconds) &&
	    calendar_join(seconds, nanos, time);
}

int
calendar_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool
move_date(int64_t *seconds, int months, int64_t days)
{
	struct tm tm;
	int month, last;

	if (!local_at(*seconds, &tm))
		return false;
	month = tm.tm_mon + months;
	tm.tm_year += month / 12;
	tm.tm_mon = month % 12;
	if (tm.tm_mon < 0) {
		tm.tm_mon += 12;
		tm.tm_year--;
	}
	last = calendar_month_days(tm.tm_year + 1900, tm.tm_mon + 1);
	if (tm.tm_mday > last)
		tm.tm_mday = last;
	return seconds_of_wall(wall_of(&tm) + days * CALENDAR_DAY, seconds);
}

static bool
within(int64_t n, int64_t a_year)
{
	return n >= -a_year * CALENDAR_YEARS_MAX &&
	    n <= a_year * CALENDAR_YEARS_MAX;
}

bool
calendar_move(
    int64_t time, int64_t months, int64_t days, int64_t seconds, int64_t *moved)
{
	int64_t at, nanos;

	if (!within(months, 12) || !within(days, 366) ||
	    !within(seconds, 366 * CALENDAR_DAY))
		return false;
	at = calendar_split(time, &nanos);
	if ((months != 0 || days != 0) && !move_date(&at, (int)months, days))
		return false;
	return calendar_join(at + seconds, nanos, moved);
}

/*
 * calendar.h - times, and what a clock on the wall shows at them.
 *
 * A time is an int64_t of nanoseconds since 1970-01-01T00:00:00Z, which
 * reaches from 1677-09-21 to 2262-04-11.
 *
 * Local means the time zone of the process, as localtime_r(3) knows it; who
 * changes TZ calls tzset(3) afterwards.  A local time that occurs twice is
 * the earlier one; one that a change of the clock leaves out is read as if
 * the clock had not been changed yet (RFC 5545, 3.3.5), so that midnight is
 * the first moment of its day where a day begins at one o'clock.
 *
 * All functions are pure but for the time zone, and may be used by several
 * threads at once.  They return false, their results left alone, where a
 * result cannot be held.
 */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "fault.h"

/* In nanoseconds, and in seconds. */
#define CALENDAR_SECOND INT64_C(1000000000)
#define CALENDAR_DAY INT64_C(86400)

/* The farthest that calendar_move goes, in each of its parts. */
#define CALENDAR_YEARS_MAX 10000

/* Whole seconds, rounded down, and the nanoseconds above them. */
int64_t calendar_split(int64_t time, int64_t *nanos);

/* The reverse; nanos is 0 to 999 999 999. */
MUST_USE bool calendar_join(int64_t seconds, int64_t nanos, int64_t *time);

/* The local date and clock at a time. */
MUST_USE bool calendar_local(int64_t time, struct tm *tm);

/*
 * When does the local clock show *tm?  Its date and clock count, the rest
 * does not; what is out of range is carried, as timegm(3) does.
 */
MUST_USE bool calendar_of_local(
    const struct tm *tm, int64_t nanos, int64_t *time);

/* How many days the month has; month is 1 to 12. */
int calendar_month_days(int year, int month);

/*
 * Move by months (a day that the month does not have becomes its last), then
 * by days, both on the local calendar with the clock standing where it stood;
 * then by seconds, which are exact.  Each may be negative.
 */
MUST_USE bool calendar_move(int64_t time, int64_t months, int64_t days,
    int64_t seconds, int64_t *moved);

#endif

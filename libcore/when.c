#include "when.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "calendar.h"

/* --- numbers --- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* One digit or more. */
static bool
take_number(const char **p, uint64_t *v)
{
	uint64_t n = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			return false;
	*v = n;
	return true;
}

/* Exactly width digits, of a number from min to max. */
static bool
take_field(const char **p, int width, int min, int max, int *v)
{
	int n = 0;

	for (int i = 0; i < width; i++, (*p)++) {
		if (!is_digit(**p))
			return false;
		n = n * 10 + (**p - '0');
	}
	*v = n;
	return n >= min && n <= max;
}

/* The digits behind a point, as nanoseconds. */
static bool
take_fraction(const char **p, int64_t *nanos)
{
	int64_t n = 0, unit = CALENDAR_SECOND / 10;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++, unit /= 10)
		n += (**p - '0') * unit;
	*nanos = n;
	return true;
}

static bool
size_parse(const char *p, uint64_t *size)
{
	static const char suffixes[] = "KkMmGgTt";
	const char *suffix;
	uint64_t n;

	if (!take_number(&p, &n))
		return false;
	if (*p != '\0') {
		suffix = strchr(suffixes, *p);
		if (suffix == NULL || p[1] != '\0' ||
		    __builtin_mul_overflow(
		        n, UINT64_C(1024) << (suffix - suffixes) / 2 * 10, &n))
			return false;
	}
	*size = n;
	return true;
}

enum blk_status
when_size(const char *text, uint64_t *size, struct fault *why)
{
	if (size_parse(text, size))
		return BLK_OK;
	return fault(why, BLK_INVALID,
	    "'%s' is not a size such as 4096, 64K, 10M, 1G or 2T", text);
}

/* --- durations --- */

enum part { MONTHS, DAYS, SECONDS };

/* From large to small; "mo" before "m", which it begins with. */
static const struct unit {
	const char *name;
	int64_t worth;
	enum part part;
} units[] = {
	{ "y", 12, MONTHS },
	{ "mo", 1, MONTHS },
	{ "w", 7, DAYS },
	{ "d", 1, DAYS },
	{ "h", 3600, SECONDS },
	{ "m", 60, SECONDS },
	{ "s", 1, SECONDS },
};

#define UNITS (sizeof(units) / sizeof(units[0]))
#define YEAR_UNIT 0
#define MINUTE_UNIT 5

/* The unit at *p, at or behind the given one; UNITS when there is none. */
static size_t
take_unit(const char **p, size_t from)
{
	size_t len;

	for (size_t i = from; i < UNITS; i++) {
		len = strlen(units[i].name);
		if (strncmp(*p, units[i].name, len) == 0) {
			*p += len;
			return i;
		}
	}
	return UNITS;
}

static bool
part_add(int64_t part[static 3], const struct unit *unit, uint64_t n)
{
	static const int64_t max[] = {
		[MONTHS] = INT64_C(12) * CALENDAR_YEARS_MAX,
		[DAYS] = INT64_C(366) * CALENDAR_YEARS_MAX,
		[SECONDS] = 366 * CALENDAR_DAY * CALENDAR_YEARS_MAX,
	};
	int64_t *sum = &part[unit->part];
	int64_t more;

	if (__builtin_mul_overflow(n, unit->worth, &more) ||
	    __builtin_add_overflow(*sum, more, sum))
		return false;
	return *sum <= max[unit->part];
}

static bool
span_parse(const char *p, struct when_span *span)
{
	int64_t part[3] = { 0 };
	size_t unit, last = UNITS, from = 0;
	uint64_t n;

	do {
		if (!take_number(&p, &n))
			return false;
		unit = take_unit(&p, from);
		if (unit == UNITS ||
		    (unit == MINUTE_UNIT && last == YEAR_UNIT) ||
		    !part_add(part, &units[unit], n))
			return false;
		last = unit;
		from = unit + 1;
	} while (*p != '\0');
	*span = (struct when_span){ part[MONTHS], part[DAYS], part[SECONDS] };
	return true;
}

enum blk_status
when_duration(const char *text, struct when_span *span, struct fault *why)
{
	if (span_parse(text, span))
		return BLK_OK;
	return fault(why, BLK_INVALID,
	    "'%s' is not a duration such as 90s, 5m, 36h, 7d, 2w, 3mo or "
	    "1y6mo (m: minutes, mo: months)",
	    text);
}

bool
when_subtract(int64_t now, struct when_span span, int64_t *time)
{
	return calendar_move(
	    now, -span.months, -span.days, -span.seconds, time);
}

bool
when_add(int64_t now, struct when_span span, int64_t *time)
{
	return calendar_move(now, span.months, span.days, span.seconds, time);
}

/* --- times --- */

/* A date and a clock, as written. */
struct written {
	struct tm tm;
	int64_t nanos;
	int64_t offset; /* seconds that the clock stands before UTC */
	char separator;
	bool seconds, fraction, zone;
};

static bool
take_date(const char **p, struct tm *tm)
{
	int year, month, day;

	if (!take_field(p, 4, 0, 9999, &year) || !take(p, '-') ||
	    !take_field(p, 2, 1, 12, &month) || !take(p, '-') ||
	    !take_field(p, 2, 1, calendar_month_days(year, month), &day))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool
take_clock(const char **p, struct written *w)
{
	if (!take_field(p, 2, 0, 23, &w->tm.tm_hour) || !take(p, ':') ||
	    !take_field(p, 2, 0, 59, &w->tm.tm_min))
		return false;
	w->seconds = take(p, ':');
	if (!w->seconds)
		return true;
	if (!take_field(p, 2, 0, 60, &w->tm.tm_sec))
		return false;
	w->fraction = take(p, '.');
	return !w->fraction || take_fraction(p, &w->nanos);
}

static bool
take_zone(const char **p, struct written *w)
{
	int sign = **p == '-' ? -1 : 1;
	int hours, minutes;

	if (**p == '\0')
		return true;
	w->zone = true;
	if (take(p, 'Z') || take(p, 'z'))
		return true;
	if ((!take(p, '+') && !take(p, '-')) ||
	    !take_field(p, 2, 0, 23, &hours) || !take(p, ':') ||
	    !take_field(p, 2, 0, 59, &minutes))
		return false;
	w->offset = sign * (hours * 60 + minutes) * 60;
	return true;
}

/* A time with a zone.  A leap second ends a day of UTC. */
static bool
zoned(struct written *w, int64_t *time)
{
	bool leap = w->tm.tm_sec == 60; /* timegm carries it */
	int64_t seconds = (int64_t)timegm(&w->tm) - w->offset;

	return (!leap || seconds % CALENDAR_DAY == 0) &&
	    calendar_join(seconds, w->nanos, time);
}

static bool
written_parse(const char *p, int64_t *time)
{
	struct written w = { .separator = ' ' };

	if (!take_date(&p, &w.tm))
		return false;
	if (*p != '\0') {
		w.separator = *p++;
		if (strchr("Tt ", w.separator) == NULL || !take_clock(&p, &w) ||
		    !take_zone(&p, &w) || *p != '\0')
			return false;
	}
	if (w.zone)
		return w.seconds && zoned(&w, time);
	return w.separator == ' ' && !w.fraction && w.tm.tm_sec < 60 &&
	    calendar_of_local(&w.tm, 0, time);
}

/* What follows the '@'. */
static bool
epoch_parse(const char *p, int64_t *time)
{
	bool negative = take(&p, '-');
	int64_t seconds, nanos = 0;
	uint64_t n;

	if (!take_number(&p, &n) || n > INT64_MAX)
		return false;
	if (take(&p, '.') && !take_fraction(&p, &nanos))
		return false;
	if (*p != '\0')
		return false;
	seconds = negative ? -(int64_t)n : (int64_t)n;
	if (negative && nanos > 0) {
		seconds--;
		nanos = CALENDAR_SECOND - nanos;
	}
	return calendar_join(seconds, nanos, time);
}

/* Midnight of the local day that began so many days before today. */
static bool
midnight(int64_t now, int days, int64_t *time)
{
	struct tm tm;

	if (!calendar_local(now, &tm))
		return false;
	tm.tm_mday -= days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return calendar_of_local(&tm, 0, time);
}

static bool
time_parse(const char *text, int64_t now, int64_t *time)
{
	struct when_span span;

	if (*text == '@')
		return epoch_parse(text + 1, time);
	if (strcmp(text, "today") == 0)
		return midnight(now, 0, time);
	if (strcmp(text, "yesterday") == 0)
		return midnight(now, 1, time);
	if (strcmp(text, "now") == 0) {
		*time = now;
		return true;
	}
	if (span_parse(text, &span))
		return when_subtract(now, span, time);
	return written_parse(text, time);
}

enum blk_status
when_time(const char *text, int64_t now, int64_t *time, struct fault *why)
{
	if (time_parse(text, now, time))
		return BLK_OK;
	return fault(why, BLK_INVALID,
	    "'%s' is not a time such as 2024-05-06T07:08:09Z, 2024-05-06, "
	    "'2024-05-06 07:08', @1715000000, today or 7d (from 1678 to 2261)",
	    text);
}

#include "when.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calendar.h"

void
when_format_size(uint64_t size, char text[static WHEN_TEXT])
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	uint64_t unit = 1024, tenths;
	size_t i = 0;

	if (size < 1024) {
		snprintf(text, WHEN_TEXT, "%u B", (unsigned int)size);
		return;
	}
	while (size / 1024 >= unit && i < 5) {
		unit *= 1024;
		i++;
	}
	tenths = size / unit * 10 + (size % unit * 10 + unit / 2) / unit;
	if (tenths == 10240 && i < 5) { /* 1023.96 KiB is 1.0 MiB */
		tenths = 10;
		i++;
	}
	snprintf(text, WHEN_TEXT, "%u.%u %s", (unsigned int)(tenths / 10),
	    (unsigned int)(tenths % 10), names[i]);
}

/* Put n and its unit behind what stands in text; nothing for none. */
static void
add_part(char text[static WHEN_TEXT], size_t *at, int64_t n, const char *unit)
{
	if (n == 0 || *at >= WHEN_TEXT)
		return;
	*at += (size_t)snprintf(
	    text + *at, WHEN_TEXT - *at, "%lld%s", (long long)n, unit);
}

void
when_format_span(struct when_span span, char text[static WHEN_TEXT])
{
	int64_t hours = span.seconds / 3600;
	int64_t minutes = span.seconds / 60 % 60;
	/* m is never straight behind y, where it is taken for months */
	bool years_only =
	    span.months % 12 == 0 && span.months != 0 && span.days == 0;
	size_t at = 0;

	if (when_span_is_zero(span)) {
		snprintf(text, WHEN_TEXT, "0s");
		return;
	}
	add_part(text, &at, span.months / 12, "y");
	add_part(text, &at, span.months % 12, "mo");
	add_part(text, &at, span.days, "d");
	if (years_only && hours == 0 && minutes != 0)
		at += (size_t)snprintf(text + at, WHEN_TEXT - at, "0h");
	add_part(text, &at, hours, "h");
	add_part(text, &at, minutes, "m");
	add_part(text, &at, span.seconds % 60, "s");
}

static void
format(const struct tm *tm, int64_t nanos, const char *zone,
    char text[static WHEN_TEXT])
{
	size_t len = strftime(text, WHEN_TEXT, "%Y-%m-%dT%H:%M:%S", tm);

	if (nanos != 0)
		len += (size_t)snprintf(
		    text + len, WHEN_TEXT - len, ".%09d", (int)nanos);
	snprintf(text + len, WHEN_TEXT - len, "%s", zone);
}

void
when_format_rfc3339_utc(int64_t time, char text[static WHEN_TEXT])
{
	struct tm tm = { .tm_mday = 1 };
	int64_t nanos;
	time_t t = (time_t)calendar_split(time, &nanos);

	gmtime_r(&t, &tm);
	format(&tm, nanos, "Z", text);
}

void
when_format_rfc3339(int64_t time, char text[static WHEN_TEXT])
{
	char zone[WHEN_TEXT];
	struct tm tm;
	int64_t nanos;
	long minutes;

	calendar_split(time, &nanos);
	if (!calendar_local(time, &tm) || tm.tm_gmtoff % 60 != 0) {
		when_format_rfc3339_utc(time, text);
		return;
	}
	minutes = labs(tm.tm_gmtoff / 60);
	snprintf(zone, sizeof(zone), "%c%02ld:%02ld",
	    tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
	format(&tm, nanos, zone, text);
}

void
when_format_local(int64_t time, char text[static WHEN_TEXT])
{
	struct tm tm;

	if (!calendar_local(time, &tm)) {
		when_format_rfc3339_utc(time, text);
		return;
	}
	strftime(text, WHEN_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
}

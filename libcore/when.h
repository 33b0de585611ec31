/*
 * when.h - sizes, durations and times, as people write and read them.
 *
 * Text must be spelled exactly: no space around it, nothing behind it.  For
 * what a time is, and what local means, see calendar.h.
 */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define WHEN_TEXT 64 /* bytes that the text of a format function may take */

/*
 * A duration.  Calendar months and days have no fixed length, so the parts
 * stay apart; none is negative, and none above 10 000 years.
 */
struct when_span {
	int64_t months, days, seconds;
};

static inline bool
when_span_is_zero(struct when_span s)
{
	return s.months == 0 && s.days == 0 && s.seconds == 0;
}

/*
 * Read a size: a decimal number of bytes, or of 1024, 1024^2, 1024^3, 1024^4
 * bytes with K, M, G or T (or k, m, g, t) behind it.
 *
 * Returns: BLK_OK; BLK_INVALID, which names the text and leaves *size alone,
 *          for any other text and for 2^64 and above.
 */
MUST_USE enum blk_status when_size(
    const char *text, uint64_t *size, struct fault *why);

/*
 * Read a duration: decimal numbers, each with its unit, the units from large
 * to small and each at most once: y (years), mo (months), w (weeks), d (days),
 * h (hours), m (minutes), s (seconds).  "36h", "1y6mo", "1d12h".
 *
 * "m" straight behind "y" is refused: in restic's durations, which people
 * have in their scripts, it means months ("1y0h5m" says minutes).
 *
 * Returns: BLK_OK; BLK_INVALID, which names the text and leaves *span alone,
 *          for any other text.
 * Limits:  refuses parts above 10 000 years.
 */
MUST_USE enum blk_status when_duration(
    const char *text, struct when_span *span, struct fault *why);

/*
 * Read a time:
 *   2024-05-06T07:08:09Z    RFC 3339: with seconds and a zone (Z or +02:00),
 *                           perhaps a fraction (09.25), T or a space; digits
 *                           behind the ninth are dropped, and a leap second
 *                           is the second behind it
 *   2024-05-06              local, at 00:00
 *   2024-05-06 07:08[:09]   local
 *   @1715000000[.25]        seconds since 1970; "@-1" is before
 *   now, today, yesterday   the days local, at 00:00
 *   36h, 7d, 2w, 3mo, 1y    any duration: that long before now
 *
 * Returns: BLK_OK; BLK_INVALID, which names the text and leaves *time alone,
 *          for any other text and for what a time cannot hold.
 */
MUST_USE enum blk_status when_time(
    const char *text, int64_t now, int64_t *time, struct fault *why);

/*
 * *time = now - span, or now + span, by calendar_move: Mar 31 less a month is
 * the last day of February, and a day less is the same time of day.
 *
 * Returns: false, *time left alone, when the result cannot be held.
 */
MUST_USE bool when_subtract(int64_t now, struct when_span span, int64_t *time);
MUST_USE bool when_add(int64_t now, struct when_span span, int64_t *time);

/*
 * RFC 3339, exact: a fraction of nine digits where there is one, and when_time
 * gives the same time back.  The first with the local offset (or Z, where
 * that is no whole number of minutes), the other always with Z.
 */
void when_format_rfc3339(int64_t time, char text[static WHEN_TEXT]);
void when_format_rfc3339_utc(int64_t time, char text[static WHEN_TEXT]);

/* "2024-05-06 07:08:09", local, for tables; when_time reads it. */
void when_format_local(int64_t time, char text[static WHEN_TEXT]);

/* "1y6mo7d2h"; "0s" for none.  when_duration reads it as the same span. */
void when_format_span(struct when_span span, char text[static WHEN_TEXT]);

/* "512 B", "1.5 GiB": one decimal, rounded half up, from 1 KiB on. */
void when_format_size(uint64_t size, char text[static WHEN_TEXT]);

#endif

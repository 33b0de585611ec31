/*
 * retention.h - which snapshots of a group stay, and why.
 *
 * The rules are those that restic documents.  A snapshot stays if any rule
 * keeps it; each rule that does is a reason:
 *   - keep N of a period: of the last N hours, days, weeks, months or years
 *     in which there is a snapshot, the newest.  Periods are those of the
 *     local calendar, weeks begin on Monday, an hour that the clock repeats
 *     is one hour.  Periods without a snapshot do not count.
 *   - keep N last: the newest N.
 *   - keep within a duration: all that are younger than the newest by less
 *     than that; not than now, so that the snapshots of a machine that is
 *     gone stay.  Also the newest of each period within a duration.
 *   - keep tags.
 *   - A rule for a period that is not used up keeps the oldest snapshot too:
 *     as long as there is room, history reaches back as far as it can.
 * Snapshots from the future always stay, and no rule sees them, so that a
 * clock that was wrong once costs nothing.
 */
#ifndef RETENTION_H
#define RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "when.h"

struct buf;

#define RETENTION_UNLIMITED (-1)

/* Of which the newest stays.  For LAST each snapshot is a period of its own. */
enum retention_period {
	RETENTION_LAST,
	RETENTION_HOUR,
	RETENTION_DAY,
	RETENTION_WEEK,
	RETENTION_MONTH,
	RETENTION_YEAR,
	RETENTION_PERIODS,
};

/* All zero is the empty policy.  What it points to is borrowed. */
struct retention_policy {
	/* how many; RETENTION_UNLIMITED, or 0 where there is no such rule */
	int64_t keep[RETENTION_PERIODS];
	/* zero where there is no such rule; of LAST: keep all within */
	struct when_span within[RETENTION_PERIODS];
	/*
	 * A snapshot stays that has all tags of one of these, which are
	 * separated by commas; "" stands for snapshots without tags.
	 */
	const char *const *tags;
	size_t tag_count;
};

struct retention_snapshot {
	int64_t time;            /* see calendar.h */
	const char *const *tags; /* borrowed */
	size_t tag_count;
};

/* Reasons to stay, a bit each; none: the snapshot goes. */
#define RETENTION_KEPT(period) (UINT32_C(1) << (period))
#define RETENTION_OLDEST(period) (UINT32_C(1) << (8 + (period)))
#define RETENTION_WITHIN(period) (UINT32_C(1) << (16 + (period)))
#define RETENTION_WITHIN_OLDEST(period) (UINT32_C(1) << (24 + (period)))
#define RETENTION_TAGGED (UINT32_C(1) << 6)
#define RETENTION_FUTURE (UINT32_C(1) << 7)
#define RETENTION_NO_POLICY (UINT32_C(1) << 14)

/*
 * Read how many to keep: a number, or "unlimited" (or "-1").
 *
 * Returns: BLK_OK; BLK_INVALID, which names the text and leaves *keep alone.
 */
MUST_USE enum blk_status retention_parse_keep(
    const char *text, int64_t *keep, struct fault *why);

/*
 * Read how long to keep: a duration, but not one with minutes.  restic's
 * --keep-within 5m means months: taken for minutes it would cost history.
 *
 * Returns: BLK_OK; BLK_INVALID, which names the text and leaves *within alone.
 */
MUST_USE enum blk_status retention_parse_within(
    const char *text, struct when_span *within, struct fault *why);

/* Has it no rule at all? */
bool retention_is_empty(const struct retention_policy *policy);

/*
 * Judge the snapshots of one group, in any order; of two with the same time
 * the one behind the other is the newer.  reasons[i] is that of snapshots[i].
 * An empty policy keeps everything.
 *
 * Returns: BLK_OK; BLK_INVALID for a policy with a number below -1 or a tag
 *          that is empty beside others; BLK_FAILED.  Unless BLK_OK, reasons
 *          say nothing.
 */
MUST_USE enum blk_status retention_apply(const struct retention_policy *policy,
    int64_t now, const struct retention_snapshot *snapshots, size_t count,
    uint32_t *reasons, struct fault *why);

/*
 * Would something go, and nothing stay but snapshots from the future?  Then a
 * command asks for more than a policy: a tag may be misspelt.
 */
bool retention_would_remove_all(const uint32_t *reasons, size_t count);

/*
 * Add the reasons of a snapshot to text, separated by ", ", as restic words
 * them: "daily snapshot", "oldest weekly snapshot", "within 7d",
 * "monthly within 1y", "tag a,b", "untagged", "in the future", "no policy".
 *
 * Returns: BLK_OK; what buf_add returns, with text as it was.
 */
MUST_USE enum blk_status retention_explain(
    const struct retention_policy *policy,
    const struct retention_snapshot *snapshot, uint32_t reasons,
    struct buf *text, struct fault *why);

#endif

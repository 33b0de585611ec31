#include <stddef.h>
#include <string.h>

#include "bytes.h"
#include "retention-policy.h"

enum blk_status
retention_parse_keep(const char *text, int64_t *keep, struct fault *why)
{
	const char *p = text;
	int64_t n = 0;

	if (strcmp(text, "unlimited") == 0) {
		*keep = RETENTION_UNLIMITED;
		return BLK_OK;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *p - '0', &n))
			break;
	if (p == text || *p != '\0')
		return fault(why, BLK_INVALID,
		    "'%s' is neither a number nor 'unlimited'", text);
	*keep = n;
	return BLK_OK;
}

enum blk_status
retention_parse_within(
    const char *text, struct when_span *within, struct fault *why)
{
	struct when_span span;
	enum blk_status st = when_duration(text, &span, why);
	const char *m;

	if (st != BLK_OK)
		return st;
	m = strrchr(text, 'm'); /* minutes stand behind months */
	if (m != NULL && m[1] != 'o')
		return fault(why, BLK_INVALID,
		    "'%s' says minutes: write mo for months, or seconds", text);
	*within = span;
	return BLK_OK;
}

/* A list of reasons, behind what text held already. */
struct list {
	struct buf *text;
	size_t start;
	enum blk_status st;
	struct fault *why;
};

/* One more reason, in three pieces. */
static void
say(struct list *l, const char *a, const char *b, const char *c)
{
	if (l->st == BLK_OK)
		l->st = buf_printf(l->text, l->why, "%s%s%s%s",
		    l->text->len > l->start ? ", " : "", a, b, c);
}

static void
say_tags(struct list *l, const struct retention_policy *policy,
    const struct retention_snapshot *snapshot)
{
	for (size_t i = 0; i < policy->tag_count; i++) {
		const char *tags = policy->tags[i];

		if (!retention_policy_tags(tags, snapshot))
			continue;
		if (*tags == '\0')
			say(l, "untagged", "", "");
		else
			say(l, "tag ", tags, "");
	}
}

static const char *const names[] = { "last", "hourly", "daily", "weekly",
	"monthly", "yearly" };

static void
say_kept(struct list *l, uint32_t reasons)
{
	for (int p = 0; p < RETENTION_PERIODS; p++) {
		if (reasons & RETENTION_KEPT(p))
			say(l, names[p], " snapshot", "");
		else if (reasons & RETENTION_OLDEST(p))
			say(l, "oldest ", names[p], " snapshot");
	}
}

/* But for "last", of which nothing is said but within what. */
static void
say_within(
    struct list *l, const struct retention_policy *policy, uint32_t reasons)
{
	char within[8 + WHEN_TEXT] = " within ";

	for (int p = RETENTION_HOUR; p < RETENTION_PERIODS; p++) {
		if (!(reasons &
		        (RETENTION_WITHIN(p) | RETENTION_WITHIN_OLDEST(p))))
			continue;
		when_format_span(policy->within[p], within + 8);
		if (reasons & RETENTION_WITHIN(p))
			say(l, "", names[p], within);
		else
			say(l, "oldest ", names[p], within);
	}
}

enum blk_status
retention_explain(const struct retention_policy *policy,
    const struct retention_snapshot *snapshot, uint32_t reasons,
    struct buf *text, struct fault *why)
{
	struct list l = { text, text->len, BLK_OK, why };
	char span[WHEN_TEXT];

	if (reasons & RETENTION_FUTURE)
		say(&l, "in the future", "", "");
	if (reasons & RETENTION_NO_POLICY)
		say(&l, "no policy", "", "");
	if (reasons & RETENTION_TAGGED)
		say_tags(&l, policy, snapshot);
	if (reasons & RETENTION_WITHIN(RETENTION_LAST)) {
		when_format_span(policy->within[RETENTION_LAST], span);
		say(&l, "within ", span, "");
	}
	say_kept(&l, reasons);
	say_within(&l, policy, reasons);
	if (l.st != BLK_OK)
		text->len = l.start;
	return l.st;
}

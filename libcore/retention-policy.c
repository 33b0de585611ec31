#include "retention-policy.h"

#include <string.h>

bool
retention_is_empty(const struct retention_policy *policy)
{
	for (int p = 0; p < RETENTION_PERIODS; p++)
		if (policy->keep[p] != 0 ||
		    !when_span_is_zero(policy->within[p]))
			return false;
	return policy->tag_count == 0;
}

/* No tag of a list may be empty, or it would keep more than it says. */
static bool
tags_are_sound(const char *list)
{
	size_t len = strlen(list);

	return len == 0 ||
	    (list[0] != ',' && list[len - 1] != ',' &&
	        strstr(list, ",,") == NULL);
}

enum blk_status
retention_policy_check(const struct retention_policy *policy, struct fault *why)
{
	for (int p = 0; p < RETENTION_PERIODS; p++)
		if (policy->keep[p] < RETENTION_UNLIMITED)
			return fault(why, BLK_INVALID,
			    "%lld snapshots cannot be kept",
			    (long long)policy->keep[p]);
	for (size_t i = 0; i < policy->tag_count; i++)
		if (!tags_are_sound(policy->tags[i]))
			return fault(why, BLK_INVALID, "'%s' has an empty tag",
			    policy->tags[i]);
	return BLK_OK;
}

static bool
has_tag(const struct retention_snapshot *s, const char *tag, size_t len)
{
	for (size_t i = 0; i < s->tag_count; i++)
		if (strlen(s->tags[i]) == len &&
		    memcmp(s->tags[i], tag, len) == 0)
			return true;
	return false;
}

bool
retention_policy_tags(const char *list, const struct retention_snapshot *s)
{
	size_t len;

	if (*list == '\0')
		return s->tag_count == 0;
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (!has_tag(s, list, len))
			return false;
		if (list[len] == '\0')
			return true;
	}
}

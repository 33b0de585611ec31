/*
 * retention-policy.h - what the files of retention ask a policy.
 */
#ifndef RETENTION_POLICY_H
#define RETENTION_POLICY_H

#include <stdbool.h>

#include "retention.h"

/* BLK_OK, or BLK_INVALID as retention_apply says. */
MUST_USE enum blk_status retention_policy_check(
    const struct retention_policy *policy, struct fault *why);

/* Has the snapshot all tags of the list; for the empty list, none at all? */
bool retention_policy_tags(
    const char *list, const struct retention_snapshot *snapshot);

#endif

/*
 * prune.h - which snapshots stay and which go, decided on the head that the
 * commit is published on, and whether what stays is there.
 */
#ifndef PRUNE_H
#define PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup-data.h"
#include "fault.h"
#include "idmap.h"
#include "retention.h"
#include "snapshots.h"
#include "store.h"

struct prune_request {
	struct retention_policy policy;
	bool by_host_and_paths; /* else by name */
	bool remove_all;        /* is allowed */
	bool verify_data;
	char *const *glob; /* of names; NULL-terminated */
};

/* A snapshot, in the order of groups and then of age. */
struct prune_item {
	struct snapshot_version *v;
	char *group; /* owned: what it has in common with others */
	uint32_t reasons;
};

/* All zero but for r and data is empty. */
struct prune {
	const struct prune_request *r;
	struct data_check data; /* with verify_data */
	struct snapshot_versions all;
	struct prune_item *item;
	size_t items, drops, groups;
	struct idmap made_sure; /* vids, and segments, that were looked at */
	uint64_t commit;        /* 0: none was needed */
};

void prune_release(struct prune *p);

/*
 * Decide what goes, and make sure that what stays is there.
 *
 * Returns: BLK_OK; BLK_INVALID: nothing of a group would stay; BLK_CORRUPT:
 *          something of what stays is damaged or missing; BLK_FAILED.
 */
MUST_USE enum blk_status prune_plan(
    struct prune *p, struct store *s, struct fault *why);

/* The same, and drop them in one commit.  Returns as store_commit too. */
MUST_USE enum blk_status prune_commit(
    struct prune *p, struct store *s, struct fault *why);

#endif

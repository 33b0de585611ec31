/*
 * backup-data.h - reads all the data of snapshots, each object once.
 */
#ifndef BACKUP_DATA_H
#define BACKUP_DATA_H

#include <stdint.h>

#include "cli.h"
#include "digest.h"
#include "fault.h"
#include "idmap.h"
#include "store.h"
#include "text.h"

/* All zero but for what the caller sets is ready. */
struct data_check {
	struct store *s;
	unsigned jobs;
	struct progress *progress; /* or NULL */
	/* Something is damaged or missing; path is inside the snapshot. */
	void (*damaged)(void *arg, struct span path, const char *reason);
	void *arg;

	uint64_t files, bytes; /* read */
	uint64_t damages;      /* told */
	struct idmap seen;     /* trees and contents; see backup-data.c */
};

/*
 * Read what a tree holds, and all below it; what an earlier call found to be
 * sound is not read again, what it found damaged is told again.
 *
 * Returns: BLK_OK, also with damages; BLK_BUSY: stopped by a signal;
 *          BLK_FAILED.
 */
MUST_USE enum blk_status data_check_tree(
    struct data_check *d, const struct digest *tree, struct fault *why);
void data_check_release(struct data_check *d);

#endif

/*
 * snapshots.h - what the subcommands of blk-backup share.  Each has a file of
 * its own, backup-NAME.c.
 */
#ifndef SNAPSHOTS_H
#define SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "fault.h"
#include "snapshot.h"
#include "store.h"
#include "structure.h"
#include "tree.h"

extern const struct cli_command backup_create_command;
extern const struct cli_command backup_list_command;
extern const struct cli_command backup_show_command;
extern const struct cli_command backup_status_command;
extern const struct cli_command backup_prune_command;
extern const struct cli_command backup_verify_command;
extern const struct cli_command backup_diff_command;
extern const struct cli_command backup_find_command;
extern const struct cli_command backup_restore_command;
extern const struct cli_command backup_export_command;
extern const struct cli_command backup_import_command;

/* A snapshot that a version of a name stands for. */
struct snapshot_version {
	struct digest vid;
	struct version v;
	struct snapshot snap;
};

/* An array of them, by name and number. */
struct snapshot_versions {
	struct snapshot_version *item;
	size_t count, cap;
};

void snapshot_versions_release(struct snapshot_versions *l);

/*
 * Load all unexpired snapshots of the names that match one of the globs
 * (NULL-terminated; none: all), with their records.
 */
MUST_USE enum blk_status snapshot_versions_load(struct store *s,
    char *const *glob, struct snapshot_versions *l, struct fault *why);

/* Is there one of a name that matches? */
bool snapshot_versions_have(
    const struct snapshot_versions *l, const char *glob);

/*
 * Report each operand of c that names none of l, which was loaded by them.  A
 * pattern may match nothing, as in blk-ls; what is none has to be there.
 *
 * Returns: BLK_OK, *code: as cli_merge has it; what is wrong with the one
 *          operand that there is; BLK_FAILED.
 */
MUST_USE enum blk_status snapshot_versions_miss(struct cli *c, struct store *s,
    const struct snapshot_versions *l, int *code, struct fault *why);

/* The record of a snapshot; BLK_CORRUPT when it is missing. */
MUST_USE enum blk_status snapshot_read(struct store *s, const struct digest *id,
    struct snapshot *snap, struct fault *why);

/* Load the snapshot that a REF means: BLK_INVALID when it is none. */
MUST_USE enum blk_status snapshot_of_ref(struct store *s, const char *ref,
    struct snapshot_version *out, struct fault *why);
void snapshot_version_release(struct snapshot_version *v);

/*
 * What stands at a REF or REF:PATH in a snapshot or tree; no link is followed.
 * Where it stays until it is released: e borrows from the rest.
 */
struct snapshot_place {
	struct snapshot_version v; /* empty in a tree of no snapshot */
	char *path;                /* inside it; "": the root */
	bool bare;                 /* a tree of which nothing else is known */
	struct tree_entry e;
	struct buf line;
	struct tree_scratch scratch;
};

/* BLK_OK; BLK_ABSENT and BLK_INVALID as lookup_ref.  *p is the caller's to
 * release, whatever this returns. */
MUST_USE enum blk_status snapshot_place_find(struct store *s, const char *ref,
    struct snapshot_place *p, struct fault *why);
void snapshot_place_release(struct snapshot_place *p);

/*
 * Add what --tag says, "a" or "a,b", to the tags.  Leaves with EXIT_USAGE for
 * one that is empty.
 */
void snapshot_tags_add(
    const struct cli *c, struct snapshot_list *tags, const char *arg);
void snapshot_tags_release(struct snapshot_list *tags);

/* Take what --host says; leaves with EXIT_USAGE for what no host can be. */
const char *snapshot_host(const struct cli *c, const char *arg);

/* "a, b" of a list, appended to b, which ends in a NUL. */
MUST_USE enum blk_status snapshot_join(struct buf *b,
    const struct snapshot_list *l, const char *between, struct fault *why);

#endif

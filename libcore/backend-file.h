/*
 * backend-file.h - inside the directory engine: the directories of one store
 * and what of them is durable.  Only backend-file*.c include it.
 *
 * A directory that is made on demand carries the sticky bit until its name is
 * durable in the one above.  So whoever finds one without the bit may rely on
 * it, and whoever finds the bit, because its maker was killed, syncs in the
 * maker's place: a put costs one directory sync and not one a level.
 *
 * May be used by several threads at once.
 */
#ifndef BACKEND_FILE_H
#define BACKEND_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "backend.h"

struct dir; /* one directory; its path is its key, "" the root's */

struct dirs {
	int root;              /* owned */
	mode_t mode;           /* of directories that are made */
	bool poisoned;         /* a sync failed: atomic, never taken back */
	pthread_mutex_t lock;  /* the list and what stands in it */
	pthread_mutex_t flush; /* held while removals are made durable */
	struct dir *list;
	size_t open;  /* descriptors kept */
	size_t dirty; /* directories with removals not yet durable: atomic */
};

/* A directory in use, between dirs_use and dirs_done. */
struct dirs_use {
	struct dir *dir;
	int fd;
};

#define DIRS_USE_NONE                                                          \
	{                                                                      \
		.dir = NULL, .fd = -1                                          \
	}

/* root becomes theirs, whatever is returned. */
MUST_USE enum blk_status dirs_init(
    struct dirs *d, int root, mode_t mode, struct fault *why);
void dirs_release(struct dirs *d);

/*
 * Open the directory at path (len bytes, below the root).
 *
 * make: with what is missing above it; else BLK_ABSENT.
 * durable: and see that its name, and those above, are durable.
 */
MUST_USE enum blk_status dirs_use(struct dirs *d, const char *path, size_t len,
    bool make, bool durable, struct dirs_use *use, struct fault *why);
void dirs_done(struct dirs_use *use);

/* BLK_FAILED, saying why, once a sync failed. */
MUST_USE enum blk_status dirs_sound(const struct dirs *d, struct fault *why);

/* A sync failed elsewhere: see dirs_sound. */
void dirs_poison(struct dirs *d);

/* Make durable what was published in this directory, and every removal noted
 * before.  A failure poisons. */
MUST_USE enum blk_status dirs_sync(
    struct dirs *d, const struct dirs_use *use, struct fault *why);

/* Something was removed in the directory at path (len bytes). */
MUST_USE enum blk_status dirs_note_removal(
    struct dirs *d, const char *path, size_t len, struct fault *why);

/* Sync the directory at path (len bytes), if it exists, and all above it up
 * to the root.  A failure poisons. */
MUST_USE enum blk_status dirs_settle(
    struct dirs *d, const char *path, size_t len, struct fault *why);

/*
 * Make the directories of a store at path, or end what a killed process
 * began, and make them durable.  log/ comes last: where it stands, there is a
 * store.
 *
 * Returns: BLK_OK; BLK_INVALID where something else is in the way;
 *          BLK_FAILED.
 */
MUST_USE enum blk_status dirs_create(
    const char *path, mode_t mode, struct fault *why);

/* backend_type.list, below the descriptor root. */
MUST_USE enum blk_status dirs_list(int root, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, struct fault *why);

void dirs_stat(struct backend_stat *st, const struct stat *sb);

/* One handle. */
struct file_store {
	struct backend base; /* first */
	struct dirs dirs;
	char session[33];
	uint64_t next;  /* of the temporaries: atomic */
	bool link_only; /* no RENAME_NOREPLACE here: atomic */
};

static inline struct file_store *
file_store_of(struct backend *b)
{
	return (struct file_store *)b;
}

/* Length of the path in front of a key's leaf, without the last '/'. */
size_t dirs_path_len(const char *key);

/* backend_type.put */
MUST_USE enum blk_status file_store_put(struct backend *b, const char *key,
    const struct iovec *part, size_t n, unsigned flags,
    enum backend_outcome *outcome, struct fault *why);

#endif

/*
 * Opening, locking, replacing.
 */
#include "index-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define LOCK_INDEX "locks/index"
#define LOCK_TURN "locks/turn"
#define TRIES 3

/* --- the lock --- */

static void
unlock(int *fd)
{
	file_close(*fd);
	*fd = -1;
}

/*
 * Who waits for the lock alone holds "turn" meanwhile, and everybody comes
 * by way of it: or else those who release and retake theirs would never let
 * it through.
 */
static enum blk_status
lock(struct index *x, bool exclusive, struct fault *why)
{
	enum blk_status st;
	int turn = -1;

	unlock(&x->lock_fd);
	st = file_lock(x->dir_fd, LOCK_TURN, x->file_mode, exclusive,
	    x->o.lock_wait_ms, &turn, why);
	if (st == BLK_OK)
		st = file_lock(x->dir_fd, LOCK_INDEX, x->file_mode, exclusive,
		    x->o.lock_wait_ms, &x->lock_fd, why);
	file_close(turn);
	if (st == BLK_OK)
		return st;
	x->lock_fd = -1;
	if (st == BLK_FAILED && x->o.read_only)
		return BLK_OK; /* no lock can be made: nobody writes */
	return fault_in(why, st, "index %s", x->o.dir);
}

/*
 * Make an empty file unless another process did so meanwhile, and come back
 * attached and shared.  old: the generation that is not wanted; NULL: any
 * that can be used will do.
 */
static enum blk_status
replace(struct index *x, const uint8_t *old, bool *fresh, const char **reason,
    struct fault *why)
{
	const char *found;
	enum blk_status st;

	*fresh = false;
	index_detach(x);
	st = lock(x, true, why);
	if (st != BLK_OK)
		return st;
	st = index_attach(x, &found, why);
	if (st == BLK_ABSENT || st == BLK_CORRUPT ||
	    (st == BLK_OK && old != NULL &&
	        memcmp(old, x->generation, sizeof(x->generation)) == 0)) {
		*reason = found;
		if (found == index_other_store ||
		    (found == index_other_schema && !index_is_of_store(x)))
			index_detach(x); /* nor are its notes ours */
		st = index_make(x, why);
		*fresh = st == BLK_OK;
	}
	index_detach(x);
	if (st == BLK_OK)
		st = lock(x, false, why);
	else
		unlock(&x->lock_fd);
	if (st == BLK_OK)
		st = index_attach(x, &found, why);
	if (st != BLK_OK)
		index_detach(x);
	return st;
}

/* Until one stands there that can be used: others may make one as well. */
static enum blk_status
replace_any(
    struct index *x, bool *fresh, const char **reason, struct fault *why)
{
	enum blk_status st = BLK_ABSENT;

	for (int i = 0; (st == BLK_ABSENT || st == BLK_CORRUPT) && i < TRIES;
	     i++)
		st = replace(x, NULL, fresh, reason, why);
	return st;
}

/* --- opening --- */

static mode_t
dir_mode(const struct index *x)
{
	return x->o.group ? 02770 : 0700;
}

static enum blk_status
make_dir(struct index *x, struct fault *why)
{
	enum blk_status st;

	st = file_mkdirs(AT_FDCWD, x->o.dir, dir_mode(x), why);
	if (st == BLK_OK)
		st = file_open_dir(AT_FDCWD, x->o.dir, &x->dir_fd, why);
	return st;
}

static enum blk_status
open_dir(struct index *x, struct fault *why)
{
	enum blk_status st;
	char *real;

	st = file_open_dir(AT_FDCWD, x->o.dir, &x->dir_fd, why);
	if (st == BLK_ABSENT && !x->o.read_only)
		st = make_dir(x, why);
	if (st == BLK_ABSENT)
		return st;
	if (st != BLK_OK)
		return fault_in(why, st, "index");
	if (!x->o.read_only && faccessat(x->dir_fd, "locks", F_OK, 0) == -1 &&
	    errno == ENOENT)
		st = file_mkdirs(x->dir_fd, "locks", dir_mode(x), why);
	if (st != BLK_OK)
		return fault_in(why, st, "index");
	/* SQLite is given a path that holds wherever the process goes. */
	real = realpath(x->o.dir, NULL);
	if (real == NULL)
		return fault_sys(why, "index %s", x->o.dir);
	if (asprintf(&x->path, "%s/%s", real, INDEX_FILE) == -1) {
		x->path = NULL;
		st = fault_nomem(why);
	}
	free(real);
	return st;
}

static enum blk_status
open_file(struct index *x, bool *fresh, const char **reason, struct fault *why)
{
	enum blk_status st = open_dir(x, why);

	if (st == BLK_OK)
		st = lock(x, false, why);
	if (st == BLK_OK)
		st = index_attach(x, reason, why);
	if (x->o.read_only) {
		if (st == BLK_CORRUPT)
			st = BLK_ABSENT; /* *reason says why */
		return st;
	}
	return st == BLK_ABSENT || st == BLK_CORRUPT
	    ? replace_any(x, fresh, reason, why)
	    : st;
}

static void
index_close(struct catalog *c)
{
	struct index *x = index_of(c);
	union {
		const char *in;
		char *out;
	} dir = { x->o.dir };

	if (x->writing)
		c->type->rollback(c);
	index_detach(x);
	file_close(x->lock_fd);
	file_close(x->apply_fd);
	file_close(x->dir_fd);
	free(x->path);
	free(dir.out);
	free(x);
}

static const struct catalog_type index_type = {
	.close = index_close,
	.hold = index_hold,
	.release = index_release,
	.begin = index_begin,
	.commit = index_commit,
	.rollback = index_rollback,
	.clear = index_clear,
	.head_get = index_head_get,
	.head_set = index_head_set,
	.segment_add = index_segment_add,
	.segment_update = index_segment_update,
	.segment_live = index_segment_live,
	.segment_drop = index_segment_drop,
	.segment_get = index_segment_get,
	.segment_find = index_segment_find,
	.segment_next = index_segment_next,
	.segment_last = index_segment_last,
	.copies_add = index_copies_add,
	.facts = index_facts,
	.copies_all = index_copies_all,
	.facts_many = index_facts_many,
	.copies_each = index_copies_each,
	.ids_each = index_ids_each,
	.count_set = index_count_set,
	.counts_clear = index_counts_clear,
	.counts_empty = index_counts_empty,
	.lost_set = index_lost_set,
	.lost_each = index_lost_each,
	.version_put = index_version_put,
	.version_drop = index_version_drop,
	.version_get = index_version_get,
	.version_each = index_version_each,
	.name_set = index_name_set,
	.name_get = index_name_get,
	.name_each = index_name_each,
	.setting_set = index_setting_set,
	.setting_get = index_setting_get,
	.setting_each = index_setting_each,
	.stat_add = index_stat_add,
	.stat_each = index_stat_each,
	.record_add = index_record_add,
	.record_each = index_record_each,
	.records_drop = index_records_drop,
	.damage_note = index_damage_note,
	.damage_has = index_damage_has,
	.damage_each = index_damage_each,
	.anything_wrong = index_anything_wrong,
	.totals = index_totals,
	.verify = index_verify,
};

enum blk_status
index_open(const struct index_options *o, struct catalog **out, bool *fresh,
    const char **reason, struct fault *why)
{
	struct index *x = calloc(1, sizeof(*x));
	enum blk_status st = BLK_OK;

	*out = NULL;
	*reason = NULL;
	*fresh = o->in_memory;
	if (x == NULL)
		return fault_nomem(why);
	x->base.type = &index_type;
	x->o = *o;
	if (o->pending_ids == 0)
		x->o.pending_ids = INDEX_PENDING;
	x->pending.at.ordered = true;
	x->o.dir = o->dir == NULL ? NULL : strdup(o->dir);
	x->file_mode = o->group ? 0660 : 0600;
	x->dir_fd = x->lock_fd = x->apply_fd = -1;
	if (o->dir != NULL && x->o.dir == NULL)
		st = fault_nomem(why);
	if (st == BLK_OK)
		st = o->in_memory ? index_open_memory(x, why)
		                  : open_file(x, fresh, reason, why);
	if (st != BLK_OK) {
		index_close(&x->base);
		return st;
	}
	*out = &x->base;
	return BLK_OK;
}

enum blk_status
index_replace(struct catalog *c, bool *fresh, struct fault *why)
{
	struct index *x = index_of(c);
	uint8_t old[sizeof(x->generation)];
	const char *reason;
	enum blk_status st;

	index_release(c);
	if (x->o.in_memory) {
		*fresh = true;
		st = index_begin(c, why);
		if (st == BLK_OK)
			st = index_clear(c, why);
		if (st == BLK_OK)
			return index_commit(c, why);
		index_rollback(c);
		return st;
	}
	*fresh = false;
	if (x->o.read_only)
		return fault(
		    why, BLK_FAILED, "index %s is open for reading", x->path);
	memcpy(old, x->generation, sizeof(old));
	return replace(x, old, fresh, &reason, why);
}

enum blk_status
index_yield(struct catalog *c, bool *replaced, bool *fresh, const char **reason,
    struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	struct stat sb;

	index_release(c);
	*replaced = *fresh = false;
	*reason = NULL;
	if (x->o.in_memory)
		return BLK_OK;
	st = lock(x, false, why);
	if (st != BLK_OK) {
		index_detach(x); /* without the lock nothing may be read */
		return st;
	}
	/* While ours is open no other file has its number. */
	if (x->db != NULL && fstatat(x->dir_fd, INDEX_FILE, &sb, 0) == 0 &&
	    sb.st_dev == x->dev && sb.st_ino == x->ino)
		return BLK_OK;
	*replaced = true;
	st = index_attach(x, reason, why);
	if ((st == BLK_ABSENT || st == BLK_CORRUPT) && !x->o.read_only)
		return replace_any(x, fresh, reason, why);
	if (st == BLK_ABSENT)
		st = fault(why, BLK_CORRUPT, "index %s is gone", x->path);
	return st;
}

uint64_t
index_bytes(struct catalog *c)
{
	struct index *x = index_of(c);

	if (x->o.in_memory)
		return index_pages_bytes(x);
	return index_size_of(x, INDEX_FILE) +
	    index_size_of(x, INDEX_FILE "-wal");
}

/*
 * The map holds what was met: of a content whether it is SOUND, of a tree
 * whether all below it is, as far as is known; a tree that was left is known.
 */
#include "backup-data.h"

#include "reader.h"
#include "tree-walk.h"

enum {
	UNKNOWN = 0, /* as idmap_put makes it */
	SOUND,
	DAMAGED,
};

void
data_check_release(struct data_check *d)
{
	idmap_release(&d->seen);
}

static enum blk_status
take(void *arg, const void *data, size_t len, struct fault *why)
{
	struct data_check *d = arg;

	(void)data;
	if (cli_stop_requested(NULL))
		return fault(why, BLK_BUSY, "interrupted");
	d->bytes += len;
	progress_bytes(d->progress, len);
	return BLK_OK;
}

/* Told; and so all directories on the way there are damaged. */
static void
found(struct data_check *d, const struct tree_walk *w, const char *reason)
{
	for (size_t i = 0; i < w->depth; i++) {
		int64_t *state = idmap_get(&d->seen, &w->dir[i].id, CLASS_TREE);

		if (state != NULL)
			*state = DAMAGED;
	}
	d->damages++;
	d->damaged(d->arg, span_of(w->path.data, w->path.len), reason);
}

static enum blk_status
check_file(struct data_check *d, const struct tree_walk *w, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	uint64_t before = d->bytes;
	int64_t *state;
	enum blk_status st;

	st = idmap_put(&d->seen, &w->e.id, CLASS_CONTENT, &state, NULL, why);
	if (st != BLK_OK || *state == SOUND)
		return st;
	if (*state == DAMAGED) {
		found(d, w, "damaged, as said before");
		return BLK_OK;
	}
	st = reader_content(
	    d->s, &w->e.id, 0, READER_ALL, d->jobs, take, d, &reason);
	d->files++;
	progress_files(d->progress, 1);
	if (st == BLK_OK && d->bytes - before == w->e.size) {
		*state = SOUND;
		return BLK_OK;
	}
	if (st == BLK_FAILED || st == BLK_BUSY) {
		*why = reason;
		return fault_in(
		    why, st, "%.*s", (int)w->path.len, (char *)w->path.data);
	}
	*state = DAMAGED;
	found(d, w,
	    st == BLK_OK           ? "of another size than its directory says"
	        : st == BLK_ABSENT ? "missing"
	                           : reason.text);
	return BLK_OK;
}

/* A tree that was left SOUND needs no second look. */
static enum blk_status
check_dir(struct data_check *d, struct tree_walk *w, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	int64_t *state;
	enum blk_status st;

	st = idmap_put(&d->seen, &w->e.id, CLASS_TREE, &state, NULL, why);
	if (st != BLK_OK || *state == SOUND)
		return st;
	*state = SOUND;
	st = tree_walk_enter(w, &reason);
	if (st == BLK_CORRUPT) {
		*state = DAMAGED;
		found(d, w, reason.text);
		return BLK_OK;
	}
	if (st != BLK_OK)
		*why = reason;
	return st;
}

static enum blk_status
check_all(struct data_check *d, struct tree_walk *w, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st;

	while ((st = tree_walk_next(w, &reason)) != BLK_ABSENT) {
		if (cli_stop_requested(NULL))
			return fault(why, BLK_BUSY, "interrupted");
		if (st == BLK_CORRUPT)
			found(d, w, reason.text);
		else if (st != BLK_OK)
			*why = reason;
		else if (w->e.type == TREE_FILE)
			st = check_file(d, w, why);
		else if (w->e.type == TREE_DIR)
			st = check_dir(d, w, why);
		if (st != BLK_OK && st != BLK_CORRUPT)
			return st;
	}
	return BLK_OK;
}

enum blk_status
data_check_tree(
    struct data_check *d, const struct digest *tree, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	struct tree_walk w;
	int64_t *state;
	enum blk_status st;

	st = idmap_put(&d->seen, tree, CLASS_TREE, &state, NULL, why);
	if (st != BLK_OK || *state == SOUND)
		return st;
	*state = SOUND;
	st = tree_walk_open(&w, d->s, tree, &reason);
	if (st == BLK_CORRUPT) {
		*state = DAMAGED;
		found(d, &w, reason.text);
		st = BLK_OK;
	} else if (st == BLK_OK) {
		st = check_all(d, &w, why);
	} else {
		*why = reason;
	}
	tree_walk_release(&w);
	return st;
}

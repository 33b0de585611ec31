/*
 * Bringing the catalog to the head of the log.
 */
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "rules.h"
#include "store-private.h"

#define TRIES 10000 /* steps towards a head that moves on */

static bool
is_index_fault(const struct fault *why)
{
	return strncmp(why->text, "index", 5) == 0;
}

/* --- is the catalog current? --- */

enum currency {
	CURRENT,
	BEHIND, /* log/<seen+1> is there */
	FOLDED, /* a checkpoint above seen is there */
	LOST,   /* log/<seen> is absent or another */
};

/* Does log/<head> stand there with the tail that we remember? */
static enum blk_status
head_stands(struct store *s, const struct catalog_head *h, bool *stands,
    struct fault *why)
{
	uint8_t tail[SEGMENT_TRAILER + 1];
	struct backend_stat bs = { .bytes = h->bytes };
	char key[LOG_KEY_MAX];
	enum blk_status st = BLK_OK;
	size_t got = 0;

	*stands = false;
	log_key(h->number, key);
	if (h->bytes == 0)
		st = backend_stat(s->backend, key, &bs, why);
	if (st == BLK_OK && bs.bytes < SEGMENT_TRAILER)
		return BLK_OK;
	if (st == BLK_OK)
		st = backend_get(s->backend, key, bs.bytes - SEGMENT_TRAILER,
		    tail, sizeof(tail), &got, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	*stands = st == BLK_OK && got == SEGMENT_TRAILER &&
	    memcmp(tail, h->tail, SEGMENT_TRAILER) == 0;
	return st;
}

static enum blk_status
look(struct store *s, const struct catalog_head *h, enum currency *is,
    uint64_t *checkpoint, struct fault *why)
{
	struct backend_stat bs;
	char key[LOG_KEY_MAX];
	enum blk_status st;
	uint64_t second;
	bool more, stands;

	*checkpoint = 0;
	log_key(h->number + 1, key);
	st = backend_stat(s->backend, key, &bs, why);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	more = st == BLK_OK;
	st = head_stands(s, h, &stands, why);
	if (st == BLK_OK && RULE(R3))
		st = checkpoint_newest(s->backend, checkpoint, &second, why);
	if (st != BLK_OK)
		return st;
	if (*checkpoint > h->number)
		*is = FOLDED;
	else if (!stands)
		*is = LOST;
	else
		*is = more ? BEHIND : CURRENT;
	return BLK_OK;
}

/* --- moving on --- */

static enum blk_status
head_of(struct store *s, struct catalog_head *h, struct fault *why)
{
	return s->catalog->type->head_get(s->catalog, h, why);
}

/* Remember in the catalog what is known of durability and checkpoints. */
static enum blk_status
note_head(struct store *s, uint64_t checkpoint, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st = head_of(s, &h, why);

	if (st != BLK_OK)
		return st;
	if (checkpoint > h.checkpoint)
		h.checkpoint = checkpoint;
	if (s->durable > h.durable && s->durable <= h.number)
		h.durable = s->durable;
	return s->catalog->type->head_set(s->catalog, &h, why);
}

static enum blk_status
finish(struct store *s, enum blk_status st, struct fault *why)
{
	const struct catalog_type *t = s->catalog->type;

	if (st == BLK_OK)
		st = t->commit(s->catalog, why);
	if (st != BLK_OK)
		t->rollback(s->catalog);
	return st;
}

/* End a transaction that changed nothing: a catalog in memory, which a
 * rollback empties, stays as it was. */
static enum blk_status
leave(struct store *s, enum blk_status st, struct fault *why)
{
	struct fault of_end = FAULT_NONE;
	enum blk_status end = s->catalog->type->commit(s->catalog, &of_end);

	if (end == BLK_OK)
		return st;
	s->catalog->type->rollback(s->catalog);
	*why = of_end;
	return end;
}

/* --- what is gone: removed because of something newer, or lost? --- */

/* What an attempt to bring the catalog on had read when it failed. */
struct reach {
	struct catalog_head head; /* number and hash */
	uint64_t checkpoint;      /* the newest that there was */
};

static void
reach_end(struct reach *e, const struct run *r, const struct catalog_head *h)
{
	e->head = *h;
	if (r->count == 0)
		return;
	e->head.known = true;
	e->head.number = r->commit[r->count - 1].number;
	e->head.hash = r->commit[r->count - 1].hash;
}

/*
 * A segment goes because of a commit, and commits and checkpoints because of
 * checkpoints, that stood before: is anything there that e had not seen?
 */
static enum blk_status
is_newer(struct store *s, const struct reach *e, bool *newer, struct fault *why)
{
	struct run r = { .commit = NULL };
	uint64_t newest, second;
	enum blk_status st;

	st = checkpoint_newest(s->backend, &newest, &second, why);
	*newer = newest > e->checkpoint;
	if (st != BLK_OK || *newer || !e->head.known)
		return st;
	st = store_run_next(s, &r, e->head.number + 1, &e->head.hash, why);
	*newer = st == BLK_OK;
	store_run_release(&r);
	return st == BLK_ABSENT || st == BLK_CORRUPT ? BLK_OK : st;
}

/* After a tolerant attempt: ABSENT when what it missed may not be lost. */
static enum blk_status
check_loss(struct store *s, const struct reach *e, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool newer = false;

	if (s->source.tolerant)
		st = is_newer(s, e, &newer, why);
	return st == BLK_OK && newer ? BLK_ABSENT : st;
}

static bool
is_gone(enum blk_status st, const struct fault *why)
{
	return st == BLK_ABSENT || (st == BLK_CORRUPT && !is_index_fault(why));
}

/*
 * Apply what the log holds behind the catalog's head, a bounded run at a
 * time; what to apply is decided inside the transaction.
 *
 * *moved: something was applied.  ABSENT: a segment is gone, so that newer
 * commits or a checkpoint must be looked for, than *e says.
 */
static enum blk_status
apply_log(struct store *s, uint64_t last, bool bounded, bool *moved,
    struct reach *e, struct fault *why)
{
	struct run r = { .commit = NULL };
	struct catalog_head h;
	enum blk_status st;
	bool nothing;

	*moved = false;
	*e = (struct reach){ .checkpoint = 0 };
	st = s->catalog->type->begin(s->catalog, why);
	if (st != BLK_OK)
		return st;
	st = head_of(s, &h, why);
	if (st == BLK_OK)
		st = store_run_read(s, &h, last, bounded, &r, why);
	reach_end(e, &r, &h);
	e->checkpoint = h.known ? h.number : 0;
	if (st == BLK_ABSENT && r.count == 0)
		st = BLK_OK; /* nothing more */
	else if (st == BLK_OK)
		st =
		    state_apply(s->catalog, r.commit, r.count, &s->source, why);
	if (st == BLK_OK)
		st = check_loss(s, e, why);
	*moved = st == BLK_OK && r.count > 0;
	if (st == BLK_OK)
		st = note_head(s, 0, why);
	nothing = r.count == 0 && st == BLK_CORRUPT;
	store_run_release(&r);
	return nothing ? leave(s, st, why) : finish(s, st, why);
}

enum blk_status
store_apply(struct store *s, const struct commit *k,
    const struct state_source *src, bool *applied, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st;

	*applied = false;
	st = s->catalog->type->begin(s->catalog, why);
	if (st != BLK_OK)
		return st;
	st = head_of(s, &h, why);
	*applied = st == BLK_OK && h.known && h.number + 1 == k->number &&
	    digest_equal(&h.hash, &k->previous);
	if (*applied)
		st = state_apply(s->catalog, k, 1, src, why);
	if (*applied && st == BLK_OK)
		st = note_head(s, 0, why);
	return finish(s, st, why);
}

/* Fill an emptied catalog from a checkpoint and the log behind it. */
static enum blk_status
fill(struct store *s, uint64_t number, struct reach *e, struct fault *why)
{
	struct run r = { .commit = NULL };
	struct digest *root = NULL;
	struct catalog_head h = { .known = false };
	enum blk_status st;
	size_t roots = 0;

	st = checkpoint_load(s->backend, number, s->config.store, s->catalog,
	    &root, &roots, NULL, why);
	if (st == BLK_OK)
		st = head_of(s, &h, why);
	if (st == BLK_OK) {
		st = store_run_read(s, &h, UINT64_MAX, false, &r, why);
		if (r.count == 0 && (st == BLK_ABSENT || st == BLK_CORRUPT))
			st = BLK_OK; /* what stands there is said later */
	}
	reach_end(e, &r, &h);
	if (st == BLK_OK)
		st = state_load(s->catalog, root, roots, r.commit, r.count,
		    &s->source, why);
	if (st == BLK_OK)
		st = check_loss(s, e, why);
	store_run_release(&r);
	free(root);
	return st;
}

/* Replace the catalog by what a checkpoint, and the log behind it, say. */
static enum blk_status
load_checkpoint(
    struct store *s, uint64_t number, struct reach *e, struct fault *why)
{
	const struct catalog_type *t = s->catalog->type;
	enum blk_status st;

	s->crossed = true;
	st = t->begin(s->catalog, why);
	if (st != BLK_OK)
		return st;
	st = t->clear(s->catalog, why);
	if (st == BLK_OK)
		st = fill(s, number, e, why);
	return finish(s, st, why);
}

/* As load_checkpoint, for a store that has lost segments. */
static enum blk_status
load_tolerant(
    struct store *s, uint64_t number, struct reach *e, struct fault *why)
{
	enum blk_status st;

	s->source.tolerant = true;
	st = load_checkpoint(s, number, e, why);
	s->source.tolerant = false;
	if (st == BLK_OK)
		store_warn(s, "a segment is missing or damaged: run blk-check");
	return st == BLK_ABSENT ? BLK_OK : st; /* look again */
}

/* Load a checkpoint, or the one before it; what is newer goes first. */
static enum blk_status
load_either(
    struct store *s, uint64_t newest, uint64_t second, struct fault *why)
{
	struct reach e = { .checkpoint = newest };
	bool newer;
	enum blk_status st = load_checkpoint(s, newest, &e, why), found;

	if (!is_gone(st, why))
		return st;
	found = is_newer(s, &e, &newer, why);
	if (found != BLK_OK || newer)
		return found;
	if (second > 0) {
		store_warn(s,
		    "checkpoint %ju cannot be loaded; going back to "
		    "the one before",
		    (uintmax_t)newest);
		st = load_checkpoint(s, second, &e, why);
	}
	return is_gone(st, why) ? load_tolerant(s, newest, &e, why) : st;
}

/* The newest checkpoint that can be loaded, or an empty catalog. */
static enum blk_status
load_newest(struct store *s, struct fault *why)
{
	const struct catalog_type *t = s->catalog->type;
	uint64_t newest, second;
	enum blk_status st;

	st = checkpoint_newest(s->backend, &newest, &second, why);
	if (st != BLK_OK)
		return st;
	s->crossed = true;
	if (newest > 0)
		return load_either(s, newest, second, why);
	st = t->begin(s->catalog, why);
	if (st != BLK_OK)
		return st;
	st = t->clear(s->catalog, why);
	return finish(s, st, why);
}

/*
 * R3: a checkpoint above the head.  The log is followed by hashes to the
 * commit that it names; where that does not succeed, it is loaded.
 */
static enum blk_status
cross(struct store *s, const struct catalog_head *h, uint64_t checkpoint,
    struct fault *why)
{
	struct reach e;
	struct digest want;
	enum blk_status st;
	bool found = false, moved = true;

	st = checkpoint_head(
	    s->backend, checkpoint, s->config.store, &want, NULL, why);
	if (st == BLK_ABSENT)
		return BLK_OK; /* a newer one has taken its place */
	if (st == BLK_OK)
		st = store_follow(
		    s, h->number + 1, &h->hash, checkpoint, &want, &found, why);
	while (st == BLK_OK && found && moved)
		st = apply_log(s, checkpoint, true, &moved, &e, why);
	if ((st == BLK_OK && !found) || is_gone(st, why))
		st = load_newest(s, why);
	return st;
}

/* The log does not go on soundly: reads go on, commits do not. */
static void
note_broken(struct store *s, const struct fault *why)
{
	if (!s->broken)
		store_warn(
		    s, "%s; the store can be read up to there", why->text);
	s->broken = true;
	s->broken_why = *why;
}

/*
 * Apply what is new.  A segment that is missing may have been condemned by a
 * later commit, or folded away; otherwise it is lost, and the rest goes on.
 */
static enum blk_status
behind(struct store *s, struct fault *why)
{
	struct reach e;
	bool moved, newer;
	enum blk_status st = apply_log(s, UINT64_MAX, true, &moved, &e, why);
	enum blk_status found;

	if (is_gone(st, why))
		st = apply_log(s, UINT64_MAX, false, &moved, &e, why);
	if (!is_gone(st, why))
		return st;
	found = is_newer(s, &e, &newer, why);
	if (found != BLK_OK || newer)
		return found;
	s->source.tolerant = true;
	st = apply_log(s, UINT64_MAX, false, &moved, &e, why);
	s->source.tolerant = false;
	if (st == BLK_OK && moved)
		store_warn(s, "a segment is missing or damaged: run blk-check");
	return st == BLK_ABSENT ? BLK_OK : st; /* look again */
}

/* One step towards the head; *is says what was found before it. */
static enum blk_status
step(struct store *s, enum currency *is, bool *said, struct fault *why)
{
	struct catalog_head h;
	uint64_t checkpoint;
	enum blk_status st;

	st = head_of(s, &h, why);
	if (st != BLK_OK)
		return st;
	if (!h.known) {
		*is = BEHIND;
		st = load_newest(s, why);
		if (st == BLK_OK)
			st = head_of(s, &h, why);
		return st == BLK_OK && !h.known ? behind(s, why) : st;
	}
	st = look(s, &h, is, &checkpoint, why);
	if (st != BLK_OK || *is == CURRENT)
		return st;
	if (*is == FOLDED)
		return cross(s, &h, checkpoint, why);
	if (*is == BEHIND)
		return behind(s, why);
	if (!*said)
		store_warn(s,
		    "index: commit %ju is not the one that it knew; "
		    "it is made again",
		    (uintmax_t)h.number);
	*said = true;
	return load_newest(s, why);
}

enum blk_status
store_heal_index(struct store *s, struct fault *why)
{
	enum blk_status st;
	bool fresh;

	if (!s->own_index || s->healed)
		return BLK_CORRUPT;
	s->healed = true;
	store_warn(s, "index: %s; it is made again", why->text);
	st = index_replace(s->catalog, &fresh, why);
	s->crossed = true;
	return st;
}

static enum blk_status
catch_up(struct store *s, struct fault *why)
{
	enum currency is = BEHIND;
	enum blk_status st = BLK_OK;
	bool said = false;

	/* Others may go on while we follow; but not for ever. */
	for (int i = 0; st == BLK_OK && is != CURRENT; i++) {
		if (i == TRIES)
			return fault(why, BLK_BUSY, "the log always moves on");
		st = step(s, &is, &said, why);
	}
	return st;
}

enum blk_status
store_sync(struct store *s, struct fault *why)
{
	enum blk_status st;
	bool replaced = false, fresh = false;
	const char *reason = NULL;

	s->broken = false;
	if (s->own_index) {
		st = index_yield(s->catalog, &replaced, &fresh, &reason, why);
		if (st != BLK_OK)
			return st;
		if (fresh)
			store_say_fresh(s, reason);
		s->crossed = s->crossed || replaced;
	}
	st = catch_up(s, why);
	if (st == BLK_CORRUPT && is_index_fault(why) &&
	    store_heal_index(s, why) == BLK_OK)
		st = catch_up(s, why);
	if (st == BLK_CORRUPT && !is_index_fault(why)) {
		struct catalog_head h;

		if (head_of(s, &h, why) == BLK_OK && h.known) {
			note_broken(s, why);
			st = BLK_OK;
		}
	}
	s->catalog->cut = s->broken;
	return st == BLK_OK ? store_review_pending(s, why) : st;
}

enum blk_status
store_rebuild(struct store *s, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool fresh;

	if (s->own_index)
		st = index_replace(s->catalog, &fresh, why);
	if (st == BLK_OK)
		st = load_newest(s, why);
	return st == BLK_OK ? store_sync(s, why) : st;
}

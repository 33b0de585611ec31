#include "collect-private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "rules.h"
#include "usage.h"

#define DAY_NS ((int64_t)86400 * 1000000000)

const char *
collect_phase_name(enum collect_phase p)
{
	static const char *const name[] = { "list", "expire", "repack", "fold",
		"remove" };

	return (unsigned)p < 5 ? name[p] : "?";
}

const char *
collect_phase_unit(enum collect_phase p)
{
	static const char *const unit[] = { "segment", "version", "segment",
		"checkpoint", "file" };

	return (unsigned)p < 5 ? unit[p] : "item";
}

/* Say how far it is.  False: it is asked to end. */
static bool
go_on(const struct collect_options *o, enum collect_phase p, uint64_t done,
    uint64_t all)
{
	return o->progress == NULL || !o->progress(o->arg, p, done, all);
}

/* --- expiring versions --- */

struct expiry {
	int64_t now;
	uint64_t count;
	struct commit *commit; /* NULL: only count */
	struct store *store;
	bool gather; /* which they are: for a dry run */
	struct usage_root *root;
	size_t roots, cap;
};

static enum blk_status
gather_expired(struct expiry *e, const struct digest *vid, struct fault *why)
{
	enum blk_status st = array_grow(
	    (void **)&e->root, e->roots, &e->cap, sizeof(*e->root), why);

	if (st == BLK_OK)
		e->root[e->roots++] =
		    (struct usage_root){ *vid, CLASS_VERSION };
	return st;
}

static enum blk_status
expire_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct expiry *e = arg;

	if (v->v.expires == 0 || v->v.expires > e->now)
		return BLK_OK;
	e->count++;
	if (e->commit != NULL)
		return store_add_drop(e->store, e->commit, &v->vid, why);
	return e->gather ? gather_expired(e, &v->vid, why) : BLK_OK;
}

static enum blk_status
each_expired(struct store *s, struct expiry *e, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct catalog *c = store_catalog(s);

	e->count = 0;
	return c->type->version_each(c, &all, expire_version, e, why);
}

/* Decided again for each attempt: names may have changed (R4 d). */
static enum blk_status
decide_expiry(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct expiry *e = arg;

	e->commit = k;
	e->store = s;
	return each_expired(s, e, why);
}

/* The time of the newest commit that the catalog has a record of. */
static enum blk_status
newest_time(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	enum blk_status st = commit_parse(text, &k, why);
	int64_t *time = arg;

	(void)number;
	(void)hash;
	if (st == BLK_OK && k.time > *time)
		*time = k.time;
	commit_release(&k);
	return st;
}

static enum blk_status
clock_is_sane(struct store *s, bool *sane, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	int64_t now = store_now(s), head = INT64_MIN;
	struct catalog_head h;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = c->type->record_each(c, h.number, newest_time, &head, why);
	*sane = head == INT64_MIN ||
	    (now >= head - DAY_NS && now <= head + 365 * DAY_NS);
	return st;
}

/* What would be freed, as nothing is dropped: segments do not show it. */
static enum blk_status
weigh_expired(struct store *s, const struct expiry *e, struct collect_report *r,
    struct fault *why)
{
	const struct usage_options o = { .only_freed = true,
		.max_memory = store_max_memory(s) / 2 };
	struct usage u;
	enum blk_status st = usage_of(s, e->root, e->roots, &o, &u, why);

	r->expired_known = st == BLK_OK;
	if (st == BLK_OK)
		r->expired_bytes = u.freed_stored;
	if (st != BLK_FAILED)
		return st;
	*why = (struct fault)FAULT_NONE; /* there is not enough memory for it */
	return BLK_OK;
}

static enum blk_status
expire(struct store *s, const struct collect_options *o, struct expiry *e,
    struct collect_report *r, struct fault *why)
{
	struct store_draft d = { .decide = decide_expiry, .arg = e };
	struct store_outcome out;
	enum blk_status st;
	bool sane;

	st = each_expired(s, e, why);
	if (st != BLK_OK || e->count == 0)
		return st;
	st = clock_is_sane(s, &sane, why);
	if (st != BLK_OK)
		return st;
	if (!sane && !o->force_clock) {
		r->clock_refused = true;
		return BLK_OK;
	}
	st = o->dry_run ? weigh_expired(s, e, r, why)
	                : store_commit(s, &d, &out, why);
	if (st == BLK_OK)
		r->expired += e->count;
	return st;
}

enum blk_status
collect_expire(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct expiry e = { .now = store_now(s), .gather = o->dry_run };
	enum blk_status st = expire(s, o, &e, r, why);

	free(e.root);
	return st;
}

/* --- removing what is condemned --- */

struct removal {
	uint64_t newest, second; /* checkpoints */
	uint64_t lowest;         /* base of a session */
	uint64_t durable;        /* commits up to here are */
	struct digest *gone;     /* removed, and covered by a checkpoint */
	size_t count, cap;
};

/*
 * May the file of a condemned segment go?  Only by a commit that is durable:
 * others may have brought the catalog on to one that is not.  A commit file
 * only below the second newest checkpoint (R2); the rest when no session is
 * older than the condemnation (a courtesy).
 */
static bool
may_remove(const struct catalog_segment *seg, const struct removal *m)
{
	if (seg->reason == REASON_DAMAGED)
		return false;
	if (seg->condemned > m->durable && RULE(R2))
		return false;
	if (seg->in_log && seg->commit >= m->second && RULE(R2))
		return false;
	return m->lowest >= seg->condemned;
}

static void
place_key(const struct catalog_segment *seg, char key[static SEGMENT_KEY_MAX])
{
	if (seg->in_log)
		log_key(seg->commit, key);
	else
		segment_key(&seg->id, key);
}

static enum blk_status
remove_one(struct store *s, const struct catalog_segment *seg, bool dry_run,
    struct collect_report *r, struct fault *why)
{
	struct backend *b = store_backend(s);
	struct backend_stat bs;
	char key[SEGMENT_KEY_MAX];
	enum blk_status st;

	place_key(seg, key);
	st = backend_stat(b, key, &bs, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st == BLK_OK && !dry_run)
		st = backend_remove(b, key, why);
	if (st != BLK_OK)
		return st;
	frames_forget(store_frames(s), &seg->id);
	r->removed++;
	r->removed_bytes += bs.bytes;
	return BLK_OK;
}

/* By id: the catalog may have been made again, with other numbers. */
static enum blk_status
drop_row(struct catalog *c, const struct digest *id, struct fault *why)
{
	struct catalog_segment seg;
	enum blk_status st = c->type->segment_find(c, id, &seg, why);

	if (st == BLK_OK && seg.condemned != 0)
		st = c->type->segment_drop(c, seg.seq, why);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
drop_rows(struct store *s, const struct removal *m, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	if (m->count == 0)
		return BLK_OK;
	st = c->type->begin(c, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = 0; st == BLK_OK && i < m->count; i++)
		st = drop_row(c, &m->gone[i], why);
	if (st == BLK_OK)
		st = c->type->commit(c, why);
	if (st != BLK_OK)
		c->type->rollback(c);
	return st;
}

static enum blk_status
remove_segment(struct store *s, const struct catalog_segment *seg,
    const struct collect_options *o, struct removal *m,
    struct collect_report *r, struct fault *why)
{
	enum blk_status st;

	if (!may_remove(seg, m)) {
		r->unfinished = r->unfinished || seg->reason != REASON_DAMAGED;
		return BLK_OK;
	}
	st = remove_one(s, seg, o->dry_run, r, why);
	if (st != BLK_OK || seg->condemned >= m->newest)
		return st;
	st = array_grow(
	    (void **)&m->gone, m->count, &m->cap, sizeof(*m->gone), why);
	if (st == BLK_OK)
		m->gone[m->count++] = seg->id;
	return st;
}

enum blk_status
collect_remove(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_segment seg = { .seq = 0 };
	struct removal m = { .gone = NULL };
	enum blk_status st;
	bool stop = false;

	st = store_settle(s, why); /* what condemned them */
	m.durable = store_durable(s);
	if (st == BLK_OK)
		st = store_checkpoints(s, &m.newest, &m.second, why);
	if (st == BLK_OK)
		st = store_sessions(s, &m.lowest, why);
	while (st == BLK_OK && !stop &&
	    (st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		if (seg.condemned == 0)
			continue;
		stop = !go_on(o, COLLECT_REMOVE, r->removed, 0);
		if (!stop)
			st = remove_segment(s, &seg, o, &m, r, why);
	}
	r->unfinished = r->unfinished || stop;
	if (st == BLK_ABSENT || (st == BLK_OK && stop))
		st = o->dry_run ? BLK_OK : drop_rows(s, &m, why);
	free(m.gone);
	return st;
}

/* --- all of it --- */

/* Is there something in the log that a fold would set free? */
static enum blk_status
fold_pays(struct store *s, const struct collect_report *r, bool *pays,
    struct fault *why)
{
	struct catalog *c = store_catalog(s);
	uint64_t newest = 0, second = 0;
	struct catalog_head h;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = checkpoint_newest(store_backend(s), &newest, &second, why);
	*pays = r->condemned > 0 || (st == BLK_OK && h.number > newest + 64);
	return st;
}

/*
 * Twice, with the word on what was done between: log files go when they lie
 * below the second newest checkpoint.
 */
static enum blk_status
fold_and_say(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct collect_word *w, struct fault *why)
{
	struct store_draft d = { .decide = collect_say, .arg = w };
	struct store_outcome out;
	enum blk_status st;
	bool pays;

	st = fold_pays(s, r, &pays, why);
	pays = pays || o->fold;
	if (st != BLK_OK || (!pays && r->expired == 0))
		return st;
	if (pays && go_on(o, COLLECT_FOLD, 0, 2))
		st = collect_fold(s, o, r, why);
	if (st == BLK_OK)
		st = store_commit(s, &d, &out, why);
	if (st == BLK_OK && pays && go_on(o, COLLECT_FOLD, 1, 2))
		st = collect_fold(s, o, r, why);
	return st;
}

static enum blk_status
collect_locked(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct collect_word *w, struct fault *why)
{
	bool bounded = false;
	enum blk_status st;

	st = store_sync(s, why);
	/* Before a fold takes the records away. */
	if (st == BLK_OK)
		st = growth_begin(s, false, w->growth, why);
	if (st == BLK_OK)
		st = growth_extend(s, w->growth, why);
	if (st == BLK_OK)
		st = collect_remove(s, o, r, why); /* needs no space */
	if (st == BLK_OK && go_on(o, COLLECT_EXPIRE, 0, 0))
		st = collect_expire(s, o, r, why);
	r->unfinished = false;
	if (st == BLK_OK && go_on(o, COLLECT_LIST, 0, 0))
		st = collect_repack(s, o, r, why);
	bounded = r->unfinished;
	if (st != BLK_OK || o->dry_run)
		return st;
	st = fold_and_say(s, o, r, w, why);
	if (st == BLK_OK)
		st = collect_remove(s, o, r, why);
	r->unfinished = r->unfinished || bounded;
	return st == BLK_OK ? store_tidy(s, why) : st;
}

enum blk_status
collect_run(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct growth growth = { .day = NULL };
	struct collect_word w = { r, &growth, file_clock_ms() };
	enum blk_status st;
	int fd;

	*r = (struct collect_report){ .expired = 0 };
	st = store_collect_lock(s, &fd, why);
	if (st != BLK_OK)
		return st;
	/* For tables and texts, in their order: nothing is read again. */
	frames_limit(store_frames(s), store_max_memory(s) / 16);
	st = collect_locked(s, o, r, &w, why);
	growth_release(&growth);
	file_close(fd);
	return st;
}

/*
 * A machine's catalog, lent to its processes: a transaction of one keeps the
 * others waiting, and ends with its process.
 */
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "world.h"

#define PATIENCE 60 /* turns that a process waits for another */

struct lent {
	struct catalog base;
	struct proc *p;
	bool held;
};

static struct lent *
lent_of(struct catalog *c)
{
	return (struct lent *)c;
}

/* What the host has now: it may be another than when p opened it. */
static struct catalog *
real_of(struct catalog *c)
{
	return lent_of(c)->p->host->catalog;
}

/* Wait for whoever is inside a transaction, as for locks/apply. */
static enum blk_status
enter(struct catalog *c, struct fault *why)
{
	struct proc *p = lent_of(c)->p;
	struct host *h = p->host;

	for (int i = 0; h->owner != NULL && h->owner != p; i++) {
		if (p->dead)
			break;
		if (i == PATIENCE)
			return fault(
			    why, BLK_BUSY, "%s is frozen", h->owner->name);
		proc_stop(p, POINT_WAIT, BACKEND_OP_STAT, "");
	}
	return p->dead ? fault(why, BLK_FAILED, "killed") : BLK_OK;
}

/* An operation that is handed on as it is. */
#define LEND(name, params, args)                                               \
	static enum blk_status lent_##name params                              \
	{                                                                      \
		struct catalog *real = real_of(c);                             \
		enum blk_status st = enter(c, why);                            \
                                                                               \
		return st == BLK_OK ? real->type->name args : st;              \
	}

#define VISIT(...) enum blk_status (*visit)(void *arg, __VA_ARGS__)

LEND(clear, (struct catalog * c, struct fault *why), (real, why))
LEND(head_get, (struct catalog * c, struct catalog_head *h, struct fault *why),
    (real, h, why))
LEND(head_set,
    (struct catalog * c, const struct catalog_head *h, struct fault *why),
    (real, h, why))
LEND(segment_add,
    (struct catalog * c, const struct catalog_segment *s, struct fault *why),
    (real, s, why))
LEND(segment_update,
    (struct catalog * c, const struct catalog_segment *s, struct fault *why),
    (real, s, why))
LEND(segment_live,
    (struct catalog * c, const struct digest *id,
        const struct catalog_copy *copy, bool live, struct fault *why),
    (real, id, copy, live, why))
LEND(segment_drop, (struct catalog * c, uint64_t seq, struct fault *why),
    (real, seq, why))
LEND(segment_get,
    (struct catalog * c, uint64_t seq, struct catalog_segment *s,
        struct fault *why),
    (real, seq, s, why))
LEND(segment_next,
    (struct catalog * c, uint64_t after, struct catalog_segment *s,
        struct fault *why),
    (real, after, s, why))
LEND(segment_last, (struct catalog * c, uint64_t *seq, struct fault *why),
    (real, seq, why))
LEND(copies_add,
    (struct catalog * c, uint64_t seq, const struct segment_table *t,
        struct fault *why),
    (real, seq, t, why))
LEND(count_set,
    (struct catalog * c, const struct digest *id, enum class class,
        uint64_t count, struct fault *why),
    (real, id, class, count, why))
LEND(counts_clear, (struct catalog * c, struct fault *why), (real, why))
LEND(lost_set,
    (struct catalog * c, const struct digest *id, enum class class, bool lost,
        struct fault *why),
    (real, id, class, lost, why))
LEND(lost_each,
    (struct catalog * c,
        VISIT(const struct digest *id, enum class class, struct fault *why),
        void *arg, struct fault *why),
    (real, visit, arg, why))
LEND(copies_each,
    (struct catalog * c,
        VISIT(const struct digest *id, const struct catalog_copy *copy,
            struct fault *why),
        void *arg, struct fault *why),
    (real, visit, arg, why))
LEND(ids_each,
    (struct catalog * c, const struct digest *prefix, unsigned bits,
        VISIT(const struct digest *id, const struct catalog_facts *f,
            struct fault *why),
        void *arg, struct fault *why),
    (real, prefix, bits, visit, arg, why))
LEND(version_put,
    (struct catalog * c, const struct digest *vid, const struct version *v,
        struct fault *why),
    (real, vid, v, why))
LEND(version_drop,
    (struct catalog * c, const struct digest *vid, struct fault *why),
    (real, vid, why))
LEND(version_get,
    (struct catalog * c, const struct digest *vid, struct catalog_version *v,
        struct fault *why),
    (real, vid, v, why))
LEND(name_set,
    (struct catalog * c, const char *name, uint64_t number,
        const struct digest *vid, struct fault *why),
    (real, name, number, vid, why))
LEND(name_get,
    (struct catalog * c, const char *name, uint64_t *number, struct digest *vid,
        struct fault *why),
    (real, name, number, vid, why))
LEND(name_each,
    (struct catalog * c,
        VISIT(const char *name, uint64_t number, const struct digest *vid,
            struct fault *why),
        void *arg, struct fault *why),
    (real, visit, arg, why))
LEND(setting_set,
    (struct catalog * c, const char *key, const char *value, struct fault *why),
    (real, key, value, why))
LEND(setting_get,
    (struct catalog * c, const char *key, char **value, struct fault *why),
    (real, key, value, why))
LEND(setting_each,
    (struct catalog * c,
        VISIT(const char *key, const char *value, struct fault *why), void *arg,
        struct fault *why),
    (real, visit, arg, why))
LEND(stat_add,
    (struct catalog * c, uint64_t commit, const char *line, struct fault *why),
    (real, commit, line, why))
LEND(stat_each,
    (struct catalog * c,
        VISIT(uint64_t commit, const char *line, struct fault *why), void *arg,
        struct fault *why),
    (real, visit, arg, why))
LEND(record_add,
    (struct catalog * c, uint64_t number, const struct digest *hash,
        const void *text, size_t len, struct fault *why),
    (real, number, hash, text, len, why))
LEND(record_each,
    (struct catalog * c, uint64_t from,
        VISIT(uint64_t number, const struct digest *hash, struct span text,
            struct fault *why),
        void *arg, struct fault *why),
    (real, from, visit, arg, why))
LEND(records_drop, (struct catalog * c, uint64_t below, struct fault *why),
    (real, below, why))
LEND(damage_note,
    (struct catalog * c, const struct digest *segment, uint32_t ordinal,
        bool damaged, struct fault *why),
    (real, segment, ordinal, damaged, why))
LEND(damage_has,
    (struct catalog * c, const struct digest *segment, uint32_t ordinal,
        bool *damaged, struct fault *why),
    (real, segment, ordinal, damaged, why))
LEND(damage_each,
    (struct catalog * c,
        VISIT(
            const struct digest *segment, uint32_t ordinal, struct fault *why),
        void *arg, struct fault *why),
    (real, visit, arg, why))
LEND(anything_wrong, (struct catalog * c, bool *wrong, struct fault *why),
    (real, wrong, why))
LEND(totals, (struct catalog * c, struct catalog_totals *t, struct fault *why),
    (real, t, why))

/* --- facts, which may be rotten --- */

static void
rot(struct catalog *c, const struct digest *id, struct catalog_facts *f)
{
	const struct host *h = lent_of(c)->p->host;

	if (h->rot != NULL)
		h->rot(h, id, f);
}

static enum blk_status
lent_facts(struct catalog *c, const struct digest *id, struct catalog_facts *f,
    struct fault *why)
{
	struct catalog *real = real_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK)
		st = real->type->facts(real, id, f, why);
	if (st == BLK_OK)
		rot(c, id, f);
	return st;
}

static enum blk_status
lent_copies_all(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why)
{
	struct catalog *real = real_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK)
		st = real->type->copies_all(real, id, f, why);
	if (st == BLK_OK)
		rot(c, id, f);
	return st;
}

static enum blk_status
lent_facts_many(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	struct catalog *real = real_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK)
		st = real->type->facts_many(real, id, n, f, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		rot(c, &id[i], &f[i]);
	return st;
}

static bool
is_missing(const struct catalog *c, const struct digest *id)
{
	const struct host *h = ((const struct lent *)c)->p->host;

	return h->misses && digest_equal(&h->missing, id);
}

static enum blk_status
lent_segment_find(struct catalog *c, const struct digest *id,
    struct catalog_segment *s, struct fault *why)
{
	struct catalog *real = real_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK && is_missing(c, id))
		return BLK_ABSENT;
	return st == BLK_OK ? real->type->segment_find(real, id, s, why) : st;
}

struct visit {
	struct catalog *c;
	VISIT(const struct catalog_version *v, struct fault *why);
	void *arg;
};

static enum blk_status
visit_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	const struct visit *to = arg;

	return is_missing(to->c, &v->vid) ? BLK_OK : to->visit(to->arg, v, why);
}

static enum blk_status
lent_version_each(struct catalog *c, const struct catalog_query *q,
    VISIT(const struct catalog_version *v, struct fault *why), void *arg,
    struct fault *why)
{
	struct catalog *real = real_of(c);
	struct visit to = { c, visit, arg };
	enum blk_status st = enter(c, why);

	return st == BLK_OK
	    ? real->type->version_each(real, q, visit_version, &to, why)
	    : st;
}

static enum blk_status
lent_verify(struct catalog *c, enum catalog_rows which, struct fault *why)
{
	struct catalog *real = real_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK && lent_of(c)->p->host->misses)
		return fault(why, BLK_CORRUPT, "index: another sum");
	return st == BLK_OK ? real->type->verify(real, which, why) : st;
}

static bool
lent_counts_empty(struct catalog *c)
{
	struct catalog *real = real_of(c);

	return real->type->counts_empty(real);
}

/* --- transactions --- */

static void
lent_release(struct catalog *c)
{
	struct lent *l = lent_of(c);

	l->p->host->readers -= l->held;
	if (l->held && l->p->host->readers == 0)
		catalog_release(real_of(c));
	l->held = false;
}

/* A snapshot, as SQLite has it, in a catalog that has none: others may not
 * change it meanwhile. */
static enum blk_status
lent_hold(struct catalog *c, bool keep, struct fault *why)
{
	struct lent *l = lent_of(c);
	enum blk_status st = enter(c, why);

	if (st != BLK_OK || l->held || l->p->host->owner != NULL)
		return st;
	if (keep && l->p->host->readers == 0)
		st = catalog_keep(real_of(c), why);
	l->held = st == BLK_OK;
	l->p->host->readers += l->held;
	return st;
}

/* Wait for who reads. */
static enum blk_status
let_read(struct catalog *c, struct fault *why)
{
	struct proc *p = lent_of(c)->p;
	struct host *h = p->host;
	enum blk_status st = enter(c, why);

	for (int i = 0; st == BLK_OK && h->readers > 0; i++) {
		if (i == PATIENCE)
			return fault(why, BLK_BUSY, "a reader is frozen");
		proc_stop(p, POINT_WAIT, BACKEND_OP_STAT, "");
		st = enter(c, why);
	}
	return st;
}

static enum blk_status
lent_begin(struct catalog *c, struct fault *why)
{
	struct lent *l = lent_of(c);
	enum blk_status st;

	lent_release(c);
	st = let_read(c, why);
	if (st == BLK_OK)
		st = real_of(c)->type->begin(real_of(c), why);
	if (st == BLK_OK)
		l->p->host->owner = l->p;
	return st;
}

static enum blk_status
lent_commit(struct catalog *c, struct fault *why)
{
	struct lent *l = lent_of(c);
	enum blk_status st = enter(c, why);

	if (st == BLK_OK)
		st = real_of(c)->type->commit(real_of(c), why);
	if (st == BLK_OK)
		l->p->host->owner = NULL;
	return st;
}

/* Both sorts of catalog are empty afterwards, so that schedules are the same
 * on both. */
static void
lent_rollback(struct catalog *c)
{
	struct lent *l = lent_of(c);
	const struct catalog_type *t = real_of(c)->type;
	struct fault why = FAULT_NONE;
	enum blk_status st;

	if (l->p->host->owner != l->p)
		return;
	t->rollback(real_of(c));
	l->p->host->owner = NULL;
	st = t->begin(real_of(c), &why);
	if (st == BLK_OK)
		st = t->clear(real_of(c), &why);
	if (st == BLK_OK)
		st = t->commit(real_of(c), &why);
	if (st != BLK_OK)
		world_die("rollback: %s", why.text);
}

static void
lent_close(struct catalog *c)
{
	lent_release(c);
	free(c);
}

static const struct catalog_type lent_type = {
	.close = lent_close,
	.begin = lent_begin,
	.commit = lent_commit,
	.rollback = lent_rollback,
	.hold = lent_hold,
	.release = lent_release,
	.clear = lent_clear,
	.head_get = lent_head_get,
	.head_set = lent_head_set,
	.segment_add = lent_segment_add,
	.segment_update = lent_segment_update,
	.segment_live = lent_segment_live,
	.segment_drop = lent_segment_drop,
	.segment_get = lent_segment_get,
	.segment_find = lent_segment_find,
	.segment_next = lent_segment_next,
	.segment_last = lent_segment_last,
	.copies_add = lent_copies_add,
	.facts = lent_facts,
	.copies_all = lent_copies_all,
	.copies_each = lent_copies_each,
	.ids_each = lent_ids_each,
	.facts_many = lent_facts_many,
	.count_set = lent_count_set,
	.counts_clear = lent_counts_clear,
	.counts_empty = lent_counts_empty,
	.lost_set = lent_lost_set,
	.lost_each = lent_lost_each,
	.version_put = lent_version_put,
	.version_drop = lent_version_drop,
	.version_get = lent_version_get,
	.version_each = lent_version_each,
	.name_set = lent_name_set,
	.name_get = lent_name_get,
	.name_each = lent_name_each,
	.setting_set = lent_setting_set,
	.setting_get = lent_setting_get,
	.setting_each = lent_setting_each,
	.stat_add = lent_stat_add,
	.stat_each = lent_stat_each,
	.record_add = lent_record_add,
	.record_each = lent_record_each,
	.records_drop = lent_records_drop,
	.damage_note = lent_damage_note,
	.damage_has = lent_damage_has,
	.damage_each = lent_damage_each,
	.anything_wrong = lent_anything_wrong,
	.verify = lent_verify,
	.totals = lent_totals,
};

struct catalog *
host_lend(struct proc *p)
{
	struct lent *l = calloc(1, sizeof(*l));

	if (l == NULL)
		world_die("out of memory");
	l->base.type = &lent_type;
	l->p = p;
	return &l->base;
}

enum blk_status
host_new(struct host *h, enum catalog_sort sort, struct fault *why)
{
	const struct index_options o = { .in_memory = true,
		.cache_bytes = 1 << 20 };
	const char *reason;
	bool fresh;

	if (sort == CATALOG_MEMORY)
		return catalog_memory_new(&h->catalog, why);
	return index_open(&o, &h->catalog, &fresh, &reason, why);
}

/* --- opening a store --- */

static int64_t
world_now(void *arg)
{
	const struct proc *p = arg;
	const int64_t start = 1800000000;

	return (start + (int64_t)p->w->step) * 1000000000 + p->host->skew;
}

static void
world_warn(void *arg, const char *text)
{
	const struct proc *p = arg;

	world_trace(p->w, "%-10s warns: %s", p->name, text);
}

enum blk_status
world_open(struct proc *p, bool create, struct store **s, struct fault *why)
{
	const struct store_options o = { .url = "model",
		.host = p->name,
		.program = "model",
		.max_memory = 1 << 20,
		.create = create,
		.warn = world_warn,
		.arg = p,
		.now = world_now,
		.backend = engine_open(p),
		.catalog = host_lend(p) };

	return store_open(&o, s, why);
}

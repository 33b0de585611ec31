#include "actors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author.h"
#include "check.h"
#include "collect.h"
#include "refs.h"

/* --- the store that schedules begin with --- */

static enum blk_status
decide_setting(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	(void)arg;
	(void)s;
	return commit_add_text(k, VERB_SET, "compression", "none", why);
}

static void
maker(struct proc *p)
{
	const struct store_draft d = { .decide = decide_setting };
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st;

	st = world_open(p, true, &s, &why);
	if (st == BLK_OK)
		st = store_commit(s, &d, &out, &why);
	if (st != BLK_OK)
		world_die("cannot make a store: %s", why.text);
	store_close(s);
}

void
actors_make_store(struct world *w)
{
	struct proc *p = proc_spawn(w, "maker", &w->host[0], maker, NULL);

	proc_run(p);
	w->procs = 0;
	world_settle(w);
}

/* --- writers --- */

static const char *const names[] = { "x", "y" };

static unsigned
any(struct proc *p, unsigned n)
{
	return rng_below(&p->w->rng, n);
}

/* Words of two and three letters: few, so that they meet. */
static const struct word *
any_word(struct proc *p)
{
	return word_at(any(p, 3) == 0 ? 3 + any(p, 9) : 12 + any(p, 27));
}

static void
any_entries(struct proc *p, struct author_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		e[i] = (struct author_entry){ .word = word_at(12 + any(p, 6)),
			.cuts = any(p, 4) };
}

/* A tree of a file or two, perhaps one more below it. */
static enum blk_status
put_tree(struct author *a, struct fault *why)
{
	struct author_entry e[3];
	size_t n = 1 + any(a->p, 2);
	struct digest below;
	bool reused = false;
	enum blk_status st = BLK_OK;

	any_entries(a->p, e, n);
	if (any(a->p, 2) == 0) {
		/* As by a scan cache: a subtree that is there is not read. */
		st = author_known_tree(a, e, n, &below, &reused, why);
		if (st == BLK_OK && !reused)
			st = author_tree(a, e, n, &below, why);
		n = any(a->p, 2);
		any_entries(a->p, e, n);
		e[n++] = (struct author_entry){ .tree = below };
	}
	a->wish.class = CLASS_TREE;
	return st == BLK_OK ? author_tree(a, e, n, &a->wish.id, why) : st;
}

static enum blk_status
put_content(struct author *a, struct fault *why)
{
	const struct word *w = any_word(a->p);

	a->no_dedup = any(a->p, 6) == 0;
	a->wish.class = CLASS_CONTENT;
	a->wish.id = w->id;
	a->wish.size = w->len;
	return author_word(a, w, any(a->p, 4), why);
}

static enum blk_status
newest_number(struct author *a, uint64_t *number, struct fault *why)
{
	struct catalog *c = store_catalog(a->s);
	struct digest vid;
	enum blk_status st;

	*number = 0;
	st = c->type->name_get(c, a->wish.name, number, &vid, why);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
choose_name(struct author *a, struct fault *why)
{
	struct wish *w = &a->wish;
	enum blk_status st = BLK_OK;

	w->put = true;
	if (w->class == CLASS_CONTENT && any(a->p, 2) == 0) {
		digest_hex(&w->id, w->name);
	} else {
		snprintf(w->name, sizeof(w->name), "%s", names[any(a->p, 2)]);
		w->only_if = any(a->p, 5) == 0;
		if (w->only_if)
			st = newest_number(a, &w->expected, why);
	}
	if (any(a->p, 5) == 0)
		w->expires =
		    store_now(a->s) + (int64_t)any(a->p, 400) * 1000000000;
	/* A put and a drop in one commit. */
	w->drop = w->drop_any = any(a->p, 6) == 0;
	return st;
}

/* Where a running put is interrupted by its machine being cloned. */
struct image {
	bool taken;
	struct author a;
};

static enum blk_status
take_image(struct author *a, struct image *i, struct fault *why)
{
	struct proc *p = a->p;

	/* The clone opened its store when it began; now it is what this one
	 * is. */
	if (i == NULL || i->taken || i->a.s == NULL || i->a.p->dead ||
	    any(p, 2) == 0)
		return BLK_OK;
	i->taken = true;
	world_trace(p->w, "%-10s is cloned", p->name);
	return author_image(a, &i->a, why);
}

static enum blk_status
write_once(struct author *a, struct image *image, struct fault *why)
{
	unsigned early = any(a->p, 3), n = 1 + any(a->p, 2);
	enum blk_status st = BLK_OK;

	for (unsigned i = 0; st == BLK_OK && i < n; i++) {
		st = any(a->p, 3) == 0 ? put_tree(a, why) : put_content(a, why);
		if (st == BLK_OK && early == 0)
			st = author_seal(a, any(a->p, 2), why);
		if (st == BLK_OK && early == 0 && any(a->p, 2) == 0)
			st = author_early(a, why);
	}
	if (st == BLK_OK)
		st = choose_name(a, why);
	if (st == BLK_OK)
		st =
		    author_settle(a, any(a->p, 2) == 0, any(a->p, 2) == 0, why);
	if (st == BLK_OK)
		st = take_image(a, image, why);
	return st == BLK_OK ? author_commit(a, why) : st;
}

/* What was there once gets a name again. */
static enum blk_status
ref_once(struct author *a, struct fault *why)
{
	const struct world *w = a->p->w;
	size_t n = w->pasts < WORLD_PAST ? w->pasts : WORLD_PAST;
	const struct past *past = &w->past[n > 0 ? any(a->p, (unsigned)n) : 0];
	enum blk_status st;
	bool reused;

	if (n == 0)
		return BLK_OK;
	st = author_ref(a, &past->id, (enum class)past->class, &reused, why);
	if (st != BLK_OK || !reused)
		return st;
	st = choose_name(a, why);
	return st == BLK_OK ? author_commit(a, why) : st;
}

static enum blk_status
drop_once(struct author *a, struct fault *why)
{
	a->wish = (struct wish){ .drop = true, .drop_any = true };
	return author_commit(a, why);
}

/* Stand still for some turns. */
static void
rest(struct proc *p, unsigned turns)
{
	proc_stop(p, POINT_WAIT, BACKEND_OP_STAT, "");
	p->sleep = p->w->step + turns;
	proc_stop(p, POINT_WAIT, BACKEND_OP_STAT, "");
}

static void
session(struct proc *p, struct image *image)
{
	unsigned commits = 1 + any(p, 3);
	struct fault why = FAULT_NONE;
	struct author a;
	enum blk_status st = author_open(&a, p, &why);

	for (unsigned i = 0; st == BLK_OK && i < commits && !p->dead; i++) {
		st = any(p, 4) == 0  ? drop_once(&a, &why)
		    : any(p, 6) == 0 ? ref_once(&a, &why)
		                     : write_once(&a, image, &why);
		author_empty(&a);
		/* Some go on after a failure, as with --batch. */
		if (st != BLK_OK && any(p, 3) == 0)
			st = BLK_OK;
	}
	author_close(&a);
}

/* A dead one is started again. */
static void
writer(struct proc *p)
{
	for (int run = 0; run < 3; run++) {
		session(p, p->arg);
		if (!p->dead || p->w->limit <= p->w->step)
			return;
		p->dead = false;
		world_trace(p->w, "%-10s runs again", p->name);
	}
}

/* Opened early, acts late. */
static void
stale(struct proc *p)
{
	struct fault why = FAULT_NONE;
	struct author a;
	enum blk_status st = author_open(&a, p, &why);

	if (st == BLK_OK) {
		rest(p, 100 + any(p, 900));
		st = write_once(&a, NULL, &why);
	}
	author_close(&a);
}

/* Wakes up as another process that it never was. */
static void
clone(struct proc *p)
{
	struct image *i = p->arg;
	struct fault why = FAULT_NONE;
	enum blk_status st = author_open(&i->a, p, &why);

	for (int turn = 0; turn < 40 && !i->taken && !p->dead; turn++)
		rest(p, any(p, 20));
	if (st == BLK_OK && i->taken) {
		rest(p, any(p, 400));
		st = author_commit(&i->a, &why);
	}
	author_close(&i->a);
	i->a.s = NULL;
	i->taken = true;
}

/* --- readers --- */

static void
read_version(struct proc *p, struct store *s, const struct digest *vid)
{
	struct catalog *c = store_catalog(s);
	struct fault why = FAULT_NONE;
	char what[200];

	/* Twice it may have met a collector; a third time it is lost. */
	for (int i = 0; i < 3; i++) {
		struct catalog_version v;
		enum blk_status st = c->type->version_get(c, vid, &v, &why);

		if (st != BLK_OK)
			return; /* dropped meanwhile */
		version_release(&v.v);
		if (audit_version(s, vid, what) || p->dead)
			return;
		if (store_sync(s, &why) != BLK_OK)
			return;
	}
	if (p->w->calm == 0)
		world_broken(p->w, "reader: %s", what);
}

struct pick {
	struct proc *p;
	unsigned seen;
	struct digest vid;
};

static enum blk_status
see_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct pick *k = arg;

	(void)why;
	if (any(k->p, ++k->seen) == 0)
		k->vid = v->vid;
	return BLK_OK;
}

static void
reader(struct proc *p)
{
	const struct catalog_query all = { .name = NULL };
	struct fault why = FAULT_NONE;

	for (int i = 0; i < 3 && !p->dead; i++) {
		struct pick k = { .p = p };
		struct store *s;
		struct catalog *c;

		rest(p, any(p, 150));
		if (world_open(p, false, &s, &why) != BLK_OK)
			continue;
		c = store_catalog(s);
		if (c->type->version_each(c, &all, see_version, &k, &why) ==
		        BLK_OK &&
		    k.seen > 0)
			read_version(p, s, &k.vid);
		store_close(s);
	}
}

/* --- collectors and folders --- */

static void
collect_once(struct proc *p)
{
	/* Dead objects that stay make for structures that fall apart. */
	static const int unused[] = { 0, 0, 30, 60 };
	const struct collect_options o = { .max_unused = unused[any(p, 4)],
		.keep_unreferenced = 0,
		.fold = any(p, 2) == 0 };
	struct collect_report r = { .expired = 0 };
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st != BLK_OK)
		return;
	if (any(p, 4) == 0) {
		st = collect_run(s, &o, &r, &why);
	} else {
		if (any(p, 2) == 0)
			st = collect_expire(s, &o, &r, &why);
		if (st == BLK_OK && any(p, 4) > 0)
			st = collect_repack(s, &o, &r, &why);
		if (st == BLK_OK && any(p, 4) > 0)
			st = collect_remove(s, &o, &r, &why);
	}
	if (st != BLK_OK)
		world_trace(p->w, "%-10s collect: %s", p->name, why.text);
	store_close(s);
}

static void
fold_once(struct proc *p)
{
	const struct collect_options o = { .fold = true };
	struct collect_report r = { .expired = 0 };
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st != BLK_OK)
		return;
	st = collect_fold(s, &o, &r, &why);
	if (st != BLK_OK)
		world_trace(p->w, "%-10s fold: %s", p->name, why.text);
	store_close(s);
}

static void
again_and_again(struct proc *p, void (*once)(struct proc *p), unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		rest(p, any(p, 200));
		once(p);
		if (p->w->limit <= p->w->step)
			return;
		p->dead = false;
	}
}

static void
collector(struct proc *p)
{
	again_and_again(p, collect_once, 2 + any(p, 3));
}

static void
folder(struct proc *p)
{
	again_and_again(p, fold_once, 2 + any(p, 3));
}

/*
 * --- one who checks and repairs ---
 *
 * Nothing is damaged here.  Without sessions a check may meet what is just
 * being removed, and say so; but nothing may be lost or given up for it.
 */

static void
see_finding(void *arg, const struct check_finding *f)
{
	struct proc *p = arg;

	world_trace(p->w, "%-10s finds: %s %s %s", p->name,
	    check_what_name(f->what), f->where, f->message);
}

static void
repair_once(struct proc *p)
{
	const struct check_options look = { .share = CHECK_ALL,
		.jobs = 1,
		.max_memory = 1 << 20,
		.remember = any(p, 2) == 0,
		.finding = see_finding,
		.arg = p };
	const struct repair_options mend = { .drop_damaged = any(p, 2) == 0,
		.accept_loss = any(p, 2) == 0 };
	struct check_report seen = { .commits = 0 };
	struct repair_report done;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st != BLK_OK)
		return;
	st = check_run(s, &look, &seen, &why);
	if (st == BLK_OK)
		st = check_repair(s, &mend, &done, &why);
	if (st != BLK_OK)
		world_trace(p->w, "%-10s repair: %s", p->name, why.text);
	store_close(s);
}

static void
repairer(struct proc *p)
{
	again_and_again(p, repair_once, 1 + any(p, 2));
}

/* --- a schedule --- */

/*
 * Hosts: two that all work on, one of the stale and the cloned process, and
 * the fresh one, which takes no part.
 */
void
actors_spawn(struct world *w)
{
	static const unsigned calm[] = { 0, 60, 150, 500 };
	struct rng *r = &w->rng;
	struct image *image = NULL;

	w->calm = calm[rng_below(r, 4)];
	w->limit = rng_chance(r, 3) ? 100 + rng_below(r, 1500) : UINT64_MAX;
	if (rng_chance(r, 4)) {
		image = calloc(1, sizeof(*image));
		if (image == NULL)
			world_die("out of memory");
		w->scratch = image;
		proc_spawn(w, "clone", &w->host[2], clone, image);
	}
	proc_spawn(w, "writer", &w->host[0], writer, image);
	proc_spawn(w, "writer", &w->host[rng_below(r, 2)], writer, NULL);
	proc_spawn(w, "collector", &w->host[rng_below(r, 2)], collector, NULL);
	if (rng_chance(r, 3))
		proc_spawn(w, "collector", &w->host[1], collector, NULL);
	proc_spawn(w, "folder", &w->host[rng_below(r, 2)], folder, NULL);
	if (rng_chance(r, 2))
		proc_spawn(w, "stale", &w->host[2], stale, NULL);
	if (rng_chance(r, 2))
		proc_spawn(
		    w, "reader", &w->host[rng_below(r, 2)], reader, NULL);
	if (rng_chance(r, 6))
		proc_spawn(
		    w, "repairer", &w->host[rng_below(r, 2)], repairer, NULL);
}

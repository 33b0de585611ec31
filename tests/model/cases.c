#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "rules.h"
#include "store-private.h"

void
expect(struct world *w, bool so, const char *what)
{
	if (!so)
		world_broken(w, "not so: %s", what);
}

/* --- processes --- */

void
stop_at(struct proc *p, const char *stop)
{
	proc_stop(p, POINT_WAIT, BACKEND_OP_STAT, stop);
}

struct proc *
begin(struct world *w, int host, void (*main)(struct proc *p), void *arg)
{
	return proc_spawn(w, "p", &w->host[host], main, arg);
}

void
whole(struct world *w, int host, void (*main)(struct proc *p), void *arg)
{
	proc_run(begin(w, host, main, arg));
}

void
until_op(struct proc *p, enum point at, enum backend_op op, const char *prefix)
{
	if (!proc_run_to(p, at, op, prefix))
		world_broken(p->w, "never came to %s", prefix);
}

void
until(struct proc *p, const char *stop)
{
	until_op(p, POINT_WAIT, BACKEND_OP_STAT, stop);
}

static enum blk_status
put_words(struct author *a, struct put *p, struct fault *why)
{
	enum blk_status st = BLK_OK;
	const struct word *first = word_of(p->word[0]);

	a->no_dedup = p->no_dedup;
	a->always_list = p->always_list;
	a->one_lane = true;
	for (int i = 0; st == BLK_OK && i < 4 && p->word[i] != NULL; i++)
		st = author_word(a, word_of(p->word[i]), p->cuts, why);
	a->wish = (struct wish){ .put = true,
		.class = CLASS_CONTENT,
		.id = first->id,
		.size = first->len,
		.expires = p->expires,
		.only_if = p->only_if,
		.expected = p->expected };
	if (p->name != NULL)
		snprintf(a->wish.name, sizeof(a->wish.name), "%s", p->name);
	else
		digest_hex(&first->id, a->wish.name);
	return st;
}

static enum blk_status
put_once(struct author *a, struct put *p, struct fault *why)
{
	enum blk_status st = put_words(a, p, why);

	if (p->stop_stored)
		stop_at(a->p, "stored");
	if (st == BLK_OK && p->early) {
		st = author_settle(a, false, false, why);
		if (st == BLK_OK)
			st = author_early(a, why);
	}
	if (st == BLK_OK)
		st = author_settle(a, p->in_commit, p->structure_too, why);
	if (p->stop_ready)
		stop_at(a->p, "ready");
	if (st == BLK_OK)
		st = author_commit(a, why);
	p->vid = a->wish.vid;
	p->outcome = a->outcome;
	return st;
}

void
put_main(struct proc *p)
{
	struct put *put = p->arg;
	struct author a;

	put->st = author_open(&a, p, &put->why);
	if (put->st == BLK_OK)
		put->st = put_once(&a, put, &put->why);
	if (put->st != BLK_OK && put->twice) {
		author_empty(&a);
		put->stop_stored = put->stop_ready = false;
		put->st = put_once(&a, put, &put->why);
	}
	author_close(&a);
}

void
drop_main(struct proc *p)
{
	struct drop *d = p->arg;
	struct fault why = FAULT_NONE;
	struct author a;

	d->st = author_open(&a, p, &why);
	if (d->st == BLK_OK)
		d->st = author_drop(&a, &d->vid, &why);
	author_close(&a);
}

static enum blk_status
grow_once(struct author *a, struct grow *g, struct fault *why)
{
	struct author_entry e[3];
	enum blk_status st = BLK_OK;
	size_t n = 0;

	for (; n < 3 && g->word[n] != NULL; n++)
		e[n] = (struct author_entry){ .word = word_of(g->word[n]),
			.cuts = g->cuts };
	if (g->known)
		st = author_known_tree(a, e, n, &g->id, &g->reused, why);
	if (st == BLK_OK && !g->reused)
		st = author_tree(a, e, n, &g->id, why);
	a->wish =
	    (struct wish){ .put = true, .class = CLASS_TREE, .id = g->id };
	if (st == BLK_OK && g->beside != NULL) {
		const struct word *w = word_of(g->beside);

		st = author_word(a, w, g->cuts, why);
		a->wish = (struct wish){ .put = true, .id = w->id };
	}
	snprintf(a->wish.name, sizeof(a->wish.name), "%s", g->name);
	if (st == BLK_OK)
		st = author_settle(a, g->in_commit, g->structure_too, why);
	if (g->stop_ready)
		stop_at(a->p, "ready");
	if (st == BLK_OK)
		st = author_commit(a, why);
	g->vid = a->wish.vid;
	return st;
}

void
grow_main(struct proc *p)
{
	struct grow *g = p->arg;
	struct author a;

	g->st = author_open(&a, p, &g->why);
	if (g->st == BLK_OK)
		g->st = grow_once(&a, g, &g->why);
	author_close(&a);
}

void
gather_main(struct proc *p)
{
	struct gather *g = p->arg;
	const struct collect_options o = { .max_unused = g->unused,
		.fold = true };
	struct store *s;

	g->st = world_open(p, false, &s, &g->why);
	if (g->st != BLK_OK)
		return;
	if (g->expire)
		g->st = collect_expire(s, &o, &g->report, &g->why);
	if (g->st == BLK_OK && g->repack)
		g->st = collect_repack(s, &o, &g->report, &g->why);
	if (g->st == BLK_OK && g->fold)
		g->st = collect_fold(s, &o, &g->report, &g->why);
	if (g->st == BLK_OK && g->remove)
		g->st = collect_remove(s, &o, &g->report, &g->why);
	world_trace(
	    p->w, "%-10s gathers: %d %s", p->name, (int)g->st, g->why.text);
	store_close(s);
}

void
look_main(struct proc *p)
{
	struct look *l = p->arg;
	struct store *s;

	l->st = world_open(p, false, &s, &l->why);
	if (l->st != BLK_OK)
		return;
	stop_at(p, "open");
	l->st = l->rebuild ? store_rebuild(s, &l->why) : store_sync(s, &l->why);
	l->broken = s->broken;
	if (l->st == BLK_OK)
		l->st =
		    s->catalog->type->head_get(s->catalog, &l->head, &l->why);
	store_close(s);
}

/* --- shorthands --- */

void
do_put(struct world *w, int host, struct put *put)
{
	whole(w, host, put_main, put);
	if (put->st != BLK_OK)
		world_broken(w, "a put fails: %s", put->why.text);
}

void
do_drop(struct world *w, int host, const struct digest *vid)
{
	struct drop d = { .vid = *vid };

	whole(w, host, drop_main, &d);
	expect(w, d.st == BLK_OK, "a drop succeeds");
}

static void
do_gather(struct world *w, int host, struct gather *g)
{
	whole(w, host, gather_main, g);
	if (g->st != BLK_OK && !w->quiet)
		world_broken(w, "a collection fails: %s", g->why.text);
}

void
do_collect(struct world *w, int host)
{
	struct gather g = { .repack = true, .remove = true };

	do_gather(w, host, &g);
}

void
do_condemn(struct world *w, int host)
{
	struct gather g = { .repack = true };

	do_gather(w, host, &g);
}

void
do_fold(struct world *w, int host)
{
	struct gather g = { .fold = true };

	do_gather(w, host, &g);
}

static enum blk_status
decide_filler(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	char value[32];

	(void)arg;
	snprintf(value, sizeof(value), "%jd", (intmax_t)store_now(s));
	return commit_add_text(k, VERB_SET, "user.filler", value, why);
}

static void
filler_main(struct proc *p)
{
	const struct store_draft d = { .decide = decide_filler };
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st == BLK_OK) {
		st = store_commit(s, &d, &out, &why);
		store_close(s);
	}
	expect(p->w, st == BLK_OK, "a commit succeeds");
	if (st == BLK_OK)
		claim_commit(p->w, &out);
}

void
filler(struct world *w, int host)
{
	whole(w, host, filler_main, NULL);
}

void
do_fold_away(struct world *w, int host)
{
	filler(w, host);
	do_fold(w, host);
	filler(w, host);
	do_fold(w, host);
	filler(w, host);
	do_fold(w, host);
}

void
cut(struct world *w)
{
	bool was = w->merciless;

	w->merciless = true;
	world_cut(w);
	w->merciless = was;
}

static void
stock_main(struct proc *p)
{
	struct fault why = FAULT_NONE;
	struct author a;
	enum blk_status st = author_open(&a, p, &why);

	if (st == BLK_OK)
		st = author_word(&a, word_of(p->arg), 0, &why);
	if (st == BLK_OK)
		st = author_settle(&a, false, false, &why);
	if (st == BLK_OK)
		st = author_early(&a, &why);
	author_close(&a);
	expect(p->w, st == BLK_OK, "an early commit succeeds");
}

void
do_stock(struct world *w, int host, const char *letters)
{
	union {
		const char *in;
		char *out;
	} arg = { letters };

	whole(w, host, stock_main, arg.out);
}

const char *
segment_with(struct world *w, const struct digest *id, struct digest *segment)
{
	for (size_t i = 0; i < w->slots; i++) {
		const struct blob *b = w->slot[i].seen;
		struct fault why = FAULT_NONE;
		struct segment_table t;
		bool found;

		if (b == NULL || !segment_key_id(w->slot[i].key, segment) ||
		    segment_parse(b->bytes, b->len, NULL, &t, &why) != BLK_OK)
			continue;
		found = segment_find(&t, id, 0) >= 0;
		segment_table_release(&t);
		if (found)
			return w->slot[i].key;
	}
	world_broken(w, "no segment holds it");
	return "";
}

unsigned
count_keys(struct world *w, const char *prefix)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->slots; i++)
		n += w->slot[i].seen != NULL &&
		    strncmp(w->slot[i].key, prefix, strlen(prefix)) == 0;
	return n;
}

uint64_t
head_of(struct world *w)
{
	struct look l = { .st = BLK_OK };

	whole(w, HOST_A, look_main, &l);
	return l.head.number;
}

/* --- running them --- */

/* Did it hold? */
static bool
run_case(const struct world *store, const struct test_case *c, bool trace,
    char reason[600])
{
	struct world *w = calloc(1, sizeof(*w));
	bool fine;

	if (w == NULL)
		world_die("out of memory");
	world_init_from(w, store, 7, CASE_HOSTS, CATALOG_MEMORY);
	w->trace = trace;
	w->quiet = rules_off != 0;
	c->run(w);
	for (size_t i = 0; i < w->procs; i++)
		proc_kill(&w->proc[i]);
	world_settle(w);
	if (!w->broken)
		audit(w);
	fine = !w->broken;
	snprintf(reason, 600, "%s", w->reason);
	claims_free(w);
	world_release(w);
	free(w);
	return fine;
}

static const struct test_case *const lists[] = { cases_first, cases_second,
	cases_found };

#define LISTS (sizeof(lists) / sizeof(lists[0]))

static unsigned passed, failed;

void
tap(bool fine, const char *name, const char *reason)
{
	passed += fine;
	failed += !fine;
	printf("%sok %u - %s\n", fine ? "" : "not ", passed + failed, name);
	if (reason[0] != '\0')
		printf("# %s\n", reason);
}

int
tap_end(void)
{
	printf("1..%u\n", passed + failed);
	return failed > 0 || passed == 0 ? 1 : 0;
}

/* Is it the one, or of the schedule of that number ("P3")? */
static bool
is_wanted(const char *name, const char *one)
{
	size_t n = one == NULL ? 0 : strlen(one);

	return n == 0 ||
	    (strncmp(name, one, n) == 0 && (name[n] == '\0' || name[n] == '_'));
}

void
cases_run(const struct world *store, const char *one, bool trace)
{
	char reason[600];

	for (size_t i = 0; i < LISTS; i++)
		for (const struct test_case *c = lists[i]; c->name != NULL; c++)
			if (is_wanted(c->name, one)) {
				bool fine = run_case(store, c, trace, reason);

				tap(fine, c->name, reason);
			}
}

void
cases_mutations(const struct world *store)
{
	char reason[600], name[200];

	for (size_t i = 0; i < LISTS; i++)
		for (const struct test_case *c = lists[i]; c->name != NULL;
		     c++) {
			bool fine;

			if (c->rule == 0)
				continue;
			rules_off = 1U << c->rule;
			fine = run_case(store, c, false, reason);
			rules_off = 0;
			snprintf(name, sizeof(name), "without R%u not: %s",
			    c->rule, c->name);
			tap(!fine, name, reason);
		}
}

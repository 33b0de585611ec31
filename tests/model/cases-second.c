/*
 * The schedules of the second reading of the design.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "claims.h"
#include "rules.h"

/* A table that was read stays in memory; its segment goes. */
static void
reads_then_waits(struct proc *p)
{
	struct fault why = FAULT_NONE;
	struct put *put = p->arg;
	struct author a;

	put->st = author_open(&a, p, &why);
	if (put->st == BLK_OK)
		put->st = author_word(&a, word_of("ab"), 0, &why);
	stop_at(p, "read");
	if (put->st == BLK_OK)
		put->st = author_put(&a, "g", "cc", 0, &why);
	author_close(&a);
}

static void
N1_a_hit_in_a_table_that_was_read_long_ago(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab", "cc" } };
	struct put two = { .st = BLK_OK };
	struct proc *p;

	do_put(w, HOST_A, &one);
	p = begin(w, HOST_A, reads_then_waits, &two);
	until(p, "read");
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	proc_run(p); /* saved from memory, or refused */
}

/* A commit file carries what a fold takes for dead. */
static void
N2_a_fold_removes_only_what_is_condemned(struct world *w)
{
	struct put one = { .word = { "ab" }, .in_commit = true };
	struct put two = { .name = "g", .word = { "ab" }, .in_commit = true };
	struct gather g = { .repack = true, .fold = true };
	struct proc *f;

	do_put(w, HOST_A, &one);
	do_drop(w, HOST_A, &one.vid);
	do_fold_away(w, HOST_A);
	f = begin(w, HOST_B, gather_main, &g);
	until_op(f, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	do_put(w, HOST_A, &two);
	proc_run(f);
	do_fold_away(w, HOST_B);
	do_collect(w, HOST_B);
}

/* A list is committed early, before its chunks. */
static void
lists_too_early(struct proc *p)
{
	struct fault why = FAULT_NONE;
	struct put *put = p->arg;
	struct store_draft d = { .segments = 1 };
	struct author a;

	put->st = author_open(&a, p, &why);
	a.no_dedup = true;
	if (put->st == BLK_OK)
		put->st = author_word(&a, word_of("abc"), 2, &why);
	if (put->st == BLK_OK) /* data will not come; structure is there */
		put->st = author_settle(&a, true, true, &why);
	d.segment = a.segment;
	if (put->st == BLK_OK)
		put->st = store_commit(a.s, &d, &a.outcome, &why);
	author_close(&a);
}

static void
N3_an_incomplete_list_is_not_committed(struct world *w)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = 1 };
	struct put two = { .st = BLK_OK };

	do_put(w, HOST_A, &one);
	whole(w, HOST_B, lists_too_early, &two);
	expect(w, two.st != BLK_OK || w->quiet, "it is refused");
	do_collect(w, HOST_A);
}

/* What was published and not committed, across a checkpoint. */
static void
N4_a_session_that_did_not_see_all_gives_up(struct world *w)
{
	struct put put = { .name = "f",
		.word = { "ab", "c" },
		.stop_ready = true,
		.twice = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	until(p, "ready");
	do_collect(w, HOST_B);
	do_fold_away(w, HOST_B);
	do_collect(w, HOST_B);
	do_fold_away(w, HOST_B);
	proc_run(p);
	expect(w, put.st == BLK_OK || w->quiet, "it stores all again");
}

/* Nobody judges what is on the chain: all readers agree. */
static void
N5_a_segment_is_condemned_while_it_is_committed(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" } };
	struct gather g = { .repack = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	whole(w, HOST_B, gather_main, &g);
	proc_run(p);
	expect(w, put.st != BLK_OK, "the writer fails");
	do_fold_away(w, HOST_B);
}

static void
N5_or_it_is_committed_while_it_is_condemned(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" } };
	struct gather g = { .repack = true, .remove = true };
	struct proc *p = begin(w, HOST_A, put_main, &put), *c;

	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	c = begin(w, HOST_B, gather_main, &g);
	until_op(c, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	proc_run(p);
	expect(w, put.st == BLK_OK, "the writer was first");
	proc_run(c);
}

/* --- N6: what a collector decided, and what became the winner --- */

struct repair {
	struct digest segment, lost[2];
	size_t losts;
	enum class class;
	enum blk_status st;
};

static enum blk_status
decide_repair(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct repair *r = arg;
	const struct commit_verb condemn = {
		.verb = VERB_CONDEMN, .id = r->segment, .reason = REASON_DAMAGED
	};
	enum blk_status st = commit_add(k, &condemn, why);

	(void)s;
	for (size_t i = 0; st == BLK_OK && i < r->losts; i++) {
		const struct commit_verb lost = { .verb = VERB_LOST,
			.id = r->lost[i],
			.class = r->class };

		st = commit_add(k, &lost, why);
	}
	return st;
}

/* Condemn a damaged segment, and say what is lost. */
static void
repair_main(struct proc *p)
{
	struct repair *r = p->arg;
	const struct store_draft d = {
		.decide = decide_repair, .arg = r, .collector = true
	};
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;

	r->st = world_open(p, false, &s, &why);
	if (r->st != BLK_OK)
		return;
	r->st = store_commit(s, &d, &out, &why);
	if (r->st != BLK_OK)
		world_trace(p->w, "repair: %s", why.text);
	store_close(s);
}

static void
N6_a_dead_copy_becomes_the_winner(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" } };
	struct put two = { .name = "g", .word = { "ab" }, .no_dedup = true };
	struct gather g = { .repack = true, .remove = true };
	struct digest old, now;
	struct repair r;
	struct proc *c;

	do_put(w, HOST_A, &one);
	segment_with(w, &word_of("ab")->id, &old);
	do_put(w, HOST_A, &two);
	c = begin(w, HOST_B, gather_main, &g);
	until_op(c, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	for (size_t i = 0; i < w->slots; i++)
		if (w->slot[i].seen != NULL &&
		    segment_key_id(w->slot[i].key, &now) &&
		    !digest_equal(&now, &old))
			r = (struct repair){ .segment = now };
	whole(w, HOST_A, repair_main, &r);
	expect(w, r.st == BLK_OK, "the newer copy is condemned");
	proc_run(c);
	do_collect(w, HOST_B);
}

/* --- N7: order --- */

static void
N7_a_checkpoint_keeps_the_order_of_adding(struct world *w)
{
	static const bool inside[] = { true, false, true, false };
	struct put put[4];

	for (int i = 0; i < 4; i++) {
		put[i] = (struct put){ .name = "f",
			.word = { "abc", "ab" },
			.cuts = (unsigned)(1 + i % 2),
			.no_dedup = true,
			.in_commit = inside[i],
			.structure_too = i > 1 };
		do_put(w, HOST_A, &put[i]);
	}
	do_fold(w, HOST_A);
	filler(w, HOST_B);
	do_drop(w, HOST_A, &put[3].vid);
	do_collect(w, HOST_B);
	do_collect(w, HOST_A);
}

/* --- N8: two of one session --- */

struct twins {
	struct author a, b;
	struct put first, second;
};

static void
first_twin(struct proc *p)
{
	struct twins *t = p->arg;
	struct author *a = &t->a;
	struct fault why = FAULT_NONE;

	t->first.st = author_open(a, p, &why);
	if (t->first.st == BLK_OK)
		t->first.st = author_word(a, word_of("abc"), 1, &why);
	a->wish = (struct wish){ .put = true, .id = word_of("abc")->id };
	strcpy(a->wish.name, "f");
	if (t->first.st == BLK_OK)
		t->first.st = author_settle(a, false, false, &why);
	stop_at(p, "ready");
	if (t->first.st == BLK_OK)
		t->first.st = author_commit(a, &why);
	t->first.vid = a->wish.vid;
	author_close(a);
}

static void
second_twin(struct proc *p)
{
	struct twins *t = p->arg;
	struct fault why = FAULT_NONE;

	t->second.st = author_open(&t->b, p, &why);
	if (t->second.st == BLK_OK)
		t->second.st = author_image(&t->a, &t->b, &why);
	strcpy(t->b.wish.name, "g");
	stop_at(p, "ready");
	if (t->second.st == BLK_OK)
		t->second.st = author_commit(&t->b, &why);
	author_close(&t->b);
}

static void
twins(struct world *w, bool fold)
{
	struct twins *t = calloc(1, sizeof(*t));
	struct proc *p, *q;

	if (t == NULL)
		world_die("out of memory");
	p = begin(w, HOST_A, first_twin, t);
	until(p, "ready");
	q = begin(w, HOST_C, second_twin, t);
	until(q, "ready");
	proc_run(p);
	expect(w, t->first.st == BLK_OK, "the first one commits");
	if (fold)
		do_fold_away(w, HOST_B);
	proc_run(q);
	expect(w, t->second.st != BLK_OK || w->quiet, "the clone does not");
	do_drop(w, HOST_A, &t->first.vid);
	do_collect(w, HOST_B);
	free(t);
}

static void
N8_a_clone_does_not_take_the_commit_for_its_own(struct world *w)
{
	twins(w, false);
}

static void
N8_also_where_the_log_was_folded(struct world *w)
{
	twins(w, true);
}

/* --- N9: a name for what is there already --- */

struct refer {
	bool reused;
	enum blk_status st;
};

static void
refer_main(struct proc *p)
{
	struct refer *r = p->arg;
	struct fault why = FAULT_NONE;
	struct author a;

	r->st = author_open(&a, p, &why);
	if (r->st == BLK_OK)
		r->st = author_ref(
		    &a, &word_of("abc")->id, CLASS_CONTENT, &r->reused, &why);
	a.wish.put = true;
	strcpy(a.wish.name, "ref");
	stop_at(p, "met");
	if (r->st == BLK_OK && r->reused)
		r->st = author_commit(&a, &why);
	author_close(&a);
}

static void
N9_what_is_dropped_is_absent(struct world *w)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = 1 };
	struct refer r;
	struct proc *p;

	do_put(w, HOST_A, &one);
	do_drop(w, HOST_A, &one.vid);
	p = begin(w, HOST_A, refer_main, &r);
	until(p, "met");
	expect(w, !r.reused || w->quiet, "it is absent");
	do_collect(w, HOST_A);
	proc_run(p);
}

static void
N9_what_is_dropped_after_it_was_met_is_not_named(struct world *w)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = 1 };
	struct refer r;
	struct proc *p;

	do_put(w, HOST_A, &one);
	p = begin(w, HOST_A, refer_main, &r);
	until(p, "met");
	expect(w, r.reused, "it is there");
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	proc_run(p);
	expect(w, r.st != BLK_OK || w->quiet, "it is gone");
}

/* --- N10: acting on what is not durable --- */

static void
N10_nothing_is_removed_because_of_a_commit_that_may_go(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" } };
	struct put two = { .name = "g", .word = { "ab" } };
	struct gather g = { .remove = true };
	struct gather c = { .repack = true };
	struct proc *p;

	do_put(w, HOST_A, &one);
	do_put(w, HOST_A, &two);
	do_drop(w, HOST_A, &one.vid);
	p = begin(w, HOST_A, gather_main, &c);
	/* A copy of what lives, and the condemnation of the rest. */
	if (proc_run_to(p, POINT_SEEN, BACKEND_OP_PUT, "log/"))
		proc_kill(p);
	whole(w, HOST_B, gather_main, &g);
	cut(w);
}

static void
N10_a_predecessor_is_durable_before_its_successor(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put two = { .name = "g", .word = { "ba" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &one), *q;

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_kill(p);
	q = begin(w, HOST_B, put_main, &two);
	until_op(q, POINT_AFTER, BACKEND_OP_PUT, "log/");
	proc_kill(q);
	cut(w);
	filler(w, HOST_A);
	filler(w, HOST_C);
}

static void
N10_no_checkpoint_is_taken_of_a_commit_that_may_go(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &one);

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_kill(p);
	do_fold(w, HOST_B);
	cut(w);
	filler(w, HOST_A);
}

/* --- N11: counted, and something below it lost --- */

static void
N11_what_is_counted_may_have_lost_something(struct world *w)
{
	struct grow one = { .name = "t", .word = { "ab", "cc" } };
	struct grow two = {
		.name = "t", .word = { "ab", "cc" }, .known = true
	};
	struct repair r = { .class = CLASS_CONTENT, .losts = 2 };

	do_stock(w, HOST_A, "cc");
	segment_with(w, &word_of("cc")->id, &r.segment);
	whole(w, HOST_A, grow_main, &one);
	r.lost[0] = r.lost[1] = word_of("cc")->id;
	whole(w, HOST_A, repair_main, &r);
	expect(w, r.st == BLK_OK, "the loss is said");
	whole(w, HOST_A, grow_main, &two);
	expect(w, two.st == BLK_OK && !two.reused, "the next put heals");
	do_collect(w, HOST_B);
}

/* --- N12: a frozen holder --- */

static void
N12_a_transaction_is_never_passed_by(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put two = { .name = "g", .word = { "ba" }, .in_commit = true };
	struct put three = { .name = "h", .word = { "bc" }, .in_commit = true };
	struct proc *p;

	filler(w, HOST_B);
	p = begin(w, HOST_A, put_main, &one);
	while (!p->done && w->host[HOST_A].owner != p)
		proc_step(p);
	expect(w, !p->done, "it is inside one");
	whole(w, HOST_A, put_main, &two);
	expect(w, two.st == BLK_BUSY, "others on that host are told to wait");
	do_put(w, HOST_B, &three);
	proc_run(p);
	expect(w, one.st == BLK_OK, "it delayed, no more");
}

/* --- N13: links --- */

static enum blk_status
decide_link(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct digest *tree = arg;
	struct version v = { .name = strdup("linked"),
		.class = CLASS_CONTENT,
		.id = word_of("c")->id,
		.size = word_of("c")->len,
		.type = strdup(""),
		.link = calloc(1, sizeof(*v.link)),
		.links = 1 };
	struct digest vid;
	enum blk_status st;

	v.link[0] = (struct version_link){
		.rel = strdup("see"), .class = CLASS_TREE, .id = *tree
	};
	st = store_add_version(s, k, &v, &vid, why);
	version_release(&v);
	return st;
}

static void
link_main(struct proc *p)
{
	const struct word *c = word_of("c");
	const struct store_object o = { c->id, KIND_DATA, c->text, c->len };
	const struct store_draft d = {
		.decide = decide_link, .arg = p->arg, .object = &o, .objects = 1
	};
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st == BLK_OK) {
		st = store_commit(s, &d, &out, &why);
		store_close(s);
	}
	expect(p->w, st == BLK_OK, "a link is made");
}

static void
N13_a_link_keeps_what_it_names(struct world *w)
{
	struct grow one = { .name = "t", .word = { "abc", "ab" }, .cuts = 1 };

	whole(w, HOST_A, grow_main, &one);
	whole(w, HOST_A, link_main, &one.id);
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	do_fold_away(w, HOST_A);
	do_collect(w, HOST_B);
}

#define CASE(name, rule)                                                       \
	{                                                                      \
#name, name, rule                                              \
	}

const struct test_case cases_second[] = {
	CASE(N1_a_hit_in_a_table_that_was_read_long_ago, R4),
	CASE(N2_a_fold_removes_only_what_is_condemned, 0),
	CASE(N3_an_incomplete_list_is_not_committed, R4),
	CASE(N4_a_session_that_did_not_see_all_gives_up, R2),
	CASE(N5_a_segment_is_condemned_while_it_is_committed, 0),
	CASE(N5_or_it_is_committed_while_it_is_condemned, 0),
	CASE(N6_a_dead_copy_becomes_the_winner, R4),
	CASE(N7_a_checkpoint_keeps_the_order_of_adding, 0),
	CASE(N8_a_clone_does_not_take_the_commit_for_its_own, R1),
	CASE(N8_also_where_the_log_was_folded, 0),
	CASE(N9_what_is_dropped_is_absent, 0),
	CASE(N9_what_is_dropped_after_it_was_met_is_not_named, R4),
	CASE(N10_nothing_is_removed_because_of_a_commit_that_may_go, 0),
	CASE(N10_a_predecessor_is_durable_before_its_successor, 0),
	CASE(N10_no_checkpoint_is_taken_of_a_commit_that_may_go, 0),
	CASE(N11_what_is_counted_may_have_lost_something, 0),
	CASE(N12_a_transaction_is_never_passed_by, 0),
	CASE(N13_a_link_keeps_what_it_names, 0),
	{ NULL, NULL, 0 },
};

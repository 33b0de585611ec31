/*
 * The schedules of the third reading, and those that the model itself has
 * found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "claims.h"
#include "rules.h"
#include "store-private.h"

/* --- third reading --- */

/* Condemned commit files go before a checkpoint covers them. */
static void
F1_a_condemned_commit_file_waits_for_two_checkpoints(struct world *w)
{
	struct put put[3];
	struct put stale = { .name = "s", .word = { "ca" }, .in_commit = true };
	struct gather c = { .repack = true };
	struct gather r = { .remove = true };
	struct look l = { .st = BLK_OK };

	whole(w, HOST_B, look_main, &l);
	for (int i = 0; i < 3; i++) {
		put[i] = (struct put){
			.name = "f", .word = { "ab" }, .in_commit = true
		};
		do_put(w, HOST_A, &put[i]);
	}
	for (int i = 0; i < 3; i++)
		do_drop(w, HOST_A, &put[i].vid);
	whole(w, HOST_A, gather_main, &c);
	whole(w, HOST_A, gather_main, &r);
	expect(w, world_has(w, "log/000000000/000000000003") || w->quiet,
	    "the log is whole");
	whole(w, HOST_B, put_main, &stale);
	filler(w, HOST_A);
}

/* A subtree that was counted when it was met stays, its chunk goes. */
static void
F2_what_is_left_of_a_tree_is_judged_down_to_its_chunks(struct world *w)
{
	struct grow zero = { .name = "x",
		.word = { "bbcc" },
		.cuts = 2,
		.beside = "aab",
		.in_commit = true };
	struct grow one = zero, two = zero;
	struct gather g = { .repack = true, .remove = true, .unused = 90 };
	struct proc *p;

	/* The chunks are in segments of their own; the tree lies in one file
	 * with what lives, and in another that it is counted in. */
	do_stock(w, HOST_A, "bb");
	do_stock(w, HOST_A, "cc");
	whole(w, HOST_A, grow_main, &zero);
	one.beside = two.beside = NULL;
	one.name = "t";
	whole(w, HOST_A, grow_main, &one);
	two.name = "u";
	two.known = two.stop_ready = true;
	p = begin(w, HOST_A, grow_main, &two);
	until(p, "ready");
	expect(w, two.reused, "it is met");
	do_drop(w, HOST_A, &one.vid);
	whole(w, HOST_B, gather_main, &g);
	expect(w, g.report.condemned >= 2, "its chunks are collected");
	proc_run(p);
	expect(w, two.st != BLK_OK || w->quiet, "it is refused");
}

static void
F3_a_list_does_not_stand_in_for_a_chunk(struct world *w)
{
	struct put big = { .name = "big", .word = { "abcc" }, .cuts = 2 };
	struct put small = {
		.name = "small", .word = { "cc" }, .cuts = 1, .no_dedup = true
	};

	do_put(w, HOST_A, &big);
	do_put(w, HOST_A, &small);
	do_collect(w, HOST_A);
	do_collect(w, HOST_B);
}

static void
F4_an_unnamed_put_does_not_rest_on_a_dropped_one(struct world *w)
{
	struct put one = { .word = { "ab" }, .in_commit = true };
	struct put two = { .word = { "ab" }, .in_commit = true };

	do_put(w, HOST_A, &one);
	do_drop(w, HOST_A, &one.vid);
	do_put(w, HOST_B, &two);
	do_collect(w, HOST_A);
	do_fold_away(w, HOST_A);
	expect(w, two.outcome.number > 0, "it is put again");
}

static void
F4_who_puts_with_an_expiry_does_not_shorten_that_of_others(struct world *w)
{
	struct put one = { .word = { "ab" }, .in_commit = true };
	struct put two = {
		.word = { "ab" }, .in_commit = true, .expires = (int64_t)1 << 60
	};
	struct gather g = { .expire = true, .repack = true, .remove = true };

	do_put(w, HOST_A, &one);
	do_put(w, HOST_B, &two);
	w->step += 1000;
	whole(w, HOST_A, gather_main, &g);
}

/* --- F5: a record of several pieces --- */

static enum blk_status
decide_much(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char key[32], value[1200];

	(void)arg;
	(void)s;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; st == BLK_OK && i < 1500; i++) {
		snprintf(key, sizeof(key), "user.k%d", i);
		st = commit_add_text(k, VERB_SET, key, value, why);
	}
	return st;
}

static void
much_main(struct proc *p)
{
	const struct store_draft d = { .decide = decide_much };
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st == BLK_OK) {
		st = store_commit(s, &d, &out, &why);
		store_close(s);
	}
	expect(p->w, st == BLK_OK, "a long commit succeeds");
}

static enum blk_status
decide_little(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char key[32];

	(void)arg;
	(void)s;
	for (int i = 0; st == BLK_OK && i < 1500; i++) {
		snprintf(key, sizeof(key), "user.k%d", i);
		st = commit_add_text(k, VERB_SET, key, "", why);
	}
	return st;
}

static void
little_main(struct proc *p)
{
	const struct store_draft d = { .decide = decide_little };
	struct store_outcome out;
	struct fault why = FAULT_NONE;
	struct store *s;
	enum blk_status st = world_open(p, false, &s, &why);

	if (st == BLK_OK) {
		st = store_commit(s, &d, &out, &why);
		store_close(s);
	}
	expect(p->w, st == BLK_OK, "a commit succeeds");
}

static void
F5_pieces_of_a_record_are_no_dead_objects(struct world *w)
{
	struct look l = { .rebuild = true };

	whole(w, HOST_A, much_main, NULL);
	do_collect(w, HOST_A);
	expect(w, world_has(w, "log/000000000/000000000002"), "it stays");
	whole(w, HOST_B, look_main, &l);
	expect(w, l.st == BLK_OK && !l.broken, "it is read again");
	do_fold_away(w, HOST_A);
	whole(w, HOST_C, look_main, &l);
	whole(w, HOST_A, little_main, NULL);
}

/* --- found by the model --- */

static void
X1_a_fold_keeps_each_commit_file_that_lives(struct world *w)
{
	static const char *const word[] = { "a", "b", "c", "ab", "bc" };

	for (int i = 0; i < 5; i++) {
		struct put put = { .word = { word[i] }, .in_commit = true };

		do_put(w, HOST_A, &put);
	}
	do_fold_away(w, HOST_A);
	do_fold_away(w, HOST_B);
}

static void
X2_rows_go_by_id_when_a_catalog_was_made_again(struct world *w)
{
	struct put put[4];
	struct gather g = { .remove = true };
	struct look l = { .rebuild = true };
	struct proc *c;

	for (int i = 0; i < 4; i++) {
		static const char *const word[] = { "a", "b", "c", "ab" };

		put[i] = (struct put){ .name = "f", .word = { word[i] } };
		do_put(w, HOST_A, &put[i]);
	}
	do_drop(w, HOST_A, &put[0].vid);
	do_drop(w, HOST_A, &put[1].vid);
	do_condemn(w, HOST_A);
	do_fold_away(w, HOST_A);
	c = begin(w, HOST_A, gather_main, &g);
	until_op(c, POINT_AFTER, BACKEND_OP_REMOVE, "segments/");
	whole(w, HOST_A, look_main, &l);
	proc_run(c);
	do_collect(w, HOST_A); /* who has lost its row looks like an orphan */
	do_collect(w, HOST_A);
}

/* A fold by who has not seen what others did. */
static void
fold_late_main(struct proc *p)
{
	const struct collect_options o = { .fold = true };
	struct collect_report r = { .expired = 0 };
	struct fault why = FAULT_NONE;
	struct store *s;

	if (world_open(p, false, &s, &why) != BLK_OK)
		return;
	stop_at(p, "open");
	expect(p->w, collect_fold(s, &o, &r, &why) == BLK_OK, "a fold");
	store_close(s);
}

static void
X3_a_fold_leaves_what_its_catalog_has_not_seen(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_B, fold_late_main, NULL);

	until(p, "open");
	do_put(w, HOST_A, &put);
	do_fold_away(w, HOST_A);
	do_fold_away(w, HOST_A);
	expect(w, world_has(w, "log/000000000/000000000002"), "it lives");
	proc_run(p);
}

static void
X4_checkpoints_are_durable_before_they_are_obeyed(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" } };
	struct gather g = { .fold = true };

	do_put(w, HOST_A, &put);
	for (int i = 0; i < 2; i++) {
		struct proc *p;

		filler(w, HOST_A);
		p = begin(w, HOST_A, gather_main, &g);
		until_op(p, POINT_SEEN, BACKEND_OP_PUT, "checkpoint/");
		proc_kill(p);
	}
	do_fold(w, HOST_B);
	cut(w);
	filler(w, HOST_A);
}

static void
X5_a_checkpoint_is_put_once(struct world *w)
{
	struct gather f = { .fold = true }, g = { .fold = true };
	struct proc *p, *q;

	filler(w, HOST_A);
	p = begin(w, HOST_A, gather_main, &f);
	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "checkpoint/");
	q = begin(w, HOST_B, gather_main, &g);
	until_op(q, POINT_SEEN, BACKEND_OP_PUT, "checkpoint/");
	proc_kill(q);
	proc_run(p);
	expect(w, f.st == BLK_OK, "the other one serves");
	filler(w, HOST_A);
	do_fold(w, HOST_A);
	cut(w);
}

/* Segments go just when they are read, again and again. */
static void
X6_what_a_collector_removed_is_not_taken_for_lost(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" } };
	struct look l = { .st = BLK_OK };
	struct proc *p = begin(w, HOST_B, look_main, &l);

	until(p, "open");
	for (int i = 0; i < 8; i++) {
		do_put(w, HOST_A, &put);
		if (!p->done)
			proc_run_to(
			    p, POINT_BEFORE, BACKEND_OP_GET, "segments/");
		do_drop(w, HOST_A, &put.vid);
		do_collect(w, HOST_A);
	}
	proc_run(p);
	expect(w, l.st == BLK_OK && !l.broken, "it catches up");
}

/*
 * The same while all is counted afresh, because what a drop would need is
 * gone: a text that goes as well.
 */
static void
X7_nor_are_the_counts_below_it_forgotten(struct world *w)
{
	struct grow tree = {
		.name = "t", .word = { "abc" }, .cuts = 1, .structure_too = true
	};
	struct put put = { .name = "f",
		.word = { "ccab", "ccb" },
		.cuts = 2,
		.structure_too = true };
	struct gather dead = { .repack = true, .remove = true, .unused = 90 };
	struct look l = { .st = BLK_OK };
	struct digest segment;
	struct proc *p;

	whole(w, HOST_A, grow_main, &tree);
	do_put(w, HOST_A, &put);
	whole(w, HOST_B, look_main, &l);
	do_drop(w, HOST_A, &tree.vid);
	whole(w, HOST_A, gather_main, &dead);
	p = begin(w, HOST_B, look_main, &l);
	until_op(p, POINT_BEFORE, BACKEND_OP_GET,
	    segment_with(w, &word_of("ccab")->id, &segment));
	do_collect(w, HOST_A);
	expect(w, !world_has(w, p->at.key), "what it reads goes");
	proc_run(p);
	expect(w, l.st == BLK_OK && !l.broken, "it catches up");
}

/* The next commit stands there, and is folded away before it is read. */
static void
X8_who_is_overtaken_by_a_fold_is_not_current(struct world *w)
{
	struct put live = { .name = "x", .word = { "c" }, .in_commit = true };
	struct look l = { .st = BLK_OK };
	struct proc *p;

	do_put(w, HOST_A, &live);
	p = begin(w, HOST_B, look_main, &l);
	until(p, "open");
	filler(w, HOST_A);
	/* It looks for what is next, finds it, and looks at its own head. */
	until_op(p, POINT_BEFORE, BACKEND_OP_STAT, "log/");
	until_op(p, POINT_BEFORE, BACKEND_OP_GET, "log/");
	until_op(p, POINT_BEFORE, BACKEND_OP_GET, "log/");
	do_fold_away(w, HOST_A);
	proc_run(p);
	expect(w, l.head.number == head_of(w), "it is at the head");
}

/* Bytes are found; beside them is a list that has lost its chunks. */
static void
X9_a_list_without_chunks_does_not_hide_the_bytes(struct world *w)
{
	struct put chunk = { .name = "x", .word = { "abc" }, .cuts = 1 };
	struct put list = { .name = "y",
		.word = { "aab", "bc" },
		.cuts = 1,
		.always_list = true,
		.in_commit = true };
	struct put bytes = { .name = "z", .word = { "bc" } };
	struct gather g = { .repack = true, .remove = true, .unused = 90 };

	do_put(w, HOST_A, &chunk); /* bc is a chunk of it */
	do_stock(w, HOST_A, "b");
	do_stock(w, HOST_A, "c");
	do_put(w, HOST_A, &list); /* bc is a list, which nothing counts */
	whole(w, HOST_A, gather_main, &g);
	expect(w, g.report.condemned >= 2, "its chunks are collected");
	do_put(w, HOST_A, &bytes);
}

/* What goes by what a commit says that nobody made durable. */
static void
removal_meets_a_commit_that_may_go(struct world *w, struct gather *g)
{
	/* A commit file in which one object lives and one does not. */
	struct put put = {
		.name = "f", .word = { "ab", "cc" }, .in_commit = true
	};
	struct gather c = { .repack = true };
	struct look l = { .st = BLK_OK };
	struct proc *p, *k;

	do_put(w, HOST_A, &put);
	do_fold_away(w, HOST_A);
	/* It has made the head durable, and goes on to look. */
	p = begin(w, HOST_B, gather_main, g);
	if (g->fold)
		until_op(p, POINT_BEFORE, BACKEND_OP_LIST, "log/");
	else
		until_op(p, POINT_BEFORE, BACKEND_OP_SETTLE, "checkpoint/");
	/* Then a collector dies when its commit is seen, not durable ... */
	k = begin(w, HOST_A, gather_main, &c);
	until_op(k, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_kill(k);
	/* ... and another process brings the shared catalog on to it. */
	whole(w, HOST_B, look_main, &l);
	proc_run(p);
	cut(w);
}

static void
X10_a_removal_does_not_rest_on_a_commit_that_may_go(struct world *w)
{
	struct gather g = { .remove = true };

	removal_meets_a_commit_that_may_go(w, &g);
}

static void
X10_nor_does_a_fold(struct world *w)
{
	struct gather g = { .fold = true };

	removal_meets_a_commit_that_may_go(w, &g);
}

/* A folder dies with a part half there; another makes the same checkpoint. */
static void
X11_parts_of_a_checkpoint_are_those_of_who_published_it(struct world *w)
{
	struct gather f = { .fold = true };
	struct look l = { .st = BLK_OK };
	struct proc *p;

	whole(w, HOST_A, much_main, NULL);
	p = begin(w, HOST_A, gather_main, &f);
	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "checkpoint/");
	proc_kill(p);
	do_fold(w, HOST_B);
	cut(w);
	do_fold_away(w, HOST_B);
	whole(w, HOST_C, look_main, &l);
	expect(w, l.st == BLK_OK && !l.broken, "a fresh host loads it");
	whole(w, HOST_A, little_main, NULL);
	do_fold_away(w, HOST_A);
	expect(w, count_keys(w, "checkpoint/") == 2, "no part is left behind");
}

/* The row is gone; nothing else in the index tells. */
static void
X12_a_segment_that_is_not_found_is_no_orphan(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" } };
	struct gather g = { .repack = true, .remove = true };
	struct host *h = &w->host[HOST_A];
	struct fault why = FAULT_NONE;
	struct catalog_segment seg;

	do_put(w, HOST_A, &put);
	expect(w,
	    h->catalog->type->segment_next(h->catalog, 0, &seg, &why) == BLK_OK,
	    "it has a row");
	h->missing = seg.id;
	h->misses = true;
	whole(w, HOST_A, gather_main, &g);
	expect(w, g.st == BLK_CORRUPT || w->quiet, "it goes no further");
	h->misses = false;
}

static void
X12_a_version_that_is_not_found_is_not_folded_away(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct gather g = { .fold = true };
	struct look l = { .rebuild = true };
	struct host *h = &w->host[HOST_A];

	do_put(w, HOST_A, &put);
	h->missing = put.vid;
	h->misses = true;
	whole(w, HOST_A, gather_main, &g);
	expect(w, g.st == BLK_CORRUPT || w->quiet, "it goes no further");
	h->misses = false;
	whole(w, HOST_A, look_main, &l);
}

#define CASE(name, rule)                                                       \
	{                                                                      \
#name, name, rule                                              \
	}

const struct test_case cases_found[] = {
	CASE(F1_a_condemned_commit_file_waits_for_two_checkpoints, R2),
	CASE(F2_what_is_left_of_a_tree_is_judged_down_to_its_chunks, R4),
	CASE(F3_a_list_does_not_stand_in_for_a_chunk, 0),
	CASE(F4_an_unnamed_put_does_not_rest_on_a_dropped_one, 0),
	CASE(F4_who_puts_with_an_expiry_does_not_shorten_that_of_others, 0),
	CASE(F5_pieces_of_a_record_are_no_dead_objects, 0),
	CASE(X1_a_fold_keeps_each_commit_file_that_lives, 0),
	CASE(X2_rows_go_by_id_when_a_catalog_was_made_again, 0),
	CASE(X3_a_fold_leaves_what_its_catalog_has_not_seen, 0),
	CASE(X4_checkpoints_are_durable_before_they_are_obeyed, 0),
	CASE(X5_a_checkpoint_is_put_once, 0),
	CASE(X6_what_a_collector_removed_is_not_taken_for_lost, 0),
	CASE(X7_nor_are_the_counts_below_it_forgotten, 0),
	CASE(X8_who_is_overtaken_by_a_fold_is_not_current, 0),
	CASE(X9_a_list_without_chunks_does_not_hide_the_bytes, 0),
	CASE(X10_a_removal_does_not_rest_on_a_commit_that_may_go, R2),
	CASE(X10_nor_does_a_fold, R2),
	CASE(X11_parts_of_a_checkpoint_are_those_of_who_published_it, 0),
	CASE(X12_a_segment_that_is_not_found_is_no_orphan, R6),
	CASE(X12_a_version_that_is_not_found_is_not_folded_away, R6),
	{ NULL, NULL, 0 },
};

/*
 * The schedules of the first reading of the design that could lose data, and
 * what has become of them.
 */
#include <string.h>

#include "cases.h"
#include "rules.h"

/* Put, remove, condemn, put again: is it in a segment that is to go? */
static void
P1_equal_bytes_never_make_an_equal_segment(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" } };
	struct put two = { .name = "f", .word = { "ab" } };
	struct digest first, second;

	do_put(w, HOST_A, &one);
	segment_with(w, &word_of("ab")->id, &first);
	do_drop(w, HOST_A, &one.vid);
	do_condemn(w, HOST_A);
	do_put(w, HOST_A, &two);
	do_collect(w, HOST_A);
	segment_with(w, &word_of("ab")->id, &second);
	expect(w, !digest_equal(&first, &second), "another segment");
}

/* A segment that is published and not yet committed is no litter. */
static void
P2_an_orphan_goes_by_a_commit_that_its_writer_meets(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .stop_ready = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	until(p, "ready");
	do_collect(w, HOST_B);
	expect(w, count_keys(w, "segments/") == 0, "the orphan is removed");
	proc_run(p);
	expect(w, put.st != BLK_OK, "its writer fails");
}

static void
P2_a_writer_stores_again_what_was_collected(struct world *w)
{
	struct put put = {
		.name = "f", .word = { "ab" }, .stop_ready = true, .twice = true
	};
	struct proc *p = begin(w, HOST_A, put_main, &put);

	until(p, "ready");
	do_collect(w, HOST_B);
	proc_run(p);
	expect(w, put.st == BLK_OK, "the second try succeeds");
}

/* Its commit falls into a hole of the folded log. */
static void
P3_a_frozen_writer_behind_a_fold_is_told_so(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_B, put_main, &put);

	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	do_fold_away(w, HOST_A);
	proc_run(p);
	expect(w, put.st != BLK_OK || w->quiet, "its outcome is unknown");
}

static void
P3_an_index_behind_a_fold_is_brought_on(struct world *w)
{
	struct put live = { .name = "x", .word = { "c" }, .in_commit = true };
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct look l = { .st = BLK_OK };

	/* What it knows as its head stays: it carries what lives. */
	do_put(w, HOST_A, &live);
	whole(w, HOST_B, look_main, &l);
	do_fold_away(w, HOST_A);
	do_put(w, HOST_B, &put);
	if (!w->quiet)
		expect(w, put.outcome.number == head_of(w), "on the head");
}

/* A commit that others saw is gone after a power cut. */
static void
P4_an_index_ahead_of_the_log_is_noticed(struct world *w)
{
	struct put lost = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put put = { .name = "f", .word = { "ba" }, .in_commit = true };
	struct look l = { .st = BLK_OK };
	struct proc *p = begin(w, HOST_A, put_main, &lost);

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	whole(w, HOST_B, look_main, &l);
	cut(w);
	do_put(w, HOST_B, &put);
	expect(w, put.outcome.number == l.head.number, "its number is free");
	filler(w, HOST_A);
}

static void
P5_nothing_stands_on_a_commit_that_may_go(struct world *w)
{
	struct put lost = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put put = { .name = "g", .word = { "ba" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &lost);

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_kill(p);
	do_put(w, HOST_B, &put);
	cut(w);
}

static void
P5_a_put_without_a_commit_makes_durable_what_it_found(struct world *w)
{
	struct put lost = { .word = { "ab" }, .in_commit = true };
	struct put put = { .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &lost);

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_kill(p);
	do_put(w, HOST_B, &put);
	expect(w, put.outcome.number == 0, "nothing was to be said");
	cut(w);
}

/* The sync of a published commit fails: others stand on it already. */
static void
P6_a_published_commit_is_never_taken_back(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);
	unsigned before = count_keys(w, "log/");

	until_op(p, POINT_SEEN, BACKEND_OP_PUT, "log/");
	proc_order(p, ORDER_FAIL);
	proc_run(p);
	expect(w, put.st == BLK_FAILED, "its outcome is unknown");
	expect(w, count_keys(w, "log/") == before + 1, "it stands");
	filler(w, HOST_B);
}

static void
P7_a_scan_cache_names_a_tree_that_is_gone(struct world *w)
{
	struct grow one = { .name = "t", .word = { "ab", "c" } };
	struct grow two = { .name = "t", .word = { "ab", "c" }, .known = true };

	whole(w, HOST_A, grow_main, &one);
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	whole(w, HOST_A, grow_main, &two);
	expect(w, two.st == BLK_OK && !two.reused, "it is stored again");
}

/* It was counted when it was met; when it is committed it is gone. */
static void
P7_a_tree_goes_between_its_meeting_and_the_commit(struct world *w)
{
	struct grow one = { .name = "t", .word = { "ab", "c" } };
	struct grow two = { .name = "u",
		.word = { "ab", "c" },
		.known = true,
		.stop_ready = true };
	struct proc *p;

	whole(w, HOST_A, grow_main, &one);
	p = begin(w, HOST_A, grow_main, &two);
	until(p, "ready");
	expect(w, two.reused, "it is met");
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	proc_run(p);
	expect(w, two.st != BLK_OK || w->quiet, "it is not there to rescue");
}

static void
P7_what_is_condemned_and_still_there_is_rescued(struct world *w)
{
	struct grow one = { .name = "t", .word = { "ab", "c" }, .cuts = 1 };
	struct grow two = { .name = "u",
		.word = { "ab", "c" },
		.cuts = 1,
		.known = true,
		.stop_ready = true };
	struct proc *p;

	whole(w, HOST_A, grow_main, &one);
	p = begin(w, HOST_A, grow_main, &two);
	until(p, "ready");
	do_drop(w, HOST_A, &one.vid);
	do_condemn(w, HOST_A);
	proc_run(p);
	expect(w, two.st == BLK_OK, "it is rescued");
	do_collect(w, HOST_B);
}

/* A list that is there without its chunk. */
static void
list_without_chunk(struct world *w)
{
	struct put live = { .name = "x",
		.word = { "aab", "bbcc" },
		.cuts = 2,
		.structure_too = true };
	struct gather g = { .repack = true, .remove = true, .unused = 90 };

	do_stock(w, HOST_A, "bb");
	do_stock(w, HOST_A, "cc");
	do_put(w, HOST_A, &live);
	/* The list of bbcc is in a segment with one that lives; its chunks
	 * are in segments of their own, where nothing does. */
	whole(w, HOST_A, gather_main, &g);
	expect(w, g.report.condemned >= 2, "the chunks are collected");
}

static void
P8_a_list_that_is_there_need_not_be_complete(struct world *w)
{
	struct put put = { .name = "y", .word = { "bbcc" }, .cuts = 2 };

	list_without_chunk(w);
	do_put(w, HOST_A, &put);
}

/* Referred to as it is: blk-put --ref. */
struct refer {
	struct digest id;
	enum class class;
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
		r->st = author_ref(&a, &r->id, r->class, &r->reused, &why);
	a.wish.put = true;
	strcpy(a.wish.name, "ref");
	if (r->st == BLK_OK && r->reused)
		r->st = author_commit(&a, &why);
	author_close(&a);
}

static void
P8_an_uncounted_list_is_not_named_again(struct world *w)
{
	struct refer r = { .id = word_of("bbcc")->id, .class = CLASS_CONTENT };

	list_without_chunk(w);
	whole(w, HOST_A, refer_main, &r);
	expect(w, !r.reused || w->quiet, "it is absent");
}

/* A collector decides that X is dead; then somebody refers to it. */
static void
collector_loses_a_race(struct world *w, unsigned cuts)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = cuts };
	struct put two = { .name = "g", .word = { "abc" }, .cuts = cuts };
	struct gather g = { .repack = true };
	struct proc *c;

	do_put(w, HOST_A, &one);
	do_drop(w, HOST_A, &one.vid);
	c = begin(w, HOST_B, gather_main, &g);
	until_op(c, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	do_put(w, HOST_A, &two);
	proc_run(c);
	do_collect(w, HOST_B);
}

static void
P9_a_collector_that_lost_a_race_is_judged_again(struct world *w)
{
	collector_loses_a_race(w, 0);
}

static void
P9_also_where_it_is_a_list(struct world *w)
{
	collector_loses_a_race(w, 1);
}

/* --- P10: an index that is wrong --- */

static void
rot_hit(const struct host *h, const struct digest *id, struct catalog_facts *f)
{
	if (!digest_equal(id, &h->rotten) || f->copies > 0)
		return;
	f->copy[0] = (struct catalog_copy){ .seq = 1, .kind = KIND_DATA };
	f->copies = 1;
}

static void
P10_a_hit_counts_when_the_table_holds_it(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" } };
	struct put two = { .name = "g", .word = { "cc", "a" } };

	do_put(w, HOST_A, &one);
	w->host[HOST_A].rotten = word_of("cc")->id;
	w->host[HOST_A].rot = rot_hit;
	whole(w, HOST_A, put_main, &two);
	w->host[HOST_A].rot = NULL;
}

static void
rot_missing(
    const struct host *h, const struct digest *id, struct catalog_facts *f)
{
	if (digest_equal(id, &h->rotten))
		f->copies = 0;
}

static void
P10_a_missing_row_is_taken_for_live(struct world *w)
{
	/* Two objects in one segment, one of them dead. */
	struct put put = { .name = "f", .word = { "ab", "cc", "ba" } };
	struct look l = { .rebuild = true };

	do_put(w, HOST_A, &put);
	w->host[HOST_A].rotten = word_of("ab")->id;
	w->host[HOST_A].rot = rot_missing;
	do_collect(w, HOST_A);
	w->host[HOST_A].rot = NULL;
	whole(w, HOST_A, look_main, &l);
}

static void
rot_uncounted(
    const struct host *h, const struct digest *id, struct catalog_facts *f)
{
	if (digest_equal(id, &h->rotten))
		memset(f->count, 0, sizeof(f->count));
}

/* The row of another time: its own check is right. */
static void
P10_a_collector_compares_what_lives_with_its_sum(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab", "cc", "ba" } };
	struct gather g = { .repack = true, .remove = true };
	struct look l = { .rebuild = true };

	do_put(w, HOST_A, &put);
	w->host[HOST_A].rotten = word_of("ab")->id;
	w->host[HOST_A].rot = rot_uncounted;
	whole(w, HOST_A, gather_main, &g);
	expect(w, g.st == BLK_CORRUPT || w->quiet, "it goes no further");
	w->host[HOST_A].rot = NULL;
	whole(w, HOST_A, look_main, &l);
}

/* The catalog is made again under a process that is about to commit. */
static void
P11_a_catalog_may_be_made_again_at_any_time(struct world *w)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = 1 };
	struct put two = {
		.name = "g", .word = { "abc" }, .cuts = 1, .stop_ready = true
	};
	struct look l = { .rebuild = true };
	struct proc *p;

	do_put(w, HOST_A, &one);
	do_fold_away(w, HOST_A);
	p = begin(w, HOST_A, put_main, &two);
	until(p, "ready");
	whole(w, HOST_A, look_main, &l);
	expect(w, l.st == BLK_OK, "it is made again");
	proc_run(p);
	expect(w, two.st == BLK_OK, "and the commit stands");
}

/* --- P12: answers that are lost --- */

static void
P12_an_answer_is_lost_and_it_was_ours(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	w->merciless = true;
	until_op(p, POINT_AFTER, BACKEND_OP_PUT, "log/");
	proc_order(p, ORDER_LOSE);
	proc_run(p);
	expect(w, put.st == BLK_OK && put.outcome.number == head_of(w),
	    "it is found, once");
}

static void
P12_an_answer_is_lost_and_another_was_first(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	w->merciless = true;
	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	filler(w, HOST_B);
	until_op(p, POINT_AFTER, BACKEND_OP_PUT, "log/");
	proc_order(p, ORDER_LOSE);
	proc_run(p);
	expect(w, put.st == BLK_OK && put.outcome.number == head_of(w),
	    "it comes behind");
}

static void
P12_a_commit_arrives_late(struct world *w)
{
	struct put put = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put next = { .name = "f", .word = { "ba" }, .in_commit = true };
	struct proc *p = begin(w, HOST_A, put_main, &put);

	w->merciless = true;
	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	proc_order(p, ORDER_LOSE_LATE);
	proc_run(p);
	expect(w, put.st == BLK_FAILED, "its outcome is unknown");
	w->step += 1000;
	world_advance(w);
	do_put(w, HOST_B, &next);
	expect(w, next.outcome.number == head_of(w), "they follow each other");
}

/* --- P13: two lists for one id --- */

static void
P13_the_same_list_wins_for_all(struct world *w)
{
	struct put one = {
		.name = "f", .word = { "abc" }, .cuts = 1, .structure_too = true
	};
	struct put two = { .name = "g",
		.word = { "abc" },
		.cuts = 2,
		.no_dedup = true,
		.structure_too = true };
	struct look l = { .st = BLK_OK };

	do_put(w, HOST_A, &one);
	whole(w, HOST_B, look_main, &l);
	do_put(w, HOST_A, &two);
	do_fold_away(w, HOST_A);
	do_collect(w, HOST_B); /* follows the log, or loads: the same */
	do_collect(w, HOST_A);
	do_drop(w, HOST_B, &one.vid);
	do_collect(w, HOST_C);
}

/* --- P14: an index that loses transactions, as a checkpoint of its log that
 * meets a commit makes it --- */

/* Host A has the index that host B had. */
static void
fall_back(struct world *w)
{
	struct catalog *was = w->host[HOST_A].catalog;

	w->host[HOST_A].catalog = w->host[HOST_B].catalog;
	w->host[HOST_B].catalog = was;
}

static void
P14_an_index_loses_what_a_writer_has_seen(struct world *w)
{
	struct put one = { .name = "f", .word = { "abc" }, .cuts = 1 };
	struct put two = {
		.name = "g", .word = { "abc" }, .cuts = 1, .stop_ready = true
	};
	struct look l = { .st = BLK_OK };
	struct proc *p;

	whole(w, HOST_B, look_main, &l);
	do_put(w, HOST_A, &one);
	p = begin(w, HOST_A, put_main, &two);
	until(p, "ready");
	do_drop(w, HOST_A, &one.vid);
	do_collect(w, HOST_A);
	fall_back(w);
	proc_run(p);
	do_collect(w, HOST_A);
	do_collect(w, HOST_B);
}

static void
P14_an_index_loses_what_a_collector_has_seen(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put two = { .name = "g", .word = { "ab" } };
	struct gather g = { .repack = true, .fold = true, .remove = true };
	struct look l = { .st = BLK_OK };
	struct proc *p;

	do_put(w, HOST_A, &one);
	whole(w, HOST_B, look_main, &l);
	do_drop(w, HOST_A, &one.vid);
	p = begin(w, HOST_A, gather_main, &g);
	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	do_put(w, HOST_A, &two);
	fall_back(w);
	proc_run(p);
	do_fold_away(w, HOST_A);
	do_collect(w, HOST_B);
}

static void
P14_nothing_is_published_on_what_an_index_lost(struct world *w)
{
	struct put one = { .name = "f", .word = { "ab" }, .in_commit = true };
	struct put two = { .name = "f", .word = { "ba" }, .in_commit = true };
	struct look l = { .st = BLK_OK };
	struct proc *p;

	whole(w, HOST_B, look_main, &l);
	do_put(w, HOST_A, &one);
	p = begin(w, HOST_A, put_main, &two);
	until_op(p, POINT_BEFORE, BACKEND_OP_PUT, "log/");
	fall_back(w);
	proc_run(p);
	expect(w, two.st == BLK_OK && two.outcome.number == head_of(w),
	    "it stands on the head");
}

#define CASE(name, rule)                                                       \
	{                                                                      \
#name, name, rule                                              \
	}

const struct test_case cases_first[] = {
	CASE(P1_equal_bytes_never_make_an_equal_segment, 0),
	CASE(P2_an_orphan_goes_by_a_commit_that_its_writer_meets, 0),
	CASE(P2_a_writer_stores_again_what_was_collected, 0),
	CASE(P3_a_frozen_writer_behind_a_fold_is_told_so, R3),
	CASE(P3_an_index_behind_a_fold_is_brought_on, R3),
	CASE(P4_an_index_ahead_of_the_log_is_noticed, 0),
	CASE(P5_nothing_stands_on_a_commit_that_may_go, 0),
	CASE(P5_a_put_without_a_commit_makes_durable_what_it_found, 0),
	CASE(P6_a_published_commit_is_never_taken_back, 0),
	CASE(P7_a_scan_cache_names_a_tree_that_is_gone, 0),
	CASE(P7_a_tree_goes_between_its_meeting_and_the_commit, R4),
	CASE(P7_what_is_condemned_and_still_there_is_rescued, R4),
	CASE(P8_a_list_that_is_there_need_not_be_complete, 0),
	CASE(P8_an_uncounted_list_is_not_named_again, R5),
	CASE(P9_a_collector_that_lost_a_race_is_judged_again, R4),
	CASE(P9_also_where_it_is_a_list, R4),
	CASE(P10_a_hit_counts_when_the_table_holds_it, R6),
	CASE(P10_a_missing_row_is_taken_for_live, R6),
	CASE(P10_a_collector_compares_what_lives_with_its_sum, R6),
	CASE(P11_a_catalog_may_be_made_again_at_any_time, 0),
	CASE(P12_an_answer_is_lost_and_it_was_ours, 0),
	CASE(P12_an_answer_is_lost_and_another_was_first, 0),
	CASE(P12_a_commit_arrives_late, 0),
	CASE(P13_the_same_list_wins_for_all, 0),
	CASE(P14_an_index_loses_what_a_writer_has_seen, R4),
	CASE(P14_an_index_loses_what_a_collector_has_seen, R3),
	CASE(P14_nothing_is_published_on_what_an_index_lost, 0),
	{ NULL, NULL, 0 },
};

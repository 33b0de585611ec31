/*
 * Collections of small stores.
 */
#include "reader-store.h"

#include "collect.h"
#include "refs.h"

#define OK(call) assert_int_equal(call, BLK_OK)

static const struct collect_options harsh = { .max_unused = 0 };

static struct digest
put(struct shop *p, const char *name, char fill, size_t len)
{
	char *data = malloc(len + 1);
	struct digest id;

	assert_non_null(data);
	memset(data, fill, len);
	id = shop_add(p, KIND_DATA, data, len);
	free(data);
	shop_finish(p, name, CLASS_CONTENT, &id);
	return id;
}

static void
drop(struct shop *p, const char *name)
{
	struct catalog *c = store_catalog(p->s);
	struct digest vid;
	uint64_t number;

	OK(c->type->name_get(c, name, &number, &vid, &p->why));
	shop_drop(p, &vid);
	shop_commit(p);
}

static struct collect_report
run(struct shop *p, const struct collect_options *o)
{
	struct collect_report r;

	if (collect_run(p->s, o, &r, &p->why) != BLK_OK)
		fail_msg("%s", p->why.text);
	return r;
}

static bool
is_there(struct shop *p, const struct digest *id)
{
	struct buf b = BUF_INIT(1 << 20);
	enum blk_status st = reader_slurp(p->s, id, &b, &p->why);

	buf_release(&b);
	assert_true(st == BLK_OK || st == BLK_ABSENT);
	return st == BLK_OK;
}

static enum blk_status
count_blob(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	(void)key;
	(void)bs;
	(void)why;
	++*(size_t *)arg;
	return BLK_OK;
}

static size_t
blobs(struct shop *p, const char *prefix)
{
	bool complete;
	size_t n = 0;

	OK(backend_list(
	    store_backend(p->s), prefix, count_blob, &n, &complete, &p->why));
	return n;
}

static void
what_was_dropped_goes_and_the_rest_stays(void **state)
{
	struct collect_report r;
	struct digest a, b;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	a = put(&p, "a", 'a', 20000);
	b = put(&p, "b", 'b', 30000);
	drop(&p, "a");
	r = run(&p, &harsh);
	assert_true(r.condemned >= 1);
	assert_true(r.removed >= 1);
	assert_false(r.unfinished);
	assert_false(is_there(&p, &a));
	assert_true(is_there(&p, &b));
	assert_int_equal(blobs(&p, "segments/"), 1);
	shop_close(&p);
}

static void
a_second_run_finds_nothing(void **state)
{
	struct collect_report r;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	put(&p, "a", 'a', 20000);
	put(&p, "b", 'b', 20000);
	drop(&p, "a");
	run(&p, &harsh);
	r = run(&p, &harsh);
	assert_int_equal(r.condemned + r.removed + r.copied_bytes, 0);
	shop_close(&p);
}

static void
put_drop_collect_put_collect_is_still_there(void **state)
{
	struct digest id;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	for (int i = 0; i < 3; i++) {
		id = put(&p, "a", 'a', 20000);
		run(&p, &harsh);
		assert_true(is_there(&p, &id));
		drop(&p, "a");
		run(&p, &harsh);
		assert_false(is_there(&p, &id));
	}
	id = put(&p, "a", 'a', 20000);
	run(&p, &harsh);
	run(&p, &harsh);
	assert_true(is_there(&p, &id));
	shop_close(&p);
}

static void
a_dry_run_changes_nothing(void **state)
{
	const struct collect_options o = { .dry_run = true };
	struct collect_report r;
	struct catalog_head before, after;
	struct catalog *c;
	size_t files;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	put(&p, "a", 'a', 20000);
	drop(&p, "a");
	c = store_catalog(p.s);
	files = blobs(&p, "");
	OK(c->type->head_get(c, &before, &p.why));
	r = run(&p, &o);
	assert_true(r.condemned >= 1);
	OK(c->type->head_get(c, &after, &p.why));
	assert_int_equal(after.number, before.number);
	assert_int_equal(blobs(&p, ""), files);
	shop_close(&p);
}

static void
expired_versions_go(void **state)
{
	struct collect_report r;
	struct digest id;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	id = shop_add(&p, KIND_DATA, "secret", 6);
	shop_name(&p, "a", CLASS_CONTENT, &id, p.now + 1000);
	shop_publish(&p);
	shop_commit(&p);
	assert_int_equal(run(&p, &harsh).expired, 0);
	p.now += 2000;
	r = run(&p, &harsh);
	assert_int_equal(r.expired, 1);
	assert_false(is_there(&p, &id));
	shop_close(&p);
}

static void
a_clock_that_is_far_off_expires_nothing_unless_forced(void **state)
{
	const int64_t day = INT64_C(86400) * 1000000000;
	const int64_t off[] = { 366 * day, -2 * day };
	struct collect_options o = harsh;
	struct collect_report r;
	struct digest id;
	struct shop p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		shop_open(&p, "mem:collect");
		id = shop_add(&p, KIND_DATA, "secret", 6);
		shop_name(&p, "a", CLASS_CONTENT, &id, p.now - 3 * day);
		shop_publish(&p);
		shop_commit(&p);
		p.now += off[i];
		o.force_clock = false;
		r = run(&p, &o);
		assert_int_equal(r.expired, 0);
		assert_true(r.clock_refused);
		o.force_clock = true;
		r = run(&p, &o);
		assert_int_equal(r.expired, 1);
		assert_false(r.clock_refused);
		shop_close(&p);
	}
}

/* Added by a commit that says nothing else: a long run's early work. */
static void
young_segments_without_references_are_spared(void **state)
{
	struct collect_options o = { .keep_unreferenced = 3600 };
	struct digest id;
	char data[20000];
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	memset(data, 'x', sizeof(data));
	id = shop_add(&p, KIND_DATA, data, sizeof(data));
	shop_publish(&p);
	shop_commit(&p);
	put(&p, "a", 'a', 20000);
	drop(&p, "a"); /* was referred to: not spared */
	assert_int_equal(run(&p, &o).condemned, 2);
	assert_int_equal(blobs(&p, "segments/"), 1);
	p.now += INT64_C(3601) * 1000000000;
	assert_int_equal(run(&p, &o).condemned, 1);
	assert_int_equal(blobs(&p, "segments/"), 0);
	(void)id;
	shop_close(&p);
}

static bool
stop_at_once(void *arg, enum collect_phase phase, uint64_t done, uint64_t all)
{
	unsigned *seen = arg;

	(void)all;
	*seen |= 1u << phase;
	return phase == COLLECT_REPACK && done > 0;
}

static void
progress_is_told_and_may_end_a_run(void **state)
{
	unsigned seen = 0;
	struct collect_options o = { .progress = stop_at_once, .arg = &seen };
	struct digest keep;
	struct collect_report r;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	keep = put(&p, "keep", 'k', 20000);
	for (char f = 'a'; f < 'e'; f++)
		put(&p, "n", f, 20000);
	for (int i = 0; i < 4; i++) {
		struct catalog_version v;

		OK(ref_newest(store_catalog(p.s), "n", p.now, &v, &p.why));
		shop_drop(&p, &v.vid);
		shop_commit(&p);
		version_release(&v.v);
	}
	r = run(&p, &o);
	assert_true(r.unfinished);
	assert_int_equal(r.condemned, 1);
	assert_true((seen & 1u << COLLECT_REPACK) != 0);
	o.progress = NULL;
	r = run(&p, &o);
	assert_false(r.unfinished);
	assert_true(is_there(&p, &keep));
	shop_close(&p);
}

static void
growth_is_told_by_day_and_survives_folding(void **state)
{
	const int64_t day = INT64_C(86400) * 1000000000;
	struct collect_day *before, *after;
	size_t n, m;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	put(&p, "a", 'a', 20000);
	put(&p, "b", 'b', 20000);
	p.now += day;
	put(&p, "a", 'c', 20000);
	drop(&p, "b");
	OK(collect_growth(p.s, &before, &n, &p.why));
	assert_int_equal(n, 2);
	assert_int_equal(before[0].versions, 2);
	assert_int_equal(before[1].versions, 1);
	assert_int_equal(before[1].day, before[0].day + 1);
	assert_true(before[0].bytes > 0);
	run(&p, &harsh);
	run(&p, &harsh);
	OK(collect_growth(p.s, &after, &m, &p.why));
	assert_int_equal(m, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(after[i].day, before[i].day);
		assert_int_equal(after[i].bytes, before[i].bytes);
		assert_int_equal(after[i].versions, before[i].versions);
	}
	free(before);
	free(after);
	shop_close(&p);
}

static void
days_have_names(void **state)
{
	static const struct {
		int64_t day;
		const char *text;
	} known[] = {
		{ 0, "1970-01-01" },
		{ -1, "1969-12-31" },
		{ 20778, "2026-11-21" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[COLLECT_DAY_TEXT];

		collect_day_text(known[i].day, text);
		assert_string_equal(text, known[i].text);
	}
}

static void
past_collections_are_told_the_last_one_first(void **state)
{
	struct collect_past past;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:collect");
	OK(collect_history(p.s, &past, &p.why));
	assert_int_equal(past.count, 0);
	for (int i = 0; i < COLLECT_PAST + 2; i++) {
		put(&p, "a", (char)('a' + i), 20000);
		drop(&p, "a");
		p.now += 1000000000;
		run(&p, &harsh);
	}
	OK(collect_history(p.s, &past, &p.why));
	assert_int_equal(past.count, COLLECT_PAST);
	assert_int_equal(past.item[0].time, p.now);
	assert_int_equal(past.item[1].time, p.now - 1000000000);
	assert_true(past.item[0].report.condemned >= 1);
	shop_close(&p);
}

static void
statistics_that_are_garbled_are_passed_over(void **state)
{
	static const char *const line[] = { "collect time=x ms=", "collect",
		"grown day=yesterday to=7",
		"grown day=2026-11-21 to=99999999999999999999999 bytes=-1",
		"grown", "unheard of" };
	struct collect_past past;
	struct collect_day *day;
	struct catalog *c;
	struct shop p;
	size_t n;

	(void)state;
	shop_open(&p, "mem:collect");
	c = store_catalog(p.s);
	OK(c->type->begin(c, &p.why));
	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		OK(c->type->stat_add(c, 0, line[i], &p.why));
	OK(c->type->commit(c, &p.why));
	OK(collect_growth(p.s, &day, &n, &p.why));
	assert_int_equal(n, 1);
	assert_int_equal(day[0].bytes, 0);
	free(day);
	OK(collect_history(p.s, &past, &p.why));
	assert_int_equal(past.count, 1);
	assert_int_equal(past.item[0].time, 0);
	shop_close(&p);
}

/* --- frames of which hardly anything is dead --- */

static const struct collect_options lenient = { .max_unused = 4 };

static void
fill_with(char *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		data[i] = (char)(seed >> 56);
	}
}

/* The id of 1000 bytes, of which others stand beside what lives, in a segment
 * of which half is dead: named x. */
static struct digest
put_little(struct shop *p, const char *little, size_t len, bool damaged)
{
	static char much[60000];
	struct digest id, kept, gone;
	char other[1000] = { 0 };

	fill_with(much, sizeof(much), 1);
	kept = shop_add(p, KIND_DATA, much, sizeof(much));
	OK(hasher_of(p->hash, little, len, &id, &p->why));
	shop_add_as(p, &id, KIND_DATA, damaged ? other : little, len);
	shop_end_frame(p);
	fill_with(much, sizeof(much), 2);
	gone = shop_add(p, KIND_DATA, much, sizeof(much));
	shop_name(p, "kept", CLASS_CONTENT, &kept, 0);
	shop_name(p, "gone", CLASS_CONTENT, &gone, 0);
	shop_finish(p, "x", CLASS_CONTENT, &id);
	drop(p, "gone");
	return id;
}

static void
what_was_put_to_heal_stays_what_is_read(void **state)
{
	struct digest id, again;
	char little[1000];
	struct shop p;

	(void)state;
	fill_with(little, sizeof(little), 3);
	shop_open(&p, "mem:heal");
	id = put_little(&p, little, sizeof(little), true);
	again = shop_add(&p, KIND_DATA, little, sizeof(little));
	assert_true(digest_equal(&again, &id));
	shop_finish(&p, "y", CLASS_CONTENT, &id);
	run(&p, &lenient);
	run(&p, &harsh);
	assert_true(is_there(&p, &id));
	shop_close(&p);
}

static void
what_is_dead_and_noted_damaged_is_not_used_again(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	char little[1000];
	bool reusable;
	struct digest id;
	struct shop p;

	(void)state;
	fill_with(little, sizeof(little), 3);
	for (int damaged = 0; damaged < 2; damaged++) {
		shop_open(&p, "mem:noted");
		id = put_little(&p, little, sizeof(little), damaged);
		assert_int_equal(reader_slurp(p.s, &id, &b, &p.why),
		    damaged ? BLK_CORRUPT : BLK_OK);
		b.len = 0;
		drop(&p, "x");
		run(&p, &lenient);
		OK(state_reusable(
		    store_catalog(p.s), &id, CLASS_DATA, &reusable, &p.why));
		assert_int_equal(reusable, !damaged);
		shop_close(&p);
	}
	buf_release(&b);
}

static void
what_lives_and_is_noted_damaged_stays_where_it_is(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	char little[1000];
	bool reusable;
	struct digest id;
	struct shop p;

	(void)state;
	fill_with(little, sizeof(little), 3);
	shop_open(&p, "mem:lives");
	id = put_little(&p, little, sizeof(little), true);
	assert_int_equal(reader_slurp(p.s, &id, &b, &p.why), BLK_CORRUPT);
	run(&p, &harsh);
	OK(state_reusable(
	    store_catalog(p.s), &id, CLASS_DATA, &reusable, &p.why));
	assert_false(reusable);
	buf_release(&b);
	shop_close(&p);
}

static void
no_more_is_copied_than_was_said(void **state)
{
	const struct collect_options bounded = { .max_unused = 4,
		.max_repack = 60500 };
	struct collect_report r;
	char little[1000];
	struct shop p;

	(void)state;
	fill_with(little, sizeof(little), 3);
	shop_open(&p, "mem:bounded");
	put_little(&p, little, sizeof(little), false);
	drop(&p, "x");
	r = run(&p, &bounded);
	assert_in_range(r.copied_bytes, 60000, 60500);
	shop_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_dropped_goes_and_the_rest_stays),
		cmocka_unit_test(a_second_run_finds_nothing),
		cmocka_unit_test(put_drop_collect_put_collect_is_still_there),
		cmocka_unit_test(a_dry_run_changes_nothing),
		cmocka_unit_test(expired_versions_go),
		cmocka_unit_test(
		    a_clock_that_is_far_off_expires_nothing_unless_forced),
		cmocka_unit_test(young_segments_without_references_are_spared),
		cmocka_unit_test(progress_is_told_and_may_end_a_run),
		cmocka_unit_test(growth_is_told_by_day_and_survives_folding),
		cmocka_unit_test(days_have_names),
		cmocka_unit_test(past_collections_are_told_the_last_one_first),
		cmocka_unit_test(statistics_that_are_garbled_are_passed_over),
		cmocka_unit_test(what_was_put_to_heal_stays_what_is_read),
		cmocka_unit_test(
		    what_is_dead_and_noted_damaged_is_not_used_again),
		cmocka_unit_test(
		    what_lives_and_is_noted_damaged_stays_where_it_is),
		cmocka_unit_test(no_more_is_copied_than_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

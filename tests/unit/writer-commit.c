/*
 * Early commits; reading back what is not committed; giving up; what happens
 * when things go wrong.
 */
#include "writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "writer-bench.h"

#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)

/* --- early commits --- */

/* Memory so small that a few hundred chunks call for an early commit. */
static const struct writer_options tight = { .lanes = 1,
	.max_memory = (uint64_t)1 << 20 };

static void
published_data_is_committed_early(void **state)
{
	struct bench b;
	size_t len = 40 * MI;
	uint8_t *data = some_noise(len, 20);
	size_t before;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:early", &tight);
	id = put_by(b.l, data, len, MI);
	before = blobs(&b, "log/");
	assert_true(before > 2);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, len);
	free(data);
	bench_close(&b);
}

static void
a_run_that_was_given_up_is_found_by_the_next(void **state)
{
	struct bench b;
	size_t len = 40 * MI;
	uint8_t *data = some_noise(len, 21);
	uint64_t all;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:killed", &tight);
	put_by(b.l, data, len, MI);
	all = totals(&b).new_bytes;
	OK(&b, writer_abort(b.w, &b.why));
	bench_again(&b, NULL);
	id = put_by(b.l, data, len, MI);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	assert_true(totals(&b).new_bytes < all / 2);
	holds_content(&b, &id, data, len);
	free(data);
	bench_close(&b);
}

static void
what_was_committed_early_is_found_in_the_same_run(void **state)
{
	struct bench b;
	size_t len = 40 * MI;
	uint8_t *data = some_noise(len, 22);
	uint64_t all;
	struct digest id;

	(void)state;
	bench_open(&b, "mem:samerun", &tight);
	put_by(b.l, data, len, MI);
	all = totals(&b).new_bytes;
	id = put_by(b.l, data + MI, len - MI, MI);
	assert_true(totals(&b).new_bytes - all < 300 * KI);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data + MI, len - MI);
	free(data);
	bench_close(&b);
}

/* Condemn a live segment that is no commit file, as a collector would. */
static enum blk_status
condemn_one(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct commit_verb v = { .verb = VERB_CONDEMN,
		.reason = REASON_COLLECTED };
	struct catalog_segment seg;
	enum blk_status st;

	(void)arg;
	for (uint64_t after = 0;; after = seg.seq) {
		st = c->type->segment_next(c, after, &seg, why);
		if (st != BLK_OK)
			return st;
		if (!seg.in_log && seg.condemned == 0)
			break;
	}
	v.id = seg.id;
	return commit_add(k, &v, why);
}

/* R4: what was committed early, and collected, is rescued or missed. */
static void
what_was_committed_early_and_then_collected_is_not_lost(void **state)
{
	const struct store_draft condemning = { .decide = condemn_one,
		.collector = true };
	struct bench b;
	size_t len = 40 * MI;
	uint8_t *data = some_noise(len, 23);
	struct digest id;

	(void)state;
	bench_open(&b, "mem:collected", &tight);
	id = put_by(b.l, data, len, MI);
	OK(&b, store_commit(b.s, &condemning, &b.out, &b.why));
	assert_true(b.out.number > 0);
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, len); /* in live segments */
	free(data);
	bench_close(&b);
}

/* --- reading back --- */

static void
peeks(struct bench *b, const struct digest *id, const void *data, size_t len)
{
	struct buf is = BUF_INIT(64 * MI);

	OK(b, writer_peek(b->w, id, CLASS_CONTENT, &is, &b->why));
	assert_int_equal(is.len, len);
	if (len > 0)
		assert_memory_equal(is.data, data, len);
	buf_release(&is);
}

static void
own_writes_are_read_back_before_they_are_committed(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(6 * MI, 30);
	struct buf none = BUF_INIT(MI);
	struct digest empty, small, list, large, there;

	(void)state;
	bench_open(&b, "mem:peek", NULL);
	there = store(&b, "there", data + 5 * MI, MI);
	empty = put(&b, "", 0);
	small = put(&b, data, 100);
	list = put(&b, data, 100 * KI);
	large = put(&b, data, 6 * MI); /* published in part, found in part */
	peeks(&b, &empty, "", 0);
	peeks(&b, &small, data, 100);
	peeks(&b, &list, data, 100 * KI);
	peeks(&b, &large, data, 6 * MI);
	assert_int_equal(
	    writer_peek(b.w, &there, CLASS_CONTENT, &none, &b.why), BLK_ABSENT);
	assert_int_equal(
	    writer_peek(b.w, &small, CLASS_TREE, &none, &b.why), BLK_ABSENT);
	commit(&b);
	assert_int_equal(
	    writer_peek(b.w, &list, CLASS_CONTENT, &none, &b.why), BLK_ABSENT);
	peeks(&b, &small, data, 100); /* data of the store */
	buf_release(&none);
	free(data);
	bench_close(&b);
}

/* --- giving up --- */

static void
an_aborted_writer_has_written_nothing_and_goes_on(void **state)
{
	const struct writer_options o = { .lanes = 2 };
	struct bench b;
	uint8_t *data = some_noise(12 * MI, 40);
	struct buf none = BUF_INIT(MI);
	struct digest lost, kept;

	(void)state;
	bench_open(&b, "mem:abort", &o);
	lost = put(&b, data, 12 * MI);
	put(&b, data, 100);
	OK(&b, lane_begin(writer_lane(b.w, 1), &b.why));
	OK(&b, lane_add(writer_lane(b.w, 1), data, 5 * MI, &b.why));
	OK(&b, writer_abort(b.w, &b.why));
	assert_int_equal(
	    writer_peek(b.w, &lost, CLASS_CONTENT, &none, &b.why), BLK_ABSENT);
	kept = store(&b, "kept", data + 50, 2 * MI);
	assert_int_equal(b.out.number, 1);
	holds_content(&b, &kept, data + 50, 2 * MI);
	assert_false(is_counted(&b, &lost, CLASS_CONTENT));
	bench_close(&b);
	free(data);
}

static enum blk_status
first_segment(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	(void)st;
	(void)why;
	assert_true(segment_key_id(key, arg));
	return BLK_OK;
}

static void
what_was_given_up_is_in_no_later_commit(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(3 * MI, 42);
	struct store_draft d = { .segments = 1 };
	struct digest id;
	bool complete;

	(void)state;
	bench_open(&b, "mem:givenup", NULL);
	put(&b, data, 3 * MI);
	OK(&b, writer_abort(b.w, &b.why));
	OK(&b,
	    backend_list(store_backend(b.s), "segments/", first_segment, &id,
	        &complete, &b.why));
	d.segment = &id;
	assert_int_equal(store_commit(b.s, &d, &b.out, &b.why), BLK_FAILED);
	free(data);
	bench_close(&b);
}

static void
a_commit_that_is_refused_may_be_tried_again(void **state)
{
	struct bench b;
	uint8_t *data = some_noise(3 * MI, 41);
	struct digest id, none = { { 9 } };

	(void)state;
	bench_open(&b, "mem:retry", NULL);
	id = put(&b, data, 3 * MI);
	name(&b, "bad name:", CLASS_CONTENT, &none);
	assert_int_not_equal(try_commit(&b), BLK_OK);
	version_release(&b.version[0]);
	b.versions = 0;
	name(&b, "it", CLASS_CONTENT, &id);
	commit(&b);
	holds_content(&b, &id, data, 3 * MI);
	free(data);
	bench_close(&b);
}

static void
an_empty_commit_says_nothing(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "mem:nothing", NULL);
	commit(&b);
	assert_int_equal(b.out.number, 0);
	assert_int_equal(blobs(&b, "log/"), 1);
	bench_close(&b);
}

/* --- failing --- */

struct breaker {
	int puts; /* that still succeed */
};

static enum blk_status
no_more(void *arg, enum backend_op op, const char *key, bool before,
    struct fault *why)
{
	struct breaker *k = arg;

	(void)key;
	if (op != BACKEND_OP_PUT || !before)
		return BLK_OK;
	if (__atomic_fetch_sub(&k->puts, 1, __ATOMIC_RELAXED) > 0)
		return BLK_OK;
	errno = ENOSPC;
	return fault_sys(why, "put");
}

static void
the_first_failure_ends_the_run_in_all_lanes(void **state)
{
	const struct writer_options o = { .lanes = 3 };
	struct breaker k = { .puts = 2 };
	struct bench b;
	uint8_t *data = some_noise(30 * MI, 50);
	enum blk_status st;
	struct digest id;
	uint64_t size;

	(void)state;
	bench_open(&b, "mem:broken", &o);
	store_backend(b.s)->probe = (struct backend_probe){ no_more, &k };
	OK(&b, lane_begin(b.l, &b.why));
	st = lane_add(b.l, data, 30 * MI, &b.why);
	if (st == BLK_OK)
		st = lane_end(b.l, &id, &size, &b.why);
	assert_int_equal(st, BLK_FAILED);
	assert_int_equal(b.why.sys, ENOSPC);
	b.why = (struct fault)FAULT_NONE;
	assert_int_equal(
	    lane_put(writer_lane(b.w, 2), "x", 1, &id, &b.why), BLK_FAILED);
	assert_int_equal(b.why.sys, ENOSPC);
	assert_int_equal(try_commit(&b), BLK_FAILED);
	assert_int_equal(blobs(&b, "log/"), 1);
	/* Space was made. */
	k.puts = 1000;
	OK(&b, writer_abort(b.w, &b.why));
	id = store(&b, "it", data, 2 * MI);
	holds_content(&b, &id, data, 2 * MI);
	free(data);
	bench_close(&b);
}

struct others {
	pthread_t self;
	atomic_int refused;
};

static enum blk_status
only_mine(void *arg, enum backend_op op, const char *key, bool before,
    struct fault *why)
{
	struct others *o = arg;

	(void)key;
	if (op != BACKEND_OP_PUT || !before ||
	    pthread_equal(pthread_self(), o->self))
		return BLK_OK;
	atomic_fetch_add(&o->refused, 1);
	errno = EIO;
	return fault_sys(why, "put");
}

static void
the_failure_of_a_helper_is_not_lost(void **state)
{
	const struct writer_options o = { .lanes = 3 };
	size_t len = 40 * MI;
	uint8_t *data = some_noise(len, 52);
	struct others others = { .self = pthread_self() };

	(void)state;
	/* Until it comes to pass that a helper is given enough to do. */
	for (int i = 0; i < 50 && others.refused == 0; i++) {
		struct bench b;
		struct digest id;
		uint64_t size;
		enum blk_status st;

		bench_open(&b, "mem:helper", &o);
		store_backend(b.s)->probe =
		    (struct backend_probe){ only_mine, &others };
		OK(&b, lane_begin(b.l, &b.why));
		st = lane_add(b.l, data, len, &b.why);
		if (st == BLK_OK)
			st = lane_end(b.l, &id, &size, &b.why);
		assert_int_equal(st, others.refused > 0 ? BLK_FAILED : BLK_OK);
		bench_close(&b);
	}
	assert_true(others.refused > 0);
	free(data);
}

static void
a_failure_at_any_put_loses_nothing_that_was_committed(void **state)
{
	uint8_t *data = some_noise(4 * MI, 51);
	bool failed = true;

	(void)state;
	for (int n = 0; failed; n++) {
		struct breaker k = { .puts = n };
		struct bench b;
		struct digest id;

		bench_open(&b, "mem:anyput", NULL);
		id = store(&b, "before", data, 70 * KI);
		store_backend(b.s)->probe =
		    (struct backend_probe){ no_more, &k };
		failed = lane_put(b.l, data, 4 * MI, &id, &b.why) != BLK_OK;
		name(&b, "it", CLASS_CONTENT, &id);
		if (!failed)
			failed = try_commit(&b) != BLK_OK;
		OK(&b, digest_of(data, 70 * KI, &id, &b.why));
		holds_content(&b, &id, data, 70 * KI);
		OK(&b, digest_of(data, 4 * MI, &id, &b.why));
		if (failed)
			assert_false(is_counted(&b, &id, CLASS_CONTENT));
		else
			holds_content(&b, &id, data, 4 * MI);
		bench_close(&b);
	}
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_data_is_committed_early),
		cmocka_unit_test(a_run_that_was_given_up_is_found_by_the_next),
		cmocka_unit_test(
		    what_was_committed_early_is_found_in_the_same_run),
		cmocka_unit_test(
		    own_writes_are_read_back_before_they_are_committed),
		cmocka_unit_test(
		    an_aborted_writer_has_written_nothing_and_goes_on),
		cmocka_unit_test(a_commit_that_is_refused_may_be_tried_again),
		cmocka_unit_test(an_empty_commit_says_nothing),
		cmocka_unit_test(the_failure_of_a_helper_is_not_lost),
		cmocka_unit_test(what_was_given_up_is_in_no_later_commit),
		cmocka_unit_test(
		    what_was_committed_early_and_then_collected_is_not_lost),
		cmocka_unit_test(the_first_failure_ends_the_run_in_all_lanes),
		cmocka_unit_test(
		    a_failure_at_any_put_loses_nothing_that_was_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

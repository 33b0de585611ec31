/*
 * store.c - what sessions and transactions promise, asked of every engine.
 *
 * A new engine is one line in engines.h.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "collect.h"
#include "engines.h"
#include "reader.h"
#include "tmpdir.h"
#include "writer-bench.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define KI ((size_t)1 << 10)
#define MI ((size_t)1 << 20)

/* Two sessions of one store, each with a catalog of its own. */
static struct bench a, b;
static char root[TMPDIR_MAX], url[128];

/* So little memory that data is published as it comes. */
static const struct writer_options tight = { .lanes = 1, .max_memory = MI };

static int
fresh(void **state)
{
	const struct engine *e = *state;
	static unsigned made;

	if (tmpdir_make(root) != 0)
		return -1;
	if (e->on_disk)
		snprintf(url, sizeof(url), "%s:%s/store", e->scheme, root);
	else
		snprintf(url, sizeof(url), "%s:store%u", e->scheme, made++);
	bench_open(&a, url, NULL);
	bench_open(&b, url, NULL);
	return 0;
}

static int
gone(void **state)
{
	(void)state;
	bench_close(&a);
	bench_close(&b);
	return tmpdir_remove(root);
}

/* --- looking --- */

/* What a user of this session gets for an id. */
static enum blk_status
get(struct bench *n, const struct digest *id, struct buf *bytes)
{
	struct fault why = FAULT_NONE;

	bytes->len = 0;
	return reader_slurp(n->s, id, bytes, &why);
}

static void
gets(struct bench *n, const struct digest *id, const void *data, size_t len)
{
	struct buf bytes = BUF_INIT(64 * MI);

	assert_int_equal(get(n, id, &bytes), BLK_OK);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.data, data, len);
	buf_release(&bytes);
}

static void
gets_nothing(struct bench *n, const struct digest *id)
{
	struct buf bytes = BUF_INIT(64 * MI);

	assert_int_equal(get(n, id, &bytes), BLK_ABSENT);
	buf_release(&bytes);
}

/* The last number that a name had; 0: none. */
static uint64_t
number_of(struct bench *n, const char *called)
{
	struct catalog *c = store_catalog(n->s);
	struct digest vid;
	uint64_t number = 0;
	enum blk_status st;

	st = c->type->name_get(c, called, &number, &vid, &n->why);
	assert_true(st == BLK_OK || st == BLK_ABSENT);
	return st == BLK_OK ? number : 0;
}

static void
sync_up(struct bench *n)
{
	OK(n, store_sync(n->s, &n->why));
}

/* --- own writes --- */

static void
a_session_sees_what_it_wrote_before_it_commits(void **state)
{
	uint8_t *large = some_noise(3 * MI, 1);
	struct buf is = BUF_INIT(64 * MI);
	struct digest small, big;

	(void)state;
	bench_again(&a, &tight);
	small = put(&a, "small", 5);
	big = put_by(a.l, large, 3 * MI, 64 * KI);
	OK(&a, writer_peek(a.w, &small, CLASS_CONTENT, &is, &a.why));
	assert_int_equal(is.len, 5);
	assert_memory_equal(is.data, "small", 5);
	is.len = 0;
	OK(&a, writer_peek(a.w, &big, CLASS_CONTENT, &is, &a.why));
	assert_int_equal(is.len, 3 * MI);
	assert_memory_equal(is.data, large, 3 * MI);
	buf_release(&is);
	free(large);
}

/* --- others' writes --- */

static void
nobody_else_sees_it_before(void **state)
{
	uint8_t *large = some_noise(20 * MI, 2);
	struct digest small, big;

	(void)state;
	bench_again(&a, &tight);
	small = put(&a, "small", 5);
	/* Some of it is published, and committed without a reference. */
	big = put_by(a.l, large, 20 * MI, 64 * KI);
	assert_true(blobs(&a, "segments/") > 0);
	name(&a, "small", CLASS_CONTENT, &small);
	name(&a, "big", CLASS_CONTENT, &big);
	sync_up(&b);
	gets_nothing(&b, &small);
	gets_nothing(&b, &big);
	assert_int_equal(number_of(&b, "small"), 0);
	free(large);
}

static void
everybody_sees_all_of_it_afterwards(void **state)
{
	uint8_t *large = some_noise(20 * MI, 3);
	struct digest small, big;

	(void)state;
	bench_again(&a, &tight);
	small = put(&a, "small", 5);
	big = put_by(a.l, large, 20 * MI, 64 * KI);
	name(&a, "small", CLASS_CONTENT, &small);
	name(&a, "big", CLASS_CONTENT, &big);
	commit(&a);
	gets(&a, &small, "small", 5);
	sync_up(&b);
	gets(&b, &small, "small", 5);
	gets(&b, &big, large, 20 * MI);
	assert_int_equal(number_of(&b, "small"), 1);
	assert_int_equal(number_of(&b, "big"), 1);
	free(large);
}

static void
an_author_reads_nothing_of_its_commit(void **state)
{
	const struct backend *e = store_backend(a.s);
	struct digest by_author, by_reader;
	uint64_t gets;

	(void)state;
	store(&a, "f", "x", 1);
	gets = e->operations[BACKEND_OP_GET];
	store(&a, "f", "y", 1);
	/* How the commit before it ends. */
	assert_int_equal(e->operations[BACKEND_OP_GET] - gets, 1);
	sync_up(&b);
	OK(&a, checkpoint_digest(store_catalog(a.s), &by_author, &a.why));
	OK(&b, checkpoint_digest(store_catalog(b.s), &by_reader, &b.why));
	assert_true(digest_equal(&by_author, &by_reader));
	assert_int_equal(number_of(&a, "f"), 2);
	assert_int_equal(number_of(&b, "f"), 2);
}

static void
a_session_stays_where_it_is_until_it_syncs(void **state)
{
	struct digest id;

	(void)state;
	id = store(&a, "f", "one", 3);
	assert_int_equal(number_of(&b, "f"), 0);
	sync_up(&b);
	assert_int_equal(number_of(&b, "f"), 1);
	gets(&b, &id, "one", 3);
}

/* --- abort --- */

static void
nothing_is_left(size_t commits)
{
	const struct collect_options o = { .max_unused = 0 };
	struct collect_report r;
	struct digest id = put(&b, "small", 5);

	OK(&b, writer_abort(b.w, &b.why));
	sync_up(&b);
	gets_nothing(&b, &id);
	assert_int_equal(number_of(&b, "f"), 0);
	assert_int_equal(blobs(&b, "log/"), commits);
	OK(&b, collect_run(b.s, &o, &r, &b.why));
	OK(&b, collect_run(b.s, &o, &r, &b.why));
	assert_int_equal(blobs(&b, "segments/"), 0);
}

static void
what_is_given_up_leaves_nothing(void **state)
{
	uint8_t *large = some_noise(3 * MI, 4);
	struct digest id;

	(void)state;
	id = put(&a, "small", 5);
	put_by(a.l, large, 3 * MI, 64 * KI);
	name(&a, "f", CLASS_CONTENT, &id);
	OK(&a, writer_abort(a.w, &a.why));
	bench_close(&a);
	nothing_is_left(1);
	bench_open(&a, url, NULL);
	free(large);
}

static void
a_session_that_ends_without_a_commit_leaves_nothing(void **state)
{
	uint8_t *large = some_noise(3 * MI, 5);
	struct digest id;

	(void)state;
	id = put(&a, "small", 5);
	put_by(a.l, large, 3 * MI, 64 * KI);
	name(&a, "f", CLASS_CONTENT, &id);
	bench_close(&a);
	nothing_is_left(1);
	bench_open(&a, url, NULL);
	free(large);
}

static enum blk_status
refuse(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct bench *n = arg;
	struct digest vid;
	enum blk_status st;

	st = store_add_version(s, k, &n->version[0], &vid, why);
	return st == BLK_OK ? fault(why, BLK_BUSY, "no") : st;
}

static void
a_commit_that_is_refused_leaves_nothing(void **state)
{
	struct digest id = put(&a, "small", 5);

	(void)state;
	name(&a, "f", CLASS_CONTENT, &id);
	assert_int_equal(
	    writer_commit(a.w, refuse, &a, &a.out, &a.why), BLK_BUSY);
	bench_close(&a);
	nothing_is_left(1);
	bench_open(&a, url, NULL);
}

static void
a_session_goes_on_after_it_gave_up(void **state)
{
	struct digest lost, kept;

	(void)state;
	lost = put(&a, "lost", 4);
	OK(&a, writer_abort(a.w, &a.why));
	kept = store(&a, "kept", "kept", 4);
	sync_up(&b);
	gets(&b, &kept, "kept", 4);
	gets_nothing(&b, &lost);
}

/* --- two at once --- */

static void
who_commits_second_stands_on_the_first(void **state)
{
	struct digest one = put(&a, "one", 3), two = put(&b, "two", 3);

	(void)state;
	name(&a, "f", CLASS_CONTENT, &one);
	name(&b, "f", CLASS_CONTENT, &two);
	commit(&a);
	commit(&b);
	assert_int_equal(b.out.number, a.out.number + 1);
	assert_int_equal(number_of(&b, "f"), 2);
	sync_up(&a);
	gets(&a, &one, "one", 3);
	gets(&a, &two, "two", 3);
}

static enum blk_status
drop_first(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	return store_add_drop(s, k, arg, why);
}

static struct digest
vid_of(struct bench *n, const char *called)
{
	struct catalog *c = store_catalog(n->s);
	struct digest vid;
	uint64_t number;

	OK(n, c->type->name_get(c, called, &number, &vid, &n->why));
	return vid;
}

/* B has found in the store what A drops before B commits. */
static void
what_is_found_and_dropped_meanwhile_is_not_lost(void **state)
{
	uint8_t *data = some_noise(300 * KI, 6);
	struct digest id = store(&a, "f", data, 300 * KI), vid;
	struct store_outcome out;
	const struct collect_options o = { .max_unused = 0 };
	struct collect_report r;
	struct store_draft drop = { .decide = drop_first, .arg = &vid };

	(void)state;
	sync_up(&b);
	id = put(&b, data, 300 * KI);
	name(&b, "g", CLASS_CONTENT, &id);
	vid = vid_of(&a, "f");
	OK(&a, store_commit(a.s, &drop, &out, &a.why));
	OK(&a, collect_run(a.s, &o, &r, &a.why));
	if (try_commit(&b) == BLK_OK) {
		gets(&b, &id, data, 300 * KI);
	} else { /* it says so, and a second try succeeds */
		OK(&b, writer_abort(b.w, &b.why));
		put(&b, data, 300 * KI);
		commit(&b);
	}
	OK(&a, collect_run(a.s, &o, &r, &a.why));
	sync_up(&a);
	gets(&a, &id, data, 300 * KI);
	free(data);
}

static enum blk_status
move_away(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	(void)s;
	return commit_add_text(k, VERB_REDIRECT, NULL, arg, why);
}

/* Not even by the session that moved it. */
static void
a_store_that_has_moved_takes_nothing_more(void **state)
{
	char to[] = "file:/elsewhere", nowhere[] = "";
	struct store_draft d = { .decide = move_away, .arg = to };
	struct store_outcome out;
	struct digest id;

	(void)state;
	id = put(&b, "small", 5);
	name(&b, "f", CLASS_CONTENT, &id);
	OK(&a, store_commit(a.s, &d, &out, &a.why));
	assert_int_equal(try_commit(&b), BLK_FAILED);
	assert_non_null(strstr(b.why.text, to));
	d.arg = nowhere;
	assert_int_equal(store_commit(a.s, &d, &out, &a.why), BLK_FAILED);
	sync_up(&b);
	gets_nothing(&b, &id);
}

static enum blk_status
add_again(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct catalog_segment *seg = arg;
	enum blk_status st =
	    commit_add_id(k, VERB_SEGMENT, &seg->id, seg->bytes, why);

	(void)s;
	return st == BLK_OK ? commit_add_text(k, VERB_SET, "user.x", "y", why)
	                    : st;
}

static void
a_segment_that_is_added_twice_is_refused(void **state)
{
	uint8_t *data = some_noise(MI, 8);
	struct catalog *c = store_catalog(a.s);
	struct catalog_segment seg = { .seq = 0 };
	struct store_draft d = { .decide = add_again, .arg = &seg };
	struct store_outcome out;

	(void)state;
	store(&a, "f", data, MI);
	do
		OK(&a, c->type->segment_next(c, seg.seq, &seg, &a.why));
	while (seg.in_log);
	OK(&a, store_commit(a.s, &d, &out, &a.why)); /* unheard of */
	assert_int_equal(store_sync(b.s, &b.why), BLK_CORRUPT);
	assert_non_null(strstr(b.why.text, "again"));
	free(data);
}

static enum blk_status
say_of_another_name(
    void *arg, struct store *s, struct commit *k, struct fault *why)
{
	char other[] = "other";
	const struct commit_verb v = { .verb = VERB_VERSION,
		.id = *(const struct digest *)arg,
		.number = 1,
		.name = other };

	(void)s;
	return commit_add(k, &v, why);
}

static void
a_version_that_is_said_to_be_of_another_name_is_refused(void **state)
{
	struct store_outcome out;
	struct digest vid;
	struct store_draft d = { .decide = say_of_another_name, .arg = &vid };

	(void)state;
	store(&a, "f", "small", 5);
	vid = vid_of(&a, "f");
	assert_int_equal(store_commit(a.s, &d, &out, &a.why), BLK_OK);
	assert_int_equal(store_sync(b.s, &b.why), BLK_CORRUPT);
	assert_non_null(strstr(b.why.text, "version 1 of f is said to be"));
}

/* --- sessions --- */

static void
a_session_is_known_while_it_lives(void **state)
{
	uint8_t *large = some_noise(20 * MI, 7);
	uint64_t lowest, before;
	uint8_t uuid[16];
	bool lives;

	(void)state;
	if (!store_backend(a.s)->caps.kernel_locks) {
		free(large);
		return; /* nobody can tell */
	}
	OK(&b, store_sessions(b.s, &lowest, &b.why));
	assert_true(lowest == UINT64_MAX);
	bench_again(&a, &tight);
	memcpy(uuid, store_session_id(a.s), sizeof(uuid));
	put_by(a.l, large, 20 * MI, 64 * KI);
	OK(&b, store_sessions(b.s, &before, &b.why));
	assert_true(before != UINT64_MAX);
	OK(&b, store_session_lives(b.s, uuid, &lives, &b.why));
	assert_true(lives);
	store(&a, "f", "x", 1);
	OK(&b, store_sessions(b.s, &lowest, &b.why));
	assert_int_equal(lowest, a.out.number); /* moves with each commit */
	bench_close(&a);
	OK(&b, store_sessions(b.s, &lowest, &b.why));
	assert_true(lowest == UINT64_MAX);
	OK(&b, store_session_lives(b.s, uuid, &lives, &b.why));
	assert_false(lives);
	bench_open(&a, url, NULL);
	free(large);
}

struct mover { /* gives a session's file another name, and back */
	char name[2][TMPDIR_MAX + 128];
	atomic_bool stop;
};

static void *
move_about(void *arg)
{
	struct mover *m = arg;

	for (int is = 0; !atomic_load(&m->stop); is = !is)
		if (link(m->name[is], m->name[!is]) == -1 ||
		    unlink(m->name[is]) == -1)
			return m;
	return NULL;
}

static void
a_session_that_moves_is_never_overlooked(void **state)
{
	const struct engine *e = *state;
	struct mover m = { .stop = false };
	char hex[33];
	uint64_t lowest;
	pthread_t t;
	void *failed;

	if (!e->on_disk || !store_backend(a.s)->caps.kernel_locks)
		return;
	OK(&a, store_session(a.s, &a.why));
	OK(&b, store_sessions(b.s, &lowest, &b.why));
	digest_hex_of(store_session_id(a.s), 16, hex);
	for (uint64_t k = 0; k < 2; k++)
		snprintf(m.name[k], sizeof(m.name[k]),
		    "%s/store/sessions/%s.%ju", root, hex,
		    (uintmax_t)(lowest + k));
	assert_int_equal(pthread_create(&t, NULL, move_about, &m), 0);
	for (int i = 0; i < 20000; i++) {
		OK(&b, store_sessions(b.s, &lowest, &b.why));
		assert_true(lowest != UINT64_MAX);
	}
	atomic_store(&m.stop, true);
	pthread_join(t, &failed);
	assert_null(failed);
}

/* --- all of it, over all engines --- */

static const struct {
	const char *name;
	CMUnitTestFunction keep;
} promises[] = {
#define PROMISE(f)                                                             \
	{                                                                      \
#f, f                                                          \
	}
	PROMISE(a_session_sees_what_it_wrote_before_it_commits),
	PROMISE(nobody_else_sees_it_before),
	PROMISE(everybody_sees_all_of_it_afterwards),
	PROMISE(an_author_reads_nothing_of_its_commit),
	PROMISE(a_session_stays_where_it_is_until_it_syncs),
	PROMISE(what_is_given_up_leaves_nothing),
	PROMISE(a_session_that_ends_without_a_commit_leaves_nothing),
	PROMISE(a_commit_that_is_refused_leaves_nothing),
	PROMISE(a_session_goes_on_after_it_gave_up),
	PROMISE(who_commits_second_stands_on_the_first),
	PROMISE(what_is_found_and_dropped_meanwhile_is_not_lost),
	PROMISE(a_store_that_has_moved_takes_nothing_more),
	PROMISE(a_segment_that_is_added_twice_is_refused),
	PROMISE(a_version_that_is_said_to_be_of_another_name_is_refused),
	PROMISE(a_session_is_known_while_it_lives),
	PROMISE(a_session_that_moves_is_never_overlooked),
};

int
main(void)
{
	static struct engine states[COUNT(engines)];
	static char names[COUNT(engines) * COUNT(promises)][128];
	struct CMUnitTest tests[COUNT(engines) * COUNT(promises)];
	size_t n = 0;

	memcpy(states, engines, sizeof(engines));
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(promises); i++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s",
			    engines[e].scheme, promises[i].name);
			tests[n] = (struct CMUnitTest){ names[n],
				promises[i].keep, fresh, gone, &states[e] };
		}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

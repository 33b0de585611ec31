/*
 * An index that several processes use: locks, replacing, reading only; and
 * what users and the medium see of it.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "index-bench.h"
#include "index-private.h"

/* --- locks --- */

static void
a_held_lock_is_busy_and_says_so(void **state)
{
	struct bench *n = *state, other = *n;
	bool fresh;

	other.c = NULL;
	ok(reopen(&other));
	ok(n->c->type->begin(n->c, &n->why));
	assert_int_equal(other.c->type->begin(other.c, &other.why), BLK_BUSY);
	assert_memory_equal(other.why.text, "index", 5);
	n->c->type->rollback(n->c);
	ok(other.c->type->begin(other.c, &other.why));
	ok(other.c->type->commit(other.c, &other.why));
	assert_int_equal(index_replace(other.c, &fresh, &other.why), BLK_BUSY);
	catalog_close(other.c);
}

static off_t
size_of_log(const struct bench *n)
{
	char path[TMPDIR_MAX + 32];

	snprintf(path, sizeof(path), "%s-wal", n->path);
	return size_of(path);
}

/*
 * SQLite before 3.51.3 can lose a commit when another process brings the log
 * of writes into the file meanwhile.  So nobody does but in a transaction's
 * own lock: not when a log has grown, not when the last handle is closed.
 */
static void
the_log_of_writes_is_brought_in_under_the_lock_alone(void **state)
{
	struct bench *n = *state, other = *n;
	struct catalog_totals t;
	off_t file, log;

	other.c = NULL;
	ok(reopen(&other));
	fill(n, 1, 10);
	file = size_of(n->path);
	log = size_of_log(n);
	assert_true(log > 0);
	ok(n->c->type->begin(n->c, &n->why)); /* and stands still */
	assert_int_equal(other.c->type->begin(other.c, &other.why), BLK_BUSY);
	ok(other.c->type->totals(other.c, &t, &other.why));
	catalog_close(other.c);
	assert_int_equal(size_of(n->path), file);
	assert_int_equal(size_of_log(n), log);
	n->c->type->rollback(n->c);
	catalog_close(n->c);
	n->c = NULL;
	assert_int_equal(size_of(n->path), file);
	assert_int_equal(size_of_log(n), log);
	ok(reopen(n));
	fill(n, 2, 20000); /* passes 1 MiB: now it is, by its writer */
	assert_true(size_of(n->path) > file);
	assert_true(size_of_log(n) < (off_t)1 << 20);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
}

static void
a_program_that_writes_without_our_locks_is_busy_not_an_error(void **state)
{
	struct bench *n = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(n->path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(n->c->type->begin(n->c, &n->why), BLK_BUSY);
	assert_null(strstr(n->why.text, "locked"));
	sqlite3_close(db);
	ok(n->c->type->begin(n->c, &n->why));
	ok(n->c->type->commit(n->c, &n->why));
}

/* A process of its own; its exit status is what body returns. */
static pid_t
start(struct bench *n, int (*body)(struct bench *n))
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct bench own = *n;

		own.c = NULL; /* the parent's is not touched */
		_exit(body(&own));
	}
	return pid;
}

static void
await(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define COMMITS 150

static int
write_much(struct bench *n)
{
	char text[2000];

	memset(text, 'x', sizeof(text));
	n->o.lock_wait_ms = 30000;
	if (reopen(n) != BLK_OK)
		return 2;
	for (int i = 0; i < COMMITS; i++) {
		const struct catalog_type *t = n->c->type;
		struct catalog_head h;

		if (t->begin(n->c, &n->why) != BLK_OK ||
		    t->head_get(n->c, &h, &n->why) != BLK_OK)
			return 3;
		h.known = true;
		h.number++;
		if (t->record_add(n->c, h.number, &h.hash, text, sizeof(text),
		        &n->why) != BLK_OK ||
		    t->head_set(n->c, &h, &n->why) != BLK_OK ||
		    t->commit(n->c, &n->why) != BLK_OK)
			return 4;
		if (i % 40 == 39 && reopen(n) != BLK_OK)
			return 5;
	}
	catalog_close(n->c);
	return 0;
}

static enum blk_status
next_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	(void)hash;
	if (number != ++*(uint64_t *)arg || text.len != 2000)
		return fault(why, BLK_INVALID, "a commit is missing");
	return BLK_OK;
}

static void
processes_write_one_after_the_other_and_lose_nothing(void **state)
{
	struct bench *n = *state;
	uint64_t seen, before = 0;
	pid_t pid[2];

	pid[0] = start(n, write_much);
	pid[1] = start(n, write_much);
	for (int i = 0; i < 50; i++) {
		seen = 0;
		ok(n->c->type->record_each(
		    n->c, 1, next_record, &seen, &n->why));
		assert_true(seen >= before);
		before = seen;
		usleep(2000);
	}
	await(pid[0]);
	await(pid[1]);
	seen = 0;
	ok(n->c->type->record_each(n->c, 1, next_record, &seen, &n->why));
	assert_int_equal(seen, 2 * COMMITS);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	assert_true(index_bytes(n->c) < ((uint64_t)6 << 20));
}

static int opened[2]; /* a byte comes when another process has the index */

static int
yield_until_replaced(struct bench *n)
{
	struct catalog_totals t;
	bool replaced = false, fresh;
	const char *reason;

	n->o.lock_wait_ms = 10000;
	if (reopen(n) != BLK_OK || write(opened[1], "", 1) != 1)
		return 2;
	for (int i = 0; i < 60000 && !replaced; i++) { /* a minute */
		if (index_yield(n->c, &replaced, &fresh, &reason, &n->why) !=
		    BLK_OK)
			return 3;
		usleep(1000);
	}
	if (!replaced)
		return 4;
	if (n->c->type->totals(n->c, &t, &n->why) != BLK_OK || t.objects != 0)
		return 5;
	catalog_close(n->c);
	return 0;
}

static void
a_long_session_lets_others_replace_the_file(void **state)
{
	struct bench *n = *state;
	bool replaced = true, fresh;
	const char *reason;
	pid_t pid;
	char byte;

	n->o.lock_wait_ms = 10000;
	ok(reopen(n));
	fill(n, 1, ROWS);
	ok(index_yield(n->c, &replaced, &fresh, &reason, &n->why));
	assert_false(replaced);
	catalog_close(n->c); /* a child would keep its lock */
	n->c = NULL;
	assert_int_equal(pipe2(opened, O_CLOEXEC), 0);
	pid = start(n, yield_until_replaced);
	close(opened[1]);
	ok(reopen(n));
	assert_int_equal(read(opened[0], &byte, 1), 1);
	close(opened[0]);
	ok(index_replace(n->c, &n->fresh, &n->why));
	assert_true(n->fresh);
	await(pid);
}

static void
notes_of_damage_outlive_the_file(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	struct catalog_totals t;
	bool damaged;

	fill_all(n);
	ok(index_replace(n->c, &n->fresh, &n->why));
	assert_true(n->fresh);
	ok(n->c->type->damage_has(n->c, &id, 3, &damaged, &n->why));
	assert_true(damaged);
	ok(n->c->type->totals(n->c, &t, &n->why));
	assert_int_equal(t.damaged, 1);
	assert_int_equal(t.objects, 0);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
}

static void
a_held_state_stays_until_it_is_released(void **state)
{
	struct bench *n = *state, other = *n;
	const struct digest id = id_of(1);
	struct catalog_segment s;
	struct catalog_facts f;

	other.c = NULL;
	ok(reopen(&other));
	fill(n, 1, 10);
	ok(catalog_hold(n->c, &n->why));
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	assert_int_equal(f.copies, 1);
	fill(&other, 2, 10);
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	assert_int_equal(f.copies, 1);
	catalog_release(n->c);
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	assert_int_equal(f.copies, 2);
	ok(other.c->type->segment_get(other.c, 2, &s, &n->why));
	s.condemned = 5;
	ok(other.c->type->begin(other.c, &n->why));
	ok(other.c->type->segment_update(other.c, &s, &n->why));
	ok(other.c->type->commit(other.c, &n->why));
	ok(catalog_hold(n->c, &n->why));
	ok(n->c->type->segment_get(n->c, 2, &s, &n->why));
	assert_int_equal(s.condemned, 5);
	catalog_release(n->c);
	catalog_close(other.c);
}

/* Count id in class data: n more than it was. */
static void
count_more(struct bench *n, const struct digest *id, uint64_t more)
{
	struct catalog_facts f;

	ok(n->c->type->begin(n->c, &n->why));
	ok(n->c->type->facts(n->c, id, &f, &n->why));
	ok(n->c->type->count_set(
	    n->c, id, CLASS_DATA, f.count[CLASS_DATA] + more, &n->why));
	ok(n->c->type->commit(n->c, &n->why));
}

static void
what_is_kept_for_a_transaction_is_forgotten_when_others_commit(void **state)
{
	struct bench *n = *state, other = *n;
	const struct digest id = id_of(1);
	struct catalog_facts f;
	uint64_t first;

	other.c = NULL;
	ok(reopen(&other));
	fill(n, 1, 10);
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	first = f.count[CLASS_DATA];
	for (uint64_t i = 0; i < 3; i++) {
		ok(catalog_keep(n->c, &n->why));
		ok(n->c->type->facts(n->c, &id, &f, &n->why));
		assert_int_equal(f.count[CLASS_DATA], first + 11 * i);
		count_more(&other, &id, 1);
		/* Still of the state that is held. */
		ok(n->c->type->facts(n->c, &id, &f, &n->why));
		assert_int_equal(f.count[CLASS_DATA], first + 11 * i);
		catalog_release(n->c);
		count_more(n, &id, 10);
	}
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	catalog_close(other.c);
}

/* Interrupts a statement after so many of its steps. */
static int
stop(void *arg)
{
	int *left = arg;

	return --*left < 0;
}

static void
nothing_is_kept_of_a_read_that_failed(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	enum blk_status st = BLK_FAILED;
	struct catalog_facts f;
	sqlite3 *db;

	fill(n, 1, 10);
	fill(n, 2, 10);
	db = index_of(n->c)->db;
	for (int steps = 1; st != BLK_OK && steps < 1000; steps++) {
		int left = steps;

		ok(catalog_keep(n->c, &n->why));
		sqlite3_progress_handler(db, 1, stop, &left);
		st = n->c->type->facts(n->c, &id, &f, &n->why);
		sqlite3_progress_handler(db, 0, NULL, NULL);
		ok(n->c->type->facts(n->c, &id, &f, &n->why));
		assert_int_equal(f.copies, 2);
		catalog_release(n->c);
		ok(n->c->type->begin(n->c, &n->why));
		n->c->type->rollback(n->c);
	}
	ok(st);
}

/* Also of one that was opened now, and has never written. */
static void
few_rows_that_are_kept_are_not_sought_among_all(void **state)
{
	struct bench *n = *state;
	struct digest id[2] = { id_of(1), id_of(2) };
	struct catalog_facts f[2];
	int left = 2000;

	fill(n, 1, 4000);
	if (digest_compare(&id[0], &id[1]) > 0)
		id[0] = id_of(2), id[1] = id_of(1);
	ok(reopen(n));
	ok(catalog_keep(n->c, &n->why));
	sqlite3_progress_handler(index_of(n->c)->db, 1, stop, &left);
	ok(n->c->type->facts_many(n->c, id, 2, f, &n->why));
	sqlite3_progress_handler(index_of(n->c)->db, 0, NULL, NULL);
	assert_int_equal(f[0].copies + f[1].copies, 2);
	catalog_release(n->c);
}

static void
counts_are_exact_where_rows_were_kept(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	struct catalog_facts f;
	uint64_t first;

	fill(n, 1, 10);
	ok(catalog_keep(n->c, &n->why));
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	first = f.count[CLASS_DATA];
	catalog_release(n->c);
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	assert_int_equal(f.copies, 1);
	count_more(n, &id, 1);
	ok(n->c->type->facts(n->c, &id, &f, &n->why));
	assert_int_equal(f.count[CLASS_DATA], first + 1);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
}

static void
a_state_that_cannot_be_held_is_said(void **state)
{
	struct bench *n = *state;
	struct catalog_head h;

	fill(n, 1, 10);
	meddle(n, "UPDATE meta SET chk = chk + 1");
	assert_int_equal(catalog_hold(n->c, &n->why), BLK_CORRUPT);
	assert_int_equal(n->c->type->head_get(n->c, &h, &n->why), BLK_CORRUPT);
	catalog_release(n->c);
	meddle(n, "UPDATE meta SET chk = chk - 1");
	ok(catalog_hold(n->c, &n->why));
	ok(n->c->type->head_get(n->c, &h, &n->why));
	catalog_release(n->c);
}

/* --- reading only --- */

static void
an_index_open_for_reading_answers_and_is_not_written(void **state)
{
	struct bench *n = *state, reader = *n;

	fill_all(n);
	reader.c = NULL;
	reader.o.read_only = true;
	ok(reopen(&reader));
	ok(ask_all(&reader));
	assert_int_equal(
	    reader.c->type->begin(reader.c, &reader.why), BLK_FAILED);
	catalog_close(reader.c);
}

static void
where_no_index_is_a_reader_makes_none(void **state)
{
	struct bench *n = *state;

	catalog_close(n->c);
	n->c = NULL;
	assert_int_equal(unlink(n->path), 0);
	n->o.read_only = true;
	assert_int_equal(reopen(n), BLK_ABSENT);
	assert_null(n->c);
	assert_int_equal(size_of(n->path), -1);
	n->o.dir = "/nonexistent/blk";
	assert_int_equal(reopen(n), BLK_ABSENT);
}

/* --- space --- */

static void
what_dropped_segments_left_behind_is_swept_and_given_back(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	struct catalog_facts f;
	uint64_t before;

	for (uint64_t seq = 1; seq <= 4; seq++)
		fill(n, seq, 5000);
	before = index_bytes(n->c);
	ok(n->c->type->begin(n->c, &n->why));
	for (uint64_t seq = 1; seq <= 3; seq++)
		ok(n->c->type->segment_drop(n->c, seq, &n->why));
	ok(n->c->type->copies_all(n->c, &id, &f, &n->why));
	assert_int_equal(f.copies, 1);
	assert_int_equal(f.copy[0].seq, 4);
	ok(n->c->type->commit(n->c, &n->why));
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	ok(index_vacuum(n->c, &n->why));
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	assert_int_equal(ask(n, "SELECT count(*) FROM said"), 10000);
	assert_int_equal(ask(n, "SELECT stale FROM meta"), 0);
	assert_true(index_bytes(n->c) < before * 3 / 4);
}

/* --- as users see it --- */

/* What a view of facts asks for stands in its own steps. */
static int
plan_scans(void *arg, int columns, char **value, char **name)
{
	(void)columns;
	(void)name;
	if (strncmp(value[3], "SCAN", 4) == 0 &&
	    strcmp(value[3], "SCAN said") != 0 &&
	    strncmp(value[3], "SCAN json_each", 14) != 0)
		*(bool *)arg = true;
	return 0;
}

static void
queries_by_name_checksum_type_time_and_link_scan_nothing(void **state)
{
	static const char *const query[] = {
		"SELECT * FROM versions WHERE name >= 'a/' AND name < 'a0'",
		"SELECT * FROM versions WHERE content = zeroblob(32)",
		"SELECT * FROM versions WHERE type = 'text/plain'",
		"SELECT * FROM versions WHERE time >= 17",
		"SELECT * FROM links WHERE id = zeroblob(32)",
		"SELECT * FROM attrs WHERE vid = zeroblob(32)",
		"SELECT * FROM objects WHERE id = zeroblob(32)",
		"SELECT * FROM counts WHERE id = zeroblob(32)"
	};
	struct bench *n = *state;
	sqlite3 *db;

	fill_all(n);
	assert_int_equal(
	    sqlite3_open_v2(n->path, &db, SQLITE_OPEN_READONLY, NULL),
	    SQLITE_OK);
	for (size_t i = 0; i < sizeof(query) / sizeof(query[0]); i++) {
		bool scans = false;
		char sql[256];

		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", query[i]);
		assert_int_equal(
		    sqlite3_exec(db, sql, plan_scans, &scans, NULL), SQLITE_OK);
		/* The list of live segments is a table of its own. */
		if (scans && strstr(sql, "objects") == NULL)
			fail_msg("%s scans", sql);
	}
	sqlite3_close(db);
}

static void
the_views_say_it_in_plain_words(void **state)
{
	struct bench *n = *state;

	fill_all(n);
	assert_int_equal(ask(n,
	                     "SELECT count(*) FROM objects WHERE"
	                     " kind = 'data' AND segment = 1"),
	    ROWS);
	assert_int_equal(
	    ask(n, "SELECT sum(count) FROM counts WHERE class = 'data'"),
	    ROWS * (ROWS + 1) / 2);
	assert_int_equal(
	    ask(n, "SELECT count(*) FROM lost WHERE class = 'tree'"), 1);
	assert_int_equal(
	    ask(n,
	        "SELECT count(*) FROM entries WHERE name = 'name' AND"
	        " version = 1 AND size = 9 AND content_type = 'sbom' AND"
	        " length(checksum) = 64 AND created = modified AND"
	        " modified = '2023-11-14T22:13:20Z'"),
	    1);
	assert_int_equal(ask(n,
	                     "SELECT sum = (SELECT sum(chk & 4294967295)"
	                     " FROM facts) FROM sums WHERE name = 'facts'"),
	    1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_held_lock_is_busy_and_says_so),
		TEST(the_log_of_writes_is_brought_in_under_the_lock_alone),
		TEST(
		    a_program_that_writes_without_our_locks_is_busy_not_an_error),
		TEST(processes_write_one_after_the_other_and_lose_nothing),
		TEST(a_long_session_lets_others_replace_the_file),
		TEST(notes_of_damage_outlive_the_file),
		TEST(a_held_state_stays_until_it_is_released),
		TEST(
		    what_is_kept_for_a_transaction_is_forgotten_when_others_commit),
		TEST(nothing_is_kept_of_a_read_that_failed),
		TEST(few_rows_that_are_kept_are_not_sought_among_all),
		TEST(counts_are_exact_where_rows_were_kept),
		TEST(a_state_that_cannot_be_held_is_said),
		TEST(an_index_open_for_reading_answers_and_is_not_written),
		TEST(where_no_index_is_a_reader_makes_none),
		TEST(what_dropped_segments_left_behind_is_swept_and_given_back),
		TEST(queries_by_name_checksum_type_time_and_link_scan_nothing),
		TEST(the_views_say_it_in_plain_words),
	};

	return cmocka_run_group_tests_name("index-shared", tests, NULL, NULL);
}

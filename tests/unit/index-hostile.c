/*
 * What an index file may say of itself: rows that are not what was written,
 * with checks that are right; and none at all.
 */
#include "index-bench.h"

#include "bytes.h"
#include "digest.h"

/* sound(TABLE, COLUMN...): the check of such a row, as the index takes it. */
static void
sound(sqlite3_context *to, int n, sqlite3_value **value)
{
	uint8_t word[8 * 16];
	size_t len = 0;

	assert_in_range(n, 1, 16);
	for (int i = 0; i < n; i++, len += 8) {
		const void *p = sqlite3_value_blob(value[i]);
		size_t bytes = (size_t)sqlite3_value_bytes(value[i]);

		put_le64(word + len,
		    sqlite3_value_type(value[i]) == SQLITE_INTEGER
		        ? (uint64_t)sqlite3_value_int64(value[i])
		        : digest_xxh64(bytes > 0 ? p : "", bytes));
	}
	sqlite3_result_int64(to, (uint32_t)digest_xxh64(word, len));
}

static void
meddle_soundly(struct bench *n, const char *sql)
{
	char *said = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(n->path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_create_function(db, "sound", -1, SQLITE_UTF8,
	                     NULL, sound, NULL, NULL),
	    SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK)
		fail_msg("%s: %s", sql, said);
	sqlite3_close(db);
}

static enum blk_status
count_notes(
    void *arg, const struct digest *segment, uint32_t ordinal, struct fault *w)
{
	(void)segment;
	(void)ordinal;
	(void)w;
	++*(int *)arg;
	return BLK_OK;
}

static void
a_note_of_damage_that_cannot_be_read_is_not_passed_over(void **state)
{
	struct bench *n = *state;
	const struct catalog_type *t = n->c->type;
	int notes = 0;

	fill_all(n);
	ok(t->damage_each(n->c, count_notes, &notes, &n->why));
	assert_int_equal(notes, 1);
	meddle(n, "UPDATE damage SET chk = chk + 1");
	assert_int_equal(
	    t->damage_each(n->c, count_notes, &notes, &n->why), BLK_CORRUPT);
	meddle(n, "DROP TABLE damage");
	assert_int_not_equal(
	    t->damage_each(n->c, count_notes, &notes, &n->why), BLK_OK);
	assert_int_equal(notes, 1);
}

static void
an_id_of_another_length_holds_up_no_walk(void **state)
{
	static const char *const id[] = { "x'ff'", "x'0000'", "zeroblob(33)",
		"'an id of text'" };
	struct bench *n = *state;
	enum blk_status st;
	char sql[256];

	n->o.pending_ids = 1; /* so that each row is a batch of its own */
	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++) {
		ok(reopen(n));
		ok(n->c->type->begin(n->c, &n->why));
		ok(n->c->type->clear(n->c, &n->why));
		ok(n->c->type->commit(n->c, &n->why));
		fill(n, 1, 8);
		snprintf(sql, sizeof(sql),
		    "INSERT INTO facts VALUES(%s, 1, 1, 0, 7, 17, 1, NULL,"
		    " sound(3, zeroblob(32), 1, 1, 0, 7, 17, 1, NULL))",
		    id[i]);
		meddle_soundly(n, sql);
		ok(reopen(n));
		ok(n->c->type->begin(n->c, &n->why));
		alarm(60);
		st = n->c->type->counts_clear(n->c, &n->why);
		alarm(0);
		/* Text is below all ids: no walk comes by. */
		if (st != (id[i][0] == '\'' ? BLK_OK : BLK_CORRUPT))
			fail_msg("%s: %d %s", id[i], (int)st, n->why.text);
		n->c->type->rollback(n->c);
	}
}

static void
a_text_longer_than_any_that_is_written_is_not_unfolded(void **state)
{
	struct bench *n = *state;
	struct catalog_facts f;
	const struct digest id = id_of(3);
	char sql[512], hex[DIGEST_HEX];

	digest_hex(&id, hex);
	fill(n, 1, 8);
	snprintf(sql, sizeof(sql),
	    "UPDATE facts SET rest = '[' || substr(replace(hex("
	    "zeroblob(1700000)), '00', '[1,2,3,4],'), 1, 16999999) || ']'"
	    " WHERE id = x'%s'",
	    hex);
	meddle(n, sql);
	meddle_soundly(n,
	    "UPDATE facts SET chk = sound(3, id, kind, segment, place, length,"
	    " class, count, rest)");
	ok(reopen(n));
	assert_int_equal(
	    n->c->type->facts(n->c, &id, &f, &n->why), BLK_CORRUPT);
}

/* Another commit: a row of settings changes. */
static enum blk_status
change_something(struct bench *n)
{
	const struct catalog_type *t = n->c->type;
	enum blk_status st = t->begin(n->c, &n->why);

	if (st == BLK_OK)
		st = t->setting_set(n->c, "level", "9", &n->why);
	if (st == BLK_OK)
		return t->commit(n->c, &n->why);
	t->rollback(n->c);
	return st;
}

static void
sums_that_cannot_be_are_damage(void **state)
{
	struct bench *n = *state;
	const struct catalog_type *t = n->c->type;

	fill_all(n);
	meddle_soundly(n,
	    "UPDATE sums SET rows = -1, chk = sound(1, name, -1, sum)"
	    " WHERE name = 'facts'");
	ok(reopen(n));
	assert_int_equal(change_something(n), BLK_CORRUPT);
	meddle(n, "DELETE FROM sums WHERE name IN ('facts', 'segments')");
	ok(reopen(n));
	ok(t->begin(n->c, &n->why));
	ok(t->segment_drop(n->c, 1, &n->why));
	assert_int_equal(t->commit(n->c, &n->why), BLK_CORRUPT);
	assert_int_equal(ask(n, "SELECT count(*) FROM sums WHERE rows < 0"), 0);
}

static void
an_index_that_is_gone_or_half_made_is_made_anew_in_a_session(void **state)
{
	static const char *const why[] = { "gone", "empty", "rubbish" };
	struct bench *n = *state;
	bool replaced, fresh;
	const char *reason;

	n->o.lock_wait_ms = 10000;
	for (int i = 0; i < 3; i++) {
		struct catalog_totals t;
		int fd;

		ok(reopen(n));
		fill(n, 1, ROWS);
		assert_int_equal(unlink(n->path), 0);
		if (i > 0) {
			fd = open(n->path, O_CREAT | O_WRONLY, 0600);
			assert_true(fd >= 0);
			if (i == 2)
				assert_int_equal(write(fd, "rubbish", 7), 7);
			close(fd);
		}
		if (index_yield(n->c, &replaced, &fresh, &reason, &n->why) !=
		    BLK_OK)
			fail_msg("%s: %s", why[i], n->why.text);
		assert_true(replaced);
		assert_true(fresh);
		ok(n->c->type->totals(n->c, &t, &n->why));
		assert_int_equal(t.objects, 0);
		fill(n, 1, ROWS);
		ok(index_yield(n->c, &replaced, &fresh, &reason, &n->why));
		assert_false(replaced);
		ok(n->c->type->begin(n->c, &n->why));
		ok(n->c->type->clear(n->c, &n->why));
		ok(n->c->type->commit(n->c, &n->why));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_note_of_damage_that_cannot_be_read_is_not_passed_over,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_id_of_another_length_holds_up_no_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_text_longer_than_any_that_is_written_is_not_unfolded,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    sums_that_cannot_be_are_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_index_that_is_gone_or_half_made_is_made_anew_in_a_session,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

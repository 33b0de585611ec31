/*
 * The index as a file: what is of no use is made again, what is damaged is
 * noticed.
 */
#include "index-bench.h"

/* --- opening --- */

static void
an_index_is_made_once_and_remembers(void **state)
{
	struct bench *n = *state;
	struct catalog_head h;
	struct stat sb;

	assert_true(n->fresh);
	assert_null(n->reason);
	fill_all(n);
	ok(reopen(n));
	assert_false(n->fresh);
	ok(n->c->type->head_get(n->c, &h, &n->why));
	assert_true(h.known);
	assert_int_equal(h.number, 7);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	assert_int_equal(stat(n->path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_true(index_bytes(n->c) >= (uint64_t)sb.st_size);
}

static void
what_is_no_index_of_ours_is_made_again(void **state)
{
	static const char *const spoil[] = { "DROP TABLE meta",
		"UPDATE meta SET schema = 2", "UPDATE meta SET chk = chk + 1",
		"DELETE FROM meta", "UPDATE meta SET store = x'00'",
		"PRAGMA application_id = 0; PRAGMA user_version = 0" };
	struct bench *n = *state;

	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		fill_all(n);
		settle(n);
		meddle(n, spoil[i]);
		ok(reopen(n));
		assert_true(n->fresh);
		assert_non_null(n->reason);
		assert_string_not_equal(n->reason, "");
		ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
	}
}

static enum blk_status
count_note(void *arg, const struct digest *segment, uint32_t ordinal,
    struct fault *why)
{
	(void)segment;
	(void)ordinal;
	(void)why;
	++*(unsigned *)arg;
	return BLK_OK;
}

/* As one of an older blk, whose segments had no marks. */
static const char older[] =
    "ALTER TABLE segments DROP COLUMN marks; PRAGMA user_version = 1";

static void
what_another_blk_made_is_made_again_without_a_word(void **state)
{
	static const char *const other[] = { older,
		"ALTER TABLE meta DROP COLUMN slice; PRAGMA user_version = 1",
		"DROP VIEW entries; PRAGMA user_version = 77" };
	struct bench *n = *state;
	const struct digest id = id_of(1);

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		unsigned notes = 0;

		fill_all(n);
		ok(n->c->type->begin(n->c, &n->why));
		ok(n->c->type->damage_note(n->c, &id, 3, true, &n->why));
		ok(n->c->type->commit(n->c, &n->why));
		settle(n);
		meddle(n, other[i]);
		ok(reopen(n));
		assert_true(n->fresh);
		assert_string_equal(n->reason, "");
		ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
		ok(n->c->type->damage_each(n->c, count_note, &notes, &n->why));
		assert_int_equal(notes, 1);
	}
}

static void
notes_of_another_store_and_schema_are_not_taken_over(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	unsigned notes = 0;

	fill_all(n);
	ok(n->c->type->begin(n->c, &n->why));
	ok(n->c->type->damage_note(n->c, &id, 3, true, &n->why));
	ok(n->c->type->commit(n->c, &n->why));
	settle(n);
	meddle(n, older);
	meddle(n, "UPDATE meta SET store = zeroblob(16)");
	ok(reopen(n));
	assert_true(n->fresh);
	ok(n->c->type->damage_each(n->c, count_note, &notes, &n->why));
	assert_int_equal(notes, 0);
}

static void
a_row_where_one_stands_is_damage_in_memory_too(void **state)
{
	const struct index_options o = { .in_memory = true,
		.cache_bytes = 1 << 20 };
	const struct catalog_segment s = { .seq = 1, .id = id_of(1) };
	struct fault why = FAULT_NONE;
	const char *reason;
	struct catalog *c;
	bool fresh;

	(void)state;
	ok(index_open(&o, &c, &fresh, &reason, &why));
	ok(c->type->begin(c, &why));
	ok(c->type->segment_add(c, &s, &why));
	assert_int_equal(c->type->segment_add(c, &s, &why), BLK_CORRUPT);
	assert_memory_equal(why.text, "index in memory is damaged", 26);
	c->type->rollback(c);
	catalog_close(c);
}

static void
a_missing_table_is_damage(void **state)
{
	struct bench *n = *state;
	const struct digest id = id_of(1);
	struct catalog_facts f;

	fill_all(n);
	settle(n);
	meddle(n, "DROP TABLE facts");
	ok(reopen(n));
	assert_int_equal(
	    n->c->type->facts(n->c, &id, &f, &n->why), BLK_CORRUPT);
	assert_memory_equal(n->why.text, "index", 5);
}

static void
a_spoilt_header_is_noticed(void **state)
{
	struct bench *n = *state;

	fill_all(n);
	settle(n);
	overwrite(n, 0, "rubbish rubbish rubbish", 23);
	ok(reopen(n));
	assert_true(n->fresh);
	assert_non_null(n->reason);
}

static void
a_truncated_file_is_made_again_or_damaged(void **state)
{
	static const off_t left[] = { 0, 1, 50, 100, 4096, 8192, 20000, 60000 };
	struct bench *n = *state;

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		fill(n, 1, ROWS);
		settle(n);
		assert_true(size_of(n->path) > left[i]);
		assert_int_equal(truncate(n->path, left[i]), 0);
		ok(reopen(n));
		if (!n->fresh)
			assert_int_equal(
			    n->c->type->verify(n->c, CATALOG_IDS, &n->why),
			    BLK_CORRUPT);
		ok(index_replace(n->c, &n->fresh, &n->why));
	}
}

static void
an_index_without_its_log_is_older_but_sound(void **state)
{
	struct bench *n = *state;
	char wal[TMPDIR_MAX + 24];
	struct catalog_head h;

	snprintf(wal, sizeof(wal), "%s-wal", n->path);
	fill(n, 1, 100);
	settle(n);
	ok(reopen(n));
	ok(n->c->type->begin(n->c, &n->why));
	ok(n->c->type->head_set(n->c,
	    &(struct catalog_head){ .known = true, .number = 7 }, &n->why));
	ok(n->c->type->commit(n->c, &n->why));
	catalog_close(n->c);
	n->c = NULL;
	assert_true(size_of(wal) > 0);
	assert_int_equal(unlink(wal), 0);
	ok(reopen(n));
	assert_false(n->fresh);
	ok(n->c->type->head_get(n->c, &h, &n->why));
	assert_false(h.known);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
}

static void
an_index_that_was_removed_is_made_again_beside_its_old_log(void **state)
{
	struct bench *n = *state;
	struct catalog_totals t;

	fill_all(n);
	catalog_close(n->c);
	n->c = NULL;
	assert_int_equal(unlink(n->path), 0);
	ok(reopen(n));
	assert_true(n->fresh);
	assert_null(n->reason);
	ok(n->c->type->totals(n->c, &t, &n->why));
	assert_int_equal(t.objects, 0);
	ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
}

static void
the_index_of_another_store_is_thrown_away(void **state)
{
	struct bench *n = *state;
	struct catalog_totals t;

	fill_all(n);
	n->o.store[0] = 99;
	ok(reopen(n));
	assert_true(n->fresh);
	assert_non_null(strstr(n->reason, "another store"));
	ok(n->c->type->totals(n->c, &t, &n->why));
	assert_int_equal(t.damaged, 0);
}

/* --- damage --- */

static void
every_changed_column_is_noticed_when_it_is_read(void **state)
{
	static const char *const change[] = { "facts SET length = length + 1",
		"facts SET place = place + 1", "facts SET kind = kind + 1",
		"facts SET segment = 1 - segment", "facts SET class = 0",
		"facts SET count = count + 1", "facts SET rest = '[]'",
		"facts SET chk = chk + 1", "segments SET condemned = 1",
		"segments SET live = 5", "segments SET marks = 5",
		"segments SET place = 'log'", "versions SET name = 'other'",
		"versions SET size = 'x'", "versions SET content = x'00'",
		"versions SET attrs = 0", "attrs SET value = 'y'",
		"links SET class = 'tree'", "links SET id = x'01'",
		"names SET number = 2", "settings SET value = '9'",
		"stats SET line = ''", "records SET text = x'01'",
		"damage SET chk = 0", "meta SET number = 8",
		"meta SET objects = 0" };
	struct bench *n = *state;

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		char sql[128];

		ok(index_replace(n->c, &n->fresh, &n->why));
		assert_true(n->fresh);
		fill_all(n);
		ok(ask_all(n));
		snprintf(sql, sizeof(sql), "UPDATE %s", change[i]);
		meddle(n, sql);
		if (ask_all(n) != BLK_CORRUPT)
			fail_msg("%s was not noticed", sql);
		assert_memory_equal(n->why.text, "index", 5);
	}
}

static void
rows_that_went_or_came_are_noticed_by_a_verification(void **state)
{
	static const char *const change[] = { "DELETE FROM names",
		"DELETE FROM damage", "DELETE FROM links",
		"DELETE FROM settings",
		"INSERT INTO settings SELECT 'a', value, chk FROM settings",
		"UPDATE sums SET rows = rows + 1 WHERE name = 'facts'",
		"DELETE FROM facts WHERE class > 0",
		"DELETE FROM facts WHERE length = 7" };
	struct bench *n = *state;

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		ok(index_replace(n->c, &n->fresh, &n->why));
		fill_all(n);
		ok(n->c->type->verify(n->c, CATALOG_IDS, &n->why));
		meddle(n, change[i]);
		assert_int_equal(n->c->type->verify(n->c, CATALOG_IDS, &n->why),
		    BLK_CORRUPT);
		assert_memory_equal(n->why.text, "index", 5);
	}
}

/* Rubbish anywhere: an answer is the right one, none, or "damaged". */
static void
rubbish_in_a_page_is_never_an_answer(void **state)
{
	struct bench *n = *state;
	uint32_t seed = 20260101;
	off_t size;

	print_message("seed %u\n", seed);
	for (int round = 0; round < 60; round++) {
		bool whole = true;

		ok(index_replace(n->c, &n->fresh, &n->why));
		fill(n, 1, ROWS);
		settle(n);
		size = size_of(n->path);
		for (int k = 0; k < 4; k++) {
			uint8_t byte[3];

			seed = seed * 1664525 + 1013904223;
			memset(byte, (int)(seed >> 24), sizeof(byte));
			overwrite(n, (off_t)(seed >> 3) % (size - 3), byte,
			    sizeof(byte));
		}
		ok(reopen(n));
		for (uint32_t i = 0; !n->fresh && i < ROWS; i++) {
			const struct digest id = id_of(i);
			struct catalog_facts f;
			enum blk_status st;

			st = n->c->type->facts(n->c, &id, &f, &n->why);
			whole = whole && st == BLK_OK && f.copies == 1;
			if (st != BLK_OK) {
				assert_int_equal(st, BLK_CORRUPT);
				continue;
			}
			assert_true(f.copies <= 1);
			assert_true(f.count[CLASS_DATA] == i + 1 ||
			    f.count[CLASS_DATA] == 0);
			if (f.copies == 1)
				assert_int_equal(f.copy[0].length, i);
		}
		if (!n->fresh && !whole)
			assert_int_equal(
			    n->c->type->verify(n->c, CATALOG_IDS, &n->why),
			    BLK_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_index_is_made_once_and_remembers),
		TEST(what_is_no_index_of_ours_is_made_again),
		TEST(what_another_blk_made_is_made_again_without_a_word),
		TEST(notes_of_another_store_and_schema_are_not_taken_over),
		TEST(a_row_where_one_stands_is_damage_in_memory_too),
		TEST(a_missing_table_is_damage),
		TEST(a_spoilt_header_is_noticed),
		TEST(a_truncated_file_is_made_again_or_damaged),
		TEST(an_index_without_its_log_is_older_but_sound),
		TEST(
		    an_index_that_was_removed_is_made_again_beside_its_old_log),
		TEST(the_index_of_another_store_is_thrown_away),
		TEST(every_changed_column_is_noticed_when_it_is_read),
		TEST(rows_that_went_or_came_are_noticed_by_a_verification),
		TEST(rubbish_in_a_page_is_never_an_answer),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}

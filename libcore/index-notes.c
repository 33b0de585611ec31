#include "index-private.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* Prepare a statement and find its one row; index_done(*s) either way. */
static enum blk_status
find(struct index *x, enum index_statement which, enum index_table t,
    const char *key, sqlite3_stmt **s, struct fault *why)
{
	enum blk_status st = index_prepare(x, which, s, why);

	if (st == BLK_OK)
		st = index_bind(x, *s, why, "t", key);
	return st == BLK_OK ? index_step(x, *s, t, why) : st;
}

/* --- names --- */

enum blk_status
index_name_set(struct catalog *c, const char *name, uint64_t number,
    const struct digest *vid, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;

	st = index_take(x, SQL_NAME_DROP, TABLE_NAMES, why, "t", name);
	if (st != BLK_OK)
		return st;
	return index_put(
	    x, SQL_NAME_ADD, TABLE_NAMES, NULL, why, "tud", name, number, vid);
}

enum blk_status
index_name_get(struct catalog *c, const char *name, uint64_t *number,
    struct digest *vid, struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st;

	st = find(index_of(c), SQL_NAME, TABLE_NAMES, name, &s, why);
	if (st == BLK_OK) {
		*number = column_u64(s, 1);
		column_digest(s, 2, vid);
	}
	index_done(s);
	return st;
}

enum blk_status
index_name_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const char *name, uint64_t number,
        const struct digest *vid, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st, said = BLK_OK;
	sqlite3_stmt *s = NULL;
	struct digest vid;

	st = index_prepare_text(x, index_sql[SQL_NAMES], &s, why);
	if (st != BLK_OK)
		return st;
	while (said == BLK_OK &&
	    (st = index_step(x, s, TABLE_NAMES, why)) == BLK_OK) {
		column_digest(s, 2, &vid);
		said =
		    visit(arg, column_text(s, 0), column_u64(s, 1), &vid, why);
	}
	sqlite3_finalize(s);
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
}

/* --- settings --- */

enum blk_status
index_setting_set(
    struct catalog *c, const char *key, const char *value, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;

	st = index_take(x, SQL_SETTING_DROP, TABLE_SETTINGS, why, "t", key);
	if (st != BLK_OK || value == NULL)
		return st;
	return index_put(
	    x, SQL_SETTING_ADD, TABLE_SETTINGS, NULL, why, "tt", key, value);
}

enum blk_status
index_setting_get(
    struct catalog *c, const char *key, char **value, struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st;

	*value = NULL;
	st = find(index_of(c), SQL_SETTING, TABLE_SETTINGS, key, &s, why);
	if (st == BLK_OK) {
		*value = strdup(column_text(s, 1));
		if (*value == NULL)
			st = fault_nomem(why);
	}
	index_done(s);
	return st;
}

enum blk_status
index_setting_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, const char *key, const char *value, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st, said = BLK_OK;
	sqlite3_stmt *s = NULL;

	st = index_prepare_text(x, index_sql[SQL_SETTINGS], &s, why);
	if (st != BLK_OK)
		return st;
	while (said == BLK_OK &&
	    (st = index_step(x, s, TABLE_SETTINGS, why)) == BLK_OK)
		said = visit(arg, column_text(s, 0), column_text(s, 1), why);
	sqlite3_finalize(s);
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
}

/* --- statistics and records --- */

enum blk_status
index_stat_add(
    struct catalog *c, uint64_t commit, const char *line, struct fault *why)
{
	struct index *x = index_of(c);

	/* None is ever removed by itself: the next is the number of rows. */
	return index_put(x, SQL_STAT_ADD, TABLE_STATS, NULL, why, "uut",
	    x->sum[TABLE_STATS].rows + 1, commit, line);
}

enum blk_status
index_stat_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, uint64_t commit, const char *line, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st, said = BLK_OK;
	sqlite3_stmt *s = NULL;

	st = index_prepare_text(x, index_sql[SQL_STATS], &s, why);
	if (st != BLK_OK)
		return st;
	while (said == BLK_OK &&
	    (st = index_step(x, s, TABLE_STATS, why)) == BLK_OK)
		said = visit(arg, column_u64(s, 1), column_text(s, 2), why);
	sqlite3_finalize(s);
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
}

enum blk_status
index_record_add(struct catalog *c, uint64_t number, const struct digest *hash,
    const void *text, size_t len, struct fault *why)
{
	return index_put(index_of(c), SQL_RECORD_ADD, TABLE_RECORDS, NULL, why,
	    "udb", number, hash, text, len);
}

enum blk_status
index_record_each(struct catalog *c, uint64_t from,
    enum blk_status (*visit)(void *arg, uint64_t number,
        const struct digest *hash, struct span text, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st, said = BLK_OK;
	sqlite3_stmt *s = NULL;
	struct digest hash;

	st = index_prepare_text(x, index_sql[SQL_RECORDS], &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "i", index_bound(from));
	while (st == BLK_OK && said == BLK_OK &&
	    (st = index_step(x, s, TABLE_RECORDS, why)) == BLK_OK) {
		const void *text = sqlite3_column_blob(s, 2);

		column_digest(s, 1, &hash);
		said = visit(arg, column_u64(s, 0), &hash,
		    span_of(text, (size_t)sqlite3_column_bytes(s, 2)), why);
	}
	sqlite3_finalize(s);
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
}

enum blk_status
index_records_drop(struct catalog *c, uint64_t below, struct fault *why)
{
	return index_take(index_of(c), SQL_RECORDS_DROP, TABLE_RECORDS, why,
	    "i", index_bound(below));
}

/* --- damage --- */

enum blk_status
index_damage_has(struct catalog *c, const struct digest *segment,
    uint32_t ordinal, bool *damaged, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	sqlite3_stmt *s;

	*damaged = false;
	st = index_prepare(x, SQL_DAMAGE, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "du", segment, (uint64_t)ordinal);
	if (st == BLK_OK)
		st = index_step(x, s, TABLE_DAMAGE, why);
	index_done(s);
	*damaged = st == BLK_OK;
	return st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
index_damage_note(struct catalog *c, const struct digest *segment,
    uint32_t ordinal, bool damaged, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	bool had;

	st = index_damage_has(c, segment, ordinal, &had, why);
	if (st != BLK_OK || had == damaged)
		return st;
	if (damaged)
		st = index_put(x, SQL_DAMAGE_ADD, TABLE_DAMAGE, NULL, why, "du",
		    segment, (uint64_t)ordinal);
	else
		st = index_take(x, SQL_DAMAGE_DROP, TABLE_DAMAGE, why, "du",
		    segment, (uint64_t)ordinal);
	if (st == BLK_OK)
		x->meta.totals.damaged += damaged ? 1 : UINT64_MAX;
	return st;
}

/* All notes; where lenient those that can be read. */
static enum blk_status
collect_notes(
    struct index *x, struct index_damage *d, bool lenient, struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	sqlite3_stmt *s = NULL;
	enum blk_status st;
	int rc = SQLITE_DONE;

	st = index_prepare_text(x, "SELECT segment, ordinal, chk FROM damage",
	    &s, lenient ? &ignored : why);
	if (st != BLK_OK)
		return lenient ? BLK_OK : st;
	while (st == BLK_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		bool sound = index_row_sound(s, TABLE_DAMAGE);

		if (!sound && !lenient)
			st = index_unsound(x, TABLE_DAMAGE, why);
		if (!sound)
			continue;
		st = array_grow((void **)&d->note, d->notes, &d->cap,
		    sizeof(*d->note), why);
		if (st != BLK_OK)
			break;
		column_digest(s, 0, &d->note[d->notes].segment);
		d->note[d->notes++].ordinal = (uint32_t)column_u64(s, 1);
	}
	if (st == BLK_OK && rc != SQLITE_DONE && !lenient)
		st = index_fault(x, rc, why);
	sqlite3_finalize(s);
	return st;
}

enum blk_status
index_damage_save(struct index *x, struct index_damage *d, struct fault *why)
{
	return collect_notes(x, d, true, why);
}

enum blk_status
index_damage_restore(
    struct index *x, const struct index_damage *d, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < d->notes; i++)
		st = index_damage_note(&x->base, &d->note[i].segment,
		    d->note[i].ordinal, true, why);
	return st;
}

enum blk_status
index_damage_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *segment,
        uint32_t ordinal, struct fault *why),
    void *arg, struct fault *why)
{
	struct index_damage d = { .note = NULL };
	enum blk_status st = collect_notes(index_of(c), &d, false, why);

	for (size_t i = 0; st == BLK_OK && i < d.notes; i++)
		st = visit(arg, &d.note[i].segment, d.note[i].ordinal, why);
	free(d.note);
	return st;
}

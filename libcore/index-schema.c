/*
 * The schema of the index, version 1, and all statements but those that list
 * versions.
 *
 * Ids are BLOBs of 32 bytes, times ns since 1970, sizes bytes.  Users read
 * tables and views alike; they are free to, with "sqlite3 -readonly".
 *
 * Every row ends in chk: the low 32 bits, as a signed number, of XXH3-64
 * over 8-byte little-endian words: the number of the table (enum
 * index_table), then each column in its order, an integer as it is, text and
 * BLOBs as the XXH3-64 of their bytes.  The table sums holds the number of
 * rows of each table and the sum of their checks as unsigned numbers.
 *
 * meta        one row: what the index is of, the head of the log that it has
 *             come to, and totals over the rows of the other tables.
 * segments    one for each segment, live or condemned, in order of adding.
 *             live and marks add up what facts say of its copies (catalog.h):
 *             a collector compares the two before it condemns.
 * facts       all that is known of an id in one row, so that one descent of
 *             one B-tree answers: the newest of its copies (kind, or 0; place
 *             = the object in the segment's table), one of its counts (class
 *             = 16 + class, or 0), and the rest, if there is any, as JSON,
 *             [[what,segment,place,amount],...], in order: copies (what =
 *             kind, amount = length), counts (what = 16 + class) and what of
 *             it is lost (what = 32 + class).  A copy whose segment has no
 *             row is stale: the segment was dropped; it is swept later.
 * versions    live ones.  unnamed: the name is 64 hex digits.  attrs, links:
 *             rows that belong to it.  expires 0: never.  previous is empty
 *             where there is none, type NULL (in its check: empty text).
 * names       last number and version of each name.
 *
 * The views entries, objects, counts and lost say the same in plain words;
 * said has the facts one by one.
 */
#include "index-private.h"

const char index_tables[] =
    "CREATE TABLE meta("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " schema INTEGER NOT NULL, store BLOB NOT NULL,"
    " generation BLOB NOT NULL,"
    " known INTEGER NOT NULL, number INTEGER NOT NULL,"
    " hash BLOB NOT NULL, tail BLOB NOT NULL, bytes INTEGER NOT NULL,"
    " checkpoint INTEGER NOT NULL, durable INTEGER NOT NULL,"
    " partial INTEGER NOT NULL,"
    " segments INTEGER NOT NULL, live_bytes INTEGER NOT NULL,"
    " plain_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,"
    " condemned INTEGER NOT NULL, condemned_bytes INTEGER NOT NULL,"
    " objects INTEGER NOT NULL, counted INTEGER NOT NULL,"
    " contents INTEGER NOT NULL, chunks INTEGER NOT NULL,"
    " versions INTEGER NOT NULL, names INTEGER NOT NULL,"
    " lost INTEGER NOT NULL, damaged INTEGER NOT NULL,"
    " stale INTEGER NOT NULL, stale_max INTEGER NOT NULL,"
    " slice INTEGER NOT NULL, chk INTEGER NOT NULL);"
    "CREATE TABLE sums("
    " name TEXT NOT NULL PRIMARY KEY, rows INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, chk INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE segments("
    " seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " place TEXT NOT NULL," /* "segments" or "log" */
    " bytes INTEGER NOT NULL, plain INTEGER NOT NULL,"
    " live INTEGER NOT NULL, marks INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " time INTEGER NOT NULL, objects INTEGER NOT NULL,"
    " copies INTEGER NOT NULL, reason TEXT NOT NULL,"
    " condemned INTEGER NOT NULL, chk INTEGER NOT NULL);"
    "CREATE TABLE facts("
    " id BLOB NOT NULL PRIMARY KEY, kind INTEGER NOT NULL,"
    " segment INTEGER NOT NULL, place INTEGER NOT NULL,"
    " length INTEGER NOT NULL, class INTEGER NOT NULL,"
    " count INTEGER NOT NULL, rest TEXT, chk INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE versions("
    " vid BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
    " number INTEGER NOT NULL, previous BLOB NOT NULL,"
    " class TEXT NOT NULL, content BLOB NOT NULL,"
    " size INTEGER NOT NULL, time INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, type TEXT,"
    " unnamed INTEGER NOT NULL, attrs INTEGER NOT NULL,"
    " links INTEGER NOT NULL, chk INTEGER NOT NULL);"
    "CREATE INDEX versions_name ON versions(name, number);"
    "CREATE INDEX versions_named ON versions(name, number)"
    " WHERE unnamed = 0;"
    "CREATE INDEX versions_content ON versions(content);"
    "CREATE INDEX versions_type ON versions(type, name, number)"
    " WHERE type IS NOT NULL;"
    "CREATE INDEX versions_time ON versions(time);"
    "CREATE TABLE attrs("
    " vid BLOB NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " chk INTEGER NOT NULL, PRIMARY KEY(vid, key)) WITHOUT ROWID;"
    "CREATE TABLE links("
    " vid BLOB NOT NULL, rel TEXT NOT NULL, class TEXT NOT NULL,"
    " id BLOB NOT NULL, chk INTEGER NOT NULL,"
    " PRIMARY KEY(vid, rel, class, id)) WITHOUT ROWID;"
    "CREATE INDEX links_target ON links(id);"
    "CREATE TABLE names("
    " name TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL,"
    " vid BLOB NOT NULL, chk INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE settings("
    " key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL,"
    " chk INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE stats("
    " seq INTEGER PRIMARY KEY, number INTEGER NOT NULL,"
    " line TEXT NOT NULL, chk INTEGER NOT NULL);"
    "CREATE TABLE records("
    " number INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
    " text BLOB NOT NULL, chk INTEGER NOT NULL);"
    "CREATE TABLE damage("
    " segment BLOB NOT NULL, ordinal INTEGER NOT NULL,"
    " chk INTEGER NOT NULL, PRIMARY KEY(segment, ordinal))"
    " WITHOUT ROWID;";

const char index_views[] =
    "CREATE VIEW entries AS SELECT name, number AS version, size,"
    " strftime('%Y-%m-%dT%H:%M:%SZ', (SELECT min(f.time) FROM versions f"
    " WHERE f.name = v.name) / 1000000000, 'unixepoch') AS created,"
    " strftime('%Y-%m-%dT%H:%M:%SZ', time / 1000000000, 'unixepoch')"
    " AS modified,"
    " lower(hex(content)) AS checksum, type AS content_type"
    " FROM versions v WHERE expires = 0 OR"
    " expires > strftime('%s', 'now') * 1000000000;"
    "CREATE VIEW said AS SELECT id, kind AS what, segment, place,"
    " length AS amount FROM facts WHERE kind > 0"
    " UNION ALL SELECT id, class, 0, 0, count FROM facts WHERE class > 0"
    " UNION ALL SELECT facts.id, json_extract(value, '$[0]'),"
    " json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
    " json_extract(value, '$[3]') FROM facts, json_each(rest)"
    " WHERE rest IS NOT NULL;"
    "CREATE VIEW objects AS SELECT id,"
    " CASE what WHEN 1 THEN 'data' WHEN 2 THEN 'list' WHEN 3 THEN 'piece'"
    " WHEN 4 THEN 'tree' WHEN 5 THEN 'snapshot' WHEN 6 THEN 'version' END"
    " AS kind, segment, place AS ordinal, amount AS length"
    " FROM said WHERE what < 16 AND segment IN"
    " (SELECT seq FROM segments WHERE condemned = 0);"
    "CREATE VIEW counts AS SELECT id,"
    " CASE what WHEN 16 THEN 'content' WHEN 17 THEN 'data'"
    " WHEN 18 THEN 'piece' WHEN 19 THEN 'tree' WHEN 20 THEN 'snapshot'"
    " WHEN 21 THEN 'version' END AS class, amount AS count"
    " FROM said WHERE what >= 16 AND what < 32;"
    "CREATE VIEW lost AS SELECT id,"
    " CASE what WHEN 32 THEN 'content' WHEN 33 THEN 'data'"
    " WHEN 34 THEN 'piece' WHEN 35 THEN 'tree' WHEN 36 THEN 'snapshot'"
    " WHEN 37 THEN 'version' END AS class"
    " FROM said WHERE what >= 32;";

static const struct {
	const char *name;
	int columns;
} table[TABLES] = {
	[TABLE_META] = { "meta", 29 },
	[TABLE_SUMS] = { "sums", 3 },
	[TABLE_SEGMENTS] = { "segments", 13 },
	[TABLE_FACTS] = { "facts", 8 },
	[TABLE_VERSIONS] = { "versions", 13 },
	[TABLE_ATTRS] = { "attrs", 3 },
	[TABLE_LINKS] = { "links", 4 },
	[TABLE_NAMES] = { "names", 3 },
	[TABLE_SETTINGS] = { "settings", 2 },
	[TABLE_STATS] = { "stats", 3 },
	[TABLE_RECORDS] = { "records", 3 },
	[TABLE_DAMAGE] = { "damage", 2 },
};

const char *
index_table_name(enum index_table t)
{
	return table[t].name;
}

int
index_table_columns(enum index_table t)
{
	return table[t].columns;
}

#define SEGMENT_SELECT                                                         \
	"SELECT seq, id, place, bytes, plain, live, marks, number, time,"      \
	" objects, copies, reason, condemned, chk FROM segments "

#define FACT_SELECT                                                            \
	"SELECT id, kind, segment, place, length, class, count, rest, chk"     \
	" FROM facts "

#define FACT "(?,?,?,?,?,?,?,?,?)"
#define FACTS4 FACT "," FACT "," FACT "," FACT
#define FACTS FACTS4 "," FACTS4 "," FACTS4 "," FACTS4 /* INDEX_LOT */

const char *const index_sql[STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN",
	[SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_META] =
	    "SELECT one, schema, store, generation, known, number,"
	    " hash, tail, bytes, checkpoint, durable, partial, segments,"
	    " live_bytes, plain_bytes, stored_bytes, condemned,"
	    " condemned_bytes, objects, counted, contents,"
	    " chunks, versions, names,"
	    " lost, damaged, stale, stale_max, slice, chk FROM meta",
	[SQL_META_SET] = "REPLACE INTO meta VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
	                 "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_SUMS] = "SELECT name, rows, sum, chk FROM sums",
	[SQL_SUM_SET] = "REPLACE INTO sums VALUES(?,?,?,?)",

	[SQL_SEGMENT] = SEGMENT_SELECT "WHERE seq = ?",
	[SQL_SEGMENT_BY_ID] = SEGMENT_SELECT "WHERE id = ?",
	[SQL_SEGMENT_NEXT] =
	    SEGMENT_SELECT "WHERE seq > ? ORDER BY seq LIMIT 1",
	[SQL_SEGMENT_LAST] = SEGMENT_SELECT "ORDER BY seq DESC LIMIT 1",
	[SQL_SEGMENT_ADD] =
	    "INSERT INTO segments VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_SEGMENT_SET] =
	    "UPDATE segments SET id = ?2, place = ?3, bytes = ?4,"
	    " plain = ?5, live = ?6, marks = ?7, number = ?8, time = ?9,"
	    " objects = ?10, copies = ?11, reason = ?12, condemned = ?13,"
	    " chk = ?14"
	    " WHERE seq = ?1",
	[SQL_SEGMENT_DROP] = "DELETE FROM segments WHERE seq = ? RETURNING chk",

	[SQL_FACTS] = FACT_SELECT "WHERE id = ?",
	[SQL_ALL_FACTS] = FACT_SELECT,
	[SQL_FACT_ADD] = "INSERT INTO facts VALUES" FACT,
	[SQL_FACTS_ADD] = "INSERT INTO facts VALUES" FACTS,
	[SQL_FACT_SET] = "REPLACE INTO facts VALUES" FACT,
	[SQL_FACTS_SET] = "REPLACE INTO facts VALUES" FACTS,
	[SQL_FACT_DROP] = "DELETE FROM facts WHERE id = ?",
	[SQL_LOST] = FACT_SELECT "WHERE rest IS NOT NULL ORDER BY id",
	[SQL_COPIES] = FACT_SELECT "WHERE kind > 0",
	[SQL_IDS] = FACT_SELECT "WHERE id >= ? AND id <= ? ORDER BY id",
	[SQL_IDS_SOME] =
	    FACT_SELECT "WHERE id > ? AND id < ? ORDER BY id LIMIT ?",

	[SQL_VERSION] = "SELECT * FROM versions WHERE vid = ?",
	[SQL_VERSIONS_OF] = "SELECT * FROM versions INDEXED BY versions_name"
	                    " WHERE name = ? ORDER BY number, vid",
	[SQL_NEWEST_OF] =
	    "SELECT * FROM versions INDEXED BY versions_name"
	    " WHERE name = ? ORDER BY number DESC, vid DESC LIMIT 1",
	[SQL_VERSION_ADD] =
	    "INSERT INTO versions VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_VERSION_DROP] = "DELETE FROM versions WHERE vid = ? RETURNING chk",
	[SQL_NAME_IN_USE] = "SELECT 1 FROM versions WHERE name = ? LIMIT 1",
	[SQL_ATTRS] = "SELECT vid, key, value, chk FROM attrs WHERE vid = ?"
	              " ORDER BY key",
	[SQL_ATTR_ADD] = "INSERT INTO attrs VALUES(?,?,?,?)",
	[SQL_ATTRS_DROP] = "DELETE FROM attrs WHERE vid = ? RETURNING chk",
	[SQL_LINKS] = "SELECT vid, rel, class, id, chk FROM links WHERE vid = ?"
	              " ORDER BY rel, class, id",
	[SQL_LINK_ADD] = "INSERT INTO links VALUES(?,?,?,?,?)",
	[SQL_LINKS_DROP] = "DELETE FROM links WHERE vid = ? RETURNING chk",

	[SQL_NAME] = "SELECT name, number, vid, chk FROM names WHERE name = ?",
	[SQL_NAME_ADD] = "INSERT INTO names VALUES(?,?,?,?)",
	[SQL_NAME_DROP] = "DELETE FROM names WHERE name = ? RETURNING chk",
	[SQL_NAMES] = "SELECT name, number, vid, chk FROM names ORDER BY name",

	[SQL_SETTING] = "SELECT key, value, chk FROM settings WHERE key = ?",
	[SQL_SETTING_ADD] = "INSERT INTO settings VALUES(?,?,?)",
	[SQL_SETTING_DROP] = "DELETE FROM settings WHERE key = ? RETURNING chk",
	[SQL_SETTINGS] = "SELECT key, value, chk FROM settings ORDER BY key",

	[SQL_STAT_ADD] = "INSERT INTO stats VALUES(?,?,?,?)",
	[SQL_STATS] = "SELECT seq, number, line, chk FROM stats ORDER BY seq",

	[SQL_RECORD_ADD] = "INSERT INTO records VALUES(?,?,?,?)",
	[SQL_RECORDS] = "SELECT number, hash, text, chk FROM records"
	                " WHERE number >= ? ORDER BY number",
	[SQL_RECORDS_DROP] =
	    "DELETE FROM records WHERE number < ? RETURNING chk",

	[SQL_DAMAGE] = "SELECT segment, ordinal, chk FROM damage"
	               " WHERE segment = ? AND ordinal = ?",
	[SQL_DAMAGE_ADD] = "INSERT INTO damage VALUES(?,?,?)",
	[SQL_DAMAGE_DROP] = "DELETE FROM damage WHERE segment = ? AND"
	                    " ordinal = ? RETURNING chk",
};

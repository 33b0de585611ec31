#include "index-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"

#define APPLICATION 1112296297 /* "BLKi", in the header of the file */
#define BUSY_MS 2000           /* for programs that know nothing of our locks */

const char index_other_store[] = "it is another store's";
const char index_other_schema[] = "";

/* --- the connection --- */

void
index_detach(struct index *x)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(x->stmt[i]);
	memset(x->stmt, 0, sizeof(x->stmt));
	if (x->db != NULL)
		sqlite3_close(x->db);
	x->db = NULL;
	x->writing = false;
	x->held = x->keep = x->memo.known = false;
	index_pending_release(x);
	index_row_release(&x->row);
	x->version = 0;
	index_segments_clear(x);
}

static int
note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct index *x = arg;

	(void)db;
	(void)name;
	x->wal_pages = pages;
	return SQLITE_OK;
}

int
index_busy_ms(const struct index *x)
{
	int ms = x->o.lock_wait_ms;

	if (ms < 0 || ms > BUSY_MS)
		return BUSY_MS;
	return ms < 50 ? 50 : ms;
}

/* Nothing that a file says may run: no triggers, no views, no functions in
 * its schema. */
static enum blk_status
configure(struct index *x, struct fault *why)
{
	uint64_t kib = x->o.cache_bytes / 1024;
	char sql[256];
	int rc;

	sqlite3_extended_result_codes(x->db, 1);
	sqlite3_db_config(x->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(x->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(x->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(x->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_wal_autocheckpoint(x->db, 0);
	sqlite3_wal_hook(x->db, note_wal, x);
	sqlite3_busy_timeout(x->db, index_busy_ms(x));
	sqlite3_snprintf(sizeof(sql), sql,
	    "PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 0;"
	    "PRAGMA cache_size = -%lld; PRAGMA cell_size_check = ON;"
	    "PRAGMA secure_delete = OFF",
	    (long long)(kib < 256   ? 256
	            : kib > INT_MAX ? INT_MAX
	                            : kib));
	rc = sqlite3_exec(x->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

static void
prepare_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum blk_status
connect_to(struct index *x, const char *name, int flags, struct fault *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc;

	pthread_once(&once, prepare_library);
	rc = sqlite3_open_v2(name, &x->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return index_fault(x, rc, why);
	return configure(x, why);
}

/* A file that nobody can be writing to, on a medium that takes no locks. */
static enum blk_status
connect_immutable(struct index *x, struct fault *why)
{
	struct buf uri = BUF_INIT(3 * PATH_MAX + 64);
	enum blk_status st = buf_printf(&uri, why, "file:");

	for (const char *p = x->path; st == BLK_OK && *p != '\0'; p++)
		st = strchr("%?#", *p) != NULL
		    ? buf_printf(&uri, why, "%%%02X", (unsigned char)*p)
		    : buf_add(&uri, p, 1, why);
	if (st == BLK_OK)
		st = buf_printf(&uri, why, "?immutable=1");
	if (st == BLK_OK)
		st = connect_to(x, (const char *)uri.data,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, why);
	buf_release(&uri);
	return st;
}

/*
 * What the tables are like, as a number in the file's header: of an index that
 * has others not even its row of meta can be read.  Made of their definitions,
 * so that nobody has to think of it.
 */
static int
layout(void)
{
	uint64_t tables = digest_xxh64(index_tables, strlen(index_tables));
	uint64_t views = digest_xxh64(index_views, strlen(index_views));

	return (int)((3 * tables + views + INDEX_SCHEMA) & INT_MAX);
}

/* The answer, one row of one column, of a question that every database
 * understands: in *number, or a BLOB of len bytes. */
static enum blk_status
ask(struct index *x, const char *sql, int *number, void *blob, size_t len,
    struct fault *why)
{
	sqlite3_stmt *s = NULL;
	enum blk_status st = index_prepare_text(x, sql, &s, why);
	int rc = st == BLK_OK ? sqlite3_step(s) : SQLITE_OK;

	if (st == BLK_OK && rc != SQLITE_ROW)
		st = index_fault(x, rc, why);
	if (st == BLK_OK && number != NULL)
		*number = sqlite3_column_int(s, 0);
	if (st == BLK_OK && blob != NULL) {
		memset(blob, 0, len);
		if ((size_t)sqlite3_column_bytes(s, 0) == len)
			memcpy(blob, sqlite3_column_blob(s, 0), len);
	}
	sqlite3_finalize(s);
	return st;
}

bool
index_is_of_store(struct index *x)
{
	struct fault ignored = FAULT_NONE;
	uint8_t store[16];

	return x->db != NULL &&
	    ask(x, "SELECT store FROM meta", NULL, store, sizeof(store),
	        &ignored) == BLK_OK &&
	    memcmp(store, x->o.store, sizeof(store)) == 0;
}

/* Does the file hold what we would have written?  BLK_CORRUPT and *reason
 * if not. */
static enum blk_status
recognize(struct index *x, const char **reason, struct fault *why)
{
	uint8_t store[16];
	struct index_meta m;
	uint64_t schema = 0;
	enum blk_status st;
	int of = 0, found = 0;

	*reason = "it is damaged";
	st = ask(x, "PRAGMA application_id", &of, NULL, 0, why);
	if (st == BLK_OK)
		st = ask(x, "PRAGMA user_version", &found, NULL, 0, why);
	if (st != BLK_OK)
		return st;
	if (of != APPLICATION)
		return fault(why, BLK_CORRUPT, "index: no index of blk");
	if (found != layout()) {
		*reason = index_other_schema;
		return fault(why, BLK_CORRUPT, "index: of another schema");
	}
	st = index_meta_read(x, &m, store, x->generation, &schema, why);
	if (st != BLK_OK)
		return st;
	if (schema != INDEX_SCHEMA)
		return fault(why, BLK_CORRUPT, "index: %s", *reason);
	if (memcmp(store, x->o.store, sizeof(store)) != 0) {
		*reason = index_other_store;
		return fault(why, BLK_CORRUPT, "index: %s", *reason);
	}
	*reason = NULL;
	return BLK_OK;
}

uint64_t
index_size_of(const struct index *x, const char *name)
{
	struct stat sb;

	return fstatat(x->dir_fd, name, &sb, 0) == 0 ? (uint64_t)sb.st_size : 0;
}

static enum blk_status
connect_file(struct index *x, const char **reason, struct fault *why)
{
	enum blk_status st;

	if (!x->o.read_only)
		return connect_to(x, x->path, SQLITE_OPEN_READWRITE, why);
	st = connect_to(x, x->path, SQLITE_OPEN_READONLY, why);
	if (st == BLK_OK)
		st = recognize(x, reason, why);
	if (st != BLK_FAILED || index_size_of(x, INDEX_FILE "-wal") > 0)
		return st;
	index_detach(x); /* its shared memory cannot be made */
	return connect_immutable(x, why);
}

enum blk_status
index_attach(struct index *x, const char **reason, struct fault *why)
{
	enum blk_status st;
	struct stat sb;

	index_detach(x);
	*reason = NULL;
	if (fstatat(x->dir_fd, INDEX_FILE, &sb, 0) == -1) {
		if (errno == ENOENT)
			return BLK_ABSENT;
		return fault_sys(why, "index %s", x->path);
	}
	x->dev = sb.st_dev;
	x->ino = sb.st_ino;
	*reason = "it is no database";
	st = connect_file(x, reason, why);
	if (st == BLK_OK)
		st = recognize(x, reason, why);
	if (st != BLK_OK && st != BLK_CORRUPT)
		index_detach(x);
	return st;
}

/* --- making one --- */

/* Tables and the row of meta.  A cut of power here leaves a file that the
 * next one throws away: nothing is synced. */
static enum blk_status
lay_out(struct index *x, const struct index_damage *damage, struct fault *why)
{
	enum blk_status st;
	char sql[96];

	snprintf(sql, sizeof(sql),
	    "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION,
	    layout());
	st = digest_random(x->generation, sizeof(x->generation), why);
	if (st == BLK_OK)
		st = index_execute(x,
		    "PRAGMA synchronous = OFF; PRAGMA page_size = 4096;"
		    "PRAGMA auto_vacuum = INCREMENTAL;"
		    "PRAGMA journal_mode = WAL; BEGIN",
		    why);
	if (st == BLK_OK)
		st = index_execute(x, sql, why);
	if (st == BLK_OK)
		st = index_execute(x, index_tables, why);
	if (st == BLK_OK)
		st = index_execute(x, index_views, why);
	x->meta = (struct index_meta){ .stale = 0 };
	memset(x->sum, 0, sizeof(x->sum));
	x->writing = true;
	if (st == BLK_OK && damage != NULL)
		st = index_damage_restore(x, damage, why);
	if (st == BLK_OK)
		st = index_meta_write(x, why);
	if (st == BLK_OK)
		st = index_sums_write(x, why);
	x->writing = false;
	if (st == BLK_OK)
		st = index_execute(x,
		    "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
		    "PRAGMA synchronous = NORMAL",
		    why);
	return st;
}

static enum blk_status
make_file(struct index *x, struct fault *why)
{
	int fd = openat(x->dir_fd, INDEX_FILE,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, x->file_mode);

	/* Its log and shared memory get the mode that it has. */
	if (fd == -1)
		return fault_sys(why, "index %s", x->path);
	if (fchmod(fd, x->file_mode) == -1) {
		fault_sys(why, "index %s", x->path);
		file_close(fd);
		return BLK_FAILED;
	}
	file_close(fd);
	return connect_to(x, x->path, SQLITE_OPEN_READWRITE, why);
}

enum blk_status
index_make(struct index *x, struct fault *why)
{
	static const char *const file[] = { INDEX_FILE, INDEX_FILE "-wal",
		INDEX_FILE "-shm", INDEX_FILE "-journal" };
	struct index_damage damage = { .note = NULL };
	enum blk_status st = BLK_OK;

	if (x->db != NULL)
		st = index_damage_save(x, &damage, why);
	index_detach(x);
	for (size_t i = 0; st == BLK_OK && i < sizeof(file) / sizeof(file[0]);
	     i++)
		if (unlinkat(x->dir_fd, file[i], 0) == -1 && errno != ENOENT)
			st = fault_sys(why, "index %s", x->path);
	if (st == BLK_OK)
		st = make_file(x, why);
	if (st == BLK_OK)
		st = lay_out(x, &damage, why);
	index_detach(x);
	free(damage.note);
	return st;
}

enum blk_status
index_open_memory(struct index *x, struct fault *why)
{
	enum blk_status st;

	st = connect_to(
	    x, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, why);
	return st == BLK_OK ? lay_out(x, NULL, why) : st;
}

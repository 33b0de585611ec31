#include "index-private.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

/* --- faults --- */

static enum blk_status
status_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return BLK_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_CONSTRAINT: /* a row that stands where none may */
	case SQLITE_MISMATCH:
	case SQLITE_ERROR: /* a table is missing */
	case SQLITE_SCHEMA:
		return BLK_CORRUPT;
	default:
		return BLK_FAILED;
	}
}

static int
last_errno(sqlite3_file *f)
{
	int sys = 0;

	if (f != NULL && f->pMethods != NULL)
		(void)f->pMethods->xFileControl(
		    f, SQLITE_FCNTL_LAST_ERRNO, &sys);
	return sys;
}

/*
 * SQLite says of a read that the system refused that the database is
 * malformed; only its open files, the database and its log, know better.  A
 * file remembers the last refusal, so that damage found after one is called a
 * failure: the next command will see it.
 */
static int
refused_read(struct index *x)
{
	static const int files[] = { SQLITE_FCNTL_FILE_POINTER,
		SQLITE_FCNTL_JOURNAL_POINTER };
	int sys = 0;

	for (size_t i = 0; x->db != NULL && i < 2; i++) {
		sqlite3_file *f = NULL;

		if (sqlite3_file_control(x->db, "main", files[i], &f) ==
		    SQLITE_OK)
			sys = last_errno(f);
		if (sys == EIO || sys == ENXIO)
			return sys;
	}
	return 0;
}

enum blk_status
index_fault(struct index *x, int rc, struct fault *why)
{
	enum blk_status st = status_of(rc);
	const char *path = x->path != NULL ? x->path : "in memory";
	int sys = x->db == NULL ? 0 : sqlite3_system_errno(x->db);
	int refused =
	    st == BLK_CORRUPT && !x->o.in_memory ? refused_read(x) : 0;

	if (refused != 0) {
		sys = refused;
		rc = SQLITE_IOERR;
		st = BLK_FAILED;
	}
	if ((rc & 0xff) == SQLITE_NOMEM)
		return fault_nomem(why);
	if (st == BLK_BUSY)
		return fault(
		    why, st, "index %s: another program writes to it", path);
	if (st == BLK_CORRUPT)
		return fault(why, st, "index %s is damaged (%s)", path,
		    x->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(x->db));
	fault(why, st, "index %s: %s%s%s", path, sqlite3_errstr(rc),
	    sys != 0 ? ": " : "", sys != 0 ? strerror(sys) : "");
	why->sys = sys;
	return st;
}

enum blk_status
index_unsound(struct index *x, enum index_table t, struct fault *why)
{
	return fault(why, BLK_CORRUPT, "index %s is damaged (table %s)",
	    x->path != NULL ? x->path : "in memory", index_table_name(t));
}

/* --- checks --- */

struct check {
	uint8_t word[INDEX_COLUMNS * 8];
	size_t len;
};

static void
check_begin(struct check *k, enum index_table t)
{
	put_le64(k->word, t);
	k->len = 8;
}

static void
check_number(struct check *k, uint64_t v)
{
	put_le64(k->word + k->len, v);
	k->len += 8;
}

static void
check_bytes(struct check *k, const void *p, size_t len)
{
	check_number(k, digest_xxh64(len > 0 ? p : "", len));
}

static uint32_t
check_end(const struct check *k)
{
	return (uint32_t)digest_xxh64(k->word, k->len);
}

uint32_t
index_row_check(sqlite3_stmt *s, enum index_table t)
{
	int n = index_table_columns(t);
	struct check k;

	check_begin(&k, t);
	for (int i = 0; i < n; i++) {
		const void *p;

		if (sqlite3_column_type(s, i) == SQLITE_INTEGER) {
			check_number(&k, column_u64(s, i));
			continue;
		}
		p = sqlite3_column_blob(s, i);
		check_bytes(&k, p, (size_t)sqlite3_column_bytes(s, i));
	}
	return check_end(&k);
}

bool
index_row_sound(sqlite3_stmt *s, enum index_table t)
{
	int n = index_table_columns(t);

	return sqlite3_column_type(s, n) == SQLITE_INTEGER &&
	    (uint32_t)sqlite3_column_int(s, n) == index_row_check(s, t);
}

/*
 * Facts are most of all rows, and most of what is read: each column once.  A
 * number that stands there as something else is as good as its value.
 */
enum blk_status
index_row_read(
    struct index *x, sqlite3_stmt *s, struct index_row *r, struct fault *why)
{
	const struct index_columns c = { .kind = column_u64(s, 1),
		.segment = column_u64(s, 2),
		.place = column_u64(s, 3),
		.length = column_u64(s, 4),
		.class = column_u64(s, 5),
		.count = column_u64(s, 6) };
	const bool more = sqlite3_column_type(s, 7) != SQLITE_NULL;
	const char *rest = NULL;
	enum blk_status st = BLK_OK;
	bool sound;
	struct check k;

	/* An id is in the check by its bytes; what stands there as something
	 * else would be one of zeros. */
	if (sqlite3_column_type(s, 0) != SQLITE_BLOB ||
	    sqlite3_column_bytes(s, 0) != DIGEST_LEN)
		return index_unsound(x, TABLE_FACTS, why);
	if (more)
		rest = (const char *)sqlite3_column_text(s, 7);
	if (more && rest == NULL)
		return fault_nomem(why);
	if ((size_t)sqlite3_column_bytes(s, 7) > INDEX_REST_MAX)
		return index_unsound(x, TABLE_FACTS, why);
	column_digest(s, 0, &r->id);
	r->chk = (uint32_t)sqlite3_column_int(s, 8);
	check_begin(&k, TABLE_FACTS);
	check_bytes(&k, r->id.byte, DIGEST_LEN);
	check_number(&k, c.kind);
	check_number(&k, c.segment);
	check_number(&k, c.place);
	check_number(&k, c.length);
	check_number(&k, c.class);
	check_number(&k, c.count);
	check_bytes(&k, rest, (size_t)sqlite3_column_bytes(s, 7));
	sound = check_end(&k) == r->chk;
	if (sound)
		st = index_row_unpack(r, &c, rest, &sound, why);
	return st == BLK_OK && !sound ? index_unsound(x, TABLE_FACTS, why) : st;
}

/* --- statements --- */

/* After a replacement or a yield that failed. */
static enum blk_status
closed(struct fault *why)
{
	return fault(why, BLK_FAILED, "index: it was closed by a failure");
}

enum blk_status
index_prepare_text(
    struct index *x, const char *sql, sqlite3_stmt **out, struct fault *why)
{
	int rc;

	*out = NULL;
	if (x->db == NULL)
		return closed(why);
	rc = sqlite3_prepare_v2(x->db, sql, -1, out, NULL);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

enum blk_status
index_prepare(struct index *x, enum index_statement which, sqlite3_stmt **out,
    struct fault *why)
{
	int rc;

	*out = x->stmt[which];
	if (*out != NULL)
		return BLK_OK;
	if (x->db == NULL)
		return closed(why);
	rc = sqlite3_prepare_v3(x->db, index_sql[which], -1,
	    SQLITE_PREPARE_PERSISTENT, &x->stmt[which], NULL);
	*out = x->stmt[which];
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

void
index_done(sqlite3_stmt *s)
{
	if (s != NULL)
		sqlite3_reset(s);
}

static int
bind_bytes(sqlite3_stmt *s, int i, struct check *k, const void *p, size_t len)
{
	if (k != NULL)
		check_bytes(k, p, len);
	/* A NULL pointer would bind NULL. */
	return sqlite3_bind_blob64(s, i, len > 0 ? p : "", len, SQLITE_STATIC);
}

static int
bind_text(sqlite3_stmt *s, int i, struct check *k, const char *text)
{
	size_t len = strlen(text);

	if (k != NULL)
		check_bytes(k, text, len);
	return sqlite3_bind_text64(s, i, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Bind the values of a format behind parameter *at, which moves; k, unless
 * NULL, gets their words. */
static int
bind_all(
    sqlite3_stmt *s, struct check *k, int *at, const char *format, va_list ap)
{
	int rc = SQLITE_OK, i = *at;

	for (; rc == SQLITE_OK && *format != '\0'; format++, i++) {
		const void *p;
		int64_t v;

		switch (*format) {
		case 'i':
		case 'u':
			v = *format == 'i' ? va_arg(ap, int64_t)
			                   : (int64_t)va_arg(ap, uint64_t);
			if (k != NULL)
				check_number(k, (uint64_t)v);
			rc = sqlite3_bind_int64(s, i + 1, v);
			break;
		case 't':
			rc = bind_text(s, i + 1, k, va_arg(ap, const char *));
			break;
		case 'n':
			p = va_arg(ap, const char *);
			rc = bind_text(s, i + 1, k, p);
			if (*(const char *)p == '\0')
				rc = sqlite3_bind_null(s, i + 1);
			break;
		case 'd':
			p = va_arg(ap, const struct digest *);
			rc = bind_bytes(s, i + 1, k, p, DIGEST_LEN);
			break;
		default:
			p = va_arg(ap, const void *);
			rc = bind_bytes(s, i + 1, k, p, va_arg(ap, size_t));
			break;
		}
	}
	*at = i;
	return rc;
}

enum blk_status
index_bind(struct index *x, sqlite3_stmt *s, struct fault *why,
    const char *format, ...)
{
	va_list ap;
	int rc, at = 0;

	va_start(ap, format);
	rc = bind_all(s, NULL, &at, format, ap);
	va_end(ap);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

static enum blk_status
finish(struct index *x, sqlite3_stmt *s, int rc, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW && rc != SQLITE_OK)
		st = index_fault(x, rc, why);
	sqlite3_reset(s);
	return st;
}

enum blk_status
index_run(struct index *x, enum index_statement which, struct fault *why,
    const char *format, ...)
{
	enum blk_status st;
	sqlite3_stmt *s;
	va_list ap;
	int rc, at = 0;

	st = index_prepare(x, which, &s, why);
	if (st != BLK_OK)
		return st;
	va_start(ap, format);
	rc = bind_all(s, NULL, &at, format, ap);
	va_end(ap);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	return finish(x, s, rc, why);
}

enum blk_status
index_step(
    struct index *x, sqlite3_stmt *s, enum index_table t, struct fault *why)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return index_row_sound(s, t) ? BLK_OK
		                             : index_unsound(x, t, why);
	return rc == SQLITE_DONE ? BLK_ABSENT : index_fault(x, rc, why);
}

enum blk_status
index_step_row(
    struct index *x, sqlite3_stmt *s, struct index_row *r, struct fault *why)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return index_row_read(x, s, r, why);
	return rc == SQLITE_DONE ? BLK_ABSENT : index_fault(x, rc, why);
}

enum blk_status
index_execute(struct index *x, const char *sql, struct fault *why)
{
	int rc;

	if (x->db == NULL)
		return closed(why);
	rc = sqlite3_exec(x->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

/* --- rows that are summed --- */

void
index_forget(struct index *x, enum index_table t, uint32_t chk)
{
	x->sum[t].rows--;
	x->sum[t].sum -= chk;
	x->sum[t].changed = true;
}

void
index_note(struct index *x, enum index_table t, uint32_t chk)
{
	x->sum[t].rows++;
	x->sum[t].sum += chk;
	x->sum[t].changed = true;
}

static int
bind_row(sqlite3_stmt *s, enum index_table t, int *at, uint32_t *chk,
    const char *format, va_list ap)
{
	struct check k;
	int rc;

	check_begin(&k, t);
	rc = bind_all(s, &k, at, format, ap);
	*chk = check_end(&k);
	return rc == SQLITE_OK ? sqlite3_bind_int(s, ++*at, (int)*chk) : rc;
}

enum blk_status
index_bind_row(struct index *x, sqlite3_stmt *s, enum index_table t, int *at,
    uint32_t *chk, struct fault *why, const char *format, ...)
{
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = bind_row(s, t, at, chk, format, ap);
	va_end(ap);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

enum blk_status
index_write(struct index *x, sqlite3_stmt *s, struct fault *why)
{
	return finish(x, s, sqlite3_step(s), why);
}

enum blk_status
index_put(struct index *x, enum index_statement which, enum index_table t,
    struct index_made *made, struct fault *why, const char *format, ...)
{
	struct index_made m = { false, 0 };
	enum blk_status st;
	sqlite3_stmt *s;
	va_list ap;
	int rc, at = 0;

	if (made != NULL)
		*made = m; /* also where it fails */
	st = index_prepare(x, which, &s, why);
	if (st != BLK_OK)
		return st;
	va_start(ap, format);
	rc = bind_row(s, t, &at, &m.chk, format, ap);
	va_end(ap);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	m.made = rc == SQLITE_DONE && sqlite3_changes(x->db) > 0;
	if (m.made)
		index_note(x, t, m.chk);
	if (made != NULL)
		*made = m;
	return finish(x, s, rc, why);
}

enum blk_status
index_take(struct index *x, enum index_statement which, enum index_table t,
    struct fault *why, const char *format, ...)
{
	enum blk_status st;
	sqlite3_stmt *s;
	va_list ap;
	int rc, at = 0;

	st = index_prepare(x, which, &s, why);
	if (st != BLK_OK)
		return st;
	va_start(ap, format);
	rc = bind_all(s, NULL, &at, format, ap);
	va_end(ap);
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(s)) == SQLITE_ROW)
			index_forget(x, t, (uint32_t)sqlite3_column_int(s, 0));
	return finish(x, s, rc, why);
}

/* --- columns --- */

void
column_digest(sqlite3_stmt *s, int i, struct digest *id)
{
	const void *p = sqlite3_column_blob(s, i);

	/* A row whose check matches has 32 bytes here. */
	memset(id, 0, sizeof(*id));
	if (p != NULL && sqlite3_column_bytes(s, i) == DIGEST_LEN)
		memcpy(id, p, DIGEST_LEN);
}

const char *
column_text(sqlite3_stmt *s, int i)
{
	const unsigned char *p = sqlite3_column_text(s, i);

	return p == NULL ? "" : (const char *)p;
}

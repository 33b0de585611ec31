#include "index-private.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "structure.h"

/* --- reading --- */

static bool
copy_text(sqlite3_stmt *s, int i, char **to)
{
	*to = strdup(column_text(s, i));
	return *to != NULL;
}

static enum blk_status
bad_row(struct index *x, struct fault *why)
{
	return index_unsound(x, TABLE_VERSIONS, why);
}

/* The attributes of vid; want says how many there are. */
static enum blk_status
read_attrs(struct index *x, const struct digest *vid, size_t want,
    struct version *v, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;
	size_t cap = 0;

	st = index_prepare(x, SQL_ATTRS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", vid);
	while (st == BLK_OK) {
		struct version_attr *a;

		st = index_step(x, s, TABLE_ATTRS, why);
		if (st == BLK_OK)
			st = array_grow((void **)&v->attr, v->attrs, &cap,
			    sizeof(*v->attr), why);
		if (st != BLK_OK)
			break;
		a = &v->attr[v->attrs++];
		*a = (struct version_attr){ NULL, NULL };
		if (!copy_text(s, 1, &a->key) || !copy_text(s, 2, &a->value))
			st = fault_nomem(why);
	}
	index_done(s);
	if (st == BLK_ABSENT)
		st = v->attrs == want ? BLK_OK : bad_row(x, why);
	return st;
}

static enum blk_status
read_links(struct index *x, const struct digest *vid, size_t want,
    struct version *v, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;
	size_t cap = 0;

	st = index_prepare(x, SQL_LINKS, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", vid);
	while (st == BLK_OK) {
		struct version_link *l;

		st = index_step(x, s, TABLE_LINKS, why);
		if (st == BLK_OK)
			st = array_grow((void **)&v->link, v->links, &cap,
			    sizeof(*v->link), why);
		if (st != BLK_OK)
			break;
		l = &v->link[v->links++];
		*l = (struct version_link){ .rel = NULL };
		column_digest(s, 3, &l->id);
		if (!copy_text(s, 1, &l->rel))
			st = fault_nomem(why);
		else if (!class_of(span_str(column_text(s, 2)), &l->class))
			st = bad_row(x, why);
	}
	index_done(s);
	if (st == BLK_ABSENT)
		st = v->links == want ? BLK_OK : bad_row(x, why);
	return st;
}

/* The row that s stands on, and what belongs to it. */
static enum blk_status
read_version(struct index *x, sqlite3_stmt *s, struct catalog_version *out,
    struct fault *why)
{
	struct version *v = &out->v;
	enum blk_status st = BLK_OK;

	*v = (struct version){ .name = NULL };
	column_digest(s, 0, &out->vid);
	v->number = column_u64(s, 2);
	v->has_previous = sqlite3_column_bytes(s, 3) > 0;
	column_digest(s, 3, &v->previous);
	column_digest(s, 5, &v->id);
	v->size = column_u64(s, 6);
	v->time = sqlite3_column_int64(s, 7);
	v->expires = sqlite3_column_int64(s, 8);
	if (!copy_text(s, 1, &v->name) || !copy_text(s, 9, &v->type))
		st = fault_nomem(why);
	else if (!class_of(span_str(column_text(s, 4)), &v->class))
		st = bad_row(x, why);
	if (st == BLK_OK && column_u64(s, 11) > 0)
		st =
		    read_attrs(x, &out->vid, (size_t)column_u64(s, 11), v, why);
	if (st == BLK_OK && column_u64(s, 12) > 0)
		st =
		    read_links(x, &out->vid, (size_t)column_u64(s, 12), v, why);
	if (st != BLK_OK)
		version_release(v);
	return st;
}

enum blk_status
index_version_get(struct catalog *c, const struct digest *vid,
    struct catalog_version *v, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	sqlite3_stmt *s;

	st = index_prepare(x, SQL_VERSION, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "d", vid);
	if (st == BLK_OK)
		st = index_step(x, s, TABLE_VERSIONS, why);
	if (st == BLK_OK)
		st = read_version(x, s, v, why);
	index_done(s);
	return st;
}

/* --- writing --- */

static enum blk_status
name_in_use(struct index *x, const char *name, bool *used, struct fault *why)
{
	enum blk_status st;
	sqlite3_stmt *s;
	int rc;

	*used = false;
	st = index_prepare(x, SQL_NAME_IN_USE, &s, why);
	if (st == BLK_OK)
		st = index_bind(x, s, why, "t", name);
	if (st != BLK_OK)
		return st;
	rc = sqlite3_step(s);
	*used = rc == SQLITE_ROW;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		st = index_fault(x, rc, why);
	index_done(s);
	return st;
}

/* names in totals: before a version of name is added, or after one went. */
static enum blk_status
count_name(struct index *x, const char *name, uint64_t by, struct fault *why)
{
	enum blk_status st;
	bool used;

	if (version_name_is_id(span_str(name)))
		return BLK_OK;
	st = name_in_use(x, name, &used, why);
	if (st == BLK_OK && !used)
		x->meta.totals.names += by;
	return st;
}

enum blk_status
index_version_drop(
    struct catalog *c, const struct digest *vid, struct fault *why)
{
	struct index *x = index_of(c);
	struct catalog_version v;
	enum blk_status st;

	st = index_version_get(c, vid, &v, why);
	if (st != BLK_OK)
		return st;
	st = index_take(x, SQL_VERSION_DROP, TABLE_VERSIONS, why, "d", vid);
	if (st == BLK_OK && v.v.attrs > 0)
		st = index_take(x, SQL_ATTRS_DROP, TABLE_ATTRS, why, "d", vid);
	if (st == BLK_OK && v.v.links > 0)
		st = index_take(x, SQL_LINKS_DROP, TABLE_LINKS, why, "d", vid);
	if (st == BLK_OK)
		st = count_name(x, v.v.name, UINT64_MAX, why);
	if (st == BLK_OK)
		x->meta.totals.versions--;
	version_release(&v.v);
	return st;
}

static enum blk_status
add_items(struct index *x, const struct digest *vid, const struct version *v,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < v->attrs; i++)
		st = index_put(x, SQL_ATTR_ADD, TABLE_ATTRS, NULL, why, "dtt",
		    vid, v->attr[i].key, v->attr[i].value);
	for (size_t i = 0; st == BLK_OK && i < v->links; i++)
		st = index_put(x, SQL_LINK_ADD, TABLE_LINKS, NULL, why, "dttd",
		    vid, v->link[i].rel, class_name(v->link[i].class),
		    &v->link[i].id);
	return st;
}

enum blk_status
index_version_put(struct catalog *c, const struct digest *vid,
    const struct version *v, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;

	st = index_version_drop(c, vid, why);
	if (st == BLK_OK || st == BLK_ABSENT)
		st = count_name(x, v->name, 1, why);
	if (st == BLK_OK)
		st = index_put(x, SQL_VERSION_ADD, TABLE_VERSIONS, NULL, why,
		    "dtubtduiinuuu", vid, v->name, v->number, &v->previous,
		    v->has_previous ? sizeof(v->previous) : (size_t)0,
		    class_name(v->class), &v->id, v->size, v->time, v->expires,
		    v->type, (uint64_t)version_name_is_id(span_str(v->name)),
		    (uint64_t)v->attrs, (uint64_t)v->links);
	if (st == BLK_OK)
		st = add_items(x, vid, v, why);
	if (st == BLK_OK)
		x->meta.totals.versions++;
	return st;
}

/* --- listing --- */

/*
 * The least text above all that begin with prefix: its last byte raised by
 * one.  NULL in *out where there is none (all bytes are 255).
 */
static enum blk_status
prefix_end(const char *prefix, char **out, struct fault *why)
{
	size_t n = strlen(prefix);

	while (n > 0 && (unsigned char)prefix[n - 1] == 0xff)
		n--;
	*out = NULL;
	if (n == 0)
		return BLK_OK;
	*out = strndup(prefix, n);
	if (*out == NULL)
		return fault_nomem(why);
	(*out)[n - 1] = (char)((unsigned char)(*out)[n - 1] + 1);
	return BLK_OK;
}

/* The index that a query is answered by: the statistics that would let
 * SQLite choose are never made. */
static const char *
index_for(const struct catalog_query *q)
{
	if (q->content != NULL)
		return " INDEXED BY versions_content";
	if (q->link != NULL)
		return ""; /* by way of links_target and vid */
	if (q->name != NULL)
		return " INDEXED BY versions_name";
	if (q->prefix != NULL && q->prefix[0] != '\0')
		return " INDEXED BY versions_name";
	if (q->type != NULL && q->type[0] != '\0')
		return " INDEXED BY versions_type";
	if (q->since != 0 || q->until != 0)
		return " INDEXED BY versions_time";
	return q->named ? " INDEXED BY versions_named"
	                : " INDEXED BY versions_name";
}

static enum blk_status
query_text(const struct catalog_query *q, const char *end, struct buf *b,
    struct fault *why)
{
	bool by_type = q->type != NULL && q->type[0] != '\0';
	bool unnamed = q->unnamed && !q->named;

	return buf_printf(b, why,
	    "SELECT * FROM versions AS v%s WHERE 1%s%s%s%s%s%s%s%s%s%s%s%s"
	    " ORDER BY name, number, vid",
	    index_for(q), q->named ? " AND unnamed = 0" : "",
	    unnamed ? " AND unnamed = 1" : "",
	    q->name != NULL ? " AND name = ?1" : "",
	    q->prefix != NULL ? " AND name >= ?2" : "",
	    end != NULL ? " AND name < ?3" : "",
	    by_type               ? " AND type = ?4"
	        : q->type != NULL ? " AND type IS NULL"
	                          : "",
	    q->content != NULL ? " AND content = ?5" : "",
	    q->link != NULL
	        ? " AND vid IN (SELECT vid FROM links WHERE id = ?6)"
	        : "",
	    q->since != 0 ? " AND time >= ?7" : "",
	    q->until != 0 ? " AND time < ?8" : "",
	    q->newest ? " AND NOT EXISTS (SELECT 1 FROM versions AS n"
	                " INDEXED BY versions_name WHERE n.name = v.name AND"
	                " (n.number, n.vid) > (v.number, v.vid))"
	              : "",
	    q->after != NULL ? " AND (name, number) > (?9, ?10)" : "");
}

static int
bind_string(sqlite3_stmt *s, int i, const char *text)
{
	return text == NULL ? SQLITE_OK
	                    : sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

static int
bind_id(sqlite3_stmt *s, int i, const struct digest *id)
{
	return id == NULL
	    ? SQLITE_OK
	    : sqlite3_bind_blob(s, i, id->byte, DIGEST_LEN, SQLITE_STATIC);
}

static enum blk_status
bind_query(struct index *x, sqlite3_stmt *s, const struct catalog_query *q,
    const char *end, struct fault *why)
{
	int rc = bind_string(s, 1, q->name);

	/* SQLite refuses a parameter above the highest in the text. */
	if (rc == SQLITE_OK)
		rc = bind_string(s, 2, q->prefix);
	if (rc == SQLITE_OK)
		rc = bind_string(s, 3, end);
	if (rc == SQLITE_OK && q->type != NULL && q->type[0] != '\0')
		rc = bind_string(s, 4, q->type);
	if (rc == SQLITE_OK)
		rc = bind_id(s, 5, q->content);
	if (rc == SQLITE_OK)
		rc = bind_id(s, 6, q->link);
	if (rc == SQLITE_OK && q->since != 0)
		rc = sqlite3_bind_int64(s, 7, q->since);
	if (rc == SQLITE_OK && q->until != 0)
		rc = sqlite3_bind_int64(s, 8, q->until);
	if (rc == SQLITE_OK && q->after != NULL)
		rc = bind_string(s, 9, q->after);
	if (rc == SQLITE_OK && q->after != NULL)
		rc = sqlite3_bind_int64(s, 10, (int64_t)q->after_number);
	return rc == SQLITE_OK ? BLK_OK : index_fault(x, rc, why);
}

static enum blk_status
visit_rows(struct index *x, sqlite3_stmt *s,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why)
{
	enum blk_status st, said = BLK_OK;
	struct catalog_version v;

	while (said == BLK_OK &&
	    (st = index_step(x, s, TABLE_VERSIONS, why)) == BLK_OK) {
		st = read_version(x, s, &v, why);
		if (st != BLK_OK)
			return st;
		said = visit(arg, &v, why);
		version_release(&v.v);
	}
	return said != BLK_OK || st == BLK_ABSENT ? said : st;
}

/* Asked for each REF and each put: by name, and nothing else. */
static bool
is_by_name(const struct catalog_query *q)
{
	return q->name != NULL && q->prefix == NULL && q->type == NULL &&
	    q->content == NULL && q->link == NULL && q->since == 0 &&
	    q->until == 0 && !q->unnamed && !q->named && q->after == NULL;
}

/* *s is NULL when the statement is in use, by a visit that asks again. */
static enum blk_status
prepare_by_name(struct index *x, const struct catalog_query *q,
    sqlite3_stmt **s, struct fault *why)
{
	enum blk_status st;

	*s = NULL;
	if (!is_by_name(q))
		return BLK_OK;
	st = index_prepare(
	    x, q->newest ? SQL_NEWEST_OF : SQL_VERSIONS_OF, s, why);
	if (st != BLK_OK || !sqlite3_stmt_busy(*s))
		return st;
	*s = NULL;
	return BLK_OK;
}

static enum blk_status
each_by_name(struct index *x, sqlite3_stmt *s, const char *name,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why)
{
	enum blk_status st = index_bind(x, s, why, "t", name);

	if (st == BLK_OK)
		st = visit_rows(x, s, visit, arg, why);
	index_done(s);
	return st;
}

enum blk_status
index_version_each(struct catalog *c, const struct catalog_query *q,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why)
{
	struct index *x = index_of(c);
	struct buf text = BUF_INIT(4096);
	sqlite3_stmt *s;
	enum blk_status st;
	char *end = NULL;

	st = prepare_by_name(x, q, &s, why);
	if (st != BLK_OK || s != NULL)
		return st != BLK_OK
		    ? st
		    : each_by_name(x, s, q->name, visit, arg, why);
	if (q->prefix != NULL)
		st = prefix_end(q->prefix, &end, why);
	if (st == BLK_OK)
		st = query_text(q, end, &text, why);
	if (st == BLK_OK)
		st = index_prepare_text(x, (const char *)text.data, &s, why);
	if (st == BLK_OK)
		st = bind_query(x, s, q, end, why);
	if (st == BLK_OK)
		st = visit_rows(x, s, visit, arg, why);
	sqlite3_finalize(s);
	buf_release(&text);
	free(end);
	return st;
}

/*
 * Versions, names, settings, statistics and records.
 */
#include "catalog-memory.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

int
version_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->v.name, y->v.name);

	if (order != 0)
		return order;
	if (x->v.number != y->v.number)
		return x->v.number < y->v.number ? -1 : 1;
	/* An unnamed one that is replaced: for a moment there are two. */
	return digest_compare(&x->vid, &y->vid);
}

/* The first bytes of the name, as a number that orders alike. */
uint64_t
version_rank(const void *item)
{
	const char *name = ((const struct row *)item)->v.name;
	uint64_t rank = 0;
	size_t i = 0;

	for (; i < sizeof(rank) && name[i] != '\0'; i++)
		rank = rank << 8 | (unsigned char)name[i];
	for (; i < sizeof(rank); i++)
		rank <<= 8;
	return rank;
}

int
name_order(const void *a, const void *b)
{
	return strcmp(((const struct name_row *)a)->name,
	    ((const struct name_row *)b)->name);
}

int
setting_order(const void *a, const void *b)
{
	return strcmp(((const struct setting_row *)a)->key,
	    ((const struct setting_row *)b)->key);
}

void
row_free(void *item)
{
	struct row *r = item;

	version_release(&r->v);
	free(r);
}

void
name_free(void *item)
{
	free(((struct name_row *)item)->name);
	free(item);
}

void
setting_free(void *item)
{
	free(((struct setting_row *)item)->key);
	free(((struct setting_row *)item)->value);
	free(item);
}

/* The entry of the id that is the name; NULL: there is none, or it is a real
 * name. */
static struct entry *
unnamed_entry(const struct memory *m, const char *name)
{
	struct digest id;

	return digest_parse(name, strlen(name), &id) ? memory_entry(m, &id)
	                                             : NULL;
}

enum blk_status
memory_version_drop(
    struct catalog *c, const struct digest *vid, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct entry *e = memory_entry(m, vid), *unnamed;

	(void)why;
	if (e == NULL || e->version == NULL)
		return BLK_ABSENT;
	unnamed = unnamed_entry(m, e->version->v.name);
	if (unnamed != NULL)
		unnamed->unnamed--;
	skiplist_take(m->version, e->version);
	row_free(e->version);
	e->version = NULL;
	return BLK_OK;
}

enum blk_status
memory_version_put(struct catalog *c, const struct digest *vid,
    const struct version *v, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct digest id;
	bool unnamed = digest_parse(v->name, strlen(v->name), &id);
	enum blk_status st;
	struct entry *e;
	struct row *r;

	st = memory_version_drop(c, vid, why);
	if (st == BLK_ABSENT)
		st = BLK_OK;
	if (st == BLK_OK && unnamed)
		st = memory_entry_make(m, &id, &e, why);
	if (st == BLK_OK)
		st = memory_entry_make(m, vid, &e, why);
	if (st != BLK_OK)
		return st;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return fault_nomem(why);
	r->vid = *vid;
	st = version_copy(v, &r->v, why);
	if (st == BLK_OK)
		st = skiplist_put(m->version, r, why);
	if (st != BLK_OK) {
		row_free(r);
		return st;
	}
	e->version = r;
	if (unnamed)
		memory_entry(m, &id)->unnamed++;
	return BLK_OK;
}

enum blk_status
memory_version_get(struct catalog *c, const struct digest *vid,
    struct catalog_version *v, struct fault *why)
{
	const struct entry *e = memory_entry(memory_of(c), vid);

	if (e == NULL || e->version == NULL)
		return BLK_ABSENT;
	v->vid = *vid;
	return version_copy(&e->version->v, &v->v, why);
}

static bool
has_link(const struct version *v, const struct digest *id)
{
	for (size_t i = 0; i < v->links; i++)
		if (digest_equal(&v->link[i].id, id))
			return true;
	return false;
}

static bool
is_behind(const struct catalog_query *q, const struct version *v)
{
	int order = q->after == NULL ? -1 : strcmp(q->after, v->name);

	return order < 0 || (order == 0 && v->number > q->after_number);
}

static bool
query_takes(const struct catalog_query *q, const struct version *v)
{
	bool unnamed = version_name_is_id(span_str(v->name));

	if ((unnamed && q->named) || (!unnamed && q->unnamed && !q->named))
		return false;
	if (q->name != NULL && strcmp(q->name, v->name) != 0)
		return false;
	if (!is_behind(q, v))
		return false;
	if (q->prefix != NULL &&
	    strncmp(q->prefix, v->name, strlen(q->prefix)) != 0)
		return false;
	if (q->type != NULL && strcmp(q->type, v->type) != 0)
		return false;
	if (q->content != NULL && !digest_equal(q->content, &v->id))
		return false;
	if (q->link != NULL && !has_link(v, q->link))
		return false;
	if (q->since != 0 && v->time < q->since)
		return false;
	return q->until == 0 || v->time < q->until;
}

/* Nothing has the name that q wants?  That is cheap to tell of an id, and
 * asked of each object that is put. */
static bool
query_is_idle(const struct memory *m, const struct catalog_query *q)
{
	const struct entry *e;
	struct digest id;

	if (q->name == NULL || !digest_parse(q->name, strlen(q->name), &id))
		return false;
	e = memory_entry(m, &id);
	return e == NULL || e->unnamed == 0;
}

/* Past the last name that q can want? */
static bool
query_ends(const struct catalog_query *q, const char *name)
{
	if (q->name != NULL)
		return strcmp(name, q->name) > 0;
	return q->prefix != NULL && strcmp(name, q->prefix) > 0 &&
	    strncmp(name, q->prefix, strlen(q->prefix)) != 0;
}

enum blk_status
memory_version_each(struct catalog *c, const struct catalog_query *q,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	const char *from = q->name != NULL ? q->name
	    : q->after != NULL             ? q->after
	                                   : q->prefix;
	union {
		const char *in;
		char *out;
	} start = { from != NULL ? from : "" };
	const struct row key = { .v = { .name = start.out } };
	const struct row *r =
	    query_is_idle(m, q) ? NULL : skiplist_from(m->version, &key);
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && r != NULL && !query_ends(q, r->v.name)) {
		const struct row *next = skiplist_after(m->version, r);
		bool newest =
		    next == NULL || strcmp(next->v.name, r->v.name) != 0;

		if (query_takes(q, &r->v) && (newest || !q->newest))
			st = visit(arg,
			    &(struct catalog_version){ r->vid, r->v }, why);
		r = next;
	}
	return st;
}

enum blk_status
memory_name_set(struct catalog *c, const char *name, uint64_t number,
    const struct digest *vid, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct name_row key = { .number = 0 }, *r;
	enum blk_status st;

	key.name = strdup(name);
	if (key.name == NULL)
		return fault_nomem(why);
	r = skiplist_get(m->name, &key);
	if (r != NULL) {
		free(key.name);
		r->number = number;
		r->vid = *vid;
		return BLK_OK;
	}
	r = malloc(sizeof(*r));
	if (r == NULL) {
		free(key.name);
		return fault_nomem(why);
	}
	*r = (struct name_row){ key.name, number, *vid };
	st = skiplist_put(m->name, r, why);
	if (st != BLK_OK)
		name_free(r);
	return st;
}

enum blk_status
memory_name_get(struct catalog *c, const char *name, uint64_t *number,
    struct digest *vid, struct fault *why)
{
	union {
		const char *in;
		char *out;
	} text = { name };
	const struct name_row key = { .name = text.out };
	const struct name_row *r = skiplist_get(memory_of(c)->name, &key);

	(void)why;
	if (r == NULL)
		return BLK_ABSENT;
	*number = r->number;
	*vid = r->vid;
	return BLK_OK;
}

enum blk_status
memory_name_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const char *name, uint64_t number,
        const struct digest *vid, struct fault *why),
    void *arg, struct fault *why)
{
	struct skiplist *list = memory_of(c)->name;
	enum blk_status st = BLK_OK;

	for (const struct name_row *r = skiplist_first(list);
	     st == BLK_OK && r != NULL; r = skiplist_after(list, r))
		st = visit(arg, r->name, r->number, &r->vid, why);
	return st;
}

/* --- settings, statistics, records --- */

enum blk_status
memory_setting_set(
    struct catalog *c, const char *key, const char *value, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct setting_row *r = calloc(1, sizeof(*r)), *old;
	enum blk_status st = BLK_OK;

	if (r == NULL || (r->key = strdup(key)) == NULL) {
		free(r);
		return fault_nomem(why);
	}
	old = skiplist_take(m->setting, r);
	if (old != NULL)
		setting_free(old);
	if (value == NULL) {
		setting_free(r);
		return BLK_OK;
	}
	r->value = strdup(value);
	st = r->value == NULL ? fault_nomem(why)
	                      : skiplist_put(m->setting, r, why);
	if (st != BLK_OK)
		setting_free(r);
	return st;
}

enum blk_status
memory_setting_get(
    struct catalog *c, const char *key, char **value, struct fault *why)
{
	union {
		const char *in;
		char *out;
	} text = { key };
	const struct setting_row want = { .key = text.out };
	const struct setting_row *r =
	    skiplist_get(memory_of(c)->setting, &want);

	*value = NULL;
	if (r == NULL)
		return BLK_ABSENT;
	*value = strdup(r->value);
	return *value == NULL ? fault_nomem(why) : BLK_OK;
}

enum blk_status
memory_setting_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, const char *key, const char *value, struct fault *why),
    void *arg, struct fault *why)
{
	struct skiplist *list = memory_of(c)->setting;
	enum blk_status st = BLK_OK;

	for (const struct setting_row *r = skiplist_first(list);
	     st == BLK_OK && r != NULL; r = skiplist_after(list, r))
		st = visit(arg, r->key, r->value, why);
	return st;
}

enum blk_status
memory_stat_add(
    struct catalog *c, uint64_t commit, const char *line, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st;
	char *copy;

	st = array_grow(
	    (void **)&m->stat, m->stats, &m->stats_cap, sizeof(*m->stat), why);
	if (st != BLK_OK)
		return st;
	copy = strdup(line);
	if (copy == NULL)
		return fault_nomem(why);
	m->stat[m->stats].commit = commit;
	m->stat[m->stats++].line = copy;
	return BLK_OK;
}

enum blk_status
memory_stat_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, uint64_t commit, const char *line, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < m->stats; i++)
		st = visit(arg, m->stat[i].commit, m->stat[i].line, why);
	return st;
}

enum blk_status
memory_record_add(struct catalog *c, uint64_t number, const struct digest *hash,
    const void *text, size_t len, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct record_row *r;
	enum blk_status st;
	void *copy;

	st = array_grow((void **)&m->record, m->records, &m->records_cap,
	    sizeof(*m->record), why);
	if (st != BLK_OK)
		return st;
	copy = malloc(len + 1);
	if (copy == NULL)
		return fault_nomem(why);
	memcpy(copy, text, len);
	r = &m->record[m->records++];
	r->number = number;
	r->hash = *hash;
	r->text = copy;
	r->len = len;
	return BLK_OK;
}

/* The index of the first record that is not below number. */
static size_t
record_bound(const struct memory *m, uint64_t number)
{
	size_t lo = 0, hi = m->records;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->record[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum blk_status
memory_record_each(struct catalog *c, uint64_t from,
    enum blk_status (*visit)(void *arg, uint64_t number,
        const struct digest *hash, struct span text, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st = BLK_OK;

	for (size_t i = record_bound(m, from); st == BLK_OK && i < m->records;
	     i++)
		st = visit(arg, m->record[i].number, &m->record[i].hash,
		    span_of(m->record[i].text, m->record[i].len), why);
	return st;
}

enum blk_status
memory_records_drop(struct catalog *c, uint64_t below, struct fault *why)
{
	struct memory *m = memory_of(c);
	size_t kept = 0;

	(void)why;
	for (size_t i = 0; i < m->records; i++) {
		if (m->record[i].number < below)
			free(m->record[i].text);
		else
			m->record[kept++] = m->record[i];
	}
	m->records = kept;
	return BLK_OK;
}

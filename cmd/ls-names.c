/*
 * Names, versions and the links between them.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "ls.h"
#include "reader.h"
#include "refs.h"
#include "snapshot.h"

/* --- filters --- */

static bool
has_attr(const struct version *v, const char *want)
{
	size_t len = strcspn(want, "=");

	for (size_t i = 0; i < v->attrs; i++) {
		const struct version_attr *a = &v->attr[i];

		if (strlen(a->key) == len && strncmp(a->key, want, len) == 0 &&
		    (want[len] == '\0' ||
		        strcmp(a->value, want + len + 1) == 0))
			return true;
	}
	return false;
}

/* Was this snapshot made on the host that is asked for? */
static enum blk_status
is_of_host(struct ls *ls, const struct version *v, bool *is, struct fault *why)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct snapshot shot = { .name = NULL };
	enum blk_status st;

	*is = false;
	if (v->class != CLASS_SNAPSHOT)
		return BLK_OK;
	st = reader_text(ls->store, &v->id, CLASS_SNAPSHOT, &text, why);
	if (st == BLK_OK)
		st = snapshot_parse(span_of(text.data, text.len), &shot, why);
	if (st == BLK_OK)
		*is = strcmp(shot.host, ls->r->host) == 0;
	snapshot_release(&shot);
	buf_release(&text);
	/* Dropped and collected since the page was read. */
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
passes(struct ls *ls, const struct version *v, bool *is, struct fault *why)
{
	const struct ls_request *r = ls->r;

	*is = (r->type == NULL || strcmp(v->type, r->type) == 0) &&
	    (r->since == 0 || v->time >= r->since) &&
	    (r->until == 0 || v->time < r->until) &&
	    v->number >= r->min_index && v->number <= r->max_index;
	for (size_t i = 0; *is && i < r->attrs; i++)
		*is = has_attr(v, r->attr[i]);
	return *is && r->host != NULL ? is_of_host(ls, v, is, why) : BLK_OK;
}

/* --- one version --- */

static enum blk_status
offer(struct ls *ls, const struct catalog_version *v, struct fault *why)
{
	struct ls_item item = { .id = v->vid,
		.key = v->v.id,
		.size = v->v.size,
		.index = v->v.number,
		.time = v->v.time,
		.more = v };
	enum blk_status st;
	bool is;

	st = passes(ls, &v->v, &is, why);
	if (st != BLK_OK || !is)
		return st;
	if (ls->r->sort == LS_NAME && ls->r->operands > 1) {
		item.text = strdup(v->v.name);
		if (item.text == NULL)
			return fault_nomem(why);
		item.text_len = strlen(item.text) + 1;
	}
	return ls_offer(ls, &item, why);
}

static void
put_attrs(struct output *out, const struct version *v)
{
	output_nest(out, "attr");
	for (size_t i = 0; i < v->attrs; i++)
		output_bytes(out, v->attr[i].key, v->attr[i].value,
		    strlen(v->attr[i].value));
	output_nest_end(out);
}

static enum blk_status
put_links(struct output *out, const struct version *v, struct fault *why)
{
	char **text = calloc(v->links + 1, sizeof(*text));
	enum blk_status st = text == NULL ? fault_nomem(why) : BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < v->links; i++) {
		char hex[DIGEST_HEX];

		digest_hex(&v->link[i].id, hex);
		if (asprintf(&text[i], "%s=%s:%s", v->link[i].rel,
		        class_name(v->link[i].class), hex) < 0) {
			text[i] = NULL;
			st = fault_nomem(why);
		}
	}
	if (st == BLK_OK)
		output_strings(
		    out, "link", (const char *const *)text, v->links);
	for (size_t i = 0; text != NULL && i < v->links; i++)
		free(text[i]);
	free(text);
	return st;
}

static enum blk_status
put_version(struct ls *ls, const struct catalog_version *row, struct fault *why)
{
	const struct version *v = &row->v;
	struct output *out = ls->out;
	enum blk_status st;

	output_begin(out, "version");
	output_bytes(out, "name", v->name, strlen(v->name));
	output_u64(out, "index", v->number);
	ls_put_id(ls, "id", &v->id);
	output_string(out, "class", class_name(v->class));
	output_size(out, "size", v->size);
	output_time(out, "time", v->time);
	output_bytes(out, "content_type", v->type, strlen(v->type));
	if (v->expires != 0)
		output_time(out, "expires", v->expires);
	else
		output_none(out, "expires");
	ls_put_id(ls, "version", &row->vid);
	if (v->has_previous)
		ls_put_id(ls, "previous", &v->previous);
	else
		output_none(out, "previous");
	put_attrs(out, v);
	st = put_links(out, v, why);
	return st == BLK_OK ? output_end(out, why) : st;
}

static enum blk_status
show_version(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct catalog_version v;
	enum blk_status st;
	bool again;

	if (i->more != NULL)
		return put_version(ls, i->more, why);
	do {
		st = ls->catalog->type->version_get(
		    ls->catalog, &i->id, &v, why);
		st = ls_heal(ls, st, &again, why);
	} while (again);
	if (st == BLK_ABSENT) /* dropped while we sorted */
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	st = put_version(ls, &v, why);
	version_release(&v.v);
	return st;
}

static enum blk_status
take_living(struct ls *ls, const struct catalog_version *v, void *arg,
    struct fault *why)
{
	bool *any = arg;

	if (version_has_expired(&v->v, ls->now))
		return BLK_OK;
	*any = true;
	return offer(ls, v, why);
}

/* --- names --- */

struct pattern {
	const char *glob; /* NULL: all */
};

/* The newest of each name; where that has expired, the one before. */
static enum blk_status
take_newest(struct ls *ls, const struct catalog_version *v, void *arg,
    struct fault *why)
{
	const struct pattern *p = arg;
	struct catalog_version older;
	enum blk_status st;

	if (p->glob != NULL && !ref_glob(p->glob, v->v.name))
		return BLK_OK;
	if (!version_has_expired(&v->v, ls->now))
		return offer(ls, v, why);
	st = ref_newest(ls->catalog, v->v.name, ls->now, &older, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st == BLK_OK)
		st = offer(ls, &older, why);
	version_release(&older.v);
	return st;
}

/* Of a glob, what all names that it matches begin with; from malloc. */
static char *
literal_prefix(const char *glob)
{
	return strndup(glob, strcspn(glob, "*?[\\"));
}

static enum blk_status
list_pattern(struct ls *ls, const char *glob, struct fault *why)
{
	struct pattern p = { .glob = glob };
	char *prefix = glob == NULL ? NULL : literal_prefix(glob);
	const struct catalog_query q = {
		.prefix = prefix, .newest = true, .named = true
	};
	enum blk_status st;

	if (glob != NULL && prefix == NULL)
		return fault_nomem(why);
	st = ls_each_version(ls, q, take_newest, &p, why);
	free(prefix);
	return st;
}

/* What is there, but is no version's own content: a file of a snapshot. */
static enum blk_status
show_part(struct ls *ls, const char *text, const struct ref_target *t,
    struct fault *why)
{
	struct lookup l = { .class = t->class, .id = t->id };
	enum blk_status st = BLK_OK;

	ls->passed++;
	if (ls->r->count || ls->r->filter != 0)
		return BLK_OK;
	if (t->class == CLASS_CONTENT)
		st = lookup_size(ls->store, &l, why);
	if (st == BLK_ABSENT)
		return fault(why, st, "%s: no such name or object", text);
	if (st != BLK_OK)
		return st;
	output_begin(ls->out, "version");
	ls_put_id(ls, "id", &t->id);
	output_string(ls->out, "class", class_name(t->class));
	if (t->class == CLASS_CONTENT)
		output_size(ls->out, "size", l.size);
	return output_end(ls->out, why);
}

/* An id means all the versions that are of it. */
static enum blk_status
list_id(struct ls *ls, const char *text, const struct ref_target *t,
    struct fault *why)
{
	const struct catalog_query q = { .content = &t->id };
	struct catalog_version v;
	enum blk_status st;
	bool any = false;

	if (t->class == CLASS_VERSION) {
		st = ls->catalog->type->version_get(
		    ls->catalog, &t->id, &v, why);
		if (st != BLK_OK)
			return st == BLK_ABSENT ? show_part(ls, text, t, why)
			                        : st;
		st = offer(ls, &v, why);
		version_release(&v.v);
		return st;
	}
	st = ls_each_version(ls, q, take_living, &any, why);
	return st == BLK_OK && !any ? show_part(ls, text, t, why) : st;
}

static enum blk_status
list_ref(struct ls *ls, const char *text, struct fault *why)
{
	struct ref_target t;
	struct ref r;
	enum blk_status st;
	bool again;

	do {
		st = ref_find(ls->catalog, text, ls->now, &r, &t, why);
		st = ls_heal(ls, st, &again, why);
	} while (again);
	if (st != BLK_OK)
		return st;
	if (t.is_version &&
	    (r.which != REF_NEWEST ||
	        !version_name_is_id(span_str(t.version.v.name))))
		st = offer(ls, &t.version, why);
	else
		st = list_id(ls, text, &t, why);
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

/* A name may look like a pattern: then it means itself. */
static enum blk_status
list_operand(struct ls *ls, const char *text, struct fault *why)
{
	bool glob = strpbrk(text, "*?[") != NULL;
	enum blk_status st;

	if (glob && strpbrk(text, "@:") == NULL) {
		struct catalog_version v;

		st = ref_newest(ls->catalog, text, ls->now, &v, why);
		if (st == BLK_OK)
			version_release(&v.v);
		else if (st == BLK_ABSENT)
			return list_pattern(ls, text, why);
	}
	return list_ref(ls, text, why);
}

static enum blk_status
list_names(struct ls *ls, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (ls->r->operands == 0)
		return list_pattern(ls, NULL, why);
	for (int i = 0; i < ls->r->operands && !ls->full; i++) {
		st = list_operand(ls, ls->r->operand[i], why);
		if (ls->r->operands == 1 || st == BLK_FAILED)
			return st;
		if (st != BLK_OK)
			ls_complain(ls, st, why);
		else
			ls->code = cli_merge(ls->code, EXIT_DONE);
	}
	return BLK_OK;
}

static enum blk_status
list_versions(struct ls *ls, struct fault *why)
{
	const struct catalog_query q = { .name = ls->r->what };
	enum blk_status st;
	bool any = false;

	st = ls_each_version(ls, q, take_living, &any, why);
	if (st == BLK_OK && !any)
		st =
		    ref_absent(ls->catalog, ls->r->what, ": no such name", why);
	return st;
}

static const struct output_field version_fields[] = {
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "name", .title = "NAME" },
	{ .name = "index", .title = "INDEX", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "time", .title = "TIME" },
	{ .name = "class", .title = "CLASS" },
	{ .name = "content_type", .title = "TYPE" },
	{ .name = "expires", .title = "EXPIRES" },
	{ .name = "version", .title = "VERSION" },
	{ .name = "previous", .title = "PREVIOUS" },
	{ .name = "attr", .title = "ATTRIBUTES" },
	{ .name = "link", .title = "LINKS" },
	{ .name = NULL },
};

#define VERSION_FILTERS                                                        \
	(LS_BY_TYPE | LS_BY_TIME | LS_BY_INDEX | LS_BY_ATTR | LS_BY_HOST)
#define VERSION_SORTS (LS_NAME | LS_TIME | LS_SIZE | LS_INDEX | LS_ID)
#define VERSION_LONG "id class index size time expires content_type attr name"

const struct ls_mode ls_names = { .type = "version",
	.field = version_fields,
	.columns = "id size time name",
	.long_columns = VERSION_LONG,
	.filters = VERSION_FILTERS,
	.sorts = VERSION_SORTS,
	.list = list_names,
	.show = show_version };

const struct ls_mode ls_versions = { .type = "version",
	.field = version_fields,
	.columns = "id index size time name",
	.long_columns = VERSION_LONG,
	.filters = VERSION_FILTERS,
	.sorts = VERSION_SORTS,
	.list = list_versions,
	.show = show_version };

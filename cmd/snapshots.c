#include "snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "reader.h"
#include "refs.h"
#include "text.h"

#define RECORD_MAX ((size_t)256 << 20)
#define TAG_MAX ((size_t)255) /* bytes of a tag, or a host */

void
snapshot_version_release(struct snapshot_version *v)
{
	version_release(&v->v);
	snapshot_release(&v->snap);
}

void
snapshot_versions_release(struct snapshot_versions *l)
{
	for (size_t i = 0; i < l->count; i++)
		snapshot_version_release(&l->item[i]);
	free(l->item);
	*l = (struct snapshot_versions){ .item = NULL };
}

enum blk_status
snapshot_read(struct store *s, const struct digest *id, struct snapshot *snap,
    struct fault *why)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	enum blk_status st;
	char hex[DIGEST_HEX];

	st = reader_text(s, id, CLASS_SNAPSHOT, &text, why);
	if (st == BLK_OK)
		st = snapshot_parse(span_of(text.data, text.len), snap, why);
	buf_release(&text);
	digest_hex(id, hex);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "snapshot %s is missing", hex);
	return st == BLK_OK ? st : fault_in(why, st, "snapshot %s", hex);
}

struct loading {
	char *const *glob;
	int64_t now;
	struct snapshot_versions *list;
};

static bool
matches(char *const *glob, const char *name)
{
	if (glob == NULL || *glob == NULL)
		return true;
	for (; *glob != NULL; glob++)
		if (ref_glob(*glob, name))
			return true;
	return false;
}

static enum blk_status
see_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct loading *l = arg;
	struct snapshot_versions *list = l->list;
	enum blk_status st;

	if (v->v.class != CLASS_SNAPSHOT || !matches(l->glob, v->v.name) ||
	    version_has_expired(&v->v, l->now))
		return BLK_OK;
	st = array_grow((void **)&list->item, list->count, &list->cap,
	    sizeof(*list->item), why);
	if (st != BLK_OK)
		return st;
	list->item[list->count] = (struct snapshot_version){ .vid = v->vid };
	st = version_copy(&v->v, &list->item[list->count].v, why);
	list->count += st == BLK_OK;
	return st;
}

enum blk_status
snapshot_versions_load(struct store *s, char *const *glob,
    struct snapshot_versions *l, struct fault *why)
{
	const struct catalog_query q = { .named = true };
	struct loading loading = { glob, store_now(s), l };
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	st = c->type->version_each(c, &q, see_version, &loading, why);
	for (size_t i = 0; st == BLK_OK && i < l->count; i++)
		st = snapshot_read(s, &l->item[i].v.id, &l->item[i].snap, why);
	return st;
}

bool
snapshot_versions_have(const struct snapshot_versions *l, const char *glob)
{
	for (size_t i = 0; i < l->count; i++)
		if (ref_glob(glob, l->item[i].v.name))
			return true;
	return false;
}

enum blk_status
snapshot_versions_miss(struct cli *c, struct store *s,
    const struct snapshot_versions *l, int *code, struct fault *why)
{
	for (char **glob = c->operand; *glob != NULL; glob++) {
		enum blk_status st = BLK_OK;
		int one = EXIT_DONE;

		if (!snapshot_versions_have(l, *glob) &&
		    strpbrk(*glob, "*?[") == NULL)
			st = ref_absent(
			    store_catalog(s), *glob, ": no such snapshot", why);
		if (st == BLK_FAILED || (st != BLK_OK && c->operands == 1))
			return st;
		if (st != BLK_OK) {
			one = cli_fail(c, st, why);
			*why = (struct fault)FAULT_NONE;
		}
		*code = cli_merge(*code, one);
	}
	return BLK_OK;
}

enum blk_status
snapshot_of_ref(struct store *s, const char *ref, struct snapshot_version *out,
    struct fault *why)
{
	struct ref_target t = { .is_version = false };
	struct ref r = { .base = NULL };
	struct lookup l;
	enum blk_status st;

	*out = (struct snapshot_version){ .v = { .name = NULL } };
	st = ref_find(store_catalog(s), ref, store_now(s), &r, &t, why);
	if (st == BLK_OK)
		st = lookup_target(s, ref, &t, &l, why);
	if (st == BLK_OK && (l.class != CLASS_SNAPSHOT || r.has_path))
		st = fault(why, BLK_INVALID, "%s: not a snapshot", ref);
	if (st == BLK_OK && t.is_version) {
		out->vid = t.version.vid;
		st = version_copy(&t.version.v, &out->v, why);
	}
	if (st == BLK_OK)
		st = snapshot_read(s, &l.id, &out->snap, why);
	if (st == BLK_OK)
		out->v.id = l.id;
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

/* A tag holds no comma: it stands between tags, here and where one chooses by
 * them; nor what would break a list of them. */
void
snapshot_tags_add(
    const struct cli *c, struct snapshot_list *tags, const char *arg)
{
	struct fault why = FAULT_NONE;

	for (const char *at = arg; at != NULL;) {
		struct span tag = span_of(at, strcspn(at, ","));

		if (tag.len == 0)
			cli_usage(c, "--tag: '%s' has an empty tag", arg);
		if (tag.len > TAG_MAX)
			cli_usage(c, "--tag: longer than %zu bytes", TAG_MAX);
		if (text_has_control(tag))
			cli_usage(c, "--tag: a tag has no control characters");
		if (snapshot_list_add(tags, tag, &why) != BLK_OK)
			exit(cli_error(c, EXIT_FAILED, "%s", why.text));
		at += tag.len;
		at = *at == ',' ? at + 1 : NULL;
	}
}

void
snapshot_tags_release(struct snapshot_list *tags)
{
	for (size_t i = 0; i < tags->count; i++)
		free(tags->item[i]);
	free(tags->item);
	*tags = (struct snapshot_list){ .item = NULL };
}

const char *
snapshot_host(const struct cli *c, const char *arg)
{
	if (*arg == '\0' || strlen(arg) > TAG_MAX)
		cli_usage(c, "--host: '%.20s' can be no name of a host", arg);
	return arg;
}

enum blk_status
snapshot_join(struct buf *b, const struct snapshot_list *l, const char *between,
    struct fault *why)
{
	enum blk_status st = buf_printf(b, why, "%s", "");

	for (size_t i = 0; st == BLK_OK && i < l->count; i++)
		st = buf_printf(
		    b, why, "%s%s", i > 0 ? between : "", l->item[i]);
	return st;
}

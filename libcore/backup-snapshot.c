/*
 * What a backup leaves: the snapshot, the version that names it, the cache.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup-private.h"
#include "file.h"
#include "reader.h"
#include "refs.h"
#include "tree.h"

/* --- the scan cache --- */

static enum blk_status
open_cache(struct backup *b, const char *dir, struct fault *why)
{
	const struct store_config *c = store_config(b->s);
	struct scan_cache_key key = { .name = span_str(b->o->name),
		.flags = b->o->privileged_xattrs ? 1 : 0 };
	enum blk_status st = BLK_OK;
	bool reusable = false;

	memcpy(key.store, c->store, sizeof(key.store));
	if (!b->o->dry_run)
		st = file_mkdirs(AT_FDCWD, dir, 0700, why);
	if (st == BLK_OK)
		st = file_open_dir(AT_FDCWD, dir, &b->cache_fd, why);
	if (st == BLK_OK && !b->o->force)
		st = scan_cache_open(b->cache_fd, &key, &b->cache, why);
	if (st == BLK_OK && b->cache != NULL && b->w != NULL)
		st = writer_rely(b->w, scan_cache_tree(b->cache), CLASS_TREE,
		    &reusable, why);
	if (st == BLK_OK && !reusable) {
		scan_cache_close(b->cache);
		b->cache = NULL;
	}
	if (b->o->dry_run)
		return st == BLK_ABSENT ? BLK_OK : st;
	if (st == BLK_OK || st == BLK_ABSENT)
		st = scan_cache_create(
		    b->cache_fd, &key, store_now(b->s), &b->next_cache, why);
	return st;
}

/* A cache that cannot be had only costs time. */
void
backup_open_cache(struct backup *b)
{
	struct fault why = FAULT_NONE;
	enum blk_status st = BLK_OK;
	char *dir = NULL;

	if (b->o->cache_dir == NULL)
		return;
	if (asprintf(&dir, "%s/scan", b->o->cache_dir) < 0)
		return;
	st = open_cache(b, dir, &why);
	if (st != BLK_OK)
		store_warn(b->s, "no scan cache: %s", why.text);
	free(dir);
}

void
backup_save_cache(struct backup *b, const struct scan_entry *root)
{
	struct fault why = FAULT_NONE;

	if (b->next_cache == NULL)
		return;
	if (scan_cache_commit(b->next_cache, root->child, &root->id, &why) !=
	    BLK_OK)
		store_warn(b->s, "scan cache: %s", why.text);
}

/* --- the snapshot --- */

static enum blk_status
name_owners(struct backup *b, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < b->users.count; i++) {
		const struct passwd *p = getpwuid(b->users.number[i]);

		if (p != NULL)
			st = snapshot_add_owner(&b->snap.user,
			    b->users.number[i], span_str(p->pw_name), why);
	}
	for (size_t i = 0; st == BLK_OK && i < b->groups.count; i++) {
		const struct group *g = getgrgid(b->groups.number[i]);

		if (g != NULL)
			st = snapshot_add_owner(&b->snap.group,
			    b->groups.number[i], span_str(g->gr_name), why);
	}
	return st;
}

enum blk_status
backup_begin_snapshot(struct backup *b, struct fault *why)
{
	const char *host = b->o->host != NULL ? b->o->host : store_host(b->s);
	struct snapshot *n = &b->snap;
	enum blk_status st = BLK_OK;

	n->name = strdup(b->o->name);
	n->host = strdup(host);
	n->start = store_now(b->s);
	if (n->name == NULL || n->host == NULL)
		return fault_nomem(why);
	for (size_t i = 0; st == BLK_OK && i < b->o->tags; i++)
		st = snapshot_add_tag(n, span_str(b->o->tag[i]), why);
	return st;
}

static enum blk_status
end_snapshot(struct backup *b, struct digest *id, struct fault *why)
{
	const struct scan_entry *root = scan_root(b->scan);
	struct buf line = BUF_INIT(TREE_LINE_MAX), text = BUF_INIT(SEGMENT_MAX);
	enum blk_status st;

	b->snap.tree = root->id;
	b->snap.end = store_now(b->s);
	st = scan_root_line(b->scan, &line, why);
	if (st == BLK_OK) {
		free(b->snap.root);
		b->snap.root = strndup((char *)line.data, line.len);
		if (b->snap.root == NULL)
			st = fault_nomem(why);
	}
	if (st == BLK_OK)
		st = name_owners(b, why);
	if (st == BLK_OK)
		st = snapshot_format(&b->snap, &text, why);
	if (st == BLK_OK && b->w != NULL)
		st = lane_structure(b->worker[0].lane, KIND_SNAPSHOT, text.data,
		    text.len, id, why);
	else if (st == BLK_OK)
		st = digest_of(text.data, text.len, id, why);
	buf_release(&line);
	buf_release(&text);
	return st;
}

struct naming {
	struct backup *b;
	struct digest snapshot;
	struct digest vid;
	uint64_t number;
};

static enum blk_status
decide_name(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct naming *n = arg;
	const struct snapshot *snap = &n->b->snap;
	struct version_attr host = { NULL, NULL };
	struct version v = {
		.class = CLASS_SNAPSHOT, .id = n->snapshot, .size = snap->bytes
	};
	enum blk_status st;
	char key[] = "host", type[] = "";

	host.key = key;
	host.value = snap->host;
	v.name = snap->name;
	v.type = type;
	v.attr = &host;
	v.attrs = 1;
	st = store_add_version(s, k, &v, &n->vid, why);
	n->number = v.number;
	return st;
}

/* Are tree and root those of the newest version of the name? */
static enum blk_status
same_as_before(struct backup *b, bool *same, struct fault *why)
{
	struct buf text = BUF_INIT(SEGMENT_MAX);
	struct snapshot before = { .name = NULL };
	struct catalog_version v;
	enum blk_status st;

	*same = false;
	st = ref_newest(
	    store_catalog(b->s), b->o->name, store_now(b->s), &v, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	if (v.v.class == CLASS_SNAPSHOT)
		st = reader_text(b->s, &v.v.id, CLASS_SNAPSHOT, &text, why);
	if (st == BLK_OK && text.len > 0)
		st = snapshot_parse(span_of(text.data, text.len), &before, why);
	*same = st == BLK_OK && text.len > 0 &&
	    digest_equal(&before.tree, &b->snap.tree) &&
	    strcmp(before.root, b->snap.root) == 0;
	snapshot_release(&before);
	version_release(&v.v);
	buf_release(&text);
	/* A snapshot that cannot be read is no reason to make none. */
	return st == BLK_CORRUPT || st == BLK_ABSENT ? BLK_OK : st;
}

enum blk_status
backup_name_it(struct backup *b, struct backup_result *r, struct fault *why)
{
	struct naming n = { .b = b };
	struct store_outcome out;
	enum blk_status st;

	st = end_snapshot(b, &n.snapshot, why);
	r->snapshot = n.snapshot;
	r->tree = b->snap.tree;
	if (st == BLK_OK)
		st = same_as_before(b, &r->unchanged, why);
	if (st != BLK_OK || b->o->dry_run)
		return st;
	if (r->unchanged && b->o->skip_if_unchanged)
		return writer_abort(b->w, why);
	st = writer_commit(b->w, decide_name, &n, &out, why);
	r->vid = n.vid;
	r->number = n.number;
	return st;
}

/*
 * What stays, what goes, and whether what stays is there.
 */
#include <stdlib.h>
#include <string.h>

#include "prune.h"

static void
clear(struct prune *p)
{
	for (size_t i = 0; i < p->items; i++)
		free(p->item[i].group);
	free(p->item);
	p->item = NULL;
	p->items = p->drops = p->groups = 0;
	snapshot_versions_release(&p->all);
}

void
prune_release(struct prune *p)
{
	clear(p);
	idmap_release(&p->made_sure);
	data_check_release(&p->data);
}

/* --- groups --- */

/* No string of a snapshot holds a newline that would not be escaped here. */
static enum blk_status
group_of(const struct prune *p, const struct snapshot_version *v, char **group,
    struct fault *why)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	const struct snapshot_list *path = &v->snap.path;
	enum blk_status st;

	if (p->r->by_host_and_paths)
		st = text_escape(&b, span_str(v->snap.host), false, why);
	else
		st = buf_printf(&b, why, "%s", v->v.name);
	for (size_t i = 0;
	     st == BLK_OK && p->r->by_host_and_paths && i < path->count; i++) {
		st = buf_printf(&b, why, " ");
		if (st == BLK_OK)
			st = text_escape(
			    &b, span_str(path->item[i]), false, why);
	}
	if (st == BLK_OK)
		st = buf_add_u8(&b, 0, why);
	if (st != BLK_OK)
		buf_release(&b);
	*group = (char *)b.data;
	return st;
}

static int
compare(const void *a, const void *b)
{
	const struct prune_item *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	if (order == 0)
		order = (x->v->snap.start > y->v->snap.start) -
		    (x->v->snap.start < y->v->snap.start);
	if (order == 0)
		order = (x->v > y->v) - (x->v < y->v);
	return order;
}

static enum blk_status
make_items(struct prune *p, struct fault *why)
{
	enum blk_status st = BLK_OK;

	p->item = calloc(p->all.count + 1, sizeof(*p->item));
	if (p->item == NULL)
		return fault_nomem(why);
	for (size_t i = 0; st == BLK_OK && i < p->all.count; i++) {
		struct prune_item *item = &p->item[p->items];

		item->v = &p->all.item[i];
		st = group_of(p, item->v, &item->group, why);
		p->items += st == BLK_OK;
	}
	if (st == BLK_OK)
		qsort(p->item, p->items, sizeof(*p->item), compare);
	return st;
}

static enum blk_status
judge_group(struct prune *p, int64_t now, struct prune_item *item, size_t n,
    struct fault *why)
{
	struct retention_snapshot *shot = calloc(n, sizeof(*shot));
	uint32_t *reasons = calloc(n, sizeof(*reasons));
	enum blk_status st = BLK_OK;

	if (shot == NULL || reasons == NULL)
		st = fault_nomem(why);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		const struct snapshot *s = &item[i].v->snap;

		shot[i] = (struct retention_snapshot){ s->start,
			(const char *const *)s->tag.item, s->tag.count };
	}
	if (st == BLK_OK)
		st = retention_apply(&p->r->policy, now, shot, n, reasons, why);
	if (st == BLK_OK && !p->r->remove_all &&
	    retention_would_remove_all(reasons, n))
		st = fault(why, BLK_INVALID,
		    "no snapshot of %s would stay: nothing is dropped "
		    "(--unsafe-allow-remove-all insists)",
		    item->group);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		item[i].reasons = reasons[i];
		p->drops += reasons[i] == 0;
	}
	free(shot);
	free(reasons);
	return st;
}

static enum blk_status
judge(struct prune *p, int64_t now, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t from = 0, to; st == BLK_OK && from < p->items; from = to) {
		for (to = from + 1; to < p->items &&
		     strcmp(p->item[from].group, p->item[to].group) == 0;)
			to++;
		st = judge_group(p, now, &p->item[from], to - from, why);
		p->groups++;
	}
	return st;
}

/* --- is it there? --- */

/* *stands: the file is there, in its length. */
static enum blk_status
segment_stands(struct store *s, const struct catalog_segment *seg, bool *stands,
    struct fault *why)
{
	char key[SEGMENT_KEY_MAX > LOG_KEY_MAX ? SEGMENT_KEY_MAX : LOG_KEY_MAX];
	struct backend_stat bs;
	enum blk_status st;

	if (seg->in_log)
		log_key(seg->commit, key);
	else
		segment_key(&seg->id, key);
	st = backend_stat(store_backend(s), key, &bs, why);
	*stands = st == BLK_OK && bs.bytes == seg->bytes;
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* A collector may have taken it since: then newer commits say so. */
static enum blk_status
make_sure_of_segment(
    struct store *s, const struct catalog_segment *seg, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_segment now;
	enum blk_status st;
	char hex[DIGEST_HEX];
	bool stands = false;

	st = segment_stands(s, seg, &stands, why);
	if (st != BLK_OK || stands)
		return st;
	st = store_sync(s, why);
	if (st == BLK_OK)
		st = c->type->segment_find(c, &seg->id, &now, why);
	if (st == BLK_ABSENT || (st == BLK_OK && now.reason != REASON_NONE))
		return BLK_OK;
	if (st == BLK_OK)
		st = segment_stands(s, &now, &stands, why);
	if (st != BLK_OK || stands)
		return st;
	digest_hex(&seg->id, hex);
	return fault(why, BLK_CORRUPT,
	    "segment %s is missing or cut short: nothing is dropped "
	    "(blk-check says what is in it)",
	    hex);
}

static enum blk_status
make_sure_of_segments(struct prune *p, struct store *s, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_segment seg = { .seq = 0 };
	enum blk_status st;
	int64_t *value;
	bool fresh;

	while ((st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		if (seg.reason != REASON_NONE)
			continue;
		st = idmap_put(
		    &p->made_sure, &seg.id, CLASS_DATA, &value, &fresh, why);
		if (st == BLK_OK && fresh)
			st = make_sure_of_segment(s, &seg, why);
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
make_sure_of(struct prune *p, struct store *s, const struct snapshot_version *v,
    struct fault *why)
{
	uint64_t damages = p->data.damages;
	struct digest missing;
	char hex[DIGEST_HEX];
	enum blk_status st;
	bool whole = false;

	st = state_whole(store_catalog(s), &v->vid, CLASS_VERSION,
	    store_source(s), &whole, &missing, why);
	if (st == BLK_OK && !whole) {
		digest_hex(&missing, hex);
		return fault(why, BLK_CORRUPT,
		    "%s@%ju is to stay, and %s in it is missing: nothing is "
		    "dropped",
		    v->v.name, (uintmax_t)v->v.number, hex);
	}
	if (st == BLK_OK && p->r->verify_data)
		st = data_check_tree(&p->data, &v->snap.tree, why);
	if (st == BLK_OK && p->data.damages > damages)
		st = fault(why, BLK_CORRUPT,
		    "%s@%ju is to stay, and is damaged: nothing is dropped",
		    v->v.name, (uintmax_t)v->v.number);
	return st;
}

static enum blk_status
make_sure(struct prune *p, struct store *s, struct fault *why)
{
	enum blk_status st = make_sure_of_segments(p, s, why);
	int64_t *value;
	bool fresh;

	for (size_t i = 0; st == BLK_OK && i < p->items; i++) {
		const struct snapshot_version *v = p->item[i].v;

		if (p->item[i].reasons == 0)
			continue;
		st = idmap_put(
		    &p->made_sure, &v->vid, CLASS_VERSION, &value, &fresh, why);
		if (st == BLK_OK && fresh)
			st = make_sure_of(p, s, v, why);
	}
	return st;
}

/* --- the whole --- */

enum blk_status
prune_plan(struct prune *p, struct store *s, struct fault *why)
{
	enum blk_status st;

	clear(p);
	p->data.s = s;
	st = snapshot_versions_load(s, p->r->glob, &p->all, why);
	if (st == BLK_OK)
		st = make_items(p, why);
	if (st == BLK_OK)
		st = judge(p, store_now(s), why);
	if (st == BLK_OK && p->drops > 0)
		st = make_sure(p, s, why);
	return st;
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct prune *p = arg;
	enum blk_status st = prune_plan(p, s, why);

	for (size_t i = 0; st == BLK_OK && i < p->items; i++)
		if (p->item[i].reasons == 0)
			st = store_add_drop(s, k, &p->item[i].v->vid, why);
	return st;
}

enum blk_status
prune_commit(struct prune *p, struct store *s, struct fault *why)
{
	const struct store_draft d = { .decide = decide, .arg = p };
	struct store_outcome out = { .number = 0 };
	enum blk_status st = prune_plan(p, s, why);

	/* What takes long was done before anybody has to wait for us. */
	if (st == BLK_OK && p->drops > 0)
		st = store_commit(s, &d, &out, why);
	p->commit = out.number;
	return st;
}

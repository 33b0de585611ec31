/*
 * The links between versions, from either end.
 */
#include <string.h>

#include "lookup.h"
#include "ls.h"
#include "refs.h"

/* What a link item shows: the other end of it. */
struct end {
	bool outward;
	const struct version_link *link;
	const struct version *from;
};

static enum blk_status
show_link(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	const struct end *e = i->more;

	output_begin(ls->out, "link");
	output_string(ls->out, "direction", e->outward ? "to" : "from");
	output_bytes(ls->out, "rel", e->link->rel, strlen(e->link->rel));
	output_string(ls->out, "class",
	    class_name(e->outward ? e->link->class : e->from->class));
	ls_put_id(ls, "id", e->outward ? &e->link->id : &e->from->id);
	output_bytes(ls->out, "name", e->from->name, strlen(e->from->name));
	output_u64(ls->out, "index", e->from->number);
	return output_end(ls->out, why);
}

static enum blk_status
offer_link(struct ls *ls, const struct version *v,
    const struct version_link *link, bool outward, struct fault *why)
{
	const struct end e = { outward, link, v };
	struct ls_item item = { .more = &e };

	return ls_offer(ls, &item, why);
}

static enum blk_status
take_outward(struct ls *ls, const struct catalog_version *v, void *arg,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	(void)arg;
	for (size_t i = 0; st == BLK_OK && i < v->v.links; i++)
		st = offer_link(ls, &v->v, &v->v.link[i], true, why);
	return st;
}

static enum blk_status
take_inward(struct ls *ls, const struct catalog_version *v, void *arg,
    struct fault *why)
{
	const struct digest *target = arg;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < v->v.links; i++)
		if (digest_equal(&v->v.link[i].id, target))
			st = offer_link(ls, &v->v, &v->v.link[i], false, why);
	return st;
}

static enum blk_status
list_inward(struct ls *ls, struct digest id, struct fault *why)
{
	const struct catalog_query q = { .link = &id };

	return ls_each_version(ls, q, take_inward, &id, why);
}

static enum blk_status
list_links(struct ls *ls, struct fault *why)
{
	struct ref_target t;
	struct lookup at;
	struct ref r;
	enum blk_status st;

	st = ref_find(ls->catalog, ls->r->what, ls->now, &r, &t, why);
	if (st != BLK_OK)
		return st;
	at = (struct lookup){ .class = t.class, .id = t.id };
	if (r.has_path)
		st = lookup_ref(ls->store, ls->r->what, &at, why);
	else if (t.is_version)
		st = take_outward(ls, &t.version, NULL, why);
	else
		st = ls_each_version(ls,
		    (struct catalog_query){ .content = &t.id }, take_outward,
		    NULL, why);
	if (st == BLK_OK)
		st = list_inward(ls, at.id, why);
	if (st == BLK_OK && t.is_version && !r.has_path)
		st = list_inward(ls, t.version.vid, why);
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

static const struct output_field link_fields[] = {
	{ .name = "direction", .title = "DIRECTION" },
	{ .name = "rel", .title = "RELATION" },
	{ .name = "class", .title = "CLASS" },
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "name", .title = "VERSION OF" },
	{ .name = "index", .title = "INDEX", .right = true },
	{ .name = NULL },
};

const struct ls_mode ls_links = { .type = "link",
	.field = link_fields,
	.columns = "direction rel id name index",
	.long_columns = "direction rel class id name index",
	.list = list_links,
	.show = show_link };

/*
 * Who refers to an id.
 *
 * The index knows how many references there are, not from where: structure is
 * read until all were met, which may be all that there is.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "ls.h"
#include "refs.h"

struct hunt {
	struct digest id;
	uint64_t left; /* references that were not met yet */
	uint64_t here; /* in the text that is read */
	struct buf text;
};

static enum blk_status
match(void *arg, const struct reference *r, struct fault *why)
{
	struct hunt *h = arg;

	(void)why;
	h->here += digest_equal(&r->id, &h->id);
	return BLK_OK;
}

static enum blk_status
look_into(
    struct ls *ls, struct hunt *h, const struct ls_row *row, struct fault *why)
{
	const struct state_source *src = store_source(ls->store);
	struct catalog_segment seg;
	enum blk_status st;

	h->here = 0;
	h->text.len = 0;
	st = ls->catalog->type->segment_get(
	    ls->catalog, row->copy.seq, &seg, why);
	if (st == BLK_OK)
		st = src->text(
		    src->arg, &seg, &row->copy, &row->id, &h->text, why);
	if (st == BLK_ABSENT) /* collected since the page was read */
		return BLK_OK;
	return st != BLK_OK
	    ? st
	    : structure_walk((enum kind)row->copy.kind,
	          span_of(h->text.data, h->text.len), match, h, why);
}

static enum blk_status
take_referrers(
    struct ls *ls, struct ls_row *row, size_t n, void *arg, struct fault *why)
{
	struct hunt *h = arg;
	struct ls_row **list;
	enum blk_status st;
	size_t count;

	st = ls_structures(row, n, &list, &count, why);
	for (size_t i = 0; st == BLK_OK && h->left > 0 && i < count; i++) {
		struct ls_item item = { .id = list[i]->id,
			.key = list[i]->id,
			.class = (uint8_t)list[i]->class };

		st = look_into(ls, h, list[i], why);
		if (st != BLK_OK) {
			if (st != BLK_CORRUPT)
				break;
			ls_complain(ls, st, why);
			st = BLK_OK;
			continue;
		}
		if (h->here == 0)
			continue;
		h->left -= h->here < h->left ? h->here : h->left;
		item.number = h->here;
		st = ls_offer(ls, &item, why);
	}
	free(list);
	return st;
}

/* How many lines refer to the id; that it is a version counts one more. */
static enum blk_status
count_references(struct ls *ls, struct hunt *h, struct fault *why)
{
	struct catalog_version v;
	struct catalog_facts f;
	enum blk_status st;

	st = ls->catalog->type->facts(ls->catalog, &h->id, &f, why);
	for (unsigned c = 0; st == BLK_OK && c < CLASSES; c++)
		h->left += f.count[c];
	if (st != BLK_OK || f.count[CLASS_VERSION] == 0)
		return st;
	st = ls->catalog->type->version_get(ls->catalog, &h->id, &v, why);
	if (st == BLK_OK) {
		version_release(&v.v);
		h->left -= h->left > 0;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
list_refs(struct ls *ls, struct fault *why)
{
	struct hunt h = { .text = BUF_INIT(SEGMENT_FRAME_MAX) };
	struct ref_target t;
	struct lookup l;
	struct ref r;
	enum blk_status st;

	st = ref_find(ls->catalog, ls->r->what, ls->now, &r, &t, why);
	if (st != BLK_OK)
		return st;
	h.id = t.id;
	if (r.has_path) {
		st = lookup_ref(ls->store, ls->r->what, &l, why);
		if (st == BLK_OK)
			h.id = l.id;
	}
	ref_target_release(&t);
	ref_release(&r);
	if (st == BLK_OK)
		st = count_references(ls, &h, why);
	if (st == BLK_OK && h.left > 0)
		st = ls_each_row(ls, take_referrers, &h, why);
	buf_release(&h.text);
	return st;
}

static enum blk_status
show_referrer(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct catalog_version v;
	enum blk_status st = BLK_ABSENT;

	output_begin(ls->out, "referrer");
	ls_put_id(ls, "id", &i->id);
	output_string(ls->out, "class", class_name((enum class)i->class));
	output_u64(ls->out, "lines", i->number);
	if (i->class == CLASS_VERSION)
		st = ls->catalog->type->version_get(
		    ls->catalog, &i->id, &v, why);
	if (st == BLK_OK) {
		output_bytes(ls->out, "name", v.v.name, strlen(v.v.name));
		output_u64(ls->out, "index", v.v.number);
		version_release(&v.v);
	} else if (st != BLK_ABSENT) {
		return st;
	}
	return output_end(ls->out, why);
}

static const struct output_field referrer_fields[] = {
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "class", .title = "CLASS" },
	{ .name = "lines", .title = "LINES", .right = true },
	{ .name = "name", .title = "NAME" },
	{ .name = "index", .title = "INDEX", .right = true },
	{ .name = NULL },
};

const struct ls_mode ls_refs = { .type = "referrer",
	.field = referrer_fields,
	.columns = "id class name index",
	.long_columns = "id class lines name index",
	.sorts = LS_ID,
	.list = list_refs,
	.show = show_referrer };

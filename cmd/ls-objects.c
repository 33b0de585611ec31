/*
 * Objects, their chunks, and what refers to what.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "ls.h"
#include "reader.h"
#include "refs.h"

/* --- objects --- */

/*
 * The size of an object that is a list stands in the list.  Who is no longer
 * there, or is damaged, has none: that is for others to report.
 */
static enum blk_status
fill_sizes(struct ls *ls, struct ls_row *row, size_t n, uint64_t **size,
    struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	struct ls_row **list;
	enum blk_status st;
	size_t count;

	*size = malloc((n + 1) * sizeof(**size));
	if (*size == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < n; i++)
		(*size)[i] = row[i].copy.length;
	st = ls_structures(row, n, &list, &count, why);
	for (size_t i = 0; st == BLK_OK && i < count; i++) {
		uint64_t *to = &(*size)[list[i] - row];

		if (list[i]->copy.kind == KIND_LIST &&
		    reader_size(ls->store, &list[i]->id, to, &ignored) !=
		        BLK_OK)
			*to = UINT64_MAX;
	}
	free(list);
	return st;
}

static enum blk_status
take_objects(
    struct ls *ls, struct ls_row *row, size_t n, void *arg, struct fault *why)
{
	uint64_t *size = NULL;
	enum blk_status st = BLK_OK;

	(void)arg;
	if (ls_wants(ls, "size") || ls->r->sort == LS_SIZE)
		st = fill_sizes(ls, row, n, &size, why);
	for (size_t i = 0; st == BLK_OK && !ls->full && i < n; i++) {
		struct ls_item item = { .id = row[i].id,
			.key = row[i].id,
			.class = (uint8_t)row[i].class,
			.number = row[i].count,
			.size = size != NULL ? size[i] : UINT64_MAX };

		if (row[i].copy.kind == 0)
			item.size = UINT64_MAX;
		st = ls_offer(ls, &item, why);
	}
	free(size);
	return st;
}

static enum blk_status
list_objects(struct ls *ls, struct fault *why)
{
	return ls_each_row(ls, take_objects, NULL, why);
}

static enum blk_status
show_object(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	output_begin(ls->out, "object");
	ls_put_id(ls, "id", &i->id);
	output_string(ls->out, "class", class_name((enum class)i->class));
	if (i->size != UINT64_MAX)
		output_size(ls->out, "size", i->size);
	else
		output_none(ls->out, "size");
	output_u64(ls->out, "references", i->number);
	return output_end(ls->out, why);
}

static const struct output_field object_fields[] = {
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "class", .title = "CLASS" },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "references", .title = "REFERENCES", .right = true },
	{ .name = NULL },
};

const struct ls_mode ls_objects = { .type = "object",
	.field = object_fields,
	.columns = "id class size",
	.long_columns = "id class size references",
	.sorts = LS_ID | LS_SIZE,
	.list = list_objects,
	.show = show_object };

/* --- chunks --- */

static enum blk_status
take_chunk(void *arg, const struct reader_chunk *c, struct fault *why)
{
	struct ls *ls = arg;
	struct ls_item item = { .id = c->id,
		.key = c->id,
		.size = c->length,
		.index = c->copy.seq,
		.number = c->offset,
		.small = c->copy.ordinal };
	enum blk_status st = ls_offer(ls, &item, why);

	/* ABSENT only ends the walk. */
	return st == BLK_OK && ls->full ? BLK_ABSENT : st;
}

static enum blk_status
list_chunks(struct ls *ls, struct fault *why)
{
	struct lookup l;
	enum blk_status st = lookup_ref(ls->store, ls->r->what, &l, why);

	if (st == BLK_OK && l.class != CLASS_CONTENT)
		st = fault(why, BLK_INVALID, "%s: is a %s, which has no chunks",
		    ls->r->what, class_name(l.class));
	if (st != BLK_OK)
		return st;
	st = reader_chunks(ls->store, &l.id, take_chunk, ls, why);
	if (st == BLK_ABSENT)
		st = ls->full
		    ? BLK_OK
		    : fault(why, st, "%s: is no longer there", ls->r->what);
	return st;
}

static enum blk_status
show_chunk(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct catalog_segment seg;
	enum blk_status st;

	output_begin(ls->out, "chunk");
	output_u64(ls->out, "offset", i->number);
	output_u64(ls->out, "length", i->size);
	ls_put_id(ls, "id", &i->id);
	st = ls->catalog->type->segment_get(ls->catalog, i->index, &seg, why);
	if (st == BLK_OK) {
		ls_put_id(ls, "segment", &seg.id);
		output_u64(ls->out, "ordinal", i->small);
	} else if (st != BLK_ABSENT) {
		return st;
	}
	return output_end(ls->out, why);
}

static const struct output_field chunk_fields[] = {
	{ .name = "offset", .title = "OFFSET", .right = true },
	{ .name = "length", .title = "LENGTH", .right = true },
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "segment", .title = "SEGMENT" },
	{ .name = "ordinal", .title = "ORDINAL", .right = true },
	{ .name = NULL },
};

const struct ls_mode ls_chunks = { .type = "chunk",
	.field = chunk_fields,
	.format = "%(offset) %(length) %(id)",
	.long_columns = "offset length id segment ordinal",
	.sorts = LS_SIZE | LS_ID,
	.list = list_chunks,
	.show = show_chunk };

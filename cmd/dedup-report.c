/*
 * What blk-dedup says of a store: where its space goes, the largest
 * duplicates, and what is saved by name and by type.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "dedup-report.h"
#include "dedup.h"
#include "structure.h"

#define TOP 20
#define PLACES 5

static const struct output_field report_fields[] = {
	{ .name = "what" },
	{ .name = "bytes", .right = true },
	{ .name = NULL },
};

static const struct output_field duplicate_fields[] = {
	{ .name = "saved", .title = "SAVED", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "count", .title = "TIMES", .right = true },
	{ .name = "id", .title = "ID" },
	{ .name = "name", .title = "NAME" },
	{ .name = "content_type", .title = "TYPE" },
	{ .name = "where", .title = "WHERE" },
	{ .name = NULL },
};

struct named {
	int64_t now;
	char name[256], type[256];
};

static enum blk_status
first_name(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct named *n = arg;

	(void)why;
	if (n->name[0] != '\0' || (v->v.expires != 0 && v->v.expires <= n->now))
		return BLK_OK;
	snprintf(n->name, sizeof(n->name), "%s", v->v.name);
	snprintf(n->type, sizeof(n->type), "%s", v->v.type);
	return BLK_OK;
}

/* "tree@3:src/a.c", "numbers@1", or the id of what has no name. */
static enum blk_status
add_place(struct buf *b, const struct dedup_place *p, struct fault *why)
{
	enum blk_status st = buf_printf(b, why, "%s", p->name);

	if (st == BLK_OK && !version_name_is_id(span_str(p->name)))
		st = buf_printf(b, why, "@%ju", (uintmax_t)p->number);
	if (st == BLK_OK && p->path != NULL)
		st = buf_printf(b, why, ":%s", p->path);
	return st;
}

/* In text all places stand in one column. */
static enum blk_status
put_where(struct output *out, const struct dedup_duplicate *d, uint64_t more,
    struct fault *why)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < d->places; i++) {
		if (i > 0)
			st = buf_printf(&b, why, ", ");
		if (st == BLK_OK)
			st = add_place(&b, &d->place[i], why);
	}
	if (st == BLK_OK && more > 0)
		st = buf_printf(&b, why, "%s%ju more",
		    d->places > 0 ? " and " : "", (uintmax_t)more);
	if (st == BLK_OK)
		output_bytes(out, "where", (const char *)b.data, b.len);
	buf_release(&b);
	return st;
}

static enum blk_status
print_place(struct output *out, const char *hex, const struct dedup_place *p,
    struct fault *why)
{
	output_begin(out, "place");
	output_string(out, "id", hex);
	output_bytes(out, "name", p->name, strlen(p->name));
	output_u64(out, "index", p->number);
	if (p->path != NULL)
		output_bytes(out, "path", p->path, strlen(p->path));
	return output_end(out, why);
}

/* In JSON each place has a line, behind that of the duplicate. */
static enum blk_status
print_duplicate(struct cli *c, struct output *out, struct store *s,
    const struct dedup_duplicate *d, struct fault *why)
{
	const struct catalog_query q = { .content = &d->id, .named = true };
	uint64_t more = d->count > d->places ? d->count - d->places : 0;
	struct catalog *cat = store_catalog(s);
	struct named n = { .now = store_now(s) };
	char hex[DIGEST_HEX];
	enum blk_status st;

	st = cat->type->version_each(cat, &q, first_name, &n, why);
	if (st != BLK_OK)
		return st;
	digest_hex(&d->id, hex);
	output_begin(out, "duplicate");
	output_size(out, "saved", (d->count - 1) * d->size);
	output_size(out, "size", d->size);
	output_u64(out, "count", d->count);
	output_string(out, "id", hex);
	output_bytes(out, "name", n.name, strlen(n.name));
	output_bytes(out, "content_type", n.type, strlen(n.type));
	if (c->common.json)
		output_u64(out, "more", more);
	else
		st = put_where(out, d, more, why);
	if (st == BLK_OK)
		st = output_end(out, why);
	for (size_t i = 0; st == BLK_OK && i < d->places; i++)
		st = print_place(out, hex, &d->place[i], why);
	return st;
}

static enum blk_status
print_duplicates(struct cli *c, struct store *s, const struct dedup_report *r,
    struct fault *why)
{
	struct output_options o = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;

	o.type = "duplicate";
	o.field = duplicate_fields;
	o.columns = "saved size count id content_type where";
	o.titles = true;
	st = output_open(&o, &out, why);
	for (size_t i = 0; st == BLK_OK && i < r->tops; i++)
		st = print_duplicate(c, out, s, &r->top[i], why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static enum blk_status
print_line(
    struct output *out, const char *what, uint64_t bytes, struct fault *why)
{
	output_begin(out, "space");
	output_string(out, "what", what);
	output_size(out, "bytes", bytes);
	return output_end(out, why);
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static enum blk_status
print_report(struct cli *c, const struct dedup_report *r, struct fault *why)
{
	const struct {
		const char *what;
		uint64_t bytes;
	} line[] = {
		{ "referred to", r->logical },
		{ "each content once", r->whole },
		{ "each chunk once", r->chunked },
		{ "saved by whole contents", less(r->logical, r->whole) },
		{ "saved by chunks beyond that", less(r->whole, r->chunked) },
		{ "lists, trees and records", r->structure },
		{ "stored", r->stored },
		{ "not yet cut by content", r->uncut },
	};
	struct output_options o = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;

	o.type = "space";
	o.field = report_fields;
	o.columns = "what bytes";
	st = output_open(&o, &out, why);
	for (size_t i = 0; st == BLK_OK && i < sizeof(line) / sizeof(line[0]);
	     i++)
		st = print_line(out, line[i].what, line[i].bytes, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

/* --- by name, by type --- */

/* Of those whose chunks there was no memory to tell apart, saved is empty. */
static const struct output_field name_fields[] = {
	{ .name = "saved", .title = "SAVED", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "data", .title = "CHUNKS", .right = true },
	{ .name = "stored", .title = "STORED", .right = true },
	{ .name = "versions", .title = "VERSIONS", .right = true },
	{ .name = "name", .title = "NAME" },
	{ .name = NULL },
};

static const struct output_field type_fields[] = {
	{ .name = "saved", .title = "SAVED", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "data", .title = "CHUNKS", .right = true },
	{ .name = "stored", .title = "STORED", .right = true },
	{ .name = "versions", .title = "VERSIONS", .right = true },
	{ .name = "content_type", .title = "TYPE" },
	{ .name = NULL },
};

static enum blk_status
print_group(struct output *out, enum dedup_by by, const struct dedup_group *g,
    struct fault *why)
{
	output_begin(out, by == DEDUP_NAME ? "name" : "type");
	if (g->known) {
		output_size(out, "saved", less(g->size, g->data));
		output_size(out, "data", g->data);
		output_size(out, "stored", g->stored);
	}
	output_size(out, "size", g->size);
	output_u64(out, "versions", g->versions);
	output_bytes(out, by == DEDUP_NAME ? "name" : "content_type", g->label,
	    strlen(g->label));
	return output_end(out, why);
}

static enum blk_status
print_summary(
    struct output *out, const struct dedup_report *r, struct fault *why)
{
	output_begin(out, "summary");
	output_u64(out, "referred_bytes", r->logical);
	output_u64(out, "content_bytes", r->whole);
	output_u64(out, "chunk_bytes", r->chunked);
	output_u64(out, "structure_bytes", r->structure);
	output_u64(out, "stored_bytes", r->stored);
	output_u64(out, "uncut_bytes", r->uncut);
	return output_end(out, why);
}

/* sum, unless NULL: with it the report ends. */
static enum blk_status
print_groups(struct cli *c, struct store *s, enum dedup_by by,
    const struct dedup_report *sum, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct dedup_groups g = { .group = NULL };
	struct output *out = NULL;
	enum blk_status st = dedup_group(s, by, TOP, &g, why);

	o.type = by == DEDUP_NAME ? "name" : "type";
	o.field = by == DEDUP_NAME ? name_fields : type_fields;
	o.columns = by == DEDUP_NAME
	    ? "saved size data stored versions name"
	    : "saved size data stored versions content_type";
	o.titles = true;
	if (st == BLK_OK)
		st = output_open(&o, &out, why);
	for (size_t i = 0; st == BLK_OK && i < g.groups; i++)
		st = print_group(out, by, &g.group[i], why);
	if (st == BLK_OK && sum != NULL)
		st = print_summary(out, sum, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	dedup_groups_release(&g);
	return st;
}

enum blk_status
dedup_report_print(struct cli *c, struct store *s, struct fault *why)
{
	struct dedup_report r = { .top = NULL };
	enum blk_status st = dedup_look(s, TOP, &r, why);

	if (st == BLK_OK)
		st = dedup_places(s, PLACES, &r, why);
	if (st == BLK_OK)
		st = print_report(c, &r, why);
	if (st == BLK_OK)
		st = print_duplicates(c, s, &r, why);
	if (st == BLK_OK)
		st = print_groups(c, s, DEDUP_NAME, NULL, why);
	if (st == BLK_OK)
		st = print_groups(c, s, DEDUP_TYPE, &r, why);
	dedup_report_release(&r);
	return st;
}

/*
 * What the store is made of: segments, and the commits that were not folded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "ls.h"

/* --- segments --- */

static enum blk_status
put_segment(struct ls *ls, const struct catalog_segment *s, struct fault *why)
{
	struct output *out = ls->out;

	output_begin(out, "segment");
	ls_put_id(ls, "id", &s->id);
	output_string(
	    out, "state", s->condemned == 0 ? "live" : reason_name(s->reason));
	output_string(out, "place", s->in_log ? "log" : "segments");
	output_size(out, "size", s->bytes);
	output_size(out, "plain", s->plain);
	output_size(out, "live", s->live);
	output_u64(out, "objects", s->objects);
	output_u64(out, "commit", s->commit);
	output_time(out, "time", s->time);
	if (s->condemned != 0)
		output_u64(out, "condemned", s->condemned);
	else
		output_none(out, "condemned");
	return output_end(out, why);
}

static enum blk_status
show_segment(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct catalog_segment s;
	enum blk_status st;

	if (i->more != NULL)
		return put_segment(ls, i->more, why);
	st = ls->catalog->type->segment_get(ls->catalog, i->number, &s, why);
	if (st == BLK_ABSENT) /* removed while we sorted */
		return BLK_OK;
	return st == BLK_OK ? put_segment(ls, &s, why) : st;
}

static enum blk_status
list_segments(struct ls *ls, struct fault *why)
{
	const struct ls_request *r = ls->r;
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st = BLK_OK;
	bool again;

	while (st == BLK_OK && !ls->full) {
		struct ls_item item;

		st = ls->catalog->type->segment_next(
		    ls->catalog, s.seq, &s, why);
		st = ls_heal(ls, st, &again, why);
		if (again)
			continue;
		if (st != BLK_OK)
			break;
		if ((r->since != 0 && s.time < r->since) ||
		    (r->until != 0 && s.time >= r->until))
			continue;
		item = (struct ls_item){ .key = s.id,
			.size = s.bytes,
			.index = s.commit,
			.time = s.time,
			.number = s.seq,
			.more = &s };
		st = ls_offer(ls, &item, why);
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static const struct output_field segment_fields[] = {
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "state", .title = "STATE" },
	{ .name = "place", .title = "PLACE" },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "plain", .title = "PLAIN", .right = true },
	{ .name = "live", .title = "LIVE", .right = true },
	{ .name = "objects", .title = "OBJECTS", .right = true },
	{ .name = "commit", .title = "COMMIT", .right = true },
	{ .name = "time", .title = "TIME" },
	{ .name = "condemned", .title = "CONDEMNED", .right = true },
	{ .name = NULL },
};

const struct ls_mode ls_segments = { .type = "segment",
	.field = segment_fields,
	.columns = "id state size live time",
	.long_columns =
	    "id state place size plain live objects commit time condemned",
	.filters = LS_BY_TIME,
	.sorts = LS_TIME | LS_SIZE | LS_INDEX | LS_ID,
	.list = list_segments,
	.show = show_segment };

/* --- commits --- */

#define SAID 3 /* names that are told of a commit */

struct row {
	uint64_t number;
	struct digest hash;
	int64_t time;
	char *host, *program;
	uint64_t versions, drops, segments, condemned, lost, settings;
	char *what; /* owned */
};

static void
row_release(struct row *r)
{
	free(r->host);
	free(r->program);
	free(r->what);
}

struct rows {
	struct row row[LS_PAGE];
	size_t count, max;
};

static void
rows_clear(struct rows *p)
{
	for (size_t i = 0; i < p->count; i++)
		row_release(&p->row[i]);
	p->count = 0;
}

static enum blk_status
say_versions(const struct commit *k, struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t said = 0, all = 0;

	for (size_t i = 0; st == BLK_OK && i < k->verbs; i++) {
		const struct commit_verb *v = &k->verb[i];

		if (v->verb != VERB_VERSION || all++ >= SAID)
			continue;
		st = buf_printf(b, why, "%s%s", said++ > 0 ? " " : "", v->name);
		if (st == BLK_OK && !version_name_is_id(span_str(v->name)))
			st = buf_printf(b, why, "@%ju", (uintmax_t)v->number);
	}
	if (st == BLK_OK && all > SAID)
		st = buf_printf(b, why, " and %zu more", all - SAID);
	return st;
}

static enum blk_status
say_count(struct buf *b, uint64_t n, const char *one, const char *many,
    struct fault *why)
{
	if (n == 0)
		return BLK_OK;
	return buf_printf(b, why, "%s%ju %s", b->len > 0 ? ", " : "",
	    (uintmax_t)n, n == 1 ? one : many);
}

/* In words, for people. */
static enum blk_status
say_what(const struct commit *k, struct row *r, struct fault *why)
{
	struct buf b = BUF_INIT(65536);
	enum blk_status st;

	st = say_versions(k, &b, why);
	if (st == BLK_OK)
		st = say_count(&b, r->drops, "drop", "drops", why);
	if (st == BLK_OK)
		st = say_count(&b, r->segments, "segment", "segments", why);
	if (st == BLK_OK)
		st = say_count(&b, r->condemned, "condemned", "condemned", why);
	if (st == BLK_OK)
		st = say_count(&b, r->lost, "lost", "lost", why);
	if (st == BLK_OK)
		st = say_count(&b, r->settings, "setting", "settings", why);
	if (st == BLK_OK && b.len == 0)
		st = buf_printf(&b, why, "%s",
		    k->number == 0 ? "store made" : "statistics");
	if (st == BLK_OK) {
		r->what = (char *)b.data;
		return st;
	}
	buf_release(&b);
	return st;
}

static void
count_verbs(const struct commit *k, struct row *r)
{
	for (size_t i = 0; i < k->verbs; i++) {
		enum verb v = k->verb[i].verb;

		r->versions += v == VERB_VERSION;
		r->drops += v == VERB_DROP;
		r->segments += v == VERB_SEGMENT;
		r->condemned += v == VERB_CONDEMN;
		r->lost += v == VERB_LOST;
		r->settings += v == VERB_SET || v == VERB_REDIRECT;
	}
}

/* ABSENT ends the visit: the page is full. */
static enum blk_status
add_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	struct rows *p = arg;
	struct row *r;
	enum blk_status st;

	if (p->count == p->max)
		return BLK_ABSENT;
	r = &p->row[p->count];
	*r = (struct row){ .number = number, .hash = *hash };
	st = commit_parse(text, &k, why);
	if (st == BLK_OK) {
		p->count++;
		r->time = k.time;
		r->host = k.host;
		r->program = k.program;
		k.host = k.program = NULL;
		count_verbs(&k, r);
		st = say_what(&k, r, why);
	}
	commit_release(&k);
	return st;
}

static enum blk_status
read_rows(
    struct ls *ls, uint64_t from, struct rows *p, bool *last, struct fault *why)
{
	enum blk_status st;
	bool again;

	do {
		rows_clear(p);
		st = ls->catalog->type->record_each(
		    ls->catalog, from, add_record, p, why);
		*last = st != BLK_ABSENT;
		if (st == BLK_ABSENT)
			st = BLK_OK;
		st = ls_heal(ls, st, &again, why);
	} while (again);
	return st;
}

static enum blk_status
put_row(struct ls *ls, const struct row *r, struct fault *why)
{
	struct output *out = ls->out;

	output_begin(out, "commit");
	output_u64(out, "number", r->number);
	ls_put_id(ls, "id", &r->hash);
	output_time(out, "time", r->time);
	output_bytes(out, "host", r->host, strlen(r->host));
	output_bytes(out, "program", r->program, strlen(r->program));
	output_u64(out, "versions", r->versions);
	output_u64(out, "drops", r->drops);
	output_u64(out, "segments", r->segments);
	output_u64(out, "condemned", r->condemned);
	output_u64(out, "lost", r->lost);
	output_u64(out, "settings", r->settings);
	output_bytes(out, "what", r->what, strlen(r->what));
	return output_end(out, why);
}

static enum blk_status
show_commit(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct rows *p;
	enum blk_status st;
	bool last;

	if (i->more != NULL)
		return put_row(ls, i->more, why);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return fault_nomem(why);
	p->max = 1;
	st = read_rows(ls, i->index, p, &last, why);
	/* Folded while we sorted: then another stands first. */
	if (st == BLK_OK && p->count > 0 && p->row[0].number == i->index)
		st = put_row(ls, &p->row[0], why);
	rows_clear(p);
	free(p);
	return st;
}

static enum blk_status
offer_row(struct ls *ls, const struct row *r, struct fault *why)
{
	const struct ls_request *q = ls->r;
	struct ls_item item = {
		.index = r->number, .time = r->time, .more = r
	};

	if ((q->since != 0 && r->time < q->since) ||
	    (q->until != 0 && r->time >= q->until) ||
	    r->number < q->min_index || r->number > q->max_index ||
	    (q->host != NULL && strcmp(q->host, r->host) != 0))
		return BLK_OK;
	return ls_offer(ls, &item, why);
}

static enum blk_status
list_log(struct ls *ls, struct fault *why)
{
	struct rows *p = calloc(1, sizeof(*p));
	enum blk_status st = p == NULL ? fault_nomem(why) : BLK_OK;
	uint64_t from = ls->r->min_index;
	bool last = false;

	if (p != NULL)
		p->max = LS_PAGE;
	while (st == BLK_OK && !last && !ls->full && from <= ls->r->max_index) {
		st = read_rows(ls, from, p, &last, why);
		for (size_t i = 0; st == BLK_OK && !ls->full && i < p->count;
		     i++)
			st = offer_row(ls, &p->row[i], why);
		if (p->count == 0)
			break;
		from = p->row[p->count - 1].number + 1;
	}
	if (p != NULL)
		rows_clear(p);
	free(p);
	return st;
}

static const struct output_field commit_fields[] = {
	{ .name = "number", .title = "NUMBER", .right = true },
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "time", .title = "TIME" },
	{ .name = "host", .title = "HOST" },
	{ .name = "program", .title = "PROGRAM" },
	{ .name = "versions", .title = "VERSIONS", .right = true },
	{ .name = "drops", .title = "DROPS", .right = true },
	{ .name = "segments", .title = "SEGMENTS", .right = true },
	{ .name = "condemned", .title = "CONDEMNED", .right = true },
	{ .name = "lost", .title = "LOST", .right = true },
	{ .name = "settings", .title = "SETTINGS", .right = true },
	{ .name = "what", .title = "WHAT" },
	{ .name = NULL },
};

const struct ls_mode ls_log = { .type = "commit",
	.field = commit_fields,
	.columns = "number id time host what",
	.long_columns = "number id time host program versions drops segments "
	                "condemned lost settings what",
	.filters = LS_BY_TIME | LS_BY_INDEX | LS_BY_HOST,
	.sorts = LS_TIME | LS_INDEX,
	.list = list_log,
	.show = show_commit };

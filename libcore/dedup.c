#include "dedup.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "file.h"
#include "reader.h"
#include "writer.h"

#define UNCUT_PIECE 65536 /* what --no-dedup cuts (writer) */
#define COMMIT_BYTES ((uint64_t)256 << 20)

/* --- chunks of a file --- */

enum blk_status
dedup_chunks(int fd, const char *name, const struct chunker_sizes *sizes,
    dedup_chunk *visit, void *arg, struct fault *why)
{
	size_t cap = (size_t)sizes->max * 4, have = 0;
	struct chunker *cut = malloc(sizeof(*cut));
	uint8_t *buf = malloc(cap);
	struct hasher *hash = NULL;
	uint64_t offset = 0;
	enum blk_status st;
	bool final = false;

	st = buf == NULL || cut == NULL ? fault_nomem(why)
	                                : chunker_init(cut, sizes, why);
	if (st == BLK_OK)
		st = hasher_new(&hash, why);
	while (st == BLK_OK && !final) {
		size_t got, at = 0, n;

		st = file_read(fd, buf + have, cap - have, &got, name, why);
		final = got < cap - have;
		have += got;
		while (st == BLK_OK && at < have &&
		    (n = chunker_next(cut, buf + at, have - at, final)) > 0) {
			struct digest id;

			st = hasher_of(hash, buf + at, n, &id, why);
			if (st == BLK_OK)
				st = visit(arg, offset, (uint32_t)n, &id, why);
			offset += n;
			at += n;
		}
		memmove(buf, buf + at, have - at);
		have -= at;
	}
	hasher_free(hash);
	free(buf);
	free(cut);
	return st;
}

/* --- what a store holds --- */

void
dedup_report_release(struct dedup_report *r)
{
	for (size_t i = 0; i < r->tops; i++) {
		struct dedup_duplicate *d = &r->top[i];

		for (size_t k = 0; k < d->places; k++) {
			free(d->place[k].name);
			free(d->place[k].path);
		}
		free(d->place);
	}
	free(r->top);
	*r = (struct dedup_report){ .top = NULL };
}

struct looking {
	struct store *s;
	struct dedup_report *r;
	size_t top;
	struct state_ref *uncut; /* content in fixed pieces */
	size_t uncuts, cap;
	struct applying *apply; /* NULL: only a report is made */
};

/* What was looked at is cut anew. */
struct applying {
	struct store *s;
	const struct dedup_apply_options *o;
	struct dedup_applied *a;
	int64_t end_ms;
	struct dedup_step step;
	struct lane *lane; /* in use for one object */
};

static bool
tell(struct applying *x)
{
	return x->o->step != NULL && x->o->step(x->o->arg, &x->step);
}

/* Keep the largest savings, by insertion: few are asked for. */
static void
offer(struct looking *l, const struct dedup_duplicate *d)
{
	struct dedup_report *r = l->r;
	uint64_t saved = (d->count - 1) * d->size;
	size_t at = r->tops;

	while (
	    at > 0 && (r->top[at - 1].count - 1) * r->top[at - 1].size < saved)
		at--;
	if (at == l->top)
		return;
	if (r->tops == l->top)
		r->tops--;
	memmove(
	    r->top + at + 1, r->top + at, (r->tops - at) * sizeof(r->top[0]));
	r->top[at] = *d;
	r->tops++;
}

struct pieces {
	uint64_t count, fixed; /* lines, and those of exactly 64 KiB */
	uint64_t size;
	struct digest first;
	bool differ; /* not all the same, as the pieces of a hole are */
};

static enum blk_status
see_line(void *arg, struct span line, struct fault *why)
{
	struct pieces *p = arg;
	struct span word, id, len;
	struct digest d;
	uint64_t n;

	(void)why;
	if (!text_field(&line, &word) || !text_field(&line, &id) ||
	    !text_field(&line, &len) || !text_u64(len, &n) ||
	    !digest_parse(id.p, id.len, &d))
		return BLK_OK;
	if (p->count++ == 0)
		p->first = d;
	p->differ = p->differ || !digest_equal(&d, &p->first);
	p->size += n;
	p->fixed += n == UNCUT_PIECE;
	return BLK_OK;
}

/* The size of counted content, and whether it lies in fixed pieces. */
static enum blk_status
look_content(struct looking *l, const struct digest *id,
    const struct catalog_facts *f, uint64_t *size, struct fault *why)
{
	const struct catalog_copy *w = catalog_winner(f, CLASS_CONTENT);
	struct pieces p = { 0 };
	enum blk_status st;

	*size = w == NULL ? 0 : w->length;
	if (w == NULL || w->kind == KIND_DATA)
		return BLK_OK;
	st = reader_lines(l->s, id, CLASS_CONTENT, see_line, &p, why);
	if (st != BLK_OK)
		return st;
	*size = p.size;
	if (p.count < 2 || p.fixed < p.count - 1 || !p.differ)
		return BLK_OK;
	l->r->uncut += p.size;
	st = array_grow(
	    (void **)&l->uncut, l->uncuts, &l->cap, sizeof(*l->uncut), why);
	if (st == BLK_OK)
		l->uncut[l->uncuts++] =
		    (struct state_ref){ *id, CLASS_CONTENT };
	return st;
}

static enum blk_status
look_id(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct looking *l = arg;
	const struct catalog_copy *live[2];
	size_t n = catalog_live(f, live);
	uint64_t count = f->count[CLASS_CONTENT], size;
	enum blk_status st = BLK_OK;

	if (l->apply != NULL) {
		l->apply->step.done++;
		(void)tell(l->apply);
	}
	for (size_t i = 0; i < n; i++)
		*(live[i]->kind == KIND_DATA ? &l->r->chunked
		                             : &l->r->structure) +=
		    live[i]->length;
	if (count == 0)
		return BLK_OK;
	st = look_content(l, id, f, &size, why);
	if (st != BLK_OK)
		return st;
	l->r->logical += count * size;
	l->r->whole += size;
	if (count > 1 && size > 0 && l->top > 0)
		offer(l,
		    &(struct dedup_duplicate){
		        .id = *id, .size = size, .count = count });
	return BLK_OK;
}

static enum blk_status
look(struct looking *l, struct fault *why)
{
	struct catalog *c = store_catalog(l->s);
	const struct digest none = { { 0 } };
	struct catalog_totals t;
	enum blk_status st;

	l->r->top = calloc(l->top + 1, sizeof(*l->r->top));
	if (l->r->top == NULL)
		return fault_nomem(why);
	st = c->type->ids_each(c, &none, 0, look_id, l, why);
	if (st == BLK_OK)
		st = c->type->totals(c, &t, why);
	if (st == BLK_OK)
		l->r->stored = t.stored_bytes;
	return st;
}

enum blk_status
dedup_look(
    struct store *s, size_t top, struct dedup_report *r, struct fault *why)
{
	struct looking l = { .s = s, .r = r, .top = top };
	enum blk_status st;

	*r = (struct dedup_report){ .top = NULL };
	st = look(&l, why);
	free(l.uncut);
	return st;
}

/* --- chunking afterwards --- */

static enum blk_status
feed(void *arg, const void *data, size_t len, struct fault *why)
{
	struct applying *x = arg;

	x->step.bytes += len;
	(void)tell(x);
	return lane_add(x->lane, data, len, why);
}

/* Cut one object anew; its id must come out the same. */
static enum blk_status
cut_anew(struct applying *x, struct writer *w, const struct digest *id,
    uint64_t *size, struct fault *why)
{
	struct lane *l = x->lane = writer_lane(w, 0);
	struct digest found;
	enum blk_status st = lane_begin(l, why);

	if (st == BLK_OK)
		st = reader_content(x->s, id, 0, READER_ALL, 1, feed, x, why);
	if (st == BLK_OK)
		st = lane_end(l, &found, size, why);
	if (st == BLK_OK && !digest_equal(&found, id))
		st = fault(why, BLK_CORRUPT, "an object does not match its id");
	return st;
}

static enum blk_status
weigh(struct store *s, uint64_t *live, uint64_t *stored, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_totals t;
	enum blk_status st = c->type->totals(c, &t, why);

	if (st == BLK_OK) {
		*live = t.live_bytes;
		*stored = t.stored_bytes;
	}
	return st;
}

static enum blk_status
apply_all(struct applying *x, const struct looking *l, struct fault *why)
{
	const struct writer_options o = {
		.lanes = 1, .new_lists = true, .max_memory = x->o->max_memory
	};
	struct dedup_applied *a = x->a;
	struct writer *w = NULL;
	struct store_outcome out;
	uint64_t pending = 0;
	enum blk_status st = writer_open(x->s, &o, &w, why);

	for (size_t i = 0; st == BLK_OK && i < l->uncuts; i++) {
		uint64_t size = 0;

		x->step.done = i;
		a->unfinished = tell(x) || file_clock_ms() > x->end_ms;
		if (a->unfinished)
			break;
		st = cut_anew(x, w, &l->uncut[i].id, &size, why);
		if (st == BLK_ABSENT) {
			st = BLK_OK; /* dropped meanwhile */
			continue;
		}
		a->objects += st == BLK_OK;
		a->bytes += size;
		pending += size;
		if (st == BLK_OK && pending >= COMMIT_BYTES) {
			st = writer_commit(w, NULL, NULL, &out, why);
			pending = 0;
		}
	}
	if (st == BLK_OK && a->objects > 0)
		st = writer_commit(w, NULL, NULL, &out, why);
	writer_close(w);
	return st;
}

static bool
watch_collection(void *arg, enum collect_phase p, uint64_t done, uint64_t all)
{
	struct applying *x = arg;

	x->step = (struct dedup_step){ .phase = collect_phase_name(p),
		.unit = collect_phase_unit(p),
		.done = done,
		.all = all };
	return tell(x);
}

static enum blk_status
compact(struct applying *x, struct fault *why)
{
	bool bounded = x->end_ms != INT64_MAX;
	int64_t left = bounded ? x->end_ms - file_clock_ms() : 0;
	const struct collect_options o = { .max_unused = -1,
		.max_time_ms = left,
		.keep_unreferenced = UINT64_MAX,
		.progress = watch_collection,
		.arg = x };
	struct dedup_applied *a = x->a;
	struct collect_report r;
	enum blk_status st;

	/* 0 would be no bound. */
	if (bounded && left <= 0)
		a->unfinished = true;
	if (a->unfinished)
		return BLK_OK;
	st = collect_run(x->s, &o, &r, why);
	a->unfinished = st == BLK_BUSY || (st == BLK_OK && r.unfinished);
	return st == BLK_BUSY ? BLK_OK : st;
}

static enum blk_status
apply(struct applying *x, struct looking *l, struct fault *why)
{
	enum blk_status st = look(l, why);

	if (st == BLK_OK)
		st = weigh(x->s, &x->a->before, &x->a->stored, why);
	if (st == BLK_OK && x->o->dry_run) {
		x->a->objects = l->uncuts;
		x->a->bytes = l->r->uncut;
		return BLK_OK;
	}
	x->step = (struct dedup_step){ .phase = "cut",
		.unit = "object",
		.all = l->uncuts,
		.all_bytes = l->r->uncut };
	if (st == BLK_OK && l->uncuts > 0)
		st = apply_all(x, l, why);
	return st == BLK_OK ? compact(x, why) : st;
}

enum blk_status
dedup_apply(struct store *s, const struct dedup_apply_options *o,
    struct dedup_applied *a, struct fault *why)
{
	struct dedup_report r = { .top = NULL };
	struct applying x = { .s = s,
		.o = o,
		.a = a,
		.end_ms = INT64_MAX,
		.step = { .phase = "look", .unit = "object" } };
	struct looking l = { .s = s, .r = &r, .apply = &x };
	enum blk_status st;

	*a = (struct dedup_applied){ .objects = 0 };
	if (o->max_time_ms > 0)
		x.end_ms = file_clock_ms() + o->max_time_ms;
	st = apply(&x, &l, why);
	if (st == BLK_OK)
		st = weigh(s, &a->after, &a->stored_then, why);
	free(l.uncut);
	dedup_report_release(&r);
	return st;
}

/*
 * Copying what lives in victims, and condemning them.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-private.h"
#include "file.h"
#include "idmap.h"
#include "rules.h"

#define ROUND_BYTES ((uint64_t)256 << 20) /* plain bytes copied in a commit */
#define ROUND_VICTIMS 4096

struct repack {
	struct store *s;
	const struct collect_options *o;
	struct collect_report *r;
	struct collect_victims v;

	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *data, *structure;
	uint64_t frame_size;
	struct digest *added; /* segments of this round */
	size_t addeds, addeds_cap;
	uint64_t copied;    /* plain bytes of this round */
	size_t first, last; /* victims of this round */
};

/* --- copying --- */

static enum blk_status
seal(struct repack *p, struct segment_builder *b, struct fault *why)
{
	struct segment_table table;
	struct digest id;
	const void *file;
	enum blk_status st;
	size_t len;

	if (segment_count(b) == 0)
		return BLK_OK;
	st = segment_seal(b, &id, &file, &len, &table, why);
	if (st != BLK_OK)
		return st;
	st = store_publish(p->s, &id, file, len, &table, why);
	p->r->written_bytes += len;
	segment_table_release(&table);
	segment_reset(b);
	if (st == BLK_OK)
		st = array_grow((void **)&p->added, p->addeds, &p->addeds_cap,
		    sizeof(*p->added), why);
	if (st == BLK_OK)
		p->added[p->addeds++] = id;
	return st;
}

static enum blk_status
seal_if_full(struct repack *p, struct segment_builder *b, struct fault *why)
{
	if (segment_stored(b) + segment_plain(b) < p->v.segment_size)
		return BLK_OK;
	return seal(p, b, why);
}

static enum blk_status
copy_object(struct repack *p, const struct segment_object *o,
    const uint8_t *plain, struct fault *why)
{
	struct segment_builder *b =
	    o->kind == KIND_DATA ? p->data : p->structure;
	enum blk_status st = BLK_OK;

	if (segment_plain(b) + o->length > p->frame_size)
		st = segment_end_frame(b, why);
	if (st == BLK_OK)
		st = seal_if_full(p, b, why);
	if (st == BLK_OK)
		st = segment_add(b, &o->id, (enum kind)o->kind,
		    plain + o->offset, o->length, why);
	p->copied += o->length;
	p->r->copied_objects++;
	p->r->copied_bytes += o->length;
	return st;
}

static enum blk_status
copy_frame_whole(struct repack *p, const struct segment_table *t,
    const struct segment_frame *f, const void *stored, struct fault *why)
{
	struct segment_builder *b =
	    t->object[f->first].kind == KIND_DATA ? p->data : p->structure;
	enum blk_status st = seal_if_full(p, b, why);

	if (st == BLK_OK)
		st = segment_add_frame(b, f, &t->object[f->first], stored, why);
	p->copied += f->plain;
	p->r->copied_objects += f->count;
	p->r->copied_bytes += f->plain;
	return st;
}

static enum blk_status
copy_frame_parts(struct repack *p, const struct segment_table *t,
    const struct segment_frame *f, const void *stored, const bool *live,
    struct fault *why)
{
	uint8_t *plain = malloc(f->plain + 1u);
	enum blk_status st;

	if (plain == NULL)
		return fault_nomem(why);
	st = segment_unpack(p->codecs, f, stored, plain, why);
	for (uint32_t i = 0; st == BLK_OK && i < f->count; i++)
		if (live[i])
			st = copy_object(
			    p, &t->object[f->first + i], plain, why);
	free(plain);
	return st;
}

static enum blk_status
copy_frame(struct repack *p, const struct catalog_segment *seg,
    const struct segment_table *t, const struct segment_frame *f,
    const bool *live, struct fault *why)
{
	const struct frames_place place = store_place(seg);
	enum blk_status st;
	uint32_t alive = 0;
	void *stored;

	for (uint32_t i = 0; i < f->count; i++)
		alive += live[i];
	if (alive == 0)
		return BLK_OK;
	stored = malloc(f->stored + 1u);
	st = stored == NULL
	    ? fault_nomem(why)
	    : frames_stored(store_frames(p->s), &place, f, stored, why);
	p->r->read_bytes += f->stored;
	if (st == BLK_OK && alive == f->count)
		st = copy_frame_whole(p, t, f, stored, why);
	else if (st == BLK_OK)
		st = copy_frame_parts(p, t, f, stored, live, why);
	free(stored);
	return st;
}

/* Copy all that lives in a victim. */
static enum blk_status
copy_victim(struct repack *p, const struct collect_victim *v, struct fault *why)
{
	const struct state_source *src = store_source(p->s);
	const struct segment_table *t;
	enum blk_status st;
	bool *live;

	if (v->orphan)
		return BLK_OK;
	st = src->table(src->arg, &v->seg, &t, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "a live segment is missing");
	if (st != BLK_OK)
		return st;
	live = calloc(t->objects + 1u, sizeof(*live));
	st = live == NULL ? fault_nomem(why)
	                  : collect_alive(p->s, &v->seg.id, t, live, why);
	for (uint32_t i = 0; st == BLK_OK && i < t->frames; i++)
		st = copy_frame(
		    p, &v->seg, t, &t->frame[i], live + t->frame[i].first, why);
	free(live);
	src->release(src->arg, t);
	return st;
}

/* --- condemning --- */

static enum blk_status
decide_round(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct repack *p = arg;
	struct catalog *c = store_catalog(s);

	for (size_t i = p->first; i < p->last; i++) {
		const struct collect_victim *v = &p->v.victim[i];
		struct commit_verb verb = { .verb = VERB_CONDEMN,
			.id = v->seg.id,
			.reason =
			    v->orphan ? REASON_ORPHAN : REASON_COLLECTED };
		struct catalog_segment now;
		enum blk_status st;

		/* Added, or condemned, by somebody else meanwhile? */
		st = c->type->segment_find(c, &v->seg.id, &now, why);
		if (st == BLK_OK && (v->orphan || now.condemned != 0))
			continue;
		if (st != BLK_OK && !(st == BLK_ABSENT && v->orphan))
			return st;
		st = commit_add(k, &verb, why);
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

static enum blk_status
commit_round(struct repack *p, struct fault *why)
{
	struct store_draft d = {
		.decide = decide_round, .arg = p, .collector = true
	};
	struct store_outcome out;
	enum blk_status st;

	st = segment_end_frame(p->data, why);
	if (st == BLK_OK)
		st = seal(p, p->data, why);
	if (st == BLK_OK)
		st = segment_end_frame(p->structure, why);
	if (st == BLK_OK)
		st = seal(p, p->structure, why);
	d.segment = p->added;
	d.segments = p->addeds;
	if (st == BLK_OK)
		st = store_commit(p->s, &d, &out, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = p->first; i < p->last; i++) {
		p->r->condemned++;
		p->r->condemned_bytes += p->v.victim[i].seg.bytes;
		p->r->orphans += p->v.victim[i].orphan;
	}
	p->addeds = 0;
	p->copied = 0;
	p->first = p->last;
	return BLK_OK;
}

static enum blk_status
all_rounds(struct repack *p, struct fault *why)
{
	int64_t end = p->o->max_time_ms == 0
	    ? INT64_MAX
	    : file_clock_ms() + p->o->max_time_ms;
	enum blk_status st = BLK_OK;
	bool stop = false;

	while (st == BLK_OK && p->last < p->v.victims && !stop) {
		st = copy_victim(p, &p->v.victim[p->last++], why);
		if (p->o->progress != NULL)
			stop = p->o->progress(
			    p->o->arg, COLLECT_REPACK, p->last, p->v.victims);
		stop = stop || file_clock_ms() > end;
		if (st == BLK_OK &&
		    (p->copied >= ROUND_BYTES || stop ||
		        p->last - p->first >= ROUND_VICTIMS))
			st = commit_round(p, why);
	}
	if (st == BLK_OK && p->first < p->last)
		st = commit_round(p, why);
	p->r->unfinished = p->r->unfinished || p->last < p->v.victims;
	return st;
}

/* --- the whole --- */

static enum blk_status
open_builders(struct repack *p, struct fault *why)
{
	const struct segment_origin origin = store_origin(p->s);
	struct segment_options o = { .verify = true };
	char *text = NULL;
	enum blk_status st;

	st = store_setting(p->s, "compression", &text, why);
	if (st == BLK_OK)
		st = codec_parse(text, &o.codec, &o.level, why);
	free(text);
	if (st == BLK_OK)
		st = codec_state_new(&p->codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&p->hash, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, &o, p->codecs, p->hash, &p->data, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, &o, p->codecs, p->hash, &p->structure, why);
	return st;
}

static void
repack_release(struct repack *p)
{
	segment_builder_free(p->data);
	segment_builder_free(p->structure);
	codec_state_free(p->codecs);
	hasher_free(p->hash);
	free(p->v.victim);
	free(p->added);
}

static enum blk_status
report_only(struct repack *p)
{
	for (size_t i = 0; i < p->v.victims; i++) {
		p->r->condemned++;
		p->r->condemned_bytes += p->v.victim[i].seg.bytes;
		p->r->orphans += p->v.victim[i].orphan;
		p->r->copied_bytes += p->v.victim[i].seg.live;
	}
	return BLK_OK;
}

enum blk_status
collect_repack(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct repack p = {
		.s = s, .o = o, .r = r, .v = { .s = s, .o = o, .r = r }
	};
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	st = store_setting_number(s, "segment-size", &p.v.segment_size, why);
	if (st == BLK_OK)
		st = store_setting_number(s, "frame-size", &p.frame_size, why);
	if (st == BLK_OK)
		st = collect_choose(&p.v, why);
	/* Asked now that the catalog is at the head. */
	if (st == BLK_OK)
		st = collect_allowed(s, why);
	if (st == BLK_OK && o->dry_run)
		st = report_only(&p);
	else if (st == BLK_OK && p.v.victims > 0) {
		/* R6: what is an orphan, and what lives, is told by these
		 * rows; those of ids follow for each victim. */
		if (RULE(R6))
			st = c->type->verify(c, CATALOG_SEGMENTS, why);
		if (st == BLK_OK)
			st = open_builders(&p, why);
		if (st == BLK_OK)
			st = all_rounds(&p, why);
	}
	repack_release(&p);
	return st;
}

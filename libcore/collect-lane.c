/*
 * Copying what lives in victims into new segments: a lane's work.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-repack.h"
#include "file.h"

#define ROUND_BYTES ((uint64_t)256 << 20) /* plain bytes copied in a commit */
#define ROUND_VICTIMS 4096
#define SPARED 8 /* of a frame that stays as it is an eighth may be dead */

struct collect_lane {
	struct repack *p;
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *data, *structure;
	struct collect_report did; /* since p->r was told */
};

/* --- into segments --- */

static enum blk_status
keep_added(struct repack *p, const struct digest *id, struct fault *why)
{
	enum blk_status st;

	pthread_mutex_lock(&p->lock);
	st = array_grow((void **)&p->added, p->addeds, &p->addeds_cap,
	    sizeof(*p->added), why);
	if (st == BLK_OK)
		p->added[p->addeds++] = *id;
	pthread_mutex_unlock(&p->lock);
	return st;
}

static enum blk_status
seal(struct collect_lane *l, struct segment_builder *b, struct fault *why)
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
	st = store_publish(l->p->s, &id, file, len, &table, why);
	l->did.written_bytes += len;
	segment_table_release(&table);
	segment_reset(b);
	return st == BLK_OK ? keep_added(l->p, &id, why) : st;
}

static enum blk_status
seal_if_full(
    struct collect_lane *l, struct segment_builder *b, struct fault *why)
{
	if (segment_stored(b) + segment_plain(b) < l->p->v.segment_size)
		return BLK_OK;
	return seal(l, b, why);
}

static enum blk_status
seal_all(struct collect_lane *l, struct fault *why)
{
	enum blk_status st = segment_end_frame(l->data, why);

	if (st == BLK_OK)
		st = seal(l, l->data, why);
	if (st == BLK_OK)
		st = segment_end_frame(l->structure, why);
	return st == BLK_OK ? seal(l, l->structure, why) : st;
}

/* --- out of a victim --- */

static enum blk_status
copy_object(struct collect_lane *l, const struct segment_object *o,
    const uint8_t *plain, struct fault *why)
{
	struct segment_builder *b =
	    o->kind == KIND_DATA ? l->data : l->structure;
	enum blk_status st = BLK_OK;

	if (segment_plain(b) + o->length > l->p->frame_size)
		st = segment_end_frame(b, why);
	if (st == BLK_OK)
		st = seal_if_full(l, b, why);
	if (st == BLK_OK)
		st = segment_add(b, &o->id, (enum kind)o->kind,
		    plain + o->offset, o->length, why);
	l->did.copied_objects++;
	l->did.copied_bytes += o->length;
	return st;
}

static enum blk_status
copy_frame_whole(struct collect_lane *l, const struct segment_table *t,
    const struct segment_frame *f, const void *stored, struct fault *why)
{
	struct segment_builder *b =
	    t->object[f->first].kind == KIND_DATA ? l->data : l->structure;
	enum blk_status st = seal_if_full(l, b, why);

	if (st == BLK_OK)
		st = segment_add_frame(b, f, &t->object[f->first], stored, why);
	l->did.copied_objects += f->count;
	l->did.copied_bytes += f->plain;
	return st;
}

static enum blk_status
copy_frame_parts(struct collect_lane *l, const struct segment_table *t,
    const struct segment_frame *f, const void *stored,
    const enum collect_fate *fate, struct fault *why)
{
	uint8_t *plain = malloc(f->plain + 1u);
	enum blk_status st;

	if (plain == NULL)
		return fault_nomem(why);
	st = segment_unpack(l->codecs, f, stored, plain, why);
	for (uint32_t i = 0; st == BLK_OK && i < f->count; i++)
		if (fate[i] == FATE_LIVES)
			st = copy_object(
			    l, &t->object[f->first + i], plain, why);
	free(plain);
	return st;
}

/* May so many dead bytes come along? */
static bool
spare(struct repack *p, uint64_t dead)
{
	bool may;

	pthread_mutex_lock(&p->lock);
	may = dead <= p->v.spare;
	p->v.spare -= may ? dead : 0;
	pthread_mutex_unlock(&p->lock);
	return may;
}

/*
 * Does all of a frame live, or so much that what is dead in it may as well
 * stay?  Packing a frame afresh costs as much for an object as for a hundred:
 * of one of two Linux trees a third of what was packed gave a tenth of what
 * came free.  Victims are whole segments, so that more comes free than must.
 * Dead structure goes: what it refers to may be gone (R4 b).
 */
static bool
stays_whole(const struct collect_lane *l, const struct segment_table *t,
    const struct segment_frame *f, const enum collect_fate *fate)
{
	uint64_t dead = 0;
	bool all = true;

	for (uint32_t i = 0; i < f->count; i++) {
		if (fate[i] == FATE_GOES)
			return false;
		if (fate[i] == FATE_LIVES)
			continue;
		dead += t->object[f->first + i].length;
		all = false;
	}
	return all ||
	    (t->object[f->first].kind == KIND_DATA &&
	        dead <= f->plain / SPARED && spare(l->p, dead));
}

static enum blk_status
copy_frame(struct collect_lane *l, const struct catalog_segment *seg,
    const struct segment_table *t, const struct segment_frame *f,
    const enum collect_fate *fate, struct fault *why)
{
	const struct frames_place place = store_place(seg);
	enum blk_status st;
	uint32_t alive = 0;
	void *stored;

	for (uint32_t i = 0; i < f->count; i++)
		alive += fate[i] == FATE_LIVES;
	if (alive == 0)
		return BLK_OK;
	stored = malloc(f->stored + 1u);
	st = stored == NULL
	    ? fault_nomem(why)
	    : frames_stored(store_frames(l->p->s), &place, f, stored, why);
	l->did.read_bytes += f->stored;
	if (st == BLK_OK && stays_whole(l, t, f, fate))
		st = copy_frame_whole(l, t, f, stored, why);
	else if (st == BLK_OK)
		st = copy_frame_parts(l, t, f, stored, fate, why);
	free(stored);
	return st;
}

/* Copy all that lives in a victim. */
static enum blk_status
copy_victim(
    struct collect_lane *l, const struct collect_victim *v, struct fault *why)
{
	const struct state_source *src = store_source(l->p->s);
	const struct segment_table *t;
	enum blk_status st;
	enum collect_fate *fate;

	if (v->orphan)
		return BLK_OK;
	st = src->table(src->arg, &v->seg, &t, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_CORRUPT, "a live segment is missing");
	if (st != BLK_OK)
		return st;
	fate = calloc(t->objects + 1u, sizeof(*fate));
	if (fate == NULL) {
		st = fault_nomem(why);
	} else {
		pthread_mutex_lock(&l->p->lock);
		st = collect_alive(l->p->s, &v->seg.id, t, fate, why);
		pthread_mutex_unlock(&l->p->lock);
	}
	for (uint32_t i = 0; st == BLK_OK && i < t->frames; i++)
		st = copy_frame(
		    l, &v->seg, t, &t->frame[i], fate + t->frame[i].first, why);
	free(fate);
	src->release(src->arg, t);
	return st;
}

/* --- victims in turn --- */

/* What was done, and how it ended, to where all lanes see it; victims: that
 * were done with. */
static void
report(struct collect_lane *l, size_t victims, enum blk_status st,
    const struct fault *why)
{
	struct repack *p = l->p;

	pthread_mutex_lock(&p->lock);
	p->copied += l->did.copied_bytes;
	p->r->copied_objects += l->did.copied_objects;
	p->r->copied_bytes += l->did.copied_bytes;
	p->r->read_bytes += l->did.read_bytes;
	p->r->written_bytes += l->did.written_bytes;
	if (st != BLK_OK && p->st == BLK_OK) {
		p->st = st;
		p->why = *why;
	}
	p->done += victims;
	if (victims > 0 && p->o->progress != NULL &&
	    p->o->progress(p->o->arg, COLLECT_REPACK, p->done, p->v.victims))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
	memset(&l->did, 0, sizeof(l->did));
}

/* The next victim; NULL: the round is full, or there is none. */
static const struct collect_victim *
take(struct repack *p)
{
	const struct collect_victim *v = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->last > 0 && file_clock_ms() > p->end)
		p->stop = true;
	if (p->st == BLK_OK && !p->stop && p->last < p->v.victims &&
	    p->copied < ROUND_BYTES && p->last - p->first < ROUND_VICTIMS &&
	    p->objects < p->objects_max) {
		v = &p->v.victim[p->last++];
		p->objects += v->seg.objects;
	}
	pthread_mutex_unlock(&p->lock);
	return v;
}

void *
collect_lane_copy(void *arg)
{
	struct collect_lane *l = arg;
	const struct collect_victim *v;
	struct fault why = FAULT_NONE;

	while ((v = take(l->p)) != NULL) {
		enum blk_status st = copy_victim(l, v, &why);

		report(l, 1, st, &why);
	}
	return NULL;
}

void *
collect_lane_seal(void *arg)
{
	struct collect_lane *l = arg;
	struct fault why = FAULT_NONE;
	enum blk_status st = seal_all(l, &why);

	report(l, 0, st, &why);
	return NULL;
}

enum blk_status
collect_lane_new(struct repack *p, const struct segment_options *o,
    struct collect_lane **out, struct fault *why)
{
	const struct segment_origin origin = store_origin(p->s);
	struct collect_lane *l = calloc(1, sizeof(*l));
	enum blk_status st;

	*out = l;
	if (l == NULL)
		return fault_nomem(why);
	l->p = p;
	st = codec_state_new(&l->codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&l->hash, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, o, l->codecs, l->hash, &l->data, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, o, l->codecs, l->hash, &l->structure, why);
	return st;
}

void
collect_lane_free(struct collect_lane *l)
{
	if (l == NULL)
		return;
	segment_builder_free(l->data);
	segment_builder_free(l->structure);
	codec_state_free(l->codecs);
	hasher_free(l->hash);
	free(l);
}

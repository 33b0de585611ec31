/*
 * What was written becomes part of the store.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "thread.h"
#include "writer-private.h"

#define EARLY_BYTES ((uint64_t)1 << 30)
#define EARLY_NS ((int64_t)60 * 1000000000)
#define INLINE_MAX (2 * WRITER_INLINE) /* of what is read back */

/* --- drafts --- */

/* The ids of fillings that are published and not committed. */
static enum blk_status
published(struct writer *w, bool structure_too, struct digest **id, size_t *n,
    struct fault *why)
{
	*n = 0;
	*id = calloc(w->filleds + 1, sizeof(**id));
	if (*id == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < w->filleds; i++) {
		const struct filled *f = &w->filled[i];

		if (f->open == NULL && !f->committed &&
		    (structure_too || !f->structure))
			(*id)[(*n)++] = f->id;
	}
	return BLK_OK;
}

/* Publish the draft; counts what the commit file takes. */
static enum blk_status
commit(struct writer *w, const struct store_draft *d, struct store_outcome *out,
    struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	struct catalog_head h;
	struct timespec now;
	struct fault ignored = FAULT_NONE;
	enum blk_status st;

	pthread_rwlock_wrlock(&w->publishing);
	st = store_commit(w->s, d, out, why);
	pthread_rwlock_unlock(&w->publishing);
	if (st != BLK_OK)
		return st;
	clock_gettime(CLOCK_MONOTONIC, &now);
	w->committed_at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (out->number > 0 && c->type->head_get(c, &h, &ignored) == BLK_OK &&
	    h.number == out->number)
		atomic_fetch_add(&w->stored_bytes, h.bytes);
	/* The commit stands, whatever becomes of the index: only what is
	 * written next fails. */
	st = writer_look_around(w, &ignored);
	if (st != BLK_OK)
		writer_fail(w, st, &ignored);
	return BLK_OK;
}

/* --- early --- */

static bool
is_due(struct writer *w)
{
	struct timespec now;
	int64_t at;

	clock_gettime(CLOCK_MONOTONIC, &now);
	at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return w->published > 0 &&
	    (w->published >= EARLY_BYTES || w->own.used > w->own_max ||
	        at - w->committed_at >= EARLY_NS);
}

/* The n segments are live now: what is written next may lean on them. */
static enum blk_status
note_committed(
    struct writer *w, const struct digest *id, size_t n, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t next = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; st == BLK_OK && i < w->filleds && next < n; i++) {
		struct filled *f = &w->filled[i];

		if (f->open != NULL || !digest_equal(&f->id, &id[next]))
			continue;
		f->committed = true;
		w->published -= f->plain;
		next++;
		st = writer_lean(w, &f->id, why);
	}
	if (st == BLK_OK)
		st = writer_own_sweep(w, why);
	writer_known_clear(&w->known);
	pthread_mutex_unlock(&w->lock);
	return st;
}

/* With catalog_lock held. */
static enum blk_status
commit_published(struct writer *w, struct fault *why)
{
	struct store_draft d = { .traced = true, .compressed = true };
	struct store_outcome out;
	struct digest *id = NULL;
	bool due;
	enum blk_status st;

	pthread_mutex_lock(&w->lock);
	due = is_due(w);
	st = published(w, false, &id, &d.segments, why);
	pthread_mutex_unlock(&w->lock);
	d.segment = id;
	if (st == BLK_OK && due)
		st = commit(w, &d, &out, why);
	if (st == BLK_OK && due)
		st = note_committed(w, id, d.segments, why);
	free(id);
	return st;
}

enum blk_status
writer_commit_early(struct writer *w, struct fault *why)
{
	enum blk_status st;
	bool due;

	pthread_mutex_lock(&w->lock);
	due = is_due(w);
	pthread_mutex_unlock(&w->lock);
	if (!due)
		return BLK_OK;
	pthread_mutex_lock(&w->catalog_lock);
	st = commit_published(w, why);
	pthread_mutex_unlock(&w->catalog_lock);
	return st;
}

/* --- objects that go into the commit file --- */

struct inlined {
	struct idmap_entry *entry; /* where they are now, in order */
	struct store_object *object;
	size_t objects, cap;
	struct buf bytes;
};

static int
by_place(const void *a, const void *b)
{
	const struct idmap_entry *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static enum blk_status
gather(struct writer *w, bool data_too, struct inlined *in, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < w->own.slots; i++) {
		const struct idmap_entry *e = &w->own.slot[i];
		const struct filled *f;
		void *items = in->entry;

		if (!e->used || e->value < 0)
			continue;
		f = &w->filled[e->value / WRITER_OBJECTS];
		if (f->open == NULL || (!f->structure && !data_too))
			continue;
		st = array_grow(
		    &items, in->objects, &in->cap, sizeof(*in->entry), why);
		in->entry = items;
		if (st == BLK_OK)
			in->entry[in->objects++] = *e;
	}
	if (in->objects > 0)
		qsort(in->entry, in->objects, sizeof(*in->entry), by_place);
	return st;
}

/* Read back the objects of builders: all of structure, data where asked; room
 * bytes at most. */
static enum blk_status
read_back(struct writer *w, bool data_too, size_t room, struct inlined *in,
    struct fault *why)
{
	enum blk_status st = gather(w, data_too, in, why);

	if (st == BLK_OK)
		st = buf_reserve(&in->bytes, room, why);
	in->object = calloc(in->objects + 1, sizeof(*in->object));
	if (st == BLK_OK && in->object == NULL)
		st = fault_nomem(why);
	for (size_t i = 0; st == BLK_OK && i < in->objects; i++) {
		const struct idmap_entry *e = &in->entry[i];
		struct fill *f = w->filled[e->value / WRITER_OBJECTS].open;
		const void *data;
		size_t len;

		st = segment_peek(f->builder,
		    (uint32_t)(e->value % WRITER_OBJECTS), &data, &len, why);
		if (st == BLK_OK)
			st = buf_add(&in->bytes, data, len, why);
		in->object[i] = (struct store_object){
			.id = e->id, .kind = (enum kind)e->tag, .len = len
		};
	}
	for (size_t i = 0, at = 0; st == BLK_OK && i < in->objects; i++) {
		in->object[i].data =
		    in->bytes.data != NULL ? in->bytes.data + at : NULL;
		at += in->object[i].len;
	}
	return st;
}

static void
inlined_release(struct inlined *in)
{
	free(in->entry);
	free(in->object);
	buf_release(&in->bytes);
}

/* --- the commit --- */

static uint64_t
plain(const struct fill *f)
{
	return f->builder != NULL && segment_count(f->builder) > 0 ? f->plain
	                                                           : 0;
}

/* What is empty now gives its memory back: a large commit needs it.  A small
 * one would only ask for it again. */
static void
slim(struct writer *w)
{
	for (unsigned i = 0; i < w->lanes; i++) {
		struct lane *l = &w->lane[i];

		writer_fill_release(&l->data);
		writer_fill_release(&l->structure);
		slice_free(l->pending);
		l->pending = NULL;
		free(l->cut);
		l->cut = NULL;
	}
	store_slim(w->s);
}

/* What a lane holds, to be sealed and published. */
struct sealing {
	struct lane *lane;
	bool data, structure; /* which */
	pthread_t thread;
	bool started;
	enum blk_status st;
	struct fault why;
};

static void *
seal_lane(void *arg)
{
	struct sealing *s = arg;

	if (s->data)
		s->st = writer_fill_seal(&s->lane->data, &s->why);
	if (s->st == BLK_OK && s->structure)
		s->st = writer_fill_seal(&s->lane->structure, &s->why);
	return NULL;
}

/* All lanes at once: their last frames are still to be packed. */
static enum blk_status
seal(struct writer *w, bool data, bool structure, struct fault *why)
{
	struct sealing *s = calloc(w->lanes, sizeof(*s));
	enum blk_status st = BLK_OK;

	if (s == NULL)
		return fault_nomem(why);
	for (unsigned i = w->lanes; i-- > 0;) {
		s[i] = (struct sealing){ .lane = &w->lane[i],
			.data = data,
			.structure = structure };
		s[i].started =
		    i > 0 && thread_start(&s[i].thread, seal_lane, &s[i]);
		if (!s[i].started)
			seal_lane(&s[i]);
	}
	for (unsigned i = 0; i < w->lanes; i++) {
		if (s[i].started)
			pthread_join(s[i].thread, NULL);
		if (st == BLK_OK && s[i].st != BLK_OK) {
			st = s[i].st;
			*why = s[i].why;
		}
	}
	free(s);
	return st;
}

/*
 * Small amounts go into the commit file; the rest is published.  Structure
 * that finds room there saves a file of its own also where data did not.
 */
static enum blk_status
settle(struct writer *w, struct inlined *in, struct fault *why)
{
	uint64_t data = 0, structure = 0, room = 0;
	enum blk_status st;
	bool data_fits, structure_fits;

	writer_forget_streams(w);
	st = writer_flush(w, why);
	for (unsigned i = 0; i < w->lanes; i++) {
		data += plain(&w->lane[i].data);
		structure += plain(&w->lane[i].structure);
	}
	data_fits = data + structure <= WRITER_INLINE;
	structure_fits = structure <= WRITER_INLINE;
	if (structure_fits)
		room = data_fits ? data + structure : structure;
	if (st == BLK_OK && (!data_fits || !structure_fits))
		st = seal(w, !data_fits, !structure_fits, why);
	if (st == BLK_OK)
		st = read_back(w, data_fits, (size_t)room, in, why);
	if (st == BLK_OK && (!data_fits || !structure_fits))
		slim(w);
	return st;
}

static enum blk_status
trace(struct writer *w, struct digest **lean, struct state_ref **rely,
    struct fault *why)
{
	struct idmap_entry *e = NULL;
	enum blk_status st;

	*lean = calloc(w->leans.used + 1, sizeof(**lean));
	*rely = calloc(w->relies.used + 1, sizeof(**rely));
	if (*lean == NULL || *rely == NULL)
		return fault_nomem(why);
	st = idmap_sorted(&w->leans, &e, why);
	for (size_t i = 0; st == BLK_OK && i < w->leans.used; i++)
		(*lean)[i] = e[i].id;
	free(e);
	if (st != BLK_OK)
		return st;
	st = idmap_sorted(&w->relies, &e, why);
	for (size_t i = 0; st == BLK_OK && i < w->relies.used; i++)
		(*rely)[i] =
		    (struct state_ref){ e[i].id, (enum class)e[i].tag };
	free(e);
	return st;
}

enum blk_status
writer_commit(struct writer *w,
    enum blk_status (*decide)(
        void *arg, struct store *s, struct commit *k, struct fault *why),
    void *arg, struct store_outcome *out, struct fault *why)
{
	struct inlined in = { .bytes = BUF_INIT(INLINE_MAX) };
	struct store_draft d = {
		.decide = decide, .arg = arg, .traced = true, .compressed = true
	};
	struct digest *segment = NULL, *lean = NULL;
	struct state_ref *rely = NULL;
	enum blk_status st = writer_sound(w, why);

	*out = (struct store_outcome){ .number = 0 };
	if (st == BLK_OK)
		st = settle(w, &in, why);
	if (st == BLK_OK)
		st = published(w, true, &segment, &d.segments, why);
	if (st == BLK_OK)
		st = trace(w, &lean, &rely, why);
	d.segment = segment;
	d.object = in.object;
	d.objects = in.objects;
	d.lean = lean;
	d.leans = w->leans.used;
	d.rely = rely;
	d.relies = w->relies.used;
	pthread_mutex_lock(&w->catalog_lock);
	if (st == BLK_OK)
		st = commit(w, &d, out, why);
	pthread_mutex_unlock(&w->catalog_lock);
	if (st == BLK_OK)
		writer_empty(w);
	inlined_release(&in);
	free(segment);
	free(lean);
	free(rely);
	return st;
}

/*
 * Where the chunks of small files are.
 *
 * Files that were stored one after the other lie one after the other: before
 * the catalog is asked, the objects behind those that were found last are
 * looked at, in the tables of a few segments, one for each lane that once
 * wrote.  What is found is only a plan: the bytes of each file are hashed as a
 * whole before they are written, and what cannot be planned, or turns out
 * wrong, goes through the reader, which looks everywhere and knows why not.
 */
#include <stdlib.h>

#include "reader.h"
#include "restore-private.h"

#define CURSORS 12
#define AHEAD 4 /* objects behind the last one that are looked at */
#define LIST_MAX STRUCTURE_MAX

struct spot {         /* a segment, and where in it something was found */
	uint64_t seq; /* 0: none */
	uint64_t used;
	struct frames_place place;
	const struct segment_table *table;
	uint32_t ordinal;
	uint32_t piece;    /* the frame of the last part, in window.frame ... */
	uint64_t piece_of; /* ... while this is the turn of the window */
};

struct finder {
	struct store *store;
	struct spot at[CURSORS];
	uint64_t clock;
	const struct window *window; /* to which .piece refers */
	uint64_t turn;
	struct buf list;
};

enum blk_status
finder_new(struct store *s, struct finder **out, struct fault *why)
{
	struct finder *f = calloc(1, sizeof(*f));

	*out = f;
	if (f == NULL)
		return fault_nomem(why);
	f->store = s;
	f->list.max = LIST_MAX;
	return BLK_OK;
}

static void
spot_leave(struct finder *f, struct spot *c)
{
	frames_release(store_frames(f->store), c->table);
	*c = (struct spot){ .seq = 0 };
}

void
finder_free(struct finder *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < CURSORS; i++)
		spot_leave(f, &f->at[i]);
	buf_release(&f->list);
	free(f);
}

/* --- one object --- */

static bool
is_it(const struct segment_object *o, const struct digest *id, enum class class)
{
	return digest_equal(&o->id, id) &&
	    class_takes(class, (enum kind)o->kind);
}

static struct spot *
found_at(struct finder *f, struct spot *c, uint32_t ordinal)
{
	c->ordinal = ordinal;
	c->used = ++f->clock;
	return c;
}

static struct spot *
look_ahead(struct finder *f, const struct digest *id, enum class class)
{
	for (size_t i = 0; i < CURSORS; i++) {
		struct spot *c = &f->at[i];

		if (c->seq == 0)
			continue;
		for (uint32_t o = c->ordinal;
		     o < c->table->objects && o <= c->ordinal + AHEAD; o++)
			if (is_it(&c->table->object[o], id, class))
				return found_at(f, c, o);
	}
	return NULL;
}

/* The cursor of a segment: there already, or the one not used for longest. */
static struct spot *
spot_of(struct finder *f, uint64_t seq)
{
	struct catalog *cat = store_catalog(f->store);
	struct fault unsaid = FAULT_NONE;
	struct spot *c = &f->at[0];
	struct catalog_segment seg;

	for (size_t i = 0; i < CURSORS; i++) {
		if (f->at[i].seq == seq)
			return &f->at[i];
		if (f->at[i].used < c->used)
			c = &f->at[i];
	}
	spot_leave(f, c);
	if (cat->type->segment_get(cat, seq, &seg, &unsaid) != BLK_OK)
		return NULL;
	c->place = store_place(&seg);
	if (frames_table(store_frames(f->store), &c->place, &c->table,
	        &unsaid) != BLK_OK)
		return NULL;
	c->seq = seq;
	return c;
}

static struct spot *
ask(struct finder *f, const struct digest *id, enum class class)
{
	struct catalog *cat = store_catalog(f->store);
	const struct catalog_copy *copy;
	struct fault unsaid = FAULT_NONE;
	struct catalog_facts facts;
	struct spot *c;

	if (cat->type->facts(cat, id, &facts, &unsaid) != BLK_OK)
		return NULL;
	copy = catalog_winner(&facts, class);
	c = copy != NULL ? spot_of(f, copy->seq) : NULL;
	if (c == NULL || copy->ordinal >= c->table->objects ||
	    !is_it(&c->table->object[copy->ordinal], id, class))
		return NULL;
	return found_at(f, c, copy->ordinal);
}

static struct spot *
find(struct finder *f, const struct digest *id, enum class class)
{
	struct spot *c = look_ahead(f, id, class);

	return c != NULL ? c : ask(f, id, class);
}

/* --- the parts of a file --- */

struct planning {
	struct finder *f;
	struct window *w;
	uint32_t file;
	uint64_t at;
};

/* The frame of an object among those of the window; often the last. */
static enum blk_status
piece_of(struct planning *p, struct spot *c, uint32_t frame, uint32_t *piece,
    struct fault *why)
{
	struct window *w = p->w;
	enum blk_status st;

	*piece = c->piece;
	if (c->piece_of == p->f->turn && c->piece < w->frames &&
	    w->frame[c->piece].seq == c->seq &&
	    w->frame[c->piece].index == frame)
		return BLK_OK;
	st = array_grow((void **)&w->frame, w->frames, &w->frames_cap,
	    sizeof(*w->frame), why);
	if (st != BLK_OK)
		return st;
	*piece = c->piece = (uint32_t)w->frames;
	c->piece_of = p->f->turn;
	w->frame[w->frames++] = (struct plan_frame){ c->place,
		c->table->frame[frame], c->seq, frame };
	return BLK_OK;
}

static enum blk_status
add_part(struct planning *p, const struct part *part, struct fault *why)
{
	struct window *w = p->w;
	enum blk_status st;

	st = array_grow(
	    (void **)&w->part, w->parts, &w->parts_cap, sizeof(*w->part), why);
	if (st == BLK_OK)
		w->part[w->parts++] = *part;
	return st;
}

/* The next bytes of the file lie where c is.  ABSENT: too many. */
static enum blk_status
add_object(struct planning *p, struct spot *c, struct fault *why)
{
	const struct segment_object *o = &c->table->object[c->ordinal];
	struct part part = { .seq = c->seq,
		.frame = o->frame,
		.from = o->offset,
		.len = o->length,
		.at = (uint32_t)p->at,
		.file = p->file };
	enum blk_status st;

	if (o->length > p->w->file[p->file].size - p->at)
		return BLK_ABSENT;
	p->at += o->length;
	if (o->length == 0)
		return BLK_OK;
	st = piece_of(p, c, o->frame, &part.piece, why);
	return st == BLK_OK ? add_part(p, &part, why) : st;
}

static enum blk_status
add_chunk(void *arg, const struct reference *ref, struct fault *why)
{
	struct planning *p = arg;
	struct spot *c;

	if (ref->class != CLASS_DATA)
		return BLK_ABSENT; /* a long list */
	c = find(p->f, &ref->id, CLASS_DATA);
	return c != NULL ? add_object(p, c, why) : BLK_ABSENT;
}

static enum blk_status
plan_list(struct planning *p, struct spot *c, struct fault *why)
{
	struct segment_object o = c->table->object[c->ordinal];
	struct buf *list = &p->f->list;
	struct fault unsaid = FAULT_NONE;
	enum blk_status st;

	list->len = 0;
	if (o.length > LIST_MAX ||
	    frames_read(store_frames(p->f->store), &c->place, c->ordinal, &o.id,
	        KIND_LIST, list, &unsaid) != BLK_OK)
		return BLK_ABSENT;
	st = structure_walk(
	    KIND_LIST, span_of(list->data, list->len), add_chunk, p, why);
	return st == BLK_CORRUPT ? BLK_ABSENT : st;
}

static enum blk_status
plan(struct planning *p, struct fault *why)
{
	const struct plan_file *file = &p->w->file[p->file];
	struct part bare = { .file = p->file, .from = p->file };
	struct spot *c;
	enum blk_status st;

	if (file->size == 0) /* of which only the id is to be looked at */
		return add_part(p, &bare, why);
	c = find(p->f, &file->id, CLASS_CONTENT);
	if (c == NULL)
		return BLK_ABSENT;
	st = c->table->object[c->ordinal].kind == KIND_LIST
	    ? plan_list(p, c, why)
	    : add_object(p, c, why);
	return st == BLK_OK && p->at != file->size ? BLK_ABSENT : st;
}

enum blk_status
finder_plan(
    struct finder *f, struct window *w, uint32_t file, struct fault *why)
{
	struct planning p = { .f = f, .w = w, .file = file };
	size_t parts = w->parts;
	enum blk_status st;

	if (f->window != w || w->frames == 0) {
		f->window = w;
		f->turn++;
	}
	st = plan(&p, why);
	if (st != BLK_ABSENT)
		return st;
	w->parts = parts;
	w->file[file].again = true;
	return BLK_OK;
}

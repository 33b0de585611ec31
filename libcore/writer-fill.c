/*
 * Segments as they fill: objects into frames, full ones published.
 */
#include "writer-private.h"

#define TABLE_ENTRY 38 /* bytes of an object's line in the table, about */
#define COUNT_MAX ((uint32_t)1 << 20)

void
writer_fill_reset(struct fill *f)
{
	if (f->builder != NULL)
		segment_reset(f->builder);
	f->plain = 0;
}

void
writer_fill_release(struct fill *f)
{
	if (f->builder == NULL || segment_count(f->builder) > 0)
		return;
	segment_builder_free(f->builder);
	f->builder = NULL;
}

/* The first object of a filling: number it. */
static enum blk_status
begin(struct fill *f, struct fault *why)
{
	struct writer *w = f->lane->w;
	enum blk_status st = BLK_OK;
	void *items;

	if (f->builder == NULL)
		st = segment_builder_new(&w->origin, &w->packing,
		    f->lane->codecs, f->lane->hash, &f->builder, why);
	if (st != BLK_OK || segment_count(f->builder) > 0)
		return st;
	pthread_mutex_lock(&w->lock);
	items = w->filled;
	st = array_grow(
	    &items, w->filleds, &w->filleds_cap, sizeof(*w->filled), why);
	w->filled = items;
	if (st == BLK_OK) {
		f->number = w->filleds++;
		f->plain = 0;
		w->filled[f->number] =
		    (struct filled){ .open = f, .structure = f->structure };
	}
	pthread_mutex_unlock(&w->lock);
	return st;
}

static void
published(struct fill *f, const struct digest *id, size_t len)
{
	struct writer *w = f->lane->w;
	struct filled *d;

	pthread_mutex_lock(&w->lock);
	d = &w->filled[f->number];
	d->open = NULL;
	d->id = *id;
	d->bytes = len;
	d->plain = f->plain;
	if (!f->structure)
		w->published += f->plain;
	pthread_mutex_unlock(&w->lock);
	atomic_fetch_add(&w->stored_bytes, len);
	writer_fill_reset(f);
}

enum blk_status
writer_fill_seal(struct fill *f, struct fault *why)
{
	struct writer *w = f->lane->w;
	struct segment_table table = { .frame = NULL };
	const void *file;
	struct digest id;
	enum blk_status st;
	size_t len;

	if (f->builder == NULL || segment_count(f->builder) == 0)
		return BLK_OK;
	st = segment_seal(f->builder, &id, &file, &len, &table, why);
	if (st != BLK_OK)
		return st;
	pthread_rwlock_rdlock(&w->publishing);
	st = store_publish(w->s, &id, file, len, &table, why);
	pthread_rwlock_unlock(&w->publishing);
	segment_table_release(&table);
	if (st == BLK_OK)
		published(f, &id, len);
	return st;
}

/* Bytes of the file, were it sealed now. */
static size_t
size_now(const struct fill *f)
{
	return segment_stored(f->builder) +
	    (size_t)segment_count(f->builder) * TABLE_ENTRY;
}

/* End the frame that has no room for len bytes, and the segment with it when
 * the next frame would not find room. */
static enum blk_status
make_room(struct fill *f, size_t len, struct fault *why)
{
	const struct writer *w = f->lane->w;
	size_t next = len > w->frame_size ? len : w->frame_size;
	size_t plain = segment_plain(f->builder);
	uint32_t count = segment_count(f->builder);
	enum blk_status st;

	if (count == 0 ||
	    ((plain == 0 || plain + len <= w->frame_size) && count < COUNT_MAX))
		return BLK_OK;
	st = segment_end_frame(f->builder, why);
	if (st != BLK_OK ||
	    (size_now(f) + next <= w->segment_size && count < COUNT_MAX))
		return st;
	st = writer_fill_seal(f, why);
	if (st == BLK_OK && !f->structure)
		st = writer_commit_early(f->lane->w, why);
	return st;
}

enum blk_status
writer_fill_add(struct fill *f, const struct digest *id, enum kind kind,
    const void *data, size_t len, struct fault *why)
{
	struct writer *w = f->lane->w;
	enum blk_status st = BLK_OK;
	int64_t *value;

	if (f->builder != NULL)
		st = make_room(f, len, why);
	if (st == BLK_OK)
		st = begin(f, why);
	if (st == BLK_OK)
		st = segment_add(f->builder, id, kind, data, len, why);
	if (st != BLK_OK)
		return st;
	f->plain += len;
	pthread_mutex_lock(&w->lock);
	st = idmap_put(&w->own, id, (uint8_t)kind, &value, NULL, why);
	if (st == BLK_OK)
		*value = (int64_t)f->number * WRITER_OBJECTS +
		    segment_count(f->builder) - 1;
	pthread_mutex_unlock(&w->lock);
	atomic_fetch_add(&w->new_bytes, len);
	atomic_fetch_add(&w->new_objects, 1);
	atomic_fetch_add(&w->new_data, kind == KIND_DATA);
	atomic_fetch_add(&w->new_trees, kind == KIND_TREE);
	return st;
}

#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "writer-private.h"

#define MEMORY_DEFAULT ((uint64_t)256 << 20)
#define MEMORY_LANE ((uint64_t)32 << 20) /* for each thread of a stream */
#define SEGMENT_LEAST ((uint64_t)64 << 10)
#define UNCUT_PIECE 65536 /* of objects stored without dedup */
#define SMALL_CHUNKS 256  /* small objects looked up together */

/* --- what went wrong --- */

enum blk_status
writer_sound(struct writer *w, struct fault *why)
{
	enum blk_status st;

	if (!atomic_load(&w->has_failed))
		return BLK_OK;
	pthread_mutex_lock(&w->lock);
	st = w->failed;
	*why = w->failed_why;
	pthread_mutex_unlock(&w->lock);
	return st;
}

void
writer_fail(struct writer *w, enum blk_status st, const struct fault *why)
{
	pthread_mutex_lock(&w->lock);
	if (w->failed == BLK_OK) {
		w->failed = st;
		w->failed_why = *why;
		atomic_store(&w->has_failed, true);
	}
	pthread_mutex_unlock(&w->lock);
}

void
writer_missed(struct writer *w, size_t n, const struct fault *why)
{
	atomic_fetch_add(&w->failed_lookups, n);
	if (atomic_exchange(&w->has_warned, true))
		return;
	pthread_mutex_lock(&w->catalog_lock);
	store_warn(w->s,
	    "a lookup failed, so that something may be stored "
	    "twice: %s",
	    why->text);
	pthread_mutex_unlock(&w->catalog_lock);
}

/* --- opening --- */

/* As set, else what the backend likes best; with all lanes within memory. */
static enum blk_status
choose_segment_size(struct writer *w, uint64_t memory, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	uint64_t size, most = memory / 4 / w->lanes;
	uint64_t liked = store_backend(w->s)->caps.blob_target;
	char *value = NULL;
	enum blk_status st;

	st = store_setting_number(w->s, "segment-size", &size, why);
	if (st == BLK_OK)
		st = c->type->setting_get(c, "segment-size", &value, why);
	if (st == BLK_ABSENT && liked > 0)
		size = liked;
	free(value);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	if (most < SEGMENT_LEAST)
		most = SEGMENT_LEAST;
	w->segment_size = (size_t)(size < most ? size : most);
	return BLK_OK;
}

static enum blk_status
choose_frames(
    struct writer *w, const struct writer_options *o, struct fault *why)
{
	uint64_t size = o->frame_size;
	enum blk_status st = BLK_OK;

	if (size == 0)
		st = store_setting_number(w->s, "frame-size", &size, why);
	if (size > w->segment_size)
		size = w->segment_size;
	w->frame_size = (size_t)size;
	w->packing.verify = true;
	w->packing.expected = w->segment_size;
	if (st == BLK_OK && o->compression == NULL)
		return store_compression(
		    w->s, &w->packing.codec, &w->packing.level, why);
	return st != BLK_OK ? st
	                    : codec_parse(o->compression, &w->packing.codec,
	                          &w->packing.level, why);
}

static enum blk_status
choose_chunks(
    struct writer *w, const struct writer_options *o, struct fault *why)
{
	const struct store_config *c = store_config(w->s);
	struct chunker_sizes sizes = { c->min, c->target, c->max };
	size_t least, most;

	w->no_dedup = o->no_dedup;
	w->new_lists = o->new_lists;
	least = o->no_dedup ? UNCUT_PIECE : sizes.min;
	most = o->no_dedup ? UNCUT_PIECE : sizes.max;
	w->slice_room = WRITER_SLICE + most;
	w->slice_chunks = w->slice_room / least + 2;
	if (w->slice_chunks < SMALL_CHUNKS)
		w->slice_chunks = SMALL_CHUNKS;
	return chunker_init(&w->chunker, &sizes, why);
}

static enum blk_status
choose(struct writer *w, const struct writer_options *o, struct fault *why)
{
	uint64_t memory = o->max_memory > 0 ? o->max_memory : MEMORY_DEFAULT;
	uint64_t threads = memory / MEMORY_LANE;
	enum blk_status st;

	w->origin = store_origin(w->s);
	st = choose_segment_size(w, memory, why);
	if (st == BLK_OK)
		st = choose_frames(w, o, why);
	if (st == BLK_OK)
		st = choose_chunks(w, o, why);
	if (st != BLK_OK)
		return st;
	if (threads > w->lanes)
		threads = w->lanes;
	w->work.helpers_max = threads > 1 ? (unsigned)threads - 1 : 0;
	/* Each helper at work; one here, one being filled; and some that wait,
	 * so that no thread does because another lost its processor. */
	w->slices_max = w->work.helpers_max + 9;
	w->known.max = (size_t)(memory / 8 / (2 * sizeof(struct idmap_entry)));
	w->own_max = (size_t)(memory / 8 / (4 * sizeof(struct idmap_entry)));
	return BLK_OK;
}

enum blk_status
writer_look_around(struct writer *w, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	uint64_t last = 0;
	enum blk_status st = c->type->segment_last(c, &last, why);

	atomic_store(&w->blank, st == BLK_OK && last == 0);
	return st;
}

static enum blk_status
make_lanes(struct writer *w, struct fault *why)
{
	w->lane = calloc(w->lanes, sizeof(*w->lane));
	if (w->lane == NULL)
		return fault_nomem(why);
	for (unsigned i = 0; i < w->lanes; i++) {
		struct lane *l = &w->lane[i];

		l->w = w;
		l->data.lane = l->structure.lane = l;
		l->structure.structure = true;
		l->stream.last = &l->stream.first;
		pthread_mutex_init(&l->lock, NULL);
	}
	return BLK_OK;
}

enum blk_status
writer_open(struct store *s, const struct writer_options *o,
    struct writer **out, struct fault *why)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct timespec now;
	enum blk_status st;

	*out = NULL;
	if (w == NULL)
		return fault_nomem(why);
	w->s = s;
	w->lanes = o->lanes > 0 ? o->lanes : 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->catalog_lock, NULL);
	pthread_rwlock_init(&w->publishing, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	w->committed_at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	work_init(&w->work);
	st = make_lanes(w, why);
	if (st == BLK_OK)
		st = choose(w, o, why);
	if (st == BLK_OK)
		st = writer_look_around(w, why);
	if (st != BLK_OK) {
		writer_close(w);
		return st;
	}
	*out = w;
	return BLK_OK;
}

/* --- the end --- */

void
writer_forget_streams(struct writer *w)
{
	for (unsigned i = 0; i < w->lanes; i++)
		lane_forget_stream(&w->lane[i]);
}

void
writer_empty(struct writer *w)
{
	if (w->lane != NULL)
		writer_forget_streams(w);
	for (unsigned i = 0; w->lane != NULL && i < w->lanes; i++) {
		struct lane *l = &w->lane[i];

		if (l->pending != NULL)
			l->pending->len = l->pending->chunks = 0;
		writer_fill_reset(&l->data);
		writer_fill_reset(&l->structure);
	}
	pthread_mutex_lock(&w->lock);
	idmap_release(&w->own);
	idmap_release(&w->leans);
	idmap_release(&w->relies);
	writer_known_clear(&w->known);
	w->filleds = 0;
	w->published = 0;
	pthread_mutex_unlock(&w->lock);
}

/* Give up what was published and is in no commit. */
static void
forget_published(struct writer *w)
{
	for (size_t i = 0; i < w->filleds; i++)
		if (w->filled[i].open == NULL && !w->filled[i].committed)
			store_forget(w->s, &w->filled[i].id);
}

enum blk_status
writer_abort(struct writer *w, struct fault *why)
{
	forget_published(w);
	writer_empty(w);
	pthread_mutex_lock(&w->lock);
	w->failed = BLK_OK;
	atomic_store(&w->has_failed, false);
	pthread_mutex_unlock(&w->lock);
	return writer_look_around(w, why);
}

void
writer_close(struct writer *w)
{
	if (w == NULL)
		return;
	forget_published(w);
	writer_empty(w);
	work_end(&w->work);
	for (unsigned i = 0; w->lane != NULL && i < w->lanes; i++)
		lane_release(&w->lane[i]);
	free(w->lane);
	free(w->filled);
	idmap_release(&w->known.map);
	free(w->known.segment);
	pthread_rwlock_destroy(&w->publishing);
	pthread_mutex_destroy(&w->catalog_lock);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

struct lane *
writer_lane(struct writer *w, unsigned i)
{
	return &w->lane[i];
}

void
writer_totals(const struct writer *w, struct writer_totals *t)
{
	*t = (struct writer_totals){ .bytes = atomic_load(&w->bytes),
		.objects = atomic_load(&w->objects),
		.new_bytes = atomic_load(&w->new_bytes),
		.new_objects = atomic_load(&w->new_objects),
		.new_data = atomic_load(&w->new_data),
		.new_trees = atomic_load(&w->new_trees),
		.stored_bytes = atomic_load(&w->stored_bytes),
		.failed_lookups = atomic_load(&w->failed_lookups) };
}

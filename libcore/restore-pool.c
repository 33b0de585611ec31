/*
 * Workers: a frame decoded, and the files that are whole with it written.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "restore-private.h"
#include "thread.h"

#define JOBS_MAX 256

struct worker {
	struct pool *pool;
	pthread_t thread;
	struct hasher *hash;
	struct codec_state *codecs;
	struct tree_scratch scratch;
	struct buf stored, plain;
};

struct pool {
	struct hand *hand;
	struct frames *frames;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t more, done;
	struct window *window; /* NULL: nothing to do */
	bool stop;
	bool full; /* the target: what is left is not tried */
	struct worker *worker;
	unsigned workers, threads; /* made ready, started */
};

/* --- one file --- */

static bool
is_right(struct worker *k, const struct plan_file *f, const uint8_t *data)
{
	struct fault unsaid = FAULT_NONE;
	struct digest found;

	return hasher_of(k->hash, data, (size_t)f->size, &found, &unsaid) ==
	    BLK_OK &&
	    digest_equal(&found, &f->id);
}

static void
finish_file(struct worker *k, const struct window *w, struct plan_file *f,
    const uint8_t *data)
{
	struct hand *h = k->pool->hand;
	struct fault unsaid = FAULT_NONE;
	struct tree_entry e;
	char name[256];

	f->outcome = OUTCOME_AGAIN;
	if (!is_right(k, f, data) ||
	    tree_parse(span_of(w->text.data + f->line, f->line_len),
	        &k->scratch, &e, &unsaid) != BLK_OK)
		return;
	restore_name(&e, name);
	f->outcome = new_file_make(
	    h, f->dir->fd, f->dir->inherits, &e, name, f->how, data, &f->m);
	if (f->outcome == OUTCOME_FAILED && mishap_is_fatal(&f->m)) {
		pthread_mutex_lock(&k->pool->lock);
		k->pool->full = true;
		pthread_mutex_unlock(&k->pool->lock);
	}
	if (f->outcome == OUTCOME_MADE || f->outcome == OUTCOME_REPLACED)
		restore_count(&h->o->totals->written, f->size);
}

/*
 * Memory for a file that lies in several runs, made by whoever has the first
 * of them: as runs come in the order of frames, few files are on their way at
 * once, whatever the size of the window.  NULL: there is none.
 */
static uint8_t *
memory_of(struct plan_file *f)
{
	uint8_t *has = __atomic_load_n(&f->data, __ATOMIC_ACQUIRE);
	uint8_t *made;

	if (has != NULL)
		return has;
	made = malloc((size_t)f->size);
	if (made == NULL ||
	    __atomic_compare_exchange_n(&f->data, &has, made, false,
	        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	free(made); /* another worker has the second run, and was faster */
	return has;
}

static void
take_part(struct worker *k, struct window *w, const struct part *p,
    const uint8_t *plain)
{
	struct plan_file *f = &w->file[p->file];
	const uint8_t *data = plain != NULL ? plain + p->from : NULL;

	if (data != NULL && f->pieces) {
		uint8_t *whole = memory_of(f);

		if (whole != NULL)
			memcpy(whole + p->at, data, p->len);
		data = whole;
	}
	if (data == NULL)
		__atomic_store_n(&f->again, true, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&f->left, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (__atomic_load_n(&f->again, __ATOMIC_RELAXED))
		f->outcome = OUTCOME_AGAIN;
	else
		finish_file(k, w, f, data);
	free(f->data);
	f->data = NULL;
}

/* --- one frame --- */

/* NULL when it cannot be had; the reader will say why. */
static const uint8_t *
decode(struct worker *k, const struct plan_frame *p)
{
	struct fault unsaid = FAULT_NONE;

	k->stored.len = k->plain.len = 0;
	if (buf_reserve(&k->stored, p->frame.stored, &unsaid) != BLK_OK ||
	    buf_reserve(&k->plain, p->frame.plain, &unsaid) != BLK_OK ||
	    frames_stored(k->pool->frames, &p->place, &p->frame, k->stored.data,
	        &unsaid) != BLK_OK ||
	    segment_unpack(k->codecs, &p->frame, k->stored.data, k->plain.data,
	        &unsaid) != BLK_OK)
		return NULL;
	return k->plain.data;
}

static void
run_group(struct worker *k, struct window *w, const struct group *g)
{
	const struct part *p = &w->part[g->first];
	static const uint8_t nothing[1];
	const uint8_t *plain = nothing;

	if (p->len > 0)
		plain = decode(k, &w->frame[p->piece]);
	for (size_t i = 0; i < g->count; i++) {
		struct part part = p[i];

		if (part.len == 0)
			part.from = 0; /* which only sorted it */
		take_part(k, w, &part, plain);
	}
}

/* --- the threads --- */

static void *
run(void *arg)
{
	struct worker *k = arg;
	struct pool *p = k->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct window *w = p->window;
		const struct group *g;
		bool full = p->full;

		if (w == NULL || w->taken == w->groups) {
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		g = &w->group[w->taken++];
		pthread_mutex_unlock(&p->lock);
		if (!full)
			run_group(k, w, g);
		pthread_mutex_lock(&p->lock);
		if (++w->finished == w->groups)
			pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static enum blk_status
worker_init(struct worker *k, struct pool *p, struct fault *why)
{
	enum blk_status st;

	*k = (struct worker){ .pool = p,
		.scratch = TREE_SCRATCH_INIT,
		.stored = BUF_INIT(SEGMENT_MAX),
		.plain = BUF_INIT(SEGMENT_MAX) };
	st = hasher_new(&k->hash, why);
	return st == BLK_OK ? codec_state_new(&k->codecs, why) : st;
}

static void
worker_release(struct worker *k)
{
	hasher_free(k->hash);
	codec_state_free(k->codecs);
	tree_scratch_release(&k->scratch);
	buf_release(&k->stored);
	buf_release(&k->plain);
}

static void
start(struct pool *p)
{
	while (p->threads < p->workers &&
	    thread_start(
	        &p->worker[p->threads].thread, run, &p->worker[p->threads]))
		p->threads++;
}

enum blk_status
pool_new(struct hand *h, struct frames *frames, unsigned jobs,
    struct pool **out, struct fault *why)
{
	struct pool *p = calloc(1, sizeof(*p));
	unsigned n = jobs == 0 ? 1 : jobs < JOBS_MAX ? jobs : JOBS_MAX;
	enum blk_status st = BLK_OK;

	*out = NULL;
	if (p == NULL)
		return fault_nomem(why);
	p->hand = h;
	p->frames = frames;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->done, NULL);
	p->worker = calloc(n, sizeof(*p->worker));
	if (p->worker == NULL)
		st = fault_nomem(why);
	while (st == BLK_OK && p->workers < n)
		st = worker_init(&p->worker[p->workers++], p, why);
	if (st == BLK_OK)
		start(p);
	if (st == BLK_OK && p->threads == 0)
		st = fault(why, BLK_FAILED, "no thread can be started");
	if (st != BLK_OK) {
		pool_free(p);
		return st;
	}
	*out = p;
	return BLK_OK;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->worker[i].thread, NULL);
	for (unsigned i = 0; i < p->workers; i++)
		worker_release(&p->worker[i]);
	free(p->worker);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->done);
	free(p);
}

void
pool_start(struct pool *p, struct window *w)
{
	pthread_mutex_lock(&p->lock);
	p->window = w;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

void
pool_wait(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->window != NULL && p->window->finished < p->window->groups)
		pthread_cond_wait(&p->done, &p->lock);
	p->window = NULL;
	pthread_mutex_unlock(&p->lock);
}

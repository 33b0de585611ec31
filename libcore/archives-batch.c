/*
 * Batches: filled by the reader, stored by workers, collected in order.
 */
#include "archives-batch.h"

#include <pthread.h>
#include <stdlib.h>

#include "thread.h"

#define BATCH_BYTES ((size_t)1 << 20)

struct item {
	size_t at, len; /* in the batch's data */
	uint32_t file;
	struct digest id;
};

struct batch {
	struct batch *next; /* spare, or behind it in the queue */
	uint8_t *data;      /* BATCH_BYTES */
	size_t len;
	struct item *item;
	size_t items, cap;
	bool taken, done; /* guarded by the lock */
};

struct worker {
	struct batches *all;
	struct lane *lane;
	pthread_t thread;
};

struct batches {
	struct names *names;
	struct batch *filling, *spare; /* the reader's */
	unsigned made, most;           /* batches */
	struct batch *first, **last;   /* handed on, in order */
	struct worker *worker;
	unsigned threads;

	pthread_mutex_t lock;
	pthread_cond_t more, done;
	bool over;
	enum blk_status st; /* of the first that failed */
	struct fault why;
};

static void
batch_free(struct batch *k)
{
	if (k == NULL)
		return;
	free(k->data);
	free(k->item);
	free(k);
}

/* --- workers --- */

static enum blk_status
store(struct lane *l, struct batch *k, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < k->items; i++) {
		struct item *t = &k->item[i];

		st = lane_put(l, k->data + t->at, t->len, &t->id, why);
	}
	return st;
}

/* With the lock: the first batch that nobody has taken; NULL: it is over. */
static struct batch *
take(struct batches *b)
{
	while (!b->over) {
		for (struct batch *k = b->first; k != NULL; k = k->next) {
			if (k->taken)
				continue;
			k->taken = true;
			return k;
		}
		pthread_cond_wait(&b->more, &b->lock);
	}
	return NULL;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct batches *b = w->all;
	struct batch *k;

	pthread_mutex_lock(&b->lock);
	while ((k = take(b)) != NULL) {
		struct fault why = FAULT_NONE;
		enum blk_status st = b->st;

		pthread_mutex_unlock(&b->lock);
		if (st == BLK_OK)
			st = store(w->lane, k, &why);
		pthread_mutex_lock(&b->lock);
		if (st != BLK_OK && b->st == BLK_OK) {
			b->st = st;
			b->why = why;
		}
		k->done = true;
		pthread_cond_signal(&b->done);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static void
start(struct batches *b, unsigned jobs)
{
	while (b->threads < jobs &&
	    thread_start(
	        &b->worker[b->threads].thread, work, &b->worker[b->threads]))
		b->threads++;
}

enum blk_status
batches_new(struct writer *w, unsigned jobs, struct names *n,
    struct batches **out, struct fault *why)
{
	struct batches *b = calloc(1, sizeof(*b));

	*out = NULL;
	if (b == NULL)
		return fault_nomem(why);
	*b = (struct batches){
		.names = n, .most = 2 * jobs + 1, .last = &b->first
	};
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->more, NULL);
	pthread_cond_init(&b->done, NULL);
	b->worker = calloc(jobs, sizeof(*b->worker));
	for (unsigned i = 0; b->worker != NULL && i < jobs; i++)
		b->worker[i] =
		    (struct worker){ .all = b, .lane = writer_lane(w, i + 1) };
	if (b->worker != NULL)
		start(b, jobs);
	if (b->threads == 0) {
		bool memory = b->worker == NULL;

		batches_free(b);
		return memory
		    ? fault_nomem(why)
		    : fault(why, BLK_FAILED, "no thread can be started");
	}
	*out = b;
	return BLK_OK;
}

void
batches_free(struct batches *b)
{
	struct batch *next;

	if (b == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	b->over = true;
	pthread_cond_broadcast(&b->more);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->threads; i++)
		pthread_join(b->worker[i].thread, NULL);
	for (struct batch *k = b->first; k != NULL; k = next) {
		next = k->next;
		batch_free(k);
	}
	for (struct batch *k = b->spare; k != NULL; k = next) {
		next = k->next;
		batch_free(k);
	}
	batch_free(b->filling);
	free(b->worker);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->more);
	pthread_cond_destroy(&b->done);
	free(b);
}

/* --- the reader --- */

/* Wait for the first batch that was handed on, and take its ids. */
static enum blk_status
collect(struct batches *b, struct fault *why)
{
	struct batch *k = b->first;
	enum blk_status st;

	pthread_mutex_lock(&b->lock);
	while (!k->done)
		pthread_cond_wait(&b->done, &b->lock);
	b->first = k->next;
	if (b->first == NULL)
		b->last = &b->first;
	st = b->st;
	if (st != BLK_OK)
		*why = b->why;
	pthread_mutex_unlock(&b->lock);
	for (size_t i = 0; st == BLK_OK && i < k->items; i++)
		b->names->file[k->item[i].file].e.id = k->item[i].id;
	k->len = k->items = 0;
	k->taken = k->done = false;
	k->next = b->spare;
	b->spare = k;
	return st;
}

static void
hand_on(struct batches *b)
{
	struct batch *k = b->filling;

	b->filling = NULL;
	k->next = NULL;
	pthread_mutex_lock(&b->lock);
	*b->last = k;
	b->last = &k->next;
	pthread_cond_signal(&b->more);
	pthread_mutex_unlock(&b->lock);
}

static enum blk_status
batch_new(struct batches *b, struct fault *why)
{
	struct batch *k = calloc(1, sizeof(*k));

	if (k != NULL)
		k->data = malloc(BATCH_BYTES);
	if (k == NULL || k->data == NULL) {
		batch_free(k);
		return fault_nomem(why);
	}
	b->filling = k;
	b->made++;
	return BLK_OK;
}

enum blk_status
batches_room(struct batches *b, size_t need, uint8_t **room, struct fault *why)
{
	enum blk_status st = BLK_OK;

	*room = NULL;
	if (b->filling != NULL && BATCH_BYTES - b->filling->len < need)
		hand_on(b);
	if (b->filling == NULL && b->spare == NULL && b->made == b->most)
		st = collect(b, why);
	if (st != BLK_OK)
		return st;
	if (b->filling == NULL && b->spare != NULL) {
		b->filling = b->spare;
		b->spare = b->spare->next;
	}
	if (b->filling == NULL)
		st = batch_new(b, why);
	if (st == BLK_OK)
		*room = b->filling->data + b->filling->len;
	return st;
}

enum blk_status
batches_add(struct batches *b, size_t len, uint32_t file, struct fault *why)
{
	struct batch *k = b->filling;
	enum blk_status st;

	st = array_grow(
	    (void **)&k->item, k->items, &k->cap, sizeof(*k->item), why);
	if (st != BLK_OK)
		return st;
	k->item[k->items++] =
	    (struct item){ .at = k->len, .len = len, .file = file };
	k->len += len;
	return BLK_OK;
}

enum blk_status
batches_finish(struct batches *b, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (b == NULL)
		return BLK_OK;
	if (b->filling != NULL && b->filling->items > 0)
		hand_on(b);
	while (st == BLK_OK && b->first != NULL)
		st = collect(b, why);
	return st;
}

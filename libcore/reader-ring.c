/*
 * Chunks decoded ahead.
 *
 * A ring of tasks in the order of the object.  Workers take them in that
 * order, decode and hash; the thread that fills the ring delivers them, and
 * does itself what nobody has taken yet.  Without workers the ring has one
 * slot, and this is all there is.
 *
 * Threads are started when the second task waits: a small object is read
 * sooner than they are made.
 */
#include <pthread.h>
#include <stdlib.h>

#include "reader-private.h"
#include "thread.h"

#define JOBS_MAX 64

struct ring {
	struct frames *frames;
	struct hasher *hash; /* of the thread that delivers */
	size_t max;          /* bytes of tasks that wait */
	enum blk_status (*deliver)(
	    void *arg, const struct task *t, struct fault *why);
	void *arg;

	struct task *task; /* task[n % slots] is number n */
	unsigned slots;
	size_t bytes;  /* of tasks from head to tail */
	uint64_t head; /* the next to be delivered */
	uint64_t tail; /* the one that is being filled */

	unsigned jobs, threads; /* wanted, running */
	pthread_t thread[JOBS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	uint64_t ready; /* tasks up to here are full; with lock */
	uint64_t taken; /* and up to here, in work or done; with lock */
	bool stop;      /* with lock */
};

static struct task *
task_at(struct ring *g, uint64_t n)
{
	return &g->task[n % g->slots];
}

/* --- one task --- */

static bool
read_chunk(struct frames *frames, struct hasher *hash, struct task *t,
    struct task_chunk *c)
{
	struct fault unsaid = FAULT_NONE;
	struct digest found;
	enum blk_status st;

	c->at = t->out.len;
	st = frames_read(
	    frames, &t->place, c->ordinal, &c->id, KIND_DATA, &t->out, &unsaid);
	if (st == BLK_OK && t->out.len - c->at == c->length &&
	    hasher_of(hash, t->out.data + c->at, c->length, &found, &unsaid) ==
	        BLK_OK &&
	    digest_equal(&found, &c->id))
		return true;
	t->out.len = c->at;
	return false;
}

/*
 * Decode and hash.  What is not sound, for whatever reason, is read again by
 * reading_object, which can say why and look elsewhere.
 */
static void
task_run(struct frames *frames, struct hasher *hash, struct task *t)
{
	t->out.len = 0;
	for (size_t i = 0; i < t->chunks; i++)
		t->chunk[i].sound = hash != NULL && !t->blind &&
		    read_chunk(frames, hash, t, &t->chunk[i]);
}

/* --- workers --- */

static void *
worker(void *arg)
{
	struct fault unsaid = FAULT_NONE;
	struct hasher *hash = NULL;
	struct ring *g = arg;

	if (hasher_new(&hash, &unsaid) != BLK_OK)
		return NULL; /* the others, or the deliverer, do it */
	pthread_mutex_lock(&g->lock);
	for (;;) {
		struct task *t;

		while (!g->stop && g->taken == g->ready)
			pthread_cond_wait(&g->more, &g->lock);
		if (g->stop)
			break;
		t = task_at(g, g->taken++);
		pthread_mutex_unlock(&g->lock);
		task_run(g->frames, hash, t);
		pthread_mutex_lock(&g->lock);
		t->done = true;
		pthread_cond_signal(&g->done);
	}
	pthread_mutex_unlock(&g->lock);
	hasher_free(hash);
	return NULL;
}

/* Fewer threads will do. */
static void
start_workers(struct ring *g)
{
	while (g->threads < g->jobs &&
	    thread_start(&g->thread[g->threads], worker, g))
		g->threads++;
	g->jobs = g->threads; /* what could not be had is not asked again */
}

/* --- the ring --- */

/*
 * A slot keeps the room of a task.  There are no more threads than frames
 * that the cache, which has a bound like ours, can hold for them.
 */
static void
set_size(struct ring *g, unsigned jobs, uint64_t max)
{
	uint64_t room = max / RING_BYTES;

	g->max = max < SIZE_MAX ? (size_t)max : SIZE_MAX;
	if (jobs > JOBS_MAX)
		jobs = JOBS_MAX;
	if (jobs > room)
		jobs = (unsigned)room;
	g->jobs = jobs > 1 ? jobs : 0;
	g->slots = 4 * g->jobs + 1;
	if (g->slots > room + 1)
		g->slots = (unsigned)room + 1;
}

enum blk_status
ring_new(struct frames *frames, unsigned jobs, uint64_t max,
    enum blk_status (*deliver)(
        void *arg, const struct task *t, struct fault *why),
    void *arg, struct ring **out, struct fault *why)
{
	struct ring *g = calloc(1, sizeof(*g));
	enum blk_status st;

	*out = NULL;
	if (g == NULL)
		return fault_nomem(why);
	g->frames = frames;
	g->deliver = deliver;
	g->arg = arg;
	set_size(g, jobs, max);
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->more, NULL);
	pthread_cond_init(&g->done, NULL);
	g->task = calloc(g->slots, sizeof(*g->task));
	st = g->task == NULL ? fault_nomem(why) : hasher_new(&g->hash, why);
	if (st != BLK_OK) {
		ring_free(g);
		return st;
	}
	*out = g;
	return BLK_OK;
}

void
ring_free(struct ring *g)
{
	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_broadcast(&g->more);
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < g->threads; i++)
		pthread_join(g->thread[i], NULL);
	for (unsigned i = 0; g->task != NULL && i < g->slots; i++)
		buf_release(&g->task[i].out);
	free(g->task);
	hasher_free(g->hash);
	pthread_cond_destroy(&g->done);
	pthread_cond_destroy(&g->more);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* Wait for the oldest task, or do it, and give it away. */
static enum blk_status
deliver_head(struct ring *g, struct fault *why)
{
	struct task *t = task_at(g, g->head);
	enum blk_status st;
	bool ours;

	pthread_mutex_lock(&g->lock);
	ours = g->taken == g->head;
	if (ours)
		g->taken++;
	while (!ours && !t->done)
		pthread_cond_wait(&g->done, &g->lock);
	pthread_mutex_unlock(&g->lock);
	if (ours)
		task_run(g->frames, g->hash, t);
	st = g->deliver(g->arg, t, why);
	g->bytes -= t->bytes;
	t->chunks = 0;
	if (t->out.cap > 2 * RING_BYTES)
		buf_release(&t->out);
	g->head++;
	return st;
}

/* The task that is being filled is full: others may have it. */
static enum blk_status
close_task(struct ring *g, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (task_at(g, g->tail)->chunks == 0)
		return BLK_OK;
	pthread_mutex_lock(&g->lock);
	g->ready = ++g->tail;
	pthread_cond_signal(&g->more);
	pthread_mutex_unlock(&g->lock);
	if (g->tail - g->head >= 2 && g->threads < g->jobs)
		start_workers(g);
	/* A free slot, and room for a task in it. */
	while (st == BLK_OK && g->tail > g->head &&
	    (g->tail - g->head >= g->slots || g->bytes + RING_BYTES > g->max))
		st = deliver_head(g, why);
	return st;
}

/* Does c go on where the task ends? */
static bool
continues(const struct task *t, const struct list_chunk *c)
{
	return t->chunks > 0 && t->chunks < RING_CHUNKS && !t->blind &&
	    c->found && t->frame == c->frame &&
	    t->bytes + c->length <= RING_BYTES &&
	    digest_equal(&t->place.id, &c->place.id);
}

enum blk_status
ring_add(struct ring *g, const struct list_chunk *c, struct fault *why)
{
	struct task *t = task_at(g, g->tail);
	enum blk_status st = BLK_OK;

	if (t->chunks > 0 && !continues(t, c))
		st = close_task(g, why);
	if (st != BLK_OK)
		return st;
	t = task_at(g, g->tail);
	if (t->chunks == 0) {
		t->place = c->place;
		t->frame = c->frame;
		t->blind = !c->found;
		t->done = false;
		t->bytes = 0;
	}
	t->chunk[t->chunks++] = (struct task_chunk){
		.id = c->id, .length = c->length, .ordinal = c->copy.ordinal
	};
	t->bytes += c->length;
	t->out.max = t->bytes;
	g->bytes += c->length;
	return BLK_OK;
}

enum blk_status
ring_end(struct ring *g, struct fault *why)
{
	enum blk_status st = close_task(g, why);

	while (st == BLK_OK && g->head < g->tail)
		st = deliver_head(g, why);
	return st;
}

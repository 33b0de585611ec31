/*
 * Threads that help with long streams.  A helper works in any lane that its
 * owner is not working in at the moment; a stream's own thread never waits
 * for a slice that nobody has begun.
 *
 * The hash of the whole takes one slice after the other, each by whichever
 * thread has time: it costs as much as all else that a stream needs that is
 * there already, and a thread that always did both would hold up the others.
 */
#include <stdlib.h>

#include "thread.h"
#include "writer-private.h"

#define QUEUED 4 /* slices that wait, for each helper */

void
work_init(struct work *k)
{
	k->last = &k->first;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->more, NULL);
	pthread_cond_init(&k->done, NULL);
}

void
work_end(struct work *k)
{
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_broadcast(&k->more);
	pthread_mutex_unlock(&k->lock);
	for (unsigned i = 0; i < k->helpers; i++)
		pthread_join(k->helper[i], NULL);
	free(k->helper);
	pthread_cond_destroy(&k->done);
	pthread_cond_destroy(&k->more);
	pthread_mutex_destroy(&k->lock);
}

/* A lane that nobody works in, locked; NULL: none. */
static struct lane *
free_lane(struct writer *w)
{
	for (unsigned i = 0; i < w->lanes; i++)
		if (pthread_mutex_trylock(&w->lane[i].lock) == 0)
			return &w->lane[i];
	return NULL;
}

/* --- the hash of the whole --- */

static bool
may_hash(const struct stream *t)
{
	return t->unhashed != NULL && !t->hashing;
}

/* With k->lock held: of any stream; NULL: none. */
static struct stream *
unhashed(struct writer *w)
{
	for (unsigned i = 0; i < w->lanes; i++)
		if (may_hash(&w->lane[i].stream))
			return &w->lane[i].stream;
	return NULL;
}

void
work_append(struct work *k, struct stream *t, struct slice *s)
{
	pthread_mutex_lock(&k->lock);
	s->next = NULL;
	s->state = SLICE_RUNNING;
	s->hashed = false;
	*t->last = s;
	t->last = &s->next;
	if (t->unhashed == NULL)
		t->unhashed = s;
	pthread_mutex_unlock(&k->lock);
}

enum blk_status
work_hash(struct work *k, struct stream *t, bool *did, struct fault *why)
{
	enum blk_status st;
	struct slice *s;

	pthread_mutex_lock(&k->lock);
	*did = may_hash(t);
	t->hashing |= *did;
	s = t->unhashed;
	pthread_mutex_unlock(&k->lock);
	if (!*did)
		return BLK_OK;
	st = hasher_add(t->hash, s->data, s->len, why);
	pthread_mutex_lock(&k->lock);
	s->hashed = true;
	t->hashing = false;
	if (t->unhashed == s)
		t->unhashed = s->next;
	pthread_cond_broadcast(&k->done);
	pthread_mutex_unlock(&k->lock);
	return st;
}

void
work_unhash(struct work *k, struct stream *t)
{
	pthread_mutex_lock(&k->lock);
	t->unhashed = NULL;
	while (t->hashing)
		pthread_cond_wait(&k->done, &k->lock);
	for (struct slice *s = t->first; s != NULL; s = s->next)
		s->hashed = true;
	pthread_mutex_unlock(&k->lock);
}

/* --- helpers --- */

struct task { /* a stream to be hashed on, or a slice and a lane for it */
	struct stream *stream;
	struct slice *slice;
	struct lane *lane;
};

static struct slice *
unqueue(struct work *k)
{
	struct slice *s = k->first;

	k->first = s->behind;
	if (k->first == NULL)
		k->last = &k->first;
	k->queued--;
	s->state = SLICE_RUNNING;
	return s;
}

/*
 * Wait for something to do; false: it is the end.  The hash comes first: of
 * all that is to be done it is what cannot be done by two.
 */
static bool
next_task(struct writer *w, struct task *task)
{
	struct work *k = &w->work;

	*task = (struct task){ .stream = NULL };
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		task->stream = unhashed(w);
		if (task->stream != NULL)
			break;
		task->lane = k->first != NULL ? free_lane(w) : NULL;
		if (task->lane != NULL) {
			task->slice = unqueue(k);
			break;
		}
		pthread_cond_wait(&k->more, &k->lock);
	}
	/* Who is woken takes one thing; another may be there for the next. */
	if (k->first != NULL || unhashed(w) != NULL)
		pthread_cond_signal(&k->more);
	pthread_mutex_unlock(&k->lock);
	return task->stream != NULL || task->slice != NULL;
}

static void
run_slice(struct writer *w, const struct task *task)
{
	struct fault why = FAULT_NONE;
	enum blk_status st = writer_sound(w, &why);

	if (st == BLK_OK)
		st = lane_ready(task->lane, &why);
	if (st == BLK_OK)
		st = lane_run(task->lane, task->slice, true, &why);
	if (st != BLK_OK)
		writer_fail(w, st, &why);
	pthread_mutex_unlock(&task->lane->lock);
	work_mark(&w->work, task->slice, SLICE_DONE);
}

static void
hash_stream(struct writer *w, struct stream *t)
{
	struct fault why = FAULT_NONE;
	enum blk_status st;
	bool did;

	st = work_hash(&w->work, t, &did, &why);
	if (st != BLK_OK)
		writer_fail(w, st, &why);
}

static void *
help(void *arg)
{
	struct writer *w = arg;
	struct task task;

	while (next_task(w, &task))
		if (task.stream != NULL)
			hash_stream(w, task.stream);
		else
			run_slice(w, &task);
	return NULL;
}

/* With k->lock held: as many as can be had; none is no failure. */
static void
start(struct writer *w)
{
	struct work *k = &w->work;

	if (k->helper == NULL)
		k->helper = calloc(k->helpers_max, sizeof(*k->helper));
	if (k->helper == NULL)
		k->helpers_max = 0;
	while (k->helpers < k->helpers_max &&
	    thread_start(&k->helper[k->helpers], help, w))
		k->helpers++;
	k->helpers_max = k->helpers;
}

bool
work_offer(struct writer *w, struct slice *s)
{
	struct work *k = &w->work;
	bool taken;

	pthread_mutex_lock(&k->lock);
	if (k->helpers < k->helpers_max)
		start(w);
	taken = k->queued < QUEUED * k->helpers;
	if (taken) {
		s->state = SLICE_QUEUED;
		s->behind = NULL;
		*k->last = s;
		k->last = &s->behind;
		k->queued++;
		pthread_cond_signal(&k->more);
	}
	pthread_mutex_unlock(&k->lock);
	return taken;
}

bool
work_is_done(struct work *k, const struct slice *s)
{
	bool done;

	pthread_mutex_lock(&k->lock);
	done = s->state == SLICE_DONE && s->hashed;
	pthread_mutex_unlock(&k->lock);
	return done;
}

struct slice *
work_take_back(struct work *k, struct slice *list)
{
	struct slice *s = list, **at = &k->first;

	pthread_mutex_lock(&k->lock);
	while (s != NULL && s->state != SLICE_QUEUED)
		s = s->next;
	if (s != NULL) {
		while (*at != s)
			at = &(*at)->behind;
		*at = s->behind;
		if (*at == NULL)
			k->last = at;
		k->queued--;
		s->state = SLICE_RUNNING;
	}
	pthread_mutex_unlock(&k->lock);
	return s;
}

void
work_wait(struct work *k, const struct slice *s)
{
	pthread_mutex_lock(&k->lock);
	while (s->state != SLICE_DONE || !s->hashed)
		pthread_cond_wait(&k->done, &k->lock);
	pthread_mutex_unlock(&k->lock);
}

void
work_mark(struct work *k, struct slice *s, enum slice_state state)
{
	pthread_mutex_lock(&k->lock);
	s->state = state;
	if (state == SLICE_DONE)
		pthread_cond_broadcast(&k->done);
	pthread_mutex_unlock(&k->lock);
}

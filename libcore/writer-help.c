/*
 * Threads that help with long streams.  A helper works in any lane that its
 * owner is not working in at the moment; a stream's own thread never waits
 * for a slice that nobody has begun.
 */
#include <stdlib.h>

#include "writer-private.h"

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

/* Wait for a slice and a lane; NULL: it is the end. */
static struct slice *
next_slice(struct writer *w, struct lane **l)
{
	struct work *k = &w->work;
	struct slice *s = NULL;

	pthread_mutex_lock(&k->lock);
	for (;;) {
		*l = k->first != NULL && !k->stop ? free_lane(w) : NULL;
		if (*l != NULL || k->stop)
			break;
		pthread_cond_wait(&k->more, &k->lock);
	}
	if (*l != NULL) {
		s = k->first;
		k->first = s->behind;
		if (k->first == NULL)
			k->last = &k->first;
		k->queued--;
		s->state = SLICE_RUNNING;
	}
	pthread_mutex_unlock(&k->lock);
	return s;
}

static void *
help(void *arg)
{
	struct writer *w = arg;
	struct lane *l = NULL;
	struct slice *s;

	while ((s = next_slice(w, &l)) != NULL) {
		struct fault why = FAULT_NONE;
		enum blk_status st = writer_sound(w, &why);

		if (st == BLK_OK)
			st = lane_ready(l, &why);
		if (st == BLK_OK)
			st = lane_run(l, s, true, &why);
		if (st != BLK_OK)
			writer_fail(w, st, &why);
		pthread_mutex_unlock(&l->lock);
		work_mark(&w->work, s, SLICE_DONE);
	}
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
	    pthread_create(&k->helper[k->helpers], NULL, help, w) == 0)
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
	taken = k->queued < k->helpers;
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
	done = s->state == SLICE_DONE;
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
	while (s->state != SLICE_DONE)
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

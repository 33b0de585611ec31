/*
 * collect-repack.h - a repacking on its way.  Private to the collect room.
 *
 * Lanes copy what lives in victims, each into segments of its own, until the
 * round is full; then what all of them published is committed, with the
 * victims condemned.
 */
#ifndef COLLECT_REPACK_H
#define COLLECT_REPACK_H

#include <pthread.h>

#include "collect-private.h"

struct collect_lane;

struct repack {
	struct store *s;
	const struct collect_options *o;
	struct collect_victims v;
	uint64_t frame_size;
	int64_t end; /* ms: no further victim is begun */
	struct collect_lane **lane;
	unsigned lanes;

	/* All below, progress, the report and the catalog. */
	pthread_mutex_t lock;
	struct collect_report *r;
	struct digest *added; /* segments of this round */
	size_t addeds, addeds_cap;
	uint64_t copied;      /* plain bytes of this round */
	uint64_t objects;     /* in its victims */
	uint64_t objects_max; /* that there is memory for */
	size_t first, last;   /* victims of this round */
	size_t done;          /* victims, of all rounds */
	bool stop;            /* none is begun after this round */
	enum blk_status st;   /* the first failure of a lane, and its reason */
	struct fault why;
};

MUST_USE enum blk_status collect_lane_new(struct repack *p,
    const struct segment_options *o, struct collect_lane **out,
    struct fault *why);
void collect_lane_free(struct collect_lane *l); /* NULL: does nothing */

/*
 * What a lane does, called, or in a thread; arg: the lane.  A failure goes to
 * p->st.
 *
 * copy: victims, the next one that nobody has taken, until the round is full
 *       or a lane has failed.
 * seal: publish what is left in the lane's segments.
 */
void *collect_lane_copy(void *arg);
void *collect_lane_seal(void *arg);

#endif

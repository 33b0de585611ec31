/*
 * Rounds of copying what lives in victims, and condemning them.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-repack.h"
#include "file.h"
#include "rules.h"
#include "thread.h"

#define LANES_MAX 64
#define OBJECT_BYTES 2048 /* of memory, for each object of a victim */
#define SEGMENT_LEAST ((uint64_t)1 << 20)

/* --- condemning --- */

static enum blk_status
decide_round(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct repack *p = arg;
	struct catalog *c = store_catalog(s);

	for (size_t i = p->first; i < p->last; i++) {
		const struct collect_victim *v = &p->v.victim[i];
		struct commit_verb verb = { .verb = VERB_CONDEMN,
			.id = v->seg.id,
			.reason =
			    v->orphan ? REASON_ORPHAN : REASON_COLLECTED };
		struct catalog_segment now;
		enum blk_status st;

		/* Added, or condemned, by somebody else meanwhile? */
		st = c->type->segment_find(c, &v->seg.id, &now, why);
		if (st == BLK_OK && (v->orphan || now.condemned != 0))
			continue;
		if (st != BLK_OK && !(st == BLK_ABSENT && v->orphan))
			return st;
		st = commit_add(k, &verb, why);
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

static enum blk_status
commit_round(struct repack *p, struct fault *why)
{
	struct store_draft d = {
		.decide = decide_round, .arg = p, .collector = true
	};
	struct store_outcome out;
	enum blk_status st;

	d.segment = p->added;
	d.segments = p->addeds;
	st = store_commit(p->s, &d, &out, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = p->first; i < p->last; i++) {
		p->r->condemned++;
		p->r->condemned_bytes += p->v.victim[i].seg.bytes;
		p->r->orphans += p->v.victim[i].orphan;
	}
	p->addeds = 0;
	p->copied = p->objects = 0;
	p->first = p->last;
	return BLK_OK;
}

/* --- rounds --- */

/* Do something in all lanes: this thread is the first. */
static enum blk_status
in_lanes(struct repack *p, void *(*work)(void *lane), struct fault *why)
{
	pthread_t thread[LANES_MAX];
	unsigned n = 1;

	while (n < p->lanes && thread_start(&thread[n], work, p->lane[n]))
		n++;
	(void)work(p->lane[0]);
	for (unsigned i = n; i < p->lanes; i++) /* no thread could be had */
		(void)work(p->lane[i]);
	while (n-- > 1)
		pthread_join(thread[n], NULL);
	if (p->st != BLK_OK)
		*why = p->why;
	return p->st;
}

/* Nothing is published before all of the round turned out to be sound, but
 * for segments that filled up. */
static enum blk_status
copy_round(struct repack *p, struct fault *why)
{
	enum blk_status st = in_lanes(p, collect_lane_copy, why);

	return st == BLK_OK ? in_lanes(p, collect_lane_seal, why) : st;
}

/* What is left to be copied, in segments: more lanes would only make small
 * ones, for the next collection to pack. */
static uint64_t
segments_to_fill(const struct repack *p)
{
	uint64_t live = 0;

	for (size_t i = p->last; i < p->v.victims; i++)
		live += p->v.victim[i].seg.live;
	return live / p->v.segment_size + 1;
}

/* As many as there are jobs, and as a quarter of the memory can build
 * segments in: two a lane. */
static unsigned
count_lanes(const struct repack *p)
{
	uint64_t most = store_max_memory(p->s) / (8 * p->v.segment_size);
	uint64_t n = p->o->jobs < LANES_MAX ? p->o->jobs : LANES_MAX;
	uint64_t fill = segments_to_fill(p);

	if (n > most)
		n = most;
	if (n > fill)
		n = fill;
	if (n > p->v.victims)
		n = p->v.victims;
	return n > 0 ? (unsigned)n : 1;
}

static enum blk_status
open_lanes(struct repack *p, struct fault *why)
{
	struct segment_options o = { .verify = true };
	unsigned n = count_lanes(p);
	enum blk_status st;

	st = store_compression(p->s, &o.codec, &o.level, why);
	/* Lanes publish at once: the session is there before. */
	if (st == BLK_OK)
		st = store_session(p->s, why);
	if (st != BLK_OK)
		return st;
	p->lane = calloc(n, sizeof(struct collect_lane *));
	if (p->lane == NULL)
		return fault_nomem(why);
	while (st == BLK_OK && p->lanes < n)
		st = collect_lane_new(p, &o, &p->lane[p->lanes++], why);
	return st;
}

static void
close_lanes(struct repack *p)
{
	while (p->lanes > 0)
		collect_lane_free(p->lane[--p->lanes]);
	free(p->lane);
	p->lane = NULL;
}

static enum blk_status
all_rounds(struct repack *p, struct fault *why)
{
	enum blk_status st = BLK_OK;

	p->stop = p->o->progress != NULL &&
	    p->o->progress(p->o->arg, COLLECT_REPACK, 0, p->v.victims);
	while (st == BLK_OK && p->last < p->v.victims && !p->stop) {
		st = open_lanes(p, why);
		if (st == BLK_OK)
			st = copy_round(p, why);
		/* The commit needs the memory for what it applies. */
		close_lanes(p);
		if (st == BLK_OK && p->first < p->last)
			st = commit_round(p, why);
	}
	p->r->unfinished = p->r->unfinished || p->last < p->v.victims;
	return st;
}

/* --- the whole --- */

/* A segment is built in memory, and what a round moves is held there while it
 * is judged and applied. */
static void
bound_memory(struct repack *p)
{
	uint64_t memory = store_max_memory(p->s), most = memory / 8;

	p->objects_max = UINT64_MAX;
	if (memory == 0)
		return;
	p->objects_max = memory / OBJECT_BYTES + 1; /* one victim goes always */
	if (most < SEGMENT_LEAST)
		most = SEGMENT_LEAST;
	if (p->v.segment_size > most)
		p->v.segment_size = most;
	if (p->frame_size > most)
		p->frame_size = most;
}

static void
repack_release(struct repack *p)
{
	free(p->v.victim);
	free(p->added);
	pthread_mutex_destroy(&p->lock);
}

static enum blk_status
report_only(struct repack *p)
{
	for (size_t i = 0; i < p->v.victims; i++) {
		p->r->condemned++;
		p->r->condemned_bytes += p->v.victim[i].seg.bytes;
		p->r->orphans += p->v.victim[i].orphan;
		p->r->copied_bytes += p->v.victim[i].seg.live;
	}
	return BLK_OK;
}

enum blk_status
collect_repack(struct store *s, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct repack p = { .s = s,
		.o = o,
		.r = r,
		.v = { .s = s, .o = o, .r = r },
		.end = INT64_MAX };
	struct catalog *c = store_catalog(s);
	enum blk_status st;

	pthread_mutex_init(&p.lock, NULL);
	if (o->max_time_ms > 0)
		p.end = file_clock_ms() + o->max_time_ms;
	st = store_setting_number(s, "segment-size", &p.v.segment_size, why);
	if (st == BLK_OK)
		st = store_setting_number(s, "frame-size", &p.frame_size, why);
	if (st == BLK_OK)
		st = collect_choose(&p.v, why);
	/* Asked now that the catalog is at the head. */
	if (st == BLK_OK)
		st = collect_allowed(s, why);
	if (st == BLK_OK && o->dry_run)
		st = report_only(&p);
	else if (st == BLK_OK && p.v.victims > 0) {
		/* R6: what is an orphan, and what lives, is told by these
		 * rows; those of ids follow for each victim. */
		if (RULE(R6))
			st = c->type->verify(c, CATALOG_SEGMENTS, why);
		bound_memory(&p);
		if (st == BLK_OK)
			st = all_rounds(&p, why);
	}
	repack_release(&p);
	return st;
}

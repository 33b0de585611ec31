/*
 * writer-private.h - what the files of the writer room share.
 *
 * Locks, in the order in which they may be taken: a lane's; catalog_lock;
 * publishing; work.lock or lock, which are never held while another is
 * waited for.  (A helper tries lanes while it holds work.lock, but does not
 * wait for them.)
 */
#ifndef WRITER_PRIVATE_H
#define WRITER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "chunker.h"
#include "idmap.h"
#include "writer.h"

#define WRITER_BATCH 128               /* chunks looked up at once */
#define WRITER_SLICE ((size_t)1 << 20) /* of a stream, handed on at once */

struct chunk { /* or an object that may be several */
	struct digest id;
	uint32_t offset, len; /* in the slice's data */
	bool found;           /* need not be stored */
	bool asked;           /* for: if it was not found, it is not there */
	bool listed;          /* an object: there as a list, relied on, ... */
	uint64_t list;        /* ... XXH3-64 of which is this */
};

enum slice_state { SLICE_QUEUED, SLICE_RUNNING, SLICE_DONE };

/* A run of chunks, worked on at once, by any lane. */
struct slice {
	struct slice *next;   /* of its stream; or spare */
	struct slice *behind; /* in the queue */
	uint8_t *data;
	size_t len;
	struct chunk *chunk;
	size_t chunks;
	enum slice_state state; /* guarded by work.lock */
	bool hashed;            /* into the whole's; likewise */
};

/* What one builder collects until it is sealed. */
struct fill {
	struct lane *lane;
	struct segment_builder *builder; /* NULL: not used yet */
	bool structure;
	size_t number; /* in filled[], while it holds objects */
	uint64_t plain;
};

/* One filling of a builder: where the new objects of this writer are. */
struct filled {
	struct fill *open; /* NULL: published as id */
	struct digest id;
	uint64_t bytes, plain;
	bool structure;
	bool committed; /* early, without references */
};

/* The scratch of a batch of lookups. */
struct lookup {
	struct chunk *chunk[WRITER_BATCH]; /* asked for, sorted by id */
	struct digest id[WRITER_BATCH];
	struct catalog_facts facts[WRITER_BATCH];
	size_t asked;
	struct lookup_hit {
		struct chunk *chunk;
		uint32_t ordinal;
		size_t segment; /* index into segment[] */
	} hit[WRITER_BATCH];
	size_t hits;
	struct catalog_segment segment[WRITER_BATCH];
	size_t segments;
	bool whole; /* objects are asked for, which may be lists */
	struct lookup_list {
		struct chunk *chunk;
		struct catalog_copy copy;
		size_t segment;
	} list[WRITER_BATCH];
	size_t lists;
	bool wrong; /* something is noted damaged somewhere */
};

struct stream {
	bool is_open;
	bool is_long;        /* more than a slice: in pieces from here on */
	struct hasher *hash; /* of the whole, when it is long */
	struct cutter *list;
	struct slice *filling;
	struct slice *first, **last; /* handed on, in order */
	struct slice *unhashed; /* the first of those; guarded by work.lock */
	bool hashing;           /* some thread is at it; likewise */
	struct slice *spare;
	size_t slices;   /* that there are */
	uint64_t handed; /* slices of this stream so far */
	uint64_t size;
};

/* What a thread needs to work.  Made when it is first used. */
struct lane {
	struct writer *w;
	pthread_mutex_t lock; /* held for each call, and by a helper at work */
	bool ready;
	struct hasher *hash;
	struct codec_state *codecs;
	struct fill data, structure;
	uint32_t *length; /* of the chunks of a slice */
	/* Short objects: whole, hashed, not looked up yet; and the chunks of
	 * those of them that were not found, slice_chunks at most, while
	 * they are gone through. */
	struct slice *pending;
	struct chunk *cut;
	size_t cuts;
	struct lookup *lookup;
	struct stream stream;
	struct cutter *text; /* NULL: none was begun */
};

/* Chunks of live segments whose tables were read: a cache. */
struct known {
	struct idmap map; /* chunk -> index into segment[] */
	struct known_segment {
		struct digest id;
		bool leaned; /* is among the writer's leans */
	} * segment;
	size_t segments, cap;
	size_t max; /* chunks */
};

/* Slices of long streams, for whichever thread is free. */
struct work {
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	struct slice *first, **last;
	size_t queued;
	bool stop;
	pthread_t *helper;
	unsigned helpers, helpers_max;
};

struct writer {
	struct store *s;
	struct segment_origin origin;
	struct segment_options packing;
	struct chunker chunker;
	bool no_dedup, new_lists;
	size_t frame_size, segment_size;
	size_t slice_room;   /* bytes of a slice */
	size_t slice_chunks; /* and the chunks that these can be */
	size_t slices_max;   /* a stream's */
	size_t own_max;      /* ids in own that call for an early commit */

	struct lane *lane;
	unsigned lanes;
	struct work work;

	pthread_mutex_t catalog_lock; /* store, catalog: for one at a time */
	/* store_commit looks at what is pending: no store_publish then. */
	pthread_rwlock_t publishing;
	atomic_bool blank; /* no segment in the store: nothing to look up */
	_Atomic int64_t committed_at; /* monotonic, ns */

	pthread_mutex_t lock; /* all below but the counters */
	/*
	 * (id, kind) of all that was written and not committed: the number
	 * of its filling * WRITER_OBJECTS + its ordinal; or WRITER_PROMISED.
	 */
	struct idmap own;
	struct filled *filled;
	size_t filleds, filleds_cap;
	uint64_t published; /* plain bytes of data, not committed */
	struct known known;
	struct idmap leans;      /* ids of segments */
	struct idmap relies;     /* (id, class) */
	enum blk_status failed;  /* the first that went wrong ... */
	struct fault failed_why; /* ... of a lane: it is all over then */
	atomic_bool has_failed;

	_Atomic uint64_t bytes, objects, new_bytes, new_objects, new_data,
	    new_trees, stored_bytes, failed_lookups;
	atomic_bool has_warned;
};

#define WRITER_OBJECTS ((int64_t)SEGMENT_OBJECTS_MAX)
#define WRITER_PROMISED (-1) /* by a lane that is about to write it */

/* writer.c */

/* The fault of the lane that failed first, if one did. */
MUST_USE enum blk_status writer_sound(struct writer *w, struct fault *why);
void writer_fail(struct writer *w, enum blk_status st, const struct fault *why);
/* A lookup of n ids went wrong: they count as misses. */
void writer_missed(struct writer *w, size_t n, const struct fault *why);
/* Forget streams that were not ended, all of them before any lane is touched:
 * helpers are at work for one in the lanes of the others. */
void writer_forget_streams(struct writer *w);
/* Forget all that is not committed. */
void writer_empty(struct writer *w);
/* Anything in the store to be found? */
MUST_USE enum blk_status writer_look_around(
    struct writer *w, struct fault *why);

/* writer-own.c: all with w->lock held */

/* Is (id, of any kind that class takes) new, and this writer's? */
bool writer_owns(const struct writer *w, const struct digest *id,
    enum class class, enum kind *kind, int64_t *where);
/* Say that (id, kind) will be written; *mine: nobody else said so. */
MUST_USE enum blk_status writer_promise(struct writer *w,
    const struct digest *id, enum kind kind, bool *mine, struct fault *why);
MUST_USE enum blk_status writer_lean(
    struct writer *w, const struct digest *segment, struct fault *why);
/* Forget where those are that were committed. */
MUST_USE enum blk_status writer_own_sweep(struct writer *w, struct fault *why);

/* writer-fill.c */

/* Add an object, sealing and publishing what is full. */
MUST_USE enum blk_status writer_fill_add(struct fill *f,
    const struct digest *id, enum kind kind, const void *data, size_t len,
    struct fault *why);
/* Seal and publish, if there is anything. */
MUST_USE enum blk_status writer_fill_seal(struct fill *f, struct fault *why);
void writer_fill_reset(struct fill *f);
/* Give the builder's memory back, if it holds nothing. */
void writer_fill_release(struct fill *f);

/* writer-known.c */

/* Which of n <= WRITER_BATCH chunks need not be stored?  The others are
 * promised. */
MUST_USE enum blk_status writer_look_up(
    struct lane *l, struct chunk *chunk, size_t n, struct fault *why);
/*
 * Which of n <= WRITER_BATCH objects need not even be cut?  Those that are
 * there as data; and as a list that may be reused, whose chunks this writer
 * knows already: it wrote them, or read of them in their segment's table.
 * Where it does not know them, the list need not be written if it names the
 * chunks that the object is cut to.  Nothing is promised.
 */
MUST_USE enum blk_status writer_look_up_whole(
    struct lane *l, struct chunk *object, size_t n, struct fault *why);
/* w->lock held. */
void writer_known_clear(struct known *k);
/* R5, for a structure: may it be referred to as it is?  Relied on then. */
MUST_USE enum blk_status writer_reuse(struct writer *w, const struct digest *id,
    enum class class, bool *reused, struct fault *why);

/* writer-lane.c */

MUST_USE enum blk_status lane_ready(struct lane *l, struct fault *why);
void lane_release(struct lane *l);
/* Lock the lane, unless the writer failed; leave tells it when we did. */
MUST_USE enum blk_status lane_enter(struct lane *l, struct fault *why);
MUST_USE enum blk_status lane_leave(
    struct lane *l, enum blk_status st, const struct fault *why);
/* Chunks to the lengths in l->length; *used: bytes that they cover. */
size_t lane_cut(
    struct lane *l, const uint8_t *data, size_t len, bool final, size_t *used);
/* Hash (if asked), look up and store the chunks of a slice. */
MUST_USE enum blk_status lane_run(
    struct lane *l, struct slice *s, bool hash, struct fault *why);
/* Store a structure that is not cut any more; as structure_emit, arg is the
 * lane, for pieces. */
MUST_USE enum blk_status lane_add_structure(struct lane *l,
    const struct digest *id, enum kind kind, const void *text, size_t len,
    struct fault *why);
structure_emit lane_add_piece;
/* The same of one that was looked for and not found. */
MUST_USE enum blk_status lane_new_structure(struct lane *l,
    const struct digest *id, enum kind kind, const void *text, size_t len,
    struct fault *why);
MUST_USE enum blk_status lane_add_line(
    struct cutter *list, const struct chunk *c, struct fault *why);
MUST_USE enum blk_status lane_end_list(struct lane *l, struct cutter *list,
    const struct digest *id, struct fault *why);

/* writer-short.c */

/* Store an object that is not longer than a slice; it may stand in the slice
 * of those that wait, behind them. */
MUST_USE enum blk_status lane_put_short(struct lane *l, const uint8_t *data,
    size_t len, struct digest *id, struct fault *why);
/* Look up what waits, and store it. */
MUST_USE enum blk_status lane_flush(struct lane *l, struct fault *why);
/* The same of all lanes, none of which is busy; a failure is the writer's. */
MUST_USE enum blk_status writer_flush(struct writer *w, struct fault *why);

/* writer-stream.c */

MUST_USE enum blk_status slice_new(
    const struct writer *w, struct slice **out, struct fault *why);
void slice_free(struct slice *s);
/* Forget a stream that was not ended; waits for helpers. */
void lane_forget_stream(struct lane *l);

/* writer-help.c */

void work_init(struct work *k);
void work_end(struct work *k);
/* Add a slice to those of its stream that are handed on: from here on any
 * thread may add it to the hash of the whole. */
void work_append(struct work *k, struct stream *t, struct slice *s);
/* Add the stream's next slice to the hash of the whole; *did: there was one,
 * and no other thread was at it. */
MUST_USE enum blk_status work_hash(
    struct work *k, struct stream *t, bool *did, struct fault *why);
/* Nothing more of this stream is hashed. */
void work_unhash(struct work *k, struct stream *t);
/* Hand a slice to the helpers; false: they have enough to do. */
bool work_offer(struct writer *w, struct slice *s);
/* Is it done, and hashed? */
bool work_is_done(struct work *k, const struct slice *s);
/* Take a slice of this list back that nobody has begun; NULL: none. */
struct slice *work_take_back(struct work *k, struct slice *list);
/* Wait until the slice, begun by somebody, is done, and hashed. */
void work_wait(struct work *k, const struct slice *s);
void work_mark(struct work *k, struct slice *s, enum slice_state state);

/* writer-commit.c */

/* Commit published data, if a GiB or a minute has come together. */
MUST_USE enum blk_status writer_commit_early(
    struct writer *w, struct fault *why);

#endif

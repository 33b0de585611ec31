/*
 * reader-private.h - what the files of the reader room share.
 */
#ifndef READER_PRIVATE_H
#define READER_PRIVATE_H

#include "reader.h"

/* --- reader-find.c: one object, from whatever copy is sound --- */

/* A walk of one object: what it is about, and what it works with. */
struct reading {
	struct store *store;
	struct hasher *hash; /* of the thread that reads */
	struct digest root;  /* whose walk this is */
	enum class class;
	uint64_t syncs;     /* what was looked up before one is void */
	struct digest gone; /* the segment that was last found missing */
};

MUST_USE enum blk_status reading_init(struct reading *r, struct store *s,
    const struct digest *id, enum class class, struct fault *why);
void reading_release(struct reading *r);

/* facts_many; an unsound index is made again, once. */
MUST_USE enum blk_status reading_facts(struct reading *r,
    const struct digest *id, size_t n, struct catalog_facts *f,
    struct fault *why);
/* ABSENT: no such row. */
MUST_USE enum blk_status reading_segment(struct reading *r, uint64_t seq,
    struct catalog_segment *seg, struct fault *why);

/* The facts of the root; ABSENT when it is not counted. */
MUST_USE enum blk_status reading_root(
    struct reading *r, struct catalog_facts *f, struct fault *why);

/* Where an object was read from. */
struct reading_from {
	struct catalog_copy copy;
	struct digest segment;
};

/*
 * Append an object of at most max bytes to b, hashed, unless a list is what
 * it came from (from->copy.kind): a list is proved by its content only.  Each
 * copy is read twice before it is taken for damaged, which is noted.  When a
 * segment is missing the store is synced and all is looked up again.
 *
 * Returns: BLK_OK; BLK_ABSENT: the root is no longer counted; BLK_CORRUPT;
 *          BLK_FAILED (newer format, too).
 */
MUST_USE enum blk_status reading_object(struct reading *r,
    const struct digest *id, enum class class, size_t max, struct buf *b,
    struct reading_from *from, struct fault *why);

/* Note that a copy is damaged; a note that cannot be made is left out. */
void reading_note(
    struct reading *r, const struct digest *segment, uint32_t ordinal);

/* --- reader-list.c: the chunks of a list --- */

struct list_chunk {
	struct digest id;
	uint64_t offset; /* in the object */
	uint32_t length;
	bool found; /* copy (and, unless exact, place and frame) are known */
	struct catalog_copy copy;
	struct frames_place place;
	uint32_t frame;
};

/*
 * How a list is walked: chunks that lie in [from, to), all of it or in part,
 * are looked up and given away in order.  exact: copy is the winner; else any
 * live copy, as a rule the one behind the last.
 */
struct list_walk {
	uint64_t from, to, size; /* size: of the whole list */
	bool exact;
	enum blk_status (*give)(
	    void *arg, const struct list_chunk *c, struct fault *why);
	void *arg;
};

/* The bytes that the text of a list, or of its head, stands for. */
MUST_USE enum blk_status list_size(
    struct span text, uint64_t *size, struct fault *why);
MUST_USE enum blk_status list_walk(struct reading *r, const struct list_walk *w,
    struct span text, struct fault *why);

/* Fetch a piece, checked: for structure_reader. */
MUST_USE enum blk_status reading_piece(
    void *reading, const struct digest *id, struct buf *b, struct fault *why);

/* --- reader-ring.c: chunks decoded ahead, by threads --- */

#define RING_CHUNKS 256
#define RING_BYTES ((size_t)1 << 20) /* of a task of more than one chunk */

/* Chunks that follow on each other in the object and lie in one frame. */
struct task {
	struct frames_place place;
	uint32_t frame;
	bool blind; /* not found: nothing to be done ahead */
	bool done;
	size_t chunks, bytes;
	struct task_chunk {
		struct digest id;
		uint32_t length, ordinal;
		size_t at;  /* in out, if sound */
		bool sound; /* read, and its hash is right */
	} chunk[RING_CHUNKS];
	struct buf out;
};

struct ring;

/*
 * max: bytes of chunks that may wait.  deliver is called for each task in
 * order, by the thread that calls ring_add and ring_end.
 */
MUST_USE enum blk_status ring_new(struct frames *frames, unsigned jobs,
    uint64_t max,
    enum blk_status (*deliver)(
        void *arg, const struct task *t, struct fault *why),
    void *arg, struct ring **out, struct fault *why);
void ring_free(struct ring *g); /* NULL: does nothing */
MUST_USE enum blk_status ring_add(
    struct ring *g, const struct list_chunk *c, struct fault *why);
/* Deliver all that is left. */
MUST_USE enum blk_status ring_end(struct ring *g, struct fault *why);

#endif

/*
 * reader-made.h - what the tests of the reader share: one store, objects
 * with a list in it, and what comes out of them.
 */
#ifndef READER_MADE_H
#define READER_MADE_H

#include "reader-store.h"

#define OK(call) assert_int_equal(call, BLK_OK)
#define SEED 20240611u

/* The store of a test. */
extern struct shop p;

int fresh(void **state);
int gone(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

uint32_t draw(uint32_t *state);

/* An object in the making: its bytes, the text of its list, its last id. */
struct made {
	struct buf bytes;
	struct cutter *cutter;
	struct digest id, last, first;
	struct digest segment; /* of the data */
};

/* n chunks of about size bytes, published in frames of 64; some come again. */
void make_chunks(struct made *m, size_t n, size_t size, uint32_t seed);
/* One more line of the list. */
void add_chunk_line(struct made *m, const struct digest *id, size_t len);
/* For cutter_new: into the open segment. */
enum blk_status keep_piece(void *arg, const struct digest *id, const void *text,
    size_t len, struct fault *why);
/* End the list, in a segment of its own, and name the object. */
struct digest make_list(struct made *m, const char *name);
/* Both, as "made". */
void make(struct made *m, size_t n, size_t size);
void made_release(struct made *m);

/* Take n bytes and no more; then stop with status. */
struct taker {
	struct buf got;
	size_t calls, stop_at;
	enum blk_status stop;
};
#define TAKER                                                                  \
	{                                                                      \
		.got = BUF_INIT(SIZE_MAX)                                      \
	}

enum blk_status take(
    void *arg, const void *data, size_t len, struct fault *why);

void assert_gives(const struct digest *id, const struct buf *bytes,
    uint64_t offset, uint64_t len, unsigned jobs);
/* What came out before it was noticed is right. */
void assert_fails(
    enum blk_status st, const struct made *m, unsigned jobs, const char *said);

uint64_t damaged(void);                      /* copies that are noted */
const char *hex_of(const struct digest *id); /* until the next call */
/* For version_each: the id of the last version visited. */
enum blk_status first_vid(
    void *arg, const struct catalog_version *v, struct fault *why);

#endif

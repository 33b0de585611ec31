/*
 * writer-bench.h - a store, a writer on it, and ways to look at what came of
 * it that do not pass through either.
 */
#ifndef WRITER_BENCH_H
#define WRITER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "writer.h"

struct bench {
	struct store *s;
	struct writer *w;
	struct lane *l; /* the first */
	struct fault why;
	struct store_outcome out;
	unsigned warnings;
	char warning[512];
	struct version *version; /* for the next commit */
	size_t versions, cap;
};

#define OK(b, call)                                                            \
	do {                                                                   \
		enum blk_status ok_ = (call);                                  \
                                                                               \
		if (ok_ != BLK_OK)                                             \
			fail_msg("%s: %s", #call, (b)->why.text);              \
	} while (0)

/* Open url (made if it is not there; the catalog lies in memory), and a
 * writer.  o NULL: one lane and defaults. */
void bench_open(
    struct bench *b, const char *url, const struct writer_options *o);
/* The writer anew. */
void bench_again(struct bench *b, const struct writer_options *o);
void bench_close(struct bench *b);

/* Text that compresses, and noise that does not, from a seed. */
void fill_text(uint8_t *p, size_t len, uint32_t seed);
void fill_noise(uint8_t *p, size_t len, uint32_t seed);
uint8_t *some_text(size_t len, uint32_t seed); /* to free */
uint8_t *some_noise(size_t len, uint32_t seed);

/* Put, in one call or by pieces of step bytes; the id is checked. */
struct digest put(struct bench *b, const void *data, size_t len);
struct digest put_by(
    struct lane *l, const uint8_t *data, size_t len, size_t step);

/* Name the object in the next commit. */
void name(struct bench *b, const char *name, enum class class,
    const struct digest *id);
void commit(struct bench *b);
enum blk_status try_commit(struct bench *b);
/* Put, name and commit. */
struct digest store(
    struct bench *b, const char *called, const void *data, size_t len);

/* The text or bytes of the copy that answers (id, class). */
struct buf fetched(struct bench *b, const struct digest *id, enum class class,
    enum kind *kind);
/* Is that what the store now gives for the content id? */
void holds_content(
    struct bench *b, const struct digest *id, const void *data, size_t len);
enum kind kind_in_store(struct bench *b, const struct digest *id);
bool is_counted(struct bench *b, const struct digest *id, enum class class);
size_t blobs(struct bench *b, const char *prefix);
struct writer_totals totals(struct bench *b);

#endif

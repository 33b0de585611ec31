/*
 * reader-store.h - small stores, made by hand, and harm done to them.
 */
#ifndef READER_STORE_H
#define READER_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader.h"

/* A store, the segment that is being filled and what the next commit says. */
struct shop {
	struct store *s;
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *b;
	struct fault why;

	struct digest segment[16]; /* published, for the next commit */
	size_t segments;
	struct version version[16];
	size_t versions;
	struct digest drop[16], condemn[16];
	size_t drops, condemns;
	int64_t now;
};

/* Made at url if it is not there; its catalog lies in memory. */
void shop_open(struct shop *p, const char *url);
/* With an index beside it, as commands have it. */
void shop_open_indexed(struct shop *p, const char *url);
void shop_close(struct shop *p);

/* Into the open segment; the id is that of the bytes. */
struct digest shop_add(
    struct shop *p, enum kind kind, const void *data, size_t len);
void shop_add_as(struct shop *p, const struct digest *id, enum kind kind,
    const void *data, size_t len);
void shop_end_frame(struct shop *p);
/* Publish it; its id. */
struct digest shop_publish(struct shop *p);

/* What the next commit says, besides the segments. */
void shop_name(struct shop *p, const char *name, enum class class,
    const struct digest *id, int64_t expires);
void shop_drop(struct shop *p, const struct digest *vid);
void shop_condemn(struct shop *p, const struct digest *segment);
void shop_commit(struct shop *p);
/* The same, where the store may refuse it: what was to be said is forgotten
 * either way. */
enum blk_status shop_try_commit(struct shop *p);

/* As shop_name, shop_publish and shop_commit. */
struct digest shop_finish(struct shop *p, const char *name, enum class class,
    const struct digest *id);

/* Change one bit of what the backend holds; remove it. */
void shop_spoil(struct shop *p, const struct digest *segment, size_t at);
void shop_lose(struct shop *p, const struct digest *segment);

#endif

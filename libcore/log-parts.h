/*
 * log-parts.h - pieces of a checkpoint's record that lie in files of their
 * own (log-parts.c), for who reads it (log-checkpoint-load.c).
 */
#ifndef LOG_PARTS_H
#define LOG_PARTS_H

#include "log.h"

struct log_part {
	char key[LOG_KEY_MAX];
	struct segment_table table;
};

/* Set b, number and store; the rest is filled when a piece is asked for. */
struct log_parts {
	struct backend *b;
	uint64_t number;      /* of the checkpoint */
	const uint8_t *store; /* id of the store */
	struct log_part *part;
	size_t count, cap;
	bool listed;
	void *file; /* of part[at] */
	size_t at;
	struct codec_state *codecs;
	struct hasher *hash;
};

/* Append a piece, its id checked.  BLK_CORRUPT when no part holds it: one
 * that is damaged or gone holds nothing. */
MUST_USE enum blk_status log_parts_fetch(struct log_parts *p,
    const struct digest *id, struct buf *b, struct fault *why);
void log_parts_release(struct log_parts *p);

#endif

/*
 * codec-internal.h - what the files of the room codec share; for no other.
 */
#ifndef CODEC_INTERNAL_H
#define CODEC_INTERNAL_H

#include "codec.h"

#define CODEC_TAGS (CODEC_GZIP + 1) /* the last tag and one */

/*
 * part[tag] is what that codec keeps between calls, in a type of its own: NULL
 * until its first use, released by the part_free of its line in the table.
 */
struct codec_state {
	void *part[CODEC_TAGS];
};

extern const struct codec codec_raw;
extern const struct codec codec_zstd;
extern const struct codec codec_lz4;
extern const struct codec codec_gzip;

/* All take NULL. */
void codec_zstd_free(void *part);
void codec_lz4_free(void *part);
void codec_gzip_free(void *part);

/*
 * s->part[tag], made of size zero bytes when it is not there yet; NULL when
 * memory runs out.
 */
void *codec_part(struct codec_state *s, enum codec_tag tag, size_t size);

/* The answers that all codecs give alike. */
enum blk_status codec_no_room(struct fault *why); /* BLK_INVALID */
enum blk_status codec_damaged(struct fault *why, const struct codec *c,
    const char *what); /* BLK_CORRUPT */

#endif

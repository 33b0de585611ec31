/*
 * segment.h - an immutable file of frames and the table that describes it.
 *
 *   header (96) . frames, back to back . table . trailer (64)
 *
 * A frame is one compressed run of consecutive objects.  The table says, per
 * frame, its stored and plain length, codec, check and number of objects,
 * and per object its id, kind and length; offsets are sums.  A segment is
 * named by the SHA-256 of the whole file.  blk-store(5) has every byte.
 *
 * This room knows bytes in memory; where segments are kept is the backend's
 * affair.  What is read is untrusted.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bytes.h"
#include "codec.h"
#include "digest.h"
#include "fault.h"

#define SEGMENT_HEADER 96
#define SEGMENT_CHECKED 88 /* bytes of it; then their XXH3-64 */
#define SEGMENT_TRAILER 64
#define SEGMENT_MAX ((size_t)256 << 20)      /* a whole segment file */
#define SEGMENT_FRAME_MAX ((size_t)16 << 20) /* plain bytes of a frame */
#define SEGMENT_VERSION 1
#define SEGMENT_INCOMPAT_KNOWN 0u /* feature bits that we can read */
#define SEGMENT_FRAMES_MAX ((uint32_t)1 << 20)
#define SEGMENT_OBJECTS_MAX ((uint32_t)1 << 22)
#define SEGMENT_MAGIC                                                          \
	"\x89"                                                                 \
	"BLK\r\n\x1a\n"          /* the first 8 bytes */
#define SEGMENT_TAIL "BLKTAIL\n" /* the last 8 */

/* What an object is; the numbers stand on disk and are never reused. */
enum kind {
	KIND_DATA = 1,  /* bytes that hash to the id */
	KIND_LIST = 2,  /* text; what it lists, joined, hashes to the id */
	KIND_PIECE = 3, /* text from here on: own bytes hash to the id */
	KIND_TREE = 4,
	KIND_SNAPSHOT = 5,
	KIND_VERSION = 6,
	KIND_RECORD = 7, /* of a commit or checkpoint; never referred to */
};

/* Who made a segment: stands in its header. */
struct segment_origin {
	uint8_t store[16];
	uint8_t session[16];
};

struct segment_object {
	struct digest id;
	uint8_t kind;    /* enum kind, checked */
	uint32_t frame;  /* index into frame[] */
	uint32_t offset; /* in the frame's plain bytes */
	uint32_t length; /* up to SEGMENT_FRAME_MAX */
};

struct segment_frame {
	uint64_t offset;       /* in the file */
	uint32_t stored;       /* length in the file */
	uint32_t plain;        /* length decoded */
	uint32_t first, count; /* its objects: object[first .. first+count) */
	uint64_t check;        /* XXH3-64 of the stored bytes */
	uint8_t codec;         /* tag; known */
};

/* A table, parsed.  Objects in the order in which they lie in the file. */
struct segment_table {
	struct segment_frame *frame;
	struct segment_object *object;
	uint32_t frames, objects;
	uint64_t bytes; /* of the whole file */
	uint64_t plain; /* sum over the frames */
};

void segment_table_release(struct segment_table *t);

/*
 * --- writing ---
 *
 * A builder collects frames in memory.  Objects are put into the open frame,
 * which is packed when it is ended; segment_seal ends the file.  A builder is
 * used by one thread at a time.
 */
struct segment_builder;

struct segment_options {
	const struct codec *codec;
	int level;
	/*
	 * A frame is kept raw when packing saves under 3 %; after two such
	 * frames of data in a row only every eighth is tried, until one packs
	 * well (also over segment_reset; structure is always tried).
	 */
	bool verify; /* decode each packed frame and compare it */
	/* Bytes that a long file comes to; 0: not known.  One that has grown
	 * past 1 MiB gets room for them at once. */
	size_t expected;
};

/* codecs, hash: borrowed while the builder lives. */
MUST_USE enum blk_status segment_builder_new(const struct segment_origin *o,
    const struct segment_options *opt, struct codec_state *codecs,
    struct hasher *hash, struct segment_builder **out, struct fault *why);
void segment_builder_free(struct segment_builder *b);

/*
 * Append an object to the open frame, copying its bytes.  Structure and data
 * never share a frame: an open frame of the other sort is ended first.
 *
 * Limits: BLK_INVALID when the frame or the file would pass its limit; the
 *         object is not added then.
 */
MUST_USE enum blk_status segment_add(struct segment_builder *b,
    const struct digest *id, enum kind kind, const void *data, size_t len,
    struct fault *why);

/*
 * Pack the open frame; nothing to do when it is empty.  BLK_FAILED also when
 * it does not decode to what was packed (options: verify).
 */
MUST_USE enum blk_status segment_end_frame(
    struct segment_builder *b, struct fault *why);

/*
 * Append a frame as it stands in another segment: its stored bytes, whose
 * check is made first (BLK_CORRUPT), and its objects, f->count of them from
 * object on.  Ends the open frame.  BLK_INVALID when the file would pass its
 * limit, or f and object disagree.
 */
MUST_USE enum blk_status segment_add_frame(struct segment_builder *b,
    const struct segment_frame *f, const struct segment_object *object,
    const void *stored, struct fault *why);

size_t segment_plain(const struct segment_builder *b);   /* of the open frame */
size_t segment_stored(const struct segment_builder *b);  /* file, so far */
uint32_t segment_count(const struct segment_builder *b); /* objects, so far */

/*
 * Look at an object that was added and is not sealed away yet: borrowed until
 * the next call on b.  Ended frames are decoded again.  For reads of a
 * session's own writes.  BLK_ABSENT when index is not below segment_count.
 */
MUST_USE enum blk_status segment_peek(struct segment_builder *b, uint32_t index,
    const void **data, size_t *len, struct fault *why);

/*
 * End the file: write header (with 16 random bytes), table and trailer, and
 * name it.
 *
 * *bytes, *len: the whole file, borrowed until the next call on b.
 * *id:          its SHA-256.
 * *table:       NULL, or filled: the caller's, to segment_table_release.
 * A sealed builder must be reset before anything is added to it again;
 * BLK_INVALID until then, and for a segment without objects.
 */
MUST_USE enum blk_status segment_seal(struct segment_builder *b,
    struct digest *id, const void **bytes, size_t *len,
    struct segment_table *table, struct fault *why);

/* Empty it for the next segment, keeping its memory.  What was added and not
 * sealed is forgotten. */
void segment_reset(struct segment_builder *b);

/* Other options for what is added from now on to a builder that is empty. */
void segment_pack_by(
    struct segment_builder *b, const struct segment_options *opt);

/* Bytes of memory that it holds. */
size_t segment_memory(const struct segment_builder *b);

/*
 * --- reading ---
 */

/*
 * Check a header: magic and check, which stand where they do in every version;
 * then version, unknown incompat bits, reserved bytes, store (unless NULL).
 * BLK_CORRUPT; BLK_FAILED for a newer format ("needs a newer blk"), which no
 * damage looks like.  *origin, unless NULL, is filled.
 */
MUST_USE enum blk_status segment_header(const void *bytes, size_t len,
    const uint8_t store[16], struct segment_origin *origin, struct fault *why);

/*
 * Where the table lies, from the last SEGMENT_TRAILER bytes of a file of
 * size bytes.
 */
MUST_USE enum blk_status segment_trailer(const void *trailer, uint64_t size,
    uint64_t *offset, uint64_t *length, struct fault *why);

/*
 * Parse the table at bytes (exactly as segment_trailer said) after comparing
 * its check with the trailer's.  Every sum, kind, codec and limit is checked;
 * the frames must fill the file between header and table.  Memory taken is
 * proportional to len, whatever the counts in it say.
 *
 * Returns:   BLK_OK, BLK_CORRUPT, BLK_FAILED, also for an unknown codec
 *            ("needs a newer blk").
 * Ownership: *t is the caller's, to segment_table_release; empty on failure.
 */
MUST_USE enum blk_status segment_table_parse(const void *bytes, size_t len,
    const void *trailer, uint64_t size, struct segment_table *t,
    struct fault *why);

/* The three steps above for a file that is in memory. */
MUST_USE enum blk_status segment_parse(const void *file, size_t len,
    const uint8_t store[16], struct segment_table *t, struct fault *why);

/*
 * Check and decode a frame into out, which has room for f->plain bytes.
 * BLK_CORRUPT when the check or the codec says no.  Objects are not hashed.
 */
MUST_USE enum blk_status segment_unpack(struct codec_state *codecs,
    const struct segment_frame *f, const void *stored, void *out,
    struct fault *why);

/*
 * As segment_unpack, but only the bytes of o, an object of the frame, into
 * o->length bytes.  The check is of the whole frame; decoded is no more than
 * the codec must.
 */
MUST_USE enum blk_status segment_unpack_object(struct codec_state *codecs,
    const struct segment_frame *f, const struct segment_object *o,
    const void *stored, void *out, struct fault *why);

/* The index of the first object with this id and kind (0: any kind), or -1. */
int64_t segment_find(
    const struct segment_table *t, const struct digest *id, uint8_t kind);

/*
 * --- one object out of a table that is not read whole ---
 *
 * A glance finds it by what stands at the table's front, its id, and the
 * entries before its own: each ends where the next begins, and can be told from
 * its end.  The table's check is not made, so nothing but the hash of the bytes
 * says that they are the object's.  What a glance does not find may be there
 * all the same.
 */
#define SEGMENT_GLANCE ((size_t)64 << 10) /* bytes of a table, at a time */

struct segment_glance {
	struct segment_frame frame; /* that the object lies in */
	uint32_t before;            /* objects before it in the frame */
	uint64_t begin, end; /* the part of the table where its entry should be,
	                      * and those before it; up to SEGMENT_GLANCE */
};

/*
 * Where to look for object[ordinal]: front is the first len bytes of a table
 * that segment_trailer found at offset, length bytes long.  False: not said
 * there, or not worth it.
 */
MUST_USE bool segment_glance(const void *front, size_t len, uint64_t offset,
    uint64_t length, uint32_t ordinal, struct segment_glance *g);

/* Find the entry in its part of the table; of o all but frame is set.  False:
 * it is not there. */
MUST_USE bool segment_glance_object(const struct segment_glance *g,
    const void *part, const struct digest *id, enum kind kind,
    struct segment_object *o);

const char *kind_name(enum kind kind); /* "data", "list", ...; "?" */
bool kind_of(const char *name, size_t len, enum kind *kind);

#endif

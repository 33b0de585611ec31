/*
 * One segment read to its end: every frame decoded, every object hashed, and
 * the file itself.  Read in pieces of whole frames, so that a reader's memory
 * is that of a frame or two, whatever the size of segments.
 */
#include <stdlib.h>

#include "check-private.h"

#define PIECE ((size_t)1 << 20) /* bytes asked for at once, if frames allow */

struct check_reader {
	struct check *c;
	struct codec_state *codecs;
	struct hasher *hash, *whole; /* of objects, of the file */
	uint8_t *piece, *plain, *tail;
	size_t piece_cap, plain_cap, tail_cap;
	/* The segment at hand. */
	const struct catalog_segment *seg;
	char key[SEGMENT_KEY_MAX];
	struct segment_table table;
	size_t tail_len; /* of the file behind its frames */
	bool aloud;      /* say what is found */
	bool sound;
};

enum blk_status
check_reader_new(struct check *c, struct check_reader **out, struct fault *why)
{
	struct check_reader *r = calloc(1, sizeof(*r));
	enum blk_status st;

	*out = NULL;
	if (r == NULL)
		return fault_nomem(why);
	r->c = c;
	st = codec_state_new(&r->codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&r->hash, why);
	if (st == BLK_OK)
		st = hasher_new(&r->whole, why);
	if (st != BLK_OK) {
		check_reader_free(r);
		return st;
	}
	*out = r;
	return BLK_OK;
}

void
check_reader_free(struct check_reader *r)
{
	if (r == NULL)
		return;
	codec_state_free(r->codecs);
	hasher_free(r->hash);
	hasher_free(r->whole);
	free(r->piece);
	free(r->plain);
	free(r->tail);
	free(r);
}

static enum blk_status
room(uint8_t **p, size_t *cap, size_t len, struct fault *why)
{
	uint8_t *bigger;

	if (len <= *cap)
		return BLK_OK;
	bigger = realloc(*p, len);
	if (bigger == NULL)
		return fault_nomem(why);
	*p = bigger;
	*cap = len;
	return BLK_OK;
}

static enum blk_status
read_range(struct check_reader *r, uint64_t offset, uint8_t *to, size_t len,
    struct fault *why)
{
	enum blk_status st;
	size_t got;

	st = backend_get(
	    store_backend(r->c->s), r->key, offset, to, len, &got, why);
	if (st == BLK_OK && got != len)
		return fault(why, BLK_CORRUPT, "it ends within %ju bytes",
		    (uintmax_t)(offset + got));
	return st;
}

/* --- objects --- */

static enum blk_status
damaged_object(struct check_reader *r, const struct segment_object *o,
    uint32_t ordinal, const char *message, struct fault *why)
{
	enum blk_status st;

	r->sound = false;
	if (!r->aloud)
		return BLK_OK;
	check_say(r->c, CHECK_OBJECT, r->key, &o->id, message);
	st = check_mark(r->c, &o->id, o->kind, why);
	return st == BLK_OK ? check_note(r->c, &r->seg->id, ordinal, why) : st;
}

/* Decode one frame and hash what is in it. */
static enum blk_status
check_frame(struct check_reader *r, const struct segment_frame *f,
    const uint8_t *stored, struct fault *why)
{
	enum blk_status st, frame;
	struct digest found;

	st = room(&r->plain, &r->plain_cap, f->plain + 1u, why);
	if (st != BLK_OK)
		return st;
	frame = segment_unpack(r->codecs, f, stored, r->plain, why);
	if (frame != BLK_OK && frame != BLK_CORRUPT)
		return frame;
	for (uint32_t i = f->first; i < f->first + f->count; i++) {
		const struct segment_object *o = &r->table.object[i];

		if (frame != BLK_OK) {
			st = damaged_object(
			    r, o, i, "its frame is damaged", why);
		} else if (o->kind != KIND_LIST) {
			st = hasher_of(r->hash, r->plain + o->offset, o->length,
			    &found, why);
			if (st == BLK_OK && !digest_equal(&found, &o->id))
				st = damaged_object(
				    r, o, i, "it does not match its id", why);
		}
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

/* --- the file --- */

/* Its length, its table, and all that stands behind the frames. */
static enum blk_status
read_tail(struct check_reader *r, struct fault *why)
{
	uint8_t trailer[SEGMENT_TRAILER + 1];
	uint64_t bytes = r->seg->bytes, offset, length;
	enum blk_status st;
	size_t got;

	if (bytes < SEGMENT_HEADER + SEGMENT_TRAILER || bytes > SEGMENT_MAX)
		return fault(why, BLK_CORRUPT, "an impossible length");
	st = backend_get(store_backend(r->c->s), r->key,
	    bytes - SEGMENT_TRAILER, trailer, sizeof(trailer), &got, why);
	if (st == BLK_OK && got != SEGMENT_TRAILER)
		st = fault(why, BLK_CORRUPT, "it is not %ju bytes long",
		    (uintmax_t)bytes);
	if (st == BLK_OK)
		st = segment_trailer(trailer, bytes, &offset, &length, why);
	if (st != BLK_OK)
		return st;
	r->tail_len = (size_t)(bytes - offset);
	st = room(&r->tail, &r->tail_cap, r->tail_len, why);
	if (st == BLK_OK)
		st = read_range(r, offset, r->tail, r->tail_len, why);
	if (st == BLK_OK)
		st = segment_table_parse(r->tail, (size_t)length,
		    r->tail + r->tail_len - SEGMENT_TRAILER, bytes, &r->table,
		    why);
	return st;
}

/* Where the piece from frame first on ends: before frame *next. */
static uint64_t
piece_end(
    const struct check_reader *r, uint64_t at, uint32_t first, uint32_t *next)
{
	const struct segment_frame *f = r->table.frame;
	uint32_t i = first;

	while (i < r->table.frames &&
	    (i == first || f[i].offset + f[i].stored - at <= PIECE))
		i++;
	*next = i;
	return i == r->table.frames ? r->seg->bytes - r->tail_len : f[i].offset;
}

/* The header and all frames, in the order of the file. */
static enum blk_status
read_frames(struct check_reader *r, struct fault *why)
{
	uint64_t at = 0, end;
	enum blk_status st = BLK_OK;
	uint32_t next;

	for (uint32_t i = 0; st == BLK_OK && at < r->seg->bytes - r->tail_len;
	     i = next, at = end) {
		size_t len;

		end = piece_end(r, at, i, &next);
		len = (size_t)(end - at);
		st = room(&r->piece, &r->piece_cap, len, why);
		if (st == BLK_OK)
			st = read_range(r, at, r->piece, len, why);
		if (st == BLK_OK && at == 0)
			st = segment_header(r->piece, len,
			    store_config(r->c->s)->store, NULL, why);
		if (st == BLK_OK)
			st = hasher_add(r->whole, r->piece, len, why);
		for (uint32_t k = i; st == BLK_OK && k < next; k++)
			st = check_frame(r, &r->table.frame[k],
			    r->piece + (r->table.frame[k].offset - at), why);
	}
	return st;
}

/* Lists do not prove themselves, nor does a header: the file's own name
 * does.  What is stored is far less than what was hashed already. */
static enum blk_status
check_name(struct check_reader *r, struct fault *why)
{
	struct digest found;
	enum blk_status st;

	st = hasher_add(r->whole, r->tail, r->tail_len, why);
	if (st == BLK_OK)
		st = hasher_end(r->whole, &found, why);
	if (st != BLK_OK || digest_equal(&found, &r->seg->id))
		return st;
	r->sound = false;
	if (r->aloud)
		check_say(r->c, CHECK_SEGMENT, r->key, &r->seg->id,
		    "the file does not hash to its name");
	return BLK_OK;
}

static void
count_objects(struct check_reader *r)
{
	pthread_mutex_lock(&r->c->lock);
	r->c->r->read_objects += r->table.objects;
	r->c->r->read_plain += r->table.plain;
	pthread_mutex_unlock(&r->c->lock);
}

static enum blk_status
read_once(struct check_reader *r, bool aloud, struct fault *why)
{
	enum blk_status st;

	r->aloud = aloud;
	r->sound = true;
	r->table = (struct segment_table){ .frame = NULL };
	st = read_tail(r, why);
	if (st == BLK_OK)
		st = hasher_begin(r->whole, why);
	if (st == BLK_OK)
		st = read_frames(r, why);
	if (st == BLK_OK)
		st = check_name(r, why);
	if (st == BLK_CORRUPT || st == BLK_ABSENT || st == BLK_INVALID) {
		r->sound = false;
		st = aloud ? check_judge(r->c, st, CHECK_SEGMENT, r->key, why)
		           : BLK_OK;
	}
	if (st == BLK_OK && r->sound)
		count_objects(r);
	segment_table_release(&r->table);
	return st;
}

enum blk_status
check_read(struct check_reader *r, const struct catalog_segment *seg,
    struct fault *why)
{
	enum blk_status st;

	r->seg = seg;
	check_key(seg, r->key);
	st = read_once(r, false, why);
	if (st == BLK_OK && !r->sound)
		st = read_once(r, true, why);
	return st;
}

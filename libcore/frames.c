#include "frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "frames-private.h"
#include "log.h"

#define BUCKETS 4096
#define TAIL ((size_t)64 << 10) /* read at once: the table of most segments */
/* In place of a frame's index: */
#define TABLE UINT32_MAX
#define GLANCED (UINT32_MAX - 1) /* a glance was taken; no more is kept */

struct entry {
	struct digest segment;
	uint32_t frame; /* or TABLE, GLANCED */
	uint32_t pins;
	bool forgotten; /* out of the lists: freed with its last pin */
	size_t bytes;
	struct segment_table table; /* of a TABLE entry */
	uint8_t *data; /* decoded frame; of a TABLE entry: the whole file, when
	                * it is not above TAIL */
	struct entry *chain; /* in its bucket */
	struct entry *newer, *older;
};

struct idle { /* a codec state that nobody uses at the moment */
	struct codec_state *codecs;
	struct idle *next;
};

struct frames {
	struct backend *backend;
	size_t max;
	pthread_mutex_t lock; /* everything below */
	size_t bytes;
	struct entry *bucket[BUCKETS];
	struct entry *newest, *oldest;
	struct idle *idle;
};

enum blk_status
frames_new(
    struct backend *b, size_t max, struct frames **out, struct fault *why)
{
	struct frames *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL)
		return fault_nomem(why);
	f->backend = b;
	f->max = max;
	pthread_mutex_init(&f->lock, NULL);
	*out = f;
	return BLK_OK;
}

/* --- the cache; all with f->lock held --- */

static struct entry **
bucket_of(struct frames *f, const struct digest *segment, uint32_t frame)
{
	return &f->bucket[(get_le64(segment->byte) + frame) % BUCKETS];
}

static void
entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	segment_table_release(&e->table);
	free(e->data);
	free(e);
}

static void
unlink_age(struct frames *f, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &f->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &f->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void
link_newest(struct frames *f, struct entry *e)
{
	e->older = f->newest;
	e->newer = NULL;
	*(f->newest != NULL ? &f->newest->newer : &f->oldest) = e;
	f->newest = e;
}

/* Take e out of the cache; freed now or with its last pin. */
static void
evict(struct frames *f, struct entry *e)
{
	struct entry **at = bucket_of(f, &e->segment, e->frame);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_age(f, e);
	f->bytes -= e->bytes;
	e->forgotten = true;
	if (e->pins == 0)
		entry_free(e);
}

static struct entry *
pin(struct frames *f, const struct digest *segment, uint32_t frame)
{
	struct entry *e = *bucket_of(f, segment, frame);

	while (e != NULL &&
	    (e->frame != frame || !digest_equal(&e->segment, segment)))
		e = e->chain;
	if (e == NULL)
		return NULL;
	e->pins++;
	unlink_age(f, e);
	link_newest(f, e);
	return e;
}

static void
unpin(struct entry *e)
{
	if (--e->pins == 0 && e->forgotten)
		entry_free(e);
}

/* Down to the bound, as far as nobody uses what there is. */
static void
shrink(struct frames *f)
{
	struct entry *next;

	for (struct entry *o = f->oldest; f->bytes > f->max && o != NULL;
	     o = next) {
		next = o->newer;
		if (o->pins == 0)
			evict(f, o);
	}
}

/* Add an entry, pinned; when another thread was first, take its. */
static struct entry *
insert(struct frames *f, struct entry *e)
{
	struct entry *old = pin(f, &e->segment, e->frame);
	struct entry **at = bucket_of(f, &e->segment, e->frame);

	if (old != NULL) {
		entry_free(e);
		return old;
	}
	e->chain = *at;
	*at = e;
	link_newest(f, e);
	e->pins = 1;
	f->bytes += e->bytes;
	shrink(f);
	return e;
}

bool
frames_glance_first(struct frames *f, const struct digest *segment)
{
	struct entry *e = calloc(1, sizeof(*e)), *old;

	if (e == NULL)
		return false;
	e->segment = *segment;
	e->frame = GLANCED;
	e->bytes = sizeof(*e);
	pthread_mutex_lock(&f->lock);
	old = pin(f, segment, TABLE);
	if (old == NULL)
		old = pin(f, segment, GLANCED);
	unpin(old != NULL ? old : insert(f, e));
	pthread_mutex_unlock(&f->lock);
	if (old != NULL)
		free(e);
	return old == NULL;
}

static enum blk_status
codecs_take(struct frames *f, struct codec_state **out, struct fault *why)
{
	struct idle *i;

	pthread_mutex_lock(&f->lock);
	i = f->idle;
	if (i != NULL)
		f->idle = i->next;
	pthread_mutex_unlock(&f->lock);
	if (i == NULL)
		return codec_state_new(out, why);
	*out = i->codecs;
	free(i);
	return BLK_OK;
}

static void
codecs_give(struct frames *f, struct codec_state *codecs)
{
	struct idle *i = malloc(sizeof(*i));

	if (i == NULL) {
		codec_state_free(codecs);
		return;
	}
	i->codecs = codecs;
	pthread_mutex_lock(&f->lock);
	i->next = f->idle;
	f->idle = i;
	pthread_mutex_unlock(&f->lock);
}

void
frames_forget(struct frames *f, const struct digest *segment)
{
	struct entry *next;

	pthread_mutex_lock(&f->lock);
	for (struct entry *e = f->oldest; e != NULL; e = next) {
		next = e->newer;
		if (digest_equal(&e->segment, segment))
			evict(f, e);
	}
	pthread_mutex_unlock(&f->lock);
}

void
frames_limit(struct frames *f, size_t max)
{
	pthread_mutex_lock(&f->lock);
	f->max = max;
	shrink(f);
	pthread_mutex_unlock(&f->lock);
}

void
frames_free(struct frames *f)
{
	struct idle *next;

	if (f == NULL)
		return;
	while (f->oldest != NULL)
		evict(f, f->oldest);
	for (struct idle *i = f->idle; i != NULL; i = next) {
		next = i->next;
		codec_state_free(i->codecs);
		free(i);
	}
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- reading --- */

static void
place_key(const struct frames_place *p, char key[static SEGMENT_KEY_MAX])
{
	if (p->in_log)
		log_key(p->commit, key);
	else
		segment_key(&p->id, key);
}

enum blk_status
frames_range(struct frames *f, const struct frames_place *p, uint64_t offset,
    void *buf, size_t len, struct fault *why)
{
	char key[SEGMENT_KEY_MAX];
	enum blk_status st;
	size_t got;

	place_key(p, key);
	st = backend_get(f->backend, key, offset, buf, len, &got, why);
	if (st == BLK_OK && got != len)
		st = fault(
		    why, BLK_CORRUPT, "%s is shorter than it should be", key);
	return st;
}

static enum blk_status
in_place(const struct frames_place *p, enum blk_status st, struct fault *why)
{
	char key[SEGMENT_KEY_MAX];

	if (st == BLK_OK || st == BLK_ABSENT)
		return st;
	place_key(p, key);
	return fault_in(why, st, "%s", key);
}

/*
 * Refuse a segment of a newer format: what its table says may mean something
 * else there.  Damage to a header, which is found elsewhere, does not take away
 * what lies behind it and proves itself.
 */
static enum blk_status
refuse_newer(struct frames *f, const struct frames_place *p,
    const struct entry *e, size_t len, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	uint8_t header[SEGMENT_HEADER];
	enum blk_status st = BLK_OK;

	if (len == p->bytes)
		memcpy(header, e->data, sizeof(header));
	else
		st = frames_range(f, p, 0, header, sizeof(header), why);
	if (st != BLK_OK ||
	    segment_header(header, sizeof(header), NULL, NULL, &reason) !=
	        BLK_FAILED)
		return st;
	return fault_newer(why, "%s", reason.text);
}

/* Parse the table of p, whose last len bytes are in e->data. */
static enum blk_status
parse_table(struct frames *f, const struct frames_place *p, struct entry *e,
    size_t len, struct fault *why)
{
	const uint8_t *trailer = e->data + len - SEGMENT_TRAILER;
	uint64_t offset, length, begin = p->bytes - len;
	uint8_t *far = NULL;
	enum blk_status st;

	st = segment_trailer(trailer, p->bytes, &offset, &length, why);
	if (st != BLK_OK)
		return st;
	if (offset >= begin)
		return segment_table_parse(e->data + (offset - begin),
		    (size_t)length, trailer, p->bytes, &e->table, why);
	far = malloc((size_t)length + 1);
	if (far == NULL)
		return fault_nomem(why);
	st = frames_range(f, p, offset, far, (size_t)length, why);
	if (st == BLK_OK)
		st = segment_table_parse(
		    far, (size_t)length, trailer, p->bytes, &e->table, why);
	free(far);
	return st;
}

static enum blk_status
load_table(struct frames *f, const struct frames_place *p, struct entry **out,
    struct fault *why)
{
	size_t len = p->bytes < TAIL ? (size_t)p->bytes : TAIL;
	struct entry *e;
	enum blk_status st;

	if (p->bytes < SEGMENT_HEADER + SEGMENT_TRAILER ||
	    p->bytes > SEGMENT_MAX)
		return fault(why, BLK_CORRUPT, "an impossible length");
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return fault_nomem(why);
	e->segment = p->id;
	e->frame = TABLE;
	e->data = malloc(len);
	st = e->data == NULL
	    ? fault_nomem(why)
	    : frames_range(f, p, p->bytes - len, e->data, len, why);
	if (st == BLK_OK)
		st = refuse_newer(f, p, e, len, why);
	if (st == BLK_OK)
		st = parse_table(f, p, e, len, why);
	if (st != BLK_OK) {
		entry_free(e);
		return st;
	}
	if (len < p->bytes) {
		free(e->data);
		e->data = NULL;
		len = 0;
	}
	e->bytes = sizeof(*e) + len +
	    e->table.objects * sizeof(e->table.object[0]) +
	    e->table.frames * sizeof(e->table.frame[0]);
	*out = e;
	return BLK_OK;
}

static enum blk_status
table_entry(struct frames *f, const struct frames_place *p, struct entry **out,
    struct fault *why)
{
	enum blk_status st;

	pthread_mutex_lock(&f->lock);
	*out = pin(f, &p->id, TABLE);
	pthread_mutex_unlock(&f->lock);
	if (*out != NULL)
		return BLK_OK;
	st = load_table(f, p, out, why);
	if (st != BLK_OK)
		return in_place(p, st, why);
	pthread_mutex_lock(&f->lock);
	*out = insert(f, *out);
	pthread_mutex_unlock(&f->lock);
	return BLK_OK;
}

enum blk_status
frames_table(struct frames *f, const struct frames_place *p,
    const struct segment_table **t, struct fault *why)
{
	struct entry *e = NULL;
	enum blk_status st = table_entry(f, p, &e, why);

	*t = st == BLK_OK ? &e->table : NULL;
	return st;
}

static struct entry *
entry_of(const struct segment_table *t)
{
	union {
		const struct segment_table *in;
		char *out;
	} p = { t };

	return (struct entry *)(void *)(p.out - offsetof(struct entry, table));
}

static void
entry_release(struct frames *f, struct entry *e)
{
	if (e == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	unpin(e);
	pthread_mutex_unlock(&f->lock);
}

void
frames_release(struct frames *f, const struct segment_table *t)
{
	if (t != NULL)
		entry_release(f, entry_of(t));
}

enum blk_status
frames_stored(struct frames *f, const struct frames_place *p,
    const struct segment_frame *fr, void *buf, struct fault *why)
{
	return in_place(
	    p, frames_range(f, p, fr->offset, buf, fr->stored, why), why);
}

enum blk_status
frames_decode(struct frames *f, const struct frames_place *p,
    const struct segment_frame *fr, const struct segment_object *o,
    const uint8_t *stored, void *out, struct fault *why)
{
	struct codec_state *codecs = NULL;
	enum blk_status st = BLK_OK;
	uint8_t *own = NULL;

	if (stored == NULL) {
		stored = own = malloc(fr->stored + 1u);
		st = own == NULL
		    ? fault_nomem(why)
		    : frames_range(f, p, fr->offset, own, fr->stored, why);
	}
	if (st == BLK_OK)
		st = codecs_take(f, &codecs, why);
	if (st == BLK_OK) {
		st = o != NULL
		    ? segment_unpack_object(codecs, fr, o, stored, out, why)
		    : segment_unpack(codecs, fr, stored, out, why);
		codecs_give(f, codecs);
	}
	free(own);
	return st;
}

/* Decode frame number index of a segment whose table entry is t. */
static enum blk_status
load_frame(struct frames *f, const struct frames_place *p, struct entry *t,
    uint32_t index, struct entry **out, struct fault *why)
{
	const struct segment_frame *fr = &t->table.frame[index];
	struct entry *e = calloc(1, sizeof(*e));
	enum blk_status st;

	if (e == NULL || (e->data = malloc(fr->plain + 1u)) == NULL) {
		free(e);
		return fault_nomem(why);
	}
	e->segment = p->id;
	e->frame = index;
	e->bytes = sizeof(*e) + fr->plain;
	st = frames_decode(f, p, fr, NULL,
	    t->data != NULL ? t->data + fr->offset : NULL, e->data, why);
	if (st != BLK_OK) {
		entry_free(e);
		return st;
	}
	*out = e;
	return BLK_OK;
}

static enum blk_status
frame_entry(struct frames *f, const struct frames_place *p, struct entry *t,
    uint32_t index, struct entry **out, struct fault *why)
{
	enum blk_status st;

	pthread_mutex_lock(&f->lock);
	*out = pin(f, &p->id, index);
	pthread_mutex_unlock(&f->lock);
	if (*out != NULL)
		return BLK_OK;
	st = load_frame(f, p, t, index, out, why);
	if (st != BLK_OK)
		return in_place(p, st, why);
	pthread_mutex_lock(&f->lock);
	*out = insert(f, *out);
	pthread_mutex_unlock(&f->lock);
	return BLK_OK;
}

/* Is a part of a frame to be read past the cache?  Raw bytes need no
 * decoding, and whoever wants an object hashes it. */
static bool
is_cheaper_raw(const struct segment_frame *f, const struct segment_object *o)
{
	return f->codec == CODEC_RAW && o->length < f->plain / 4;
}

/* Append the bytes of o, which lie in its frame as they are. */
static enum blk_status
read_raw(struct frames *f, const struct frames_place *p,
    const struct segment_frame *fr, const struct segment_object *o,
    struct buf *b, struct fault *why)
{
	enum blk_status st = buf_reserve(b, o->length, why);

	if (st == BLK_OK)
		st = frames_range(f, p, fr->offset + o->offset,
		    b->data + b->len, o->length, why);
	if (st == BLK_OK)
		b->len += o->length;
	return in_place(p, st, why);
}

static enum blk_status
read_object(struct frames *f, const struct frames_place *p, struct entry *t,
    const struct segment_object *o, struct buf *b, struct fault *why)
{
	const struct segment_frame *fr = &t->table.frame[o->frame];
	struct entry *e = NULL;
	enum blk_status st;

	if (t->data == NULL && is_cheaper_raw(fr, o))
		return read_raw(f, p, fr, o, b, why);
	st = frame_entry(f, p, t, o->frame, &e, why);
	if (st == BLK_OK)
		st = buf_add(b, e->data + o->offset, o->length, why);
	entry_release(f, e);
	return st;
}

enum blk_status
frames_read(struct frames *f, const struct frames_place *p, uint32_t ordinal,
    const struct digest *id, enum kind kind, struct buf *b, struct fault *why)
{
	struct entry *t = NULL;
	const struct segment_object *o;
	enum blk_status st;

	st = table_entry(f, p, &t, why);
	if (st != BLK_OK)
		return st;
	o = ordinal < t->table.objects ? &t->table.object[ordinal] : NULL;
	if (o == NULL || o->kind != kind || !digest_equal(&o->id, id))
		st = in_place(p,
		    fault(why, BLK_CORRUPT, "its table does not hold object %u",
		        ordinal),
		    why);
	else
		st = read_object(f, p, t, o, b, why);
	entry_release(f, t);
	return st;
}

/*
 * One object, from whatever copy is sound.
 */
#include <stdio.h>
#include <string.h>

#include "reader-private.h"

enum blk_status
reading_init(struct reading *r, struct store *s, const struct digest *id,
    enum class class, struct fault *why)
{
	*r = (struct reading){ .store = s, .root = *id, .class = class };
	return hasher_new(&r->hash, why);
}

void
reading_release(struct reading *r)
{
	hasher_free(r->hash);
	r->hash = NULL;
}

/* --- questions to the catalog --- */

static const struct catalog_type *
type_of(const struct reading *r)
{
	return store_catalog(r->store)->type;
}

static enum blk_status
synced(struct reading *r, struct fault *why)
{
	r->syncs++;
	return store_sync(r->store, why);
}

/* The catalog said CORRUPT of itself: BLK_OK when asking again makes sense. */
static enum blk_status
heal(struct reading *r, struct fault *why)
{
	enum blk_status st = store_heal_index(r->store, why);

	return st == BLK_OK ? synced(r, why) : st;
}

enum blk_status
reading_facts(struct reading *r, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	struct catalog *c = store_catalog(r->store);
	enum blk_status st = c->type->facts_many(c, id, n, f, why);

	if (st != BLK_CORRUPT)
		return st;
	st = heal(r, why);
	return st == BLK_OK ? c->type->facts_many(c, id, n, f, why) : st;
}

enum blk_status
reading_segment(struct reading *r, uint64_t seq, struct catalog_segment *seg,
    struct fault *why)
{
	struct catalog *c = store_catalog(r->store);
	enum blk_status st = c->type->segment_get(c, seq, seg, why);

	if (st != BLK_CORRUPT)
		return st;
	st = heal(r, why);
	/* Made again, it may number its segments anew. */
	return st == BLK_OK ? BLK_ABSENT : st;
}

/*
 * For who holds the store: the copies in condemned segments too, which stand
 * behind the others.  ABSENT: there is none.
 */
static enum blk_status
held_facts(struct reading *r, const struct digest *id, enum class class,
    struct catalog_facts *f, struct fault *why)
{
	struct catalog *c = store_catalog(r->store);
	enum blk_status st = c->type->copies_all(c, id, f, why);

	if (st != BLK_OK)
		return st;
	return catalog_winner(f, class) != NULL ? BLK_OK : BLK_ABSENT;
}

enum blk_status
reading_root(struct reading *r, struct catalog_facts *f, struct fault *why)
{
	enum blk_status st = reading_facts(r, &r->root, 1, f, why);

	if (st != BLK_OK)
		return st;
	/* A chunk is as good an object as any, if only lists refer to it. */
	if (r->class == CLASS_CONTENT && f->count[CLASS_CONTENT] == 0 &&
	    f->count[CLASS_DATA] > 0)
		r->class = CLASS_DATA;
	if (f->count[r->class] > 0)
		return BLK_OK;
	return store_holds(r->store) ? held_facts(r, &r->root, r->class, f, why)
	                             : BLK_ABSENT;
}

void
reading_note(struct reading *r, const struct digest *segment, uint32_t ordinal)
{
	struct catalog *c = store_catalog(r->store);
	struct fault unsaid = FAULT_NONE;
	enum blk_status st;

	if (type_of(r)->begin(c, &unsaid) != BLK_OK)
		return;
	/* A note that failed leaves nothing to be undone. */
	st = type_of(r)->damage_note(c, segment, ordinal, true, &unsaid);
	if (type_of(r)->commit(c, &unsaid) != BLK_OK)
		type_of(r)->rollback(c);
	(void)st;
}

/* --- one copy --- */

static enum blk_status
check_hash(struct reading *r, const struct digest *id, const struct buf *b,
    size_t before, struct fault *why)
{
	struct digest found;
	enum blk_status st;

	st = hasher_of(r->hash, b->data + before, b->len - before, &found, why);
	if (st == BLK_OK && !digest_equal(&found, id))
		st = fault(why, BLK_CORRUPT, "its bytes do not match its id");
	return st;
}

/* Whatever it is that hashes to the id: that is the object.  A list does not.
 */
static bool
glance(struct reading *r, const struct frames_place *p,
    const struct catalog_copy *copy, const struct digest *id, size_t max,
    struct buf *b)
{
	struct fault unsaid = FAULT_NONE;
	size_t before = b->len;

	if (copy->kind != KIND_LIST && copy->length <= max &&
	    frames_glance(store_frames(r->store), p, copy->ordinal, id,
	        (enum kind)copy->kind, b) &&
	    b->len - before <= max &&
	    check_hash(r, id, b, before, &unsaid) == BLK_OK)
		return true;
	b->len = before;
	return false;
}

/* Append the object; b is as before on any return but BLK_OK. */
static enum blk_status
read_copy(struct reading *r, const struct frames_place *p,
    const struct catalog_copy *copy, const struct digest *id, size_t max,
    struct buf *b, struct fault *why)
{
	struct frames *frames = store_frames(r->store);
	const struct segment_table *t;
	size_t before = b->len;
	enum blk_status st;
	bool fits;

	if (glance(r, p, copy, id, max, b))
		return BLK_OK;
	st = frames_table(frames, p, &t, why);
	if (st != BLK_OK)
		return st;
	fits = copy->ordinal >= t->objects ||
	    t->object[copy->ordinal].length <= max;
	frames_release(frames, t);
	if (!fits)
		return fault(why, BLK_CORRUPT, "longer than it may be");
	st = frames_read(
	    frames, p, copy->ordinal, id, (enum kind)copy->kind, b, why);
	if (st == BLK_OK && copy->kind != KIND_LIST)
		st = check_hash(r, id, b, before, why);
	if (st != BLK_OK)
		b->len = before;
	return st;
}

static enum blk_status
in_segment(const struct catalog_copy *copy, const struct digest *id,
    const struct digest *segment, enum blk_status st, struct fault *why)
{
	char hex[DIGEST_HEX], seg[DIGEST_HEX];

	digest_hex(id, hex);
	digest_hex(segment, seg);
	return fault_in(why, st, "%s %s in segment %s",
	    kind_name((enum kind)copy->kind), hex, seg);
}

/* A damaged byte is read twice before it is judged. */
static enum blk_status
read_twice(struct reading *r, const struct catalog_copy *copy,
    const struct digest *id, size_t max, struct buf *b,
    struct reading_from *from, struct fault *why)
{
	struct catalog_segment seg;
	struct frames_place p;
	enum blk_status st;

	st = reading_segment(r, copy->seq, &seg, why);
	if (st != BLK_OK)
		return st;
	p = store_place(&seg);
	*from = (struct reading_from){ *copy, seg.id };
	st = read_copy(r, &p, copy, id, max, b, why);
	if (st == BLK_CORRUPT) {
		frames_forget(store_frames(r->store), &seg.id);
		st = read_copy(r, &p, copy, id, max, b, why);
	}
	if (st == BLK_CORRUPT)
		reading_note(r, &seg.id, copy->ordinal);
	if (st == BLK_ABSENT)
		r->gone = seg.id;
	return st == BLK_OK || st == BLK_ABSENT
	    ? st
	    : in_segment(copy, id, &seg.id, st, why);
}

/* --- any copy --- */

/*
 * ABSENT when there is none, or one was missing with its segment, and no other
 * is sound; CORRUPT, in words of the first, when all are damaged.
 */
static enum blk_status
try_copies(struct reading *r, const struct digest *id, enum class class,
    const struct catalog_facts *f, size_t max, struct buf *b,
    struct reading_from *from, struct fault *why)
{
	enum blk_status result = BLK_OK, st;
	uint64_t syncs = r->syncs;

	memset(&r->gone, 0, sizeof(r->gone));
	for (size_t i = 0; i < f->copies && r->syncs == syncs; i++) {
		struct fault first = *why;

		if (!class_takes(class, (enum kind)f->copy[i].kind))
			continue;
		st = read_twice(r, &f->copy[i], id, max, b, from, why);
		if (st != BLK_ABSENT && st != BLK_CORRUPT)
			return st;
		if (result == BLK_CORRUPT)
			*why = first;
		if (result != BLK_ABSENT)
			result = st;
	}
	return result == BLK_OK ? BLK_ABSENT : result;
}

static enum blk_status
missing(const struct reading *r, const struct digest *id, enum class class,
    struct fault *why)
{
	const struct digest none = { { 0 } };
	char hex[DIGEST_HEX], seg[DIGEST_HEX];

	digest_hex(id, hex);
	if (digest_equal(&r->gone, &none))
		return fault(
		    why, BLK_CORRUPT, "%s %s is lost", class_name(class), hex);
	digest_hex(&r->gone, seg);
	return fault(why, BLK_CORRUPT, "%s %s: segment %s is missing",
	    class_name(class), hex, seg);
}

enum blk_status
reading_object(struct reading *r, const struct digest *id, enum class class,
    size_t max, struct buf *b, struct reading_from *from, struct fault *why)
{
	struct catalog_facts f;
	enum blk_status st;

	st = reading_facts(r, id, 1, &f, why);
	if (st == BLK_OK)
		st = try_copies(r, id, class, &f, max, b, from, why);
	if (st == BLK_ABSENT && store_holds(r->store)) {
		st = held_facts(r, id, class, &f, why);
		if (st == BLK_OK)
			st = try_copies(r, id, class, &f, max, b, from, why);
	}
	if (st != BLK_ABSENT)
		return st;
	/* Dropped and collected, or moved, meanwhile? */
	st = synced(r, why);
	if (st == BLK_OK)
		st = reading_root(r, &f, why);
	if (st == BLK_OK)
		st = reading_facts(r, id, 1, &f, why);
	if (st != BLK_OK)
		return st;
	st = try_copies(r, id, class, &f, max, b, from, why);
	return st == BLK_ABSENT ? missing(r, id, class, why) : st;
}

enum blk_status
reading_piece(
    void *reading, const struct digest *id, struct buf *b, struct fault *why)
{
	struct reading_from from;

	return reading_object(
	    reading, id, CLASS_PIECE, STRUCTURE_PIECE_MAX, b, &from, why);
}

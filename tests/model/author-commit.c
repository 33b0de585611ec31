/*
 * What an author publishes and commits.
 */
#include "author.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store-private.h"

/* --- publishing --- */

static enum blk_status
publish(struct author *a, struct segment_builder *b, struct fault *why)
{
	struct segment_table table;
	struct digest id;
	const void *file;
	enum blk_status st;
	size_t len;

	if (a->segments == AUTHOR_REFS)
		return author_full(why);
	st = segment_seal(b, &id, &file, &len, &table, why);
	if (st != BLK_OK)
		return st;
	st = store_publish(a->s, &id, file, len, &table, why);
	segment_table_release(&table);
	segment_reset(b);
	if (st == BLK_OK)
		a->segment[a->segments++] = id;
	return st;
}

enum blk_status
author_seal(struct author *a, unsigned i, struct fault *why)
{
	enum blk_status st;

	if (a->lane[i] == NULL || segment_count(a->lane[i]) == 0)
		return BLK_OK;
	st = publish(a, a->lane[i], why);
	for (size_t k = 0; st == BLK_OK && k < a->owns; k++)
		if (a->own[k].place == PLACE_LANE && a->own[k].lane == i)
			a->own[k].place = PLACE_PUBLISHED;
	return st;
}

enum blk_status
author_early(struct author *a, struct fault *why)
{
	const struct store_draft d = {
		.traced = true, .segment = a->segment, .segments = a->segments
	};
	enum blk_status st;
	size_t kept = 0;

	if (a->segments == 0)
		return BLK_OK;
	st = store_commit(a->s, &d, &a->outcome, why);
	if (st != BLK_OK)
		return st;
	if (!a->p->dead)
		claim_commit(a->p->w, &a->outcome);
	for (size_t i = 0; st == BLK_OK && i < a->segments; i++)
		st = author_lean(a, &a->segment[i], why);
	for (size_t i = 0; i < a->owns; i++)
		if (a->own[i].place != PLACE_PUBLISHED)
			a->own[kept++] = a->own[i];
	a->owns = kept;
	a->segments = a->knowns = 0;
	return st;
}

/* The data of a lane, for the commit file. */
static enum blk_status
take_lane(struct author *a, unsigned lane, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < a->owns; i++) {
		struct own *o = &a->own[i];
		const void *data;
		size_t len;

		if (o->place != PLACE_LANE || o->lane != lane)
			continue;
		st = segment_peek(a->lane[lane], o->ordinal, &data, &len, why);
		if (st == BLK_OK)
			st = author_add_object(
			    a, &o->id, KIND_DATA, data, len, why);
		o->place = PLACE_COMMIT;
	}
	if (a->lane[lane] != NULL)
		segment_reset(a->lane[lane]);
	return st;
}

/* Structure in a segment of its own. */
static enum blk_status
publish_structure(struct author *a, struct fault *why)
{
	const struct segment_origin origin = store_origin(a->s);
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };
	struct segment_builder *b = NULL;
	enum blk_status st;
	size_t kept = 0;

	st = segment_builder_new(&origin, &o, a->codecs, a->hash, &b, why);
	for (size_t i = 0; st == BLK_OK && i < a->objects; i++) {
		struct store_object *so = &a->object[i];
		union {
			const void *in;
			void *out;
		} data = { so->data };

		if (so->kind == KIND_DATA) {
			a->object[kept++] = *so;
			continue;
		}
		st = segment_add(b, &so->id, so->kind, so->data, so->len, why);
		free(data.out);
	}
	if (st == BLK_OK) {
		a->objects = kept;
		if (segment_count(b) > 0)
			st = publish(a, b, why);
	}
	segment_builder_free(b);
	return st;
}

enum blk_status
author_settle(
    struct author *a, bool in_commit, bool structure_too, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (unsigned i = 0; st == BLK_OK && i < 2; i++)
		st = in_commit ? take_lane(a, i, why) : author_seal(a, i, why);
	if (st == BLK_OK && structure_too)
		st = publish_structure(a, why);
	return st;
}

/* --- committing --- */

struct newest {
	uint64_t number;
};

static enum blk_status
see_newest(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct newest *n = arg;

	(void)why;
	n->number = v->v.number;
	return BLK_OK;
}

static enum blk_status
check_head(struct author *a, struct fault *why)
{
	const struct catalog_query q = { .name = a->wish.name, .newest = true };
	struct catalog *c = store_catalog(a->s);
	struct newest n = { 0 };
	enum blk_status st;

	st = c->type->version_each(c, &q, see_newest, &n, why);
	if (st == BLK_OK && n.number != a->wish.expected)
		st = fault(why, BLK_BUSY, "moved");
	return st;
}

struct pick {
	struct rng *rng;
	unsigned seen;
	struct digest vid;
	char name[80];
};

static enum blk_status
see_pick(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct pick *p = arg;

	(void)why;
	if (rng_below(p->rng, ++p->seen) == 0) {
		p->vid = v->vid;
		snprintf(p->name, sizeof(p->name), "%s", v->v.name);
	}
	return BLK_OK;
}

static enum blk_status
decide_drop(struct author *a, struct commit *k, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct pick p = { .rng = &a->p->w->rng };
	struct catalog *c = store_catalog(a->s);
	struct catalog_version v = { .v = { .name = NULL } };
	enum blk_status st;

	a->wish.dropped = false;
	if (a->wish.drop_any) {
		st = c->type->version_each(c, &all, see_pick, &p, why);
		if (st != BLK_OK || p.seen == 0)
			return st;
		a->wish.drop_vid = p.vid;
	}
	st = c->type->version_get(c, &a->wish.drop_vid, &v, why);
	if (st == BLK_OK) {
		claim_removed(a->p->w, v.v.name);
		version_release(&v.v);
		st = store_add_drop(a->s, k, &a->wish.drop_vid, why);
		a->wish.dropped = st == BLK_OK;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
decide_version(struct author *a, struct commit *k, struct fault *why)
{
	struct version *v = &a->wish.made;
	enum blk_status st;

	version_release(v);
	*v = (struct version){ .name = strdup(a->wish.name),
		.class = a->wish.class,
		.id = a->wish.id,
		.size = a->wish.size,
		.type = strdup(""),
		.expires = a->wish.expires };
	if (v->name == NULL || v->type == NULL)
		return fault_nomem(why);
	st = store_add_version(a->s, k, v, &a->wish.vid, why);
	return st;
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct author *a = arg;
	enum blk_status st = BLK_OK;

	(void)s;
	if (a->wish.only_if)
		st = check_head(a, why);
	if (st == BLK_OK && a->wish.drop)
		st = decide_drop(a, k, why);
	if (st == BLK_OK && a->wish.put)
		st = decide_version(a, k, why);
	for (size_t i = 0; st == BLK_OK && i < k->verbs; i++)
		if (k->verb[i].verb == VERB_DROP)
			claim_tried(a->p->w, &k->verb[i].id);
	return st;
}

enum blk_status
author_commit(struct author *a, struct fault *why)
{
	const struct store_draft d = { .decide = decide,
		.arg = a,
		.traced = true,
		.segment = a->segment,
		.segments = a->segments,
		.object = a->object,
		.objects = a->objects,
		.lean = a->lean,
		.leans = a->leans,
		.rely = a->rely,
		.relies = a->relies };
	struct world *w = a->p->w;
	enum blk_status st;

	st = store_commit(a->s, &d, &a->outcome, why);
	if (st != BLK_OK) {
		world_trace(w, "%-10s commit: %s", a->p->name, why->text);
		return st;
	}
	if (a->p->dead)
		return st;
	if (a->outcome.number > 0)
		claim_commit(w, &a->outcome);
	if (a->wish.put)
		claim_version(w, &a->wish.vid, &a->wish.made);
	if (a->wish.drop && a->wish.dropped)
		claim_drop(w, &a->wish.drop_vid);
	return st;
}

enum blk_status
author_put(struct author *a, const char *name, const char *letters,
    unsigned cuts, struct fault *why)
{
	const struct word *w = word_of(letters);
	enum blk_status st = author_word(a, w, cuts, why);

	a->wish.put = true;
	a->wish.class = CLASS_CONTENT;
	a->wish.id = w->id;
	a->wish.size = w->len;
	if (name != NULL)
		snprintf(a->wish.name, sizeof(a->wish.name), "%s", name);
	else
		digest_hex(&w->id, a->wish.name);
	if (st == BLK_OK)
		st = author_settle(a, true, false, why);
	return st == BLK_OK ? author_commit(a, why) : st;
}

enum blk_status
author_drop(struct author *a, const struct digest *vid, struct fault *why)
{
	a->wish = (struct wish){ .drop = true, .drop_vid = *vid };
	return author_commit(a, why);
}

/* --- images of machines --- */

static enum blk_status
copy_table(const struct segment_table *from, struct segment_table *to,
    struct fault *why)
{
	*to = *from;
	to->frame = malloc((from->frames + 1) * sizeof(*to->frame));
	to->object = malloc((from->objects + 1) * sizeof(*to->object));
	if (to->frame == NULL || to->object == NULL) {
		segment_table_release(to);
		return fault_nomem(why);
	}
	memcpy(to->frame, from->frame, from->frames * sizeof(*to->frame));
	memcpy(to->object, from->object, from->objects * sizeof(*to->object));
	return BLK_OK;
}

/* The session: its id, what it published, up to where it saw the log. */
static enum blk_status
copy_session(const struct store *from, struct store *to, struct fault *why)
{
	enum blk_status st = BLK_OK;

	memcpy(to->session, from->session, sizeof(to->session));
	memcpy(to->session_hex, from->session_hex, sizeof(to->session_hex));
	to->transaction = from->transaction;
	to->base = from->base;
	to->crossed = from->crossed;
	to->durable = from->durable;
	for (size_t i = 0; st == BLK_OK && i < from->pendings; i++) {
		st = array_grow((void **)&to->pending, to->pendings,
		    &to->pendings_cap, sizeof(*to->pending), why);
		if (st != BLK_OK)
			return st;
		to->pending[to->pendings] = from->pending[i];
		st = copy_table(&from->pending[i].table,
		    &to->pending[to->pendings].table, why);
		to->pendings += st == BLK_OK;
	}
	return st;
}

enum blk_status
author_image(const struct author *from, struct author *to, struct fault *why)
{
	enum blk_status st = copy_session(from->s, to->s, why);

	for (size_t i = 0; st == BLK_OK && i < from->objects; i++)
		st = author_add_object(to, &from->object[i].id,
		    from->object[i].kind, from->object[i].data,
		    from->object[i].len, why);
	memcpy(to->segment, from->segment, sizeof(to->segment));
	to->segments = from->segments;
	memcpy(to->lean, from->lean, sizeof(to->lean));
	to->leans = from->leans;
	memcpy(to->rely, from->rely, sizeof(to->rely));
	to->relies = from->relies;
	to->wish = from->wish;
	to->wish.made = (struct version){ .name = NULL };
	return st;
}

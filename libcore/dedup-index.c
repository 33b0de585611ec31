/*
 * What an index would take: a small one is made in memory, of a sample of the
 * ids, row after row as a backup would have it, and measured.
 *
 * How full the pages of a B-tree are depends on the order in which rows come:
 * those of each segment sorted by id, then the counts, level by level from the
 * root of the tree down.  Ids are evenly spread, so that the rows of ids which
 * begin with some zero bits behave among themselves as all do.
 */
#include <stdlib.h>
#include <string.h>

#include "dedup-pack.h"
#include "index.h"

#define COUNTS_AT_ONCE                                                         \
	((size_t)1 << 17) /* that are written together (state)                 \
	                   */

struct model {
	struct catalog *c;
	struct segment_object *object; /* all of the sample, in order */
	size_t objects;                /* offset: the level */
	unsigned bits;
};

static void
take_sample(struct model *m, const struct packer *p, enum kind kind)
{
	for (size_t i = 0; i < p->samples; i++) {
		const struct packer_sample *s = &p->sample[i];
		struct segment_object *o = &m->object[m->objects];

		if (packer_zeros(s->head) < m->bits)
			continue;
		*o = (struct segment_object){ .kind = (uint8_t)kind,
			.length = s->length,
			.offset = s->level };
		for (int k = 0; k < 8; k++)
			o->id.byte[k] = (uint8_t)(s->head >> (56 - 8 * k));
		m->objects++;
	}
}

/* Add objects as so many segments, filled one after another. */
static enum blk_status
add_segments(struct model *m, size_t from, uint64_t segments, struct fault *why)
{
	const struct catalog_type *t = m->c->type;
	size_t count = m->objects - from, at = from;
	enum blk_status st = BLK_OK;
	uint64_t last;

	for (uint64_t i = 1; st == BLK_OK && i <= segments; i++) {
		size_t to = from + (size_t)(count * i / segments);
		const struct segment_table table = { .object = m->object + at,
			.objects = (uint32_t)(to - at) };
		struct catalog_segment s = { .objects = table.objects };

		st = t->segment_last(m->c, &last, why);
		s.seq = last + 1;
		memcpy(s.id.byte, &s.seq, sizeof(s.seq));
		if (st == BLK_OK)
			st = t->segment_add(m->c, &s, why);
		if (st == BLK_OK)
			st = t->copies_add(m->c, s.seq, &table, why);
		at = to;
	}
	return st;
}

static int
id_order(const void *a, const void *b)
{
	return digest_compare(&((const struct segment_object *)a)->id,
	    &((const struct segment_object *)b)->id);
}

static int
level_order(const void *a, const void *b)
{
	const struct segment_object *x = a, *y = b;

	/* Within a level, the ones as they come. */
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x > y) - (x < y);
}

/* How many from here on are of one level, and written at once. */
static size_t
wave(const struct model *m, size_t at)
{
	size_t most = (COUNTS_AT_ONCE >> m->bits) + 1, n = 1;

	while (at + n < m->objects && n < most &&
	    m->object[at + n].offset == m->object[at].offset)
		n++;
	return n;
}

/* Each is referred to, mostly once. */
static enum blk_status
add_counts(struct model *m, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t n;

	qsort(m->object, m->objects, sizeof(*m->object), level_order);
	for (size_t at = 0; st == BLK_OK && at < m->objects; at += n) {
		n = wave(m, at);
		qsort(m->object + at, n, sizeof(*m->object), id_order);
		for (size_t i = at; st == BLK_OK && i < at + n; i++)
			st = m->c->type->count_set(m->c, &m->object[i].id,
			    m->object[i].kind == KIND_DATA ? CLASS_DATA
			                                   : CLASS_TREE,
			    1, why);
	}
	return st;
}

static enum blk_status
fill(struct model *m, const struct packer *data, uint64_t data_segments,
    const struct packer *structure, uint64_t structure_segments,
    struct fault *why)
{
	enum blk_status st = m->c->type->begin(m->c, why);
	size_t first;

	if (st != BLK_OK)
		return st;
	take_sample(m, structure, KIND_TREE);
	st = add_segments(m, 0, structure_segments, why);
	first = m->objects;
	take_sample(m, data, KIND_DATA);
	if (st == BLK_OK)
		st = add_segments(m, first, data_segments, why);
	if (st == BLK_OK)
		st = add_counts(m, why);
	if (st == BLK_OK)
		return m->c->type->commit(m->c, why);
	m->c->type->rollback(m->c);
	return st;
}

enum blk_status
packer_index(const struct packer *data, uint64_t data_segments,
    const struct packer *structure, uint64_t structure_segments,
    uint64_t objects, uint64_t *bytes, struct fault *why)
{
	const struct index_options o = { .in_memory = true,
		.cache_bytes = (uint64_t)8 << 20 };
	struct model m = { .bits = data->sample_bits > structure->sample_bits
		    ? data->sample_bits
		    : structure->sample_bits };
	size_t most = data->samples + structure->samples;
	const char *reason;
	uint64_t empty = 0;
	enum blk_status st;
	bool fresh;

	*bytes = 0;
	m.object = malloc((most + 1) * sizeof(*m.object));
	st = m.object == NULL ? fault_nomem(why)
	                      : index_open(&o, &m.c, &fresh, &reason, why);
	if (st == BLK_OK) {
		empty = index_bytes(m.c);
		st = fill(&m, data, data_segments, structure,
		    structure_segments, why);
	}
	if (st == BLK_OK)
		*bytes = empty;
	if (st == BLK_OK && m.objects > 0)
		*bytes += (uint64_t)((double)(index_bytes(m.c) - empty) *
		    (double)objects / (double)m.objects);
	catalog_close(m.c);
	free(m.object);
	return st;
}

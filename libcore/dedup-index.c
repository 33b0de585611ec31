/*
 * What an index would take: a small one is made in memory, of a sample of the
 * ids, row after row as a backup would have it, and measured.
 *
 * How full the pages of a B-tree are depends on the order in which rows come:
 * by ids, so many at a time; of more, first the copies in each segment, then
 * the counts, level by level from the root of the tree down.  Ids are evenly
 * spread, so that the rows of ids which begin with some zero bits behave among
 * themselves as all do.
 *
 * Still, chance has a part in which pages are cut in two: of a hundred pages it
 * makes two or three more or less.  So a small index is made several times, of
 * other ids each time, and the mean is told: real ones lie about it.
 */
#include <stdlib.h>
#include <string.h>

#include "dedup-pack.h"
#include "index.h"

#define TRIES 16    /* of small ones; */
#define TRIED 65536 /* rows of a sample are enough */
#define COUNTS_AT_ONCE                                                         \
	((size_t)1 << 17) /* that are written together (state)                 \
	                   */

struct model {
	struct packer *p;
	struct catalog *c;
	uint32_t segments; /* the commit's own file is the last of them */
	uint64_t mask;     /* makes ids others */
};

/* --- segments, in order --- */

static int
segment_order(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct packer_segment *s = arg;

	if (s[x].commit != s[y].commit)
		return s[x].commit < s[y].commit ? -1 : 1;
	if (s[x].turn != s[y].turn)
		return s[x].turn < s[y].turn ? -1 : 1;
	return (x > y) - (x < y);
}

static int
copy_order(const void *a, const void *b)
{
	const struct packer_sample *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return (x->turn > y->turn) - (x->turn < y->turn);
}

/* The sample by segments, which get the numbers that the index gives them. */
static enum blk_status
arrange(struct model *m, struct fault *why)
{
	struct packer *p = m->p;
	uint32_t *order = malloc((p->segments + 1) * sizeof(*order));
	uint32_t *number = malloc((p->segments + 1) * sizeof(*number));

	if (order == NULL || number == NULL) {
		free(order);
		free(number);
		return fault_nomem(why);
	}
	for (uint32_t i = 0; i < p->segments; i++)
		order[i] = i;
	qsort_r(order, p->segments, sizeof(*order), segment_order, p->segment);
	for (uint32_t i = 0; i < p->segments; i++)
		if (p->segment[order[i]].sealed)
			number[order[i]] = m->segments++;
	for (uint32_t i = 0; i < p->segments; i++)
		if (!p->segment[i].sealed)
			number[i] = m->segments;
	m->segments++;
	for (uint32_t i = 0; i < p->samples; i++) {
		p->sample[i].turn = i;
		p->sample[i].segment = p->sample[i].segment == PACKER_COMMIT
		    ? m->segments - 1
		    : number[p->sample[i].segment];
	}
	free(order);
	free(number);
	return BLK_OK;
}

/* --- rows --- */

static struct digest
id_of(const struct model *m, const struct packer_sample *s)
{
	struct digest id = { { 0 } };

	put_le64(id.byte, s->head ^ m->mask);
	return id;
}

/* Those of the sample, with records, which the index leaves out, in place of
 * the others: so that each stands where it would. */
static enum blk_status
add_segment(struct model *m, const struct packer_sample *s, size_t n,
    uint64_t seq, struct fault *why)
{
	const struct catalog_type *t = m->c->type;
	struct catalog_segment row = { .seq = seq };
	struct segment_table table = { .objects =
		                           (uint32_t)(n << m->p->sample_bits) };
	enum blk_status st = BLK_OK;

	table.object = calloc((size_t)table.objects + 1, sizeof(*table.object));
	if (table.object == NULL)
		return fault_nomem(why);
	for (uint32_t i = 0; i < table.objects; i++)
		table.object[i].kind = KIND_RECORD;
	for (size_t i = 0; i < n; i++)
		table.object[i << m->p->sample_bits] =
		    (struct segment_object){ .id = id_of(m, &s[i]),
			    .kind = s[i].kind,
			    .length = s[i].length };
	row.objects = table.objects;
	memcpy(row.id.byte, &seq, sizeof(seq));
	st = t->segment_add(m->c, &row, why);
	if (st == BLK_OK)
		st = t->copies_add(m->c, seq, &table, why);
	free(table.object);
	return st;
}

static enum blk_status
add_copies(struct model *m, struct fault *why)
{
	const struct packer_sample *s = m->p->sample;
	enum blk_status st = BLK_OK;
	size_t at = 0, n;

	for (uint32_t i = 0; st == BLK_OK && i < m->segments; i++, at += n) {
		for (n = 0; at + n < m->p->samples && s[at + n].segment == i;)
			n++;
		st = add_segment(m, s + at, n, i + 1, why);
	}
	return st;
}

static int
id_order(const void *a, const void *b, void *arg)
{
	const struct digest x = id_of(arg, a), y = id_of(arg, b);

	return digest_compare(&x, &y);
}

static int
level_order(const void *a, const void *b)
{
	const struct packer_sample *x = a, *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	return copy_order(a, b);
}

/* How many from here on are of one level, and written at once. */
static size_t
wave(const struct packer *p, size_t at)
{
	size_t most = (COUNTS_AT_ONCE >> p->sample_bits) + 1, n = 1;

	while (at + n < p->samples && n < most &&
	    p->sample[at + n].level == p->sample[at].level)
		n++;
	return n;
}

static enum class class_for(uint8_t kind) {
	switch (kind){
		case KIND_DATA : return CLASS_DATA;
		case KIND_LIST : return CLASS_CONTENT;
		case KIND_TREE : return CLASS_TREE;
		case KIND_SNAPSHOT : return CLASS_SNAPSHOT;
		case KIND_VERSION : return CLASS_VERSION;
		default : return CLASS_PIECE;
	}
}

/* Each is referred to, mostly once. */
static enum blk_status
add_counts(struct model *m, struct fault *why)
{
	struct packer_sample *s = m->p->sample;
	enum blk_status st = BLK_OK;
	size_t n;

	qsort(s, m->p->samples, sizeof(*s), level_order);
	for (size_t at = 0; st == BLK_OK && at < m->p->samples; at += n) {
		n = wave(m->p, at);
		qsort_r(s + at, n, sizeof(*s), id_order, m);
		for (size_t i = at; st == BLK_OK && i < at + n; i++) {
			struct digest id = id_of(m, &s[i]);

			st = m->c->type->count_set(
			    m->c, &id, class_for(s[i].kind), 1, why);
		}
	}
	return st;
}

static enum blk_status
fill(struct model *m, struct fault *why)
{
	enum blk_status st = m->c->type->begin(m->c, why);

	if (st != BLK_OK)
		return st;
	st = add_copies(m, why);
	if (st == BLK_OK)
		st = add_counts(m, why);
	if (st == BLK_OK)
		return m->c->type->commit(m->c, why);
	m->c->type->rollback(m->c);
	return st;
}

/* What an empty index takes, and how much more the sample does. */
static enum blk_status
try(struct model *m, uint64_t *empty, uint64_t *more, struct fault *why)
{
	const struct index_options o = { .in_memory = true,
		.cache_bytes = (uint64_t)8 << 20,
		.pending_ids = (INDEX_PENDING >> m->p->sample_bits) + 1 };
	const char *reason;
	enum blk_status st;
	bool fresh;

	st = index_open(&o, &m->c, &fresh, &reason, why);
	if (st != BLK_OK)
		return st;
	*empty = index_bytes(m->c);
	st = fill(m, why);
	*more += index_bytes(m->c) - *empty;
	catalog_close(m->c);
	return st;
}

enum blk_status
packer_index(
    struct packer *p, uint64_t objects, uint64_t *bytes, struct fault *why)
{
	struct model m = { .p = p };
	uint64_t empty = 0, more = 0, tries = 0;
	enum blk_status st = arrange(&m, why);

	while (st == BLK_OK && tries < TRIES && tries * p->samples <= TRIED) {
		m.mask = ++tries * 0x9e3779b97f4a7c15;
		qsort(p->sample, p->samples, sizeof(*p->sample), copy_order);
		st = try(&m, &empty, &more, why);
	}
	*bytes = empty;
	if (p->samples > 0)
		*bytes += (uint64_t)((double)more / (double)tries *
		    (double)objects / (double)p->samples);
	return st;
}

/*
 * Segments, copies of objects and their counts.
 */
#include "catalog-memory.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* That of the id, or where it would stand. */
static struct slot *
slot_of(const struct memory *m, const struct digest *id)
{
	const uint32_t check = get_le32(id->byte + 8);
	size_t i = (size_t)get_le64(id->byte) & (m->slots - 1);

	while (m->slot[i].at != 0 &&
	    (m->slot[i].check != check ||
	        !digest_equal(&m->entry[m->slot[i].at - 1].id, id)))
		i = (i + 1) & (m->slots - 1);
	return &m->slot[i];
}

struct entry *
memory_entry(const struct memory *m, const struct digest *id)
{
	const struct slot *s;

	if (m->slots == 0)
		return NULL;
	s = slot_of(m, id);
	return s->at == 0 ? NULL : &m->entry[s->at - 1];
}

/* The i-th entry, whose id has no slot yet, gets one. */
static void
slot_take(struct memory *m, size_t i)
{
	const struct digest *id = &m->entry[i].id;

	*slot_of(m, id) =
	    (struct slot){ (uint32_t)i + 1, get_le32(id->byte + 8) };
}

static enum blk_status
slots_grow(struct memory *m, struct fault *why)
{
	size_t slots = m->slots == 0 ? 64 : 2 * m->slots;
	struct slot *slot = calloc(slots, sizeof(*slot));

	if (slot == NULL)
		return fault_nomem(why);
	free(m->slot);
	m->slot = slot;
	m->slots = slots;
	for (size_t i = 0; i < m->entries; i++)
		slot_take(m, i);
	return BLK_OK;
}

enum blk_status
memory_entry_make(struct memory *m, const struct digest *id, struct entry **out,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	*out = memory_entry(m, id);
	if (*out != NULL)
		return BLK_OK;
	if (m->entries >= UINT32_MAX)
		return fault_nomem(why);
	if (m->entries >= m->slots / 4 * 3)
		st = slots_grow(m, why);
	if (st == BLK_OK)
		st = array_grow((void **)&m->entry, m->entries, &m->entries_cap,
		    sizeof(*m->entry), why);
	if (st != BLK_OK)
		return st;
	m->entry[m->entries] = (struct entry){ .id = *id };
	slot_take(m, m->entries);
	*out = &m->entry[m->entries++];
	return BLK_OK;
}

/* --- segments --- */

/* The index of the first row whose seq is not below seq. */
static size_t
segment_bound(const struct memory *m, uint64_t seq)
{
	size_t lo = 0, hi = m->segments;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->segment[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct catalog_segment *
memory_segment_at(const struct memory *m, uint64_t seq)
{
	size_t i = segment_bound(m, seq);

	return i < m->segments && m->segment[i].seq == seq ? &m->segment[i]
	                                                   : NULL;
}

enum blk_status
memory_segment_add(
    struct catalog *c, const struct catalog_segment *s, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st;
	struct entry *e;

	st = array_grow((void **)&m->segment, m->segments, &m->segments_cap,
	    sizeof(*m->segment), why);
	if (st == BLK_OK)
		st = memory_entry_make(m, &s->id, &e, why);
	if (st != BLK_OK)
		return st;
	e->segment = s->seq;
	m->segment[m->segments++] = *s;
	return BLK_OK;
}

enum blk_status
memory_segment_update(
    struct catalog *c, const struct catalog_segment *s, struct fault *why)
{
	struct catalog_segment *row = memory_segment_at(memory_of(c), s->seq);

	if (row == NULL)
		return fault(why, BLK_FAILED, "no segment row");
	row->live = s->live;
	row->marks = s->marks;
	row->plain = s->plain;
	row->objects = s->objects;
	row->reason = s->reason;
	row->condemned = s->condemned;
	return BLK_OK;
}

enum blk_status
memory_segment_live(struct catalog *c, const struct digest *id,
    const struct catalog_copy *copy, bool live, struct fault *why)
{
	struct catalog_segment *row =
	    memory_segment_at(memory_of(c), copy->seq);

	(void)why;
	if (row != NULL)
		catalog_segment_count(row, id, copy, live);
	return BLK_OK;
}

enum blk_status
memory_segment_drop(struct catalog *c, uint64_t seq, struct fault *why)
{
	struct memory *m = memory_of(c);
	size_t at = segment_bound(m, seq);

	(void)why;
	if (at == m->segments || m->segment[at].seq != seq)
		return BLK_OK;
	for (size_t i = 0; i < m->entries; i++) {
		struct entry *e = &m->entry[i];
		uint32_t kept = 0;

		for (uint32_t k = 0; k < e->copies; k++)
			if (e->copy[k].seq != seq)
				e->copy[kept++] = e->copy[k];
		e->copies = kept;
		if (e->segment == seq)
			e->segment = 0;
	}
	memmove(m->segment + at, m->segment + at + 1,
	    (m->segments - at - 1) * sizeof(*m->segment));
	m->segments--;
	return BLK_OK;
}

enum blk_status
memory_segment_get(struct catalog *c, uint64_t seq, struct catalog_segment *s,
    struct fault *why)
{
	const struct catalog_segment *row =
	    memory_segment_at(memory_of(c), seq);

	(void)why;
	if (row == NULL)
		return BLK_ABSENT;
	*s = *row;
	return BLK_OK;
}

enum blk_status
memory_segment_find(struct catalog *c, const struct digest *id,
    struct catalog_segment *s, struct fault *why)
{
	const struct entry *e = memory_entry(memory_of(c), id);

	return e == NULL ? BLK_ABSENT
	                 : memory_segment_get(c, e->segment, s, why);
}

enum blk_status
memory_segment_next(struct catalog *c, uint64_t after,
    struct catalog_segment *s, struct fault *why)
{
	const struct memory *m = memory_of(c);
	size_t i = segment_bound(m, after + 1);

	(void)why;
	if (i == m->segments)
		return BLK_ABSENT;
	*s = m->segment[i];
	return BLK_OK;
}

enum blk_status
memory_segment_last(struct catalog *c, uint64_t *seq, struct fault *why)
{
	const struct memory *m = memory_of(c);

	(void)why;
	*seq = m->segments == 0 ? 0 : m->segment[m->segments - 1].seq;
	return BLK_OK;
}

/* --- copies and counts --- */

static enum blk_status
copy_add(struct memory *m, const struct segment_object *o,
    const struct catalog_copy *copy, struct fault *why)
{
	enum blk_status st;
	struct entry *e;
	void *items;

	st = memory_entry_make(m, &o->id, &e, why);
	if (st != BLK_OK)
		return st;
	for (uint32_t i = 0; i < e->copies; i++)
		if (e->copy[i].seq == copy->seq &&
		    e->copy[i].kind == copy->kind)
			return BLK_OK;
	items = realloc(e->copy, (e->copies + (size_t)1) * sizeof(*e->copy));
	if (items == NULL)
		return fault_nomem(why);
	e->copy = items;
	e->copy[e->copies++] = *copy;
	return BLK_OK;
}

enum blk_status
memory_copies_add(struct catalog *c, uint64_t seq,
    const struct segment_table *t, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (uint32_t i = 0; st == BLK_OK && i < t->objects; i++) {
		const struct segment_object *o = &t->object[i];

		if (o->kind != KIND_RECORD)
			st = copy_add(memory_of(c), o,
			    &(struct catalog_copy){
			        seq, i, o->length, o->kind },
			    why);
	}
	return st;
}

void
memory_facts_of(const struct memory *m, const struct digest *id, bool condemned,
    struct catalog_facts *f)
{
	const struct entry *e = memory_entry(m, id);

	memset(f, 0, sizeof(*f));
	if (e == NULL)
		return;
	memcpy(f->count, e->count, sizeof(f->count));
	for (int c = 0; c < CLASSES; c++)
		f->lost[c] = (e->lost >> c & 1) != 0;
	for (uint32_t i = 0; i < e->copies; i++) {
		const struct catalog_segment *s =
		    memory_segment_at(m, e->copy[i].seq);

		if (s != NULL && (condemned || s->condemned == 0))
			catalog_facts_add(f, &e->copy[i]);
	}
}

enum blk_status
memory_facts(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why)
{
	(void)why;
	memory_facts_of(memory_of(c), id, false, f);
	return BLK_OK;
}

enum blk_status
memory_copies_all(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why)
{
	(void)why;
	memory_facts_of(memory_of(c), id, true, f);
	return BLK_OK;
}

enum blk_status
memory_facts_many(struct catalog *c, const struct digest *id, size_t n,
    struct catalog_facts *f, struct fault *why)
{
	(void)why;
	for (size_t i = 0; i < n; i++)
		memory_facts_of(memory_of(c), &id[i], false, &f[i]);
	return BLK_OK;
}

enum blk_status
memory_count_set(struct catalog *c, const struct digest *id, enum class class,
    uint64_t count, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st;
	struct entry *e;

	st = memory_entry_make(m, id, &e, why);
	if (st != BLK_OK)
		return st;
	m->counted += (uint64_t)(count > 0) - (uint64_t)(e->count[class] > 0);
	e->count[class] = count;
	return BLK_OK;
}

enum blk_status
memory_counts_clear(struct catalog *c, struct fault *why)
{
	struct memory *m = memory_of(c);

	(void)why;
	for (size_t i = 0; i < m->entries; i++)
		memset(m->entry[i].count, 0, sizeof(m->entry[i].count));
	for (size_t i = 0; i < m->segments; i++)
		m->segment[i].live = m->segment[i].marks = 0;
	m->counted = 0;
	return BLK_OK;
}

bool
memory_counts_empty(struct catalog *c)
{
	return memory_of(c)->counted == 0 && !memory_of(c)->any_lost;
}

enum blk_status
memory_lost_set(struct catalog *c, const struct digest *id, enum class class,
    bool lost, struct fault *why)
{
	enum blk_status st;
	struct entry *e;

	st = memory_entry_make(memory_of(c), id, &e, why);
	if (st != BLK_OK)
		return st;
	memory_of(c)->any_lost = memory_of(c)->any_lost || lost;
	e->lost =
	    (uint8_t)(lost ? e->lost | 1u << class : e->lost & ~(1u << class));
	return BLK_OK;
}

int
memory_entry_order(const void *a, const void *b)
{
	return digest_compare(
	    &(*(struct entry *const *)a)->id, &(*(struct entry *const *)b)->id);
}

enum blk_status
memory_lost_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        enum class class, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct entry **list = NULL;
	enum blk_status st = BLK_OK;
	size_t n = 0, cap = 0;

	for (size_t i = 0; st == BLK_OK && i < m->entries; i++) {
		if (m->entry[i].lost == 0)
			continue;
		st = array_grow((void **)&list, n, &cap, sizeof(*list), why);
		if (st == BLK_OK)
			list[n++] = &m->entry[i];
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), memory_entry_order);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		for (int k = 0; st == BLK_OK && k < CLASSES; k++)
			if ((list[i]->lost >> k & 1) != 0)
				st = visit(
				    arg, &list[i]->id, (enum class)k, why);
	free(list);
	return st;
}

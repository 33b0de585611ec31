/*
 * A catalog in memory.  Rolling back empties it, which its callers answer by
 * a rebuild.
 */
#include "catalog-memory.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static size_t
damage_find(
    const struct memory *m, const struct digest *segment, uint32_t ordinal)
{
	size_t i = 0;

	while (i < m->damages &&
	    (m->damage[i].ordinal != ordinal ||
	        !digest_equal(&m->damage[i].segment, segment)))
		i++;
	return i;
}

static enum blk_status
memory_damage_note(struct catalog *c, const struct digest *segment,
    uint32_t ordinal, bool damaged, struct fault *why)
{
	struct memory *m = memory_of(c);
	size_t i = damage_find(m, segment, ordinal);
	enum blk_status st;

	if ((i < m->damages) == damaged)
		return BLK_OK;
	if (!damaged) {
		m->damage[i] = m->damage[--m->damages];
		return BLK_OK;
	}
	st = array_grow((void **)&m->damage, m->damages, &m->damages_cap,
	    sizeof(*m->damage), why);
	if (st == BLK_OK)
		m->damage[m->damages++] =
		    (struct damage_row){ *segment, ordinal };
	return st;
}

static enum blk_status
memory_damage_has(struct catalog *c, const struct digest *segment,
    uint32_t ordinal, bool *damaged, struct fault *why)
{
	struct memory *m = memory_of(c);

	(void)why;
	*damaged = damage_find(m, segment, ordinal) < m->damages;
	return BLK_OK;
}

/* Do the first bits bits of a and b agree? */
static bool
same_prefix(const struct digest *a, const struct digest *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->byte, b->byte, whole) != 0)
		return false;
	return rest == 0 ||
	    (a->byte[whole] ^ b->byte[whole]) >> (8 - rest) == 0;
}

static enum blk_status
memory_copies_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_copy *copy, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; i < m->entries; i++) {
		const struct entry *e = &m->entry[i];

		for (uint32_t k = 0; st == BLK_OK && k < e->copies; k++) {
			const struct catalog_segment *s =
			    memory_segment_at(m, e->copy[k].seq);

			if (s != NULL && s->condemned == 0)
				st = visit(arg, &e->id, &e->copy[k], why);
		}
	}
	return st;
}

static bool
is_counted(const struct entry *e)
{
	for (int c = 0; c < CLASSES; c++)
		if (e->count[c] > 0)
			return true;
	return false;
}

static enum blk_status
memory_ids_each(struct catalog *c, const struct digest *prefix, unsigned bits,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct entry **list = NULL;
	enum blk_status st = BLK_OK;
	size_t n = 0, cap = 0;

	for (size_t i = 0; st == BLK_OK && i < m->entries; i++) {
		struct entry *e = &m->entry[i];

		if (!is_counted(e) || !same_prefix(&e->id, prefix, bits))
			continue;
		st = array_grow((void **)&list, n, &cap, sizeof(*list), why);
		if (st == BLK_OK)
			list[n++] = e;
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), memory_entry_order);
	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		struct catalog_facts f;

		memory_facts_of(m, &list[i]->id, false, &f);
		st = visit(arg, &list[i]->id, &f, why);
	}
	free(list);
	return st;
}

static enum blk_status
memory_damage_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *segment,
        uint32_t ordinal, struct fault *why),
    void *arg, struct fault *why)
{
	struct memory *m = memory_of(c);
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < m->damages; i++)
		st = visit(
		    arg, &m->damage[i].segment, m->damage[i].ordinal, why);
	return st;
}

static enum blk_status
memory_anything_wrong(struct catalog *c, bool *wrong, struct fault *why)
{
	struct memory *m = memory_of(c);

	(void)why;
	*wrong = m->damages > 0;
	for (size_t i = 0; m->any_lost && !*wrong && i < m->entries; i++)
		*wrong = m->entry[i].lost != 0;
	return BLK_OK;
}

static void
totals_ids(const struct memory *m, struct catalog_totals *t)
{
	for (size_t i = 0; i < m->entries; i++) {
		const struct entry *e = &m->entry[i];
		bool counted = false;

		for (int c = 0; c < CLASSES; c++) {
			counted = counted || e->count[c] > 0;
			t->lost += e->lost >> c & 1;
		}
		t->counted += counted;
		t->contents += e->count[CLASS_CONTENT] > 0;
		t->chunks += e->count[CLASS_DATA] > 0;
		for (uint32_t k = 0; k < e->copies; k++) {
			const struct catalog_segment *s =
			    memory_segment_at(m, e->copy[k].seq);

			t->objects += s != NULL && s->condemned == 0;
		}
	}
}

static enum blk_status
memory_totals(struct catalog *c, struct catalog_totals *t, struct fault *why)
{
	struct memory *m = memory_of(c);
	const char *last = NULL;

	(void)why;
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < m->segments; i++) {
		const struct catalog_segment *s = &m->segment[i];

		if (s->condemned != 0) {
			t->condemned++;
			t->condemned_bytes += s->bytes;
			continue;
		}
		t->segments++;
		t->stored_bytes += s->bytes;
		t->plain_bytes += s->plain;
		t->live_bytes += s->live;
	}
	for (const struct row *r = skiplist_first(m->version); r != NULL;
	     r = skiplist_after(m->version, r)) {
		t->versions++;
		if (version_name_is_id(span_str(r->v.name)))
			continue;
		t->names += last == NULL || strcmp(last, r->v.name) != 0;
		last = r->v.name;
	}
	totals_ids(m, t);
	t->damaged = m->damages;
	return BLK_OK;
}

static void
rows_release(struct memory *m)
{
	for (size_t i = 0; i < m->entries; i++)
		free(m->entry[i].copy);
	free(m->entry);
	free(m->slot);
	free(m->segment);
	for (size_t i = 0; i < m->stats; i++)
		free(m->stat[i].line);
	free(m->stat);
	for (size_t i = 0; i < m->records; i++)
		free(m->record[i].text);
	free(m->record);
	skiplist_free(m->version, row_free);
	skiplist_free(m->name, name_free);
	skiplist_free(m->setting, setting_free);
}

static enum blk_status
rows_init(struct memory *m, struct fault *why)
{
	enum blk_status st;

	st = skiplist_new(version_order, version_rank, &m->version, why);
	if (st == BLK_OK)
		st = skiplist_new(name_order, NULL, &m->name, why);
	if (st == BLK_OK)
		st = skiplist_new(setting_order, NULL, &m->setting, why);
	return st;
}

static enum blk_status
memory_clear(struct catalog *c, struct fault *why)
{
	struct memory *m = memory_of(c);
	struct damage_row *damage = m->damage;
	size_t damages = m->damages, cap = m->damages_cap;

	rows_release(m);
	*m = (struct memory){ .base = m->base,
		.damage = damage,
		.damages = damages,
		.damages_cap = cap };
	return rows_init(m, why);
}

static void
memory_close(struct catalog *c)
{
	struct memory *m = memory_of(c);

	rows_release(m);
	free(m->damage);
	free(m);
}

static enum blk_status
memory_nothing(struct catalog *c, struct fault *why)
{
	(void)c;
	(void)why;
	return BLK_OK;
}

static enum blk_status
memory_verify(struct catalog *c, enum catalog_rows which, struct fault *why)
{
	(void)which;
	return memory_nothing(c, why);
}

static void
memory_rollback(struct catalog *c)
{
	struct fault ignored = FAULT_NONE;

	/* What clear could not make again stays NULL, and an empty list
	 * that is NULL refuses what is put into it. */
	if (memory_clear(c, &ignored) != BLK_OK)
		return;
}

static enum blk_status
memory_head_get(struct catalog *c, struct catalog_head *h, struct fault *why)
{
	(void)why;
	*h = memory_of(c)->head;
	return BLK_OK;
}

static enum blk_status
memory_head_set(
    struct catalog *c, const struct catalog_head *h, struct fault *why)
{
	(void)why;
	memory_of(c)->head = *h;
	return BLK_OK;
}

static const struct catalog_type memory_type = {
	.close = memory_close,
	.begin = memory_nothing,
	.commit = memory_nothing,
	.rollback = memory_rollback,
	.clear = memory_clear,
	.head_get = memory_head_get,
	.head_set = memory_head_set,
	.segment_add = memory_segment_add,
	.segment_update = memory_segment_update,
	.segment_live = memory_segment_live,
	.segment_drop = memory_segment_drop,
	.segment_get = memory_segment_get,
	.segment_find = memory_segment_find,
	.segment_next = memory_segment_next,
	.segment_last = memory_segment_last,
	.copies_add = memory_copies_add,
	.facts = memory_facts,
	.copies_all = memory_copies_all,
	.facts_many = memory_facts_many,
	.copies_each = memory_copies_each,
	.ids_each = memory_ids_each,
	.count_set = memory_count_set,
	.counts_clear = memory_counts_clear,
	.counts_empty = memory_counts_empty,
	.lost_set = memory_lost_set,
	.lost_each = memory_lost_each,
	.version_put = memory_version_put,
	.version_drop = memory_version_drop,
	.version_get = memory_version_get,
	.version_each = memory_version_each,
	.name_set = memory_name_set,
	.name_get = memory_name_get,
	.name_each = memory_name_each,
	.setting_set = memory_setting_set,
	.setting_get = memory_setting_get,
	.setting_each = memory_setting_each,
	.stat_add = memory_stat_add,
	.stat_each = memory_stat_each,
	.record_add = memory_record_add,
	.record_each = memory_record_each,
	.records_drop = memory_records_drop,
	.damage_note = memory_damage_note,
	.damage_has = memory_damage_has,
	.damage_each = memory_damage_each,
	.anything_wrong = memory_anything_wrong,
	.totals = memory_totals,
	.verify = memory_verify,
};

enum blk_status
catalog_memory_new(struct catalog **out, struct fault *why)
{
	struct memory *m = calloc(1, sizeof(*m));
	enum blk_status st;

	*out = NULL;
	if (m == NULL)
		return fault_nomem(why);
	m->base.type = &memory_type;
	st = rows_init(m, why);
	if (st != BLK_OK) {
		memory_close(&m->base);
		return st;
	}
	*out = &m->base;
	return BLK_OK;
}

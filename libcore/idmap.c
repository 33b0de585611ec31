#include "idmap.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "ids.h"

#define SLOTS_MIN 16
#define SLOTS_MANY 4096 /* of an ordered map: from here on it grows faster */
#define SLOTS_FULL ((size_t)1 << 17) /* and no more from here on */

/*
 * Ids that come in order fill an ordered map from its front, which is crowded
 * while the rest is empty: then it grows before it is full, up to a size.
 * Where that does not help they are a small part of all that there are, and
 * it gives up its order.
 */
#define PROBES_MANY 64
#define PROBES_MAX 1024
#define SLOTS_EARLY ((size_t)1 << 18)

void
idmap_release(struct idmap *m)
{
	free(m->slot);
	*m = (struct idmap){ .ordered = m->ordered };
}

void
idmap_clear(struct idmap *m)
{
	if (m->used == 0)
		return; /* empty as it is */
	/* What was large once must not cost the small ones behind it. */
	if (m->used < m->slots / 64) {
		idmap_release(m);
		return;
	}
	m->scattered = false;
	memset(m->slot, 0, m->slots * sizeof(*m->slot));
	m->used = 0;
}

/* Where an entry stands, unless others are in the way. */
static size_t
home_of(const struct idmap *m, const struct digest *id, uint8_t tag)
{
	if (m->ordered &&
	    !m->scattered) /* as many of the first bits as slots have */
		return (
		    size_t)(digest_head(id) >> (64 - __builtin_ctzl(m->slots)));
	return (size_t)(get_le64(id->byte) + tag) & (m->slots - 1);
}

static struct idmap_entry *
slot_of(const struct idmap *m, const struct digest *id, uint8_t tag)
{
	size_t i = home_of(m, id, tag);

	while (m->slot[i].used &&
	    (m->slot[i].tag != tag || !digest_equal(&m->slot[i].id, id)))
		i = (i + 1) & (m->slots - 1);
	return &m->slot[i];
}

/* Put all into another number of slots, or by another order. */
static enum blk_status
move(struct idmap *m, size_t slots, bool scattered, struct fault *why)
{
	struct idmap to = { .slots = slots,
		.used = m->used,
		.ordered = m->ordered,
		.scattered = scattered };

	to.slot = calloc(to.slots, sizeof(*to.slot));
	if (to.slot == NULL)
		return fault_nomem(why);
	bytes_in_huge_pages(to.slot, to.slots * sizeof(*to.slot));
	for (size_t i = 0; i < m->slots; i++)
		if (m->slot[i].used)
			*slot_of(&to, &m->slot[i].id, m->slot[i].tag) =
			    m->slot[i];
	free(m->slot);
	*m = to;
	return BLK_OK;
}

static enum blk_status
grow(struct idmap *m, struct fault *why)
{
	size_t times =
	    m->ordered && m->slots >= SLOTS_MANY && m->slots < SLOTS_FULL ? 4
	                                                                  : 2;

	return move(
	    m, m->slots == 0 ? SLOTS_MIN : times * m->slots, m->scattered, why);
}

static bool
is_full(size_t used, size_t slots)
{
	return used >= slots / 4 * 3;
}

enum blk_status
idmap_reserve(struct idmap *m, size_t n, struct fault *why)
{
	size_t slots = m->slots == 0 ? SLOTS_MIN : m->slots, all = m->used + n;

	while (all > m->used && is_full(all - 1, slots))
		slots *= 2;
	return slots > m->slots ? move(m, slots, m->scattered, why) : BLK_OK;
}

/* Make room where e, the slot of an entry that is not there, is far from
 * where it should stand. */
static enum blk_status
thin_out(struct idmap *m, const struct idmap_entry *e, const struct digest *id,
    uint8_t tag, bool *moved, struct fault *why)
{
	size_t probes =
	    ((size_t)(e - m->slot) - home_of(m, id, tag)) & (m->slots - 1);

	*moved = false;
	if (!m->ordered || m->scattered || probes <= PROBES_MANY)
		return BLK_OK;
	*moved = m->slots < SLOTS_EARLY || probes > PROBES_MAX;
	if (m->slots < SLOTS_EARLY)
		return grow(m, why);
	return probes > PROBES_MAX ? move(m, m->slots, true, why) : BLK_OK;
}

int64_t *
idmap_get(const struct idmap *m, const struct digest *id, uint8_t tag)
{
	struct idmap_entry *e;

	if (m->used == 0)
		return NULL;
	e = slot_of(m, id, tag);
	return e->used ? &e->value : NULL;
}

enum blk_status
idmap_put(struct idmap *m, const struct digest *id, uint8_t tag,
    int64_t **value, bool *made, struct fault *why)
{
	struct idmap_entry *e = NULL;
	enum blk_status st = BLK_OK;
	bool moved = true;

	if (is_full(m->used, m->slots))
		st = grow(m, why);
	while (st == BLK_OK && moved) {
		e = slot_of(m, id, tag);
		moved = false;
		if (!e->used)
			st = thin_out(m, e, id, tag, &moved, why);
	}
	if (st != BLK_OK)
		return st;
	if (made != NULL)
		*made = !e->used;
	if (!e->used) {
		*e = (struct idmap_entry){ *id, 0, tag, true };
		m->used++;
	}
	*value = &e->value;
	return BLK_OK;
}

static int
entry_order(const void *a, const void *b)
{
	const struct idmap_entry *x = a, *y = b;
	int order = digest_compare(&x->id, &y->id);

	return order != 0 ? order : (int)x->tag - (int)y->tag;
}

enum blk_status
idmap_sorted(const struct idmap *m, struct idmap_entry **out, struct fault *why)
{
	size_t n = 0, at = 0;

	*out = calloc(m->used + 1, sizeof(**out));
	if (*out == NULL)
		return fault_nomem(why);
	/* Those at the front may have come there from the end: they are last.
	 * There always is a free slot. */
	while (at < m->slots && m->slot[at].used)
		at++;
	for (size_t i = 0; i < m->slots; i++)
		if (m->slot[i].used &&
		    (i > at || home_of(m, &m->slot[i].id, m->slot[i].tag) <= i))
			(*out)[n++] = m->slot[i];
	for (size_t i = 0; n < m->used && i < at; i++)
		if (home_of(m, &m->slot[i].id, m->slot[i].tag) > i)
			(*out)[n++] = m->slot[i];
	if (m->ordered && !m->scattered)
		ids_settle(*out, n, sizeof(**out), entry_order);
	else
		ids_sort(*out, n, sizeof(**out), entry_order);
	return BLK_OK;
}

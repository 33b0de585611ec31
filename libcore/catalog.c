#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define BATCH 512 /* ids asked for at once */

const char *
reason_name(enum condemned_reason r)
{
	static const char *const name[] = { "live", "collected", "orphan",
		"damaged" };

	return (unsigned)r < 4 ? name[r] : "?";
}

void
catalog_close(struct catalog *c)
{
	if (c != NULL)
		c->type->close(c);
}

enum blk_status
catalog_is_whole(struct catalog *c, bool *whole, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st = c->type->head_get(c, &h, why);

	*whole = st == BLK_OK && !c->cut && !h.partial;
	return st;
}

enum blk_status
catalog_hold(struct catalog *c, struct fault *why)
{
	return c->type->hold != NULL ? c->type->hold(c, false, why) : BLK_OK;
}

enum blk_status
catalog_keep(struct catalog *c, struct fault *why)
{
	return c->type->hold != NULL ? c->type->hold(c, true, why) : BLK_OK;
}

void
catalog_release(struct catalog *c)
{
	if (c->type->release != NULL)
		c->type->release(c);
}

enum blk_status
catalog_facts_each(struct catalog *c, const void *items, size_t n, size_t size,
    enum blk_status (*visit)(void *arg, const void *item,
        const struct catalog_facts *f, struct fault *why),
    void *arg, struct fault *why)
{
	const uint8_t *item = items;
	size_t batch = n < BATCH ? n : BATCH;
	struct catalog_facts *f = malloc((batch + 1) * sizeof(*f));
	enum blk_status st = f == NULL ? fault_nomem(why) : BLK_OK;
	struct digest asked[BATCH];

	for (size_t i = 0; st == BLK_OK && i < n; i += batch) {
		batch = n - i < BATCH ? n - i : BATCH;
		for (size_t k = 0; k < batch; k++)
			memcpy(&asked[k], item + k * size, sizeof(*asked));
		st = c->type->facts_many(c, asked, batch, f, why);
		for (size_t k = 0; st == BLK_OK && k < batch; k++)
			st = visit(arg, item + k * size, &f[k], why);
		item += batch * size;
	}
	free(f);
	return st;
}

static bool
stands_before(const struct catalog_copy *a, const struct catalog_copy *b)
{
	if (a->seq != b->seq)
		return a->seq > b->seq;
	return a->ordinal < b->ordinal;
}

/* Put copy into its place among n; there is room for one more. */
static void
insert(struct catalog_copy *list, size_t n, const struct catalog_copy *copy)
{
	size_t at = n;

	while (at > 0 && !stands_before(&list[at - 1], copy))
		at--;
	memmove(list + at + 1, list + at, (n - at) * sizeof(list[0]));
	list[at] = *copy;
}

/* The last of n whose kind stands before it, too: it can be left out. */
static size_t
last_of_two(const struct catalog_copy *list, size_t n)
{
	for (size_t i = n; i-- > 0;)
		for (size_t k = 0; k < i; k++)
			if (list[k].kind == list[i].kind)
				return i;
	return n - 1;
}

void
catalog_facts_add(struct catalog_facts *f, const struct catalog_copy *copy)
{
	struct catalog_copy all[CATALOG_COPIES + 1];
	size_t out;

	if (f->copies < CATALOG_COPIES) {
		insert(f->copy, f->copies++, copy);
		return;
	}
	memcpy(all, f->copy, sizeof(f->copy));
	insert(all, CATALOG_COPIES, copy);
	out = last_of_two(all, CATALOG_COPIES + 1);
	memmove(
	    all + out, all + out + 1, (CATALOG_COPIES - out) * sizeof(all[0]));
	memcpy(f->copy, all, sizeof(f->copy));
}

/*
 * Bytes come before a list of them: who finds the bytes of an object need
 * not know whether a list stands beside them and has lost a chunk.
 */
const struct catalog_copy *
catalog_winner(const struct catalog_facts *f, enum class class)
{
	const struct catalog_copy *list = NULL;

	for (size_t i = 0; i < f->copies; i++) {
		const struct catalog_copy *copy = &f->copy[i];

		if (!class_takes(class, (enum kind)copy->kind))
			continue;
		if (copy->kind != KIND_LIST)
			return copy;
		if (list == NULL)
			list = copy;
	}
	return list;
}

uint64_t
catalog_mark(const struct digest *id, uint8_t kind)
{
	/* Ids are as good as random; the factor is the golden ratio's. */
	return get_le64(id->byte) + kind * UINT64_C(0x9e3779b97f4a7c15);
}

void
catalog_segment_count(struct catalog_segment *row, const struct digest *id,
    const struct catalog_copy *copy, bool live)
{
	uint64_t mark = catalog_mark(id, copy->kind);

	row->live += live ? copy->length : -(uint64_t)copy->length;
	row->marks += live ? mark : -mark;
}

size_t
catalog_live(
    const struct catalog_facts *f, const struct catalog_copy *live[static 2])
{
	size_t n = 0;

	for (int c = 0; c < CLASSES; c++) {
		const struct catalog_copy *w;

		if (f->count[c] == 0)
			continue;
		w = catalog_winner(f, (enum class)c);
		if (w == NULL || (n > 0 && live[0] == w) || n == 2)
			continue;
		live[n++] = w;
	}
	return n;
}

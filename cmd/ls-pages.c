/*
 * Catalogs, a page at a time: no transaction stays open while an item is
 * shown, and memory does not grow with the store.
 */
#include <stdlib.h>
#include <string.h>

#include "ls.h"

#define PAGE_IDS 2048u  /* ids that a page aims at */
#define PAGE_MAX 16384u /* rows that it has at most: then it is split */

/* --- pages of versions --- */

struct page {
	struct catalog_version row[LS_PAGE];
	size_t rows;
};

static void
page_clear(struct page *p)
{
	for (size_t i = 0; i < p->rows; i++)
		version_release(&p->row[i].v);
	p->rows = 0;
}

/* ABSENT ends the visit: the page is full. */
static enum blk_status
page_add(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct page *p = arg;
	enum blk_status st;

	if (p->rows == LS_PAGE)
		return BLK_ABSENT;
	st = version_copy(&v->v, &p->row[p->rows].v, why);
	if (st == BLK_OK)
		p->row[p->rows++].vid = v->vid;
	return st;
}

/* Fill a page with what stands behind q->after; *last: nothing is left. */
static enum blk_status
read_page(struct ls *ls, const struct catalog_query *q, struct page *p,
    bool *last, struct fault *why)
{
	enum blk_status st;
	bool again;

	do {
		page_clear(p);
		st = ls->catalog->type->version_each(
		    ls->catalog, q, page_add, p, why);
		*last = st != BLK_ABSENT;
		if (st == BLK_ABSENT)
			st = BLK_OK;
		st = ls_heal(ls, st, &again, why);
	} while (again);
	return st;
}

enum blk_status
ls_each_version(struct ls *ls, struct catalog_query q, ls_take *take, void *arg,
    struct fault *why)
{
	struct page *p = calloc(1, sizeof(*p));
	enum blk_status st = p == NULL ? fault_nomem(why) : BLK_OK;
	char *after = NULL;
	bool last = false;

	while (st == BLK_OK && !last && !ls->full) {
		st = read_page(ls, &q, p, &last, why);
		for (size_t i = 0; st == BLK_OK && !ls->full && i < p->rows;
		     i++)
			st = take(ls, &p->row[i], arg, why);
		if (st != BLK_OK || last || p->rows == 0)
			break;
		free(after);
		after = strdup(p->row[p->rows - 1].v.name);
		if (after == NULL)
			st = fault_nomem(why);
		q.after = after;
		q.after_number = p->row[p->rows - 1].v.number;
	}
	free(after);
	if (p != NULL)
		page_clear(p);
	free(p);
	return st;
}

/* --- pages of ids --- */

struct rows {
	struct ls_row *row;
	size_t count, cap;
};

/* Rows of one id, as (id, class) with a count.  ABSENT: the page is full. */
static enum blk_status
add_id(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct rows *p = arg;

	if (p->count >= PAGE_MAX)
		return BLK_ABSENT;
	for (unsigned c = 0; c < CLASSES; c++) {
		const struct catalog_copy *copy =
		    catalog_winner(f, (enum class)c);
		enum blk_status st;

		if (f->count[c] == 0)
			continue;
		st = array_grow(
		    (void **)&p->row, p->count, &p->cap, sizeof(*p->row), why);
		if (st != BLK_OK)
			return st;
		p->row[p->count] = (struct ls_row){
			.id = *id, .class = (enum class)c, .count = f->count[c]
		};
		if (copy != NULL)
			p->row[p->count].copy = *copy;
		p->count++;
	}
	return BLK_OK;
}

/* All that begins with prefix. */
static enum blk_status
each_page(struct ls *ls, const struct digest *prefix, unsigned bits,
    ls_take_rows *take, void *arg, struct fault *why)
{
	struct rows p = { .row = NULL };
	enum blk_status st;
	bool again;

	do {
		p.count = 0;
		st = ls->catalog->type->ids_each(
		    ls->catalog, prefix, bits, add_id, &p, why);
		st = ls_heal(ls, st, &again, why);
	} while (again);
	if (st == BLK_OK)
		st = take(ls, p.row, p.count, arg, why);
	free(p.row);
	if (st == BLK_ABSENT) {
		struct digest half = *prefix;

		st = each_page(ls, &half, bits + 1, take, arg, why);
		half.byte[bits / 8] |= (uint8_t)(0x80 >> bits % 8);
		if (st == BLK_OK && !ls->full)
			st = each_page(ls, &half, bits + 1, take, arg, why);
	}
	return st;
}

/* The i-th of the prefixes of so many bits; bits <= 32. */
static struct digest
prefix_of(uint64_t i, unsigned bits)
{
	struct digest d = { { 0 } };
	uint64_t v = bits == 0 ? 0 : i << (32 - bits);

	for (int k = 0; k < 4; k++)
		d.byte[k] = (uint8_t)(v >> (24 - 8 * k));
	return d;
}

enum blk_status
ls_each_row(struct ls *ls, ls_take_rows *take, void *arg, struct fault *why)
{
	struct catalog_totals t;
	enum blk_status st;
	unsigned bits = 0;

	st = ls->catalog->type->totals(ls->catalog, &t, why);
	while (bits < 32 && t.counted >> bits > PAGE_IDS)
		bits++;
	for (uint64_t i = 0; st == BLK_OK && !ls->full && i >> bits == 0; i++) {
		struct digest prefix = prefix_of(i, bits);

		st = each_page(ls, &prefix, bits, take, arg, why);
	}
	return st;
}

/* As they lie on the medium: each frame is decoded once a page. */
static int
place_order(const void *a, const void *b)
{
	const struct catalog_copy *x = &(*(struct ls_row *const *)a)->copy;
	const struct catalog_copy *y = &(*(struct ls_row *const *)b)->copy;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

enum blk_status
ls_structures(struct ls_row *row, size_t n, struct ls_row ***out, size_t *count,
    struct fault *why)
{
	struct ls_row **list = malloc((n + 1) * sizeof(struct ls_row *));

	*out = list;
	*count = 0;
	if (list == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < n; i++)
		if (row[i].copy.kind != 0 && row[i].copy.kind != KIND_DATA)
			list[(*count)++] = &row[i];
	if (*count > 1)
		qsort(list, *count, sizeof(*list), place_order);
	return BLK_OK;
}

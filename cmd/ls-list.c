/*
 * The way of an item: sorted, counted, within limits.
 *
 * Sorting keeps a handle of each item in memory (152 bytes, and a path in
 * trees), of which half of --max-memory may be taken: 900 000 items with the
 * default.  With --limit only so many are kept as can be shown.
 */
#include <stdlib.h>
#include <string.h>

#include "ls.h"

/* --- sorting --- */

static int
number_order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
key_order(enum ls_sort sort, const struct ls_item *a, const struct ls_item *b)
{
	switch (sort) {
	case LS_NATURAL:
		break;
	case LS_NAME:
		return a->text == NULL || b->text == NULL
		    ? 0
		    : strcmp(a->text, b->text);
	case LS_TIME:
		return (a->time > b->time) - (a->time < b->time);
	case LS_SIZE:
		return number_order(a->size, b->size);
	case LS_INDEX:
		return number_order(a->index, b->index);
	case LS_ID:
		return digest_compare(&a->key, &b->key);
	}
	return 0;
}

static int
item_order(const void *a, const void *b, void *arg)
{
	const struct ls_request *r = arg;
	const struct ls_item *x = a, *y = b;
	int order = key_order(r->sort, x, y);

	if (order == 0)
		order = number_order(x->order, y->order);
	return r->reverse ? -order : order;
}

static void
sort(struct ls *ls)
{
	union {
		const struct ls_request *in;
		void *out;
	} r = { ls->r };

	if (ls->items > 1)
		qsort_r(
		    ls->item, ls->items, sizeof(*ls->item), item_order, r.out);
}

static void
drop_items(struct ls *ls, size_t from)
{
	for (size_t i = from; i < ls->items; i++) {
		ls->item_bytes -= ls->item[i].text_len;
		free(ls->item[i].text);
	}
	if (from < ls->items)
		ls->items = from;
}

/* Of many, only those are kept that can be shown. */
static void
shrink(struct ls *ls)
{
	uint64_t keep = ls->r->limit;

	if (__builtin_add_overflow(keep, ls->r->offset, &keep) ||
	    keep > SIZE_MAX / 4 || ls->items < 2 * keep + 1024)
		return;
	sort(ls);
	drop_items(ls, (size_t)keep);
}

static enum blk_status
keep(struct ls *ls, struct ls_item *item, struct fault *why)
{
	enum blk_status st;

	if (ls->item_bytes + ls->items * sizeof(*ls->item) >
	    ls->cli->common.max_memory / 2)
		return fault(why, BLK_FAILED,
		    "too many to sort in --max-memory: give --limit, or list "
		    "without --sort and -r");
	st = array_grow(
	    (void **)&ls->item, ls->items, &ls->cap, sizeof(*ls->item), why);
	if (st != BLK_OK)
		return st;
	ls->item_bytes += item->text_len;
	ls->item[ls->items] = *item;
	ls->item[ls->items++].more = NULL;
	item->text = NULL;
	shrink(ls);
	return BLK_OK;
}

/* --- showing --- */

/* Past the offset and within the limit. */
static enum blk_status
pass(struct ls *ls, const struct ls_item *item, struct fault *why)
{
	const struct ls_request *r = ls->r;
	uint64_t n = ls->passed++;

	if (n < r->offset)
		return BLK_OK;
	if (n - r->offset >= r->limit) {
		ls->passed--;
		ls->full = true;
		return BLK_OK;
	}
	ls->full = n - r->offset + 1 >= r->limit;
	return r->count ? BLK_OK : r->mode->show(ls, item, why);
}

enum blk_status
ls_offer(struct ls *ls, struct ls_item *item, struct fault *why)
{
	bool sorted = ls->r->sort != LS_NATURAL || ls->r->reverse;
	enum blk_status st;

	item->order = ls->offered++;
	if (sorted && !ls->r->count)
		st = keep(ls, item, why);
	else
		st = pass(ls, item, why);
	free(item->text);
	item->text = NULL;
	return st;
}

static uint64_t
shown(const struct ls *ls)
{
	return ls->passed > ls->r->offset ? ls->passed - ls->r->offset : 0;
}

enum blk_status
ls_finish(struct ls *ls, struct fault *why)
{
	enum blk_status st = BLK_OK;

	sort(ls);
	for (size_t i = 0; st == BLK_OK && !ls->full && i < ls->items; i++)
		st = pass(ls, &ls->item[i], why);
	if (st == BLK_OK && ls->r->count) {
		output_begin(ls->out, "count");
		output_u64(ls->out, "count", shown(ls));
		st = output_end(ls->out, why);
	}
	if (st == BLK_OK) {
		output_begin(ls->out, "summary");
		output_u64(ls->out, "items", shown(ls));
		st = output_end(ls->out, why);
	}
	return st == BLK_OK ? output_finish(ls->out, why) : st;
}

void
ls_release(struct ls *ls)
{
	drop_items(ls, 0);
	free(ls->item);
	output_free(ls->out);
}

/* --- what the modes share --- */

enum blk_status
ls_heal(struct ls *ls, enum blk_status st, bool *again, struct fault *why)
{
	*again = false;
	if (st != BLK_CORRUPT || strncmp(why->text, "index", 5) != 0)
		return st;
	st = store_heal_index(ls->store, why);
	if (st == BLK_OK)
		st = store_sync(ls->store, why);
	*again = st == BLK_OK;
	return st;
}

void
ls_complain(struct ls *ls, enum blk_status st, struct fault *why)
{
	ls->code = cli_merge(ls->code, cli_fail(ls->cli, st, why));
	*why = (struct fault)FAULT_NONE;
}

bool
ls_wants(const struct ls *ls, const char *field)
{
	char name[64];

	if (ls->r->count)
		return false;
	if (ls->cli->common.json || ls->r->format == NULL)
		return true;
	snprintf(name, sizeof(name), "%%(%s)", field);
	return strstr(ls->r->format, name) != NULL;
}

void
ls_put_id(struct ls *ls, const char *key, const struct digest *id)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	output_string(ls->out, key, hex);
}

/*
 * The parts of a checkpoint, which hold what its own file does not.
 */
#include "log-parts.h"

#include <stdlib.h>
#include <string.h>

static enum blk_status
see_part(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct log_parts *p = arg;
	enum blk_status st;
	uint64_t number;

	(void)bs;
	if (!checkpoint_part_number(key, &number) || number != p->number)
		return BLK_OK;
	st = array_grow(
	    (void **)&p->part, p->count, &p->cap, sizeof(*p->part), why);
	if (st != BLK_OK)
		return st;
	p->part[p->count] = (struct log_part){ .table = { .frame = NULL } };
	memcpy(p->part[p->count++].key, key, strlen(key) + 1);
	return BLK_OK;
}

/* The file of part i into memory.  One that is damaged, or gone, holds
 * nothing: another may hold the same. */
static enum blk_status
open_part(struct log_parts *p, size_t i, struct fault *why)
{
	struct log_part *part = &p->part[i];
	struct fault ignored = FAULT_NONE;
	enum blk_status st;
	size_t len;

	if (p->file != NULL && p->at == i)
		return BLK_OK;
	free(p->file);
	p->file = NULL;
	p->at = i;
	segment_table_release(&part->table);
	st = backend_get_all(p->b, part->key, SEGMENT_MAX, &p->file, &len, why);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		return BLK_OK;
	if (st == BLK_OK &&
	    segment_parse(p->file, len, p->store, &part->table, &ignored) !=
	        BLK_OK)
		segment_table_release(&part->table);
	return st;
}

static enum blk_status
list_parts(struct log_parts *p, struct fault *why)
{
	enum blk_status st;
	bool complete;

	p->listed = true;
	st = codec_state_new(&p->codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&p->hash, why);
	if (st == BLK_OK)
		st = backend_list(
		    p->b, "checkpoint/", see_part, p, &complete, why);
	for (size_t i = 0; st == BLK_OK && i < p->count; i++)
		st = open_part(p, i, why);
	return st;
}

enum blk_status
log_parts_fetch(struct log_parts *p, const struct digest *id, struct buf *b,
    struct fault *why)
{
	enum blk_status st = p->listed ? BLK_OK : list_parts(p, why);

	for (size_t i = 0; st == BLK_OK && i < p->count; i++) {
		int64_t at = segment_find(&p->part[i].table, id, KIND_PIECE);

		if (at < 0)
			continue;
		st = open_part(p, i, why);
		if (st != BLK_OK || p->file == NULL)
			continue;
		at = segment_find(&p->part[i].table, id, KIND_PIECE);
		if (at < 0)
			continue;
		st =
		    log_object(&(struct log_file){ p->file, &p->part[i].table },
		        (uint32_t)at, p->codecs, p->hash, b, why);
		if (st != BLK_CORRUPT)
			return st;
		st = BLK_OK;
	}
	return st != BLK_OK
	    ? st
	    : fault(why, BLK_CORRUPT, "a piece of it is missing");
}

void
log_parts_release(struct log_parts *p)
{
	for (size_t i = 0; i < p->count; i++)
		segment_table_release(&p->part[i].table);
	free(p->part);
	free(p->file);
	hasher_free(p->hash);
	codec_state_free(p->codecs);
}

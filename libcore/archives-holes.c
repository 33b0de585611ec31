/*
 * Where the holes of a sparse member are to be.
 */
#include "archives-private.h"
#include "reader.h"

#define HOLE_MIN ((uint64_t)64 << 10)
#define BLOCK ((uint64_t)4096)
#define EXTENTS_MAX 65536

struct holes {
	struct archive_entry *entry;
	const struct archives_export_options *o;
	uint64_t at, start; /* start: of the data before a run of zeros */
	uint64_t zeros;     /* behind the last block that was not zero */
	bool block_is_zero;
	size_t extents;
};

static void
add_extent(struct holes *h, uint64_t start, uint64_t end)
{
	if (end > start && h->extents++ < EXTENTS_MAX)
		archive_entry_sparse_add_entry(
		    h->entry, (int64_t)start, (int64_t)(end - start));
}

/* A block, or the rest of one, ends at h->at. */
static void
end_block(struct holes *h, uint64_t len)
{
	if (h->block_is_zero) {
		h->zeros += len;
		return;
	}
	if (h->zeros >= HOLE_MIN) {
		uint64_t data = h->at - len;

		add_extent(h, h->start, data - h->zeros);
		h->start = data;
	}
	h->zeros = 0;
}

static enum blk_status
look_for_holes(void *arg, const void *data, size_t len, struct fault *why)
{
	const uint8_t *p = data;
	struct holes *h = arg;

	if (h->o->stop != NULL && h->o->stop(h->o->arg))
		return fault(why, BLK_BUSY, "stopped");
	while (len > 0) {
		uint64_t in = h->at % BLOCK, left = BLOCK - in;
		size_t n = len < left ? len : (size_t)left;

		if (in == 0)
			h->block_is_zero = true;
		if (h->block_is_zero && !bytes_are_zero(p, n))
			h->block_is_zero = false;
		h->at += n;
		if (n == left)
			end_block(h, BLOCK);
		p += n;
		len -= n;
	}
	return BLK_OK;
}

enum blk_status
archives_find_holes(struct store *s, const struct digest *id,
    const struct archives_export_options *o, struct archive_entry *entry,
    struct fault *why)
{
	struct holes h = { .entry = entry, .o = o };
	enum blk_status st;

	st = reader_content(
	    s, id, 0, READER_ALL, o->jobs, look_for_holes, &h, why);
	if (st != BLK_OK)
		return st;
	if (h.at % BLOCK != 0)
		end_block(&h, h.at % BLOCK);
	if (h.zeros >= HOLE_MIN)
		add_extent(&h, h.start, h.at - h.zeros);
	else if (h.start > 0)
		add_extent(&h, h.start, h.at);
	if (h.extents == 0 && h.zeros >= HOLE_MIN)
		archive_entry_sparse_add_entry(entry, (int64_t)h.at, 0);
	else if (h.extents > EXTENTS_MAX)
		archive_entry_sparse_clear(entry);
	return BLK_OK;
}

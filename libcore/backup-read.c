/*
 * Files into the store: errors of the source end a file, never the run.
 */
#include "backup-private.h"
#include "file.h"

/* Zeros for the holes of a file, which may be longer than anybody waits. */
static enum blk_status
add_hole(struct worker *w, uint64_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && len > 0) {
		void *room;
		size_t n;

		if (backup_stopped(w->b))
			return fault(why, BLK_BUSY, "stopped");
		st = lane_add_room(w->lane, &room, &n, why);
		if (st != BLK_OK)
			return st;
		if (n > len)
			n = (size_t)len;
		memset(room, 0, n);
		st = lane_add(w->lane, room, n, why);
		len -= n;
	}
	return st;
}

/* What reading one file came to: errors of the source are not ours. */
struct reading {
	int fd;
	uint64_t size;
	bool source_failed;
	bool reported; /* that it cannot be opened */
	struct fault reason;
};

/* Data from start to end, or to where the file ends first. */
static enum blk_status
add_extent(struct worker *w, struct reading *r, uint64_t start, uint64_t end,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && start < end) {
		void *room;
		size_t n, got;

		if (backup_stopped(w->b))
			return fault(why, BLK_BUSY, "stopped");
		st = lane_add_room(w->lane, &room, &n, why);
		if (st != BLK_OK)
			return st;
		if (n > end - start)
			n = (size_t)(end - start);
		if (file_pread(r->fd, room, n, start, &got, "file",
		        &r->reason) != BLK_OK) {
			r->source_failed = true;
			return BLK_OK;
		}
		if (got == 0)
			break;
		st = lane_add(w->lane, room, got, why);
		backup_count(&w->b->t->bytes_read, got);
		start += got;
		r->size = start;
	}
	return st;
}

/* The hole that a file ends in: only as far as it still goes. */
static enum blk_status
add_last_hole(struct worker *w, struct reading *r, uint64_t at, uint64_t end,
    struct fault *why)
{
	uint64_t size = scan_file_size(r->fd);
	enum blk_status st = BLK_OK;

	if (size < end)
		end = size;
	if (end > at)
		st = add_hole(w, end - at, why);
	r->size = end > at ? end : at;
	return st;
}

/*
 * As much as it was when it was looked at: of a file that grows faster than it
 * is read the end never comes.
 */
static enum blk_status
read_long(struct worker *w, struct scan_entry *e, struct reading *r,
    uint64_t size, struct fault *why)
{
	enum blk_status st = lane_begin(w->lane, why);
	uint64_t at = 0, start, end;

	r->size = 0;
	while (st == BLK_OK && !r->source_failed && at < size) {
		enum blk_status found =
		    scan_file_extent(r->fd, at, &start, &end, why);

		if (found == BLK_ABSENT || (found == BLK_OK && start >= size)) {
			st = add_last_hole(w, r, at, size, why);
			break;
		}
		if (found != BLK_OK) {
			r->source_failed = true;
			r->reason = *why;
			return BLK_OK;
		}
		if (end > size)
			end = size;
		if (start > at)
			st = add_hole(w, start - at, why);
		r->size = start;
		if (st == BLK_OK)
			st = add_extent(w, r, start, end, why);
		if (r->size < end)
			break; /* it shrank */
		at = end;
	}
	if (st == BLK_OK && !r->source_failed)
		st = lane_end(w->lane, &e->id, &r->size, why);
	return st;
}

/* What was read of a file into the lane's room is all of it. */
static enum blk_status
put_short(struct worker *w, struct scan_entry *e, struct reading *r,
    const void *room, size_t len, struct fault *why)
{
	backup_count(&w->b->t->bytes_read, len);
	r->size = len;
	return lane_put(w->lane, room, len, &e->id, why);
}

/*
 * A file of at most size bytes, straight into the lane.  *whole: that was all
 * of it, and not one that grew or that does not know its size.
 */
static enum blk_status
read_short(struct worker *w, struct scan_entry *e, struct reading *r,
    size_t size, bool *whole, struct fault *why)
{
	void *room;
	size_t got;
	enum blk_status st = lane_room(w->lane, size + 1, &room, why);

	*whole = true;
	if (st != BLK_OK)
		return st;
	if (file_pread(r->fd, room, size + 1, 0, &got, "file", &r->reason) !=
	    BLK_OK) {
		r->source_failed = true;
		return BLK_OK;
	}
	*whole = got <= size;
	return *whole ? put_short(w, e, r, room, got, why) : BLK_OK;
}

static enum blk_status
read_once(struct worker *w, struct scan_entry *e, struct reading *r,
    struct fault *why)
{
	enum blk_status st;
	uint64_t size = e->stat.size;
	bool whole;

	r->source_failed = false;
	if (size > READ_SIZE)
		return read_long(w, e, r, size, why);
	st = read_short(
	    w, e, r, size > 0 ? (size_t)size : READ_SOME, &whole, why);
	if (st == BLK_OK && !whole)
		st = read_short(w, e, r, READ_SIZE, &whole, why);
	if (st != BLK_OK || whole)
		return st;
	size = scan_file_size(r->fd);
	return read_long(w, e, r, size > READ_SIZE ? size : UINT64_MAX, why);
}

/*
 * A short file that is still as it was seen, as nearly all are, with as few
 * calls as that takes: its bytes are its content if behind them it still is.
 * *done: it was; else nothing was done.
 */
static enum blk_status
read_known(struct worker *w, struct scan_dir *d, struct scan_entry *e,
    struct reading *r, bool *done, struct fault *why)
{
	const size_t size = (size_t)e->stat.size;
	enum blk_status st = BLK_ABSENT;
	void *room;
	size_t got;

	*done = false;
	if (e->stat.size > 0 && e->stat.size <= READ_SIZE)
		st = scan_file_open_known(d, e, &r->fd, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st == BLK_OK)
		st = lane_room(w->lane, size + 1, &room, why);
	if (st != BLK_OK)
		return st;
	r->source_failed = file_pread_least(r->fd, room, size + 1, size, 0,
	                       &got, "file", &r->reason) != BLK_OK;
	*done =
	    (r->source_failed || got == size) && !scan_file_changed(e, r->fd);
	return *done && !r->source_failed ? put_short(w, e, r, room, got, why)
	                                  : BLK_OK;
}

/* A file with a look before and behind; once more when it changed meanwhile. */
static enum blk_status
read_carefully(struct worker *w, struct scan_dir *d, struct scan_entry *e,
    struct reading *r, bool *stable, struct fault *why)
{
	enum blk_status st = BLK_OK;

	*stable = false;
	for (int i = 0; st == BLK_OK && i < 2 && !*stable; i++) {
		file_close(r->fd);
		r->fd = -1;
		st = scan_file_open(d, e, &r->fd, why);
		r->reported = st == BLK_ABSENT;
		if (r->reported)
			return BLK_OK;
		if (st == BLK_OK)
			st = read_once(w, e, r, why);
		if (st == BLK_OK && r->source_failed)
			break;
		*stable = st == BLK_OK && !scan_file_changed(e, r->fd);
	}
	return st;
}

static enum blk_status
read_file(struct worker *w, struct scan_dir *d, struct scan_entry *e,
    struct fault *why)
{
	struct reading r = { .fd = -1, .reason = FAULT_NONE };
	bool stable;
	enum blk_status st = read_known(w, d, e, &r, &stable, why);

	if (st == BLK_OK && !stable)
		st = read_carefully(w, d, e, &r, &stable, why);
	file_close(r.fd);
	if (st != BLK_OK || r.reported)
		return st;
	backup_count(&w->b->t->files_read, 1);
	if (r.source_failed)
		return scan_file_fail(d, e, &r.reason, why);
	return scan_file_done(d, e, r.size, stable, why);
}

enum blk_status
backup_read_dir(struct worker *w, struct scan_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		struct scan_entry *e = &d->entry[i];

		/* Apart: the state of a directory is the walker's to change,
		 * and compilers read both at once for one condition. */
		if (e->type != TREE_FILE)
			continue;
		if (e->state != SCAN_NEW)
			continue;
		if (w->b->o->dry_run) { /* it would be read */
			st = scan_file_done(d, e, e->stat.size, true, why);
			continue;
		}
		st = backup_stopped(w->b) ? fault(why, BLK_BUSY, "stopped")
		                          : read_file(w, d, e, why);
	}
	return st;
}

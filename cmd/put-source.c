/*
 * Bytes from a descriptor into the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"
#include "put.h"

/* read(2), which a signal that asks for the end interrupts. */
static enum blk_status
read_some(int fd, const char *name, char *buf, size_t len, size_t *got,
    struct fault *why)
{
	ssize_t n;

	*got = 0;
	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR && !cli_stop_requested(NULL));
	if (n < 0)
		return fault_sys(why, "%s", name);
	*got = (size_t)n;
	return BLK_OK;
}

/* --tee passes on what came as soon as it came. */
static enum blk_status
pass_on(const struct put *p, const char *data, size_t len, struct fault *why)
{
	if (!p->r->tee)
		return BLK_OK;
	if (fwrite(data, 1, len, stdout) != len || fflush(stdout) != 0)
		return fault_sys(why, "standard output");
	return BLK_OK;
}

/*
 * Are the next len bytes of a file all hole?  Step over them then.  What does
 * not know is no file, or has no holes: it is read.
 */
static bool
skip_hole(int fd, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR), end, data;
	struct stat sb;

	if (at < 0 || fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) ||
	    sb.st_size - at < (off_t)len)
		return false;
	end = at + (off_t)len;
	data = lseek(fd, at, SEEK_DATA);
	if (data < end && (data >= 0 || errno != ENXIO))
		end = at;
	return lseek(fd, end, SEEK_SET) == end && end > at;
}

/* Where the next bytes go: room bytes from at. */
struct block {
	char *at;
	size_t room;
};

/* Fill a block, but at the end of the source. */
static enum blk_status
fill(struct put *p, int fd, const char *name, const struct block *b,
    size_t *len, bool *readable, struct fault *why)
{
	size_t got = 1;
	enum blk_status st = BLK_OK;

	*len = 0;
	if (!p->r->tee && !cli_stop_requested(NULL) && skip_hole(fd, b->room)) {
		memset(b->at, 0, b->room);
		*len = b->room;
		*readable = true;
	}
	while (st == BLK_OK && got > 0 && *len < b->room) {
		if (cli_stop_requested(NULL))
			return fault(why, BLK_FAILED, "interrupted");
		st = read_some(
		    fd, name, b->at + *len, b->room - *len, &got, why);
		*readable = st == BLK_OK;
		if (st == BLK_OK && got > 0)
			st = pass_on(p, b->at + *len, got, why);
		*len += got;
	}
	progress_bytes(p->progress, *len);
	return st;
}

static enum blk_status
begin(struct put *p, struct fault *why)
{
	return p->w != NULL ? lane_begin(p->lane, why)
	                    : hasher_begin(p->hash, why);
}

static enum blk_status
add(struct put *p, const char *data, size_t len, struct fault *why)
{
	return p->w != NULL ? lane_add(p->lane, data, len, why)
	                    : hasher_add(p->hash, data, len, why);
}

static enum blk_status
next_block(struct put *p, struct block *b, struct fault *why)
{
	void *room = NULL;
	enum blk_status st;

	if (p->w == NULL)
		return BLK_OK;
	st = lane_add_room(p->lane, &room, &b->room, why);
	b->at = room;
	return st;
}

static enum blk_status
end(struct put *p, struct digest *id, uint64_t *size, struct fault *why)
{
	return p->w != NULL ? lane_end(p->lane, id, size, why)
	                    : hasher_end(p->hash, id, why);
}

/* More than a block: as a stream, of which the first block is there. */
static enum blk_status
stream(struct put *p, int fd, const char *name, struct digest *id,
    uint64_t *size, bool *readable, struct fault *why)
{
	struct block b = { p->block, PUT_BLOCK };
	size_t len = b.room;
	enum blk_status st = begin(p, why);

	*size = 0;
	while (st == BLK_OK) {
		st = add(p, b.at, len, why);
		*size += len;
		if (len < b.room) /* only the last one is short */
			break;
		if (st == BLK_OK)
			st = next_block(p, &b, why);
		if (st == BLK_OK)
			st = fill(p, fd, name, &b, &len, readable, why);
	}
	return st == BLK_OK ? end(p, id, size, why) : st;
}

enum blk_status
put_source(struct put *p, int fd, const char *name, struct digest *id,
    uint64_t *size, bool *readable, struct fault *why)
{
	const struct block first = { p->block, PUT_BLOCK };
	enum blk_status st;
	size_t len;

	*readable = true;
	/* fewer, larger reads from pipes; no harm where it cannot be */
	(void)fcntl(fd, F_SETPIPE_SZ, (int)PUT_BLOCK);
	st = fill(p, fd, name, &first, &len, readable, why);
	if (st == BLK_OK)
		st = put_make_store(p, why);
	if (st != BLK_OK)
		return st;
	if (len == PUT_BLOCK)
		return stream(p, fd, name, id, size, readable, why);
	*size = len;
	return p->w != NULL ? lane_put(p->lane, p->block, len, id, why)
	                    : hasher_of(p->hash, p->block, len, id, why);
}

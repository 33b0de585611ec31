/*
 * One file through the reader, which looks for each chunk wherever a copy is
 * and says what is wrong if there is none: long files, and those whose bytes
 * were not found where the plan said.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

#define READ_BACK ((size_t)256 << 10)

struct stream {
	struct restore *r;
	struct new_file f;
	struct mishap m;
	uint64_t size; /* that it should have */
	bool target;   /* what failed is the target, or we were stopped */
};

static enum blk_status
take_bytes(void *arg, const void *data, size_t len, struct fault *why)
{
	struct stream *x = arg;

	if (restore_stopped(x->r)) {
		x->target = true;
		return fault(why, BLK_BUSY, "stopped");
	}
	if (len > x->size - x->f.size)
		return fault(why, BLK_CORRUPT,
		    "its content is longer than its tree says");
	if (new_file_add(&x->r->hand, &x->f, data, len, &x->m)) {
		restore_count(&x->r->t->written, len);
		return BLK_OK;
	}
	x->target = true;
	return BLK_FAILED;
}

/* The id of what is in an open file. */
static bool
hash_file(struct restore *r, int fd, struct digest *id)
{
	struct fault unsaid = FAULT_NONE;
	struct hasher *h = NULL;
	struct buf b = BUF_INIT(READ_BACK);
	enum blk_status st;
	uint64_t at = 0;

	(void)r;
	st = hasher_new(&h, &unsaid);
	if (st == BLK_OK)
		st = buf_reserve(&b, READ_BACK, &unsaid);
	if (st == BLK_OK)
		st = hasher_begin(h, &unsaid);
	for (size_t got = READ_BACK; st == BLK_OK && got == READ_BACK;) {
		st = file_pread(
		    fd, b.data, READ_BACK, at, &got, "file", &unsaid);
		if (st == BLK_OK)
			st = hasher_add(h, b.data, got, &unsaid);
		at += got;
		if (restore_stopped(r))
			st = BLK_BUSY;
	}
	if (st == BLK_OK)
		st = hasher_end(h, id, &unsaid);
	hasher_free(h);
	buf_release(&b);
	return st == BLK_OK;
}

static bool
is_content(struct restore *r, int fd, const struct tree_entry *e)
{
	struct digest found;

	return hash_file(r, fd, &found) && digest_equal(&found, &e->id);
}

bool
restore_can_stay(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, enum outcome *out, struct mishap *m)
{
	char name[256];
	struct stat st;
	bool same;
	int fd;

	if (!dir_open(r, d, m))
		return false;
	restore_name(e, name);
	fd =
	    openat(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    is_content(r, fd, e);
	file_close(fd);
	return same && old_file_update(&r->hand, d->fd, e, name, out, m);
}

/* All bytes are in the file: check, name it.  */
static bool
stream_end(struct stream *x, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, enum how how)
{
	struct restore *r = x->r;

	if (r->o->verify &&
	    (ftruncate(x->f.fd, (off_t)e->size) == -1 ||
	        !is_content(r, x->f.fd, e)))
		return mishap(&x->m, 0, "it reads back differently");
	return new_file_end(
	    &r->hand, &x->f, d->inherits, e, name, how != HOW_NEW, &x->m);
}

static enum blk_status
stream_run(struct stream *x, struct restore_dir *d, const struct tree_entry *e,
    const char *name, enum how how, enum outcome *out, struct fault *why)
{
	struct restore *r = x->r;
	struct fault reason = FAULT_NONE;
	enum blk_status st;

	*out = OUTCOME_FAILED;
	if (!new_file_open(&r->hand, d->fd, e, &x->f, &x->m))
		return BLK_OK;
	st = reader_content(
	    r->s, &e->id, 0, READER_ALL, r->o->jobs, take_bytes, x, &reason);
	if (st == BLK_OK && x->f.size != e->size)
		st = fault(&reason, BLK_CORRUPT,
		    "its content is shorter than its tree says");
	if (st == BLK_OK && stream_end(x, d, e, name, how))
		*out = how == HOW_NEW ? OUTCOME_MADE : OUTCOME_REPLACED;
	new_file_drop(&x->f);
	if (st == BLK_OK || (x->target && st != BLK_BUSY))
		return BLK_OK;
	*why = reason;
	return st;
}

enum blk_status
restore_by_reader(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, enum how how, struct fault *why)
{
	struct stream x = { .r = r, .size = e->size };
	enum outcome out = OUTCOME_FAILED;
	enum blk_status st = BLK_OK;
	char name[256];

	restore_name(e, name);
	if (dir_open(r, d, &x.m) &&
	    (how != HOW_COMPARE || !restore_can_stay(r, d, e, &out, &x.m)))
		st = stream_run(&x, d, e, name, how, &out, why);
	if (st != BLK_OK)
		return restore_damage(r, d, e->name, st, why);
	if (out != OUTCOME_FAILED) {
		restore_count(&r->t->files, 1);
		restore_count(&r->t->bytes, e->size);
	}
	restore_outcome(r, d, e->name, out);
	return restore_problem(r, d, e->name, &x.m, why);
}

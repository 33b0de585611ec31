/*
 * Where a repair may find the bytes of an object: other copies, other stores,
 * files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check-repair.h"
#include "chunker.h"
#include "file.h"
#include "log.h"
#include "reader.h"

#define FILE_MAX_DEPTH 256

void
repair_looked(struct repair *p, enum blk_status st, const struct fault *reason)
{
	if (st != BLK_FAILED && st != BLK_BUSY)
		return;
	if (!p->unread)
		p->unsaid = *reason;
	p->unread = true;
}

/* From segment copies of a store: any that class takes and that hash right.
 * *done: kept. */
enum blk_status
repair_from_copies(struct repair *p, struct store *from, struct need *n,
    bool *done, struct fault *why)
{
	struct catalog *c = store_catalog(from);
	struct catalog_facts f;
	struct digest found;
	enum blk_status st;

	*done = false;
	st = c->type->copies_all(c, &n->id, &f, why);
	for (size_t i = 0; st == BLK_OK && !*done && i < f.copies; i++) {
		struct catalog_segment seg;
		struct frames_place place;
		struct fault reason = FAULT_NONE;
		enum kind kind = (enum kind)f.copy[i].kind;

		if (!class_takes(n->class, kind) ||
		    (from == p->s && n->copy.kind == KIND_LIST &&
		        kind == KIND_LIST && f.copy[i].seq != n->copy.seq))
			continue;
		st = c->type->segment_get(c, f.copy[i].seq, &seg, why);
		if (st != BLK_OK)
			return st;
		place = store_place(&seg);
		frames_forget(store_frames(from), &seg.id);
		p->bytes.len = 0;
		st = frames_read(store_frames(from), &place, f.copy[i].ordinal,
		    &n->id, kind, &p->bytes, &reason);
		repair_looked(p, st, &reason);
		if (st != BLK_OK) {
			st = BLK_OK;
			continue;
		}
		st = hasher_of(
		    p->hash, p->bytes.data, p->bytes.len, &found, why);
		if (st == BLK_OK &&
		    (kind == KIND_LIST || digest_equal(&found, &n->id))) {
			*done = true;
			st = repair_keep(
			    p, n, kind, p->bytes.data, p->bytes.len, why);
		}
	}
	return st;
}

enum blk_status
repair_from_row(struct repair *p, struct need *n, bool *done, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	struct catalog_version v;
	struct digest found;
	enum blk_status st;

	*done = false;
	if (n->class != CLASS_VERSION)
		return BLK_OK;
	st = c->type->version_get(c, &n->id, &v, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	p->bytes.len = 0;
	st = version_format(&v.v, &p->bytes, why);
	version_release(&v.v);
	if (st == BLK_OK)
		st = hasher_of(
		    p->hash, p->bytes.data, p->bytes.len, &found, why);
	*done = st == BLK_OK && digest_equal(&found, &n->id);
	return *done
	    ? repair_keep(p, n, KIND_VERSION, p->bytes.data, p->bytes.len, why)
	    : st;
}

/* The whole object of another store, if it is one chunk's worth. */
static enum blk_status
try_content(struct repair *p, struct store *from, struct need *n, bool *done,
    struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st;

	*done = false;
	if (n->class != CLASS_DATA && n->class != CLASS_CONTENT)
		return BLK_OK;
	p->bytes.len = 0;
	st = reader_slurp(from, &n->id, &p->bytes, &reason);
	repair_looked(p, st, &reason);
	if (st != BLK_OK)
		return BLK_OK;
	*done = true;
	return repair_keep(p, n, KIND_DATA, p->bytes.data, p->bytes.len, why);
}

enum blk_status
repair_from_stores(struct repair *p, struct need *n, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool done = false;

	for (size_t i = 0; st == BLK_OK && !done && i < p->o->froms; i++) {
		st = repair_from_copies(p, p->o->from[i], n, &done, why);
		if (st == BLK_OK && !done)
			st = try_content(p, p->o->from[i], n, &done, why);
	}
	p->r->fetched += done;
	return st;
}

/* --- from files: their chunks, and small ones whole --- */

static enum blk_status
offer(struct repair *p, const uint8_t *data, size_t len, struct fault *why)
{
	static const enum class classes[] = { CLASS_DATA, CLASS_CONTENT };
	struct digest id;
	enum blk_status st = hasher_of(p->hash, data, len, &id, why);

	for (size_t i = 0; st == BLK_OK && i < 2; i++) {
		const int64_t *at =
		    idmap_get(&p->by_id, &id, (uint8_t)classes[i]);
		struct need *n = at == NULL ? NULL : &p->need[*at - 1];

		if (n == NULL || n->found)
			continue;
		st = repair_keep(p, n, KIND_DATA, data, len, why);
		p->r->fetched++;
	}
	return st;
}

static enum blk_status
offer_file(
    struct repair *p, const struct chunker *cut, int fd, struct fault *why)
{
	size_t cap = (size_t)cut->sizes.max * 4, have = 0;
	uint8_t *buf = malloc(cap);
	enum blk_status st = BLK_OK;
	bool final = false;

	if (buf == NULL)
		return fault_nomem(why);
	while (st == BLK_OK && (!final || have > 0)) {
		struct fault reason = FAULT_NONE;
		size_t got = 0, at = 0, n;

		if (!final &&
		    file_read(fd, buf + have, cap - have, &got, "file",
		        &reason) != BLK_OK) {
			repair_looked(p, BLK_FAILED, &reason);
			break;
		}
		final = final || got < cap - have;
		have += got;
		while (st == BLK_OK &&
		    (n = chunker_next(cut, buf + at, have - at, final)) > 0 &&
		    at < have) {
			st = offer(p, buf + at, n, why);
			at += n;
		}
		memmove(buf, buf + at, have - at);
		have -= at;
		if (final && at == 0)
			break;
	}
	free(buf);
	return st;
}

/* By errno: a link, a socket, what is gone or is not for us holds nothing. */
static void
unreadable(struct repair *p, const char *name)
{
	struct fault reason = FAULT_NONE;

	if (errno != ELOOP && errno != ENXIO && errno != ENOENT &&
	    errno != EACCES)
		repair_looked(p, fault_sys(&reason, "%s", name), &reason);
}

static enum blk_status
offer_dir(struct repair *p, const struct chunker *cut, int dir, int depth,
    struct fault *why)
{
	DIR *d = fdopendir(dir);
	const struct dirent *e;
	enum blk_status st = BLK_OK;

	if (d == NULL) {
		unreadable(p, "directory");
		close(dir);
		return BLK_OK;
	}
	while (st == BLK_OK && (errno = 0, e = readdir(d)) != NULL) {
		struct stat sb;
		int fd;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		fd = openat(dirfd(d), e->d_name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd == -1) {
			unreadable(p, e->d_name);
			continue;
		}
		if (fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode) &&
		    depth < FILE_MAX_DEPTH) {
			st = offer_dir(p, cut, fd, depth + 1, why);
			continue; /* it closed fd */
		}
		if (S_ISREG(sb.st_mode))
			st = offer_file(p, cut, fd, why);
		close(fd);
	}
	if (st == BLK_OK && errno != 0)
		unreadable(p, "directory");
	closedir(d);
	return st;
}

enum blk_status
repair_from_dirs(struct repair *p, struct fault *why)
{
	const struct store_config *c = store_config(p->s);
	const struct chunker_sizes sizes = { c->min, c->target, c->max };
	struct chunker *cut = malloc(sizeof(*cut));
	enum blk_status st;

	if (cut == NULL)
		return fault_nomem(why);
	st = chunker_init(cut, &sizes, why);
	for (size_t i = 0; st == BLK_OK && i < p->o->dirs; i++) {
		int fd;

		st = file_open_dir(AT_FDCWD, p->o->dir[i], &fd, why);
		if (st == BLK_ABSENT)
			st = fault(why, BLK_INVALID, "%s: no such directory",
			    p->o->dir[i]);
		if (st == BLK_OK)
			st = offer_dir(p, cut, fd, 0, why);
	}
	free(cut);
	return st;
}

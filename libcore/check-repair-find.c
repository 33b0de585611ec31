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
#define PATH_TEXT_MAX ((size_t)256 * 1024)
#define NAMED_MAX 10 /* files that are not for us to read; more are counted */

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

/* A look through the directories. */
struct looking {
	struct repair *p;
	const struct chunker *cut;
	struct buf path; /* of what is looked at */
	uint64_t closed; /* what is not for us to read */
};

static void
tell(const struct looking *l, const char *text)
{
	if (l->p->o->note != NULL)
		l->p->o->note(l->p->o->arg, text);
}

/* By errno: a link, a socket or what is gone holds nothing.  What is not for
 * us to read is said, and no reason to say nothing lost: another user may try
 * again, and finds what was lost then. */
static void
unreadable(struct looking *l)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st;

	if (errno == ELOOP || errno == ENXIO || errno == ENOENT)
		return;
	if (errno != EACCES && errno != EPERM) {
		st = fault_sys(&reason, "%s", (const char *)l->path.data);
		repair_looked(l->p, st, &reason);
		return;
	}
	if (l->closed++ < NAMED_MAX) {
		(void)fault_sys(&reason, "%s", (const char *)l->path.data);
		tell(l, reason.text);
	}
}

static void
path_up(struct looking *l, size_t len)
{
	l->path.len = len;
	l->path.data[len] = '\0';
}

static enum blk_status offer_dir(
    struct looking *l, int dir, int depth, struct fault *why);

/* What stands at name in d, where l->path is that of it. */
static enum blk_status
offer_entry(
    struct looking *l, int d, const char *name, int depth, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct stat sb;
	int fd =
	    openat(d, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &sb) != 0) {
		unreadable(l);
	} else if (S_ISDIR(sb.st_mode) && depth < FILE_MAX_DEPTH) {
		st = offer_dir(l, fd, depth + 1, why);
		fd = -1; /* it is closed */
	} else if (S_ISDIR(sb.st_mode)) {
		errno = ENAMETOOLONG;
		unreadable(l);
	} else if (S_ISREG(sb.st_mode)) {
		st = offer_file(l->p, l->cut, fd, why);
	}
	if (fd != -1)
		close(fd);
	return st;
}

static enum blk_status
offer_dir(struct looking *l, int dir, int depth, struct fault *why)
{
	DIR *d = fdopendir(dir);
	const struct dirent *e;
	enum blk_status st = BLK_OK;
	const size_t len = l->path.len;

	if (d == NULL) {
		unreadable(l);
		close(dir);
		return BLK_OK;
	}
	while (st == BLK_OK && (errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		st = buf_printf(&l->path, why, "/%s", e->d_name);
		if (st == BLK_OK)
			st = offer_entry(l, dirfd(d), e->d_name, depth, why);
		path_up(l, len);
	}
	if (st == BLK_OK && errno != 0)
		unreadable(l);
	closedir(d);
	return st;
}

static enum blk_status
offer_top(struct looking *l, const char *path, struct fault *why)
{
	enum blk_status st;
	int fd;

	st = file_open_dir(AT_FDCWD, path, &fd, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_INVALID, "%s: no such directory", path);
	l->path.len = 0;
	if (st == BLK_OK) {
		st = buf_printf(&l->path, why, "%s", path);
		if (st == BLK_OK)
			st = offer_dir(l, fd, 0, why);
		else
			close(fd);
	}
	return st;
}

enum blk_status
repair_from_dirs(struct repair *p, struct fault *why)
{
	const struct store_config *c = store_config(p->s);
	const struct chunker_sizes sizes = { c->min, c->target, c->max };
	struct chunker *cut = malloc(sizeof(*cut));
	struct looking l = {
		.p = p, .cut = cut, .path = BUF_INIT(PATH_TEXT_MAX)
	};
	struct fault more = FAULT_NONE;
	enum blk_status st;

	if (cut == NULL)
		return fault_nomem(why);
	st = chunker_init(cut, &sizes, why);
	for (size_t i = 0; st == BLK_OK && i < p->o->dirs; i++)
		st = offer_top(&l, p->o->dir[i], why);
	if (l.closed > NAMED_MAX) {
		(void)fault(&more, BLK_OK, "%ju more could not be read",
		    (uintmax_t)(l.closed - NAMED_MAX));
		tell(&l, more.text);
	}
	buf_release(&l.path);
	free(cut);
	return st;
}

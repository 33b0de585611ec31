#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

#define WINDOW_MAX ((uint64_t)64 << 20)
#define WINDOW_MIN ((uint64_t)1 << 20)
#define FDS_MAX 4096

/* --- telling --- */

void
restore_count(uint64_t *total, uint64_t n)
{
	__atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

bool
restore_stopped(const struct restore *r)
{
	return r->o->stop != NULL && r->o->stop(r->o->arg);
}

struct span
restore_inside(const struct restore *r)
{
	return span_of(r->path.data + r->below, r->path.len - r->below);
}

/* The path inside the snapshot of name in d, or of d itself if name is empty:
 * appended to b, backwards. */
static enum blk_status
add_path(const struct restore *r, const struct restore_dir *d, struct span name,
    struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = name.len; st == BLK_OK && i-- > 0;)
		st = buf_add_u8(b, (uint8_t)name.p[i], why);
	for (; st == BLK_OK && d != NULL && d->parent != NULL; d = d->parent) {
		if (b->len > 0)
			st = buf_add_u8(b, '/', why);
		for (size_t i = strlen(d->name); st == BLK_OK && i-- > 0;)
			st = buf_add_u8(b, (uint8_t)d->name[i], why);
	}
	if (st == BLK_OK && b->len > 0 && r->base > r->below)
		st = buf_add_u8(b, '/', why);
	for (size_t i = r->base; st == BLK_OK && i-- > r->below;)
		if (i + 1 < r->base)
			st = buf_add_u8(b, r->path.data[i], why);
	for (size_t i = 0; st == BLK_OK && i < b->len / 2; i++) {
		uint8_t c = b->data[i];

		b->data[i] = b->data[b->len - 1 - i];
		b->data[b->len - 1 - i] = c;
	}
	return st;
}

void
restore_problem_text(struct restore *r, const struct restore_dir *d,
    struct span name, const char *text)
{
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	struct fault unsaid = FAULT_NONE;

	restore_count(&r->t->problems, 1);
	if (r->o->problem == NULL)
		return;
	if (add_path(r, d, name, &path, &unsaid) == BLK_OK)
		r->o->problem(r->o->arg, span_of(path.data, path.len), text);
	else
		r->o->problem(r->o->arg, name, text);
	buf_release(&path);
}

enum blk_status
restore_problem(struct restore *r, const struct restore_dir *d,
    struct span name, const struct mishap *m, struct fault *why)
{
	struct fault reason = FAULT_NONE;

	if (m->what == NULL)
		return BLK_OK;
	errno = m->err;
	if (m->err != 0)
		fault_sys(&reason, "%s", m->what);
	else
		fault(&reason, BLK_FAILED, "%s", m->what);
	restore_problem_text(r, d, name, reason.text);
	if (!mishap_is_fatal(m))
		return BLK_OK;
	*why = reason;
	return fault_in(why, BLK_FAILED, "%s", r->o->target);
}

void
restore_item(struct restore *r, const struct restore_dir *d, struct span name,
    enum restore_action what)
{
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	struct fault unsaid = FAULT_NONE;

	if (r->o->item == NULL)
		return;
	if (add_path(r, d, name, &path, &unsaid) == BLK_OK)
		r->o->item(r->o->arg, what, span_of(path.data, path.len));
	buf_release(&path);
}

void
restore_outcome(struct restore *r, const struct restore_dir *d,
    struct span name, enum outcome out)
{
	switch (out) {
	case OUTCOME_MADE:
		restore_item(r, d, name, RESTORE_MADE);
		break;
	case OUTCOME_REPLACED:
		restore_item(r, d, name, RESTORE_REPLACED);
		break;
	case OUTCOME_UPDATED:
		restore_item(r, d, name, RESTORE_UPDATED);
		break;
	case OUTCOME_KEPT:
		restore_count(&r->t->kept, 1);
		restore_item(r, d, name, RESTORE_KEPT);
		break;
	case OUTCOME_NONE:
	case OUTCOME_AGAIN:
	case OUTCOME_FAILED:
		break;
	}
}

enum blk_status
restore_damage(struct restore *r, const struct restore_dir *d, struct span name,
    enum blk_status st, struct fault *why)
{
	if (st == BLK_ABSENT) {
		st = fault(why, BLK_CORRUPT, "is missing in the store");
	} else if (st != BLK_CORRUPT) {
		return st;
	}
	restore_problem_text(r, d, name, why->text);
	if (r->damage == BLK_OK) {
		r->damage = st;
		r->damage_why = *why;
	}
	*why = (struct fault)FAULT_NONE;
	return BLK_OK;
}

/* --- the target --- */

static enum blk_status
open_target(struct restore *r, struct fault *why)
{
	struct restore_dir *d = r->root;
	const char *path = r->o->target;
	enum blk_status st;
	struct stat now;

	st = file_open_dir(AT_FDCWD, path, &d->fd, why);
	if (st == BLK_ABSENT && r->o->dry_run) {
		d->fresh = true;
		return BLK_OK;
	}
	if (st == BLK_ABSENT) {
		st = file_mkdirs(AT_FDCWD, path, 0700, why);
		d->fresh = true;
		if (st == BLK_OK)
			st = file_open_dir(AT_FDCWD, path, &d->fd, why);
	}
	if (st == BLK_ABSENT)
		st = fault(why, BLK_FAILED, "%s vanished", path);
	if (st != BLK_OK)
		return st;
	if (fstat(d->fd, &now) == -1)
		return fault_sys(why, "%s", path);
	d->dev = now.st_dev;
	d->ino = now.st_ino;
	d->mode = now.st_mode & 07777;
	d->stood = !d->fresh;
	d->made = true;
	d->inherits = meta_inherits(d->fd);
	if (now.st_uid == geteuid() && (d->mode & 0700) != 0700 &&
	    !r->o->dry_run)
		(void)!fchmod(d->fd, d->mode | 0700);
	return BLK_OK;
}

static enum blk_status
make_root(
    struct restore *r, const struct restore_source *source, struct fault *why)
{
	struct buf line = BUF_INIT(TREE_LINE_MAX);
	enum blk_status st = BLK_OK;

	if (!source->bare && source->entry->type == TREE_DIR)
		st = tree_format_root(source->entry, &line, why);
	if (st == BLK_OK)
		st = dir_new(r, NULL, span_of("", 0),
		    span_of(line.data, line.len), &r->root, why);
	buf_release(&line);
	return st == BLK_OK ? open_target(r, why) : st;
}

/* One thing that is no directory: TARGET/NAME. */
static enum blk_status
restore_single(struct restore *r, const struct tree_entry *e, struct fault *why)
{
	struct buf line = BUF_INIT(TREE_LINE_MAX);
	struct tree_entry alone = *e;
	enum blk_status st;

	alone.link = (struct span){ NULL, 0 };
	st = tree_format(&alone, &line, why);
	if (st == BLK_OK)
		st = restore_file(
		    r, r->root, &alone, span_of(line.data, line.len - 1), why);
	if (st == BLK_OK)
		st = restore_flush(r, false, why);
	if (st == BLK_OK)
		st = restore_flush(r, true, why);
	if (st != BLK_OK)
		restore_abandon(r);
	buf_release(&line);
	return st;
}

/* --- the run --- */

static enum blk_status
set_paths(
    struct restore *r, const struct restore_source *source, struct fault *why)
{
	struct span above = r->o->above, path = source->path;
	enum blk_status st = BLK_OK;
	bool is_dir = source->entry->type == TREE_DIR;

	if (above.len > 0) {
		st = buf_add(&r->path, above.p, above.len, why);
		if (st == BLK_OK)
			st = buf_add_u8(&r->path, '/', why);
	}
	r->below = r->path.len;
	if (!is_dir) /* messages begin with the directory that it is in */
		path.len = path.len > source->entry->name.len
		    ? path.len - source->entry->name.len - 1
		    : 0;
	if (st == BLK_OK && path.len > 0) {
		st = buf_add(&r->path, path.p, path.len, why);
		if (st == BLK_OK)
			st = buf_add_u8(&r->path, '/', why);
	}
	r->base = r->path.len;
	/* A path that is empty is a path. */
	return st == BLK_OK ? buf_reserve(&r->path, 256, why) : st;
}

static enum blk_status
set_limits(struct restore *r, struct fault *why)
{
	struct rlimit fds;
	uint8_t draw[12];
	char hex[2 * sizeof(draw) + 1];
	enum blk_status st;

	r->window_max = r->o->max_memory / 6;
	if (r->window_max > WINDOW_MAX)
		r->window_max = WINDOW_MAX;
	if (r->window_max < WINDOW_MIN)
		r->window_max = WINDOW_MIN;
	/* Tables, and big files on their way: a frame is read once. */
	frames_limit(store_frames(r->s), r->o->max_memory / 16);
	r->open_max = FDS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur < 2 * FDS_MAX)
		r->open_max = (unsigned)fds.rlim_cur / 2;
	if (r->open_max < 16)
		r->open_max = 16;
	st = digest_random(draw, sizeof(draw), why);
	digest_hex_of(draw, sizeof(draw), hex);
	snprintf(r->hand.prefix, sizeof(r->hand.prefix), ".blk-%s", hex);
	return st;
}

static enum blk_status
set_up(
    struct restore *r, const struct restore_source *source, struct fault *why)
{
	enum blk_status st;

	for (int i = 0; i < 2; i++)
		r->window[i].text.max = SIZE_MAX / 2;
	st = set_limits(r, why);
	if (st == BLK_OK)
		st = set_paths(r, source, why);
	if (st == BLK_OK)
		st = hasher_new(&r->hash, why);
	if (st == BLK_OK)
		st = finder_new(r->s, &r->finder, why);
	if (st == BLK_OK)
		st = make_root(r, source, why);
	if (st == BLK_OK)
		st = pool_new(
		    &r->hand, store_frames(r->s), r->o->jobs, &r->pool, why);
	return st;
}

static void
tear_down(struct restore *r)
{
	pool_free(r->pool);
	finder_free(r->finder);
	hasher_free(r->hash);
	link_map_release(&r->links);
	window_release(&r->window[0]);
	window_release(&r->window[1]);
	file_close(r->link_fd);
	buf_release(&r->link_path);
	buf_release(&r->path);
	tree_scratch_release(&r->scratch);
	free(r->level);
}

enum blk_status
restore_tree(struct store *s, const struct restore_source *source,
    const struct restore_options *o, struct fault *why)
{
	struct restore_options own = *o;
	struct restore r = { .s = s,
		.o = &own,
		.path = BUF_INIT(SIZE_MAX / 2),
		.scratch = TREE_SCRATCH_INIT,
		.link_fd = -1,
		.link_path = BUF_INIT(SIZE_MAX / 2) };
	struct fault unsaid = FAULT_NONE;
	enum blk_status st, dropped;

	if (own.totals == NULL)
		own.totals = &r.own_totals;
	r.t = own.totals;
	r.hand.o = &own;
	st = set_up(&r, source, why);
	if (st == BLK_OK)
		st = source->entry->type == TREE_DIR
		    ? restore_walk(&r, source->entry, why)
		    : restore_single(&r, source->entry, why);
	/* The target itself comes last, also after a failure. */
	dropped = r.root != NULL
	    ? dir_drop(&r, r.root, st == BLK_OK ? why : &unsaid)
	    : BLK_OK;
	if (st == BLK_OK)
		st = dropped;
	if (st == BLK_OK && r.damage != BLK_OK) {
		*why = r.damage_why;
		st = r.damage;
	}
	tear_down(&r);
	return st;
}

/*
 * The walk over the tree: what the filters take, directories on a stack of
 * our own, so that no tree is too deep.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "restore-private.h"

/* --- filters --- */

enum choice {
	CHOICE_NO,
	CHOICE_BELOW, /* a directory, in which something may be wanted */
	CHOICE_YES,
};

/* Of the path in b, when the directory above it is wanted or not. */
static enum choice
choose(const struct restore *r, const struct buf *b, bool is_dir, bool wanted)
{
	struct span path = span_of(b->data, b->len);

	if (r->o->exclude != NULL &&
	    filter_check(r->o->exclude, path, r->below, is_dir) == FILTER_MATCH)
		return CHOICE_NO;
	if (r->o->include == NULL)
		return CHOICE_YES;
	switch (filter_check(r->o->include, path, r->below, is_dir)) {
	case FILTER_MATCH:
		return CHOICE_YES;
	case FILTER_NEGATED:
		wanted = false;
		break;
	case FILTER_NONE:
		break;
	}
	if (wanted)
		return CHOICE_YES;
	return is_dir && filter_reaches(r->o->include, path, r->below)
	    ? CHOICE_BELOW
	    : CHOICE_NO;
}

enum blk_status
restore_selects(
    struct restore *r, struct span inside, bool *selected, struct fault *why)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	size_t base = r->base - r->below, at = base;
	bool wanted = r->o->include == NULL;
	enum choice c = CHOICE_YES;
	enum blk_status st;

	*selected = false;
	/* Below where the restore began? */
	if (inside.len <= base ||
	    memcmp(inside.p, r->path.data + r->below, base) != 0)
		return BLK_OK;
	st = buf_add(&b, r->path.data, r->below, why);
	if (st == BLK_OK)
		st = buf_add(&b, inside.p, base, why);
	while (st == BLK_OK && c != CHOICE_NO && at < inside.len) {
		const char *slash = memchr(inside.p + at, '/', inside.len - at);
		size_t end =
		    slash != NULL ? (size_t)(slash - inside.p) : inside.len;

		st = buf_add(&b, inside.p + at, end - at, why);
		if (st == BLK_OK)
			c = choose(r, &b, slash != NULL, wanted);
		wanted = c == CHOICE_YES;
		if (st == BLK_OK && slash != NULL)
			st = buf_add_u8(&b, '/', why);
		at = end + 1;
	}
	*selected = st == BLK_OK && c == CHOICE_YES;
	buf_release(&b);
	return st;
}

/* --- one directory --- */

struct visit {
	struct restore *r;
	size_t level; /* index: the array may move */
	struct tree_order order;
	struct old_names old;
};

static struct level *
level_of(const struct visit *v)
{
	return &v->r->level[v->level];
}

/* Remove an old name that the tree does not have, if the filters let us. */
static enum blk_status
remove_old(struct visit *v, const char *name, struct fault *why)
{
	struct restore *r = v->r;
	struct restore_dir *d = level_of(v)->dir;
	struct mishap m = { .what = NULL };
	size_t len = r->path.len;
	uint64_t count = 0;
	struct stat old;
	enum choice c;
	enum blk_status st;

	if (fstatat(d->fd, name, &old, AT_SYMLINK_NOFOLLOW) == -1)
		return BLK_OK;
	st = buf_add(&r->path, name, strlen(name), why);
	if (st != BLK_OK)
		return st;
	c = choose(r, &r->path, S_ISDIR(old.st_mode), level_of(v)->wanted);
	r->path.len = len;
	if (c != CHOICE_YES)
		return BLK_OK;
	if (r->o->dry_run)
		count = 1;
	else
		(void)old_remove(d->fd, name, &count, &m);
	restore_count(&r->t->deleted, count);
	if (m.what == NULL)
		restore_item(r, d, span_str(name), RESTORE_DELETED);
	return restore_problem(r, d, span_str(name), &m, why);
}

/* Old names before the one that the tree has now, or all that are left. */
static enum blk_status
pass_old(struct visit *v, const struct span *upto, struct fault *why)
{
	struct old_names *o = &v->old;
	struct mishap m = { .what = NULL };
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && o->next < o->count) {
		struct span name = span_str(o->name[o->next]);
		int cmp = upto != NULL ? tree_compare(name, *upto) : -1;

		if (cmp > 0)
			break;
		o->next++;
		if (cmp < 0 && dir_open(v->r, level_of(v)->dir, &m))
			st = remove_old(v, name.p, why);
		if (cmp == 0)
			break;
	}
	return st;
}

static enum blk_status
keep_for_later(
    struct visit *v, enum choice c, struct span line, struct fault *why)
{
	struct buf *b = &level_of(v)->subdirs;
	enum blk_status st;

	st = buf_add_u8(b, c == CHOICE_YES ? '+' : '-', why);
	if (st == BLK_OK)
		st = buf_add(b, line.p, line.len, why);
	return st == BLK_OK ? buf_add_u8(b, '\n', why) : st;
}

static enum blk_status
visit_entry(struct visit *v, const struct tree_entry *e, struct span line,
    struct fault *why)
{
	struct restore *r = v->r;
	struct restore_dir *d = level_of(v)->dir;
	bool is_dir = e->type == TREE_DIR, there = false;
	enum choice c = choose(r, &r->path, is_dir, level_of(v)->wanted);
	enum blk_status st;

	if (c == CHOICE_NO)
		return BLK_OK;
	if (is_dir)
		return keep_for_later(v, c, line, why);
	st = dir_enter(r, d, true, &there, why);
	if (st == BLK_OK && there) {
		struct mishap m = { .what = NULL };

		if (!dir_open(r, d, &m))
			return restore_problem(r, d, e->name, &m, why);
	}
	if (st != BLK_OK || (!there && !r->o->dry_run))
		return st; /* that it cannot be made was reported */
	return restore_file(r, d, e, line, why);
}

static enum blk_status
visit_line(void *arg, struct span line, struct fault *why)
{
	struct visit *v = arg;
	struct restore *r = v->r;
	size_t len = r->path.len;
	struct tree_entry e;
	enum blk_status st;

	if (restore_stopped(r))
		return fault(why, BLK_BUSY, "stopped");
	st = tree_parse(line, &r->scratch, &e, why);
	if (st == BLK_OK)
		st = tree_order_next(&v->order, e.name, why);
	if (st == BLK_OK)
		st = pass_old(v, &e.name, why);
	if (st == BLK_OK)
		st = buf_add(&r->path, e.name.p, e.name.len, why);
	if (st == BLK_OK)
		st = visit_entry(v, &e, line, why);
	r->path.len = len;
	return st;
}

/* --- the stack --- */

/* Read the tree of the directory on top of the stack. */
static enum blk_status
read_level(struct restore *r, const struct digest *tree, struct fault *why)
{
	struct visit v = { .r = r, .level = r->levels - 1 };
	struct restore_dir *d = level_of(&v)->dir;
	struct mishap m = { .what = NULL };
	struct fault reason = FAULT_NONE;
	enum blk_status st = BLK_OK;

	if (r->o->delete_others && d->made && !d->fresh &&
	    (!dir_open(r, d, &m) || !old_names_read(d->fd, &v.old, &m)))
		st = restore_problem(r, d, span_of("", 0), &m, why);
	if (st == BLK_OK)
		st = reader_lines(
		    r->s, tree, CLASS_TREE, visit_line, &v, &reason);
	else
		reason = *why;
	if (st == BLK_OK)
		st = pass_old(&v, NULL, &reason);
	old_names_release(&v.old);
	if (st == BLK_OK)
		return BLK_OK;
	*why = reason;
	if (st == BLK_ABSENT && r->levels == 1)
		return st;
	return restore_damage(r, d, span_of("", 0), st, why);
}

static enum blk_status
push(struct restore *r, struct restore_dir *d, const struct digest *tree,
    bool wanted, struct fault *why)
{
	enum blk_status st;
	bool there;

	st = array_grow((void **)&r->level, r->levels, &r->levels_cap,
	    sizeof(*r->level), why);
	if (st != BLK_OK) {
		struct fault unsaid = FAULT_NONE;

		if (dir_drop(r, d, &unsaid) != BLK_OK)
			return st;
		return st;
	}
	r->level[r->levels++] = (struct level){ .dir = d,
		.subdirs = BUF_INIT(SIZE_MAX / 2),
		.path_len = r->path.len,
		.wanted = wanted };
	if (d->parent != NULL) {
		st = dir_enter(r, d, wanted, &there, why);
		if (st != BLK_OK || d->failed)
			return st; /* an empty level */
	}
	return read_level(r, tree, why);
}

static enum blk_status
pop(struct restore *r, struct fault *why)
{
	struct level *l = &r->level[--r->levels];
	struct restore_dir *d = l->dir;

	buf_release(&l->subdirs);
	return dir_drop(r, d, why);
}

/* The next directory in the one on top, or back to the one above. */
static enum blk_status
step(struct restore *r, struct fault *why)
{
	struct level *l = &r->level[r->levels - 1];
	struct restore_dir *d = NULL;
	struct tree_entry e;
	struct span rest, line;
	enum blk_status st;
	bool bad = false;

	r->path.len = l->path_len;
	if (l->next == l->subdirs.len)
		return pop(r, why);
	rest = span_of(l->subdirs.data + l->next, l->subdirs.len - l->next);
	if (!text_line(&rest, &line, &bad))
		return pop(r, why);
	l->next += line.len + 1;
	st =
	    tree_parse(span_of(line.p + 1, line.len - 1), &r->scratch, &e, why);
	if (st == BLK_OK)
		st = buf_add(&r->path, e.name.p, e.name.len, why);
	if (st == BLK_OK)
		st = buf_add_u8(&r->path, '/', why);
	if (st == BLK_OK)
		st = dir_new(r, l->dir, e.name,
		    span_of(line.p + 1, line.len - 1), &d, why);
	return st == BLK_OK ? push(r, d, &e.id, line.p[0] == '+', why) : st;
}

enum blk_status
restore_walk(
    struct restore *r, const struct tree_entry *root, struct fault *why)
{
	struct fault unsaid = FAULT_NONE;
	enum blk_status st;

	dir_hold(r->root);
	st = push(r, r->root, &root->id, r->o->include == NULL, why);
	while (st == BLK_OK && r->levels > 0)
		st = step(r, why);
	if (st == BLK_OK)
		st = restore_flush(r, false, why);
	if (st == BLK_OK)
		st = restore_flush(r, true, why);
	if (st != BLK_OK)
		restore_abandon(r);
	while (r->levels > 0)
		if (pop(r, &unsaid) != BLK_OK)
			continue;
	return st;
}

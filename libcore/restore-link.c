/*
 * Hard links.
 *
 * An entry names the first link of its file, in the order of trees.  The walk
 * goes another way (the files of a directory before the directories in it),
 * and filters or a start below the root may leave the first one out.  So the
 * link that the walk meets first is restored as a file; where that is not
 * the first one, the map remembers it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "restore-private.h"

void
link_map_release(struct link_map *m)
{
	for (size_t i = 0; i < m->paths; i++)
		free(m->path[i]);
	free(m->path);
	idmap_release(&m->index);
	*m = (struct link_map){ .path = NULL };
}

static enum blk_status
map_find(
    struct restore *r, struct span path, const char **found, struct fault *why)
{
	struct digest key;
	enum blk_status st;
	const int64_t *at;

	*found = NULL;
	if (r->links.paths == 0)
		return BLK_OK;
	st = hasher_of(r->hash, path.p, path.len, &key, why);
	at = st == BLK_OK ? idmap_get(&r->links.index, &key, 0) : NULL;
	if (at != NULL)
		*found = r->links.path[*at];
	return st;
}

static enum blk_status
map_add(
    struct restore *r, struct span first, struct span path, struct fault *why)
{
	struct link_map *m = &r->links;
	struct digest key;
	enum blk_status st;
	int64_t *at;

	st = hasher_of(r->hash, first.p, first.len, &key, why);
	if (st == BLK_OK)
		st = array_grow((void **)&m->path, m->paths, &m->cap,
		    sizeof(*m->path), why);
	if (st == BLK_OK)
		st = idmap_put(&m->index, &key, 0, &at, NULL, why);
	if (st != BLK_OK)
		return st;
	*at = (int64_t)m->paths;
	m->path[m->paths] = strndup(path.p, path.len);
	return m->path[m->paths++] == NULL ? fault_nomem(why) : BLK_OK;
}

/* Does the walk come by a before it comes by b? */
static bool
walks_before(struct span a, struct span b)
{
	size_t n = 0, name = 0;
	bool a_dir, b_dir;

	while (n < a.len && n < b.len && a.p[n] == b.p[n])
		if (a.p[n++] == '/')
			name = n;
	a_dir = memchr(a.p + name, '/', a.len - name) != NULL;
	b_dir = memchr(b.p + name, '/', b.len - name) != NULL;
	if (a_dir != b_dir)
		return b_dir;
	return tree_compare_paths(a, b) < 0;
}

enum blk_status
link_find(struct restore *r, const struct tree_entry *e, struct buf *to,
    struct fault *why)
{
	struct span own = restore_inside(r);
	enum blk_status st;
	const char *found;
	bool there = false;

	to->len = 0;
	st = map_find(r, e->link.p != NULL ? e->link : own, &found, why);
	if (st == BLK_OK && found != NULL && !span_is(own, found))
		return buf_add(to, found, strlen(found), why);
	if (st != BLK_OK || e->link.p == NULL || found != NULL)
		return st;
	if (tree_path_is_valid(e->link) && walks_before(e->link, own))
		st = restore_selects(r, e->link, &there, why);
	if (st == BLK_OK && there)
		return buf_add(to, e->link.p, e->link.len, why);
	return st == BLK_OK ? map_add(r, e->link, own, why) : st;
}

/* --- making --- */

/* The directory in which path lies, below the target; often the last one. */
static int
open_parent(struct restore *r, struct span path)
{
	struct fault why = FAULT_NONE;
	const char *slash = memrchr(path.p, '/', path.len);
	size_t len = slash != NULL ? (size_t)(slash - path.p) : 0;
	struct buf *b = &r->link_path;

	if (r->link_fd != -1 && b->len == len + 1 &&
	    memcmp(b->data, path.p, len) == 0)
		return r->link_fd;
	file_close(r->link_fd);
	r->link_fd = -1;
	b->len = 0;
	if (buf_add(b, path.p, len, &why) != BLK_OK ||
	    buf_add_u8(b, 0, &why) != BLK_OK) {
		errno = ENOMEM;
		return -1;
	}
	r->link_fd =
	    dir_open_beneath(r->root->fd, (char *)b->data, O_PATH, false);
	return r->link_fd;
}

/* Is what stands there what the entry says? */
static bool
is_first(
    const struct restore *r, const struct tree_entry *e, const struct stat *st)
{
	if (!meta_same_time(st, e->mtime))
		return false;
	switch (e->type) {
	case TREE_FILE:
		return S_ISREG(st->st_mode) && (uint64_t)st->st_size == e->size;
	case TREE_SYMLINK:
		return S_ISLNK(st->st_mode) &&
		    (uint64_t)st->st_size == e->target.len;
	case TREE_FIFO:
		return S_ISFIFO(st->st_mode);
	case TREE_CHAR:
		return S_ISCHR(st->st_mode) && r->o->devices;
	case TREE_BLOCK:
		return S_ISBLK(st->st_mode) && r->o->devices;
	case TREE_DIR:
		break;
	}
	return false;
}

static bool
is_inode(int dir, const char *name, const struct stat *first)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == first->st_dev && st.st_ino == first->st_ino;
}

/* The name of a temporary link to from/first, renamed to dir/name. */
static bool
link_over(struct restore *r, int from, const char *first, int dir,
    const char *name, const struct stat *st)
{
	char temp[64];
	bool done;

	hand_temp_name(&r->hand, temp);
	if (linkat(from, first, dir, temp, 0) == -1)
		return false;
	done = is_inode(dir, temp, st) && renameat(dir, temp, dir, name) == 0;
	if (!done)
		unlinkat(dir, temp, 0);
	return done;
}

enum blk_status
link_make(struct restore *r, struct restore_dir *d, const struct tree_entry *e,
    struct span to, bool *made, struct fault *why)
{
	struct span rel = to;
	struct mishap m = { .what = NULL };
	char name[256], first[256];
	struct tree_entry last = *e;
	struct stat st, old;
	enum verdict v;
	int from;

	*made = false;
	(void)why;
	rel.p += r->base - r->below;
	rel.len -= r->base - r->below;
	from = open_parent(r, rel);
	last.name.p = memrchr(rel.p, '/', rel.len);
	last.name.p = last.name.p != NULL ? last.name.p + 1 : rel.p;
	last.name.len = (size_t)(rel.p + rel.len - last.name.p);
	restore_name(e, name);
	restore_name(&last, first);
	if (from == -1 || !dir_open(r, d, &m) ||
	    fstatat(from, first, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !is_first(r, e, &st))
		return BLK_OK;
	if (is_inode(d->fd, name, &st)) {
		*made = true;
		restore_outcome(r, d, e->name, OUTCOME_KEPT);
	} else {
		v = restore_verdict(r, d, e, name, &old, &m);
		if (v == VERDICT_KEEP && r->o->overwrite != RESTORE_NEVER &&
		    r->o->overwrite != RESTORE_IF_NEWER)
			v = VERDICT_REPLACE; /* equal, but another inode */
		if (v == VERDICT_FAILED)
			return BLK_OK;
		*made = v == VERDICT_KEEP ||
		    link_over(r, from, first, d->fd, name, &st);
		if (*made)
			restore_outcome(r, d, e->name,
			    v == VERDICT_KEEP      ? OUTCOME_KEPT
			        : v == VERDICT_NEW ? OUTCOME_MADE
			                           : OUTCOME_REPLACED);
	}
	if (*made)
		restore_count(&r->t->links, 1);
	return BLK_OK;
}

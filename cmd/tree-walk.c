#include "tree-walk.h"

#include <stdint.h>
#include <stdlib.h>

#include "reader.h"

static enum blk_status
push(struct tree_walk *w, const struct digest *id, struct fault *why)
{
	struct tree_walk_dir *d;
	enum blk_status st;

	st = array_grow(
	    (void **)&w->dir, w->depth, &w->cap, sizeof(*w->dir), why);
	if (st != BLK_OK)
		return st;
	d = &w->dir[w->depth];
	*d = (struct tree_walk_dir){ .id = *id,
		.text = BUF_INIT(SIZE_MAX / 2),
		.path_len = w->path.len };
	st = reader_text(w->s, id, CLASS_TREE, &d->text, why);
	if (st == BLK_OK)
		w->depth++;
	else
		buf_release(&d->text);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		st = fault(why, BLK_CORRUPT, "the directory is missing");
	return st;
}

enum blk_status
tree_walk_open(struct tree_walk *w, struct store *s, const struct digest *tree,
    struct fault *why)
{
	*w = (struct tree_walk){ .s = s,
		.path = BUF_INIT(SIZE_MAX / 2),
		.scratch = TREE_SCRATCH_INIT };
	return push(w, tree, why);
}

void
tree_walk_release(struct tree_walk *w)
{
	while (w->depth > 0)
		buf_release(&w->dir[--w->depth].text);
	free(w->dir);
	buf_release(&w->path);
	tree_scratch_release(&w->scratch);
	*w = (struct tree_walk){ .s = NULL };
}

static enum blk_status
parse(struct tree_walk *w, struct tree_walk_dir *d, struct fault *why)
{
	struct span rest =
	    span_of((char *)d->text.data + d->at, d->text.len - d->at);
	struct span line = { NULL, 0 };
	enum blk_status st;
	bool bad = false;

	if (!text_line(&rest, &line, &bad))
		return fault(why, BLK_CORRUPT, "a line does not end");
	d->at = d->text.len - rest.len;
	st = tree_parse(line, &w->scratch, &w->e, why);
	if (st == BLK_OK)
		st = tree_order_next(&d->order, w->e.name, why);
	return st;
}

enum blk_status
tree_walk_next(struct tree_walk *w, struct fault *why)
{
	struct tree_walk_dir *d;
	char hex[DIGEST_HEX];
	enum blk_status st;

	while (w->depth > 0 &&
	    w->dir[w->depth - 1].at == w->dir[w->depth - 1].text.len)
		buf_release(&w->dir[--w->depth].text);
	if (w->depth == 0)
		return BLK_ABSENT;
	d = &w->dir[w->depth - 1];
	w->path.len = d->path_len;
	st = parse(w, d, why);
	if (st == BLK_OK)
		st = buf_printf(
		    &w->path, why, "%.*s", (int)w->e.name.len, w->e.name.p);
	if (st != BLK_CORRUPT)
		return st;
	d->at = d->text.len;
	digest_hex(&d->id, hex);
	return fault_in(why, st, "tree %s", hex);
}

enum blk_status
tree_walk_enter(struct tree_walk *w, struct fault *why)
{
	const struct digest id = w->e.id;
	enum blk_status st = buf_printf(&w->path, why, "/");

	return st == BLK_OK ? push(w, &id, why) : st;
}

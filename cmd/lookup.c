#include "lookup.h"

#include <stdio.h>
#include <string.h>

#include "reader.h"
#include "snapshot.h"
#include "tree.h"

/* --- inside of trees --- */

static enum blk_status
read_snapshot(struct store *s, const struct lookup *l, struct snapshot *shot,
    struct fault *why)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st;

	*shot = (struct snapshot){ .name = NULL };
	st = reader_text(s, &l->id, CLASS_SNAPSHOT, &text, why);
	if (st == BLK_OK)
		st = snapshot_parse(span_of(text.data, text.len), shot, why);
	buf_release(&text);
	return st;
}

/* From a snapshot to its tree. */
static enum blk_status
enter_snapshot(struct store *s, struct lookup *l, struct fault *why)
{
	struct snapshot shot;
	enum blk_status st = read_snapshot(s, l, &shot, why);

	if (st == BLK_OK)
		*l = (struct lookup){ CLASS_TREE, shot.tree, 0 };
	snapshot_release(&shot);
	return st;
}

struct search {
	struct span name;
	struct tree_scratch scratch;
	struct tree_order order;
	bool found;
	enum tree_type type;
	struct lookup at;
};

/* All lines are looked at: of what is out of order nothing is believed. */
static enum blk_status
match(void *arg, struct span line, struct fault *why)
{
	struct search *s = arg;
	struct tree_entry e;
	enum blk_status st = tree_parse(line, &s->scratch, &e, why);

	if (st == BLK_OK)
		st = tree_order_next(&s->order, e.name, why);
	if (st != BLK_OK || tree_compare(e.name, s->name) != 0)
		return st;
	s->found = true;
	s->type = e.type;
	s->at =
	    (struct lookup){ e.type == TREE_DIR ? CLASS_TREE : CLASS_CONTENT,
		    e.id, e.size };
	return BLK_OK;
}

static const char *
kind_of_entry(enum tree_type type)
{
	switch (type) {
	case TREE_SYMLINK:
		return "symbolic link";
	case TREE_FIFO:
		return "fifo";
	case TREE_CHAR:
	case TREE_BLOCK:
		return "device";
	case TREE_FILE:
		return "file";
	case TREE_DIR:
		break;
	}
	return "directory";
}

/* One name down. */
static enum blk_status
step(struct store *s, struct span name, const char *text, struct lookup *l,
    struct fault *why)
{
	struct search find = { .name = name, .scratch = TREE_SCRATCH_INIT };
	enum blk_status st;

	st = reader_lines(s, &l->id, CLASS_TREE, match, &find, why);
	tree_scratch_release(&find.scratch);
	if (st == BLK_ABSENT)
		st = fault(why, st, "%s: is no longer there", text);
	if (st != BLK_OK)
		return st;
	if (!find.found)
		return fault(why, BLK_ABSENT, "%s: no such path", text);
	if (find.type != TREE_FILE && find.type != TREE_DIR)
		return fault(why, BLK_INVALID, "%s: is a %s", text,
		    kind_of_entry(find.type));
	*l = find.at;
	return BLK_OK;
}

enum blk_status
lookup_path(struct store *s, const char *path, const char *text,
    struct lookup *l, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (l->class == CLASS_SNAPSHOT)
		st = enter_snapshot(s, l, why);
	else if (l->class != CLASS_TREE)
		st = fault(
		    why, BLK_INVALID, "%s: is neither snapshot nor tree", text);
	while (st == BLK_OK && *path != '\0') {
		struct span name = span_of(path, strcspn(path, "/"));

		if (l->class != CLASS_TREE)
			return fault(why, BLK_ABSENT, "%s: no such path", text);
		st = step(s, name, text, l, why);
		path += name.len + (path[name.len] == '/');
	}
	return st;
}

/* --- references --- */

enum blk_status
lookup_size(struct store *s, struct lookup *l, struct fault *why)
{
	struct snapshot shot;
	enum blk_status st = BLK_OK;

	l->size = 0;
	if (l->class == CLASS_CONTENT)
		return reader_size(s, &l->id, &l->size, why);
	if (l->class == CLASS_SNAPSHOT) {
		st = read_snapshot(s, l, &shot, why);
		l->size = shot.bytes;
		snapshot_release(&shot);
	}
	return st;
}

/* The id of a version means what it is of. */
static enum blk_status
through_version(struct store *s, struct lookup *l, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_version v;
	enum blk_status st = c->type->version_get(c, &l->id, &v, why);

	if (st != BLK_OK)
		return st;
	*l = (struct lookup){ v.v.class, v.v.id, v.v.size };
	version_release(&v.v);
	return BLK_OK;
}

enum blk_status
lookup_target(struct store *s, const char *text, const struct ref_target *t,
    struct lookup *l, struct fault *why)
{
	enum blk_status st;

	*l = (struct lookup){ t->class, t->id, 0 };
	if (t->class == CLASS_DATA) /* a chunk is as good an object as any */
		l->class = CLASS_CONTENT;
	if (t->is_version && t->version.v.class == t->class) {
		l->size = t->version.v.size;
		return BLK_OK;
	}
	if (t->class == CLASS_VERSION)
		st = through_version(s, l, why);
	else if (t->class == CLASS_PIECE)
		return fault(
		    why, BLK_INVALID, "%s: is a piece, not an object", text);
	else
		st = lookup_size(s, l, why);
	return st == BLK_ABSENT
	    ? fault(why, st, "%s: no such name or object", text)
	    : st;
}

enum blk_status
lookup_ref(
    struct store *s, const char *text, struct lookup *l, struct fault *why)
{
	struct ref_target t;
	struct ref r;
	enum blk_status st;

	st = ref_find(store_catalog(s), text, store_now(s), &r, &t, why);
	if (st != BLK_OK)
		return st;
	st = lookup_target(s, text, &t, l, why);
	if (st == BLK_OK && r.has_path)
		st = lookup_path(s, r.path, text, l, why);
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

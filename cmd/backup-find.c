/*
 * blk-backup find - files by their names, in all snapshots.
 *
 * Of each directory that was left it is known whether something below it
 * matches; where it is met again it is looked into only if so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idmap.h"
#include "open.h"
#include "refs.h"
#include "snapshots.h"
#include "tree-walk.h"

enum { NOTHING = 1, SOMETHING = 2 };

struct find {
	const char *pattern;
	struct output *out;
	const struct snapshot_version *v; /* that is searched */
	struct idmap seen;
	uint64_t found;
};

static const struct output_field fields[] = {
	{ .name = "ref" },
	{ .name = "name" },
	{ .name = "version" },
	{ .name = "path" },
	{ .name = "kind" },
	{ .name = "size" },
	{ .name = "time" },
	{ .name = NULL },
};

static const char *
type_word(enum tree_type t)
{
	switch (t) {
	case TREE_FILE:
		return "file";
	case TREE_DIR:
		return "dir";
	case TREE_SYMLINK:
		return "symlink";
	case TREE_FIFO:
		return "fifo";
	case TREE_CHAR:
		return "char";
	case TREE_BLOCK:
		return "block";
	}
	return "?";
}

static enum blk_status
put_match(struct find *f, const struct tree_walk *w, struct fault *why)
{
	const struct version *v = &f->v->v;
	struct buf ref = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st;

	st = buf_printf(&ref, why, "%s@%ju:/", v->name, (uintmax_t)v->number);
	if (st == BLK_OK)
		st = buf_add(&ref, w->path.data, w->path.len, why);
	if (st == BLK_OK) {
		output_begin(f->out, "match");
		output_bytes(f->out, "ref", (char *)ref.data, ref.len);
		output_bytes(f->out, "name", v->name, strlen(v->name));
		output_u64(f->out, "version", v->number);
		output_bytes(f->out, "path", (char *)w->path.data, w->path.len);
		output_string(f->out, "kind", type_word(w->e.type));
		if (w->e.type == TREE_FILE)
			output_size(f->out, "size", w->e.size);
		else
			output_none(f->out, "size");
		output_time(f->out, "time", w->e.mtime);
		st = output_end(f->out, why);
	}
	buf_release(&ref);
	for (size_t i = 0; i < w->depth; i++) {
		int64_t *state = idmap_get(&f->seen, &w->dir[i].id, CLASS_TREE);

		if (state != NULL)
			*state = SOMETHING;
	}
	f->found++;
	return st;
}

static enum blk_status
look(struct find *f, struct tree_walk *w, struct fault *why)
{
	char name[TREE_NAME_MAX + 1];
	enum blk_status st = BLK_OK;
	int64_t *state;

	memcpy(name, w->e.name.p, w->e.name.len);
	name[w->e.name.len] = '\0';
	if (ref_glob(f->pattern, name))
		st = put_match(f, w, why);
	if (st != BLK_OK || w->e.type != TREE_DIR)
		return st;
	st = idmap_put(&f->seen, &w->e.id, CLASS_TREE, &state, NULL, why);
	if (st != BLK_OK || *state == NOTHING)
		return st;
	if (*state == 0)
		*state = NOTHING; /* until it is known better */
	return tree_walk_enter(w, why);
}

static enum blk_status
search(struct find *f, struct store *s, struct fault *why)
{
	const struct digest *tree = &f->v->snap.tree;
	struct tree_walk w = { .s = NULL };
	enum blk_status st;
	int64_t *state;

	st = idmap_put(&f->seen, tree, CLASS_TREE, &state, NULL, why);
	if (st != BLK_OK || *state == NOTHING)
		return st;
	if (*state == 0)
		*state = NOTHING;
	st = tree_walk_open(&w, s, tree, why);
	while (st == BLK_OK && (st = tree_walk_next(&w, why)) == BLK_OK)
		st = look(f, &w, why);
	if (st == BLK_CORRUPT)
		st = fault_in(why, st, "%s@%ju:/%.*s", f->v->v.name,
		    (uintmax_t)f->v->v.number, (int)w.path.len,
		    (char *)w.path.data);
	tree_walk_release(&w);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
find(struct cli *c, struct find *f, struct store *s, struct fault *why)
{
	struct snapshot_versions l = { .item = NULL };
	struct output_options o = cli_output(c);
	enum blk_status st;

	o.type = "match";
	o.field = fields;
	o.format = "%(ref)";
	st = output_open(&o, &f->out, why);
	if (st == BLK_OK)
		st = snapshot_versions_load(s, NULL, &l, why);
	for (size_t i = 0; st == BLK_OK && i < l.count; i++) {
		f->v = &l.item[i];
		st = search(f, s, why);
	}
	if (st == BLK_OK) {
		output_begin(f->out, "summary");
		output_u64(f->out, "snapshots", l.count);
		output_u64(f->out, "matches", f->found);
		st = output_end(f->out, why);
	}
	if (st == BLK_OK)
		st = output_finish(f->out, why);
	f->v = NULL;
	output_free(f->out);
	snapshot_versions_release(&l);
	idmap_release(&f->seen);
	return st;
}

static int
run(struct cli *c)
{
	struct opened o = { .store = NULL };
	struct fault why = FAULT_NONE;
	struct find f = { .pattern = NULL };
	const char *arg;
	enum blk_status st;

	while (cli_next(c, &arg) != 0)
		;
	cli_operands(c, 1, 1);
	f.pattern = c->operand[0];
	if (f.pattern[0] == '\0' || strchr(f.pattern, '/') != NULL)
		cli_usage(c, "'%s': no file can have such a name", f.pattern);
	cli_progress(c);
	st = open_store(c, false, NULL, &o, &why);
	if (st == BLK_OK)
		st = find(c, &f, o.store, &why);
	open_close(&o);
	return cli_end(c, st == BLK_OK ? EXIT_DONE : cli_fail(c, st, &why));
}

const struct cli_command backup_find_command = {
	.name = "find",
	.usage = "[OPTION]... PATTERN",
	.about = "find files by their names, in all snapshots",
	.common = CLI_COMMON,
	.run = run,
};

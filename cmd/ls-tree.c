/*
 * Inside of trees and snapshots.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lookup.h"
#include "ls.h"
#include "reader.h"
#include "refs.h"
#include "tree.h"

/* Directories in each other: a deeper tree is no work of a file system. */
#define DEPTH_MAX 2048

struct walk {
	struct ls *ls;
	const char *path; /* in front of each name, with its '/'; or "" */
	const char *only; /* NULL, or the one name that is wanted */
	bool found;
	struct digest dir; /* set when it is found to be a directory */
	bool is_dir;
	unsigned depth;
	struct tree_order order;
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

/* As ls -l has it. */
static void
mode_text(const struct tree_entry *e, char text[static 11])
{
	static const char letter[] = "rwxrwxrwx";
	uint32_t m = e->mode;

	text[0] = e->type == TREE_FILE ? '-'
	    : e->type == TREE_DIR      ? 'd'
	    : e->type == TREE_SYMLINK  ? 'l'
	    : e->type == TREE_FIFO     ? 'p'
	    : e->type == TREE_CHAR     ? 'c'
	                               : 'b';
	for (int i = 0; i < 9; i++)
		text[1 + i] = (m >> (8 - i) & 1) != 0 ? letter[i] : '-';
	if ((m & S_ISUID) != 0)
		text[3] = (m & S_IXUSR) != 0 ? 's' : 'S';
	if ((m & S_ISGID) != 0)
		text[6] = (m & S_IXGRP) != 0 ? 's' : 'S';
	if ((m & S_ISVTX) != 0)
		text[9] = (m & S_IXOTH) != 0 ? 't' : 'T';
	text[10] = '\0';
}

static void
put_span(struct output *out, const char *key, struct span s)
{
	if (s.p == NULL)
		output_none(out, key);
	else
		output_bytes(out, key, s.p, s.len);
}

static enum blk_status
put_entry(struct ls *ls, const struct tree_entry *e, const char *path,
    struct fault *why)
{
	struct output *out = ls->out;
	char mode[11];

	mode_text(e, mode);
	output_begin(out, "entry");
	output_bytes(out, "path", path, strlen(path));
	output_bytes(out, "name", e->name.p, e->name.len);
	output_string(out, "kind", type_word(e->type));
	output_string(out, "mode", mode);
	output_u64(out, "uid", e->uid);
	output_u64(out, "gid", e->gid);
	if (e->type == TREE_FILE)
		output_size(out, "size", e->size);
	else
		output_none(out, "size");
	output_time(out, "time", e->mtime);
	if (e->type == TREE_FILE || e->type == TREE_DIR)
		ls_put_id(ls, "id", &e->id);
	else
		output_none(out, "id");
	put_span(out, "target", e->target);
	put_span(out, "link", e->link);
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		output_u64(out, "major", e->major);
		output_u64(out, "minor", e->minor);
	}
	output_bytes(out, "ref", ls->operand, strlen(ls->operand));
	return output_end(out, why);
}

/* What an item keeps while it is sorted: its line, and its path. */
static enum blk_status
show_entry(struct ls *ls, const struct ls_item *i, struct fault *why)
{
	struct tree_scratch scratch = TREE_SCRATCH_INIT;
	const char *line = i->text + i->number;
	struct tree_entry e;
	enum blk_status st;

	ls->operand = ls->r->operand[i->small];
	st = tree_parse(span_of(line, strlen(line)), &scratch, &e, why);
	if (st == BLK_OK)
		st = put_entry(ls, &e, i->text, why);
	tree_scratch_release(&scratch);
	return st;
}

/* "PATH\0LINE\0"; neither holds a NUL, as a tree escapes it. */
static enum blk_status
offer_entry(struct walk *w, const struct tree_entry *e, struct span line,
    struct fault *why)
{
	struct ls *ls = w->ls;
	struct ls_item item = { .key = e->id,
		.size = e->size,
		.time = e->mtime,
		.number = strlen(w->path) + e->name.len + 1 };
	int len;

	while (ls->r->operand[item.small] != ls->operand)
		item.small++;
	len = asprintf(&item.text, "%s%.*s%c%.*s", w->path, (int)e->name.len,
	    e->name.p, '\0', (int)line.len, line.p);
	if (len < 0)
		return fault_nomem(why);
	item.text_len = (size_t)len + 1;
	return ls_offer(ls, &item, why);
}

static bool
passes(const struct ls_request *r, const struct tree_entry *e)
{
	return (r->since == 0 || e->mtime >= r->since) &&
	    (r->until == 0 || e->mtime < r->until);
}

static enum blk_status walk_tree(
    struct walk *w, const struct digest *tree, struct fault *why);

static enum blk_status
go_down(struct walk *w, const struct tree_entry *e, struct fault *why)
{
	struct walk below = { .ls = w->ls, .depth = w->depth + 1 };
	enum blk_status st;
	char *path;

	if (below.depth > DEPTH_MAX)
		return fault(why, BLK_CORRUPT, "%s: too deep", w->path);
	if (asprintf(&path, "%s%.*s/", w->path, (int)e->name.len, e->name.p) <
	    0)
		return fault_nomem(why);
	below.path = path;
	st = walk_tree(&below, &e->id, why);
	free(path);
	return st;
}

/* ABSENT only ends the walk. */
static enum blk_status
take_line(void *arg, struct span line, struct fault *why)
{
	struct tree_scratch scratch = TREE_SCRATCH_INIT;
	struct walk *w = arg;
	struct tree_entry e;
	enum blk_status st;

	st = tree_parse(line, &scratch, &e, why);
	if (st == BLK_OK)
		st = tree_order_next(&w->order, e.name, why);
	if (st == BLK_OK && w->only != NULL && !span_is(e.name, w->only))
		goto out;
	w->found = true;
	if (st == BLK_OK && w->only != NULL && e.type == TREE_DIR) {
		w->is_dir = true;
		w->dir = e.id;
		goto out;
	}
	if (st == BLK_OK && passes(w->ls->r, &e))
		st = offer_entry(w, &e, line, why);
	if (st == BLK_OK && w->ls->r->recursive && e.type == TREE_DIR &&
	    !w->ls->full)
		st = go_down(w, &e, why);
	if (st == BLK_OK && w->ls->full)
		st = BLK_ABSENT;
out:
	tree_scratch_release(&scratch);
	return st;
}

static enum blk_status
walk_tree(struct walk *w, const struct digest *tree, struct fault *why)
{
	enum blk_status st =
	    reader_lines(w->ls->store, tree, CLASS_TREE, take_line, w, why);

	if (st == BLK_ABSENT && w->ls->full)
		return BLK_OK;
	if (st != BLK_ABSENT)
		return st;
	return fault(why, st, "%s: is no longer there", w->ls->operand);
}

/* The last name of a path: a directory is listed, the rest stands for itself.
 */
static enum blk_status
list_last(struct ls *ls, struct lookup *at, char *path, struct fault *why)
{
	char *slash = strrchr(path, '/');
	struct walk w = {
		.ls = ls, .path = "", .only = slash != NULL ? slash + 1 : path
	};
	enum blk_status st;

	if (slash != NULL)
		*slash = '\0';
	st = lookup_path(
	    ls->store, slash != NULL ? path : "", ls->operand, at, why);
	if (st == BLK_OK && at->class != CLASS_TREE)
		st = fault(why, BLK_ABSENT, "%s: no such path", ls->operand);
	if (st == BLK_OK)
		st = walk_tree(&w, &at->id, why);
	if (st != BLK_OK)
		return st;
	if (!w.found)
		return fault(why, BLK_ABSENT, "%s: no such path", ls->operand);
	if (!w.is_dir)
		return BLK_OK;
	return walk_tree(&(struct walk){ .ls = ls, .path = "" }, &w.dir, why);
}

/* The same REF without its path; from malloc.  A TIME may hold ':'. */
static char *
without_path(const char *text)
{
	const char *from = strstr(text, "@{");

	from = from != NULL ? strchr(from, '}') : text;
	from = from != NULL ? strchr(from, ':') : NULL;
	return from != NULL ? strndup(text, (size_t)(from - text))
	                    : strdup(text);
}

static enum blk_status
list_operand(struct ls *ls, const char *text, struct fault *why)
{
	struct ref r = { .path = NULL };
	char *base = without_path(text);
	struct lookup at;
	enum blk_status st;

	ls->operand = text;
	st =
	    base == NULL ? fault_nomem(why) : ref_parse(text, ls->now, &r, why);
	if (st == BLK_OK)
		st = lookup_ref(ls->store, base, &at, why);
	if (st == BLK_OK && r.path[0] != '\0') {
		st = list_last(ls, &at, r.path, why);
	} else if (st == BLK_OK) {
		st = lookup_path(ls->store, "", text, &at, why);
		if (st == BLK_OK)
			st = walk_tree(&(struct walk){ .ls = ls, .path = "" },
			    &at.id, why);
	}
	ref_release(&r);
	free(base);
	return st;
}

static enum blk_status
list_trees(struct ls *ls, struct fault *why)
{
	enum blk_status st;

	for (int i = 0; i < ls->r->operands && !ls->full; i++) {
		st = list_operand(ls, ls->r->operand[i], why);
		if (ls->r->operands == 1 || st == BLK_FAILED)
			return st;
		if (st != BLK_OK)
			ls_complain(ls, st, why);
		else
			ls->code = cli_merge(ls->code, EXIT_DONE);
	}
	return BLK_OK;
}

static const struct output_field entry_fields[] = {
	{ .name = "path", .title = "PATH" },
	{ .name = "name", .title = "NAME" },
	{ .name = "kind", .title = "KIND" },
	{ .name = "mode", .title = "MODE" },
	{ .name = "uid", .title = "UID", .right = true },
	{ .name = "gid", .title = "GID", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "time", .title = "TIME" },
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "target", .title = "TARGET" },
	{ .name = "link", .title = "LINK" },
	{ .name = "ref", .title = "REF" },
	{ .name = NULL },
};

const struct ls_mode ls_tree = { .type = "entry",
	.field = entry_fields,
	.format = "%(path)",
	.long_columns = "mode uid gid size time path",
	.filters = LS_BY_TIME,
	.sorts = LS_NAME | LS_TIME | LS_SIZE | LS_ID,
	.list = list_trees,
	.show = show_entry };

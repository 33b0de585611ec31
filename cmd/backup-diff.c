/*
 * blk-backup diff - what changed from one tree to another.
 *
 * Both are walked at once, in the order of paths; directories that are equal
 * in both are not looked into.
 */
#include <string.h>

#include "lookup.h"
#include "open.h"
#include "snapshots.h"
#include "tree-walk.h"

struct counts {
	uint64_t files, dirs, others, bytes;
};

struct diff {
	struct cli *c;
	struct output *out;
	struct tree_walk a, b;
	struct counts added, removed;
	uint64_t changed, updated; /* content; all else */
};

static const struct output_field fields[] = {
	{ .name = "modifier" },
	{ .name = "path" },
	{ .name = NULL },
};

/* --- saying it --- */

/* path: of w, with a '/' behind that of a directory. */
static enum blk_status
say(struct diff *d, const char *modifier, const struct tree_walk *w,
    struct fault *why)
{
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st;

	st = buf_add(&path, w->path.data, w->path.len, why);
	if (st == BLK_OK && w->e.type == TREE_DIR)
		st = buf_add_u8(&path, '/', why);
	if (st == BLK_OK) {
		output_begin(d->out, "change");
		output_string(d->out, "modifier", modifier);
		output_bytes(d->out, "path", (char *)path.data, path.len);
		st = output_end(d->out, why);
	}
	buf_release(&path);
	return st;
}

static void
count(struct counts *n, const struct tree_entry *e)
{
	if (e->type == TREE_FILE) {
		n->files++;
		n->bytes += e->size;
	} else if (e->type == TREE_DIR) {
		n->dirs++;
	} else {
		n->others++;
	}
}

/* What only one of them has, and so all below it. */
static enum blk_status
only_in(struct diff *d, struct tree_walk *w, struct fault *why)
{
	bool is_a = w == &d->a;
	enum blk_status st = say(d, is_a ? "-" : "+", w, why);

	count(is_a ? &d->removed : &d->added, &w->e);
	if (st == BLK_OK && w->e.type == TREE_DIR)
		st = tree_walk_enter(w, why);
	return st;
}

/* --- comparing --- */

static bool
same_xattrs(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->xattrs != b->xattrs)
		return false;
	for (size_t i = 0; i < a->xattrs; i++)
		if (!span_equal(a->xattr[i].name, b->xattr[i].name) ||
		    !span_equal(a->xattr[i].value, b->xattr[i].value))
			return false;
	return true;
}

static bool
same_metadata(const struct tree_entry *a, const struct tree_entry *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	    a->mtime == b->mtime && a->major == b->major &&
	    a->minor == b->minor && span_equal(a->acl, b->acl) &&
	    span_equal(a->acl_default, b->acl_default) &&
	    span_equal(a->link, b->link) && same_xattrs(a, b);
}

static bool
same_content(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type == TREE_FILE)
		return digest_equal(&a->id, &b->id);
	return a->type != TREE_SYMLINK || span_equal(a->target, b->target);
}

static enum blk_status
other_type(struct diff *d, struct fault *why)
{
	enum blk_status st = say(d, "T", &d->b, why);

	d->changed++;
	if (st == BLK_OK && d->a.e.type == TREE_DIR)
		st = tree_walk_enter(&d->a, why);
	if (st == BLK_OK && d->b.e.type == TREE_DIR)
		st = tree_walk_enter(&d->b, why);
	return st;
}

static enum blk_status
compare(struct diff *d, struct fault *why)
{
	const struct tree_entry *a = &d->a.e, *b = &d->b.e;
	enum blk_status st = BLK_OK;

	if (a->type != b->type)
		return other_type(d, why);
	if (!same_content(a, b)) {
		d->changed++;
		st = say(d, "M", &d->b, why);
	} else if (!same_metadata(a, b)) {
		d->updated++;
		st = say(d, "U", &d->b, why);
	}
	if (st == BLK_OK && a->type == TREE_DIR &&
	    !digest_equal(&a->id, &b->id)) {
		st = tree_walk_enter(&d->a, why);
		if (st == BLK_OK)
			st = tree_walk_enter(&d->b, why);
	}
	return st;
}

/* Which comes first; a walk that is at its end comes last. */
static int
order(const struct diff *d, bool has_a, bool has_b)
{
	if (!has_a || !has_b)
		return has_a ? -1 : 1;
	return tree_compare_paths(span_of(d->a.path.data, d->a.path.len),
	    span_of(d->b.path.data, d->b.path.len));
}

static enum blk_status
step(struct tree_walk *w, bool *has, struct fault *why)
{
	enum blk_status st = tree_walk_next(w, why);

	*has = st == BLK_OK;
	if (st == BLK_CORRUPT)
		return fault_in(
		    why, st, "/%.*s", (int)w->path.len, (char *)w->path.data);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
walk(struct diff *d, struct fault *why)
{
	bool has_a = false, has_b = false;
	enum blk_status st = step(&d->a, &has_a, why);

	if (st == BLK_OK)
		st = step(&d->b, &has_b, why);
	while (st == BLK_OK && (has_a || has_b)) {
		int o = order(d, has_a, has_b);

		if (o == 0)
			st = compare(d, why);
		else
			st = only_in(d, o < 0 ? &d->a : &d->b, why);
		if (st == BLK_OK && o <= 0)
			st = step(&d->a, &has_a, why);
		if (st == BLK_OK && o >= 0)
			st = step(&d->b, &has_b, why);
	}
	return st;
}

/* --- the whole --- */

static enum blk_status
tree_of(
    struct store *s, const char *ref, struct digest *tree, struct fault *why)
{
	struct lookup l;
	enum blk_status st = lookup_ref(s, ref, &l, why);

	if (st == BLK_OK && l.class == CLASS_CONTENT)
		return fault(why, BLK_INVALID,
		    "%s: neither a snapshot nor a directory in one", ref);
	if (st == BLK_OK)
		st = lookup_path(s, "", ref, &l, why);
	*tree = l.id;
	return st;
}

static void
put_counts(struct output *out, const char *key, const struct counts *n)
{
	output_nest(out, key);
	output_u64(out, "files", n->files);
	output_u64(out, "dirs", n->dirs);
	output_u64(out, "others", n->others);
	output_u64(out, "bytes", n->bytes);
	output_nest_end(out);
}

static enum blk_status
summarize(struct diff *d, struct fault *why)
{
	const struct counts *p = &d->added, *m = &d->removed;
	enum blk_status st;

	output_begin(d->out, "summary");
	output_u64(d->out, "changed_files", d->changed);
	output_u64(d->out, "updated", d->updated);
	put_counts(d->out, "added", p);
	put_counts(d->out, "removed", m);
	st = output_end(d->out, why);
	if (st == BLK_OK)
		st = output_finish(d->out, why);
	if (st == BLK_OK && !d->c->common.json)
		cli_note(d->c, 0,
		    "%ju added, %ju removed, %ju changed, %ju "
		    "with other attributes",
		    (uintmax_t)(p->files + p->dirs + p->others),
		    (uintmax_t)(m->files + m->dirs + m->others),
		    (uintmax_t)d->changed, (uintmax_t)d->updated);
	return st;
}

static enum blk_status
diff(struct diff *d, struct store *s, struct fault *why)
{
	struct output_options o = cli_output(d->c);
	struct digest a, b;
	enum blk_status st;

	o.type = "change";
	o.field = fields;
	o.format = "%(modifier) %(path)";
	st = output_open(&o, &d->out, why);
	if (st == BLK_OK)
		st = tree_of(s, d->c->operand[0], &a, why);
	if (st == BLK_OK)
		st = tree_of(s, d->c->operand[1], &b, why);
	if (st == BLK_OK && !digest_equal(&a, &b)) {
		st = tree_walk_open(&d->a, s, &a, why);
		if (st == BLK_OK)
			st = tree_walk_open(&d->b, s, &b, why);
		if (st == BLK_OK)
			st = walk(d, why);
	}
	if (st == BLK_OK)
		st = summarize(d, why);
	tree_walk_release(&d->a);
	tree_walk_release(&d->b);
	output_free(d->out);
	return st;
}

static int
run(struct cli *c)
{
	struct diff d = { .c = c };
	struct opened o = { .store = NULL };
	struct fault why = FAULT_NONE;
	const char *arg;
	enum blk_status st;

	while (cli_next(c, &arg) != 0)
		;
	cli_operands(c, 2, 2);
	cli_progress(c);
	st = open_store(c, false, NULL, &o, &why);
	if (st == BLK_OK)
		st = diff(&d, o.store, &why);
	open_close(&o);
	return cli_end(c, st == BLK_OK ? EXIT_DONE : cli_fail(c, st, &why));
}

const struct cli_command backup_diff_command = {
	.name = "diff",
	.usage = "[OPTION]... REF[:PATH] REF[:PATH]",
	.about = "say what changed from one snapshot to another",
	.notes = "+ added, - removed, M content changed, T another type,\n"
	         "U only owner, mode, time or attributes.",
	.common = CLI_COMMON,
	.run = run,
};

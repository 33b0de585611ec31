#include <stdlib.h>
#include <string.h>

#include "scan-internal.h"

/* A directory on its way out, line by line. */
struct lines {
	struct scan *scan;
	struct scan_dir *d;
	struct buf text, first;
	struct tree_scratch scratch;
	struct scan_cache_builder *builder; /* NULL: nothing to be added to */
	struct scan_cache_entry known;      /* where the old cache stands */
	bool has_known;
	struct scan_cache_ref ref; /* in the new cache */
};

/* Move the old cache to the line of e, which is there: it was found before. */
static enum blk_status
find_known(struct lines *l, const struct scan_entry *e, struct fault *why)
{
	struct span name = span_of(e->name, e->name_len);

	while (!l->has_known || tree_compare(l->known.name, name) < 0) {
		l->has_known = scan_cache_dir_next(l->d->cached, &l->known);
		if (!l->has_known)
			break;
	}
	if (l->has_known && span_equal(l->known.name, name))
		return BLK_OK;
	return fault(why, BLK_FAILED, "the scan cache changed under the scan");
}

static enum blk_status
reformat(struct lines *l, const struct tree_entry *t, struct span *line,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	l->text.len = 0;
	st = tree_format(t, &l->text, why);
	*line = span_of(l->text.data, l->text.len);
	return st;
}

/* The line of the old cache; some of it may have moved on. */
static enum blk_status
known_line(struct lines *l, const struct scan_entry *e, struct span *line,
    bool *same, struct fault *why)
{
	enum blk_status st = find_known(l, e, why);
	struct tree_entry t;

	*same = true;
	if (st != BLK_OK)
		return st;
	*line = l->known.line;
	if (e->type != TREE_DIR && e->inode == NULL)
		return BLK_OK;
	st = tree_parse(span_of(line->p, line->len - 1), &l->scratch, &t, why);
	if (st != BLK_OK)
		return fault_in(why, BLK_FAILED, "the scan cache is damaged");
	if (e->type == TREE_DIR) {
		*same = digest_equal(&t.id, &e->id);
		t.id = e->id;
	} else {
		struct span first = { NULL, 0 };

		st = scan_links_first(l->d, e, &l->first, why);
		if (st != BLK_OK)
			return st;
		if (l->first.len > 0)
			first = span_of(l->first.data, l->first.len);
		*same = span_equal(first, t.link);
		t.link = first;
	}
	return *same ? BLK_OK : reformat(l, &t, line, why);
}

static void
fill(struct tree_entry *t, const struct scan_entry *e)
{
	const struct scan_meta *m = e->meta;

	*t = (struct tree_entry){
		.type = (enum tree_type)e->type,
		.mode = e->stat.mode,
		.uid = e->stat.uid,
		.gid = e->stat.gid,
		.mtime = e->stat.mtime,
		.size = e->stat.size,
		.id = e->id,
		.major = e->stat.major,
		.minor = e->stat.minor,
		.name = span_of(e->name, e->name_len),
	};
	if (m == NULL && e->type != TREE_DIR && e->inode != NULL)
		m = e->inode->meta;
	if (m == NULL)
		return;
	t->acl = m->acl;
	t->acl_default = m->acl_default;
	t->target = m->target;
	t->xattr = m->xattr;
	t->xattrs = m->xattrs;
}

/* Of one that was found before. *same: as it says now, it was then. */
static enum blk_status
compare_line(struct lines *l, const struct scan_entry *e, struct span line,
    bool *same, struct fault *why)
{
	enum blk_status st = find_known(l, e, why);

	*same = st == BLK_OK && span_equal(l->known.line, line);
	return st;
}

static enum blk_status
new_line(struct lines *l, const struct scan_entry *e, struct span *line,
    bool *same, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct tree_entry t;

	fill(&t, e);
	if (e->type != TREE_DIR && e->inode != NULL) {
		st = scan_links_first(l->d, e, &l->first, why);
		if (st == BLK_OK && l->first.len > 0)
			t.link = span_of(l->first.data, l->first.len);
	}
	if (st == BLK_OK)
		st = reformat(l, &t, line, why);
	/* Most of what is too young to be trusted did not change. */
	return st == BLK_OK && e->existed ? compare_line(l, e, *line, same, why)
	                                  : st;
}

bool
scan_entry_is_taken(const struct scan_entry *e)
{
	if (e->state == SCAN_FAILED)
		return false;
	return e->type != TREE_FILE || e->state == SCAN_DONE ||
	    e->state == SCAN_KNOWN;
}

/* The line of e; of length 0 when it is left out. */
static enum blk_status
line_of(
    struct lines *l, struct scan_entry *e, struct span *line, struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st = BLK_OK;

	e->same = false;
	*line = span_of(NULL, 0);
	if (!scan_entry_is_taken(e))
		return BLK_OK;
	if (e->state == SCAN_KNOWN)
		st = known_line(l, e, line, &e->same, &reason);
	else
		st = new_line(l, e, line, &e->same, &reason);
	if (st == BLK_INVALID) {
		e->state = SCAN_FAILED;
		*line = span_of(NULL, 0);
		return scan_report(l->d, e, SCAN_UNREADABLE, &reason, why);
	}
	if (st != BLK_OK)
		*why = reason;
	return st;
}

static enum blk_status
add_to_cache(struct lines *l, const struct scan_entry *e, struct span line,
    struct fault *why)
{
	struct scan_cache_entry c = {
		.trusted = e->trusted,
		.dev = e->stat.dev,
		.ino = e->stat.ino,
		.size = e->stat.size,
		.mtime = e->stat.mtime,
		.ctime = e->stat.ctime,
		.mode = e->stat.mode,
		.uid = e->stat.uid,
		.gid = e->stat.gid,
		.line = line,
	};

	if (e->type == TREE_DIR)
		c.child = e->child;
	return scan_cache_add(l->builder, &c, why);
}

/* Do the links of known entries still lead where the cache says? */
static enum blk_status
check_links(struct lines *l, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; i < l->d->entries && !l->d->changed; i++) {
		const struct scan_entry *e = &l->d->entry[i];
		struct span line;
		bool same = false;

		if (e->type == TREE_DIR || e->inode == NULL)
			continue;
		st = known_line(l, e, &line, &same, why);
		if (st != BLK_OK)
			return st;
		if (!same)
			l->d->changed = true;
	}
	scan_cache_dir_rewind(l->d->cached);
	l->has_known = false;
	return BLK_OK;
}

/* What the old cache says of a directory is what the new one says. */
static enum blk_status
copy_cached(struct lines *l, struct fault *why)
{
	struct scan_dir *d = l->d;
	struct scan_cache_ref *child = NULL;
	void *items = NULL;
	size_t children = 0, cap = 0;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		if (d->entry[i].type != TREE_DIR)
			continue;
		st = array_grow(&items, children, &cap, sizeof(*child), why);
		child = items;
		if (st == BLK_OK)
			child[children++] = d->entry[i].child;
	}
	if (st == BLK_OK)
		st = scan_cache_copy(l->scan->options.writer, d->cached, child,
		    children, &l->ref, why);
	free(items);
	return st;
}

/* Is there nothing to be said, or said already? */
static enum blk_status
begin_cache(struct lines *l, bool *done, struct fault *why)
{
	struct scan_cache_writer *w = l->scan->options.writer;
	enum blk_status st = BLK_ABSENT;

	*done = l->d->unchanged && w == NULL;
	if (w == NULL)
		return BLK_OK;
	if (l->d->unchanged)
		st = copy_cached(l, why);
	*done = st == BLK_OK;
	return st == BLK_ABSENT ? scan_cache_begin(w, &l->builder, why) : st;
}

static enum blk_status
give_lines(struct lines *l, struct fault *why)
{
	const struct scan_visitor *v = l->scan->visitor;
	struct scan_dir *d = l->d;
	bool done = false;
	enum blk_status st = begin_cache(l, &done, why);

	if (st != BLK_OK || done)
		return st;
	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		struct scan_entry *e = &d->entry[i];
		struct span line;

		st = line_of(l, e, &line, why);
		if (st != BLK_OK || line.len == 0)
			continue;
		if (!d->unchanged)
			st = v->line(v->arg, d, e, line, why);
		if (st == BLK_OK && l->builder != NULL)
			st = add_to_cache(l, e, line, why);
	}
	return st;
}

static enum blk_status
begin(struct lines *l, struct fault *why)
{
	struct scan_dir *d = l->d;
	enum blk_status st = BLK_OK;

	if (d->cached == NULL)
		d->changed = true;
	else
		scan_cache_dir_rewind(d->cached);
	if (!d->changed && d->has_links)
		st = check_links(l, why);
	d->unchanged = st == BLK_OK && !d->changed;
	if (d->unchanged)
		d->self->id = *scan_cache_dir_tree(d->cached);
	return st;
}

/* Its child, in the entry, is the one of the old cache until here. */
static enum blk_status
end(struct lines *l, struct fault *why)
{
	const struct scan_visitor *v = l->scan->visitor;
	struct scan_entry *self = l->d->self;
	enum blk_status st = v->complete(v->arg, l->d, &self->id, why);

	if (st == BLK_OK && l->builder != NULL)
		st = scan_cache_end(l->builder, &self->id, &l->ref, why);
	self->child = l->ref;
	return st;
}

const struct digest *
scan_dir_before(const struct scan_dir *d)
{
	return d->cached != NULL ? scan_cache_dir_tree(d->cached) : NULL;
}

enum blk_status
scan_dir_finish(struct scan_dir *d, struct fault *why)
{
	struct lines l = {
		.scan = d->scan,
		.d = d,
		.text = BUF_INIT(4 * TREE_LINE_MAX),
		.first = BUF_INIT(SIZE_MAX / 2),
		.scratch = TREE_SCRATCH_INIT,
	};
	enum blk_status st;

	scan_links_tell(d);
	st = begin(&l, why);
	if (st == BLK_OK)
		st = give_lines(&l, why);
	if (st == BLK_OK)
		st = end(&l, why);
	buf_release(&l.text);
	buf_release(&l.first);
	tree_scratch_release(&l.scratch);
	scan_cache_builder_free(l.builder);
	return st;
}

enum blk_status
scan_root_line(struct scan *s, struct buf *b, struct fault *why)
{
	struct tree_entry t;

	fill(&t, &s->root);
	return tree_format_root(&t, b, why);
}

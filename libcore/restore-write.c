/*
 * Files into windows, and windows to the workers and back.
 */
#include "restore-private.h"

#define WINDOW_FILES 16384

/* --- windows --- */

static struct tree_entry
parse(struct restore *r, const struct window *w, size_t line, size_t len,
    struct tree_scratch *s, enum blk_status *st, struct fault *why)
{
	struct tree_entry e = { .type = TREE_FILE };

	(void)r;
	*st = tree_parse(span_of(w->text.data + line, len), s, &e, why);
	return e;
}

static enum blk_status
retire_file(struct restore *r, const struct window *w, struct plan_file *f,
    struct tree_scratch *s, struct fault *why)
{
	enum blk_status st;
	struct tree_entry e = parse(r, w, f->line, f->line_len, s, &st, why);

	if (st != BLK_OK)
		return st;
	if (f->outcome == OUTCOME_AGAIN || f->again)
		return restore_by_reader(r, f->dir, &e, f->how, why);
	if (f->outcome != OUTCOME_FAILED && f->outcome != OUTCOME_NONE) {
		restore_count(&r->t->files, 1);
		restore_count(&r->t->bytes, e.size);
	}
	restore_outcome(r, f->dir, e.name, f->outcome);
	return restore_problem(r, f->dir, e.name, &f->m, why);
}

static enum blk_status
retire_link(struct restore *r, const struct window *w,
    const struct plan_link *l, struct tree_scratch *s, struct fault *why)
{
	struct mishap m = { .what = NULL };
	enum blk_status st;
	struct tree_entry e = parse(r, w, l->line, l->line_len, s, &st, why);
	bool made = false;
	enum verdict v;
	char name[256];
	struct stat old;

	if (st == BLK_OK)
		st = link_make(r, l->dir, &e,
		    span_of(w->text.data + l->to, l->to_len), &made, why);
	if (st != BLK_OK || made)
		return st;
	restore_problem_text(
	    r, l->dir, e.name, "cannot be linked to what it is a link of");
	if (!dir_open(r, l->dir, &m))
		return restore_problem(r, l->dir, e.name, &m, why);
	if (e.type != TREE_FILE)
		return node_restore(r, l->dir, &e, &r->t->others, why);
	restore_name(&e, name);
	v = restore_verdict(r, l->dir, &e, name, &old, &m);
	if (v == VERDICT_NEW || v == VERDICT_REPLACE || v == VERDICT_COMPARE)
		return restore_by_reader(r, l->dir, &e,
		    v == VERDICT_NEW           ? HOW_NEW
		        : v == VERDICT_REPLACE ? HOW_REPLACE
		                               : HOW_COMPARE,
		    why);
	return restore_problem(r, l->dir, e.name, &m, why);
}

/* Let go of the directories, whatever happened. */
static enum blk_status
unpin(struct restore *r, struct window *w, struct fault *why)
{
	enum blk_status st = BLK_OK, dropped;
	struct fault unsaid = FAULT_NONE;

	for (size_t i = 0; i < w->files + w->links; i++) {
		struct restore_dir *d =
		    i < w->files ? w->file[i].dir : w->link[i - w->files].dir;

		if (i < w->files)
			d->pins--;
		dropped = dir_drop(r, d, st == BLK_OK ? why : &unsaid);
		if (st == BLK_OK)
			st = dropped;
	}
	window_clear(w);
	return st;
}

static enum blk_status
retire(struct restore *r, struct window *w, struct fault *why)
{
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct fault unsaid = FAULT_NONE;
	enum blk_status st = BLK_OK, unpinned;

	for (size_t i = 0; st == BLK_OK && i < w->files; i++)
		st = retire_file(r, w, &w->file[i], &s, why);
	for (size_t i = 0; st == BLK_OK && i < w->links; i++)
		st = retire_link(r, w, &w->link[i], &s, why);
	unpinned = unpin(r, w, st == BLK_OK ? why : &unsaid);
	tree_scratch_release(&s);
	return st == BLK_OK ? unpinned : st;
}

/* Wait for the window that is written. */
static enum blk_status
wait_running(struct restore *r, struct fault *why)
{
	if (!r->running)
		return BLK_OK;
	pool_wait(r->pool);
	r->running = false;
	return retire(r, &r->window[1 - r->filling], why);
}

enum blk_status
restore_flush(struct restore *r, bool all, struct fault *why)
{
	enum blk_status st = window_arrange(&r->window[r->filling], why);

	if (st == BLK_OK)
		st = wait_running(r, why);
	if (st == BLK_OK && restore_stopped(r))
		st = fault(why, BLK_BUSY, "stopped");
	if (st != BLK_OK)
		return st;
	pool_start(r->pool, &r->window[r->filling]);
	r->running = true;
	r->filling = 1 - r->filling;
	return all ? wait_running(r, why) : BLK_OK;
}

void
restore_abandon(struct restore *r)
{
	struct fault unsaid = FAULT_NONE;

	if (r->running)
		pool_wait(r->pool);
	for (int i = 0; i < 2; i++)
		if (unpin(r, &r->window[i], &unsaid) != BLK_OK)
			continue; /* what went wrong before says it all */
}

/* --- into a window --- */

static enum blk_status
flush_if_full(struct restore *r, struct fault *why)
{
	const struct window *w = &r->window[r->filling];

	if (w->bytes < r->window_max && w->files + w->links < WINDOW_FILES &&
	    w->dirs < r->open_max / 4)
		return BLK_OK;
	return restore_flush(r, false, why);
}

static enum blk_status
add_link(struct restore *r, struct restore_dir *d, struct span line,
    const struct buf *to, struct fault *why)
{
	struct window *w = &r->window[r->filling];
	struct plan_link *l;
	enum blk_status st;

	st = array_grow(
	    (void **)&w->link, w->links, &w->links_cap, sizeof(*w->link), why);
	if (st != BLK_OK)
		return st;
	l = &w->link[w->links];
	*l = (struct plan_link){
		.dir = d, .line_len = line.len, .to_len = to->len
	};
	st = window_text(w, line, &l->line, why);
	if (st == BLK_OK)
		st = window_text(w, span_of(to->data, to->len), &l->to, why);
	if (st != BLK_OK)
		return st;
	w->links++;
	dir_hold(d);
	return flush_if_full(r, why);
}

static enum blk_status
add_file(struct restore *r, struct restore_dir *d, const struct tree_entry *e,
    struct span line, enum how how, struct fault *why)
{
	struct window *w = &r->window[r->filling];
	struct plan_file *f;
	enum blk_status st;

	st = array_grow(
	    (void **)&w->file, w->files, &w->files_cap, sizeof(*w->file), why);
	if (st != BLK_OK)
		return st;
	f = &w->file[w->files];
	*f = (struct plan_file){ .dir = d,
		.line_len = line.len,
		.id = e->id,
		.size = e->size,
		.how = how };
	st = window_text(w, line, &f->line, why);
	if (st != BLK_OK)
		return st;
	w->files++;
	dir_hold(d);
	w->dirs += d->pins++ == 0;
	w->bytes += e->size;
	st = finder_plan(r->finder, w, (uint32_t)(w->files - 1), why);
	return st == BLK_OK ? flush_if_full(r, why) : st;
}

static enum blk_status
write_file(struct restore *r, struct restore_dir *d, const struct tree_entry *e,
    struct span line, enum how how, struct fault *why)
{
	if (e->size > r->window_max / 8)
		return restore_by_reader(r, d, e, how, why);
	return add_file(r, d, e, line, how, why);
}

/* In a dry run.  A further name would become a link to what others write. */
static enum blk_status
tell_file(struct restore *r, struct restore_dir *d, const struct tree_entry *e,
    bool further, struct fault *why)
{
	static const enum outcome would[] = {
		[VERDICT_NEW] = OUTCOME_MADE,
		[VERDICT_REPLACE] = OUTCOME_REPLACED,
		[VERDICT_COMPARE] = OUTCOME_REPLACED,
		[VERDICT_UPDATE] = OUTCOME_UPDATED,
		[VERDICT_KEEP] = OUTCOME_KEPT,
	};
	struct mishap m = { .what = NULL };
	enum outcome out;
	struct stat old;
	enum verdict v;
	char name[256];

	restore_name(e, name);
	v = restore_verdict(r, d, e, name, &old, &m);
	if (v != VERDICT_FAILED) {
		out = would[v];
		if (v == VERDICT_COMPARE)
			(void)restore_can_stay(r, d, e, &out, &m);
		restore_count(further ? &r->t->links : &r->t->files, 1);
		restore_count(&r->t->bytes, further ? 0 : e->size);
		restore_outcome(r, d, e->name, out);
	}
	return restore_problem(r, d, e->name, &m, why);
}

static enum blk_status
write_or_leave(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, struct span line, struct fault *why)
{
	struct mishap m = { .what = NULL };
	struct stat old;
	enum verdict v;
	char name[256];

	restore_name(e, name);
	v = restore_verdict(r, d, e, name, &old, &m);
	if (v == VERDICT_NEW)
		return write_file(r, d, e, line, HOW_NEW, why);
	if (v == VERDICT_REPLACE)
		return write_file(r, d, e, line, HOW_REPLACE, why);
	if (v == VERDICT_COMPARE)
		return write_file(r, d, e, line, HOW_COMPARE, why);
	if (v != VERDICT_FAILED) {
		restore_count(&r->t->files, 1);
		restore_count(&r->t->bytes, e->size);
		restore_outcome(r, d, e->name,
		    v == VERDICT_KEEP ? OUTCOME_KEPT : OUTCOME_UPDATED);
	}
	return restore_problem(r, d, e->name, &m, why);
}

enum blk_status
restore_file(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, struct span line, struct fault *why)
{
	struct buf to = BUF_INIT(TREE_LINE_MAX);
	enum blk_status st = BLK_OK;
	bool further;

	if (node_is_unasked(r, e)) /* nor is there a first name to link */
		return node_restore(r, d, e, &r->t->others, why);
	st = link_find(r, e, &to, why);
	further = to.len > 0;
	if (st == BLK_OK && further && !r->o->dry_run)
		st = add_link(r, d, line, &to, why);
	else if (st == BLK_OK && e->type != TREE_FILE)
		st = node_restore(
		    r, d, e, further ? &r->t->links : &r->t->others, why);
	else if (st == BLK_OK && r->o->dry_run)
		st = tell_file(r, d, e, further, why);
	else if (st == BLK_OK)
		st = write_or_leave(r, d, e, line, why);
	buf_release(&to);
	return st;
}

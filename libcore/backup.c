#include "backup.h"

#include <stdlib.h>
#include <string.h>

#include "backup-private.h"
#include "file.h"
#include "thread.h"

/* --- totals --- */

static enum blk_status
see_owner(struct owner_set *set, uint32_t number, struct fault *why)
{
	enum blk_status st;

	for (size_t i = set->count; i-- > 0;)
		if (set->number[i] == number)
			return BLK_OK;
	st = array_grow((void **)&set->number, set->count, &set->cap,
	    sizeof(*set->number), why);
	if (st == BLK_OK)
		set->number[set->count++] = number;
	return st;
}

static void
count_file(struct backup *b, const struct scan_entry *e)
{
	b->snap.files++;
	b->snap.bytes += e->stat.size;
	backup_count(&b->t->bytes, e->stat.size);
	backup_count(e->state == SCAN_KNOWN || e->same ? &b->t->files_known
	        : e->existed                           ? &b->t->files_changed
	                                               : &b->t->files_new,
	    1);
}

/* With the lock. */
static enum blk_status
count_entry(struct backup *b, const struct scan_entry *e, struct fault *why)
{
	enum blk_status st;

	if (e->type == TREE_FILE) {
		count_file(b, e);
	} else if (e->type == TREE_DIR) {
		b->snap.dirs++;
	} else {
		b->snap.others++;
		backup_count(&b->t->others, 1);
	}
	st = see_owner(&b->users, e->stat.uid, why);
	return st == BLK_OK ? see_owner(&b->groups, e->stat.gid, why) : st;
}

/*
 * Not before the directory is complete: of what the walk finds some cannot be
 * read, and only what is in the tree counts.
 */
static enum blk_status
count_entries(struct backup *b, const struct scan_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; st == BLK_OK && i < d->entries; i++)
		if (scan_entry_is_taken(&d->entry[i]))
			st = count_entry(b, &d->entry[i], why);
	pthread_mutex_unlock(&b->lock);
	return st;
}

/* --- workers --- */

static void
fail(struct backup *b, enum blk_status st, const struct fault *why)
{
	pthread_mutex_lock(&b->lock);
	if (b->st == BLK_OK) {
		b->st = st;
		b->why = *why;
	}
	pthread_cond_broadcast(&b->room);
	pthread_mutex_unlock(&b->lock);
}

static struct scan_dir *
take(struct backup *b, bool *failed)
{
	struct scan_dir *d = NULL;

	pthread_mutex_lock(&b->lock);
	while (b->count == 0 && !b->done)
		pthread_cond_wait(&b->more, &b->lock);
	if (b->count > 0) {
		d = b->queue[b->head];
		b->head = (b->head + 1) % QUEUE;
		b->count--;
		pthread_cond_signal(&b->room);
	}
	*failed = b->st != BLK_OK;
	pthread_mutex_unlock(&b->lock);
	return d;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct scan_dir *d;
	bool failed;

	pthread_setspecific(w->b->self, w);
	while ((d = take(w->b, &failed)) != NULL) {
		struct fault why = FAULT_NONE;
		enum blk_status st = BLK_OK, dropped;

		if (!failed)
			st = backup_read_dir(w, d, &why);
		if (st != BLK_OK)
			fail(w->b, st, &why);
		dropped = scan_dir_drop(d, &why);
		if (dropped != BLK_OK)
			fail(w->b, dropped, &why);
	}
	return NULL;
}

/* Hand a directory to the workers; waits while too many wait. */
static enum blk_status
give(struct backup *b, struct scan_dir *d, struct fault *why)
{
	enum blk_status st;

	scan_dir_hold(d);
	pthread_mutex_lock(&b->lock);
	while (b->count == QUEUE && b->st == BLK_OK)
		pthread_cond_wait(&b->room, &b->lock);
	st = b->st;
	if (st == BLK_OK) {
		b->queue[(b->head + b->count++) % QUEUE] = d;
		pthread_cond_signal(&b->more);
	} else {
		*why = b->why;
	}
	pthread_mutex_unlock(&b->lock);
	if (st != BLK_OK) {
		struct fault ignored = FAULT_NONE;

		if (scan_dir_drop(d, &ignored) != BLK_OK)
			return st;
	}
	return st;
}

/* --- the visitor --- */

static enum blk_status
on_enter(void *arg, struct scan_dir *d, struct fault *why)
{
	struct backup *b = arg;
	enum blk_status st = BLK_OK;

	if (backup_stopped(b))
		st = fault(why, BLK_BUSY, "stopped");
	if (st == BLK_OK && d->todo > 0)
		st = give(b, d, why);
	return st;
}

/* The lines of a directory, and its end, come in one thread, one directory
 * at a time: user is set behind the first. */
static enum blk_status
begin_tree(struct worker *w, struct scan_dir *d, struct fault *why)
{
	if (d->user != NULL)
		return BLK_OK;
	d->user = w->lane;
	return lane_text_begin(w->lane, why);
}

static enum blk_status
on_line(void *arg, struct scan_dir *d, const struct scan_entry *e,
    struct span line, struct fault *why)
{
	struct backup *b = arg;
	struct worker *w = pthread_getspecific(b->self);
	enum blk_status st;

	(void)e;
	if (b->o->dry_run)
		return BLK_OK;
	st = begin_tree(w, d, why);
	return st == BLK_OK ? lane_text_line(w->lane, line, why) : st;
}

/* What was read again may come out as it was. */
static void
count_dir(struct backup *b, const struct scan_dir *d, const struct digest *id)
{
	const struct digest *before = scan_dir_before(d);
	bool known =
	    d->unchanged || (before != NULL && digest_equal(before, id));

	backup_count(known         ? &b->t->dirs_known
	        : d->self->existed ? &b->t->dirs_changed
	                           : &b->t->dirs_new,
	    1);
}

static enum blk_status
on_complete(void *arg, struct scan_dir *d, struct digest *id, struct fault *why)
{
	struct backup *b = arg;
	struct worker *w = pthread_getspecific(b->self);
	enum blk_status st = count_entries(b, d, why);

	if (st == BLK_OK && b->o->dry_run && !d->unchanged) {
		*id = (struct digest){ { 0 } }; /* nobody asks for it */
	} else if (st == BLK_OK && !d->unchanged) {
		st = begin_tree(w, d, why);
		if (st == BLK_OK)
			st = lane_text_end(w->lane, KIND_TREE, id, why);
	}
	if (st == BLK_OK)
		count_dir(b, d, id);
	return st;
}

static void
on_report(void *arg, enum scan_problem what, struct span path,
    const struct fault *reason)
{
	struct backup *b = arg;
	const char *text = reason != NULL ? reason->text : "";
	struct fault ignored = FAULT_NONE;
	enum blk_status st = BLK_OK;

	pthread_mutex_lock(&b->lock);
	if (what == SCAN_UNREADABLE || what == SCAN_METADATA)
		st = snapshot_add_error(&b->snap, path,
		    span_str(text[0] != '\0' ? text : "unreadable"), &ignored);
	else if (what == SCAN_CHANGED)
		st = snapshot_add_changed(&b->snap, path, &ignored);
	if (what == SCAN_UNREADABLE || what == SCAN_METADATA ||
	    what == SCAN_CHANGED)
		b->t->problems++;
	if (b->o->problem != NULL)
		b->o->problem(
		    b->o->arg, what, path, st == BLK_OK ? text : ignored.text);
	pthread_mutex_unlock(&b->lock);
}

/* --- the run --- */

static enum blk_status
open_workers(struct backup *b, struct fault *why)
{
	struct writer_options o = { .lanes = b->workers,
		.max_memory = b->o->max_memory };
	enum blk_status st = BLK_OK;

	b->worker = calloc(b->workers, sizeof(*b->worker));
	if (b->worker == NULL)
		return fault_nomem(why);
	if (pthread_key_create(&b->self, NULL) != 0)
		return fault(why, BLK_FAILED, "no thread key");
	b->keyed = true;
	st = writer_open(b->s, &o, &b->w, why);
	for (unsigned i = 0; st == BLK_OK && i < b->workers; i++) {
		b->worker[i].b = b;
		b->worker[i].lane = writer_lane(b->w, i);
	}
	if (st == BLK_OK)
		pthread_setspecific(b->self, &b->worker[0]);
	return st;
}

static enum blk_status
start_workers(struct backup *b, struct fault *why)
{
	for (unsigned i = 1; i < b->workers; i++) {
		if (!thread_start(&b->worker[i].thread, work, &b->worker[i]))
			return fault_sys(why, "start a worker");
		b->worker[i].started = true;
	}
	return BLK_OK;
}

static void
join_workers(struct backup *b)
{
	pthread_mutex_lock(&b->lock);
	b->done = true;
	pthread_cond_broadcast(&b->more);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 1; b->worker != NULL && i < b->workers; i++)
		if (b->worker[i].started)
			pthread_join(b->worker[i].thread, NULL);
}

static enum blk_status
absolute_paths(const struct backup_options *o, char **path, struct backup *b,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < o->paths; i++) {
		struct buf one = BUF_INIT(1 << 20);

		st = scan_absolute(o->path[i], &one, why);
		if (st == BLK_OK)
			st = buf_add_u8(&one, 0, why);
		path[i] = (char *)one.data;
		if (st == BLK_OK)
			st = snapshot_list_add(
			    &b->snap.path, span_str(path[i]), why);
	}
	return st;
}

static enum blk_status
walk(struct backup *b, char **path, struct fault *why)
{
	const struct scan_visitor visitor = { .enter = on_enter,
		.line = on_line,
		.complete = on_complete,
		.report = on_report,
		.arg = b };
	const struct scan_options so = {
		.path = (const char *const *)path,
		.paths = b->o->paths,
		.filter = b->o->filter,
		.one_file_system = b->o->one_file_system,
		.privileged_xattrs = b->o->privileged_xattrs,
		.cache = b->cache,
		.writer = b->next_cache,
		.visitor = &visitor,
	};
	enum blk_status st;

	st = scan_open(&so, &b->scan, why);
	if (st == BLK_OK)
		st = start_workers(b, why);
	if (st == BLK_OK)
		st = scan_run(b->scan, why);
	join_workers(b);
	if (b->st != BLK_OK) {
		*why = b->why;
		return b->st;
	}
	return st;
}

static void
backup_release(struct backup *b)
{
	scan_close(b->scan);
	scan_cache_close(b->cache);
	scan_cache_writer_free(b->next_cache);
	file_close(b->cache_fd);
	writer_close(b->w);
	free(b->worker);
	if (b->keyed)
		pthread_key_delete(b->self);
	free(b->users.number);
	free(b->groups.number);
	snapshot_release(&b->snap);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->more);
	pthread_cond_destroy(&b->room);
}

enum blk_status
backup_create(struct store *s, const struct backup_options *o,
    struct backup_result *r, struct fault *why)
{
	struct backup b = { .s = s,
		.o = o,
		.t = o->totals != NULL ? o->totals : &r->totals,
		.workers = o->jobs + 1,
		.cache_fd = -1 };
	char **path = calloc(o->paths + 1, sizeof(*path));
	enum blk_status st = BLK_OK;

	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&b.lock, NULL);
	pthread_cond_init(&b.more, NULL);
	pthread_cond_init(&b.room, NULL);
	if (path == NULL)
		st = fault_nomem(why);
	if (st == BLK_OK)
		st = backup_begin_snapshot(&b, why);
	if (st == BLK_OK)
		st = absolute_paths(o, path, &b, why);
	if (st == BLK_OK)
		st = open_workers(&b, why);
	if (st == BLK_OK) {
		backup_open_cache(&b);
		st = walk(&b, path, why);
	}
	if (st == BLK_OK)
		st = backup_name_it(&b, r, why);
	/* Its tree is referenced: by the new version, or by the last one. */
	if (st == BLK_OK && !o->dry_run)
		backup_save_cache(&b, scan_root(b.scan));
	r->totals = *b.t;
	r->start = b.snap.start;
	r->end = b.snap.end;
	if (b.w != NULL)
		writer_totals(b.w, &r->written);
	for (size_t i = 0; path != NULL && i < o->paths; i++)
		free(path[i]);
	free(path);
	backup_release(&b);
	return st;
}

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "scan-internal.h"

/*
 * --- paths ---
 */

enum blk_status
scan_path(const struct scan_dir *d, const struct scan_entry *e, struct buf *b,
    struct fault *why)
{
	size_t len = e != NULL ? (size_t)e->name_len + 1 : 0;
	enum blk_status st = BLK_OK;
	char *end = NULL;

	for (const struct scan_dir *p = d; p->parent != NULL; p = p->parent)
		if (!size_add(len, (size_t)p->self->name_len + 1, &len))
			return fault_nomem(why);
	if (len == 0)
		return BLK_OK;
	st = buf_reserve(b, len, why);
	if (st != BLK_OK)
		return st;
	/* From the end, each name with a slash behind it; the last without. */
	end = (char *)b->data + b->len + len;
	b->len += len - 1;
	if (e != NULL) {
		*--end = '/';
		end -= e->name_len;
		memcpy(end, e->name, e->name_len);
	}
	for (const struct scan_dir *p = d; p->parent != NULL; p = p->parent) {
		*--end = '/';
		end -= p->self->name_len;
		memcpy(end, p->self->name, p->self->name_len);
	}
	return BLK_OK;
}

static enum blk_status
absolute(const struct scan_dir *d, const struct scan_entry *e, struct buf *b,
    struct fault *why)
{
	const struct buf *base = &d->scan->base;
	enum blk_status st = buf_add(b, "/", 1, why);

	if (st == BLK_OK)
		st = buf_add(b, base->data, base->len, why);
	if (st == BLK_OK && base->len > 0 && (e != NULL || d->parent != NULL))
		st = buf_add(b, "/", 1, why);
	return st != BLK_OK ? st : scan_path(d, e, b, why);
}

enum blk_status
scan_report(struct scan_dir *d, const struct scan_entry *e,
    enum scan_problem what, const struct fault *reason, struct fault *why)
{
	const struct scan_visitor *v = d->scan->visitor;
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = absolute(d, e, &path, why);

	if (st == BLK_OK) {
		pthread_mutex_lock(&d->scan->report_lock);
		v->report(v->arg, what, span_of(path.data, path.len), reason);
		pthread_mutex_unlock(&d->scan->report_lock);
	}
	buf_release(&path);
	return st;
}

/*
 * --- who still needs a directory ---
 */

void
scan_dir_free(struct scan_dir *d)
{
	const struct scan_visitor *v;

	if (d == NULL)
		return;
	v = d->scan->visitor;
	if (d->user != NULL && v->forget != NULL)
		v->forget(v->arg, d);
	for (size_t i = 0; i < d->entries; i++)
		free(d->entry[i].meta);
	scan_cache_dir_close(d->cached);
	if (d->parent != NULL || d->fd != d->scan->root_fd)
		file_close(d->fd);
	free(d->entry);
	free(d);
}

void
scan_dir_ref(struct scan_dir *d)
{
	pthread_mutex_lock(&d->scan->lock);
	d->refs++;
	pthread_mutex_unlock(&d->scan->lock);
}

/* One less; true when that was the last.  *failed: the walk has ended. */
static bool
was_last(struct scan_dir *d, bool changed, bool *failed)
{
	bool last = false;

	pthread_mutex_lock(&d->scan->lock);
	if (changed)
		d->changed = true;
	last = --d->refs == 0;
	*failed = d->scan->failed;
	pthread_mutex_unlock(&d->scan->lock);
	return last;
}

static void
fail(struct scan *s)
{
	pthread_mutex_lock(&s->lock);
	s->failed = true;
	pthread_mutex_unlock(&s->lock);
}

/* A directory that was the last thing another waited for completes that one
 * too, and so on, without recursion: trees are deep. */
enum blk_status
scan_dir_unref(struct scan_dir *d, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool changed = false, failed = false;

	while (d != NULL && was_last(d, changed, &failed)) {
		struct scan_dir *parent = d->parent;

		if (!failed && st == BLK_OK && !d->left_out) {
			st = scan_dir_finish(d, why);
			if (st != BLK_OK)
				fail(d->scan);
		}
		for (size_t i = 0; i < d->entries; i++)
			scan_links_leave(
			    d->scan, &d->entry[i], !failed && st == BLK_OK);
		changed = !d->unchanged;
		scan_dir_free(d);
		d = parent;
	}
	return st;
}

void
scan_dir_hold(struct scan_dir *d)
{
	pthread_mutex_lock(&d->scan->lock);
	d->refs++;
	d->pins++;
	pthread_mutex_unlock(&d->scan->lock);
}

enum blk_status
scan_dir_drop(struct scan_dir *d, struct fault *why)
{
	int fd = -1;

	pthread_mutex_lock(&d->scan->lock);
	if (--d->pins == 0 && !d->walked) {
		fd = d->fd;
		d->fd = -1;
	}
	pthread_mutex_unlock(&d->scan->lock);
	file_close(fd);
	return scan_dir_unref(d, why);
}

/*
 * Files that are written together: their parts, in the order of segments and
 * frames.
 */
#include <stdlib.h>
#include <string.h>

#include "restore-private.h"

#define BARE 64 /* empty files in a group */

void
window_release(struct window *w)
{
	window_clear(w);
	buf_release(&w->text);
	free(w->file);
	free(w->part);
	free(w->frame);
	free(w->link);
	free(w->group);
	*w = (struct window){ .text = w->text };
}

void
window_clear(struct window *w)
{
	for (size_t i = 0; i < w->files; i++)
		free(w->file[i].data);
	w->text.len = 0;
	w->files = w->parts = w->frames = w->links = w->groups = 0;
	w->taken = w->finished = 0;
	w->bytes = 0;
	w->dirs = 0;
}

enum blk_status
window_text(struct window *w, struct span s, size_t *at, struct fault *why)
{
	*at = w->text.len;
	return buf_add(&w->text, s.p, s.len, why);
}

static int
by_place(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	if (x->file != y->file && x->from == y->from)
		return x->file < y->file ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool
follows(const struct part *x, const struct part *y)
{
	return x->seq == y->seq && x->frame == y->frame && x->file == y->file &&
	    x->from + x->len == y->from && x->at + x->len == y->at;
}

/* Make one part of those that follow on each other. */
static void
join_parts(struct window *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->parts; i++) {
		struct part *last = n > 0 ? &w->part[n - 1] : NULL;

		if (last != NULL && follows(last, &w->part[i]))
			last->len += w->part[i].len;
		else
			w->part[n++] = w->part[i];
	}
	w->parts = n;
}

static enum blk_status
group_parts(struct window *w, struct fault *why)
{
	for (size_t i = 0; i < w->parts; i++) {
		const struct part *p = &w->part[i];
		struct group *g =
		    w->groups > 0 ? &w->group[w->groups - 1] : NULL;
		enum blk_status st;

		if (g != NULL && p->seq == w->part[g->first].seq &&
		    p->frame == w->part[g->first].frame &&
		    (p->seq != 0 || g->count < BARE)) {
			g->count++;
			continue;
		}
		st = array_grow((void **)&w->group, w->groups, &w->groups_cap,
		    sizeof(*w->group), why);
		if (st != BLK_OK)
			return st;
		w->group[w->groups++] = (struct group){ i, 1 };
	}
	return BLK_OK;
}

static void
count_parts(struct window *w)
{
	for (size_t i = 0; i < w->parts; i++)
		w->file[w->part[i].file].left++;
	for (size_t i = 0; i < w->files; i++)
		w->file[i].pieces = w->file[i].left > 1;
}

enum blk_status
window_arrange(struct window *w, struct fault *why)
{
	if (w->parts > 0)
		qsort(w->part, w->parts, sizeof(*w->part), by_place);
	join_parts(w);
	count_parts(w);
	return group_parts(w, why);
}

/*
 * The engine of the model: blobs that are visible before they are durable,
 * answers that are lost, puts and removals that happen late.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "segment.h"
#include "world.h"

/* --- the operations --- */

struct engine {
	struct backend base;
	struct proc *p;
};

static struct proc *
proc_of(struct backend *b)
{
	return ((struct engine *)b)->p;
}

static enum blk_status
killed(struct fault *why)
{
	return fault(why, BLK_FAILED, "killed");
}

static enum blk_status
refused(const char *key, struct fault *why)
{
	return fault(why, BLK_FAILED, "%s: input/output error", key);
}

/* The answer to a put is lost: said so, or as a failure. */
static enum blk_status
lost(struct proc *p, const char *key, enum backend_outcome *outcome,
    struct fault *why)
{
	*outcome = BACKEND_UNSURE;
	if (p->w->merciless || rng_chance(&p->w->rng, 2))
		return BLK_OK;
	return fault(why, BLK_FAILED, "%s: the answer was lost", key);
}

/* What lies before a put; true: that was all, with *st. */
static bool
put_met(struct proc *p, enum order o, const char *key, struct blob *blob,
    bool exclusive, enum backend_outcome *outcome, enum blk_status *st,
    struct fault *why)
{
	if (o == ORDER_KILL_LATE || o == ORDER_LOSE_LATE)
		late_add(p->w, key, blob, exclusive);
	if (o == ORDER_KILL || o == ORDER_KILL_LATE)
		*st = killed(why);
	else if (o == ORDER_FAIL)
		*st = refused(key, why);
	else if (o == ORDER_LOSE_LATE || o == ORDER_LOSE_NEVER)
		*st =
		    exclusive ? lost(p, key, outcome, why) : refused(key, why);
	else
		return false;
	return true;
}

/* A put has returned: so are the removals of its process durable. */
static void
make_durable(
    struct world *w, struct proc *p, const char *key, struct blob *blob)
{
	struct slot *s = world_slot(w, key);

	if (s->seen == blob)
		blob_set(&s->durable, blob);
	for (size_t i = 0; i < w->slots; i++) {
		s = &w->slot[i];
		if (s->remover != p)
			continue;
		s->remover = NULL;
		if (s->seen == NULL)
			blob_set(&s->durable, NULL);
	}
}

/* What a commit says: its record stands in it as it is. */
static void
trace_commit(struct world *w, const char *key, const struct blob *b)
{
	const char *text = (const char *)b->bytes + SEGMENT_HEADER;
	const char *end = (const char *)b->bytes + b->len;

	if (!w->trace || strncmp(key, "log/", 4) != 0)
		return;
	while (text < end && *text >= 'a' && *text <= 'z') {
		size_t n = (size_t)(end - text);
		const char *lf = memchr(text, '\n', n);

		if (lf != NULL)
			n = (size_t)(lf - text);
		world_trace(w, "        | %.*s", (int)n, text);
		text += n + 1;
	}
}

/* Put it where it is seen; false: somebody was first. */
static bool
put_seen(struct world *w, const char *key, struct blob *blob, bool exclusive)
{
	struct slot *s = world_slot(w, key);

	if (exclusive && s->seen != NULL)
		return false;
	if (s->seen != NULL && !blob_equal(s->seen, blob))
		world_broken(w, "%s is overwritten with other bytes", key);
	blob_set(&s->seen, blob);
	s->remover = NULL;
	trace_commit(w, key, blob);
	return true;
}

static enum blk_status
engine_put(struct backend *b, const char *key, const struct iovec *part,
    size_t n, unsigned flags, enum backend_outcome *outcome, struct fault *why)
{
	struct proc *p = proc_of(b);
	bool exclusive = (flags & BACKEND_EXCLUSIVE) != 0, made;
	struct blob *blob = blob_use(blob_new(part, n));
	enum blk_status st = BLK_OK;
	enum order o;

	*outcome = BACKEND_UNSURE;
	o = proc_stop(p, POINT_BEFORE, BACKEND_OP_PUT, key);
	if (put_met(p, o, key, blob, exclusive, outcome, &st, why))
		goto out;
	made = put_seen(p->w, key, blob, exclusive);
	if (made) {
		o = proc_stop(p, POINT_SEEN, BACKEND_OP_PUT, key);
		if (o == ORDER_KILL || o == ORDER_KILL_LATE) {
			st = killed(why);
			goto out;
		}
		if (o == ORDER_FAIL) { /* its sync failed */
			st = refused(key, why);
			goto out;
		}
		make_durable(p->w, p, key, blob);
	}
	o = proc_stop(p, POINT_AFTER, BACKEND_OP_PUT, key);
	if (o == ORDER_KILL || o == ORDER_KILL_LATE)
		st = killed(why);
	else if (o != ORDER_GO)
		st = exclusive ? lost(p, key, outcome, why) : refused(key, why);
	else
		*outcome = made ? BACKEND_MADE : BACKEND_EXISTS;
out:
	blob_put_back(blob);
	return st;
}

/* The one point of an operation that changes nothing. */
static enum blk_status
look(struct proc *p, enum backend_op op, const char *key, struct fault *why)
{
	switch (proc_stop(p, POINT_BEFORE, op, key)) {
	case ORDER_GO:
		return BLK_OK;
	case ORDER_KILL:
	case ORDER_KILL_LATE:
		return killed(why);
	default:
		return refused(key, why);
	}
}

static enum blk_status
engine_get(struct backend *b, const char *key, uint64_t offset, void *buf,
    size_t len, size_t *got, struct fault *why)
{
	struct proc *p = proc_of(b);
	enum blk_status st = look(p, BACKEND_OP_GET, key, why);
	const struct blob *blob;

	*got = 0;
	if (st != BLK_OK)
		return st;
	blob = world_slot(p->w, key)->seen;
	if (blob == NULL)
		return BLK_ABSENT;
	if (offset < blob->len) {
		*got = blob->len - (size_t)offset;
		if (*got > len)
			*got = len;
		memcpy(buf, blob->bytes + offset, *got);
	}
	return BLK_OK;
}

static enum blk_status
engine_stat(struct backend *b, const char *key, struct backend_stat *out,
    struct fault *why)
{
	struct proc *p = proc_of(b);
	enum blk_status st = look(p, BACKEND_OP_STAT, key, why);
	const struct blob *blob;

	if (st != BLK_OK)
		return st;
	blob = world_slot(p->w, key)->seen;
	if (blob == NULL)
		return BLK_ABSENT;
	*out = (struct backend_stat){ .bytes = blob->len };
	return BLK_OK;
}

/* --- list: of two cuts --- */

struct seen {
	char key[BACKEND_KEY_MAX + 1];
	struct backend_stat st;
	bool then, now;
};

struct listed {
	struct seen *item;
	size_t count, cap;
};

static void
list_cut(struct world *w, const char *prefix, struct listed *l, bool second)
{
	size_t len = strlen(prefix);
	struct fault why = FAULT_NONE;

	for (size_t i = 0; i < w->slots; i++) {
		const struct slot *s = &w->slot[i];
		size_t k = l->count;

		if (s->seen == NULL || strncmp(s->key, prefix, len) != 0)
			continue;
		if (second)
			for (k = 0; k < l->count; k++)
				if (strcmp(l->item[k].key, s->key) == 0)
					break;
		if (k == l->count) {
			if (array_grow((void **)&l->item, l->count, &l->cap,
			        sizeof(*l->item), &why) != BLK_OK)
				world_die("out of memory");
			l->item[l->count++] = (struct seen){ .then = !second };
			memcpy(l->item[k].key, s->key, sizeof(s->key));
		}
		l->item[k].st.bytes = s->seen->len;
		l->item[k].now = l->item[k].now || second;
	}
}

static enum blk_status
engine_list(struct backend *b, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, bool *complete, struct fault *why)
{
	struct proc *p = proc_of(b);
	struct listed l = { .item = NULL };
	enum blk_status st = look(p, BACKEND_OP_LIST, prefix, why);
	enum order o;

	*complete = st == BLK_OK;
	if (st != BLK_OK)
		return st;
	list_cut(p->w, prefix, &l, false);
	o = proc_stop(p, POINT_SEEN, BACKEND_OP_LIST, prefix);
	if (o != ORDER_GO)
		st = o == ORDER_KILL ? killed(why) : refused(prefix, why);
	list_cut(p->w, prefix, &l, true);
	for (size_t i = 0; st == BLK_OK && i < l.count; i++) {
		const struct seen *s = &l.item[i];

		if (s->then == s->now || rng_chance(&p->w->rng, 2))
			st = visit(arg, s->key, &s->st, why);
	}
	free(l.item);
	return st;
}

static enum blk_status
engine_remove(struct backend *b, const char *key, struct fault *why)
{
	struct proc *p = proc_of(b);
	enum order o = proc_stop(p, POINT_BEFORE, BACKEND_OP_REMOVE, key);
	struct slot *s;

	if (o == ORDER_KILL_LATE || o == ORDER_LOSE_LATE)
		late_add(p->w, key, NULL, false);
	if (o == ORDER_KILL || o == ORDER_KILL_LATE)
		return killed(why);
	if (o != ORDER_GO)
		return refused(key, why);
	s = world_slot(p->w, key);
	if (s->seen != NULL)
		s->remover = p;
	blob_set(&s->seen, NULL);
	o = proc_stop(p, POINT_AFTER, BACKEND_OP_REMOVE, key);
	if (o == ORDER_KILL || o == ORDER_KILL_LATE)
		return killed(why);
	return o == ORDER_GO ? BLK_OK : refused(key, why);
}

static enum blk_status
engine_settle(struct backend *b, const char *key, struct fault *why)
{
	struct proc *p = proc_of(b);
	enum blk_status st = look(p, BACKEND_OP_SETTLE, key, why);
	struct slot *s;

	if (st != BLK_OK)
		return st;
	s = world_slot(p->w, key);
	blob_set(&s->durable, s->seen);
	return BLK_OK;
}

static void
engine_close(struct backend *b)
{
	free(b);
}

static const struct backend_type engine_type = {
	.scheme = "model",
	.summary = "the engine of the model",
	.put = engine_put,
	.get = engine_get,
	.stat = engine_stat,
	.list = engine_list,
	.remove = engine_remove,
	.settle = engine_settle,
	.close = engine_close,
};

struct backend *
engine_open(struct proc *p)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		world_die("out of memory");
	e->base.type = &engine_type;
	e->base.caps = (struct backend_caps){ .local = true };
	e->p = p;
	return &e->base;
}

/*
 * Reading data: which segments, and by as many threads as asked for, a segment
 * each.  All threads but one read beside what the caller checks meanwhile; the
 * catalog is the caller's alone until they have ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-private.h"
#include "file.h"
#include "thread.h"

struct job {
	struct catalog_segment seg;
	int64_t read; /* when it was read last, ns; 0: never */
	bool done;
};

struct worker {
	struct check_data *d;
	pthread_t thread;
	bool started;
};

struct check_data {
	struct check *c;
	struct worker *worker; /* the first is the caller's own thread */
	unsigned workers;
	struct job *job;
	size_t jobs, cap, next;
	uint64_t budget; /* bytes that may be read */
	uint64_t chosen_bytes, done_bytes;
	int64_t end_ms;
	enum blk_status st; /* of the first worker that failed */
	struct fault why;
};

/* --- what was read when: "stat verified ID TIME" --- */

struct verified {
	struct idmap when; /* segment id -> ns */
};

static enum blk_status
see_stat(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct verified *v = arg;
	struct span rest = span_str(line), word, id, time;
	struct digest segment;
	enum blk_status st;
	int64_t ns, *value;

	(void)commit;
	if (!text_field(&rest, &word) || !span_is(word, "verified") ||
	    !text_field(&rest, &id) || !text_field(&rest, &time) ||
	    !digest_parse(id.p, id.len, &segment) || !text_i64(time, &ns))
		return BLK_OK;
	st = idmap_put(&v->when, &segment, 0, &value, NULL, why);
	if (st == BLK_OK && ns > *value)
		*value = ns;
	return st;
}

static enum blk_status
remember(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct check_data *d = arg;
	enum blk_status st = BLK_OK;

	(void)s;
	for (size_t i = 0; st == BLK_OK && i < d->jobs; i++) {
		struct buf line = BUF_INIT(256);
		char hex[DIGEST_HEX];

		if (!d->job[i].done)
			continue;
		digest_hex(&d->job[i].seg.id, hex);
		st = buf_printf(
		    &line, why, "verified %s %jd", hex, (intmax_t)k->time);
		if (st == BLK_OK)
			st = commit_add_text(
			    k, VERB_STAT, NULL, (char *)line.data, why);
		buf_release(&line);
	}
	return st;
}

/* --- choosing --- */

/* Longest unread first; in the order of adding where that is equal. */
static int
age_order(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->read != y->read)
		return x->read < y->read ? -1 : 1;
	return (x->seg.seq > y->seg.seq) - (x->seg.seq < y->seg.seq);
}

static enum blk_status
list_segments(struct check_data *d, const struct verified *v, struct fault *why)
{
	struct catalog *cat = store_catalog(d->c->s);
	struct catalog_segment seg = { .seq = 0 };
	int64_t now = store_now(d->c->s);
	enum blk_status st;

	while (
	    (st = cat->type->segment_next(cat, seg.seq, &seg, why)) == BLK_OK) {
		const int64_t *read = idmap_get(&v->when, &seg.id, 0);

		if (seg.condemned != 0)
			continue;
		if (read != NULL && d->c->o->max_age > 0 &&
		    now - *read < d->c->o->max_age * 1000000000)
			continue;
		st = array_grow(
		    (void **)&d->job, d->jobs, &d->cap, sizeof(*d->job), why);
		if (st != BLK_OK)
			return st;
		d->job[d->jobs++] = (struct job){ .seg = seg,
			.read = read == NULL ? 0 : *read };
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* Part N of T: by the first bits of the id, the same on every day. */
static void
keep_part(struct check_data *d, uint64_t part, uint64_t parts)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->jobs; i++) {
		uint64_t at = get_le64(d->job[i].seg.id.byte) % parts;

		if (at + 1 == part)
			d->job[kept++] = d->job[i];
	}
	d->jobs = kept;
}

static void
choose(struct check_data *d)
{
	const struct check_options *o = d->c->o;
	uint64_t all = 0;
	size_t n = 0;

	if (o->share == CHECK_PART)
		keep_part(d, o->amount, o->parts);
	if (d->jobs > 1)
		qsort(d->job, d->jobs, sizeof(*d->job), age_order);
	for (size_t i = 0; i < d->jobs; i++)
		all += d->job[i].seg.bytes;
	d->budget = all;
	if (o->share == CHECK_PERCENT)
		d->budget = all / 100 * o->amount + all % 100;
	else if (o->share == CHECK_BYTES)
		d->budget = o->amount;
	while (n < d->jobs && d->chosen_bytes < d->budget)
		d->chosen_bytes += d->job[n++].seg.bytes;
	d->jobs = n;
}

/* --- reading --- */

static struct job *
take_job(struct check_data *d)
{
	struct job *j = NULL;

	pthread_mutex_lock(&d->c->lock);
	if (d->next < d->jobs && !d->c->stop && d->st == BLK_OK &&
	    file_clock_ms() < d->end_ms)
		j = &d->job[d->next++];
	pthread_mutex_unlock(&d->c->lock);
	return j;
}

static void
job_done(struct check_data *d, struct job *j)
{
	const struct check_options *o = d->c->o;
	struct check_report *rep = d->c->r;

	pthread_mutex_lock(&d->c->lock);
	j->done = true;
	rep->read_segments++;
	rep->read_bytes += j->seg.bytes;
	d->done_bytes += j->seg.bytes;
	if (o->progress != NULL &&
	    o->progress(o->arg, d->done_bytes, d->chosen_bytes))
		d->c->stop = true;
	pthread_mutex_unlock(&d->c->lock);
}

static void *
work(void *arg)
{
	struct check_data *d = ((struct worker *)arg)->d;
	struct check_reader *r = NULL;
	struct fault why = FAULT_NONE;
	enum blk_status st;
	struct job *j;

	st = check_reader_new(d->c, &r, &why);
	while (st == BLK_OK && (j = take_job(d)) != NULL) {
		st = check_read(r, &j->seg, &why);
		if (st == BLK_OK)
			job_done(d, j);
	}
	if (st != BLK_OK) {
		pthread_mutex_lock(&d->c->lock);
		if (d->st == BLK_OK) {
			d->st = st;
			d->why = why;
		}
		pthread_mutex_unlock(&d->c->lock);
	}
	check_reader_free(r);
	return NULL;
}

static void
data_free(struct check_data *d)
{
	free(d->worker);
	free(d->job);
	free(d);
}

/* Choose, while no thread is about. */
static enum blk_status
prepare(struct check_data *d, struct fault *why)
{
	struct verified v = { .when = { .slot = NULL } };
	struct catalog *cat = store_catalog(d->c->s);
	enum blk_status st;

	d->workers = d->c->o->jobs == 0 ? 1 : d->c->o->jobs;
	d->worker = calloc(d->workers, sizeof(*d->worker));
	if (d->worker == NULL)
		return fault_nomem(why);
	st = cat->type->stat_each(cat, see_stat, &v, why);
	if (st == BLK_OK)
		st = list_segments(d, &v, why);
	idmap_release(&v.when);
	if (st == BLK_OK)
		choose(d);
	return st;
}

enum blk_status
check_data_begin(struct check *c, struct check_data **out, struct fault *why)
{
	struct check_data *d = calloc(1, sizeof(*d));
	enum blk_status st;

	*out = NULL;
	if (d == NULL)
		return fault_nomem(why);
	d->c = c;
	d->end_ms = INT64_MAX;
	if (c->o->max_time_ms > 0)
		d->end_ms = file_clock_ms() + c->o->max_time_ms;
	st = prepare(d, why);
	if (st != BLK_OK) {
		data_free(d);
		return st;
	}
	d->worker[0].d = d;
	for (unsigned i = 1; i < d->workers; i++) {
		d->worker[i].d = d;
		d->worker[i].started =
		    thread_start(&d->worker[i].thread, work, &d->worker[i]);
	}
	*out = d;
	return BLK_OK;
}

static enum blk_status
remember_all(struct check_data *d, struct fault *why)
{
	struct store_draft draft = { .decide = remember, .arg = d };
	struct store_outcome out;
	struct check *c = d->c;
	bool any = false;

	for (size_t i = 0; i < d->jobs; i++)
		any = any || d->job[i].done;
	c->r->unfinished = c->r->unfinished || d->next < d->jobs;
	if (!any || !c->o->remember || store_is_read_only(c->s) ||
	    c->r->findings > 0)
		return BLK_OK;
	return store_commit(c->s, &draft, &out, why);
}

enum blk_status
check_data_end(struct check_data *d, enum blk_status st, struct fault *why)
{
	if (d == NULL)
		return st;
	if (st == BLK_OK) {
		work(&d->worker[0]);
	} else {
		pthread_mutex_lock(&d->c->lock);
		d->c->stop = true;
		pthread_mutex_unlock(&d->c->lock);
	}
	for (unsigned i = 1; i < d->workers; i++)
		if (d->worker[i].started)
			pthread_join(d->worker[i].thread, NULL);
	if (st == BLK_OK && d->st != BLK_OK) {
		*why = d->why;
		st = d->st;
	}
	if (st == BLK_OK)
		st = remember_all(d, why);
	data_free(d);
	return st;
}

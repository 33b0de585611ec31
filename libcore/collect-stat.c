/*
 * What the log remembers of collections, and of growth by day:
 *
 *	stat collect time=NS ms=N expired=N condemned=N ...
 *	stat grown day=YYYY-MM-DD to=COMMIT bytes=N versions=N
 *
 * Commits are folded away; the lines stay.  A grown line covers the commits
 * from where the line before it ended up to COMMIT.  Commits that condemn are
 * collectors at work: what they add is no growth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect-private.h"
#include "file.h"
#include "log.h"

#define DAY_NS ((int64_t)86400 * 1000000000)

void
growth_release(struct growth *g)
{
	free(g->day);
	*g = (struct growth){ .day = NULL };
}

static int64_t
day_of(int64_t time)
{
	return time / DAY_NS - (time % DAY_NS < 0);
}

static enum blk_status
add_day(struct growth *g, int64_t day, uint64_t bytes, uint64_t versions,
    struct fault *why)
{
	enum blk_status st;
	size_t i = g->days;

	while (i > 0 && g->day[i - 1].day > day)
		i--;
	if (i == 0 || g->day[i - 1].day != day) {
		st = array_grow(
		    (void **)&g->day, g->days, &g->cap, sizeof(*g->day), why);
		if (st != BLK_OK)
			return st;
		memmove(&g->day[i + 1], &g->day[i],
		    (g->days - i) * sizeof(*g->day));
		g->day[i++] = (struct collect_day){ .day = day };
		g->days++;
	}
	g->day[i - 1].bytes += bytes;
	g->day[i - 1].versions += versions;
	return BLK_OK;
}

/* --- lines --- */

/* The value of KEY=VALUE in a line; false when there is none. */
static bool
value_of(const char *line, const char *key, struct span *value)
{
	struct span rest = span_str(line), word;
	size_t len = strlen(key);

	while (text_field(&rest, &word)) {
		if (word.len <= len || !span_starts(word, key) ||
		    word.p[len] != '=')
			continue;
		*value = span_of(word.p + len + 1, word.len - len - 1);
		return true;
	}
	return false;
}

/* 0 where there is none: others wrote the line, and may know more. */
static uint64_t
number_in(const char *line, const char *key)
{
	struct span value;
	uint64_t n = 0;

	if (!value_of(line, key, &value) || !text_u64(value, &n))
		return 0;
	return n;
}

static bool
day_in(const char *line, int64_t *day)
{
	struct tm tm = { .tm_year = 0 };
	struct span value;
	char text[16], *end;

	if (!value_of(line, "day", &value) || value.len >= sizeof(text))
		return false;
	memcpy(text, value.p, value.len);
	text[value.len] = '\0';
	end = strptime(text, "%Y-%m-%d", &tm);
	if (end == NULL || *end != '\0')
		return false;
	*day = (int64_t)timegm(&tm) / 86400;
	return true;
}

void
collect_day_text(int64_t day, char text[static COLLECT_DAY_TEXT])
{
	time_t at = (time_t)(day * 86400);
	struct tm tm = { .tm_year = 0 };

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(text, COLLECT_DAY_TEXT, "%Y-%m-%d", &tm) == 0)
		strcpy(text, "?");
}

struct lines {
	struct growth *growth;
	bool past;
};

static enum blk_status
see_grown(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct lines *l = arg;
	uint64_t to;
	int64_t day;

	(void)commit;
	if (strncmp(line, "grown ", 6) != 0 || !day_in(line, &day))
		return BLK_OK;
	to = number_in(line, "to");
	if (to > l->growth->to)
		l->growth->to = to;
	if (!l->past)
		return BLK_OK;
	return add_day(l->growth, day, number_in(line, "bytes"),
	    number_in(line, "versions"), why);
}

enum blk_status
growth_begin(struct store *s, bool past, struct growth *g, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct lines l = { g, past };
	struct catalog_head h;
	enum blk_status st;

	*g = (struct growth){ .day = NULL };
	st = c->type->stat_each(c, see_grown, &l, why);
	if (st == BLK_OK)
		st = c->type->head_get(c, &h, why);
	/* Of what a checkpoint covers, an index made again has no records. */
	if (st == BLK_OK && past && h.checkpoint > g->to)
		g->to = h.checkpoint;
	return st;
}

/* --- records --- */

/* The commit files that are segments: how long they are. */
struct carried {
	uint64_t commit, bytes;
};

struct tail {
	struct growth *growth;
	struct carried *carried;
	size_t count, cap;
};

static enum blk_status
list_carried(struct store *s, struct tail *t, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct catalog_segment seg = { .seq = 0 };
	enum blk_status st;

	while ((st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		if (!seg.in_log || seg.commit <= t->growth->to)
			continue;
		st = array_grow((void **)&t->carried, t->count, &t->cap,
		    sizeof(*t->carried), why);
		if (st != BLK_OK)
			return st;
		t->carried[t->count++] =
		    (struct carried){ seg.commit, seg.bytes };
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static int
carried_order(const void *a, const void *b)
{
	uint64_t x = ((const struct carried *)a)->commit;
	uint64_t y = ((const struct carried *)b)->commit;

	return (x > y) - (x < y);
}

static uint64_t
carried_bytes(const struct tail *t, uint64_t commit)
{
	const struct carried key = { .commit = commit };
	const struct carried *found = t->count == 0
	    ? NULL
	    : bsearch(&key, t->carried, t->count, sizeof(key), carried_order);

	return found == NULL ? 0 : found->bytes;
}

static enum blk_status
see_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	struct tail *t = arg;
	uint64_t bytes = carried_bytes(t, number), versions = 0;
	enum blk_status st = commit_parse(text, &k, why);
	bool collects = false;

	(void)hash;
	for (size_t i = 0; st == BLK_OK && i < k.verbs; i++) {
		if (k.verb[i].verb == VERB_SEGMENT)
			bytes += k.verb[i].number;
		versions += k.verb[i].verb == VERB_VERSION;
		collects = collects || k.verb[i].verb == VERB_CONDEMN;
	}
	if (st == BLK_OK && !collects && bytes + versions > 0)
		st = add_day(t->growth, day_of(k.time), bytes, versions, why);
	if (st == BLK_OK)
		t->growth->to = number;
	commit_release(&k);
	return st;
}

enum blk_status
growth_extend(struct store *s, struct growth *g, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	struct tail t = { .growth = g };
	enum blk_status st;

	st = list_carried(s, &t, why);
	if (t.count > 1)
		qsort(t.carried, t.count, sizeof(*t.carried), carried_order);
	if (st == BLK_OK)
		st = c->type->record_each(c, g->to + 1, see_record, &t, why);
	free(t.carried);
	return st;
}

enum blk_status
collect_growth(
    struct store *s, struct collect_day **day, size_t *days, struct fault *why)
{
	struct growth g;
	enum blk_status st = growth_begin(s, true, &g, why);

	if (st == BLK_OK)
		st = growth_extend(s, &g, why);
	*day = NULL;
	*days = 0;
	if (st != BLK_OK) {
		growth_release(&g);
		return st;
	}
	*day = g.day;
	*days = g.days;
	return st;
}

/* --- collections --- */

static enum blk_status
see_collect(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct collect_past *p = arg;

	(void)why;
	if (strncmp(line, "collect ", 8) != 0)
		return BLK_OK;
	memmove(
	    &p->item[1], &p->item[0], (COLLECT_PAST - 1) * sizeof(p->item[0]));
	if (p->count < COLLECT_PAST)
		p->count++;
	p->item[0] = (struct collect_once){ .commit = commit,
		.time = (int64_t)number_in(line, "time"),
		.ms = number_in(line, "ms"),
		.report = { .expired = number_in(line, "expired"),
		    .condemned = number_in(line, "condemned"),
		    .condemned_bytes = number_in(line, "condemned-bytes"),
		    .copied_bytes = number_in(line, "copied-bytes"),
		    .read_bytes = number_in(line, "read-bytes"),
		    .written_bytes = number_in(line, "written-bytes"),
		    .removed = number_in(line, "removed"),
		    .removed_bytes = number_in(line, "removed-bytes") } };
	return BLK_OK;
}

enum blk_status
collect_history(struct store *s, struct collect_past *p, struct fault *why)
{
	struct catalog *c = store_catalog(s);

	*p = (struct collect_past){ .count = 0 };
	return c->type->stat_each(c, see_collect, p, why);
}

static enum blk_status
say_growth(const struct growth *g, struct commit *k, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < g->days; i++) {
		const struct collect_day *d = &g->day[i];
		char day[COLLECT_DAY_TEXT], line[160];

		collect_day_text(d->day, day);
		snprintf(line, sizeof(line),
		    "grown day=%s to=%ju bytes=%ju versions=%ju", day,
		    (uintmax_t)g->to, (uintmax_t)d->bytes,
		    (uintmax_t)d->versions);
		st = commit_add_text(k, VERB_STAT, NULL, line, why);
	}
	return st;
}

enum blk_status
collect_say(void *word, struct store *s, struct commit *k, struct fault *why)
{
	const struct collect_word *w = word;
	const struct collect_report *r = w->report;
	enum blk_status st;
	char line[500];

	snprintf(line, sizeof(line),
	    "collect time=%jd ms=%jd expired=%ju condemned=%ju "
	    "condemned-bytes=%ju copied-bytes=%ju read-bytes=%ju "
	    "written-bytes=%ju removed=%ju removed-bytes=%ju",
	    (intmax_t)k->time, (intmax_t)(file_clock_ms() - w->began_ms),
	    (uintmax_t)r->expired, (uintmax_t)r->condemned,
	    (uintmax_t)r->condemned_bytes, (uintmax_t)r->copied_bytes,
	    (uintmax_t)r->read_bytes, (uintmax_t)r->written_bytes,
	    (uintmax_t)r->removed, (uintmax_t)r->removed_bytes);
	st = commit_add_text(k, VERB_STAT, NULL, line, why);
	if (st == BLK_OK)
		st = growth_extend(s, w->growth, why);
	return st == BLK_OK ? say_growth(w->growth, k, why) : st;
}

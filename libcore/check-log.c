/*
 * The chain of commits, the checkpoints, and the tables of live segments.
 */
#include <stdlib.h>
#include <string.h>

#include "check-private.h"
#include "log.h"

/* --- config --- */

enum blk_status
check_read_config(
    struct store *s, struct store_config *found, struct fault *why)
{
	void *text = NULL;
	size_t len;
	enum blk_status st;

	st = backend_get_all(
	    store_backend(s), "config", 65536, &text, &len, why);
	if (st == BLK_OK)
		st = config_parse(span_of(text, len), found, why);
	free(text);
	return st;
}

enum blk_status
check_true_config(struct store *s, struct store_config *want, struct fault *why)
{
	struct backend *b = store_backend(s);
	const uint8_t *store = store_config(s)->store;
	struct commit zero = COMMIT_NONE;
	uint64_t newest, second;
	struct digest hash;
	enum blk_status st;

	st = log_read(b, 0, store, &zero, why);
	if (st == BLK_OK)
		st = config_of_commit(&zero, want, why);
	commit_release(&zero);
	if (st != BLK_ABSENT)
		return st;
	st = checkpoint_newest(b, &newest, &second, why);
	if (st == BLK_OK)
		st = checkpoint_head(b, newest, store, &hash, want, why);
	return st;
}

/* Where commit 0 or the checkpoint is damaged, that is found elsewhere. */
static enum blk_status
check_config(struct check *c, struct fault *why)
{
	struct store_config found, want;
	struct fault reason = FAULT_NONE;
	enum blk_status st = check_read_config(c->s, &found, why);
	enum blk_status known = BLK_ABSENT;

	if (st == BLK_OK)
		known = check_true_config(c->s, &want, &reason);
	if (known == BLK_FAILED) {
		*why = reason;
		return known;
	}
	if (known == BLK_OK && !config_equal(&found, &want))
		st = fault(why, BLK_CORRUPT,
		    "it says otherwise than commit 0, or a checkpoint of it");
	return check_judge(c, st, CHECK_CONFIG, "config", why);
}

/* --- commits --- */

struct chain {
	uint64_t second;      /* number of the second newest checkpoint */
	struct digest before; /* hash of the commit before */
	bool whole;           /* no gap lies between it and this one */
};

/*
 * Below the second newest checkpoint log files may be folded, and what stands
 * there need not be the commit that did: one that was frozen while others
 * went on and folded publishes on a key that was free again, and says that
 * the outcome is unknown.  What is a segment that is known is on the chain.
 */
static enum blk_status
is_stray(struct check *c, const struct chain *h, const struct commit *k,
    bool *stray, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_segment seg;
	enum blk_status st;

	*stray = false;
	if (k->number >= h->second)
		return BLK_OK;
	st = cat->type->segment_find(cat, &k->hash, &seg, why);
	*stray = st == BLK_ABSENT;
	return st == BLK_ABSENT ? BLK_OK : st;
}

/*
 * Was the damage of a file below the second newest checkpoint repaired, so
 * that nothing needs it?
 */
static enum blk_status
is_answered(struct check *c, const struct chain *h, uint64_t number,
    bool *answered, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_segment seg = { .seq = 0 };
	enum blk_status st = BLK_OK;

	*answered = false;
	while (number < h->second && !*answered && st == BLK_OK) {
		st = cat->type->segment_next(cat, seg.seq, &seg, why);
		*answered = st == BLK_OK && seg.in_log &&
		    seg.commit == number && seg.condemned != 0 &&
		    seg.reason == REASON_DAMAGED;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
follow_on(
    struct check *c, struct chain *h, const struct commit *k, struct fault *why)
{
	bool follows = !h->whole || digest_equal(&k->previous, &h->before);
	enum blk_status st;
	bool stray;

	st = is_stray(c, h, k, &stray, why);
	h->whole = st == BLK_OK && !stray;
	h->before = k->hash;
	c->r->commits++;
	if (st == BLK_OK && !stray && !follows)
		st = fault(
		    why, BLK_CORRUPT, "it does not follow on the one before");
	return st;
}

static enum blk_status
check_commit(
    struct check *c, struct chain *h, uint64_t number, struct fault *why)
{
	struct backend *b = store_backend(c->s);
	struct commit k = COMMIT_NONE;
	char key[LOG_KEY_MAX];
	struct fault other = FAULT_NONE;
	enum blk_status st, asked;
	bool answered = false;
	uint64_t newest;

	log_key(number, key);
	st = log_read(b, number, store_config(c->s)->store, &k, why);
	if (st == BLK_OK)
		st = follow_on(c, h, &k, why);
	else
		h->whole = false;
	if (st == BLK_ABSENT && number >= h->second) { /* folded just now? */
		st = checkpoint_newest(b, &newest, &h->second, why);
		st = st == BLK_OK ? BLK_ABSENT : st;
	}
	if (st == BLK_ABSENT && number < h->second)
		st = BLK_OK;
	commit_release(&k);
	if (st == BLK_CORRUPT) {
		asked = is_answered(c, h, number, &answered, &other);
		if (asked != BLK_OK)
			*why = other;
		if (asked != BLK_OK || answered)
			return asked;
	}
	return check_judge(c, st, CHECK_COMMIT, key, why);
}

static enum blk_status
check_head(struct check *c, const struct catalog_head *h, const struct chain *l)
{
	char key[LOG_KEY_MAX];

	log_key(h->number, key);
	if (l->whole && !digest_equal(&l->before, &h->hash))
		check_say(c, CHECK_COMMIT, key, NULL,
		    "the index has applied another one");
	return BLK_OK;
}

/* A commit behind the head that was not applied is one that does not fit. */
static enum blk_status
check_behind(struct check *c, uint64_t number, struct fault *why)
{
	struct backend_stat bs;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	log_key(number, key);
	st = backend_stat(store_backend(c->s), key, &bs, why);
	if (st == BLK_OK)
		st = store_sync(c->s, why);
	else
		return st == BLK_ABSENT ? BLK_OK : st;
	if (st == BLK_OK) {
		struct catalog_head h;
		struct catalog *cat = store_catalog(c->s);

		st = cat->type->head_get(cat, &h, why);
		if (st == BLK_OK && h.number < number)
			check_say(
			    c, CHECK_COMMIT, key, NULL, "it cannot be applied");
	}
	return st;
}

/* --- which commits there are --- */

struct present {
	uint64_t below;
	uint64_t *number;
	size_t count, cap;
};

static enum blk_status
see_commit(void *arg, const char *key, const struct backend_stat *bs,
    struct fault *why)
{
	struct present *p = arg;
	enum blk_status st;
	uint64_t number;

	(void)bs;
	if (!log_key_number(key, &number) || number >= p->below)
		return BLK_OK;
	st = array_grow(
	    (void **)&p->number, p->count, &p->cap, sizeof(*p->number), why);
	if (st == BLK_OK)
		p->number[p->count++] = number;
	return st;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * The commits below the second newest checkpoint, most of which may be folded:
 * those that are listed, unless the engine cannot promise that these are all.
 */
static enum blk_status
check_folded(struct check *c, struct chain *l, struct fault *why)
{
	struct present p = { .below = l->second };
	enum blk_status st;
	bool complete;

	if (l->second == 0)
		return BLK_OK;
	st = backend_list(
	    store_backend(c->s), "log/", see_commit, &p, &complete, why);
	if (p.count > 1)
		qsort(p.number, p.count, sizeof(*p.number), by_number);
	if (st == BLK_OK && !complete)
		p.count = 0;
	for (size_t i = 0; st == BLK_OK && i < p.count && !c->stop; i++) {
		if (i > 0 && p.number[i] != p.number[i - 1] + 1)
			l->whole = false;
		st = check_commit(c, l, p.number[i], why);
	}
	if (p.count > 0 && p.number[p.count - 1] + 1 != p.below)
		l->whole = false;
	free(p.number);
	for (uint64_t n = 0; st == BLK_OK && !complete && n < p.below; n++)
		st = check_commit(c, l, n, why);
	return st;
}

static enum blk_status
check_commits(struct check *c, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct chain l = { .whole = false };
	struct catalog_head h = { .known = false };
	uint64_t newest, from;
	enum blk_status st;

	st = checkpoint_newest(store_backend(c->s), &newest, &l.second, why);
	if (st == BLK_OK)
		st = cat->type->head_get(cat, &h, why);
	from = l.second; /* which may rise meanwhile */
	if (st == BLK_OK)
		st = check_folded(c, &l, why);
	for (uint64_t n = from; st == BLK_OK && n <= h.number && !c->stop; n++)
		st = check_commit(c, &l, n, why);
	if (st == BLK_OK)
		st = check_head(c, &h, &l);
	return st == BLK_OK ? check_behind(c, h.number + 1, why) : st;
}

/* --- checkpoints --- */

static enum blk_status
check_checkpoint(struct check *c, uint64_t number, struct fault *why)
{
	const uint8_t *store = store_config(c->s)->store;
	struct commit k = COMMIT_NONE;
	uint64_t newest, second;
	struct digest hash;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	if (number == 0)
		return BLK_OK;
	checkpoint_key(number, key);
	st = checkpoint_head(
	    store_backend(c->s), number, store, &hash, NULL, why);
	if (st == BLK_OK) {
		c->r->checkpoints++;
		st = log_read(store_backend(c->s), number, store, &k, why);
		if (st == BLK_OK && !digest_equal(&k.hash, &hash))
			st = fault(why, BLK_CORRUPT,
			    "it names another commit than stands there");
	}
	commit_release(&k);
	if (st == BLK_ABSENT) { /* two newer ones may have come meanwhile */
		st = checkpoint_newest(
		    store_backend(c->s), &newest, &second, why);
		if (st == BLK_OK && number < second)
			return BLK_OK;
		st = st == BLK_OK ? BLK_ABSENT : st;
	}
	return check_judge(c, st, CHECK_CHECKPOINT, key, why);
}

enum blk_status
check_log(struct check *c, struct fault *why)
{
	uint64_t newest, second;
	enum blk_status st;

	st = check_config(c, why);
	if (st == BLK_OK)
		st = check_commits(c, why);
	if (st == BLK_OK)
		st = checkpoint_newest(
		    store_backend(c->s), &newest, &second, why);
	if (st == BLK_OK)
		st = check_checkpoint(c, newest, why);
	if (st == BLK_OK)
		st = check_checkpoint(c, second, why);
	return st;
}

/* --- tables --- */

/*
 * Every row of a table must lead back to its segment.  One reading of the
 * index sums up what it holds of each segment; a table that sums up to the
 * same needs no look at each of its objects.
 */
struct sums {
	struct idmap by_seq; /* (seq as an id, 0) -> sum */
	struct digest last;
	int64_t *value; /* of last */
};

static struct digest
seq_id(uint64_t seq)
{
	struct digest id = { { 0 } };

	put_le64(id.byte, seq);
	return id;
}

/* A number of a row that no other row has: murmur3's last steps. */
static uint64_t
row_number(
    const struct digest *id, uint32_t ordinal, uint32_t length, uint8_t kind)
{
	uint64_t v = get_le64(id->byte);

	v += ((uint64_t)ordinal << 32 | length) * UINT64_C(0x9e3779b97f4a7c15);
	v ^= v >> 33 ^ kind;
	v *= UINT64_C(0xff51afd7ed558ccd);
	v ^= v >> 33;
	v *= UINT64_C(0xc4ceb9fe1a85ec53);
	return v ^ v >> 33;
}

static enum blk_status
add_copy(void *arg, const struct digest *id, const struct catalog_copy *copy,
    struct fault *why)
{
	struct sums *s = arg;
	struct digest seq = seq_id(copy->seq);
	enum blk_status st = BLK_OK;

	if (s->value == NULL || !digest_equal(&seq, &s->last))
		st = idmap_put(&s->by_seq, &seq, 0, &s->value, NULL, why);
	if (st != BLK_OK)
		return st;
	s->last = seq;
	*s->value = (int64_t)((uint64_t)*s->value +
	    row_number(id, copy->ordinal, copy->length, copy->kind));
	return BLK_OK;
}

/* Do the rows of the table sum up to what the index holds?  A table that has
 * an object twice does not. */
static bool
sums_up(const struct sums *s, uint64_t seq, const struct segment_table *t)
{
	struct digest id = seq_id(seq);
	const int64_t *value = idmap_get(&s->by_seq, &id, 0);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < t->objects; i++) {
		const struct segment_object *o = &t->object[i];

		if (o->kind != KIND_RECORD)
			sum += row_number(&o->id, i, o->length, o->kind);
	}
	return sum == (value == NULL ? 0 : (uint64_t)*value);
}

static uint64_t
count_rows(const struct segment_table *t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t->objects; i++)
		n += t->object[i].kind != KIND_RECORD;
	return n;
}

static enum blk_status
check_rows(struct check *c, const struct catalog_segment *seg,
    const struct segment_table *t, const char *where, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);

	for (uint32_t i = 0; i < t->objects; i++) {
		const struct segment_object *o = &t->object[i];
		struct catalog_facts f;
		enum blk_status st;
		bool found = false;

		if (o->kind == KIND_RECORD)
			continue;
		st = cat->type->facts(cat, &o->id, &f, why);
		if (st == BLK_CORRUPT)
			return check_judge(c, st, CHECK_INDEX, "index", why);
		if (st != BLK_OK)
			return st;
		for (size_t k = 0; k < f.copies && !found; k++)
			found = f.copy[k].seq == seg->seq &&
			    f.copy[k].kind == o->kind;
		if (!found && f.copies < CATALOG_COPIES)
			check_say(c, CHECK_INDEX, where, &o->id,
			    "the index does not know this copy");
	}
	return BLK_OK;
}

/* The segment's own header and length, which no table says. */
static enum blk_status
check_file(struct check *c, const struct catalog_segment *seg,
    const char *where, struct fault *why)
{
	uint8_t header[SEGMENT_HEADER];
	struct backend_stat bs;
	enum blk_status st;
	size_t got;

	st = backend_stat(store_backend(c->s), where, &bs, why);
	if (st == BLK_OK && bs.bytes != seg->bytes)
		st = fault(why, BLK_CORRUPT, "%ju bytes long, not %ju",
		    (uintmax_t)bs.bytes, (uintmax_t)seg->bytes);
	if (st == BLK_OK)
		st = backend_get(store_backend(c->s), where, 0, header,
		    sizeof(header), &got, why);
	if (st == BLK_OK)
		st = segment_header(
		    header, got, store_config(c->s)->store, NULL, why);
	return st;
}

static enum blk_status
check_segment(struct check *c, const struct catalog_segment *seg,
    const struct sums *sums, struct fault *why)
{
	const struct frames_place place = store_place(seg);
	struct catalog *cat = store_catalog(c->s);
	const struct segment_table *t = NULL;
	struct catalog_segment now;
	char where[SEGMENT_KEY_MAX];
	enum blk_status st;

	check_key(seg, where);
	c->r->segments++;
	st = frames_table(store_frames(c->s), &place, &t, why);
	if (st == BLK_OK)
		st = check_file(c, seg, where, why);
	if (st != BLK_OK) {
		frames_release(store_frames(c->s), t);
		st = check_judge(c, st, CHECK_SEGMENT, where, why);
		return st == BLK_OK ? check_note(c, &seg->id, STATE_TABLE, why)
		                    : st;
	}
	c->r->objects += count_rows(t);
	if (sums_up(sums, seg->seq, t)) {
		frames_release(store_frames(c->s), t);
		return BLK_OK;
	}
	st = catalog_hold(cat, why);
	/* What was condemned meanwhile has no rows, which is no finding. */
	if (st == BLK_OK)
		st = cat->type->segment_find(cat, &seg->id, &now, why);
	if (st == BLK_OK && now.condemned == 0)
		st = check_rows(c, &now, t, where, why);
	catalog_release(cat);
	if (st == BLK_ABSENT)
		st = BLK_OK;
	if (st == BLK_CORRUPT)
		st = check_judge(c, st, CHECK_INDEX, "index", why);
	frames_release(store_frames(c->s), t);
	return st;
}

enum blk_status
check_tables(struct check *c, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_segment seg = { .seq = 0 };
	struct sums sums = { .value = NULL };
	enum blk_status st;

	st = cat->type->copies_each(cat, add_copy, &sums, why);
	if (st == BLK_CORRUPT)
		st = check_judge(c, st, CHECK_INDEX, "index", why);
	while (st == BLK_OK &&
	    (st = cat->type->segment_next(cat, seg.seq, &seg, why)) == BLK_OK)
		if (seg.condemned == 0)
			st = check_segment(c, &seg, &sums, why);
	idmap_release(&sums.by_seq);
	return st == BLK_ABSENT ? BLK_OK : st;
}

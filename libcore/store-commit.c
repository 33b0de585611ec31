/*
 * Commits: segments first, then the commit, then the index.  The order in
 * which things become durable is decided here and nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "rules.h"
#include "store-private.h"

#define ATTEMPTS 10000 /* lost races before giving up */
#define RESCUES 8      /* rounds of copying what was condemned meanwhile */
#define RESCUE_MAX ((size_t)32 << 20) /* bytes copied into one commit */
/* A frozen holder of locks/write is passed by; soon, where tests have one. */
#ifdef BLK_TEST_HOOKS
#define WRITE_WAIT_MS 50
#else
#define WRITE_WAIT_MS 2000
#endif

struct rescued { /* an object copied out of a condemned segment */
	struct store_object object; /* its data are these */
	struct buf bytes;
};

struct attempt {
	struct store *s;
	const struct store_draft *d;
	struct commit commit;
	struct catalog_head head;
	struct rescued *rescued;
	size_t rescueds, rescueds_cap, rescued_bytes;
	struct state_added *added; /* draft segments, then own */
	/* What the commit file carries: structure, then data. */
	struct store_object *object;
	size_t objects;
	struct segment_table own; /* the same for the judge */
};

/* --- the commit file's own objects --- */

static void
carry(struct attempt *a, const struct store_object *o)
{
	struct segment_object *to = &a->own.object[a->own.objects++];

	to->id = o->id;
	to->kind = (uint8_t)o->kind;
	to->length = (uint32_t)o->len;
	a->object[a->objects++] = *o;
}

/* The structure, or the data, of the draft and of what was rescued. */
static void
carry_some(struct attempt *a, bool structure)
{
	for (size_t i = 0; i < a->d->objects + a->rescueds; i++) {
		const struct store_object *o = i < a->d->objects
		    ? &a->d->object[i]
		    : &a->rescued[i - a->d->objects].object;

		if ((o->kind != KIND_DATA) == structure)
			carry(a, o);
	}
}

static void
carry_nothing(struct attempt *a)
{
	free(a->object);
	free(a->own.object);
	a->object = NULL;
	a->own.object = NULL;
	a->objects = a->own.objects = 0;
}

/* Versions and all the rest, in the order in which they will lie there. */
static enum blk_status
carry_all(struct attempt *a, struct fault *why)
{
	size_t n = a->s->mades + a->d->objects + a->rescueds;

	carry_nothing(a);
	a->object = calloc(n + 1, sizeof(*a->object));
	a->own.object = calloc(n + 1, sizeof(*a->own.object));
	if (a->object == NULL || a->own.object == NULL)
		return fault_nomem(why);
	for (size_t i = 0; i < a->s->mades; i++) {
		const struct made *m = &a->s->made[i];

		carry(a,
		    &(struct store_object){
		        m->vid, KIND_VERSION, m->text.data, m->text.len });
	}
	carry_some(a, true);
	carry_some(a, false);
	return BLK_OK;
}

/* --- deciding --- */

enum blk_status
store_begin_record(struct store *s, const struct catalog_head *h,
    struct commit *k, struct fault *why)
{
	k->number = h != NULL && h->known ? h->number + 1 : 0;
	if (h != NULL)
		k->previous = h->hash;
	k->time = store_now(s);
	k->transaction = s->transaction;
	memcpy(k->session, s->session, sizeof(k->session));
	k->host = strdup(s->o.host);
	k->program = strdup(s->o.program);
	return k->host == NULL || k->program == NULL ? fault_nomem(why)
	                                             : BLK_OK;
}

/* The record as far as it does not depend on names. */
static enum blk_status
begin_record(struct attempt *a, struct fault *why)
{
	enum blk_status st;

	commit_release(&a->commit);
	store_made_release(a->s);
	st = store_begin_record(a->s, &a->head, &a->commit, why);
	for (size_t i = 0; st == BLK_OK && i < a->d->segments; i++) {
		const struct pending *p =
		    store_pending(a->s, &a->d->segment[i]);

		if (p == NULL)
			return fault(why, BLK_FAILED,
			    "what this run had stored was collected "
			    "meanwhile: run it again");
		st = commit_add_id(
		    &a->commit, VERB_SEGMENT, &p->id, p->bytes, why);
	}
	return st;
}

static enum blk_status
refuse_redirected(struct store *s, struct fault *why)
{
	char *url = NULL;
	enum blk_status st;

	st = s->catalog->type->setting_get(
	    s->catalog, STATE_REDIRECT, &url, why);
	if (st == BLK_OK)
		st = fault(why, BLK_FAILED, "this store has moved to %s", url);
	free(url);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
decide(struct attempt *a, struct fault *why)
{
	enum blk_status st;

	st = refuse_redirected(a->s, why);
	if (st == BLK_OK)
		st = begin_record(a, why);
	if (st == BLK_OK && a->d->decide != NULL)
		st = a->d->decide(a->d->arg, a->s, &a->commit, why);
	return st;
}

/* --- judging --- */

static enum blk_status
added_text(
    void *arg, size_t table, uint32_t ordinal, struct buf *b, struct fault *why)
{
	struct attempt *a = arg;
	const struct store_object *o;

	if (table < a->d->segments) {
		const struct pending *p =
		    store_pending(a->s, &a->d->segment[table]);
		const struct segment_object *so = &p->table.object[ordinal];
		const struct frames_place place = { .id = p->id,
			.bytes = p->bytes };

		return frames_read(a->s->frames, &place, ordinal, &so->id,
		    (enum kind)so->kind, b, why);
	}
	o = &a->object[ordinal];
	return buf_add(b, o->data, o->len, why);
}

static enum blk_status
judge(struct attempt *a, struct state_verdict *v, struct fault *why)
{
	struct state_proposal p = { .commit = &a->commit,
		.addeds = a->d->segments + 1,
		.text = added_text,
		.arg = a,
		.traced = a->d->traced && a->rescueds == 0,
		.lean = a->d->lean,
		.leans = a->d->leans,
		.rely = a->d->rely,
		.relies = a->d->relies,
		.collector = a->d->collector };
	enum blk_status st;

	free(a->added);
	a->added = calloc(p.addeds, sizeof(*a->added));
	if (a->added == NULL)
		return fault_nomem(why);
	st = carry_all(a, why);
	for (size_t i = 0; st == BLK_OK && i < a->d->segments; i++)
		a->added[i] = (struct state_added){ a->d->segment[i],
			&store_pending(a->s, &a->d->segment[i])->table };
	a->added[a->d->segments].table = &a->own;
	p.added = a->added;
	if (st == BLK_OK)
		st = state_judge(a->s->catalog, &p, &a->s->source, v, why);
	return st;
}

/* --- rescuing --- */

/* Copy an object out of whatever segment still holds it. */
static enum blk_status
rescue(struct attempt *a, const struct state_ref *ref, struct fault *why)
{
	const struct catalog_type *t = a->s->catalog->type;
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct catalog_facts f;
	struct rescued *r;
	struct digest found;
	enum blk_status st;

	st = t->copies_all(a->s->catalog, &ref->id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, ref->class);
	if (copy == NULL)
		return BLK_ABSENT;
	st = t->segment_get(a->s->catalog, copy->seq, &seg, why);
	if (st == BLK_OK)
		st = array_grow((void **)&a->rescued, a->rescueds,
		    &a->rescueds_cap, sizeof(*a->rescued), why);
	if (st != BLK_OK)
		return st;
	r = &a->rescued[a->rescueds];
	*r = (struct rescued){ .bytes = BUF_INIT(SEGMENT_FRAME_MAX) };
	st = frames_read(a->s->frames,
	    &(struct frames_place){ .id = seg.id,
	        .bytes = seg.bytes,
	        .commit = seg.commit,
	        .in_log = seg.in_log },
	    copy->ordinal, &ref->id, (enum kind)copy->kind, &r->bytes, why);
	if (st == BLK_OK && copy->kind != KIND_LIST)
		st = hasher_of(
		    a->s->hash, r->bytes.data, r->bytes.len, &found, why);
	if (st == BLK_OK && copy->kind != KIND_LIST &&
	    !digest_equal(&found, &ref->id))
		st = BLK_ABSENT;
	if (st != BLK_OK) {
		buf_release(&r->bytes);
		return st;
	}
	r->object = (struct store_object){ ref->id, (enum kind)copy->kind,
		r->bytes.data, r->bytes.len };
	a->rescueds++;
	a->rescued_bytes += r->bytes.len;
	return a->rescued_bytes > RESCUE_MAX ? BLK_ABSENT : BLK_OK;
}

static enum blk_status
rescue_all(struct attempt *a, const struct state_verdict *v, struct fault *why)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < v->missings; i++) {
		enum blk_status st = rescue(a, &v->missing[i], why);

		if (st == BLK_OK)
			continue;
		if (st != BLK_ABSENT && st != BLK_CORRUPT)
			return st;
		digest_hex(&v->missing[i].id, hex);
		return fault(why, BLK_FAILED,
		    "%s %s was collected meanwhile: run it again",
		    class_name(v->missing[i].class), hex);
	}
	return BLK_OK;
}

/* Judge, and rescue what is missing, until nothing is. */
static enum blk_status
make_sound(struct attempt *a, struct fault *why)
{
	for (int round = 0; round < RESCUES; round++) {
		struct state_verdict v;
		enum blk_status st = judge(a, &v, why);
		bool sound;

		if (st != BLK_OK)
			return st;
		sound = v.missings == 0;
		if (!sound)
			st = rescue_all(a, &v, why);
		state_verdict_release(&v);
		if (st != BLK_OK || sound)
			return st;
	}
	return fault(why, BLK_FAILED,
	    "what this run relies on is collected faster than it is saved");
}

/* R2: what a commit adds is looked for once more. */
static enum blk_status
stat_segments(struct attempt *a, struct fault *why)
{
	for (size_t i = 0; RULE(R2) && i < a->d->segments; i++) {
		struct backend_stat bs;
		char key[SEGMENT_KEY_MAX];
		enum blk_status st;

		segment_key(&a->d->segment[i], key);
		st = backend_stat(a->s->backend, key, &bs, why);
		if (st == BLK_ABSENT)
			return fault(
			    why, BLK_FAILED, "%s is gone: run it again", key);
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

/* --- durability --- */

enum blk_status
store_settle(struct store *s, struct fault *why)
{
	struct catalog_head h;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	st = s->catalog->type->head_get(s->catalog, &h, why);
	if (st != BLK_OK || !h.known)
		return st;
	if (h.durable > s->durable)
		s->durable = h.durable;
	if (s->durable >= h.number && h.number > 0)
		return BLK_OK;
	log_key(h.number, key);
	st = backend_settle(s->backend, key, why);
	if (st == BLK_OK && h.number > 0) {
		log_key(h.number - 1, key);
		st = backend_settle(s->backend, key, why);
	}
	if (st == BLK_OK)
		s->durable = h.number;
	return st;
}

uint64_t
store_durable(const struct store *s)
{
	return s->durable;
}

/* --- publishing --- */

static enum blk_status
build_file(struct attempt *a, struct segment_builder *b, struct fault *why)
{
	enum blk_status st;

	st = log_begin(b, a->s->hash, &a->commit, why);
	for (size_t i = 0; st == BLK_OK && i < a->objects; i++) {
		const struct store_object *o = &a->object[i];

		if (segment_plain(b) + o->len > STRUCTURE_MAX)
			st = segment_end_frame(b, why);
		if (st == BLK_OK)
			st = segment_add(
			    b, &o->id, o->kind, o->data, o->len, why);
	}
	return st;
}

/* Publish on a->head; *won tells whether it is ours. */
static enum blk_status
publish(struct attempt *a, bool *won, struct fault *why)
{
	struct segment_builder *b = NULL;
	const void *file;
	enum blk_status st;
	size_t len;

	*won = false;
	st = store_builder(a->s, a->d->compressed, &b, why);
	if (st == BLK_OK)
		st = build_file(a, b, why);
	if (st == BLK_OK)
		st = log_seal(b, &a->commit, &file, &len, why);
	if (st == BLK_OK)
		st = log_publish(a->s->backend, a->commit.number, file, len,
		    &a->commit.hash, won, why);
	store_builder_done(a->s, b);
	return st;
}

/*
 * R3: does the commit that we published count?  Folding frees keys: it does
 * when no checkpoint stands at or above it, or when the log can be followed
 * by hashes from it to the commit that the checkpoint names.
 */
static enum blk_status
confirm(struct attempt *a, struct fault *why)
{
	struct store *s = a->s;
	uint64_t newest, second, n = a->commit.number;
	struct digest want;
	enum blk_status st;
	bool counts = true;

	if (!RULE(R3))
		return BLK_OK;
	st = checkpoint_newest(s->backend, &newest, &second, why);
	if (st == BLK_OK && newest >= n && newest > 0) {
		counts = false;
		st = checkpoint_head(
		    s->backend, newest, s->config.store, &want, NULL, why);
		if (st == BLK_OK)
			st = store_follow(s, n + 1, &a->commit.hash, newest,
			    &want, &counts, why);
	}
	if (st != BLK_OK)
		return fault_in(why, BLK_FAILED, "outcome unknown");
	if (!counts)
		return fault(why, BLK_FAILED,
		    "outcome unknown: the log was folded meanwhile");
	return BLK_OK;
}

/* Orders publication; nothing depends on it (a holder may be frozen). */
static int
write_lock(struct store *s)
{
	struct fault ignored = FAULT_NONE;
	int fd = -1;

	if (s->backend->caps.kernel_locks &&
	    file_lock(backend_lock_dir(s->backend), "locks/write",
	        s->config.group ? 0660 : 0600, true, WRITE_WAIT_MS, &fd,
	        &ignored) != BLK_OK)
		fd = -1;
	return fd;
}

static bool
says_nothing(const struct attempt *a)
{
	return a->commit.verbs == 0 && a->d->objects == 0 && !a->d->empty_too;
}

/* Decide and judge, on one state of the catalog: others may bring it on, or
 * make it again, meanwhile.  Most of what is read now is read again when the
 * commit is applied. */
static enum blk_status
prepare(struct attempt *a, bool *nothing, struct fault *why)
{
	struct catalog *c = a->s->catalog;
	enum blk_status st;

	st = catalog_keep(c, why);
	if (st == BLK_OK)
		st = c->type->head_get(c, &a->head, why);
	if (st == BLK_OK)
		st = decide(a, why);
	*nothing = st == BLK_OK && says_nothing(a);
	if (st == BLK_OK && !*nothing)
		st = make_sound(a, why);
	catalog_release(c);
	return st;
}

/*
 * One attempt on the head as it is now.  *done: published (or nothing to
 * publish); otherwise somebody else was first.
 */
static enum blk_status
attempt(struct attempt *a, bool *done, bool *nothing, struct fault *why)
{
	struct fault ignored = FAULT_NONE;
	struct store *s = a->s;
	enum blk_status st;

	*nothing = false;
	st = store_sync(s, why);
	if (st == BLK_OK && s->broken) {
		*why = s->broken_why;
		return BLK_CORRUPT;
	}
	if (st == BLK_OK)
		st = prepare(a, nothing, why);
	if (st == BLK_OK && *nothing)
		*done = true;
	else if (st == BLK_OK)
		st = stat_segments(a, why);
	if (st == BLK_OK)
		st = store_settle(s, why);
	/* So that a fold leaves what confirm looks for; a courtesy. */
	if (st == BLK_OK && !*nothing && store_session(s, &ignored) != BLK_OK)
		ignored = (struct fault)FAULT_NONE;
	if (st == BLK_OK && !*nothing)
		st = publish(a, done, why);
	return st;
}

static void
attempt_release(struct attempt *a)
{
	for (size_t i = 0; i < a->rescueds; i++)
		buf_release(&a->rescued[i].bytes);
	free(a->rescued);
	free(a->added);
	carry_nothing(a);
	commit_release(&a->commit);
	store_made_release(a->s);
}

/* What stands: the segments are no longer pending, the index catches up. */
static void
settle_down(struct attempt *a)
{
	struct store *s = a->s;
	struct fault why = FAULT_NONE;
	enum blk_status st;
	bool applied;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < a->d->segments; i++)
		store_pending_drop(s, &a->d->segment[i]);
	pthread_mutex_unlock(&s->lock);
	s->durable = a->commit.number;
	s->transaction++;
	st = store_apply_own(s, &a->commit, a->object, &applied, &why);
	if (st != BLK_OK || !applied)
		st = store_sync(s, &why);
	if (st != BLK_OK)
		store_warn(s, "the commit stands, but the index is behind: %s",
		    why.text);
}

enum blk_status
store_commit(struct store *s, const struct store_draft *d,
    struct store_outcome *out, struct fault *why)
{
	struct attempt a = { .s = s, .d = d, .commit = COMMIT_NONE };
	bool done = false, nothing = false;
	enum blk_status st = BLK_OK;
	int lock;

	*out = (struct store_outcome){ .number = 0 };
	if (store_is_read_only(s))
		return fault(why, BLK_FAILED, "%s is read-only", store_url(s));
	lock = write_lock(s);
	for (int i = 0; st == BLK_OK && !done && i < ATTEMPTS; i++)
		st = attempt(&a, &done, &nothing, why);
	if (st == BLK_OK && !done)
		st = fault(why, BLK_BUSY, "others always commit first");
	if (st == BLK_OK && !nothing)
		st = confirm(&a, why);
	file_close(lock); /* what was published is applied without it */
	if (st == BLK_OK && !nothing) {
		out->number = a.commit.number;
		out->hash = a.commit.hash;
		settle_down(&a);
	}
	attempt_release(&a);
	return st;
}

/*
 * Repair: a collection whose victims are damaged.  What can still be read is
 * copied, what cannot is fetched by id from elsewhere, and the rest is said
 * lost; one commit does it all.  On a healthy store nothing is written.
 */
#include <stdlib.h>
#include <string.h>

#include "check-repair.h"
#include "file.h"
#include "log.h"

#define SEGMENT_SIZE ((size_t)16 << 20)
#define FRAME_SIZE ((size_t)1 << 20)

static void
note(struct repair *p, const char *text)
{
	if (p->o->note != NULL)
		p->o->note(p->o->arg, text);
}

/* --- victims: live segments of which damage is noted --- */

static enum blk_status
see_damage(void *arg, const struct digest *segment, uint32_t ordinal,
    struct fault *why)
{
	struct repair *p = arg;
	struct catalog *c = store_catalog(p->s);
	struct catalog_segment seg;
	enum blk_status st;

	(void)ordinal;
	for (size_t i = 0; i < p->victims; i++)
		if (digest_equal(&p->victim[i].id, segment))
			return BLK_OK;
	st = c->type->segment_find(c, segment, &seg, why);
	if (st == BLK_ABSENT || (st == BLK_OK && seg.condemned != 0))
		return BLK_OK;
	if (st == BLK_OK)
		st = array_grow((void **)&p->victim, p->victims,
		    &p->victims_cap, sizeof(*p->victim), why);
	if (st == BLK_OK)
		p->victim[p->victims++] = seg;
	return st;
}

static const struct catalog_segment *
victim_of(const struct repair *p, uint64_t seq)
{
	for (size_t i = 0; i < p->victims; i++)
		if (p->victim[i].seq == seq)
			return &p->victim[i];
	return NULL;
}

static enum blk_status
add_need(struct repair *p, const struct digest *id, enum class class,
    const struct catalog_facts *f, struct fault *why)
{
	const struct catalog_copy *w = catalog_winner(f, class);
	struct need n = { .id = *id, .class = class, .lost = f->lost[class] };
	enum blk_status st;
	int64_t *at;

	if (w != NULL)
		n.copy = *w;
	st = array_grow(
	    (void **)&p->need, p->needs, &p->needs_cap, sizeof(*p->need), why);
	if (st == BLK_OK)
		st = idmap_put(&p->by_id, id, (uint8_t) class, &at, NULL, why);
	if (st != BLK_OK)
		return st;
	p->need[p->needs++] = n;
	*at = (int64_t)p->needs;
	return BLK_OK;
}

/* What is counted, and lies in a victim or nowhere. */
static enum blk_status
see_id(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct repair *p = arg;
	enum blk_status st = BLK_OK;

	for (int c = 0; st == BLK_OK && c < CLASSES; c++) {
		const struct catalog_copy *w;

		w = catalog_winner(f, (enum class)c);
		if (f->count[c] > 0 &&
		    (w == NULL || victim_of(p, w->seq) != NULL))
			st = add_need(p, id, (enum class)c, f, why);
	}
	return st;
}

/* What something found refers to: not counted as yet, it may be anywhere. */
static enum blk_status
see_reference(void *arg, const struct reference *r, struct fault *why)
{
	struct repair *p = arg;
	struct catalog *c = store_catalog(p->s);
	const struct catalog_copy *w;
	struct catalog_facts f;
	enum blk_status st;

	if (idmap_get(&p->by_id, &r->id, (uint8_t)r->class) != NULL)
		return BLK_OK;
	st = c->type->facts(c, &r->id, &f, why);
	if (st != BLK_OK)
		return st;
	w = catalog_winner(&f, r->class);
	if (w != NULL && victim_of(p, w->seq) == NULL &&
	    (w->kind == KIND_DATA || f.count[r->class] > 0))
		return BLK_OK;
	return add_need(p, &r->id, r->class, &f, why);
}

/* --- writing what was saved --- */

static enum blk_status
seal(struct repair *p, struct segment_builder *b, struct fault *why)
{
	struct segment_table table;
	struct digest id;
	const void *file;
	enum blk_status st;
	size_t len;

	st = segment_end_frame(b, why);
	if (st != BLK_OK || segment_count(b) == 0)
		return st;
	st = segment_seal(b, &id, &file, &len, &table, why);
	if (st != BLK_OK)
		return st;
	st = store_publish(p->s, &id, file, len, &table, why);
	segment_table_release(&table);
	segment_reset(b);
	if (st == BLK_OK)
		st = array_grow((void **)&p->added, p->addeds, &p->addeds_cap,
		    sizeof(*p->added), why);
	if (st == BLK_OK)
		p->added[p->addeds++] = id;
	return st;
}

enum blk_status
repair_keep(struct repair *p, struct need *n, enum kind kind, const void *data,
    size_t len, struct fault *why)
{
	struct segment_builder *b = kind == KIND_DATA ? p->data : p->structure;
	enum blk_status st = BLK_OK;

	n->found = true;
	if (p->o->dry_run)
		return BLK_OK;
	if (segment_plain(b) + len > FRAME_SIZE)
		st = segment_end_frame(b, why);
	if (st == BLK_OK && segment_stored(b) > SEGMENT_SIZE)
		st = seal(p, b, why);
	if (st == BLK_OK)
		st = segment_add(b, &n->id, kind, data, len, why);
	if (st == BLK_OK && kind != KIND_DATA)
		st = structure_walk(
		    kind, span_of(data, len), see_reference, p, why);
	return st;
}

/* --- the commit --- */

/* What was not found: a version without its record is no more. */
static enum blk_status
say_lost(struct commit *k, const struct need *n, struct fault *why)
{
	const struct commit_verb v = { .verb = n->class == CLASS_VERSION
		    ? VERB_DROP
		    : VERB_LOST,
		.id = n->id,
		.class = n->class };

	return n->found || n->lost ? BLK_OK : commit_add(k, &v, why);
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct repair *p = arg;
	enum blk_status st = BLK_OK;

	(void)s;
	for (size_t i = 0; st == BLK_OK && i < p->needs; i++)
		st = say_lost(k, &p->need[i], why);
	for (size_t i = 0; st == BLK_OK && i < p->victims; i++) {
		const struct commit_verb v = { .verb = VERB_CONDEMN,
			.id = p->victim[i].id,
			.reason = REASON_DAMAGED };

		st = commit_add(k, &v, why);
	}
	return st;
}

static enum blk_status
publish(struct repair *p, struct fault *why)
{
	struct store_draft d = {
		.decide = decide, .arg = p, .collector = true
	};
	struct store_outcome out;
	enum blk_status st;

	st = seal(p, p->data, why);
	if (st == BLK_OK)
		st = seal(p, p->structure, why);
	d.segment = p->added;
	d.segments = p->addeds;
	return st == BLK_OK ? store_commit(p->s, &d, &out, why) : st;
}

/* The notes are answered: the segments are condemned. */
static enum blk_status
forget_damage(struct repair *p, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	enum blk_status st = c->type->begin(c, why);

	if (st != BLK_OK)
		return st;
	for (size_t i = 0; st == BLK_OK && i < p->victims; i++) {
		const struct catalog_segment *seg = &p->victim[i];

		st = c->type->damage_note(c, &seg->id, STATE_TABLE, false, why);
		for (uint32_t k = 0; st == BLK_OK && k < seg->objects; k++)
			st = c->type->damage_note(c, &seg->id, k, false, why);
	}
	if (st == BLK_OK)
		st = c->type->commit(c, why);
	if (st != BLK_OK)
		c->type->rollback(c);
	return st;
}

static enum blk_status
save_objects(struct repair *p, struct fault *why)
{
	enum blk_status st = BLK_OK;
	bool done;

	for (size_t i = 0; st == BLK_OK && i < p->needs; i++) {
		st = repair_from_copies(p, p->s, &p->need[i], &done, why);
		if (st == BLK_OK && !done)
			st = repair_from_row(p, &p->need[i], &done, why);
		p->r->saved += done;
		if (st == BLK_OK && !done)
			st = repair_from_stores(p, &p->need[i], why);
	}
	if (st == BLK_OK && p->o->dirs > 0)
		st = repair_from_dirs(p, why);
	for (size_t i = 0; i < p->needs; i++)
		p->r->lost += !p->need[i].found && !p->need[i].lost;
	if (st == BLK_OK && p->unread && p->r->lost > 0) {
		*why = p->unsaid;
		return fault_in(why, BLK_FAILED,
		    "%ju objects are not found where could be looked",
		    (uintmax_t)p->r->lost);
	}
	return st;
}

static enum blk_status
open_builders(struct repair *p, struct fault *why)
{
	const struct segment_origin origin = store_origin(p->s);
	struct segment_options o = { .verify = true };
	enum blk_status st;

	st = store_compression(p->s, &o.codec, &o.level, why);
	if (st == BLK_OK)
		st = codec_state_new(&p->codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&p->hash, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, &o, p->codecs, p->hash, &p->data, why);
	if (st == BLK_OK)
		st = segment_builder_new(
		    &origin, &o, p->codecs, p->hash, &p->structure, why);
	return st;
}

static enum blk_status
repair_segments(struct repair *p, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	const struct digest none = { { 0 } };
	enum blk_status st;

	st = c->type->damage_each(c, see_damage, p, why);
	if (st == BLK_OK)
		st = c->type->ids_each(c, &none, 0, see_id, p, why);
	if (st != BLK_OK || (p->victims == 0 && p->needs == 0))
		return st;
	p->r->segments = p->victims;
	st = open_builders(p, why);
	if (st == BLK_OK)
		st = save_objects(p, why);
	if (st != BLK_OK || p->o->dry_run)
		return st;
	st = publish(p, why);
	return st == BLK_OK ? forget_damage(p, why) : st;
}

/* --- commits --- */

/* What the hash of log/<number> must be: the next commit says, or the index
 * for the head. */
static enum blk_status
expected_hash(struct repair *p, uint64_t number, const struct catalog_head *h,
    struct digest *want, bool *known, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	enum blk_status st = BLK_OK;

	*known = number == h->number;
	if (*known) {
		*want = h->hash;
		return BLK_OK;
	}
	st = log_read(store_backend(p->s), number + 1,
	    store_config(p->s)->store, &k, why);
	if (st == BLK_OK) {
		*known = true;
		*want = k.previous;
	}
	commit_release(&k);
	return st == BLK_FAILED ? st : BLK_OK;
}

/* Put a commit file back from another store of the same id. */
static enum blk_status
bring_commit(struct repair *p, uint64_t number, const struct digest *want,
    bool *done, struct fault *why)
{
	char key[LOG_KEY_MAX];

	log_key(number, key);
	for (size_t i = 0; i < p->o->froms && !*done; i++) {
		struct fault ignored = FAULT_NONE;
		struct digest found;
		void *file = NULL;
		enum blk_status st;
		size_t len;

		if (backend_get_all(store_backend(p->o->from[i]), key,
		        LOG_COMMIT_MAX, &file, &len, &ignored) != BLK_OK)
			continue;
		st = digest_of(file, len, &found, why);
		*done = st == BLK_OK && digest_equal(&found, want);
		if (*done && !p->o->dry_run)
			st = backend_put(
			    store_backend(p->s), key, file, len, why);
		free(file);
		frames_forget(store_frames(p->s), want);
		if (st != BLK_OK)
			return st;
	}
	p->r->commits += *done;
	return BLK_OK;
}

static enum blk_status
repair_commit(struct repair *p, uint64_t number, const struct catalog_head *h,
    bool *bad, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	struct digest want;
	enum blk_status st;
	bool known = false, done = false;

	st = log_read(
	    store_backend(p->s), number, store_config(p->s)->store, &k, why);
	commit_release(&k);
	if (st == BLK_OK || st == BLK_FAILED)
		return st;
	st = expected_hash(p, number, h, &want, &known, why);
	if (st == BLK_OK && known)
		st = bring_commit(p, number, &want, &done, why);
	*bad = *bad || !done;
	return st;
}

/* With loss accepted, a checkpoint of the index steps over bad commits. */
static enum blk_status
repair_log(struct repair *p, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	uint64_t newest = 0, second = 0, made;
	struct catalog_head h;
	enum blk_status st;
	bool bad = false;

	st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = checkpoint_newest(
		    store_backend(p->s), &newest, &second, why);
	for (uint64_t n = second; st == BLK_OK && n <= h.number; n++)
		st = repair_commit(p, n, &h, &bad, why);
	if (st != BLK_OK || !bad)
		return st;
	if (!p->o->accept_loss) {
		note(p,
		    "a commit is damaged or missing, and no --from store "
		    "has it: --accept-loss steps over it");
		return BLK_OK;
	}
	if (p->o->dry_run || newest >= h.number)
		return BLK_OK;
	st = store_checkpoint(p->s, &made, why);
	if (st == BLK_OK)
		note(p, "a checkpoint of the index steps over the damage");
	return st;
}

/* --- config --- */

/* It is a copy of what commit 0 says. */
static enum blk_status
repair_config(struct repair *p, struct fault *why)
{
	struct buf text = BUF_INIT(65536);
	struct store_config found, want;
	enum blk_status st;

	st = check_read_config(p->s, &found, why);
	if (st == BLK_OK)
		st = check_true_config(p->s, &want, why);
	if (st == BLK_CORRUPT || st == BLK_ABSENT)
		return BLK_OK; /* nothing to compare it with */
	if (st != BLK_OK || config_equal(&found, &want))
		return st;
	st = config_format(&want, &text, why);
	if (st == BLK_OK && !p->o->dry_run)
		st = backend_put(
		    store_backend(p->s), "config", text.data, text.len, why);
	if (st == BLK_OK)
		note(p,
		    p->o->dry_run ? "would make config again from commit 0"
		                  : "config is made again from commit 0");
	buf_release(&text);
	return st;
}

/* --- damaged files --- */

static enum blk_status
drop_file(struct repair *p, const char *key, struct fault *why)
{
	struct backend_stat bs;
	enum blk_status st = backend_stat(store_backend(p->s), key, &bs, why);

	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st == BLK_OK && !p->o->dry_run)
		st = backend_remove(store_backend(p->s), key, why);
	p->r->dropped += st == BLK_OK;
	return st;
}

/* A commit file only below the second newest checkpoint (R2). */
static enum blk_status
drop_damaged(struct repair *p, struct fault *why)
{
	struct catalog *c = store_catalog(p->s);
	struct catalog_segment seg = { .seq = 0 };
	uint64_t newest, second;
	enum blk_status st;

	st = store_settle(p->s, why);
	if (st == BLK_OK)
		st = store_checkpoints(p->s, &newest, &second, why);
	while (st == BLK_OK &&
	    (st = c->type->segment_next(c, seg.seq, &seg, why)) == BLK_OK) {
		char key[SEGMENT_KEY_MAX];

		if (seg.condemned == 0 || seg.reason != REASON_DAMAGED ||
		    seg.condemned > store_durable(p->s) ||
		    (seg.in_log && seg.commit >= second))
			continue;
		if (seg.in_log)
			log_key(seg.commit, key);
		else
			segment_key(&seg.id, key);
		st = drop_file(p, key, why);
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static void
repair_release(struct repair *p)
{
	segment_builder_free(p->data);
	segment_builder_free(p->structure);
	codec_state_free(p->codecs);
	hasher_free(p->hash);
	idmap_release(&p->by_id);
	buf_release(&p->bytes);
	free(p->victim);
	free(p->need);
	free(p->added);
}

enum blk_status
check_repair(struct store *s, const struct repair_options *o,
    struct repair_report *r, struct fault *why)
{
	struct repair p = {
		.s = s, .o = o, .r = r, .bytes = BUF_INIT(SEGMENT_FRAME_MAX)
	};
	enum blk_status st;
	int lock;

	memset(r, 0, sizeof(*r));
	st = store_collect_lock(s, &lock, why);
	if (st != BLK_OK)
		return st;
	st = store_sync(s, why);
	if (st == BLK_OK)
		st = repair_config(&p, why);
	if (st == BLK_OK)
		st = repair_log(&p, why);
	if (st == BLK_OK)
		st = store_sync(s, why);
	if (st == BLK_OK)
		st = repair_segments(&p, why);
	if (st == BLK_OK && o->drop_damaged)
		st = drop_damaged(&p, why);
	file_close(lock);
	repair_release(&p);
	return st;
}

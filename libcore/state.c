#include "state.h"

#include "state-count.h"

/* --- counting afresh --- */

static enum blk_status
count_root(void *arg, const struct catalog_version *v, struct fault *why)
{
	return counter_add(arg, &v->vid, CLASS_VERSION, 1, why);
}

static enum blk_status
count_unread(
    void *arg, const struct digest *vid, uint32_t ordinal, struct fault *why)
{
	return ordinal == STATE_VERSION
	    ? counter_add(arg, vid, CLASS_VERSION, 1, why)
	    : BLK_OK;
}

enum blk_status
state_recount(
    struct catalog *c, const struct state_source *src, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct counter ct;
	enum blk_status st;

	counter_init(&ct, c, src);
	ct.tracing = true;
	st = c->type->counts_clear(c, why);
	if (st == BLK_OK)
		st = c->type->version_each(c, &all, count_root, &ct, why);
	if (st == BLK_OK)
		st = c->type->damage_each(c, count_unread, &ct, why);
	if (st == BLK_OK)
		st = counter_run(&ct, why);
	if (st == BLK_OK && ct.retrace)
		st = fault(why, BLK_CORRUPT, "counts below zero in a trace");
	if (st == BLK_OK)
		st = state_note_partial(c, ct.partial, why);
	counter_release(&ct);
	return st;
}

enum blk_status
state_note_partial(struct catalog *c, bool partial, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st = c->type->head_get(c, &h, why);

	if (st != BLK_OK || h.partial == partial)
		return st;
	h.partial = partial;
	return c->type->head_set(c, &h, why);
}

/* --- reading --- */

static bool
is_gone(enum blk_status st)
{
	return st == BLK_ABSENT || st == BLK_CORRUPT;
}

enum blk_status
state_table(struct catalog *c, const struct catalog_segment *s,
    const struct state_source *src, const struct segment_table **t,
    struct fault *why)
{
	enum blk_status st = src->table(src->arg, s, t, why);

	if (!src->tolerant || !is_gone(st))
		return st;
	*t = NULL;
	return c->type->damage_note(c, &s->id, STATE_TABLE, true, why);
}

/* --- versions --- */

/* Its text, where that can be read; ABSENT where not, and the source is
 * tolerant. */
static enum blk_status
read_version(struct catalog *c, const struct digest *vid,
    const struct catalog_copy *copy, const struct state_source *src,
    struct version *v, struct fault *why)
{
	struct buf text = BUF_INIT(STRUCTURE_MAX);
	struct catalog_segment s;
	enum blk_status st = c->type->segment_get(c, copy->seq, &s, why);

	if (st == BLK_OK)
		st = src->text(src->arg, &s, copy, vid, &text, why);
	if (st == BLK_OK)
		st = version_parse(span_of(text.data, text.len), v, why);
	buf_release(&text);
	if (!is_gone(st) || !src->tolerant)
		return st;
	st = c->type->damage_note(c, &s.id, copy->ordinal, true, why);
	return st == BLK_OK ? BLK_ABSENT : st;
}

/* Note, or no longer note, that a version cannot be read. */
static enum blk_status
note_version(
    struct catalog *c, const struct digest *vid, bool unread, struct fault *why)
{
	bool wrong;
	enum blk_status st = c->type->anything_wrong(c, &wrong, why);

	if (st != BLK_OK || (!unread && !wrong))
		return st;
	return c->type->damage_note(c, vid, STATE_VERSION, unread, why);
}

enum blk_status
state_adopt(struct catalog *c, const struct digest *vid,
    const struct commit_verb *said, const struct state_source *src,
    struct fault *why)
{
	struct version v = { .name = NULL };
	const struct catalog_copy *copy;
	struct catalog_facts f;
	enum blk_status st;

	st = c->type->facts(c, vid, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, CLASS_VERSION);
	if (copy != NULL)
		st = read_version(c, vid, copy, src, &v, why);
	else if (src->tolerant)
		st = BLK_ABSENT; /* its segment is noted as damaged */
	else
		st = fault(why, BLK_CORRUPT, "a version record is missing");
	if (st == BLK_OK && said != NULL &&
	    (strcmp(v.name, said->name) != 0 || v.number != said->number))
		st = fault(why, BLK_CORRUPT,
		    "version %ju of %s is said to be version %ju of %s",
		    (uintmax_t)v.number, v.name, (uintmax_t)said->number,
		    said->name);
	if (st == BLK_OK)
		st = c->type->version_put(c, vid, &v, why);
	version_release(&v);
	if (st != BLK_OK && (st != BLK_ABSENT || !src->tolerant))
		return st;
	return note_version(c, vid, st != BLK_OK, why);
}

#include "check-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

const char *
check_what_name(enum check_what w)
{
	static const char *const name[] = { "config", "commit", "checkpoint",
		"segment", "object", "reference", "count", "version", "index",
		"lost" };

	return (unsigned)w < sizeof(name) / sizeof(name[0]) ? name[w] : "?";
}

void
check_say(struct check *c, enum check_what what, const char *where,
    const struct digest *id, const char *message)
{
	struct check_finding f = { .what = what, .message = message };

	snprintf(f.where, sizeof(f.where), "%s", where);
	f.has_id = id != NULL;
	if (id != NULL)
		f.id = *id;
	pthread_mutex_lock(&c->lock);
	c->r->findings++;
	c->r->of_index += what == CHECK_COUNT || what == CHECK_INDEX;
	c->r->by_index += what == CHECK_REFERENCE || what == CHECK_LOST;
	if (c->o->finding != NULL)
		c->o->finding(c->o->arg, &f);
	pthread_mutex_unlock(&c->lock);
}

enum blk_status
check_mark(
    struct check *c, const struct digest *id, uint8_t kind, struct fault *why)
{
	enum blk_status st;
	int64_t *value;

	pthread_mutex_lock(&c->lock);
	st = idmap_put(&c->damaged, id, kind, &value, NULL, why);
	pthread_mutex_unlock(&c->lock);
	return st;
}

enum blk_status
check_note(struct check *c, const struct digest *segment, uint32_t ordinal,
    struct fault *why)
{
	enum blk_status st;

	if (store_is_read_only(c->s))
		return BLK_OK;
	pthread_mutex_lock(&c->lock);
	st = array_grow(
	    (void **)&c->note, c->notes, &c->notes_cap, sizeof(*c->note), why);
	if (st == BLK_OK)
		c->note[c->notes++] =
		    (struct check_damage){ *segment, ordinal };
	pthread_mutex_unlock(&c->lock);
	return st;
}

void
check_key(const struct catalog_segment *seg, char key[SEGMENT_KEY_MAX])
{
	if (seg->in_log)
		log_key(seg->commit, key);
	else
		segment_key(&seg->id, key);
}

enum blk_status
check_judge(struct check *c, enum blk_status st, enum check_what what,
    const char *where, const struct fault *reason)
{
	if (st == BLK_ABSENT)
		check_say(c, what, where, NULL, "missing");
	else if (st == BLK_CORRUPT || st == BLK_INVALID)
		check_say(c, what, where, NULL, reason->text);
	else
		return st;
	return BLK_OK;
}

/* *walks: the rows of segments can be read, without which nothing else can be
 * looked at. */
static enum blk_status
check_index(struct check *c, bool *walks, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	struct catalog_segment seg = { .seq = 0 };
	struct fault ignored = FAULT_NONE;
	enum blk_status st = cat->type->verify(cat, CATALOG_IDS, why);

	*walks = true;
	if (st != BLK_CORRUPT)
		return st;
	check_say(c, CHECK_INDEX, "index", NULL, why->text);
	while ((st = cat->type->segment_next(cat, seg.seq, &seg, &ignored)) ==
	    BLK_OK)
		;
	*walks = st != BLK_CORRUPT;
	if (st == BLK_ABSENT || st == BLK_CORRUPT)
		return BLK_OK;
	*why = ignored;
	return st;
}

/* Tell the catalog what is damaged: readers then look for other copies. */
static enum blk_status
write_notes(struct check *c, struct fault *why)
{
	struct catalog *cat = store_catalog(c->s);
	enum blk_status st;

	if (c->notes == 0)
		return BLK_OK;
	st = cat->type->begin(cat, why);
	if (st != BLK_OK)
		return st;
	for (size_t i = 0; st == BLK_OK && i < c->notes; i++)
		st = cat->type->damage_note(
		    cat, &c->note[i].segment, c->note[i].ordinal, true, why);
	if (st == BLK_OK)
		st = cat->type->commit(cat, why);
	if (st != BLK_OK)
		cat->type->rollback(cat);
	return st;
}

static enum blk_status
check_all(struct check *c, struct check_data **data, struct fault *why)
{
	enum blk_status st = check_log(c, why);
	bool walks = false;

	if (st == BLK_OK)
		st = check_index(c, &walks, why);
	if (st != BLK_OK || !walks)
		return st;
	if (c->o->share != CHECK_NONE)
		st = check_data_begin(c, data, why);
	if (st == BLK_OK)
		st = check_tables(c, why);
	if (st == BLK_OK)
		st = check_trace(c, why);
	return st;
}

enum blk_status
check_run(struct store *s, const struct check_options *o,
    struct check_report *r, struct fault *why)
{
	struct check c = { .s = s, .o = o, .r = r };
	struct check_data *data = NULL;
	enum blk_status st;

	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&c.lock, NULL);
	st = store_session(s, why);
	if (st == BLK_OK)
		st = store_sync(s, why);
	if (st == BLK_OK)
		st = check_all(&c, &data, why);
	st = check_data_end(data, st, why);
	if (st == BLK_OK)
		st = write_notes(&c, why);
	if (st == BLK_OK && c.damaged.used > 0)
		st = check_sufferers(&c, why);
	idmap_release(&c.damaged);
	free(c.note);
	pthread_mutex_destroy(&c.lock);
	return st;
}

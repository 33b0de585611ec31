/*
 * Checkpoints: the whole catalogue at one commit, as one record.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

/* --- finding --- */

struct newest {
	uint64_t first, second;
};

static enum blk_status
see_key(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	struct newest *n = arg;
	uint64_t number;

	(void)st;
	(void)why;
	if (!checkpoint_key_number(key, &number))
		return BLK_OK;
	if (number > n->first) {
		n->second = n->first;
		n->first = number;
	} else if (number > n->second && number < n->first) {
		n->second = number;
	}
	return BLK_OK;
}

enum blk_status
checkpoint_newest(
    struct backend *b, uint64_t *newest, uint64_t *second, struct fault *why)
{
	struct newest n = { 0, 0 };
	enum blk_status st;
	bool complete = false;

	st = backend_list(b, "checkpoint/", see_key, &n, &complete, why);
	*newest = n.first;
	*second = n.second;
	return st == BLK_OK ? st : fault_in(why, st, "checkpoint");
}

/* --- building --- */

/* Where lines go, one at a time. */
struct body {
	struct buf line;
	log_line *give; /* with its LF */
	void *arg;
};

static enum blk_status
end_line(struct body *b, struct fault *why)
{
	enum blk_status st = buf_add_u8(&b->line, '\n', why);

	if (st == BLK_OK)
		st = b->give(b->arg,
		    span_of((const char *)b->line.data, b->line.len), why);
	b->line.len = 0;
	return st;
}

static enum blk_status
put_name(struct body *b, const char *word, const char *name, struct fault *why)
{
	enum blk_status st = buf_printf(&b->line, why, "%s ", word);

	return st == BLK_OK ? text_escape(&b->line, span_str(name), false, why)
	                    : st;
}

/* "WORD NAME NUMBER ID" */
static enum blk_status
put_named(struct body *b, const char *word, const char *name, uint64_t number,
    const struct digest *vid, struct fault *why)
{
	enum blk_status st = put_name(b, word, name, why);
	char hex[DIGEST_HEX];

	digest_hex(vid, hex);
	if (st == BLK_OK)
		st = buf_printf(
		    &b->line, why, " %ju %s", (uintmax_t)number, hex);
	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_segment(struct body *b, const struct catalog_segment *s, struct fault *why)
{
	bool live = s->condemned == 0;
	char hex[DIGEST_HEX];
	enum blk_status st;

	digest_hex(&s->id, hex);
	st = buf_printf(&b->line, why, "%s %s %ju %ju %jd %s",
	    live ? "segment" : "condemned", hex, (uintmax_t)s->bytes,
	    (uintmax_t)s->commit, (intmax_t)s->time,
	    s->in_log ? "commit" : "segment");
	if (st == BLK_OK && !live)
		st = buf_printf(&b->line, why, " %ju %s",
		    (uintmax_t)s->condemned, reason_name(s->reason));
	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_segments(
    struct body *b, struct catalog *c, bool condemned, struct fault *why)
{
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;

	while ((st = c->type->segment_next(c, s.seq, &s, why)) == BLK_OK) {
		if ((s.condemned != 0) == condemned)
			st = put_segment(b, &s, why);
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
put_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	return put_named(arg, "version", v->v.name, v->v.number, &v->vid, why);
}

static enum blk_status
put_last(void *arg, const char *name, uint64_t number, const struct digest *vid,
    struct fault *why)
{
	return put_named(arg, "name", name, number, vid, why);
}

static enum blk_status
put_lost(
    void *arg, const struct digest *id, enum class class, struct fault *why)
{
	struct body *b = arg;
	char hex[DIGEST_HEX];
	enum blk_status st;

	digest_hex(id, hex);
	st = buf_printf(&b->line, why, "lost %s %s", hex, class_name(class));
	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_setting(void *arg, const char *key, const char *value, struct fault *why)
{
	struct body *b = arg;
	enum blk_status st;

	if (strcmp(key, CATALOG_REDIRECT) == 0)
		return BLK_OK;
	st = put_name(b, "set", key, why);
	if (st == BLK_OK)
		st = buf_add_u8(&b->line, ' ', why);
	if (st == BLK_OK)
		st = text_escape(&b->line, span_str(value), false, why);
	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_redirect(struct body *b, struct catalog *c, struct fault *why)
{
	char *url = NULL;
	enum blk_status st;

	st = c->type->setting_get(c, CATALOG_REDIRECT, &url, why);
	if (st == BLK_ABSENT)
		return BLK_OK;
	if (st == BLK_OK)
		st = put_name(b, "redirect", url, why);
	free(url);
	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_stat(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct body *b = arg;
	enum blk_status st =
	    buf_printf(&b->line, why, "stat %ju %s", (uintmax_t)commit, line);

	return st == BLK_OK ? end_line(b, why) : st;
}

/* "WORD TEXT" */
static enum blk_status
put_text(struct body *b, const char *word, const char *text, struct fault *why)
{
	enum blk_status st = put_name(b, word, text, why);

	return st == BLK_OK ? end_line(b, why) : st;
}

static enum blk_status
put_config(struct body *b, const struct store_config *config, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	enum blk_status st = config_to_commit(config, &k, why);

	for (size_t i = 0; st == BLK_OK && i < k.verbs; i++) {
		st = buf_printf(&b->line, why, "config %s", k.verb[i].value);
		if (st == BLK_OK)
			st = end_line(b, why);
	}
	commit_release(&k);
	return st;
}

static enum blk_status
put_head(struct body *b, struct catalog *c, const struct checkpoint_maker *m,
    struct fault *why)
{
	char hex[DIGEST_HEX], tail[2 * SEGMENT_TRAILER + 1];
	struct catalog_head h;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st != BLK_OK)
		return st;
	digest_hex(&h.hash, hex);
	digest_hex_of(h.tail, sizeof(h.tail), tail);
	st = buf_printf(&b->line, why,
	    "checkpoint 1\nnumber %ju\nhead %s %s\ntime %jd",
	    (uintmax_t)h.number, hex, tail, (intmax_t)m->time);
	if (st == BLK_OK)
		st = end_line(b, why);
	if (st == BLK_OK)
		st = put_text(b, "host", m->host, why);
	if (st == BLK_OK)
		st = put_text(b, "program", m->program, why);
	return st == BLK_OK ? put_config(b, m->config, why) : st;
}

static enum blk_status
put_body(struct body *b, struct catalog *c, bool versions, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	const struct catalog_type *t = c->type;
	enum blk_status st;

	st = put_segments(b, c, false, why);
	if (st == BLK_OK)
		st = put_segments(b, c, true, why);
	if (st == BLK_OK && versions)
		st = t->version_each(c, &all, put_version, b, why);
	if (st == BLK_OK)
		st = t->name_each(c, put_last, b, why);
	if (st == BLK_OK)
		st = t->lost_each(c, put_lost, b, why);
	if (st == BLK_OK)
		st = t->setting_each(c, put_setting, b, why);
	if (st == BLK_OK)
		st = put_redirect(b, c, why);
	if (st == BLK_OK)
		st = t->stat_each(c, put_stat, b, why);
	return st;
}

#define LINE_MAX (2 * STRUCTURE_LINE_MAX)

static enum blk_status
hash_line(void *arg, struct span line, struct fault *why)
{
	return hasher_add(arg, line.p, line.len, why);
}

enum blk_status
checkpoint_digest(struct catalog *c, struct digest *d, struct fault *why)
{
	struct body b = { .line = BUF_INIT(LINE_MAX), .give = hash_line };
	struct hasher *hash = NULL;
	enum blk_status st = hasher_new(&hash, why);

	b.arg = hash;
	if (st == BLK_OK)
		st = hasher_begin(hash, why);
	if (st == BLK_OK)
		st = put_body(&b, c, false, why);
	if (st == BLK_OK)
		st = hasher_end(hash, d, why);
	hasher_free(hash);
	buf_release(&b.line);
	return st;
}

static enum blk_status
write_line(void *arg, struct span line, struct fault *why)
{
	return log_writer_add(arg, line, why);
}

enum blk_status
checkpoint_build(struct segment_builder *b, struct hasher *hash,
    struct catalog *c, const struct checkpoint_maker *m, struct fault *why)
{
	struct body body = { .line = BUF_INIT(LINE_MAX), .give = write_line };
	struct log_writer *w = NULL;
	enum blk_status st;

	st = log_writer_new(b, hash, m->spill, m->arg, &w, why);
	body.arg = w;
	if (st == BLK_OK)
		st = put_head(&body, c, m, why);
	if (st == BLK_OK)
		st = put_body(&body, c, true, why);
	if (st == BLK_OK)
		st = log_writer_end(w, why);
	log_writer_free(w);
	buf_release(&body.line);
	return st;
}

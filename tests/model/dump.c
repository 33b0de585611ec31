/*
 * A catalog as text, but for what is its own affair: the numbers of rows,
 * condemned segments, damage notes.
 */
#include <stdlib.h>

#include "bytes.h"
#include "claims.h"

#define SEQS 512

struct dump {
	struct catalog *c;
	struct buf *b;
	uint64_t seq[SEQS]; /* of live segments, in order */
	size_t segments;
};

static size_t
rank_of(const struct dump *d, uint64_t seq)
{
	size_t i = 0;

	while (i < d->segments && d->seq[i] != seq)
		i++;
	return i;
}

static enum blk_status
dump_segments(struct dump *d, struct fault *why)
{
	struct catalog_segment s = { .seq = 0 };
	enum blk_status st;
	char hex[DIGEST_HEX];

	while (
	    (st = d->c->type->segment_next(d->c, s.seq, &s, why)) == BLK_OK) {
		if (s.condemned != 0)
			continue;
		if (d->segments == SEQS)
			return fault(why, BLK_FAILED, "too many segments");
		d->seq[d->segments++] = s.seq;
		digest_hex(&s.id, hex);
		st = buf_printf(d->b, why,
		    "segment %.12s bytes=%ju plain=%ju live=%ju "
		    "marks=%jx commit=%ju "
		    "time=%jd objects=%u%s\n",
		    hex, (uintmax_t)s.bytes, (uintmax_t)s.plain,
		    (uintmax_t)s.live, (uintmax_t)s.marks, (uintmax_t)s.commit,
		    (intmax_t)s.time, s.objects, s.in_log ? " log" : "");
		if (st != BLK_OK)
			return st;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
dump_id(void *arg, const struct digest *id, const struct catalog_facts *f,
    struct fault *why)
{
	struct dump *d = arg;
	enum blk_status st;
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	st = buf_printf(d->b, why, "id %.12s", hex);
	for (int c = 0; st == BLK_OK && c < CLASSES; c++)
		if (f->count[c] > 0)
			st = buf_printf(d->b, why, " %s=%ju",
			    class_name((enum class)c), (uintmax_t)f->count[c]);
	for (size_t i = 0; st == BLK_OK && i < f->copies; i++)
		st = buf_printf(d->b, why, " %s@%zu.%u",
		    kind_name((enum kind)f->copy[i].kind),
		    rank_of(d, f->copy[i].seq), f->copy[i].ordinal);
	return st == BLK_OK ? buf_printf(d->b, why, "\n") : st;
}

static enum blk_status
dump_lost(
    void *arg, const struct digest *id, enum class class, struct fault *why)
{
	struct dump *d = arg;
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	return buf_printf(d->b, why, "lost %.12s %s\n", hex, class_name(class));
}

static enum blk_status
dump_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct dump *d = arg;
	char vid[DIGEST_HEX], id[DIGEST_HEX];

	digest_hex(&v->vid, vid);
	digest_hex(&v->v.id, id);
	return buf_printf(d->b, why, "version %s %ju %.12s %s %.12s %ju %jd\n",
	    v->v.name, (uintmax_t)v->v.number, vid, class_name(v->v.class), id,
	    (uintmax_t)v->v.size, (intmax_t)v->v.expires);
}

static enum blk_status
dump_name(void *arg, const char *name, uint64_t number,
    const struct digest *vid, struct fault *why)
{
	struct dump *d = arg;
	char hex[DIGEST_HEX];

	digest_hex(vid, hex);
	return buf_printf(
	    d->b, why, "name %s %ju %.12s\n", name, (uintmax_t)number, hex);
}

static enum blk_status
dump_setting(void *arg, const char *key, const char *value, struct fault *why)
{
	struct dump *d = arg;

	return buf_printf(d->b, why, "set %s %s\n", key, value);
}

static enum blk_status
dump_stat(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	struct dump *d = arg;

	(void)commit;
	return buf_printf(d->b, why, "stat %s\n", line);
}

enum blk_status
dump_catalog(struct store *s, struct buf *b, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	const struct digest none = { { 0 } };
	struct dump *d = calloc(1, sizeof(*d));
	const struct catalog_type *t;
	struct catalog_head h;
	char hex[DIGEST_HEX];
	enum blk_status st;

	if (d == NULL)
		return fault_nomem(why);
	d->c = store_catalog(s);
	d->b = b;
	t = d->c->type;
	st = t->head_get(d->c, &h, why);
	digest_hex(&h.hash, hex);
	if (st == BLK_OK)
		st = buf_printf(
		    b, why, "head %ju %.12s\n", (uintmax_t)h.number, hex);
	if (st == BLK_OK)
		st = dump_segments(d, why);
	if (st == BLK_OK)
		st = t->ids_each(d->c, &none, 0, dump_id, d, why);
	if (st == BLK_OK)
		st = t->lost_each(d->c, dump_lost, d, why);
	if (st == BLK_OK)
		st = t->version_each(d->c, &all, dump_version, d, why);
	if (st == BLK_OK)
		st = t->name_each(d->c, dump_name, d, why);
	if (st == BLK_OK)
		st = t->setting_each(d->c, dump_setting, d, why);
	if (st == BLK_OK)
		st = t->stat_each(d->c, dump_stat, d, why);
	free(d);
	return st;
}

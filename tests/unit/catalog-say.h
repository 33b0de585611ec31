/*
 * catalog-say.h - all that a catalog answers, as text.
 */
#ifndef CATALOG_SAY_H
#define CATALOG_SAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog.h"

#define IDS 40 /* that are asked for */
#define ok(e) assert_int_equal((e), BLK_OK)

static inline const struct digest *
id_of(unsigned i)
{
	static struct digest id;

	/* Few first bytes, so that many share them. */
	memset(&id, (int)(i * 37 % 251), sizeof(id));
	id.byte[0] = (uint8_t)(i % 7 * 40);
	id.byte[31] = (uint8_t)i;
	return &id;
}

/* --- listings as text, to be compared --- */

struct text {
	char *at;
	size_t len;
	FILE *f;
};

static inline void
text_open(struct text *t)
{
	t->f = open_memstream(&t->at, &t->len);
	assert_non_null(t->f);
}

static inline void
say_id(FILE *f, const struct digest *id)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	fprintf(f, " %.4s%s", hex, hex + 60);
}

static inline enum blk_status
say_lost(
    void *arg, const struct digest *id, enum class class, struct fault *why)
{
	(void)why;
	say_id(arg, id);
	fprintf(arg, " lost %d\n", (int)class);
	return BLK_OK;
}

static inline enum blk_status
say_version(void *arg, const struct catalog_version *c, struct fault *why)
{
	const struct version *v = &c->v;
	FILE *f = arg;

	(void)why;
	say_id(f, &c->vid);
	say_id(f, &v->id);
	fprintf(f, " %s %ju %d %ju %jd %jd '%s' %d", v->name,
	    (uintmax_t)v->number, (int)v->class, (uintmax_t)v->size,
	    (intmax_t)v->time, (intmax_t)v->expires, v->type, v->has_previous);
	if (v->has_previous)
		say_id(f, &v->previous);
	for (size_t i = 0; i < v->attrs; i++)
		fprintf(f, " %s=%s", v->attr[i].key, v->attr[i].value);
	for (size_t i = 0; i < v->links; i++) {
		fprintf(f, " %s:%d:", v->link[i].rel, (int)v->link[i].class);
		say_id(f, &v->link[i].id);
	}
	fputc('\n', f);
	return BLK_OK;
}

static inline enum blk_status
say_name(void *arg, const char *name, uint64_t number, const struct digest *vid,
    struct fault *why)
{
	(void)why;
	fprintf(arg, "name %s %ju", name, (uintmax_t)number);
	say_id(arg, vid);
	fputc('\n', arg);
	return BLK_OK;
}

static inline enum blk_status
say_setting(void *arg, const char *key, const char *value, struct fault *why)
{
	(void)why;
	fprintf(arg, "set %s=%s\n", key, value);
	return BLK_OK;
}

static inline enum blk_status
say_stat(void *arg, uint64_t commit, const char *line, struct fault *why)
{
	(void)why;
	fprintf(arg, "stat %ju %s\n", (uintmax_t)commit, line);
	return BLK_OK;
}

static inline enum blk_status
say_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	(void)why;
	fprintf(
	    arg, "record %ju %.*s", (uintmax_t)number, (int)text.len, text.p);
	say_id(arg, hash);
	fputc('\n', arg);
	return BLK_OK;
}

static inline void
say_facts(FILE *f, const struct catalog_facts *k)
{
	for (int c = 0; c < CLASSES; c++)
		fprintf(
		    f, " %ju%s", (uintmax_t)k->count[c], k->lost[c] ? "!" : "");
	for (size_t i = 0; i < k->copies; i++)
		fprintf(f, " [%ju.%u kind %d length %u]",
		    (uintmax_t)k->copy[i].seq, k->copy[i].ordinal,
		    k->copy[i].kind, k->copy[i].length);
	fputc('\n', f);
}

static inline enum blk_status
say_counted(void *arg, const struct digest *id, const struct catalog_facts *k,
    struct fault *why)
{
	(void)why;
	say_id(arg, id);
	say_facts(arg, k);
	return BLK_OK;
}

struct copies {
	uint64_t count, sum;
};

/* They come in any order. */
static inline enum blk_status
sum_copy(void *arg, const struct digest *id, const struct catalog_copy *k,
    struct fault *why)
{
	struct copies *all = arg;

	(void)why;
	all->count++;
	all->sum += (k->seq << 40 ^ (uint64_t)k->ordinal << 20 ^ k->length ^
	                (uint64_t)k->kind << 60) *
	    (get_le64(id->byte) | 1);
	return BLK_OK;
}

static inline void
say_copies(FILE *f, struct catalog *c)
{
	struct copies all = { .count = 0 };
	struct fault why = FAULT_NONE;

	ok(c->type->copies_each(c, sum_copy, &all, &why));
	fprintf(
	    f, "copies %ju %jx\n", (uintmax_t)all.count, (uintmax_t)all.sum);
}

static inline void
say_segment(FILE *f, const struct catalog_segment *s)
{
	fprintf(f, "segment %ju", (uintmax_t)s->seq);
	say_id(f, &s->id);
	fprintf(f, " %ju %ju %ju %jx %ju %jd %d %u %s %ju\n",
	    (uintmax_t)s->bytes, (uintmax_t)s->plain, (uintmax_t)s->live,
	    (uintmax_t)s->marks, (uintmax_t)s->commit, (intmax_t)s->time,
	    s->in_log, s->objects, reason_name(s->reason),
	    (uintmax_t)s->condemned);
}

static inline void
say_totals(FILE *f, struct catalog *c)
{
	struct fault why = FAULT_NONE;
	struct catalog_totals t;
	struct catalog_head h;
	bool wrong;

	ok(c->type->totals(c, &t, &why));
	fprintf(f, "%ju %ju %ju %ju %ju %ju %ju %ju %ju %ju %ju %ju %ju %ju\n",
	    (uintmax_t)t.segments, (uintmax_t)t.live_bytes,
	    (uintmax_t)t.plain_bytes, (uintmax_t)t.stored_bytes,
	    (uintmax_t)t.condemned, (uintmax_t)t.condemned_bytes,
	    (uintmax_t)t.objects, (uintmax_t)t.counted, (uintmax_t)t.contents,
	    (uintmax_t)t.chunks, (uintmax_t)t.versions, (uintmax_t)t.names,
	    (uintmax_t)t.lost, (uintmax_t)t.damaged);
	ok(c->type->anything_wrong(c, &wrong, &why));
	ok(c->type->head_get(c, &h, &why));
	fprintf(f, "wrong %d head %d %ju %ju %ju %ju %d\n", wrong, h.known,
	    (uintmax_t)h.number, (uintmax_t)h.bytes, (uintmax_t)h.checkpoint,
	    (uintmax_t)h.durable, h.tail[0]);
	if (t.counted > 0 || t.lost > 0)
		assert_false(c->type->counts_empty(c));
}

static inline void
say_queries(FILE *f, struct catalog *c)
{
	static const struct digest link = { .byte = { 200, 1 } };
	const struct digest content = *id_of(3);
	const struct catalog_query query[] = { { .name = "a" },
		{ .prefix = "a" }, { .prefix = "a/\xff\xff" },
		{ .prefix = "", .named = true }, { .named = true },
		{ .unnamed = true }, { .named = true, .unnamed = true },
		{ .newest = true }, { .newest = true, .prefix = "b" },
		{ .type = "text/plain" }, { .type = "" },
		{ .type = "text/plain", .newest = true, .prefix = "a" },
		{ .content = &content }, { .content = &content, .name = "b" },
		{ .link = &content }, { .link = &link },
		{ .link = &content, .named = true, .newest = true },
		{ .since = 500 }, { .until = 500 },
		{ .since = -100, .until = 300, .prefix = "a" },
		{ .since = 200, .until = 900, .type = "x" },
		{ .after = "a", .after_number = 2 },
		{ .after = "a/x", .after_number = 9, .named = true },
		{ .name = "b", .newest = true }, { .name = "none" },
		{ .name = NULL } };
	struct fault why = FAULT_NONE;

	for (size_t i = 0; i < sizeof(query) / sizeof(query[0]); i++) {
		fprintf(f, "query %zu\n", i);
		ok(c->type->version_each(c, &query[i], say_version, f, &why));
	}
}

static inline void
say_ids(FILE *f, struct catalog *c)
{
	static const unsigned bits[] = { 0, 1, 3, 8, 11, 256 };
	struct catalog_facts all[IDS];
	struct digest id[IDS];
	struct fault why = FAULT_NONE;

	for (unsigned i = 0; i < IDS; i++)
		id[i] = *id_of(i);
	ok(c->type->facts_many(c, id, IDS, all, &why));
	for (unsigned i = 0; i < IDS; i++) {
		struct catalog_facts k;

		ok(c->type->facts(c, &id[i], &k, &why));
		say_facts(f, &k);
		say_facts(f, &all[i]);
		ok(c->type->copies_all(c, &id[i], &k, &why));
		say_facts(f, &k);
	}
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		ok(c->type->ids_each(c, &id[i], bits[i], say_counted, f, &why));
	ok(c->type->lost_each(c, say_lost, f, &why));
	say_copies(f, c);
}

static inline void
say_all(struct text *t, struct catalog *c)
{
	struct catalog_segment s = { .seq = 0 };
	struct fault why = FAULT_NONE;
	enum blk_status st;
	uint64_t last;

	text_open(t);
	say_totals(t->f, c);
	while ((st = c->type->segment_next(c, s.seq, &s, &why)) == BLK_OK)
		say_segment(t->f, &s);
	assert_int_equal(st, BLK_ABSENT);
	ok(c->type->segment_last(c, &last, &why));
	fprintf(t->f, "last %ju\n", (uintmax_t)last);
	say_ids(t->f, c);
	say_queries(t->f, c);
	ok(c->type->name_each(c, say_name, t->f, &why));
	ok(c->type->setting_each(c, say_setting, t->f, &why));
	ok(c->type->stat_each(c, say_stat, t->f, &why));
	ok(c->type->record_each(c, 0, say_record, t->f, &why));
	ok(c->type->record_each(c, 7, say_record, t->f, &why));
	ok(c->type->verify(c, CATALOG_IDS, &why));
	fclose(t->f);
}

#endif

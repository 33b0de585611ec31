/*
 * What was acknowledged, and whether it holds in the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "idmap.h"
#include "log.h"
#include "store-private.h"

enum claim_sort { A_COMMIT, A_VERSION, A_DROP, A_TRY, A_REMOVAL };

struct claim {
	enum claim_sort sort;
	struct digest id; /* version, or hash of a commit */
	uint64_t number;  /* of the version, or of the commit */
	int64_t expires;
	char name[80];
};

struct claims {
	struct claim *claim;
	size_t count, cap;
};

static struct claim *
add(struct world *w, enum claim_sort sort)
{
	struct fault why = FAULT_NONE;
	struct claims *c = w->claims;

	if (c == NULL) {
		c = w->claims = calloc(1, sizeof(*c));
		if (c == NULL)
			world_die("out of memory");
	}
	if (array_grow((void **)&c->claim, c->count, &c->cap, sizeof(*c->claim),
	        &why) != BLK_OK)
		world_die("out of memory");
	c->claim[c->count] = (struct claim){ .sort = sort };
	return &c->claim[c->count++];
}

void
claims_free(struct world *w)
{
	if (w->claims != NULL)
		free(w->claims->claim);
	free(w->claims);
	w->claims = NULL;
}

void
claim_commit(struct world *w, const struct store_outcome *out)
{
	struct claim *c = add(w, A_COMMIT);

	c->number = out->number;
	c->id = out->hash;
	world_trace(w, "acknowledged: commit %ju", (uintmax_t)out->number);
}

void
claim_version(
    struct world *w, const struct digest *vid, const struct version *v)
{
	struct claim *c = add(w, A_VERSION);
	char hex[DIGEST_HEX], id[DIGEST_HEX];

	c->id = *vid;
	c->number = v->number;
	c->expires = v->expires;
	snprintf(c->name, sizeof(c->name), "%s", v->name);
	digest_hex(vid, hex);
	digest_hex(&v->id, id);
	world_trace(w, "acknowledged: version %.12s of %s %ju: %s %.12s", hex,
	    v->name, (uintmax_t)v->number, class_name(v->class), id);
}

void
claim_drop(struct world *w, const struct digest *vid)
{
	char hex[DIGEST_HEX];

	add(w, A_DROP)->id = *vid;
	digest_hex(vid, hex);
	world_trace(w, "acknowledged: drop %.12s", hex);
}

void
claim_tried(struct world *w, const struct digest *vid)
{
	add(w, A_TRY)->id = *vid;
}

void
claim_removed(struct world *w, const char *name)
{
	struct claim *c = add(w, A_REMOVAL);

	snprintf(c->name, sizeof(c->name), "%s", name);
}

static bool
was_tried(const struct world *w, const struct digest *vid)
{
	for (size_t i = 0; i < w->claims->count; i++)
		if (w->claims->claim[i].sort == A_TRY &&
		    digest_equal(&w->claims->claim[i].id, vid))
			return true;
	return false;
}

static bool
was_removed(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->claims->count; i++)
		if (w->claims->claim[i].sort == A_REMOVAL &&
		    strcmp(w->claims->claim[i].name, name) == 0)
			return true;
	return false;
}

/* --- all below a version --- */

struct walk {
	struct store *s;
	struct hasher *hash;
	struct idmap seen;
	char *what;
	bool fine;
};

static void
wrong(
    struct walk *w, const struct digest *id, enum class class, const char *how)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	if (w->fine)
		snprintf(
		    w->what, 200, "%s %.12s %s", class_name(class), hex, how);
	w->fine = false;
}

static enum blk_status walk_object(struct walk *w, const struct digest *id,
    enum class class, struct buf *whole, struct fault *why);

struct children {
	struct walk *w;
	struct buf *whole; /* of a list: its bytes, joined */
};

static enum blk_status
walk_child(void *arg, const struct reference *r, struct fault *why)
{
	struct children *c = arg;

	return walk_object(c->w, &r->id, r->class, c->whole, why);
}

static enum blk_status
read_copy(struct walk *w, const struct digest *id,
    const struct catalog_copy *copy, struct buf *text, struct fault *why)
{
	struct catalog *c = store_catalog(w->s);
	struct frames_place place;
	struct catalog_segment seg;
	enum blk_status st;

	st = c->type->segment_get(c, copy->seq, &seg, why);
	if (st != BLK_OK)
		return st;
	place = store_place(&seg);
	return frames_read(store_frames(w->s), &place, copy->ordinal, id,
	    (enum kind)copy->kind, text, why);
}

static enum blk_status
check_hash(struct walk *w, const struct digest *id, enum class class,
    const struct buf *b, struct fault *why)
{
	struct digest found;
	enum blk_status st = hasher_of(w->hash, b->data, b->len, &found, why);

	if (st == BLK_OK && !digest_equal(&found, id))
		wrong(w, id, class, "has other bytes");
	return st;
}

/* whole: NULL, or where the bytes of content are wanted. */
static enum blk_status
walk_object(struct walk *w, const struct digest *id, enum class class,
    struct buf *whole, struct fault *why)
{
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	struct buf joined = BUF_INIT(SEGMENT_FRAME_MAX);
	struct catalog *c = store_catalog(w->s);
	struct children ch = { w, NULL };
	const struct catalog_copy *copy;
	struct catalog_facts f;
	enum blk_status st;
	int64_t *value;
	bool made;

	st = idmap_put(&w->seen, id, (uint8_t) class, &value, &made, why);
	if (st != BLK_OK || (!made && whole == NULL) || !w->fine)
		return st;
	st = c->type->facts(c, id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, class);
	if (copy == NULL || f.count[class] == 0) {
		wrong(
		    w, id, class, copy == NULL ? "is gone" : "is not counted");
		return BLK_OK;
	}
	st = read_copy(w, id, copy, &text, why);
	if (st == BLK_ABSENT || st == BLK_CORRUPT) {
		wrong(w, id, class, "lies in a segment that is gone");
		st = BLK_OK;
		goto out;
	}
	if (st == BLK_OK && copy->kind == KIND_LIST)
		ch.whole = &joined;
	if (st == BLK_OK && copy->kind != KIND_DATA)
		st = structure_walk((enum kind)copy->kind,
		    span_of(text.data, text.len), walk_child, &ch, why);
	if (st == BLK_OK && w->fine)
		st = check_hash(
		    w, id, class, ch.whole != NULL ? &joined : &text, why);
	if (st == BLK_OK && whole != NULL)
		st = buf_add(whole, text.data, text.len, why);
out:
	buf_release(&text);
	buf_release(&joined);
	return st;
}

bool
audit_version(struct store *s, const struct digest *vid, char what[200])
{
	struct walk w = { .s = s, .what = what, .fine = true };
	struct fault why = FAULT_NONE;
	enum blk_status st = hasher_new(&w.hash, &why);

	if (st == BLK_OK)
		st = walk_object(&w, vid, CLASS_VERSION, NULL, &why);
	if (st != BLK_OK && w.fine) {
		snprintf(what, 200, "%.150s", why.text);
		w.fine = false;
	}
	idmap_release(&w.seen);
	hasher_free(w.hash);
	return w.fine;
}

/* --- the audit --- */

struct auditor {
	struct world *w;
	struct proc *p;
	struct store *s;
	struct idmap found; /* versions */
	struct buf dump;
	uint64_t check;
};

static enum blk_status
see_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct auditor *a = arg;
	int64_t *value;
	char what[200];

	if (!audit_version(a->s, &v->vid, what))
		world_broken(a->w, "version %ju of %s: %s",
		    (uintmax_t)v->v.number, v->v.name, what);
	return idmap_put(&a->found, &v->vid, 0, &value, NULL, why);
}

static enum blk_status
see_forever(void *arg, const struct catalog_version *v, struct fault *why)
{
	bool *any = arg;

	(void)why;
	*any = *any || v->v.expires == 0;
	return BLK_OK;
}

/* Is a version of an unnamed object there that does not expire? */
static bool
has_forever(struct auditor *a, const char *name)
{
	const struct catalog_query q = { .name = name };
	struct catalog *c = store_catalog(a->s);
	struct fault why = FAULT_NONE;
	bool any = false;

	if (c->type->version_each(c, &q, see_forever, &any, &why) != BLK_OK)
		world_broken(a->w, "listing: %s", why.text);
	return any;
}

static void
check_version_claim(struct auditor *a, const struct claim *c)
{
	const struct claims *all = a->w->claims;
	char hex[DIGEST_HEX];

	digest_hex(&c->id, hex);
	if (c->expires == 0 && !was_tried(a->w, &c->id) &&
	    idmap_get(&a->found, &c->id, 0) == NULL)
		world_broken(a->w, "version %ju of %s (%.12s) is gone",
		    (uintmax_t)c->number, c->name, hex);
	if (version_name_is_id(span_str(c->name))) {
		if (c->expires == 0 && !was_removed(a->w, c->name) &&
		    !has_forever(a, c->name))
			world_broken(a->w, "unnamed %s is gone", c->name);
		return;
	}
	for (size_t i = 0; i < all->count; i++) {
		const struct claim *o = &all->claim[i];

		if (o->sort == A_VERSION && o->number == c->number &&
		    strcmp(o->name, c->name) == 0 &&
		    !digest_equal(&o->id, &c->id))
			world_broken(a->w, "number %ju of %s was used twice",
			    (uintmax_t)c->number, c->name);
	}
}

/* An acknowledged commit stands in the log, or below a checkpoint. */
static void
check_commit_claim(struct auditor *a, const struct claim *c,
    const struct catalog_head *h, uint64_t checkpoint)
{
	struct commit k = COMMIT_NONE;
	struct fault why = FAULT_NONE;

	if (c->number == 0)
		return;
	if (c->number > h->number) {
		world_broken(a->w, "commit %ju is gone: the head is %ju",
		    (uintmax_t)c->number, (uintmax_t)h->number);
		return;
	}
	if (c->number <= checkpoint)
		return;
	if (log_read(store_backend(a->s), c->number, store_config(a->s)->store,
	        &k, &why) != BLK_OK ||
	    !digest_equal(&k.hash, &c->id))
		world_broken(
		    a->w, "commit %ju is another", (uintmax_t)c->number);
	commit_release(&k);
}

static void
check_claims(struct auditor *a)
{
	const struct claims *all = a->w->claims;
	struct catalog *c = store_catalog(a->s);
	struct fault why = FAULT_NONE;
	uint64_t newest, second;
	struct catalog_head h;

	if (all == NULL)
		return;
	if (c->type->head_get(c, &h, &why) != BLK_OK ||
	    checkpoint_newest(store_backend(a->s), &newest, &second, &why) !=
	        BLK_OK) {
		world_broken(a->w, "%s", why.text);
		return;
	}
	for (size_t i = 0; i < all->count; i++) {
		const struct claim *cl = &all->claim[i];

		if (cl->sort == A_VERSION)
			check_version_claim(a, cl);
		else if (cl->sort == A_COMMIT)
			check_commit_claim(a, cl, &h, newest);
		else if (cl->sort == A_DROP &&
		    idmap_get(&a->found, &cl->id, 0) != NULL)
			world_broken(a->w, "a dropped version is back");
	}
}

/* Nothing is damaged, so nothing that lives may be noted as such. */
static enum blk_status
see_damage(void *arg, const struct digest *segment, uint32_t ordinal,
    struct fault *why)
{
	struct auditor *a = arg;
	struct catalog *c = store_catalog(a->s);
	struct catalog_segment seg;
	enum blk_status st = c->type->segment_find(c, segment, &seg, why);

	(void)ordinal;
	if (st == BLK_OK && seg.condemned == 0)
		world_broken(a->w, "a segment is missing");
	return st == BLK_ABSENT ? BLK_OK : st;
}

static bool
open_for_audit(struct auditor *a, struct host *h)
{
	struct fault why = FAULT_NONE;
	struct catalog *c;
	enum blk_status st;

	a->p->host = h;
	st = world_open(a->p, false, &a->s, &why);
	if (st != BLK_OK) {
		world_broken(a->w, "open: %s", why.text);
		return false;
	}
	c = store_catalog(a->s);
	if (a->s->broken)
		world_broken(a->w, "log: %s", a->s->broken_why.text);
	if (c->type->damage_each(c, see_damage, a, &why) != BLK_OK)
		world_broken(a->w, "damage: %s", why.text);
	return true;
}

/* Nothing was unreadable. */
static void
close_whole(struct auditor *a)
{
	struct fault why = FAULT_NONE;
	bool whole;

	if (catalog_is_whole(store_catalog(a->s), &whole, &why) != BLK_OK ||
	    !whole)
		world_broken(a->w, "a catalog is not whole");
	store_close(a->s);
}

static void
say_difference(struct auditor *a, size_t host, const struct buf *is)
{
	const char *x = (const char *)a->dump.data;
	const char *y = (const char *)is->data;
	size_t line = 0;

	for (size_t i = 0; x[i] != '\0' && x[i] == y[i]; i++)
		if (x[i] == '\n')
			line = i + 1;
	world_broken(a->w, "host %zu says \"%.*s\", not \"%.*s\"", host,
	    (int)strcspn(y + line, "\n"), y + line,
	    (int)strcspn(x + line, "\n"), x + line);
	world_trace(a->w, "fresh:\n%s", x);
	world_trace(a->w, "host %zu:\n%s", host, y);
}

static void
check_host(struct auditor *a, size_t host)
{
	struct buf is = BUF_INIT(1 << 20);
	struct fault why = FAULT_NONE;

	if (!open_for_audit(a, &a->w->host[host]))
		return;
	if (dump_catalog(a->s, &is, &why) != BLK_OK)
		world_broken(a->w, "dump: %s", why.text);
	else if (is.len != a->dump.len ||
	    memcmp(is.data, a->dump.data, is.len) != 0)
		say_difference(a, host, &is);
	close_whole(a);
	buf_release(&is);
}

static void
audit_main(struct proc *p)
{
	const struct catalog_query all = { .name = NULL };
	struct auditor *a = p->arg;
	struct fault why = FAULT_NONE;
	struct catalog *c;

	/* The fresh one is the last. */
	if (!open_for_audit(a, &p->w->host[p->w->hosts - 1]))
		return;
	c = store_catalog(a->s);
	if (c->type->version_each(c, &all, see_version, a, &why) != BLK_OK ||
	    dump_catalog(a->s, &a->dump, &why) != BLK_OK)
		world_broken(p->w, "audit: %s", why.text);
	else
		check_claims(a);
	close_whole(a);
	for (size_t i = 0; a->dump.data != NULL && i + 1 < p->w->hosts; i++)
		check_host(a, i);
}

uint64_t
audit(struct world *w)
{
	struct auditor a = { .w = w, .dump = BUF_INIT(1 << 20) };
	uint64_t check;

	w->calm = 0;
	w->limit = UINT64_MAX;
	a.p = proc_spawn(w, "audit", &w->host[w->hosts - 1], audit_main, &a);
	proc_run(a.p);
	check = digest_xxh64(a.dump.data, a.dump.len);
	if (w->trace && a.dump.data != NULL)
		world_trace(w, "in the end:\n%s", (char *)a.dump.data);
	idmap_release(&a.found);
	buf_release(&a.dump);
	return check;
}

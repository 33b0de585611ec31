/*
 * From a REF:PATH to the entry that stands there.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "reader.h"
#include "refs.h"
#include "snapshots.h"

struct search {
	struct snapshot_place *p;
	struct span name;
	struct tree_order order;
	bool found;
};

/* All lines are looked at: of what is out of order nothing is believed. */
static enum blk_status
match(void *arg, struct span line, struct fault *why)
{
	struct search *s = arg;
	struct snapshot_place *p = s->p;
	enum blk_status st = tree_parse(line, &p->scratch, &p->e, why);

	if (st == BLK_OK)
		st = tree_order_next(&s->order, p->e.name, why);
	if (st != BLK_OK || tree_compare(p->e.name, s->name) != 0)
		return st;
	p->line.len = 0;
	s->found = true;
	return buf_add(&p->line, line.p, line.len, why);
}

/* One name down. */
static enum blk_status
step(struct store *s, struct snapshot_place *p, struct span name,
    const char *ref, struct fault *why)
{
	struct search find = { .p = p, .name = name };
	const struct digest tree = p->e.id;
	enum blk_status st;

	if (p->e.type != TREE_DIR)
		return fault(why, BLK_ABSENT, "%s: no such path", ref);
	st = reader_lines(s, &tree, CLASS_TREE, match, &find, why);
	if (st == BLK_ABSENT)
		st = fault(why, st, "%s: is no longer there", ref);
	if (st != BLK_OK)
		return st;
	if (!find.found)
		return fault(why, BLK_ABSENT, "%s: no such path", ref);
	p->bare = false;
	return tree_parse(
	    span_of(p->line.data, p->line.len), &p->scratch, &p->e, why);
}

static enum blk_status
begin(struct store *s, const char *ref, const struct ref_target *t,
    struct snapshot_place *p, struct fault *why)
{
	struct lookup l;
	enum blk_status st = lookup_target(s, ref, t, &l, why);

	if (st == BLK_OK && l.class == CLASS_SNAPSHOT) {
		st = snapshot_read(s, &l.id, &p->v.snap, why);
		if (st == BLK_OK)
			st = tree_parse_root(
			    span_str(p->v.snap.root), &p->scratch, &p->e, why);
		p->v.v.id = l.id;
		p->e.id = p->v.snap.tree;
		return st;
	}
	if (st == BLK_OK && l.class != CLASS_TREE)
		return fault(why, BLK_INVALID,
		    "%s: not a snapshot ('blk-get' writes its bytes)", ref);
	p->bare = true;
	p->e = (struct tree_entry){ .type = TREE_DIR, .id = l.id };
	return st;
}

enum blk_status
snapshot_place_find(struct store *s, const char *ref, struct snapshot_place *p,
    struct fault *why)
{
	struct ref_target t = { .is_version = false };
	struct ref r = { .base = NULL };
	const char *at;
	enum blk_status st;

	*p = (struct snapshot_place){ .line = BUF_INIT(TREE_LINE_MAX),
		.scratch = TREE_SCRATCH_INIT };
	st = ref_find(store_catalog(s), ref, store_now(s), &r, &t, why);
	if (st == BLK_OK) {
		p->path = strdup(r.has_path ? r.path : "");
		st = p->path == NULL ? fault_nomem(why)
		                     : begin(s, ref, &t, p, why);
	}
	for (at = p->path; st == BLK_OK && *at != '\0';) {
		struct span name = span_of(at, strcspn(at, "/"));

		st = step(s, p, name, ref, why);
		at += name.len + (at[name.len] == '/');
	}
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

void
snapshot_place_release(struct snapshot_place *p)
{
	snapshot_version_release(&p->v);
	free(p->path);
	buf_release(&p->line);
	tree_scratch_release(&p->scratch);
}

/*
 * Which versions, and which paths in them, suffer from damage: a walk down
 * from each version to the damaged ids.  What is below a structure that was
 * found clean is not looked at twice.
 */
#include <stdio.h>
#include <string.h>

#include "check-private.h"
#include "tree.h"

#define PATHS_MAX 1000 /* lines said about one check */
#define DEPTH_MAX 4096

struct sufferers {
	struct check *c;
	struct idmap clean; /* (id, class): nothing damaged below */
	struct buf path;
	char version[320];
	size_t said;
	bool hit; /* something below the object at hand is damaged */
	int depth;
	struct tree_scratch scratch;
};

static bool
is_damaged(const struct check *c, const struct digest *id, enum class class)
{
	for (int k = KIND_DATA; k <= KIND_VERSION; k++)
		if (class_takes(class, (enum kind)k) &&
		    idmap_get(&c->damaged, id, (uint8_t)k) != NULL)
			return true;
	return idmap_get(&c->damaged, id, (uint8_t) class) != NULL;
}

/* Where the object lies that is damaged; "" where that is not known. */
static void
place_of(struct check *c, const struct digest *id, enum class class,
    char where[SEGMENT_KEY_MAX])
{
	struct catalog *cat = store_catalog(c->s);
	const struct catalog_copy *copy = NULL;
	struct fault ignored = FAULT_NONE;
	struct catalog_segment seg;
	struct catalog_facts f;

	where[0] = '\0';
	if (cat->type->facts(cat, id, &f, &ignored) == BLK_OK)
		copy = catalog_winner(&f, class);
	if (copy != NULL &&
	    cat->type->segment_get(cat, copy->seq, &seg, &ignored) == BLK_OK)
		check_key(&seg, where);
}

static void
say_path(struct sufferers *u, const struct digest *id, enum class class)
{
	struct check_finding f = { .what = CHECK_REFERENCE,
		.message = "it needs what is damaged",
		.has_id = true,
		.id = *id,
		.version = u->version,
		.path = u->path.len > 0 ? (char *)u->path.data : NULL };
	char where[SEGMENT_KEY_MAX];

	u->hit = true;
	if (u->said++ >= PATHS_MAX || u->c->o->finding == NULL)
		return;
	place_of(u->c, id, class, where);
	snprintf(f.where, sizeof(f.where), "%s", where);
	u->c->o->finding(u->c->o->arg, &f);
}

static enum blk_status walk(struct sufferers *u, const struct digest *id,
    enum class class, struct fault *why);

/* A line of a tree: go below it with its name on the path. */
static enum blk_status
walk_entry(struct sufferers *u, struct span line, struct fault *why)
{
	size_t before = u->path.len;
	struct tree_entry e;
	enum blk_status st;

	st = tree_parse(line, &u->scratch, &e, why);
	if (st != BLK_OK || (e.type != TREE_FILE && e.type != TREE_DIR))
		return st == BLK_CORRUPT ? BLK_OK : st;
	st = buf_printf(&u->path, why, "%s%.*s", before > 0 ? "/" : "",
	    (int)e.name.len, e.name.p);
	if (st == BLK_OK)
		st = walk(u, &e.id,
		    e.type == TREE_DIR ? CLASS_TREE : CLASS_CONTENT, why);
	u->path.len = before;
	if (u->path.data != NULL)
		u->path.data[before] = '\0';
	return st;
}

static enum blk_status
walk_reference(void *arg, const struct reference *r, struct fault *why)
{
	return walk(arg, &r->id, r->class, why);
}

static enum blk_status
walk_text(
    struct sufferers *u, enum kind kind, struct span text, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct span line;
	bool bad = false, tree;

	tree = text.len > 0 && memchr("FDLPCB", text.p[0], 6) != NULL &&
	    (kind == KIND_TREE || kind == KIND_PIECE);
	if (!tree)
		return structure_walk(kind, text, walk_reference, u, why);
	while (st == BLK_OK && text_line(&text, &line, &bad))
		st = walk_entry(u, line, why);
	return st;
}

static enum blk_status
walk_below(struct sufferers *u, const struct digest *id, enum class class,
    struct fault *why)
{
	struct catalog *cat = store_catalog(u->c->s);
	const struct state_source *src = store_source(u->c->s);
	struct buf text = BUF_INIT(SEGMENT_FRAME_MAX);
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct catalog_facts f;
	enum blk_status st;

	st = cat->type->facts(cat, id, &f, why);
	copy = st == BLK_OK ? catalog_winner(&f, class) : NULL;
	if (copy == NULL || copy->kind == KIND_DATA)
		return st;
	st = cat->type->segment_get(cat, copy->seq, &seg, why);
	if (st == BLK_OK)
		st = src->text(src->arg, &seg, copy, id, &text, why);
	if (st == BLK_OK)
		st = walk_text(u, (enum kind)copy->kind,
		    span_of(text.data, text.len), why);
	buf_release(&text);
	if (st == BLK_CORRUPT || st == BLK_ABSENT) {
		say_path(u, id, class);
		return BLK_OK;
	}
	return st;
}

static enum blk_status
walk(struct sufferers *u, const struct digest *id, enum class class,
    struct fault *why)
{
	enum blk_status st;
	int64_t *value;
	bool outer = u->hit;

	if (is_damaged(u->c, id, class)) {
		say_path(u, id, class);
		return BLK_OK;
	}
	if (class == CLASS_DATA || u->depth >= DEPTH_MAX ||
	    idmap_get(&u->clean, id, (uint8_t) class) != NULL)
		return BLK_OK;
	u->hit = false;
	u->depth++;
	st = walk_below(u, id, class, why);
	u->depth--;
	if (st == BLK_OK && !u->hit)
		st = idmap_put(
		    &u->clean, id, (uint8_t) class, &value, NULL, why);
	u->hit = u->hit || outer;
	return st;
}

static enum blk_status
walk_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct sufferers *u = arg;

	if (version_name_is_id(span_str(v->v.name)))
		snprintf(u->version, sizeof(u->version), "%s", v->v.name);
	else
		snprintf(u->version, sizeof(u->version), "%s@%ju", v->v.name,
		    (uintmax_t)v->v.number);
	u->path.len = 0;
	u->hit = false;
	return walk(u, &v->vid, CLASS_VERSION, why);
}

enum blk_status
check_sufferers(struct check *c, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct catalog *cat = store_catalog(c->s);
	struct sufferers u = {
		.c = c, .path = BUF_INIT(1 << 20), .scratch = TREE_SCRATCH_INIT
	};
	enum blk_status st;

	st = cat->type->version_each(cat, &all, walk_version, &u, why);
	idmap_release(&u.clean);
	buf_release(&u.path);
	tree_scratch_release(&u.scratch);
	return st;
}

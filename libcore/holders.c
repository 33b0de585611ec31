#include "holders.h"

#include <string.h>

#include "idmap.h"
#include "segment.h"
#include "state.h"
#include "text.h"
#include "tree.h"

#define DEPTH_MAX 4096
#define PATH_MAX_BYTES ((size_t)1 << 20)
/* A table has up to four places for each entry, as it grows. */
#define ENTRY_BYTES (4 * sizeof(struct idmap_entry))

struct holders {
	struct store *s;
	const struct holders_options *o;
	const struct catalog_version *version;
	struct idmap seen; /* (id, class): not to be looked at again */
	struct buf path;
	bool hit; /* something below the object at hand is wanted */
	int depth;
	struct tree_scratch scratch;
};

static bool
is_enough(const struct holders *h)
{
	return h->o->enough != NULL && h->o->enough(h->o->arg);
}

static enum blk_status
tell(struct holders *h, const struct digest *id, enum class class,
    bool unreadable, struct fault *why)
{
	const struct holders_place p = { .version = h->version,
		.path = h->path.len > 0 ? (const char *)h->path.data : NULL,
		.id = *id,
		.class = class,
		.unreadable = unreadable };

	h->hit = true;
	return h->o->found(h->o->arg, &p, why);
}

static enum blk_status walk(struct holders *h, const struct digest *id,
    enum class class, struct fault *why);

/* A line of a tree: go below it with its name on the path. */
static enum blk_status
walk_entry(struct holders *h, struct span line, struct fault *why)
{
	size_t before = h->path.len;
	struct tree_entry e;
	enum blk_status st;

	st = tree_parse(line, &h->scratch, &e, why);
	if (st != BLK_OK || (e.type != TREE_FILE && e.type != TREE_DIR))
		return st == BLK_CORRUPT ? BLK_OK : st;
	st = buf_printf(&h->path, why, "%s%.*s", before > 0 ? "/" : "",
	    (int)e.name.len, e.name.p);
	if (st == BLK_OK)
		st = walk(h, &e.id,
		    e.type == TREE_DIR ? CLASS_TREE : CLASS_CONTENT, why);
	h->path.len = before;
	if (h->path.data != NULL)
		h->path.data[before] = '\0';
	return st;
}

static enum blk_status
walk_reference(void *arg, const struct reference *r, struct fault *why)
{
	return walk(arg, &r->id, r->class, why);
}

static enum blk_status
walk_text(
    struct holders *h, enum kind kind, struct span text, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct span line;
	bool bad = false, tree;

	tree = text.len > 0 && memchr("FDLPCB", text.p[0], 6) != NULL &&
	    (kind == KIND_TREE || kind == KIND_PIECE);
	if (!tree)
		return structure_walk(kind, text, walk_reference, h, why);
	while (st == BLK_OK && text_line(&text, &line, &bad))
		st = walk_entry(h, line, why);
	return st;
}

static enum blk_status
walk_below(struct holders *h, const struct digest *id, enum class class,
    struct fault *why)
{
	struct catalog *cat = store_catalog(h->s);
	const struct state_source *src = store_source(h->s);
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
		st = walk_text(h, (enum kind)copy->kind,
		    span_of(text.data, text.len), why);
	buf_release(&text);
	if (st == BLK_CORRUPT || st == BLK_ABSENT)
		return tell(h, id, class, true, why);
	return st;
}

/* What is forgotten is looked at again: that takes time, and no more. */
static enum blk_status
remember(struct holders *h, const struct digest *id, enum class class,
    struct fault *why)
{
	uint64_t most = h->o->max_memory / ENTRY_BYTES;
	int64_t *value;

	if (h->o->max_memory > 0 && h->seen.used >= most)
		idmap_clear(&h->seen);
	return idmap_put(&h->seen, id, (uint8_t) class, &value, NULL, why);
}

static bool
is_of_interest(
    const struct holders *h, const struct digest *id, enum class class)
{
	if (class == CLASS_DATA || (class == CLASS_CONTENT && !h->o->contents))
		return false;
	return h->depth < DEPTH_MAX && !is_enough(h) &&
	    idmap_get(&h->seen, id, (uint8_t) class) == NULL;
}

static enum blk_status
walk(struct holders *h, const struct digest *id, enum class class,
    struct fault *why)
{
	enum blk_status st;
	bool outer = h->hit;

	if (h->o->wanted(h->o->arg, id, class))
		return tell(h, id, class, false, why);
	if (!is_of_interest(h, id, class))
		return BLK_OK;
	h->hit = false;
	h->depth++;
	st = walk_below(h, id, class, why);
	h->depth--;
	if (st == BLK_OK && (h->o->once || !h->hit))
		st = remember(h, id, class, why);
	h->hit = h->hit || outer;
	return st;
}

static enum blk_status
walk_version(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct holders *h = arg;

	if (v->v.expires != 0 && v->v.expires <= h->o->now)
		return BLK_OK;
	h->version = v;
	h->path.len = 0;
	h->hit = false;
	return walk(h, &v->vid, CLASS_VERSION, why);
}

enum blk_status
holders_each(
    struct store *s, const struct holders_options *o, struct fault *why)
{
	const struct catalog_query all = { .name = NULL },
	                           newest = { .newest = true };
	struct catalog *c = store_catalog(s);
	struct holders h = { .s = s,
		.o = o,
		.path = BUF_INIT(PATH_MAX_BYTES),
		.scratch = TREE_SCRATCH_INIT };
	enum blk_status st = BLK_OK;

	if (o->once)
		st = c->type->version_each(c, &newest, walk_version, &h, why);
	if (st == BLK_OK && !is_enough(&h))
		st = c->type->version_each(c, &all, walk_version, &h, why);
	idmap_release(&h.seen);
	buf_release(&h.path);
	tree_scratch_release(&h.scratch);
	return st;
}

#include "archives-names.h"

#include <stdlib.h>
#include <string.h>

#define TREE_TEXT_MAX ((size_t)1 << 31)
#define NONE UINT32_MAX
#define PATH_LONGEST 65536

static enum blk_status
charge(struct names *n, uint64_t bytes, struct fault *why)
{
	n->bytes += bytes;
	if (n->bytes <= n->max)
		return BLK_OK;
	return fault(why, BLK_INVALID,
	    "the names in it take more than %ju bytes", (uintmax_t)n->max);
}

/* --- files --- */

static void
file_clear(struct names_file *f)
{
	free(f->text);
	free(f->xattr);
	free((void *)(uintptr_t)f->first.p);
	*f = (struct names_file){ .names = 0 };
}

static struct span
keep(char **at, struct span s)
{
	struct span kept = { NULL, 0 };

	if (s.p == NULL)
		return kept;
	if (s.len > 0)
		memcpy(*at, s.p, s.len);
	kept = span_of(*at, s.len);
	*at += s.len;
	return kept;
}

/* A copy of e, strings and all. */
static enum blk_status
file_copy(struct names *n, struct names_file *f, const struct tree_entry *e,
    struct fault *why)
{
	size_t len = e->acl.len + e->acl_default.len + e->target.len + 1;
	enum blk_status st;
	char *at;

	*f = (struct names_file){ .e = *e };
	for (size_t i = 0; i < e->xattrs; i++)
		len += e->xattr[i].name.len + e->xattr[i].value.len;
	st = charge(n, sizeof(*f) + len + e->xattrs * sizeof(*f->xattr), why);
	if (st != BLK_OK)
		return st;
	f->text = at = malloc(len);
	f->xattr = calloc(e->xattrs + 1, sizeof(*f->xattr));
	if (f->text == NULL || f->xattr == NULL) {
		file_clear(f);
		return fault_nomem(why);
	}
	f->e.acl = keep(&at, e->acl);
	f->e.acl_default = keep(&at, e->acl_default);
	f->e.target = keep(&at, e->target);
	for (size_t i = 0; i < e->xattrs; i++) {
		f->xattr[i].name = keep(&at, e->xattr[i].name);
		f->xattr[i].value = keep(&at, e->xattr[i].value);
	}
	f->e.xattr = f->xattr;
	f->e.name = f->e.link = (struct span){ NULL, 0 };
	return BLK_OK;
}

static enum blk_status
file_add(struct names *n, const struct tree_entry *e, uint32_t *out,
    struct fault *why)
{
	enum blk_status st;

	st = array_grow(
	    (void **)&n->file, n->files, &n->files_cap, sizeof(*n->file), why);
	if (st == BLK_OK && n->files == NONE - 1)
		st = fault(why, BLK_INVALID, "too many members");
	if (st == BLK_OK)
		st = file_copy(n, &n->file[n->files], e, why);
	if (st == BLK_OK)
		*out = (uint32_t)n->files++;
	return st;
}

struct tree_entry *
names_entry(struct names *n, uint32_t node)
{
	return &n->file[n->node[node].file].e;
}

static bool
is_dir(const struct names *n, uint32_t node)
{
	return n->file[n->node[node].file].e.type == TREE_DIR;
}

/* --- the table of names --- */

static uint64_t
hash_of(const struct names *n, uint32_t parent, struct span name)
{
	uint8_t key[20 + TREE_NAME_MAX];

	memcpy(key, n->seed, 16);
	put_le32(key + 16, parent);
	memcpy(key + 20, name.p, name.len);
	return digest_xxh64(key, 20 + name.len);
}

/* Where name in parent is, or would be. */
static uint32_t *
slot_of(const struct names *n, uint32_t parent, struct span name)
{
	size_t at = (size_t)hash_of(n, parent, name) & (n->slots - 1);

	for (; n->slot[at] != 0; at = (at + 1) & (n->slots - 1)) {
		const struct names_node *k = &n->node[n->slot[at] - 1];

		if (k->parent == parent && k->len == name.len &&
		    memcmp(k->name, name.p, name.len) == 0)
			break;
	}
	return &n->slot[at];
}

static enum blk_status
grow_table(struct names *n, struct fault *why)
{
	size_t slots = n->slots == 0 ? 1024 : 2 * n->slots;
	uint32_t *old = n->slot;
	enum blk_status st = charge(n, slots * sizeof(*n->slot), why);

	if (st != BLK_OK)
		return st;
	n->slot = calloc(slots, sizeof(*n->slot));
	if (n->slot == NULL) {
		n->slot = old;
		return fault_nomem(why);
	}
	n->slots = slots;
	for (size_t i = 1; i < n->nodes; i++)
		*slot_of(n, n->node[i].parent,
		    span_of(n->node[i].name, n->node[i].len)) = (uint32_t)i + 1;
	free(old);
	return BLK_OK;
}

static enum blk_status
node_add(struct names *n, uint32_t parent, struct span name,
    const struct tree_entry *e, uint32_t *out, struct fault *why)
{
	struct names_node k = {
		.parent = parent, .made_up = true, .len = (uint16_t)name.len
	};
	enum blk_status st = BLK_OK;

	if (2 * (n->used + 1) > n->slots)
		st = grow_table(n, why);
	if (st == BLK_OK)
		st = array_grow((void **)&n->node, n->nodes, &n->nodes_cap,
		    sizeof(*n->node), why);
	if (st == BLK_OK)
		st = charge(n, 2 * sizeof(*n->node) + name.len, why);
	if (st == BLK_OK)
		st = file_add(n, e, &k.file, why);
	if (st != BLK_OK)
		return st;
	k.name = strndup(name.p, name.len);
	if (k.name == NULL)
		return fault_nomem(why);
	n->file[k.file].names = 1;
	*out = (uint32_t)n->nodes;
	if (name.len > 0) {
		*slot_of(n, parent, name) = *out + 1;
		n->node[parent].below++;
		n->used++;
	}
	n->node[n->nodes++] = k;
	return BLK_OK;
}

static struct tree_entry
made_up_like(const struct tree_entry *like)
{
	return (struct tree_entry){ .type = TREE_DIR,
		.mode = 0755,
		.uid = like->uid,
		.gid = like->gid,
		.mtime = like->mtime };
}

enum blk_status
names_init(struct names *n, uint64_t max, struct fault *why)
{
	const struct tree_entry nobody = { .type = TREE_DIR };
	struct tree_entry root = made_up_like(&nobody);
	enum blk_status st;
	uint32_t node;

	*n = (struct names){ .max = max };
	st = digest_random(n->seed, sizeof(n->seed), why);
	return st == BLK_OK
	    ? node_add(n, NAMES_ROOT, span_of("", 0), &root, &node, why)
	    : st;
}

void
names_release(struct names *n)
{
	for (size_t i = 0; i < n->nodes; i++)
		free(n->node[i].name);
	for (size_t i = 0; i < n->files; i++)
		file_clear(&n->file[i]);
	free(n->node);
	free(n->file);
	free(n->slot);
	*n = (struct names){ .node = NULL };
}

/* --- paths --- */

/* The next name of a path; false at its end.  "." and "" are passed over. */
static bool
next_name(const char **path, struct span *name)
{
	do {
		*path += strspn(*path, "/");
		*name = span_of(*path, strcspn(*path, "/"));
		*path += name->len;
	} while (span_is(*name, "."));
	return name->len > 0;
}

enum blk_status
names_place(struct names *n, const char *path, const struct tree_entry *like,
    uint32_t *node, const char **reason, struct fault *why)
{
	const struct tree_entry dir = made_up_like(like);
	struct tree_entry none = *like;
	const char *rest = path, *check = path;
	struct span name, ahead;
	enum blk_status st = BLK_OK;

	none.type = 0;
	none.xattrs = 0;
	none.acl = none.acl_default = none.target = span_of(NULL, 0);
	*reason = NULL;
	while (next_name(&check, &name)) /* before anything is made */
		if (!tree_name_is_valid(name))
			*reason = "a name that no file may have";
	if (*path == '\0')
		*reason = "no name";
	else if (strlen(path) > PATH_LONGEST)
		*reason = "a path that is too long";
	*node = NAMES_ROOT;
	while (st == BLK_OK && *reason == NULL && next_name(&rest, &name)) {
		uint32_t found = n->slots > 0 ? *slot_of(n, *node, name) : 0;

		check = rest;
		if (!is_dir(n, *node))
			*reason = "lies below something that is no directory";
		else if (found != 0)
			*node = found - 1;
		else
			st = node_add(n, *node, name,
			    next_name(&check, &ahead) ? &dir : &none, node,
			    why);
	}
	return st == BLK_OK && *reason != NULL ? BLK_ABSENT : st;
}

uint32_t
names_find(const struct names *n, const char *path)
{
	uint32_t node = NAMES_ROOT, found;
	struct span name;

	while (next_name(&path, &name)) {
		if (!tree_name_is_valid(name) || n->slots == 0)
			return NONE;
		found = *slot_of(n, node, name);
		if (found == 0)
			return NONE;
		node = found - 1;
	}
	return node;
}

/* May the node become something of another type? */
static const char *
why_not(const struct names *n, uint32_t node, enum tree_type type)
{
	if (!is_dir(n, node) || type == TREE_DIR)
		return NULL;
	if (node == NAMES_ROOT)
		return "the root is a directory";
	return n->node[node].below > 0
	    ? "a directory that is not empty has the name"
	    : NULL;
}

static void
leave_file(struct names *n, uint32_t node)
{
	struct names_file *f = &n->file[n->node[node].file];

	if (--f->names == 0)
		file_clear(f);
}

enum blk_status
names_set(struct names *n, uint32_t node, const struct tree_entry *e,
    const char **reason, struct fault *why)
{
	enum blk_status st;
	uint32_t file;

	*reason = why_not(n, node, e->type);
	if (*reason != NULL)
		return BLK_ABSENT;
	st = file_add(n, e, &file, why);
	if (st != BLK_OK)
		return st;
	leave_file(n, node);
	n->file[file].names = 1;
	n->node[node].file = file;
	n->node[node].made_up = false;
	return BLK_OK;
}

enum blk_status
names_link(struct names *n, uint32_t node, uint32_t to, const char **reason,
    struct fault *why)
{
	uint32_t file;

	(void)why;
	*reason = NULL;
	if (to == NONE || is_dir(n, to) ||
	    n->file[n->node[to].file].e.type == 0)
		*reason = "a link to what did not come before";
	else
		*reason = why_not(n, node, TREE_FILE);
	if (*reason != NULL)
		return BLK_ABSENT;
	file = n->node[to].file;
	n->file[file].names++; /* first: both may be the same */
	leave_file(n, node);
	n->node[node].file = file;
	n->node[node].made_up = false;
	return BLK_OK;
}

/* --- the trees --- */

struct by_name { /* names in the order of directories, then of names */
	uint32_t node, parent;
	struct span name;
};

static int
by_parent(const void *a, const void *b)
{
	const struct by_name *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return tree_compare(x->name, y->name);
}

static enum blk_status
path_of(const struct names *n, uint32_t node, struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t len = 0;
	uint8_t *end;

	for (uint32_t k = node; k != NAMES_ROOT; k = n->node[k].parent)
		len += n->node[k].len + 1u;
	b->len = 0;
	st = buf_reserve(b, len, why);
	if (st != BLK_OK || len == 0)
		return st;
	b->len = len - 1;
	end = b->data + len - 1;
	for (uint32_t k = node; k != NAMES_ROOT; k = n->node[k].parent) {
		end -= n->node[k].len;
		memcpy(end, n->node[k].name, n->node[k].len);
		if (end > b->data)
			*--end = '/';
	}
	return BLK_OK;
}

/* Of files with several names: which path comes first? */
static enum blk_status
find_first(struct names *n, struct fault *why)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = BLK_OK;

	for (uint32_t i = 1; st == BLK_OK && i < n->nodes; i++) {
		struct names_file *f = &n->file[n->node[i].file];
		struct span path;

		if (f->names < 2)
			continue;
		st = path_of(n, i, &b, why);
		path = span_of(b.data, b.len);
		if (st != BLK_OK ||
		    (f->first.p != NULL &&
		        tree_compare_paths(f->first, path) <= 0))
			continue;
		free((void *)(uintptr_t)f->first.p);
		f->first = span_of(strndup(path.p, path.len), path.len);
		if (f->first.p == NULL)
			st = fault_nomem(why);
	}
	buf_release(&b);
	return st;
}

static enum blk_status
add_line(struct names *n, uint32_t node, struct buf *text, struct fault *why)
{
	struct names_file *f = &n->file[n->node[node].file];
	struct tree_entry e = f->e;
	struct buf own = BUF_INIT(SIZE_MAX / 2);
	enum blk_status st = BLK_OK;

	if (e.type == 0) /* left out after it had its place */
		return BLK_OK;
	e.name = span_of(n->node[node].name, n->node[node].len);
	if (f->names > 1) {
		st = path_of(n, node, &own, why);
		if (!span_equal(f->first, span_of(own.data, own.len)))
			e.link = f->first;
	}
	if (st == BLK_OK)
		st = tree_format(&e, text, why);
	buf_release(&own);
	return st == BLK_INVALID ? fault_in(why, st, "%s", n->node[node].name)
	                         : st;
}

static struct by_name *
sorted(const struct names *n, struct fault *why)
{
	struct by_name *list = calloc(n->nodes, sizeof(*list));

	if (list == NULL) {
		fault_nomem(why);
		return NULL;
	}
	for (uint32_t i = 1; i < n->nodes; i++)
		list[i - 1] = (struct by_name){ i, n->node[i].parent,
			span_of(n->node[i].name, n->node[i].len) };
	if (n->nodes > 2)
		qsort(list, n->nodes - 1, sizeof(*list), by_parent);
	return list;
}

/* Numbers of directories are above those of the directories they are in. */
enum blk_status
names_finish(struct names *n,
    enum blk_status (*dir)(void *arg, const struct buf *text, struct digest *id,
        struct fault *why),
    void *arg, struct fault *why)
{
	struct buf text = BUF_INIT(TREE_TEXT_MAX);
	struct by_name *list = sorted(n, why);
	size_t last = n->nodes - 1;
	enum blk_status st = list != NULL ? find_first(n, why) : BLK_FAILED;

	for (uint32_t d = (uint32_t)n->nodes; st == BLK_OK && d-- > 0;) {
		size_t first = last;

		while (first > 0 && list[first - 1].parent == d)
			first--;
		if (!is_dir(n, d))
			continue;
		text.len = 0;
		for (size_t i = first; st == BLK_OK && i < last; i++)
			st = add_line(n, list[i].node, &text, why);
		last = first;
		if (st == BLK_OK)
			st = dir(arg, &text, &names_entry(n, d)->id, why);
	}
	buf_release(&text);
	free(list);
	return st;
}

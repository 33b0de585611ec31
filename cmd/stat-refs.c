/*
 * What REFs cost, each by itself and all of them together.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "refs.h"
#include "stat.h"
#include "usage.h"

struct subject {
	const char *text;
	struct usage_root root;
	struct digest id;
	enum class class;
	uint64_t size;
};

/*
 * A version goes as one; what is no version of its own is taken for one
 * reference to it.
 */
static enum blk_status
find(struct store *s, const char *text, struct subject *to, struct fault *why)
{
	struct ref_target t;
	struct lookup l;
	struct ref r;
	enum blk_status st;

	st = ref_find(store_catalog(s), text, store_now(s), &r, &t, why);
	if (st != BLK_OK)
		return st;
	st = lookup_ref(s, text, &l, why);
	*to = (struct subject){
		.text = text, .id = l.id, .class = l.class, .size = l.size
	};
	to->root = (struct usage_root){ l.id, l.class };
	if (t.is_version && !r.has_path)
		to->root = (struct usage_root){ t.version.vid, CLASS_VERSION };
	else if (t.class == CLASS_VERSION && !r.has_path)
		to->root = (struct usage_root){ t.id, CLASS_VERSION };
	ref_target_release(&t);
	ref_release(&r);
	return st;
}

static enum blk_status
work_out(struct store *s, const struct usage_root *root, size_t n,
    struct usage *u, struct fault *why)
{
	const struct usage_options o = { .max_memory =
		                             store_max_memory(s) / 2 };
	enum blk_status st = usage_of(s, root, n, &o, u, why);

	if (st != BLK_CORRUPT || strncmp(why->text, "index", 5) != 0)
		return st;
	st = store_heal_index(s, why);
	if (st == BLK_OK)
		st = store_sync(s, why);
	return st == BLK_OK ? usage_of(s, root, n, &o, u, why) : st;
}

static void
put_usage(struct output *out, uint64_t size, const struct usage *u)
{
	output_size(out, "size", size);
	output_size(out, "unique", u->unique);
	output_size(out, "shared", u->data - u->unique);
	output_size(out, "structure", u->structure);
	output_size(out, "stored", u->stored);
	output_size(out, "freed", u->freed);
	output_size(out, "freed_stored", u->freed_stored);
}

static enum blk_status
put_subject(struct output *out, const struct subject *x, const struct usage *u,
    struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(&x->id, hex);
	output_begin(out, "usage");
	output_bytes(out, "ref", x->text, strlen(x->text));
	output_string(out, "id", hex);
	output_string(out, "class", class_name(x->class));
	put_usage(out, x->size, u);
	return output_end(out, why);
}

static int
root_order(const void *a, const void *b)
{
	const struct usage_root *x = a, *y = b;
	int order = digest_compare(&x->id, &y->id);

	return order != 0 ? order : (int)x->class - (int)y->class;
}

/* The same thing named twice is dropped once. */
static size_t
unique_roots(struct usage_root *root, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(root, n, sizeof(*root), root_order);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || root_order(&root[kept - 1], &root[i]) != 0)
			root[kept++] = root[i];
	return kept;
}

static enum blk_status
put_together(struct store *s, struct output *out, struct usage_root *root,
    size_t n, uint64_t size, struct fault *why)
{
	struct usage u;
	enum blk_status st;

	n = unique_roots(root, n);
	st = work_out(s, root, n, &u, why);
	if (st != BLK_OK)
		return st;
	output_begin(out, "usage");
	output_string(out, "ref", "(together)");
	output_bool(out, "together", true);
	put_usage(out, size, &u);
	return output_end(out, why);
}

static enum blk_status
one_by_one(struct cli *c, struct store *s, struct output *out,
    struct usage_root *root, size_t *roots, uint64_t *size, int *code,
    struct fault *why)
{
	for (char **ref = c->operand; *ref != NULL; ref++) {
		struct subject x;
		struct usage u;
		enum blk_status st = find(s, *ref, &x, why);

		if (st == BLK_OK)
			st = work_out(s, &x.root, 1, &u, why);
		if (st == BLK_OK) {
			root[(*roots)++] = x.root;
			*size += x.size;
			st = put_subject(out, &x, &u, why);
			if (st != BLK_OK)
				return st;
			*code = cli_merge(*code, EXIT_DONE);
			continue;
		}
		if (c->operands == 1 || st == BLK_FAILED)
			return st;
		*code = cli_merge(*code, cli_fail(c, st, why));
		*why = (struct fault)FAULT_NONE;
	}
	return BLK_OK;
}

static const struct output_field fields[] = {
	{ .name = "ref", .title = "REF" },
	{ .name = "id", .title = "ID", .color = OUTPUT_YELLOW },
	{ .name = "class", .title = "CLASS" },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "unique", .title = "UNIQUE", .right = true },
	{ .name = "shared", .title = "SHARED", .right = true },
	{ .name = "structure", .title = "STRUCTURE", .right = true },
	{ .name = "stored", .title = "STORED", .right = true },
	{ .name = "freed", .title = "FREED PLAIN", .right = true },
	{ .name = "freed_stored", .title = "FREED", .right = true },
	{ .name = NULL },
};

enum blk_status
stat_refs(struct cli *c, struct store *s, int *code, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct usage_root *root =
	    calloc((size_t)c->operands + 1, sizeof(*root));
	struct output *out = NULL;
	uint64_t size = 0;
	enum blk_status st;
	size_t roots = 0;

	o.type = "usage";
	o.field = fields;
	o.columns = "size unique shared stored freed_stored ref";
	o.titles = true;
	st = root == NULL ? fault_nomem(why) : output_open(&o, &out, why);
	if (st == BLK_OK)
		st = one_by_one(c, s, out, root, &roots, &size, code, why);
	if (st == BLK_OK && roots > 1)
		st = put_together(s, out, root, roots, size, why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "refs", roots);
		st = output_end(out, why);
	}
	if (out != NULL && output_finish(out, why) != BLK_OK && st == BLK_OK)
		st = BLK_FAILED;
	output_free(out);
	free(root);
	return st;
}

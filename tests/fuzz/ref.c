/*
 * Any text is refused, or taken apart into what a REF may hold; and what it
 * means in a small catalog is an answer.  A NUL in the input parts two texts,
 * a pattern and a name.
 */
#include "refs.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1714979289500000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
add_version(struct catalog *c, uint64_t n, const char *name)
{
	struct version v = { .name = strdup(name),
		.number = n,
		.class = CLASS_CONTENT,
		.id = { { 0xab, 0xcd, 0xef, 0x01, (uint8_t)n } },
		.time = NOW - 1000 + (int64_t)n,
		.expires = n == 3 ? NOW : 0,
		.type = strdup("") };
	struct digest vid = { { (uint8_t)n, (uint8_t)name[0] } };
	struct fault why = FAULT_NONE;

	must(v.name != NULL && v.type != NULL);
	must(c->type->version_put(c, &vid, &v, &why) == BLK_OK);
	must(c->type->count_set(c, &v.id, v.class, 1, &why) == BLK_OK);
	version_release(&v);
}

static void
resolve(const struct ref *r)
{
	struct ref_candidates candidates;
	struct fault why = FAULT_NONE;
	struct catalog *c = NULL;
	struct ref_target t;
	enum blk_status st;

	must(catalog_memory_new(&c, &why) == BLK_OK);
	must(c->type->begin(c, &why) == BLK_OK);
	add_version(c, 1, "db");
	add_version(c, 2, "db");
	add_version(c, 3, "db");
	add_version(c, 1, "abcdef01");
	st = ref_resolve(c, r, NOW, &t, &candidates, &why);
	if (st == BLK_OK) {
		must(t.class == CLASS_CONTENT && t.id.byte[0] == 0xab);
		must(!t.is_version || t.version.v.number != 3);
		ref_target_release(&t);
	} else {
		must(st == BLK_ABSENT || st == BLK_INVALID);
		must(why.text[0] != '\0');
		must(st == BLK_ABSENT || candidates.count > 1);
	}
	catalog_close(c);
}

static void
check(const struct ref *r)
{
	size_t len = strlen(r->base);

	must(len > 0 && len <= 255);
	must(strpbrk(r->base, "@:") == NULL);
	must((r->which == REF_NUMBER || r->which == REF_BACK) ==
	    (r->number > 0));
	must(r->has_path == (r->path != NULL));
	if (!r->has_path)
		return;
	len = strlen(r->path);
	must(len == 0 || (r->path[0] != '/' && r->path[len - 1] != '/'));
	must(strstr(r->path, "//") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault why = FAULT_NONE;
	char text[1024];
	struct ref r;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (strlen(text) < size)
		(void)ref_glob(text, text + strlen(text) + 1);
	if (ref_parse(text, NOW, &r, &why) != BLK_OK) {
		must(why.text[0] != '\0' && r.base == NULL);
		return 0;
	}
	check(&r);
	resolve(&r);
	ref_release(&r);
	return 0;
}

/*
 * Any commits upon a small store: a process that follows them one by one, and
 * one that reads them all at once, are refused or come to the same; what they
 * count is what a trace counts; and neither a repair nor a collection makes
 * it worse.
 *
 * Parts of the input, parted by NUL, are the verbs of commits; the first byte
 * are options.  A part that begins with '+' lies in a file that carries
 * objects.  A byte from 0x80 on stands for an id: 0x80 + n for segment n,
 * 0x90 + n for the same with its length behind, 0xa0 + n for object n,
 * 0xb0 + n for version n.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/reader-store.h"
#include "check.h"
#include "collect.h"
#include "log.h"

#define COMMITS 12
#define ITEMS 16

extern const size_t fuzz_passes;
const size_t fuzz_passes = 150;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bench {
	struct shop shop; /* the first process, who makes the files */
	struct digest segment[ITEMS], object[ITEMS], version[ITEMS];
	uint64_t bytes[ITEMS]; /* of segments */
	size_t segments, objects, versions;
	struct digest head;
	uint64_t number;
};

static void
must(bool so)
{
	if (!so)
		abort();
}

/* --- what commits may speak of --- */

static void
add_object(struct bench *t, enum kind kind, const char *text)
{
	t->object[t->objects++] = shop_add(&t->shop, kind, text, strlen(text));
}

/* A list of three and four as the content of both. */
static void
add_list(struct bench *t, const char *whole, const struct digest *a, size_t m,
    const struct digest *b, size_t n)
{
	char text[256], x[DIGEST_HEX], y[DIGEST_HEX];
	struct digest id;

	digest_hex(a, x);
	digest_hex(b, y);
	snprintf(text, sizeof(text), "d %s %zu\nd %s %zu\n", x, m, y, n);
	must(hasher_of(t->shop.hash, whole, strlen(whole), &id, &t->shop.why) ==
	    BLK_OK);
	shop_add_as(&t->shop, &id, KIND_LIST, text, strlen(text));
	t->object[t->objects++] = id;
}

static void
add_tree(struct bench *t, const char *name, const struct digest *content,
    size_t size)
{
	char text[256], hex[DIGEST_HEX];

	digest_hex(content, hex);
	snprintf(
	    text, sizeof(text), "F 644 0 0 0 %zu %s %s\n", size, hex, name);
	add_object(t, KIND_TREE, text);
}

static void
add_version(struct bench *t, const char *name, uint64_t number,
    enum class class, const struct digest *id)
{
	struct version v = { .name = strdup(name),
		.number = number,
		.class = class,
		.id = *id,
		.type = strdup(""),
		.time = t->shop.now };
	struct buf b = BUF_INIT(4096);

	must(v.name != NULL && v.type != NULL);
	if (number > 1) {
		v.has_previous = true;
		v.previous = t->version[t->versions - 1];
	}
	must(version_format(&v, &b, &t->shop.why) == BLK_OK);
	t->version[t->versions++] =
	    shop_add(&t->shop, KIND_VERSION, b.data, b.len);
	buf_release(&b);
	version_release(&v);
}

/* Into the backend, without a word to the store. */
static void
end_segment(struct bench *t)
{
	char key[SEGMENT_KEY_MAX];
	struct fault *why = &t->shop.why;
	const void *file;
	struct digest *id = &t->segment[t->segments];
	size_t len;

	must(segment_seal(t->shop.b, id, &file, &len, NULL, why) == BLK_OK);
	segment_key(id, key);
	must(backend_put(store_backend(t->shop.s), key, file, len, why) ==
	    BLK_OK);
	segment_reset(t->shop.b);
	t->bytes[t->segments++] = len;
}

static void
make_segments(struct bench *t)
{
	struct digest none = { { 0 } };

	add_object(t, KIND_DATA, "one\n");
	add_object(t, KIND_DATA, "two\n");
	add_list(t, "one\ntwo\n", &t->object[0], 4, &t->object[1], 4);
	end_segment(t);
	add_tree(t, "file", &t->object[2], 8);
	add_version(t, "a", 1, CLASS_TREE, &t->object[3]);
	add_version(t, "a", 2, CLASS_CONTENT, &t->object[2]);
	add_version(t, "b", 1, CLASS_CONTENT, &t->object[0]);
	end_segment(t);
	add_object(t, KIND_DATA, "one\n"); /* again */
	add_object(t, KIND_DATA, "one\ntwo\n");
	add_object(t, KIND_DATA, "three\n");
	end_segment(t);
	/* incomplete: a chunk that no segment holds; and no structure at all */
	add_list(t, "one\nthree\n", &t->object[0], 4, &none, 6);
	add_version(t, "c", 1, CLASS_CONTENT, &t->object[t->objects - 1]);
	add_object(t, KIND_TREE, "no tree\n");
	add_version(t, "d", 1, CLASS_TREE, &t->object[t->objects - 1]);
	end_segment(t);
}

/* --- commits --- */

static void
add_id(struct buf *b, const struct digest *id)
{
	struct fault why;
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	must(buf_add(b, hex, DIGEST_HEX - 1, &why) == BLK_OK);
}

static void
expand(const struct bench *t, uint8_t byte, struct buf *b)
{
	size_t n = byte & 0x0f;
	struct fault why;

	if (byte >= 0xb0) {
		add_id(b, &t->version[n % t->versions]);
	} else if (byte >= 0xa0) {
		add_id(b, &t->object[n % t->objects]);
	} else {
		add_id(b, &t->segment[n % t->segments]);
		if (byte >= 0x90)
			must(buf_printf(b, &why, " %ju",
			         (uintmax_t)t->bytes[n % t->segments]) ==
			    BLK_OK);
	}
}

static void
add_head(const struct bench *t, struct buf *b)
{
	struct fault why;

	must(buf_printf(b, &why, "commit 1\nnumber %ju\nprevious ",
	         (uintmax_t)t->number) == BLK_OK);
	add_id(b, &t->head);
	must(buf_printf(b, &why,
	         "\ntime %jd\nhost h\nprogram p\n"
	         "session 02020202020202020202020202020202 %ju\n",
	         (intmax_t)(t->shop.now + (int64_t)t->number),
	         (uintmax_t)t->number) == BLK_OK);
}

/* The next commit, as somebody else would publish it. */
static void
publish(struct bench *t, struct span verbs)
{
	struct buf b = BUF_INIT((size_t)4 << 20);
	struct fault *why = &t->shop.why;
	char key[LOG_KEY_MAX];
	const void *file;
	bool carries;
	size_t len;

	carries = verbs.len > 0 && verbs.p[0] == '+';
	if (carries)
		verbs = span_of(verbs.p + 1, verbs.len - 1);
	t->number++;
	add_head(t, &b);
	for (size_t i = 0; i < verbs.len; i++) {
		if ((uint8_t)verbs.p[i] >= 0x80)
			expand(t, (uint8_t)verbs.p[i], &b);
		else
			must(buf_add(&b, verbs.p + i, 1, why) == BLK_OK);
	}
	(void)shop_add(&t->shop, KIND_RECORD, b.data, b.len);
	if (carries) {
		(void)shop_add(&t->shop, KIND_DATA, "four\n", 5);
		(void)shop_add(&t->shop, KIND_DATA, "one\n", 4);
	}
	must(segment_seal(t->shop.b, &t->head, &file, &len, NULL, why) ==
	    BLK_OK);
	log_key(t->number, key);
	must(backend_put(store_backend(t->shop.s), key, file, len, why) ==
	    BLK_OK);
	segment_reset(t->shop.b);
	buf_release(&b);
}

/* --- what comes of it --- */

/* The counts of a whole store are those of a trace. */
static void
is_no_miscount(void *arg, const struct check_finding *f)
{
	const bool *broken = arg;

	must(*broken || (f->what != CHECK_COUNT && f->what != CHECK_INDEX));
	must(f->what != CHECK_CONFIG);
}

static uint64_t
findings(struct store *s, bool *broken)
{
	const struct check_options o = { .share = CHECK_ALL,
		.jobs = 1,
		.max_memory = 8 << 20,
		.finding = is_no_miscount,
		.arg = broken };
	struct check_report r = { .findings = 0 };
	struct fault why = FAULT_NONE;

	must(check_run(s, &o, &r, &why) == BLK_OK);
	return r.findings;
}

static void
are_equal(struct store *a, struct store *b)
{
	struct digest x, y;
	struct fault why;

	must(checkpoint_digest(store_catalog(a), &x, &why) == BLK_OK);
	must(checkpoint_digest(store_catalog(b), &y, &why) == BLK_OK);
	must(digest_equal(&x, &y));
}

static void
repair(struct store *s)
{
	const struct repair_options o = { .froms = 0 };
	struct repair_report r;
	struct fault why = FAULT_NONE;

	if (check_repair(s, &o, &r, &why) != BLK_OK)
		must(why.text[0] != '\0');
}

static void
collect(struct store *s)
{
	const struct collect_options o = {
		.max_unused = 0, .keep_unreferenced = 0, .fold = true
	};
	struct collect_report r;
	struct fault why = FAULT_NONE;

	if (collect_run(s, &o, &r, &why) != BLK_OK)
		must(why.text[0] != '\0');
}

struct other {
	int64_t now;
	bool broken; /* what the commits say is not there */
};

static int64_t
now(void *arg)
{
	return ((struct other *)arg)->now;
}

static void
warn(void *arg, const char *text)
{
	(void)text;
	((struct other *)arg)->broken = true;
}

/* Another process, from the start. */
static void
others_too(struct bench *t, bool current, uint8_t options)
{
	struct other other = { .now = t->shop.now };
	struct store_options o = { .url = "mem:fuzz",
		.host = "host",
		.program = "fuzz",
		.max_memory = 8 << 20,
		.warn = warn,
		.now = now,
		.arg = &other };
	struct fault why = FAULT_NONE;
	struct store *s = NULL;
	uint64_t before;

	must(catalog_memory_new(&o.catalog, &why) == BLK_OK);
	if (store_open(&o, &s, &why) != BLK_OK) {
		must(why.text[0] != '\0');
		return;
	}
	if (current && !other.broken)
		are_equal(t->shop.s, s);
	before = findings(s, &other.broken);
	if ((options & 2) != 0)
		repair(s);
	if ((options & 4) != 0)
		collect(s);
	must(findings(s, &other.broken) <= before);
	store_close(s);
}

static void
begin(struct bench *t)
{
	struct catalog *c = NULL;
	struct catalog_head head;

	shop_open(&t->shop, "mem:fuzz");
	c = store_catalog(t->shop.s);
	must(c->type->head_get(c, &head, &t->shop.why) == BLK_OK);
	t->head = head.hash;
	make_segments(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench t = { .number = 0 };
	struct span all;
	bool current = true;

	if (size < 2 || size > 65536)
		return 0;
	all = span_of(data + 1, size - 1);
	begin(&t);
	while (t.number < COMMITS && all.p != NULL) {
		const char *end = memchr(all.p, '\0', all.len);
		size_t len = end != NULL ? (size_t)(end - all.p) : all.len;

		publish(&t, span_of(all.p, len));
		if ((data[0] & 1) != 0)
			current = store_sync(t.shop.s, &t.shop.why) == BLK_OK;
		all = end != NULL ? span_of(end + 1, all.len - len - 1)
		                  : span_of(NULL, 0);
	}
	current = store_sync(t.shop.s, &t.shop.why) == BLK_OK;
	others_too(&t, current, data[0]);
	shop_close(&t.shop);
	return 0;
}

#include "writer-bench.h"

#include <stdio.h>

static void
warn(void *arg, const char *text)
{
	struct bench *b = arg;

	b->warnings++;
	snprintf(b->warning, sizeof(b->warning), "%s", text);
}

void
bench_open(struct bench *b, const char *url, const struct writer_options *o)
{
	struct store_options so = { .url = url,
		.host = "host",
		.program = "test",
		.lock_wait_ms = 10000,
		.max_memory = (uint64_t)64 << 20,
		.create = true,
		.warn = warn,
		.arg = b };

	*b = (struct bench){ .s = NULL };
	OK(b, catalog_memory_new(&so.catalog, &b->why));
	OK(b, store_open(&so, &b->s, &b->why));
	bench_again(b, o);
}

void
bench_again(struct bench *b, const struct writer_options *o)
{
	const struct writer_options plain = { .lanes = 1 };

	writer_close(b->w);
	OK(b, writer_open(b->s, o != NULL ? o : &plain, &b->w, &b->why));
	b->l = writer_lane(b->w, 0);
}

static void
forget_versions(struct bench *b)
{
	for (size_t i = 0; i < b->versions; i++)
		version_release(&b->version[i]);
	b->versions = 0;
}

void
bench_close(struct bench *b)
{
	forget_versions(b);
	free(b->version);
	writer_close(b->w);
	store_close(b->s);
}

/* --- bytes --- */

static uint32_t
next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

void
fill_noise(uint8_t *p, size_t len, uint32_t seed)
{
	seed = seed * 2654435761u + 1;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(next(&seed) >> 11);
}

void
fill_text(uint8_t *p, size_t len, uint32_t seed)
{
	static const char *word[] = { "store ", "chunk ", "segment ", "a ",
		"the\n", "of ", "frame ", "commit\n" };
	size_t at = 0;

	seed = seed * 2654435761u + 1;
	while (at < len) {
		const char *w = word[next(&seed) >> 7 & 7];
		size_t n = strlen(w);

		if (n > len - at)
			n = len - at;
		memcpy(p + at, w, n);
		at += n;
	}
}

uint8_t *
some_text(size_t len, uint32_t seed)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	fill_text(p, len, seed);
	return p;
}

uint8_t *
some_noise(size_t len, uint32_t seed)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	fill_noise(p, len, seed);
	return p;
}

/* --- writing --- */

static void
is_id_of(const struct digest *id, const void *data, size_t len)
{
	struct fault why = FAULT_NONE;
	struct digest want;

	assert_int_equal(digest_of(data, len, &want, &why), BLK_OK);
	assert_true(digest_equal(id, &want));
}

struct digest
put(struct bench *b, const void *data, size_t len)
{
	struct digest id;

	OK(b, lane_put(b->l, data, len, &id, &b->why));
	is_id_of(&id, data, len);
	return id;
}

struct digest
put_by(struct lane *l, const uint8_t *data, size_t len, size_t step)
{
	struct fault why = FAULT_NONE;
	struct digest id;
	uint64_t size;

	assert_int_equal(lane_begin(l, &why), BLK_OK);
	for (size_t at = 0; at < len; at += step)
		assert_int_equal(lane_add(l, data + at,
		                     len - at < step ? len - at : step, &why),
		    BLK_OK);
	assert_int_equal(lane_end(l, &id, &size, &why), BLK_OK);
	assert_int_equal(size, len);
	is_id_of(&id, data, len);
	return id;
}

void
name(struct bench *b, const char *name, enum class class,
    const struct digest *id)
{
	struct version *v;

	OK(b,
	    array_grow((void **)&b->version, b->versions, &b->cap,
	        sizeof(*b->version), &b->why));
	v = &b->version[b->versions++];
	*v = (struct version){ .name = strdup(name),
		.type = strdup(""),
		.class = class,
		.id = *id };
	assert_non_null(v->name);
	assert_non_null(v->type);
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct bench *b = arg;
	enum blk_status st = BLK_OK;
	struct digest vid;

	for (size_t i = 0; st == BLK_OK && i < b->versions; i++)
		st = store_add_version(s, k, &b->version[i], &vid, why);
	return st;
}

enum blk_status
try_commit(struct bench *b)
{
	return writer_commit(b->w, decide, b, &b->out, &b->why);
}

void
commit(struct bench *b)
{
	OK(b, try_commit(b));
	forget_versions(b);
}

struct digest
store(struct bench *b, const char *called, const void *data, size_t len)
{
	struct digest id = put(b, data, len);

	name(b, called, CLASS_CONTENT, &id);
	commit(b);
	return id;
}

/* --- looking --- */

struct buf
fetched(
    struct bench *b, const struct digest *id, enum class class, enum kind *kind)
{
	struct catalog *c = store_catalog(b->s);
	struct buf bytes = BUF_INIT(SEGMENT_FRAME_MAX);
	const struct catalog_copy *copy;
	struct catalog_segment seg;
	struct catalog_facts f;
	struct frames_place p;

	OK(b, c->type->facts(c, id, &f, &b->why));
	copy = catalog_winner(&f, class);
	assert_non_null(copy);
	OK(b, c->type->segment_get(c, copy->seq, &seg, &b->why));
	p = store_place(&seg);
	OK(b,
	    frames_read(store_frames(b->s), &p, copy->ordinal, id,
	        (enum kind)copy->kind, &bytes, &b->why));
	if (kind != NULL)
		*kind = (enum kind)copy->kind;
	return bytes;
}

struct joined {
	struct bench *b;
	struct buf bytes;
};

static enum blk_status
fetch(void *arg, const struct digest *id, struct buf *out, struct fault *why)
{
	struct joined *j = arg;
	struct buf piece = fetched(j->b, id, CLASS_PIECE, NULL);
	enum blk_status st;

	is_id_of(id, piece.data, piece.len);
	st = buf_add(out, piece.data, piece.len, why);
	buf_release(&piece);
	return st;
}

static enum blk_status
join(void *arg, struct span line, struct fault *why)
{
	struct joined *j = arg;
	struct reference r;
	struct buf chunk;
	enum blk_status st;

	assert_true(structure_line(line, &r));
	assert_int_equal(r.class, CLASS_DATA);
	chunk = fetched(j->b, &r.id, CLASS_DATA, NULL);
	assert_int_equal(chunk.len, r.size);
	st = buf_add(&j->bytes, chunk.data, chunk.len, why);
	buf_release(&chunk);
	return st;
}

void
holds_content(
    struct bench *b, const struct digest *id, const void *data, size_t len)
{
	struct joined j = { .b = b, .bytes = BUF_INIT((size_t)1 << 30) };
	const struct structure_reader r = {
		.fetch = fetch, .line = join, .arg = &j
	};
	enum kind kind;
	struct buf text = fetched(b, id, CLASS_CONTENT, &kind);

	assert_true(is_counted(b, id, CLASS_CONTENT));
	if (kind == KIND_DATA)
		OK(b, buf_add(&j.bytes, text.data, text.len, &b->why));
	else
		OK(b,
		    structure_read(&r, span_of(text.data, text.len), &b->why));
	assert_int_equal(j.bytes.len, len);
	if (len > 0)
		assert_memory_equal(j.bytes.data, data, len);
	buf_release(&text);
	buf_release(&j.bytes);
}

enum kind
kind_in_store(struct bench *b, const struct digest *id)
{
	enum kind kind;
	struct buf text = fetched(b, id, CLASS_CONTENT, &kind);

	buf_release(&text);
	return kind;
}

bool
is_counted(struct bench *b, const struct digest *id, enum class class)
{
	struct catalog *c = store_catalog(b->s);
	struct catalog_facts f;

	OK(b, c->type->facts(c, id, &f, &b->why));
	return f.count[class] > 0;
}

static enum blk_status
count(void *arg, const char *key, const struct backend_stat *st,
    struct fault *why)
{
	(void)key;
	(void)st;
	(void)why;
	++*(size_t *)arg;
	return BLK_OK;
}

size_t
blobs(struct bench *b, const char *prefix)
{
	size_t n = 0;
	bool complete;

	OK(b,
	    backend_list(
	        store_backend(b->s), prefix, count, &n, &complete, &b->why));
	assert_true(complete);
	return n;
}

struct writer_totals
totals(struct bench *b)
{
	struct writer_totals t;

	writer_totals(b->w, &t);
	return t;
}

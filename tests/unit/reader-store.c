#include "reader-store.h"

#include "text.h"

#define OK(call) assert_int_equal(call, BLK_OK)

static int64_t
now_of(void *arg)
{
	struct shop *p = arg;

	return p->now;
}

static void
open_with(struct shop *p, const char *url, bool indexed)
{
	const struct store_config config = { .format = 1,
		.chunker = 1,
		.min = 4096,
		.target = 12288,
		.max = 65536 };
	struct store_options o = { .url = url,
		.host = "host",
		.program = "test",
		.lock_wait_ms = 1000,
		.max_memory = 64 << 20,
		.create = true,
		.made_as = &config,
		.now = now_of,
		.arg = p };
	struct segment_options opt = { .verify = true };
	struct segment_origin origin;

	memset(p, 0, sizeof(*p));
	p->now = INT64_C(1700000000000000000);
	if (!indexed)
		OK(catalog_memory_new(&o.catalog, &p->why));
	if (store_open(&o, &p->s, &p->why) != BLK_OK)
		fail_msg("%s", p->why.text);
	OK(codec_state_new(&p->codecs, &p->why));
	OK(hasher_new(&p->hash, &p->why));
	OK(codec_parse("zstd:3", &opt.codec, &opt.level, &p->why));
	origin = store_origin(p->s);
	OK(segment_builder_new(
	    &origin, &opt, p->codecs, p->hash, &p->b, &p->why));
}

void
shop_open(struct shop *p, const char *url)
{
	open_with(p, url, false);
}

void
shop_open_indexed(struct shop *p, const char *url)
{
	open_with(p, url, true);
}

void
shop_close(struct shop *p)
{
	store_close(p->s);
	segment_builder_free(p->b);
	hasher_free(p->hash);
	codec_state_free(p->codecs);
}

void
shop_add_as(struct shop *p, const struct digest *id, enum kind kind,
    const void *data, size_t len)
{
	OK(segment_add(p->b, id, kind, data, len, &p->why));
}

struct digest
shop_add(struct shop *p, enum kind kind, const void *data, size_t len)
{
	struct digest id;

	OK(hasher_of(p->hash, data, len, &id, &p->why));
	shop_add_as(p, &id, kind, data, len);
	return id;
}

void
shop_end_frame(struct shop *p)
{
	OK(segment_end_frame(p->b, &p->why));
}

struct digest
shop_publish(struct shop *p)
{
	struct segment_table t = { .frame = NULL };
	struct digest id;
	const void *file;
	size_t len;

	OK(segment_seal(p->b, &id, &file, &len, &t, &p->why));
	OK(store_publish(p->s, &id, file, len, &t, &p->why));
	segment_table_release(&t);
	segment_reset(p->b);
	p->segment[p->segments++] = id;
	return id;
}

void
shop_name(struct shop *p, const char *name, enum class class,
    const struct digest *id, int64_t expires)
{
	struct version *v = &p->version[p->versions++];

	*v = (struct version){ .name = strdup(name),
		.class = class,
		.id = *id,
		.expires = expires,
		.type = strdup("") };
	assert_non_null(v->name);
	assert_non_null(v->type);
}

void
shop_drop(struct shop *p, const struct digest *vid)
{
	p->drop[p->drops++] = *vid;
}

void
shop_condemn(struct shop *p, const struct digest *segment)
{
	p->condemn[p->condemns++] = *segment;
}

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct shop *p = arg;
	enum blk_status st = BLK_OK;
	struct digest vid;

	for (size_t i = 0; st == BLK_OK && i < p->versions; i++)
		st = store_add_version(s, k, &p->version[i], &vid, why);
	for (size_t i = 0; st == BLK_OK && i < p->drops; i++)
		st = store_add_drop(s, k, &p->drop[i], why);
	for (size_t i = 0; st == BLK_OK && i < p->condemns; i++)
		st = commit_add(k,
		    &(struct commit_verb){ .verb = VERB_CONDEMN,
		        .id = p->condemn[i],
		        .reason = REASON_COLLECTED },
		    why);
	return st;
}

enum blk_status
shop_try_commit(struct shop *p)
{
	const struct store_draft d = { .segment = p->segment,
		.segments = p->segments,
		.decide = decide,
		.arg = p,
		.collector = p->condemns > 0 };
	struct store_outcome out;
	enum blk_status st = store_commit(p->s, &d, &out, &p->why);

	assert_true(st != BLK_OK || out.number > 0);
	for (size_t i = 0; i < p->versions; i++)
		version_release(&p->version[i]);
	p->segments = p->versions = p->drops = p->condemns = 0;
	return st;
}

void
shop_commit(struct shop *p)
{
	if (shop_try_commit(p) != BLK_OK)
		fail_msg("%s", p->why.text);
}

struct digest
shop_finish(
    struct shop *p, const char *name, enum class class, const struct digest *id)
{
	struct digest segment = shop_publish(p);

	shop_name(p, name, class, id, 0);
	shop_commit(p);
	return segment;
}

void
shop_spoil(struct shop *p, const struct digest *segment, size_t at)
{
	struct backend *b = store_backend(p->s);
	char key[SEGMENT_KEY_MAX];
	void *file = NULL;
	size_t len;

	segment_key(segment, key);
	OK(backend_get_all(b, key, SEGMENT_MAX, &file, &len, &p->why));
	assert_true(at < len);
	((uint8_t *)file)[at] ^= 0x10;
	OK(backend_remove(b, key, &p->why));
	OK(backend_put(b, key, file, len, &p->why));
	free(file);
	frames_forget(store_frames(p->s), segment);
}

void
shop_lose(struct shop *p, const struct digest *segment)
{
	char key[SEGMENT_KEY_MAX];

	segment_key(segment, key);
	OK(backend_remove(store_backend(p->s), key, &p->why));
	frames_forget(store_frames(p->s), segment);
}

/*
 * Any text is refused as checkpoint 9, or fills a catalog; and what has no
 * versions, which stand in segments, is written of it as it was read.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct store_config config = { .format = 1,
	.store = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	.chunker = 1,
	.min = 4096,
	.target = 12288,
	.max = 65536 };

struct bench {
	struct backend *backend;
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *b;
};

static void
must(bool so)
{
	if (!so)
		abort();
}

static void
bench_open(struct bench *t)
{
	const struct backend_open_options make = { .create = true };
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };
	struct segment_origin origin = { .session = { 2 } };
	struct fault why;

	memcpy(origin.store, config.store, sizeof(origin.store));
	must(backend_open("mem:fuzz", &make, &t->backend, &why) == BLK_OK);
	must(codec_state_new(&t->codecs, &why) == BLK_OK);
	must(hasher_new(&t->hash, &why) == BLK_OK);
	must(segment_builder_new(
	         &origin, &o, t->codecs, t->hash, &t->b, &why) == BLK_OK);
}

static void
bench_close(struct bench *t)
{
	segment_builder_free(t->b);
	hasher_free(t->hash);
	codec_state_free(t->codecs);
	backend_close(t->backend);
}

static void
put_text(struct bench *t, struct span text)
{
	char key[LOG_KEY_MAX];
	const void *file;
	struct digest id;
	struct fault why;
	size_t len;

	must(hasher_of(t->hash, text.p, text.len, &id, &why) == BLK_OK);
	must(segment_add(t->b, &id, KIND_RECORD, text.p, text.len, &why) ==
	    BLK_OK);
	must(segment_seal(t->b, &id, &file, &len, NULL, &why) == BLK_OK);
	checkpoint_key(9, key);
	must(backend_put(t->backend, key, file, len, &why) == BLK_OK);
	segment_reset(t->b);
}

/* What the line that begins with word says; the writer wants it again. */
static char *
said(struct span text, const char *word)
{
	struct buf b = BUF_INIT((size_t)1 << 20);
	struct span line, field;
	struct fault why;
	bool bad = false;

	while (text_line(&text, &line, &bad)) {
		if (!text_field(&line, &field) || !span_is(field, word))
			continue;
		must(text_unescape(&b, line, false, &why) == BLK_OK);
		must(buf_add_u8(&b, '\0', &why) == BLK_OK);
		return (char *)b.data;
	}
	abort();
}

static enum blk_status
add_line(void *arg, struct span line, struct fault *why)
{
	enum blk_status st = buf_add(arg, line.p, line.len, why);

	return st == BLK_OK ? buf_add_u8(arg, '\n', why) : st;
}

/* A line that is kept and ignored: not by who writes the next one. */
static bool
has_kept(struct span text)
{
	struct span line;
	bool bad = false;

	while (text_line(&text, &line, &bad))
		if (span_starts(line, "x-"))
			return true;
	return false;
}

static void
is_written(struct bench *t, struct catalog *c, const struct store_config *s,
    struct span text)
{
	char *host = said(text, "host"), *program = said(text, "program"),
	     *time = said(text, "time");
	const struct checkpoint_maker m = { .config = s,
		.time = strtoll(time, NULL, 10),
		.host = host,
		.program = program };
	struct buf b = BUF_INIT((size_t)16 << 20);
	struct segment_table table;
	struct log_file f = { .table = &table };
	struct fault why;
	struct digest id;
	bool carries;
	size_t len;

	must(checkpoint_build(t->b, t->hash, c, &m, &why) == BLK_OK);
	must(segment_seal(t->b, &id, &f.bytes, &len, &table, &why) == BLK_OK);
	must(
	    log_record_lines(&f, NULL, add_line, &b, &carries, &why) == BLK_OK);
	must(!carries);
	must(span_equal(text, span_of(b.data, b.len)));
	segment_table_release(&table);
	buf_release(&b);
	free(host);
	free(program);
	free(time);
}

static void
load(struct bench *t, struct span text)
{
	struct store_config found;
	struct fault why = FAULT_NONE;
	struct digest *root = NULL, head;
	struct catalog *c = NULL;
	enum blk_status st;
	size_t roots = 0;

	must(catalog_memory_new(&c, &why) == BLK_OK);
	must(c->type->begin(c, &why) == BLK_OK);
	st = checkpoint_load(
	    t->backend, 9, config.store, c, &root, &roots, &found, &why);
	if (st == BLK_OK) {
		must(c->type->commit(c, &why) == BLK_OK);
		must(checkpoint_head(t->backend, 9, config.store, &head, NULL,
		         &why) == BLK_OK);
		if (roots == 0 && !has_kept(text))
			is_written(t, c, &found, text);
	} else {
		must(st == BLK_CORRUPT || st == BLK_FAILED);
		must(why.text[0] != '\0');
		c->type->rollback(c);
	}
	free(root);
	catalog_close(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct bench t;

	if (size == 0)
		return 0;
	bench_open(&t);
	put_text(&t, text);
	load(&t, text);
	bench_close(&t);
	return 0;
}

/*
 * Any text is refused as the record of a commit, or is what is written of the
 * commit that it tells of; and a file that begins with it is read as the text
 * is, whoever made it.  The first byte says whether the file carries an object.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t store[16] = "";

static void
must(bool so)
{
	if (!so)
		abort();
}

struct bench {
	struct codec_state *codecs;
	struct hasher *hash;
	struct segment_builder *b;
};

/* Files that the session of this record writes. */
static void
bench_open(struct bench *t, const struct commit *c)
{
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };
	struct segment_origin origin = { .store = "" };
	struct fault why;

	memcpy(origin.session, c->session, sizeof(origin.session));
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
}

/* What is written of c, which is text. */
static void
is_written(const struct commit *c, struct span text)
{
	struct buf b = BUF_INIT((size_t)1 << 20);
	struct fault why;

	must(commit_format(c, &b, &why) == BLK_OK);
	must(span_equal(text, span_of(b.data, b.len)));
	buf_release(&b);
}

static void
add_object(struct bench *t)
{
	struct digest id;
	struct fault why;

	must(hasher_of(t->hash, "x", 1, &id, &why) == BLK_OK);
	must(segment_add(t->b, &id, KIND_DATA, "x", 1, &why) == BLK_OK);
}

/* Seal what is in the builder, and read it as a commit. */
static enum blk_status
read_sealed(struct bench *t, uint64_t number, struct commit *c)
{
	struct fault why = FAULT_NONE;
	enum blk_status st;
	const void *file;
	struct digest id;
	size_t len;

	must(segment_seal(t->b, &id, &file, &len, NULL, &why) == BLK_OK);
	st = log_parse(file, len, number, store, c, &why);
	must(st == BLK_OK || why.text[0] != '\0');
	segment_reset(t->b);
	return st;
}

/* As the store writes it. */
static void
written_by_us(struct bench *t, struct commit *c, struct span text, bool carries)
{
	struct commit again = COMMIT_NONE;
	struct fault why;

	must(log_begin(t->b, t->hash, c, &why) == BLK_OK);
	if (carries)
		add_object(t);
	must(read_sealed(t, c->number, &again) == BLK_OK);
	must(again.carries == carries);
	is_written(&again, text);
	commit_release(&again);
}

/* As anybody may write it. */
static void
written_by_others(
    struct bench *t, const struct commit *c, struct span text, bool sound)
{
	struct commit again = COMMIT_NONE;
	struct digest id;
	struct fault why;

	must(hasher_of(t->hash, text.p, text.len, &id, &why) == BLK_OK);
	must(segment_add(t->b, &id, KIND_RECORD, text.p, text.len, &why) ==
	    BLK_OK);
	must((read_sealed(t, c->number, &again) == BLK_OK) == sound);
	commit_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct commit c = COMMIT_NONE;
	struct fault why = FAULT_NONE;
	enum blk_status st;
	struct span text;
	struct bench t;

	if (size < 2)
		return 0;
	text = span_of(data + 1, size - 1);
	st = commit_parse(text, &c, &why);
	bench_open(&t, &c);
	if (st == BLK_OK) {
		is_written(&c, text);
		written_by_us(&t, &c, text, data[0] % 2 != 0);
	} else {
		must(why.text[0] != '\0');
	}
	written_by_others(&t, &c, text, st == BLK_OK);
	bench_close(&t);
	commit_release(&c);
	return 0;
}

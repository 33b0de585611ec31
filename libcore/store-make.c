/*
 * What is made beside commits: the store itself, and checkpoints.
 */
#include <stdlib.h>
#include <string.h>

#include "store-private.h"

/* Bytes of memory that a builder may hold from commit to commit. */
#define BUILDER_KEPT ((size_t)1 << 20)

enum blk_status
store_builder(struct store *s, bool compressed, struct segment_builder **b,
    struct fault *why)
{
	const struct segment_origin origin = store_origin(s);
	struct segment_options o = { .codec = codec_by_tag(CODEC_RAW),
		.verify = true };
	enum blk_status st = BLK_OK;

	*b = NULL;
	if (compressed)
		st = store_compression(s, &o.codec, &o.level, why);
	if (st != BLK_OK)
		return st;
	if (s->builder == NULL)
		return segment_builder_new(
		    &origin, &o, s->codecs, s->hash, b, why);
	*b = s->builder;
	s->builder = NULL;
	segment_pack_by(*b, &o);
	return BLK_OK;
}

void
store_builder_done(struct store *s, struct segment_builder *b)
{
	if (b != NULL && s->builder == NULL &&
	    segment_memory(b) <= BUILDER_KEPT) {
		segment_reset(b);
		s->builder = b;
	} else {
		segment_builder_free(b);
	}
}

/* --- commit 0 --- */

static enum blk_status
publish_zero(struct store *s, struct fault *why)
{
	struct commit k = COMMIT_NONE;
	struct segment_builder *b = NULL;
	const void *file;
	enum blk_status st;
	size_t len;
	bool won;

	st = store_begin_record(s, NULL, &k, why);
	if (st == BLK_OK)
		st = config_to_commit(&s->config, &k, why);
	if (st == BLK_OK)
		st = store_builder(s, false, &b, why);
	if (st == BLK_OK)
		st = log_begin(b, s->hash, &k, why);
	if (st == BLK_OK)
		st = log_seal(b, &k, &file, &len, why);
	if (st == BLK_OK)
		st = log_publish(s->backend, 0, file, len, &k.hash, &won, why);
	segment_builder_free(b);
	commit_release(&k);
	return st;
}

/* The config as made_as wishes it, with a new store id. */
static enum blk_status
wish_config(struct store *s, struct fault *why)
{
	s->config = (struct store_config){ .format = 1,
		.chunker = 1,
		.min = 4096,
		.target = 12288,
		.max = 65536 };
	if (s->o.made_as != NULL)
		s->config = *s->o.made_as;
	s->config.format = 1;
	s->config.chunker = 1;
	return digest_random(s->config.store, sizeof(s->config.store), why);
}

enum blk_status
store_make(struct store *s, struct fault *why)
{
	struct commit zero = COMMIT_NONE;
	struct buf text = BUF_INIT(65536);
	struct fault ignored = FAULT_NONE;
	struct iovec part;
	enum backend_outcome outcome;
	enum blk_status st;

	st = log_read(s->backend, 0, NULL, &zero, why);
	if (st == BLK_ABSENT) {
		st = wish_config(s, why);
		if (st == BLK_OK)
			st = publish_zero(s, why);
		if (st == BLK_OK)
			st = log_read(s->backend, 0, NULL, &zero, why);
	}
	if (st == BLK_OK)
		st = config_of_commit(&zero, &s->config, why);
	if (st == BLK_OK)
		st = config_format(&s->config, &text, why);
	part = (struct iovec){ text.data, text.len };
	if (st == BLK_OK)
		st = backend_put_exclusive(
		    s->backend, "config", &part, 1, &outcome, why);
	/* A store without it is a store; the next collection tries again. */
	if (st == BLK_OK && store_reserve_make(s, &ignored) != BLK_OK)
		ignored = (struct fault)FAULT_NONE;
	commit_release(&zero);
	buf_release(&text);
	return st;
}

/* --- checkpoints --- */

/* Where pieces go that are too many for one file. */
struct parts {
	struct store *s;
	uint64_t number; /* of the checkpoint */
	unsigned last;
};

#define PARTS_MAX 65536

/* In a part of our own: another may have made one, and not made it durable. */
static enum blk_status
put_part(void *arg, struct segment_builder *b, struct fault *why)
{
	struct parts *p = arg;
	enum backend_outcome outcome = BACKEND_EXISTS;
	struct digest id;
	const void *file;
	enum blk_status st;
	size_t len;

	st = segment_seal(b, &id, &file, &len, NULL, why);
	while (st == BLK_OK && outcome == BACKEND_EXISTS) {
		union {
			const void *in;
			void *out;
		} bytes = { file };
		const struct iovec part = { bytes.out, len };
		char key[LOG_KEY_MAX];

		if (p->last == PARTS_MAX)
			return fault(why, BLK_FAILED, "too many parts");
		checkpoint_part_key(p->number, ++p->last, key);
		st = backend_put_exclusive(
		    p->s->backend, key, &part, 1, &outcome, why);
		if (st == BLK_OK && outcome == BACKEND_UNSURE)
			outcome = BACKEND_EXISTS; /* may be ours: litter */
	}
	segment_reset(b);
	return st;
}

/* The checkpoint of the head; nothing may be applied while it is made. */
static enum blk_status
build_checkpoint(struct store *s, struct segment_builder *b, uint64_t *number,
    const void **file, size_t *len, struct fault *why)
{
	struct parts parts = { .s = s };
	const struct checkpoint_maker m = { .config = &s->config,
		.time = store_now(s),
		.host = s->o.host,
		.program = s->o.program,
		.spill = put_part,
		.arg = &parts };
	struct catalog_head head;
	struct digest id;
	enum blk_status st;

	st = s->catalog->type->head_get(s->catalog, &head, why);
	if (st == BLK_OK && !head.known)
		return fault(why, BLK_FAILED, "there is no commit");
	parts.number = head.number;
	/* Others may have committed since it was settled. */
	if (st == BLK_OK && head.number > s->durable)
		st = store_settle(s, why);
	if (st == BLK_OK)
		st = checkpoint_build(b, s->hash, s->catalog, &m, why);
	if (st == BLK_OK)
		st = segment_seal(b, &id, file, len, NULL, why);
	if (st == BLK_OK)
		st = checkpoint_verify(
		    s->backend, *file, *len, s->catalog, &s->config, why);
	*number = head.number;
	return st;
}

/* Others may have made the same one, of other bytes: it serves as well. */
static enum blk_status
put_checkpoint(struct store *s, uint64_t number, const void *file, size_t len,
    struct fault *why)
{
	union {
		const void *in;
		void *out;
	} bytes = { file };
	const struct iovec part = { .iov_base = bytes.out, .iov_len = len };
	enum backend_outcome outcome;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	checkpoint_key(number, key);
	st = backend_put_exclusive(s->backend, key, &part, 1, &outcome, why);
	if (st == BLK_OK && outcome == BACKEND_UNSURE)
		st = fault(why, BLK_FAILED, "%s: outcome unknown", key);
	return st;
}

/* build_checkpoint in a transaction that changes nothing. */
static enum blk_status
build_alone(struct store *s, struct segment_builder *b, uint64_t *number,
    const void **file, size_t *len, struct fault *why)
{
	const struct catalog_type *t = s->catalog->type;
	struct fault ignored = FAULT_NONE;
	enum blk_status st = t->begin(s->catalog, why);

	if (st != BLK_OK)
		return st;
	st = build_checkpoint(s, b, number, file, len, why);
	if (t->commit(s->catalog, st == BLK_OK ? why : &ignored) != BLK_OK) {
		t->rollback(s->catalog);
		st = st == BLK_OK ? BLK_FAILED : st;
	}
	return st;
}

enum blk_status
store_checkpoint(struct store *s, uint64_t *number, struct fault *why)
{
	struct segment_builder *b = NULL;
	const void *file = NULL;
	size_t len = 0;
	enum blk_status st;

	st = store_settle(s, why);
	if (st == BLK_OK)
		st = store_builder(s, true, &b, why);
	if (st == BLK_OK)
		st = build_alone(s, b, number, &file, &len, why);
	if (st == BLK_OK)
		st = put_checkpoint(s, *number, file, len, why);
	segment_builder_free(b);
	return st;
}

enum blk_status
store_checkpoints(
    struct store *s, uint64_t *newest, uint64_t *second, struct fault *why)
{
	char key[LOG_KEY_MAX];
	enum blk_status st;

	st = checkpoint_newest(s->backend, newest, second, why);
	if (st == BLK_OK && *second > 0) {
		checkpoint_key(*second, key);
		st = backend_settle(s->backend, key, why);
	}
	if (st == BLK_OK && *newest > 0) {
		checkpoint_key(*newest, key);
		st = backend_settle(s->backend, key, why);
	}
	return st;
}

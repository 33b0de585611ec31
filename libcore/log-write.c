/*
 * Writing records: a text that is cut into pieces as it comes, which wait in
 * memory until the record, the first object of its file, is known.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

/* So much of pieces in memory goes into a file of its own; little, so that
 * the model has some. */
#ifdef BLK_TEST_HOOKS
#define SPILL ((size_t)256 << 10)
#else
#define SPILL ((size_t)16 << 20)
#endif

struct held_piece {
	struct digest id;
	void *text;
	size_t len;
};

struct log_writer {
	struct segment_builder *b;
	struct hasher *hash;
	struct cutter *cut;
	struct held_piece *piece;
	size_t pieces, cap, bytes;
	log_spill *spill;
	void *arg;
};

static enum blk_status
add_piece(
    struct segment_builder *b, const struct held_piece *p, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (segment_plain(b) + p->len > STRUCTURE_MAX)
		st = segment_end_frame(b, why);
	return st == BLK_OK
	    ? segment_add(b, &p->id, KIND_PIECE, p->text, p->len, why)
	    : st;
}

/* What is held goes into the builder. */
static enum blk_status
let_go(struct log_writer *w, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; i < w->pieces; i++) {
		if (st == BLK_OK)
			st = add_piece(w->b, &w->piece[i], why);
		free(w->piece[i].text);
	}
	w->pieces = w->bytes = 0;
	return st;
}

static enum blk_status
hold_piece(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	struct log_writer *w = arg;
	struct held_piece *p;
	enum blk_status st;
	void *copy;

	if (w->spill != NULL && w->pieces > 0 && w->bytes + len > SPILL) {
		st = let_go(w, why);
		if (st == BLK_OK)
			st = w->spill(w->arg, w->b, why);
		if (st != BLK_OK)
			return st;
	}
	st = array_grow(
	    (void **)&w->piece, w->pieces, &w->cap, sizeof(*w->piece), why);
	if (st != BLK_OK)
		return st;
	copy = malloc(len + 1);
	if (copy == NULL)
		return fault_nomem(why);
	memcpy(copy, text, len);
	p = &w->piece[w->pieces++];
	p->id = *id;
	p->text = copy;
	p->len = len;
	w->bytes += len;
	return BLK_OK;
}

enum blk_status
log_writer_new(struct segment_builder *b, struct hasher *hash, log_spill *spill,
    void *arg, struct log_writer **out, struct fault *why)
{
	struct log_writer *w = calloc(1, sizeof(*w));

	*out = w;
	if (w == NULL)
		return fault_nomem(why);
	w->b = b;
	w->hash = hash;
	w->spill = spill;
	w->arg = arg;
	return cutter_new(hash, hold_piece, w, &w->cut, why);
}

void
log_writer_free(struct log_writer *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->pieces; i++)
		free(w->piece[i].text);
	free(w->piece);
	cutter_free(w->cut);
	free(w);
}

enum blk_status
log_writer_add(struct log_writer *w, struct span text, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && text.len > 0) {
		const char *nl = memchr(text.p, '\n', text.len);
		size_t n = nl == NULL ? text.len : (size_t)(nl - text.p) + 1;

		st = cutter_line(w->cut, text.p, n, n, why);
		text = span_of(text.p + n, text.len - n);
	}
	return st;
}

enum blk_status
log_writer_end(struct log_writer *w, struct fault *why)
{
	const void *head = NULL;
	struct digest id;
	enum blk_status st;
	size_t len = 0;

	st = cutter_end(w->cut, &head, &len, why);
	if (st == BLK_OK)
		st = hasher_of(w->hash, head, len, &id, why);
	if (st == BLK_OK)
		st = segment_add(w->b, &id, KIND_RECORD, head, len, why);
	return st == BLK_OK ? let_go(w, why) : st;
}

/* A record that cannot be read again would end the log; what others will read
 * is also what its author goes on with. */
static enum blk_status
format_and_read(struct commit *c, struct fault *why)
{
	struct commit again = COMMIT_NONE;
	enum blk_status st = commit_format(c, &again.text, why);

	if (st == BLK_OK)
		st = commit_parse(
		    span_of(again.text.data, again.text.len), &again, why);
	if (st != BLK_OK) {
		commit_release(&again);
		return st == BLK_CORRUPT ? fault_in(why, BLK_INVALID, "refused")
		                         : st;
	}
	commit_release(c);
	*c = again;
	return BLK_OK;
}

enum blk_status
log_begin(struct segment_builder *b, struct hasher *hash, struct commit *c,
    struct fault *why)
{
	struct log_writer *w = NULL;
	enum blk_status st = format_and_read(c, why);

	if (st == BLK_OK)
		st = log_writer_new(b, hash, NULL, NULL, &w, why);
	if (st == BLK_OK)
		st = log_writer_add(w, span_of(c->text.data, c->text.len), why);
	if (st == BLK_OK)
		st = log_writer_end(w, why);
	log_writer_free(w);
	c->own = segment_count(b);
	return st;
}

enum blk_status
log_seal(struct segment_builder *b, struct commit *c, const void **file,
    size_t *len, struct fault *why)
{
	enum blk_status st;

	segment_table_release(&c->table);
	st = segment_seal(b, &c->hash, file, len, &c->table, why);
	if (st != BLK_OK)
		return st;
	if (*len > LOG_COMMIT_MAX)
		return fault(why, BLK_INVALID, "a commit of more than 64 MiB");
	c->carries = c->table.objects > c->own;
	c->bytes = *len;
	memcpy(c->tail, (const uint8_t *)*file + *len - SEGMENT_TRAILER,
	    sizeof(c->tail));
	return BLK_OK;
}

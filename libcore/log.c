#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- keys --- */

/* The last n digits of a number; what is above them. */
static uint64_t
put_digits(char *at, size_t n, uint64_t number)
{
	for (; n > 0; number /= 10)
		at[--n] = (char)('0' + number % 10);
	return number;
}

/* Made several times for each commit: by hand, as long as it has the digits
 * that a key is meant to have. */
void
log_key(uint64_t number, char key[static LOG_KEY_MAX])
{
	memcpy(key, "log/000000000/000000000000", 27);
	if (put_digits(key + 14, 12, number) > 0)
		snprintf(key, LOG_KEY_MAX, "log/%09ju/%012ju",
		    (uintmax_t)(number / 1000), (uintmax_t)number);
	else
		put_digits(key + 4, 9, number / 1000);
}

void
checkpoint_key(uint64_t number, char key[static LOG_KEY_MAX])
{
	snprintf(key, LOG_KEY_MAX, "checkpoint/%012ju", (uintmax_t)number);
}

void
checkpoint_part_key(
    uint64_t number, unsigned part, char key[static LOG_KEY_MAX])
{
	snprintf(
	    key, LOG_KEY_MAX, "checkpoint/%012ju.%u", (uintmax_t)number, part);
}

void
segment_key(const struct digest *id, char key[static SEGMENT_KEY_MAX])
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	snprintf(key, SEGMENT_KEY_MAX, "segments/%.2s/%s", hex, hex);
}

static bool
digits(const char *p, size_t len, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(p[i] - '0');
	}
	return true;
}

bool
log_key_number(const char *key, uint64_t *number)
{
	char again[LOG_KEY_MAX];

	if (strlen(key) != 4 + 9 + 1 + 12 || strncmp(key, "log/", 4) != 0 ||
	    !digits(key + 14, 12, number))
		return false;
	log_key(*number, again);
	return strcmp(key, again) == 0;
}

bool
checkpoint_key_number(const char *key, uint64_t *number)
{
	return strlen(key) == 11 + 12 && strncmp(key, "checkpoint/", 11) == 0 &&
	    digits(key + 11, 12, number);
}

bool
checkpoint_part_number(const char *key, uint64_t *number)
{
	uint64_t part;

	return strlen(key) > 11 + 12 + 1 &&
	    strncmp(key, "checkpoint/", 11) == 0 &&
	    digits(key + 11, 12, number) && key[23] == '.' &&
	    text_u64(span_str(key + 24), &part) && part > 0 &&
	    part <= UINT32_MAX;
}

bool
segment_key_id(const char *key, struct digest *id)
{
	char again[SEGMENT_KEY_MAX];

	if (strlen(key) != 9 + 3 + 64 ||
	    !digest_parse(key + 12, 2 * DIGEST_LEN, id))
		return false;
	segment_key(id, again);
	return strcmp(key, again) == 0;
}

/* --- reading --- */

struct record_reader {
	const struct log_file *file;
	struct codec_state *codecs;
	struct hasher *hash;
	bool *used; /* objects that are pieces of the record */
	log_fetch *elsewhere;
	void *arg;
};

enum blk_status
log_object(const struct log_file *file, uint32_t ordinal,
    struct codec_state *codecs, struct hasher *hash, struct buf *b,
    struct fault *why)
{
	const struct segment_object *o = &file->table->object[ordinal];
	const struct segment_frame *f = &file->table->frame[o->frame];
	const uint8_t *bytes = file->bytes;
	uint8_t *plain = malloc(f->plain + 1u);
	struct digest found;
	enum blk_status st;

	if (plain == NULL)
		return fault_nomem(why);
	st = segment_unpack(codecs, f, bytes + f->offset, plain, why);
	if (st == BLK_OK)
		st = hasher_of(hash, plain + o->offset, o->length, &found, why);
	if (st == BLK_OK && !digest_equal(&found, &o->id))
		st = fault(why, BLK_CORRUPT, "a record does not match its id");
	if (st == BLK_OK)
		st = buf_add(b, plain + o->offset, o->length, why);
	free(plain);
	return st;
}

static enum blk_status
fetch_piece(
    void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	struct record_reader *r = arg;
	int64_t at = segment_find(r->file->table, id, KIND_PIECE);

	if (at >= 0) {
		r->used[at] = true;
		return log_object(
		    r->file, (uint32_t)at, r->codecs, r->hash, b, why);
	}
	if (r->elsewhere != NULL)
		return r->elsewhere(r->arg, id, b, why);
	return fault(why, BLK_CORRUPT, "a piece of a record is missing");
}

struct record_sink {
	struct record_reader *reader;
	log_line *line;
	void *arg;
};

static enum blk_status
sink_fetch(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	return fetch_piece(((struct record_sink *)arg)->reader, id, b, why);
}

static enum blk_status
sink_line(void *arg, struct span line, struct fault *why)
{
	struct record_sink *s = arg;

	return s->line(s->arg, line, why);
}

enum blk_status
log_record_lines(const struct log_file *file, log_fetch *elsewhere,
    log_line *line, void *arg, bool *carries, struct fault *why)
{
	const struct segment_table *t = file->table;
	struct record_reader r = {
		.file = file, .elsewhere = elsewhere, .arg = arg
	};
	struct record_sink sink = { &r, line, arg };
	struct structure_reader reader = {
		.fetch = sink_fetch, .line = sink_line, .arg = &sink
	};
	struct buf head = BUF_INIT(SEGMENT_FRAME_MAX);
	enum blk_status st;

	if (t->objects == 0 || t->object[0].kind != KIND_RECORD)
		return fault(why, BLK_CORRUPT, "no record at its start");
	r.used = calloc(t->objects, sizeof(*r.used));
	if (r.used == NULL)
		return fault_nomem(why);
	st = codec_state_new(&r.codecs, why);
	if (st == BLK_OK)
		st = hasher_new(&r.hash, why);
	if (st == BLK_OK)
		st = log_object(file, 0, r.codecs, r.hash, &head, why);
	if (st == BLK_OK)
		st = structure_read(&reader, span_of(head.data, head.len), why);
	*carries = false;
	for (uint32_t i = 1; i < t->objects; i++)
		*carries = *carries || !r.used[i];
	buf_release(&head);
	hasher_free(r.hash);
	codec_state_free(r.codecs);
	free(r.used);
	return st;
}

static enum blk_status
add_line(void *arg, struct span line, struct fault *why)
{
	enum blk_status st = buf_add(arg, line.p, line.len, why);

	return st == BLK_OK ? buf_add(arg, "\n", 1, why) : st;
}

enum blk_status
log_parse(const void *file, size_t len, uint64_t number,
    const uint8_t store[16], struct commit *c, struct fault *why)
{
	struct segment_origin origin;
	enum blk_status st;

	st = segment_parse(file, len, store, &c->table, why);
	if (st == BLK_OK)
		st = log_record_lines(&(struct log_file){ file, &c->table },
		    NULL, add_line, &c->text, &c->carries, why);
	if (st == BLK_OK)
		st = commit_parse(span_of(c->text.data, c->text.len), c, why);
	if (st == BLK_OK && c->number != number)
		st = fault(why, BLK_CORRUPT, "it says number %ju",
		    (uintmax_t)c->number);
	if (st == BLK_OK)
		st = segment_header(file, len, store, &origin, why);
	if (st == BLK_OK &&
	    memcmp(origin.session, c->session, sizeof(c->session)) != 0)
		st =
		    fault(why, BLK_CORRUPT, "its header names another session");
	if (st == BLK_OK)
		st = digest_of(file, len, &c->hash, why);
	if (st != BLK_OK)
		return st;
	c->bytes = len;
	memcpy(c->tail, (const uint8_t *)file + len - SEGMENT_TRAILER,
	    sizeof(c->tail));
	return BLK_OK;
}

enum blk_status
log_read(struct backend *b, uint64_t number, const uint8_t store[16],
    struct commit *c, struct fault *why)
{
	char key[LOG_KEY_MAX];
	enum blk_status st;
	void *file = NULL;
	size_t len;

	*c = (struct commit)COMMIT_NONE;
	log_key(number, key);
	st = backend_get_all(b, key, LOG_COMMIT_MAX, &file, &len, why);
	if (st == BLK_INVALID)
		st = fault_in(why, BLK_CORRUPT, "%s", key);
	if (st != BLK_OK)
		return st;
	st = log_parse(file, len, number, store, c, why);
	free(file);
	return st == BLK_OK ? st : fault_in(why, st, "%s", key);
}

/* --- writing --- */

/* Is what stands at key byte for byte ours? */
static enum blk_status
is_ours(struct backend *b, const char *key, const struct digest *hash,
    bool *ours, struct fault *why)
{
	struct digest found;
	enum blk_status st;
	void *file = NULL;
	size_t len;

	*ours = false;
	st = backend_get_all(b, key, LOG_COMMIT_MAX, &file, &len, why);
	if (st == BLK_OK)
		st = digest_of(file, len, &found, why);
	if (st == BLK_OK)
		*ours = digest_equal(&found, hash);
	free(file);
	return st == BLK_INVALID ? BLK_OK : st;
}

enum blk_status
log_publish(struct backend *b, uint64_t number, const void *file, size_t len,
    const struct digest *hash, bool *won, struct fault *why)
{
	union {
		const void *in;
		void *out;
	} bytes = { file };
	const struct iovec part = { .iov_base = bytes.out, .iov_len = len };
	enum backend_outcome outcome;
	char key[LOG_KEY_MAX];
	enum blk_status st;

	*won = false;
	log_key(number, key);
	st = backend_put_exclusive(b, key, &part, 1, &outcome, why);
	if (st != BLK_OK)
		return st;
	*won = outcome == BACKEND_MADE;
	if (outcome == BACKEND_MADE)
		return BLK_OK;
	/* Somebody was first, or an answer was lost and it was ourselves. */
	st = is_ours(b, key, hash, won, why);
	if (st == BLK_ABSENT)
		return fault(why, BLK_FAILED, "%s: outcome unknown", key);
	if (st != BLK_OK)
		return fault_in(why, BLK_FAILED, "outcome unknown");
	return BLK_OK;
}

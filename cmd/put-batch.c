/*
 * --batch: requests on standard input, each answered on standard output.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "input.h"
#include "put-pending.h"
#include "put.h"
#include "reader.h"
#include "text.h"

#define OUT_BUFFER ((size_t)256 << 10)

struct batch {
	struct put *p;
	struct input in;
	struct pending pending;
	char end; /* of lines, both ways */
};

/* --- answers --- */

static enum blk_status
say(struct batch *b, const void *data, size_t len, struct fault *why)
{
	(void)b;
	/* The bytes of an empty object may be nowhere. */
	if (len > 0 && fwrite_unlocked(data, 1, len, stdout) != len)
		return fault_sys(why, "standard output");
	return BLK_OK;
}

static enum blk_status
say_end(struct batch *b, struct fault *why)
{
	return say(b, &b->end, 1, why);
}

static enum blk_status
say_id(struct batch *b, const struct digest *id, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	hex[DIGEST_HEX - 1] = b->end;
	return say(b, hex, DIGEST_HEX, why);
}

static enum blk_status
say_missing(struct batch *b, const char *ref, struct fault *why)
{
	enum blk_status st = say(b, ref, strlen(ref), why);

	if (st == BLK_OK)
		st = say(b, " missing", 8, why);
	return st == BLK_OK ? say_end(b, why) : st;
}

/* Whoever asks waits for the answers before the next request. */
static enum blk_status
flush(void *arg, struct fault *why)
{
	(void)arg;
	return fflush(stdout) == 0 ? BLK_OK : fault_sys(why, "standard output");
}

/* --- commit and abort --- */

static enum blk_status
give_up(struct batch *b, struct fault *why)
{
	pending_clear(&b->pending);
	return writer_abort(b->p->w, why);
}

static enum blk_status
commit(struct batch *b, uint64_t *number, struct fault *why)
{
	struct put *p = b->p;
	struct versions_plan plan = { .wish = &p->r->wish,
		.add = b->pending.add,
		.adds = b->pending.adds,
		.drop = b->pending.drop,
		.drops = b->pending.drops };
	struct store_outcome out = { .number = 0 };
	enum blk_status st;

	*number = 0;
	if (p->c->common.dry_run)
		st = give_up(b, why);
	else
		st = writer_commit(p->w, versions_decide, &plan, &out, why);
	if (st == BLK_OK)
		pending_clear(&b->pending);
	p->committed_ms = file_clock_ms();
	*number = out.number;
	return st;
}

/* Answers with the head where there was nothing to say. */
static enum blk_status
request_commit(struct batch *b, struct fault *why)
{
	struct catalog *c = store_catalog(b->p->opened.store);
	struct catalog_head head = { .number = 0 };
	char text[64];
	uint64_t number;
	enum blk_status st = commit(b, &number, why);
	int len;

	if (st == BLK_OK && number == 0)
		st = c->type->head_get(c, &head, why);
	if (st != BLK_OK)
		return st;
	len = snprintf(text, sizeof(text), "committed %ju%c",
	    (uintmax_t)(number != 0 ? number : head.number), b->end);
	return say(b, text, (size_t)len, why);
}

static enum blk_status
request_abort(struct batch *b, struct fault *why)
{
	enum blk_status st = give_up(b, why);

	if (st == BLK_OK)
		st = say(b, "aborted", 7, why);
	return st == BLK_OK ? say_end(b, why) : st;
}

/* A batch that is not atomic commits when much has come together. */
static enum blk_status
commit_if_due(struct batch *b, struct fault *why)
{
	const struct put_every *e = &b->p->r->every;
	const struct pending *n = &b->pending;
	size_t waiting = n->adds + n->drops;
	uint64_t number;

	if (b->p->r->atomic || waiting == 0)
		return BLK_OK;
	if (waiting < PUT_COMMIT_MAX &&
	    (e->objects == 0 || waiting < e->objects) &&
	    (e->bytes == 0 || n->bytes < e->bytes) &&
	    (e->ms == 0 || file_clock_ms() - b->p->committed_ms < e->ms))
		return BLK_OK;
	return commit(b, &number, why);
}

/* --- put --- */

static enum blk_status
bad_line(struct batch *b, const char *what, struct fault *why)
{
	return fault(why, BLK_INVALID, "standard input: request %ju: %s",
	    (uintmax_t)b->in.line, what);
}

static enum blk_status
bad_name(struct batch *b, struct fault *why)
{
	return fault_in(why, BLK_INVALID, "standard input: request %ju",
	    (uintmax_t)b->in.line);
}

/* More bytes than fit at once. */
static enum blk_status
take_stream(
    struct batch *b, uint64_t size, struct digest *id, struct fault *why)
{
	struct lane *lane = b->p->lane;
	const char *data;
	enum blk_status st = lane_begin(lane, why);

	while (st == BLK_OK && size > 0) {
		size_t len = size < PUT_BLOCK ? (size_t)size : PUT_BLOCK;

		st = input_take(&b->in, len, &data, why);
		if (st == BLK_OK)
			st = lane_add(lane, data, len, why);
		size -= len;
	}
	return st == BLK_OK ? lane_end(lane, id, &size, why) : st;
}

static enum blk_status
take_bytes(struct batch *b, uint64_t size, struct digest *id, struct fault *why)
{
	const char *data;
	enum blk_status st;

	if (size > INPUT_TAKE_MAX) {
		st = take_stream(b, size, id, why);
	} else {
		st = input_take(&b->in, (size_t)size, &data, why);
		if (st == BLK_OK)
			st = lane_put(b->p->lane, data, (size_t)size, id, why);
	}
	if (st == BLK_OK)
		st = input_take(&b->in, 1, &data, why);
	if (st == BLK_ABSENT)
		return bad_line(b, "the input ends before its bytes do", why);
	if (st == BLK_OK && *data != b->end)
		return bad_line(
		    b, "its bytes do not end where they should", why);
	return st;
}

/* "SIZE" or "SIZE NAME" */
static enum blk_status
request_put(struct batch *b, char *line, struct fault *why)
{
	struct lookup l = { .class = CLASS_CONTENT };
	char *name = strchr(line, ' ');
	size_t digits = name != NULL ? (size_t)(name - line) : strlen(line);
	enum blk_status st;

	if (!text_u64(span_of(line, digits), &l.size))
		return bad_line(b, "is no request", why);
	if (name != NULL) {
		name = strdup(name + 1); /* the line goes with the bytes */
		if (name == NULL)
			return fault_nomem(why);
		st = version_check_name(span_str(name), why);
		if (st != BLK_OK) {
			free(name);
			return bad_name(b, why);
		}
	}
	st = take_bytes(b, l.size, &l.id, why);
	if (st == BLK_OK)
		st = pending_add(&b->pending, name, &l, why);
	if (st == BLK_OK)
		st = say_id(b, &l.id, why);
	progress_files(b->p->progress, 1);
	progress_bytes(b->p->progress, l.size);
	free(name);
	return st;
}

/* --- get, rm, ref --- */

/* What others committed meanwhile counts where something is not found. */
static enum blk_status
find(struct batch *b, const char *ref, struct pending_target *t,
    struct fault *why)
{
	enum blk_status st = pending_find(&b->pending, ref, t, why);

	if (st == BLK_ABSENT)
		st = store_sync(b->p->opened.store, why);
	else
		return st;
	return st == BLK_OK ? pending_find(&b->pending, ref, t, why) : st;
}

static enum blk_status
say_header(
    struct batch *b, const struct digest *id, uint64_t size, struct fault *why)
{
	char hex[DIGEST_HEX], text[DIGEST_HEX + 32];
	int len;

	digest_hex(id, hex);
	len = snprintf(
	    text, sizeof(text), "%s %ju%c", hex, (uintmax_t)size, b->end);
	return say(b, text, (size_t)len, why);
}

static enum blk_status
sink(void *arg, const void *data, size_t len, struct fault *why)
{
	return say(arg, data, len, why);
}

/* What is not committed is read from the writer. */
static enum blk_status
say_fresh(struct batch *b, const struct lookup *l, struct fault *why)
{
	struct buf bytes = BUF_INIT((size_t)b->p->c->common.max_memory);
	struct digest found;
	enum blk_status st;

	st = writer_peek(b->p->w, &l->id, CLASS_CONTENT, &bytes, why);
	if (st == BLK_OK)
		st = hasher_of(
		    b->pending.hash, bytes.data, bytes.len, &found, why);
	if (st == BLK_OK && !digest_equal(&found, &l->id))
		st = BLK_ABSENT; /* there may be a better copy */
	if (st == BLK_OK)
		st = say_header(b, &l->id, bytes.len, why);
	if (st == BLK_OK)
		st = say(b, bytes.data, bytes.len, why);
	buf_release(&bytes);
	return st;
}

static enum blk_status
say_content(struct batch *b, const struct lookup *l, struct fault *why)
{
	enum blk_status st = say_fresh(b, l, why);

	if (st != BLK_ABSENT)
		return st;
	st = say_header(b, &l->id, l->size, why);
	if (st == BLK_OK)
		st = reader_content(b->p->opened.store, &l->id, 0, READER_ALL,
		    b->p->c->common.jobs, sink, b, why);
	/* after its header nothing but its bytes may come */
	return st == BLK_ABSENT
	    ? fault(why, BLK_CORRUPT, "what was there is gone")
	    : st;
}

static enum blk_status
request_get(struct batch *b, const char *ref, struct fault *why)
{
	struct pending_target t;
	enum blk_status st = find(b, ref, &t, why);

	if (st == BLK_ABSENT || st == BLK_INVALID ||
	    (st == BLK_OK && t.l.class != CLASS_CONTENT))
		return say_missing(b, ref, why);
	if (st == BLK_OK)
		st = say_content(b, &t.l, why);
	return st == BLK_OK ? say_end(b, why) : st;
}

static enum blk_status
request_rm(struct batch *b, const char *ref, struct fault *why)
{
	struct pending_target t;
	enum blk_status st = find(b, ref, &t, why);

	if (st == BLK_OK)
		st = pending_drop(&b->pending, &t, why);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		return say_missing(b, ref, why);
	return st == BLK_OK ? say_id(b, &t.l.id, why) : st;
}

/* "NAME REF" */
static enum blk_status
request_ref(struct batch *b, char *line, struct fault *why)
{
	struct pending_target t;
	char *ref = strrchr(line, ' ');
	enum blk_status st;

	if (ref == NULL)
		return bad_line(b, "'ref' needs NAME and REF", why);
	*ref++ = '\0';
	st = version_check_name(span_str(line), why);
	if (st != BLK_OK)
		return bad_name(b, why);
	st = find(b, ref, &t, why);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		return say_missing(b, ref, why);
	if (st == BLK_OK)
		st = pending_add(&b->pending, line, &t.l, why);
	return st == BLK_OK ? say_id(b, &t.l.id, why) : st;
}

/* --- requests --- */

/* What stands behind the word, or NULL if the line begins otherwise. */
static char *
behind(char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 && line[len] == ' '
	    ? line + len + 1
	    : NULL;
}

static enum blk_status
serve_one(struct batch *b, char *line, struct fault *why)
{
	char *rest;

	if (line[0] >= '0' && line[0] <= '9')
		return request_put(b, line, why);
	if ((rest = behind(line, "get")) != NULL)
		return request_get(b, rest, why);
	if ((rest = behind(line, "rm")) != NULL)
		return request_rm(b, rest, why);
	if ((rest = behind(line, "ref")) != NULL)
		return request_ref(b, rest, why);
	if (strcmp(line, "commit") == 0)
		return request_commit(b, why);
	if (strcmp(line, "abort") == 0)
		return request_abort(b, why);
	return bad_line(b, "is no request", why);
}

static enum blk_status
serve(struct batch *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	uint64_t number;
	char *line;

	while (
	    st == BLK_OK && (st = input_line(&b->in, &line, why)) == BLK_OK) {
		st = serve_one(b, line, why);
		if (st == BLK_OK)
			st = commit_if_due(b, why);
		if (cli_stop_requested(NULL))
			return fault(why, BLK_FAILED, "interrupted");
	}
	if (st != BLK_ABSENT)
		return st;
	return b->p->r->atomic ? give_up(b, why) : commit(b, &number, why);
}

int
put_batch(struct put *p)
{
	struct batch b = { .p = p, .end = p->c->common.null ? '\0' : '\n' };
	struct fault why = FAULT_NONE;
	enum blk_status st;

	setvbuf(stdout, NULL, _IOFBF, OUT_BUFFER);
	st = pending_init(&b.pending, p->opened.store, &why);
	if (st == BLK_OK)
		st = input_init(
		    &b.in, STDIN_FILENO, "standard input", b.end, &why);
	b.in.unit = "request"; /* bytes lie between them */
	b.in.idle = flush;
	if (st == BLK_OK)
		st = serve(&b, &why);
	input_release(&b.in);
	pending_release(&b.pending);
	if (st == BLK_OK)
		return EXIT_DONE;
	if (cli_stop_requested(NULL))
		return EXIT_FAILED; /* cli_end dies of the signal */
	return cli_fail(p->c, st, &why);
}

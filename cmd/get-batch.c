/*
 * --batch and --batch-check: a REF a line, answered each.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "get.h"
#include "input.h"

#define OUT_BUFFER ((size_t)256 << 10)
#define HELD 1000 /* requests answered from one state of the catalog */
#define SMALL ((size_t)4 << 20) /* read whole before its header is written */

struct batch {
	struct get *g;
	struct input in;
	struct buf bytes;
	uint64_t left; /* of a large object, to be written */
	bool stale;    /* the input was waited for since the last sync */
	unsigned held; /* requests that the catalog is held for yet */
	char end;
};

static enum blk_status
say(const void *data, size_t len, struct fault *why)
{
	/* Nothing may come without a place. */
	if (len > 0 && fwrite_unlocked(data, 1, len, stdout) != len)
		return fault_sys(why, "standard output");
	return BLK_OK;
}

/* Whoever asks waits for the answers before the next request. */
static enum blk_status
idle(void *arg, struct fault *why)
{
	struct batch *b = arg;

	b->stale = true;
	catalog_release(store_catalog(b->g->opened.store));
	return fflush(stdout) == 0 ? BLK_OK : fault_sys(why, "standard output");
}

static enum blk_status
say_missing(struct batch *b, const char *ref, struct fault *why)
{
	enum blk_status st = say(ref, strlen(ref), why);

	if (st == BLK_OK)
		st = say(" missing", 8, why);
	return st == BLK_OK ? say(&b->end, 1, why) : st;
}

/* snprintf would be what takes longest. */
static enum blk_status
say_header(
    struct batch *b, const struct digest *id, uint64_t size, struct fault *why)
{
	char text[DIGEST_HEX + 24], digits[20];
	size_t len = DIGEST_HEX - 1, n = 0;

	digest_hex(id, text);
	text[len++] = ' ';
	do
		digits[n++] = (char)('0' + size % 10);
	while ((size /= 10) > 0);
	while (n > 0)
		text[len++] = digits[--n];
	text[len++] = b->end;
	return say(text, len, why);
}

static enum blk_status
collect(void *arg, const void *data, size_t len, struct fault *why)
{
	return buf_add(arg, data, len, why);
}

static enum blk_status
pass_on(void *arg, const void *data, size_t len, struct fault *why)
{
	struct batch *b = arg;

	if (len > b->left)
		return fault(why, BLK_CORRUPT, "is longer than was said");
	b->left -= len;
	return say(data, len, why);
}

/* Its header goes out before all of it is verified. */
static enum blk_status
say_large(struct batch *b, const struct lookup *l, struct fault *why)
{
	struct get *g = b->g;
	enum blk_status st = say_header(b, &l->id, l->size, why);

	b->left = l->size;
	if (st == BLK_OK)
		st = reader_content(g->opened.store, &l->id, 0, READER_ALL,
		    g->c->common.jobs, pass_on, b, why);
	if (st == BLK_OK && b->left > 0)
		st = fault(why, BLK_CORRUPT, "is shorter than was said");
	/* after its header nothing but its bytes may come */
	return st == BLK_ABSENT
	    ? fault(why, BLK_FAILED, "was removed meanwhile")
	    : st;
}

static enum blk_status
say_small(struct batch *b, const struct lookup *l, struct fault *why)
{
	struct store *s = b->g->opened.store;
	enum blk_status st;

	b->bytes.len = 0;
	st = reader_content(
	    s, &l->id, 0, READER_ALL, 1, collect, &b->bytes, why);
	if (st == BLK_OK)
		st = say_header(b, &l->id, b->bytes.len, why);
	return st == BLK_OK ? say(b->bytes.data, b->bytes.len, why) : st;
}

static enum blk_status
answer(struct batch *b, const char *ref, struct fault *why)
{
	struct store *s = b->g->opened.store;
	struct lookup l;
	enum blk_status st = lookup_ref(s, ref, &l, why);

	if (st == BLK_OK && l.class != CLASS_CONTENT)
		return say_missing(b, ref, why);
	if (st == BLK_OK && b->g->r->check)
		return say_header(b, &l.id, l.size, why);
	if (st == BLK_OK)
		st = l.size <= SMALL ? say_small(b, &l, why)
		                     : say_large(b, &l, why);
	if (st == BLK_ABSENT || st == BLK_INVALID)
		return say_missing(b, ref, why);
	if (st != BLK_OK)
		return fault_in(why, st, "%s", ref);
	progress_files(b->g->progress, 1);
	progress_bytes(b->g->progress, l.size);
	return say(&b->end, 1, why);
}

/*
 * What others committed while the input was waited for counts.  Then many
 * requests are answered from one state of the catalog, which costs less.
 */
static enum blk_status
refresh(struct batch *b, struct fault *why)
{
	struct catalog *c = store_catalog(b->g->opened.store);
	struct fault ignored = FAULT_NONE;
	enum blk_status st = BLK_OK;

	if (b->held-- > 0 && !b->stale)
		return BLK_OK;
	catalog_release(c);
	if (b->stale)
		st = store_sync(b->g->opened.store, why);
	b->stale = false;
	b->held = HELD;
	/* Where it fails each look at the catalog costs more, that is all. */
	if (st == BLK_OK && catalog_hold(c, &ignored) != BLK_OK)
		ignored = (struct fault)FAULT_NONE;
	return st;
}

static enum blk_status
serve(struct batch *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char *ref;

	while (st == BLK_OK && (st = input_line(&b->in, &ref, why)) == BLK_OK) {
		st = refresh(b, why);
		if (st == BLK_OK)
			st = answer(b, ref, why);
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

int
get_batch(struct get *g)
{
	struct batch b = { .g = g,
		.bytes = BUF_INIT(SMALL),
		.end = g->c->common.null ? '\0' : '\n' };
	struct fault why = FAULT_NONE;
	enum blk_status st;

	setvbuf(stdout, NULL, _IOFBF, OUT_BUFFER);
	g->progress = cli_progress(g->c);
	st = input_init(&b.in, STDIN_FILENO, "standard input", b.end, &why);
	b.in.idle = idle;
	b.in.arg = &b;
	if (st == BLK_OK)
		st = serve(&b, &why);
	catalog_release(store_catalog(g->opened.store));
	input_release(&b.in);
	buf_release(&b.bytes);
	return st == BLK_OK ? EXIT_DONE : cli_fail(g->c, st, &why);
}

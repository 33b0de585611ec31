/*
 * Any text is refused, or walked; the lines of a list are spelt as they would
 * be written; and a text that is cut is read again.  The first byte says of
 * which kind the text is.
 */
#include "structure.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool so)
{
	if (!so)
		abort();
}

/* Write a reference of a list again; all of them are the whole text. */
static enum blk_status
write_again(void *arg, const struct reference *r, struct fault *why)
{
	if (r->class == CLASS_PIECE)
		return structure_add_piece(arg, &r->id, r->lines, r->size, why);
	must(r->class == CLASS_DATA);
	return structure_add_data(arg, &r->id, r->size, why);
}

static enum blk_status
look(void *arg, const struct reference *r, struct fault *why)
{
	unsigned *seen = arg;

	(void)why;
	must(r->class < CLASSES);
	++*seen;
	return BLK_OK;
}

static enum blk_status
no_piece(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	(void)arg;
	(void)id;
	return buf_add(b, "p", 1, why);
}

static enum blk_status
add_line(void *arg, struct span line, struct fault *why)
{
	enum blk_status st = buf_add(arg, line.p, line.len, why);

	return st == BLK_OK ? buf_add_u8(arg, '\n', why) : st;
}

static void
read_again(struct span text)
{
	struct buf b = BUF_INIT((size_t)1 << 20);
	struct structure_reader r = {
		.fetch = no_piece, .line = add_line, .arg = &b
	};
	struct fault why;

	if (structure_read(&r, text, &why) == BLK_OK) {
		must(b.len == text.len);
		must(b.len == 0 || memcmp(b.data, text.p, b.len) == 0);
	}
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT((size_t)1 << 20);
	struct span text;
	struct fault why;
	unsigned seen = 0;
	enum kind kind;

	if (size == 0 || size > 65536)
		return 0;
	kind = data[0] % 8;
	text = span_of(data + 1, size - 1);
	if (kind < KIND_LIST)
		kind = KIND_LIST;
	if (kind != KIND_LIST) {
		(void)!structure_walk(kind, text, look, &seen, &why);
	} else if (structure_walk(kind, text, write_again, &b, &why) ==
	    BLK_OK) {
		must(b.len == text.len);
		must(memcmp(b.data, text.p, b.len) == 0);
	}
	read_again(text);
	buf_release(&b);
	return 0;
}

/*
 * Any text is refused, or is read the same when it is written again; without
 * unknown lines the bytes are the same as well.
 */
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(struct span text, struct buf *b)
{
	struct fault why = FAULT_NONE;
	struct snapshot s;
	bool same = false;

	if (snapshot_parse(text, &s, &why) != BLK_OK)
		return;
	if (snapshot_format(&s, b, &why) != BLK_OK)
		abort();
	same = span_equal(text, span_of(b->data, b->len));
	if (!same && (s.extra.count == 0 || b->len != text.len))
		abort();
	snapshot_release(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(8 << 20), c = BUF_INIT(8 << 20);

	again(span_of(data, size), &b);
	if (b.len > 0) {
		again(span_of(b.data, b.len), &c);
		if (!span_equal(span_of(b.data, b.len), span_of(c.data, c.len)))
			abort();
	}
	buf_release(&b);
	buf_release(&c);
	return 0;
}

/* Any text is refused, or is what its entry is written as. */
#include <stdlib.h>
#include <string.h>

#include "tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one_line(struct span line, struct tree_scratch *s, struct buf *b)
{
	struct fault why = FAULT_NONE;
	struct tree_entry e;

	b->len = 0;
	if (tree_parse(line, s, &e, &why) != BLK_OK)
		return;
	if (tree_format(&e, b, &why) != BLK_OK || b->len != line.len + 1 ||
	    memcmp(b->data, line.p, line.len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree_scratch s = TREE_SCRATCH_INIT;
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	struct span rest = span_of(data, size), line;
	struct fault why = FAULT_NONE;
	bool bad = false;

	while (text_line(&rest, &line, &bad))
		one_line(line, &s, &b);
	b.len = 0;
	if (tree_acl_of_xattr(data, size, true, &b, &why) == BLK_OK &&
	    !tree_acl_check(span_of(b.data, b.len), true))
		abort();
	buf_release(&b);
	tree_scratch_release(&s);
	return 0;
}

/*
 * Any text is refused, or is what is written of the version that it tells of,
 * but for lines that begin with x-; and a walk finds its references.
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

static enum blk_status
count(void *arg, const struct reference *r, struct fault *why)
{
	(void)r;
	(void)why;
	++*(size_t *)arg;
	return BLK_OK;
}

/* The text without its x- lines. */
static void
known_lines(struct span text, struct buf *b)
{
	struct fault why;
	struct span line;
	bool bad = false;

	while (text_line(&text, &line, &bad)) {
		if (span_starts(line, "x-"))
			continue;
		must(buf_add(b, line.p, line.len, &why) == BLK_OK);
		must(buf_add_u8(b, '\n', &why) == BLK_OK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct buf known = BUF_INIT((size_t)1 << 20);
	struct buf again = BUF_INIT((size_t)1 << 20);
	struct version v;
	size_t references = 0;
	struct fault why;

	if (size > 65536 || version_parse(text, &v, &why) != BLK_OK)
		return 0;
	must(version_format(&v, &again, &why) == BLK_OK);
	known_lines(text, &known);
	must(known.len == again.len);
	must(memcmp(known.data, again.data, known.len) == 0);
	must(structure_walk(KIND_VERSION, text, count, &references, &why) ==
	    BLK_OK);
	must(references == 1 + v.links);
	version_release(&v);
	buf_release(&known);
	buf_release(&again);
	return 0;
}

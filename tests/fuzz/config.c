/*
 * Any text is refused, or is what is written of the config that it tells of;
 * and commit 0 carries all of it.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool so)
{
	if (!so)
		abort();
}

static void
is_written(const struct store_config *s, struct span text)
{
	struct buf b = BUF_INIT(65536);
	struct fault why;

	must(config_format(s, &b, &why) == BLK_OK);
	must(span_equal(text, span_of(b.data, b.len)));
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct commit c = COMMIT_NONE;
	struct store_config s, again;
	struct fault why = FAULT_NONE;

	if (config_parse(text, &s, &why) != BLK_OK) {
		must(why.text[0] != '\0');
		return 0;
	}
	is_written(&s, text);
	must(config_to_commit(&s, &c, &why) == BLK_OK);
	must(config_of_commit(&c, &again, &why) == BLK_OK);
	is_written(&again, text);
	commit_release(&c);
	return 0;
}

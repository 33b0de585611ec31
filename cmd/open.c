#include "open.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
warn(void *arg, const char *text)
{
	cli_warn(arg, "%s", text);
}

enum blk_status
open_store(struct cli *c, bool create, const struct store_config *made_as,
    struct opened *o, struct fault *why)
{
	const struct store_options options = {
		.url = cli_store(c),
		.index_dir = c->common.index,
		.cache_dir = cli_cache(c),
		.host = o->host,
		.program = o->program,
		.lock_wait_ms = c->common.lock_wait < INT_MAX
		    ? (int)c->common.lock_wait
		    : INT_MAX,
		.max_memory = c->common.max_memory,
		.create = create,
		.made_as = made_as,
		.warn = warn,
		.arg = c,
	};
	enum blk_status st;

	if (gethostname(o->host, sizeof(o->host)) != 0 || o->host[0] == '\0')
		strcpy(o->host, "unknown");
	o->host[sizeof(o->host) - 1] = '\0';
	snprintf(o->program, sizeof(o->program), "%s %s", c->command->name,
	    BLK_VERSION);
	st = store_open(&options, &o->store, why);
	if (st == BLK_OK)
		pause_arm(&o->pause, store_backend(o->store));
	return st;
}

void
open_close(struct opened *o)
{
	store_close(o->store);
	o->store = NULL;
}

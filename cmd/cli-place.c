#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * ${variable:-HOME/below}/blk from malloc, or NULL without HOME.  A relative
 * path in an XDG variable is to be ignored, says the specification.
 */
static char *
xdg_place(const struct cli *c, const char *variable, const char *below)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	char *path = NULL;
	int n;

	if (base != NULL && base[0] == '/')
		n = asprintf(&path, "%s/blk", base);
	else if (home != NULL && home[0] == '/')
		n = asprintf(&path, "%s/%s/blk", home, below);
	else
		return NULL;
	if (n < 0)
		exit(cli_error(c, EXIT_FAILED, "out of memory"));
	return path;
}

const char *
cli_store(struct cli *c)
{
	if (c->common.store != NULL)
		return c->common.store;
	if (c->store == NULL)
		c->store = xdg_place(c, "XDG_DATA_HOME", ".local/share");
	if (c->store == NULL)
		cli_usage(c, "which store? give --store, BLK_STORE or HOME");
	return c->store;
}

bool
cli_store_is_default(const struct cli *c)
{
	return c->common.store == NULL;
}

enum blk_status
cli_no_store(const char *url, struct fault *why)
{
	return fault(
	    why, BLK_ABSENT, "%s: no such store (blk-init makes one)", url);
}

const char *
cli_cache(struct cli *c)
{
	if (c->cache == NULL)
		c->cache = xdg_place(c, "XDG_CACHE_HOME", ".cache");
	return c->cache;
}

/* Does the terminal, if fd is one, understand more than text? */
static bool
is_able_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool
cli_color(const struct cli *c, int fd)
{
	const char *no = getenv("NO_COLOR");

	if (c->common.color != CLI_AUTO)
		return c->common.color == CLI_ALWAYS;
	return (no == NULL || *no == '\0') && is_able_terminal(fd);
}

struct output_options
cli_output(const struct cli *c)
{
	return (struct output_options){
		.file = stdout,
		.json = c->common.json,
		.null = c->common.null,
		.color = cli_color(c, STDOUT_FILENO),
		.terminal = isatty(STDOUT_FILENO) != 0,
	};
}

void
cli_binary(const struct cli *c, bool insisted)
{
	if (!insisted && isatty(STDOUT_FILENO))
		cli_usage(c,
		    "not writing binary data to a terminal; "
		    "use -o FILE, or -o - to insist");
}

static enum progress_mode
progress_mode(const struct cli *c)
{
	const struct cli_common *m = &c->common;

	if (m->progress == CLI_NEVER ||
	    (m->progress == CLI_AUTO && (m->quiet || m->json)))
		return PROGRESS_SILENT;
	if (m->json)
		return PROGRESS_JSON;
	if (is_able_terminal(STDERR_FILENO))
		return PROGRESS_BAR;
	return m->progress == CLI_ALWAYS ? PROGRESS_LINES : PROGRESS_SILENT;
}

struct progress *
cli_progress(struct cli *c)
{
	struct fault why = FAULT_NONE;

	/* no reason not to do the work */
	if (progress_start(&c->progress, progress_mode(c), &why) != BLK_OK)
		cli_warn(c, "no progress will be shown: %s", why.text);
	return &c->progress;
}

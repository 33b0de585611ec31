#include "cli.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cli-parts.h"
#include "when.h"

#define JOBS_MAX 1024

const struct cli_shared cli_shared[] = {
	{ CLI_STORE,
	    { 's', "store", "STORE",
	        "the store to use (default: BLK_STORE, else "
	        "~/.local/share/blk)",
	        false } },
	{ CLI_DRY_RUN,
	    { 'n', "dry-run", NULL, "change nothing, say what would be done",
	        false } },
	{ CLI_OUTPUT,
	    { '0', "null", NULL, "NUL instead of newline, in and out",
	        false } },
	{ CLI_OUTPUT,
	    { CLI_ID_JSON, "json", NULL, "print JSON Lines", false } },
	{ CLI_OUTPUT,
	    { CLI_ID_COLOR, "color", "auto|always|never",
	        "colour the output (auto: on a terminal)", false } },
	{ CLI_PROGRESS,
	    { CLI_ID_PROGRESS, "progress", NULL,
	        "show progress even if stderr is no terminal", false } },
	{ CLI_PROGRESS,
	    { CLI_ID_NO_PROGRESS, "no-progress", NULL, "show no progress",
	        false } },
	{ CLI_WAIT,
	    { CLI_ID_LOCK_WAIT, "lock-wait", "DURATION",
	        "wait so long for a busy store (default: 60s)", false } },
	{ CLI_WORK,
	    { 'j', "jobs", "N", "use N threads (default: one a core)",
	        false } },
	{ CLI_WORK,
	    { CLI_ID_MAX_MEMORY, "max-memory", "SIZE",
	        "use about that much memory (default: 256M)", false } },
	{ 0,
	    { 'q', "quiet", NULL, "print nothing but errors to stderr",
	        false } },
	{ 0, { 'v', "verbose", NULL, "say more; may be repeated", false } },
	{ 0, { 'h', "help", NULL, "print this help and exit", false } },
	{ 0, { 'V', "version", NULL, "print the version and exit", false } },
	{ 0, { 0, NULL, NULL, NULL, false } },
};

uint64_t
cli_size(const struct cli *c, const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	uint64_t size = 0;

	if (when_size(arg, &size, &why) != BLK_OK)
		cli_usage(c, "--%s: %s", option, why.text);
	return size;
}

uint64_t
cli_number(const struct cli *c, const char *option, const char *arg,
    uint64_t min, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || errno != 0 ||
	    n < min || n > max)
		cli_usage(c, "--%s: '%s' is not a number from %llu to %llu",
		    option, arg, (unsigned long long)min,
		    (unsigned long long)max);
	return n;
}

static uint64_t
lock_wait(const struct cli *c, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct when_span s = { 0, 0, 0 };

	if (when_duration(arg, &s, &why) != BLK_OK)
		cli_usage(c, "--lock-wait: %s", why.text);
	/* at most 10 000 years of each: below 2^60 */
	return (uint64_t)(s.seconds + 86400 * (s.days + 30 * s.months)) * 1000;
}

static uint64_t
max_memory(const struct cli *c, const char *arg)
{
	uint64_t size = cli_size(c, "max-memory", arg);

	if (size == 0)
		cli_usage(c, "--max-memory: '%s' is too little", arg);
	return size;
}

static enum cli_choice
color_choice(const struct cli *c, const char *arg)
{
	if (strcmp(arg, "auto") == 0)
		return CLI_AUTO;
	if (strcmp(arg, "always") == 0)
		return CLI_ALWAYS;
	if (strcmp(arg, "never") != 0)
		cli_usage(c, "--color: '%s' is not auto, always or never", arg);
	return CLI_NEVER;
}

bool
cli_take_common(struct cli *c, int id, const char *arg)
{
	struct cli_common *m = &c->common;

	/* a letter that the command has for itself is not ours */
	for (const struct cli_option *o = c->chosen->option;
	     o != NULL && o->name != NULL; o++)
		if (o->id == id)
			return false;
	switch (id) {
	case 's':
		if (*arg == '\0')
			cli_usage(c, "--store: the path of a store is empty");
		m->store = arg;
		break;
	case 'n':
		m->dry_run = true;
		break;
	case '0':
		m->null = true;
		break;
	case 'q':
		m->quiet = true;
		break;
	case 'v':
		m->verbose++;
		break;
	case 'j':
		m->jobs = (unsigned)cli_number(c, "jobs", arg, 1, JOBS_MAX);
		break;
	case CLI_ID_JSON:
		m->json = true;
		break;
	case CLI_ID_COLOR:
		m->color = color_choice(c, arg);
		break;
	case CLI_ID_PROGRESS:
		m->progress = CLI_ALWAYS;
		break;
	case CLI_ID_NO_PROGRESS:
		m->progress = CLI_NEVER;
		break;
	case CLI_ID_LOCK_WAIT:
		m->lock_wait = lock_wait(c, arg);
		break;
	case CLI_ID_MAX_MEMORY:
		m->max_memory = max_memory(c, arg);
		break;
	default:
		return false;
	}
	return true;
}

static unsigned
cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
}

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || *value == '\0' ? NULL : value;
}

void
cli_common_defaults(struct cli_common *m)
{
	*m = (struct cli_common){
		.store = environment("BLK_STORE"),
		.index = environment("BLK_INDEX"),
		.lock_wait = 60 * 1000,
		.jobs = cores(),
		.max_memory = (uint64_t)256 << 20,
	};
}

/*
 * blk-stat - what is in a store and what it costs.
 */
#include "open.h"
#include "stat.h"

enum {
	OPT_ENGINE = CLI_LONG,
	OPT_HEALTH,
	OPT_PROMETHEUS,
};

static const struct cli_option options[] = {
	{ .id = OPT_ENGINE,
	    .name = "engine",
	    .help = "what the engine says of itself" },
	{ .id = OPT_HEALTH,
	    .name = "health",
	    .help = "what needs attention; exit with 1 if anything does" },
	{ .id = OPT_PROMETHEUS,
	    .name = "prometheus",
	    .help = "totals in the text format of Prometheus" },
	{ .name = NULL },
};

static const struct cli_command blk_stat = {
	.name = "blk-stat",
	.usage = "[OPTION]... [REF]...\n"
	         "[OPTION]... --engine|--health|--prometheus",
	.about = "Say what is in a store; or, for each REF, what it costs and "
	         "what dropping it would free.",
	.option = options,
	.common = CLI_COMMON,
};

/* What is asked for: 0, or one of the options. */
static int
parse(struct cli *c)
{
	const char *arg;
	int what = 0;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (what != 0 && what != id)
			cli_usage(c,
			    "give one of --engine, --health, "
			    "--prometheus");
		what = id;
	}
	cli_operands(c, 0, what != 0 ? 0 : CLI_ANY);
	if (what == OPT_PROMETHEUS && c->common.json)
		cli_usage(c, "--prometheus is a format, as --json is");
	return what;
}

static enum blk_status
say(struct cli *c, struct store *s, int what, int *code, struct fault *why)
{
	struct stat_facts f = { .day = NULL };
	enum blk_status st;
	bool sick = false;

	if (c->operands > 0)
		return stat_refs(c, s, code, why);
	st = stat_gather(s, &f, why);
	if (st == BLK_OK && what == OPT_ENGINE)
		st = stat_engine(c, s, &f, why);
	else if (st == BLK_OK && what == OPT_HEALTH)
		st = stat_health(c, s, &f, &sick, why);
	else if (st == BLK_OK && what == OPT_PROMETHEUS)
		st = stat_prometheus(c, s, &f, why);
	else if (st == BLK_OK)
		st = stat_totals(c, &f, why);
	stat_release(&f);
	if (sick)
		*code = EXIT_FAILED;
	return st;
}

int
main(int argc, char *argv[])
{
	struct opened o = { .store = NULL };
	struct fault why = FAULT_NONE;
	int what, code = -1;
	enum blk_status st;
	struct cli c;

	cli_begin(&c, &blk_stat, argc, argv);
	what = parse(&c);
	cli_progress(&c);
	st = open_store(&c, false, NULL, &o, &why);
	if (st == BLK_OK)
		st = say(&c, o.store, what, &code, &why);
	open_close(&o);
	if (st != BLK_OK)
		code = cli_fail(&c, st, &why);
	return cli_end(&c, code == -1 ? EXIT_DONE : code);
}

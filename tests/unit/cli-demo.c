/*
 * cli-demo - a command that does nothing but what cmd/cli.h promises of all.
 *
 * Called cli-flat it is its subcommand list alone.  See tests/cli.bats.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "progress.h"

enum {
	OPT_FORMAT = CLI_LONG,
	OPT_SHARE,
	OPT_WIDTH,
	OPT_STDIN,
	OPT_WHERE,
	OPT_KIND,
};

static const struct cli_option list_options[] = {
	{ .id = 't', .name = "tag", .arg = "TAG", .help = "what to call it" },
	{ .id = 'o', .name = "output", .arg = "FILE", .help = "write to FILE" },
	{ .id = OPT_FORMAT,
	    .name = "format",
	    .arg = "FORMAT",
	    .help = "print this for each operand: %(name), %(size), %(tag), "
	            "%(time); a percent sign is %%" },
	{ .id = OPT_SHARE,
	    .name = "read-data",
	    .arg = "SHARE",
	    .help = "read all, or a share, of the data",
	    .optional = true },
	{ .id = OPT_WIDTH,
	    .name = "a-name-that-leaves-no-room",
	    .arg = "N",
	    .help = "a number from 1 to 9" },
	{ .id = OPT_STDIN, .name = "stdin", .help = "copy standard input" },
	{ .id = OPT_WHERE, .name = "where", .help = "print store and cache" },
	{ .name = NULL },
};

static const struct cli_option fail_options[] = {
	{ .id = OPT_KIND,
	    .name = "kind",
	    .arg = "absent|invalid|corrupt|busy|failed|incomplete",
	    .help = "fail in this way" },
	{ .name = NULL },
};

static const struct output_field fields[] = {
	{ .name = "name", .title = "NAME", .color = OUTPUT_YELLOW },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "tag", .title = "TAG" },
	{ .name = "time", .title = "TIME" },
	{ .name = NULL },
};

struct request {
	const char *tag, *format;
	bool copy, where;
	char **names;
};

static struct request
parse(struct cli *c)
{
	struct request r = { .tag = "none" };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (id == 't')
			r.tag = arg;
		else if (id == OPT_FORMAT)
			r.format = arg;
		else if (id == OPT_SHARE)
			r.tag = arg != NULL ? arg : "all";
		else if (id == OPT_WIDTH)
			cli_number(c, "a-name-that-leaves-no-room", arg, 1, 9);
		else if (id == OPT_STDIN)
			r.copy = true;
		else if (id == OPT_WHERE)
			r.where = true;
	}
	cli_operands(c, 0, 400);
	r.names = c->operand;
	return r;
}

static enum blk_status
print_names(struct cli *c, const struct request *r, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;
	uint64_t n = 0;

	o.type = "name";
	o.field = fields;
	o.columns = "name size tag";
	o.format = r->format;
	o.titles = true;
	st = output_open(&o, &out, why);
	if (st == BLK_INVALID)
		cli_usage(c, "--format: %s", why->text);
	for (char **name = r->names; st == BLK_OK && *name != NULL; name++) {
		output_begin(out, "name");
		output_bytes(out, "name", *name, strlen(*name));
		output_size(out, "size", strlen(*name) * 1000);
		output_string(out, "tag", r->tag);
		output_time(out, "time", (int64_t)n++ * 1000000000);
		st = output_end(out, why);
	}
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "names", n);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static enum blk_status
copy_stdin(struct fault *why)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n < 0 ? fault_sys(why, "standard input") : BLK_OK;
}

static int
run_list(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct request r = parse(c);
	enum blk_status st = BLK_OK;

	if (r.where) {
		const char *cache = cli_cache(c);

		printf("%s%s\n%s\n%llu %u %llu %d\n", cli_store(c),
		    cli_store_is_default(c) ? " (default)" : "",
		    cache != NULL ? cache : "none",
		    (unsigned long long)c->common.lock_wait, c->common.jobs,
		    (unsigned long long)c->common.max_memory,
		    c->common.verbose);
	} else if (r.copy) {
		cli_binary(c, false);
		st = copy_stdin(&why);
	} else {
		st = print_names(c, &r, &why);
	}
	if (st == BLK_OK && !r.where)
		cli_note(c, 0, "listed");
	cli_note(c, 1, "one more thing");
	return cli_end(c, st == BLK_OK ? EXIT_DONE : cli_fail(c, st, &why));
}

static int
run_fail(struct cli *c)
{
	static const struct {
		const char *kind;
		enum blk_status st;
	} kinds[] = {
		{ "absent", BLK_ABSENT },
		{ "invalid", BLK_INVALID },
		{ "corrupt", BLK_CORRUPT },
		{ "busy", BLK_BUSY },
		{ "failed", BLK_FAILED },
	};
	struct fault why = FAULT_NONE;
	const char *arg = NULL, *kind = "failed";
	int code = -1;

	while (cli_next(c, &arg) != 0)
		kind = arg;
	cli_warn(c, "about to fail");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		fault(&why, kinds[i].st, "%s",
		    *c->operand != NULL ? *c->operand : "no reason");
		code = cli_fail(c, kinds[i].st, &why);
	}
	if (code == -1)
		code = cli_error(c, EXIT_INCOMPLETE, "some are missing");
	return cli_end(c, code);
}

/* Work until told to stop, or for as long as the operand says. */
static int
run_work(struct cli *c)
{
	const char *arg;
	struct progress *p;
	uint64_t rounds;

	while (cli_next(c, &arg) != 0)
		;
	cli_operands(c, 1, 1);
	rounds = cli_number(c, "operand", *c->operand, 0, 1000);
	cli_catch_stop();
	p = cli_progress(c);
	progress_expect(p, rounds, rounds << 20);
	for (uint64_t i = 0; i < rounds && !cli_stop_requested(NULL); i++) {
		usleep(100000);
		progress_files(p, 1);
		progress_bytes(p, 1 << 20);
	}
	if (cli_stop_requested(NULL))
		return cli_end(c, cli_error(c, EXIT_FAILED, "tidied up"));
	progress_stop();
	puts("done");
	return cli_end(c, EXIT_DONE);
}

/* Ignores the flag: is ended all the same. */
static int __attribute__((noreturn)) run_stuck(struct cli *c)
{
	const char *arg;

	while (cli_next(c, &arg) != 0)
		;
	cli_catch_stop();
	puts("stuck");
	fflush(stdout);
	for (;;)
		pause();
}

static const struct cli_command subcommands[] = {
	{ .name = "list",
	    .usage = "[OPTION]... [NAME]...",
	    .about = "print the operands",
	    .option = list_options,
	    .common = CLI_COMMON | CLI_DRY_RUN,
	    .run = run_list },
	{ .name = "fail",
	    .usage = "[OPTION]... [MESSAGE]",
	    .about = "fail, with a message and the exit status that goes with "
	             "it, whatever the circumstances are",
	    .option = fail_options,
	    .common = CLI_STORE | CLI_OUTPUT,
	    .run = run_fail },
	{ .name = "work",
	    .usage = "[OPTION]... TENTHS",
	    .about = "show progress",
	    .common = CLI_OUTPUT | CLI_PROGRESS,
	    .run = run_work },
	{ .name = "stuck",
	    .usage = "",
	    .about = "do not listen",
	    .run = run_stuck },
	{ .name = NULL },
};

static const struct cli_command demo = {
	.name = "cli-demo",
	.usage = "[OPTION]... COMMAND [ARGUMENT]...",
	.about = "Show what all commands have in common.",
	.common = CLI_STORE | CLI_OUTPUT,
	.sub = subcommands,
};

static const struct cli_command flat = {
	.name = "cli-flat",
	.usage = "[OPTION]... [NAME]...\n[OPTION]... --stdin",
	.about = "Print the operands.",
	.notes = "Sizes are made up.",
	.option = list_options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

int
main(int argc, char *argv[])
{
	struct cli c;

	if (strcmp(program_invocation_short_name, "cli-flat") == 0) {
		cli_begin(&c, &flat, argc, argv);
		return run_list(&c);
	}
	cli_begin(&c, &demo, argc, argv);
	return c.chosen->run(&c);
}

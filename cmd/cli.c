#include "cli.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli-parts.h"
#include "heap.h"

/*
 * --- the tables of getopt_long ---
 */

static void
add_option(struct cli *c, size_t *n, const struct cli_option *o)
{
	char *p = c->letters + strlen(c->letters);
	int has = no_argument;

	assert(*n < CLI_OPTIONS_MAX);
	for (size_t i = 0; i < *n; i++)
		assert(c->longs[i].val != o->id &&
		    strcmp(c->longs[i].name, o->name) != 0);
	if (o->arg != NULL)
		has = o->optional ? optional_argument : required_argument;
	c->longs[(*n)++] = (struct option){ o->name, has, NULL, o->id };
	if (o->id >= CLI_LONG)
		return;
	*p++ = (char)o->id;
	for (int colon = has; colon > 0; colon--)
		*p++ = ':';
	*p = '\0';
}

/*
 * The options of cmd, and the common ones of these groups; does the first
 * operand end them?
 */
static void
load_options(
    struct cli *c, const struct cli_command *cmd, unsigned common, bool leading)
{
	size_t n = 0;

	strcpy(c->letters, leading ? "+:" : ":");
	for (const struct cli_option *o = cmd->option;
	     o != NULL && o->name != NULL; o++)
		add_option(c, &n, o);
	for (const struct cli_shared *s = cli_shared; s->option.name; s++)
		if ((s->group & common) == s->group)
			add_option(c, &n, &s->option);
	c->longs[n] = (struct option){ NULL, 0, NULL, 0 };
}

static int
next(struct cli *c)
{
	opterr = 0;
	return getopt_long(c->argc, c->argv, c->letters, c->longs, NULL);
}

/*
 * Look for options that count whatever is wrong with the others.  Operands
 * move behind the options, as the second pass would move them.
 */
static void
look_ahead(struct cli *c)
{
	bool help = false, version = false;

	optind = 0; /* makes getopt_long start afresh */
	for (int id; (id = next(c)) != -1;) {
		help = help || id == 'h';
		version = version || id == 'V';
		c->common.json = c->common.json || id == CLI_ID_JSON;
	}
	if (!help && !version)
		return;
	if (help)
		cli_print_help(c);
	else
		printf("%s (blk) %s\n", c->command->name, BLK_VERSION);
	exit(cli_end(c, EXIT_DONE));
}

/*
 * --- usage errors ---
 */

static const struct option *
option_of(const struct cli *c, int id)
{
	for (const struct option *o = c->longs; o->name != NULL; o++)
		if (o->val == id)
			return o;
	return NULL;
}

/* getopt_long says '?' both to the unknown and to what begins several. */
static void __attribute__((noreturn)) refuse_long(const struct cli *c)
{
	const char *text = c->argv[optind - 1];
	int len = (int)strcspn(text, "=");
	int found = 0;

	for (const struct option *o = c->longs; o->name != NULL; o++)
		found +=
		    len > 2 && strncmp(o->name, text + 2, (size_t)len - 2) == 0;
	cli_usage(c, "%s option '%.*s'", found > 1 ? "ambiguous" : "unknown",
	    len, text);
}

static void __attribute__((noreturn)) refuse(const struct cli *c, bool missing)
{
	const struct option *o = option_of(c, optopt);

	if (missing && o != NULL)
		cli_usage(c, "option '--%s' needs an argument", o->name);
	if (optopt == 0)
		refuse_long(c);
	if (o != NULL)
		cli_usage(c, "option '--%s' takes no argument", o->name);
	cli_usage(c, "unknown option '-%c'", optopt);
}

int
cli_next(struct cli *c, const char **arg)
{
	for (int id; (id = next(c)) != -1;) {
		if (id == '?' || id == ':')
			refuse(c, id == ':');
		*arg = optarg;
		if (!cli_take_common(c, id, optarg))
			return id;
	}
	c->operand = c->argv + optind;
	c->operands = c->argc - optind;
	return 0;
}

void
cli_operands(const struct cli *c, int min, int max)
{
	if (c->operands < min && c->operands == 0)
		cli_usage(c, "missing operand");
	if (c->operands < min)
		cli_usage(c, "missing operand after '%s'",
		    c->operand[c->operands - 1]);
	if (c->operands > max)
		cli_usage(c, "extra operand '%s'", c->operand[max]);
}

/*
 * --- begin ---
 */

/*
 * A descriptor that was closed is opened the wrong way round: nothing that
 * the command opens can take its place, and using it fails as it should.
 */
static void
ensure_descriptors(void)
{
	static const int way[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", way[fd]) != fd)
			_exit(EXIT_FAILED);
}

static const struct cli_command *
find(const struct cli_command *sub, const char *word)
{
	for (; word != NULL && sub->name != NULL; sub++)
		if (strcmp(sub->name, word) == 0)
			return sub;
	return NULL;
}

/* Take the options before the subcommand, common ones all, for real. */
static void
take_leading(struct cli *c)
{
	const char *arg;
	int id;

	optind = 0;
	id = cli_next(c, &arg);
	assert(id == 0);
	(void)id;
}

/*
 * Choose the subcommand.  What stands before it is looked at last, so that
 * --help behind it counts even then.
 */
static void
choose(struct cli *c)
{
	char **argv = c->argv, **rest = argv + optind;
	int argc = c->argc, left = argc - optind;
	const char *word = *rest;
	const struct cli_command *sub = find(c->command->sub, word);

	if (word != NULL) {
		c->argv = rest;
		c->argc = left;
		c->chosen = sub != NULL ? sub : c->command;
		load_options(c, c->chosen, c->chosen->common, false);
		look_ahead(c);
	}
	c->argv = argv;
	c->argc = argc;
	c->chosen = c->command;
	if (sub != NULL) /* what it does not take does not stand before it */
		load_options(c, c->command, sub->common, true);
	else
		load_options(c, c->command, c->command->common, true);
	take_leading(c);
	if (word == NULL)
		cli_usage(c, "missing command");
	if (sub == NULL)
		cli_usage(c, "unknown command '%s'", word);
	c->argv = rest;
	c->argc = left;
	c->chosen = sub;
	load_options(c, sub, sub->common, false);
}

void
cli_begin(struct cli *c, const struct cli_command *cmd, int argc, char *argv[])
{
	*c = (struct cli){
		.command = cmd,
		.chosen = cmd,
		.argc = argc,
		.argv = argv,
	};
	heap_settle();
	ensure_descriptors();
	cli_common_defaults(&c->common);
	load_options(c, cmd, cmd->common, cmd->sub != NULL);
	look_ahead(c);
	if (cmd->sub != NULL)
		choose(c);
	optind = 0; /* for cli_next */
	progress_catch(cmd->name, c->common.json);
	cli_catch_map_failed(cmd->name, c->common.json);
}

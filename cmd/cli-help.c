#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli-parts.h"

#define HELP_COLUMN 26 /* where the help of an option begins */
#define HELP_WIDTH 79

/*
 * This text is also read by completions/generate: an option begins a line
 * with two or six spaces, help behind it begins at HELP_COLUMN or behind two
 * spaces, "Commands:" lists subcommands.
 */

/* Print text, broken between words, where column *at is reached. */
static void
wrap(const char *text, size_t at, size_t indent)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (at > indent && at + 1 + len > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			putchar(' ');
			at++;
		}
		fwrite(text, 1, len, stdout);
		at += len;
		text += len + strspn(text + len, " ");
	}
	putchar('\n');
}

/* head stands at the left already, n columns of it; help goes beside it. */
static void
print_beside(int n, const char *help)
{
	if (n + 2 > HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", HELP_COLUMN - n, "");
	wrap(help, HELP_COLUMN, HELP_COLUMN);
}

static void
print_option(const struct cli_option *o)
{
	int n = 0;

	if (o->id < CLI_LONG)
		n += printf("  -%c, --%s", o->id, o->name);
	else
		n += printf("      --%s", o->name);
	if (o->arg != NULL && o->optional)
		n += printf("[=%s]", o->arg);
	else if (o->arg != NULL)
		n += printf(" %s", o->arg);
	print_beside(n, o->help);
}

/* Each line of usage is one alternative. */
static void
print_usage(const struct cli *c)
{
	const char *p = c->chosen->usage;
	const char *lead = "Usage:";

	do {
		size_t len = strcspn(p, "\n");

		printf("%s %s%s%s %.*s\n", lead, c->command->name,
		    c->chosen != c->command ? " " : "",
		    c->chosen != c->command ? c->chosen->name : "", (int)len,
		    p);
		p += len + (p[len] == '\n');
		lead = "   or:";
	} while (*p != '\0');
}

/* The phrase about a subcommand as a sentence. */
static void
print_about(const struct cli *c)
{
	const char *about = c->chosen->about;
	char text[500];

	if (c->chosen == c->command)
		snprintf(text, sizeof(text), "%s", about);
	else
		snprintf(
		    text, sizeof(text), "%c%s.", toupper(about[0]), about + 1);
	wrap(text, 0, 0);
}

static void
print_subcommands(const struct cli_command *sub)
{
	printf("\nCommands:\n");
	for (; sub->name != NULL; sub++)
		print_beside(printf("  %s", sub->name), sub->about);
}

static void
print_options(const struct cli_command *cmd)
{
	if (cmd->option != NULL && cmd->option->name != NULL)
		printf("\nOptions:\n");
	for (const struct cli_option *o = cmd->option;
	     o != NULL && o->name != NULL; o++)
		print_option(o);
	printf("\nCommon options:\n");
	for (const struct cli_shared *s = cli_shared; s->option.name; s++)
		if ((s->group & cmd->common) == s->group)
			print_option(&s->option);
}

void
cli_print_help(const struct cli *c)
{
	print_usage(c);
	print_about(c);
	if (c->chosen->sub != NULL)
		print_subcommands(c->chosen->sub);
	print_options(c->chosen);
	if (c->chosen->notes != NULL)
		printf("\n%s\n", c->chosen->notes);
	printf(
	    "\nSee %s(1) for more, exit status included.\n", c->command->name);
}

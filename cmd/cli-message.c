#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show.h"

/* One whole line, in one write, around which the bar is out of the way. */
static void
print_line(const struct cli *c, const char *text, const char *tail)
{
	char *safe = show_escape(text, strlen(text)), *line = NULL;

	/* with no memory left, in three pieces */
	if (asprintf(&line, "%s: %s\n%s", c->command->name,
	        safe != NULL ? safe : text, tail) < 0)
		fprintf(stderr, "%s: %s\n%s", c->command->name, text, tail);
	else
		fputs(line, stderr);
	free(line);
	free(safe);
}

static void
say(const struct cli *c, const char *type, int code, const char *kind,
    const char *text, const char *tail)
{
	progress_hide();
	if (c->common.json)
		output_message(stderr, type, code, kind, text);
	else
		print_line(c, text, tail);
	progress_show();
}

/* The fixed word for an exit code in JSON. */
static const char *
kind_of_code(int code)
{
	switch (code) {
	case EXIT_USAGE:
		return "invalid";
	case EXIT_INCOMPLETE:
		return "incomplete";
	case EXIT_CORRUPT:
		return "corrupt";
	case EXIT_BUSY:
		return "busy";
	case EXIT_ABSENT:
		return "absent";
	default:
		return "failed";
	}
}

static void __attribute__((format(printf, 6, 0)))
say_va(const struct cli *c, const char *type, int code, const char *kind,
    const char *tail, const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	say(c, type, code, kind, text != NULL ? text : "out of memory", tail);
	free(text);
}

void
cli_usage(const struct cli *c, const char *fmt, ...)
{
	bool sub = c->chosen != c->command;
	char tail[200];
	va_list ap;

	snprintf(tail, sizeof(tail), "Try '%s%s%s --help'\n", c->command->name,
	    sub ? " " : "", sub ? c->chosen->name : "");
	va_start(ap, fmt);
	say_va(c, "error", EXIT_USAGE, "invalid", tail, fmt, ap);
	va_end(ap);
	exit(EXIT_USAGE);
}

static int
code_of(enum blk_status st)
{
	switch (st) {
	case BLK_OK:
		return EXIT_DONE;
	case BLK_ABSENT:
		return EXIT_ABSENT;
	case BLK_INVALID:
		return EXIT_USAGE;
	case BLK_CORRUPT:
		return EXIT_CORRUPT;
	case BLK_BUSY:
		return EXIT_BUSY;
	case BLK_FAILED:
		break;
	}
	return EXIT_FAILED;
}

int
cli_fail(struct cli *c, enum blk_status st, const struct fault *why)
{
	int code = code_of(st);

	if (st == BLK_OK)
		return code;
	if (st == BLK_FAILED && ferror(stdout) &&
	    strncmp(why->text, "standard output", 15) == 0) {
		c->lost_told = true;
		if (why->sys == EPIPE) /* its reader has had enough */
			return code;
	}
	say(c, "error", code, kind_of_code(code),
	    why->text[0] != '\0' ? why->text : kind_of_code(code), "");
	return code;
}

int
cli_error(const struct cli *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_va(c, "error", code, kind_of_code(code), "", fmt, ap);
	va_end(ap);
	return code;
}

void
cli_warn(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	if (c->common.quiet)
		return;
	va_start(ap, fmt);
	say_va(c, "warning", -1, NULL, "", fmt, ap);
	va_end(ap);
}

void
cli_note(const struct cli *c, int level, const char *fmt, ...)
{
	va_list ap;

	if (c->common.quiet || c->common.verbose < level)
		return;
	va_start(ap, fmt);
	say_va(c, "note", -1, NULL, "", fmt, ap);
	va_end(ap);
}

int
cli_merge(int before, int code)
{
	static const int heavy[] = { EXIT_FAILED, EXIT_CORRUPT, EXIT_BUSY };

	if (before == -1 || before == code)
		return code;
	for (size_t i = 0; i < sizeof(heavy) / sizeof(heavy[0]); i++)
		if (before == heavy[i] || code == heavy[i])
			return heavy[i];
	return EXIT_INCOMPLETE;
}

/* Of a write that failed earlier stdio does not keep the reason. */
static bool
reader_is_gone(int error)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (error != 0)
		return error == EPIPE;
	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static int
lost_write(struct cli *c, int code, int error)
{
	if (!c->lost_told && !reader_is_gone(error)) {
		struct fault why = FAULT_NONE;

		errno = error;
		if (error != 0)
			fault_sys(&why, "standard output");
		else
			fault(&why, BLK_FAILED, "standard output: write error");
		say(c, "error", EXIT_FAILED, "failed", why.text, "");
	}
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

int
cli_end(struct cli *c, int code)
{
	bool lost;
	int error;

	progress_stop();
	if (code != EXIT_DONE)
		cli_reraise();
	errno = 0;
	lost = fflush(stdout) != 0 || ferror(stdout);
	error = errno;
	/* some file systems tell of a lost write only when it is closed; that
	 * the descriptor never was open matters to those who wrote */
	if (!lost && close(STDOUT_FILENO) != 0 && errno != EBADF) {
		lost = true;
		error = errno;
	}
	if (lost)
		code = lost_write(c, code, error);
	free(c->store);
	free(c->cache);
	c->store = NULL;
	c->cache = NULL;
	return code;
}

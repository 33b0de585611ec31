/*
 * cli.h - what every blk command does the same way.
 *
 * A command is: tables, parse into a request, open, one call, close.
 *
 *	enum { OPT_RANGE = CLI_LONG };		(ids of long-only options)
 *
 *	static const struct cli_option options[] = {
 *		{ .id = 'o', .name = "output", .arg = "FILE",
 *		    .help = "write to FILE; - is standard output" },
 *		{ .id = OPT_RANGE, .name = "range", .arg = "OFF:LEN",
 *		    .help = "only these bytes" },
 *		{ .name = NULL },
 *	};
 *
 *	static const struct cli_command blk_get = {
 *		.name = "blk-get",
 *		.usage = "[OPTION]... REF...",
 *		.about = "Write stored bytes to standard output.",
 *		.option = options,
 *		.common = CLI_COMMON,
 *	};
 *
 *	static struct request
 *	parse(struct cli *c)
 *	{
 *		struct request r = { .output = "-" };
 *		const char *arg;
 *
 *		for (int id; (id = cli_next(c, &arg)) != 0;)
 *			if (id == 'o')
 *				r.output = arg;
 *		cli_operands(c, 1, CLI_ANY);
 *		r.refs = c->operand;
 *		return r;
 *	}
 *
 *	int
 *	main(int argc, char *argv[])
 *	{
 *		struct fault why = FAULT_NONE;
 *		struct request r;
 *		enum blk_status st;
 *		struct cli c;
 *
 *		cli_begin(&c, &blk_get, argc, argv);
 *		r = parse(&c);
 *		st = get(&c, &r, &why);
 *		return cli_end(&c,
 *		    st == BLK_OK ? EXIT_DONE : cli_fail(&c, st, &why));
 *	}
 *
 * A command with subcommands has .sub, a table of such commands, each with
 * .run; its main is "cli_begin(&c, &blk_backup, argc, argv); return
 * c.chosen->run(&c);", and each run ends in cli_end.  Its own .common is what
 * all of them take together: a common option that the subcommand takes may
 * stand before it, too.
 *
 * Messages go to stderr as "blk-get: message", or with --json as JSON Lines;
 * control characters in them are spelled out.  They may come from any thread;
 * everything else is the main thread's.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "output.h"
#include "progress.h"

/* The exit codes of every blk command (blk(7)). */
enum {
	EXIT_DONE = 0,       /* done, durable */
	EXIT_FAILED = 1,     /* failed, or outcome unknown */
	EXIT_USAGE = 2,      /* nothing was touched */
	EXIT_INCOMPLETE = 3, /* done, but for some of it */
	EXIT_CORRUPT = 4,    /* corrupt, missing, chain broken */
	EXIT_BUSY = 5,
	EXIT_ABSENT = 6,       /* no such store, name or object */
	EXIT_CANNOT_RUN = 126, /* of --exec */
	EXIT_NOT_FOUND = 127,  /* of --exec */
};

#define CLI_LONG 256       /* the first id of options without a letter */
#define CLI_ANY INT_MAX    /* any number of operands */
#define CLI_OPTIONS_MAX 96 /* of a command, with the common ones */

/* A table of these ends with name == NULL. */
struct cli_option {
	int id;           /* its letter, or from CLI_LONG to CLI_LONG + 255 */
	const char *name; /* without "--" */
	/*
	 * The placeholder of its argument, NULL when it takes none.  It
	 * decides how shells complete it: "auto|always|never" by these words;
	 * FILE, PATH, DIR, TARGET and STORE by file names; others not.
	 */
	const char *arg;
	const char *help; /* lower case, no full stop; wrapped by itself */
	bool optional;    /* --name[=ARG]; cli_next gives NULL without */
};

/* The options that all commands share; which of them one has. */
enum {
	CLI_STORE = 1 << 0,    /* -s, --store */
	CLI_OUTPUT = 1 << 1,   /* -0, --null, --json, --color */
	CLI_WAIT = 1 << 2,     /* --lock-wait */
	CLI_PROGRESS = 1 << 3, /* --progress, --no-progress */
	CLI_WORK = 1 << 4,     /* -j, --jobs, --max-memory */
	CLI_DRY_RUN = 1 << 5,  /* -n, --dry-run: where something changes */
	CLI_COMMON =
	    CLI_STORE | CLI_OUTPUT | CLI_WAIT | CLI_PROGRESS | CLI_WORK,
};

struct cli;

struct cli_command {
	const char *name;  /* "blk-backup"; of a subcommand "create" */
	const char *usage; /* all behind the name; lines are alternatives */
	const char *about; /* a sentence or two; with .sub of: a phrase, as
	                    * it is listed below the others */
	const char *notes; /* behind the options in --help; NULL: none */
	const struct cli_option *option; /* NULL: none of its own */
	unsigned common;                 /* CLI_... */
	const struct cli_command *sub;   /* ends with name == NULL; or NULL */
	int (*run)(struct cli *c);       /* of a subcommand */
};

enum cli_choice {
	CLI_AUTO,
	CLI_ALWAYS,
	CLI_NEVER,
};

/* What the common options said. */
struct cli_common {
	const char *store; /* -s, else BLK_STORE, else NULL; see cli_store */
	const char *index; /* BLK_INDEX or NULL: a directory for indexes */
	bool quiet;        /* -q: nothing but errors on stderr */
	int verbose;       /* how often -v */
	bool null, json, dry_run;
	enum cli_choice color, progress;
	uint64_t lock_wait;  /* milliseconds; 60 000 */
	unsigned jobs;       /* 1 to 1024; the cores that there are */
	uint64_t max_memory; /* bytes; 256 MiB */
};

/* A running command.  Filled by cli_begin. */
struct cli {
	const struct cli_command *command;
	const struct cli_command *chosen; /* the subcommand, or the same */
	struct cli_common common;
	char **operand; /* after cli_next gave 0: NULL-terminated, of argv */
	int operands;

	/* private */
	int argc;
	char **argv;
	bool lost_told; /* of a lost write on stdout */
	char *store;    /* owned: the default store */
	char *cache;    /* owned: the cache directory */
	struct progress progress;
	struct option longs[CLI_OPTIONS_MAX + 1];
	char letters[3 * CLI_OPTIONS_MAX + 3];
};

/*
 * Make the process fit to run (descriptors 0 to 2 open, SIGUSR1 harmless),
 * answer --help and --version, wherever among the options they stand and
 * whatever is wrong with the others, and choose the subcommand.
 *
 * cmd and argv are borrowed while the process lives; argv is reordered.
 * Leaves with EXIT_USAGE when no or an unknown subcommand is given.
 */
void cli_begin(
    struct cli *c, const struct cli_command *cmd, int argc, char *argv[]);

/*
 * The id of the next option of the command's own table, its argument in *arg
 * (NULL when it has none); or 0 when only operands are left, which c->operand
 * then has.  Common options are taken into c->common on the way.  Leaves with
 * EXIT_USAGE on anything unknown, ambiguous, missing or malformed.
 */
int cli_next(struct cli *c, const char **arg);

/* Leave with EXIT_USAGE unless there are min to max operands. */
void cli_operands(const struct cli *c, int min, int max);

/* Say what is wrong with the command line and leave with EXIT_USAGE. */
__attribute__((noreturn)) void cli_usage(
    const struct cli *c, const char *fmt, ...) PRINTF(2, 3);

/* Arguments of options, as when.h reads them; leaves with EXIT_USAGE. */
uint64_t cli_size(const struct cli *c, const char *option, const char *arg);
/* A decimal number from min to max. */
uint64_t cli_number(const struct cli *c, const char *option, const char *arg,
    uint64_t min, uint64_t max);

/*
 * --- where things are ---
 */

/*
 * The store to use: --store, else BLK_STORE, else
 * ${XDG_DATA_HOME:-~/.local/share}/blk.  Leaves with EXIT_USAGE when there is
 * neither of them nor HOME.  Borrowed until cli_end.
 */
const char *cli_store(struct cli *c);

/* Was no store named?  Then the first put may make it. */
bool cli_store_is_default(const struct cli *c);

/* Record that url is not a store, with a hint at blk-init; BLK_ABSENT. */
enum blk_status cli_no_store(const char *url, struct fault *why);

/*
 * ${XDG_CACHE_HOME:-~/.cache}/blk, which may not exist; NULL when there is no
 * HOME either.  Borrowed until cli_end.
 */
const char *cli_cache(struct cli *c);

/*
 * --- output ---
 */

/* Options for output_open with stdout and what the user asked for: file, json,
 * null, color, terminal.  The command adds type, field and columns or format.
 */
struct output_options cli_output(const struct cli *c);

/* May text on fd (1, 2) be coloured?  --color, NO_COLOR, TERM, isatty. */
bool cli_color(const struct cli *c, int fd);

/*
 * Leave with EXIT_USAGE when stdout is a terminal, which binary data would
 * upset, unless the user insisted (-o -, --force).
 */
void cli_binary(const struct cli *c, bool insisted);

/*
 * Start to show progress as the options say; to be called once, before there
 * is long work to do.  The counters are for workers to add to (progress.h);
 * cli_end ends it.  Who writes to stdout past output.h calls progress_stop, or
 * progress_hide and progress_show, around it: both may be the same terminal.
 */
struct progress *cli_progress(struct cli *c);

/*
 * --- messages ---
 */

/*
 * Print a fault and return the exit code that it deserves.  BLK_ABSENT leaves
 * faults untouched: record what is absent before, with fault().
 */
int cli_fail(struct cli *c, enum blk_status st, const struct fault *why);

/* Print an error of the command's own; returns code. */
int cli_error(const struct cli *c, int code, const char *fmt, ...) PRINTF(3, 4);

/* Something that the user should know although all is done; -q hides it. */
void cli_warn(const struct cli *c, const char *fmt, ...) PRINTF(2, 3);

/*
 * Something that the user may like to know: at level 0 unless -q is given, at
 * level 1 with -v, at level 2 with -vv.
 */
void cli_note(const struct cli *c, int level, const char *fmt, ...)
    PRINTF(3, 4);

/*
 * The exit code of several items, from that of what is behind (begin with -1)
 * and that of one more.  All the same: that one.  Else the first of
 * EXIT_FAILED, EXIT_CORRUPT, EXIT_BUSY that is among them, which outweigh the
 * rest; else EXIT_INCOMPLETE.
 */
int cli_merge(int before, int code);

/*
 * --- signals and the end ---
 */

/*
 * From here on the first SIGINT, SIGTERM or SIGHUP only sets a flag, so that
 * the command can tidy up; a second one kills, and so does the first when the
 * process is still there after 2 s.  What was ignored stays ignored.  Without
 * this call they kill at once, which leaves a store no less sound.
 */
void cli_catch_stop(void);

/* Has such a signal come?  Fit for callbacks; arg is not used. */
bool cli_stop_requested(void *arg);

/* If such a signal has come: wipe the bar and die of it. */
void cli_reraise(void);

/*
 * End: stop the progress, flush and close stdout, free what c owns.
 *
 * Returns code; or EXIT_FAILED, having said so, when code is EXIT_DONE and a
 * write to stdout was lost (quietly when its reader went away).  Does not
 * return when the command was stopped by a signal before it was done: dies of
 * it.
 */
int cli_end(struct cli *c, int code);

#endif

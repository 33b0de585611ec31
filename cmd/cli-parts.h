/*
 * cli-parts.h - what the files of cli.h have between them.
 */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include <stdbool.h>

#include "cli.h"

/* Ids of the common options that have no letter. */
enum {
	CLI_ID_LOCK_WAIT = CLI_LONG + 256,
	CLI_ID_COLOR,
	CLI_ID_PROGRESS,
	CLI_ID_NO_PROGRESS,
	CLI_ID_MAX_MEMORY,
	CLI_ID_JSON,
};

/* A common option, and the CLI_... of those commands that have it; 0: all. */
struct cli_shared {
	unsigned group;
	struct cli_option option;
};

/* All of them, in the order of --help; ends with option.name == NULL. */
extern const struct cli_shared cli_shared[];

void cli_common_defaults(struct cli_common *m);

/*
 * Take a common option into c->common; false when id is none, or is a letter
 * that the command has for itself.  Leaves with EXIT_USAGE on a bad argument.
 */
bool cli_take_common(struct cli *c, int id, const char *arg);

/*
 * From here on a command ends with EXIT_FAILED and one line, like any other
 * failure, when a file that is mapped into memory can no longer be read or
 * written: a dying disk behind what SQLite shares between processes.  name is
 * for the line.
 */
void cli_catch_map_failed(const char *name, bool json);

/* --help of what was chosen, on stdout. */
void cli_print_help(const struct cli *c);

#endif

/*
 * open.h - the store that a command works on, opened as its options say.
 */
#ifndef OPEN_H
#define OPEN_H

#include <stdbool.h>

#include "cli.h"
#include "pause.h"
#include "store.h"

/* All zero is none open. */
struct opened {
	struct store *store;
	char host[256], program[64]; /* what records say of this process */
	struct pause pause;
};

/*
 * Open the store of cli_store.
 *
 * create:  make it if there is none; made_as says how, NULL: as by default.
 * o:       must stay where it is until open_close.
 * Returns: as store_open.
 */
MUST_USE enum blk_status open_store(struct cli *c, bool create,
    const struct store_config *made_as, struct opened *o, struct fault *why);

/* End the session.  Does nothing when none is open. */
void open_close(struct opened *o);

#endif

/*
 * ls.h - what the files of blk-ls share: what was asked for, and the way of an
 * item from where it is found to the output.
 *
 *   blk-ls.c      options
 *   ls-list.c     sorting, limits, counting
 *   ls-pages.c    catalogs, a page at a time
 *   ls-names.c    names and versions
 *   ls-links.c    links
 *   ls-tree.c     inside of trees
 *   ls-objects.c  objects and chunks
 *   ls-refs.c     who refers to what
 *   ls-store.c    segments and commits
 *
 * A mode finds items in its natural order and offers each.  Unless they are to
 * be sorted they are shown at once.  Catalogs are read a page at a time, so
 * that no transaction stays open while a pager sleeps, and so that memory does
 * not grow with the store.
 */
#ifndef LS_H
#define LS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "cli.h"
#include "digest.h"
#include "fault.h"
#include "output.h"
#include "store.h"

#define LS_PAGE 512 /* items read in one transaction */

enum ls_sort {
	LS_NATURAL = 0,
	LS_NAME = 1 << 0,
	LS_TIME = 1 << 1,
	LS_SIZE = 1 << 2,
	LS_INDEX = 1 << 3,
	LS_ID = 1 << 4,
};

enum ls_filter {
	LS_BY_TYPE = 1 << 0,
	LS_BY_TIME = 1 << 1,
	LS_BY_INDEX = 1 << 2,
	LS_BY_ATTR = 1 << 3,
	LS_BY_HOST = 1 << 4,
};

struct ls_request {
	const struct ls_mode *mode;
	const char *what; /* the argument of the mode's option */
	char **operand;
	int operands;
	bool recursive, longer, reverse, count;
	unsigned filter; /* enum ls_filter, those that were given */
	const char *type, *host;
	const char **attr;
	size_t attrs, attr_cap;
	int64_t since, until; /* 0: open */
	uint64_t min_index, max_index;
	enum ls_sort sort;
	uint64_t offset, limit;
	const char *format;
};

/* An item, or a handle on it, as small as sorting many wants it. */
struct ls_item {
	struct digest id;  /* of a version: the id of the version */
	struct digest key; /* for --sort=id */
	uint64_t size, index;
	int64_t time;
	uint64_t number; /* the mode's own */
	uint32_t small;  /* the mode's own */
	uint8_t class;   /* the mode's own */
	uint64_t order;  /* set by ls_offer */
	char *text;      /* owned by whoever holds the item; or NULL */
	size_t text_len;
	const void *more; /* what shows it without looking it up again;
	                   * NULL once it was stored for sorting */
};

struct ls {
	struct cli *cli;
	const struct ls_request *r;
	struct store *store;
	struct catalog *catalog;
	int64_t now;
	struct output *out;
	const char *operand; /* that is being listed */
	uint64_t offered, passed;
	bool full; /* --limit is reached: nothing more will be shown */
	int code;  /* as cli_merge has it; -1: nothing went wrong */

	struct ls_item *item; /* kept for sorting */
	size_t items, cap;
	uint64_t item_bytes;
};

/* A way to list; a table of these is in blk-ls.c. */
struct ls_mode {
	const char *type; /* of its items */
	const struct output_field *field;
	const char *columns, *long_columns, *format;
	unsigned filters, sorts;
	enum blk_status (*list)(struct ls *ls, struct fault *why);
	enum blk_status (*show)(
	    struct ls *ls, const struct ls_item *i, struct fault *why);
};

extern const struct ls_mode ls_names, ls_versions, ls_links;
extern const struct ls_mode ls_tree;
extern const struct ls_mode ls_objects, ls_chunks, ls_refs;
extern const struct ls_mode ls_segments, ls_log;

/*
 * Show an item, or keep it until all are there.  item->text is taken over.
 * When ls->full is set afterwards, the rest need not be looked for.
 */
MUST_USE enum blk_status ls_offer(
    struct ls *ls, struct ls_item *item, struct fault *why);

/* All was offered: sort and show what was kept, and end the output. */
MUST_USE enum blk_status ls_finish(struct ls *ls, struct fault *why);

void ls_release(struct ls *ls);

/*
 * After an answer of the catalog: makes an index that is unsound again, once.
 * *again: the question has to be asked again.  Returns what is left of st.
 */
MUST_USE enum blk_status ls_heal(
    struct ls *ls, enum blk_status st, bool *again, struct fault *why);

typedef enum blk_status ls_take(struct ls *ls, const struct catalog_version *v,
    void *arg, struct fault *why);

/*
 * Call take for each version of a query, outside of any transaction, until
 * ls->full.
 */
MUST_USE enum blk_status ls_each_version(struct ls *ls, struct catalog_query q,
    ls_take *take, void *arg, struct fault *why);

/* An (id, class) with a count. */
struct ls_row {
	struct digest id;
	enum class class;
	uint64_t count;
	struct catalog_copy copy; /* that answers; kind 0: none (lost) */
};

typedef enum blk_status ls_take_rows(
    struct ls *ls, struct ls_row *row, size_t n, void *arg, struct fault *why);

/* Call take with pages of all rows, by id, until ls->full. */
MUST_USE enum blk_status ls_each_row(
    struct ls *ls, ls_take_rows *take, void *arg, struct fault *why);

/* The structures of a page, as they lie on the medium, so that each frame is
 * decoded once; from malloc, the caller's. */
MUST_USE enum blk_status ls_structures(struct ls_row *row, size_t n,
    struct ls_row ***out, size_t *count, struct fault *why);

/* Something of several could not be listed: say so and go on. */
void ls_complain(struct ls *ls, enum blk_status st, struct fault *why);

/* Is this field wanted? (Some are dear.) */
bool ls_wants(const struct ls *ls, const char *field);

void ls_put_id(struct ls *ls, const char *key, const struct digest *id);

#endif

/*
 * versions.h - versions as options ask for them (-N -t -a -l --expires), and
 * what becomes of names in a commit: decided on the head that the commit is
 * published on, and again for each attempt.
 */
#ifndef VERSIONS_H
#define VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "digest.h"
#include "fault.h"
#include "store.h"
#include "when.h"

/* Arguments of an option that may be repeated; borrowed. */
struct words {
	const char **word;
	size_t count, cap;
};

/* What versions shall carry. */
struct version_wish {
	const char *type;        /* NULL: none */
	struct words attr, link; /* KEY=VALUE, REL=REF */
	bool expires;
	struct when_span lifetime;
};

/* Arguments of options into the wish; leave with EXIT_USAGE if malformed. */
void version_wish_attr(
    const struct cli *c, struct version_wish *w, const char *arg);
void version_wish_link(
    const struct cli *c, struct version_wish *w, const char *arg);
void version_wish_expires(
    const struct cli *c, struct version_wish *w, const char *arg);
void version_wish_release(struct version_wish *w);

/* One version to make. */
struct naming {
	char *name;       /* owned; NULL: the name that is its own id */
	const char *ref;  /* NULL: as id, class and size say; else a REF, looked
	                   * up when it is decided */
	bool cancelled;   /* make none after all */
	enum class class; /* content, tree or snapshot */
	struct digest id;
	uint64_t size;

	/* Decided: */
	uint64_t number;
};

struct versions_plan {
	const struct version_wish *wish;
	struct naming *add;
	size_t adds;
	const struct digest *drop; /* ids of versions */
	size_t drops;

	/* Of the name of add[0]: */
	const char *if_head; /* a REF or "none"; NULL: whatever it is */
	uint64_t keep_last;  /* 0: all */
};

/*
 * For store_draft.decide; arg is a struct versions_plan.
 *
 * Returns: as store_add_version; BLK_BUSY when the head of the name is
 *          another than if_head; BLK_ABSENT, BLK_INVALID for REFs of links.
 */
MUST_USE enum blk_status versions_decide(
    void *arg, struct store *s, struct commit *k, struct fault *why);

/* The same checks, for a dry run, on the catalog as it is. */
MUST_USE enum blk_status versions_check(
    struct versions_plan *p, struct store *s, struct fault *why);

#endif

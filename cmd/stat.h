/*
 * stat.h - what blk-stat knows of a store, and the forms in which it says it.
 *
 *   blk-stat.c      options
 *   stat-gather.c   finds it all out
 *   stat-store.c    totals, as text, JSON and for Prometheus
 *   stat-health.c   what needs attention; what the engine says
 *   stat-refs.c     what REFs cost
 */
#ifndef STAT_H
#define STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "cli.h"
#include "collect.h"
#include "fault.h"
#include "output.h"
#include "store.h"

struct stat_facts {
	struct catalog_totals t;
	struct catalog_head head;
	uint64_t logical;       /* bytes of all versions, each as if alone */
	int64_t oldest, newest; /* versions; with t.versions > 0 */
	int64_t latest;         /* time of anything; INT64_MIN: of nothing */
	/* Condemned files that stand there still. */
	uint64_t waiting, waiting_bytes;
	uint64_t files, bytes; /* of segments, commits and checkpoints */
	bool unverified; /* is there a segment whose data nobody has read? */
	int64_t oldest_unverified;
	struct collect_day *day;
	size_t days;
	struct collect_past past;
	uint64_t index_bytes;
	bool reserve;
};

/* Find it all out; *f is to be released in any case. */
MUST_USE enum blk_status stat_gather(
    struct store *s, struct stat_facts *f, struct fault *why);
void stat_release(struct stat_facts *f);

MUST_USE enum blk_status stat_totals(
    struct cli *c, const struct stat_facts *f, struct fault *why);
MUST_USE enum blk_status stat_prometheus(struct cli *c, struct store *s,
    const struct stat_facts *f, struct fault *why);

/* *sick: something needs attention. */
MUST_USE enum blk_status stat_health(struct cli *c, struct store *s,
    const struct stat_facts *f, bool *sick, struct fault *why);
MUST_USE enum blk_status stat_engine(struct cli *c, struct store *s,
    const struct stat_facts *f, struct fault *why);

/* *code: as cli_merge has it, -1 when all is well. */
MUST_USE enum blk_status stat_refs(
    struct cli *c, struct store *s, int *code, struct fault *why);

/* A line of two columns, "what value". */
MUST_USE enum blk_status stat_open_lines(
    struct cli *c, struct output **out, struct fault *why);
MUST_USE enum blk_status stat_line(struct output *out, struct fault *why,
    const char *what, const char *fmt, ...) PRINTF(4, 5);

/* a / b, and 1 where there is nothing to compare. */
double stat_ratio(uint64_t a, uint64_t b);

#endif

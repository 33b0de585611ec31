/*
 * filter-glob.h - one pattern, taken apart.
 */
#ifndef FILTER_GLOB_H
#define FILTER_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "text.h"

/* What stands between two slashes. */
struct filter_part {
	struct span text;
	bool any;     /* two stars: any number of names */
	bool literal; /* text is the name itself */
};

struct filter_pattern {
	char *text; /* what the parts lie in */
	struct filter_part *part;
	size_t parts;
	bool negated, dirs_only, anchored, nocase;
};

/* BLK_OK, BLK_INVALID, BLK_FAILED; *p is empty unless BLK_OK. */
MUST_USE enum blk_status filter_pattern_parse(
    struct span text, bool nocase, struct filter_pattern *p, struct fault *why);
void filter_pattern_release(struct filter_pattern *p);

/* As filter_check and filter_reaches. */
bool filter_pattern_match(const struct filter_pattern *p, struct span path,
    size_t below, bool is_dir);
bool filter_pattern_reaches(
    const struct filter_pattern *p, struct span path, size_t below);

/* Does a part match a whole name?  *bad, unless NULL, is set when the part
 * is broken; the name then does not matter. */
bool filter_glob(struct span glob, struct span name, bool nocase, bool *bad);

#endif

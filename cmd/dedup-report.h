/*
 * dedup-report.h - the report of blk-dedup.
 */
#ifndef DEDUP_REPORT_H
#define DEDUP_REPORT_H

#include "cli.h"
#include "fault.h"
#include "store.h"

MUST_USE enum blk_status dedup_report_print(
    struct cli *c, struct store *s, struct fault *why);

#endif

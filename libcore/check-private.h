/*
 * check-private.h - what the files of the check room share.
 */
#ifndef CHECK_PRIVATE_H
#define CHECK_PRIVATE_H

#include <pthread.h>

#include "check.h"
#include "idmap.h"

struct check_damage { /* to be noted in the catalog */
	struct digest segment;
	uint32_t ordinal;
};

struct check {
	struct store *s;
	const struct check_options *o;
	struct check_report *r;
	pthread_mutex_t lock; /* all below, findings, report */
	struct idmap damaged; /* (id, kind) of objects that suffer */
	struct check_damage *note;
	size_t notes, notes_cap;
	bool stop;
};

/* Report; why, unless NULL, is the message. */
void check_say(struct check *c, enum check_what what, const char *where,
    const struct digest *id, const char *message);

/* An object that cannot be read: remembered for check_sufferers. */
MUST_USE enum blk_status check_mark(
    struct check *c, const struct digest *id, uint8_t kind, struct fault *why);

/* Damage that the catalog is told of when the check ends: nothing, where the
 * store is read-only.  ordinal: as for damage_note. */
MUST_USE enum blk_status check_note(struct check *c,
    const struct digest *segment, uint32_t ordinal, struct fault *why);

/* Say what is malformed in a text that refers to what it should; BLK_OK then,
 * too. */
MUST_USE enum blk_status check_spelling(struct check *c,
    const struct digest *id, enum kind kind, struct span text,
    struct fault *why);

/* The key of a segment's file. */
void check_key(const struct catalog_segment *seg, char key[SEGMENT_KEY_MAX]);

/* The config as it stands; as commit 0 says it, or the newest checkpoint when
 * that is folded. */
MUST_USE enum blk_status check_read_config(
    struct store *s, struct store_config *found, struct fault *why);
MUST_USE enum blk_status check_true_config(
    struct store *s, struct store_config *want, struct fault *why);

/* BLK_OK for statuses that are findings (CORRUPT, ABSENT, INVALID), which
 * are said; others are passed on. */
MUST_USE enum blk_status check_judge(struct check *c, enum blk_status st,
    enum check_what what, const char *where, const struct fault *reason);

/* check-segment.c: what a thread reads segments with.  check_read says what it
 * finds once it has read it twice. */
struct check_reader;
MUST_USE enum blk_status check_reader_new(
    struct check *c, struct check_reader **out, struct fault *why);
void check_reader_free(struct check_reader *r); /* NULL: does nothing */
MUST_USE enum blk_status check_read(struct check_reader *r,
    const struct catalog_segment *seg, struct fault *why);

/*
 * check-data.c: begin chooses what to read and starts all threads but one;
 * end is the last one, and waits for the others.  st: how what was done in
 * between ended; not BLK_OK ends the reading, and is passed on.
 */
struct check_data;
MUST_USE enum blk_status check_data_begin(
    struct check *c, struct check_data **out, struct fault *why);
MUST_USE enum blk_status check_data_end(
    struct check_data *d, enum blk_status st, struct fault *why);

/*
 * check-live.c: what lives in each segment.  new, add for all ids, and compare
 * are called within one hold of the catalog.  Findings are one for a segment.
 */
struct check_live;
MUST_USE enum blk_status check_live_new(
    struct check *c, struct check_live **out, struct fault *why);
void check_live_free(struct check_live *x); /* NULL: does nothing */
void check_live_add(struct check_live *x, const struct digest *id,
    const struct catalog_facts *f);
void check_live_compare(struct check *c, const struct check_live *x);

/* check-log.c, check-trace.c, check-sufferers.c */
MUST_USE enum blk_status check_log(struct check *c, struct fault *why);
MUST_USE enum blk_status check_tables(struct check *c, struct fault *why);
MUST_USE enum blk_status check_trace(struct check *c, struct fault *why);
MUST_USE enum blk_status check_sufferers(struct check *c, struct fault *why);

#endif

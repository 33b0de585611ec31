/*
 * What needs attention, and what the engine says of itself.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "stat.h"
#include "state.h"
#include "when.h"

#define HOUR_NS ((int64_t)3600 * 1000000000)
/* Less than this is no reason to bother anybody. */
#define BOTHER_BYTES ((uint64_t)64 << 20)
#define BOTHER_COMMITS 10000
#define CHUNKS_MEANT 100000000 /* that an index is made for */

struct doctor {
	struct cli *cli;
	struct store *store;
	const struct stat_facts *f;
	struct output *out;
	uint64_t found;
};

static enum blk_status complain(struct doctor *d, struct fault *why,
    const char *kind, const char *fmt, ...) PRINTF(4, 5);

static enum blk_status
complain(
    struct doctor *d, struct fault *why, const char *kind, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->found++;
	output_begin(d->out, "problem");
	output_string(d->out, "kind", kind);
	output_string(d->out, "message", text);
	return output_end(d->out, why);
}

static enum blk_status
check_damage(struct doctor *d, struct fault *why)
{
	uint64_t damaged = d->f->t.damaged, lost = d->f->t.lost;
	enum blk_status st = BLK_OK;

	if (damaged > 0)
		st = complain(d, why, "damage",
		    "%ju object%s found damaged: blk-check --repair",
		    (uintmax_t)damaged, damaged == 1 ? " was" : "s were");
	if (st == BLK_OK && lost > 0)
		st = complain(d, why, "lost",
		    "%ju object%s lost: 'blk-check' says what needs %s",
		    (uintmax_t)lost, lost == 1 ? " is" : "s are",
		    lost == 1 ? "it" : "them");
	return st;
}

/* More dead than there should be, by a margin: a collection leaves some. */
static enum blk_status
check_dead(struct doctor *d, struct fault *why)
{
	uint64_t plain = d->f->t.plain_bytes, unused;
	uint64_t dead = plain - d->f->t.live_bytes;
	char size[WHEN_TEXT];
	enum blk_status st;

	st = store_setting_number(d->store, "gc.max-unused", &unused, why);
	if (st != BLK_OK || dead < BOTHER_BYTES ||
	    dead < plain / 100 * (unused + 10))
		return st;
	when_format_size(dead, size);
	return complain(d, why, "collect",
	    "a collection is due: %s, %.0f%% of the store, is dead: blk-gc",
	    size, 100 * stat_ratio(dead, plain));
}

static enum blk_status
check_waiting(struct doctor *d, struct fault *why)
{
	uint64_t behind = d->f->head.number - d->f->head.checkpoint;
	enum blk_status st = BLK_OK;
	char size[WHEN_TEXT];

	if (d->f->waiting_bytes >= BOTHER_BYTES &&
	    d->f->waiting_bytes >= d->f->t.stored_bytes / 10) {
		when_format_size(d->f->waiting_bytes, size);
		st = complain(
		    d, why, "condemned", "%s wait to be removed: blk-gc", size);
	}
	if (st == BLK_OK && behind > BOTHER_COMMITS)
		st = complain(d, why, "log",
		    "%ju commits are not folded: blk-gc", (uintmax_t)behind);
	if (st == BLK_OK && !d->f->reserve)
		st = complain(d, why, "reserve",
		    "the reserve for a full disk is spent: make room, then "
		    "blk-gc");
	return st;
}

static enum blk_status
check_sizes(struct doctor *d, struct fault *why)
{
	if (d->f->t.objects <= CHUNKS_MEANT)
		return BLK_OK;
	return complain(d, why, "chunks",
	    "%ju objects are more than an index is made for: a store with "
	    "larger chunks (blk-init --chunk-size) would be faster",
	    (uintmax_t)d->f->t.objects);
}

static enum blk_status
check_clock(struct doctor *d, struct fault *why)
{
	char time[WHEN_TEXT];

	if (d->f->latest <= store_now(d->store) + HOUR_NS)
		return BLK_OK;
	when_format_local(d->f->latest, time);
	return complain(d, why, "clock",
	    "the last commit was made at %s, which is still to come: one of "
	    "the clocks is wrong",
	    time);
}

static enum blk_status
check_redirect(struct doctor *d, struct fault *why)
{
	struct catalog *c = store_catalog(d->store);
	enum blk_status st;
	char *url;

	st = c->type->setting_get(c, STATE_REDIRECT, &url, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	st = complain(d, why, "redirect", "this store was moved to %s", url);
	free(url);
	return st;
}

static const struct output_field problem_fields[] = {
	{ .name = "kind" },
	{ .name = "message" },
	{ .name = NULL },
};

static enum blk_status
examine(struct doctor *d, struct fault *why)
{
	enum blk_status st = check_damage(d, why);

	if (st == BLK_OK)
		st = check_dead(d, why);
	if (st == BLK_OK)
		st = check_waiting(d, why);
	if (st == BLK_OK)
		st = check_sizes(d, why);
	if (st == BLK_OK)
		st = check_clock(d, why);
	if (st == BLK_OK)
		st = check_redirect(d, why);
	return st;
}

enum blk_status
stat_health(struct cli *c, struct store *s, const struct stat_facts *f,
    bool *sick, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct doctor d = { .cli = c, .store = s, .f = f };
	enum blk_status st;

	o.type = "problem";
	o.field = problem_fields;
	o.format = "%(kind): %(message)";
	st = output_open(&o, &d.out, why);
	if (st == BLK_OK)
		st = examine(&d, why);
	if (st == BLK_OK) {
		output_begin(d.out, "summary");
		output_u64(d.out, "problems", d.found);
		st = output_end(d.out, why);
	}
	if (st == BLK_OK)
		st = output_finish(d.out, why);
	output_free(d.out);
	*sick = d.found > 0;
	return st;
}

/* --- the engine --- */

static const char *
yes_no(bool b)
{
	return b ? "yes" : "no";
}

static enum blk_status
put_engine_text(struct store *s, const struct stat_facts *f,
    uint64_t free_bytes, struct output *out, struct fault *why)
{
	const struct backend *b = store_backend(s);
	const struct store_config *k = store_config(s);
	const struct backend_caps *caps = &b->caps;
	char hex[33], target[WHEN_TEXT], bytes[WHEN_TEXT], left[WHEN_TEXT];
	char index[WHEN_TEXT];
	const struct {
		const char *what, *value;
	} line[] = {
		{ "engine", b->type->scheme },
		{ "url", store_url(s) },
		{ "store", hex },
		{ "local", yes_no(caps->local) },
		{ "read-only", yes_no(caps->read_only) },
		{ "kernel locks", yes_no(caps->kernel_locks) },
		{ "single process", yes_no(caps->single_process) },
		{ "shared with its group", yes_no(k->group) },
		{ "segment target", target },
		{ "bytes", bytes },
		{ "left", left },
		{ "index", index },
		{ "reserve", yes_no(f->reserve) },
	};
	enum blk_status st = BLK_OK;

	digest_hex_of(k->store, sizeof(k->store), hex);
	when_format_size(caps->blob_target, target);
	when_format_size(f->bytes, bytes);
	when_format_size(f->index_bytes, index);
	if (free_bytes == UINT64_MAX)
		snprintf(left, sizeof(left), "not known");
	else
		when_format_size(free_bytes, left);
	for (size_t i = 0; st == BLK_OK && i < sizeof(line) / sizeof(line[0]);
	     i++)
		st = stat_line(out, why, line[i].what, "%s", line[i].value);
	if (st == BLK_OK)
		st = stat_line(out, why, "chunk sizes", "%u:%u:%u", k->min,
		    k->min + k->target, k->max);
	return st;
}

static enum blk_status
put_engine_json(struct store *s, const struct stat_facts *f,
    uint64_t free_bytes, struct output *out, struct fault *why)
{
	const struct backend *b = store_backend(s);
	const struct store_config *k = store_config(s);
	char hex[33];

	digest_hex_of(k->store, sizeof(k->store), hex);
	output_begin(out, "summary");
	output_string(out, "engine", b->type->scheme);
	output_bytes(out, "url", store_url(s), strlen(store_url(s)));
	output_string(out, "store", hex);
	output_bool(out, "local", b->caps.local);
	output_bool(out, "read_only", b->caps.read_only);
	output_bool(out, "kernel_locks", b->caps.kernel_locks);
	output_bool(out, "single_process", b->caps.single_process);
	output_bool(out, "shared_group", k->group);
	output_u64(out, "segment_target", b->caps.blob_target);
	output_u64(out, "files", f->files);
	output_u64(out, "bytes", f->bytes);
	if (free_bytes != UINT64_MAX)
		output_u64(out, "free_bytes", free_bytes);
	output_u64(out, "index_bytes", f->index_bytes);
	output_bool(out, "reserve", f->reserve);
	output_u64(out, "chunk_min", k->min);
	output_u64(out, "chunk_average", (uint64_t)k->min + k->target);
	output_u64(out, "chunk_max", k->max);
	return output_end(out, why);
}

enum blk_status
stat_engine(struct cli *c, struct store *s, const struct stat_facts *f,
    struct fault *why)
{
	struct backend_stats left;
	struct output *out;
	enum blk_status st = stat_open_lines(c, &out, why);

	if (st == BLK_OK)
		st = backend_stats(store_backend(s), &left, why);
	if (st == BLK_OK)
		st = c->common.json
		    ? put_engine_json(s, f, left.free_bytes, out, why)
		    : put_engine_text(s, f, left.free_bytes, out, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

/*
 * blk-gc - free what nothing refers to.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "open.h"
#include "when.h"

enum {
	OPT_MAX_UNUSED = CLI_LONG,
	OPT_MAX_REPACK_SIZE,
	OPT_MAX_TIME,
	OPT_FORCE_CLOCK,
};

static const struct cli_option options[] = {
	{ .id = OPT_MAX_UNUSED,
	    .name = "max-unused",
	    .arg = "PERCENT",
	    .help = "rewrite until at most this share of the store is dead; 0 "
	            "frees all (the setting gc.max-unused)" },
	{ .id = OPT_MAX_REPACK_SIZE,
	    .name = "max-repack-size",
	    .arg = "SIZE",
	    .help = "copy at most this much in this run" },
	{ .id = OPT_MAX_TIME,
	    .name = "max-time",
	    .arg = "DURATION",
	    .help = "end after this time, with what was done until then" },
	{ .id = OPT_FORCE_CLOCK,
	    .name = "force-clock",
	    .help = "drop expired versions although the clock looks wrong" },
	{ .name = NULL },
};

static const struct cli_command blk_gc = {
	.name = "blk-gc",
	.usage = "[OPTION]...",
	.about = "Free what nothing refers to: drop expired versions, copy "
	         "what lives out of segments that are mostly dead, remove "
	         "those, and fold the log.",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

/* --- options --- */

static int64_t
duration_ms(const struct cli *c, const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct when_span span;
	int64_t seconds;

	if (when_duration(arg, &span, &why) != BLK_OK)
		cli_usage(c, "%s: %s", option, why.text);
	if (when_span_is_zero(span))
		cli_usage(c, "%s: '%s' is no time at all", option, arg);
	seconds = (span.months * 30 + span.days) * 86400 + span.seconds;
	return seconds < INT64_MAX / 1000 ? seconds * 1000 : INT64_MAX / 2;
}

static int
percent(const struct cli *c, const char *arg)
{
	size_t len = strlen(arg);
	char digits[8];

	/* "5" and "5%" alike. */
	if (len > 0 && len < sizeof(digits) && arg[len - 1] == '%') {
		memcpy(digits, arg, len - 1);
		digits[len - 1] = '\0';
		return (int)cli_number(c, "max-unused", digits, 0, 100);
	}
	return (int)cli_number(c, "max-unused", arg, 0, 100);
}

/* 0 is no bound to libcore, and nothing to users: one byte is as good. */
static uint64_t
repack_size(const struct cli *c, const char *arg)
{
	uint64_t size = cli_size(c, "max-repack-size", arg);

	return size > 0 ? size : 1;
}

static struct collect_options
parse(struct cli *c)
{
	struct collect_options o = { .max_unused = -1,
		.keep_unreferenced = UINT64_MAX };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (id == OPT_MAX_UNUSED)
			o.max_unused = percent(c, arg);
		else if (id == OPT_MAX_REPACK_SIZE)
			o.max_repack = repack_size(c, arg);
		else if (id == OPT_MAX_TIME)
			o.max_time_ms = duration_ms(c, "--max-time", arg);
		else if (id == OPT_FORCE_CLOCK)
			o.force_clock = true;
	}
	cli_operands(c, 0, 0);
	o.dry_run = c->common.dry_run;
	o.jobs = c->common.jobs;
	return o;
}

/* --- progress --- */

struct watch {
	struct cli *cli;
	struct progress *progress;
	enum collect_phase phase;
	bool began;
};

/* Each phase counts its own items. */
static bool
watch(void *arg, enum collect_phase phase, uint64_t done, uint64_t all)
{
	struct watch *w = arg;

	if (!w->began || phase != w->phase) {
		progress_phase(w->progress, collect_phase_name(phase),
		    collect_phase_unit(phase));
		cli_note(w->cli, 1, "%s", collect_phase_name(phase));
	}
	w->began = true;
	w->phase = phase;
	atomic_store(&w->progress->files, done);
	atomic_store(&w->progress->total_files, all);
	return cli_stop_requested(NULL);
}

/* --- report --- */

static const struct output_field fields[] = {
	{ .name = "what" },
	{ .name = NULL },
};

static enum blk_status
put_summary(struct output *out, const struct collect_report *r, bool dry_run,
    struct fault *why)
{
	output_begin(out, "summary");
	output_bool(out, "dry_run", dry_run);
	output_u64(out, "expired", r->expired);
	if (r->expired_known)
		output_u64(out, "expired_bytes", r->expired_bytes);
	output_u64(out, "condemned_segments", r->condemned);
	output_u64(out, "condemned_bytes", r->condemned_bytes);
	output_u64(out, "orphans", r->orphans);
	output_u64(out, "copied_objects", r->copied_objects);
	output_u64(out, "copied_bytes", r->copied_bytes);
	output_u64(out, "read_bytes", r->read_bytes);
	output_u64(out, "written_bytes", r->written_bytes);
	output_u64(out, "removed_files", r->removed);
	output_u64(out, "removed_bytes", r->removed_bytes);
	output_u64(out, "checkpoint", r->folded);
	output_u64(out, "log_removed", r->log_removed);
	output_bool(out, "clock_refused", r->clock_refused);
	output_bool(out, "unfinished", r->unfinished);
	return output_end(out, why);
}

static enum blk_status put_line(
    struct output *out, struct fault *why, const char *fmt, ...) PRINTF(3, 4);

static enum blk_status
put_line(struct output *out, struct fault *why, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_begin(out, "line");
	output_string(out, "what", text);
	return output_end(out, why);
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static enum blk_status
put_expired(struct output *out, const struct collect_report *r,
    const char *would, struct fault *why)
{
	char bytes[WHEN_TEXT];

	when_format_size(r->expired_bytes, bytes);
	return put_line(out, why, "%ju expired version%s %sdropped%s%s%s",
	    (uintmax_t)r->expired, plural(r->expired), would,
	    r->expired_known ? ", which frees " : "",
	    r->expired_known ? bytes : "", r->expired_known ? " more" : "");
}

static enum blk_status
put_text(struct output *out, const struct collect_report *r, bool dry_run,
    struct fault *why)
{
	const char *would = dry_run ? "would be " : "";
	char bytes[WHEN_TEXT], copied[WHEN_TEXT];
	enum blk_status st = BLK_OK;

	when_format_size(r->condemned_bytes, bytes);
	when_format_size(r->copied_bytes, copied);
	if (r->expired > 0)
		st = put_expired(out, r, would, why);
	if (st == BLK_OK && r->condemned > 0)
		st = put_line(out, why,
		    "%ju segment%s (%s) %scondemned, %s %scopied",
		    (uintmax_t)r->condemned, plural(r->condemned), bytes, would,
		    copied, would);
	when_format_size(r->removed_bytes, bytes);
	if (st == BLK_OK && r->removed > 0)
		st = put_line(out, why, "%ju file%s (%s) %sremoved",
		    (uintmax_t)r->removed, plural(r->removed), bytes, would);
	if (st == BLK_OK && r->folded > 0)
		st = put_line(out, why,
		    "checkpoint %ju, %ju commit file%s removed",
		    (uintmax_t)r->folded, (uintmax_t)r->log_removed,
		    plural(r->log_removed));
	if (st == BLK_OK && r->expired + r->condemned + r->removed == 0)
		st = put_line(out, why, "nothing to free");
	return st;
}

static enum blk_status
report(struct cli *c, const struct collect_report *r, struct fault *why)
{
	struct output_options o = cli_output(c);
	bool dry_run = c->common.dry_run;
	struct output *out;
	enum blk_status st;

	o.type = "line";
	o.field = fields;
	o.format = "%(what)";
	st = output_open(&o, &out, why);
	if (st == BLK_OK && !c->common.json && (!c->common.quiet || dry_run))
		st = put_text(out, r, dry_run, why);
	if (st == BLK_OK)
		st = put_summary(out, r, dry_run, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static void
say_what_is_left(const struct cli *c, const struct collect_report *r)
{
	if (r->clock_refused)
		cli_warn(c,
		    "nothing expired: this machine's clock is a day "
		    "behind the last commit or a year ahead of it "
		    "(--force-clock)");
	if (r->unfinished && !c->common.dry_run)
		cli_note(c, 0,
		    "not all is done: a bound was reached, or files "
		    "are still in use; the next run goes on");
}

/* --- the work --- */

static enum blk_status
collect(struct cli *c, const struct collect_options *o,
    struct collect_report *r, struct fault *why)
{
	struct opened at = { .store = NULL };
	enum blk_status st = open_store(c, false, NULL, &at, why);

	if (st == BLK_OK)
		st = collect_run(at.store, o, r, why);
	/* What is condemned is gone by now, and the disk is full still: once
	 * more, with the reserve. */
	if (st == BLK_FAILED && at.store != NULL && !o->dry_run &&
	    store_reserve_spend(at.store, why)) {
		cli_warn(c, "the disk is full: the store's reserve is spent");
		*why = (struct fault)FAULT_NONE;
		open_close(&at);
		st = open_store(c, false, NULL, &at, why);
		if (st == BLK_OK)
			st = collect_run(at.store, o, r, why);
	}
	if (st == BLK_OK && !o->dry_run) {
		st = store_reserve_make(at.store, why);
		if (st == BLK_ABSENT) {
			cli_warn(c, "there is no room for the store's reserve");
			st = BLK_OK;
		}
	}
	open_close(&at);
	return st;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct collect_report r = { .expired = 0 };
	struct collect_options o;
	struct watch w;
	enum blk_status st;
	struct cli c;

	cli_begin(&c, &blk_gc, argc, argv);
	o = parse(&c);
	w = (struct watch){ .cli = &c, .progress = cli_progress(&c) };
	o.progress = watch;
	o.arg = &w;
	cli_catch_stop();
	st = collect(&c, &o, &r, &why);
	cli_reraise();
	if (st == BLK_OK) {
		say_what_is_left(&c, &r);
		st = report(&c, &r, &why);
	}
	return cli_end(&c, st == BLK_OK ? EXIT_DONE : cli_fail(&c, st, &why));
}

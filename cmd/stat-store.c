/*
 * Totals of a store: for people, for programs, for Prometheus.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stat.h"
#include "when.h"

#define DAYS_SHOWN 14

static const struct output_field line_fields[] = {
	{ .name = "what", .color = OUTPUT_BOLD },
	{ .name = "value" },
	{ .name = NULL },
};

enum blk_status
stat_open_lines(struct cli *c, struct output **out, struct fault *why)
{
	struct output_options o = cli_output(c);

	o.type = "line";
	o.field = line_fields;
	o.columns = "what value";
	return output_open(&o, out, why);
}

enum blk_status
stat_line(struct output *out, struct fault *why, const char *what,
    const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_begin(out, "line");
	output_string(out, "what", what);
	output_string(out, "value", text);
	return output_end(out, why);
}

/* --- text --- */

static enum blk_status
put_size(struct output *out, struct fault *why, const char *what, uint64_t n)
{
	char text[WHEN_TEXT];

	when_format_size(n, text);
	return stat_line(out, why, what, "%s", text);
}

static enum blk_status
put_number(struct output *out, struct fault *why, const char *what, uint64_t n)
{
	return stat_line(out, why, what, "%ju", (uintmax_t)n);
}

static enum blk_status
put_time(struct output *out, struct fault *why, const char *what, int64_t ns)
{
	char text[WHEN_TEXT];

	when_format_local(ns, text);
	return stat_line(out, why, what, "%s", text);
}

static enum blk_status
put_counts(struct output *out, const struct stat_facts *f, struct fault *why)
{
	enum blk_status st = put_number(out, why, "objects", f->t.contents);

	if (st == BLK_OK)
		st = put_number(out, why, "chunks", f->t.chunks);
	if (st == BLK_OK)
		st = put_number(out, why, "names", f->t.names);
	if (st == BLK_OK)
		st = put_number(out, why, "versions", f->t.versions);
	if (st == BLK_OK && f->t.versions > 0)
		st = put_time(out, why, "oldest version", f->oldest);
	if (st == BLK_OK && f->t.versions > 0)
		st = put_time(out, why, "newest version", f->newest);
	if (st == BLK_OK)
		st = put_number(out, why, "commits", f->head.number + 1);
	return st;
}

static enum blk_status
put_space(struct output *out, const struct stat_facts *f, struct fault *why)
{
	enum blk_status st = put_number(out, why, "segments", f->t.segments);

	if (st == BLK_OK)
		st = put_size(out, why, "live", f->t.live_bytes);
	if (st == BLK_OK)
		st = put_size(
		    out, why, "dead", f->t.plain_bytes - f->t.live_bytes);
	if (st == BLK_OK)
		st = put_size(out, why, "stored", f->t.stored_bytes);
	if (st == BLK_OK)
		st = put_number(out, why, "condemned", f->waiting);
	if (st == BLK_OK)
		st = put_size(out, why, "condemned bytes", f->waiting_bytes);
	if (st == BLK_OK)
		st = put_number(out, why, "files", f->files);
	if (st == BLK_OK)
		st = put_size(out, why, "bytes of files", f->bytes);
	if (st == BLK_OK)
		st = put_size(out, why, "bytes of all versions", f->logical);
	if (st == BLK_OK)
		st = stat_line(out, why, "deduplication", "%.2f",
		    stat_ratio(f->logical, f->t.live_bytes));
	if (st == BLK_OK)
		st = stat_line(out, why, "compression", "%.2f",
		    stat_ratio(f->t.plain_bytes, f->t.stored_bytes));
	if (st == BLK_OK && f->unverified)
		st = put_time(
		    out, why, "oldest unverified", f->oldest_unverified);
	return st;
}

static enum blk_status
put_days(struct output *out, const struct stat_facts *f, struct fault *why)
{
	size_t i = f->days > DAYS_SHOWN ? f->days - DAYS_SHOWN : 0;
	enum blk_status st = BLK_OK;

	for (; st == BLK_OK && i < f->days; i++) {
		char day[COLLECT_DAY_TEXT], what[32], size[WHEN_TEXT];

		collect_day_text(f->day[i].day, day);
		snprintf(what, sizeof(what), "added %s", day);
		when_format_size(f->day[i].bytes, size);
		st = stat_line(out, why, what, "%s, %ju version%s", size,
		    (uintmax_t)f->day[i].versions,
		    f->day[i].versions == 1 ? "" : "s");
	}
	return st;
}

static enum blk_status
put_past(struct output *out, const struct stat_facts *f, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = f->past.count; st == BLK_OK && i-- > 0;) {
		const struct collect_once *o = &f->past.item[i];
		char time[WHEN_TEXT], what[WHEN_TEXT + 16], size[WHEN_TEXT];

		when_format_local(o->time, time);
		when_format_size(o->report.condemned_bytes, size);
		snprintf(what, sizeof(what), "collected %s", time);
		st = stat_line(out, why, what, "%s in %ju segment%s, %ju ms",
		    size, (uintmax_t)o->report.condemned,
		    o->report.condemned == 1 ? "" : "s", (uintmax_t)o->ms);
	}
	return st;
}

/* --- JSON --- */

static enum blk_status
put_json_rows(struct output *out, const struct stat_facts *f, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < f->days; i++) {
		char day[COLLECT_DAY_TEXT];

		collect_day_text(f->day[i].day, day);
		output_begin(out, "day");
		output_string(out, "day", day);
		output_u64(out, "added_bytes", f->day[i].bytes);
		output_u64(out, "added_versions", f->day[i].versions);
		st = output_end(out, why);
	}
	for (size_t i = f->past.count; st == BLK_OK && i-- > 0;) {
		const struct collect_once *o = &f->past.item[i];

		output_begin(out, "collection");
		output_u64(out, "commit", o->commit);
		output_time(out, "time", o->time);
		output_u64(out, "milliseconds", o->ms);
		output_u64(out, "expired", o->report.expired);
		output_u64(out, "condemned_segments", o->report.condemned);
		output_u64(out, "condemned_bytes", o->report.condemned_bytes);
		output_u64(out, "copied_bytes", o->report.copied_bytes);
		output_u64(out, "read_bytes", o->report.read_bytes);
		output_u64(out, "written_bytes", o->report.written_bytes);
		st = output_end(out, why);
	}
	return st;
}

static enum blk_status
put_summary(struct cli *c, struct output *out, const struct stat_facts *f,
    struct fault *why)
{
	output_begin(out, "summary");
	output_u64(out, "objects", f->t.contents);
	output_u64(out, "chunks", f->t.chunks);
	output_u64(out, "names", f->t.names);
	output_u64(out, "versions", f->t.versions);
	if (f->t.versions > 0) {
		output_time(out, "oldest", f->oldest);
		output_time(out, "newest", f->newest);
	}
	output_u64(out, "commits", f->head.number + 1);
	output_u64(out, "segments", f->t.segments);
	output_u64(out, "live_bytes", f->t.live_bytes);
	output_u64(out, "dead_bytes", f->t.plain_bytes - f->t.live_bytes);
	output_u64(out, "stored_bytes", f->t.stored_bytes);
	output_u64(out, "condemned_files", f->waiting);
	output_u64(out, "condemned_bytes", f->waiting_bytes);
	output_u64(out, "files", f->files);
	output_u64(out, "file_bytes", f->bytes);
	output_u64(out, "version_bytes", f->logical);
	output_real(out, "deduplication_ratio",
	    stat_ratio(f->logical, f->t.live_bytes));
	output_real(out, "compression_ratio",
	    stat_ratio(f->t.plain_bytes, f->t.stored_bytes));
	if (f->unverified)
		output_time(out, "oldest_unverified", f->oldest_unverified);
	/* The index is no part of the store: made again, it has another size.
	 */
	if (c->common.verbose > 0)
		output_u64(out, "index_bytes", f->index_bytes);
	return output_end(out, why);
}

enum blk_status
stat_totals(struct cli *c, const struct stat_facts *f, struct fault *why)
{
	struct output *out;
	enum blk_status st = stat_open_lines(c, &out, why);

	if (st == BLK_OK && c->common.json)
		st = put_json_rows(out, f, why);
	if (st == BLK_OK && !c->common.json) {
		st = put_counts(out, f, why);
		if (st == BLK_OK)
			st = put_space(out, f, why);
		if (st == BLK_OK && c->common.verbose > 0)
			st = put_size(out, why, "index", f->index_bytes);
		if (st == BLK_OK)
			st = put_days(out, f, why);
		if (st == BLK_OK)
			st = put_past(out, f, why);
	}
	if (st == BLK_OK)
		st = put_summary(c, out, f, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

/* --- Prometheus --- */

/* A label's value: backslash, quote and newline escaped. */
static void
put_label(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			putchar('\\');
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
}

static void
put_gauge(const char *url, const char *name, const char *help, double value)
{
	printf("# HELP blk_%s %s\n# TYPE blk_%s gauge\nblk_%s{store=\"", name,
	    help, name, name);
	put_label(url);
	printf("\"} %.17g\n", value);
}

enum blk_status
stat_prometheus(struct cli *c, struct store *s, const struct stat_facts *f,
    struct fault *why)
{
	struct backend_stats left;
	enum blk_status st = backend_stats(store_backend(s), &left, why);
	const char *url = store_url(s);
	const struct {
		const char *name, *help;
		uint64_t value;
	} gauge[] = {
		{ "objects", "Objects that are referred to.", f->t.contents },
		{ "chunks", "Chunks that lists refer to.", f->t.chunks },
		{ "names", "Names.", f->t.names },
		{ "versions", "Versions.", f->t.versions },
		{ "version_bytes", "Bytes of all versions.", f->logical },
		{ "commits", "Commits since the store was made.",
		    f->head.number + 1 },
		{ "segments", "Live segments.", f->t.segments },
		{ "live_bytes", "Plain bytes that are referred to.",
		    f->t.live_bytes },
		{ "dead_bytes", "Plain bytes that nothing refers to.",
		    f->t.plain_bytes - f->t.live_bytes },
		{ "stored_bytes", "Bytes of live segments.",
		    f->t.stored_bytes },
		{ "condemned_bytes", "Bytes of condemned files.",
		    f->waiting_bytes },
		{ "files", "Files of the store.", f->files },
		{ "file_bytes", "Bytes of these files.", f->bytes },
		{ "free_bytes", "Bytes left on the medium.", left.free_bytes },
		{ "index_bytes", "Bytes of the index.", f->index_bytes },
		{ "lost_objects", "Objects said lost.", f->t.lost },
		{ "damaged_objects", "Objects noted damaged.", f->t.damaged },
	};

	(void)c;
	if (st != BLK_OK)
		return st;
	for (size_t i = 0; i < sizeof(gauge) / sizeof(gauge[0]); i++)
		if (gauge[i].value != UINT64_MAX)
			put_gauge(url, gauge[i].name, gauge[i].help,
			    (double)gauge[i].value);
	if (f->t.versions > 0)
		put_gauge(url, "newest_version_time_seconds",
		    "When the newest version was made.",
		    (double)f->newest / 1e9);
	if (f->past.count > 0)
		put_gauge(url, "last_collection_time_seconds",
		    "When a collection last did something.",
		    (double)f->past.item[0].time / 1e9);
	return BLK_OK;
}

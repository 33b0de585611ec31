/*
 * blk-dedup - what deduplication saves, or would.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "dedup-report.h"
#include "dedup.h"
#include "open.h"
#include "when.h"

#define SIZES_MAX 16

enum {
	OPT_APPLY = CLI_LONG,
	OPT_MAX_TIME,
	OPT_ESTIMATE,
	OPT_CHUNK_SIZE,
	OPT_CHUNKS,
};

static const struct cli_option options[] = {
	{ .id = OPT_APPLY,
	    .name = "apply",
	    .help = "cut anew what was stored without deduplication" },
	{ .id = OPT_MAX_TIME,
	    .name = "max-time",
	    .arg = "DURATION",
	    .help = "with --apply: end after this time" },
	{ .id = OPT_ESTIMATE,
	    .name = "estimate",
	    .help = "say what storing the paths would take, without a store" },
	{ .id = OPT_CHUNK_SIZE,
	    .name = "chunk-size",
	    .arg = "MIN:AVG:MAX",
	    .help = "for these sizes; several are compared" },
	{ .id = OPT_CHUNKS,
	    .name = "chunks",
	    .help = "print offset, length and id of each chunk of the files" },
	{ .name = NULL },
};

static const struct cli_command blk_dedup = {
	.name = "blk-dedup",
	.usage = "[OPTION]...\n--apply [OPTION]...\n"
	         "--estimate [OPTION]... PATH...\n"
	         "--chunks [OPTION]... FILE...",
	.about = "Say what deduplication saves, or would.",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

struct request {
	bool apply, estimate, chunks;
	int64_t max_time_ms;
	struct chunker_sizes sizes[SIZES_MAX];
	size_t count;
};

/* --- parsing --- */

static void
parse_sizes(struct cli *c, struct request *r, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (r->count == SIZES_MAX)
		cli_usage(c, "--chunk-size: more than %d sizes", SIZES_MAX);
	if (chunker_sizes_parse(arg, &r->sizes[r->count], &why) != BLK_OK ||
	    chunker_sizes_check(&r->sizes[r->count], &why) != BLK_OK)
		cli_usage(c, "--chunk-size: %s", why.text);
	r->count++;
}

static void
parse_time(struct cli *c, struct request *r, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct when_span span;

	if (when_duration(arg, &span, &why) != BLK_OK)
		cli_usage(c, "--max-time: %s", why.text);
	if (when_span_is_zero(span))
		cli_usage(c, "--max-time: '%s' is no time at all", arg);
	r->max_time_ms =
	    (span.seconds + (span.days + 30 * span.months) * 86400) * 1000;
}

static struct request
parse(struct cli *c)
{
	struct request r = { .apply = false };
	const char *arg;
	int modes;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		r.apply = r.apply || id == OPT_APPLY;
		r.estimate = r.estimate || id == OPT_ESTIMATE;
		r.chunks = r.chunks || id == OPT_CHUNKS;
		if (id == OPT_CHUNK_SIZE)
			parse_sizes(c, &r, arg);
		if (id == OPT_MAX_TIME)
			parse_time(c, &r, arg);
	}
	modes = r.apply + r.estimate + r.chunks;
	if (modes > 1)
		cli_usage(c,
		    "--apply, --estimate and --chunks exclude each "
		    "other");
	if (r.max_time_ms > 0 && !r.apply)
		cli_usage(c, "--max-time goes with --apply");
	if (r.count > 0 && !r.estimate && !r.chunks)
		cli_usage(c, "--chunk-size goes with --estimate or --chunks");
	if (r.count > 1 && r.chunks)
		cli_usage(c, "--chunks takes one --chunk-size");
	cli_operands(c, r.estimate || r.chunks ? 1 : 0,
	    r.estimate || r.chunks ? CLI_ANY : 0);
	if (r.count == 0)
		r.sizes[r.count++] = chunker_default;
	return r;
}

/* --- --chunks --- */

static const struct output_field chunk_fields[] = {
	{ .name = "offset" },
	{ .name = "length" },
	{ .name = "id" },
	{ .name = NULL },
};

struct cutting {
	struct output *out;
	uint64_t files, chunks, bytes;
};

static enum blk_status
print_chunk(void *arg, uint64_t offset, uint32_t length,
    const struct digest *id, struct fault *why)
{
	struct cutting *x = arg;
	struct output *out = x->out;
	char hex[DIGEST_HEX];

	if (cli_stop_requested(NULL))
		return fault(why, BLK_FAILED, "stopped");
	x->chunks++;
	x->bytes += length;
	digest_hex(id, hex);
	output_begin(out, "chunk");
	output_u64(out, "offset", offset);
	output_u64(out, "length", length);
	output_string(out, "id", hex);
	return output_end(out, why);
}

static enum blk_status
end_chunks(const struct cutting *x, struct fault *why)
{
	enum blk_status st;

	output_begin(x->out, "summary");
	output_u64(x->out, "files", x->files);
	output_u64(x->out, "chunks", x->chunks);
	output_u64(x->out, "bytes", x->bytes);
	st = output_end(x->out, why);
	return st == BLK_OK ? output_finish(x->out, why) : st;
}

static enum blk_status
chunks(struct cli *c, const struct request *r, int *code, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct cutting x = { .out = NULL };
	enum blk_status st;

	o.type = "chunk";
	o.field = chunk_fields;
	o.format = "%(offset) %(length) %(id)";
	st = output_open(&o, &x.out, why);
	for (char **p = c->operand;
	     st == BLK_OK && *p != NULL && !cli_stop_requested(NULL); p++) {
		struct fault bad = FAULT_NONE;
		int fd = strcmp(*p, "-") == 0 ? STDIN_FILENO
		                              : open(*p, O_RDONLY | O_CLOEXEC);

		if (fd == -1)
			fault_sys(&bad, "%s", *p);
		if (fd == -1 ||
		    dedup_chunks(fd, *p, &r->sizes[0], print_chunk, &x, &bad) !=
		        BLK_OK)
			*code = cli_error(c, EXIT_INCOMPLETE, "%s", bad.text);
		else
			x.files++;
		if (fd > STDIN_FILENO)
			close(fd);
	}
	if (st == BLK_OK)
		st = end_chunks(&x, why);
	output_free(x.out);
	return st;
}

/* --- --estimate --- */

static const struct output_field estimate_fields[] = {
	{ .name = "sizes", .title = "CHUNKS" },
	{ .name = "bytes", .title = "BYTES", .right = true },
	{ .name = "unique_bytes", .title = "UNIQUE", .right = true },
	{ .name = "stored_bytes", .title = "STORED", .right = true },
	{ .name = "index_bytes", .title = "INDEX", .right = true },
	{ .name = "segments", .title = "SEGMENTS", .right = true },
	{ .name = "unique_chunks", .title = "UNIQUE CHUNKS", .right = true },
	{ .name = "files" },
	{ .name = "dirs" },
	{ .name = "chunks" },
	{ .name = "sampled" },
	{ .name = NULL },
};

/* What is the same for all sizes. */
static enum blk_status
end_estimates(
    struct output *out, const struct dedup_estimate *e, struct fault *why)
{
	enum blk_status st;

	output_begin(out, "summary");
	output_u64(out, "files", e->files);
	output_u64(out, "dirs", e->dirs);
	output_u64(out, "bytes", e->bytes);
	st = output_end(out, why);
	return st == BLK_OK ? output_finish(out, why) : st;
}

struct estimating {
	struct cli *c;
	struct progress *progress;
	bool incomplete;
};

static bool
count_bytes(void *arg, uint64_t bytes)
{
	struct estimating *e = arg;

	progress_bytes(e->progress, bytes);
	return cli_stop_requested(NULL);
}

static void
problem(void *arg, struct span path, const char *reason)
{
	struct estimating *e = arg;

	e->incomplete = true;
	cli_error(
	    e->c, EXIT_INCOMPLETE, "%.*s: %s", (int)path.len, path.p, reason);
}

static enum blk_status
print_estimate(
    struct output *out, const struct dedup_estimate *e, struct fault *why)
{
	char sizes[64];

	snprintf(sizes, sizeof(sizes), "%u:%u:%u", e->sizes.min,
	    e->sizes.min + e->sizes.target, e->sizes.max);
	output_begin(out, "estimate");
	output_string(out, "sizes", sizes);
	output_u64(out, "files", e->files);
	output_u64(out, "dirs", e->dirs);
	output_size(out, "bytes", e->bytes);
	output_u64(out, "chunks", e->chunks);
	output_u64(out, "unique_chunks", e->unique_chunks);
	output_size(out, "unique_bytes", e->unique_bytes);
	output_size(out, "stored_bytes", e->stored_bytes);
	output_size(out, "index_bytes", e->index_bytes);
	output_u64(out, "segments", e->segments);
	output_bool(out, "sampled", e->sampled);
	return output_end(out, why);
}

static enum blk_status
estimate(struct cli *c, const struct request *r, int *code, struct fault *why)
{
	struct dedup_estimate e[SIZES_MAX] = { { .files = 0 } };
	struct output_options oo = cli_output(c);
	struct estimating x = { .c = c, .progress = cli_progress(c) };
	const struct dedup_options o = {
		.path = (const char *const *)c->operand,
		.paths = (size_t)c->operands,
		.jobs = c->common.jobs,
		.max_memory = c->common.max_memory,
		.stop = count_bytes,
		.problem = problem,
		.arg = &x,
	};
	struct output *out = NULL;
	enum blk_status st;
	bool sampled = false;

	oo.type = "estimate";
	oo.field = estimate_fields;
	oo.columns = "sizes bytes unique_bytes stored_bytes index_bytes "
	             "segments unique_chunks";
	oo.titles = true;
	for (size_t i = 0; i < r->count; i++)
		e[i].sizes = r->sizes[i];
	st = output_open(&oo, &out, why);
	if (st == BLK_OK)
		st = dedup_estimate(&o, e, r->count, why);
	progress_stop();
	if (st == BLK_ABSENT) { /* of all there is nothing to be read */
		*code = cli_error(c, EXIT_INCOMPLETE,
		    "%s: No such file or directory", c->operand[0]);
		output_free(out);
		return BLK_OK;
	}
	for (size_t i = 0; st == BLK_OK && i < r->count; i++) {
		st = print_estimate(out, &e[i], why);
		sampled = sampled || e[i].sampled;
	}
	if (sampled)
		cli_note(c, 0,
		    "figures are from a sample: all ids would take more than "
		    "--max-memory");
	if (st == BLK_OK)
		st = end_estimates(out, &e[0], why);
	output_free(out);
	if (x.incomplete)
		*code = EXIT_INCOMPLETE;
	return st;
}

/* --- --apply --- */

static const struct output_field applied_fields[] = {
	{ .name = "what" },
	{ .name = NULL },
};

static enum blk_status
print_applied(struct cli *c, const struct dedup_applied *a, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;

	if (!c->common.json) {
		cli_note(c, 0,
		    "%s %ju objects of %ju bytes anew; stored bytes %ju, "
		    "before %ju%s",
		    c->common.dry_run ? "would cut" : "cut",
		    (uintmax_t)a->objects, (uintmax_t)a->bytes,
		    (uintmax_t)a->stored_then, (uintmax_t)a->stored,
		    a->unfinished ? "; run again for the rest" : "");
		return BLK_OK;
	}
	o.type = "none";
	o.field = applied_fields;
	o.columns = "what";
	st = output_open(&o, &out, why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "objects", a->objects);
		output_u64(out, "bytes", a->bytes);
		output_u64(out, "live_before", a->before);
		output_u64(out, "live_after", a->after);
		output_u64(out, "stored_before", a->stored);
		output_u64(out, "stored_after", a->stored_then);
		output_bool(out, "unfinished", a->unfinished);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

struct watch {
	struct cli *cli;
	struct progress *progress;
	const char *phase; /* NULL: it did not begin */
};

/* Each phase counts its own items. */
static bool
watch(void *arg, const struct dedup_step *step)
{
	struct watch *w = arg;
	struct progress *p = w->progress;

	if (w->phase == NULL || strcmp(w->phase, step->phase) != 0) {
		progress_phase(p, step->phase, step->unit);
		cli_note(w->cli, 1, "%s", step->phase);
	}
	w->phase = step->phase;
	atomic_store(&p->files, step->done);
	atomic_store(&p->total_files, step->all);
	atomic_store(&p->bytes, step->bytes);
	atomic_store(&p->total_bytes, step->all_bytes);
	return cli_stop_requested(NULL);
}

static enum blk_status
apply(
    struct cli *c, const struct request *r, struct opened *o, struct fault *why)
{
	struct watch w = { .cli = c, .progress = cli_progress(c) };
	const struct dedup_apply_options a = { .max_time_ms = r->max_time_ms,
		.max_memory = c->common.max_memory,
		.dry_run = c->common.dry_run,
		.step = watch,
		.arg = &w };
	struct dedup_applied done = { .objects = 0 };
	enum blk_status st = open_store(c, false, NULL, o, why);

	if (st == BLK_OK)
		st = dedup_apply(o->store, &a, &done, why);
	if (st == BLK_OK)
		cli_reraise();
	return st == BLK_OK ? print_applied(c, &done, why) : st;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	struct request r;
	enum blk_status st;
	struct cli c;
	int code = EXIT_DONE;

	cli_begin(&c, &blk_dedup, argc, argv);
	r = parse(&c);
	cli_catch_stop();
	if (r.chunks)
		st = chunks(&c, &r, &code, &why);
	else if (r.estimate)
		st = estimate(&c, &r, &code, &why);
	else if (r.apply)
		st = apply(&c, &r, &o, &why);
	else if ((st = open_store(&c, false, NULL, &o, &why)) == BLK_OK)
		st = dedup_report_print(&c, o.store, &why);
	open_close(&o);
	return cli_end(&c, st == BLK_OK ? code : cli_fail(&c, st, &why));
}

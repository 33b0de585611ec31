/*
 * blk-check - prove that every byte is there; rebuild and repair.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "bytes.h"
#include "check.h"
#include "cli.h"
#include "file.h"
#include "log.h"
#include "open.h"
#include "when.h"

enum {
	OPT_READ_DATA = CLI_LONG,
	OPT_MAX_AGE,
	OPT_MAX_TIME,
	OPT_REBUILD,
	OPT_REPAIR,
	OPT_FROM,
	OPT_DROP,
	OPT_ACCEPT,
};

static const struct cli_option options[] = {
	{ .id = OPT_READ_DATA,
	    .name = "read-data",
	    .arg = "SHARE",
	    .optional = true,
	    .help = "read the data too: all, or 5%, 10G, N/T of it" },
	{ .id = OPT_MAX_AGE,
	    .name = "max-age",
	    .arg = "DURATION",
	    .help = "leave out what was read within this time" },
	{ .id = OPT_MAX_TIME,
	    .name = "max-time",
	    .arg = "DURATION",
	    .help = "end after this time" },
	{ .id = OPT_REBUILD,
	    .name = "rebuild-index",
	    .help = "make the index anew from the log and the segments" },
	{ .id = OPT_REPAIR,
	    .name = "repair",
	    .help = "save, fetch or give up what is damaged" },
	{ .id = OPT_FROM,
	    .name = "from",
	    .arg = "SOURCE",
	    .help = "a store or directory that may have what is missing" },
	{ .id = OPT_DROP,
	    .name = "drop-damaged",
	    .help = "remove damaged files" },
	{ .id = OPT_ACCEPT,
	    .name = "accept-loss",
	    .help = "step over commits that are found nowhere" },
	{ .name = NULL },
};

static const struct cli_command blk_check = {
	.name = "blk-check",
	.usage = "[OPTION]...",
	.about = "Verify a store, rebuild its index, repair it.",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

struct request {
	struct check_options check;
	bool rebuild, repair, drop, accept;
	const char **from; /* owned array, borrowed texts */
	size_t froms;
};

/* --- parsing --- */

static uint64_t
seconds(const struct cli *c, const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct when_span span;

	if (when_duration(arg, &span, &why) != BLK_OK)
		cli_usage(c, "--%s: %s", option, why.text);
	return (uint64_t)span.seconds +
	    ((uint64_t)span.days + 30 * (uint64_t)span.months) * 86400;
}

/* "5%", "10G", "2/7" or nothing. */
static void
parse_share(const struct cli *c, const char *arg, struct check_options *o)
{
	char text[64];
	char *slash, *percent;

	o->share = CHECK_ALL;
	if (arg == NULL)
		return;
	snprintf(text, sizeof(text), "%s", arg);
	slash = strchr(text, '/');
	percent = strchr(text, '%');
	if (slash != NULL) {
		*slash = '\0';
		o->share = CHECK_PART;
		o->parts = cli_number(c, "read-data", slash + 1, 1, UINT32_MAX);
		o->amount = cli_number(c, "read-data", text, 1, o->parts);
	} else if (percent != NULL && percent[1] == '\0') {
		*percent = '\0';
		o->share = CHECK_PERCENT;
		o->amount = cli_number(c, "read-data", text, 0, 100);
	} else {
		o->share = CHECK_BYTES;
		o->amount = cli_size(c, "read-data", text);
	}
}

static void
parse_option(struct cli *c, int id, const char *arg, struct request *r)
{
	switch (id) {
	case OPT_READ_DATA:
		parse_share(c, arg, &r->check);
		break;
	case OPT_MAX_AGE:
		r->check.max_age = (int64_t)seconds(c, "max-age", arg);
		break;
	case OPT_MAX_TIME:
		r->check.max_time_ms =
		    (int64_t)seconds(c, "max-time", arg) * 1000;
		break;
	case OPT_REBUILD:
		r->rebuild = true;
		break;
	case OPT_REPAIR:
		r->repair = true;
		break;
	case OPT_FROM:
		r->from[r->froms++] = arg;
		break;
	case OPT_DROP:
		r->drop = true;
		break;
	case OPT_ACCEPT:
		r->accept = true;
		break;
	default:
		break;
	}
}

static struct request
parse(struct cli *c)
{
	struct request r = { .rebuild = false };
	const char *arg;

	r.from = calloc((size_t)c->argc + 1, sizeof(*r.from));
	if (r.from == NULL)
		exit(cli_error(c, EXIT_FAILED, "out of memory"));
	for (int id; (id = cli_next(c, &arg)) != 0;)
		parse_option(c, id, arg, &r);
	cli_operands(c, 0, 0);
	if (!r.repair && (r.froms > 0 || r.drop || r.accept))
		cli_usage(c,
		    "--from, --drop-damaged and --accept-loss go "
		    "with --repair");
	if (r.check.share == CHECK_NONE &&
	    (r.check.max_age > 0 || r.check.max_time_ms > 0))
		r.check.share = CHECK_ALL;
	r.check.jobs = c->common.jobs;
	r.check.max_memory = c->common.max_memory;
	r.check.remember = !c->common.dry_run;
	return r;
}

/* --- telling --- */

/* Text is a line that is put together here; JSON has fields of its own. */
static const struct output_field fields[] = {
	{ .name = "line" },
	{ .name = NULL },
};

struct telling {
	struct cli *c;
	struct output *out;
	struct progress *progress;
	uint64_t shown; /* bytes that the progress knows */
	bool expected;
	enum blk_status st; /* of what was told */
	struct fault why;
};

/* "segment: KEY: ID: NAME@1:PATH: message", without what is not known. */
static enum blk_status
tell_text(
    const struct telling *t, const struct check_finding *f, struct fault *why)
{
	struct buf line = BUF_INIT(1 << 20);
	char hex[DIGEST_HEX] = "";
	enum blk_status st;

	if (f->has_id)
		digest_hex(&f->id, hex);
	st = buf_printf(&line, why, "%s: %s%s%s%s%s%s%s%s%s",
	    check_what_name(f->what), f->where, f->where[0] != '\0' ? ": " : "",
	    hex, f->has_id ? ": " : "", f->version != NULL ? f->version : "",
	    f->path != NULL ? ":" : "", f->path != NULL ? f->path : "",
	    f->version != NULL ? ": " : "", f->message);
	if (st == BLK_OK) {
		output_begin(t->out, "finding");
		output_bytes(t->out, "line", (char *)line.data, line.len);
		st = output_end(t->out, why);
	}
	buf_release(&line);
	return st;
}

static enum blk_status
tell_json(
    const struct telling *t, const struct check_finding *f, struct fault *why)
{
	char hex[DIGEST_HEX];

	output_begin(t->out, "finding");
	output_string(t->out, "what", check_what_name(f->what));
	output_string(t->out, "where", f->where);
	if (f->has_id) {
		digest_hex(&f->id, hex);
		output_string(t->out, "id", hex);
	}
	if (f->version != NULL)
		output_bytes(t->out, "version", f->version, strlen(f->version));
	if (f->path != NULL)
		output_bytes(t->out, "path", f->path, strlen(f->path));
	output_string(t->out, "message", f->message);
	return output_end(t->out, why);
}

static void
tell(void *arg, const struct check_finding *f)
{
	struct telling *t = arg;
	enum blk_status st;

	progress_hide();
	st = t->c->common.json ? tell_json(t, f, &t->why)
	                       : tell_text(t, f, &t->why);
	if (t->st == BLK_OK)
		t->st = st;
	progress_show();
}

static bool
step(void *arg, uint64_t done, uint64_t all)
{
	struct telling *t = arg;

	if (!t->expected)
		progress_expect(t->progress, 0, all);
	t->expected = true;
	progress_bytes(t->progress, done - t->shown);
	t->shown = done;
	return cli_stop_requested(NULL);
}

static enum blk_status
summarize(struct telling *t, const struct check_report *r,
    const struct repair_report *p, struct fault *why)
{
	enum blk_status st;

	if (!t->c->common.json) {
		cli_note(t->c, 1,
		    "%ju commits, %ju segments, %ju versions, %ju references",
		    (uintmax_t)r->commits, (uintmax_t)r->segments,
		    (uintmax_t)r->versions, (uintmax_t)r->references);
		return BLK_OK;
	}
	output_begin(t->out, "summary");
	output_u64(t->out, "commits", r->commits);
	output_u64(t->out, "checkpoints", r->checkpoints);
	output_u64(t->out, "segments", r->segments);
	output_u64(t->out, "objects", r->objects);
	output_u64(t->out, "versions", r->versions);
	output_u64(t->out, "references", r->references);
	output_u64(t->out, "read_segments", r->read_segments);
	output_u64(t->out, "read_bytes", r->read_bytes);
	output_u64(t->out, "read_objects", r->read_objects);
	output_u64(t->out, "findings", r->findings);
	output_bool(t->out, "unfinished", r->unfinished);
	if (p != NULL) {
		output_u64(t->out, "repaired_segments", p->segments);
		output_u64(t->out, "saved", p->saved);
		output_u64(t->out, "fetched", p->fetched);
		output_u64(t->out, "lost", p->lost);
		output_u64(t->out, "commits_restored", p->commits);
		output_u64(t->out, "dropped", p->dropped);
	}
	st = output_end(t->out, why);
	return st;
}

/* --- repair --- */

static void
say_note(void *arg, const char *text)
{
	cli_warn(arg, "%s", text);
}

static bool
is_store(const char *source)
{
	char config[4096];
	struct stat sb;

	if (backend_has_scheme(source))
		return true;
	snprintf(config, sizeof(config), "%s/log", source);
	return stat(config, &sb) == 0 && S_ISDIR(sb.st_mode);
}

struct sources {
	struct store **store;
	size_t stores;
	const char **dir;
	size_t dirs;
};

static enum blk_status
look_for_dir(const char *path, struct fault *why)
{
	int fd;
	enum blk_status st = file_open_dir(AT_FDCWD, path, &fd, why);

	if (st == BLK_ABSENT)
		return fault(
		    why, BLK_INVALID, "%s: no such store or directory", path);
	if (st == BLK_OK)
		close(fd);
	return st;
}

static enum blk_status
open_sources(struct cli *c, const struct request *r,
    const struct opened *opened, struct sources *x, struct fault *why)
{
	const struct store_options like = {
		.cache_dir = cli_cache(c),
		.host = opened->host,
		.program = opened->program,
		.lock_wait_ms = (int)(c->common.lock_wait > INT32_MAX
		        ? INT32_MAX
		        : c->common.lock_wait),
		.max_memory = c->common.max_memory / 2,
	};
	enum blk_status st = BLK_OK;

	x->store = calloc(r->froms + 1, sizeof(struct store *));
	x->dir = calloc(r->froms + 1, sizeof(const char *));
	if (x->store == NULL || x->dir == NULL)
		return fault_nomem(why);
	for (size_t i = 0; st == BLK_OK && i < r->froms; i++) {
		struct store_options o = like;

		if (!is_store(r->from[i])) {
			st = look_for_dir(r->from[i], why);
			x->dir[x->dirs++] = r->from[i];
			continue;
		}
		o.url = r->from[i];
		o.index_dir = NULL;
		st = store_open(&o, &x->store[x->stores], why);
		x->stores += st == BLK_OK;
	}
	return st;
}

static void
close_sources(struct sources *x)
{
	for (size_t i = 0; i < x->stores; i++)
		store_close(x->store[i]);
	free(x->store);
	free(x->dir);
}

/*
 * A source that is not there is refused before the store is looked at, not only
 * where something is damaged.  The stores are opened again for the repair: a
 * check may take hours.
 */
static enum blk_status
try_sources(struct cli *c, const struct request *r, const struct opened *opened,
    struct fault *why)
{
	struct sources x = { .store = NULL };
	enum blk_status st = open_sources(c, r, opened, &x, why);

	close_sources(&x);
	return st;
}

static enum blk_status
repair(struct cli *c, const struct request *r, struct opened *opened,
    struct repair_report *p, struct fault *why)
{
	struct sources x = { .store = NULL };
	enum blk_status st = open_sources(c, r, opened, &x, why);
	struct repair_options o = {
		.from = x.store,
		.froms = x.stores,
		.dir = x.dir,
		.dirs = x.dirs,
		.drop_damaged = r->drop,
		.accept_loss = r->accept,
		.dry_run = c->common.dry_run,
		.note = say_note,
		.arg = c,
	};

	if (st == BLK_OK)
		st = check_repair(opened->store, &o, p, why);
	close_sources(&x);
	if (st == BLK_OK && (p->segments > 0 || p->commits > 0))
		cli_note(c, 0,
		    "%s %ju segments: %ju objects saved, %ju fetched, %ju "
		    "lost; %ju commits put back",
		    c->common.dry_run ? "would repair" : "repaired",
		    (uintmax_t)p->segments, (uintmax_t)p->saved,
		    (uintmax_t)p->fetched, (uintmax_t)p->lost,
		    (uintmax_t)p->commits);
	return st;
}

/* --- the whole --- */

static int
verdict(const struct repair_report *p, const struct check_report *left)
{
	return p->lost > 0 || left->findings > 0 ? EXIT_CORRUPT : EXIT_DONE;
}

static enum blk_status
make_index(struct cli *c, struct store *s, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (!c->common.dry_run)
		st = store_rebuild(s, why);
	if (st == BLK_OK)
		cli_note(c, 0, "%s the index again",
		    c->common.dry_run ? "would make" : "made");
	return st;
}

static enum blk_status
run(struct telling *t, struct request *r, struct opened *o, int *code,
    struct fault *why)
{
	struct check_report found = { .findings = 0 }, left; /* by a repair */
	struct repair_report p = { .segments = 0 };
	struct cli *c = t->c;
	enum blk_status st;

	st = open_store(c, false, NULL, o, why);
	if (st == BLK_OK && r->froms > 0)
		st = try_sources(c, r, o, why);
	if (st == BLK_OK && r->rebuild)
		st = make_index(c, o->store, why);
	if (st == BLK_OK)
		st = check_run(o->store, &r->check, &found, why);
	/* Where nothing else is wrong, or only rows say so: what is damaged is
	 * looked for with the help of what the index still knows. */
	if (st == BLK_OK && r->repair && found.of_index > 0 &&
	    found.of_index + found.by_index == found.findings)
		st = make_index(c, o->store, why);
	left = found;
	if (st == BLK_OK && r->repair) {
		st = repair(c, r, o, &p, why);
		if (st == BLK_OK && found.findings > 0 && !c->common.dry_run) {
			struct check_options quick = r->check;

			quick.finding = NULL;
			quick.share = CHECK_NONE;
			st = check_run(o->store, &quick, &left, why);
		}
	}
	if (st == BLK_OK)
		st = summarize(t, &found, r->repair ? &p : NULL, why);
	if (st == BLK_OK)
		*code = verdict(&p, &left);
	return st;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	struct telling t = { .out = NULL };
	struct output_options oo;
	struct request r;
	enum blk_status st;
	struct cli c;
	int code = EXIT_DONE;

	cli_begin(&c, &blk_check, argc, argv);
	r = parse(&c);
	cli_catch_stop();
	t.c = &c;
	oo = cli_output(&c);
	oo.type = "finding";
	oo.field = fields;
	oo.format = "%(line)";
	st = output_open(&oo, &t.out, &why);
	t.progress = cli_progress(&c);
	r.check.finding = tell;
	r.check.progress = step;
	r.check.arg = &t;
	if (st == BLK_OK)
		st = run(&t, &r, &o, &code, &why);
	if (st == BLK_OK && t.st != BLK_OK) {
		st = t.st;
		why = t.why;
	}
	if (st == BLK_OK)
		st = output_finish(t.out, &why);
	output_free(t.out);
	open_close(&o);
	free(r.from);
	return cli_end(&c, st == BLK_OK ? code : cli_fail(&c, st, &why));
}

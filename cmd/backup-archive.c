/*
 * blk-backup export, import - snapshots to and from archives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archives.h"
#include "open.h"
#include "outfile.h"
#include "snapshots.h"
#include "versions.h"

enum {
	OPT_FORMAT = CLI_LONG,
	OPT_TAG,
	OPT_ZIP,
	OPT_MAX_SIZE,
	OPT_ALL_XATTRS,
	OPT_HOST,
};

/* What both tell of. */
struct run {
	struct cli *c;
	const char *whole; /* what a problem of no path is about */
	struct progress *progress;
	struct archives_totals totals;
};

static void
problem(void *arg, struct span path, const char *reason)
{
	const struct run *r = arg;

	if (path.len == 0)
		path = span_str(r->whole);
	cli_error(
	    r->c, EXIT_INCOMPLETE, "%.*s: %s", (int)path.len, path.p, reason);
}

static bool
follow(void *arg)
{
	struct run *r = arg;
	struct progress *p = r->progress;

	atomic_store_explicit(&p->files,
	    __atomic_load_n(&r->totals.files, __ATOMIC_RELAXED),
	    memory_order_relaxed);
	atomic_store_explicit(&p->bytes,
	    __atomic_load_n(&r->totals.bytes, __ATOMIC_RELAXED),
	    memory_order_relaxed);
	return cli_stop_requested(NULL);
}

static void
put_totals(struct output *out, const struct archives_totals *t)
{
	output_u64(out, "files", t->files);
	output_u64(out, "dirs", t->dirs);
	output_u64(out, "others", t->others);
	output_u64(out, "links", t->links);
	output_u64(out, "bytes", t->bytes);
	output_u64(out, "problems", t->problems);
}

/* --- export --- */

static const struct cli_option export_options[] = {
	{ .id = OPT_FORMAT,
	    .name = "format",
	    .arg = "tar|zip|cpio",
	    .help = "what to write (default: tar)" },
	{ .id = 'o',
	    .name = "output",
	    .arg = "FILE",
	    .help = "write to FILE; - is standard output" },
	{ .id = 'S',
	    .name = "sparse",
	    .help = "tar: leave long runs of zeros out, as holes" },
	{ .name = NULL },
};

struct export
{
	struct run run;
	struct archives_export_options o;
	const char *output; /* NULL: stdout, unless it is a terminal */
};

static bool
to_file(const struct export *e)
{
	return e->output != NULL && strcmp(e->output, "-") != 0;
}

static void
parse_export(struct cli *c, struct export *e)
{
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (id == 'o')
			e->output = arg;
		else if (id == 'S')
			e->o.sparse = true;
		else if (!archives_format_of(arg, &e->o.format))
			cli_usage(
			    c, "--format: '%s' is not tar, zip or cpio", arg);
	}
	cli_operands(c, 1, 1);
	if (!to_file(e))
		cli_binary(c, e->output != NULL);
	e->o.jobs = c->common.jobs;
	e->o.problem = problem;
	e->o.stop = follow;
	e->o.arg = &e->run;
	e->o.totals = &e->run.totals;
}

/* With the archive on stdout there is no room for results. */
static enum blk_status
report_export(const struct export *e, struct fault *why)
{
	struct output_options o = cli_output(e->run.c);
	struct output *out = NULL;
	enum blk_status st;

	if (!to_file(e) || !e->run.c->common.json)
		return BLK_OK;
	o.type = "archive";
	st = output_open(&o, &out, why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		put_totals(out, &e->run.totals);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

/*
 * A zip has local times beside those in seconds: one zone for all, so that
 * the same snapshot is the same bytes everywhere.  Behind the REF, whose times
 * are local ones; and ahead of the first thread, for it changes the
 * environment.
 */
static enum blk_status
settle_zone(const struct export *e, struct fault *why)
{
	if (e->o.format != ARCHIVES_ZIP)
		return BLK_OK;
	if (setenv("TZ", "UTC0", 1) == -1)
		return fault_sys(why, "the time zone");
	tzset();
	return BLK_OK;
}

static enum blk_status
export_place(
    struct export *e, struct store *s, const char *ref, struct fault *why)
{
	struct outfile file = OUTFILE_NONE;
	struct snapshot_place p;
	enum blk_status st = snapshot_place_find(s, ref, &p, why);

	if (st == BLK_OK)
		st = settle_zone(e, why);
	if (st == BLK_OK)
		e->run.progress = cli_progress(e->run.c);
	e->o.fd = STDOUT_FILENO;
	e->o.fd_name = to_file(e) ? e->output : "standard output";
	if (st == BLK_OK && to_file(e)) {
		st = outfile_open(e->output, &file, why);
		e->o.fd = file.fd;
	}
	if (st == BLK_OK) {
		e->o.path = span_str(p.path);
		e->o.names = p.v.snap.root != NULL ? &p.v.snap : NULL;
		progress_expect(
		    e->run.progress, p.v.snap.files, p.v.snap.bytes);
		st = archives_export(s, &p.e, p.bare, &e->o, why);
		if (st == BLK_ABSENT)
			st = fault(why, st, "%s: is no longer there", ref);
	}
	if (st == BLK_OK && to_file(e))
		st = outfile_commit(&file, why);
	outfile_release(&file);
	snapshot_place_release(&p);
	return st;
}

static int
run_export(struct cli *c)
{
	struct export e = { .run = { .c = c } };
	struct opened o = { .store = NULL };
	struct fault why = FAULT_NONE;
	enum blk_status st;
	int code = EXIT_DONE;

	parse_export(c, &e);
	e.run.whole = c->operand[0];
	cli_catch_stop();
	st = open_store(c, false, NULL, &o, &why);
	if (st == BLK_OK)
		st = store_hold(o.store, &why);
	if (st == BLK_OK)
		st = export_place(&e, o.store, c->operand[0], &why);
	open_close(&o);
	cli_reraise();
	if (st == BLK_OK)
		st = report_export(&e, &why);
	if (st != BLK_OK)
		code = cli_fail(c, st, &why);
	else if (e.run.totals.problems > 0)
		code = EXIT_INCOMPLETE;
	return cli_end(c, code);
}

const struct cli_command backup_export_command = {
	.name = "export",
	.usage = "[OPTION]... REF[:PATH]",
	.about = "write a snapshot as an archive",
	.option = export_options,
	.common = CLI_COMMON,
	.run = run_export,
};

/* --- import --- */

static const struct cli_option import_options[] = {
	{ .id = 'N',
	    .name = "name",
	    .arg = "NAME",
	    .help = "the name that gets the snapshot as its next version" },
	{ .id = OPT_TAG,
	    .name = "tag",
	    .arg = "TAG",
	    .help = "a word to find it or keep it by" },
	{ .id = OPT_HOST,
	    .name = "host",
	    .arg = "NAME",
	    .help = "the machine that it is of (default: this one)" },
	{ .id = OPT_ZIP,
	    .name = "zip",
	    .help = "the archive may be a zip, not only tar or cpio" },
	{ .id = OPT_ALL_XATTRS,
	    .name = "all-xattrs",
	    .help = "take trusted.* and all of security.* too" },
	{ .id = OPT_MAX_SIZE,
	    .name = "max-size",
	    .arg = "SIZE",
	    .help = "refuse archives of more bytes of files (default: 1T)" },
	{ .name = NULL },
};

struct import {
	struct run run;
	struct archives_import_options o;
	struct snapshot_list tags;
	char *path, *name; /* owned: of and from the file */
	int fd;
};

/* Does text end in one of these?  Then its length without it. */
static size_t
without(const char *text, size_t len, const char *const *suffix)
{
	for (; *suffix != NULL; suffix++) {
		size_t n = strlen(*suffix);

		if (len > n && memcmp(text + len - n, *suffix, n) == 0)
			return len - n;
	}
	return len;
}

/* "etc" of "backup/etc.tar.gz"; owned by i. */
static const char *
name_of_file(struct cli *c, struct import *i, const char *file)
{
	static const char *const pack[] = { ".gz", ".bz2", ".xz", ".zst",
		".lz4", ".Z", NULL };
	static const char *const archive[] = { ".tar", ".cpio", ".zip", ".tgz",
		".tbz2", ".txz", NULL };
	const char *slash;
	size_t len;

	if (file == NULL || strcmp(file, "-") == 0)
		cli_usage(c, "the snapshot needs a name: -N NAME");
	slash = strrchr(file, '/');
	if (slash != NULL)
		file = slash + 1;
	len = without(file, without(file, strlen(file), pack), archive);
	i->name = strndup(file, len);
	if (i->name == NULL)
		exit(cli_error(c, EXIT_FAILED, "out of memory"));
	return i->name;
}

static void
parse_import(struct cli *c, struct import *i)
{
	struct fault why = FAULT_NONE;
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (id == 'N')
			i->o.name = arg;
		else if (id == OPT_TAG)
			snapshot_tags_add(c, &i->tags, arg);
		else if (id == OPT_ZIP)
			i->o.zip = true;
		else if (id == OPT_HOST)
			i->o.host = snapshot_host(c, arg);
		else if (id == OPT_ALL_XATTRS)
			i->o.privileged_xattrs = true;
		else
			i->o.max_bytes = cli_size(c, "max-size", arg);
	}
	cli_operands(c, 0, 1);
	if (i->o.name == NULL)
		i->o.name = name_of_file(c, i, c->operand[0]);
	if (version_check_name(span_str(i->o.name), &why) != BLK_OK)
		cli_usage(c, "-N: %s", why.text);
	i->o.tag = (const char *const *)i->tags.item;
	i->o.tags = i->tags.count;
	i->o.dry_run = c->common.dry_run;
	i->o.jobs = c->common.jobs;
	i->o.max_memory = c->common.max_memory;
	i->o.problem = problem;
	i->o.stop = follow;
	i->o.arg = &i->run;
	i->o.totals = &i->run.totals;
}

static enum blk_status
open_archive(struct import *i, const char *file, struct fault *why)
{
	i->o.path = "-";
	i->run.whole = i->o.file = "standard input";
	i->fd = STDIN_FILENO;
	if (file == NULL || strcmp(file, "-") == 0)
		return BLK_OK;
	i->run.whole = i->o.file = file;
	i->fd = open(file, O_RDONLY | O_CLOEXEC);
	i->path = realpath(file, NULL);
	i->o.path = i->path;
	if (i->fd == -1 || i->path == NULL)
		return fault_sys(why, "%s", file);
	return BLK_OK;
}

static enum blk_status
report_import(
    const struct import *i, const struct archives_result *r, struct fault *why)
{
	static const struct output_field fields[] = {
		{ .name = "snapshot_id" },
		{ .name = NULL },
	};
	const struct archives_totals *t = &i->run.totals;
	struct output_options o = cli_output(i->run.c);
	bool dry_run = i->o.dry_run;
	struct output *out = NULL;
	char hex[DIGEST_HEX], tree[DIGEST_HEX];
	enum blk_status st;

	if (dry_run)
		cli_note(i->run.c, 0,
		    "would store %ju files of %ju bytes as a version of %s",
		    (uintmax_t)t->files, (uintmax_t)t->bytes, i->o.name);
	o.type = "snapshot";
	o.field = fields;
	o.format = "%(snapshot_id)";
	digest_hex(&r->snapshot, hex);
	digest_hex(&r->tree, tree);
	st = output_open(&o, &out, why);
	if (st == BLK_OK && !dry_run && !i->run.c->common.json &&
	    !i->run.c->common.quiet) {
		output_begin(out, "snapshot");
		output_string(out, "snapshot_id", hex);
		st = output_end(out, why);
	}
	if (st == BLK_OK) {
		output_begin(out, "summary");
		put_totals(out, &i->run.totals);
		output_bool(out, "dry_run", dry_run);
		if (!dry_run) {
			output_string(out, "snapshot_id", hex);
			output_string(out, "tree_id", tree);
			output_u64(out, "version", r->number);
		}
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static int
run_import(struct cli *c)
{
	struct import i = { .run = { .c = c }, .fd = -1 };
	struct opened o = { .store = NULL };
	struct fault why = FAULT_NONE;
	struct archives_result r;
	enum blk_status st;
	int code = EXIT_DONE;

	parse_import(c, &i);
	cli_catch_stop();
	i.run.progress = cli_progress(c);
	st = open_archive(&i, c->operand[0], &why);
	if (st == BLK_OK)
		st = open_store(c, false, NULL, &o, &why);
	if (st == BLK_OK)
		st = archives_import(o.store, i.fd, &i.o, &r, &why);
	if (st == BLK_INVALID) /* what is wrong with it, without its name */
		st = fault_in(&why, st, "%s", i.run.whole);
	open_close(&o);
	if (st == BLK_OK)
		st = report_import(&i, &r, &why);
	else
		cli_reraise();
	if (st != BLK_OK)
		code = cli_fail(c, st, &why);
	else if (i.run.totals.problems > 0)
		code = EXIT_INCOMPLETE;
	if (i.fd > STDERR_FILENO)
		close(i.fd);
	free(i.path);
	free(i.name);
	snapshot_tags_release(&i.tags);
	return cli_end(c, code);
}

const struct cli_command backup_import_command = {
	.name = "import",
	.usage = "[OPTION]... [FILE]",
	.about = "make a snapshot of an archive",
	.option = import_options,
	.common = CLI_COMMON | CLI_DRY_RUN,
	.run = run_import,
};

/*
 * blk-backup restore - trees back to a file system.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "open.h"
#include "restore.h"
#include "snapshots.h"

enum {
	OPT_INCLUDE = CLI_LONG,
	OPT_EXCLUDE,
	OPT_OVERWRITE,
	OPT_DELETE,
	OPT_SAME_OWNER,
	OPT_DEVICES,
	OPT_VERIFY,
	OPT_SPARSE,
};

static const struct cli_option options[] = {
	{ .id = 't',
	    .name = "target",
	    .arg = "DIR",
	    .help = "where to; made if it does not exist" },
	{ .id = OPT_INCLUDE,
	    .name = "include",
	    .arg = "PATTERN",
	    .help = "only what matches" },
	{ .id = OPT_EXCLUDE,
	    .name = "exclude",
	    .arg = "PATTERN",
	    .help = "not what matches" },
	{ .id = OPT_OVERWRITE,
	    .name = "overwrite",
	    .arg = "if-changed|always|if-newer|never",
	    .help = "what becomes of files that are there (default: "
	            "if-changed)" },
	{ .id = OPT_DELETE,
	    .name = "delete",
	    .help = "remove what is in the target and not in the snapshot" },
	{ .id = OPT_SAME_OWNER,
	    .name = "same-owner",
	    .help = "set owners, also as an ordinary user" },
	{ .id = OPT_DEVICES, .name = "devices", .help = "make devices too" },
	{ .id = OPT_SPARSE,
	    .name = "sparse",
	    .arg = "always|never",
	    .help = "leave holes where all is zero, or write the zeros "
	            "(default: always)",
	    .optional = true },
	{ .id = OPT_VERIFY,
	    .name = "verify",
	    .help = "read back what was written, and compare" },
	{ .name = NULL },
};

struct restoring {
	struct cli *c;
	struct restore_options o;
	struct filter *include, *exclude;
	struct restore_totals totals;
	struct progress *progress;
	struct output *out;
	enum blk_status out_st; /* of what item printed */
	struct fault out_why;
	const char *ref;
};

/* --- options --- */

static void
add_pattern(const struct cli *c, struct filter **f, const char *option,
    const char *pattern)
{
	struct fault why = FAULT_NONE;
	enum blk_status st = BLK_OK;

	if (*f == NULL)
		st = filter_new(f, &why);
	if (st == BLK_OK)
		st = filter_add(*f, span_str(pattern), 0, &why);
	if (st == BLK_INVALID)
		cli_usage(c, "--%s: %s", option, why.text);
	if (st != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
}

static enum restore_overwrite
overwrite_of(const struct cli *c, const char *arg)
{
	static const char *const word[] = {
		[RESTORE_IF_CHANGED] = "if-changed",
		[RESTORE_ALWAYS] = "always",
		[RESTORE_IF_NEWER] = "if-newer",
		[RESTORE_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (strcmp(arg, word[i]) == 0)
			return (enum restore_overwrite)i;
	cli_usage(c,
	    "--overwrite: '%s' is not if-changed, always, if-newer or never",
	    arg);
}

static bool
sparse_of(const struct cli *c, const char *arg)
{
	if (arg == NULL || strcmp(arg, "always") == 0)
		return true;
	if (strcmp(arg, "never") != 0)
		cli_usage(c, "--sparse: '%s' is not always or never", arg);
	return false;
}

static void
take(struct cli *c, struct restoring *r, int id, const char *arg)
{
	switch (id) {
	case 't':
		r->o.target = arg;
		break;
	case OPT_INCLUDE:
		add_pattern(c, &r->include, "include", arg);
		break;
	case OPT_EXCLUDE:
		add_pattern(c, &r->exclude, "exclude", arg);
		break;
	case OPT_OVERWRITE:
		r->o.overwrite = overwrite_of(c, arg);
		break;
	case OPT_DELETE:
		r->o.delete_others = true;
		break;
	case OPT_SAME_OWNER:
		r->o.same_owner = true;
		break;
	case OPT_DEVICES:
		r->o.devices = true;
		break;
	case OPT_SPARSE:
		r->o.sparse = sparse_of(c, arg);
		break;
	default:
		r->o.verify = true;
	}
}

static void
parse(struct cli *c, struct restoring *r)
{
	const char *arg;

	r->o.same_owner = geteuid() == 0;
	r->o.sparse = true;
	for (int id; (id = cli_next(c, &arg)) != 0;)
		take(c, r, id, arg);
	cli_operands(c, 1, CLI_ANY);
	if (r->o.target == NULL || r->o.target[0] == '\0')
		cli_usage(c, "where to? give -t DIR");
	if (r->o.delete_others && c->operands > 1)
		cli_usage(c,
		    "--delete takes one REF: what others restored "
		    "would go");
	r->o.include = r->include;
	r->o.exclude = r->exclude;
	r->o.dry_run = c->common.dry_run;
	r->o.jobs = c->common.jobs;
	r->o.max_memory = c->common.max_memory;
}

/* --- telling --- */

static const struct output_field fields[] = {
	{ .name = "action" },
	{ .name = "path" },
	{ .name = NULL },
};

static void
item(void *arg, enum restore_action what, struct span path)
{
	static const char *const word[] = {
		[RESTORE_MADE] = "made",
		[RESTORE_REPLACED] = "replaced",
		[RESTORE_UPDATED] = "updated",
		[RESTORE_KEPT] = "kept",
		[RESTORE_DELETED] = "deleted",
	};
	struct restoring *r = arg;

	if (r->out_st != BLK_OK || what == RESTORE_KEPT)
		return;
	output_begin(r->out, "item");
	output_string(r->out, "action", word[what]);
	output_bytes(r->out, "path", path.p, path.len);
	r->out_st = output_end(r->out, &r->out_why);
}

static void
problem(void *arg, struct span path, const char *reason)
{
	const struct restoring *r = arg;

	if (path.len == 0) /* what stands at the REF itself */
		path = span_str(r->ref);
	cli_error(
	    r->c, EXIT_INCOMPLETE, "%.*s: %s", (int)path.len, path.p, reason);
}

static bool
follow(void *arg)
{
	struct restoring *r = arg;
	struct progress *p = r->progress;

	atomic_store_explicit(&p->files,
	    __atomic_load_n(&r->totals.files, __ATOMIC_RELAXED),
	    memory_order_relaxed);
	atomic_store_explicit(&p->bytes,
	    __atomic_load_n(&r->totals.bytes, __ATOMIC_RELAXED),
	    memory_order_relaxed);
	return r->out_st != BLK_OK || cli_stop_requested(NULL);
}

static enum blk_status
summarize(struct restoring *r, struct fault *why)
{
	const struct restore_totals *t = &r->totals;
	enum blk_status st;

	output_begin(r->out, "summary");
	output_u64(r->out, "files", t->files);
	output_u64(r->out, "dirs", t->dirs);
	output_u64(r->out, "others", t->others);
	output_u64(r->out, "links", t->links);
	output_u64(r->out, "kept", t->kept);
	output_u64(r->out, "deleted", t->deleted);
	output_u64(r->out, "bytes", t->bytes);
	output_u64(r->out, "bytes_written", t->written);
	output_u64(r->out, "problems", t->problems);
	output_bool(r->out, "dry_run", r->o.dry_run);
	st = output_end(r->out, why);
	if (st == BLK_OK)
		st = output_finish(r->out, why);
	if (st == BLK_OK && !r->c->common.json)
		cli_note(r->c, 1,
		    "%ju files, %ju directories; %ju of %ju bytes written",
		    (uintmax_t)t->files, (uintmax_t)t->dirs,
		    (uintmax_t)t->written, (uintmax_t)t->bytes);
	return st;
}

/* --- restoring --- */

static enum blk_status
restore_found(struct restoring *r, struct store *s,
    const struct snapshot_place *p, struct fault *why)
{
	const struct restore_source source = {
		.entry = &p->e, .bare = p->bare, .path = span_str(p->path)
	};
	const struct snapshot *snap = &p->v.snap;
	enum blk_status st;

	r->o.above = span_str("");
	if (snap->path.count == 1 && snap->path.item[0][0] == '/')
		r->o.above = span_str(snap->path.item[0] + 1);
	if (p->e.type == TREE_DIR && p->path[0] == '\0')
		progress_expect(r->progress, snap->files, snap->bytes);
	st = restore_tree(s, &source, &r->o, why);
	if (st == BLK_ABSENT)
		st = fault(why, st, "%s: is no longer there", r->ref);
	return st;
}

/* Its exit code; a problem of one is none of the others. */
static int
restore_one(struct restoring *r, struct store *s, const char *ref)
{
	struct snapshot_place p;
	struct fault why = FAULT_NONE;
	uint64_t problems = r->totals.problems;
	enum blk_status st;

	r->ref = ref;
	st = snapshot_place_find(s, ref, &p, &why);
	if (st == BLK_OK)
		st = restore_found(r, s, &p, &why);
	snapshot_place_release(&p);
	if (cli_stop_requested(NULL))
		return EXIT_FAILED; /* cli_end dies of the signal */
	if (r->out_st != BLK_OK)
		return cli_fail(r->c, r->out_st, &r->out_why);
	if (st != BLK_OK)
		return cli_fail(r->c, st, &why);
	return r->totals.problems > problems ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int
restore(struct restoring *r, struct fault *why)
{
	struct output_options oo = cli_output(r->c);
	struct opened o = { .store = NULL };
	enum blk_status st;
	int code = -1;

	oo.type = "item";
	oo.field = fields;
	oo.format = "%(action) %(path)";
	st = output_open(&oo, &r->out, why);
	if (st == BLK_OK)
		st = open_store(r->c, false, NULL, &o, why);
	if (st == BLK_OK)
		st = store_hold(o.store, why);
	for (char **ref = r->c->operand; st == BLK_OK && *ref != NULL; ref++) {
		code = cli_merge(code, restore_one(r, o.store, *ref));
		if (cli_stop_requested(NULL) || r->out_st != BLK_OK)
			break;
	}
	cli_reraise();
	if (st == BLK_OK && r->out_st == BLK_OK)
		st = summarize(r, why);
	output_free(r->out);
	open_close(&o);
	return st == BLK_OK ? code : cli_fail(r->c, st, why);
}

static int
run(struct cli *c)
{
	struct restoring r = { .c = c };
	struct fault why = FAULT_NONE;
	int code;

	parse(c, &r);
	cli_catch_stop();
	r.progress = cli_progress(c);
	r.o.problem = problem;
	if (r.o.dry_run || c->common.verbose > 0)
		r.o.item = item;
	r.o.stop = follow;
	r.o.arg = &r;
	r.o.totals = &r.totals;
	code = restore(&r, &why);
	filter_free(r.include);
	filter_free(r.exclude);
	return cli_end(c, code);
}

const struct cli_command backup_restore_command = {
	.name = "restore",
	.usage = "-t DIR [OPTION]... REF[:PATH]...",
	.about = "make what is in snapshots anew below a directory",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
	.run = run,
};

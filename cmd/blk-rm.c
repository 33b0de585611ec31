/*
 * blk-rm - drop versions.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "open.h"
#include "rm.h"

enum {
	OPT_ALL = CLI_LONG,
	OPT_KEEP_LAST,
	OPT_KEEP_WITHIN,
	OPT_OLDER_THAN,
};

static const struct cli_option options[] = {
	{ .id = OPT_ALL,
	    .name = "all-versions",
	    .help = "of a name: drop all" },
	{ .id = OPT_KEEP_LAST,
	    .name = "keep-last",
	    .arg = "N",
	    .help = "of a name: drop all but the newest N" },
	{ .id = OPT_KEEP_WITHIN,
	    .name = "keep-within",
	    .arg = "DURATION",
	    .help = "of a name: drop what is older than its newest version by "
	            "more than this" },
	{ .id = OPT_OLDER_THAN,
	    .name = "older-than",
	    .arg = "DURATION",
	    .help = "of a name: drop what is older than this now" },
	{ .id = 'T',
	    .name = "files-from",
	    .arg = "FILE",
	    .help = "read REFs from FILE, one a line; - is standard input" },
	{ .id = 'f',
	    .name = "force",
	    .help = "what does not exist is no error" },
	{ .name = NULL },
};

static const struct cli_command blk_rm = {
	.name = "blk-rm",
	.usage = "[OPTION]... REF...\n"
	         "[OPTION]... --all-versions|--keep-last N NAME...\n"
	         "[OPTION]... --keep-within D|--older-than D NAME...",
	.about = "Drop versions, all or none. blk-gc then frees what nothing "
	         "refers to any more.",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

struct request {
	struct rm_request rm;
	char **owned; /* lines that were read; of rm.ref */
	size_t owned_count;
	size_t cap;
	const char *from;
	bool dry_run;
};

/* --- options --- */

static void
choose(const struct cli *c, struct rm_request *r, enum rm_how how)
{
	if (r->how != RM_ONE)
		cli_usage(c,
		    "give one of --all-versions, --keep-last, "
		    "--keep-within, --older-than");
	r->how = how;
}

static void
take_span(const struct cli *c, struct rm_request *r, enum rm_how how,
    const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	enum blk_status st;

	choose(c, r, how);
	st = how == RM_KEEP_WITHIN ? retention_parse_within(arg, &r->span, &why)
	                           : when_duration(arg, &r->span, &why);
	if (st != BLK_OK)
		cli_usage(c, "%s: %s", option, why.text);
}

static void
take(struct cli *c, struct request *r, int id, const char *arg)
{
	switch (id) {
	case OPT_ALL:
		choose(c, &r->rm, RM_ALL);
		break;
	case OPT_KEEP_LAST:
		choose(c, &r->rm, RM_KEEP_LAST);
		r->rm.keep = cli_number(c, "keep-last", arg, 1, UINT64_MAX);
		break;
	case OPT_KEEP_WITHIN:
		take_span(c, &r->rm, RM_KEEP_WITHIN, "--keep-within", arg);
		break;
	case OPT_OLDER_THAN:
		take_span(c, &r->rm, RM_OLDER_THAN, "--older-than", arg);
		break;
	case 'T':
		r->from = arg;
		break;
	case 'f':
		r->rm.force = true;
		break;
	default:
		break;
	}
}

static struct request
parse(struct cli *c)
{
	struct request r = { .rm = { .how = RM_ONE } };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;)
		take(c, &r, id, arg);
	cli_operands(c, r.from != NULL ? 0 : 1, CLI_ANY);
	r.dry_run = c->common.dry_run;
	r.rm.usage = !c->common.quiet || c->common.json;
	return r;
}

/* --- REFs --- */

static enum blk_status
add_ref(struct request *r, char *ref, struct fault *why)
{
	enum blk_status st;

	st = array_grow(
	    (void **)&r->rm.ref, r->rm.refs, &r->cap, sizeof(*r->rm.ref), why);
	if (st == BLK_OK)
		r->rm.ref[r->rm.refs++] = ref;
	return st;
}

static enum blk_status
read_lines(struct request *r, struct input *in, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char *line, *copy;

	while (st == BLK_OK && (st = input_line(in, &line, why)) == BLK_OK) {
		if (line[0] == '\0')
			continue;
		copy = strdup(line);
		st = copy == NULL ? fault_nomem(why) : add_ref(r, copy, why);
		if (st != BLK_OK)
			free(copy);
		else
			r->owned_count++;
	}
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
read_refs(struct cli *c, struct request *r, struct fault *why)
{
	bool is_stdin = r->from != NULL && strcmp(r->from, "-") == 0;
	struct input in;
	enum blk_status st = BLK_OK;
	int fd = STDIN_FILENO;

	if (r->from != NULL && !is_stdin)
		fd = open(r->from, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return fault_sys(why, "%s", r->from);
	if (r->from != NULL) {
		st = input_init(&in, fd, is_stdin ? "standard input" : r->from,
		    c->common.null ? '\0' : '\n', why);
		if (st == BLK_OK) {
			st = read_lines(r, &in, why);
			input_release(&in);
		}
	}
	if (fd != STDIN_FILENO)
		close(fd);
	for (char **ref = c->operand; st == BLK_OK && *ref != NULL; ref++)
		st = add_ref(r, *ref, why);
	return st;
}

static void
request_release(struct request *r)
{
	for (size_t i = 0; i < r->owned_count; i++)
		free(r->rm.ref[i]);
	free(r->rm.ref);
}

/* --- reporting --- */

static const struct output_field fields[] = {
	{ .name = "ref" },
	{ .name = "name" },
	{ .name = "index" },
	{ .name = "id" },
	{ .name = "size" },
	{ .name = NULL },
};

static enum blk_status
put_drop(struct output *out, const struct rm_drop *d, struct fault *why)
{
	char hex[DIGEST_HEX], *ref;
	enum blk_status st;

	if (version_name_is_id(span_str(d->name)))
		ref = strdup(d->name);
	else if (asprintf(&ref, "%s@%ju", d->name, (uintmax_t)d->number) < 0)
		ref = NULL;
	if (ref == NULL)
		return fault_nomem(why);
	digest_hex(&d->id, hex);
	output_begin(out, "version");
	output_bytes(out, "ref", ref, strlen(ref));
	output_bytes(out, "name", d->name, strlen(d->name));
	output_u64(out, "index", d->number);
	output_string(out, "id", hex);
	output_size(out, "size", d->size);
	st = output_end(out, why);
	free(ref);
	return st;
}

static void
say(const struct cli *c, const struct rm *rm, bool dry_run)
{
	const char *would = dry_run ? "would be dropped" : "dropped";
	char plain[WHEN_TEXT], stored[WHEN_TEXT];

	if (c->common.json)
		return;
	if (!rm->usage_known) {
		cli_note(c, 0, "%zu version%s %s", rm->drops,
		    rm->drops == 1 ? "" : "s", would);
		return;
	}
	when_format_size(rm->usage.freed, plain);
	when_format_size(rm->usage.freed_stored, stored);
	cli_note(c, 0, "%zu version%s %s; %s become free (%s in the store)",
	    rm->drops, rm->drops == 1 ? "" : "s", would, plain, stored);
}

/* What was, or would be, dropped; in text only with -n and -v. */
static enum blk_status
report(struct cli *c, const struct rm *rm, bool dry_run, struct fault *why)
{
	bool list = dry_run || c->common.json || c->common.verbose > 0;
	struct output_options o = cli_output(c);
	struct output *out;
	enum blk_status st;

	o.type = "version";
	o.field = fields;
	o.format = "%(ref)";
	st = output_open(&o, &out, why);
	for (size_t i = 0; st == BLK_OK && list && i < rm->drops; i++)
		st = put_drop(out, &rm->drop[i], why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "versions", rm->drops);
		output_bool(out, "dry_run", dry_run);
		if (rm->usage_known) {
			output_u64(out, "freed_bytes", rm->usage.freed);
			output_u64(
			    out, "freed_stored_bytes", rm->usage.freed_stored);
			output_u64(
			    out, "freed_objects", rm->usage.freed_objects);
		}
		if (!dry_run && rm->drops > 0)
			output_u64(out, "commit", rm->commit);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	if (st == BLK_OK)
		say(c, rm, dry_run);
	return st;
}

/* --- the work --- */

static enum blk_status
drop(struct cli *c, const struct request *r, struct rm *rm, struct fault *why)
{
	struct opened o = { .store = NULL };
	enum blk_status st = open_store(c, false, NULL, &o, why);

	if (st == BLK_OK)
		st = r->dry_run ? rm_select(rm, o.store, why)
		                : rm_commit(rm, o.store, why);
	/* Who makes space may have the reserve: once more, all afresh. */
	if (st == BLK_FAILED && o.store != NULL && !r->dry_run &&
	    store_reserve_spend(o.store, why)) {
		cli_warn(c, "the disk is full: the store's reserve is spent");
		*why = (struct fault)FAULT_NONE;
		open_close(&o);
		st = open_store(c, false, NULL, &o, why);
		if (st == BLK_OK)
			st = rm_commit(rm, o.store, why);
	}
	open_close(&o);
	return st;
}

static enum blk_status
run(struct cli *c, struct request *r, struct fault *why)
{
	struct rm rm = { .r = &r->rm };
	enum blk_status st = read_refs(c, r, why);

	if (st == BLK_OK)
		st = drop(c, r, &rm, why);
	if (st == BLK_OK && rm.unknown.text[0] != '\0')
		cli_warn(
		    c, "what becomes free is not known: %s", rm.unknown.text);
	if (st == BLK_OK)
		st = report(c, &rm, r->dry_run, why);
	rm_release(&rm);
	return st;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct request r;
	enum blk_status st;
	struct cli c;

	cli_begin(&c, &blk_rm, argc, argv);
	r = parse(&c);
	cli_progress(&c);
	st = run(&c, &r, &why);
	request_release(&r);
	return cli_end(&c, st == BLK_OK ? EXIT_DONE : cli_fail(&c, st, &why));
}

/*
 * blk-ls - list what is in a store.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ls.h"
#include "open.h"
#include "refs.h"
#include "when.h"

enum {
	OPT_VERSIONS = CLI_LONG,
	OPT_OBJECTS,
	OPT_CHUNKS,
	OPT_SEGMENTS,
	OPT_REFS,
	OPT_LINKS,
	OPT_LOG,
	OPT_TYPE,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_MIN_INDEX,
	OPT_MAX_INDEX,
	OPT_ATTR,
	OPT_HOST,
	OPT_SORT,
	OPT_LIMIT,
	OPT_OFFSET,
	OPT_COUNT,
	OPT_FORMAT,
};

static const struct cli_option options[] = {
	{ .id = 'R',
	    .name = "recursive",
	    .help = "of a tree, everything below" },
	{ .id = OPT_VERSIONS,
	    .name = "versions",
	    .arg = "NAME",
	    .help = "all versions of a name" },
	{ .id = OPT_OBJECTS,
	    .name = "objects",
	    .help = "all objects that are referred to, with their ids" },
	{ .id = OPT_CHUNKS,
	    .name = "chunks",
	    .arg = "REF",
	    .help = "the chunks of an object: offset, length, id" },
	{ .id = OPT_SEGMENTS, .name = "segments", .help = "the segments" },
	{ .id = OPT_REFS,
	    .name = "refs",
	    .arg = "ID",
	    .help = "what refers to this id; may have to read all structure" },
	{ .id = OPT_LINKS,
	    .name = "links",
	    .arg = "REF",
	    .help = "the links from a version and to it" },
	{ .id = OPT_LOG, .name = "log", .help = "the commits" },
	{ .id = OPT_TYPE,
	    .name = "type",
	    .arg = "TYPE",
	    .help = "only versions of this type" },
	{ .id = OPT_SINCE,
	    .name = "since",
	    .arg = "TIME",
	    .help = "only what is not older than this" },
	{ .id = OPT_UNTIL,
	    .name = "until",
	    .arg = "TIME",
	    .help = "only what is older than this" },
	{ .id = OPT_MIN_INDEX,
	    .name = "min-index",
	    .arg = "N",
	    .help = "only version N and later ones" },
	{ .id = OPT_MAX_INDEX,
	    .name = "max-index",
	    .arg = "N",
	    .help = "only version N and earlier ones" },
	{ .id = OPT_ATTR,
	    .name = "attr",
	    .arg = "KEY[=VALUE]",
	    .help = "only versions with this attribute; may be repeated" },
	{ .id = OPT_HOST,
	    .name = "host",
	    .arg = "HOST",
	    .help = "only snapshots, or commits, made on this host" },
	{ .id = OPT_SORT,
	    .name = "sort",
	    .arg = "name|time|size|index|id",
	    .help = "sort by this" },
	{ .id = 'r', .name = "reverse", .help = "the other way round" },
	{ .id = OPT_LIMIT,
	    .name = "limit",
	    .arg = "N",
	    .help = "at most N items" },
	{ .id = OPT_OFFSET,
	    .name = "offset",
	    .arg = "N",
	    .help = "leave out the first N items" },
	{ .id = OPT_COUNT,
	    .name = "count",
	    .help = "print only how many there are" },
	{ .id = 'l', .name = "long", .help = "more columns" },
	{ .id = OPT_FORMAT,
	    .name = "format",
	    .arg = "TEMPLATE",
	    .help = "print each item so: %(id), %(size), ...; a percent sign "
	            "is %%" },
	{ .name = NULL },
};

static const struct cli_command blk_ls = {
	.name = "blk-ls",
	.usage = "[OPTION]... [REF|PATTERN]...\n"
	         "[OPTION]... --versions NAME\n"
	         "[OPTION]... --objects | --segments | --log\n"
	         "[OPTION]... --chunks REF\n"
	         "[OPTION]... --refs ID\n"
	         "[OPTION]... --links REF",
	.about = "List names with their newest versions, what is inside a "
	         "snapshot (REF:PATH), or other things in a store.",
	.option = options,
	.common = CLI_COMMON,
};

/* --- options --- */

static void
choose(const struct cli *c, struct ls_request *r, const struct ls_mode *mode,
    const char *what)
{
	if (r->mode != NULL)
		cli_usage(c,
		    "choose one of --versions, --objects, --chunks, "
		    "--segments, --refs, --links, --log");
	r->mode = mode;
	r->what = what;
}

static enum ls_sort
sort_of(const struct cli *c, const char *arg)
{
	static const char *const word[] = { "name", "time", "size", "index",
		"id" };

	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (strcmp(arg, word[i]) == 0)
			return (enum ls_sort)(1 << i);
	cli_usage(
	    c, "--sort: '%s' is none of name, time, size, index, id", arg);
}

static int64_t
time_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
time_of(const struct cli *c, const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	int64_t time;

	if (when_time(arg, time_now(), &time, &why) != BLK_OK)
		cli_usage(c, "%s: %s", option, why.text);
	return time != 0 ? time : 1; /* 0 is "not given" */
}

static void
add_attr(const struct cli *c, struct ls_request *r, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (arg[0] == '\0' || arg[0] == '=')
		cli_usage(c, "--attr: '%s' is not KEY or KEY=VALUE", arg);
	if (array_grow((void **)&r->attr, r->attrs, &r->attr_cap,
	        sizeof(*r->attr), &why) != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	r->attr[r->attrs++] = arg;
	r->filter |= LS_BY_ATTR;
}

static bool
take_mode(const struct cli *c, struct ls_request *r, int id, const char *arg)
{
	static const struct {
		int id;
		const struct ls_mode *mode;
		const char *option; /* of those that take a name */
	} table[] = {
		{ OPT_VERSIONS, &ls_versions, "versions" },
		{ OPT_OBJECTS, &ls_objects, NULL },
		{ OPT_CHUNKS, &ls_chunks, "chunks" },
		{ OPT_SEGMENTS, &ls_segments, NULL },
		{ OPT_REFS, &ls_refs, "refs" },
		{ OPT_LINKS, &ls_links, "links" },
		{ OPT_LOG, &ls_log, NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].id != id)
			continue;
		if (table[i].option != NULL && *arg == '\0')
			cli_usage(
			    c, "--%s: a name is not empty", table[i].option);
		choose(c, r, table[i].mode, arg);
		return true;
	}
	return false;
}

static bool
take_filter(const struct cli *c, struct ls_request *r, int id, const char *arg)
{
	switch (id) {
	case OPT_TYPE:
		r->type = arg;
		r->filter |= LS_BY_TYPE;
		return true;
	case OPT_SINCE:
		r->since = time_of(c, "--since", arg);
		r->filter |= LS_BY_TIME;
		return true;
	case OPT_UNTIL:
		r->until = time_of(c, "--until", arg);
		r->filter |= LS_BY_TIME;
		return true;
	case OPT_MIN_INDEX:
		r->min_index = cli_number(c, "min-index", arg, 0, INT64_MAX);
		r->filter |= LS_BY_INDEX;
		return true;
	case OPT_MAX_INDEX:
		r->max_index = cli_number(c, "max-index", arg, 0, INT64_MAX);
		r->filter |= LS_BY_INDEX;
		return true;
	case OPT_ATTR:
		add_attr(c, r, arg);
		return true;
	case OPT_HOST:
		if (*arg == '\0')
			cli_usage(c, "--host: '' can be no name of a host");
		r->host = arg;
		r->filter |= LS_BY_HOST;
		return true;
	default:
		return false;
	}
}

static void
take_form(const struct cli *c, struct ls_request *r, int id, const char *arg)
{
	switch (id) {
	case 'R':
		r->recursive = true;
		break;
	case 'r':
		r->reverse = true;
		break;
	case 'l':
		r->longer = true;
		break;
	case OPT_SORT:
		r->sort = sort_of(c, arg);
		break;
	case OPT_LIMIT:
		r->limit = cli_number(c, "limit", arg, 0, INT64_MAX);
		break;
	case OPT_OFFSET:
		r->offset = cli_number(c, "offset", arg, 0, INT64_MAX);
		break;
	case OPT_COUNT:
		r->count = true;
		break;
	case OPT_FORMAT:
		r->format = arg;
		break;
	default:
		break;
	}
}

/* Names and patterns, or paths into trees? */
static const struct ls_mode *
mode_of(const struct cli *c, char **operand)
{
	const struct ls_mode *mode = NULL, *this;

	for (; *operand != NULL; operand++) {
		struct fault why = FAULT_NONE;
		struct ref r;

		this = &ls_names;
		if (ref_parse(*operand, time_now(), &r, &why) == BLK_OK) {
			this = r.has_path ? &ls_tree : &ls_names;
			ref_release(&r);
		} else if (strpbrk(*operand, "*?[") == NULL ||
		    strpbrk(*operand, "@:") != NULL) {
			cli_usage(c, "%s", why.text);
		}
		if (mode != NULL && mode != this)
			cli_usage(c,
			    "names and REF:PATH do not mix: list one, "
			    "then the other");
		mode = this;
	}
	return mode != NULL ? mode : &ls_names;
}

static void
check(const struct cli *c, const struct ls_request *r)
{
	if ((r->filter & ~r->mode->filters) != 0)
		cli_usage(c, "one of the filters says nothing about a %s",
		    r->mode->type);
	if ((r->sort & ~r->mode->sorts) != 0)
		cli_usage(
		    c, "--sort: a %s cannot be sorted by that", r->mode->type);
	if (r->recursive && r->mode != &ls_tree)
		cli_usage(c, "-R is for trees: give REF:PATH");
	if (r->count && r->format != NULL)
		cli_usage(c, "--count prints a number: leave --format out");
}

static struct ls_request
parse(struct cli *c)
{
	struct ls_request r = { .limit = UINT64_MAX, .max_index = UINT64_MAX };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;)
		if (!take_mode(c, &r, id, arg) && !take_filter(c, &r, id, arg))
			take_form(c, &r, id, arg);
	cli_operands(c, 0, r.mode != NULL ? 0 : CLI_ANY);
	r.operand = c->operand;
	r.operands = c->operands;
	if (r.mode == NULL)
		r.mode = mode_of(c, r.operand);
	check(c, &r);
	return r;
}

/* --- output --- */

static const struct output_field count_fields[] = {
	{ .name = "count" },
	{ .name = NULL },
};

static enum blk_status
open_output(struct cli *c, const struct ls_request *r, struct output **out,
    struct fault *why)
{
	struct output_options o = cli_output(c);
	enum blk_status st;

	o.type = r->mode->type;
	o.field = r->mode->field;
	o.columns = r->longer ? r->mode->long_columns : r->mode->columns;
	o.format = r->longer ? NULL : r->mode->format;
	if (r->format != NULL)
		o.format = r->format;
	o.titles = o.terminal;
	if (r->count) {
		o.type = "count";
		o.field = count_fields;
		o.columns = NULL;
		o.format = "%(count)";
	}
	st = output_open(&o, out, why);
	if (st == BLK_INVALID)
		cli_usage(c, "--format: %s", why->text);
	return st;
}

static enum blk_status
list(struct cli *c, const struct ls_request *r, int *code, struct fault *why)
{
	struct opened o = { .store = NULL };
	struct ls ls = { .cli = c, .r = r, .operand = "", .code = -1 };
	enum blk_status st;

	ls.full = r->limit == 0;
	st = open_output(c, r, &ls.out, why);
	if (st == BLK_OK)
		st = open_store(c, false, NULL, &o, why);
	if (st == BLK_OK) {
		ls.store = o.store;
		ls.catalog = store_catalog(o.store);
		ls.now = store_now(o.store);
		cli_progress(c);
		st = r->mode->list(&ls, why);
	}
	if (st == BLK_OK) {
		ls.full = r->limit == 0;
		st = ls_finish(&ls, why);
	}
	/* What was found before the fault is shown all the same. */
	else if (ls.out != NULL && output_finish(ls.out, why) != BLK_OK)
		st = BLK_FAILED;
	ls_release(&ls);
	open_close(&o);
	*code = ls.code == -1 ? EXIT_DONE : ls.code;
	return st;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct ls_request r;
	enum blk_status st;
	struct cli c;
	int code;

	cli_begin(&c, &blk_ls, argc, argv);
	r = parse(&c);
	st = list(&c, &r, &code, &why);
	free(r.attr);
	return cli_end(&c, st == BLK_OK ? code : cli_fail(&c, st, &why));
}

/*
 * The command line of blk-put.
 */
#include <ctype.h>
#include <string.h>

#include "put.h"
#include "refs.h"

enum {
	OPT_EXEC = CLI_LONG,
	OPT_REF,
	OPT_IF_HEAD,
	OPT_KEEP_LAST,
	OPT_EXPIRES,
	OPT_TEE,
	OPT_ID_FILE,
	OPT_EXPECT_ID,
	OPT_MIN_SIZE,
	OPT_NO_DEDUP,
	OPT_COMMIT_EVERY,
	OPT_BATCH,
	OPT_ATOMIC,
};

static const struct cli_option options[] = {
	{ .id = 'N',
	    .name = "name",
	    .arg = "NAME",
	    .help = "append a version to this name" },
	{ .id = 't',
	    .name = "type",
	    .arg = "TYPE",
	    .help = "say what it is, as text/plain" },
	{ .id = 'a',
	    .name = "attr",
	    .arg = "KEY=VALUE",
	    .help = "an attribute; may be repeated" },
	{ .id = 'l',
	    .name = "link",
	    .arg = "RELATION=REF",
	    .help = "a link to what is in the store; may be repeated" },
	{ .id = 'T',
	    .name = "files-from",
	    .arg = "FILE",
	    .help = "read names of files from FILE, one a line" },
	{ .id = OPT_EXEC,
	    .name = "exec",
	    .help = "store what the command behind -- prints, if it succeeds" },
	{ .id = OPT_REF,
	    .name = "ref",
	    .arg = "REF",
	    .help = "store nothing, give the name to REF" },
	{ .id = OPT_IF_HEAD,
	    .name = "if-head",
	    .arg = "REF",
	    .help = "only if the newest version of the name is REF, or if "
	            "there is none (none)" },
	{ .id = OPT_KEEP_LAST,
	    .name = "keep-last",
	    .arg = "N",
	    .help = "drop all versions of the name but the newest N" },
	{ .id = OPT_EXPIRES,
	    .name = "expires",
	    .arg = "DURATION",
	    .help = "drop the version after this time" },
	{ .id = OPT_TEE,
	    .name = "tee",
	    .help = "copy standard input to standard output" },
	{ .id = OPT_ID_FILE,
	    .name = "id-file",
	    .arg = "FILE",
	    .help = "write the ids to FILE instead of standard output" },
	{ .id = OPT_EXPECT_ID,
	    .name = "expect-id",
	    .arg = "ID",
	    .help = "fail if the content has another id" },
	{ .id = OPT_MIN_SIZE,
	    .name = "min-size",
	    .arg = "SIZE",
	    .help = "fail if the content is smaller" },
	{ .id = OPT_NO_DEDUP,
	    .name = "no-dedup",
	    .help = "cut fixed pieces and look nothing up" },
	{ .id = OPT_COMMIT_EVERY,
	    .name = "commit-every",
	    .arg = "N|SIZE|DURATION",
	    .help = "commit from time to time: after 1000 files, 64M or 5m" },
	{ .id = OPT_BATCH,
	    .name = "batch",
	    .help = "serve requests on standard input" },
	{ .id = OPT_ATOMIC,
	    .name = "atomic",
	    .help = "with --batch: only the request 'commit' commits" },
	{ .name = NULL },
};

const struct cli_command put_command = {
	.name = "blk-put",
	.usage = "[OPTION]... [FILE]...\n"
	         "[OPTION]... --exec -- COMMAND [ARGUMENT]...\n"
	         "[OPTION]... -N NAME --ref REF\n"
	         "[OPTION]... --batch",
	.about = "Store files, or standard input, and print their ids: the "
	         "SHA-256 of their content.",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
};

static void
take_expected(struct cli *c, struct put_request *r, const char *arg)
{
	char hex[DIGEST_HEX] = "";

	if (strlen(arg) == DIGEST_HEX - 1)
		for (size_t i = 0; arg[i] != '\0'; i++)
			hex[i] = (char)tolower((unsigned char)arg[i]);
	if (!digest_parse(hex, strlen(hex), &r->expected))
		cli_usage(c, "--expect-id: '%s' is not an id", arg);
	r->expects = true;
}

/* A number of files, a size with a capital letter, or a duration. */
static void
take_every(struct cli *c, struct put_request *r, const char *arg)
{
	size_t digits = strspn(arg, "0123456789");
	struct when_span span = { 0, 0, 0 };
	struct fault why = FAULT_NONE;
	struct put_every e = { 0, 0, 0 };

	if (digits > 0 && arg[digits] == '\0')
		e.objects = cli_number(c, "commit-every", arg, 1, UINT64_MAX);
	else if (digits > 0 && strchr("KMGT", arg[digits]) != NULL)
		e.bytes = cli_size(c, "commit-every", arg);
	else if (when_duration(arg, &span, &why) != BLK_OK)
		cli_usage(c,
		    "--commit-every: '%s' is no number, size or duration", arg);
	/* at most 10 000 years of each: below 2^60 */
	e.ms = 1000 * (span.seconds + 86400 * (span.days + 30 * span.months));
	if (e.objects == 0 && e.bytes == 0 && e.ms == 0)
		cli_usage(c, "--commit-every: '%s' is nothing", arg);
	r->every = e;
}

static void
take_name(struct cli *c, struct put_request *r, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (version_check_name(span_str(arg), &why) != BLK_OK)
		cli_usage(c, "--name: %s", why.text);
	r->name = arg;
}

static const char *
reference(struct cli *c, const char *option, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct ref r;

	if (ref_parse(arg, 0, &r, &why) != BLK_OK)
		cli_usage(c, "--%s: %s", option, why.text);
	ref_release(&r);
	return arg;
}

/* Options about the version that is made. */
static bool
take_version_option(
    struct cli *c, struct put_request *r, int id, const char *arg)
{
	switch (id) {
	case 'N':
		take_name(c, r, arg);
		return true;
	case 't':
		r->wish.type = arg;
		return true;
	case 'a':
		version_wish_attr(c, &r->wish, arg);
		return true;
	case 'l':
		version_wish_link(c, &r->wish, arg);
		return true;
	case OPT_EXPIRES:
		version_wish_expires(c, &r->wish, arg);
		return true;
	case OPT_REF:
		r->ref = reference(c, "ref", arg);
		return true;
	case OPT_IF_HEAD:
		r->if_head = reference(c, "if-head", arg);
		return true;
	case OPT_KEEP_LAST:
		r->keep_last = cli_number(c, "keep-last", arg, 1, UINT32_MAX);
		return true;
	}
	return false;
}

static void
take_option(struct cli *c, struct put_request *r, int id, const char *arg)
{
	if (take_version_option(c, r, id, arg))
		return;
	switch (id) {
	case 'T':
		r->files = arg;
		break;
	case OPT_EXEC:
		r->exec = true;
		break;
	case OPT_TEE:
		r->tee = true;
		break;
	case OPT_ID_FILE:
		r->id_file = arg;
		break;
	case OPT_EXPECT_ID:
		take_expected(c, r, arg);
		break;
	case OPT_MIN_SIZE:
		r->min_size = cli_size(c, "min-size", arg);
		break;
	case OPT_NO_DEDUP:
		r->no_dedup = true;
		break;
	case OPT_COMMIT_EVERY:
		take_every(c, r, arg);
		break;
	case OPT_BATCH:
		r->batch = true;
		break;
	case OPT_ATOMIC:
		r->atomic = true;
		break;
	}
}

static void
refuse(struct cli *c, bool together, const char *what)
{
	if (together)
		cli_usage(c, "%s", what);
}

/* What needs a name, and what takes one input only. */
static void
check_name(struct cli *c, const struct put_request *r)
{
	bool several = r->operands > 1 || r->files != NULL;

	refuse(c, r->name == NULL && r->ref != NULL, "--ref needs --name");
	refuse(
	    c, r->name == NULL && r->if_head != NULL, "--if-head needs --name");
	refuse(
	    c, r->name == NULL && r->keep_last > 0, "--keep-last needs --name");
	if (r->exec)
		return;
	refuse(c, several && r->name != NULL, "--name takes one input");
	refuse(c, several && r->expects, "--expect-id takes one input");
}

static void
check_batch(struct cli *c, const struct put_request *r)
{
	refuse(c, r->atomic && !r->batch, "--atomic needs --batch");
	if (!r->batch)
		return;
	refuse(
	    c, r->operands > 0 || r->files != NULL, "--batch takes no files");
	refuse(c, r->name != NULL, "--batch takes names in its requests");
	refuse(c,
	    r->exec || r->tee || r->expects || r->min_size > 0 ||
	        r->id_file != NULL,
	    "--batch does not go with --exec, --tee, --expect-id, --min-size, "
	    "--id-file");
	refuse(c, c->common.json, "--batch does not go with --json");
	refuse(c,
	    r->atomic &&
	        (r->every.objects > 0 || r->every.bytes > 0 || r->every.ms > 0),
	    "--atomic does not go with --commit-every");
}

static void
check(struct cli *c, const struct put_request *r)
{
	bool only_stdin = r->operands == 0 ||
	    (r->operands == 1 && strcmp(r->operand[0], "-") == 0);
	int streams = 0;

	check_name(c, r);
	check_batch(c, r);
	refuse(c, r->exec && r->operands == 0, "--exec needs a command");
	refuse(c, r->exec && r->files != NULL,
	    "--exec does not go with --files-from");
	refuse(c,
	    r->ref != NULL &&
	        (r->operands > 0 || r->files != NULL || r->exec || r->tee ||
	            r->expects || r->min_size > 0),
	    "--ref stores nothing");
	refuse(c, r->tee && (r->exec || r->files != NULL || !only_stdin),
	    "--tee copies standard input only");
	for (int i = 0; !r->exec && i < r->operands; i++)
		streams += strcmp(r->operand[i], "-") == 0;
	streams += r->files != NULL && strcmp(r->files, "-") == 0;
	refuse(c, streams > 1, "standard input can be read only once");
}

struct put_request
put_parse(struct cli *c)
{
	struct put_request r = { .name = NULL };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;)
		take_option(c, &r, id, arg);
	r.operand = c->operand;
	r.operands = c->operands;
	check(c, &r);
	if (r.id_file != NULL && strcmp(r.id_file, "-") == 0) {
		refuse(c, r.tee, "--tee needs standard output for itself");
		r.id_file = NULL;
	}
	return r;
}

/*
 * blk-get - write stored bytes.
 */
#include <string.h>
#include <unistd.h>

#include "get.h"

enum {
	OPT_FORCE = CLI_LONG,
	OPT_RANGE,
	OPT_BATCH,
	OPT_BATCH_CHECK,
};

static const struct cli_option options[] = {
	{ .id = 'o',
	    .name = "output",
	    .arg = "FILE",
	    .help = "write to FILE, which appears whole or not at all; - is "
	            "standard output" },
	{ .id = OPT_FORCE,
	    .name = "force",
	    .help = "write binary data to a terminal" },
	{ .id = OPT_RANGE,
	    .name = "range",
	    .arg = "OFFSET:LENGTH|OFFSET-",
	    .help = "only these bytes" },
	{ .id = 'e',
	    .name = "exists",
	    .help = "write nothing; exit with 0 if all are there, else 6" },
	{ .id = OPT_BATCH,
	    .name = "batch",
	    .help = "answer each REF of standard input with id, size, bytes" },
	{ .id = OPT_BATCH_CHECK,
	    .name = "batch-check",
	    .help = "answer each REF of standard input with id and size" },
	{ .name = NULL },
};

static const struct cli_command blk_get = {
	.name = "blk-get",
	.usage = "[OPTION]... REF...\n"
	         "[OPTION]... -e REF...\n"
	         "[OPTION]... --batch | --batch-check",
	.about = "Write stored bytes to standard output, verified as they "
	         "leave.",
	.option = options,
	.common = CLI_COMMON,
};

/* --- the command line --- */

/* "OFFSET:LENGTH", "OFFSET:" or "OFFSET-" */
static void
take_range(struct cli *c, struct get_request *r, const char *arg)
{
	size_t len = strcspn(arg, ":-");
	const char *rest = arg + len;
	char offset[32];

	if (*rest == '\0' || (*rest == '-' && rest[1] != '\0') ||
	    len >= sizeof(offset))
		cli_usage(
		    c, "--range: '%s' is not OFFSET:LENGTH or OFFSET-", arg);
	memcpy(offset, arg, len);
	offset[len] = '\0';
	r->ranged = true;
	r->offset = cli_size(c, "range", offset);
	r->len = READER_ALL;
	if (rest[1] == '\0')
		return;
	r->len = cli_size(c, "range", rest + 1);
	if (r->len == READER_ALL)
		r->len--; /* no object is that long */
}

static struct get_request
parse(struct cli *c)
{
	struct get_request r = { .len = READER_ALL };
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (id == 'o')
			r.output = arg;
		else if (id == OPT_FORCE)
			r.force = true;
		else if (id == OPT_RANGE)
			take_range(c, &r, arg);
		else if (id == 'e')
			r.exists = true;
		else if (id == OPT_BATCH)
			r.batch = true;
		else if (id == OPT_BATCH_CHECK)
			r.check = true;
	}
	if (r.exists + r.batch + r.check > 1)
		cli_usage(c,
		    "--exists, --batch and --batch-check exclude "
		    "each other");
	if ((r.exists || r.batch || r.check) &&
	    (r.output != NULL || r.ranged || r.force))
		cli_usage(c,
		    "--output, --force and --range are for bytes "
		    "of a REF");
	if ((r.batch || r.check) && c->common.json)
		cli_usage(c, "--batch does not go with --json");
	if (r.batch || r.check)
		cli_operands(c, 0, 0);
	else
		cli_operands(c, 1, CLI_ANY);
	r.ref = c->operand;
	return r;
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct get g = { .code = -1 };
	struct get_request r;
	enum blk_status st;
	struct cli c;
	int code;

	cli_begin(&c, &blk_get, argc, argv);
	r = parse(&c);
	g.c = &c;
	g.r = &r;
	st = open_store(&c, false, NULL, &g.opened, &why);
	if (st != BLK_OK)
		code = cli_fail(&c, st, &why);
	else if (r.batch || r.check)
		code = get_batch(&g);
	else
		code = r.exists ? get_exists(&g) : get_contents(&g);
	open_close(&g.opened);
	return cli_end(&c, code);
}

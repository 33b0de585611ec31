/*
 * blk-init - make a store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "chunker.h"
#include "cli.h"
#include "log.h"
#include "open.h"

enum {
	OPT_CHUNK_SIZE = CLI_LONG,
	OPT_COMPRESSION,
	OPT_SEGMENT_SIZE,
	OPT_SHARED,
	OPT_SINGLE_WRITER,
	OPT_IF_MISSING,
};

static const struct cli_option options[] = {
	{ .id = OPT_CHUNK_SIZE,
	    .name = "chunk-size",
	    .arg = "MIN:AVG:MAX",
	    .help = "the sizes of chunks, for ever (default: 4K:16K:64K)" },
	{ .id = OPT_COMPRESSION,
	    .name = "compression",
	    .arg = "CODEC[:LEVEL]",
	    .help = "zstd, lz4, gzip or none (default: zstd:3)" },
	{ .id = OPT_SEGMENT_SIZE,
	    .name = "segment-size",
	    .arg = "SIZE",
	    .help = "how large segment files become (default: 16M)" },
	{ .id = OPT_SHARED,
	    .name = "shared",
	    .arg = "group",
	    .help = "let the members of the directory's group use it" },
	{ .id = OPT_SINGLE_WRITER,
	    .name = "single-writer",
	    .help = "only one process at a time will write" },
	{ .id = OPT_IF_MISSING,
	    .name = "if-missing",
	    .help = "do nothing if there is a store already" },
	{ .name = NULL },
};

struct request {
	struct store_config config;
	const char *compression, *segment_size; /* NULL: the default */
	bool if_missing;
};

/* --- the command line --- */

/* "Engines:" and a line for each, from malloc. */
static char *
list_engines(void)
{
	const struct backend_type *t;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fprintf(f, "Engines:");
	for (size_t i = 0; (t = backend_at(i)) != NULL; i++)
		fprintf(f, "\n  %-8s %s", t->scheme, t->summary);
	return fclose(f) == 0 ? text : NULL;
}

static void
take_chunk_sizes(struct cli *c, struct request *r, const char *arg)
{
	struct fault why = FAULT_NONE;
	struct chunker_sizes s;

	if (chunker_sizes_parse(arg, &s, &why) != BLK_OK)
		cli_usage(c, "--chunk-size: %s", why.text);
	r->config.min = s.min;
	r->config.target = s.target;
	r->config.max = s.max;
}

static const char *
setting(struct cli *c, const char *key, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (*arg == '\0' || store_check_setting(key, arg, &why) != BLK_OK)
		cli_usage(c, "--%s: %s", key,
		    *arg == '\0' ? "an empty value" : why.text);
	return arg;
}

static void
take_option(struct cli *c, struct request *r, int id, const char *arg)
{
	switch (id) {
	case OPT_CHUNK_SIZE:
		take_chunk_sizes(c, r, arg);
		break;
	case OPT_COMPRESSION:
		r->compression = setting(c, "compression", arg);
		break;
	case OPT_SEGMENT_SIZE:
		r->segment_size = setting(c, "segment-size", arg);
		break;
	case OPT_SHARED:
		if (strcmp(arg, "group") != 0)
			cli_usage(c, "--shared: '%s' is not group", arg);
		r->config.group = true;
		break;
	case OPT_SINGLE_WRITER:
		r->config.single_writer = true;
		break;
	case OPT_IF_MISSING:
		r->if_missing = true;
		break;
	}
}

static struct request
parse(struct cli *c)
{
	struct request r = {
		.config = { .min = chunker_default.min,
		    .target = chunker_default.target,
		    .max = chunker_default.max },
	};
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;)
		take_option(c, &r, id, arg);
	cli_operands(c, 0, 0);
	return r;
}

/* --- the work --- */

/* Is there a store, or what is left of one that was being made? */
static enum blk_status
find(struct cli *c, bool *found, bool *occupied, struct fault *why)
{
	const struct backend_open_options o = { .read_only = true,
		.session = "00000000000000000000000000000000" };
	struct backend_stat bs;
	struct backend *b;
	enum blk_status st;

	*found = *occupied = false;
	st = backend_open(cli_store(c), &o, &b, why);
	if (st == BLK_ABSENT) {
		/* An empty directory, a store half made, or something else:
		 * making one tells them apart. */
		*occupied = why->text[0] != '\0';
		*why = (struct fault)FAULT_NONE;
		return BLK_OK;
	}
	if (st != BLK_OK)
		return st;
	st = backend_stat(b, "config", &bs, why);
	backend_close(b);
	*found = st == BLK_OK;
	return st == BLK_ABSENT ? BLK_OK : st;
}

/* The settings are the first thing that the log says. */
static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct request *r = arg;
	enum blk_status st = BLK_OK;

	(void)s;
	if (r->compression != NULL)
		st = commit_add_text(
		    k, VERB_SET, "compression", r->compression, why);
	if (st == BLK_OK && r->segment_size != NULL)
		st = commit_add_text(
		    k, VERB_SET, "segment-size", r->segment_size, why);
	return st;
}

/* Somebody else may have made another store meanwhile. */
static enum blk_status
check_made(struct store *s, const struct store_config *want, struct fault *why)
{
	const struct store_config *is = store_config(s);

	if (is->min == want->min && is->target == want->target &&
	    is->max == want->max && is->group == want->group &&
	    is->single_writer == want->single_writer)
		return BLK_OK;
	return fault(why, BLK_FAILED,
	    "%s: somebody else made another store here", store_url(s));
}

static enum blk_status
make(struct cli *c, struct request *r, struct fault *why)
{
	struct opened o = { .store = NULL };
	struct store_outcome outcome;
	enum blk_status st;

	st = open_store(c, true, &r->config, &o, why);
	if (st == BLK_OK)
		st = check_made(o.store, &r->config, why);
	if (st == BLK_OK) {
		const struct store_draft d = { .decide = decide, .arg = r };

		st = store_commit(o.store, &d, &outcome, why);
	}
	open_close(&o);
	return st;
}

static enum blk_status
report(struct cli *c, bool made, struct fault *why)
{
	struct output_options o = cli_output(c);
	const char *url = cli_store(c);
	struct output *out;
	enum blk_status st;

	cli_note(c, 1, made ? "made %s" : "%s is a store already", url);
	o.type = "store";
	o.format = "";
	st = output_open(&o, &out, why);
	if (st == BLK_OK && c->common.json) {
		output_begin(out, "summary");
		output_bytes(out, "store", url, strlen(url));
		output_bool(out, "made", made);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static enum blk_status
run(struct cli *c, struct request *r, struct fault *why)
{
	enum blk_status st;
	bool found, occupied;

	st = find(c, &found, &occupied, why);
	if (st != BLK_OK)
		return st;
	if (found && !r->if_missing)
		return fault(
		    why, BLK_FAILED, "%s: is a store already", cli_store(c));
	if (!found && c->common.dry_run)
		cli_note(c, 0, "would make %s", cli_store(c));
	else if (!found)
		st = make(c, r, why);
	/* Something else stands there: not how it was asked is wrong. */
	if (st == BLK_INVALID && occupied)
		st = BLK_FAILED;
	return st == BLK_OK ? report(c, !found && !c->common.dry_run, why) : st;
}

int
main(int argc, char *argv[])
{
	char *engines = list_engines();
	const struct cli_command blk_init = {
		.name = "blk-init",
		.usage = "[OPTION]...",
		.about = "Make an empty store.",
		.notes = engines,
		.option = options,
		.common = CLI_COMMON | CLI_DRY_RUN,
	};
	struct fault why = FAULT_NONE;
	struct request r;
	enum blk_status st;
	struct cli c;
	int code;

	cli_begin(&c, &blk_init, argc, argv);
	r = parse(&c);
	st = run(&c, &r, &why);
	code = cli_end(&c, st == BLK_OK ? EXIT_DONE : cli_fail(&c, st, &why));
	free(engines);
	return code;
}

/*
 * The bytes of REFs, or only whether they are there.
 */
#include <string.h>
#include <unistd.h>

#include "get.h"

enum blk_status
get_find(struct get *g, const char *ref, struct lookup *l, struct fault *why)
{
	enum blk_status st = lookup_ref(g->opened.store, ref, l, why);

	if (st != BLK_OK || l->class == CLASS_CONTENT)
		return st;
	return fault(why, BLK_INVALID,
	    "%s: is a %s; 'blk-backup export' makes an archive of it, and "
	    "'%s%s/PATH' is a file in it",
	    ref, class_name(l->class), ref, strchr(ref, ':') ? "" : ":");
}

/* --- results with --json --- */

static enum blk_status
open_output(struct get *g, struct fault *why)
{
	struct output_options o = cli_output(g->c);

	if (!g->c->common.json || !(g->to_file || g->r->exists))
		return BLK_OK;
	o.type = "object";
	return output_open(&o, &g->out, why);
}

/* l is NULL for what is not there. */
static enum blk_status
print_item(
    struct get *g, const char *ref, const struct lookup *l, struct fault *why)
{
	char hex[DIGEST_HEX];

	if (g->out == NULL)
		return BLK_OK;
	output_begin(g->out, "object");
	output_bytes(g->out, "ref", ref, strlen(ref));
	if (g->r->exists)
		output_bool(g->out, "exists", l != NULL);
	if (l != NULL) {
		digest_hex(&l->id, hex);
		output_string(g->out, "id", hex);
		output_u64(g->out, "size", l->size);
	}
	return output_end(g->out, why);
}

static enum blk_status
print_summary(struct get *g, struct fault *why)
{
	enum blk_status st;

	if (g->out == NULL)
		return BLK_OK;
	output_begin(g->out, "summary");
	output_u64(g->out, "objects", g->objects);
	if (!g->r->exists)
		output_u64(g->out, "bytes", g->bytes);
	st = output_end(g->out, why);
	return st == BLK_OK ? output_finish(g->out, why) : st;
}

/* --- bytes --- */

/* Would a terminal obey it? */
static bool
is_binary(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r' &&
		        c != '\f') ||
		    c == 0x7f)
			return true;
	}
	return false;
}

static enum blk_status
sink(void *arg, const void *data, size_t len, struct fault *why)
{
	struct get *g = arg;

	if (cli_stop_requested(NULL))
		return fault(why, BLK_FAILED, "interrupted");
	if (g->cautious && is_binary(data, len))
		return fault(why, BLK_INVALID,
		    "not writing binary data to a terminal; use -o FILE, "
		    "or -o - to insist");
	g->bytes += len;
	progress_bytes(g->progress, len);
	if (g->to_file)
		return outfile_write(&g->file, data, len, why);
	if (fwrite(data, 1, len, stdout) != len)
		return fault_sys(why, "standard output");
	return BLK_OK;
}

static enum blk_status
get_one(struct get *g, const char *ref, struct fault *why)
{
	struct lookup l;
	enum blk_status st = get_find(g, ref, &l, why);

	if (st != BLK_OK)
		return st;
	progress_expect(g->progress, 1, l.size);
	st = reader_content(g->opened.store, &l.id, g->r->offset, g->r->len,
	    g->c->common.jobs, sink, g, why);
	if (st == BLK_ABSENT)
		st = fault(why, st, "%s: no such object", ref);
	else if (st == BLK_INVALID && g->r->ranged)
		st = fault_in(why, st, "%s", ref);
	progress_files(g->progress, 1);
	if (st == BLK_OK)
		st = print_item(g, ref, &l, why);
	g->objects += st == BLK_OK;
	return st;
}

/* A file appears whole or not at all: what is missing ends it. */
static int
get_all(struct get *g)
{
	for (char **ref = g->r->ref; *ref != NULL; ref++) {
		struct fault why = FAULT_NONE;
		enum blk_status st = get_one(g, *ref, &why);
		int code = EXIT_DONE;

		if (cli_stop_requested(NULL))
			return EXIT_FAILED; /* cli_end dies of the signal */
		if (st != BLK_OK)
			code = cli_fail(g->c, st, &why);
		g->code = cli_merge(g->code, code);
		if (st != BLK_OK && (g->to_file || ferror(stdout)))
			return code;
	}
	return g->code;
}

int
get_contents(struct get *g)
{
	const char *output = g->r->output;
	bool insists = output != NULL && strcmp(output, "-") == 0;
	struct fault why = FAULT_NONE;
	enum blk_status st = BLK_OK;
	int code = EXIT_DONE;

	g->file = (struct outfile)OUTFILE_NONE;
	g->to_file = output != NULL && !insists;
	g->cautious =
	    !g->to_file && !insists && !g->r->force && isatty(STDOUT_FILENO);
	cli_catch_stop();
	g->progress = cli_progress(g->c);
	if (g->to_file)
		st = outfile_open(output, &g->file, &why);
	if (st == BLK_OK)
		st = open_output(g, &why);
	if (st == BLK_OK)
		code = get_all(g);
	if (st == BLK_OK && code == EXIT_DONE && g->to_file)
		st = outfile_commit(&g->file, &why);
	if (st == BLK_OK && code == EXIT_DONE)
		st = print_summary(g, &why);
	outfile_release(&g->file);
	output_free(g->out);
	return st == BLK_OK ? code : cli_fail(g->c, st, &why);
}

/* --- is it there? --- */

static enum blk_status
exists_one(struct get *g, const char *ref, bool *all, struct fault *why)
{
	struct lookup l;
	enum blk_status st = lookup_ref(g->opened.store, ref, &l, why);

	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	*all = *all && st == BLK_OK;
	g->objects += st == BLK_OK;
	return print_item(g, ref, st == BLK_OK ? &l : NULL, why);
}

int
get_exists(struct get *g)
{
	struct fault why = FAULT_NONE;
	enum blk_status st = open_output(g, &why);
	bool all = true;

	for (char **ref = g->r->ref; st == BLK_OK && *ref != NULL; ref++)
		st = exists_one(g, *ref, &all, &why);
	if (st == BLK_OK)
		st = print_summary(g, &why);
	output_free(g->out);
	if (st != BLK_OK)
		return cli_fail(g->c, st, &why);
	return all ? EXIT_DONE : EXIT_ABSENT;
}

/*
 * blk-backup verify - read all the data of snapshots.
 */
#include <string.h>

#include "backup-data.h"
#include "open.h"
#include "snapshots.h"

struct verify {
	struct cli *c;
	struct data_check data;
	const char *ref; /* that is being read */
	size_t snapshots;
};

static const struct output_field fields[] = {
	{ .name = "ref" },
	{ .name = NULL },
};

static void
damaged(void *arg, struct span path, const char *reason)
{
	const struct verify *v = arg;

	cli_error(v->c, EXIT_CORRUPT, "%s:/%.*s: %s", v->ref, (int)path.len,
	    path.p, reason);
}

/* Its exit code; *st is what ends the run. */
static int
verify_one(
    struct verify *v, const char *ref, enum blk_status *st, struct fault *why)
{
	struct snapshot_version shot;
	uint64_t damages = v->data.damages;
	struct fault reason = FAULT_NONE;
	enum blk_status found;

	v->ref = ref;
	found = snapshot_of_ref(v->data.s, ref, &shot, &reason);
	if (found == BLK_OK) {
		progress_expect(
		    v->data.progress, shot.snap.files, shot.snap.bytes);
		*st = data_check_tree(&v->data, &shot.snap.tree, why);
		v->snapshots++;
	}
	snapshot_version_release(&shot);
	if (found != BLK_OK)
		return cli_fail(v->c, found, &reason);
	if (*st == BLK_OK && v->data.damages == damages)
		cli_note(v->c, 1, "%s: sound", ref);
	return v->data.damages > damages ? EXIT_CORRUPT : EXIT_DONE;
}

static enum blk_status
report(const struct verify *v, struct fault *why)
{
	struct output_options o = cli_output(v->c);
	struct output *out = NULL;
	enum blk_status st;

	o.type = "damage";
	o.field = fields;
	o.format = "%(ref)";
	st = output_open(&o, &out, why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "snapshots", v->snapshots);
		output_u64(out, "files", v->data.files);
		output_u64(out, "bytes", v->data.bytes);
		output_u64(out, "damaged", v->data.damages);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static int
verify(struct verify *v, struct fault *why)
{
	struct opened o = { .store = NULL };
	enum blk_status st = open_store(v->c, false, NULL, &o, why);
	int code = -1;

	if (st == BLK_OK)
		st = store_hold(o.store, why);
	v->data.s = o.store;
	for (char **ref = v->c->operand; st == BLK_OK && *ref != NULL; ref++)
		code = cli_merge(code, verify_one(v, *ref, &st, why));
	cli_reraise();
	if (st == BLK_OK)
		st = report(v, why);
	data_check_release(&v->data);
	open_close(&o);
	return st == BLK_OK ? code : cli_fail(v->c, st, why);
}

static int
run(struct cli *c)
{
	struct verify v = { .c = c };
	struct fault why = FAULT_NONE;
	const char *arg;

	while (cli_next(c, &arg) != 0)
		;
	cli_operands(c, 1, CLI_ANY);
	cli_catch_stop();
	v.data.jobs = c->common.jobs;
	v.data.progress = cli_progress(c);
	v.data.damaged = damaged;
	v.data.arg = &v;
	return cli_end(c, verify(&v, &why));
}

const struct cli_command backup_verify_command = {
	.name = "verify",
	.usage = "[OPTION]... REF...",
	.about = "read all the data of snapshots",
	.common = CLI_COMMON,
	.run = run,
};

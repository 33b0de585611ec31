/*
 * blk-backup list, show, status - what snapshots there are.
 */
#include <stdio.h>
#include <string.h>

#include "open.h"
#include "refs.h"
#include "snapshots.h"
#include "when.h"

/* --- list --- */

static const struct output_field list_fields[] = {
	{ .name = "name", .title = "NAME" },
	{ .name = "version", .title = "VERSION", .right = true },
	{ .name = "time", .title = "TIME" },
	{ .name = "host", .title = "HOST" },
	{ .name = "files", .title = "FILES", .right = true },
	{ .name = "size", .title = "SIZE", .right = true },
	{ .name = "tags", .title = "TAGS" },
	{ .name = "paths", .title = "PATHS" },
	{ .name = "snapshot_id" },
	{ .name = "tree" },
	{ .name = NULL },
};

static void
put_list(struct output *out, const char *key, const struct snapshot_list *l)
{
	output_strings(out, key, (const char *const *)l->item, l->count);
}

static void
put_snapshot(struct output *out, const struct snapshot_version *v)
{
	char hex[DIGEST_HEX];

	output_begin(out, "snapshot");
	output_bytes(out, "name", v->snap.name, strlen(v->snap.name));
	output_u64(out, "version", v->v.number);
	output_time(out, "time", v->snap.start);
	output_bytes(out, "host", v->snap.host, strlen(v->snap.host));
	output_u64(out, "files", v->snap.files);
	output_size(out, "size", v->snap.bytes);
	put_list(out, "tags", &v->snap.tag);
	put_list(out, "paths", &v->snap.path);
	digest_hex(&v->v.id, hex);
	output_string(out, "snapshot_id", hex);
	digest_hex(&v->snap.tree, hex);
	output_string(out, "tree", hex);
}

static enum blk_status
print_snapshot(
    struct output *out, const struct snapshot_version *v, struct fault *why)
{
	put_snapshot(out, v);
	return output_end(out, why);
}

/* The last line of JSON. */
static enum blk_status
summarize(struct output *out, size_t count, struct fault *why)
{
	enum blk_status st;

	output_begin(out, "summary");
	output_u64(out, "snapshots", count);
	st = output_end(out, why);
	return st == BLK_OK ? output_finish(out, why) : st;
}

/* *code: as cli_merge has it. */
static enum blk_status
list(struct cli *c, struct opened *o, int *code, struct fault *why)
{
	struct snapshot_versions l = { .item = NULL };
	struct output_options oo = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;

	oo.type = "snapshot";
	oo.field = list_fields;
	oo.columns = "name version time host files size tags paths";
	oo.titles = true;
	st = output_open(&oo, &out, why);
	if (st == BLK_OK)
		st = open_store(c, false, NULL, o, why);
	if (st == BLK_OK)
		st = snapshot_versions_load(o->store, c->operand, &l, why);
	if (st == BLK_OK)
		st = snapshot_versions_miss(c, o->store, &l, code, why);
	for (size_t i = 0; st == BLK_OK && i < l.count; i++)
		st = print_snapshot(out, &l.item[i], why);
	if (st == BLK_OK)
		st = summarize(out, l.count, why);
	output_free(out);
	snapshot_versions_release(&l);
	return st;
}

static int
finish(struct cli *c, struct opened *o, enum blk_status st, int code,
    const struct fault *why)
{
	open_close(o);
	return cli_end(c, st == BLK_OK ? code : cli_fail(c, st, why));
}

/* Past the options; there are none of their own. */
static void
no_options(struct cli *c, int min, int max)
{
	const char *arg;

	while (cli_next(c, &arg) != 0)
		;
	cli_operands(c, min, max);
}

static int
run_list(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	enum blk_status st;
	int code = -1;

	no_options(c, 0, CLI_ANY);
	st = list(c, &o, &code, &why);
	return finish(c, &o, st, code == -1 ? EXIT_DONE : code, &why);
}

const struct cli_command backup_list_command = {
	.name = "list",
	.usage = "[OPTION]... [PATTERN]...",
	.about = "list snapshots",
	.common = CLI_STORE | CLI_OUTPUT | CLI_WAIT | CLI_WORK | CLI_PROGRESS,
	.run = run_list,
};

/* --- show --- */

static const struct output_field show_fields[] = {
	{ .name = "key" },
	{ .name = "value" },
	{ .name = NULL },
};

struct showing {
	struct output *out;
	enum blk_status st;
	struct fault *why;
};

static void
line(struct showing *s, const char *key, const char *value)
{
	if (s->st != BLK_OK)
		return;
	output_begin(s->out, "field");
	output_string(s->out, "key", key);
	output_bytes(s->out, "value", value, strlen(value));
	s->st = output_end(s->out, s->why);
}

static void
line_number(struct showing *s, const char *key, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ju", (uintmax_t)n);
	line(s, key, text);
}

static void
line_time(struct showing *s, const char *key, int64_t ns)
{
	char text[WHEN_TEXT];

	when_format_rfc3339(ns, text);
	line(s, key, text);
}

static void
lines(struct showing *s, const char *key, const struct snapshot_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		line(s, key, l->item[i]);
}

static void
show_fields_of(struct showing *s, const struct snapshot_version *v)
{
	char hex[DIGEST_HEX];

	digest_hex(&v->v.id, hex);
	line(s, "snapshot", hex);
	digest_hex(&v->snap.tree, hex);
	line(s, "tree", hex);
	line(s, "name", v->snap.name);
	if (v->v.number > 0)
		line_number(s, "version", v->v.number);
	line(s, "host", v->snap.host);
	lines(s, "path", &v->snap.path);
	line_time(s, "start", v->snap.start);
	line_time(s, "end", v->snap.end);
	lines(s, "tag", &v->snap.tag);
	line_number(s, "files", v->snap.files);
	line_number(s, "dirs", v->snap.dirs);
	line_number(s, "others", v->snap.others);
	line_number(s, "bytes", v->snap.bytes);
	for (size_t i = 0; i < v->snap.error.count; i++) {
		line(s, "error", v->snap.error.item[i].path);
		line(s, "reason", v->snap.error.item[i].reason);
	}
	lines(s, "changed", &v->snap.changed);
}

static enum blk_status
show_paths(struct output *out, const struct snapshot *snap, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < snap->error.count; i++) {
		const struct snapshot_error *e = &snap->error.item[i];

		output_begin(out, "unreadable");
		output_bytes(out, "path", e->path, strlen(e->path));
		output_bytes(out, "reason", e->reason, strlen(e->reason));
		st = output_end(out, why);
	}
	for (size_t i = 0; st == BLK_OK && i < snap->changed.count; i++) {
		const char *path = snap->changed.item[i];

		output_begin(out, "changed");
		output_bytes(out, "path", path, strlen(path));
		st = output_end(out, why);
	}
	return st;
}

/* What a line of list has, and what only show says. */
static enum blk_status
show_json(
    struct output *out, const struct snapshot_version *v, struct fault *why)
{
	enum blk_status st;

	put_snapshot(out, v);
	output_time(out, "end", v->snap.end);
	output_u64(out, "dirs", v->snap.dirs);
	output_u64(out, "others", v->snap.others);
	st = output_end(out, why);
	return st == BLK_OK ? show_paths(out, &v->snap, why) : st;
}

static enum blk_status
show(struct cli *c, struct opened *o, struct fault *why)
{
	struct snapshot_version v = { .v = { .name = NULL } };
	struct output_options oo = cli_output(c);
	struct showing s = { .st = BLK_OK, .why = why };

	oo.type = "field";
	oo.field = show_fields;
	oo.columns = "key value";
	s.st = output_open(&oo, &s.out, why);
	if (s.st == BLK_OK)
		s.st = open_store(c, false, NULL, o, why);
	if (s.st == BLK_OK)
		s.st = snapshot_of_ref(o->store, c->operand[0], &v, why);
	if (s.st == BLK_OK && c->common.json)
		s.st = show_json(s.out, &v, why);
	else if (s.st == BLK_OK)
		show_fields_of(&s, &v);
	if (s.st == BLK_OK)
		s.st = summarize(s.out, 1, why);
	output_free(s.out);
	snapshot_version_release(&v);
	return s.st;
}

static int
run_show(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	enum blk_status st;

	no_options(c, 1, 1);
	st = show(c, &o, &why);
	return finish(c, &o, st, EXIT_DONE, &why);
}

const struct cli_command backup_show_command = {
	.name = "show",
	.usage = "[OPTION]... REF",
	.about = "say all that a snapshot says of itself",
	.common = CLI_STORE | CLI_OUTPUT | CLI_WAIT | CLI_WORK | CLI_PROGRESS,
	.run = run_show,
};

/* --- status --- */

enum { OPT_MAX_AGE = CLI_LONG };

#define SLACK (INT64_C(60) * 1000000000)

static const struct cli_option status_options[] = {
	{ .id = OPT_MAX_AGE,
	    .name = "max-age",
	    .arg = "DURATION",
	    .help = "how young the newest snapshot must be" },
	{ .name = NULL },
};

static const struct output_field status_fields[] = {
	{ .name = "name" },
	{ .name = "time" },
	{ .name = "young" },
	{ .name = "beside" },
	{ .name = NULL },
};

/* What there is of one name. */
struct standing {
	const struct snapshot_version *newest; /* that is not of the future */
	const struct snapshot_version *future; /* the last that is */
	bool young;
};

static enum blk_status
print_status(
    struct output *out, const struct standing *n, bool json, struct fault *why)
{
	const struct snapshot_version *v =
	    n->newest != NULL ? n->newest : n->future;

	if (!json && n->young)
		return BLK_OK;
	output_begin(out, "status");
	output_bytes(out, "name", v->snap.name, strlen(v->snap.name));
	output_time(out, "time", v->snap.start);
	output_bool(out, "young", n->young);
	if (json)
		output_bool(out, "future", n->future != NULL);
	else
		output_string(out, "beside",
		    n->newest == NULL       ? ", which is still to come"
		        : n->future != NULL ? ", beside some of the future"
		                            : "");
	return output_end(out, why);
}

/*
 * A clock that was ahead when a snapshot was taken would make it look young
 * for as long as it was ahead; SLACK is what clocks of machines may differ by.
 */
static void
see_snapshot(struct standing *n, const struct snapshot_version *v,
    int64_t since, int64_t now)
{
	int64_t start = v->snap.start;

	if (start > now && start - now > SLACK) {
		n->future = v;
		return;
	}
	if (n->newest == NULL || start >= n->newest->snap.start)
		n->newest = v;
	n->young |= start >= since;
}

/* A name that was asked for and has no snapshot at all has no young one. */
static size_t
count_missing(const struct cli *c, const struct snapshot_versions *l)
{
	size_t missing = 0;

	for (char **glob = c->operand; *glob != NULL; glob++) {
		if (snapshot_versions_have(l, *glob))
			continue;
		cli_error(c, EXIT_FAILED, "there is no snapshot of %s", *glob);
		missing++;
	}
	return missing;
}

/* Name by name; *old counts those without a young snapshot. */
static enum blk_status
judge_names(struct output *out, const struct snapshot_versions *l,
    int64_t since, int64_t now, bool json, size_t *old, struct fault *why)
{
	struct standing n = { .newest = NULL };
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < l->count; i++) {
		see_snapshot(&n, &l->item[i], since, now);
		if (i + 1 < l->count &&
		    strcmp(l->item[i].v.name, l->item[i + 1].v.name) == 0)
			continue;
		*old += !n.young;
		st = print_status(out, &n, json, why);
		n = (struct standing){ .newest = NULL };
	}
	return st;
}

static enum blk_status
status(struct cli *c, struct when_span age, struct opened *o, size_t *old,
    struct fault *why)
{
	struct snapshot_versions l = { .item = NULL };
	struct output_options oo = cli_output(c);
	struct output *out = NULL;
	int64_t since = 0, now = 0;
	enum blk_status st;

	oo.type = "status";
	oo.field = status_fields;
	oo.format = "%(name): the newest snapshot is of %(time)%(beside)";
	st = output_open(&oo, &out, why);
	if (st == BLK_OK)
		st = open_store(c, false, NULL, o, why);
	if (st == BLK_OK)
		now = store_now(o->store);
	if (st == BLK_OK && !when_subtract(now, age, &since))
		st = fault(why, BLK_INVALID, "--max-age: too long");
	if (st == BLK_OK)
		st = snapshot_versions_load(o->store, c->operand, &l, why);
	if (st == BLK_OK && l.count == 0 && c->operands == 0)
		st = fault(why, BLK_FAILED, "there is no snapshot of anything");
	if (st == BLK_OK)
		*old += count_missing(c, &l);
	if (st == BLK_OK)
		st = judge_names(out, &l, since, now, c->common.json, old, why);
	if (st == BLK_OK) {
		output_begin(out, "summary");
		output_u64(out, "problems", *old);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	snapshot_versions_release(&l);
	return st;
}

static int
run_status(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	struct when_span age = { 0 };
	const char *arg;
	enum blk_status st;
	bool given = false;
	size_t old = 0;

	for (int id; (id = cli_next(c, &arg)) != 0;) {
		if (when_duration(arg, &age, &why) != BLK_OK)
			cli_usage(c, "--max-age: %s", why.text);
		given = true;
	}
	cli_operands(c, 0, CLI_ANY);
	if (!given)
		cli_usage(c, "how young? give --max-age DURATION");
	st = status(c, age, &o, &old, &why);
	return finish(c, &o, st, old > 0 ? EXIT_FAILED : EXIT_DONE, &why);
}

const struct cli_command backup_status_command = {
	.name = "status",
	.usage = "--max-age DURATION [OPTION]... [PATTERN]...",
	.about = "exit 1 when a name has no young snapshot",
	.option = status_options,
	.common = CLI_STORE | CLI_OUTPUT | CLI_WAIT | CLI_WORK | CLI_PROGRESS,
	.run = run_status,
};

/*
 * blk-backup prune - drop snapshots that no rule keeps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "open.h"
#include "prune.h"
#include "versions.h"

#define REASONS_MAX ((size_t)1 << 20)

enum {
	OPT_LAST = CLI_LONG, /* and on, in the order of retention_period */
	OPT_YEARLY = OPT_LAST + RETENTION_YEAR,
	OPT_WITHIN,
	OPT_TAG,
	OPT_GROUP_BY,
	OPT_REMOVE_ALL,
	OPT_VERIFY_DATA,
};

static const struct cli_option options[] = {
	{ .id = OPT_LAST + RETENTION_LAST,
	    .name = "keep-last",
	    .arg = "N",
	    .help = "keep the newest N; N may be 'unlimited'" },
	{ .id = OPT_LAST + RETENTION_HOUR,
	    .name = "keep-hourly",
	    .arg = "N",
	    .help = "keep the newest of each of the last N hours that have "
	            "any" },
	{ .id = OPT_LAST + RETENTION_DAY,
	    .name = "keep-daily",
	    .arg = "N",
	    .help = "likewise of days" },
	{ .id = OPT_LAST + RETENTION_WEEK,
	    .name = "keep-weekly",
	    .arg = "N",
	    .help = "likewise of weeks" },
	{ .id = OPT_LAST + RETENTION_MONTH,
	    .name = "keep-monthly",
	    .arg = "N",
	    .help = "likewise of months" },
	{ .id = OPT_YEARLY,
	    .name = "keep-yearly",
	    .arg = "N",
	    .help = "likewise of years" },
	{ .id = OPT_WITHIN,
	    .name = "keep-within",
	    .arg = "DURATION",
	    .help = "keep what is older than the newest by less than this" },
	{ .id = OPT_TAG,
	    .name = "keep-tag",
	    .arg = "TAG",
	    .help = "keep what has this tag, or all of several: a,b" },
	{ .id = OPT_GROUP_BY,
	    .name = "group-by",
	    .arg = "name|host,paths",
	    .help = "what the rules are applied to, each on its own "
	            "(default: name)" },
	{ .id = OPT_REMOVE_ALL,
	    .name = "unsafe-allow-remove-all",
	    .help = "do not refuse to drop all snapshots of a group" },
	{ .id = OPT_VERIFY_DATA,
	    .name = "verify-data",
	    .help = "first read all data of what stays" },
	{ .name = NULL },
};

struct request {
	struct prune_request prune;
	struct words tags;
	bool dry_run;
};

/* --- options --- */

static void
add_tag(const struct cli *c, struct request *r, const char *tag)
{
	struct words *w = &r->tags;
	struct fault why = FAULT_NONE;

	if (array_grow((void **)&w->word, w->count, &w->cap, sizeof(*w->word),
	        &why) != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	w->word[w->count++] = tag;
	r->prune.policy.tags = w->word;
	r->prune.policy.tag_count = w->count;
}

static const char *
name_of(int id)
{
	const struct cli_option *o = options;

	while (o->id != id)
		o++;
	return o->name;
}

static void
take_keep(const struct cli *c, struct request *r, int id, const char *arg)
{
	struct retention_policy *p = &r->prune.policy;
	struct fault why = FAULT_NONE;
	enum blk_status st;

	if (id == OPT_WITHIN)
		st = retention_parse_within(
		    arg, &p->within[RETENTION_LAST], &why);
	else
		st = retention_parse_keep(arg, &p->keep[id - OPT_LAST], &why);
	if (st != BLK_OK)
		cli_usage(c, "--%s: %s", name_of(id), why.text);
}

static void
take(struct cli *c, struct request *r, int id, const char *arg)
{
	switch (id) {
	case OPT_TAG:
		add_tag(c, r, arg);
		break;
	case OPT_GROUP_BY:
		if (strcmp(arg, "name") != 0 && strcmp(arg, "host,paths") != 0)
			cli_usage(c,
			    "--group-by: '%s' is not name or host,paths", arg);
		r->prune.by_host_and_paths = arg[0] == 'h';
		break;
	case OPT_REMOVE_ALL:
		r->prune.remove_all = true;
		break;
	case OPT_VERIFY_DATA:
		r->prune.verify_data = true;
		break;
	default:
		take_keep(c, r, id, arg);
	}
}

static void
parse(struct cli *c, struct request *r)
{
	struct fault why = FAULT_NONE;
	uint32_t none;
	const char *arg;

	for (int id; (id = cli_next(c, &arg)) != 0;)
		take(c, r, id, arg);
	cli_operands(c, 0, CLI_ANY);
	r->prune.glob = c->operand;
	r->dry_run = c->common.dry_run;
	if (retention_is_empty(&r->prune.policy))
		cli_usage(c,
		    "which snapshots shall stay? give a rule, as "
		    "--keep-daily 7");
	if (retention_apply(&r->prune.policy, 0, NULL, 0, &none, &why) !=
	    BLK_OK)
		cli_usage(c, "%s", why.text);
}

/* --- reporting --- */

static const struct output_field fields[] = {
	{ .name = "action", .title = "ACTION" },
	{ .name = "name", .title = "NAME" },
	{ .name = "version", .title = "VERSION", .right = true },
	{ .name = "time", .title = "TIME" },
	{ .name = "host", .title = "HOST" },
	{ .name = "tags", .title = "TAGS" },
	{ .name = "paths", .title = "PATHS" },
	{ .name = "reasons", .title = "REASONS" },
	{ .name = "snapshot_id" },
	{ .name = NULL },
};

static void
put_list(struct output *out, const char *key, const struct snapshot_list *l)
{
	output_strings(out, key, (const char *const *)l->item, l->count);
}

static enum blk_status
put_item(struct output *out, const struct prune *p, const struct prune_item *i,
    struct fault *why)
{
	const struct snapshot *s = &i->v->snap;
	const struct retention_snapshot shot = { s->start,
		(const char *const *)s->tag.item, s->tag.count };
	struct buf reasons = BUF_INIT(REASONS_MAX);
	char hex[DIGEST_HEX];
	enum blk_status st;

	st = retention_explain(&p->r->policy, &shot, i->reasons, &reasons, why);
	if (st == BLK_OK) {
		output_begin(out, "snapshot");
		output_string(out, "action", i->reasons != 0 ? "keep" : "drop");
		output_bytes(out, "name", i->v->v.name, strlen(i->v->v.name));
		output_u64(out, "version", i->v->v.number);
		output_time(out, "time", s->start);
		output_bytes(out, "host", s->host, strlen(s->host));
		put_list(out, "tags", &s->tag);
		put_list(out, "paths", &s->path);
		output_bytes(out, "reasons",
		    reasons.len > 0 ? (char *)reasons.data : "", reasons.len);
		digest_hex(&i->v->v.id, hex);
		output_string(out, "snapshot_id", hex);
		st = output_end(out, why);
	}
	buf_release(&reasons);
	return st;
}

static enum blk_status
put_summary(
    struct output *out, const struct prune *p, bool dry_run, struct fault *why)
{
	output_begin(out, "summary");
	output_u64(out, "groups", p->groups);
	output_u64(out, "kept", p->items - p->drops);
	output_u64(out, "dropped", p->drops);
	output_bool(out, "dry_run", dry_run);
	if (p->commit > 0)
		output_u64(out, "commit", p->commit);
	return output_end(out, why);
}

static enum blk_status
report(struct cli *c, const struct prune *p, bool dry_run, struct fault *why)
{
	struct output_options o = cli_output(c);
	struct output *out = NULL;
	enum blk_status st;

	o.type = "snapshot";
	o.field = fields;
	o.columns = p->r->by_host_and_paths
	    ? "action host paths name version time tags reasons"
	    : "action name version time tags reasons";
	o.titles = true;
	st = output_open(&o, &out, why);
	/* With -q it is silent; but a dry run is only for what it says. */
	for (size_t i = 0; st == BLK_OK && i < p->items; i++)
		if (dry_run || c->common.json || !c->common.quiet)
			st = put_item(out, p, &p->item[i], why);
	if (st == BLK_OK)
		st = put_summary(out, p, dry_run, why);
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	if (st == BLK_OK && !c->common.json)
		cli_note(c, 0, "%zu snapshot%s %s, %zu kept", p->drops,
		    p->drops == 1 ? "" : "s",
		    dry_run ? "would be dropped" : "dropped",
		    p->items - p->drops);
	return st;
}

static void
damaged(void *arg, struct span path, const char *reason)
{
	cli_error(arg, EXIT_CORRUPT, "%.*s: %s", (int)path.len, path.p, reason);
}

/* --- the work --- */

static enum blk_status
once(struct cli *c, const struct request *r, struct prune *p, struct opened *o,
    struct fault *why)
{
	enum blk_status st = open_store(c, false, NULL, o, why);

	if (st != BLK_OK)
		return st;
	return r->dry_run ? prune_plan(p, o->store, why)
	                  : prune_commit(p, o->store, why);
}

/* Who makes space may have the reserve: once more, all afresh.  *code: as
 * cli_merge has it. */
static enum blk_status
prune(struct cli *c, const struct request *r, struct prune *p, int *code,
    struct fault *why)
{
	struct opened o = { .store = NULL };
	enum blk_status st = once(c, r, p, &o, why);

	if (st == BLK_FAILED && o.store != NULL && !r->dry_run &&
	    store_reserve_spend(o.store, why)) {
		cli_warn(c, "the disk is full: the store's reserve is spent");
		*why = (struct fault)FAULT_NONE;
		open_close(&o);
		st = once(c, r, p, &o, why);
	}
	if (st == BLK_OK)
		st = snapshot_versions_miss(c, o.store, &p->all, code, why);
	if (st == BLK_OK && p->items == 0 && *code == EXIT_DONE)
		st = fault(
		    why, BLK_ABSENT, "%s: no snapshot matches", c->operand[0]);
	open_close(&o);
	return st;
}

static int
run(struct cli *c)
{
	struct request r = { .dry_run = false };
	struct prune p = { .r = &r.prune };
	struct fault why = FAULT_NONE;
	enum blk_status st;
	int code = -1;

	parse(c, &r);
	cli_catch_stop();
	p.data = (struct data_check){ .jobs = c->common.jobs,
		.progress = cli_progress(c),
		.damaged = damaged,
		.arg = c };
	st = prune(c, &r, &p, &code, &why);
	if (st == BLK_OK)
		st = report(c, &p, r.dry_run, &why);
	else
		cli_reraise();
	prune_release(&p);
	free(r.tags.word);
	if (st != BLK_OK)
		return cli_end(c, cli_fail(c, st, &why));
	return cli_end(c, code == -1 ? EXIT_DONE : code);
}

const struct cli_command backup_prune_command = {
	.name = "prune",
	.usage = "[OPTION]... --keep-WHAT N [PATTERN]...",
	.about = "drop snapshots that no rule keeps",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
	.run = run,
};

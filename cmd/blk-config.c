/*
 * blk-config - the settings of a store.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "log.h"
#include "open.h"

static const struct output_field fields[] = {
	{ .name = "key", .title = "KEY" },
	{ .name = "value", .title = "VALUE" },
	{ .name = NULL },
};

struct listing {
	struct output *out;
	uint64_t settings;
};

/* --- printing --- */

static enum blk_status
print_setting(struct listing *l, const char *key, const char *value,
    bool is_default, struct fault *why)
{
	output_begin(l->out, "setting");
	output_bytes(l->out, "key", key, strlen(key));
	output_bytes(l->out, "value", value, strlen(value));
	output_bool(l->out, "default", is_default);
	l->settings++;
	return output_end(l->out, why);
}

static enum blk_status
begin_listing(
    struct cli *c, const char *format, struct listing *l, struct fault *why)
{
	struct output_options o = cli_output(c);

	o.type = "setting";
	o.field = fields;
	o.format = format;
	return output_open(&o, &l->out, why);
}

static enum blk_status
end_listing(struct listing *l, struct fault *why)
{
	enum blk_status st;

	output_begin(l->out, "summary");
	output_u64(l->out, "settings", l->settings);
	st = output_end(l->out, why);
	return st == BLK_OK ? output_finish(l->out, why) : st;
}

/* --- get, list --- */

/* Is nothing set, so that the default counts? */
static enum blk_status
is_default(struct store *s, const char *key, bool *is, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	char *value = NULL;
	enum blk_status st = c->type->setting_get(c, key, &value, why);

	free(value);
	*is = st == BLK_ABSENT;
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
show(struct store *s, const char *key, struct listing *l, struct fault *why)
{
	char *value = NULL;
	enum blk_status st;
	bool unset;

	st = is_default(s, key, &unset, why);
	if (st == BLK_OK)
		st = store_setting(s, key, &value, why);
	if (st == BLK_OK)
		st = print_setting(l, key, value, unset, why);
	free(value);
	return st;
}

static enum blk_status
show_users(void *arg, const char *key, const char *value, struct fault *why)
{
	return strncmp(key, "user.", 5) == 0
	    ? print_setting(arg, key, value, false, why)
	    : BLK_OK;
}

static enum blk_status
show_all(struct store *s, struct listing *l, struct fault *why)
{
	struct catalog *c = store_catalog(s);
	const char *key, *value;
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && store_setting_at(i, &key, &value);
	     i++)
		st = show(s, key, l, why);
	if (st == BLK_OK)
		st = c->type->setting_each(c, show_users, l, why);
	return st;
}

/* key NULL: all. */
static enum blk_status
print(struct cli *c, const char *key, struct fault *why)
{
	struct opened o = { .store = NULL };
	struct listing l = { .out = NULL };
	enum blk_status st = open_store(c, false, NULL, &o, why);

	if (st == BLK_OK)
		st = begin_listing(
		    c, key != NULL ? "%(value)" : "%(key)=%(value)", &l, why);
	if (st == BLK_OK)
		st = key != NULL ? show(o.store, key, &l, why)
		                 : show_all(o.store, &l, why);
	if (st == BLK_OK)
		st = end_listing(&l, why);
	output_free(l.out);
	open_close(&o);
	return st;
}

/* --- set --- */

struct change {
	const char *key, *value;
};

/* What is so already is not said again. */
static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	const struct change *ch = arg;
	struct catalog *c = store_catalog(s);
	char *value = NULL;
	enum blk_status st = c->type->setting_get(c, ch->key, &value, why);
	bool same = false;

	if (st == BLK_ABSENT)
		same = ch->value[0] == '\0';
	else if (st == BLK_OK)
		same = strcmp(value, ch->value) == 0;
	free(value);
	if (st != BLK_OK && st != BLK_ABSENT)
		return st;
	return same ? BLK_OK
	            : commit_add_text(k, VERB_SET, ch->key, ch->value, why);
}

static enum blk_status
change(struct cli *c, struct change *ch, struct fault *why)
{
	const struct store_draft d = { .decide = decide, .arg = ch };
	struct opened o = { .store = NULL };
	struct listing l = { .out = NULL };
	struct store_outcome outcome;
	enum blk_status st = open_store(c, false, NULL, &o, why);

	if (st == BLK_OK && !c->common.dry_run)
		st = store_commit(o.store, &d, &outcome, why);
	else if (st == BLK_OK)
		cli_note(c, 0, "would set %s to '%s'", ch->key, ch->value);
	open_close(&o);
	if (st == BLK_OK && c->common.json) {
		st = begin_listing(c, "", &l, why);
		if (st == BLK_OK)
			st = end_listing(&l, why);
		output_free(l.out);
	}
	return st;
}

/* --- the subcommands --- */

static void
take_options(struct cli *c)
{
	const char *arg;

	/* all of them are common */
	while (cli_next(c, &arg) != 0)
		;
}

static int
finish(struct cli *c, enum blk_status st, const struct fault *why)
{
	return cli_end(c, st == BLK_OK ? EXIT_DONE : cli_fail(c, st, why));
}

static void
check_key(struct cli *c, const char *key, const char *value)
{
	struct fault why = FAULT_NONE;

	if (store_check_setting(key, value, &why) != BLK_OK)
		cli_usage(c, "%s: %s", key, why.text);
}

static int
run_get(struct cli *c)
{
	struct fault why = FAULT_NONE;

	take_options(c);
	cli_operands(c, 1, 1);
	check_key(c, c->operand[0], "");
	return finish(c, print(c, c->operand[0], &why), &why);
}

static int
run_set(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct change ch;

	take_options(c);
	cli_operands(c, 2, 2);
	ch = (struct change){ c->operand[0], c->operand[1] };
	check_key(c, ch.key, ch.value);
	return finish(c, change(c, &ch, &why), &why);
}

static int
run_list(struct cli *c)
{
	struct fault why = FAULT_NONE;

	take_options(c);
	cli_operands(c, 0, 0);
	return finish(c, print(c, NULL, &why), &why);
}

static const struct cli_command subcommands[] = {
	{ .name = "get",
	    .usage = "[OPTION]... KEY",
	    .about = "print the value of a setting",
	    .common = CLI_COMMON,
	    .run = run_get },
	{ .name = "set",
	    .usage = "[OPTION]... KEY VALUE",
	    .about = "change a setting; the empty value takes it back to the "
	             "default",
	    .common = CLI_COMMON | CLI_DRY_RUN,
	    .run = run_set },
	{ .name = "list",
	    .usage = "[OPTION]...",
	    .about = "print all settings as KEY=VALUE",
	    .common = CLI_COMMON,
	    .run = run_list },
	{ .name = NULL },
};

static const struct cli_command blk_config = {
	.name = "blk-config",
	.usage = "[OPTION]... get KEY\n"
	         "[OPTION]... set KEY VALUE\n"
	         "[OPTION]... list",
	.about = "Print and change the settings of a store.",
	.common = CLI_COMMON | CLI_DRY_RUN,
	.sub = subcommands,
};

int
main(int argc, char *argv[])
{
	struct cli c;

	cli_begin(&c, &blk_config, argc, argv);
	return c.chosen->run(&c);
}

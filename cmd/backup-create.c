/*
 * blk-backup create - take a snapshot.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "file.h"
#include "input.h"
#include "open.h"
#include "snapshots.h"
#include "versions.h"

#define PATTERNS_MAX ((size_t)16 << 20)

enum {
	OPT_TAG = CLI_LONG,
	OPT_EXCLUDE,
	OPT_EXCLUDE_FROM,
	OPT_EXCLUDE_CACHES,
	OPT_EXCLUDE_IF,
	OPT_EXCLUDE_LARGER,
	OPT_FILES_FROM,
	OPT_FORCE,
	OPT_SKIP,
	OPT_ALL_XATTRS,
	OPT_HOST,
};

static const struct cli_option options[] = {
	{ .id = 'N',
	    .name = "name",
	    .arg = "NAME",
	    .help = "the name that gets the snapshot as its next version" },
	{ .id = OPT_TAG,
	    .name = "tag",
	    .arg = "TAG",
	    .help = "a word to find it or keep it by" },
	{ .id = OPT_HOST,
	    .name = "host",
	    .arg = "NAME",
	    .help = "the machine that it is of (default: this one)" },
	{ .id = OPT_EXCLUDE,
	    .name = "exclude",
	    .arg = "PATTERN",
	    .help = "leave out what matches" },
	{ .id = OPT_EXCLUDE_FROM,
	    .name = "exclude-from",
	    .arg = "FILE",
	    .help = "likewise, a pattern a line" },
	{ .id = OPT_EXCLUDE_CACHES,
	    .name = "exclude-caches",
	    .help = "leave out what lies beside a CACHEDIR.TAG" },
	{ .id = OPT_EXCLUDE_IF,
	    .name = "exclude-if-present",
	    .arg = "NAME",
	    .help = "leave out what lies beside such a file" },
	{ .id = OPT_EXCLUDE_LARGER,
	    .name = "exclude-larger-than",
	    .arg = "SIZE",
	    .help = "leave out larger files" },
	{ .id = 'x',
	    .name = "one-file-system",
	    .help = "stay on the file systems of the paths" },
	{ .id = OPT_FILES_FROM,
	    .name = "files-from",
	    .arg = "FILE",
	    .help = "read paths from FILE, one a line" },
	{ .id = OPT_ALL_XATTRS,
	    .name = "all-xattrs",
	    .help = "store trusted.* and all of security.* too" },
	{ .id = OPT_FORCE, .name = "force", .help = "read every file again" },
	{ .id = OPT_SKIP,
	    .name = "skip-if-unchanged",
	    .help = "no snapshot if nothing has changed" },
	{ .name = NULL },
};

struct request {
	struct backup_options backup;
	struct words paths;
	struct snapshot_list tags;
	struct filter *filter;
	char **owned; /* paths read from a file */
	size_t owneds, owneds_cap;
};

struct telling {
	struct cli *c;
	struct progress *progress;
	struct backup_totals totals;
};

/* --- parsing --- */

static void
add_word(const struct cli *c, struct words *w, const char *word)
{
	struct fault why = FAULT_NONE;

	if (array_grow((void **)&w->word, w->count, &w->cap, sizeof(*w->word),
	        &why) != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	w->word[w->count++] = word;
}

static void
must(const struct cli *c, const char *option, enum blk_status st,
    const struct fault *why)
{
	if (st == BLK_INVALID)
		cli_usage(c, "--%s: %s", option, why->text);
	if (st != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why->text));
}

static void
read_patterns(const struct cli *c, struct filter *f, const char *path)
{
	struct fault why = FAULT_NONE;
	enum blk_status st;
	void *text = NULL;
	size_t len = 0;

	st = file_slurp(AT_FDCWD, path, PATTERNS_MAX, &text, &len, &why);
	if (st == BLK_ABSENT)
		exit(cli_error(c, EXIT_FAILED, "%s: no such file", path));
	if (st == BLK_OK)
		st = filter_add_lines(f, span_of(text, len), 0, &why);
	must(c, "exclude-from", st, &why);
	free(text);
}

static void
read_paths(const struct cli *c, struct request *r, const char *path)
{
	struct fault why = FAULT_NONE;
	struct input in;
	char *line;
	int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
	enum blk_status st;

	if (fd == -1) {
		fault_sys(&why, "%s", path);
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	}
	st = input_init(&in, fd, path, c->common.null ? '\0' : '\n', &why);
	while (st == BLK_OK && (st = input_line(&in, &line, &why)) == BLK_OK) {
		char *copy = strdup(line);

		if (copy == NULL)
			st = fault_nomem(&why);
		else
			st = array_grow((void **)&r->owned, r->owneds,
			    &r->owneds_cap, sizeof(*r->owned), &why);
		if (st != BLK_OK)
			break;
		r->owned[r->owneds++] = copy;
		add_word(c, &r->paths, copy);
	}
	if (st != BLK_ABSENT)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	input_release(&in);
	if (fd != 0)
		close(fd);
}

static void
parse_exclude(const struct cli *c, struct filter *f, int id, const char *arg)
{
	struct fault why = FAULT_NONE;

	if (id == OPT_EXCLUDE)
		must(c, "exclude", filter_add(f, span_str(arg), 0, &why), &why);
	else if (id == OPT_EXCLUDE_FROM)
		read_patterns(c, f, arg);
	else if (id == OPT_EXCLUDE_CACHES)
		must(c, "exclude-caches", filter_add_caches(f, &why), &why);
	else if (id == OPT_EXCLUDE_IF)
		must(c, "exclude-if-present",
		    filter_add_tag(f, span_str(arg), &why), &why);
	else
		filter_set_limit(f, cli_size(c, "exclude-larger-than", arg));
}

static void
parse_option(struct cli *c, struct request *r, int id, const char *arg)
{
	switch (id) {
	case 'N':
		r->backup.name = arg;
		break;
	case OPT_TAG:
		snapshot_tags_add(c, &r->tags, arg);
		break;
	case 'x':
		r->backup.one_file_system = true;
		break;
	case OPT_FILES_FROM:
		read_paths(c, r, arg);
		break;
	case OPT_HOST:
		r->backup.host = snapshot_host(c, arg);
		break;
	case OPT_ALL_XATTRS:
		r->backup.privileged_xattrs = true;
		break;
	case OPT_FORCE:
		r->backup.force = true;
		break;
	case OPT_SKIP:
		r->backup.skip_if_unchanged = true;
		break;
	default:
		parse_exclude(c, r->filter, id, arg);
	}
}

/* The last component of the only path; what a user would call it. */
static const char *
name_of_path(const struct cli *c, const struct request *r)
{
	const char *path = r->paths.word[0], *slash;

	if (r->paths.count != 1)
		cli_usage(c, "several paths need a name: -N NAME");
	slash = strrchr(path, '/');
	if (slash != NULL && slash[1] != '\0')
		path = slash + 1;
	if (strchr(path, '/') != NULL || strcmp(path, ".") == 0 ||
	    strcmp(path, "..") == 0)
		cli_usage(c, "%s makes no name: give -N NAME", path);
	return path;
}

static void
parse(struct cli *c, struct request *r)
{
	struct fault why = FAULT_NONE;
	const char *arg;

	if (filter_new(&r->filter, &why) != BLK_OK)
		exit(cli_error(c, EXIT_FAILED, "%s", why.text));
	for (int id; (id = cli_next(c, &arg)) != 0;)
		parse_option(c, r, id, arg);
	cli_operands(c, r->paths.count > 0 ? 0 : 1, CLI_ANY);
	for (char **path = c->operand; *path != NULL; path++)
		add_word(c, &r->paths, *path);
	if (r->paths.count == 0)
		cli_usage(c, "no paths");
	if (r->backup.name == NULL)
		r->backup.name = name_of_path(c, r);
	if (version_check_name(span_str(r->backup.name), &why) != BLK_OK)
		cli_usage(c, "-N: %s", why.text);
	r->backup.path = r->paths.word;
	r->backup.paths = r->paths.count;
	r->backup.tag = (const char *const *)r->tags.item;
	r->backup.tags = r->tags.count;
	r->backup.filter = r->filter;
	r->backup.dry_run = c->common.dry_run;
	r->backup.jobs = c->common.jobs;
	r->backup.max_memory = c->common.max_memory;
	r->backup.cache_dir = cli_cache(c);
	r->backup.stop = cli_stop_requested;
}

static void
release(struct request *r)
{
	filter_free(r->filter);
	for (size_t i = 0; i < r->owneds; i++)
		free(r->owned[i]);
	free(r->owned);
	free(r->paths.word);
	snapshot_tags_release(&r->tags);
}

/* --- telling --- */

static void
problem(void *arg, enum scan_problem what, struct span path, const char *reason)
{
	static const char *const said[] = {
		[SCAN_UNREADABLE] = "not stored",
		[SCAN_METADATA] = "stored without some of its attributes",
		[SCAN_CHANGED] = "still changing while it was read again",
		[SCAN_VANISHED] = "gone before it was read",
		[SCAN_SOCKET] = "a socket, left out",
		[SCAN_LOOP] = "a directory inside itself, left empty",
	};
	struct telling *t = arg;
	bool grave = what == SCAN_UNREADABLE || what == SCAN_METADATA ||
	    what == SCAN_CHANGED;

	/* That a file goes while its directory is read is everyday life. */
	if (!grave)
		cli_note(t->c, what == SCAN_VANISHED, "%.*s: %s", (int)path.len,
		    path.p, said[what]);
	else
		cli_error(t->c, EXIT_INCOMPLETE, "%.*s: %s%s%s", (int)path.len,
		    path.p, said[what], reason[0] != '\0' ? ": " : "", reason);
}

/* What was looked at; restic's names, so that what reads these reads it. */
static void
print_counts(struct output *out, const struct backup_totals *t)
{
	output_u64(out, "files_new", t->files_new);
	output_u64(out, "files_changed", t->files_changed);
	output_u64(out, "files_unmodified", t->files_known);
	output_u64(out, "dirs_new", t->dirs_new);
	output_u64(out, "dirs_changed", t->dirs_changed);
	output_u64(out, "dirs_unmodified", t->dirs_known);
}

static void
print_summary(struct output *out, const struct backup_result *r, bool dry_run)
{
	const struct backup_totals *t = &r->totals;
	const struct writer_totals none = { .bytes = 0 };
	const struct writer_totals *w = r->number > 0 ? &r->written : &none;
	char hex[DIGEST_HEX];

	output_begin(out, "summary");
	output_string(out, "message_type", "summary");
	print_counts(out, t);
	output_u64(out, "data_blobs", w->new_data);
	output_u64(out, "tree_blobs", w->new_trees);
	output_u64(out, "data_added", w->new_bytes);
	output_u64(out, "data_added_packed", w->stored_bytes);
	output_u64(out, "total_files_processed",
	    t->files_new + t->files_changed + t->files_known);
	output_u64(out, "total_bytes_processed", t->bytes);
	output_real(out, "total_duration", (double)(r->end - r->start) / 1e9);
	output_time(out, "backup_start", r->start);
	output_time(out, "backup_end", r->end);
	output_u64(out, "problems", t->problems);
	output_bool(out, "dry_run", dry_run);
	if (r->number > 0) {
		digest_hex(&r->snapshot, hex);
		output_string(out, "snapshot_id", hex);
	}
	if (!dry_run) {
		digest_hex(&r->tree, hex);
		output_string(out, "tree_id", hex);
	}
	if (r->number > 0)
		output_u64(out, "version", r->number);
}

static enum blk_status
report(struct telling *t, const struct backup_result *r, struct fault *why)
{
	static const struct output_field fields[] = {
		{ .name = "snapshot_id" },
		{ .name = NULL },
	};
	struct output_options o = cli_output(t->c);
	struct output *out = NULL;
	char hex[DIGEST_HEX];
	enum blk_status st;

	o.type = "snapshot";
	o.field = fields;
	o.format = "%(snapshot_id)";
	st = output_open(&o, &out, why);
	/* An id on every run is not what cron likes. */
	if (st == BLK_OK && !t->c->common.json && !t->c->common.quiet &&
	    r->number > 0) {
		digest_hex(&r->snapshot, hex);
		output_begin(out, "snapshot");
		output_string(out, "snapshot_id", hex);
		st = output_end(out, why);
	}
	if (st == BLK_OK) {
		print_summary(out, r, t->c->common.dry_run);
		st = output_end(out, why);
	}
	if (st == BLK_OK)
		st = output_finish(out, why);
	output_free(out);
	return st;
}

static void
note_summary(const struct telling *t, const struct backup_result *r)
{
	const struct backup_totals *n = &r->totals;

	cli_note(t->c, 1,
	    "%ju files new, %ju changed, %ju unmodified, %ju directories; %ju "
	    "bytes read, %ju new, %ju stored",
	    (uintmax_t)n->files_new, (uintmax_t)n->files_changed,
	    (uintmax_t)n->files_known,
	    (uintmax_t)(n->dirs_new + n->dirs_changed + n->dirs_known),
	    (uintmax_t)n->bytes_read, (uintmax_t)r->written.new_bytes,
	    (uintmax_t)r->written.stored_bytes);
	if (r->unchanged && r->number == 0 && !t->c->common.dry_run)
		cli_note(t->c, 0, "nothing has changed: no snapshot");
	if (t->c->common.dry_run)
		cli_note(t->c, 0, "would read %ju of %ju files",
		    (uintmax_t)(n->files_new + n->files_changed),
		    (uintmax_t)(n->files_new + n->files_changed +
		        n->files_known));
}

/* --- the whole --- */

static bool
follow(void *arg)
{
	struct telling *t = arg;
	uint64_t files =
	    __atomic_load_n(&t->totals.files_read, __ATOMIC_RELAXED);
	uint64_t bytes =
	    __atomic_load_n(&t->totals.bytes_read, __ATOMIC_RELAXED);

	atomic_store_explicit(&t->progress->files, files, memory_order_relaxed);
	atomic_store_explicit(&t->progress->bytes, bytes, memory_order_relaxed);
	return cli_stop_requested(NULL);
}

static int
run(struct cli *c)
{
	struct fault why = FAULT_NONE;
	struct opened o = { .store = NULL };
	struct request r = { .filter = NULL };
	struct backup_result result = { .number = 0 };
	struct telling t = { .c = c };
	enum blk_status st;
	bool unread = false;
	int code = EXIT_DONE;

	parse(c, &r);
	cli_catch_stop();
	t.progress = cli_progress(c);
	r.backup.problem = problem;
	r.backup.stop = follow;
	r.backup.arg = &t;
	r.backup.totals = &t.totals;
	st = open_store(c, false, NULL, &o, &why);
	if (st == BLK_OK) {
		st = backup_create(o.store, &r.backup, &result, &why);
		unread = st == BLK_ABSENT;
	}
	cli_reraise();
	if (st == BLK_OK) {
		note_summary(&t, &result);
		st = report(&t, &result, &why);
	}
	if (st == BLK_OK && result.totals.problems > 0)
		code = EXIT_INCOMPLETE;
	open_close(&o);
	release(&r);
	if (unread) /* the source is to blame, not the store */
		return cli_end(
		    c, cli_error(c, EXIT_INCOMPLETE, "%s", why.text));
	return cli_end(c, st == BLK_OK ? code : cli_fail(c, st, &why));
}

const struct cli_command backup_create_command = {
	.name = "create",
	.usage = "[OPTION]... PATH...",
	.about = "take a snapshot of the paths",
	.option = options,
	.common = CLI_COMMON | CLI_DRY_RUN,
	.run = run,
};

/*
 * Files, standard input, the output of a command, and what is there already,
 * as versions of names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "input.h"
#include "put.h"

/* --- what waits for a commit --- */

static void
forget_items(struct put *p)
{
	for (size_t i = 0; i < p->items; i++) {
		free(p->item[i].path);
		free(p->add[i].name);
	}
	p->items = 0;
	p->pending_bytes = 0;
}

/* path may be NULL. */
static enum blk_status
take_item(
    struct put *p, const char *path, const struct naming *n, struct fault *why)
{
	enum blk_status st;

	st = array_grow(
	    (void **)&p->item, p->items, &p->items_cap, sizeof(*p->item), why);
	if (st == BLK_OK)
		st = array_grow((void **)&p->add, p->items, &p->adds_cap,
		    sizeof(*p->add), why);
	if (st != BLK_OK)
		return st;
	p->item[p->items] =
	    (struct put_item){ .path = path != NULL ? strdup(path) : NULL,
		    .size = n->size };
	p->add[p->items] = *n;
	p->add[p->items].name = p->r->name != NULL ? strdup(p->r->name) : NULL;
	p->items++;
	p->pending_bytes += n->size;
	if ((path != NULL && p->item[p->items - 1].path == NULL) ||
	    (p->r->name != NULL && p->add[p->items - 1].name == NULL))
		return fault_nomem(why);
	return BLK_OK;
}

static enum blk_status
print_items(struct put *p, uint64_t commit, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < p->items; i++) {
		p->item[i].size = p->add[i].size;
		p->bytes += p->add[i].size;
		st = put_print_item(p, &p->item[i], &p->add[i], commit, why);
	}
	p->objects += p->items;
	return st;
}

/* All that waits; ids are printed when they are durable. */
static enum blk_status
commit(struct put *p, struct fault *why)
{
	struct versions_plan plan = { .wish = &p->r->wish,
		.add = p->add,
		.adds = p->items,
		.if_head = p->r->if_head,
		.keep_last = p->r->keep_last };
	const struct store_draft d = { .decide = versions_decide,
		.arg = &plan };
	struct store_outcome out = { .number = 0 };
	enum blk_status st = BLK_OK;

	if (p->items == 0)
		return BLK_OK;
	if (p->w != NULL)
		st = writer_commit(p->w, versions_decide, &plan, &out, why);
	else if (!p->c->common.dry_run)
		st = store_commit(p->opened.store, &d, &out, why);
	else if (p->opened.store != NULL)
		st = versions_check(&plan, p->opened.store, why);
	p->commits += out.number > 0;
	p->committed_ms = file_clock_ms();
	if (st == BLK_OK)
		st = print_items(p, out.number, why);
	forget_items(p);
	return st;
}

static bool
is_due(const struct put *p)
{
	const struct put_every *e = &p->r->every;

	return p->items >= PUT_COMMIT_MAX ||
	    (e->objects > 0 && p->items >= e->objects) ||
	    (e->bytes > 0 && p->pending_bytes >= e->bytes) ||
	    (e->ms > 0 && file_clock_ms() - p->committed_ms >= e->ms);
}

/* --- inputs --- */

static enum blk_status
check_content(const struct put *p, const char *name, const struct digest *id,
    uint64_t size, struct fault *why)
{
	char hex[DIGEST_HEX];

	if (size < p->r->min_size)
		return fault(why, BLK_FAILED,
		    "%s: has only %ju bytes; nothing was stored", name,
		    (uintmax_t)size);
	if (!p->r->expects || digest_equal(id, &p->r->expected))
		return BLK_OK;
	digest_hex(id, hex);
	return fault(why, BLK_FAILED,
	    "%s: has the id %s, not the expected one; nothing was stored", name,
	    hex);
}

/* An input that cannot be read does not keep the others from it. */
static void
skip(struct put *p, const struct fault *why)
{
	p->code = cli_error(p->c, EXIT_INCOMPLETE, "%s", why->text);
}

/* What is ahead, for the progress. */
static void
expect(struct put *p, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		progress_expect(p->progress, 1, (uint64_t)st.st_size);
}

static enum blk_status
put_path(struct put *p, const char *path, struct fault *why)
{
	bool is_stdin = strcmp(path, "-") == 0, readable;
	const char *name = is_stdin ? "standard input" : path;
	struct naming n = { .class = CLASS_CONTENT };
	enum blk_status st;
	int fd = STDIN_FILENO;

	if (!is_stdin)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1) {
		fault_sys(why, "%s", path);
		skip(p, why);
		return BLK_OK;
	}
	expect(p, fd);
	st = put_source(p, fd, name, &n.id, &n.size, &readable, why);
	if (!is_stdin)
		close(fd);
	if (st != BLK_OK && !readable && !cli_stop_requested(NULL)) {
		skip(p, why);
		return BLK_OK;
	}
	if (st == BLK_OK)
		st = check_content(p, name, &n.id, n.size, why);
	if (st == BLK_OK)
		st = take_item(p, path, &n, why);
	progress_files(p->progress, 1);
	return st == BLK_OK && is_due(p) ? commit(p, why) : st;
}

/* The list of -T: a path a line. */
static enum blk_status
put_listed(struct put *p, struct fault *why)
{
	bool is_stdin = strcmp(p->r->files, "-") == 0;
	const char *name = is_stdin ? "standard input" : p->r->files;
	struct input in = { .data = NULL };
	int fd = STDIN_FILENO;
	enum blk_status st;
	char *path;

	if (!is_stdin)
		fd = open(p->r->files, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return fault_sys(why, "%s", name);
	st = input_init(&in, fd, name, p->c->common.null ? '\0' : '\n', why);
	while (st == BLK_OK && (st = input_line(&in, &path, why)) == BLK_OK) {
		if (is_stdin && strcmp(path, "-") == 0)
			st = fault(why, BLK_INVALID,
			    "standard input cannot be list and file at once");
		else if (*path != '\0')
			st = put_path(p, path, why);
	}
	input_release(&in);
	if (!is_stdin)
		close(fd);
	return st == BLK_ABSENT ? BLK_OK : st;
}

static enum blk_status
put_output(struct put *p, int *code, struct fault *why)
{
	struct naming n = { .class = CLASS_CONTENT };
	enum blk_status st;

	st = put_exec(p, p->r->operand, &n.id, &n.size, code, why);
	if (st == BLK_OK)
		st = check_content(p, p->r->operand[0], &n.id, n.size, why);
	return st == BLK_OK ? take_item(p, NULL, &n, why) : st;
}

static enum blk_status
put_inputs(struct put *p, int *code, struct fault *why)
{
	const struct naming there = { .ref = p->r->ref };
	enum blk_status st = BLK_OK;

	if (p->r->ref != NULL)
		return take_item(p, NULL, &there, why);
	if (p->r->exec)
		return put_output(p, code, why);
	for (int i = 0; st == BLK_OK && i < p->r->operands; i++)
		st = put_path(p, p->r->operand[i], why);
	if (st == BLK_OK && p->r->files != NULL)
		st = put_listed(p, why);
	else if (st == BLK_OK && p->r->operands == 0)
		st = put_path(p, "-", why);
	return st;
}

int
put_files(struct put *p)
{
	struct fault why = FAULT_NONE;
	enum blk_status st;
	int code = 0;

	st = put_print_begin(p, &why);
	if (st == BLK_OK)
		st = put_inputs(p, &code, &why);
	if (st == BLK_OK)
		st = commit(p, &why);
	forget_items(p);
	if (st == BLK_OK)
		st = put_print_end(p, &why);
	if (st == BLK_OK)
		return p->code;
	if (cli_stop_requested(NULL))
		return EXIT_FAILED; /* cli_end dies of the signal */
	if (code != 0)
		return cli_error(p->c, code, "%s", why.text);
	return cli_fail(p->c, st, &why);
}

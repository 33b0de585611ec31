/*
 * What blk-put prints: ids, sums as sha256sum prints them, or JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "outfile.h"
#include "put.h"

static const struct output_field fields[] = {
	{ .name = "mark" },
	{ .name = "id" },
	{ .name = "file" },
	{ .name = NULL },
};

enum blk_status
put_print_begin(struct put *p, struct fault *why)
{
	struct output_options o = cli_output(p->c);
	bool apart = p->r->tee || p->r->id_file != NULL;

	p->results = stdout;
	if (apart)
		p->results = open_memstream(&p->text, &p->text_len);
	if (p->results == NULL)
		return fault_nomem(why);
	o.file = p->results;
	o.terminal = o.terminal && !apart;
	o.type = "object";
	o.field = fields;
	o.format = p->c->common.verbose > 0 ? "%(mark)%(id)  %(file)" : "%(id)";
	return output_open(&o, &p->out, why);
}

void
put_print_release(struct put *p)
{
	output_free(p->out);
	if (p->results != NULL && p->results != stdout)
		fclose(p->results);
	free(p->text);
}

/*
 * The name as sha256sum writes it, from malloc: with backslash, newline and
 * carriage return escaped, and a mark in front of the line then.
 */
static char *
sum_name(const char *name, const char **mark)
{
	static const char special[] = "\\\n\r", letters[] = "\\nr";
	char *text = malloc(2 * strlen(name) + 1), *to = text;

	*mark = "";
	if (text == NULL)
		return NULL;
	for (; *name != '\0'; name++) {
		const char *c = strchr(special, *name);

		if (c == NULL) {
			*to++ = *name;
			continue;
		}
		*mark = "\\";
		*to++ = '\\';
		*to++ = letters[c - special];
	}
	*to = '\0';
	return text;
}

static enum blk_status
print_text(struct put *p, const char *path, const char *hex, struct fault *why)
{
	bool plain = p->c->common.null || path == NULL;
	const char *mark = "";
	char *name = NULL;
	enum blk_status st;

	if (path == NULL)
		path = "-";
	if (!plain) {
		name = sum_name(path, &mark);
		if (name == NULL)
			return fault_nomem(why);
		path = name;
	}
	output_begin(p->out, "object");
	output_string(p->out, "mark", mark);
	output_string(p->out, "id", hex);
	output_bytes(p->out, "file", path, strlen(path));
	st = output_end(p->out, why);
	free(name);
	return st;
}

static enum blk_status
print_json(struct put *p, const struct put_item *item, const struct naming *n,
    const char *hex, uint64_t commit, struct fault *why)
{
	output_begin(p->out, "object");
	output_string(p->out, "id", hex);
	output_u64(p->out, "size", item->size);
	if (item->path != NULL)
		output_bytes(p->out, "file", item->path, strlen(item->path));
	if (n->name != NULL) {
		output_bytes(p->out, "name", n->name, strlen(n->name));
		if (n->number > 0)
			output_u64(p->out, "version", n->number);
	}
	if (commit > 0)
		output_u64(p->out, "commit", commit);
	return output_end(p->out, why);
}

enum blk_status
put_print_item(struct put *p, const struct put_item *item,
    const struct naming *n, uint64_t commit, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(&n->id, hex);
	return p->c->common.json ? print_json(p, item, n, hex, commit, why)
	                         : print_text(p, item->path, hex, why);
}

static enum blk_status
print_summary(struct put *p, struct fault *why)
{
	struct writer_totals t = { .bytes = 0 };

	if (p->w != NULL)
		writer_totals(p->w, &t);
	output_begin(p->out, "summary");
	output_u64(p->out, "objects", p->objects);
	output_u64(p->out, "bytes", p->bytes);
	if (!p->c->common.dry_run) { /* else nothing was cut or looked up */
		output_u64(p->out, "bytes_new", t.new_bytes);
		output_u64(p->out, "bytes_stored", t.stored_bytes);
	}
	output_u64(p->out, "commits", p->commits);
	output_bool(p->out, "dry_run", p->c->common.dry_run);
	return output_end(p->out, why);
}

static enum blk_status
write_id_file(struct put *p, struct fault *why)
{
	struct outfile f = OUTFILE_NONE;
	enum blk_status st = outfile_open(p->r->id_file, &f, why);

	if (st == BLK_OK)
		st = outfile_write(&f, p->text, p->text_len, why);
	if (st == BLK_OK)
		st = outfile_commit(&f, why);
	outfile_release(&f);
	return st == BLK_OK ? st : fault_in(why, st, "stored, but");
}

enum blk_status
put_print_end(struct put *p, struct fault *why)
{
	enum blk_status st = print_summary(p, why);

	if (st == BLK_OK)
		st = output_finish(p->out, why);
	/* What was there before stays where nothing came of all that was
	 * asked for. */
	if (st == BLK_OK && p->r->id_file != NULL &&
	    (p->text_len > 0 || p->code == EXIT_DONE))
		st = write_id_file(p, why);
	return st;
}

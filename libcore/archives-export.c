/*
 * A tree as an archive, in the order of the tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archives-private.h"
#include "file.h"
#include "idmap.h"
#include "reader.h"

#define BLOCK (100 * 10240) /* bytes that are written at once */
#define SPARSE_FROM                                                            \
	((uint64_t)1 << 20) /* files of more bytes may have holes              \
	                     */
#define TREE_TEXT_MAX ((size_t)1 << 31)

struct level {
	struct digest tree;
	struct buf text;
	size_t next, path_len;
	struct tree_order order;
};

/* A file of which several links were met. */
struct linked {
	uint32_t count; /* cpio: entries that name it as their first link */
	char *path;     /* of the one that was written; NULL: none yet */
};

struct export
{
	struct store *s;
	const struct archives_export_options *o;
	struct archives_totals *t, own_totals;
	struct archive *a;
	struct archive_entry *entry;
	struct hasher *hash;
	struct buf path; /* inside the snapshot */
	size_t base;     /* where in it the path in the archive begins */
	struct level *level;
	size_t levels, cap;
	struct tree_scratch scratch;
	struct idmap links; /* by path of the first link */
	struct linked *linked;
	size_t linkeds, linkeds_cap;
	bool dead;     /* nothing more is written */
	bool counting; /* cpio: the first walk, which only looks for links */
};

static void
count(uint64_t *total, uint64_t n)
{
	__atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

static bool
stopped(const struct export *x)
{
	return x->o->stop != NULL && x->o->stop(x->o->arg);
}

static void
problem(struct export *x, const char *reason)
{
	struct span path = span_of(x->path.data, x->path.len);

	count(&x->t->problems, 1);
	if (x->o->problem != NULL)
		x->o->problem(
		    x->o->arg, path.len > 0 ? path : span_str("."), reason);
}

/* What libarchive leaves out of zip and cpio without a word. */
static void
tell_attributes(struct export *x, const struct tree_entry *e)
{
	bool acl = e->acl.len > 0 || e->acl_default.len > 0;

	if (x->o->format == ARCHIVES_TAR)
		return;
	if (e->xattrs > 0 && acl)
		problem(
		    x, "attributes and an ACL, which the format cannot hold");
	else if (e->xattrs > 0)
		problem(x, "attributes, which the format cannot hold");
	else if (acl)
		problem(x, "an ACL, which the format cannot hold");
}

/* --- hard links --- */

/* The record of a file by the path of its first link; made on demand. */
static enum blk_status
find_linked(struct export *x, struct span first, bool make, struct linked **out,
    struct fault *why)
{
	struct digest key;
	enum blk_status st;
	int64_t *at;
	bool made = false;

	*out = NULL;
	st = hasher_of(x->hash, first.p, first.len, &key, why);
	if (st != BLK_OK)
		return st;
	if (!make) {
		at = idmap_get(&x->links, &key, 0);
		*out = at != NULL ? &x->linked[*at] : NULL;
		return BLK_OK;
	}
	st = array_grow((void **)&x->linked, x->linkeds, &x->linkeds_cap,
	    sizeof(*x->linked), why);
	if (st == BLK_OK)
		st = idmap_put(&x->links, &key, 0, &at, &made, why);
	if (st != BLK_OK)
		return st;
	if (made) {
		*at = (int64_t)x->linkeds;
		x->linked[x->linkeds++] = (struct linked){ .count = 0 };
	}
	*out = &x->linked[*at];
	return BLK_OK;
}

static struct span
own_path(const struct export *x)
{
	return span_of(x->path.data, x->path.len);
}

/*
 * tar: is e to be a link to a member before it?  The first link is one, if it
 * is in this archive at all; else the first that we met.
 */
static enum blk_status
tar_link(struct export *x, const struct tree_entry *e, const char **to,
    struct buf *b, struct fault *why)
{
	struct linked *l;
	enum blk_status st;

	*to = NULL;
	b->len = 0;
	if (e->link.p == NULL || !tree_path_is_valid(e->link))
		return BLK_OK;
	if (tree_compare_paths(e->link, own_path(x)) < 0 &&
	    e->link.len > x->base &&
	    memcmp(e->link.p, x->path.data, x->base) == 0) {
		st =
		    buf_add(b, e->link.p + x->base, e->link.len - x->base, why);
		if (st == BLK_OK)
			st = archives_add_nul(b, why);
		*to = (char *)b->data;
		return st;
	}
	st = find_linked(x, e->link, true, &l, why);
	if (st != BLK_OK)
		return st;
	*to = l->path;
	if (l->path == NULL)
		l->path = strndup(
		    (char *)x->path.data + x->base, x->path.len - x->base);
	return *to == NULL && l->path == NULL ? fault_nomem(why) : BLK_OK;
}

/* cpio: inode and number of links; *body: do the bytes come here? */
static enum blk_status
cpio_link(
    struct export *x, const struct tree_entry *e, bool *body, struct fault *why)
{
	struct linked *l;
	enum blk_status st;

	*body = true;
	st = find_linked(
	    x, e->link.p != NULL ? e->link : own_path(x), false, &l, why);
	if (st != BLK_OK || l == NULL)
		return st;
	archive_entry_set_ino64(x->entry, (int64_t)(l - x->linked) + 1);
	archive_entry_set_dev(x->entry, 1);
	archive_entry_set_nlink(x->entry, l->count + 1);
	*body = l->path == NULL;
	if (l->path == NULL)
		l->path = strdup("");
	return l->path == NULL ? fault_nomem(why) : BLK_OK;
}

/* --- members --- */

/* What libarchive says, without the path in front that it has at times. */
static const char *
complaint(const struct export *x)
{
	const char *text = archive_error_string(x->a);
	const char *path = archive_entry_pathname(x->entry);
	size_t len = path != NULL ? strlen(path) : 0;

	if (len > 0 && strncmp(text, path, len) == 0 &&
	    strncmp(text + len, ": ", 2) == 0)
		return text + len + 2;
	return text;
}

/* *skip: the format cannot hold it, which was reported. */
static enum blk_status
write_header(struct export *x, bool *skip, struct fault *why)
{
	int result = archive_write_header(x->a, x->entry);

	*skip = result == ARCHIVE_FAILED;
	if (result == ARCHIVE_FATAL)
		return archives_fault(x->a, BLK_FAILED, why);
	/* pax: it warns of bytes that are no UTF-8, and writes them. */
	if (result == ARCHIVE_FAILED ||
	    (result != ARCHIVE_OK && x->o->format != ARCHIVES_TAR))
		problem(x, complaint(x));
	return BLK_OK;
}

static enum blk_status
write_bytes(void *arg, const void *data, size_t len, struct fault *why)
{
	struct export *x = arg;
	const uint8_t *p = data;

	if (stopped(x))
		return fault(why, BLK_BUSY, "stopped");
	while (len > 0) {
		la_ssize_t n = archive_write_data(x->a, p, len);

		if (n < 0)
			return archives_fault(x->a, BLK_FAILED, why);
		if (n == 0)
			return fault(why, BLK_CORRUPT,
			    "its content is longer than its tree says");
		p += n;
		len -= (size_t)n;
		count(&x->t->bytes, (uint64_t)n);
	}
	return BLK_OK;
}

/* Before a header says how long it is: is it? */
static enum blk_status
check_size(struct export *x, const struct tree_entry *e, struct fault *why)
{
	enum blk_status st;
	uint64_t size;

	st = reader_size(x->s, &e->id, &size, why);
	if (st == BLK_OK && size != e->size)
		st = fault(
		    why, BLK_CORRUPT, "its content is not as long as said");
	if (st == BLK_ABSENT)
		st = fault(why, BLK_CORRUPT, "is missing in the store");
	return st;
}

static void
count_member(struct export *x, const struct tree_entry *e, bool link)
{
	count(link                     ? &x->t->links
	        : e->type == TREE_FILE ? &x->t->files
	        : e->type == TREE_DIR  ? &x->t->dirs
	                               : &x->t->others,
	    1);
}

static enum blk_status
write_member(struct export *x, const struct tree_entry *e, const char *path,
    struct fault *why)
{
	struct buf b = BUF_INIT(TREE_LINE_MAX);
	bool body = true, skip = false, is_dir = e->type == TREE_DIR;
	const char *to = NULL;
	enum blk_status st;

	if (x->o->format == ARCHIVES_ZIP && !text_is_utf8(span_str(path))) {
		problem(x, "a name that zip cannot hold: it is not UTF-8");
		return BLK_OK;
	}
	st = archives_set_entry(x->entry, e, path, x->o, why);
	if (st == BLK_OK && x->o->format == ARCHIVES_TAR && !is_dir)
		st = tar_link(x, e, &to, &b, why);
	if (st == BLK_OK && x->o->format == ARCHIVES_CPIO && !is_dir)
		st = cpio_link(x, e, &body, why);
	if (to != NULL)
		archive_entry_set_hardlink(x->entry, to);
	body = body && to == NULL && e->type == TREE_FILE;
	if (!body)
		archive_entry_set_size(x->entry, 0);
	else if (st == BLK_OK)
		st = check_size(x, e, why);
	if (st == BLK_OK && body && x->o->sparse && e->size > SPARSE_FROM &&
	    x->o->format == ARCHIVES_TAR)
		st = archives_find_holes(x->s, &e->id, x->o, x->entry, why);
	if (st == BLK_OK)
		st = write_header(x, &skip, why);
	if (st == BLK_OK && body && !skip)
		st = reader_content(x->s, &e->id, 0, READER_ALL, x->o->jobs,
		    write_bytes, x, why);
	if (st == BLK_OK && !skip) {
		count_member(x, e, to != NULL);
		tell_attributes(x, e);
	}
	buf_release(&b);
	if (st == BLK_CORRUPT)
		return fault_in(why, st, "%s", path);
	return st;
}

/* The directory itself; a zip has no member for it. */
static enum blk_status
write_root(struct export *x, const struct tree_entry *e, struct fault *why)
{
	if (x->o->format != ARCHIVES_ZIP)
		return write_member(x, e, ".", why);
	tell_attributes(x, e);
	return BLK_OK;
}

/* --- the walk --- */

static enum blk_status
visit(struct export *x, const struct tree_entry *e, struct fault *why)
{
	struct linked *l;
	enum blk_status st;

	if (!x->counting) {
		st = archives_add_nul(&x->path, why);
		return st == BLK_OK
		    ? write_member(x, e, (char *)x->path.data + x->base, why)
		    : st;
	}
	if (e->link.p == NULL || !tree_path_is_valid(e->link))
		return BLK_OK;
	st = find_linked(x, e->link, true, &l, why);
	if (st == BLK_OK)
		l->count++;
	return st;
}

static enum blk_status
push(struct export *x, const struct digest *tree, struct fault *why)
{
	struct level *l;
	enum blk_status st;

	st = array_grow(
	    (void **)&x->level, x->levels, &x->cap, sizeof(*x->level), why);
	if (st != BLK_OK)
		return st;
	l = &x->level[x->levels++];
	*l = (struct level){ .tree = *tree,
		.text = BUF_INIT(TREE_TEXT_MAX),
		.path_len = x->path.len };
	return reader_text(x->s, tree, CLASS_TREE, &l->text, why);
}

/* Which tree it is that says something wrong. */
static enum blk_status
in_tree(const struct level *l, struct fault *why)
{
	char hex[DIGEST_HEX];

	digest_hex(&l->tree, hex);
	return fault_in(why, BLK_CORRUPT, "tree %s", hex);
}

static enum blk_status
step(struct export *x, struct fault *why)
{
	struct level *l = &x->level[x->levels - 1];
	struct span rest = span_of(l->text.data, l->text.len);
	struct tree_entry e;
	struct span line;
	enum blk_status st;
	bool bad = false;

	if (l->next > 0) { /* else there may be no text at all */
		rest.p += l->next;
		rest.len -= l->next;
	}
	x->path.len = l->path_len;
	if (stopped(x))
		return fault(why, BLK_BUSY, "stopped");
	if (rest.len == 0 || !text_line(&rest, &line, &bad)) {
		buf_release(&l->text);
		x->levels--;
		return BLK_OK;
	}
	l->next += line.len + 1;
	st = tree_parse(line, &x->scratch, &e, why);
	if (st == BLK_OK)
		st = tree_order_next(&l->order, e.name, why);
	if (st == BLK_CORRUPT)
		return in_tree(l, why);
	if (st == BLK_OK)
		st = buf_add(&x->path, e.name.p, e.name.len, why);
	if (st == BLK_OK)
		st = visit(x, &e, why);
	if (st != BLK_OK || e.type != TREE_DIR)
		return st;
	st = buf_add_u8(&x->path, '/', why);
	return st == BLK_OK ? push(x, &e.id, why) : st;
}

static enum blk_status
walk(struct export *x, const struct tree_entry *e, struct fault *why)
{
	enum blk_status st;

	if (e->type != TREE_DIR) {
		st = buf_add(&x->path, e->name.p, e->name.len, why);
		if (st == BLK_OK)
			st = visit(x, e, why);
		x->path.len = x->base;
		return st;
	}
	st = push(x, &e->id, why);
	while (st == BLK_OK && x->levels > 0)
		st = step(x, why);
	x->path.len = x->base;
	return st;
}

/* --- the archive --- */

static la_ssize_t
write_block(struct archive *a, void *arg, const void *data, size_t len)
{
	struct export *x = arg;
	const char *name = x->o->fd_name != NULL ? x->o->fd_name : "archive";
	struct fault why = FAULT_NONE;

	if (x->dead) /* it would pad what is not complete */
		return -1;
	if (file_write(x->o->fd, data, len, name, &why) == BLK_OK)
		return (la_ssize_t)len;
	errno = why.sys; /* said as it is of everything that writes there */
	fault_sys(&why, "%s", name);
	archive_set_error(a, why.sys, "%s", why.text);
	return -1;
}

/* The last block ends the same way, whatever fd is. */
static enum blk_status
open_archive(struct export *x, struct fault *why)
{
	int result, last = 512;

	x->a = archive_write_new();
	x->entry = archive_entry_new();
	if (x->a == NULL || x->entry == NULL)
		return fault_nomem(why);
	switch (x->o->format) {
	case ARCHIVES_ZIP:
		result = archive_write_set_format_zip(x->a);
		last = 1;
		break;
	case ARCHIVES_CPIO:
		result = archive_write_set_format_cpio_newc(x->a);
		break;
	case ARCHIVES_TAR:
	default:
		result = archive_write_set_format_pax(x->a);
		last = 10240;
		/* One spelling of attributes, which GNU tar reads too. */
		if (result == ARCHIVE_OK)
			result = archive_write_set_format_option(
			    x->a, "pax", "xattrheader", "SCHILY");
		break;
	}
	/* Else what is written to a pipe would be padded. */
	if (result == ARCHIVE_OK)
		result = archive_write_set_bytes_in_last_block(x->a, 1);
	if (result == ARCHIVE_OK)
		result = archive_write_set_bytes_per_block(x->a, BLOCK);
	if (result == ARCHIVE_OK)
		result = archive_write_set_bytes_in_last_block(x->a, last);
	if (result == ARCHIVE_OK)
		result = archive_write_open(x->a, x, NULL, write_block, NULL);
	return result == ARCHIVE_OK ? BLK_OK
	                            : archives_fault(x->a, BLK_FAILED, why);
}

static enum blk_status
set_base(struct export *x, const struct tree_entry *e, struct fault *why)
{
	struct span path = x->o->path;
	enum blk_status st;

	if (e->type != TREE_DIR)
		path.len =
		    path.len > e->name.len ? path.len - e->name.len - 1 : 0;
	st = buf_add(&x->path, path.p, path.len, why);
	if (st == BLK_OK && path.len > 0)
		st = buf_add_u8(&x->path, '/', why);
	x->base = x->path.len;
	return st == BLK_OK ? buf_reserve(&x->path, 256, why) : st;
}

static enum blk_status
run(struct export *x, const struct tree_entry *e, bool bare, struct fault *why)
{
	enum blk_status st;

	st = hasher_new(&x->hash, why);
	if (st == BLK_OK)
		st = set_base(x, e, why);
	if (st == BLK_OK && x->o->format == ARCHIVES_CPIO) {
		x->counting = true;
		st = walk(x, e, why);
		x->counting = false;
	}
	if (st == BLK_OK)
		st = open_archive(x, why);
	if (st == BLK_OK && e->type == TREE_DIR && !bare)
		st = write_root(x, e, why);
	if (st == BLK_OK)
		st = walk(x, e, why);
	if (st == BLK_OK && archive_write_close(x->a) != ARCHIVE_OK)
		st = archives_fault(x->a, BLK_FAILED, why);
	return st;
}

static void
export_release(struct export *x, bool failed)
{
	x->dead = failed;
	if (x->a != NULL)
		(void)archive_write_free(x->a);
	archive_entry_free(x->entry);
	hasher_free(x->hash);
	while (x->levels > 0)
		buf_release(&x->level[--x->levels].text);
	free(x->level);
	for (size_t i = 0; i < x->linkeds; i++)
		free(x->linked[i].path);
	free(x->linked);
	idmap_release(&x->links);
	tree_scratch_release(&x->scratch);
	buf_release(&x->path);
}

enum blk_status
archives_export(struct store *s, const struct tree_entry *entry, bool bare,
    const struct archives_export_options *o, struct fault *why)
{
	struct export x = { .s = s,
		.o = o,
		.scratch = TREE_SCRATCH_INIT,
		.path = BUF_INIT(SIZE_MAX / 2) };
	struct archives_locale locale = { .own = NULL };
	enum blk_status st;

	x.t = o->totals != NULL ? o->totals : &x.own_totals;
	archives_locale_enter(&locale, "C.UTF-8");
	st = run(&x, entry, bare, why);
	export_release(&x, st != BLK_OK);
	archives_locale_leave(&locale);
	return st;
}

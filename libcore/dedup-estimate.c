/*
 * What storing would take, without a store: the same cuts, the same frames
 * in the same order, packed and thrown away.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dedup-pack.h"
#include "dedup.h"
#include "scan.h"
#include "segment.h"
#include "structure.h"
#include "writer.h"

#define READ_SIZE ((size_t)1 << 20)
#define HELP_AFTER 4 /* slices of a long file: others help (writer) */
#define LANE_MEMORY ((uint64_t)3 << 20)
#define FILE_COST 16384 /* bytes that are read while a file is opened */

#define ROOT_LEVEL 2 /* below a version and a snapshot */

struct cutting { /* an estimate for one set of sizes */
	struct estimating *x;
	struct dedup_estimate *e;
	struct chunker chunker;
	struct packer packer;
	uint8_t *buf; /* of the file at hand */
	size_t cap, have;
	uint64_t at;         /* of it that is cut */
	struct cutter *list; /* its lines; NULL below two chunks */
	struct digest first; /* its first chunk */
	size_t first_len, chunks;
};

struct estimating {
	const struct dedup_options *o;
	struct cutting *cut;
	size_t cuts;
	struct packing packing;
	struct hasher *hash, *whole;
	uint8_t *scratch;
	/* A directory goes to whichever lane is free. */
	uint64_t *load;
	unsigned lane;  /* of the one at hand */
	uint32_t level; /* of the file, or tree, at hand */
};

/* --- files --- */

static enum blk_status
add_structure(struct cutting *c, enum kind kind, const struct digest *id,
    const void *text, size_t len, struct fault *why)
{
	const struct packer_object o = { .id = *id,
		.data = text,
		.len = len,
		.kind = kind,
		.lane = c->x->lane,
		.level = c->x->level };

	return packer_add(&c->packer, &o, why);
}

static enum blk_status
add_piece(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	return add_structure(arg, KIND_PIECE, id, text, len, why);
}

static enum blk_status
add_line(
    struct cutting *c, const struct digest *id, size_t len, struct fault *why)
{
	struct buf line = BUF_INIT(STRUCTURE_LINE_MAX);
	enum blk_status st = structure_add_data(&line, id, len, why);

	if (st == BLK_OK)
		st = cutter_line(c->list, line.data, line.len, len, why);
	buf_release(&line);
	return st;
}

/* A file of one chunk has no list. */
static enum blk_status
list_chunk(
    struct cutting *c, const struct digest *id, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (c->chunks++ == 0) {
		c->first = *id;
		c->first_len = len;
		return BLK_OK;
	}
	if (c->list == NULL) {
		st = cutter_new(c->x->hash, add_piece, c, &c->list, why);
		if (st == BLK_OK)
			cutter_is_list(c->list);
		if (st == BLK_OK)
			st = add_line(c, &c->first, c->first_len, why);
	}
	return st == BLK_OK ? add_line(c, id, len, why) : st;
}

/* Others help with a long file, in the lane of the walk, which is free. */
static unsigned
lane_of(const struct cutting *c)
{
	uint64_t slice = c->at / READ_SIZE;

	return slice < HELP_AFTER || slice % 2 == 0 ? c->x->lane : 0;
}

/* A list, where there is more than one chunk, refers to it. */
static enum blk_status
take_chunk(struct cutting *c, const uint8_t *data, size_t len, bool more,
    struct fault *why)
{
	struct packer_object o = { .data = data,
		.len = len,
		.kind = KIND_DATA,
		.lane = lane_of(c),
		.level = c->x->level + (more || c->chunks > 0) };
	enum blk_status st = hasher_of(c->x->hash, data, len, &o.id, why);

	c->e->chunks++;
	c->at += len;
	if (st == BLK_OK)
		st = list_chunk(c, &o.id, len, why);
	return st == BLK_OK ? packer_add(&c->packer, &o, why) : st;
}

/* Cut what is known of the file. */
static enum blk_status
cut_some(struct cutting *c, bool final, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t at = 0, n;

	while (st == BLK_OK && at < c->have &&
	    (n = chunker_next(&c->chunker, c->buf + at, c->have - at, final)) >
	        0) {
		st = take_chunk(
		    c, c->buf + at, n, !final || at + n < c->have, why);
		at += n;
	}
	memmove(c->buf, c->buf + at, c->have - at);
	c->have -= at;
	return st;
}

static enum blk_status
feed(struct cutting *c, const uint8_t *data, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && len > 0) {
		size_t n = c->cap - c->have < len ? c->cap - c->have : len;

		memcpy(c->buf + c->have, data, n);
		c->have += n;
		data += n;
		len -= n;
		st = cut_some(c, false, why);
	}
	return st;
}

/* Forget the file at hand. */
static void
leave_file(struct cutting *c)
{
	cutter_free(c->list);
	c->list = NULL;
	c->chunks = 0;
	c->have = 0;
	c->at = 0;
}

/* The end of a file: its list, once for each content. */
static enum blk_status
end_file(struct cutting *c, uint64_t size, const struct digest *id,
    struct fault *why)
{
	enum blk_status st = cut_some(c, true, why);
	const void *head;
	size_t len;

	if (st == BLK_OK && c->chunks == 0)
		st = take_chunk(c, (const uint8_t *)"", 0, false, why);
	if (st == BLK_OK && c->list != NULL) {
		st = cutter_end(c->list, &head, &len, why);
		if (st == BLK_OK)
			st = add_structure(c, KIND_LIST, id, head, len, why);
	}
	c->e->files++;
	c->e->bytes += size;
	leave_file(c);
	return st;
}

/* size and *id: of all that was read. */
static enum blk_status
read_all(struct estimating *x, int fd, uint64_t *size, struct digest *id,
    struct fault *reason, struct fault *why)
{
	enum blk_status st = hasher_begin(x->whole, why);

	*size = 0;
	while (st == BLK_OK) {
		ssize_t n = read(fd, x->scratch, READ_SIZE);

		if (n < 0)
			return fault_sys(reason, "read");
		if (n == 0)
			return hasher_end(x->whole, id, why);
		*size += (uint64_t)n;
		st = hasher_add(x->whole, x->scratch, (size_t)n, why);
		for (size_t i = 0; st == BLK_OK && i < x->cuts; i++)
			st = feed(&x->cut[i], x->scratch, (size_t)n, why);
		if (st == BLK_OK && x->o->stop != NULL &&
		    x->o->stop(x->o->arg, (uint64_t)n))
			st = fault(why, BLK_BUSY, "stopped");
	}
	return st;
}

static uint32_t
depth_of(const struct scan_dir *d)
{
	uint32_t n = 0;

	for (; d->parent != NULL; d = d->parent)
		n++;
	return n;
}

static enum blk_status
read_file(struct estimating *x, struct scan_dir *d, struct scan_entry *e,
    struct fault *why)
{
	struct fault reason = FAULT_NONE;
	enum blk_status st;
	uint64_t size;
	int fd;

	st = scan_file_open(d, e, &fd, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	x->level = ROOT_LEVEL + depth_of(d) + 1;
	st = read_all(x, fd, &size, &e->id, &reason, why);
	close(fd);
	if (reason.text[0] != '\0') {
		for (size_t i = 0; i < x->cuts; i++)
			leave_file(&x->cut[i]);
		return scan_file_fail(d, e, &reason, why);
	}
	for (size_t i = 0; st == BLK_OK && i < x->cuts; i++)
		st = end_file(&x->cut[i], size, &e->id, why);
	x->load[x->lane] += size + FILE_COST;
	return st == BLK_OK ? scan_file_done(d, e, size, true, why) : st;
}

/* --- the walk --- */

/* The text of a tree goes into each estimate's structure. */
static enum blk_status
add_tree(struct estimating *x, enum kind kind, const struct digest *id,
    const void *text, size_t len, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < x->cuts; i++)
		st = add_structure(&x->cut[i], kind, id, text, len, why);
	return st;
}

static enum blk_status
tree_piece(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	return add_tree(arg, KIND_PIECE, id, text, len, why);
}

/* The lane that has had the least to do. */
static unsigned
free_lane(const struct estimating *x)
{
	unsigned best = x->packing.lanes - 1;

	for (unsigned i = best; i >= 1; i--)
		if (x->load[i] < x->load[best])
			best = i;
	return best;
}

static enum blk_status
on_enter(void *arg, struct scan_dir *d, struct fault *why)
{
	struct estimating *x = arg;
	struct cutter *tree = NULL;
	enum blk_status st = cutter_new(x->hash, tree_piece, x, &tree, why);

	d->user = tree;
	if (d->todo > 0)
		x->lane = free_lane(x);
	for (size_t i = 0; st == BLK_OK && i < d->entries; i++)
		if (d->entry[i].type == TREE_FILE &&
		    d->entry[i].state == SCAN_NEW)
			st = read_file(x, d, &d->entry[i], why);
	return st;
}

static enum blk_status
on_line(void *arg, struct scan_dir *d, const struct scan_entry *e,
    struct span line, struct fault *why)
{
	(void)arg;
	(void)e;
	return cutter_line(d->user, line.p, line.len, line.len, why);
}

static enum blk_status
on_complete(void *arg, struct scan_dir *d, struct digest *id, struct fault *why)
{
	struct estimating *x = arg;
	const void *head;
	enum blk_status st;
	size_t len;

	x->level = ROOT_LEVEL + depth_of(d);
	st = cutter_end(d->user, &head, &len, why);
	if (st == BLK_OK)
		st = hasher_of(x->hash, head, len, id, why);
	if (st == BLK_OK)
		st = add_tree(x, KIND_TREE, id, head, len, why);
	for (size_t i = 0; i < x->cuts; i++)
		x->cut[i].e->dirs++;
	cutter_free(d->user);
	d->user = NULL;
	return st;
}

static void
on_forget(void *arg, struct scan_dir *d)
{
	(void)arg;
	cutter_free(d->user);
}

static void
on_report(void *arg, enum scan_problem what, struct span path,
    const struct fault *reason)
{
	struct estimating *x = arg;

	if (x->o->problem != NULL && what == SCAN_UNREADABLE)
		x->o->problem(
		    x->o->arg, path, reason != NULL ? reason->text : "");
}

static enum blk_status
walk(struct estimating *x, char **path, struct fault *why)
{
	const struct scan_visitor v = { .enter = on_enter,
		.line = on_line,
		.complete = on_complete,
		.forget = on_forget,
		.report = on_report,
		.arg = x };
	const struct scan_options so = {
		.path = (const char *const *)path,
		.paths = x->o->paths,
		.filter = x->o->filter,
		.visitor = &v,
	};
	struct scan *s = NULL;
	enum blk_status st = scan_open(&so, &s, why);

	if (st == BLK_OK)
		st = scan_run(s, why);
	scan_close(s);
	return st;
}

/* --- the sums --- */

static enum blk_status
sum_up(struct cutting *c, struct fault *why)
{
	struct dedup_estimate *e = c->e;
	struct packed sum;
	enum blk_status st = packer_end(&c->packer, &sum, why);

	e->sampled = c->packer.bits > 0;
	e->unique_chunks = sum.chunks;
	e->unique_bytes = sum.chunk_bytes;
	e->segments = sum.segments;
	e->stored_bytes = sum.bytes;
	e->index_bytes = sum.index_bytes;
	return st;
}

static enum blk_status
open_cutting(struct estimating *x, struct cutting *c, struct dedup_estimate *e,
    struct fault *why)
{
	/* Half of the memory for ids. */
	size_t ids = (size_t)(x->o->max_memory / 2 /
	    (2 * sizeof(struct idmap_entry)) / x->cuts);
	enum blk_status st = chunker_init(&c->chunker, &e->sizes, why);

	c->x = x;
	c->e = e;
	c->cap = (size_t)e->sizes.max * 2 + READ_SIZE;
	c->buf = malloc(c->cap);
	if (st == BLK_OK && c->buf == NULL)
		st = fault_nomem(why);
	return st == BLK_OK ? packer_open(&c->packer, &x->packing, ids, why)
	                    : st;
}

/* As many as a backup has, but those that there is memory for. */
static unsigned
lanes_of(const struct dedup_options *o, size_t n)
{
	uint64_t most = o->max_memory / 4 / n / LANE_MEMORY;

	if (most < 1)
		most = 1;
	return 1 + (o->jobs < most ? o->jobs : (unsigned)most);
}

static enum blk_status
open_estimating(
    struct estimating *x, struct dedup_estimate *e, size_t n, struct fault *why)
{
	unsigned lanes = lanes_of(x->o, n);
	enum blk_status st;

	x->load = calloc(lanes, sizeof(*x->load));
	x->cut = calloc(n, sizeof(*x->cut));
	x->scratch = malloc(READ_SIZE);
	if (x->load == NULL || x->cut == NULL || x->scratch == NULL)
		return fault_nomem(why);
	x->cuts = n;
	st = packing_open(&x->packing,
	    x->o->compression != NULL ? x->o->compression : "zstd:3", lanes,
	    why);
	if (st == BLK_OK)
		st = hasher_new(&x->hash, why);
	if (st == BLK_OK)
		st = hasher_new(&x->whole, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = open_cutting(x, &x->cut[i], &e[i], why);
	return st;
}

static void
release(struct estimating *x)
{
	for (size_t i = 0; x->cut != NULL && i < x->cuts; i++) {
		packer_release(&x->cut[i].packer);
		cutter_free(x->cut[i].list);
		free(x->cut[i].buf);
	}
	free(x->cut);
	free(x->scratch);
	free(x->load);
	packing_release(&x->packing);
	hasher_free(x->hash);
	hasher_free(x->whole);
}

static enum blk_status
absolute(const struct dedup_options *o, char **path, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < o->paths; i++) {
		struct buf one = BUF_INIT(1 << 20);

		st = scan_absolute(o->path[i], &one, why);
		if (st == BLK_OK)
			st = buf_add_u8(&one, 0, why);
		path[i] = (char *)one.data;
	}
	return st;
}

enum blk_status
dedup_estimate(const struct dedup_options *o, struct dedup_estimate *e,
    size_t n, struct fault *why)
{
	struct estimating x = { .o = o };
	char **path = calloc(o->paths + 1, sizeof(*path));
	enum blk_status st;

	st = path == NULL ? fault_nomem(why) : absolute(o, path, why);
	if (st == BLK_OK)
		st = open_estimating(&x, e, n, why);
	if (st == BLK_OK)
		st = walk(&x, path, why);
	for (size_t i = 0; st == BLK_OK && i < n; i++)
		st = sum_up(&x.cut[i], why);
	for (size_t i = 0; path != NULL && i < o->paths; i++)
		free(path[i]);
	free(path);
	release(&x);
	return st;
}

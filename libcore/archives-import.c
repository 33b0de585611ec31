/*
 * An archive as a snapshot.
 */
#include <stdlib.h>
#include <string.h>

#include "archives-batch.h"
#include "archives-input.h"
#include "writer.h"

#define ZEROS ((size_t)1 << 20)
#define MAX_BYTES ((uint64_t)1 << 40)
#define MAX_NAMES ((uint64_t)1 << 30)
#define ERRORS_MAX 10000 /* that a snapshot keeps */

struct import {
	struct store *s;
	struct archives_input in;
	const struct archives_import_options *o;
	struct archives_totals *t, own_totals;
	struct writer *w;
	struct lane *lane; /* of long files, and of trees */
	struct batches *batches;
	struct names names;
	struct snapshot snap;
	uint64_t max_bytes;
	uint8_t *zeros;
	int64_t newest; /* time of a member; the root's, if it is made up */

	/* Of the member that is read. */
	struct archives_said said;
	const char *path;
};

static void
count(uint64_t *total, uint64_t n)
{
	__atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

static enum blk_status
problem(struct import *m, const char *reason, struct fault *why)
{
	const char *path = m->path != NULL ? m->path : "";

	count(&m->t->problems, 1);
	if (m->o->problem != NULL)
		m->o->problem(m->o->arg, span_str(path), reason);
	if (m->snap.error.count >= ERRORS_MAX)
		return BLK_OK;
	return snapshot_add_error(
	    &m->snap, span_str(path), span_str(reason), why);
}

/* --- members --- */

static enum blk_status
take_owners(struct import *m, struct archive_entry *n,
    const struct tree_entry *e, struct fault *why)
{
	const char *user = archive_entry_uname(n);
	const char *group = archive_entry_gname(n);
	enum blk_status st = BLK_OK;

	if (user != NULL && *user != '\0')
		st = snapshot_add_owner(
		    &m->snap.user, e->uid, span_str(user), why);
	if (st == BLK_OK && group != NULL && *group != '\0')
		st = snapshot_add_owner(
		    &m->snap.group, e->gid, span_str(group), why);
	return st;
}

/* --- content --- */

static enum blk_status
check_room(struct import *m, uint64_t len, struct fault *why)
{
	if (len <= m->max_bytes - m->t->bytes)
		return BLK_OK;
	return fault(why, BLK_INVALID,
	    "the files in it have more than %ju bytes",
	    (uintmax_t)m->max_bytes);
}

/* Of one member: in a batch while it is small, else a stream in lane 0. */
struct content {
	uint8_t *room; /* NULL: a stream */
	size_t cap, len;
};

static enum blk_status
begin_content(struct import *m, struct content *c, bool is_set, uint64_t said,
    struct fault *why)
{
	*c = (struct content){ .cap = is_set ? (size_t)said : BATCH_FILE };
	if (m->o->dry_run)
		return BLK_OK;
	return is_set && said > BATCH_FILE
	    ? lane_begin(m->lane, why)
	    : batches_room(m->batches, c->cap, &c->room, why);
}

/* It has more bytes than it said. */
static enum blk_status
become_stream(struct import *m, struct content *c, struct fault *why)
{
	enum blk_status st = lane_begin(m->lane, why);

	if (st == BLK_OK)
		st = lane_add(m->lane, c->room, c->len, why);
	c->room = NULL;
	return st;
}

/* data NULL: zeros. */
static enum blk_status
add_bytes(struct import *m, struct content *c, const void *data, uint64_t len,
    struct fault *why)
{
	enum blk_status st = check_room(m, len, why);

	if (st == BLK_OK)
		count(&m->t->bytes, len);
	if (st == BLK_OK && c->room != NULL && len > c->cap - c->len)
		st = become_stream(m, c, why);
	while (st == BLK_OK && len > 0) {
		size_t n = data != NULL || len < ZEROS ? (size_t)len : ZEROS;

		if (archives_stopped(m->o))
			return fault(why, BLK_BUSY, "stopped");
		if (c->room != NULL)
			memcpy(c->room + c->len, data != NULL ? data : m->zeros,
			    n);
		else if (!m->o->dry_run)
			st = lane_add(
			    m->lane, data != NULL ? data : m->zeros, n, why);
		c->len += n;
		len -= n;
	}
	return st;
}

/* *batched: the size is known, the id is not: see batches_add. */
static enum blk_status
take_content(struct import *m, struct archive_entry *n, struct tree_entry *e,
    bool *batched, struct fault *why)
{
	bool is_set = archive_entry_size_is_set(n) != 0;
	int64_t said = is_set ? archive_entry_size(n) : 0;
	enum blk_status st = check_room(m, (uint64_t)said, why);
	struct content c = { .room = NULL };
	uint64_t at = 0;

	if (st == BLK_OK)
		st = begin_content(m, &c, is_set, (uint64_t)said, why);
	while (st == BLK_OK) {
		const void *data;
		la_int64_t offset;
		size_t len;
		int result =
		    archive_read_data_block(m->in.a, &data, &len, &offset);

		if (result == ARCHIVE_EOF)
			break;
		if (result != ARCHIVE_OK) /* WARN: a checksum, a size */
			return archives_input_fault(&m->in, why);
		if (offset < 0 || (uint64_t)offset < at)
			return fault(why, BLK_INVALID, "holes that overlap");
		st = add_bytes(m, &c, NULL, (uint64_t)offset - at, why);
		if (st == BLK_OK)
			st = add_bytes(m, &c, data, len, why);
		at = (uint64_t)offset + len;
	}
	if (st == BLK_OK && (uint64_t)said > at)
		st = add_bytes(m, &c, NULL, (uint64_t)said - at, why);
	e->size = c.len;
	*batched = c.room != NULL;
	return st != BLK_OK || *batched || m->o->dry_run
	    ? st
	    : lane_end(m->lane, &e->id, &e->size, why);
}

/* --- one member --- */

/* cpio: the bytes come with the last link.  What the first had must not come
 * behind them. */
static enum blk_status
take_late_content(
    struct import *m, struct archive_entry *n, uint32_t node, struct fault *why)
{
	struct tree_entry e = { .type = TREE_FILE };
	bool batched = false;
	enum blk_status st = batches_finish(m->batches, why);

	if (st == BLK_OK)
		st = take_content(m, n, &e, &batched, why);
	if (st != BLK_OK)
		return st;
	names_entry(&m->names, node)->id = e.id;
	names_entry(&m->names, node)->size = e.size;
	return batched ? batches_add(m->batches, (size_t)e.size,
	                     m->names.node[node].file, why)
	               : BLK_OK;
}

static enum blk_status
take_link(struct import *m, struct archive_entry *n, uint32_t node,
    const char *to, struct fault *why)
{
	const char *reason = NULL;
	enum blk_status st;

	st = names_link(
	    &m->names, node, names_find(&m->names, to), &reason, why);
	if (st == BLK_ABSENT)
		return problem(m, reason, why);
	if (st == BLK_OK && archive_entry_size_is_set(n) &&
	    archive_entry_size(n) > 0 &&
	    names_entry(&m->names, node)->type == TREE_FILE)
		st = take_late_content(m, n, node, why);
	return st;
}

static enum blk_status
take_file(struct import *m, struct archive_entry *n, struct tree_entry *e,
    uint32_t node, struct fault *why)
{
	const char *reason = NULL;
	char text[500] = "";
	bool batched = false;
	enum blk_status st;

	st = archives_check(e, text, why);
	if (st == BLK_ABSENT)
		return problem(m, text, why);
	if (st == BLK_OK && e->type == TREE_FILE)
		st = take_content(m, n, e, &batched, why);
	if (st == BLK_OK)
		st = names_set(&m->names, node, e, &reason, why);
	if (st == BLK_OK && batched)
		st = batches_add(
		    m->batches, (size_t)e->size, m->names.node[node].file, why);
	return st == BLK_ABSENT ? problem(m, reason, why) : st;
}

/*
 * The name of the member that n is another name of, or NULL.  In a cpio
 * archive a directory that comes again looks like one, for it has a number and
 * several links.
 */
static const char *
link_to(struct archive_entry *n)
{
	return archive_entry_filetype(n) == AE_IFDIR
	    ? NULL
	    : archive_entry_hardlink(n);
}

/* Why a member cannot be taken at all; NULL: it can. */
static const char *
refused(struct archive_entry *n, const struct tree_entry *e)
{
	if (link_to(n) != NULL)
		return NULL;
	if (e->type == 0)
		return "neither file, directory, link, fifo nor device";
	if (e->type == TREE_SYMLINK && e->target.len == 0)
		return "a link to nowhere";
	return NULL;
}

static enum blk_status
take_member(struct import *m, struct archive_entry *n, struct fault *why)
{
	const char *reason = NULL, *notice = NULL;
	const char *to = link_to(n);
	struct tree_entry e;
	enum blk_status st;
	uint32_t node;

	m->path = archive_entry_pathname(n);
	if (m->path == NULL)
		return problem(m, "a name that cannot be read", why);
	archives_describe(n, m->o->privileged_xattrs, &m->said, &e, &notice);
	reason = refused(n, &e);
	if (reason != NULL)
		return problem(m, reason, why);
	st = take_owners(m, n, &e, why);
	if (st == BLK_OK)
		st = names_place(&m->names, m->path, &e, &node, &reason, why);
	if (st == BLK_ABSENT)
		return problem(m, reason, why);
	if (st == BLK_OK && e.mtime > m->newest)
		m->newest = e.mtime;
	if (st == BLK_OK)
		st = to != NULL ? take_link(m, n, node, to, why)
		                : take_file(m, n, &e, node, why);
	if (st == BLK_OK && notice != NULL)
		st = problem(m, notice, why);
	return st;
}

/* --- the archive --- */

static enum blk_status
read_members(struct import *m, struct fault *why)
{
	struct archive_entry *n;
	enum blk_status st = archives_input_next(&m->in, &n, why);

	if (st == BLK_OK && m->in.blind)
		st = problem(m,
		    "a zip whose end cannot be read first: links became "
		    "files, modes are lost",
		    why);
	while (st == BLK_OK && n != NULL) {
		st = archives_stopped(m->o) ? fault(why, BLK_BUSY, "stopped")
		                            : take_member(m, n, why);
		if (st == BLK_INVALID)
			st = fault_in(
			    why, st, "%s", m->path != NULL ? m->path : "?");
		m->path = NULL;
		if (st == BLK_OK)
			st = archives_input_next(&m->in, &n, why);
	}
	return st;
}

/* --- the snapshot --- */

static enum blk_status
store_dir(
    void *arg, const struct buf *text, struct digest *id, struct fault *why)
{
	struct import *m = arg;

	if (archives_stopped(m->o))
		return fault(why, BLK_BUSY, "stopped");
	if (m->o->dry_run)
		return BLK_OK;
	return lane_structure(m->lane, KIND_TREE,
	    text->data != NULL ? text->data : (const uint8_t *)"", text->len,
	    id, why);
}

static void
count_members(struct import *m)
{
	for (uint32_t i = 1; i < m->names.nodes; i++) {
		const struct tree_entry *e = names_entry(&m->names, i);

		if (e->type == TREE_DIR) {
			m->snap.dirs++;
		} else if (e->type == TREE_FILE) {
			m->snap.files++;
			m->snap.bytes += e->size;
		} else if (e->type != 0) {
			m->snap.others++;
		}
	}
	m->t->files = m->snap.files;
	m->t->dirs = m->snap.dirs;
	m->t->others = m->snap.others;
}

static enum blk_status
begin_snapshot(struct import *m, struct fault *why)
{
	struct snapshot *n = &m->snap;
	enum blk_status st;

	n->name = strdup(m->o->name);
	n->host = strdup(m->o->host != NULL ? m->o->host : store_host(m->s));
	n->start = store_now(m->s);
	if (n->name == NULL || n->host == NULL)
		return fault_nomem(why);
	st = snapshot_list_add(&n->path, span_str(m->o->path), why);
	for (size_t i = 0; st == BLK_OK && i < m->o->tags; i++)
		st = snapshot_add_tag(n, span_str(m->o->tag[i]), why);
	return st;
}

static enum blk_status
end_snapshot(struct import *m, struct digest *id, struct fault *why)
{
	struct buf line = BUF_INIT(TREE_LINE_MAX), text = BUF_INIT(SEGMENT_MAX);
	struct tree_entry *root = names_entry(&m->names, NAMES_ROOT);
	enum blk_status st;

	if (m->names.node[NAMES_ROOT].made_up)
		root->mtime = m->newest;
	count_members(m);
	if (m->o->dry_run)
		return BLK_OK;
	m->snap.tree = root->id;
	m->snap.end = store_now(m->s);
	st = tree_format_root(root, &line, why);
	if (st == BLK_OK) {
		m->snap.root = strndup((char *)line.data, line.len);
		if (m->snap.root == NULL)
			st = fault_nomem(why);
	}
	if (st == BLK_OK)
		st = snapshot_format(&m->snap, &text, why);
	if (st == BLK_OK)
		st = lane_structure(
		    m->lane, KIND_SNAPSHOT, text.data, text.len, id, why);
	buf_release(&line);
	buf_release(&text);
	return st;
}

struct naming {
	struct import *m;
	struct archives_result *r;
};

static enum blk_status
decide(void *arg, struct store *s, struct commit *k, struct fault *why)
{
	struct naming *n = arg;
	struct snapshot *snap = &n->m->snap;
	char key[] = "host", type[] = "";
	struct version_attr host = { key, snap->host };
	struct version v = { .name = snap->name,
		.class = CLASS_SNAPSHOT,
		.id = n->r->snapshot,
		.size = snap->bytes,
		.type = type,
		.attr = &host,
		.attrs = 1 };
	enum blk_status st;

	st = store_add_version(s, k, &v, &n->r->vid, why);
	n->r->number = v.number;
	return st;
}

static enum blk_status
open_writer(struct import *m, unsigned jobs, struct fault *why)
{
	const struct writer_options wo = { .lanes = jobs + 1,
		.max_memory = m->o->max_memory };
	enum blk_status st = writer_open(m->s, &wo, &m->w, why);

	if (st != BLK_OK)
		return st;
	m->lane = writer_lane(m->w, 0);
	return batches_new(m->w, jobs, &m->names, &m->batches, why);
}

static enum blk_status
run(struct import *m, struct archives_result *r, struct fault *why)
{
	unsigned jobs = m->o->jobs > 0 ? m->o->jobs : 1;
	struct naming naming = { m, r };
	struct store_outcome out;
	enum blk_status st;

	m->zeros = calloc(1, ZEROS);
	if (m->zeros == NULL)
		return fault_nomem(why);
	st = names_init(
	    &m->names, m->o->max_names > 0 ? m->o->max_names : MAX_NAMES, why);
	if (st == BLK_OK)
		st = begin_snapshot(m, why);
	if (st == BLK_OK)
		st = archives_input_open(&m->in, why);
	if (st == BLK_OK && !m->o->dry_run)
		st = open_writer(m, jobs, why);
	if (st == BLK_OK)
		st = read_members(m, why);
	if (st == BLK_OK)
		st = batches_finish(m->batches, why);
	if (st == BLK_OK)
		st = names_finish(&m->names, store_dir, m, why);
	if (st == BLK_OK)
		st = end_snapshot(m, &r->snapshot, why);
	r->tree = m->snap.tree;
	return st == BLK_OK && !m->o->dry_run
	    ? writer_commit(m->w, decide, &naming, &out, why)
	    : st;
}

enum blk_status
archives_import(struct store *s, int fd,
    const struct archives_import_options *o, struct archives_result *r,
    struct fault *why)
{
	struct import *m = calloc(1, sizeof(*m));
	enum blk_status st;

	*r = (struct archives_result){ .number = 0 };
	if (m == NULL)
		return fault_nomem(why);
	m->s = s;
	m->o = o;
	m->in = (struct archives_input){ .fd = fd, .o = o };
	m->t = o->totals != NULL ? o->totals : &m->own_totals;
	m->max_bytes = o->max_bytes > 0 ? o->max_bytes : MAX_BYTES;
	m->said.acl.max = m->said.acl_default.max = TREE_LINE_MAX;
	st = run(m, r, why);
	archives_input_close(&m->in);
	batches_free(m->batches);
	writer_close(m->w); /* gives up what was not committed */
	names_release(&m->names);
	snapshot_release(&m->snap);
	buf_release(&m->said.acl);
	buf_release(&m->said.acl_default);
	free(m->zeros);
	free(m);
	return st;
}

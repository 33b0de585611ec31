/*
 * Reading checkpoints: into a catalog, and to compare one with a catalog.
 */
#include "log-parts.h"

#include <stdlib.h>
#include <string.h>

/* What a line is, in the order in which they come. */
enum sort {
	SORT_FIRST,
	SORT_NUMBER,
	SORT_HEAD,
	SORT_TIME,
	SORT_HOST,
	SORT_PROGRAM,
	SORT_CONFIG, /* any number of lines, from here on */
	SORT_SEGMENT,
	SORT_CONDEMNED,
	SORT_VERSION,
	SORT_NAME,
	SORT_LOST,
	SORT_SET,
	SORT_REDIRECT, /* one at most */
	SORT_STAT,
	SORTS
};

static const char *const words[SORTS] = { "checkpoint", "number", "head",
	"time", "host", "program", "config", "segment", "condemned", "version",
	"name", "lost", "set", "redirect", "stat" };

struct loader {
	struct catalog *c;
	struct catalog_head head;
	struct commit config; /* its config lines, as verbs */
	struct digest *root;
	size_t roots, cap;
	uint64_t seq;
	bool sound;      /* false: the line was malformed, or */
	bool no_memory;  /* ... could not be held */
	int last;        /* sort of the line before; -1: none */
	char *name;      /* sorted lines: what came last */
	uint64_t number; /* ... of that name */
	struct digest id;
	enum class class;
};

static struct span
next(struct loader *l, struct span *line)
{
	struct span field = { "", 0 };

	if (!text_field(line, &field))
		l->sound = false;
	return field;
}

static uint64_t
next_number(struct loader *l, struct span *line)
{
	uint64_t n = 0;

	if (!text_u64(next(l, line), &n))
		l->sound = false;
	return n;
}

static struct digest
next_id(struct loader *l, struct span *line)
{
	struct span f = next(l, line);
	struct digest id;

	memset(&id, 0, sizeof(id));
	if (!digest_parse(f.p, f.len, &id))
		l->sound = false;
	return id;
}

/* An unescaped field, from malloc; NULL (and not sound) otherwise. */
static char *
next_text(struct loader *l, struct span *line)
{
	struct buf b = BUF_INIT(SEGMENT_FRAME_MAX);
	struct fault ignored = FAULT_NONE;
	struct span f = next(l, line);
	enum blk_status st = text_unescape(&b, f, false, &ignored);

	if (st != BLK_OK || (b.len > 0 && memchr(b.data, 0, b.len) != NULL)) {
		buf_release(&b);
		l->sound = false;
		l->no_memory = l->no_memory || st == BLK_FAILED;
		return NULL;
	}
	return (char *)b.data; /* there is a NUL behind its contents */
}

static enum condemned_reason
reason_of(struct span s)
{
	for (int r = REASON_COLLECTED; r <= REASON_DAMAGED; r++)
		if (span_is(s, reason_name((enum condemned_reason)r)))
			return (enum condemned_reason)r;
	return REASON_NONE;
}

static enum blk_status
load_segment(
    struct loader *l, struct span *line, bool condemned, struct fault *why)
{
	struct catalog_segment s = { .seq = ++l->seq };
	struct span place;

	s.id = next_id(l, line);
	s.bytes = next_number(l, line);
	s.commit = next_number(l, line);
	if (!text_i64(next(l, line), &s.time))
		l->sound = false;
	if (s.commit > l->head.number)
		l->sound = false;
	place = next(l, line);
	s.in_log = span_is(place, "commit");
	if (!s.in_log && !span_is(place, "segment"))
		l->sound = false;
	if (condemned) {
		s.condemned = next_number(l, line);
		s.reason = reason_of(next(l, line));
		if (s.reason == REASON_NONE || s.condemned == 0 ||
		    s.condemned > l->head.number)
			l->sound = false;
	}
	return l->sound ? l->c->type->segment_add(l->c, &s, why) : BLK_OK;
}

/* Lines of a sort ascend by name, then number; takes name over. */
static void
ascend(struct loader *l, char *name, uint64_t number)
{
	int order = l->name == NULL || name == NULL ? 1 : strcmp(name, l->name);

	if (name == NULL || order < 0 || (order == 0 && number <= l->number))
		l->sound = false;
	free(l->name);
	l->name = name;
	l->number = number;
}

static enum blk_status
load_version(struct loader *l, struct span *line, struct fault *why)
{
	char *name = next_text(l, line);
	uint64_t number = next_number(l, line);
	struct digest vid = next_id(l, line);
	enum blk_status st;

	if (name == NULL || !version_is_name(span_str(name)) || number == 0)
		l->sound = false;
	ascend(l, name, number);
	st = array_grow(
	    (void **)&l->root, l->roots, &l->cap, sizeof(*l->root), why);
	if (st == BLK_OK && l->sound)
		l->root[l->roots++] = vid;
	return st;
}

static enum blk_status
load_name(struct loader *l, struct span *line, struct fault *why)
{
	char *name = next_text(l, line);
	uint64_t number = next_number(l, line);
	struct digest vid = next_id(l, line);

	if (name == NULL || !version_is_name(span_str(name)) ||
	    version_name_is_id(span_str(name)) || number == 0)
		l->sound = false;
	ascend(l, name, 0);
	return l->sound ? l->c->type->name_set(l->c, name, number, &vid, why)
	                : BLK_OK;
}

static enum blk_status
load_setting(struct loader *l, struct span *line, struct fault *why)
{
	char *key = next_text(l, line), *value = next_text(l, line);
	enum blk_status st = BLK_OK;

	if (key == NULL || key[0] == '\0' ||
	    strcmp(key, CATALOG_REDIRECT) == 0 || value == NULL ||
	    value[0] == '\0')
		l->sound = false;
	ascend(l, key, 0);
	if (l->sound)
		st = l->c->type->setting_set(l->c, key, value, why);
	free(value);
	return st;
}

static enum blk_status
load_redirect(struct loader *l, struct span *line, struct fault *why)
{
	char *url = next_text(l, line);
	enum blk_status st = BLK_OK;

	if (url == NULL || url[0] == '\0')
		l->sound = false;
	else if (l->sound)
		st = l->c->type->setting_set(l->c, CATALOG_REDIRECT, url, why);
	free(url);
	return st;
}

static enum blk_status
load_lost(struct loader *l, struct span *line, struct fault *why)
{
	struct digest id = next_id(l, line);
	enum class class = CLASS_CONTENT;
	int order = l->last == SORT_LOST ? digest_compare(&id, &l->id) : 1;

	if (!class_of(next(l, line), &class) || order < 0 ||
	    (order == 0 && class <= l->class))
		l->sound = false;
	l->id = id;
	l->class = class;
	return l->sound ? l->c->type->lost_set(l->c, &id, class, true, why)
	                : BLK_OK;
}

/* The rest of a line, as it is: fields. */
static char *
next_fields(struct loader *l, struct span *line)
{
	struct span all = *line;

	l->sound = l->sound && text_is_fields(all);
	*line = span_of("", 0);
	return l->sound ? strndup(all.p, all.len) : NULL;
}

static enum blk_status
load_stat(struct loader *l, struct span *line, struct fault *why)
{
	uint64_t commit = next_number(l, line);
	char *text = next_fields(l, line);
	enum blk_status st;

	if (l->last == SORT_STAT && commit < l->number)
		l->sound = false;
	l->number = commit;
	if (text == NULL)
		return l->sound ? fault_nomem(why) : BLK_OK;
	st = l->c->type->stat_add(l->c, commit, text, why);
	free(text);
	return st;
}

static enum blk_status
load_config(struct loader *l, struct span *line, struct fault *why)
{
	char *text = next_fields(l, line);
	enum blk_status st;

	if (text == NULL)
		return l->sound ? fault_nomem(why) : BLK_OK;
	st = commit_add_text(&l->config, VERB_CONFIG, NULL, text, why);
	free(text);
	return st;
}

static void
load_head(struct loader *l, struct span *line)
{
	struct span tail;

	l->head.hash = next_id(l, line);
	tail = next(l, line);
	if (!digest_parse_hex(
	        tail.p, tail.len, l->head.tail, sizeof(l->head.tail)))
		l->sound = false;
}

/* Which sort of line, in its place; SORTS: none. */
static enum sort
sort_of(struct loader *l, struct span word)
{
	int k = 0;

	while (k < SORTS && !span_is(word, words[k]))
		k++;
	if (k < SORTS &&
	    (k <= SORT_CONFIG || l->last < SORT_PROGRAM
	            ? k != l->last + 1 &&
	                (k != SORT_CONFIG || l->last != SORT_CONFIG)
	            : k < l->last || (k == SORT_REDIRECT && l->last == k)))
		l->sound = false;
	if (k != l->last) {
		free(l->name);
		l->name = NULL;
	}
	return (enum sort)k;
}

static enum blk_status
load_sort(
    struct loader *l, enum sort sort, struct span *rest, struct fault *why)
{
	uint64_t version;
	int64_t time;

	switch (sort) {
	case SORT_FIRST:
		version = next_number(l, rest);
		if (l->sound && version > 1)
			return fault_newer(
			    why, "a checkpoint that needs a newer blk");
		l->sound = l->sound && version == 1;
		break;
	case SORT_NUMBER:
		l->head.number = next_number(l, rest);
		break;
	case SORT_HEAD:
		load_head(l, rest);
		break;
	case SORT_TIME:
		l->sound = text_i64(next(l, rest), &time) && l->sound;
		break;
	case SORT_HOST:
	case SORT_PROGRAM:
		free(next_text(l, rest));
		break;
	case SORT_CONFIG:
		return load_config(l, rest, why);
	case SORT_SEGMENT:
	case SORT_CONDEMNED:
		return load_segment(l, rest, sort == SORT_CONDEMNED, why);
	case SORT_VERSION:
		return load_version(l, rest, why);
	case SORT_NAME:
		return load_name(l, rest, why);
	case SORT_LOST:
		return load_lost(l, rest, why);
	case SORT_SET:
		return load_setting(l, rest, why);
	case SORT_REDIRECT:
		return load_redirect(l, rest, why);
	case SORT_STAT:
		return load_stat(l, rest, why);
	case SORTS:
		break;
	}
	return BLK_OK;
}

static enum blk_status
load_line(void *arg, struct span line, struct fault *why)
{
	struct loader *l = arg;
	struct span rest = line, word;
	enum blk_status st;
	enum sort sort;

	if (l->last >= 0 && span_starts(line, "x-") && text_is_fields(line))
		return BLK_OK;
	word = next(l, &rest);
	sort = sort_of(l, word);
	if (sort == SORTS && l->sound && !span_starts(line, "x-"))
		return fault_newer(why,
		    "unknown line %.*s: a newer blk wrote this",
		    (int)(word.len < 40 ? word.len : 40), word.p);
	st = l->sound ? load_sort(l, sort, &rest, why) : BLK_OK;
	if (st == BLK_OK && l->no_memory)
		st = fault_nomem(why);
	if (st == BLK_OK && (!l->sound || rest.len > 0 || sort == SORTS))
		st = fault(why, BLK_CORRUPT, "malformed line: %.*s",
		    (int)(line.len < 80 ? line.len : 80), line.p);
	l->last = (int)sort;
	return st;
}

/* --- loading --- */

struct record { /* what the two sides of a reading need */
	struct log_parts parts;
	struct loader *loader;
};

static enum blk_status
fetch_piece(
    void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	return log_parts_fetch(&((struct record *)arg)->parts, id, b, why);
}

static enum blk_status
take_line(void *arg, struct span line, struct fault *why)
{
	return load_line(((struct record *)arg)->loader, line, why);
}

static enum blk_status
end_load(struct loader *l, uint64_t number, const uint8_t store[16],
    struct store_config *config, struct fault *why)
{
	enum blk_status st;

	if (l->last < SORT_CONFIG || l->head.number != number)
		return fault(why, BLK_CORRUPT, "malformed checkpoint");
	st = config_of_commit(&l->config, config, why);
	if (st == BLK_OK && memcmp(config->store, store, 16) != 0)
		st = fault(why, BLK_CORRUPT, "checkpoint of another store");
	if (st != BLK_OK)
		return st;
	l->head.known = true;
	l->head.checkpoint = number;
	l->head.durable = number;
	return l->c->type->head_set(l->c, &l->head, why);
}

/* Fill l->c from a checkpoint file in memory, and its parts on b. */
static enum blk_status
load_file(struct loader *l, struct backend *b, const void *file, size_t len,
    uint64_t number, const uint8_t store[16], struct store_config *config,
    struct fault *why)
{
	struct record r = { .loader = l };
	struct segment_table t = { .frame = NULL };
	struct store_config own;
	enum blk_status st;
	bool carries;

	r.parts =
	    (struct log_parts){ .b = b, .number = number, .store = store };
	st = segment_parse(file, len, store, &t, why);
	if (st == BLK_OK)
		st = log_record_lines(&(struct log_file){ file, &t },
		    fetch_piece, take_line, &r, &carries, why);
	if (st == BLK_OK)
		st = end_load(
		    l, number, store, config != NULL ? config : &own, why);
	log_parts_release(&r.parts);
	segment_table_release(&t);
	return st;
}

static void
loader_release(struct loader *l)
{
	free(l->root);
	free(l->name);
	commit_release(&l->config);
}

enum blk_status
checkpoint_load(struct backend *b, uint64_t number, const uint8_t store[16],
    struct catalog *c, struct digest **root, size_t *roots,
    struct store_config *config, struct fault *why)
{
	struct loader l = {
		.c = c, .config = COMMIT_NONE, .sound = true, .last = -1
	};
	char key[LOG_KEY_MAX];
	enum blk_status st;
	void *file = NULL;
	size_t len;

	*root = NULL;
	*roots = 0;
	checkpoint_key(number, key);
	st = backend_get_all(b, key, SEGMENT_MAX, &file, &len, why);
	if (st == BLK_OK)
		st = load_file(&l, b, file, len, number, store, config, why);
	if (st == BLK_OK) {
		*root = l.root;
		*roots = l.roots;
		l.root = NULL;
	}
	loader_release(&l);
	free(file);
	return st == BLK_OK || st == BLK_ABSENT ? st
	                                        : fault_in(why, st, "%s", key);
}

/* --- comparing --- */

struct comparison {
	const struct loader *l;
	size_t at;
	bool same;
};

static enum blk_status
compare_root(void *arg, const struct catalog_version *v, struct fault *why)
{
	struct comparison *c = arg;

	(void)why;
	c->same = c->same && c->at < c->l->roots &&
	    digest_equal(&c->l->root[c->at], &v->vid);
	c->at++;
	return BLK_OK;
}

/* Both catalogs say the same, versions by their ids. */
static enum blk_status
compare(
    const struct loader *l, struct catalog *c, bool *same, struct fault *why)
{
	const struct catalog_query all = { .name = NULL };
	struct comparison cmp = { .l = l, .same = true };
	struct digest a, b;
	struct catalog_head h;
	enum blk_status st;

	st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = checkpoint_digest(c, &a, why);
	if (st == BLK_OK)
		st = checkpoint_digest(l->c, &b, why);
	if (st == BLK_OK)
		st = c->type->version_each(c, &all, compare_root, &cmp, why);
	*same = st == BLK_OK && cmp.same && cmp.at == l->roots &&
	    digest_equal(&a, &b) && h.number == l->head.number &&
	    digest_equal(&h.hash, &l->head.hash) &&
	    memcmp(h.tail, l->head.tail, sizeof(h.tail)) == 0;
	return st;
}

enum blk_status
checkpoint_verify(struct backend *b, const void *file, size_t len,
    struct catalog *c, const struct store_config *config, struct fault *why)
{
	struct loader l = { .config = COMMIT_NONE, .sound = true, .last = -1 };
	struct store_config found;
	struct catalog_head h;
	enum blk_status st;
	bool same = false;

	st = catalog_memory_new(&l.c, why);
	if (st == BLK_OK)
		st = c->type->head_get(c, &h, why);
	if (st == BLK_OK)
		st = load_file(
		    &l, b, file, len, h.number, config->store, &found, why);
	if (st == BLK_OK)
		st = compare(&l, c, &same, why);
	if (st == BLK_OK && !same)
		st = fault(why, BLK_CORRUPT,
		    "a checkpoint does not say what the catalog holds");
	loader_release(&l);
	catalog_close(l.c);
	return st;
}

enum blk_status
checkpoint_head(struct backend *b, uint64_t number, const uint8_t store[16],
    struct digest *hash, struct store_config *config, struct fault *why)
{
	struct catalog *scratch = NULL;
	struct catalog_head h;
	struct digest *root;
	enum blk_status st;
	size_t roots;

	st = catalog_memory_new(&scratch, why);
	if (st != BLK_OK)
		return st;
	st = checkpoint_load(
	    b, number, store, scratch, &root, &roots, config, why);
	if (st == BLK_OK)
		st = scratch->type->head_get(scratch, &h, why);
	if (st == BLK_OK)
		*hash = h.hash;
	free(root);
	catalog_close(scratch);
	return st;
}

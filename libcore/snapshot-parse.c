#include <string.h>

#include "snapshot.h"

/* The lines, in their order; each knows how it is read. */
struct rule {
	const char *word;
	bool many; /* any number of them, else exactly one */
	enum blk_status (*take)(struct snapshot *s, struct span rest,
	    struct buf *text, struct fault *why);
};

static enum blk_status
bad(struct fault *why, const char *what)
{
	return fault(why, BLK_CORRUPT, "a snapshot with %s", what);
}

/* The next field of *rest, unescaped, without NUL, a span into *text. */
static enum blk_status
take_string(
    struct span *rest, struct buf *text, struct span *s, struct fault *why)
{
	size_t before = text->len;
	enum blk_status st = BLK_OK;
	struct span f;

	if (!text_field(rest, &f))
		return bad(why, "an empty field");
	st = text_unescape(text, f, false, why);
	if (st != BLK_OK)
		return st;
	*s = span_of(text->data + before, text->len - before);
	if (s->len > SNAPSHOT_STRING_MAX ||
	    (s->len > 0 && memchr(s->p, '\0', s->len) != NULL))
		return bad(why, "a bad string");
	return BLK_OK;
}

/* As take_string, and nothing behind it. */
static enum blk_status
only_string(
    struct span rest, struct buf *text, struct span *s, struct fault *why)
{
	enum blk_status st = take_string(&rest, text, s, why);

	return st != BLK_OK || rest.len == 0 ? st : bad(why, "a field more");
}

/* A list of one, for strings of which there is exactly one. */
static enum blk_status
take_single(struct span rest, struct buf *text, char **out, struct fault *why)
{
	struct span s;
	enum blk_status st = only_string(rest, text, &s, why);

	if (st != BLK_OK)
		return st;
	*out = strndup(s.p, s.len);
	return *out != NULL ? BLK_OK : fault_nomem(why);
}

static enum blk_status
take_tree(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return digest_parse(rest.p, rest.len, &s->tree) ? BLK_OK
	                                                : bad(why, "a bad id");
}

static enum blk_status
take_root(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	struct tree_scratch scratch = TREE_SCRATCH_INIT;
	struct tree_entry e;
	enum blk_status st = tree_parse_root(rest, &scratch, &e, why);

	(void)text;
	tree_scratch_release(&scratch);
	if (st != BLK_OK)
		return st;
	s->root = strndup(rest.p, rest.len);
	return s->root != NULL ? BLK_OK : fault_nomem(why);
}

static enum blk_status
take_name(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	return take_single(rest, text, &s->name, why);
}

static enum blk_status
take_host(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	return take_single(rest, text, &s->host, why);
}

static enum blk_status
take_path(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	struct span path;
	enum blk_status st = only_string(rest, text, &path, why);

	return st != BLK_OK ? st : snapshot_list_add(&s->path, path, why);
}

static enum blk_status
take_start(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return text_i64(rest, &s->start) ? BLK_OK : bad(why, "a bad time");
}

static enum blk_status
take_end(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return text_i64(rest, &s->end) ? BLK_OK : bad(why, "a bad time");
}

static enum blk_status
take_tag(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	size_t n = s->tag.count;
	struct span tag;
	enum blk_status st = only_string(rest, text, &tag, why);

	if (st != BLK_OK)
		return st;
	if (n > 0 && tree_compare(span_str(s->tag.item[n - 1]), tag) >= 0)
		return bad(why, "tags out of order");
	return snapshot_list_add(&s->tag, tag, why);
}

static enum blk_status
take_count(struct span rest, uint64_t *n, struct fault *why)
{
	return text_u64(rest, n) ? BLK_OK : bad(why, "a bad number");
}

static enum blk_status
take_files(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return take_count(rest, &s->files, why);
}

static enum blk_status
take_dirs(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return take_count(rest, &s->dirs, why);
}

static enum blk_status
take_others(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return take_count(rest, &s->others, why);
}

static enum blk_status
take_bytes(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	(void)text;
	return take_count(rest, &s->bytes, why);
}

static enum blk_status
take_owner(struct snapshot_owners *o, struct span rest, struct buf *text,
    struct fault *why)
{
	struct span number, name;
	enum blk_status st = BLK_OK;
	uint64_t n = 0;

	if (!text_field(&rest, &number) || !text_u64(number, &n) ||
	    n >= TREE_NO_OWNER)
		return bad(why, "a bad owner");
	if (o->count > 0 && o->item[o->count - 1].number >= n)
		return bad(why, "owners out of order");
	st = only_string(rest, text, &name, why);
	if (st != BLK_OK)
		return st;
	return snapshot_add_owner(o, (uint32_t)n, name, why);
}

static enum blk_status
take_user(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	return take_owner(&s->user, rest, text, why);
}

static enum blk_status
take_group(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	return take_owner(&s->group, rest, text, why);
}

static enum blk_status
take_error(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	struct span path = { NULL, 0 }, reason;
	enum blk_status st = buf_reserve(text, rest.len, why);

	/* Room for both at once: the path must not move under the reason. */
	if (st == BLK_OK)
		st = take_string(&rest, text, &path, why);
	if (st == BLK_OK)
		st = only_string(rest, text, &reason, why);
	return st != BLK_OK ? st : snapshot_add_error(s, path, reason, why);
}

static enum blk_status
take_changed(
    struct snapshot *s, struct span rest, struct buf *text, struct fault *why)
{
	struct span path;
	enum blk_status st = only_string(rest, text, &path, why);

	return st != BLK_OK ? st : snapshot_list_add(&s->changed, path, why);
}

static const struct rule rules[] = {
	{ "tree", false, take_tree },
	{ "root", false, take_root },
	{ "name", false, take_name },
	{ "host", false, take_host },
	{ "path", true, take_path },
	{ "start", false, take_start },
	{ "end", false, take_end },
	{ "tag", true, take_tag },
	{ "files", false, take_files },
	{ "dirs", false, take_dirs },
	{ "others", false, take_others },
	{ "bytes", false, take_bytes },
	{ "user", true, take_user },
	{ "group", true, take_group },
	{ "error", true, take_error },
	{ "changed", true, take_changed },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/*
 * Find the rule that may come next and is for this word; *at is where we
 * are, *taken whether that rule has had its line.
 */
static bool
advance(size_t *at, bool *taken, struct span word)
{
	for (size_t i = *at; i < RULES; i++) {
		if (span_is(word, rules[i].word)) {
			if (i == *at && *taken && !rules[i].many)
				return false;
			*at = i;
			*taken = true;
			return true;
		}
		if (!rules[i].many && !(i == *at && *taken))
			return false; /* it may not be left out */
	}
	return false;
}

static enum blk_status
parse_line(struct snapshot *s, struct span line, size_t *at, bool *taken,
    struct buf *text, struct fault *why)
{
	struct span word;

	if (line.len >= TREE_LINE_MAX)
		return bad(why, "a line too long");
	if (span_starts(line, "x-")) {
		if (line.len > SNAPSHOT_STRING_MAX || !text_is_fields(line))
			return bad(why, "a bad line");
		return snapshot_list_add(&s->extra, line, why);
	}
	if (!text_field(&line, &word) || !advance(at, taken, word))
		return bad(why, "a line that is unknown or out of order");
	text->len = 0;
	return rules[*at].take(s, line, text, why);
}

static enum blk_status
parse(struct snapshot *s, struct span text, struct buf *strings,
    struct fault *why)
{
	struct span line, last = span_str("changed");
	bool broken = false, taken = false;
	size_t at = 0;
	enum blk_status st = BLK_OK;

	if (!text_line(&text, &line, &broken))
		return bad(why, "no first line");
	if (text_is_newer(line, "snapshot"))
		return fault_newer(
		    why, "a snapshot of another version: it needs a newer blk");
	if (!span_is(line, "snapshot 1"))
		return bad(why, "no first line");
	while (st == BLK_OK && text_line(&text, &line, &broken))
		st = parse_line(s, line, &at, &taken, strings, why);
	if (st != BLK_OK)
		return st;
	/* The end is where one more line of the last kind could stand. */
	if (broken || s->path.count == 0 || !advance(&at, &taken, last))
		return bad(why, "lines missing");
	return BLK_OK;
}

enum blk_status
snapshot_parse(struct span text, struct snapshot *s, struct fault *why)
{
	struct buf strings = BUF_INIT(TREE_LINE_MAX);
	enum blk_status st = BLK_OK;

	*s = (struct snapshot){ .root = NULL };
	st = parse(s, text, &strings, why);
	buf_release(&strings);
	if (st != BLK_OK)
		snapshot_release(s);
	return st;
}

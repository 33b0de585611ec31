#include <stdlib.h>
#include <string.h>

#include "filter-glob.h"
#include "filter.h"

void
filter_pattern_release(struct filter_pattern *p)
{
	free(p->text);
	free(p->part);
	*p = (struct filter_pattern){ .text = NULL };
}

/*
 * --- parsing ---
 */

static bool
has_magic(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("*?[\\", s.p[i]) != NULL)
			return true;
	return false;
}

/* Is every element of the part complete? */
static bool
is_sound(struct span glob)
{
	bool bad = false;

	/* Each element is given a character, whether it matches or not. */
	while (glob.len > 0) {
		size_t len = 1;

		if (glob.p[0] == '\\') {
			len = 2;
		} else if (glob.p[0] == '[') {
			size_t i = 1;

			if (i < glob.len &&
			    (glob.p[i] == '!' || glob.p[i] == '^'))
				i++;
			for (bool first = true; i < glob.len; first = false) {
				if (glob.p[i] == ']' && !first)
					break;
				i += glob.p[i] == '\\' ? 2 : 1;
			}
			len = i + 1;
		}
		if (len > glob.len)
			return false;
		filter_glob(span_of(glob.p, len), span_of("x", 1), false, &bad);
		if (bad)
			return false;
		glob = span_of(glob.p + len, glob.len - len);
	}
	return true;
}

static void
add_part(struct filter_pattern *p, struct span text, bool any)
{
	p->part[p->parts++] =
	    (struct filter_part){ text, any, !any && !has_magic(text) };
}

static enum blk_status
add_text_part(struct filter_pattern *p, struct span text, struct fault *why)
{
	if (text.len == 0 || span_is(text, "."))
		return BLK_OK;
	if (span_is(text, ".."))
		return fault(why, BLK_INVALID, "a pattern with \"..\"");
	if (!is_sound(text))
		return fault(why, BLK_INVALID, "a pattern that is broken");
	if (!span_is(text, "**"))
		add_part(p, text, false);
	else if (p->parts == 0 || !p->part[p->parts - 1].any)
		add_part(p, text, true);
	return BLK_OK;
}

/* The parts of text, which is p's own. */
static enum blk_status
split(struct filter_pattern *p, struct span text, struct fault *why)
{
	enum blk_status st = BLK_OK;

	bool empty = true;

	if (!p->anchored)
		add_part(p, span_str("**"), true);
	while (st == BLK_OK && text.len > 0) {
		const char *slash = memchr(text.p, '/', text.len);
		size_t len =
		    slash != NULL ? (size_t)(slash - text.p) : text.len;

		st = add_text_part(p, span_of(text.p, len), why);
		empty =
		    empty && (len == 0 || span_is(span_of(text.p, len), "."));
		len += slash != NULL;
		text = span_of(text.p + len, text.len - len);
	}
	if (st != BLK_OK)
		return st;
	if (empty)
		return fault(why, BLK_INVALID, "a pattern that says nothing");
	/* What lies in it, but not itself: at least one name. */
	if (p->part[p->parts - 1].any)
		add_part(p, span_str("*"), false);
	return BLK_OK;
}

/* Take what stands around the names: '!', the first and the last slash. */
static struct span
unwrap(struct filter_pattern *p, struct span text)
{
	if (text.len > 0 && text.p[0] == '!') {
		p->negated = true;
		text = span_of(text.p + 1, text.len - 1);
	}
	p->anchored = text.len > 0 && text.p[0] == '/';
	while (text.len > 0 && text.p[text.len - 1] == '/') {
		p->dirs_only = true;
		text.len--;
	}
	return text;
}

enum blk_status
filter_pattern_parse(
    struct span text, bool nocase, struct filter_pattern *p, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t parts = 3; /* one, and those that are added at both ends */

	*p = (struct filter_pattern){ .nocase = nocase };
	if (text.len == 0 || text.len > FILTER_PATTERN_MAX ||
	    memchr(text.p, '\0', text.len) != NULL)
		return fault(why, BLK_INVALID,
		    "a pattern that is empty, too long or has a NUL in it");
	for (size_t i = 0; i < text.len; i++)
		parts += text.p[i] == '/';
	p->text = malloc(text.len);
	p->part = calloc(parts, sizeof(*p->part));
	if (p->text == NULL || p->part == NULL) {
		st = fault_nomem(why);
		goto out;
	}
	memcpy(p->text, text.p, text.len);
	st = split(p, unwrap(p, span_of(p->text, text.len)), why);
	if (st == BLK_INVALID)
		st = fault_in(why, st, "\"%.*s\"",
		    (int)(text.len < 200 ? text.len : 200), text.p);
out:
	if (st != BLK_OK)
		filter_pattern_release(p);
	return st;
}

/*
 * --- matching ---
 */

/* The first name of path. */
static struct span
first_name(struct span path)
{
	const char *slash = memchr(path.p, '/', path.len);

	return span_of(
	    path.p, slash != NULL ? (size_t)(slash - path.p) : path.len);
}

/* path without its first name, which is len bytes long. */
static struct span
behind(struct span path, size_t len)
{
	if (len < path.len)
		len++;
	return span_of(path.p + len, path.len - len);
}

static bool
part_matches(const struct filter_part *part, struct span name, bool nocase)
{
	if (part->literal && !nocase)
		return span_equal(part->text, name);
	return filter_glob(part->text, name, nocase, NULL);
}

/* As filter_glob, with names for characters and "**" for the star. */
static bool
match(const struct filter_pattern *p, struct span path)
{
	struct span from = { NULL, 0 };
	size_t i = 0, after = 0;

	for (;;) {
		struct span name;

		if (i < p->parts && p->part[i].any) {
			after = ++i;
			from = path;
			continue;
		}
		if (path.len == 0)
			return i == p->parts;
		name = first_name(path);
		if (i < p->parts &&
		    part_matches(&p->part[i], name, p->nocase)) {
			i++;
			path = behind(path, name.len);
			continue;
		}
		if (after == 0 || from.len == 0)
			return false;
		path = from = behind(from, first_name(from).len);
		i = after;
	}
}

/* A pattern for a name anywhere, the usual one, looks at the last only. */
static bool
match_name(const struct filter_pattern *p, struct span path)
{
	const char *slash = memrchr(path.p, '/', path.len);
	size_t skip = slash != NULL ? (size_t)(slash - path.p) + 1 : 0;

	return part_matches(
	    &p->part[1], span_of(path.p + skip, path.len - skip), p->nocase);
}

bool
filter_pattern_match(
    const struct filter_pattern *p, struct span path, size_t below, bool is_dir)
{
	if ((p->dirs_only && !is_dir) || path.len <= below)
		return false;
	if (p->parts == 2 && p->part[0].any)
		return match_name(p, path);
	if (match(p, path))
		return true;
	return below > 0 && match(p, span_of(path.p + below, path.len - below));
}

/* Is there more of the pattern where path ends? */
static bool
reaches(const struct filter_pattern *p, struct span path)
{
	size_t i = 0;

	while (i < p->parts && !p->part[i].any && path.len > 0) {
		struct span name = first_name(path);

		if (!part_matches(&p->part[i], name, p->nocase))
			return false;
		path = behind(path, name.len);
		i++;
	}
	return i < p->parts;
}

bool
filter_pattern_reaches(
    const struct filter_pattern *p, struct span path, size_t below)
{
	if (reaches(p, path))
		return true;
	return below > 0 && below <= path.len &&
	    reaches(p, span_of(path.p + below, path.len - below));
}

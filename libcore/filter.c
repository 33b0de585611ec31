#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "filter-glob.h"

#define CACHEDIR_TAG "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"

struct filter {
	struct filter_pattern *pattern;
	size_t patterns, pattern_cap;
	struct filter_tag *tag;
	size_t tags, tag_cap;
	uint64_t limit;
};

enum blk_status
filter_new(struct filter **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return fault_nomem(why);
	(*out)->limit = UINT64_MAX;
	return BLK_OK;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->patterns; i++)
		filter_pattern_release(&f->pattern[i]);
	for (size_t i = 0; i < f->tags; i++) {
		free(f->tag[i].name);
		free(f->tag[i].header);
	}
	free(f->pattern);
	free(f->tag);
	free(f);
}

enum blk_status
filter_add(
    struct filter *f, struct span pattern, unsigned flags, struct fault *why)
{
	void *items = f->pattern;
	enum blk_status st = BLK_OK;

	st = array_grow(
	    &items, f->patterns, &f->pattern_cap, sizeof(*f->pattern), why);
	if (st != BLK_OK)
		return st;
	f->pattern = items;
	st = filter_pattern_parse(pattern, (flags & FILTER_NOCASE) != 0,
	    &f->pattern[f->patterns], why);
	if (st == BLK_OK)
		f->patterns++;
	return st;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Without the spaces around it, but for one that a backslash keeps. */
static struct span
trimmed(struct span line)
{
	while (line.len > 0 && is_space(line.p[0]))
		line = span_of(line.p + 1, line.len - 1);
	while (line.len > 0 && is_space(line.p[line.len - 1])) {
		size_t slashes = 0;

		while (slashes + 1 < line.len &&
		    line.p[line.len - 2 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 1)
			break;
		line.len--;
	}
	return line;
}

enum blk_status
filter_add_lines(
    struct filter *f, struct span text, unsigned flags, struct fault *why)
{
	size_t number = 0;

	if (span_starts(text, "\xef\xbb\xbf")) /* an editor's mark of UTF-8 */
		text = span_of(text.p + 3, text.len - 3);
	while (text.len > 0) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t len = lf != NULL ? (size_t)(lf - text.p) : text.len;
		struct span line = trimmed(span_of(text.p, len));
		enum blk_status st = BLK_OK;

		number++;
		if (line.len > 0 && line.p[0] != '#')
			st = filter_add(f, line, flags, why);
		if (st != BLK_OK)
			return fault_in(why, st, "line %zu", number);
		len += lf != NULL;
		text = span_of(text.p + len, text.len - len);
	}
	return BLK_OK;
}

enum filter_verdict
filter_check(
    const struct filter *f, struct span path, size_t below, bool is_dir)
{
	for (size_t i = f->patterns; i-- > 0;) {
		const struct filter_pattern *p = &f->pattern[i];

		if (filter_pattern_match(p, path, below, is_dir))
			return p->negated ? FILTER_NEGATED : FILTER_MATCH;
	}
	return FILTER_NONE;
}

bool
filter_reaches(const struct filter *f, struct span path, size_t below)
{
	for (size_t i = 0; i < f->patterns; i++)
		if (!f->pattern[i].negated &&
		    filter_pattern_reaches(&f->pattern[i], path, below))
			return true;
	return false;
}

enum blk_status
filter_add_tag(struct filter *f, struct span tag, struct fault *why)
{
	const char *colon = tag.len > 0 ? memchr(tag.p, ':', tag.len) : NULL;
	size_t len = colon != NULL ? (size_t)(colon - tag.p) : tag.len;
	size_t skip = colon != NULL ? len + 1 : len;
	struct filter_tag t = { NULL, NULL, tag.len - skip };
	void *items = f->tag;
	enum blk_status st = BLK_OK;

	if (len == 0 || memchr(tag.p, '/', len) != NULL ||
	    memchr(tag.p, '\0', len) != NULL)
		return fault(why, BLK_INVALID, "not the name of a file");
	st = array_grow(&items, f->tags, &f->tag_cap, sizeof(t), why);
	if (st != BLK_OK)
		return st;
	f->tag = items;
	t.name = strndup(tag.p, len);
	t.header = malloc(t.header_len + 1);
	if (t.name == NULL || t.header == NULL) {
		free(t.name);
		free(t.header);
		return fault_nomem(why);
	}
	memcpy(t.header, tag.p + skip, t.header_len);
	t.header[t.header_len] = '\0';
	f->tag[f->tags++] = t;
	return BLK_OK;
}

enum blk_status
filter_add_caches(struct filter *f, struct fault *why)
{
	return filter_add_tag(f, span_str(CACHEDIR_TAG), why);
}

const struct filter_tag *
filter_tag_at(const struct filter *f, size_t i)
{
	return i < f->tags ? &f->tag[i] : NULL;
}

void
filter_set_limit(struct filter *f, uint64_t bytes)
{
	f->limit = bytes;
}

uint64_t
filter_limit(const struct filter *f)
{
	return f->limit;
}

bool
filter_has_patterns(const struct filter *f)
{
	return f->patterns > 0;
}

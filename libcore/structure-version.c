#include "structure.h"

#include <stdlib.h>
#include <string.h>

#include "structure-version.h"

#define NAME_MAX_BYTES 255

void
version_release(struct version *v)
{
	for (size_t i = 0; i < v->attrs; i++) {
		free(v->attr[i].key);
		free(v->attr[i].value);
	}
	for (size_t i = 0; i < v->links; i++)
		free(v->link[i].rel);
	free(v->attr);
	free(v->link);
	free(v->name);
	free(v->type);
	*v = (struct version){ 0 };
}

static bool
copy_string(const char *from, char **to)
{
	*to = strdup(from);
	return *to != NULL;
}

/* Most have none: then there is no array.  Counts go up as items are complete
 * enough to be released. */
static bool
copy_items(const struct version *from, struct version *to)
{
	if (from->attrs > 0)
		to->attr = calloc(from->attrs, sizeof(*to->attr));
	if (from->links > 0)
		to->link = calloc(from->links, sizeof(*to->link));
	if ((from->attrs > 0 && to->attr == NULL) ||
	    (from->links > 0 && to->link == NULL))
		return false;
	while (to->attrs < from->attrs) {
		const struct version_attr *a = &from->attr[to->attrs];
		struct version_attr *b = &to->attr[to->attrs++];

		if (!copy_string(a->key, &b->key) ||
		    !copy_string(a->value, &b->value))
			return false;
	}
	while (to->links < from->links) {
		const struct version_link *a = &from->link[to->links];
		struct version_link *b = &to->link[to->links++];

		*b = *a;
		if (!copy_string(a->rel, &b->rel))
			return false;
	}
	return true;
}

enum blk_status
version_copy(const struct version *from, struct version *to, struct fault *why)
{
	*to = *from;
	to->name = to->type = NULL;
	to->attr = NULL;
	to->link = NULL;
	to->attrs = to->links = 0;
	if (copy_string(from->name, &to->name) &&
	    copy_string(from->type, &to->type) && copy_items(from, to))
		return BLK_OK;
	version_release(to);
	return fault_nomem(why);
}

static int
attr_order(const void *a, const void *b)
{
	const struct version_attr *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int
link_order(const void *a, const void *b)
{
	const struct version_link *x = a, *y = b;
	int order = strcmp(x->rel, y->rel);

	if (order == 0)
		order = strcmp(class_name(x->class), class_name(y->class));
	return order != 0 ? order : digest_compare(&x->id, &y->id);
}

void
version_sort(struct version *v)
{
	if (v->attrs > 1)
		qsort(v->attr, v->attrs, sizeof(*v->attr), attr_order);
	if (v->links > 1)
		qsort(v->link, v->links, sizeof(*v->link), link_order);
}

/* --- names --- */

static bool
is_hex(struct span name)
{
	if (name.len != 2 * DIGEST_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '\0' ||
		    strchr("0123456789abcdefABCDEF", name.p[i]) == NULL)
			return false;
	return true;
}

bool
version_name_is_id(struct span name)
{
	struct digest id;

	return digest_parse(name.p, name.len, &id);
}

/* What is wrong with a name, or NULL. */
static const char *
complaint(struct span name)
{
	if (name.len == 0)
		return "a name is not empty";
	if (name.len > NAME_MAX_BYTES)
		return "a name is at most 255 bytes long";
	if (!text_is_utf8(name))
		return "a name is UTF-8";
	if (text_has_control(name))
		return "a name has no control characters";
	if (memchr(name.p, ':', name.len) != NULL ||
	    memchr(name.p, '@', name.len) != NULL)
		return "a name has no ':' and no '@'";
	if (name.p[0] == '/' || name.p[name.len - 1] == '/' ||
	    memmem(name.p, name.len, "//", 2) != NULL)
		return "a name has '/' only between other characters";
	if (is_hex(name))
		return "64 hexadecimal digits are an id, not a name";
	return NULL;
}

enum blk_status
version_check_name(struct span name, struct fault *why)
{
	const char *wrong = complaint(name);

	return wrong == NULL ? BLK_OK : fault(why, BLK_INVALID, "%s", wrong);
}

bool
version_is_name(struct span name)
{
	return version_name_is_id(name) || complaint(name) == NULL;
}

/* --- rules that writing and reading share --- */

static const char *
items_complaint(const struct version *v)
{
	for (size_t i = 0; i < v->attrs; i++) {
		if (v->attr[i].key[0] == '\0')
			return "attribute without a key";
		if (i > 0 && attr_order(&v->attr[i - 1], &v->attr[i]) >= 0)
			return "attributes out of order or twice";
	}
	for (size_t i = 0; i < v->links; i++) {
		enum class class = v->link[i].class;

		if (v->link[i].rel[0] == '\0')
			return "link without a relation";
		if (class != CLASS_CONTENT && class != CLASS_TREE &&
		    class != CLASS_SNAPSHOT && class != CLASS_VERSION)
			return "link to an impossible class";
		if (i > 0 && link_order(&v->link[i - 1], &v->link[i]) >= 0)
			return "links out of order or twice";
	}
	return NULL;
}

/* What is wrong with the place in the chain of versions, or NULL.  id: what the
 * name is, or NULL. */
static const char *
chain_complaint(const struct version *v, const struct digest *id)
{
	if (v->number == 0)
		return "number 0";
	if (id == NULL)
		return v->has_previous == (v->number > 1)
		    ? NULL
		    : "the first has no previous one, all others have";
	return v->number == 1 && !v->has_previous && digest_equal(id, &v->id)
	    ? NULL
	    : "an id names itself, once";
}

enum blk_status
version_check(const struct version *v, struct fault *why)
{
	struct span name = span_str(v->name);
	struct digest id;
	bool is_id = digest_parse(name.p, name.len, &id);
	const char *wrong = items_complaint(v);

	if (wrong == NULL)
		wrong = chain_complaint(v, is_id ? &id : NULL);
	if (wrong != NULL)
		return fault(why, BLK_INVALID, "version: %s", wrong);
	if (v->class != CLASS_CONTENT && v->class != CLASS_TREE &&
	    v->class != CLASS_SNAPSHOT)
		return fault(why, BLK_INVALID, "version: impossible class");
	return is_id ? BLK_OK : version_check_name(name, why);
}

/* --- writing --- */

/* WORD VALUE, or WORD KEY=VALUE without a space behind WORD; no LF yet. */
static enum blk_status
put_pair(struct buf *b, const char *word, const char *key, const char *value,
    struct fault *why)
{
	enum blk_status st = buf_add(b, word, strlen(word), why);

	if (st == BLK_OK && key != NULL)
		st = text_escape(b, span_str(key), true, why);
	if (st == BLK_OK && key != NULL)
		st = buf_add_u8(b, '=', why);
	if (st == BLK_OK)
		st = text_escape(b, span_str(value), false, why);
	return st;
}

/* The LF of the line that begins at from. */
static enum blk_status
end_line(struct buf *b, size_t from, struct fault *why)
{
	if (b->len - from >= STRUCTURE_LINE_MAX)
		return fault(why, BLK_INVALID, "version: line too long");
	return buf_add_u8(b, '\n', why);
}

static enum blk_status
put_content(const struct version *v, struct buf *b, struct fault *why)
{
	struct text_out o = text_out(b, why);
	size_t from;

	if (v->has_previous) {
		text_say(&o, "previous ");
		text_say_id(&o, &v->previous);
		text_say(&o, "\n");
	}
	text_say(&o, "content ");
	text_say(&o, class_name(v->class));
	text_say(&o, " ");
	text_say_id(&o, &v->id);
	text_say(&o, " ");
	text_say_u64(&o, v->size);
	text_say(&o, "\ntime ");
	text_say_i64(&o, v->time);
	text_say(&o, "\n");
	from = b->len;
	if (o.st == BLK_OK && v->type[0] != '\0')
		o.st = put_pair(b, "type ", NULL, v->type, why);
	if (o.st == BLK_OK && v->type[0] != '\0')
		o.st = end_line(b, from, why);
	if (v->expires != 0) {
		text_say(&o, "expires ");
		text_say_i64(&o, v->expires);
		text_say(&o, "\n");
	}
	return o.st;
}

static enum blk_status
put_link(const struct version_link *l, struct buf *b, struct fault *why)
{
	struct text_out o = text_out(b, why);

	text_say(&o, "link:");
	if (o.st == BLK_OK)
		o.st = text_escape(b, span_str(l->rel), true, why);
	text_say(&o, "=");
	text_say(&o, class_name(l->class));
	text_say(&o, ":");
	text_say_id(&o, &l->id);
	return o.st;
}

static enum blk_status
put_items(const struct version *v, struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; i < v->attrs && st == BLK_OK; i++) {
		size_t from = b->len;

		st =
		    put_pair(b, "attr:", v->attr[i].key, v->attr[i].value, why);
		if (st == BLK_OK)
			st = end_line(b, from, why);
	}
	for (size_t i = 0; i < v->links && st == BLK_OK; i++) {
		size_t from = b->len;

		st = put_link(&v->link[i], b, why);
		if (st == BLK_OK)
			st = end_line(b, from, why);
	}
	return st;
}

enum blk_status
version_format(const struct version *v, struct buf *b, struct fault *why)
{
	struct text_out o = text_out(b, why);
	size_t start = b->len;
	enum blk_status st = version_check(v, why);

	if (st == BLK_OK) {
		text_say(&o, "version 1\nname ");
		text_say_escaped(&o, v->name);
		text_say(&o, "\nnumber ");
		text_say_u64(&o, v->number);
		text_say(&o, "\n");
		st = o.st;
	}
	if (st == BLK_OK)
		st = put_content(v, b, why);
	if (st == BLK_OK)
		st = put_items(v, b, why);
	if (st != BLK_OK)
		b->len = start;
	return st;
}

#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

static void
list_release(struct snapshot_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->item[i]);
	free(l->item);
}

static void
owners_release(struct snapshot_owners *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->item[i].name);
	free(o->item);
}

void
snapshot_release(struct snapshot *s)
{
	for (size_t i = 0; i < s->error.count; i++) {
		free(s->error.item[i].path);
		free(s->error.item[i].reason);
	}
	free(s->error.item);
	list_release(&s->path);
	list_release(&s->tag);
	list_release(&s->changed);
	list_release(&s->extra);
	owners_release(&s->user);
	owners_release(&s->group);
	free(s->root);
	free(s->name);
	free(s->host);
	*s = (struct snapshot){ .root = NULL };
}

/*
 * --- adding ---
 */

static enum blk_status
copy(struct span text, char **out, struct fault *why)
{
	if (text.len > SNAPSHOT_STRING_MAX)
		return fault(why, BLK_INVALID, "a string is too long");
	if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
		return fault(why, BLK_INVALID, "a string with a NUL in it");
	*out = malloc(text.len + 1);
	if (*out == NULL)
		return fault_nomem(why);
	if (text.len > 0)
		memcpy(*out, text.p, text.len);
	(*out)[text.len] = '\0';
	return BLK_OK;
}

/* Put a copy of text before item i. */
static enum blk_status
list_insert(
    struct snapshot_list *l, size_t i, struct span text, struct fault *why)
{
	void *items = l->item;
	enum blk_status st = BLK_OK;
	char *own = NULL;

	st = array_grow(&items, l->count, &l->cap, sizeof(*l->item), why);
	if (st != BLK_OK)
		return st;
	l->item = items;
	st = copy(text, &own, why);
	if (st != BLK_OK)
		return st;
	memmove(
	    &l->item[i + 1], &l->item[i], (l->count - i) * sizeof(*l->item));
	l->item[i] = own;
	l->count++;
	return BLK_OK;
}

enum blk_status
snapshot_list_add(struct snapshot_list *l, struct span text, struct fault *why)
{
	return list_insert(l, l->count, text, why);
}

enum blk_status
snapshot_add_tag(struct snapshot *s, struct span tag, struct fault *why)
{
	size_t i = s->tag.count;

	for (; i > 0; i--) {
		int c = tree_compare(span_str(s->tag.item[i - 1]), tag);

		if (c == 0)
			return BLK_OK;
		if (c < 0)
			break;
	}
	return list_insert(&s->tag, i, tag, why);
}

enum blk_status
snapshot_add_owner(struct snapshot_owners *o, uint32_t number, struct span name,
    struct fault *why)
{
	size_t i = o->count;
	void *items = o->item;
	enum blk_status st = BLK_OK;
	char *own = NULL;

	while (i > 0 && o->item[i - 1].number > number)
		i--;
	if (i > 0 && o->item[i - 1].number == number)
		return BLK_OK;
	st = array_grow(&items, o->count, &o->cap, sizeof(*o->item), why);
	if (st != BLK_OK)
		return st;
	o->item = items;
	st = copy(name, &own, why);
	if (st != BLK_OK)
		return st;
	memmove(
	    &o->item[i + 1], &o->item[i], (o->count - i) * sizeof(*o->item));
	o->item[i] = (struct snapshot_owner){ number, own };
	o->count++;
	return BLK_OK;
}

static struct span
shortened(struct span text)
{
	if (text.len > SNAPSHOT_STRING_MAX)
		text.len = SNAPSHOT_STRING_MAX;
	return text;
}

enum blk_status
snapshot_add_changed(struct snapshot *s, struct span path, struct fault *why)
{
	return snapshot_list_add(&s->changed, shortened(path), why);
}

enum blk_status
snapshot_add_error(
    struct snapshot *s, struct span path, struct span reason, struct fault *why)
{
	struct snapshot_error e = { NULL, NULL };
	void *items = s->error.item;
	enum blk_status st = BLK_OK;

	st = array_grow(&items, s->error.count, &s->error.cap, sizeof(e), why);
	if (st != BLK_OK)
		return st;
	s->error.item = items;
	st = copy(shortened(path), &e.path, why);
	if (st == BLK_OK)
		st = copy(shortened(reason), &e.reason, why);
	if (st != BLK_OK) {
		free(e.path);
		return st;
	}
	s->error.item[s->error.count++] = e;
	return BLK_OK;
}

/*
 * --- formatting ---
 */

static enum blk_status
add_string(struct buf *b, const char *word, const char *text, struct fault *why)
{
	enum blk_status st = BLK_OK;

	if (text == NULL)
		return fault(why, BLK_INVALID, "a snapshot without %s", word);
	st = buf_printf(b, why, "%s ", word);
	if (st == BLK_OK)
		st = text_escape(b, span_str(text), false, why);
	return st != BLK_OK ? st : buf_add(b, "\n", 1, why);
}

static enum blk_status
add_list(struct buf *b, const char *word, const struct snapshot_list *l,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < l->count; i++)
		st = add_string(b, word, l->item[i], why);
	return st;
}

static enum blk_status
add_owners(struct buf *b, const char *word, const struct snapshot_owners *o,
    struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < o->count; i++) {
		st = buf_printf(b, why, "%s ", word);
		if (st != BLK_OK)
			break;
		st = buf_printf(b, why, "%u ", o->item[i].number);
		if (st == BLK_OK)
			st = text_escape(
			    b, span_str(o->item[i].name), false, why);
		if (st == BLK_OK)
			st = buf_add(b, "\n", 1, why);
	}
	return st;
}

static enum blk_status
add_errors(struct buf *b, const struct snapshot_errors *e, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < e->count; i++) {
		st = buf_add(b, "error ", 6, why);
		if (st == BLK_OK)
			st = text_escape(
			    b, span_str(e->item[i].path), false, why);
		if (st == BLK_OK)
			st = add_string(b, "", e->item[i].reason, why);
	}
	return st;
}

/* What identifies it: up to the tags. */
static enum blk_status
add_head(struct buf *b, const struct snapshot *s, struct fault *why)
{
	char hex[DIGEST_HEX];
	enum blk_status st = BLK_OK;

	if (s->root == NULL || s->path.count == 0)
		return fault(
		    why, BLK_INVALID, "a snapshot without root or path");
	digest_hex(&s->tree, hex);
	st = buf_printf(b, why, "snapshot 1\ntree %s\nroot %s\n", hex, s->root);
	if (st == BLK_OK)
		st = add_string(b, "name", s->name, why);
	if (st == BLK_OK)
		st = add_string(b, "host", s->host, why);
	if (st == BLK_OK)
		st = add_list(b, "path", &s->path, why);
	if (st == BLK_OK)
		st = buf_printf(b, why, "start %lld\nend %lld\n",
		    (long long)s->start, (long long)s->end);
	return st != BLK_OK ? st : add_list(b, "tag", &s->tag, why);
}

static enum blk_status
add_extra(struct buf *b, const struct snapshot_list *l, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < l->count; i++)
		st = buf_printf(b, why, "%s\n", l->item[i]);
	return st;
}

enum blk_status
snapshot_format(const struct snapshot *s, struct buf *b, struct fault *why)
{
	size_t before = b->len;
	enum blk_status st = add_head(b, s, why);

	if (st == BLK_OK)
		st = buf_printf(b, why,
		    "files %llu\ndirs %llu\nothers %llu\nbytes %llu\n",
		    (unsigned long long)s->files, (unsigned long long)s->dirs,
		    (unsigned long long)s->others,
		    (unsigned long long)s->bytes);
	if (st == BLK_OK)
		st = add_owners(b, "user", &s->user, why);
	if (st == BLK_OK)
		st = add_owners(b, "group", &s->group, why);
	if (st == BLK_OK)
		st = add_errors(b, &s->error, why);
	if (st == BLK_OK)
		st = add_list(b, "changed", &s->changed, why);
	if (st == BLK_OK)
		st = add_extra(b, &s->extra, why);
	if (st != BLK_OK)
		b->len = before;
	return st;
}

#include <string.h>

#include "tree.h"

/*
 * The value of system.posix_acl_*: a version (2, four bytes), then entries of
 * tag (two bytes), permissions (two bytes) and number (four), little-endian
 * (linux/posix_acl_xattr.h).  The tags ascend in the order of the text.
 */
#define ACL_VERSION 2
#define ACL_HEADER 4
#define ACL_ENTRY 8
#define ACL_NO_NUMBER UINT32_MAX

enum acl_tag {
	ACL_NONE = 0,
	ACL_USER_OBJ = 0x01,
	ACL_USER = 0x02,
	ACL_GROUP_OBJ = 0x04,
	ACL_GROUP = 0x08,
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
};

struct acl_entry {
	unsigned tag;
	unsigned perm;   /* rwx */
	uint32_t number; /* ACL_USER, ACL_GROUP */
};

/* What has been seen of a list, to hold it to its order. */
struct acl_seen {
	struct acl_entry last;
	unsigned tags;
};

static bool
is_named(unsigned tag)
{
	return tag == ACL_USER || tag == ACL_GROUP;
}

/* May e stand behind what was seen? */
static bool
acl_next(struct acl_seen *s, const struct acl_entry *e)
{
	bool single = e->tag == ACL_USER_OBJ || e->tag == ACL_GROUP_OBJ ||
	    e->tag == ACL_MASK || e->tag == ACL_OTHER;

	if ((!single && !is_named(e->tag)) || e->perm > 7)
		return false;
	if (is_named(e->tag) && e->number == ACL_NO_NUMBER)
		return false;
	if (e->tag < s->last.tag ||
	    (e->tag == s->last.tag && (single || e->number <= s->last.number)))
		return false;
	s->last = *e;
	s->tags |= e->tag;
	return true;
}

/* Is what was seen a whole list? */
static bool
acl_complete(const struct acl_seen *s)
{
	const unsigned need = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;

	return (s->tags & need) == need &&
	    ((s->tags & (ACL_USER | ACL_GROUP)) == 0 ||
	        (s->tags & ACL_MASK) != 0);
}

static bool
acl_is_minimal(const struct acl_seen *s)
{
	return s->tags == (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER);
}

static char
letter_of(unsigned tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
	case ACL_USER:
		return 'u';
	case ACL_MASK:
		return 'm';
	case ACL_OTHER:
		return 'o';
	default:
		return 'g';
	}
}

/* The tag of "u::", "u:N:" and so on; ACL_NONE for anything else. */
static unsigned
tag_of(char letter, bool named)
{
	switch (letter) {
	case 'u':
		return named ? ACL_USER : ACL_USER_OBJ;
	case 'g':
		return named ? ACL_GROUP : ACL_GROUP_OBJ;
	case 'm':
		return named ? ACL_NONE : ACL_MASK;
	case 'o':
		return named ? ACL_NONE : ACL_OTHER;
	default:
		return ACL_NONE;
	}
}

static bool
parse_perm(const char *p, unsigned *perm)
{
	static const char rwx[] = "rwx";

	*perm = 0;
	for (unsigned i = 0; i < 3; i++) {
		if (p[i] == rwx[i])
			*perm |= 4U >> i;
		else if (p[i] != '-')
			return false;
	}
	return true;
}

/* Take "u:1000:rwx" and a comma behind it from *text. */
static bool
parse_entry(struct span *text, struct acl_entry *e)
{
	const char *comma = memchr(text->p, ',', text->len);
	size_t len = comma != NULL ? (size_t)(comma - text->p) : text->len;
	const char *p = text->p;
	uint64_t number = 0;
	bool named = len > 6;

	if (len < 6 || p[1] != ':' || p[len - 4] != ':' ||
	    !parse_perm(p + len - 3, &e->perm))
		return false;
	if (named &&
	    (!text_u64(span_of(p + 2, len - 6), &number) ||
	        number >= ACL_NO_NUMBER))
		return false;
	e->number = (uint32_t)number;
	e->tag = tag_of(p[0], named);
	if (comma != NULL && len + 1 == text->len)
		return false;
	len += comma != NULL;
	*text = span_of(p + len, text->len - len);
	return true;
}

bool
tree_acl_check(struct span text, bool minimal)
{
	struct acl_seen seen = { .tags = 0 };
	struct acl_entry e = { 0, 0, 0 };

	while (text.len > 0)
		if (!parse_entry(&text, &e) || !acl_next(&seen, &e))
			return false;
	return acl_complete(&seen) && (minimal || !acl_is_minimal(&seen));
}

static enum blk_status
format_entry(struct buf *b, const struct acl_entry *e, struct fault *why)
{
	char perm[4] = { (e->perm & 4) != 0 ? 'r' : '-',
		(e->perm & 2) != 0 ? 'w' : '-', (e->perm & 1) != 0 ? 'x' : '-',
		'\0' };
	const char *comma = e->tag == ACL_USER_OBJ ? "" : ",";

	if (is_named(e->tag))
		return buf_printf(b, why, "%s%c:%u:%s", comma,
		    letter_of(e->tag), e->number, perm);
	return buf_printf(b, why, "%s%c::%s", comma, letter_of(e->tag), perm);
}

enum blk_status
tree_acl_of_xattr(const void *value, size_t len, bool is_default, struct buf *b,
    struct fault *why)
{
	struct cursor c = cursor_of(value, len);
	struct acl_seen seen = { .tags = 0 };
	enum blk_status st = BLK_OK;
	size_t before = b->len;

	if (len < ACL_HEADER || (len - ACL_HEADER) % ACL_ENTRY != 0 ||
	    cursor_le32(&c) != ACL_VERSION)
		return fault(why, BLK_INVALID, "an unknown kind of acl");
	while (st == BLK_OK && cursor_left(&c) > 0) {
		uint32_t word = cursor_le32(&c);
		struct acl_entry e = { word & 0xffff, word >> 16,
			cursor_le32(&c) };

		if (!acl_next(&seen, &e))
			st = fault(why, BLK_INVALID, "a bad acl");
		else
			st = format_entry(b, &e, why);
	}
	if (st == BLK_OK && !acl_complete(&seen))
		st = fault(why, BLK_INVALID, "an incomplete acl");
	if (st != BLK_OK || (!is_default && acl_is_minimal(&seen)))
		b->len = before;
	return st;
}

enum blk_status
tree_acl_to_xattr(struct span text, struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	size_t before = b->len;

	if (!tree_acl_check(text, true))
		return fault(why, BLK_CORRUPT, "a bad acl");
	st = buf_add_le32(b, ACL_VERSION, why);
	while (st == BLK_OK && text.len > 0) {
		struct acl_entry e = { 0, 0, 0 };

		if (!parse_entry(&text, &e))
			break;
		st = buf_add_le32(b, e.tag | e.perm << 16, why);
		if (st == BLK_OK)
			st = buf_add_le32(
			    b, is_named(e.tag) ? e.number : ACL_NO_NUMBER, why);
	}
	if (st != BLK_OK)
		b->len = before;
	return st;
}

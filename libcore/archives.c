#include "archives.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archives-private.h"

#define ACL_ENTRIES 4096 /* more are not taken from an archive */

bool
archives_format_of(const char *name, enum archives_format *format)
{
	static const char *const names[] = { "tar", "zip", "cpio" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*format = (enum archives_format)i;
		return true;
	}
	return false;
}

void
archives_locale_enter(struct archives_locale *l, const char *name)
{
	l->own = newlocale(LC_CTYPE_MASK, name, NULL);
	if (l->own != NULL)
		l->old = uselocale(l->own);
}

void
archives_locale_leave(struct archives_locale *l)
{
	if (l->own == NULL)
		return;
	uselocale(l->old);
	freelocale(l->own);
}

enum blk_status
archives_fault(struct archive *a, enum blk_status st, struct fault *why)
{
	const char *text = archive_error_string(a);

	return fault(why, st, "%s", text != NULL ? text : "unknown error");
}

enum blk_status
archives_add_nul(struct buf *b, struct fault *why)
{
	enum blk_status st = buf_add_u8(b, 0, why);

	if (st == BLK_OK)
		b->len--;
	return st;
}

/* --- ACLs --- */

static int
tag_of(char c, bool named)
{
	switch (c) {
	case 'u':
		return named ? ARCHIVE_ENTRY_ACL_USER
		             : ARCHIVE_ENTRY_ACL_USER_OBJ;
	case 'g':
		return named ? ARCHIVE_ENTRY_ACL_GROUP
		             : ARCHIVE_ENTRY_ACL_GROUP_OBJ;
	case 'm':
		return ARCHIVE_ENTRY_ACL_MASK;
	default:
		return ARCHIVE_ENTRY_ACL_OTHER;
	}
}

/* "u:1000:rw-" */
static void
set_one(struct archive_entry *to, int type, struct span one)
{
	const char *number = one.p + 2;
	size_t digits = one.len - 6;
	int id = -1, perms = 0;
	char text[12];

	if (digits > 0 && digits < sizeof(text)) {
		memcpy(text, number, digits);
		text[digits] = '\0';
		id = (int)strtoul(text, NULL, 10);
	}
	for (size_t i = 0; i < 3; i++)
		if (one.p[one.len - 3 + i] != '-')
			perms |= 4 >> i;
	(void)archive_entry_acl_add_entry(
	    to, type, perms, tag_of(one.p[0], digits > 0), id, NULL);
}

void
archives_acl_set(struct archive_entry *to, struct span text, bool is_default)
{
	int type = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
	                      : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;

	if (text.p == NULL || !tree_acl_check(text, true))
		return;
	while (text.len > 0) {
		const char *comma = memchr(text.p, ',', text.len);
		size_t len =
		    comma != NULL ? (size_t)(comma - text.p) : text.len;

		set_one(to, type, span_of(text.p, len));
		len += comma != NULL;
		text = span_of(text.p + len, text.len - len);
	}
}

struct ace {
	int order; /* u:: u:N g:: g:N m:: o:: */
	uint32_t id;
	int perms;
};

static int
by_order(const void *a, const void *b)
{
	const struct ace *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int
order_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return 0;
	case ARCHIVE_ENTRY_ACL_USER:
		return 1;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return 2;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return 3;
	case ARCHIVE_ENTRY_ACL_MASK:
		return 4;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return 5;
	default:
		return -1;
	}
}

/* The number of a user (or group) of this machine; -1: no such name. */
static int
number_of(const char *name, bool user)
{
	struct passwd pw, *p = NULL;
	struct group gr, *g = NULL;
	char text[4096];

	if (name == NULL)
		return -1;
	if (user)
		return getpwnam_r(name, &pw, text, sizeof(text), &p) == 0 &&
		        p != NULL
		    ? (int)pw.pw_uid
		    : -1;
	return getgrnam_r(name, &gr, text, sizeof(text), &g) == 0 && g != NULL
	    ? (int)gr.gr_gid
	    : -1;
}

/* Collect; false: too many, or one that has no number. */
static bool
collect(struct archive_entry *from, int type, struct ace *ace, size_t *count)
{
	int kind, perms, tag, id;
	const char *name;

	*count = 0;
	(void)archive_entry_acl_reset(from, type);
	while (archive_entry_acl_next(
	           from, type, &kind, &perms, &tag, &id, &name) == ARCHIVE_OK) {
		int order = order_of(tag);
		bool named = order == 1 || order == 3;

		if (named && id == -1)
			id = number_of(name, order == 1);
		if (order == -1 || *count == ACL_ENTRIES || (named && id == -1))
			return false;
		ace[(*count)++] =
		    (struct ace){ order, named ? (uint32_t)id : 0, perms & 7 };
	}
	return true;
}

/* An ACL with names needs a mask: what any of them, and the group, may. */
static void
add_mask(struct ace *ace, size_t *count)
{
	int perms = 0;
	bool named = false;

	for (size_t i = 0; i < *count; i++) {
		if (ace[i].order == 4)
			return;
		named |= ace[i].order == 1 || ace[i].order == 3;
		if (ace[i].order >= 1 && ace[i].order <= 3)
			perms |= ace[i].perms;
	}
	if (named)
		ace[(*count)++] = (struct ace){ 4, 0, perms };
}

static enum blk_status
write_aces(
    const struct ace *ace, size_t count, struct buf *b, struct fault *why)
{
	static const char letter[] = "uuggmo";
	enum blk_status st = BLK_OK;

	for (size_t i = 0; st == BLK_OK && i < count; i++) {
		int p = ace[i].perms;
		char id[12] = "";

		if (ace[i].order == 1 || ace[i].order == 3)
			snprintf(id, sizeof(id), "%u", (unsigned)ace[i].id);
		st = buf_printf(b, why, "%s%c:%s:%c%c%c", i > 0 ? "," : "",
		    letter[ace[i].order], id, (p & 4) != 0 ? 'r' : '-',
		    (p & 2) != 0 ? 'w' : '-', (p & 1) != 0 ? 'x' : '-');
	}
	return st;
}

bool
archives_acl_get(
    struct archive_entry *from, bool is_default, struct buf *b, uint32_t *mask)
{
	int type = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
	                      : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	size_t count = 0, before = b->len;
	struct fault unsaid = FAULT_NONE;
	struct ace *ace;
	bool said = false;

	if ((archive_entry_acl_types(from) & type) == 0)
		return true;
	ace = calloc(ACL_ENTRIES + 1, sizeof(*ace));
	if (ace == NULL || !collect(from, type, ace, &count))
		goto out;
	add_mask(ace, &count);
	qsort(ace, count, sizeof(*ace), by_order);
	said = (!is_default && count <= 3) ||
	    (write_aces(ace, count, b, &unsaid) == BLK_OK &&
	        tree_acl_check(
	            span_of(b->data + before, b->len - before), is_default));
	for (size_t i = 0; said && !is_default && i < count; i++)
		if (ace[i].order == 4)
			*mask = (uint32_t)ace[i].perms << 3;
out:
	if (!said)
		b->len = before;
	free(ace);
	return said;
}

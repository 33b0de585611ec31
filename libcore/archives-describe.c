/*
 * What libarchive says of a member, as an entry of a tree.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "archives-private.h"

#define NS INT64_C(1000000000)
#define NOBODY 65534
#define LINE_SPARE ((size_t)256 << 10) /* of a line, for name and link */

static enum tree_type
type_of(__LA_MODE_T type)
{
	switch (type) {
	case AE_IFREG:
		return TREE_FILE;
	case AE_IFDIR:
		return TREE_DIR;
	case AE_IFLNK:
		return TREE_SYMLINK;
	case AE_IFIFO:
		return TREE_FIFO;
	case AE_IFCHR:
		return TREE_CHAR;
	case AE_IFBLK:
		return TREE_BLOCK;
	default:
		return 0;
	}
}

static uint32_t
owner_of(int64_t number, const char **reason)
{
	if (number >= 0 && number < TREE_NO_OWNER)
		return (uint32_t)number;
	*reason = "an owner that none can be; taken as 65534";
	return NOBODY;
}

static int64_t
time_of(struct archive_entry *n, const char **reason)
{
	int64_t sec = archive_entry_mtime(n), ns;

	if (!archive_entry_mtime_is_set(n))
		return 0;
	if (!__builtin_mul_overflow(sec, NS, &ns) &&
	    !__builtin_add_overflow(
	        ns, (int64_t)archive_entry_mtime_nsec(n) % NS, &ns))
		return ns;
	*reason = "a time that none can be; taken as 1970";
	return 0;
}

static bool
is_wanted(const char *name, bool privileged)
{
	if (strncmp(name, "user.", 5) == 0 ||
	    strcmp(name, "security.capability") == 0)
		return true;
	return privileged &&
	    (strncmp(name, "security.", 9) == 0 ||
	        strncmp(name, "trusted.", 8) == 0);
}

static int
by_name(const void *a, const void *b)
{
	const struct tree_xattr *x = a, *y = b;

	return tree_compare(x->name, y->name);
}

/* pax writes "=" and "%" in names as %3D and %25; some write more so. */
static bool
decode_name(const char *from, char to[static 256])
{
	uint8_t byte;
	size_t n = 0;

	for (; *from != '\0' && n < 255; from++) {
		char hex[2] = { from[0], '\0' };

		if (*from == '%' && from[1] != '\0') {
			hex[0] = (char)tolower((unsigned char)from[1]);
			hex[1] = (char)tolower((unsigned char)from[2]);
		}
		if (*from == '%' && digest_parse_hex(hex, 2, &byte, 1) &&
		    byte != 0) {
			to[n++] = (char)byte;
			from += 2;
		} else {
			to[n++] = *from;
		}
	}
	to[n] = '\0';
	return *from == '\0';
}

/* The attributes, sorted; borrowed from n.  Of equal names one is taken. */
static void
take_xattrs(struct archives_said *m, struct archive_entry *n, bool privileged,
    struct tree_entry *e, const char **reason)
{
	size_t got = 0, kept = 0, size;
	const char *name;
	const void *value;

	(void)archive_entry_xattr_reset(n);
	while (
	    archive_entry_xattr_next(n, &name, &value, &size) == ARCHIVE_OK) {
		if (name == NULL || !is_wanted(name, privileged))
			continue;
		if (got == ARCHIVES_XATTRS || size > TREE_VALUE_MAX ||
		    !decode_name(name, m->name[got]))
			*reason = "attributes that are too long or too many";
		else {
			m->xattr[got] =
			    (struct tree_xattr){ span_str(m->name[got]),
				    span_of(value != NULL ? value : "", size) };
			got++;
		}
	}
	if (got > 1)
		qsort(m->xattr, got, sizeof(m->xattr[0]), by_name);
	for (size_t i = 0; i < got; i++)
		if (kept == 0 ||
		    !span_equal(m->xattr[kept - 1].name, m->xattr[i].name))
			m->xattr[kept++] = m->xattr[i];
	e->xattr = m->xattr;
	e->xattrs = kept;
}

static void
take_acls(struct archives_said *m, struct archive_entry *n,
    struct tree_entry *e, const char **reason)
{
	uint32_t mask = e->mode & 070;

	m->acl.len = m->acl_default.len = 0;
	if (e->type == TREE_SYMLINK)
		return;
	if (!archives_acl_get(n, false, &m->acl, &mask) ||
	    (e->type == TREE_DIR &&
	        !archives_acl_get(n, true, &m->acl_default, &mask)))
		*reason = "an ACL that cannot be taken";
	if (m->acl.len > 0) {
		e->acl = span_of(m->acl.data, m->acl.len);
		e->mode = (e->mode & ~070u) | mask;
	}
	if (m->acl_default.len > 0)
		e->acl_default =
		    span_of(m->acl_default.data, m->acl_default.len);
}

void
archives_describe(struct archive_entry *n, bool privileged,
    struct archives_said *m, struct tree_entry *e, const char **reason)
{
	const char *target = archive_entry_symlink(n);

	*e = (struct tree_entry){ .type = type_of(archive_entry_filetype(n)),
		.mode = archive_entry_perm(n) & 07777,
		.uid = owner_of(archive_entry_uid(n), reason),
		.gid = owner_of(archive_entry_gid(n), reason),
		.mtime = time_of(n, reason) };
	if (e->type == TREE_SYMLINK && target != NULL)
		e->target = span_str(target);
	if (e->type == TREE_SYMLINK)
		e->mode = 0777;
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		e->major = (uint32_t)archive_entry_rdevmajor(n);
		e->minor = (uint32_t)archive_entry_rdevminor(n);
	}
	take_acls(m, n, e, reason);
	take_xattrs(m, n, privileged, e, reason);
}

enum blk_status
archives_check(struct tree_entry *e, char reason[static 500], struct fault *why)
{
	struct buf line = BUF_INIT(TREE_LINE_MAX);
	struct fault no = FAULT_NONE;
	enum blk_status st;

	e->name = span_str("x");
	st = tree_format(e, &line, &no);
	if (st == BLK_OK && line.len > TREE_LINE_MAX - LINE_SPARE)
		st = fault(&no, BLK_INVALID, "its attributes are too long");
	buf_release(&line);
	if (st == BLK_FAILED)
		*why = no;
	if (st == BLK_INVALID)
		memcpy(reason, no.text, sizeof(no.text));
	return st == BLK_INVALID ? BLK_ABSENT : st;
}

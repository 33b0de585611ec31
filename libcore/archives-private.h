/*
 * archives-private.h - what the files of the archives room share.
 */
#ifndef ARCHIVES_PRIVATE_H
#define ARCHIVES_PRIVATE_H

#include <locale.h>

#include <archive.h>
#include <archive_entry.h>

#include "archives.h"
#include "bytes.h"

/*
 * libarchive converts names by the locale of the thread, which is another one
 * between enter and leave.  All zero: not entered.
 */
struct archives_locale {
	locale_t own, old;
};

void archives_locale_enter(struct archives_locale *l, const char *name);
void archives_locale_leave(struct archives_locale *l);

/* What libarchive says went wrong with a. */
enum blk_status archives_fault(
    struct archive *a, enum blk_status st, struct fault *why);

/* A NUL behind the contents, unseen by len. */
MUST_USE enum blk_status archives_add_nul(struct buf *b, struct fault *why);

/* All that e says, but for links to other members. */
MUST_USE enum blk_status archives_set_entry(struct archive_entry *n,
    const struct tree_entry *e, const char *path,
    const struct archives_export_options *o, struct fault *why);

#define ARCHIVES_XATTRS 1024 /* of one member; more are not taken */

/* What the strings of an entry lie in, from member to member. */
struct archives_said {
	struct buf acl, acl_default;
	struct tree_xattr xattr[ARCHIVES_XATTRS];
	char name[ARCHIVES_XATTRS][256];
};

/*
 * *e becomes what n says, but for name, size and content; type 0: nothing that
 * a tree can hold.  *reason is set where something cannot be taken as it is.
 */
void archives_describe(struct archive_entry *n, bool privileged,
    struct archives_said *said, struct tree_entry *e, const char **reason);
/* BLK_OK: a line of a tree can say it, with any name.  BLK_ABSENT: it cannot,
 * reason says why. */
MUST_USE enum blk_status archives_check(
    struct tree_entry *e, char reason[static 500], struct fault *why);

/* Read the object and say where in it data are, if there are holes. */
MUST_USE enum blk_status archives_find_holes(struct store *s,
    const struct digest *id, const struct archives_export_options *o,
    struct archive_entry *entry, struct fault *why);

/* ACLs: from and to the text that trees use. */
void archives_acl_set(
    struct archive_entry *to, struct span text, bool is_default);
/*
 * Append it, nothing when there is none.  mask: set to the group bits of the
 * mode that go with an access ACL.  False: it cannot be said.
 */
MUST_USE bool archives_acl_get(
    struct archive_entry *from, bool is_default, struct buf *b, uint32_t *mask);

#endif

/*
 * tree.h - the lines of a tree: what a directory holds, one entry a line.
 *
 * A tree is text (blk-store(5)), sorted by the raw bytes of the names:
 *
 *	F MODE UID GID MTIME SIZE ID [KEY=VALUE ...] NAME	a file
 *	D MODE UID GID MTIME ID [KEY=VALUE ...] NAME		a directory
 *	L|P|C|B MODE UID GID MTIME [KEY=VALUE ...] NAME		symlink, fifo,
 *							char, block device
 *
 * It says nothing that differs between two true copies of a directory (no
 * inode, no ctime, no size of a directory), and every value has one spelling,
 * so equal directories have equal trees.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "text.h"

#define TREE_NAME_MAX 255
#define TREE_LINE_MAX ((size_t)1 << 20) /* with its LF */
#define TREE_VALUE_MAX 65536 /* bytes of an extended attribute's value */
/* No owner has this number: to chown(2) it means "leave as it is". */
#define TREE_NO_OWNER UINT32_MAX

enum tree_type {
	TREE_FILE = 'F',
	TREE_DIR = 'D',
	TREE_SYMLINK = 'L',
	TREE_FIFO = 'P',
	TREE_CHAR = 'C',
	TREE_BLOCK = 'B',
};

struct tree_xattr {
	struct span name, value;
};

/*
 * An entry.  Strings are raw bytes, borrowed from wherever they came from;
 * one that is absent has p == NULL.
 */
struct tree_entry {
	enum tree_type type;
	uint32_t mode; /* 0 to 07777 */
	uint32_t uid, gid;
	int64_t mtime;           /* ns since 1970 */
	uint64_t size;           /* F: bytes, below 2^63 */
	struct digest id;        /* F: of the content; D: of the tree */
	struct span acl;         /* all but L; as tree_acl_check wants it */
	struct span acl_default; /* D */
	uint32_t major, minor;   /* C, B */
	struct span link;   /* all but D: the first hard link, in tree order */
	struct span target; /* L: where it points */
	const struct tree_xattr *xattr; /* sorted by name, names unique */
	size_t xattrs;
	struct span name;
};

/*
 * Append the line of e, with its LF.
 *
 * Returns: BLK_OK; BLK_INVALID when e cannot be said (a bad name, a line
 *          above TREE_LINE_MAX, ...), with the reason; BLK_FAILED.
 *          b is as before unless BLK_OK.
 */
MUST_USE enum blk_status tree_format(
    const struct tree_entry *e, struct buf *b, struct fault *why);

/*
 * Memory that parsing reuses from line to line: unescaped strings and the
 * array of attributes.  All zero but for text.max is empty.
 */
struct tree_scratch {
	struct buf text;
	struct tree_xattr *xattr;
	size_t xattr_cap;
};

#define TREE_SCRATCH_INIT                                                      \
	{                                                                      \
		.text = BUF_INIT(4 * TREE_LINE_MAX)                            \
	}

void tree_scratch_release(struct tree_scratch *s);

/*
 * Read a line, without its LF.
 *
 * Returns:   BLK_OK; BLK_CORRUPT for a line that tree_format would not have
 *            written; BLK_FAILED.
 * Ownership: the strings of *e lie in line or in s, and live until s is used
 *            again.  Nothing is allocated but to make s larger.
 */
MUST_USE enum blk_status tree_parse(struct span line, struct tree_scratch *s,
    struct tree_entry *e, struct fault *why);

/*
 * The fields of a directory that stands in no tree, from the mode to the
 * attributes: the "root" line of a snapshot, behind "root ".  id and name of
 * e are not looked at; parsing sets type D.  No LF.
 */
MUST_USE enum blk_status tree_format_root(
    const struct tree_entry *e, struct buf *b, struct fault *why);
MUST_USE enum blk_status tree_parse_root(struct span line,
    struct tree_scratch *s, struct tree_entry *e, struct fault *why);

/*
 * Names, in the order of a tree: memcmp, a prefix first.
 */
int tree_compare(struct span a, struct span b);
/*
 * Paths ("a/b"), in the order in which a walk of the trees meets them: name
 * by name.
 */
int tree_compare_paths(struct span a, struct span b);

/* 1 to 255 bytes without '/' and NUL, not "." or "..". */
bool tree_name_is_valid(struct span name);
/* Valid names joined by '/'. */
bool tree_path_is_valid(struct span path);

/* The last name seen, to hold the lines of a tree to their order. */
struct tree_order {
	size_t len;
	char name[TREE_NAME_MAX];
};

/* BLK_CORRUPT unless name comes behind all that were given before. */
MUST_USE enum blk_status tree_order_next(
    struct tree_order *o, struct span name, struct fault *why);

/*
 * POSIX access control lists, in the one spelling that trees use: entries
 * joined by ',', numbers for names, in the order u:: u:N: g:: g:N: m:: o::,
 * numbers ascending: "u::rw-,u:1000:r--,g::r--,m::r--,o::---".
 *
 * An access list of three entries only says what the mode says; it is not
 * written.  minimal: may it be one?  (It may where it is a default list.)
 */
bool tree_acl_check(struct span text, bool minimal);

/*
 * From the value of system.posix_acl_access or system.posix_acl_default, as
 * Linux gives it (version 2), appended to b; appends nothing for an access
 * list that only says what the mode says.  BLK_INVALID for any other bytes.
 */
MUST_USE enum blk_status tree_acl_of_xattr(const void *value, size_t len,
    bool is_default, struct buf *b, struct fault *why);

/* The reverse, appended to b.  BLK_CORRUPT unless tree_acl_check likes it
 * (with minimal). */
MUST_USE enum blk_status tree_acl_to_xattr(
    struct span text, struct buf *b, struct fault *why);

#endif

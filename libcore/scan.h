/*
 * scan.h - walks directories and says what they hold, as lines of trees.
 *
 * One thread runs the walk (scan_run): depth first, entries of a directory
 * sorted by name, each looked at once (statx).  For every directory it calls
 * enter, with all entries and a descriptor to open them by; the visitor, or
 * threads of its own that it hands the directory to, reads the files that are
 * not known from the cache of the last walk.  When a directory's files are
 * read and the directories in it are complete, its lines are given to line,
 * in order, and complete then says the id of the tree: children first, the
 * root last, each in the thread that finished the last part of it.
 *
 *	enter(d)	may take scan_dir_hold(d), once for each unit of work
 *	  scan_file_open, read, scan_file_done	for files in SCAN_NEW
 *	  scan_dir_drop(d)			at the end of each unit
 *	line(d, e, ...)  complete(d, &id)	after the last drop
 *
 * The walk goes by descriptors and names only, so no path is too long, and by
 * an explicit stack of which a bounded part is open, so no tree is too deep.
 * Links are not followed, fifos and devices never opened, sockets reported.
 * What cannot be read is reported and left out.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "filter.h"
#include "scan-cache.h"
#include "text.h"
#include "tree.h"

struct scan;
struct scan_meta;
struct scan_inode;
struct scan_cache_dir;
struct scan_seed;

enum scan_problem {
	SCAN_UNREADABLE, /* left out (or, of a directory, some of it) */
	SCAN_METADATA,   /* taken, but for some of its attributes */
	SCAN_CHANGED,    /* taken, but it was still changing */
	SCAN_VANISHED,   /* removed since its directory was read */
	SCAN_SOCKET,     /* left out */
	SCAN_LOOP,       /* a directory inside itself: taken as an empty one */
};

enum scan_state {
	SCAN_NEW,    /* F: to be read; others: as was found */
	SCAN_KNOWN,  /* as in the cache: nothing to do */
	SCAN_LINKED, /* F: a hard link of one that is SCAN_NEW elsewhere */
	SCAN_DONE,   /* F: read */
	SCAN_FAILED, /* left out */
};

struct scan_stat {
	uint64_t dev, ino;
	uint64_t size;        /* of files, else 0 */
	int64_t mtime, ctime; /* ns since 1970 */
	uint32_t mode;        /* 0 to 07777 */
	uint32_t uid, gid, nlink;
	uint32_t major, minor; /* C, B */
};

struct scan_entry {
	const char *name; /* ends in a NUL; "" for the root */
	uint16_t name_len;
	uint8_t type;  /* enum tree_type */
	uint8_t state; /* enum scan_state */
	bool trusted;  /* what was found may be cached */
	bool existed;  /* the cache knows one of this name and type */
	bool same;     /* in complete: its line is the one in the cache */
	struct scan_stat stat;
	struct digest id; /* F when done: content; D when complete: tree */
	struct scan_meta *meta; /* attributes, target; NULL: none */
	union {
		struct scan_inode *inode;    /* not D: it has other links */
		struct scan_cache_ref child; /* D: what the cache knows */
	};
};

struct scan_dir {
	struct scan_dir *parent;  /* NULL: the root */
	struct scan_entry *self;  /* what it is in its parent */
	int fd;                   /* open during enter and while it is held */
	struct scan_entry *entry; /* sorted by name */
	size_t entries;
	size_t todo;         /* entries that are files in SCAN_NEW */
	uint64_t todo_bytes; /* the sum of their sizes */
	/* In complete: nothing below differs from the cache; the id is the
	 * one in the cache and line was not called. */
	bool unchanged;
	void *user; /* the visitor's */

	/* The walk's own. */
	struct scan *scan;
	const struct scan_seed *seed; /* only these names; NULL: all */
	struct scan_cache_dir *cached;
	size_t next;        /* entry to be descended into */
	uint64_t limit_dev; /* with one_file_system */
	unsigned refs, pins;
	bool walked;  /* fd is the walk's too */
	bool changed; /* something below differs from the cache */
	bool has_links;
	bool left_out; /* never to be completed */
};

struct scan_visitor {
	/*
	 * A directory, before those in it.  A status other than BLK_OK, here
	 * and below, ends the walk with it.
	 */
	enum blk_status (*enter)(
	    void *arg, struct scan_dir *d, struct fault *why);
	/* A line of its tree, with LF, borrowed for the call. */
	enum blk_status (*line)(void *arg, struct scan_dir *d,
	    const struct scan_entry *e, struct span line, struct fault *why);
	/* That was the last line: set *id, unless d->unchanged. */
	enum blk_status (*complete)(void *arg, struct scan_dir *d,
	    struct digest *id, struct fault *why);
	/* d goes, and d->user is not NULL: complete left it, or was not
	 * called, as the walk failed.  NULL: nothing is to be freed. */
	void (*forget)(void *arg, struct scan_dir *d);
	/* By one thread at a time.  path is absolute. */
	void (*report)(void *arg, enum scan_problem what, struct span path,
	    const struct fault *why);
	void *arg;
};

struct scan_options {
	/*
	 * Absolute, as scan_absolute makes them.  One that is a directory (or
	 * a link to one) is the root of the tree.  Else each stands in the
	 * root under its own path; the directories above are taken with
	 * their owners and modes, but with the newest time of what was asked
	 * for in them, since their own changes with things beside it.
	 */
	const char *const *path;
	size_t paths;
	const struct filter *filter; /* NULL: all; what path names is taken */
	bool one_file_system;        /* other mounts are empty directories */
	bool privileged_xattrs;      /* trusted.* and all of security.* too */
	struct scan_cache *cache;    /* of the last walk, or NULL; borrowed */
	struct scan_cache_writer *writer; /* for the next, or NULL; borrowed */
	const struct scan_visitor *visitor;
};

/*
 * path made absolute: from the working directory, without "." and "//", and
 * with ".." taken from the text.  A slash at the end stays.  Appended to b.
 */
MUST_USE enum blk_status scan_absolute(
    const char *path, struct buf *b, struct fault *why);

/*
 * Returns:   BLK_OK; BLK_ABSENT when the only path cannot be opened;
 *            BLK_INVALID for paths that scan_absolute did not make;
 *            BLK_FAILED.
 * Ownership: *out is the caller's, to scan_close.  What o points to must
 *            live as long, but for the paths and the visitor.
 */
MUST_USE enum blk_status scan_open(
    const struct scan_options *o, struct scan **out, struct fault *why);
/* Behind scan_run and the last scan_dir_drop.  NULL: does nothing. */
void scan_close(struct scan *s);

/*
 * Walk.  Returns when the last directory was entered: others may still hold
 * some.  After a failure, nothing more is completed.
 */
MUST_USE enum blk_status scan_run(struct scan *s, struct fault *why);

/* The root directory itself: its id is that of the whole tree, once the root
 * is complete. */
const struct scan_entry *scan_root(const struct scan *s);
/* As the fields of a snapshot's "root" line, appended to b. */
MUST_USE enum blk_status scan_root_line(
    struct scan *s, struct buf *b, struct fault *why);

/* In complete: does e have a line, so that it is part of the tree? */
bool scan_entry_is_taken(const struct scan_entry *e);

/* The tree that the cache has for d; NULL: none.  In complete only. */
const struct digest *scan_dir_before(const struct scan_dir *d);

/* Keep d, and d->fd open.  Only by who may use it already. */
void scan_dir_hold(struct scan_dir *d);
/* The reverse.  When it was the last, d is completed, with all above that
 * waited for it, before the call returns; d is gone then. */
MUST_USE enum blk_status scan_dir_drop(struct scan_dir *d, struct fault *why);

/* Append the path of e in d (NULL: of d itself) inside the tree: "a/b". */
MUST_USE enum blk_status scan_path(const struct scan_dir *d,
    const struct scan_entry *e, struct buf *b, struct fault *why);

/*
 * Open a file to read it, looking at it and at its attributes once more.
 *
 * Returns: BLK_OK: *fd is the caller's to close.  BLK_ABSENT: it cannot be
 *          read; that is reported, and e is in SCAN_FAILED: go on with the
 *          next.  BLK_FAILED.
 * May be called again, to read it again.
 */
MUST_USE enum blk_status scan_file_open(
    struct scan_dir *d, struct scan_entry *e, int *fd, struct fault *why);

/*
 * Open a file that should be as the walk saw it, and look at its attributes
 * only: what is read is its content if behind that scan_file_changed says no,
 * for then it was all the time.  Until then it may be any other's, even that
 * of what is no file.
 *
 * Returns: BLK_OK: *fd is the caller's to close.  BLK_ABSENT: it is not to be
 *          had so easily; scan_file_open will say why.  BLK_FAILED.
 */
MUST_USE enum blk_status scan_file_open_known(
    struct scan_dir *d, struct scan_entry *e, int *fd, struct fault *why);

/* Is it another file, or was it changed, since e was looked at? */
bool scan_file_changed(const struct scan_entry *e, int fd);

/* The bytes that an open file has by now; 0 where that cannot be said. */
uint64_t scan_file_size(int fd);

/*
 * Where the data of an open file goes on, at offset or behind it: BLK_OK with
 * its extent; BLK_ABSENT when only a hole is left.  All of it is data where
 * the file system cannot say.
 */
MUST_USE enum blk_status scan_file_extent(
    int fd, uint64_t offset, uint64_t *start, uint64_t *end, struct fault *why);

/*
 * A file was read: size bytes whose id is e->id.  stable: not changed
 * meanwhile; otherwise it is reported as SCAN_CHANGED.  Serves its other
 * links.
 */
MUST_USE enum blk_status scan_file_done(struct scan_dir *d,
    struct scan_entry *e, uint64_t size, bool stable, struct fault *why);
/* A file could not be read, as why says: report it and leave it out. */
MUST_USE enum blk_status scan_file_fail(struct scan_dir *d,
    struct scan_entry *e, const struct fault *reason, struct fault *why);

#endif

/*
 * scan-internal.h - what the files of the room share.
 */
#ifndef SCAN_INTERNAL_H
#define SCAN_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "scan.h"

#define SCAN_OPEN_DIRS 64 /* above the current one, beside the root */
#define SCAN_DIRENTS ((size_t)256 << 10)
#define SCAN_TRUST_NS (INT64_C(2) * 1000 * 1000 * 1000)

/* A name that was asked for, with those below it. */
struct scan_seed {
	char *name;
	struct scan_seed *child; /* sorted by name */
	size_t children, cap;
	bool whole;     /* it was asked for itself */
	bool follow;    /* with a slash at its end */
	int64_t newest; /* time of what was asked for below */
};

/* What an entry says beside its numbers; one block of memory. */
struct scan_meta {
	struct span acl, acl_default, target;
	size_t xattrs;
	struct tree_xattr xattr[];
};

/* A file with several links, of which some were seen. */
struct scan_inode {
	struct scan_inode *chain;
	uint64_t dev, ino;
	uint32_t nlink;
	unsigned refs;     /* entries that point here */
	uint32_t complete; /* links whose lines are written */
	char *first;       /* path of the first in tree order */
	bool reading;      /* an entry is in SCAN_NEW */
	bool settled;      /* it is read: what follows is known */
	bool failed, trusted;
	struct digest id;
	struct scan_stat stat;
	struct scan_meta *meta;
	struct scan_waiter *waiter;
	size_t waiters, waiter_cap;
};

struct scan_waiter {
	struct scan_dir *dir;
	struct scan_entry *entry;
};

struct scan_links {
	struct scan_inode **slot;
	size_t slots, used;
};

/* A name of a directory that is being read. */
struct scan_item {
	uint64_t prefix; /* its first bytes, to compare */
	uint64_t ino;
	size_t name; /* where it begins in names */
	uint16_t len;
	uint8_t kind; /* DT_*; DT_UNKNOWN */
};

struct scan {
	struct scan_options options;
	struct scan_visitor own_visitor;
	const struct scan_visitor *visitor; /* is that */
	struct scan_seed *seeds; /* NULL: one directory is the root */
	struct buf base;         /* of the root, without the first slash */
	struct scan_entry root;
	int root_fd;
	uid_t euid;

	/* Of the walk. */
	struct buf path; /* base, and the names down to the current one */
	struct scan_dir *open[SCAN_OPEN_DIRS]; /* a ring, deepest last */
	size_t open_first, open_count;
	uint8_t *dirents;
	struct scan_item *item;
	size_t items, item_cap;
	uint32_t *order;
	size_t order_cap;
	struct buf names;

	pthread_mutex_t lock; /* of counts in dirs, links, failed */
	pthread_mutex_t report_lock;
	struct scan_links links;
	bool failed;
};

/* scan.c */
const struct scan_seed *scan_seed_child(
    const struct scan_seed *s, struct span name);
void scan_seed_release(struct scan_seed *s);
MUST_USE enum blk_status scan_seeds_make(struct scan *s, struct fault *why);

/* scan-stat.c */
int64_t scan_now(void);
/* false with errno; *type is 'S' for a socket, '?' for unknown ones. */
bool scan_stat_at(
    int fd, const char *name, int flags, struct scan_stat *st, uint8_t *type);
bool scan_stat_equal(const struct scan_stat *a, const struct scan_stat *b);
/* Is what st says older than a read that begins at now? */
bool scan_is_trusted(const struct scan_stat *st, int64_t now);
int scan_open_at(const struct scan *s, int dir, const char *name,
    const struct scan_stat *st, int flags);

/* scan-meta.c: BLK_ABSENT: some could not be read, why says what; *out has
 * the rest. */
MUST_USE enum blk_status scan_meta_of_fd(
    const struct scan *s, int fd, struct scan_meta **out, struct fault *why);
MUST_USE enum blk_status scan_meta_of_name(const struct scan *s, int dir,
    const struct scan_entry *e, struct scan_meta **out, struct fault *why);

/* scan-list.c: fills d->entry; BLK_ABSENT (why filled) when nothing of it
 * could be read. */
MUST_USE enum blk_status scan_list(
    struct scan *s, struct scan_dir *d, struct fault *why);

/* scan-names.c: fills s->item with what lies in d and is not left out. */
MUST_USE enum blk_status scan_names(
    struct scan *s, struct scan_dir *d, struct fault *why);
bool scan_is_excluded(struct scan *s, const char *name, bool is_dir,
    struct fault *why, enum blk_status *st);

/* scan-fds.c: which directories above the current one are open.  Popped is
 * the last that was pushed.  scan_reopen: false, with errno, when d cannot be
 * found again; push it behind. */
void scan_push_open(struct scan *s, struct scan_dir *d);
void scan_pop_open(struct scan *s, struct scan_dir *d);
bool scan_reopen(
    struct scan *s, struct scan_dir *d, const struct scan_dir *below);

/* scan-dir.c */
void scan_dir_ref(struct scan_dir *d); /* without the descriptor */
MUST_USE enum blk_status scan_dir_unref(struct scan_dir *d, struct fault *why);
void scan_dir_free(struct scan_dir *d);
MUST_USE enum blk_status scan_report(struct scan_dir *d,
    const struct scan_entry *e, enum scan_problem what,
    const struct fault *reason, struct fault *why);

/* scan-lines.c: gives the lines of d away, and its id. */
MUST_USE enum blk_status scan_dir_finish(struct scan_dir *d, struct fault *why);

/* scan-links.c */
MUST_USE enum blk_status scan_links_add(
    struct scan_dir *d, struct scan_entry *e, struct fault *why);
MUST_USE enum blk_status scan_links_settle(struct scan_dir *d,
    struct scan_entry *e, const struct fault *reason, struct fault *why);
/* What became of those in SCAN_LINKED, now that nothing is waited for. */
void scan_links_tell(struct scan_dir *d);
/* The path of the first link of e, into b; empty when e is it. */
MUST_USE enum blk_status scan_links_first(struct scan_dir *d,
    const struct scan_entry *e, struct buf *b, struct fault *why);
/* The entry goes; complete: its line was written. */
void scan_links_leave(struct scan *s, struct scan_entry *e, bool complete);
/* The walk has failed: nothing waits for a link any more. */
void scan_links_abandon(struct scan *s);
void scan_links_release(struct scan_links *l);

#endif

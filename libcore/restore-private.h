/*
 * restore-private.h - what the files of the restore room share.
 *
 * What goes wrong in the target is a mishap of one item: functions that
 * work there return false and fill one.  What goes wrong in the store is a
 * status and a fault, as everywhere.
 */
#ifndef RESTORE_PRIVATE_H
#define RESTORE_PRIVATE_H

#include <sys/stat.h>

#include "bytes.h"
#include "idmap.h"
#include "reader.h"
#include "restore.h"

struct mishap {
	int err;          /* errno; 0: what says it all */
	const char *what; /* static text; NULL: nothing happened */
};

/* Keep the first; returns false. */
bool mishap(struct mishap *m, int err, const char *what);
/* Of no use to go on: the target is full or read-only. */
bool mishap_is_fatal(const struct mishap *m);

/* --- restore-meta.c: owners, modes, times, attributes --- */

/* Who works on the target: the walk and the workers.  Constant but for what
 * is atomic. */
struct hand {
	const struct restore_options *o;
	char prefix[40];   /* of temporary names, drawn at random */
	uint64_t serial;   /* atomic: of the next temporary name */
	bool no_tmpfile;   /* atomic: the file system has no O_TMPFILE */
	bool through_proc; /* atomic: linkat needs /proc */
};

/* An object that is worked on: open, or (O_PATH) only held. */
struct object {
	int fd;
	bool held;
	char proc[32]; /* its name below /proc, when held */
	bool fresh;    /* it was just made: nothing has to be removed */
	bool inherits; /* made where a default ACL is inherited */
};

struct object object_open_file(int fd, bool inherits); /* just made */
struct object object_held(int fd);

/* Does it have the owner, mode, time and attributes of e already? */
bool meta_is_same(const struct hand *h, const struct object *x,
    const struct tree_entry *e, const struct stat *st);
/* Give them to it; st says how it is.  Goes on after a mishap. */
void meta_apply(const struct hand *h, const struct object *x,
    const struct tree_entry *e, const struct stat *st, struct mishap *m);
bool meta_same_time(const struct stat *st, int64_t mtime);
bool meta_is_newer(const struct tree_entry *e, const struct stat *st);
/* Is there a default ACL, which what is made in the directory inherits? */
bool meta_inherits(int dir);
/* The mode to make a file with, before it has its owner. */
mode_t meta_first_mode(const struct hand *h, const struct tree_entry *e);

/* --- restore-file.c: one file, from bytes --- */

/* A file that has no name yet, or a temporary one. */
struct new_file {
	int fd, dir;
	bool named;
	char temp[64];
	uint64_t size;     /* behind the last byte that was put */
	uint64_t data_end; /* of these, behind the last that is no hole */
};

bool new_file_open(struct hand *h, int dir, const struct tree_entry *e,
    struct new_file *f, struct mishap *m);
/* Write len bytes at the end, or leave a hole. */
bool new_file_add(struct hand *h, struct new_file *f, const uint8_t *data,
    size_t len, struct mishap *m);
/* Length and metadata; then its name, over what is there if replace. */
bool new_file_end(struct hand *h, struct new_file *f, bool inherits,
    const struct tree_entry *e, const char *name, bool replace,
    struct mishap *m);
void new_file_drop(struct new_file *f); /* unless ended */

void hand_temp_name(struct hand *h, char name[static 64]);

enum how {
	HOW_NEW,     /* nothing is there */
	HOW_REPLACE, /* something is */
	HOW_COMPARE, /* as HOW_REPLACE, unless the bytes are the same */
};

enum outcome {
	OUTCOME_NONE,
	OUTCOME_MADE,
	OUTCOME_REPLACED,
	OUTCOME_UPDATED,
	OUTCOME_KEPT,
	OUTCOME_AGAIN,  /* the bytes were not found, or are not right */
	OUTCOME_FAILED, /* see the mishap */
};

/* The file dir/name with these bytes.  A mishap may come with any outcome. */
enum outcome new_file_make(struct hand *h, int dir, bool inherits,
    const struct tree_entry *e, const char *name, enum how how,
    const uint8_t *data, struct mishap *m);
/*
 * Bring owner, mode, time and attributes of a file that stays up to date.
 * False: that cannot be done in place, the file has to be replaced.
 */
bool old_file_update(struct hand *h, int dir, const struct tree_entry *e,
    const char *name, enum outcome *out, struct mishap *m);

/* --- restore-dir.c: directories, and how many are open --- */

struct restore_dir {
	struct restore_dir *parent; /* NULL: the target */
	char *name;
	struct buf line; /* what it should be like; empty: it stays */
	unsigned refs;   /* the walk, files on their way, directories in it */
	unsigned pins;   /* files on their way: fd must stay open */
	int fd;          /* -1: closed for now, or not made */
	dev_t dev;
	ino_t ino;
	bool stood; /* it was there before, with this mode: */
	mode_t mode;
	bool made;     /* it is there */
	bool fresh;    /* made by us: there was nothing in it */
	bool told;     /* that it was made */
	bool inherits; /* see meta_inherits */
	bool failed;   /* cannot be made, which was reported */
	struct restore_dir *newer, *older; /* when open and not the target */
};

struct restore;

/* Takes line, without LF; the reference is the caller's. */
MUST_USE enum blk_status dir_new(struct restore *r, struct restore_dir *parent,
    struct span name, struct span line, struct restore_dir **out,
    struct fault *why);
/*
 * Make it, with all above it, unless it is there.  False: it cannot be made
 * (reported), or, without make, is not there, or d->made is false because of
 * dry_run.  A status other than BLK_OK is fatal.
 */
MUST_USE enum blk_status dir_enter(struct restore *r, struct restore_dir *d,
    bool make, bool *there, struct fault *why);
/* Open it again, when it was made: d->fd.  A mishap otherwise. */
bool dir_open(struct restore *r, struct restore_dir *d, struct mishap *m);
void dir_hold(struct restore_dir *d);
/* The last one gives it its metadata and closes it. */
MUST_USE enum blk_status dir_drop(
    struct restore *r, struct restore_dir *d, struct fault *why);

/* openat of a directory below dir: a name, or a path whose every part must be
 * a directory and no link; one_mount: nor a mount point.  -1 with errno. */
int dir_open_beneath(int dir, const char *path, int flags, bool one_mount);

/* --- restore-old.c: what stands there already --- */

/* Names in a directory, sorted. */
struct old_names {
	char **name;
	size_t count, cap, next;
};

void old_names_release(struct old_names *n);
bool old_names_read(int dir, struct old_names *n, struct mishap *m);
/* Remove dir/name and all in it, staying on its file system. */
bool old_remove(int dir, const char *name, uint64_t *count, struct mishap *m);
/* Make way for something of another type: true when nothing is there now, or
 * what can be renamed over. */
bool old_make_way(struct restore *r, int dir, const char *name,
    const struct stat *st, bool for_dir, struct mishap *m);

/* --- restore-node.c: links, fifos, devices --- */

/* A device where none is to be made: node_restore reports it. */
bool node_is_unasked(const struct restore *r, const struct tree_entry *e);
/* It is counted in *total. */
MUST_USE enum blk_status node_restore(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, uint64_t *total, struct fault *why);

/* --- restore-window.c: files that are written together --- */

struct window;

struct part { /* of a file: bytes of a frame */
	uint64_t seq;
	uint32_t frame, from, len;
	uint32_t at;    /* in the file */
	uint32_t file;  /* index */
	uint32_t piece; /* index into window.frame */
};

struct plan_frame {
	struct frames_place place;
	struct segment_frame frame;
	uint64_t seq;
	uint32_t index;
};

struct plan_file {
	struct restore_dir *dir;
	size_t line, line_len; /* in window.text */
	struct digest id;
	uint64_t size;
	enum how how;
	enum outcome outcome;
	uint32_t first_part; /* while it is planned */
	uint32_t left;       /* atomic: runs that are not there yet */
	bool again;          /* atomic: bytes could not be had */
	bool pieces;         /* it lies in several runs, put together in: */
	uint8_t *data;       /* atomic; owned from the first run to the last */
	struct mishap m;
};

struct plan_link {
	struct restore_dir *dir;
	size_t line, line_len;
	size_t to, to_len; /* in window.text: path inside the snapshot */
};

struct group { /* parts in one frame */
	size_t first, count;
};

struct window {
	struct buf text;
	struct plan_file *file;
	size_t files, files_cap;
	struct part *part;
	size_t parts, parts_cap;
	struct plan_frame *frame;
	size_t frames, frames_cap;
	struct plan_link *link;
	size_t links, links_cap;
	struct group *group;
	size_t groups, groups_cap;
	uint64_t bytes;         /* of the files */
	unsigned dirs;          /* that are pinned */
	size_t taken, finished; /* groups; with the pool's lock */
};

void window_release(struct window *w);
void window_clear(struct window *w);
MUST_USE enum blk_status window_text(
    struct window *w, struct span s, size_t *at, struct fault *why);
/* Sort the parts and put them into groups. */
MUST_USE enum blk_status window_arrange(struct window *w, struct fault *why);

/* --- restore-find.c: where the chunks of a file are --- */

struct finder;

MUST_USE enum blk_status finder_new(
    struct store *s, struct finder **out, struct fault *why);
void finder_free(struct finder *f);
/*
 * Add the parts of w->file[file].  Anything out of the ordinary leaves it
 * without parts and again set.  BLK_OK or BLK_FAILED (no memory).
 */
MUST_USE enum blk_status finder_plan(
    struct finder *f, struct window *w, uint32_t file, struct fault *why);

/* --- restore-pool.c: workers --- */

struct pool;

MUST_USE enum blk_status pool_new(struct hand *h, struct frames *frames,
    unsigned jobs, struct pool **out, struct fault *why);
void pool_free(struct pool *p);                    /* waits for what runs */
void pool_start(struct pool *p, struct window *w); /* none may be running */
void pool_wait(struct pool *p); /* until all groups of it are done */

/* --- restore-link.c: hard links --- */

/* Paths of first links that were not, or not yet, restored when another link
 * of the same file was, and the path of that one. */
struct link_map {
	struct idmap index;
	char **path;
	size_t paths, cap;
};

void link_map_release(struct link_map *m);
/*
 * Is e, at the walk's path, to be a link to something restored before it?  Then
 * *to is its path inside the snapshot, else *to is empty.
 */
MUST_USE enum blk_status link_find(struct restore *r,
    const struct tree_entry *e, struct buf *to, struct fault *why);
/* Make it.  *made is false where that cannot be: restore it otherwise. */
MUST_USE enum blk_status link_make(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, struct span to, bool *made, struct fault *why);

/* --- restore.c, restore-walk.c --- */

struct level {
	struct restore_dir *dir;
	struct buf subdirs; /* lines of directories in it */
	size_t next;        /* in subdirs */
	size_t path_len;    /* of r->path, up to this directory */
	bool wanted;        /* a pattern matched it or one above */
};

struct restore {
	struct store *s;
	const struct restore_options *o;
	struct restore_totals *t, own_totals;
	struct hand hand;
	struct buf path; /* of what the walk is at: above, then inside */
	size_t below;    /* where in it the path inside the snapshot begins */
	size_t base;     /* where in it the path inside the target begins */
	struct tree_scratch scratch; /* of the walk */
	struct hasher *hash;

	struct restore_dir *root, *newest, *oldest;
	unsigned open, open_max;
	struct level *level;
	size_t levels, levels_cap;

	struct finder *finder;
	struct pool *pool;
	struct window window[2];
	unsigned filling;
	bool running; /* the other window is with the pool */
	uint64_t window_max;
	struct link_map links;

	int link_fd;          /* of the directory of the last link's target */
	struct buf link_path; /* its path */

	enum blk_status damage; /* of the store: CORRUPT, with the reason */
	struct fault damage_why;
};

struct span restore_inside(const struct restore *r); /* the walk's path */
bool restore_stopped(const struct restore *r);
void restore_count(uint64_t *total, uint64_t n);
/* Report.  Returns BLK_FAILED when there is no use in going on. */
MUST_USE enum blk_status restore_problem(struct restore *r,
    const struct restore_dir *d, struct span name, const struct mishap *m,
    struct fault *why);
void restore_problem_text(struct restore *r, const struct restore_dir *d,
    struct span name, const char *text);
void restore_item(struct restore *r, const struct restore_dir *d,
    struct span name, enum restore_action what);
/* Tell and count what became of an item; OUTCOME_FAILED is told otherwise. */
void restore_outcome(struct restore *r, const struct restore_dir *d,
    struct span name, enum outcome out);
/* Something in the store is damaged: report it, go on.  Other statuses are
 * returned as they are. */
MUST_USE enum blk_status restore_damage(struct restore *r,
    const struct restore_dir *d, struct span name, enum blk_status st,
    struct fault *why);

MUST_USE enum blk_status restore_walk(
    struct restore *r, const struct tree_entry *root, struct fault *why);
/* Do the filters take the path inside the snapshot? */
MUST_USE enum blk_status restore_selects(
    struct restore *r, struct span inside, bool *selected, struct fault *why);

/* A file of the tree, in d, which is there. */
MUST_USE enum blk_status restore_file(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, struct span line, struct fault *why);
/* Does the file that is there have the bytes, and needs no more than perhaps
 * its metadata, which it then gets (not in a dry run)? */
bool restore_can_stay(struct restore *r, struct restore_dir *d,
    const struct tree_entry *e, enum outcome *out, struct mishap *m);
/* Through the reader: long files, and those whose bytes were not found. */
MUST_USE enum blk_status restore_by_reader(struct restore *r,
    struct restore_dir *d, const struct tree_entry *e, enum how how,
    struct fault *why);
/* Write what is collected; all: wait until it is done. */
MUST_USE enum blk_status restore_flush(
    struct restore *r, bool all, struct fault *why);
void restore_abandon(struct restore *r); /* after a failure */

/* What is to become of dir/name, by the options. */
enum verdict {
	VERDICT_NEW,
	VERDICT_REPLACE,
	VERDICT_COMPARE, /* replace it if the bytes differ */
	VERDICT_UPDATE,  /* it is the same but perhaps for its metadata */
	VERDICT_KEEP,
	VERDICT_FAILED, /* see the mishap */
};
/* A mishap may come with VERDICT_UPDATE of a file too, which is done then. */
enum verdict restore_verdict(struct restore *r, const struct restore_dir *d,
    const struct tree_entry *e, const char *name, struct stat *st,
    struct mishap *m);
void restore_name(const struct tree_entry *e, char name[static 256]);

#endif

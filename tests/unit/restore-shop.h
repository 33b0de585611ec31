/*
 * restore-shop.h - trees made by hand in a small store, and a directory to
 * restore them into, beside one that must stay as it is.
 */
#ifndef RESTORE_SHOP_H
#define RESTORE_SHOP_H

#include <sys/stat.h>

#include "reader-store.h"
#include "restore.h"
#include "tmpdir.h"
#include "tree.h"

#define TIME INT64_C(1600000000123456789)

struct scene {
	struct shop shop;
	char dir[TMPDIR_MAX];
	int fd; /* of dir; holds target and outside */
	int target, outside;
	struct restore_options o;
	struct restore_totals t;
	struct fault why;
	unsigned problems;
	char reason[500];
	char items[4096]; /* "M a\nK b\n" */
};

/* An empty store, target made and empty, outside holding "secret". */
void scene_open(struct scene *s);
void scene_close(struct scene *s);

/* Entries: owner that of the process, time TIME. */
struct tree_entry scene_file(
    struct scene *s, const char *name, const char *text);
struct tree_entry scene_dir(const char *name, const struct digest *tree);
struct tree_entry scene_symlink(const char *name, const char *target);

/* The tree of n entries, which are sorted here. */
struct digest scene_tree(struct scene *s, const struct tree_entry *e, size_t n);
/* A tree of this very text. */
struct digest scene_text(struct scene *s, const char *text);

/* Make it a version, and forget what was counted. */
void scene_commit(struct scene *s, const struct digest *tree);
/* Restore it into target, with s->o. */
enum blk_status scene_restore(struct scene *s, const struct digest *tree);
/* As both, and it must succeed without problems. */
void scene_restored(struct scene *s, const struct digest *tree);

/* What a file below target holds; NULL: it cannot be read.  Static memory. */
const char *scene_read(struct scene *s, const char *path);
void scene_write(int dir, const char *path, const char *text);
/* outside holds nothing but "secret", with its text, mode and time. */
void scene_unharmed(struct scene *s);
/* How many names a directory below target holds; -1: none there. */
int scene_count(struct scene *s, const char *path);

#endif

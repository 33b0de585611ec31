/*
 * archives-names.h - the members of an archive, put in their places.
 *
 * Members come in any order; here they are names in directories that lead to
 * files, several names to one where they are hard links.
 */
#ifndef ARCHIVES_NAMES_H
#define ARCHIVES_NAMES_H

#include "archives.h"
#include "bytes.h"

#define NAMES_ROOT 0

/* What an entry of a tree says, but for its name; strings are owned. */
struct names_file {
	struct tree_entry e; /* name, link: not set; xattr points to own */
	struct tree_xattr *xattr;
	char *text;        /* what the strings of e lie in */
	uint32_t names;    /* that lead to it */
	struct span first; /* of several names: the first path, owned */
};

struct names_node {
	uint32_t parent; /* below its own number; the root's is its own */
	uint32_t file;
	bool made_up;   /* a directory that no member told of yet */
	bool gone;      /* replaced */
	uint32_t below; /* names in this directory */
	uint16_t len;
	char *name; /* ends in a NUL */
};

struct names {
	struct names_node *node; /* node[NAMES_ROOT] is the root */
	size_t nodes, nodes_cap;
	struct names_file *file;
	size_t files, files_cap;
	uint32_t *slot; /* hash table: node + 1; 0: free */
	size_t slots, used;
	uint8_t seed[16];
	uint64_t bytes, max; /* of memory */
};

MUST_USE enum blk_status names_init(
    struct names *n, uint64_t max, struct fault *why);
void names_release(struct names *n);

/*
 * Find the place for path, as the archive spells it; directories above are
 * made up like `like` where they are missing.
 *
 * Returns: BLK_OK: *node is there, its file perhaps of no type yet (0);
 *          BLK_ABSENT: it can have none, *reason says why; BLK_INVALID: above
 *          the limit; BLK_FAILED.
 */
MUST_USE enum blk_status names_place(struct names *n, const char *path,
    const struct tree_entry *like, uint32_t *node, const char **reason,
    struct fault *why);
/* The node of path, or UINT32_MAX. */
uint32_t names_find(const struct names *n, const char *path);

/* Give the node a new file like e, copying its strings; what it led to before
 * loses a name.  BLK_ABSENT with *reason: it must stay what it is. */
MUST_USE enum blk_status names_set(struct names *n, uint32_t node,
    const struct tree_entry *e, const char **reason, struct fault *why);
/* Let the node lead to the file of another. */
MUST_USE enum blk_status names_link(struct names *n, uint32_t node, uint32_t to,
    const char **reason, struct fault *why);

/* The entry that a node leads to. */
struct tree_entry *names_entry(struct names *n, uint32_t node);

/*
 * Call dir for each directory, those in a directory before it, with the
 * text of its tree; dir sets its id.  names_finish is called once.
 */
MUST_USE enum blk_status names_finish(struct names *n,
    enum blk_status (*dir)(void *arg, const struct buf *text, struct digest *id,
        struct fault *why),
    void *arg, struct fault *why);

#endif

/*
 * What an entry of a tree says, said to libarchive.
 */
#include "archives-private.h"

static unsigned
type_of(enum tree_type t)
{
	switch (t) {
	case TREE_FILE:
		return AE_IFREG;
	case TREE_DIR:
		return AE_IFDIR;
	case TREE_SYMLINK:
		return AE_IFLNK;
	case TREE_FIFO:
		return AE_IFIFO;
	case TREE_CHAR:
		return AE_IFCHR;
	case TREE_BLOCK:
		return AE_IFBLK;
	}
	return 0;
}

static const char *
owner_name(const struct snapshot_owners *o, uint32_t number)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->item[mid].number == number)
			return o->item[mid].name;
		if (o->item[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static enum blk_status
set_strings(
    struct archive_entry *n, const struct tree_entry *e, struct fault *why)
{
	struct buf b = BUF_INIT(4 * TREE_LINE_MAX);
	enum blk_status st = BLK_OK;

	if (e->type == TREE_SYMLINK) {
		st = buf_add(&b, e->target.p, e->target.len, why);
		if (st == BLK_OK)
			st = archives_add_nul(&b, why);
		if (st == BLK_OK)
			archive_entry_set_symlink(n, (char *)b.data);
	}
	for (size_t i = 0; st == BLK_OK && i < e->xattrs; i++) {
		b.len = 0;
		st = buf_add(&b, e->xattr[i].name.p, e->xattr[i].name.len, why);
		if (st == BLK_OK)
			st = archives_add_nul(&b, why);
		if (st == BLK_OK)
			archive_entry_xattr_add_entry(n, (char *)b.data,
			    e->xattr[i].value.p, e->xattr[i].value.len);
	}
	buf_release(&b);
	return st;
}

enum blk_status
archives_set_entry(struct archive_entry *n, const struct tree_entry *e,
    const char *path, const struct archives_export_options *o,
    struct fault *why)
{
	const struct snapshot *names = o->names;
	int64_t sec = e->mtime / 1000000000, ns = e->mtime % 1000000000;

	if (ns < 0) {
		ns += 1000000000;
		sec--;
	}
	(void)archive_entry_clear(n);
	archive_entry_set_pathname(n, path);
	archive_entry_set_filetype(n, type_of(e->type));
	archive_entry_set_uid(n, e->uid);
	archive_entry_set_gid(n, e->gid);
	archive_entry_set_mtime(n, sec, (long)ns);
	archive_entry_set_nlink(n, 1);
	if (names != NULL) {
		archive_entry_set_uname(n, owner_name(&names->user, e->uid));
		archive_entry_set_gname(n, owner_name(&names->group, e->gid));
	}
	if (e->type == TREE_FILE)
		archive_entry_set_size(n, (int64_t)e->size);
	else
		archive_entry_set_size(n, 0);
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		archive_entry_set_rdevmajor(n, e->major);
		archive_entry_set_rdevminor(n, e->minor);
	}
	archive_entry_set_perm(n, (__LA_MODE_T)e->mode);
	if (o->format == ARCHIVES_TAR) { /* changes the group's bits */
		archives_acl_set(n, e->acl, false);
		archives_acl_set(n, e->acl_default, true);
	}
	return set_strings(n, e, why);
}

/*
 * Owners, modes, times and attributes, always by descriptor.
 *
 * Order matters: a change of owner takes setuid bits and capabilities away,
 * an ACL changes the mode, and all of it the time of an attribute's change
 * only, so that the time of the content comes last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "restore-private.h"

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define SECOND INT64_C(1000000000)

bool
mishap(struct mishap *m, int err, const char *what)
{
	if (m->what == NULL)
		*m = (struct mishap){ err, what };
	return false;
}

bool
mishap_is_fatal(const struct mishap *m)
{
	return m->what != NULL &&
	    (m->err == ENOSPC || m->err == EDQUOT || m->err == EROFS ||
	        m->err == ENOMEM);
}

struct object
object_open_file(int fd, bool inherits)
{
	return (struct object){ .fd = fd, .fresh = true, .inherits = inherits };
}

struct object
object_held(int fd)
{
	struct object x = { .fd = fd, .held = true };

	snprintf(x.proc, sizeof(x.proc), "/proc/self/fd/%d", fd);
	return x;
}

/* --- attributes --- */

static ssize_t
xattr_list(const struct object *x, char *list, size_t size)
{
	return x->held ? listxattr(x->proc, list, size)
	               : flistxattr(x->fd, list, size);
}

static ssize_t
xattr_get(const struct object *x, const char *name, void *value, size_t size)
{
	return x->held ? getxattr(x->proc, name, value, size)
	               : fgetxattr(x->fd, name, value, size);
}

static int
xattr_set(
    const struct object *x, const char *name, const void *value, size_t size)
{
	return x->held ? setxattr(x->proc, name, value, size, 0)
	               : fsetxattr(x->fd, name, value, size, 0);
}

static int
xattr_remove(const struct object *x, const char *name)
{
	return x->held ? removexattr(x->proc, name) : fremovexattr(x->fd, name);
}

static bool
is_unsupported(int err)
{
	return err == ENOTSUP || err == ENODATA;
}

/*
 * Links have no mode and no ACL.  Attributes they may have, if only those that
 * need a privilege: what /proc says of one that is held is the link itself.
 */
static bool
has_mode(const struct tree_entry *e)
{
	return e->type != TREE_SYMLINK;
}

/* Do we restore attributes of this name at all? */
static bool
is_ours(const struct hand *h, const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return true;
	return h->o->same_owner &&
	    (strncmp(name, "security.", 9) == 0 ||
	        strncmp(name, "trusted.", 8) == 0);
}

static bool
name_of(struct span s, char name[static 256])
{
	if (s.len > 255)
		return false;
	memcpy(name, s.p, s.len);
	name[s.len] = '\0';
	return true;
}

static const struct tree_xattr *
find_xattr(const struct tree_entry *e, const char *name)
{
	for (size_t i = 0; i < e->xattrs; i++)
		if (span_is(e->xattr[i].name, name))
			return &e->xattr[i];
	return NULL;
}

static bool
same_value(const struct object *x, const char *name, struct span value)
{
	char small[512], *big = NULL, *at = small;
	ssize_t got;
	bool same;

	if (value.len >= sizeof(small))
		at = big = malloc(value.len + 1);
	if (at == NULL)
		return false;
	got = xattr_get(x, name, at, value.len + 1);
	same = got >= 0 && (size_t)got == value.len &&
	    memcmp(at, value.p, value.len) == 0;
	free(big);
	return same;
}

static char *
list_of(const struct object *x, ssize_t *len)
{
	char *list;

	*len = xattr_list(x, NULL, 0);
	if (*len <= 0)
		return NULL;
	list = malloc((size_t)*len + 1);
	if (list != NULL)
		*len = xattr_list(x, list, (size_t)*len);
	if (list != NULL && *len > 0)
		list[*len] = '\0';
	return list;
}

/* Attributes that the entry does not have, and that a backup would take. */
static bool
is_surplus(const struct tree_entry *e, const char *name)
{
	return (strncmp(name, "user.", 5) == 0 ||
	           strcmp(name, "security.capability") == 0) &&
	    find_xattr(e, name) == NULL;
}

/* Remove them, or, unless remove is set, say whether there are any. */
static bool
surplus(const struct object *x, const struct tree_entry *e, bool remove,
    struct mishap *m)
{
	ssize_t len = 0;
	char *list = list_of(x, &len);
	bool any = false;

	for (char *n = list; n != NULL && n < list + len; n += strlen(n) + 1) {
		if (!is_surplus(e, n))
			continue;
		any = true;
		if (remove && xattr_remove(x, n) == -1 && errno != ENODATA)
			mishap(m, errno, "remove an attribute");
	}
	free(list);
	return any;
}

static void
set_xattrs(const struct hand *h, const struct object *x,
    const struct tree_entry *e, bool owner, struct mishap *m)
{
	char name[256];

	if (!x->fresh)
		(void)surplus(x, e, true, m);
	for (size_t i = 0; i < e->xattrs; i++) {
		const struct tree_xattr *a = &e->xattr[i];

		if (!name_of(a->name, name) ||
		    (strncmp(name, "user.", 5) != 0 &&
		        strncmp(name, "security.", 9) != 0 &&
		        strncmp(name, "trusted.", 8) != 0))
			mishap(m, 0, "an attribute that is none");
		else if (is_ours(h, name) &&
		    (owner || strncmp(name, "user.", 5) == 0) &&
		    xattr_set(x, name, a->value.p, a->value.len) == -1)
			mishap(m, errno, "set an attribute");
	}
}

/* --- ACLs --- */

static void
set_acl(const struct object *x, const char *name, struct span text, bool remove,
    struct mishap *m)
{
	struct buf value = BUF_INIT(TREE_LINE_MAX);
	struct fault why = FAULT_NONE;

	if (text.p == NULL) {
		if (remove && xattr_remove(x, name) == -1 &&
		    !is_unsupported(errno))
			mishap(m, errno, "remove an ACL");
		return;
	}
	if (tree_acl_to_xattr(text, &value, &why) != BLK_OK)
		mishap(m, 0, "an ACL that is none");
	else if (xattr_set(x, name, value.data, value.len) == -1)
		mishap(m, errno, "set an ACL");
	buf_release(&value);
}

static bool
same_acl(const struct object *x, const char *name, struct span text)
{
	struct buf value = BUF_INIT(TREE_LINE_MAX);
	struct fault why = FAULT_NONE;
	bool same = false;

	if (text.p == NULL)
		return xattr_get(x, name, NULL, 0) == -1 &&
		    is_unsupported(errno);
	if (tree_acl_to_xattr(text, &value, &why) == BLK_OK)
		same = same_value(x, name, span_of(value.data, value.len));
	buf_release(&value);
	return same;
}

bool
meta_inherits(int dir)
{
	return fgetxattr(dir, ACL_DEFAULT, NULL, 0) > 0;
}

/* --- owner, mode, time --- */

static struct timespec
timespec_of(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };

	if (t.tv_nsec < 0) {
		t.tv_nsec += SECOND;
		t.tv_sec--;
	}
	return t;
}

bool
meta_same_time(const struct stat *st, int64_t mtime)
{
	struct timespec t = timespec_of(mtime);

	return st->st_mtim.tv_sec == t.tv_sec &&
	    st->st_mtim.tv_nsec == t.tv_nsec;
}

bool
meta_is_newer(const struct tree_entry *e, const struct stat *st)
{
	struct timespec t = timespec_of(e->mtime);

	return t.tv_sec > st->st_mtim.tv_sec ||
	    (t.tv_sec == st->st_mtim.tv_sec && t.tv_nsec > st->st_mtim.tv_nsec);
}

static bool
same_owner(const struct tree_entry *e, const struct stat *st)
{
	return st->st_uid == e->uid && st->st_gid == e->gid;
}

/* With a wrong owner nothing gets that owner's powers. */
static mode_t
mode_of(const struct tree_entry *e, bool owner)
{
	return (mode_t)(e->mode & (owner ? 07777 : 01777));
}

/* Nobody may read or write it who may not in the end. */
mode_t
meta_first_mode(const struct hand *h, const struct tree_entry *e)
{
	if (e->acl.p != NULL || h->o->same_owner)
		return (mode_t)(e->mode & 0700);
	return (mode_t)(e->mode & 0777);
}

static bool
set_owner(const struct hand *h, const struct object *x,
    const struct tree_entry *e, const struct stat *st, struct mishap *m)
{
	if (same_owner(e, st))
		return true;
	if (!h->o->same_owner)
		return false;
	if (fchownat(x->fd, "", e->uid, e->gid, AT_EMPTY_PATH) == 0)
		return true;
	return mishap(m, errno, "set its owner");
}

static void
set_mode(const struct object *x, mode_t mode, struct mishap *m)
{
	if ((x->held ? chmod(x->proc, mode) : fchmod(x->fd, mode)) == -1)
		mishap(m, errno, "set its mode");
}

static void
set_time(const struct object *x, int64_t mtime, struct mishap *m)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT },
		timespec_of(mtime) };

	if ((x->held ? utimensat(x->fd, "", t, AT_EMPTY_PATH)
	             : futimens(x->fd, t)) == -1)
		mishap(m, errno, "set its time");
}

void
meta_apply(const struct hand *h, const struct object *x,
    const struct tree_entry *e, const struct stat *st, struct mishap *m)
{
	bool owner = set_owner(h, x, e, st, m);

	if (e->xattrs > 0 || (!x->fresh && has_mode(e)))
		set_xattrs(h, x, e, owner, m);
	if (has_mode(e)) {
		bool changed = e->acl.p != NULL || !x->fresh || x->inherits;
		mode_t mode = mode_of(e, owner);

		set_acl(x, ACL_ACCESS, e->acl, !x->fresh || x->inherits, m);
		if (e->type == TREE_DIR)
			set_acl(x, ACL_DEFAULT, e->acl_default,
			    !x->fresh || x->inherits, m);
		if (changed || !same_owner(e, st) ||
		    (st->st_mode & 07777) != mode)
			set_mode(x, mode, m);
	}
	set_time(x, e->mtime, m);
}

bool
meta_is_same(const struct hand *h, const struct object *x,
    const struct tree_entry *e, const struct stat *st)
{
	struct mishap m = { .what = NULL };
	char name[256];

	if ((h->o->same_owner && !same_owner(e, st)) ||
	    !meta_same_time(st, e->mtime))
		return false;
	if (has_mode(e) &&
	    ((st->st_mode & 07777) != mode_of(e, same_owner(e, st)) ||
	        !same_acl(x, ACL_ACCESS, e->acl) ||
	        (e->type == TREE_DIR &&
	            !same_acl(x, ACL_DEFAULT, e->acl_default))))
		return false;
	for (size_t i = 0; i < e->xattrs; i++)
		if (name_of(e->xattr[i].name, name) && is_ours(h, name) &&
		    !same_value(x, name, e->xattr[i].value))
			return false;
	return !has_mode(e) || !surplus(x, e, false, &m);
}

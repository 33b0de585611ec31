#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "scan-internal.h"

/*
 * --- paths ---
 */

/* Take the next name of *rest, whose slashes may be many. */
static bool
next_name(struct span *rest, struct span *name)
{
	size_t len = 0;

	while (rest->len > 0 && rest->p[0] == '/')
		*rest = span_of(rest->p + 1, rest->len - 1);
	while (len < rest->len && rest->p[len] != '/')
		len++;
	*name = span_of(rest->p, len);
	*rest = span_of(rest->p + len, rest->len - len);
	return len > 0;
}

static void
cut_last(struct buf *b, size_t begin)
{
	while (b->len > begin && b->data[b->len - 1] != '/')
		b->len--;
	if (b->len > begin)
		b->len--;
}

static enum blk_status
add_path(struct buf *b, size_t begin, struct span path, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct span name;

	while (st == BLK_OK && next_name(&path, &name)) {
		if (span_is(name, "."))
			continue;
		if (span_is(name, "..")) {
			cut_last(b, begin);
			continue;
		}
		st = buf_add(b, "/", 1, why);
		if (st == BLK_OK)
			st = buf_add(b, name.p, name.len, why);
	}
	return st;
}

static bool
ends_as_directory(struct span path)
{
	while (path.len > 1 && path.p[path.len - 1] == '.' &&
	    path.p[path.len - 2] == '/')
		path.len--;
	return path.len > 0 && path.p[path.len - 1] == '/';
}

enum blk_status
scan_absolute(const char *path, struct buf *b, struct fault *why)
{
	char *cwd = NULL;
	size_t begin = b->len;
	enum blk_status st = BLK_OK;

	if (path[0] == '\0')
		return fault(why, BLK_INVALID, "an empty path");
	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return fault_sys(why, "the working directory");
		st = add_path(b, begin, span_str(cwd), why);
		free(cwd);
	}
	if (st == BLK_OK)
		st = add_path(b, begin, span_str(path), why);
	if (st == BLK_OK &&
	    (b->len == begin || ends_as_directory(span_str(path))))
		st = buf_add(b, "/", 1, why);
	return st;
}

/* The names of an absolute path, without slashes at both ends. */
static struct span
inner(const char *path)
{
	struct span s = span_str(path);

	if (s.len > 0 && s.p[0] == '/')
		s = span_of(s.p + 1, s.len - 1);
	if (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

static bool
is_usable(const char *path)
{
	struct span s = inner(path);

	return path[0] == '/' && strlen(path) < PATH_MAX &&
	    (s.len == 0 ? path[1] == '\0' : tree_path_is_valid(s));
}

/*
 * --- seeds: the paths that were asked for, as a tree ---
 */

void
scan_seed_release(struct scan_seed *s)
{
	for (size_t i = 0; i < s->children; i++)
		scan_seed_release(&s->child[i]);
	free(s->child);
	free(s->name);
	s->child = NULL;
	s->children = 0;
	s->cap = 0;
}

/* Where name is, or where it would have to be. */
static size_t
seed_place(const struct scan_seed *s, struct span name)
{
	size_t i = 0;

	while (i < s->children &&
	    tree_compare(span_str(s->child[i].name), name) < 0)
		i++;
	return i;
}

const struct scan_seed *
scan_seed_child(const struct scan_seed *s, struct span name)
{
	size_t i = seed_place(s, name);

	if (i < s->children && span_is(name, s->child[i].name))
		return &s->child[i];
	return NULL;
}

static enum blk_status
seed_add(struct scan_seed *s, struct span name, struct scan_seed **out,
    struct fault *why)
{
	size_t i = seed_place(s, name);
	void *items = s->child;
	enum blk_status st = BLK_OK;

	if (i == s->children || !span_is(name, s->child[i].name)) {
		char *own = strndup(name.p, name.len);

		if (own == NULL)
			return fault_nomem(why);
		st = array_grow(
		    &items, s->children, &s->cap, sizeof(*s->child), why);
		if (st != BLK_OK) {
			free(own);
			return st;
		}
		s->child = items;
		memmove(&s->child[i + 1], &s->child[i],
		    (s->children - i) * sizeof(*s->child));
		s->child[i] =
		    (struct scan_seed){ .name = own, .newest = INT64_MIN };
		s->children++;
	}
	*out = &s->child[i];
	return BLK_OK;
}

/* One path; what lies below another that is whole is there already. */
static enum blk_status
seed_path(struct scan_seed *s, const char *path, struct fault *why)
{
	struct span rest = inner(path), name;
	struct scan_stat stat = { .mtime = INT64_MIN };
	enum blk_status st = BLK_OK;
	uint8_t type = 0;

	/* Whether it is there is seen when the walk comes to it. */
	if (!scan_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &stat, &type))
		stat.mtime = INT64_MIN;
	while (!s->whole) {
		if (stat.mtime > s->newest)
			s->newest = stat.mtime;
		if (!next_name(&rest, &name)) {
			char *own = s->name;

			s->name = NULL;
			scan_seed_release(s);
			s->name = own;
			s->whole = true;
			s->follow = path[strlen(path) - 1] == '/';
			break;
		}
		st = seed_add(s, name, &s, why);
		if (st != BLK_OK)
			return st;
	}
	return BLK_OK;
}

enum blk_status
scan_seeds_make(struct scan *s, struct fault *why)
{
	enum blk_status st = BLK_OK;

	s->seeds = calloc(1, sizeof(*s->seeds));
	if (s->seeds == NULL)
		return fault_nomem(why);
	s->seeds->newest = INT64_MIN;
	for (size_t i = 0; st == BLK_OK && i < s->options.paths; i++)
		st = seed_path(s->seeds, s->options.path[i], why);
	return st;
}

/*
 * --- the scan ---
 */

static enum blk_status
open_root(struct scan *s, struct fault *why)
{
	const char *path = s->options.path[0];
	enum blk_status st = BLK_OK;

	if (s->options.paths == 1) {
		struct span base = inner(path);

		s->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->root_fd >= 0)
			return buf_add(&s->base, base.p, base.len, why);
		if (errno == ENOENT || errno == EACCES || errno == ELOOP) {
			fault_sys(why, "%s", path);
			return BLK_ABSENT;
		}
		if (errno != ENOTDIR)
			return fault_sys(why, "%s", path);
	}
	st = scan_seeds_make(s, why);
	if (st != BLK_OK)
		return st;
	if (s->seeds->whole) { /* "/" was among them */
		scan_seed_release(s->seeds);
		free(s->seeds);
		s->seeds = NULL;
	}
	s->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->root_fd >= 0 ? BLK_OK : fault_sys(why, "/");
}

static enum blk_status
begin(struct scan *s, struct fault *why)
{
	enum blk_status st = open_root(s, why);

	if (st != BLK_OK)
		return st;
	s->dirents = malloc(SCAN_DIRENTS);
	if (s->dirents == NULL)
		return fault_nomem(why);
	return buf_add(&s->path, s->base.data, s->base.len, why);
}

enum blk_status
scan_open(const struct scan_options *o, struct scan **out, struct fault *why)
{
	struct scan *s = NULL;
	enum blk_status st = BLK_OK;

	*out = NULL;
	if (o->paths == 0)
		return fault(why, BLK_INVALID, "no path to scan");
	for (size_t i = 0; i < o->paths; i++)
		if (!is_usable(o->path[i]))
			return fault(why, BLK_INVALID,
			    "%.200s: not an absolute path", o->path[i]);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return fault_nomem(why);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->report_lock, NULL);
	s->options = *o;
	s->own_visitor = *o->visitor;
	s->visitor = &s->own_visitor;
	s->root_fd = -1;
	s->root.name = "";
	s->root.type = TREE_DIR;
	s->euid = geteuid();
	s->base.max = s->path.max = s->names.max = SIZE_MAX / 2;
	st = begin(s, why);
	s->options.path = NULL; /* not ours to keep */
	if (st != BLK_OK)
		scan_close(s);
	else
		*out = s;
	return st;
}

void
scan_close(struct scan *s)
{
	if (s == NULL)
		return;
	/* Who failed outside of the walk left those that wait for it. */
	s->failed = true;
	scan_links_abandon(s);
	if (s->seeds != NULL)
		scan_seed_release(s->seeds);
	free(s->seeds);
	file_close(s->root_fd);
	free(s->root.meta);
	free(s->dirents);
	free(s->item);
	free(s->order);
	buf_release(&s->base);
	buf_release(&s->path);
	buf_release(&s->names);
	scan_links_release(&s->links);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->report_lock);
	free(s);
}

const struct scan_entry *
scan_root(const struct scan *s)
{
	return &s->root;
}

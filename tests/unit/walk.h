/*
 * walk.h - for tests of scan: makes trees, walks them, keeps what was said.
 *
 * Trees are made below a directory of the test's own, in which it works.
 */
#ifndef WALK_H
#define WALK_H

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scan.h"

/* What a walk said. */
struct walk {
	struct scan_options options;
	struct scan_visitor visitor;
	struct hasher *hasher;
	char *text; /* "PATH:\n", lines, for each directory as it is complete */
	size_t len, cap;
	char *problems; /* "KIND PATH\n" each */
	size_t problems_len, problems_cap;
	size_t dirs, unchanged, files_new, files_known;
	size_t same, dirs_same; /* files, directories that came out as before */
	bool brief;             /* without the paths of directories */
	bool known;             /* files are first read as they were seen */
	struct digest id;       /* of the whole tree */
	char root[512];         /* the root's line */
	/* Called for each file before it is opened; may be NULL. */
	void (*before)(struct scan_dir *d, struct scan_entry *e);
	void (*between)(struct scan_dir *d, struct scan_entry *e);
};

static inline void
walk_add(char **text, size_t *len, size_t *cap, const void *data, size_t n)
{
	if (*len + n + 1 > *cap) {
		*cap = 2 * (*len + n) + 64;
		*text = realloc(*text, *cap);
		assert_non_null(*text);
	}
	if (n > 0)
		memcpy(*text + *len, data, n);
	*len += n;
	(*text)[*len] = '\0';
}

static inline void
walk_say(struct walk *w, const char *what, struct span path)
{
	walk_add(&w->problems, &w->problems_len, &w->problems_cap, what,
	    strlen(what));
	walk_add(
	    &w->problems, &w->problems_len, &w->problems_cap, path.p, path.len);
	walk_add(&w->problems, &w->problems_len, &w->problems_cap, "\n", 1);
}

static inline void
walk_report(void *arg, enum scan_problem what, struct span path,
    const struct fault *why)
{
	static const char *const words[] = { "unreadable ", "metadata ",
		"changed ", "vanished ", "socket ", "loop " };

	assert_true(why->text[0] != '\0');
	walk_say(arg, words[what], path);
}

/* Read a file whole, twice if it changes, and once before if it is known. */
static inline enum blk_status
walk_file(
    struct walk *w, struct scan_dir *d, struct scan_entry *e, struct fault *why)
{
	bool stable = false;
	uint64_t size = 0;
	enum blk_status st = BLK_OK;

	if (w->before != NULL)
		w->before(d, e);
	for (int i = w->known ? -1 : 0; i < 2 && !stable; i++) {
		char data[4096];
		ssize_t got = 0;
		int fd = -1;

		if (i < 0) {
			st = scan_file_open_known(d, e, &fd, why);
			if (st == BLK_ABSENT)
				continue;
		} else {
			st = scan_file_open(d, e, &fd, why);
		}
		if (st != BLK_OK)
			return st == BLK_ABSENT ? BLK_OK : st;
		assert_int_equal(hasher_begin(w->hasher, why), BLK_OK);
		size = 0;
		while ((got = read(fd, data, sizeof(data))) > 0) {
			size += (uint64_t)got;
			assert_int_equal(
			    hasher_add(w->hasher, data, (size_t)got, why),
			    BLK_OK);
		}
		assert_int_equal(got, 0);
		assert_int_equal(hasher_end(w->hasher, &e->id, why), BLK_OK);
		if (w->between != NULL)
			w->between(d, e);
		stable = !scan_file_changed(e, fd);
		close(fd);
	}
	return scan_file_done(d, e, size, stable, why);
}

static inline enum blk_status
walk_enter(void *arg, struct scan_dir *d, struct fault *why)
{
	struct walk *w = arg;
	enum blk_status st = BLK_OK;
	size_t todo = 0;

	w->dirs++;
	for (size_t i = 0; st == BLK_OK && i < d->entries; i++) {
		struct scan_entry *e = &d->entry[i];

		if (i > 0)
			assert_true(strcmp(e[-1].name, e->name) < 0);
		if (e->type != TREE_FILE)
			continue;
		w->files_known += e->state == SCAN_KNOWN;
		if (e->state != SCAN_NEW)
			continue;
		todo++;
		w->files_new++;
		st = walk_file(w, d, e, why);
	}
	if (st == BLK_OK)
		assert_int_equal(todo, d->todo);
	return st;
}

/* The lines of a directory, kept with it until it is complete. */
struct walk_lines {
	char *text;
	size_t len, cap;
};

static inline enum blk_status
walk_line(void *arg, struct scan_dir *d, const struct scan_entry *e,
    struct span line, struct fault *why)
{
	struct walk_lines *l = d->user;

	(void)arg;
	(void)e;
	(void)why;
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		assert_non_null(l);
		d->user = l;
	}
	walk_add(&l->text, &l->len, &l->cap, line.p, line.len);
	return BLK_OK;
}

static inline void
walk_count_same(
    struct walk *w, const struct scan_dir *d, const struct digest *id)
{
	const struct digest *before = scan_dir_before(d);

	w->dirs_same += before != NULL && digest_equal(before, id);
	for (size_t i = 0; i < d->entries; i++)
		w->same += d->entry[i].type == TREE_FILE &&
		    scan_entry_is_taken(&d->entry[i]) && d->entry[i].same;
}

static inline enum blk_status
walk_complete(
    void *arg, struct scan_dir *d, struct digest *id, struct fault *why)
{
	struct walk_lines empty = { NULL, 0, 0 };
	struct walk_lines *l = d->user != NULL ? d->user : &empty;
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	struct walk *w = arg;
	enum blk_status st = BLK_OK;

	if (d->unchanged) {
		assert_null(d->user);
		w->unchanged++;
	} else {
		st = digest_of(l->text != NULL ? l->text : "", l->len, id, why);
	}
	walk_count_same(w, d, id);
	if (st == BLK_OK && !w->brief)
		st = scan_path(d, NULL, &path, why);
	walk_add(&w->text, &w->len, &w->cap, path.data, path.len);
	walk_add(&w->text, &w->len, &w->cap, ":\n", 2);
	if (l->text != NULL)
		walk_add(&w->text, &w->len, &w->cap, l->text, l->len);
	if (l != &empty) {
		free(l->text);
		free(l);
	}
	buf_release(&path);
	return st;
}

static inline void
walk_init(struct walk *w, const char *const *path, size_t paths)
{
	struct fault why = FAULT_NONE;

	memset(w, 0, sizeof(*w));
	assert_int_equal(hasher_new(&w->hasher, &why), BLK_OK);
	w->visitor = (struct scan_visitor){ .enter = walk_enter,
		.line = walk_line,
		.complete = walk_complete,
		.report = walk_report,
		.arg = w };
	w->options.path = path;
	w->options.paths = paths;
	w->options.visitor = &w->visitor;
	walk_add(&w->text, &w->len, &w->cap, "", 0);
	walk_add(&w->problems, &w->problems_len, &w->problems_cap, "", 0);
}

static inline void
walk_release(struct walk *w)
{
	hasher_free(w->hasher);
	free(w->text);
	free(w->problems);
}

/* Walk; the writer, if there is one, is committed. */
static inline enum blk_status
walk_run(struct walk *w, struct fault *why)
{
	struct buf root = BUF_INIT(sizeof(w->root) - 1);
	struct scan *s = NULL;
	enum blk_status st = scan_open(&w->options, &s, why);

	if (st == BLK_OK)
		st = scan_run(s, why);
	if (st == BLK_OK) {
		w->id = scan_root(s)->id;
		assert_int_equal(scan_root_line(s, &root, why), BLK_OK);
		memcpy(w->root, root.data, root.len);
		w->root[root.len] = '\0';
		if (w->options.writer != NULL)
			st = scan_cache_commit(w->options.writer,
			    scan_root(s)->child, &w->id, why);
	}
	buf_release(&root);
	scan_close(s);
	return st;
}

/*
 * --- trees ---
 */

/* A directory of our own, in which we then are; its path is in here[]. */
static char here[PATH_MAX];

/* What is walked. */
static char root[PATH_MAX + 16];
static const char *const paths[] = { root };

static inline int
walk_setup(void **state)
{
	const char *top = getenv("TMPDIR");

	(void)state;
	umask(022);
	snprintf(here, sizeof(here), "%s/walk.XXXXXX",
	    top != NULL && top[0] == '/' ? top : "/tmp");
	return mkdtemp(here) == NULL || chdir(here) != 0;
}

static inline int
walk_teardown(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	if (chdir("/") != 0)
		return 1;
	snprintf(command, sizeof(command), "rm -rf '%s'", here);
	return system(command) != 0; /* trees deeper than nftw likes */
}

static inline void
make_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void
make_dir(const char *path)
{
	assert_int_equal(mkdir(path, 0755), 0);
}

/* All times of a path, in seconds. */
static inline void
set_time(const char *path, time_t seconds)
{
	struct timespec t[2] = { { seconds, 5 }, { seconds, 5 } };

	assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

/* Wait until what was made so far may be trusted. */
static inline void
grow_old(void)
{
	usleep(2100000);
}

/* A fresh, empty directory as the root of the next walk. */
static inline void
fresh(void)
{
	static int number;
	char name[16];

	snprintf(name, sizeof(name), "t%d", number++);
	make_dir(name);
	assert_int_equal(chdir(name), 0);
	snprintf(root, sizeof(root), "%s/%s", here, name);
}

static inline void
back(void)
{
	assert_int_equal(chdir(here), 0);
}

static inline void
walk_all(struct walk *w)
{
	struct fault why = FAULT_NONE;

	if (walk_run(w, &why) != BLK_OK)
		fail_msg("%s", why.text);
}

/* Walk root without options and compare what is said. */
static inline void
expect(const char *text, const char *problems)
{
	struct walk w;

	walk_init(&w, paths, 1);
	walk_all(&w);
	if (text != NULL)
		assert_string_equal(w.text, text);
	if (problems != NULL)
		assert_string_equal(w.problems, problems);
	walk_release(&w);
}

#endif

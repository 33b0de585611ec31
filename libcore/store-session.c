/*
 * Sessions, locks and published segments that no commit added yet.
 *
 * A session is a file sessions/<uuid>.<base> that its process holds locked.
 * No safety rests on it (R2): it tells collectors what not to waste.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "rules.h"
#include "store-private.h"

#define SESSION_NAME 96
#define LOOKS 8 /* at a list of sessions that move */

static void
session_name(
    const struct store *s, uint64_t base, char name[static SESSION_NAME])
{
	snprintf(name, SESSION_NAME, "sessions/%s.%ju", s->session_hex,
	    (uintmax_t)base);
}

/* Made and locked in tmp/, then linked: nobody sees it unlocked. */
static enum blk_status
session_make(struct store *s, uint64_t base, struct fault *why)
{
	int dir = backend_lock_dir(s->backend), fd;
	char name[SESSION_NAME], tmp[SESSION_NAME];
	enum blk_status st = BLK_OK;

	session_name(s, base, name);
	snprintf(tmp, sizeof(tmp), "tmp/%s.session", s->session_hex);
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_CLOEXEC,
	    s->config.group ? 0660 : 0600);
	if (fd == -1)
		return fault_sys(why, "%s", tmp);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1 ||
	    linkat(dir, tmp, dir, name, 0) == -1)
		st = fault_sys(why, "%s", name);
	unlinkat(dir, tmp, 0);
	if (st != BLK_OK) {
		close(fd);
		return st;
	}
	s->session_fd = fd;
	s->session_base = base;
	return BLK_OK;
}

enum blk_status
store_session(struct store *s, struct fault *why)
{
	struct catalog_head h;
	enum blk_status st = BLK_OK;

	if (!s->backend->caps.kernel_locks || s->backend->caps.read_only)
		return BLK_OK;
	pthread_mutex_lock(&s->lock);
	h.number = s->base;
	if (s->session_fd == -1)
		st = session_make(s, h.number, why);
	pthread_mutex_unlock(&s->lock);
	return st;
}

enum blk_status
store_session_move(struct store *s, struct fault *why)
{
	char was[SESSION_NAME], is[SESSION_NAME];
	int dir;

	if (s->session_fd == -1 || s->session_base == s->base || s->holds)
		return BLK_OK;
	dir = backend_lock_dir(s->backend);
	session_name(s, s->session_base, was);
	session_name(s, s->base, is);
	if (linkat(dir, was, dir, is, 0) == 0) {
		unlinkat(dir, was, 0);
		s->session_base = s->base;
		return BLK_OK;
	}
	if (errno != ENOENT)
		return fault_sys(why, "%s", is);
	/* Removed by someone for whom our lock did not count: once more. */
	close(s->session_fd);
	s->session_fd = -1;
	return session_make(s, s->base, why);
}

enum blk_status
store_hold(struct store *s, struct fault *why)
{
	enum blk_status st = store_session(s, why);

	s->holds = st == BLK_OK;
	return st == BLK_OK ? store_sync(s, why) : st;
}

bool
store_holds(const struct store *s)
{
	return s->holds;
}

void
store_session_end(struct store *s)
{
	char name[SESSION_NAME];

	if (s->session_fd == -1)
		return;
	session_name(s, s->session_base, name);
	unlinkat(backend_lock_dir(s->backend), name, 0);
	close(s->session_fd);
	s->session_fd = -1;
}

/* --- other sessions --- */

/* Held by a live process?  A dead one's file is removed.  *gone: there is none
 * of that name any more. */
static bool
is_held(int dir, const char *name, bool *gone)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool held;

	*gone = fd == -1 && errno == ENOENT;
	if (fd == -1)
		return !*gone;
	held = flock(fd, LOCK_EX | LOCK_NB) == -1;
	if (!held)
		unlinkat(dir, name, 0);
	close(fd);
	return held;
}

/* "<32 hex>.<base>" */
static bool
session_parse(const char *name, uint64_t *base)
{
	uint8_t uuid[16];
	size_t len = strlen(name);

	return len > 33 && name[32] == '.' &&
	    digest_parse_hex(name, 32, uuid, sizeof(uuid)) &&
	    text_u64(span_of(name + 33, len - 33), base);
}

struct sessions {
	const char *uuid; /* of the one that is meant; NULL: all but our own */
	uint64_t lowest;
	bool any, moved;
};

/* Look through the list once.  moved: one that was listed went away, and may
 * have another name; careful: it counts as held. */
static enum blk_status
look_at_sessions(
    struct store *s, struct sessions *of, bool careful, struct fault *why)
{
	int fd = openat(backend_lock_dir(s->backend), "sessions",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (dir == NULL) {
		file_close(fd);
		return fault_sys(why, "sessions");
	}
	of->moved = false;
	while ((d = readdir(dir)) != NULL) {
		uint64_t base;
		bool held, gone;

		if (!session_parse(d->d_name, &base) ||
		    strncmp(d->d_name, s->session_hex, 32) == 0 ||
		    (of->uuid != NULL && strncmp(d->d_name, of->uuid, 32) != 0))
			continue;
		held = is_held(fd, d->d_name, &gone);
		of->moved |= gone;
		if (!held && !(gone && careful))
			continue;
		of->any = true;
		if (base < of->lowest)
			of->lowest = base;
	}
	closedir(dir);
	return BLK_OK;
}

/* A session that moves to its next base goes by its new name only: who listed
 * the old one looks once more. */
static enum blk_status
each_session(struct store *s, struct sessions *of, struct fault *why)
{
	enum blk_status st = BLK_OK;

	of->lowest = UINT64_MAX;
	of->any = false;
	of->moved = true;
	for (int look = 1; st == BLK_OK && of->moved && look <= LOOKS; look++)
		st = look_at_sessions(s, of, look == LOOKS, why);
	return st;
}

enum blk_status
store_sessions(struct store *s, uint64_t *lowest, struct fault *why)
{
	struct sessions all = { .uuid = NULL };
	enum blk_status st;

	*lowest = UINT64_MAX;
	if (!s->backend->caps.kernel_locks)
		return BLK_OK;
	st = each_session(s, &all, why);
	*lowest = all.lowest;
	return st;
}

enum blk_status
store_session_lives(
    struct store *s, const uint8_t uuid[16], bool *lives, struct fault *why)
{
	struct sessions one;
	enum blk_status st;
	char hex[33];

	*lives = memcmp(uuid, s->session, sizeof(s->session)) == 0;
	if (*lives || !s->backend->caps.kernel_locks)
		return BLK_OK;
	digest_hex_of(uuid, 16, hex);
	one.uuid = hex;
	st = each_session(s, &one, why);
	*lives = one.any;
	return st;
}

enum blk_status
store_collect_lock(struct store *s, int *fd, struct fault *why)
{
	enum blk_status st;

	*fd = -1;
	if (!s->backend->caps.kernel_locks)
		return BLK_OK;
	st = file_lock(backend_lock_dir(s->backend), "locks/collect",
	    s->config.group ? 0660 : 0600, true, s->o.lock_wait_ms, fd, why);
	if (st == BLK_BUSY)
		fault(why, st, "another collection is at work on %s",
		    store_url(s));
	return st;
}

/* --- pending segments --- */

enum blk_status
store_publish(struct store *s, const struct digest *id, const void *file,
    size_t len, struct segment_table *table, struct fault *why)
{
	char key[SEGMENT_KEY_MAX];
	enum blk_status st;

	st = store_session(s, why);
	if (st != BLK_OK)
		return st;
	segment_key(id, key);
	st = backend_put(s->backend, key, file, len, why);
	if (st != BLK_OK)
		return st;
	pthread_mutex_lock(&s->lock);
	st = array_grow((void **)&s->pending, s->pendings, &s->pendings_cap,
	    sizeof(*s->pending), why);
	if (st == BLK_OK) {
		s->pending[s->pendings++] =
		    (struct pending){ *id, len, *table };
		*table = (struct segment_table){ .frame = NULL };
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

void
store_forget(struct store *s, const struct digest *id)
{
	pthread_mutex_lock(&s->lock);
	store_pending_drop(s, id);
	pthread_mutex_unlock(&s->lock);
}

void
store_pending_drop(struct store *s, const struct digest *id)
{
	for (size_t i = 0; i < s->pendings; i++) {
		if (!digest_equal(&s->pending[i].id, id))
			continue;
		segment_table_release(&s->pending[i].table);
		memmove(s->pending + i, s->pending + i + 1,
		    (s->pendings - i - 1) * sizeof(*s->pending));
		s->pendings--;
		return;
	}
}

const struct pending *
store_pending(const struct store *s, const struct digest *id)
{
	for (size_t i = 0; i < s->pendings; i++)
		if (digest_equal(&s->pending[i].id, id))
			return &s->pending[i];
	return NULL;
}

struct review {
	struct store *s;
	uint64_t next; /* the record that must come now */
	bool gap;
};

/* A record that the session had not seen: whom does it condemn? */
static enum blk_status
review_record(void *arg, uint64_t number, const struct digest *hash,
    struct span text, struct fault *why)
{
	struct review *r = arg;
	struct commit k = COMMIT_NONE;
	enum blk_status st;

	(void)hash;
	if (number != r->next)
		r->gap = true;
	r->next = number + 1;
	if (r->s->pendings == 0)
		return BLK_OK;
	st = commit_parse(text, &k, why);
	for (size_t i = 0; st == BLK_OK && i < k.verbs; i++) {
		if (k.verb[i].verb != VERB_CONDEMN)
			continue;
		frames_forget(r->s->frames, &k.verb[i].id);
		store_pending_drop(r->s, &k.verb[i].id);
	}
	commit_release(&k);
	return st;
}

/*
 * R2: a session that did not itself see every record since its base gives up
 * what it published and did not commit.
 */
enum blk_status
store_review_pending(struct store *s, struct fault *why)
{
	struct review r = { .s = s, .next = s->base + 1 };
	struct catalog_head h;
	enum blk_status st;

	st = s->catalog->type->head_get(s->catalog, &h, why);
	if (st != BLK_OK || !h.known)
		return st;
	pthread_mutex_lock(&s->lock);
	if (h.number > s->base && s->pendings > 0)
		st = s->catalog->type->record_each(
		    s->catalog, s->base + 1, review_record, &r, why);
	if (st == BLK_OK && s->pendings > 0 && RULE(R2) &&
	    (s->crossed || r.gap ||
	        (h.number > s->base && r.next != h.number + 1)))
		while (s->pendings > 0)
			store_pending_drop(s, &s->pending[0].id);
	if (st == BLK_OK) {
		s->base = h.number;
		s->crossed = false;
		st = store_session_move(s, why);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

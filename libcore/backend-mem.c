/*
 * backend-mem.c - blobs in the memory of this process, for tests and for work
 * that is not meant to last.  Visible is durable here: nothing survives.
 */
#include "backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"

#define FIRST_BUCKETS 64 /* a power of two */

struct blob {
	struct blob *next;            /* in its bucket */
	struct blob *beside, **place; /* in its aisle; what points here */
	uint64_t hash;
	int64_t mtime;
	size_t len, key_len;
	char bytes[]; /* the key, its NUL, then the contents */
};

/* The blobs of one top directory: log/, checkpoint/ ... are listed often and
 * hold few keys of a store, segments/ holds many and is listed seldom. */
struct aisle {
	struct aisle *next;
	struct blob *first;
	size_t len;
	char name[]; /* with the '/' that ends it, if there is one; no NUL */
};

/* One named store, shared by all handles of its name. */
struct shelf {
	struct shelf *next;
	size_t handles;        /* guarded by shelves_lock */
	pthread_rwlock_t lock; /* all that follows */
	struct blob **bucket;
	size_t buckets, blobs; /* at most one blob a bucket on average */
	struct aisle *aisle;   /* a handful; they stay when they are empty */
	uint64_t bytes;
	char name[];
};

struct mem {
	struct backend base; /* first */
	struct shelf *shelf;
};

/*
 * The one mutable state at file scope in libcore: what is called mem:NAME has
 * to be the same store for every handle in the process, and there is nothing
 * outside the process where it could be looked up.
 */
static pthread_mutex_t shelves_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shelf *shelves;

/* FNV-1a; the keys are our own, nobody tries to make them collide. */
static uint64_t
hash_of(const char *key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3;
	return h ^ h >> 32;
}

static struct shelf *
shelf_of(struct backend *b)
{
	return ((struct mem *)b)->shelf;
}

static struct shelf *
shelf_new(const char *name)
{
	struct shelf *s = calloc(1, sizeof(*s) + strlen(name) + 1);

	if (s == NULL)
		return NULL;
	s->bucket = calloc(FIRST_BUCKETS, sizeof(struct blob *));
	if (s->bucket == NULL || pthread_rwlock_init(&s->lock, NULL) != 0) {
		free(s->bucket);
		free(s);
		return NULL;
	}
	s->buckets = FIRST_BUCKETS;
	strcpy(s->name, name);
	return s;
}

static void
shelf_free(struct shelf *s)
{
	struct aisle *after;

	for (struct aisle *a = s->aisle; a != NULL; a = after) {
		after = a->next;
		free(a);
	}
	for (size_t i = 0; i < s->buckets; i++) {
		struct blob *next;

		for (struct blob *p = s->bucket[i]; p != NULL; p = next) {
			next = p->next;
			free(p);
		}
	}
	pthread_rwlock_destroy(&s->lock);
	free(s->bucket);
	free(s);
}

/* Where the pointer to the blob of this key stands, or would stand. */
static struct blob **
place_of(struct shelf *s, const char *key, uint64_t hash)
{
	struct blob **p = &s->bucket[hash & (s->buckets - 1)];

	while (
	    *p != NULL && ((*p)->hash != hash || strcmp((*p)->bytes, key) != 0))
		p = &(*p)->next;
	return p;
}

/* The length of the first component, with its '/'. */
static size_t
top_of(const char *key)
{
	const char *slash = strchr(key, '/');

	return slash == NULL ? strlen(key) : (size_t)(slash - key) + 1;
}

static bool
is_named(const struct aisle *a, const char *name, size_t len)
{
	return a->len == len && memcmp(a->name, name, len) == 0;
}

/* Where keys like this one stand; made if it is not there; NULL: no memory. */
static struct aisle *
aisle_of(struct shelf *s, const char *key)
{
	size_t len = top_of(key);
	struct aisle *a = s->aisle;

	while (a != NULL && !is_named(a, key, len))
		a = a->next;
	if (a != NULL)
		return a;
	a = malloc(sizeof(*a) + len);
	if (a == NULL)
		return NULL;
	a->first = NULL;
	a->len = len;
	memcpy(a->name, key, len);
	a->next = s->aisle;
	s->aisle = a;
	return a;
}

static void
aisle_add(struct aisle *a, struct blob *p)
{
	p->beside = a->first;
	p->place = &a->first;
	if (p->beside != NULL)
		p->beside->place = &p->beside;
	a->first = p;
}

static void
aisle_drop(struct blob *p)
{
	*p->place = p->beside;
	if (p->beside != NULL)
		p->beside->place = p->place;
}

/* Twice the buckets.  Without memory for them it goes on, slower. */
static void
grow(struct shelf *s)
{
	size_t buckets = s->buckets * 2;
	struct blob **bucket = calloc(buckets, sizeof(struct blob *));

	if (bucket == NULL)
		return;
	for (size_t i = 0; i < s->buckets; i++) {
		struct blob *next;

		for (struct blob *p = s->bucket[i]; p != NULL; p = next) {
			struct blob **to = &bucket[p->hash & (buckets - 1)];

			next = p->next;
			p->next = *to;
			*to = p;
		}
	}
	free(s->bucket);
	s->bucket = bucket;
	s->buckets = buckets;
}

/* Find or make the shelf, and count one more handle of it. */
static enum blk_status
shelf_get(const char *name, bool create, struct shelf **out, struct fault *why)
{
	enum blk_status st = BLK_OK;
	struct shelf *s;

	pthread_mutex_lock(&shelves_lock);
	for (s = shelves; s != NULL && strcmp(s->name, name) != 0;)
		s = s->next;
	if (s == NULL && !create) {
		st = BLK_ABSENT;
	} else if (s == NULL) {
		s = shelf_new(name);
		if (s == NULL) {
			st = fault_nomem(why);
		} else {
			s->next = shelves;
			shelves = s;
		}
	}
	if (s != NULL)
		s->handles++;
	pthread_mutex_unlock(&shelves_lock);
	*out = s;
	return st;
}

static enum blk_status
mem_open(const char *rest, const struct backend_open_options *o,
    struct backend **out, struct fault *why)
{
	struct mem *m;
	enum blk_status st;

	if (strchr(rest, '?') != NULL)
		return fault(why, BLK_INVALID, "mem:%s: there is no option %s",
		    rest, strchr(rest, '?') + 1);
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return fault_nomem(why);
	st = shelf_get(rest, o->create, &m->shelf, why);
	if (st != BLK_OK) {
		free(m);
		return st;
	}
	m->base.caps = (struct backend_caps){
		.single_process = true,
		.local = true,
		.read_only = o->read_only,
		.blob_target = (uint64_t)1 << 20,
	};
	*out = &m->base;
	return BLK_OK;
}

static void
mem_close(struct backend *b)
{
	struct shelf *s = shelf_of(b);

	pthread_mutex_lock(&shelves_lock);
	if (--s->handles == 0) {
		struct shelf **p = &shelves;

		while (*p != s)
			p = &(*p)->next;
		*p = s->next;
		shelf_free(s);
	}
	pthread_mutex_unlock(&shelves_lock);
	free(b);
}

/* A blob of its own, not yet on a shelf. */
static struct blob *
blob_new(const char *key, const struct iovec *part, size_t n)
{
	size_t key_len = strlen(key), len = 0, size = sizeof(struct blob);
	struct timespec t = { 0 };
	struct blob *p;
	char *to;

	for (size_t i = 0; i < n; i++)
		if (!size_add(len, part[i].iov_len, &len))
			return NULL;
	if (!size_add(size, key_len + 1, &size) || !size_add(size, len, &size))
		return NULL;
	p = malloc(size);
	if (p == NULL)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &t);
	p->next = NULL;
	p->hash = hash_of(key);
	p->mtime = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	p->len = len;
	p->key_len = key_len;
	memcpy(p->bytes, key, key_len + 1);
	to = p->bytes + key_len + 1;
	for (size_t i = 0; i < n; i++) {
		if (part[i].iov_len > 0)
			memcpy(to, part[i].iov_base, part[i].iov_len);
		to += part[i].iov_len;
	}
	return p;
}

static enum blk_status
mem_put(struct backend *b, const char *key, const struct iovec *part, size_t n,
    unsigned flags, enum backend_outcome *outcome, struct fault *why)
{
	struct shelf *s = shelf_of(b);
	struct blob *mine = blob_new(key, part, n), *old = NULL, **place;
	enum blk_status st = BLK_OK;
	struct aisle *a;

	if (mine == NULL)
		return fault_nomem(why);
	pthread_rwlock_wrlock(&s->lock);
	place = place_of(s, key, mine->hash);
	a = aisle_of(s, key);
	if (a == NULL) {
		st = fault_nomem(why);
		old = mine;
	} else if (*place != NULL && (flags & BACKEND_EXCLUSIVE) != 0) {
		*outcome = BACKEND_EXISTS;
		old = mine;
	} else {
		*outcome = BACKEND_MADE;
		old = *place;
		mine->next = old == NULL ? NULL : old->next;
		*place = mine;
		if (old != NULL)
			aisle_drop(old);
		aisle_add(a, mine);
		s->bytes += mine->len - (old == NULL ? 0 : old->len);
		s->blobs += old == NULL;
		if (s->blobs > s->buckets)
			grow(s);
	}
	pthread_rwlock_unlock(&s->lock);
	free(old);
	return st;
}

static enum blk_status
mem_get(struct backend *b, const char *key, uint64_t offset, void *buf,
    size_t len, size_t *got, struct fault *why)
{
	struct shelf *s = shelf_of(b);
	const struct blob *p;

	(void)why;
	*got = 0;
	pthread_rwlock_rdlock(&s->lock);
	p = *place_of(s, key, hash_of(key));
	if (p != NULL && offset < p->len) {
		*got = p->len - (size_t)offset;
		if (*got > len)
			*got = len;
		if (*got > 0)
			memcpy(buf, p->bytes + p->key_len + 1 + offset, *got);
	}
	pthread_rwlock_unlock(&s->lock);
	return p == NULL ? BLK_ABSENT : BLK_OK;
}

static enum blk_status
mem_stat(struct backend *b, const char *key, struct backend_stat *st,
    struct fault *why)
{
	struct shelf *s = shelf_of(b);
	const struct blob *p;

	(void)why;
	pthread_rwlock_rdlock(&s->lock);
	p = *place_of(s, key, hash_of(key));
	if (p != NULL) {
		st->bytes = p->len;
		st->mtime = p->mtime;
	}
	pthread_rwlock_unlock(&s->lock);
	return p == NULL ? BLK_ABSENT : BLK_OK;
}

struct seen {
	char key[BACKEND_KEY_MAX + 1];
	struct backend_stat st;
};

struct sight {
	struct seen *seen;
	size_t n, cap;
};

static enum blk_status
look_along(const struct aisle *a, const char *prefix, struct sight *to,
    struct fault *why)
{
	size_t len = strlen(prefix);

	for (const struct blob *p = a->first; p != NULL; p = p->beside) {
		enum blk_status st;

		if (strncmp(p->bytes, prefix, len) != 0)
			continue;
		st = array_grow((void **)&to->seen, to->n, &to->cap,
		    sizeof(*to->seen), why);
		if (st != BLK_OK)
			return st;
		memcpy(to->seen[to->n].key, p->bytes, p->key_len + 1);
		to->seen[to->n].st.bytes = p->len;
		to->seen[to->n].st.mtime = p->mtime;
		to->n++;
	}
	return BLK_OK;
}

/* Copy what the prefix names: visitors may put and remove. */
static enum blk_status
snapshot(
    struct shelf *s, const char *prefix, struct sight *to, struct fault *why)
{
	size_t top = top_of(prefix);
	enum blk_status st = BLK_OK;

	pthread_rwlock_rdlock(&s->lock);
	for (const struct aisle *a = s->aisle; st == BLK_OK && a != NULL;
	     a = a->next)
		if (top == 0 || is_named(a, prefix, top))
			st = look_along(a, prefix, to, why);
	pthread_rwlock_unlock(&s->lock);
	return st;
}

static enum blk_status
mem_list(struct backend *b, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, bool *complete, struct fault *why)
{
	struct sight to = { .seen = NULL };
	enum blk_status st = snapshot(shelf_of(b), prefix, &to, why);

	for (size_t i = 0; st == BLK_OK && i < to.n; i++)
		st = visit(arg, to.seen[i].key, &to.seen[i].st, why);
	free(to.seen);
	*complete = st == BLK_OK;
	return st;
}

static enum blk_status
mem_remove(struct backend *b, const char *key, struct fault *why)
{
	struct shelf *s = shelf_of(b);
	struct blob **place, *old;

	(void)why;
	pthread_rwlock_wrlock(&s->lock);
	place = place_of(s, key, hash_of(key));
	old = *place;
	if (old != NULL) {
		*place = old->next;
		aisle_drop(old);
		s->bytes -= old->len;
		s->blobs--;
	}
	pthread_rwlock_unlock(&s->lock);
	free(old);
	return BLK_OK;
}

static enum blk_status
mem_stats(struct backend *b, struct backend_stats *stats, struct fault *why)
{
	struct shelf *s = shelf_of(b);

	(void)why;
	pthread_rwlock_rdlock(&s->lock);
	stats->blobs = s->blobs;
	stats->bytes = s->bytes;
	stats->free_bytes = UINT64_MAX;
	pthread_rwlock_unlock(&s->lock);
	return BLK_OK;
}

const struct backend_type backend_mem = {
	.scheme = "mem",
	.summary = "mem:NAME, the memory of one process, gone when it ends",
	.open = mem_open,
	.put = mem_put,
	.get = mem_get,
	.stat = mem_stat,
	.list = mem_list,
	.remove = mem_remove,
	.stats = mem_stats,
	.close = mem_close,
};

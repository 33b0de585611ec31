/*
 * Chance, blobs, what happens late, power cuts.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"

/* --- chance --- */

uint64_t
rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9; /* splitmix64, Vigna 2015 */
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

unsigned
rng_below(struct rng *r, unsigned n)
{
	return (unsigned)(rng_next(r) >> 33) % n;
}

bool
rng_chance(struct rng *r, unsigned one_in)
{
	return one_in > 0 && rng_below(r, one_in) == 0;
}

static struct rng *random_source;

void
world_random(struct rng *r)
{
	random_source = r;
}

/*
 * In place of the C library's (the linker is told to wrap them), so that a
 * schedule depends on its seed only.
 */
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	*t = (struct timespec){ .tv_sec = 1000 };
	return 0;
}

ssize_t
__wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	static struct rng fixed = { 1 };
	struct rng *r = random_source != NULL ? random_source : &fixed;
	uint8_t *p = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(rng_next(r) >> 24);
	return (ssize_t)len;
}

/* --- blobs and keys --- */

struct blob *
blob_new(const struct iovec *part, size_t n)
{
	struct blob *b = calloc(1, sizeof(*b));
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		at += part[i].iov_len;
	if (b == NULL || (b->bytes = malloc(at + 1)) == NULL)
		world_die("out of memory");
	for (size_t i = 0; i < n; i++) {
		if (part[i].iov_len > 0)
			memcpy(b->bytes + b->len, part[i].iov_base,
			    part[i].iov_len);
		b->len += part[i].iov_len;
	}
	return b;
}

struct blob *
blob_use(struct blob *b)
{
	if (b != NULL)
		b->uses++;
	return b;
}

void
blob_put_back(struct blob *b)
{
	if (b == NULL || --b->uses > 0)
		return;
	free(b->bytes);
	free(b);
}

void
blob_set(struct blob **at, struct blob *b)
{
	struct blob *old = *at;

	*at = blob_use(b);
	blob_put_back(old);
}

bool
blob_equal(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static uint32_t
hash_of(const char *key)
{
	uint32_t h = 2166136261; /* FNV-1a */

	for (; *key != '\0'; key++)
		h = (h ^ (uint8_t)*key) * 16777619;
	return h;
}

struct slot *
world_slot(struct world *w, const char *key)
{
	uint32_t hash = hash_of(key);
	struct fault why = FAULT_NONE;
	struct slot *s;

	for (size_t i = 0; i < w->slots; i++)
		if (w->slot[i].hash == hash && strcmp(w->slot[i].key, key) == 0)
			return &w->slot[i];
	if (array_grow((void **)&w->slot, w->slots, &w->slots_cap,
	        sizeof(*w->slot), &why) != BLK_OK)
		world_die("out of memory");
	s = &w->slot[w->slots++];
	*s = (struct slot){ .hash = hash };
	snprintf(s->key, sizeof(s->key), "%s", key);
	return s;
}

bool
world_has(struct world *w, const char *key)
{
	return world_slot(w, key)->seen != NULL;
}

bool
world_has_durable(struct world *w, const char *key)
{
	return world_slot(w, key)->durable != NULL;
}

/* --- what happens late, and power cuts --- */

void
late_add(struct world *w, const char *key, struct blob *b, bool exclusive)
{
	struct late *l;

	if (w->lates == WORLD_LATE)
		return; /* then it never happens */
	l = &w->late[w->lates++];
	*l = (struct late){ .exclusive = exclusive,
		.due = w->step + 1 + rng_below(&w->rng, 400) };
	snprintf(l->key, sizeof(l->key), "%s", key);
	l->blob = blob_use(b);
}

static void
late_happens(struct world *w, struct late *l)
{
	struct slot *s = world_slot(w, l->key);

	world_trace(
	    w, "late %s of %s", l->blob != NULL ? "put" : "removal", l->key);
	if (l->blob == NULL || !l->exclusive || s->seen == NULL) {
		blob_set(&s->seen, l->blob);
		blob_set(&s->durable, l->blob);
	}
	blob_put_back(l->blob);
	*l = w->late[--w->lates];
}

void
world_advance(struct world *w)
{
	for (size_t i = w->lates; i-- > 0;)
		if (w->late[i].due <= w->step)
			late_happens(w, &w->late[i]);
}

void
world_settle(struct world *w)
{
	while (w->lates > 0) {
		struct late *l = &w->late[w->lates - 1];

		if (rng_chance(&w->rng, 2)) {
			late_happens(w, l);
			continue;
		}
		blob_put_back(l->blob);
		w->lates--;
	}
	for (size_t i = 0; i < w->slots; i++)
		blob_set(&w->slot[i].durable, w->slot[i].seen);
}

void
world_cut(struct world *w)
{
	world_trace(w, "power cut");
	for (size_t i = 0; i < w->procs; i++)
		proc_kill(&w->proc[i]);
	for (size_t i = 0; i < w->slots; i++) {
		struct slot *s = &w->slot[i];

		if (s->seen == s->durable)
			continue;
		if (w->merciless && s->seen == NULL) {
			blob_set(&s->durable, NULL);
			continue;
		}
		/* What was not made durable may be so all the same. */
		if (!w->merciless && rng_chance(&w->rng, 2)) {
			blob_set(&s->durable, s->seen);
			continue;
		}
		world_trace(w, "cut: %s %s", s->key,
		    s->durable == NULL ? "is gone" : "is back");
		blob_set(&s->seen, s->durable);
	}
}

/* --- a world's life --- */

void
world_init(struct world *w, uint64_t seed, size_t hosts, enum catalog_sort sort)
{
	struct fault why = FAULT_NONE;

	*w = (struct world){ .seed = seed,
		.rng = { seed * 2 + 1 },
		.hosts = hosts,
		.limit = UINT64_MAX };
	for (size_t i = 0; i < hosts; i++) {
		w->host[i].w = w;
		w->host[i].skew = (int64_t)i * 1000000000;
		if (host_new(&w->host[i], sort, &why) != BLK_OK)
			world_die("%s", why.text);
	}
	world_random(&w->rng);
}

void
world_init_from(struct world *w, const struct world *from, uint64_t seed,
    size_t hosts, enum catalog_sort sort)
{
	world_init(w, seed, hosts, sort);
	for (size_t i = 0; i < from->slots; i++) {
		struct slot *s = world_slot(w, from->slot[i].key);

		s->seen = blob_use(from->slot[i].seen);
		s->durable = blob_use(from->slot[i].durable);
	}
}

void
world_release(struct world *w)
{
	for (size_t i = 0; i < w->slots; i++) {
		blob_put_back(w->slot[i].seen);
		blob_put_back(w->slot[i].durable);
	}
	free(w->slot);
	free(w->scratch);
	for (size_t i = 0; i < w->lates; i++)
		blob_put_back(w->late[i].blob);
	for (size_t i = 0; i < w->hosts; i++)
		catalog_close(w->host[i].catalog);
	world_random(NULL);
}

void
world_broken(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->broken)
		return;
	w->broken = true;
	va_start(ap, fmt);
	vsnprintf(w->reason, sizeof(w->reason), fmt, ap);
	va_end(ap);
	world_trace(w, "BROKEN: %s", w->reason);
}

void
world_trace(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	printf("%5ju ", (uintmax_t)w->step);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
world_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(99);
}

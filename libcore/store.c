#include "store-private.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "index.h"

#define FRAMES_PART 4 /* of max_memory: 1/4 for what frames keep */
#define CONFIG_MAX ((size_t)64 << 10)
/* An id whose rows are pending takes 200 bytes: a fifth of the memory. */
#define PENDING_BYTES 1024

/* --- the source of tables and texts --- */

struct frames_place
store_place(const struct catalog_segment *seg)
{
	return (struct frames_place){ .id = seg->id,
		.bytes = seg->bytes,
		.commit = seg->commit,
		.in_log = seg->in_log };
}

static enum blk_status
source_table(void *arg, const struct catalog_segment *seg,
    const struct segment_table **t, struct fault *why)
{
	struct store *s = arg;
	const struct frames_place p = store_place(seg);

	return frames_table(s->frames, &p, t, why);
}

static void
source_release(void *arg, const struct segment_table *t)
{
	struct store *s = arg;

	frames_release(s->frames, t);
}

static enum blk_status
source_text(void *arg, const struct catalog_segment *seg,
    const struct catalog_copy *copy, const struct digest *id, struct buf *b,
    struct fault *why)
{
	struct store *s = arg;
	const struct frames_place p = store_place(seg);
	size_t before = b->len;
	struct digest found;
	enum blk_status st;

	st = frames_read(
	    s->frames, &p, copy->ordinal, id, (enum kind)copy->kind, b, why);
	if (st != BLK_OK || copy->kind == KIND_LIST)
		return st;
	st = hasher_of(s->hash, b->data + before, b->len - before, &found, why);
	if (st == BLK_OK && !digest_equal(&found, id))
		st = fault(why, BLK_CORRUPT, "a %s does not match its id",
		    kind_name((enum kind)copy->kind));
	return st;
}

/* --- small things --- */

int64_t
store_now(const struct store *s)
{
	struct timespec t;

	if (s->o.now != NULL)
		return s->o.now(s->o.arg);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
store_warn(struct store *s, const char *fmt, ...)
{
	char text[sizeof(((struct fault *)0)->text)];
	va_list ap;

	if (s->o.warn == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->o.warn(s->o.arg, text);
}

struct backend *
store_backend(struct store *s)
{
	return s->backend;
}

struct catalog *
store_catalog(struct store *s)
{
	return s->catalog;
}

struct frames *
store_frames(struct store *s)
{
	return s->frames;
}

const struct store_config *
store_config(const struct store *s)
{
	return &s->config;
}

const struct state_source *
store_source(struct store *s)
{
	return &s->source;
}

const uint8_t *
store_session_id(const struct store *s)
{
	return s->session;
}

struct segment_origin
store_origin(const struct store *s)
{
	struct segment_origin o;

	memcpy(o.store, s->config.store, sizeof(o.store));
	memcpy(o.session, s->session, sizeof(o.session));
	return o;
}

const char *
store_url(const struct store *s)
{
	return s->o.url != NULL ? s->o.url : "store";
}

const char *
store_host(const struct store *s)
{
	return s->o.host;
}

bool
store_is_read_only(const struct store *s)
{
	return s->o.read_only || s->backend->caps.read_only;
}

void
store_slim(struct store *s)
{
	frames_limit(s->frames, 0);
	frames_limit(s->frames, s->o.max_memory / FRAMES_PART);
	malloc_trim(0); /* threads keep what they freed, each for itself */
}

uint64_t
store_max_memory(const struct store *s)
{
	return s->o.max_memory;
}

/* --- opening --- */

/* The directory that the index lives in; from malloc. */
static enum blk_status
index_dir(struct store *s, char **dir, struct fault *why)
{
	char hex[33];
	ssize_t n;

	*dir = NULL;
	if (s->o.index_dir != NULL) {
		*dir = strdup(s->o.index_dir);
		return *dir == NULL ? fault_nomem(why) : BLK_OK;
	}
	if (s->backend->caps.kernel_locks && s->backend->caps.local &&
	    !s->backend->caps.read_only) {
		char link[64], path[4096];

		snprintf(link, sizeof(link), "/proc/self/fd/%d",
		    backend_lock_dir(s->backend));
		n = readlink(link, path, sizeof(path) - 1);
		if (n < 0)
			return fault_sys(why, "%s", link);
		path[n] = '\0';
		*dir = strdup(path);
		return *dir == NULL ? fault_nomem(why) : BLK_OK;
	}
	if (s->o.cache_dir == NULL)
		return fault(
		    why, BLK_FAILED, "no place for an index: set BLK_INDEX");
	digest_hex_of(s->config.store, sizeof(s->config.store), hex);
	if (asprintf(dir, "%s/index/%s", s->o.cache_dir, hex) < 0) {
		*dir = NULL;
		return fault_nomem(why);
	}
	return BLK_OK;
}

/* Is there more than the commit that made the store? */
static bool
has_history(struct store *s)
{
	struct fault ignored = FAULT_NONE;
	uint64_t newest = 0, second = 0;
	struct backend_stat bs;
	char key[LOG_KEY_MAX];

	log_key(1, key);
	if (backend_stat(s->backend, key, &bs, &ignored) == BLK_OK)
		return true;
	return checkpoint_newest(s->backend, &newest, &second, &ignored) ==
	    BLK_OK &&
	    newest > 0;
}

void
store_say_fresh(struct store *s, const char *reason)
{
	if (reason != NULL && reason[0] != '\0')
		store_warn(s, "index: %s; it is made again", reason);
	else if (reason == NULL && has_history(s))
		store_warn(s, "index: there is none; it is made from the log");
}

static enum blk_status
open_catalog(struct store *s, struct fault *why)
{
	size_t pending = s->o.max_memory / PENDING_BYTES;
	struct index_options o = { .lock_wait_ms = s->o.lock_wait_ms,
		.cache_bytes = s->o.max_memory / 8,
		.pending_ids = pending < INDEX_PENDING ? pending + 1 : 0,
		.group = s->config.group };
	const char *reason = NULL;
	enum blk_status st;
	char *dir = NULL;
	bool fresh;

	if (s->o.catalog != NULL) {
		s->catalog = s->o.catalog;
		return BLK_OK;
	}
	if (s->backend->caps.single_process && !s->backend->caps.kernel_locks)
		return catalog_memory_new(&s->catalog, why);
	st = index_dir(s, &dir, why);
	if (st != BLK_OK)
		return st;
	o.dir = dir;
	memcpy(o.store, s->config.store, sizeof(o.store));
	st = index_open(&o, &s->catalog, &fresh, &reason, why);
	s->own_index = st == BLK_OK;
	if (st == BLK_OK && fresh)
		store_say_fresh(s, reason);
	free(dir);
	return st;
}

/* The config, as it stands or from commit 0; made if asked for. */
static enum blk_status
read_config(struct store *s, struct fault *why)
{
	struct commit zero = COMMIT_NONE;
	void *text = NULL;
	enum blk_status st;
	size_t len;

	st =
	    backend_get_all(s->backend, "config", CONFIG_MAX, &text, &len, why);
	if (st == BLK_OK) {
		st = config_parse(span_of(text, len), &s->config, why);
		free(text);
		return st == BLK_OK ? st : fault_in(why, st, "config");
	}
	if (st != BLK_ABSENT)
		return st;
	st = log_read(s->backend, 0, NULL, &zero, why);
	if (st == BLK_OK)
		st = config_of_commit(&zero, &s->config, why);
	commit_release(&zero);
	if ((st == BLK_OK || st == BLK_ABSENT) && s->o.create)
		return store_make(s, why);
	if (st == BLK_ABSENT)
		fault(
		    why, st, "%s: no store here (see blk-init)", store_url(s));
	return st;
}

static enum blk_status
open_backend(struct store *s, struct fault *why)
{
	const struct backend_open_options o = { .create = s->o.create,
		.read_only = s->o.read_only,
		.shared_group = s->o.made_as != NULL && s->o.made_as->group,
		.session = s->session_hex };
	enum blk_status st;

	if (s->o.backend != NULL) {
		s->backend = s->o.backend;
		return BLK_OK;
	}
	st = backend_open(s->o.url, &o, &s->backend, why);
	if (st == BLK_ABSENT)
		fault(
		    why, st, "%s: no store here (see blk-init)", store_url(s));
	return st;
}

enum blk_status
store_open(const struct store_options *o, struct store **out, struct fault *why)
{
	struct store *s = calloc(1, sizeof(*s));
	enum blk_status st;

	*out = NULL;
	if (s == NULL)
		return fault_nomem(why);
	s->o = *o;
	s->session_fd = -1;
	s->source = (struct state_source){ .table = source_table,
		.release = source_release,
		.text = source_text,
		.arg = s };
	pthread_mutex_init(&s->lock, NULL);
	st = digest_random(s->session, sizeof(s->session), why);
	digest_hex_of(s->session, sizeof(s->session), s->session_hex);
	if (st == BLK_OK)
		st = open_backend(s, why);
	if (st == BLK_OK)
		st = hasher_new(&s->hash, why);
	if (st == BLK_OK)
		st = codec_state_new(&s->codecs, why);
	if (st == BLK_OK)
		st = read_config(s, why);
	if (st == BLK_OK)
		st = frames_new(
		    s->backend, o->max_memory / FRAMES_PART, &s->frames, why);
	if (st == BLK_OK)
		st = open_catalog(s, why);
	if (st == BLK_OK)
		st = store_sync(s, why);
	if (st != BLK_OK) {
		store_close(s);
		return st;
	}
	*out = s;
	return BLK_OK;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_session_end(s);
	for (size_t i = 0; i < s->pendings; i++)
		segment_table_release(&s->pending[i].table);
	free(s->pending);
	store_made_release(s);
	free(s->made);
	idmap_release(&s->made_at);
	catalog_close(s->catalog);
	frames_free(s->frames);
	segment_builder_free(s->builder);
	codec_state_free(s->codecs);
	hasher_free(s->hash);
	backend_close(s->backend);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define FIRST_READ ((size_t)64 << 10) /* most blobs but segments end in it */

extern const struct backend_type backend_file, backend_mem;

/* The first takes what has no scheme. */
static const struct backend_type *const types[] = {
	&backend_file,
	&backend_mem,
};

const struct backend_type *
backend_at(size_t i)
{
	return i < sizeof(types) / sizeof(*types) ? types[i] : NULL;
}

/* Length of the scheme in front of a ':', 0 where there is none.  A '/'
 * before the ':' makes it a path. */
static size_t
scheme_len(const char *url)
{
	size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+");

	return url[n] == ':' ? n : 0;
}

bool
backend_has_scheme(const char *url)
{
	return scheme_len(url) > 0;
}

static enum blk_status
unknown_scheme(const char *url, size_t n, struct fault *why)
{
	char names[200] = "";
	size_t len = 0;

	for (size_t i = 0; backend_at(i) != NULL && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s:", i == 0 ? "" : " ", backend_at(i)->scheme);
	return fault(why, BLK_INVALID,
	    "%.*s: is no engine (there are: %s); write ./%s for a path", (int)n,
	    url, names, url);
}

static bool
session_is_valid(const char *session)
{
	return strspn(session, "0123456789abcdef") == 32 && session[32] == '\0';
}

enum blk_status
backend_open(const char *url, const struct backend_open_options *o,
    struct backend **out, struct fault *why)
{
	size_t n = scheme_len(url);
	const struct backend_type *type = n == 0 ? types[0] : NULL;
	enum blk_status st;

	*out = NULL;
	for (size_t i = 0; type == NULL && backend_at(i) != NULL; i++)
		if (strlen(backend_at(i)->scheme) == n &&
		    memcmp(backend_at(i)->scheme, url, n) == 0)
			type = backend_at(i);
	if (type == NULL)
		return unknown_scheme(url, n, why);
	if (o->session != NULL && !session_is_valid(o->session))
		return fault(
		    why, BLK_INVALID, "a session is 32 hexadecimal digits");
	st = type->open(n == 0 ? url : url + n + 1, o, out, why);
	if (st == BLK_OK)
		(*out)->type = type;
	return st;
}

void
backend_close(struct backend *b)
{
	if (b != NULL)
		b->type->close(b);
}

bool
backend_key_is_valid(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._/-");

	if (len == 0 || len > BACKEND_KEY_MAX || key[len] != '\0')
		return false;
	for (const char *p = key; p != NULL;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
			return false;
		p = p[n] == '/' ? p + n + 1 : NULL;
	}
	return true;
}

/* A prefix is "" or a key and a '/'. */
static bool
prefix_is_valid(const char *prefix)
{
	char key[BACKEND_KEY_MAX + 1];
	size_t len = strlen(prefix);

	if (len == 0)
		return true;
	if (len > BACKEND_KEY_MAX || prefix[len - 1] != '/')
		return false;
	memcpy(key, prefix, len - 1);
	key[len - 1] = '\0';
	return backend_key_is_valid(key);
}

/* What every operation begins with: the key is sound, it is counted, and the
 * probe has nothing against it. */
static enum blk_status
before(
    struct backend *b, enum backend_op op, const char *key, struct fault *why)
{
	bool valid = op == BACKEND_OP_LIST ? prefix_is_valid(key)
	                                   : backend_key_is_valid(key);

	if (!valid)
		return fault(why, BLK_INVALID, "\"%.*s\" is no key of a blob%s",
		    BACKEND_KEY_MAX, key,
		    op == BACKEND_OP_LIST ? " directory" : "");
	if (b->caps.read_only &&
	    (op == BACKEND_OP_PUT || op == BACKEND_OP_REMOVE))
		return fault(
		    why, BLK_FAILED, "%s: the store is read-only", key);
	__atomic_fetch_add(&b->operations[op], 1, __ATOMIC_RELAXED);
	if (b->probe.call == NULL)
		return BLK_OK;
	return b->probe.call(b->probe.arg, op, key, true, why);
}

/* And ends with: st is what it came to. */
static enum blk_status
after(struct backend *b, enum backend_op op, const char *key,
    enum blk_status st, struct fault *why)
{
	enum blk_status probed;

	if (b->probe.call == NULL)
		return st;
	probed = b->probe.call(b->probe.arg, op, key, false, why);
	return st == BLK_OK ? probed : st;
}

static enum blk_status
put(struct backend *b, const char *key, const struct iovec *part, size_t n,
    unsigned flags, enum backend_outcome *outcome, struct fault *why)
{
	enum blk_status st;
	size_t total = 0;

	*outcome = BACKEND_UNSURE;
	for (size_t i = 0; i < n; i++)
		if (!size_add(total, part[i].iov_len, &total) ||
		    total > BACKEND_BLOB_MAX)
			return fault(why, BLK_INVALID,
			    "%s: a blob has at most %ju bytes", key,
			    (uintmax_t)BACKEND_BLOB_MAX);
	st = before(b, BACKEND_OP_PUT, key, why);
	if (st != BLK_OK)
		return st;
	st = b->type->put(b, key, part, n, flags, outcome, why);
	st = after(b, BACKEND_OP_PUT, key, st, why);
	if (st != BLK_OK)
		*outcome = BACKEND_UNSURE;
	return st;
}

enum blk_status
backend_put(struct backend *b, const char *key, const void *data, size_t len,
    struct fault *why)
{
	union {
		const void *in;
		void *out;
	} unconst = { .in = data }; /* an iovec serves reads, too */
	const struct iovec part = { .iov_base = unconst.out, .iov_len = len };
	enum backend_outcome outcome;

	return put(b, key, &part, 1, 0, &outcome, why);
}

enum blk_status
backend_put_exclusive(struct backend *b, const char *key,
    const struct iovec *part, size_t n, enum backend_outcome *outcome,
    struct fault *why)
{
	return put(b, key, part, n, BACKEND_EXCLUSIVE, outcome, why);
}

enum blk_status
backend_get(struct backend *b, const char *key, uint64_t offset, void *buf,
    size_t len, size_t *got, struct fault *why)
{
	enum blk_status st = before(b, BACKEND_OP_GET, key, why);

	*got = 0;
	if (st != BLK_OK)
		return st;
	st = b->type->get(b, key, offset, buf, len, got, why);
	return after(b, BACKEND_OP_GET, key, st, why);
}

/* Read what lies behind the *len bytes that *data holds already. */
static enum blk_status
get_rest(struct backend *b, const char *key, size_t max, char **data,
    size_t *len, struct fault *why)
{
	struct backend_stat sb;
	enum blk_status st = b->type->stat(b, key, &sb, why);
	size_t got;
	char *p;

	if (st != BLK_OK)
		return st;
	if (sb.bytes > max)
		return fault(
		    why, BLK_INVALID, "%s is longer than %zu bytes", key, max);
	if (sb.bytes <= *len)
		return BLK_OK;
	p = realloc(*data, (size_t)sb.bytes);
	if (p == NULL)
		return fault_nomem(why);
	*data = p;
	st = b->type->get(
	    b, key, *len, p + *len, (size_t)sb.bytes - *len, &got, why);
	if (st != BLK_OK)
		return st;
	*len += got;
	if (*len < sb.bytes)
		return fault(why, BLK_FAILED, "%s became shorter", key);
	return BLK_OK;
}

/* Small blobs in one call, without asking for the size first. */
static enum blk_status
get_all(struct backend *b, const char *key, size_t max, void **data,
    size_t *len, struct fault *why)
{
	size_t first = max < FIRST_READ ? max + 1 : FIRST_READ;
	char *p = malloc(first);
	enum blk_status st;

	if (p == NULL)
		return fault_nomem(why);
	st = b->type->get(b, key, 0, p, first, len, why);
	if (st == BLK_OK && *len == first)
		st = get_rest(b, key, max, &p, len, why);
	if (st != BLK_OK) {
		free(p);
		*len = 0;
		return st;
	}
	*data = p;
	return BLK_OK;
}

enum blk_status
backend_get_all(struct backend *b, const char *key, size_t max, void **data,
    size_t *len, struct fault *why)
{
	enum blk_status st = before(b, BACKEND_OP_GET, key, why);

	*data = NULL;
	*len = 0;
	if (st != BLK_OK)
		return st;
	st = get_all(b, key, max, data, len, why);
	st = after(b, BACKEND_OP_GET, key, st, why);
	if (st != BLK_OK) {
		free(*data);
		*data = NULL;
		*len = 0;
	}
	return st;
}

enum blk_status
backend_stat(struct backend *b, const char *key, struct backend_stat *st,
    struct fault *why)
{
	enum blk_status status = before(b, BACKEND_OP_STAT, key, why);

	if (status != BLK_OK)
		return status;
	status = b->type->stat(b, key, st, why);
	return after(b, BACKEND_OP_STAT, key, status, why);
}

enum blk_status
backend_list(struct backend *b, const char *prefix,
    enum blk_status (*visit)(void *arg, const char *key,
        const struct backend_stat *st, struct fault *why),
    void *arg, bool *complete, struct fault *why)
{
	enum blk_status st = before(b, BACKEND_OP_LIST, prefix, why);

	*complete = false;
	if (st != BLK_OK)
		return st;
	st = b->type->list(b, prefix, visit, arg, complete, why);
	st = after(b, BACKEND_OP_LIST, prefix, st, why);
	if (st != BLK_OK)
		*complete = false;
	return st;
}

enum blk_status
backend_remove(struct backend *b, const char *key, struct fault *why)
{
	enum blk_status st = before(b, BACKEND_OP_REMOVE, key, why);

	if (st != BLK_OK)
		return st;
	st = b->type->remove(b, key, why);
	return after(b, BACKEND_OP_REMOVE, key, st, why);
}

enum blk_status
backend_settle(struct backend *b, const char *key, struct fault *why)
{
	enum blk_status st = before(b, BACKEND_OP_SETTLE, key, why);

	if (st != BLK_OK)
		return st;
	if (b->type->settle != NULL)
		st = b->type->settle(b, key, why);
	return after(b, BACKEND_OP_SETTLE, key, st, why);
}

enum blk_status
backend_stats(struct backend *b, struct backend_stats *s, struct fault *why)
{
	return b->type->stats(b, s, why);
}

enum blk_status
backend_compact(struct backend *b, struct fault *why)
{
	return b->type->compact == NULL ? BLK_OK : b->type->compact(b, why);
}

int
backend_lock_dir(struct backend *b)
{
	return b->caps.kernel_locks ? b->type->lock_dir(b) : -1;
}

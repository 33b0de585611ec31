/*
 * backend.c - every sentence of backend.h, asked of every engine.
 *
 * A new engine is one line in engines.h.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engines.h"
#include "tmpdir.h"

const struct backend_open_options make = { .create = true };
const struct backend_open_options plain = { .create = false };

/* What a test works with; a fresh store each. */
static char root[TMPDIR_MAX];
char url[128];
struct backend *b;

static int
fresh(void **state)
{
	const struct engine *e = *state;
	struct fault why = FAULT_NONE;

	if (tmpdir_make(root) != 0)
		return -1;
	snprintf(url, sizeof(url), "%s:%s/store", e->scheme,
	    e->on_disk ? root : "test");
	return backend_open(url, &make, &b, &why) == BLK_OK ? 0 : -1;
}

static int
gone(void **state)
{
	(void)state;
	backend_close(b);
	b = NULL;
	return tmpdir_remove(root);
}

struct backend *
second(const struct backend_open_options *o)
{
	struct fault why = FAULT_NONE;
	struct backend *other;

	assert_int_equal(backend_open(url, o, &other, &why), BLK_OK);
	assert_non_null(other);
	return other;
}

void
fill(void *buf, size_t len, unsigned seed)
{
	uint8_t *p = buf;
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

void
put(const char *key, const void *data, size_t len)
{
	struct fault why = FAULT_NONE;

	assert_int_equal(backend_put(b, key, data, len, &why), BLK_OK);
}

void
assert_holds(
    struct backend *where, const char *key, const void *want, size_t len)
{
	struct fault why = FAULT_NONE;
	void *data;
	size_t got;

	assert_int_equal(
	    backend_get_all(where, key, len, &data, &got, &why), BLK_OK);
	assert_int_equal(got, len);
	if (len > 0)
		assert_memory_equal(data, want, len);
	free(data);
}

enum blk_status
put_new(struct backend *where, const char *key, const void *data, size_t len,
    enum backend_outcome *outcome)
{
	struct fault why = FAULT_NONE;
	union {
		const void *in;
		void *out;
	} u = { .in = data };
	const struct iovec part = { u.out, len };

	return backend_put_exclusive(where, key, &part, 1, outcome, &why);
}

/* --- open --- */

static void
opening_what_is_not_there_is_absent(void **state)
{
	struct fault why = FAULT_NONE;
	struct backend *other = b;
	char none[140];

	(void)state;
	snprintf(none, sizeof(none), "%s-none", url);
	assert_int_equal(backend_open(none, &plain, &other, &why), BLK_ABSENT);
	assert_null(other);
}

static void
creating_what_is_there_opens_it(void **state)
{
	struct backend *other;

	(void)state;
	put("segments/ab/x", "x", 1);
	other = second(&make);
	assert_holds(other, "segments/ab/x", "x", 1);
	backend_close(other);
	assert_holds(b, "segments/ab/x", "x", 1);
}

static void
a_store_on_disk_outlives_its_handles(void **state)
{
	const struct engine *e = *state;
	struct fault why = FAULT_NONE;

	put("segments/ab/x", "x", 1);
	backend_close(b);
	if (e->on_disk) {
		b = second(&plain);
		assert_holds(b, "segments/ab/x", "x", 1);
		return;
	}
	assert_int_equal(backend_open(url, &plain, &b, &why), BLK_ABSENT);
}

static void
unknown_options_are_refused(void **state)
{
	static const char *const queries[] = { "?", "?k=v", "?single-writer" };

	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct fault why = FAULT_NONE;
		struct backend *other = b;
		char bad[160];

		snprintf(bad, sizeof(bad), "%s%s", url, queries[i]);
		assert_int_equal(
		    backend_open(bad, &make, &other, &why), BLK_INVALID);
		assert_null(other);
		assert_non_null(strstr(why.text, queries[i] + 1));
	}
}

static void
a_read_only_handle_reads_and_does_not_write(void **state)
{
	static const struct backend_open_options reading = { .read_only =
		                                                 true };
	struct fault why = FAULT_NONE;
	struct backend *other;

	(void)state;
	put("segments/ab/x", "x", 1);
	other = second(&reading);
	assert_true(other->caps.read_only);
	assert_holds(other, "segments/ab/x", "x", 1);
	assert_int_equal(backend_put(other, "y", "y", 1, &why), BLK_FAILED);
	assert_non_null(strstr(why.text, "read-only"));
	assert_int_equal(
	    backend_remove(other, "segments/ab/x", &why), BLK_FAILED);
	assert_holds(b, "segments/ab/x", "x", 1);
	backend_close(other);
}

static void
a_session_is_checked(void **state)
{
	static const char *const bad[] = { "", "abc",
		"0123456789ABCDEF0123456789ABCDEF", SESSION "0",
		"0123456789abcdef0123456789abcde/" };
	struct backend_open_options o = { .session = SESSION };
	struct fault why = FAULT_NONE;
	struct backend *other = second(&o);

	(void)state;
	assert_int_equal(backend_put(other, "x", "x", 1, &why), BLK_OK);
	backend_close(other);
	for (size_t i = 0; i < COUNT(bad); i++) {
		o.session = bad[i];
		assert_int_equal(
		    backend_open(url, &o, &other, &why), BLK_INVALID);
		assert_null(other);
	}
}

/* --- what does not ask an engine --- */

static void
an_unknown_scheme_is_refused_and_the_known_are_named(void **state)
{
	static const char *const bad[] = { "nope:x", "s4://b/c", "fil:/tmp",
		"file2:x" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fault why = FAULT_NONE;
		struct backend *none = b;

		assert_int_equal(
		    backend_open(bad[i], &make, &none, &why), BLK_INVALID);
		assert_null(none);
		for (size_t t = 0; backend_at(t) != NULL; t++)
			assert_non_null(
			    strstr(why.text, backend_at(t)->scheme));
	}
}

static void
a_path_needs_no_scheme(void **state)
{
	static const char *const rest[] = { "/plain", "/with:colon", "/file:/x",
		"/mem:x", "/Upper:x" };

	(void)state;
	assert_int_equal(tmpdir_make(root), 0);
	for (size_t i = 0; i < COUNT(rest); i++) {
		struct fault why = FAULT_NONE;
		struct backend *file;
		struct stat sb;
		char path[128];

		snprintf(path, sizeof(path), "%s%s", root, rest[i]);
		assert_int_equal(
		    backend_open(path, &make, &file, &why), BLK_OK);
		assert_string_equal(file->type->scheme, "file");
		backend_close(file);
		assert_int_equal(stat(path, &sb), 0);
	}
	backend_close(NULL);
	assert_int_equal(tmpdir_remove(root), 0);
}

static void
every_engine_is_in_the_suite(void **state)
{
	size_t n = 0;

	(void)state;
	while (backend_at(n) != NULL)
		n++;
	assert_int_equal(n, COUNT(engines));
	assert_null(backend_at(n + 1));
	assert_null(backend_at(SIZE_MAX));
}

static const struct promise promise_of_open[] = {
	PROMISE(opening_what_is_not_there_is_absent),
	PROMISE(creating_what_is_there_opens_it),
	PROMISE(a_store_on_disk_outlives_its_handles),
	PROMISE(unknown_options_are_refused),
	PROMISE(a_read_only_handle_reads_and_does_not_write),
	PROMISE(a_session_is_checked),
	{ NULL, NULL },
};

static const struct promise *const contract[] = {
	promise_of_open,
	promise_of_blobs,
	promise_of_lists,
	promise_of_wrappers,
};

static const struct CMUnitTest general[] = {
	cmocka_unit_test(an_unknown_scheme_is_refused_and_the_known_are_named),
	cmocka_unit_test(a_path_needs_no_scheme),
	cmocka_unit_test(every_engine_is_in_the_suite),
};

#define TESTS_MAX (COUNT(engines) * 60 + COUNT(general))

/* Add the promises of one table, asked of engine e, behind the first n. */
static size_t
add(struct CMUnitTest *tests, size_t n, const struct promise *p,
    struct engine *e)
{
	static char names[TESTS_MAX][120];

	for (; p->name != NULL && n < TESTS_MAX; p++, n++) {
		snprintf(
		    names[n], sizeof(names[n]), "%s: %s", e->scheme, p->name);
		tests[n] =
		    (struct CMUnitTest){ names[n], p->keep, fresh, gone, e };
	}
	return n;
}

int
main(void)
{
	static struct CMUnitTest tests[TESTS_MAX];
	static struct engine states[COUNT(engines)];
	size_t n = COUNT(general);

	memcpy(tests, general, sizeof(general));
	memcpy(states, engines, sizeof(engines));
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(contract); i++)
			n = add(tests, n, contract[i], &states[e]);
	return _cmocka_run_group_tests("backend", tests, n, NULL, NULL);
}

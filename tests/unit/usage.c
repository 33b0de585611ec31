/*
 * What versions cost, and what dropping them would free.
 */
#include "reader-store.h"

#include "usage.h"

#define OK(call) assert_int_equal(call, BLK_OK)

static const struct usage_options all = { .only_freed = false };

static struct digest
add_data(struct shop *p, char fill, size_t len)
{
	char *data = malloc(len + 1);
	struct digest id;

	assert_non_null(data);
	memset(data, fill, len);
	id = shop_add(p, KIND_DATA, data, len);
	free(data);
	return id;
}

/* A list of two chunks of 5000 and 6000 bytes; the id of what they are. */
static struct digest
add_list(struct shop *p, char a, char b)
{
	struct digest first = add_data(p, a, 5000), second, whole;
	struct buf text = BUF_INIT(4096);
	char *data = malloc(11000);

	assert_non_null(data);
	second = add_data(p, b, 6000);
	memset(data, a, 5000);
	memset(data + 5000, b, 6000);
	OK(hasher_of(p->hash, data, 11000, &whole, &p->why));
	OK(structure_add_data(&text, &first, 5000, &p->why));
	OK(structure_add_data(&text, &second, 6000, &p->why));
	shop_end_frame(p);
	shop_add_as(p, &whole, KIND_LIST, text.data, text.len);
	shop_end_frame(p);
	buf_release(&text);
	free(data);
	return whole;
}

static struct digest
version_of(struct shop *p, const char *name)
{
	struct catalog *c = store_catalog(p->s);
	struct digest vid;
	uint64_t number;

	OK(c->type->name_get(c, name, &number, &vid, &p->why));
	return vid;
}

static uint64_t
live_bytes(struct shop *p)
{
	struct catalog *c = store_catalog(p->s);
	struct catalog_totals t;

	OK(c->type->totals(c, &t, &p->why));
	return t.live_bytes;
}

static struct usage
usage_named(struct shop *p, const char *const *name, size_t n)
{
	struct usage_root root[4];
	struct usage u;

	for (size_t i = 0; i < n; i++)
		root[i] = (struct usage_root){ version_of(p, name[i]),
			CLASS_VERSION };
	if (usage_of(p->s, root, n, &all, &u, &p->why) != BLK_OK)
		fail_msg("%s", p->why.text);
	return u;
}

static struct usage
usage_name(struct shop *p, const char *name)
{
	return usage_named(p, &name, 1);
}

static void
a_version_alone_frees_all_that_is_live(void **state)
{
	struct digest id;
	struct shop p;
	struct usage u;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	shop_finish(&p, "n", CLASS_CONTENT, &id);
	u = usage_name(&p, "n");
	assert_int_equal(u.data, 11000);
	assert_int_equal(u.unique, 11000);
	assert_int_equal(u.freed, live_bytes(&p));
	assert_int_equal(u.freed, u.data + u.structure);
	assert_int_equal(u.freed_objects, 4); /* 2 chunks, list, version */
	assert_int_equal(u.stored, u.freed_stored);
	assert_true(u.stored > 0 && u.stored < 11000);
	shop_close(&p);
}

static void
what_two_share_goes_only_with_both(void **state)
{
	const char *both[] = { "one", "two" };
	struct digest a, b;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	a = add_list(&p, 'a', 'b');
	b = add_list(&p, 'a', 'c'); /* 'a' is stored twice, counted twice */
	shop_name(&p, "one", CLASS_CONTENT, &a, 0);
	shop_name(&p, "two", CLASS_CONTENT, &b, 0);
	shop_publish(&p);
	shop_commit(&p);
	u = usage_name(&p, "one");
	assert_int_equal(u.data, 11000);
	assert_int_equal(u.unique, 6000);
	u = usage_named(&p, both, 2);
	assert_int_equal(u.data, 17000);
	assert_int_equal(u.unique, 17000);
	assert_int_equal(u.freed, live_bytes(&p));
	shop_close(&p);
}

static void
the_same_content_under_two_names_is_free_with_neither(void **state)
{
	struct digest id;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	shop_name(&p, "one", CLASS_CONTENT, &id, 0);
	shop_name(&p, "two", CLASS_CONTENT, &id, 0);
	shop_publish(&p);
	shop_commit(&p);
	u = usage_name(&p, "one");
	assert_int_equal(u.data, 11000);
	assert_int_equal(u.unique, 0);
	assert_int_equal(u.freed_objects, 1); /* the version itself */
	shop_close(&p);
}

static void
a_chunk_that_comes_twice_counts_once(void **state)
{
	struct digest id;
	struct usage u;
	struct shop p;
	struct buf text = BUF_INIT(4096);
	char data[2000];
	struct digest chunk;

	(void)state;
	shop_open(&p, "mem:usage");
	memset(data, 'x', sizeof(data));
	chunk = shop_add(&p, KIND_DATA, data, 1000);
	OK(hasher_of(p.hash, data, 2000, &id, &p.why));
	OK(structure_add_data(&text, &chunk, 1000, &p.why));
	OK(structure_add_data(&text, &chunk, 1000, &p.why));
	shop_end_frame(&p);
	shop_add_as(&p, &id, KIND_LIST, text.data, text.len);
	shop_finish(&p, "n", CLASS_CONTENT, &id);
	u = usage_name(&p, "n");
	assert_int_equal(u.data, 1000);
	assert_int_equal(u.unique, 1000);
	buf_release(&text);
	shop_close(&p);
}

static void
dropping_frees_what_was_said(void **state)
{
	struct digest a, b, vid;
	uint64_t before;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	a = add_list(&p, 'a', 'b');
	b = add_list(&p, 'b', 'd');
	shop_name(&p, "one", CLASS_CONTENT, &a, 0);
	shop_name(&p, "two", CLASS_CONTENT, &b, 0);
	shop_publish(&p);
	shop_commit(&p);
	u = usage_name(&p, "one");
	before = live_bytes(&p);
	vid = version_of(&p, "one");
	shop_drop(&p, &vid);
	shop_commit(&p);
	assert_int_equal(live_bytes(&p), before - u.freed);
	shop_close(&p);
}

static void
only_freed_leaves_the_rest_out(void **state)
{
	const struct usage_options o = { .only_freed = true };
	struct usage_root root = { .class = CLASS_VERSION };
	struct digest id;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	shop_name(&p, "one", CLASS_CONTENT, &id, 0);
	shop_name(&p, "two", CLASS_CONTENT, &id, 0);
	shop_publish(&p);
	shop_commit(&p);
	root.id = version_of(&p, "one");
	OK(usage_of(p.s, &root, 1, &o, &u, &p.why));
	assert_int_equal(u.data, 0);
	assert_int_equal(u.freed_objects, 1);
	shop_close(&p);
}

static void
no_roots_cost_nothing(void **state)
{
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	OK(usage_of(p.s, NULL, 0, &all, &u, &p.why));
	assert_int_equal(u.data + u.structure + u.freed + u.stored, 0);
	shop_close(&p);
}

static void
more_references_than_there_are_is_an_unsound_index(void **state)
{
	struct usage_root root[2] = { { .class = CLASS_VERSION },
		{ .class = CLASS_VERSION } };
	struct digest id;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	shop_finish(&p, "n", CLASS_CONTENT, &id);
	root[0].id = root[1].id = version_of(&p, "n");
	assert_int_equal(usage_of(p.s, root, 2, &all, &u, &p.why), BLK_CORRUPT);
	assert_int_equal(strncmp(p.why.text, "index", 5), 0);
	shop_close(&p);
}

static void
structure_that_cannot_be_read_is_told(void **state)
{
	struct usage_root root = { .class = CLASS_VERSION };
	struct digest id, segment;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	segment = shop_finish(&p, "n", CLASS_CONTENT, &id);
	root.id = version_of(&p, "n");
	shop_lose(&p, &segment);
	frames_forget(store_frames(p.s), &segment);
	assert_int_equal(
	    usage_of(p.s, &root, 1, &all, &u, &p.why), BLK_CORRUPT);
	shop_close(&p);
}

static void
memory_is_bounded_and_the_bound_is_told(void **state)
{
	const struct usage_options o = { .max_memory = 100 };
	struct usage_root root = { .class = CLASS_VERSION };
	struct digest id;
	struct usage u;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:usage");
	id = add_list(&p, 'a', 'b');
	shop_finish(&p, "n", CLASS_CONTENT, &id);
	root.id = version_of(&p, "n");
	assert_int_equal(usage_of(p.s, &root, 1, &o, &u, &p.why), BLK_FAILED);
	assert_non_null(strstr(p.why.text, "--max-memory"));
	shop_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_alone_frees_all_that_is_live),
		cmocka_unit_test(what_two_share_goes_only_with_both),
		cmocka_unit_test(
		    the_same_content_under_two_names_is_free_with_neither),
		cmocka_unit_test(a_chunk_that_comes_twice_counts_once),
		cmocka_unit_test(dropping_frees_what_was_said),
		cmocka_unit_test(only_freed_leaves_the_rest_out),
		cmocka_unit_test(no_roots_cost_nothing),
		cmocka_unit_test(
		    more_references_than_there_are_is_an_unsound_index),
		cmocka_unit_test(structure_that_cannot_be_read_is_told),
		cmocka_unit_test(memory_is_bounded_and_the_bound_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

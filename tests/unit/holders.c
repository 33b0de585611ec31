/*
 * Which versions, and which paths in them, refer to what is asked for.
 */
#include <stdio.h>

#include "reader-store.h"

#include "holders.h"

#define OK(call) assert_int_equal(call, BLK_OK)

/* What is wanted, and what was said: "n:a/x n m:y " */
struct asked {
	struct digest id;
	enum class class;
	size_t told, most;
	char text[4096];
};

static bool
wanted(void *arg, const struct digest *id, enum class class)
{
	const struct asked *k = arg;

	return class == k->class && digest_equal(id, &k->id);
}

static enum blk_status
found(void *arg, const struct holders_place *p, struct fault *why)
{
	struct asked *k = arg;
	size_t at = strlen(k->text);

	(void)why;
	k->told++;
	snprintf(k->text + at, sizeof(k->text) - at, "%s%s%s%s ",
	    p->version->v.name, p->path == NULL ? "" : ":",
	    p->path == NULL ? "" : p->path, p->unreadable ? "!" : "");
	return BLK_OK;
}

static bool
enough(void *arg)
{
	const struct asked *k = arg;

	return k->told >= k->most;
}

static void
ask(struct shop *p, const struct digest *id, enum class class,
    struct holders_options o, struct asked *k)
{
	*k = (struct asked){ .id = *id, .class = class, .most = SIZE_MAX };
	o.wanted = wanted;
	o.found = found;
	o.enough = enough;
	o.arg = k;
	if (holders_each(p->s, &o, &p->why) != BLK_OK)
		fail_msg("%s", p->why.text);
}

static void
add_line(struct buf *b, char type, const struct digest *id, const char *name)
{
	struct fault why = FAULT_NONE;
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	OK(buf_printf(b, &why, "%c 644 0 0 0%s %s %s\n", type,
	    type == 'F' ? " 5" : "", hex, name));
}

/*
 * one, two:	x/a x/b y	a, b and y are the same; x is one tree of both
 * single:	it alone
 */
static void
make(struct shop *p, struct digest *file, struct digest *dir)
{
	struct buf text = BUF_INIT(4096);
	struct digest root, more;

	shop_open(p, "mem:");
	*file = shop_add(p, KIND_DATA, "same\n", 5);
	more = shop_add(p, KIND_DATA, "more\n", 5);
	shop_end_frame(p);
	add_line(&text, 'F', file, "a");
	add_line(&text, 'F', file, "b");
	*dir = shop_add(p, KIND_TREE, text.data, text.len);
	text.len = 0;
	add_line(&text, 'D', dir, "x");
	add_line(&text, 'F', file, "y");
	root = shop_add(p, KIND_TREE, text.data, text.len);
	shop_name(p, "one", CLASS_TREE, &root, 0);
	add_line(&text, 'F', &more, "z");
	root = shop_add(p, KIND_TREE, text.data, text.len);
	shop_name(p, "two", CLASS_TREE, &root, 0);
	shop_name(p, "single", CLASS_CONTENT, file, 0);
	shop_end_frame(p);
	shop_publish(p);
	shop_commit(p);
	buf_release(&text);
}

static void
all_ways_are_told(void **state)
{
	struct digest file, dir;
	struct asked k;
	struct shop p;

	(void)state;
	make(&p, &file, &dir);
	ask(&p, &file, CLASS_CONTENT, (struct holders_options){ 0 }, &k);
	assert_string_equal(
	    k.text, "one:x/a one:x/b one:y single two:x/a two:x/b two:y ");
	ask(&p, &dir, CLASS_TREE, (struct holders_options){ 0 }, &k);
	assert_string_equal(k.text, "one:x two:x ");
	shop_close(&p);
}

static void
once_is_as_often_as_it_is_counted(void **state)
{
	const struct holders_options o = { .once = true };
	struct digest file, dir;
	struct catalog_facts f;
	struct catalog *c;
	struct asked k;
	struct shop p;

	(void)state;
	make(&p, &file, &dir);
	ask(&p, &file, CLASS_CONTENT, o, &k);
	assert_string_equal(k.text, "one:x/a one:x/b one:y single two:y ");
	c = store_catalog(p.s);
	OK(c->type->facts(c, &file, &f, &p.why));
	assert_int_equal(k.told, f.count[CLASS_CONTENT]);
	shop_close(&p);
}

/* Two entries fit: all is told that was told before, some of it again. */
static void
little_memory_tells_no_less(void **state)
{
	const struct holders_options o = { .once = true, .max_memory = 400 };
	struct digest file, dir;
	struct asked k;
	struct shop p;

	(void)state;
	make(&p, &file, &dir);
	ask(&p, &file, CLASS_CONTENT, o, &k);
	for (const char *const *at = (const char *const[]){ "one:x/a ",
	         "one:x/b ", "one:y ", "single ", "two:y ", NULL };
	     *at != NULL; at++)
		assert_non_null(strstr(k.text, *at));
	shop_close(&p);
}

static void
it_ends_when_there_are_enough(void **state)
{
	struct holders_options o = {
		.wanted = wanted, .found = found, .enough = enough
	};
	struct asked k = { .class = CLASS_CONTENT, .most = 2 };
	struct digest dir;
	struct shop p;

	(void)state;
	make(&p, &k.id, &dir);
	o.arg = &k;
	OK(holders_each(p.s, &o, &p.why));
	assert_true(strncmp(k.text, "one:x/a one:x/b ", 16) == 0);
	assert_true(k.told < 5);
	shop_close(&p);
}

static void
what_expired_is_left_out(void **state)
{
	struct digest id;
	struct asked k;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:");
	id = shop_add(&p, KIND_DATA, "same\n", 5);
	shop_name(&p, "kept", CLASS_CONTENT, &id, 0);
	shop_name(&p, "later", CLASS_CONTENT, &id, 500);
	shop_name(&p, "over", CLASS_CONTENT, &id, 400);
	shop_end_frame(&p);
	shop_publish(&p);
	shop_commit(&p);
	ask(&p, &id, CLASS_CONTENT, (struct holders_options){ .now = 400 }, &k);
	assert_string_equal(k.text, "kept later ");
	shop_close(&p);
}

static void
chunks_are_found_in_contents(void **state)
{
	struct buf text = BUF_INIT(4096);
	struct digest chunk, whole;
	struct asked k;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:");
	chunk = shop_add(&p, KIND_DATA, "half", 4);
	shop_end_frame(&p);
	OK(hasher_of(p.hash, "halfhalf", 8, &whole, &p.why));
	OK(structure_add_data(&text, &chunk, 4, &p.why));
	OK(structure_add_data(&text, &chunk, 4, &p.why));
	shop_add_as(&p, &whole, KIND_LIST, text.data, text.len);
	shop_name(&p, "n", CLASS_CONTENT, &whole, 0);
	shop_end_frame(&p);
	shop_publish(&p);
	shop_commit(&p);
	ask(&p, &chunk, CLASS_DATA, (struct holders_options){ 0 }, &k);
	assert_string_equal(k.text, "");
	ask(&p, &chunk, CLASS_DATA,
	    (struct holders_options){ .contents = true }, &k);
	assert_string_equal(k.text, "n n ");
	buf_release(&text);
	shop_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_are_told),
		cmocka_unit_test(once_is_as_often_as_it_is_counted),
		cmocka_unit_test(little_memory_tells_no_less),
		cmocka_unit_test(it_ends_when_there_are_enough),
		cmocka_unit_test(what_expired_is_left_out),
		cmocka_unit_test(chunks_are_found_in_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

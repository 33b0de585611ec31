/*
 * Tables of segments against a catalog that holds something else.
 */
#include <stdio.h>

#include "check.h"
#include "reader-store.h"

#define OK(call) assert_int_equal(call, BLK_OK)

struct found {
	unsigned unknown, live, findings;
	struct digest id[4];
};

static void
on_finding(void *arg, const struct check_finding *f)
{
	struct found *x = arg;

	x->findings++;
	x->live += f->what == CHECK_COUNT && f->has_id &&
	    strstr(f->message, " live bytes") != NULL;
	if (strstr(f->message, "does not know this copy") == NULL)
		return;
	assert_int_equal(f->what, CHECK_INDEX);
	assert_true(f->has_id && x->unknown < 4);
	x->id[x->unknown++] = f->id;
}

static void
look_within(struct shop *p, struct found *x, uint64_t memory)
{
	const struct check_options o = {
		.jobs = 1, .max_memory = memory, .finding = on_finding, .arg = x
	};
	struct check_report r;

	memset(x, 0, sizeof(*x));
	OK(check_run(p->s, &o, &r, &p->why));
	assert_int_equal(r.findings == 0, x->findings == 0);
	assert_true(r.of_index <= r.findings);
}

static void
look(struct shop *p, struct found *x)
{
	look_within(p, x, 8 << 20);
}

/* What is found of a text that is there, whole, and refers to nothing. */
static unsigned
findings_of(enum kind kind, enum class class, const char *text)
{
	struct digest id;
	struct found x;
	struct shop p;

	shop_open(&p, "mem:");
	id = shop_add(&p, kind, text, strlen(text));
	(void)shop_finish(&p, "a", class, &id);
	look(&p, &x);
	shop_close(&p);
	return x.findings;
}

static unsigned
findings_of_snapshot(const char *end)
{
	char text[1000], hex[DIGEST_HEX];
	struct digest tree, id;
	struct found x;
	struct shop p;

	shop_open(&p, "mem:");
	tree = shop_add(&p, KIND_TREE, "", 0);
	digest_hex(&tree, hex);
	snprintf(text, sizeof(text),
	    "snapshot 1\ntree %s\nroot 755 0 0 1\nname n\nhost h\npath /\n"
	    "start 1\nend 2\nfiles 0\ndirs 0\nothers 0\nbytes 0\n%s",
	    hex, end);
	id = shop_add(&p, KIND_SNAPSHOT, text, strlen(text));
	(void)shop_finish(&p, "a", CLASS_SNAPSHOT, &id);
	look(&p, &x);
	shop_close(&p);
	return x.findings;
}

static void
structure_in_another_spelling_is_found(void **state)
{
	static const char *const good = "P 600 0 0 0 a\nP 600 0 0 0 b\n";
	static const char *const bad[] = { "P 600 0 0 0 b\nP 600 0 0 0 a\n",
		"P 600 0 0 0 a\nP 600 0 0 0 a\n", "P 0600 0 0 0 a\n",
		"P 600 0 0 0 a/b\n", "P 600 0 0 0 colour=red a\n",
		"L 777 0 0 0 a\n" };

	(void)state;
	assert_int_equal(findings_of(KIND_TREE, CLASS_TREE, good), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (findings_of(KIND_TREE, CLASS_TREE, bad[i]) != 1)
			fail_msg("%s", bad[i]);
	assert_int_equal(findings_of_snapshot("tag a\n"), 1);
	assert_int_equal(findings_of_snapshot("changed x\n"), 0);
	assert_int_equal(findings_of_snapshot("changed x\nerror a b\n"), 1);
}

/* Two segments, of one and of two objects. */
static void
fill(struct shop *p, struct digest id[3])
{
	id[0] = shop_add(p, KIND_DATA, "one", 3);
	(void)shop_finish(p, "a", CLASS_CONTENT, &id[0]);
	id[1] = shop_add(p, KIND_DATA, "two", 3);
	id[2] = shop_add(p, KIND_DATA, "three", 5);
	shop_name(p, "b", CLASS_CONTENT, &id[1], 0);
	(void)shop_finish(p, "b", CLASS_CONTENT, &id[2]);
}

/* Put the newest segment's row in again, without its copies. */
static void
forget_copies(struct shop *p)
{
	struct catalog *c = store_catalog(p->s);
	struct catalog_segment seg, last = { .seq = 0 };
	uint64_t seq = 0;

	while (c->type->segment_next(c, seq, &seg, &p->why) == BLK_OK) {
		seq = seg.seq;
		if (!seg.in_log)
			last = seg;
	}
	OK(c->type->begin(c, &p->why));
	OK(c->type->segment_drop(c, last.seq, &p->why));
	last.seq = seq + 1;
	OK(c->type->segment_add(c, &last, &p->why));
	OK(c->type->commit(c, &p->why));
}

static void
copies_that_the_catalog_does_not_know_are_found(void **state)
{
	struct digest id[3];
	struct found x;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:");
	fill(&p, id);
	look(&p, &x);
	assert_int_equal(x.findings, 0);
	forget_copies(&p);
	look(&p, &x);
	assert_int_equal(x.unknown, 2);
	assert_true(digest_equal(&x.id[0], &id[1]));
	assert_true(digest_equal(&x.id[1], &id[2]));
	shop_close(&p);
}

static void
an_object_that_a_segment_holds_twice_is_no_finding(void **state)
{
	struct digest id[3];
	struct found x;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:");
	id[0] = shop_add(&p, KIND_DATA, "one", 3);
	(void)shop_add(&p, KIND_DATA, "one", 3);
	(void)shop_add(&p, KIND_DATA, "two", 3);
	shop_name(&p, "b", CLASS_CONTENT, &id[0], 0);
	(void)shop_finish(&p, "a", CLASS_CONTENT, &id[0]);
	look(&p, &x);
	assert_int_equal(x.findings, 0);
	shop_close(&p);
}

static enum blk_status
keep_copy(void *arg, const struct digest *id, const struct catalog_copy *copy,
    struct fault *why)
{
	struct wanted {
		struct digest id;
		struct catalog_copy copy;
	} *w = arg;

	(void)why;
	if (digest_equal(id, &w->id))
		w->copy = *copy;
	return BLK_OK;
}

static void
a_row_that_says_otherwise_than_the_objects_what_lives_is_a_finding(void **state)
{
	struct digest id[3];
	struct {
		struct digest id;
		struct catalog_copy copy;
	} wanted;
	struct catalog *c;
	struct found x;
	struct shop p;

	(void)state;
	shop_open(&p, "mem:");
	fill(&p, id);
	c = store_catalog(p.s);
	wanted.id = id[2];
	OK(c->type->copies_each(c, keep_copy, &wanted, &p.why));
	OK(c->type->begin(c, &p.why));
	OK(c->type->segment_live(c, &id[2], &wanted.copy, false, &p.why));
	OK(c->type->commit(c, &p.why));
	look(&p, &x);
	assert_int_equal(x.findings, 1);
	assert_int_equal(x.live, 1);
	look_within(&p, &x, 0); /* as many passes as there can be */
	assert_int_equal(x.findings, 1);
	assert_int_equal(x.live, 1);
	OK(store_rebuild(p.s, &p.why));
	look(&p, &x);
	assert_int_equal(x.findings, 0);
	shop_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure_in_another_spelling_is_found),
		cmocka_unit_test(
		    copies_that_the_catalog_does_not_know_are_found),
		cmocka_unit_test(
		    an_object_that_a_segment_holds_twice_is_no_finding),
		cmocka_unit_test(
		    a_row_that_says_otherwise_than_the_objects_what_lives_is_a_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

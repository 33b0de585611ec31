/*
 * Catalogs: the same calls on the one in memory and on the index give the
 * same answers.
 */
#include "catalog-pair.h"

#include <sys/stat.h>

#define STEPS 600
#define OBJECTS 12

static unsigned
draw(struct pair *p, unsigned below)
{
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 7;
	p->seed ^= p->seed << 17;
	return (unsigned)(p->seed >> 20) % below;
}

static void
assert_same(struct pair *p)
{
	struct text a, b;

	say_all(&a, p->a);
	say_all(&b, p->b);
	for (size_t i = 0, line = 0; strcmp(a.at, b.at) != 0; i++) {
		if (a.at[i] != b.at[i])
			fail_msg("memory: %.160s\nindex: %.160s", a.at + line,
			    b.at + line);
		line = a.at[i] == '\n' ? i + 1 : line;
	}
	free(a.at);
	free(b.at);
}

/* --- calls drawn at random --- */

static void
any_copies(struct pair *p, uint64_t seq)
{
	struct segment_object object[OBJECTS];
	struct segment_table t = { .object = object, .objects = OBJECTS };
	enum blk_status st;

	memset(object, 0, sizeof(object));
	for (uint32_t i = 0; i < OBJECTS; i++) {
		object[i].id = *id_of(draw(p, IDS));
		object[i].kind = (uint8_t)(KIND_DATA + draw(p, 7));
		object[i].length = draw(p, 100000);
	}
	both(p, &st, copies_add, seq, &t);
	assert_int_equal(st, BLK_OK);
	if (draw(p, 3) == 0) /* again: what is there already counts */
		both(p, &st, copies_add, seq, &t);
	assert_int_equal(st, BLK_OK);
}

static void
any_segment(struct pair *p)
{
	struct fault why = FAULT_NONE;
	struct catalog_segment s = { .bytes = draw(p, 1 << 24) };
	enum blk_status st;
	uint64_t last;

	ok(p->a->type->segment_last(p->a, &last, &why));
	s.seq = last + 1;
	memset(&s.id, (int)draw(p, 256), sizeof(s.id));
	s.id.byte[1] = (uint8_t)draw(p, 256);
	s.id.byte[2] = (uint8_t)draw(p, 256);
	s.plain = draw(p, 1 << 26);
	s.live = draw(p, 1 << 20);
	s.marks = (uint64_t)draw(p, 1 << 20) << 44;
	s.commit = draw(p, 1000);
	s.time = (int64_t)draw(p, 1000) - 500;
	s.in_log = draw(p, 2) == 0;
	s.objects = OBJECTS;
	if (p->a->type->segment_find(p->a, &s.id, &s, &why) == BLK_OK)
		return; /* ids are unique */
	both(p, &st, segment_add, &s);
	assert_int_equal(st, BLK_OK);
	any_copies(p, s.seq);
}

/* A segment that is there, mostly. */
static uint64_t
any_seq(struct pair *p)
{
	struct fault why = FAULT_NONE;
	struct catalog_segment s = { .seq = 0 };
	uint64_t last;

	ok(p->a->type->segment_last(p->a, &last, &why));
	if (p->a->type->segment_next(
	        p->a, draw(p, (unsigned)last + 1), &s, &why) == BLK_OK)
		return s.seq;
	return last + 1;
}

static void
any_change(struct pair *p)
{
	struct catalog_segment sa = { .seq = 0 }, sb = { .seq = 0 };
	struct fault why = FAULT_NONE;
	uint64_t seq = any_seq(p);
	struct catalog_copy copy;
	enum blk_status st;

	copy = (struct catalog_copy){ seq, draw(p, 9), draw(p, 700),
		(uint8_t)(1 + draw(p, 6)) };
	both(p, &st, segment_live, id_of(draw(p, IDS)), &copy, draw(p, 3) > 0);
	st = p->a->type->segment_get(p->a, seq, &sa, &why);
	assert_int_equal(p->b->type->segment_get(p->b, seq, &sb, &why), st);
	if (st != BLK_OK)
		return;
	assert_true(digest_equal(&sa.id, &sb.id));
	assert_int_equal(sa.live, sb.live);
	assert_int_equal(sa.marks, sb.marks);
	ok(p->b->type->segment_find(p->b, &sa.id, &sb, &why));
	assert_int_equal(sa.live, sb.live);
	assert_int_equal(sa.marks, sb.marks);
	if (draw(p, 2) == 0) {
		sa.condemned = 1 + draw(p, 100);
		sa.reason = (enum condemned_reason)(1 + draw(p, 3));
	}
	sa.plain = draw(p, 1 << 26);
	both(p, &st, segment_update, &sa);
	assert_int_equal(st, BLK_OK);
}

static void
any_count(struct pair *p)
{
	const struct digest id = *id_of(draw(p, IDS));
	struct catalog_facts f;
	enum blk_status st;

	if (draw(p, 2) == 0)
		both(p, &st, facts, &id, &f);
	for (unsigned n = 1 + draw(p, 3); n > 0; n--)
		both(p, &st, count_set, &id, (enum class)draw(p, CLASSES),
		    draw(p, 3));
}

static const char *
any_name(struct pair *p)
{
	static const char *const name[] = { "a", "a/x", "a/\xc3\xa4", "b", "b2",
		"c",
		"0000000000000000000000000000000000000000000000000000000000000"
		"abc",
		"ffff000000000000000000000000000000000000000000000000000000000"
		"abc" };

	return name[draw(p, 8)];
}

static void
any_version(struct pair *p)
{
	char key[] = "key0", value[] = "value 0", rel[] = "sbom", none[] = "",
	     type[] = "text/plain", x[] = "x";
	char *const types[] = { none, type, x };
	struct version_attr attr[2] = { { key, value }, { x, none } };
	struct version_link link[2] = { { rel, CLASS_CONTENT, *id_of(3) },
		{ rel, CLASS_TREE, *id_of(draw(p, IDS)) } };
	struct version v = { .number = 1 + draw(p, 4),
		.has_previous = draw(p, 2) == 0,
		.class = (enum class)(draw(p, 2) == 0 ? 0 : CLASS_TREE),
		.id = *id_of(draw(p, 6)),
		.size = draw(p, 1 << 20),
		.time = (int64_t)draw(p, 1200) - 200,
		.expires = (int64_t)draw(p, 3),
		.type = types[draw(p, 3)],
		.attr = attr,
		.attrs = draw(p, 3),
		.link = link,
		.links = draw(p, 3) };
	const struct digest vid = *id_of(100 + draw(p, 30));
	enum blk_status st;

	v.name = strdup(any_name(p));
	assert_non_null(v.name);
	if (v.has_previous)
		v.previous = *id_of(draw(p, IDS));
	key[3] = (char)('0' + draw(p, 3));
	both(p, &st, version_put, &vid, &v);
	assert_int_equal(st, BLK_OK);
	both(p, &st, name_set, v.name, v.number, &vid);
	free(v.name);
}

static void
any_drop(struct pair *p)
{
	const struct digest vid = *id_of(100 + draw(p, 30));
	struct catalog_version a, b;
	struct fault why = FAULT_NONE;
	enum blk_status st;

	st = p->a->type->version_get(p->a, &vid, &a, &why);
	assert_int_equal(p->b->type->version_get(p->b, &vid, &b, &why), st);
	if (st == BLK_OK) {
		assert_string_equal(a.v.name, b.v.name);
		assert_int_equal(a.v.links, b.v.links);
		version_release(&a.v);
		version_release(&b.v);
	}
	both(p, &st, version_drop, &vid);
}

static void
any_setting(struct pair *p)
{
	static const char *const key[] = { "gc.threshold", "user.x", "level" };
	const char *k = key[draw(p, 3)];
	char *a, *b;
	struct fault why = FAULT_NONE;
	enum blk_status st;

	both(p, &st, setting_set, k, draw(p, 3) == 0 ? NULL : any_name(p));
	st = p->a->type->setting_get(p->a, k, &a, &why);
	assert_int_equal(p->b->type->setting_get(p->b, k, &b, &why), st);
	if (st == BLK_OK)
		assert_string_equal(a, b);
	free(a);
	free(b);
}

static void
any_note(struct pair *p)
{
	const struct digest id = *id_of(draw(p, IDS));
	uint32_t ordinal = draw(p, 2);
	bool a, b;
	struct fault why = FAULT_NONE;
	enum blk_status st;

	both(p, &st, damage_note, &id, ordinal, draw(p, 2) == 0);
	ok(p->a->type->damage_has(p->a, &id, ordinal, &a, &why));
	ok(p->b->type->damage_has(p->b, &id, ordinal, &b, &why));
	assert_int_equal(a, b);
	both(p, &st, lost_set, &id, (enum class)draw(p, CLASSES),
	    draw(p, 2) == 0);
}

static void
any_record(struct pair *p)
{
	const struct catalog_head h = { .known = true,
		.number = ++p->commits,
		.hash = *id_of(draw(p, IDS)),
		.tail = { (uint8_t)draw(p, 256) },
		.bytes = draw(p, 1000),
		.checkpoint = draw(p, 10),
		.durable = draw(p, 10) };
	enum blk_status st;

	both(p, &st, record_add, p->commits, &h.hash, "text of it",
	    (size_t)draw(p, 11));
	both(p, &st, stat_add, p->commits, any_name(p));
	both(p, &st, head_set, &h);
	if (draw(p, 4) == 0)
		both(p, &st, records_drop, p->commits - 3);
}

static void
clear_counts(struct pair *p)
{
	struct fault why = FAULT_NONE;

	ok(p->a->type->counts_clear(p->a, &why));
	ok(p->b->type->counts_clear(p->b, &why));
}

static void
any_step(struct pair *p)
{
	enum blk_status st;
	uint64_t seq;

	switch (draw(p, 16)) {
	case 0:
	case 1:
		any_segment(p);
		break;
	case 2:
	case 3:
		any_change(p);
		break;
	case 4:
		seq = any_seq(p);
		both(p, &st, segment_drop, seq);
		break;
	case 5:
		any_note(p);
		break;
	case 6:
		any_setting(p);
		break;
	case 7:
		any_record(p);
		break;
	case 8:
	case 9:
	case 10:
		any_version(p);
		break;
	case 11:
		any_drop(p);
		break;
	case 12:
		if (draw(p, 12) == 0)
			clear_counts(p);
		break;
	default:
		any_count(p);
	}
}

/* Facts of some ids, read for the transaction that comes. */
static void
look_ahead(struct pair *p)
{
	struct fault why = FAULT_NONE;
	struct catalog_facts a, b;

	ok(catalog_keep(p->a, &why));
	ok(catalog_keep(p->b, &why));
	for (uint64_t n = draw(p, 12); n > 0; n--) {
		const struct digest *id = id_of(draw(p, IDS));

		ok(p->a->type->facts(p->a, id, &a, &why));
		ok(p->b->type->facts(p->b, id, &b, &why));
		assert_int_equal(a.copies, b.copies);
		assert_memory_equal(a.count, b.count, sizeof(a.count));
		assert_memory_equal(a.lost, b.lost, sizeof(a.lost));
	}
	catalog_release(p->a);
	catalog_release(p->b);
}

static void
run(uint64_t seed, bool in_memory)
{
	struct fault why = FAULT_NONE;
	struct pair p = { .seed = seed, .pending_ids = seed % 2 == 0 ? 5 : 0 };

	pair_open(&p, in_memory);
	for (int round = 0; round < STEPS / 20; round++) {
		bool again = round % 11 == 10;

		if (round % 2 == 0)
			look_ahead(&p);
		ok(p.a->type->begin(p.a, &why));
		ok(p.b->type->begin(p.b, &why));
		if (again) {
			ok(p.a->type->clear(p.a, &why));
			ok(p.b->type->clear(p.b, &why));
		}
		for (int i = 0; i < 20; i++)
			any_step(&p);
		if (round % 3 == 0)
			assert_same(&p);
		ok(p.a->type->commit(p.a, &why));
		ok(p.b->type->commit(p.b, &why));
		assert_same(&p);
	}
	pair_close(&p);
}

static void
random_calls_give_equal_answers(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		print_message("seed %ju\n", (uintmax_t)seed);
		run(seed * 0x9e3779b97f4a7c15u, true);
	}
}

static void
random_calls_give_equal_answers_in_a_file(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		print_message("seed %ju\n", (uintmax_t)seed);
		run(seed * 0x2545f4914f6cdd1du, false);
	}
}

static void
a_rollback_leaves_everything_as_it_was(void **state)
{
	struct pair p = { .seed = 4711 };
	struct fault why = FAULT_NONE;
	struct text before, after;

	(void)state;
	pair_open(&p, false);
	ok(p.b->type->begin(p.b, &why));
	for (int i = 0; i < 200; i++)
		any_step(&p);
	ok(p.b->type->commit(p.b, &why));
	say_all(&before, p.b);
	ok(p.b->type->begin(p.b, &why));
	for (int i = 0; i < 200; i++)
		any_step(&p);
	p.b->type->rollback(p.b);
	say_all(&after, p.b);
	assert_string_equal(before.at, after.at);
	free(before.at);
	free(after.at);
	pair_close(&p);
}

static enum blk_status
stop(void *arg, const char *name, uint64_t number, const struct digest *vid,
    struct fault *why)
{
	(void)name;
	(void)number;
	(void)vid;
	++*(int *)arg;
	return fault(why, BLK_ABSENT, "enough");
}

static void
a_visitor_ends_its_walk_with_its_status(void **state)
{
	struct pair p = { .seed = 1 };
	struct fault why = FAULT_NONE;
	enum blk_status st;
	int seen = 0;

	(void)state;
	pair_open(&p, true);
	ok(p.b->type->begin(p.b, &why));
	both(&p, &st, name_set, "a", 1, id_of(1));
	both(&p, &st, name_set, "b", 1, id_of(2));
	ok(p.b->type->commit(p.b, &why));
	both(&p, &st, name_each, stop, &seen);
	assert_int_equal(st, BLK_ABSENT);
	assert_int_equal(seen, 2); /* one each */
	pair_close(&p);
}

static void
more_copies_than_are_told_leaves_out_the_oldest(void **state)
{
	struct segment_object o = { .id = *id_of(1), .kind = KIND_DATA };
	struct segment_table t = { .object = &o, .objects = 1 };
	struct pair p = { .seed = 1 };
	struct fault why = FAULT_NONE;
	struct catalog_facts f;
	enum blk_status st;

	(void)state;
	pair_open(&p, true);
	ok(p.b->type->begin(p.b, &why));
	for (uint64_t i = 1; i <= CATALOG_COPIES + 4; i++) {
		struct catalog_segment s = { .seq = i,
			.id = *id_of((unsigned)i) };

		both(&p, &st, segment_add, &s);
		both(&p, &st, copies_add, i, &t);
	}
	ok(p.b->type->commit(p.b, &why));
	ok(p.b->type->facts(p.b, &o.id, &f, &why));
	assert_int_equal(f.copies, CATALOG_COPIES);
	assert_int_equal(f.copy[0].seq, CATALOG_COPIES + 4);
	assert_int_equal(f.copy[CATALOG_COPIES - 1].seq, 5);
	assert_same(&p);
	pair_close(&p);
}

static void
copies_of_a_dropped_segment_never_come_back_under_its_number(void **state)
{
	struct segment_object o = { .id = *id_of(1), .kind = KIND_DATA };
	struct segment_table t = { .object = &o, .objects = 1 };
	struct catalog_segment s = { .seq = 1, .id = *id_of(7) };
	struct pair p = { .seed = 1 };
	struct fault why = FAULT_NONE;
	struct catalog_facts f;
	enum blk_status st;

	(void)state;
	pair_open(&p, true);
	for (int round = 0; round < 2; round++) {
		ok(p.b->type->begin(p.b, &why));
		both(&p, &st, segment_add, &s);
		if (round == 0) {
			both(&p, &st, copies_add, 1, &t);
			both(&p, &st, segment_drop, 1);
		}
		ok(p.b->type->commit(p.b, &why));
		ok(p.b->type->copies_all(p.b, &o.id, &f, &why));
		assert_int_equal(f.copies, 0);
		assert_same(&p);
	}
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_calls_give_equal_answers),
		cmocka_unit_test(random_calls_give_equal_answers_in_a_file),
		cmocka_unit_test(a_rollback_leaves_everything_as_it_was),
		cmocka_unit_test(a_visitor_ends_its_walk_with_its_status),
		cmocka_unit_test(
		    more_copies_than_are_told_leaves_out_the_oldest),
		cmocka_unit_test(
		    copies_of_a_dropped_segment_never_come_back_under_its_number),
	};

	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}

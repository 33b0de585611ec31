/*
 * Long texts: cut by their content, and put together again.
 */
#include "structure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED 20240612u

static uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Pieces as they were given, and what is read back of them. */
struct shelf {
	struct hasher *hash;
	struct piece_of_shelf {
		struct digest id;
		char *text;
		size_t len;
	} * piece;
	size_t count, cap;
	size_t fetched, skip_lines;
	uint64_t lines;
	struct hasher *leaf; /* over all leaf lines */
};

static enum blk_status
keep(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	struct shelf *s = arg;
	struct digest real;
	void *items = s->piece;

	assert_int_equal(digest_of(text, len, &real, why), BLK_OK);
	assert_true(digest_equal(&real, id));
	assert_true(len > 0 && len <= STRUCTURE_PIECE_MAX);
	assert_int_equal(
	    array_grow(&items, s->count, &s->cap, sizeof(*s->piece), why),
	    BLK_OK);
	s->piece = items;
	s->piece[s->count].id = *id;
	s->piece[s->count].text = malloc(len);
	s->piece[s->count].len = len;
	assert_non_null(s->piece[s->count].text);
	memcpy(s->piece[s->count++].text, text, len);
	return BLK_OK;
}

static bool
holds(const struct shelf *s, const struct digest *id)
{
	for (size_t i = 0; i < s->count; i++)
		if (digest_equal(&s->piece[i].id, id))
			return true;
	return false;
}

/* Pieces are asked for in the order in which a reader meets them, which is
 * not that of giving where there are heads of heads: search. */
static enum blk_status
fetch(void *arg, const struct digest *id, struct buf *b, struct fault *why)
{
	struct shelf *s = arg;

	assert_int_equal(b->len, 0);
	for (size_t i = 0; i < s->count; i++) {
		size_t at = (i + s->fetched) % s->count;

		if (!digest_equal(&s->piece[at].id, id))
			continue;
		s->fetched = at;
		return buf_add(b, s->piece[at].text, s->piece[at].len, why);
	}
	return BLK_ABSENT;
}

static enum blk_status
hear(void *arg, struct span line, struct fault *why)
{
	struct shelf *s = arg;

	s->lines++;
	assert_int_equal(hasher_add(s->leaf, line.p, line.len, why), BLK_OK);
	return hasher_add(s->leaf, "\n", 1, why);
}

static void
shelf_init(struct shelf *s)
{
	struct fault why;

	*s = (struct shelf){ .lines = 0 };
	assert_int_equal(hasher_new(&s->hash, &why), BLK_OK);
	assert_int_equal(hasher_new(&s->leaf, &why), BLK_OK);
}

static void
shelf_release(struct shelf *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->piece[i].text);
	free(s->piece);
	hasher_free(s->hash);
	hasher_free(s->leaf);
}

/* Cut a text of lines; each covers what covers says, 0: its own length. */
static void
cut(struct shelf *s, struct span text, uint64_t covers, struct buf *head)
{
	struct cutter *c = NULL;
	const void *bytes;
	struct fault why;
	size_t len;

	assert_int_equal(cutter_new(s->hash, keep, s, &c, &why), BLK_OK);
	if (covers != 0)
		cutter_is_list(c);
	while (text.len > 0) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t n;

		assert_non_null(lf);
		n = (size_t)(lf - text.p) + 1;
		assert_int_equal(
		    cutter_line(c, text.p, n, covers != 0 ? covers : n, &why),
		    BLK_OK);
		text = span_of(text.p + n, text.len - n);
	}
	assert_int_equal(cutter_end(c, &bytes, &len, &why), BLK_OK);
	head->len = 0;
	assert_int_equal(buf_add(head, bytes, len, &why), BLK_OK);
	assert_true(len <= STRUCTURE_MAX);
	cutter_free(c);
}

/* Reading the head gives the text again. */
static void
assert_reads(struct shelf *s, const struct buf *head, struct span text)
{
	struct structure_reader r = { .fetch = fetch, .line = hear, .arg = s };
	struct digest want, got;
	struct fault why;

	s->fetched = 0;
	s->lines = 0;
	assert_int_equal(digest_of(text.p, text.len, &want, &why), BLK_OK);
	assert_int_equal(hasher_begin(s->leaf, &why), BLK_OK);
	assert_int_equal(
	    structure_read(&r, span_of(head->data, head->len), &why), BLK_OK);
	assert_int_equal(hasher_end(s->leaf, &got, &why), BLK_OK);
	assert_true(digest_equal(&want, &got));
}

/* count lines of a list, each of length bytes. */
static void
make_list(struct buf *b, size_t count, uint64_t length, uint32_t seed)
{
	struct digest id;
	struct fault why;

	b->len = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < DIGEST_LEN; k++)
			id.byte[k] = (uint8_t)draw(&seed);
		assert_int_equal(
		    structure_add_data(b, &id, length, &why), BLK_OK);
	}
}

static void
texts_up_to_the_limit_stay_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, STRUCTURE_MAX - 1,
		STRUCTURE_MAX };
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	char *text = malloc(STRUCTURE_MAX);
	struct shelf s;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		shelf_init(&s);
		/* Short lines, so that pieces would have ended. */
		for (size_t k = 0; k < sizes[i]; k++)
			text[k] = k % 10 == 9 || k + 1 == sizes[i]
			    ? '\n'
			    : (char)('a' + k / 10 % 7);
		cut(&s, span_of(text, sizes[i]), 0, &head);
		assert_int_equal(s.count, 0);
		assert_int_equal(head.len, sizes[i]);
		if (head.len > 0)
			assert_memory_equal(head.data, text, head.len);
		assert_reads(&s, &head, span_of(text, sizes[i]));
		shelf_release(&s);
	}
	free(text);
	buf_release(&head);
}

static void
one_byte_more_is_cut(void **state)
{
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	char *text = malloc(STRUCTURE_MAX + 1);
	struct shelf s;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', STRUCTURE_MAX + 1);
	text[STRUCTURE_MAX / 2] = '\n';
	text[STRUCTURE_MAX] = '\n';
	shelf_init(&s);
	cut(&s, span_of(text, STRUCTURE_MAX + 1), 0, &head);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.piece[0].len, STRUCTURE_MAX + 1);
	assert_non_null(memmem(head.data, head.len, " 2 1048577\n", 11));
	assert_reads(&s, &head, span_of(text, STRUCTURE_MAX + 1));
	shelf_release(&s);
	free(text);
	buf_release(&head);
}

/* Texts end a piece by 11 bits, lists by 9. */
static bool
line_cuts(const char *line, size_t len, bool list)
{
	struct digest id;
	struct fault why;

	assert_int_equal(digest_of(line, len, &id, &why), BLK_OK);
	return id.byte[0] == 0 && id.byte[1] < (list ? 0x80 : 0x20);
}

/* The rule, said once more: where the next piece of text ends. */
static size_t
piece_end(struct span text, bool list)
{
	size_t at = 0;

	for (size_t lines = 1; at < text.len; lines++) {
		const char *lf = memchr(text.p + at, '\n', text.len - at);
		size_t n = (size_t)(lf - (text.p + at)) + 1;

		if (at > 0 && at + n > STRUCTURE_PIECE_MAX)
			break;
		at += n;
		if (lines == STRUCTURE_LINES_MAX ||
		    (lines >= STRUCTURE_LINES_MIN &&
		        line_cuts(text.p + at - n, n, list)))
			break;
	}
	return at;
}

static void
assert_cut_by_the_rule(struct span text, uint64_t covers)
{
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	struct span rest = text;
	struct shelf s;

	shelf_init(&s);
	cut(&s, text, covers, &head);
	for (size_t i = 0; i < s.count; i++) {
		size_t n = piece_end(rest, covers != 0);

		assert_int_equal(s.piece[i].len, n);
		assert_memory_equal(s.piece[i].text, rest.p, n);
		rest = span_of(rest.p + n, rest.len - n);
	}
	assert_int_equal(rest.len, 0);
	assert_reads(&s, &head, text);
	shelf_release(&s);
	buf_release(&head);
}

static void
pieces_end_where_the_rule_says(void **state)
{
	/* Lengths of lines: many a piece by hash; by the number of lines; by
	 * bytes; and lines of the greatest length. */
	static const struct {
		size_t line, count;
		bool same;
	} cases[] = {
		{ 40, 60000, false },
		{ 8, 400000, false },
		{ 90, 50000, true },
		{ 3000, 5000, false },
		{ STRUCTURE_LINE_MAX, 11, false },
		{ STRUCTURE_LINE_MAX - 1, 9, false },
	};
	struct buf b = BUF_INIT((size_t)64 << 20);
	uint32_t seed = SEED;
	struct fault why;

	(void)state;
	print_message("# seed %u\n", SEED);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = cases[i].line;

		b.len = 0;
		for (size_t k = 0; k < cases[i].count; k++) {
			uint8_t *p;
			char number[16];

			assert_int_equal(buf_reserve(&b, len, &why), BLK_OK);
			p = b.data + b.len;
			memset(p, 'a', len);
			snprintf(number, sizeof(number), "%06x",
			    cases[i].same ? 0 : draw(&seed) & 0xffffff);
			memcpy(p, number, 6);
			p[len - 1] = '\n';
			b.len += len;
		}
		assert_cut_by_the_rule(span_of(b.data, b.len), 0);
	}
	buf_release(&b);
}

static void
lists_are_cut_earlier_and_finer(void **state)
{
	struct buf b = BUF_INIT((size_t)1 << 20);
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	size_t width, whole;
	struct shelf s;

	(void)state;
	make_list(&b, 8000, 12345, SEED);
	width = b.len / 8000;
	whole = STRUCTURE_LIST_MAX / width;
	shelf_init(&s);
	cut(&s, span_of(b.data, whole * width), 12345, &head);
	assert_int_equal(s.count, 0);
	cut(&s, span_of(b.data, (whole + 1) * width), 12345, &head);
	assert_true(s.count > 0);
	shelf_release(&s);
	assert_cut_by_the_rule(span_of(b.data, b.len), 12345);
	buf_release(&b);
	buf_release(&head);
}

static void
a_list_is_covered_by_its_content(void **state)
{
	struct buf b = BUF_INIT((size_t)16 << 20);
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	struct span rest, line;
	struct reference r;
	uint64_t lines = 0, bytes = 0;
	struct shelf s;
	bool bad = false;

	(void)state;
	make_list(&b, 50000, 12345, SEED);
	shelf_init(&s);
	cut(&s, span_of(b.data, b.len), 12345, &head);
	assert_true(s.count > 10);
	rest = span_of(head.data, head.len);
	while (text_line(&rest, &line, &bad)) {
		assert_true(structure_line(line, &r));
		assert_int_equal(r.class, CLASS_PIECE);
		lines += r.lines;
		bytes += r.size;
	}
	assert_int_equal(lines, 50000);
	assert_int_equal(bytes, UINT64_C(50000) * 12345);
	assert_reads(&s, &head, span_of(b.data, b.len));
	shelf_release(&s);
	buf_release(&b);
	buf_release(&head);
}

static void
one_changed_line_changes_few_pieces(void **state)
{
	struct buf b = BUF_INIT((size_t)16 << 20);
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	struct shelf s, t;
	uint32_t seed = SEED;
	size_t width;

	(void)state;
	make_list(&b, 100000, 12345, SEED);
	width = b.len / 100000;
	shelf_init(&s);
	cut(&s, span_of(b.data, b.len), 12345, &head);
	for (unsigned round = 0; round < 5; round++) {
		size_t at = draw(&seed) % 99000 * width, fresh = 0;

		/* One line is changed, or taken away. */
		if (round % 2 == 0) {
			b.data[at + 10] = b.data[at + 10] == 'a' ? 'b' : 'a';
		} else {
			memmove(b.data + at, b.data + at + width,
			    b.len - at - width);
			b.len -= width;
		}
		shelf_init(&t);
		cut(&t, span_of(b.data, b.len), 12345, &head);
		for (size_t i = 0; i < t.count; i++)
			fresh += !holds(&s, &t.piece[i].id);
		assert_true(fresh >= 1 && fresh <= 2 + round * 2);
		assert_true(t.count > 20);
		shelf_release(&t);
	}
	shelf_release(&s);
	buf_release(&b);
	buf_release(&head);
}

static void
the_same_text_is_cut_the_same_again(void **state)
{
	struct buf b = BUF_INIT((size_t)16 << 20);
	struct buf head[2] = { BUF_INIT(STRUCTURE_MAX),
		BUF_INIT(STRUCTURE_MAX) };
	struct shelf s[2];

	(void)state;
	make_list(&b, 60000, 4096, SEED);
	for (unsigned i = 0; i < 2; i++) {
		shelf_init(&s[i]);
		cut(&s[i], span_of(b.data, b.len), 4096, &head[i]);
	}
	assert_int_equal(head[0].len, head[1].len);
	assert_memory_equal(head[0].data, head[1].data, head[0].len);
	assert_int_equal(s[0].count, s[1].count);
	for (unsigned i = 0; i < 2; i++) {
		shelf_release(&s[i]);
		buf_release(&head[i]);
	}
	buf_release(&b);
}

/* A line that ends a piece, found by trying. */
static size_t
cutting_line(char line[static 32])
{
	for (unsigned i = 0;; i++) {
		int len = snprintf(line, 32, "e %u\n", i);

		if (line_cuts(line, (size_t)len, false))
			return (size_t)len;
	}
}

static void
a_long_head_is_cut_again(void **state)
{
	/* 256 lines a piece: 13 400 pieces, whose lines of 80 bytes are more
	 * than a head may be. */
	enum { PIECES = 14000, LINES = STRUCTURE_LINES_MIN };
	struct buf b = BUF_INIT((size_t)64 << 20);
	struct buf head = BUF_INIT(STRUCTURE_MAX);
	size_t leaves = 0;
	struct shelf s;
	struct fault why;
	char end[32];
	size_t len = cutting_line(end);

	(void)state;
	for (unsigned i = 0; i < PIECES; i++) {
		for (unsigned k = 1; k < LINES; k++)
			assert_int_equal(
			    buf_printf(&b, &why, "%x\n", i), BLK_OK);
		assert_int_equal(buf_add(&b, end, len, &why), BLK_OK);
	}
	shelf_init(&s);
	cut(&s, span_of(b.data, b.len), 0, &head);
	for (size_t i = 0; i < s.count; i++)
		leaves +=
		    s.piece[i].text[1] != ' ' || s.piece[i].text[0] != 'p';
	assert_int_equal(leaves, PIECES);
	assert_true(s.count > PIECES && s.count < PIECES + 100);
	/* Children first. */
	assert_true(s.piece[s.count - 1].text[0] == 'p');
	assert_true(s.piece[0].text[0] != 'p');
	assert_reads(&s, &head, span_of(b.data, b.len));
	assert_int_equal(s.lines, (uint64_t)PIECES * LINES);
	shelf_release(&s);
	buf_release(&b);
	buf_release(&head);
}

static void
what_is_no_line_is_refused(void **state)
{
	static const char *const wrong[] = { "", "a", "a\nb", "a\nb\n", "\n\n",
		"p aa 1 1\n" };
	char *text = malloc(STRUCTURE_LINE_MAX + 1);
	struct cutter *c = NULL;
	struct hasher *hash = NULL;
	const void *head;
	struct fault why;
	struct shelf s = { .count = 0 };
	size_t len;

	(void)state;
	assert_non_null(text);
	assert_int_equal(hasher_new(&hash, &why), BLK_OK);
	assert_int_equal(cutter_new(hash, keep, &s, &c, &why), BLK_OK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(
		    cutter_line(c, wrong[i], strlen(wrong[i]), 1, &why),
		    BLK_INVALID);
	memset(text, 'a', STRUCTURE_LINE_MAX);
	text[STRUCTURE_LINE_MAX] = '\n';
	assert_int_equal(
	    cutter_line(c, text, STRUCTURE_LINE_MAX + 1, 1, &why), BLK_INVALID);
	assert_int_equal(cutter_line(c, "good\n", 5, 5, &why), BLK_OK);
	assert_int_equal(cutter_end(c, &head, &len, &why), BLK_OK);
	assert_int_equal(len, 5);
	cutter_free(c);
	hasher_free(hash);
	free(text);
}

static enum blk_status
refuse(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	(void)arg;
	(void)id;
	(void)text;
	(void)len;
	return fault(why, BLK_FAILED, "shelf is full");
}

static void
a_shelf_that_refuses_ends_the_cutting(void **state)
{
	char line[1000];
	struct cutter *c = NULL;
	struct hasher *hash = NULL;
	const void *head;
	struct fault why = FAULT_NONE;
	enum blk_status st = BLK_OK;
	size_t len;

	(void)state;
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(hasher_new(&hash, &why), BLK_OK);
	assert_int_equal(cutter_new(hash, refuse, NULL, &c, &why), BLK_OK);
	for (size_t i = 0; i < 2000 && st == BLK_OK; i++)
		st = cutter_line(c, line, sizeof(line), 1, &why);
	if (st == BLK_OK)
		st = cutter_end(c, &head, &len, &why);
	assert_int_equal(st, BLK_FAILED);
	assert_string_equal(why.text, "shelf is full");
	cutter_free(c);
	hasher_free(hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_up_to_the_limit_stay_whole),
		cmocka_unit_test(one_byte_more_is_cut),
		cmocka_unit_test(pieces_end_where_the_rule_says),
		cmocka_unit_test(lists_are_cut_earlier_and_finer),
		cmocka_unit_test(a_list_is_covered_by_its_content),
		cmocka_unit_test(one_changed_line_changes_few_pieces),
		cmocka_unit_test(the_same_text_is_cut_the_same_again),
		cmocka_unit_test(a_long_head_is_cut_again),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(a_shelf_that_refuses_ends_the_cutting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

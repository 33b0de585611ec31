/*
 * Any way to feed the chunker gives the cuts of the rule.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker-data.h"
#include "chunker.h"
#include "digest.h"

#define DATA_LEN (3 * MIB + 4321)

static struct fault why;

/* The cuts of a run. */
struct cuts {
	size_t count;
	uint32_t *length;
};

/*
 * The rule, word for word and slowly: each candidate's hash from its own 64
 * bytes, the cut at the first candidate from min on and below max.
 */
static size_t
slow_next(const struct chunker *c, const uint8_t *data, size_t len)
{
	if (len <= c->sizes.min)
		return len;
	for (size_t end = c->sizes.min; end < c->sizes.max; end++) {
		uint64_t hash = 0;

		if (end > len)
			return len;
		for (size_t i = end - CHUNKER_WINDOW; i < end; i++)
			hash = 2 * hash + c->table[data[i]];
		if (hash < c->threshold)
			return end;
	}
	return len < c->sizes.max ? len : c->sizes.max;
}

static struct cuts
cuts_new(size_t len)
{
	struct cuts cuts = { 0, calloc(len / 64 + 2, sizeof(uint32_t)) };

	assert_non_null(cuts.length);
	return cuts;
}

static struct cuts
cut_slowly(const struct chunker *c, const uint8_t *data, size_t len)
{
	struct cuts cuts = cuts_new(len);

	for (size_t at = 0; at < len; at += cuts.length[cuts.count++])
		cuts.length[cuts.count] =
		    (uint32_t)slow_next(c, data + at, len - at);
	return cuts;
}

/*
 * As a reader does: the bytes arrive step by step, and what has arrived is cut
 * as far as it goes.
 */
static struct cuts
cut_in_steps(
    const struct chunker *c, const uint8_t *data, size_t len, size_t step)
{
	struct cuts cuts = cuts_new(len);
	size_t at = 0, known = 0;

	while (at < len) {
		size_t cut =
		    chunker_next(c, data + at, known - at, known == len);

		if (cut == 0) {
			assert_true(known < len);
			assert_true(known - at < c->sizes.max);
			known = len - known < step ? len : known + step;
			continue;
		}
		assert_true(cut <= known - at);
		cuts.length[cuts.count++] = (uint32_t)cut;
		at += cut;
	}
	return cuts;
}

/* By chunker_run, over a window of step bytes, room lengths at a time. */
static struct cuts
cut_in_runs(const struct chunker *c, const uint8_t *data, size_t len,
    size_t step, size_t room)
{
	struct cuts cuts = cuts_new(len);
	size_t at = 0;

	while (at < len) {
		size_t window = len - at < step ? len - at : step, used = 0;
		size_t sum = 0;
		size_t n = chunker_run(c, data + at, window, at + window == len,
		    cuts.length + cuts.count, room, &used);

		assert_true(n > 0 && n <= room);
		for (size_t i = 0; i < n; i++)
			sum += cuts.length[cuts.count + i];
		assert_int_equal(sum, used);
		cuts.count += n;
		at += used;
	}
	return cuts;
}

/* Compares, and frees b. */
static void
assert_same_cuts(const struct cuts *a, struct cuts b)
{
	assert_int_equal(a->count, b.count);
	assert_memory_equal(
	    a->length, b.length, a->count * sizeof(a->length[0]));
	free(b.length);
}

static void
fill_zeros(uint8_t *p, size_t len, uint64_t seed)
{
	(void)seed;
	memset(p, 0, len);
}

/* A pattern of a length that is no power of two, again and again. */
static void
fill_pattern(uint8_t *p, size_t len, uint64_t seed)
{
	fill_random(p, 5003, seed);
	for (size_t i = 5003; i < len; i++)
		p[i] = p[i - 5003];
}

/* One candidate every 96 bytes: most of them too near to the last cut. */
static void
fill_crowded(uint8_t *p, size_t len, uint64_t seed)
{
	fill_random(p, 96, seed);
	for (size_t i = 96; i < len; i++)
		p[i] = p[i - 96];
}

static void
fill_text(uint8_t *p, size_t len, uint64_t seed)
{
	static const char *const word[] = { "int ", "return ", "\n\t", "if (",
		") {\n", "struct ", "x", "len", " = ", ";\n", "/* ", " */\n" };

	for (size_t i = 0; i < len;) {
		const char *w = word[next_random(&seed) % COUNT(word)];

		for (; *w != '\0' && i < len; w++)
			p[i++] = (uint8_t)*w;
	}
}

/* As in a disk image: runs of one byte between others, of any length. */
static void
fill_image(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len;) {
		size_t n = next_random(&seed) % (200 * KIB);
		uint64_t kind = next_random(&seed) % 3;

		if (n > len - i)
			n = len - i;
		if (kind == 0)
			fill_random(p + i, n, seed);
		else
			memset(p + i, kind == 1 ? 0 : (int)(seed >> 56), n);
		i += n;
	}
}

static const struct {
	const char *name;
	void (*fill)(uint8_t *p, size_t len, uint64_t seed);
} kinds[] = {
	{ "random", fill_random },
	{ "zeros", fill_zeros },
	{ "pattern", fill_pattern },
	{ "crowded", fill_crowded },
	{ "text", fill_text },
	{ "image", fill_image },
};

static const struct chunker_sizes sizes[] = {
	{ 4096, 12288, 65536 },
	{ 64, 64, 128 },
	{ 64, 1000, 1064 },
	{ 2048, 2048, 300000 },
};

/* TAP comments: what it takes to see a failure again. */
static uint64_t
random_seed(void)
{
	uint64_t seed = 0;

	assert_int_equal(digest_random(&seed, sizeof(seed), &why), BLK_OK);
	print_message("# seed %llu\n", (unsigned long long)seed);
	return seed;
}

static void
cuts_follow_the_rule_however_the_bytes_arrive(void **state)
{
	static const struct {
		size_t step, len; /* byte by byte, each is hashed often */
	} ways[] = { { 1, 25000 }, { 4 * KIB, DATA_LEN / 16 },
		{ MIB, DATA_LEN / 8 }, { 60013, DATA_LEN / 8 } };
	uint64_t seed = random_seed();
	uint8_t *data = malloc(DATA_LEN);

	(void)state;
	assert_non_null(data);
	for (size_t n = 0; n < COUNT(kinds) * COUNT(sizes) * COUNT(ways); n++) {
		size_t k = n / COUNT(ways) / COUNT(sizes);
		size_t i = n / COUNT(ways) % COUNT(sizes);
		size_t step = ways[n % COUNT(ways)].step;
		size_t len = ways[n % COUNT(ways)].len;
		struct chunker c;
		struct cuts slow;

		kinds[k].fill(data, len, seed);
		assert_int_equal(chunker_init(&c, &sizes[i], &why), BLK_OK);
		slow = cut_slowly(&c, data, len);
		assert_same_cuts(&slow, cut_in_steps(&c, data, len, step));
		free(slow.length);
	}
	free(data);
}

static void
runs_cut_as_single_steps_do(void **state)
{
	uint64_t seed = random_seed();
	uint8_t *data = malloc(DATA_LEN);

	(void)state;
	assert_non_null(data);
	for (size_t k = 0; k < COUNT(kinds); k++) {
		kinds[k].fill(data, DATA_LEN, seed);
		for (size_t i = 0; i < COUNT(sizes); i++) {
			struct chunker c;
			struct cuts one;
			size_t max = sizes[i].max;

			assert_int_equal(
			    chunker_init(&c, &sizes[i], &why), BLK_OK);
			one = cut_in_steps(&c, data, DATA_LEN, DATA_LEN);
			assert_same_cuts(&one,
			    cut_in_runs(
			        &c, data, DATA_LEN, DATA_LEN, DATA_LEN));
			assert_same_cuts(
			    &one, cut_in_runs(&c, data, DATA_LEN, MIB, 7));
			assert_same_cuts(
			    &one, cut_in_runs(&c, data, DATA_LEN, max, 1));
			assert_same_cuts(&one,
			    cut_in_runs(&c, data, DATA_LEN,
			        max + next_random(&seed) % MIB,
			        1 + next_random(&seed) % 100));
			free(one.length);
		}
	}
	free(data);
}

/* What deduplication lives from. */
static void
cuts_come_together_again_behind_a_change(void **state)
{
	struct chunker c;
	uint8_t *data = malloc(MIB + 1);
	struct cuts a, b;

	(void)state;
	assert_non_null(data);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	fill_random(data + 1, MIB, 11);
	data[0] = 'x';
	a = cut_in_runs(&c, data + 1, MIB, MIB, MIB);
	b = cut_in_runs(&c, data, MIB + 1, MIB + 1, MIB);
	for (size_t i = 1; i <= a.count / 4 * 3; i++)
		assert_int_equal(a.length[a.count - i], b.length[b.count - i]);
	free(a.length);
	free(b.length);
	free(data);
}

static void
the_average_is_min_and_target(void **state)
{
	size_t len = 32 * MIB;
	struct chunker c;
	uint8_t *data = malloc(len);
	struct cuts cuts;

	(void)state;
	assert_non_null(data);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	fill_random(data, len, 4);
	cuts = cut_in_runs(&c, data, len, len, len);
	assert_in_range(len / cuts.count, 15800, 16800);
	free(cuts.length);
	free(data);
}

/* A quarter of a run's cuts, by a thread of its own. */
struct share {
	pthread_t thread;
	const struct chunker *c;
	const uint8_t *data;
	size_t len;
	uint32_t *length;
	size_t room, count, used;
};

static void *
cut_share(void *arg)
{
	struct share *s = arg;

	s->count = chunker_run(
	    s->c, s->data, s->len, true, s->length, s->room, &s->used);
	return NULL;
}

static void
threads_cut_their_ranges_as_one_does(void **state)
{
	struct share share[4] = { 0 };
	struct chunker c;
	uint8_t *data = malloc(DATA_LEN);
	struct cuts one, many = cuts_new(DATA_LEN);
	size_t at = 0;

	(void)state;
	assert_non_null(data);
	assert_int_equal(chunker_init(&c, &chunker_default, &why), BLK_OK);
	fill_image(data, DATA_LEN, random_seed());
	one = cut_in_steps(&c, data, DATA_LEN, DATA_LEN);
	for (size_t i = 0, n = 0; i < 4; i++) {
		size_t to = (i + 1) * one.count / 4;

		share[i].c = &c;
		share[i].data = data + at;
		share[i].length = many.length + n;
		share[i].room = to - n;
		for (; n < to; n++)
			at += one.length[n];
		share[i].len = (size_t)(data + DATA_LEN - share[i].data);
		assert_int_equal(pthread_create(&share[i].thread, NULL,
		                     cut_share, &share[i]),
		    0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(share[i].thread, NULL), 0);
		assert_int_equal(share[i].count, share[i].room);
		many.count += share[i].count;
	}
	assert_same_cuts(&one, many);
	free(one.length);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_follow_the_rule_however_the_bytes_arrive),
		cmocka_unit_test(runs_cut_as_single_steps_do),
		cmocka_unit_test(cuts_come_together_again_behind_a_change),
		cmocka_unit_test(the_average_is_min_and_target),
		cmocka_unit_test(threads_cut_their_ranges_as_one_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

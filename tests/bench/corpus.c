/*
 * corpus.c - data to measure with, the same in each run.
 *
 * corpus tree DIR FILES SEED [CHANGE]   a tree like one of sources: mostly
 *     text, some binary data, some noise, a few files of several MB.  With
 *     CHANGE, another version of it: of a hundred files some are edited in
 *     one place, one is gone, one is new.
 * corpus noise BYTES SEED               to standard output
 * corpus text BYTES SEED                likewise
 * corpus image FILE BYTES SEED          a sparse disk image: a half of it
 *     holes, in runs of 1 MiB; what is there is text, binary data and noise
 * corpus change FILE BLOCK PERCENT SEED new content for so many of the blocks
 *     that are not holes, here and there
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define WORDS 4096
#define LINES 2048
#define RUN ((size_t)1 << 20)
#define LARGEST ((size_t)4 << 20)
#define IN_DIR 16 /* files */

struct corpus {
	char word[WORDS][12];
	char line[LINES][80]; /* that come again and again */
	uint8_t *data;        /* LARGEST bytes */
	uint64_t state;
};

static double
fraction(uint64_t *state)
{
	return (double)(bench_draw(state) >> 11) / (double)(1ull << 53);
}

/* Few are drawn often, most seldom. */
static size_t
favourite(uint64_t *state, size_t n)
{
	double f = fraction(state);

	return (size_t)(f * f * f * (double)n);
}

/* --- text, binary data, noise --- */

static size_t
write_line(struct corpus *c, char *to, uint64_t *state)
{
	size_t len = bench_draw(state) % 4, words = 2 + bench_draw(state) % 6;

	memset(to, '\t', len);
	for (size_t i = 0; i < words; i++) {
		const char *w = c->word[favourite(state, WORDS)];
		size_t n = strlen(w);

		memcpy(to + len, w, n);
		len += n;
		to[len++] = " .,;(_"[favourite(state, 6)];
	}
	to[len++] = '\n';
	return len;
}

static void
make_words(struct corpus *c)
{
	uint64_t state = 1234567;

	for (size_t i = 0; i < WORDS; i++) {
		size_t len = 2 + bench_draw(&state) % 8;

		for (size_t k = 0; k < len; k++)
			c->word[i][k] =
			    (char)('a' + (char)favourite(&state, 26));
	}
	for (size_t i = 0; i < LINES; i++)
		c->line[i][write_line(c, c->line[i], &state)] = '\0';
}

static void
fill_text(struct corpus *c, uint8_t *to, size_t len, uint64_t *state)
{
	char fresh[80];

	for (size_t at = 0, n; at < len; at += n) {
		const char *from = fresh;

		if (bench_draw(state) % 100 < 60) {
			from = c->line[favourite(state, LINES)];
			n = strlen(from);
		} else {
			n = write_line(c, fresh, state);
		}
		n = n < len - at ? n : len - at;
		memcpy(to + at, from, n);
	}
}

/* Records of which some bytes differ from one to the next. */
static void
fill_binary(uint8_t *to, size_t len, uint64_t *state)
{
	uint8_t record[48];

	bench_noise(record, sizeof(record), bench_draw(state));
	for (size_t at = 0; at < len; at += sizeof(record)) {
		size_t n =
		    sizeof(record) < len - at ? sizeof(record) : len - at;

		for (int k = 0; k < 6; k++)
			record[bench_draw(state) % sizeof(record)] =
			    (uint8_t)bench_draw(state);
		memcpy(to + at, record, n);
	}
}

static void
fill(struct corpus *c, uint8_t *to, size_t len, uint64_t *state, int noise)
{
	int kind = (int)(bench_draw(state) % 100);

	if (kind < noise)
		bench_noise(to, len, bench_draw(state));
	else if (kind < 2 * noise + 6)
		fill_binary(to, len, state);
	else
		fill_text(c, to, len, state);
}

/* --- files --- */

static void
write_all(int fd, const void *data, size_t len, const char *path)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			bench_die(path);
		p += n;
		len -= (size_t)n;
	}
}

static void
write_file(struct corpus *c, const char *path, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		bench_die(path);
	write_all(fd, c->data, len, path);
	close(fd);
}

/* Most are small; what is large is a good part of all bytes. */
static size_t
draw_size(uint64_t *state)
{
	double normal = -6;
	size_t size;

	for (int i = 0; i < 12; i++)
		normal += fraction(state);
	size = (size_t)(5500 * exp(1.45 * normal));
	return size < LARGEST ? size : LARGEST;
}

static void
make_file(struct corpus *c, const char *dir, uint64_t i, uint64_t seed,
    uint64_t change)
{
	uint64_t state = (seed << 32) + i * 0x9e3779b97f4a7c15u + 1;
	uint64_t other = (change << 32) + i * 0x9e3779b97f4a7c15u + 7;
	int fate = change == 0 ? 99 : (int)(bench_draw(&other) % 100);
	size_t len;
	char path[4200];

	bench_draw(&state);
	len = i % 2000 == 1999 ? LARGEST : draw_size(&state);
	fill(c, c->data, len, &state, 4);
	if (fate == 0)
		return;
	if (fate < 7 && len > 0)
		fill_text(c, c->data + bench_draw(&other) % len, 1, &other);
	if (fate < 7 && len > 200)
		fill_text(
		    c, c->data + bench_draw(&other) % (len - 100), 100, &other);
	snprintf(path, sizeof(path), "%s/%.8s%ju", dir,
	    c->word[bench_draw(&state) % WORDS], (uintmax_t)i);
	write_file(c, path, len);
	if (fate == 7) {
		len = draw_size(&other);
		fill(c, c->data, len, &other, 4);
		strncat(path, ".new", sizeof(path) - strlen(path) - 1);
		write_file(c, path, len);
	}
}

static void
make_tree(struct corpus *c, const char *dir, uint64_t files, uint64_t seed,
    uint64_t change)
{
	char path[4096];

	for (uint64_t i = 0; i < files; i++) {
		uint64_t d = i / IN_DIR;

		snprintf(path, sizeof(path), "%s/part%ju", dir,
		    (uintmax_t)(d / IN_DIR));
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			bench_die(path);
		snprintf(path, sizeof(path), "%s/part%ju/%s%ju", dir,
		    (uintmax_t)(d / IN_DIR), c->word[d % WORDS], (uintmax_t)d);
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			bench_die(path);
		make_file(c, path, i, seed, change);
	}
}

/* --- streams and images --- */

static void
stream(struct corpus *c, uint64_t bytes, uint64_t seed, bool text)
{
	uint64_t state = seed * 2 + 1;

	while (bytes > 0) {
		size_t n = bytes < RUN ? (size_t)bytes : RUN;

		if (text)
			fill_text(c, c->data, n, &state);
		else
			bench_noise(c->data, n, bench_draw(&state));
		write_all(1, c->data, n, "standard output");
		bytes -= n;
	}
}

static int
open_image(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		bench_die(path);
	return fd;
}

static void
put_at(int fd, const void *data, size_t len, uint64_t at, const char *path)
{
	if (pwrite(fd, data, len, (off_t)at) != (ssize_t)len)
		bench_die(path);
}

static void
make_image(struct corpus *c, const char *path, uint64_t bytes, uint64_t seed)
{
	uint64_t state = seed * 2 + 1;
	int fd = open_image(path, O_CREAT | O_TRUNC);

	if (ftruncate(fd, (off_t)bytes) != 0)
		bench_die(path);
	for (uint64_t at = 0; at + RUN <= bytes; at += RUN) {
		if (bench_draw(&state) % 2 == 0)
			continue;
		fill(c, c->data, RUN, &state, 25);
		put_at(fd, c->data, RUN, at, path);
	}
	close(fd);
}

static void
change_image(struct corpus *c, const char *path, size_t block, uint64_t percent,
    uint64_t seed)
{
	uint64_t state = seed * 2 + 1;
	int fd = open_image(path, 0);
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		for (; at + (off_t)block <= end; at += (off_t)block) {
			if (bench_draw(&state) % 100 >= percent)
				continue;
			fill(c, c->data, block, &state, 25);
			put_at(fd, c->data, block, (uint64_t)at, path);
		}
		at = end;
	}
	close(fd);
}

/* --- the command --- */

static uint64_t
number(int argc, char **argv, int i)
{
	char *end;
	uint64_t v;

	if (i >= argc)
		return 0;
	v = strtoull(argv[i], &end, 10);
	if (*end != '\0')
		bench_die(argv[i]);
	return v;
}

int
main(int argc, char **argv)
{
	struct corpus *c = bench_alloc(sizeof(*c));
	const char *what = argc > 3 ? argv[1] : "";

	c->data = bench_alloc(LARGEST);
	make_words(c);
	if (strcmp(what, "tree") == 0)
		make_tree(c, argv[2], number(argc, argv, 3),
		    number(argc, argv, 4), number(argc, argv, 5));
	else if (strcmp(what, "noise") == 0 || strcmp(what, "text") == 0)
		stream(c, number(argc, argv, 2), number(argc, argv, 3),
		    *what == 't');
	else if (strcmp(what, "image") == 0)
		make_image(
		    c, argv[2], number(argc, argv, 3), number(argc, argv, 4));
	else if (strcmp(what, "change") == 0)
		change_image(c, argv[2], (size_t)number(argc, argv, 3),
		    number(argc, argv, 4), number(argc, argv, 5));
	else
		bench_die("usage: corpus tree|noise|text|image|change ...");
	free(c->data);
	free(c);
	return 0;
}

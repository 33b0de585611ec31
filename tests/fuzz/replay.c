/*
 * replay.c - main of a fuzz target that is not linked with libFuzzer.
 *
 * Without arguments it speaks TAP: each file of tests/fuzz/corpus/NAME, below
 * $SRC, is given to the target whole, then cut short at every length and with
 * every bit flipped, as far as PASSES goes.  With arguments it gives it each
 * file named, once: to look at what a fuzzer found.  A target that is not
 * pleased aborts; the missing lines of TAP are the failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS_FILE_MAX ((size_t)1 << 20)
#define PASSES 2000 /* altered inputs of a kind for each file */

/* As many, for a target that is slow. */
extern const size_t fuzz_passes __attribute__((weak));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target sees a block of its own, so that reading past it is seen. */
static void
give(const uint8_t *data, size_t size)
{
	uint8_t *own = malloc(size > 0 ? size : 1);

	if (own == NULL)
		abort();
	memcpy(own, data, size);
	LLVMFuzzerTestOneInput(own, size);
	free(own);
}

static void
give_altered(uint8_t *data, size_t size)
{
	size_t passes = &fuzz_passes != NULL ? fuzz_passes : PASSES;
	size_t step = size / passes + 1;

	for (size_t len = 0; len < size; len += step)
		give(data, len);
	step = size * 8 / passes + 1;
	for (size_t bit = 0; bit < size * 8; bit += step) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		give(data, size);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* false, with errno, if the file cannot be read whole. */
static bool
replay(const char *path, bool altered)
{
	uint8_t *data = malloc(CORPUS_FILE_MAX);
	FILE *f = fopen(path, "rb");
	bool good = false;
	size_t size = 0;

	if (data == NULL || f == NULL)
		goto out;
	size = fread(data, 1, CORPUS_FILE_MAX, f);
	if (ferror(f))
		goto out;
	if (size == CORPUS_FILE_MAX) {
		errno = EFBIG;
		goto out;
	}
	give(data, size);
	if (altered)
		give_altered(data, size);
	good = true;
out:
	if (f != NULL)
		fclose(f);
	free(data);
	return good;
}

static int
is_seed(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
replay_corpus(const char *name)
{
	const char *src = getenv("SRC");
	struct dirent **seed = NULL;
	char path[4096], *corpus = NULL;
	int bad = 0, n;

	if (asprintf(&corpus, "%s/tests/fuzz/corpus/%s",
	        src != NULL ? src : ".", name) < 0)
		return EXIT_FAILURE;
	n = scandir(corpus, &seed, is_seed, alphasort);
	printf("1..%d\n", n > 0 ? n : 1);
	if (n <= 0)
		printf("not ok 1 - there is a corpus for %s\n", name);
	for (int i = 0; i < n; i++) {
		bool good;

		snprintf(path, sizeof(path), "%s/%s", corpus, seed[i]->d_name);
		good = replay(path, true);
		printf("%sok %d - %s survives %s and what is like it\n",
		    good ? "" : "not ", i + 1, name, seed[i]->d_name);
		bad += !good;
		free(seed[i]);
	}
	free(seed);
	free(corpus);
	return n <= 0 || bad > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not take the plan */
	if (argc == 1)
		return replay_corpus(program_invocation_short_name);
	for (int i = 1; i < argc; i++) {
		if (!replay(argv[i], false)) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}

/*
 * engines.h - the engines that the suites run over: that of blobs (backend.c)
 * and that of sessions and transactions (store.c).
 */
#ifndef ENGINES_H
#define ENGINES_H

#include <stdbool.h>

/* An engine; *state of a test. */
struct engine {
	const char *scheme;
	bool on_disk; /* the URL is a path in the test's own directory */
};

/* A new engine is one line here. */
static const struct engine engines[] = {
	{ "mem", false },
	{ "file", true },
};

#endif

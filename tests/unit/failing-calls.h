/*
 * failing-calls.h - calls of libcore to the system and to libraries that fail
 * when they are told to.
 *
 * The linker puts a wrapper around each (FAILING_WRAPS in Makefile.am).  A call
 * is known by its site: what is called, and the functions on the way to it.
 * So one run of a piece of work tells all ways in which it can fail, and in
 * another run one of them does.
 */
#ifndef FAILING_CALLS_H
#define FAILING_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failing_site {
	uint64_t key;     /* the same in every run of one program */
	const char *call; /* static */
};

/*
 * Note the sites that are passed from now on, in any thread.  fail: the key of
 * one that fails (0: none), each time, or only the first time.
 */
void failing_begin(uint64_t fail, bool each_time);
/* Everything works again.  How often something failed since begin. */
unsigned failing_end(void);

/* Where that was: addresses of this program, for addr2line. */
void failing_where(char *text, size_t size);

/* The i-th site ever noted; false behind the last. */
bool failing_site_at(size_t i, struct failing_site *site);
/* Forget them all. */
void failing_forget(void);

#endif

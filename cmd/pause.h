/*
 * pause.h - stops a command at a point that a test names.
 *
 * A race is tested by stopping one process at the critical place, running the
 * others to their end, and letting it go on: whatever the machine's speed,
 * that is the same race every time.
 *
 * In a build with --enable-test-hooks BLK_PAUSE="WHEN OP PREFIX N FILE" names
 * one point: WHEN is "before" or "after", OP an operation of the backend (put,
 * get, stat, list, remove, settle), PREFIX what its key begins with, and N
 * says which of these operations, counted from 1.  There FILE.here is made,
 * and the command waits until FILE.go exists.  In other builds nothing here
 * does anything.
 */
#ifndef PAUSE_H
#define PAUSE_H

#include <stdint.h>

#include "backend.h"

struct pause { /* all zero is none */
	char when[8], op[8], prefix[64], file[256];
	uint64_t left; /* operations until the point; counted atomically */
};

/* Watch b, which must not outlive p, for the point that is named. */
void pause_arm(struct pause *p, struct backend *b);

#endif

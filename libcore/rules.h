/*
 * rules.h - the six rules of the protocol (blk-store(5)), each at the place
 * where it is decided.
 *
 * RULE(R3) is the constant true.  In a build with test hooks a test can
 * switch a rule off, to see that data is then lost: a test that cannot fail
 * proves nothing.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

enum rule { R1 = 1, R2, R3, R4, R5, R6 };

#ifdef BLK_TEST_HOOKS
extern unsigned rules_off; /* a bit a rule; 0 in all but mutation tests */
#define RULE(r) ((rules_off >> (r)&1) == 0)
#else
#define RULE(r) true
#endif

#endif

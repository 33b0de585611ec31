/*
 * The switches of rules.h.
 */
#include "rules.h"

#ifdef BLK_TEST_HOOKS
unsigned rules_off;
#endif

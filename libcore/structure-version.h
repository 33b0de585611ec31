/*
 * structure-version.h - what writing and reading a version share.
 */
#ifndef STRUCTURE_VERSION_H
#define STRUCTURE_VERSION_H

#include "structure.h"

/* BLK_INVALID for a version that breaks a rule of version_format. */
MUST_USE enum blk_status version_check(
    const struct version *v, struct fault *why);

#endif

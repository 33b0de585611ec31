/*
 * scan-cache-format.h - the numbers that both sides of the cache know.
 */
#ifndef SCAN_CACHE_FORMAT_H
#define SCAN_CACHE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "scan-cache.h"

#define CACHE_MAGIC "BLKSCAN\n"
#define CACHE_VERSION 1
#define CACHE_HEADER 128
#define CACHE_CHECK 8                 /* in front of a block or directory */
#define CACHE_ENTRY 72                /* in front of a line */
#define CACHE_BLOCK ((size_t)1 << 20) /* entries of more are put aside */
#define CACHE_RECORD_MAX ((size_t)16 << 20)
#define CACHE_TRUSTED 1u
#define CACHE_FILE sizeof("scan-00112233445566778899aabbccddeeff")

/* What a cache of this key is called, and the digest of its name. */
MUST_USE enum blk_status scan_cache_file(const struct scan_cache_key *key,
    char file[static CACHE_FILE], struct digest *name, struct fault *why);

/*
 * Put these children into the entries of d, in place, and give its bytes;
 * false when they are not as many, or d has blocks.
 */
bool scan_cache_dir_patch(struct scan_cache_dir *d,
    const struct scan_cache_ref *child, size_t children, uint8_t **data,
    size_t *len);

#endif

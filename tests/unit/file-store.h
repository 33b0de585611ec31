/*
 * file-store.h - what the parts of the directory engine's test share
 * (backend-file*.c): a store, and system functions that can be made to fail.
 */
#ifndef FILE_STORE_H
#define FILE_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "backend.h"
#include "tmpdir.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define SESSION "0123456789abcdef0123456789abcdef"
#define SHARD "log/000000001/000000001000"

extern struct sys {
	unsigned fdatasyncs, fsyncs;         /* atomic */
	unsigned fail_fdatasync, fail_fsync; /* the n-th from now; 0: none */
	int fail_renameat2, fail_linkat, fail_write; /* errno; 0: works */
	bool nfs;                                    /* fstatfs says so */
	ino_t synced[64];                            /* by fsync, in order */
} sys;

/* The store of a test: its directory, its path and a handle of it. */
extern char root[TMPDIR_MAX], path[TMPDIR_MAX + 16];
extern struct backend *b;
extern const struct backend_open_options make, plain;

int empty(void **state); /* no store yet, b is NULL */
int fresh(void **state);
int gone(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

struct backend *open_store(const struct backend_open_options *o);
const char *at(const char *name); /* its path, until the next call */
struct stat stat_of(const char *name);
bool exists(const char *name);
bool synced(const char *name); /* by fsync, since sys.fsyncs was 0 */

/* How many entries find prints for these words behind the path. */
size_t found(const char *where, const char *words);

enum blk_status put_flags(struct backend *s, const char *key, unsigned flags,
    enum backend_outcome *outcome, struct fault *why);

/* Put and see what it cost. */
void assert_put_costs(const char *key, unsigned fdatasyncs, unsigned fsyncs);

extern const struct CMUnitTest sync_tests[]; /* ends with NULL */

#endif

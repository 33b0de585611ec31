/*
 * archives-made.h - archives made by hand, in and out of a small store.
 */
#ifndef ARCHIVES_MADE_H
#define ARCHIVES_MADE_H

#include <archive.h>
#include <archive_entry.h>

#include "archives.h"
#include "restore-shop.h"

/* A file without a name. */
int made_memory(void);

/* Limits: 64 MiB of files, 4 MiB of names; problems are counted in s. */
enum blk_status made_import(struct scene *s, int fd, struct archives_result *r);
void made_export(
    struct scene *s, const struct digest *tree, enum archives_format f, int fd);

struct made_member {
	const char *path;
	unsigned type;
	const char *text; /* content; target of a link */
	const char *hardlink;
};

/* A pax archive to fd; a member of it. */
struct archive *made_tar(int fd);
void made_add(struct archive *a, const struct made_member *m);
int made_tar_of(const struct made_member *m, size_t n);

/* Import the members and restore what came of them. */
void made_bring(struct scene *s, const struct made_member *m, size_t n);

#endif

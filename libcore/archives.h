/*
 * archives.h - trees to and from tar, zip and cpio.
 *
 * libarchive stays in this room.  (Its header is <archive.h> and its names
 * begin with archive_: hence the plural.)
 *
 * What is written depends on the snapshot alone: members in the order of the
 * tree, no time of day, no number of an inode on some machine.  (zip: and on
 * the time zone of the process, since its members have local times too; the
 * command that writes one works in UTC.)
 *
 * What is read is untrusted.  Names are only names here, nothing is made in
 * a file system: an archive can at worst become a strange snapshot, and
 * restore_tree deals with these.
 */
#ifndef ARCHIVES_H
#define ARCHIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "fault.h"
#include "snapshot.h"
#include "store.h"
#include "text.h"
#include "tree.h"

enum archives_format {
	ARCHIVES_TAR, /* pax: all that a tree says */
	/* Times in seconds; attributes and ACLs are a problem each. */
	ARCHIVES_ZIP,  /* files, directories, symlinks; no hard links */
	ARCHIVES_CPIO, /* newc: files up to 4 GiB */
};

/* "tar", "zip", "cpio". */
MUST_USE bool archives_format_of(
    const char *name, enum archives_format *format);

struct archives_totals { /* atomic: a progress thread may read them */
	uint64_t files, dirs, others, links;
	uint64_t bytes; /* of the files */
	uint64_t problems;
};

struct archives_export_options {
	enum archives_format format;
	int fd;
	const char *fd_name; /* for faults; NULL: an archive */
	struct span path; /* where entry is inside the snapshot; "": the root */
	/* The names of owners are written too, as far as they are known. */
	const struct snapshot *names; /* or NULL */
	/*
	 * tar: holes for 64 KiB or more of zeros.  Each file above 1 MiB is
	 * read twice, for where they are must be said first.
	 */
	bool sparse;
	unsigned jobs;
	/* An item that the format cannot hold, or not in full. */
	void (*problem)(void *arg, struct span path, const char *reason);
	bool (*stop)(void *arg); /* true ends the run with BLK_BUSY */
	void *arg;
	struct archives_totals *totals; /* or NULL */
};

/*
 * Write an archive to fd.  entry: a directory, whose content stands at the top
 * (with an entry "./" for itself, unless bare or zip); or anything else,
 * which then is the only member.
 *
 * Returns: BLK_OK: the archive is complete but for the problems; BLK_BUSY;
 *          BLK_ABSENT, BLK_CORRUPT: in the store; BLK_FAILED.  What was
 *          written is of no use then.
 */
MUST_USE enum blk_status archives_export(struct store *s,
    const struct tree_entry *entry, bool bare,
    const struct archives_export_options *o, struct fault *why);

struct archives_import_options {
	const char *name; /* of the version */
	const char *host; /* NULL: this one */
	const char *path; /* what the snapshot says that it is of */
	const char *file; /* what messages call it; NULL: path */
	const char *const *tag;
	size_t tags;
	/*
	 * May it be a zip too?  tar and cpio only, otherwise.  Where the list
	 * at its end cannot be read, types and modes are not known, which is
	 * one problem of no path.
	 */
	bool zip;
	bool privileged_xattrs; /* trusted.* and all of security.* too */
	bool dry_run; /* read it all, say what is wrong; store nothing */
	/*
	 * Bytes of all files together; 0: 1 TiB.  A few bytes of an archive
	 * can stand for any number.
	 */
	uint64_t max_bytes;
	/* Bytes of what is known of the members, which are held in memory
	 * until the end, for they may come in any order; 0: 1 GiB. */
	uint64_t max_names;
	unsigned jobs; /* threads that store, beside the one that reads; 0: 1 */
	uint64_t max_memory; /* for the writer */
	void (*problem)(void *arg, struct span path, const char *reason);
	bool (*stop)(void *arg);
	void *arg;
	struct archives_totals *totals; /* or NULL */
};

struct archives_result {
	struct digest snapshot, tree, vid;
	uint64_t number; /* of the version */
};

/*
 * Store the archive that can be read from fd, compressed (gzip, bzip2, xz,
 * zstd, lz4, compress) or not, as a snapshot: the next version of a name.
 *
 * Of equal names the last one counts.  Slashes at the beginning are cut off,
 * directories that are missing are made up.  Left out and reported are: names
 * with "..", empty or longer than a name may be, what lies below something
 * that is no directory, a file in the place of a directory that is not empty,
 * hard links to what did not come before, sockets.
 *
 * Returns: BLK_OK; BLK_INVALID: no archive, or damaged, or above a limit; why
 *          does not say which archive; BLK_BUSY; BLK_FAILED, also when fd
 *          cannot be read.  Nothing is named but after BLK_OK.
 */
MUST_USE enum blk_status archives_import(struct store *s, int fd,
    const struct archives_import_options *o, struct archives_result *r,
    struct fault *why);

#endif

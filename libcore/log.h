/*
 * log.h - commits 0, 1, 2 ... and checkpoints, as bytes and as blobs.
 *
 * A commit is a segment file under log/, whose first object is its record;
 * it holds the SHA-256 of the file before it.  A checkpoint is the whole
 * catalogue at one commit.  What they mean is the state room's affair; when
 * they may be published and removed, the store's.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "bytes.h"
#include "catalog.h"
#include "digest.h"
#include "fault.h"
#include "segment.h"
#include "structure.h"

#define LOG_COMMIT_MAX ((size_t)64 << 20) /* a whole commit file */
#define LOG_KEY_MAX 64

/* What is fixed when a store is made: STORE/config and commit 0. */
struct store_config {
	uint32_t format, incompat, compat;
	uint8_t store[16];
	uint32_t chunker; /* number of the chunking method: 1 is gear */
	uint32_t min, target, max;
	bool group; /* mode */
	bool single_writer;
};

enum verb {
	VERB_SEGMENT,  /* id, number: bytes */
	VERB_VERSION,  /* name, number, id: version id */
	VERB_DROP,     /* id: version id */
	VERB_CONDEMN,  /* id, reason */
	VERB_LOST,     /* id, class */
	VERB_SET,      /* name: key, value: "" unsets */
	VERB_REDIRECT, /* value: URL, "" none */
	VERB_STAT,     /* value: the line behind the word, verbatim */
	VERB_CONFIG,   /* value: the line, verbatim */
	VERB_KEPT,     /* value: an x- line, verbatim */
};

struct commit_verb {
	enum verb verb;
	struct digest id;
	uint64_t number;
	enum class class;
	enum condemned_reason reason;
	char *name, *value; /* owned, NULL where unused */
};

struct commit {
	uint64_t number;
	struct digest previous; /* all zero in commit 0 */
	int64_t time;           /* ns */
	char *host, *program;   /* owned */
	uint8_t session[16];
	uint64_t transaction;
	struct commit_verb *verb;
	size_t verbs, cap;

	/* Of a commit that was read, or sealed: */
	struct digest hash; /* SHA-256 of the file */
	uint8_t tail[SEGMENT_TRAILER];
	uint64_t bytes;
	bool carries; /* objects other than its record and its pieces */
	struct segment_table table;
	struct buf text; /* the record, pieces joined */
	uint32_t own;    /* once begun: objects that are the record */
};

#define COMMIT_NONE                                                            \
	{                                                                      \
		.text = BUF_INIT(LOG_COMMIT_MAX)                               \
	}

void commit_release(struct commit *c);

/* Append a verb; strings are copied.  Unused arguments: NULL, 0. */
MUST_USE enum blk_status commit_add(
    struct commit *c, const struct commit_verb *v, struct fault *why);
/* Shorthands for the above. */
MUST_USE enum blk_status commit_add_id(struct commit *c, enum verb verb,
    const struct digest *id, uint64_t number, struct fault *why);
MUST_USE enum blk_status commit_add_text(struct commit *c, enum verb verb,
    const char *name, const char *value, struct fault *why);

/* The record's text, appended to b. */
MUST_USE enum blk_status commit_format(
    const struct commit *c, struct buf *b, struct fault *why);
/*
 * Parse a record.  BLK_CORRUPT for anything but its canonical spelling; a
 * newer version or an unknown verb is BLK_FAILED ("needs a newer blk").  *c:
 * release it also on failure.
 */
MUST_USE enum blk_status commit_parse(
    struct span text, struct commit *c, struct fault *why);

/* "log/000000000/000000000042", "checkpoint/000000000100",
 * "segments/ab/ab.." */
void log_key(uint64_t number, char key[static LOG_KEY_MAX]);
void checkpoint_key(uint64_t number, char key[static LOG_KEY_MAX]);
#define SEGMENT_KEY_MAX 80
void segment_key(const struct digest *id, char key[static SEGMENT_KEY_MAX]);
/* "checkpoint/000000000100.1": pieces of a checkpoint, part 1 and up. */
void checkpoint_part_key(
    uint64_t number, unsigned part, char key[static LOG_KEY_MAX]);
/* The number in a key of that form; false for any other key. */
bool log_key_number(const char *key, uint64_t *number);
bool checkpoint_key_number(const char *key, uint64_t *number);
bool checkpoint_part_number(const char *key, uint64_t *number);
bool segment_key_id(const char *key, struct digest *id);

/*
 * Read and check log/<number>: segment file of this store, record first,
 * number as asked, session as in the header.
 *
 * store: NULL for commit 0 of a store that is not known yet.
 * Returns:   BLK_OK, BLK_ABSENT, BLK_CORRUPT, BLK_FAILED (newer, too).
 * Ownership: *c is the caller's to release, also on failure.
 */
MUST_USE enum blk_status log_read(struct backend *b, uint64_t number,
    const uint8_t store[16], struct commit *c, struct fault *why);

/* A segment file in memory, and its table. */
struct log_file {
	const void *bytes;
	const struct segment_table *table;
};

/* Appends the text of a piece to b, or says that it is missing. */
typedef enum blk_status log_fetch(
    void *arg, const struct digest *id, struct buf *b, struct fault *why);
typedef enum blk_status log_line(
    void *arg, struct span line, struct fault *why);

/* An object of a file, its id checked, appended to b. */
MUST_USE enum blk_status log_object(const struct log_file *file,
    uint32_t ordinal, struct codec_state *codecs, struct hasher *hash,
    struct buf *b, struct fault *why);

/*
 * Hand out the lines, without their LFs, of the record that a file begins
 * with.  Pieces that are not in the file are asked of elsewhere (NULL: they
 * are missing).  *carries tells whether the file holds objects other than the
 * record and its pieces.
 */
MUST_USE enum blk_status log_record_lines(const struct log_file *file,
    log_fetch *elsewhere, log_line *line, void *arg, bool *carries,
    struct fault *why);

/* As log_read from the bytes of a file that is in memory. */
MUST_USE enum blk_status log_parse(const void *file, size_t len,
    uint64_t number, const uint8_t store[16], struct commit *c,
    struct fault *why);

/*
 * A record that goes into an empty builder line by line.  Where there is a
 * spill, pieces beyond some MiB are put into the builder by themselves and
 * handed to it, to be sealed away: it leaves the builder empty again.
 */
struct log_writer;
typedef enum blk_status log_spill(
    void *arg, struct segment_builder *b, struct fault *why);

/* b, hash: borrowed.  *out is to be freed also on failure. */
MUST_USE enum blk_status log_writer_new(struct segment_builder *b,
    struct hasher *hash, log_spill *spill, void *arg, struct log_writer **out,
    struct fault *why);
void log_writer_free(struct log_writer *w);
/* Whole lines. */
MUST_USE enum blk_status log_writer_add(
    struct log_writer *w, struct span text, struct fault *why);
/* The record and the pieces left are the builder's first objects. */
MUST_USE enum blk_status log_writer_end(
    struct log_writer *w, struct fault *why);

/*
 * The record of c, in an empty builder; the objects that it carries may
 * follow.  c becomes what reading that record gives, and keeps its text.
 * BLK_INVALID for a record that commit_parse would refuse.
 */
MUST_USE enum blk_status log_begin(struct segment_builder *b,
    struct hasher *hash, struct commit *c, struct fault *why);

/*
 * The file of a commit that log_begin began: its bytes, borrowed from b until
 * that is reset, added to or freed.  c becomes what log_read would make of it.
 * BLK_INVALID for a file of more than LOG_COMMIT_MAX.
 */
MUST_USE enum blk_status log_seal(struct segment_builder *b, struct commit *c,
    const void **file, size_t *len, struct fault *why);

/*
 * Publish a sealed commit file at its number, exclusively.
 *
 * Returns: BLK_OK with *won telling whether it is ours (a lost answer is
 *          settled by reading back); BLK_FAILED: outcome unknown, said.
 */
MUST_USE enum blk_status log_publish(struct backend *b, uint64_t number,
    const void *file, size_t len, const struct digest *hash, bool *won,
    struct fault *why);

/* --- config --- */

MUST_USE enum blk_status config_format(
    const struct store_config *c, struct buf *b, struct fault *why);
MUST_USE enum blk_status config_parse(
    struct span text, struct store_config *c, struct fault *why);
bool config_equal(const struct store_config *a, const struct store_config *b);
/* The VERB_CONFIG lines of commit 0, both ways. */
MUST_USE enum blk_status config_to_commit(
    const struct store_config *s, struct commit *c, struct fault *why);
MUST_USE enum blk_status config_of_commit(
    const struct commit *c, struct store_config *s, struct fault *why);

/* --- checkpoints --- */

/*
 * The numbers of the newest and the second newest checkpoint; 0 where there
 * is none (commit 0 has none).  BLK_FAILED when the listing is incomplete.
 */
MUST_USE enum blk_status checkpoint_newest(
    struct backend *b, uint64_t *newest, uint64_t *second, struct fault *why);

struct checkpoint_maker {
	const struct store_config *config;
	int64_t time;
	const char *host, *program;
	/* Puts pieces that are too many for one file into a part of the
	 * checkpoint, before the checkpoint itself. */
	log_spill *spill;
	void *arg;
};

/*
 * Write the catalogue as a checkpoint file into an empty builder (record and
 * pieces); the caller seals and puts it.
 */
MUST_USE enum blk_status checkpoint_build(struct segment_builder *b,
    struct hasher *hash, struct catalog *c, const struct checkpoint_maker *m,
    struct fault *why);

/* A check over all that a checkpoint says, but for its head and versions. */
MUST_USE enum blk_status checkpoint_digest(
    struct catalog *c, struct digest *d, struct fault *why);

/*
 * Does the sealed checkpoint file, with its parts on b, say what the catalog
 * holds?  Loaded into a scratch catalog and compared; BLK_CORRUPT when not.
 */
MUST_USE enum blk_status checkpoint_verify(struct backend *b, const void *file,
    size_t len, struct catalog *c, const struct store_config *config,
    struct fault *why);

/* What checkpoint/<number> says that log/<number> hashes to.  config, unless
 * NULL, is filled. */
MUST_USE enum blk_status checkpoint_head(struct backend *b, uint64_t number,
    const uint8_t store[16], struct digest *hash, struct store_config *config,
    struct fault *why);

/*
 * Read checkpoint/<number> and fill an empty catalog (between begin and
 * commit) with all that it says, but for what must be read from segments:
 * plain lengths, copies, versions and counts (state_load).  The head is set.
 *
 * *root, *roots: the live versions, for state_load; from malloc, the
 * caller's.  config, unless NULL, is filled.
 * Returns: BLK_OK, BLK_ABSENT, BLK_CORRUPT, BLK_FAILED (newer, too).
 */
MUST_USE enum blk_status checkpoint_load(struct backend *b, uint64_t number,
    const uint8_t store[16], struct catalog *c, struct digest **root,
    size_t *roots, struct store_config *config, struct fault *why);

#endif

/*
 * author.h - one who writes as the writer room does, on a universe of a few
 * short chunks: the same lookups, leans and reliances, without its threads,
 * so that the model decides what is published and committed when.
 *
 * The universe: words of up to four of three letters, each letter a run of
 * bytes.  A word is an object; any way of cutting it is a list of it.
 */
#ifndef AUTHOR_H
#define AUTHOR_H

#include "claims.h"
#include "world.h"

#define LETTERS 3
#define LETTER_BYTES 8
#define WORD_MAX 4
#define WORDS 120 /* 3 + 9 + 27 + 81 */
#define AUTHOR_OWN 96
#define AUTHOR_REFS 64

struct word {
	char text[WORD_MAX * LETTER_BYTES];
	size_t len;
	unsigned letters;
	struct digest id;
};

const struct word *word_at(unsigned i);
/* The word of letters of a string, as "abc". */
const struct word *word_of(const char *letters);
/* Part of a word. */
const struct word *word_part(
    const struct word *w, unsigned first, unsigned letters);

enum place {
	PLACE_LANE,   /* in builder lane[] */
	PLACE_COMMIT, /* object[] of the commit file */
	PLACE_PUBLISHED,
};

struct own {
	struct digest id;
	uint8_t kind;
	enum place place;
	unsigned lane, ordinal;
};

/* What a name is to mean. */
struct wish {
	enum class class;
	struct digest id;
	uint64_t size;
	char name[80];
	int64_t expires;
	bool put;
	bool only_if;      /* --if-head expected */
	uint64_t expected; /* number; 0: none */
	bool drop;         /* the version drop_vid, or any (drop_any) */
	bool drop_any;
	struct digest drop_vid;

	/* What the last decision came to: */
	struct digest vid;
	struct version made; /* owned */
	bool dropped;
};

struct author {
	struct proc *p;
	struct store *s;
	struct hasher *hash;
	struct codec_state *codecs;
	struct segment_builder *lane[2];
	struct own own[AUTHOR_OWN];
	size_t owns;
	struct store_object object[AUTHOR_REFS]; /* data owned */
	size_t objects;
	struct digest segment[AUTHOR_REFS]; /* published, not committed */
	size_t segments;
	struct digest lean[AUTHOR_REFS];
	size_t leans;
	struct state_ref rely[AUTHOR_REFS];
	size_t relies;
	struct known { /* chunks of tables that were read */
		struct digest id, segment;
	} known[AUTHOR_REFS];
	size_t knowns;
	bool no_dedup;
	bool one_lane;
	bool always_list; /* as who looked before the others came */
	struct wish wish;
	struct store_outcome outcome; /* of the last commit */
};

enum blk_status author_open(
    struct author *a, struct proc *p, struct fault *why);
void author_close(struct author *a);

/* Store a word as one chunk, or cut behind the letters in cuts (bit i: behind
 * letter i). */
enum blk_status author_word(
    struct author *a, const struct word *w, unsigned cuts, struct fault *why);
/* Store a tree of files that are words, and of subtrees. */
struct author_entry {
	const struct word *word; /* or a tree: */
	struct digest tree;
	unsigned cuts;
};
enum blk_status author_tree(struct author *a, const struct author_entry *e,
    size_t n, struct digest *id, struct fault *why);
/* The id of that tree, and whether it may be relied on without a look at its
 * files (a scan cache does so). */
enum blk_status author_known_tree(struct author *a,
    const struct author_entry *e, size_t n, struct digest *id, bool *reused,
    struct fault *why);

/* Publish what lane i holds. */
enum blk_status author_seal(struct author *a, unsigned i, struct fault *why);
/* Commit published data without references. */
enum blk_status author_early(struct author *a, struct fault *why);
/* What lies in lanes goes into segments (or into the commit file). */
enum blk_status author_settle(
    struct author *a, bool in_commit, bool structure_too, struct fault *why);
/* Commit it all with a->wish. */
enum blk_status author_commit(struct author *a, struct fault *why);
void author_empty(struct author *a);

/* Wish for what is there already, as put --ref does; *reused: it may be. */
enum blk_status author_ref(struct author *a, const struct digest *id,
    enum class class, bool *reused, struct fault *why);

/* Shorthands: name -> word in one commit. */
enum blk_status author_put(struct author *a, const char *name,
    const char *letters, unsigned cuts, struct fault *why);
enum blk_status author_drop(
    struct author *a, const struct digest *vid, struct fault *why);

/* A machine's image: what another author would commit. */
enum blk_status author_image(
    const struct author *from, struct author *to, struct fault *why);

/* Shared by the files of this room. */
enum blk_status author_full(struct fault *why);
enum blk_status author_add_object(struct author *a, const struct digest *id,
    enum kind kind, const void *data, size_t len, struct fault *why);
enum blk_status author_lean(
    struct author *a, const struct digest *segment, struct fault *why);

#endif

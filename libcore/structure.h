/*
 * structure.h - the texts through which objects refer to objects.
 *
 * A reference names a class: content (an object's bytes, held as data or by
 * a list), or data, piece, tree, snapshot, version (that kind only).  So
 * bytes of a user are never taken for structure.
 *
 * One grammar serves all kinds, line by line (blk-store(5)): 'd' and 'p'
 * begin a line of a list or of the head of a long text, 'F' 'D' 'L' 'P' 'C'
 * 'B' one of a tree, and words one of a snapshot, version or record.
 *
 * Long texts: a text of more than STRUCTURE_MAX bytes is cut, at line ends
 * that its content chooses, into pieces (objects of kind piece); its head
 * lists "p ID LINES BYTES" for each, and is cut again if it is too long.
 * A piece ends behind a line when it has STRUCTURE_LINES_MIN lines or more
 * and the line's SHA-256, LF included, begins with STRUCTURE_CUT_BITS zero
 * bits; when it has STRUCTURE_LINES_MAX lines; when the next line would make
 * it longer than STRUCTURE_PIECE_MAX bytes; and at the end of the text.  No
 * line is longer than STRUCTURE_LINE_MAX.
 *
 * Lists are cut finer, by STRUCTURE_LIST_MAX and STRUCTURE_LIST_CUT_BITS: no id
 * depends on it, and a byte that changes in a large object changes a piece.
 *
 * LINES counts the lines below that are not 'p' lines; BYTES the bytes of
 * content that they stand for ('d' lines), else their own, LF included.
 */
#ifndef STRUCTURE_H
#define STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "segment.h"
#include "text.h"

#define STRUCTURE_MAX ((size_t)1 << 20) /* longer texts are cut */
#define STRUCTURE_DEPTH 8     /* levels of pieces that a reader follows */
#define STRUCTURE_CUT_BITS 11 /* leading zero bits that end a piece */
#define STRUCTURE_LIST_MAX ((size_t)64 << 10) /* the same two of lists */
#define STRUCTURE_LIST_CUT_BITS 9
#define STRUCTURE_LINES_MIN 256
#define STRUCTURE_LINES_MAX 16384
#define STRUCTURE_PIECE_MAX ((size_t)4 << 20) /* bytes of a piece */
#define STRUCTURE_LINE_MAX ((size_t)1 << 20)  /* of a line, with its LF */

enum class {
	CLASS_CONTENT = 0,
	CLASS_DATA = 1,
	CLASS_PIECE = 2,
	CLASS_TREE = 3,
	CLASS_SNAPSHOT = 4,
	CLASS_VERSION = 5,
	CLASSES = 6,
};

const char *class_name(enum class c); /* "content", "data", ... */
bool class_of(struct span name, enum class *c);
/* May an object of this kind answer a reference of this class? */
bool class_takes(enum class c, enum kind k);

struct reference {
	struct digest id;
	enum class class;
	uint64_t size;  /* bytes of content, of a 'd' or 'p' line; else 0 */
	uint64_t lines; /* of a 'p' line */
};

/*
 * Call visit for each reference of a text, in order; a line holds none or
 * one.  kind says which lines are allowed; a piece may hold lines of any kind
 * but all of one.  A record, and a piece of one, refers to pieces only.
 *
 * This looks for references: 'd' and 'p' lines are checked in full, the
 * others as far as their first word and what they refer to.  Their own rooms
 * check the rest.
 *
 * Returns: BLK_OK; BLK_CORRUPT for a line that is none, or a text that no
 *          object of the kind can be; BLK_INVALID for KIND_DATA; or what
 *          visit returned, which ends the walk.
 */
MUST_USE enum blk_status structure_walk(enum kind kind, struct span text,
    enum blk_status (*visit)(
        void *arg, const struct reference *r, struct fault *why),
    void *arg, struct fault *why);

/* "d ID LENGTH\n" and "p ID LINES BYTES\n", appended. */
MUST_USE enum blk_status structure_add_data(
    struct buf *b, const struct digest *id, uint64_t length, struct fault *why);
MUST_USE enum blk_status structure_add_piece(struct buf *b,
    const struct digest *id, uint64_t lines, uint64_t bytes, struct fault *why);

/* The reverse, of a line without its LF: class data for 'd', class piece for
 * 'p'.  False, leaving *r alone, for any other spelling or line. */
MUST_USE bool structure_line(struct span line, struct reference *r);

/*
 * A cutter takes a text as it is made and gives pieces away as they are
 * complete, so that a list of a terabyte takes bounded memory.
 *
 * emit is called for each piece in order (deepest level first within a run);
 * it stores the bytes as (id, piece).  A text of STRUCTURE_MAX bytes or less
 * (a list: STRUCTURE_LIST_MAX) is never cut: emit is only called once the text
 * is known to be longer.
 */
struct cutter;

typedef enum blk_status structure_emit(void *arg, const struct digest *id,
    const void *text, size_t len, struct fault *why);

/* hash is borrowed. */
MUST_USE enum blk_status cutter_new(struct hasher *hash, structure_emit *emit,
    void *arg, struct cutter **out, struct fault *why);
void cutter_free(struct cutter *c);

/* The text is a list.  Before the first line. */
void cutter_is_list(struct cutter *c);

/*
 * Add one line, with its LF; covers: the bytes of content that it stands
 * for (lists), or the length of the line itself.
 *
 * Returns: BLK_OK; BLK_INVALID when it is no line, longer than
 *          STRUCTURE_LINE_MAX, or a 'p' line; BLK_FAILED; what emit returned.
 *          After the last two a cutter is only good to be freed.
 */
MUST_USE enum blk_status cutter_line(struct cutter *c, const void *line,
    size_t len, uint64_t covers, struct fault *why);

/*
 * The end: *head is the text to store, whole or a head of 'p' lines,
 * borrowed until cutter_free, the only call that may follow.
 */
MUST_USE enum blk_status cutter_end(
    struct cutter *c, const void **head, size_t *len, struct fault *why);

/*
 * Walk the lines of a text that may be a head: pieces are fetched as they
 * come (fetch gives (id, piece); it checks the hash), their lines and bytes
 * compared with the 'p' line.  line is called with each line, without LF.
 *
 * At most STRUCTURE_DEPTH levels are followed, and a piece of each is held.
 *
 * Returns: BLK_OK; BLK_CORRUPT for what is no text, a head of wrong sums or
 *          too deep; else what a function of the reader returned.
 *
 * fetch: fills *b (appending to an empty buffer); its status ends the walk.
 * skip:  NULL, or asked before a piece is fetched; true leaves it out.
 */
struct structure_reader {
	enum blk_status (*fetch)(void *arg, const struct digest *id,
	    struct buf *b, struct fault *why);
	bool (*skip)(void *arg, const struct reference *piece);
	enum blk_status (*line)(void *arg, struct span line, struct fault *why);
	void *arg;
};

MUST_USE enum blk_status structure_read(
    const struct structure_reader *r, struct span text, struct fault *why);

/*
 * A version: what one commit made a name mean.  Strings are owned, from
 * malloc; type "" is none.  attr is sorted by key (strcmp), each key once;
 * link by rel, then name of the class, then id, each link once.
 */
struct version_link {
	char *rel;
	enum class class; /* content, tree, snapshot or version */
	struct digest id;
};

struct version_attr {
	char *key, *value;
};

struct version {
	char *name; /* as version_check_name, or 64 hex digits if unnamed */
	uint64_t number; /* from 1 */
	bool has_previous;
	struct digest previous; /* last version ever made of the name */
	enum class class;       /* content, tree or snapshot */
	struct digest id;
	uint64_t size;   /* bytes of content; of a snapshot: of its files */
	int64_t time;    /* ns since 1970, when it was committed */
	int64_t expires; /* ns; 0: never */
	char *type;
	struct version_attr *attr;
	size_t attrs;
	struct version_link *link;
	size_t links;
};

void version_release(struct version *v);
MUST_USE enum blk_status version_copy(
    const struct version *from, struct version *to, struct fault *why);
/* Bring attr and link into their order. */
void version_sort(struct version *v);
/*
 * The canonical text, appended to b.  BLK_INVALID for a version that breaks a
 * rule: its name, number 0, a previous one where it is the first or none where
 * it is not, a name of 64 digits that is another id's or has either, a class
 * that no version may have, an order, a key that is empty or comes twice, a
 * line longer than STRUCTURE_LINE_MAX.
 */
MUST_USE enum blk_status version_format(
    const struct version *v, struct buf *b, struct fault *why);
/* BLK_CORRUPT for any text that version_format would not have written; but
 * lines that begin with "x-", behind the first, are passed over.
 * *v is the caller's to release; empty on failure. */
MUST_USE enum blk_status version_parse(
    struct span text, struct version *v, struct fault *why);

/*
 * May a name be used?  1 to 255 bytes of UTF-8, no control characters (of
 * Unicode), no ':' or '@', no leading or trailing '/', no "//", not 64 hex
 * digits of either case.
 * BLK_INVALID with the reason otherwise.
 */
MUST_USE enum blk_status version_check_name(
    struct span name, struct fault *why);
/* 64 lower-case hex digits: the name of an object that was put unnamed. */
bool version_name_is_id(struct span name);
/* Either of both: a name as versions, commits and checkpoints have it. */
bool version_is_name(struct span name);

#endif

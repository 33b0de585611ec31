/*
 * output.h - results on stdout: text, JSON Lines, templates, tables.
 *
 * A command says what it has found once, as items of named fields, and the
 * options of the user decide what becomes of them:
 *
 *	static const struct output_field fields[] = {
 *		{ .name = "id", .title = "ID" },
 *		{ .name = "size", .title = "SIZE", .right = true },
 *		{ .name = "name", .title = "NAME" },
 *		{ .name = NULL },
 *	};
 *	struct output_options o = cli_output(&c);	(cli.h)
 *	struct output *out;
 *
 *	o.type = "version";
 *	o.field = fields;
 *	o.columns = "id size name";	or o.format = "%(id)  %(name)";
 *	st = output_open(&o, &out, &why);
 *	for (...) {
 *		output_begin(out, "version");
 *		output_string(out, "id", hex);
 *		output_size(out, "size", v->size);
 *		output_bytes(out, "name", name, name_len);
 *		st = output_end(out, &why);
 *	}
 *	output_begin(out, "summary");		seen with --json only
 *	output_u64(out, "versions", n);
 *	st = output_end(out, &why);
 *	st = output_finish(out, &why);
 *	output_free(out);
 *
 * An output is used by one thread at a time.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fault.h"

struct output; /* opaque */

#define OUTPUT_FIELDS_MAX 64

enum output_color {
	OUTPUT_PLAIN,
	OUTPUT_BOLD,
	OUTPUT_DIM,
	OUTPUT_RED,
	OUTPUT_GREEN,
	OUTPUT_YELLOW,
	OUTPUT_BLUE,
};

/* A field that text can show; a table of them ends with name == NULL. */
struct output_field {
	const char *name;  /* as in JSON and in %(name) */
	const char *title; /* of its column; NULL: the name */
	bool right;        /* align to the right */
	enum output_color color;
};

struct output_options {
	FILE *file;       /* borrowed; output_finish flushes it */
	const char *type; /* the items that text shows; others are JSON's */
	const struct output_field *field; /* what columns and format know */

	/*
	 * How an item becomes text.  format, where not NULL, wins; one of the
	 * two must be there unless json is set.
	 */
	const char *columns; /* "id size name": an aligned table */
	const char *format;  /* "%(id)  %(name)", "%%" for a percent sign */
	bool titles;         /* above the table, unless null is set */

	bool json;     /* JSON Lines; columns, format, null do not matter */
	bool null;     /* items end in NUL, not newline */
	bool color;    /* of titles and columns */
	bool terminal; /* file is one: control characters are escaped,
	                * unless null is set, and each item is flushed */
};

/*
 * Parse columns or format and make ready.  What o points to is borrowed until
 * output_free.
 *
 * Returns:   BLK_OK; BLK_INVALID for a format (or columns, where the user
 *            chose them) that names an unknown field, which lists those there
 *            are: for cli_usage(c, "--format: %s", why.text); BLK_FAILED.
 * Ownership: *out is the caller's, to output_free; NULL on failure.
 */
MUST_USE enum blk_status output_open(
    const struct output_options *o, struct output **out, struct fault *why);

/*
 * Begin an item.  The fields follow in the order in which JSON shall have
 * them, each at most once; "type" comes first by itself.  What goes wrong on
 * the way is reported by output_end.
 */
void output_begin(struct output *out, const char *type);

/* Text that is UTF-8 by its nature: ids, words of ours. */
void output_string(struct output *out, const char *key, const char *value);
/*
 * Names and other bytes.  Where they are not UTF-8 JSON has U+FFFD in place of
 * each bad byte, and the bytes themselves in Base64 as KEY_b64.
 */
void output_bytes(
    struct output *out, const char *key, const char *value, size_t len);
void output_u64(struct output *out, const char *key, uint64_t value);
void output_i64(struct output *out, const char *key, int64_t value);
void output_real(struct output *out, const char *key, double value);
/* In text "yes" or "no". */
void output_bool(struct output *out, const char *key, bool value);
/* Bytes: "1.5 GiB" in a table, a plain number in templates and JSON. */
void output_size(struct output *out, const char *key, uint64_t bytes);
/* ns since 1970: local in a table, RFC 3339 in UTC in templates and JSON. */
void output_time(struct output *out, const char *key, int64_t ns);
/* In text empty, in JSON null. */
void output_none(struct output *out, const char *key);
/* In text joined by commas, in JSON an array. */
void output_strings(
    struct output *out, const char *key, const char *const *value, size_t n);
/*
 * Open an object {"KEY":{...}} in JSON, into which all fields go until
 * output_nest_end; text joins them as "a=1,b=2".  Objects do not nest.
 */
void output_nest(struct output *out, const char *key);
void output_nest_end(struct output *out);

/*
 * End the item and write it (tables hold some back, to align them).
 *
 * Returns: BLK_OK; BLK_FAILED when memory ran out or a write failed, which
 *          need not be told again: cli_end tells of stdout.
 */
MUST_USE enum blk_status output_end(struct output *out, struct fault *why);

/*
 * Write what is held back and flush.
 *
 * Returns: as output_end.
 */
MUST_USE enum blk_status output_finish(struct output *out, struct fault *why);

/* Free it; what is held back is lost.  output_free(NULL) does nothing. */
void output_free(struct output *out);

/*
 * One JSON object and a newline: {"type":TYPE[,"code":CODE][,"kind":KIND],
 * "message":MESSAGE}.  code below 0 and kind NULL are left out.  For messages
 * with --json, in one write; says nothing when memory runs out.
 */
void output_message(
    FILE *f, const char *type, int code, const char *kind, const char *message);

#endif

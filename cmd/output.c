#include "output.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "layout.h"
#include "output-json.h"
#include "progress.h"
#include "show.h"
#include "when.h"

/* Values of struct output's nested that are no field. */
#define NO_NEST (-1)
#define UNSEEN_NEST (-2) /* text has no field for it */

struct output {
	struct output_options o;
	bool nomem; /* told by output_end */

	/* json */
	json_t *item;
	json_t *nest; /* borrowed from item; NULL: none is open */

	/* text */
	struct layout *layout;
	size_t fields;
	struct layout_cell cell[OUTPUT_FIELDS_MAX];
	bool shown; /* this item is of the type that text shows */
	int nested; /* the field that collects an open nest, or one of above */
};

static enum blk_status
check_write(struct output *out, struct fault *why)
{
	if (!ferror(out->o.file))
		return BLK_OK;
	if (errno == 0) /* an earlier write, by whoever made it */
		return fault(why, BLK_FAILED, "standard output: write error");
	return fault_sys(why, "standard output");
}

enum blk_status
output_open(
    const struct output_options *o, struct output **out, struct fault *why)
{
	struct output *n = calloc(1, sizeof(*n));
	enum blk_status st = BLK_OK;

	*out = NULL;
	if (n == NULL)
		return fault_nomem(why);
	n->o = *o;
	n->nested = NO_NEST;
	while (o->field != NULL && o->field[n->fields].name != NULL)
		n->fields++;
	assert(n->fields <= OUTPUT_FIELDS_MAX);
	/* a template is checked even where JSON makes no use of it */
	if (!o->json || o->format != NULL)
		st = layout_new(&n->o, &n->layout, why);
	if (st != BLK_OK) {
		free(n);
		return st;
	}
	*out = n;
	return BLK_OK;
}

static void
put_json(struct output *out, const char *key, json_t *value)
{
	json_t *object = out->nest != NULL ? out->nest : out->item;

	if (!json_set(object, key, value))
		out->nomem = true;
}

/*
 * --- text ---
 */

/* Add to an open nest: "KEY=value", joined by commas.  Takes nothing. */
static char *
join_nest(const struct layout_cell *c, const char *key, const char *text,
    size_t len, size_t *total)
{
	size_t klen = strlen(key), n = c->len + 1 + klen + 1 + len;
	char *all = malloc(n + 1), *to = all;

	if (all == NULL)
		return NULL;
	if (c->len > 0) {
		to = mempcpy(to, c->text, c->len);
		*to++ = ',';
	}
	to = mempcpy(to, key, klen);
	*to++ = '=';
	if (len > 0)
		to = mempcpy(to, text, len);
	*to = '\0';
	*total = (size_t)(to - all);
	return all;
}

static void
put_cell(struct output *out, int field, char *text, size_t len)
{
	free(out->cell[field].text);
	out->cell[field] = (struct layout_cell){ text, len };
	if (text == NULL)
		out->nomem = true;
}

static void
put_text(struct output *out, const char *key, const char *p, size_t len)
{
	int field = out->nested;
	char *text = NULL;

	if (!out->shown || field == UNSEEN_NEST)
		return;
	if (field == NO_NEST) {
		field = layout_field(&out->o, key, strlen(key));
		if (field < 0)
			return; /* JSON only */
		text = malloc(len + 1);
		if (text != NULL && len > 0)
			memcpy(text, p, len);
	} else {
		text = join_nest(&out->cell[field], key, p, len, &len);
	}
	put_cell(out, field, text, text == NULL ? 0 : len);
}

static bool
for_people(const struct output *out)
{
	return layout_is_table(out->layout);
}

/* What control characters would do to a terminal is spelled out. */
static bool
escape_cells(struct output *out)
{
	if (!out->o.terminal || out->o.null)
		return true;
	for (size_t i = 0; i < out->fields; i++) {
		struct layout_cell *c = &out->cell[i];
		char *safe;

		if (c->text == NULL)
			continue;
		safe = show_escape(c->text, c->len);
		if (safe == NULL)
			return false;
		free(c->text);
		*c = (struct layout_cell){ safe, strlen(safe) };
	}
	return true;
}

static void
clear_cells(struct output *out)
{
	for (size_t i = 0; i < out->fields; i++) {
		free(out->cell[i].text);
		out->cell[i] = (struct layout_cell){ NULL, 0 };
	}
}

/*
 * --- items ---
 */

void
output_begin(struct output *out, const char *type)
{
	out->nomem = false;
	out->nested = NO_NEST;
	out->nest = NULL;
	if (out->o.json) {
		json_decref(out->item);
		out->item = json_object();
		put_json(out, "type", json_string(type));
	} else {
		clear_cells(out);
		out->shown = strcmp(type, out->o.type) == 0;
	}
}

void
output_string(struct output *out, const char *key, const char *value)
{
	output_bytes(out, key, value, strlen(value));
}

void
output_bytes(struct output *out, const char *key, const char *value, size_t len)
{
	json_t *object = out->nest != NULL ? out->nest : out->item;

	if (!out->o.json)
		put_text(out, key, value, len);
	else if (!json_set_bytes(object, key, value, len))
		out->nomem = true;
}

void
output_u64(struct output *out, const char *key, uint64_t value)
{
	char text[24];

	if (out->o.json) {
		/* jansson's integers have a sign; no count comes near */
		put_json(out, key,
		    json_integer(
		        value > INT64_MAX ? INT64_MAX : (json_int_t)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(out, key, text, strlen(text));
}

void
output_i64(struct output *out, const char *key, int64_t value)
{
	char text[24];

	if (out->o.json) {
		put_json(out, key, json_integer(value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64, value);
	put_text(out, key, text, strlen(text));
}

void
output_real(struct output *out, const char *key, double value)
{
	char text[400]; /* the largest double has 309 digits */

	if (out->o.json) {
		/* there is no infinity in JSON: null */
		json_t *v = json_real(value);

		put_json(out, key, v != NULL ? v : json_null());
		return;
	}
	snprintf(text, sizeof(text), "%.2f", value);
	put_text(out, key, text, strlen(text));
}

void
output_bool(struct output *out, const char *key, bool value)
{
	if (out->o.json)
		put_json(out, key, json_boolean(value));
	else
		output_string(out, key, value ? "yes" : "no");
}

void
output_size(struct output *out, const char *key, uint64_t bytes)
{
	char text[WHEN_TEXT];

	if (out->o.json || !for_people(out)) {
		output_u64(out, key, bytes);
		return;
	}
	when_format_size(bytes, text);
	put_text(out, key, text, strlen(text));
}

void
output_time(struct output *out, const char *key, int64_t ns)
{
	char text[WHEN_TEXT];

	if (out->o.json || !for_people(out))
		when_format_rfc3339_utc(ns, text);
	else
		when_format_local(ns, text);
	output_string(out, key, text);
}

void
output_none(struct output *out, const char *key)
{
	if (out->o.json)
		put_json(out, key, json_null());
	else
		put_text(out, key, "", 0);
}

void
output_strings(
    struct output *out, const char *key, const char *const *value, size_t n)
{
	size_t total = 1;
	char *text, *to;

	if (out->o.json) {
		json_t *object = out->nest != NULL ? out->nest : out->item;

		if (!json_set_strings(object, key, value, n))
			out->nomem = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		total += strlen(value[i]) + 1;
	text = malloc(total);
	if (text == NULL) {
		out->nomem = true;
		return;
	}
	to = text;
	*to = '\0';
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*to++ = ',';
		to = stpcpy(to, value[i]);
	}
	put_text(out, key, text, (size_t)(to - text));
	free(text);
}

void
output_nest(struct output *out, const char *key)
{
	if (out->o.json) {
		assert(out->nest == NULL);
		put_json(out, key, json_object());
		out->nest = json_object_get(out->item, key);
		if (out->nest == NULL)
			out->nomem = true;
		return;
	}
	assert(out->nested == NO_NEST);
	out->nested = layout_field(&out->o, key, strlen(key));
	if (out->nested < 0)
		out->nested = UNSEEN_NEST;
}

void
output_nest_end(struct output *out)
{
	out->nest = NULL;
	out->nested = NO_NEST;
}

static enum blk_status
write_item(struct output *out, struct fault *why)
{
	if (out->o.json)
		return json_write(out->o.file, out->item) ? BLK_OK
		                                          : fault_nomem(why);
	if (!out->shown)
		return BLK_OK;
	if (!escape_cells(out))
		return fault_nomem(why);
	return layout_row(out->layout, out->cell, why);
}

enum blk_status
output_end(struct output *out, struct fault *why)
{
	enum blk_status st;

	if (out->nomem)
		return fault_nomem(why);
	errno = 0;
	if (out->o.terminal)
		progress_hide();
	st = write_item(out, why);
	if (out->o.terminal) {
		fflush(out->o.file);
		progress_show();
	}
	return st == BLK_OK ? check_write(out, why) : st;
}

enum blk_status
output_finish(struct output *out, struct fault *why)
{
	errno = 0;
	if (out->o.terminal)
		progress_hide();
	if (!out->o.json)
		layout_flush(out->layout);
	fflush(out->o.file);
	if (out->o.terminal)
		progress_show();
	return check_write(out, why);
}

void
output_free(struct output *out)
{
	if (out == NULL)
		return;
	clear_cells(out);
	layout_free(out->layout);
	json_decref(out->item);
	free(out);
}

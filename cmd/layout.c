#include "layout.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

#define LAYOUT_HELD 256 /* rows that decide how wide the columns are */
#define LAYOUT_PIECES (2 * OUTPUT_FIELDS_MAX + 1)

/* Literal text, or (field >= 0) a place where a value goes. */
struct piece {
	const char *text;
	size_t len;
	int field;
	size_t width; /* of a column */
};

struct layout {
	const struct output_options *o;
	bool table;
	bool titled; /* the titles are written */
	struct piece piece[LAYOUT_PIECES];
	size_t pieces;
	/* held[row * pieces + column]; owned */
	struct layout_cell *held;
	size_t rows;
};

int
layout_field(const struct output_options *o, const char *name, size_t len)
{
	for (int i = 0; o->field[i].name != NULL; i++)
		if (strlen(o->field[i].name) == len &&
		    memcmp(o->field[i].name, name, len) == 0)
			return i;
	return -1;
}

bool
layout_is_table(const struct layout *l)
{
	return l->table;
}

static enum blk_status
unknown_field(const struct output_options *o, const char *name, size_t len,
    struct fault *why)
{
	char known[300] = "";
	size_t at = 0;

	for (int i = 0; o->field[i].name != NULL && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
		    i == 0 ? "" : ", ", o->field[i].name);
	return fault(why, BLK_INVALID,
	    "there is no field '%.*s'; there are: %s", len < 60 ? (int)len : 60,
	    name, known);
}

static enum blk_status
add_piece(struct layout *l, const char *text, size_t len, int field,
    struct fault *why)
{
	if (l->pieces == LAYOUT_PIECES)
		return fault(
		    why, BLK_INVALID, "more than %d fields", OUTPUT_FIELDS_MAX);
	l->piece[l->pieces++] = (struct piece){ text, len, field, 0 };
	return BLK_OK;
}

static enum blk_status
add_field(struct layout *l, const char *name, size_t len, struct fault *why)
{
	int field = layout_field(l->o, name, len);

	if (field < 0)
		return unknown_field(l->o, name, len, why);
	return add_piece(l, name, len, field, why);
}

/* Take one "%..." from *p. */
static enum blk_status
parse_percent(struct layout *l, const char **p, struct fault *why)
{
	const char *name = *p + 2, *end;

	if ((*p)[1] == '%') {
		*p += 2;
		return add_piece(l, "%", 1, -1, why);
	}
	end = (*p)[1] == '(' ? strchr(name, ')') : NULL;
	if (end == NULL)
		return fault(why, BLK_INVALID,
		    "'%.20s': fields are written %%(name), a percent sign %%%%",
		    *p);
	*p = end + 1;
	return add_field(l, name, (size_t)(end - name), why);
}

static enum blk_status
parse_format(struct layout *l, const char *p, struct fault *why)
{
	enum blk_status st = BLK_OK;

	while (st == BLK_OK && *p != '\0') {
		size_t len = strcspn(p, "%");

		if (len > 0) {
			st = add_piece(l, p, len, -1, why);
			p += len;
		} else {
			st = parse_percent(l, &p, why);
		}
	}
	return st;
}

static enum blk_status
parse_columns(struct layout *l, const char *p, struct fault *why)
{
	enum blk_status st = BLK_OK;

	for (p += strspn(p, " "); st == BLK_OK && *p != '\0';
	     p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		st = add_field(l, p, len, why);
		p += len;
	}
	return st;
}

enum blk_status
layout_new(
    const struct output_options *o, struct layout **out, struct fault *why)
{
	struct layout *l = calloc(1, sizeof(*l));
	enum blk_status st;

	*out = NULL;
	if (l == NULL)
		return fault_nomem(why);
	l->o = o;
	l->table = o->format == NULL;
	if (l->table)
		st = parse_columns(l, o->columns, why);
	else
		st = parse_format(l, o->format, why);
	if (st == BLK_OK && l->table && l->pieces > 0) {
		l->held = calloc(LAYOUT_HELD * l->pieces, sizeof(*l->held));
		if (l->held == NULL)
			st = fault_nomem(why);
	}
	if (st != BLK_OK) {
		layout_free(l);
		return st;
	}
	*out = l;
	return BLK_OK;
}

void
layout_free(struct layout *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->rows * l->pieces; i++)
		free(l->held[i].text);
	free(l->held);
	free(l);
}

static void
end_row(const struct layout *l)
{
	putc(l->o->null ? '\0' : '\n', l->o->file);
}

static void
write_colored(const struct layout *l, enum output_color color, const char *text,
    size_t len)
{
	static const char *const code[] = {
		[OUTPUT_PLAIN] = NULL,
		[OUTPUT_BOLD] = "1",
		[OUTPUT_DIM] = "2",
		[OUTPUT_RED] = "31",
		[OUTPUT_GREEN] = "32",
		[OUTPUT_YELLOW] = "33",
		[OUTPUT_BLUE] = "34",
	};
	bool paint = l->o->color && code[color] != NULL && len > 0;

	if (paint)
		fprintf(l->o->file, "\033[%sm", code[color]);
	fwrite(text, 1, len, l->o->file);
	if (paint)
		fputs("\033[0m", l->o->file);
}

static void
pad(const struct layout *l, size_t n)
{
	fprintf(l->o->file, "%*s", n < 1000 ? (int)n : 1000, "");
}

/* One column of a row; the last is not padded to the right. */
static void
write_column(const struct layout *l, size_t column, enum output_color color,
    const char *text, size_t len)
{
	const struct piece *p = &l->piece[column];
	const struct output_field *f = &l->o->field[p->field];
	size_t width = show_width(text, len);
	size_t space = width < p->width ? p->width - width : 0;

	if (column > 0)
		fputs("  ", l->o->file);
	if (f->right)
		pad(l, space);
	write_colored(l, color, text, len);
	if (!f->right && column + 1 < l->pieces)
		pad(l, space);
}

static const char *
title_of(const struct layout *l, size_t column)
{
	const struct output_field *f = &l->o->field[l->piece[column].field];

	return f->title != NULL ? f->title : f->name;
}

static bool
has_titles(const struct layout *l)
{
	return l->o->titles && !l->o->null;
}

static void
write_titles(struct layout *l)
{
	if (!has_titles(l) || l->titled)
		return;
	l->titled = true;
	for (size_t c = 0; c < l->pieces; c++)
		write_column(
		    l, c, OUTPUT_BOLD, title_of(l, c), strlen(title_of(l, c)));
	end_row(l);
}

static void
widen(struct layout *l)
{
	for (size_t c = 0; c < l->pieces; c++) {
		size_t *width = &l->piece[c].width;

		if (has_titles(l) && *width < strlen(title_of(l, c)))
			*width = strlen(title_of(l, c));
		for (size_t r = 0; r < l->rows; r++) {
			struct layout_cell *v = &l->held[r * l->pieces + c];
			size_t n = show_width(v->text, v->len);

			if (*width < n)
				*width = n;
		}
	}
}

void
layout_flush(struct layout *l)
{
	if (l->rows == 0)
		return;
	widen(l);
	write_titles(l);
	for (size_t r = 0; r < l->rows; r++) {
		for (size_t c = 0; c < l->pieces; c++) {
			struct layout_cell *v = &l->held[r * l->pieces + c];
			int field = l->piece[c].field;

			write_column(
			    l, c, l->o->field[field].color, v->text, v->len);
			free(v->text);
			*v = (struct layout_cell){ NULL, 0 };
		}
		end_row(l);
	}
	l->rows = 0;
}

static enum blk_status
hold(struct layout *l, const struct layout_cell *cell, struct fault *why)
{
	struct layout_cell *row = &l->held[l->rows * l->pieces];

	for (size_t c = 0; c < l->pieces; c++) {
		const struct layout_cell *from = &cell[l->piece[c].field];

		row[c].text = malloc(from->len + 1);
		if (row[c].text == NULL) {
			while (c-- > 0)
				free(row[c].text);
			return fault_nomem(why);
		}
		row[c].len = from->len;
		if (from->len > 0)
			memcpy(row[c].text, from->text, from->len);
	}
	if (++l->rows == LAYOUT_HELD)
		layout_flush(l);
	return BLK_OK;
}

enum blk_status
layout_row(struct layout *l, const struct layout_cell *cell, struct fault *why)
{
	if (l->table && l->pieces > 0)
		return hold(l, cell, why);
	for (size_t i = 0; i < l->pieces; i++) {
		const struct piece *p = &l->piece[i];
		const struct layout_cell *v =
		    p->field < 0 ? NULL : &cell[p->field];

		if (v == NULL)
			fwrite(p->text, 1, p->len, l->o->file);
		else if (v->len > 0)
			write_colored(
			    l, l->o->field[p->field].color, v->text, v->len);
	}
	end_row(l);
	return BLK_OK;
}

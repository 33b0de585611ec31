/*
 * show.h - text of unknown origin, made safe to look at.
 *
 * Names come from other people's file systems and archives: before they
 * reach a terminal or a message, what could move the cursor or change a
 * title is spelled out.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stddef.h>

/*
 * The length of the UTF-8 character that begins at p, of which len bytes can
 * be looked at; 0 when none does (overlong forms, surrogates and what is
 * above U+10FFFF are none).
 */
size_t show_utf8(const char *p, size_t len);

/*
 * A copy of text that is safe on a terminal: control characters (C0, DEL,
 * C1) and bytes that are not UTF-8 become \n, \t, \r or \ooo, all else stays
 * as it is, backslashes too.
 *
 * Ownership: from malloc, NUL-terminated; NULL when memory ran out.
 */
char *show_escape(const char *p, size_t len);

/* How many characters a text has; a byte that is not UTF-8 counts as one. */
size_t show_width(const char *p, size_t len);

#endif

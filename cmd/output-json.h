/*
 * output-json.h - JSON objects, for bytes that may not be UTF-8.
 *
 * The JSON half of output.h, and the only place but that for jansson's types.
 * Every function is false when memory ran out (or an object is NULL), and
 * takes the value that it is given all the same.
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* Set key, in which bytes that are not UTF-8 are replaced. */
bool json_set(json_t *object, const char *key, json_t *value);

/* Set key to text with U+FFFD for each byte that is not UTF-8; if there is
 * one, KEY_b64 to all of them in Base64. */
bool json_set_bytes(json_t *object, const char *key, const char *p, size_t len);

/* The same for an array, of which either all is in KEY_b64 or nothing. */
bool json_set_strings(
    json_t *object, const char *key, const char *const *value, size_t n);

/* The object on a line of its own; a lost write is left to ferror(f). */
bool json_write(FILE *f, const json_t *item);

#endif

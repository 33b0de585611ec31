#include "output-json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "show.h"

/* 15 digits: 0.1 comes out as 0.1. */
#define FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* As JSON must have it: U+FFFD for every byte that is not UTF-8. */
static json_t *
utf8_string(const char *p, size_t len, bool *exact)
{
	char *copy, *to;
	json_t *s;

	*exact = true;
	copy = len < SIZE_MAX / 3 ? malloc(3 * len + 1) : NULL;
	if (copy == NULL)
		return NULL;
	to = copy;
	for (size_t i = 0, n; i < len; i += n) {
		n = show_utf8(p + i, len - i);
		if (n > 0) {
			to = mempcpy(to, p + i, n);
			continue;
		}
		n = 1;
		*exact = false;
		to = mempcpy(to, "\xef\xbf\xbd", 3);
	}
	s = json_stringn(copy, (size_t)(to - copy));
	free(copy);
	return s;
}

static json_t *
base64_string(const char *p, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *b = (const unsigned char *)p;
	char *text = malloc(len / 3 * 4 + 5), *to = text;
	json_t *s;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)b[i] << 16;

		if (n > 1)
			v |= (unsigned)b[i + 1] << 8;
		if (n > 2)
			v |= b[i + 2];
		*to++ = digit[v >> 18];
		*to++ = digit[v >> 12 & 63];
		*to++ = n > 1 ? digit[v >> 6 & 63] : '=';
		*to++ = n > 2 ? digit[v & 63] : '=';
	}
	s = json_stringn(text, (size_t)(to - text));
	free(text);
	return s;
}

bool
json_set(json_t *object, const char *key, json_t *value)
{
	bool exact;
	json_t *k = utf8_string(key, strlen(key), &exact);
	int bad = 1;

	if (k != NULL)
		bad = json_object_set_new(object, json_string_value(k), value);
	else
		json_decref(value);
	json_decref(k);
	return bad == 0;
}

bool
json_set_bytes(json_t *object, const char *key, const char *p, size_t len)
{
	char *b64 = NULL;
	bool exact, ok;

	ok = json_set(object, key, utf8_string(p, len, &exact));
	if (!ok || exact)
		return ok;
	if (asprintf(&b64, "%s_b64", key) < 0)
		return false;
	ok = json_set(object, b64, base64_string(p, len));
	free(b64);
	return ok;
}

bool
json_set_strings(
    json_t *object, const char *key, const char *const *value, size_t n)
{
	json_t *plain = json_array(), *b64 = json_array();
	bool exact = true, ok = true, one;
	char *name = NULL;

	for (size_t i = 0; ok && i < n; i++) {
		size_t len = strlen(value[i]);

		ok = json_array_append_new(
		         plain, utf8_string(value[i], len, &one)) == 0 &&
		    json_array_append_new(b64, base64_string(value[i], len)) ==
		        0;
		exact = exact && one;
	}
	ok = json_set(object, key, plain) && ok;
	if (ok && !exact)
		ok = asprintf(&name, "%s_b64", key) >= 0 &&
		    json_set(object, name, json_incref(b64));
	json_decref(b64);
	free(name);
	return ok;
}

bool
json_write(FILE *f, const json_t *item)
{
	char *text = json_dumps(item, FLAGS), *line = NULL;

	if (text == NULL || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	if (line != NULL)
		fputs(line, f);
	free(text);
	free(line);
	return line != NULL;
}

void
output_message(
    FILE *f, const char *type, int code, const char *kind, const char *message)
{
	json_t *line = json_object();
	bool ok = json_set(line, "type", json_string(type));

	if (ok && code >= 0)
		ok = json_set(line, "code", json_integer(code));
	if (ok && kind != NULL)
		ok = json_set(line, "kind", json_string(kind));
	if (ok && json_set_bytes(line, "message", message, strlen(message)))
		json_write(f, line);
	json_decref(line);
}

/*
 * Any text is refused, or what was read of it survives being written.
 */
#include "when.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1714979289500000000) /* 2024-05-06T07:08:09.5Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
size_of(const char *text)
{
	struct fault why = FAULT_NONE;
	char written[WHEN_TEXT];
	uint64_t size;

	if (when_size(text, &size, &why) == BLK_OK)
		when_format_size(size, written);
	else
		must(why.text[0] != '\0');
}

static void
duration_of(const char *text)
{
	struct fault why = FAULT_NONE;
	struct when_span span, again;
	char written[WHEN_TEXT];

	if (when_duration(text, &span, &why) != BLK_OK)
		return;
	when_format_span(span, written);
	must(when_duration(written, &again, &why) == BLK_OK);
	must(memcmp(&span, &again, sizeof(span)) == 0);
}

static void
time_of(const char *text)
{
	struct fault why = FAULT_NONE;
	char written[WHEN_TEXT];
	int64_t time, again;

	if (when_time(text, NOW, &time, &why) != BLK_OK)
		return;
	when_format_rfc3339(time, written);
	must(when_time(written, NOW, &again, &why) == BLK_OK);
	must(again == time);
	when_format_rfc3339_utc(time, written);
	must(when_time(written, NOW, &again, &why) == BLK_OK);
	must(again == time);
}

/* The first byte chooses the time zone. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin",
		"America/New_York", "Asia/Kolkata", "Pacific/Apia",
		"Australia/Lord_Howe", "Africa/Monrovia" };
	char text[128];

	if (size == 0 || size > sizeof(text))
		return 0;
	setenv("TZ", zones[data[0] % (sizeof(zones) / sizeof(zones[0]))], 1);
	tzset();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	size_of(text);
	duration_of(text);
	time_of(text);
	return 0;
}

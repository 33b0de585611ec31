#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void record(struct fault *why, const char *fmt, va_list ap) PRINTF(2, 0);

static void
record(struct fault *why, const char *fmt, va_list ap)
{
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	for (char *p = why->text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

enum blk_status
fault(struct fault *why, enum blk_status st, const char *fmt, ...)
{
	va_list ap;

	why->sys = 0;
	va_start(ap, fmt);
	record(why, fmt, ap);
	va_end(ap);
	return st;
}

enum blk_status
fault_sys(struct fault *why, const char *fmt, ...)
{
	int sys = errno;
	const char *says = strerrordesc_np(sys);
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	record(why, fmt, ap);
	va_end(ap);
	why->sys = sys;
	len = strlen(why->text);
	snprintf(why->text + len, sizeof(why->text) - len, ": %s",
	    says != NULL ? says : "unknown error");
	return BLK_FAILED;
}

enum blk_status
fault_nomem(struct fault *why)
{
	why->sys = ENOMEM;
	strcpy(why->text, "out of memory");
	return BLK_FAILED;
}

enum blk_status
fault_newer(struct fault *why, const char *fmt, ...)
{
	va_list ap;

	why->sys = EPROTONOSUPPORT; /* no call on files or memory says so */
	va_start(ap, fmt);
	record(why, fmt, ap);
	va_end(ap);
	return BLK_FAILED;
}

bool
fault_is_newer(enum blk_status st, const struct fault *why)
{
	return st == BLK_FAILED && why->sys == EPROTONOSUPPORT;
}

enum blk_status
fault_in(struct fault *why, enum blk_status st, const char *fmt, ...)
{
	char inner[sizeof(why->text)];
	va_list ap;
	size_t len;

	memcpy(inner, why->text, sizeof(inner));
	va_start(ap, fmt);
	record(why, fmt, ap);
	va_end(ap);
	len = strlen(why->text);
	snprintf(why->text + len, sizeof(why->text) - len, ": %s", inner);
	return st;
}

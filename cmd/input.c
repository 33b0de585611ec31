#include "input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define ROOM (INPUT_TAKE_MAX + INPUT_LINE_MAX)

enum blk_status
input_init(
    struct input *in, int fd, const char *name, char end, struct fault *why)
{
	*in = (struct input){
		.fd = fd, .name = name, .end = end, .unit = "line"
	};
	in->data = malloc(ROOM + 1);
	return in->data == NULL ? fault_nomem(why) : BLK_OK;
}

void
input_release(struct input *in)
{
	free(in->data);
	in->data = NULL;
}

/* Read on behind what is there; BLK_ABSENT at the end. */
static enum blk_status
more(struct input *in, struct fault *why)
{
	enum blk_status st;
	ssize_t n;

	if (in->idle != NULL) {
		st = in->idle(in->arg, why);
		if (st != BLK_OK)
			return st;
	}
	if (in->at > 0) {
		memmove(in->data, in->data + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
	}
	do
		n = read(in->fd, in->data + in->len, ROOM - in->len);
	while (n < 0 && errno == EINTR && !cli_stop_requested(NULL));
	if (n < 0)
		return fault_sys(why, "%s", in->name);
	in->len += (size_t)n;
	return n == 0 ? BLK_ABSENT : BLK_OK;
}

/* Where the line that begins at in->at ends; *last: without an end. */
static enum blk_status
find_end(struct input *in, char **end, bool *last, struct fault *why)
{
	size_t seen = 0;

	for (;;) {
		size_t have = in->len - in->at;
		enum blk_status st;

		*end = memchr(in->data + in->at + seen, in->end, have - seen);
		if (*end != NULL)
			return BLK_OK;
		if (have > INPUT_LINE_MAX)
			return fault(why, BLK_INVALID, "%s: %s %ju is too long",
			    in->name, in->unit, (uintmax_t)in->line);
		seen = have;
		st = more(in, why);
		if (st == BLK_ABSENT && have > 0) {
			*last = true;
			*end = in->data + in->len;
			return BLK_OK;
		}
		if (st != BLK_OK)
			return st;
	}
}

enum blk_status
input_line(struct input *in, char **line, struct fault *why)
{
	enum blk_status st;
	bool last = false;
	char *end;

	in->line++;
	st = find_end(in, &end, &last, why);
	if (st != BLK_OK)
		return st;
	*line = in->data + in->at;
	*end = '\0';
	in->at = (size_t)(end - in->data) + !last;
	if (memchr(*line, '\0', (size_t)(end - *line)) != NULL)
		return fault(why, BLK_INVALID, "%s: %s %ju holds a NUL",
		    in->name, in->unit, (uintmax_t)in->line);
	return BLK_OK;
}

enum blk_status
input_take(struct input *in, size_t len, const char **data, struct fault *why)
{
	assert(len <= INPUT_TAKE_MAX);
	while (in->len - in->at < len) {
		enum blk_status st = more(in, why);

		if (st != BLK_OK)
			return st;
	}
	*data = in->data + in->at;
	in->at += len;
	return BLK_OK;
}

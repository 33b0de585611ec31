/*
 * input.h - lines, and the bytes between them, from a descriptor.
 *
 * For lists of files and for batches.  What was read ahead stays in the
 * input, so that lines and bytes may be mixed.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define INPUT_LINE_MAX ((size_t)64 << 10) /* bytes of a line, without end */
#define INPUT_TAKE_MAX ((size_t)1 << 20)

struct input {
	int fd;           /* borrowed */
	const char *name; /* for messages; borrowed */
	char end;         /* of a line: '\n' or NUL */
	uint64_t line;    /* how many lines were read: the number of the last */
	const char *unit; /* what messages call a line: "line", where bytes lie
	                   * between them something else; borrowed */

	/*
	 * NULL, or called before the input is read, which may take a while:
	 * to flush answers.  Its status, unless BLK_OK, is what the call
	 * returns.
	 */
	enum blk_status (*idle)(void *arg, struct fault *why);
	void *arg;

	/* private */
	char *data;
	size_t at, len;
};

/* BLK_OK or BLK_FAILED.  in is the caller's to input_release. */
MUST_USE enum blk_status input_init(
    struct input *in, int fd, const char *name, char end, struct fault *why);
void input_release(struct input *in);

/*
 * The next line, which needs no end if it is the last of the input.
 *
 * Returns:   BLK_OK; BLK_ABSENT at the end; BLK_INVALID for a line that is
 *            too long, or holds a NUL; BLK_FAILED, also when the user
 *            interrupts.
 * Ownership: *line ends in NUL, and is borrowed until the next call.
 */
MUST_USE enum blk_status input_line(
    struct input *in, char **line, struct fault *why);

/*
 * The next len bytes in one piece, borrowed until the next call; len <=
 * INPUT_TAKE_MAX.  BLK_ABSENT when the input ends before.
 */
MUST_USE enum blk_status input_take(
    struct input *in, size_t len, const char **data, struct fault *why);

#endif

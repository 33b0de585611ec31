/*
 * fault.h - how libcore says no.
 *
 * Every libcore function that can fail returns enum blk_status and takes a
 * struct fault last, always called "why".  libcore never prints and never
 * exits: it fills the fault, and a command prints it once.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

/* One value per thing a caller can do about it; detail goes in the fault. */
enum blk_status {
	BLK_OK = 0,
	BLK_ABSENT,  /* an answer, not a failure: the fault is untouched */
	BLK_INVALID, /* the caller's input was refused; nothing was done */
	BLK_CORRUPT, /* stored bytes disagree with their digest or format */
	BLK_BUSY,    /* somebody else holds it; waiting did not help */
	BLK_FAILED,  /* the system refused; why->sys holds errno */
};

struct fault {
	int sys;        /* errno, 0 where no system call was to blame */
	char text[500]; /* outermost context first, no newline */
};

#define FAULT_NONE                                                             \
	{                                                                      \
		.sys = 0, .text = ""                                           \
	}
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Record a fault and return st, so that "return fault(...)" is one line. */
enum blk_status fault(
    struct fault *why, enum blk_status st, const char *fmt, ...) PRINTF(3, 4);

/* As fault(why, BLK_FAILED, ...), adding errno and its message. */
enum blk_status fault_sys(struct fault *why, const char *fmt, ...) PRINTF(2, 3);

/* Memory ran out.  Needs none itself. */
enum blk_status fault_nomem(struct fault *why);

/*
 * BLK_FAILED, for what is sound as far as one can tell, but of a format that
 * only a newer blk can read: no damage, and nothing to go on with.
 */
enum blk_status fault_newer(struct fault *why, const char *fmt, ...)
    PRINTF(2, 3);
bool fault_is_newer(enum blk_status st, const struct fault *why);

/* Put "context: " in front of what is already recorded; return st. */
enum blk_status fault_in(
    struct fault *why, enum blk_status st, const char *fmt, ...) PRINTF(3, 4);

#endif

/*
 * progress.h - how far a long run has come.
 *
 * Workers add to counters; a thread of the room's own shows them on stderr.
 * Commands get theirs from cli_progress (cli.h), which knows the options, and
 * stop it through cli_end.
 *
 * SIGUSR1 and the terminal belong to the whole process, and so does this
 * room's state: at most one progress is shown at a time.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/*
 * All zero: nothing done, nothing known.  Any thread may add at any time;
 * totals of 0 are not known, and may grow while a walk goes on.
 */
struct progress {
	_Atomic uint64_t files, bytes; /* done */
	_Atomic uint64_t total_files, total_bytes;
	/* Where a run has phases: the one it is in, what files are then (one
	 * of them: "segment"), and when it began, in ms since the start. */
	const char *_Atomic phase, *_Atomic unit;
	_Atomic uint64_t phase_ms;
};

/* Each may be called with p == NULL and then does nothing. */
static inline void
progress_files(struct progress *p, uint64_t n)
{
	if (p != NULL)
		atomic_fetch_add_explicit(&p->files, n, memory_order_relaxed);
}

static inline void
progress_bytes(struct progress *p, uint64_t n)
{
	if (p != NULL)
		atomic_fetch_add_explicit(&p->bytes, n, memory_order_relaxed);
}

/* So many more files and bytes are known to be ahead. */
static inline void
progress_expect(struct progress *p, uint64_t files, uint64_t bytes)
{
	if (p == NULL)
		return;
	atomic_fetch_add_explicit(&p->total_files, files, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->total_bytes, bytes, memory_order_relaxed);
}

/*
 * A phase begins, in which all is counted from 0 again.  Both texts are
 * borrowed for the life of the process.  One thread at a time.
 */
void progress_phase(struct progress *p, const char *phase, const char *unit);

enum progress_mode {
	PROGRESS_SILENT, /* only what SIGUSR1 asks for */
	PROGRESS_BAR,    /* one line, drawn again up to ten times a second */
	PROGRESS_LINES,  /* a line of text every second, for logs */
	PROGRESS_JSON,   /* a JSON object every second, as restic's status */
};

/*
 * From here on SIGUSR1 prints one line instead of killing: how far the run
 * has come, or, while no progress is started, that name is running.
 *
 * name: borrowed for the life of the process.
 * json: the line is a JSON object.
 */
void progress_catch(const char *name, bool json);

/*
 * Start to show p, which stays the caller's and must live until
 * progress_stop.  progress_catch comes first.  Nothing is drawn in the first
 * half second.
 *
 * Returns: BLK_OK; BLK_FAILED when there is no thread to be had.
 */
MUST_USE enum blk_status progress_start(
    struct progress *p, enum progress_mode mode, struct fault *why);

/* Wipe the bar and end.  Does nothing when nothing was started. */
void progress_stop(void);

/*
 * Around each message, and around each result when stdout is a terminal:
 * wipe the bar and keep it away; let it be drawn again.  They do not nest.
 */
void progress_hide(void);
void progress_show(void);

/*
 * "45%  1.2 GiB of 2.7 GiB, 345 of 900 files, 110.0 MiB/s, 0:12, 0:13 left"
 * after ms milliseconds.  What is not known is left out.  In a phase
 * "repack: 30%  3 of 10 segments, 0:12, 0:13 left": bytes stand there when they
 * are counted, and rate and time left are those of the phase.
 */
void progress_line(
    const struct progress *p, uint64_t ms, char *buf, size_t len);

/*
 * The same as a JSON object without newline: type "status", then restic's
 * seconds_elapsed, seconds_remaining, percent_done, total_files, files_done,
 * total_bytes, bytes_done; phase and unit behind type.
 */
void progress_json(
    const struct progress *p, uint64_t ms, char *buf, size_t len);

#endif

#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "when.h"

#define LINE_MAX_LEN 300

/*
 * File-scope because a signal handler reaches nothing else.  What the handler
 * touches: wake (sem_post), asked, running, idle, idle_len.
 */
static struct {
	sem_t wake;          /* posted to end a pause of the thread */
	atomic_bool asked;   /* SIGUSR1 came */
	atomic_bool running; /* the thread will answer it */
	char idle[128];      /* what the handler says when there is no thread */
	size_t idle_len;

	const char *name;
	bool json;
	struct progress *p;
	enum progress_mode mode;
	atomic_bool stop;
	struct timespec begin;
	pthread_t thread;
	pthread_mutex_t lock; /* who writes to stderr; guards the two below */
	bool drawn;           /* a bar stands on the terminal */
	bool hidden;
} show = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
on_usr1(int sig)
{
	int keep = errno;

	(void)sig;
	if (atomic_load(&show.running)) {
		atomic_store(&show.asked, true);
		sem_post(&show.wake);
	} else if (write(STDERR_FILENO, show.idle, show.idle_len) < 0) {
		/* there is nobody to tell */
	}
	errno = keep;
}

void
progress_catch(const char *name, bool json)
{
	struct sigaction act = { .sa_handler = on_usr1,
		.sa_flags = SA_RESTART };
	int n;

	sem_init(&show.wake, 0, 0);
	show.name = name;
	show.json = json;
	n = snprintf(show.idle, sizeof(show.idle),
	    json ? "{\"type\":\"status\",\"message\":\"%s: running\"}\n"
	         : "%s: running\n",
	    name);
	if (n > 0 && (size_t)n < sizeof(show.idle))
		show.idle_len = (size_t)n;
	sigemptyset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
}

static uint64_t
elapsed_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - show.begin.tv_sec) * 1000 +
	    (now.tv_nsec - show.begin.tv_nsec) / 1000000);
}

void
progress_phase(struct progress *p, const char *phase, const char *unit)
{
	atomic_store(&p->files, 0);
	atomic_store(&p->bytes, 0);
	atomic_store(&p->total_files, 0);
	atomic_store(&p->total_bytes, 0);
	atomic_store(&p->phase_ms,
	    atomic_load(&show.running) && show.p == p ? elapsed_ms() : 0);
	atomic_store(&p->unit, unit);
	atomic_store(&p->phase, phase);
}

/* What is printed of a progress. */
struct reading {
	const char *phase, *unit;
	uint64_t files, bytes, total_files, total_bytes, seconds;
	double done; /* share of the whole, 0 to 1; below 0: not known */
	double left; /* seconds; below 0: not known */
	double rate; /* bytes a second */
};

static double
share(uint64_t part, uint64_t whole)
{
	return part >= whole ? 1 : (double)part / (double)whole;
}

static struct reading
take_reading(const struct progress *p, uint64_t ms)
{
	uint64_t began = atomic_load(&p->phase_ms);
	struct reading r = {
		.phase = atomic_load(&p->phase),
		.unit = atomic_load(&p->unit),
		.files = atomic_load(&p->files),
		.bytes = atomic_load(&p->bytes),
		.total_files = atomic_load(&p->total_files),
		.total_bytes = atomic_load(&p->total_bytes),
		.seconds = ms / 1000,
		.done = -1,
		.left = -1,
	};

	if (r.phase == NULL || r.unit == NULL)
		r.unit = "file";
	ms -= began < ms ? began : ms;
	if (ms > 0)
		r.rate = (double)r.bytes * 1000 / (double)ms;
	if (r.total_bytes > 0)
		r.done = share(r.bytes, r.total_bytes);
	else if (r.total_files > 0)
		r.done = share(r.files, r.total_files);
	/* a guess from the first moments is worth nothing */
	if (r.done > 0 && ms >= 1000)
		r.left = (double)ms / 1000 * (1 - r.done) / r.done;
	return r;
}

/* Append to buf, of which *at bytes are used; what does not fit is cut. */
static void __attribute__((format(printf, 4, 5)))
append(char *buf, size_t len, size_t *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (*at >= len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(buf + *at, len - *at, fmt, ap);
	va_end(ap);
	if (n > 0)
		*at += (size_t)n;
}

/* "0:07", "12:34", "3:00:00". */
static void
append_clock(char *buf, size_t len, size_t *at, uint64_t s)
{
	if (s >= 3600)
		append(buf, len, at, "%" PRIu64 ":%02u:%02u", s / 3600,
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		append(buf, len, at, "%u:%02u", (unsigned)(s / 60),
		    (unsigned)(s % 60));
}

/* As a count of seconds; a guess beyond 100 000 hours is none. */
static bool
left_of(const struct reading *r, uint64_t *s)
{
	if (r->left < 0 || r->left > 3.6e8)
		return false;
	*s = (uint64_t)(r->left + 0.5);
	return true;
}

/* "1.2 GiB of 2.7 GiB, " */
static void
append_bytes(char *buf, size_t len, size_t *at, const struct reading *r)
{
	char size[WHEN_TEXT];

	when_format_size(r->bytes, size);
	append(buf, len, at, "%s", size);
	if (r->total_bytes > 0) {
		when_format_size(r->total_bytes, size);
		append(buf, len, at, " of %s", size);
	}
	append(buf, len, at, ", ");
}

void
progress_line(const struct progress *p, uint64_t ms, char *buf, size_t len)
{
	struct reading r = take_reading(p, ms);
	bool bytes = r.phase == NULL || r.bytes > 0 || r.total_bytes > 0;
	char size[WHEN_TEXT];
	uint64_t left;
	size_t at = 0;

	buf[0] = '\0';
	if (r.phase != NULL)
		append(buf, len, &at, "%s: ", r.phase);
	if (r.done >= 0)
		append(buf, len, &at, "%d%%  ", (int)(r.done * 100));
	if (bytes)
		append_bytes(buf, len, &at, &r);
	append(buf, len, &at, "%" PRIu64, r.files);
	if (r.total_files > 0)
		append(buf, len, &at, " of %" PRIu64, r.total_files);
	append(buf, len, &at, " %s%s, ", r.unit,
	    (r.total_files > 0 ? r.total_files : r.files) == 1 ? "" : "s");
	when_format_size(r.rate < 1.8e19 ? (uint64_t)r.rate : UINT64_MAX, size);
	if (bytes)
		append(buf, len, &at, "%s/s, ", size);
	append_clock(buf, len, &at, r.seconds);
	if (left_of(&r, &left)) {
		append(buf, len, &at, ", ");
		append_clock(buf, len, &at, left);
		append(buf, len, &at, " left");
	}
}

void
progress_json(const struct progress *p, uint64_t ms, char *buf, size_t len)
{
	struct reading r = take_reading(p, ms);
	uint64_t left;
	size_t at = 0;

	/* numbers and words of ours only, so no JSON library is needed to
	 * escape anything */
	append(buf, len, &at, "{\"type\":\"status\"");
	if (r.phase != NULL)
		append(buf, len, &at, ",\"phase\":\"%s\",\"unit\":\"%s\"",
		    r.phase, r.unit);
	append(buf, len, &at, ",\"seconds_elapsed\":%" PRIu64, r.seconds);
	if (left_of(&r, &left))
		append(buf, len, &at, ",\"seconds_remaining\":%" PRIu64, left);
	if (r.done >= 0)
		append(buf, len, &at, ",\"percent_done\":%.4f", r.done);
	if (r.total_files > 0)
		append(
		    buf, len, &at, ",\"total_files\":%" PRIu64, r.total_files);
	append(buf, len, &at, ",\"files_done\":%" PRIu64, r.files);
	if (r.total_bytes > 0)
		append(
		    buf, len, &at, ",\"total_bytes\":%" PRIu64, r.total_bytes);
	append(buf, len, &at, ",\"bytes_done\":%" PRIu64 "}", r.bytes);
}

static size_t
terminal_width(void)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	long n = columns != NULL ? strtol(columns, NULL, 10) : 0;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return n > 0 && n < LINE_MAX_LEN ? (size_t)n : 80;
}

/* The lock is held. */
static void
wipe(void)
{
	if (!show.drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	show.drawn = false;
}

static void
draw(void)
{
	char line[LINE_MAX_LEN];
	size_t width = terminal_width();

	if (show.hidden)
		return;
	progress_line(show.p, elapsed_ms(), line, sizeof(line));
	/* the last column would wrap */
	fprintf(stderr, "\r%.*s\033[K", width > 1 ? (int)(width - 1) : 1, line);
	fflush(stderr);
	show.drawn = true;
}

/* One whole line, for SIGUSR1 and for logs. */
static void
print(void)
{
	char line[LINE_MAX_LEN];

	wipe();
	if (show.json) {
		progress_json(show.p, elapsed_ms(), line, sizeof(line));
		fprintf(stderr, "%s\n", line);
	} else {
		progress_line(show.p, elapsed_ms(), line, sizeof(line));
		fprintf(stderr, "%s: %s\n", show.name, line);
	}
	fflush(stderr);
}

/* Sleep until posted or, unless ms is 0, until ms have passed. */
static void
pause_for(unsigned ms)
{
	struct timespec until;

	if (ms == 0) {
		sem_wait(&show.wake);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + (unsigned)(until.tv_nsec / 1000000000);
	until.tv_nsec %= 1000000000;
	sem_timedwait(&show.wake, &until);
}

static void *
ticker(void *unused)
{
	static const unsigned period[] = {
		[PROGRESS_SILENT] = 0,
		[PROGRESS_BAR] = 100,
		[PROGRESS_LINES] = 1000,
		[PROGRESS_JSON] = 1000,
	};
	unsigned ms = period[show.mode];

	for (bool first = true; !atomic_load(&show.stop); first = false) {
		pause_for(first && ms > 0 && ms < 500 ? 500 : ms);
		if (atomic_load(&show.stop))
			break;
		pthread_mutex_lock(&show.lock);
		if (atomic_exchange(&show.asked, false))
			print();
		else if (show.mode == PROGRESS_BAR)
			draw();
		else if (show.mode != PROGRESS_SILENT)
			print();
		pthread_mutex_unlock(&show.lock);
	}
	return unused;
}

enum blk_status
progress_start(struct progress *p, enum progress_mode mode, struct fault *why)
{
	sigset_t all, old;
	int error;

	progress_stop();
	show.p = p;
	show.mode = mode;
	show.hidden = false;
	atomic_store(&show.stop, false);
	clock_gettime(CLOCK_MONOTONIC, &show.begin);
	/* signals are for the threads that do the work */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&show.thread, NULL, ticker, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		errno = error;
		return fault_sys(why, "start a thread");
	}
	atomic_store(&show.running, true);
	return BLK_OK;
}

void
progress_stop(void)
{
	if (!atomic_load(&show.running))
		return;
	atomic_store(&show.running, false);
	atomic_store(&show.stop, true);
	sem_post(&show.wake);
	pthread_join(show.thread, NULL);
	wipe();
}

void
progress_hide(void)
{
	pthread_mutex_lock(&show.lock);
	show.hidden = true;
	wipe();
	pthread_mutex_unlock(&show.lock);
}

void
progress_show(void)
{
	pthread_mutex_lock(&show.lock);
	show.hidden = false;
	pthread_mutex_unlock(&show.lock);
}

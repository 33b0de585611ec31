#include "cli.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli-parts.h"

#define TIDY_SECONDS 2
#define MAP_FAILED_TEXT                                                        \
	"outcome unknown: the index, as it lies in memory, "                   \
	"could not be read or written: Input/output error"

/* A handler can reach nothing but file scope.  Atomic, without a lock: all
 * threads look at it. */
static atomic_int stop_signal;

/* What is said when the file behind mapped memory fails; made before. */
static char map_failed[300];
static size_t map_failed_len;

/* Die of sig, whatever was to be done about it; fit for handlers. */
static void
die_of(int sig)
{
	struct sigaction act = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&act.sa_mask);
	sigaction(sig, &act, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void
on_stop(int sig)
{
	if (stop_signal != 0)
		die_of(sig);
	stop_signal = sig;
	alarm(TIDY_SECONDS);
}

/* The time to tidy up is over. */
static void
on_alarm(int sig)
{
	(void)sig;
	if (stop_signal != 0)
		die_of(stop_signal);
}

/* A limit on the size of files: the write fails, and that is said.  Not
 * ignored, as what --exec runs would inherit that. */
static void
on_limit(int sig)
{
	(void)sig;
}

void
cli_catch_stop(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_alarm }, old;

	sigemptyset(&act.sa_mask);
	sigaction(SIGALRM, &act, NULL);
	act.sa_handler = on_limit;
	sigaction(SIGXFSZ, &act, NULL);
	/* without SA_RESTART, so that slow calls return */
	act.sa_handler = on_stop;
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(caught[i], &act, NULL);
	}
}

/* Other reasons than a file are bugs, and end as such. */
static void
on_map_failed(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code != BUS_ADRERR && info->si_code != BUS_OBJERR)
		die_of(sig);
	(void)!write(STDERR_FILENO, map_failed, map_failed_len);
	_exit(EXIT_FAILED);
}

void
cli_catch_map_failed(const char *name, bool json)
{
	struct sigaction act = { .sa_sigaction = on_map_failed,
		.sa_flags = SA_SIGINFO };

	if (json)
		snprintf(map_failed, sizeof(map_failed),
		    "{\"type\":\"error\",\"code\":%d,\"kind\":\"failed\","
		    "\"message\":\"%s\"}\n",
		    EXIT_FAILED, MAP_FAILED_TEXT);
	else
		snprintf(map_failed, sizeof(map_failed), "%s: %s\n", name,
		    MAP_FAILED_TEXT);
	map_failed_len = strlen(map_failed);
	sigemptyset(&act.sa_mask);
	sigaction(SIGBUS, &act, NULL);
}

bool
cli_stop_requested(void *arg)
{
	(void)arg;
	return stop_signal != 0;
}

void
cli_reraise(void)
{
	if (stop_signal == 0)
		return;
	progress_stop();
	die_of(stop_signal);
}

#include "cli.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define TIDY_SECONDS 2

/* A handler can reach nothing but file scope.  Atomic, without a lock: all
 * threads look at it. */
static atomic_int stop_signal;

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

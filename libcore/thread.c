#include "thread.h"

#include <errno.h>
#include <signal.h>

bool
thread_start(pthread_t *thread, void *(*work)(void *arg), void *arg)
{
	sigset_t all, was;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	err = pthread_create(thread, NULL, work, arg);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (err != 0)
		errno = err;
	return err == 0;
}

/*
 * thread.h - threads that signals leave alone.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>

/*
 * Start a thread with all signals blocked: they stay with those of the
 * command.  False, with errno set, when none can be had.
 */
bool thread_start(pthread_t *thread, void *(*work)(void *arg), void *arg);

#endif

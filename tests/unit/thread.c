#include "thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void *
ask(void *arg)
{
	pthread_sigmask(SIG_SETMASK, NULL, arg);
	return NULL;
}

static void
a_thread_is_left_alone_by_signals_and_the_caller_is_not(void **state)
{
	sigset_t before, inside, after;
	pthread_t thread;

	(void)state;
	sigemptyset(&inside);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_true(thread_start(&thread, ask, &inside));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = SIGHUP; i <= SIGTERM; i++) {
		assert_int_equal(
		    sigismember(&before, i), sigismember(&after, i));
		if (i != SIGKILL)
			assert_int_equal(sigismember(&inside, i), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_thread_is_left_alone_by_signals_and_the_caller_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

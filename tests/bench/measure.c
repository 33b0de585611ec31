/*
 * measure.c - run a command once and note what it took.
 *
 * measure TIMES SAID COMMAND [ARG...]: a line "wall cpu peak" is appended to
 * TIMES - seconds, seconds of processors, MiB of the largest process - and
 * what the command prints goes to SAID.  Ends as the command does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int
die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	return 125;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int
main(int argc, char **argv)
{
	double began = now(), wall;
	struct rusage u;
	int said, status;
	pid_t pid;
	FILE *f;

	if (argc < 4)
		return 2;
	said = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (said < 0)
		return die(argv[2]);
	pid = fork();
	if (pid < 0)
		return die("fork");
	if (pid == 0) {
		if (dup2(said, 1) == 1 && dup2(said, 2) == 2)
			execvp(argv[3], argv + 3);
		_exit(die(argv[3]));
	}
	while (wait4(pid, &status, 0, &u) < 0)
		if (errno != EINTR)
			return die("wait");
	wall = now() - began;
	f = fopen(argv[1], "ae");
	if (f == NULL ||
	    fprintf(f, "%.6f %.6f %.3f\n", wall,
	        seconds(u.ru_utime) + seconds(u.ru_stime),
	        (double)u.ru_maxrss / 1024) < 0 ||
	    fclose(f) != 0)
		return die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

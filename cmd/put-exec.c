/*
 * --exec: the standard output of a command, which has to succeed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "put.h"

extern char **environ;

/* Start argv with its output in a pipe; *code as in put_exec. */
static enum blk_status
start(char **argv, pid_t *child, int *from, int *code, struct fault *why)
{
	posix_spawn_file_actions_t actions;
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_sys(why, "pipe");
	error = posix_spawn_file_actions_init(&actions);
	if (error == 0) {
		error = posix_spawn_file_actions_adddup2(
		    &actions, ends[1], STDOUT_FILENO);
		if (error == 0)
			error = posix_spawnp(
			    child, argv[0], &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (error == 0) {
		*from = ends[0];
		return BLK_OK;
	}
	close(ends[0]);
	*code = error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	errno = error;
	return fault_sys(why, "%s", argv[0]);
}

/* Wait for the command; BLK_OK when it succeeded. */
static enum blk_status
finish(const char *name, pid_t child, struct fault *why)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(child, &status, 0);
	while (pid < 0 && errno == EINTR && !cli_stop_requested(NULL));
	if (pid < 0)
		return fault_sys(why, "%s", name);
	if (WIFSIGNALED(status))
		return fault(why, BLK_FAILED,
		    "%s: ended by signal %d (%s); nothing was stored", name,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		return fault(why, BLK_FAILED,
		    "%s: exit status %d; nothing was stored", name,
		    WEXITSTATUS(status));
	return BLK_OK;
}

enum blk_status
put_exec(struct put *p, char **argv, struct digest *id, uint64_t *size,
    int *code, struct fault *why)
{
	enum blk_status st;
	pid_t child = 0;
	bool readable;
	int from = -1;

	*code = 0;
	st = start(argv, &child, &from, code, why);
	if (st != BLK_OK)
		return st;
	st = put_source(p, from, argv[0], id, size, &readable, why);
	file_close(from);
	if (st == BLK_OK)
		return finish(argv[0], child, why);
	/* nobody takes its output any more */
	kill(child, SIGTERM);
	return st;
}

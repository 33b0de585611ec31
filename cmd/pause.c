#include "pause.h"

#ifndef BLK_TEST_HOOKS

void
pause_arm(struct pause *p, struct backend *b)
{
	(void)p;
	(void)b;
}

#else

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

static const char *const operation[BACKEND_OPS] = {
	[BACKEND_OP_PUT] = "put",
	[BACKEND_OP_GET] = "get",
	[BACKEND_OP_STAT] = "stat",
	[BACKEND_OP_LIST] = "list",
	[BACKEND_OP_REMOVE] = "remove",
	[BACKEND_OP_SETTLE] = "settle",
};

static void
wait_here(const struct pause *p)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	char here[sizeof(p->file) + 8], go[sizeof(p->file) + 8];
	int fd;

	snprintf(here, sizeof(here), "%s.here", p->file);
	snprintf(go, sizeof(go), "%s.go", p->file);
	fd = open(here, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd != -1)
		close(fd);
	while (access(go, F_OK) != 0)
		nanosleep(&nap, NULL);
}

static enum blk_status
probe(void *arg, enum backend_op op, const char *key, bool before,
    struct fault *why)
{
	struct pause *p = arg;

	(void)why;
	if (strcmp(p->when, before ? "before" : "after") == 0 &&
	    strcmp(p->op, operation[op]) == 0 &&
	    strncmp(key, p->prefix, strlen(p->prefix)) == 0 &&
	    __atomic_sub_fetch(&p->left, 1, __ATOMIC_RELAXED) == 0)
		wait_here(p);
	return BLK_OK;
}

void
pause_arm(struct pause *p, struct backend *b)
{
	const char *point = getenv("BLK_PAUSE");
	char count[8];

	if (point == NULL)
		return;
	if (sscanf(point, "%7s %7s %63s %7s %255s", p->when, p->op, p->prefix,
	        count, p->file) != 5 ||
	    !text_u64(span_of(count, strlen(count)), &p->left)) {
		fprintf(stderr, "BLK_PAUSE: no point of a pause: %s\n", point);
		abort();
	}
	b->probe = (struct backend_probe){ .call = probe, .arg = p };
}

#endif

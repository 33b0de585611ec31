/*
 * Processes as fibers, and who goes on when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "world.h"

#define STACK ((size_t)512 << 10)

struct fiber {
	ucontext_t here, back;
	struct proc *p;
	struct fiber *next; /* spare ones */
	void *stack;
};

static struct fiber *spare;

static struct fiber *
fiber_take(void)
{
	struct fiber *f = spare;

	if (f != NULL) {
		spare = f->next;
		return f;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		world_die("out of memory");
	f->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->stack == MAP_FAILED || mprotect(f->stack, 4096, PROT_NONE) == -1)
		world_die("no memory for a stack");
	return f;
}

/* makecontext passes ints only. */
static void
fiber_main(unsigned high, unsigned low)
{
	struct fiber *f =
	    (struct fiber *)(uintptr_t)((uint64_t)high << 32 | low);

	f->p->main(f->p);
	f->p->done = true;
	swapcontext(&f->here, &f->back);
}

static void
fiber_start(struct fiber *f, struct proc *p)
{
	uint64_t bits = (uintptr_t)f;

	f->p = p;
	getcontext(&f->here);
	f->here.uc_stack.ss_sp = f->stack;
	f->here.uc_stack.ss_size = STACK;
	f->here.uc_link = NULL;
	makecontext(&f->here, (void (*)(void))fiber_main, 2,
	    (unsigned)(bits >> 32), (unsigned)bits);
}

/* Room for one more; that of one that is done, when there is no other. */
static struct proc *
proc_room(struct world *w)
{
	if (w->procs < WORLD_PROCS)
		return &w->proc[w->procs++];
	for (size_t i = 0; i < w->procs; i++)
		if (w->proc[i].done)
			return &w->proc[i];
	world_die("too many processes");
}

struct proc *
proc_spawn(struct world *w, const char *name, struct host *host,
    void (*main)(struct proc *p), void *arg)
{
	struct proc *p = proc_room(w);

	*p = (struct proc){ .w = w, .host = host, .main = main, .arg = arg };
	snprintf(p->name, sizeof(p->name), "%s%zu", name, w->spawned++);
	p->fiber = fiber_take();
	fiber_start(p->fiber, p);
	return p;
}

void
proc_step(struct proc *p)
{
	if (p->done)
		return;
	swapcontext(&p->fiber->back, &p->fiber->here);
	p->order = ORDER_GO;
	if (!p->done)
		return;
	p->fiber->next = spare;
	spare = p->fiber;
	p->fiber = NULL;
	if (p->host != NULL && p->host->owner == p)
		world_broken(p->w, "%s ended inside a transaction", p->name);
}

static const char *const op_name[] = { "put", "get", "stat", "list", "remove",
	"settle" };

static const char *const order_name[] = { "", " FAIL", " KILL", " KILL-LATE",
	" LOSE", " LOSE-LATE", " LOSE-NEVER" };

enum order
proc_stop(struct proc *p, enum point at, enum backend_op op, const char *key)
{
	static const char *const when[] = { "", " (seen)", " (done)",
		" (waits)" };

	if (p->dead)
		return ORDER_KILL;
	p->at = (struct spot){ at, op, key };
	swapcontext(&p->fiber->here, &p->fiber->back);
	if (p->dead)
		return ORDER_KILL;
	if (p->order == ORDER_KILL || p->order == ORDER_KILL_LATE)
		p->dead = true;
	if (p->w->trace && at != POINT_WAIT)
		world_trace(p->w, "%-10s %s %s%s%s", p->name, op_name[op], key,
		    when[at], order_name[p->order]);
	return p->order;
}

void
proc_kill(struct proc *p)
{
	p->dead = true;
	while (!p->done)
		proc_step(p);
}

/* --- by chance --- */

static enum order
chance_order(struct proc *p)
{
	struct rng *r = &p->w->rng;
	unsigned n;

	if (p->at.point == POINT_WAIT || !rng_chance(r, p->w->calm))
		return ORDER_GO;
	n = rng_below(r, 16);
	if (n < 5)
		return ORDER_KILL;
	if (n < 7)
		return ORDER_KILL_LATE;
	if (n < 9)
		return ORDER_FAIL;
	if (p->at.op != BACKEND_OP_PUT)
		return n < 10 ? ORDER_FAIL : ORDER_GO;
	if (n < 13)
		return ORDER_LOSE;
	return n < 15 ? ORDER_LOSE_LATE : ORDER_LOSE_NEVER;
}

/* One that does not sleep, unless all do. */
static struct proc *
choose(struct world *w)
{
	struct proc *awake[WORLD_PROCS], *first = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < w->procs; i++) {
		struct proc *p = &w->proc[i];

		if (p->done)
			continue;
		if (p->sleep <= w->step)
			awake[n++] = p;
		else if (first == NULL || p->sleep < first->sleep)
			first = p;
	}
	return n > 0 ? awake[rng_below(&w->rng, n)] : first;
}

/* Now and then one is frozen, for some time or for a long one. */
static void
chance_sleep(struct proc *p)
{
	struct rng *r = &p->w->rng;
	uint64_t now = p->w->step;

	if (p->at.point == POINT_WAIT)
		p->sleep = now + 1 + rng_below(r, 8);
	else if (rng_chance(r, 24))
		p->sleep = now + rng_below(r, 60);
	else if (rng_chance(r, 150))
		p->sleep = now + rng_below(r, 600);
}

void
world_run(struct world *w)
{
	struct proc *p = choose(w);

	while (p != NULL) {
		unsigned turns = 1 + rng_below(&w->rng, 6);

		/* Some go on for a while: else nobody wins a race. */
		for (; turns > 0 && !p->done; turns--) {
			if (w->step++ == w->limit) {
				world_cut(w);
				return;
			}
			if (w->lates > 0)
				world_advance(w);
			p->order = chance_order(p);
			proc_step(p);
		}
		if (!p->done)
			chance_sleep(p);
		p = choose(w);
	}
}

/* --- step by step --- */

bool
proc_run_to(
    struct proc *p, enum point at, enum backend_op op, const char *prefix)
{
	while (!p->done) {
		p->w->step++;
		proc_step(p);
		if (!p->done && p->at.point == at && p->at.op == op &&
		    strncmp(p->at.key, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

void
proc_order(struct proc *p, enum order o)
{
	p->order = o;
	p->w->step++;
	proc_step(p);
}

void
proc_run(struct proc *p)
{
	while (!p->done) {
		p->w->step++;
		proc_step(p);
	}
}

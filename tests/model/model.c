/*
 * model - run many schedules of blk's protocol, each a function of its seed.
 *
 *   --schedules N       how many
 *   --seed S            the first seed (1)
 *   --catalog C         memory or sqlite
 *   --rules-off R1[,R2] switch rules off
 *   --expect-loss       succeed when one of the schedules goes wrong
 *   --keep-going        report each schedule that goes wrong
 *   --cases [=NAME]     fixed cases (cases.h), all of them or some
 *   --mutations         is something lost in them without a rule?
 *   --trace             tell each step
 *
 * Without an argument: the cases, the mutations and a few schedules, as TAP.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "cases.h"
#include "claims.h"
#include "rules.h"

struct options {
	uint64_t schedules, seed;
	enum catalog_sort catalog;
	bool expect_loss, trace, keep_going;
	bool cases, mutations;
	const char *one;
};

static struct world first; /* a store, for all to begin with */

static bool
run_schedule(const struct options *o, uint64_t seed, uint64_t *check)
{
	struct world *w = calloc(1, sizeof(*w));
	bool fine;

	if (w == NULL)
		world_die("out of memory");
	world_init_from(w, &first, seed, 4, o->catalog);
	w->trace = o->trace;
	actors_spawn(w);
	world_run(w);
	world_settle(w);
	*check = audit(w);
	fine = !w->broken;
	if (!fine && !o->expect_loss)
		printf("# seed %ju: %s\n", (uintmax_t)seed, w->reason);
	claims_free(w);
	world_release(w);
	free(w);
	return fine;
}

/* How many went wrong?  *sum: a check over all that was left. */
static uint64_t
run_many(const struct options *o, uint64_t *sum)
{
	uint64_t bad = 0;

	*sum = 0;
	for (uint64_t i = 0; i < o->schedules; i++) {
		uint64_t check = 0;

		bad += !run_schedule(o, o->seed + i, &check);
		if (bad > 0 && !o->keep_going)
			break;
		*sum = (*sum << 1 | *sum >> 63) ^ check;
	}
	return bad;
}

static int
run_schedules(const struct options *o)
{
	uint64_t sum, bad = run_many(o, &sum);

	if (o->expect_loss) {
		printf("%s\n",
		    bad > 0 ? "lost, as it should be" : "nothing was lost");
		return bad > 0 ? 0 : 1;
	}
	printf("%ju schedules from seed %ju, %ju went wrong, digest %016jx\n",
	    (uintmax_t)o->schedules, (uintmax_t)o->seed, (uintmax_t)bad,
	    (uintmax_t)sum);
	return bad > 0 ? 1 : 0;
}

/* What make check runs. */
static int
run_share(void)
{
	struct options o = { .schedules = 2000, .seed = 1 };
	uint64_t on_memory, on_sqlite;

	cases_run(&first, NULL, false);
	cases_mutations(&first);
	tap(run_many(&o, &on_memory) == 0, "2000 schedules", "");
	o.schedules = 50;
	tap(run_many(&o, &on_memory) == 0, "50 schedules", "");
	o.catalog = CATALOG_SQLITE;
	tap(run_many(&o, &on_sqlite) == 0, "the same on SQLite", "");
	tap(on_memory == on_sqlite, "both come to the same", "");
	return tap_end();
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: model [--schedules N] [--seed S] [--catalog memory|sqlite]"
	    " [--rules-off R1,...]\n             [--expect-loss] [--trace]"
	    " [--keep-going] [--cases [NAME]] [--mutations]\n");
	exit(2);
}

static unsigned
parse_rules(const char *text)
{
	unsigned off = 0;

	for (; *text != '\0'; text++)
		if (*text >= '1' && *text <= '6')
			off |= 1U << (*text - '0');
	return off;
}

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "schedules", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "catalog", required_argument, NULL, 'c' },
		{ "rules-off", required_argument, NULL, 'r' },
		{ "expect-loss", no_argument, NULL, 'e' },
		{ "trace", no_argument, NULL, 't' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "cases", optional_argument, NULL, 'C' },
		{ "mutations", no_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		switch (c) {
		case 'n':
			o->schedules = strtoull(optarg, NULL, 10);
			break;
		case 's':
			o->seed = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			o->catalog = strcmp(optarg, "sqlite") == 0
			    ? CATALOG_SQLITE
			    : CATALOG_MEMORY;
			break;
		case 'r':
			rules_off = parse_rules(optarg);
			break;
		case 'e':
			o->expect_loss = true;
			break;
		case 't':
			o->trace = true;
			break;
		case 'k':
			o->keep_going = true;
			break;
		case 'C':
			o->cases = true;
			o->one = optarg;
			break;
		case 'm':
			o->mutations = true;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .seed = 1 };
	int status = 0;

#ifdef __SANITIZE_THREAD__
	printf("1..0 # SKIP fibers are none of the thread sanitizer's\n");
	return 0;
#endif
	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv, &o);
	world_init(&first, 0, 1, CATALOG_MEMORY);
	actors_make_store(&first);
	if (o.cases)
		cases_run(&first, o.one, o.trace);
	if (o.mutations)
		cases_mutations(&first);
	if (o.cases || o.mutations)
		status = tap_end();
	else
		status = o.schedules == 0 ? run_share() : run_schedules(&o);
	world_release(&first);
	return status;
}

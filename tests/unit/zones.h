/*
 * zones.h - time zones for tests, and a generator whose seed is printed.
 */
#ifndef ZONES_H
#define ZONES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ZONES (sizeof(zones) / sizeof(zones[0]))

/* Summer time, none, half hours, a day left out, half an hour of summer. */
static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York",
	"Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe" };

static inline void
zone_set(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* BLK_SEED, or the time of day; printed, so that a run can be repeated. */
static inline uint64_t
seed_new(void)
{
	const char *given = getenv("BLK_SEED");
	uint64_t seed =
	    given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

	printf("# BLK_SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static inline uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number from min to max. */
static inline int64_t
random_between(uint64_t *state, int64_t min, int64_t max)
{
	return min + (int64_t)(random_next(state) % (uint64_t)(max - min + 1));
}

#endif

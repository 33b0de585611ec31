/*
 * actors.h - who takes part in a schedule.
 */
#ifndef ACTORS_H
#define ACTORS_H

#include "world.h"

/* A store with one setting, for schedules to begin with. */
void actors_make_store(struct world *w);

/* Fill a world with processes, as its seed has it. */
void actors_spawn(struct world *w);

#endif

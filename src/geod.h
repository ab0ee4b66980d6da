/*
 * geod.h: the databases of where clients are, in the daemon: opened with the configuration, looked
 * at every few seconds, and handed to the workers anew when a file has changed. Control thread.
 */
#ifndef TG_GEOD_H
#define TG_GEOD_H

#include <event2/event.h>

#include "core/worker.h"

struct tg_conf;

/* From now on; conf's databases are those in use. -1: no memory for the clock. */
int geod_start(struct event_base *base, const struct tg_conf *conf, struct worker *workers,
	unsigned n_workers) TG_MUST_CHECK;
/* Another configuration, with its own databases, was given to the workers. */
void geod_reload(const struct tg_conf *conf);
void geod_stop(void);

/* The databases in use, for metrics; NULL: there are none. */
struct geo_db *geod_current(void);
/* How often a changed file was refused. */
uint64_t geod_failures(void);

#endif

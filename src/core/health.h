/*
 * health.h: passive health of targets, shared by all workers: consecutive failures take a target
 * out for a while. (Scoring and circuit breakers come with routing; this keeps a dead target from
 * being asked first.)
 */
#ifndef TG_CORE_HEALTH_H
#define TG_CORE_HEALTH_H

#include <stdbool.h>

#include "base/clock.h"

struct req;
struct target;

#define HEALTH_FAILURES    3       /* consecutive ones that take a target out */
#define HEALTH_DOWN_US     5000000 /* for that long, doubling */
#define HEALTH_DOWN_MAX_US 60000000

void health_success(struct target *t);
void health_failure(struct target *t, mono_us now);
bool health_is_up(const struct target *t, mono_us now);

/* May route i of the request's model still be asked: in its dialect, allowed by the path and by
 * the regions of whoever asks, not tried? */
bool req_route_open(const struct req *r, unsigned i);
/* Is there any such route? */
bool req_has_other_route(const struct req *r);

#endif

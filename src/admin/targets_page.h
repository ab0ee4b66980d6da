/*
 * targets_page.h: targets as an operator sees them: GET /admin/v1/targets, POST
 * /admin/v1/targets/drain and /enable, GET /admin/v1/route/explain. Control thread; what workers
 * have learned is atomics.
 */
#ifndef TG_ADMIN_TARGETS_PAGE_H
#define TG_ADMIN_TARGETS_PAGE_H

#include "admin/admin.h"
#include "base/clock.h"

struct target;
struct tg_conf;

/* "up", "down" (no model of it is asked), "drained", "refused" (its account). */
const char *targets_status(const struct tg_conf *c, const struct target *t, mono_us now);

void targets_page(struct admin_reply *r, const struct tg_conf *c);
/* body: {"target": NAME}. enable: also what circuits remember is forgotten. */
void targets_drain_page(
	struct admin_reply *r, struct str body, const struct tg_conf *c, bool drain);
/* query: model=M&tenant=T&tokens=N&output=N&route=R; only model is required. */
void route_explain_page(struct admin_reply *r, struct str query, const struct tg_conf *c);

#endif

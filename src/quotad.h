/*
 * quotad.h: the accounts of the process: made for each configuration, filled with what the ledger
 * has of their periods, moved on with the clock. Control thread.
 */
#ifndef TG_QUOTAD_H
#define TG_QUOTAD_H

#include <event2/event.h>

#include "core/plan.h"

/*
 * Give the plan's slots their accounts, before workers see it. Those that are new begin with what
 * the ledger (its folder; NULL: there is none) has of their period. -1 with err.
 */
int quotad_open(
	struct tg_conf *c, const char *ledger_path, char *err, size_t err_len) TG_MUST_CHECK;
/* The plan whose periods are moved on, from now on. */
int quotad_watch(struct event_base *base, struct tg_conf *c) TG_MUST_CHECK;
/* After workers and plans are gone. */
void quotad_close(void);

#endif

/*
 * control_int.h: what the control thread knows, for control.c and the pages of its admin listener
 * (control_admin.c). Nobody else's.
 */
#ifndef TG_CONTROL_INT_H
#define TG_CONTROL_INT_H

#include <event2/event.h>

#include "admin/admin.h"
#include "control.h"
#include "core/plan.h"
#include "core/worker.h"
#include "io/resolve.h"

struct control {
	const struct control_options *opt;
	struct event_base *base;
	struct resolver *resolver;
	struct tg_conf *conf; /* current; one reference */
	struct worker *workers;
	unsigned n_workers;
	struct admin *admin;
	struct sockaddr_any admin_bound;
	struct event *sig[5], *drain_tick;
	mono_us start;
	unsigned generation;
	uint64_t reload_failures;
	bool draining;
	bool starting;
	int pending; /* a signal that came meanwhile; 0: none */
};

/* Builds the new tree aside; the old one keeps running on any error, which err has. */
int control_reload(struct control *c, struct conf_error *err) TG_MUST_CHECK;
/* The admin listener, where the configuration has one; -1: said why in the log. */
int control_admin_open(struct control *c) TG_MUST_CHECK;

#endif

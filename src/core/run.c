/*
 * run.c: the engine: the step loop, and the flattening of modules into steps.
 *
 *                                                 +-- before the first byte only --+
 *                                                 v                                |
 * ADMIT -> IDENT -> READ -> CLASSIFY -> LOOKUP, RESERVE -> ROUTE -> SEND -> head --+ another target
 * guard    auth     body    models                         route    attempt   |
 *   |      tags       |     classify                         |                v or none is left
 *   |        |        |        |                             |            RESPOND (sinks)
 *   +--------+--------+--------+-- any may answer: REPLY ----+---> client <---+
 *                                                                    |
 *                                                                    v
 *                                                           SETTLE, exactly once
 *
 * A step returns NEXT, WAIT or REPLY. WAIT parks the request with exactly one waiter, which calls
 * req_resume; the step then runs again and sees that what it waited for is there. Runs on the
 * request's worker.
 */
#include "core/attempt.h"
#include "core/geo.h"
#include "core/req.h"

struct step tg_steps[64];
unsigned tg_n_steps;
size_t tg_req_mod_bytes;

static unsigned step_route;      /* first step of stage ROUTE: where a retry goes back to */
static unsigned step_first_send; /* of stage SEND */

/* Modules that have bytes in the request: few, and asked for several times in each. */
static struct {
	const struct tg_module *module;
	size_t offset;
} mod_bytes[16];
static unsigned n_mod_bytes;

static enum step_rc step_send(struct req *r)
{
	/* Whatever chose the target: where it must not be is where nothing is sent. */
	if (!geo_allows_target(r, r->route->target))
		return geo_refuse_target(r);
	attempt_start(r);
	return STEP_WAIT;
}

static void step_add(step_f *run, const struct tg_module *m, enum stage s)
{
	tg_assert(tg_n_steps < TG_ARRAY_LEN(tg_steps));
	tg_steps[tg_n_steps++] = (struct step){ run, m, s };
}

void modules_plan(void)
{
	tg_n_steps = 0;
	tg_req_mod_bytes = 0;
	n_mod_bytes = 0;
	for (unsigned i = 0; tg_modules[i] != NULL; i++) {
		if (tg_modules[i]->req_size == 0)
			continue;
		tg_assert(n_mod_bytes < TG_ARRAY_LEN(mod_bytes));
		mod_bytes[n_mod_bytes].module = tg_modules[i];
		mod_bytes[n_mod_bytes++].offset = tg_req_mod_bytes;
		tg_req_mod_bytes += (tg_modules[i]->req_size + 15) & ~(size_t)15;
	}
	for (int s = 0; s < STAGE__MAX; s++) {
		if (s == STAGE_READ)
			step_add(req_step_read, NULL, STAGE_READ);
		if (s == STAGE_ROUTE)
			step_route = tg_n_steps;
		if (s == STAGE_SEND)
			step_first_send = tg_n_steps;
		for (unsigned i = 0; tg_modules[i] != NULL; i++)
			if (tg_modules[i]->stage[s] != NULL)
				step_add(tg_modules[i]->stage[s], tg_modules[i], (enum stage)s);
		if (s == STAGE_SEND)
			step_add(step_send, NULL, STAGE_SEND);
	}
}

void *req_mod(struct req *r, const struct tg_module *m)
{
	for (unsigned i = 0; i < n_mod_bytes; i++)
		if (mod_bytes[i].module == m)
			return (char *)r + ((sizeof(struct req) + 15) & ~(size_t)15) +
			       mod_bytes[i].offset;
	tg_panic(__FILE__, __LINE__, "a module without bytes in the request");
}

const char *stage_name(enum stage s)
{
	static const char *const names[] = {
#define X(id, name) name,
#include "core/tbl/stages.h"
#undef X
	};

	return s < STAGE__MAX ? names[s] : "respond";
}

void req_run(struct req *r)
{
	enum step_rc rc;

	CHECK_OBJ(r, REQ_MAGIC);
	if (r->running) {
		r->resumed = true;
		return;
	}
	r->running = true;
	r->w->current = r;
	while (!r->settled && r->step < tg_n_steps) {
		rc = tg_steps[r->step].run(r);
		if (rc == STEP_NEXT) {
			r->step++;
			continue;
		}
		if (rc == STEP_WAIT && r->resumed) {
			r->resumed = false;
			continue;
		}
		break;
	}
	r->running = false;
	r->w->current = NULL;
}

void req_resume(struct req *r)
{
	CHECK_OBJ(r, REQ_MAGIC);
	if (!r->settled)
		req_run(r);
}

void req_reroute(struct req *r)
{
	CHECK_OBJ(r, REQ_MAGIC);
	tg_assert(!r->head_sent);
	r->step = step_route;
	req_run(r);
}

void req_resend(struct req *r)
{
	CHECK_OBJ(r, REQ_MAGIC);
	tg_assert(!r->head_sent);
	r->fresh = true;
	r->step = step_first_send;
	req_run(r);
}

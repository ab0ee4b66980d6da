/*
 * shrink.c: from a schedule that breaks something to a short one that breaks the same: operations
 * are left out, first many at once, as long as the same invariant is broken.
 */
#include "simulate/sim.h"

/* "I4: ..." and "I4: ..." are the same. */
static bool same(const char *a, const char *b)
{
	const char *colon = strchr(a, ':');

	return colon != NULL && strncmp(a, b, (size_t)(colon - a) + 1) == 0;
}

static bool still_breaks(const struct sim_plan *plan, struct sim_lua *lua, const char *broken)
{
	struct sim_world *w = sim_run(plan, lua, false);
	bool is = same(broken, w->broken);

	sim_world_free(w);
	return is;
}

static void set_off(struct sim_plan *plan, unsigned from, unsigned n, const bool *was)
{
	for (unsigned i = from; i < from + n && i < plan->n; i++)
		plan->op[i].off = was != NULL ? was[i] : !plan->op[i].kept || plan->op[i].off;
}

/* Without n operations at a time; true: something could be left out. */
static bool pass(struct sim_plan *plan, struct sim_lua *lua, const char *broken, unsigned n)
{
	static bool was[SIM_OPS];
	bool shorter = false;

	for (unsigned from = 0; from < plan->n; from += n) {
		bool any = false;

		for (unsigned i = 0; i < plan->n; i++)
			was[i] = plan->op[i].off;
		for (unsigned i = from; i < from + n && i < plan->n; i++)
			any = any || (!plan->op[i].off && !plan->op[i].kept);
		if (!any)
			continue;
		set_off(plan, from, n, NULL);
		if (still_breaks(plan, lua, broken))
			shorter = true;
		else
			set_off(plan, from, n, was);
	}
	return shorter;
}

unsigned sim_shrink(struct sim_plan *plan, struct sim_lua *lua, const char *broken)
{
	unsigned left = 0;

	/* only what is left in the end needs the last demand, and only that needs faults to end */
	for (unsigned i = 0; i < plan->n; i++)
		plan->op[i].kept = plan->op[i].kept && broken[0] == 'P' &&
				   (broken[1] == '2' || plan->op[i].kind == OP_CALM);
	for (unsigned n = plan->n / 2; n > 0; n /= 2)
		while (pass(plan, lua, broken, n) && n == 1)
			;
	for (unsigned i = 0; i < plan->n; i++)
		left += !plan->op[i].off;
	return left;
}

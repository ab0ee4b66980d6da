/*
 * health.c: see health.h. Relaxed atomics: a lost update costs one more try.
 */
#include "core/health.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/translate.h"

void health_success(struct target *t)
{
	if (atomic_load_explicit(&t->failures, memory_order_relaxed) != 0) {
		atomic_store_explicit(&t->failures, 0, memory_order_relaxed);
		atomic_store_explicit(&t->down_until_us, 0, memory_order_relaxed);
	}
}

void health_failure(struct target *t, mono_us now)
{
	unsigned n = atomic_fetch_add_explicit(&t->failures, 1, memory_order_relaxed) + 1;
	int64_t down = HEALTH_DOWN_US;

	if (n < HEALTH_FAILURES)
		return;
	for (unsigned i = HEALTH_FAILURES; i < n && down < HEALTH_DOWN_MAX_US; i++)
		down *= 2;
	atomic_store_explicit(&t->down_until_us, now.us + TG_MIN(down, (int64_t)HEALTH_DOWN_MAX_US),
		memory_order_relaxed);
}

bool health_is_up(const struct target *t, mono_us now)
{
	return atomic_load_explicit(&t->down_until_us, memory_order_relaxed) <= now.us;
}

bool req_route_open(const struct req *r, unsigned i)
{
	const struct route_target *route = &r->model->route[i];
	const struct target *t = route->target;

	if ((r->tried >> i & 1) != 0 || !translate_serves(t->provider, r->ep.ep) ||
		(r->forced != NULL && r->forced != t) || !geo_allows_target(r, t))
		return false;
	/* Of a request that was sent already, the error that it got says more than a refusal. */
	return r->leg.no == 0 || !leg_would_be_refused(r, route);
}

bool req_has_other_route(const struct req *r)
{
	for (unsigned i = 0; r->model != NULL && i < r->model->n_routes; i++)
		if (req_route_open(r, i))
			return true;
	return false;
}

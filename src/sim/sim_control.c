/*
 * sim_control.c: the simulator's own pages under /sim/, and what answers for unknown paths.
 */
#include "base/num.h"
#include "proto/url.h"
#include "sim/dialect.h"
#include "sim/sim_store.h"

void sim_control_root(struct sim_req *r)
{
	sim_buf_lit(&r->json,
		"{\"server\":\"tollgate-sim\",\"pages\":[\"/sim/ledger\",\"/sim/requests\"]}\n");
	sim_answer_body(r, 200, STR("application/json"), false);
}

static unsigned last_of(const struct sim_req *r, unsigned otherwise)
{
	uint64_t n;

	if (num_parse_u64(url_query_get(r->query, STR("last")), &n) != 0)
		return otherwise;
	return (unsigned)TG_MIN(n, (uint64_t)100000);
}

void sim_control_ledger(struct sim_req *r)
{
	sim_ledger_totals(r->conf->ledger, last_of(r, 0), &r->json);
	sim_answer_body(r, 200, STR("application/json"), false);
}

void sim_control_requests(struct sim_req *r)
{
	sim_store_requests(r->conf->store, last_of(r, 1), &r->json);
	sim_answer_body(r, 200, STR("application/json"), false);
}

void sim_control_reset(struct sim_req *r)
{
	sim_ledger_reset(r->conf->ledger);
	sim_store_reset(r->conf->store);
	sim_buf_lit(&r->json, "{\"reset\":true}\n");
	sim_answer_body(r, 200, STR("application/json"), false);
}

void sim_control_not_found(struct sim_req *r)
{
	sim_answer_error(r, 404, SIM_E_NOT_FOUND,
		STR("Unknown request URL. Please check the URL for typos."), STR_NONE);
}

void sim_control_bad_method(struct sim_req *r)
{
	sim_answer_error(
		r, 405, SIM_E_BAD_REQUEST, STR("Not allowed to use this method here."), STR_NONE);
}

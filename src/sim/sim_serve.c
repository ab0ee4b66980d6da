/*
 * sim_serve.c: from a head to a served request to a ledger line.
 */
#include "sim/sim_serve.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/dialect.h"
#include "sim/sim_store.h"
#include "sim/sim_text.h"

#define MAX_JSON_BODY   (64u << 20)
#define MAX_SPARE_BYTES (256u << 10)
#define KEY_END         8

struct sim_buf sim_worker_buf_take(struct sim_worker *w)
{
	return w->n_spare != 0 ? w->spare[--w->n_spare] : (struct sim_buf){ 0 };
}

void sim_worker_buf_give(struct sim_worker *w, struct sim_buf *b)
{
	if (b->p == NULL)
		return;
	if (w->n_spare < SIM_SPARE_BUFS && b->cap <= MAX_SPARE_BYTES) {
		b->n = 0;
		w->spare[w->n_spare++] = *b;
		*b = (struct sim_buf){ 0 };
	} else {
		sim_buf_fini(b);
	}
}

static void req_free(struct sim_req *r)
{
	sim_answer_fini(r);
	sim_form_free(r->form);
	EVP_MD_CTX_free(r->sha);
	sim_buf_fini(&r->plan.tool_args);
	sim_worker_buf_give(r->w, &r->head_copy);
	sim_worker_buf_give(r->w, &r->body);
	sim_worker_buf_give(r->w, &r->json);
	sim_worker_buf_give(r->w, &r->ev);
	free(r);
}

static void req_route(struct sim_req *r)
{
	struct str target = http_target(&r->head);
	size_t q = str_chr(target, '?');

	r->path = q != (size_t)-1 ? str_mk(target.p, q) : target;
	r->query = q != (size_t)-1 ? str_skip(target, q + 1) : STR_NONE;
	r->route = sim_route_find(&r->head, r->path, &r->path_arg);
	if (r->route->body == SIM_BODY_FORM)
		r->form = sim_form_new(http_get(&r->head, HTTP_N_CONTENT_TYPE));
	if (!r->conf->no_record && r->route->dialect != NULL) {
		r->sha = EVP_MD_CTX_new();
		tg_assert(r->sha != NULL && EVP_DigestInit_ex(r->sha, EVP_sha256(), NULL) == 1);
	}
}

struct sim_req *sim_req_begin(struct sim_worker *w, struct str head, enum http_error *err)
{
	struct sim_req *r = calloc(1, sizeof *r);

	tg_assert(r != NULL);
	r->conf = w->conf;
	r->w = w;
	r->wall = w->wall;
	r->date = w->date;
	r->limit = UINT64_MAX;
	r->head_copy = sim_worker_buf_take(w);
	r->body = sim_worker_buf_take(w);
	r->json = sim_worker_buf_take(w);
	r->ev = sim_worker_buf_take(w);
	sim_buf_add(&r->head_copy, head);
	if (http1_request_parse(r->head_copy.p, r->head_copy.n, &r->head, err) != 0) {
		req_free(r);
		return NULL;
	}
	req_route(r);
	if (r->route->dialect != NULL) {
		r->seq = sim_ledger_begin(w->conf->ledger);
		r->id = sim_mix(w->conf->seed ^ r->seq * 0x9e3779b97f4a7c15u);
	}
	if (sim_knobs_read(r, &w->rng, &r->knobs_bad) == 0)
		r->knobs_bad = STR_NONE;
	return r;
}

void sim_req_body(struct sim_req *r, struct str data)
{
	size_t keep =
		r->route->body == SIM_BODY_NONE || r->form != NULL ? SIM_STORE_BODY : MAX_JSON_BODY;

	r->body_bytes += data.n;
	if (r->sha != NULL)
		tg_assert(EVP_DigestUpdate(r->sha, data.p, data.n) == 1);
	if (r->form != NULL)
		sim_form_feed(r->form, data);
	if (r->body.n < keep)
		sim_buf_add(&r->body, str_mk(data.p, TG_MIN(data.n, keep - r->body.n)));
	r->body_too_large = keep == MAX_JSON_BODY && r->body_bytes > keep;
}

static void req_record(struct sim_req *r)
{
	uint8_t sha[SHA256_LEN];

	if (r->sha == NULL)
		return;
	tg_assert(EVP_DigestFinal_ex(r->sha, sha, NULL) == 1);
	sim_store_record(
		r->conf->store, r->seq, &r->head, sim_buf_str(&r->body), r->body_bytes, sha);
}

static bool req_authorized(const struct sim_req *r)
{
	struct str key = sim_api_key(r);

	if (r->conf->n_keys == 0)
		return true;
	if (r->route->dialect->signs &&
		str_starts(http_get(&r->head, HTTP_N_AUTHORIZATION), STR("AWS4-HMAC-SHA256 ")))
		return true;
	for (size_t i = 0; i < r->conf->n_keys; i++)
		if (str_eq(key, r->conf->key[i]))
			return true;
	return false;
}

void sim_req_serve(struct sim_req *r, struct sim_buf *out)
{
	struct str bad = STR_NONE;
	char text[160];
	int n;

	r->out = out;
	req_record(r);
	if (r->knobs_bad.n != 0) {
		bad = r->knobs_bad;
		n = snprintf(text, sizeof text,
			"x-sim-*: cannot use \"%.*s\"; tollgate-sim --help lists them",
			(int)TG_MIN(bad.n, (size_t)60), bad.p);
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, str_mk(text, (size_t)n), STR_NONE);
	} else if (r->route->dialect != NULL && !req_authorized(r)) {
		sim_answer_error(
			r, 401, SIM_E_UNAUTHORIZED, STR("Incorrect API key provided."), STR_NONE);
	} else if (r->body_too_large) {
		sim_answer_error(
			r, 413, SIM_E_TOO_LARGE, STR("The request body is too large."), STR_NONE);
	} else if (r->route->dialect == NULL || r->route->dialect->check == NULL ||
		   r->route->dialect->check(r) == 0) {
		r->route->serve(r);
	}
	tg_assert(r->answered);
}

/* Only the end of a key: enough to tell a test's accounts apart. */
static struct str key_end(const struct sim_req *r)
{
	struct str key = sim_api_key(r);

	return str_skip(key, key.n - TG_MIN(key.n, (size_t)KEY_END));
}

/* What the answer told or would have told, and what is billed for it. */
static void bill_usage(const struct sim_req *r, const struct sim_outcome *o, struct sim_bill *b)
{
	struct sim_usage shown = sim_usage_shown(r);

	if (!o->cancelled || r->knobs.on_cancel != SIM_CANCEL_FREE)
		b->usage = sim_usage_billed(r, o->completed);
	if (r->refused)
		return;
	b->model_served = sim_served(r);
	b->tier = r->tier;
	b->input_image = r->usage_image;
	b->input_audio = r->usage_audio;
	b->reported_input = shown.input;
	b->reported_output = shown.output;
	b->cost = r->knobs.cost;
	b->cost_ticks = r->knobs.cost_ticks;
}

static void req_bill(struct sim_req *r, const struct sim_outcome *o)
{
	struct sim_buf fault = sim_worker_buf_take(r->w), id = sim_worker_buf_take(r->w);
	struct sim_bill b = { .seq = r->seq,
		.t = r->wall,
		.tag = r->knobs.tag,
		.dialect = r->route->dialect->name,
		.path = r->path,
		.key = key_end(r),
		.model = r->model,
		.status = r->status,
		.served = r->answered,
		.stream = r->sse,
		.completed = o->completed,
		.cancelled = o->cancelled,
		.usage_delivered = o->usage_delivered,
		.received = r->body_bytes,
		.sent = o->sent,
		.head = r->head_bytes,
		.delivered_events = o->delivered_events,
		.delivered_tokens = o->delivered_tokens,
		.cost_ticks = UINT64_MAX };

	sim_fault_format(&r->knobs.fault, &fault);
	sim_buf_hex16(&id, r->id);
	b.fault = sim_buf_str(&fault);
	b.id = sim_buf_str(&id);
	if (r->answered)
		bill_usage(r, o, &b);
	sim_ledger_add(r->conf->ledger, &b);
	sim_worker_buf_give(r->w, &fault);
	sim_worker_buf_give(r->w, &id);
}

void sim_req_end(struct sim_req *r, const struct sim_outcome *o)
{
	if (r->seq != 0)
		req_bill(r, o);
	req_free(r);
}

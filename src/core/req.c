/*
 * req.c: a request's life: begun from a complete head, settled exactly once, freed at the end of
 * the turn. Runs on the request's worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "core/attempt.h"
#include "core/client.h"
#include "core/errors.h"
#include "core/event_hold.h"
#include "core/hedge.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/respond.h"
#include "core/shadow.h"
#include "core/translate.h"
#include "core/upload.h"
#include "proto/http1_out.h"

#define REQ_ARENA_MAX (1024 * 1024) /* a head of 64 KB is composed anew for each attempt */

static void req_make_id(struct req *r)
{
	struct worker *w = r->w;

	r->rec_id = (struct rec_id){ w->id_prefix, (uint32_t)w->id_seq++ };
	rec_id_text(r->id, r->rec_id);
	r->id[REQ_ID_LEN] = '\0';
	if (r->rec_id.lo == UINT32_MAX)
		w->id_prefix++;
}

static void req_on_total(struct timer *t)
{
	struct req *r = TG_CONTAINER_OF(t, struct req, total);

	if (r->attempt != NULL)
		attempt_on_total_clock(r->attempt);
	else /* it waits for the ledger's disk */
		reply_error(r, TG_E_LEDGER_UNAVAILABLE, NULL);
}

/* The struct, the modules' bytes and a copy of the head, all in the request's own arena. */
static struct req *req_new(struct conn *c, struct str head)
{
	size_t size = ((sizeof(struct req) + 15) & ~(size_t)15) + tg_req_mod_bytes;
	struct worker *w = c->w;
	struct arena a;
	struct req *r;
	char *copy;

	arena_init(&a, &w->blocks, REQ_ARENA_MAX);
	r = arena_alloc(&a, size);
	copy = r != NULL ? arena_alloc(&a, head.n) : NULL;
	if (copy == NULL) {
		arena_fini(&a);
		return NULL;
	}
	memset(r, 0, offsetof(struct req, head));
	memset((char *)r + sizeof(struct req), 0, size - sizeof(struct req));
	memcpy(copy, head.p, head.n);
	r->magic = REQ_MAGIC;
	r->model_edit = -1;
	r->usage_edit = -1;
	r->w = w;
	r->conn = c;
	r->arena = a;
	r->head.base = copy;
	r->conf_ref = w->conf;
	r->conf = w->conf->conf;
	conf_ref_get(r->conf_ref);
	list_init(&r->node);
	timer_init(&r->total, req_on_total);
	req_make_id(r);
	return r;
}

/* What it is a copy of outlives its connection. -1: no memory. */
static int req_is_copy(struct req *r, struct conn *c)
{
	struct shadow_job *copy;
	struct hedge *h = c->hedge;

	if (TG_LIKELY(!c->clientless))
		return 0;
	if (h != NULL) {
		c->hedge = NULL;
		if (hedge_begin(r, h) == 0)
			return 0;
		hedge_gone(h);
		return -1;
	}
	copy = arena_alloc(&r->arena, sizeof *copy);
	if (copy == NULL)
		return -1;
	*copy = *c->shadow;
	r->shadow = copy;
	return 0;
}

static void req_free(struct req *r)
{
	struct arena a;

	if (r->upload != NULL)
		upload_fini(r->upload);
	if (r->respond != NULL) {
		bufq_clear(&r->respond->held);
		if (r->respond->events != NULL)
			event_hold_fini(r->respond->events);
	}
	if (r->translate != NULL)
		translate_fini(r->translate);
	if (r->body_pooled)
		block_pool_give(&r->w->blocks, r->body, r->body_cap);
	conf_ref_put(r->conf_ref);
	FINI_OBJ(r);
	a = r->arena;
	arena_fini(&a);
}

void req_reap(struct worker *w)
{
	struct list *n;

	while ((n = list_pop_front(&w->dead_reqs)) != NULL)
		req_free(list_entry(n, struct req, node));
}

/* Before any request struct exists, or when none can be made: a bare answer, then close. */
static void conn_answer_bare(struct conn *c, int status, struct str body)
{
	char head[256];
	struct http_out o;
	struct iovec iov[2];

	http_out_init(&o, head, sizeof(head));
	http_out_status(&o, (unsigned)status);
	http_out_field(&o, STR("date"), worker_date(c->w));
	http_out_lit(&o, "content-type: application/json\r\nconnection: close\r\ncontent-length: ");
	http_out_u64(&o, body.n);
	http_out_lit(&o, "\r\n\r\n");
	iov[0] = (struct iovec){ head, o.n };
	iov[1] = (struct iovec){ (char *)(uintptr_t)body.p, body.n };
	c->more_to_come = true; /* what follows was not looked at */
	if (conn_write(c, iov, 2) != 0)
		conn_close(c);
	else
		conn_end(c);
}

void req_refuse(struct conn *c, enum http_error err)
{
	char body[512], msg[256];
	size_t n;

	n = json_quote(msg, sizeof(msg), str_z(http_error_text(err)));
	n = (size_t)snprintf(body, sizeof(body),
		"{\"error\":{\"message\":%.*s,\"type\":\"invalid_request_error\",\"param\":null,"
		"\"code\":\"bad_request\"}}",
		(int)n, msg);
	conn_answer_bare(c, http_error_status(err), str_mk(body, n));
}

/* Which API is meant, and in which dialect errors go out. */
static int req_locate(struct req *r)
{
	struct str target = http_target(&r->head);
	char *buf = arena_alloc(&r->arena, 2 * target.n + 16);
	struct str accept = http_get(&r->head, HTTP_N_ACCEPT);

	if (buf == NULL || url_target_normalise(target, true, buf, &r->url) != 0)
		return -1;
	endpoint_match(r->url.path, buf + target.n, &r->ep);
	r->dialect = r->ep.ep != NULL ? r->ep.ep->dialect : DIALECT_OPENAI;
	if (http_get(&r->head, HTTP_N_ANTHROPIC_VERSION).n > 0)
		r->dialect = DIALECT_ANTHROPIC;
	if (http_list_has(accept, STR("application/problem+json")))
		r->dialect = DIALECT_PROBLEM;
	return 0;
}

/* A request of these bytes, parsed; NULL: it was answered, or refused, without one. */
static struct req *req_parse(struct conn *c, struct str head)
{
	enum http_error err = HTTP_E_NONE;
	struct req *r = req_new(c, head);

	if (r != NULL && req_is_copy(r, c) != 0) {
		req_free(r);
		r = NULL;
	}
	if (r == NULL) {
		conn_answer_bare(c, 503,
			STR("{\"error\":{\"message\":\"The gateway is at its limit.\","
			    "\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded\"}}"));
		return NULL;
	}
	if (http1_request_parse(r->head.base, head.n, &r->head, &err) != 0) {
		req_free(r);
		wc_add(&c->w->stats, WC_BAD_REQUESTS, 1);
		req_refuse(c, err);
		return NULL;
	}
	return r;
}

/* By whom and for what it is; into the steps, or answered. */
static void req_enter(struct req *r)
{
	enum tg_error client = client_enter(r);

	if (req_locate(r) != 0) {
		r->dialect = DIALECT_OPENAI;
		r->keep_alive = false;
		reply_error(r, TG_E_BAD_REQUEST, "%s", http_error_text(HTTP_E_BAD_TARGET));
	} else if (client == TG_E_BAD_REQUEST) {
		reply_error(r, client, "The proxy's Forwarded header is malformed.");
	} else if (client != TG_E_NONE) {
		reply_error(r, client, NULL);
	} else {
		req_run(r);
	}
}

void req_start(struct conn *c, struct str bytes, size_t head_len, mono_us first_byte)
{
	struct worker *w = c->w;
	struct req *r = req_parse(c, str_mk(bytes.p, head_len));

	if (r == NULL)
		return;
	r->start = first_byte;
	r->at.head = mono_since(worker_now(w), first_byte);
	r->start_wall.us = w->wall.us - r->at.head;
	r->charged_at = r->start_wall;
	r->keep_alive = r->head.keep_alive && !w->draining;
	r->view = str_skip(bytes, head_len);
	r->bytes_in = head_len;
	http1_body_init(&r->body_in, &r->head);
	r->body_done = http1_body_done(&r->body_in);
	w->n_reqs++;
	wc_add(&w->stats, WC_IN_FLIGHT, 1);
	conn_begin_request(c, r);
	req_enter(r);
	/* The view points into memory of this turn: what the request did not take stays with the
	 * connection. */
	if (c->state == CONN_DEAD)
		return;
	if (conn_leave_input(c, r->view) != 0)
		c->eof = true;
	r->view = STR_NONE;
}

/* What is too much for a counter stands at its end. */
static void spend(pico_usd *sum, pico_usd v)
{
	if (money_add(sum, v) != 0)
		*sum = INT64_MAX;
}

void req_spend(struct req *r)
{
	tg_assert(r->leg.charged);
	r->any_sent |= r->leg.sent;
	spend(&r->spent.list, r->leg.money.list);
	spend(&r->spent.contracted, r->leg.money.contracted);
	spend(&r->spent.billed, r->leg.money.billed);
	r->spent.flags |= r->leg.money.flags;
	r->spent_tokens.input = num_sum_u64(r->spent_tokens.input, usage_input(&r->leg.usage));
	r->spent_tokens.output = num_sum_u64(r->spent_tokens.output, usage_output(&r->leg.usage));
}

static struct series *req_series(struct req *r, const struct route_target *route)
{
	struct series_key k = { r->tenant != NULL ? r->tenant->label : 0,
		r->model != NULL ? r->model->label : 0, route != NULL ? route->target->label : 0 };

	return stats_series(&r->w->stats, k);
}

void req_count_leg(struct req *r, const struct leg *l)
{
	struct series *e = req_series(r, l->route);

	for (int b = 0; b < USAGE__MAX; b++)
		if (l->usage.n[b] > 0)
			stat_add(&e->units[b], l->usage.n[b]);
	series_add_cost(&e->cost, l->money.contracted);
	series_add_cost(&e->billed, l->money.billed);
	if ((l->money.flags & MONEY_OVER) != 0)
		wc_add(&r->w->stats, WC_OVER_BOUND, 1);
}

static void req_count(struct req *r)
{
	struct worker_stats *s = &r->w->stats;
	struct series *e = req_series(r, r->route);
	const struct leg *l = &r->leg;
	struct target_hists *h;

	stat_add(&e->status[r->status >= 100 && r->status < 600 ? r->status / 100 : 0], 1);
	if (l->charged) {
		req_count_leg(r, l);
		if (((l->money.flags | r->spent.flags) & MONEY_UNPRICED) != 0)
			stat_add(&e->unpriced, 1);
		if (l->quality != QUALITY_EXACT && l->charge > CHARGE_NOTHING)
			stat_add(&e->estimated, 1);
	}
	if (r->route != NULL && (h = stats_target(s, r->route->target->label)) != NULL) {
		stat_hist_add(&h->duration, (uint64_t)r->at.done);
		/* an answer may begin before the whole request is sent */
		if (r->at.first_byte > r->at.sent && r->at.sent > 0)
			stat_hist_add(&h->first_byte, (uint64_t)(r->at.first_byte - r->at.sent));
	}
}

/* Who ended the exchange with the provider. */
static enum settle_by req_ended_by(const struct req *r, enum req_end why)
{
	if (why == END_CLIENT_GONE || why == END_CLIENT_SLOW || why == END_HEDGED)
		return SETTLE_BY_CLIENT;
	/* Read on without its client: what the provider does then is its doing. */
	if (r->drained)
		return why == END_CUT_OFF || r->leg.by_gateway ? SETTLE_BY_CLIENT
							       : SETTLE_BY_PROVIDER;
	return why == END_CUT_OFF || r->leg.by_gateway ? SETTLE_BY_GATEWAY : SETTLE_BY_PROVIDER;
}

/* The one settle function: every admitted request comes through here exactly once. */
static void req_settle(struct req *r, enum req_end why)
{
	struct worker *w = r->w;
	enum settle_by by = req_ended_by(r, why);

	tg_assert(!r->settled);
	r->settled = true;
	if (r->drained) {
		wc_sub(&w->stats, WC_DRAINED, 1);
		w->n_drained--;
		why = r->drained_end;
		r->status = r->drained_status;
	}
	r->end = why;
	r->at.done = mono_since(worker_now(w), r->start);
	timer_disarm(&w->wheel, &r->total);
	if (r->ticket != NULL)
		r->ticket->req = NULL;
	r->ticket = NULL;
	client_leave(r);
	leg_charge(r, by);
	for (unsigned i = 0; tg_modules[i] != NULL; i++)
		if (tg_modules[i]->settled != NULL)
			tg_modules[i]->settled(r);
	req_count(r);
	w->n_reqs--;
	wc_sub(&w->stats, WC_IN_FLIGHT, 1);
	list_push_back(&w->dead_reqs, &r->node);
}

void req_finish(struct req *r, enum req_end why)
{
	struct conn *c = r->conn;

	CHECK_OBJ(r, REQ_MAGIC);
	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	req_settle(r, why);
	conn_request_done(c, r->keep_alive && r->body_done);
}

/* Is it worth to read an answer on that nobody is waiting for? */
static bool req_wants_drain(const struct req *r, enum req_end why)
{
	const struct attempt *a = r->attempt;
	enum abort_policy p;

	if (a == NULL || r->drained ||
		(why != END_CLIENT_GONE && why != END_CLIENT_SLOW && why != END_HEDGED))
		return false;
	if (!leg_is_billed(r) || !a->send_done || (r->leg.status != 0 && r->leg.status / 100 != 2))
		return false;
	if (r->respond != NULL && !r->respond->readable)
		return false; /* sound: there is nothing to be learned from it */
	p = leg_abort_policy(r);
	return p != ABORT_CANCEL_FREE && (p == ABORT_DRAIN || !r->stream) &&
	       r->w->n_drained < (uint64_t)r->conf->cfg.client_abort.drain_max;
}

/* Nobody reads the answer any more, but it is billed: see what it says. */
static void req_drain(struct req *r, enum req_end why)
{
	int64_t left_us;

	r->drained = true;
	r->drained_end = why;
	r->drained_status = r->head_sent ? r->status : 499;
	r->keep_alive = false;
	r->w->n_drained++;
	wc_add(&r->w->stats, WC_DRAINED, 1);
	if (!r->conn->lost)
		conn_lose(r->conn);
	left_us = r->total.deadline_us - worker_now(r->w).us; /* the total clock goes on */
	timer_arm(&r->w->wheel, &r->total, TG_MIN(left_us, r->conf->cfg.client_abort.drain_us));
	attempt_resume_read(r->attempt);
}

void req_abort(struct req *r, enum req_end why)
{
	CHECK_OBJ(r, REQ_MAGIC);
	if (r->settled)
		return;
	if (TG_UNLIKELY(r->hedge != NULL))
		hedge_leave(r);
	if (req_wants_drain(r, why)) {
		req_drain(r, why);
		return;
	}
	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	sink_abort_all(r);
	if (r->status == 0)
		r->status = why == END_CLIENT_SLOW ? 408 : 499;
	r->keep_alive = false;
	r->conn->eof = true;
	req_settle(r, why);
	conn_request_done(r->conn, false);
}

void req_client_timeout(struct req *r)
{
	if (!r->body_done && !r->head_sent) {
		if (r->attempt != NULL)
			attempt_cancel(r->attempt);
		reply_error(r, TG_E_REQUEST_TIMEOUT, NULL);
		return;
	}
	req_abort(r, END_CLIENT_SLOW);
}

void req_client_writable(struct req *r)
{
	if (r->attempt != NULL)
		attempt_resume_read(r->attempt);
}

struct ticket *req_ticket(struct req *r)
{
	struct ticket *t = slab_take(&r->w->ticket_slab);

	if (r->ticket != NULL) /* what it waited for before is of no interest any more */
		r->ticket->req = NULL;
	t->req = r;
	t->w = r->w;
	r->ticket = t;
	return t;
}

void ticket_give(struct ticket *t)
{
	if (t->req != NULL && t->req->ticket == t)
		t->req->ticket = NULL;
	slab_give(&t->w->ticket_slab, t);
}

void sink_push(struct req *r, struct sink *s, const struct sink_ops *ops)
{
	s->ops = ops;
	s->req = r;
	s->next = r->sinks;
	r->sinks = s;
}

void sink_abort_all(struct req *r)
{
	for (struct sink *s = r->sinks; s != NULL; s = s->next)
		if (s->ops->abort != NULL)
			s->ops->abort(s);
}

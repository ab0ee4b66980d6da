/*
 * attempt.c: one exchange with a provider.
 *
 *	CONNECT --connection--> SEND --head of the answer--> BODY --end--> DONE
 *	   |                      |                            |
 *	   +------ failure -------+                            +-- failure --> truncation, or a 502
 *	              |
 *	              +--> free retry, another target, or 502/504
 *
 * attempt_build.c composes the request, attempt_send.c sends it; attempt_receive.c reads the
 * answer, and attempt_look.c looks at errors.
 *
 * Five clocks: connect (uppool), send stall, first byte, between bytes (one timer: a->clock), total
 * (req->total). Runs on the request's worker; the attempt lives in the request's arena until the
 * end of the turn that settles it.
 */
#include "base/log.h"
#include "core/attempt_build.h"
#include "core/attempt_int.h"
#include "core/attempt_look.h"
#include "core/health.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/respond.h"

void attempt_set_state(struct attempt *a, enum attempt_state s)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	tg_assert(a->state != ATTEMPT_DONE);
	a->state = s;
}

const char *attempt_fail_text(enum attempt_fail f)
{
	static const char *const text[] = {
		[FAIL_RESOLVE] = "its host name could not be resolved",
		[FAIL_CONNECT] = "the connection was refused or failed",
		[FAIL_TLS] = "the TLS handshake failed",
		[FAIL_PROXY] = "the proxy refused the tunnel",
		[FAIL_RESET] = "the connection was closed before an answer",
		[FAIL_MALFORMED] = "the answer was not valid HTTP",
		[FAIL_ENCODED] = "the answer was compressed although that was not offered",
		[FAIL_TIMEOUT_CONNECT] = "connecting took too long",
		[FAIL_TIMEOUT_FIRST_BYTE] = "no answer in time",
		[FAIL_TIMEOUT_BETWEEN] = "the answer stalled",
		[FAIL_TIMEOUT_SEND] = "it did not take the request",
		[FAIL_TIMEOUT_TOTAL] = "the request took too long in all",
		[FAIL_TRUNCATED] = "the answer broke off",
		[FAIL_CREDENTIALS] = "it refused the gateway's credentials",
		[FAIL_NO_CREDENTIAL] = "the gateway has no valid credential for it",
	};

	return text[f];
}

static void attempt_clock_fired(struct timer *t)
{
	struct attempt *a = TG_CONTAINER_OF(t, struct attempt, clock);

	CHECK_OBJ(a, ATTEMPT_MAGIC);
	if (a->refusal != NULL)
		attempt_refused(a);
	else if (a->looking && !a->look_over)
		(void)attempt_look_over(a);
	else
		attempt_fail(a, a->clock_fail, NULL);
}

void attempt_clock(struct attempt *a, enum attempt_fail what, int64_t us)
{
	a->clock_fail = what;
	timer_arm(&a->req->w->wheel, &a->clock, us);
}

void attempt_start(struct req *r)
{
	struct attempt *a = arena_zalloc(&r->arena, sizeof(*a));
	bool fresh;

	tg_assert(r->attempt == NULL && r->route != NULL);
	if (a == NULL) {
		reply_error(r, TG_E_OVERLOADED, NULL);
		return;
	}
	a->magic = ATTEMPT_MAGIC;
	a->state = ATTEMPT_CONNECT;
	a->req = r;
	a->route = r->route;
	a->target = r->route->target;
	a->provider = a->target->provider;
	a->key = TG_UNLIKELY(a->target->n_keys > 0) ? key_pool_take(r) : NULL;
	timer_init(&a->clock, attempt_clock_fired);
	r->attempt = a;
	r->n_attempts++;
	if (attempt_build(a) != 0) {
		if (a->no_credential) {
			attempt_fail(a, FAIL_NO_CREDENTIAL, NULL);
			return;
		}
		attempt_cancel(a);
		reply_error(r, TG_E_OVERLOADED, NULL);
		return;
	}
	if (!timer_armed(&r->total))
		timer_arm(&r->w->wheel, &r->total, a->target->clocks.total_us);
	/* A streamed body cannot be sent again: not on a connection that may just be closing. */
	fresh = r->fresh || r->upload != NULL;
	r->fresh = false;
	uppool_take(r->w, a->target, a, fresh);
}

void attempt_detach(struct attempt *a, bool reusable)
{
	struct upconn *u = a->up;

	timer_disarm(&a->req->w->wheel, &a->clock);
	attempt_set_state(a, ATTEMPT_DONE);
	a->req->attempt = NULL;
	a->up = NULL;
	if (u != NULL)
		uppool_give(u, reusable);
}

void attempt_cancel(struct attempt *a)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	attempt_detach(a, false);
}

/* No answer will come from this target. */
static void attempt_give_up(
	struct req *r, enum attempt_fail why, const struct target *t, const char *text)
{
	bool timeout = why >= FAIL_TIMEOUT_CONNECT && why <= FAIL_TIMEOUT_TOTAL;

	if (r->sinks != NULL)
		sink_abort_all(r);
	r->end = END_FAILED;
	reply_error(r, timeout ? TG_E_UPSTREAM_TIMEOUT : TG_E_UPSTREAM_ERROR,
		"Target '%.*s' failed: %s%s%s. Attempts: %u.", STR_FMT(t->name),
		attempt_fail_text(why), text != NULL ? ": " : "", text != NULL ? text : "",
		r->n_attempts);
}

bool attempt_moves(struct req *r, bool other_key)
{
	if ((!other_key && !req_has_other_route(r)) || !req_may_retry(r))
		return false;
	if (other_key)
		key_pool_again(r);
	wc_add(&r->w->stats, other_key ? WC_UP_KEY_SWITCHES : WC_UP_FAILOVERS, 1);
	return true;
}

void attempt_fail(struct attempt *a, enum attempt_fail why, const char *text)
{
	struct req *r = a->req;
	const struct target *t = a->target;
	bool repeatable = attempt_repeatable(a);
	bool free_retry = why == FAIL_RESET && a->reused && !a->got_byte && !r->free_retry_used;
	bool timeout = why >= FAIL_TIMEOUT_CONNECT && why <= FAIL_TIMEOUT_TOTAL;

	attempt_detach(a, false);
	if (free_retry && repeatable) {
		r->free_retry_used = true;
		wc_add(&r->w->stats, WC_UP_FREE_RETRIES, 1);
		r->n_attempts--;
		req_resend(r);
		return;
	}
	wc_add(&r->w->stats, timeout ? WC_UP_TIMEOUTS : WC_UP_ERRORS, 1);
	r->leg.by_gateway |= timeout && (r->leg.status != 0 || r->drained);
	log_info("upstream failed", "request=%s target=%.*s reason=\"%s\" detail=\"%s\"", r->id,
		STR_FMT(t->name), attempt_fail_text(why), text != NULL ? text : "");
	if (why != FAIL_TIMEOUT_TOTAL && why != FAIL_CREDENTIALS && why != FAIL_NO_CREDENTIAL)
		health_failed(a, timeout);
	if (r->head_sent) {
		sink_abort_all(r);
		respond_truncate(r, attempt_fail_text(why));
		return;
	}
	if (repeatable && why != FAIL_TIMEOUT_TOTAL &&
		attempt_moves(r, why == FAIL_CREDENTIALS && key_pool_has_other(r))) {
		req_reroute(r);
		return;
	}
	attempt_give_up(r, why, t, text);
}

void attempt_on_total_clock(struct attempt *a)
{
	attempt_fail(a, FAIL_TIMEOUT_TOTAL, NULL);
}

void attempt_on_connect_failed(struct attempt *a, enum attempt_fail why, const char *text)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	a->up = NULL;
	attempt_fail(a, why, text);
}

void attempt_on_ready(struct attempt *a, unsigned ready)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	a->req->w->current = a->req;
	if ((ready & STREAM_CAN_WRITE) != 0 && !a->send_done)
		attempt_send(a);
	if (((ready & STREAM_CAN_READ) != 0 || a->send_failed) && a->state != ATTEMPT_DONE &&
		!a->paused)
		attempt_read(a);
	if (a->state != ATTEMPT_DONE && a->send_failed && a->state == ATTEMPT_SEND && !a->got_byte)
		attempt_fail(a, FAIL_RESET, stream_error_text(&a->up->st));
	a->req->w->current = NULL;
}

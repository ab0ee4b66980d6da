/*
 * attempt.c: one exchange with a provider.
 *
 *	CONNECT --connection--> SEND --head of the answer--> BODY --end--> DONE
 *	   |                      |                            |
 *	   +------ failure -------+                            +-- failure --> truncation, or a 502
 *	              |
 *	              +--> free retry, another target, or 502/504
 *
 * Five clocks: connect (uppool), send stall, first byte, between bytes (one timer: a->clock), total
 * (req->total). Runs on the request's worker; the attempt lives in the request's arena until the
 * end of the turn that settles it.
 */
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "core/attempt.h"
#include "core/attempt_build.h"
#include "core/attempt_look.h"
#include "core/health.h"
#include "core/hedge.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/refusal.h"
#include "core/reply.h"
#include "core/respond.h"
#include "core/upload.h"

/* For the rest of a refusal: it only adds words to the error. */
#define REFUSAL_WAIT_US 2000000
/* For the rest of an error that may send the request elsewhere. */
#define LOOK_WAIT_US 2000000

static void attempt_fail(struct attempt *a, enum attempt_fail why, const char *text);
static void attempt_refused(struct attempt *a);
static bool attempt_look_over(struct attempt *a);

static void attempt_set_state(struct attempt *a, enum attempt_state s)
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

static void attempt_clock(struct attempt *a, enum attempt_fail what, int64_t us)
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

/* Let go of the connection. reusable: its exchange is complete on both sides. */
static void attempt_detach(struct attempt *a, bool reusable)
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

/* Is it sent once more, to the same target with another key, or else elsewhere? */
static bool attempt_moves(struct req *r, bool other_key)
{
	if ((!other_key && !req_has_other_route(r)) || !req_may_retry(r))
		return false;
	if (other_key)
		key_pool_again(r);
	wc_add(&r->w->stats, other_key ? WC_UP_KEY_SWITCHES : WC_UP_FAILOVERS, 1);
	return true;
}

static void attempt_fail(struct attempt *a, enum attempt_fail why, const char *text)
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

/* ---- sending */

static void attempt_sent(struct attempt *a)
{
	struct req *r = a->req;

	a->send_done = true;
	r->leg.sent_whole = true;
	a->sent_at = clock_mono();
	if (r->at.sent == 0) {
		r->at.sent = mono_since(a->sent_at, r->start);
		r->overhead_us = r->at.sent - TG_MAX(r->at.body, r->at.head);
		stat_hist_add(&r->w->stats.overhead, r->overhead_us);
	}
	if (a->state == ATTEMPT_SEND)
		attempt_clock(a, FAIL_TIMEOUT_FIRST_BYTE, a->target->clocks.first_byte_us);
	stream_want(&a->up->st, !a->paused, false);
}

/* 1 all written, 0 the socket is full, -1 failed. */
static int attempt_write_iov(struct attempt *a)
{
	ssize_t n;

	while (a->iov_at < a->iov_n) {
		n = stream_writev(&a->up->st, a->iov + a->iov_at, a->iov_n - a->iov_at);
		if (n == STREAM_AGAIN)
			return 0;
		if (n < 0)
			return -1;
		a->req->leg.sent |= n > 0;
		while (a->iov_at < a->iov_n && (size_t)n >= a->iov[a->iov_at].iov_len)
			n -= (ssize_t)a->iov[a->iov_at++].iov_len;
		if (a->iov_at < a->iov_n) {
			a->iov[a->iov_at].iov_base = (char *)a->iov[a->iov_at].iov_base + n;
			a->iov[a->iov_at].iov_len -= (size_t)n;
		}
	}
	return 1;
}

/* The provider may have answered early and closed: read that first, in attempt_on_ready. */
static void attempt_send_failed(struct attempt *a)
{
	a->send_failed = true;
	stream_want(&a->up->st, !a->paused, false);
	if (a->state == ATTEMPT_SEND)
		attempt_clock(a, FAIL_RESET, a->target->clocks.send_us);
}

/* Put the next part of a streamed body into iov. False when there is nothing to write now. */
static bool attempt_next_upload(struct attempt *a)
{
	struct upload *u = a->req->upload;
	size_t k = 0, n = u->q.len;

	if (a->last_chunk || (n == 0 && !(u->ended && u->chunked)))
		return false;
	a->iov_at = 0;
	a->iov_n = 0;
	a->chunk_bytes = 0;
	if (n == 0) {
		a->iov[a->iov_n++] = (struct iovec){ (char *)(uintptr_t) "0\r\n\r\n", 5 };
		a->last_chunk = true;
		return true;
	}
	if (u->chunked)
		a->iov_n = 1;
	a->iov_n += bufq_iov(&u->q, a->iov + a->iov_n, ATTEMPT_IOV - 2);
	for (int i = u->chunked; i < a->iov_n; i++)
		a->chunk_bytes += a->iov[i].iov_len;
	if (u->chunked) {
		k = num_put_hex(a->chunk_head, a->chunk_bytes);
		memcpy(a->chunk_head + k, "\r\n", 2);
		a->iov[0] = (struct iovec){ a->chunk_head, k + 2 };
		a->iov[a->iov_n++] = (struct iovec){ (char *)(uintptr_t) "\r\n", 2 };
	}
	u->started = true;
	return true;
}

/* The whole of a streamed body has been written. */
static bool attempt_upload_complete(const struct attempt *a)
{
	const struct upload *u = a->req->upload;

	return u->ended && u->q.len == 0 && (a->last_chunk || !u->chunked);
}

void attempt_pump_upload(struct attempt *a)
{
	struct upload *u = a->req->upload;
	int rc;

	if (a->state == ATTEMPT_CONNECT || a->send_done)
		return;
	for (;;) {
		rc = attempt_write_iov(a);
		if (rc < 0) {
			attempt_send_failed(a);
			return;
		}
		if (rc == 0)
			break;
		bufq_consume(&u->q, a->chunk_bytes);
		a->chunk_bytes = 0;
		if (u->q.len < UPLOAD_LOW && !a->req->body_done)
			conn_want_body(a->req->conn, true);
		if (attempt_upload_complete(a)) {
			attempt_sent(a);
			return;
		}
		if (!attempt_next_upload(a)) {
			/* Waiting for the client, whose own clock runs. */
			timer_disarm(&a->req->w->wheel, &a->clock);
			stream_want(&a->up->st, !a->paused, false);
			return;
		}
	}
	attempt_clock(a, FAIL_TIMEOUT_SEND, a->target->clocks.send_us);
	stream_want(&a->up->st, !a->paused, true);
}

static void attempt_send(struct attempt *a)
{
	int rc;

	if (a->req->upload != NULL) {
		attempt_pump_upload(a);
		return;
	}
	rc = attempt_write_iov(a);
	if (rc < 0) {
		attempt_send_failed(a);
		return;
	}
	if (rc == 1) {
		attempt_sent(a);
		return;
	}
	attempt_clock(a, FAIL_TIMEOUT_SEND, a->target->clocks.send_us);
	stream_want(&a->up->st, !a->paused, true);
}

void attempt_on_connected(struct attempt *a, struct upconn *u, bool reused)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	a->up = u;
	a->reused = reused;
	a->sent_before = u->st.sent;
	wc_add(&a->req->w->stats, reused ? WC_UP_REUSES : WC_UP_CONNECTS, 1);
	attempt_set_state(a, ATTEMPT_SEND);
	attempt_send(a);
}

/* ---- receiving */

static void attempt_complete(struct attempt *a)
{
	attempt_detach(a, a->keep && a->send_done);
}

/* Payload bytes go down the sinks; at the end the connection goes back first. Returns false when a
 * is over. */
static bool attempt_deliver(struct attempt *a, struct str data, bool fin)
{
	struct req *r = a->req;
	struct iovec iov = { (char *)(uintptr_t)data.p, data.n };

	if (fin) {
		r->leg.complete = true;
		if (r->meter == NULL) /* nobody else has it charged before the client is told */
			leg_charge(r, SETTLE_BY_PROVIDER);
		attempt_complete(a);
	}
	if (sink_write(r->sinks, &iov, data.n > 0 ? 1 : 0, fin) != 0) {
		req_abort(r, END_CLIENT_GONE);
		return false;
	}
	return !fin && !r->settled;
}

/*
 * Take the chunk framing out in place, so that what was read in one go is one span for the sinks.
 * `buf` is ours to write to. *fin at the end of the body. -1: malformed.
 */
static int attempt_unframe(struct attempt *a, char *buf, size_t n, struct str *data, bool *fin)
{
	size_t at = 0, out = 0, used;
	struct str span;
	enum body_rc rc;

	*fin = http1_body_done(&a->body);
	while (!*fin) {
		rc = http1_body_feed(&a->body, buf + at, n - at, &used, &span);
		at += used;
		if (rc == BODY_BAD)
			return -1;
		if (rc == BODY_MORE)
			break;
		if (rc == BODY_DATA) {
			if (span.p != buf + out)
				memmove(buf + out, span.p, span.n);
			out += span.n;
		}
		*fin = rc == BODY_END || http1_body_done(&a->body);
	}
	if (at < n)
		a->keep = false; /* bytes behind the end: not an exchange to build on */
	*data = str_mk(buf, out);
	return 0;
}

static bool attempt_take_body(struct attempt *a, char *buf, size_t n)
{
	struct str data;
	bool fin, good = attempt_unframe(a, buf, n, &data, &fin) == 0;

	if (a->refusal != NULL) {
		if (good && refusal_feed(a->refusal, data) && !fin)
			return true;
		attempt_refused(a);
		return false;
	}
	if (!good) {
		attempt_fail(a, a->req->head_sent ? FAIL_TRUNCATED : FAIL_MALFORMED,
			http_error_text(a->body.err));
		return false;
	}
	if (data.n == 0 && !fin)
		return true;
	if (fin)
		respond_trailers(a->req->respond, &a->body);
	return attempt_deliver(a, data, fin);
}

/* The provider refused our key: never shown to the client, but for a few words of why. */
static void attempt_refused(struct attempt *a)
{
	struct req *r = a->req;
	char text[REFUSAL_TEXT_MAX];

	refusal_text(a->refusal, a->key != NULL ? a->key->secret : a->target->cfg->key, text);
	log_error("credentials refused", "target=%.*s provider_key=%.*s request=%s detail=\"%s\"",
		STR_FMT(a->target->name), STR_FMT(a->key != NULL ? a->key->id : STR("-")), r->id,
		text);
	if (a->target->cred != NULL && a->refusal->status == 401)
		cred_refused(a->target->cred);
	health_refused(a, a->refusal->status);
	attempt_fail(a, FAIL_CREDENTIALS, text);
}

/* Its body is read for those words. False: the attempt is over. */
static bool attempt_take_refusal(struct attempt *a, const struct http_head *h)
{
	a->refusal = arena_alloc(&a->req->arena, sizeof(*a->refusal));
	if (a->refusal == NULL) {
		attempt_fail(a, FAIL_CREDENTIALS, NULL);
		return false;
	}
	refusal_init(a->refusal, h->status);
	http1_body_init(&a->body, h);
	attempt_set_state(a, ATTEMPT_BODY);
	attempt_clock(a, FAIL_CREDENTIALS, REFUSAL_WAIT_US);
	return true;
}

/* Elsewhere it may do better: another route, or another model. */
static void attempt_move_on(struct attempt *a)
{
	struct req *r = a->req;

	attempt_detach(a, false);
	req_reroute(r);
}

/* What the provider's status means for the request. True: pass it on. */
static bool attempt_judge(struct attempt *a, enum verdict v)
{
	struct req *r = a->req;

	if (attempt_look_model(a)) {
		wc_add(&r->w->stats, WC_UP_FAILOVERS, 1);
		attempt_move_on(a);
		return false;
	}
	health_error(a, a->error_is);
	if (v == VERDICT_PASS && a->error_is != ERROR_MONEY)
		return true;
	if (!attempt_repeatable(a) || !attempt_moves(r, attempt_look_key(a)))
		return true;
	attempt_move_on(a);
	return false;
}

/* Some servers say 408 when they close an idle connection (RFC 9110 section 15.5.9): on its way it
 * may have crossed our request, of which it then knows nothing. */
static bool attempt_is_stale(const struct attempt *a, const struct http_head *h)
{
	return h->status == 408 && !h->keep_alive && a->reused && !a->req->free_retry_used &&
	       attempt_repeatable(a);
}

/* The provider's own id of the request, for finding it in its usage reports. */
static void attempt_take_id(struct req *r, const struct http_head *h)
{
	struct str id = http_get(h, HTTP_N_X_REQUEST_ID);

	if (id.n == 0)
		id = http_get(h, HTTP_N_REQUEST_ID);
	if (id.n > 0 && id.n <= 128)
		r->leg.provider_request_id = arena_dup(&r->arena, id);
}

/* One complete head. False: the attempt is over. */
static bool attempt_take_head(struct attempt *a, const char *p, size_t n)
{
	struct req *r = a->req;
	struct http_head *h = &r->w->up_head;
	enum http_error err = HTTP_E_NONE;
	enum verdict v;
	struct str enc;

	if (http1_response_parse(p, n, r->head.method, h, &err) != 0) {
		attempt_fail(a, FAIL_MALFORMED, http_error_text(err));
		return false;
	}
	if (h->status < 200) {
		if (h->status == 101) {
			attempt_fail(a, FAIL_MALFORMED, "101 without being asked to upgrade");
			return false;
		}
		return true;
	}
	if (attempt_is_stale(a, h)) {
		a->got_byte = false; /* none of an answer to us */
		attempt_fail(a, FAIL_RESET, "status 408 on a kept connection");
		return false;
	}
	r->at.first_byte = mono_since(worker_now(r->w), r->start);
	r->leg.status = h->status;
	attempt_take_id(r, h);
	v = a->error_is == ERROR_KEY ? VERDICT_CREDENTIALS : a->provider->head(a, h);
	health_head(a, h);
	if (v == VERDICT_CREDENTIALS)
		return attempt_take_refusal(a, h);
	if (!attempt_judge(a, v))
		return false;
	enc = http_get(h, HTTP_N_CONTENT_ENCODING);
	if (enc.n > 0 && !str_eq_ci(enc, STR("identity"))) {
		attempt_fail(a, FAIL_ENCODED, NULL);
		return false;
	}
	if (TG_UNLIKELY(r->hedge != NULL))
		hedge_head(r, h->status);
	http1_body_init(&a->body, h);
	a->keep = h->keep_alive && h->framing != HTTP_BODY_EOF;
	attempt_set_state(a, ATTEMPT_BODY);
	if (respond_begin(r, h) != 0) {
		attempt_cancel(a);
		r->respond = NULL;
		reply_error(r, TG_E_OVERLOADED, NULL);
		return false;
	}
	respond_trailer_room(r->respond, &a->body);
	return true;
}

/* ---- reading */

/* Bytes while the head is not complete. False: over. `buf` is the worker's scratch. */
static bool attempt_take_start(struct attempt *a, char *buf, size_t n)
{
	struct upconn *u = a->up;
	enum http_error err = HTTP_E_NONE;
	long head;

	n = upconn_gather(u, buf, n);
	while (a->state == ATTEMPT_SEND) {
		head = http1_head_end(buf, n, &u->in_resume, HTTP_MAX_HEAD, &err);
		if (head == 0 && upconn_keep(u, str_mk(buf, n)) == 0)
			return true;
		if (head <= 0) {
			attempt_fail(a, FAIL_MALFORMED,
				http_error_text(head < 0 ? err : HTTP_E_HEAD_TOO_LARGE));
			return false;
		}
		u->in_resume = 0;
		if (!attempt_look(a, str_mk(buf, n), (size_t)head) &&
			upconn_keep(u, str_mk(buf, n)) == 0) {
			attempt_clock(a, FAIL_TIMEOUT_BETWEEN, LOOK_WAIT_US);
			return true;
		}
		a->looking = false;
		if (!attempt_take_head(a, buf, (size_t)head))
			return false;
		buf += head;
		n -= (size_t)head;
	}
	return attempt_take_body(a, buf, n);
}

/* No more of the error is waited for. False: the attempt is over. */
static bool attempt_look_over(struct attempt *a)
{
	a->look_over = true;
	if (!attempt_take_start(a, a->req->w->scratch, 0))
		return false;
	attempt_clock(a, FAIL_TIMEOUT_BETWEEN, a->target->clocks.between_bytes_us);
	return true;
}

static void attempt_eof(struct attempt *a, ssize_t rc)
{
	const char *text = rc == STREAM_ERR ? stream_error_text(&a->up->st) : NULL;

	if (a->looking && !attempt_look_over(a))
		return;
	if (a->refusal != NULL) {
		attempt_refused(a);
		return;
	}
	if (a->state == ATTEMPT_BODY && a->body.framing == HTTP_BODY_EOF && rc == STREAM_EOF &&
		!a->up->st.eof_unclean) {
		a->keep = false;
		attempt_deliver(a, STR_NONE, true);
		return;
	}
	attempt_fail(a, a->state == ATTEMPT_BODY ? FAIL_TRUNCATED : FAIL_RESET, text);
}

static void attempt_pause(struct attempt *a)
{
	a->paused = true;
	a->req->use.paused = true;
	timer_disarm(&a->req->w->wheel, &a->clock);
	stream_want(&a->up->st, false, a->up->st.want_write);
}

static void attempt_read(struct attempt *a)
{
	struct worker *w = a->req->w;
	ssize_t n;
	bool on;

	for (int i = 0; i < 4; i++) {
		n = stream_read(&a->up->st, w->scratch, WORKER_SCRATCH);
		if (n == STREAM_AGAIN)
			return;
		if (n <= 0) {
			attempt_eof(a, n);
			return;
		}
		/* Said on the kept connection before it can have heard us: no answer of ours. */
		if (a->reused && !a->got_byte && stream_unheard(&a->up->st, a->sent_before)) {
			attempt_fail(a, FAIL_RESET, "it spoke unasked");
			return;
		}
		a->got_byte = true;
		on = a->state == ATTEMPT_SEND ? attempt_take_start(a, w->scratch, (size_t)n)
					      : attempt_take_body(a, w->scratch, (size_t)n);
		if (!on)
			return;
		if (a->req->conn->blocked) {
			attempt_pause(a);
			return;
		}
		/* an interim answer (1xx) is not the first byte that is waited for */
		if (a->refusal == NULL && !a->looking &&
			(a->state == ATTEMPT_BODY || (a->send_done && a->up->in_len > 0)))
			attempt_clock(a, FAIL_TIMEOUT_BETWEEN, a->target->clocks.between_bytes_us);
		if ((size_t)n < WORKER_SCRATCH && a->up->st.ssl == NULL)
			return;
	}
}

void attempt_resume_read(struct attempt *a)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	if (!a->paused)
		return;
	a->paused = false;
	attempt_clock(a, FAIL_TIMEOUT_BETWEEN, a->target->clocks.between_bytes_us);
	stream_want(&a->up->st, true, a->up->st.want_write);
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

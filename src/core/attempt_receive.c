/*
 * attempt_receive.c: the provider's answer: its head and what its status means for the request, its
 * body on its way to the client, its end. The request's worker.
 */
#include <string.h>

#include "base/log.h"
#include "core/attempt_int.h"
#include "core/attempt_look.h"
#include "core/health.h"
#include "core/hedge.h"
#include "core/key_pool.h"
#include "core/refusal.h"
#include "core/reply.h"
#include "core/respond.h"

/* For the rest of a refusal: it only adds words to the error. */
#define REFUSAL_WAIT_US 2000000
/* For the rest of an error that may send the request elsewhere. */
#define LOOK_WAIT_US 2000000

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

void attempt_refused(struct attempt *a)
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

bool attempt_look_over(struct attempt *a)
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

void attempt_read(struct attempt *a)
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

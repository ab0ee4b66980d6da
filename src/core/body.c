/*
 * body.c: the READ stage: a request's body is collected (JSON: what is read is what is sent) or
 * streamed through an upload. Bounded by limits.json_body and limits.body, and by the body clock
 * and rate.
 */
#include <string.h>

#include "base/log.h"
#include "core/attempt.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/upload.h"

#define BODY_IN_ARENA 4096

static const struct cfg_limits *req_limits(const struct req *r)
{
	return &r->conf->cfg.limits;
}

static enum body_kind body_kind_of(const struct req *r)
{
	enum body_kind k = r->ep.ep->body;
	struct str type = http_get(&r->head, HTTP_N_CONTENT_TYPE);

	if (k != BODY_KIND_ANY)
		return k;
	if (str_starts_ci(type, STR("application/json")))
		return BODY_KIND_JSON;
	if (str_starts_ci(type, STR("multipart/form-data")))
		return BODY_KIND_FORM;
	return BODY_KIND_PLAIN;
}

/* Room for n bytes in all; keeps what is there. -1: a limit. */
static int body_reserve(struct req *r, size_t n)
{
	size_t cap;
	char *p;

	if (n <= r->body_cap)
		return 0;
	if (n <= BODY_IN_ARENA && r->body == NULL) {
		r->body = arena_alloc(&r->arena, n);
		r->body_cap = n;
		return r->body != NULL ? 0 : -1;
	}
	if (r->body != NULL && n < 2 * r->body_cap)
		n = 2 * r->body_cap;
	p = block_pool_take(&r->w->blocks, n, &cap);
	if (p == NULL)
		return -1;
	if (r->body_len > 0)
		memcpy(p, r->body, r->body_len);
	if (r->body_pooled)
		block_pool_give(&r->w->blocks, r->body, r->body_cap);
	r->body = p;
	r->body_cap = cap;
	r->body_pooled = true;
	return 0;
}

static int body_too_large(struct req *r, int64_t limit)
{
	r->keep_alive = false;
	reply_error(r, TG_E_REQUEST_TOO_LARGE,
		"The request body is larger than the %lld bytes this path takes here.",
		(long long)limit);
	return -1;
}

static int body_take(struct req *r, struct str data)
{
	int64_t limit = r->upload != NULL ? req_limits(r)->body_bytes : req_limits(r)->json_bytes;

	if (r->body_in.total > (uint64_t)limit)
		return body_too_large(r, limit);
	if (r->upload != NULL)
		return upload_take(r->upload, data);
	if (body_reserve(r, r->body_len + data.n) != 0) {
		r->keep_alive = false;
		reply_error(r, TG_E_OVERLOADED, NULL);
		return -1;
	}
	memcpy(r->body + r->body_len, data.p, data.n);
	r->body_len += data.n;
	return 0;
}

/* -1: the request was answered. */
static int body_end(struct req *r)
{
	r->body_done = true;
	r->at.body = mono_since(worker_now(r->w), r->start);
	timer_disarm(&r->w->wheel, &r->conn->timer);
	return r->upload != NULL ? upload_end(r->upload) : 0;
}

/* Decode what is in the view. -1: the request was answered. */
static int body_feed(struct req *r)
{
	enum body_rc rc;
	struct str data;
	size_t used;

	while (!r->body_done) {
		rc = http1_body_feed(&r->body_in, r->view.p, r->view.n, &used, &data);
		r->view = str_skip(r->view, used);
		r->bytes_in += used;
		if (rc == BODY_MORE)
			return 0;
		if (rc == BODY_BAD) {
			r->keep_alive = false;
			wc_add(&r->w->stats, WC_BAD_REQUESTS, 1);
			reply_error(r, TG_E_BAD_REQUEST, "%s", http_error_text(r->body_in.err));
			return -1;
		}
		if (rc == BODY_DATA && body_take(r, data) != 0)
			return -1;
		if ((rc == BODY_END || http1_body_done(&r->body_in)) && body_end(r) != 0)
			return -1;
	}
	return 0;
}

void body_discard(struct req *r)
{
	struct str data;
	size_t used;

	if (r->body_begun || r->head.expect_continue)
		return;
	while (!r->body_done && r->view.n > 0) {
		enum body_rc rc = http1_body_feed(&r->body_in, r->view.p, r->view.n, &used, &data);

		r->view = str_skip(r->view, used);
		r->bytes_in += used;
		if (rc == BODY_MORE || rc == BODY_BAD)
			return;
		r->body_done = rc == BODY_END || http1_body_done(&r->body_in);
	}
}

static int body_send_continue(struct req *r)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { (char *)(uintptr_t)text, sizeof(text) - 1 };

	return conn_write(r->conn, &iov, 1);
}

/* Two Content-Types: we would look at one, the provider perhaps at the other. */
static bool body_type_doubled(const struct req *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->head.n_fields; i++)
		n += r->head.field[i].id == HTTP_N_CONTENT_TYPE;
	return n > 1;
}

void body_rate_restart(struct req *r)
{
	r->rate_from = worker_now(r->w);
	r->rate_bytes = r->body_in.total;
}

/* Decide how the body is read and whether it may be; nothing was read yet. -1: answered. */
static int body_begin(struct req *r)
{
	bool known = r->head.framing == HTTP_BODY_LENGTH;
	int64_t limit;

	r->body_begun = true;
	body_rate_restart(r);
	r->body_kind = body_kind_of(r);
	limit = r->body_kind == BODY_KIND_JSON ? req_limits(r)->json_bytes
					       : req_limits(r)->body_bytes;
	if (known && r->head.content_length > (uint64_t)limit)
		return body_too_large(r, limit);
	if (body_type_doubled(r)) {
		reply_error(r, TG_E_BAD_REQUEST, "Content-Type is given more than once.");
		return -1;
	}
	if (http_get(&r->head, HTTP_N_CONTENT_ENCODING).n > 0 && r->body_kind != BODY_KIND_NONE &&
		!str_eq_ci(http_get(&r->head, HTTP_N_CONTENT_ENCODING), STR("identity"))) {
		reply_error(r, TG_E_UNSUPPORTED_ENCODING, NULL);
		return -1;
	}
	if (r->body_kind == BODY_KIND_JSON) {
		/* Claimed lengths are believed up to 1 MB at once; beyond, memory follows the
		 * bytes. */
		if (known &&
			body_reserve(r, (size_t)TG_MIN(r->head.content_length, 1u << 20)) != 0) {
			r->keep_alive = false;
			reply_error(r, TG_E_OVERLOADED, NULL);
			return -1;
		}
		r->body_direct = known;
	} else if (!r->body_done && upload_init(r) != 0) {
		r->keep_alive = false;
		reply_error(r, TG_E_OVERLOADED, NULL);
		return -1;
	}
	if (r->head.expect_continue && !r->body_done && r->view.n == 0 &&
		body_send_continue(r) != 0) {
		req_abort(r, END_CLIENT_GONE);
		return -1;
	}
	return 0;
}

static bool body_ready(const struct req *r)
{
	return r->body_done || (r->upload != NULL && upload_ready(r->upload));
}

enum step_rc req_step_read(struct req *r)
{
	if (!r->body_begun && body_begin(r) != 0)
		return STEP_REPLY;
	if (r->view.n > 0 && body_feed(r) != 0)
		return STEP_REPLY;
	if (!r->body_done && !r->conn->want_hold)
		timer_arm(&r->w->wheel, &r->conn->timer, r->conf->cfg.timeouts.body_us);
	return body_ready(r) ? STEP_NEXT : STEP_WAIT;
}

/* Below the rate over a window as long as the body clock? Windows in which we did not read do not
 * count. */
static bool body_too_slow(struct req *r)
{
	const struct cfg_timeouts *t = &r->conf->cfg.timeouts;
	mono_us now = worker_now(r->w);
	int64_t since = mono_since(now, r->rate_from);
	uint64_t bytes = r->body_in.total - r->rate_bytes;

	if (t->body_rate == 0 || since < t->body_us)
		return false;
	body_rate_restart(r);
	return bytes * 1000 / (uint64_t)(since / 1000) < (uint64_t)t->body_rate;
}

/* Read straight to where the body is collected: no copy for large prompts. STREAM_AGAIN, too, when
 * the request was answered for want of memory. */
static ssize_t body_read_direct(struct req *r)
{
	size_t left = (size_t)(r->head.content_length - r->body_in.total);
	struct str data;
	ssize_t n;
	size_t used;

	if (r->body_len == r->body_cap &&
		body_reserve(r, TG_MIN(r->body_len * 2, r->body_len + left)) != 0) {
		r->keep_alive = false;
		reply_error(r, TG_E_OVERLOADED, NULL);
		return STREAM_AGAIN;
	}
	n = stream_read(
		&r->conn->st, r->body + r->body_len, TG_MIN(left, r->body_cap - r->body_len));
	if (n <= 0)
		return n;
	/* The decoder only counts here. */
	if (http1_body_feed(&r->body_in, r->body + r->body_len, (size_t)n, &used, &data) ==
		BODY_BAD)
		return STREAM_ERR;
	tg_assert(used == (size_t)n);
	r->body_len += (size_t)n;
	r->bytes_in += (uint64_t)n;
	if (http1_body_done(&r->body_in) && body_end(r) != 0)
		return STREAM_AGAIN;
	return n;
}

static ssize_t body_read_decode(struct req *r)
{
	ssize_t n = stream_read(&r->conn->st, r->w->scratch, WORKER_SCRATCH);

	if (n <= 0)
		return n;
	r->view = str_mk(r->w->scratch, (size_t)n);
	if (body_feed(r) == 0 && r->upload != NULL && r->attempt != NULL)
		attempt_pump_upload(r->attempt);
	return n;
}

void req_body_readable(struct req *r)
{
	struct conn *c = r->conn;
	ssize_t n;

	n = r->body_direct ? body_read_direct(r) : body_read_decode(r);
	if (n == STREAM_AGAIN)
		return;
	if (n <= 0) {
		req_abort(r, END_CLIENT_GONE);
		return;
	}
	wc_add(&c->w->stats, WC_BYTES_IN, (uint64_t)n);
	if (!r->settled && !r->body_done && !c->want_hold) {
		timer_arm(&c->w->wheel, &c->timer, r->conf->cfg.timeouts.body_us);
		if (body_too_slow(r)) {
			wc_add(&c->w->stats, WC_CLIENT_TIMEOUTS, 1);
			req_client_timeout(r);
		}
	}
	if (!r->settled && r->attempt == NULL && body_ready(r))
		req_resume(r);
	if (c->state != CONN_DEAD && conn_leave_input(c, r->view) != 0)
		c->eof = true;
	r->view = STR_NONE;
}

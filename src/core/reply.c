/*
 * reply.c: answers of the gateway's own, in one write. Runs on the request's worker.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/attempt.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/respond.h"
#include "proto/http1_out.h"

enum step_rc reply_body(
	struct req *r, int status, struct str content_type, struct str extra, struct str body)
{
	bool no_body = r->head.method == HTTP_M_HEAD || status == 204;
	struct iovec iov[2];
	struct http_out o;

	tg_assert(!r->head_sent);
	r->status = status;
	body_discard(r);
	http_out_init(&o, r->w->scratch2, WORKER_SCRATCH + HTTP_MAX_HEAD);
	http_out_status(&o, (unsigned)status);
	if (content_type.n > 0)
		http_out_field(&o, STR("content-type"), content_type);
	if (!r->body_done || r->w->draining)
		r->keep_alive = false;
	respond_own_fields(r, &o, false);
	/* where the vendors' SDKs look for it; passed answers have the provider's own there */
	http_out_field(&o,
		r->dialect == DIALECT_ANTHROPIC ? STR("request-id") : STR("x-request-id"),
		str_mk(r->id, REQ_ID_LEN));
	http_out_str(&o, extra);
	if (status != 204)
		http_out_field_u64(&o, STR("content-length"), body.n);
	http_out_end(&o);
	r->head_sent = true;
	iov[0] = (struct iovec){ o.p, o.n };
	iov[1] = (struct iovec){ (char *)(uintptr_t)body.p, no_body ? 0 : body.n };
	r->bytes_out += iov[0].iov_len + iov[1].iov_len;
	/* However slowly it is read, and however long the list: an answer of ours is in one piece.
	 */
	r->conn->out.max_bytes = TG_MAX(r->conn->out.max_bytes, CONN_OUT_MAX + body.n);
	if (conn_write(r->conn, iov, iov[1].iov_len > 0 ? 2 : 1) != 0)
		req_abort(r, END_CLIENT_GONE);
	else
		req_finish(r, r->end == END_NONE ? END_REPLY : r->end);
	return STEP_REPLY;
}

/* RFC 9110 section 10.2.1: what this path does take. */
static struct str allow_field(const struct req *r)
{
	switch (r->ep.ep != NULL ? r->ep.ep->method : HTTP_M_OTHER) {
	case HTTP_M_POST: return STR("allow: POST, OPTIONS\r\n");
	case HTTP_M_GET: return STR("allow: GET, HEAD, OPTIONS\r\n");
	default: return STR("allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
	}
}

static struct str error_fields(const struct req *r, enum tg_error e)
{
	if (r->reply_fields.n > 0)
		return r->reply_fields;
	switch (e) {
	case TG_E_OVERLOADED:
	case TG_E_TOO_MANY_CONNECTIONS:
	case TG_E_QUOTA_UNAVAILABLE:
	case TG_E_LEDGER_UNAVAILABLE:
	case TG_E_DRAINING: return STR("retry-after: 1\r\n");
	case TG_E_INVALID_API_KEY:
		return STR("www-authenticate: Bearer\r\nx-should-retry: false\r\n");
	case TG_E_METHOD_NOT_ALLOWED: return allow_field(r);
	default: return STR_NONE;
	}
}

enum step_rc reply_error(struct req *r, enum tg_error e, const char *fmt, ...)
{
	const struct tg_error_row *row = tg_error_row(e);
	char message[512], body[4096];
	struct str type;
	va_list ap;
	size_t n;

	if (fmt != NULL) {
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
	}
	r->error = e;
	/* The answer is under way already, and the rest of the body turns out bad: it is cut. */
	if (r->head_sent) {
		req_abort(r, END_FAILED);
		return STEP_REPLY;
	}
	if (row->status == 400 && e == TG_E_BAD_REQUEST)
		r->keep_alive = false;
	type = r->dialect == DIALECT_PROBLEM ? STR("application/problem+json")
					     : STR("application/json");
	n = tg_error_body(body, sizeof(body), r->dialect, e, fmt != NULL ? message : NULL,
		str_mk(r->id, REQ_ID_LEN));
	return reply_body(r, row->status, type, error_fields(r, e), str_mk(body, n));
}

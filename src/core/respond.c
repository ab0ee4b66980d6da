/*
 * respond.c: the client end of a response: head composition, framing, holding, the cost at the end
 * of a stream. Runs on the request's worker; everything in the request's arena.
 */
#include <string.h>

#include "base/num.h"
#include "core/attempt.h"
#include "core/cors.h"
#include "core/event_hold.h"
#include "core/fields.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/respond.h"
#include "core/translate.h"
#include "core/usage_text.h"
#include "proto/http1_out.h"

#define RESPOND_IOV 72

void respond_own_fields(struct req *r, struct http_out *o, bool with_cost)
{
	char text[USAGE_JSON_MAX];

	http_out_field(o, STR("date"), worker_date(r->w));
	http_out_field(o, STR("x-tollgate-request-id"), str_mk(r->id, REQ_ID_LEN));
	if (r->route != NULL && r->n_attempts > 0) {
		http_out_field(o, STR("x-tollgate-target"), r->route->target->name);
		http_out_field_u64(o, STR("x-tollgate-attempts"), r->n_attempts);
	}
	if (r->model_served.n > 0)
		http_out_field(o, STR("x-tollgate-model"), r->model_served);
	if (r->wire.translate != NULL && r->wire.translate->dropped.n > 0)
		http_out_field(o, STR("x-tollgate-dropped"), r->wire.translate->dropped);
	if (r->degraded.n > 0)
		http_out_field(o, STR("x-tollgate-degraded"), r->degraded);
	if (r->route_text.n > 0)
		http_out_field(o, STR("x-tollgate-route"), r->route_text);
	if (r->clamp.sent > 0)
		http_out_field_u64(o, STR("x-tollgate-max-tokens-clamped"), r->clamp.sent);
	if (with_cost && r->metered) {
		http_out_field(o, STR("x-tollgate-cost-usd"), str_mk(text, req_cost_text(r, text)));
		http_out_field(
			o, STR("x-tollgate-usage"), str_mk(text, usage_json(text, &r->leg.usage)));
		if (req_cost_quality(r).n > 0)
			http_out_field(o, STR("x-tollgate-cost-quality"), req_cost_quality(r));
		r->usage_reported = true;
	}
	http_out_lit(o, "server-timing: tollgate;dur=");
	http_out_u64(o, (uint64_t)r->overhead_us / 1000);
	http_out_lit(o, ".");
	http_out_str(o, str_mk(&"0123456789"[(r->overhead_us / 100) % 10], 1));
	http_out_str(o, str_mk(&"0123456789"[(r->overhead_us / 10) % 10], 1));
	http_out_lit(o, "\r\n");
	http_out_str(o, r->quota_fields);
	cors_fields(r, o);
	if (!r->keep_alive)
		http_out_lit(o, "connection: close\r\n");
	else if (r->head.minor == 0)
		http_out_lit(o, "connection: keep-alive\r\n");
}

/* Of another API's answer few fields mean something to the client. */
static void respond_translated_fields(
	const struct respond *p, struct http_out *o, const struct http_head *h)
{
	static const struct str pass[] = { { "retry-after", 11 }, { "retry-after-ms", 14 },
		{ "x-should-retry", 14 }, { "x-request-id", 12 }, { "request-id", 10 } };

	http_out_field(o, STR("content-type"),
		p->sse && !p->array ? STR("text/event-stream; charset=utf-8")
				    : STR("application/json"));
	for (unsigned i = 0; i < h->n_fields; i++)
		for (size_t k = 0; k < TG_ARRAY_LEN(pass); k++)
			if (str_eq_ci(http_field_name(h, i), pass[k]))
				http_out_field(o, pass[k], http_field_value(h, i));
}

/* Status line and passing fields, once, while the provider's head is at hand. */
static int respond_compose_fields(struct respond *p, const struct http_head *h)
{
	struct http_out o;
	size_t cap = (size_t)h->head_len + h->n_fields + 64; /* "a:b" becomes "a: b" */
	char *room = arena_room(&p->req->arena, cap);

	if (room == NULL)
		return -1;
	http_out_init(&o, room, cap);
	http_out_status(&o, h->status);
	if (p->req->wire.translate != NULL)
		respond_translated_fields(p, &o, h);
	else
		fields_to_client(&o, h);
	if (o.overflow)
		return -1;
	arena_claim(&p->req->arena, o.n);
	p->fields = http_out_text(&o);
	return 0;
}

void respond_retry_after(struct req *r, uint64_t ms)
{
	struct respond *p = r->respond;
	struct str fields;

	if (r->head_sent || str_find(p->fields, STR("\r\nretry-after")) != (size_t)-1)
		return;
	fields = arena_printf(&r->arena, "%.*sretry-after: %llu\r\n", STR_FMT(p->fields),
		(unsigned long long)((ms + 999) / 1000));
	if (fields.n > 0) /* else it is left out: no memory */
		p->fields = fields;
}

static void respond_decide_framing(struct respond *p, const struct http_head *h)
{
	struct req *r = p->req;
	struct str type = http_get(h, HTTP_N_CONTENT_TYPE);
	uint64_t hold_max = (uint64_t)r->conf->cfg.limits.hold_bytes;

	p->no_body = h->framing == HTTP_BODY_NONE;
	p->has_length = h->framing == HTTP_BODY_LENGTH;
	p->length = h->content_length;
	/* HEAD: the length belongs to a body that is not sent. */
	if (p->no_body && r->head.method == HTTP_M_HEAD && http_get(h, HTTP_N_CONTENT_LENGTH).n > 0)
		p->has_length = true;
	if (p->sse || r->wire.translate != NULL)
		p->has_length = false; /* the comment makes it longer, a cut event shorter */
	p->hold = r->metered && !p->no_body && !p->sse &&
		  r->ep.ep->id != ENDPOINT_GEMINI_STREAM && /* an array that comes in pieces */
		  str_starts_ci(type, STR("application/json")) &&
		  (!p->has_length || p->length <= hold_max);
	if (r->wire.translate != NULL)
		p->hold = !p->sse;
	p->want_trailer = r->metered && r->head.te_trailers && r->head.minor == 1 && !p->hold;
	p->chunked = !p->no_body && !p->has_length && !p->hold && r->head.minor == 1;
	p->close_delimited = !p->no_body && !p->has_length && !p->hold && !p->chunked;
	if (p->close_delimited)
		r->keep_alive = false;
}

/* What comes, and what the client gets: of a translated answer what it asked for. */
static void respond_kind(struct respond *p, struct str type)
{
	const struct translate *t = p->req->wire.translate;

	p->eventstream =
		t != NULL && str_starts_ci(type, STR("application/vnd.amazon.eventstream"));
	p->from_sse = p->eventstream || str_starts_ci(type, STR("text/event-stream"));
	p->sse = t == NULL ? p->from_sse : p->req->status / 100 == 2 && translate_is_stream(t);
}

/* Who writes what is answered may have said that it is not all of the provider's answer. */
static void respond_finish(struct req *r)
{
	req_finish(r, r->end == END_NONE ? END_OK : r->end);
}

static int respond_write(struct sink *s, const struct iovec *iov, int n, bool fin);

static const struct sink_ops respond_sink = { .name = "client", .write = respond_write };

int respond_begin(struct req *r, const struct http_head *h)
{
	struct respond *p = arena_zalloc(&r->arena, sizeof(*p));

	tg_assert(!r->head_sent);
	if (p == NULL)
		return -1;
	p->req = r;
	r->respond = p;
	r->status = h->status;
	bufq_init(&p->held, &r->w->blocks, (size_t)r->conf->cfg.limits.hold_bytes + WORKER_SCRATCH);
	if (!r->body_done || r->w->draining)
		r->keep_alive = false;
	respond_kind(p, http_get(h, HTTP_N_CONTENT_TYPE));
	p->array = p->sse && r->wire.translate != NULL && r->wire.translate->cx.stream_array;
	if (respond_compose_fields(p, h) != 0)
		return -1;
	r->sinks = NULL;
	sink_push(r, &r->client_sink, &respond_sink);
	p->readable = p->from_sse ||
		      str_starts_ci(http_get(h, HTTP_N_CONTENT_TYPE), STR("application/json"));
	if (p->sse && !p->array && h->framing != HTTP_BODY_NONE) {
		p->events = event_hold_push(r);
		if (p->events == NULL)
			return -1;
	}
	for (unsigned i = 0; tg_modules[i] != NULL; i++)
		if (tg_modules[i]->response_head != NULL && tg_modules[i]->response_head(r) != 0)
			return -1;
	respond_decide_framing(p, h);
	return 0;
}

/* Trailers are parsed as the fields of a head. */
#define TRAILER_HEAD "HTTP/1.1 200 OK\r\n"
#define TRAILER_MAX  2048 /* bytes of the provider's; more: none pass */

void respond_trailer_room(struct respond *p, struct http1_body *b)
{
	static const size_t front = sizeof(TRAILER_HEAD) - 1;
	char *room;

	if (b->framing != HTTP_BODY_CHUNKED || !p->req->head.te_trailers)
		return;
	room = arena_alloc(&p->req->arena, front + TRAILER_MAX);
	if (room == NULL)
		return; /* they are no part of the answer that a client may count on */
	memcpy(room, TRAILER_HEAD, front);
	b->trailer = room + front;
	b->trailer_cap = TRAILER_MAX;
}

void respond_trailers(struct respond *p, const struct http1_body *b)
{
	static const size_t front = sizeof(TRAILER_HEAD) - 1;
	struct http_head *h = &p->req->w->up_head;
	enum http_error err;
	struct http_out o;
	char *room;

	if (b->trailer_n <= 2 || http1_response_parse(b->trailer - front, front + b->trailer_n,
					 HTTP_M_GET, h, &err) != 0)
		return;
	room = arena_alloc(&p->req->arena, b->trailer_n + h->n_fields); /* "a:b" becomes "a: b" */
	if (room == NULL)
		return;
	http_out_init(&o, room, b->trailer_n + h->n_fields);
	fields_to_trailer(&o, h);
	p->trailers = http_out_text(&o);
}

/* The head in the worker's composing buffer. length: of the whole body, when framed by length. */
static struct str respond_head(struct respond *p, bool with_length, uint64_t length, bool with_cost)
{
	struct req *r = p->req;
	struct http_out o;

	http_out_init(&o, r->w->scratch2, WORKER_SCRATCH + HTTP_MAX_HEAD);
	http_out_str(&o, p->fields);
	respond_own_fields(r, &o, with_cost);
	if (with_length)
		http_out_field_u64(&o, STR("content-length"), length);
	else if (p->chunked)
		http_out_lit(&o, "transfer-encoding: chunked\r\n");
	if (p->want_trailer && p->chunked)
		http_out_lit(&o, "trailer: x-tollgate-cost-usd, x-tollgate-usage\r\n");
	http_out_end(&o);
	r->head_sent = true;
	return http_out_text(&o);
}

static struct iovec iov_of(struct str s)
{
	return (struct iovec){ (char *)(uintptr_t)s.p, s.n };
}

static uint64_t iov_bytes(const struct iovec *iov, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* ": tollgate {...}" behind a stream's last event: SSE readers ignore it, people and scripts read
 * it. */
static size_t respond_sse_comment(struct req *r, char *out)
{
	char text[USAGE_JSON_MAX];
	struct http_out o;

	http_out_init(&o, out, 1024);
	http_out_lit(&o, ": tollgate {\"request_id\":\"");
	http_out_str(&o, str_mk(r->id, REQ_ID_LEN));
	http_out_lit(&o, "\",\"cost_usd\":\"");
	http_out_str(&o, str_mk(text, req_cost_text(r, text)));
	http_out_lit(&o, "\",\"usage\":");
	http_out_str(&o, str_mk(text, usage_json(text, &r->leg.usage)));
	if (req_cost_quality(r).n > 0) {
		http_out_lit(&o, ",\"quality\":\"");
		http_out_str(&o, req_cost_quality(r));
		http_out_lit(&o, "\"");
	}
	http_out_lit(&o, "}\n\n");
	r->usage_reported = true;
	return o.n;
}

static size_t respond_last_chunk(struct respond *p, char *out)
{
	char text[USAGE_JSON_MAX];
	struct http_out o;

	http_out_init(&o, out, 1024);
	http_out_lit(&o, "0\r\n");
	if (p->want_trailer) {
		http_out_field(
			&o, STR("x-tollgate-cost-usd"), str_mk(text, req_cost_text(p->req, text)));
		http_out_field(&o, STR("x-tollgate-usage"),
			str_mk(text, usage_json(text, &p->req->leg.usage)));
	}
	return o.n;
}

/* Frame spans for the client and write them: [head] [chunk size] spans [CRLF] [comment] [last
 * chunk]. */
static int respond_stream(struct respond *p, const struct iovec *in, int n, bool fin)
{
	struct iovec iov[RESPOND_IOV];
	char size_line[24], comment[1024], last[1024];
	struct req *r = p->req;
	uint64_t bytes = iov_bytes(in, n);
	size_t k = 0, comment_n = 0;
	int used = 0;

	tg_assert(n <= RESPOND_IOV - 8);
	if (!r->head_sent)
		iov[used++] = iov_of(respond_head(p, p->has_length, p->length, false));
	if (fin && p->sse && !p->array && r->metered)
		comment_n = respond_sse_comment(r, comment);
	if (p->chunked && bytes + comment_n > 0) {
		k = num_put_hex(size_line, bytes + comment_n);
		size_line[k++] = '\r';
		size_line[k++] = '\n';
		iov[used++] = (struct iovec){ size_line, k };
	}
	for (int i = 0; i < n; i++)
		iov[used++] = in[i];
	if (comment_n > 0)
		iov[used++] = (struct iovec){ comment, comment_n };
	if (p->chunked && bytes + comment_n > 0)
		iov[used++] = iov_of(STR("\r\n"));
	if (p->chunked && fin) {
		iov[used++] = (struct iovec){ last, respond_last_chunk(p, last) };
		if (p->trailers.n > 0)
			iov[used++] = iov_of(p->trailers);
		iov[used++] = iov_of(STR("\r\n"));
	}
	if (used == 0)
		return 0;
	r->bytes_out += iov_bytes(iov, used);
	return conn_write(r->conn, iov, used);
}

/* Write what was held, in writes of a few chunks. */
static int respond_flush_held(struct respond *p)
{
	struct iovec iov[RESPOND_IOV - 8];
	struct bufq *out = &p->req->conn->out;
	int n;

	/* It moves from one queue to the other: a client that reads slowly is no reason to end. */
	out->max_bytes = TG_MAX(out->max_bytes, p->held.max_bytes + CONN_OUT_MAX);
	while (p->held.len > 0) {
		n = bufq_iov(&p->held, iov, RESPOND_IOV - 8);
		if (respond_stream(p, iov, n, false) != 0)
			return -1;
		bufq_consume(&p->held, (size_t)iov_bytes(iov, n));
	}
	return 0;
}

/* Not held any longer: the answer is larger than what is held for the cost header. */
static int respond_unhold(struct respond *p)
{
	struct req *r = p->req;

	p->hold = false;
	p->chunked = !p->has_length && r->head.minor == 1;
	p->close_delimited = !p->has_length && !p->chunked;
	p->want_trailer = r->head.te_trailers && p->chunked;
	if (p->close_delimited)
		r->keep_alive = false;
	return respond_flush_held(p);
}

static int respond_hold(struct respond *p, const struct iovec *in, int n)
{
	struct req *r = p->req;

	if (p->held.len + iov_bytes(in, n) > (uint64_t)r->conf->cfg.limits.hold_bytes)
		return respond_unhold(p) != 0 ? -1 : respond_stream(p, in, n, false);
	for (int i = 0; i < n; i++)
		if (bufq_append(&p->held, str_mk(in[i].iov_base, in[i].iov_len)) != 0)
			/* No memory to hold it in: better an answer without its cost than none. */
			return respond_unhold(p) != 0 ? -1
						      : respond_stream(p, in + i, n - i, false);
	return 0;
}

/* The held answer is complete: head with cost, held bytes, last bytes. */
static int respond_held_done(struct respond *p, const struct iovec *in, int n)
{
	struct req *r = p->req;
	struct iovec head;

	p->hold = false;
	p->has_length = true;
	p->length = p->held.len + iov_bytes(in, n);
	if (p->held.len == 0)
		return 1;
	head = iov_of(respond_head(p, true, p->length, true));
	r->bytes_out += head.iov_len;
	if (conn_write(r->conn, &head, 1) != 0 || respond_flush_held(p) != 0)
		return -1;
	return respond_stream(p, in, n, false);
}

static int respond_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct req *r = s->req;
	struct respond *p = r->respond;
	struct iovec iov[RESPOND_IOV];
	int rc;

	if (p->no_body) {
		n = 0;
	} else if (p->hold && !fin) {
		return respond_hold(p, in, n);
	} else if (p->hold) {
		rc = respond_held_done(p, in, n);
		if (rc <= 0) {
			if (rc == 0)
				respond_finish(r);
			return rc;
		}
		/* The whole answer came in one piece: one write. */
		iov[0] = iov_of(respond_head(p, true, p->length, true));
		memcpy(iov + 1, in, sizeof(*in) * (size_t)n);
		r->bytes_out += iov_bytes(iov, n + 1);
		if (conn_write(r->conn, iov, n + 1) != 0)
			return -1;
		respond_finish(r);
		return 0;
	}
	if (n == 0 && !fin && r->head_sent)
		return 0;
	if (respond_stream(p, in, n, fin) != 0)
		return -1;
	if (fin)
		respond_finish(r);
	return 0;
}

/* An event that every SDK takes for a failure, and no end marker: a truncated stream never ends as
 * success. */
void respond_truncate(struct req *r, const char *why)
{
	struct respond *p = r->respond;
	char body[2800], event[3000];
	struct http_out o;
	struct iovec iov;
	size_t n;

	r->keep_alive = false;
	if (p->events != NULL && !p->events->inside && r->head_sent) {
		n = tg_error_body(body, sizeof(body), r->dialect, TG_E_UPSTREAM_ERROR, why,
			str_mk(r->id, REQ_ID_LEN));
		http_out_init(&o, event, sizeof(event));
		/* Gemini's clients pass over events that have a name. */
		http_out_str(&o,
			r->dialect == DIALECT_GEMINI ? STR("data: ") : STR("event: error\ndata: "));
		http_out_str(&o, str_mk(body, n));
		http_out_lit(&o, "\n\n");
		iov = (struct iovec){ event, o.n };
		if (respond_stream(p, &iov, 1, false) != 0)
			r->conn->eof = true;
	} else {
		r->conn->cut = p->close_delimited; /* or its end would look like the answer's */
	}
	req_finish(r, END_TRUNCATED);
}

void respond_end(struct req *r, struct str events, enum req_end why)
{
	struct iovec iov = iov_of(events);

	if (respond_stream(r->respond, &iov, events.n > 0 ? 1 : 0, true) != 0)
		r->conn->eof = true;
	req_finish(r, why);
}

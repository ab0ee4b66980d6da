/*
 * sim_answer.c: answers on the wire: heads, errors, whole bodies, bulk bytes and streams piece by
 * piece, with the faults that live at this level. Everything is appended to the connection's
 * output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "sim/sim_req.h"

#define BULK_PIECE 32768

static const struct {
	int status;
	const char *reason;
} reasons[] = { { 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
	{ 402, "Payment Required" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
	{ 413, "Content Too Large" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" }, { 500, "Internal Server Error" }, { 502, "Bad Gateway" },
	{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 529, "Overloaded" } };

static const char *reason_of(int status)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

static bool fault(const struct sim_req *r, enum sim_fault_id id)
{
	return sim_fault_has(&r->knobs.fault, id);
}

/* Nobody can read usage out of such an answer. */
static bool unreadable(const struct sim_req *r)
{
	return fault(r, SIM_F_BAD_HEAD) || fault(r, SIM_F_BAD_CHUNK) || fault(r, SIM_F_BAD_JSON);
}

static void put_status(struct sim_req *r, int status)
{
	struct sim_buf *o = r->out;

	if (status == 200) {
		sim_buf_lit(o, "HTTP/1.1 200 OK\r\n");
		return;
	}
	sim_buf_lit(o, "HTTP/1.1 ");
	sim_buf_u64(o, (uint64_t)status);
	sim_buf_lit(o, " ");
	sim_buf_add(o, str_z(reason_of(status)));
	sim_buf_lit(o, "\r\n");
}

static void put_retry(struct sim_req *r, int status)
{
	int64_t s = r->knobs.retry_after_s;

	if (status < 400 ||
		(r->route != NULL && r->route->dialect != NULL && r->route->dialect->retry_in_body))
		return;
	if (s == SIM_RETRY_DEFAULT)
		s = !fault(r, SIM_F_QUOTA) && (status == 429 || status == 503 || status == 529)
			    ? 1
			    : -1;
	if (s < 0)
		return;
	sim_buf_lit(r->out, "retry-after: ");
	sim_buf_u64(r->out, (uint64_t)s);
	sim_buf_lit(r->out, "\r\n");
}

/* x-sim-echo: what arrived, as response fields. */
static void put_echo(struct sim_req *r)
{
	struct sim_buf *o = r->out;

	sim_buf_lit(o, "x-sim-seen-line: ");
	sim_buf_add(o, http_method_text(&r->head));
	sim_buf_lit(o, " ");
	sim_buf_add(o, http_target(&r->head));
	sim_buf_add(o, r->head.minor != 0 ? STR(" HTTP/1.1\r\n") : STR(" HTTP/1.0\r\n"));
	for (unsigned i = 0; i < r->head.n_fields; i++) {
		sim_buf_lit(o, "x-sim-seen-");
		sim_buf_add(o, http_field_name(&r->head, i));
		sim_buf_lit(o, ": ");
		sim_buf_add(o, http_field_value(&r->head, i));
		sim_buf_lit(o, "\r\n");
	}
}

static void put_framing(struct sim_req *r, uint64_t length)
{
	struct sim_buf *o = r->out;

	if (r->framing == SIM_CHUNKED) {
		sim_buf_lit(o, "transfer-encoding: chunked\r\n");
	} else if (r->framing == SIM_LENGTH) {
		sim_buf_lit(o, "content-length: ");
		sim_buf_u64(o, length);
		sim_buf_lit(o, "\r\n");
	}
	if (r->close)
		sim_buf_lit(o, "connection: close\r\n");
	else if (r->head.minor == 0)
		sim_buf_lit(o, "connection: keep-alive\r\n");
}

/* Sets framing (chunked is not for HTTP/1.0) and writes the head. length counts with SIM_LENGTH. */
static void put_head(
	struct sim_req *r, int status, struct str type, enum sim_framing framing, uint64_t length)
{
	struct sim_buf *o = r->out;

	r->answered = true;
	r->status = status;
	r->framing = framing == SIM_CHUNKED && r->head.minor == 0 ? SIM_TO_CLOSE : framing;
	r->close = r->close || !r->head.keep_alive || r->framing == SIM_TO_CLOSE;
	put_status(r, status);
	sim_buf_lit(o, "date: ");
	sim_buf_add(o, str_mk(r->date, CLOCK_HTTP_LEN));
	sim_buf_lit(o, "\r\ncontent-type: ");
	sim_buf_add(o, type);
	sim_buf_lit(o, "\r\n");
	put_framing(r, length);
	if (r->gzip != NULL)
		sim_buf_lit(o, "content-encoding: gzip\r\nvary: accept-encoding\r\n");
	if (r->route != NULL && r->route->dialect != NULL)
		r->route->dialect->put_headers(r, o);
	else
		sim_buf_lit(o, "server: tollgate-sim\r\n");
	put_retry(r, status);
	if (r->knobs.echo)
		put_echo(r);
	if (fault(r, SIM_F_BAD_HEAD))
		sim_buf_lit(o, "x-sim-broken : yes\r\n");
	sim_buf_lit(o, "\r\n");
	r->head_bytes = o->n;
}

/* Byte-level faults, once the head is in r->out and the length of the body is known (0: not known).
 */
static void arm_kill(struct sim_req *r, uint64_t body)
{
	if (fault(r, SIM_F_RESET)) {
		r->limit = sim_fault_arg(&r->knobs.fault, SIM_F_RESET, 0);
		r->kill = SIM_KILL_RESET;
	} else if (fault(r, SIM_F_TRUNCATE) && !r->sse) {
		r->limit = r->out->n + sim_fault_arg(&r->knobs.fault, SIM_F_TRUNCATE, body / 2);
		r->kill = SIM_KILL_FIN;
	}
}

/* The whole answer is delayed as if it had been generated first. */
static void arm_delay(struct sim_req *r)
{
	const struct sim_knobs *k = &r->knobs;
	uint64_t tokens = r->usage.output + r->usage.reasoning;

	r->delay_us = k->ttft_us;
	if (k->tps_milli != 0 && !r->sse)
		r->delay_us += (int64_t)((unsigned __int128)tokens * 1000000000u / k->tps_milli);
	if (fault(r, SIM_F_STALL) && (!r->sse || sim_fault_arg(&k->fault, SIM_F_STALL, 1) == 0))
		r->delay_us = INT64_MAX;
}

void sim_answer_error(
	struct sim_req *r, int status, enum sim_error e, struct str message, struct str param)
{
	struct sim_buf body = { 0 };

	if (r->answered)
		return;
	r->refused = true;
	if (r->route != NULL && r->route->dialect != NULL)
		r->route->dialect->put_error(r, &body, status, e, message, param);
	else
		sim_buf_fmt(&body, "{\"error\":\"%.*s\"}\n", STR_FMT(message));
	put_head(r, status, STR("application/json"), SIM_LENGTH, body.n);
	arm_kill(r, body.n);
	if (r->head.method != HTTP_M_HEAD)
		sim_buf_add(r->out, sim_buf_str(&body));
	r->delay_us = r->knobs.ttft_us;
	sim_buf_fini(&body);
}

static enum sim_error error_of(const struct sim_req *r, int status)
{
	switch (status) {
	case 401: return SIM_E_UNAUTHORIZED;
	case 403: return SIM_E_FORBIDDEN;
	case 404: return SIM_E_NOT_FOUND;
	case 413: return SIM_E_TOO_LARGE;
	case 429: return fault(r, SIM_F_QUOTA) ? SIM_E_QUOTA : SIM_E_RATE;
	case 503:
	case 529: return SIM_E_OVERLOADED;
	default: return status < 500 ? SIM_E_BAD_REQUEST : SIM_E_INTERNAL;
	}
}

/* A status fault takes the answer's place. */
static bool status_fault(struct sim_req *r)
{
	char text[80];
	int n, status = r->knobs.fault.status;

	if (r->answered)
		return true;
	if (status == 0 || r->route->dialect == NULL)
		return false;
	n = snprintf(text, sizeof text, "Simulated fault: %d %s", status, reason_of(status));
	sim_answer_error(r, status, error_of(r, status), str_mk(text, (size_t)n), STR_NONE);
	return true;
}

/* ---- gzip, with a flush after every piece so that events stay events */

static void gzip_begin(struct sim_req *r)
{
	z_stream *z = calloc(1, sizeof *z);

	tg_assert(z != NULL);
	tg_assert(deflateInit2(z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	r->gzip = z;
}

static void gzip_piece(struct sim_req *r, struct sim_buf *b, bool last)
{
	z_stream *z = r->gzip;
	struct sim_buf o = { 0 };

	z->next_in = (Bytef *)b->p;
	z->avail_in = (uInt)b->n;
	do {
		z->next_out = (Bytef *)sim_buf_room(&o, 4096);
		z->avail_out = 4096;
		(void)deflate(z, last ? Z_FINISH : Z_SYNC_FLUSH);
		o.n += 4096 - z->avail_out;
	} while (z->avail_out == 0);
	sim_buf_fini(b);
	*b = o;
}

void sim_answer_fini(struct sim_req *r)
{
	if (r->gzip != NULL) {
		(void)deflateEnd(r->gzip);
		free(r->gzip);
		r->gzip = NULL;
	}
}

/* ---- whole bodies */

static bool bulk_next(struct sim_req *r, struct sim_buf *ev)
{
	size_t n = (size_t)TG_MIN(r->fill_left, (uint64_t)BULK_PIECE);
	char *o = sim_buf_room(ev, n + 1);

	if (r->fill_binary)
		for (size_t i = 0; i < n; i++)
			o[i] = (char)((r->fill_at + i) * 7 + ((r->fill_at + i) >> 8));
	else
		memset(o, 'x', n);
	ev->n += n;
	r->fill_left -= n;
	r->fill_at += n;
	if (r->fill_left != 0)
		return true;
	if (r->json.n > r->fill_tail)
		sim_buf_add(ev, str_skip(sim_buf_str(&r->json), r->fill_tail));
	return false;
}

/* r->json is the answer {...}: put `"sim_padding":"xxx",` behind the brace until it has want bytes.
 */
static void answer_padded(struct sim_req *r, int status, uint64_t want)
{
	uint64_t fixed = sizeof "{\"sim_padding\":\"\"," - 1 + r->json.n - 1;

	if (fault(r, SIM_F_GZIP))
		gzip_begin(r);
	r->fill_left = want > fixed ? want - fixed : 0;
	put_head(r, status, STR("application/json"), r->gzip != NULL ? SIM_CHUNKED : SIM_LENGTH,
		fixed + r->fill_left);
	arm_kill(r, fixed + r->fill_left);
	sim_buf_lit(&r->ev, "{\"sim_padding\":\"");
	/* The tail: the quote that closes the padding, then the members. */
	(void)sim_buf_room(&r->json, 1);
	memmove(r->json.p + 1, r->json.p, r->json.n);
	memcpy(r->json.p, "\",", 2);
	r->json.n++;
	r->next = bulk_next;
}

void sim_answer_body(struct sim_req *r, int status, struct str type, bool shows_usage)
{
	struct sim_buf *b = &r->json;
	bool bad_chunk = fault(r, SIM_F_BAD_CHUNK);

	if (status_fault(r))
		return;
	r->shows_usage = shows_usage && !sim_usage_hidden(r) && !unreadable(r);
	if (fault(r, SIM_F_BAD_JSON))
		b->n = b->n * 2 / 3;
	if (fault(r, SIM_F_GZIP)) {
		gzip_begin(r);
		gzip_piece(r, b, true);
	}
	put_head(r, status, type, bad_chunk ? SIM_CHUNKED : SIM_LENGTH, b->n);
	arm_kill(r, b->n);
	if (bad_chunk)
		sim_buf_lit(r->out, "zz\r\n");
	if (r->head.method != HTTP_M_HEAD)
		sim_buf_add(r->out, sim_buf_str(b));
	arm_delay(r);
}

void sim_answer_json(struct sim_req *r, int status, bool shows_usage)
{
	if (r->knobs.body_bytes == 0 || r->json.n < 3 || r->head.method == HTTP_M_HEAD) {
		sim_answer_body(r, status, STR("application/json"), shows_usage);
		return;
	}
	if (status_fault(r))
		return;
	r->shows_usage = shows_usage && !sim_usage_hidden(r) && !unreadable(r);
	answer_padded(r, status, r->knobs.body_bytes);
	arm_delay(r);
}

void sim_answer_bytes(struct sim_req *r, struct str type, uint64_t n, bool chunked)
{
	if (status_fault(r))
		return;
	if (r->knobs.body_bytes != 0)
		n = r->knobs.body_bytes;
	r->fill_left = n > r->json.n ? n - r->json.n : 0;
	r->fill_tail = r->json.n;
	r->fill_binary = true;
	put_head(r, 200, type, chunked ? SIM_CHUNKED : SIM_LENGTH, r->json.n + r->fill_left);
	arm_kill(r, r->json.n + r->fill_left);
	if (r->head.method == HTTP_M_HEAD)
		return;
	sim_buf_add(&r->ev, sim_buf_str(&r->json));
	r->next = bulk_next;
	arm_delay(r);
}

/* ---- streams */

void sim_answer_stream_as(struct sim_req *r, struct str type,
	bool (*next)(struct sim_req *, struct sim_buf *), uint64_t events)
{
	if (status_fault(r))
		return;
	r->sse = true;
	r->next = next;
	r->events_total = events;
	if (fault(r, SIM_F_GZIP))
		gzip_begin(r);
	put_head(r, 200, type, SIM_CHUNKED, 0);
	arm_kill(r, 0);
	arm_delay(r);
}

void sim_answer_stream(
	struct sim_req *r, bool (*next)(struct sim_req *, struct sim_buf *), uint64_t events)
{
	sim_answer_stream_as(r, SIM_TYPE_SSE, next, events);
}

static void put_piece(struct sim_req *r, struct sim_buf *ev, bool last, bool end)
{
	struct sim_buf *o = r->out;

	if (r->gzip != NULL)
		gzip_piece(r, ev, last);
	if (r->framing != SIM_CHUNKED) {
		sim_buf_add(o, sim_buf_str(ev));
		r->ev_end = o->n;
		return;
	}
	if (ev->n != 0) {
		if (fault(r, SIM_F_BAD_CHUNK) && r->n_events == 2)
			sim_buf_lit(o, "zz");
		else
			sim_buf_hex(o, ev->n);
		sim_buf_lit(o, "\r\n");
		sim_buf_add(o, sim_buf_str(ev));
		r->ev_end = o->n;
		sim_buf_lit(o, "\r\n");
	}
	if (end)
		sim_buf_lit(o, "0\r\n\r\n");
}

/* The stream ends here without its proper end. */
static enum sim_gen cut_stream(struct sim_req *r)
{
	r->kill = SIM_KILL_FIN;
	r->limit = UINT64_MAX;
	return SIM_GEN_DONE;
}

static void count_event(struct sim_req *r)
{
	r->n_events++;
	r->gen_tokens += r->ev_tokens;
	r->gen_reasoning += r->ev_reasoning;
	r->gen_searches += r->ev_searches;
	if (r->ev_tokens != 0)
		r->gen_reasoning =
			r->usage.reasoning; /* all thinking comes before the first of the text */
	if (r->ev_usage && r->usage_event == 0 && !fault(r, SIM_F_BAD_HEAD) &&
		!fault(r, SIM_F_BAD_CHUNK))
		r->usage_event = r->n_events;
}

enum sim_gen sim_answer_generate(struct sim_req *r)
{
	const struct sim_faults *f = &r->knobs.fault;
	uint64_t half = r->events_total / 2;
	struct sim_buf *ev = &r->ev;
	bool more, cut;

	r->ev_tokens = r->ev_reasoning = r->ev_searches = 0;
	r->ev_usage = false;
	if (!r->sse) {
		more = r->next(r, ev);
		put_piece(r, ev, !more, !more);
		ev->n = 0;
		return more ? SIM_GEN_MORE : SIM_GEN_DONE;
	}
	if (fault(r, SIM_F_STALL) && r->n_events >= sim_fault_arg(f, SIM_F_STALL, half))
		return SIM_GEN_STALLED;
	if (fault(r, SIM_F_TRUNCATE) && r->n_events >= sim_fault_arg(f, SIM_F_TRUNCATE, half))
		return cut_stream(r);
	if (fault(r, SIM_F_STREAM_ERROR) &&
		r->n_events >= sim_fault_arg(f, SIM_F_STREAM_ERROR, half)) {
		r->route->dialect->put_stream_error(r, ev);
		r->failed = true;
		more = false;
	} else {
		more = r->next(r, ev);
	}
	cut = fault(r, SIM_F_BAD_JSON) && r->n_events == sim_fault_arg(f, SIM_F_BAD_JSON, 1);
	r->ev_usage = r->ev_usage && !cut;
	count_event(r);
	if (cut) {
		ev->n = ev->n * 2 / 3;
		sim_buf_lit(ev, "\n\n");
	}
	put_piece(r, ev, !more, !more);
	ev->n = 0;
	return more ? SIM_GEN_MORE : SIM_GEN_DONE;
}

/*
 * conn_in.c: what comes from a client: heads, complete or not, what is kept for the next request,
 * and bodies and the news that it left while a request runs. The connection's worker.
 */
#include <string.h>

#include "core/conn_int.h"
#include "core/req.h"

/* The first read of a head: enough for nearly every request, and little to copy of those that are
 * large. Where the last one was, the next one will be: its body is read to where it is collected,
 * and what comes with the head is copied there. */
#define HEAD_READ       (16 * 1024)
#define HEAD_READ_LARGE 2048

void conn_in_free(struct conn *c)
{
	if (c->in != NULL)
		block_pool_give(&c->w->blocks, c->in, c->in_cap);
	c->in = NULL;
	c->in_len = c->in_cap = c->in_resume = 0;
}

int conn_keep_input(struct conn *c, const char *p, size_t n)
{
	char *grown;
	size_t cap;

	if (c->in != NULL && p >= c->in && p < c->in + c->in_cap) {
		memmove(c->in, p, n);
		c->in_len = n;
		return 0;
	}
	if (c->in_len + n > c->in_cap) {
		grown = block_pool_take(&c->w->blocks, c->in_len + n, &cap);
		if (grown == NULL)
			return -1;
		if (c->in_len > 0)
			memcpy(grown, c->in, c->in_len);
		if (c->in != NULL)
			block_pool_give(&c->w->blocks, c->in, c->in_cap);
		c->in = grown;
		c->in_cap = cap;
	}
	memcpy(c->in + c->in_len, p, n);
	c->in_len += n;
	return 0;
}

static void conn_refuse(struct conn *c, enum http_error err)
{
	wc_add(&c->w->stats, WC_BAD_REQUESTS, 1);
	req_refuse(c, err);
}

void conn_process(struct conn *c, struct str bytes)
{
	enum http_error err = HTTP_E_NONE;
	long head_len;

	head_len = http1_head_end(
		bytes.p, bytes.n, &c->in_resume, (size_t)conn_limits(c)->head_bytes, &err);
	if (head_len < 0) {
		conn_refuse(c, err);
		return;
	}
	if (head_len == 0) {
		if (bytes.p != c->in && conn_keep_input(c, bytes.p, bytes.n) != 0) {
			conn_close(c);
			return;
		}
		if (c->state == CONN_IDLE) {
			c->head_start = worker_now(c->w);
			conn_set_state(c, CONN_HEAD);
			timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->head_us);
		}
		return;
	}
	c->in_resume = 0;
	timer_disarm(&c->w->wheel, &c->timer);
	req_start(c, bytes, (size_t)head_len,
		c->state == CONN_HEAD ? c->head_start : worker_now(c->w));
}

/* After req_start consumed its head: what is left of the input waits for the next request. */
int conn_leave_input(struct conn *c, struct str rest)
{
	if (c->state != CONN_BUSY && c->state != CONN_IDLE)
		return 0;
	if (rest.n == 0) {
		conn_in_free(c);
		return 0;
	}
	if (c->in != NULL && (rest.p < c->in || rest.p >= c->in + c->in_cap))
		conn_in_free(c);
	return conn_keep_input(c, rest.p, rest.n);
}

void conn_read_head(struct conn *c)
{
	size_t most = c->large_bodies ? HEAD_READ_LARGE : HEAD_READ;
	ssize_t n = stream_read(&c->st, c->w->scratch, most);

	if (n == STREAM_AGAIN)
		return;
	if (n <= 0) {
		c->eof = true;
		if (n == STREAM_EOF)
			conn_leave(c);
		else
			conn_close(c);
		return;
	}
	wc_add(&c->w->stats, WC_BYTES_IN, (uint64_t)n);
	if (c->in_len == 0) {
		conn_process(c, str_mk(c->w->scratch, (size_t)n));
		/* A full read: more of a large body is there, no need to be told. */
		if ((size_t)n == most && c->state == CONN_BUSY && !c->req->body_done &&
			!c->want_hold)
			conn_read_busy(c);
		return;
	}
	if (conn_keep_input(c, c->w->scratch, (size_t)n) != 0) {
		conn_close(c);
		return;
	}
	conn_process(c, str_mk(c->in, c->in_len));
}

void conn_read_busy(struct conn *c)
{
	struct req *r = c->req;
	ssize_t n;

	if (!r->body_done) {
		req_body_readable(r);
		return;
	}
	n = stream_read(&c->st, c->w->scratch, WORKER_SCRATCH - c->in_len);
	if (n == STREAM_AGAIN)
		return;
	if (n <= 0) {
		c->eof = true;
		req_abort(r, END_CLIENT_GONE);
		return;
	}
	wc_add(&c->w->stats, WC_BYTES_IN, (uint64_t)n);
	if (conn_keep_input(c, c->w->scratch, (size_t)n) != 0)
		req_abort(r, END_CLIENT_GONE);
}

void conn_discard(struct conn *c)
{
	ssize_t n = stream_read(&c->st, c->w->scratch, WORKER_SCRATCH);

	if (n == STREAM_AGAIN)
		return;
	c->linger_bytes -= n > 0 ? n : 0;
	if (n <= 0 || c->linger_bytes <= 0)
		conn_close(c);
}

void conn_begin_request(struct conn *c, struct req *r)
{
	c->req = r;
	c->large_bodies = r->head.framing == HTTP_BODY_LENGTH && r->head.content_length > HEAD_READ;
	conn_set_state(c, CONN_BUSY);
}

void conn_want_body(struct conn *c, bool want)
{
	/* While it is we who do not read, the client's body clock stands still. */
	if (c->req != NULL && !c->req->body_done && c->out.len == 0) {
		if (!want)
			timer_disarm(&c->w->wheel, &c->timer);
		else if (c->want_hold) {
			timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->body_us);
			body_rate_restart(c->req);
		}
	}
	c->want_hold = !want;
	conn_update_wants(c);
}

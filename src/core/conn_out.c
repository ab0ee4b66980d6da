/*
 * conn_out.c: what goes to a client: written at once where the socket takes it, queued where it
 * does not, and the end of a connection without losing the answer. The connection's worker.
 */
#include "core/conn_int.h"
#include "core/req.h"

#define LINGER_US    2000000
#define LINGER_BYTES (1024 * 1024)

void conn_flushed(struct conn *c)
{
	if (c->state != CONN_FLUSH)
		return;
	if (c->cut)
		stream_abort(&c->st);
	if (c->cut || c->eof || !c->more_to_come) {
		conn_close(c);
		return;
	}
	stream_shutdown_write(&c->st);
	c->linger_bytes = LINGER_BYTES;
	conn_in_free(c);
	conn_set_state(c, CONN_LINGER);
	timer_arm(&c->w->wheel, &c->timer, LINGER_US);
}

static void conn_write_failed(struct conn *c)
{
	c->eof = true;
	if (c->req != NULL)
		req_abort(c->req, END_CLIENT_GONE);
	else
		conn_close(c);
}

/*
 * Below the rate over a time as long as the send clock? Only time in which something waited for the
 * client counts: a stream that is slow because its provider is has none.
 */
static bool conn_too_slow(struct conn *c)
{
	const struct cfg_timeouts *t = conn_clocks(c);
	mono_us now = worker_now(c->w);
	uint64_t rate;

	c->waited_us += mono_since(now, c->queued_at);
	c->queued_at = now;
	if (c->waited_us < t->send_us)
		return false;
	rate = c->taken_bytes * 1000 / (uint64_t)(c->waited_us / 1000);
	c->waited_us = 0;
	c->taken_bytes = 0;
	return rate < (uint64_t)t->send_rate && (c->state == CONN_BUSY || c->out.len > 0);
}

/* Is the connection's clock that of the client taking what is sent? */
static bool conn_clock_is_send(const struct conn *c)
{
	if (c->state == CONN_BUSY)
		return c->req->body_done || c->req->head_sent;
	return c->state == CONN_IDLE || c->state == CONN_FLUSH;
}

/* The queue, as much of it as the socket takes. -1: the client is gone. */
static int conn_flush_queue(struct conn *c)
{
	struct iovec iov[16];
	ssize_t n;
	int k;

	while (c->out.len > 0) {
		k = bufq_iov(&c->out, iov, 16);
		n = stream_writev(&c->st, iov, k);
		if (n <= 0)
			return n == STREAM_ERR ? -1 : 0;
		bufq_consume(&c->out, (size_t)n);
		c->taken_bytes += (uint64_t)n;
		wc_add(&c->w->stats, WC_BYTES_OUT, (uint64_t)n);
		if (conn_clock_is_send(c))
			timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->send_us);
	}
	return 0;
}

void conn_flush(struct conn *c)
{
	bool waited = c->out.len > 0;

	if (conn_flush_queue(c) != 0) {
		conn_write_failed(c);
		return;
	}
	if (waited && conn_too_slow(c)) {
		conn_end_slow(c);
		return;
	}
	if (c->out.len == 0) {
		if (c->state == CONN_BUSY && c->req->body_done)
			timer_disarm(&c->w->wheel, &c->timer);
		else if (c->state == CONN_IDLE)
			timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->idle_us);
		conn_flushed(c);
	}
	if (c->blocked && c->out.len < CONN_OUT_LOW) {
		c->blocked = false;
		if (c->req != NULL)
			req_client_writable(c->req);
	}
}

/* First bytes of iov (n spans) that were not written yet go into the queue. */
static int conn_queue_rest(struct conn *c, const struct iovec *iov, int n, size_t skip)
{
	for (int i = 0; i < n; i++) {
		struct str s = str_mk(iov[i].iov_base, iov[i].iov_len);

		if (skip >= s.n) {
			skip -= s.n;
			continue;
		}
		s = str_skip(s, skip);
		skip = 0;
		if (bufq_append(&c->out, s) != 0)
			return -1;
	}
	return 0;
}

void conn_lose(struct conn *c)
{
	CHECK_OBJ(c, CONN_MAGIC);
	tg_assert(c->state == CONN_BUSY && !c->lost);
	c->lost = c->eof = true;
	timer_disarm(&c->w->wheel, &c->timer);
	if (c->out.len > 0) /* its end could pass for the answer's */
		stream_abort(&c->st);
	else
		stream_close(&c->st);
	conn_in_free(c);
	bufq_clear(&c->out);
	c->blocked = false;
}

int conn_write(struct conn *c, const struct iovec *iov, int n)
{
	bool waiting = c->out.len > 0;
	ssize_t done = 0;

	CHECK_OBJ(c, CONN_MAGIC);
	if (c->lost)
		return 0;
	if (c->state == CONN_DEAD || c->st.fd < 0)
		return -1;
	if (!waiting) {
		done = stream_writev(&c->st, iov, n);
		if (done == STREAM_ERR)
			return -1;
		if (done < 0)
			done = 0;
		wc_add(&c->w->stats, WC_BYTES_OUT, (uint64_t)done);
		c->taken_bytes += (uint64_t)done;
	}
	if (conn_queue_rest(c, iov, n, (size_t)done) != 0)
		return -1;
	if (c->out.len > 0) {
		if (!waiting)
			c->queued_at = worker_now(c->w);
		if (!timer_armed(&c->timer))
			timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->send_us);
		stream_want(&c->st, c->st.want_read, true);
		if (c->out.len > CONN_OUT_HIGH)
			c->blocked = true;
	}
	return 0;
}

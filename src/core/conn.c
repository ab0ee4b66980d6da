/*
 * conn.c: client connections: reading heads, queueing answers, clocks, closing without losing the
 * answer.
 *
 *	PROXY --its header--> IDLE
 *	IDLE --bytes--> HEAD --head complete--> BUSY --answer handed over--> IDLE (keep-alive)
 *	                 |                        |
 *	                 +--bad head--------------+--last answer--> FLUSH --> LINGER --> dead
 *
 * Runs on the connection's worker.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/log.h"
#include "core/conn.h"
#include "core/hedge.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/shadow.h"
#include "io/tls.h"
#include "proto/proxy_head.h"

/* The first read of a head: enough for nearly every request, and little to copy of those that are
 * large. Where the last one was, the next one will be: its body is read to where it is collected,
 * and what comes with the head is copied there. */
#define HEAD_READ       (16 * 1024)
#define HEAD_READ_LARGE 2048
#define LINGER_US       2000000
#define LINGER_BYTES    (1024 * 1024)

static void conn_set_state(struct conn *c, enum conn_state s)
{
	CHECK_OBJ(c, CONN_MAGIC);
	tg_assert(c->state != CONN_DEAD);
	tg_assert(s != CONN_BUSY || c->req != NULL);
	c->state = s;
}

static const struct cfg_timeouts *conn_clocks(const struct conn *c)
{
	return &c->w->conf->conf->cfg.timeouts;
}

static const struct cfg_limits *conn_limits(const struct conn *c)
{
	return &c->w->conf->conf->cfg.limits;
}

static void conn_in_free(struct conn *c)
{
	if (c->in != NULL)
		block_pool_give(&c->w->blocks, c->in, c->in_cap);
	c->in = NULL;
	c->in_len = c->in_cap = c->in_resume = 0;
}

void conn_close(struct conn *c)
{
	CHECK_OBJ(c, CONN_MAGIC);
	if (c->state == CONN_DEAD)
		return;
	tg_assert(c->req == NULL);
	conn_set_state(c, CONN_DEAD);
	timer_disarm(&c->w->wheel, &c->timer);
	if (!c->lost)
		stream_close(&c->st);
	if (c->tls_next != NULL)
		tls_ctx_free(c->tls_next);
	conn_in_free(c);
	bufq_clear(&c->out);
	list_del(&c->again);
	list_del(&c->node);
	list_push_back(&c->w->dead_conns, &c->node);
	c->w->n_conns--;
	if (TG_UNLIKELY(c->clientless)) {
		if (c->shadow != NULL)
			shadow_end(c->w, c->shadow);
		if (c->hedge != NULL)
			hedge_gone(c->hedge);
		return;
	}
	conn_addr_count_add(c->addr_hash, -1);
	wc_sub(&c->w->stats, WC_CONNECTIONS, 1);
}

/* What the stream should tell us, from the state: the one place that decides. */
static void conn_update_wants(struct conn *c)
{
	bool rd = false;

	switch (c->state) {
	case CONN_IDLE: rd = c->in_len == 0; break; /* else it waits in worker.again */
	case CONN_PROXY:
	case CONN_HEAD:
	case CONN_LINGER: rd = true; break;
	case CONN_BUSY:
		/* Body bytes, or to see the client go; pipelined bytes only up to one buffer. */
		rd = !c->eof && (!c->req->body_done || c->in_len < WORKER_SCRATCH);
		if (!c->req->body_done && c->want_hold)
			rd = false;
		break;
	case CONN_FLUSH:
	case CONN_DEAD: break;
	}
	if (c->state != CONN_DEAD && !c->lost)
		stream_want(&c->st, rd, c->out.len > 0);
}

/*
 * The client did not send, or take, what it was to in its time. An answer that is broken off is
 * gone at once, by a reset: what is left of it in buffers would only be waited for again, and its
 * end could pass for the answer's.
 */
static void conn_end_slow(struct conn *c)
{
	wc_add(&c->w->stats, WC_CLIENT_TIMEOUTS, 1);
	if (c->state == CONN_BUSY) {
		req_client_timeout(c->req);
		if (c->state == CONN_DEAD || c->lost || !c->eof)
			return; /* a 408 is on its way; or the answer is read on without it */
	}
	if (c->out.len > 0)
		stream_abort(&c->st);
	conn_close(c);
}

static void conn_on_timer(struct timer *t)
{
	struct conn *c = TG_CONTAINER_OF(t, struct conn, timer);

	CHECK_OBJ(c, CONN_MAGIC);
	switch (c->state) {
	case CONN_HEAD:
	case CONN_BUSY: conn_end_slow(c); return;
	case CONN_IDLE:
	case CONN_FLUSH:
		if (c->out.len > 0)
			conn_end_slow(c);
		else
			conn_close(c);
		return;
	case CONN_PROXY: wc_add(&c->w->stats, WC_CLIENT_TIMEOUTS, 1); /* fall through */
	case CONN_LINGER: conn_close(c); return;
	case CONN_DEAD: return;
	}
}

/* Keep n bytes that were not consumed: the start of a head, or pipelined requests. */
static int conn_keep_input(struct conn *c, const char *p, size_t n)
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

/* The end of the last answer may still be in `out`: then it is the client that is waited for. */
static void conn_go_idle(struct conn *c)
{
	conn_in_free(c);
	timer_arm(&c->w->wheel, &c->timer,
		c->out.len > 0 ? conn_clocks(c)->send_us : conn_clocks(c)->idle_us);
}

/* Nothing more will be asked: close, but not before the last answer is written. */
static void conn_leave(struct conn *c)
{
	if (c->out.len > 0)
		conn_end(c);
	else
		conn_close(c);
}

static void conn_refuse(struct conn *c, enum http_error err)
{
	wc_add(&c->w->stats, WC_BAD_REQUESTS, 1);
	req_refuse(c, err);
}

/*
 * Bytes of a head, complete or not. `bytes` is either c->in whole or the worker's scratch.
 */
static void conn_process(struct conn *c, struct str bytes)
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

static void conn_read_busy(struct conn *c);

static void conn_read_head(struct conn *c)
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

/* While a request runs: its body, pipelined bytes, or the news that the client has gone. */
static void conn_read_busy(struct conn *c)
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

static void conn_discard(struct conn *c)
{
	ssize_t n = stream_read(&c->st, c->w->scratch, WORKER_SCRATCH);

	if (n == STREAM_AGAIN)
		return;
	c->linger_bytes -= n > 0 ? n : 0;
	if (n <= 0 || c->linger_bytes <= 0)
		conn_close(c);
}

/*
 * Close after everything was written. When the client may still be sending, read on for a moment
 * first: closing with unread bytes resets the connection, and a reset can eat the answer.
 */
static void conn_flushed(struct conn *c)
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

static void conn_flush(struct conn *c)
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

/* Of our proxies' connections those of their clients are counted (client.c). */
static uint64_t conn_counted(const struct conn *c)
{
	const struct plan_geo *g = &c->w->conf->conf->geo;

	if (!ip_is_set(c->ip) || plan_geo_trusts(g, c->ip))
		return 0;
	return conn_addr_hash(str_mk(c->addr, c->addr_len));
}

static void conn_set_ip(struct conn *c, struct ip ip)
{
	c->ip = ip;
	c->unix_socket = false;
	c->addr_len = (uint8_t)ip_format(ip, c->addr);
	c->addr_hash = conn_counted(c);
}

static void conn_set_peer(struct conn *c, const struct sockaddr_any *peer)
{
	if (peer->u.sa.sa_family == AF_INET)
		conn_set_ip(c, ip_v4((const uint8_t *)&peer->u.in.sin_addr));
	else if (peer->u.sa.sa_family == AF_INET6)
		conn_set_ip(c, ip_v6(peer->u.in6.sin6_addr.s6_addr));
	else {
		c->unix_socket = true;
		c->addr_len = (uint8_t)sockaddr_format_host(peer, c->addr, sizeof(c->addr));
	}
}

/* Is it, one of so many of its address, within the limits? Counts it otherwise. */
static bool conn_admit(struct conn *c, unsigned of_addr)
{
	const struct cfg_limits *l = conn_limits(c);

	if ((l->connections == 0 || worker_connections_total() <= (uint64_t)l->connections) &&
		(l->connections_per_address == 0 || c->addr_hash == 0 ||
			of_addr <= (unsigned)l->connections_per_address))
		return true;
	wc_add(&c->w->stats, WC_CONNECTIONS_REFUSED, 1);
	return false;
}

/* The client may speak. */
static void conn_begin(struct conn *c, SSL_CTX *tls)
{
	if (tls != NULL && stream_tls_accept(&c->st, tls) != 0) {
		conn_close(c);
		return;
	}
	/* A handshake is held to the head's clock: it costs more than an idle connection. */
	timer_arm(&c->w->wheel, &c->timer,
		tls != NULL ? conn_clocks(c)->head_us : conn_clocks(c)->idle_us);
}

/* ---- the PROXY header */

static void conn_await_proxy(struct conn *c, SSL_CTX *tls)
{
	if (tls != NULL)
		SSL_CTX_up_ref(tls);
	c->tls_next = tls;
	conn_set_state(c, CONN_PROXY);
	timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->head_us);
	conn_update_wants(c);
}

static void conn_refuse_proxy(struct conn *c, const char *why)
{
	wc_add(&c->w->stats, WC_PROXY_REFUSED, 1);
	log_info("connection refused", "peer=%.*s reason=\"the PROXY header %s\"", c->addr_len,
		c->addr, why);
	conn_close(c);
}

/* Whoever it is about is the peer from here on. */
static void conn_take_proxy(struct conn *c, const struct proxy_head *head)
{
	SSL_CTX *tls = c->tls_next;

	if (head->kind == PROXY_IP)
		conn_set_ip(c, head->client);
	else
		c->addr_hash = conn_counted(c);
	if (!conn_admit(c, conn_addr_count_more(c->addr_hash, 1))) {
		conn_close(c);
		return;
	}
	c->tls_next = NULL;
	conn_set_state(c, CONN_IDLE);
	conn_begin(c, tls);
	if (tls != NULL)
		tls_ctx_free(tls);
}

/* Just the header is read, since what follows may be for TLS to read. An incomplete one is taken
 * off the socket: left there it would wake us again and again. */
static void conn_read_proxy(struct conn *c)
{
	const char *why = "does not end";
	struct proxy_head head;
	size_t had = c->in_len;
	char *buf = c->w->scratch;
	ssize_t n;
	long len;

	if (had > 0)
		memcpy(buf, c->in, had);
	n = stream_peek(&c->st, buf + had, PROXY_HEAD_MAX - had);
	if (n == STREAM_AGAIN)
		return;
	len = n > 0 ? proxy_head_parse(str_mk(buf, had + (size_t)n), &head, &why) : -1;
	if (n <= 0 && had == 0) { /* a look whether somebody listens */
		conn_close(c);
		return;
	}
	if (len < 0) {
		conn_refuse_proxy(c, why);
		return;
	}
	n = stream_read(&c->st, buf + had, len > 0 ? (size_t)len - had : (size_t)n);
	if (n <= 0 || (len > 0 && had + (size_t)n < (size_t)len)) {
		conn_close(c);
		return;
	}
	wc_add(&c->w->stats, WC_BYTES_IN, (uint64_t)n);
	if (len > 0) {
		conn_in_free(c);
		conn_take_proxy(c, &head);
	} else if (conn_keep_input(c, buf + had, (size_t)n) != 0) {
		conn_close(c);
	}
}

static void conn_on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct conn *c = arg;

	(void)s;
	CHECK_OBJ(c, CONN_MAGIC);
	if ((ready & STREAM_CAN_WRITE) != 0 && c->state != CONN_DEAD)
		conn_flush(c);
	if ((ready & STREAM_CAN_READ) != 0 && !c->lost) {
		switch (c->state) {
		case CONN_PROXY: conn_read_proxy(c); break;
		case CONN_IDLE:
		case CONN_HEAD: conn_read_head(c); break;
		case CONN_BUSY: conn_read_busy(c); break;
		case CONN_LINGER: conn_discard(c); break;
		case CONN_FLUSH:
		case CONN_DEAD: break;
		}
	}
	conn_update_wants(c);
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

void conn_end(struct conn *c)
{
	conn_set_state(c, CONN_FLUSH);
	timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->send_us);
	if (c->out.len == 0)
		conn_flushed(c);
	conn_update_wants(c);
}

void conn_request_done(struct conn *c, bool keep_alive)
{
	CHECK_OBJ(c, CONN_MAGIC);
	tg_assert(c->state == CONN_BUSY);
	c->more_to_come = !c->req->body_done || c->req->view.n > 0 || c->in_len > 0;
	c->req = NULL;
	c->blocked = c->want_hold = false;
	c->n_requests++;
	timer_disarm(&c->w->wheel, &c->timer);
	if (c->lost) {
		conn_close(c);
		return;
	}
	if (!keep_alive || c->eof) {
		conn_end(c);
		return;
	}
	/* What the request left of the input is settled at the end of the turn: conn_run_again. */
	conn_set_state(c, CONN_IDLE);
	list_del(&c->again);
	list_push_back(&c->w->again, &c->again);
	conn_update_wants(c);
}

static bool conn_copy_may_begin(const struct conn *c)
{
	return c->shadow != NULL ? shadow_may_begin(c->w, c->shadow)
				 : c->hedge != NULL && hedge_may_begin(c->w, c->hedge);
}

void conn_run_again(struct conn *c)
{
	CHECK_OBJ(c, CONN_MAGIC);
	if (c->state != CONN_IDLE)
		return;
	if (TG_UNLIKELY(c->clientless) && !conn_copy_may_begin(c))
		conn_close(c);
	else if (c->in_len > 0)
		conn_process(c, str_mk(c->in, c->in_len));
	else if (c->w->draining)
		conn_leave(c);
	else
		conn_go_idle(c);
	conn_update_wants(c);
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

void conn_drain(struct conn *c)
{
	if (c->state == CONN_PROXY)
		conn_read_proxy(c);
	if (c->state == CONN_PROXY)
		conn_close(c);
	if (c->state != CONN_IDLE || c->in_len > 0 || c->lost)
		return;
	/* A request that is here already gets an answer instead of a reset. */
	conn_read_head(c);
	if (c->state == CONN_IDLE && c->in_len == 0)
		conn_leave(c);
	conn_update_wants(c);
}

/* What all have; it counts among the worker's. */
static struct conn *conn_new(struct worker *w)
{
	struct conn *c = slab_take(&w->conn_slab);

	INIT_OBJ(c, CONN_MAGIC);
	c->w = w;
	list_init(&c->again);
	list_init(&c->node);
	list_push_back(&w->conns, &c->node);
	bufq_init(&c->out, &w->blocks, CONN_OUT_MAX);
	timer_init(&c->timer, conn_on_timer);
	w->n_conns++;
	return c;
}

struct conn *conn_open_copy(struct req *r, char *bytes, size_t n, size_t cap)
{
	struct conn *c = conn_new(r->w);

	c->clientless = c->lost = c->eof = true;
	c->st.fd = -1;
	c->unix_socket = r->conn->unix_socket;
	c->ip = r->client; /* places are of whoever asked */
	c->addr_len = (uint8_t)strlen(r->client_text);
	memcpy(c->addr, r->client_text, c->addr_len);
	c->in = bytes;
	c->in_len = n;
	c->in_cap = cap;
	list_push_back(&r->w->again, &c->again);
	return c;
}

void conn_open(struct worker *w, int fd, const struct sockaddr_any *peer, SSL_CTX *tls, bool proxy)
{
	struct conn *c = conn_new(w);

	c->more_to_come = true;
	stream_init(&c->st, w->base, fd, conn_on_ready, c);
	conn_set_peer(c, peer);
	if (proxy)
		c->addr_hash = 0; /* the balancer's, which has everybody's connections */
	wc_add(&w->stats, WC_CONNECTIONS, 1);
	wc_add(&w->stats, WC_CONNECTIONS_TOTAL, 1);
	if (!conn_admit(c, conn_addr_count_add(c->addr_hash, 1))) {
		conn_close(c);
		return;
	}
	if (proxy) {
		conn_await_proxy(c, tls);
		return;
	}
	conn_begin(c, tls);
	conn_update_wants(c);
}

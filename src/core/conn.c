/*
 * conn.c: client connections: their states, clocks, beginning and end.
 *
 *	PROXY --its header--> IDLE
 *	IDLE --bytes--> HEAD --head complete--> BUSY --answer handed over--> IDLE (keep-alive)
 *	                 |                        |
 *	                 +--bad head--------------+--last answer--> FLUSH --> LINGER --> dead
 *
 * conn_in.c reads, conn_out.c writes, conn_proxy.c has the PROXY header. Runs on the connection's
 * worker.
 */
#include <string.h>

#include <openssl/ssl.h>

#include "core/conn_int.h"
#include "core/hedge.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/shadow.h"
#include "io/tls.h"

void conn_set_state(struct conn *c, enum conn_state s)
{
	CHECK_OBJ(c, CONN_MAGIC);
	tg_assert(c->state != CONN_DEAD);
	tg_assert(s != CONN_BUSY || c->req != NULL);
	c->state = s;
}

void conn_update_wants(struct conn *c)
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

void conn_end_slow(struct conn *c)
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

void conn_end(struct conn *c)
{
	conn_set_state(c, CONN_FLUSH);
	timer_arm(&c->w->wheel, &c->timer, conn_clocks(c)->send_us);
	if (c->out.len == 0)
		conn_flushed(c);
	conn_update_wants(c);
}

void conn_leave(struct conn *c)
{
	if (c->out.len > 0)
		conn_end(c);
	else
		conn_close(c);
}

/* The end of the last answer may still be in `out`: then it is the client that is waited for. */
static void conn_go_idle(struct conn *c)
{
	conn_in_free(c);
	timer_arm(&c->w->wheel, &c->timer,
		c->out.len > 0 ? conn_clocks(c)->send_us : conn_clocks(c)->idle_us);
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

uint64_t conn_counted(const struct conn *c)
{
	const struct plan_geo *g = &c->w->conf->conf->geo;

	if (!ip_is_set(c->ip) || plan_geo_trusts(g, c->ip))
		return 0;
	return conn_addr_hash(str_mk(c->addr, c->addr_len));
}

void conn_set_ip(struct conn *c, struct ip ip)
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

bool conn_admit(struct conn *c, unsigned of_addr)
{
	const struct cfg_limits *l = conn_limits(c);

	if ((l->connections == 0 || worker_connections_total() <= (uint64_t)l->connections) &&
		(l->connections_per_address == 0 || c->addr_hash == 0 ||
			of_addr <= (unsigned)l->connections_per_address))
		return true;
	wc_add(&c->w->stats, WC_CONNECTIONS_REFUSED, 1);
	return false;
}

void conn_begin(struct conn *c, SSL_CTX *tls)
{
	if (tls != NULL && stream_tls_accept(&c->st, tls) != 0) {
		conn_close(c);
		return;
	}
	/* A handshake is held to the head's clock: it costs more than an idle connection. */
	timer_arm(&c->w->wheel, &c->timer,
		tls != NULL ? conn_clocks(c)->head_us : conn_clocks(c)->idle_us);
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

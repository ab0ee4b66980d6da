/*
 * uppool.c: provider connections: kept-alive ones and new ones (all addresses, proxy tunnel, TLS).
 *
 *	CONNECTING --connected--> [PROXY] --tunnel--> [TLS] --handshake--> BUSY <--> IDLE
 *	     | next address
 *	     +--> attempt_on_connect_failed
 *
 * Runs on its worker.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/log.h"
#include "core/attempt.h"
#include "core/plan.h"
#include "core/uppool.h"
#include "io/resolve.h"
#include "proto/http1_head.h"

static void upconn_on_ready(struct stream *s, unsigned ready, void *arg);
static void upconn_connect_next(struct upconn *u, enum attempt_fail why, const char *text);

static struct uppool *uppool_get(struct worker *w, struct str key)
{
	struct uppool *p;

	list_foreach (n, &w->pools) {
		p = list_entry(n, struct uppool, node);
		if (str_eq(str_z(p->key), key))
			return p;
	}
	p = calloc(1, sizeof(*p));
	tg_assert(p != NULL);
	p->w = w;
	p->key = str_dup(key);
	list_init(&p->idle);
	list_push_back(&w->pools, &p->node);
	return p;
}

static void upconn_free_addrs(struct upconn *u)
{
	free(u->addrs);
	u->addrs = NULL;
}

static void upconn_drop_input(struct upconn *u)
{
	if (u->in != NULL)
		block_pool_give(&u->w->blocks, u->in, u->in_cap);
	u->in = NULL;
	u->in_len = u->in_cap = u->in_resume = 0;
}

/* Every change of state comes through here: it is on the pool's list when idle, and counted as idle
 * or active. */
static void upconn_set_state(struct upconn *u, enum upconn_state s)
{
	struct worker_stats *stats = &u->w->stats;

	CHECK_OBJ(u, UPCONN_MAGIC);
	tg_assert(u->state != UP_DEAD);
	tg_assert(s != UP_IDLE || u->state == UP_BUSY);
	list_del(&u->node);
	u->pool->n_idle -= u->state == UP_IDLE;
	wc_sub(stats, u->state == UP_IDLE ? WC_UP_IDLE : WC_UP_ACTIVE, 1);
	u->state = s;
	if (s == UP_DEAD)
		return;
	wc_add(stats, s == UP_IDLE ? WC_UP_IDLE : WC_UP_ACTIVE, 1);
	if (s == UP_IDLE) {
		list_push_front(&u->pool->idle, &u->node);
		u->pool->n_idle++;
	}
}

static void upconn_close(struct upconn *u)
{
	upconn_set_state(u, UP_DEAD);
	u->attempt = NULL;
	timer_disarm(&u->w->wheel, &u->timer);
	stream_close(&u->st);
	upconn_drop_input(u);
	upconn_free_addrs(u);
	list_push_back(&u->w->dead_upconns, &u->node);
}

void upconn_reap(struct worker *w)
{
	struct list *n;

	while ((n = list_pop_front(&w->dead_upconns)) != NULL)
		slab_give(&w->upconn_slab, list_entry(n, struct upconn, node));
}

size_t upconn_gather(struct upconn *u, char *scratch, size_t n)
{
	if (u->in_len == 0)
		return n;
	memmove(scratch + u->in_len, scratch, n);
	memcpy(scratch, u->in, u->in_len);
	n += u->in_len;
	u->in_len = 0;
	return n;
}

int upconn_keep(struct upconn *u, struct str bytes)
{
	size_t cap;

	if (bytes.n == 0)
		return 0;
	if (bytes.n >= HTTP_MAX_HEAD)
		return -1;
	if (bytes.n > u->in_cap) {
		size_t resume = u->in_resume;

		upconn_drop_input(u);
		u->in_resume = resume;
		u->in = block_pool_take(&u->w->blocks, bytes.n, &cap);
		if (u->in == NULL)
			return -1;
		u->in_cap = cap;
	}
	memcpy(u->in, bytes.p, bytes.n);
	u->in_len = bytes.n;
	return 0;
}

/* ---- connecting */

static void upconn_failed(struct upconn *u, enum attempt_fail why, const char *text)
{
	struct attempt *a = u->attempt;
	char copy[96];

	snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
	u->attempt = NULL;
	upconn_close(u);
	attempt_on_connect_failed(a, why, copy[0] != '\0' ? copy : NULL);
}

static void upconn_ready(struct upconn *u)
{
	timer_disarm(&u->w->wheel, &u->timer);
	upconn_set_state(u, UP_BUSY);
	u->pool->last_addr = u->addr_at;
	upconn_free_addrs(u);
	upconn_drop_input(u);
	attempt_on_connected(u->attempt, u, false);
}

static void upconn_handshake(struct upconn *u)
{
	int rc = stream_handshake(&u->st);

	if (rc == STREAM_AGAIN)
		return;
	if (rc == STREAM_ERR)
		upconn_connect_next(u, FAIL_TLS, stream_error_text(&u->st));
	else
		upconn_ready(u);
}

static void upconn_begin_tls(struct upconn *u)
{
	struct target *t = u->target;
	SSL_SESSION *session = NULL;

	if (t->tls == NULL) {
		upconn_ready(u);
		return;
	}
	upconn_set_state(u, UP_TLS);
	u->conf_generation = u->attempt->req->conf->generation;
	/* A session resumes what was verified with the settings of its time. */
	if (u->pool->session != NULL && u->pool->session_conf == u->conf_generation)
		session = u->pool->session;
	if (stream_tls_connect(&u->st, t->tls, t->url.host, session) != 0) {
		upconn_failed(u, FAIL_TLS, stream_error_text(&u->st));
		return;
	}
	upconn_handshake(u);
}

/* CONNECT host:port (RFC 9110 section 9.3.6). Short: it fits the socket's buffer or the connection
 * is of no use. */
static void upconn_begin_proxy(struct upconn *u)
{
	const struct target *t = u->target;
	char head[600];
	struct iovec iov;
	int n;

	if (t->proxy.host.n == 0 || t->tls == NULL) {
		upconn_begin_tls(u);
		return;
	}
	n = snprintf(head, sizeof(head), "CONNECT %.*s:%u HTTP/1.1\r\nhost: %.*s:%u\r\n\r\n",
		STR_FMT(t->url.host), t->url.port, STR_FMT(t->url.host), t->url.port);
	iov = (struct iovec){ head, (size_t)n };
	upconn_set_state(u, UP_PROXY);
	if (n >= (int)sizeof(head) || stream_writev(&u->st, &iov, 1) != n) {
		upconn_failed(u, FAIL_PROXY, stream_error_text(&u->st));
		return;
	}
	stream_want(&u->st, true, false);
}

static void upconn_read_proxy(struct upconn *u)
{
	struct http_head *h = &u->w->up_head;
	enum http_error err = HTTP_E_NONE;
	char *buf = u->w->scratch, text[40];
	ssize_t n = stream_read(&u->st, buf, 4096);
	long head;

	if (n == STREAM_AGAIN)
		return;
	if (n <= 0) {
		upconn_failed(u, FAIL_PROXY,
			n == STREAM_EOF ? "it closed the connection" : stream_error_text(&u->st));
		return;
	}
	n = (ssize_t)upconn_gather(u, buf, (size_t)n);
	head = http1_head_end(buf, (size_t)n, &u->in_resume, 8192, &err);
	if (head == 0 && upconn_keep(u, str_mk(buf, (size_t)n)) == 0)
		return;
	if (head <= 0 || head != n ||
		http1_response_parse(buf, (size_t)head, HTTP_M_HEAD, h, &err) != 0) {
		upconn_failed(u, FAIL_PROXY, http_error_text(err));
		return;
	}
	u->in_resume = 0;
	if (h->status / 100 != 2) {
		snprintf(text, sizeof(text), "status %d", h->status);
		upconn_failed(u, FAIL_PROXY, text);
		return;
	}
	upconn_begin_tls(u);
}

static void upconn_on_connect(struct upconn *u)
{
	int err = stream_connect_result(u->st.fd);

	if (err != 0) {
		upconn_connect_next(u, FAIL_CONNECT, strerror(err));
		return;
	}
	stream_want(&u->st, false, false);
	upconn_begin_proxy(u);
}

static void upconn_on_timer(struct timer *t)
{
	struct upconn *u = TG_CONTAINER_OF(t, struct upconn, timer);

	CHECK_OBJ(u, UPCONN_MAGIC);
	if (u->state == UP_IDLE)
		upconn_close(u);
	else
		upconn_connect_next(u, FAIL_TIMEOUT_CONNECT,
			u->state == UP_TLS     ? "in the TLS handshake"
			: u->state == UP_PROXY ? "waiting for the proxy"
					       : NULL);
}

/* Try the next address; when there is none left, fail with the last reason. */
static void upconn_connect_next(struct upconn *u, enum attempt_fail why, const char *text)
{
	const struct sockaddr_any *sa;
	char reason[96]; /* text may be the stream's own */
	int fd;

	snprintf(reason, sizeof(reason), "%s", text != NULL ? text : "");
	if (u->st.fd >= 0)
		stream_close(&u->st);
	upconn_drop_input(u);
	upconn_set_state(u, UP_CONNECTING);
	while (u->addr_tries < u->n_addrs) {
		u->addr_at = (u->pool->last_addr + u->addr_tries++) % u->n_addrs;
		sa = &u->addrs[u->addr_at];
		fd = stream_connect_fd(&sa->u.sa, sa->len);
		if (fd < 0) {
			why = FAIL_CONNECT;
			snprintf(reason, sizeof(reason), "%s", strerror(errno));
			continue;
		}
		stream_init(&u->st, u->w->base, fd, upconn_on_ready, u);
		stream_want(&u->st, false, true);
		timer_arm(&u->w->wheel, &u->timer, u->target->clocks.connect_us);
		return;
	}
	upconn_failed(u, why, reason);
}

static void upconn_on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct upconn *u = arg;

	(void)s;
	CHECK_OBJ(u, UPCONN_MAGIC);
	switch (u->state) {
	case UP_CONNECTING: upconn_on_connect(u); break;
	case UP_PROXY: upconn_read_proxy(u); break;
	case UP_TLS: upconn_handshake(u); break;
	case UP_BUSY: attempt_on_ready(u->attempt, ready); break;
	case UP_IDLE: upconn_close(u); break; /* the peer closed it, or speaks unasked */
	case UP_DEAD: break;
	}
}

static void upconn_open(struct uppool *p, struct target *t, struct attempt *a,
	const struct sockaddr_any *addrs, int n)
{
	struct upconn *u = slab_take(&p->w->upconn_slab);

	INIT_OBJ(u, UPCONN_MAGIC);
	u->state = UP_CONNECTING;
	u->w = p->w;
	u->pool = p;
	u->st.fd = -1;
	u->target = t;
	u->attempt = a;
	u->n_addrs = n;
	u->addrs = calloc((size_t)n, sizeof(*addrs));
	tg_assert(u->addrs != NULL);
	memcpy(u->addrs, addrs, (size_t)n * sizeof(*addrs));
	list_init(&u->node);
	timer_init(&u->timer, upconn_on_timer);
	wc_add(&p->w->stats, WC_UP_ACTIVE, 1);
	a->up = u;
	upconn_connect_next(u, FAIL_CONNECT, NULL);
}

/* ---- waiting for a name */

static void resolved_mail(struct mail *m, void *owner)
{
	struct ticket *t = TG_CONTAINER_OF(m, struct ticket, mail);
	struct req *r = t->req;

	(void)owner;
	ticket_give(t);
	if (r == NULL || r->attempt == NULL || r->attempt->state != ATTEMPT_CONNECT ||
		r->attempt->up != NULL)
		return;
	timer_disarm(&r->w->wheel, &r->attempt->clock);
	uppool_take(r->w, r->attempt->target, r->attempt, true);
}

static void resolved_notify(void *arg)
{
	struct ticket *t = arg;

	mailbox_send(&t->w->mbox, &t->mail);
}

static void uppool_wait_name(struct target *t, struct attempt *a)
{
	struct ticket *k = req_ticket(a->req);

	a->clock_fail = FAIL_RESOLVE;
	timer_arm(&a->req->w->wheel, &a->clock, t->clocks.connect_us);
	k->mail.on_mail = resolved_mail;
	resolve_name_notify(t->addr, resolved_notify, k);
}

/*
 * The newest idle connection without news. What a provider says unasked must not be read as the
 * answer to the next request, perhaps another tenant's: one of which the poller has told in this
 * very turn, and whose turn it is not yet, goes. What is still on its way is found by attempt_read.
 */
static struct upconn *uppool_reuse(struct uppool *p)
{
	struct upconn *u;

	while (!list_empty(&p->idle)) {
		u = list_entry(p->idle.next, struct upconn, node);
		CHECK_OBJ(u, UPCONN_MAGIC);
		tg_assert(u->state == UP_IDLE);
		if (!stream_told(&u->st))
			return u;
		upconn_close(u);
	}
	return NULL;
}

void uppool_take(struct worker *w, struct target *t, struct attempt *a, bool fresh)
{
	struct uppool *p = uppool_get(w, t->pool_key);
	struct sockaddr_any addrs[RESOLVE_MAX_ADDRS];
	struct upconn *u = fresh ? NULL : uppool_reuse(p);
	const char *err = NULL;
	int count;

	p->clocks = t->clocks;
	if (u != NULL) {
		upconn_set_state(u, UP_BUSY);
		u->attempt = a;
		u->target = t;
		timer_disarm(&w->wheel, &u->timer);
		attempt_on_connected(a, u, true);
		return;
	}
	count = resolve_name_addrs(t->addr, addrs, &err);
	if (count == 0 && !resolve_name_wait(t->addr, 0)) {
		uppool_wait_name(t, a);
		return;
	}
	if (count == 0) {
		attempt_on_connect_failed(a, FAIL_RESOLVE, err);
		return;
	}
	upconn_open(p, t, a, addrs, count);
}

static void uppool_save_session(struct upconn *u)
{
	SSL_SESSION *s = u->st.ssl != NULL ? stream_session(&u->st) : NULL;

	if (s == NULL)
		return;
	if (u->pool->session != NULL)
		SSL_SESSION_free(u->pool->session);
	u->pool->session = s;
	u->pool->session_conf = u->conf_generation;
}

void uppool_give(struct upconn *u, bool reusable)
{
	struct uppool *p = u->pool;

	CHECK_OBJ(u, UPCONN_MAGIC);
	u->attempt = NULL;
	u->target = NULL;
	uppool_save_session(u);
	if (!reusable || u->state != UP_BUSY || p->n_idle >= (unsigned)p->clocks.pool ||
		u->w->draining) {
		upconn_close(u);
		return;
	}
	upconn_drop_input(u);
	upconn_set_state(u, UP_IDLE);
	stream_want(&u->st, true, false);
	timer_arm(&u->w->wheel, &u->timer, p->clocks.idle_us);
}

void uppool_close_idle(struct worker *w)
{
	list_foreach_safe (n, tmp, &w->pools) {
		struct uppool *p = list_entry(n, struct uppool, node);
		while (!list_empty(&p->idle))
			upconn_close(
				list_entry(p->idle.next, struct upconn, node)); /* takes it off */
	}
}

void uppool_fini_all(struct worker *w)
{
	struct list *n;

	uppool_close_idle(w);
	while ((n = list_pop_front(&w->pools)) != NULL) {
		struct uppool *p = list_entry(n, struct uppool, node);
		if (p->session != NULL)
			SSL_SESSION_free(p->session);
		free(p->key);
		free(p);
	}
}

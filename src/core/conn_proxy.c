/*
 * conn_proxy.c: the PROXY header in front of a connection that a balancer passes on: whoever it
 * names is the peer. The connection's worker.
 */
#include <string.h>

#include <openssl/ssl.h>

#include "base/log.h"
#include "core/conn_int.h"
#include "io/tls.h"
#include "proto/proxy_head.h"

void conn_await_proxy(struct conn *c, SSL_CTX *tls)
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
void conn_read_proxy(struct conn *c)
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

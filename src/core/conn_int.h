/*
 * conn_int.h: what the parts of a client connection (conn.c, conn_in.c, conn_out.c, conn_proxy.c)
 * have of each other. All of it on the connection's worker.
 */
#ifndef TG_CORE_CONN_INT_H
#define TG_CORE_CONN_INT_H

#include "core/conn.h"
#include "core/plan.h"

static inline const struct cfg_timeouts *conn_clocks(const struct conn *c)
{
	return &c->w->conf->conf->cfg.timeouts;
}

static inline const struct cfg_limits *conn_limits(const struct conn *c)
{
	return &c->w->conf->conf->cfg.limits;
}

/* ---- conn.c */

void conn_set_state(struct conn *c, enum conn_state s);
/* What the stream should tell us, from the state: the one place that decides. */
void conn_update_wants(struct conn *c);
/*
 * The client did not send, or take, what it was to in its time. An answer that is broken off is
 * gone at once, by a reset: what is left of it in buffers would only be waited for again, and its
 * end could pass for the answer's.
 */
void conn_end_slow(struct conn *c);
/* Nothing more will be asked: close, but not before the last answer is written. */
void conn_leave(struct conn *c);
/* The client may speak; tls: a handshake first. */
void conn_begin(struct conn *c, SSL_CTX *tls);
void conn_set_ip(struct conn *c, struct ip ip);
/* The hash by which its address is counted; 0: it is not. Of our proxies' connections those of
 * their clients are counted (client.c). */
uint64_t conn_counted(const struct conn *c);
/* Is it, one of so many of its address, within the limits? Counts it as refused otherwise. */
bool conn_admit(struct conn *c, unsigned of_addr);

/* ---- conn_in.c */

void conn_in_free(struct conn *c);
/* Keep n bytes that were not consumed: the start of a head, or pipelined requests. -1: no memory.
 */
int conn_keep_input(struct conn *c, const char *p, size_t n) TG_MUST_CHECK;
/* Bytes of a head, complete or not: either c->in whole, or the worker's scratch. */
void conn_process(struct conn *c, struct str bytes);
void conn_read_head(struct conn *c);
/* While a request runs: its body, pipelined bytes, or the news that the client has gone. */
void conn_read_busy(struct conn *c);
/* Answered: what the client still sends is read and thrown away, up to a point. */
void conn_discard(struct conn *c);

/* ---- conn_out.c */

/* The queue, as far as the socket takes it, and what follows from that. */
void conn_flush(struct conn *c);
/*
 * Close after everything was written. When the client may still be sending, read on for a moment
 * first: closing with unread bytes resets the connection, and a reset can eat the answer.
 */
void conn_flushed(struct conn *c);

/* ---- conn_proxy.c */

/* Its first bytes are a PROXY header; tls: what comes behind it. */
void conn_await_proxy(struct conn *c, SSL_CTX *tls);
void conn_read_proxy(struct conn *c);

#endif

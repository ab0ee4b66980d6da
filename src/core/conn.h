/*
 * conn.h: a client connection. Owned by its worker's slab; buffers are attached only while bytes
 * are present, so an idle connection costs this struct. One request at a time; pipelined bytes wait
 * in `in`.
 */
#ifndef TG_CORE_CONN_H
#define TG_CORE_CONN_H

#include "base/bufq.h"
#include "base/ip.h"
#include "io/stream.h"
#include "io/timer.h"
#include "core/worker.h"
#include "geo/geo_set.h"

#define CONN_MAGIC    0x434f4e4e
#define CONN_OUT_HIGH (64 * 1024) /* more than this waiting: the upstream is not read */
#define CONN_OUT_LOW  (16 * 1024)
#define CONN_OUT_MAX  (CONN_OUT_HIGH + 4 * WORKER_SCRATCH)

struct shadow_job;
struct hedge;

enum conn_state {
	CONN_IDLE,   /* between requests, nothing received */
	CONN_PROXY,  /* the PROXY header is to come first */
	CONN_HEAD,   /* part of a head received */
	CONN_BUSY,   /* a request is being worked on */
	CONN_FLUSH,  /* last answer is being written, then close */
	CONN_LINGER, /* answered, write side closed: discarding what the client still sends */
	CONN_DEAD,
};

struct conn {
	unsigned magic;
	enum conn_state state;
	struct worker *w;
	struct stream st;
	struct timer timer;
	struct list node;  /* worker.conns, or worker.dead_conns */
	struct list again; /* worker.again */
	struct req *req;
	char *in;                         /* received, not yet consumed */
	size_t in_len, in_cap, in_resume; /* in_resume: http1_head_end's scan */
	struct bufq out;
	mono_us head_start;   /* when the first byte of the head being read arrived */
	mono_us queued_at;    /* since when something has been waiting in `out` */
	int64_t waited_us;    /* the rate of taking: how long something waited for the client, */
	uint64_t taken_bytes; /* and what it took meanwhile and in between */
	unsigned n_requests;
	bool unix_socket;
	bool eof;          /* the client closed its side */
	bool lost;         /* the socket is closed, and the request goes on without it */
	bool cut;          /* the answer has no end, and only a reset tells the client so */
	bool large_bodies; /* the last request's did not fit the first read */
	bool more_to_come; /* it may still be sending when its last answer is out */
	bool want_hold;    /* the request does not want more of its body now */
	bool blocked; /* out went over CONN_OUT_HIGH: told the request, will tell it again under
			 CONN_OUT_LOW */
	uint8_t addr_len;
	char addr[46]; /* the peer's address, or what a PROXY header says, as text without port */
	struct ip ip;  /* the same; unset: a unix socket */
	uint64_t addr_hash;     /* of limits.connections_per_address; 0: it has none */
	SSL_CTX *tls_next;      /* behind the PROXY header; a reference */
	struct geo_place place; /* of place_of, by the worker's databases of that serial: mod_geo */
	struct ip place_of;
	unsigned place_serial; /* 0: not looked up */
	int64_t linger_bytes;
	bool clientless;           /* lost from the beginning: its request is a copy of another */
	struct shadow_job *shadow; /* of such a one; owned */
	struct hedge *hedge;       /* the same, until its request has begun */
};

/* Take over an accepted descriptor. proxy: its first bytes are a PROXY header. */
void conn_open(struct worker *w, int fd, const struct sockaddr_any *peer, SSL_CTX *tls, bool proxy);
/* One without a client, lost from the beginning, for a copy of r: the n bytes (a block of the pool,
 * taken over) are its input, and run at the end of the turn. */
struct conn *conn_open_copy(struct req *r, char *bytes, size_t n, size_t cap);
/* Write now, queue the rest. -1: the client is gone or its queue is full (the caller aborts the
 * request). */
int conn_write(struct conn *c, const struct iovec *iov, int n) TG_MUST_CHECK;
/* The request is over: keep the connection for the next one, or flush and close. */
void conn_request_done(struct conn *c, bool keep_alive);
/* No more requests: write what is queued, then close. */
void conn_end(struct conn *c);
/*
 * The client is gone and the request goes on: close the socket; what is written from here on goes
 * nowhere. The connection ends with the request.
 */
void conn_lose(struct conn *c);
/* Close at once (frees at the end of the turn). The request, if any, must have been detached. */
void conn_close(struct conn *c);
/* For req.c: r has begun on c; and what of the input r did not consume (kept for the next request).
 */
void conn_begin_request(struct conn *c, struct req *r);
int conn_leave_input(struct conn *c, struct str rest) TG_MUST_CHECK;
/* Process input that was waiting behind the last request (end of the turn). */
void conn_run_again(struct conn *c);
/* A graceful end was asked for: idle connections close now, busy ones after their answer. */
void conn_drain(struct conn *c);
/* Read more of the request body, or not (backpressure towards the client). */
void conn_want_body(struct conn *c, bool want);

/* How many connections an address has, over all workers (limits.connections_per_address). */
unsigned conn_addr_count_add(uint64_t addr_hash, int delta);
/* The same for one that is counted among all already. */
unsigned conn_addr_count_more(uint64_t addr_hash, int delta);
/* The hash of an address that is counted; never 0. */
uint64_t conn_addr_hash(struct str text);

#endif

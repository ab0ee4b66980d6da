/*
 * admin_int.h: what the parts of the admin listener share: admin.c (listener), admin_conn.c (HTTP
 * on one connection), admin_route.c (who may ask what), admin_reply.c. Control thread; nobody else
 * includes it.
 */
#ifndef TG_ADMIN_ADMIN_INT_H
#define TG_ADMIN_ADMIN_INT_H

#include "admin/admin.h"
#include "proto/outbuf.h"
#include "base/digest.h"
#include "base/list.h"
#include "io/mailbox.h"
#include "io/stream.h"
#include "io/timer.h"
#include "proto/http1_body.h"
#include "proto/http1_head.h"
#include "proto/http1_out.h"

#define ADMIN_HEAD_MAX  16384
#define ADMIN_IN_MAX    (2 * ADMIN_HEAD_MAX)
#define ADMIN_LINGER_US 2000000

struct admin {
	unsigned magic;
#define ADMIN_MAGIC 0x41444d4e
	struct event_base *base;
	struct timer_wheel wheel;
	struct event accept;
	int fd;
	bool inet; /* not a unix socket: browsers can reach it */
	bool has_token;
	uint8_t token[SHA256_LEN];
	int64_t timeout_us;
	const struct admin_route *routes;
	size_t n_routes;
	void *ctx;
	struct list conns; /* newest first */
	unsigned n_conns;
	struct mailbox mbox; /* from job threads */
	struct list jobs;
	unsigned n_jobs;
};

struct admin_reply {
	unsigned status;
	const char *type;
	struct http_out fields; /* in field_text */
	char field_text[512];
	struct outbuf body;
};

enum admin_state {
	ADMIN_HEAD, /* reading a head, or idle */
	ADMIN_BODY, /* reading the body of a request that will be handled */
	ADMIN_WORK, /* a job is at it */
	ADMIN_WRITE,
	ADMIN_LINGER, /* the answer is out: wait for the peer to have read it */
};

struct admin_job;

struct admin_conn {
	unsigned magic;
#define ADMIN_CONN_MAGIC 0x41434e4e
	struct list node;
	struct admin *admin;
	struct stream stream;
	struct timer timer;
	enum admin_state state;
	size_t in_n, scan; /* bytes in `in`; how far the head was scanned */
	size_t head_len;
	bool close_after; /* this answer is the last */
	bool no_body;     /* HEAD: the answer is its head */
	const struct admin_route *route;
	struct admin_request req;
	struct http_head head;
	struct http1_body framing;
	struct outbuf payload; /* the request's body */
	struct admin_job *job; /* ADMIN_WORK */
	struct admin_reply reply;
	struct http_out out_head; /* in out_text */
	size_t sent;              /* of head and body of the answer */
	char out_text[1024];
	char in[ADMIN_IN_MAX]; /* the head in work, then what follows it */
};

void admin_reply_init(struct admin_reply *r);
void admin_reply_fini(struct admin_reply *r);

/*
 * The route for the head in c->head, with c->req filled; NULL when the request is refused, and then
 * c->reply says why.
 */
const struct admin_route *admin_route_find(struct admin_conn *c);

/* c->reply is filled: send it. */
void admin_conn_reply(struct admin_conn *c);

/* Run the route's handler on a thread of its own: admin_conn_reply follows. -1: too many run. */
int admin_job_start(struct admin_conn *c) TG_MUST_CHECK;
/* Its connection is gone. */
void admin_job_forget(struct admin_job *j);
/* Wait for all of them. Connections are gone. */
void admin_jobs_end(struct admin *a);

/* A connection of its own for fd. */
void admin_conn_new(struct admin *a, int fd);
/* Close and free; the listener takes connections again when it was full. */
void admin_conn_free(struct admin_conn *c);

/* n_conns changed: listen while there is room. */
void admin_listen_again(struct admin *a);

#endif

/*
 * admin.h: the admin listener: a small strict HTTP/1.1 server for the control thread. Handlers are
 * plain functions that fill a reply; what they are is the caller's table. Nothing here is on the
 * data path.
 *
 * GET, HEAD and POST, bodies up to ADMIN_BODY_MAX, keep-alive, pipelining (in order),
 * ADMIN_TIMEOUT_US for a whole request and for taking the answer, at most ADMIN_CONNS connections.
 * Errors are JSON:
 *	{"error": {"status": 404, "code": "not_found", "message": "...", "paths": [...]}}
 */
#ifndef TG_ADMIN_ADMIN_H
#define TG_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct event_base;
struct sockaddr_any;
struct http_head;
struct outbuf;

#define ADMIN_BODY_MAX   (1024u * 1024)
#define ADMIN_CONNS      64
#define ADMIN_TIMEOUT_US 10000000
#define ADMIN_JOBS       4 /* slow ones at once */
#define ADMIN_JOB_US     120000000

struct admin_request {     /* valid during the handler */
	struct str method; /* "GET" also for HEAD */
	struct str path;   /* the route's */
	struct str query;  /* behind '?', not decoded; empty: none */
	struct str body;
	const struct http_head *head;
};

struct admin_reply;

struct admin_route {
	const char *method, *path; /* "GET" answers HEAD too; the path matches as a whole */
	void (*handle)(struct admin_reply *, const struct admin_request *, void *ctx);
	bool open; /* no token needed: livez, readyz */
	bool slow; /* runs on a thread of its own: it may block, and ctx must be safe to use there;
		      the request has no head then */
	const char *help; /* one sentence, for the list of paths */
};

struct admin;

/*
 * Listen at addr; *bound (may be NULL) says where. token empty: none is asked for, and then
 * requests that a browser may have been talked into (an Origin, a Host that is no loopback name or
 * address) are refused but for open routes. routes and ctx must outlive it; the token is not kept,
 * only its digest. NULL with err.
 */
struct admin *admin_new(struct event_base *base, const struct sockaddr_any *addr, struct str token,
	const struct admin_route *routes, size_t n_routes, void *ctx, struct sockaddr_any *bound,
	char *err, size_t err_len) TG_MUST_CHECK;
/* Closes the listener and every connection. */
void admin_free(struct admin *a);
/* A token from the next request on (reload). */
void admin_set_token(struct admin *a, struct str token);
/* Another clock than ADMIN_TIMEOUT_US, for connections from now on. */
void admin_set_timeout(struct admin *a, int64_t timeout_us);
unsigned admin_connections(const struct admin *a);

/* 200 and application/json unless said otherwise. type must be static. */
void admin_reply_status(struct admin_reply *r, unsigned status);
void admin_reply_type(struct admin_reply *r, const char *type);
/* A header field; one that does not fit or has line breaks in it is left out. */
void admin_reply_field(struct admin_reply *r, struct str name, struct str value);
void admin_reply_printf(struct admin_reply *r, const char *fmt, ...) TG_PRINTF(2, 3);
void admin_reply_write(struct admin_reply *r, struct str text);
/* The body, for writers such as metrics.h. */
struct outbuf *admin_reply_body(struct admin_reply *r);
/* The error body, replacing what was written. code is a word such as "bad_request". */
void admin_reply_error(struct admin_reply *r, unsigned status, const char *code, const char *fmt,
	...) TG_PRINTF(4, 5);

#endif

/*
 * attempt.h: one exchange with one target for a request: build, connect or reuse, send, read, hand
 * on. In the request's arena; at most one at a time.
 */
#ifndef TG_CORE_ATTEMPT_H
#define TG_CORE_ATTEMPT_H

#include "core/req.h"
#include "core/provider.h"
#include "core/uppool.h"

#define ATTEMPT_MAGIC 0x41545450
#define ATTEMPT_IOV   32

enum attempt_state {
	ATTEMPT_CONNECT, /* waiting for a connection */
	ATTEMPT_SEND,    /* request going out, no answer yet */
	ATTEMPT_BODY,    /* response body coming in */
	ATTEMPT_DONE,
};

enum attempt_fail {
	FAIL_RESOLVE,
	FAIL_CONNECT,
	FAIL_TLS,
	FAIL_PROXY,
	FAIL_RESET,     /* closed or reset before a complete head */
	FAIL_MALFORMED, /* not HTTP as we accept it */
	FAIL_ENCODED,   /* a Content-Encoding we did not offer */
	FAIL_TIMEOUT_CONNECT,
	FAIL_TIMEOUT_FIRST_BYTE,
	FAIL_TIMEOUT_BETWEEN,
	FAIL_TIMEOUT_SEND,
	FAIL_TIMEOUT_TOTAL,
	FAIL_TRUNCATED, /* in the middle of the body */
	FAIL_CREDENTIALS,
	FAIL_NO_CREDENTIAL, /* ours has expired and could not be fetched anew */
};

struct attempt {
	unsigned magic;
	enum attempt_state state;
	struct req *req;
	const struct route_target *route;
	struct target *target;
	const struct provider *provider;
	const struct pool_key *key; /* it is sent with; NULL: the target has no several */
	struct upconn *up;          /* attached while in use */
	bool reused;                /* on a kept-alive connection */
	bool got_byte;              /* any byte of an answer */
	uint64_t sent_before;       /* on the connection: stream.sent when it was taken */
	bool paused;                /* upstream not read: the client's queue is full */
	bool send_done;
	bool send_failed; /* the provider stopped taking a streamed body; its answer may still be
			     readable */
	struct iovec iov[ATTEMPT_IOV]; /* head and body spans still to be sent */
	int iov_at, iov_n;
	char chunk_head[20];          /* upload: size line of the chunk being written */
	size_t chunk_bytes;           /* upload: bytes of the queue that iov covers */
	bool last_chunk;              /* upload: the end was put into iov */
	struct timer clock;           /* first byte, between bytes, send stall */
	enum attempt_fail clock_fail; /* what its firing means */
	mono_us sent_at;
	struct http1_body body;
	bool keep;               /* connection reusable after the body */
	struct refusal *refusal; /* our key was refused: what the body says of it */
	bool no_credential;      /* it could not be built: there is none that is valid */
	bool looking;            /* waits for all of an error, to see what it is about */
	bool look_over;          /* not any more: it is taken as it is */
	enum error_class error_is;
	uint64_t error_retry_ms; /* 429: when to come back, as its body says; 0: it does not */
};

/* Begin with r->route. The answer comes through the sinks, or the request is rerouted or failed. */
void attempt_start(struct req *r);
/* Drop it: the connection is closed unless its exchange is complete. */
void attempt_cancel(struct attempt *a);

/* ---- from uppool */
void attempt_on_connected(struct attempt *a, struct upconn *u, bool reused);
void attempt_on_connect_failed(struct attempt *a, enum attempt_fail why, const char *text);
void attempt_on_ready(struct attempt *a, unsigned ready);

/* ---- from the request */
void attempt_resume_read(struct attempt *a);
void attempt_pump_upload(struct attempt *a);

void attempt_on_total_clock(struct attempt *a);

const char *attempt_fail_text(enum attempt_fail f);

#endif

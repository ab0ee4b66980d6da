/*
 * sim_conn.h: one client connection: reads requests, in order, and sends answers, at the pace and
 * with the faults asked for.
 *
 *	IDLE/HEAD -> BODY -> serve -> ANSWER (hold, generate, flush) -> HEAD ...
 *	                                  \-> LINGER (answer sent, waiting for the peer to close)
 *
 * On its worker's thread.
 */
#ifndef TG_SIM_CONN_H
#define TG_SIM_CONN_H

#include "io/stream.h"
#include "proto/http1_body.h"
#include "sim/sim_req.h"
#include "sim/sim_server.h"

struct sim_conn {
	unsigned magic;
#define SIM_CONN_MAGIC 0x53494d43
	enum { SIM_CONN_HEAD, SIM_CONN_BODY, SIM_CONN_ANSWER, SIM_CONN_LINGER } state;
	struct list node;
	struct sim_worker *w;
	struct stream s;
	struct event timer;
	struct sim_buf in; /* received, not used */
	struct str cur;    /* during a turn: what is to be used, in w->rbuf or in `in` */
	size_t head_scan;
	struct http1_body body;
	bool eof, trap; /* trap: dies when the next request comes */
	bool blocked;   /* the socket took no more */

	struct sim_req *r; /* NULL between requests */
	struct sim_buf out;
	size_t out_off;
	bool generated; /* nothing more will be appended to out */
	bool stalled;
	uint64_t sent;       /* bytes of this answer */
	struct sim_buf ends; /* struct event_end of events not sent whole, a queue */
	size_t ends_off;
	uint64_t delivered_events,
		delivered_tokens;          /* of this answer: the socket took them whole */
	int64_t hold_us;                   /* nothing is sent before */
	int64_t due_us;                    /* the next event is not generated before */
	int64_t drip_us, kill_us, read_us; /* next small piece; the end; next body read (0: now) */
	uint64_t read_budget;
};

void sim_conn_new(struct sim_worker *w, int fd, bool tls);
/* The process ends: what is open is recorded as cancelled. Frees c. */
void sim_conn_abandon(struct sim_conn *c);

#endif

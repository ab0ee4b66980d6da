/*
 * sim_serve.h: the life of a request between its head and its ledger line. Worker's thread.
 */
#ifndef TG_SIM_SERVE_H
#define TG_SIM_SERVE_H

#include "sim/sim_req.h"
#include "sim/sim_server.h"

/* Parses a complete head, finds the route, reads the knobs. NULL with *err when the head is
 * refused. */
struct sim_req *sim_req_begin(
	struct sim_worker *w, struct str head, enum http_error *err) TG_MUST_CHECK;
void sim_req_body(struct sim_req *r, struct str data);
/* The body is complete: answers into out. */
void sim_req_serve(struct sim_req *r, struct sim_buf *out);

struct sim_outcome {
	bool completed, cancelled, usage_delivered;
	uint64_t delivered_events, delivered_tokens, sent;
};

/* Writes the ledger line and frees r. */
void sim_req_end(struct sim_req *r, const struct sim_outcome *o);

/* An empty buffer with memory, and back. */
struct sim_buf sim_worker_buf_take(struct sim_worker *w);
void sim_worker_buf_give(struct sim_worker *w, struct sim_buf *b);

#endif

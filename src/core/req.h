/*
 * req.h: one request, from its head to its settlement. Lives in its own arena on its connection's
 * worker. Pointers from outside that worker, or that may outlive it, go through a ticket.
 */
#ifndef TG_CORE_REQ_H
#define TG_CORE_REQ_H

#include "base/arena.h"
#include "core/conn.h"
#include "core/bound.h"
#include "core/ceiling.h"
#include "core/clamp.h"
#include "core/endpoint.h"
#include "core/health.h"
#include "core/key_pool.h"
#include "core/leg.h"
#include "core/module.h"
#include "core/plan.h"
#include "core/sink.h"
#include "ledger/journal.h"
#include "proto/http1_body.h"
#include "proto/json_edit.h"
#include "proto/url.h"

#define REQ_MAGIC  0x52455154
#define REQ_ID_LEN 28 /* "req_" and 24 hex digits */

struct attempt;
struct shadow_job;
struct hedge;
struct translate;
struct upload;

enum req_end { /* why it ended: `end` of the access log and of the ledger */
#define X(id, name, code) END_##id = (code),
#include "ledger/tbl/ends.h"
#undef X
};

struct ticket { /* the only pointer to a request from elsewhere; the holder keeps it after the
		   request died */
	struct mail mail; /* for waiters on other threads */
	struct req *req;  /* NULL: died */
	struct worker *w;
};

struct req_clock { /* microseconds since the request's first byte; 0: did not happen */
	int64_t head, body, sent, first_byte, done;
};

struct req_wire {                    /* what the leg in work speaks, with its provider */
	struct translate *translate; /* NULL: the client's own dialect */
	enum meter_api meter;        /* else: its answer is read by */
};

struct req_tokens {
	uint64_t input, output;
};

struct req_meter { /* who reads the usage out of the answer */
	/* How good the figures are that came so far. */
	enum usage_source (*source)(const struct req *r);
	/* Has the end marker come, of an answer that has one? */
	bool (*whole)(const struct req *r);
	/* What is to be charged: the figures, or (estimate) with what is missing estimated. Sets
	 * the request's model_served, service_tier and the like, too. */
	void (*usage)(struct req *r, bool estimate, struct usage *out);
	/* Is nothing in an estimate a guess? */
	bool (*counted)(const struct usage *u);
};

struct req {
	unsigned magic;
	struct worker *w;
	struct conn *conn;
	struct conf_ref *conf_ref;
	struct tg_conf *conf;
	struct arena arena;
	struct ticket *ticket; /* outstanding, or NULL */
	unsigned step;         /* index into tg_steps */
	bool running;          /* inside the step loop: resumes are noted, not nested */
	bool resumed;
	bool settled;     /* over: only its memory is left, until the end of the turn */
	struct list node; /* worker.dead_reqs then */

	/* ---- what the client sent */
	struct url_target url;
	struct endpoint_match ep;
	enum dialect dialect; /* to answer errors in */
	enum body_kind body_kind;
	struct http1_body body_in; /* decoder */
	struct str view;           /* received bytes behind the head, being consumed */
	char *body;                /* collected body (JSON) */
	size_t body_len, body_cap;
	bool body_pooled; /* from the block pool, not the arena */
	bool body_done;
	mono_us rate_from;     /* begin of the window over which the client's body rate is taken */
	uint64_t rate_bytes;   /* body_in.total then */
	bool body_begun;       /* the READ step has decided how */
	bool body_direct;      /* known length: read straight into `body` */
	struct upload *upload; /* streamed body */
	mono_us start;         /* first byte of the head */
	wall_us start_wall;
	struct req_clock at;

	/* ---- who and what */
	char id[REQ_ID_LEN + 1];
	struct rec_id rec_id; /* the same as numbers */
	const struct key *key;
	const struct tenant *tenant;
	struct str tags_json; /* merged, JSON object */
	struct str session, end_user;
	struct str model_asked;
	struct model *model;       /* NULL: a path without a model; in the end what serves */
	struct model *model_first; /* before any fallback */
	bool stream;               /* the body says "stream": true */
	bool added_usage;          /* we added stream_options.include_usage */
	struct target *forced;     /* /{target}/... */
	struct ip client; /* who asks: the peer, or as a trusted proxy says; unset: no address */
	char client_text[IP_TEXT_LEN]; /* the same, NUL-terminated; "unix" */
	uint64_t client_hash;          /* it is counted for the client; 0: with its connection */
	struct geo_place place;        /* where the client is */
	uint64_t residency;            /* bit per rule of the plan's that holds for it */
	struct json_edit edit;         /* of the collected body */
	bool model_inserted;           /* the edit adds the member (Azure's paths name the model) */
	int model_edit;         /* which edit puts the target's model name in; -1: the name stays */
	int usage_edit;         /* which one asks for a stream's usage; -1: none */
	struct clamp clamp;     /* of the answer's length */
	struct ceiling ceiling; /* of its cost: what it says itself, or its key */

	const struct shadow_job *shadow; /* it is a copy of another; NULL: it is not */
	struct hedge *hedge;             /* it may get a twin, or is one; NULL: neither */

	/* ---- upstream */
	uint64_t tried;       /* bit per route index */
	uint64_t least_input; /* tokens that the prompt certainly has: capable_least_input */
	const struct plan_rule *rule;     /* that decided; NULL: none */
	const struct preset *preset;      /* of a rule or the client; NULL: the model's */
	uint8_t fallback_at;              /* how many of model_first's were looked at */
	struct route_use use;             /* where it is now */
	struct key_use keys;              /* which key it goes with, of a target that has several */
	bool is_degraded;                 /* a guardrail put a cheaper model in place; */
	struct str degraded;              /* which one and why, for x-tollgate-degraded */
	struct str route_text;            /* x-tollgate-route, when it was asked for */
	const struct route_target *route; /* chosen */
	struct route_target path_route;   /* when there is no model */
	struct req_wire wire;             /* chosen with it */
	struct translate *translate;      /* made for the first leg that needs it */
	struct attempt *attempt;
	unsigned n_attempts;
	bool free_retry_used;
	bool fresh;         /* the next connection must not be a kept-alive one */
	int drained_status; /* what the client has seen then */
	enum req_end drained_end;
	bool any_sent;      /* of any leg, bytes reached the provider */
	bool drained;       /* the client has gone; the answer is read on to learn its cost */
	struct timer total; /* upstream total clock */

	/* ---- the answer */
	struct sink *sinks;      /* first in the chain */
	struct sink client_sink; /* last */
	struct respond *respond;
	int status; /* sent to the client; 0: none yet */
	enum tg_error error;
	enum req_end end;
	bool keep_alive;
	bool head_sent; /* response bytes were committed */
	uint64_t bytes_in, bytes_out;

	/* ---- what it cost */
	struct bound bound;             /* from the body: what it may use */
	struct leg leg;                 /* the exchange in work, or the last */
	struct rec_money spent;         /* on legs that are over */
	struct req_tokens spent_tokens; /* the same */
	wall_us charged_at;      /* in the ledger: the start, or later: when the periods that it is
				    charged to had begun */
	struct str reply_fields; /* of a refusal: field lines */
	struct str denied;       /* the account that refused it */
	struct str quota_fields; /* field lines: what is left of its limits */
	struct journal_hold hold;
	const struct req_meter *meter; /* reads the answer; NULL: nobody does */
	struct str model_served;       /* as the provider said */
	struct str service_tier, served_region;
	struct str variant;     /* what an image's or a film's price depends on: "hd/1024x1792" */
	struct str extra_model; /* what another model used on the way: extra */
	struct usage extra;
	bool has_extra;
	pico_usd cost_reported; /* by the provider itself */
	bool has_cost_reported;
	uint32_t generations; /* images, films, speeches */
	bool metered;         /* reached a provider through a path that is billed */
	int64_t overhead_us;  /* spent in the gateway before the request was sent, without waiting
				 for its body */
	bool usage_reported;  /* the headers or the stream told the client */

	struct http_head head; /* last: not zeroed */
			       /* the modules' bytes follow */
};

/* A complete head (head_len bytes at `bytes`); the rest is the view. Runs the pipeline. */
void req_start(struct conn *c, struct str bytes, size_t head_len, mono_us first_byte);
/* Answer a malformed head; no pipeline, the connection closes. */
void req_refuse(struct conn *c, enum http_error err);

/* The step loop (run.c): from r->step on, until a step parks or answers. */
void req_run(struct req *r);
/* The leg is over and charged: its money joins `spent`. */
void req_spend(struct req *r);
/* Into the metrics, as a charge of its own target; once a leg. */
void req_count_leg(struct req *r, const struct leg *l);
/* The waiter of a parked request: run on. */
void req_resume(struct req *r);
/* Back to ROUTE: the one backward edge, only before response bytes were committed. */
void req_reroute(struct req *r);
/* The same target once more, on a fresh connection. */
void req_resend(struct req *r);
/* The client is gone or too slow: cancel everything, settle. */
void req_abort(struct req *r, enum req_end why);
/* The answer has been handed to the connection completely: settle and give the connection back. */
void req_finish(struct req *r, enum req_end why);

/* The core's own step of stage READ: collect or stream the body (body.c). */
enum step_rc req_step_read(struct req *r);
/* Answered before the body was looked at: drop what of it has come, so that the connection can stay
 * (body.c). */
void body_discard(struct req *r);
/* The client is read from again after a pause of ours: its rate counts from here (body.c). */
void body_rate_restart(struct req *r);
/* Frees what settled requests left behind: end of the turn. */
void req_reap(struct worker *w);

struct ticket *req_ticket(struct req *r);
void ticket_give(struct ticket *t); /* the holder is done with it */

/* The client's queue drained below the low mark. */
void req_client_writable(struct req *r);
/* The connection is readable and the request's body is not complete. */
void req_body_readable(struct req *r);
/* The connection's clock fired: the body did not come, or the answer was not taken. */
void req_client_timeout(struct req *r);

#endif

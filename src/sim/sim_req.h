/*
 * sim_req.h: one request being received or answered, and the calls with which a dialect answers it.
 *
 *	head -> sim_route_find -> body (collected | parsed as form | counted) -> route->serve(r)
 *	serve() composes with exactly one of sim_answer_json, _bytes, _stream, _error
 *	streams: the server calls r->next(r, ev) for each event, at the pace and for as long as the
 *	client takes them
 *
 * Owned by its connection, on its worker's thread.
 */
#ifndef TG_SIM_REQ_H
#define TG_SIM_REQ_H

#include <stdbool.h>

#include "base/clock.h"
#include "proto/http1_head.h"
#include "proto/json_scan.h"
#include "sim/sim_conf.h"
#include "sim/sim_form.h"
#include "sim/sim_ledger.h"

#define SIM_UNSET UINT64_MAX

struct sim_req;
struct sim_worker;
typedef struct evp_md_ctx_st EVP_MD_CTX;

enum sim_error { /* what went wrong, worded by each dialect */
	SIM_E_BAD_REQUEST,
	SIM_E_UNAUTHORIZED,
	SIM_E_FORBIDDEN,
	SIM_E_NOT_FOUND,
	SIM_E_MODEL,
	SIM_E_TOO_LARGE,
	SIM_E_RATE,
	SIM_E_QUOTA,
	SIM_E_INTERNAL,
	SIM_E_OVERLOADED,
	SIM_E_OTHER,
};

/* How a host's chat differs from OpenAI's that it copies. */
struct sim_manner {
	/* Of a stream: in a chunk of its own when asked for; in the last choice's chunk, asked for
	 * or not; in every chunk, of all of it so far. */
	enum { SIM_USAGE_ASKED, SIM_USAGE_LAST, SIM_USAGE_EVERY } usage;
	bool refuses_options;  /* stream_options is a 422 */
	bool filter_chunk;     /* first comes what a filter says of the prompt, without choices */
	bool waits_aloud;      /* comments in streams, blank lines in front of other answers */
	bool reasoning_beside; /* not inside the completion tokens, but in the total */
	bool hit_tokens;       /* cached and other prompt tokens under names of its own, too */
	bool usage_twice;      /* once more, in x_groq */
	bool done_chunk;       /* ends with a chunk that says so, not with [DONE] */
	const char *stop;      /* its word for the natural end; NULL: stop */
};

struct sim_dialect {
	struct str name;    /* in the ledger */
	bool retry_in_body; /* says when to come back in its error bodies, not in retry-after */
	bool signs; /* a request may be signed instead of carrying a key: check() sees to it */
	bool model_in_path; /* what the body says of it does not count */
	struct sim_manner chat;
	/* Before a request is served: 0, or -1 after answering. NULL: nothing. */
	int (*check)(struct sim_req *);
	/* Appends the vendor's constant and per-time response fields. */
	void (*put_headers)(struct sim_req *, struct sim_buf *);
	/* Appends the error body. param may be empty. */
	void (*put_error)(struct sim_req *, struct sim_buf *, int status, enum sim_error,
		struct str message, struct str param);
	/* Appends an SSE event that reports a failure in mid-stream. */
	void (*put_stream_error)(struct sim_req *, struct sim_buf *);
};

enum sim_body_kind { SIM_BODY_JSON, SIM_BODY_FORM, SIM_BODY_NONE /* counted and dropped */ };

struct sim_route {
	const char *method;
	struct str path; /* "{}" stands for one segment */
	const struct sim_dialect
		*dialect; /* NULL: the simulator's own: no key, no faults, no ledger */
	enum sim_body_kind body;
	void (*serve)(struct sim_req *);
};

struct sim_knobs { /* x-sim-* request fields over the command line */
	struct sim_faults fault;
	int64_t retry_after_s; /* -1: none; SIM_RETRY_DEFAULT */
#define SIM_RETRY_DEFAULT -2
	int64_t ttft_us;
	uint64_t tps_milli, read_rate, body_bytes; /* 0: off */
	uint64_t events, output_tokens, cached, cache_write,
		cache_write_1h;                       /* SIM_UNSET: not given */
	uint64_t reasoning, web_searches, cost_ticks; /* cost_ticks: SIM_UNSET: not given */
	/* into the head; empty: not given */
	struct str tag, fault_key, model, service_tier, cost, finish, tool, tool_arguments;
	bool echo;
	enum sim_cancel on_cancel;
};

struct sim_prompt { /* what walking the request's text found (sim_request.c) */
	uint64_t bytes, fixed_tokens, hash;
	uint64_t mark_bytes, mark_hash; /* at the last cache_control */
	bool mark, mark_1h;
	bool user;      /* the text being walked is the user's */
	bool tool_word; /* the last user message says "tool" and nothing has answered it yet */
};

struct sim_plan {                         /* what will be answered */
	uint64_t seed, tokens, events, n; /* of each of n choices */
	uint64_t think_tokens;            /* a visible thinking block (Anthropic) */
	uint64_t pad_bytes;               /* filler in each event (x-sim-body-bytes on a stream) */
	bool tool, cut;                   /* a tool call; ended by the token limit */
	bool shaped;                      /* the text is JSON by a schema: tool_args */
	struct str tool_name;             /* raw JSON text, without quotes */
	struct str tool_space;            /* Responses: the namespace it is in; empty: none */
	struct sim_buf tool_args;
};

enum sim_framing { SIM_LENGTH, SIM_CHUNKED, SIM_TO_CLOSE };

struct sim_req {
	/* received */
	const struct sim_conf *conf;
	struct sim_worker *w;
	struct sim_buf head_copy; /* what head points into */
	struct http_head head;
	struct str path, query; /* of the target, as sent */
	struct str path_arg;    /* what "{}" matched */
	const struct sim_route *route;
	struct sim_knobs knobs;
	struct str knobs_bad; /* a knob's value that could not be read */
	struct sim_buf body;  /* SIM_BODY_JSON: all of it; else its first 4 KB */
	uint64_t body_bytes;
	bool body_too_large;
	EVP_MD_CTX *sha;       /* NULL: not recorded */
	struct sim_form *form; /* SIM_BODY_FORM */
	uint64_t seq, id;      /* id: mixed from seq, in every answer and ledger line */
	wall_us wall;
	const char *date; /* CLOCK_HTTP_LEN bytes, the worker's */

	/* understood */
	struct str model;
	char model_buf[160];
	struct str tier_asked, tier; /* service tier, as asked for and as served; empty: none */
	bool stream, include_usage;
	struct sim_prompt prompt;
	struct sim_plan plan;
	struct sim_usage usage;            /* of the whole answer */
	uint64_t usage_image, usage_audio; /* of usage.input, where the answer tells them */

	/* being answered */
	bool answered; /* one of sim_answer_* was called */
	int status;
	enum sim_framing framing;
	size_t head_bytes;                                  /* of the answer */
	struct sim_buf *out;                                /* the connection's output */
	struct sim_buf json;                                /* scratch for bodies */
	bool (*next)(struct sim_req *, struct sim_buf *ev); /* false: this was the last piece */
	bool sse;
	struct sim_buf ev;               /* scratch for one piece */
	uint64_t step;                   /* the dialect's own position */
	uint64_t n_events, events_total; /* generated; expected */
	uint64_t fill_left, fill_at;     /* bulk: filler bytes still to come, and made */
	size_t fill_tail;                /* bulk: where the tail begins in json */
	bool fill_binary;
	int64_t delay_us; /* before the first byte; INT64_MAX: never */
	uint64_t limit;   /* response bytes that may be sent; then `kill` */
	enum { SIM_KILL_NONE, SIM_KILL_FIN, SIM_KILL_RESET } kill;
	bool close; /* the connection ends with this answer, and says so */
	/* set by next() for the event it made */
	uint64_t ev_tokens, ev_reasoning, ev_searches;
	bool ev_usage;
	size_t ev_end; /* in `out`: behind the event's last byte */
	/* what has been generated */
	uint64_t gen_tokens, gen_reasoning, gen_searches;
	uint64_t usage_event; /* 1-based, 0 none */
	void *gzip;           /* z_stream */
	bool refused;         /* an error answer: nothing is billed */
	bool shows_usage;
	bool input_only; /* its usage tells no output, */
	bool by_unit;    /* or no tokens at all: it is billed by image, character or second */
	bool failed;     /* ended with an error event */
};

/* ---- sim_request.c: understanding */
/* Reads x-sim-* fields and draws the rate faults. -1: *bad says what is wrong. */
int sim_knobs_read(struct sim_req *r, uint64_t *rng, struct str *bad) TG_MUST_CHECK;
/* Adds the text of a prompt value of any shape: string, parts, messages, items. */
void sim_prompt_walk(struct sim_prompt *p, const struct json_val *v);
/* Adds one string, by the role that p has. */
void sim_prompt_text(struct sim_prompt *p, const struct json_val *v);
/* Adds a value's raw bytes (tool definitions). */
void sim_prompt_raw(struct sim_prompt *p, const struct json_val *v);
/* Scans the JSON body for the watches; answers 400 and returns -1 when it is not an object. */
int sim_body_scan(struct sim_req *r, struct json_watch *w, size_t n) TG_MUST_CHECK;
/* The object that is the body's member `key` becomes the body, where there is one. */
void sim_body_unwrap(struct sim_req *r, struct str key);
/* Takes the model; answers 400 or 404 and returns -1 when missing or called "unknown...". */
int sim_take_model(struct sim_req *r, const struct json_val *v) TG_MUST_CHECK;
int sim_take_model_text(struct sim_req *r, struct str model) TG_MUST_CHECK;
/* The model that the answer names: x-sim-model, else the one asked for. */
static inline struct str sim_served(const struct sim_req *r)
{
	return r->knobs.model.n != 0 ? r->knobs.model : r->model;
}
/* The key it came with: Authorization, x-api-key, x-goog-api-key or api-key. */
struct str sim_api_key(const struct sim_req *r);
/* Service tiers, from the body's member; `standard` is the vendor's word for none in particular. */
#define SIM_TIER_MAX 32
void sim_take_tier(struct sim_req *r, const struct json_val *v, struct str standard);
/* Appends members of a usage object: the cost, where x-sim-cost or x-sim-cost-ticks say one. */
void sim_put_cost(struct sim_req *r, struct sim_buf *b);
/* Built-in searches this answer begins with. */
#define SIM_MAX_SEARCHES 100
/* An optional count: `otherwise` when absent, null or not a number. */
uint64_t sim_count(const struct json_val *v, uint64_t otherwise);
/*
 * Decide length, events, tool call and usage from prompt, knobs and max_tokens (SIM_UNSET: none).
 * tool_name raw and empty: no tool call.
 */
void sim_plan_make(struct sim_req *r, uint64_t max_tokens, uint64_t n, struct str tool_name,
	const struct json_val *tool_schema);
/* JSON by the schema that the body has for its answer. False: it has none. */
bool sim_put_shape(struct sim_req *r, struct sim_buf *b, uint64_t seed);
/*
 * What is billed: everything when the answer was completed, is not a stream or has told its usage,
 * else the prompt and what was generated; nothing for refused requests.
 */
struct sim_usage sim_usage_billed(const struct sim_req *r, bool completed);
/* What the answer reports: the truth but for wrong-usage. */
struct sim_usage sim_usage_shown(const struct sim_req *r);
static inline bool sim_usage_hidden(const struct sim_req *r)
{
	return sim_fault_has(&r->knobs.fault, SIM_F_NO_USAGE);
}
/*
 * Which tool to call, if any: choice and tools as in each vendor's shape (name in the tool, or in
 * its "function"). *schema gets the parameters. Empty when none.
 */
struct str sim_pick_tool(struct sim_req *r, const struct json_val *tools,
	const struct json_val *choice, struct json_val *schema);
/* Content of choice c's event k (0-based): raw JSON text, needs no escapes for text, has them for
 * tools. */
void sim_put_piece(struct sim_req *r, struct sim_buf *b, uint64_t choice, uint64_t event);
/* All of choice c's text; only its beginning when it is padded (the events carry it). */
void sim_put_text(struct sim_req *r, struct sim_buf *b, uint64_t choice);
/* Tokens in event k of a choice. */
uint64_t sim_piece_tokens(const struct sim_req *r, uint64_t event);

/* ---- sim_answer.c: answering; each ends serve() */
void sim_answer_error(
	struct sim_req *r, int status, enum sim_error e, struct str message, struct str param);
/* Sends r->json. shows_usage says whether it reports usage. */
void sim_answer_json(struct sim_req *r, int status, bool shows_usage);
void sim_answer_body(
	struct sim_req *r, int status, struct str type, bool shows_usage); /* other types */
/* n filler bytes behind what r->json holds, with a length or chunked. */
void sim_answer_bytes(struct sim_req *r, struct str type, uint64_t n, bool chunked);
/* An SSE stream of about `events` events. */
void sim_answer_stream(
	struct sim_req *r, bool (*next)(struct sim_req *, struct sim_buf *), uint64_t events);
/* The same pace and faults for what is framed otherwise. */
#define SIM_TYPE_SSE  STR("text/event-stream; charset=utf-8")
#define SIM_TYPE_JSON STR("application/json; charset=UTF-8")
void sim_answer_stream_as(struct sim_req *r, struct str type,
	bool (*next)(struct sim_req *, struct sim_buf *), uint64_t events);
/* Makes the next piece (SSE event or bulk), faults included, and frames it onto r->out. */
enum sim_gen { SIM_GEN_MORE, SIM_GEN_DONE, SIM_GEN_STALLED };
enum sim_gen sim_answer_generate(struct sim_req *r);
void sim_answer_fini(struct sim_req *r);

#endif

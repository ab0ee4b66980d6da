/*
 * dialect_cohere.c: Cohere's /v2/chat, whole and streamed.
 *
 * Stream positions (r->step): message-start, content-start (tool-call-start), events pieces,
 * content-end (tool-call-end), message-end.
 */
#include "sim/dialect.h"
#include "sim/sim_text.h"

#define PROMPT_TOKENS 495 /* the vendor's own prompt: processed and not billed */

static void cohere_put_headers(struct sim_req *r, struct sim_buf *o)
{
	sim_buf_lit(o, "num_chars: 100\r\nx-debug-trace-id: ");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\nserver: envoy\r\nvia: 1.1 google\r\n");
}

static void cohere_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)status;
	(void)param;
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR(""));
	sim_buf_lit(b, "\",\"message\":");
	sim_buf_quote(b, e == SIM_E_UNAUTHORIZED ? STR("invalid api token") : message);
	sim_buf_lit(b, "}\n");
}

static void cohere_put_stream_error(struct sim_req *r, struct sim_buf *b)
{
	(void)r;
	sim_buf_lit(b, "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{"
		       "\"finish_reason\":\"ERROR\",\"error\":\"Simulated failure in mid-stream\"}}"
		       "\n\n");
}

const struct sim_dialect sim_cohere = {
	.name = { "cohere", 6 },
	.put_headers = cohere_put_headers,
	.put_error = cohere_put_error,
	.put_stream_error = cohere_put_stream_error,
};

static struct str finish_reason(const struct sim_req *r)
{
	return r->plan.tool  ? STR("\"TOOL_CALL\"")
	       : r->plan.cut ? STR("\"MAX_TOKENS\"")
			     : STR("\"COMPLETE\"");
}

static void put_pair(struct sim_buf *b, const char *name, uint64_t in, uint64_t out)
{
	sim_buf_fmt(b, "\"%s\":{\"input_tokens\":%llu,\"output_tokens\":%llu}", name,
		(unsigned long long)in, (unsigned long long)out);
}

static void put_usage(struct sim_req *r, struct sim_buf *b)
{
	struct sim_usage u = sim_usage_shown(r);
	uint64_t out = u.output + u.reasoning;

	if (sim_usage_hidden(r))
		return;
	sim_buf_lit(b, ",\"usage\":{");
	put_pair(b, "billed_units", u.input, out);
	sim_buf_lit(b, ",");
	put_pair(b, "tokens", u.input + PROMPT_TOKENS, out + 3);
	sim_buf_lit(b, "}");
}

static void put_call(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "{\"id\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_put_id(r, b, STR("_"));
	sim_buf_lit(b, "\",\"type\":\"function\",\"function\":{\"name\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_buf_lit(b, "\",\"arguments\":\"");
}

/* ---- streamed */

static void ev_open(struct sim_buf *b, const char *type)
{
	sim_buf_fmt(b, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void ev_start(struct sim_req *r, struct sim_buf *b)
{
	ev_open(b, "message-start");
	sim_buf_lit(b, ",\"id\":\"");
	sim_put_id(r, b, STR(""));
	sim_buf_lit(b, "\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],"
		       "\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}\n\n");
}

static void ev_block(struct sim_req *r, struct sim_buf *b)
{
	ev_open(b, r->plan.tool ? "tool-call-start" : "content-start");
	sim_buf_lit(b, ",\"index\":0,\"delta\":{\"message\":{");
	if (r->plan.tool) {
		sim_buf_lit(b, "\"tool_calls\":");
		put_call(r, b);
		sim_buf_lit(b, "\"}}}}}\n\n");
	} else {
		sim_buf_lit(b, "\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\n");
	}
}

static void ev_delta(struct sim_req *r, struct sim_buf *b, uint64_t event)
{
	ev_open(b, r->plan.tool ? "tool-call-delta" : "content-delta");
	sim_buf_lit(b, ",\"index\":0,\"delta\":{\"message\":{");
	sim_buf_add(b, r->plan.tool ? STR("\"tool_calls\":{\"function\":{\"arguments\":\"")
				    : STR("\"content\":{\"text\":\""));
	sim_put_piece(r, b, 0, event);
	sim_buf_add(b, r->plan.tool ? STR("\"}}}}}\n\n") : STR("\"}}}}\n\n"));
	r->ev_tokens = sim_piece_tokens(r, event);
}

static bool chat_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++, end = 2 + r->plan.events;

	if (step == 0) {
		ev_start(r, b);
	} else if (step == 1) {
		ev_block(r, b);
	} else if (step < end) {
		ev_delta(r, b, step - 2);
	} else if (step == end) {
		ev_open(b, r->plan.tool ? "tool-call-end" : "content-end");
		sim_buf_lit(b, ",\"index\":0}\n\n");
	} else {
		ev_open(b, "message-end");
		sim_buf_lit(b, ",\"delta\":{\"finish_reason\":");
		sim_buf_add(b, finish_reason(r));
		put_usage(r, b);
		sim_buf_lit(b, "}}\n\n");
		r->ev_usage = !sim_usage_hidden(r);
		return false;
	}
	return true;
}

/* ---- whole */

static void answer_whole(struct sim_req *r)
{
	struct sim_buf *b = &r->json;

	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR(""));
	sim_buf_lit(b, "\",\"message\":{\"role\":\"assistant\",");
	if (r->plan.tool) {
		sim_buf_lit(b, "\"tool_plan\":\"I will look.\",\"tool_calls\":[");
		put_call(r, b);
		for (uint64_t i = 0; i < r->plan.events; i++)
			sim_put_piece(r, b, 0, i);
		sim_buf_lit(b, "\"}}]");
	} else {
		sim_buf_lit(b, "\"content\":[{\"type\":\"text\",\"text\":\"");
		sim_put_text(r, b, 0);
		sim_buf_lit(b, "\"}]");
	}
	sim_buf_lit(b, "},\"finish_reason\":");
	sim_buf_add(b, finish_reason(r));
	put_usage(r, b);
	sim_buf_lit(b, "}\n");
	sim_answer_json(r, 200, true);
}

enum { MODEL, MESSAGES, TOOLS, CHOICE, STREAM, MAX, N_WATCH };

static int take_prompt(struct sim_req *r, struct json_watch w[N_WATCH])
{
	static const struct str key[N_WATCH] = { { "model", 5 }, { "messages", 8 }, { "tools", 5 },
		{ "tool_choice", 11 }, { "stream", 6 }, { "max_tokens", 10 } };

	for (unsigned i = 0; i < N_WATCH; i++)
		w[i] = (struct json_watch){ .key = key[i] };
	if (sim_body_scan(r, w, N_WATCH) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return -1;
	if (w[MESSAGES].val.type != JSON_ARRAY) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("invalid request: messages is required"), STR_NONE);
		return -1;
	}
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	sim_prompt_walk(&r->prompt, &w[MESSAGES].val);
	return 0;
}

/* Its words are in capitals; of caches it tells nothing that is billed. */
void sim_cohere_chat(struct sim_req *r)
{
	struct json_val schema = { 0 }, choice;
	struct json_watch w[N_WATCH];
	struct str tool;

	if (take_prompt(r, w) != 0)
		return;
	choice = w[CHOICE].val;
	if (str_eq(choice.raw, STR("\"REQUIRED\"")))
		choice.raw = STR("\"required\"");
	else if (str_eq(choice.raw, STR("\"NONE\"")))
		choice.raw = STR("\"none\"");
	r->stream = json_true(&w[STREAM].val);
	r->knobs.cached = r->knobs.cache_write = r->knobs.cache_write_1h = SIM_UNSET;
	tool = sim_pick_tool(r, &w[TOOLS].val, &choice, &schema);
	sim_plan_make(r, sim_count(&w[MAX].val, SIM_UNSET), 1, tool, &schema);
	if (r->stream)
		sim_answer_stream(r, chat_next, r->plan.events + 4);
	else
		answer_whole(r);
}

/*
 * dialect_openai_chat.c: /v1/chat/completions and /v1/completions, whole and streamed.
 *
 * Stream positions (r->step): what a filter says of the prompt (Azure), then 0..n-1 the role of
 * each choice (chat), then events * n pieces, choice by turns, then n ends, then the usage chunk
 * when asked for, then [DONE]. What hosts that copy it do otherwise: struct sim_manner.
 */
#include "sim/dialect.h"
#include "sim/sim_text.h"

static bool is_chat(const struct sim_req *r)
{
	return r->route->serve == sim_openai_chat;
}

/* {"id":...,"object":...,"created":...,"model":..., */
static void put_intro(struct sim_req *r, struct sim_buf *b, struct str object)
{
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, is_chat(r) ? STR("chatcmpl-") : STR("cmpl-"));
	sim_buf_lit(b, "\",\"object\":\"");
	sim_buf_add(b, object);
	sim_buf_lit(b, "\",\"created\":");
	sim_buf_u64(b, sim_created(r));
	sim_buf_lit(b, ",\"model\":");
	sim_buf_quote(b, sim_served(r));
	sim_buf_lit(b, ",\"service_tier\":");
	sim_buf_quote(b, r->tier);
	sim_buf_lit(b, ",\"system_fingerprint\":\"fp_sim\",");
}

static const struct sim_manner *manner(const struct sim_req *r)
{
	return &r->route->dialect->chat;
}

static void put_finish(const struct sim_req *r, struct sim_buf *b)
{
	const char *stop = manner(r)->stop != NULL ? manner(r)->stop : "stop";

	sim_buf_fmt(b, "\"%s\"", r->plan.tool ? "tool_calls" : r->plan.cut ? "length" : stop);
}

static void put_call_id(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "\"id\":\"");
	sim_put_id(r, b, STR("call_"));
	sim_buf_lit(b, "\",\"type\":\"function\",\"function\":{\"name\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_buf_lit(b, "\",\"arguments\":\"");
}

/* ---- streamed */

static void put_role(struct sim_req *r, struct sim_buf *b)
{
	if (r->plan.tool) {
		sim_buf_lit(b, "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_"
			       "calls\":[{"
			       "\"index\":0,");
		put_call_id(r, b);
		sim_buf_lit(b, "\"}}]}");
	} else {
		sim_buf_lit(b, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
	}
}

static void put_delta(struct sim_req *r, struct sim_buf *b, uint64_t choice, uint64_t event)
{
	if (r->plan.tool) {
		sim_buf_lit(b, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"");
		sim_put_piece(r, b, choice, event);
		sim_buf_lit(b, "\"}}]}");
	} else {
		sim_buf_lit(b, "{\"content\":\"");
		sim_put_piece(r, b, choice, event);
		sim_buf_lit(b, "\"}");
	}
	r->ev_tokens = sim_piece_tokens(r, event);
}

/* The choice in a chunk: delta (chat) or text (completions). */
static void put_choice(struct sim_req *r, struct sim_buf *b, uint64_t step)
{
	const struct sim_plan *p = &r->plan;
	uint64_t roles = is_chat(r) ? p->n : 0, pieces = p->events * p->n;
	bool end = step >= roles + pieces;

	sim_buf_lit(b, "{\"index\":");
	sim_buf_u64(b, step < roles ? step : (step - roles - (end ? pieces : 0)) % p->n);
	if (!is_chat(r)) {
		sim_buf_lit(b, ",\"text\":\"");
		if (!end)
			sim_put_piece(r, b, step % p->n, step / p->n);
		sim_buf_lit(b, "\"");
		r->ev_tokens = end ? 0 : sim_piece_tokens(r, step / p->n);
	} else {
		sim_buf_lit(b, ",\"delta\":");
		if (step < roles)
			put_role(r, b);
		else if (end)
			sim_buf_lit(b, "{}");
		else
			put_delta(r, b, (step - roles) % p->n, (step - roles) / p->n);
	}
	sim_buf_lit(b, ",\"logprobs\":null,\"finish_reason\":");
	if (end)
		put_finish(r, b);
	else
		sim_buf_lit(b, "null");
	sim_buf_lit(b, "}");
}

static void put_last_usage(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, ",\"usage\":");
	sim_openai_put_usage(r, b);
	if (manner(r)->usage_twice) {
		sim_buf_lit(b, ",\"x_groq\":{\"usage\":");
		sim_openai_put_usage(r, b);
		sim_buf_lit(b, "}");
	}
	r->ev_usage = true;
}

/* `last`: the chunk in which it is told in full. */
static void put_chunk_usage(struct sim_req *r, struct sim_buf *b, bool last)
{
	if (sim_usage_hidden(r))
		return;
	if (last) {
		put_last_usage(r, b);
	} else if (manner(r)->usage == SIM_USAGE_EVERY) {
		sim_buf_lit(b, ",\"usage\":");
		sim_openai_put_usage_so_far(r, b, r->gen_tokens + r->ev_tokens);
	} else if (r->include_usage) {
		sim_buf_lit(b, ",\"usage\":null");
	}
}

/* Azure's first chunk: no choices, no model, no id. */
static bool filter_next(struct sim_buf *b)
{
	sim_buf_lit(b,
		"data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
		"\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{"
		"\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\n");
	return true;
}

static bool chat_end(struct sim_req *r, struct sim_buf *b)
{
	if (!manner(r)->done_chunk) {
		sim_buf_lit(b, "data: [DONE]\n\n");
		return false;
	}
	sim_buf_lit(b, "data: ");
	put_intro(r, b, STR("chat.completion.done"));
	sim_buf_lit(b, "\"choices\":[]");
	put_chunk_usage(r, b, true);
	sim_buf_lit(b, "}\n\n");
	return false;
}

static bool chat_next(struct sim_req *r, struct sim_buf *b)
{
	const struct sim_plan *p = &r->plan;
	const struct sim_manner *m = manner(r);
	uint64_t step = r->step++, choices = (is_chat(r) ? p->n : 0) + p->events * p->n + p->n;
	bool shows = r->include_usage && !sim_usage_hidden(r) && m->usage == SIM_USAGE_ASKED;

	if (m->filter_chunk && is_chat(r) && step-- == 0)
		return filter_next(b);
	if (step == choices + shows)
		return chat_end(r, b);
	sim_buf_add(b, m->waits_aloud && step == 0 ? STR(": keep-alive\n\ndata: ") : STR("data: "));
	put_intro(r, b, is_chat(r) ? STR("chat.completion.chunk") : STR("text_completion"));
	sim_buf_lit(b, "\"choices\":[");
	if (step < choices)
		put_choice(r, b, step);
	sim_buf_lit(b, "]");
	put_chunk_usage(
		r, b, step == choices || (m->usage == SIM_USAGE_LAST && step + 1 == choices));
	sim_buf_lit(b, "}\n\n");
	return true;
}

/* ---- whole */

static void put_message(struct sim_req *r, struct sim_buf *b, uint64_t choice)
{
	if (r->plan.tool) {
		sim_buf_lit(b, "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
			       "\"annotations\":[],"
			       "\"tool_calls\":[{");
		put_call_id(r, b);
		sim_put_text(r, b, choice);
		sim_buf_lit(b, "\"}}]}");
	} else {
		sim_buf_lit(b, "{\"role\":\"assistant\",\"content\":\"");
		sim_put_text(r, b, choice);
		sim_buf_lit(b, "\",\"refusal\":null,\"annotations\":[]}");
	}
}

static void answer_whole(struct sim_req *r)
{
	struct sim_buf *b = &r->json;

	if (manner(r)->waits_aloud)
		sim_buf_lit(b, "\n\n\n");
	put_intro(r, b, is_chat(r) ? STR("chat.completion") : STR("text_completion"));
	sim_buf_lit(b, "\"choices\":[");
	for (uint64_t c = 0; c < r->plan.n; c++) {
		sim_buf_add(b, c != 0 ? STR(",{\"index\":") : STR("{\"index\":"));
		sim_buf_u64(b, c);
		if (is_chat(r)) {
			sim_buf_lit(b, ",\"message\":");
			put_message(r, b, c);
		} else {
			sim_buf_lit(b, ",\"text\":\"");
			sim_put_text(r, b, c);
			sim_buf_lit(b, "\"");
		}
		sim_buf_lit(b, ",\"logprobs\":null,\"finish_reason\":");
		put_finish(r, b);
		sim_buf_lit(b, "}");
	}
	sim_buf_lit(b, "]");
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(b, ",\"usage\":");
		sim_openai_put_usage(r, b);
	}
	sim_buf_lit(b, "}\n");
	sim_answer_json(r, 200, true);
}

static void take_stream(
	struct sim_req *r, const struct json_val *stream, const struct json_val *options)
{
	struct json_watch w = { STR("include_usage"), { 0 } };
	struct json_fail fail;

	r->stream = json_true(stream);
	if (options->type == JSON_OBJECT && json_scan_member(options, &w, 1, &fail) == 0)
		r->include_usage = json_true(&w.val);
}

static void answer(struct sim_req *r)
{
	const struct sim_plan *p = &r->plan;

	if (r->stream)
		sim_answer_stream(r, chat_next,
			p->n * (p->events + 2) + r->include_usage + manner(r)->filter_chunk + 1);
	else
		answer_whole(r);
}

void sim_openai_chat(struct sim_req *r)
{
	enum { MODEL, MESSAGES, STREAM, OPTIONS, N, MAX, MAX_NEW, TOOLS, CHOICE, TIER };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("messages"), { 0 } },
		{ STR("stream"), { 0 } }, { STR("stream_options"), { 0 } }, { STR("n"), { 0 } },
		{ STR("max_tokens"), { 0 } }, { STR("max_completion_tokens"), { 0 } },
		{ STR("tools"), { 0 } }, { STR("tool_choice"), { 0 } },
		{ STR("service_tier"), { 0 } } };
	struct json_val schema = { 0 };
	struct str tool;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	if (w[MESSAGES].val.type != JSON_ARRAY) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("Missing required parameter: 'messages'."), STR("messages"));
		return;
	}
	if (manner(r)->refuses_options && w[OPTIONS].val.type != JSON_NONE) {
		sim_answer_error(r, 422, SIM_E_BAD_REQUEST, STR("Extra inputs are not permitted"),
			STR("stream_options"));
		return;
	}
	take_stream(r, &w[STREAM].val, &w[OPTIONS].val);
	sim_take_tier(r, &w[TIER].val, STR("default"));
	sim_prompt_walk(&r->prompt, &w[MESSAGES].val);
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	tool = sim_pick_tool(r, &w[TOOLS].val, &w[CHOICE].val, &schema);
	sim_plan_make(r,
		TG_MIN(sim_count(&w[MAX].val, SIM_UNSET), sim_count(&w[MAX_NEW].val, SIM_UNSET)),
		sim_count(&w[N].val, 1), tool, &schema);
	answer(r);
}

void sim_openai_completions(struct sim_req *r)
{
	enum { MODEL, PROMPT, STREAM, OPTIONS, N, MAX, TIER };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("prompt"), { 0 } },
		{ STR("stream"), { 0 } }, { STR("stream_options"), { 0 } }, { STR("n"), { 0 } },
		{ STR("max_tokens"), { 0 } }, { STR("service_tier"), { 0 } } };

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	take_stream(r, &w[STREAM].val, &w[OPTIONS].val);
	sim_take_tier(r, &w[TIER].val, STR("default"));
	sim_prompt_walk(&r->prompt, &w[PROMPT].val);
	/* The endpoint's own default: 16. */
	sim_plan_make(r, sim_count(&w[MAX].val, 16), sim_count(&w[N].val, 1), STR_NONE, NULL);
	answer(r);
}

/*
 * dialect_responses.c: /v1/responses: the response object, and its stream of named, numbered
 * events.
 *
 * Stream positions (r->step): created, in_progress, three events for each search,
 * output_item.added, [content_part.added,] events pieces, text or arguments done,
 * [content_part.done,] output_item.done, completed or incomplete.
 */
#include "sim/dialect.h"
#include "sim/sim_text.h"

static void put_text_part(struct sim_req *r, struct sim_buf *b, bool full)
{
	sim_buf_lit(b, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"");
	if (full)
		sim_put_text(r, b, 0);
	sim_buf_lit(b, "\"}");
}

static void put_item_id(struct sim_req *r, struct sim_buf *b)
{
	sim_put_id(r, b, r->plan.tool ? STR("fc_") : STR("msg_"));
}

/* The one output item, as it begins or with all in it. */
static void put_item(struct sim_req *r, struct sim_buf *b, bool full)
{
	sim_buf_lit(b, "{\"id\":\"");
	put_item_id(r, b);
	if (r->plan.tool) {
		sim_buf_lit(b, "\",\"type\":\"function_call\",\"call_id\":\"");
		sim_put_id(r, b, STR("call_"));
		sim_buf_lit(b, "\",\"name\":\"");
		sim_buf_add(b, r->plan.tool_name);
		if (r->plan.tool_space.n != 0) {
			sim_buf_lit(b, "\",\"namespace\":\"");
			sim_buf_add(b, r->plan.tool_space);
		}
		sim_buf_lit(b, "\",\"arguments\":\"");
		if (full)
			sim_put_text(r, b, 0);
	} else {
		sim_buf_lit(b, "\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[");
		if (full)
			put_text_part(r, b, true);
		sim_buf_lit(b, "]");
	}
	if (r->plan.tool)
		sim_buf_lit(b, "\"");
	sim_buf_add(b, !full         ? STR(",\"status\":\"in_progress\"}")
		       : r->plan.cut ? STR(",\"status\":\"incomplete\"}")
				     : STR(",\"status\":\"completed\"}"));
}

static void put_search(struct sim_req *r, struct sim_buf *b, uint64_t k, bool done)
{
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR("ws_"));
	sim_buf_fmt(b, "%02llu\",\"type\":\"web_search_call\",\"status\":\"%s\"",
		(unsigned long long)k, done ? "completed" : "in_progress");
	if (done)
		sim_buf_lit(b, ",\"action\":{\"type\":\"search\",\"query\":\"toll gates\"}");
	sim_buf_lit(b, "}");
}

/* All output: searches, then the one item. */
static void put_output(struct sim_req *r, struct sim_buf *b)
{
	for (uint64_t k = 0; k < r->usage.web_searches; k++) {
		put_search(r, b, k, true);
		sim_buf_lit(b, ",");
	}
	put_item(r, b, true);
}

/* The tier: what was asked for until it is known what serves. */
static void put_response(struct sim_req *r, struct sim_buf *b, bool full)
{
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR("resp_"));
	sim_buf_lit(b, "\",\"object\":\"response\",\"created_at\":");
	sim_buf_u64(b, sim_created(r));
	sim_buf_add(b, !full         ? STR(",\"status\":\"in_progress\"")
		       : r->plan.cut ? STR(",\"status\":\"incomplete\"")
				     : STR(",\"status\":\"completed\""));
	sim_buf_lit(b, ",\"background\":false,\"error\":null,\"incomplete_details\":");
	sim_buf_add(
		b, full && r->plan.cut ? STR("{\"reason\":\"max_output_tokens\"}") : STR("null"));
	sim_buf_lit(
		b, ",\"instructions\":null,\"max_output_tokens\":null,\"metadata\":{},\"model\":");
	sim_buf_quote(b, sim_served(r));
	sim_buf_lit(b, ",\"output\":[");
	if (full)
		put_output(r, b);
	sim_buf_lit(b,
		"],\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{"
		"\"effort\":null,\"summary\":null},\"service_tier\":");
	sim_buf_quote(b, full ? r->tier : r->tier_asked.n != 0 ? r->tier_asked : STR("auto"));
	sim_buf_lit(b, ",\"store\":true,\"temperature\":1.0,\"text\":{\"format\":{\"type\":"
		       "\"text\"}},\"tool_choice\":"
		       "\"auto\","
		       "\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":");
	if (full && !sim_usage_hidden(r))
		sim_responses_put_usage(r, b);
	else
		sim_buf_lit(b, "null");
	sim_buf_lit(b, ",\"user\":null}");
}

/* event: TYPE, data: {"type":TYPE,"sequence_number":N */
static void ev_open(struct sim_req *r, struct sim_buf *b, struct str type)
{
	sim_buf_lit(b, "event: ");
	sim_buf_add(b, type);
	sim_buf_lit(b, "\ndata: {\"type\":\"");
	sim_buf_add(b, type);
	sim_buf_lit(b, "\",\"sequence_number\":");
	sim_buf_u64(b, r->step - 1);
}

static void ev_response(struct sim_req *r, struct sim_buf *b, struct str type, bool full)
{
	ev_open(r, b, type);
	sim_buf_lit(b, ",\"response\":");
	put_response(r, b, full);
	sim_buf_lit(b, "}\n\n");
	r->ev_usage = full;
}

static void ev_item(struct sim_req *r, struct sim_buf *b, struct str type, bool full)
{
	ev_open(r, b, type);
	sim_buf_fmt(
		b, ",\"output_index\":%llu,\"item\":", (unsigned long long)r->usage.web_searches);
	put_item(r, b, full);
	sim_buf_lit(b, "}\n\n");
}

/* Events about a part carry the item's id and the indices. */
static void ev_of_item(struct sim_req *r, struct sim_buf *b, struct str type)
{
	ev_open(r, b, type);
	sim_buf_lit(b, ",\"item_id\":\"");
	put_item_id(r, b);
	sim_buf_fmt(b, "\",\"output_index\":%llu%s", (unsigned long long)r->usage.web_searches,
		r->plan.tool ? "" : ",\"content_index\":0");
}

static void ev_part(struct sim_req *r, struct sim_buf *b, struct str type, bool full)
{
	ev_of_item(r, b, type);
	sim_buf_lit(b, ",\"part\":");
	put_text_part(r, b, full);
	sim_buf_lit(b, "}\n\n");
}

static void ev_delta(struct sim_req *r, struct sim_buf *b, uint64_t event)
{
	ev_of_item(r, b,
		r->plan.tool ? STR("response.function_call_arguments.delta")
			     : STR("response.output_text.delta"));
	sim_buf_lit(b, ",\"delta\":\"");
	sim_put_piece(r, b, 0, event);
	sim_buf_add(b, r->plan.tool ? STR("\"}\n\n") : STR("\",\"logprobs\":[]}\n\n"));
	r->ev_tokens = sim_piece_tokens(r, event);
}

static void ev_done(struct sim_req *r, struct sim_buf *b)
{
	if (r->plan.tool) {
		ev_of_item(r, b, STR("response.function_call_arguments.done"));
		sim_buf_lit(b, ",\"name\":\"");
		sim_buf_add(b, r->plan.tool_name);
		sim_buf_lit(b, "\",\"arguments\":\"");
	} else {
		ev_of_item(r, b, STR("response.output_text.done"));
		sim_buf_lit(b, ",\"logprobs\":[],\"text\":\"");
	}
	sim_put_text(r, b, 0);
	sim_buf_lit(b, "\"}\n\n");
}

/* Event 0, 1 or 2 of search k. */
static void ev_search(struct sim_req *r, struct sim_buf *b, uint64_t k, unsigned part)
{
	static const struct str type[] = { STR("response.output_item.added"),
		STR("response.web_search_call.completed"), STR("response.output_item.done") };

	ev_open(r, b, type[part]);
	sim_buf_fmt(b, ",\"output_index\":%llu,", (unsigned long long)k);
	if (part == 1) {
		sim_buf_lit(b, "\"item_id\":\"");
		sim_put_id(r, b, STR("ws_"));
		sim_buf_fmt(b, "%02llu\"}\n\n", (unsigned long long)k);
		return;
	}
	sim_buf_lit(b, "\"item\":");
	put_search(r, b, k, part == 2);
	sim_buf_lit(b, "}\n\n");
	r->ev_searches = part == 2;
}

static bool responses_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++, opening = r->plan.tool ? 3 : 4, after;
	uint64_t searching = 3 * r->usage.web_searches;

	if (step >= 2 && step < 2 + searching) {
		ev_search(r, b, (step - 2) / 3, (unsigned)((step - 2) % 3));
		return true;
	}
	step -= step >= 2 ? searching : 0;
	if (step < opening) {
		switch (step) {
		case 0: ev_response(r, b, STR("response.created"), false); break;
		case 1: ev_response(r, b, STR("response.in_progress"), false); break;
		case 2: ev_item(r, b, STR("response.output_item.added"), false); break;
		default: ev_part(r, b, STR("response.content_part.added"), false); break;
		}
		return true;
	}
	if (step < opening + r->plan.events) {
		ev_delta(r, b, step - opening);
		return true;
	}
	after = step - opening - r->plan.events;
	if (after == 0)
		ev_done(r, b);
	else if (after == 1 && !r->plan.tool)
		ev_part(r, b, STR("response.content_part.done"), true);
	else if (after == (r->plan.tool ? 1u : 2u))
		ev_item(r, b, STR("response.output_item.done"), true);
	else {
		ev_response(r, b,
			r->plan.cut ? STR("response.incomplete") : STR("response.completed"), true);
		return false;
	}
	return true;
}

static bool has_tool(const struct json_val *tools, struct str name)
{
	struct json_iter it = { 0 };
	struct json_val tool;
	struct json_fail fail;
	struct str found;

	while (json_array_next(tools, &it, &tool)) {
		struct json_watch w = { STR("name"), { 0 } };

		if (tool.type == JSON_OBJECT && json_scan_member(&tool, &w, 1, &fail) == 0 &&
			json_get_plain(&w.val, &found) == 0 && str_eq(found, name))
			return true;
	}
	return false;
}

/* The name of the namespace that has the tool; empty: none. */
static struct str space_of(const struct json_val *tools, struct str name)
{
	struct json_iter it = { 0 };
	struct json_val tool;
	struct json_fail fail;
	struct str space;

	if (tools->type != JSON_ARRAY)
		return STR_NONE;
	while (json_array_next(tools, &it, &tool)) {
		struct json_watch w[] = { { STR("name"), { 0 } }, { STR("tools"), { 0 } } };

		if (tool.type == JSON_OBJECT && json_scan_member(&tool, w, 2, &fail) == 0 &&
			w[1].val.type == JSON_ARRAY && has_tool(&w[1].val, name) &&
			json_get_plain(&w[0].val, &space) == 0)
			return space;
	}
	return STR_NONE;
}

void sim_openai_responses(struct sim_req *r)
{
	enum { MODEL, INPUT, INSTRUCTIONS, STREAM, MAX, TOOLS, CHOICE, TIER };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("input"), { 0 } },
		{ STR("instructions"), { 0 } }, { STR("stream"), { 0 } },
		{ STR("max_output_tokens"), { 0 } }, { STR("tools"), { 0 } },
		{ STR("tool_choice"), { 0 } }, { STR("service_tier"), { 0 } } };
	struct json_val schema = { 0 };
	struct str tool;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	r->stream = json_true(&w[STREAM].val);
	r->usage.web_searches = TG_MIN(r->knobs.web_searches, (uint64_t)SIM_MAX_SEARCHES);
	sim_take_tier(r, &w[TIER].val, STR("default"));
	sim_prompt_walk(&r->prompt, &w[INSTRUCTIONS].val);
	r->prompt.tool_word = false;
	sim_prompt_walk(&r->prompt, &w[INPUT].val);
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	tool = sim_pick_tool(r, &w[TOOLS].val, &w[CHOICE].val, &schema);
	sim_plan_make(r, sim_count(&w[MAX].val, SIM_UNSET), 1, tool, &schema);
	if (r->plan.tool)
		r->plan.tool_space = space_of(&w[TOOLS].val, r->plan.tool_name);
	if (r->stream) {
		sim_answer_stream(
			r, responses_next, r->plan.events + 8 + 3 * r->usage.web_searches);
		return;
	}
	put_response(r, &r->json, true);
	sim_buf_lit(&r->json, "\n");
	sim_answer_json(r, 200, true);
}

void sim_openai_responses_count(struct sim_req *r)
{
	enum { MODEL, INPUT, INSTRUCTIONS, TOOLS };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("input"), { 0 } },
		{ STR("instructions"), { 0 } }, { STR("tools"), { 0 } } };

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	sim_prompt_walk(&r->prompt, &w[INSTRUCTIONS].val);
	sim_prompt_walk(&r->prompt, &w[INPUT].val);
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	sim_buf_lit(&r->json, "{\"object\":\"response.input_tokens\",\"input_tokens\":");
	sim_buf_u64(&r->json, sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens);
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, false); /* counting is free */
}

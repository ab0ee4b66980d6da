/*
 * dialect_anthropic.c: /v1/messages (whole and streamed), /v1/messages/count_tokens, /v1/models.
 *
 * Stream positions (r->step): message_start, ping, [thinking start, one delta per token, signature,
 * stop,] content start, events pieces, content stop, message_delta, message_stop.
 */
#include "sim/dialect.h"
#include "sim/sim_text.h"

#define THINK_TOKENS 8

static void anthropic_put_headers(struct sim_req *r, struct sim_buf *o)
{
	char iso[CLOCK_ISO_LEN];
	static const char *const kind[] = { "requests", "tokens", "input-tokens", "output-tokens" };
	static const char *const limit[] = { "4000", "2400000", "2000000", "400000" };

	sim_buf_lit(o, "server: cloudflare\r\nanthropic-organization-id: sim-org\r\n"
		       "anthropic-workspace-id: wrkspc_sim\r\n");
	(void)clock_iso(iso, (wall_us){ r->wall.us / 1000000 * 1000000 + 1000000 });
	for (size_t i = 0; i < TG_ARRAY_LEN(kind); i++) {
		const struct {
			struct str what, value;
		} field[] = { { STR("-limit: "), str_z(limit[i]) },
			{ STR("-remaining: "), str_z(limit[i]) },
			{ STR("-reset: "), str_mk(iso, 19) } };

		for (size_t k = 0; k < TG_ARRAY_LEN(field); k++) {
			sim_buf_lit(o, "anthropic-ratelimit-");
			sim_buf_add(o, str_z(kind[i]));
			sim_buf_add(o, field[k].what);
			sim_buf_add(o, field[k].value);
			sim_buf_add(o, k == 2 ? STR("Z\r\n") : STR("\r\n"));
		}
	}
	sim_buf_lit(o, "set-cookie: _cfuvid=sim; path=/; HttpOnly; Secure; SameSite=None\r\n"
		       "strict-transport-security: max-age=31536000; includeSubDomains\r\n"
		       "cf-ray: sim-SIM\r\nrequest-id: req_");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\n");
}

static const char *error_type(int status, enum sim_error e)
{
	switch (status) {
	case 402: return "billing_error";
	case 408:
	case 504: return "timeout_error";
	case 409: return "conflict_error";
	case 529: return "overloaded_error";
	default: break;
	}
	switch (e) {
	case SIM_E_UNAUTHORIZED: return "authentication_error";
	case SIM_E_FORBIDDEN: return "permission_error";
	case SIM_E_NOT_FOUND:
	case SIM_E_MODEL: return "not_found_error";
	case SIM_E_TOO_LARGE: return "request_too_large";
	case SIM_E_RATE:
	case SIM_E_QUOTA: return "rate_limit_error";
	case SIM_E_OVERLOADED: return "overloaded_error";
	case SIM_E_INTERNAL:
	case SIM_E_OTHER: return "api_error";
	case SIM_E_BAD_REQUEST: break;
	}
	return "invalid_request_error";
}

static void anthropic_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	if (e == SIM_E_QUOTA) /* how the vendor words it */
		message = STR("enforced_spend_limit_reached: your workspace has reached its spend "
			      "limit.");
	else if (e == SIM_E_UNAUTHORIZED)
		message = STR("invalid x-api-key");
	sim_buf_fmt(b, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
		error_type(status, e));
	if (param.n != 0 && e == SIM_E_BAD_REQUEST) {
		struct sim_buf text = { 0 };

		sim_buf_fmt(&text, "%.*s: %.*s", STR_FMT(param), STR_FMT(message));
		sim_buf_quote(b, sim_buf_str(&text));
		sim_buf_fini(&text);
	} else {
		sim_buf_quote(b, message);
	}
	sim_buf_lit(b, "},\"request_id\":\"req_");
	sim_buf_hex16(b, r->id);
	sim_buf_lit(b, "\"}\n");
}

static void anthropic_put_stream_error(struct sim_req *r, struct sim_buf *b)
{
	(void)r;
	sim_buf_lit(b,
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
		"\"message\":\"Simulated failure in mid-stream\"}}\n\n");
}

const struct sim_dialect sim_anthropic = {
	.name = { "anthropic", 9 },
	.put_headers = anthropic_put_headers,
	.put_error = anthropic_put_error,
	.put_stream_error = anthropic_put_stream_error,
};

/* ---- pieces of a message */

static void put_count(struct sim_buf *b, struct str before, uint64_t v)
{
	sim_buf_add(b, before);
	sim_buf_u64(b, v);
}

/* Cached tokens are apart from input_tokens; thinking is inside output_tokens. */
static void put_input_usage(struct sim_buf *b, const struct sim_usage *u)
{
	put_count(b, STR("\"input_tokens\":"), u->input);
	put_count(b, STR(",\"cache_creation_input_tokens\":"), u->cache_write + u->cache_write_1h);
	put_count(b, STR(",\"cache_read_input_tokens\":"), u->cached_read);
}

/* Searches, and what a relay adds. */
static void put_extras(struct sim_req *r, struct sim_buf *b)
{
	if (r->usage.web_searches != 0) {
		put_count(b, STR(",\"server_tool_use\":{\"web_search_requests\":"),
			r->usage.web_searches);
		sim_buf_lit(b, ",\"web_fetch_requests\":0}");
	}
	sim_put_cost(r, b);
}

/* start: the placeholder of message_start; else the final counts. */
static void put_usage(struct sim_req *r, struct sim_buf *b, bool start)
{
	struct sim_usage u = sim_usage_shown(r);

	sim_buf_lit(b, "{");
	put_input_usage(b, &u);
	put_count(b, STR(",\"cache_creation\":{\"ephemeral_5m_input_tokens\":"), u.cache_write);
	put_count(b, STR(",\"ephemeral_1h_input_tokens\":"), u.cache_write_1h);
	put_count(b, STR("},\"output_tokens\":"), start ? 1 : u.output + u.reasoning);
	if (!start && u.reasoning != 0) {
		put_count(b, STR(",\"output_tokens_details\":{\"thinking_tokens\":"), u.reasoning);
		sim_buf_lit(b, "}");
	}
	if (!start)
		put_extras(r, b);
	sim_buf_lit(b, ",\"service_tier\":");
	sim_buf_quote(b, r->tier);
	sim_buf_lit(b, "}");
}

static struct str stop_reason(const struct sim_req *r)
{
	return r->plan.tool  ? STR("\"tool_use\"")
	       : r->plan.cut ? STR("\"max_tokens\"")
			     : STR("\"end_turn\"");
}

static void put_message_open(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR("msg_"));
	sim_buf_lit(b, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	sim_buf_quote(b, sim_served(r));
	sim_buf_lit(b, ",\"content\":[");
}

static void put_tool_open(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "{\"type\":\"tool_use\",\"id\":\"");
	sim_put_id(r, b, STR("toolu_"));
	sim_buf_lit(b, "\",\"name\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_buf_lit(b, "\",\"input\":");
}

static void put_signature(struct sim_req *r, struct sim_buf *b)
{
	char raw[24];

	for (unsigned i = 0; i < sizeof raw; i++)
		raw[i] = (char)sim_mix(r->plan.seed + i);
	sim_buf_lit(b, "\"signature\":\"");
	sim_buf_base64(b, str_mk(raw, sizeof raw));
	sim_buf_lit(b, "\"");
}

/* ---- streamed */

static void ev_open(struct sim_buf *b, struct str type)
{
	sim_buf_lit(b, "event: ");
	sim_buf_add(b, type);
	sim_buf_lit(b, "\ndata: {\"type\":\"");
	sim_buf_add(b, type);
	sim_buf_lit(b, "\"");
}

static void ev_start(struct sim_req *r, struct sim_buf *b)
{
	ev_open(b, STR("message_start"));
	sim_buf_lit(b, ",\"message\":");
	put_message_open(r, b);
	sim_buf_lit(b, "],\"stop_reason\":null,\"stop_sequence\":null");
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(b, ",\"usage\":");
		put_usage(r, b, true);
	}
	sim_buf_lit(b, "}}\n\n");
}

static void ev_block(struct sim_buf *b, struct str type, uint64_t index)
{
	ev_open(b, type);
	sim_buf_lit(b, ",\"index\":");
	sim_buf_u64(b, index);
}

static void ev_stop(struct sim_buf *b, uint64_t index)
{
	ev_block(b, STR("content_block_stop"), index);
	sim_buf_lit(b, "}\n\n");
}

/* The thinking block: start, THINK_TOKENS deltas, signature, stop. */
static void ev_thinking(struct sim_req *r, struct sim_buf *b, uint64_t step)
{
	uint64_t n = r->plan.think_tokens;

	if (step == 0) {
		ev_block(b, STR("content_block_start"), 0);
		sim_buf_lit(b,
			",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
			"\"\"}}\n\n");
	} else if (step <= n) {
		ev_block(b, STR("content_block_delta"), 0);
		sim_buf_lit(b, ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"");
		sim_text_put(b, ~r->plan.seed, step - 1, step);
		sim_buf_lit(b, "\"}}\n\n");
		r->ev_reasoning = 1;
	} else if (step == n + 1) {
		ev_block(b, STR("content_block_delta"), 0);
		sim_buf_lit(b, ",\"delta\":{\"type\":\"signature_delta\",");
		put_signature(r, b);
		sim_buf_lit(b, "}}\n\n");
	} else {
		ev_stop(b, 0);
	}
}

static void ev_content_start(struct sim_req *r, struct sim_buf *b, uint64_t index)
{
	ev_block(b, STR("content_block_start"), index);
	sim_buf_lit(b, ",\"content_block\":");
	r->ev_searches = r->usage.web_searches; /* done before the text */
	if (r->plan.tool) {
		put_tool_open(r, b);
		sim_buf_lit(b, "{}}}\n\n");
	} else {
		sim_buf_lit(b, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
	}
}

static void ev_delta(struct sim_req *r, struct sim_buf *b, uint64_t index, uint64_t event)
{
	ev_block(b, STR("content_block_delta"), index);
	sim_buf_add(b,
		r->plan.tool ? STR(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"")
			     : STR(",\"delta\":{\"type\":\"text_delta\",\"text\":\""));
	sim_put_piece(r, b, 0, event);
	sim_buf_lit(b, "\"}}\n\n");
	r->ev_tokens = sim_piece_tokens(r, event);
}

static void ev_message_delta(struct sim_req *r, struct sim_buf *b)
{
	struct sim_usage u = sim_usage_shown(r);

	ev_open(b, STR("message_delta"));
	sim_buf_lit(b, ",\"delta\":{\"stop_reason\":");
	sim_buf_add(b, stop_reason(r));
	sim_buf_lit(b, ",\"stop_sequence\":null}");
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(b, ",\"usage\":{");
		put_input_usage(b, &u);
		put_count(b, STR(",\"output_tokens\":"), u.output + u.reasoning);
		if (u.reasoning != 0) {
			put_count(b, STR(",\"output_tokens_details\":{\"thinking_tokens\":"),
				u.reasoning);
			sim_buf_lit(b, "}");
		}
		put_extras(r, b);
		sim_buf_lit(b, "}");
		r->ev_usage = true;
	}
	sim_buf_lit(b, "}\n\n");
}

static bool messages_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++,
		 thinking = r->plan.think_tokens != 0 ? r->plan.think_tokens + 3 : 0;
	uint64_t index = thinking != 0;

	if (step == 0) {
		ev_start(r, b);
	} else if (step == 1) {
		ev_open(b, STR("ping"));
		sim_buf_lit(b, "}\n\n");
	} else if (step < 2 + thinking) {
		ev_thinking(r, b, step - 2);
	} else if (step == 2 + thinking) {
		ev_content_start(r, b, index);
	} else if (step < 3 + thinking + r->plan.events) {
		ev_delta(r, b, index, step - 3 - thinking);
	} else if (step == 3 + thinking + r->plan.events) {
		ev_stop(b, index);
	} else if (step == 4 + thinking + r->plan.events) {
		ev_message_delta(r, b);
	} else {
		ev_open(b, STR("message_stop"));
		sim_buf_lit(b, "}\n\n");
		return false;
	}
	return true;
}

/* ---- whole */

static void answer_whole(struct sim_req *r)
{
	struct sim_buf *b = &r->json;

	put_message_open(r, b);
	if (r->plan.think_tokens != 0) {
		sim_buf_lit(b, "{\"type\":\"thinking\",\"thinking\":\"");
		sim_text_put(b, ~r->plan.seed, 0, r->plan.think_tokens);
		sim_buf_lit(b, "\",");
		put_signature(r, b);
		sim_buf_lit(b, "},");
	}
	if (r->plan.tool) {
		put_tool_open(r, b);
		sim_buf_add(b, sim_buf_str(&r->plan.tool_args));
		sim_buf_lit(b, "}");
	} else {
		sim_buf_lit(b, "{\"type\":\"text\",\"text\":\"");
		sim_put_text(r, b, 0);
		sim_buf_lit(b, "\"}");
	}
	sim_buf_lit(b, "],\"stop_reason\":");
	sim_buf_add(b, stop_reason(r));
	sim_buf_lit(b, ",\"stop_sequence\":null");
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(b, ",\"usage\":");
		put_usage(r, b, false);
	}
	sim_buf_lit(b, "}\n");
	sim_answer_json(r, 200, true);
}

/* The prompt in the vendor's order: tools, system, messages. 0, or -1 after answering. */
enum { MODEL, MESSAGES, SYSTEM, TOOLS, CHOICE, STREAM, MAX, THINKING, TIER, N_WATCH };

static int take_prompt(struct sim_req *r, struct json_watch w[N_WATCH])
{
	static const struct str key[N_WATCH] = { { "model", 5 }, { "messages", 8 }, { "system", 6 },
		{ "tools", 5 }, { "tool_choice", 11 }, { "stream", 6 }, { "max_tokens", 10 },
		{ "thinking", 8 }, { "service_tier", 12 } };

	for (unsigned i = 0; i < N_WATCH; i++)
		w[i] = (struct json_watch){ .key = key[i] };
	if (sim_body_scan(r, w, N_WATCH) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return -1;
	if (w[MESSAGES].val.type != JSON_ARRAY) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, STR("Field required"), STR("messages"));
		return -1;
	}
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	sim_prompt_walk(&r->prompt, &w[SYSTEM].val);
	r->prompt.tool_word = false;
	sim_prompt_walk(&r->prompt, &w[MESSAGES].val);
	return 0;
}

void sim_anthropic_messages(struct sim_req *r)
{
	struct json_watch w[N_WATCH], type = { STR("type"), { 0 } };
	struct json_val schema = { 0 };
	struct json_fail fail;
	struct str tool;

	if (take_prompt(r, w) != 0)
		return;
	if (w[MAX].val.type != JSON_NUMBER) {
		sim_answer_error(
			r, 400, SIM_E_BAD_REQUEST, STR("Field required"), STR("max_tokens"));
		return;
	}
	r->stream = json_true(&w[STREAM].val);
	r->usage.web_searches = TG_MIN(r->knobs.web_searches, (uint64_t)SIM_MAX_SEARCHES);
	sim_take_tier(r, &w[TIER].val, STR("standard"));
	if (w[THINKING].val.type == JSON_OBJECT &&
		json_scan_member(&w[THINKING].val, &type, 1, &fail) == 0 &&
		type.val.type == JSON_STRING && !str_eq(type.val.raw, STR("\"disabled\"")))
		r->plan.think_tokens = THINK_TOKENS;
	tool = sim_pick_tool(r, &w[TOOLS].val, &w[CHOICE].val, &schema);
	sim_plan_make(r, sim_count(&w[MAX].val, SIM_UNSET), 1, tool, &schema);
	if (r->stream)
		sim_answer_stream(r, messages_next, r->plan.events + r->plan.think_tokens + 6);
	else
		answer_whole(r);
}

void sim_anthropic_count(struct sim_req *r)
{
	struct json_watch w[N_WATCH];

	if (take_prompt(r, w) != 0)
		return;
	put_count(&r->json, STR("{\"input_tokens\":"),
		sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens);
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, false); /* counting is free */
}

/* ---- models */

const char *const sim_anthropic_model_ids[] = { "claude-opus-4-5", "claude-sonnet-4-5",
	"claude-haiku-4-5", NULL };

static void put_model(struct sim_buf *b, struct str id)
{
	sim_buf_lit(b, "{\"type\":\"model\",\"id\":");
	sim_buf_quote(b, id);
	sim_buf_lit(b, ",\"display_name\":");
	sim_buf_quote(b, id);
	sim_buf_lit(b, ",\"created_at\":\"2026-01-01T00:00:00Z\"}");
}

void sim_anthropic_models(struct sim_req *r)
{
	struct sim_buf *b = &r->json;
	size_t i;

	sim_buf_lit(b, "{\"data\":[");
	for (i = 0; sim_anthropic_model_ids[i] != NULL; i++) {
		if (i != 0)
			sim_buf_lit(b, ",");
		put_model(b, str_z(sim_anthropic_model_ids[i]));
	}
	sim_buf_fmt(b, "],\"has_more\":false,\"first_id\":\"%s\",\"last_id\":\"%s\"}\n",
		sim_anthropic_model_ids[0], sim_anthropic_model_ids[i - 1]);
	sim_answer_json(r, 200, false);
}

void sim_anthropic_model(struct sim_req *r)
{
	if (sim_take_model_text(r, r->path_arg) != 0)
		return;
	put_model(&r->json, r->path_arg);
	sim_buf_lit(&r->json, "\n");
	sim_answer_json(r, 200, false);
}

/*
 * dialect_bedrock.c: Bedrock's /model/ID/converse and /converse-stream, the latter in binary event
 * stream messages. What is asked is understood, and refused, in dialect_bedrock_ask.c.
 *
 * Stream positions (r->step): messageStart, [a delta for each token of reasoning, its signature,
 * stop,] [start of a tool's block,] events pieces, contentBlockStop, messageStop, metadata.
 */
#include "proto/eventstream.h"
#include "sim/dialect_bedrock.h"
#include "sim/sim_text.h"

#define PAD_MAX 24

static const struct {
	int status;
	const char *type;
} errors[] = {
	{ 400, "ValidationException" },
	{ 401, "UnrecognizedClientException" },
	{ 403, "AccessDeniedException" },
	{ 404, "ResourceNotFoundException" },
	{ 408, "ModelTimeoutException" },
	{ 424, "ModelErrorException" },
	{ 429, "ThrottlingException" },
	{ 503, "ServiceUnavailableException" },
	{ 500, "InternalServerException" },
};

static const char *error_type(int status)
{
	size_t i = 0;

	while (i < TG_ARRAY_LEN(errors) - 1 && errors[i].status != status)
		i++;
	return errors[i].type;
}

/* By what refused it: a fault, out of money; else a 403 is the signature's. */
static const char *refusal_type(const struct sim_req *r)
{
	if (sim_fault_has(&r->knobs.fault, SIM_F_QUOTA))
		return "ServiceQuotaExceededException";
	if (r->status == 403 && r->knobs.fault.status != 403)
		return "InvalidSignatureException";
	return error_type(r->status);
}

static void bedrock_put_headers(struct sim_req *r, struct sim_buf *o)
{
	sim_buf_lit(o, "x-amzn-requestid: ");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\n");
	if (r->status >= 400)
		sim_buf_fmt(o, "x-amzn-errortype: %s:http://internal.amazon.com/coral/\r\n",
			refusal_type(r));
}

static void bedrock_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	(void)r;
	(void)status;
	(void)param;
	sim_buf_lit(b, "{\"message\":");
	sim_buf_quote(b, e == SIM_E_UNAUTHORIZED
				 ? STR("The security token included in the request is invalid.")
				 : message);
	sim_buf_lit(b, "}\n");
}

/* ---- messages */

static void put_message(
	struct sim_buf *b, enum evs_type type, struct str name, const struct sim_buf *payload)
{
	struct str content = STR("application/json"), text = sim_buf_str(payload);
	size_t n = evs_write(NULL, 0, type, name, content, text);

	b->n += evs_write(sim_buf_room(b, n), n, type, name, content, text);
}

static void bedrock_put_stream_error(struct sim_req *r, struct sim_buf *b)
{
	struct sim_buf payload = { 0 };

	(void)r;
	sim_buf_lit(&payload, "{\"message\":\"Simulated failure in mid-stream\"}");
	put_message(b, EVS_EXCEPTION, STR("modelStreamErrorException"), &payload);
	sim_buf_fini(&payload);
}

const struct sim_dialect sim_bedrock = {
	.name = { "bedrock", 7 },
	.check = sim_bedrock_check,
	.signs = true,
	.put_headers = bedrock_put_headers,
	.put_error = bedrock_put_error,
	.put_stream_error = bedrock_put_stream_error,
};

/* Padding of a length that tells nothing, as the vendor has it; then the message. */
static void put_event(
	struct sim_req *r, struct sim_buf *b, struct str name, struct sim_buf *payload)
{
	uint64_t n = sim_mix(r->plan.seed + r->step) % PAD_MAX;

	sim_buf_lit(payload, ",\"p\":\"");
	for (uint64_t i = 0; i <= n; i++)
		sim_buf_add(payload, str_mk(&"abcdefghijklmnopqrstuvwxyzABCDEF"[i], 1));
	sim_buf_lit(payload, "\"}");
	put_message(b, EVS_EVENT, name, payload);
	sim_buf_fini(payload);
}

static void open_block(struct sim_buf *p, uint64_t index)
{
	sim_buf_fmt(p, "{\"contentBlockIndex\":%llu", (unsigned long long)index);
}

/* ---- pieces of an answer */

static struct str stop_reason(const struct sim_req *r)
{
	if (r->knobs.finish.n != 0)
		return r->knobs.finish;
	return r->plan.tool ? STR("tool_use") : r->plan.cut ? STR("max_tokens") : STR("end_turn");
}

static void put_count(struct sim_buf *b, struct str before, uint64_t v)
{
	sim_buf_add(b, before);
	sim_buf_u64(b, v);
}

/* Cached tokens are beside inputTokens; reasoning is inside outputTokens. */
static void put_usage(struct sim_req *r, struct sim_buf *b)
{
	struct sim_usage u = sim_usage_shown(r);
	uint64_t output = u.output + u.reasoning, write = u.cache_write + u.cache_write_1h;

	put_count(b, STR("\"usage\":{\"inputTokens\":"), u.input);
	put_count(b, STR(",\"outputTokens\":"), output);
	put_count(b, STR(",\"totalTokens\":"), u.input + u.cached_read + write + output);
	put_count(b, STR(",\"cacheReadInputTokens\":"), u.cached_read);
	put_count(b, STR(",\"cacheWriteInputTokens\":"), write);
	if (write > 0) {
		put_count(b, STR(",\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":"),
			u.cache_write);
		put_count(b, STR("},{\"ttl\":\"1h\",\"inputTokens\":"), u.cache_write_1h);
		sim_buf_lit(b, "}]");
	}
	sim_buf_lit(b, "},");
}

static void put_rest(struct sim_req *r, struct sim_buf *b)
{
	if (!sim_usage_hidden(r))
		put_usage(r, b);
	sim_buf_lit(b, "\"metrics\":{\"latencyMs\":42}");
	if (r->tier.n == 0)
		return;
	sim_buf_lit(b, ",\"serviceTier\":{\"type\":");
	sim_buf_quote(b, r->tier);
	sim_buf_lit(b, "}");
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

static void put_tool(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "\"toolUse\":{\"toolUseId\":\"");
	sim_put_id(r, b, STR("tooluse_"));
	sim_buf_lit(b, "\",\"name\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_buf_lit(b, "\"");
}

/* ---- streamed */

static void ev_thinking(struct sim_req *r, struct sim_buf *b, uint64_t step)
{
	struct sim_buf p = { 0 };

	open_block(&p, 0);
	if (step > r->plan.think_tokens) {
		put_event(r, b, STR("contentBlockStop"), &p);
		return;
	}
	sim_buf_lit(&p, ",\"delta\":{\"reasoningContent\":{");
	if (step < r->plan.think_tokens) {
		sim_buf_lit(&p, "\"text\":\"");
		sim_text_put(&p, ~r->plan.seed, step, step + 1);
		sim_buf_lit(&p, "\"");
		r->ev_reasoning = 1;
	} else {
		put_signature(r, &p);
	}
	sim_buf_lit(&p, "}}");
	put_event(r, b, STR("contentBlockDelta"), &p);
}

static void ev_tool_start(struct sim_req *r, struct sim_buf *b, uint64_t index)
{
	struct sim_buf p = { 0 };

	open_block(&p, index);
	sim_buf_lit(&p, ",\"start\":{");
	put_tool(r, &p);
	sim_buf_lit(&p, "}}");
	put_event(r, b, STR("contentBlockStart"), &p);
}

static void ev_delta(struct sim_req *r, struct sim_buf *b, uint64_t index, uint64_t event)
{
	struct sim_buf p = { 0 };

	open_block(&p, index);
	sim_buf_lit(&p, ",\"delta\":{");
	sim_buf_add(&p, r->plan.tool ? STR("\"toolUse\":{\"input\":\"") : STR("\"text\":\""));
	sim_put_piece(r, &p, 0, event);
	sim_buf_add(&p, r->plan.tool ? STR("\"}}") : STR("\"}"));
	put_event(r, b, STR("contentBlockDelta"), &p);
	r->ev_tokens = sim_piece_tokens(r, event);
}

static void ev_end(struct sim_req *r, struct sim_buf *b, uint64_t index, uint64_t which)
{
	struct sim_buf p = { 0 };

	if (which == 0) {
		open_block(&p, index);
		put_event(r, b, STR("contentBlockStop"), &p);
	} else if (which == 1) {
		sim_buf_lit(&p, "{\"stopReason\":");
		sim_buf_quote(&p, stop_reason(r));
		put_event(r, b, STR("messageStop"), &p);
	} else {
		sim_buf_lit(&p, "{");
		put_rest(r, &p);
		put_event(r, b, STR("metadata"), &p);
		r->ev_usage = !sim_usage_hidden(r);
	}
}

static bool converse_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++, index = r->plan.think_tokens != 0;
	uint64_t thinking = index != 0 ? r->plan.think_tokens + 2 : 0;
	uint64_t text = 1 + thinking + r->plan.tool, end = text + r->plan.events;
	struct sim_buf p = { 0 };

	if (step == 0) {
		sim_buf_lit(&p, "{\"role\":\"assistant\"");
		put_event(r, b, STR("messageStart"), &p);
	} else if (step < 1 + thinking) {
		ev_thinking(r, b, step - 1);
	} else if (step < text) {
		ev_tool_start(r, b, index);
	} else if (step < end) {
		ev_delta(r, b, index, step - text);
	} else {
		ev_end(r, b, index, step - end);
	}
	return step < end + 2;
}

/* ---- whole */

static void answer_whole(struct sim_req *r)
{
	struct sim_buf *b = &r->json;

	sim_buf_lit(b, "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
	if (r->plan.think_tokens != 0) {
		sim_buf_lit(b, "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"");
		sim_text_put(b, ~r->plan.seed, 0, r->plan.think_tokens);
		sim_buf_lit(b, "\",");
		put_signature(r, b);
		sim_buf_lit(b, "}}},");
	}
	sim_buf_lit(b, "{");
	if (r->plan.tool) {
		put_tool(r, b);
		sim_buf_lit(b, ",\"input\":");
		sim_buf_add(b, sim_buf_str(&r->plan.tool_args));
		sim_buf_lit(b, "}");
	} else {
		sim_buf_lit(b, "\"text\":\"");
		sim_put_text(r, b, 0);
		sim_buf_lit(b, "\"");
	}
	sim_buf_lit(b, "}]}},\"stopReason\":");
	sim_buf_quote(b, stop_reason(r));
	sim_buf_lit(b, ",");
	put_rest(r, b);
	sim_buf_lit(b, "}\n");
	sim_answer_json(r, 200, true);
}

void sim_bedrock_count(struct sim_req *r)
{
	sim_body_unwrap(r, STR("input"));
	sim_body_unwrap(r, STR("converse"));
	if (sim_bedrock_ask(r) != 0)
		return;
	sim_buf_lit(&r->json, "{\"inputTokens\":");
	sim_buf_u64(&r->json, sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens);
	sim_buf_lit(&r->json, "}\n");
	r->usage = (struct sim_usage){ 0 };
	sim_answer_json(r, 200, false); /* counting is free */
}

void sim_bedrock_converse(struct sim_req *r)
{
	if (sim_bedrock_ask(r) != 0)
		return;
	if (r->stream)
		sim_answer_stream_as(r, STR("application/vnd.amazon.eventstream"), converse_next,
			r->plan.events + r->plan.think_tokens + 4);
	else
		answer_whole(r);
}
